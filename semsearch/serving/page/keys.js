// The keyboard.

import { byId } from "./dom.js";
import { closePanel } from "./filters.js";

const STORED = "semsearch.letters";

/**
 * Listen. `act` has `step(by)` from passage to passage, `within(by)` from one passage of the article to the next,
 * `press(what)` for the buttons of the passage that is current, and `close()`, which returns whether there was something.
 */
export function startKeys(act) {
  const dialog = byId("keys");
  const show = () => dialog.showModal();
  byId("keys-button").addEventListener("click", show);
  byId("keys-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  startSwitch();
  const letters = {
    "/": () => byId("query").select(),
    "?": show,
    j: () => act.step(1),
    k: () => act.step(-1),
    n: () => act.within(1),
    p: () => act.within(-1),
    m: () => act.press("like"),
    c: () => act.press("copy"),
  };
  addEventListener("keydown", (event) => {
    const modified = event.ctrlKey || event.metaKey || event.altKey;
    if (event.defaultPrevented || event.isComposing || modified || dialog.open) return;
    if (taken(event, act, letters)) event.preventDefault();
  });
}

function taken({ key, target }, act, letters) {
  if (key === "Escape") return closePanel() || act.close();
  if (key === "ArrowDown" || key === "ArrowUp") return arrow(key === "ArrowDown" ? 1 : -1, target, act);
  const writes = target.closest?.('input:not([type="checkbox"]), textarea, select');
  if (writes || !byId("letters").checked || !Object.hasOwn(letters, key)) return false;
  if (key === "/") byId("query").focus();
  letters[key]();
  return true;
}

/** Arrows move among the passages only from the box and from a passage: elsewhere they scroll. */
function arrow(by, target, act) {
  const fromBox = target.id === "query" && by === 1;
  if (!fromBox && !target.closest?.(".hit")) return false;
  act.step(by);
  return true;
}

/** Single signs as keys can be in the way of who speaks to the machine: they can be turned off, which is remembered. */
function startSwitch() {
  const box = byId("letters");
  try {
    box.checked = localStorage.getItem(STORED) !== "off";
  } catch {
    box.checked = true;
  }
  box.addEventListener("change", () => {
    try {
      if (box.checked) localStorage.removeItem(STORED);
      else localStorage.setItem(STORED, "off");
    } catch {
      // it holds until the page is left
    }
  });
}
