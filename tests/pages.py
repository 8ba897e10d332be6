"""A made web page, and what is read of it, for the tests of web pages."""

from __future__ import annotations

import io
import json
from html import escape

from semsearch import Article, ReadingLog
from semsearch.readers._log import Origin
from semsearch.readers.html import read_html

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
