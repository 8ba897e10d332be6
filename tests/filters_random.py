"""Random filters and articles that meet often, and what a filter means, in plain Python.

By Python's random numbers, not by hypothesis's strategies, which take a hundred times as long for a whole archive.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import unicodedata
from collections.abc import Iterator
from random import Random
from typing import Any

from semsearch import Article, Filter
from semsearch.filters import And, Comparison, Exists, Not, Or, Period, Value

Path = tuple[str, ...]

TEXTS = [
    *("Politics", "politics", "POLITICS", "Straße", "STRASSE", "Müller", "Mu\u0308ller", "µ", "μ", "İ", "ı", "K", "k"),
    *("ſ", "s", "ﬁ", "fi", "£", "日本", "a'b", 'a"b', "a\\b", "x, y", "%", "'; DROP TABLE articles; --", "?1", "and"),
    *(
        "350",
        "3.5",
        "-1",
        "+7",
        "1e3",
        "007",
        "2024",
        "0999",
        "2024-05",
        "2024-05-17",
        "2024-05-17T10:00",
        "2024-13-99",
        "2024-02-31",
        "2024-02-29x",
        "2024-05\n",
    ),
    *("2024-05-171", "2024-0", "9" * 30, "1e400", "9223372036854775808", "1.", ".5", "٣", "２０２４", "2024-05-17\n"),
    *("true", "False", "null", "[]", "{}", "\n", " ", "(", "text:", "array:[]", "[1, 2]", '{"a": 1}', "\U0001f600"),
]
NUMBERS = [
    *(0, 1, -1, 350, 3.5, -0.0, 7, 999, 1000, 2023, 2024, 2024.0, 2024.5, 9999, 10000, 2**53, 2**53 + 1, float(2**53)),
    *(2**63 - 1, 2**63, 2**64, -(2**63), -(2**63) - 1, 1e300, 1e-300, 0.1, 0.30000000000000004, 10**30, 1e30),
]
DAYS = [
    dt.date(*day) for day in ((2024, 5, 17), (2024, 5, 1), (2024, 5, 31), (2024, 12, 31), (1, 1, 1), (9999, 12, 31))
]
NAMES = [
    "section",
    "Section",
    "title",
    "date",
    "metadata",
    "and",
    "a.b",
    'q"\\u',
    "",
    "naïve",
    " ",
    "x\ny",
    "0",
    "'",
    "é",
]
TEXT_PATHS: list[Path] = [("id",), ("title",), ("source",), ("url",)]


def random_articles(random: Random) -> list[Article]:
    return [random_article(random, number) for number in range(random.randrange(7))]


def random_article(random: Random, number: int) -> Article:
    return Article(
        id=f"{random.choice(TEXTS)}{number}",
        text="Text.",
        title=random.choice(["", *TEXTS]),
        published=random.choice([None, random_day(random)]),
        source=random.choice([None, "", *TEXTS]),
        url=random.choice([None, *TEXTS]),
        metadata={random.choice(NAMES): random_json(random, 3) for _ in range(random.randrange(6))},
    )


def random_day(random: Random) -> dt.date:
    return random.choice(
        [*DAYS, dt.date(random.randrange(2023, 2026), random.randrange(1, 13), random.randrange(1, 29))]
    )


def random_json(random: Random, depth: int) -> Any:
    kind = random.randrange(12)
    if kind < 2 and depth:
        return [random_json(random, depth - 1) for _ in range(random.randrange(4))]
    if kind < 4 and depth:
        return {random.choice(NAMES): random_json(random, depth - 1) for _ in range(random.randrange(4))}
    if kind == 4:
        return random.choice([None, "", [], {}, 10**400, -(10**400)])
    return str(random_day(random)) if kind == 5 else random_scalar(random)


def random_scalar(random: Random) -> str | int | float | bool:
    scalars: list[str | int | float | bool] = [random.choice(TEXTS), random.choice(NUMBERS), random.random() * 10**9]
    return random.choice([*scalars, random.random() < 0.5])


def random_filter(random: Random, articles: list[Article], depth: int = 4) -> Filter:
    """A filter of any shape that is mostly about what these articles have."""
    kind = random.randrange(8)
    if not depth or kind < 4:
        return random_leaf(random, articles)
    if kind == 4:
        return Not(random_filter(random, articles, depth - 1))
    parts = tuple(random_filter(random, articles, depth - 1) for _ in range(random.randrange(2, 5)))
    return And(parts) if kind < 6 else Or(parts)


def random_leaf(random: Random, articles: list[Article]) -> Filter:
    found = [entry for article in articles for entry in entries(("metadata",), article.metadata)]
    path, value = random.choice(found) if found else (("metadata", "nothing"), None)
    kind = random.randrange(8)
    operator = random.choice(["=", "=", "=", "<", "<=", ">", ">="])
    count = random.randrange(1, 5) if operator == "=" else 1
    if kind == 0:
        return Exists(random.choice([path, path, random.choice(TEXT_PATHS), ("published",)]))
    if kind == 1:
        return Comparison(("published",), operator, tuple(random_period(random) for _ in range(count)))
    if kind == 2:
        own = [getattr(article, name) or "x" for article in articles for name in ("id", "title", "source", "url")]
        values = tuple(random.choice(random.choice([own or TEXTS, TEXTS])) for _ in range(count))
        return Comparison(random.choice(TEXT_PATHS), operator, values)
    near = [value] if isinstance(value, str | int | float) and value != "" and number_of(value) != math.inf else []
    near = [] if number_of(value) == -math.inf else near
    pool = [random_scalar(random), random_scalar(random), random_period(random), *near, *near, *near]
    if operator != "=":
        pool = [one for one in pool if not isinstance(one, bool)]
    return Comparison(path, operator, tuple(random.choice(pool) for _ in range(count)))


def random_period(random: Random) -> Period:
    return Period(random_day(random).isoformat()[: random.choice([4, 7, 10])])


def entries(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    """The fields of an object with their values, of a list each of its elements; and those of the objects in it."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        for one in inner if isinstance(inner, list) and inner else [inner]:
            yield (*path, name), one
        yield from entries((*path, name), inner)


# --- what a filter means ----------------------------------------------------------------------------------------


def matches(filter_: Filter, article: Article) -> bool:
    if isinstance(filter_, Not):
        return not matches(filter_.part, article)
    if isinstance(filter_, And):
        return all(matches(part, article) for part in filter_.parts)
    if isinstance(filter_, Or):
        return any(matches(part, article) for part in filter_.parts)
    assert isinstance(filter_, Comparison | Exists)
    value = at_path(filter_.path, article)
    if isinstance(filter_, Exists):
        return value not in (None, "", [], {})
    of_list = value if isinstance(value, list) else [value]
    return any(holds(one, filter_.operator, wanted) for one in of_list for wanted in filter_.values)


def at_path(path: Path, article: Article) -> Any:
    if path[0] != "metadata":
        return getattr(article, path[0])
    value: Any = article.metadata
    for name in path[1:]:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def holds(value: Any, operator: str, wanted: Value) -> bool:
    if isinstance(wanted, bool):
        return isinstance(value, bool | str) and caseless(str(value)) == str(wanted).lower()
    if isinstance(wanted, str):
        return isinstance(value, str) and value != "" and ordered(caseless(value), operator, caseless(wanted))
    if isinstance(wanted, Period):
        return in_period(value, operator, wanted)
    number = number_of(value)
    if number is not None:
        return ordered(number, operator, wanted)
    return isinstance(wanted, int) and 1000 <= wanted <= 9999 and in_period(value, operator, Period(f"{wanted}"))


def in_period(value: Any, operator: str, period: Period) -> bool:
    if isinstance(value, dt.date):
        value = value.isoformat()
    found = re.match(r"(\d{4}-\d{2})(-\d{2}(?!\d))?", value, re.ASCII) if isinstance(value, str) else None
    if not found or (found[2] is None and found[0] != value):
        return False
    day = found[0] if found[2] else f"{found[0]}-01"
    try:
        dt.date.fromisoformat(day)
    except ValueError:
        return False
    if operator == "=":
        return period.first <= day <= period.last
    return ordered(day, operator, period.first if operator in {"<", ">="} else period.last)


def number_of(value: Any) -> int | float | None:
    if isinstance(value, str):
        if re.fullmatch(r"[+-]?\d+", value, re.ASCII):
            value = int(value)
        elif re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", value, re.ASCII):
            return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value) if -(10**308) < value < 10**308 else math.inf if value > 0 else -math.inf
    return value


def caseless(text: str) -> str:
    return unicodedata.normalize("NFC", text.casefold())


def ordered(left: Any, operator: str, right: Any) -> bool:
    return bool(
        {"=": left == right, "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator]
    )
