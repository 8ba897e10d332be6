"""Files to articles: a folder, a file, a glob or standard input, streamed; one module a format.

``FORMATS`` is the seam: a format is a function from an open file to the articles in it (see :data:`ReadFormat`),
registered under the suffixes that name it; its module is imported when the first such file is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from semsearch.readers._files import STANDARD_INPUT, CorpusFile
from semsearch.readers._formats import FORMATS
from semsearch.readers._log import Located, ReadingLog
from semsearch.readers._sources import find_files, id_prefixes
from semsearch.records import Article

__all__ = [
    "FORMATS",
    "CorpusFile",
    "Located",
    "ReadingLog",
    "corpus_files",
    "read_articles",
    "read_located",
    "require_sources",
]

Source = str | os.PathLike[str]


def read_articles(*sources: Source, log: ReadingLog | None = None) -> Iterator[Article]:
    """Read the articles of each source, in the order given and, in a folder, in the order of the paths.

    Args:
        sources: Each a folder (read recursively), a file, a glob such as ``"news/**/*.md"``, or ``"-"`` for standard
            input. Plain text (``.txt``), Markdown (``.md``), JSON lines (``.jsonl``), PDF and other documents are
            read, by the suffixes of :data:`FORMATS`; other files of a folder are passed over and counted. An id is
            the path below the source; where the sources lie in several folders, the folder's name stands before it.
            A file that two sources reach is read once.
        log: Takes what could not be read, so that the rest is. Without it the first problem is raised.

    Yields:
        Articles as they are read; nothing is kept.

    Raises:
        CorpusError: If a source does not exist, or, without ``log``, at the first thing that cannot be read.
    """
    for located in read_located(*sources, log=log):
        yield located.article


def require_sources(*sources: Source) -> None:
    """Raise what reading would raise of a source that is not there, without reading anything.

    Raises:
        CorpusError: If a source does not exist, or is a file of a format that is not read.
    """
    for source in sources:
        if os.fspath(source) != "-":
            next(find_files(os.fspath(source), ReadingLog()), None)


def read_located(*sources: Source, log: ReadingLog | None = None) -> Iterator[Located]:
    """Like :func:`read_articles`, each article with the place that it came from."""
    log = ReadingLog(raises=True) if log is None else log
    for file in corpus_files(*sources, log=log):
        yield from file.read(log)


def corpus_files(*sources: Source, log: ReadingLog) -> Iterator[CorpusFile]:
    """Yield the files that :func:`read_articles` reads, in its order, unread."""
    names = [os.fspath(source) for source in sources]
    places: dict[str, str] = {}
    for source, prefix in zip(names, id_prefixes(names), strict=True):
        if source == "-":
            yield CorpusFile(None, STANDARD_INPUT)
            continue
        for file in find_files(source, log, prefix=prefix):
            if len(names) > 1:  # one source alone reaches no file twice
                real = os.path.realpath(file.path)
                if real in places:
                    log.note(file.origin.place, f"not read again: it is the same file as {places[real]}")
                    continue
                places[real] = file.origin.place
            yield CorpusFile(file.path, file.origin)
