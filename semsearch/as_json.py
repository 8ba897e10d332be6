"""Hits and articles as JSON values: what commands print, servers answer and agents are told is the same.

``docs/json.md`` documents the fields; :data:`SCHEMA_VERSION` rises when one changes.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from semsearch.records import Article, Hit, page_at

__all__ = ["SCHEMA_VERSION", "article_json", "hit_json"]

SCHEMA_VERSION = 3
"""The ``version`` of every JSON line."""


def hit_json(hit: Hit) -> dict[str, Any]:
    """Return a hit as JSON values, but for its rank and its article."""
    duplicates = [
        {
            "score": round(copy.score, 6),
            "passage": asdict(copy.passage),
            "page": copy.page,
            "article": article_json(copy.article),
        }
        for copy in hit.duplicates
    ]
    explanation = None
    if hit.explanation is not None:
        explanation = {
            "parts": {name: round(part, 6) for name, part in hit.explanation.parts.items()},
            "words": [
                {**asdict(word), "similarity": round(word.similarity, 6), "weight": round(word.weight, 6)}
                for word in hit.explanation.words
            ],
        }
    return {
        "score": round(hit.score, 6),
        "passage": asdict(hit.passage),
        "page": hit.page,
        "evidence": None if hit.evidence is None else asdict(hit.evidence),
        "duplicates": duplicates,
        "explanation": explanation,
    }


def article_json(article: Article) -> dict[str, Any]:
    """Return an article as JSON values, but for its text."""
    has_pages = page_at(article, len(article.text)) is not None
    return {
        "id": article.id,
        "title": article.title,
        "published": None if article.published is None else article.published.isoformat(),
        "source": article.source,
        "url": article.url,
        # Where each page begins is a list as long as the article, of which a hit's "page" is all that is wanted.
        "metadata": {name: value for name, value in article.metadata.items() if name != "pages" or not has_pages},
    }
