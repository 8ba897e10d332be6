"""Queries beyond the model's limit: none of one is dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch import Article, Searcher, build_index, open_index
from tests.embedder import WordEmbedder

FORCE = Article("force", "The first soldiers landed at the airport in the evening.", title="Peacekeepers arrive")
TREATY = Article("treaty", "Under article four of the treaty an attack on one member is an attack on all of them.")


class ShortSighted(WordEmbedder):
    """Reads no more of a text than its limit, as a real model does, and remembers its queries."""

    def __init__(self) -> None:
        super().__init__(max_tokens=10)
        self.asked: list[str] = []

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        return super().embed_queries([" ".join(text.split()[: self.spec.max_tokens]) for text in texts])


LONG = "The talks went on in the capital until the late evening. Nothing was agreed by then. "


@pytest.fixture
def short_sighted(tmp_path: Path) -> Iterator[tuple[ShortSighted, Searcher]]:
    embedder = ShortSighted()
    build_index([FORCE, TREATY], tmp_path / "index", embedder=embedder)
    embedder.asked.clear()
    with open_index(tmp_path / "index", embedder=embedder) as searcher:
        yield embedder, searcher


def test_no_word_of_a_long_query_is_dropped(short_sighted: tuple[ShortSighted, Searcher]) -> None:
    embedder, searcher = short_sighted
    query = LONG * 3 + "unpunctuated words " * 20
    searcher.search(query)
    assert max(embedder.count_tokens(embedder.asked)) <= 10
    assert " ".join(embedder.asked).split() == query.split()


def test_a_long_query_is_the_mean_of_its_parts(short_sighted: tuple[ShortSighted, Searcher]) -> None:
    embedder, searcher = short_sighted
    hits = searcher.search(LONG * 2, mode="dense")
    mean = embedder.embed_queries(embedder.asked.copy()).astype(np.float64).mean(axis=0)
    texts = [f"{hit.article.title}\n{hit.passage.text}".strip() for hit in hits]
    expected = embedder.embed_passages(texts).astype(np.float64) @ (mean / np.linalg.norm(mean))
    np.testing.assert_allclose([hit.score for hit in hits], expected, rtol=0, atol=1e-3)


def test_the_tail_of_a_long_query_decides(short_sighted: tuple[ShortSighted, Searcher]) -> None:
    _, searcher = short_sighted
    first = [
        searcher.search(LONG + tail)[0].article for tail in ("soldiers landed at airport " * 4, "attack treaty " * 9)
    ]
    assert first == [FORCE, TREATY]


def test_long_and_short_queries_are_answered_together_as_alone(short_sighted: tuple[ShortSighted, Searcher]) -> None:
    _, searcher = short_sighted
    queries = ["treaty", LONG * 3, "airport", LONG + "treaty " * 9]
    assert searcher.search_many(queries) == [searcher.search(query) for query in queries]
