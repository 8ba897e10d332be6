"""Bytes to text: UTF-8, what a byte order mark says, or what the bytes say beyond doubt."""

from __future__ import annotations

import codecs
import re
from typing import BinaryIO

from semsearch.readers._encodings import detect_encoding, detect_utf16
from semsearch.readers._log import Origin, ReadingLog

__all__ = ["MOST_BYTES", "decode", "marked_encoding", "read_text", "too_large"]

MOST_BYTES = 16 << 20
"""Of an article as it stands in a file: three times the longest novels. What a build keeps in memory is bounded so."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark this one begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ESCAPE_SEQUENCES = (
    (("$)C",), "ISO-2022-KR"),
    (("$)A", "$)G", "$*H"), "ISO-2022-CN"),
    (("$B", "$@", "$(D", "$(Q", "(J", "(I"), "ISO-2022-JP"),
)
_CONTROLS = re.compile(r"[\x01-\x08\x0e-\x1a\x1c-\x1f]")
_SOME = 10  # of so many characters one may be a control: a text that was torn from a terminal has some
_HZ = re.compile(r"~\{(?:[!-w][!-~]){4,}~\}")  # Chinese between such marks, all of it in ASCII


def read_text(stream: BinaryIO, origin: Origin, log: ReadingLog) -> str | None:
    """Read and :func:`decode` a whole file; log a problem and return None where there is too much of it."""
    raw = stream.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        too_large(origin.place, log)
        return None
    return decode(raw, origin, log)


def decode(raw: bytes, origin: Origin, log: ReadingLog) -> str | None:
    """Decode a whole file and give it Unix line ends; log a problem and return None where that is not certain."""
    text = _decode(raw, origin, log)
    if text is None:
        return None
    if "\x00" in text:
        log.problem(origin.place, "contains NUL bytes: is this a binary file, or UTF-16 without its mark?")
        return None
    if "\x1b" in text:
        log.problem(origin.place, _what_escapes_say(text))
        return None
    if len(_CONTROLS.findall(text)) * _SOME > len(text):
        log.problem(origin.place, "contains control characters: is this a binary file, or UTF-16 without its mark?")
        return None
    if text.isascii() and _HZ.search(text):
        log.problem(origin.place, "is not UTF-8 but HZ-GB-2312: convert it to UTF-8")
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def too_large(place: str, log: ReadingLog) -> None:
    """Log that there is more than an article can be."""
    log.problem(place, f"is larger than {MOST_BYTES >> 20} MiB, which no article is: split it")


def marked_encoding(raw: bytes) -> str | None:
    """Return the encoding that the byte order mark at the beginning of ``raw`` says, or None if there is none."""
    return next((encoding for mark, encoding in _BYTE_ORDER_MARKS if raw.startswith(mark)), None)


def _what_escapes_say(text: str) -> str:
    """Name the encoding of a text with ESC characters: some write every character in ASCII, between ESC sequences."""
    for sequences, encoding in _ESCAPE_SEQUENCES:
        if any(f"\x1b{sequence}" in text for sequence in sequences):
            return f"is not UTF-8 but {encoding}: convert it to UTF-8"
    return "contains ESC characters, which control a terminal: save it as text without them"


def _decode(raw: bytes, origin: Origin, log: ReadingLog) -> str | None:
    marked = marked_encoding(raw) or "utf-8"
    if marked == "utf-8" and b"\x00" in raw:
        utf16 = detect_utf16(raw)
        if utf16 is not None:
            log.note(origin.place, f"read as {utf16}")
            return raw.decode(utf16)
    try:
        return raw.decode(marked)
    except UnicodeDecodeError as error:
        at = error.start + (len(codecs.BOM_UTF8) if marked == "utf-8-sig" else 0)  # that codec counts after the mark
        invalid = f"is not valid {marked.removesuffix('-sig').upper()} (byte {at}, line {raw.count(10, 0, at) + 1})"
    detected = detect_encoding(raw) if marked == "utf-8" else None
    if detected is None:
        log.problem(origin.place, f"{invalid}, and its encoding is not certain: convert it to UTF-8")
        return None
    text, encoding = detected
    log.note(origin.place, f"read as {encoding}")
    return text
