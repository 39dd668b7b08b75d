// Keeps a ticket's page live: an event says that something changed, then the history is fetched anew.
// Without it the page works the same; one reloads it by hand.
// A link of a mail that names its answer gives it at once: one click. Programs that only look at links answer nothing.
"use strict";
(() => {
  const chosen = document.querySelector("[data-ask] [data-chosen]");
  if (chosen) {
    window.history.replaceState(null, "", location.pathname);
    chosen.form.requestSubmit(chosen);
    return;
  }
  const history = document.getElementById("history");
  if (!history || !window.EventSource) return;
  const { here, language } = history.dataset;
  // Times in the reader's own zone; the page itself says UTC.
  const local = () => {
    for (const time of document.querySelectorAll("time")) {
      time.textContent = new Date(time.dateTime).toLocaleString(language, { dateStyle: "long", timeStyle: "short" });
    }
  };
  let fetching = false, again = false;
  const look = async () => {
    if (fetching) { again = true; return; }
    fetching = true;
    do {
      again = false;
      const answer = await fetch(here + "/history?lang=" + language).catch(() => null);
      if (answer && answer.ok) {
        const open = new Set([...history.querySelectorAll("details[open] iframe")].map((frame) => frame.getAttribute("src")));
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        history.replaceChildren(...fresh.body.childNodes);
        for (const frame of history.querySelectorAll("iframe")) if (open.has(frame.getAttribute("src"))) frame.closest("details").open = true;
        local();
      }
    } while (again);
    fetching = false;
  };
  local();
  const events = new EventSource(here + "/live");
  events.addEventListener("changed", look);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
})();
