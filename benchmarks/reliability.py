"""The table of what ``make torture`` did and found, for ``docs/reliability.md``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.costs import table

__all__ = ["reliability_table"]


def reliability_table(results: Mapping[str, Any]) -> str:
    """Give a row for each promise that was put to the test, and a sentence of its counts."""
    rows = [
        [
            promise,
            "long" if noted["long"] else "short",
            ", ".join(f"{figure:,} {name.replace('_', ' ')}" for name, figure in noted["figures"].items()),
        ]
        for promise, noted in results["promises"].items()
    ]
    return table(["what was put to the test", "version", "how much of it, and what came of it"], rows)
