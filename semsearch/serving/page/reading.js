// The pane in which an article is read: beside the passages, or over them where there is no room.

import { Refused } from "./api.js";
import { foundIn, markArticle, scrollToPart, showArticle } from "./article.js";
import { byId } from "./dom.js";
import { Latest } from "./latest.js";
import { returnToBlock } from "./places.js";
import { titled } from "./text.js";

const narrow = matchMedia("(max-width: 64rem)");

export class Reading {
  /** `page` as for `showArticle`, with `saw(generation)`, and `state()` and `hits()` as they are; `onTrouble` as for `Latest`. */
  constructor(page, onTrouble) {
    this.page = page;
    this.latest = new Latest(onTrouble);
    this.shown = null;
    narrow.addEventListener("change", () => this.cover());
  }

  get isOpen() {
    return !byId("article").hidden;
  }

  get title() {
    return this.shown ? titled(this.shown.answer.article) : null;
  }

  get generation() {
    return this.isOpen ? (this.shown?.answer.generation ?? null) : null;
  }

  /** Show what the state says. `how` may have `focus`, `again` (even if it is shown) and `scroll` (where it was). */
  async show(how = {}) {
    const { article } = this.page.state();
    const isNew = this.shown?.answer.article.id !== article || !this.isOpen || how.again;
    byId("article").hidden = false;
    document.documentElement.classList.add("reading");
    this.cover();
    if (isNew && !(await this.load(article, how))) return;
    this.mark({ ...how, smoothly: !isNew });
  }

  async load(id, { focus, again, title }) {
    if (!again) this.blank(title ?? "Opening…");
    if (focus) byId("article-title").focus({ preventScroll: true });
    let answer;
    try {
      answer = await this.latest.ask("article", { id });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.blank(error.status === 404 ? "This article is not in the index" : "The article could not be opened");
      this.note(error.status === 404 ? `It was asked for as “${id}”. It may have been taken out, or be called otherwise now.` : error.message);
      return false;
    }
    if (!answer) return false;
    this.shown = showArticle(answer, this.page);
    this.note("");
    byId("article").scrollTop = again ? byId("article").scrollTop : 0;
    this.page.saw(answer.generation);
    return true;
  }

  blank(title) {
    this.shown = null;
    for (const place of ["article-title", "bar-title"]) byId(place).textContent = title;
    for (const id of ["article-facts", "article-actions", "article-text"]) byId(id).replaceChildren();
    byId("steps").hidden = true;
    this.note("");
  }

  /** Mark what was found and bring the passage into view. */
  mark({ smoothly, scroll, stay } = {}) {
    if (!this.shown) return;
    const state = this.page.state();
    this.found = foundIn(state.article, this.page.hits());
    const { points } = this.shown;
    const known = state.at && this.found.find(({ start, end }) => start === state.at[0] && end === state.at[1]);
    const moved = known && points.slice(known.start, known.end) !== known.hit.passage.text;
    const beyond = state.at && state.at[0] >= points.length;
    this.note(moved || beyond ? "The article has changed since this passage was found: it may stand elsewhere now." : "");
    const node = markArticle(this.shown, state, this.found);
    this.steps(state);
    if (scroll) returnToBlock(scroll);
    else if (node && !stay) scrollToPart(node, smoothly);
  }

  steps(state) {
    const { found } = this;
    const here = found.findIndex(({ start }) => start === state.at?.[0]);
    byId("steps").hidden = !found.length || (found.length === 1 && here === 0);
    byId("step").textContent = here < 0 ? `${found.length} found` : `${here + 1} of ${found.length}`;
    byId("previous").setAttribute("aria-disabled", String(here === 0));
    byId("next").setAttribute("aria-disabled", String(here === found.length - 1));
  }

  /** The passage of the article `by` steps from the one that is shown, as one of `found`; null if there is none. */
  neighbour(by) {
    const found = this.found ?? [];
    const start = this.page.state().at?.[0] ?? -1;
    if (by > 0) return found.find((one) => one.start > start) ?? null;
    return found.filter((one) => one.start < start).at(-1) ?? null;
  }

  close() {
    this.latest.stop();
    this.shown = null;
    byId("article").hidden = true;
    document.documentElement.classList.remove("reading");
    this.cover();
  }

  /** What is covered by the article cannot be reached. */
  cover() {
    const covered = this.isOpen && narrow.matches;
    byId("column").inert = covered;
    document.querySelector(".skip").inert = covered;
  }

  note(text) {
    byId("article-note").textContent = text;
    byId("article-note").hidden = !text;
  }
}
