"""Which passages may be found, as an expression of Milvus.

What an article's fields count as stands in its passages: days and folded sources in columns of their own, as they are
asked for most and columns are looked at in a tenth of the time, and everything in a JSON field. There all values are
texts in the order of what they stand for. Milvus compares texts by their bytes, which is the order of code points; of
numbers it takes some for equal that are not, and reads others as nothing.
"""

from __future__ import annotations

import hashlib
import math
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from semsearch.engines._conditions import Condition, Group, Test, condition_of, filter_fields
from semsearch.filters import Filter
from semsearch.records import Article

__all__ = [
    "LONGEST",
    "day_number",
    "expression_of",
    "fields_of",
    "joined",
    "key_code",
    "literal",
    "number_code",
    "one_of",
    "source_of",
    "text_code",
]

LONGEST = 256
"""Characters of a text that are kept for comparisons; of a longer one the first of these, and a hash of it all."""

_CUT = "\U0010ffff"  # after what is kept of a longer text
_LONGEST_KEY = 100
_UNSAFE = re.compile(r"[^A-Za-z0-9]")
_KINDS = ("t", "n", "d", "b")
_NOTHING, _EVERYTHING = "row < 0", "row >= 0"
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


# --- what is kept of an article -----------------------------------------------------------------------------------


def fields_of(article: Article) -> dict[str, dict[str, Any]]:
    """Return what the JSON field of an article's passages has: for each field, by :func:`key_code`, its values.

    They are those of :func:`~semsearch.engines._conditions.filter_fields`, as texts.
    """
    found: dict[str, dict[str, Any]] = {}
    for key, entry in filter_fields(article).items():
        if key == "published":
            continue
        own: dict[str, Any] = {}
        for kind in _KINDS:
            if kind in entry:
                own[kind] = [_code(kind, value) for value in entry[kind]]
                own |= {name: _code(kind, entry[name]) for name in (f"{kind}0", f"{kind}1")}
        found[key_code(key)] = own or {"e": "1"}
    return found


def source_of(article: Article) -> str:
    """Return the folded source as it stands in its column; empty where there is none."""
    entry: Mapping[str, Any] = filter_fields(article).get("source", {})
    return text_code(entry["t0"]) if "t0" in entry else ""


def day_number(day: str | None) -> int:
    """Return a day, in ISO 8601, as it stands in its column: 20240517; 0 for none."""
    return 0 if day is None else int(day.replace("-", ""))


def _code(kind: str, value: Any) -> str:
    if kind == "n":
        return number_code(value)
    return text_code(value) if kind == "t" else str(value)


def text_code(text: str) -> str:
    """Return a text as it is compared: in the order of code points, but for what two have beyond :data:`LONGEST`."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}{_CUT}{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"


def number_code(number: float) -> str:
    """Return a number as a text: in the order of numbers, of which none is rounded."""
    if isinstance(number, int) and not -(2**63) <= number < 2**63:
        try:
            number = float(number)
        except OverflowError:
            number = math.inf if number > 0 else -math.inf
    near = float(number)
    if near > number:
        near = math.nextafter(near, -math.inf)
    rest = number - int(near) if isinstance(number, int) else 0
    (bits,) = struct.unpack(">Q", struct.pack(">d", near + 0.0))  # -0.0 + 0.0 == 0.0
    ordered = bits ^ (2**64 - 1 if bits >> 63 else 1 << 63)
    return f"{ordered:016x}" + (f"{rest:03x}" if rest else "")


def key_code(key: str) -> str:
    """Return a field's key of letters, digits and underscores, which mean nothing anywhere."""
    code = _UNSAFE.sub(lambda found: f"_{ord(found[0]):x}_", key)
    if len(code) <= _LONGEST_KEY:
        return code
    return f"{code[:_LONGEST_KEY]}_{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"


# --- expressions --------------------------------------------------------------------------------------------------


def literal(text: str) -> str:
    """Return a text as it stands in an expression."""
    return f'"{text.translate(_ESCAPES)}"'


def one_of(column: str, numbers: Iterable[int]) -> str:
    """Return the expression for a column that has one of some numbers."""
    listed = ", ".join(map(str, numbers))
    return f"{column} in [{listed}]" if listed else _NOTHING


def joined(word: str, parts: Sequence[str]) -> str:
    """Join expressions by twos: the server's parser goes as deep as a chain is long."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return f"({joined(word, parts[:middle])} {word} {joined(word, parts[middle:])})"


def expression_of(filter_: Filter) -> str:
    """Return the expression that holds for the passages of the articles that a filter is for.

    Raises:
        ValueError: If it compares the order of a text that is longer than what is kept of texts.
    """
    return _of_condition(condition_of(filter_))


def _of_condition(condition: Condition) -> str:
    if isinstance(condition, Group):
        return joined(condition.word, [_of_condition(part) for part in condition.parts])
    if condition.key == "published":
        return _negated(_of_day(condition), condition)
    if condition.key == "source" and condition.operator in ("has", "any"):
        return _negated(_of_source(condition), condition)
    return _of_field(condition)


def _negated(expression: str, test: Test) -> str:
    return f"(not ({expression}))" if test.negated else f"({expression})"


def _of_source(test: Test) -> str:
    if test.operator == "has":
        return 'source != ""'
    values = [literal(text_code(str(value))) for value in test.values if value] if test.kind == "t" else []
    return f"source in [{', '.join(values)}]" if values else _NOTHING


def _of_day(test: Test) -> str:
    if test.operator == "has":
        return "published > 0"
    if test.kind != "d":
        return _NOTHING
    if test.operator == "any":
        return joined("or", [_in_period(str(value)) for value in test.values])
    return f"published > 0 and published {test.operator} {day_number(str(test.values[0]))}"


def _in_period(period: str) -> str:
    number, days = day_number(period), {4: 10_000, 7: 100}.get(len(period), 1)
    return f"(published >= {number * days} and published < {(number + 1) * days})"


def _of_field(test: Test) -> str:
    name = f'fields["{key_code(test.key)}"]'
    if test.operator == "has" or test.kind is None:
        return _negated(f"exists {name}", test)
    values = [_code(test.kind, value) for value in test.values]
    if test.operator == "any":
        listed = ", ".join(map(literal, values))
        holds = f'json_contains_any({name}["{test.kind}"], [{listed}])'
    else:
        if test.kind == "t" and len(str(test.values[0])) > LONGEST:
            raise ValueError(
                f"by < <= > and >= a text of at most {LONGEST} characters is compared in Milvus, not one of "
                f"{len(str(test.values[0])):,}"
            )
        end = "1" if test.operator in (">", ">=") else "0"
        holds = f'{name}["{test.kind}{end}"] {test.operator} {literal(values[0])}'
    # Of what is not there some servers say that neither this nor its contrary holds.
    there = f'(exists {name}["{test.kind}0"])'
    return f"((not {there}) or (not ({holds})))" if test.negated else f"({holds})"
