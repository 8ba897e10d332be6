"""How fast the machine itself is at what a query and a build are made of: reading memory, and multiplying matrices.

    python -m benchmarks.limits

A scan of all vectors cannot be faster than they can be read, and embedding not than the matrix products that it is. On
one thread; the best of several runs is the limit. Raw figures go to ``benchmarks/results/limits.json``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks.machine import describe
from benchmarks.measuring import in_new_process, use_one_thread, write_result

_LARGE = 2**28  # bytes: far more than the caches hold
_SIZE = 1536  # of square matrices; the width of the default model's widest layer
_RUNS = 7
_DIMENSION = 384  # of the default model's vectors


def main() -> None:
    use_one_thread()
    result = {
        "command": "python -m benchmarks.limits",
        "machine": describe(),
        "memory_gigabytes_a_second": in_new_process(_memory),
        "gigaflops": in_new_process(_products),
    }
    for name, rates in result.items():
        if isinstance(rates, dict) and name != "machine":
            print(f"{name}: " + ", ".join(f"{kind} {max(found):.1f}" for kind, found in rates.items()))
    print(f"raw figures: {write_result('limits', result)}")


def _memory() -> dict[str, list[float]]:
    """Return gigabytes a second of each run, by what was done: bytes that were read, or read and written."""
    import numpy as np

    source = np.ones(_LARGE // 4, dtype=np.float32)
    target = np.empty_like(source)
    vectors = source[: len(source) // _DIMENSION * _DIMENSION].reshape(-1, _DIMENSION)
    query = np.ones(_DIMENSION, dtype=np.float32)
    scores = np.empty(len(vectors), dtype=np.float32)
    return {
        "copy": _rates(lambda: np.copyto(target, source), 2 * _LARGE),
        "sum": _rates(source.sum, _LARGE),
        "matrix times vector": _rates(lambda: np.dot(vectors, query, out=scores), vectors.nbytes),
    }


def _products() -> dict[str, list[float]]:
    """Return billions of operations a second of each run of a matrix product, by library and type of numbers."""
    import numpy as np

    left = np.random.default_rng(0).standard_normal((_SIZE, _SIZE)).astype(np.float32)
    product = np.empty_like(left)
    operations = 2 * _SIZE**3
    found = {"numpy float32": _rates(lambda: np.matmul(left, left, out=product), operations)}
    try:
        import torch
    except ImportError:
        return found
    torch.set_num_threads(1)
    for name, kind in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        matrix = torch.from_numpy(left).to(kind)
        found[f"torch {name}"] = _rates(lambda matrix=matrix: matrix @ matrix, operations)  # type: ignore[misc]
    return found


def _rates(work: Callable[[], Any], amount: int) -> list[float]:
    """Return billions of ``amount`` that ``work`` does in a CPU second, for each of several runs."""
    work()
    found = []
    for _ in range(_RUNS):
        started = time.process_time()
        work()
        found.append(round(amount / (time.process_time() - started) / 1e9, 2))
    return found


if __name__ == "__main__":
    main()
