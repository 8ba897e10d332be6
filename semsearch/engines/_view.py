"""A generation of an index in a folder, whose rows are those of the interface of engines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from semsearch.dense import cosines, mean_direction
from semsearch.engines._protocol import (
    Batch,
    EngineArticle,
    Found,
    PassageRows,
    Unit,
    Where,
    Words,
    article_of,
    first_passage,
)
from semsearch.errors import EngineError
from semsearch.storage import Generation

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["View"]

_LOOKED_AT = 64  # passages of an article that are looked at for its best one
_PORTION = 100  # articles that are exported at a time
_NO_CODES = np.empty((0, 0), dtype=np.uint8)
_PLACES = slice(1, 4)  # of the archive's table: paragraph, start and end


class View:
    """A generation that may be read by threads; it stays readable when writers remove its folder.

    Attributes:
        generation: The generation.
        rows: ``(articles,)`` int64, ascending: the row that each article has outside; inside they are numbered from 0,
            and so are passages.
    """

    def __init__(self, generation: Generation, rows: NDArray[np.int64], address: str) -> None:
        self.generation = generation
        self.rows = rows
        self._address = address
        self._dense = generation.dense_index()
        self._words = {unit: generation.lexical_index(unit) for unit in ("articles", "passages")}
        self._starts = generation.article_starts
        self._counts = np.diff(self._starts, append=generation.manifest.counts.passages)

    # --- rows ---

    def outside(self, passages: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows that passages have outside, ``(n,)`` int64."""
        at = np.searchsorted(self._starts, passages, side="right") - 1
        return np.asarray(first_passage(self.rows[at]) + passages - self._starts[at], dtype=np.int64)

    def _inside(self, passages: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows that passages have inside, ``(n,)`` int64. Raises an EngineError if one is not there."""
        at, there = self._known(article_of(passages))
        beyond = passages - first_passage(article_of(passages))
        there[there] = beyond[there] < self._counts[at[there]]
        if not there.all():
            raise EngineError(self._address, f"has no passage {int(passages[~there][0])}")
        return np.asarray(self._starts[at] + beyond, dtype=np.int64)

    def _known(self, articles: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return where articles are inside, ``(n,)`` int64, and whether they are there at all."""
        at = np.searchsorted(self.rows, articles)
        there = at < len(self.rows)
        there[there] = self.rows[at[there]] == articles[there]
        return at, there

    def _numbers(self, articles: Sequence[int]) -> list[int]:
        """Return where those of some articles are inside that are there, ascending."""
        at, there = self._known(np.array(list(articles), dtype=np.int64))
        numbers: list[int] = np.unique(at[there]).tolist()
        return numbers

    # --- what may be found, and what is found ---

    def allowed(self, where: Where | None) -> NDArray[np.bool_] | None:
        """Return which passages may be found, ``(passages,)`` bool; None for all."""
        if where is None or where == Where():
            return None
        chosen = np.ones(len(self.rows), dtype=bool)
        if where.filter is not None:
            chosen[:] = False
            chosen[self.generation.archive.matching_articles(where.filter)] = True
        if where.articles is not None:
            chosen &= np.isin(self.rows, np.array(where.articles, dtype=np.int64))
        chosen &= ~np.isin(self.rows, np.array(where.without, dtype=np.int64))
        mask = np.repeat(chosen, self._counts)
        for phrase in where.phrases:
            having = np.zeros(len(mask), dtype=bool)
            having[self._words["passages"].with_phrase(phrase)] = True
            mask &= having
        return mask

    def count(self, where: Where | None) -> int:
        """Count the passages that may be found."""
        mask = self.allowed(where)
        return self.generation.manifest.counts.passages if mask is None else int(mask.sum())

    def search(
        self, vector: NDArray[np.float32], k: int, where: Where | None, recall: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find the nearest passages: rows outside, and cosines."""
        ((rows, scores),) = self._dense.search(vector[None], k, allowed=self.allowed(where), recall=recall)
        return self.outside(rows), scores

    def best_passages(
        self, articles: Sequence[int], vector: NDArray[np.float32], where: Where | None
    ) -> NDArray[np.int64]:
        """Return the nearest passage of each article, of its first."""
        mask = self.allowed(where)
        found = []
        for at in self._numbers(articles):
            rows = self._starts[at] + np.arange(min(int(self._counts[at]), _LOOKED_AT))
            rows = rows if mask is None else rows[mask[rows]]
            if len(rows):
                found.append(rows[np.argmax(cosines(self.generation.embeddings_of(rows), vector))])
        return self.outside(np.array(found, dtype=np.int64))

    def words(self, unit: Unit) -> Words:
        """Return what finds articles or passages by their words."""
        return _Words(self, unit)

    # --- what is there ---

    def passages(self, rows: NDArray[np.int64], *, codes: bool) -> PassageRows:
        """Return passages by their rows outside."""
        return self._passages(self._inside(rows), codes=codes)

    def _passages(self, rows: NDArray[np.int64], *, codes: bool) -> PassageRows:
        table = self.generation.archive.passage_table[rows, _PLACES].astype(np.int64)
        tokens = self.generation.tokens if codes else None
        paragraphs, starts, ends = (np.ascontiguousarray(column) for column in table.T)
        return PassageRows(
            paragraphs,
            starts,
            ends,
            vectors=np.asarray(self.generation.embeddings_of(rows)),
            codes=[_NO_CODES if tokens is None else tokens.codes_of(row) for row in rows.tolist()],
        )

    def texts(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the texts of passages by their rows outside."""
        return self.generation.archive.passage_texts(self._inside(rows).tolist())

    def articles(self, rows: Sequence[int]) -> dict[int, EngineArticle]:
        """Return those articles that are there by their rows outside."""
        return {article.row: article for article in self._articles(self._numbers(rows))}

    def _articles(self, numbers: list[int]) -> list[EngineArticle]:
        known = self.generation.archive.known
        firsts = [int(self._starts[at]) for at in numbers]
        stored = self.generation.archive.passages(firsts)
        return [
            EngineArticle(
                row=int(self.rows[at]),
                article=stored[first].article,
                place=known.places[at],
                digest=known.digests[at],
                passages=int(self._counts[at]),
                tokens=int(known.tokens[at]),
                truncated=int(known.truncated[at]),
                vector=self._vector(at),
            )
            for at, first in zip(numbers, firsts, strict=True)
        ]

    def _vector(self, at: int) -> NDArray[np.float16]:
        start = int(self._starts[at])
        return mean_direction(self.generation.embeddings_of(np.arange(start, start + int(self._counts[at]))))

    def article_vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return the vectors of articles by their rows outside: ``(n, dimension)``."""
        at, there = self._known(rows)
        if not there.all():
            raise EngineError(self._address, f"has no article {int(rows[~there][0])}")
        vectors = np.empty((len(rows), self.generation.manifest.embedder.dimension), dtype=np.float16)
        for number, one in enumerate(at.tolist()):
            vectors[number] = self._vector(one)
        return vectors

    def find(self, ids: Sequence[str]) -> dict[str, Found]:
        """Return where those articles are that are there."""
        archive = self.generation.archive
        found = {}
        for each in ids:
            at = archive.article_row(each)
            if at is not None:
                found[each] = Found(int(self.rows[at]), archive.known.digests[at])
        return found

    def entries(self, first: int) -> Iterator[tuple[str, Found]]:
        """Yield the ids of the articles from a row outside on."""
        known = self.generation.archive.known
        for at in range(int(np.searchsorted(self.rows, first)), len(self.rows)):
            yield known.ids[at], Found(int(self.rows[at]), known.digests[at])

    def export(self, first: int) -> Iterator[Batch]:
        """Yield everything from a row outside on, in portions."""
        keys = self.generation.archive.passage_keys()
        for at in range(int(np.searchsorted(self.rows, first)), len(self.rows), _PORTION):
            numbers = range(at, min(at + _PORTION, len(self.rows)))
            rows = np.arange(self._starts[at], self._starts[numbers[-1]] + self._counts[numbers[-1]])
            passages = self._passages(rows, codes=True)
            yield Batch(
                articles=self._articles(list(numbers)),
                rows=self.outside(rows),
                paragraphs=passages.paragraphs,
                starts=passages.starts,
                ends=passages.ends,
                keys=np.asarray(keys[rows]),
                vectors=passages.vectors,
                codes=passages.codes,
            )


class _Words:
    """The words of articles or passages, by the rows that these have outside."""

    def __init__(self, view: View, unit: Unit) -> None:
        self._view = view
        self._unit = unit
        self._index = view._words[unit]  # noqa: SLF001 - of the same module
        self.terms = self._index.terms
        self.document_frequency = self._index.document_frequency
        self.term_frequency = self._index.term_frequency
        self.highest_score = self._index.highest_score

    def __len__(self) -> int:
        return len(self._index)

    def search(
        self, query: str, k: int, *, where: Where | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Find the texts that share a term with ``query``."""
        allowed = self._view.allowed(where)
        if allowed is not None and self._unit == "articles" and len(allowed):
            allowed = np.logical_or.reduceat(allowed, self._view.generation.article_starts)
        rows, scores = self._index.search(query, k, allowed=allowed)
        return self._view.outside(rows) if self._unit == "passages" else self._view.rows[rows], scores
