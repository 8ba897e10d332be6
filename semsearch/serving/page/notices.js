// What the page has to say: notices that stay until they are over, and words for who hears the page.

import { button, byId, element } from "./dom.js";

const shown = new Map();
let timer = 0;

/** Show a notice in the place of the one with the same key. Actions are pairs of a label and what it does. */
export function notice(key, text, actions = []) {
  const signature = JSON.stringify([text, actions.map(([label]) => label)]);
  const before = shown.get(key);
  const buttons = actions.map(([label, act]) => button(label, act));
  const made = element("div", { class: "notice" }, element("p", {}, text), ...buttons);
  if (before?.signature === signature) before.made.replaceWith(made);
  else {
    before?.made.remove();
    byId("notices").append(made);
    say(text);
  }
  shown.set(key, { made, signature });
}

/** Take a notice away. */
export function settle(key) {
  shown.get(key)?.made.remove();
  shown.delete(key);
}

/** Tell who hears the page, once it is quiet for a moment: not each answer while one types. */
export function say(text, delay = 0) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    const live = byId("live");
    live.textContent = live.textContent === text ? `${text}\u00a0` : text; // the same words again are news, too
  }, delay);
}

/** Put a text on the clipboard and say so on the button. */
export async function copy(text, from) {
  const done = (await written(text)) ? "Copied" : "Could not copy";
  say(done);
  if (!from) return;
  const label = from.dataset.label ?? from.textContent;
  from.dataset.label = label;
  from.textContent = done;
  setTimeout(() => (from.textContent = label), 1600);
}

async function written(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedTheOldWay(text); // a page that does not come by https has no clipboard but this one
  }
}

function copiedTheOldWay(text) {
  const before = document.activeElement;
  const area = element("textarea", { class: "unseen", "aria-hidden": "true", tabindex: "-1" });
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus({ preventScroll: true });
  return done;
}
