"""The process that pdfium runs in: started when the first PDF is read, ended with this one or when a page is too much.

A crash of pdfium, or a page that never ends, is the end of that process and a problem of one document: the next
document starts another one.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["PdfError", "answers_about"]

PAGE_SECONDS = 60.0
"""A page is read in some milliseconds; a machine that is busy may take a hundred times as long."""
DOCUMENT_SECONDS = 600.0
"""Five thousand pages take half a minute."""
_WAITING = 64  # pages that are read before they are asked for
_CHUNK = 1 << 20
_CRASH = "makes pdfium, which reads it, crash or take too much memory"


class PdfError(Exception):
    """Says why a document's reading was given up."""


class _Process:
    """One process, and the thread that listens to it."""

    def __init__(self) -> None:
        # In the package's folder and with this process's path: what lies where the user is must not be imported.
        root = Path(__file__).parents[3]
        path = os.pathsep.join([str(root), *(entry for entry in sys.path if Path(entry).is_absolute())])
        its_requests, requests = os.pipe()
        answers, its_answers = os.pipe()
        self._child = subprocess.Popen(
            [sys.executable, "-m", "semsearch.readers.pdf._pages"],
            stdin=its_requests,
            stdout=its_answers,
            stderr=subprocess.DEVNULL,
            cwd=root,
            env={**os.environ, "PYTHONPATH": path},
        )
        os.close(its_requests)
        os.close(its_answers)
        self._requests, self._answers = os.fdopen(requests, "wb"), os.fdopen(answers, "rb")
        self._lines: queue.Queue[bytes] = queue.Queue(_WAITING)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        for line in self._answers:
            self._lines.put(line)
        self._lines.put(b"")

    def send(self, stream: BinaryIO, size: int) -> None:
        """Send a document of ``size`` bytes; should it have shrunk, zeros are its end."""
        self._requests.write(f"{size}\n".encode())
        while size > 0:
            chunk = stream.read(min(size, _CHUNK)) or bytes(min(size, _CHUNK))
            self._requests.write(chunk)
            size -= len(chunk)
        self._requests.flush()

    def receive(self, seconds: float) -> Any:
        """Return the next answer.

        Raises:
            PdfError: If there is none in this time, or the process has ended.
        """
        try:
            line = self._lines.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            raise PdfError("takes too long to read") from None
        if not line:
            raise PdfError(_CRASH)
        return json.loads(line)

    def end(self) -> None:
        """End the process, whatever it does."""
        self._child.kill()
        self._child.wait()
        while self._listener.is_alive():  # it may wait for room
            with contextlib.suppress(queue.Empty):
                self._lines.get(timeout=0.01)
        for pipe in (self._requests, self._answers):
            with contextlib.suppress(OSError):
                pipe.close()


_lock = threading.Lock()
_running: list[_Process] = []  # none or one
_of_another: list[_Process] = []


@atexit.register
def _end() -> None:
    while _running:
        _running.pop().end()


def _forget() -> None:
    """Leave the process to the one that this one is a fork of."""
    global _lock  # noqa: PLW0603 - another thread may have held it
    _lock = threading.Lock()
    _of_another.extend(_running)
    _running.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def answers_about(stream: BinaryIO, size: int) -> Generator[Any, None, None]:
    """Yield what the process says of a document of ``size`` bytes: a mapping about it, then a list for each page.

    Raises:
        PdfError: If a page takes longer than :data:`PAGE_SECONDS`, or pdfium crashes; says which page.
        OSError: If the document's file cannot be read.
    """
    with _lock:
        if not _running:
            _running.append(_Process())
        process, end = _running[0], time.monotonic() + DOCUMENT_SECONDS
        page = 0
        try:
            with _as_crash():
                process.send(stream, size)
            about = process.receive(PAGE_SECONDS)
            yield about
            while page < about.get("pages", 0):
                page += 1
                yield process.receive(min(PAGE_SECONDS, end - time.monotonic()))
        except PdfError as error:
            _end()
            raise PdfError(f"page {page} {error}" if page else str(error)) from None
        except BaseException:  # what it still has to say is about this document
            _end()
            raise


@contextlib.contextmanager
def _as_crash() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise PdfError(_CRASH) from None
