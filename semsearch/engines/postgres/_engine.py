"""The place of an index in a database: which versions there are, and who writes."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from semsearch.engines import Address, Capabilities, Collection
from semsearch.errors import EngineError, EngineUnavailableError, IndexNotFoundError

if TYPE_CHECKING:
    from semsearch.engines.postgres._collection import PostgresCollection
    from semsearch.engines.postgres._connection import Connection

__all__ = ["PostgresEngine"]

_OLDEST = (0, 8)  # version of pgvector: from then on an index is gone through until enough is found
_CREATING = 7_305_808_869_231_650_671  # the lock of who makes what all indexes share


class PostgresEngine:
    """An index in PostgreSQL with pgvector.

    Writing takes one connection, which holds the lock; each thread that reads takes one of its own while it does. Calls
    that read end after the seconds that the address allows. Those that write wait for the server as long as it works.
    """

    def __init__(self, address: Address) -> None:
        """Connect.

        Raises:
            EngineError: If psycopg is not installed, or what :func:`~semsearch.engines.open_engine` says.
        """
        try:
            from semsearch.engines.postgres._connection import Server
            from semsearch.engines.postgres._writer import Writer
        except ImportError as error:
            reason = f"PostgreSQL needs psycopg ({error}): pip install 'semsearch[postgres]'"
            raise EngineError(str(address), reason) from None
        self._server = Server(address)
        self._writer = Writer(self._server)
        self._server.ask(lambda one: one.execute("SELECT 1"))

    @property
    def address(self) -> str:
        """Where it is, without a password."""
        return str(self._server.address)

    @property
    def capabilities(self) -> Capabilities:
        """All of it."""
        return Capabilities(words="server", atomic_updates=True, locks=True)

    def _version(self, number: int, *, published: bool) -> PostgresCollection:
        from semsearch.engines.postgres._collection import PostgresCollection

        return PostgresCollection(self._server, self._writer, number, published=published)

    def live(self) -> PostgresCollection:
        """Return the version that is live."""
        name = self._server.address.name

        def find(connection: Connection) -> int | None:
            if not _has_catalog(connection):
                return None
            row = connection.execute(
                "SELECT number FROM semsearch.versions WHERE name = %s AND live", (name,)
            ).fetchone()
            return None if row is None else int(row[0])

        number = self._server.ask(find)
        if number is None:
            raise IndexNotFoundError(f"{self.address}: there is no index of this name")
        return self._version(number, published=True)

    def begin(self, load: str) -> PostgresCollection:
        """Return a version to be filled: one that was begun with the same ``load`` and not published, or a new one."""
        from semsearch.engines.postgres._schema import CATALOG, TABLES, schema_of

        name = self._server.address.name

        def prepare(connection: Connection) -> None:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_CREATING,))  # two at once would collide
            if not _has_catalog(connection):
                for statement in CATALOG:
                    connection.execute(statement)

        def begun(connection: Connection) -> int:
            found = connection.execute(
                "SELECT number, load = %s FROM semsearch.versions WHERE name = %s AND published IS NULL "
                "ORDER BY number",
                (load, name),
            ).fetchall()
            same = [number for number, is_same in found if is_same]
            self._drop(connection, [number for number, _ in found if number not in same[-1:]])
            if same:
                return int(same[-1])
            row = connection.execute(
                "INSERT INTO semsearch.versions (name, load) VALUES (%s, %s) RETURNING number", (name, load)
            ).fetchone()
            assert row is not None  # noqa: S101 - for the type checker
            for statement in TABLES:
                connection.execute(statement.replace("$", schema_of(name, row[0])))
            return int(row[0])

        self._require_pgvector()
        self._writer.now(prepare)
        return self._version(self._writer.now(begun), published=False)

    def _require_pgvector(self) -> None:
        """Install the extension in the database if it is not there, and check that any text can be kept.

        Raises:
            EngineError: If it cannot be, or is too old.
        """
        import psycopg

        from semsearch.engines.postgres._connection import parsed_version

        encoding, version = self._writer.alone(
            lambda one: (one.info.parameter_status("server_encoding"), one.extension)
        )
        if encoding != "UTF8":
            raise EngineError(
                self.address, f"the database keeps texts as {encoding}: create one with 'createdb --encoding=UTF8'"
            )
        if version is None:
            try:
                self._writer.now(lambda one: one.execute("CREATE EXTENSION IF NOT EXISTS vector"))
            except EngineError as error:
                if not isinstance(error.__cause__, psycopg.Error) or not error.__cause__.sqlstate:
                    raise
                raise EngineError(
                    self.address,
                    f"the database has no pgvector, and it cannot be made here ({error.reason}): install pgvector 0.8 "
                    "or later on the server, and have who may do so run 'CREATE EXTENSION vector' in this database",
                ) from None
            self._writer.renew()
            self._server.close()  # connections that know nothing of it
            version = self._writer.alone(lambda one: one.extension)
        if version is None or parsed_version(version) < _OLDEST:
            raise EngineError(
                self.address,
                f"the database has pgvector {version}, and 0.8 or later is needed: install it on the server, and run "
                "'ALTER EXTENSION vector UPDATE' in this database",
            )

    def publish(self, version: Collection) -> None:
        """Make a version the live one, in one transaction. The one before is kept, those before it go."""
        from semsearch.engines.postgres._collection import PostgresCollection

        if not isinstance(version, PostgresCollection):
            raise ValueError(f"expected a version of this engine, not {version!r}")
        name = self._server.address.name

        def make_live(connection: Connection) -> None:
            connection.execute("UPDATE semsearch.versions SET live = false WHERE name = %s AND live", (name,))
            made = connection.execute(
                "UPDATE semsearch.versions SET live = true, published = clock_timestamp() "
                "WHERE name = %s AND number = %s",
                (name, version.number),
            )
            if made.rowcount != 1:
                raise EngineError(self.address, f"the version {version.name} is not there any more")

        def drop_old(connection: Connection) -> None:
            connection.execute("SET LOCAL lock_timeout = '5s'")  # those who read what goes, and all who come after
            found = connection.execute(
                "SELECT number FROM semsearch.versions WHERE name = %s AND published IS NOT NULL "
                "ORDER BY live DESC, published DESC OFFSET 2",
                (name,),
            ).fetchall()
            self._drop(connection, [number for (number,) in found])

        self._writer.now(make_live)
        version.published = True
        with contextlib.suppress(EngineUnavailableError):  # what is left now goes when another one is published
            self._writer.now(drop_old)

    def _drop(self, connection: Connection, numbers: list[int]) -> None:
        from semsearch.engines.postgres._schema import schema_of

        for number in numbers:
            schema = schema_of(self._server.address.name, number)
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
            connection.execute("DELETE FROM semsearch.versions WHERE number = %s", (number,))

    def lock(self) -> AbstractContextManager[None]:
        """Be the one writer of the index until the block is left.

        What is written to the live version in it is one update: :class:`PostgresCollection` says how.
        """
        return self._writer.hold()

    def repair(self) -> tuple[str, ...]:
        """Build the indexes of the live version that are not there, and return their names."""
        return self.live().complete()

    def remove(self) -> None:
        """Remove every version."""

        def remove(connection: Connection) -> None:
            if _has_catalog(connection):
                found = connection.execute(
                    "SELECT number FROM semsearch.versions WHERE name = %s", (self._server.address.name,)
                ).fetchall()
                self._drop(connection, [number for (number,) in found])

        self._writer.now(remove)

    def close(self) -> None:
        """Let go of its connections."""
        self._writer.close()
        self._server.close()


def _has_catalog(connection: Connection) -> bool:
    row = connection.execute("SELECT to_regclass('semsearch.versions') IS NOT NULL").fetchone()
    return row is not None and bool(row[0])
