"""Archives of any size, without embedding their texts: for costs, which depend on numbers and lengths, not on meaning.

Words are those of the sample archive, as frequent as there, in random order. Two embedders give the vectors:

- :class:`RandomEmbedder` has no model at all: a token is a piece of a word, and has a random vector of its own.
- :class:`MadeEmbedder` is for indexes that are then asked with a real model. It says that it is that model: its tokens
  are the model's, so that their number and places are right; only the vectors of passages are made up. That takes 2 ms
  a passage where embedding takes 20 to 40. A passage's vector lies around that of one of the questions, at a cosine of
  0.3 to 0.7, and so near to others of that question, as candidates are to each other in a real archive: folding reads
  the texts of those that are alike. Each of these passages also has some of its question's words.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import semsearch
from semsearch.embedders import QueryTokens, TokenEmbedder

__all__ = ["PASSAGES_OF_AN_ARTICLE", "MadeEmbedder", "RandomEmbedder", "articles", "words_of_sample"]

PASSAGES_OF_AN_ARTICLE = 5
_ROOT = Path(__file__).resolve().parents[1]
_DIMENSION = 384  # of the default model
_PIECE = re.compile(r"\w{1,6}|[^\w\s]")  # about as many pieces as the default model's tokenizer makes
_SENTENCES, _WORDS = 5, 18  # of a passage, of a sentence: about 115 tokens, as many as passages of news have
_TITLE = 8  # words
_SOURCES = 100
_ASKED = 0.06  # of a passage's words that are a question's
_COSINES = (0.3, 0.7)  # of a passage with its question


def words_of_sample() -> list[str]:
    """Return all the words of the sample archive, as often as they stand there, without what ends a sentence."""
    texts = (article.text for article in semsearch.read_articles(_ROOT / "corpus"))
    return [stripped for text in texts for word in text.split() if (stripped := word.strip(".?!:;,\"'“”()"))]


def articles(
    passages: int, words: Sequence[str], questions: Sequence[str], *, seed: int = 0
) -> Iterator[semsearch.Article]:
    """Yield articles of five passages each, ``passages`` in all, which 5 must divide.

    ``source`` is one of 100, ``half`` 0 or 1. The title of an article begins with the number of its question among
    ``questions``, by which :class:`MadeEmbedder` places its passages.
    """
    draw = np.random.default_rng(seed)
    asked = [question.split() for question in questions]
    for number in range(passages // PASSAGES_OF_AN_ARTICLE):
        topic = int(draw.integers(len(asked)))
        paragraphs = [_paragraph(draw, words, asked[topic]) for _ in range(PASSAGES_OF_AN_ARTICLE)]
        title = " ".join(words[at] for at in draw.integers(len(words), size=_TITLE))
        yield semsearch.Article(
            f"{number}",
            "\n\n".join(paragraphs),
            title=f"{topic} {title}",
            source=f"s{number % _SOURCES}",
            metadata={"half": number % 2},
        )


def _paragraph(draw: np.random.Generator, words: Sequence[str], asked: Sequence[str]) -> str:
    sentences = []
    for chosen in draw.integers(len(words), size=(_SENTENCES, _WORDS)):
        picked = [words[at] for at in chosen]
        for place in np.flatnonzero(draw.random(_WORDS) < _ASKED):
            picked[place] = asked[int(draw.integers(len(asked)))]
        sentence = " ".join(picked)
        sentences.append(f"{sentence[0].upper()}{sentence[1:]}.")
    return " ".join(sentences)


class _TokenVectors:
    """A random unit vector for each token's text, the same in each run."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._rows: dict[str, int] = {}
        self._vectors = np.empty((1024, dimension), dtype=np.float32)

    def of(self, tokens: Sequence[str]) -> NDArray[np.float32]:
        """Return ``(len(tokens), dimension)`` float32, unit rows."""
        rows = [self._row(token) for token in tokens]  # before the table is looked into: it may grow
        return np.asarray(self._vectors[rows], dtype=np.float32)

    def _row(self, token: str) -> int:
        row = self._rows.get(token)
        if row is None:
            row = self._rows[token] = len(self._rows)
            if row == len(self._vectors):
                self._vectors = np.concatenate([self._vectors, np.empty_like(self._vectors)])
            self._vectors[row] = _random_unit(token, self._dimension)
        return row


def _random_unit(text: str, dimension: int) -> NDArray[np.float32]:
    seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
    vector = np.random.default_rng(seed).standard_normal(dimension)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


class RandomEmbedder:
    """Gives each piece of a word a random vector of its own. Satisfies ``semsearch.embedders.TokenEmbedder``."""

    def __init__(self) -> None:
        self.spec = semsearch.EmbedderSpec(name="random", fingerprint="random", dimension=_DIMENSION, max_tokens=256)
        self._vectors = _TokenVectors(_DIMENSION)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count pieces."""
        return [len(_PIECE.findall(text)) for text in texts]

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed passages as the mean of their pieces."""
        return self.embed_passages_with_tokens(texts)[0]

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed queries as passages."""
        return self.embed_passages(texts)

    def embed_passages_with_tokens(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Embed passages and their pieces."""
        pieces = [_PIECE.findall(text.lower()) for text in texts]
        tokens = [self._vectors.of(own) for own in pieces]
        # Pieces of three letters and fewer hardly count, or all passages would be alike for their "the" and "of".
        weights = [np.array([0.05 + (len(piece) > 3) for piece in own], dtype=np.float32) for own in pieces]
        means = np.stack([own_weights @ own for own_weights, own in zip(weights, tokens, strict=True)])
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), dtype=np.float32), tokens

    def embed_query_with_tokens(self, query: str) -> QueryTokens:
        """Embed a query and its pieces."""
        (embedding,), (tokens,) = self.embed_passages_with_tokens([query])
        pieces = _PIECE.findall(query)
        return QueryTokens(embedding, tokens, list(range(len(pieces))), pieces)

    def token_spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return where the pieces are."""
        return [[match.span() for match in _PIECE.finditer(text)] for text in texts]


class MadeEmbedder:
    """Passages of :func:`articles` as ``model`` would cut them, with vectors that are made up.

    Satisfies ``semsearch.embedders.TokenEmbedder``. What it has built is opened as an index of ``model``.

    Args:
        model: The model that will be asked.
        questions: Those that the articles were made with.
    """

    def __init__(self, model: TokenEmbedder, questions: Sequence[str]) -> None:
        self.spec = model.spec
        self.count_tokens = model.count_tokens
        self.embed_queries = model.embed_queries
        self.embed_query_with_tokens = model.embed_query_with_tokens
        self.token_spans = model.token_spans
        self._asked = model.embed_queries(list(questions))
        self._vectors = _TokenVectors(model.spec.dimension)

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Make vectors around the question that a text's first word is the number of."""
        return np.stack([self._place(text) for text in texts])

    def embed_passages_with_tokens(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Make vectors of passages, and of their tokens by the text that each stands for."""
        spans = self.token_spans(texts)
        tokens = [
            self._vectors.of([text[start:end] for start, end in own]) for text, own in zip(texts, spans, strict=True)
        ]
        return self.embed_passages(texts), tokens

    def _place(self, text: str) -> NDArray[np.float32]:
        topic = self._asked[int(text.split(maxsplit=1)[0])]
        noise = _random_unit(text, len(topic))
        noise -= (noise @ topic) * topic
        noise /= np.linalg.norm(noise)
        low, high = _COSINES
        cosine = low + (high - low) * _share(text)
        return np.asarray(cosine * topic + np.sqrt(1 - cosine**2) * noise, dtype=np.float32)


def _share(text: str) -> float:
    """Return a number from 0 to 1 that is fixed by a text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4, key=b"share").digest(), "big") / 2**32
