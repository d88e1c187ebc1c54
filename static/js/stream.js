// A live tail on native EventSource, for logs and for builds. docs/design-system.md has the attributes and events.
// The cursor of the last line seen travels as ?after=, so that a reconnect, ours or the server's, loses and repeats nothing.
"use strict";

(() => {
  const { text, clock, elapsed } = window.faasweb;
  const HEARTBEAT_MS = 45_000; // three beats of the server's ping
  const ORDER = ["queued", "building", "applying", "checking", "live"];
  const RETRY_MS = [500, 1000, 2000, 5000, 10_000];
  const running = new WeakMap();

  class Stream {
    constructor(root) {
      this.root = root;
      this.list = root.querySelector("[data-stream-lines]");
      this.limit = Number(root.dataset.streamLimit || 2000);
      this.cursor = root.dataset.streamAfter || "";
      this.seen = new Set();
      this.pinged = false;
      this.phase = root.dataset.streamPhase || null;
      this.entered = root.dataset.streamEntered || null;
      this.failures = 0;
      this.waiting = [];
      this.overflow = 0; // lines that came while paused and did not fit
      this.paused = false;
      this.follows = true;
      this.unread = 0;
      this.listen();
      this.connect();
    }

    part(name) {
      return this.root.querySelector(`[data-stream-${name}]`);
    }

    listen() {
      this.list?.addEventListener("scroll", () => this.scrolled(), { passive: true });
      this.part("jump")?.addEventListener("click", () => this.toEnd());
      this.part("toggle")?.addEventListener("click", () => this.setPaused(!this.paused));
      this.part("clear")?.addEventListener("click", () => this.clear());
      this.onVisible = () => document.hidden || this.source || this.finished || this.connect();
      document.addEventListener("visibilitychange", this.onVisible);
      if (this.list) this.list.scrollTop = this.list.scrollHeight;
    }

    connect() {
      clearTimeout(this.timer);
      this.source?.close();
      if (!this.root.isConnected) return this.close();
      this.state(this.failures ? "waiting" : "connecting");
      const url = new URL(this.root.dataset.streamUrl, location.href);
      if (this.cursor) url.searchParams.set("after", this.cursor);
      this.source = new EventSource(url);
      const on = (name, act) => this.source.addEventListener(name, (event) => (this.beat(), act?.(event)));
      on("open", () => this.opened());
      on("ping", () => (this.pinged = true));
      on("line", (event) => this.received(event));
      on("cursor", (event) => (this.cursor = event.lastEventId));
      on("dropped", (event) => this.dropped(JSON.parse(event.data)));
      on("problem", (event) => this.problem(JSON.parse(event.data)));
      on("state", (event) => this.changed(JSON.parse(event.data)));
      on("end", () => this.ended());
      this.source.onerror = () => this.lost();
      this.beat();
    }

    opened() {
      this.failures = 0;
      this.state("live");
    }

    // A connection that pings and then falls silent is dead, even if the browser does not know yet.
    beat() {
      clearTimeout(this.timer);
      if (this.pinged) this.timer = setTimeout(() => this.lost(), HEARTBEAT_MS);
    }

    lost() {
      clearTimeout(this.timer);
      this.source?.close();
      this.source = null;
      if (this.finished) return;
      const wait = RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)];
      this.failures += 1;
      this.state(this.failures > RETRY_MS.length ? "failed" : "waiting");
      this.timer = setTimeout(() => this.connect(), wait);
    }

    close() {
      this.finished = true;
      clearTimeout(this.timer);
      this.source?.close();
      this.source = null;
      document.removeEventListener("visibilitychange", this.onVisible);
      this.state("closed");
    }

    state(name) {
      const node = this.part("state");
      if (!node) return;
      node.dataset.state = this.paused && name === "live" ? "paused" : name;
      node.textContent = text(`stream-${node.dataset.state}`.replace(/-(\w)/, (_, letter) => letter.toUpperCase()));
    }

    // --- lines ---------------------------------------------------------------------------------------------------
    received(event) {
      const id = event.lastEventId;
      if (id) {
        if (this.seen.has(id)) return;
        this.seen.add(id);
        if (this.seen.size > this.limit * 2) this.seen = new Set([...this.seen].slice(-this.limit));
        this.cursor = id;
      }
      this.queue(this.line(JSON.parse(event.data)));
    }

    line({ at, stream, phase, text: content, request }) {
      const item = document.createElement("div");
      item.className = `log-line log-${stream || "stdout"}`;
      if (request) item.title = request;
      item.append(stamp(new Date(at)), ...(phase ? [span("log-phase", phase)] : []), span("log-text", content));
      return item;
    }

    dropped({ count }) {
      const item = span("log-line log-gap", text("dropped").replace("%n", count));
      this.queue(item);
    }

    problem({ message }) {
      const node = this.part("problem");
      if (!node) return;
      node.textContent = message;
      node.hidden = !message; // an empty one tells that it is over
    }

    // One insertion per frame, whatever the rate of lines.
    queue(item) {
      this.waiting.push(item);
      if (this.waiting.length > this.limit) {
        this.waiting.shift();
        this.overflow += 1;
      }
      if (this.paused || this.frame) return this.count();
      this.frame = requestAnimationFrame(() => this.flush());
    }

    flush() {
      this.frame = 0;
      if (!this.list || this.paused) return;
      this.part("empty")?.remove();
      this.unread += this.follows ? 0 : this.waiting.length;
      if (this.overflow) this.list.append(span("log-line log-gap", text("dropped").replace("%n", this.overflow)));
      this.overflow = 0;
      this.list.append(...this.waiting);
      this.waiting = [];
      while (this.list.childElementCount > this.limit) this.list.firstElementChild.remove();
      if (this.follows) this.list.scrollTop = this.list.scrollHeight;
      this.count();
    }

    count() {
      const jump = this.part("jump");
      if (!jump) return;
      const unread = this.unread + (this.paused ? this.waiting.length : 0);
      jump.hidden = unread === 0;
      const label = jump.querySelector("[data-count]");
      if (label) label.textContent = unread;
    }

    scrolled() {
      const bottom = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight;
      this.follows = bottom < 24;
      if (this.follows) this.unread = 0;
      this.count();
    }

    toEnd() {
      this.setPaused(false);
      this.follows = true;
      this.unread = 0;
      this.list.scrollTop = this.list.scrollHeight;
      this.count();
    }

    setPaused(paused) {
      this.paused = paused;
      this.part("toggle")?.setAttribute("aria-pressed", String(paused));
      this.root.toggleAttribute("data-paused", paused);
      this.state(this.source ? "live" : "waiting");
      if (!paused) this.flush();
    }

    clear() {
      this.list.replaceChildren();
      this.unread = 0;
      this.count();
    }

    // --- deployments ---------------------------------------------------------------------------------------------
    // state: {status, started, entered, instant, error, warning, version}. Each status is a [data-phase] of the list.
    changed(state) {
      if (state.status === "failed") this.mark(this.phase, "failed", state.entered);
      else this.reach(state);
      this.phase = state.status;
      this.entered = state.entered;
      const instant = this.part("instant");
      if (instant && state.instant) instant.hidden = false;
      this.warn(state.warning);
      this.send("stream:state", state);
    }

    // What it waits for; the note around the sentence comes and goes with it.
    warn(warning) {
      const note = this.part("warning");
      if (!note) return;
      note.hidden = !warning;
      note.firstElementChild.textContent = warning ?? "";
    }

    reach({ status, entered }) {
      const at = ORDER.indexOf(status);
      if (at < 0) return;
      ORDER.slice(0, at).forEach((name) => this.mark(name, "done", name === this.phase ? entered : null));
      this.mark(status, status === "live" ? "done" : "running");
    }

    mark(name, state, until) {
      const item = name && this.root.querySelector(`[data-phase="${name}"]`);
      if (!item) return;
      item.dataset.state = state;
      item.querySelector("[data-phase-state]").textContent = text(`phase${state[0].toUpperCase()}${state.slice(1)}`);
      if (until && this.entered) item.querySelector(".took").textContent = elapsed(new Date(until) - new Date(this.entered));
    }

    send(name, detail = {}) {
      this.root.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
    }

    ended() {
      this.flush();
      for (const timer of this.root.querySelectorAll("[data-elapsed-since]")) {
        timer.dataset.elapsedUntil = this.entered ?? new Date().toISOString();
      }
      this.close();
      this.send("stream:finished");
    }
  }

  function span(className, content) {
    const node = document.createElement("span");
    node.className = className;
    node.textContent = content;
    return node;
  }

  function stamp(moment) {
    const node = document.createElement("time");
    node.dateTime = moment.toISOString();
    node.textContent = clock(moment);
    return node;
  }

  function start(scope) {
    for (const root of scope.querySelectorAll("[data-stream-url]")) {
      if (!running.has(root)) running.set(root, new Stream(root));
    }
  }

  document.addEventListener("DOMContentLoaded", () => start(document));
  document.addEventListener("htmx:load", (event) => start(event.target.parentElement ?? document));
  document.addEventListener("htmx:beforeCleanupElement", (event) => running.get(event.target)?.close());
})();
