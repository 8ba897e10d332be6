"""Documents that are damaged, cut short or made to do harm: each is read or reported, within bounds."""

from __future__ import annotations

import base64
import io
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

import pytest

from semsearch import Article, ReadingLog, build_index, open_index
from semsearch.passages import split_article
from semsearch.readers import FORMATS
from semsearch.readers._log import Origin
from semsearch.storage import content_digest
from tests.documents import docx_of, epub_of, odt_of, pdf_of, zip_of
from tests.embedder import WordEmbedder
from tests.torture.figures import note, scaled

resource = pytest.importorskip("resource", reason="memory is measured as Unix does")

PROMISE = "documents that are damaged or hostile"
COUNT = scaled(10, 200)  # mutations of each format
SECONDS = scaled(60, 600)
"""Of computing a file in this process; that of pdfium has limits of its own."""
SENTENCES = "The ministers met at the border on Tuesday. Nothing was said about the bridge, which had been closed. " * 3
RST = "The Report\n==========\n\n:Date: 2022-01-07\n\nThe *river* is |low|.\n\n.. |low| replace:: high\n\n- one\n\n"
RTF = (
    r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset0 Arial;}}{\info{\title The Report}{\author Jane Writer}}"
    r"\f0 The caf\'e9 is \u8364? {\b open}.\par\trowd a\cell b\cell\row{\pict\pngblip 89504e470d0a1a0a}\par "
)


@cache
def originals() -> dict[str, bytes]:
    """A sound document of each format."""
    chapter = f"<h1>The Bridge</h1><p>{SENTENCES}</p><table><tr><td>a<td>b</table><ul><li>one</ul>"
    return {
        ".pdf": pdf_of([[f"First of {page}. {SENTENCES}", SENTENCES] for page in range(4)], Title="The Report"),
        ".docx": docx_of([("Title", "The Report"), ("Heading 1", "One"), SENTENCES, ("List Bullet", "item")] * 5),
        ".odt": odt_of(f"<text:h>The Report</text:h><text:p>{SENTENCES}</text:p><text:list/>" * 5),
        ".epub": epub_of([chapter] * 3),
        ".rtf": (RTF + SENTENCES * 3 + "}").encode(),
        ".rst": (RST + SENTENCES + "\n\nAgain\n-----\n\n" + SENTENCES).encode(),
    }


# --- mutations --------------------------------------------------------------------------------------------------------


def flipped(data: bytes, random: Random) -> bytes:
    spoilt = bytearray(data)
    for _ in range(random.choice([1, 3, 30, 300])):
        spoilt[random.randrange(len(spoilt))] = random.randrange(256)
    return bytes(spoilt)


def cut(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data))]


def zeroed(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data))
    return data[:start] + bytes(min(512, len(data) - start)) + data[start + 512 :]


def repeated(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data))
    return data[:start] + data[start : start + random.randrange(2000)] * random.randrange(20) + data[start:]


def joined(data: bytes, random: Random) -> bytes:
    other = originals()[random.choice(list(FORMATS.keys() & originals().keys()))]
    return data[: random.randrange(len(data))] + other[random.randrange(len(other)) :]


NUMBERS = [b"0", b"-1", b"1", b"255", b"65536", b"2147483647", b"-2147483648", b"4294967296", b"99999999999999999999"]


def renumbered(data: bytes, random: Random) -> bytes:
    """Put other numbers in: lengths, offsets, references, counts."""
    spoilt = bytearray(data)
    digits = [at for at in range(1, len(data)) if data[at : at + 1].isdigit() and not data[at - 1 : at].isdigit()]
    for at in sorted(random.sample(digits, min(len(digits), random.choice([1, 5, 20]))), reverse=True):
        end = at
        while end < len(spoilt) and spoilt[end : end + 1].isdigit():
            end += 1
        spoilt[at:end] = random.choice(NUMBERS)
    return bytes(spoilt)


def spoilt_within(data: bytes, random: Random) -> bytes:
    """Mutate what is packed, so that the damage is not found by a checksum: a member of a zip, a stream of a PDF."""
    mutate = random.choice([flipped, cut, zeroed, repeated, renumbered])
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = random.choice([name for name in members if members[name]])
        return zip_of({**members, name: mutate(members[name], random)})
    start = data.find(b"stream\r\n") + 8 if b"stream\r\n" in data else data.find(b"stream\n") + 7
    end = data.find(b"endstream", start)
    if not data.startswith(b"%PDF") or end < 0:
        return mutate(data, random)
    packed = base64.a85decode(data[start:end].strip().removesuffix(b"~>"))
    content = zlib.compress(mutate(zlib.decompress(packed), random))
    return data[:start] + base64.a85encode(content) + b"~>" + data[end:]


MUTATIONS: list[Callable[[bytes, Random], bytes]] = [
    flipped, cut, zeroed, repeated, joined, renumbered, spoilt_within, spoilt_within,
]  # fmt: skip


def _megabytes() -> int:
    """Return the most memory that this process had."""
    most = int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return most >> (20 if sys.platform == "darwin" else 10)


def outcome(suffix: str, data: bytes, log: ReadingLog | None = None) -> tuple[int, int]:
    """Read a file: return how many articles and problems there are; it is read or reported."""
    log = ReadingLog() if log is None else log
    started = time.process_time()
    articles = [located.article for located in FORMATS[suffix](io.BytesIO(data), Origin("file", "file"), log)]
    assert time.process_time() - started < SECONDS
    assert articles or log.problems
    for article in articles:
        check_article(article)
    return len(articles), len(log.problems)


def check_article(article: Article) -> None:
    """What is read can be stored and is split without loss."""
    content_digest(article)
    passages = split_article(article, WordEmbedder().count_tokens, limit=250)
    assert "".join("".join(passage.text for passage in passages).split()) == "".join(article.text.split())


@pytest.mark.parametrize("suffix", originals())
def test_a_spoilt_document_is_read_or_reported(suffix: str) -> None:
    random = Random(f"{suffix} 7")
    before = _megabytes()
    read = reported = 0
    for at in range(COUNT):
        articles, problems = outcome(suffix, MUTATIONS[at % len(MUTATIONS)](originals()[suffix], random))
        read += bool(articles)
        reported += bool(problems)
    assert read > 0
    assert reported > 0 or suffix == ".rst"  # whatever is text is some reStructuredText
    assert _megabytes() - before < 500
    note(PROMISE, spoilt=COUNT, of_them_read=read, of_them_reported=reported)


# --- what is made to do harm ------------------------------------------------------------------------------------------


def pdf(*objects: str, pages: int = 1) -> bytes:
    """A PDF of objects from number 3 on, each page of which has number 3 as its content and 4 as its resources."""
    kids = " ".join(["1 0 R"] * pages)
    return "\n".join(
        [
            "%PDF-1.7",
            "1 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 3 0 R /Resources 4 0 R >> endobj",
            f"2 0 obj << /Type /Pages /Kids [{kids}] /Count {pages} >> endobj",
            *(f"{number} 0 obj {content} endobj" for number, content in enumerate(objects, start=3)),
            "99 0 obj << /Type /Catalog /Pages 2 0 R >> endobj",
            "trailer << /Root 99 0 R /Size 100 >>",
            "%%EOF",
        ]
    ).encode("latin-1")


def stream(content: str, entries: str = "") -> str:
    return f"<< /Length {len(content)} {entries} >> stream\n{content}\nendstream"


def packed(size: int, times: int = 1) -> str:
    """A stream that unpacks to much, packed over and over."""
    content = bytes(size)
    for _ in range(times):
        content = zlib.compress(content, 9)
    return stream(content.decode("latin-1"), f"/Filter [{'/FlateDecode ' * times}]")


FONT = "<< /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
FORM = "/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /XObject << /X {} 0 R >> >>"
HARMFUL: dict[str, Callable[[], bytes]] = {
    # Forms that show the next one ten times each, to a depth of nine: a page that never ends.
    "forms in forms.pdf": lambda: pdf(
        stream("/X Do " * 10), "<< /XObject << /X 5 0 R >> >>",
        *(stream("/X Do " * 10, FORM.format(number + 1)) for number in range(5, 14)), stream("0 0 m"),
    ),
    "a form in itself.pdf": lambda: pdf(
        stream("/X Do"), "<< /XObject << /X 5 0 R >> >>", stream("/X Do " * 10, FORM.format(5)),
    ),
    "a bomb.pdf": lambda: pdf(packed(scaled(50, 400) << 20), FONT),
    "a bomb in a bomb.pdf": lambda: pdf(packed(scaled(50, 400) << 20, 2), FONT),
    "many characters.pdf": lambda: pdf(stream("BT /F 9 Tf " + f"({'word ' * 1000}) Tj " * 60 + "ET"), FONT),
    "many pages.pdf": lambda: pdf(stream("BT /F 9 Tf (a) Tj ET"), FONT, pages=6000),
    "pages in a circle.pdf": lambda: pdf(stream(""), FONT).replace(b"/Kids [1 0 R]", b"/Kids [2 0 R]"),
    "many pieces.pdf": lambda: pdf(stream("BT /F 9 Tf " + "1 0 0 1 9 9 Tm (a) Tj " * 30_000 + " ET"), FONT),
    "numbers.pdf": lambda: pdf(stream("BT /F 1e30 Tf 1e30 0 0 1e-30 -1e30 9 Tm (a) Tj 0 0 0 0 0 0 Tm (b) Tj ET"), FONT),
    "deep.pdf": lambda: pdf(stream(""), "[" * 200_000 + "]" * 200_000),
    "deep.odt": lambda: odt_of("<text:list><text:list-item>" * 5000),
    "deep.docx": lambda: docx_of([SENTENCES]),
    "a bomb.odt": lambda: zip_of({"content.xml": bytes(scaled(70, 300) << 20)}),
    "a bomb.docx": lambda: zip_of({"word/document.xml": b"<w:p/>" * scaled(12_000_000, 40_000_000)}),
    "many parts.epub": lambda: epub_of(["<p>a</p>"] * scaled(1000, 9000)),
    "deep.epub": lambda: epub_of(["<div>" * 100_000 + "a", "<table><tr><td>" * 30_000 + "a", "<h1>" * 50_000 + "a"]),
    "headings.epub": lambda: epub_of(["<h1>a</h1>b" * scaled(1000, 20_000)]),
    "deep.rtf": lambda: b"{\\rtf1 a" + b"{" * 500_000,
    "controls.rtf": lambda: b"{\\rtf1 a" + b"\\b" * 500_000,
    "fields.rtf": lambda: b"{\\rtf1 a" + b"{\\field{\\*\\fldinst HYPERLINK \"" * 20_000,
    "pictures.rtf": lambda: b"{\\rtf1 a" + b"{\\pict " * 20_000 + b"00" * 500_000,
    "binary.rtf": lambda: b"{\\rtf1 a" + b"\\bin0 " * 100_000 + b"\\bin999999999 x",
    "characters.rtf": lambda: b"{\\rtf1 a" + b"\\u-10179?" * 100_000,
    "fonts.rtf": lambda: b"{\\rtf1 a{\\fonttbl" + b"{\\f0\\fcharset0 a" * 20_000,
    "substitutions.rst": lambda: b".. |0| replace:: laugh\n" + "".join(
        f".. |{n}| replace:: {f'|{n - 1}| ' * 10}\n" for n in range(1, 12)
    ).encode() + b"\n|11|\n",
    "unclosed.rst": lambda: ("**a " * 1600 + "\n\n").encode() * scaled(5, 80),
    "deep.rst": lambda: "".join(" " * n + "x\n\n" for n in range(600)).encode(),
    "fields.rst": lambda: b":a: b\n" * scaled(5000, 100_000),
    "directives.rst": lambda: b".. table:: a\n\n" * 2000 + b".. list-table::\n   :widths: 99999999999\n\n   * - a\n",
    "sections.rst": lambda: "".join(f"T\n{mark * 3}\n\n" for mark in "=-~^\"'+*#:.`_!$%&(),/;<>?@[]{|}").encode(),
}  # fmt: skip


EXPECTED = {
    "forms in forms.pdf": "takes too long to read",
    "a form in itself.pdf": "takes too long to read",
    "many characters.pdf": "none of its pages can be read",
    "many pages.pdf": "has 6,000 pages",
    "a bomb.odt": "MiB",
    "a bomb.docx": "MiB",
}
"""What stops some of them."""


@pytest.mark.parametrize("name", HARMFUL)
def test_a_document_that_means_harm_is_read_or_reported(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from semsearch.readers.pdf import _process as _pdf_process

    monkeypatch.setattr(_pdf_process, "PAGE_SECONDS", 3)
    before = _megabytes()
    log = ReadingLog()
    articles, problems = outcome(Path(name).suffix, HARMFUL[name](), log)
    assert _megabytes() - before < 1500
    for problem in log.problems:
        assert EXPECTED.get(name, "") in problem.reason
    assert log.problems or name not in EXPECTED
    note(PROMISE, made_to_do_harm=1, of_them_read=bool(articles), of_them_reported=bool(problems))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does")
def test_none_of_them_stops_a_build(tmp_path: Path) -> None:
    random = Random(3)
    for suffix, data in originals().items():
        for at, mutate in enumerate(MUTATIONS):
            (tmp_path / f"{at}{suffix}").write_bytes(mutate(data, random))
        (tmp_path / f"good{suffix}").write_bytes(data)
    report = build_index(tmp_path, tmp_path / "index", embedder=WordEmbedder())
    with open_index(tmp_path / "index", embedder=WordEmbedder()) as searcher:
        found = {
            hit.article.id for hit in searcher.search("ministers border Tuesday bridge", k=100, fold_duplicates=False)
        }
    assert {f"good{suffix}" for suffix in originals()} - {"good.epub"} <= found
    assert {"good.epub#1", "good.epub#2", "good.epub#3"} <= found
    assert report.problems
