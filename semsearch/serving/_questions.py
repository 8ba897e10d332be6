"""What the API was asked, as the library asks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from semsearch.filters import And, Filter, Or, field, parse_filter
from semsearch.serving._problems import Refusal

if TYPE_CHECKING:
    from semsearch.records import Hit
    from semsearch.searching import Searcher, SearchOptions
    from semsearch.serving._models import SearchBody, SearchParameters, SimilarParameters

__all__ = ["Asked", "asked_by_body", "asked_by_parameters", "asked_for_similar"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question; what it is kept by is made of its ``repr``, in which every field stands."""

    query: str | None
    k: int
    filter: Filter | None
    mode: str
    min_score: float | None
    fold_duplicates: bool
    max_per_article: int | None
    diversity: float
    explain: bool
    article: str | None = None
    paragraph: int | None = None

    def ask(self, searcher: Searcher) -> list[Hit]:
        """Ask it.

        Raises:
            ValueError: If it makes no sense.
            SemsearchError: If the index cannot answer.
        """
        options: SearchOptions = {
            "mode": self.mode,
            "where": self.filter,
            "min_score": self.min_score,
            "fold_duplicates": self.fold_duplicates,
            "diversity": self.diversity,
            "explain": self.explain,
        }
        if self.max_per_article is not None:
            options["max_per_article"] = self.max_per_article
        if self.article is not None:
            return searcher.similar(self.article, self.k, paragraph=self.paragraph, **options)
        return searcher.search(self.query or "", self.k, **options)


def asked_by_parameters(given: SearchParameters) -> Asked:
    """Return the question in an address."""
    return _asked(given, given.source, query=given.q, mode=given.mode)


def asked_by_body(given: SearchBody) -> Asked:
    """Return the question in a body."""
    return _asked(given, given.sources, query=given.query, mode=given.mode)


def asked_for_similar(given: SimilarParameters) -> Asked:
    """Return what is more like an article."""
    return _asked(given, given.source, mode="dense", article=given.id, paragraph=given.paragraph)


def _asked(
    given: SearchParameters | SearchBody | SimilarParameters,
    sources: list[str],
    *,
    mode: str,
    query: str | None = None,
    article: str | None = None,
    paragraph: int | None = None,
) -> Asked:
    return Asked(
        query=query,
        k=given.k,
        filter=_filter(given.where, given.since, given.until, sources),
        mode=mode,
        min_score=given.min_score,
        fold_duplicates=given.fold_duplicates,
        max_per_article=given.max_per_article,
        diversity=given.diversity,
        explain=given.explain,
        article=article,
        paragraph=paragraph,
    )


def _filter(where: str | None, since: str | None, until: str | None, sources: list[str]) -> Filter | None:
    """Put the filters together; what is blank is none, as a form sends it."""
    parts: list[Filter] = []
    if where is not None and where.strip():
        parts.append(_read("where", lambda: parse_filter(where)))
    if since is not None and since.strip():
        parts.append(_read("since", lambda: field("published") >= since))
    if until is not None and until.strip():
        parts.append(_read("until", lambda: field("published") <= until))
    if sources:
        parts.append(_read("source", lambda: _of_sources(sources)))
    if len(parts) < 2:
        return parts[0] if parts else None
    return _read("where", lambda: And(tuple(parts)))  # each may be short enough, and all of them too long


def _of_sources(sources: list[str]) -> Filter:
    named = [source for source in dict.fromkeys(sources) if source]
    parts = [field("source").isin(named)] if named else []
    if "" in sources:
        parts.append(~field("source").exists())
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _read(name: str, make: Callable[[], Filter]) -> Filter:
    try:
        return make()
    except ValueError as error:
        raise Refusal.of_field(name, str(error)) from None
