// Menus, dialogs, confirm-by-name, copy buttons, keyboard shortcuts, the guard against losing edits.
// Everything is driven by data attributes and delegated, so swapped-in fragments need no start-up.
"use strict";

(() => {
  const { text, toast } = window.faasweb;
  const openMenus = () => document.querySelectorAll("details[data-menu][open]");

  // --- menus -----------------------------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    for (const menu of openMenus()) {
      const inside = menu.contains(event.target);
      const chosen = event.target.closest?.(".menu-item") && !event.target.closest("[data-keep-open]");
      if (!inside || chosen) menu.open = false;
    }
  });

  function menuKey(event) {
    const menu = event.target.closest?.("details[data-menu]");
    if (!menu) return;
    if (event.key === "Escape" && menu.open) {
      menu.open = false;
      menu.querySelector("summary").focus();
      return;
    }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const items = [...menu.querySelectorAll(".menu-item:not([disabled])")];
    if (!items.length) return;
    event.preventDefault();
    menu.open = true;
    const at = items.indexOf(document.activeElement);
    const step = event.key === "ArrowDown" ? 1 : -1;
    items[at < 0 && step < 0 ? items.length - 1 : (at + step + items.length) % items.length].focus();
  }

  document.addEventListener("focusout", (event) => {
    const menu = event.target.closest?.("details[data-menu][open]");
    if (menu && event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
  });

  // --- dialogs ---------------------------------------------------------------------------------------------------
  function openDialog(id) {
    const dialog = document.getElementById(id);
    if (!(dialog instanceof HTMLDialogElement) || dialog.open) return false;
    dialog.showModal();
    matchName(dialog);
    return true;
  }

  document.addEventListener("click", (event) => {
    const opener = event.target.closest?.("[data-dialog]");
    if (opener && openDialog(opener.dataset.dialog)) event.preventDefault();
    const closer = event.target.closest?.("[data-dialog-close]");
    if (closer) {
      event.preventDefault();
      closer.closest("dialog").close();
    }
    if (event.target instanceof HTMLDialogElement && event.target.open) event.target.close(); // the backdrop
  });

  // Destructive forms: the button works once the typed name matches. The server checks again.
  function matchName(scope) {
    for (const input of scope.querySelectorAll?.("input[data-confirm-name]") ?? []) {
      const button = input.form.querySelector("[type=submit]");
      button.disabled = input.value.trim() !== input.dataset.confirmName;
    }
  }

  document.addEventListener("input", (event) => {
    if (event.target.matches?.("[data-confirm-name]")) matchName(event.target.form);
  });

  // --- copy ------------------------------------------------------------------------------------------------------
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const source = document.querySelector(button.dataset.copy);
    try {
      await navigator.clipboard.writeText((source.value ?? source.textContent).trim());
    } catch {
      toast(text("copyFailed"), { level: "warning" });
      return;
    }
    button.classList.add("copied");
    document.getElementById("announce").textContent = text("copied");
    setTimeout(() => button.classList.remove("copied"), 1600);
  });

  // --- keyboard --------------------------------------------------------------------------------------------------
  const SINGLE = "faasweb-single-keys";
  const singleKeys = () => localStorage.getItem(SINGLE) !== "off";
  const writing = (target) => target.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable=true]");

  function pressed(event) {
    const mod = event.ctrlKey || event.metaKey ? "mod+" : "";
    return mod + event.key.toLowerCase();
  }

  document.addEventListener("keydown", (event) => {
    menuKey(event);
    if (event.defaultPrevented || event.altKey || event.isComposing) return;
    const key = pressed(event);
    const single = !key.startsWith("mod+");
    if (single && (writing(event.target) || !singleKeys() || document.querySelector("dialog[open]"))) return;
    if (key === "?") return void openDialog("keys-dialog");
    const control = document.querySelector(`[data-key="${CSS.escape(key)}"]:not([disabled])`);
    if (!control) return;
    event.preventDefault();
    if (control.matches("input, textarea")) control.focus();
    else control.click();
  });

  document.addEventListener("change", (event) => {
    if (event.target.id === "single-keys") localStorage.setItem(SINGLE, event.target.checked ? "on" : "off");
  });

  // --- unsaved changes: <form data-guard> -------------------------------------------------------------------------
  document.addEventListener("input", (event) => event.target.form?.matches("[data-guard]") && mark(event.target.form, true));
  document.addEventListener("submit", (event) => mark(event.target, false));
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.target.closest?.("form[data-guard]");
    if (form && !event.detail.successful) mark(form, true);
  });

  function mark(form, dirty) {
    if (form.matches("[data-guard]")) form.toggleAttribute("data-dirty", dirty);
  }

  window.addEventListener("beforeunload", (event) => {
    if (document.querySelector("form[data-guard][data-dirty]")) event.preventDefault();
  });

  // --- repeated rows: [data-rows] holds [data-rows-list], a <template> and a [data-rows-add] button ------------------
  document.addEventListener("click", (event) => {
    const rows = event.target.closest?.("[data-rows-add]")?.closest("[data-rows]");
    if (!rows) return;
    const list = rows.querySelector("[data-rows-list]");
    list.append(rows.querySelector("template").content.cloneNode(true));
    const row = list.lastElementChild;
    for (const box of row.querySelectorAll("[type=checkbox]")) box.value = list.childElementCount - 1;
    row.querySelector("input")?.focus();
  });

  document.addEventListener("DOMContentLoaded", () => {
    matchName(document);
    const box = document.getElementById("single-keys");
    if (box) box.checked = singleKeys();
    document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
    for (const dialog of document.querySelectorAll("dialog[data-open]")) openDialog(dialog.id);
    if (/Mac|iPhone|iPad/.test(navigator.platform)) {
      for (const key of document.querySelectorAll("[data-mod]")) key.textContent = "⌘";
    }
  });
  // After load, when the browser has moved the focus to the target by itself.
  function openNamed() {
    const named = location.hash.length > 1 && openDialog(decodeURIComponent(location.hash.slice(1)));
    if (named) history.replaceState(null, "", location.pathname + location.search);
  }
  window.addEventListener("load", openNamed);
  window.addEventListener("hashchange", () => setTimeout(openNamed));
  document.addEventListener("htmx:load", (event) => matchName(event.target));
})();
