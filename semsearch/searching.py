"""A query to ranked hits.

text ──embed──▶ nearest passages ──▶ hits
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from semsearch.dense import DenseIndex, unit_rows
from semsearch.embedders import Embedder, load_embedder
from semsearch.errors import EmbedderMismatchError
from semsearch.passages import split_text
from semsearch.records import Hit, is_unicode
from semsearch.storage import Generation, Manifest, open_generation

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["DEFAULT_K", "Searcher", "open_index"]

DEFAULT_K = 10


class Searcher:
    """An open index. It answers from the generation that was live when it was opened, and may be used by threads.

    Use it as a context manager, or :meth:`close` it.
    """

    def __init__(self, generation: Generation, dense: DenseIndex, embedder: Embedder) -> None:
        self._generation = generation
        self._dense = dense
        self._embedder = embedder

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """Return the number of passages."""
        return self.manifest.counts.passages

    @property
    def manifest(self) -> Manifest:
        """What the index is: its model, counts, settings and files."""
        return self._generation.manifest

    def search(self, query: str, k: int = DEFAULT_K) -> list[Hit]:
        """Return the ``min(k, passages)`` passages that answer ``query`` best, best first.

        Raises:
            ValueError: If the query is blank or ``k`` is below 1.
        """
        return self.search_many([query], k)[0]

    def search_many(self, queries: Sequence[str], k: int = DEFAULT_K) -> list[list[Hit]]:
        """Return the hits of each query, as :meth:`search` does. Scores are cosines, from -1 to 1.

        Raises:
            ValueError: If a query is blank or ``k`` is below 1.
        """
        _check(queries, k)
        if not queries:
            return []
        found = self._dense.search(self._embed(queries), k)
        stored = self._generation.archive.passages(int(row) for rows, _ in found for row in rows)
        return [
            [
                Hit(rank, float(score), *stored[int(row)])
                for rank, (row, score) in enumerate(zip(rows, scores, strict=True), start=1)
            ]
            for rows, scores in found
        ]

    def close(self) -> None:
        """Let go of the index's files."""
        self._generation.close()

    def _embed(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Embed queries: ``(len(queries), dimension)`` float32, unit rows.

        A query beyond the model's limit is the mean of its parts, so that none of it is dropped.
        """
        limit = self._query_limit()
        parts = [split_text(query, self._embedder.count_tokens, limit=limit) for query in queries]
        embeddings = unit_rows(self._embedder.embed_queries([part for query in parts for part in query]))
        ends = np.cumsum([len(query) for query in parts])
        return unit_rows(np.stack([part.mean(axis=0) for part in np.split(embeddings, ends[:-1])]))

    def _query_limit(self) -> int:
        """Return how many tokens of a query the model reads: its two prompts may differ in length."""
        spec = self._embedder.spec
        passage, query = self._embedder.count_tokens([spec.passage_prompt, spec.query_prompt])
        return max(1, spec.max_tokens + passage - query)


def open_index(
    index: str | os.PathLike[str] = "index", *, embedder: Embedder | str | os.PathLike[str] | None = None
) -> Searcher:
    """Open an index for searching.

    Args:
        index: The index's folder.
        embedder: What the index was built with, if it is not found by the name that the index knows: a model's folder
            that has moved, or an :class:`~semsearch.Embedder` of your own.

    Raises:
        IndexNotFoundError: If there is no index in the folder.
        IndexFormatError: If a newer semsearch wrote it.
        IndexCorruptError: If a file of it is missing or damaged. It names the file.
        EmbedderMismatchError: If ``embedder`` is not what the index was built with.
        ModelNotFoundError: If the model is not on this machine.
    """
    with contextlib.ExitStack() as stack:
        generation = open_generation(Path(index))
        stack.callback(generation.close)
        dense = generation.dense_index()
        built_with = generation.manifest.embedder
        if embedder is None:
            embedder = built_with.name
        if isinstance(embedder, str | os.PathLike):
            embedder = load_embedder(embedder)
        if embedder.spec.fingerprint != built_with.fingerprint:
            raise EmbedderMismatchError(
                f"the index in {index} was built with {built_with.name!r} ({built_with.fingerprint[:12]}), not with "
                f"{embedder.spec.name!r} as it is here ({embedder.spec.fingerprint[:12]}): "
                "name that model, or rebuild the index with 'semsearch rebuild-index'"
            )
        stack.pop_all()
        return Searcher(generation, dense, embedder)


def _check(queries: Sequence[Any], k: Any) -> None:
    if isinstance(queries, str):
        raise ValueError("search_many takes several queries: use search for one")
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ValueError(f"k must be a whole number of at least 1, not {k!r}")
    for query in queries:
        if not isinstance(query, str) or not query.strip():
            raise ValueError(f"a query must be text that is not blank, not {query!r}")
        if not is_unicode(query):
            raise ValueError(f"a query must be Unicode text, not half a surrogate pair as in {query!r}")
