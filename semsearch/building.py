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
from semsearch.embedders import DEFAULT_MODEL, Embedder, TokenEmbedder, load_embedder
from semsearch.errors import CorpusError, ModelNotFoundError, SemsearchError
from semsearch.lexical import LexicalIndex
from semsearch.passages import TARGET_TOKENS, article_context, readable, split_article
from semsearch.readers import Located, ReadingLog, read_located, require_sources
from semsearch.records import Article, Progress, ReportProgress
from semsearch.storage import (
    Archive,
    Generation,
    GenerationWriter,
    Manifest,
    last_manifest,
    open_generation,
    write_generation,
)
from semsearch.tokens import TokenCodec

__all__ = ["BuildReport", "build_index"]

_LEAST_TOKENS = 1  # what a model must read at least
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
    token_vectors: bool | None = None,
    progress: ReportProgress | None = None,
) -> BuildReport:
    """Build the index of a corpus, in place of the one that is in ``index`` until then.

    The old index answers until the new one is complete, and stays if anything fails.

    Args:
        corpus: A folder, file or glob, or several; or articles, which are consumed once.
        index: The index's folder; made if it is not there.
        embedder: An :class:`~semsearch.Embedder`, or the name or folder of a sentence-transformers model. Without it
            the model of the index that is there, or :data:`~semsearch.DEFAULT_MODEL`.
        token_vectors: Whether to keep the vectors of tokens (96 bytes a token of the default model), which are most of
            an index. Without them late interaction embeds the likeliest candidates when a question is asked. If it is
            None it is as in the index that is there, or True.
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
    if isinstance(corpus, str | os.PathLike):
        require_sources(corpus)  # what is not there is said before anything takes long
    with write_generation(folder) as writer:
        report(Progress("loading the model"))
        last = last_manifest(folder)
        embedder = _resolve_embedder(embedder, folder, last)
        if token_vectors is None:
            token_vectors = last is None or last.token_vectors
        with_tokens = token_vectors and _gives_tokens(embedder)
        if embedder.spec.max_tokens < _LEAST_TOKENS:
            raise SemsearchError(f"{embedder.spec.name} reads {embedder.spec.max_tokens} tokens: too few for a passage")
        tokens = _write_passages(_located(corpus, log), writer, embedder, log, report)
        if writer.archive.passages == 0:
            raise _nothing_to_index(corpus, log)
        with contextlib.closing(writer.read_archive()) as archive:
            with _live_generation(folder, embedder, with_tokens) as before:
                sink = _TokenSink(writer, embedder) if with_tokens else _NoTokens(embedder)
                embeddings, embedded = _embed(archive, writer, before, embedder, sink, report)
            report(Progress("writing the index"))
            _write_lexical(archive, writer, writer.archive.passages)
        dense = DenseIndex.build(embeddings)
        _require(len(dense) == writer.archive.passages, "the dense index has a row for each passage")
        writer.write_dense(dense.to_bytes())
        manifest = writer.commit(
            embedder=embedder.spec,
            target_tokens=TARGET_TOKENS,
            token_vectors=token_vectors,
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


def _resolve_embedder(
    embedder: Embedder | str | os.PathLike[str] | None, index: Path, last: Manifest | None
) -> Embedder:
    """Load what was asked for, else the model of the index that is there, else the default."""
    if embedder is None:
        name = DEFAULT_MODEL if last is None else last.embedder.name
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
    if isinstance(corpus, list | tuple) and corpus and all(isinstance(entry, str | os.PathLike) for entry in corpus):
        yield from read_located(*corpus, log=log)  # together, so that equal names in two folders are told apart
        return
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
        for tokens in embedder.count_tokens([readable(text) for text in texts]):
            indexed += tokens
            truncated += max(0, tokens - limit)
        report(Progress("reading articles", writer.archive.articles))
    return _Tokens(indexed, truncated)


def _context(article: Article, embedder: Embedder) -> str:
    return article_context(article, embedder.count_tokens, limit=embedder.spec.max_tokens)


def _key(text: str) -> bytes:
    """Identify what is embedded; with the embedder's fingerprint it identifies the vector."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


@contextlib.contextmanager
def _live_generation(index: Path, embedder: Embedder, with_tokens: bool) -> Iterator[Generation | None]:  # noqa: FBT001
    """Give the generation whose vectors can be taken over: the live one, if the same embedder made it."""
    try:
        before = open_generation(index)
    except SemsearchError:  # none yet, or one that this build is to replace because it is damaged
        yield None
        return
    with contextlib.closing(before):
        usable = before.manifest.embedder.fingerprint == embedder.spec.fingerprint
        usable = usable and (before.tokens is not None or not with_tokens)
        yield before if usable else None


def _unchanged(archive: Archive, before: Generation | None) -> NDArray[np.int64]:
    """Return ``(n,)`` int64: for each passage its row in the generation before, -1 if it was not in it."""
    rows = {} if before is None else {key: row for row, key in enumerate(before.archive.passage_keys())}
    return np.fromiter((rows.get(key, -1) for key in archive.passage_keys()), dtype=np.int64)


def _embed(
    archive: Archive,
    writer: GenerationWriter,
    before: Generation | None,
    embedder: Embedder,
    tokens: _TokenSink | _NoTokens,
    report: ReportProgress,
) -> tuple[NDArray[np.float16], int]:
    """Fill the files of vectors and of tokens. Returns the vectors, and how many passages were embedded now."""
    embeddings = writer.create_embeddings(embedder.spec.dimension)
    old_rows = _unchanged(archive, before)
    total, done = int((old_rows < 0).sum()), 0
    report(Progress("embedding passages", done, total))
    with tokens as sink:
        for shard in _parts(list(range(len(old_rows))), _SHARD):
            texts = _texts(archive, [row for row in shard if old_rows[row] < 0], embedder)
            for row in shard:
                if before is not None and old_rows[row] >= 0:
                    embeddings[row] = before.embeddings[old_rows[row]]
                    sink.copy(row, before, int(old_rows[row]))
            # Texts of one length are padded least when they are embedded together.
            for step in _parts(sorted(texts, key=lambda row: len(texts[row])), _STEP):
                vectors = sink.embed(step, [texts[row] for row in step])
                expected = (len(step), embeddings.shape[1])
                _require(
                    vectors.shape == expected,
                    f"the embedder returns {expected} for {len(step)} texts, not {vectors.shape}",
                )
                try:
                    embeddings[step] = unit_rows(vectors)
                except ValueError as error:
                    raise SemsearchError(f"{error} of this batch, {texts[step[0]][:60]!r} first") from None
                done += len(step)
                report(Progress("embedding passages", done, total))
            sink.write(shard)
    return embeddings, done


def _texts(archive: Archive, rows: list[int], embedder: Embedder) -> dict[int, str]:
    """Return what is embedded for each of these passages: the title's line and the passage."""
    contexts: dict[str, str] = {}
    texts = {}
    for row, (passage, article) in archive.passages(rows).items():
        if article.id not in contexts:
            contexts[article.id] = _context(article, embedder)
        texts[row] = readable(contexts[article.id] + passage.text)
    return texts


def _gives_tokens(embedder: Embedder) -> bool:
    """Whether the tokens of this embedder can be stored: four components of a vector are one byte."""
    return isinstance(embedder, TokenEmbedder) and embedder.spec.dimension % 4 == 0


class _NoTokens:
    """Embeds passages, and keeps nothing of their tokens."""

    def __init__(self, embedder: Embedder) -> None:
        self.embed_passages = embedder.embed_passages

    def __enter__(self) -> _NoTokens:  # noqa: PYI034
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was opened."""

    def embed(self, rows: list[int], texts: list[str]) -> NDArray[np.float32]:  # noqa: ARG002
        """Return the passages' vectors."""
        return self.embed_passages(texts)

    def copy(self, row: int, before: Generation, old_row: int) -> None:
        """Take over nothing."""

    def write(self, rows: list[int]) -> None:
        """Write nothing."""


class _TokenSink:
    """Embeds passages, and writes their tokens in the order of the rows."""

    def __init__(self, writer: GenerationWriter, embedder: Embedder) -> None:
        assert isinstance(embedder, TokenEmbedder)  # noqa: S101 - for the type checker
        self._writer = writer
        self._embedder = embedder
        self._codec = TokenCodec.create(embedder.spec.dimension)
        self._stream = writer.create_tokens()
        self._codes: dict[int, NDArray[np.uint8]] = {}
        self._lengths: list[int] = []

    def __enter__(self) -> _TokenSink:  # noqa: PYI034
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._stream.close()
        if kind is None:
            self._writer.write_token_starts(self._lengths, self._codec.rotation)

    def embed(self, rows: list[int], texts: list[str]) -> NDArray[np.float32]:
        """Return the passages' vectors, and keep the codes of their tokens."""
        vectors, tokens = self._embedder.embed_passages_with_tokens(texts)
        codes = self._codec.encode(np.concatenate(tokens))
        for row, part in zip(rows, np.split(codes, np.cumsum([len(t) for t in tokens])[:-1]), strict=True):
            self._codes[row] = part
        return vectors

    def copy(self, row: int, before: Generation, old_row: int) -> None:
        """Take over the tokens of a passage that has not changed."""
        assert before.tokens is not None  # noqa: S101 - for the type checker
        self._codes[row] = before.tokens.codes_of(old_row)

    def write(self, rows: list[int]) -> None:
        """Write the codes of these passages, which come next."""
        for row in rows:
            codes = self._codes.pop(row)
            self._lengths.append(len(codes))
            self._stream.write(np.ascontiguousarray(codes).data)


def _write_lexical(archive: Archive, writer: GenerationWriter, passages: int) -> None:
    """Index the words of articles and of passages, each with its title."""
    LexicalIndex.build(
        writer.lexical_folder / "articles", (f"{title}\n{text}" for title, text in archive.titles_and_texts())
    )
    LexicalIndex.build(
        writer.lexical_folder / "passages",
        (
            (stored[row].article.title, stored[row].passage.text)
            for shard in _parts(list(range(passages)), _SHARD)
            for stored in (archive.passages(shard),)
            for row in shard
        ),
        phrases=True,
    )


def _parts(rows: list[int], size: int) -> Iterator[list[int]]:
    remaining = iter(rows)
    while part := list(islice(remaining, size)):
        yield part
