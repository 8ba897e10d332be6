"""Saved web pages: what they say of their article, and the day of its publication."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.pages import PARAGRAPHS, TEXT, linked, metadata_of, page, paragraphs, read, text_of

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
