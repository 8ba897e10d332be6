// What is said where there are no passages: why, and what can be done about it.

import { byId, element } from "./dom.js";
import { fieldError } from "./filters.js";
import { say } from "./notices.js";
import { UNFILTERED, isFiltered } from "./state.js";
import { sentence, unquoted } from "./text.js";

/** Show lines, the first of them as the heading. Each remedy is a pair of a label and what it does. */
function showInstead(lines, remedies = []) {
  const buttons = remedies.map(([label, act]) => element("button", { type: "button", on: { click: act } }, label));
  const [heading, ...rest] = lines;
  byId("count").textContent = heading;
  byId("instead").replaceChildren(
    ...rest.map((line) => element("p", {}, line)),
    ...(buttons.length ? [element("p", { class: "remedies" }, ...buttons)] : []),
  );
}

/** Nothing was found: `change(changes)` makes the question a looser one. */
export function showNothing(state, change) {
  const lines = ["No passages"];
  const remedies = [];
  const { hasQuotes, without } = unquoted(state.q);
  if (isFiltered(state)) {
    lines.push("No article that the filters leave answers this.");
    remedies.push(["Search without filters", () => change(UNFILTERED)]);
  }
  if (hasQuotes && without) {
    lines.push("What stands between quotation marks must be found as it stands.");
    remedies.push(["Search without quotation marks", () => change({ q: without })]);
  }
  if (!remedies.length) lines.push("Other words may find what you want: those that an article would use.");
  showInstead(lines, remedies);
  say(lines.join(". "), 600);
}

/** The server refused: at the field that is wrong if it named one. `again()` asks once more. */
export function showRefusal(error, state, again) {
  const message = sentence(error.message);
  if (error.status === 401) {
    showInstead([
      "This server asks who you are",
      "Open the address that “semsearch serve” printed when it was started: the word after “token=” lets you in, and this browser remembers it.",
    ]);
  } else if (error.status === 422) {
    for (const { field, message: why } of error.errors) fieldError(fieldOf(field, why, state), sentence(why));
    showInstead(["This cannot be searched for", message]);
  } else if (error.status === 404) {
    showInstead(["This article is not in the index", message]);
  } else {
    showInstead(["The server could not answer", message], [["Try again", again]]);
  }
  say(message);
}

/** The field of the page for one of the API. What is wrong with fields that no article has is said of none. */
function fieldOf(field, message, state) {
  if (["since", "until", "where"].includes(field)) return field;
  return field === "" && state.where && !/of the query/.test(message) ? "where" : "query";
}
