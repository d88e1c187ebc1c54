// How editors look: colours, languages, diffs. editor.js and what it shows use window.faasweb.look.
"use strict";

(() => {
  const CM = window.FaaswebCodeMirror;
  const nonce = document.querySelector("script[nonce]")?.nonce;
  const { tags: t } = CM;

  // Colours are custom properties, so that light and dark need no second theme.
  const colours = CM.HighlightStyle.define([
    { tag: [t.keyword, t.operatorKeyword, t.modifier, t.self, t.bool, t.null], color: "var(--syn-keyword)" },
    { tag: [t.string, t.special(t.string), t.regexp], color: "var(--syn-string)" },
    { tag: [t.number, t.integer, t.float], color: "var(--syn-number)" },
    { tag: t.comment, color: "var(--syn-comment)", fontStyle: "italic" },
    { tag: [t.function(t.variableName), t.function(t.definition(t.variableName)), t.propertyName], color: "var(--syn-function)" },
    { tag: [t.className, t.definition(t.className), t.typeName, t.namespace], color: "var(--syn-type)" },
    { tag: [t.meta, t.escape], color: "var(--syn-meta)" },
    { tag: t.invalid, color: "var(--bad)" },
  ]);

  const look = CM.EditorView.theme({
    "&": { color: "var(--ink)", backgroundColor: "var(--surface)", fontSize: "0.8125rem" },
    "&.cm-focused": { outline: "0" }, // the host shows it, gutters included
    ".cm-scroller": { fontFamily: "var(--font-mono)", lineHeight: "1.6", letterSpacing: "0" },
    ".cm-content": { padding: "10px 0", caretColor: "var(--ink)" },
    ".cm-line": { padding: "0 12px" },
    ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--ink)", borderLeftWidth: "2px" },
    ".cm-gutters": { color: "var(--ink-3)", backgroundColor: "var(--surface)", border: "0" },
    ".cm-lineNumbers .cm-gutterElement": { minWidth: "2.6em", padding: "0 6px 0 12px" },
    ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--syn-line) 60%, transparent)" },
    ".cm-activeLineGutter": { color: "var(--ink)", backgroundColor: "transparent" },
    "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
      backgroundColor: "var(--syn-selection)",
    },
    ".cm-selectionMatch": { backgroundColor: "var(--accent-soft)" },
    "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--accent-soft)", outline: "1px solid var(--line-strong)" },
    ".cm-foldPlaceholder": { color: "var(--ink-2)", backgroundColor: "var(--hover)", border: "0" },
    ".cm-tooltip": {
      color: "var(--ink)", backgroundColor: "var(--raised)", border: "1px solid var(--line-strong)",
      borderRadius: "7px", boxShadow: "var(--shadow-float)", overflow: "hidden",
    },
    ".cm-tooltip.cm-tooltip-autocomplete > ul": { maxWidth: "min(34rem, 92vw)", fontFamily: "var(--font-mono)" },
    ".cm-tooltip-autocomplete > ul > li[aria-selected]": { color: "var(--ink)", backgroundColor: "var(--hover)" },
    ".cm-completionDetail": { marginLeft: "1.25em", color: "var(--ink-3)", fontStyle: "normal" },
    ".cm-completionMatchedText": { color: "var(--accent)", textDecoration: "none", fontWeight: "600" },
    ".cm-diagnostic": { padding: "4px 10px 4px 8px", fontFamily: "var(--font-sans)" },
    ".cm-diagnosticSource": { color: "var(--ink-3)", opacity: "1" },
    ".cm-lintRange-error, .cm-lintRange-warning": {
      backgroundImage: "none", textDecoration: "underline wavy var(--bad-dot) 1px", textUnderlineOffset: "3px",
    },
    ".cm-lintRange-warning": { textDecorationColor: "var(--busy-dot)" },
    ".cm-lint-marker": { width: "9px", height: "9px", margin: "0.4em 0 0 3px", content: '""', borderRadius: "50%" },
    ".cm-lint-marker-error": { content: '""', background: "var(--bad-dot)" },
    ".cm-lint-marker-warning": { content: '""', borderRadius: "2px", transform: "rotate(45deg)", background: "var(--busy-dot)" },
    ".cm-diagnostic-error": { borderLeftColor: "var(--bad-dot)" },
    ".cm-diagnostic-warning": { borderLeftColor: "var(--busy-dot)" },
    ".cm-panels": { color: "var(--ink)", backgroundColor: "var(--sunken)", borderColor: "var(--line)" },
    ".cm-textfield": { color: "var(--ink)", backgroundColor: "var(--surface)", border: "1px solid var(--line-strong)", borderRadius: "5px" },
    ".cm-button": { color: "var(--ink)", backgroundColor: "var(--surface)", backgroundImage: "none", border: "1px solid var(--line-strong)", borderRadius: "5px" },
    ".cm-changedLine, .cm-inlineChangedLine": { backgroundColor: "var(--ok-soft) !important" },
    ".cm-changedText": { background: "color-mix(in srgb, var(--ok-dot) 28%, transparent) !important" },
    ".cm-deletedChunk": { backgroundColor: "var(--bad-soft)", paddingLeft: "12px" },
    ".cm-deletedChunk .cm-deletedText": { background: "color-mix(in srgb, var(--bad-dot) 28%, transparent)" },
    ".cm-deletedChunk *, .cm-changedLine *, .cm-inlineChangedLine *": { color: "var(--ink) !important" }, // legible on a tint
    ".cm-collapsedLines": { color: "var(--ink-2)", background: "var(--sunken)", borderColor: "var(--line)" },
  });

  const shared = [
    nonce ? CM.EditorView.cspNonce.of(nonce) : [],
    look,
    CM.syntaxHighlighting(colours),
    CM.EditorState.tabSize.of(4),
    CM.indentUnit.of("    "),
  ];

  // By the name of a file; what we have no colours for is plain text.
  function language(path) {
    if (path.endsWith(".py")) return CM.python();
    if (path.endsWith(".json")) return CM.json();
    if (path.endsWith(".toml")) return CM.StreamLanguage.define(CM.toml);
    return [];
  }

  // <div data-diff="" data-file="app.py"><script type="application/json">{"before": "…", "after": "…"}</script></div>
  function showDiff(host) {
    const { before, after } = JSON.parse(host.querySelector("script").textContent);
    new CM.EditorView({
      parent: host,
      doc: after,
      extensions: [
        CM.basicSetup,
        language(host.dataset.file ?? "app.py"),
        ...shared,
        CM.EditorState.readOnly.of(true),
        CM.EditorView.contentAttributes.of({ tabindex: "0", "aria-label": host.getAttribute("aria-label") ?? "" }),
        CM.unifiedMergeView({ original: before, mergeControls: false, collapseUnchanged: { margin: 3, minSize: 6 } }),
      ],
    });
    host.dataset.diff = "shown";
  }

  window.faasweb.look = { shared, language, showDiff };
})();
