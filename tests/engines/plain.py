"""What an engine must answer, in plain Python: a dictionary of articles, looked through for every question."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from semsearch.engines import Batch, EngineArticle, Unit, Where, first_passage
from semsearch.lexical import LexicalIndex
from tests.engines.batches import LANGUAGES, LONG_PASSAGES, joined
from tests.filters_random import matches

__all__ = ["Plain"]


class _Passage(NamedTuple):
    """A row of a batch."""

    row: int
    paragraph: int
    start: int
    end: int
    key: NDArray[np.uint8]
    vector: NDArray[np.float16]
    codes: NDArray[np.uint8]


class Plain:
    """What was put in and not taken out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder  # for indexes of words
        self._articles: dict[int, tuple[EngineArticle, list[_Passage]]] = {}
        self._words: dict[Unit, tuple[LexicalIndex, NDArray[np.int64]]] = {}
        self._numbers = itertools.count()
        self._allowed: dict[Where, NDArray[np.int64]] = {}
        self._known: dict[int, _Passage] = {}

    def upsert(self, batch: Batch) -> None:
        columns = (batch.rows, batch.paragraphs, batch.starts, batch.ends)
        numbers = [column.tolist() for column in columns]
        passages = [_Passage(*one) for one in zip(*numbers, batch.keys, batch.vectors, batch.codes, strict=True)]
        at = 0
        for article in batch.articles:
            self._articles[article.row] = (article, passages[at : at + article.passages])
            at += article.passages
        assert at == len(passages)
        self._forget()

    def delete(self, articles: Sequence[int]) -> None:
        for row in articles:
            self._articles.pop(row, None)
        self._forget()

    def _forget(self) -> None:
        self._words.clear()
        self._allowed.clear()
        self._known.clear()

    # --- what is there ---

    @property
    def articles(self) -> dict[int, EngineArticle]:
        return {row: article for row, (article, _) in sorted(self._articles.items())}

    @property
    def rows(self) -> NDArray[np.int64]:
        return np.array(sorted(self._passages), dtype=np.int64)

    @property
    def _passages(self) -> dict[int, _Passage]:
        if not self._known:
            self._known = {passage.row: passage for _, passages in self._articles.values() for passage in passages}
        return self._known

    def batch(self, first: int = 0) -> Batch:
        """Everything from the article with the row ``first`` on."""
        rows = [row for row in sorted(self._articles) if row >= first]
        return joined([_batch(*self._articles[row]) for row in rows])

    def passages(self, rows: Sequence[int] | NDArray[np.int64]) -> Batch:
        """These passages, in this order; without articles."""
        known = self._passages
        return _batch(None, [known[int(row)] for row in rows])

    def texts(self, rows: Sequence[int] | NDArray[np.int64]) -> list[str]:
        known = self._passages
        found = [(self._articles[int(row) >> 20][0].article.text, known[int(row)]) for row in rows]
        return [text[passage.start : passage.end] for text, passage in found]

    # --- what may be found ---

    def allowed(self, where: Where | None = None) -> NDArray[np.int64]:
        where = where or Where()
        if where not in self._allowed:
            self._allowed[where] = self._find_allowed(where)
        return self._allowed[where]

    def _find_allowed(self, where: Where) -> NDArray[np.int64]:
        rows = []
        for row, (article, passages) in sorted(self._articles.items()):
            if where.articles is not None and row not in where.articles:
                continue
            if row in where.without or (where.filter is not None and not matches(where.filter, article.article)):
                continue
            rows += [passage.row for passage in passages]
        for phrase in where.phrases:
            lexical, known = self.words("passages")
            having = set(known[lexical.with_phrase(phrase)].tolist())
            rows = [row for row in rows if row in having]
        return np.array(rows, dtype=np.int64)

    def words(self, unit: Unit) -> tuple[LexicalIndex, NDArray[np.int64]]:
        """The index of words over these articles or passages, and which row each of its rows is."""
        if unit not in self._words:
            folder = self._folder / f"words-{next(self._numbers)}"
            texts, rows = [], []
            for row, (article, passages) in sorted(self._articles.items()):
                title, text = article.article.title, article.article.text
                if unit == "articles":
                    rows.append(row)
                    texts.append((title, text))
                    continue
                rows += [passage.row for passage in passages]
                texts += [(title[:1000], text[passage.start : passage.end]) for passage in passages]
            LexicalIndex.build(folder, texts, phrases=unit == "passages", languages=LANGUAGES)
            self._words[unit] = LexicalIndex.open(folder), np.array(rows, dtype=np.int64)
        return self._words[unit]

    # --- what is found ---

    def search(
        self, vector: NDArray[np.float32], k: int, where: Where | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        rows = self.allowed(where)
        cosines = self._cosines(rows, vector)
        order = np.lexsort((rows, -cosines))[:k]
        return rows[order], cosines[order]

    def best_passages(
        self, articles: Sequence[int], vector: NDArray[np.float32], where: Where | None = None
    ) -> NDArray[np.int64]:
        may = set(self.allowed(where).tolist())
        found = []
        for article in articles:
            first = int(first_passage(article))
            rows = np.array([row for row in range(first, first + LONG_PASSAGES) if row in may], dtype=np.int64)
            if len(rows):
                found.append(int(rows[np.argmax(self._cosines(rows, vector))]))
        return np.array(sorted(found), dtype=np.int64)

    def _cosines(self, rows: NDArray[np.int64], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        known = self._passages
        if len(rows) == 0:
            return np.empty(0, dtype=np.float32)
        vectors = np.stack([known[row].vector for row in rows.tolist()]).astype(np.float64)
        return np.asarray((vectors * vector.astype(np.float64)).sum(axis=1), dtype=np.float32)

    def find_words(
        self, unit: Unit, query: str, k: int, where: Where | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        lexical, known = self.words(unit)
        may = self.allowed(where)
        allowed = np.isin(known, may if unit == "passages" else np.unique(may >> 20))
        rows, scores = lexical.search(query, k, allowed=allowed)
        return known[rows], scores


def _batch(article: EngineArticle | None, passages: Sequence[_Passage]) -> Batch:
    rows, paragraphs, starts, ends = np.array([passage[:4] for passage in passages], dtype=np.int64).T
    return Batch(
        articles=[] if article is None else [article],
        rows=rows,
        paragraphs=paragraphs,
        starts=starts,
        ends=ends,
        keys=np.stack([passage.key for passage in passages]),
        vectors=np.stack([passage.vector for passage in passages]),
        codes=[passage.codes for passage in passages],
    )
