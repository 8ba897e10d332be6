"""An index that stays open while newer generations of it are published."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from semsearch.addresses import is_address
from semsearch.embedders import Embedder, Reranker, load_reranker
from semsearch.engines import describe_index
from semsearch.errors import EmbedderMismatchError
from semsearch.searching._searcher import Searcher, open_index
from semsearch.storage import live_name

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["LiveIndex"]


class LiveIndex:
    """An index that is kept open for long, and opened anew when a newer generation is live. Threads may share it.

    A program that only asks now and then calls :meth:`refresh` before it does; a server calls it every second. Who is
    in the middle of :meth:`searcher` keeps the generation that it began with.

    Args:
        index: The index's folder, or its address in an engine.
        embedder: As for :func:`~semsearch.open_index`.
        reranker: As for :func:`~semsearch.open_index`.

    Raises:
        SemsearchError: As :func:`~semsearch.open_index`.
    """

    def __init__(
        self,
        index: str | os.PathLike[str] = "index",
        *,
        embedder: Embedder | str | os.PathLike[str] | None = None,
        reranker: Reranker | str | os.PathLike[str] | None = None,
    ) -> None:
        self.index = os.fspath(index)
        self._embedder = embedder
        self._reranker = load_reranker(reranker) if isinstance(reranker, str | os.PathLike) else reranker
        self._lock = threading.Lock()
        self._refreshing = threading.Lock()
        self._open = self._opened(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def generation(self) -> str:
        """The id of the generation that answers, or the name of the version in an engine."""
        return self._open.generation

    @contextlib.contextmanager
    def searcher(self) -> Iterator[Searcher]:
        """Yield the index as it is now; it stays open until the block is left, whatever is published meanwhile."""
        with self._lock:
            one = self._open
            one.users += 1
        try:
            yield one.searcher
        finally:
            self._left(one)

    def refresh(self) -> bool:
        """Open the newest generation if it is not the one that answers, and return whether that was so.

        What goes wrong leaves the one that answers as it is.

        Raises:
            SemsearchError: As :func:`~semsearch.open_index`.
        """
        with self._refreshing:
            if self._live() == self._open.generation:
                return False
            newer = self._opened(self._open)
            with self._lock:
                before, self._open = self._open, newer
                before.users += 1
            self._left(before, retire=True)
            return True

    def close(self) -> None:
        """Let go of the index once nobody is in the middle of a search."""
        with self._lock:
            one = self._open
            one.users += 1
        self._left(one, retire=True)

    def _left(self, one: _Open, *, retire: bool = False) -> None:
        with self._lock:
            one.users -= 1
            one.retired = one.retired or retire
            last = one.retired and one.users == 0
        if last:
            one.searcher.close()

    def _with_the_model_of(self, before: _Open | None) -> Searcher:
        """Open the index with the model that is loaded, unless it was built with another one since."""
        if before is not None and self._embedder is None:
            with contextlib.suppress(EmbedderMismatchError):
                return open_index(self.index, embedder=before.searcher.embedder, reranker=self._reranker)
        return open_index(self.index, embedder=self._embedder, reranker=self._reranker)

    def _live(self) -> str:
        return describe_index(self.index).generation if is_address(self.index) else live_name(Path(self.index))

    def _opened(self, before: _Open | None) -> _Open:
        generation = self._live()  # before it is opened: if it is older than that, the next refresh opens it again
        searcher = self._with_the_model_of(before)
        with contextlib.ExitStack() as stack:
            stack.callback(searcher.close)
            searcher.search("first", 1, evidence=False)  # what is loaded at the first question is loaded before any
            stack.pop_all()
        return _Open(searcher, generation)


class _Open:
    """A searcher, and how many are in the middle of using it; one that is retired is closed by the last of them."""

    def __init__(self, searcher: Searcher, generation: str) -> None:
        self.searcher = searcher
        self.generation = generation
        self.users = 0
        self.retired = False
