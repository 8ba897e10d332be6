"""What is closed is let go of at once: nothing waits for the garbage collector."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from semsearch import Article, build_index, open_index, update_index
from semsearch.storage import Generation
from tests.embedder import TokenWordEmbedder

ARTICLES = [Article(f"a{number}", f"Soldiers reached the airport on day {number}.") for number in range(5)]


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[weakref.ref[Generation]]:
    """Every generation that the test opens."""
    opened: list[weakref.ref[Generation]] = []
    original = Generation.__init__

    def remembered(self: Generation, *arguments: object, **options: object) -> None:
        opened.append(weakref.ref(self))
        original(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Generation, "__init__", remembered)
    return opened


@pytest.mark.usefixtures("without_collector")
def test_closed_generations_are_gone(tmp_path: Path, opened: list[weakref.ref[Generation]]) -> None:
    """With them their memory maps, each of which is an open file, and keeps a removed one on the disk."""
    embedder = TokenWordEmbedder()
    build_index(ARTICLES, tmp_path, embedder=embedder)
    update_index(tmp_path, add=[Article("new", "Talks went on.")], embedder=embedder)
    with open_index(tmp_path, embedder=embedder) as searcher:
        for mode in ("dense", "lexical", "hybrid"):
            assert searcher.search("airport", mode=mode, where="id != new", explain=True)
        assert [each() is None for each in opened] == [True, False]
    del searcher
    assert [each() for each in opened] == [None, None]
