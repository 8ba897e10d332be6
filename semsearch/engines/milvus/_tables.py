"""The collections of a version: made, loaded, written to and read, so that one's own writes are seen."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from semsearch.dense import FLAT_ROWS
from semsearch.engines.milvus._connection import Connection, NotThereError
from semsearch.engines.milvus._schema import KINDS, PASSAGES, TEXTS, Kind, fields_in, make_schema
from semsearch.engines.milvus._where import literal
from semsearch.errors import EngineError, EngineUnavailableError

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["MOST_ROWS", "Tables"]

MOST_ROWS = 16_384
"""Rows that Milvus gives in one answer."""

_BLOCK = 4096  # rows that are asked for, or taken out, by name at a time
_MESSAGE = 8 << 20  # bytes of rows that are put in at a time
_MESSAGE_ROWS = 4096
_HNSW = {"M": 32, "efConstruction": 200}
_GROWN = 4  # times the rows of the flat index, from which a version that is being read changes to another index
_POLL = 0.05  # seconds
_STUCK = 600.0  # seconds without any progress
_VECTOR_BYTES = 4


class Tables:
    """The collections of one version. Threads may share it.

    Milvus shows what was written a moment later, and tells when: who asks for it with strong consistency waits for the
    next tick of its clock, 0.2 seconds at most. That is done once after something was written, and at the beginning,
    as another process may have written; what a node has shown it goes on showing.
    """

    def __init__(self, connection: Connection, version: str) -> None:
        self._connection = connection
        self._version = version
        self._lock = threading.RLock()
        self._there: set[Kind] = set()  # those that are known to be there
        self._loading: set[Kind] = set()  # those of them that cannot be read yet
        self._writes: dict[Kind, int] = dict.fromkeys(KINDS, 1)
        self._shown: dict[Kind, int] = dict.fromkeys(KINDS, 0)  # how many of the writes were waited for
        self._half: bool | None = None

    @property
    def half(self) -> bool:
        """Whether vectors stand in them as float16; else as float32, from which they come back as they were."""
        if self._half is None:
            self._half = self._connection.version >= (2, 4) and not self._connection.is_lite
        return self._half

    @property
    def is_lite(self) -> bool:
        """Whether there is no server."""
        return self._connection.is_lite

    def name(self, kind: Kind) -> str:
        """Return the name of a collection."""
        return f"{self._version}_{kind}"

    # --- their life ---

    def make(self, kinds: Iterable[Kind], dimension: int = 0) -> None:
        """Make those collections that are not there, and have all loaded: who reads first waits until one is."""
        with self._lock:
            wanted = [kind for kind in kinds if kind not in self._there]
            if not wanted:
                return
            known = set(self._connection.call("list_collections"))
            for kind in wanted:
                if self.name(kind) not in known:
                    schema = make_schema(kind, dimension, half=self.half)
                    self._connection.call("create_collection", self.name(kind), schema=schema, num_shards=1)
                self._have_loaded(kind)

    def load(self) -> None:
        """Have those collections loaded that are there, as by :meth:`make`.

        Raises:
            EngineError: If one is not as we make it.
        """
        with self._lock:
            wanted = [kind for kind in KINDS if kind not in self._there]
            known = set(self._connection.call("list_collections")) if wanted else set()
            wanted = [kind for kind in wanted if self.name(kind) in known]
            for kind in wanted:
                self._check(kind)
                self._have_loaded(kind)

    def _have_loaded(self, kind: Kind) -> None:
        if not self._is_loaded(kind):
            self._index(kind, "FLAT")
            self._connection.call("load_collection", self.name(kind), _async=True)
            self._loading.add(kind)
        self._there.add(kind)

    def _ready(self, kind: Kind) -> None:
        """Wait until a collection is loaded."""
        if kind in self._loading:
            self._wait_until_loaded(kind)
            self._loading.discard(kind)

    def has(self, kind: Kind) -> bool:
        """Return whether a collection is there."""
        if kind not in self._there:
            self.load()
        return kind in self._there

    def flush(self) -> None:
        """Return when all that was written is on the disk, and indexed."""
        kinds = [kind for kind in KINDS if self.has(kind)]
        timeout = max(_STUCK, self._connection.timeout)
        with ThreadPoolExecutor(len(KINDS)) as threads:
            list(threads.map(lambda kind: self._connection.call("flush", self.name(kind), timeout=timeout), kinds))
        for kind in kinds:
            self._index_well(kind)
        for kind in kinds:
            self.count(kind)

    def _check(self, kind: Kind) -> None:
        found = self._connection.call("describe_collection", self.name(kind))
        fields = {str(field["name"]) for field in found["fields"]}
        if fields != fields_in(kind):
            raise EngineError(
                self._connection.address,
                f"the collection {self.name(kind)} is none of this version of semsearch: it has the fields "
                f"{', '.join(sorted(fields))}",
            )

    def _is_loaded(self, kind: Kind) -> bool:
        state = self._connection.call("get_load_state", self.name(kind))["state"]
        return getattr(state, "name", str(state)) == "Loaded"

    def _wait_until_loaded(self, kind: Kind) -> None:
        self._wait(lambda: (self._is_loaded(kind), None), f"loading {self.name(kind)}", _STUCK)

    def _wait(self, look: Any, what: str, stuck: float) -> None:
        """Wait until ``look`` says that it is done; it says also how far it is."""
        end, before = time.monotonic() + stuck, None
        while True:
            done, progress = look()
            if done:
                return
            if progress != before:
                end, before = time.monotonic() + stuck, progress
            if time.monotonic() > end:
                raise EngineUnavailableError(
                    self._connection.address, f"{what} has not come any further for {stuck:g} s"
                )
            time.sleep(_POLL)

    # --- the index of vectors ---

    def index_of(self, kind: Kind) -> str:
        """Return the type of a collection's index; empty if it has none."""
        try:
            found = self._connection.call("describe_index", self.name(kind), "vector")
        except NotThereError:
            raise
        except EngineUnavailableError:
            raise
        except EngineError:
            return ""
        return str((found or {}).get("index_type", ""))

    def _index(self, kind: Kind, type_: str) -> None:
        """Make an index if there is none, without waiting for it."""
        if self.index_of(kind):
            return
        from pymilvus import MilvusClient

        parameters = MilvusClient.prepare_index_params()
        parameters.add_index("vector", index_type=type_, metric_type="IP", params=_HNSW if type_ == "HNSW" else {})
        self._connection.call("create_index", self.name(kind), parameters, sync=False)

    def _index_well(self, kind: Kind) -> None:
        """Have the index that is best for so many rows, and wait until it is made of all."""
        if kind == PASSAGES and not self._connection.is_lite and self.index_of(kind) == "FLAT":
            count = self.count(kind)
            if count > FLAT_ROWS and (count > _GROWN * FLAT_ROWS or not self._is_live()):
                self._connection.call("release_collection", self.name(kind))
                self._connection.call("drop_index", self.name(kind), "vector")
                self._index(kind, "HNSW")
                self._wait_for_index(kind)
                self._connection.call("load_collection", self.name(kind), _async=True)
                self._wait_until_loaded(kind)
        self._wait_for_index(kind)

    def _is_live(self) -> bool:
        """Whether an alias says that somebody may be reading it."""
        found = self._connection.call("list_aliases", self.name(TEXTS))
        return bool((found or {}).get("aliases"))

    def _wait_for_index(self, kind: Kind) -> None:
        if self._connection.is_lite:
            return

        def look() -> tuple[bool, int]:
            found = self._connection.call("describe_index", self.name(kind), "vector") or {}
            pending = int(found.get("pending_index_rows", 0))
            return pending == 0 and str(found.get("state", "Finished")) in ("Finished", "3"), pending

        self._wait(look, f"the index of {self.name(kind)}", _STUCK)

    def segments(self, kind: Kind) -> list[int]:
        """Return how many rows each part of a collection has that has an index of its own."""
        if self._connection.is_lite:
            return []
        found = self._connection.call("list_loaded_segments", self.name(kind))
        return [int(segment.num_rows) for segment in found if segment.index_name]

    # --- writing ---

    def wrote(self, kind: Kind) -> None:
        """Remember that something was written: who reads next waits for it."""
        with self._lock:
            self._writes[kind] += 1

    def put(self, kind: Kind, rows: Iterable[Mapping[str, Any]]) -> None:
        """Put rows in, or in the place of those with the same key; in messages that are not too large."""
        for message in _messages(rows):
            self.wrote(kind)  # before, as it may be there though no answer comes
            self._connection.call("upsert", self.name(kind), message)
            self.wrote(kind)

    def take_out(self, kind: Kind, column: str, values: Sequence[int] | Sequence[str]) -> None:
        """Take rows out by what they have in a column."""
        for at in range(0, len(values), _BLOCK):
            block = values[at : at + _BLOCK]
            self.wrote(kind)
            listed = ", ".join(literal(value) if isinstance(value, str) else str(value) for value in block)
            self._ready(kind)
            self._connection.call("delete", self.name(kind), filter=f"{column} in [{listed}]")
            self.wrote(kind)

    # --- reading ---

    def query(
        self, kind: Kind, expression: str, columns: Sequence[str], *, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Return these columns of the rows for which an expression holds, in any order."""
        self._ready(kind)
        with _Level(self, kind) as level:
            found = self._connection.call(
                "query",
                self.name(kind),
                filter=expression,
                output_fields=list(columns),
                consistency_level=level.name,
                **({} if limit is None else {"limit": limit}),
            )
        return list(found)

    def rows(
        self, kind: Kind, column: str, values: Sequence[int], columns: Sequence[str], *, block: int = _BLOCK
    ) -> Iterator[dict[str, Any]]:
        """Yield these columns of the rows that have one of some values in a column of which no two have the same."""
        for at in range(0, len(values), block):
            listed = ", ".join(map(str, values[at : at + block]))
            yield from self.query(kind, f"{column} in [{listed}]", columns)

    def count(self, kind: Kind, expression: str = "") -> int:
        """Count the rows for which an expression holds."""
        (found,) = self.query(kind, expression, ["count(*)"])
        return int(found["count(*)"])

    def search(
        self, vector: Sequence[float] | Any, limit: int, expression: str, columns: Sequence[str], depth: int
    ) -> list[Any]:
        """Return the hits of a search among the passages, nearest first."""
        self._ready(PASSAGES)
        with _Level(self, PASSAGES) as level:
            found = self._connection.call(
                "search",
                self.name(PASSAGES),
                [vector],
                anns_field="vector",
                limit=limit,
                filter=expression,
                output_fields=list(columns),
                search_params={"metric_type": "IP", "params": {"ef": max(depth, limit)}},
                consistency_level=level.name,
            )
        return list(found[0]) if len(found) else []

    def writes(self, kind: Kind) -> tuple[int, bool]:
        """Return how many writes there were, and whether all of them were waited for."""
        with self._lock:
            return self._writes[kind], self._shown[kind] >= self._writes[kind]

    def show(self, kind: Kind, writes: int) -> None:
        """Remember that so many writes were waited for."""
        with self._lock:
            self._shown[kind] = max(self._shown[kind], writes)


class _Level:
    """The consistency that a question needs, and what is known when it was answered."""

    def __init__(self, tables: Tables, kind: Kind) -> None:
        self._tables = tables
        self._kind = kind
        self._writes, shown = tables.writes(kind)
        self.name = "Bounded" if shown else "Strong"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._tables.show(self._kind, self._writes)


def _messages(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    message: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        own = _size(row)
        if message and (size + own > _MESSAGE or len(message) >= _MESSAGE_ROWS):
            yield message
            message, size = [], 0
        message.append(dict(row))
        size += own
    if message:
        yield message


def _size(row: Mapping[str, Any]) -> int:
    total = 0
    for value in row.values():
        if isinstance(value, str):
            total += len(value) if value.isascii() else len(value.encode())
        elif isinstance(value, dict):
            total += len(json.dumps(value))
        else:
            total += getattr(value, "nbytes", 8)
    return total
