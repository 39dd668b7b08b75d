// Keeps what was typed until it is stored: a browser that closes, or a desk that does not answer at all, loses no words.
// In this tab alone (sessionStorage), never files, and gone with the thank-you page.
"use strict";
(() => {
  const form = document.querySelector("form[method=post]");
  const key = "guichet-form " + location.pathname.replace(/\/thanks\/.*$/, "");
  let store;
  try { store = window.sessionStorage; } catch { return; }
  if (!form) {
    if (document.querySelector(".thanks")) store.removeItem(key);
    return;
  }
  const fields = [...form.elements].filter((field) => field.name && !["hidden", "file", "submit", "button"].includes(field.type) && !field.closest("[aria-hidden]"));
  const value = (field) => (field.type === "checkbox" ? (field.checked ? "on" : "") : field.value);
  let kept = {};
  try { kept = JSON.parse(store.getItem(key)) || {}; } catch { /* somebody else wrote there */ }
  for (const field of fields) {
    if (value(field) || !kept[field.name]) continue;
    if (field.type === "checkbox") field.checked = true;
    else field.value = kept[field.name];
  }
  form.addEventListener("input", () => {
    try { store.setItem(key, JSON.stringify(Object.fromEntries(fields.map((field) => [field.name, value(field)])))); } catch { /* full */ }
  });
})();
