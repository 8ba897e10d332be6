"""How plots are made: without a screen, in one style, and the same file each time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["COLOURS", "OWN", "PLAIN", "plot"]

OWN = "#0b6e4f"
"""What is semsearch's."""

PLAIN = "#9aa5b1"
"""What is the plain script's."""

COLOURS = (OWN, PLAIN, "#c8a951", "#7f95b8", "#b07aa1", "#d3d3d3", "#c8553d", "#4f6d7a", "#8fb996")
"""One after the other, where there are more things."""


@contextlib.contextmanager
def plot(path: Path, *, width: float = 9, height: float = 4, columns: int = 1) -> Iterator[tuple[Any, Any]]:
    """Give a figure and its axes, an array of them if there are several columns; then save it as PNG and SVG.

    Args:
        path: The file without its suffix.
        width: Inches.
        height: Inches.
        columns: How many axes stand side by side.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "semsearch"  # the same picture is the same file
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(ncols=columns, figsize=(width, height), layout="constrained")
    for one in figure.axes:
        one.spines[["top", "right"]].set_visible(False)
    try:
        yield figure, axes
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path.with_suffix(".png"), dpi=150, metadata={"Software": None})
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None, "Creator": None})
    finally:
        plt.close(figure)
