"""Shards to an index: nothing is embedded."""

from __future__ import annotations

import contextlib
import datetime as dt
import glob
import hashlib
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from semsearch._version import __version__
from semsearch.addresses import is_address, shown
from semsearch.building._languages import languages_of
from semsearch.building._report import silent
from semsearch.embedders import language_warning
from semsearch.engines import Batch, Collection, Engine, metadata_names, open_engine
from semsearch.engines.state import (
    read_field_names,
    read_loaded,
    read_manifest,
    read_next_article,
    write_codec,
    write_field_names,
    write_languages,
    write_loaded,
    write_manifest,
    write_next_article,
)
from semsearch.errors import CorpusError, EngineAuthError, EngineError, EngineUnavailableError, IndexNotFoundError
from semsearch.languages import analysed_languages, joined_shares
from semsearch.records import FieldNames, FileGlobs, Passage, Progress, ReportProgress
from semsearch.shards import SUFFIX, ShardInfo, read_ids, read_shard, read_shard_info
from semsearch.storage import KEPT, Archive, Counts, GenerationWriter, Manifest, last_manifest, write_generation

__all__ = ["PATIENCE", "LoadReport", "load_into", "load_shards", "trying_again", "unless_damaged"]

PATIENCE = 300.0
"""Seconds for which an engine that does not answer is asked again."""

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 20.0
_SAME_ROTATION = 1e-3  # by which two rotations that were made alike on different machines may differ
_SAME_VECTORS = ("float32", "bfloat16")  # precisions that give the same vectors

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What loading shards did.

    Attributes:
        index: The index's folder, or its address without a password.
        generation: The generation, or the version, that is now live.
        model: The embedder's name.
        shards: How many shards are in it.
        loaded: How many of them were loaded now; the others were by a load before, which did not finish.
        articles: Articles that are in the index.
        passages: Their passages.
        tokens: Tokens in the passages and the titles before them.
        truncated_tokens: Tokens beyond the model's limit, which no vector has seen.
        seconds: How long it took.
        unchanged: Whether the index was already what it was to become: then nothing was written.
        languages: Which share of the articles is of which language, by its code, the largest first.
        warnings: What makes the index worse than it could be, with the remedy.
    """

    index: str
    generation: str
    model: str
    shards: int
    loaded: int
    articles: int
    passages: int
    tokens: int
    truncated_tokens: int
    seconds: float
    unchanged: bool = False
    languages: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


Shards = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def load_shards(
    shards: Shards,
    index: str | os.PathLike[str] = "index",
    *,
    patience: float = PATIENCE,
    progress: ReportProgress | None = None,
) -> LoadReport:
    """Put shards into an index, in place of what is in it until then. Nothing is embedded.

    In an engine a load that was killed goes on with the shard that it was killed in. The old index answers until the
    new one is complete.

    Args:
        shards: Shards: files, folders of them, or globs; in the order of the articles, those of a folder or a glob by
            their names.
        index: The index's folder, or its address in an engine.
        patience: For how many seconds an engine that does not answer is asked again.
        progress: Called now and then with a :class:`~semsearch.Progress`.

    Returns:
        What was done.

    Raises:
        CorpusError: If there is no shard or no article, one is damaged, they do not belong together, or two articles
            have one id: before anything is written, but for damage within a shard.
        EngineError: If the engine refuses something; :class:`~semsearch.EngineUnavailableError` if it did not answer
            for as long as ``patience`` has it.
        IndexLockedError: If another process is writing to the index.
        IndexWriteError: If the disk is full or broken.
    """
    started, report = time.monotonic(), progress or silent
    report(Progress("checking shards"))
    found = _shard_set(shards)
    if is_address(index):
        with _locked(os.fspath(index), patience) as engine:
            live = _live(engine, patience)
            last = None if live is None else unless_damaged(partial(read_manifest, live), patience=patience)
            if live is not None and last is not None and _is_loaded(live, last, found, patience):
                version, manifest, loaded = live.name, last, 0
            else:
                fields = FieldNames() if last is None else last.fields
                globs = FileGlobs() if last is None else last.globs
                version, manifest, loaded = _load(engine, found, fields, globs, report, patience)
        unchanged = loaded == 0 and live is not None and version == live.name
    else:
        version, manifest = _load_into_folder(Path(index), found, report)
        loaded, unchanged = len(found.paths), False
    warning = language_warning(manifest.languages, manifest.embedder.name)
    return LoadReport(
        index=shown(index),
        generation=version,
        model=manifest.embedder.name,
        shards=len(found.paths),
        loaded=loaded,
        articles=manifest.counts.articles,
        passages=manifest.counts.passages,
        tokens=manifest.counts.tokens,
        truncated_tokens=manifest.counts.truncated_tokens,
        seconds=time.monotonic() - started,
        unchanged=unchanged,
        languages=manifest.languages,
        warnings=() if warning is None else (warning,),
    )


def load_into(
    engine: Engine,
    shards: Shards,
    *,
    fields: FieldNames = FieldNames(),  # noqa: B008 - it is frozen
    globs: FileGlobs = FileGlobs(),  # noqa: B008 - likewise
    token_vectors: bool | None = None,
    report: ReportProgress = silent,
    patience: float = PATIENCE,
) -> tuple[str, Manifest]:
    """Put shards into a new version of an engine's index, or into one that was begun, and make it the live one.

    Args:
        engine: The engine, whose lock is held.
        shards: As for :func:`load_shards`.
        fields: What the index keeps of the columns of its corpus.
        globs: What it keeps of the files that are wanted.
        token_vectors: Whether it is to keep the vectors of tokens where the embedder gives them; None if that is so
            where the shards have any.
        report: Is told how many passages are in.
        patience: As for :func:`load_shards`.

    Returns:
        The version's name, and its manifest.

    Raises:
        CorpusError: As :func:`load_shards`.
        EngineError: Likewise.
    """
    version, manifest, _ = _load(
        engine, _shard_set(shards), fields, globs, report, patience, token_vectors=token_vectors
    )
    return version, manifest


def trying_again(action: Callable[[], _Result], *, patience: float = PATIENCE) -> _Result:
    """Do something, again and again while the engine cannot be reached; the pauses between grow, and none is regular.

    Raises:
        EngineUnavailableError: The last one, after ``patience`` seconds without success.
    """
    failing_since, delay = None, _FIRST_DELAY
    while True:
        try:
            return action()
        except EngineUnavailableError:  # noqa: PERF203 - what is tried takes longer than any such thing
            now, pause = time.monotonic(), delay * random.uniform(0.5, 1)  # noqa: S311 - so that not all come at once
            failing_since = now if failing_since is None else failing_since
            if now + pause - failing_since > patience:
                raise
            time.sleep(pause)
            delay = min(2 * delay, _LONGEST_DELAY)


def unless_damaged(read: Callable[[], _Result], *, patience: float = PATIENCE) -> _Result | None:
    """Return what is read of a version; None if that is damaged. It is read again while the engine does not answer.

    Raises:
        EngineUnavailableError: As :func:`trying_again`; EngineAuthError: If it may not be read.
    """
    try:
        return trying_again(read, patience=patience)
    except (EngineAuthError, EngineUnavailableError):
        raise
    except EngineError:
        return None


# --- shards that belong together --------------------------------------------------------------------------------


class _ShardSet(NamedTuple):
    """Shards that were found to belong together, in their order."""

    paths: list[Path]
    infos: list[ShardInfo]

    @property
    def counts(self) -> Counts:
        every = [info.counts for info in self.infos]
        return Counts(
            sum(each.articles for each in every),
            sum(each.passages for each in every),
            sum(each.tokens for each in every),
            sum(each.truncated_tokens for each in every),
        )

    @property
    def languages(self) -> dict[str, float]:
        """Which share of all articles is of which language, the largest first."""
        return joined_shares((info.counts.articles, info.languages) for info in self.infos)

    @property
    def precision(self) -> str | None:
        """What the vectors were computed in; None if that is not the same everywhere, though they are."""
        every = {info.precision for info in self.infos}
        return every.pop() if len(every) == 1 else None

    @property
    def identities(self) -> list[str]:
        """What identifies each shard."""
        return [info.identity for info in self.infos]


def _shard_set(shards: Shards) -> _ShardSet:
    """Find the shards and see that they can be one index.

    Raises:
        CorpusError: If they cannot.
    """
    paths = list(_paths(shards))
    infos = [read_shard_info(path) for path in paths]
    for path, info in zip(paths, infos, strict=True):
        _require_alike(paths[0], infos[0], path, info)
    if not sum(info.counts.articles for info in infos):
        raise CorpusError(str(paths[0].parent), "there is no article in its shards")
    _require_different_ids(paths)
    return _ShardSet(paths, infos)


def _paths(shards: Shards) -> Iterator[Path]:
    given = [shards] if isinstance(shards, str | os.PathLike) else list(shards)
    if not given:
        raise CorpusError("shards", "none is named")
    seen: set[str] = set()
    for each in given:
        for path in _paths_of(os.fspath(each)):
            real = os.path.realpath(path)
            if real not in seen:
                yield path
            seen.add(real)


def _paths_of(given: str) -> list[Path]:
    place = Path(given)
    if place.is_dir():
        found = sorted(entry for entry in place.iterdir() if entry.suffix == SUFFIX)
        if not found:
            raise CorpusError(given, f"there is no shard in it: no file is called *{SUFFIX}")
        return found
    if place.exists() or not glob.has_magic(given):
        return [place]
    matching = sorted(map(Path, glob.glob(given, recursive=True)))  # noqa: PTH207 - it may be absolute
    if not matching:
        raise CorpusError(given, "no file matches it")
    return matching


def _require_alike(first_path: Path, first: ShardInfo, path: Path, info: ShardInfo) -> None:
    other = f"; {first_path} is otherwise, and one index cannot have both"
    if (info.embedder.fingerprint, info.embedder.dimension) != (first.embedder.fingerprint, first.embedder.dimension):
        raise CorpusError(str(path), f"was embedded with {info.embedder.name!r} as it was somewhere{other}")
    if _kind_of(info.precision) != _kind_of(first.precision):
        raise CorpusError(str(path), f"was embedded in {info.precision}{other}")
    if info.target_tokens != first.target_tokens:
        raise CorpusError(str(path), f"was split to {info.target_tokens} tokens{other}")
    if (info.rotation is None) != (first.rotation is None):
        raise CorpusError(str(path), f"{'does not keep' if info.rotation is None else 'keeps'} token vectors{other}")
    if info.rotation is not None and first.rotation is not None and info.rotation != first.rotation:
        one, another = (np.frombuffer(each, dtype="<f4") for each in (info.rotation, first.rotation))
        if not np.allclose(one, another, rtol=0, atol=_SAME_ROTATION):
            raise CorpusError(str(path), f"codes token vectors with a rotation of its own{other}")


def _kind_of(precision: str | None) -> str | None:
    return _SAME_VECTORS[0] if precision in _SAME_VECTORS else precision


def _require_different_ids(paths: Sequence[Path]) -> None:
    """Raise a CorpusError if two articles have one id. Of each a hash of 8 bytes is in memory."""
    hashes = np.sort(np.fromiter((_hash(each) for path in paths for each in read_ids(path)), dtype=np.uint64))
    twice = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
    if not twice:
        return
    seen: dict[str, Path] = {}
    for path in paths:
        for article_id in read_ids(path):
            if _hash(article_id) in twice:
                if article_id in seen:
                    raise CorpusError(
                        str(path),
                        f"has an article with the id {article_id!r}, as {seen[article_id]} has: leave one out",
                    )
                seen[article_id] = path


def _hash(article_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(article_id.encode(), digest_size=8).digest(), "big")


# --- to an engine -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _locked(address: str, patience: float) -> Iterator[Engine]:
    with contextlib.ExitStack() as stack:
        engine = stack.enter_context(contextlib.closing(trying_again(lambda: open_engine(address), patience=patience)))
        trying_again(lambda: stack.enter_context(engine.lock()), patience=patience)
        yield engine


def _live(engine: Engine, patience: float) -> Collection | None:
    try:
        return trying_again(engine.live, patience=patience)
    except IndexNotFoundError:
        return None


def _is_loaded(live: Collection, last: Manifest, shards: _ShardSet, patience: float) -> bool:
    """Whether the live version is these shards, and nothing was changed since: then no row would be a new one's."""

    def asked() -> bool:
        if read_loaded(live) != shards.identities:
            return False
        counts = last.counts
        return counts == shards.counts and read_next_article(live) == counts.articles

    return bool(unless_damaged(asked, patience=patience))


def _load(
    engine: Engine,
    shards: _ShardSet,
    fields: FieldNames,
    globs: FileGlobs,
    report: ReportProgress,
    patience: float,
    *,
    token_vectors: bool | None = None,
) -> tuple[str, Manifest, int]:
    """Fill a version and publish it. Returns its name, its manifest, and how many shards were not in it before."""
    load = hashlib.blake2b("\n".join(shards.identities).encode(), digest_size=16).hexdigest()
    version = trying_again(lambda: engine.begin(load), patience=patience)
    counts, first = shards.counts, shards.infos[0]
    manifest = Manifest(
        created=dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
        written_by=__version__,
        embedder=first.embedder,
        precision=shards.precision,
        target_tokens=first.target_tokens,
        token_vectors=first.rotation is not None if token_vectors is None else token_vectors,
        keep=KEPT,
        fields=fields,
        globs=globs,
        dense_spec=engine.address.partition(":")[0],
        languages=shards.languages,
        counts=counts,
        files={},
    )
    trying_again(lambda: write_manifest(version, manifest), patience=patience)  # first: an engine may go by it
    loaded = _Filling(version, shards, report, patience).fill()
    report(Progress("writing the index"))
    trying_again(version.flush, patience=patience)
    there = trying_again(version.count, patience=patience)
    if there != counts.passages:
        raise EngineError(engine.address, f"has {there:,} passages of {counts.passages:,} that it was given")
    trying_again(lambda: engine.publish(version), patience=patience)
    return version.name, manifest, loaded


class _Filling:
    """Puts shards into a version that is not live yet, and goes on where another process was when it was killed."""

    def __init__(self, version: Collection, shards: _ShardSet, report: ReportProgress, patience: float) -> None:
        self._version = version
        self._shards = shards
        self._report = report
        self._patience = patience
        self._fields: set[tuple[str, ...]] = set()
        self._done = 0

    def fill(self) -> int:
        """Put in what is not. Returns how many shards that were."""
        identities = self._shards.identities
        loaded = self._try(lambda: read_loaded(self._version))
        if loaded != identities[: len(loaded)]:
            raise EngineError(self._version.name, "is another load's version: it holds shards that are not among these")
        if loaded:
            self._fields = self._try(lambda: read_field_names(self._version))
        else:
            # First, as the engine makes terms of texts when they are put in.
            codec, languages = self._shards.infos[0].codec, analysed_languages(self._shards.languages)
            self._try(lambda: write_languages(self._version, languages))
            self._try(lambda: write_codec(self._version, codec))
            self._try(lambda: write_field_names(self._version, ()))
        row = 0
        for number, (path, info) in enumerate(zip(self._shards.paths, self._shards.infos, strict=True)):
            if number < len(loaded):
                self._tell(info.counts.passages)
            else:
                self._put(path, row, row + info.counts.articles, identities[: number + 1])
            row += info.counts.articles
        return len(identities) - len(loaded)

    def _put(self, path: Path, row: int, following: int, identities: Sequence[str]) -> None:
        """Put a shard in, whose articles have the rows from ``row`` on. If it was killed, the same rows come again."""
        names = set(self._fields)
        for batch in read_shard(path, row):
            self._try(lambda batch=batch: self._version.upsert(batch))  # type: ignore[misc]
            names.update(name for entry in batch.articles for name in metadata_names(entry.article))
            self._tell(len(batch.rows))
        if names != self._fields:
            self._fields = names
            self._try(lambda: write_field_names(self._version, names))
        self._try(lambda: write_next_article(self._version, following))
        self._try(lambda: write_loaded(self._version, identities))

    def _tell(self, passages: int) -> None:
        self._done += passages
        self._report(Progress("loading passages", self._done, self._shards.counts.passages))

    def _try(self, action: Callable[[], _Result]) -> _Result:
        return trying_again(action, patience=self._patience)


# --- to a folder ------------------------------------------------------------------------------------------------


def _load_into_folder(index: Path, shards: _ShardSet, report: ReportProgress) -> tuple[str, Manifest]:
    if index.exists() and not index.is_dir():
        raise NotADirectoryError(f"{index} is a file: name a folder for the index")
    first, codec, counts = shards.infos[0], shards.infos[0].codec, shards.counts
    with write_generation(index) as writer:
        last = last_manifest(index)
        writer.begin()
        new = np.full(counts.passages, -1, dtype=np.int64)
        rotation = None if codec is None else codec.rotation
        with writer.write_rows(new, first.embedder.dimension, rotation) as rows:
            done = 0
            for path in shards.paths:
                for batch in read_shard(path):
                    _add(writer, batch, path)
                    rows.add(batch.vectors, batch.codes)
                    done += len(batch.rows)
                    report(Progress("loading passages", done, counts.passages))
        report(Progress("writing the index"))
        with contextlib.closing(writer.read_archive()) as finished:
            languages = _write_words(writer, finished)
        manifest = writer.commit(
            embedder=first.embedder,
            precision=shards.precision,
            target_tokens=first.target_tokens,
            token_vectors=codec is not None,
            keep=KEPT if last is None else last.keep,
            fields=FieldNames() if last is None else last.fields,
            globs=FileGlobs() if last is None else last.globs,
            dense_spec=writer.write_dense(),
            languages=languages,
            tokens=counts.tokens,
            truncated_tokens=counts.truncated_tokens,
        )
        return writer.id, manifest


def _write_words(writer: GenerationWriter, archive: Archive) -> dict[str, float]:
    languages = languages_of(archive)
    writer.write_lexical(archive, analysed_languages(languages))
    return languages


def _add(writer: GenerationWriter, batch: Batch, path: Path) -> None:
    """Add the articles of a batch to the archive."""
    ends = np.cumsum([entry.passages for entry in batch.articles]).tolist()
    for entry, end in zip(batch.articles, ends, strict=True):
        numbers = range(end - entry.passages, end)
        places = [(int(batch.paragraphs[at]), int(batch.starts[at]), int(batch.ends[at])) for at in numbers]
        text = entry.article.text
        try:
            writer.archive.add(
                entry.article,
                entry.place,
                [Passage(text[start:end], paragraph, start, end) for paragraph, start, end in places],
                [batch.keys[at].tobytes() for at in numbers],
                tokens=entry.tokens,
                truncated=entry.truncated,
            )
        except (ValueError, OverflowError) as error:
            raise CorpusError(str(path), f"holds what cannot be stored: {error}") from None
