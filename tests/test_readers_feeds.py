"""Saved feeds: RSS in its versions, and Atom."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from semsearch import Article
from semsearch.readers import feeds
from tests.reading import problems, read, texts

DAY = dt.date(2022, 1, 7)
HEAD = """<?xml version="1.0"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/"
xmlns:media="http://search.yahoo.com/mrss/"><channel><title>Northgate &amp; Wire</title><link>https://e.org</link>
<item><title>An older one</title><guid>g-0</guid></item>
"""
ITEM = """<item>
<title>Treaty &amp; talks</title>
<link>https://e.org/1?a=1&amp;b=2</link>
<guid isPermaLink="false">g-1</guid>
<pubDate>Fri, 07 Jan 2022 23:30:00 -0500</pubDate>
<dc:creator>Jane&nbsp;Doe</dc:creator>
<category>world</category><category>army</category>
<media:title>A picture</media:title><media:content url="https://e.org/a.jpg"/>
<description>In short: &lt;b&gt;a treaty&lt;/b&gt;.</description>
<content:encoded><![CDATA[<p>The <i>first</i> paragraph.</p><script>x()</script>
<p>The second &amp; last.</p>]]></content:encoded>
</item>
"""
RSS = f"{HEAD}{ITEM}</channel></rss>"
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title type="html">Der &lt;b&gt;Bote&lt;/b&gt;</title>
<entry><title>Ein Vertrag</title><id>urn:1</id><link rel="self" href="https://e.org/self"/>
<link href="https://e.org/1"/><published>2022-01-07T23:30:00-05:00</published><updated>2023-01-01T00:00:00Z</updated>
<author><name>A. B.</name><email>a@e.org</email></author>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Ein <em>Absatz</em>.</p>
<p>Noch einer.</p></div></content>
</entry><entry><title>Zwei</title><updated>2022-01-07T00:00:00Z</updated>
<summary>Wenig, a &lt; b.</summary></entry></feed>"""


def test_an_item_of_rss_is_an_article(tmp_path: Path) -> None:
    articles, log = read(tmp_path, "a.rss", RSS)

    assert articles[1] == Article(
        id="a.rss#g-1",
        text="The first paragraph.\n\nThe second & last.",
        title="Treaty & talks",
        published=DAY,
        source="Northgate & Wire",
        url="https://e.org/1?a=1&b=2",
        metadata={"author": "Jane Doe", "tags": ["world", "army"]},
    )
    assert (articles[0].id, articles[0].text) == ("a.rss#g-0", "An older one")
    assert (log.problems, log.notes) == ([], [])


def test_an_entry_of_atom_is_an_article(tmp_path: Path) -> None:
    articles, log = read(tmp_path, "a.atom", ATOM)

    assert articles == [
        Article(
            id="a.atom#urn:1",
            text="Ein Absatz.\n\nNoch einer.",
            title="Ein Vertrag",
            published=DAY,
            source="Der Bote",
            url="https://e.org/1",
            metadata={"author": "A. B."},
        ),
        Article(
            id="a.atom#2",
            text="Wenig, a < b.",
            title="Zwei",
            published=DAY,
            source="Der Bote",
            metadata={"published_from": "updated", "published_confidence": "likely"},
        ),
    ]
    assert (log.problems, log.notes) == ([], [])


def test_rss_1_has_its_items_beside_the_channel(tmp_path: Path) -> None:
    rdf = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x"><title>Wire</title></channel>
    <item rdf:about="y"><title>T</title><link>https://e.org/y</link><dc:date>2022-01-07</dc:date>
    <description>The text.</description></item></rdf:RDF>"""
    for name in ("a.rdf", "a.xml", "a.rss"):
        (article,) = read(tmp_path, name, rdf)[0]
        assert (article.id, article.source, article.published) == (f"{name}#https://e.org/y", "Wire", DAY)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "iso-8859-1", "windows-1252"])
def test_a_feed_is_decoded_as_it_says(tmp_path: Path, encoding: str) -> None:
    said = "utf-8" if encoding == "utf-8-sig" else encoding
    feed = RSS.replace('<?xml version="1.0"?>', f"<?xml version='1.0' encoding='{said}'?>").replace(
        "treaty", "Verträge"
    )

    articles, log = read(tmp_path, "a.rss", feed.replace("talks", "Gespräche").encode(encoding))

    assert articles[1].title == "Treaty & Gespräche"
    assert log.problems == []


def test_a_feed_in_utf_16_is_read(tmp_path: Path) -> None:
    assert texts(read(tmp_path, "a.xml", RSS.replace("&nbsp;", " ").encode("utf-16"))[0])["a.xml#g-1"].startswith(
        "The first"
    )


def test_entries_of_one_name_are_told_apart(tmp_path: Path) -> None:
    assert [a.id for a in read(tmp_path, "a.rss", f"{HEAD}{ITEM}{ITEM}</channel></rss>")[0]] == [
        "a.rss#g-0",
        "a.rss#g-1",
        "a.rss#g-1~2",
    ]


def test_a_date_in_the_future_is_none(tmp_path: Path) -> None:
    articles, log = read(tmp_path, "a.rss", RSS.replace("2022", "2122"))

    assert articles[1].published is None
    assert log.notes == ["a.rss#g-1: the date 'Fri, 07 Jan 2122 23:30:00 -0500' is in the future, not kept"]


# --- damage


def test_what_has_no_name_that_xml_knows_is_read_also_after_a_mistake(tmp_path: Path) -> None:
    # After the first mistake libxml2 would leave out &lt; and &amp;, and so the tags of every text.
    damaged = RSS.replace("An older one", "An older &eacute; & &unknown; one")

    articles, log = read(tmp_path, "a.rss", damaged)

    assert [article.title for article in articles] == ["An older é & &unknown; one", "Treaty & talks"]
    assert articles[1].text == "The first paragraph.\n\nThe second & last."
    assert log.problems == []


def test_references_are_read_across_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(tmp_path, "a.rss", RSS)[0]
    for size in (1, 2, 3, 7, 50):
        monkeypatch.setattr(feeds, "_CHUNK", size)
        assert read(tmp_path, "a.rss", RSS)[0] == whole


def test_a_feed_that_is_cut_off_is_read_to_there(tmp_path: Path) -> None:
    articles, log = read(tmp_path, "a.rss", RSS[: RSS.index("<pubDate>")])

    assert [article.id for article in articles][:1] == ["a.rss#g-0"]
    assert len(log.problems) == 1
    assert "a.rss: is damaged (" in problems(log)[0]


def test_items_that_are_not_closed_are_read(tmp_path: Path) -> None:
    articles, log = read(tmp_path, "a.rss", f"{HEAD}{ITEM.replace('</item>', '')}{ITEM}</channel></rss>")

    assert "The first paragraph.\n\nThe second & last." in texts(articles).values()
    assert "is damaged" in problems(log)[0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is no XML"),
        ("hello", "is no XML"),
        ("\x00" * 100, "is no XML"),
        ("<urlset><url/></urlset>", "is XML, but no feed: it begins with <urlset>"),
        ("<html><body><p>Text", "is XML, but no feed: it begins with <html>"),
    ],
)
def test_what_is_no_feed_is_named(tmp_path: Path, content: str, reason: str) -> None:
    articles, log = read(tmp_path, "a.xml", content)

    assert articles == []
    assert len(log.problems) == 1
    assert problems(log)[0].startswith(f"a.xml: {reason}")


# --- entities


def test_entities_of_the_file_stand_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("The secret.")
    declared = f"""<!DOCTYPE rss SYSTEM "file://{tmp_path}/secret.txt" [
    <!ENTITY x SYSTEM "file://{tmp_path}/secret.txt"><!ENTITY % p SYSTEM "file://{tmp_path}/secret.txt"> %p;
    <!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
    <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>"""
    for encoding in ("utf-8", "utf-16"):
        feed = f"<?xml version='1.0'?>{declared}<rss><channel><item><title>T &c;</title>"
        feed += "<description>A &x; text &c;</description>"
        (article,) = read(tmp_path, "a.rss", f"{feed}</item></channel></rss>".encode(encoding))[0]
        assert "secret" not in article.title + article.text
        assert len(article.text) < 50


def test_the_size_of_an_entry_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "_MOST_ENTRY", 200_000)
    monkeypatch.setattr(feeds, "_CHUNK", 1000)
    articles, log = read(
        tmp_path, "a.rss", RSS.replace("</channel>", f"<item><title>{'x' * 300_000}</title></item></channel>")
    )

    assert len(articles) == 2
    assert problems(log) == ["a.rss: an entry has more than 0 MiB: not read from here on"]
    assert len(read(tmp_path, "b.rss", HEAD + ITEM * 1000 + "</channel></rss>")[0]) == 1001
