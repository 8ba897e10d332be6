"""A whole corpus to a folder of shards, by one process or several."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path

from semsearch.building._articles import twice
from semsearch.building._corpus import Corpus, globs_of, nothing_to_index, portions
from semsearch.building._report import silent
from semsearch.building._shards import CorpusPart, Known, ShardReport, embed_shard, resolve_embedder
from semsearch.embedders import Embedder, language_warning
from semsearch.errors import CorpusError, SemsearchError
from semsearch.languages import joined_shares
from semsearch.readers import Located, ReadingLog, require_sources
from semsearch.records import FieldNames, FileGlobs, Progress, ReportProgress
from semsearch.shards import SUFFIX, require_pyarrow
from semsearch.storage import content_digest
from semsearch.storage._files import make_folder, sync_folder, writing

__all__ = ["PASSAGES_PER_SHARD", "CorpusShardsReport", "embed_corpus", "shard_corpus"]

PASSAGES_PER_SHARD = 10_000
"""About so many passages make a shard: some 120 MB with the tokens of the default model."""

_CHARACTERS = 500  # of a passage, about
_NAME = re.compile(r"\d{6,}-([0-9a-f]{16})\.parquet")
_HASHES = 1 << 64


@dataclass(frozen=True, slots=True)
class CorpusShardsReport:
    """What embedding a corpus into shards did.

    Attributes:
        folder: The folder that the shards are in.
        model: The embedder's name.
        shards: How many shards there are.
        unchanged: How many of them were there already.
        articles: Articles that are in the shards.
        passages: Their passages.
        embedded: Passages that were embedded now.
        tokens: Tokens in the passages and the titles before them.
        truncated_tokens: Tokens beyond the model's limit, which no vector has seen.
        problems: What could not be read and is in no shard.
        notes: What was read, but not as it stands.
        ignored: Files that were passed over, counted by suffix.
        bytes: The size of the shards.
        seconds: How long it took.
        languages: Which share of the articles is of which language, by its code, the largest first.
        warnings: What makes an index of them worse than it could be, with the remedy.
    """

    folder: str
    model: str
    shards: int
    unchanged: int
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
    languages: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def shard_corpus(
    corpus: Corpus,
    *,
    passages_per_shard: int = PASSAGES_PER_SHARD,
    fields: FieldNames | None = None,
    include: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
    log: ReadingLog | None = None,
) -> Iterator[CorpusPart]:
    """Yield a corpus in parts that become a shard each, as it is read.

    Where it is cut depends on the articles alone, and on those near the cut: where one is added or removed, the parts
    far from it stay as they are. A part is named by its number and what identifies its articles.

    Args:
        corpus: As for :func:`~semsearch.build_index`.
        passages_per_shard: About how many passages a shard is to have.
        fields: As there.
        include: As there.
        exclude: As there.
        log: Takes what could not be read; if it is None, that raises.

    Raises:
        CorpusError: If two articles have one id, or the corpus does not exist.
        ValueError: If ``passages_per_shard`` is below 1, or a pattern is none.
    """
    if passages_per_shard < 1:
        raise ValueError(f"passages_per_shard must be at least 1, not {passages_per_shard}")
    globs = globs_of(include, exclude) or FileGlobs()
    if isinstance(corpus, str | os.PathLike):
        require_sources(corpus)
    log = ReadingLog(raises=True) if log is None else log
    read = (
        located
        for portion in portions(corpus, log, {}, fields=fields or FieldNames(), globs=globs)
        for located in portion.articles
    )
    return _parts(read, passages_per_shard)


def _parts(articles: Iterable[Located], passages: int) -> Iterator[CorpusPart]:
    least = -(-passages // 2)
    seen: set[bytes] = set()
    part: list[Located] = []
    count = number = 0
    for located in articles:
        key = _hash(located.article.id)
        if key in seen:
            raise twice(located.place, located.article.id, "another article")
        seen.add(key)
        text = located.article.text
        own = 1 + max(len(text) // _CHARACTERS, text.count("\n\n"))
        if part and count + own > 2 * passages:
            yield _part(number, part)
            part, count, number = [], 0, number + 1
        part.append(located)
        count += own
        # By chance, which the id is asked for: as likely as the article is long, once enough are together.
        if count >= least and int.from_bytes(key[:8], "big") * least < own * _HASHES:
            yield _part(number, part)
            part, count, number = [], 0, number + 1
    if part:
        yield _part(number, part)


def _part(number: int, articles: list[Located]) -> CorpusPart:
    digest = hashlib.blake2b(digest_size=8)
    for place, article in articles:
        digest.update(_hash(article.id))
        digest.update(_hash(place))
        with contextlib.suppress(ValueError):  # it cannot be stored, which is said when it is to be
            digest.update(content_digest(article))
    return CorpusPart(f"{number:06d}-{digest.hexdigest()}{SUFFIX}", tuple(articles))


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def embed_corpus(
    corpus: Corpus,
    folder: str | os.PathLike[str],
    *,
    passages_per_shard: int = PASSAGES_PER_SHARD,
    workers: int = 1,
    embedder: Embedder | str | os.PathLike[str] | None = None,
    precision: str | None = None,
    token_vectors: bool = True,
    fields: FieldNames | None = None,
    include: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
    known: Known | None = None,
    progress: ReportProgress | None = None,
) -> CorpusShardsReport:
    """Embed a corpus into shards: the files of a folder, in the order of the corpus.

    The corpus is read; shards that are there and would be the same are not made again, whoever made them. Those of an
    earlier corpus are removed at the end.

    Args:
        corpus: As for :func:`~semsearch.build_index`.
        folder: The folder of the shards; made if it is not there.
        passages_per_shard: About how many passages a shard is to have.
        workers: How many processes embed. More than one start anew: a program that calls this must be importable
            without doing so again (``if __name__ == "__main__":``).
        embedder: As for :func:`~semsearch.embed_shard`. With several workers name it, or give one that can be sent to
            another process.
        precision: As there.
        token_vectors: As there.
        fields: As there.
        include: As there.
        exclude: As there.
        known: As there; with one worker.
        progress: Called now and then with a :class:`~semsearch.Progress`.

    Returns:
        What was done, with everything that could not be read.

    Raises:
        CorpusError: If there is nothing to index, two articles have one id, or the corpus does not exist.
        IndexWriteError: If a shard cannot be written.
        ModelNotFoundError: If the model is not on this machine.
        SemsearchError: If a process was ended from outside: what is complete stays, and the next call goes on.
        ValueError: If a number is below 1, there is no such precision, or a pattern is none.
    """
    started = time.monotonic()
    if workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers}")
    if known is not None and workers > 1:
        raise ValueError("what is known is known to one worker alone")
    require_pyarrow()
    report, place, log = progress or silent, Path(folder), ReadingLog()
    options = {"passages_per_shard": passages_per_shard, "fields": fields, "include": include, "exclude": exclude}
    parts = shard_corpus(corpus, log=log, **options)  # type: ignore[arg-type]
    report(Progress("loading the model"))
    model = resolve_embedder(embedder, precision)  # what is not there is said before anything takes long
    make_folder(place)
    given = model if workers == 1 else embedder
    call = partial(
        embed_shard,
        embedder=given,
        precision=precision if given is not model else None,
        token_vectors=token_vectors,
        known=known,
    )
    reports: list[ShardReport] = []
    names: set[str] = set()
    embedded = 0
    for done in _run(_tasks(parts, place, names), call, workers):
        reports.append(done)
        embedded += done.passages
        report(Progress("embedding passages", embedded))
    log.problems += [problem for done in reports for problem in done.problems]
    if not any(done.articles for done in reports):
        raise nothing_to_index(corpus, log)
    _remove_others(place, names)
    languages = joined_shares((done.articles, done.languages) for done in reports)
    warning = language_warning(languages, model.spec.name)
    return CorpusShardsReport(
        folder=os.fspath(folder),
        model=model.spec.name,
        shards=len(reports),
        unchanged=sum(done.unchanged for done in reports),
        articles=sum(done.articles for done in reports),
        passages=sum(done.passages for done in reports),
        embedded=sum(done.embedded for done in reports),
        tokens=sum(done.tokens for done in reports),
        truncated_tokens=sum(done.truncated_tokens for done in reports),
        problems=tuple(log.problems),
        notes=(*log.notes, *(note for done in reports for note in done.notes)),
        ignored=dict(log.ignored),
        bytes=sum(done.bytes for done in reports),
        seconds=time.monotonic() - started,
        languages=languages,
        warnings=() if warning is None else (warning,),
    )


_Task = tuple[CorpusPart, Path]


def _tasks(parts: Iterable[CorpusPart], folder: Path, names: set[str]) -> Iterator[_Task]:
    """Yield parts with the shards that they become; a shard of the same articles is given the part's number."""
    there = {match[1]: entry for entry in folder.iterdir() if (match := _NAME.fullmatch(entry.name))}
    for part in parts:
        names.add(part.name)
        target, match = folder / part.name, _NAME.fullmatch(part.name)
        before = there.get(match[1]) if match else None
        if before is not None and before != target:
            with writing(target):
                before.replace(target)
            sync_folder(folder)
        yield part, target


def _run(tasks: Iterable[_Task], call: Callable[..., ShardReport], workers: int) -> Iterator[ShardReport]:
    """Yield what comes of each task, in their order."""
    if workers == 1:
        for part, target in tasks:
            yield call(part, target)
        return
    # Started anew: threads of runtimes do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent) as pool:
        waiting: deque[Future[ShardReport]] = deque()
        try:
            for part, target in tasks:
                waiting.append(pool.submit(call, part, target))
                if len(waiting) >= 2 * workers:  # no more of the corpus is in memory
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise SemsearchError(
                "a process that embeds was ended from outside, for want of memory perhaps: what is complete stays, and "
                "the same command goes on from there"
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _end_with_parent() -> None:
    """Let this process end when the one that started it does, be it killed: it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent.sentinel,), daemon=True).start()


def _exit_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)  # shards appear as a whole or not at all


def _remove_others(folder: Path, names: set[str]) -> None:
    """Remove the shards of an earlier corpus, and nothing that is called otherwise."""
    for entry in folder.iterdir():
        name = entry.name.removesuffix(".new").rpartition(".")[0] if entry.name.endswith(".new") else entry.name
        if _NAME.fullmatch(name) and entry.name not in names:
            with contextlib.suppress(OSError):
                entry.unlink()
    sync_folder(folder)
