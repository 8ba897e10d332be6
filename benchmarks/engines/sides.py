"""What is measured beside each other, through one interface: a folder, and the servers that the tests start."""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib.metadata
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

import semsearch
from benchmarks.engines.passages import SHARES, Archive
from semsearch.embedders import EmbedderSpec
from semsearch.engines import Collection, Engine, Where, open_engine
from semsearch.engines.state import (
    write_codec,
    write_field_names,
    write_languages,
    write_manifest,
    write_next_article,
)
from semsearch.filters import parse_filter
from semsearch.records import FieldNames, FileGlobs
from semsearch.storage import Counts, Manifest
from semsearch.tokens import TokenCodec

__all__ = ["SIDES", "Side", "why_not"]

_NAME = "bench"
_LOAD = "benchmark"
# Candidates of a search by hand: as many as our layer takes for ten hits, so that the same is compared.
_EF_POSTGRES, _EF_MILVUS = 250, 260
_POSTGRES = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "1GB", "max_wal_size": "8GB"}

ByHand = Callable[[NDArray[np.float32], int], int]
"""Asks an engine's own client for ids and distances, and returns how many there are."""


class Side:
    """A place where passages are put and found.

    Attributes:
        name: What it is called in the result.
        address: Of its index.
        version: Of its server and its client.
    """

    def __init__(self, name: str, address: str, engine: Engine, version: str) -> None:
        self.name = name
        self.address = address
        self.version = version
        self._engine = engine
        self._collection: Collection | None = None
        self._places = np.empty(0, dtype=np.int64)
        self._where = {field: Where(filter=parse_filter(f"{field} = 1")) for field in SHARES}
        self._hand: ByHand | None = None
        self.clients = contextlib.ExitStack()  # those by hand

    @property
    def collection(self) -> Collection:
        """The version that is being filled."""
        if self._collection is None:
            self._collection = self._engine.begin(_LOAD)
        return self._collection

    def prepare(self, archive: Archive, spec: EmbedderSpec) -> None:
        """Say what will be put in, as a load does."""
        self._places = archive.rows
        write_languages(self.collection, ("en",))
        write_codec(self.collection, TokenCodec.create(spec.dimension))
        write_field_names(self.collection, ((field,) for field in SHARES))
        write_next_article(self.collection, sum(len(batch.articles) for batch in archive.batches))
        write_manifest(self.collection, _manifest(archive, spec))

    def fill(self, archive: Archive) -> None:
        """Put everything in, batch by batch."""
        for batch in archive.batches:
            self.collection.upsert(batch)

    def flush(self) -> None:
        """Return when it can be found, and is indexed."""
        self.collection.flush()

    def publish(self) -> None:
        """Make it what is searched at the address."""
        self._engine.publish(self.collection)

    def search(self, vector: NDArray[np.float32], k: int, field: str | None) -> NDArray[np.int64]:
        """Find passages; with a field, of articles in which it is 1. Returns places in the archive, not rows."""
        rows, _ = self.collection.search(vector, k, where=None if field is None else self._where[field])
        return np.searchsorted(self._places, rows)

    @property
    def by_hand(self) -> ByHand | None:
        """What asks the engine's own client for the same; None where there is none."""
        if self._hand is None:
            self._hand = self.make_by_hand()
        return self._hand

    def clear(self) -> None:
        """Take everything out."""
        self.clients.close()
        self._engine.remove()
        self._collection = self._hand = None

    def close(self) -> None:
        """Let go of its connections."""
        self.clients.close()
        self._engine.close()

    # --- what differs ---

    def make_by_hand(self) -> ByHand | None:
        """Connect the engine's own client."""
        return None

    def disk(self) -> tuple[int, dict[str, int]]:
        """Return the bytes of the version on disk, and those of which parts are known."""
        raise NotImplementedError

    def processes(self) -> list[psutil.Process]:
        """Return the processes of its server."""
        return []


def _manifest(archive: Archive, spec: EmbedderSpec) -> Manifest:
    articles = sum(len(batch.articles) for batch in archive.batches)
    return Manifest(
        created=dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
        written_by=semsearch.__version__,
        embedder=spec,
        precision=None,
        target_tokens=120,
        token_vectors=True,
        keep=1,
        fields=FieldNames(),
        globs=FileGlobs(),
        dense_spec="benchmark",
        languages={"en": 1.0},
        counts=Counts(articles, len(archive.rows), archive.tokens, 0),
        files={},
    )


class Folder(Side):
    """An index in a folder, through the interface of engines."""

    def __init__(self, folder: Path) -> None:
        from semsearch.engines.embedded import EmbeddedEngine

        version = importlib.metadata.version("semsearch")
        super().__init__("embedded", str(folder), EmbeddedEngine(folder), f"semsearch {version}")
        self._folder = folder

    def disk(self) -> tuple[int, dict[str, int]]:
        """Return the bytes of the generation's files, by what they hold; not of what waited to be put in."""
        parts: dict[str, int] = {}
        for path in self._folder.rglob("generations/*/**/*"):
            if path.is_file():
                kind = path.relative_to(path.parents[-1]).as_posix().rpartition("generations/")[2].split("/")[1]
                kind = kind.partition(".")[0]
                kind = "tokens" if kind.startswith("token") else kind
                parts[kind] = parts.get(kind, 0) + path.stat().st_size
        return sum(parts.values()), parts


class Server(Side):
    """An engine whose server is the benchmark's own; ``server`` is one of the tests'."""

    def __init__(self, name: str, server: Any, pids: list[int]) -> None:
        address = server.address(_NAME)
        super().__init__(name, address, open_engine(address), "")
        self.server = server
        self.version = self.read_version()
        self._processes = [psutil.Process(pid) for pid in pids]

    def read_version(self) -> str:
        """Return the versions of server and client."""
        raise NotImplementedError

    def processes(self) -> list[psutil.Process]:
        """Return all of its server's, as they are now."""
        found = []
        for process in self._processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                found += [process, *process.children(recursive=True)]
        return found


class Postgres(Server):
    """PostgreSQL with pgvector."""

    def read_version(self) -> str:
        """Ask for them."""
        (server,), (vector,) = (
            self.server.execute(statement)[0]
            for statement in (
                "SHOW server_version",
                "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'",
            )
        )
        return f"PostgreSQL {server}, pgvector {vector}, psycopg {importlib.metadata.version('psycopg')}"

    def make_by_hand(self) -> ByHand:
        """Connect the engine's own client."""
        from pgvector import HalfVector
        from pgvector.psycopg import register_vector

        connection = self.clients.enter_context(self.server.connect())
        register_vector(connection)
        connection.execute(f"SET hnsw.ef_search = {_EF_POSTGRES}")
        statement = (
            f"SELECT row, vector <#> %s FROM {self.collection.name}.passages "  # noqa: S608 - the engine's own name
            "ORDER BY vector <#> %s LIMIT %s"
        ).encode()

        def ask(vector: NDArray[np.float32], k: int) -> int:
            half = HalfVector(vector)
            return len(connection.execute(statement, (half, half, k), binary=True).fetchall())

        return ask

    def disk(self) -> tuple[int, dict[str, int]]:
        """Return the bytes of tables and indexes, by name; ``graph`` is the index of vectors."""
        found = self.server.execute(
            "SELECT c.relname, pg_relation_size(c.oid) + coalesce(pg_relation_size(c.reltoastrelid), 0), "  # noqa: S608
            "coalesce(a.amname, '') FROM pg_class c LEFT JOIN pg_am a ON a.oid = c.relam AND c.relkind = 'i' "
            f"WHERE c.relnamespace = '{self.collection.name}'::regnamespace AND c.relkind IN ('r', 'i')"
        )
        parts = {"graph" if method == "hnsw" else str(name): int(size) for name, size, method in found}
        parts.setdefault("graph", 0)
        return sum(parts.values()), parts


class Milvus(Server):
    """Milvus in one process."""

    def __init__(self, name: str, server: Any, pids: list[int]) -> None:
        super().__init__(name, server, pids)
        self._before: dict[str, int] = {}

    def prepare(self, archive: Archive, spec: EmbedderSpec) -> None:
        """Say what will be put in, and remember what the server had before: it removes little, and late."""
        self._before = self._sizes()
        super().prepare(archive, spec)

    def disk(self) -> tuple[int, dict[str, int]]:
        """Return what is more in the object storage than before; ``graph`` is all indexes.

        What the log and etcd have more is among the parts alone, as both let go of it again.
        """
        parts = {name: size - self._before.get(name, 0) for name, size in self._sizes().items()}
        parts["graph"] = parts.pop("index_files", 0)
        passing = ("rocksmq", "rocksmq_meta_kv", "etcd.data")
        return sum(size for name, size in parts.items() if name not in passing), parts

    def _sizes(self) -> dict[str, int]:
        """Return the bytes of each folder of its data."""
        return {path.name: _size_below(path) for path in (self.server.log.parent / "data").iterdir()}

    def read_version(self) -> str:
        """Ask for them."""
        client = self.server.client()
        try:
            server = client.get_server_version()
        finally:
            client.close()
        return f"Milvus {server}, pymilvus {importlib.metadata.version('pymilvus')}"

    def make_by_hand(self) -> ByHand:
        """Connect the engine's own client."""
        from pymilvus import DataType

        client = self.clients.enter_context(contextlib.closing(self.server.client()))
        counts = {name: int(client.get_collection_stats(name)["row_count"]) for name in client.list_collections()}
        name = max(counts, key=lambda one: counts[one])  # that of passages
        described = client.describe_collection(name)["fields"]
        field = next(field for field in described if "dim" in field.get("params", {}))
        dtype = np.float16 if field["type"] == DataType.FLOAT16_VECTOR else np.float32
        (index,) = client.list_indexes(name, field_name=field["name"])
        metric = client.describe_index(name, index)["metric_type"]
        params = {"metric_type": metric, "params": {"ef": _EF_MILVUS}}

        def ask(vector: NDArray[np.float32], k: int) -> int:
            found = client.search(
                name, data=[vector.astype(dtype)], anns_field=field["name"], limit=k, search_params=params
            )
            return len(found[0])

        return ask


def _size_below(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() and not path.is_symlink() else 0
    return total


# --- which there are --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _folder_side(folder: Path) -> Iterator[Side]:
    with contextlib.closing(Folder(folder)) as side:
        yield side


@contextlib.contextmanager
def _postgres_side(_: Path) -> Iterator[Side]:
    from tests.engines.postgres_server import PostgresServer

    with _serving(PostgresServer(_POSTGRES), Postgres, "postgres") as side:
        yield side


@contextlib.contextmanager
def _milvus_side(_: Path) -> Iterator[Side]:
    from tests.engines.milvus_server import MilvusServer

    with _serving(MilvusServer(), Milvus, "milvus") as side:
        yield side


@contextlib.contextmanager
def _serving(server: Any, side: type[Server], name: str) -> Iterator[Side]:
    before = {child.pid for child in psutil.Process().children()}
    with server:
        pids = [child.pid for child in psutil.Process().children() if child.pid not in before]
        with contextlib.closing(side(name, server, pids)) as own:
            yield own


def why_not(name: str) -> str | None:
    """Return why a side cannot be measured here; None if it can."""
    if name == "embedded":
        return None
    if name == "postgres":
        from tests.engines import postgres_server

        return postgres_server.why_not()
    from tests.engines import milvus_server

    return milvus_server.why_not()


SIDES: Mapping[str, Any] = {"embedded": _folder_side, "postgres": _postgres_side, "milvus": _milvus_side}
"""What opens each side, in a folder that it may use."""
