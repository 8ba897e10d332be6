"""The index as a server has it: opened while the first client says hello, kept up to date, and never asked too much."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from semsearch.errors import SemsearchError

if TYPE_CHECKING:
    from typing_extensions import Self

    from semsearch.searching import LiveIndex, Searcher

__all__ = ["Archive", "BusyError", "Limits"]

logger = logging.getLogger(__name__)
_T = TypeVar("_T")


class BusyError(Exception):
    """More calls wait than a server lets wait."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server does at most.

    Attributes:
        running: Calls that are worked on at the same time.
        waiting: Calls that wait for one of these; one more is refused.
        seconds: A call that has no answer by then is given up.
        refresh: Seconds between two looks whether a newer generation is live, at least.
    """

    running: int = 4
    waiting: int = 32
    seconds: float = 60.0
    refresh: float = 1.0


class Archive:
    """An index that calls are made to from threads of its own.

    Args:
        open_live: Opens the index. It is called at once, in a thread: whoever asks first waits for it.
        limits: What is done at most.
    """

    def __init__(self, open_live: Callable[[], LiveIndex], limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._open_live = open_live
        self._threads = ThreadPoolExecutor(self.limits.running, thread_name_prefix="semsearch-mcp")
        self._lock = threading.Lock()
        self._unanswered = 0
        self._opening = threading.Lock()
        self._live: LiveIndex | None = None
        self._refreshing = threading.Lock()
        self._refreshed = 0.0
        self._threads.submit(self._open_early)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, work: Callable[[Searcher], _T]) -> Future[_T]:
        """Have something worked out with the index as it is now.

        Raises:
            BusyError: If too many calls wait already.
        """
        with self._lock:
            if self._unanswered >= self.limits.running + self.limits.waiting:
                raise BusyError
            self._unanswered += 1
        future = self._threads.submit(self._work, work)
        future.add_done_callback(self._answered)
        return future

    def close(self) -> None:
        """Let go of the index once the calls that are being worked on are done; those that wait are dropped."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        if self._live is not None:
            self._live.close()

    def _answered(self, _: object) -> None:
        with self._lock:
            self._unanswered -= 1

    def _work(self, work: Callable[[Searcher], _T]) -> _T:
        with self._searcher() as searcher:
            return work(searcher)

    @contextmanager
    def _searcher(self) -> Iterator[Searcher]:
        live = self._opened()
        self._refresh(live)
        with live.searcher() as searcher:
            yield searcher

    def _open_early(self) -> None:
        try:
            self._opened()
        except SemsearchError as error:  # the first call meets it again: it may be mended until then
            logger.warning("%s", error)

    def _opened(self) -> LiveIndex:
        with self._opening:
            if self._live is None:
                self._live = self._open_live()
                self._refreshed = time.monotonic()
            return self._live

    def _refresh(self, live: LiveIndex) -> None:
        """Open a newer generation, unless that was looked for a moment ago, or somebody else is at it."""
        if time.monotonic() - self._refreshed < self.limits.refresh or not self._refreshing.acquire(blocking=False):
            return
        try:
            live.refresh()
        except SemsearchError as error:  # the one that is open goes on answering
            logger.warning("the newest generation cannot be opened: %s", error)
        finally:
            self._refreshed = time.monotonic()
            self._refreshing.release()
