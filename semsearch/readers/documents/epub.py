"""Books (.epub), by lxml: an article a chapter."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from semsearch.readers._dates import parse_date
from semsearch.readers._extras import missing
from semsearch.readers._fields import article_from_fields
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._markup import Block, joined, parse_markup
from semsearch.readers._text import MOST_BYTES, too_large
from semsearch.readers.documents._package import Package, open_package, parse_xml, tag_of
from semsearch.readers.documents._properties import property_fields

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["read_epub"]

_CONTENT = frozenset({"application/xhtml+xml", "text/html", "text/x-oeb1-document"})
_MOST_DOCUMENTS = 5_000
_HEADINGS = 2
"""So many headings that follow each other are a chapter's title: "Chapter 1", "The Bridge"."""


class _Book(NamedTuple):
    """What the package says: the fields of each chapter, and the names of the documents in their order."""

    fields: dict[str, Any]
    documents: list[str]


class _Chapter(NamedTuple):
    title: str
    blocks: list[Block]


def read_epub(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield an article for each chapter of a book: ``book.epub#3`` with the title ``Book: Chapter``.

    A chapter begins with each heading of the highest level that its document has; what stands before the first, or in
    a document without one, goes on with the chapter before it. Author, publisher and date are the book's. The table of
    contents is left out.
    """
    try:
        from lxml import etree  # noqa: F401 - needed below
    except ImportError:
        log.problem(origin.place, missing("documents"))
        return
    package = open_package(stream, origin, log)
    book = None if package is None else _book(package, origin, log)
    if package is None or book is None:
        return
    title = str(book.fields.pop("title", ""))
    found = False
    for number, chapter in enumerate(_chapters(package, book, origin, log), start=1):
        here = Origin(f"{origin.place}#{number}", f"{origin.id}#{number}")
        found = True
        text = joined(chapter.blocks)
        if len(text) > MOST_BYTES:
            too_large(here.place, log)
            continue
        own = "" if chapter.title.casefold() == title.casefold() else chapter.title
        fields = {**book.fields, "title": ": ".join(filter(None, (title, own)))}
        located = article_from_fields(fields, here, log, text=text)
        if located is not None:
            yield located
    if not found:
        log.problem(origin.place, "no text in it")


def _book(package: Package, origin: Origin, log: ReadingLog) -> _Book | None:
    container = parse_xml(package.read("META-INF/container.xml"), origin, log)
    paths = (
        [] if container is None else [each.get("full-path", "") for each in container.iter() if _is(each, "rootfile")]
    )
    path = next((path for path in paths if path in package), None)
    root = None if path is None else parse_xml(package.read(path), origin, log)
    if path is None or root is None:
        log.problem(origin.place, "is no EPUB that can be read: it does not say what is in it")
        return None
    folder = posixpath.dirname(path)
    documents = [package.resolve(folder, link) for link in _spine(root)]
    if len(documents) > _MOST_DOCUMENTS:
        log.problem(origin.place, f"has more than {_MOST_DOCUMENTS:,} parts, which no book has")
        return None
    locked = _locked(package, origin, log) & set(documents)
    if locked:
        log.problem(origin.place, "is encrypted (DRM): only the reader that it was sold for can read it")
        return None
    return _Book(_fields(root, origin, log), documents)


def _spine(root: _Element) -> Iterator[str]:
    """Yield the links to the documents in their order, without the table of contents."""
    items = {each.get("id", ""): each for each in root.iter() if _is(each, "item")}
    for reference in (each for each in root.iter() if _is(each, "itemref")):
        item = items.pop(reference.get("idref", ""), None)  # once
        is_content = item is not None and item.get("media-type", "").lower() in _CONTENT
        if item is not None and is_content and "nav" not in item.get("properties", "").split():
            yield item.get("href", "")


def _locked(package: Package, origin: Origin, log: ReadingLog) -> set[str]:
    """Return the names of the members that are encrypted, fonts among them."""
    root = parse_xml(package.read("META-INF/encryption.xml"), origin, log)
    if root is None:
        return set()
    return {package.resolve("", each.get("URI", "")) for each in root.iter() if _is(each, "CipherReference")}


def _fields(root: _Element, origin: Origin, log: ReadingLog) -> dict[str, Any]:
    found: dict[str, list[str]] = {}
    for element in root.iter():
        if tag_of(element) in {"title", "creator", "date", "publisher"} and (element.text or "").strip():
            found.setdefault(tag_of(element), []).append(" ".join((element.text or "").split()))
    fields = property_fields(
        origin,
        log,
        title=found.get("title", [""])[0],
        author=", ".join(found.get("creator", [])),
        created=parse_date(found.get("date", [""])[0]),
    )
    if "publisher" in found:
        fields["source"] = found["publisher"][0]
    return fields


def _chapters(package: Package, book: _Book, origin: Origin, log: ReadingLog) -> Iterator[_Chapter]:
    """Yield the chapters that have a text."""
    chapter = _Chapter("", [])
    unread: list[str] = []
    for name in book.documents:
        raw = package.read(name)
        if raw is None:
            unread.append(name)
            continue
        for title, blocks in _parts(parse_markup(raw).blocks):
            if title:
                yield from [chapter] if chapter.blocks else []
                chapter = _Chapter(title, blocks)
            else:
                chapter.blocks.extend(blocks)
    if chapter.blocks:
        yield chapter
    if unread:
        log.note(origin.place, f"{len(unread)} of its parts are missing or damaged, not read: {', '.join(unread[:3])}")


def _parts(blocks: Sequence[Block]) -> Iterator[_Chapter]:
    """Part a document at its headings of the highest level; what stands before the first has no title."""
    level = min((block.level for block in blocks if block.level), default=0)
    starts = [at for at, block in enumerate(blocks) if level and block.level == level]
    yield _Chapter("", list(blocks[: starts[0]] if starts else blocks))
    for start, end in pairwise([*starts, len(blocks)]):
        body = start + 1
        while body < min(end, start + _HEADINGS) and blocks[body].level:
            body += 1
        yield _Chapter(": ".join(block.text for block in blocks[start:body]), list(blocks[body:end]))


def _is(element: _Element, tag: str) -> bool:
    return tag_of(element) == tag
