"""Which generation is live: ``CURRENT``, the generations that there are, and going back to one of them."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import NamedTuple

from semsearch.errors import IndexCorruptError, IndexNotFoundError, IndexWriteError
from semsearch.storage._files import replace_durably
from semsearch.storage._intact import read_small
from semsearch.storage._layout import MANIFEST
from semsearch.storage.manifest import Manifest, parse_manifest

__all__ = [
    "CURRENT",
    "GENERATIONS",
    "KEPT",
    "KeptGeneration",
    "last_manifest",
    "list_generations",
    "live_generation",
    "live_name",
    "next_id",
    "publish",
    "read_current",
    "read_manifest",
    "remove_generations",
]

CURRENT = "CURRENT"
GENERATIONS = "generations"
KEPT = 1
"""Generations before the live one that are kept if nothing else is asked for."""

_GENERATION_ID = re.compile(r"\d{8}T\d{6}-\d{6}")  # when it was begun, to the microsecond, in UTC
_ID_FORMAT = "%Y%m%dT%H%M%S-%f"
_CURRENT_LINE = re.compile(rf"(?P<id>{_GENERATION_ID.pattern}) (?P<sha256>[0-9a-f]{{64}})\r?\n".encode())
_LONGEST_CURRENT = 1000  # bytes
_LONGEST_MANIFEST = 16 << 20  # bytes: a thousand times what it takes


class KeptGeneration(NamedTuple):
    """A complete generation of an index.

    Attributes:
        id: Its id.
        is_live: Whether it is the one that answers.
        created: When it was committed, ISO 8601 in UTC.
        articles: How many articles it has.
        passages: How many passages.
    """

    id: str
    is_live: bool
    created: str
    articles: int
    passages: int


def read_current(index: Path) -> tuple[str, str]:
    """Return the live generation's id and the SHA-256 of its manifest.

    Raises:
        FileNotFoundError: If there is no ``CURRENT``.
        IndexCorruptError: If it does not name a generation.
    """
    match = _CURRENT_LINE.fullmatch(read_small(index / CURRENT, _LONGEST_CURRENT))
    if match is None:
        raise IndexCorruptError(index / CURRENT, "does not name a generation and its checksum")
    return match["id"].decode(), match["sha256"].decode()


def live_name(index: Path) -> str:
    """Return the id of the live generation, without looking at it: that is quick enough to be done every second.

    Raises:
        IndexNotFoundError: If there is no index.
        IndexCorruptError: If ``CURRENT`` does not name a generation.
    """
    try:
        return read_current(index)[0]
    except FileNotFoundError:
        raise _not_found(index) from None


def live_generation(index: Path) -> tuple[Path, Manifest]:
    """Return the folder and the manifest of the live generation.

    Raises:
        IndexNotFoundError: If there is no index.
        IndexFormatError: If a newer semsearch wrote it.
        IndexCorruptError: If ``CURRENT`` or the manifest is missing or damaged.
    """
    if not (index / CURRENT).exists():
        raise _not_found(index)
    while True:
        generation_id, checksum = read_current(index)
        path = index / GENERATIONS / generation_id / MANIFEST
        try:
            data = read_small(path, _LONGEST_MANIFEST)
        except FileNotFoundError:
            if read_current(index)[0] != generation_id:
                continue  # replaced and removed between the two reads
            raise IndexCorruptError(path, f"is missing, and {CURRENT} names it") from None
        if hashlib.sha256(data).hexdigest() != checksum:
            raise IndexCorruptError(path, "is damaged (its checksum is not the one in CURRENT)")
        return path.parent, parse_manifest(data, path)


def read_manifest(index: Path) -> tuple[str, Manifest]:
    """Return the id and the manifest of the live generation, without opening it.

    Raises:
        IndexNotFoundError: If there is no index.
        IndexFormatError: If a newer semsearch wrote it.
        IndexCorruptError: If ``CURRENT`` or the manifest is missing or damaged.
    """
    folder, manifest = live_generation(index)
    return folder.name, manifest


def last_manifest(index: Path) -> Manifest | None:
    """Return what the index was last built as, also if it is damaged; None if nothing is known.

    Raises:
        IndexFormatError: If a newer semsearch wrote it.
    """
    with contextlib.suppress(IndexNotFoundError, IndexCorruptError):
        return live_generation(index)[1]
    for path in sorted((index / GENERATIONS).glob(f"*/{MANIFEST}"), reverse=True):
        with contextlib.suppress(OSError, IndexCorruptError):
            return parse_manifest(read_small(path, _LONGEST_MANIFEST), path)
    return None


def list_generations(index: str | os.PathLike[str]) -> list[KeptGeneration]:
    """Return the complete generations that the index has, the newest first: their files are not read.

    Raises:
        IndexFormatError: If a newer semsearch wrote one.
    """
    live = _live_id(Path(index))
    found = []
    for folder in reversed(_complete(Path(index))):
        with contextlib.suppress(OSError, IndexCorruptError):
            manifest = parse_manifest(read_small(folder / MANIFEST, _LONGEST_MANIFEST), folder / MANIFEST)
            counts = manifest.counts
            found.append(
                KeptGeneration(folder.name, folder.name == live, manifest.created, counts.articles, counts.passages)
            )
    return found


def next_id(index: Path) -> str:
    """Return an id that sorts after the live generation's, also where the clock was set back."""
    now = dt.datetime.now(dt.timezone.utc)
    with contextlib.suppress(FileNotFoundError, IndexCorruptError, ValueError):
        live = dt.datetime.strptime(read_current(index)[0], _ID_FORMAT).replace(tzinfo=dt.timezone.utc)
        now = max(now, live + dt.timedelta(microseconds=1))
    return now.strftime(_ID_FORMAT)


def publish(index: Path, generation: str, manifest: bytes) -> None:
    """Make a generation, all of which is on the disk, the live one: at once.

    Raises:
        IndexWriteError: If that cannot be.
    """
    try:
        replace_durably(index / CURRENT, f"{generation} {hashlib.sha256(manifest).hexdigest()}\n".encode())
    except IndexWriteError as error:
        if _live_id(index) != generation:
            raise
        reason = f"the new index is in place but may not outlast a loss of power, as its folder {error.reason}"
        raise IndexWriteError(error.path, reason) from error.__cause__


def remove_generations(index: Path) -> None:
    """Remove what was never committed, and all generations but the live one and those before it that it says to keep.

    Without a live one complete generations stay: one of them may be the last good. Where CURRENT is damaged that is
    each that has a manifest; where none was ever published it may be half of one, which a loss of power left.
    A file that cannot be removed (Windows keeps what a reader has open) is tried again at the next build.
    """
    live = _live_id(index)
    kept = {live}
    if live is None:
        published = (index / CURRENT).exists()
        kept.update(folder.name for folder in _complete(index) if published or _has_whole_manifest(folder))
    else:
        before = [folder.name for folder in _complete(index) if folder.name < live]
        kept.update(before[max(0, len(before) - _count_kept(index)) :])
    for folder in _folders(index):
        if folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)


def _has_whole_manifest(folder: Path) -> bool:
    with contextlib.suppress(FileNotFoundError, IndexCorruptError):
        parse_manifest(read_small(folder / MANIFEST, _LONGEST_MANIFEST), folder / MANIFEST)
        return True
    return False


def _count_kept(index: Path) -> int:
    with contextlib.suppress(IndexCorruptError, IndexNotFoundError):
        return live_generation(index)[1].keep
    return KEPT


def _live_id(index: Path) -> str | None:
    try:
        return read_current(index)[0]
    except (FileNotFoundError, IndexCorruptError):
        return None


def _folders(index: Path) -> list[Path]:
    """Return the folders of generations, complete or not, in their order."""
    if not (index / GENERATIONS).is_dir():
        return []
    found = (index / GENERATIONS).iterdir()
    return sorted(folder for folder in found if _GENERATION_ID.fullmatch(folder.name) and not folder.is_symlink())


def _complete(index: Path) -> list[Path]:
    return [folder for folder in _folders(index) if (folder / MANIFEST).exists()]


def _not_found(index: Path) -> IndexNotFoundError:
    return IndexNotFoundError(
        f"there is no index in {index} (no file {CURRENT}): build one with 'semsearch rebuild-index CORPUS'"
    )
