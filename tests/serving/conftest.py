"""A server for all tests that change nothing about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import semsearch
from tests.serving.servers import PATIENCE, Held, Served, in_thread


@pytest.fixture(scope="session")
def served(corpus_index: Path) -> Iterator[Served]:
    """The index of the sample archive, served by a thread."""
    with in_thread(corpus_index) as one:
        yield one


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=PATIENCE, trust_env=False) as one:
        yield one


@pytest.fixture(scope="session")
def searcher(corpus_index: Path) -> Iterator[semsearch.Searcher]:
    """The same index, asked without a server."""
    with semsearch.open_index(corpus_index) as one:
        yield one


@pytest.fixture
def held(corpus_index: Path) -> Iterator[tuple[Held, semsearch.LiveIndex]]:
    """An index whose searches go on only when they are let."""
    reranker = Held()
    reranker.let.set()  # the index is asked once when it is opened
    live = semsearch.LiveIndex(corpus_index, reranker=reranker)
    reranker.let.clear()
    while reranker.asked.acquire(blocking=False):
        pass
    yield reranker, live
    reranker.let.set()
