"""The rebuild: a corpus to a committed generation.

    articles ──split──▶ passages ──embed──▶ embeddings ──▶ dense index ──▶ commit

What is read is written at once and what is embedded goes straight to its file, so that memory does not grow with the
texts. A passage whose text, title and embedder have not changed keeps its vector from the generation before.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from semsearch.dense import DenseIndex, unit_rows
from semsearch.embedders import DEFAULT_MODEL, Embedder, load_embedder
from semsearch.errors import CorpusError, ModelNotFoundError, SemsearchError
from semsearch.passages import TARGET_TOKENS, split_article, title_context
from semsearch.readers import Located, ReadingLog, read_located
from semsearch.records import Article, Progress, ReportProgress
from semsearch.storage import (
    Archive,
    Generation,
    GenerationWriter,
    open_generation,
    read_manifest,
    write_generation,
)

__all__ = ["BuildReport", "build_index"]

_TITLE_TOKENS = 64  # a quarter of the default model's limit at most goes to the title before each passage
_SHARD = 2048  # passages that are read, sorted by length and embedded together
_STEP = 64  # passages between two reports of progress


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did.

    Attributes:
        index: The index's folder.
        generation: The id of the generation that is now live.
        model: The embedder's name.
        articles: Articles that are in the index.
        passages: Their passages.
        embedded: Passages that were embedded now; the others kept their vectors.
        tokens: Tokens in the passages and the titles before them, by the model's own tokenizer.
        truncated_tokens: Tokens beyond the model's limit, which no vector has seen. 0 unless one word is that long.
        problems: What could not be read and is not in the index.
        notes: What was read, but not as it stands.
        ignored: Files of other kinds that were passed over, counted by suffix.
        bytes: The size of the generation on disk.
        seconds: How long it took.
    """

    index: str
    generation: str
    model: str
    articles: int
    passages: int
    embedded: int
    tokens: int
    truncated_tokens: int
    problems: tuple[CorpusError, ...]
    notes: tuple[str, ...]
    ignored: Mapping[str, int]
    bytes: int
    seconds: float


def build_index(
    corpus: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | Iterable[Article],
    index: str | os.PathLike[str] = "index",
    *,
    embedder: Embedder | str | os.PathLike[str] | None = None,
    progress: ReportProgress | None = None,
) -> BuildReport:
    """Build the index of a corpus, in place of the one that is in ``index`` until then.

    The old index answers until the new one is complete, and stays if anything fails.

    Args:
        corpus: A folder, file or glob, or several; or articles, which are consumed once.
        index: The index's folder; made if it is not there.
        embedder: An :class:`~semsearch.Embedder`, or the name or folder of a sentence-transformers model. Without it
            the model of the index that is there, or :data:`~semsearch.DEFAULT_MODEL`.
        progress: Called now and then with a :class:`Progress`.

    Returns:
        What was done, with everything that could not be read.

    Raises:
        CorpusError: If there is nothing to index, two articles have one id, or the corpus does not exist.
        IndexLockedError: If another process is writing to the index.
        ModelNotFoundError: If the model is not on this machine.
    """
    started = time.monotonic()
    report = progress or _silent
    folder = Path(index)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file: name a folder for the index")
    log = ReadingLog()
    with write_generation(folder) as writer:
        report(Progress("loading the model"))
        embedder = _resolve_embedder(embedder, folder)
        tokens = _write_passages(_located(corpus, log), writer, embedder, log, report)
        if writer.archive.passages == 0:
            raise _nothing_to_index(corpus, log)
        with contextlib.closing(writer.read_archive()) as archive:
            embeddings = writer.create_embeddings(embedder.spec.dimension)
            kept = _keep_unchanged(archive, embeddings, folder, embedder)
            embedded = _embed(archive, embeddings, kept, embedder, report)
        report(Progress("writing the index"))
        dense = DenseIndex.build(embeddings)
        _require(len(dense) == writer.archive.passages, "the dense index has a row for each passage")
        writer.write_dense(dense.to_bytes())
        manifest = writer.commit(
            embedder=embedder.spec,
            target_tokens=TARGET_TOKENS,
            dense_spec=dense.spec,
            tokens=tokens.indexed,
            truncated_tokens=tokens.truncated,
        )
    return BuildReport(
        index=str(folder),
        generation=writer.id,
        model=embedder.spec.name,
        articles=manifest.counts.articles,
        passages=manifest.counts.passages,
        embedded=embedded,
        tokens=tokens.indexed,
        truncated_tokens=tokens.truncated,
        problems=tuple(log.problems),
        notes=tuple(log.notes),
        ignored=dict(log.ignored),
        bytes=sum(file.bytes for file in manifest.files.values()),
        seconds=time.monotonic() - started,
    )


class _Tokens(NamedTuple):
    indexed: int
    truncated: int


def _silent(_: Progress) -> None:
    """Report nothing."""


def _require(truth: bool, what: str) -> None:  # noqa: FBT001 - reads as "require that ..."
    if not truth:
        raise SemsearchError(f"the build is not consistent: it must be that {what}; nothing was committed")


def _resolve_embedder(embedder: Embedder | str | os.PathLike[str] | None, index: Path) -> Embedder:
    """Load what was asked for, else the model of the index that is there, else the default."""
    if embedder is None:
        try:
            name = read_manifest(index)[1].embedder.name
        except SemsearchError:  # none yet, or one that a rebuild is about to mend
            name = DEFAULT_MODEL
        try:
            return load_embedder(name)
        except ModelNotFoundError as error:
            raise ModelNotFoundError(f"{error} (the model of the index in {index}; --model names another)") from None
    return load_embedder(embedder) if isinstance(embedder, str | os.PathLike) else embedder


def _located(corpus: object, log: ReadingLog) -> Iterator[Located]:
    """Yield the corpus's articles, each with its place, whatever the corpus is given as."""
    if isinstance(corpus, str | os.PathLike):
        yield from read_located(corpus, log=log)
        return
    if not isinstance(corpus, Iterable):
        raise TypeError(f"a corpus is a path or an iterable of paths or articles, not {type(corpus).__name__}")
    for number, entry in enumerate(corpus):
        if isinstance(entry, Article):
            yield Located(f"articles[{number}]", entry)
        elif isinstance(entry, str | os.PathLike):
            yield from read_located(entry, log=log)
        else:
            raise TypeError(f"entry {number} of the corpus is {type(entry).__name__}, not an Article or a path")


def _nothing_to_index(corpus: object, log: ReadingLog) -> CorpusError:
    place = os.fspath(corpus) if isinstance(corpus, str | os.PathLike) else "the corpus"
    if log.problems:
        more = f" (and {len(log.problems) - 1} more)" if len(log.problems) > 1 else ""
        return CorpusError(place, f"nothing in it can be indexed: {log.problems[0]}{more}")
    others = ", ".join(f"{count} {suffix}" for suffix, count in log.ignored.most_common(5))
    return CorpusError(
        place, "there is no article in it" + (f", only files of other kinds: {others}" if others else "")
    )


def _write_passages(
    located: Iterable[Located],
    writer: GenerationWriter,
    embedder: Embedder,
    log: ReadingLog,
    report: ReportProgress,
) -> _Tokens:
    """Split every article and write it with its passages. Returns the tokens that the embedder will be given."""
    indexed = truncated = 0
    limit = embedder.spec.max_tokens
    report(Progress("reading articles"))
    for place, article in located:
        earlier = writer.archive.place_of(article.id)
        if earlier is not None:
            raise CorpusError(
                place, f"has the id {article.id!r} of {earlier}: give one of them another id, or remove one"
            )
        context = _context(article, embedder)
        context_tokens = embedder.count_tokens([context])[0]
        passages = split_article(article, embedder.count_tokens, limit=limit - context_tokens)
        if not passages:
            log.problem(place, "is empty: there is no text to index")
            continue
        texts = [context + passage.text for passage in passages]
        try:
            writer.archive.add(article, place, passages, [_key(text) for text in texts])
        except ValueError as error:
            log.problem(place, str(error))
            continue
        for tokens in embedder.count_tokens(texts):
            indexed += tokens
            truncated += max(0, tokens - limit)
        report(Progress("reading articles", writer.archive.articles))
    return _Tokens(indexed, truncated)


def _context(article: Article, embedder: Embedder) -> str:
    if article.text.strip() == article.title:
        return ""  # the record is only a title, which is then its text
    return title_context(article.title, embedder.count_tokens, limit=min(_TITLE_TOKENS, embedder.spec.max_tokens // 4))


def _key(text: str) -> bytes:
    """Identify what is embedded; with the embedder's fingerprint it identifies the vector."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _keep_unchanged(
    archive: Archive, embeddings: NDArray[np.float16], index: Path, embedder: Embedder
) -> NDArray[np.bool_]:
    """Copy the vectors that the live generation has already. Returns ``(n,)`` bool: which rows are done."""
    kept = np.zeros(len(embeddings), dtype=bool)
    with contextlib.ExitStack() as stack:
        try:
            before: Generation = stack.enter_context(contextlib.closing(open_generation(index)))
        except SemsearchError:
            return kept  # none, or one that this build is to replace because it is damaged
        if before.manifest.embedder.fingerprint != embedder.spec.fingerprint:
            return kept
        rows = {key: row for row, key in enumerate(before.archive.keys())}
        for row, key in enumerate(archive.keys()):
            if (old := rows.get(key)) is not None:
                embeddings[row] = before.embeddings[old]
                kept[row] = True
    return kept


def _embed(
    archive: Archive,
    embeddings: NDArray[np.float16],
    kept: NDArray[np.bool_],
    embedder: Embedder,
    report: ReportProgress,
) -> int:
    """Embed the passages that are not ``kept`` into their rows. Returns how many there were."""
    missing = np.flatnonzero(~kept)
    done = 0
    report(Progress("embedding passages", done, len(missing)))
    for shard in _parts(missing.tolist(), _SHARD):
        stored = archive.passages(shard)
        contexts: dict[str, str] = {}
        texts = []
        for row in shard:
            passage, article = stored[row]
            if article.id not in contexts:
                contexts[article.id] = _context(article, embedder)
            texts.append(contexts[article.id] + passage.text)
        # Texts of one length are padded least when they are embedded together.
        by_length = sorted(range(len(shard)), key=lambda i: len(texts[i]))
        for step in _parts(by_length, _STEP):
            vectors = embedder.embed_passages([texts[i] for i in step])
            _require(
                vectors.shape == (len(step), embeddings.shape[1]),
                f"the embedder returns {(len(step), embeddings.shape[1])} for {len(step)} texts, not {vectors.shape}",
            )
            embeddings[[shard[i] for i in step]] = unit_rows(vectors)
            done += len(step)
            report(Progress("embedding passages", done, len(missing)))
    return done


def _parts(rows: list[int], size: int) -> Iterator[list[int]]:
    remaining = iter(rows)
    while part := list(islice(remaining, size)):
        yield part
