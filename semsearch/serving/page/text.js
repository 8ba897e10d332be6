// Pure functions over texts. Offsets of the index count Unicode code points; JavaScript's strings count UTF-16 units.

/** A text whose offsets are code points. */
export class CodePoints {
  constructor(text) {
    this.text = text;
    this.units = null; // where each code point begins, only for texts in which that is not its own number
    if (/[\ud800-\udbff]/.test(text)) {
      const units = [];
      for (let unit = 0; unit < text.length; unit += text.codePointAt(unit) > 0xffff ? 2 : 1) units.push(unit);
      units.push(text.length);
      this.units = Uint32Array.from(units);
    }
  }

  get length() {
    return this.units ? this.units.length - 1 : this.text.length;
  }

  slice(start, end) {
    if (!this.units) return this.text.slice(start, end);
    const last = this.length;
    return this.text.slice(this.units[Math.min(start, last)], this.units[Math.min(end, last)]);
  }
}

/**
 * Cut what lies from `start` to `end` wherever a span begins or ends. Spans are objects with `start`, `end` and `kind`;
 * the pieces have `start`, `text` and `kinds`, those of the spans that cover them.
 */
export function pieces(points, start, end, spans) {
  const inside = spans.filter((span) => span.start < end && span.end > start);
  const cuts = new Set([start, end]);
  for (const span of inside) {
    cuts.add(Math.max(span.start, start));
    cuts.add(Math.min(span.end, end));
  }
  const sorted = [...cuts].sort((a, b) => a - b);
  return sorted.slice(0, -1).map((cut, i) => ({
    start: cut,
    text: points.slice(cut, sorted[i + 1]),
    kinds: new Set(inside.filter((span) => span.start <= cut && span.end >= sorted[i + 1]).map((span) => span.kind)),
  }));
}

/** A heading without its signs, `## ` before it or a line of `===` under it: where it begins and ends, and its depth. */
export function bareHeading(text) {
  const signs = /^\s{0,3}(#{1,6})\s+/.exec(text);
  const under = /\n\s*(=+|-+)\s*$/.exec(text);
  const hashes = signs ? /\s+#+\s*$/.exec(text) : null;
  const tail = hashes ?? under;
  const count = (part) => Array.from(part).length;
  return {
    before: signs ? count(signs[0]) : 0,
    after: tail ? count(tail[0]) : 0,
    depth: signs ? signs[1].length : under?.[1][0] === "=" ? 1 : 2,
  };
}

/** Whether the lines of a paragraph mean something: a list, a table, verse. Else they are only where it was wrapped. */
export function keepsLines(text) {
  const lines = text.split("\n");
  if (lines.length < 2) return false;
  const marked = lines.filter((line) => /^\s*([-*+•–|>]|\d+[.)])\s?/.test(line)).length;
  return marked * 2 >= lines.length || lines.every((line) => line.length <= 55);
}

/** "1 passage", "1,204 passages". */
export function counted(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en-GB")} ${number === 1 ? one : many}`;
}

/** A day as people write it where the reader is: "8 January 2022". */
export function humanDate(iso, locale = undefined) {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(iso ?? "");
  if (!match) return iso ?? "";
  const day = new Date(0);
  day.setUTCFullYear(Number(match[1]), Number(match[2]) - 1, Number(match[3]));
  return new Intl.DateTimeFormat(locale, { dateStyle: "long", timeZone: "UTC" }).format(day);
}

/** The first and the last day of what sources have, as words; empty if no article has a date. */
export function timeSpan(sources) {
  const dates = sources.flatMap(({ first, last }) => [first, last]).filter(Boolean).sort();
  const [first, last] = [humanDate(dates[0]), humanDate(dates.at(-1))];
  return first === last ? first : `${first} to ${last}`;
}

/** A name as it is looked for: "zurich" finds "Zürich". */
export const plain = (name) => name.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();

/**
 * What a person wrote as a date as the filters want it; null if it is none. With the year first, or as 15.3.2020; what
 * has strokes and the year last is no date, as nobody can tell the day from the month.
 */
export function filterDate(written) {
  const match =
    /^\s*(?<year>\d{4})(?:[-/.](?<month>\d{1,2})(?:[-/.](?<day>\d{1,2}))?)?\s*$/.exec(written) ??
    /^\s*(?:(?<day>\d{1,2})\.\s*)?(?<month>\d{1,2})\.\s*(?<year>\d{4})\s*$/.exec(written);
  if (!match) return null;
  const { year, month, day } = match.groups;
  const parts = [year, month, day].filter((part) => part !== undefined).map((part) => part.padStart(2, "0"));
  const date = new Date(Date.UTC(Number(year), Number(month ?? 1) - 1, Number(day ?? 1)));
  const real = date.getUTCMonth() === Number(month ?? 1) - 1 && date.getUTCDate() === Number(day ?? 1);
  return real && Number(year) > 0 ? parts.join("-") : null;
}

/** Where a passage stands: "paragraph 5", and its page where there is one. */
export function place(paragraph, page) {
  const where = paragraph ? [`paragraph ${paragraph}`] : [];
  return [...where, ...(page ? [`page ${page}`] : [])].join(", ");
}

/** What an article is called: its title, or what it is known by. */
export const titled = (article) => article.title.trim() || article.id;

/** A quotation with where it is from, as it goes into notes. */
export function quotation(quote, article, paragraph, page, url) {
  const from = [
    titled(article),
    article.source,
    article.published ? humanDate(article.published) : null,
    place(paragraph, page),
  ];
  const lines = [`“${quote.trim()}”`, `— ${from.filter(Boolean).join(", ")}`, url];
  return lines.filter(Boolean).join("\n");
}

/** Whether a question has words between quotation marks, and the question without them. */
export function unquoted(query) {
  const without = query.replace(/["“”„«»]/g, "").trim();
  return { hasQuotes: without !== query.trim(), without };
}

/** A message as a sentence. */
export function sentence(message) {
  const text = message.trim();
  return text ? text[0].toLocaleUpperCase("en") + text.slice(1) + (/[.!?:^]$/.test(text) ? "" : ".") : text;
}
