"""A query's tokens to the words that they are of."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["query_words"]


def query_words(
    text: str, prompt: int, word_ids: Sequence[int | None], spans: Sequence[tuple[int, int]]
) -> tuple[list[int | None], list[str]]:
    """Return for each token the word that it is of, None for special tokens and the prompt's; and the words.

    Args:
        text: The prompt and the query.
        prompt: The prompt's length.
        word_ids: For each token what the tokenizer calls its word; None for special tokens.
        spans: Where in the text each token is.
    """
    words: list[int | None] = []
    texts: list[str] = []
    numbers: dict[int, int] = {}
    for word, (start, end) in zip(word_ids, spans, strict=True):
        if word is None or end <= prompt:
            words.append(None)
            continue
        if word not in numbers:
            numbers[word] = len(texts)
            texts.append("")
        texts[numbers[word]] += text[start:end]
        words.append(numbers[word])
    return words, texts
