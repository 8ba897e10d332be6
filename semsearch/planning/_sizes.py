"""What an index takes on disk and in memory, by engine. The sources are those of docs/scale.md."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from semsearch.planning._fits import fits
from semsearch.planning._records import Basis, EngineName, Estimate, Scale

__all__ = [
    "DIMENSION",
    "MILVUS_OVERHEAD",
    "POSTGRES_BUILD",
    "disk_of",
    "exactly",
    "fitted",
    "memory_of",
    "partitions_of",
    "size_of",
    "takes_diskann",
    "total_of",
]

DIMENSION = 384
"""Of the default model: all that was measured is of it."""

POSTGRES_BUILD = 1.3
"""Times the vectors: what building the graph takes in memory (pgvector #500)."""

MILVUS_OVERHEAD = 1.82
"""Times vectors and links: 6e9 vectors of HNSW_SQ8 took 467 bytes each, not 128 and 32 links of 4 (milvus #45815)."""

_DOCUMENT = "docs/scale.md"
_SMALL = 20_000  # passages up to which every vector is scored, and there are no codes to scan
_HALFVEC_HEAD = 8  # bytes beside the components (pgvector's reference)
_LINKS = 64  # of a node of the graph, 4 bytes each (Milvus, index explained): M is 32 in semsearch.engines.milvus
_DISKANN_LINKS = 56  # likewise (Milvus, DISKANN)
_DISKANN = (
    0.225,
    0.25,
    0.625,
)  # of the float32 vectors: codes and cache; a rule of thumb; what was reported too little
_SERVICES = 163e9  # bytes of a cluster without its query nodes (Milvus, the sizing tool)
_MACHINES = 16  # that are easily looked after
_SHARE = 4  # a graph is built in a quarter of a machine's memory


def exactly(name: str, value: float, unit: str, note: str, link: str, basis: Basis = "arithmetic") -> Estimate:
    """Return an estimate that has no range."""
    return Estimate(name, value, value, value, unit, basis, note, f"{_DOCUMENT}#{link}")


def fitted(
    scale: Scale, name: str, cost: str, link: str, *, note: str = "", divisor: float = 1.0, unit: str | None = None
) -> Iterator[Estimate]:
    """Yield the estimate of a cost if it was measured."""
    fit = fits().get(cost)
    if fit is None:
        return
    size = scale.counted(fit.of)
    value, spread, beyond = fit.at(size) / divisor, fit.spread(size), fit.times_beyond(size)
    basis: Basis = "fit" if len(fit.sizes) > 1 else "arithmetic"
    if size in fit.sizes and fit.of != "queries":  # what one query takes was measured at one size of the archive
        basis = "measured"
    said = [note, f"benchmarks/results/{fit.source}.json"]
    if len(fit.sizes) > 1:
        said.append(f"measured at {_short(min(fit.sizes))} to {_short(max(fit.sizes))} {fit.of}")
        said += [f"this is {_short(beyond)} times the largest"] * (beyond > 1)
    text = ", ".join(part for part in said if part)
    yield Estimate(name, value, value / spread, value * spread, unit or fit.unit, basis, text, f"{_DOCUMENT}#{link}")


def total_of(name: str, parts: list[Estimate], note: str, link: str) -> Estimate:
    """Return the sum of estimates; it is from what the least certain of them is from."""
    order: tuple[Basis, ...] = ("measured", "arithmetic", "source", "fit")
    basis = max((part.basis for part in parts), key=order.index)
    value, low, high = (sum(getattr(part, which) for part in parts) for which in ("value", "low", "high"))
    return Estimate(name, value, low, high, parts[0].unit, basis, note, f"{_DOCUMENT}#{link}")


def size_of(size: float) -> str:
    """Return bytes for people."""
    for unit, least in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= least:
            return f"{size / least:,.3g} {unit}"
    return f"{size:,.0f} bytes"


def _short(number: float) -> str:
    if number < 10:
        return f"{number:.1f}"
    return f"{number:,.0f}" if number < 1e6 else f"{number / 1e6:,.3g} million"


# --- disk -------------------------------------------------------------------------------------------------------


def disk_of(scale: Scale, engine: EngineName) -> list[Estimate]:
    """Return the parts of an index on disk."""
    return list(_DISK[engine](scale))


def _codes(scale: Scale) -> Iterator[Estimate]:
    if scale.token_vectors:
        note = f"{scale.dimension // 4} bytes a token"
        yield exactly("disk: token codes", scale.codes, "bytes", note, "token-vectors")


def _rest(scale: Scale, engine: EngineName) -> Iterator[Estimate]:
    """Yield what is no vector: of a folder where the engine was not measured."""
    cost = f"{engine}.rest"
    if cost not in fits():
        cost = "embedded.rest"
    yield from fitted(scale, "disk: texts, words", cost, "disk", note="" if cost.startswith(engine) else "of a folder")


def _embedded_disk(scale: Scale) -> Iterator[Estimate]:
    yield exactly("disk: vectors", scale.vectors, "bytes", f"{scale.dimension} components in float16", "disk")
    if scale.passages > _SMALL:
        each = scale.dimension / 8
        yield exactly("disk: scan", scale.passages * each, "bytes", f"codes of {each:.0f} bytes", "disk")
    yield from _codes(scale)
    yield from _rest(scale, "embedded")


def _postgres_disk(scale: Scale) -> Iterator[Estimate]:
    note = f"halfvec({scale.dimension})"
    yield exactly("disk: vectors", _halfvecs(scale), "bytes", note, "postgresql", "source")
    yield _postgres_graph(scale)
    yield from _codes(scale)
    yield from _rest(scale, "postgres")


def _halfvecs(scale: Scale) -> float:
    return scale.vectors + scale.passages * _HALFVEC_HEAD


def _postgres_graph(scale: Scale) -> Estimate:
    """Return the HNSW index: each vector again, and its links."""
    fit = fits().get("postgres.graph")
    if fit is None:
        note = f"{POSTGRES_BUILD} times the vectors, as building it takes"
        return exactly("disk: graph", POSTGRES_BUILD * _halfvecs(scale), "bytes", note, "postgresql", "source")
    # What was measured is of 384 dimensions: there are as many links in any.
    links = fit.slope - 2 * DIMENSION - _HALFVEC_HEAD
    value, spread = _halfvecs(scale) + links * scale.passages, fit.spread(scale.passages)
    basis: Basis = "measured" if scale.passages in fit.sizes and scale.dimension == DIMENSION else "fit"
    note = f"benchmarks/results/{fit.source}.json, {fit.slope:,.0f} bytes a passage of {DIMENSION} dimensions"
    return Estimate(
        "disk: graph", value, value / spread, value * spread, "bytes", basis, note, f"{_DOCUMENT}#postgresql"
    )


def _milvus_disk(scale: Scale) -> Iterator[Estimate]:
    yield exactly("disk: vectors", scale.vectors, "bytes", f"FLOAT16_VECTOR({scale.dimension})", "milvus")
    links = 4 * (_DISKANN_LINKS if takes_diskann(scale) else _LINKS)
    note = "the vectors again, and links"
    yield exactly("disk: graph", scale.vectors + scale.passages * links, "bytes", note, "milvus", "source")
    yield from _codes(scale)
    if "milvus.rest" in fits():
        yield from _rest(scale, "milvus")
    else:
        yield from fitted(scale, "disk: texts", "embedded.texts", "disk", note="as in a folder")


# --- memory -----------------------------------------------------------------------------------------------------


def memory_of(scale: Scale, engine: EngineName) -> list[Estimate]:
    """Return what answering takes in memory, first, and what else there is to say of it."""
    return list(_MEMORY[engine](scale))


def _embedded_memory(scale: Scale) -> Iterator[Estimate]:
    note = "a process that answers, with the pages of files that it has read"
    yield from fitted(scale, "memory", "embedded.query_memory", "memory", note=note)
    note = "without the model, which takes .5 GB"
    yield from fitted(scale, "memory: build", "embedded.build_memory", "memory", note=note)


def _postgres_memory(scale: Scale) -> Iterator[Estimate]:
    graph = _postgres_graph(scale)
    note = "the graph, which a query jumps about in; tables are read for the candidates alone"
    yield Estimate("memory", graph.value, graph.low, graph.high, "bytes", graph.basis, note, f"{_DOCUMENT}#postgresql")
    each = POSTGRES_BUILD * _halfvecs(scale) / partitions_of(scale)
    note = f"maintenance_work_mem: {POSTGRES_BUILD} times the vectors of a partition"
    yield exactly("memory: build", each, "bytes", note, "postgresql", "source")


def partitions_of(scale: Scale) -> int:
    """Return into how many parts a table is split, so that the graph of each is built in memory."""
    return max(1, math.ceil(_SHARE * POSTGRES_BUILD * _halfvecs(scale) / scale.memory))


def _hnsw(scale: Scale, component: float) -> float:
    """Return the bytes of vectors with so many bytes a component, and their links."""
    return scale.passages * (component * scale.dimension + 4 * _LINKS)


def takes_diskann(scale: Scale) -> bool:
    """Whether the graph is too large for the memory of as many machines as are easily looked after."""
    return MILVUS_OVERHEAD * _hnsw(scale, 2) * scale.replicas > _MACHINES * scale.usable


def _milvus_memory(scale: Scale) -> Iterator[Estimate]:
    link = f"{_DOCUMENT}#milvus"
    raw = scale.passages * 4 * scale.dimension
    less, value, more = (share * raw for share in _DISKANN)
    note = "a quarter of the vectors in float32; the rest is read from NVMe disks"
    found = {"DISKANN": Estimate("memory: DISKANN", value, less, more, "bytes", "source", note, link)}
    for kind, component in (("HNSW", 2), ("HNSW_SQ8", 1)):
        least = _hnsw(scale, component)
        most = MILVUS_OVERHEAD * least
        note = f"{8 * component} bits a component and {_LINKS} links, times the {MILVUS_OVERHEAD} that was reported"
        found[kind] = Estimate(f"memory: {kind}", most, least, most, "bytes", "source", note, link)
    kind = "DISKANN" if takes_diskann(scale) else "HNSW"
    chosen = found[kind]
    yield Estimate("memory", chosen.value, chosen.low, chosen.high, "bytes", "source", f"{kind}: {chosen.note}", link)
    yield from found.values()
    note = "all but the query nodes, in the smallest cluster of the vendor's sizing tool"
    yield exactly("memory: services", _SERVICES, "bytes", note, "machines", "source")


_DISK: Mapping[EngineName, Callable[[Scale], Iterator[Estimate]]] = {
    "embedded": _embedded_disk,
    "postgres": _postgres_disk,
    "milvus": _milvus_disk,
}
_MEMORY: Mapping[EngineName, Callable[[Scale], Iterator[Estimate]]] = {
    "embedded": _embedded_memory,
    "postgres": _postgres_memory,
    "milvus": _milvus_memory,
}
