"""What the peers are given: whole articles, or the passages that semsearch embeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from semsearch.embedders import Embedder
from semsearch.evaluation import Run
from semsearch.passages import article_context, readable, split_article
from semsearch.records import Article

__all__ = ["Documents", "articles_of", "passages_of", "rank_articles"]

_ARTICLES = 100  # what a run keeps for each query: the deepest measure is R@100


@dataclass(frozen=True, slots=True)
class Documents:
    """The texts that are embedded, and for each the id of the article that it is of."""

    texts: Sequence[str]
    articles: Sequence[str]


def articles_of(articles: Iterable[Article]) -> Documents:
    """Return each article as one text: the title, a line end, the text."""
    whole = [(f"{article.title}\n{article.text}".strip(), article.id) for article in articles]
    texts = [(text, name) for text, name in whole if text]
    return Documents([text for text, _ in texts], [name for _, name in texts])


def passages_of(articles: Iterable[Article], embedder: Embedder) -> Documents:
    """Return each passage as semsearch embeds it: the title's line, and the passage."""
    texts, names = [], []
    limit = embedder.spec.max_tokens
    for article in articles:
        context = article_context(article, embedder.count_tokens, limit=limit)
        rest = limit - embedder.count_tokens([context])[0]
        passages = split_article(article, embedder.count_tokens, limit=rest)
        texts += [readable(context + passage.text) for passage in passages]
        names += [article.id] * len(passages)
    return Documents(texts, names)


def rank_articles(found: Run, documents: Documents) -> Run:
    """Rank articles by their best document: rows to articles, each where it comes first."""
    ranked: Run = {}
    for query, rows in found.items():
        best: dict[str, float] = {}
        for row, score in rows:
            best.setdefault(documents.articles[int(row)], score)
        ranked[query] = list(best.items())[:_ARTICLES]
    return ranked
