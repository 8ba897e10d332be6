// Filters: the panels below the box, and what is in force as chips that take it away again.

import { byId, element } from "./dom.js";
import { counted, filterDate, humanDate, plain, timeSpan } from "./text.js";

const MANY = 8; // sources, from which on they can be searched
const MOST_SHOWN = 200; // sources in the list at once: more are found by typing

let sources = [];
let go = () => {};
let titleOf = (id) => id;
let current = null;

/** Prepare the panels; `change(changes)` is called with what was changed of the state, `called(id)` names an article. */
export function startFilters(change, called) {
  go = change;
  titleOf = called;
  for (const toggle of document.querySelectorAll(".switches button")) {
    toggle.addEventListener("click", () => openPanel(toggle.getAttribute("aria-expanded") === "true" ? null : toggle));
  }
  for (const name of ["since", "until"]) byId(name).addEventListener("change", () => takeDate(name));
  byId("where").addEventListener("change", () => go({ where: byId("where").value.trim() }));
  byId("mode").addEventListener("change", () => go({ mode: byId("mode").value }));
  byId("each").addEventListener("change", () => go({ each: byId("each").checked }));
  byId("explain").addEventListener("change", () => go({ explain: byId("explain").checked }));
  byId("find-source").addEventListener("input", () => listSources());
}

/** Open the panel of one of the switches, and close the others. */
function openPanel(toggle) {
  for (const one of document.querySelectorAll(".switches button")) {
    one.setAttribute("aria-expanded", String(one === toggle));
    byId(one.getAttribute("aria-controls")).hidden = one !== toggle;
  }
  if (toggle && current) listSources(); // those that are chosen come first, now that nobody points at one of them
}

/** Close the panel that has the focus, which goes to its switch; returns whether there was one. */
export function closePanel() {
  const panel = document.activeElement?.closest(".panel");
  const open = document.querySelector('.switches button[aria-expanded="true"]');
  if (!open || (!panel && document.activeElement !== open)) return false;
  openPanel(null);
  open.focus();
  return true;
}

function takeDate(name) {
  const written = byId(name).value.trim();
  const date = written ? filterDate(written) : "";
  fieldError(name, date === null ? `“${written}” is no date: write 2020, 2020-03 or 2020-03-15.` : "");
  if (date !== null) go({ [name]: date });
}

/** Say what is wrong at a field (`query`, `since`, `until`, `where`), or that nothing is; returns whether it is shown. */
export function fieldError(name, message) {
  const place = byId(`${name}-error`);
  if (!place) return false;
  place.textContent = message;
  place.hidden = !message;
  byId(name).setAttribute("aria-invalid", String(Boolean(message)));
  const panel = byId(name).closest(".panel");
  if (message && panel) openPanel(document.querySelector(`[aria-controls="${panel.id}"]`));
  return true;
}

/** Take in what sources there are. */
export function knowSources(known) {
  sources = known;
  const span = timeSpan(sources);
  byId("dates-known").textContent = span ? `The archive has ${span}.` : "";
  byId("find-source-row").hidden = sources.length <= MANY;
  if (current) listSources();
}

/** Show what a state says, but never overwrite what someone is writing. */
export function syncFilters(state) {
  const before = current;
  current = state;
  for (const name of ["since", "until", "where"]) {
    const field = byId(name);
    if (before?.[name] !== state[name] || !field.value) {
      field.value = state[name];
      fieldError(name, "");
    }
  }
  byId("mode").value = state.mode;
  byId("mode").disabled = Boolean(state.like);
  byId("each").checked = state.each;
  byId("explain").checked = state.explain;
  for (const box of byId("source-list").querySelectorAll("input")) box.checked = state.sources.includes(box.value);
  showChips(state);
}

/** What a source is called; some articles have none. */
export const sourceName = (source) => source || "No source";

/** List what the archive has. Only then is the order a new one: what one is about to tick must not move away. */
function listSources() {
  const wanted = plain(byId("find-source").value.trim());
  const matching = sources.filter(
    ({ source }) => current.sources.includes(source ?? "") || plain(sourceName(source)).includes(wanted),
  );
  matching.sort((a, b) => current.sources.includes(b.source ?? "") - current.sources.includes(a.source ?? ""));
  const list = byId("source-list");
  const held = list.contains(document.activeElement) ? document.activeElement.value : null;
  list.replaceChildren(...matching.slice(0, MOST_SHOWN).map(sourceItem));
  if (held !== null) [...list.querySelectorAll("input")].find((input) => input.value === held)?.focus();
  const left = matching.length - MOST_SHOWN;
  byId("source-help").textContent = matching.length
    ? left > 0 ? `${counted(left, "more source")}: write a part of the name to find them.` : ""
    : sources.length ? "No source is called that." : "";
}

function sourceItem({ source, articles }, i) {
  const value = source ?? "";
  const id = `source-${i}`;
  const box = element("input", { type: "checkbox", id, value });
  box.checked = current.sources.includes(value);
  box.addEventListener("change", () => {
    const others = current.sources.filter((one) => one !== value);
    go({ sources: box.checked ? [...others, value] : others });
  });
  const name = element("span", { dir: "auto" }, sourceName(source));
  const count = element("span", { class: "number", "aria-label": counted(articles, "article") }, articles.toLocaleString("en-GB"));
  return element("li", {}, box, element("label", { for: id }, name, " ", count));
}

function showChips(state) {
  const chips = [];
  const add = (label, value, changes) => chips.push({ label, value, changes });
  if (state.like) add("like", titleOf(state.like), { like: null, paragraph: null });
  if (state.since) add("since", dateName(state.since), { since: "" });
  if (state.until) add("until", dateName(state.until), { until: "" });
  for (const source of state.sources) {
    add("source", sourceName(source), { sources: state.sources.filter((one) => one !== source) });
  }
  if (state.where) add("filter", state.where, { where: "" });
  if (state.each) add("", "one passage an article", { each: false });
  const list = byId("chips");
  list.replaceChildren(...chips.map(chip));
  list.hidden = !chips.length;
}

const dateName = (date) => (date.length === 10 ? humanDate(date) : date);

function chip({ label, value, changes }, i) {
  const remove = element(
    "button",
    { type: "button", class: "chip", "aria-label": `Remove ${label ? `${label} ` : ""}${value}` },
    label ? element("span", { class: "muted" }, `${label} `) : null,
    element("span", { dir: "auto", class: "value" }, value),
    element("span", { "aria-hidden": "true", class: "cross" }, "×"),
  );
  remove.addEventListener("click", () => {
    go(changes);
    const left = byId("chips").querySelectorAll("button");
    (left[Math.min(i, left.length - 1)] ?? byId("query")).focus();
  });
  return element("li", {}, remove);
}
