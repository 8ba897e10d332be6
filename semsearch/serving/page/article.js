// The whole article, with the passages that were found in it.

import { button, byId, calm, element, originalLink, stateLink, webAddress } from "./dom.js";
import { copy } from "./notices.js";
import { facts } from "./results.js";
import { CodePoints, bareHeading, keepsLines, pieces, place, quotation, titled } from "./text.js";

/**
 * Show an article as the server tells it. `page` has `href(changes)`, `open(changes)`, `like(article, paragraph)` and
 * the `language` of the archive if it has one. Returns what `markArticle` needs.
 */
export function showArticle(answer, page) {
  const { article, paragraphs } = answer;
  const points = new CodePoints(answer.text);
  const title = byId("article-title");
  title.textContent = titled(article);
  title.lang = page.language ?? "";
  byId("bar-title").textContent = title.textContent;
  byId("article-facts").replaceChildren(...facts(article, null, null).children, ...byline(article));
  byId("article-actions").replaceChildren(
    ...[
      button("More like this article", () => page.like(article, null)),
      button("Copy link", (event) => copy(location.href, event.currentTarget)),
      originalLink(article.url, titled(article)),
    ].filter(Boolean),
  );
  let last = null;
  const blocks = paragraphs.map((paragraph) => {
    const begins = paragraph.page !== null && paragraph.page !== last ? paragraph.page : null;
    last = paragraph.page;
    return block(points, paragraph, begins, article, page);
  });
  const text = byId("article-text");
  text.lang = page.language ?? "";
  text.replaceChildren(...blocks.map((one) => one.node));
  return { answer, points, blocks, page, dressed: [] };
}

/** Who wrote it, where the archive says so in plain words. */
function byline({ metadata }) {
  const author = metadata.author ?? metadata.byline;
  return typeof author === "string" && author.trim() ? [element("span", {}, element("bdi", {}, author))] : [];
}

function block(points, paragraph, page, article, context) {
  const text = points.slice(paragraph.start, paragraph.end);
  const body = { dir: "auto", class: keepsLines(text) ? "words lines" : "words" };
  const span = { start: paragraph.start, end: paragraph.end };
  let words;
  if (paragraph.heading) {
    const { before, after, depth } = bareHeading(text);
    if (span.start + before < span.end - after) {
      span.start += before;
      span.end -= after;
    }
    words = element(`h${Math.min(6, Math.max(3, depth + 1))}`, { dir: "auto" });
  } else {
    words = element("p", body);
  }
  words.textContent = points.slice(span.start, span.end);
  const node = element("div", { class: paragraph.heading ? "block heading" : "block" });
  if (page !== null) node.append(element("p", { class: "page" }, `page ${page}`));
  if (paragraph.number !== null) {
    const goal = { article: article.id, at: [paragraph.start, paragraph.end], mark: null };
    const label = { class: "number", "aria-label": `Paragraph ${paragraph.number}` };
    node.append(stateLink(String(paragraph.number), context.href(goal), () => context.open(goal), label));
  }
  node.append(words);
  return { node, words, span, paragraph };
}

/**
 * Mark the passages that were found, the one that is shown (`at`) and the sentence that answers (`mark`). `found` are
 * objects with `start` and `end`. Offsets that are not the article's mark nothing. Returns what to bring into view, or null.
 */
export function markArticle(shown, { at, mark }, found) {
  for (const one of shown.dressed) undress(one, shown.points);
  const spans = found.map(({ start, end }) => ({ start, end, kind: "found" }));
  if (at) spans.push({ start: at[0], end: at[1], kind: "here" });
  if (mark) spans.push({ start: mark[0], end: mark[1], kind: "mark" });
  const meets = ({ span }) => spans.some(({ start, end }) => start < span.end && end > span.start);
  shown.dressed = shown.blocks.filter(meets);
  for (const one of shown.dressed) dress(one, shown.points, spans);
  const here = at ? shown.dressed.filter(({ span }) => at[0] < span.end && at[1] > span.start) : [];
  for (const { node, span } of here) {
    node.setAttribute("aria-current", "true");
    node.classList.toggle("partly", at[0] > span.start || at[1] < span.end);
  }
  if (!here.length) return null;
  here.at(-1).node.append(tools(shown, here, mark));
  const height = here.reduce((sum, { node }) => sum + node.offsetHeight, 0);
  const isLong = height > byId("article").clientHeight * 0.6; // then the sentence matters more than where it begins
  return (isLong && byId("article-text").querySelector(mark ? "mark" : ".here")) || here[0].node;
}

function undress({ node, words, span }, points) {
  words.textContent = points.slice(span.start, span.end);
  node.removeAttribute("aria-current");
  node.classList.remove("partly", "found");
  node.querySelector(".actions")?.remove();
}

function dress({ node, words, span }, points, spans) {
  const isWhole = ({ kind, start, end }) => kind === "found" && start <= span.start && end >= span.end;
  node.classList.toggle("found", spans.some(isWhole)); // a line beside it: a page full of underlines is hard to read
  const within = spans.filter((one) => !isWhole(one));
  const nodes = pieces(points, span.start, span.end, within).map(({ text, kinds }) => {
    if (kinds.has("mark")) return element("mark", {}, text);
    if (kinds.has("here")) return element("span", { class: "here" }, text);
    return kinds.has("found") ? element("span", { class: "found" }, text) : text;
  });
  words.replaceChildren(...nodes);
}

function tools({ answer, points, page }, here, mark) {
  const { article } = answer;
  const first = here.find(({ paragraph }) => paragraph.number !== null)?.paragraph;
  if (!first) return element("p", { class: "actions" });
  const holds = ({ span, paragraph }) => mark && paragraph.number !== null && span.start <= mark[0] && mark[0] < span.end;
  const cited = here.find(holds)?.paragraph ?? first; // of several short paragraphs the one with the sentence
  const copyQuotation = (event) => {
    const quote = mark ? points.slice(mark[0], mark[1]) : here.map(({ words }) => words.textContent).join("\n\n");
    copy(quotation(quote, article, cited.number, cited.page, webAddress(article.url)), event.currentTarget);
  };
  return element(
    "p",
    { class: "actions" },
    button(`More like ${place(first.number)}`, () => page.like(article, first.number), { "data-act": "like" }),
    button("Copy quotation", copyQuotation, { "data-act": "copy" }),
  );
}

/** Bring a part of the article into view, within the article alone: the list beside it stays where it is. */
export function scrollToPart(node, smoothly) {
  const scroller = byId("article");
  const move = (behavior) => {
    const bar = scroller.querySelector(".bar").offsetHeight;
    const free = scroller.clientHeight - bar;
    const above = node.offsetHeight > free * 0.7 ? 12 : (free - node.offsetHeight) / 2.5;
    const distance = node.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
    scroller.scrollTo({ top: scroller.scrollTop + distance - bar - above, behavior });
  };
  if (smoothly && !calm()) {
    move("smooth");
    return;
  }
  move("instant");
  requestAnimationFrame(() => move("instant")); // heights that were estimated are known now
}

/** The passages of `hits` and their duplicates that are of this article, in its order. */
export function foundIn(articleId, hits) {
  const all = hits.flatMap((hit) => [hit, ...hit.duplicates.map((copy) => ({ ...copy, evidence: null }))]);
  return all
    .filter(({ article }) => article.id === articleId)
    .map((hit) => ({ start: hit.passage.start, end: hit.passage.end, hit }))
    .sort((a, b) => a.start - b.start);
}
