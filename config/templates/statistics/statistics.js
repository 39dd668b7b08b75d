// Keeps the figures live, draws the chart, and shows a changed filter at once.
"use strict";
(() => {
  const box = document.getElementById("figures");
  const form = document.querySelector("form.filters");
  const every = 1500;
  let plot = null, drawn = "";

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

  function draw(force) {
    const place = document.getElementById("trend");
    if (!place || (!force && drawn === place.dataset.points && plot)) return;
    drawn = place.dataset.points;
    const [starts, created, resolved, labels] = JSON.parse(drawn);
    if (plot) plot.destroy();
    place.textContent = "";
    const font = "12px " + getComputedStyle(document.body).fontFamily;
    const axis = { stroke: colour("soft-ink"), font, ticks: { show: false }, grid: { stroke: colour("hairline"), width: 1 } };
    const bars = uPlot.paths.bars({ size: [0.62, 36], radius: 0.15 });
    const label = (values) => values.map((at) => labels[starts.indexOf(at)] || "");
    const few = () => {
      const step = Math.max(1, Math.ceil(starts.length / Math.max(2, place.clientWidth / 78)));
      return starts.filter((_at, index) => index % step === 0);
    };
    const readout = document.createElement("p");
    readout.className = "readout";
    plot = new uPlot({
      width: place.clientWidth, height: place.clientHeight - 24, legend: { show: false }, padding: [10, 8, 0, 0],
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: {
        x: { time: false, range: (_u, low, high) => { const half = starts.length > 1 ? (starts[1] - starts[0]) * 0.6 : 43200; return [low - half, high + half]; } },
        y: { range: (_u, _low, high) => [0, Math.max(4, Math.ceil(high * 1.1))] },
      },
      axes: [
        { ...axis, grid: { show: false }, size: 28, gap: 8, splits: few, values: (_u, values) => label(values) },
        { ...axis, size: 44, space: 34, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5] },
      ],
      series: [
        {},
        { paths: bars, fill: colour("bar"), width: 0, points: { show: false } },
        { stroke: colour("line-2"), width: 2.25, points: { show: starts.length < 40, size: 5, fill: colour("paper") } },
      ],
      hooks: { setCursor: [(u) => {
        const at = u.cursor.idx;
        readout.textContent = at == null ? "" : `${labels[at]}   ${place.dataset.created} ${created[at]}   ${place.dataset.resolved} ${resolved[at]}`;
      }] },
    }, [starts, created, resolved], place);
    place.append(readout);
  }

  // Make `from` like `to`, node by node: details stay open, focus stays, nothing flickers.
  function follow(from, to) {
    if (from.id === "trend" && to.id === "trend") { from.dataset.points = to.dataset.points; return; }
    if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) { from.replaceWith(to.cloneNode(true)); return; }
    if (from.nodeType !== Node.ELEMENT_NODE) { if (from.data !== to.data) from.data = to.data; return; }
    for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
    for (const { name } of [...from.attributes]) if (name !== "open" && !to.hasAttribute(name)) from.removeAttribute(name);
    const have = [...from.childNodes], want = [...to.childNodes];
    want.forEach((child, place) => (place < have.length ? follow(have[place], child) : from.append(child.cloneNode(true))));
    have.slice(want.length).forEach((child) => child.remove());
  }

  async function page(address) {
    const answer = await fetch(address, { headers: { Accept: "text/html" }, cache: "no-store", signal: AbortSignal.timeout(15000) });
    if (!answer.ok || answer.redirected) return false;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("figures");
    if (!fresh) return false;
    box.normalize();
    fresh.normalize();
    follow(box, fresh);
    draw(false);
    return true;
  }

  async function look() {
    if (!document.hidden) {
      try {
        const answer = await fetch(box.dataset.state, { cache: "no-store", headers: { Accept: "application/json" }, signal: AbortSignal.timeout(8000) });
        if (answer.ok && String((await answer.json()).version) !== box.dataset.version) await page(location.href);
      } catch { /* the next look tries again */ }
    }
    setTimeout(look, every);
  }

  form.classList.add("quick");
  form.addEventListener("change", () => {
    const custom = form.elements.period.value === "custom";
    const dates = form.elements.from.value && form.elements.to.value;
    if (!custom || dates) form.requestSubmit();
  });
  form.addEventListener("formdata", (event) => {
    if (event.formData.get("period") !== "custom") { event.formData.delete("from"); event.formData.delete("to"); }
    for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(true));
  new ResizeObserver(() => { const place = document.getElementById("trend"); if (plot && place.clientWidth) plot.setSize({ width: place.clientWidth, height: place.clientHeight - 24 }); })
    .observe(document.getElementById("trend"));
  draw(true);
  setTimeout(look, every);
})();
