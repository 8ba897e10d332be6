"""Word documents and OpenDocument texts to articles: what is text in them, and what cannot be read."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semsearch import Article, ReadingLog, read_articles
from semsearch.readers.documents import _package
from tests.documents import docx_of, odt_of, zip_of

Read = Callable[[str, bytes], tuple[list[Article], ReadingLog]]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    monkeypatch.chdir(tmp_path)

    def read_file(name: str, content: bytes) -> tuple[list[Article], ReadingLog]:
        Path(name).write_bytes(content)
        log = ReadingLog(dropped=[])
        return list(read_articles(name, log=log)), log

    return read_file


def problems(log: ReadingLog) -> list[str]:
    return [str(problem) for problem in log.problems]


# --- Word


def test_a_word_document_is_its_paragraphs(read: Read) -> None:
    made = docx_of(
        [
            ("Title", "The Report"), ("Heading 1", "The Water"), "The river\nis low.", "  ", ("List Bullet", "one"),
            ("List Bullet", "two"), ("Heading 2", "The Bridge"), "It is  closed.",
        ],
        author="Jane Q. Writer", created=dt.datetime(2022, 1, 7),  # noqa: DTZ001
    )  # fmt: skip
    (article,), log = read("a.docx", made)
    assert article.title == "The Report"
    assert article.text == "The Water\n\nThe river\nis low.\n\n- one\n- two\n\nThe Bridge\n\nIt is closed."
    assert article.published == dt.date(2022, 1, 7)
    assert article.metadata == {
        "author": "Jane Q. Writer", "published_from": "file's properties", "published_confidence": "weak",
    }  # fmt: skip
    assert (log.problems, log.notes) == ([], [])


@pytest.mark.parametrize(
    ("paragraphs", "stated", "title", "text"),
    [
        ([("Heading 1", "The Water"), "It is low."], "", "The Water", "It is low."),
        ([("Heading 1", "The water"), "It is low."], "The Water", "The Water", "It is low."),
        ([("Heading 1", "The Water"), "It is low."], "The River", "The River", "The Water\n\nIt is low."),
        (["It is low.", ("Heading 1", "The Water")], "", "", "It is low.\n\nThe Water"),
        (["It is low."], "Microsoft Word - draft.docx", "", "It is low."),
    ],
)
def test_the_title_of_a_word_document(read: Read, paragraphs: list[Any], stated: str, title: str, text: str) -> None:
    (article,), _ = read("a.docx", docx_of(paragraphs, title=stated))
    assert (article.title, article.text) == (title, text)


def word_of(body: str, **parts: str) -> bytes:
    """A Word document of the XML of its body, and of other parts of it."""
    import docx
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part
    from docx.oxml import parse_xml

    names = (
        'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:m="urn:m" '
        'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    )
    document: Any = docx.Document()
    for element in parse_xml(f"<w:body {names}>{body}</w:body>"):
        document.element.body.append(element)
    for name, content in parts.items():
        part = Part(PackURI(f"/word/{name}.xml"), "application/xml", f"<w:{name} {names}>{content}</w:{name}>".encode())
        document.part.relate_to(part, getattr(RELATIONSHIP_TYPE, name.upper()))
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def run(text: str) -> str:
    return f"<w:r><w:t>{text}</w:t></w:r>"


def paragraph(content: str) -> str:
    return f"<w:p>{content}</w:p>"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (paragraph(run("kept") + f"<w:ins>{run(' put in')}</w:ins><w:del><w:r><w:delText>x</w:delText></w:r></w:del>"),
         "kept put in"),
        (paragraph(run("a") + "<w:r><w:tab/><w:t>b</w:t><w:noBreakHyphen/><w:softHyphen/><w:t>c</w:t></w:r>"), "a b-c"),
        (paragraph(f"<w:hyperlink>{run('a link')}</w:hyperlink>"), "a link"),
        (paragraph("<w:r><w:instrText>PAGE</w:instrText></w:r>" + run("1")), "1"),
        (f"<w:sdt><w:sdtPr/><w:sdtContent>{paragraph(run('in a control'))}</w:sdtContent></w:sdt>", "in a control"),
        (("<w:p><w:r><mc:AlternateContent><mc:Choice><w:drawing><w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p>"
         "</w:txbxContent></w:drawing></mc:Choice><mc:Fallback><w:pict><w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r>"
         "</w:p></w:txbxContent></w:pict></mc:Fallback></mc:AlternateContent><w:t>before</w:t></w:r></w:p>"),
         "before\n\nboxed"),
        ("<w:tbl>" + "".join(
            f"<w:tr><w:tc>{paragraph(run(a))}</w:tc><w:tc>{paragraph(run(b))}</w:tc></w:tr>" for a, b in ("ab", "cd")
         ) + "</w:tbl>", "a | b\nc | d"),
        (f"<w:tbl><w:tr><w:tc>{paragraph(run('a')) * 2}</w:tc></w:tr></w:tbl>", "a\n\na"),
    ],
)  # fmt: skip
def test_what_is_text_of_a_word_document(read: Read, body: str, text: str) -> None:
    (article,), log = read("a.docx", word_of(body))
    assert article.text == text
    assert log.problems == []


def test_notes_of_a_word_document_follow_what_refers_to_them(read: Read) -> None:
    body = (
        paragraph(run("the treaty") + '<w:r><w:footnoteReference w:id="2"/></w:r>' + run(" says"))
        + paragraph('<w:r><w:endnoteReference w:id="1"/><w:t>And.</w:t><w:footnoteReference w:id="9"/></w:r>')
        + paragraph('<w:r><w:t>Again.</w:t><w:footnoteReference w:id="2"/></w:r>')
    )
    notes = f'<w:footnote w:id="2">{paragraph("<w:r><w:footnoteRef/></w:r>" + run("A note."))}</w:footnote>'
    (article,), _ = read(
        "a.docx", word_of(body, footnotes=notes, endnotes=notes.replace("foot", "end").replace("2", "1"))
    )
    assert article.text == "the treaty says\n\nA note.\n\nAnd.\n\nA note.\n\nAgain."


def test_the_table_of_contents_of_a_word_document_is_left_out(read: Read) -> None:
    import docx

    document: Any = docx.Document()
    document.styles.add_style("toc 1", 1)
    document.add_paragraph("The Water\t5", "toc 1")
    document.add_paragraph("It is low.")
    document.save("toc.docx")
    (article,), log = read("a.docx", Path("toc.docx").read_bytes())
    assert article.text == "It is low."
    assert [(each.text, each.reason) for each in log.dropped or []] == [("The Water 5", "table of contents")]


# --- OpenDocument


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<text:p>The <text:span>river</text:span><text:s text:c='3'/>is<text:tab/>low<text:line-break/>now.</text:p>",
         "The river is low\nnow."),
        ("<text:p>a</text:p><text:h text:outline-level='2'>The Water</text:h><text:p> </text:p><text:p>b</text:p>",
         "a\n\nThe Water\n\nb"),
        ("<text:section><text:p>a</text:p></text:section>", "a"),
        (("<text:p>the treaty<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>So.</text:p>"
         "</text:note-body></text:note> says</text:p><text:p>b</text:p>"), "the treaty says\n\nSo.\n\nb"),
        (("<text:list><text:list-item><text:p>one</text:p><text:list><text:list-item><text:p>two</text:p>"
         "</text:list-item></text:list></text:list-item></text:list><text:list><text:list-header><text:p>x</text:p></text:list-header>"
         "</text:list>"), "- one\n- two\n\n- x"),
        (("<table:table><table:table-header-rows><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell>"
         "<table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table-header-rows>"
         "<table:table-row table:number-rows-repeated='1000000'><table:table-cell><text:p>c</text:p></table:table-cell>"
         "<table:table-cell><text:p>d</text:p></table:table-cell></table:table-row></table:table>"), "a | b\nc | d"),
        ("<text:p>a<draw:frame><draw:text-box><text:p>in a box</text:p></draw:text-box></draw:frame></text:p>",
         "a\n\nin a box"),
        (("<text:tracked-changes><text:p>gone</text:p></text:tracked-changes><text:p>a<office:annotation>"
         "<text:p>no</text:p></office:annotation></text:p>"), "a"),
        ("<text:p>a<text:s text:c='1000000000'/>b</text:p>", "a b"),
    ],
)  # fmt: skip
def test_what_is_text_of_an_opendocument(read: Read, body: str, text: str) -> None:
    (article,), log = read("a.odt", odt_of(body))
    assert article.text == text
    assert (log.problems, log.notes, log.dropped) == ([], [], [])


def test_the_title_and_properties_of_an_opendocument(read: Read) -> None:
    made = odt_of(
        "<text:p text:style-name='P1'>The Report</text:p><text:table-of-content><text:index-body><text:p>The Water 5"
        "</text:p></text:index-body></text:table-of-content><text:p>It is low.</text:p>",
        styles="<style:style style:name='P1' style:parent-style-name='Title'/>",
        meta="<dc:title>untitled</dc:title><meta:initial-creator>Jane Writer</meta:initial-creator>"
        "<meta:creation-date>2022-01-07T10:00:00</meta:creation-date>",
    )
    (article,), log = read("a.odt", made)
    assert (article.title, article.text, article.published) == ("The Report", "It is low.", dt.date(2022, 1, 7))
    assert article.metadata["author"] == "Jane Writer"
    assert [(each.text, each.reason) for each in log.dropped or []] == [("The Water 5", "table-of-content")]


# --- what cannot be read


@pytest.mark.parametrize("suffix", [".docx", ".odt", ".epub"])
@pytest.mark.parametrize(
    "content", [b"", b"no zip", b"PK\x03\x04" + b"\0" * 100, zip_of({}), zip_of({"a.xml": "<a/>"})]
)
def test_what_is_no_such_document_is_a_problem(read: Read, suffix: str, content: bytes) -> None:
    articles, log = read(f"a{suffix}", content)
    assert articles == []
    (problem,) = log.problems
    assert problem.place == f"a{suffix}"


@pytest.mark.parametrize("suffix", [".docx", ".odt", ".epub"])
def test_what_unpacks_to_too_much_is_not_unpacked(read: Read, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_package, "MOST_UNPACKED", 1 << 20)
    made = zip_of({"a.bin": bytes(2 << 20)})
    assert len(made) < 3000
    assert problems(read(f"a{suffix}", made)[1]) == [
        f"a{suffix}: unpacks to more than 1 MiB: split it, or take its pictures out"
    ]
    monkeypatch.setattr(_package, "MOST_UNPACKED", 1 << 30)
    monkeypatch.setattr(_package, "MOST_MEMBER", 1 << 20)
    assert problems(read(f"a{suffix}", zip_of({"a.XML": bytes(2 << 20)}))[1]) == [
        f"a{suffix}: has more than 1 MiB of text in one part, which no article has: split it"
    ]
    monkeypatch.setattr(_package, "MOST_MEMBERS", 3)
    assert problems(read(f"a{suffix}", zip_of(dict.fromkeys("abcd", "")))[1]) == [
        f"a{suffix}: has more than 3 parts, which no document has"
    ]


BOMB = '<!DOCTYPE x [<!ENTITY a "laugh">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in ("ab", "bc", "cd", "de", "ef", "fg", "gh", "hi")
) + '<!ENTITY file SYSTEM "file:///etc/passwd">]>'  # fmt: skip


@pytest.mark.parametrize("entity", ["&i;", "&file;", "&unknown;"])
def test_entities_are_not_put_in(read: Read, entity: str) -> None:
    body = f"<office:text><text:p>a{entity}b</text:p></office:text>"
    names = " ".join(f"xmlns:{name}='urn:oasis:names:tc:opendocument:xmlns:{name}:1.0'" for name in ("office", "text"))
    (article,), log = read("a.odt", zip_of({"content.xml": f"{BOMB}<office:body {names}>{body}</office:body>"}))
    assert (article.text, log.notes) == ("ab", []) or log.notes[0].startswith("a.odt: damaged, read as far as")
    assert "laugh" not in article.text
    assert "root" not in article.text


def test_parts_that_are_nested_deeply_are_read_or_reported(read: Read) -> None:
    deep = "<text:section>" * 5000 + "<text:p>a</text:p>" + "</text:section>" * 5000
    articles, log = read("a.odt", odt_of("<text:p>first</text:p>" + deep))
    assert len(articles) + len(log.problems) == 1
