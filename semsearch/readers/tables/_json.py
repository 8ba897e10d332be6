"""JSON that is read as it comes: values of an array one by one, however large the array."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from semsearch.readers._text import MOST_BYTES

__all__ = ["JsonText", "TooLarge"]

_SPACE = " \t\n\r"
_TAIL = 32
"""Characters: a mistake so near to the end of what was read may be that the rest is missing; no literal is longer."""

_UNFINISHED = 2  # characters of a number that say nothing without those that follow


class TooLarge(Exception):  # noqa: N818 - it is no mistake of the file's
    """A value is larger than an article can be."""


class JsonText:
    """A text of JSON that comes in pieces, and is read from its begin to its end.

    What is wrong raises a :class:`ValueError`, whose message has the column; ``line`` is then the line of it.

    Attributes:
        line: The line that is read.
    """

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces
        self._buffer = ""
        self._at = 0
        self._before = 0  # characters of the line that the buffer begins in that stand before it
        self.line = 1
        self._decode = json.JSONDecoder().raw_decode

    def peek(self) -> str:
        """Return the next character that is no space, "" at the end."""
        while True:
            buffer, at = self._buffer, self._at
            while at < len(buffer) and buffer[at] in _SPACE:
                at += 1
            self._go_to(at)
            if at < len(buffer) or not self._read_on():
                return buffer[at : at + 1]

    def value(self) -> Any:
        """Read a value.

        Raises:
            TooLarge: If it is larger than an article; then nothing was read.
        """
        self.peek()
        while True:
            try:
                value, end = self._decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                if not self._may_go_on(error) or not self._read_on():
                    raise self._mistake(error.msg, error.pos) from None
                continue
            if end - self._at > MOST_BYTES:
                raise TooLarge
            # A number may go on in the next piece: after "1", "1." or "1e-".
            if end + _UNFINISHED < len(self._buffer) or not self._read_on():
                self._go_to(end)
                return value

    def array(self) -> Iterator[Any]:
        """Read an array and yield its values."""
        self._expect("[")
        if self.peek() == "]":
            self._go_to(self._at + 1)
            return
        while True:
            yield self.value()
            if self._expect(",", "]") == "]":
                return

    def members(self) -> Iterator[str]:
        """Read an object and yield its names; the value of each is to be read before the next."""
        self._expect("{")
        if self.peek() == "}":
            self._go_to(self._at + 1)
            return
        while True:
            if self.peek() != '"':
                raise self._mistake("Expecting property name", self._at)
            name = self.value()
            self._expect(":")
            yield name
            if self._expect(",", "}") == "}":
                return

    def skip_line(self) -> None:
        """Go on after the end of the line that is read."""
        while (end := self._buffer.find("\n", self._at)) < 0:
            self._at = len(self._buffer)
            if not self._read_on():
                return
        self._go_to(end + 1)

    def end(self) -> None:
        """Check that nothing follows."""
        if self.peek():
            raise self._mistake("Extra data", self._at)

    def _expect(self, *signs: str) -> str:
        found = self.peek()
        if found not in signs or not found:
            raise self._mistake(f"Expecting {' or '.join(repr(sign) for sign in signs)}", self._at)
        self._go_to(self._at + 1)
        return found

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        """Whether what is wrong may be that the text ends here."""
        return error.msg.startswith("Unterminated string") or error.pos + _TAIL >= len(self._buffer)

    def _go_to(self, at: int) -> None:
        self.line += self._buffer.count("\n", self._at, at)
        self._at = at

    def _read_on(self) -> bool:
        """Read more, and let go of what was read; return False at the end."""
        if len(self._buffer) - self._at > MOST_BYTES:
            raise TooLarge
        piece = next(self._pieces, "")
        while piece and len(piece) < len(self._buffer) - self._at:  # else a long value is begun again for each piece
            more = next(self._pieces, "")
            piece += more
            if not more:
                break
        if not piece:
            return False
        self._before = self._column(self._at) - 1
        self._buffer = self._buffer[self._at :] + piece
        self._at = 0
        return True

    def _column(self, at: int) -> int:
        begin = self._buffer.rfind("\n", 0, at) + 1
        return at - begin + 1 + (0 if begin else self._before)

    def _mistake(self, what: str, at: int) -> ValueError:
        self.line += self._buffer.count("\n", self._at, at)
        column = self._column(at)
        self._at = at
        return ValueError(f"{what}, column {column}")
