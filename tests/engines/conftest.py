"""The engines that the contract is put to, each with its server, which is started once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from semsearch.engines import Collection, Engine, open_engine
from tests.engines import contract
from tests.engines.batches import in_portions, standard_articles
from tests.engines.plain import Plain

ENGINES = ["embedded", "postgres", "milvus", "milvus-lite"]
_numbers = itertools.count()


class Place(NamedTuple):
    """Where indexes can be: the address of one with a name, which may be of a folder."""

    kind: str
    address: Callable[[str], str]

    def connect(self, name: str) -> Engine:
        """Open the index with a name, as often as wanted."""
        if self.kind == "embedded":
            from semsearch.engines.embedded import EmbeddedEngine

            return EmbeddedEngine(Path(self.address(name)))
        return open_engine(self.address(name))


@pytest.fixture(scope="session", params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An engine that runs."""
    kind = str(request.param)
    if kind == "embedded":
        folder = tmp_path_factory.mktemp("embedded")
        yield Place(kind, lambda name: str(folder / name))
    elif kind == "postgres":
        pytest.importorskip("psycopg")
        from tests.engines.postgres_server import PostgresServer, why_not

        _skip(why_not())
        with PostgresServer() as server:
            yield Place(kind, server.address)
    elif kind == "milvus":
        pytest.importorskip("pymilvus")
        from tests.engines.milvus_server import MilvusServer, why_not

        _skip(why_not())
        with MilvusServer() as server:
            yield Place(kind, server.address)
    else:
        pytest.importorskip("pymilvus")
        pytest.importorskip("milvus_lite")
        file = tmp_path_factory.mktemp("milvus-lite") / "lite.db"
        yield Place(kind, lambda name: f"milvus-lite://{file}/{name}")


def _skip(reason: str | None) -> None:
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture
def name() -> str:
    """The name of an index that nobody has used."""
    return f"unused_{next(_numbers)}"


@pytest.fixture
def connect(place: Place) -> Iterator[Callable[[str], Engine]]:
    """Opens the index with a name; when the test ends, all of them are removed."""
    opened: list[Engine] = []

    def open_one(name: str) -> Engine:
        opened.append(place.connect(name))
        return opened[-1]

    try:
        yield open_one
    finally:
        for engine in opened:
            engine.remove()
            engine.close()


@pytest.fixture
def engine(connect: Callable[[str], Engine], name: str) -> Engine:
    """The place of an index that is not there yet."""
    return connect(name)


@pytest.fixture
def plain(tmp_path: Path) -> Plain:
    """What an engine must answer; nothing is in it yet."""
    return Plain(tmp_path)


class Filled(NamedTuple):
    """An index of the standard articles, and what it must answer. Read it, never write to it."""

    collection: Collection
    plain: Plain
    engine: Engine


@pytest.fixture(scope="session")
def filled(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """The index of the standard articles, which is filled once."""
    plain = Plain(tmp_path_factory.mktemp("plain"))
    engine = place.connect("filled")
    try:
        batches = in_portions(standard_articles(), 20)
        for batch in batches:
            plain.upsert(batch)
        yield Filled(contract.fill(engine, batches), plain, engine)
    finally:
        engine.remove()
        engine.close()
