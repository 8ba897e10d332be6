"""Writing: through one connection, which holds the lock, and in one transaction where an update is seen as a whole."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import psycopg

from semsearch.engines.postgres._connection import Connection, Server, TooLateError
from semsearch.errors import EngineError, IndexLockedError

__all__ = ["Writer"]

_T = TypeVar("_T")

_LONGER = 10  # times the seconds that a call that reads may take
_PATIENCE = 1.0  # seconds in which the server may notice that who held the lock is no more


class Writer:
    """The connection that an engine writes by.

    What is written may take ten times as long as what is read, and what is built as long as it takes.

    The lock is the connection's: when that is lost, so is the lock, and with the next connection it is taken again.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        name = f"semsearch {server.address.name}".encode()
        self._key = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big", signed=True)
        self._mutex = threading.RLock()
        self._connection: Connection | None = None
        self._holds = False
        self._updating = False  # whether the transaction of an update is open
        self._broken_off = False  # whether it was lost, after something had been written in it
        self._transaction: str | None = None  # the number of the one that is being committed
        self._parties: set[object] = set()

    # --- the lock ---

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the lock of the index. An update that is open at the end is committed, or undone after an exception.

        Raises:
            IndexLockedError: If it is taken.
        """
        with self._mutex:
            if self._holds:
                raise self._taken()
            self._attempt(self._take, again=True)
            self._holds = True
        try:
            yield
            if self._updating:
                self.finish()
        finally:
            with self._mutex:
                if self._updating:
                    self._drop()
                self._holds = self._broken_off = False
                self._transaction = None
                self._parties.clear()
                if self._connection is not None:
                    with contextlib.suppress(EngineError):
                        self._attempt(lambda one: one.execute("SELECT pg_advisory_unlock(%s)", (self._key,)))

    @property
    def holds(self) -> bool:
        """Whether the lock is held."""
        return self._holds

    def _take(self, connection: Connection) -> None:
        end = time.monotonic() + _PATIENCE
        while True:
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", (self._key,)).fetchone()
            if row is not None and row[0]:
                return
            if time.monotonic() > end:
                raise self._taken()
            time.sleep(0.05)

    def _taken(self) -> IndexLockedError:
        return IndexLockedError(f"{self._server.address}: another process is writing to this index", None)

    # --- work ---

    def now(self, work: Callable[[Connection], _T]) -> _T:
        """Do ``work`` in a transaction of its own, which is committed when this returns."""

        def whole(connection: Connection) -> _T:
            with connection.transaction():
                return work(connection)

        with self._mutex:
            return self._attempt(whole, again=True)

    def alone(self, work: Callable[[Connection], _T]) -> _T:
        """Do ``work`` in no transaction: each statement is committed."""
        with self._mutex:
            return self._attempt(work, again=True, limited=False)

    def update(self, party: object, work: Callable[[Connection], _T]) -> _T:
        """Do ``work`` in the transaction of the update, which is begun if it is not open.

        Raises:
            EngineError: If the update was lost with its connection: what was written in it is not there, and what is
                still to come makes no whole.
        """
        with self._mutex:
            if self._broken_off:
                raise self._lost()
            if self._updating:
                return self._attempt(lambda one: _in_savepoint(one, work))

            def begun(connection: Connection) -> _T:
                connection.execute("BEGIN")
                return _in_savepoint(connection, work)

            try:
                answer = self._attempt(begun, again=True)
            except BaseException:
                self._drop()
                raise
            self._updating = True
            self._parties.add(party)
            return answer

    def finish(self) -> None:
        """Commit the update, if one is open. If the answer to that was lost, the server is asked whether it did.

        Raises:
            EngineError: If the update was lost.
        """
        with self._mutex:
            if self._updating:
                self._transaction = self._attempt(lambda one: _value(one, "SELECT pg_current_xact_id()::text"))
                self._attempt(lambda one: one.execute("COMMIT"))
            elif self._transaction is not None:
                statement = "SELECT pg_xact_status(%s::xid8)"
                status = self._attempt(lambda one: _value(one, statement, self._transaction), again=True)
                if status != "committed":
                    self._transaction = None
                    raise self._lost()
            elif self._broken_off:
                raise self._lost()
            self._updating = self._broken_off = False
            self._transaction = None
            self._parties.clear()

    def _lost(self) -> EngineError:
        return EngineError(
            str(self._server.address),
            "the connection was lost in the middle of an update, of which nothing was kept: begin it anew",
        )

    def read(self, party: object, work: Callable[[Connection], _T]) -> _T:
        """Let ``work`` read: in the update, if ``party`` has written in it."""
        if party not in self._parties:
            return self._server.ask(work)
        with self._mutex:
            if party not in self._parties or not self._updating:
                return self._server.ask(work)
            return self._attempt(lambda one: _in_savepoint(one, work))

    def renew(self) -> None:
        """Connect anew when something is written next."""
        with self._mutex:
            self._drop()

    def close(self) -> None:
        """Close the connection."""
        with self._mutex:
            self._drop()

    # --- the connection ---

    def _attempt(self, work: Callable[[Connection], _T], *, again: bool = False, limited: bool = True) -> _T:
        """Let ``work`` have the connection; with ``again`` a second time, if the first one turns out to be broken."""
        kept = self._connection is not None
        while True:
            connection = self._ready()
            seconds = _LONGER * self._server.address.timeout
            connection.deadline = time.monotonic() + seconds if limited else None
            try:
                return work(connection)
            except psycopg.Error as error:
                late = isinstance(error, TooLateError)
                broken = connection.broken or connection.closed
                if late or broken:
                    self._drop()
                if late or not (broken and kept and again):
                    raise self._server.error(error) from error
                kept = False
            except EngineError:
                raise
            except BaseException:
                self._drop()
                raise

    def _ready(self) -> Connection:
        if self._connection is None:
            connection = self._server.connect(patient=True)
            if self._holds:
                try:
                    self._take(connection)
                except psycopg.Error as error:
                    connection.close()
                    raise self._server.error(error) from error
                except BaseException:
                    connection.close()
                    raise
            self._connection = connection
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._updating:
            self._updating, self._broken_off = False, True


def _value(connection: Connection, statement: str, *values: object) -> str | None:
    row = connection.execute(statement, values).fetchone()
    return None if row is None else row[0]


def _in_savepoint(connection: Connection, work: Callable[[Connection], _T]) -> _T:
    """Undo what ``work`` did if it fails, and nothing else."""
    with connection.transaction():
        return work(connection)
