"""How far a corpus and its index are apart, without building anything."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from semsearch.addresses import is_address
from semsearch.building._corpus import globs_of
from semsearch.errors import CorpusError
from semsearch.readers import Located, ReadingLog, corpus_files, require_sources
from semsearch.records import FieldNames
from semsearch.storage import Archive, Manifest, content_digest, open_generation

__all__ = ["CorpusDrift", "compare_corpus"]

_Verdict = Literal["new", "changed", "unchanged"]


@dataclass(frozen=True, slots=True)
class CorpusDrift:
    """What a rebuild would change. Files are named as articles' ids are, by their paths in the corpus, and sorted.

    Attributes:
        new: Files whose articles are not in the index.
        changed: Files of which articles are in the index as they were before.
        vanished: Files that the index has, and the corpus has not; of a file that was read with a problem or a note,
            the ids of such articles.
        unchanged: How many files are as they were.
        problems: What cannot be read.
    """

    new: tuple[str, ...]
    changed: tuple[str, ...]
    vanished: tuple[str, ...]
    unchanged: int
    problems: tuple[CorpusError, ...]

    def __bool__(self) -> bool:
        """Whether there is anything to rebuild."""
        return bool(self.new or self.changed or self.vanished)


def compare_corpus(
    corpus: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    index: str | os.PathLike[str] = "index",
    *,
    fields: FieldNames | None = None,
    include: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
) -> CorpusDrift:
    """Compare the files of a corpus with what the index has of them: by their bytes, whatever their dates say.

    Args:
        corpus: The folder, file or glob that the index was built of, or several.
        index: The index's folder, or its address in an engine.
        fields: What the columns of records are called. Without it, as when the index was built.
        include: Patterns of the files that are wanted, as :func:`build_index` has them.
        exclude: Patterns of files that are not. Without both, as when the index was built.

    Raises:
        CorpusError: If the corpus does not exist.
        IndexNotFoundError: If there is no index.
        IndexCorruptError: If a file of it is missing or damaged.
        ValueError: If a pattern is none.
    """
    asked = globs_of(include, exclude)
    sources = [corpus] if isinstance(corpus, str | os.PathLike) else list(corpus)
    require_sources(*sources)
    log = ReadingLog()
    verdicts: dict[_Verdict, list[str]] = {"new": [], "changed": [], "unchanged": []}
    with _indexed(index) as indexed:
        fields = indexed.manifest.fields if fields is None else fields
        globs = indexed.manifest.globs if asked is None else asked
        for file in corpus_files(*sources, log=log, fields=fields, globs=globs):
            before = indexed.files.pop(file.origin.id, None)
            if before is not None:
                verdict: _Verdict | None = "unchanged" if before == file.digest_now() else "changed"
            else:
                verdict = indexed.compare(file.read(log))
            if verdict is not None:
                verdicts[verdict].append(file.origin.id)
        vanished = (*indexed.files, *indexed.left())
    return CorpusDrift(
        new=tuple(sorted(verdicts["new"])),
        changed=tuple(sorted(verdicts["changed"])),
        vanished=tuple(sorted(vanished)),
        unchanged=len(verdicts["unchanged"]),
        problems=tuple(log.problems),
    )


@contextlib.contextmanager
def _indexed(index: str | os.PathLike[str]) -> Iterator[_Indexed]:
    """Give what an index knows of its corpus."""
    if not is_address(index):
        with contextlib.closing(open_generation(Path(index))) as generation:
            yield _of_archive(generation.manifest, generation.archive)
        return
    from semsearch.engines import open_engine
    from semsearch.engines.state import read_manifest

    with contextlib.closing(open_engine(os.fspath(index))) as engine:
        live = engine.live()
        yield _Indexed(read_manifest(live), {}, {id: found.digest for id, found in live.entries()})  # noqa: A001


def _of_archive(manifest: Manifest, archive: Archive) -> _Indexed:
    files, known = archive.files().values(), archive.known
    digests = dict(zip(known.ids, known.digests, strict=True))
    in_files = [known.ids[row] for file in files for row in range(file.first, file.first + file.articles)]
    return _Indexed(manifest, {file.id: file.digest for file in files}, digests, in_files)


class _Indexed:
    """What an index knows of its corpus.

    Attributes:
        manifest: What the index is.
        files: The digests of files that were read without a problem or a note; an engine keeps none.
    """

    def __init__(
        self, manifest: Manifest, files: dict[str, bytes], digests: Mapping[str, bytes], in_files: Iterable[str] = ()
    ) -> None:
        """Take the digests of all articles, by their ids, and the ids of those that are in the files."""
        self.manifest = manifest
        self.files = files
        self._digests = digests
        self._left = dict.fromkeys(digests)
        for article in in_files:
            self._left.pop(article, None)

    def compare(self, articles: Iterable[Located]) -> _Verdict | None:
        """Compare the articles of a file with those that are in the index; None if it has none."""
        verdicts: set[_Verdict] = set()
        for _, article in articles:
            digest = self._digests.get(article.id)
            self._left.pop(article.id, None)
            with contextlib.suppress(ValueError):  # its metadata is not JSON: no build takes it
                same: _Verdict = "unchanged" if digest == content_digest(article) else "changed"
                verdicts.add("new" if digest is None else same)
        if len(verdicts) > 1:
            return "changed"
        return verdicts.pop() if verdicts else None

    def left(self) -> Iterable[str]:
        """Return the ids of articles that were in no file."""
        return self._left
