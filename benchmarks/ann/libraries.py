"""What each library is told: to build an index, to open it, and to search it. Runs in each library's environment.

All graphs have 16 links a vector and 200 candidates when built; everything else is the library's default.
"""

# ruff: noqa: ARG001, ARG002, ARG005 - each takes what some of them need
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["LIBRARIES", "SHARES", "Allowed", "Library", "allowed_rows"]

SHARES = (0.5, 0.1, 0.01, 0.001)
"""What filters leave of the rows."""


class Allowed(NamedTuple):
    """The rows that a filter leaves, at random: ``(n,)`` bool."""

    share: float
    mask: NDArray[np.bool_]


def allowed_rows(count: int) -> list[Allowed]:
    """Return the filters, always the same for so many rows."""
    values = np.random.default_rng(1).random(count)
    return [Allowed(share, values < share) for share in SHARES]


Search = Callable[[NDArray[np.float32], int, Any, "Allowed | None"], Any]

_LINKS = 16
_BUILD_DEPTH = 200
_DEPTHS = (16, 32, 64, 128, 256, 512)


class Library(Protocol):
    """A library, and the settings that are tried, each dearer than the one before.

    ``build`` writes an index of the file of vectors into a folder; ``open`` gives a function of a query, ``k``, a
    setting and the rows that are allowed, that returns row numbers.
    """

    settings: tuple[Any, ...]
    filters: bool
    """Whether it can search among some rows only."""
    reads_vectors: bool
    """Whether what it writes is of no use without the file of vectors."""

    def build(self, vectors: Path, folder: Path) -> None:
        """Write the index."""

    def open(self, vectors: Path, folder: Path) -> Search:
        """Read it."""


class Semsearch:
    settings: tuple[Any, ...] = (0.9, 0.95, 0.99, 0.995, 0.998, 0.999, 1.0)
    filters = True
    reads_vectors = True

    def build(self, vectors: Path, folder: Path) -> None:
        from semsearch.dense import DenseIndex

        serialized = DenseIndex.build(np.load(vectors, mmap_mode="r")).to_bytes()
        if serialized is not None:
            serialized.tofile(folder / "dense.codes")

    def open(self, vectors: Path, folder: Path) -> Search:
        from semsearch.dense import DenseIndex

        path = folder / "dense.codes"
        serialized = np.fromfile(path, np.uint8) if path.exists() else None
        index = DenseIndex.open(np.load(vectors, mmap_mode="r"), serialized)

        def search(query: NDArray[np.float32], k: int, recall: Any, allowed: Allowed | None) -> Any:
            mask = None if allowed is None else allowed.mask
            return index.search(query[None], k, allowed=mask, recall=recall)[0][0]

        return search


class FaissFlat:
    settings: tuple[Any, ...] = ("exact",)
    filters = True
    reads_vectors = False

    def build(self, vectors: Path, folder: Path) -> None:
        import faiss

        index: Any = faiss.IndexFlatIP(np.load(vectors, mmap_mode="r").shape[1])
        _add(index, vectors)
        faiss.write_index(index, str(folder / "index"))

    def open(self, vectors: Path, folder: Path) -> Search:
        import faiss

        index: Any = faiss.read_index(str(folder / "index"))

        def search(query: NDArray[np.float32], k: int, setting: Any, allowed: Allowed | None) -> Any:
            parameters = None if allowed is None else _parameters("SearchParameters", allowed)
            return index.search(query[None], k, params=parameters)[1][0]

        return search


class FaissGraph:
    settings: tuple[Any, ...] = _DEPTHS
    filters = True
    reads_vectors = False

    def build(self, vectors: Path, folder: Path) -> None:
        import faiss

        dimension = np.load(vectors, mmap_mode="r").shape[1]
        index: Any = faiss.IndexHNSWFlat(dimension, _LINKS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = _BUILD_DEPTH
        _add(index, vectors)
        faiss.write_index(index, str(folder / "index"))

    def open(self, vectors: Path, folder: Path) -> Search:
        import faiss

        index: Any = faiss.read_index(str(folder / "index"))

        def search(query: NDArray[np.float32], k: int, depth: Any, allowed: Allowed | None) -> Any:
            parameters = _parameters("SearchParametersHNSW", allowed, efSearch=depth)
            return index.search(query[None], k, params=parameters)[1][0]

        return search


class Hnswlib:
    settings: tuple[Any, ...] = _DEPTHS
    filters = True
    reads_vectors = False

    def build(self, vectors: Path, folder: Path) -> None:
        import hnswlib

        all_vectors = np.load(vectors, mmap_mode="r")
        index = hnswlib.Index(space="ip", dim=all_vectors.shape[1])
        index.init_index(len(all_vectors), M=_LINKS, ef_construction=_BUILD_DEPTH)
        index.set_num_threads(1)
        index.add_items(np.asarray(all_vectors, np.float32), np.arange(len(all_vectors)))
        index.save_index(str(folder / "index"))

    def open(self, vectors: Path, folder: Path) -> Search:
        import hnswlib

        index = hnswlib.Index(space="ip", dim=np.load(vectors, mmap_mode="r").shape[1])
        index.load_index(str(folder / "index"))
        index.set_num_threads(1)

        def search(query: NDArray[np.float32], k: int, depth: Any, allowed: Allowed | None) -> Any:
            index.set_ef(depth)
            try:
                return index.knn_query(query[None], k, filter=None if allowed is None else allowed.mask.__getitem__)[0][
                    0
                ]
            except RuntimeError:  # if it finds fewer than k
                return []

        return search


class Usearch:
    settings: tuple[Any, ...] = _DEPTHS
    filters = False
    reads_vectors = False

    def build(self, vectors: Path, folder: Path) -> None:
        from usearch.index import Index

        all_vectors = np.load(vectors, mmap_mode="r")
        index = Index(
            ndim=all_vectors.shape[1], metric="ip", dtype="f16", connectivity=_LINKS, expansion_add=_BUILD_DEPTH
        )
        index.add(np.arange(len(all_vectors)), np.asarray(all_vectors), threads=1)
        index.save(str(folder / "index"))

    def open(self, vectors: Path, folder: Path) -> Search:
        from usearch.index import Index

        index: Any = Index.restore(str(folder / "index"))

        def search(query: NDArray[np.float32], k: int, depth: Any, allowed: Allowed | None) -> Any:
            index.expansion_search = depth
            return index.search(query.astype(np.float16), k, threads=1).keys.astype(np.int64)

        return search


class Scann:
    settings: tuple[Any, ...] = (20, 50, 100, 200, 400, 800)
    filters = False
    reads_vectors = False

    def build(self, vectors: Path, folder: Path) -> None:
        from scann.scann_ops.py import scann_ops_pybind as scann

        all_vectors = np.asarray(np.load(vectors, mmap_mode="r"), np.float32)
        builder = scann.builder(all_vectors, 10, "dot_product").set_n_training_threads(1)
        builder.score_ah(2, anisotropic_quantization_threshold=0.2).reorder(100).build().serialize(str(folder))

    def open(self, vectors: Path, folder: Path) -> Search:
        from scann.scann_ops.py import scann_ops_pybind as scann

        searcher = scann.load_searcher(str(folder))
        searcher.set_num_threads(1)
        return lambda query, k, depth, allowed: searcher.search(query, k, pre_reorder_num_neighbors=depth)[0]


class Lancedb:
    settings: tuple[Any, ...] = ((5, 5), (20, 10), (20, 50), (50, 50), (100, 50))  # partitions, rows reranked for one
    filters = True
    reads_vectors = False

    def build(self, vectors: Path, folder: Path) -> None:
        import lancedb
        import pyarrow as pa

        all_vectors = np.load(vectors, mmap_mode="r")
        count, dimension = all_vectors.shape
        schema = pa.schema(
            [
                ("row", pa.int64()),
                ("vector", pa.list_(pa.float16(), dimension)),
                *((_column(allowed), pa.bool_()) for allowed in allowed_rows(count)),
            ]
        )
        table = lancedb.connect(folder).create_table("vectors", schema=schema)
        for start in range(0, count, 65_536):
            part = pa.array(np.asarray(all_vectors[start : start + 65_536]).ravel())
            vectors_of_part = pa.FixedSizeListArray.from_arrays(part, dimension)
            columns = {"row": np.arange(start, start + len(vectors_of_part)), "vector": vectors_of_part}
            for allowed in allowed_rows(count):
                columns[_column(allowed)] = allowed.mask[start : start + len(vectors_of_part)]
            table.add(pa.table(columns, schema=schema))
        table.create_index(metric="dot", vector_column_name="vector", index_type="IVF_PQ")
        for allowed in allowed_rows(count):
            table.create_scalar_index(_column(allowed), index_type="BITMAP")

    def open(self, vectors: Path, folder: Path) -> Search:
        import lancedb

        table = lancedb.connect(folder).open_table("vectors")

        def search(query: NDArray[np.float32], k: int, setting: Any, allowed: Allowed | None) -> Any:
            partitions, factor = setting
            asked = table.search(query).distance_type("dot").nprobes(partitions).refine_factor(factor).limit(k)
            if allowed is not None:
                asked = asked.where(_column(allowed), prefilter=True)
            return asked.select(["row", "_distance"]).to_arrow()["row"].to_numpy()

        return search


def _column(allowed: Allowed) -> str:
    return f"one_in_{round(1 / allowed.share)}"


def _add(index: Any, vectors: Path) -> None:
    all_vectors = np.load(vectors, mmap_mode="r")
    for start in range(0, len(all_vectors), 65_536):
        index.add(np.asarray(all_vectors[start : start + 65_536], np.float32))


def _parameters(kind: str, allowed: Allowed | None, **others: Any) -> Any:
    import faiss

    library: Any = faiss
    if allowed is not None:
        others["sel"] = library.IDSelectorBitmap(np.packbits(allowed.mask, bitorder="little"))
    return getattr(library, kind)(**others)


LIBRARIES: dict[str, type[Library]] = {
    "semsearch": Semsearch,
    "exact": FaissFlat,
    "faiss HNSW": FaissGraph,
    "hnswlib": Hnswlib,
    "usearch": Usearch,
    "scann": Scann,
    "lancedb": Lancedb,
}
