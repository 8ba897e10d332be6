// What is shown is what the address says: every state has a link, and back, forward and reload come for nothing.

const DEFAULTS = { k: 10, mode: "hybrid" };
const MODES = ["hybrid", "dense", "lexical"];
export const MOST = 100;

/** The state of a query string. What makes no sense in it counts as not said. */
export function readState(search) {
  const said = new URLSearchParams(search);
  const k = Number.parseInt(said.get("k") ?? "", 10);
  const mode = said.get("mode");
  return {
    q: said.get("q") ?? "",
    like: said.get("like") || null, // an article that results are to resemble, and a paragraph of it
    paragraph: number(said.get("paragraph")),
    sources: [...new Set(said.getAll("source"))],
    since: said.get("since") ?? "",
    until: said.get("until") ?? "",
    where: said.get("where") ?? "",
    mode: MODES.includes(mode) ? mode : DEFAULTS.mode,
    k: k > 0 ? Math.min(k, MOST) : DEFAULTS.k,
    each: said.get("each") === "1", // one passage an article
    explain: said.get("explain") === "1",
    article: said.get("article") || null,
    at: span(said.get("at")), // the passage of the article that is shown, in code points
    mark: span(said.get("mark")), // the sentence of it that answers
  };
}

/** The query string of a state, `?` if nothing is said. */
export function writeState(state) {
  const said = new URLSearchParams();
  const put = (name, value) => value && said.set(name, value);
  put("q", state.q);
  put("like", state.like);
  if (state.like) put("paragraph", state.paragraph);
  state.sources.forEach((source) => said.append("source", source));
  put("since", state.since);
  put("until", state.until);
  put("where", state.where);
  if (state.mode !== DEFAULTS.mode) put("mode", state.mode);
  if (state.k !== DEFAULTS.k) put("k", state.k);
  put("each", state.each && "1");
  put("explain", state.explain && "1");
  put("article", state.article);
  if (state.article) {
    put("at", state.at && state.at.join("-"));
    put("mark", state.mark && state.mark.join("-"));
  }
  return `?${said}`;
}

/** What a search is asked with: the path and its parameters, or null if nothing is asked. */
export function searchOf(state) {
  const common = {
    k: state.k,
    source: state.sources,
    since: state.since || null,
    until: state.until || null,
    where: state.where.trim() || null,
    mode: state.mode === DEFAULTS.mode ? null : state.mode,
    max_per_article: state.each ? 1 : null,
    explain: state.explain || null,
  };
  if (state.like) {
    const { mode: _, ...filters } = common; // an article is compared by what it means
    return ["similar", { id: state.like, paragraph: state.paragraph, ...filters }];
  }
  return state.q.trim() ? ["search", { q: state.q, ...common }] : null;
}

/** What empties all filters. */
export const UNFILTERED = { sources: [], since: "", until: "", where: "" };

/** Whether a state narrows the archive down. */
export const isFiltered = (state) => Boolean(state.sources.length || state.since || state.until || state.where.trim());

function number(text) {
  return /^\d{1,9}$/.test(text ?? "") && Number(text) > 0 ? Number(text) : null;
}

function span(text) {
  const match = /^(\d{1,10})-(\d{1,10})$/.exec(text ?? "");
  return match && Number(match[1]) < Number(match[2]) ? [Number(match[1]), Number(match[2])] : null;
}
