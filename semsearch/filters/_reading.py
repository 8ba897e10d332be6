"""Filters as text: one method for each rule of the grammar, which the package's documentation has."""

from __future__ import annotations

import re

from semsearch.filters._names import BARE_NAME, BUILT_IN, KEYWORDS, check_path, field_name
from semsearch.filters._parts import MAX_NESTING, And, Comparison, Exists, Filter, Not, Or, check_value
from semsearch.filters._values import Value, read_word

__all__ = ["Reader", "parse_filter"]

_MAX_CHARACTERS = 10_000
_OPERATORS = "= != < <= > >= in"
_SPACE = re.compile(r"\s*")
_BARE_VALUE = re.compile(r"""[^\s()<>=!,"'][^\s()<>=!,"]*""")
_QUOTED = re.compile(r""""((?:[^"]|"")*)"|'((?:[^']|'')*)'""")
_OPERATOR = re.compile(r"(!=|<=|>=|=|<|>)(?![=<>!~&|:])")
_SYMBOLS = re.compile(r"""[^\w\s"'(),]+""")


def parse_filter(text: str) -> Filter:
    """Return the filter that ``text`` states; the package's documentation has the grammar.

    >>> parse_filter("source in (Reuters, AP) and published >= 2024-05 and not section = Sports")

    Raises:
        ValueError: If it cannot be read; the message says where and what would be right. Also if it is blank, longer
            than 10,000 characters, nested more than 50 levels deep, or has more than 1,000 values.
    """
    reader = Reader(text, "a filter", "source = Reuters and published >= 2024")
    found = reader.filter()
    reader.end("'and', 'or' or the end")
    return found


class Reader:
    """Reads a text from the left, by recursive descent: one method for each rule of the grammar."""

    def __init__(self, text: str, what: str, example: str) -> None:
        if not isinstance(text, str):
            raise ValueError(f"{what} must be text, not {type(text).__name__}")
        if not text.strip():
            raise ValueError(f"{what} must not be blank: write for example {example}")
        if len(text) > _MAX_CHARACTERS:
            raise ValueError(f"{what} has at most {_MAX_CHARACTERS:,} characters, not {len(text):,}")
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
        if any(self._ahead(keyword) for keyword in KEYWORDS):
            raise self._unexpected("the name of a field (in quotes, if this is one)")
        names = [self._name_part()]
        while self._text.startswith(".", self._at):
            self._at += 1
            names.append(self._name_part())
        self._skip()
        path = tuple(names)
        if len(path) == 1:
            path = BUILT_IN.get(path[0], path)
        elif path[0] in BUILT_IN:
            raise self._error(f"{path[0]} has no parts: is {field_name(('metadata', *path))} meant?", at)
        try:
            path = path if path[0] in (*BUILT_IN, "metadata") else ("metadata", *path)
            check_path(path)
        except ValueError as error:
            raise self._error(str(error), at) from None
        return path

    def _name_part(self) -> str:
        if self._text.startswith(('"', "'"), self._at):
            return self._quotes()
        found = BARE_NAME.match(self._text, self._at)
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
            if found is None or found[0].lower() in KEYWORDS:
                raise self._unexpected("a value (in quotes, if this is one)" if found else "a value")
            word, self._at = found[0], found.end()
        self._skip()
        try:
            return check_value(path, read_word(word) if typed else word)
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
        found = BARE_NAME.match(self._text, self._at)
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
