"""txtai: an embeddings database, and ``hybrid: True`` for the vectors with BM25.

- https://neuml.github.io/txtai/embeddings/configuration/general/: ``hybrid`` "creates a BM25 index for full text
  search". The scores are added with equal weights (``search(weights=0.5)``), those of BM25 normalised first.
- https://neuml.github.io/txtai/embeddings/configuration/vectors/: ``method: external`` with a ``transform`` for vectors
  that are made elsewhere. Its own way with the model's folder reads 512 tokens of a text (the tokenizer's limit); so do
  the vectors that it is given here.
- https://neuml.github.io/txtai/embeddings/configuration/ann/: ``components``; it would make an approximate index of
  more than 5,000 documents, and is given an exact one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.exchange import Task, Vectors, read_task, write_rows


def run(folder: Path) -> None:
    """Answer the task in ``folder``."""
    task = read_task(folder)
    for mode, hybrid in (("dense", False), ("hybrid", True)):
        write_rows(_answers(task, hybrid=hybrid), mode, task, folder)


def _answers(task: Task, *, hybrid: bool) -> dict[str, list[tuple[int, float]]]:
    from txtai import Embeddings

    vectors = dict(zip(task.documents, task.document_vectors, strict=True))
    vectors.update(zip(task.queries.values(), task.query_vectors, strict=True))

    def transform(texts: Sequence[str]) -> list[Vectors]:
        return [vectors[text] for text in texts]

    embeddings = Embeddings(
        method="external", transform=transform, backend="faiss", faiss={"components": "IDMap,Flat"}, hybrid=hybrid
    )
    embeddings.index(list(enumerate(task.documents)))
    found = embeddings.batchsearch(list(task.queries.values()), task.limit)
    return {
        query: [(int(row), float(score)) for row, score in ranked]
        for query, ranked in zip(task.queries, found, strict=True)
    }


if __name__ == "__main__":
    run(Path(sys.argv[1]))
