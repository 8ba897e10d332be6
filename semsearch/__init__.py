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
    ArticleNotFoundError,
    CorpusError,
    EmbedderMismatchError,
    EngineAuthError,
    EngineError,
    EngineUnavailableError,
    IndexCorruptError,
    IndexFormatError,
    IndexLockedError,
    IndexNotFoundError,
    IndexWriteError,
    ModelNotFoundError,
    SemsearchError,
    WordsMissingWarning,
)
from semsearch.records import (
    Article,
    ArticleHit,
    Evidence,
    Explanation,
    FieldNames,
    Hit,
    Passage,
    Progress,
    SourceSummary,
    WordMatch,
)

if TYPE_CHECKING:
    from semsearch.building import (
        BuildReport,
        CorpusDrift,
        ExportReport,
        LoadReport,
        RepairReport,
        ShardReport,
        build_index,
        compare_corpus,
        embed_shard,
        export_shards,
        load_shards,
        repair_index,
        update_index,
    )
    from semsearch.embedders import DEFAULT_MODEL, Embedder, EmbedderSpec, Reranker, load_embedder, load_reranker
    from semsearch.filters import Filter, field, parse_filter
    from semsearch.hits import ArticleHits, Hits, ManyHits
    from semsearch.readers import ReadingLog, read_articles
    from semsearch.searching import LiveIndex, Searcher, SearchOptions, open_index
    from semsearch.storage import FileCheck, KeptGeneration, list_generations, rollback_index, verify_index

__all__ = [
    "DEFAULT_MODEL",
    "Article",
    "ArticleHit",
    "ArticleHits",
    "ArticleNotFoundError",
    "BuildReport",
    "CorpusDrift",
    "CorpusError",
    "Embedder",
    "EmbedderMismatchError",
    "EmbedderSpec",
    "EngineAuthError",
    "EngineError",
    "EngineUnavailableError",
    "Evidence",
    "Explanation",
    "ExportReport",
    "FieldNames",
    "FileCheck",
    "Filter",
    "Hit",
    "Hits",
    "IndexCorruptError",
    "IndexFormatError",
    "IndexLockedError",
    "IndexNotFoundError",
    "IndexWriteError",
    "KeptGeneration",
    "LiveIndex",
    "LoadReport",
    "ManyHits",
    "ModelNotFoundError",
    "Passage",
    "Progress",
    "ReadingLog",
    "RepairReport",
    "Reranker",
    "SearchOptions",
    "Searcher",
    "SemsearchError",
    "ShardReport",
    "SourceSummary",
    "WordMatch",
    "WordsMissingWarning",
    "__version__",
    "build_index",
    "compare_corpus",
    "embed_shard",
    "export_shards",
    "field",
    "list_generations",
    "load_embedder",
    "load_reranker",
    "load_shards",
    "open_index",
    "parse_filter",
    "read_articles",
    "repair_index",
    "rollback_index",
    "update_index",
    "verify_index",
]

_LAZY = {
    "ArticleHits": "hits",
    "BuildReport": "building",
    "CorpusDrift": "building",
    "DEFAULT_MODEL": "embedders",
    "Embedder": "embedders",
    "EmbedderSpec": "embedders",
    "ExportReport": "building",
    "FileCheck": "storage",
    "Filter": "filters",
    "Hits": "hits",
    "KeptGeneration": "storage",
    "LiveIndex": "searching",
    "LoadReport": "building",
    "ManyHits": "hits",
    "ReadingLog": "readers",
    "RepairReport": "building",
    "Reranker": "embedders",
    "SearchOptions": "searching",
    "Searcher": "searching",
    "ShardReport": "building",
    "build_index": "building",
    "compare_corpus": "building",
    "embed_shard": "building",
    "export_shards": "building",
    "field": "filters",
    "list_generations": "storage",
    "load_embedder": "embedders",
    "load_reranker": "embedders",
    "load_shards": "building",
    "open_index": "searching",
    "parse_filter": "filters",
    "read_articles": "readers",
    "repair_index": "building",
    "rollback_index": "storage",
    "update_index": "building",
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
