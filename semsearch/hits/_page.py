"""Hits as HTML, for notebooks. Whatever an article says is text here: nothing of it becomes markup or a script."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from semsearch.records import Article, ArticleHit, Hit

__all__ = ["articles_html", "hits_html", "many_html", "without_controls"]

_MOST_ROWS = 50
_MOST_ROWS_OF_ALL = 100  # of several queries, but some of each
_FEWEST_ROWS = 3
_LONGEST_PASSAGE = 1500  # characters of one that are shown; those around what answers
_BEFORE_EVIDENCE = 300
_WEB = re.compile(r"https?://[^\s\"'<>\x00-\x1f\x7f]+\Z", re.IGNORECASE)
# What would turn around, or hide, what follows it. A tab and the ends of lines stay.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

# Colours are the notebook's own, or see-through: it may be light or dark.
_STYLE = """<style>
.semsearch-hits { border-collapse: collapse; margin: 0.5em 0; max-width: 70em; color: inherit; }
.semsearch-hits caption { caption-side: top; text-align: left; padding: 0.3em 0; color: inherit; font-weight: bold; }
.semsearch-hits th, .semsearch-hits td { text-align: left; vertical-align: top; padding: 0.4em 0.6em; border: 0;
  border-top: 1px solid rgba(128, 128, 128, 0.4); white-space: normal; color: inherit; background: transparent; }
.semsearch-hits .semsearch-number { text-align: right; font-variant-numeric: tabular-nums; }
.semsearch-hits .semsearch-article { min-width: 11em; max-width: 18em; overflow-wrap: anywhere; }
.semsearch-hits .semsearch-passage { white-space: pre-line; overflow-wrap: anywhere; line-height: 1.45; }
.semsearch-hits .semsearch-day { white-space: nowrap; }
.semsearch-hits .semsearch-small { opacity: 0.75; font-size: 0.9em; }
.semsearch-hits mark { background: rgba(255, 196, 0, 0.38); color: inherit; padding: 0 0.1em; border-radius: 0.15em; }
.semsearch-hits a { color: inherit; text-decoration: underline; }
</style>"""


def hits_html(hits: Sequence[Hit], query: str | None, most: int = _MOST_ROWS) -> str:
    """Return a table of hits: rank, score, article, passage with the sentence that answers marked."""
    if not hits:
        return f"<p>Nothing was found{_for(query)}.</p>"
    what = f"{len(hits)} {'passage' if len(hits) == 1 else 'passages'}{_for(query)}"
    return _table(what, [_row(hit.rank, hit) for hit in hits[:most]], len(hits))


def articles_html(articles: Sequence[ArticleHit], query: str | None) -> str:
    """Return a table of articles, each with its passages."""
    if not articles:
        return f"<p>Nothing was found{_for(query)}.</p>"
    what = f"{len(articles)} {'article' if len(articles) == 1 else 'articles'}{_for(query)}"
    rows = [
        _row(one.rank if number == 0 else None, hit, with_article=number == 0)
        for one in articles
        for number, hit in enumerate(one.hits)
    ]
    return _table(what, rows[:_MOST_ROWS], len(rows))


def many_html(many: Sequence[Sequence[Hit]]) -> str:
    """Return a table for each query."""
    most = min(_MOST_ROWS, max(_FEWEST_ROWS, _MOST_ROWS_OF_ALL // max(1, len(many))))
    shown = [hits_html(hits, getattr(hits, "query", None), most) for hits in many[:_MOST_ROWS]]
    return "".join([*shown, _rest(len(many) - len(shown), "queries")])


def _for(query: str | None) -> str:
    return "" if query is None else f" for “{_text(query)}”"


def _table(what: str, rows: Sequence[str], of: int) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Rank", "Score", "Article", "Passage"))
    return (
        f'{_STYLE}<table class="semsearch-hits"><caption>{what}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>{_rest(of - len(rows), 'passages')}"
    )


def _rest(count: int, of_what: str) -> str:
    if count <= 0:
        return ""
    return f"<p>{count:,} more {of_what} are not shown here: <code>to_pandas()</code> has all.</p>"


def _row(rank: int | None, hit: Hit, *, with_article: bool = True) -> str:
    number = "" if rank is None else str(rank)
    article = _article(hit.article) if with_article else ""
    return (
        f'<tr><td class="semsearch-number">{number}</td><td class="semsearch-number">{hit.score:.3f}</td>'
        f'<td class="semsearch-article">{article}</td><td>{_passage(hit)}</td></tr>'
    )


def _article(article: Article) -> str:
    title = _text(article.title.strip() or article.id)
    if article.url is not None and _WEB.match(article.url):
        title = f'<a href="{_text(article.url)}" target="_blank" rel="noopener noreferrer">{title}</a>'
    facts = _text(article.source or "")
    if article.published is not None:
        day = f'<span class="semsearch-day">{article.published.isoformat()}</span>'
        facts = f"{facts} · {day}" if facts else day
    return f'<div dir="auto">{title}</div>' + (f'<div class="semsearch-small">{facts}</div>' if facts else "")


def _passage(hit: Hit) -> str:
    start, end = _shown(hit)
    text, at = hit.article.text, start
    parts = ["… " if start > hit.passage.start else ""]
    if hit.evidence is not None and start <= hit.evidence.start < end:
        until = min(hit.evidence.end, end)
        parts += [_text(text[at : hit.evidence.start]), f"<mark>{_text(text[hit.evidence.start : until])}</mark>"]
        at = until
    parts += [_text(text[at:end]), " …" if end < hit.passage.end else ""]
    place = f"paragraph {hit.passage.paragraph}" + ("" if hit.page is None else f", page {_text(hit.page)}")
    copies = len(hit.duplicates)
    folded = f" · {copies} near {'duplicate' if copies == 1 else 'duplicates'}" if copies else ""
    return (
        f'<div class="semsearch-passage" dir="auto">{"".join(parts)}</div>'
        f'<div class="semsearch-small">{place}{folded}</div>'
    )


def _shown(hit: Hit) -> tuple[int, int]:
    """Return what of the article's text to show: the passage, or of a long one the part around what answers."""
    start, end = hit.passage.start, hit.passage.end
    if end - start > _LONGEST_PASSAGE:
        if hit.evidence is not None:
            start = max(start, min(hit.evidence.start - _BEFORE_EVIDENCE, end - _LONGEST_PASSAGE))
        end = min(end, start + _LONGEST_PASSAGE)
    return start, end


def _text(text: str) -> str:
    return escape(without_controls(text))


def without_controls(text: str) -> str:
    """Return a text with U+FFFD in the place of what would turn around, or hide, what follows it."""
    return _CONTROLS.sub("\ufffd", text)
