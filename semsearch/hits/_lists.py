"""The lists that searches return."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar, overload

from semsearch.records import ArticleHit, Hit

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow
    from typing_extensions import Self

    from semsearch.hits._columns import Column, Row

__all__ = ["ArticleHits", "Hits", "ManyHits"]

_T = TypeVar("_T")


class _Table(list[_T]):
    """A list that becomes a table: ``docs/notebooks.md`` has its columns and their types, which never change with what
    was found. Nothing is worked out before it is asked for.
    """  # noqa: D205 - is one sentence

    __slots__ = ()

    @abstractmethod
    def _rows(self) -> Iterator[Row]:
        """Yield what becomes a row each."""

    def _columns(self) -> Sequence[Column]:
        from semsearch.hits._columns import COLUMNS

        return COLUMNS

    def to_pandas(self) -> pandas.DataFrame:
        """Return a pandas data frame, with a row for each passage.

        Raises:
            SemsearchError: If pandas is not installed.
        """
        from semsearch.hits._columns import pandas_frame

        return pandas_frame(self._rows(), self._columns())

    def to_polars(self) -> polars.DataFrame:
        """Return a Polars data frame, with a row for each passage.

        Raises:
            SemsearchError: If Polars is not installed.
        """
        from semsearch.hits._columns import polars_frame

        return polars_frame(self._rows(), self._columns())

    def to_arrow(self) -> pyarrow.Table:
        """Return an Arrow table, with a row for each passage.

        Raises:
            SemsearchError: If pyarrow is not installed.
        """
        from semsearch.hits._columns import arrow_table

        return arrow_table(self._rows(), self._columns())

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Give the Arrow table as a stream, by Arrow's PyCapsule interface."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)


class _Answer(_Table[_T]):
    """What was found for one query: ``query`` is None where none was asked, as of what is similar to an article."""

    __slots__ = ("query",)

    def __init__(self, found: Iterable[_T] = (), *, query: str | None = None) -> None:
        super().__init__(found)
        self.query = query

    @overload
    def __getitem__(self, at: SupportsIndex) -> _T: ...

    @overload
    def __getitem__(self, at: slice) -> Self: ...

    def __getitem__(self, at: SupportsIndex | slice) -> _T | Self:
        if isinstance(at, slice):
            return type(self)(super().__getitem__(at), query=self.query)
        return super().__getitem__(at)

    def copy(self) -> Self:
        """Return a copy of the list, of the same query."""
        return self[:]

    def __repr__(self) -> str:
        """Return how many there are, and for what: each has the text of a whole article."""
        return f"<{type(self).__name__}: {len(self)}{'' if self.query is None else f' for {self.query!r}'}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002, FBT001 - as IPython has it
        """Show a line for each passage, where IPython shows no HTML; a notebook keeps these beside the table."""
        from semsearch.hits._lines import lines

        printer.text("\n".join([repr(self), *lines(self._rows())]))


class Hits(_Answer[Hit]):
    """The hits of one query, best first: a list, which equals any list of the same hits.

    A notebook shows it as a table. :meth:`to_pandas`, :meth:`to_polars` and :meth:`to_arrow` return one, with a row for
    each hit; a part of the list, ``hits[:3]``, is another such list.

    Args:
        found: The hits.
        query: What was asked; None for what is similar to an article.
    """

    __slots__ = ()

    def _rows(self) -> Iterator[Row]:
        return ((self.query, None, hit) for hit in self)

    def _repr_html_(self) -> str:
        from semsearch.hits._page import hits_html

        return hits_html(self, self.query)


class ArticleHits(_Answer[ArticleHit]):
    """The articles that answer one query, best first: a list, as :class:`Hits`.

    Its tables have a row for each passage, in the order of the articles: ``article_rank`` and ``article_score`` are the
    article's, ``rank`` and ``score`` the passage's in it.

    Args:
        found: The articles with their passages.
        query: What was asked.
    """

    __slots__ = ()

    def _rows(self) -> Iterator[Row]:
        return ((self.query, one, hit) for one in self for hit in one.hits)

    def _columns(self) -> Sequence[Column]:
        from semsearch.hits._columns import ARTICLE_COLUMNS

        return ARTICLE_COLUMNS

    def _repr_html_(self) -> str:
        from semsearch.hits._page import articles_html

        return articles_html(self, self.query)


class ManyHits(_Table[Hits]):
    """The hits of several queries, in the order of the queries: a list of :class:`Hits`.

    Its tables have a row for each hit, and say in ``query`` which query it is of. Searches that were not asked together
    are put into one table by ``ManyHits([first, second]).to_pandas()``.
    """

    __slots__ = ()

    @overload
    def __getitem__(self, at: SupportsIndex) -> Hits: ...

    @overload
    def __getitem__(self, at: slice) -> ManyHits: ...

    def __getitem__(self, at: SupportsIndex | slice) -> Hits | ManyHits:
        found: Any = super().__getitem__(at)
        return ManyHits(found) if isinstance(at, slice) else found

    def copy(self) -> ManyHits:
        """Return a copy of the list."""
        return ManyHits(self)

    def __add__(self, others: list[Any]) -> ManyHits:  # type: ignore[override]
        """Return the hits of these queries and of others."""
        return ManyHits([*self, *others])

    def _rows(self) -> Iterator[Row]:
        return ((getattr(hits, "query", None), None, hit) for hits in self for hit in hits)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002, FBT001 - as IPython has it
        printer.text(repr(self))

    def _repr_html_(self) -> str:
        from semsearch.hits._page import many_html

        return many_html(self)
