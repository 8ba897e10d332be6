"""Answers that were given, for who asks the same of the same generation again."""

from __future__ import annotations

import threading
from collections import OrderedDict

__all__ = ["Cache"]

_BESIDE = 400  # bytes that are needed for each answer beside its own: its key, and its place


class Cache:
    """The answers that were asked for last, up to a number of bytes. Keys are short. Threads may share it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0
        self._answers: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._answers)

    def get(self, key: bytes) -> bytes | None:
        """Return an answer, if it is still here."""
        with self._lock:
            found = self._answers.get(key)
            if found is not None:
                self._answers.move_to_end(key)
            return found

    def put(self, key: bytes, answer: bytes) -> None:
        """Keep an answer, and let go of what was asked for longest ago."""
        if len(answer) * 8 > self._most:  # one long answer must not push out everything else
            return
        with self._lock:
            before = self._answers.pop(key, None)
            if before is not None:
                self._bytes -= len(before) + _BESIDE
            self._answers[key] = answer
            self._bytes += len(answer) + _BESIDE
            while self._bytes > self._most:
                _, old = self._answers.popitem(last=False)
                self._bytes -= len(old) + _BESIDE

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._answers.clear()
            self._bytes = 0
