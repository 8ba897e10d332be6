"""The rebuild: a corpus to a committed generation.

    articles ──split──▶ passages ──embed──▶ embeddings ──▶ dense index ──▶ commit

What is read is written at once and what is embedded goes straight to its file, so that memory does not grow with the
texts. What has not changed since the build before is taken over from it: a file that is the same is not read, an
article that is the same is not split, a passage that is the same is not embedded; if all is the same, nothing is
written.
"""

from __future__ import annotations

from semsearch.building._build import build_index, update_index
from semsearch.building._corpus_shards import CorpusShardsReport, embed_corpus, shard_corpus
from semsearch.building._drift import CorpusDrift, compare_corpus
from semsearch.building._exporting import ExportReport, export_shards
from semsearch.building._loading import LoadReport, load_shards
from semsearch.building._repair import RepairReport, repair_index
from semsearch.building._report import BuildReport
from semsearch.building._shards import CorpusPart, Known, ShardReport, Unembedded, embed_shard
from semsearch.building._watch import watch_corpus

__all__ = [
    "BuildReport",
    "CorpusDrift",
    "CorpusPart",
    "CorpusShardsReport",
    "ExportReport",
    "Known",
    "LoadReport",
    "RepairReport",
    "ShardReport",
    "Unembedded",
    "build_index",
    "compare_corpus",
    "embed_corpus",
    "embed_shard",
    "export_shards",
    "load_shards",
    "repair_index",
    "shard_corpus",
    "update_index",
    "watch_corpus",
]
