"""A server for all tests that change nothing about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import semsearch
from tests.serving.servers import PATIENCE, Served, in_thread


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
