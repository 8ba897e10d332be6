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
from tests.engines.milvus_server import MilvusServer
from tests.engines.milvus_server import why_not as why_no_milvus
from tests.engines.plain import Plain
from tests.torture.figures import LONG

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


@pytest.fixture(scope="session")
def milvus_server() -> Iterator[MilvusServer]:
    """The one server of Milvus, which lets in only whom it knows: it takes half a minute to start."""
    pytest.importorskip("pymilvus")
    _skip(why_no_milvus())
    with MilvusServer(users=True) as server:
        yield server


@pytest.fixture(scope="session", params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An engine that runs."""
    kind = str(request.param)
    if kind == "embedded":
        folder = tmp_path_factory.mktemp("embedded")
        yield Place(kind, lambda name: str(folder / name))
    elif kind == "postgres":
        pytest.importorskip("psycopg")
        from tests.engines import postgres_server

        _skip(postgres_server.why_not())
        with postgres_server.PostgresServer() as server:
            yield Place(kind, server.address)
    elif kind == "milvus":
        yield Place(kind, request.getfixturevalue("milvus_server").address)
    else:
        pytest.importorskip("pymilvus")
        pytest.importorskip("milvus_lite")
        file = tmp_path_factory.mktemp("milvus-lite") / "lite.db"
        yield Place(kind, lambda name: f"milvus-lite://{file}/{name}")


def _skip(reason: str | None) -> None:
    if reason is not None:
        pytest.skip(reason)


def leave_to_the_long_version(place: Place, *kinds: str) -> None:
    """Skip what takes long in engines of these kinds, unless SEMSEARCH_TORTURE=1 asks for it."""
    if place.kind in kinds and not LONG:
        pytest.skip("a part of the long version, which SEMSEARCH_TORTURE=1 asks for")


@pytest.fixture
def but_milvus(place: Place) -> None:
    """Leave a test out where a version takes seconds to make, and other tests have most of it.

    ``make check`` puts as much of the contract to Milvus as a few minutes allow, and all of it to other engines; ``make
    torture`` puts all of it to each.
    """
    leave_to_the_long_version(place, "milvus")


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
