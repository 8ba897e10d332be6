"""A question to ranked rows: candidates from every kind of search, scored by what is known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from semsearch.dense import RECALL
from semsearch.embedders import Embedder, QueryTokens, TokenEmbedder
from semsearch.passages import readable
from semsearch.products import inner_products
from semsearch.ranking import Signals, hybrid_parts, late_interaction, settled
from semsearch.searching._questions import Question
from semsearch.searching._source import Allowed, Source
from semsearch.searching._texts import PassageTexts

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CANDIDATES", "Candidates", "Ranked", "Retrieval"]

CANDIDATES = 50
"""Passages that are taken from dense search, and as many from lexical search, to be ranked together."""

_ARTICLE_CANDIDATES = 15  # articles from lexical search whose best passage is a candidate too
_ARTICLE_DEPTH = 1000  # articles whose words are scored; beyond them the share is taken as none
_EMBEDDED_NOW = 24  # candidates whose tokens are embedded when the question is asked, if the index has none


class Ranked(NamedTuple):
    """Rows of passages, best first.

    Attributes:
        rows: ``(n,)`` int64.
        scores: ``(n,)`` float64, descending; equal ones in the order of the rows.
        parts: What the scores are the sum of, ``(n,)`` float64 each.
        complete: Whether there is nothing more to be found.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    parts: dict[str, NDArray[np.float64]]
    complete: bool


class Candidates(NamedTuple):
    """What the searches found for a question.

    Attributes:
        rows: ``(n,)`` int64: the passages, ascending.
        articles: ``(m,)`` int64: articles that share a word with it.
        shares: ``(m,)`` float64: their BM25 as a share of the most that any text could have.
        complete: Whether there is nothing more to be found.
    """

    rows: NDArray[np.int64]
    articles: NDArray[np.int64]
    shares: NDArray[np.float64]
    complete: bool


class Retrieval:
    """The searches over one source, which may be used by threads."""

    def __init__(self, source: Source, embedder: Embedder, texts: PassageTexts) -> None:
        self._source = source
        self._embedder = embedder
        self._texts = texts

    def rank(self, question: Question, mode: str, depth: int, allowed: Allowed, recall: float = RECALL) -> Ranked:
        """Rank at least ``depth`` passages, or all that can be found.

        Args:
            question: What is asked for.
            mode: One of :data:`semsearch.searching.MODES`.
            depth: How many passages.
            allowed: Those that may be found; None for all.
            recall: The share of the nearest passages that the search by vectors is to find.
        """
        if mode == "lexical":
            self._source.require_words()
            rows, scores = self._source.find_words("passages", question.query.text, depth, allowed)
            scores /= self._source.terms("passages").highest_score(question.query.text) or 1
            return Ranked(rows, scores, {"lexical": scores}, complete=len(rows) < depth)
        assert question.embedding is not None  # noqa: S101 - for the type checker
        if mode == "dense":
            return self.nearest(question.embedding, depth, allowed, recall)
        return self._hybrid(question, depth, allowed, recall)

    def nearest(self, embedding: NDArray[np.float32], depth: int, allowed: Allowed, recall: float = RECALL) -> Ranked:
        """Rank by the cosine with ``embedding``, ``(dimension,)``."""
        rows, cosines = self._source.nearest(embedding, depth, allowed, recall)
        scores = cosines.astype(np.float64)
        return Ranked(rows, scores, {"dense": scores}, complete=len(rows) < depth)

    def _hybrid(self, question: Question, depth: int, allowed: Allowed, recall: float) -> Ranked:
        """Rank the candidates, and below them what is asked for beyond, in a ranking of its own.

        So the first hits are the same however many are asked for; and a longer list does no harm to its head, as it
        would if more passages of long articles had their say there.
        """
        found = self.candidates(question, CANDIDATES, allowed, recall)
        ranked = self._ranked(question, found)
        if depth <= max(CANDIDATES, len(found.rows)) or found.complete:
            return ranked
        more = self.candidates(question, depth, allowed, recall)
        more = more._replace(rows=np.setdiff1d(more.rows, found.rows))
        if len(more.rows) == 0:
            return ranked._replace(complete=more.complete)
        below = self._ranked(question, more, embed_now=False)
        lowest = ranked.scores[-1] if len(ranked.scores) else np.inf
        scores = np.minimum(below.scores, lowest)
        below.parts["further down"] = scores - below.scores
        ranked.parts["further down"] = np.zeros(len(ranked.scores))
        parts = {
            name: np.concatenate([one.parts.get(name, np.zeros(len(one.rows))) for one in (ranked, below)])
            for name in dict.fromkeys([*ranked.parts, *below.parts])
        }
        rows = np.concatenate([ranked.rows, below.rows])
        return Ranked(rows, np.concatenate([ranked.scores, scores]), parts, more.complete)

    def _ranked(self, question: Question, found: Candidates, *, embed_now: bool = True) -> Ranked:
        if len(found.rows) == 0:
            return Ranked(found.rows, np.empty(0), {}, found.complete)
        parts = hybrid_parts(self.signals(question, found, embed_now=embed_now))
        scores = settled(np.sum(list(parts.values()), axis=0))
        order = np.lexsort((found.rows, -scores))
        parts = {name: part[order] for name, part in parts.items()}
        return Ranked(found.rows[order], scores[order], parts, found.complete)

    def candidates(self, question: Question, depth: int, allowed: Allowed, recall: float = RECALL) -> Candidates:
        """Gather at least ``depth`` passages from each kind of search, if there are as many."""
        assert question.embedding is not None  # noqa: S101 - for the type checker
        text, embedding = question.query.text, question.embedding
        articles, bm25 = self._source.find_words("articles", text, _ARTICLE_DEPTH, allowed)
        nearest = self._source.nearest(embedding, depth, allowed, recall)[0]
        rows = [nearest, self._source.find_words("passages", text, depth, allowed)[0]]
        if len(articles):
            rows.append(self._source.best_passages(articles[:_ARTICLE_CANDIDATES], embedding, allowed))
        shares = bm25 / (self._source.terms("articles").highest_score(text) or 1)
        return Candidates(_sorted_once(np.concatenate(rows)), articles, shares, complete=len(nearest) < depth)

    def signals(self, question: Question, found: Candidates, *, embed_now: bool = True) -> Signals:
        """Return what is known of candidates, of which there is at least one.

        Args:
            question: What is asked for.
            found: The candidates.
            embed_now: Whether to embed the likeliest ones' tokens if the index has none.
        """
        assert question.embedding is not None  # noqa: S101 - for the type checker
        if self._source.keeps_tokens:
            self._source.read_ahead(found.rows)
        own = self._source.article_of(found.rows)  # ascending, as the rows are
        articles = _sorted_once(own)
        members = np.searchsorted(articles, own)
        vectors = self._source.article_vectors(articles)
        shares = dict(zip(found.articles.tolist(), found.shares.tolist(), strict=True))
        signals = Signals(
            articles=members,
            dense=self._source.vectors(found.rows) @ question.embedding,
            article_vectors=vectors,
            article_dense=vectors @ question.embedding,
            lexical=np.array([shares.get(article, 0.0) for article in articles.tolist()]),
        )
        if not (self._source.keeps_tokens or embed_now):
            return signals
        return self._with_late_interaction(question, found.rows, signals)

    def _with_late_interaction(self, question: Question, rows: NDArray[np.int64], signals: Signals) -> Signals:
        """Add what the tokens say, if the embedder gives any."""
        if question.tokens is None or question.weights is None:
            return signals
        count = len(signals.article_vectors)
        if self._source.keeps_tokens:
            similarities = self._source.max_similarities(question.tokens.embeddings, rows)
            late, article_late = late_interaction(similarities, question.weights, signals.articles, count)
            return signals.with_late_interaction(late, article_late)
        # Without stored tokens those of the likeliest candidates are embedded now. How much higher late interaction is
        # than the cosine hardly depends on the candidate: for the others it is taken to be as much as for these.
        preliminary = np.sum(list(hybrid_parts(signals).values()), axis=0)
        likely = np.lexsort((rows, -preliminary))[:_EMBEDDED_NOW]
        similarities = self._similarities_now(question.tokens, rows[likely])
        late = np.asarray(signals.dense, dtype=np.float64).copy()
        own, by_article = late_interaction(similarities, question.weights, signals.articles[likely], count)
        late += np.mean(own - late[likely])
        late[likely] = own
        np.maximum.at(by_article, signals.articles, late)
        return signals.with_late_interaction(late, by_article)

    def _similarities_now(self, tokens: QueryTokens, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        assert isinstance(self._embedder, TokenEmbedder)  # noqa: S101 - for the type checker
        texts = [readable(text) for text in self._texts.embedded(rows.tolist())]
        _, vectors = self._embedder.embed_passages_with_tokens(texts)
        return np.stack([inner_products(tokens.embeddings, own).max(axis=1) for own in vectors], axis=1)


def _sorted_once(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each of these numbers, none below 0, once and ascending. What numpy has for it loads 10 ms of modules."""
    ascending = np.sort(numbers)
    return ascending[np.diff(ascending, prepend=-1) > 0]
