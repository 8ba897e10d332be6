"""What is measured beside each other: a folder, and the servers that the tests start."""

from __future__ import annotations

import contextlib
import importlib.metadata
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import psutil
from numpy.typing import NDArray

import semsearch
from benchmarks.engines.passages import Archive
from semsearch.engines import Collection, Where, open_engine
from semsearch.filters import parse_filter

if TYPE_CHECKING:
    from semsearch.embedders import QueryTokens

__all__ = ["SIDES", "Folder", "Server", "Side", "why_not"]

_NAME = "bench"
_LOAD = "benchmark"
_EF = 156  # candidates of a search by hand: as many as our layer takes for ten in PostgreSQL
_POSTGRES = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "1GB", "max_wal_size": "8GB"}


class Side(Protocol):
    """A place where passages can be put and found."""

    name: str
    version: str

    def fill(self, archive: Archive) -> None:
        """Put everything in, batch by batch."""

    def flush(self) -> None:
        """Return when it can be found, and is indexed."""

    def search(self, vector: NDArray[np.float32], k: int, field: str | None) -> NDArray[np.int64]:
        """Find passages; with a field, of articles in which it is 1. Returns places in the archive, not rows."""

    def by_hand(self, vector: NDArray[np.float32], k: int) -> int | None:
        """Find them with the engine's own client and return how many; None where there is none."""

    def disk(self) -> tuple[int, dict[str, int]]:
        """Return its bytes on disk, and those of which parts are known."""

    def processes(self) -> list[psutil.Process]:
        """Return the processes of its server."""

    def clear(self) -> None:
        """Take everything out."""


# --- a folder ---------------------------------------------------------------------------------------------------


class Folder:
    """An index in a folder. What the benchmark makes is given to it as an embedder's work."""

    name = "embedded"
    version = importlib.metadata.version("semsearch")

    def __init__(self, folder: Path) -> None:
        self._root = folder
        self._number = 0
        self._open: Any = None
        self._allowed: dict[str, NDArray[np.bool_]] = {}

    @property
    def _index(self) -> Path:
        return self._root / f"index-{self._number}"

    def fill(self, archive: Archive) -> None:
        """Build it."""
        self._allowed = {field: archive.allowed(field) for field in ("half", "tenth", "hundredth", "thousandth")}
        semsearch.build_index(archive.articles, self._index, embedder=_Given(archive))

    def flush(self) -> None:
        """Open it."""
        from semsearch.storage import open_generation

        self._open = open_generation(self._index)
        self._dense = self._open.dense_index()

    def search(self, vector: NDArray[np.float32], k: int, field: str | None) -> NDArray[np.int64]:
        """Find rows, which are the places in the archive."""
        allowed = None if field is None else self._allowed[field]
        rows, _ = self._dense.search(vector[None], k, allowed=allowed)[0]
        return np.asarray(rows, dtype=np.int64)

    def by_hand(self, vector: NDArray[np.float32], k: int) -> int | None:  # noqa: ARG002
        """There is nobody else's client."""
        return None

    def disk(self) -> tuple[int, dict[str, int]]:
        """Return the bytes of its files, by what they hold."""
        parts: dict[str, int] = {}
        for name, file in self._open.manifest.files.items():
            kind = name.partition("/")[0].partition(".")[0]
            kind = "tokens" if kind.startswith("token") else kind
            parts[kind] = parts.get(kind, 0) + file.bytes
        return sum(parts.values()), parts

    def processes(self) -> list[psutil.Process]:
        """There is no server."""
        return []

    def clear(self) -> None:
        """Close it; the folder goes with the benchmark's."""
        if self._open is not None:
            self._open.close()
        self._open = None
        self._number += 1


class _Given:
    """Gives passages the vectors that they have in an archive, and tokens at random. A ``TokenEmbedder``."""

    def __init__(self, archive: Archive) -> None:
        from benchmarks.synthetic import RandomEmbedder

        self._random = RandomEmbedder()
        self.spec = self._random.spec
        self.count_tokens = self._random.count_tokens
        self.token_spans = self._random.token_spans
        self._vectors = archive.vectors
        self._rows = {
            text: row
            for row, text in enumerate(
                one.article.text[start:end]
                for batch in archive.batches
                for one, spans in zip(batch.articles, _by_article(batch), strict=True)
                for start, end in spans
            )
        }

    def embed_passages_with_tokens(self, texts: Any) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Look them up: what is embedded ends with the passage, after the title."""
        _, tokens = self._random.embed_passages_with_tokens(texts)
        rows = [self._rows[text.partition("\n")[2] or text] for text in texts]
        return self._vectors[rows].astype(np.float32), tokens

    def embed_passages(self, texts: Any) -> NDArray[np.float32]:
        """Look them up."""
        return self.embed_passages_with_tokens(texts)[0]

    def embed_queries(self, texts: Any) -> NDArray[np.float32]:
        """As random as any."""
        return self._random.embed_queries(texts)

    def embed_query_with_tokens(self, query: str) -> QueryTokens:
        """Likewise."""
        return self._random.embed_query_with_tokens(query)


def _by_article(batch: Any) -> Iterator[list[tuple[int, int]]]:
    each = len(batch.rows) // len(batch.articles)
    spans = list(zip(batch.starts.tolist(), batch.ends.tolist(), strict=True))
    return (spans[at : at + each] for at in range(0, len(spans), each))


# --- engines ----------------------------------------------------------------------------------------------------


class Server:
    """An engine whose server is the benchmark's own; ``server`` is one of the tests'."""

    def __init__(self, server: Any, folder: Path, pids: list[int], *, name: str) -> None:
        self.name = name
        self._server = server
        self._folder = folder
        self._processes = [psutil.Process(pid) for pid in pids]
        self._engine = open_engine(server.address(_NAME))
        self.version = self._client_version()
        self._collection: Collection | None = None
        self._places = np.empty(0, dtype=np.int64)
        self._where: dict[str, Where] = {}
        self._hand: Any = None
        self._clients = contextlib.ExitStack()  # those by hand

    @property
    def collection(self) -> Collection:
        """The version that is being filled."""
        if self._collection is None:
            self._collection = self._engine.begin(_LOAD)
        return self._collection

    def fill(self, archive: Archive) -> None:
        """Upsert batch by batch."""
        self._places = archive.rows
        self.collection.write_state("languages", '["en"]')
        for batch in archive.batches:
            self.collection.upsert(batch)

    def flush(self) -> None:
        """Let it index."""
        self.collection.flush()

    def search(self, vector: NDArray[np.float32], k: int, field: str | None) -> NDArray[np.int64]:
        """Find rows, and where these are in the archive."""
        where = None
        if field is not None:
            where = self._where.setdefault(field, Where(filter=parse_filter(f"{field} = 1")))
        rows, _ = self.collection.search(vector, k, where=where)
        return np.searchsorted(self._places, rows)

    def by_hand(self, vector: NDArray[np.float32], k: int) -> int | None:
        """Ask the engine's own client for ids and distances."""
        if self._hand is None:
            self._hand = self._by_hand()
        found: int = self._hand(vector, k)
        return found

    def disk(self) -> tuple[int, dict[str, int]]:
        """Return the bytes of its data."""
        return _size_below(self._folder), {}

    def processes(self) -> list[psutil.Process]:
        """Return all of its server's, as they are now."""
        found = []
        for process in self._processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                found += [process, *process.children(recursive=True)]
        return found

    def clear(self) -> None:
        """Remove all versions."""
        self._clients.close()
        self._engine.remove()
        self._collection = self._hand = None

    def close(self) -> None:
        """Let go of its connections."""
        self._clients.close()
        self._engine.close()

    def _client_version(self) -> str:
        raise NotImplementedError

    def _by_hand(self) -> Any:
        raise NotImplementedError


class Postgres(Server):
    """PostgreSQL with pgvector."""

    def _client_version(self) -> str:
        (server,), (vector,) = (
            self._server.execute(statement)[0]
            for statement in (
                "SHOW server_version",
                "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'",
            )
        )
        return f"PostgreSQL {server}, pgvector {vector}, psycopg {importlib.metadata.version('psycopg')}"

    def _by_hand(self) -> Any:
        from pgvector import HalfVector
        from pgvector.psycopg import register_vector

        connection = self._clients.enter_context(self._server.connect())
        register_vector(connection)
        connection.execute(f"SET hnsw.ef_search = {_EF}")
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
        found = self._server.execute(
            "SELECT c.relname, pg_relation_size(c.oid) + coalesce(pg_relation_size(c.reltoastrelid), 0), "  # noqa: S608
            "coalesce(a.amname, '') FROM pg_class c LEFT JOIN pg_am a ON a.oid = c.relam AND c.relkind = 'i' "
            f"WHERE c.relnamespace = '{self.collection.name}'::regnamespace AND c.relkind IN ('r', 'i')"
        )
        parts = {"graph" if method == "hnsw" else str(name): int(size) for name, size, method in found}
        parts.setdefault("graph", 0)
        return sum(parts.values()), parts


class Milvus(Server):
    """Milvus in one process."""

    def _client_version(self) -> str:
        client = self._server.client()
        try:
            server = client.get_server_version()
        finally:
            client.close()
        return f"Milvus {server}, pymilvus {importlib.metadata.version('pymilvus')}"

    def _by_hand(self) -> Any:
        client = self._clients.enter_context(contextlib.closing(self._server.client()))
        name, field = self._largest(client)
        params = {"metric_type": "IP", "params": {"ef": _EF}}

        def ask(vector: NDArray[np.float32], k: int) -> int:
            found = client.search(
                name, data=[vector.astype(np.float16)], anns_field=field, limit=k, search_params=params
            )
            return len(found[0])

        return ask

    def _largest(self, client: Any) -> tuple[str, str]:
        """Return the collection of passages, the one with most rows, and its field of vectors."""
        counts = {name: int(client.get_collection_stats(name)["row_count"]) for name in client.list_collections()}
        name = max(counts, key=lambda one: counts[one])
        fields = client.describe_collection(name)["fields"]
        return name, next(field["name"] for field in fields if "dim" in field.get("params", {}))


def _size_below(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() and not path.is_symlink() else 0
    return total


# --- which there are --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _folder_side(folder: Path) -> Iterator[Side]:
    side = Folder(folder)
    try:
        yield side
    finally:
        side.clear()


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
        own = side(server, server.log.parent, pids, name=name)
        try:
            yield own
        finally:
            own.close()
            time.sleep(0.1)


def why_not(name: str) -> str | None:
    """Return why a side cannot be measured here; None if it can."""
    if name == "embedded":
        return None
    try:
        if name == "postgres":
            import semsearch.engines.postgres
            from tests.engines.postgres_server import why_not as missing
        else:
            import semsearch.engines.milvus  # noqa: F401
            from tests.engines.milvus_server import why_not as missing
    except ImportError as error:
        return str(error)
    return missing()


SIDES: Mapping[str, Any] = {"embedded": _folder_side, "postgres": _postgres_side, "milvus": _milvus_side}
"""What opens each side, in a folder that it may use."""
