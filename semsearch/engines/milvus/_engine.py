"""The engine: versions, which of them is live, and who writes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from semsearch.embedders import cache_folder
from semsearch.engines import _client_words
from semsearch.engines._address import Address
from semsearch.engines._protocol import Capabilities, Collection
from semsearch.engines.milvus._collection import MilvusCollection
from semsearch.engines.milvus._connection import PORT, WORDS, Connection, NotThereError
from semsearch.engines.milvus._schema import KINDS, TEXTS, version_of
from semsearch.engines.milvus._tables import Tables
from semsearch.errors import EngineError, IndexLockedError, IndexNotFoundError
from semsearch.storage.lock import writer_lock

__all__ = ["MilvusEngine"]

_held: dict[Path, list[MilvusEngine]] = {}
_holding = threading.Lock()
_locks: dict[Path, contextlib.ExitStack] = {}


class MilvusEngine:
    """The versions of an index in Milvus.

    The alias with the index's name leads to the texts of the version that is live: it is what a reader looks at, and
    changing it is one step. Another alias leads to those of the version before.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection = Connection(address)
        self._live: MilvusCollection | None = None
        self._connection.version  # noqa: B018 - so that an address that leads nowhere is told at once

    @property
    def address(self) -> str:
        """Where it is, without a password."""
        return self._connection.address

    @property
    def capabilities(self) -> Capabilities:
        """What it can do. Words are known where an index of them is on this machine."""
        live = self._live
        if live is None:
            with contextlib.suppress(EngineError, IndexNotFoundError):
                live = self._open_live()
        words = live is None or live.has_words
        return Capabilities(words="client" if words else "none", atomic_updates=False, locks=False)

    def live(self) -> Collection:
        """Return the version that is live."""
        self._live = self._open_live()
        return self._live

    def begin(self, load: str) -> Collection:
        """Return a version to be filled with ``load``; others that were not published are removed."""
        wanted = hashlib.blake2b(load.encode(), digest_size=6).hexdigest()
        published = {self._leads_to(alias) for alias in (self._alias, self._alias_before)}
        versions = self._versions()
        found = None
        for version in versions:
            if version in published:
                continue
            if version.endswith(f"_{wanted}") and found is None:
                found = version
            else:
                self._drop(version)
        number = 1 + max((self._number(version) for version in versions), default=0)
        version = found or f"{self._address.name}_v{number}_{wanted}"
        collection = self._open(version, new=found is None)
        collection.prepare()
        return collection

    def publish(self, version: Collection) -> None:
        """Make a version the live one. The one before is kept, those before it go."""
        live, before = self._leads_to(self._alias), self._leads_to(self._alias_before)
        if not isinstance(version, MilvusCollection):
            raise ValueError(f"expected a version that this engine began, not {version!r}")
        version.prepare()
        if live is not None and live != version.name:
            self._lead(self._alias_before, live)
            before = live
        if live != version.name:  # else no answer came the first time, and the one before is still to be kept
            self._lead(self._alias, version.name)
        for other in self._versions():
            if other not in (before, version.name):
                self._drop(other)

    def repair(self) -> tuple[str, ...]:
        """Make the index of words on this machine, if it is missing.

        Raises:
            IndexLockedError: If another process of this machine writes to the index, and with it the words.
            EngineError: If they could not be made.
        """
        live = self._open_live()
        if live.has_words:
            return ()
        with self._locked():
            if not live.has_words:  # nor has the process before made them
                live.open()
                live.build_words()
        if not live.has_words:
            raise EngineError(
                self.address,
                "there is no index of words yet: the index was changed meanwhile ('semsearch repair' again, later), or "
                "this machine has no folder for it (name one in SEMSEARCH_CACHE)",
            )
        return ("words",)

    def lock(self) -> AbstractContextManager[None]:
        """Keep other processes of this machine from writing; Milvus has no lock for those of others."""
        return self._locked()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        folder = self._words_folder() / "lock"
        self._hold(folder)
        try:
            yield
        finally:
            self._release(folder)

    def _hold(self, folder: Path) -> None:
        with _holding:
            if folder not in _held and not str(folder).startswith(os.devnull):
                lock = contextlib.ExitStack()
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                    lock.enter_context(writer_lock(folder))
                except IndexLockedError as error:
                    who = "another process" if error.pid is None else f"process {error.pid}"
                    raise IndexLockedError(
                        f"{self.address} is being written by {who} on this machine: wait until it is done, or end it",
                        error.pid,
                    ) from None
                except OSError as error:
                    raise EngineError(
                        self.address,
                        f"the lock for writers cannot be made ({error}): name a folder that may be written in "
                        "SEMSEARCH_CACHE",
                    ) from error
                _locks[folder] = lock
            _held.setdefault(folder, []).append(self)

    def _release(self, folder: Path) -> None:
        with _holding:
            holders = _held.get(folder, [])
            if self in holders:
                holders.remove(self)
            if not holders and folder in _held:
                del _held[folder]
                lock = _locks.pop(folder, None)
                if lock is not None:
                    lock.close()

    def remove(self) -> None:
        """Remove every version."""
        for alias in (self._alias, self._alias_before):
            if self._leads_to(alias) is not None:
                with contextlib.suppress(NotThereError):
                    self._connection.call("drop_alias", alias)
        for version in self._versions():
            self._drop(version)
        self._live = None

    def close(self) -> None:
        """Let go of its connections."""
        self._connection.close()
        folder = self._words_folder() / "lock"
        while self in _held.get(folder, []):
            self._release(folder)
        if self._live is not None:
            self._live.close()

    # --- versions ---

    @property
    def _alias(self) -> str:
        return self._address.name

    @property
    def _alias_before(self) -> str:
        return f"{self._address.name}_v_before"

    def _versions(self) -> list[str]:
        """Return all that are there, published or not, oldest first."""
        found = [version_of(name) for name in self._connection.call("list_collections")]
        own = {match["version"] for match in found if match is not None and match["name"] == self._address.name}
        return sorted(own, key=self._number)

    def _number(self, version: str) -> int:
        found = version_of(f"{version}_{TEXTS}")
        return 0 if found is None else int(found["number"])

    def _leads_to(self, alias: str) -> str | None:
        """Return the version that an alias leads to."""
        try:
            found = self._connection.call("describe_collection", alias)
        except NotThereError:
            return None
        collection = version_of(str(found["collection_name"]))
        if collection is None or collection["name"] != self._address.name:
            raise EngineError(
                self.address, f"what Milvus has by the name {alias} is no index of semsearch: choose another name"
            )
        return collection["version"]

    def _lead(self, alias: str, version: str) -> None:
        method = "create_alias" if self._leads_to(alias) is None else "alter_alias"
        self._connection.call(method, f"{version}_{TEXTS}", alias)

    def _drop(self, version: str) -> None:
        for kind in reversed(KINDS):  # the passages last: a version of which something is left is still found
            with contextlib.suppress(NotThereError):
                self._connection.call("drop_collection", f"{version}_{kind}")
        _client_words.remove(self._words_folder() / version)

    def _open(self, version: str, *, new: bool = False) -> MilvusCollection:
        tables = Tables(self._connection, version)
        return MilvusCollection(self._connection, tables, version, self._words_folder() / version, new=new)

    def _open_live(self) -> MilvusCollection:
        version = self._leads_to(self._alias)
        if version is None:
            raise IndexNotFoundError(
                f"there is no index {self.address}: build one with 'semsearch rebuild-index CORPUS --index "
                f"{self.address}'"
            )
        if self._live is not None and self._live.name == version:
            return self._live
        collection = self._open(version)
        collection.open()
        return collection

    def _words_folder(self) -> Path:
        named = self._address.options.get(WORDS)
        place = hashlib.blake2b(self._place.encode(), digest_size=10).hexdigest()
        return (Path(named) if named else cache_folder() / "words") / f"{self._address.name}-{place}"

    @property
    def _place(self) -> str:
        """What identifies the index, whoever asks for it."""
        where = self._address
        host = str(Path(where.host).absolute()) if self._connection.is_lite else where.host
        port = None if self._connection.is_lite else where.port or PORT
        return f"{where.scheme} {host} {port} {where.database} {where.name}"
