"""Web archives (WARC): each page that a server answered with, by the format that it is of."""

from __future__ import annotations

import datetime as dt
import functools
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from semsearch.readers._budget import UnpackError
from semsearch.readers._days import day_of
from semsearch.readers._extras import missing
from semsearch.readers._formats import format_of, pass_over_kind
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._members import UniqueNames, drain, is_too_deep, outermost, read_member
from semsearch.readers._packed import unpacked
from semsearch.readers.warc._http import MOST_BODY, Headers, content_type, decoded_body, parse_headers, with_mark
from semsearch.readers.warc._records import Record, Records, head_of
from semsearch.records import Article

__all__ = ["read_warc"]

_LONGEST_URL = 2_000
_PAGES = frozenset({"response", "resource", "conversion"})
"""Kinds of records that hold a page; others say what was asked, or that a page was as before."""
_SCHEMES = frozenset({"file", "ftp", "http", "https"})
_SUFFIXES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "application/pdf": ".pdf",
    "application/rss+xml": ".rss",
    "application/atom+xml": ".atom",
    "application/rtf": ".rtf",
    "text/rtf": ".rtf",
    "application/epub+zip": ".epub",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
}
_BEGINNING = 1 << 17
"""Bytes of an answer that its head must be in."""
_TEXTS = frozenset({".html", ".txt", ".md"})
_STATUS = re.compile(r"HTTP/\d(?:\.\d)? (\d{3})\b")


def read_warc(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the articles of the pages in a web archive, packed record by record or not.

    The ids are the file's and the page's address, ``crawl.warc.gz#https://example.org/a``, with a number where it was
    visited again. Where a page states no date, it is the day of the visit, with little confidence.
    """
    if is_too_deep(origin, log):
        return
    outer = origin
    stream, origin = outermost(stream, origin)
    assert origin.budget is not None  # noqa: S101 - for the type checker
    records = Records(unpacked(stream, origin.budget), functools.partial(log.problem, origin.place))
    pages = _Pages(records, origin, log)
    for record in records:
        yield from pages.articles(record)
        if origin.budget.is_over:
            return
    if outer.budget is None:
        drain(stream)


class _Pages:
    """Makes articles of the records of a web archive."""

    def __init__(self, records: Records, origin: Origin, log: ReadingLog) -> None:
        self._records = records
        self._origin = origin
        self._log = log
        self._ids = UniqueNames()

    def articles(self, record: Record) -> Iterator[Located]:
        """Yield the articles of a record, if it holds a page of a format."""
        url = record.headers.get("warc-target-uri").strip("<>")[:_LONGEST_URL]
        if record.headers.get("warc-type").lower() not in _PAGES or not _is_address(url):
            return
        try:
            page = self._page(record)
        except OSError as error:
            self._log.problem(f"{self._origin.place}#{url}", f"{error.strerror or error} (byte {record.offset:,})")
            return
        except ImportError:
            self._log.problem(f"{self._origin.place}#{url}", missing("warc"))
            return
        if page is None:
            return
        suffix, body = page
        own = self._ids.unique(url)
        here = self._origin._replace(place=f"{self._origin.place}#{own}", id=f"{self._origin.id}#{own}")
        opened = functools.partial(_opened, body)
        for located in read_member(f"page{suffix}", opened, here, self._log):
            article = _with_address(located.article, url, record.headers.get("warc-date"), here)
            yield located._replace(article=article)

    def _page(self, record: Record) -> tuple[str, bytes] | None:
        """Return the suffix and the bytes of a page; None, and count it, if it is not to be read.

        Raises:
            OSError: If it is damaged, or too large.
            ImportError: If what unpacks it is not installed.
        """
        headers = record.headers
        is_answer = headers.get("content-type").partition(";")[0].strip().lower() == "application/http"
        begun = b""
        if is_answer:
            headers, begun = self._answer()
            status = _STATUS.match(headers.first)
            if status is None or status[1] not in {"200", "203"}:
                self._count(f"HTTP {status[1]}" if status else "without status")
                return None
        kind, charset = content_type(headers)
        suffix = _SUFFIXES.get(kind, "")
        if format_of(f"page{suffix}") is None or not suffix:
            self._count(suffix or (kind[:100] or "of no type"))
            return None
        body = begun + self._records.read(MOST_BODY + 1)
        if len(body) > MOST_BODY:
            raise UnpackError(f"is larger than {MOST_BODY >> 20} MiB")
        assert self._origin.budget is not None  # noqa: S101 - for the type checker
        if is_answer:
            body = decoded_body(body, headers, self._origin.budget)
        return suffix, with_mark(body, charset) if suffix in _TEXTS else body

    def _answer(self) -> tuple[Headers, bytes]:
        """Return the headers of a server's answer, and the beginning of its body."""
        beginning = io.BytesIO(self._records.read(_BEGINNING))
        return parse_headers(head_of(beginning)), beginning.read()

    def _count(self, kind: str) -> None:
        """Count a page that is passed over."""
        pass_over_kind(kind, self._log)


def _opened(body: bytes) -> BinaryIO:
    return io.BufferedReader(io.BytesIO(body))


def _is_address(url: str) -> bool:
    """Whether this is where a page is, and one that people read."""
    return url.partition(":")[0].lower() in _SCHEMES and not url.endswith("/robots.txt")


def _with_address(article: Article, url: str, visited: str, origin: Origin) -> Article:
    """Return an article with the address of its page, and a date if it has none.

    The addresses of a feed's entries are their own.
    """
    day = None if article.published else day_of(visited, origin, ReadingLog())
    if isinstance(day, dt.date):
        dated = {"published_from": "WARC-Date", "published_confidence": "weak"}
        article = replace(article, published=day, metadata={**article.metadata, **dated})
    return article if article.url and article.id != origin.id else replace(article, url=url)
