"""Looking into an index on disk, and forging one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from semsearch import open_index
from tests.embedder import WordEmbedder

GENERATION_FILES = ["articles.sqlite", "dense.faiss", "embeddings.npy"]  # beside the manifest


def live(index: Path) -> Path:
    """The folder of the live generation."""
    return index / "generations" / (index / "CURRENT").read_text().split()[0]


def generations(index: Path) -> list[str]:
    return sorted(folder.name for folder in (index / "generations").iterdir())


def answers(index: Path, query: str = "attack on the airport") -> list[tuple[str, str, float]]:
    """Article, passage and score of each hit in an index that was built with the ``WordEmbedder``."""
    with open_index(index, embedder=WordEmbedder()) as searcher:
        return [(hit.article.id, hit.passage.text, hit.score) for hit in searcher.search(query)]


def forge(index: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the live manifest and put its new checksum into CURRENT, so that nothing tells them from real ones."""
    path = live(index) / "manifest.json"
    fields = json.loads(path.read_bytes())
    change(fields)
    path.write_text(json.dumps(fields))
    (index / "CURRENT").write_text(f"{live(index).name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n")


def forge_checksums(index: Path) -> None:
    """Make the manifest vouch for the files of the live generation as they are now."""
    contents = {name: (live(index) / name).read_bytes() for name in GENERATION_FILES}
    records = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    }
    forge(index, lambda fields: fields.update(files=records))
