"""How an index of a certain size is set, and what breaks first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from semsearch.planning._records import EngineName, Estimate, Scale, Setting
from semsearch.planning._sizes import POSTGRES_BUILD, partitions_of, size_of, takes_diskann

__all__ = ["settings_of", "warnings_of"]

Figures = Mapping[str, Estimate]

_MEASURED = {"embedded": 1e6, "postgres": 1e5, "milvus": 1e5}  # passages of the largest index that was asked
_SLOW = 200.0  # ms of a query
_SHARD = 1e8  # passages of a shard
_MOST_SHARDS = 16
_MOST_WORKERS = 15  # of one graph
_DAY, _MONTH = 24.0, 30 * 24.0  # hours


# --- settings ---------------------------------------------------------------------------------------------------


def settings_of(scale: Scale, engine: EngineName) -> Iterator[Setting]:
    """Yield the settings that a plan assumes."""
    yield from _SETTINGS[engine](scale)
    share = size_of(scale.all_codes)
    if scale.token_vectors:
        yield Setting("token vectors", "on", f"{share} of the disk; off, candidates are embedded for each query")
    else:
        yield Setting("token vectors", "off", f"candidates are embedded for each query; on, it takes {share} more")


def _embedded_settings(_: Scale) -> Iterator[Setting]:
    yield Setting("recall", "0.995", "the share of the nearest passages that is found; 1 scores every vector")


def _postgres_settings(scale: Scale) -> Iterator[Setting]:
    yield Setting("type", f"halfvec({scale.dimension})", "half the bytes of vector, and all that an index holds")
    yield Setting("m, ef_construction", "16, 100", "as semsearch makes them; more finds more and builds longer")
    parts = partitions_of(scale)
    reason = "the graph is built in memory in one piece"
    if parts > 1:
        reason = "the graph of each is built in a quarter of the memory; a query searches all of them"
    yield Setting("partitions", f"{parts:,}", reason)
    build = size_of(POSTGRES_BUILD * scale.passages * (2 * scale.dimension + 8) / parts)
    yield Setting("maintenance_work_mem", build, "at least: with less, building goes through the disk")
    workers = max(1, min(scale.cores - 1, _MOST_WORKERS))
    yield Setting("max_parallel_maintenance_workers", f"{workers}", "build one graph side by side")


def _milvus_settings(scale: Scale) -> Iterator[Setting]:
    if takes_diskann(scale):
        yield Setting(
            "index", "DISKANN", "HNSW would take too many machines' memory; semsearch makes HNSW: ask for it there"
        )
        yield Setting("queryNode.enableDisk", "true", "with an NVMe disk for each query node: its IOPS are the limit")
    else:
        yield Setting("index", "HNSW, M 32", "as semsearch makes it; vectors and graph fit into memory")
    shards = min(_MOST_SHARDS, max(1, math.ceil(scale.passages / _SHARD)))
    yield Setting("shards", f"{shards}", "take in what is written side by side")
    segment = "1024" if scale.memory <= 16e9 else "2048" if scale.memory <= 32e9 else "4096"
    yield Setting("dataCoord.segment.maxSize", segment, "MB; fewer segments are searched faster")
    yield Setting("replicas", f"{scale.replicas}", "each takes all of the memory again")


_SETTINGS: Mapping[EngineName, Callable[[Scale], Iterator[Setting]]] = {
    "embedded": _embedded_settings,
    "postgres": _postgres_settings,
    "milvus": _milvus_settings,
}


# --- what breaks ------------------------------------------------------------------------------------------------


def warnings_of(scale: Scale, engine: EngineName, figures: Figures) -> Iterator[str]:
    """Yield what breaks, first things first."""
    yield from _BREAKS[engine](scale, figures)
    elapsed = figures["embedding: elapsed"].value
    if elapsed > _MONTH:
        yield f"embedding takes {elapsed / _DAY:,.0f} days on {scale.cores:,} cores: more of them, int8, or GPUs"
    if "network: query" in figures and scale.token_vectors:
        rate = figures["network: query"].value * 8 * 100 / 1e9
        yield f"the network: 100 queries a second read {rate:.1f} Gbit/s of candidates' token codes"
    if scale.passages > _MEASURED[engine]:
        times = scale.passages / _MEASURED[engine]
        yield f"this is {times:,.0f} times the largest index that was measured here: build a tenth of it first"


def _embedded_breaks(scale: Scale, figures: Figures) -> Iterator[str]:
    build, query, opening = (figures[name] for name in ("memory: build", "query", "opening"))
    if build.value > scale.usable:
        yield f"a build takes {size_of(build.value)} of memory, which is more than a machine has"
    if query.high > _SLOW:
        yield f"a query takes {query.low:,.0f} to {query.high:,.0f} ms of a core: the scan and the words grow"
    if opening.value > 1000:
        yield f"opening takes {opening.value / 1000:,.1f} s, and so does each query from a cold shell: keep a process"
    if figures["disk"].value > 1e12:
        yield f"a rebuild checks every byte of {size_of(figures['disk'].value)}"


def _postgres_breaks(scale: Scale, figures: Figures) -> Iterator[str]:
    memory = figures["memory"].value
    if memory > scale.usable:
        yield (
            f"memory: the graph, {size_of(memory)}, is more than a machine's, and each step of a query waits for the "
            "disk; a larger machine, shards (Citus, PgDog), or Milvus"
        )
    parts = partitions_of(scale)
    if parts > 1:
        yield (
            f"building: in memory the graph fits only in {parts:,} partitions; through the disk such builds were "
            "reported not to end in a week"
        )


def _milvus_breaks(scale: Scale, figures: Figures) -> Iterator[str]:
    if scale.passages < 1e6:
        yield "operating it: a folder or one PostgreSQL does the same with fewer processes"
    words = figures["query: words"]
    if words.high > _SLOW:
        yield (
            f"words: their index lies on each machine that asks, {size_of(figures['words'].value)}, and a query takes "
            f"{words.low:,.0f} to {words.high:,.0f} ms of a core there; rank by vectors alone, or divide the archive"
        )
    if takes_diskann(scale):
        yield "IOPS: DISKANN reads the disk at each step, and query nodes that share one gain nothing by being more"
    memory, machines = figures["memory"], figures["machines"]
    if machines.high > 1:
        sizes = f"{size_of(memory.low)} to {size_of(memory.high)}"
        count = f"{machines.low:,.0f} to {machines.high:,.0f} machines"
        yield f"memory: {sizes} on {count}: sizes and what others report are as far apart as that"


_BREAKS: Mapping[EngineName, Callable[[Scale, Figures], Iterator[str]]] = {
    "embedded": _embedded_breaks,
    "postgres": _postgres_breaks,
    "milvus": _milvus_breaks,
}
