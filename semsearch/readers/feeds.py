"""News feeds that were saved: RSS and Atom, an article an entry, read as they come."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from semsearch.readers._days import day_of
from semsearch.readers._extras import missing
from semsearch.readers._fields import article_from_fields
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._markup import paragraphs_of, without_controls
from semsearch.readers._members import UniqueNames

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

__all__ = ["read_feed"]

_CHUNK = 1 << 16
_MOST_ENTRY = 16 << 20
"""Bytes from the end of an entry to the end of the next; a feed that has more between them is none."""
_LONGEST_ID = 500
_LONGEST_REFERENCE = 40
_REFERENCE = re.compile(rb"&(?!#(?:\d{1,7}|[xX][0-9a-fA-F]{1,6});)(?:([a-zA-Z]\w{1,31});)?")
_ROOTS = frozenset({"rss", "feed", "rdf"})
_ENTRIES = frozenset({"item", "entry"})
_MEDIA = "{http://search.yahoo.com/mrss"
"""What a picture or film in an entry is called and says, by the same names as the entry's."""
_MARKUP = re.compile(r"<[a-zA-Z/!]|&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z]\w{1,30});")
_TEXTS = ("encoded", "content", "description", "summary")
"""What an entry's text is in: the whole before a summary."""
_FIELDS = {
    "title": ("title",),
    "author": ("creator", "author"),
    "published": ("pubdate", "published", "issued", "date", "created"),
    "language": ("language",),
}
"""What an entry says, by the names of its elements in lower case, the likeliest first."""


def read_feed(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield an article an entry: its whole text if the feed has that, else the summary.

    The ids are the file's and what the entry calls itself: ``news.rss#https://example.org/a``. The feed's title is the
    source. Damaged XML is read as far as its structure can be told.
    """
    try:
        from lxml import etree
    except ImportError:
        log.problem(origin.place, missing("feeds"))
        return
    # No DTD or other file is loaded, and entities of the file's own stand for nothing.
    parser = etree.XMLPullParser(
        events=("start", "end"),
        recover=True,
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    entries = _Entries(origin, log)
    references = _References()
    try:
        for chunk in iter(lambda: stream.read(_CHUNK), b""):
            parser.feed(references.numbered(chunk))
            yield from entries.take(parser.read_events(), len(chunk))
            if entries.is_over:
                return
        parser.feed(references.left)
        parser.close()
    except (etree.LxmlError, ValueError) as error:
        entries.end(str(error))
    else:
        yield from entries.take(parser.read_events(), 0)
        errors = parser.feed_error_log
        entries.end(errors[0].message if len(errors) else "")


class _References:
    """Writes references by number: ``&nbsp;`` as ``&#160;``, and the sign itself where it refers to nothing.

    XML knows five names and feeds use all of HTML's; after the first mistake libxml2 leaves out whatever has a name.
    The names of a file's own entities become text by it, so that none of them stands for a file, or for much.

    Attributes:
        left: What was held back at the end of a part, as the rest of a reference may follow.
    """

    def __init__(self) -> None:
        self.left = b""
        self._is_first = True
        self._is_wide = False

    def numbered(self, chunk: bytes) -> bytes:
        """Return the next part of a file."""
        if self._is_first:
            self._is_first = False
            self._is_wide = b"\x00" in chunk[:4] or chunk[:2] in {b"\xff\xfe", b"\xfe\xff"}  # UTF-16, as it stands
        if self._is_wide:
            return chunk
        data = self.left + chunk
        at = data.rfind(b"&", max(0, len(data) - _LONGEST_REFERENCE))
        end = at if at >= 0 and b";" not in data[at:] else len(data)
        self.left = data[end:]
        return _REFERENCE.sub(_by_number, data[:end])


def _by_number(match: re.Match[bytes]) -> bytes:
    known = _html_entities().get(f"{match[1].decode()};") if match[1] else None
    if known is None:
        return b"&#38;" + match[0][1:]
    return "".join(f"&#{ord(character)};" for character in known).encode()


def _html_entities() -> dict[str, str]:
    from html.entities import html5

    return html5


class _Entries:
    """Makes articles of the entries of a feed, while it is parsed.

    Attributes:
        is_over: Whether the rest of the file is not to be read.
    """

    def __init__(self, origin: Origin, log: ReadingLog) -> None:
        self._origin = origin
        self._log = log
        self._root: Element | None = None
        self._ids = UniqueNames()
        self._count = 0
        self._size = 0
        self._title: str | None = None
        self.is_over = False

    def take(self, events: Any, size: int) -> Iterator[Located]:
        """Yield what entries ended with the last ``size`` bytes."""
        self._size += size
        for event, element in events:
            name = _name(element)
            if self._root is None:
                self._root = element
                if name not in _ROOTS:
                    self._fail(f"is XML, but no feed: it begins with <{name[:100]}>")
                    return
            if event == "end" and name in _ENTRIES:  # also of one in another one, which was not closed
                self._size = 0
                self._count += 1
                yield from self._article(element)
                _forget(element)
        if self._size > _MOST_ENTRY:
            self._fail(f"an entry has more than {_MOST_ENTRY >> 20} MiB: not read from here on")

    def _fail(self, reason: str) -> None:
        self._log.problem(self._origin.place, reason)
        self.is_over = True

    def end(self, error: str) -> None:
        """Say what was wrong with the file as a whole."""
        if self._root is None:
            self._log.problem(self._origin.place, "is no XML" + f" ({error})" * bool(error))
        elif error:
            read = f"{self._count:,} entries" if self._count != 1 else "1 entry"
            self._log.problem(self._origin.place, f"is damaged ({error}): {read} could be read")

    def _article(self, entry: Element) -> Iterator[Located]:
        children = _by_name(entry)
        fields: dict[str, Any] = {field: _text_of(children, names) for field, names in _FIELDS.items()}
        link = _link_of(children)
        stated = (" ".join((child.text or "").split()) for child in _named(children, ("guid", "id")))
        called = (next(filter(None, stated), "") or link or str(self._count))[:_LONGEST_ID]
        own = self._ids.unique(called)
        here = Origin(f"{self._origin.place}#{own}", f"{self._origin.id}#{own}")
        updated = "" if fields["published"] else _text_of(children, ("updated", "modified"))
        fields["published"] = day_of(fields["published"] or updated, here, self._log)
        if updated and fields["published"]:
            fields |= {"published_from": "updated", "published_confidence": "likely"}
        fields |= {"source": self._feed_title(), "url": link, "tags": _tags_of(children)}
        kept = {name: value for name, value in fields.items() if value}
        located = article_from_fields(kept, here, self._log, text=_paragraphs(children))
        if located is not None:
            yield located

    def _feed_title(self) -> str:
        """Return the feed's own title, which stands before its entries."""
        if self._title is None:
            assert self._root is not None  # noqa: S101 - for the type checker
            children = _by_name(self._root)
            self._title = _text_of(children, ("title",))
            for channel in children.get("channel", ())[:1]:
                self._title = self._title or _text_of(_by_name(channel), ("title",))
        return self._title


def _name(element: Any) -> str:
    """Return an element's name without its namespace, in lower case: of entities and pictures nothing."""
    tag = element.tag
    if not isinstance(tag, str) or tag.startswith(_MEDIA):
        return ""
    return tag.rpartition("}")[2].lower()


def _forget(entry: Element) -> None:
    """Let go of an entry, and of all that stands before it but the feed's own title."""
    entry.clear()
    parent = entry.getparent()
    if parent is not None:
        for before in list(entry.itersiblings(preceding=True)):
            if _name(before) not in {"title", "channel"}:
                parent.remove(before)


_Children = Mapping[str, list["Element"]]


def _by_name(element: Element) -> _Children:
    children: dict[str, list[Element]] = {}
    for child in element:
        children.setdefault(_name(child), []).append(child)
    return children


def _named(children: _Children, names: tuple[str, ...]) -> Iterator[Element]:
    """Yield the children of these names, in the order of the names."""
    return itertools.chain.from_iterable(children.get(name, ()) for name in names)


def _text_of(children: _Children, names: tuple[str, ...]) -> str:
    """Return what the first child says that has one of these names and says something, as a line of text."""
    for child in _named(children, names):
        text = _content(child)
        if _MARKUP.search(text):
            text = paragraphs_of(text)
        line = " ".join(without_controls(text).split())
        if line:
            return line
    return ""


def _content(element: Element) -> str:
    """Return an element's text, that of an author being the name."""
    named = next((child for child in element if _name(child) == "name"), element)
    return "".join(map(str, named.itertext()))


def _link_of(children: _Children) -> str:
    """Return where the entry can be read: RSS has a text there, Atom an attribute."""
    links = list(_named(children, ("link", "origlink")))
    for link in links:
        if link.get("href") and link.get("rel", "alternate") == "alternate":
            return str(link.get("href")).strip()
    return next((text for text in (" ".join(_content(link).split()) for link in links) if text), "")


def _tags_of(children: _Children) -> list[str]:
    tags = [str(child.get("term") or " ".join(_content(child).split())) for child in children.get("category", ())]
    return list(dict.fromkeys(filter(None, tags)))


def _paragraphs(children: _Children) -> str:
    """Return the longest of an entry's texts: some feeds have the summary twice, and the whole nowhere."""
    longest = max(_named(children, _TEXTS), key=_length, default=None)
    return "" if longest is None else _paragraphs_of(longest)


def _length(element: Element) -> int:
    return sum(map(len, element.itertext()))


def _paragraphs_of(element: Element) -> str:
    from lxml import etree

    kind = element.get("type", "")
    if kind == "xhtml" or len(element):
        return paragraphs_of(etree.tostring(element, encoding="unicode", with_tail=False))
    text = _content(element)
    is_markup = "html" in kind or (kind != "text" and _MARKUP.search(text))
    return paragraphs_of(text) if is_markup else without_controls(text).strip()
