"""Saved web pages: the article on them, what is said of it, and nothing of what stands around it."""

from __future__ import annotations

import datetime as dt
import io
import json
import sys
from collections.abc import Callable
from html import escape
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.html import measure, read_pages
from semsearch import Article, ReadingLog, read_articles
from semsearch.passages import find_paragraphs
from semsearch.readers._dates import parse_date
from semsearch.readers._html_dates import url_stamp
from semsearch.readers._log import Origin
from semsearch.readers.html import read_html

Read = Callable[["str | bytes"], "tuple[Article | None, ReadingLog]"]

PARAGRAPHS = [
    "The harbour of Port Avel will be dredged again next spring, the council decided on Tuesday, after long delays.",
    "Fishermen have asked for the work since 2011, when the first trawler ran aground within sight of the pier.",
    "“We lost two boats and most of our patience,” said Ines Calder, who speaks for the cooperative of forty.",
    "The bill of four million is to be shared between the council, the region and a fund for small ports on the coast.",
]
TEXT = "\n\n".join(PARAGRAPHS)


def read(content: str | bytes, name: str = "page.html") -> tuple[Article | None, ReadingLog]:
    """Read one page: its article, None if it has none, and the log."""
    log = ReadingLog(dropped=[])
    raw = content.encode() if isinstance(content, str) else content
    found = list(read_html(io.BytesIO(raw), Origin(name, name), log))
    assert len(found) + len(log.problems) == 1
    return (found[0].article if found else None), log


def text_of(content: str | bytes) -> str:
    article, log = read(content)
    assert article is not None, log.problems
    return article.text


def metadata_of(head: str, body: str = "") -> dict[str, object]:
    article, _ = read(page(head=head, before=body))
    assert article is not None
    return dict(article.metadata)


def paragraphs(texts: list[str] = PARAGRAPHS) -> str:
    return "".join(f"<p>{escape(text)}</p>\n" for text in texts)


def page(body: str | None = None, *, head: str = "", before: str = "", after: str = "") -> str:
    """A page with the article in the midst of it."""
    body = paragraphs() if body is None else body
    return f"<!DOCTYPE html><html><head>{head}</head><body>{before}<div>{body}</div>{after}</body></html>"


def linked(**fields: object) -> str:
    return f'<script type="application/ld+json">{json.dumps({"@type": "NewsArticle", **fields})}</script>'


NEWS_PAGE = page(
    f"""
    <article><header><p class="kicker">Coast</p><h1>Harbour to be dredged</h1>
    <p class="byline">By Jane Doe and Ali Karim</p>
    <time datetime="2021-03-02T18:00:00+02:00">2 March 2021</time></header>
    <div class="share-bar"><a href="#">Share</a><button>Save</button></div>
    <figure><img src="a.jpg"><figcaption>The harbour, as seen from the pier on a day in March.</figcaption></figure>
    <div class="article-body">{paragraphs(PARAGRAPHS[:2])}
    <div class="ad-slot">Advertisement</div>
    <aside class="related"><h3>Related</h3><ul><li><a href="/1">Trawler runs aground</a></li></ul></aside>
    <h2>Who pays</h2>{paragraphs(PARAGRAPHS[2:])}
    <p>Subscribe to our newsletter for more news of the coast.</p></div>
    <section class="comments"><h3>Comments</h3><p>I have said for years that this harbour would be dredged one day, and
    nobody listened to me then, which is a shame for all of us.</p></section></article>
    """,
    head="""<title>Harbour to be dredged - Coast | The Avel Courier</title>
    <meta property="og:site_name" content="The Avel Courier"><meta name="description" content="After ten years.">
    <link rel="canonical" href="https://courier.example/2021/03/02/harbour">
    <meta property="article:section" content="Coast">
    <meta name="keywords" content="harbour, fishing,harbour">"""
    + linked(headline="Harbour to be dredged", datePublished="2021-03-02T18:00:00+02:00", author={"name": "Jane Doe"}),
    before="""<nav><ul><li><a href="/">Home</a></li></ul></nav><div id="cookie-consent"><p>This website uses cookies to
    make it work, to count its readers, and to show them what they may like, as our partners tell us.</p></div>""",
    after="<footer><p>Copyright of this page and of all that is written on it is with The Avel Courier.</p></footer>",
).replace("<html>", '<html lang="en-gb">')


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


# --- what it says of it


@pytest.mark.parametrize(
    ("head", "body", "title"),
    [
        (
            "<title>Harbour to be dredged | The Courier</title><meta property='og:site_name' content='The Courier'>",
            "",
            "",
        ),
        (
            "<title>Harbour to be dredged - courier.example</title><link rel=canonical href='http://courier.example/a'>",
            "",
            "",
        ),
        ("<title>The Courier</title>", "<h1>Harbour to be dredged</h1>", "The Courier"),
        ("<meta property='og:title' content='Harbour to be dredged'>", "<h1>The Courier</h1><h1>Sport</h1>", ""),
        ("<title>Harbour will be dredged soon</title>", "<h1>Harbour to be dredged</h1>", ""),
        (linked(headline="Harbour to be dredged"), "", ""),
        ("", "<h1>Harbour to be dredged</h1>", ""),
        (linked(headline="It&#039;s dredged"), "", "It's dredged"),
        ("<title>Talks - and dredging - go on</title>", "", "Talks - and dredging - go on"),
        ("", "", " "),
    ],
)
def test_the_headline_is_without_the_sites_name(head: str, body: str, title: str) -> None:
    article, _ = read(page(head=head, before=body))

    assert article is not None
    assert article.title == (title or "Harbour to be dredged").strip()


@pytest.mark.parametrize(
    ("head", "body", "author"),
    [
        (linked(author=[{"name": "Jane Doe"}, {"@type": "Person", "name": ["Ali Karim"]}]), "", "Jane Doe, Ali Karim"),
        (linked(author="By Jane Doe"), "", "Jane Doe"),
        (linked(author={"name": ""}) + '<meta name="author" content="Jane Doe">', "", "Jane Doe"),
        ('<meta name="author" content="https://x.example"><meta name="byl" content="By JANE DOE">', "", "JANE DOE"),
        ("", '<span itemprop="author"><a itemprop="name">Jane Doe</a></span>', "Jane Doe"),
        ("", '<a rel="author" href="/jane">Jane Doe</a>', "Jane Doe"),
        ("", "<div>By Jane Doe | 2 March 2021</div>", "Jane Doe"),
        ("", "", None),
    ],
)
def test_authors_are_found_where_pages_name_them(head: str, body: str, author: str | None) -> None:
    assert metadata_of(head, body).get("author") == author


@pytest.mark.parametrize(
    ("head", "url"),
    [
        ('<link rel="canonical" href="https://x.example/a?b=1&amp;c">', "https://x.example/a?b=1&c"),
        ('<meta property="og:url" content="https://x.example/a">', "https://x.example/a"),
        (
            '<link rel="canonical" href="/a"><meta property="og:url" content="https://x.example/b">',
            "https://x.example/a",
        ),
        (
            '<link rel="canonical" href="https://x.example/"><meta property="og:url" content="https://x.example/a">',
            ".../a",
        ),
        ('<link rel="canonical" href="javascript:alert(1)">', None),
        ('<link rel="canonical" href="http://[x/a">', None),
        (linked(mainEntityOfPage={"@id": "https://x.example/a"}), "https://x.example/a"),
        ("", None),
    ],
)
def test_the_address_is_the_canonical_one(head: str, url: str | None) -> None:
    article, _ = read(page(head=head))

    assert article is not None
    assert article.url == (url and url.replace("...", "https://x.example"))


@pytest.mark.parametrize(
    "comment",
    [
        "<!-- saved from url=(0023)https://x.example/a/b -->",
        "<!--\n Page saved with SingleFile \n url: https://x.example/a/b \n-->",
    ],
)
def test_a_browser_says_where_it_saved_a_page(comment: str) -> None:
    article, _ = read(comment + page())

    assert article is not None
    assert (article.url, article.source) == ("https://x.example/a/b", "x.example")


@pytest.mark.parametrize(
    ("stated", "language"),
    [
        ("en", "en"),
        ("PT_br", "pt-BR"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("de-DE.UTF-8", "de-DE"),
        ("English", None),
        ("", None),
    ],
)
def test_the_language_is_written_as_bcp_47_writes_it(stated: str, language: str | None) -> None:
    article, _ = read(page().replace("<html>", f'<html lang="{stated}">'))

    assert article is not None
    assert article.metadata.get("language") == language


def test_a_dateline_names_the_source_where_the_page_does_not() -> None:
    article, _ = read(page(paragraphs(["AVEL, MARCH 2, ARMENPRESS. " + PARAGRAPHS[0], *PARAGRAPHS[1:]])))

    assert article is not None
    assert article.source == "ARMENPRESS"


@pytest.mark.parametrize(
    "script",
    [
        "<script type='application/ld+json'>{not json}</script>",
        "<script type='application/ld+json'>" + "[" * 100_000 + "</script>",
        """<script type="application/ld+json">
        [1, null, "x", {"@graph": 5, "@type": ["NewsArticle"], "author": [[1]]}]</script>""",
        linked(headline=["x"], author={"name": {"a": 1}}, keywords={"a": 1}, datePublished=12, articleBody=[1], url={}),
    ],
    ids=["broken", "deep", "odd", "types"],
)
def test_what_is_stated_wrongly_is_passed_over(script: str) -> None:
    assert text_of(page(head=script)) == TEXT


# --- the day


@pytest.mark.parametrize(
    ("head", "body", "day", "source", "confidence"),
    [
        (linked(datePublished="2021-03-02T23:30:00-08:00"), "", "2021-03-02", "JSON-LD", "certain"),
        (
            '<meta property="article:published_time" content="2021-03-02T01:00Z">',
            "",
            "2021-03-02",
            "meta article:published_time",
            "certain",
        ),
        ('<meta name="DC.date.issued" content="2 March 2021">', "", "2021-03-02", "meta dc.date.issued", "certain"),
        ("", '<time datetime="2021-03-02" pubdate>', "2021-03-02", "time element", "likely"),
        ("", '<time itemprop="datePublished" datetime="2021-03-02">', "2021-03-02", "time element", "certain"),
        ('<link rel=canonical href="https://x.example/2021/03/02/a">', "", "2021-03-02", "URL", "likely"),
        (
            '<link rel=canonical href="https://x.example/2021/mar/02/a">',
            '<time datetime="2021-03-02">',
            "2021-03-02",
            "URL",
            "certain",
        ),
        ("", "<p>Published: Tuesday, March 2, 2021, 6:00 pm</p>", "2021-03-02", "text", "weak"),
        ("", "<p>Von Eva Muster am 2. März 2021</p>", "2021-03-02", "text", "weak"),
        # A change is later than the publication, and serves only where that is not stated.
        (linked(dateModified="2021-05-05", datePublished="2021-03-02"), "", "2021-03-02", "JSON-LD", "certain"),
        (linked(dateModified="2021-05-05"), "", "2021-05-05", "JSON-LD dateModified", "weak"),
        (linked(dateModified="2021-05-05"), "<p>2 March 2021</p>", "2021-03-02", "text", "weak"),
        (
            "",
            '<time class="updated" datetime="2021-05-05"></time><time datetime="2021-03-02">',
            "2021-03-02",
            "time element",
            "likely",
        ),
        # Two that differ are not certain, the more reliable is taken.
        (
            linked(datePublished="2021-03-02") + '<meta name="pubdate" content="20 February 2021">',
            "",
            "2021-03-02",
            "JSON-LD",
            "likely",
        ),
        # The day is the one of the page's own zone, where anything tells.
        (
            linked(datePublished="2021-03-03T02:00:00Z")
            + '<meta name="pubdate" content="Tuesday, March 2, 2021, 09:00 PM EST">',
            "",
            "2021-03-02",
            "meta pubdate",
            "certain",
        ),
        (
            linked(datePublished="Wed Mar 03 2021 02:00:00 GMT+0000", url="https://x.example/2021/03/02/a"),
            "",
            "2021-03-02",
            "URL",
            "certain",
        ),
        (
            linked(datePublished="2021-03-03T02:00:00Z") + '<meta name="pubdate" content="2021-03-02T18:00:00-08:00">',
            "",
            "2021-03-02",
            "meta pubdate",
            "certain",
        ),
        (
            linked(datePublished="2021-03-03T02:00:00Z", url="https://x.example/2021/03/02/a"),
            "",
            "2021-03-02",
            "URL",
            "certain",
        ),
        (
            linked(datePublished="2021-03-03T02:00:00Z", url="https://x.example/2021/03/03/a"),
            "",
            "2021-03-03",
            "JSON-LD",
            "certain",
        ),
        # What programs write for want of a date is none.
        (
            linked(datePublished="0001-01-01T00:00:00Z") + '<meta name="date" content="1970-01-01">',
            "<p>2 March 2021</p>",
            "2021-03-02",
            "text",
            "weak",
        ),
        (linked(datePublished="") + '<meta name="date" content="1614700800">', "", "2021-03-02", "meta date", "likely"),
    ],
)
def test_the_day_of_publication_is_the_most_reliable_one(
    head: str, body: str, day: str, source: str, confidence: str
) -> None:
    article, log = read(page(head=head, before=body))

    assert article is not None
    found = (article.published, article.metadata["published_from"], article.metadata["published_confidence"])
    assert found == (dt.date.fromisoformat(day), source, confidence)
    assert log.notes == []


@pytest.mark.parametrize(
    ("language", "day"),
    [("en-US", "2021-03-02"), ("en-GB", "2021-02-03"), ("fr", "2021-02-03"), ("en", None), ("", None)],
)
def test_what_a_numeric_date_means_is_a_question_of_the_language(language: str, day: str | None) -> None:
    content = page(before="<p>03/02/2021 18:00</p>").replace("<html>", f'<html lang="{language}">')

    article, _ = read(content)

    assert article is not None
    assert article.published == (day and dt.date.fromisoformat(day))


def test_a_day_in_the_future_is_noted_and_not_taken() -> None:
    head = linked(datePublished="2999-01-01")

    article, log = read(page(head=head))
    assert article is not None
    assert article.published is None
    assert log.notes == ["page.html: the date '2999-01-01' is in the future, not taken (JSON-LD)"]

    article, log = read(page(head=head, before="<p>2 March 2021</p>"))
    assert article is not None
    assert (article.published, log.notes) == (dt.date(2021, 3, 2), [])


# --- bytes


@pytest.mark.parametrize(
    ("encoding", "declared", "text"),
    [
        ("utf-8", "", "Öffentlich: “ja”"),
        ("utf-8", "iso-8859-1", "Öffentlich: “ja”"),  # what the bytes are beats what is said
        ("utf-8-sig", "windows-1251", "Öffentlich"),
        ("utf-16", "", "Öffentlich – да"),
        ("cp1252", "iso-8859-1", "Öffentlich: “ja”"),
        ("cp1251", "windows-1251", "Гавань углубят весной"),
        ("koi8-r", "koi8-r", "Гавань углубят весной"),
        ("cp932", "Shift_JIS", "港は来春に再び浚渫される①"),
        ("gb18030", "gb2312", "港口将于明年春天再次疏浚镕"),
        ("cp949", "euc-kr", "항구는 내년 봄에 다시 준설된다똠"),
    ],
)
def test_a_page_is_decoded_as_browsers_decode_it(encoding: str, declared: str, text: str) -> None:
    head = f'<meta http-equiv="Content-Type" content="text/html; charset={declared}">' if declared else ""

    content = page(
        f"<p>{text}. {'and so on, ' * 10}</p>{paragraphs(PARAGRAPHS[:2]).replace('’', '').replace('“', '')}", head=head
    )

    article, log = read(content.encode(encoding))
    assert article is not None
    assert article.text.startswith(text)
    assert log.notes == []


def test_an_encoding_that_is_not_declared_is_detected_and_noted() -> None:
    text = "Гавань углубят весной, решил во вторник совет города после десяти лет споров и промедлений. " * 3

    article, log = read(page(f"<p>{text}</p>").encode("cp1251"))

    assert article is not None
    assert article.text == text.strip()
    assert [note.lower() for note in log.notes] == ["page.html: read as windows-1251"]


@pytest.mark.parametrize("declared", ["<meta charset=utf-8>", "<p>Ærø, Ålborg, Sønderborg</p>"])
def test_a_few_damaged_bytes_do_not_cost_the_article(declared: str) -> None:
    raw = page(head=declared, after="<p>caf\udce9</p>").encode("utf-8", "surrogateescape")

    article, log = read(raw)

    assert article is not None
    assert log.notes == ["page.html: is not valid UTF-8 in 1 place, read without them"]


@pytest.mark.parametrize("name", ["base64", "utf-7", "rot13", "idna", "unknown", "x" * 50, "\x00"])
def test_no_codec_runs_that_is_no_encoding_of_pages(name: str) -> None:
    article, log = read(page(head=f"<meta charset={name}>").encode("utf-8") + b"<p>caf\xe9</p>")

    assert (article is None) == bool(log.problems)


# --- what no page can do


def test_pictures_that_are_saved_in_a_page_do_not_count() -> None:
    picture = f'<img src="data:image/png;base64,{"iVBORw0KGgo" * 2_000_000}">'

    assert len(picture) > 20 << 20
    assert text_of(page(before=picture, head=f"<style>{'a{b:c}' * 1_000_000}</style>")) == TEXT


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (page(paragraphs([TEXT]) * 45_000), "is larger than 16 MiB"),
        (b" " * ((64 << 20) + 1), "is larger than 64 MiB"),
        (page() + "<p>" * 1_000_000, "has more than 500,000 tags"),
    ],
    ids=["text", "file", "tags"],
)
def test_a_page_that_is_too_large_is_named(content: str | bytes, reason: str) -> None:
    article, log = read(content)

    assert article is None
    assert reason in str(log.problems[0])


@pytest.mark.parametrize(
    "rest",
    [
        "<div>" * 400_000,
        "<b><i>" * 200_000,
        "<p>a" * 400_000,
        "<p " + " ".join(f"a{n}=1" for n in range(500_000)) + ">",
        '<a href="' * 300_000,
        "<!--" * 400_000,
        "<style>" * 400_000,
        "&#x1;&#0;&#xD800;" * 100_000,
        "</p></div></body></html>" * 100_000,
        " \n" * 1_000_000 + "<br>x<br>" + "\t" * 1_000_000,
        "<tr><td>" + " " * 2_000_000,
        "<script type='application/ld+json'>[" + " " * 1_500_000 + "x</script>",
        "<article>x</article>" * 200_000,
    ],
    ids=[
        "nested",
        "inline",
        "paragraphs",
        "attributes",
        "quotes",
        "comments",
        "styles",
        "references",
        "ends",
        "spaces",
        "cells",
        "json",
        "articles",
    ],
)
def test_a_page_that_is_built_to_take_long_is_read_nevertheless(rest: str) -> None:
    assert text_of(page() + rest).startswith(TEXT)


def test_control_characters_are_left_out() -> None:
    text = paragraphs().replace(" ", " \x01\x08").replace("harbour", "&#2;har&#x1f;bour")

    assert text_of(page(text)) == TEXT


def test_nothing_outside_the_page_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("This is the secret.", encoding="utf-8")
    entity = f'<!DOCTYPE html [<!ENTITY s SYSTEM "{secret.as_uri()}"><!ENTITY t "twice">]>'
    outside = f'<iframe src="{secret.as_uri()}"></iframe><object data="{secret.as_uri()}"></object>'

    text = text_of(entity + page(paragraphs() + "<p>It says &s; and &t;.</p>" + outside))

    assert text == f"{TEXT}\n\nIt says &s; and &t;."


@settings(max_examples=150, database=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(NEWS_PAGE)),
            st.integers(0, 400),
            st.sampled_from(
                [
                    "",
                    "<",
                    ">",
                    '"',
                    "'",
                    "<!--",
                    "-->",
                    "</div>",
                    "<table><tr><td>",
                    "<script>",
                    "&#xD800;",
                    "\x00",
                    "{",
                    "]",
                ]
            )
            | st.text(max_size=5),
        ),
        max_size=6,
    )
)
def test_no_damage_does_more_than_cost_the_article(damages: list[tuple[int, int, str]]) -> None:
    content = NEWS_PAGE
    for start, length, text in damages:
        content = content[:start] + text + content[start + length :]

    article, log = read(content.encode("utf-8", "replace"))

    assert (article is None) == (len(log.problems) == 1)


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
