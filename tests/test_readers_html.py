"""Saved web pages: the article on them, and nothing of what stands around it."""

from __future__ import annotations

import datetime as dt
import io
import json
import sys
from html import escape
from pathlib import Path

import pytest

from benchmarks.html import measure, read_pages
from semsearch import Article, ReadingLog, read_articles
from semsearch.passages import find_paragraphs
from semsearch.readers._dates import parse_date
from semsearch.readers._log import Origin
from semsearch.readers.html import read_html
from semsearch.readers.html._dates import url_stamp
from tests.pages import NEWS_PAGE, PARAGRAPHS, TEXT, linked, page, paragraphs, read, text_of

# --- the article


def test_a_news_page_is_its_article_and_what_it_says_of_it() -> None:
    article, log = read(NEWS_PAGE)

    assert article == Article(
        id="page.html",
        title="Harbour to be dredged",
        text="\n\n".join([*PARAGRAPHS[:2], "Who pays", *PARAGRAPHS[2:]]),
        published=dt.date(2021, 3, 2),
        source="The Avel Courier",
        url="https://courier.example/2021/03/02/harbour",
        metadata={
            "description": "After ten years.",
            "section": "Coast",
            "keywords": ["harbour", "fishing"],
            "author": "Jane Doe",
            "language": "en-GB",
            "published_from": "JSON-LD",
            "published_confidence": "certain",
        },
    )
    assert (log.problems, log.notes) == ([], [])


def test_what_is_left_out_is_told_to_who_asks() -> None:
    _, log = read(NEWS_PAGE)

    assert log.dropped is not None
    reasons = {dropped.text[:20]: dropped.reason for dropped in log.dropped}
    assert reasons == {
        "This website uses co": "of others",
        "Coast": "outside",
        "Harbour to be dredge": "outside",
        "By Jane Doe and Ali ": "furniture",
        "2 March 2021": "outside",
        "Share": "furniture",
        "The harbour, as seen": "figure",
        "Advertisement": "furniture",
        "Related": "furniture",
        "Trawler runs aground": "furniture",
        "Subscribe to our new": "furniture",
        "Comments": "of others",
        "I have said for year": "of others",
        "Copyright of this pa": "furniture",
    }


@pytest.mark.parametrize("suffix", [".html", ".htm", ".xhtml", ".HTML"])
def test_a_page_is_read_by_its_suffix(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_text(page(), encoding="utf-8")

    (article,) = read_articles(tmp_path)
    assert (article.id, article.text) == (f"a{suffix}", TEXT)


@pytest.mark.parametrize(
    "body",
    [
        "<p>" + "<p>".join(map(escape, PARAGRAPHS)),
        "<br><br>".join(map(escape, PARAGRAPHS)),
        "<br>\n<br/>&nbsp;<br>".join(map(escape, PARAGRAPHS)),
        "<br>".join(map(escape, PARAGRAPHS)),
        f"<table><tr><td><a href='/'>Home</a></td><td>{'<br><br>'.join(map(escape, PARAGRAPHS))}</td></tr></table>",
        "".join(f"<div><span>{escape(text)}</span></div>" for text in PARAGRAPHS),
        f"<table><tr><td>{paragraphs()}</td></tr></table>",
        f"<form><font>{paragraphs()}</font></form>",
        paragraphs().replace("dredged", "<a href='/'>dred<b>ged</b></a>"),
        paragraphs().replace(" ", "\n\t "),
        f"<center>{paragraphs()}<script>if (1 < 2) document.write('<p>no</p>')</script></center>",
        f'<div class="sidebar comments">{paragraphs()}</div>',  # a page may call its only text what it likes
        f'<article class="post hidden" hidden>{paragraphs()}</article>',
    ],
    ids=[
        "p",
        "br",
        "br-space",
        "lines",
        "cells",
        "div",
        "layout-table",
        "form",
        "inline",
        "wrapped",
        "script",
        "named",
        "hidden",
    ],
)
def test_paragraphs_are_found_however_they_are_written(body: str) -> None:
    article, _ = read(page(body))

    if article is None:
        assert "comments" in body  # but not if it calls it the text of others
    else:
        assert article.text == TEXT


def test_a_list_and_a_table_are_a_paragraph_each_of_a_line_an_entry() -> None:
    body = f"""{paragraphs(PARAGRAPHS[:2])}<ul><li>Dredging: in spring</li><li>Piers:<br>in autumn</li></ul>
    <p>The costs</p><table><tr><th>Year</th><th>Million</th></tr><tr><td>2021</td><td>1.5</td></tr></table>
    {paragraphs(PARAGRAPHS[2:])}"""

    assert text_of(page(body)).split("\n\n")[2:5] == [
        "Dredging: in spring\nPiers:\nin autumn",
        "The costs",
        "Year | Million\n2021 | 1.5",
    ]


def test_lines_of_what_the_page_calls_a_paragraph_stay_in_it() -> None:
    assert text_of(page(f"<p>{'<br>'.join(map(escape, PARAGRAPHS))}</p>")) == "\n".join(PARAGRAPHS)


def test_a_paragraph_with_links_stays_whatever_stands_before_it() -> None:
    menu = "<br><br>".join(f"<a href='/{n}'>{text}</a>" for n, text in enumerate(PARAGRAPHS))
    linked_end = f"{PARAGRAPHS[0]} <a href='/'>All that is known of it.</a>"

    assert text_of(page(f"{linked_end}<br><br>{menu}<br><br>{PARAGRAPHS[1]}")) == (
        f"{PARAGRAPHS[0]} All that is known of it.\n\n{PARAGRAPHS[1]}"
    )


def test_a_list_of_other_articles_is_none() -> None:
    teasers = "".join(f"<li><a href='/{n}'>{text}</a></li>" for n, text in enumerate(PARAGRAPHS * 5))

    assert text_of(page(before=f"<ul>{teasers}</ul>")) == TEXT


def test_teasers_that_read_like_prose_are_not_taken_for_the_article() -> None:
    teasers = "".join(f"<div class='teaser'><h3>{n}</h3><p>{text}</p></div>" for n, text in enumerate(PARAGRAPHS * 2))

    assert text_of(page(f'<div itemprop="articleBody">{paragraphs()}</div>', after=f"<div>{teasers}</div>")) == TEXT


def test_of_several_parts_of_an_article_all_are_read() -> None:
    parts = "".join(f'<div class="article-body part">{paragraphs([text])}</div><hr>' for text in PARAGRAPHS)

    assert text_of(page(parts)) == TEXT


def test_a_post_that_is_quoted_is_part_of_the_article() -> None:
    quoted = (
        '<div class="social-media-embed"><blockquote class="twitter-tweet"><p>It is deep now.</p></blockquote></div>'
    )

    assert text_of(page(paragraphs() + quoted)) == f"{TEXT}\n\nIt is deep now."


def test_a_heading_that_repeats_the_headline_is_no_part_of_the_text() -> None:
    article, _ = read(
        page(f"<h2>Harbour  to be dredged</h2>{paragraphs()}", head="<title>Harbour to be dredged</title>")
    )

    assert article is not None
    assert (article.title, article.text) == ("Harbour to be dredged", TEXT)


def test_text_without_spaces_between_words_is_prose_too() -> None:
    text = "港は来春に再び浚渫されることになったと、町議会が火曜日に決めた。漁師たちは二〇一一年から工事を求めてきた。"

    assert text_of(page(f"<p>{text}</p><p>{text}費用は四百万である。</p>")) == f"{text}\n\n{text}費用は四百万である。"


def test_text_that_scripts_would_put_on_the_page_is_taken_from_what_it_states() -> None:
    head = linked(headline="Harbour", articleBody=TEXT.replace("\n\n", "\n"))

    assert text_of(page("<p>Please enable scripts to read this page.</p>", head=head)) == TEXT


@pytest.mark.parametrize(
    "content",
    [
        "",
        " ",
        "<!-- nothing -->",
        "<html></html>",
        page("<p>Subscribe to go on.</p>"),
        page('<div class="cookie-consent"><p>' + TEXT + "</p></div>"),
        page("".join(f"<li><a href='/{n}'>{text}</a></li>" for n, text in enumerate(PARAGRAPHS))),
        page(
            "".join(
                f"<div><h3><a href='/{n}'>Article {n} of the day</a></h3><p>{text}</p></div>"
                for n, text in enumerate(PARAGRAPHS * 3)
            )
        ),
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    ],
    ids=["empty", "blank", "comment", "no-text", "wall", "consent", "links", "front", "picture"],
)
def test_a_page_without_an_article_is_a_problem(content: str | bytes) -> None:
    article, log = read(content)

    assert article is None
    (problem,) = log.problems
    assert "no article text was found in it" in str(problem) or "is not valid UTF-8" in str(problem)


def test_the_beginning_of_an_article_that_is_not_free_is_read_and_noted() -> None:
    head = linked(isAccessibleForFree=False)

    assert read(page(paragraphs(PARAGRAPHS[:2]), head=head))[1].notes == [
        "page.html: is short, and says that it is not free: the rest may be behind a paywall"
    ]
    assert read(page(paragraphs(PARAGRAPHS * 3), head=head))[1].notes == []
    assert read(page(paragraphs(PARAGRAPHS[:2]), head=linked(isAccessibleForFree=True)))[1].notes == []


def test_names_that_would_leave_nothing_are_not_believed() -> None:
    teasers = "".join(f"<p>{text}</p>" for text in PARAGRAPHS * 4)

    # Most of the prose of this page is beside its article, so that its own share does not save it.
    content = page(f'<div class="promo">{paragraphs()}</div>', after=f'<aside class="latest">{teasers}</aside>')

    assert text_of(content) == TEXT


@pytest.mark.parametrize(
    "line",
    [
        "Subscribe to our newsletter.",
        "Read more: The pier",
        "Lesen Sie auch: Der Pier",
        "Читайте также: Пирс",
        "Tags: pier",
    ],
)
def test_a_line_that_leads_elsewhere_is_no_paragraph(line: str) -> None:
    assert text_of(page(f"{paragraphs(PARAGRAPHS[:2])}<p>{line}</p>{paragraphs(PARAGRAPHS[2:])}")) == TEXT


@pytest.mark.parametrize("line", ["Related costs are not in it.", "Comments were refused.", "Photos show the damage."])
def test_a_sentence_that_begins_like_one_is(line: str) -> None:
    assert text_of(page(f"{paragraphs()}<p>{line}</p>")) == f"{TEXT}\n\n{line}"


@pytest.mark.parametrize("names", ["post-7 tag-comments category-privacy", "layout has-sidebar no-comments"])
def test_what_an_article_is_about_does_not_say_what_it_is(names: str) -> None:
    others = "".join(f"<div class='card'><p>{text}</p></div>" for text in PARAGRAPHS)

    assert text_of(page(f'<div class="{names}"><div class="entry-content">{paragraphs()}</div></div>{others}')) == TEXT


def test_what_only_a_screen_reader_speaks_is_no_text() -> None:
    body = paragraphs().replace("harbour", 'har\xadbour<span class="sr-only"> (opens in a new window)</span>')

    assert text_of(page(body)) == TEXT


def test_without_the_library_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lxml", None)

    _, log = read(page())

    assert [str(problem) for problem in log.problems] == [
        'page.html: needs "html" support: pip install "semsearch[html]"'
    ]


def test_what_a_browser_saves_beside_a_page_is_no_page(tmp_path: Path) -> None:
    for name in ("harbour.html", "harbour_files/frame.html", "pier_files/pier.html", "pier.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(page() if name.endswith("html") else "The text.", encoding="utf-8")

    log = ReadingLog()
    assert [article.id for article in read_articles(tmp_path, log=log)] == [
        "harbour.html",
        "pier.txt",
        "pier_files/pier.html",
    ]
    assert log.problems == []


# --- real pages


def test_the_first_real_input_as_a_page_has_exactly_its_15_paragraphs(shared: Path) -> None:
    (path,) = (shared / "seed").glob("*.txt")
    title, *blocks = path.read_text(encoding="utf-8").split("\n\n")
    text = blocks[3:]
    content = page(
        f'<h1>{title}</h1><span>{blocks[0]}</span><span>{blocks[1]}</span><div class="date">{blocks[2]}</div>'
        f"<div>{paragraphs(text)}</div>",
        after="<div class='more'><ul><li><a href='/1'>Another article, and a long headline of it</a></li></ul></div>",
    )

    article, log = read(content)

    assert article is not None
    assert len(find_paragraphs(article.text)) == 15
    assert (article.text.split("\n\n"), article.title) == (text, title)
    assert (article.published, article.source) == (dt.date(2022, 1, 7), "ARMENPRESS")
    assert (log.problems, log.notes) == ([], [])


def test_the_articles_of_real_pages_are_what_people_took_from_them(shared: Path) -> None:
    pages = read_pages(shared / "datasets" / "article-html")
    assert len(pages) > 100

    log = ReadingLog()
    articles = [next(read_html(io.BytesIO(one.html), Origin(one.name, one.name), log)).article for one in pages]
    found = measure(pages, [article.text for article in articles])

    assert found["f1"] > 0.98
    assert min(found["f1_of_halves"]) > 0.98
    assert found["lines_f1"] > 0.96
    assert log.problems == []
    assert all("behind a paywall" in note for note in log.notes)


def test_the_days_of_real_pages_are_those_in_their_addresses(shared: Path) -> None:
    folder = shared / "datasets" / "article-html"
    urls = {
        entry["_id"]: entry["url"]
        for entry in map(json.loads, (folder / "ground-truth.jsonl").read_text(encoding="utf-8").splitlines())
    }
    stated, dated, differ = 0, 0, []
    for one in read_pages(folder):
        article = next(read_html(io.BytesIO(one.html), Origin(one.name, one.name), ReadingLog())).article
        dated += article.published is not None
        stamp = url_stamp(urls[one.name])
        if stamp is not None:
            stated += 1
            if article.published != parse_date(stamp.text):
                differ.append((urls[one.name], article.published))

    assert differ == []
    assert stated > 30
    assert dated > 115
