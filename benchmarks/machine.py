"""What a result was measured on: without it a figure says nothing."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import os
import platform
import sqlite3
import sys
from pathlib import Path
from typing import Any

import psutil

__all__ = ["describe"]

_PACKAGES = (
    "faiss-cpu",
    "numpy",
    "onnxruntime",
    "openvino",
    "semsearch",
    "sentence-transformers",
    "tantivy",
    "tokenizers",
    "torch",
    "transformers",
)
_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TOKENIZERS_PARALLELISM")
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16", "i8mm")


def describe() -> dict[str, Any]:
    """Return the machine, its load, and the versions of what was measured."""
    return {
        "date": dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
        "processor": _of_processor("model name") or platform.processor(),
        "instructions": _instructions(),
        "cores": os.cpu_count(),
        "usable_cores": _usable_cores(),
        "memory_bytes": psutil.virtual_memory().total,
        "available_bytes": psutil.virtual_memory().available,
        "load_average": [round(load, 2) for load in psutil.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: version for name in _PACKAGES if (version := _version(name)) is not None},
        "environment": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
    }


def _version(package: str) -> str | None:
    """Return the version of a package, None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _usable_cores() -> int | None:
    """Return how many cores this process may use: in a container fewer than there are."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()


def _instructions() -> list[str]:
    """Return which of the processor's instructions vectors and matrices are fastest with."""
    known = (_of_processor("flags") or _of_processor("Features") or "").split()
    return [name for name in _INSTRUCTIONS if name in known]


def _of_processor(field: str) -> str | None:
    """Return what Linux says of the first processor; None elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(field)), None)
