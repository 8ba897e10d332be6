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

from semsearch.dense import unit_rows
from semsearch.embedders import Embedder, TokenEmbedder, load_embedder
from semsearch.errors import EmbedderMismatchError
from semsearch.passages import readable, split_text
from semsearch.ranking import Signals, hybrid_scores, token_weights
from semsearch.records import Hit, is_unicode
from semsearch.storage import Generation, Manifest, open_generation

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["DEFAULT_K", "MODES", "Searcher", "open_index"]

DEFAULT_K = 10


MODES = ("hybrid", "dense", "lexical")
"""``hybrid`` ranks by everything that is known; ``dense`` by the vectors alone, ``lexical`` by words alone (BM25)."""

_CANDIDATES = 100  # passages from dense search, and as many from lexical search
_ARTICLE_CANDIDATES = 30  # articles from lexical search whose best passage is a candidate too
_ARTICLE_DEPTH = 1000  # articles whose words are scored; beyond them the share is taken as none
_ARTICLE_PASSAGES = 64  # passages of an article that are looked at for its best one and its vector


class Searcher:
    """An open index. It answers from the generation that was live when it was opened, and may be used by threads.

    Use it as a context manager, or :meth:`close` it.
    """

    def __init__(self, generation: Generation, embedder: Embedder) -> None:
        self._generation = generation
        self._dense = generation.dense_index()
        self._passage_words = generation.lexical_index("passages")
        self._article_words = generation.lexical_index("articles")
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

    def search(self, query: str, k: int = DEFAULT_K, *, mode: str = "hybrid") -> list[Hit]:
        """Return the passages that answer ``query`` best, best first: see :meth:`search_many`."""
        return self.search_many([query], k, mode=mode)[0]

    def search_many(self, queries: Sequence[str], k: int = DEFAULT_K, *, mode: str = "hybrid") -> list[list[Hit]]:
        """Return for each query the passages that answer it best, best first.

        There are ``min(k, passages)`` of them in the mode ``dense``; in ``lexical`` fewer where fewer share a word
        with the query, and in ``hybrid`` no more than the candidates, 100 from each kind of search or ``k``.

        Args:
            queries: What is asked for.
            k: How many passages.
            mode: One of :data:`MODES`. Scores are cosines in ``dense``, BM25 in ``lexical``, and those of
                :func:`semsearch.ranking.hybrid_scores` in ``hybrid``; they compare within a mode only.

        Raises:
            ValueError: If a query is blank, ``k`` is below 1, or there is no such mode.
        """
        _check(queries, k, mode)
        if not queries:
            return []
        if mode == "lexical":
            found = [self._passage_words.search(query, k) for query in queries]
        else:
            embeddings = self._embed(queries)
            found = (
                [(rows, scores.astype(np.float64)) for rows, scores in self._dense.search(embeddings, k)]
                if mode == "dense"
                else [self._rank(*pair, k) for pair in zip(queries, embeddings, strict=True)]
            )
        stored = self._generation.archive.passages(int(row) for rows, _ in found for row in rows)
        return [
            [
                Hit(rank, float(score), *stored[int(row)])
                for rank, (row, score) in enumerate(zip(rows, scores, strict=True), start=1)
            ]
            for rows, scores in found
        ]

    def _rank(
        self, query: str, embedding: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Gather candidates and rank them: row numbers and scores, best first, equal ones in the order of the rows."""
        article_rows, bm25 = self._article_words.search(query, _ARTICLE_DEPTH)
        depth = max(_CANDIDATES, k)
        candidates = [self._dense.search(embedding[None], depth)[0][0], self._passage_words.search(query, depth)[0]]
        for article in article_rows[:_ARTICLE_CANDIDATES]:
            passages = self._passages_of(int(article))
            best = int(np.argmax(self._generation.embeddings[passages].astype(np.float32) @ embedding))
            candidates.append(np.array([passages.start + best]))
        rows = np.unique(np.concatenate(candidates))
        starts = self._generation.article_starts
        articles, members = np.unique(np.searchsorted(starts, rows, side="right") - 1, return_inverse=True)
        vectors = unit_rows(
            np.stack(
                [self._generation.embeddings[self._passages_of(a)].astype(np.float32).mean(axis=0) for a in articles]
            )
        )
        shares = dict(zip(article_rows.tolist(), bm25 / (self._article_words.highest_score(query) or 1), strict=True))
        late, weights = self._late_interaction(query, rows)
        signals = Signals(
            articles=members,
            dense=self._generation.embeddings[rows].astype(np.float32) @ embedding,
            article_vectors=vectors,
            article_dense=vectors @ embedding,
            lexical=np.array([shares.get(article, 0.0) for article in articles.tolist()]),
            late=late,
            token_weights=weights,
        )
        scores = hybrid_scores(signals)
        order = np.lexsort((rows, -scores))[:k]
        return rows[order], scores[order]

    def _late_interaction(
        self, query: str, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32] | None, NDArray[np.float64] | None]:
        """Return for each token of the query its highest cosine with each candidate, and its weight, or None."""
        if self._generation.tokens is None or not isinstance(self._embedder, TokenEmbedder):
            return None, None
        tokens = self._embedder.embed_query_tokens(readable(query))
        frequencies = [self._passage_words.document_frequency(text) for text in tokens.texts]
        weights = token_weights(tokens.words, frequencies, len(self))
        return self._generation.tokens.max_similarities(tokens.embeddings, rows), weights

    def _passages_of(self, article: int) -> slice:
        """Return the rows of an article's passages, the first of them where it is very long."""
        starts = self._generation.article_starts
        end = int(starts[article + 1]) if article + 1 < len(starts) else len(self)
        return slice(int(starts[article]), min(end, int(starts[article]) + _ARTICLE_PASSAGES))

    def close(self) -> None:
        """Let go of the index's files."""
        self._generation.close()

    def _embed(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Embed queries: ``(len(queries), dimension)`` float32, unit rows.

        A query beyond the model's limit is the mean of its parts, so that none of it is dropped.
        """
        limit = self._query_limit()
        parts = [split_text(query, self._embedder.count_tokens, limit=limit) for query in queries]
        embeddings = unit_rows(self._embedder.embed_queries([readable(part) for query in parts for part in query]))
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
        built_with = generation.manifest.embedder
        if embedder is None:
            embedder = load_embedder(built_with.name, revision=built_with.revision)
        elif isinstance(embedder, str | os.PathLike):
            embedder = load_embedder(embedder)
        if embedder.spec.fingerprint != built_with.fingerprint:
            raise EmbedderMismatchError(
                f"the index in {index} was built with {built_with.name!r} ({built_with.fingerprint[:12]}), not with "
                f"{embedder.spec.name!r} as it is here ({embedder.spec.fingerprint[:12]}): "
                "name that model, or rebuild the index with 'semsearch rebuild-index'"
            )
        searcher = Searcher(generation, embedder)
        stack.pop_all()
        return searcher


def _check(queries: Sequence[Any], k: Any, mode: Any) -> None:
    if isinstance(queries, str):
        raise ValueError("search_many takes several queries: use search for one")
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise ValueError(f"k must be a whole number of at least 1, not {k!r}")
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, not {mode!r}")
    for query in queries:
        if not isinstance(query, str) or not query.strip():
            raise ValueError(f"a query must be text that is not blank, not {query!r}")
        if not is_unicode(query):
            raise ValueError(f"a query must be Unicode text, not half a surrogate pair as in {query!r}")
