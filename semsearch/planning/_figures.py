"""The figures of a plan, in the order in which they are shown."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

from semsearch.planning._fits import fits
from semsearch.planning._records import USABLE, EngineName, Estimate, Scale
from semsearch.planning._sizes import DIMENSION, disk_of, exactly, fitted, memory_of, size_of, total_of

__all__ = ["CANDIDATES", "estimates_of"]

CANDIDATES = 100
"""Whose vectors and token codes, or texts, a query reads."""

_HOUR = 3600.0


def estimates_of(scale: Scale, engine: EngineName) -> Iterator[Estimate]:
    """Yield what the index needs, what making it takes, and what a query costs."""
    disk, memory = disk_of(scale, engine), memory_of(scale, engine)
    note = "one version of the index; the next one takes as much again while it is made"
    yield total_of("disk", disk, note, "disk")
    yield from disk
    yield from memory
    if engine != "embedded":
        yield _machines(scale, memory[0])
    if engine == "milvus":
        note = "the index of words, on the disk of each machine that asks"
        yield from fitted(scale, "words", "embedded.words", "milvus", note=note)
    yield from _embedding(scale)
    yield from _loading(scale, engine)
    if engine != "embedded":
        yield from _network(scale)
    yield from _queries(scale, engine)


def _machines(scale: Scale, memory: Estimate) -> Estimate:
    value, low, high = (
        float(max(1, math.ceil(needed * scale.replicas / scale.usable)))
        for needed in (memory.value, memory.low, memory.high)
    )
    note = f"{size_of(scale.memory)} each, {100 * USABLE:.0f} % of it for the index"
    if scale.replicas > 1:
        note += f", {scale.replicas} replicas"
    return Estimate("machines", value, low, high, "machines", memory.basis, note, "docs/scale.md#machines")


def _embedding(scale: Scale) -> Iterator[Estimate]:
    rates = [fits()[f"embedding.{name}"] for name in ("default", "other")]
    low, value = sorted(rate.at(scale.tokens) / _HOUR for rate in rates)
    per_second = " and ".join(f"{1 / rate.slope:,.0f}" for rate in rates)
    note = f"{per_second} tokens a core-second on the two machines that were measured"
    if scale.dimension != DIMENSION:
        note += ", by the default model: measure your own with 'python -m benchmarks.build'"
    link = "docs/scale.md#embedding"
    yield Estimate("embedding", value, low, value, "core-hours", "arithmetic", note, link)
    hours, least = value / scale.cores, low / scale.cores
    note = f"on {scale.cores:,} cores, each with texts of its own"
    yield Estimate("embedding: elapsed", hours, least, hours, "hours", "arithmetic", note, link)


def _loading(scale: Scale, engine: EngineName) -> Iterator[Estimate]:
    if engine == "embedded":
        cost = "embedded.build" if scale.token_vectors else "embedded.build_without_tokens"
        note = "reading, splitting, writing, indexing words, in one process"
        yield from fitted(scale, "load", cost, "rebuild", note=note, divisor=_HOUR, unit="core-hours")
        return
    note = "one writer"
    yield from fitted(scale, "load: upload", f"{engine}.upsert", "rebuild", note=note, divisor=_HOUR, unit="hours")
    note = "graph and words, on the two cores that were measured"
    yield from fitted(scale, "load: index", f"{engine}.flush", "rebuild", note=note, divisor=_HOUR, unit="hours")


def _network(scale: Scale) -> Iterator[Estimate]:
    texts = fits()["embedded.texts"].at(scale.tokens)
    note = "vectors, token codes and texts" if scale.token_vectors else "vectors and texts"
    yield exactly("network: upload", scale.vectors + scale.codes + texts, "bytes", note, "network")
    each = 2 * scale.dimension + (scale.codes or texts) / scale.passages
    what = "token codes" if scale.token_vectors else "texts"
    note = f"vectors and {what} of {CANDIDATES} candidates"
    yield exactly("network: query", CANDIDATES * each, "bytes", note, "network")


def _queries(scale: Scale, engine: EngineName) -> Iterator[Estimate]:
    if engine == "embedded":
        yield from _query_of_folder(scale)
        yield from fitted(scale, "opening", "embedded.open", "queries", note="once for each process")
        return
    note = "CPU of client and server, all of a hybrid search"
    yield from _ranged(scale, "query", f"{engine}.hybrid", note)
    note = "CPU of client and server"
    yield from _near(
        scale, fitted(scale, "query: vectors", f"{engine}.search", "queries", note=note), f"{engine}.search"
    )
    if engine == "milvus":
        yield from _words(scale)


def _query_of_folder(scale: Scale) -> Iterator[Estimate]:
    note = "CPU of one thread: the model, late interaction, evidence, the same in any archive"
    parts = [
        *fitted(scale, "query: candidates", "embedded.candidates", "queries", note=note),
        *fitted(scale, "query: vectors", "embedded.dense_p50", "queries", note="CPU of one thread"),
    ]
    words = list(_words(scale))
    if words:
        yield total_of("query", [*parts, *words], "CPU of one thread, median", "queries")
    yield from (*parts, *words)


def _words(scale: Scale) -> Iterator[Estimate]:
    return _ranged(scale, "query: words", "embedded.lexical", "CPU of one thread")


def _ranged(scale: Scale, name: str, cost: str, note: str) -> Iterator[Estimate]:
    """Yield a cost of which it is not certain whether it grows in proportion to the archive or with its logarithm."""
    for most in _near(scale, fitted(scale, name, cost, "queries", note=note), cost):
        (least,) = fitted(scale, name, f"{cost}_log", "queries")
        value, low = math.sqrt(most.value * least.value), min(most.low, least.low)
        yield dataclasses.replace(most, low=low, value=value, high=max(most.high, least.high))


def _near(scale: Scale, found: Iterator[Estimate], cost: str) -> Iterator[Estimate]:
    """Leave out times of archives that are too far beyond what was measured for any line to tell."""
    return (one for one in found if fits()[cost].times_beyond(scale.passages) <= _REACH)


_REACH = 100.0
