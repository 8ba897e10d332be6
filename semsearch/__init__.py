"""Semantic search over an archive of articles.

    >>> import semsearch
    >>> semsearch.build_index("corpus", "index")
    >>> with semsearch.open_index("index") as searcher:
    ...     for hit in searcher.search("legal basis for deployment", k=5):
    ...         print(hit.rank, hit.score, hit.article.title, hit.passage.text)

Importing this package loads neither torch nor faiss: what needs them is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from semsearch._version import __version__
from semsearch.errors import (
    CorpusError,
    EmbedderMismatchError,
    IndexCorruptError,
    IndexFormatError,
    IndexLockedError,
    IndexNotFoundError,
    ModelNotFoundError,
    SemsearchError,
)
from semsearch.records import Article, Hit, Passage, Progress

if TYPE_CHECKING:
    from semsearch.building import BuildReport, build_index
    from semsearch.embedders import DEFAULT_MODEL, Embedder, EmbedderSpec, load_embedder
    from semsearch.readers import ReadingLog, read_articles
    from semsearch.searching import Searcher, open_index
    from semsearch.storage import verify_index

__all__ = [
    "DEFAULT_MODEL",
    "Article",
    "BuildReport",
    "CorpusError",
    "Embedder",
    "EmbedderMismatchError",
    "EmbedderSpec",
    "Hit",
    "IndexCorruptError",
    "IndexFormatError",
    "IndexLockedError",
    "IndexNotFoundError",
    "ModelNotFoundError",
    "Passage",
    "Progress",
    "ReadingLog",
    "Searcher",
    "SemsearchError",
    "__version__",
    "build_index",
    "load_embedder",
    "open_index",
    "read_articles",
    "verify_index",
]

_LAZY = {
    "BuildReport": "building",
    "DEFAULT_MODEL": "embedders",
    "Embedder": "embedders",
    "EmbedderSpec": "embedders",
    "ReadingLog": "readers",
    "Searcher": "searching",
    "build_index": "building",
    "load_embedder": "embedders",
    "open_index": "searching",
    "read_articles": "readers",
    "verify_index": "storage",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
