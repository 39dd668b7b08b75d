// Keeps the console live: an event says that something changed, then the part of the page is fetched anew.
// Without it the pages work the same; one reloads them by hand.
"use strict";
(() => {
  document.documentElement.classList.add("scripted");
  const $ = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const part = async (name) => {
    const address = new URL(location.href);
    address.searchParams.delete("notice");
    address.searchParams.set("part", name);
    const answer = await fetch(address).catch(() => null);
    return answer && answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html").body : null;
  };
  // One look at a time; what is heard meanwhile makes it look once more.
  const looker = (look) => {
    let busy = false, again = false;
    return async () => {
      if (busy) { again = true; return; }
      busy = true;
      do { again = false; await look(); } while (again);
      busy = false;
    };
  };
  const stream = (address, pulse, hear) => {
    const show = (on) => {
      if (!pulse) return;
      pulse.className = "pulse keysonly " + (on ? "on" : "off");
      pulse.textContent = on ? pulse.dataset.on : pulse.dataset.off;
    };
    let source;
    const open = () => {
      source = new EventSource(address);
      source.onopen = () => { show(true); hear.changed(); }; // what happened since the page was made went unheard
      source.onerror = () => {
        show(false);
        if (source.readyState === EventSource.CLOSED) setTimeout(open, 5000);
      };
      for (const [name, handler] of Object.entries(hear)) source.addEventListener(name, (event) => handler(event.data));
    };
    open();
    addEventListener("pagehide", () => source.close());
  };

  // the queue
  const list = $("#list");
  if (list) {
    const counted = () => {
      const ticked = all(".tick input:checked", list).length;
      const place = $("[data-count]");
      if (place) place.textContent = ticked;
      const whole = $("[data-all]", list);
      if (whole) whole.checked = ticked > 0 && ticked === all(".tick input", list).length;
    };
    document.addEventListener("change", (event) => {
      if (event.target.matches("[data-all]")) for (const box of all(".tick input", list)) box.checked = event.target.checked;
      if (list.contains(event.target)) counted();
    });
    counted();
    stream(list.dataset.live, null, {
      changed: looker(async () => {
        const fresh = await part("list");
        if (!fresh) return;
        const ticked = new Set(all(".tick input:checked", list).map((box) => box.name));
        const at = $(".row.at", list)?.dataset.number;
        const focused = list.contains(document.activeElement) ? document.activeElement.closest(".row")?.dataset.number : null;
        list.replaceChildren(...fresh.childNodes);
        for (const box of all(".tick input", list)) box.checked = ticked.has(box.name);
        if (at) $(`.row[data-number="${at}"]`, list)?.classList.add("at");
        if (focused) $(`.row[data-number="${focused}"] .subject`, list)?.focus();
        counted();
      }),
    });
  }

  // a ticket
  const talk = $(".talk");
  if (!talk) return;
  const base = talk.dataset.base, conversation = $("#conversation"), side = $("#side"), composer = $("#composer");
  const words = $("#words"), here = $("[data-here]"), draft = "guichet-draft-" + talk.dataset.ticket;
  const number = (name) => Math.max(0, ...all(name, conversation).map((line) => Number(line.dataset.id)));
  let dirty = false, others = "", typing = 0;
  side.addEventListener("input", () => { dirty = true; });
  const told = () => { here.textContent = [others, Date.now() < typing ? talk.dataset.typing : ""].filter(Boolean).join(" · "); };

  const look = looker(async () => {
    const before = number(".message");
    const fresh = await part("conversation");
    if (fresh) {
      const open = new Set(all("details[open]", conversation).map((one) => one.closest(".message").id + all("details", one.closest(".message")).indexOf(one)));
      const below = innerHeight + scrollY >= document.documentElement.scrollHeight - 40;
      conversation.replaceChildren(...fresh.childNodes);
      for (const message of all(".message", conversation)) all("details", message).forEach((one, place) => { one.open = open.has(message.id + place); });
      const news = all(".message", conversation).filter((one) => Number(one.dataset.id) > before && (one.classList.contains("in") || one.classList.contains("out")));
      if (composer && news.length) {
        if (words.value.trim()) $("[data-news]").hidden = false;
        else composer.elements.latest.value = number(".message");
        if (below && document.activeElement !== words) news[0].scrollIntoView({ block: "nearest" });
      }
    }
    if (!dirty && !side.contains(document.activeElement)) {
      const beside = await part("side");
      if (beside && !dirty) side.replaceChildren(...beside.childNodes);
    }
  });
  stream(talk.dataset.live, $("[data-pulse]"), {
    changed: look,
    here: (data) => {
      others = JSON.parse(data || "[]").map((one) => `${one.name} ${one.doing === "writing" ? talk.dataset.writing : talk.dataset.looking}`).join(" · ");
      told();
    },
    typing: () => { typing = Date.now() + 5000; told(); setTimeout(told, 5100); },
  });

  addEventListener("pagehide", () => navigator.sendBeacon(base + "/sign?kind=left"));

  if (!composer) return;
  // What was typed stays in this window until it is sent.
  if (talk.dataset.done === "sent" || talk.dataset.done === "noted") sessionStorage.removeItem(draft);
  else if (!words.value) words.value = sessionStorage.getItem(draft) || "";
  let signed = 0;
  words.addEventListener("input", () => {
    sessionStorage.setItem(draft, words.value);
    if (Date.now() - signed > 3000 && words.value) {
      signed = Date.now();
      fetch(`${base}/sign?kind=${composer.elements.kind.value}`, { method: "POST" }).catch(() => null);
    }
  });
  // Whoever reads what came in since has seen it: a second try goes through.
  composer.addEventListener("submit", (event) => {
    const button = $(".send", composer), warning = $("[data-news]");
    if (!warning.hidden && !warning.dataset.shown) {
      event.preventDefault();
      warning.dataset.shown = "1";
      composer.elements.latest.value = number(".message");
      warning.scrollIntoView({ block: "center" });
      return;
    }
    button.disabled = true;
    setTimeout(() => { button.disabled = false; }, 4000);
  });
  const insert = (value) => {
    const start = words.selectionStart ?? words.value.length;
    words.setRangeText(value, start, words.selectionEnd ?? start, "end");
    words.dispatchEvent(new Event("input"));
    words.focus();
  };
  $("[data-canned]")?.addEventListener("change", (event) => {
    if (event.target.value) insert(event.target.value);
    event.target.value = "";
  });
  side.addEventListener("click", (event) => {
    if (event.target.matches("[data-insert]")) insert($(".answer", event.target.closest("details")).textContent);
  });
  $("[data-preview]")?.addEventListener("click", async () => {
    const place = $("[data-previewed]"), body = new URLSearchParams({ text: words.value });
    const answer = await fetch(base + "/preview", { method: "POST", body }).catch(() => null);
    if (!answer || !answer.ok) return;
    place.replaceChildren(...new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes);
    place.hidden = false;
  });
  const last = all(".message", conversation).pop();
  if (last && !location.hash && !$(".notice.bad")) last.scrollIntoView({ block: "center" });
})();
