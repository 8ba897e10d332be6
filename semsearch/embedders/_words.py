"""A query's tokens to the words that they are of."""

from __future__ import annotations

from collections.abc import Sequence

from semsearch.languages import is_unsegmented

__all__ = ["query_words"]


def query_words(
    text: str, prompt: int, word_ids: Sequence[int | None], spans: Sequence[tuple[int, int]]
) -> tuple[list[int | None], list[str]]:
    """Return for each token the word that it is of, None for special tokens and the prompt's; and the words.

    Tokenizers that part words at spaces alone take marks for a part of them, and a Chinese question for one word: here
    marks are none, and where a script puts no space between words each token is one.

    Args:
        text: The prompt and the query.
        prompt: The prompt's length.
        word_ids: For each token what the tokenizer calls its word; None for special tokens.
        spans: Where in the text each token is.
    """
    words: list[int | None] = []
    texts: list[str] = []
    numbers: dict[int, int] = {}
    known = 0  # the end of what is part of a word: some pieces share a sign with the one before
    for word, (start, end) in zip(word_ids, spans, strict=True):
        if word is None or end <= prompt:
            words.append(None)
            continue
        if word not in numbers or (start >= known and any(map(is_unsegmented, text[start:end]))):
            numbers[word] = len(texts)
            texts.append("")
        texts[numbers[word]] += text[max(start, known) : end]
        known = max(known, end)
        words.append(numbers[word])
    return words, [_without_marks(word) or word for word in texts]


def _without_marks(word: str) -> str:
    """Return a word without what stands around it and is neither letter nor digit."""
    places = [place for place, character in enumerate(word) if character.isalnum()]
    return word[places[0] : places[-1] + 1] if places else ""
