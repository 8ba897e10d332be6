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
    candidates = list(fitted(scale, "query: candidates", "embedded.candidates", "queries", note=_CANDIDATES_NOTE))
    if engine == "embedded":
        note = "CPU of one thread"
        vectors = list(fitted(scale, "query: vectors", "embedded.dense_p50", "queries", note=note))
        yield total_of("query", [*candidates, *vectors, _words(scale)], f"{note}, median", "queries")
        yield from (*candidates, *vectors, _words(scale))
        yield from fitted(scale, "opening", "embedded.open", "queries", note="once for each process")
        return
    note = "CPU of client and server, all of a hybrid search"
    yield from fitted(scale, "query", f"{engine}.hybrid", "queries", note=note)
    note = "CPU of client and server"
    yield from fitted(scale, "query: vectors", f"{engine}.search", "queries", note=note)
    if engine == "milvus":
        yield _words(scale)


_CANDIDATES_NOTE = "CPU of one thread for what is the same in any archive: the model, late interaction, evidence"


def _words(scale: Scale) -> Estimate:
    """Return what finding words here takes: five sizes do not tell whether by the archive's size or its logarithm."""
    (most,) = fitted(scale, "query: words", "embedded.lexical", "queries", note="CPU of one thread")
    (least,) = fitted(scale, "query: words", "embedded.lexical_log", "queries")
    return dataclasses.replace(most, low=min(most.low, least.low))
