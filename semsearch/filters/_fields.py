"""Filters in Python: comparisons of a field are filters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from semsearch.filters._names import check_path, field_name
from semsearch.filters._parts import Comparison, Exists, Filter, Not
from semsearch.filters._reading import Reader

__all__ = ["Field", "field"]


def field(name: str) -> Field:
    """Return a field, named as in a text filter, whose comparisons are filters.

    >>> field("source") == "Reuters"
    >>> field("published") >= dt.date(2024, 1, 1)
    >>> field("metadata.section.name").isin(["Politics", "Business"])
    >>> ~field("author").exists()

    Raises:
        ValueError: If the name cannot be read.
    """
    reader = Reader(name, "the name of a field", "source or metadata.section.name")
    path = reader.name()
    reader.end("the end of the name")
    return Field(path)


class Field:
    """A field of articles: see :func:`field`."""

    __slots__ = ("path",)
    __hash__: ClassVar[None]  # type: ignore[assignment]  # equality makes a filter

    def __init__(self, path: tuple[str, ...]) -> None:
        check_path(path)
        self.path = path

    def __repr__(self) -> str:
        return f"field({field_name(self.path)!r})"

    def __eq__(self, value: object) -> Filter:  # type: ignore[override]
        return self._compare("=", value)

    def __ne__(self, value: object) -> Filter:  # type: ignore[override]
        return Not(self._compare("=", value))

    def __lt__(self, value: object) -> Filter:
        return self._compare("<", value)

    def __le__(self, value: object) -> Filter:
        return self._compare("<=", value)

    def __gt__(self, value: object) -> Filter:
        return self._compare(">", value)

    def __ge__(self, value: object) -> Filter:
        return self._compare(">=", value)

    def isin(self, values: Iterable[object]) -> Filter:
        """Return the filter for articles in which this field is one of the values."""
        several: object = values
        if isinstance(several, str) or not isinstance(several, Iterable):
            raise ValueError(f"isin takes a list of values, not {values!r}")
        return self._compare("=", *several)

    def exists(self) -> Filter:
        """Return the filter for articles that have this field."""
        return Exists(self.path)

    def _compare(self, operator: str, *values: object) -> Filter:
        return Comparison(self.path, operator, values)  # type: ignore[arg-type]  # which it checks
