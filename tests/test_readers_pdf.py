"""PDFs to articles: paragraphs across lines, columns and pages, their pages, and what cannot be read."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from semsearch import Article, ReadingLog, build_index, open_index, read_articles
from semsearch.readers import pdf
from semsearch.readers.pdf import _pages as _pdf_pages
from semsearch.readers.pdf import _process as _pdf_process
from semsearch.readers.pdf._layout import Vocabulary
from semsearch.readers.pdf._lines import Line
from semsearch.records import page_at
from tests.documents import BOLD, FONT, PdfMaker, pdf_of
from tests.embedder import WordEmbedder

Read = Callable[[bytes], tuple[list[Article], ReadingLog]]
SENTENCES = (
    "The ministers met at the border on Tuesday and spoke about the water of the river for many hours. "
    "Nothing was said about the bridge, which had been closed since the spring for want of repairs. "
)


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    monkeypatch.chdir(tmp_path)

    def read_file(content: bytes) -> tuple[list[Article], ReadingLog]:
        Path("a.pdf").write_bytes(content)
        log = ReadingLog(dropped=[])
        return list(read_articles("a.pdf", log=log)), log

    return read_file


def paragraphs(article: Article) -> list[str]:
    return article.text.split("\n\n")


def problems(log: ReadingLog) -> list[str]:
    return [str(problem) for problem in log.problems]


def dropped(log: ReadingLog) -> list[str]:
    return [each.text for each in log.dropped or []]


def test_lines_become_paragraphs_and_each_knows_its_page(read: Read) -> None:
    words = [("red", "blue"), ("green", "black"), ("white", "brown")]
    made = [
        [f"First of page {page}. {SENTENCES.replace('the', one)}", f"Second of page {page}. {SENTENCES}{two}."]
        for page, (one, two) in enumerate(words, start=1)
    ]
    (article,), log = read(pdf_of(made))
    assert paragraphs(article) == [text.strip() for page in made for text in page]
    assert article.metadata["pages"] == [[article.text.index(f"First of page {n}"), str(n)] for n in (1, 2, 3)]
    assert page_at(article, article.text.index("Second of page 2")) == "2"
    assert dropped(log) == ["1", "2", "3"]
    assert (log.problems, log.notes) == ([], [])


def test_a_paragraph_goes_on_over_the_page_and_its_note(read: Read) -> None:
    from reportlab.pdfbase.pdfmetrics import stringWidth

    maker = PdfMaker()
    lines = [
        "The ministers met at the border on Tuesday and spoke about the water of the",
        "river, which is low, and the mills that stand still by it now, and some more of the",
    ]
    maker.lines(72, 150, lines)
    maker.line(72 + stringWidth(lines[1], FONT, 11) + 1, 141, "1", 6)
    maker.line(72, 80, "1", 5)
    maker.line(76, 77, "The note says where this was found in the archive.", 8)
    maker.end_page()
    maker.lines(72, 740, ["bridge that was closed since the spring, for want of repairs and of the money", "for them."])
    maker.lines(72, 700, ["Nobody was surprised."])
    (article,), _ = read(maker.done())
    going_on = "bridge that was closed since the spring, for want of repairs and of the money for them."
    assert paragraphs(article) == [
        " ".join([*lines, going_on]),
        "1 The note says where this was found in the archive.",
        "Nobody was surprised.",
    ]
    assert article.metadata["pages"] == [
        [0, "1"],
        [article.text.index("bridge"), "2"],
        [article.text.index("1 The note"), "1"],
        [article.text.index("Nobody"), "2"],
    ]


@pytest.mark.parametrize("by_row", [False, True])
def test_columns_are_read_one_after_the_other(read: Read, by_row: bool) -> None:
    left = [
        "The left column has words",
        "that are about the water",
        "of the river, and it goes",
        "on for some lines more.",
    ]
    right = [
        "The right column has words",
        "that are about the bridge",
        "on the road, and it goes",
        "on for some lines too.",
    ]
    maker = PdfMaker()
    cells = [(x, 700 - 14 * n, text) for x, column in ((72, left), (320, right)) for n, text in enumerate(column)]
    if by_row:
        cells.sort(key=lambda cell: (-cell[1], cell[0]))
    for x, y, text in cells:
        maker.line(x, y, text)
    (article,), _ = read(maker.done())
    assert paragraphs(article) == [" ".join(left), " ".join(right)]


def test_a_table_stays_in_rows(read: Read) -> None:
    maker = PdfMaker()
    for n, row in enumerate([("Town", "Bridges"), ("Almaty", "12"), ("Taraz", "3")]):
        maker.line(72, 700 - 14 * n, row[0])
        maker.line(220, 700 - 14 * n, row[1])
    (article,), _ = read(maker.done())
    assert article.text == "Town | Bridges\nAlmaty | 12\nTaraz | 3"


def test_headings_and_items_stand_alone(read: Read) -> None:
    maker = PdfMaker()
    y = maker.lines(72, 740, ["The Water of the River"], 20)
    y = maker.lines(72, y, ["The Agenda"], 11, BOLD)
    y = maker.wrapped(SENTENCES, y=y, width=300)
    maker.lines(
        72, y, ["• the first item, which is as long as a line of the text", "   and goes on here", "• the second item"]
    )
    (article,), _ = read(maker.done())
    assert article.title == "The Water of the River"
    assert paragraphs(article) == [
        "The Agenda",
        SENTENCES.strip(),
        "• the first item, which is as long as a line of the text and goes on here",
        "• the second item",
    ]


def test_an_indent_begins_a_paragraph(read: Read) -> None:
    maker = PdfMaker()
    width = "The ministers met at the border on Tuesday and they spoke about"
    maker.line(90, 700, width[:-3])
    maker.lines(72, 686, [width, width])
    maker.line(90, 644, width[:-3])
    maker.lines(72, 630, [width])
    (article,), _ = read(maker.done())
    assert [text.count("ministers") for text in paragraphs(article)] == [3, 2]


def line(text: str) -> Line:
    return Line(text, (text,), 0, 100, 0, 10, bold=False, page=0)


@pytest.mark.parametrize(
    ("before", "after", "joined"),
    [
        ("the peace-", "keeping force", "the peacekeeping force"),
        ("the well-", "known force", "the well-known force"),
        ("the long-", "term plan", "the long-term plan"),
        ("the Anglo-", "American force", "the Anglo-American force"),
        ("in 2019-", "20 they", "in 2019-20 they"),
        ("die Ein-", "und Ausfuhr", "die Ein- und Ausfuhr"),
        ("the agree\u00ad", "ment", "the agreement"),
        ("he came -", "and went", "he came - and went"),
        ("MER-", "CHANTABILITY", "MERCHANTABILITY"),
        ("the QA-", "Statistics are", "the QA-Statistics are"),
        ("in /usr/common-", "licenses/a", "in /usr/common-licenses/a"),
        ("at https:", "//example.org", "at https://example.org"),
        ("no", "hyphen", "no hyphen"),
        ("at https://example.org/", "news/a.html", "at https://example.org/news/a.html"),
        ("to jane@lists.", "example.org", "to jane@lists.example.org"),
        ("at www.example.org.", "The river", "at www.example.org. The river"),
        ("and/", "or", "and/ or"),
    ],
)
def test_a_hyphen_at_a_line_end_is_mended_by_what_the_document_says(before: str, after: str, joined: str) -> None:
    vocabulary = Vocabulary()
    for known in ("a peacekeeping force was", "and a long-term plan and", "a well known force is"):
        vocabulary.add(line(known))
    assert vocabulary.end_before(before, after) + after == joined


def test_running_heads_are_left_out_and_headings_with_numbers_are_not(read: Read) -> None:
    maker = PdfMaker()
    for page in range(1, 6):
        maker.line(72, 800, "Meridian Quarterly", 9)
        maker.line(500, 800, f"Page {page + 11} of 99", 9)
        maker.line(72, 760, f"Chapter {page}", 16)
        maker.wrapped(f"On page {page}. {SENTENCES}", y=730)
        maker.end_page()
    (article,), log = read(maker.done())
    assert paragraphs(article)[:2] == [f"On page 1. {SENTENCES.strip()}", "Chapter 2"]
    assert article.title == "Chapter 1"
    assert dropped(log) == [f"Meridian Quarterly Page {page + 11} of 99" for page in range(1, 6)]


def test_what_runs_across_the_page_is_left_out(read: Read) -> None:
    maker = PdfMaker()
    maker.wrapped(SENTENCES)
    maker.canvas.saveState()
    maker.canvas.translate(300, 300)
    maker.canvas.rotate(45)
    maker.line(0, 0, "DRAFT", 60)
    maker.canvas.restoreState()
    (article,), log = read(maker.done())
    assert article.text == SENTENCES.strip()
    assert dropped(log) == ["DRAFT"]


def test_a_paragraph_does_not_go_on_in_the_labels_of_a_figure(read: Read) -> None:
    maker = PdfMaker()
    y = maker.wrapped(SENTENCES.replace(".", "") + "and then")
    maker.lines(400, y + 40, ["source", "the device"])
    maker.wrapped(f"the talks ended. {SENTENCES}", y=y - 40)
    (article,), _ = read(maker.done())
    assert [text[:9] for text in paragraphs(article)] == ["The minis", "source th", "the talks"]


def test_a_page_that_is_turned_is_read(read: Read) -> None:
    maker = PdfMaker()
    maker.canvas.setPageRotation(90)
    maker.canvas.translate(595, 0)
    maker.canvas.rotate(90)
    maker.wrapped(f"First. {SENTENCES}", y=500)
    maker.wrapped(f"Second. {SENTENCES}", y=400)
    (article,), _ = read(maker.done())
    assert paragraphs(article) == [f"First. {SENTENCES.strip()}", f"Second. {SENTENCES.strip()}"]


def test_a_hit_of_a_pdf_names_its_page(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf_of([[SENTENCES], ["The harvest was poor, and the mills stood still."]]))
    build_index(tmp_path / "a.pdf", tmp_path / "index", embedder=WordEmbedder())
    with open_index(tmp_path / "index", embedder=WordEmbedder()) as searcher:
        (first,) = searcher.search("the harvest was poor and the mills stood still", k=1)
        (second,) = searcher.search("the ministers met at the border on Tuesday", k=1)
    assert (first.page, second.page) == ("2", "1")


# --- properties


def test_title_author_and_date_are_the_properties(read: Read) -> None:
    made = pdf_of([["The Report", SENTENCES]], Title="The  Report", Author="Jane Q. Writer")
    made = made.replace(b"D:20000101000000", b"D:20220107000000")
    (article,), log = read(made)
    assert (article.title, article.published) == ("The Report", dt.date(2022, 1, 7))
    assert {name: article.metadata[name] for name in article.metadata if name != "pages"} == {
        "author": "Jane Q. Writer", "published_from": "file's properties", "published_confidence": "weak",
    }  # fmt: skip
    assert log.notes == []


@pytest.mark.parametrize(
    "title", ["Microsoft Word - report final.doc", "\x01\x02 ", "untitled", "report_v2.indd", "Layout 1", "123"]
)
def test_a_title_that_a_program_made_up_is_none(read: Read, title: str) -> None:
    (article,), _ = read(pdf_of([[SENTENCES]], Title=title, Author="admin"))
    assert article.title == ""
    assert "author" not in article.metadata


def test_a_date_in_the_future_is_noted_and_not_taken(read: Read) -> None:
    (article,), log = read(pdf_of([[SENTENCES]]).replace(b"D:20000101000000", b"D:29990101000000"))
    assert article.published is None
    assert log.notes == ["a.pdf: the date 2999-01-01 in its properties is in the future, not taken"]


def test_pages_are_called_what_they_are_called_in_print(read: Read) -> None:
    import pypdfium2

    maker = PdfMaker()
    for number, style in enumerate(["ROMAN_LOWER", "ARABIC"]):
        maker.wrapped(f"Text {number}. {SENTENCES[40 * number :]}")
        maker.canvas.addPageLabel(number, style=style, start=[4, 1][number])
        maker.end_page()
    made = maker.done()
    assert pypdfium2.PdfDocument(made).get_page_label(0) == "iv"
    (article,), _ = read(made)
    assert article.metadata["pages"] == [[0, "iv"], [article.text.index("Text 1"), "1"]]


# --- what cannot be read


def test_a_scanned_document_needs_ocr(read: Read) -> None:
    from PIL import Image
    from reportlab.lib.utils import ImageReader

    maker = PdfMaker()
    maker.canvas.drawImage(ImageReader(Image.new("L", (60, 80), 200)), 0, 0, 595, 842)
    articles, log = read(maker.done())
    assert articles == []
    assert problems(log) == ["a.pdf: no text in it: it is scanned; run OCR (e.g. ocrmypdf)"]


def test_a_document_without_text_says_so(read: Read) -> None:
    maker = PdfMaker()
    maker.canvas.rect(10, 10, 100, 100)
    articles, log = read(maker.done())
    assert (articles, problems(log)) == ([], ["a.pdf: no text in it"])


def test_scanned_pages_among_others_are_noted(read: Read) -> None:
    from PIL import Image
    from reportlab.lib.utils import ImageReader

    maker = PdfMaker()
    maker.wrapped(SENTENCES)
    maker.end_page()
    maker.canvas.drawImage(ImageReader(Image.new("L", (60, 80), 200)), 0, 0, 595, 842)
    (article,), log = read(maker.done())
    assert article.text == SENTENCES.strip()
    assert log.notes == ["a.pdf: page 2 without text: if they are scanned, run OCR (e.g. ocrmypdf)"]


@pytest.mark.parametrize(("password", "count"), [("secret", 0), ("", 1)])
def test_an_encrypted_document_is_read_if_its_password_is_empty(read: Read, password: str, count: int) -> None:
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas("e.pdf", encrypt=StandardEncryption(password, ownerPassword="owner", strength=128))
    canvas.drawString(72, 700, "The text of a document.")
    canvas.save()
    articles, log = read(Path("e.pdf").read_bytes())
    assert len(articles) == count
    assert problems(log) == ["a.pdf: is encrypted: save it without its password"] * (1 - count)


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7\n", b"no PDF", b"\x00" * 1000])
def test_what_is_no_pdf_is_a_problem(read: Read, content: bytes) -> None:
    articles, log = read(content)
    assert articles == []
    assert problems(log)[0].startswith("a.pdf: is no PDF that can be read, or damaged beyond mending")


def test_too_many_pages_are_refused_unread(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MOST_PAGES", 2)
    articles, log = read(pdf_of([[SENTENCES]] * 3))
    assert (articles, problems(log)) == ([], ["a.pdf: has 3 pages, more than 2: split it"])
    monkeypatch.setattr(pdf, "MOST_PAGES", 3)
    assert len(read(pdf_of([[SENTENCES]] * 3))[0]) == 1  # nothing of the other one is left in the pipe


def test_too_many_pieces_are_refused(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MOST_PIECES", 3)
    articles, log = read(pdf_of([[SENTENCES], [SENTENCES]]))
    assert (articles, problems(log)) == ([], ["a.pdf: is drawn in more than 3 pieces: print it into a new PDF"])


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 1e30])
def test_places_that_are_on_no_page_are_brought_back(number: float) -> None:
    run = _pdf_pages._Run("a", (number, 1.0), (2.0, number), number, bold=False, angle=0.0)
    piece = _pdf_pages._turned_back(run, 0.0)
    assert all(abs(at) <= 20_000 for at in piece[1:5])


def test_too_much_text_is_refused(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MOST_BYTES", 100)
    articles, log = read(pdf_of([[SENTENCES]]))
    assert (articles, problems(log)) == (
        [], ["a.pdf: has more than 100 characters, which no article has: split it"],
    )  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="no process is stopped there")
def test_a_page_that_takes_too_long_ends_the_process_and_not_the_build(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(read(pdf_of([[SENTENCES]]))[0]) == 1
    (process,) = _pdf_process._running
    os.kill(process._child.pid, signal.SIGSTOP)
    monkeypatch.setattr(_pdf_process, "PAGE_SECONDS", 0.2)
    articles, log = read(pdf_of([[SENTENCES]]))
    assert (articles, problems(log)) == ([], ["a.pdf: takes too long to read"])
    monkeypatch.undo()
    assert _pdf_process._running == []
    assert process._child.returncode is not None


def test_a_process_that_dies_is_a_problem_of_one_document(read: Read) -> None:
    assert len(read(pdf_of([[SENTENCES]]))[0]) == 1
    (process,) = _pdf_process._running
    process._child.kill()
    process._child.wait()
    articles, log = read(pdf_of([[SENTENCES]]))
    assert (articles, problems(log)) == (
        [], ["a.pdf: makes pdfium, which reads it, crash or take too much memory"],
    )  # fmt: skip
    assert len(read(pdf_of([[SENTENCES]]))[0]) == 1


def test_a_library_that_is_not_installed_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    (about,) = _pdf_pages._answer(b"")
    assert pdf._reason_against(about) == 'needs "pdf" support: pip install "semsearch[pdf]"'


def test_what_lies_where_the_user_is_is_not_run(read: Read) -> None:
    for name in ("pypdfium2", "json", "semsearch"):
        Path(f"{name}.py").write_text("raise SystemExit('run')")
    _pdf_process._end()  # the next document starts another process, from here
    assert len(read(pdf_of([[SENTENCES]]))[0]) == 1
