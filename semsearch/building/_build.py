"""A corpus to a committed generation, in one readable function."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from semsearch._version import __version__
from semsearch.addresses import is_address, shown
from semsearch.building._articles import ArticlesWriter, update_articles
from semsearch.building._corpus import Corpus, globs_of, nothing_to_index, portions
from semsearch.building._embedding import Encoder, embed_new, gives_tokens, rows_by_key
from semsearch.building._languages import languages_of
from semsearch.building._report import BuildReport, report_of, silent
from semsearch.embedders import DEFAULT_MODEL, Embedder, load_embedder
from semsearch.errors import CorpusError, EmbedderMismatchError, ModelNotFoundError, SemsearchError
from semsearch.languages import analysed_languages
from semsearch.passages import TARGET_TOKENS
from semsearch.readers import ReadingLog, require_sources
from semsearch.records import FieldNames, FileGlobs, Progress, ReportProgress
from semsearch.storage import (
    KEPT,
    Archive,
    Generation,
    GenerationWriter,
    Manifest,
    last_manifest,
    open_generation,
    read_manifest,
    write_generation,
)
from semsearch.storage.partial import PartialRows, remove_partial
from semsearch.tokens import TokenCodec

__all__ = ["build_index", "update_index"]

_LEAST_TOKENS = 1  # what a model must read at least


def build_index(
    corpus: Corpus,
    index: str | os.PathLike[str] = "index",
    *,
    embedder: Embedder | str | os.PathLike[str] | None = None,
    precision: str | None = None,
    token_vectors: bool | None = None,
    keep: int | None = None,
    fields: FieldNames | None = None,
    include: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
    progress: ReportProgress | None = None,
) -> BuildReport:
    """Build the index of a corpus, in place of the one that is in ``index`` until then.

    The old index answers until the new one is complete, and stays if anything fails.

    Args:
        corpus: A folder, file or glob, or several; an iterable of articles or dicts, which is consumed once; or a table
            of pandas, Polars or Arrow, or a dataset of Hugging Face.
        index: The index's folder, which is made if it is not there, or its address in an engine.
        embedder: An :class:`~semsearch.Embedder`, or the name or folder of a sentence-transformers model. Without it
            the model of the index that is there, or :data:`~semsearch.DEFAULT_MODEL`.
        precision: What passages are embedded in, as :func:`~semsearch.load_embedder` has it. Without it as in the index
            that is there, or the fastest that gives the same vectors as the model does.
        token_vectors: Whether to keep the vectors of tokens (96 bytes a token of the default model), which are most of
            an index. Without them late interaction embeds the likeliest candidates when a question is asked. If it is
            None it is as in the index that is there, or True.
        keep: How many generations before the new one to keep, so that :func:`~semsearch.rollback_index` can go back to
            them. If it is None it is as in the index that is there, or 1.
        fields: What the columns of records are called, and the table that they are in. If it is None it is as in the
            index that is there, or by the names that are known; ``FieldNames()`` is the latter.
        include: Patterns of the files that are wanted, as :func:`~semsearch.read_articles` has them.
        exclude: Patterns of files that are not. If both are None they are as in the index that is there; what is given
            takes the place of both, so that ``include=()`` is all files.
        progress: Called now and then with a :class:`Progress`.

    Returns:
        What was done, with everything that could not be read.

    Raises:
        CorpusError: If there is nothing to index, two articles have one id, or the corpus does not exist.
        IndexLockedError: If another process is writing to the index.
        ModelNotFoundError: If the model is not on this machine, or is not run in that precision.
        ValueError: If there is no such precision, the embedder is given and not named, ``keep`` is below 0, or a
            pattern is none.
    """
    globs = globs_of(include, exclude)
    if keep is not None and keep < 0:
        raise ValueError(f"keep must be at least 0, not {keep}")
    log = ReadingLog()
    asked = _Asked(token_vectors, keep, fields, globs)
    if isinstance(corpus, str | os.PathLike):
        require_sources(corpus)  # what is not there is said before anything takes long
    if is_address(index):
        if keep is not None:
            raise ValueError("keep is for an index in a folder: an engine keeps one version before the live one")
        return _build_in_engine(corpus, os.fspath(index), embedder, precision, progress, asked)
    folder = Path(index)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file: name a folder for the index")

    def fill(articles: ArticlesWriter, known: Archive | None, kept: _Kept) -> None:
        files = {} if known is None else known.files()
        articles.add_all(portions(corpus, log, files, fields=kept.fields, globs=kept.globs))
        if articles.count == 0:
            raise nothing_to_index(corpus, log)

    return _build(folder, fill, embedder, precision, log, progress, asked)


def update_index(
    index: str | os.PathLike[str] = "index",
    *,
    add: Corpus = (),
    remove: Iterable[str] = (),
    embedder: Embedder | str | os.PathLike[str] | None = None,
    fields: FieldNames | None = None,
    include: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
    progress: ReportProgress | None = None,
) -> BuildReport:
    """Change some articles of an index; all others stay.

    It is a rebuild in all else: the old index answers until the new one is complete, and stays if anything fails.

    Args:
        index: The index's folder, or its address in an engine.
        add: Articles, dicts, a table, or paths to read them from, as for :func:`build_index`. One whose id is in the
            index takes the place of that one; a file's id is relative to the folder that the index's other files are
            relative to.
        remove: The ids of articles to take out.
        embedder: What the index was built with; without it, it is loaded by its name.
        fields: What the columns of what is added are called. If it is None, as the index keeps it; it goes on keeping
            what it has.
        include: Patterns of the files of folders that are wanted, as for :func:`build_index`.
        exclude: Patterns of those that are not. If both are None, as the index keeps them; it goes on keeping its own.
        progress: Called now and then with a :class:`Progress`.

    Returns:
        What was done. That an article to be removed is not there is among the problems.

    Raises:
        CorpusError: If two of the articles have one id, a path does not exist, or no article would be left.
        EmbedderMismatchError: If ``embedder`` is not what the index was built with.
        IndexNotFoundError: If there is no index.
        IndexCorruptError: If a file of it is missing or damaged: it can only be rebuilt.
        IndexLockedError: If another process is writing to the index.
        ModelNotFoundError: If the model is not on this machine.
    """
    log = ReadingLog()
    unwanted, globs = _ids(remove), globs_of(include, exclude)
    if is_address(index):
        return _update_in_engine(
            add, os.fspath(index), unwanted, embedder, log, progress, _Asked(None, None, fields, globs)
        )
    folder = Path(index)
    read_manifest(folder)  # an index that is not there is not made
    if isinstance(add, str | os.PathLike):
        require_sources(add)

    def fill(articles: ArticlesWriter, known: Archive | None, kept: _Kept) -> None:
        names, wanted = kept.fields if fields is None else fields, kept.globs if globs is None else globs
        if known is not None:
            update_articles(articles, known, add, unwanted, log, fields=names, globs=wanted)
        else:  # damaged, of another embedder, or of another version of semsearch: then all of it is split again
            with contextlib.closing(open_generation(folder, whole=True)) as before:
                _require_embedder(before.manifest, articles.embedder, folder)
                update_articles(articles, before.archive, add, unwanted, log, fields=names, globs=wanted)
        if articles.count == 0:
            raise CorpusError(str(folder), "no article would be left in it")

    return _build(folder, fill, embedder, None, log, progress, _Asked())


def _build_in_engine(
    corpus: Corpus,
    address: str,
    embedder: Embedder | str | os.PathLike[str] | None,
    precision: str | None,
    progress: ReportProgress | None,
    asked: _Asked,
) -> BuildReport:
    from semsearch.building._engine import Kept, rebuild_in_engine

    def choose(last: Manifest | None) -> Embedder:
        chosen, wanted = _resolve_embedder(embedder, precision, shown(address), last)
        if wanted is not None or last is None or last.embedder.fingerprint != chosen.spec.fingerprint:
            return chosen
        return _in_precision(chosen, last.precision)

    def keeps(last: Manifest | None) -> Kept:
        token_vectors, _, fields, globs = _kept(asked, last)
        return Kept(token_vectors, fields, globs)

    return rebuild_in_engine(corpus, address, choose=choose, keeps=keeps, report=progress or silent)


def _update_in_engine(
    add: Corpus,
    address: str,
    remove: list[str],
    embedder: Embedder | str | os.PathLike[str] | None,
    log: ReadingLog,
    progress: ReportProgress | None,
    asked: _Asked,
) -> BuildReport:
    from semsearch.building._engine import update_in_engine

    if isinstance(add, str | os.PathLike):
        require_sources(add)

    def choose(last: Manifest) -> Embedder:
        chosen, _ = _resolve_embedder(embedder, None, shown(address), last)
        _require_embedder(last, chosen, shown(address))
        return _in_precision(chosen, last.precision)

    return update_in_engine(
        add,
        address,
        remove,
        choose=choose,
        fields=asked.fields,
        globs=asked.globs,
        log=log,
        report=progress or silent,
    )


def _ids(remove: Iterable[str]) -> list[str]:
    if isinstance(remove, str):
        raise TypeError(f"remove is the ids of articles, not one id: give [{remove!r}]")
    return list(remove)


class _Asked(NamedTuple):
    """What is asked for of what an index keeps; None is what the index that is there has."""

    token_vectors: bool | None = None
    keep: int | None = None
    fields: FieldNames | None = None
    globs: FileGlobs | None = None


class _Kept(NamedTuple):
    """What an index keeps of how it was built, so that a rebuild does it again."""

    token_vectors: bool
    keep: int
    fields: FieldNames
    globs: FileGlobs


_Fill = Callable[[ArticlesWriter, Archive | None, _Kept], None]
"""Adds the articles of the new generation; what it may take over is in the archive."""


def _kept(asked: _Asked, last: Manifest | None) -> _Kept:
    """Return what was asked for, else what the index that is there has, else what is usual."""
    return _Kept(
        (last is None or last.token_vectors) if asked.token_vectors is None else asked.token_vectors,
        (KEPT if last is None else last.keep) if asked.keep is None else asked.keep,
        (FieldNames() if last is None else last.fields) if asked.fields is None else asked.fields,
        (FileGlobs() if last is None else last.globs) if asked.globs is None else asked.globs,
    )


def _build(
    folder: Path,
    fill: _Fill,
    embedder: Embedder | str | os.PathLike[str] | None,
    precision: str | None,
    log: ReadingLog,
    progress: ReportProgress | None,
    asked: _Asked,
) -> BuildReport:
    """Write a generation of what ``fill`` adds and commit it, unless it would be as the live one is."""
    started = time.monotonic()
    report = progress or silent
    with write_generation(folder) as writer:
        report(Progress("loading the model"))
        last = last_manifest(folder)
        embedder, precision = _resolve_embedder(embedder, precision, folder, last)
        kept = _kept(asked, last)
        with_tokens = kept.token_vectors and gives_tokens(embedder)
        if embedder.spec.max_tokens < _LEAST_TOKENS:
            raise SemsearchError(f"{embedder.spec.name} reads {embedder.spec.max_tokens} tokens: too few for a passage")
        with _live_generation(folder, embedder, precision) as before:
            known = before.archive if before is not None and _is_split_alike(before.manifest) else None
            archive = writer.begin(before, articles=known is not None)
            fill(ArticlesWriter(archive, known, embedder, log, report), known, kept)
            unchanged = (
                before is not None
                and archive.is_as_before
                and _is_as_asked(before, embedder, kept, with_tokens=with_tokens)
            )
            if before is not None and unchanged:
                generation, manifest, embedded = before.folder.name, before.manifest, 0
            else:
                generation = writer.id
                if precision is None and before is not None:
                    embedder = _in_precision(embedder, before.manifest.precision)
                embedded = _write_rows(folder, writer, before, embedder, report, with_tokens=with_tokens)
                report(Progress("writing the index"))
                with contextlib.closing(Archive(writer.folder)) as finished:
                    languages = languages_of(finished)
                    writer.write_lexical(finished, analysed_languages(languages))
        if not unchanged:
            manifest = _finish(writer, embedder, kept, languages)
        remove_partial(folder)
    return report_of(str(folder), generation, manifest, log, started, embedded=embedded, unchanged=unchanged)


def _resolve_embedder(
    embedder: Embedder | str | os.PathLike[str] | None, precision: str | None, index: str | Path, last: Manifest | None
) -> tuple[Embedder, str | None]:
    """Load what was asked for, else the model of the index that is there, else the default.

    Returns:
        The embedder, and the precision that is asked for; None if the index's is to be kept.
    """
    if embedder is None:
        name = DEFAULT_MODEL if last is None else last.embedder.name
        try:
            return load_embedder(name, precision=precision), precision
        except ModelNotFoundError as error:
            raise ModelNotFoundError(f"{error} (the model of the index in {index}; --model names another)") from None
    if isinstance(embedder, str | os.PathLike):
        return load_embedder(embedder, precision=precision), precision
    if precision is not None:
        raise ValueError("an embedder that is given has its precision: name the model instead, or load it with one")
    return embedder, getattr(embedder, "precision", None)


def _in_precision(embedder: Embedder, precision: str | None) -> Embedder:
    """Return the same model in the precision that the index has, if this machine can run it."""
    if precision in (None, getattr(embedder, "precision", None)):
        return embedder
    with contextlib.suppress(ModelNotFoundError):
        return load_embedder(embedder.spec.name, revision=embedder.spec.revision, precision=precision)
    return embedder


def _require_embedder(manifest: Manifest, embedder: Embedder, index: str | Path) -> None:
    if manifest.embedder.fingerprint != embedder.spec.fingerprint:
        raise EmbedderMismatchError(
            f"the index in {index} was built with {manifest.embedder.name!r}, not with {embedder.spec.name!r} as it is "
            "here: rebuild the index with 'semsearch rebuild-index CORPUS'"
        )


@contextlib.contextmanager
def _live_generation(index: Path, embedder: Embedder, precision: str | None) -> Iterator[Generation | None]:
    """Give the generation whose vectors can be taken over: the live one, if the same embedder made it."""
    try:
        before = open_generation(index, whole=True)
    except SemsearchError:  # none yet, or one that this build is to replace because it is damaged
        yield None
        return
    with contextlib.closing(before):
        known, spec = before.manifest.embedder, embedder.spec
        same = (known.fingerprint, known.dimension) == (spec.fingerprint, spec.dimension)
        yield before if same and precision in (None, before.manifest.precision) else None


def _is_split_alike(manifest: Manifest) -> bool:
    """Whether a build of today, with the same embedder, would read and split the same files and articles alike."""
    return manifest.written_by == __version__ and manifest.target_tokens == TARGET_TOKENS


def _is_as_asked(before: Generation, embedder: Embedder, kept: _Kept, *, with_tokens: bool) -> bool:
    """Whether a build of the same articles would make the same generation, but for its id."""
    manifest = before.manifest
    return (
        manifest.embedder == embedder.spec
        and kept == (manifest.token_vectors, manifest.keep, manifest.fields, manifest.globs)
        and (before.tokens is not None) == with_tokens
    )


def _write_rows(
    index: Path,
    writer: GenerationWriter,
    before: Generation | None,
    embedder: Embedder,
    report: ReportProgress,
    *,
    with_tokens: bool,
) -> int:
    """Write the vectors and tokens of every passage. Returns how many were embedded now."""
    dimension = embedder.spec.dimension
    rows_before = writer.archive.rows_before
    if before is not None and with_tokens and before.tokens is None:
        before = None
    codec = None
    if with_tokens:
        codec = TokenCodec.create(dimension) if before is None or before.tokens is None else before.tokens.codec
    precision = getattr(embedder, "precision", None)
    partial = PartialRows(index, embedder.spec, precision, None if codec is None else codec.rotation)
    with contextlib.closing(writer.read_archive()) as archive:
        if before is None:
            rows_before[:] = -1
        else:
            new = np.flatnonzero(rows_before < 0)
            rows_before[new] = rows_by_key(archive.passage_keys()[new], before)
        new = np.flatnonzero(rows_before < 0)
        with writer.write_rows(rows_before, dimension, None if codec is None else codec.rotation) as rows:
            for part in embed_new(archive, new, Encoder(embedder, codec), partial, report):
                rows.add(part.vectors, part.codes)
    return len(new) - partial.taken


def _finish(writer: GenerationWriter, embedder: Embedder, kept: _Kept, languages: Mapping[str, float]) -> Manifest:
    """Index the vectors, and commit."""
    dense_spec = writer.write_dense()
    return writer.commit(
        embedder=embedder.spec,
        precision=getattr(embedder, "precision", None),
        target_tokens=TARGET_TOKENS,
        token_vectors=kept.token_vectors,
        keep=kept.keep,
        fields=kept.fields,
        globs=kept.globs,
        dense_spec=dense_spec,
        languages=languages,
        tokens=writer.archive.tokens,
        truncated_tokens=writer.archive.truncated,
    )
