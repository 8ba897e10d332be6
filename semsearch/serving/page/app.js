// Brings it together: the address says what is shown, what is done changes the address.

import { Refused, ask } from "./api.js";
import { byId, element, opensHere } from "./dom.js";
import { fieldError, knowSources, startFilters, syncFilters } from "./filters.js";
import { showNothing, showRefusal } from "./instead.js";
import { startKeys } from "./keys.js";
import { Latest } from "./latest.js";
import { notice, say, settle } from "./notices.js";
import { keepPlace, returnTo, startPlaces } from "./places.js";
import { Reading } from "./reading.js";
import { keyOf, showHits, target } from "./results.js";
import { MOST, readState, searchOf, writeState } from "./state.js";
import { counted, titled, unquoted } from "./text.js";
import { Typing } from "./typing.js";
import { showWelcome } from "./welcome.js";

const LOOK = 20_000; // milliseconds between two looks for a newer index

const hits = () => answer?.hits ?? [];
const page = { href, open, like, saw, hits, state: () => state, language: null };
const questions = new Latest((error, retry) => trouble("search", error, retry));
const facts = new Latest((error, retry) => trouble("facts", error, retry));
const reading = new Reading(page, (error, retry) => trouble("article", error, retry));
const typing = new Typing(byId("query"), typed, () => (entering = false));
const titles = new Map(); // of articles by their ids, for "like …"

let state = readState(location.search);
let answer = null; // to the question that is shown
let asked = null; // the question that is shown or on its way, as text
let known = null; // what is in the index: status and sources
let newest = null; // the generation that answered last
let entering = false; // whether the first passage gets the focus as soon as it is there
let draft = false; // whether the entry of the history is of a question that is being written
let loose = false; // whether quotation marks of a draft were left out
let opener = null; // the link that opened the article

// --- the address ------------------------------------------------------------------------------------------------

function href(changes) {
  return writeState({ ...state, ...changes });
}

/** Change what is shown. `how` may have `replace` (the entry of the history) and what `Reading.show` takes. */
function go(changes, how = {}) {
  const written = typing.waits ? { q: byId("query").value } : {};
  typing.stop();
  const before = state;
  state = { ...state, ...written, ...changes };
  if (!how.draft) draft = false;
  const address = writeState(state);
  if (address !== writeState(before)) {
    keepPlace();
    if (how.replace) history.replaceState(history.state, "", address);
    else history.pushState({}, "", address);
  }
  show(before, how);
}

function show(before, how = {}) {
  if (byId("query").value.trim() !== state.q.trim()) byId("query").value = state.q;
  syncFilters(state);
  if (state.article) {
    const more = { title: titles.get(state.article), scroll: how.kept?.article };
    reading.show({ ...how, ...more }).then(showTitle);
  } else if (reading.isOpen) leave();
  const question = JSON.stringify(searchOf(state));
  if (question !== asked) search(question, how);
  else returnTo(how.kept);
  showCurrent();
  showTitle();
}

addEventListener("popstate", () => {
  const before = state;
  typing.stop();
  draft = false;
  state = readState(location.search);
  show(before, { kept: history.state?.kept ?? {}, focus: state.article !== null && state.article !== before.article });
});

// --- the question -----------------------------------------------------------------------------------------------

async function search(question, how = {}) {
  asked = question;
  for (const name of ["query", "since", "until", "where"]) fieldError(name, "");
  if (!searchOf(state)) {
    questions.stop();
    busy(false);
    answer = null;
    showAnswer();
    return;
  }
  busy(true);
  let came;
  try {
    came = await askLoosely(...searchOf(state));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    answer = null;
    showAnswer();
    showRefusal(error, state, again);
  }
  if (came === null) return; // something else was asked meanwhile
  busy(false);
  if (!came) return;
  answer = came;
  saw(came.generation);
  for (const { article } of came.hits) titles.set(article.id, titled(article));
  showAnswer();
  returnTo(how.kept);
  if (entering) enter();
  if (how.more) byId("hits").children[how.more]?.querySelector("a").focus();
  if (state.article) reading.mark({ stay: true });
  if (state.like && !titles.has(state.like)) learnTitle(state.like);
}

/** Ask; while a phrase is being written its second quotation mark is missing, which is no mistake yet. */
async function askLoosely(path, parameters) {
  loose = false;
  try {
    return await questions.ask(path, parameters);
  } catch (error) {
    const { hasQuotes, without } = unquoted(state.q);
    if (!draft || !hasQuotes || !without || error.status !== 422) throw error;
    loose = true;
    return questions.ask(path, { ...parameters, q: without });
  }
}

const titleOf = (id) => titles.get(id) ?? id;

const again = () => search(JSON.stringify(searchOf(state)));

function busy(is) {
  byId("busy").classList.toggle("on", is);
  byId("results").setAttribute("aria-busy", String(is));
}

const isBusy = () => byId("results").getAttribute("aria-busy") === "true";

/** What an article is called that nothing on the page names. */
async function learnTitle(id) {
  try {
    titles.set(id, titled((await ask("article", { id })).article));
  } catch {
    return; // its id will do
  }
  if (state.like !== id) return;
  syncFilters(state);
  showAnswer();
}

function showAnswer() {
  const found = hits();
  showHits(found, page);
  byId("count").replaceChildren(...(answer && found.length ? headline(found) : []));
  byId("more").hidden = !answer || found.length < state.k || state.k >= MOST;
  const warnings = answer?.warnings ?? [];
  byId("warnings").hidden = !warnings.length;
  byId("warnings").replaceChildren(...warnings.map((warning) => element("li", {}, warning)));
  byId("instead").replaceChildren();
  if (found.length) {
    say(counted(found.length, "passage"), 600);
  } else if (answer) showNothing(state, change);
  else if (!searchOf(state) && known) showWelcome(known.status, known.sources, (source) => change({ sources: [source] }));
  showCurrent();
  showTitle();
}

function headline(found) {
  const count = counted(found.length, "passage");
  if (!state.like) return [count];
  const part = state.paragraph ? `paragraph ${state.paragraph} of ` : "";
  return [`${count} like ${part}`, element("q", { dir: "auto" }, titleOf(state.like))];
}

/** Tell that a question waits, or that this is over. */
function trouble(key, error, retry) {
  if (!error) {
    settle(key);
    return;
  }
  const text = error instanceof Refused ? `The server is busy: ${error.message}` : "The server does not answer.";
  for (const other of ["search", "facts", "article"]) settle(other); // one notice for one server
  notice(key, `${text} It is asked again by itself.`, [["Try now", retry]]);
}

// --- what can be done -------------------------------------------------------------------------------------------

/** A change of the question: counted from its beginning again. */
function change(changes) {
  go({ k: 10, ...changes });
}

function typed() {
  const q = byId("query").value;
  if (q.trim() === state.q.trim()) return;
  const isDraft = draft;
  draft = true;
  go({ q, like: null, paragraph: null, k: 10 }, { replace: isDraft, draft: true });
}

function open(goal, link = document.activeElement) {
  const isOpen = reading.isOpen;
  if (!isOpen) opener = link;
  holding(link, () => go(goal, { focus: true, replace: isOpen && goal.article === state.article }));
}

function like(article, paragraph) {
  titles.set(article.id, titled(article));
  go({ q: "", like: article.id, paragraph, k: 10, article: null, at: null, mark: null });
  byId("results").focus({ preventScroll: true });
  scrollTo({ top: 0, behavior: "instant" });
}

const shut = () => go({ article: null, at: null, mark: null });

/** Do what gives the list another width, and leave an element of it where it is on the screen. */
function holding(one, act) {
  const before = one.getBoundingClientRect().top;
  act();
  scrollBy({ top: one.getBoundingClientRect().top - before, behavior: "instant" });
}

/** After an article was closed, one is where one was. */
function leave() {
  const current = byId("hits").querySelector('[aria-current="true"] a.title');
  const back = opener?.isConnected ? opener : (current ?? byId("query"));
  holding(back, () => reading.close());
  opener = null;
  back.focus({ preventScroll: true });
  const { top, bottom } = back.getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) back.scrollIntoView({ block: "center" });
}

/** Say in the list which passage is open. */
function showCurrent() {
  const key = state.article && state.at ? keyOf(state.article, state.at[0]) : null;
  for (const item of byId("hits").children) {
    if (item.dataset.key === key) item.setAttribute("aria-current", "true");
    else item.removeAttribute("aria-current");
  }
}

function showTitle() {
  const like = state.like ? `like ${titleOf(state.like)}` : "";
  const parts = [state.article && reading.title, state.q.trim() || like, "semsearch"];
  document.title = parts.filter(Boolean).join(" – ");
}

/** Go from the box to the first passage. */
function enter() {
  entering = false;
  if (document.activeElement === byId("query")) step(1);
}

function step(by) {
  if (typing.waits) typing.now(); // who goes on to the passages has written what is to be asked
  if (!state.article && !entering && document.activeElement === byId("query") && isBusy()) {
    entering = true; // once more, and one is among those that are there already
    return;
  }
  entering = false;
  const items = [...byId("hits").children];
  const held = items.findIndex((item) => item.contains(document.activeElement));
  const current = items.findIndex((item) => item.hasAttribute("aria-current"));
  const next = (state.article || held < 0 ? current : held) + by;
  if (!state.article && next < 0) {
    byId("query").focus();
    return;
  }
  if (!items[next]) return;
  const link = items[next].querySelector("a.title");
  if (state.article) {
    opener = link;
    go(target(hits()[next]), { focus: true, replace: true });
    items[next].scrollIntoView({ block: "nearest" });
    say(link.textContent);
  } else {
    link.focus({ preventScroll: true });
    items[next].scrollIntoView({ block: "nearest" });
  }
}

function within(by) {
  const neighbour = state.article && reading.neighbour(by);
  if (!neighbour) return;
  go(target(neighbour.hit), { replace: true });
  say(byId("step").textContent);
}

function press(what) {
  const held = document.activeElement?.closest(".hit");
  const scope = held ?? (reading.isOpen ? byId("article") : null);
  scope?.querySelector(`[data-act="${what}"]`)?.click();
}

// --- the index --------------------------------------------------------------------------------------------------

/** An answer came from this generation of the index: if what is shown is of another one, say so. */
function saw(generation) {
  const isOther = newest !== null && generation !== newest;
  newest = generation;
  if (isOther) know();
  const shown = [answer?.generation, reading.generation].filter(Boolean);
  if (shown.every((one) => one === generation)) {
    settle("generation");
    return;
  }
  notice("generation", "The index was updated: what is shown may have changed.", [
    ["Show it anew", anew],
    ["Not now", () => settle("generation")],
  ]);
}

function anew() {
  settle("generation");
  if (answer) again();
  if (state.article) reading.show({ again: true, stay: true });
}

/** Learn what is in the index. */
async function know() {
  try {
    const status = await facts.ask("status");
    const sources = status && (await facts.ask("sources"));
    if (!sources) return;
    known = { status, sources: sources.sources };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (!searchOf(state)) showRefusal(error, state, know);
    return;
  }
  newest ??= known.status.generation;
  byId("index-name").textContent = known.status.index;
  const [language, share] = Object.entries(known.status.languages ?? {})[0] ?? [null, 0];
  page.language = share > 0.9 ? language : null; // for voices and hyphens
  knowSources(known.sources);
  if (!searchOf(state)) showAnswer();
}

async function look() {
  if (document.hidden) return;
  try {
    saw((await ask("health")).generation);
  } catch {
    // the next question says what is wrong
  }
}

// --- begin ------------------------------------------------------------------------------------------------------

function start() {
  const query = byId("query");
  query.addEventListener("blur", () => (draft = false));
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    typing.now();
    draft = false;
    if (loose) again(); // now it is a mistake
  });
  byId("more").addEventListener("click", () => {
    go({ k: Math.min(MOST, state.k < 20 ? 20 : state.k < 50 ? 50 : MOST) }, { replace: true, more: hits().length });
  });
  byId("home").addEventListener("click", (event) => {
    if (!opensHere(event)) return;
    event.preventDefault();
    go(readState(""));
    query.focus();
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId("results").focus();
  });
  byId("close").addEventListener("click", shut);
  byId("previous").addEventListener("click", () => within(-1));
  byId("next").addEventListener("click", () => within(1));
  startFilters(change, titleOf);
  startKeys({ step, within, press, close: () => (state.article ? (shut(), true) : false) });
  startPlaces();
  document.addEventListener("visibilitychange", look);
  setInterval(look, LOOK);

  know();
  show(state, { kept: history.state?.kept, focus: false });
  if (!state.q && !state.like && !state.article) query.focus();
}

start();
