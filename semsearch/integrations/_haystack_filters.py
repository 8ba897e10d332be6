"""Haystack's filters over an archive.

What Haystack's filters mean is what its own ``document_matches_filter`` says: texts compare with regard to case,
numbers are not texts that read as numbers, and so on. No filter of ours says the same to the letter. So a filter
becomes two things: one of ours that leaves out no article that matches (:func:`wider`), by which the index is narrowed
down before it is searched, and Haystack's function, which has the last word on what was found (:func:`matches`).
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from haystack.dataclasses import Document
from haystack.errors import FilterError
from haystack.utils.filters import document_matches_filter

from semsearch.filters import And, Comparison, Exists, Field, Filter, Not, Or, Value
from semsearch.integrations._passages import article_path

__all__ = ["matches", "renamed", "wider"]

_EVERYTHING: Filter = Exists(("id",))
_NOTHING: Filter = Not(_EVERYTHING)
_LOGICAL = ("AND", "OR", "NOT")
_ORDERED = ("<", "<=", ">", ">=")
_EQUAL = ("==", "!=", "in", "not in")
_SPARE_DAYS = 40
"""A text is read as a date by Haystack in more ways than by us: '2024-05' is in that month, and offsets shift days."""
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ALIASES = {"date": "published", "id": "article_id"}
_Path = tuple[str, ...]


def matches(filters: dict[str, Any], document: Document) -> bool:
    """Return whether a document is one that the filters are for; one that they cannot be compared with is not."""
    try:
        return document_matches_filter(filters, document)
    except (FilterError, TypeError):
        return False


def renamed(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filters with the fields called as the documents' metadata has them: ``meta.date`` is published.

    Raises:
        FilterError: If they are no filters, or are over what is not the article's.
    """
    if not isinstance(filters, Mapping):
        raise FilterError(f"filters must be a dictionary, not {filters!r}")
    if "field" in filters:
        _check_comparison(filters)
        name = _meta_name(filters["field"])
        return {**filters, "field": f"meta.{_ALIASES.get(name, name)}"}
    for key in ("operator", "conditions"):
        if key not in filters:
            raise FilterError(f"'{key}' key missing in {filters}")
    if filters["operator"] not in _LOGICAL:
        raise FilterError(f"Unknown logical operator '{filters['operator']}': write one of {', '.join(_LOGICAL)}")
    if not isinstance(filters["conditions"], list):
        raise FilterError(f"'conditions' must be a list in {filters}")
    return {**filters, "conditions": [renamed(one) for one in filters["conditions"]]}


def wider(filters: Mapping[str, Any]) -> Filter:
    """Return a filter for all articles that match, and for as few others as our filters can tell apart.

    Raises:
        FilterError: If no filter of ours can be made of it: one value is not text, say, or there are too many.
    """
    try:
        return _wider(filters, negated=False)
    except ValueError as error:
        raise FilterError(str(error)) from None


def _meta_name(field: object) -> str:
    """Return the name in the metadata of a field: ``meta.section`` and ``section`` are the same."""
    if not isinstance(field, str) or not field:
        raise FilterError(f"'field' must be the name of a field, not {field!r}")
    root, _, name = field.partition(".")
    if not name and root in ("id", "content", "blob", "meta", "score", "embedding", "sparse_embedding"):
        raise FilterError(f"a filter chooses articles by their metadata, not passages by {field}: write meta.NAME")
    if name and root != "meta":
        raise FilterError(f"a document has no {field}: is meta.{field} meant?")
    name = name or root
    try:
        article_path(name)
    except ValueError as error:
        raise FilterError(str(error)) from None
    return name


def _check_comparison(condition: Mapping[str, Any]) -> None:
    """Raise FilterError for what Haystack refuses whatever it is compared with."""
    for key in ("operator", "value"):
        if key not in condition:
            raise FilterError(f"'{key}' key missing in {condition}")
    operator, value = condition["operator"], condition["value"]
    if operator not in (*_EQUAL, *_ORDERED):
        raise FilterError(f"Unknown comparison operator '{operator}': write one of {', '.join((*_EQUAL, *_ORDERED))}")
    if operator in ("in", "not in") and not isinstance(value, list):
        raise FilterError(f"'{operator}' takes a list as its value, not {value!r}")
    if operator in _ORDERED:
        if value is not None and not isinstance(value, str | int | float | dt.datetime):
            raise FilterError(f"'{operator}' takes a number, a datetime or a text that is a date, not {value!r}")
        if isinstance(value, str):
            _moment(value)


def _wider(filters: Mapping[str, Any], *, negated: bool) -> Filter:
    if "field" in filters:
        path = article_path(_meta_name(filters["field"]))
        return _compared(path, filters["operator"], filters["value"], negated=negated)
    operator = filters["operator"]
    negated = negated != (operator == "NOT")
    parts = tuple(_wider(one, negated=negated) for one in filters["conditions"])
    is_and = (operator != "OR") != negated
    if len(parts) < 2:
        return parts[0] if parts else _EVERYTHING if is_and else _NOTHING
    return And(parts) if is_and else Or(parts)


def _compared(path: _Path, operator: str, value: Any, *, negated: bool) -> Filter:
    if operator in _ORDERED:
        return _ordered(path, operator, value, negated=negated)
    if (operator in ("!=", "not in")) != negated:
        # What is not equal may still be so to us, who know no case.
        return Field(path).exists() if operator in ("==", "!=") and value is None and len(path) < 3 else _any(path)
    several = value if operator in ("in", "not in") else [value]
    parts = [part for each in several if (part := _equal(path, each)) is not None]
    texts = tuple(each for each in several if isinstance(each, str) and each)
    if texts and path != ("published",):
        parts.append(Comparison(path, "=", texts))  # all at once: there may be hundreds
    parts = [*dict.fromkeys(parts)]
    if len(parts) < 2:
        return parts[0] if parts else _none(path)
    return Or(tuple(parts))


def _any(path: _Path) -> Filter:
    """Return a filter for all articles that names the field: so one that no article has is told, not ignored."""
    return Or((Exists(path), Not(Exists(path)))) if path[0] == "metadata" else _EVERYTHING


def _none(path: _Path) -> Filter:
    """Return a filter for no article that names the field."""
    return And((Exists(path), Not(Exists(path)))) if path[0] == "metadata" else _NOTHING


def _equal(path: _Path, value: Any) -> Filter | None:
    """Return a filter for the articles in which the field is a value, but as the same text, and perhaps for others."""
    if value is None or value in ("", [], {}):
        return Not(Exists(path))
    if isinstance(value, bool | int | float):
        return _equal_number(path, value)
    if isinstance(value, str | dt.datetime):
        return _same_day(path, value)
    return Exists(path) if isinstance(value, list | dict) else _any(path)


def _equal_number(path: _Path, value: float) -> Filter:
    if path[0] != "metadata":
        return _none(path)
    if not _finite(value):
        return _any(path)
    values: list[Value] = [value + 0]  # of True the number
    if value in (0, 1):
        values.append(bool(value))
    return Comparison(path, "=", tuple(values))


def _same_day(path: _Path, value: str | dt.datetime) -> Filter | None:
    moment = value if isinstance(value, dt.datetime) else _iso_moment(value)
    if moment is None:
        return None
    if path[0] not in ("metadata", "published"):
        return Exists(path)  # a title may be a date
    spare = 0 if path == ("published",) else _SPARE_DAYS
    first, last = _day(moment, -spare), _day(moment, spare)
    return And((Comparison(path, ">=", (first,)), Comparison(path, "<=", (last,))))


def _ordered(path: _Path, operator: str, value: Any, *, negated: bool) -> Filter:
    if value is None:
        return _any(path) if negated else _none(path)
    if not isinstance(value, str | dt.datetime):
        return _any(path) if negated else _ordered_numbers(path, operator, value)
    moment = _moment(value) if isinstance(value, str) else value
    if path == ("published",):
        # At midnight: who is later than a moment of a day is of a later day, and who is not may be of that day too.
        day = Field(path).__gt__ if operator in (">", ">=") else Field(path).__lt__
        if negated:
            return Not(day(_day(moment, 0)))
        return Comparison(path, ">=" if operator in (">", ">=") else "<=", (_day(moment, 0),))
    if negated:
        return _any(path)
    if path[0] != "metadata":
        return Exists(path)  # a title may be a date
    if operator in (">", ">="):
        return And((Exists(path), Not(Comparison(path, "<", (_day(moment, -_SPARE_DAYS),)))))
    return And((Exists(path), Not(Comparison(path, ">", (_day(moment, _SPARE_DAYS),)))))


def _ordered_numbers(path: _Path, operator: str, value: float) -> Filter:
    if path[0] != "metadata":
        return _none(path)
    if not _finite(value):
        return _any(path)
    truths = Comparison(path, "=", (True, False))  # which are numbers to Python
    # Also what is equal: numbers beyond 64 bits are kept as the nearest that there is.
    return Or((Comparison(path, ">=" if operator in (">", ">=") else "<=", (value + 0,)), truths))


def _finite(value: float) -> bool:
    """Return whether a number is one that our filters can state."""
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond what a float holds
        return False


def _day(moment: dt.datetime, days: int) -> Any:
    """Return a day, so many after that of a moment, as far as there are days."""
    try:
        return moment.date() + dt.timedelta(days=days)
    except OverflowError:
        return dt.date.min if days < 0 else dt.date.max


def _iso_moment(text: str) -> dt.datetime | None:
    """Return the moment that a text in ISO 8601 is, or None."""
    return _parsed(dt.datetime.fromisoformat, text) or _parsed(_isoparse, text)


def _moment(text: str) -> dt.datetime:
    """Return the moment that a text is, as Haystack reads one in a comparison.

    Raises:
        FilterError: If it is not a date in ISO 8601. Haystack would take others too, and fill them from today's.
    """
    found = _parsed(dt.datetime.fromisoformat, text) or _parsed(_dateutil, text)
    if found is None or not _DATE.match(text):
        raise FilterError(f"{text!r} is not a date in ISO 8601 (2024-05-17): no other text is compared by < <= > >=")
    return found


def _parsed(read: Callable[[str], dt.datetime], text: str) -> dt.datetime | None:
    try:
        return read(text)
    except (ValueError, OverflowError):
        return None


def _isoparse(text: str) -> dt.datetime:
    from dateutil.parser import isoparse

    return isoparse(text)


def _dateutil(text: str) -> dt.datetime:
    from dateutil.parser import parse

    return parse(text)
