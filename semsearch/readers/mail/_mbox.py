"""A mailbox to the bytes of its messages, one at a time, however long it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from semsearch.readers._log import Origin, ReadingLog

__all__ = ["MOST_MESSAGE", "split_mailbox"]

MOST_MESSAGE = 64 << 20
"""Bytes of a message, with its attachments; few servers take half of it. Parsing one needs some five times as much."""
_LINE = 1 << 16
_BEGIN = re.compile(rb"From .{0,300}?\b\d\d?:\d\d\b")
"""What stands before a message: who sent it, and when. A sentence that begins a line with "From" has no time in it."""
_ESCAPED = re.compile(rb">+From ")


def split_mailbox(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[tuple[int, bytes]]:
    """Yield the number of each message, counted from 1, and its bytes.

    A message that is too long is a problem, as is a file that does not begin like a mailbox.
    """
    number, size, is_begin = 0, 0, True
    message = bytearray()
    while line := stream.readline(_LINE):
        if is_begin and line.startswith(b"From ") and (not number or _BEGIN.match(line)):
            if number and size <= MOST_MESSAGE:
                yield number, bytes(message)
            number, size = number + 1, 0
            message.clear()
        elif number:
            size += len(line)
            if size <= MOST_MESSAGE:
                message += line[1:] if is_begin and _ESCAPED.match(line) else line
            elif message:
                log.problem(f"{origin.place}#{number}", f"is larger than {MOST_MESSAGE >> 20} MiB: save it by itself")
                message.clear()
        elif line.strip():
            log.problem(origin.place, "is no mailbox: it does not begin with 'From '")
            return
        is_begin = line.endswith(b"\n")
    if number and size <= MOST_MESSAGE:
        yield number, bytes(message)
