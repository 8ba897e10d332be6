"""Books, rich text and reStructuredText to articles."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from semsearch import Article, ReadingLog, read_articles
from semsearch.readers.documents import epub, restructuredtext, rtf
from tests.documents import epub_of, zip_of

Read = Callable[[str, "str | bytes"], tuple[list[Article], ReadingLog]]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    monkeypatch.chdir(tmp_path)

    def read_file(name: str, content: str | bytes) -> tuple[list[Article], ReadingLog]:
        Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
        log = ReadingLog(dropped=[])
        return list(read_articles(name, log=log)), log

    return read_file


def problems(log: ReadingLog) -> list[str]:
    return [str(problem) for problem in log.problems]


# --- books


def test_a_book_is_an_article_a_chapter(read: Read) -> None:
    made = epub_of(
        [
            "<p>For the river.</p>",
            "<h1>Chapter 1</h1><h2>The Water</h2><p>It is low.</p><h2>More</h2><p>It is lower.</p>",
            "<p>It goes on.</p>",
            "<h2>The Bridge</h2><p>It is closed.</p><h2>The Road</h2><p>It is open.</p>",
            "<p/>",
        ],
        metadata="<dc:title>The Book</dc:title><dc:creator>Jane Writer</dc:creator><dc:creator>Jo Other</dc:creator>"
        "<dc:publisher>Meridian Press</dc:publisher><dc:date>2022-01-07</dc:date>",
    )
    articles, log = read("a.epub", made)
    assert [(article.id, article.title, article.text) for article in articles] == [
        ("a.epub#1", "The Book", "For the river."),
        ("a.epub#2", "The Book: Chapter 1: The Water", "It is low.\n\nMore\n\nIt is lower.\n\nIt goes on."),
        ("a.epub#3", "The Book: The Bridge", "It is closed."),
        ("a.epub#4", "The Book: The Road", "It is open."),
    ]
    for article in articles:
        assert (article.source, article.published) == ("Meridian Press", dt.date(2022, 1, 7))
        assert article.metadata == {
            "author": "Jane Writer, Jo Other", "published_from": "file's properties", "published_confidence": "weak",
        }  # fmt: skip
    assert (log.problems, log.notes) == ([], [])


def test_a_chapter_that_is_called_like_its_book_is_called_so_once(read: Read) -> None:
    articles, _ = read("a.epub", epub_of(["<h1>The book</h1><p>It is low.</p>"]))
    assert [article.title for article in articles] == ["The Book"]


def test_a_book_without_a_title_has_its_chapters(read: Read) -> None:
    articles, _ = read("a.epub", epub_of(["<h1>The Water</h1><p>It is low.</p>"], metadata=""))
    assert [article.title for article in articles] == ["The Water"]


def test_parts_that_are_missing_are_noted_and_the_others_read(read: Read) -> None:
    made = epub_of(["<h1>One</h1><p>a</p>"] * 2).replace(b"text/c 1.xhtml", b"text/x 1.xhtml")
    articles, log = read("a.epub", made)
    assert len(articles) == 1
    assert log.notes == ["a.epub: 1 of its parts are missing or damaged, not read: OEBPS/text/c 1.xhtml"]


def test_links_out_of_a_book_lead_nowhere(read: Read, tmp_path: Path) -> None:
    (tmp_path / "secret.xhtml").write_text("<p>secret</p>")
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
        + "".join(
            f'<item id="i{n}" href="{link}" media-type="application/xhtml+xml"/>'
            for n, link in enumerate(["../secret.xhtml", "/../secret.xhtml", f"{tmp_path}/secret.xhtml", "file:///etc/passwd"])
        )
        + "</manifest><spine>" + "".join(f'<itemref idref="i{n}"/>' for n in range(4)) + "</spine></package>"
    )  # fmt: skip
    container = '<container><rootfiles><rootfile full-path="book.opf"/></rootfiles></container>'
    articles, log = read("a.epub", zip_of({"META-INF/container.xml": container, "book.opf": package}))
    assert articles == []
    assert problems(log) == ["a.epub: no text in it"]


def test_a_book_with_drm_says_so(read: Read) -> None:
    reference = '<CipherReference URI="OEBPS/text/c%200.xhtml"/>'
    locked = f"<encryption><EncryptedData><CipherData>{reference}</CipherData></EncryptedData></encryption>"
    articles, log = read("a.epub", epub_of(["<p>a</p>"], encryption=locked))
    assert (articles, problems(log)) == (
        [], ["a.epub: is encrypted (DRM): only the reader that it was sold for can read it"],
    )  # fmt: skip
    assert len(read("a.epub", epub_of(["<p>a</p>"], encryption=locked.replace("text/c%200.xhtml", "font.otf")))[0]) == 1


def test_a_book_of_too_many_parts_or_too_much_text_is_refused(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    made = epub_of(["<h1>One</h1><p>" + "long " * 30 + "</p>", "<h1>Two</h1><p>short</p>"])
    monkeypatch.setattr(epub, "MOST_BYTES", 100)
    articles, log = read("a.epub", made)
    assert [article.id for article in articles] == ["a.epub#2"]
    assert problems(log) == ["a.epub#1: is larger than 16 MiB, which no article is: split it"]
    monkeypatch.setattr(epub, "_MOST_DOCUMENTS", 1)
    assert problems(read("a.epub", made)[1]) == ["a.epub: has more than 1 parts, which no book has"]


# --- rich text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"One {\b bold} word.\par\par Two.\par Three.", "One bold word.\n\nTwo.\n\nThree."),
        (r"caf\'e9 \u8364? \u-10179?\u-8704? \emdash x", "café € 😀 —x"),
        (r"{\*\generator x}{\fonttbl{\f0 Arial;}}{\header no}a", "a"),
        (r"\trowd a\cell b\cell\row\trowd c\cell d\cell\row after", "a | b\nc | d\n\nafter"),
        (r"{\fonttbl{\f0\fnil\fcharset0 Arial;}{\f1\fcharset204 Cyr;}}\f0 caf\'e9 \f1 \'ec\'e8\'f0", "café мир"),
        (r"{\fonttbl\f0\fcharset204 Cyr;\f1\fswiss\fcharset0 Arial;}\f0 \'ec\'e8\'f0 \f1 caf\'e9\bin ", "мир café"),
        (r"a{\pict\pngblip " + "89504e47" * 500 + r"}b", "ab"),
        (r"a{\pict\bin10 }}}}}}}}}}}b", "ab"),
        (r'a {\field{\*\fldinst HYPERLINK "http://example.org"}{\fldrslt link}} b', "a link b"),
    ],
)
def test_rich_text_is_its_paragraphs(read: Read, body: str, text: str) -> None:
    (article,), log = read("a.rtf", f"{{\\rtf1\\ansi\\ansicpg1252 {body}}}")
    assert article.text == text
    assert (log.problems, log.notes) == ([], [])


def test_the_properties_of_rich_text(read: Read) -> None:
    info = r"{\info{\title The Caf\'e9}{\author Jane Writer}{\creatim\yr2022\mo1\dy7\hr3}}"
    (article,), _ = read("a.rtf", f"{{\\rtf1\\ansi{info}The text.}}")
    assert (article.title, article.text, article.published) == ("The Café", "The text.", dt.date(2022, 1, 7))
    assert article.metadata["author"] == "Jane Writer"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is no rich text: it does not begin with '{\\rtf'"),
        ("The text.", "is no rich text: it does not begin with '{\\rtf'"),
        ("{\\rtf1}", "no text in it"),
        ("{\\rtf1 \\u99999999 x}", "is damaged: ValueError: chr() arg not in range(0x110000)"),
    ],
)
def test_what_is_no_rich_text_is_a_problem(read: Read, content: str, reason: str) -> None:
    articles, log = read("a.rtf", content)
    assert (articles, problems(log)) == ([], [f"a.rtf: {reason}"])


def test_rich_text_that_is_too_large_is_refused(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtf, "MOST_BYTES", 100)
    assert problems(read("a.rtf", "{\\rtf1 " + "long " * 30)[1]) == [
        "a.rtf: is larger than 16 MiB, which no article is: split it"
    ]
    monkeypatch.setattr(rtf, "MOST_FILE_BYTES", 50)
    assert problems(read("a.rtf", "{\\rtf1 " + "long " * 30)[1]) == [
        "a.rtf: is larger than 0 MiB: take its pictures out"
    ]


# --- reStructuredText


def test_a_restructured_text_has_its_title_and_fields(read: Read) -> None:
    (article,), log = read(
        "a.rst",
        "The Report\n==========\n\n:Author: Jane Writer\n:Date: 2022-01-07\n:desk: world\n\nThe *river* is ``low``.\n\n"
        "The Bridge\n----------\n\nIt is closed.\n",
    )
    assert (article.title, article.published) == ("The Report", dt.date(2022, 1, 7))
    assert article.text.endswith("It is closed.")
    assert article.metadata == {"author": "Jane Writer", "desk": "world"}
    assert (log.problems, log.notes) == ([], [])


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a\n\n- one\n- two\n\n  more\n", "a\n\n- one\n- two\n\nmore"),
        ("a\n\n1. one\n2. two\n", "a\n\n1. one\n2. two"),
        ("a::\n\n  x = 1\n\n  y\n", "a:\n\nx = 1\n\ny"),
        ("===  ===\na    b\n===  ===\n1    2\n===  ===\n", "a | b\n1 | 2"),
        ("a :ref:`b <c>` :py:class:`D` `e <http://f.g>`_ h_\n\n.. _h: http://f.g\n", "a b D e h"),
        ("a [1]_ b\n\n.. [1] The note.\n", "a b\n\nThe note."),
        ("| a\n| b\n", "a\nb"),
        (".. note:: Take note.\n\n.. a comment\n\n.. image:: x.png\n", "Take note."),
        ("a\n\n.. contents::\n\nB\n=\n\nc\n\nD\n=\n\ne\n", "a\n\nB\n\nc\n\nD\n\ne"),
        (".. |a| replace:: b\n\nc |a|\n", "c b"),
    ],
)
def test_what_is_text_of_restructured_text(read: Read, source: str, text: str) -> None:
    (article,), log = read("a.rst", source)
    assert article.text == text
    assert log.problems == []


@pytest.mark.parametrize(
    "directive",
    [
        ".. include:: secret.txt", ".. literalinclude:: secret.txt", ".. raw:: html\n   :file: secret.txt",
        ".. csv-table::\n   :file: secret.txt", ".. raw:: html\n\n   <b>secret</b>",
        ".. role:: raw-html(raw)\n   :format: html",
        ".. code::\n   :number-lines:\n\n.. include:: secret.txt\n   :parser: rst",
    ],
)  # fmt: skip
def test_nothing_is_put_in_from_elsewhere(read: Read, tmp_path: Path, directive: str) -> None:
    (tmp_path / "secret.txt").write_text("a secret")
    (tmp_path / "docutils.conf").write_text("[general]\nfile_insertion_enabled: yes\nraw_enabled: yes\n")
    (article,), _ = read("a.rst", f"before\n\n{directive}\n\nafter :raw-html:`x`\n")
    assert "secret" not in article.text
    assert article.text.startswith("before")


def test_what_docutils_does_not_know_is_told(read: Read) -> None:
    (article,), log = read("a.rst", "a\n\n.. toctree::\n\n   b\n\nc\n")
    assert article.text == "a\n\nc"
    assert [(each.text, each.reason) for each in log.dropped or []] == [
        (".. toctree::\n\n   b\n", "docutils does not know what it is")
    ]


@pytest.mark.parametrize("source", ["".join("  " * n + "- x\n\n" for n in range(300)), " ".join(["*" * 9000] * 1)])
def test_restructured_text_that_means_harm_is_read_or_reported(read: Read, source: str) -> None:
    articles, log = read("a.rst", source)
    assert len(articles) + len(log.problems) == 1


def test_restructured_text_is_bounded(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(read("a.rst", "a\n\n" + "b" * 10_001)[1]) == [
        "a.rst:3: a line of more than 10,000 characters: break it"
    ]
    monkeypatch.setattr(restructuredtext, "MOST_CHARACTERS", 10)
    assert problems(read("a.rst", "a " * 10)[1]) == ["a.rst: has more than 10 characters: split it"]


@pytest.mark.parametrize(
    ("suffix", "library"),
    [(".docx", "docx"), (".odt", "lxml"), (".epub", "lxml"), (".rtf", "striprtf"), (".rst", "docutils")],
)
def test_a_library_that_is_not_installed_is_named_with_the_remedy(
    read: Read, monkeypatch: pytest.MonkeyPatch, suffix: str, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    articles, log = read(f"a{suffix}", "x")
    assert articles == []
    assert problems(log) == [f'a{suffix}: needs "documents" support: pip install "semsearch[documents]"']
