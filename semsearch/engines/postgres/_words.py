"""Articles and passages by their words: BM25 over a table of terms."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from semsearch.analysis import Analyzer
from semsearch.engines import Unit, Where
from semsearch.engines.postgres._connection import Connection, Rows
from semsearch.engines.postgres._copying import term_key
from semsearch.engines.postgres._where import Sql, within

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PostgresWords"]

_K1, _B = 1.2, 0.75
_UNIT = 1 << 32  # scores are added up as whole numbers of these parts, so that the order of terms does not matter

_SEARCH = """
SELECT t.changes, s.row, s.score
FROM $.totals t LEFT JOIN LATERAL (
    SELECT x.row, sum((q.weight * x.count / (x.count + %s + %s * x.length))::bigint)::bigint AS score
    FROM unnest(%s::bigint[], %s::float8[]) q (term, weight) JOIN $.UNIT_terms x ON x.term = q.term
    WHERE ALLOWED
    GROUP BY x.row ORDER BY score DESC, x.row LIMIT %s
) s ON TRUE
ORDER BY s.score DESC, s.row
"""
_FREQUENCIES = """
SELECT t.changes, t.articles, t.passages, t.UNIT_terms, x.term, x.count
FROM $.totals t LEFT JOIN LATERAL (
    SELECT q.term, (SELECT count(*) FROM $.UNIT_terms x WHERE x.term = q.term) AS count
    FROM unnest(%s::bigint[]) q (term)
) x ON TRUE
"""


class _Known(NamedTuple):
    """What is known of the texts: how many there are, their terms, and in how many each of some terms is.

    It is of the state of the index after so many ``changes``.
    """

    changes: int
    texts: int
    terms: int
    frequencies: dict[str, int]


class PostgresWords:
    """The articles or the passages of a version by their words.

    In how many texts a term is, is remembered until the index changes: :meth:`search` notices that, and what it is
    asked for is never older than what it found. Lengths count as in an index in a folder.
    """

    def __init__(
        self, ask: Callable[[Callable[[Connection], Any]], Any], unit: Unit, schema: str, analyzer: Analyzer
    ) -> None:
        self._ask = ask
        self._unit = unit
        self._analyzer = analyzer
        self._known: _Known | None = None
        self._lock = threading.Lock()
        self._schema = schema

    def _sql(self, text: str) -> str:
        return text.replace("UNIT", self._unit[:-1]).replace("$", self._schema)

    def forget(self) -> None:
        """Forget what is remembered: the index was changed."""
        self._known = None

    def __len__(self) -> int:
        return self._of([]).texts

    def terms(self, text: str) -> list[str]:
        """Return the terms of a text as they are indexed."""
        return self._analyzer.terms(text)

    def search(
        self, query: str, k: int, *, where: Where | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Find the texts that share a term with ``query``, at most ``k``: rows and BM25 scores, highest first.

        Of articles those are found that have a passage which may be found.
        """
        counted = Counter(self.terms(query))
        allowed = self._allowed(where)
        while True:
            known = self._of(counted)
            terms = {term: count for term, count in counted.items() if known.frequencies[term]}
            if not terms or k < 1:
                return np.empty(0, np.int64), np.empty(0)
            mean = known.terms / known.texts
            weights = [count * _idf(known.frequencies[term], known.texts) * (_K1 + 1) for term, count in terms.items()]
            values = (
                _K1 * (1 - _B),
                _K1 * _B / mean,
                Rows([term_key(term) for term in terms]),
                [weight * _UNIT for weight in weights],
                *allowed.values,
                k,
            )
            statement = self._sql(_SEARCH.replace("ALLOWED", allowed.text))
            found = self._ask(lambda one: one.execute(statement, values, binary=True).fetchall())  # noqa: B023 - at once
            if found[0][0] == known.changes:
                break
            self.forget()
        if found[0][1] is None:
            return np.empty(0, np.int64), np.empty(0)
        table = np.array(found, dtype=np.int64)
        return table[:, 1], table[:, 2] / _UNIT

    def _allowed(self, where: Where | None) -> Sql:
        if self._unit == "passages":
            return within(where, self._analyzer, row="x.row", article="(x.row >> 20)")
        if where is None or not where.phrases:
            return within(where, self._analyzer, row="NULL", article="x.row")
        test = within(where, self._analyzer, row="p.row", article="p.article")
        return Sql(
            "x.row IN (SELECT p.article FROM $.passages p WHERE ALLOWED)".replace("ALLOWED", test.text), test.values
        )

    def document_frequency(self, word: str) -> int:
        """Return how many texts have ``word``, by its rarest term; a stop word counts as being in all of them."""
        terms = self.terms(word)
        known = self._of(terms)
        return min((known.frequencies[term] for term in terms), default=known.texts)

    def term_frequency(self, term: str) -> int:
        """Return how many texts have the term."""
        return self._of([term]).frequencies[term]

    def highest_score(self, query: str) -> float:
        """Return the score that no text can exceed for ``query``."""
        terms = self.terms(query)
        known = self._of(terms)
        return sum(_idf(known.frequencies[term], known.texts) * (_K1 + 1) for term in terms)

    def _of(self, terms: Iterable[str]) -> _Known:
        """Return what is known, with these terms: those that are not remembered are counted, all at once."""
        known = self._known
        missing = [term for term in set(terms) if known is None or term not in known.frequencies]
        if known is not None and not missing:
            return known
        keys = {term_key(term): term for term in missing}
        statement = self._sql(_FREQUENCIES)
        found = self._ask(lambda one: one.execute(statement, (Rows(list(keys)),), binary=True).fetchall())
        changes, articles, passages, total = found[0][:4]
        counted = {keys[key]: count for *_, key, count in found if key is not None}
        with self._lock:
            known = self._known
            if known is not None and known.changes == changes:
                known.frequencies.update(counted)
                return known
            self._known = _Known(changes, articles if self._unit == "articles" else passages, total, counted)
        return self._of(terms)


def _idf(frequency: int, count: int) -> float:
    """Return the weight of a term that is in ``frequency`` of ``count`` texts."""
    return math.log(1 + (count - frequency + 0.5) / (frequency + 0.5))
