// Toasts, and what htmx answers that is not a success. API: faasweb.toast(text, {level, retry}); faasweb.text(key).
// A server's answer raises one with the header  HX-Trigger: {"toast": {"level": "success", "text": "Saved."}}
"use strict";

window.faasweb = (() => {
  const LIFETIME_MS = 6000;
  const region = () => document.getElementById("toasts");
  const text = (key) => document.getElementById("ui-text")?.dataset[key] ?? key;

  function headers() {
    return JSON.parse(document.body.getAttribute("hx-headers") || "{}");
  }

  function toast(message, { level = "info", retry = null } = {}) {
    const note = document.getElementById("toast-template").content.firstElementChild.cloneNode(true);
    note.classList.add(`note-${level}`);
    for (const icon of note.querySelectorAll("[data-level]")) {
      if (icon.dataset.level !== level) icon.remove();
    }
    note.querySelector("[data-toast-text]").textContent = message;
    const again = note.querySelector("[data-toast-retry]");
    if (retry) {
      again.addEventListener("click", () => {
        note.remove();
        retry();
      });
    } else {
      again.parentElement.remove();
    }
    region().append(note);
    settle(note);
    return note;
  }

  // Errors stay until dismissed; the rest leaves by itself unless it is being read.
  function settle(note) {
    if (note.classList.contains("note-error")) return;
    const leave = () => (note.matches(":hover, :focus-within") ? setTimeout(leave, 1000) : note.remove());
    setTimeout(leave, LIFETIME_MS);
  }

  function sentence(xhr) {
    try {
      const body = JSON.parse(xhr.responseText);
      const found = body.message ?? body.error ?? body.detail;
      if (typeof found === "string") return found;
    } catch {
      // not JSON: plain text is a sentence too, a page is not
    }
    const type = xhr.getResponseHeader("Content-Type") || "";
    if (type.startsWith("text/plain") && xhr.responseText) return xhr.responseText.slice(0, 300);
    return `${text("failed")} (${xhr.status})`;
  }

  // A form is sent as it is by then; anything else repeats the request that failed.
  function again({ elt, target, requestConfig }) {
    if (elt instanceof HTMLFormElement) {
      const submitter = requestConfig.triggeringEvent?.submitter;
      return () => elt.requestSubmit(submitter?.isConnected ? submitter : null);
    }
    const values = Object.fromEntries(requestConfig.formData?.entries?.() ?? Object.entries(requestConfig.parameters));
    const swap = elt.getAttribute("hx-swap") ?? undefined;
    return () => window.htmx.ajax(requestConfig.verb, requestConfig.path, { source: elt, target, values, swap });
  }

  function start() {
    region()?.querySelectorAll(".note").forEach(settle);
    document.addEventListener("click", (event) => {
      event.target.closest?.("[data-toast-close]")?.closest(".note").remove();
    });
    document.body.addEventListener("toast", (event) => toast(event.detail.text, event.detail));
    document.body.addEventListener("htmx:responseError", (event) => {
      const { xhr } = event.detail;
      toast(sentence(xhr), { level: "error", retry: xhr.status >= 500 || xhr.status === 429 ? again(event.detail) : null });
    });
    for (const name of ["htmx:sendError", "htmx:timeout"]) {
      document.body.addEventListener(name, (event) => {
        if (event.target.closest("[data-quiet]")) return; // a poll: its next turn is the retry
        toast(text("unreachable"), { level: "error", retry: again(event.detail) });
      });
    }
  }

  document.addEventListener("DOMContentLoaded", start);
  return { toast, text, headers };
})();
