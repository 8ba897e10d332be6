"""Where requests wait for one of a few threads: so many at once, so many more waiting, and no longer than so long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

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

    async def run(self, work: Callable[[], _T], gone: Callable[[], Coroutine[Any, Any, None]]) -> _T:
        """Do it in a thread.

        A thread cannot be ended: what takes too long keeps its place until it is done, though nobody waits for it.

        Args:
            work: What is to be done.
            gone: Returns once nobody waits for the answer any more. What has not begun then is not done.

        Raises:
            Refusal: If too many wait (at once), it took too long, or nobody waits for it.
        """
        if len(self._taken) >= self._most:
            raise Refusal(503, "too many searches are waiting: try again", headers={"Retry-After": "1"})
        future = self._threads.submit(work)
        self._taken.add(future)  # type: ignore[arg-type]  # it is only counted
        future.add_done_callback(self._taken.discard)
        done = asyncio.wrap_future(future)
        left = asyncio.ensure_future(gone())
        either: set[asyncio.Future[Any]] = {done, left}
        try:
            await asyncio.wait(either, timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.cancel()
        if done.done():
            return done.result()
        future.cancel()  # if it still waits it need not be done at all
        done.add_done_callback(_looked_at)
        raise Refusal(503, f"the search took more than {self._timeout:g} seconds", headers={"Retry-After": "5"})

    def close(self) -> None:
        """Wait for those that run; those that wait are dropped."""
        self._threads.shutdown(wait=True, cancel_futures=True)


def _looked_at(done: asyncio.Future[_T]) -> None:
    if not done.cancelled():
        done.exception()
