"""The nearest passages, however many of them may be found.

Up to 20,000 passages Milvus scores each for every query. Beyond that it asks a graph, in which it finds what it is
asked for as long as everything may be found. Where only some may, it follows those alone, and misses a tenth of the
nearest or all of them, however long it searches. But where less than a fourteenth of a segment may be found, it scores
all of that. So there are two more ways:

- one article in so many is looked at, then the next ones: each time Milvus scores all, and what it finds is exact;
- the nearest of all passages are looked for, and those are taken that may be found: where these are many.

Scores are those of the server, which adds them up in float32: what is apart by its rounding is taken for the same. A
server that adds up in float16 would round too much; there the vectors are fetched, and added up here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from semsearch.dense import cosines
from semsearch.engines.milvus._schema import PASSAGES, vectors_from
from semsearch.engines.milvus._tables import MOST_ROWS, Tables
from semsearch.engines.milvus._where import one_of
from semsearch.ranking import settled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    _Nearest = tuple[NDArray[np.int64], NDArray[np.float32]]

__all__ = ["Search"]

_SPARE = 16  # passages beyond k that are looked at, for ties
_ROUNDING = 1e-5  # by which the server's cosines, added up in float32, may be off
# How many candidates the graph is searched for, for each passage that is wanted, to find this share of the nearest.
_DEPTHS = ((0.9, 2), (0.95, 3), (0.99, 6), (0.995, 10), (0.998, 16), (0.999, 24))
_HIGHEST = 32
_LEAST_DEPTH = 64
_MOST_DEPTH = 8192

_SCORED = 1 / 16  # of a segment: where less may be found, Milvus scores all of that
_PARTS = 16  # of which each is less, whatever may be found
_MANY = 0.05  # of all passages: where more may be found, they are among the nearest of all
_NEARLY_ALL = 0.9
_MARGIN = 1.5  # times as many of all are looked at as should be enough
_THREADS = 4
_FRESH = 30.0  # seconds for which a count is believed, to choose the way
_MOST_COUNTS = 64


class _Layout(NamedTuple):
    """How the passages are indexed."""

    exact: bool
    passages: int
    smallest: int  # rows of a segment that has an index


class Search:
    """Finds the nearest passages of a version. Threads may share it."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._lock = threading.Lock()
        self._layout: tuple[float, _Layout] | None = None
        self._counts: dict[str, tuple[float, int]] = {}

    def forget(self) -> None:
        """Forget what was counted: there is something else now."""
        with self._lock:
            self._layout = None
            self._counts.clear()

    def nearest(self, vector: NDArray[np.float32], k: int, expression: str, recall: float) -> _Nearest:
        """Return the rows with the highest cosines, of those for which an expression holds, and these."""
        query = _Query(self._tables, vector, next((each for reached, each in _DEPTHS if reached >= recall), _HIGHEST))
        layout = self._known_layout()
        if k + _SPARE > MOST_ROWS:
            k = min(k, self._tables.count(PASSAGES, expression))
            if k + _SPARE > MOST_ROWS and not self._tables.is_lite:
                return self._in_parts(query, k, expression, max(_PARTS, -(-layout.passages // (MOST_ROWS // 2))))
        if layout.exact or k < 1:
            return query.ranked(k, expression)
        if recall >= 1:
            return self._in_parts(query, k, expression, _PARTS)
        if not expression:
            return query.ranked(k, "")
        return self._of_some(query, k, expression, layout)

    def _of_some(self, query: _Query, k: int, expression: str, layout: _Layout) -> _Nearest:
        """Find the nearest where not all may be found."""
        count = self._count(expression)
        share = count / max(1, layout.passages)
        if share >= _NEARLY_ALL:
            return query.ranked(k, expression)
        # It may be that all that may be found is in one segment.
        parts = min(_PARTS, -(-count // max(1, int(layout.smallest * _SCORED))))
        if parts > 1 and share >= _MANY:
            found = query.among_all(k, expression, int(_MARGIN * (k + _SPARE) / share))
            if found is not None:
                return found
        return self._in_parts(query, k, expression, parts)

    def _in_parts(self, query: _Query, k: int, expression: str, parts: int) -> _Nearest:
        """Find the nearest exactly: those of one article in so many, and of the next ones."""
        if parts <= 1:
            return query.ranked(k, expression)
        own = [_all_of(expression, f"article % {parts} == {part}") for part in range(parts)]
        with ThreadPoolExecutor(_THREADS) as threads:
            found = list(threads.map(lambda each: query.ranked(min(k, MOST_ROWS - _SPARE), each), own))
        rows, scores = (np.concatenate(each) for each in zip(*found, strict=True))
        return _in_order(rows, _settled(scores), k)

    def _known_layout(self) -> _Layout:
        with self._lock:
            known = self._layout
        if known is not None and time.monotonic() - known[0] < _FRESH:
            return known[1]
        exact = self._tables.index_of(PASSAGES) != "HNSW"
        count = 0 if exact else self._tables.count(PASSAGES)
        layout = _Layout(exact, count, 0 if exact else min(self._tables.segments(PASSAGES), default=count))
        with self._lock:
            self._layout = (time.monotonic(), layout)
        return layout

    def _count(self, expression: str) -> int:
        with self._lock:
            known = self._counts.get(expression)
        if known is not None and time.monotonic() - known[0] < _FRESH:
            return known[1]
        count = self._tables.count(PASSAGES, expression)
        with self._lock:
            if len(self._counts) >= _MOST_COUNTS:
                self._counts.clear()
            self._counts[expression] = (time.monotonic(), count)
        return count


class _Query:
    """A vector, and what is nearest to it."""

    def __init__(self, tables: Tables, vector: NDArray[np.float32], factor: int) -> None:
        self._tables = tables
        self._vector = vector
        self._asked = vector.astype(np.float16) if tables.half else vector.astype(np.float32)
        self._factor = factor

    def ranked(self, k: int, expression: str) -> _Nearest:
        """Return the nearest of those for which an expression holds, as the server finds them."""
        limit = k + _SPARE
        while k > 0:
            limit = min(limit, MOST_ROWS)
            # Vectors are half of what such a search takes, so they are fetched only where they are needed.
            hits = self._hits(limit, expression, ["vector"] if self._tables.half else [])
            rows = np.array([_row_of(hit) for hit in hits], dtype=np.int64)
            if self._tables.half:
                scores = self._scores([hit["entity"]["vector"] for hit in hits])
            else:
                scores = _settled([hit["distance"] for hit in hits])
            best = _in_order(rows, scores, k)
            # Any of those that tie for the last place may be missing: go on until all of them are seen.
            if len(hits) < limit or limit == MOST_ROWS or hits[-1]["distance"] < best[1][-1] - _ROUNDING:
                return best
            limit *= 4
        return np.empty(0, np.int64), np.empty(0, np.float32)

    def among_all(self, k: int, expression: str, limit: int) -> _Nearest | None:
        """Return the nearest for which an expression holds, among so many of all; None if these are too few."""
        hits = self._hits(min(limit, MOST_ROWS), "", [])
        allowed = _all_of(expression, one_of("row", map(_row_of, hits)))
        found = self._tables.query(PASSAGES, allowed, ["row", "vector"] if self._tables.half else ["row"])
        if len(found) < k + _SPARE:
            return None
        rows = np.array([int(row["row"]) for row in found], dtype=np.int64)
        if self._tables.half:
            scores = self._scores([row["vector"] for row in found])
        else:
            distances = {_row_of(hit): hit["distance"] for hit in hits}
            scores = _settled([distances[row] for row in rows.tolist()])
        best = _in_order(rows, scores, k)
        return best if hits[-1]["distance"] < best[1][-1] - _ROUNDING else None

    def _hits(self, limit: int, expression: str, columns: list[str]) -> list[Any]:
        depth = min(max(_LEAST_DEPTH, limit * self._factor), max(_MOST_DEPTH, limit))
        return self._tables.search(self._asked, limit, expression, columns, depth)

    def _scores(self, vectors: list[Any]) -> NDArray[np.float32]:
        return cosines(vectors_from(vectors), self._vector) if vectors else np.empty(0, np.float32)


def _in_order(rows: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> _Nearest:
    order = np.lexsort((rows, -scores))[:k]
    return rows[order], scores[order]


def _settled(distances: Sequence[float] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the server's cosines, of which those are the same that are apart by no more than rounding."""
    return settled(np.asarray(distances, dtype=np.float64)).astype(np.float32)


def _all_of(*expressions: str) -> str:
    return " and ".join(filter(None, expressions))


def _row_of(hit: Mapping[str, Any]) -> int:
    """Return the row of a hit: its name in the answer depends on the server."""
    return int(hit["id"] if "id" in hit else hit["row"])
