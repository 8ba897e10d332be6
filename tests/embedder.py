"""An embedder whose vectors can be worked out by hand."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from semsearch import EmbedderSpec
from semsearch.embedders import QueryTokens


class WordEmbedder:
    """Embeds a text as the sum of its words' vectors; a word's vector is fixed by its hash. A token is a word.

    Two texts with the same words have cosine 1, texts without a common word nearly 0. Satisfies ``semsearch.Embedder``.
    """

    def __init__(self, *, dimension: int = 64, max_tokens: int = 250, fingerprint: str = "words") -> None:
        self.spec = EmbedderSpec(name="words", fingerprint=fingerprint, dimension=dimension, max_tokens=max_tokens)
        self.embedded: list[str] = []  # every passage that was asked for, so that tests see what was done again

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += texts
        return self.embed_queries(texts)

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        embeddings = np.zeros((len(texts), self.spec.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                embeddings[row] += self._word(word.strip(".,;:!?\"'“”’()"))
        norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
        return np.asarray(embeddings / np.maximum(norms, 1e-9), dtype=np.float32)

    def _word(self, word: str) -> NDArray[np.float32]:
        seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
        return np.random.default_rng(seed).standard_normal(self.spec.dimension).astype(np.float32)


class TokenWordEmbedder(WordEmbedder):
    """Also gives the vector of each word. Satisfies ``semsearch.embedders.TokenEmbedder``."""

    def __init__(self, *, dimension: int = 64, max_tokens: int = 250, fingerprint: str = "words with tokens") -> None:
        super().__init__(dimension=dimension, max_tokens=max_tokens, fingerprint=fingerprint)

    def embed_passages_with_tokens(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        return self.embed_passages(texts), [self.embed_queries(text.split()) for text in texts]

    def embed_query_with_tokens(self, query: str) -> QueryTokens:
        words = query.split()
        (embedding,) = self.embed_queries([query])
        return QueryTokens(embedding, self.embed_queries(words), list(range(len(words))), words)

    def token_spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        return [[match.span() for match in re.finditer(r"\S+", text)] for text in texts]
