"""Where requests wait for one of a few threads: so many at once, so many more waiting, and no longer than so long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from semsearch.serving._problems import Refusal

__all__ = ["Desk"]

_T = TypeVar("_T")


class Desk:
    """Threads for searches. It is used by one event loop."""

    def __init__(self, threads: int, waiting: int, timeout: float) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="semsearch-search")
        self._most = threads + waiting
        self._timeout = timeout
        self._taken: set[Future[object]] = set()

    def __len__(self) -> int:
        """Return how many run or wait."""
        return len(self._taken)

    async def run(self, work: Callable[[], _T]) -> _T:
        """Do it in a thread.

        A thread cannot be ended: what takes too long keeps its place until it is done, though nobody waits for it.

        Raises:
            Refusal: If too many wait (at once), or it took too long.
        """
        if len(self._taken) >= self._most:
            raise Refusal(503, "too many searches are waiting: try again", headers={"Retry-After": "1"})
        future = self._threads.submit(work)
        self._taken.add(future)  # type: ignore[arg-type]  # it is only counted
        future.add_done_callback(self._taken.discard)
        done = asyncio.wrap_future(future)
        try:
            return await asyncio.wait_for(asyncio.shield(done), self._timeout)
        except asyncio.TimeoutError:
            future.cancel()  # if it still waits it need not be done at all
            done.add_done_callback(_looked_at)
            raise Refusal(
                503, f"the search took more than {self._timeout:g} seconds", headers={"Retry-After": "5"}
            ) from None

    def close(self) -> None:
        """Wait for those that run; those that wait are dropped."""
        self._threads.shutdown(wait=True, cancel_futures=True)


def _looked_at(done: asyncio.Future[_T]) -> None:
    if not done.cancelled():
        done.exception()
