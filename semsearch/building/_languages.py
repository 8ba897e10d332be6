"""The languages of a corpus, from a sample of its articles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from semsearch.languages import language_shares
from semsearch.storage import Archive

__all__ = ["languages_of"]

_SAMPLE = 300  # articles, evenly spaced: of a language that a tenth of them is of, 8 to 12 % are then found
_PASSAGES = 3  # from the beginning of each
_STATED = "language"
"""The field of an article's metadata that says of which language it is; HTML pages say so themselves."""


def languages_of(archive: Archive) -> dict[str, float]:
    """Return which share of an archive's articles is of which language, the largest first."""
    return language_shares(_samples(archive))


def _samples(archive: Archive) -> Iterator[tuple[object, str]]:
    """Yield what each article of a sample says of its language, and how it begins."""
    starts = archive.article_starts
    ends = np.append(starts[1:], len(archive.passage_table))
    chosen = np.unique(np.linspace(0, len(starts) - 1, min(_SAMPLE, len(starts))).astype(np.int64))
    for article in chosen.tolist():
        rows = list(range(starts[article], min(ends[article], starts[article] + _PASSAGES)))
        stored = archive.passages(rows)
        stated = stored[rows[0]].article.metadata.get(_STATED)
        yield stated, "\n".join(stored[row].passage.text for row in rows)
