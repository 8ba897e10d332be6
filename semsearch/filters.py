"""Filters over articles: comparisons of their fields, combined by and, or and not; the same in Python and as text.

    >>> from semsearch import field, parse_filter
    >>> parse_filter("source = Reuters and published >= 2024-05")
    >>> (field("source") == "Reuters") & (field("published") >= dt.date(2024, 5, 1))

The grammar; keywords in any case, space wherever it helps::

    filter      all ("or" all)*
    all         one ("and" one)*
    one         "not" one | "(" filter ")" | "has" FIELD | FIELD OPERATOR VALUE | FIELD ["not"] "in" "(" VALUE, ... ")"
    OPERATOR    =  !=  <  <=  >  >=
    FIELD       id, title, source, url, published (or date), or the name of a metadata field: section, section.name;
                metadata.title where it would be one of the others, "odd name" in quotes
    VALUE       a word, a number, true, false, a date (2024, 2024-05, 2024-05-17) or a text in quotes, '...' or "...",
                in which a doubled quote stands for one

What a comparison means:

- Text is compared without regard to case (Unicode's case folding, composed), in order of code points.
- A date without its day or month is the whole month or year: ``published > 2024`` is after that year.
- A number, date, ``true`` or ``false`` is compared with metadata of that kind, and with text that reads as one
  (``"350"``, ``"2024-05-17T10:00"``; ``"2024-05"`` counts as its first day); a number of four digits also with a text
  that is a date, as its year. Text in quotes is compared with text only.
- A list in the metadata matches if any of its elements does; a name in a path leads into an object, not into a list.
- What is missing matches no comparison. Missing is what is not there, null, or an empty text, list or object: what
  ``has`` does not find. ``!=`` is ``not ... =``, so it holds for what is missing.
"""

from __future__ import annotations

import calendar
import dataclasses
import datetime as dt
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NoReturn

from semsearch.records import is_unicode

__all__ = [
    "And",
    "Comparison",
    "Exists",
    "Field",
    "Filter",
    "Not",
    "Or",
    "Period",
    "Value",
    "as_number",
    "by_kind",
    "day_of",
    "field",
    "field_name",
    "fold",
    "number_of",
    "parse_filter",
    "read_number",
]

MAX_NESTING = 50
MAX_VALUES = 1000
MAX_CHARACTERS = 10_000
MAX_NAMES = 20  # in a path: each is a table in a join, of which SQLite takes 64

_TEXT_FIELDS = ("id", "title", "source", "url")
_PUBLISHED = ("published",)
_BUILT_IN = {**{name: (name,) for name in _TEXT_FIELDS}, "published": _PUBLISHED, "date": _PUBLISHED}
_ORDERED = ("<", "<=", ">", ">=")
_OPERATORS = "= != < <= > >= in"
_KEYWORDS = {"and", "or", "not", "in", "has"}
_DATES = "2024, 2024-05 or 2024-05-17"

_SPACE = re.compile(r"\s*")
_BARE_NAME = re.compile(r"[\w-]+")
_BARE_VALUE = re.compile(r"""[^\s()<>=!,"'][^\s()<>=!,"]*""")
_QUOTED = re.compile(r""""((?:[^"]|"")*)"|'((?:[^']|'')*)'""")
_OPERATOR = re.compile(r"(!=|<=|>=|=|<|>)(?![=<>!~&|:])")
_SYMBOLS = re.compile(r"""[^\w\s"'(),]+""")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2}(?![0-9])|\Z)")
_PERIOD = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")


# --- what a filter is -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Period:
    """A day, month or year, as ISO 8601 writes it: what a date in a filter stands for.

    Raises:
        ValueError: If the text is none of these.
    """

    text: str

    def __post_init__(self) -> None:
        found = _PERIOD.fullmatch(self.text)
        try:
            valid = found is not None and dt.date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
        except ValueError:
            valid = False
        if not valid:
            raise ValueError(f"{self.text!r} is not a date: write {_DATES}")

    def __str__(self) -> str:
        return self.text

    @property
    def first(self) -> str:
        """The first day, in ISO 8601."""
        return self.text + "-01-01"[len(self.text) - 4 :]

    @property
    def last(self) -> str:
        """The last day, in ISO 8601."""
        if len(self.text) == 4:
            return f"{self.text}-12-31"
        if len(self.text) == 7:
            return f"{self.text}-{calendar.monthrange(int(self.text[:4]), int(self.text[5:]))[1]}"
        return self.text


Value = str | bool | int | float | Period
"""What a field is compared with."""


class Filter:
    """Which articles to consider. Make one with :func:`parse_filter` or :func:`field`; combine with ``&  |  ~``.

    Filters are immutable and hashable; ``str()`` gives the text that :func:`parse_filter` reads back to an equal one.
    The module's documentation says what a comparison means.

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
        _check_path(self.path)
        if self.operator not in ("=", *_ORDERED):
            raise ValueError(f"unknown operator {self.operator!r}, expected one of {' '.join(('=', *_ORDERED))}")
        if not self.values:
            raise ValueError(f"{field_name(self.path)} is compared with no value: name at least one")
        if len(self.values) > 1 and self.operator != "=":
            raise ValueError(f"{self.operator} takes one value, not {len(self.values)}")
        checked = [_check_value(self.path, value) for value in self.values]
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
        _check_path(self.path)

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


def _check_path(path: object) -> None:
    if not isinstance(path, tuple) or not path or not all(isinstance(name, str) for name in path):
        raise ValueError(f"a field's path is a tuple of names, not {path!r}")
    if path[0] == "metadata":
        if len(path) == 1:
            raise ValueError("metadata is no field by itself: write metadata.NAME")
        if len(path) > MAX_NAMES + 1:
            raise ValueError(f"a metadata field is at most {MAX_NAMES} names deep, not {len(path) - 1}")
        for name in path:
            _check_text(name, "a field's name")
    elif len(path) > 1 or _BUILT_IN.get(path[0]) != path:
        raise ValueError(f"unknown path {path!r}, expected one of {', '.join(_TEXT_FIELDS)}, published and metadata")


def _check_is_text(text: object, what: str) -> None:
    if not isinstance(text, str):
        raise ValueError(f"{what} must be text, not {type(text).__name__}")


def _check_text(text: str, what: str) -> None:
    if "\x00" in text or not is_unicode(text):
        raise ValueError(f"{what} contains a NUL character or half of a surrogate pair, which no article can: {text!r}")


def _check_value(path: tuple[str, ...], value: object) -> Value:
    """Return the value as it is kept, if this field can be compared with it."""
    if isinstance(value, str | Period) and path == _PUBLISHED:
        return Period(str(value).strip())
    if isinstance(value, dt.date):
        value = Period(value.isoformat()[:10])  # a datetime is reduced to its date, as an article's is
    if path == _PUBLISHED and isinstance(value, int) and not isinstance(value, bool):
        return Period(f"{value:04}")
    if isinstance(value, str):
        if not value:
            raise ValueError(f"an empty text matches nothing: 'not has {field_name(path)}' asks for what is missing")
        _check_text(value, "a value")
        return value
    if path[0] == "metadata":
        return _check_metadata_value(value)
    if path == _PUBLISHED and isinstance(value, Period):
        return value
    expected = f"a date ({_DATES})" if path == _PUBLISHED else "text"
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


def as_number(value: float) -> int | float:
    """Return one form of every number: what SQLite has no integer for is a float, what is whole is an integer.

    Raises:
        ValueError: If it is not finite, or no float is as large.
    """
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("a number must be finite, and less than 1.8e308")
    for exact in (value, number):
        if exact == int(exact) and -(2**63) <= exact < 2**63:
            return int(exact)
    return number


def _kind(value: Value) -> str:
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def _check_parts(parts: object, least: int) -> None:
    if not isinstance(parts, tuple) or len(parts) < least or not all(isinstance(part, Filter) for part in parts):
        raise ValueError(f"expected {least} or more filters, not {parts!r}")


def _check_size(filter_: Filter) -> None:
    nesting, values = _size(filter_)
    if nesting > MAX_NESTING:
        raise ValueError(f"the filter is nested too deeply: {MAX_NESTING} levels of parentheses and 'not' are allowed")
    if values > MAX_VALUES:
        raise ValueError(f"the filter has too many values: {values:,}, and {MAX_VALUES:,} are allowed")


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


def field_name(path: tuple[str, ...]) -> str:
    """Return the shortest text that names this field in a filter."""
    names = path[1:] if len(path) > 1 and path[1] not in (*_BUILT_IN, "metadata") else path
    return ".".join(
        name if _BARE_NAME.fullmatch(name) and name.lower() not in _KEYWORDS else _quoted(name) for name in names
    )


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _written(value: Value) -> str:
    if isinstance(value, str):
        return _quoted(value)
    return repr(value).lower() if isinstance(value, bool | int | float) else str(value)


# --- in Python --------------------------------------------------------------------------------------------------


def field(name: str) -> Field:
    """Return a field, named as in a text filter, whose comparisons are filters.

    >>> field("source") == "Reuters"
    >>> field("published") >= dt.date(2024, 1, 1)
    >>> field("metadata.section.name").isin(["Politics", "Business"])
    >>> ~field("author").exists()

    Raises:
        ValueError: If the name cannot be read.
    """
    reader = _Reader(name, "the name of a field", "source or metadata.section.name")
    path = reader.name()
    reader.end("the end of the name")
    return Field(path)


class Field:
    """A field of articles: see :func:`field`."""

    __slots__ = ("path",)
    __hash__: ClassVar[None]  # type: ignore[assignment]  # equality makes a filter

    def __init__(self, path: tuple[str, ...]) -> None:
        _check_path(path)
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


# --- as text ----------------------------------------------------------------------------------------------------


def parse_filter(text: str) -> Filter:
    """Return the filter that ``text`` states; the module's documentation has the grammar.

    >>> parse_filter("source in (Reuters, AP) and published >= 2024-05 and not section = Sports")

    Raises:
        ValueError: If it cannot be read; the message says where and what would be right. Also if it is blank, longer
            than 10,000 characters, nested more than 50 levels deep, or has more than 1,000 values.
    """
    reader = _Reader(text, "a filter", "source = Reuters and published >= 2024")
    found = reader.filter()
    reader.end("'and', 'or' or the end")
    return found


class _Reader:
    """Reads a text from the left, by recursive descent: one method for each rule of the grammar."""

    def __init__(self, text: str, what: str, example: str) -> None:
        _check_is_text(text, what)
        if not text.strip():
            raise ValueError(f"{what} must not be blank: write for example {example}")
        if len(text) > MAX_CHARACTERS:
            raise ValueError(f"{what} has at most {MAX_CHARACTERS:,} characters, not {len(text):,}")
        self._text = text
        self._what = what
        self._at = 0
        self._nesting = 0
        self._skip()

    def filter(self) -> Filter:
        parts = [self._all()]
        while self._keyword("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Filter:
        parts = [self._one()]
        while self._keyword("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Filter:
        at = self._at
        if self._keyword("not"):
            self._nest(at)
            found: Filter = Not(self._one())
        elif self._symbol("("):
            self._nest(at)
            found = self.filter()
            self._close(at, "'and', 'or' or ')'")
        else:
            return Exists(self.name()) if self._keyword("has") else self._comparison()
        self._nesting -= 1
        return found

    def _nest(self, at: int) -> None:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self._error(f"nested too deeply, {MAX_NESTING} levels of parentheses and 'not' are allowed", at)

    def _close(self, opened: int, expected: str) -> None:
        if not self._symbol(")"):
            if self._at == len(self._text):
                raise self._error("this '(' is never closed", opened)
            raise self._unexpected(expected)

    def _comparison(self) -> Filter:
        path = self.name()
        if (negated := self._keyword("not")) and not self._ahead("in"):
            raise self._unexpected("'in' after 'not'")
        at = self._at
        operator = "in" if self._keyword("in") else self._operator(path)
        values = self._values(path) if operator == "in" else (self._value(path),)
        try:
            found = Comparison(path, operator.replace("!", "").replace("in", "="), values)
        except ValueError as error:
            raise self._error(str(error), at) from None
        return Not(found) if negated or operator == "!=" else found

    def name(self) -> tuple[str, ...]:
        """Read the name of a field, and return its path."""
        at = self._at
        if any(self._ahead(keyword) for keyword in _KEYWORDS):
            raise self._unexpected("the name of a field (in quotes, if this is one)")
        names = [self._name_part()]
        while self._text.startswith(".", self._at):
            self._at += 1
            names.append(self._name_part())
        self._skip()
        path = tuple(names)
        if len(path) == 1:
            path = _BUILT_IN.get(path[0], path)
        elif path[0] in _BUILT_IN:
            raise self._error(f"{path[0]} has no parts: is {field_name(('metadata', *path))} meant?", at)
        try:
            path = path if path[0] in (*_BUILT_IN, "metadata") else ("metadata", *path)
            _check_path(path)
        except ValueError as error:
            raise self._error(str(error), at) from None
        return path

    def _name_part(self) -> str:
        if self._text.startswith(('"', "'"), self._at):
            return self._quotes()
        found = _BARE_NAME.match(self._text, self._at)
        if found is None:
            raise self._unexpected("the name of a field")
        self._at = found.end()
        return found[0]

    def _operator(self, path: tuple[str, ...]) -> str:
        found = _OPERATOR.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
            self._skip()
            return found[1]
        unknown = _SYMBOLS.match(self._text, self._at)
        if unknown is not None:
            raise self._error(f"unknown operator {unknown[0]!r}, expected one of {_OPERATORS}", self._at)
        raise self._unexpected(f"one of {_OPERATORS} after {field_name(path)}")

    def _values(self, path: tuple[str, ...]) -> tuple[Value, ...]:
        opened = self._at
        if not self._symbol("("):
            raise self._unexpected("'(' after 'in'")
        values = [self._value(path)]
        while self._symbol(","):
            values.append(self._value(path))
        self._close(opened, "',' or ')'")
        return tuple(values)

    def _value(self, path: tuple[str, ...]) -> Value:
        at = self._at
        typed = path[0] == "metadata"  # by the word's look; the other fields are all text but for the date
        if self._text.startswith(('"', "'"), at):
            word, typed = self._quotes(), False
        else:
            found = _BARE_VALUE.match(self._text, at)
            if found is None or found[0].lower() in _KEYWORDS:
                raise self._unexpected("a value (in quotes, if this is one)" if found else "a value")
            word, self._at = found[0], found.end()
        self._skip()
        try:
            return _check_value(path, _read_word(word) if typed else word)
        except ValueError as error:
            raise self._error(str(error), at) from None

    def _quotes(self) -> str:
        found = _QUOTED.match(self._text, self._at)
        if found is None:
            raise self._error(f"this {self._text[self._at]} is never closed", self._at)
        self._at = found.end()
        quote = found[0][0]
        return found[0][1:-1].replace(quote * 2, quote)

    def end(self, expected: str) -> None:
        """Make sure that nothing is left."""
        if self._text.startswith(")", self._at):
            raise self._error("this ')' closes nothing", self._at)
        if self._at < len(self._text):
            raise self._unexpected(expected)

    def _ahead(self, keyword: str) -> bool:
        found = _BARE_NAME.match(self._text, self._at)
        return found is not None and found[0].lower() == keyword and not self._text.startswith(".", found.end())

    def _keyword(self, keyword: str) -> bool:
        if not self._ahead(keyword):
            return False
        self._at += len(keyword)
        self._skip()
        return True

    def _symbol(self, symbol: str) -> bool:
        if not self._text.startswith(symbol, self._at):
            return False
        self._at += 1
        self._skip()
        return True

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _unexpected(self, expected: str) -> ValueError:
        if self._at == len(self._text):
            return self._error(f"expected {expected}, but the text ends", self._at)
        found = _BARE_VALUE.match(self._text, self._at)
        word = found[0] if found else self._text[self._at]
        hint = "; put a text of several words in quotes" if word[0].isalnum() and expected.startswith("'and'") else ""
        return self._error(f"expected {expected}, found {word!r}{hint}", self._at)

    def _error(self, problem: str, at: int) -> ValueError:
        """Return the error with the place under its text, of which a long one is shown in part."""
        start = max(0, at - 60)
        shown = ("…" if start else "") + self._text[start : at + 40] + ("…" if at + 40 < len(self._text) else "")
        shown = "".join(character if character.isprintable() else " " for character in shown)
        caret = " " * (at - start + bool(start)) + "^"
        return ValueError(f"{self._what} cannot be read: {problem} (column {at + 1})\n  {shown}\n  {caret}")


def _read_word(word: str) -> Value:
    """Return what a word that is not in quotes stands for, where the field does not say."""
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    number = read_number(word)
    if number is not None:
        return as_number(number)
    if not _PERIOD.fullmatch(word):
        return word
    try:
        return Period(word)
    except ValueError as error:
        raise ValueError(f"{error}, or put it in quotes if it is none") from None


def read_number(text: str) -> int | float | None:
    """Return the number that ``text`` writes, or None if it is something else."""
    if _NUMBER.fullmatch(text) is None:
        return None
    number = float(text)
    digits = text.lstrip("+-")
    # Python reads no integers of thousands of digits, be they zeros, and SQLite has none beyond 64 bits.
    if not digits.isdigit() or abs(number) > 2.0**63:
        return number
    text = text[: -len(digits)] + (digits.lstrip("0") or "0")
    return int(text) if -(2**63) <= int(text) < 2**63 else number


# --- what is compared -------------------------------------------------------------------------------------------


def fold(text: object) -> str | None:
    """Return the text as it is compared; None for an empty one, which counts as missing, and for what is no text."""
    if not isinstance(text, str):
        return None
    return (text.lower() if text.isascii() else unicodedata.normalize("NFC", text.casefold())) or None


def number_of(text: object) -> int | float | None:
    """Return the number that a text is, or None."""
    return read_number(text) if isinstance(text, str) else None


def day_of(text: object) -> str | None:
    """Return the day that a text begins with, of a month its first, or None."""
    found = _DAY.match(text) if isinstance(text, str) else None
    if found is None:
        return None
    day = (found[0] + "-01")[:10]
    try:
        dt.date.fromisoformat(day)
    except ValueError:
        return None
    return day


def by_kind(values: Sequence[Value]) -> tuple[list[str], list[str], list[float], list[Period]]:
    """Return the texts, the truths (as JSON has them), the numbers, and the periods: what a number may be, too."""
    texts = [value for value in values if isinstance(value, str)]
    truths = [json.dumps(value) for value in values if isinstance(value, bool)]
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    years = [Period(str(number)) for number in numbers if isinstance(number, int) and 1000 <= number <= 9999]
    return texts, truths, numbers, [*(value for value in values if isinstance(value, Period)), *years]
