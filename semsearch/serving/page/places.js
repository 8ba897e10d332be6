// Where one was on the page is kept with each entry of the history, so that back, forward and reload return there.

import { byId } from "./dom.js";

let timer = 0;

/** Keep where one is, with the entry of the history that is current. */
export function keepPlace() {
  clearTimeout(timer);
  const kept = { list: scrollY, article: byId("article").hidden ? null : firstSeen() };
  history.replaceState({ ...history.state, kept }, "");
}

/** Which block of the article is the first that is seen, and how far it is from the top: heights alone are estimates. */
function firstSeen() {
  const blocks = byId("article-text").children;
  const top = byId("article").getBoundingClientRect().top;
  let [low, high] = [0, blocks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (blocks[middle].getBoundingClientRect().bottom > top) high = middle;
    else low = middle + 1;
  }
  return blocks[low] ? { block: low, offset: blocks[low].getBoundingClientRect().top - top } : null;
}

/** Return to a place in the article. */
export function returnToBlock({ block, offset }) {
  const pane = byId("article");
  const one = byId("article-text").children[block];
  const move = (again) => {
    if (!one?.isConnected) return;
    const distance = one.getBoundingClientRect().top - pane.getBoundingClientRect().top;
    pane.scrollTo({ top: pane.scrollTop + distance - offset, behavior: "instant" });
    if (again) requestAnimationFrame(() => move(again - 1)); // what was estimated is laid out by then
  };
  move(2);
}

/** Return to where one was in the list; nothing if that was not kept. */
export function returnTo(kept) {
  if (kept?.list !== undefined) scrollTo({ top: kept.list, behavior: "instant" });
}

/** Begin to keep places. */
export function startPlaces() {
  history.scrollRestoration = "manual";
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(keepPlace, 250);
  };
  addEventListener("scroll", soon, { passive: true });
  byId("article").addEventListener("scroll", soon, { passive: true });
  addEventListener("pagehide", keepPlace);
}
