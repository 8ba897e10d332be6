"""Passages to their vectors, and to the codes of their tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from semsearch.building._articles import context_of
from semsearch.dense import unit_rows
from semsearch.embedders import Embedder, TokenEmbedder
from semsearch.errors import SemsearchError
from semsearch.passages import readable
from semsearch.records import Progress, ReportProgress
from semsearch.storage import Archive, Generation
from semsearch.storage.partial import NO_CODES, Embedded, PartialRows
from semsearch.tokens import TokenCodec

__all__ = ["SHARD", "Encoder", "embed_new", "encode_into", "gives_tokens", "rows_by_key"]

SHARD = 2048
"""Passages that are read, sorted by length and embedded together."""

_STEP = 64  # passages between two reports of progress


class Encoder:
    """Embeds passages, and encodes their tokens if they are kept."""

    def __init__(self, embedder: Embedder, codec: TokenCodec | None) -> None:
        self._embedder = embedder
        self._codec = codec

    @property
    def dimension(self) -> int:
        """Components of a vector."""
        return self._embedder.spec.dimension

    def text_of(self, archive: Archive, rows: Sequence[int]) -> list[str]:
        """Return what is embedded for each of these passages: the title's line and the passage."""
        contexts: dict[str, str] = {}
        stored = archive.passages(rows)
        for _, article in stored.values():
            if article.id not in contexts:
                contexts[article.id] = context_of(article, self._embedder)
        return [readable(contexts[stored[row].article.id] + stored[row].passage.text) for row in rows]

    def encode(self, texts: list[str]) -> tuple[NDArray[np.float16], list[NDArray[np.uint8]]]:
        """Embed texts.

        Returns:
            Their vectors, ``(n, dimension)``, unit rows; and the codes of each one's tokens, of none if not kept.

        Raises:
            SemsearchError: If the embedder returns something else than it promises.
        """
        codes = [NO_CODES] * len(texts)
        if self._codec is None:
            vectors = self._embedder.embed_passages(texts)
        else:
            assert isinstance(self._embedder, TokenEmbedder)  # noqa: S101 - for the type checker
            vectors, tokens = self._embedder.embed_passages_with_tokens(texts)
            ends = np.cumsum([len(own) for own in tokens])
            codes = np.split(self._codec.encode(np.concatenate(tokens)), ends[:-1])
        expected = (len(texts), self.dimension)
        if vectors.shape != expected:
            raise SemsearchError(
                f"the embedder returned {vectors.shape} for {len(texts)} texts, not {expected}: nothing is committed"
            )
        try:
            return unit_rows(vectors).astype(np.float16), codes
        except ValueError as error:
            raise SemsearchError(f"{error} of this batch, {texts[0][:60]!r} first") from None


def gives_tokens(embedder: Embedder) -> bool:
    """Whether the tokens of this embedder can be stored: four components of a vector are one byte."""
    return isinstance(embedder, TokenEmbedder) and embedder.spec.dimension % 4 == 0


def embed_new(
    archive: Archive, rows: NDArray[np.int64], encoder: Encoder, partial: PartialRows, report: ReportProgress
) -> Iterator[Embedded]:
    """Embed these passages. Yields some after the other, in the order of the rows.

    What a build that was killed had finished is not embedded again; what is finished now is kept for the next one.
    """
    keys = archive.passage_keys()[rows]
    done = 0
    report(Progress("embedding passages", done, len(rows)))
    for start in range(0, len(rows), SHARD):
        shard = rows[start : start + SHARD]
        vectors = np.empty((len(shard), encoder.dimension), dtype=np.float16)
        codes: list[NDArray[np.uint8]] = [NO_CODES] * len(shard)
        kept = partial.take(keys[start : start + SHARD])
        for at, (vector, own) in kept.items():
            vectors[at], codes[at] = vector, own
        new = [at for at in range(len(shard)) if at not in kept]
        done += len(kept)
        texts = dict(zip(new, encoder.text_of(archive, shard[new].tolist()), strict=True))
        for count in encode_into(texts, encoder, vectors, codes):
            done += count
            report(Progress("embedding passages", done, len(rows)))
        embedded = Embedded(keys[start : start + SHARD], vectors, codes)
        if new and start + SHARD < len(rows):  # after the last shard little is left that could be lost
            partial.keep(embedded.only(new))
        yield embedded


def encode_into(
    texts: Mapping[int, str], encoder: Encoder, vectors: NDArray[np.float16], codes: list[NDArray[np.uint8]]
) -> Iterator[int]:
    """Embed texts and put what comes out where it belongs, by their numbers. Yields how many were, time and again."""
    # Texts of one length are padded least when they are embedded together.
    order = sorted(texts, key=lambda at: len(texts[at]))
    for begin in range(0, len(order), _STEP):
        step = order[begin : begin + _STEP]
        vectors[step], own = encoder.encode([texts[at] for at in step])
        for at, part in zip(step, own, strict=True):
            codes[at] = part
        yield len(step)


def rows_by_key(keys: NDArray[np.uint8], before: Generation) -> NDArray[np.int64]:
    """Return where a passage with each of these keys, ``(n, 16)`` uint8, was in a generation; -1 where in none."""
    wanted, known = (np.ascontiguousarray(some).view(np.uint64) for some in (keys, before.archive.passage_keys()))
    order = np.argsort(known[:, 0])
    at = np.minimum(np.searchsorted(known[order, 0], wanted[:, 0]), len(order) - 1)
    return np.where((known[order[at]] == wanted).all(axis=1), order[at], -1)
