"""HTML and XHTML to paragraphs: blocks, lists, tables, what is hidden, and markup that means harm."""

from __future__ import annotations

import pytest

from semsearch.readers._markup import Block, paragraphs_of, parse_markup


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("The text.", "The text."),
        ("", ""),
        ("<p>One <b>bold</b>\n word.</p>loose<div>Two.</div>", "One bold word.\n\nloose\n\nTwo."),
        ("<h2>Numbers</h2>There were <i>two</i>.", "Numbers\n\nThere were two."),
        ("a<br>b<br/>c<br><br>d", "a\nb\nc\n\nd"),
        ("<p>A&nbsp;b &lt;c&gt; caf&eacute; so\u00adft &#0;x", "A b <c> café soft \ufffdx"),
        ("He said <q>no</q>.", "He said “no”."),
        ("<pre>a\n   b\n</pre>c", "a\n   b\n\nc"),
        ("<title/><p>a<script src='x'/>b<a id='x'/>c", "abc"),
        ("<p>the treaty<sup><a epub:type='noteref' href='#n'>1</a></sup> says", "the treaty says"),
        ("<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>", "漢"),
    ],
)
def test_blocks_are_paragraphs(markup: str, text: str) -> None:
    assert paragraphs_of(markup) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<ul><li>one<li>two</ul>", "- one\n- two"),
        ("<ol start=3><li>c<li>d</ol>", "3. c\n4. d"),
        ("<ul><li>one<ul><li>two</ul><li>three</ul>", "- one\n- two\n- three"),
        ("<ul><li><p>one</p><p>more</p><li>two</ul>", "- one\n\nmore\n\n- two"),
        (f"<ul><li>{'long ' * 30}<li>two</ul>", f"- {('long ' * 30).strip()}\n\n- two"),
        ("<ul><li>one</ul><ul><li>two</ul>", "- one\n\n- two"),
        ("<li>alone", "- alone"),
    ],
)
def test_items_of_a_list_are_lines_unless_they_are_long(markup: str, text: str) -> None:
    assert paragraphs_of(markup) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        (
            "<table><caption>Cap</caption><tr><th>n<th>m<tr><td><p>1</p></td><td>2</table>",
            "Cap\n\nn | m\n1 | 2",
        ),
        ("<table><tr><td><p>One.</p><p>Two.</p><td>x</table>", "One.\n\nTwo.\n\nx"),
        ("<table><tr><td>alone</table>after", "alone\n\nafter"),
        (
            "<table><tr><td>One.<table><tr><td>a<td>b<tr><td>c<td>d</table>Two.</table>",
            "One.\n\na | b\nc | d\n\nTwo.",
        ),
        (f"<table><tr><td>{'x' * 300}<td>y</table>", f"{'x' * 300}\n\ny"),
        ("<td>no table", "no table"),
    ],
)
def test_rows_of_a_table_are_lines_unless_it_lays_out_a_page(markup: str, text: str) -> None:
    assert paragraphs_of(markup) == text


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>x</script>", "<style>x</style>", "<div hidden>x<div>x</div></div>", "<select><option>x</select>",
        "<p style='a: b; DISPLAY : none'>x</p>", "<svg><text>x</text></svg>", "<!-- x -->", "<?x x?>",
        "<title>x</title>",
        "<div style='display:none'><script>x</script><div>x</div>x</div>",
    ],
)  # fmt: skip
def test_what_is_hidden_is_no_text(hidden: str) -> None:
    assert paragraphs_of(f"a{hidden}<p>b") == "a\n\nb"


@pytest.mark.parametrize(
    "raw",
    [
        "<p>café</p>".encode(),
        "\ufeff<p>café</p>".encode(),
        "\ufeff<p>café</p>".encode("utf-16-le"),
        "<meta charset=windows-1252><p>café</p>".encode("cp1252"),
        "<p>café</p>".encode("cp1252"),
        "<meta charset=latin-1><p>café</p>".encode("latin-1"),
        '<?xml version="1.0" encoding="iso-8859-15"?><p>café</p>'.encode("iso-8859-15"),
        "<meta http-equiv=Content-Type content='text/html; charset=unicode_escape'><p>café</p>".encode("cp1252"),
        "<meta charset=utf-99><p>café</p>".encode(),
    ],
)
def test_bytes_are_decoded_as_they_say(raw: bytes) -> None:
    assert paragraphs_of(raw) == "café"


def test_the_title_and_the_levels_of_headings_are_told() -> None:
    title, blocks = parse_markup("<head><title> A \n book </title></head><h1>One</h1><p>a</p><h3>Two<br>x</h3>b")
    assert title == "A book"
    assert blocks == [Block("One", 1), Block("a"), Block("Two x", 3), Block("b")]


@pytest.mark.parametrize(
    ("markup", "count"),
    [
        ("<div>" * 100_000 + "x", 1),
        ("<b>" * 100_000 + "x", 1),
        ("<table><tr><td>x" * 30_000, 30_000),
        ("<ul><li>x" * 20_000, 20_000),
        ("<table>" * 20 + "x<tr>" * 20_000, 20_000),
        ("</p></table></ul></td></pre>" * 20_000 + "x", 1),
        ("x<a " + "a=b " * 100_000, 1),
        ("x<!--" * 50_000, 1),
        ("x" + "\x00\ud800" * 1000, 1),
        ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>x&a;', 1),
    ],
)
def test_markup_that_means_harm_is_read(markup: str, count: int) -> None:
    text = paragraphs_of(markup)
    assert text.count("x") == count
    assert len(text) <= 5 * len(markup)
    assert "root:" not in text
