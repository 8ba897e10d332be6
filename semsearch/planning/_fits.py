"""Costs that were measured, as lines: ``_scaling.json``, which ``python -m benchmarks.scaling`` makes."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

__all__ = ["Fit", "fits"]


class Fit(NamedTuple):
    """What a cost is by its size: ``base + slope * shape(size)``.

    Attributes:
        unit: What it is counted in.
        of: What it grows with: passages, tokens, queries.
        source: The file in ``benchmarks/results`` that it is from.
        shape: ``linear``, ``logarithmic`` (to the base 2) or ``n log n``.
        base: The cost of nothing.
        slope: What one more costs.
        error: How far it is from what was measured at the largest size: 0.1 if it says a tenth too much.
        held_out: How far it would be if that had not been measured; None of fewer than three sizes.
        sizes: At which it was measured.
        costs: What was measured.
    """

    unit: str
    of: str
    source: str
    shape: str
    base: float
    slope: float
    error: float
    held_out: float | None
    sizes: tuple[float, ...]
    costs: tuple[float, ...]

    def at(self, size: float) -> float:
        """Return the cost at a size; a line goes below nothing where sizes are small."""
        return max(0.0, self.base + self.slope * _SHAPES[self.shape](size))

    def times_beyond(self, size: float) -> float:
        """Return how many times a size is of the largest one that was measured; at least 1."""
        return max(1.0, size / max(self.sizes))

    def spread(self, size: float) -> float:
        """Return what the cost at a size is uncertain by: a factor.

        It is what leaving out the largest size would have been wrong by, once for each tenfold beyond the largest, and
        once at least. That is no interval of confidence: no one has measured there.
        """
        off = max(abs(self.error), abs(self.held_out or 0.0))
        return math.pow(1.0 + off, max(1.0, math.log10(self.times_beyond(size))))


_SHAPES: dict[str, Callable[[float], float]] = {
    "linear": float,
    "logarithmic": lambda size: math.log2(max(size, 1.0)),
    "n log n": lambda size: size * math.log2(max(size, 1.0)),
}


@functools.cache
def fits() -> Mapping[str, Fit]:
    """Return what was measured, by the names of the costs."""
    table = json.loads(Path(__file__).with_name("_scaling.json").read_text(encoding="utf-8"))
    return {
        name: Fit(**{**cast(dict[str, Any], fit), "sizes": tuple(fit["sizes"]), "costs": tuple(fit["costs"])})
        for name, fit in table["fits"].items()
    }
