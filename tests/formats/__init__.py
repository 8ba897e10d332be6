"""An index of each format that a release has written, as it was written then.

    python -m tests.formats

writes that of the present format, which is done again whenever the format changes before its first release. After that
it is never written again: what has been released must be read for ever, or refused clearly.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import semsearch
from tests.embedder import TokenWordEmbedder

__all__ = ["ARTICLES", "FOLDER", "fixture_of", "unpack", "write_fixture"]

FOLDER = Path(__file__).parent
ARTICLES = [
    semsearch.Article(
        "treaty",
        "Members signed the treaty in the capital.\n\nAn attack on one of them is an attack on all.",
        title="A treaty of twelve",
        source="Northgate Wire",
        metadata={"section": "world", "pages": 3},
    ),
    semsearch.Article("bridge", "The old bridge over the river stays shut until spring.", title="Bridge shut"),
    semsearch.Article(
        "probe", "A small probe came down near the southern pole.\n\n漢字 and Ünïcödé.", url="https://e.org"
    ),
]
_WHEN = (2026, 1, 1, 0, 0, 0)  # of every file in an archive, so that it says nothing of its maker's machine


def fixture_of(version: int) -> Path:
    """Return where the index of a format is kept."""
    return FOLDER / f"format-{version}.zip"


def write_fixture(folder: Path) -> bytes:
    """Build an index in ``folder`` with two generations, and return it as an archive."""
    for articles in (ARTICLES[:2], ARTICLES):
        semsearch.build_index(articles, folder, embedder=TokenWordEmbedder())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith("writer."):
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _WHEN)
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def unpack(version: int, folder: Path) -> Path:
    """Unpack the index of a format into a new folder."""
    with zipfile.ZipFile(fixture_of(version)) as archive:
        archive.extractall(folder)
    return folder
