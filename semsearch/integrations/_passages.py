"""What frameworks are told of a passage: its id, how it is cited, and its metadata. The same for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from semsearch.records import Hit, page_at

__all__ = ["OF_THE_ANSWER", "article_path", "citation", "passage_id", "passage_metadata"]

_OF_THE_ARTICLE = {
    "article_id": ("id",),
    "id": ("id",),
    "title": ("title",),
    "source": ("source",),
    "published": ("published",),
    "date": ("published",),
    "url": ("url",),
}
"""The fields of every article by their names in the metadata, and as filters call them."""

OF_THE_ANSWER = ("rank", "score", "evidence", "generation")
"""Names in the metadata that say how a passage was found: another question finds the same one with others."""

_OF_THE_PASSAGE = ("paragraph", "page", "start", "end", "citation", *OF_THE_ANSWER)
"""Names in the metadata that say something of the passage, or of the answer: no filter over articles knows them."""

_TAKEN = {*_OF_THE_ARTICLE, *_OF_THE_PASSAGE, "metadata"}


def passage_id(hit: Hit) -> str:
    """Return what names a passage for as long as its article is the same: the article's id, and the characters.

    The part after the ``#`` is how RFC 5147 points into a text.
    """
    return f"{hit.article.id}#char={hit.passage.start},{hit.passage.end}"


def citation(hit: Hit) -> str:
    """Return how a passage is cited in a text: source, day, title or id, page, paragraph."""
    article = hit.article
    parts = [
        article.source,
        article.published.isoformat() if article.published else None,
        f"“{article.title}”" if article.title else article.id,
        f"p. {hit.page}" if hit.page else None,
        f"paragraph {hit.passage.paragraph}",
    ]
    return ", ".join(part for part in parts if part)


def passage_metadata(hit: Hit, *, rank: int, generation: str | None) -> dict[str, Any]:
    """Return what is known of a passage and its article, as JSON values. What is not known is left out.

    The metadata of the article stands beside it, but for names that are taken: these are in ``metadata``, as they are
    in a filter (``metadata.title``).
    """
    article, passage = hit.article, hit.passage
    has_pages = page_at(article, len(article.text)) is not None
    others = _there(article.metadata)
    if has_pages:  # where each page begins is a list as long as the article
        del others["pages"]
    known = {
        "article_id": article.id,
        "title": article.title,
        "source": article.source,
        "published": article.published.isoformat() if article.published else None,
        "url": article.url,
        "paragraph": passage.paragraph,
        "page": hit.page,
        "start": passage.start,
        "end": passage.end,
        "rank": rank,
        "score": round(hit.score, 6),
        "evidence": hit.evidence.text if hit.evidence else None,
        "citation": citation(hit),
        "generation": generation,
        **{name: value for name, value in others.items() if name not in _TAKEN},
        "metadata": {name: value for name, value in others.items() if name in _TAKEN},
    }
    return _there(known)


def _there(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values without those that are missing, as filters have it."""
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}


def article_path(name: str) -> tuple[str, ...]:
    """Return the path in filters of what the metadata calls by this name: ``section``, ``section.name``.

    Raises:
        ValueError: If it says something of the passage, or is the name of nothing.
    """
    names = tuple(name.split("."))
    if names[0] in _OF_THE_PASSAGE:
        raise ValueError(f"{names[0]} is of a passage, and a filter chooses articles: leave it out")
    if names[0] in _OF_THE_ARTICLE:
        if len(names) > 1:
            raise ValueError(f"{names[0]} has no parts: is metadata.{name} meant?")
        return _OF_THE_ARTICLE[name]
    return names if names[0] == "metadata" else ("metadata", *names)
