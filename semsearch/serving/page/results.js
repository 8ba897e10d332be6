// The passages that were found.

import { button, byId, element, originalLink, stateLink, webAddress } from "./dom.js";
import { copy } from "./notices.js";
import { CodePoints, counted, humanDate, keepsLines, pieces, place, quotation, titled } from "./text.js";

/** What tells one passage from the others, also after the question was asked again. */
export const keyOf = (articleId, start) => `${start} ${articleId}`;

/** What to open for a passage: its article, with the passage shown and the sentence marked. */
export function target(hit) {
  const { passage, evidence, article } = hit;
  return {
    article: article.id,
    at: [passage.start, passage.end],
    mark: evidence ? [evidence.start, evidence.end] : null,
  };
}

/**
 * Show hits. `page` has what they lead to: `href(changes)`, `open(changes, link)`, `like(article, paragraph)` and the
 * `language` of the archive if it has one. The focus stays on the passage that has it,
 * or goes to the first if that one is not there any more: it must not fall off the page.
 */
export function showHits(hits, page) {
  const list = byId("hits");
  const held = list.contains(document.activeElement) ? document.activeElement.closest(".hit")?.dataset.key : null;
  list.replaceChildren(...hits.map((hit, i) => hitItem(hit, i + 1, page)));
  if (!held) return;
  const same = [...list.children].find((item) => item.dataset.key === held);
  ((same ?? list.firstElementChild)?.querySelector("a.title") ?? byId("results")).focus({ preventScroll: !same });
}

function hitItem(hit, number, page) {
  const { article, passage } = hit;
  const id = `hit-${number}`;
  const goal = target(hit);
  const link = stateLink(titled(article), page.href(goal), () => page.open(goal, link), { class: "title" });
  const text = element("div", { class: "passage", dir: "auto", lang: page.language }, ...passageParts(hit));
  text.addEventListener("click", () => {
    if (getSelection().isCollapsed) page.open(goal, link); // who selects words wants the words
  });
  const actions = element(
    "p",
    { class: "actions" },
    button("More like this", () => page.like(article, passage.paragraph), { "data-act": "like", "aria-describedby": id }),
    button("Copy quotation", (event) => copyHit(hit, page, event.currentTarget), {
      "data-act": "copy",
      "aria-describedby": id,
    }),
    originalLink(article.url, titled(article)),
  );
  const parts = [
    element("h3", { id, dir: "auto", lang: page.language }, link),
    facts(article, passage.paragraph, hit.page),
    text,
    copies(hit.duplicates, page),
    why(hit.explanation),
    actions,
  ];
  const whole = element("article", { "aria-labelledby": id }, ...parts.filter(Boolean));
  return element("li", { class: "hit", "data-key": keyOf(article.id, passage.start) }, whole);
}

/** Source, date and place, as one line. */
export function facts(article, paragraph, page) {
  const made = element("p", { class: "facts" });
  if (article.source) made.append(element("span", { class: "source" }, element("bdi", {}, article.source)));
  if (article.published) {
    made.append(element("time", { datetime: article.published }, humanDate(article.published)));
  }
  const where = place(paragraph, page);
  if (where) made.append(element("span", {}, where));
  return made;
}

function passageParts({ passage, evidence }) {
  const points = new CodePoints(passage.text);
  const spans = evidence
    ? [{ start: evidence.start - passage.start, end: evidence.end - passage.start, kind: "evidence" }]
    : [];
  return pieces(points, 0, points.length, spans).flatMap((piece) => {
    const runs = piece.text.split(/\n\s*\n/); // a passage may be several short paragraphs
    const nodes = runs.flatMap((run, i) => (i ? [element("span", { class: "gap" }), words(run)] : [words(run)]));
    return piece.kinds.has("evidence") ? [element("mark", {}, ...nodes)] : nodes;
  });
}

/** A run of words, or a heading or a table among them. */
function words(run) {
  const heading = /^#{1,6}[ \t]+(\S.*?)(?:[ \t]+#+)?\s*$/.exec(run);
  if (heading) return element("strong", {}, heading[1]);
  return keepsLines(run) ? element("span", { class: "lines" }, run) : run;
}

function copies(duplicates, page) {
  if (!duplicates.length) return null;
  const items = duplicates.map((copy) => {
    const goal = target({ ...copy, evidence: null });
    const link = stateLink(titled(copy.article), page.href(goal), () => page.open(goal, link), { dir: "auto" });
    return element("li", {}, link, facts(copy.article, copy.passage.paragraph, copy.page));
  });
  const label = `${counted(duplicates.length, "more says", "more say")} the same`;
  return element("details", { class: "copies" }, element("summary", {}, label), element("ul", {}, ...items));
}

function why(explanation) {
  if (!explanation) return null;
  const number = (value) => value.toFixed(2);
  const head = (...names) => element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name)));
  const row = (name, ...cells) =>
    element("tr", {}, element("th", { scope: "row", dir: "auto" }, name), ...cells.map((cell) => element("td", {}, cell)));
  const words = explanation.words.map((word) =>
    row(word.word, word.found || "–", number(word.similarity), number(word.weight)),
  );
  const parts = Object.entries(explanation.parts).map(([name, part]) => row(name, number(part)));
  return element(
    "details",
    { class: "why" },
    element("summary", {}, "Why this passage"),
    words.length
      ? element("table", {}, element("caption", {}, "What each word met"), head("Word", "Met", "Alike", "Weight"), ...words)
      : null,
    element("table", {}, element("caption", {}, "What the score is made of"), head("Signal", "Adds"), ...parts),
  );
}

/** Copy the sentence that answers, or the passage, with where it is from. */
export function copyHit({ passage, evidence, article, page: pageName }, page, from) {
  const url = webAddress(article.url);
  return copy(quotation((evidence ?? passage).text, article, passage.paragraph, pageName, url), from);
}
