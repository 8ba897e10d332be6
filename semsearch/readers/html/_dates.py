"""The day that a page was published, of all the days that it states."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from semsearch.readers._dates import find_date, is_future, parse_date

__all__ = ["Published", "Stamp", "Standing", "day_comes_first", "published_of", "url_stamp"]

_URL_DAY = re.compile(
    r"/(?P<year>(?:19|20)\d\d)(?P<sep>[/-]?)(?P<month>0[1-9]|1[0-2]|[1-9](?=[/-])|[a-z]{3}(?=/))(?P=sep)"
    r"(?P<day>0[1-9]|[12]\d|3[01]|[1-9](?!\d))(?=[/._-]|$)",
    re.IGNORECASE,
)
_ZONED = re.compile(r"\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?\s?(?:GMT|UTC)?(?P<zone>Z|[+-]\d\d:?\d\d|(?<=GMT)|(?<=UTC))$")
_EARLIEST = dt.date(1700, 1, 1)
_EPOCH = dt.date(1970, 1, 1)  # what programs write where they have no date, as they do the first day of the year 1
_FARTHEST_ZONE = dt.timedelta(hours=14)
_ZONES_APART = dt.timedelta(minutes=15)
_A_MINUTE = dt.timedelta(minutes=1)
_MONTH_FIRST = frozenset({"en-us", "en-ph", "en-um"})
_YEAR_FIRST = frozenset({"zh", "ja", "ko", "hu", "lt", "fa", "mn", "sv", "en"})  # English is of both kinds


class Standing:
    """How far a date can be relied on, by where it stands; the lowest is the best."""

    ARTICLE = 0  # what the page says, for machines, of its article
    META = 1
    MARKED = 2
    PAGE = 3  # what it says of itself, or in terms that are used for either
    ADDRESS = 4
    ELEMENT = 5
    TEXT = 6
    MODIFIED = 7  # of a change, which is later


class Stamp(NamedTuple):
    """A date as it stands on a page, with the name of the place and its :class:`Standing`."""

    text: str
    source: str
    standing: int


class Published(NamedTuple):
    """The day, where it stands, and how sure that is: ``certain``, ``likely`` or ``weak``."""

    day: dt.date
    source: str
    confidence: str


class _Dated(NamedTuple):
    day: dt.date
    stamp: Stamp


def published_of(
    stamps: Sequence[Stamp], *, day_first: bool | None = None
) -> tuple[Published | None, tuple[Stamp, ...]]:
    """Return the best of the dates that a page states, and those that cannot be: they are in the future.

    A date that machines are to read is certain unless the page contradicts it; what it says to people, or what its
    address has, is likely, and certain if another place agrees. A date of a change serves where there is no other.
    """
    dated = list(_dated(stamps, day_first=day_first))
    future = tuple(entry.stamp for entry in dated if is_future(entry.day))
    dated = [entry for entry in dated if not is_future(entry.day)]
    if not dated:
        return None, future
    best = min(dated, key=lambda entry: entry.stamp.standing)
    local = _local(best, dated)
    return Published(local.day, local.stamp.source, _confidence(best, dated)), future


def _dated(stamps: Sequence[Stamp], *, day_first: bool | None) -> Iterator[_Dated]:
    for stamp in stamps:
        read = find_date if stamp.standing == Standing.TEXT else parse_date
        day = read(stamp.text, day_first=day_first)
        if day is not None and day >= _EARLIEST and day != _EPOCH:
            yield _Dated(day, stamp)


def _local(best: _Dated, dated: Sequence[_Dated]) -> _Dated:
    """Return the date in the page's own zone: where it is in UTC, what else is said of the same instant."""
    if not _is_utc(best.stamp.text):
        return best
    for entry in dated:
        is_of_place = entry.stamp.standing == Standing.ADDRESS or (
            entry.stamp.standing <= Standing.ELEMENT and _same_instant(best.stamp.text, entry.stamp.text)
        )
        if is_of_place and abs((entry.day - best.day).days) == 1:
            return entry
    return best


def _is_utc(text: str) -> bool:
    zone = _ZONED.search(text)
    return zone is not None and zone["zone"].replace(":", "") in {"Z", "", "+0000", "-0000"}


def _same_instant(utc: str, other: str) -> bool:
    """Whether another time may be the same one: to the minute, or without its zone, and off by what zones differ."""
    from dateutil import parser

    if ":" not in other:
        return False
    is_zoned = _ZONED.search(other) is not None
    try:
        # Of names of zones, which mean several, dateutil would warn.
        apart = abs(parser.parse(utc, ignoretz=not is_zoned) - parser.parse(other, ignoretz=not is_zoned))
    except (ValueError, OverflowError, TypeError):  # a TypeError if one of the two has no zone after all
        return False
    if not is_zoned and apart <= _FARTHEST_ZONE:
        apart = min(apart % _ZONES_APART, -apart % _ZONES_APART)
    return apart <= _A_MINUTE


def _confidence(best: _Dated, dated: Sequence[_Dated]) -> str:
    if best.stamp.standing >= Standing.MODIFIED:
        return "weak"
    others = [entry for entry in dated if entry.stamp.source != best.stamp.source]
    if best.stamp.standing <= Standing.MARKED:
        # A page is updated on the next day, in another zone; it is not published twice.
        counts = [entry for entry in others if entry.stamp.standing <= Standing.ADDRESS]
        return "likely" if any(abs((entry.day - best.day).days) > 1 for entry in counts) else "certain"
    agrees = any(entry.day == best.day for entry in others if entry.stamp.standing < Standing.MODIFIED)
    return "certain" if agrees else "weak" if best.stamp.standing == Standing.TEXT else "likely"


def url_stamp(url: str) -> Stamp | None:
    """Return the day in an address: ``/2024/05/17/``, ``/2024/may/17/``, ``/20240517-`` or ``/2024-05-17-``."""
    match = _URL_DAY.search(url)
    if match is None:
        return None
    is_named = match["month"].isalpha()
    text = f"{match['day']} {match['month']} {match['year']}"
    return Stamp(text if is_named else _iso(match["year"], match["month"], match["day"]), "URL", Standing.ADDRESS)


def _iso(year: str, month: str, day: str) -> str:
    return f"{year}-{int(month):02}-{int(day):02}"


def day_comes_first(language: str) -> bool | None:
    """Return whether 03/04 is in April to readers of a language (BCP 47); None where that is not certain."""
    tag = language.casefold()
    if not tag or tag in _MONTH_FIRST:
        return False if tag else None
    if tag.startswith("en-") and tag != "en-ca":
        return True
    return None if tag.partition("-")[0] in _YEAR_FIRST else True
