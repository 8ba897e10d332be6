"""Servers for the tests: in a thread of this process, or as people start them."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import numpy as np
import uvicorn
from numpy.typing import NDArray

from semsearch.searching import LiveIndex
from semsearch.serving import Settings
from semsearch.serving._app import App
from semsearch.serving._server import listen, make_server, settings_for, url_of

PATIENCE = 120.0  # seconds that a busy machine is given
TOKEN = "kJ8-a-token-for-tests-only-31"  # noqa: S105


class Held:
    """A reranker that reads nothing before it is let."""

    name = "held"

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.let = threading.Event()

    def score(self, query: str, texts: Sequence[str]) -> NDArray[np.float64]:  # noqa: ARG002
        self.asked.release()
        assert self.let.wait(PATIENCE)
        return np.arange(len(texts), dtype=np.float64)


@dataclass(frozen=True)
class Served:
    """A server in a thread."""

    url: str
    app: App
    server: uvicorn.Server

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    def at(self, path: str) -> str:
        return self.url.partition("?")[0].rstrip("/") + path


@contextlib.contextmanager
def in_thread(
    index: Path | str | LiveIndex,
    settings: Settings | None = None,
    *,
    host: str = "127.0.0.1",
    proxies: Sequence[str] = (),
) -> Iterator[Served]:
    """Serve an index until the block is left."""
    bound = listen(host, 0)
    settings = settings_for(settings or Settings(), bound, host)
    with App(index, settings) as app:
        server = make_server(app, proxies=proxies)
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        try:
            yield Served(url_of(bound, host, settings.token), app, server)
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            bound.close()
        assert not thread.is_alive()


@dataclass(frozen=True)
class Command:
    """``semsearch serve`` in a process of its own."""

    process: subprocess.Popen[str]
    url: str

    def at(self, path: str) -> str:
        return self.url.partition("?")[0].rstrip("/") + path

    def end(self, how: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """Tell it to end; return its exit code and what else it wrote."""
        self.process.send_signal(how)
        _, rest = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, rest


@contextlib.contextmanager
def command(index: Path | str, *options: str, environment: dict[str, str] | None = None) -> Iterator[Command]:
    """Start ``semsearch serve`` on a port that is free, and kill it in the end if it has not ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "semsearch", "serve", "--index", str(index), "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    assert process.stderr is not None
    try:
        yield Command(process, _url_in(process.stderr))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE)


def _url_in(lines: IO[str]) -> str:
    seen = []
    for line in lines:
        seen.append(line)
        found = re.search(r"is served at (http://\S+)", line)
        if found:
            assert lines.readline() == "ctrl-c ends it\n"
            return found[1]
    raise AssertionError("".join(seen))


def exchange(address: tuple[str, int], *parts: bytes, wait: float = PATIENCE) -> bytes:
    """Send bytes as they are over a connection of their own, and return all that comes back until it is closed."""
    with socket.create_connection(address, timeout=wait) as connection:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                connection.sendall(part)
        answer = bytearray()
        with contextlib.suppress(ConnectionError):
            while data := connection.recv(65536):
                answer += data
        return bytes(answer)


def status_of(answer: bytes) -> int:
    """Return the status of a raw answer."""
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert found, answer[:200]
    return int(found[1])


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
