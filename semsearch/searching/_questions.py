"""A query as it is searched for: its words, its vector, and its tokens with their weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from semsearch.dense import unit_rows
from semsearch.embedders import Embedder, QueryTokens, TokenEmbedder
from semsearch.passages import readable, split_text
from semsearch.queries import Query, parse_query
from semsearch.ranking import token_weights
from semsearch.searching._request import Request
from semsearch.searching._source import Terms

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Question", "ask"]


@dataclass(frozen=True, slots=True)
class Question:
    """A query, embedded as far as its mode needs it.

    Attributes:
        query: Its text and phrases.
        embedding: ``(dimension,)`` float32, unit length; None in the mode ``lexical``.
        tokens: Its tokens; None but in the mode ``hybrid`` with an embedder that gives them.
        weights: ``(t,)`` float64: how much each token counts.
    """

    query: Query
    embedding: NDArray[np.float32] | None = None
    tokens: QueryTokens | None = None
    weights: NDArray[np.float64] | None = None


def ask(queries: Sequence[str], request: Request, embedder: Embedder, words: Terms) -> list[Question]:
    """Read and embed queries. A query beyond the model's limit is the mean of its parts: none of it is dropped."""
    parsed = [parse_query(query) if request.phrases else Query(query) for query in queries]
    if request.mode == "lexical":
        return [Question(query) for query in parsed]
    limit = _query_limit(embedder)
    parts = [[readable(part) for part in split_text(q.text, embedder.count_tokens, limit=limit)] for q in parsed]
    if request.mode == "dense" or not isinstance(embedder, TokenEmbedder):
        return [Question(q, vector) for q, vector in zip(parsed, _embed_together(parts, embedder), strict=True)]
    questions = []
    for query, pieces in zip(parsed, parts, strict=True):
        tokens = embedder.embed_query_with_tokens(pieces[0])
        (embedding,) = unit_rows(tokens.embedding[None]) if len(pieces) == 1 else _embed_together([pieces], embedder)
        frequencies = [words.document_frequency(text) for text in tokens.texts]
        questions.append(Question(query, embedding, tokens, token_weights(tokens.words, frequencies, len(words))))
    return questions


def _embed_together(parts: Sequence[Sequence[str]], embedder: Embedder) -> NDArray[np.float32]:
    embeddings = unit_rows(embedder.embed_queries([part for query in parts for part in query]))
    if len(embeddings) == len(parts):
        return embeddings
    ends = np.cumsum([len(query) for query in parts])
    return unit_rows(np.stack([part.mean(axis=0) for part in np.split(embeddings, ends[:-1])]))


def _query_limit(embedder: Embedder) -> int:
    """Return how many tokens of a query the model reads: its two prompts may differ in length."""
    spec = embedder.spec
    if spec.query_prompt == spec.passage_prompt:
        return spec.max_tokens
    passage, query = embedder.count_tokens([spec.passage_prompt, spec.query_prompt])
    return max(1, spec.max_tokens + passage - query)
