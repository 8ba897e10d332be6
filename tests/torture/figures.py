"""How much is done in the short and in the long version, and what came of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

__all__ = ["LONG", "NOTED", "note", "scaled", "write_noted"]

LONG = "SEMSEARCH_TORTURE" in os.environ
"""Whether the long version is asked for."""

NOTED: dict[str, dict[str, int | float]] = {}
"""The figures of this run, by promise."""

_RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "reliability.json"


def scaled(short: int, long: int) -> int:
    """Return how often something is done: ``short`` in ``make check``, ``long`` in ``make torture``."""
    return long if LONG else short


def note(promise: str, **figures: float) -> None:
    """Note what a test did and found, to be shown at the end of the run, and in ``docs/reliability.md`` if it is long.

    Args:
        promise: What was put to the test, in a few words: a row of the table.
        **figures: Counts by what they count, words joined by underscores; those of one promise are added up.
    """
    noted = NOTED.setdefault(promise, {})
    for name, figure in figures.items():
        noted[name] = noted.get(name, 0) + figure


def write_noted() -> None:
    """Put the figures of a long run into the results, beside those of other runs."""
    from benchmarks.machine import describe

    results = json.loads(_RESULTS.read_text(encoding="utf-8")) if _RESULTS.exists() else {}
    promises = results.get("promises", {}) | NOTED
    result = {"command": "make torture", "machine": describe(), "promises": dict(sorted(promises.items()))}
    _RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
