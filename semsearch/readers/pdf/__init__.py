"""PDF, by pdfium: paragraphs across line ends, columns and pages, each with the page that it stands on."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

from semsearch.readers._extras import missing
from semsearch.readers._fields import article_from_fields
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._markup import without_controls
from semsearch.readers._text import MOST_BYTES
from semsearch.readers.documents._properties import property_fields
from semsearch.readers.pdf._layout import Paragraph, Vocabulary, paragraphs_of_lines
from semsearch.readers.pdf._lines import Line, body_size, lines_of, running_heads
from semsearch.readers.pdf._pages import Page, Piece
from semsearch.readers.pdf._process import PdfError, answers_about

__all__ = ["read_pdf"]

MOST_FILE_BYTES = 512 << 20
"""Of a file, most of it pictures. The process that reads it holds all of it."""
MOST_PAGES = 5_000
MOST_PIECES = 1_000_000
"""Of lines: a page has a hundred or two. Each is kept until the paragraphs are known, which takes half a kilobyte."""
_UNREADABLE = 0.3
"""Share of the characters that mean nothing, from which on the fonts do not say what they show."""
_PAGES_NAMED = 5
_TITLE_LARGER = 1.15
"""In the size of the text's font: larger lines at the top of the first page may be the title."""
_TITLE_PARAGRAPHS = 6
_LONGEST_TITLE = 250
_DATE = re.compile(r"(?:D:)?(\d{4})(\d\d)(\d\d)")


class _Body(NamedTuple):
    """The text, what was found to be its title, and where its pages begin."""

    text: str
    title: str
    pages: list[list[Any]]


def read_pdf(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the one article of a PDF, a scanned or encrypted one logged as a problem.

    Running heads, page numbers and what stands across the page are left out, hyphens at line ends mended, notes put
    after the paragraph that goes on over them. The metadata ``pages`` is a list of ``[offset, label]``: where in the
    text each page begins. Title, author and date are the document's properties where those can be believed; else the
    title is the largest text at the top of the first page.
    """
    read = _read_pages(stream, origin, log)
    if read is None:
        return
    properties, pages = read
    if not _has_text(pages, origin, log):
        return
    fields = property_fields(
        origin,
        log,
        title=properties.get("Title", ""),
        author=properties.get("Author", ""),
        created=_date(properties.get("CreationDate", "")),
    )
    body = _body(pages, fields.get("title", ""), origin, log)
    fields["pages"] = body.pages
    located = article_from_fields(fields, origin, log, text=body.text, title=body.title)
    if located is not None:
        yield located


def _read_pages(stream: BinaryIO, origin: Origin, log: ReadingLog) -> tuple[Mapping[str, str], list[Page]] | None:
    """Return the properties and the pages, or log why not."""
    size = stream.seek(0, 2)
    stream.seek(0)
    if size > MOST_FILE_BYTES:
        log.problem(origin.place, f"is larger than {MOST_FILE_BYTES >> 20} MiB: split it")
        return None
    answers = answers_about(stream, size)
    try:
        about = next(answers)
        reason = _reason_against(about)
        if reason is None:
            pages, reason = _pages_of(answers)
    except PdfError as error:
        reason = str(error)
    finally:
        answers.close()
    if reason is not None:
        log.problem(origin.place, reason)
        return None
    return about["properties"], pages


def _reason_against(about: Mapping[str, Any]) -> str | None:
    error = about.get("error")
    if error == "missing":
        return missing("pdf")
    if error == "password":
        return "is encrypted: save it without its password"
    if error is not None:
        return f"is no PDF that can be read, or damaged beyond mending ({error})"
    if about["pages"] > MOST_PAGES:
        return f"has {about['pages']:,} pages, more than {MOST_PAGES:,}: split it"
    return None


def _pages_of(answers: Iterator[Any]) -> tuple[list[Page], str | None]:
    pages: list[Page] = []
    characters = pieces_until_now = 0
    for stated, width, height, pieces, turned, images, error in answers:
        characters += sum(len(piece[0]) for piece in pieces)
        pieces_until_now += len(pieces)
        if pieces_until_now > MOST_PIECES:
            return [], f"is drawn in more than {MOST_PIECES:,} pieces: print it into a new PDF"
        if characters > MOST_BYTES:
            return [], f"has more than {MOST_BYTES:,} characters, which no article has: split it"
        label = " ".join(without_controls(stated).split()) or str(len(pages) + 1)
        pages.append(Page(label, width, height, [Piece(*piece) for piece in pieces], turned, images, error))
    return pages, None


def _has_text(pages: Sequence[Page], origin: Origin, log: ReadingLog) -> bool:
    """Whether there is text that can be read; log what is missing."""
    failed = [page.label for page in pages if page.error]
    scanned = [page.label for page in pages if page.images and not page.pieces]
    text = "".join(piece.text for page in pages for piece in page.pieces)
    if not text:
        log.problem(origin.place, _reason_for_nothing(failed, scanned))
    elif sum(map(_is_unreadable, text)) > _UNREADABLE * len(text):
        log.problem(origin.place, "its fonts do not say what their characters are: run OCR (e.g. ocrmypdf --force-ocr)")
    else:
        if failed:
            log.note(origin.place, f"{_named(failed)} cannot be read, left out: the file may be damaged")
        if scanned:
            log.note(origin.place, f"{_named(scanned)} without text: if they are scanned, run OCR (e.g. ocrmypdf)")
        return True
    return False


def _reason_for_nothing(failed: Sequence[str], scanned: Sequence[str]) -> str:
    if scanned:
        return "no text in it: it is scanned; run OCR (e.g. ocrmypdf)"
    if failed:
        return "none of its pages can be read: the file is damaged"
    return "no text in it"


def _named(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _PAGES_NAMED} more" if len(labels) > _PAGES_NAMED else ""
    return f"page{'s' * (len(labels) > 1)} {', '.join(labels[:_PAGES_NAMED])}{more}"


def _is_unreadable(character: str) -> bool:
    return character == "\ufffd" or character < " " or "\ue000" <= character <= "\uf8ff"


def _date(text: str) -> dt.date | None:
    match = _DATE.match(text)
    try:
        return dt.date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def _body(pages: Sequence[Page], title: str, origin: Origin, log: ReadingLog) -> _Body:
    """Return the text of the pages without running heads and without its title, which is taken from it if unknown."""
    lines = _without_furniture(pages, origin, log)
    vocabulary = Vocabulary()
    for line in (line for page in lines for line in page):
        vocabulary.add(line)
    paragraphs = list(paragraphs_of_lines(lines))
    first = _title_of(paragraphs, body_size(line for page in lines for line in page))
    if first is not None:
        found = paragraphs[first].text(vocabulary)[0]
        if not title or _same(found, title):
            title = title or found
            del paragraphs[first]
    parts: list[str] = []
    starts: list[list[Any]] = []
    length = 0
    for paragraph in paragraphs:
        text, pages_in_it = paragraph.text(vocabulary)
        for at, page in pages_in_it:
            label = pages[page].label
            if not starts or starts[-1][1] != label:
                starts.append([length + at, label])
        parts.append(text)
        length += len(text) + 2
    return _Body("\n\n".join(parts), title, starts)


def _without_furniture(pages: Sequence[Page], origin: Origin, log: ReadingLog) -> list[list[Line]]:
    """Return the lines of each page but running heads and page numbers, and what stands across the page."""
    lines = [lines_of(page, number) for number, page in enumerate(pages)]
    running = running_heads(lines)
    kept = []
    for page, its_lines in zip(pages, lines, strict=True):
        for line in filter(running.has, its_lines):
            log.drop(origin.place, line.text, f"running head or page number of page {page.label}")
        for text in page.turned:
            log.drop(origin.place, text, f"turned text on page {page.label}")
        kept.append([line for line in its_lines if line.text and not running.has(line)])
    return kept


def _title_of(paragraphs: Sequence[Paragraph], body: float) -> int | None:
    """Return which of the first paragraphs is the largest, if it is larger than the text and may be a title."""
    at_top = [
        (paragraph.size, -at)
        for at, paragraph in enumerate(paragraphs[:_TITLE_PARAGRAPHS])
        if paragraph.lines[0].page == 0
        and paragraph.size >= _TITLE_LARGER * body
        and 3 < sum(len(line.text) for line in paragraph.lines) <= _LONGEST_TITLE
    ]
    return -max(at_top)[1] if at_top else None


def _same(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()
