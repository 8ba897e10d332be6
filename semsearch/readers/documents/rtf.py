"""Rich text (.rtf), by striprtf: an article a file, a paragraph a line."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from semsearch.readers._extras import missing
from semsearch.readers._fields import article_from_fields
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._markup import without_controls
from semsearch.readers._text import MOST_BYTES, too_large
from semsearch.readers.documents._properties import property_fields

__all__ = ["read_rtf"]

MOST_FILE_BYTES = 128 << 20
"""Of a file, most of it pictures, which are written out in letters."""
_BINARY = re.compile(rb"\\bin(\d{1,9}) ?")
_PICTURE = re.compile(rb"(?:[0-9a-fA-F]{2}\s?){128,}")
"""No text is written so: letters of other languages have a sign before each two digits."""
_EMPTY_BINARY = re.compile(r"\\bin(?![a-z\d])")
_FONT = re.compile(r"\\f(\d{1,5})((?:\\[a-z]{1,32}-?\d{0,10} ?)*)")
_CHARSET = re.compile(r"\\fcharset(\d{1,3})(?!\d)")
_BRACE = re.compile(r"[{}]")
_INFO = re.compile(r"\{\\(title|author) ?([^{}]{0,1000})\}")
_CREATED = re.compile(r"\{\\creatim\\yr(\d{4})\\mo(\d{1,2})\\dy(\d{1,2})")
_HEAD = 20_000
"""Characters at the begin in which the properties are looked for."""


def read_rtf(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the one article of a rich text: its lines are paragraphs, rows of tables lines of cells.

    Title, author and date are the document's properties where those can be believed.
    """
    try:
        import striprtf  # noqa: F401 - needed below
    except ImportError:
        log.problem(origin.place, missing("documents"))
        return
    raw = stream.read(MOST_FILE_BYTES + 1)
    if len(raw) > MOST_FILE_BYTES:
        log.problem(origin.place, f"is larger than {MOST_FILE_BYTES >> 20} MiB: take its pictures out")
        return
    if not raw.lstrip()[:5].startswith(b"{\\rtf"):
        log.problem(origin.place, "is no rich text: it does not begin with '{\\rtf'")
        return
    source = _without_pictures(raw).decode("latin-1")
    if len(source) > MOST_BYTES:
        too_large(origin.place, log)
        return
    text = _text_of(source, origin, log)
    if text is None:
        return
    if not text:
        log.problem(origin.place, "no text in it")
        return
    located = article_from_fields(_fields(source[:_HEAD], origin, log), origin, log, text=text)
    if located is not None:
        yield located


def _without_pictures(raw: bytes) -> bytes:
    """Take out what is no text: pictures in hexadecimal digits, and bytes that stand as they are."""
    parts: list[bytes] = []
    at = 0
    while (binary := _BINARY.search(raw, at)) is not None:
        parts.append(raw[at : binary.start()])
        at = binary.end() + int(binary[1])
    return _PICTURE.sub(b"", b"".join([*parts, raw[at:]]))


def _text_of(source: str, origin: Origin, log: ReadingLog) -> str | None:
    source = _with_plain_fonts(_EMPTY_BINARY.sub("", source))
    try:
        # A link is its words, not its address in brackets behind them.
        text = _converted(source.replace("HYPERLINK", "LINK"))
    except Exception as error:  # noqa: BLE001 - damaged codes raise whatever they provoke
        log.problem(origin.place, f"is damaged: {type(error).__name__}: {error}")
        return None
    lines = (" ".join(line.split()) for line in without_controls(text).split("\n"))
    return _paragraphs(line.strip("|").replace("|", " | ") if line.endswith("|") else line for line in lines)


def _with_plain_fonts(source: str) -> str:
    """Write the table of fonts anew: what else may stand in it is more than striprtf finds an end of."""
    name = source.find("\\fonttbl")
    if name < 0:
        return source
    start, depth, end = source.rfind("{", 0, name), 1, len(source)
    for brace in _BRACE.finditer(source, name):
        depth += 1 if brace.group() == "{" else -1
        if not depth:
            end = brace.end()
            break
    found = ((font[1], _CHARSET.search(font[2])) for font in _FONT.finditer(source, name, end))
    fonts = "".join(f"{{\\f{number}\\fcharset{charset[1]} x;}}" for number, charset in found if charset)
    return f"{source[: max(start, 0)]}{{\\fonttbl{fonts}}}{source[end:]}"


def _paragraphs(lines: Iterator[str]) -> str:
    """Put blank lines between the lines, but for the rows of a table."""
    parts: list[str] = []
    was_row = False
    for line in filter(None, lines):
        is_row = " | " in line
        parts += ["\n" if is_row and was_row else "\n\n", line]
        was_row = is_row
    return "".join(parts[1:])


def _fields(head: str, origin: Origin, log: ReadingLog) -> dict[str, Any]:
    found = {match[1]: _plain(match[2]) for match in _INFO.finditer(head)}
    created = _CREATED.search(head)
    try:
        day = dt.date(*map(int, created.groups())) if created else None
    except ValueError:
        day = None
    return property_fields(origin, log, title=found.get("title", ""), author=found.get("author", ""), created=day)


def _plain(value: str) -> str:
    try:
        return _converted(f"{{\\rtf1\\ansi {value}}}")
    except Exception:  # noqa: BLE001 - as above; a title is no reason to leave the text out
        return ""


def _converted(source: str) -> str:
    from striprtf import striprtf

    convert: Callable[..., str] = striprtf.rtf_to_text
    # What lies beyond the characters that its codes are made for comes in halves.
    return convert(source, errors="replace").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
