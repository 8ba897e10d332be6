"""Vectors to nearest vectors: the only module that knows faiss.

Everything around faiss's edges is settled here: shapes and dtypes are checked, rows are made unit length, ``k`` is
clamped, the ``-1`` that faiss returns for "nothing" is taken off, and equal scores come in the order of the rows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

__all__ = ["DenseIndex", "unit_rows"]

_SPARE = 16  # rows beyond k that are looked at, for ties: an archive holds the same text more than once


class DenseIndex:
    """An exact inner-product index over unit vectors: row *i* is passage *i*.

    Vectors are held as float16, as they are on disk: the scores are exact for those, and the index is half the size.
    """

    spec = "SQfp16"
    """The layout, as a faiss factory string."""

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def build(cls, embeddings: NDArray[np.float16]) -> DenseIndex:
        """Index ``embeddings``: ``(n, dim)`` float16, unit rows.

        Raises:
            ValueError: If the array has another shape or dtype.
        """
        if embeddings.ndim != 2 or embeddings.dtype != np.float16:
            raise ValueError(f"expected (n, dim) float16, got {embeddings.shape} {embeddings.dtype}")
        index = faiss.index_factory(embeddings.shape[1], cls.spec, faiss.METRIC_INNER_PRODUCT)
        for start in range(0, len(embeddings), 65536):  # so that no float32 copy of all of it is made
            index.add(np.ascontiguousarray(embeddings[start : start + 65536], dtype=np.float32))
        return cls(index)

    @classmethod
    def from_bytes(cls, serialized: NDArray[np.uint8]) -> DenseIndex:
        """Read what :meth:`to_bytes` returned. faiss notices no flipped bit: verify a checksum first.

        Raises:
            ValueError: If the bytes are not such an index.
        """
        try:
            index = faiss.deserialize_index(np.ascontiguousarray(serialized, dtype=np.uint8))
        except RuntimeError as error:
            raise ValueError(f"not a faiss index ({str(error).splitlines()[-1].strip()})") from None
        if index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise ValueError("a faiss index with another metric")
        return cls(index)

    def to_bytes(self) -> NDArray[np.uint8]:
        """Return the index as bytes, for :meth:`from_bytes`."""
        serialized: NDArray[np.uint8] = faiss.serialize_index(self._index)
        return serialized

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        """Components of a vector."""
        return int(self._index.d)

    def search(
        self, queries: NDArray[np.float32], k: int, *, allowed: NDArray[np.bool_] | None = None
    ) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Find the ``min(k, rows)`` rows with the highest inner product for each query.

        Args:
            queries: ``(m, dim)`` float32, unit rows.
            k: How many rows; at least 1.
            allowed: ``(n,)`` bool: the rows that may be found; None for all. The search stays exact.

        Returns:
            For each query the row numbers and their scores (cosines, as both sides are unit vectors), highest first.

        Raises:
            ValueError: If the queries' shape or ``k`` is wrong.
        """
        if queries.ndim != 2 or queries.shape[1] != self.dimension:
            raise ValueError(f"expected queries of shape (m, {self.dimension}), got {queries.shape}")
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        count = len(self) if allowed is None else int(np.count_nonzero(allowed))
        if count == 0 or len(queries) == 0:
            return [(np.empty(0, np.int64), np.empty(0, np.float32)) for _ in queries]
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        k = min(k, count)
        selector = None if allowed is None else _selector(allowed)
        found: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = [(np.empty(0, np.int64), np.empty(0, np.float32))]
        found *= len(queries)
        pending = np.arange(len(queries))
        depth = min(k + _SPARE, count)
        while len(pending):
            with _threads(len(pending)):
                scores, rows = self._index.search(queries[pending], depth, params=selector)
            # faiss returns any of the rows that tie for the last place: go on until all of them are seen.
            done = scores[:, -1] < scores[:, k - 1] if depth < count else np.ones(len(pending), dtype=bool)
            for query, row, score in zip(pending[done], rows[done], scores[done], strict=True):
                found[query] = _in_order(row, score, k)
            pending = pending[~done]
            depth = min(4 * depth, count)
        return found


def _selector(allowed: NDArray[np.bool_]) -> Any:
    """Return faiss's search parameters for these rows; they hold the bits for as long as they live."""
    library: Any = faiss  # its stubs have the signatures of C++
    return library.SearchParameters(sel=library.IDSelectorBitmap(np.packbits(allowed, bitorder="little")))


@contextlib.contextmanager
def _threads(queries: int) -> Iterator[None]:
    """Search with a thread a query at most: for a single one, waking more costs many times what the search does."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(min(threads, queries))
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def unit_rows(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``embeddings``, ``(n, dim)`` float32, with every row scaled to length 1; a zero row stays zero.

    Raises:
        ValueError: If a component is not finite, which would make every score of its row meaningless.
    """
    if not np.isfinite(embeddings).all():
        row = int(np.flatnonzero(~np.isfinite(embeddings).all(axis=1))[0])
        raise ValueError(f"the embedder returned a vector that is not finite for text {row}")
    exact = embeddings.astype(np.float64)  # squares of large or small components leave float32's range
    norms = np.linalg.norm(exact, axis=1, keepdims=True)
    return np.asarray(exact / np.where(norms == 0, 1, norms), dtype=np.float32)


def _in_order(
    rows: NDArray[np.int64], scores: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    found = rows >= 0
    rows, scores = rows[found], scores[found]
    order = np.lexsort((rows, -scores))[:k]
    return rows[order], scores[order]
