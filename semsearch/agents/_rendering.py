"""Answers as text, for clients that show a model no structured content.

Numbers are ours and stand outside the marks; whatever an article says, its id and title too, stands between them.
"""

from __future__ import annotations

from semsearch.agents._answers import ArticleFacts, Found, Passages, ReadText, Sources
from semsearch.agents._quoting import Quoting, line

__all__ = ["passages_text", "read_text", "refusal_text", "sources_text"]


def passages_text(answer: Passages) -> str:
    """Return what was found."""
    quoting = Quoting()
    blocks = [_found(one, quoting) for one in answer.hits]
    what = f"{len(answer.hits)} {'passage' if len(answer.hits) == 1 else 'passages'}, best first."
    return "\n\n".join([f"{what} {quoting.notice}", *blocks, answer.how_to_go_on] if blocks else [answer.how_to_go_on])


def read_text(answer: ReadText) -> str:
    """Return a part of an article."""
    quoting = Quoting()
    numbers = [one.number for one in answer.paragraphs if one.number is not None]
    paragraphs = f", paragraphs {numbers[0]} to {numbers[-1]}" if numbers else ""
    what = f"Characters {answer.start} to {answer.end} of {answer.length}{paragraphs}."
    quoted = [*_facts(answer.article), f"cite as: {answer.citation}", "", answer.text]
    return "\n\n".join([f"{what} {quoting.notice}", quoting.quote("\n".join(quoted)), answer.how_to_go_on])


def sources_text(answer: Sources) -> str:
    """Return what the archive has."""
    quoting = Quoting()
    days = f", from {answer.first} to {answer.last}" if answer.first else ""
    languages = ", ".join(f"{code} {share:.0%}" for code, share in answer.languages.items())
    lines = [
        f"{answer.articles:,} articles in {answer.passages:,} passages{days}.",
        f"Built {answer.built}. Languages: {languages or 'not known'}.",
        f"Sources, that with the most articles first. {quoting.notice}",
    ]
    quoted = [
        f"{one.articles:,} articles, {one.first or '?'} to {one.last or '?'}: "
        + ("(no source)" if one.source is None else one.source)
        for one in answer.sources
    ]
    more = [f"{answer.more_sources:,} more sources have fewer articles."] if answer.more_sources else []
    return "\n".join([*lines, quoting.quote("\n".join(quoted)), *more])


def refusal_text(remedy: str, quoted: str) -> str:
    """Return what was wrong with a call. What the library says of it may name what is in the archive."""
    if not quoted:
        return remedy
    quoting = Quoting()
    lines = "\n".join(line(each, 1000) for each in quoted.splitlines()[:20])
    return f"{remedy}. {quoting.notice}\n{quoting.quote(lines)}"


def _found(one: Found, quoting: Quoting) -> str:
    passage = one.passage
    place = f"[{one.rank}] score {one.score:.3f}, paragraph {passage.paragraph}"
    place += f", characters {passage.start} to {passage.end}"
    quoted = [*_facts(one.article), f"cite as: {one.citation}", "", passage.text]
    if passage.is_cut:
        quoted[-1] += " …"
        place += f", of which the first {len(passage.text):,} are shown"
    if one.evidence is not None:
        quoted += ["", f"answers best: {one.evidence.text}"]
    if one.duplicates:
        copies = ", ".join(line(copy.article.id, 500) for copy in one.duplicates)
        more = f" and {one.more_duplicates} more" if one.more_duplicates else ""
        quoted += ["", f"the same is in: {copies}{more}"]
    return f"{place}\n{quoting.quote(chr(10).join(quoted))}"


def _facts(article: ArticleFacts) -> list[str]:
    facts = {
        "article_id": line(article.id, len(article.id)),
        "title": article.title,
        "source": article.source,
        "published": article.published,
        "url": article.url,
    }
    return [f"{name}: {value}" for name, value in facts.items() if value]
