"""A part of a corpus to a shard: one function that can be called anywhere, any number of times."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from semsearch._version import __version__
from semsearch.building._articles import Split, split_for, twice
from semsearch.building._corpus import Corpus, Portion, globs_of, portions
from semsearch.building._embedding import SHARD, Encoder, encode_into, gives_tokens
from semsearch.building._report import silent
from semsearch.dense import mean_direction
from semsearch.embedders import DEFAULT_MODEL, Embedder, load_embedder
from semsearch.engines import MOST_PASSAGES, Batch, EngineArticle, first_passage
from semsearch.errors import CorpusError, SemsearchError
from semsearch.passages import TARGET_TOKENS
from semsearch.readers import Located, ReadingLog, require_sources
from semsearch.records import Article, FieldNames, FileGlobs, Progress, ReportProgress
from semsearch.shards import ShardInfo, ShardWriter, read_shard_info, require_pyarrow
from semsearch.storage import content_digest
from semsearch.storage.partial import NO_CODES
from semsearch.tokens import TokenCodec

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CorpusPart", "Known", "ShardReport", "Unembedded", "embed_shard", "embedded_batches", "resolve_embedder"]

_DIGEST = 16


@dataclass(frozen=True, slots=True)
class CorpusPart:
    """Articles of a corpus that become one shard, with where each was read. It can be sent to another process.

    Attributes:
        name: What the shard is called: the part's number in the corpus, and what identifies its articles.
        articles: The articles.
    """

    name: str
    articles: tuple[Located, ...]


@dataclass(frozen=True, slots=True)
class ShardReport:
    """What embedding a shard did.

    Attributes:
        shard: The shard's file.
        model: The embedder's name.
        articles: Articles that are in the shard.
        passages: Their passages.
        embedded: Passages that were embedded now.
        tokens: Tokens in the passages and the titles before them.
        truncated_tokens: Tokens beyond the model's limit, which no vector has seen.
        problems: What could not be read and is not in the shard.
        notes: What was read, but not as it stands.
        ignored: Files that were passed over, counted by suffix.
        bytes: The size of the shard.
        seconds: How long it took.
        unchanged: Whether the shard was already what it was to become: then nothing was read, and there are no notes.
        languages: Which share of the articles is of which language, by its code, the largest first.
    """

    shard: str
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
    unchanged: bool = False
    languages: Mapping[str, float] = field(default_factory=dict)


class Unembedded(NamedTuple):
    """An article that was split.

    Attributes:
        id: Its id.
        digest: What identifies its content.
        keys: What identifies what is to be embedded for each of its passages, 16 bytes each.
    """

    id: str
    digest: bytes
    keys: Sequence[bytes]


class Known(Protocol):
    """Passages that were embedded before, by the same embedder in the same precision."""

    @property
    def codec(self) -> TokenCodec | None:
        """What their tokens are coded with; None if they were not kept."""

    def take(
        self, articles: Sequence[Unembedded]
    ) -> Mapping[tuple[int, int], tuple[NDArray[np.float16], NDArray[np.uint8]]]:
        """Return the vectors and the codes of what is known: of the passage ``j`` of ``articles[i]`` by ``(i, j)``."""


def embed_shard(
    corpus: Corpus | CorpusPart,
    target: str | os.PathLike[str],
    *,
    embedder: Embedder | str | os.PathLike[str] | None = None,
    precision: str | None = None,
    token_vectors: bool = True,
    fields: FieldNames | None = None,
    include: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
    known: Known | None = None,
    progress: ReportProgress | None = None,
) -> ShardReport:
    """Split and embed articles, and write them to a shard: a Parquet file.

    If the shard is already what it would become, nothing is done. It appears as a whole when it is complete, so that
    this can be called anywhere, by any number of processes, and again wherever one of them was killed.

    Args:
        corpus: What :func:`~semsearch.build_index` takes: of files the shard holds all articles. Or a
            :class:`~semsearch.building.CorpusPart`.
        target: The shard's file; what is there is replaced.
        embedder: As for :func:`~semsearch.build_index`; without it :data:`~semsearch.DEFAULT_MODEL`.
        precision: As there.
        token_vectors: As there.
        fields: As there.
        include: As there.
        exclude: As there.
        known: What need not be embedded again.
        progress: Called now and then with a :class:`~semsearch.Progress`.

    Returns:
        What was done. A corpus without an article gives a shard without one.

    Raises:
        CorpusError: If two articles have one id, the corpus does not exist, or pyarrow is not installed.
        IndexWriteError: If the shard cannot be written.
        ModelNotFoundError: If the model is not on this machine.
        ValueError: If there is no such precision, or a pattern is none.
    """
    started = time.monotonic()
    report, names = progress or silent, fields or FieldNames()
    globs = globs_of(include, exclude) or FileGlobs()
    require_pyarrow()
    if isinstance(corpus, str | os.PathLike):
        require_sources(corpus)
    report(Progress("loading the model"))
    model = resolve_embedder(embedder, precision)
    with_tokens = token_vectors and gives_tokens(model)
    log = ReadingLog()
    inputs = _inputs(corpus, log, names, globs)
    asked = _Asked(names, globs, with_tokens)
    before = _info_of(Path(target))
    if before is not None and _is_as_asked(before, asked.source(inputs, now=True), model, with_tokens=with_tokens):
        return _report(target, before, model, started, _said_before(target, before), ReadingLog(), embedded=None)
    codec = TokenCodec.create(model.spec.dimension) if with_tokens else None
    if known is not None and with_tokens:
        codec = known.codec or codec
        known = known if known.codec is not None else None
    embedded = 0
    with ShardWriter(
        target,
        embedder=model.spec,
        precision=getattr(model, "precision", None),
        target_tokens=TARGET_TOKENS,
        rotation=None if codec is None else codec.rotation,
    ) as shard:
        articles = chain.from_iterable(each.articles for each in inputs)
        for batch, count in embedded_batches(articles, model, codec, log, report, known=known):
            shard.add(batch)
            embedded += count
        info = shard.close(asked.source(inputs, now=False), problems=log.problems, notes=len(log.notes))
    return _report(target, info, model, started, tuple(log.problems), log, embedded=embedded)


def resolve_embedder(embedder: Embedder | str | os.PathLike[str] | None, precision: str | None) -> Embedder:
    """Load what was asked for, else the default.

    Raises:
        ModelNotFoundError: If it is not on this machine.
        SemsearchError: If it reads too little.
        ValueError: If it is given, and a precision too.
    """
    if embedder is None or isinstance(embedder, str | os.PathLike):
        embedder = load_embedder(DEFAULT_MODEL if embedder is None else embedder, precision=precision)
    elif precision is not None:
        raise ValueError("an embedder that is given has its precision: name the model instead, or load it with one")
    if embedder.spec.max_tokens < 1:
        raise SemsearchError(f"{embedder.spec.name} reads {embedder.spec.max_tokens} tokens: too few for a passage")
    return embedder


# --- what goes in -----------------------------------------------------------------------------------------------


def _inputs(corpus: Corpus | CorpusPart, log: ReadingLog, fields: FieldNames, globs: FileGlobs) -> list[Portion]:
    """Return what the corpus holds: files that are not read yet, and the articles that a program has in hand."""
    if isinstance(corpus, CorpusPart):
        return [Portion(corpus.articles)]
    found = []
    for portion in portions(corpus, log, {}, fields=fields, globs=globs):
        is_read_again = portion.file is not None and portion.file.digest_now() is not None
        found.append(portion if is_read_again else Portion(tuple(portion.articles)))
    return found


class _Asked(NamedTuple):
    """What a shard depends on besides its articles and its embedder."""

    fields: FieldNames
    globs: FileGlobs
    token_vectors: bool

    def source(self, inputs: Sequence[Portion], *, now: bool) -> str:
        """Identify what a shard is made of: the bytes of files as they are ``now``, or as they were read."""
        digest = hashlib.blake2b(digest_size=_DIGEST)
        about = [asdict(self.fields), asdict(self.globs), self.token_vectors, TARGET_TOKENS, MOST_PASSAGES]
        digest.update(json.dumps(about, sort_keys=True).encode())
        for portion in inputs:
            file = portion.file
            if file is not None:
                content = file.digest_now() if now else file.digest
                _add(digest, b"file", file.origin.id.encode("utf-8", "surrogatepass"), content or b"unknown")
                continue
            for place, article in portion.articles:
                _add(digest, b"article", place.encode("utf-8", "surrogatepass"), _digest_of(article))
        return digest.hexdigest()


def _add(digest: hashlib.blake2b, *values: bytes) -> None:
    for value in values:
        digest.update(b"%d:%b" % (len(value), value))


def _digest_of(article: Article) -> bytes:
    try:
        return content_digest(article)
    except ValueError:  # it cannot be stored, which is said later
        return article.id.encode()


def _info_of(target: Path) -> ShardInfo | None:
    try:
        return read_shard_info(target)
    except CorpusError:  # none yet, or one that is to be replaced because it is damaged
        return None


def _is_as_asked(before: ShardInfo, source: str, embedder: Embedder, *, with_tokens: bool) -> bool:
    return (
        before.source == source
        and before.embedder == embedder.spec
        and before.precision == getattr(embedder, "precision", None)
        and before.target_tokens == TARGET_TOKENS
        and before.written_by == __version__
        and (before.rotation is not None) == with_tokens
    )


# --- articles to batches ----------------------------------------------------------------------------------------


def embedded_batches(
    articles: Iterable[Located],
    embedder: Embedder,
    codec: TokenCodec | None,
    log: ReadingLog,
    report: ReportProgress,
    *,
    known: Known | None = None,
) -> Iterator[tuple[Batch, int]]:
    """Split and embed articles, in portions whose rows count from 0, in their order.

    Args:
        articles: The articles.
        embedder: What embeds them.
        codec: What codes their tokens; None if they are not kept.
        log: Takes those that cannot be stored.
        report: Is told how many passages are embedded.
        known: Has what need not be embedded again; its codec is ``codec``.

    Yields:
        Batches, and how many passages of each were embedded now.

    Raises:
        CorpusError: If two articles have one id.
    """
    encoder, done, row = Encoder(embedder, codec), 0, 0
    for portion in _portions(_split_all(articles, embedder, log)):
        batch, count = _embed(portion, encoder, row, known)
        row += len(portion)
        done += len(batch.rows)
        report(Progress("embedding passages", done))
        yield batch, count


class _Article(NamedTuple):
    """An article that was split."""

    place: str
    article: Article
    digest: bytes
    split: Split


def _split_all(articles: Iterable[Located], embedder: Embedder, log: ReadingLog) -> Iterator[_Article]:
    """Split articles; what cannot be stored is logged."""
    seen: dict[bytes, str] = {}  # hashes of ids take less than these
    json_valid = sqlite3.connect(":memory:")
    try:
        for place, article in articles:
            key = hashlib.blake2b(article.id.encode(), digest_size=_DIGEST).digest()
            if key in seen:
                raise twice(place, article.id, seen[key])
            try:
                digest = _require_storable(article, json_valid)
                split = split_for(article, embedder)
                if len(split.passages) > MOST_PASSAGES:
                    raise ValueError(f"has {len(split.passages):,} passages: {MOST_PASSAGES:,} are the most of one")
            except ValueError as error:
                log.problem(place, str(error))
                continue
            seen[key] = place
            yield _Article(place, article, digest, split)
    finally:
        json_valid.close()


def _require_storable(article: Article, json_valid: sqlite3.Connection) -> bytes:
    """Return what identifies an article. Raises a ValueError if it would not come back from a shard as it is."""
    digest = content_digest(article)
    metadata = json.dumps(dict(article.metadata), ensure_ascii=False)
    if not json_valid.execute("SELECT json_valid(?)", (metadata,)).fetchone()[0]:
        raise ValueError(f"the metadata of article {article.id!r} is not JSON (nested too deeply)")
    back = Article(
        article.id, article.text, article.title, article.published, article.source, article.url, json.loads(metadata)
    )
    if content_digest(back) != digest:
        raise ValueError(f"the metadata of article {article.id!r} has two fields of one name")
    return digest


def _portions(articles: Iterable[_Article]) -> Iterator[list[_Article]]:
    """Yield articles in portions of at least so many passages as are embedded together."""
    portion: list[_Article] = []
    count = 0
    for article in articles:
        portion.append(article)
        count += len(article.split.passages)
        if count >= SHARD:
            yield portion
            portion, count = [], 0
    if portion:
        yield portion


def _embed(portion: Sequence[_Article], encoder: Encoder, row: int, known: Known | None) -> tuple[Batch, int]:
    counts = [len(each.split.passages) for each in portion]
    starts = np.cumsum(counts) - counts
    total = sum(counts)
    vectors = np.zeros((total, encoder.dimension), dtype=np.float16)
    codes: list[NDArray[np.uint8]] = [NO_CODES] * total
    texts = dict(enumerate(chain.from_iterable(each.split.texts for each in portion)))
    if known is not None:
        wanted = [Unembedded(each.article.id, each.digest, each.split.keys) for each in portion]
        for (article, passage), (vector, own) in known.take(wanted).items():
            at = int(starts[article]) + passage
            vectors[at], codes[at] = vector, own
            del texts[at]
    embedded = sum(encode_into(texts, encoder, vectors, codes))
    entries = [
        EngineArticle(
            row + number,
            each.article,
            each.place,
            each.digest,
            len(each.split.passages),
            each.split.tokens,
            each.split.truncated,
            mean_direction(vectors[start : start + len(each.split.passages)]),
        )
        for number, (each, start) in enumerate(zip(portion, starts.tolist(), strict=True))
    ]
    passages = [passage for each in portion for passage in each.split.passages]
    keys = b"".join(key for each in portion for key in each.split.keys)
    batch = Batch(
        articles=entries,
        rows=np.concatenate([first_passage(entry.row) + np.arange(entry.passages) for entry in entries]),
        paragraphs=np.array([passage.paragraph for passage in passages], dtype=np.int64),
        starts=np.array([passage.start for passage in passages], dtype=np.int64),
        ends=np.array([passage.end for passage in passages], dtype=np.int64),
        keys=np.frombuffer(keys, dtype=np.uint8).reshape(total, -1),
        vectors=vectors,
        codes=codes,
    )
    return batch, embedded


# --- what is said -----------------------------------------------------------------------------------------------


def _said_before(target: str | os.PathLike[str], info: ShardInfo) -> tuple[CorpusError, ...]:
    problems = [CorpusError(place, reason) for place, reason in info.shown]
    more = info.problems - len(problems)
    if more > 0:
        problems.append(CorpusError(os.fspath(target), f"there were {more:,} more problems when it was made"))
    return tuple(problems)


def _report(
    target: str | os.PathLike[str],
    info: ShardInfo,
    embedder: Embedder,
    started: float,
    problems: tuple[CorpusError, ...],
    log: ReadingLog,
    *,
    embedded: int | None,
) -> ShardReport:
    return ShardReport(
        shard=os.fspath(target),
        model=embedder.spec.name,
        articles=info.counts.articles,
        passages=info.counts.passages,
        embedded=embedded or 0,
        tokens=info.counts.tokens,
        truncated_tokens=info.counts.truncated_tokens,
        problems=problems,
        notes=tuple(log.notes),
        ignored=dict(log.ignored),
        bytes=Path(target).stat().st_size,
        seconds=time.monotonic() - started,
        unchanged=embedded is None,
        languages=info.languages,
    )
