"""The day of a message or entry: of a stated time, as it stands there, and never after today."""

from __future__ import annotations

import datetime as dt
import re
from email.utils import parsedate_to_datetime

from semsearch.readers._log import Origin, ReadingLog

__all__ = ["day_of"]

_LONGEST = 100
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?=$|[T ])")


def day_of(stated: str, origin: Origin, log: ReadingLog) -> dt.date | str | None:
    """Return the day that a date of RFC 2822 or ISO 8601 names, in the zone that it is stated in.

    A date of another form is returned as it is, for :func:`article_from_fields` to read. One that is in the future is
    noted, and None is returned.
    """
    stated = " ".join(stated.split())
    if not stated or len(stated) > _LONGEST:
        return None
    day = _parsed(stated)
    today = dt.datetime.now().astimezone()
    if isinstance(day, dt.datetime):
        if day.tzinfo is not None and day <= today:
            return min(day.date(), today.date())  # where the sender is it may be tomorrow already
        day = day.date()
    if day is None:
        return stated
    if day > today.date():
        log.note(origin.place, f"the date {stated!r} is in the future, not kept")
        return None
    return day


def _parsed(stated: str) -> dt.date | None:
    try:
        if _ISO.match(stated):
            return dt.date.fromisoformat(stated[:10])
        return parsedate_to_datetime(stated)
    except (ValueError, TypeError, IndexError, OverflowError):  # all of which it raises of what is no date
        return None
