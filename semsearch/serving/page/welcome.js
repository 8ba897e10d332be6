// What is in the index, for who has not asked anything yet.

import { button, byId, element } from "./dom.js";
import { sourceName } from "./filters.js";
import { counted, timeSpan } from "./text.js";

const SHOWN = 12; // sources; the panel of filters has them all

/** Show it. `choose(source)` narrows the archive down to a source. */
export function showWelcome(status, sources, choose) {
  const parts = [element("p", { class: "lead" }, ...summary(status, sources))];
  if (sources.length > 1 || sources[0]?.source) {
    const items = sources.slice(0, SHOWN).map((source) => sourceLine(source, choose));
    parts.push(element("h2", {}, "Sources"), element("ul", { class: "shelf" }, ...items));
    if (sources.length > SHOWN) {
      parts.push(element("p", { class: "muted" }, `and ${(sources.length - SHOWN).toLocaleString("en-GB")} more, under “Sources” above.`));
    }
  }
  const hint = [
    "Ask for what you want to know; the words need not be the article’s. What stands between quotation marks must be found as it stands. ",
    element("kbd", {}, "?"),
    " shows the keys.",
  ];
  parts.push(element("p", { class: "muted" }, ...hint));
  parts.push(element("p", { class: "muted small" }, made(status)));
  byId("instead").replaceChildren(element("div", { class: "welcome" }, ...parts));
}

function summary(status, sources) {
  const named = sources.filter(({ source }) => source).length;
  const words = [element("strong", {}, counted(status.articles, "article")), ` in ${counted(status.passages, "passage")}`];
  if (named) words.push(` from ${counted(named, "source")}`);
  const span = timeSpan(sources);
  if (span) words.push(`, ${span}`);
  return [...words, "."];
}

function made(status) {
  const created = new Date(status.created);
  const day = Number.isNaN(created.getTime()) ? status.created : created.toLocaleDateString(undefined, { dateStyle: "long" });
  return `This index was made on ${day} with ${status.model}. Nothing that you ask leaves the server, and this page keeps no list of it.`;
}

function sourceLine({ source, articles, first, last }, choose) {
  const years = [first, last].filter(Boolean).map((date) => date.slice(0, 4).replace(/^0+/, ""));
  const span = years[0] === years[1] ? years[0] : years.join("–");
  return element(
    "li",
    {},
    button(sourceName(source), () => choose(source ?? ""), { dir: "auto" }),
    element("span", { class: "muted" }, [counted(articles, "article"), span].filter(Boolean).join(", ")),
  );
}
