// CodeMirror over a <textarea data-editor>, which stays the form's field and the editor of browsers without scripts.
// Around it, inside [data-editor-pane]: [data-draft-state], [data-problems], [data-editor-position], and links [data-file]
// to the other files. What carries data-flush waits until the draft is kept on the server.
"use strict";

(() => {
  const CM = window.FaaswebCodeMirror;
  const { text, toast, headers, look, help } = window.faasweb;
  const DRAFT_MS = 900;
  const DIAGNOSE_MS = 600;
  const KEPT = { history: CM.historyField };
  const left = new Map(); // path -> state of its editor, so that going back to a file keeps undo and place
  let jump = null; // a problem in a file that is being opened

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
      this.path = field.dataset.editorFile ?? "";
      this.pane = field.closest("[data-editor-pane]") ?? field.parentElement;
      this.saved = "draft" in field.dataset ? null : field.value; // a draft is not what is saved
      this.view = this.mount();
      field.hidden = true;
      const saving = (handler) => (event) => event.target === field.form && handler(event); // not links inside it
      field.form?.addEventListener("htmx:beforeRequest", saving(() => this.saving()));
      field.form?.addEventListener("htmx:afterRequest", saving(({ detail }) => detail.successful || (this.dirty && this.saveDraft())));
      field.form?.addEventListener("reset", () => this.replace(field.defaultValue));
      this.listen();
      this.readInitialDiagnostics();
      this.position();
      if (jump?.file === this.path) this.go(jump);
      jump = null;
    }

    mount() {
      const { field } = this;
      const config = { extensions: this.extensions() };
      const before = left.get(this.path);
      const state = before?.doc === field.value
        ? CM.EditorState.fromJSON(before, config, KEPT)
        : CM.EditorState.create({ doc: field.value, ...config });
      const view = new CM.EditorView({ state });
      field.after(view.dom);
      return view;
    }

    extensions() {
      const { field } = this;
      const complete = field.dataset.completeUrl && this.path.endsWith(".py");
      const keys = [{ key: "Mod-Enter", run: click("mod+enter") }, { key: "Mod-s", run: click("mod+s") }];
      return [
        CM.keymap.of([...keys, { key: "Tab", run: CM.acceptCompletion }]),
        CM.basicSetup,
        CM.keymap.of([CM.indentWithTab]),
        look.language(this.path),
        complete ? CM.autocompletion({ override: [help.completion(this, field.dataset.completeUrl)], activateOnTypingDelay: 150 }) : [],
        CM.lintGutter(),
        ...look.shared,
        CM.EditorState.readOnly.of(field.readOnly),
        CM.EditorView.contentAttributes.of({ tabindex: "0", "aria-label": `${field.getAttribute("aria-label")}. ${text("editorHint")}` }),
        CM.EditorView.updateListener.of((update) => this.updated(update)),
      ];
    }

    listen() {
      const end = new AbortController();
      const on = (target, name, handler) => {
        const alive = (event) => (this.field.isConnected ? handler(event) : end.abort());
        target.addEventListener(name, alive, { signal: end.signal });
      };
      on(document.body, "diagnostics", (event) => this.diagnose(event.detail.items ?? []));
      on(document, "htmx:load", (event) => event.target.matches?.("[data-saved]") && this.stored(event.target.dataset.base));
      on(document, "htmx:load", (event) => event.target.matches?.("[data-run-result]") && this.unsure && this.askDiagnostics());
      on(document, "submit", ({ submitter }) => submitter?.matches("[data-discards-draft]") && this.markDirty(false));
      on(window, "online", () => this.dirty && this.saveDraft());
      on(window, "pagehide", () => this.dirty && this.saveDraft({ keepalive: true }));
    }

    // Before this file makes way for another one, or the page for the next. False when its text would be lost.
    async leave() {
      if (this.dirty) await this.saveDraft();
      left.set(this.path, this.view.state.toJSON(KEPT));
      if (this.dirty) toast(text("notKept"), { level: "error" });
      return !this.dirty;
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
      this.pane.querySelector("[data-file][aria-current] [data-changed]")?.removeAttribute("hidden");
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
      const body = new URLSearchParams({ file: this.path, code: this.value, ...fields });
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
        this.changed = (await answer.json()).changed;
      } catch {
        this.draftTimer = setTimeout(() => this.saveDraft(), 8000);
        return this.state("offline");
      }
      if (this.value !== sent) return; // typed meanwhile: its own timer is running
      this.markDirty(false);
      this.markFiles();
      this.state(this.changed.length ? "draft" : "saved");
    }

    markFiles() {
      for (const link of this.pane.querySelectorAll("[data-file]")) {
        link.querySelector("[data-changed]").hidden = !this.changed.includes(link.dataset.file);
      }
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
      this.changed = this.value === this.saved ? [] : [this.path];
      this.markFiles();
      if (this.changed.length) return; // typed meanwhile: its draft is on the way
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

    diagnose(items) {
      this.unsure = items.some((item) => item.code === "import-not-found" && item.severity === "warning"); // a run installs
      const own = items.filter((item) => (item.file ?? this.path) === this.path);
      this.view.dispatch(CM.setDiagnostics(this.view.state, help.marks(this.view.state, own)));
      const list = this.pane.querySelector("[data-problems]");
      if (!list) return;
      const several = this.pane.querySelector("[data-file]") !== null;
      help.listProblems(list, items, several, (item) => this.open(item));
      help.announce(items);
    }

    // A problem of this file, or of another one that is shown first.
    open(item) {
      const link = [...this.pane.querySelectorAll("[data-file]")].find((each) => each.dataset.file === item.file);
      if (!link || item.file === this.path) return this.go(item);
      jump = item;
      link.click();
    }

    go({ line, column = 1 }) {
      const anchor = help.offset(this.view.state.doc, line, column);
      this.view.dispatch({ selection: { anchor }, effects: CM.EditorView.scrollIntoView(anchor, { y: "center" }) });
      this.view.focus();
    }
  }

  const editors = new WeakMap();

  function start(scope) {
    for (const field of scope.querySelectorAll("textarea[data-editor]")) {
      if (!editors.has(field)) editors.set(field, new Editor(field));
    }
    scope.querySelectorAll("[data-diff='']").forEach(look.showDiff);
  }

  window.faasweb.editor = (field) => editors.get(field);

  // --- what waits for the draft: [data-flush] ---------------------------------------------------------------------
  async function mayLeave() {
    const field = document.querySelector("textarea[data-draft-url]");
    return (await editors.get(field)?.leave()) ?? true;
  }

  document.addEventListener("htmx:confirm", async (event) => {
    if (!event.detail.elt.matches?.("[data-flush]")) return;
    event.preventDefault();
    if (await mayLeave()) event.detail.issueRequest(true);
  });

  document.addEventListener("submit", async (event) => {
    if (!event.target.matches("form[data-flush]")) return;
    event.preventDefault();
    if (await mayLeave()) event.target.submit();
  });

  document.addEventListener("click", async (event) => {
    const link = event.target.closest?.("a[data-flush]:not([hx-get])");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (await mayLeave()) location.assign(link.href);
  });

  // A file without a text has no editor that would take the new base.
  document.addEventListener("htmx:load", (event) => {
    if (event.target.matches?.("[data-saved]") && !document.querySelector("textarea[data-editor]")) location.reload();
  });

  start(document); // deferred: the document is complete
  document.addEventListener("htmx:load", (event) => start(event.target.parentElement ?? document));
})();
