"""Dates as people and pages write them, to days."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping

from semsearch.readers._months import MONTHS

__all__ = ["find_date", "is_future", "parse_date"]

_MOST_CHARACTERS = 100
_YEAR = re.compile(r"(?<!\d)(?:1[5-9]|2[01])\d\d(?!\d)")
_ISO_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:$|[T ]\d\d)")
_ISO_BASIC = re.compile(r"(\d{4})(\d\d)(\d\d)T\d{4}(?!\d{3})")
_EPOCH = re.compile(r"(\d{9,10})(?:\d{3})?(?:\.\d{1,9})?")
_EARLIEST_EPOCH = 631_152_000  # 1990: smaller numbers are something else
_NUMERIC_DATE = re.compile(r"(?<!\d)(\d{1,2})[./\s-]+(\d{1,2})[./\s-]+(\d{4})(?!\d)")
_ENGLISH = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_ENGLISH_MONTHS = {
    **{name[:length]: number for number, name in enumerate(_ENGLISH, start=1) for length in (3, len(name))},
    "sept": 9,
}
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})([-./])(\d{1,2})\2(\d{1,2})(?!\d)")
_EAST_ASIAN = re.compile(r"(?<!\d)(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일号號]?")
_NAME = r"(?:de\s|d['’]|ב)?(?P<month>[^\W\d_][^\d\s,.:;/|()-]+(?:\s(?:الثاني|الأول))?)"
_NAMED = (
    # 17. Mai 2024, 1er mai 2024, 17 de mayo de 2024, 17-мая-2024
    re.compile(
        rf"(?<!\d)(?P<day>\d{{1,2}})(?:\.|er|st|nd|rd|th|º|ª|°)?[\s-]*{_NAME}\.?,?[\s-]*(?:del?\s)?(?P<year>\d{{4}})(?!\d)"
    ),
    # mayo 17, 2024
    re.compile(rf"(?<!\w){_NAME}\.?\s?(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?,?\s(?P<year>\d{{4}})(?!\d)"),
    # 2024. május 17., 2024 m. gegužės 17 d.
    re.compile(rf"(?<!\d)(?P<year>\d{{4}})\.?\s(?:m\.\s)?{_NAME}\.?\s(?P<day>\d{{1,2}})(?!\d)"),
    # 17 tháng 5, 2024
    re.compile(r"(?<!\d)(?P<day>\d{1,2})\stháng\s(?P<number>\d{1,2}),?\s(?:năm\s)?(?P<year>\d{4})(?!\d)"),
)
_AHEAD_OF_UTC = dt.timedelta(hours=14)  # in the Line Islands: nowhere is it later


def parse_date(text: str, *, day_first: bool | None = None) -> dt.date | None:
    """Return the day that ``text`` names beyond doubt, or None.

    Months may be named in the languages of ``_months``, digits be those of any script. Of a time with its zone the day
    is the one that stands there; seconds (or milliseconds) since 1970 give the day in UTC.

    Args:
        text: A date or a time, and nothing else but weekdays, times of day and zones.
        day_first: Whether the day or the month comes first in 03/04/2022, which means different days in different
            countries; None: there is no telling.

    Returns:
        The day; None also for a date without its year, month or day.
    """
    text = _with_ascii_digits(text.strip())
    compact = _EPOCH.fullmatch(text)
    if compact is not None:
        return _of_epoch(int(compact[1]))
    iso = _ISO_DATE.match(text) or _ISO_BASIC.match(text)
    if iso is not None:
        return _day(*map(int, iso.groups()))
    if not _YEAR.search(text) or len(text) > _MOST_CHARACTERS:
        return None
    return _of_numbers(text, day_first=day_first)


def find_date(text: str, *, day_first: bool | None = None) -> dt.date | None:
    """Return the one day that a line names among other words: ``By Jane Doe, 7 January 2022, 11:19``; None if several.

    ``day_first`` is as for :func:`parse_date`.
    """
    text = _with_ascii_digits(text)
    if len(text) > _MOST_CHARACTERS:
        return None
    days = {_day(int(match[1]), int(match[3]), int(match[4])) for match in _YEAR_FIRST.finditer(text)}
    days.update(_of_numbers(match.group(), day_first=day_first) for match in _NUMERIC_DATE.finditer(text))
    days.update(_named_days(text, {**MONTHS, **_ENGLISH_MONTHS}))
    return days.pop() if len(days) == 1 else None


def is_future(day: dt.date) -> bool:
    """Whether a day has not begun anywhere on earth: nothing was published on it."""
    return day > (dt.datetime.now(dt.timezone.utc) + _AHEAD_OF_UTC).date()


def _with_ascii_digits(text: str) -> str:
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in unicodedata.normalize("NFC", text))


def _of_epoch(seconds: int) -> dt.date | None:
    return dt.datetime.fromtimestamp(seconds, dt.timezone.utc).date() if seconds >= _EARLIEST_EPOCH else None


def _of_numbers(text: str, *, day_first: bool | None) -> dt.date | None:
    numeric = _NUMERIC_DATE.search(text)
    if numeric is not None and int(numeric[1]) <= 12 and int(numeric[2]) <= 12 and numeric[1] != numeric[2]:
        if day_first is None:
            return None
        day, month = (numeric[1], numeric[2]) if day_first else (numeric[2], numeric[1])
        return _day(int(numeric[3]), int(month), int(day))
    found = _by_dateutil(text)
    return found if found is not None else _by_names(text)


def _by_dateutil(text: str) -> dt.date | None:
    from dateutil import parser

    try:
        # What the text does not say comes from the default: two defaults that differ show that something is missing.
        days = {
            parser.parse(text, default=dt.datetime(2000, month, month), ignoretz=True).date()  # noqa: DTZ001
            for month in (1, 2)
        }
    except (ValueError, OverflowError):
        return None
    day = days.pop() if len(days) == 1 else None
    return day if day is not None and str(day.year) in text else None  # "3 4 May 2022" is read as May 2003


def _by_names(text: str) -> dt.date | None:
    days = _named_days(text, MONTHS)
    return days.pop() if len(days) == 1 else None


def _named_days(text: str, months: Mapping[str, int]) -> set[dt.date | None]:
    """Return the days that are written with the names of their months, or as in Chinese, Japanese and Korean."""
    days = {_day(int(match[1]), int(match[2]), int(match[3])) for match in _EAST_ASIAN.finditer(text)}
    for pattern in _NAMED:
        for match in pattern.finditer(text.casefold()):
            groups = match.groupdict()
            month = int(groups["number"]) if "number" in groups else months.get(groups["month"].rstrip("."), 0)
            if month:
                days.add(_day(int(match["year"]), month, int(match["day"])))
    return days


def _day(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None
