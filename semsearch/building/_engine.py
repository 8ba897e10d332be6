"""The rebuild and the update of an index in an engine.

A rebuild embeds the corpus into shards beside the cache of models, which a build that was killed finds again, and loads
them into a new version. An update puts articles into the live version, and says before each step what it is about to
do, so that the next one can finish it.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from semsearch._version import __version__
from semsearch.addresses import shown
from semsearch.building._articles import context_of, key_of, twice
from semsearch.building._corpus import Corpus, Portion, portions
from semsearch.building._corpus_shards import embed_corpus
from semsearch.building._loading import load_into, trying_again, unless_damaged
from semsearch.building._report import BuildReport, report_of
from semsearch.building._shards import Unembedded, embedded_batches
from semsearch.embedders import Embedder, cache_folder
from semsearch.engines import Batch, Collection, Engine, EngineArticle, first_passage, metadata_names, open_engine
from semsearch.engines.state import (
    Unfinished,
    read_codec,
    read_field_names,
    read_manifest,
    read_next_article,
    read_unfinished,
    write_field_names,
    write_manifest,
    write_next_article,
    write_unfinished,
)
from semsearch.errors import CorpusError, IndexLockedError, IndexNotFoundError, IndexWriteError
from semsearch.passages import TARGET_TOKENS
from semsearch.readers import Located, ReadingLog
from semsearch.records import FieldNames, FileGlobs, Progress, ReportProgress
from semsearch.shards import SUFFIX, ShardWriter, read_shard
from semsearch.storage import Counts, Manifest, content_digest
from semsearch.storage._files import make_folder
from semsearch.storage.lock import writer_lock
from semsearch.tokens import TokenCodec

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["rebuild_in_engine", "update_in_engine"]

_AT_ONCE = 500  # articles that are looked up together


class Kept(NamedTuple):
    """What an index keeps of how it was built, so that a rebuild does it again."""

    token_vectors: bool
    fields: FieldNames
    globs: FileGlobs


ChooseEmbedder = Callable[[Manifest | None], Embedder]
"""Gives the embedder, told what the live version is; None if there is none."""


def rebuild_in_engine(
    corpus: Corpus,
    address: str,
    *,
    choose: ChooseEmbedder,
    keeps: Callable[[Manifest | None], Kept],
    report: ReportProgress,
) -> BuildReport:
    """Build a version of a corpus and make it the live one.

    Args:
        corpus: As for :func:`~semsearch.build_index`.
        address: The index's address.
        choose: Gives the embedder.
        keeps: Gives what the index keeps, told likewise.
        report: Is told how far it is.
    """
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        engine = stack.enter_context(contextlib.closing(open_engine(address)))
        stack.enter_context(engine.lock())
        live = _live(engine)
        last = None if live is None else unless_damaged(partial(read_manifest, live))
        report(Progress("loading the model"))
        embedder, kept = choose(last), keeps(last)
        known = None
        if live is not None and last is not None:
            known = unless_damaged(partial(_EmbeddedBefore.of, live, last, embedder))
        folder = stack.enter_context(_staging(address))
        shards = embed_corpus(
            corpus,
            folder,
            embedder=embedder,
            token_vectors=kept.token_vectors,
            fields=kept.fields,
            include=kept.globs.include,
            exclude=kept.globs.exclude,
            known=known,
            progress=report,
        )
        if live is not None and last is not None and known is not None and known.is_all(shards.articles, kept):
            version, manifest, unchanged = live.name, last, True
        else:
            version, manifest = load_into(
                engine,
                folder,
                fields=kept.fields,
                globs=kept.globs,
                token_vectors=kept.token_vectors,
                report=report,
            )
            unchanged = False
        shutil.rmtree(folder, ignore_errors=True)
    log = ReadingLog()
    log.problems, log.notes = list(shards.problems), list(shards.notes)
    log.ignored.update(shards.ignored)
    return report_of(shown(address), version, manifest, log, started, embedded=shards.embedded, unchanged=unchanged)


def _live(engine: Engine) -> Collection | None:
    try:
        return engine.live()
    except IndexNotFoundError:
        return None


@contextlib.contextmanager
def _staging(address: str) -> Iterator[Path]:
    """Give the folder of the shards that are made for an index: the one that a build which was killed left.

    Where the cache cannot be written, or another process uses that folder (an address may mean another server there),
    it is a new one, which goes with this build.
    """
    place = cache_folder() / "shards" / hashlib.blake2b(shown(address).encode(), digest_size=16).hexdigest()
    with contextlib.ExitStack() as stack:
        try:
            make_folder(place)
            stack.enter_context(writer_lock(place))
            folder = place / "shards"
        except (IndexLockedError, IndexWriteError):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield folder


class _EmbeddedBefore:
    """The passages of a version in an engine: those that are the same need not be embedded again."""

    def __init__(self, version: Collection, manifest: Manifest, embedder: Embedder, codec: TokenCodec | None) -> None:
        self.codec = codec
        self._version = version
        self._manifest = manifest
        self._embedder = embedder
        self._unchanged = 0

    @classmethod
    def of(cls, version: Collection, manifest: Manifest, embedder: Embedder) -> _EmbeddedBefore | None:
        """Return them, if they were embedded and split as they would be now; else None."""
        precision = getattr(embedder, "precision", None)
        alike = (manifest.embedder, manifest.precision, manifest.target_tokens, manifest.written_by)
        if alike != (embedder.spec, precision, TARGET_TOKENS, __version__):
            return None
        return cls(version, manifest, embedder, read_codec(version))

    def take(
        self, articles: Sequence[Unembedded]
    ) -> Mapping[tuple[int, int], tuple[NDArray[np.float16], NDArray[np.uint8]]]:
        """Return the vectors and the codes of passages that were embedded: see :class:`_shards.Known`."""
        return unless_damaged(lambda: self._take(articles)) or {}

    def _take(
        self, articles: Sequence[Unembedded]
    ) -> dict[tuple[int, int], tuple[NDArray[np.float16], NDArray[np.uint8]]]:
        found = self._version.find([article.id for article in articles])
        before = self._version.articles(sorted({each.row for each in found.values()}))
        numbers = [n for n, article in enumerate(articles) if article.id in found and found[article.id].row in before]
        olds = [before[found[articles[number].id].row] for number in numbers]
        if not olds:
            return {}
        rows = [first_passage(old.row) + np.arange(old.passages, dtype=np.int64) for old in olds]
        stored = self._version.passages(np.concatenate(rows), codes=self.codec is not None)
        taken = {}
        first = unchanged = 0
        for number, old in zip(numbers, olds, strict=True):
            article, own = articles[number], slice(first, first + old.passages)
            first += old.passages
            unchanged += article.digest == old.digest
            context = context_of(old.article, self._embedder)
            ends = zip(stored.starts[own].tolist(), stored.ends[own].tolist(), strict=True)
            places = {key_of(context + old.article.text[start:end]): at for at, (start, end) in enumerate(ends)}
            for passage, key in enumerate(article.keys):
                at = places.get(key)
                if at is not None:
                    taken[number, passage] = (stored.vectors[own][at], stored.codes[own.start + at])
        self._unchanged += unchanged
        return taken

    def is_all(self, articles: int, kept: Kept) -> bool:
        """Whether a version of so many articles would be as this one: each of them was asked for, and is the same."""
        manifest = self._manifest
        same = (manifest.token_vectors, manifest.fields, manifest.globs) == kept
        return same and self._unchanged == articles == manifest.counts.articles


# --- updates ----------------------------------------------------------------------------------------------------


def update_in_engine(
    add: Corpus,
    address: str,
    remove: Sequence[str],
    *,
    choose: Callable[[Manifest], Embedder],
    fields: FieldNames | None,
    globs: FileGlobs | None,
    log: ReadingLog,
    report: ReportProgress,
) -> BuildReport:
    """Put articles into the live version, in the place of those with the same ids, and take others out.

    What is added is embedded before anything is changed. Then it goes in portion by portion: new rows first, then a
    word of which old ones they replace, then these go. So nothing is lost whenever it is killed, and an update begins
    by finishing what the one before left. Where the engine can, all of it is seen at once.
    """
    started = time.monotonic()
    with contextlib.closing(open_engine(address)) as engine, engine.lock():
        live = engine.live()
        report(Progress("loading the model"))
        update = _Update(live)
        manifest = update.manifest
        embedder = choose(manifest)
        added: set[str] = set()
        with tempfile.TemporaryDirectory() as folder:
            shard = Path(folder) / f"update{SUFFIX}"
            read = portions(add, log, {}, fields=fields or manifest.fields, globs=globs or manifest.globs)
            before, codec = _EmbeddedBefore.of(live, manifest, embedder), read_codec(live)
            embedded = _embed(_new_articles(live, read, added, log), shard, before, codec, embedder, log, report)
            report(Progress("writing the index"))
            unwanted = _rows_to_remove(live, [each for each in remove if each not in added], log)
            if len(unwanted) == manifest.counts.articles and not embedded:
                raise CorpusError(shown(address), "no article would be left in it")
            for batch in read_shard(shard, update.next_article):
                update.put(batch)
            update.take_out(unwanted)
        trying_again(live.flush)
    return report_of(
        shown(address), live.name, update.manifest, log, started, embedded=embedded, unchanged=not update.changed
    )


def _rows_to_remove(live: Collection, ids: Sequence[str], log: ReadingLog) -> list[int]:
    """Return the rows of articles; those that are not there are logged."""
    rows = []
    for at in range(0, len(ids), _AT_ONCE):
        some = ids[at : at + _AT_ONCE]
        found = live.find(some)
        rows += [each.row for each in found.values()]
        for article in some:
            if article not in found:
                log.problem(article, "is not in the index: there is nothing to remove")
    return sorted(set(rows))


def _new_articles(live: Collection, read: Iterable[Portion], added: set[str], log: ReadingLog) -> Iterator[Located]:
    """Yield what the live version has not, or has otherwise. The ids of all that was read go into ``added``."""
    articles = (located for portion in read for located in portion.articles)
    while some := list(islice(articles, _AT_ONCE)):
        found = live.find([located.article.id for located in some])
        for located in some:
            if located.article.id in added:
                raise twice(located.place, located.article.id, "another one that is added")
            added.add(located.article.id)
            there = found.get(located.article.id)
            try:
                if there is None or there.digest != content_digest(located.article):
                    yield located
            except ValueError as error:
                log.problem(located.place, str(error))


def _embed(
    articles: Iterable[Located],
    shard: Path,
    before: _EmbeddedBefore | None,
    codec: TokenCodec | None,
    embedder: Embedder,
    log: ReadingLog,
    report: ReportProgress,
) -> int:
    """Write articles to a shard. Returns how many passages were embedded."""
    embedded = 0
    with ShardWriter(
        shard,
        embedder=embedder.spec,
        precision=getattr(embedder, "precision", None),
        target_tokens=TARGET_TOKENS,
        rotation=None if codec is None else codec.rotation,
    ) as writer:
        for batch, count in embedded_batches(articles, embedder, codec, log, report, known=before):
            writer.add(batch)
            embedded += count
        writer.close("an update")
    return embedded


class _Update:
    """Steps that change a version, each of which is finished by the next update if this one does not live to do it.

    Attributes:
        manifest: What the version is.
        next_article: The row of the next article that is put in.
        changed: Whether anything was.
    """

    def __init__(self, version: Collection) -> None:
        """Finish what an update before left."""
        self._version = version
        unfinished = trying_again(lambda: read_unfinished(version))
        if unfinished is not None:
            self._complete(unfinished)
        self.manifest = read_manifest(version)
        self.next_article = read_next_article(version)
        self.changed = False
        self._fields = read_field_names(version)
        rows = [found.row for _, found in version.entries(self.next_article)]  # of which no word was left
        if rows:  # whoever saw them remembers them by these numbers: no other article is given one
            self.next_article = rows[-1] + 1
            for at in range(0, len(rows) - _AT_ONCE, _AT_ONCE):
                self._delete(rows[at : at + _AT_ONCE])
            step = Unfinished(self.next_article, tuple(rows[-_AT_ONCE:]), self.manifest)
            trying_again(lambda: write_unfinished(version, step))
            self._complete(step)

    def put(self, batch: Batch) -> None:
        """Put articles in, in the place of those that have their ids."""
        fields = {name for entry in batch.articles for name in metadata_names(entry.article)}
        if not fields <= self._fields:  # before anybody can find such an article
            self._fields |= fields
            trying_again(lambda: write_field_names(self._version, self._fields))
        found = trying_again(lambda: self._version.find([entry.article.id for entry in batch.articles]))
        trying_again(lambda: self._version.upsert(batch))
        self._step([each.row for each in found.values()], batch.articles)

    def take_out(self, rows: Sequence[int]) -> None:
        """Take articles out."""
        for at in range(0, len(rows), _AT_ONCE):
            self._step(rows[at : at + _AT_ONCE], ())

    def _step(self, old: Sequence[int], new: Sequence[EngineArticle]) -> None:
        gone = trying_again(lambda: self._version.articles(old)).values()
        counts = self.manifest.counts
        manifest = replace(
            self.manifest,
            counts=Counts(
                counts.articles + len(new) - len(gone),
                counts.passages + sum(each.passages for each in new) - sum(each.passages for each in gone),
                counts.tokens + sum(each.tokens for each in new) - sum(each.tokens for each in gone),
                counts.truncated_tokens + sum(each.truncated for each in new) - sum(each.truncated for each in gone),
            ),
        )
        following = new[-1].row + 1 if new else self.next_article
        unfinished = Unfinished(following, tuple(old), manifest)
        trying_again(lambda: write_unfinished(self._version, unfinished))
        self._complete(unfinished)
        self.manifest, self.next_article, self.changed = manifest, following, True

    def _complete(self, step: Unfinished) -> None:
        self._delete(step.delete)
        trying_again(lambda: write_manifest(self._version, step.manifest))
        trying_again(lambda: write_next_article(self._version, step.next_article))
        trying_again(lambda: write_unfinished(self._version, None))

    def _delete(self, rows: Sequence[int]) -> None:
        if rows:
            trying_again(lambda: self._version.delete(rows))
