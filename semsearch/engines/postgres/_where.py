"""What may be found, as SQL: texts of conditions that hold no value, and the values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from semsearch.analysis import Analyzer
from semsearch.engines import Where
from semsearch.engines._conditions import Condition, Group, Test, condition_of, filter_fields
from semsearch.engines.postgres._connection import Rows
from semsearch.records import Article

__all__ = ["Sql", "both", "facts_json", "holds", "of_articles", "phrase_tests", "spaced", "within"]

_SEVERAL = 16  # values up to which each is looked up in the index of facts
_LONGEST_WORD = 60  # letters; of a longer one there is a hash, as an entry of an index is at most 2,700 bytes
_PART = "\n"  # stands between two parts of a text: no phrase goes across


class Sql(NamedTuple):
    """A condition, and the values of its parameters in their order."""

    text: str
    values: tuple[Any, ...] = ()


_TRUE, _FALSE = Sql("TRUE"), Sql("FALSE")


def both(parts: Sequence[Sql], word: str = " AND ") -> Sql:
    """Join conditions."""
    if len(parts) == 1:
        return parts[0]
    return Sql(f"({word.join(part.text for part in parts)})", tuple(value for part in parts for value in part.values))


# --- articles by their fields -----------------------------------------------------------------------------------


def facts_json(article: Article) -> str:
    """Return what an article's fields count as, in the form that :func:`holds` asks for, as JSON.

    Numbers in lists are texts, so that all lists are looked through alike; each number is written in decimal, exactly.
    """
    fields = ((_told(key), _entry(entry)) for key, entry in filter_fields(article).items())
    return "{" + ", ".join(f"{json.dumps(key)}: {entry}" for key, entry in fields) + "}"


def _entry(entry: Mapping[str, Any]) -> str:
    parts = []
    for name, value in entry.items():
        if isinstance(value, list):
            written = json.dumps([_value(name, one) for one in value])
        else:
            written = _decimal(value) if name[0] == "n" else json.dumps(_told(value))
        parts.append(f"{json.dumps(name)}: {written}")
    return "{" + ", ".join(parts) + "}"


def _value(kind: str, value: Any) -> str:
    return _decimal(value) if kind == "n" else _told(value)


def _decimal(number: float) -> str:
    """Write a number with all of its digits."""
    return str(int(number)) if int(number) == number else format(Decimal(number), "f")


def _told(text: str) -> str:
    """Return a text as PostgreSQL can hold it in JSON: with a sign in the place of halves of surrogate pairs."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def holds(condition: Condition) -> Sql:
    """Return a condition of articles as one of ``f.fields``, where ``f`` is the table of facts."""
    if isinstance(condition, Group):
        return both([holds(part) for part in condition.parts], f" {condition.word.upper()} ")
    test = _test(condition)
    return Sql(f"NOT coalesce({test.text}, FALSE)", test.values) if condition.negated else test


def _test(test: Test) -> Sql:
    key = _told(test.key)
    if test.operator == "has":
        return Sql("f.fields ? %s", (key,))
    kind = str(test.kind)
    if test.operator == "any":
        wanted = [_value(kind, value) for value in test.values]
        if len(wanted) > _SEVERAL:
            return Sql("(f.fields -> %s::text -> %s::text) ?| %s::text[]", (key, kind, wanted))
        lists = [Sql("f.fields @> %s::jsonb", (json.dumps({key: {kind: [value]}}),)) for value in wanted]
        return both(lists, " OR ")
    path = [key, kind + ("0" if test.operator in ("<", "<=") else "1")]
    value = _value(kind, test.values[0])
    if key == "published" and kind == "d":  # it is asked for most: it has a column, and an index
        return Sql(f"f.published {test.operator} %s", (value,))
    if kind == "n":
        return Sql(f"(f.fields #>> %s::text[])::numeric {test.operator} %s::numeric", (path, value))
    return Sql(f'(f.fields #>> %s::text[]) COLLATE "C" {test.operator} %s::text', (path, value))


# --- passages by their words ------------------------------------------------------------------------------------


def spaced(analyzer: Analyzer, parts: Sequence[str]) -> str:
    """Return the words of the parts of a text as they stand, with a space around each."""
    words: list[str] = []
    for part in parts:
        words += [_PART, *map(_short, analyzer.words(part))]
    return f" {' '.join(words)} {_PART} "


def _short(word: str) -> str:
    if len(word) <= _LONGEST_WORD:
        return word
    return "\r" + hashlib.blake2b(word.encode(), digest_size=16).hexdigest()


def phrase_tests(phrases: Sequence[str], analyzer: Analyzer) -> list[Sql]:
    """Return the conditions of ``t.words``, where ``t`` is the table of texts, that hold where each phrase stands."""
    tests = []
    for phrase in phrases:
        words = [_short(word) for word in analyzer.words(phrase)]
        if not words:
            return [_FALSE]
        tests.append(
            Sql(
                "(string_to_array(t.words, ' ') @> %s::text[] AND strpos(t.words, %s) > 0)",
                (sorted(set(words)), f" {' '.join(words)} "),
            )
        )
    return tests


# --- all of it --------------------------------------------------------------------------------------------------


def of_articles(where: Where, column: str, *, fields: bool = False) -> list[Sql]:
    """Return what ``where`` asks of articles, as conditions of the column that has their rows.

    With ``fields`` the filter is among them, for the table of facts.
    """
    tests = []
    if where.articles is not None:
        tests.append(Sql(f"{column} = ANY(%s::bigint[])", (Rows(where.articles),)))
    if where.without:
        tests.append(Sql(f"{column} <> ALL(%s::bigint[])", (Rows(where.without),)))
    if fields and where.filter is not None:
        tests.append(holds(condition_of(where.filter)))
    return tests


def within(where: Where | None, analyzer: Analyzer, *, row: str, article: str, one_by_one: bool = False) -> Sql:
    """Return what ``where`` asks of passages, as a condition of the columns that have their rows and their articles'.

    Args:
        where: What may be found; None for everything.
        analyzer: What makes words of phrases.
        row: The column of the passages' rows.
        article: That of their articles'.
        one_by_one: Whether it is looked at for a few passages, of which each is then looked up by itself.
    """
    if where is None:
        return _TRUE
    tests = of_articles(where, article)
    if where.filter is not None:
        tests.append(_among(holds(condition_of(where.filter)), "$.facts f", "f.row", article, one_by_one=one_by_one))
    if where.phrases:
        tests.append(
            _among(both(phrase_tests(where.phrases, analyzer)), "$.texts t", "t.row", row, one_by_one=one_by_one)
        )
    return both(tests) if tests else _TRUE


def _among(test: Sql, table: str, key: str, column: str, *, one_by_one: bool) -> Sql:
    if one_by_one:  # a subquery of one value is never made a join of
        text = "coalesce((SELECT TEST FROM TABLE WHERE KEY = COLUMN), FALSE)"
    else:
        text = "COLUMN IN (SELECT KEY FROM TABLE WHERE TEST)"
    for name, part in {"TABLE": table, "KEY": key, "COLUMN": column, "TEST": test.text}.items():
        text = text.replace(name, part)
    return Sql(text, test.values)
