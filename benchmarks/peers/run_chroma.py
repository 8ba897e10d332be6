"""Chroma: a collection with vectors of one's own. Dense only.

https://docs.trychroma.com/cloud/search-api/overview: its hybrid search "is available in Chroma Cloud only"; the local
client raises "Search is not implemented for Local Chroma".

https://docs.trychroma.com/docs/collections/configure: a local collection is an approximate index (HNSW), which is set
here to look at far more than its default, so that it misses next to nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.peers.exchange import read_task, write_rows


def run(folder: Path) -> None:
    """Answer the task in ``folder``."""
    import chromadb

    task = read_task(folder)
    client = chromadb.EphemeralClient(chromadb.Settings(anonymized_telemetry=False))
    collection = client.create_collection(
        "documents",
        embedding_function=None,  # the default one would download its model
        configuration={
            "hnsw": {"space": "cosine", "ef_construction": 400, "max_neighbors": 32, "ef_search": 2 * task.depth}
        },
    )
    step = client.get_max_batch_size()
    for start in range(0, len(task.documents), step):
        rows = range(start, min(start + step, len(task.documents)))
        collection.add(
            ids=[str(row) for row in rows],
            embeddings=task.document_vectors[start : rows.stop],
            documents=list(task.documents[start : rows.stop]),
        )
    found = {}
    for query, vector in zip(task.queries, task.query_vectors, strict=True):
        result = collection.query(query_embeddings=[vector], n_results=task.limit, include=["distances"])
        found[query] = [
            (int(row), -distance) for row, distance in zip(result["ids"][0], result["distances"][0], strict=True)
        ]
    write_rows(found, "dense", task, folder)


if __name__ == "__main__":
    run(Path(sys.argv[1]))
