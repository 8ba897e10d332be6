"""LanceDB: a table with a vector column and a full-text index.

- https://docs.lancedb.com/oss/v0-41-0/search/hybrid-search: ``search(query_type="hybrid")`` with ``vector`` and
  ``text``; reciprocal rank fusion "is the default". ``hybrid`` is that.
- https://lancedb.github.io/lancedb/reranking: ``LinearCombinationReranker``, which adds scores; ``hybrid-linear`` is
  that with its defaults.

Without an index on the vectors, the search by vector is exact.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.peers.exchange import Task, read_task, write_rows


def run(folder: Path) -> None:
    """Answer the task in ``folder``."""
    from lancedb.rerankers import LinearCombinationReranker, RRFReranker

    task = read_task(folder)
    with tempfile.TemporaryDirectory() as place:
        table = _table(task, place)
        found: dict[str, dict[str, list[tuple[int, float]]]] = {"dense": {}, "hybrid": {}, "hybrid-linear": {}}
        for (query, text), vector in zip(task.queries.items(), task.query_vectors, strict=True):
            hits = table.search(vector).limit(task.limit).to_arrow()
            found["dense"][query] = _ranked(hits, [-distance for distance in hits["_distance"].to_pylist()])
            for mode, reranker in (("hybrid", RRFReranker()), ("hybrid-linear", LinearCombinationReranker())):
                search = table.search(query_type="hybrid").vector(vector).text(text)
                hits = search.rerank(reranker=reranker).limit(task.limit).to_arrow()
                found[mode][query] = _ranked(hits, hits["_relevance_score"].to_pylist())
    for mode, answers in found.items():
        write_rows(answers, mode, task, folder)


def _table(task: Task, place: str) -> Any:
    import lancedb
    from lancedb.index import FTS

    rows = [
        {"row": row, "text": text, "vector": vector}
        for row, (text, vector) in enumerate(zip(task.documents, task.document_vectors.tolist(), strict=True))
    ]
    table = lancedb.connect(place).create_table("documents", data=rows)
    table.create_index("text", config=FTS())
    return table


def _ranked(hits: Any, scores: list[float]) -> list[tuple[int, float]]:
    return list(zip(hits["row"].to_pylist(), scores, strict=True))


if __name__ == "__main__":
    run(Path(sys.argv[1]))
