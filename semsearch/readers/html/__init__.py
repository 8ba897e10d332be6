"""HTML: the article of a web page that was saved, without what the page puts around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from semsearch.readers._extras import missing
from semsearch.readers._fields import article_from_fields
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers.html._blocks import Page, blocks_of, count_words
from semsearch.readers.html._body import Body, find_body
from semsearch.readers.html._dates import Stamp, Standing, day_comes_first, published_of, url_stamp
from semsearch.readers.html._facts import Facts, facts_of
from semsearch.readers.html._parse import Source, parse, read_page
from semsearch.readers.text._furniture import dateline_source, read_furniture

__all__ = ["read_html"]

_NEAR = 12  # blocks before and after the beginning of an article, where its date and byline stand
_LONGEST_STAMP = 80
"""Characters of a line that states the day: byline, section and time of day with it."""
_FEWEST_WORDS = 8
"""Of an article; a page with fewer is a list, a form, or a wall before one."""
_WALLED_WORDS = 120
"""Of what pages show of an article that is for subscribers, at most; those that were saved whole have more."""
_STATED_TIMES = 3
"""How many times as long JSON-LD's text must be as the page's own, to stand for it: scripts put it on the page."""


def read_html(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the one article of a web page, as a browser or a program saved it.

    The headline, the canonical address, the site (as the source), and the day of publication are the article's; authors
    (``author``), ``language``, ``description``, ``section`` and ``keywords`` its metadata, and so is where the day
    stands (``published_from``) and how sure it is (``published_confidence``).
    """
    try:
        import lxml  # noqa: F401
    except ImportError:
        log.problem(origin.place, missing("html"))
        return
    text = read_page(stream, origin, log)
    source = None if text is None else parse(text)
    located = None if source is None else _article(source, origin, log)
    if located is not None:
        yield located
    elif text is not None and source is None:
        log.problem(origin.place, "no article text was found in it")


def _article(source: Source, origin: Origin, log: ReadingLog) -> Located | None:
    facts = facts_of(source)
    page = blocks_of(source.root)
    body = find_body(page, facts.title)
    text = _text(body, facts)
    if count_words(text) < _FEWEST_WORDS:
        log.problem(origin.place, "no article text was found in it")
        return None
    _log_dropped(page, body, origin, log)
    if not facts.free and count_words(text) < _WALLED_WORDS:
        log.note(origin.place, "is short, and says that it is not free: the rest may be behind a paywall")
    fields: dict[str, Any] = dict(facts.more)
    authors = facts.authors or _bylines(page, body)
    stated = {
        "title": facts.title,
        "url": facts.url,
        "source": facts.site or dateline_source(text) or "",
        "author": ", ".join(authors),
        "language": facts.language,
    }
    fields.update({name: value for name, value in stated.items() if value})
    fields.update(_published(facts, page, body, origin, log))
    return article_from_fields(fields, origin, log, text=text)


def _text(body: Body, facts: Facts) -> str:
    """Return the text on the page, or the one that JSON-LD states where the page has hardly any."""
    stated = "\n\n".join(filter(None, (" ".join(line.split()) for line in facts.body.split("\n"))))
    return stated if count_words(stated) > _STATED_TIMES * count_words(body.text) else body.text


def _published(facts: Facts, page: Page, body: Body, origin: Origin, log: ReadingLog) -> dict[str, Any]:
    stamps = list(facts.stamps)
    of_url = url_stamp(facts.url)
    stamps.extend([of_url] if of_url is not None else [])
    stamps.extend(_visible_stamps(page, body))
    published, future = published_of(stamps, day_first=day_comes_first(facts.language))
    if published is None:
        for stamp in future[:1]:
            log.note(origin.place, f"the date {stamp.text!r} is in the future, not taken ({stamp.source})")
        return {}
    return {
        "published": published.day,
        "published_from": published.source,
        "published_confidence": published.confidence,
    }


def _near(page: Page, body: Body) -> Iterator[str]:
    """Yield the blocks around the beginning of the article that are no text: those before, the last first.

    Of those in it the first may be a byline that is written like any paragraph.
    """
    if body.first < 0:
        return
    before = range(body.first - 1, max(-1, body.first - 1 - _NEAR), -1)
    after = range(body.first, min(len(page.blocks), body.first + _NEAR))
    for number in (*before, *after):
        if body.reasons[number] or number == body.first:
            yield page.blocks[number].text


def _visible_stamps(page: Page, body: Body) -> Iterator[Stamp]:
    for text in _near(page, body):
        if len(text) <= _LONGEST_STAMP and any(map(str.isdigit, text)):
            yield Stamp(text, "text", Standing.TEXT)


def _bylines(page: Page, body: Body) -> list[str]:
    authors = (furniture.author for text in _near(page, body) if (furniture := read_furniture(text)) is not None)
    return [author for author in authors if author is not None][:1]


def _log_dropped(page: Page, body: Body, origin: Origin, log: ReadingLog) -> None:
    if log.dropped is None:
        return
    for block, reason in zip(page.blocks, body.reasons, strict=True):
        if reason:
            log.drop(origin.place, block.text, reason)
