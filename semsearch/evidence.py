"""Which sentence of a passage answers, and what each word of the query met. Pure functions.

Late interaction says for each token of the query which token of the passage is most like it. Asked sentence by
sentence, it says which sentence is most like the query; its weights and vectors are those of the ranking.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from semsearch.languages import is_unsegmented
from semsearch.records import WordMatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Spans", "match_tokens", "match_words", "sentence_by_tokens", "sentence_by_words"]

_MARKS = {"Mn", "Mc", "Cf"}  # categories of what stands in a word and is no letter: vowels, accents, a soft hyphen

Spans = Sequence[tuple[int, int]]
"""Offsets of characters, end exclusive; ``(0, 0)`` for a token that is no part of the text."""


def sentence_by_tokens(
    similarities: NDArray[np.float32], weights: NDArray[np.float64], tokens: Spans, sentences: Spans
) -> int | None:
    """Return which sentence has the highest late interaction with the query; the earliest of those that tie.

    Args:
        similarities: ``(t, n)``: cosines of the query's tokens with the text's.
        weights: ``(t,)``: how much each token of the query counts.
        tokens: Where in the text each of the n tokens is.
        sentences: Where the sentences are, in the same text.

    Returns:
        Its index, or None if no token is in any sentence.
    """
    starts = np.array([start for start, _ in tokens])
    ends = np.array([end for _, end in tokens])
    best, best_score = None, -np.inf
    for number, (start, end) in enumerate(sentences):
        inside = (ends > start) & (starts < end) & (ends > starts)
        if inside.any():
            score = float(weights @ similarities[:, inside].max(axis=1))
            if score > best_score:
                best, best_score = number, score
    return best


def sentence_by_words(
    text: str, sentences: Spans, weights: dict[str, float], terms: Callable[[str], list[str]]
) -> int | None:
    """Return which sentence has most of the query's words by weight, the earliest of those that tie; None if none."""
    best, best_score = None, 0.0
    for number, (start, end) in enumerate(sentences):
        found = set(terms(text[start:end]))
        score = sum(weight for term, weight in weights.items() if term in found)
        if score > best_score:
            best, best_score = number, score
    return best


def match_tokens(
    similarities: NDArray[np.float32],
    weights: NDArray[np.float64],
    words: Sequence[int | None],
    texts: Sequence[str],
    text: str,
    tokens: Spans,
) -> tuple[WordMatch, ...]:
    """Return what each word of the query met by late interaction.

    Args:
        similarities: ``(t, n)``: cosines of the query's tokens with the text's.
        weights: ``(t,)``: how much each token of the query counts.
        words: For each token of the query which of ``texts`` it is of, None for special tokens.
        texts: The words of the query.
        text: The text.
        tokens: Where in the text each of the n tokens is.
    """
    known = np.array([end > start for start, end in tokens])
    if not known.any():
        return ()
    inside = np.where(known, similarities, -np.inf)
    matches = []
    for word, name in enumerate(texts):
        own = [token for token, of in enumerate(words) if of == word]
        if own and any(character.isalnum() for character in name):
            best = inside[own].argmax(axis=1)
            similarity = float(inside[own, best].mean())
            found = _word_at(text, *tokens[int(best[int(inside[own, best].argmax())])])
            matches.append(WordMatch(name, found, similarity, float(weights[own].sum())))
    return tuple(matches)


def match_words(
    words: Sequence[str], weights: dict[str, float], text: str, terms: Callable[[str], list[str]]
) -> tuple[WordMatch, ...]:
    """Return which words of the query are in ``text`` but for inflection.

    Args:
        words: The query's words; what is written with a hyphen or apostrophe is several.
        weights: For each term of the query how much it counts. A word that stands twice counts twice.
        text: The text.
        terms: Gives the stems of a text's words, without stop words.
    """
    found: dict[str, str] = {}
    for word in _split(text):
        for name, term in _named(word, terms):
            found.setdefault(term, name)
    asked = [one for word in words for part in _split(word) for one in _named(part, terms)]
    total = sum(weights.get(term, 0.0) for _, term in asked) or 1.0
    return tuple(
        WordMatch(name, found.get(term, ""), float(term in found), weights.get(term, 0.0) / total)
        for name, term in asked
    )


def _split(text: str) -> list[str]:
    return "".join(character if _is_of_word(character) else " " for character in text).split()


def _named(word: str, terms: Callable[[str], list[str]]) -> list[tuple[str, str]]:
    """Return the terms of a word with what to call each: where words are not told apart, its own signs."""
    return [(term if is_unsegmented(term[0]) else word, term) for term in terms(word)]


def _is_of_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character) in _MARKS


def _word_at(text: str, start: int, end: int) -> str:
    """Return the word that a token is of; the token where words are not told apart."""
    while start > 0 and _go_together(text[start - 1], text[start]):
        start -= 1
    while end < len(text) and _go_together(text[end - 1], text[end]):
        end += 1
    return text[start:end]


def _go_together(one: str, next_one: str) -> bool:
    return one.isalnum() and next_one.isalnum() and not is_unsegmented(one) and not is_unsegmented(next_one)
