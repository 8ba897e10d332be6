"""What a build did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from semsearch.errors import CorpusError
from semsearch.records import Progress

__all__ = ["BuildReport", "silent"]


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
