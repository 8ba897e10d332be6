"""Token vectors in two bits a component, for late interaction: 96 bytes a token of the default model.

A random rotation spreads a unit vector's length evenly over its components, which are then nearly normal and are
rounded to the four levels that lose least of a normal variable (Max 1960). The ranking by late interaction then changes
by less than its noise; reducing the dimensions to the same number of bytes loses more (docs/ranking.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from semsearch.products import inner_products

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Codes", "TokenCodec", "TokenStore"]

_LEVELS = np.array([-1.510, -0.4528, 0.4528, 1.510], dtype=np.float32)
_THRESHOLDS = np.array([-0.9816, 0.0, 0.9816], dtype=np.float32)
_PER_BYTE = 4
_SHIFTS = np.array([0, 2, 4, 6], dtype=np.uint8)
# For each byte the four values that it holds. Seen as one number of 16 bytes they are copied at once: that decodes a
# million components in a quarter of a millisecond, where looking four floats up takes ten times as long.
_VALUES = np.ascontiguousarray(_LEVELS[(np.arange(256)[:, None] >> _SHIFTS) & 3])
_TABLE = _VALUES.view(np.complex128).ravel()
_BLOCK = 1024  # tokens that are decoded at a time: their 1.5 MB stay in the processor's cache
_PASSAGES_BLOCK = 1 << 16  # tokens of passages that are compared at a time
_MOST_TOKENS = 1 << 16  # of a passage: no model reads as many
_QUERY_ROWS = 16  # queries are padded to a multiple of it, which matrix products like


class TokenCodec:
    """Encodes and decodes unit vectors; one codec belongs to one generation of an index.

    Attributes:
        rotation: ``(dimension, dimension)`` float32, orthogonal.
    """

    def __init__(self, rotation: NDArray[np.float32]) -> None:
        dimension = rotation.shape[0]
        if rotation.shape != (dimension, dimension) or dimension % _PER_BYTE:
            raise ValueError(f"expected a square rotation whose size {_PER_BYTE} divides, got {rotation.shape}")
        self.rotation = np.ascontiguousarray(rotation, dtype=np.float32)

    @classmethod
    def create(cls, dimension: int) -> TokenCodec:
        """Make the codec for vectors of ``dimension``, which 4 must divide; the same each time on one platform."""
        normal = np.random.default_rng(0).standard_normal((dimension, dimension))
        return cls(np.linalg.qr(normal)[0].astype(np.float32))

    @property
    def bytes_per_token(self) -> int:
        """The size of a code."""
        return len(self.rotation) // _PER_BYTE

    def rotate(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rotate ``(n, dimension)`` vectors to where decoded ones are; inner products stay as they are."""
        return np.asarray(vectors @ self.rotation, dtype=np.float32)

    def encode(self, vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the codes of unit vectors: ``(n, dimension)`` float32 to ``(n, bytes_per_token)`` uint8."""
        if len(vectors) == 0:
            return np.empty((0, self.bytes_per_token), dtype=np.uint8)
        rotated = self.rotate(vectors)
        levels = np.zeros(rotated.shape, dtype=np.uint8)
        for threshold in _THRESHOLDS / np.float32(np.sqrt(len(self.rotation))):
            levels += rotated > threshold
        parts = [levels[:, at::_PER_BYTE] << shift for at, shift in enumerate(_SHIFTS)]
        return np.asarray(np.bitwise_or.reduce(parts), dtype=np.uint8)

    def similarities(self, query: NDArray[np.float32], codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the cosines of unit vectors with the vectors that codes stand for.

        Args:
            query: ``(t, dimension)`` float32, unit rows.
            codes: ``(n, bytes_per_token)`` uint8.

        Returns:
            ``(t, n)`` float32.
        """
        rotated = inner_products(query, self.rotation.T)
        padded = np.zeros((-(-len(query) // _QUERY_ROWS) * _QUERY_ROWS, len(self.rotation)), dtype=np.float32)
        padded[: len(query)] = rotated
        found = np.empty((len(codes), len(padded)), dtype=np.float32)
        for start in range(0, len(codes), _BLOCK):
            vectors = np.take(_TABLE, codes[start : start + _BLOCK]).view(np.float32)
            lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
            np.divide(inner_products(vectors, padded), lengths[:, None], out=found[start : start + _BLOCK])
        return np.asarray(found[:, : len(query)].T)


class Codes(Protocol):
    """Rows of codes, an array or what reads them from a file."""

    @property
    def ndim(self) -> int:
        """Always 2."""

    @property
    def shape(self) -> tuple[int, ...]:
        """How many tokens, and the bytes of each."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> NDArray[np.uint8]: ...


class TokenStore:
    """The token vectors of all passages.

    Those of passage *i* are ``count`` rows from row ``start`` of ``segments[segment]``, where these three numbers are
    ``spans[i]``.

    Attributes:
        segments: The codes: ``(tokens, bytes_per_token)`` uint8 each, of which consecutive rows are asked for.
        spans: ``(passages, 3)`` int64.
        codec: What the codes were made with.
    """

    def __init__(
        self,
        segments: Sequence[Codes],
        spans: NDArray[np.int64],
        codec: TokenCodec,
        *,
        check: Callable[[NDArray[np.int64]], None] | None = None,
    ) -> None:
        """Take the codes as they are stored.

        Args:
            segments: As the attribute.
            spans: As the attribute.
            codec: As the attribute.
            check: Called with the passages, ``(n,)`` int64, whose codes are to be read.

        Raises:
            ValueError: If the codes have another size, or a span does not lie in a segment.
        """
        for codes in segments:
            if codes.ndim != 2 or codes.shape[1] != codec.bytes_per_token:
                raise ValueError(f"expected codes of {codec.bytes_per_token} bytes, got {codes.shape}")
        if spans.ndim != 2 or spans.shape[1] != 3 or spans.dtype != np.int64:
            raise ValueError(f"expected spans (n, 3) int64, got {spans.shape} {spans.dtype}")
        sizes = np.array([len(codes) for codes in segments], dtype=np.int64)
        segment, start, count = spans.T
        if not ((segment >= 0) & (segment < len(sizes)) & (start >= 0) & (count >= 1)).all():
            raise ValueError("a passage has no tokens")
        if (start > sizes[segment] - count).any():
            raise ValueError("the tokens of a passage lie beyond the end of their segment")
        if (count > _MOST_TOKENS).any():
            raise ValueError(f"a passage has more than {_MOST_TOKENS} tokens")
        self.segments = segments
        self.spans = spans
        self.codec = codec
        self._check = check

    def __len__(self) -> int:
        """Return the number of passages."""
        return len(self.spans)

    def codes_of(self, row: int) -> NDArray[np.uint8]:
        """Return the codes of a passage's tokens: ``(t, bytes_per_token)`` uint8."""
        if self._check is not None:
            self._check(np.array([row]))
        return self.unchecked_codes_of(row)

    def unchecked_codes_of(self, row: int) -> NDArray[np.uint8]:
        """Return the codes of a passage's tokens as they are stored, damaged or not."""
        segment, start, count = self.spans[row].tolist()
        return np.asarray(self.segments[segment][start : start + count])

    def max_similarities(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return for each token of the query its highest cosine with any token of each passage.

        This is the inner part of MaxSim (Khattab and Zaharia, ColBERT, SIGIR 2020).

        Args:
            query: ``(t, dimension)`` float32, unit rows.
            rows: ``(n,)`` int64: the passages.

        Returns:
            ``(t, n)`` float32.
        """
        parts = [np.maximum.reduceat(found.T, starts, axis=0) for found, starts in self._compare(query, rows)]
        return np.asarray((parts[0] if len(parts) == 1 else np.concatenate(parts)).T, dtype=np.float32)

    def similarities(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
        """Yield the cosines of the query's tokens with those of each passage: ``(t, tokens)`` float32 each."""
        for found, starts in self._compare(query, rows):
            yield from np.split(found, starts[1:], axis=1)

    def _compare(
        self, query: NDArray[np.float32], rows: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """Compare a query with the tokens of passages, some passages at a time; also say where each one's begin."""
        if self._check is not None:
            self._check(rows)
        blocks = (np.cumsum(self.spans[rows, 2]) - 1) // _PASSAGES_BLOCK
        for some in np.split(rows, np.flatnonzero(np.diff(blocks)) + 1):
            parts = [self.unchecked_codes_of(row) for row in some.tolist()]
            starts = np.cumsum([0, *(len(part) for part in parts[:-1])])
            yield self.codec.similarities(query, np.concatenate(parts)), starts
