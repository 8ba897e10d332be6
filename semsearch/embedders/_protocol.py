"""What semsearch asks of an embedder, and what an index remembers of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # so that an index can be described without loading numpy
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Embedder", "EmbedderSpec"]


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
