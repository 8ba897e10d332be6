"""The bytes of a saved page to a tree: whatever the encoding, however large, in bounded time."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from semsearch.readers._log import Origin, ReadingLog
from semsearch.readers._text import MOST_BYTES, decode, marked_encoding, too_large

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["Source", "parse", "read_page"]

_MOST_FILE_BYTES = 64 << 20
"""Of a page as saved, with its pictures, fonts and styles in it; without them it must be what any article may be."""
_MOST_TAGS = 500_000
"""Of a page; the longest have a tenth. For each a build takes a kilobyte and some microseconds."""
_DATA_ADDRESS = re.compile(rb"data:[\w/.+-]{1,80}(?:;[\w=-]{1,40}){0,4},[\w+/=%.~!*'-]{200,}")
_INLINE_BYTES = 4 << 20  # a page with more of it is relieved of its styles before it is parsed
_ATTRIBUTES = 1000
"""Of one tag; the parser takes a time that grows with the square of their number."""
_CROWDED_BYTES = 1 << 17  # in less no tag has so many attributes that it takes more than two seconds
_CROWDED = re.compile(
    rb"""(<[A-Za-z](?=([^\s/>]*))\2)  # what is in (?=(...))\2 is matched once, not tried in other ways: time is linear
    (?:(?=([\s/]*(?:=[^\s/>=]*|[^\s/>=]+)(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>"'][^\s>]*)?)?))\3){%d,}"""
    % _ATTRIBUTES,
    re.VERBOSE,
)
_DECLARED = re.compile(
    rb"""<meta\b[^>]{0,300}?\bcharset\s*=\s*["']?\s*([\w.:-]{2,40})|<\?xml[^>]{0,100}?\bencoding\s*=\s*["']([\w.:-]{2,40})""",
    re.IGNORECASE,
)
_DECLARED_WITHIN = 4096  # bytes; browsers look at 1024, and some pages say it later
_AS_BROWSERS_DO = {
    # What pages call by these names is a larger set, https://encoding.spec.whatwg.org/#names-and-labels.
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "utf-16": "utf-8",  # the declaration itself could be read, so the page is not
    "utf-16-le": "utf-8",
    "utf-16-be": "utf-8",
}
_DAMAGED_SHARE = 0.001
"""Of a page's bytes that may be no UTF-8 though it says so: a title that was cut within a character, in a list."""
_BEYOND_ASCII = re.compile("[^\x00-\x7f\ufffd]")
_SHOWN = 4
"""Times as many whole characters beyond ASCII as damaged ones, from which on a page is UTF-8 without saying so."""
_CONTROL_REFERENCE = re.compile(
    rb"&#(?:x0*(?:[0-8bcef]|1[0-9a-f]|7f)(?![0-9a-f])|0*(?:[0-8]|1[124-9]|2\d|3[01]|127)(?!\d));?", re.IGNORECASE
)
_CONTROLS = bytes([*range(9), 11, 12, *range(14, 32), 127])


class Source(NamedTuple):
    """A page's tree, and the beginning of its text, where browsers write what they saved."""

    root: _Element
    head: str


def read_page(stream: BinaryIO, origin: Origin, log: ReadingLog) -> str | None:
    """Read a page and return its text, without pictures that were saved in it; log a problem and return None if none.

    The encoding is what the byte order mark says, UTF-8 if the bytes are, what the page declares if they can be that,
    and else what they say beyond doubt.
    """
    raw = stream.read(_MOST_FILE_BYTES + 1)
    if len(raw) > _MOST_FILE_BYTES:
        log.problem(origin.place, f"is larger than {_MOST_FILE_BYTES >> 20} MiB: save it without its pictures")
        return None
    if marked_encoding(raw) in {None, "utf-8-sig"}:
        raw = _DATA_ADDRESS.sub(b"data:,", raw) if b"data:" in raw else raw
        if len(raw) > _INLINE_BYTES:
            raw = _without_styles(raw)
    if len(raw) > MOST_BYTES:
        too_large(origin.place, log)
        return None
    if raw.count(b"<") > _MOST_TAGS:
        log.problem(origin.place, f"has more than {_MOST_TAGS:,} tags, which no article has: split it")
        return None
    return _decoded(raw, origin, log)


def _without_styles(raw: bytes) -> bytes:
    """Return a page without its style sheets, as browsers write them when they save one: fonts and all."""
    parts = []
    at = 0
    while (start := raw.find(b"<style", at)) >= 0 and (end := raw.find(b"</style", start)) >= 0:
        parts.append(raw[at:start])
        at = end
    return b"".join([*parts, raw[at:]])


def _decoded(raw: bytes, origin: Origin, log: ReadingLog) -> str | None:
    if marked_encoding(raw) is not None:
        return decode(raw, origin, log)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        declared = _declared(raw)
    if declared in {None, "utf-8"}:
        mended = _mended(raw, sure=declared is not None, origin=origin, log=log)
        if mended is not None:
            return mended
    elif declared is not None:
        try:
            return raw.decode(declared)
        except UnicodeDecodeError:
            pass
    return decode(raw, origin, log)


def _mended(raw: bytes, *, sure: bool, origin: Origin, log: ReadingLog) -> str | None:
    """Decode a page that is UTF-8 but for a few bytes; None if it is not, or that is not ``sure`` and does not show."""
    text = raw.decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    if damaged > max(3, _DAMAGED_SHARE * len(raw)):
        return None
    if not sure and len(_BEYOND_ASCII.findall(text)) < _SHOWN * damaged:
        return None
    log.note(origin.place, f"is not valid UTF-8 in {damaged} place{'s' * (damaged != 1)}, read without them")
    return text.replace("\ufffd", "")


def _declared(raw: bytes) -> str | None:
    """Return the encoding that a page declares, as browsers understand the name; None if it is none that is known."""
    match = _DECLARED.search(raw[:_DECLARED_WITHIN])
    if match is None:
        return None
    try:
        codec = codecs.lookup((match[1] or match[2]).decode("ascii"))
    except (LookupError, ValueError):
        return None
    name = _AS_BROWSERS_DO.get(codec.name, codec.name)
    # A codec of Python's that turns bytes into bytes, or runs an escape language, is no encoding of a page.
    return name if name == "utf-8" or _is_charset(name) else None


def _is_charset(name: str) -> bool:
    return (
        re.fullmatch(r"cp\d+|iso8859[-_]\d+|koi8[-_]\w|mac[-_]\w+|gb18030|big5\w*|euc_\w+|hz|iso2022_\w+", name)
        is not None
    )


def parse(text: str) -> Source | None:
    """Return the tree of a page, None if there is nothing in it. No address in it is followed, no entity is defined."""
    from lxml import etree

    raw = text.encode("utf-8", errors="ignore").translate(None, _CONTROLS)
    if b"&#" in raw:
        raw = _CONTROL_REFERENCE.sub(b"", raw)
    if len(raw) > _CROWDED_BYTES:
        raw = _CROWDED.sub(rb"\1 ", raw)
    # It ends where elements are nested deeper than about 2,000: what was read until there is the page.
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True, no_network=True)
    try:
        root: Any = etree.fromstring(raw, parser)
    except (etree.LxmlError, ValueError):  # nothing but comments
        return None
    return None if root is None else Source(root, text[:2048])  # nothing but white space
