// The chart of what came in, was settled and went out. `chartOf(box)` gives { add(figures) }.
"use strict";
function chartOf(box) {
  const names = ["received", "settled", "delivered"];
  const span = 3600;
  let slots = new Map(), slot = 10, plot = null;
  const readout = document.createElement("p");
  readout.className = "readout";
  readout.setAttribute("aria-hidden", "true");

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const two = (part) => String(part).padStart(2, "0");
  const time = (at, seconds) => {
    const day = new Date(at * 1000);
    return two(day.getUTCHours()) + ":" + two(day.getUTCMinutes()) + (seconds ? ":" + two(day.getUTCSeconds()) : "");
  };

  function data() {
    const times = [...slots.keys()].sort((one, other) => one - other);
    return [times, ...names.map((_, place) => times.map((at) => slots.get(at)[place]))];
  }

  function read(u) {
    const place = u.cursor.idx;
    readout.textContent = place == null ? "" : time(u.data[0][place], true) + " UTC   " +
      names.map((name, index) => box.dataset[name] + " " + u.data[index + 1][place]).join("   ");
  }

  function options() {
    const ink = colour("soft-ink"), grid = { stroke: colour("grid"), width: 1 };
    const font = "12px " + getComputedStyle(document.body).fontFamily;
    const axis = { stroke: ink, grid, ticks: { show: false }, font };
    const bars = uPlot.paths.bars({ size: [1, 40] });
    const line = uPlot.paths.stepped({ align: 1 });
    return {
      width: box.clientWidth, height: box.clientHeight,
      legend: { show: false },
      padding: [12, 12, 0, 0],
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      scales: { y: { range: (_u, _low, high) => [0, Math.max(5, Math.ceil(high * 1.12))] } },
      axes: [
        { ...axis, grid: { show: false }, space: 70, size: 30, gap: 8, values: (_u, times) => times.map((at) => time(at, false)) },
        { ...axis, size: 46, space: 36, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 1e5] },
      ],
      series: [
        {},
        { paths: bars, fill: colour("received") + "8c", width: 0, points: { show: false } },
        { paths: line, stroke: colour("settled"), width: 1.75, points: { show: false } },
        { paths: line, stroke: colour("delivered"), width: 1.75, dash: [5, 4], points: { show: false } },
      ],
      hooks: { setCursor: [read] },
    };
  }

  function draw() {
    if (plot) plot.destroy();
    plot = new uPlot(options(), data(), box);
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot && draw());
  new ResizeObserver(() => plot && box.clientWidth && plot.setSize({ width: box.clientWidth, height: box.clientHeight }))
    .observe(box);

  return {
    // Where to go on from: slots of the last minute may still grow.
    since() {
      return slots.size ? Math.max(...slots.keys()) - 60 : 0;
    },
    add(figures) {
      slot = figures.slot;
      figures.received.forEach((_, place) => {
        slots.set(figures.start + place * slot, names.map((name) => figures[name][place]));
      });
      const first = Math.max(...slots.keys()) - span;
      slots = new Map([...slots].filter(([at]) => at > first));
      if (!slots.size) return;
      if (plot) plot.setData(data());
      else {
        box.hidden = false;
        box.after(readout);
        draw();
      }
    },
  };
}
