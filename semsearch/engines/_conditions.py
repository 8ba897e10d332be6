"""What a filter asks of an article, in a form that engines without our functions can answer.

A comparison is of folded texts, of numbers, of days or of truths, whatever a field holds: :mod:`semsearch.filters` has
the rules. An engine does not know them, so what a field counts as is worked out when an article is put in
(:func:`filter_fields`), and a filter becomes tests of that (:func:`condition_of`): whether a list has one of some
values, and whether its least or greatest value is below or above one. For a list with several values that is all that
"any of its elements" can mean.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from semsearch.filters import (
    And,
    Comparison,
    Exists,
    Filter,
    Not,
    Or,
    Period,
    as_number,
    by_kind,
    day_of,
    fold,
    number_of,
)
from semsearch.records import Article

__all__ = ["Condition", "Group", "Test", "condition_of", "field_key", "filter_fields", "metadata_names"]

Kind = Literal["t", "n", "d", "b"]
"""Folded texts, numbers, days (with the months and years that they are in), truths: ``"true"`` and ``"false"``."""

_TEXT_FIELDS = ("id", "title", "source", "url")
_GREATEST = sys.float_info.max
_NUL, _AFTER_NUL = "\x00", "\x01"


@dataclass(frozen=True, slots=True)
class Test:
    """A test of one field of :func:`filter_fields`; of a field that is not there it fails.

    Attributes:
        key: The field's.
        kind: Which of its values are looked at; None for ``has``.
        operator: ``has``: the field is there. ``any``: the list ``kind`` has one of the values. ``<`` and ``<=``: the
            least value, ``kind + "0"``, is below the one value; ``>`` and ``>=``: the greatest, ``kind + "1"``, above
            it. Texts and days compare by code points.
        values: Texts, or numbers where the kind is ``n``.
        negated: Whether it must fail.
    """

    key: str
    kind: Kind | None
    operator: Literal["has", "any", "<", "<=", ">", ">="]
    values: tuple[str | int | float, ...] = ()
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """All of some conditions, or any: there is at least one."""

    word: Literal["and", "or"]
    parts: tuple[Condition, ...]


Condition = Test | Group


# --- articles ---------------------------------------------------------------------------------------------------


def field_key(path: tuple[str, ...]) -> str:
    """Return the key of a field: its names joined by ``/``, where one in a name is ``~1``, and ``~`` is ``~0``."""
    return "/".join(name.replace("~", "~0").replace("/", "~1") for name in path)


def filter_fields(article: Article) -> dict[str, dict[str, Any]]:
    """Return what an article's fields count as in a comparison; fields that count as missing are not there.

    For each field, by its key, an object with a sorted list for each :data:`Kind` that it has values of, and the least
    and greatest of them: ``{"source": {"t": ["reuters"], "t0": "reuters", "t1": "reuters"}}``; an empty object for a
    field that is there and can be compared with nothing. Days have their months and years in the list, not in the
    least and greatest.

    All of it is JSON that anyone can read: a number is an integer where one of 64 bits can be it, else a float, and
    what is beyond all floats counts as the greatest. NUL, for which no filter can ask, counts as the next character.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in _TEXT_FIELDS:
        text = fold(getattr(article, name))
        if text is not None:
            found[name] = _entry({"t": [text]})
    if article.published is not None:
        found["published"] = _entry({"d": [article.published.isoformat()]})
    for path, value in _fields(("metadata",), article.metadata):
        if value is None or value in ("", [], {}) or any(_NUL in name for name in path):
            continue
        values = value if isinstance(value, list) else [value]
        found[field_key(path)] = _entry(_values(values))
    return found


def metadata_names(article: Article) -> Iterator[tuple[str, ...]]:
    """Yield the path of every metadata field of an article, be it null or empty."""
    return (path for path, _ in _fields(("metadata",), article.metadata))


def _fields(path: tuple[str, ...], value: object) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            as_stored = list(inner) if isinstance(inner, tuple) else inner
            yield (*path, str(name)), as_stored
            yield from _fields((*path, str(name)), inner)


def _values(values: Iterable[object]) -> dict[str, list[Any]]:
    """Return what each of some JSON values counts as, by kind."""
    found: dict[str, list[Any]] = {"t": [], "n": [], "d": [], "b": []}
    for value in values:
        if isinstance(value, bool):
            found["b"].append("true" if value else "false")
        elif isinstance(value, int | float):
            found["n"].append(_number(value))
        elif isinstance(value, str):
            text = fold(value)
            if text is not None:
                found["t"].append(text.replace(_NUL, _AFTER_NUL))
            if text in ("true", "false"):
                found["b"].append(text)
            found["n"] += [_number(number) for number in [number_of(value)] if number is not None]
            found["d"] += [day for day in [day_of(value)] if day is not None]
    return found


def _number(value: float) -> int | float:
    return as_number(max(-_GREATEST, min(value, _GREATEST)))


def _entry(values: dict[str, list[Any]]) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    for kind, some in values.items():
        if some:
            periods = [part for day in some for part in (day[:4], day[:7])] if kind == "d" else []
            entry |= {kind: sorted({*some, *periods}), f"{kind}0": min(some), f"{kind}1": max(some)}
    return entry


# --- filters ----------------------------------------------------------------------------------------------------


def condition_of(filter_: Filter, *, negated: bool = False) -> Condition:
    """Return the tests that an article must pass for a filter to hold for it, or to fail if ``negated``."""
    if isinstance(filter_, Not):
        return condition_of(filter_.part, negated=not negated)
    if isinstance(filter_, And | Or):
        parts = tuple(condition_of(part, negated=negated) for part in filter_.parts)
        return Group("and" if isinstance(filter_, And) != negated else "or", parts)
    if isinstance(filter_, Exists):
        return Test(field_key(filter_.path), None, "has", negated=negated)
    if not isinstance(filter_, Comparison):
        raise ValueError(f"expected a semsearch.Filter, not {filter_!r}")
    tests = tuple(_tests(filter_, negated=negated))
    return tests[0] if len(tests) == 1 else Group("and" if negated else "or", tests)


def _tests(comparison: Comparison, *, negated: bool) -> Iterator[Test]:
    """Yield the tests of which one must be passed, or none if they are negated."""
    key, operator = field_key(comparison.path), comparison.operator
    texts, truths, numbers, periods = by_kind(comparison.values)
    by_kinds: tuple[tuple[Kind, tuple[Any, ...]], ...] = (
        ("t", tuple(fold(text) or "" for text in texts)),
        ("b", tuple(truths)),
        ("n", tuple(numbers)),
    )
    for kind, values in by_kinds:
        if values:
            yield _test(key, kind, operator, values, negated=negated)
    if periods:
        if operator == "=":
            yield Test(key, "d", "any", tuple(period.text for period in periods), negated)
        else:
            yield _test(key, "d", operator, tuple(_limit(period, operator) for period in periods), negated=negated)


def _limit(period: Period, operator: str) -> str:
    return period.first if operator in ("<", ">=") else period.last


def _test(key: str, kind: Kind, operator: str, values: tuple[Any, ...], *, negated: bool) -> Test:
    if operator == "<":
        return Test(key, kind, "<", values, negated)
    if operator == "<=":
        return Test(key, kind, "<=", values, negated)
    if operator == ">":
        return Test(key, kind, ">", values, negated)
    return Test(key, kind, ">=" if operator == ">=" else "any", values, negated)
