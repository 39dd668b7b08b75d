// Guichet's chat window: one custom element in a shadow tree, no framework, no cookie, nothing from a third party.
// <script src="https://desk.example/chat/widget.js" data-site="shop" async></script>
// The protocol is described in docs/chat.md.
"use strict";
(() => {
  const script = document.currentScript;
  if (!script || customElements.get("guichet-chat")) return;
  const TEXTS = %TEXTS%, CSS = %CSS%;
  const base = script.src.replace(/\/chat\/widget\.js.*$/, ""), site = script.dataset.site || "default";
  const wish = (script.dataset.language || document.documentElement.lang || navigator.language || "").slice(0, 2).toLowerCase();
  const language = TEXTS[wish] ? wish : "en", words = TEXTS[language];
  const query = "?site=" + encodeURIComponent(site);
  const say = (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

  // What the browser keeps: the token, what is not acknowledged yet, how far was read.
  const STORE = "guichet-chat " + base + " " + site;
  const kept = (() => {
    let memory = {};
    const read = () => { try { return JSON.parse(localStorage.getItem(STORE)) || {}; } catch { return memory; } };
    const write = (change) => {
      memory = { ...read(), ...change };
      try { localStorage.setItem(STORE, JSON.stringify(memory)); } catch { /* private mode: this page's memory serves */ }
    };
    return { get: (key) => read()[key], set: (key, value) => write({ [key]: value }) };
  })();
  const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const identity = () => window.guichetIdentity || script.dataset.identity || "";

  // The wire: a WebSocket, or the same frames over plain HTTP where two in a row could not be opened.
  class Wire {
    constructor(hear, state) {
      Object.assign(this, { hear, state, tries: 0, refused: 0, number: 0, up: false, wanted: false, frames: [] });
      addEventListener("online", () => { this.tries = 0; if (this.wanted && !this.up) this.open(); });
      setInterval(() => this.beat(), 5000);
    }
    open() {
      this.wanted = true;
      clearTimeout(this.timer);
      if (this.socket || this.polling) return;
      if (!window.WebSocket || this.refused >= 2) return void this.poll();
      const socket = this.socket = new WebSocket(base.replace(/^http/, "ws") + "/chat" + query);
      let opened = false;
      this.heard = Date.now();
      socket.onopen = () => { opened = true; socket.send(JSON.stringify(this.hello())); };
      socket.onmessage = (event) => { this.heard = Date.now(); this.take(JSON.parse(event.data)); };
      socket.onclose = (event) => {
        if (this.socket !== socket) return;
        this.socket = null;
        this.refused = opened ? 0 : this.refused + 1;
        this.lost(0);
      };
    }
    hello() { this.known = kept.get("token") || ""; return { type: "hello", token: this.known, identity: identity(), after: this.number, language, page: location.origin + location.pathname }; }
    take(frame) {
      if (frame.type === "welcome") {
        // Another tab became somebody first: both are the same visitor.
        const other = kept.get("token");
        if (!this.known && other && other !== frame.token && !identity()) { if (this.socket) this.socket.close(); return; }
        this.tries = 0; this.up = true; this.state(true);
        if (frame.token !== kept.get("token")) kept.set("token", frame.token);
        for (const line of frame.lines) this.number = Math.max(this.number, line.number);
        if (frame.more) this.send({ type: "since", after: this.number });
      }
      if (frame.type === "line") this.number = Math.max(this.number, frame.number);
      if (frame.type === "error" && frame.code === "stranger") { kept.set("token", ""); this.number = 0; }
      if (frame.type === "later" && !frame.id && !this.up) this.pause = frame.seconds * 1000;
      this.hear(frame);
    }
    lost(least) {
      this.up = false; this.state(false);
      if (!this.wanted) return;
      const wait = Math.min(30000, 500 * 2 ** this.tries++) * (0.5 + Math.random());
      this.timer = setTimeout(() => this.open(), Math.max(wait, least, this.pause || 0));
      this.pause = 0;
    }
    send(frame) {
      if (this.socket) { if (this.up && this.socket.readyState === 1) this.socket.send(JSON.stringify(frame)); return; }
      if (this.up) { this.frames.push(frame); this.abort?.abort(); }
    }
    beat() {
      if (!this.socket || this.socket.readyState > 1) return;
      const silence = Date.now() - this.heard;
      if (silence > 40000) { const dead = this.socket; this.socket = null; dead.close(); this.lost(0); }
      else if (silence > 20000 && this.up) this.socket.send('{"type":"ping"}');
    }
    async poll() {
      this.polling = true;
      const began = Date.now();
      let first = true;
      try {
        while (this.wanted && !(window.WebSocket && Date.now() - began > 300000)) {
          const frames = this.frames.splice(0, 50);
          this.abort = frames.length ? null : new AbortController();
          let answer;
          try {
            answer = await fetch(base + "/chat/frames" + query, { method: "POST", headers: { "Content-Type": "application/json" }, signal: this.abort?.signal,
              body: JSON.stringify({ hello: this.hello(), frames, wait: first ? 0 : 25 }) });
            const body = await answer.json();
            if (!answer.ok) { this.take(body.type ? body : {}); throw new Error(answer.status); }
            for (const frame of body.frames) this.take(frame);
          } catch (error) {
            if (error.name === "AbortError") continue;
            this.frames.unshift(...frames);
            throw error;
          }
          if (first && this.frames.length === 0) await new Promise((done) => setTimeout(done, 50));
          first = false;
        }
        this.refused = 0;
      } catch { /* the next try follows below */ }
      this.polling = false;
      this.lost(0);
    }
  }

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value != null) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child != null));
    return element;
  };
  const PATHS = {
    chat: "M4 5h16v11H9l-5 4z", close: "M6 6l12 12M18 6L6 18", send: "M4 12l16-8-6 16-2.5-6.5z", down: "M6 9l6 6 6-6",
    clip: "M20 11l-8.5 8.5a5 5 0 01-7-7L13 4a3.4 3.4 0 015 5l-8.5 8.5a1.8 1.8 0 01-2.5-2.5L15 7", file: "M6 3h8l4 4v14H6zM14 3v4h4",
  };
  const icon = (name) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": "1.8", "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" })) svg.setAttribute(key, value);
    const path = svg.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "path"));
    path.setAttribute("d", PATHS[name]);
    return svg;
  };
  const size = (bytes) => bytes < 1e6 ? Math.max(1, Math.round(bytes / 1000)) + " " + words.kb : (bytes / 1e6).toFixed(1) + " " + words.mb;
  const LINK = /https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}]/g;
  // Text stays text; only addresses of the web become links.
  const linked = (text) => {
    const parts = [];
    let end = 0;
    for (const match of text.matchAll(LINK)) {
      parts.push(text.slice(end, match.index), make("a", { href: match[0], target: "_blank", rel: "noopener noreferrer nofollow" }, match[0]));
      end = match.index + match[0].length;
    }
    return [...parts, text.slice(end)];
  };

  class Chat extends HTMLElement {
    connectedCallback() {
      if (this.shadowRoot) return;
      const root = this.attachShadow({ mode: "open" }), sheet = new CSSStyleSheet();
      sheet.replaceSync(CSS);
      root.adoptedStyleSheets = [sheet];
      Object.assign(this, { entries: [], byId: new Map(), guest: {}, place: {}, asked: false, online: true, seen: kept.get("seen") || 0, order: 0 });
      this.lang = language;
      this.build(root);
      this.wire = new Wire((frame) => this.take(frame), (up) => this.connection(up));
      for (const line of kept.get("queue") || []) this.show({ ...line, from: "visitor", number: 0, files: [], pending: true });
      addEventListener("storage", (event) => { if (event.key === STORE) this.synchronise(); });
      document.addEventListener("visibilitychange", () => this.markSeen());
      if (kept.get("token") || (kept.get("queue") || []).length || identity()) this.wire.open();
      if (script.dataset.open !== undefined) this.toggle(true);
    }

    build(root) {
      this.badge = make("span", { class: "badge", hidden: true });
      this.launcher = make("button", { class: "launcher", type: "button", "aria-expanded": "false", "aria-controls": "panel", "aria-label": words.open, onclick: () => this.toggle() }, icon("chat"), this.badge);
      this.face = make("span", { class: "face", "aria-hidden": "true" });
      this.heading = make("h2", { id: "title" }, words.title);
      this.state = make("p", { class: "state" }, words.here);
      this.head = make("div", { class: "head" }, this.face, make("div", {}, this.heading, this.state),
        make("button", { class: "icon", type: "button", "aria-label": words.close, onclick: () => this.toggle(false) }, icon("close")));
      this.note = make("p", { class: "note", role: "status", hidden: true });
      this.log = make("div", { class: "log", role: "log", "aria-label": words.log, tabindex: "0", onscroll: () => this.markSeen() });
      this.typing = make("p", { class: "typing", hidden: true });
      this.log.append(this.typing);
      this.mail = make("p", { class: "mail", hidden: true });
      this.text = make("textarea", { rows: "1", maxlength: "10000", placeholder: words.write, "aria-label": words.write, enterkeyhint: "send", oninput: () => this.typed(), onkeydown: (event) => this.key(event), onpaste: (event) => this.pasted(event) });
      this.picker = make("input", { type: "file", hidden: true, multiple: true, "aria-label": words.attach, tabindex: "-1", onchange: () => { [...this.picker.files].forEach((file) => this.upload(file)); this.picker.value = ""; } });
      this.go = make("button", { class: "icon send", type: "submit", "aria-label": words.send, "aria-disabled": "true" }, icon("send"));
      this.compose = make("form", { class: "compose", onsubmit: (event) => { event.preventDefault(); this.submit(); } },
        make("button", { class: "icon", type: "button", "aria-label": words.attach, onclick: () => this.picker.click() }, icon("clip")), this.picker, this.text, this.go);
      this.ask = make("form", { class: "ask", novalidate: true, hidden: true });
      this.panel = make("section", { class: "panel", id: "panel", role: "dialog", "aria-labelledby": "title", hidden: true, onkeydown: (event) => { if (event.key === "Escape") this.toggle(false); } },
        this.head, this.note, this.ask, this.log, this.mail, this.compose);
      this.panel.addEventListener("dragover", (event) => event.preventDefault());
      this.panel.addEventListener("drop", (event) => { event.preventDefault(); [...event.dataTransfer.files].forEach((file) => this.upload(file)); });
      root.append(this.panel, this.launcher);
      this.dress();
    }

    toggle(open = this.panel.hidden) {
      this.panel.hidden = !open;
      this.launcher.setAttribute("aria-expanded", String(open));
      this.launcher.replaceChild(icon(open ? "down" : "chat"), this.launcher.querySelector("svg"));
      this.badges();
      if (!open) return this.launcher.focus();
      this.wire.open();
      this.dress();
      this.bottom();
      (this.ask.hidden ? this.text : this.ask.querySelector("input")).focus();
      this.markSeen();
    }

    connection(up) {
      this.online = up;
      clearTimeout(this.grace);
      // A moment's cut is nobody's business.
      this.grace = setTimeout(() => this.dress(), up ? 0 : 2500);
      if (up) this.flush();
    }

    take(frame) {
      const act = { welcome: () => this.welcome(frame), ack: () => this.acknowledged(frame), later: () => this.later(frame), line: () => this.show(frame, true),
        typing: () => this.types(frame.detail), seen: () => this.readUpTo(Number(frame.detail)), known: () => { this.guest = frame; this.dress(); }, error: () => this.refused(frame) }[frame.type];
      act?.();
    }

    welcome(frame) {
      this.place = frame.site; this.guest = frame.guest;
      for (const line of [...frame.lines, ...frame.waiting]) this.show(line);
      if (this.place.colour) { for (const name of ["--fill", "--strong"]) this.style.setProperty(name, this.place.colour); this.style.setProperty("--on", "#fff"); }
      this.dress();
      this.flush();
      this.markSeen();
      this.badges();
    }

    // What the window says about itself, from what is known now.
    dress() {
      const place = this.place, empty = this.entries.length === 0, agent = this.agent || place.agent || "";
      const waiting = (kept.get("queue") || []).length > 0;
      this.heading.textContent = place.title || words.title;
      this.face.textContent = (agent || words.title).trim().charAt(0).toUpperCase();
      const away = place.attended === false;
      this.head.classList.toggle("away", away);
      this.state.textContent = away ? words.away : agent ? agent : words.here;
      const cut = !this.online && this.wire?.wanted;
      this.note.hidden = !cut && !this.notice && !away;
      this.note.textContent = this.notice || (cut ? words.offline : away ? words.away_mail : "");
      if (!this.greeting) { this.greeting = make("div", { class: "line greeting first" }, make("p", { class: "words" })); }
      if (empty && place.agent) { this.greeting.firstChild.textContent = place.welcome || words.hello; this.log.prepend(this.greeting); }
      const email = this.guest.email;
      this.mail.hidden = empty && !email && !away || !place.agent || !this.ask.hidden;
      this.mail.replaceChildren(...(email ? [say("follows", { email })] : [words.no_mail + " ", make("button", { type: "button", onclick: () => this.question(true) }, words.give_mail)]));
      if (!this.asked && place.ask && place.ask !== "nothing" && empty && !waiting && !email && !this.guest.name) this.question(false);
    }

    question(later) {
      this.asked = true;
      const must = this.place.ask === "must" && !later, form = this.ask;
      const field = (name, type, complete, needed) => {
        const error = make("p", { class: "error", id: name + "-error", hidden: true });
        const input = make("input", { id: name, name, type, autocomplete: complete, maxlength: "250", "aria-required": String(needed), value: this.guest[name] || "" });
        return make("div", {}, make("label", { for: name }, words[name] + " ", needed ? null : make("span", {}, "(" + words.optional + ")")), input, error);
      };
      const shut = () => { form.hidden = true; this.log.hidden = this.compose.hidden = false; this.dress(); this.text.focus(); };
      form.replaceChildren(make("h2", {}, words.form_title), make("p", { class: "why" }, words.form_why), field("name", "text", "name", must), field("email", "email", "email", must || later),
        make("div", { class: "buttons" }, make("button", { class: "primary", type: "submit" }, later ? words.keep : words.start), must ? null : make("button", { class: "plain", type: "button", onclick: shut }, later ? words.cancel : words.skip)));
      form.onsubmit = (event) => {
        event.preventDefault();
        const { name, email } = form.elements;
        let wrong = null;
        for (const input of [email, name]) {
          const text = input.value.trim(), missing = input.getAttribute("aria-required") === "true" && !text;
          const bad = input === email && text && !/^[^\s@,;]+@[^\s@,;]+\.[^\s@,;.]+$/.test(text);
          const error = form.querySelector("#" + input.id + "-error");
          error.hidden = !(missing || bad);
          error.textContent = bad ? words.bad_email : words.needed;
          input.setAttribute("aria-invalid", String(missing || Boolean(bad)));
          if (missing || bad) { input.setAttribute("aria-describedby", error.id); wrong = input; } else input.removeAttribute("aria-describedby");
        }
        if (wrong) return wrong.focus();
        if (name.value.trim() || email.value.trim()) { this.guest = { name: name.value.trim(), email: email.value.trim() }; this.pendingGuest = this.guest; this.introduce(); }
        shut();
      };
      this.log.hidden = this.compose.hidden = this.mail.hidden = true;
      form.hidden = false;
      if (!this.panel.hidden) form.querySelector("input").focus();
    }
    introduce() { if (this.pendingGuest && this.wire.up) { this.wire.send({ type: "who", name: this.pendingGuest.name, email: this.pendingGuest.email }); this.pendingGuest = null; } }

    // Lines
    show(line, fresh = false) {
      const known = (line.id && this.byId.get(line.id)) || (line.number && this.entries.find((entry) => entry.number === line.number));
      if (known) {
        if (line.number && !known.number) {
          Object.assign(known, { number: line.number, at: line.at, files: line.files, pending: false });
          this.unqueue(known.id);
          this.arrange();
        }
        return known;
      }
      const entry = { ...line, order: this.order++, at: line.at || new Date().toISOString() };
      this.entries.push(entry);
      if (entry.id) this.byId.set(entry.id, entry);
      if (entry.from === "visitor" && !entry.pending) this.unqueue(entry.id);
      if (entry.from === "agent") { this.agent = entry.name || this.agent; this.types(""); this.dress(); }
      const low = this.atBottom();
      this.arrange();
      if (low || entry.from === "visitor") this.bottom();
      if (fresh) { this.markSeen(); this.badges(); }
      return entry;
    }

    // Numbered lines in their order, then those on their way.
    arrange() {
      this.entries.sort((a, b) => (a.number || Infinity) - (b.number || Infinity) || a.order - b.order);
      const lastRead = Math.max(this.agentRead || 0, ...this.entries.filter((entry) => entry.from === "agent").map((entry) => entry.number));
      let before = null, day = "", at = 0;
      const nodes = [];
      const lastMine = this.entries.findLast((entry) => entry.from === "visitor");
      for (const entry of this.entries) {
        const date = new Date(entry.at), today = date.toDateString();
        if (today !== day) { nodes.push(this.dayOf(today, date)); day = today; before = null; }
        const first = !before || before.from !== entry.from || before.name !== entry.name || date - at > 600000;
        this.draw(entry, first, entry === lastMine, entry.number && entry.number <= lastRead);
        nodes.push(entry.node);
        before = entry; at = date;
      }
      // Only what moved is touched: a screen reader reads what is new.
      let next = this.log.firstChild;
      if (this.greeting && this.greeting.parentNode) { if (next !== this.greeting) this.log.prepend(this.greeting); next = this.greeting.nextSibling; }
      for (const node of nodes) { if (node === next) next = next.nextSibling; else this.log.insertBefore(node, next); }
      for (let node = next; node && node !== this.typing;) { const following = node.nextSibling; node.remove(); node = following; }
      this.log.append(this.typing);
    }
    dayOf(key, date) {
      this.days ||= new Map();
      if (!this.days.has(key)) this.days.set(key, make("p", { class: "day" }));
      const now = new Date(), yesterday = new Date(now - 864e5), node = this.days.get(key);
      node.textContent = key === now.toDateString() ? words.today : key === yesterday.toDateString() ? words.yesterday : date.toLocaleDateString(language, { day: "numeric", month: "long" });
      return node;
    }

    draw(entry, first, last, read) {
      const mine = entry.from === "visitor", time = new Date(entry.at).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
      const status = entry.failed ? "failed" : entry.pending ? (this.online ? "sending" : "waiting") : read ? "read" : "sent";
      const mark = [first, last, mine && status, entry.number ? 1 : 0, entry.progress, (entry.files || []).map((file) => file.id).join()].join();
      if (entry.mark === mark) return;
      entry.mark = mark;
      entry.node ||= make("div");
      entry.node.className = ["line", mine ? "mine" : entry.from, first && "first", entry.pending && "pending"].filter(Boolean).join(" ");
      const foot = mine && (last || entry.failed) ? make("p", { class: "foot" }, ...(entry.failed
        ? [make("span", { class: "bad" }, entry.failed === true ? words.failed : entry.failed), " ", entry.again ? make("button", { type: "button", onclick: entry.again }, words.retry) : ""]
        : [entry.pending ? words[status] : time + " · " + words[status]])) : null;
      const who = first && entry.from === "agent" && entry.name ? make("p", { class: "who" }, entry.name + " ", make("time", {}, "· " + time)) : make("span", { class: "unseen" }, (mine ? words.you : entry.from === "desk" ? words.desk : entry.name || "") + ": ");
      const files = (entry.files || []).map((file) => this.fileNode(entry, file));
      const bare = files.length && (entry.files || []).some((file) => file.name === entry.text);
      entry.node.replaceChildren(who, ...(bare || !entry.text ? [] : [make("p", { class: "words" }, ...linked(entry.text))]), ...files, ...(foot ? [foot] : []));
    }
    fileNode(entry, file) {
      const about = make("span", {}, make("b", {}, file.name), make("small", {}, size(file.size)));
      if (entry.progress !== undefined) about.append(make("progress", { max: "100", value: String(entry.progress), "aria-label": say("uploading", file) }));
      if (!file.id) return make("span", { class: "attached" }, icon("file"), about);
      return make("button", { class: "attached", type: "button", "aria-label": words.save + ": " + say("file", { name: file.name, size: size(file.size) }), onclick: () => this.save(file) }, icon("file"), about);
    }
    async save(file) {
      const answer = await fetch(base + "/chat/files/" + file.id + query, { headers: { Authorization: "Bearer " + kept.get("token") } }).catch(() => null);
      if (!answer?.ok) return;
      const address = URL.createObjectURL(await answer.blob());
      make("a", { href: address, download: file.name }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60000);
    }

    // Sending
    key(event) { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.submit(); } }
    typed() {
      this.go.setAttribute("aria-disabled", String(!this.text.value.trim()));
      if (Date.now() - (this.typedAt || 0) > 2500 && this.text.value) { this.typedAt = Date.now(); this.wire.send({ type: "typing" }); }
    }
    submit() {
      const text = this.text.value.trim();
      if (!text) return;
      const line = { id: newId(), text, at: new Date().toISOString() };
      kept.set("queue", [...(kept.get("queue") || []), line]);
      this.text.value = "";
      this.typed();
      this.show({ ...line, from: "visitor", number: 0, files: [], pending: true });
      this.bottom();
      this.wire.open();
      if (this.wire.up && !this.held) this.wire.send({ type: "say", id: line.id, text: line.text });
      this.dress();
    }
    flush() {
      clearTimeout(this.held);
      this.held = 0;
      this.introduce();
      for (const line of kept.get("queue") || []) this.wire.send({ type: "say", id: line.id, text: line.text });
    }
    unqueue(id) { const queue = kept.get("queue") || []; if (queue.some((line) => line.id === id)) kept.set("queue", queue.filter((line) => line.id !== id)); }
    acknowledged(frame) {
      this.unqueue(frame.id);
      const entry = this.byId.get(frame.id);
      if (entry && entry.pending) { entry.pending = false; this.arrange(); }
      if (this.notice === words.slow) { this.notice = ""; this.dress(); }
    }
    later(frame) {
      if (frame.code === "slow" && frame.id) { this.notice = words.slow; this.dress(); }
      if (frame.id && !this.held) this.held = setTimeout(() => this.flush(), frame.seconds * 1000);
    }
    refused(frame) {
      if (frame.code === "stranger") { this.notice = words.stranger; this.entries.forEach((entry) => entry.node?.remove()); this.entries = this.entries.filter((entry) => entry.pending); this.arrange(); setTimeout(() => { this.notice = ""; this.dress(); }, 8000); return this.dress(); }
      const entry = this.byId.get(frame.id);
      if (!entry) return;
      this.unqueue(frame.id);
      entry.failed = frame.code === "long" ? say("long", { limit: frame.limit }) : true;
      entry.pending = false;
      this.arrange();
    }
    // Another tab wrote the store: its queue and its token are ours too.
    synchronise() {
      if (kept.get("token") && !this.wire.wanted) this.wire.open();
      this.seen = Math.max(this.seen, kept.get("seen") || 0);
      this.badges();
    }

    pasted(event) { const files = [...(event.clipboardData?.files || [])]; if (files.length) { event.preventDefault(); files.forEach((file) => this.upload(file)); } }
    upload(file) {
      const id = newId(), entry = this.show({ id, text: file.name, from: "visitor", number: 0, at: new Date().toISOString(), files: [{ id: 0, name: file.name, size: file.size }], pending: true });
      const fail = (why) => { entry.failed = why || say("upload_failed", { name: file.name }); entry.pending = false; entry.progress = undefined; this.arrange(); };
      if (file.size > (this.place.largest || 25e6)) return fail(say("large", { limit: Math.floor((this.place.largest || 25e6) / 1e6) }));
      const start = () => {
        entry.failed = ""; entry.pending = true; entry.progress = 0;
        this.arrange();
        if (!kept.get("token")) { this.wire.open(); return void setTimeout(start, 500); }
        const request = new XMLHttpRequest();
        request.open("POST", base + "/chat/files" + query);
        for (const [name, value] of Object.entries({ Authorization: "Bearer " + kept.get("token"), "X-Line-Id": id, "X-File-Name": encodeURIComponent(file.name), "Content-Type": file.type || "application/octet-stream" })) request.setRequestHeader(name, value);
        request.upload.onprogress = (event) => { entry.progress = Math.round(100 * event.loaded / Math.max(event.total, 1)); this.arrange(); };
        request.onload = () => {
          if (request.status === 201) { entry.progress = undefined; entry.pending = false; this.arrange(); }
          else if (request.status === 413) fail(say("large", { limit: Math.floor((this.place.largest || 25e6) / 1e6) }));
          else fail();
        };
        request.onerror = () => fail();
        request.send(file);
      };
      entry.again = start;
      start();
    }

    // Reading
    types(name) {
      clearTimeout(this.typingTimer);
      this.typing.hidden = !name;
      this.typing.replaceChildren(make("i", { "aria-hidden": "true" }, make("b")), name ? say("typing", { name }) : "");
      if (!name) return;
      this.typingTimer = setTimeout(() => this.types(""), 6000);
      this.bottom();
    }
    readUpTo(number) { this.agentRead = Math.max(this.agentRead || 0, number); this.arrange(); }
    atBottom() { return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 60; }
    bottom() { this.log.scrollTop = this.log.scrollHeight; }
    markSeen() {
      if (this.panel.hidden || document.hidden || !this.atBottom()) return;
      const newest = Math.max(0, ...this.entries.filter((entry) => entry.from !== "visitor").map((entry) => entry.number));
      if (newest > (this.told || 0) && this.wire.up) { this.wire.send({ type: "seen", number: newest }); this.told = newest; }
      if (newest > this.seen) { this.seen = newest; kept.set("seen", newest); }
      this.badges();
    }
    badges() {
      const count = this.panel.hidden ? this.entries.filter((entry) => entry.from === "agent" && entry.number > this.seen).length : 0;
      this.badge.hidden = !count;
      this.badge.textContent = count > 9 ? "9+" : String(count);
      const label = this.panel.hidden ? words.open : words.close;
      this.launcher.setAttribute("aria-label", count ? label + ", " + (count === 1 ? words.unread_one : say("unread", { n: count })) : label);
    }
  }

  customElements.define("guichet-chat", Chat);
  const start = () => document.body.append(document.createElement("guichet-chat"));
  if (document.body) start(); else addEventListener("DOMContentLoaded", start);
})();
