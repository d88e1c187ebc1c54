// What the server says while somebody types: completions, and the problems of all files. Used by editor.js.
"use strict";

(() => {
  const CM = window.FaaswebCodeMirror;
  const { text, headers } = window.faasweb;
  const MOST = 50; // as many as the server sends; with fewer, typing on needs no new question
  const KINDS = { function: "function", class: "class", module: "namespace", instance: "variable", statement: "variable", param: "variable", property: "property", keyword: "keyword" };

  // Columns of the server are characters, those of JavaScript UTF-16 units.
  const columnAt = (line, units) => [...line.slice(0, units)].length + 1;
  const unitsAt = (line, column) => [...line].slice(0, Math.max(0, column - 1)).join("").length;

  function option({ label, kind, detail, insert }) {
    return { label, detail, apply: insert, type: KINDS[kind] ?? "variable", boost: label.startsWith("_") ? -50 : 0 };
  }

  // A completion source of CodeMirror. Without an answer there is what this file's own words offer.
  function completion(editor, url) {
    return async (context) => {
      const word = context.matchBefore(/\w*/);
      const line = context.state.doc.lineAt(context.pos);
      const before = line.text.slice(0, word.from - line.from);
      const asked = context.explicit || word.from < word.to || before.endsWith(".") || /^\s*(from|import)\b.*\s$/.test(before);
      if (!asked || /^\d/.test(word.text)) return null;
      const abort = new AbortController();
      context.addEventListener("abort", () => abort.abort(), { onDocChange: true });
      try {
        const place = { line: line.number, column: columnAt(line.text, context.pos - line.from) };
        const answer = await editor.post(url, place, { signal: abort.signal });
        if (!answer.ok) throw new Error(String(answer.status));
        const { completions } = await answer.json();
        if (context.aborted || !completions.length) return null;
        return { from: word.from, options: completions.map(option), validFor: completions.length < MOST ? /^\w*$/ : undefined };
      } catch {
        return context.aborted ? null : (CM.localCompletionSource(context) ?? CM.globalCompletion(context));
      }
    };
  }

  // --- problems: [{file, line, column, end_line, end_column, message, code, severity}], counted from 1 ----------------
  function offset(doc, line, column) {
    const at = doc.line(Math.min(Math.max(1, line), doc.lines));
    return at.from + unitsAt(at.text, column);
  }

  function marks(state, items) {
    const last = state.doc.length;
    return items.map((item) => {
      const from = offset(state.doc, item.line, item.column ?? 1);
      const end = item.end_column ? offset(state.doc, item.end_line ?? item.line, item.end_column) : 0;
      const word = state.wordAt(from);
      const to = end > from ? end : (word?.to ?? state.doc.lineAt(from).to);
      return { from, to: Math.min(last, Math.max(from, to)), severity: item.severity ?? "error", message: item.message, source: item.code };
    });
  }

  function where(item, several) {
    const place = text("position").replace("%l", item.line).replace("%c", item.column ?? 1);
    return several && item.file ? `${item.file} · ${place}` : place;
  }

  function listProblems(list, items, several, go) {
    const row = document.getElementById("problem-template").content;
    list.replaceChildren(...items.map((item) => {
      const node = row.cloneNode(true).firstElementChild;
      const severity = item.severity ?? "error";
      node.className = severity;
      node.querySelector("[data-severity]").textContent = `${text(`problem${severity === "error" ? "Error" : "Warning"}`)}: `;
      node.querySelector("[data-message]").textContent = item.message;
      node.querySelector("[data-code]").textContent = item.code ?? "";
      node.querySelector("[data-where]").textContent = where(item, several);
      node.querySelector("button").addEventListener("click", () => go(item));
      return node;
    }));
  }

  // Said aloud when the number changes: not for every letter.
  let told = "";
  function announce(items) {
    const words = items.length ? text("problemsSome").replace("%n", items.length) : text("problemsNone");
    if (words !== told && (told || items.length)) document.getElementById("announce").textContent = words;
    told = words;
  }

  window.faasweb.help = { completion, marks, listProblems, announce, offset, headers };
})();
