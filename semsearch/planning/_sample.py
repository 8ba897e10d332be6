"""How many passages a corpus has, and how long they are, by a sample of it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from semsearch.errors import CorpusError
from semsearch.passages import article_context, split_article
from semsearch.readers import CorpusFile, ReadingLog, corpus_files, require_sources
from semsearch.records import FieldNames, FileGlobs

__all__ = ["CorpusSample", "sample_corpus"]

_PIECE = re.compile(r"\w{1,6}|[^\w\s]")  # about as many as the default model's tokenizer makes of a text
_LIMIT = 254  # tokens that the default model reads, but for the two that mark the ends
_ENDS = 2
_PLAIN = {".jsonl", ".ndjson", ".json", ".csv", ".tsv"}  # whose bytes are about those of the texts in them


@dataclass(frozen=True, slots=True)
class CorpusSample:
    """What was read of a corpus, and what follows for all of it.

    Attributes:
        articles: How many were read.
        passages: What they are split into.
        tokens_per_passage: Of each on the average, its title among them.
        share: Which share of the corpus' bytes that is, 1 if all was read.
        estimated_passages: Of the whole corpus.
    """

    articles: int
    passages: int
    tokens_per_passage: float
    share: float
    estimated_passages: float


def sample_corpus(
    corpus: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    log: ReadingLog,
    most: int = 5_000,
    fields: FieldNames | None = None,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
) -> CorpusSample:
    """Read files from all parts of a corpus, at most ``most`` articles, and split them as a build does.

    Tokens are estimated, as no model is loaded. The rest of the corpus is taken to have as many passages for its bytes.

    Args:
        corpus: A folder, file or glob, or several.
        log: Takes what could not be read.
        most: The most articles to read.
        fields: What the columns of records are called, as for :func:`~semsearch.build_index`.
        include: Which files are wanted, likewise.
        exclude: Which are not.

    Raises:
        CorpusError: If the corpus does not exist, has nothing to read, or its size cannot be told without reading it:
            standard input, or one archive or binary table that has more than ``most`` articles.
    """
    sources = [os.fspath(one) for one in ([corpus] if isinstance(corpus, str | os.PathLike) else corpus)]
    if "-" in sources:
        raise CorpusError("-", "cannot be sampled: how much it is, is not known before it is read")
    require_sources(*sources)
    globs = FileGlobs(tuple(include), tuple(exclude))
    files = list(corpus_files(*sources, log=log, fields=fields, globs=globs))
    whole = sum(_size(file) for file in files)
    articles, passages, tokens, read = 0, 0, 0, 0.0
    for file in _spread(files):
        texts = 0
        for located in islice(file.read(log), most - articles):
            split = split_article(located.article, _count, limit=_LIMIT)
            title = _count([article_context(located.article, _count, limit=_LIMIT)])[0]
            articles, passages = articles + 1, passages + len(split)
            tokens += sum(_count([passage.text for passage in split])) + len(split) * (title + _ENDS)
            texts += len(located.article.text.encode())
        if articles < most:
            read += _size(file)
            continue
        # Where the file was left is not known, but that its texts are about as many bytes as itself.
        read += min(texts, _size(file))
        if _suffix(file) not in _PLAIN and len(files) == 1:
            raise CorpusError(
                file.origin.place,
                f"has {most:,} articles or more, and how many cannot be told without reading it: count its passages",
            )
        break
    if passages == 0:
        raise CorpusError(", ".join(sources), "has no article that could be read")
    share = min(1.0, read / whole) if whole else 1.0
    return CorpusSample(articles, passages, tokens / passages, share, passages / share)


def _count(texts: Sequence[str]) -> list[int]:
    return [len(_PIECE.findall(text)) for text in texts]


def _size(file: CorpusFile) -> int:
    return Path(file.origin.place).stat().st_size


def _suffix(file: CorpusFile) -> str:
    return Path(file.origin.place).suffix.lower()


def _spread(files: Sequence[CorpusFile]) -> list[CorpusFile]:
    """Return files in an order that has nothing to do with their names, the same each time."""
    return sorted(files, key=lambda file: hashlib.blake2b(file.origin.place.encode(), digest_size=8).digest())
