"""What a corpus is given as, to portions of articles: each a file, or articles of a program."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from semsearch.errors import CorpusError
from semsearch.readers import CorpusFile, Located, ReadingLog, corpus_files
from semsearch.records import Article
from semsearch.storage import ReadFile

__all__ = ["Portion", "nothing_to_index", "portions"]


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
    corpus: object, log: ReadingLog, known: Mapping[str, ReadFile], *, folders: Collection[str] = ()
) -> Iterator[Portion]:
    """Yield what the corpus holds, whatever it is given as.

    Args:
        corpus: A path, an iterable of paths, or one of articles.
        log: Takes what could not be read.
        known: Files that were read before, by their places.
        folders: What the ids of files in them are relative to, whatever is named of the corpus.
    """
    if isinstance(corpus, str | os.PathLike):
        yield from _of_files([corpus], log, known, folders)
        return
    if not isinstance(corpus, Iterable):
        raise TypeError(f"a corpus is a path or an iterable of paths or articles, not {type(corpus).__name__}")
    if isinstance(corpus, list | tuple) and corpus and all(isinstance(entry, str | os.PathLike) for entry in corpus):
        yield from _of_files(corpus, log, known, folders)  # together, so that equal names in two folders are told apart
        return
    for number, entry in enumerate(corpus):
        if isinstance(entry, Article):
            yield Portion([Located(f"articles[{number}]", entry)])
        elif isinstance(entry, str | os.PathLike):
            yield from _of_files([entry], log, known, folders)
        else:
            raise TypeError(f"entry {number} of the corpus is {type(entry).__name__}, not an Article or a path")


def _of_files(
    sources: Iterable[str | os.PathLike[str]],
    log: ReadingLog,
    known: Mapping[str, ReadFile],
    folders: Collection[str],
) -> Iterator[Portion]:
    for file in corpus_files(*sources, log=log):
        folder = max((folder for folder in folders if file.origin.place.startswith(folder)), key=len, default=None)
        if folder is not None:
            file.origin = file.origin._replace(id=file.origin.place.removeprefix(folder))
        before = known.get(file.origin.place)
        if before is not None and before.id == file.origin.id and before.digest == file.digest_now():
            yield Portion([], file, before)
        else:
            yield Portion(file.read(log), file)


def nothing_to_index(corpus: object, log: ReadingLog) -> CorpusError:
    """Return the error that says why no article was found."""
    place = os.fspath(corpus) if isinstance(corpus, str | os.PathLike) else "the corpus"
    if log.problems:
        more = f" (and {len(log.problems) - 1} more)" if len(log.problems) > 1 else ""
        return CorpusError(place, f"nothing in it can be indexed: {log.problems[0]}{more}")
    others = ", ".join(f"{count} {suffix}" for suffix, count in log.ignored.most_common(5))
    return CorpusError(
        place, "there is no article in it" + (f", only files of other kinds: {others}" if others else "")
    )
