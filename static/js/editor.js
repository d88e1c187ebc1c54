// CodeMirror over a <textarea data-editor>, which stays the form's field and the editor of browsers without scripts.
// Around it, inside [data-editor-pane]: [data-draft-state], [data-problems], [data-editor-position].
"use strict";

(() => {
  const CM = window.FaaswebCodeMirror;
  const { text, headers } = window.faasweb;
  const nonce = document.querySelector("script[nonce]")?.nonce;
  const DRAFT_MS = 900;
  const DIAGNOSE_MS = 600;
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
    "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-2px" },
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
    ".cm-tooltip-autocomplete > ul": { fontFamily: "var(--font-mono)" },
    ".cm-tooltip-autocomplete > ul > li[aria-selected]": { color: "var(--ink)", backgroundColor: "var(--hover)" },
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
  const language = (name) => (name === "json" ? CM.json() : CM.python());

  function click(key) {
    return () => {
      const button = document.querySelector(`[data-key="${key}"]:not([disabled])`);
      button?.click();
      return Boolean(button);
    };
  }

  class Editor {
    constructor(field) {
      this.field = field;
      this.pane = field.closest("[data-editor-pane]") ?? field.parentElement;
      this.saved = "draft" in field.dataset ? null : field.value; // a draft is not what is saved
      this.view = this.mount();
      field.hidden = true;
      field.form?.addEventListener("htmx:beforeRequest", () => this.saving());
      field.form?.addEventListener("htmx:afterRequest", (event) => event.detail.successful || (this.dirty && this.saveDraft()));
      field.form?.addEventListener("reset", () => this.replace(field.defaultValue));
      this.listen();
      this.readInitialDiagnostics();
      this.position();
    }

    mount() {
      const { field } = this;
      const view = new CM.EditorView({
        doc: field.value,
        extensions: [
          CM.keymap.of([{ key: "Mod-Enter", run: click("mod+enter") }, { key: "Mod-s", run: click("mod+s") }]),
          CM.basicSetup,
          CM.keymap.of([CM.indentWithTab]),
          language(field.dataset.editorLanguage),
          CM.lintGutter(),
          ...shared,
          CM.EditorState.readOnly.of(field.readOnly),
          CM.EditorView.contentAttributes.of({ tabindex: "0", "aria-label": `${field.getAttribute("aria-label")}. ${text("editorHint")}` }),
          CM.EditorView.updateListener.of((update) => this.updated(update)),
        ],
      });
      field.after(view.dom);
      return view;
    }

    listen() {
      document.body.addEventListener("diagnostics", (event) => this.diagnose(event.detail.items ?? []));
      document.addEventListener("htmx:load", (event) => event.target.matches?.("[data-saved]") && this.stored(event.target.dataset.base));
      document.addEventListener("submit", ({ submitter }) => submitter?.matches("[data-discards-draft]") && this.markDirty(false));
      window.addEventListener("online", () => this.dirty && this.saveDraft());
      window.addEventListener("pagehide", () => this.dirty && this.saveDraft({ keepalive: true }));
    }

    get base() {
      return this.field.form?.elements.base?.value ?? "";
    }

    get value() {
      return this.view.state.doc.toString();
    }

    replace(value) {
      this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: value } });
    }

    updated(update) {
      if (update.selectionSet || update.docChanged) this.position();
      if (!update.docChanged) return;
      this.field.value = this.value;
      this.markDirty(true);
      this.state("unsaved");
      clearTimeout(this.draftTimer);
      this.draftTimer = setTimeout(() => this.saveDraft(), DRAFT_MS);
      clearTimeout(this.diagnoseTimer);
      this.diagnoseTimer = setTimeout(() => this.askDiagnostics(), DIAGNOSE_MS);
      this.field.dispatchEvent(new Event("change", { bubbles: true }));
    }

    position() {
      const node = this.pane.querySelector("[data-editor-position]");
      if (!node) return;
      const { head } = this.view.state.selection.main;
      const line = this.view.state.doc.lineAt(head);
      node.textContent = text("position").replace("%l", line.number).replace("%c", head - line.from + 1);
    }

    // --- drafts --------------------------------------------------------------------------------------------------
    state(name) {
      const node = this.pane.querySelector("[data-draft-state]");
      if (!node) return;
      node.dataset.state = name;
      node.textContent = text(`draft${name[0].toUpperCase()}${name.slice(1)}`);
    }

    markDirty(dirty) {
      this.dirty = dirty;
      this.field.form?.toggleAttribute("data-dirty", dirty);
    }

    post(url, fields, options = {}) {
      const body = new URLSearchParams({ code: this.value, ...fields });
      return fetch(url, { method: "POST", headers: headers(), body, ...options });
    }

    async saveDraft(options) {
      const url = this.field.dataset.draftUrl;
      if (!url) return;
      clearTimeout(this.draftTimer);
      const [sent, base] = [this.value, this.base];
      this.state("saving");
      try {
        const answer = await this.post(url, { base }, options);
        if (this.base !== base) return this.overtaken();
        if (answer.status === 409) {
          if (this.value === sent) this.markDirty(false); // kept all the same
          return this.state("stale");
        }
        if (!answer.ok) throw new Error(String(answer.status));
      } catch {
        this.draftTimer = setTimeout(() => this.saveDraft(), 8000);
        return this.state("offline");
      }
      if (this.value !== sent) return; // typed meanwhile: its own timer is running
      this.markDirty(false);
      this.state(sent === this.saved ? "saved" : "draft");
    }

    saving() {
      this.sent = this.value;
      clearTimeout(this.draftTimer); // what is being saved needs no draft, unless it is refused
    }

    // A save was faster: what was typed since is kept as a draft of what is saved now.
    overtaken() {
      if (this.value === this.saved) this.state("saved");
      else this.saveDraft();
    }

    // The save's answer carries the new base: <span data-saved data-base="hash">.
    stored(base) {
      this.saved = this.sent ?? this.value;
      const field = this.field.form?.elements.base;
      if (field) field.value = base;
      if (this.value !== this.saved) return; // typed meanwhile: its draft is on the way
      clearTimeout(this.draftTimer);
      this.markDirty(false);
      this.state("saved");
    }

    // --- diagnostics: [{line, column, end_line, end_column, message, code, severity}], counted from 1 ---------------
    readInitialDiagnostics() {
      const block = document.getElementById(this.field.dataset.diagnostics || "");
      if (block) this.diagnose(JSON.parse(block.textContent));
      else this.askDiagnostics();
    }

    async askDiagnostics() {
      const url = this.field.dataset.diagnoseUrl;
      if (!url) return;
      const sent = this.value;
      try {
        const answer = await this.post(url, {});
        if (answer.ok && this.value === sent) this.diagnose((await answer.json()).diagnostics);
      } catch {
        // a comfort: the build tells the same later
      }
    }

    offset(line, column) {
      const { doc } = this.view.state;
      const at = doc.line(Math.min(Math.max(1, line), doc.lines));
      return Math.min(at.from + Math.max(0, column - 1), at.to);
    }

    diagnose(items) {
      const { doc } = this.view.state;
      const found = items.map((item) => {
        const from = this.offset(item.line, item.column ?? 1);
        const word = this.view.state.wordAt(from);
        const to = item.end_column ? this.offset(item.end_line ?? item.line, item.end_column) : (word?.to ?? doc.lineAt(from).to);
        return { from, to: Math.max(from, to), severity: item.severity ?? "error", message: item.message, source: item.code };
      });
      this.view.dispatch(CM.setDiagnostics(this.view.state, found));
      this.listProblems(items);
    }

    listProblems(items) {
      const list = this.pane.querySelector("[data-problems]");
      if (!list) return;
      const row = document.getElementById("problem-template").content;
      list.replaceChildren(...items.map((item) => {
        const node = row.cloneNode(true).firstElementChild;
        node.className = item.severity ?? "error";
        node.querySelector("[data-message]").textContent = item.message;
        node.querySelector("[data-where]").textContent = text("position").replace("%l", item.line).replace("%c", item.column ?? 1);
        node.querySelector("button").addEventListener("click", () => this.go(item));
        return node;
      }));
    }

    go({ line, column = 1 }) {
      const anchor = this.offset(line, column);
      this.view.dispatch({ selection: { anchor }, effects: CM.EditorView.scrollIntoView(anchor, { y: "center" }) });
      this.view.focus();
    }
  }

  // <div data-diff data-language="python"><script type="application/json">{"before": "…", "after": "…"}</script></div>
  function showDiff(host) {
    const { before, after } = JSON.parse(host.querySelector("script").textContent);
    new CM.EditorView({
      parent: host,
      doc: after,
      extensions: [
        CM.basicSetup,
        language(host.dataset.language),
        ...shared,
        CM.EditorState.readOnly.of(true),
        CM.EditorView.contentAttributes.of({ tabindex: "0", "aria-label": host.getAttribute("aria-label") ?? "" }),
        CM.unifiedMergeView({ original: before, mergeControls: false, collapseUnchanged: { margin: 3, minSize: 6 } }),
      ],
    });
    host.dataset.diff = "shown";
  }

  const editors = new WeakMap();

  function start(scope) {
    for (const field of scope.querySelectorAll("textarea[data-editor]")) {
      if (!editors.has(field)) editors.set(field, new Editor(field));
    }
    scope.querySelectorAll("[data-diff='']").forEach(showDiff);
  }

  window.faasweb.editor = (field) => editors.get(field);
  start(document); // deferred: the document is complete
  document.addEventListener("htmx:load", (event) => start(event.target.parentElement ?? document));
})();
