// Keeps the page live: asks every two seconds, and changes only what has changed, so that nothing flickers, no details
// close and no focus is lost. Says when the connection is lost; rests while nobody looks.
"use strict";
(() => {
  const board = document.getElementById("board");
  const lost = document.getElementById("lost");
  const pulse = document.getElementById("pulse");
  const word = document.getElementById("pulse-word");
  const chart = chartOf(document.getElementById("chart"));
  const every = 2000, patience = 8000;
  let seen = new Date(), timer = 0;

  // Make `from` like `to`, node by node.
  function follow(from, to) {
    if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) {
      from.replaceWith(to.cloneNode(true));
      return;
    }
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.data !== to.data) from.data = to.data;
      return;
    }
    for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
    for (const { name } of [...from.attributes]) if (name !== "open" && !to.hasAttribute(name)) from.removeAttribute(name);
    followChildren(from, to);
  }

  function followChildren(from, to) {
    const have = [...from.childNodes], want = [...to.childNodes];
    want.forEach((child, place) => (place < have.length ? follow(have[place], child) : from.append(child.cloneNode(true))));
    have.slice(want.length).forEach((child) => child.remove());
  }

  function show(state) {
    for (const [name, html] of Object.entries(state.sections)) {
      const template = document.createElement("template");
      template.innerHTML = html;
      const section = board.querySelector(`[data-section="${name}"]`);
      template.content.normalize();
      section.normalize();
      followChildren(section, template.content);
    }
    chart.add(state.chart);
  }

  function say(name, text) {
    pulse.className = "pulse " + name;
    if (word.textContent !== text) word.textContent = text;
  }

  async function ask() {
    clearTimeout(timer);
    if (document.hidden) {
      say("", pulse.dataset.paused);
      return;
    }
    try {
      const address = board.dataset.address + "&since=" + chart.since();
      const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(patience) });
      if (!answer.ok) throw new Error(answer.status);
      show(await answer.json());
      seen = new Date();
      lost.textContent = "";
      board.classList.remove("stale");
      say("on", pulse.dataset.live);
    } catch {
      const time = seen.toISOString().slice(11, 19);
      const words = lost.dataset.words.replace("{time}", time);
      if (lost.textContent !== words) lost.textContent = words;
      board.classList.add("stale");
      say("off", time);
    }
    clearTimeout(timer);
    timer = setTimeout(ask, every);
  }

  document.addEventListener("visibilitychange", ask);
  ask();
})();
