"""A PDF to the pieces of lines on its pages, by pdfium; run as a program it reads one document after another.

pdfium is written in C++, and what a page of a hostile document makes it do may take any time. So it runs in a process
of its own, with limits: :mod:`semsearch.readers.pdf._process` starts it, sends it documents and ends it.

The conversation: a line with the number of bytes, and the bytes; then lines of JSON come back, first the document's
(``{"pages": 3, "properties": {...}}`` or ``{"error": "..."}``), then one a page, which is a :class:`Page`.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

__all__ = ["MOST_CHARACTERS", "Page", "Piece", "pages_of", "serve"]

MOST_CHARACTERS = 200_000
"""Of a page; a full page of a newspaper has 50,000."""
_MEMORY = 2 << 30
"""Bytes of addresses that the process has, where the system can limit them; pdfium itself takes 100 MiB."""
_SECONDS = 600
"""Of computing a document, where the system can limit it: should the process that asked be gone, this one ends."""
_NO_PASSWORD = 4  # pdfium's FPDF_ERR_PASSWORD
_HYPHENS = "\x02\ufffe"  # what pdfium puts in place of a hyphen at the end of a line and of the line's end
_GAP = 1.2
"""In font sizes: words that are farther apart do not follow each other."""
_RAISED = 0.85
"""In the font size of its line: a number that is smaller refers to a note."""

_MOST_POINTS = 20_000.0
"""A page has at most 14,400."""
_UNITS = frozenset({"m", "km", "cm", "mm", "ft", "mi", "in", "yd"})  # of which there are squares


_MARKS = re.compile(r"\d+(?:,\d+)*$")


class Piece(NamedTuple):
    """Words that follow each other on a line.

    Attributes:
        text: The words.
        left: From the left of the page, in points.
        right: Likewise.
        base: The base line, from the bottom of the page.
        size: Of the font.
        bold: Whether it is.
    """

    text: str
    left: float
    right: float
    base: float
    size: float
    bold: bool


class Page(NamedTuple):
    """A page: what it is called in print, its height, and its pieces in the document's order.

    ``turned`` are the texts that run another way than the most, such as a stamp along the margin; ``error`` says why
    there is nothing, if so.
    """

    label: str
    width: float
    height: float
    pieces: list[Piece]
    turned: list[str]
    images: int = 0
    error: str = ""


class _Run(NamedTuple):
    """A piece before the page is turned: where its first and its last character are, and the angle of its line."""

    text: str
    begin: tuple[float, float]
    end: tuple[float, float]
    size: float
    bold: bool
    angle: float


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer each document of ``requests`` until there is none."""
    while header := requests.readline():
        data = requests.read(int(header))
        _limit_time()
        for line in _answer(data):
            answers.write(json.dumps(line).encode() + b"\n")
            answers.flush()


def _answer(data: bytes) -> Iterator[Any]:
    try:
        import pypdfium2
    except ImportError:
        yield {"error": "missing"}
        return
    try:
        document = pypdfium2.PdfDocument(data)
        count = len(document)
    except pypdfium2.PdfiumError as error:
        code = getattr(error, "err_code", None)
        yield {"error": "password" if code == _NO_PASSWORD else str(error)}
        return
    yield {"pages": count, "properties": document.get_metadata_dict(skip_empty=True)}
    yield from pages_of(document)


def pages_of(document: Any) -> Iterator[Page]:
    """Yield the pages of an open document, one that cannot be read with its ``error``."""
    import pypdfium2

    for number in range(len(document)):
        label = document.get_page_label(number) or str(number + 1)
        try:
            page = document[number]
            yield _page(page, label)
            page.close()
        except (pypdfium2.PdfiumError, ValueError) as error:
            yield Page(label, 0, 0, [], [], error=str(error))


def _page(page: Any, label: str) -> Page:
    import pypdfium2.raw as pdfium

    width, height = page.get_size()
    text_page = page.get_textpage()
    count = text_page.count_chars()
    if count > MOST_CHARACTERS:
        raise ValueError(f"it has {count:,} characters")
    runs = list(_Reader(pdfium, text_page, count).runs())
    text_page.close()
    angles: Counter[float] = Counter()
    for run in runs:
        angles[run.angle] += len(run.text)
    angle = angles.most_common(1)[0][0] if angles else 0.0
    pieces = [_turned_back(run, angle) for run in runs if run.angle == angle]
    turned = [run.text for run in runs if run.angle != angle]
    images = 0 if pieces else sum(1 for _ in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3))
    return Page(label, width, height, pieces, turned, images)


def _turned_back(run: _Run, angle: float) -> Piece:
    """Return the piece as it stands when the page is turned so that lines of this angle run from left to right."""
    cosine, sine = math.cos(angle), math.sin(angle)
    left = run.begin[0] * cosine + run.begin[1] * sine
    right = run.end[0] * cosine + run.end[1] * sine
    base = run.begin[1] * cosine - run.begin[0] * sine
    right = max(left, right)
    return Piece(run.text, _bounded(left), _bounded(right), _bounded(base), _bounded(run.size), run.bold)


def _bounded(points: float) -> float:
    """Return a place or size as a page can have it: a document may state any number, and some that are none."""
    return 0.0 if math.isnan(points) else round(max(-_MOST_POINTS, min(_MOST_POINTS, points)), 1)


class _Reader:
    """Reads the characters of a page by their numbers; where a word begins and ends, where it stands."""

    def __init__(self, pdfium: Any, text_page: Any, count: int) -> None:
        self._pdfium = pdfium
        self._page = text_page.raw
        self._characters = [_character(pdfium.FPDFText_GetUnicode(self._page, at)) for at in range(count)]
        self._box = [ctypes.c_double() for _ in range(4)]
        self._references = [ctypes.byref(side) for side in self._box]
        self._matrix = pdfium.FS_MATRIX()
        self._name = ctypes.create_string_buffer(64)

    def runs(self) -> Iterator[_Run]:
        """Yield the runs of words on one line in which no gap is wider than a space is."""
        words: list[tuple[int, int]] = []
        for start, end, ends_line in self._words():
            if words and (not self._follows(words[-1], (start, end)) or self._is_mark(words, start)):
                yield self._run(words)
                words = []
            words.append((start, end))
            if ends_line:
                yield self._run(words)
                words = []
        if words:
            yield self._run(words)

    def _words(self) -> Iterator[tuple[int, int, bool]]:
        """Yield where each word begins and ends, and whether its line ends there."""
        start = -1
        for at, character in enumerate([*self._characters, "\n"]):
            if character in _HYPHENS and start >= 0:
                yield start, at + 1, True
                start = -1
            elif not character.isspace() and character not in _HYPHENS:
                start = at if start < 0 else start
            elif start >= 0:
                yield start, at, character in "\r\n"
                start = -1

    def _follows(self, before: tuple[int, int], word: tuple[int, int]) -> bool:
        first, second = self._place(before[1] - 1), self._place(word[0])
        size = max(first[4], second[4], 1.0)
        # Where the words are turned, the gap is not only from left to right.
        across, along = second[0] - first[2], second[1] - first[1]
        return math.hypot(max(across, 0.0), along) <= _GAP * size and across > -2 * size

    def _is_mark(self, words: list[tuple[int, int]], following: int) -> bool:
        """Whether there is only a raised number or sign until now: the mark of a note, which is a piece of its own."""
        start, end = words[0]
        if len(words) > 1 or end - start > 3 or any(map(str.isalpha, self._characters[start:end])):
            return False
        mark, after = self._place(start), self._place(following)
        return mark[4] < _RAISED * after[4] and mark[1] > after[1]

    def _run(self, words: list[tuple[int, int]]) -> _Run:
        start, end = words[0][0], words[-1][1]
        begin, last = self._place(start), self._place(end - 1)
        size = max(begin[4], self._place(words[len(words) // 2][0])[4])
        angle = round(max(0.0, self._pdfium.FPDFText_GetCharAngle(self._page, start)), 1) % 6.3
        text = " ".join(filter(None, (self._word(begin_at, end_at, start, size) for begin_at, end_at in words)))
        corner = (last[2], last[1]) if angle == 0 else (last[2], last[3])
        return _Run(text, (begin[0], begin[1]), corner, size, self._is_bold(start) and self._is_bold(end - 1), angle)

    def _word(self, start: int, end: int, first: int, size: float) -> str:
        """Return a word of a run that begins at ``first``, without the raised number that refers to a note."""
        characters = self._characters[start:end]
        word = "".join("-" if each in _HYPHENS else each for each in characters)
        if not any(map(str.isdecimal, word)):
            return word
        mark = len(word) - len(word.lstrip("0123456789"))
        if start == first and 0 < mark < len(word):  # the mark of a note sticks to its first word
            return f"{word[:mark]} {word[mark:]}" if self._is_raised(start, start + mark, size) else word
        marks = _MARKS.search(word)
        if marks is None:
            return word
        trunk = word[: marks.start()]
        if trunk in _UNITS or (not trunk and start == first):
            return word
        before = start + len(trunk) - 1 if trunk else first
        return trunk if self._is_raised(start + len(trunk), before, size) else word

    def _is_raised(self, number: int, other: int, size: float) -> bool:
        """Whether a number's digit is smaller than the text, and higher than another character."""
        digit = self._place(number)
        return digit[4] < _RAISED * size and digit[1] > self._place(other)[1] + 0.1 * size

    def _place(self, at: int) -> tuple[float, float, float, float, float]:
        """Return a character's left, base line, right, top and font size."""
        left, right, bottom, top = self._references
        self._pdfium.FPDFText_GetCharBox(self._page, at, left, right, bottom, top)
        a, b, _, d = (side.value for side in self._box)
        x, y = self._references[2], self._references[3]
        self._pdfium.FPDFText_GetCharOrigin(self._page, at, x, y)
        size = self._pdfium.FPDFText_GetFontSize(self._page, at)
        if self._pdfium.FPDFText_GetMatrix(self._page, at, ctypes.byref(self._matrix)):
            m = self._matrix
            size *= math.sqrt(abs(m.a * m.d - m.b * m.c)) or 1.0
        return a, self._box[3].value, b, d, size

    def _is_bold(self, at: int) -> bool:
        length = self._pdfium.FPDFText_GetFontInfo(self._page, at, self._name, len(self._name), None)
        return 0 < length <= len(self._name) and any(mark in self._name.value for mark in (b"Bold", b"Black", b"CMBX"))


def _character(code: int) -> str:
    return chr(code) if code < 0xD800 or 0xDFFF < code < 0x110000 else "\ufffd"


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _limit_time() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + _SECONDS, hard))


if __name__ == "__main__":
    _limit_memory()
    with open(0, "rb", closefd=False) as requests, open(1, "wb", closefd=False) as answers:
        serve(requests, answers)
