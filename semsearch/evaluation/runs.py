"""Runs: for each query the ranked ids with their scores, and TREC's file format for them."""

from __future__ import annotations

import math
from pathlib import Path

from semsearch.errors import CorpusError
from semsearch.evaluation.datasets import numbered_lines

__all__ = ["Run", "read_run", "write_run"]

Run = dict[str, list[tuple[str, float]]]
"""For each query id the ids of articles (or passages) with their scores, best first."""


def write_run(run: Run, path: Path, *, tag: str = "semsearch") -> None:
    """Write a run in TREC's six columns: ``query Q0 article rank score tag``, tab-separated."""
    with path.open("w", encoding="utf-8") as stream:
        for query, ranked in run.items():
            for rank, (article, score) in enumerate(ranked, start=1):
                stream.write(f"{query}\tQ0\t{article}\t{rank}\t{score:.6f}\t{tag}\n")


def read_run(path: Path) -> Run:
    """Read a run that :func:`write_run` or another system wrote, best score first.

    Raises:
        CorpusError: If the file is missing or empty, a line is not of a run, or an id is there twice for a query.
    """
    run: Run = {}
    seen: set[tuple[str, str]] = set()
    for place, line in numbered_lines(path):
        columns = line.split("\t") if "\t" in line else line.split()
        try:
            query, _, article, _, score, _ = columns
            entry = (article, float(score))
        except ValueError:
            raise CorpusError(place, "is not a line of a TREC run (six columns)") from None
        if math.isnan(entry[1]):
            raise CorpusError(place, f"the score {score!r} is not a number")
        if (query, article) in seen:
            raise CorpusError(place, f"has {article!r} again for the query {query!r}")
        seen.add((query, article))
        run.setdefault(query, []).append(entry)
    if not run:
        raise CorpusError(str(path), "is an empty run")
    return {query: sorted(ranked, key=lambda entry: -entry[1]) for query, ranked in run.items()}
