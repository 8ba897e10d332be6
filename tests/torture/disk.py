"""A disk that is full or broken from the n-th call on, or for that call alone."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

__all__ = ["Refusing", "Shrinking"]

_CHANGES = {"os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_WRITES = {
    *("write", "flush", "close"),
    *("connect", "execute", "executemany", "executescript"),  # SQLite's
    *("Index", "writer", "add_document", "commit", "wait_merging_threads"),  # tantivy's
}


class Refusing:
    """Refuses calls that open a file for writing, sync one, or change a folder: the file system's own answer.

    Attributes:
        calls: The calls that there were: what each was, and of which file.
    """

    _active: Refusing | None = None
    _is_installed = False

    def __init__(self, root: Path, at: int | None = None, code: int = 0, *, once: bool = False) -> None:
        """Refuse the call number ``at`` (from 0) below ``root`` with this error, and all after it if not ``once``."""
        self.calls: list[tuple[str, str]] = []
        self._root = str(root)
        self._at = at
        self._code = code
        self._once = once

    @contextlib.contextmanager
    def during(self) -> Iterator[None]:
        """Refuse calls of the block."""
        if not Refusing._is_installed:  # it stays: nothing takes a hook away again
            sys.addaudithook(_audit)
            Refusing._is_installed = True
        fsync = os.fsync

        def syncing(descriptor: int) -> None:
            self.call("fsync", None)
            fsync(descriptor)

        Refusing._active, os.fsync = self, syncing  # type: ignore[assignment]
        try:
            yield
        finally:
            Refusing._active, os.fsync = None, fsync

    def audited(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take what the interpreter is about to ask the system for."""
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, str) and path.startswith(self._root) and flags & _WRITING:
                self.call(event, path)
        elif event == "sqlite3.connect":
            if "mode=ro" not in str(arguments[0]):
                self.call(event, None)
        elif event in _CHANGES:
            self.call(event, os.fspath(arguments[0]))

    def call(self, what: str, path: str | None) -> None:
        """Count a call, and refuse it if it is its turn."""
        number = len(self.calls)
        self.calls.append((what, Path(path or "").name))
        if self._at is None or number < self._at or (self._once and number > self._at):
            return
        if what == "sqlite3.connect":
            raise sqlite3.OperationalError("unable to open database file")
        raise OSError(self._code, os.strerror(self._code), *([] if path is None else [path]))


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if Refusing._active is not None:
        Refusing._active.audited(event, arguments)


class Shrinking:
    """Leaves no byte for any file, whoever writes it: Python, numpy, SQLite or tantivy.

    It is the limit of a file's size: beyond it the system refuses every write, as it does when a disk is full.

    Attributes:
        calls: The calls that may write: what each was.
    """

    def __init__(self, at: int | None = None, *, once: bool = False) -> None:
        """Leave no byte from the call number ``at`` on (from 0), or for it alone."""
        self.calls: list[str] = []
        self._at = at
        self._once = once

    @contextlib.contextmanager
    def during(self) -> Iterator[None]:
        """Watch the calls of the block."""
        import resource

        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        set_limit: Callable[[int, tuple[int, int]], None] = resource.setrlimit

        def step(frame: FrameType, event: str, function: Any) -> None:
            if event == "c_call" and function.__name__ in _WRITES:
                if len(self.calls) == self._at:
                    set_limit(resource.RLIMIT_FSIZE, (0, before[1]))
                elif self._once:
                    set_limit(resource.RLIMIT_FSIZE, before)
                self.calls.append(function.__name__)

        sys.setprofile(step)
        try:
            yield
        finally:
            sys.setprofile(None)
            set_limit(resource.RLIMIT_FSIZE, before)
