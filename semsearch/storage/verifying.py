"""Every byte of an index against its manifest, what can be done where it is damaged, and going back."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

from semsearch.errors import IndexCorruptError, IndexNotFoundError
from semsearch.storage._current import GENERATIONS, list_generations, live_generation, publish, read_current
from semsearch.storage._intact import names_of_files, require_intact, size_of
from semsearch.storage._layout import DENSE, LEXICAL, MANIFEST
from semsearch.storage.generations import Generation, generation_folder
from semsearch.storage.lock import writer_lock
from semsearch.storage.manifest import Manifest, parse_manifest

__all__ = ["FileCheck", "check_files", "is_derived", "rollback_index", "verify_index"]


class FileCheck(NamedTuple):
    """The verdict on one file of an index: ``problem`` is None if it is as it was written.

    Attributes:
        path: The file.
        bytes: Its size; 0 if it is not there.
        problem: What is wrong with it.
        remedy: The command that mends it; None if there is nothing to mend.
    """

    path: Path
    bytes: int
    problem: str | None
    remedy: str | None = None


def verify_index(index: str | os.PathLike[str]) -> list[FileCheck]:
    """Check every file of the live generation, byte for byte, and that what is in them fits together.

    Returns:
        A verdict on each file, whether it is damaged or not.

    Raises:
        IndexNotFoundError: If there is no index.
        IndexFormatError: If a newer semsearch wrote it.
        IndexCorruptError: If ``CURRENT`` or the manifest is damaged, so that nothing can be checked against it.
    """
    while True:
        folder, manifest = live_generation(Path(index))
        checks = check_files(folder, manifest)
        # Two rebuilds may have passed, and removed what is being checked: then there is a newer one to check.
        if all(check.problem is None for check in checks) or read_current(Path(index))[0] == folder.name:
            return checks


def check_files(folder: Path, manifest: Manifest) -> list[FileCheck]:
    """Check every file of a generation against its manifest, which is taken to be right."""
    manifest_path = folder / MANIFEST
    checks = [FileCheck(manifest_path, size_of(manifest_path), None)]
    for name in names_of_files(manifest):
        path = folder / name
        problem: str | None = None
        try:
            require_intact(path, manifest.files.get(name), sha256=True)
        except IndexCorruptError as error:
            problem = error.reason
        checks.append(FileCheck(path, size_of(path), problem))
    if all(check.problem is None for check in checks):
        try:
            with contextlib.closing(Generation(folder, manifest, check="nothing")) as generation:
                generation.archive.check()
                generation.require_vectors()
                generation.dense_index()
                generation.lexical_index("articles")
                generation.lexical_index("passages")
        except IndexCorruptError as error:
            checks = [
                check._replace(problem=error.reason) if error.path in (check.path, *check.path.parents) else check
                for check in checks
            ]
            if all(check.problem is None for check in checks):  # a file that is there and should not be
                checks.append(FileCheck(error.path, size_of(error.path), error.reason))
    damaged = [check.path.relative_to(folder).as_posix() for check in checks if check.problem is not None]
    remedy = "semsearch repair" if all(map(is_derived, damaged)) else "semsearch rebuild-index CORPUS"
    return [check if check.problem is None else check._replace(remedy=remedy) for check in checks]


def is_derived(name: str) -> bool:
    """Whether a file of a generation can be made again from the others, without the model."""
    return name == DENSE or name.startswith(f"{LEXICAL}/")


def rollback_index(index: str | os.PathLike[str], to: str | None = None) -> str:
    """Make a generation that the index has kept the live one again; whoever has the index open is not disturbed.

    The generation that was live stays until the next build, so that this can be taken back.

    Args:
        index: The index's folder.
        to: The id of the generation; without it the newest that is older than the live one, or, where ``CURRENT`` is
            damaged, the newest.

    Returns:
        The id of the generation that is live now.

    Raises:
        IndexNotFoundError: If there is no such generation to go back to.
        IndexCorruptError: If a file of it is missing or damaged: then nothing is changed.
        IndexLockedError: If another process is writing to the index.
    """
    folder = Path(index)
    if not (folder / GENERATIONS).is_dir():
        raise IndexNotFoundError(f"there is no index in {folder}: build one with 'semsearch rebuild-index CORPUS'")
    with writer_lock(folder):
        target = _to_go_back_to(folder, to)
        path = generation_folder(folder, target) / MANIFEST
        data = path.read_bytes()
        for check in check_files(path.parent, parse_manifest(data, path)):
            if check.problem is not None:
                raise IndexCorruptError(check.path, check.problem)
        publish(folder, target, data)
    return target


def _to_go_back_to(index: Path, to: str | None) -> str:
    known = list_generations(index)
    live: str | None = None
    with contextlib.suppress(FileNotFoundError, IndexCorruptError):
        live = read_current(index)[0]
    if to is None:
        older = [one.id for one in known if live is None or one.id < live]
    else:
        older = [one.id for one in known if one.id == to]
    if not older:
        there = ", ".join(one.id for one in known) or "none"
        wanted = f"no generation {to}" if to is not None else f"no generation before {live}"
        raise IndexNotFoundError(f"{index} has {wanted} to go back to; there are: {there}")
    return older[0]
