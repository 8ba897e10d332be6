// Where one was on the page is kept with each entry of the history, so that back, forward and reload return there.

import { byId } from "./dom.js";

let timer = 0;

/** Keep where one is, with the entry of the history that is current. */
export function keepPlace() {
  clearTimeout(timer);
  const article = byId("article");
  const kept = { list: scrollY, article: article.hidden ? undefined : article.scrollTop };
  history.replaceState({ ...history.state, kept }, "");
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
