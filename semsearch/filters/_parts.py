"""What a filter is: comparisons of fields, combined by and, or and not."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass
from typing import NoReturn

from semsearch.filters._names import PUBLISHED, check_path, check_text, field_name, quoted
from semsearch.filters._values import DATES, Period, Value, as_number

__all__ = ["MAX_NESTING", "And", "Comparison", "Exists", "Filter", "Not", "Or", "check_value"]

MAX_NESTING = 50
_MAX_VALUES = 1000
_ORDERED = ("<", "<=", ">", ">=")


class Filter:
    """Which articles to consider. Make one with :func:`parse_filter` or :func:`field`; combine with ``&  |  ~``.

    Filters are immutable and hashable; ``str()`` gives the text that :func:`parse_filter` reads back to an equal one.
    The package's documentation says what a comparison means.

    Raises:
        ValueError: If a filter would be nested more than 50 levels deep, or have more than 1,000 values.
    """

    __slots__ = ()

    def __and__(self, other: Filter) -> Filter:
        return And((self, other))

    def __or__(self, other: Filter) -> Filter:
        return Or((self, other))

    def __invert__(self) -> Filter:
        return Not(self)

    def __bool__(self) -> NoReturn:
        # 'a and b' would be b alone, and '1 < field("x") < 5' its second half.
        raise TypeError(
            "a filter is neither true nor false: combine filters with & | ~, and ask 'is None' where there may be none"
        )


@dataclass(frozen=True, slots=True)
class Comparison(Filter):
    """A field's value stands in ``operator`` to a value; ``=`` to any of several is ``in``.

    ``path`` is ``("source",)``, ``("published",)`` and so on, or ``("metadata", name, ...)``.
    """

    path: tuple[str, ...]
    operator: str
    values: tuple[Value, ...]
    _kinds: tuple[str, ...] = dataclasses.field(init=False, repr=False)  # True == 1, but not in a filter

    def __post_init__(self) -> None:
        check_path(self.path)
        if self.operator not in ("=", *_ORDERED):
            raise ValueError(f"unknown operator {self.operator!r}, expected one of {' '.join(('=', *_ORDERED))}")
        if not self.values:
            raise ValueError(f"{field_name(self.path)} is compared with no value: name at least one")
        if len(self.values) > 1 and self.operator != "=":
            raise ValueError(f"{self.operator} takes one value, not {len(self.values)}")
        checked = [check_value(self.path, value) for value in self.values]
        distinct = dict.fromkeys((_kind(value), value) for value in checked)
        if self.operator != "=" and isinstance(checked[0], bool):
            raise ValueError("true and false are compared with = and != only")
        object.__setattr__(self, "values", tuple(value for _, value in distinct))
        object.__setattr__(self, "_kinds", tuple(kind for kind, _ in distinct))
        _check_size(self)

    def __str__(self) -> str:
        values = ", ".join(map(_written, self.values))
        name = field_name(self.path)
        return f"{name} {self.operator} {values}" if len(self.values) == 1 else f"{name} in ({values})"


@dataclass(frozen=True, slots=True)
class Exists(Filter):
    """The article has a value in this field."""

    path: tuple[str, ...]

    def __post_init__(self) -> None:
        check_path(self.path)

    def __str__(self) -> str:
        return f"has {field_name(self.path)}"


@dataclass(frozen=True, slots=True)
class Not(Filter):
    """The filter does not hold."""

    part: Filter

    def __post_init__(self) -> None:
        _check_parts((self.part,), 1)
        _check_size(self)

    def __str__(self) -> str:
        return f"not ({self.part})" if isinstance(self.part, And | Or) else f"not {self.part}"

    def __invert__(self) -> Filter:
        return self.part


@dataclass(frozen=True, slots=True)
class And(Filter):
    """All of the filters hold. One ``And`` among them is taken apart: it means the same."""

    parts: tuple[Filter, ...]

    def __post_init__(self) -> None:
        _check_parts(self.parts, 2)
        object.__setattr__(
            self, "parts", tuple(p for part in self.parts for p in (part.parts if isinstance(part, And) else (part,)))
        )
        _check_size(self)

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or(Filter):
    """One or more of the filters hold. One ``Or`` among them is taken apart: it means the same."""

    parts: tuple[Filter, ...]

    def __post_init__(self) -> None:
        _check_parts(self.parts, 2)
        object.__setattr__(
            self, "parts", tuple(p for part in self.parts for p in (part.parts if isinstance(part, Or) else (part,)))
        )
        _check_size(self)

    def __str__(self) -> str:
        return " or ".join(map(str, self.parts))


def check_value(path: tuple[str, ...], value: object) -> Value:
    """Return the value as it is kept, if this field can be compared with it."""
    if isinstance(value, str | Period) and path == PUBLISHED:
        return Period(str(value).strip())
    if isinstance(value, dt.date):
        value = Period(value.isoformat()[:10])  # a datetime is reduced to its date, as an article's is
    if path == PUBLISHED and isinstance(value, int) and not isinstance(value, bool):
        return Period(f"{value:04}")
    if isinstance(value, str):
        if not value:
            raise ValueError(f"an empty text matches nothing: 'not has {field_name(path)}' asks for what is missing")
        check_text(value, "a value")
        return value
    if path[0] == "metadata":
        return _check_metadata_value(value)
    if path == PUBLISHED and isinstance(value, Period):
        return value
    expected = f"a date ({DATES})" if path == PUBLISHED else "text"
    raise ValueError(f"{path[0]} is compared with {expected}, not with {_described(value)}")


def _check_metadata_value(value: object) -> Value:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return as_number(value)
    if isinstance(value, Period):
        # A year is written as a number is, and compared with numbers too.
        return int(value.text) if len(value.text) == 4 else value
    raise ValueError(
        f"a metadata field is compared with text, a number, True, False or a date, not with {_described(value)}"
    )


def _described(value: object) -> str:
    if value is None:
        return "None: use .exists()"
    if isinstance(value, list | tuple | set | frozenset):
        return f"a {type(value).__name__}: use .isin()"
    return f"the date {value}" if isinstance(value, Period) else repr(value)


def _kind(value: Value) -> str:
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def _check_parts(parts: object, least: int) -> None:
    if not isinstance(parts, tuple) or len(parts) < least or not all(isinstance(part, Filter) for part in parts):
        raise ValueError(f"expected {least} or more filters, not {parts!r}")


def _check_size(filter_: Filter) -> None:
    nesting, values = _size(filter_)
    if nesting > MAX_NESTING:
        raise ValueError(f"the filter is nested too deeply: {MAX_NESTING} levels of parentheses and 'not' are allowed")
    if values > _MAX_VALUES:
        raise ValueError(f"the filter has too many values: {values:,}, and {_MAX_VALUES:,} are allowed")


def _size(filter_: Filter) -> tuple[int, int]:
    """Return how deep the filter's text is nested, and how many values it has; 'has' counts as one."""
    if isinstance(filter_, Comparison):
        return 0, len(filter_.values)
    if isinstance(filter_, Not):
        nesting, values = _size(filter_.part)
        return nesting + 1 + isinstance(filter_.part, And | Or), values
    if isinstance(filter_, And | Or):
        in_and = isinstance(filter_, And)
        sizes = [_size(part) for part in filter_.parts]
        nestings = [n + (in_and and isinstance(p, Or)) for (n, _), p in zip(sizes, filter_.parts, strict=True)]
        return max(nestings), sum(values for _, values in sizes)
    return 0, 1


def _written(value: Value) -> str:
    if isinstance(value, str):
        return quoted(value)
    return repr(value).lower() if isinstance(value, bool | int | float) else str(value)
