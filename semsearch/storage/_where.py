"""A filter as a condition in SQL over the articles of an archive.

Nothing of a filter's text stands in the SQL: its names and values are one JSON array, the statement's only parameter,
of which each is fetched by its place. (SQLite evaluates such a subquery once for a statement.) So the number of SQL
variables does not grow with the filter, and filters of the same shape are the same statement.
"""

from __future__ import annotations

import heapq
import itertools
import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from semsearch.filters import And, Comparison, Exists, Filter, Not, Or, Period, by_kind, day_of, fold, number_of

__all__ = ["Query", "add_functions", "having", "matching"]

_HEAVY = 10


class Query(NamedTuple):
    """A statement that selects rows of articles, its one parameter, and the paths of the metadata that it looks at."""

    sql: str
    constants: str
    metadata: tuple[tuple[str, ...], ...]


def matching(filter_: Filter) -> Query:
    """Return the query for the articles that the filter is for, in no order."""
    writer = _Writer()
    return writer.query(writer.condition(filter_, negated=False).sql)


def having(path: tuple[str, ...]) -> Query:
    """Return the query for one article with this metadata field, be it null or empty."""
    writer = _Writer()
    return writer.query(writer.in_metadata(path, "1") + " LIMIT 1")


def add_functions(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that conditions call. They never raise: SQLite could not say what was wrong."""
    for name, function in (("fold", fold), ("number", number_of), ("day", day_of)):
        connection.create_function(f"semsearch_{name}", 1, function, deterministic=True)


class _Condition(NamedTuple):
    """A condition, how many places of SQLite's parser stack its structure takes, and the word that it is joined by."""

    weight: int
    sql: str
    word: str = ""


class _Writer:
    """Writes the SQL and collects the constants."""

    def __init__(self) -> None:
        self._constants: dict[str, int] = {}
        self._sets: list[str] = []
        self._metadata: dict[tuple[str, ...], None] = {}

    def query(self, condition: str) -> Query:
        """Return the query for the articles that fulfil a condition of this writer's."""
        sets = f"WITH {', '.join(self._sets)} " if self._sets else ""
        return Query(
            f"{sets}SELECT row FROM articles AS a WHERE {condition}",  # noqa: S608
            f"[{', '.join(self._constants)}]",
            tuple(self._metadata),
        )

    def _constant(self, value: object) -> str:
        place = self._constants.setdefault(json.dumps(value, ensure_ascii=False), len(self._constants))
        return f"(SELECT value FROM json_each(?1) WHERE key = {place})"  # noqa: S608

    def condition(self, filter_: Filter, *, negated: bool) -> _Condition:
        """Return the condition that the filter holds, or does not.

        A negation is moved inwards to the comparisons, where NULL can be made false; above them it stays false.
        """
        if isinstance(filter_, Not):
            return self.condition(filter_.part, negated=not negated)
        if isinstance(filter_, And | Or):
            word = "AND" if isinstance(filter_, And) != negated else "OR"
            return _joined(word, [self._light(self.condition(part, negated=negated)) for part in filter_.parts])
        if isinstance(filter_, Comparison):
            condition = self._comparison(filter_)
        elif isinstance(filter_, Exists):
            condition = self._exists(filter_.path)
        else:
            raise ValueError(f"expected a semsearch.Filter, not {filter_!r}")
        return _Condition(0, f"NOT IFNULL({condition}, 0)" if negated else condition)

    def _light(self, condition: _Condition) -> _Condition:
        """Return the condition or, if it is nested deeply, that the row is in a set that is selected beforehand."""
        if condition.weight <= _HEAVY:
            return condition
        name = f"s{len(self._sets)}"
        self._sets.append(f"{name} AS (SELECT row FROM articles AS a WHERE {condition.sql})")  # noqa: S608
        return _Condition(0, f"a.row IN {name}")

    def _exists(self, path: tuple[str, ...]) -> str:
        if path[0] != "metadata":
            return f"a.{path[0]} <> {self._constant('')}"
        missing = "'null:', 'text:', 'array:[]', 'object:{}'"
        return self.in_metadata(path, f"k.type || ':' || IFNULL(k.value, '') NOT IN ({missing})")

    def _comparison(self, comparison: Comparison) -> str:
        column, operator, values = f"a.{comparison.path[0]}", comparison.operator, comparison.values
        if comparison.path[0] == "published":
            return self._days(column, operator, [value for value in values if isinstance(value, Period)])
        if comparison.path[0] != "metadata":
            return self._compare(f"semsearch_fold({column})", operator, map(fold, values))
        of_list, alone = self._element("e", comparison), self._element("k", comparison)
        any_of_list = f"EXISTS (SELECT 1 FROM json_each(k.value) AS e WHERE {of_list})"  # noqa: S608
        return self.in_metadata(comparison.path, f"CASE k.type WHEN 'array' THEN {any_of_list} ELSE {alone} END")

    def in_metadata(self, path: tuple[str, ...], condition: str) -> str:
        """Return that the metadata has something at this path that, as ``k``, fulfils the condition.

        A JSON path would do for most names, but no version of SQLite before 3.45 takes all that JSON can have.
        """
        self._metadata[path] = None
        *outer, last = path[1:]
        tables, conditions, value = [], [], "a.metadata"
        for depth, name in enumerate(outer):
            tables.append(f"json_each({value}) AS k{depth}")
            conditions.append(f"k{depth}.key = {self._constant(name)}")
            # Not a condition: what is no JSON must not even be tried, in whatever order SQLite tests.
            value = f"CASE k{depth}.type WHEN 'object' THEN k{depth}.value ELSE '{{}}' END"
        tables.append(f"json_each({value}) AS k")
        conditions.append(f"k.key = {self._constant(last)}")
        return f"EXISTS (SELECT 1 FROM {', '.join(tables)} WHERE {' AND '.join(conditions)} AND {condition})"  # noqa: S608

    def _element(self, element: str, comparison: Comparison) -> str:
        """Return that one value in the metadata, not a list, fulfils the comparison with one of the values."""
        kind, value = f"{element}.type", f"{element}.value"
        text = f"CASE {kind} WHEN 'text' THEN {value} END"
        texts, truths, numbers, periods = by_kind(comparison.values)
        found = []
        if texts:
            found.append(self._compare(f"semsearch_fold({text})", comparison.operator, map(fold, texts)))
        if truths:
            truth = f"CASE WHEN {kind} IN ('true', 'false') THEN {kind} ELSE semsearch_fold({text}) END"
            found.append(self._compare(truth, comparison.operator, truths))
        if numbers:
            number = f"CASE WHEN {kind} IN ('integer', 'real') THEN {value} ELSE semsearch_number({text}) END"
            found.append(self._compare(number, comparison.operator, numbers))
        if periods:
            found.append(self._days(f"semsearch_day({text})", comparison.operator, periods))
        return f"({' OR '.join(found)})"

    def _compare(self, expression: str, operator: str, values: Iterable[object]) -> str:
        several = list(values)
        if len(several) > 1:
            return f"{expression} IN (SELECT value FROM json_each({self._constant(several)}))"  # noqa: S608
        return f"{expression} {operator} {self._constant(several[0])}"

    def _days(self, day: str, operator: str, periods: Sequence[Period]) -> str:
        """Return that a day is, or is before or after, one of the periods."""
        if len(periods) > 1:
            # By lookup, however many there are: a day is in a month if it begins with it.
            by_length = {length: [p.text for p in periods if len(p.text) == length] for length in (4, 7, 10)}
            within = [
                f"substr({day}, 1, {length}) IN (SELECT value FROM json_each({self._constant(texts)}))"  # noqa: S608
                for length, texts in by_length.items()
                if texts
            ]
            return f"({' OR '.join(within)})"
        (period,) = periods
        if operator == "=":
            return f"{day} BETWEEN {self._constant(period.first)} AND {self._constant(period.last)}"
        return f"{day} {operator} {self._constant(period.first if operator in ('<', '>=') else period.last)}"


def _joined(word: str, parts: Iterable[_Condition]) -> _Condition:
    """Join conditions by twos, the lightest first and the heavier always to the left.

    SQLite takes expressions up to 1,000 deep, so that a chain of as many would be too deep. And its parser has a stack
    of 100 in many versions: what stands to the left takes no place there but for its parentheses, which are left out
    where AND comes before OR anyway.
    """
    order = itertools.count()
    heap = [(part.weight, next(order), part) for part in parts]
    heapq.heapify(heap)
    while len(heap) > 1:
        (_, _, right), (_, _, left) = heapq.heappop(heap), heapq.heappop(heap)
        left = _in_parentheses(left) if (left.word, word) == ("OR", "AND") else left
        # One that is joined by the same word is in parentheses to stay apart: as a chain it would grow deep.
        right = right if not right.word or (right.word, word) == ("AND", "OR") else _in_parentheses(right)
        weight = max(left.weight, right.weight + 2)
        heapq.heappush(heap, (weight, next(order), _Condition(weight, f"{left.sql} {word} {right.sql}", word)))
    return heap[0][-1]


def _in_parentheses(condition: _Condition) -> _Condition:
    return _Condition(condition.weight + 1, f"({condition.sql})")
