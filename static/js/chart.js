// <div data-charts="URL" [data-charts-every="10"]> asks for JSON {"<source>": [[epoch seconds, value, …], …]} and draws its
// figures:  <figure data-chart="<source>" data-kind="area|line|bars" [data-unit data-decimals data-window data-gap]>
//   <ul data-chart-legend><li data-column="1" data-tone="1|2|3|4|bad">label <b></b></li></ul>
//   <div data-chart-plot></div>   <table data-chart-table> for readers without the picture
// A null, or a hole longer than data-gap seconds, is a gap in the line.
"use strict";

(() => {
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const language = document.documentElement.lang || "en";
  const stamp = new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "medium", hourCycle: "h23" });
  const HEIGHT = 200;
  const TABLE_ROWS = 60;
  const groups = new Map();

  class Chart {
    constructor(root) {
      this.root = root;
      this.host = root.querySelector("[data-chart-plot]");
      this.lines = [...root.querySelectorAll("[data-column]")];
      this.spec = { kind: "line", decimals: "0", unit: "", ...root.dataset };
      this.rows = [];
      this.sizes = new ResizeObserver(() => this.plot?.setSize({ width: this.host.clientWidth, height: HEIGHT }));
      this.sizes.observe(this.host);
    }

    show(rows) {
      this.rows = this.withGaps(rows);
      this.columns = [0, ...this.lines.map((line) => Number(line.dataset.column))].map((at) => this.rows.map((row) => row[at] ?? null));
      if (this.plot) this.plot.setData(this.columns);
      else this.draw();
      this.root.toggleAttribute("data-empty", rows.length === 0);
      this.legend();
      this.table(rows);
    }

    withGaps(rows) {
      const gap = Number(this.spec.gap || 0);
      if (!gap) return rows;
      return rows.flatMap((row, at) => (at && row[0] - rows[at - 1][0] > gap ? [[rows[at - 1][0] + 1], row] : [row]));
    }

    format(value) {
      if (value == null) return "–";
      const number = value.toLocaleString(language, { maximumFractionDigits: Number(this.spec.decimals) });
      return this.spec.unit ? `${number} ${this.spec.unit}` : number;
    }

    draw() {
      this.plot?.destroy();
      this.plot = new window.uPlot(this.options(), this.columns, this.host);
    }

    options() {
      const axis = { stroke: css("--ink-3"), ticks: { show: false }, font: `11px ${css("--font-sans")}` };
      const grid = { stroke: css("--chart-grid"), width: 1 };
      const span = Number(this.spec.window || 0);
      return {
        width: this.host.clientWidth || 600,
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
        padding: [8, 8, 0, 0],
        scales: {
          x: span ? { range: () => [Date.now() / 1000 - span, Date.now() / 1000] } : {},
          y: { range: (_, __, high) => [0, high > 0 ? high * 1.15 : 1] },
        },
        axes: [
          { ...axis, size: 28, grid: { show: false }, space: 70, values: clockLabels },
          { ...axis, grid, size: 56, space: 36, values: (_, splits) => splits.map(short) },
        ],
        series: [{}, ...this.lines.map((line) => this.series(line.dataset.tone || "1"))],
        hooks: { setCursor: [() => this.legend()] },
      };
    }

    series(tone) {
      const colour = css(`--chart-${tone}`);
      const bars = this.spec.kind === "bars";
      const area = this.spec.kind === "area" ? `color-mix(in srgb, ${colour} 14%, transparent)` : undefined;
      return {
        stroke: colour,
        width: bars ? 0 : 1.75,
        points: { show: (_, series, from, to) => !bars && to - from < 2 },
        fill: bars ? colour : area,
        paths: bars ? window.uPlot.paths.bars({ size: [0.7, 14], radius: 0.2 }) : undefined,
      };
    }

    // Values under the pointer, else the newest.
    legend() {
      const index = this.plot?.cursor.idx ?? this.rows.length - 1;
      this.lines.forEach((line, at) => {
        line.querySelector("b").textContent = this.format(this.columns[at + 1][index]);
      });
    }

    table(rows) {
      const body = this.root.querySelector("[data-chart-table] tbody");
      if (!body) return;
      const columns = this.lines.map((line) => Number(line.dataset.column));
      const lines = rows.slice(-TABLE_ROWS).reverse().map((row) => {
        const line = document.createElement("tr");
        const texts = [stamp.format(row[0] * 1000), ...columns.map((at) => this.format(row[at]))];
        texts.forEach((content) => (line.insertCell().textContent = content));
        return line;
      });
      body.replaceChildren(...lines);
    }
  }

  function short(value) {
    return value.toLocaleString(language, { notation: "compact", maximumSignificantDigits: 3 });
  }

  function clockLabels(_, splits, __, ___, step) {
    const options = step >= 86_400 ? { month: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    const format = new Intl.DateTimeFormat(language, options);
    return splits.map((value) => format.format(value * 1000));
  }

  class Group {
    constructor(root) {
      this.root = root;
      this.charts = [...root.querySelectorAll("[data-chart]")].map((figure) => new Chart(figure));
      this.timer = setInterval(() => document.hidden || this.poll(), Number(root.dataset.chartsEvery || 10) * 1000);
      this.poll();
    }

    async poll() {
      if (!this.root.isConnected) return this.close();
      try {
        const answer = await fetch(this.root.dataset.charts, { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(String(answer.status));
        const data = await answer.json();
        this.charts.forEach((chart) => chart.show(data[chart.spec.chart] ?? []));
        this.root.removeAttribute("data-outdated");
      } catch {
        this.root.setAttribute("data-outdated", ""); // the charts keep what they have; the next turn asks again
      }
    }

    close() {
      clearInterval(this.timer);
      this.charts.forEach((chart) => {
        chart.sizes.disconnect();
        chart.plot?.destroy();
      });
      groups.delete(this.root);
    }
  }

  function start(scope) {
    for (const root of scope.querySelectorAll("[data-charts]")) {
      if (!groups.has(root)) groups.set(root, new Group(root));
    }
  }

  function redraw() {
    groups.forEach((group) => group.charts.forEach((chart) => chart.plot && chart.draw()));
  }

  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  start(document); // deferred: the document is complete
  document.addEventListener("htmx:load", (event) => start(event.target.parentElement ?? document));
})();
