"""What one library costs and finds; run in the library's environment, a process for building and one for searching.

python -m benchmarks.ann.measure build|search TASK.json
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.ann.libraries import LIBRARIES, Allowed, Library, Search, allowed_rows

__all__ = ["GOOD_OVERLAP"]

GOOD_OVERLAP = 0.99
"""Filters are measured with the cheapest setting that finds this much without one."""

_WARM = 20  # queries before the clock runs
_PERCENTILES = (1, 10, 50, 90, 99)


def main() -> None:
    action, path = sys.argv[1], Path(sys.argv[2])
    task: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    library = LIBRARIES[task["library"]]()
    result = (build if action == "build" else search)(library, Path(task["vectors"]), Path(task["folder"]), task)
    path.with_name(f"{action}.json").write_text(json.dumps(result), encoding="utf-8")


def build(library: Library, vectors: Path, folder: Path, _: dict[str, Any]) -> dict[str, Any]:
    """Build an index: what that takes, and its size with all that it needs."""
    started = time.process_time()
    library.build(vectors, folder)
    seconds = time.process_time() - started
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    size += vectors.stat().st_size if library.reads_vectors else 0
    return {"cpu_seconds": seconds, "bytes": size}


def search(library: Library, vectors: Path, folder: Path, task: dict[str, Any]) -> dict[str, Any]:
    """Answer the queries with every setting, and with the best cheap one under filters."""
    before = _memory()
    started = time.process_time()
    answer = library.open(vectors, folder)
    opened = time.process_time() - started
    queries, few, truth = np.load(task["queries"]), np.load(task["few"]), np.load(task["truth"])
    settings = []
    for setting in library.settings:
        some = slice(None, 100) if setting == 1.0 else slice(None)  # all of them exactly would take long
        settings.append({"setting": setting, **_measured(answer, queries[some], truth[some], setting, None)})
    memory = _memory()
    filtered = []
    good = next((one for one in settings if one["knn_overlap"] >= GOOD_OVERLAP), settings[-1])
    for allowed in allowed_rows(task["count"]) if library.filters else ():
        known = np.load(task["filtered_truth"][str(allowed.share)])
        found = _measured(answer, few, known, good["setting"], allowed)
        filtered.append({"share": allowed.share, "setting": good["setting"], **found})
    return {
        "open_cpu_seconds": opened,
        "rss_bytes": memory["VmRSS"] - before["VmRSS"],
        "private_rss_bytes": memory["RssAnon"] - before["RssAnon"],
        "settings": settings,
        "filters": filtered,
    }


def _measured(
    answer: Search, queries: NDArray[np.float32], truth: NDArray[np.int64], setting: Any, allowed: Allowed | None
) -> dict[str, Any]:
    k = truth.shape[1]
    for query in queries[:_WARM]:
        answer(query, k, setting, allowed)
    milliseconds, overlaps = [], []
    for query, nearest in zip(queries, truth, strict=True):
        started = time.process_time()
        rows = answer(query, k, setting, allowed)
        milliseconds.append(1000 * (time.process_time() - started))
        known = nearest[nearest >= 0]  # a filter may leave fewer
        overlaps.append(len(np.intersect1d(rows, known)) / max(1, len(known)))
    return {
        "queries": len(queries),
        "knn_overlap": float(np.mean(overlaps)),
        "cpu_ms": {f"p{at}": float(np.percentile(milliseconds, at)) for at in _PERCENTILES},
    }


def _memory() -> dict[str, int]:
    """Return what the process has in memory, in bytes: all of it, and what is no page of a file."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "RssAnon")}


if __name__ == "__main__":
    main()
