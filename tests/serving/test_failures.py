"""What goes wrong in the server itself: said to the client without what is the server's own, and to the log with it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

import semsearch
from tests.serving.servers import PATIENCE, Served, in_thread, wait_for


class Failing:
    """A reranker with a mistake in it, for one question."""

    name = "failing"

    def score(self, query: str, texts: Sequence[str]) -> NDArray[np.float64]:
        if query == "fail":
            raise RuntimeError("a secret of the server")
        return np.arange(len(texts), dtype=np.float64)


def search(served: Served, query: str) -> httpx.Response:
    return httpx.get(served.at("/api/v1/search"), params={"q": query}, timeout=PATIENCE, trust_env=False)


def test_a_mistake_in_the_program_is_a_500_without_its_message(
    corpus_index: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with in_thread(semsearch.LiveIndex(corpus_index, reranker=Failing())) as served:
        answer = search(served, "fail")
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.json()["detail"] == "something is wrong in the server (RuntimeError): its log says more"
        wait_for(lambda: "a secret of the server" in caplog.text)
        assert search(served, "mission").status_code == 200


def test_damage_is_a_500_that_does_not_say_where(
    corpus_index: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    index = tmp_path / "index"
    shutil.copytree(corpus_index, index)
    generation = semsearch.list_generations(index)[0].id
    codes = next((index / "generations" / generation).glob("tokens/*.u8"))
    with in_thread(index) as served:
        with codes.open("r+b") as file:  # one that is looked at only when it is asked for
            length = file.seek(0, 2)
            file.seek(length // 10)
            file.write(b"\xa5" * (length * 8 // 10))
        answers = [search(served, query) for query in ("harvest and drought", "the price of tickets", "peace treaty")]
    failed = [answer for answer in answers if answer.status_code != 200]
    assert failed
    for answer in failed:
        assert answer.status_code == 500
        assert answer.json()["detail"] == "the index cannot answer (IndexCorruptError): the server's log says more"
    assert codes.name in caplog.text
