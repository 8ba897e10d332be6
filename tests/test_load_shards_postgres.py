"""Shards to an index in PostgreSQL and back, whoever is killed meanwhile."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("psycopg")
pytest.importorskip("pyarrow")

from semsearch import EngineUnavailableError, Progress, build_index, open_index, parse_filter
from semsearch.building._corpus_shards import embed_corpus
from semsearch.building._exporting import export_shards
from semsearch.building._loading import load_shards
from semsearch.engines import open_engine
from semsearch.engines.state import read_codec, read_field_names, read_languages, read_loaded, read_manifest
from semsearch.shards import read_shard, read_shard_info
from semsearch.tokens import TokenCodec
from tests.conftest import ROOT
from tests.embedder import TokenWordEmbedder
from tests.engines.postgres_server import PostgresServer, why_not
from tests.index_files import live
from tests.test_load_shards import ARTICLES, QUERIES
from tests.test_shards import flat

_numbers = itertools.count()

if why_not() is not None:
    pytest.skip(str(why_not()), allow_module_level=True)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
def address(server: PostgresServer) -> Iterator[str]:
    """The address of an index that is not there yet."""
    address = server.address(f"loaded_{next(_numbers)}")
    yield address
    with contextlib.closing(open_engine(address)) as engine:
        engine.remove()


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    assert embed_corpus(ARTICLES, folder, passages_per_shard=20, embedder=TokenWordEmbedder()).shards >= 5
    return folder


def expected(shards: Path) -> list[tuple[Any, ...]]:
    found, row = [], 0
    for path in sorted(shards.iterdir()):
        found += flat(list(read_shard(path, row)))
        row += read_shard_info(path).counts.articles
    return found


def held(address: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(open_engine(address)) as engine:
        return flat([batch for batch in engine.live().export() if batch.articles])


def hits(index: str | Path) -> list[tuple[Any, ...]]:
    with open_index(index, embedder=TokenWordEmbedder()) as searcher:
        return [
            (query, hit.article.id, hit.passage, dict(hit.article.metadata), hit.evidence)
            for query in QUERIES
            for where in (None, parse_filter("metadata.desk.name = harbour"))
            for hit in searcher.search(query, k=10, where=where)
        ]


def test_an_engine_holds_what_the_shards_hold(shards: Path, address: str, tmp_path: Path) -> None:
    seen: list[Progress] = []
    report = load_shards(shards, address, progress=seen.append)
    count = len(list(shards.iterdir()))
    passages = sum(read_shard_info(path).counts.passages for path in shards.iterdir())
    assert (report.shards, report.loaded, report.unchanged) == (count, count, False)
    assert (report.articles, report.passages) == (60, passages)
    assert "secret" not in report.index
    assert held(address) == expected(shards)
    with contextlib.closing(open_engine(address)) as engine:
        version = engine.live()
        manifest = read_manifest(version)
        assert (manifest.counts.passages, manifest.dense_spec, manifest.languages) == (
            passages,
            "postgresql",
            {"en": 1.0},
        )
        assert read_languages(version) == ("en",)
        names = {("metadata", "desk"), ("metadata", "desk", "name"), ("metadata", "number")}
        assert read_field_names(version) == names
        codec = read_codec(version)
        assert codec is not None
        assert np.array_equal(codec.rotation, TokenCodec.create(64).rotation)
        assert len(read_loaded(version)) == count

    again = load_shards(shards, address)
    assert (again.loaded, again.unchanged, again.generation) == (0, True, report.generation)
    fewer = load_shards(sorted(shards.iterdir())[:2], address)
    assert not fewer.unchanged
    assert held(address) == expected(shards)[: fewer.articles]


def test_an_index_goes_through_an_engine_unchanged(address: str, tmp_path: Path) -> None:
    build_index(ARTICLES, tmp_path / "built", embedder=TokenWordEmbedder())
    export_shards(tmp_path / "built", tmp_path / "one")
    load_shards(tmp_path / "one", address)
    assert hits(address) == hits(tmp_path / "built")
    report = export_shards(address, tmp_path / "two")
    assert (report.articles, report.index) == (60, address.replace(":secret%3A%20%2F%40%25%3F@", "@"))
    load_shards(tmp_path / "two", tmp_path / "index")
    for name in ("embeddings.npy", "passages.npy", "keys.npy"):
        assert (live(tmp_path / "index") / name).read_bytes() == (live(tmp_path / "built") / name).read_bytes()
    assert hits(tmp_path / "index") == hits(tmp_path / "built")


KILLED = """
import os, signal, sys
from semsearch.building._loading import load_shards

calls = 0

def progress(progress):
    global calls
    calls += progress.stage == sys.argv[3]
    if calls == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)

load_shards(sys.argv[1], sys.argv[2], progress=progress)
"""


def load_and_be_killed(shards: Path, address: str, stage: str, number: int) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(shards), address, stage, str(number)], env=environment, check=False
    )
    assert done.returncode == -signal.SIGKILL


def test_a_load_that_is_killed_goes_on_where_it_was(shards: Path, address: str) -> None:
    load_shards(min(shards.iterdir()), address)
    old = held(address)
    count = len(list(shards.iterdir()))
    for stage, number in [
        ("loading passages", 1),
        ("loading passages", 2),
        ("loading passages", 4),
        ("writing the index", 1),
    ]:
        load_and_be_killed(shards, address, stage, number)
        assert held(address) == old  # which is live until the new one is complete
    report = load_shards(shards, address)
    assert (report.loaded, report.shards) == (0, count)
    assert not report.unchanged
    assert held(address) == expected(shards)


def test_a_load_outlives_the_server(server: PostgresServer, shards: Path, address: str) -> None:
    """The server crashes while a shard is put in, and again while the next is."""
    crashes = iter([2, 4])
    crash, calls = next(crashes), 0
    timers: list[threading.Timer] = []

    def progress(progress: Progress) -> None:
        nonlocal calls, crash
        calls += progress.stage == "loading passages"
        if calls == crash:
            crash = next(crashes, 0)
            server.kill()
            timers.append(threading.Timer(0.5, server.start))
            timers[-1].start()

    report = load_shards(shards, address, progress=progress, patience=60)
    for timer in timers:
        timer.join()
    assert len(timers) == 2
    assert report.loaded == report.shards
    assert held(address) == expected(shards)


def test_patience_with_a_server_ends(server: PostgresServer, shards: Path, address: str) -> None:
    load_shards(min(shards.iterdir()), address)
    old = held(address)

    def progress(progress: Progress) -> None:
        if progress.stage == "loading passages" and server.running:
            server.kill()

    with pytest.raises(EngineUnavailableError):
        load_shards(shards, address, progress=progress, patience=1)
    server.start()
    assert held(address) == old
    assert load_shards(shards, address).shards == len(list(shards.iterdir()))
    assert held(address) == expected(shards)


def test_an_export_outlives_the_server(
    server: PostgresServer, shards: Path, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semsearch.engines.postgres._collection._PORTION", 20)  # so that much follows the crash
    load_shards(shards, address)
    timers: list[threading.Timer] = []

    def progress(progress: Progress) -> None:
        if progress.stage == "writing shards" and not timers:
            server.kill()
            timers.append(threading.Timer(0.5, server.start))
            timers[-1].start()

    report = export_shards(address, tmp_path / "exported", passages_per_shard=40, progress=progress, patience=60)
    timers[0].join()
    assert report.articles == 60
    assert report.shards == len(list((tmp_path / "exported").iterdir())) >= 3
    assert expected(tmp_path / "exported") == expected(shards)
