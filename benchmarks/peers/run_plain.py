"""The script that people write by hand: sentence-transformers' vectors in a flat faiss index. Dense only.

Made after https://github.com/UKPLab/sentence-transformers/blob/master/examples/sentence_transformer/applications/
semantic-search/semantic_search_quora_faiss.py, with an exact index (``IndexFlatIP``) in place of an approximate one:
unit vectors, whose inner product is the cosine. It has no lexical side, hence no hybrid search.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.peers.exchange import read_task, write_rows


def run(folder: Path) -> None:
    """Answer the task in ``folder``."""
    import faiss

    task = read_task(folder)
    index = faiss.IndexFlatIP(task.document_vectors.shape[1])
    index.add(task.document_vectors)
    scores, rows = index.search(task.query_vectors, task.limit)
    found = {
        query: list(zip(rows[number].tolist(), scores[number].tolist(), strict=True))
        for number, query in enumerate(task.queries)
    }
    write_rows(found, "dense", task, folder)


if __name__ == "__main__":
    run(Path(sys.argv[1]))
