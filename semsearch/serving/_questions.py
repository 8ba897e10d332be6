"""What the API was asked, as the library asks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from semsearch.filters import AskedFilterError, Filter, asked_filter
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
    where, since, until = (text if text is not None and text.strip() else None for text in (where, since, until))
    try:
        return asked_filter(where, since, until, [name or None for name in sources])
    except AskedFilterError as error:
        name = {"sources": "source", None: "where"}.get(error.name, error.name)
        raise Refusal.of_field(name or "where", str(error)) from None
