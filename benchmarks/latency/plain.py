"""The peer: the script that people write by hand. sentence-transformers' vectors in a flat faiss index, texts in JSON.

As ``benchmarks/peers/run_plain.py``, but it embeds the query itself, and its passages' vectors are in a file. It
imports nothing of semsearch: ``python benchmarks/latency/plain.py FOLDER MODEL QUERY`` costs what such a script costs
from a cold shell.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["Plain", "save"]

_K = 10


class Plain:
    """The open index of a plain script.

    Args:
        folder: What :func:`save` wrote.
        model: The folder of the sentence-transformers model.
    """

    def __init__(self, folder: Path, model: str) -> None:
        import faiss
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(model, device="cpu", local_files_only=True)
        self._index = faiss.read_index(str(folder / "vectors.faiss"))
        self._texts = json.loads((folder / "texts.json").read_text(encoding="utf-8"))

    def ask(self, query: str, k: int = _K) -> list[dict[str, Any]]:
        """Return the ``k`` passages with the highest cosine, best first."""
        vectors = self._model.encode([query], normalize_embeddings=True, show_progress_bar=False)
        scores, rows = self._index.search(vectors, k)
        return [
            {"score": float(score), "text": self._texts[row]}
            for score, row in zip(scores[0], rows[0], strict=True)
            if row >= 0
        ]


def save(folder: Path, texts: Sequence[str], vectors: Any) -> None:
    """Write passages and their vectors, ``(len(texts), dimension)`` float32 unit rows, for :class:`Plain`."""
    import faiss

    folder.mkdir(parents=True, exist_ok=True)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    faiss.write_index(index, str(folder / "vectors.faiss"))
    (folder / "texts.json").write_text(json.dumps(list(texts), ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    print(json.dumps(Plain(Path(sys.argv[1]), sys.argv[2]).ask(sys.argv[3]), ensure_ascii=False))
