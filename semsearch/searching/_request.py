"""What a search can be told, and that it was told something sensible."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from semsearch.dense import RECALL
from semsearch.filters import Filter, parse_filter
from semsearch.records import is_unicode

__all__ = ["DEFAULT_K", "MODES", "Request", "SearchOptions", "check_count", "check_queries"]

DEFAULT_K = 10

MODES = ("hybrid", "dense", "lexical")
"""``hybrid`` ranks by everything that is known; ``dense`` by the vectors alone, ``lexical`` by words alone (BM25)."""


class SearchOptions(TypedDict, total=False):
    """What :meth:`Searcher.search <semsearch.Searcher.search>` and its relatives can be told.

    Attributes:
        mode: One of :data:`~semsearch.searching.MODES`; ``"hybrid"`` if it is not given.
        where: Only articles for which this holds: a :class:`~semsearch.Filter` or its text, such as
            ``"source = Reuters and date >= 2024"``. It is applied before the search: nothing that matches is missed.
        min_score: Leave out hits with a lower score. ``semsearch suggest-threshold`` suggests one.
        fold_duplicates: List a passage that says the same as a better one under that (``Hit.duplicates``); on if not
            given.
        max_per_article: At most so many passages of an article.
        diversity: 0 (if not given) ranks by score alone; above it, up to 1, what resembles better hits comes later.
        phrases: Whether words between quotation marks must be found as they stand; on if not given.
        evidence: Whether to look for the sentence that answers best; on if not given.
        explain: Whether each hit says why it has its score.
        recall: The share of the nearest passages that the search by vectors finds on average, above 0; 0.995 if not
            given. Only archives of more than 20,000 passages miss any; 1 misses none there either, and takes many
            times as long.
    """

    mode: str
    where: Filter | str | None
    min_score: float | None
    fold_duplicates: bool
    max_per_article: int | None
    diversity: float
    phrases: bool
    evidence: bool
    explain: bool
    recall: float


@dataclass(frozen=True, slots=True)
class Request:
    """Checked :class:`SearchOptions`, with their defaults.

    Raises:
        ValueError: If a value makes no sense. The message says what does.
    """

    k: int = DEFAULT_K
    mode: str = "hybrid"
    where: Filter | str | None = None
    min_score: float | None = None
    fold_duplicates: bool = True
    max_per_article: int | None = None
    diversity: float = 0.0
    phrases: bool = True
    evidence: bool = True
    explain: bool = False
    recall: float = RECALL

    @classmethod
    def of(cls, k: int, options: SearchOptions) -> Request:
        """Make a request of what a search was told.

        Raises:
            TypeError: If there is no such option.
        """
        unknown = sorted(options.keys() - SearchOptions.__annotations__.keys())
        if unknown:
            known = ", ".join(SearchOptions.__annotations__)
            raise TypeError(f"there is no option {unknown[0]!r} of a search: the options are {known}")
        return cls(k, **options)

    def __post_init__(self) -> None:
        check_count("k", self.k)
        if self.mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, not {self.mode!r}")
        if self.max_per_article is not None:
            check_count("max_per_article", self.max_per_article)
        if not _is_number(self.diversity) or not 0 <= self.diversity <= 1:
            raise ValueError(f"diversity must be a number from 0 to 1, not {self.diversity!r}")
        if not _is_number(self.recall) or not 0 < self.recall <= 1:
            raise ValueError(f"recall must be a number above 0 and at most 1, not {self.recall!r}")
        if self.min_score is not None and not _is_number(self.min_score):
            raise ValueError(f"min_score must be a number, not {self.min_score!r}")
        if self.where is not None and not isinstance(self.where, Filter | str):
            raise ValueError(f"where must be a filter or its text, not {self.where!r}")
        for name in ("fold_duplicates", "phrases", "evidence", "explain"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise ValueError(f"{name} must be True or False, not {getattr(self, name)!r}")

    @property
    def filter(self) -> Filter | None:
        """The filter, read if it was given as text."""
        return parse_filter(self.where) if isinstance(self.where, str) else self.where


def check_queries(queries: Sequence[Any]) -> None:
    """Raise ValueError for what is not a list of questions."""
    if isinstance(queries, str):
        raise ValueError("search_many takes several queries: use search for one")
    for query in queries:
        if not isinstance(query, str) or not query.strip():
            raise ValueError(f"a query must be text that is not blank, not {query!r}")
        if not is_unicode(query):
            raise ValueError(f"a query must be Unicode text, not half a surrogate pair as in {query!r}")


def check_count(name: str, value: object) -> None:
    """Raise ValueError for what is not a number of things to show."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or int(value) < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:  # an integer beyond what is a number here
        return False
