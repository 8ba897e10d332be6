"""JSON lines: one article an object a line, BEIR's ``corpus.jsonl`` among them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import BinaryIO

from semsearch.readers._fields import article_from_fields
from semsearch.readers._log import Located, Origin, ReadingLog

__all__ = ["read_jsonlines"]


def read_jsonlines(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield an article a line; a line that is none is logged with its number, and the next is read.

    Known fields: ``_id`` or ``id``, ``title`` or ``headline``, ``text`` or ``body``, ``published`` or ``date``,
    ``source``, ``url``, ``metadata``; others become metadata. Without an id it is the file's and the line's number.
    """
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        here = Origin(f"{origin.place}:{number}", f"{origin.id}:{number}")
        try:
            record = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip())
        except UnicodeDecodeError as error:
            log.problem(here.place, f"is not valid UTF-8 (byte {error.start} of the line): convert the file to UTF-8")
            continue
        except (ValueError, RecursionError) as error:  # a ValueError also for a number of too many digits
            reason = "too deep" if isinstance(error, RecursionError) else str(error)
            if isinstance(error, json.JSONDecodeError):
                reason = f"{error.msg}, column {error.colno}"
            log.problem(here.place, f"is not a JSON object on one line ({reason})")
            continue
        if not isinstance(record, dict):
            log.problem(here.place, f"is JSON, but {type(record).__name__} instead of an object with a text")
            continue
        located = article_from_fields(record, here, log)
        if located is not None:
            yield located
