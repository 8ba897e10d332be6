"""Queries from many threads at once: each gets the answers that it gets alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from semsearch import Article, Hit, build_index, load_embedder, open_index
from tests.embedder import WordEmbedder


@pytest.fixture(autouse=True)
def hasty_threads() -> Iterator[None]:
    """Threads that take turns as often as they can, so that what goes wrong between them does so here."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.fixture
def articles() -> list[Article]:
    return [Article(f"{number}", " ".join(f"word{number * i}" for i in range(20))) for number in range(50)]


@pytest.fixture
def queries() -> list[str]:
    """Short ones and ones that are beyond the tiny model's limit: what is done to one must not be done to another."""
    return [f"word{number} " * (1 + number * 7 % 60) for number in range(60)]


def found(hits: Sequence[Hit]) -> list[tuple[str, float]]:
    return [(hit.article.id, round(hit.score, 4)) for hit in hits]


def test_eight_threads_get_the_same_answers_as_one(tmp_path: Path, articles: list[Article], queries: list[str]) -> None:
    words = WordEmbedder()
    build_index(articles, tmp_path / "index", embedder=words)
    with open_index(tmp_path / "index", embedder=words) as searcher, ThreadPoolExecutor(8) as threads:
        expected = [searcher.search(query) for query in queries]
        assert list(threads.map(searcher.search, queries * 5)) == expected * 5


def test_eight_threads_get_the_same_answers_as_one_from_a_real_model(
    tmp_path: Path, tiny_model: Path, articles: list[Article], queries: list[str]
) -> None:
    build_index(articles, tmp_path / "index", embedder=tiny_model)
    with open_index(tmp_path / "index") as searcher, ThreadPoolExecutor(8) as threads:
        expected = [found(searcher.search(query, 3)) for query in queries]
        assert list(threads.map(lambda query: found(searcher.search(query, 3)), queries * 5)) == expected * 5


def test_tokens_are_counted_whole_while_other_threads_embed(tiny_model: Path, queries: list[str]) -> None:
    embedder = load_embedder(tiny_model)
    expected = [len(query.replace(" ", "")) for query in queries]  # to the tiny model a token is a letter
    with ThreadPoolExecutor(8) as threads:
        both = [
            (threads.submit(embedder.embed_passages, [query]), threads.submit(embedder.count_tokens, [query]))
            for query in queries * 3
        ]
    assert [embedded.exception() for embedded, _ in both] == [None] * len(both)
    assert [counted.result() for _, counted in both] == [[count] for count in expected * 3]
