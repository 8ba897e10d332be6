"""An index in an engine that goes away, comes back, and whose words are not on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from semsearch import build_index
from semsearch.embedders import load_embedder
from semsearch.records import Article
from semsearch.serving import Settings
from tests.engines import postgres_server
from tests.serving.servers import PATIENCE, Served, in_thread, wait_for

ARTICLES = [Article(id=name, text=f"The {name} crossed the river before dawn.") for name in ("convoy", "ferry")]


@pytest.fixture
def postgres() -> Iterator[postgres_server.PostgresServer]:
    reason = postgres_server.why_not()
    if reason is not None:
        pytest.skip(reason)
    with postgres_server.PostgresServer() as server:
        yield server


def get(served: Served, path: str, **parameters: Any) -> httpx.Response:
    return httpx.get(served.at(f"/api/v1/{path}"), params=parameters, timeout=PATIENCE, trust_env=False)


def test_an_engine_that_goes_away_is_said_until_it_is_back(
    postgres: postgres_server.PostgresServer, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semsearch.serving._archive.LEAST_FOR_ENGINES", 0.2)
    address = postgres.address("served")
    build_index(ARTICLES, address, embedder=load_embedder(tiny_model))
    with in_thread(address, Settings(refresh=0.2, timeout=PATIENCE)) as served:
        status = get(served, "status").json()
        assert (status["index"], status["articles"]) == ("served", 2)
        assert len(get(served, "search", q="who crossed the river").json()["hits"]) == 2
        postgres.stop()
        wait_for(lambda: get(served, "health").status_code == 503)
        away = get(served, "search", q="what crossed the river")
        assert (away.status_code, away.headers["retry-after"]) == (503, "5")
        for answer in (away, get(served, "health"), get(served, "article", id="convoy")):
            assert answer.headers["content-type"] == "application/problem+json"
            assert "the engine that keeps the index does not answer" in answer.json()["detail"]
            assert str(postgres.port) not in answer.text
        postgres.start()
        wait_for(lambda: get(served, "health").status_code == 200)
        assert len(get(served, "search", q="what crossed the river").json()["hits"]) == 2


def test_words_that_are_not_on_this_machine_are_a_warning_of_every_answer(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pymilvus")
    pytest.importorskip("milvus_lite")
    address = f"milvus-lite://{tmp_path / 'lite.db'}/served"
    build_index(ARTICLES, address, embedder=load_embedder(tiny_model))
    with in_thread(address) as served:
        assert get(served, "search", q="who crossed the river").json()["warnings"] == []
    monkeypatch.setenv("SEMSEARCH_CACHE", str(tmp_path / "empty"))
    with in_thread(address) as served:
        for _ in range(2):
            body = get(served, "search", q="who crossed the river").json()
            assert len(body["hits"]) == 2
            (warning,) = body["warnings"]
            assert warning.startswith("the ranking knows nothing of words now")
            assert str(tmp_path) not in warning
        assert get(served, "health").json()["warnings"] == [warning]
        refused = get(served, "search", q="who crossed the river", mode="lexical")
        assert refused.status_code == 503
        assert str(tmp_path) not in refused.text
