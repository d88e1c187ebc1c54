// Blocking and in <head>, so that the first paint has the right colours. Choice: light, dark or auto (the system's).
"use strict";

(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      return localStorage.getItem("faasweb-theme") || "auto";
    } catch {
      return "auto"; // storage is switched off: the choice lasts for this page
    }
  }

  function show(choice) {
    root.dataset.themeChoice = choice;
    root.dataset.bsTheme = choice === "auto" ? (system.matches ? "dark" : "light") : choice;
    for (const button of document.querySelectorAll("[data-theme]")) {
      button.setAttribute("aria-pressed", String(button.dataset.theme === choice));
    }
  }

  root.classList.add("js");
  show(chosen());
  system.addEventListener("change", () => show(root.dataset.themeChoice));
  window.addEventListener("storage", (event) => event.key === "faasweb-theme" && show(chosen()));
  document.addEventListener("DOMContentLoaded", () => show(root.dataset.themeChoice));
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-theme]");
    if (!button) return;
    try {
      localStorage.setItem("faasweb-theme", button.dataset.theme);
    } catch {
      // see chosen()
    }
    show(button.dataset.theme);
  });
})();
