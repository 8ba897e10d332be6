"""What semsearch asks of an embedder, and what an index remembers of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:  # so that an index can be described without loading numpy
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PRECISIONS", "Embedder", "EmbedderSpec", "QueryTokens", "Reranker", "TokenEmbedder"]

PRECISIONS = ("float32", "bfloat16", "int8")
"""What a passage's vector can be computed in: ``bfloat16`` gives the same vectors, ``int8`` nearly the same ones."""


@dataclass(frozen=True, slots=True)
class EmbedderSpec:
    """Identifies an embedder: two with equal ``fingerprint`` give equal vectors.

    Attributes:
        name: How the user named the model; what :func:`load_embedder` finds it by.
        fingerprint: SHA-256 over everything that a vector depends on: weights, tokenizer, pooling, prompts, limit.
        dimension: Components of a vector.
        max_tokens: Tokens of text that the model reads, without special tokens and the passage prompt.
        query_prompt: What is put before a query.
        passage_prompt: What is put before a passage.
        revision: The version of the model in its hub, where it came from one.
    """

    name: str
    fingerprint: str
    dimension: int
    max_tokens: int
    query_prompt: str = ""
    passage_prompt: str = ""
    revision: str | None = None


class Embedder(Protocol):
    """Turns texts into vectors whose inner product says how alike the texts are.

    An implementation reads no more than ``spec.max_tokens`` tokens of a text; semsearch splits texts so that no more
    is asked of it, and reports what would be cut.
    """

    @property
    def spec(self) -> EmbedderSpec:
        """What identifies this embedder."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count each text's tokens: no special tokens, no prompt, no truncation."""

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed passages: ``(len(texts), dimension)`` float32, unit rows. A row depends on its own text alone."""

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed queries: ``(len(texts), dimension)`` float32, unit rows."""


class QueryTokens(NamedTuple):
    """A query and its tokens: ``embedding`` is ``(dimension,)``, ``embeddings`` ``(t, dimension)`` float32, unit rows.

    ``words[i]`` is the index in ``texts`` of the word that token i is of, None for a special token.
    """

    embedding: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    words: list[int | None]
    texts: list[str]


@runtime_checkable
class TokenEmbedder(Embedder, Protocol):
    """An embedder that also gives the vectors of tokens, for late interaction."""

    def embed_passages_with_tokens(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Embed passages as ``embed_passages`` does, and give each one's tokens: ``(t, dimension)`` unit rows."""

    def embed_query_with_tokens(self, query: str) -> QueryTokens:
        """Embed a query as ``embed_queries`` does, and its tokens: of as much of it as the model reads at once."""

    def token_spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return where in its passage each token of ``embed_passages_with_tokens`` is, as offsets of characters.

        ``(0, 0)`` for a special token or one of the prompt.
        """


class Reranker(Protocol):
    """Reads a query and a text together, as cross-encoders do: better than vectors, and far slower."""

    name: str

    def score(self, query: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """Say how well each text answers ``query``: ``(len(texts),)`` float64, higher is better."""
