"""Looking into an index on disk, and forging one."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from semsearch import open_index
from tests.embedder import WordEmbedder

GENERATION_FILES = [  # of every generation, beside lexical/
    "articles.sqlite",
    "checks.npy",
    "embeddings.npy",
    "keys.npy",
    "passages.npy",
]
TOKEN_FILES = [  # if its embedder gives token vectors
    "token_rotation.npy",
    "token_spans.npy",
    "tokens/*.u8",  # named after the generation that it was written for
]
LEXICAL_PATTERNS = [
    f"lexical/{unit}/{name}"
    for unit in ("articles", "passages")
    for name in (
        "documents.i4",
        "languages.json",
        "meta.json",
        ".managed.json",
        "*.fast",
        "*.fieldnorm",
        "*.idx",
        "*.pos",
        "*.store",
        "*.term",
    )
]
"""Of every generation; tantivy makes up the names before the suffixes. Its lock file is empty."""


def live(index: Path) -> Path:
    """The folder of the live generation."""
    return index / "generations" / (index / "CURRENT").read_text().split()[0]


def files_of(folder: Path) -> list[str]:
    """The files of a generation but the manifest itself, by their names in it, sorted."""
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in files if name != "manifest.json")


def file_of(folder: Path, pattern: str) -> Path:
    """The one file of a generation that a pattern names."""
    (path,) = folder.glob(pattern)
    return path


def generations(index: Path) -> list[str]:
    return sorted(folder.name for folder in (index / "generations").iterdir())


def answers(
    index: Path, query: str = "attack on the airport", embedder: WordEmbedder | None = None
) -> list[tuple[str, str, float]]:
    """Article, passage and score of each hit in an index that was built with the ``WordEmbedder`` or a like one."""
    with open_index(index, embedder=embedder or WordEmbedder()) as searcher:
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
    contents = {name: (live(index) / name).read_bytes() for name in files_of(live(index))}
    records = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "crc32": zlib.crc32(content)}
        for name, content in contents.items()
    }
    forge(index, lambda fields: fields.update(files=records))
