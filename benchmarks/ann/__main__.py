"""Vector search alone, beside other libraries on the same vectors: overlap, time, memory, disk, filters.

    python -m benchmarks.ann [--short | --full] [--cache FOLDER] [--library NAME]... [--size N]...

The vectors are passages of two dictionaries (``apt-get install dict-wn dict-gcide``), embedded by the default model and
kept in the cache: the first run takes as long as embedding 270,000 passages takes. A million is synthesised from them.
``--short`` takes the sample archive instead, and no library that is not installed already; it prints, and writes no
result. ``--full`` measures the graphs at a million, too. Time is CPU time on one thread. Raw figures go to
``benchmarks/results/ann.json``.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.ann.figures import ann_table
from benchmarks.ann.libraries import LIBRARIES, allowed_rows
from benchmarks.ann.vectors import NEIGHBOURS, Source, dictionary, exact_neighbours, sample_archive, synthesise
from benchmarks.machine import describe
from benchmarks.peers.environments import ROOT, install, python_of, versions
from benchmarks.peers.registry import Peer

RESULT = ROOT / "benchmarks" / "results" / "ann.json"
CACHE = ROOT / "benchmarks" / ".cache"
OWN = ("semsearch", "exact", "faiss HNSW")
LARGE = ("semsearch", "exact", "scann")
SIZES = (10_000, 100_000, 1_000_000)
_FILTERED_QUERIES = 200
_CHECKED = 100_000  # rows of which the synthetic ones are compared with real ones


@dataclasses.dataclass(frozen=True, slots=True)
class Environment(Peer):
    """The environment of a library that is not one of this project's."""

    @property
    def requirements(self) -> Path:
        """The versions that it runs at."""
        return Path(__file__).parent / f"requirements-{self.packages[0]}.txt"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ann", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="12,000 vectors of the sample archive, in two minutes")
    parser.add_argument("--full", action="store_true", help="a million vectors for every library")
    parser.add_argument("--size", type=int, action="append", choices=SIZES, help="only this many vectors (likewise)")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where vectors are kept")
    parser.add_argument(
        "--library", action="append", choices=LIBRARIES, help="only this one (may be given several times)"
    )
    arguments = parser.parse_args()
    names = tuple(arguments.library or LIBRARIES)
    if arguments.short:
        with tempfile.TemporaryDirectory() as folder:
            source = sample_archive(Path(folder))
            found = _measure_size(source, 12_000, [n for n in names if n in OWN], Path(folder))
        print(ann_table({"sizes": {"12000": found}}), end="")
        return
    arguments.cache.mkdir(parents=True, exist_ok=True)
    source = dictionary(arguments.cache)
    skipped = _install(names)
    head = {
        "machine": describe(),
        "command": " ".join(["python", "-m", "benchmarks.ann", *(["--full"] if arguments.full else [])]),
        "versions": {name: _version(name) for name in names if name not in skipped},
        "skipped": skipped,
        "queries": len(source.queries),
        "k": NEIGHBOURS,
    }
    for size in arguments.size or SIZES:
        chosen = [n for n in names if n not in skipped and (arguments.full or size < SIZES[-1] or n in LARGE)]
        _save(head, "sizes", {str(size): _measure_size(source, size, chosen, arguments.cache)})
    _save(head, "synthetic", _check(source, len(source.vectors) / SIZES[-1], arguments.cache))
    print(ann_table(json.loads(RESULT.read_text(encoding="utf-8"))), end="")


def _save(head: dict[str, Any], part: str, found: dict[str, Any]) -> None:
    """Put what was found into the result, in place of what was found before."""
    result = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    for key, one in result.get(part, {}).items():
        if key in found:
            found[key]["libraries"] = {**one["libraries"], **found[key]["libraries"]}
    head = {**head, "versions": {**result.get("versions", {}), **head["versions"]}}
    result = {**result, **head, part: {**result.get(part, {}), **found}}
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _install(names: tuple[str, ...]) -> dict[str, str]:
    """Make the environments. Returns why those that could not be made are left out."""
    skipped = {}
    for name in names:
        if name not in OWN:
            try:
                install(_environment(name))
            except subprocess.CalledProcessError:
                skipped[name] = "it could not be installed"
    return skipped


def _environment(name: str) -> Environment:
    return Environment(f"ann-{name}", (name,), ())


def _version(name: str) -> str:
    if name in OWN:
        return importlib.metadata.version("semsearch" if name == "semsearch" else "faiss-cpu")
    return versions(_environment(name))[name]


def _measure_size(source: Source, size: int, names: list[str], cache: Path) -> dict[str, Any]:
    """Measure these libraries on the first ``size`` vectors, synthetic ones among them if there are fewer real ones."""
    real = source.vectors[:size]
    vectors = synthesise(real, size) if len(real) < size else np.asarray(real)
    kind = source.name if len(real) == size else f"{source.name}, {size - len(real):,} of them synthetic"
    return {"vectors": kind, "libraries": _measure(source.queries, vectors, names, cache)}


def _measure(
    queries: NDArray[np.float32], vectors: NDArray[np.float16], names: list[str], cache: Path
) -> dict[str, dict[str, Any]]:
    with tempfile.TemporaryDirectory(dir=cache) as name:
        folder = Path(name)
        task: dict[str, Any] = {"count": len(vectors), "filtered_truth": {}}
        arrays: dict[str, NDArray[Any]] = {
            "vectors": vectors,
            "queries": queries,
            "truth": exact_neighbours(queries, vectors, NEIGHBOURS),
        }
        for key, array in arrays.items():
            task[key] = str(folder / f"{key}.npy")
            np.save(task[key], array)
        few = queries[:: max(1, len(queries) // _FILTERED_QUERIES)]
        task["few"] = str(folder / "few.npy")
        np.save(task["few"], few)
        for share, mask in allowed_rows(len(vectors)):
            task["filtered_truth"][str(share)] = str(folder / f"truth-{share}.npy")
            np.save(task["filtered_truth"][str(share)], exact_neighbours(few, vectors, NEIGHBOURS, mask))
        del vectors, arrays
        found = {}
        for library in names:
            found[library] = _run(library, {**task, "library": library}, cache)
            print(library, json.dumps(found[library]), flush=True)
        return found


def _run(library: str, task: dict[str, Any], cache: Path) -> dict[str, Any]:
    """Build and search in processes of their own, of the library's environment, with one thread."""
    python = Path(sys.executable) if library in OWN else python_of(_environment(library))
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LANCE_CPU_THREADS", "RAYON_NUM_THREADS"), "1")
    with tempfile.TemporaryDirectory(dir=cache) as name:
        path = Path(name) / "task.json"
        (Path(name) / "index").mkdir()
        path.write_text(json.dumps({**task, "folder": str(Path(name) / "index")}), encoding="utf-8")
        result = {}
        for action in ("build", "search"):
            command = [str(python), "-m", "benchmarks.ann.measure", action, str(path)]
            subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, **one})
            result[action] = json.loads(path.with_name(f"{action}.json").read_text(encoding="utf-8"))
        return result


def _check(source: Source, share: float, cache: Path) -> dict[str, Any]:
    """Compare real vectors with as many of which only ``share`` are real."""
    few = source._replace(vectors=source.vectors[: int(share * _CHECKED)])
    return {
        "real": _measure_size(source, _CHECKED, ["semsearch"], cache),
        "synthetic": _measure_size(few, _CHECKED, ["semsearch"], cache),
    }


if __name__ == "__main__":
    main()
