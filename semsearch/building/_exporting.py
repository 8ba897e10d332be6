"""An index to shards, wherever it is: what :func:`~semsearch.load_shards` puts into any other."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semsearch.addresses import is_address, shown
from semsearch.building._corpus_shards import PASSAGES_PER_SHARD
from semsearch.building._loading import PATIENCE, trying_again
from semsearch.building._report import silent
from semsearch.dense import mean_direction
from semsearch.engines import Batch, Collection, EngineArticle, first_passage, open_engine
from semsearch.engines.state import read_codec, read_manifest
from semsearch.errors import EngineError, EngineUnavailableError, IndexWriteError
from semsearch.records import Progress, ReportProgress
from semsearch.shards import SUFFIX, ShardWriter, require_pyarrow
from semsearch.storage import Generation, Manifest, open_generation
from semsearch.storage._files import make_folder, sync_folder
from semsearch.storage.partial import NO_CODES
from semsearch.tokens import TokenCodec

__all__ = ["ExportReport", "export_shards"]

_NAME = re.compile(r"(\d{6,})\.parquet")
_PORTION = 1024  # passages that are read at a time


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What exporting an index did.

    Attributes:
        index: The index's folder, or its address without a password.
        generation: The generation, or the version, that was exported.
        folder: The folder that the shards are in.
        shards: How many there are.
        articles: Articles that are in them.
        passages: Their passages.
        bytes: Their size.
        seconds: How long it took.
    """

    index: str
    generation: str
    folder: str
    shards: int
    articles: int
    passages: int
    bytes: int
    seconds: float


def export_shards(
    index: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    passages_per_shard: int = PASSAGES_PER_SHARD,
    patience: float = PATIENCE,
    progress: ReportProgress | None = None,
) -> ExportReport:
    """Write what an index holds to shards, which can be loaded into another one: nothing is embedded.

    Args:
        index: The index's folder, or its address in an engine. Of an engine that is written to meanwhile, an article
            that is put in or taken out may be in the shards or not.
        folder: The folder of the shards; made if it is not there. Shards of an earlier export are replaced.
        passages_per_shard: About how many passages a shard is to have.
        patience: For how many seconds an engine that does not answer is asked again.
        progress: Called now and then with a :class:`~semsearch.Progress`.

    Returns:
        What was done.

    Raises:
        CorpusError: If pyarrow is not installed.
        EngineError: If the engine refuses something, or holds something else than an index.
        IndexNotFoundError: If there is no index.
        IndexCorruptError: If a file of it is missing or damaged.
        IndexWriteError: If a shard cannot be written, or the folder has other shards.
        ValueError: If ``passages_per_shard`` is below 1.
    """
    started = time.monotonic()
    if passages_per_shard < 1:
        raise ValueError(f"passages_per_shard must be at least 1, not {passages_per_shard}")
    require_pyarrow()
    target, report = Path(folder), progress or silent
    with contextlib.ExitStack() as stack:
        if is_address(index):
            engine = trying_again(lambda: open_engine(os.fspath(index)), patience=patience)
            stack.callback(engine.close)
            live = trying_again(engine.live, patience=patience)
            name, manifest = live.name, trying_again(lambda: read_manifest(live), patience=patience)
            codec = trying_again(lambda: read_codec(live), patience=patience)
            batches = _exported(live, patience)
        else:
            generation = stack.enter_context(contextlib.closing(open_generation(Path(index))))
            name, manifest = generation.folder.name, generation.manifest
            codec = None if generation.tokens is None else generation.tokens.codec
            batches = _batches_of(generation)
        make_folder(target)
        _require_no_others(target)
        written = _write(batches, target, manifest, codec, passages_per_shard, report, shown(index))
    for entry in target.iterdir():
        if (match := _NAME.fullmatch(entry.name)) and int(match[1]) >= written.shards:
            entry.unlink()  # of an earlier export
    sync_folder(target)
    return ExportReport(
        index=shown(index),
        generation=name,
        folder=os.fspath(folder),
        shards=written.shards,
        articles=written.articles,
        passages=written.passages,
        bytes=written.bytes,
        seconds=time.monotonic() - started,
    )


def _require_no_others(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.suffix == SUFFIX and not _NAME.fullmatch(entry.name):
            raise IndexWriteError(folder, f"holds other shards, {entry.name} for one: name another folder")


# --- what goes in -----------------------------------------------------------------------------------------------


def _exported(version: Collection, patience: float) -> Iterator[Batch]:
    """Yield what an engine holds; where it fails, it is asked for what follows."""
    following = 0
    batches = iter(version.export(following))

    def next_batch() -> Batch | None:
        nonlocal batches
        try:
            return next(batches, None)
        except EngineUnavailableError:
            batches = iter(version.export(following))
            raise

    while (batch := trying_again(next_batch, patience=patience)) is not None:
        if batch.articles:
            following = batch.articles[-1].row + 1
            yield batch


def _batches_of(generation: Generation) -> Iterator[Batch]:
    """Yield what a generation holds, in portions of whole articles."""
    archive, tokens = generation.archive, generation.tokens
    known, keys = archive.known, archive.passage_keys()
    begins = [*archive.article_starts.tolist(), len(archive.passage_table)]
    waiting: list[tuple[int, EngineArticle]] = []  # the first passage of each

    def batch() -> Batch:
        rows = slice(waiting[0][0], waiting[-1][0] + waiting[-1][1].passages)
        _, paragraphs, starts, ends = archive.passage_table[rows].astype(np.int64).T
        numbers = range(rows.start, rows.stop)
        return Batch(
            articles=[entry for _, entry in waiting],
            rows=np.concatenate([first_passage(entry.row) + np.arange(entry.passages) for _, entry in waiting]),
            paragraphs=paragraphs,
            starts=starts,
            ends=ends,
            keys=keys[rows],
            vectors=generation.embeddings_of(rows),
            codes=[NO_CODES if tokens is None else tokens.codes_of(row) for row in numbers],
        )

    for row, (place, article) in enumerate(archive.articles()):
        begin, end = begins[row], begins[row + 1]
        vector = mean_direction(generation.embeddings_of(slice(begin, end)))
        counts = (end - begin, int(known.tokens[row]), int(known.truncated[row]))
        waiting.append((begin, EngineArticle(row, article, place, known.digests[row], *counts, vector)))
        if end - waiting[0][0] >= _PORTION:
            yield batch()
            waiting.clear()
    if waiting:
        yield batch()


# --- what comes out ---------------------------------------------------------------------------------------------


@dataclass
class _Written:
    shards: int = 0
    articles: int = 0
    passages: int = 0
    bytes: int = 0


def _write(
    batches: Iterable[Batch],
    folder: Path,
    manifest: Manifest,
    codec: TokenCodec | None,
    passages_per_shard: int,
    report: ReportProgress,
    index: str,
) -> _Written:
    written = _Written()
    remaining = iter(batches)
    batch = next(remaining, None)
    while batch is not None:
        path = folder / f"{written.shards:06d}{SUFFIX}"
        source, count = hashlib.blake2b(digest_size=16), 0
        with ShardWriter(
            path,
            embedder=manifest.embedder,
            precision=manifest.precision,
            target_tokens=manifest.target_tokens,
            rotation=None if codec is None else codec.rotation,
        ) as shard:
            while batch is not None and (count == 0 or count + len(batch.rows) <= passages_per_shard):
                try:
                    shard.add(batch)
                except ValueError as error:
                    raise EngineError(index, f"holds something else than an index ({error})") from None
                _note(source, batch)
                count += len(batch.rows)
                written.articles += len(batch.articles)
                report(Progress("writing shards", written.passages + count, manifest.counts.passages))
                batch = next(remaining, None)
            shard.close(source.hexdigest())
        written.shards += 1
        written.passages += count
        written.bytes += path.stat().st_size
    return written


def _note(source: hashlib.blake2b, batch: Batch) -> None:
    """Add what a batch holds to what identifies it."""
    for entry in batch.articles:
        place = entry.place.encode("utf-8", "surrogatepass")
        source.update(b"%d:%b" % (len(place), place))
        source.update(entry.digest)
    for array in (batch.paragraphs, batch.starts, batch.ends, batch.keys, batch.vectors):
        source.update(np.ascontiguousarray(array).tobytes())
