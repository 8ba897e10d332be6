"""What a field is compared with, and what counts as the same."""

from __future__ import annotations

import calendar
import datetime as dt
import json
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "DATES",
    "Period",
    "Value",
    "as_number",
    "by_kind",
    "day_of",
    "fold",
    "number_of",
    "read_number",
    "read_word",
]

DATES = "2024, 2024-05 or 2024-05-17"
"""How dates are written, for messages."""

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2}(?![0-9])|\Z)")
_PERIOD = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")


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
            raise ValueError(f"{self.text!r} is not a date: write {DATES}")

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


# --- what values are written as ---------------------------------------------------------------------------------


def read_word(word: str) -> Value:
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
