// <figure data-chart [data-chart-url] [data-chart-every="10"]> holding a JSON block, [data-chart-plot], [data-chart-legend]
// and, for readers without the picture, a table in <details> whose body follows the data.
// JSON: {"times": [epoch seconds], "kind": "area|line|bars", "unit": "cores", "decimals": 4,
//        "series": [{"label": "p95", "tone": "1|2|3|4|bad", "values": [number|null]}]}; null is a gap.
"use strict";

(() => {
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const language = document.documentElement.lang || "en";
  const stamp = new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "medium", hourCycle: "h23" });
  const HEIGHT = 200;
  const TABLE_ROWS = 60;
  const charts = new Map();

  class Chart {
    constructor(root) {
      this.root = root;
      this.host = root.querySelector("[data-chart-plot]");
      this.show(JSON.parse(root.querySelector("script[type='application/json']").textContent));
      this.sizes = new ResizeObserver(() => this.plot?.setSize({ width: this.host.clientWidth, height: HEIGHT }));
      this.sizes.observe(this.host);
      const every = Number(root.dataset.chartEvery || 10);
      if (root.dataset.chartUrl) this.timer = setInterval(() => document.hidden || this.poll(), every * 1000);
    }

    async poll() {
      if (!this.root.isConnected) return this.close();
      try {
        const answer = await fetch(this.root.dataset.chartUrl, { headers: { Accept: "application/json" } });
        if (answer.ok) this.show(await answer.json());
        this.root.toggleAttribute("data-stale", !answer.ok);
      } catch {
        this.root.toggleAttribute("data-stale", true);
      }
    }

    close() {
      clearInterval(this.timer);
      this.sizes.disconnect();
      this.plot?.destroy();
      charts.delete(this.root);
    }

    get columns() {
      return [this.data.times, ...this.data.series.map((one) => one.values)];
    }

    format(value) {
      if (value == null) return "–";
      const number = value.toLocaleString(language, { maximumFractionDigits: this.data.decimals ?? 0 });
      return this.data.unit ? `${number} ${this.data.unit}` : number;
    }

    show(data) {
      const same = this.data && this.data.series.length === data.series.length;
      this.data = data;
      if (same) this.plot.setData(this.columns);
      else this.draw();
      this.legend(data.times.length - 1);
      this.table();
    }

    draw() {
      this.plot?.destroy();
      this.plot = new window.uPlot(this.options(), this.columns, this.host);
    }

    options() {
      const axis = { stroke: css("--ink-3"), grid: { stroke: css("--chart-grid"), width: 1 }, ticks: { show: false }, font: `11px ${css("--font-sans")}` };
      const short = (value) => value.toLocaleString(language, { maximumFractionDigits: this.data.decimals ?? 2 });
      return {
        width: this.host.clientWidth || 600,
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
        padding: [8, 8, 0, 0],
        scales: { y: { range: (_, __, high) => [0, high > 0 ? high * 1.15 : 1] } },
        axes: [
          { ...axis, grid: { show: false }, space: 70, values: clockLabels },
          { ...axis, size: 52, space: 36, values: (_, splits) => splits.map(short) },
        ],
        series: [{}, ...this.data.series.map((one) => this.series(one))],
        hooks: { setCursor: [(plot) => this.legend(plot.cursor.idx ?? this.data.times.length - 1)] },
      };
    }

    series({ label, tone = "1" }) {
      const colour = css(`--chart-${tone}`);
      const bars = this.data.kind === "bars";
      return {
        label,
        stroke: colour,
        width: bars ? 0 : 1.75,
        points: { show: false },
        fill: bars ? colour : this.data.kind === "area" ? `color-mix(in srgb, ${colour} 14%, transparent)` : undefined,
        paths: bars ? window.uPlot.paths.bars({ size: [0.7, 14], radius: 0.2 }) : undefined,
      };
    }

    legend(index) {
      const list = this.root.querySelector("[data-chart-legend]");
      list?.replaceChildren(...this.data.series.map(({ label, tone = "1", values }) => {
        const item = document.createElement("li");
        const swatch = document.createElement("span");
        swatch.className = `swatch tone-${tone}`;
        const value = document.createElement("b");
        value.textContent = this.format(values[index]);
        item.append(swatch, `${label} `, value);
        return item;
      }));
    }

    table() {
      const body = this.root.querySelector("[data-chart-table] tbody");
      if (!body) return;
      const { times, series } = this.data;
      const first = Math.max(0, times.length - TABLE_ROWS);
      const rows = times.slice(first).map((time, row) => {
        const line = document.createElement("tr");
        const texts = [stamp.format(time * 1000), ...series.map((one) => this.format(one.values[first + row]))];
        texts.forEach((content) => (line.insertCell().textContent = content));
        return line;
      });
      body.replaceChildren(...rows.reverse());
    }
  }

  function clockLabels(_, splits, __, ___, step) {
    const options = step >= 86_400 ? { month: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    const format = new Intl.DateTimeFormat(language, options);
    return splits.map((value) => format.format(value * 1000));
  }

  function start(scope) {
    for (const root of scope.querySelectorAll("[data-chart]")) {
      if (!charts.has(root)) charts.set(root, new Chart(root));
    }
  }

  new MutationObserver(() => charts.forEach((chart) => chart.draw())).observe(document.documentElement, {
    attributeFilter: ["data-bs-theme"],
  });
  start(document); // deferred: the document is complete
  document.addEventListener("htmx:load", (event) => start(event.target.parentElement ?? document));
})();
