"""Plain text: an article a file, as typed or as a reader saved it from a news page."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from semsearch.readers._fields import article_from_fields, parse_date
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._text import decode

__all__ = ["read_plain"]

_BLOCK = re.compile(r"[^\n]*\S[^\n]*(?:\n[^\n]*\S[^\n]*)*")
_HEADLINE_WORDS = 30
_FURNITURE = frozenset(
    """
    save|share|print|print this page|email|e-mail|tweet|post|pin|like|follow|follow us|subscribe|sign in|sign up
    |log in|register|menu|search|home|news|close|copy link|copy|link copied|share this|share this article
    |share on facebook|share on twitter|share on x|share on linkedin|share on whatsapp|share via email|facebook
    |twitter|x|linkedin|whatsapp|telegram|reddit|pinterest|instagram|comments|comment|leave a comment|add a comment
    |view comments|read more|read later|listen|listen to article|play|download|download pdf|bookmark|advertisement
    |advertisment|sponsored|skip to content|skip to main content|back to top|related articles|related|more news
    |most read|newsletter|sign up for our newsletter|cookie settings|accept cookies|accept all|a a|font size|text size
    |reading time|min read
    """.replace("\n", " ").split("|")
)
_FURNITURE_WORDS = frozenset(" ".join(words.split()) for words in _FURNITURE)
_STAMP = re.compile(
    r"(?:(?:published|updated|posted|last updated|date|time)\b[:\s]*|[\d\W]|\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\b"
    r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b|\d(?:st|nd|rd|th)\b"
    r"|\b(?:at|on|am|pm|a\.m|p\.m|utc|gmt|cet|cest|est|edt|pst|pdt|bst|msk|z)\b)+",
    re.IGNORECASE,
)
_MONTH_DAY = (
    r"(?:(?:JAN|FEB|MAR|APR|MAY|JUNE?|JULY?|AUG|SEPT?|OCT|NOV|DEC)[A-Z]*\.?\s\d{1,2}"
    r"|\d{1,2}\s(?:JAN|FEB|MAR|APR|MAY|JUNE?|JULY?|AUG|SEPT?|OCT|NOV|DEC)[A-Z]*\.?)(?:,?\s\d{4})?"
)
_DATELINE = re.compile(
    # YEREVAN, JANUARY 7, ARMENPRESS.
    rf"[A-Z][A-Z .'’-]+(?:,\s[A-Z][\w .]+)?,\s(?i:{_MONTH_DAY}),\s(?P<agency>[A-Z][A-Z0-9 .&-]*[A-Z0-9])[.:]\s"
    # LONDON, March 3 (Reuters) - / PARIS (AP) — / Berlin (dpa) –
    rf"|[A-Z][\w.'’-]+(?:[ ,/]+[A-Z][\w.'’-]+)*(?:,\s(?i:{_MONTH_DAY}))?\s\((?P<wire>[\w .&/-]{{2,30}})\)\s?[–—-]",
)


class _Head(NamedTuple):
    title: str
    published: dt.date | None
    body_start: int


def read_plain(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the one article of a text file.

    A first line that reads like a headline is the title. What a news page puts around its text, buttons ("Save",
    "Share") and the time stamp, is no part of the body; the stamp gives the date, the dateline the source.
    """
    text = decode(stream.read(), origin, log)
    if text is None:
        return
    head = _read_head(text)
    body = text[head.body_start : _body_end(text, head.body_start)]
    dateline = _DATELINE.match(body)
    fields = {
        "published": head.published,
        "source": (dateline["agency"] or dateline["wire"]).strip() if dateline is not None else None,
    }
    located = article_from_fields(fields, origin, log, text=body, title=head.title)
    if located is not None:
        yield located


def _read_head(text: str) -> _Head:
    """Read headline, buttons and time stamp off the top of the text, up to the first line that is none of them."""
    title = ""
    published: dt.date | None = None
    first = True
    for line in re.finditer(r"[^\n]*\S[^\n]*", text):
        words = line.group().strip()
        if _is_furniture(words):
            continue
        if _is_stamp(words):
            published = published or parse_date(_stamp_date(words))
        elif first and _is_headline(words) and text[line.end() :].strip() and not _goes_on(text, line.end()):
            title = " ".join(words.split())
        else:
            return _Head(title, published, line.start() + len(line.group()) - len(line.group().lstrip()))
        first = False
    return _Head(title, published, len(text))


def _body_end(text: str, start: int) -> int:
    """Return where the body ends: trailing buttons are no part of it."""
    end = len(text.rstrip())
    while end > start:
        line_start = max(text.rfind("\n", start, end) + 1, start)
        if not _is_furniture(text[line_start:end].strip()):
            break
        end = len(text[:line_start].rstrip())
    return max(start, end)


def _is_furniture(line: str) -> bool:
    return " ".join(line.split()).casefold().strip(" :|·•.") in _FURNITURE_WORDS


def _is_stamp(line: str) -> bool:
    return len(line) <= 80 and bool(_STAMP.fullmatch(line)) and parse_date(_stamp_date(line)) is not None


def _stamp_date(line: str) -> str:
    """Drop the label before a stamp ("Published:"), and the clock, whose zone may be unknown."""
    line = re.sub(r"(?i)^\W*(?:published|updated|posted|last updated|date|time)\b[:\s]*(?:on|at)?\b", "", line)
    line = re.sub(r"(?i)\b\d{1,2}:\d\d(?::\d\d)?\s*(?:[ap]\.?m\.?)?", " ", line)
    return re.sub(r"(?i)\b(?:utc|gmt|cet|cest|est|edt|pst|pdt|bst|msk|at|on)\b", " ", line).strip(" ,|·•–—-")


def _goes_on(text: str, end: int) -> bool:
    """Whether the next line, without a blank one between, goes on with the sentence: then it is wrapped text."""
    return bool(re.match(r"[^\S\n]*\n[^\S\n]*[^\W\d_A-Z]", text[end : end + 200])) and text[end:].lstrip()[0].islower()


def _is_headline(line: str) -> bool:
    return len(line.split()) <= _HEADLINE_WORDS and not re.search(r"[.:;,](?<!\.\.\.)$", line.rstrip("\"'”’»)"))
