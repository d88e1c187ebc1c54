// Times in the reader's zone and language.
//   <time datetime data-time="relative|time|datetime">   text rewritten, the full local time in the title
//   <span data-elapsed-since="ISO" [data-elapsed-until]>  counts up each second until the second attribute is there
"use strict";

(() => {
  const language = document.documentElement.lang || "en";
  const full = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
  const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const STEPS = [["second", 60], ["minute", 60], ["hour", 24], ["day", 7], ["week", 4.35], ["month", 12], ["year", Infinity]];

  function ago(moment) {
    let amount = (moment - Date.now()) / 1000;
    for (const [unit, size] of STEPS) {
      if (Math.abs(amount) < size - 0.5) return relative.format(Math.trunc(amount), unit);
      amount /= size;
    }
    return full.format(moment);
  }

  function elapsed(ms) {
    const seconds = Math.max(0, ms) / 1000;
    if (seconds < 10) return `${seconds.toFixed(1)} s`;
    if (seconds < 60) return `${Math.floor(seconds)} s`;
    return `${Math.floor(seconds / 60)} m ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  }

  const FORMATS = { relative: ago, time: (moment) => clock.format(moment), datetime: (moment) => full.format(moment) };

  function write(node, value) {
    if (node.textContent !== value) node.textContent = value;
  }

  function show(scope) {
    for (const node of scope.querySelectorAll("time[data-time]")) {
      const moment = new Date(node.dateTime);
      if (Number.isNaN(moment.valueOf())) continue;
      write(node, FORMATS[node.dataset.time](moment));
      if (!node.title) node.title = full.format(moment);
    }
  }

  function count() {
    for (const node of document.querySelectorAll("[data-elapsed-since]")) {
      const until = node.dataset.elapsedUntil ? new Date(node.dataset.elapsedUntil) : Date.now();
      write(node, elapsed(until - new Date(node.dataset.elapsedSince)));
    }
  }

  window.faasweb.clock = (moment) => clock.format(moment);
  window.faasweb.elapsed = elapsed;
  document.addEventListener("DOMContentLoaded", () => {
    show(document);
    count();
    setInterval(() => document.hidden || show(document), 15_000);
    setInterval(() => document.hidden || count(), 500);
  });
  document.addEventListener("htmx:load", (event) => show(event.target.parentElement ?? document));
})();
