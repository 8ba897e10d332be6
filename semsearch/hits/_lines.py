"""Hits as lines, where IPython shows no HTML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from semsearch.hits._page import without_controls

if TYPE_CHECKING:
    from semsearch.hits._columns import Row

__all__ = ["lines"]

_MOST_LINES = 50
_WIDTH = 120


def lines(rows: Iterable[Row]) -> Iterator[str]:
    """Yield a line for each passage, as far as they are shown: rank, score, where it is, and how it begins."""
    rows = iter(rows)
    for _, article, hit in islice(rows, _MOST_LINES):
        rank = hit.rank if article is None else article.rank
        text = hit.evidence.text if hit.evidence else hit.passage.text
        line = f"{rank:4} {hit.score:.3f} {hit.article.id}, paragraph {hit.passage.paragraph}: {text}"
        line = " ".join(without_controls(line[: 2 * _WIDTH]).split())
        yield line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"
    rest = sum(1 for _ in rows)
    if rest:
        yield f"and {rest:,} more"
