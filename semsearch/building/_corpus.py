"""What a corpus is given as, to portions of articles: each a file, or what a program has in hand."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from semsearch.errors import CorpusError
from semsearch.readers import Choice, CorpusFile, Located, ReadingLog, corpus_files
from semsearch.readers.tables.objects import Frame, RowReader, articles_of_mappings, articles_of_table, table_of
from semsearch.records import Article, FieldNames, FileGlobs
from semsearch.storage import ReadFile

__all__ = ["Corpus", "Portion", "globs_of", "nothing_to_index", "portions"]


Corpus = (
    str
    | os.PathLike[str]
    | Iterable[str | os.PathLike[str]]
    | Iterable[Article]
    | Iterable[Mapping[str, Any]]
    | Frame
    | RowReader
)
"""What articles are read from."""


@dataclass(frozen=True, slots=True)
class Portion:
    """Articles that were read together.

    Attributes:
        articles: The articles, to be read once; none where ``known`` says which they are.
        file: The file that they are read from, if they are.
        known: What is known of this file, if it has not changed since.
    """

    articles: Iterable[Located]
    file: CorpusFile | None = None
    known: ReadFile | None = None


def portions(
    corpus: object,
    log: ReadingLog,
    known: Mapping[str, ReadFile],
    *,
    fields: FieldNames,
    globs: FileGlobs = FileGlobs(),  # noqa: B008 - it is frozen
    folders: Collection[str] = (),
) -> Iterator[Portion]:
    """Yield what the corpus holds, whatever it is given as.

    Args:
        corpus: A path, an iterable of paths, one of articles or dicts, or a table.
        log: Takes what could not be read.
        known: Files that were read before, by their places.
        fields: What columns are called.
        globs: Which files of folders are wanted.
        folders: What the ids of files in them are relative to, whatever is named of the corpus.
    """
    if isinstance(corpus, str | os.PathLike):
        yield from _of_files([corpus], log, known, fields, globs, folders)
        return
    table = table_of(corpus)
    if table is not None:
        yield Portion(articles_of_table(table, fields, log))
        return
    if not isinstance(corpus, Iterable):
        raise TypeError(f"a corpus is a path, a table or an iterable of articles, not {type(corpus).__name__}")
    if isinstance(corpus, list | tuple) and corpus and all(isinstance(entry, str | os.PathLike) for entry in corpus):
        # Together, so that equal names in two folders are told apart.
        yield from _of_files(corpus, log, known, fields, globs, folders)
        return
    for kind, entries in groupby(enumerate(corpus), key=_kind):
        if kind is Article:
            yield Portion(Located(f"articles[{number}]", article) for number, article in entries)
        elif kind is Mapping:
            yield Portion(articles_of_mappings(entries, fields, log))
        else:
            for _, path in entries:
                yield from _of_files([path], log, known, fields, globs, folders)


def _kind(entry: tuple[int, object]) -> object:
    """Return what kind of thing an entry of a corpus is."""
    number, given = entry
    for kind in (Article, Mapping):
        if isinstance(given, kind):
            return kind
    if isinstance(given, str | os.PathLike):
        return os.PathLike
    raise TypeError(f"entry {number} of the corpus is {type(given).__name__}, not an Article, a dict or a path")


def _of_files(
    sources: Iterable[str | os.PathLike[str]],
    log: ReadingLog,
    known: Mapping[str, ReadFile],
    fields: FieldNames,
    globs: FileGlobs,
    folders: Collection[str],
) -> Iterator[Portion]:
    for file in corpus_files(*sources, log=log, fields=fields, globs=globs):
        folder = max((folder for folder in folders if file.origin.place.startswith(folder)), key=len, default=None)
        if folder is not None:
            file.origin = file.origin._replace(id=file.origin.place.removeprefix(folder))
        before = known.get(file.origin.place)
        if before is not None and before.id == file.origin.id and before.digest == file.digest_now():
            yield Portion([], file, before)
        else:
            yield Portion(file.read(log), file)


def globs_of(include: Iterable[str] | None, exclude: Iterable[str] | None) -> FileGlobs | None:
    """Return the patterns that are asked for, None if none are spoken of.

    Raises:
        ValueError: If one is none.
    """
    if include is None and exclude is None:
        return None
    globs = FileGlobs(tuple(include or ()), tuple(exclude or ()))
    Choice(globs)  # so that it is said at once
    return globs


def nothing_to_index(corpus: object, log: ReadingLog) -> CorpusError:
    """Return the error that says why no article was found."""
    place = os.fspath(corpus) if isinstance(corpus, str | os.PathLike) else "the corpus"
    if log.problems:
        more = f" (and {len(log.problems) - 1} more)" if len(log.problems) > 1 else ""
        return CorpusError(place, f"nothing in it can be indexed: {log.problems[0]}{more}")
    others = ", ".join(f"{count} {suffix}" for suffix, count in log.ignored.most_common(5))
    return CorpusError(
        place, "there is no article in it" + (f", only files that are not read: {others}" if others else "")
    )
