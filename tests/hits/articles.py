"""Hits to make tables of, some of them hostile."""

from __future__ import annotations

import datetime as dt

from semsearch.records import Article, Evidence, Explanation, Hit, Passage, WordMatch

HOSTILE = (
    "<script>alert('passage')</script> closes </td></tr></table> and <img src=x onerror=alert(1)>.\n\n"
    "</mark><b>The answer</b> & \u202eturned round\u202c stands here."
)


def hit(
    rank: int = 1,
    text: str = "The council sent soldiers. They guard the airport.",
    *,
    evidence: str | None = None,
    duplicates: tuple[Hit, ...] = (),
    explanation: Explanation | None = None,
    article: Article | None = None,
) -> Hit:
    """A hit whose passage is the whole text of its article."""
    article = article or Article(id=f"a{rank}", text=text)
    found = None
    if evidence is not None:
        start = article.text.index(evidence)
        found = Evidence(evidence, start, start + len(evidence))
    return Hit(rank, 1 / rank, Passage(article.text, 1, 0, len(article.text)), article, found, duplicates, explanation)


def full() -> Hit:
    """A hit that has everything."""
    article = Article(
        id="full",
        text="The council sent soldiers. They guard the airport.",
        title="Peacekeepers",
        published=dt.date(1743, 2, 28),  # before what 64 bits of nanoseconds hold
        source="Northgate Wire",
        url="https://example.org/a?b=1&c=2",
        metadata={"author": "Ines Ö", "tags": ["a", "b"], "pages": [[0, "iv"]]},
    )
    words = (WordMatch("guards", "guard", 0.9, 1.0),)
    return hit(
        1,
        evidence="They guard the airport.",
        duplicates=(hit(1), hit(1)),
        explanation=Explanation({"dense": 0.25, "words": 0.5}, words),
        article=article,
    )


def hostile() -> Hit:
    """A hit whose every text tries to be more than text."""
    article = Article(
        id="<i>id</i>",
        text=HOSTILE,
        title="<script>alert('title')</script>",
        source='"><script>alert("source")</script>',
        url='javascript:alert("url")',
        metadata={"pages": [[0, "<b>1</b>"]], "<x>": "</script>"},
    )
    return hit(1, article=article, evidence="</mark><b>The answer</b> & \u202eturned round\u202c stands here.")
