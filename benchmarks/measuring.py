"""What the benchmarks of costs share: processes of their own, percentiles, lines through points, result files.

CPU time is what they compare, as wall time depends on what else the machine does. Linux hands the mark of the most
memory on to what a process starts: so what starts others here loads nothing large itself.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

__all__ = [
    "RESULTS",
    "Line",
    "fit_line",
    "in_new_process",
    "median_of",
    "peak_memory",
    "percentile",
    "rounded",
    "run_command",
    "use_one_thread",
    "write_result",
]

RESULTS = Path(__file__).parent / "results"
_NUMBERS = re.compile(r"\[\s+(?:[-\d.e+]+,?\s+)+\]")  # a list of numbers that json has put on lines of their own

Value = TypeVar("Value")


class Line(NamedTuple):
    """How a cost grows: ``base + slope * size``, and which share of the costs' variance that explains.

    Attributes:
        base: The cost of nothing, in the costs' unit.
        slope: What one more costs.
        r2: From 1 (all points on the line) down; 1 if all costs are equal.
    """

    base: float
    slope: float
    r2: float


def fit_line(sizes: Sequence[float], costs: Sequence[float]) -> Line:
    """Fit a line by least squares.

    Raises:
        ValueError: If there are fewer than two different sizes, or not as many costs.
    """
    if len(sizes) != len(costs) or len(set(sizes)) < 2:
        raise ValueError(f"a line needs costs of two sizes or more, got {len(sizes)} sizes and {len(costs)} costs")
    x, y = np.asarray(sizes, dtype=np.float64), np.asarray(costs, dtype=np.float64)
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())
    base = float(y.mean() - slope * x.mean())
    total = float(((y - y.mean()) ** 2).sum())
    left = float(((y - base - slope * x) ** 2).sum())
    return Line(base, slope, 1 - left / total if total else 1.0)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the least value that at least ``percent`` of ``values`` do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)]


def median_of(runs: Sequence[Mapping[str, float]], name: str) -> float:
    """Return the median of a figure over runs."""
    return statistics.median(run[name] for run in runs)


def rounded(values: Sequence[float]) -> list[float]:
    """Return seconds to the microsecond: more is noise."""
    return [round(value, 6) for value in values]


def peak_memory() -> int:
    """Return the most memory that this process has had resident, in bytes."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    (peak,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(peak) * 1024


def use_one_thread() -> None:
    """Keep the libraries of this process, if they are not loaded yet, and of those that it starts, to one thread."""
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def in_new_process(function: Callable[..., Value], *arguments: Any) -> Value:
    """Call ``function`` in a fresh interpreter, so that CPU time and memory are its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def run_command(arguments: Sequence[str], *, environment: Mapping[str, str] | None = None) -> dict[str, float]:
    """Run a command and return what it cost from its start to its end, output thrown away.

    Raises:
        SystemExit: If it fails.
    """
    started = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"'{' '.join(arguments[1:3])} ...' failed with status {process.returncode}")
    return {
        "wall_seconds": round(time.perf_counter() - started, 4),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 4),
        "peak_rss_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    }


def write_result(name: str, result: Mapping[str, Any]) -> Path:
    """Write ``results/NAME.json``, a list of numbers on one line, and return its path."""
    text = json.dumps(result, indent=1, ensure_ascii=False)
    text = _NUMBERS.sub(lambda match: " ".join(match[0].split()).replace("[ ", "[").replace(" ]", "]"), text)
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")
    return path
