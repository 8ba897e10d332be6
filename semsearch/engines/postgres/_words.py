"""Articles and passages by their words: BM25 over a table of terms."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from semsearch.analysis import Analyzer
from semsearch.engines import Unit, Where
from semsearch.engines.postgres._connection import Connection, Rows
from semsearch.engines.postgres._copying import term_key
from semsearch.engines.postgres._where import Sql, within

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MANY", "PostgresWords"]

_K1, _B = 1.2, 0.75
_UNIT = 1 << 32  # scores are added up as whole numbers of these parts, so that the order of terms does not matter

# All texts with one of the terms.
_SEARCH = """
SELECT t.changes, 0::bigint, s.row, s.score
FROM $.totals t LEFT JOIN LATERAL (
    SELECT x.row, sum((q.weight * x.count / (x.count + %s + %s * x.length))::bigint)::bigint AS score
    FROM unnest(%s::bigint[], %s::float8[]) q (term, weight) JOIN $.UNIT_terms x ON x.term = q.term
    WHERE ALLOWED
    GROUP BY x.row ORDER BY score DESC, x.row LIMIT %s
) s ON TRUE
ORDER BY s.score DESC, s.row
"""
# Those with one of the rare terms, and of these only such as the others can bring among the best: these are looked up.
_PRUNED = """
WITH e AS MATERIALIZED (
    SELECT x.row, sum((q.weight * x.count / (x.count + %s + %s * x.length))::bigint)::bigint AS score
    FROM unnest(%s::bigint[], %s::float8[]) q (term, weight) JOIN $.UNIT_terms x ON x.term = q.term
    WHERE ALLOWED
    GROUP BY x.row
), last AS MATERIALIZED (
    SELECT coalesce((SELECT score FROM e ORDER BY score DESC OFFSET %s LIMIT 1), 0) AS score
)
SELECT t.changes, last.score, s.row, s.score
FROM $.totals t CROSS JOIN last LEFT JOIN LATERAL (
    SELECT e.row, e.score + coalesce((
        SELECT sum((q.weight * x.count / (x.count + %s + %s * x.length))::bigint)::bigint
        FROM unnest(%s::bigint[], %s::float8[]) q (term, weight)
        JOIN $.UNIT_terms x ON x.term = q.term AND x.row = e.row
    ), 0) AS score
    FROM e WHERE e.score >= last.score - %s ORDER BY 2 DESC, 1 LIMIT %s
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


MANY = 20_000
"""Texts with one of some terms, counted for each, up to which all of them are scored."""

_FEW = 2000  # likewise, up to which it is looked up of each by itself whether it may be found
_USUAL = 0.45  # of the score that no text can exceed for a term, what one of mean length has that has it once


class _Term(NamedTuple):
    """A term of a query: what stands for it, its weight, and in how many texts it is."""

    key: int
    weight: float
    frequency: int


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
        while True:
            known = self._of(counted)
            terms = [
                _Term(term_key(term), count * _idf(frequency, known.texts) * (_K1 + 1) * _UNIT, frequency)
                for term, count in counted.items()
                if (frequency := known.frequencies[term])
            ]
            if not terms or k < 1:
                return np.empty(0, np.int64), np.empty(0)
            norms = (_K1 * (1 - _B), _K1 * _B * known.texts / known.terms)
            found = self._best(terms, norms, k, where)
            if found[0][0] == known.changes:
                break
            self.forget()
        if found[0][2] is None:
            return np.empty(0, np.int64), np.empty(0)
        table = np.array(found, dtype=np.int64)
        return table[:, 2], table[:, 3] / _UNIT

    def _best(
        self, terms: Sequence[_Term], norms: tuple[float, float], k: int, where: Where | None
    ) -> list[tuple[Any, ...]]:
        terms = sorted(terms, key=lambda term: term.frequency)
        postings = sum(term.frequency for term in terms)
        allowed = self._allowed(where, one_by_one=postings <= _FEW)
        rare = len(terms) if postings <= MANY or where is not None else _rare(terms, k)
        if rare < len(terms):
            rest = sum(math.ceil(term.weight) for term in terms[rare:])
            values = (*norms, *_arrays(terms[:rare]), k - 1, *norms, *_arrays(terms[rare:]), rest, k)
            found = self._rows(_PRUNED, values, allowed)
            if found[0][1] > rest:  # what has none of the rare terms is not among the best
                return found
        return self._rows(_SEARCH, (*norms, *_arrays(terms), *allowed.values, k), allowed)

    def _rows(self, text: str, values: Sequence[Any], allowed: Sql) -> list[tuple[Any, ...]]:
        statement = self._sql(text.replace("ALLOWED", allowed.text))
        return cast(
            "list[tuple[Any, ...]]",
            self._ask(lambda one: one.execute(statement, values, binary=True, prepare=False).fetchall()),
        )

    def _allowed(self, where: Where | None, *, one_by_one: bool) -> Sql:
        """Return what may be found, as a condition of ``x``: it is worked out once, or for each of a few texts.

        Not as a join: the database underestimates how many texts have a term.
        """
        if where is None:
            return Sql("TRUE")
        if self._unit == "passages":
            test = within(where, self._analyzer, row="x.row", article="(x.row >> 20)", one_by_one=one_by_one)
        elif where.phrases:
            test = within(where, self._analyzer, row="p.row", article="p.article")
            statement = "x.row IN (SELECT p.article FROM $.passages p WHERE ALLOWED)"
            test = Sql(statement.replace("ALLOWED", test.text), test.values)
        else:
            test = within(where, self._analyzer, row="NULL", article="x.row", one_by_one=one_by_one)
        return Sql(f"({test.text}) IS TRUE", test.values)

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
        found = self._ask(
            lambda one: one.execute(statement, (Rows(list(keys)),), binary=True, prepare=False).fetchall()
        )
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


def _rare(terms: Sequence[_Term], k: int) -> int:
    """Return how many of the terms, the rarest first, every text among the best probably has one of."""
    for count in range(1, len(terms)):
        usual = max((_USUAL * term.weight for term in terms[:count] if term.frequency >= k), default=0.0)
        if usual > sum(term.weight for term in terms[count:]):
            return count
    return len(terms)


def _arrays(terms: Sequence[_Term]) -> tuple[Rows, list[float]]:
    return Rows([term.key for term in terms]), [term.weight for term in terms]
