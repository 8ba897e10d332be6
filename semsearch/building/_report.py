"""What a build did."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from semsearch.embedders import language_warning
from semsearch.errors import CorpusError
from semsearch.readers import ReadingLog
from semsearch.records import Progress
from semsearch.storage import Manifest

__all__ = ["BuildReport", "report_of", "silent"]


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
        ignored: Files that were passed over, counted by suffix, or as ``"hidden"`` or ``"excluded"``; those in an
            archive are counted when it is read, which it is not again while it stays as it is.
        bytes: The size of the generation on disk.
        seconds: How long it took.
        unchanged: Whether the index was already what it was to become: then nothing was written.
        languages: Which share of the articles is of which language, by its code, the largest first.
        warnings: What makes the index worse than it could be, with the remedy: a model that does not read the articles.
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
    unchanged: bool = False
    languages: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def silent(_: Progress) -> None:
    """Report nothing."""


def report_of(
    index: str,
    generation: str,
    manifest: Manifest,
    log: ReadingLog,
    started: float,
    *,
    embedded: int,
    unchanged: bool,
) -> BuildReport:
    """Report a build, of a folder or in an engine.

    Args:
        index: The folder, or the address without a password.
        generation: What is live now.
        manifest: What that is.
        log: What could not be read.
        started: When it began, on the monotonic clock.
        embedded: How many passages were embedded now.
        unchanged: Whether nothing was written.
    """
    counts, warning = manifest.counts, language_warning(manifest.languages, manifest.embedder.name)
    return BuildReport(
        index=index,
        generation=generation,
        model=manifest.embedder.name,
        articles=counts.articles,
        passages=counts.passages,
        embedded=embedded,
        tokens=counts.tokens,
        truncated_tokens=counts.truncated_tokens,
        problems=tuple(log.problems),
        notes=tuple(log.notes),
        ignored=dict(log.ignored),
        bytes=sum(file.bytes for file in manifest.files.values()),  # of an engine none is known
        seconds=time.monotonic() - started,
        unchanged=unchanged,
        languages=manifest.languages,
        warnings=() if warning is None else (warning,),
    )
