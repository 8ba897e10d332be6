"""Documents that are zip files of XML (Word, OpenDocument, EPUB): read into memory, within limits, never to disk."""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote

from semsearch.readers._log import Origin, ReadingLog

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["MOST_UNPACKED", "Package", "open_package", "parse_xml", "tag_of"]

MOST_MEMBERS = 10_000
"""A book of many pictures has some thousand."""
MOST_UNPACKED = 256 << 20
"""Bytes of all members, pictures among them: a library that opens such a file reads all of it."""
MOST_MEMBER = 64 << 20
"""Bytes of a member with text, which takes some times as much as a tree."""
_TEXT = (".xml", ".rels", ".xhtml", ".html", ".htm", ".opf", ".ncx")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


class Package:
    """An open zip file whose members are within limits: no member is larger than it says, which is checked."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = frozenset(archive.namelist())

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def read(self, name: str) -> bytes | None:
        """Return a member, or None if there is none that can be read."""
        try:
            return self._archive.read(name)
        except (KeyError, *_DAMAGED):
            return None

    def resolve(self, folder: str, link: str) -> str:
        """Return the name of the member that a link in a member of ``folder`` leads to; it may not be there."""
        return posixpath.normpath(posixpath.join(folder, unquote(link.partition("#")[0]))).lstrip("/")


def open_package(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Package | None:
    """Open a zip file; log a problem and return None if it is none, is encrypted or unpacks to too much."""
    try:
        archive = zipfile.ZipFile(stream)
        members = archive.infolist()
    except _DAMAGED as error:
        log.problem(origin.place, f"is no such document, or damaged ({error})")
        return None
    reason = None
    if len(members) > MOST_MEMBERS:
        reason = f"has more than {MOST_MEMBERS:,} parts, which no document has"
    elif any(member.flag_bits & 1 for member in members):
        reason = "is encrypted: save it without its password"
    elif sum(member.file_size for member in members) > MOST_UNPACKED:
        reason = f"unpacks to more than {MOST_UNPACKED >> 20} MiB: split it, or take its pictures out"
    elif any(member.file_size > MOST_MEMBER and member.filename.lower().endswith(_TEXT) for member in members):
        reason = f"has more than {MOST_MEMBER >> 20} MiB of text in one part, which no article has: split it"
    if reason is not None:
        log.problem(origin.place, reason)
        return None
    return Package(archive)


def parse_xml(raw: bytes | None, origin: Origin, log: ReadingLog) -> _Element | None:
    """Return the root of a member, as much of it as can be read, which is noted; None if there is nothing to be had.

    No DTD or entity is loaded, and none that the member defines itself is put in its place.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True, huge_tree=False)
    try:
        root = etree.fromstring(raw or b"", parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    fatal = [entry for entry in parser.error_log if entry.level >= etree.ErrorLevels.FATAL]
    if fatal:
        log.note(origin.place, f"damaged, read as far as it can be: line {fatal[0].line} of a part: {fatal[0].message}")
    return root


def tag_of(element: _Element) -> str:
    """Return an element's name without its namespace; empty for a comment."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
