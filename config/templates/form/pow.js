// Proof of work for our forms: finds a number whose SHA-256, after the page's token, begins with so many zero bits.
// Written out rather than asked of crypto.subtle, which is missing on plain http and slow for many short inputs.
"use strict";
(() => {
  const K = [], START = [];
  const fraction = (x) => ((x - Math.floor(x)) * 4294967296) | 0;
  for (let candidate = 2; K.length < 64; candidate++) {
    let prime = true;
    for (let divisor = 2; divisor * divisor <= candidate; divisor++) if (candidate % divisor === 0) { prime = false; break; }
    if (!prime) continue;
    if (START.length < 8) START.push(fraction(Math.sqrt(candidate)));
    K.push(fraction(Math.cbrt(candidate)));
  }

  const w = new Int32Array(64);
  const compress = (state) => {
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15], y = w[i - 2];
      const s0 = (x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ (x >>> 3);
      const s1 = (y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ (y >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const s1 = (e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7);
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
      const s0 = (a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10);
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
    }
    return [state[0] + a | 0, state[1] + b | 0, state[2] + c | 0, state[3] + d | 0,
            state[4] + e | 0, state[5] + f | 0, state[6] + g | 0, state[7] + h | 0];
  };

  // ASCII text only, which tokens and numbers are.
  const digest = (text) => {
    const blocks = (text.length + 9 + 63) >> 6;
    let state = START;
    for (let block = 0; block < blocks; block++) {
      w.fill(0);
      for (let i = 0; i < 64; i++) {
        const at = block * 64 + i;
        const byte = at < text.length ? text.charCodeAt(at) : at === text.length ? 0x80 : 0;
        w[i >> 2] |= byte << (24 - (i & 3) * 8);
      }
      if (block === blocks - 1) w[15] = text.length * 8;
      state = compress(state);
    }
    return state;
  };

  const form = document.querySelector("form[data-bits]");
  if (!form) return;
  const shift = 32 - Number(form.dataset.bits);
  const token = form.elements.token.value;
  const status = document.getElementById("work");
  const proof = document.createElement("input");
  proof.type = "hidden";
  proof.name = "proof";
  form.append(proof);
  let waiting = false;

  const done = (answer) => {
    proof.value = String(answer);
    if (!waiting) return;
    status.textContent = status.dataset.done;
    HTMLFormElement.prototype.submit.call(form); // a field may be named "submit"
  };
  const search = (from) => {
    for (let answer = from; answer < from + 4000; answer++) {
      if (digest(token + ":" + answer)[0] >>> shift === 0) return done(answer);
    }
    setTimeout(search, 0, from + 4000);
  };
  form.addEventListener("submit", (event) => {
    if (proof.value) return;
    event.preventDefault();
    waiting = true;
    status.textContent = status.dataset.running;
    form.querySelector("button").setAttribute("aria-disabled", "true");
  });
  setTimeout(search, 0, 0);
})();
