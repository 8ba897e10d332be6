"""Bytes to text: UTF-8, what a byte order mark says, or what the bytes say beyond doubt."""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import BinaryIO

from semsearch.readers._log import Origin, ReadingLog

__all__ = ["MOST_BYTES", "decode", "detect", "marked_encoding", "read_text", "too_large"]

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
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_MINIMUM_CONFIDENCE = 0.15
"""Below it the detector is guessing: damaged UTF-8, noise and a lone accent stay under it, see the tests."""


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
    try:
        return raw.decode(marked)
    except UnicodeDecodeError as error:
        at = error.start + (len(codecs.BOM_UTF8) if marked == "utf-8-sig" else 0)  # that codec counts after the mark
        invalid = f"is not valid {marked.removesuffix('-sig').upper()} (byte {at}, line {raw.count(10, 0, at) + 1})"
    detected = detect(raw) if marked == "utf-8" else None
    if detected is None:
        log.problem(origin.place, f"{invalid}, and its encoding is not certain: convert it to UTF-8")
        return None
    text, encoding = detected
    log.note(origin.place, f"read as {encoding}")
    return text


def detect(raw: bytes) -> tuple[str, str] | None:
    """Return the text and its encoding if the detector is sure of a language in it and the text is clean."""
    import chardet

    sequences = sum(len(match) for match in _UTF8_SEQUENCE.findall(raw))
    if sequences * 2 >= sum(byte >= 0x80 for byte in raw):
        return None  # UTF-8 with damage in it, not another encoding
    guess = chardet.detect(raw, encoding_era=chardet.EncodingEra.MODERN_WEB)
    encoding, confidence = guess["encoding"], guess["confidence"] or 0.0
    if encoding is None or confidence < _MINIMUM_CONFIDENCE or encoding.lower().startswith("utf"):
        return None
    try:
        text = raw.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None
    if _CONTROLS.search(text) or not _is_certain(text):
        return None
    return text, encoding


def _is_certain(text: str) -> bool:
    """Whether there is more beyond ASCII than three damaged bytes leave, all of it where a language has it.

    The detector's confidence does not say: in an English article with one stray byte it is that of the English.
    """
    count = 0
    for match in _BEYOND_ASCII.finditer(text):
        character = match.group()
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        kind = unicodedata.category(character)[0]
        if character.isupper() and before.isalpha() and (before.islower() or after.islower()):
            return False  # a capital within a word: "cafÃ©"
        if kind not in "LMPZ" and before.isalpha():
            return False  # a symbol on a word: "itâ€™s"
        if kind == "P" and character not in "’‐‑–—·" and before.islower() and after.islower():
            return False  # a mark within a word: "M‡ximo"
        count += kind in "LMP"
    words = sum(not word.isascii() for word in text.split())
    return words >= 4 or count >= 20
