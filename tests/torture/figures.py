"""How much is done in the short and in the long version, and what came of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

__all__ = ["KEPT", "LONG", "NOTED", "note", "scaled", "write_noted"]

_ASKED = os.environ.get("SEMSEARCH_TORTURE", "")
LONG = _ASKED not in ("", "short")
"""Whether the long version is asked for."""

KEPT = bool(_ASKED)
"""Whether the figures are kept: of the short version, too, if that is asked for by its name."""

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
    """Put the figures into the results, beside those of other promises; a long version's stay where this is short."""
    from benchmarks.machine import describe

    results = json.loads(_RESULTS.read_text(encoding="utf-8")) if _RESULTS.exists() else {}
    promises = results.get("promises", {})
    for promise, figures in NOTED.items():
        if LONG or not promises.get(promise, {}).get("long"):
            promises[promise] = {"long": LONG, "figures": figures}
    result = {"command": "make torture", "machine": describe(), "promises": dict(sorted(promises.items()))}
    _RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
