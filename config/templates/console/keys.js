// Keyboard shortcuts: single letters, never while one types, never with a modifier but Ctrl+Enter.
"use strict";
(() => {
  const $ = (selector) => document.querySelector(selector);
  const sheet = document.getElementById("keys");
  for (const button of document.querySelectorAll("[data-sheet]")) button.addEventListener("click", () => sheet.showModal());
  const typing = (target) => target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  const step = (by) => {
    const rows = [...document.querySelectorAll(".row, .message")];
    if (!rows.length) return;
    const at = rows.findIndex((row) => row.classList.contains("at"));
    const next = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by))];
    for (const row of rows) row.classList.toggle("at", row === next);
    (next.querySelector(".subject") || next).focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };
  const field = (key) => {
    const found = $(`[data-key="${key}"]`);
    if (!found) return;
    found.focus();
    if (found.select) found.select();
    try { found.showPicker?.(); } catch { /* the browser opens it on its next key */ }
  };
  const write = (kind) => {
    const choice = $(`.composer [name="kind"][value="${kind}"]`);
    if (!choice || choice.disabled) return;
    choice.checked = true;
    $("#words").focus();
  };
  const does = {
    j: () => step(1),
    k: () => step(-1),
    x: () => { const box = $(".row.at .tick input"); if (box) box.click(); },
    "/": () => field("slash"),
    r: () => write("reply"),
    n: () => write("note"),
    a: () => field("a"),
    p: () => field("p"),
    s: () => field("s"),
    t: () => field("t"),
    u: () => { const back = $('[data-key="u"]'); if (back) location.assign(back.href); },
    "?": () => sheet?.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.id === "words") {
      event.preventDefault();
      event.target.form.requestSubmit();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || sheet?.open) return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const act = does[event.key];
    if (act) { event.preventDefault(); act(); }
  });
})();
