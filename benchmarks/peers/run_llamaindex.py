"""LlamaIndex: a vector index and a BM25 retriever, fused by ``QueryFusionRetriever``.

- https://github.com/run-llama/llama_index/blob/main/docs/docs/examples/retrievers/bm25_retriever.ipynb:
  ``BM25Retriever`` with an English stemmer, and ``num_queries=1`` so that no language model rewrites the query.
- https://developers.llamaindex.ai/python/framework/integrations/retrievers/reciprocal_rerank_fusion: the vectors and
  BM25 with ``mode="reciprocal_rerank"``; ``hybrid`` is that. (The default mode, "simple", sorts cosines and
  scores of BM25 in one list.) ``hybrid-relative`` is ``mode="relative_score"``, as in relative_score_dist_fusion.ipynb
  beside the first: scores are normalised and added.
- https://developers.llamaindex.ai/python/examples/embeddings/custom_embeddings: a class of one's own for the vectors.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks.peers.exchange import Task, read_task, write_rows


def run(folder: Path) -> None:
    """Answer the task in ``folder``."""
    task = read_task(folder)
    for mode, retriever in _retrievers(task).items():
        found = {}
        for query, text in task.queries.items():
            hits = retriever.retrieve(text)
            found[query] = [(int(hit.node.node_id), float(hit.score)) for hit in hits]
        write_rows(found, mode, task, folder)


def _retrievers(task: Task) -> dict[str, Any]:
    import Stemmer
    from llama_index.core import VectorStoreIndex
    from llama_index.core.llms import MockLLM
    from llama_index.core.retrievers import QueryFusionRetriever
    from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
    from llama_index.core.schema import TextNode
    from llama_index.retrievers.bm25 import BM25Retriever

    nodes = [TextNode(id_=str(row), text=text) for row, text in enumerate(task.documents)]
    index = VectorStoreIndex(nodes, embed_model=_embedding(task))
    dense = index.as_retriever(similarity_top_k=task.limit)
    lexical = BM25Retriever.from_defaults(
        nodes=nodes, similarity_top_k=task.limit, stemmer=Stemmer.Stemmer("english"), language="english"
    )

    def fused(mode: str) -> Any:
        return QueryFusionRetriever(
            [dense, lexical],
            llm=MockLLM(),  # is never asked, but must be there
            num_queries=1,
            mode=FUSION_MODES(mode),
            similarity_top_k=task.limit,
            use_async=False,
        )

    return {"dense": dense, "hybrid": fused("reciprocal_rerank"), "hybrid-relative": fused("relative_score")}


def _embedding(task: Task) -> Any:
    from llama_index.core.bridge.pydantic import PrivateAttr
    from llama_index.core.embeddings import BaseEmbedding

    class Given(BaseEmbedding):
        """Knows the vectors of the task's texts."""

        _documents: dict[str, list[float]] = PrivateAttr()
        _queries: dict[str, list[float]] = PrivateAttr()

        def __init__(self) -> None:
            super().__init__()
            self._documents = dict(zip(task.documents, task.document_vectors.tolist(), strict=True))
            self._queries = dict(zip(task.queries.values(), task.query_vectors.tolist(), strict=True))

        def _get_text_embedding(self, text: str) -> list[float]:
            return self._documents[text]

        def _get_query_embedding(self, query: str) -> list[float]:
            return self._queries[query]

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._queries[query]

    return Given()


if __name__ == "__main__":
    run(Path(sys.argv[1]))
