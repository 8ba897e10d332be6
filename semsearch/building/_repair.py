"""Mending an index without its corpus and without its model: what can be made again from vectors and texts."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semsearch.addresses import is_address, shown
from semsearch.building._dense import write_dense
from semsearch.building._report import silent
from semsearch.errors import IndexCorruptError
from semsearch.languages import analysed_languages
from semsearch.records import Progress, ReportProgress
from semsearch.storage import (
    Archive,
    Generation,
    GenerationWriter,
    check_files,
    is_derived,
    live_generation,
    write_generation,
)

__all__ = ["RepairReport", "repair_index"]


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What was mended.

    Attributes:
        index: The index's folder.
        generation: The id of the generation that is now live.
        mended: The files that were damaged, by their names in the generation; none if nothing was.
        seconds: How long it took.
    """

    index: str
    generation: str
    mended: tuple[str, ...]
    seconds: float


def repair_index(index: str | os.PathLike[str] = "index", *, progress: ReportProgress | None = None) -> RepairReport:
    """Make the search structures (``dense.codes``, ``lexical/``) of an index anew, if a file of them is damaged.

    They are made from the vectors and texts, which must be whole: nothing is embedded, and no model is needed. What is
    mended is a new generation; if nothing is damaged, nothing is written.

    Of an index in an engine it is the index of its words on this machine, where the engine finds none itself.

    Args:
        index: The index's folder, or its address in an engine.
        progress: Called now and then with a :class:`~semsearch.Progress`.

    Raises:
        IndexNotFoundError: If there is no index.
        IndexCorruptError: If something else is damaged: it names the file, and the index must be rebuilt.
        IndexLockedError: If another process is writing to the index.
    """
    started = time.monotonic()
    if is_address(index):
        return _repair_words(os.fspath(index), started, progress or silent)
    folder = Path(index)
    live_generation(folder)  # an index that is not there is not made
    report = progress or silent
    with write_generation(folder) as writer:
        report(Progress("checking files"))
        live, manifest = live_generation(folder)
        damaged = [check for check in check_files(live, manifest) if check.problem is not None]
        names = [check.path.relative_to(live).as_posix() for check in damaged]
        for check, name in zip(damaged, names, strict=True):
            if not is_derived(name):
                raise IndexCorruptError(check.path, str(check.problem))
        generation = live.name
        if damaged:
            with contextlib.closing(Generation(live, manifest, check="all", besides=names)) as before:
                _write_again(writer, before, names, report)
            generation = writer.id
    return RepairReport(str(folder), generation, tuple(names), time.monotonic() - started)


def _repair_words(address: str, started: float, report: ReportProgress) -> RepairReport:
    from semsearch.engines import open_engine

    with contextlib.closing(open_engine(address)) as engine:
        report(Progress("indexing words"))
        mended = engine.repair()
        return RepairReport(shown(address), engine.live().name, mended, time.monotonic() - started)


def _write_again(writer: GenerationWriter, before: Generation, damaged: list[str], report: ReportProgress) -> None:
    """Write a generation of the same articles and vectors, with what is derived from them made anew, and commit it."""
    report(Progress("writing the index"))
    manifest = before.manifest
    archive = writer.begin(before, articles=True)
    for row in range(manifest.counts.articles):
        archive.take_over(row)
    for file in before.archive.files().values():
        archive.add_file(file)
    rotation = None if before.tokens is None else before.tokens.codec.rotation
    with contextlib.closing(writer.read_archive()) as finished:
        with writer.write_rows(np.arange(manifest.counts.passages), manifest.embedder.dimension, rotation):
            pass  # all of them are taken over
        _write_lexical(writer, finished, analysed_languages(manifest.languages), damaged)
    writer.commit(
        embedder=manifest.embedder,
        precision=manifest.precision,
        target_tokens=manifest.target_tokens,
        token_vectors=manifest.token_vectors,
        keep=manifest.keep,
        fields=manifest.fields,
        globs=manifest.globs,
        dense_spec=write_dense(writer),
        languages=manifest.languages,
        tokens=manifest.counts.tokens,
        truncated_tokens=manifest.counts.truncated_tokens,
    )


def _write_lexical(writer: GenerationWriter, archive: Archive, languages: Sequence[str], damaged: list[str]) -> None:
    units = [unit for unit in ("articles", "passages") if any(name.startswith(f"lexical/{unit}/") for name in damaged)]
    writer.write_lexical(archive, languages, anew=units)
