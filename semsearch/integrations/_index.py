"""The index that a framework's retriever asks: who opens and closes it, and what is checked for all of them."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import warnings
import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from semsearch.addresses import is_address, shown
from semsearch.errors import SemsearchError
from semsearch.records import Hit

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from semsearch.filters import Filter
    from semsearch.searching import LiveIndex, Searcher, SearchOptions

__all__ = ["AskedIndex", "Found", "both", "check_k", "check_options", "missing"]

_LOOK_EVERY = 1.0  # seconds, for a newer version in an engine


class Found(NamedTuple):
    """The hits of a search, and the generation that they are of; None where it is not known."""

    hits: list[Hit]
    generation: str | None


class AskedIndex:
    """An index as a retriever asks it.

    One that is named by its folder or address is opened at the first question and followed: each question is answered
    by the generation that is live then. It is closed by :meth:`close`, or when nobody has it any more. One that was
    given open is its owner's, who refreshes and closes it.

    Args:
        index: The index's folder, its address in an engine, a :class:`~semsearch.Searcher`, a
            :class:`~semsearch.LiveIndex`, or what another retriever has.

    Raises:
        ValueError: If it is none of these.
    """

    def __init__(self, index: str | os.PathLike[str] | Searcher | LiveIndex) -> None:
        from semsearch.searching import LiveIndex, Searcher

        self._lock = threading.Lock()
        self._looked = 0.0
        self._named: str | None = None
        self._live: LiveIndex | None = None
        self._searcher: Searcher | None = None
        if isinstance(index, Searcher):
            self._searcher = index
        elif isinstance(index, LiveIndex):
            self._live = index
        elif isinstance(index, str | os.PathLike):
            self._named = os.fspath(index)
        else:
            raise ValueError(
                "index must be the folder of an index, its address, a Searcher or a LiveIndex, "
                f"not {type(index).__name__}"
            )

    @classmethod
    def of(cls, index: str | os.PathLike[str] | Searcher | LiveIndex | AskedIndex) -> AskedIndex:
        """Return the index as a retriever asks it, the same one if it is that already."""
        return index if isinstance(index, AskedIndex) else cls(index)

    def __repr__(self) -> str:
        """Return what it is, without a password."""
        if self._named is not None:
            return repr(shown(self._named))
        return f"<{type(self._searcher or self._live).__name__}>"

    @property
    def name(self) -> str:
        """The folder or address, for a retriever that is written down.

        Raises:
            ValueError: If the index was given open, or the address has a password in it.
        """
        if self._named is None:
            raise ValueError(
                f"this retriever asks {self!r}, which cannot be written down: give it the folder or the address of the "
                "index"
            )
        if shown(self._named) != self._named:
            raise ValueError(
                f"the address {shown(self._named)} has a password in it, which must not be written down: leave it to "
                "the environment"
            )
        return self._named

    def __deepcopy__(self, _: object) -> AskedIndex:
        """Return this one: a copy of a retriever asks the same index."""
        return self

    def __reduce__(self) -> tuple[type[AskedIndex], tuple[str]]:
        """Return what another process opens the index by, which is its name.

        Raises:
            ValueError: As of :attr:`name`.
        """
        return AskedIndex, (self.name,)

    def open(self) -> LiveIndex | None:
        """Open an index that is named and not open yet, and return what stays open; None for a searcher.

        Raises:
            SemsearchError: As :func:`~semsearch.open_index`.
        """
        if self._named is None:
            return self._live
        with self._lock:
            return self._opened(self._named)

    def close(self) -> None:
        """Let go of an index that was opened here, once it is not being asked. Another question opens it again."""
        with self._lock:
            if self._named is not None and self._live is not None:
                self._live = None
                self._finalizer()

    @contextlib.contextmanager
    def searcher(self) -> Iterator[tuple[Searcher, str | None]]:
        """Yield the index as it is now, and which generation of it that is.

        Raises:
            SemsearchError: As :func:`~semsearch.open_index`.
        """
        if self._searcher is not None:
            yield self._searcher, None
            return
        with self._kept_open() as live, contextlib.ExitStack() as stack:
            while True:
                generation = live.generation
                searcher = stack.enter_context(live.searcher())
                if live.generation == generation:
                    break
                stack.close()  # a newer one was opened between the two: which one this is is not certain
            yield searcher, generation

    def search(self, query: str, k: int, **options: Unpack[SearchOptions]) -> Found:
        """Return what :meth:`semsearch.Searcher.search` finds, and the generation that it is of."""
        with self.searcher() as (searcher, generation):
            return Found(searcher.search(query, k, **options), generation)

    @contextlib.contextmanager
    def _kept_open(self) -> Iterator[LiveIndex]:
        """Yield the index, open and followed, whatever another thread closes meanwhile."""
        if self._named is None:
            assert self._live is not None  # noqa: S101 - for the type checker
            yield self._live
            return
        with contextlib.ExitStack() as stack:
            with self._lock:
                live = self._opened(self._named)
                stack.enter_context(live.searcher())  # before anybody can close it
            self._follow(live)
            yield live

    def _opened(self, named: str) -> LiveIndex:
        """Return the index that is named, open. Who calls this has the lock."""
        from semsearch.searching import LiveIndex

        if self._live is None:
            self._live = LiveIndex(named)
            self._looked = time.monotonic()
            self._finalizer = weakref.finalize(self, self._live.close)
        return self._live

    def _follow(self, live: LiveIndex) -> None:
        """Open a newer generation, if there is one; if it cannot be opened the one that is open answers.

        A folder tells it by one small file; an engine must be connected to, which is done once a second at most.
        """
        if is_address(live.index):
            if time.monotonic() - self._looked >= _LOOK_EVERY:
                self._looked = time.monotonic()
                live.refresh()  # if the engine is not there, neither is what is open
            return
        try:
            live.refresh()
        except SemsearchError as error:
            warnings.warn(f"answers come from generation {live.generation}: {error}", stacklevel=2)


def check_options(options: Mapping[str, Any]) -> None:
    """Raise ValueError for what is no option of a search, or has a place of its own."""
    from semsearch.searching import SearchOptions

    known = [name for name in SearchOptions.__annotations__ if name != "where"]
    unknown = sorted(options.keys() - set(known))
    if unknown:
        raise ValueError(f"there is no option {unknown[0]!r} of a search: the options are {', '.join(known)}")


def check_k(name: str, value: object) -> None:
    """Raise ValueError for what is not a number of passages; it is called by the name that the framework has for it."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")


def both(one: Filter | str | None, other: Filter | str | None) -> Filter | None:
    """Return the filter for what both filters are for; None for no filter."""
    from semsearch.filters import Filter, parse_filter

    first, second = (parse_filter(each) if isinstance(each, str) else each for each in (one, other))
    for each in (first, second):
        if each is not None and not isinstance(each, Filter):
            raise ValueError(f"where must be a filter or its text, not {each!r}")
    if first is None or second is None:
        return second if first is None else first
    return first & second


def missing(module: str, extra: str) -> ImportError:
    """Return the error of an integration whose framework is not installed."""
    return ImportError(f'{module} needs "{extra}" support: pip install "semsearch[{extra}]"')
