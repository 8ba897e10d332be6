"""Texts to vectors: the :class:`Embedder` protocol and its implementation for sentence-transformers models.

Importing this package loads neither torch nor sentence-transformers; :func:`load_embedder` does.
"""

from __future__ import annotations

from semsearch.embedders._cache import cache_folder
from semsearch.embedders._languages import language_warning, languages_of_model
from semsearch.embedders._load import DEFAULT_MODEL, CompileReport, compile_model, load_embedder, load_reranker
from semsearch.embedders._protocol import PRECISIONS, Embedder, EmbedderSpec, QueryTokens, Reranker, TokenEmbedder

__all__ = [
    "DEFAULT_MODEL",
    "PRECISIONS",
    "CompileReport",
    "Embedder",
    "EmbedderSpec",
    "QueryTokens",
    "Reranker",
    "TokenEmbedder",
    "cache_folder",
    "compile_model",
    "language_warning",
    "languages_of_model",
    "load_embedder",
    "load_reranker",
]
