"""Chosen rows to hits: the passage, its article, the sentence that answers, and on demand why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from semsearch.embedders import Embedder, TokenEmbedder
from semsearch.evidence import Spans, match_tokens, match_words, sentence_by_tokens, sentence_by_words
from semsearch.languages import language_code
from semsearch.passages import find_paragraphs, readable, spans_before_readable
from semsearch.ranking import inverse_document_frequency
from semsearch.records import Evidence, Explanation, Hit, WordMatch
from semsearch.searching._questions import Question
from semsearch.searching._request import Request
from semsearch.searching._retrieval import Ranked
from semsearch.searching._source import Source
from semsearch.searching._texts import PassageTexts
from semsearch.selection import Chosen
from semsearch.sentences import find_sentences
from semsearch.storage import StoredPassage

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["HitMaker"]

_REMEMBERED = 1024  # passages, of some 10 KB


class HitMaker:
    """Makes hits of what was chosen from one source."""

    def __init__(self, source: Source, embedder: Embedder, texts: PassageTexts) -> None:
        self._source = source
        self._embedder = embedder
        self._texts = texts
        self._words = source.terms("passages")
        # While somebody types, one answer shows much of what the one before it did.
        self._places = lru_cache(_REMEMBERED)(partial(_token_places, embedder))

    def hits(
        self,
        chosen: Sequence[Chosen],
        ranks: Sequence[int],
        ranked: Ranked,
        question: Question | None,
        request: Request,
    ) -> list[Hit]:
        """Return a hit for each of ``chosen``.

        Args:
            chosen: What to show.
            ranks: The rank of each.
            ranked: What it was chosen from.
            question: What was asked; None if it was no question: then there is no evidence.
            request: Whether evidence and explanations are wanted.
        """
        places = {int(row): place for place, row in enumerate(ranked.rows)}
        shown = [row for one in chosen for row in (one.row, *(duplicate.row for duplicate in one.duplicates))]
        stored = self._source.passages(shown)
        tokens = self._tokens([one.row for one in chosen], stored, question, request)
        terms = {} if question is None else self._term_weights(question)
        hits = []
        for rank, one in zip(ranks, chosen, strict=True):
            passage, article = stored[one.row]
            evidence = explanation = None
            if question is not None and request.evidence:
                evidence = self._evidence(stored[one.row], question, tokens.get(one.row), terms)
            if request.explain:
                parts = {name: float(part[places[one.row]]) for name, part in ranked.parts.items()}
                words = self._word_matches(stored[one.row], question, tokens.get(one.row), terms)
                explanation = Explanation(parts, words)
            duplicates = tuple(
                Hit(rank, float(ranked.scores[places[duplicate.row]]), *stored[duplicate.row])
                for duplicate in one.duplicates
            )
            hits.append(Hit(rank, one.score, passage, article, evidence, duplicates, explanation))
        return hits

    def _tokens(
        self, rows: list[int], stored: Mapping[int, StoredPassage], question: Question | None, request: Request
    ) -> dict[int, _PassageTokens]:
        """Return the tokens of these passages, if there are any and somebody wants to know."""
        wanted = request.evidence or request.explain
        if not rows or not wanted or question is None or question.tokens is None or not self._source.keeps_tokens:
            return {}
        contexts = [self._texts.context_of(stored[row]) for row in rows]
        texts = [context + stored[row].passage.text for row, context in zip(rows, contexts, strict=True)]
        all_similarities = self._source.similarities(question.tokens.embeddings, np.array(rows))
        found = {}
        for row, text, context, similarities in zip(rows, texts, contexts, all_similarities, strict=True):
            places = self._places(text)
            if len(places) == similarities.shape[1]:  # else the tokenizer is not the one that it was
                found[row] = _PassageTokens(text, len(context), places, similarities)
        return found

    def _evidence(
        self, stored: StoredPassage, question: Question, tokens: _PassageTokens | None, terms: dict[str, float]
    ) -> Evidence | None:
        passage = stored.passage
        sentences = _sentences(passage.text, language_code(stored.article.metadata.get("language")))
        if tokens is not None and question.weights is not None:
            moved = [(start + tokens.context, end + tokens.context) for start, end in sentences]
            best = sentence_by_tokens(tokens.similarities, question.weights, tokens.spans, moved)
        else:
            best = sentence_by_words(passage.text, sentences, terms, self._words.terms)
        if best is None:
            return None
        start, end = sentences[best]
        return Evidence(passage.text[start:end], passage.start + start, passage.start + end)

    def _word_matches(
        self,
        stored: StoredPassage,
        question: Question | None,
        tokens: _PassageTokens | None,
        terms: dict[str, float],
    ) -> tuple[WordMatch, ...]:
        if question is None:
            return ()
        if tokens is not None and question.tokens is not None and question.weights is not None:
            words, texts = question.tokens.words, question.tokens.texts
            return match_tokens(tokens.similarities, question.weights, words, texts, tokens.text, tokens.spans)
        text = f"{stored.article.title}\n{stored.passage.text}"
        return match_words(question.query.text.split(), terms, text, self._words.terms)

    def _term_weights(self, question: Question) -> dict[str, float]:
        """Return how much each of the query's terms counts where words are compared."""
        count = len(self._words)
        return {
            term: inverse_document_frequency(self._words.term_frequency(term), count)
            for term in self._words.terms(question.query.text)
        }


def _token_places(embedder: Embedder, text: str) -> Spans:
    """Return where each token of a passage is in its text."""
    assert isinstance(embedder, TokenEmbedder)  # noqa: S101 - for the type checker
    (spans,) = embedder.token_spans([readable(text)])
    return spans_before_readable(text, spans)


@lru_cache(_REMEMBERED)
def _sentences(text: str, language: str | None) -> list[tuple[int, int]]:
    """Return the spans of the sentences that can answer: a heading, such as "Who pays", does only where it is alone."""
    sentences = find_sentences(text, language)
    headings = [one for one in find_paragraphs(text) if one.is_heading]
    others = [
        (start, end) for start, end in sentences if not any(one.start <= start and end <= one.end for one in headings)
    ]
    return others or sentences


class _PassageTokens(NamedTuple):
    """The tokens of a passage as it was embedded.

    Attributes:
        text: The title's line, and the passage.
        context: The length of the title's line.
        spans: Where in the text each token is.
        similarities: ``(t, n)``: cosines of the query's tokens with these.
    """

    text: str
    context: int
    spans: Spans
    similarities: NDArray[np.float32]
