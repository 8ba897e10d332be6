"""Vectors to nearest vectors: the only module that knows faiss.

There are two layouts. Up to :data:`FLAT_ROWS` rows every row is scored for every query (``Flat``). Beyond, all rows are
scanned as codes of half a bit a component (``PQ96x4fs`` for 384 dimensions), and the likeliest are scored again by
their vectors. Scores are those of the float16 vectors in both, and so is their order.

Everything around faiss's edges is settled here: shapes and dtypes are checked, rows are made unit length, ``k`` is
clamped, the ``-1`` that faiss returns for "nothing" is taken off, and equal scores come in the order of the rows.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FLAT", "FLAT_ROWS", "RECALL", "DenseIndex", "cosines", "mean_direction", "unit_rows"]

FLAT = "Flat"
"""The :attr:`DenseIndex.spec` of the layout that is the embeddings and nothing more."""

FLAT_ROWS = 20_000
"""Rows up to which the layout is :data:`FLAT`."""

RECALL = 0.995
"""The recall that is aimed at if no other is asked for."""

if TYPE_CHECKING:
    ReadRows = Callable[[NDArray[np.int64] | slice], NDArray[np.float16]]
    """Gives the vectors of some rows, ``(m, dim)`` float16."""

    _Found = tuple[NDArray[np.int64], NDArray[np.float32]]

_MEAN = 64  # passages whose mean direction is the vector of their article
_PLAIN_SCANS = 4  # queries that are answered without faiss if they can: its import takes as long as several of them
_SPARE = 16  # rows beyond k that are looked at, for ties: an archive holds the same text more than once
_FEW = 2000  # rows that may be found, up to which they are all scored: that is cheaper than to scan codes
_RARE = 200  # and likewise if it is less than one row of so many
_ROUNDING = 1e-5  # by which a score may be off that is not summed up in float64
_BLOCK = 16_384  # rows that are in memory at once while all of them are encoded or scored
_PLAIN_BLOCK = 1024  # likewise without faiss: in the processor's cache
_COMPONENTS = 4  # of a vector that a code of four bits stands for
_SAMPLE = 4096  # rows that the codes are fitted to; more do not find more
_ITERATIONS = 10  # of k-means, likewise
# Candidates that are scored for each row that is wanted (and for 8 rows more, as fewer need more each), to find this
# share of the exact nearest at a million rows; at fewer rows it is more. ``python -m benchmarks.ann`` measures it.
_DEPTHS = ((0.9, 4), (0.95, 7), (0.99, 16), (0.995, 24), (0.998, 42), (0.999, 60))


class DenseIndex:
    """An inner-product index over unit vectors: row *i* is passage *i*.

    The vectors themselves stay where they are, and are read for the rows that matter.
    """

    def __init__(self, rows: ReadRows, shape: tuple[int, int], codes: Any) -> None:
        self._rows = rows
        self._shape = shape
        self._codes = codes
        self._plain_scans = 0

    @classmethod
    def build(cls, embeddings: NDArray[np.float16]) -> DenseIndex:
        """Index ``embeddings``: ``(n, dim)`` float16, unit rows. The same embeddings give the same index.

        Raises:
            ValueError: If the array has another shape or dtype.
        """
        _check_embeddings(embeddings)
        count, dimension = embeddings.shape
        if count <= FLAT_ROWS or dimension % _COMPONENTS:
            return cls.open(embeddings, None)
        codes = _empty_codes(dimension)
        codes.pq.cp.niter = _ITERATIONS
        sample = np.linspace(0, count - 1, min(count, _SAMPLE)).astype(np.int64)
        codes.train(np.asarray(embeddings[sample], dtype=np.float32))
        for block in _blocks(count):  # so that no float32 copy of all of it is made
            codes.add(np.ascontiguousarray(embeddings[block], dtype=np.float32))
        return cls(_reader(embeddings), (count, dimension), codes)

    @classmethod
    def open(
        cls, embeddings: NDArray[np.float16], serialized: NDArray[np.uint8] | None, *, rows: ReadRows | None = None
    ) -> DenseIndex:
        """Open what :meth:`to_bytes` returned. No flipped bit is noticed: verify a checksum first.

        Args:
            embeddings: ``(n, dim)`` float16: what the index was built of. It may be a memory map.
            serialized: The bytes; None for the layout :data:`FLAT`.
            rows: What reads rows of the embeddings instead, if they are to be verified then.

        Raises:
            ValueError: If the embeddings have another shape or dtype, or the bytes are not such an index of them.
        """
        _check_embeddings(embeddings)
        count, dimension = embeddings.shape
        codes = None if serialized is None else _codes_of(serialized, count, dimension)
        return cls(rows or _reader(embeddings), (count, dimension), codes)

    def to_bytes(self) -> NDArray[np.uint8] | None:
        """Return what :meth:`open` needs beside the embeddings, centroids and codes; None if it needs nothing."""
        if self._codes is None:
            return None
        library = _faiss()
        centroids = library.vector_to_array(self._codes.pq.centroids)
        return np.concatenate([centroids.view(np.uint8), library.AlignedTable_to_array(self._codes.codes)])

    @property
    def spec(self) -> str:
        """The layout: :data:`FLAT`, or how its codes are made, as a faiss factory string."""
        return FLAT if self._codes is None else _spec_of_codes(self.dimension)

    def __len__(self) -> int:
        return self._shape[0]

    @property
    def dimension(self) -> int:
        """Components of a vector."""
        return self._shape[1]

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        allowed: NDArray[np.bool_] | None = None,
        recall: float = RECALL,
    ) -> list[_Found]:
        """Find the ``min(k, rows)`` rows with the highest inner product for each query.

        With the layout :data:`FLAT`, or few rows that may be found, that is exact. Otherwise a row that belongs to them
        may be missing, and then the next best stands in for it. Rows with the same vector are found together: of those
        that tie for the last place the first ones are returned.

        Args:
            queries: ``(m, dim)`` float32, unit rows.
            k: How many rows; at least 1.
            allowed: ``(n,)`` bool: the rows that may be found; None for all.
            recall: The share of the exact nearest rows that is to be found on average, above 0. It is kept at up to a
                million rows; with 1 every row is scored.

        Returns:
            For each query the row numbers and their scores (cosines, as both sides are unit vectors), highest first.

        Raises:
            ValueError: If the queries' shape, ``k`` or ``recall`` is wrong.
        """
        if queries.ndim != 2 or queries.shape[1] != self.dimension:
            raise ValueError(f"expected queries of shape (m, {self.dimension}), got {queries.shape}")
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        if not 0 < recall <= 1:
            raise ValueError(f"recall must be above 0 and at most 1, not {recall}")
        count = len(self) if allowed is None else int(np.count_nonzero(allowed))
        if count == 0 or len(queries) == 0:
            return [(np.empty(0, np.int64), np.empty(0, np.float32)) for _ in queries]
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        k = min(k, count)
        if self._codes is None and self._plain_scans + len(queries) <= _PLAIN_SCANS:
            self._plain_scans += len(queries)
            return [self._scan_plainly(query, k, allowed) for query in queries]
        if self._codes is None:
            return _exact(self._flat, self._rows, queries, k, None if allowed is None else _selector(allowed), count)
        depth = _depth(k, recall)
        if count <= max(_FEW, len(self) // _RARE) or 2 * depth >= count:
            return self._score_all(queries, k, allowed)
        return self._scan(queries, k, int(depth), allowed, count)

    @functools.cached_property
    def _flat(self) -> Any:
        return _flat_index(self._rows(slice(0, len(self))))

    def _scan_plainly(self, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None) -> _Found:
        """Score every row that may be found, without faiss."""
        rows = None if allowed is None else np.flatnonzero(allowed)
        blocks = _blocks(len(self) if rows is None else len(rows), _PLAIN_BLOCK)
        parts = [self._rows(at if rows is None else rows[at]).astype(np.float32) @ query for at in blocks]
        scores = np.concatenate(parts)
        best = np.flatnonzero(scores >= np.partition(scores, len(scores) - k)[len(scores) - k] - _ROUNDING)
        found = best if rows is None else rows[best]
        return _in_order(found, cosines(self._rows(found), query), k)

    def _scan(
        self, queries: NDArray[np.float32], k: int, depth: int, allowed: NDArray[np.bool_] | None, count: int
    ) -> list[_Found]:
        """Score the ``depth`` rows that the codes say are nearest, or more where ties go on beyond them."""
        found: list[_Found] = [(np.empty(0, np.int64), np.empty(0, np.float32))] * len(queries)
        pending = list(range(len(queries)))
        selector = None if allowed is None else _selector(allowed)
        while pending and 2 * depth < count:
            with _threads(len(pending)):
                if selector is None:
                    candidates = self._codes.search(queries[pending], depth)
                else:
                    candidates = self._filtered.search(queries[pending], depth, params=selector)
            unfinished = []
            for query, scores, rows in zip(pending, *candidates, strict=True):
                found[query], complete = self._rescored(queries[query], k, rows, scores)
                if not complete:
                    unfinished.append(query)
            pending, depth = unfinished, 4 * depth
        if pending:
            for query, answer in zip(pending, self._score_all(queries[pending], k, allowed), strict=True):
                found[query] = answer
        return found

    def _rescored(
        self, query: NDArray[np.float32], k: int, rows: NDArray[np.int64], scores: NDArray[np.float32]
    ) -> tuple[_Found, bool]:
        """Return the best of the candidates by their vectors, and whether all are among them that tie for the last."""
        order = np.argsort(rows)[np.count_nonzero(rows < 0) :]
        rows, by_code = rows[order], scores[order]
        if len(rows) == 0:
            return (rows, scores[order]), True
        ((at, exact),) = self._exact_of(rows, query[np.newaxis], k)
        # The same vectors have the same codes: the candidates end within them only if these are the last of all.
        last = at[exact == exact[-1]] if len(at) else at
        return (rows[at], exact), bool((by_code[last] > by_code.min()).all())

    def _score_all(self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None) -> list[_Found]:
        """Score every row that may be found."""
        rows = None if allowed is None else np.flatnonzero(allowed)
        parts: list[list[_Found]] = []
        for block in _blocks(len(self) if rows is None else len(rows)):
            found = self._exact_of(block if rows is None else rows[block], queries, k)
            parts.append([(at + block.start if rows is None else rows[block][at], scores) for at, scores in found])
        return [_best_of(each, k) for each in zip(*parts, strict=True)]

    def _exact_of(self, rows: NDArray[np.int64] | slice, queries: NDArray[np.float32], k: int) -> list[_Found]:
        """Find the best of these rows, by their numbers among them."""
        vectors = self._rows(rows)
        count = len(vectors)
        return _exact(_flat_index(vectors), lambda at: vectors[at], queries, min(k, count), None, count)

    @functools.cached_property
    def _filtered(self) -> Any:
        """The same codes in the one layout that can look at some rows only: it takes their memory once more."""
        codes: Any = self._codes
        library = _faiss()
        index = library.index_factory(self.dimension, f"IVF1,{self.spec}", library.METRIC_INNER_PRODUCT)
        index.by_residual = False
        index.quantizer.add(np.zeros((1, self.dimension), np.float32))
        index.pq = codes.pq
        index.is_trained = True
        rows = np.arange(len(self))  # has a name, so that it lives until it is copied
        index.invlists.add_entries(0, len(self), library.swig_ptr(rows), codes.codes.get())
        index.ntotal = len(self)
        return index


def _faiss() -> Any:
    """Import faiss where it is first needed. Its stubs have the signatures of C++."""
    import faiss

    return faiss


def _check_embeddings(embeddings: NDArray[np.float16]) -> None:
    if embeddings.ndim != 2 or embeddings.dtype != np.float16:
        raise ValueError(f"expected (n, dim) float16, got {embeddings.shape} {embeddings.dtype}")


def _reader(embeddings: NDArray[np.float16]) -> ReadRows:
    plain = np.asarray(embeddings)  # what numpy makes of a memory map's rows takes longer than reading them
    return lambda rows: plain[rows]


def _spec_of_codes(dimension: int) -> str:
    return f"PQ{dimension // _COMPONENTS}x4fs"


def _depth(k: int, recall: float) -> float:
    """Return how many candidates to score for so many rows."""
    return (k + 8) * next((each for reached, each in _DEPTHS if reached >= recall), math.inf)


def _blocks(count: int, size: int = _BLOCK) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, min(count, start + size))


def _flat_index(vectors: NDArray[np.float16]) -> Any:
    """Return a faiss index of ``vectors``, ``(m, dim)`` float16, that scores all of them: the vectors are its codes."""
    library = _faiss()
    kind, metric = library.ScalarQuantizer.QT_fp16, library.METRIC_INNER_PRODUCT
    index = library.IndexScalarQuantizer(vectors.shape[1], kind, metric)
    codes = np.ascontiguousarray(vectors, dtype=np.float16).view(np.uint8).ravel()
    library.copy_array_to_vector(codes, index.codes)
    index.ntotal = len(vectors)
    return index


def _codes_of(serialized: NDArray[np.uint8], count: int, dimension: int) -> Any:
    """Return the faiss index of codes whose centroids and codes these are: nothing else is taken from the bytes."""
    if dimension % _COMPONENTS:
        raise ValueError(f"codes are of vectors whose dimension {_COMPONENTS} divides, the embeddings have {dimension}")
    codes = _empty_codes(dimension)
    fitted = 4 * codes.pq.ksub * dimension  # float32
    padded = math.ceil(count / codes.bbs) * codes.bbs
    expected = fitted + padded * codes.M2 // 2
    if serialized.dtype != np.uint8 or serialized.shape != (expected,):
        raise ValueError(f"holds {len(serialized)} bytes, the codes of {(count, dimension)} embeddings are {expected}")
    library = _faiss()
    library.copy_array_to_vector(np.frombuffer(serialized[:fitted].tobytes(), np.float32), codes.pq.centroids)
    library.copy_array_to_AlignedTable(np.ascontiguousarray(serialized[fitted:]), codes.codes)
    codes.ntotal, codes.ntotal2 = count, padded
    codes.is_trained = True
    return codes


def _empty_codes(dimension: int) -> Any:
    library = _faiss()
    return library.index_factory(dimension, _spec_of_codes(dimension), library.METRIC_INNER_PRODUCT)


def _exact(
    index: Any, vectors_of: ReadRows, queries: NDArray[np.float32], k: int, selector: Any | None, count: int
) -> list[_Found]:
    """Search an index that scores all of its rows, of which ``count`` may be found, ``k`` of them at most."""
    found: list[_Found] = [(np.empty(0, np.int64), np.empty(0, np.float32))] * len(queries)
    pending = np.arange(len(queries))
    depth = min(k + _SPARE, count)
    while len(pending):
        with _threads(len(pending)):
            scores, rows = index.search(queries[pending], depth, params=selector)
        # faiss returns any of the rows that tie for the last place: go on until all of them are seen.
        done = scores[:, -1] < scores[:, k - 1] if depth < count else np.ones(len(pending), dtype=bool)
        for query, row in zip(pending[done], rows[done], strict=True):
            best = row[row >= 0]
            found[query] = _in_order(best, cosines(vectors_of(best), queries[query]), k)
        pending = pending[~done]
        depth = min(4 * depth, count)
    return found


def _selector(allowed: NDArray[np.bool_]) -> Any:
    """Return faiss's search parameters for these rows; they hold the bits for as long as they live."""
    library = _faiss()
    return library.SearchParametersIVF(nprobe=1, sel=library.IDSelectorBitmap(np.packbits(allowed, bitorder="little")))


@contextlib.contextmanager
def _threads(queries: int) -> Iterator[None]:
    """Search with a thread a query at most: for a single one, waking more costs many times what the search does."""
    library = _faiss()
    threads = library.omp_get_max_threads()
    library.omp_set_num_threads(min(threads, queries))
    try:
        yield
    finally:
        library.omp_set_num_threads(threads)


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


def mean_direction(vectors: NDArray[np.float16]) -> NDArray[np.float16]:
    """Return the vector of an article: the mean direction of its passages' vectors, of a long one's first 64.

    Args:
        vectors: ``(n, dim)`` float16, unit rows; at least one.

    Returns:
        ``(dim,)`` float16, of length 1; of zeros where no vector has a direction, or they cancel each other out.
    """
    mean = vectors[:_MEAN].astype(np.float64).mean(axis=0, keepdims=True)
    return np.asarray(unit_rows(mean.astype(np.float32))[0], dtype=np.float16)


def _best_of(parts: Iterable[_Found], k: int) -> _Found:
    rows, scores = (np.concatenate(each) for each in zip(*parts, strict=True))
    return _in_order(rows, scores, k)


def cosines(vectors: NDArray[np.float16], query: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the scores of rows, ``(n,)`` float32: the same for the same row, wherever it is and however it was found.

    Products of matrices, and faiss, add up in an order that depends on both.
    """
    exact = np.einsum("ij,j->i", vectors.astype(np.float64), query.astype(np.float64))
    return np.asarray(exact, dtype=np.float32)


def _in_order(rows: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> _Found:
    order = np.lexsort((rows, -scores))[:k]
    return rows[order], scores[order]
