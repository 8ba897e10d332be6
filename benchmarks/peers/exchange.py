"""What the suite hands to a peer's script, and what it gets back: files in one folder.

This module runs in the peers' environments, which have numpy but not semsearch. The folder has

- ``documents.jsonl``: a ``text`` a line. A document is known by its row;
- ``queries.jsonl``: an ``id`` and a ``text`` a line;
- ``documents.npy`` and ``queries.npy``: their vectors, float32, unit rows;
- ``depth``: how many documents a query should give;

and the script puts a ``MODE.run`` in it for each of its modes: TREC's six columns, tab-separated, with rows for ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Task", "read_task", "read_texts", "write_rows", "write_task", "write_texts"]

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Task:
    """Documents, queries, their vectors, and how many documents each query should give."""

    documents: Sequence[str]
    queries: Mapping[str, str]
    document_vectors: Vectors
    query_vectors: Vectors
    depth: int

    def __post_init__(self) -> None:
        if not self.documents or not self.queries:
            raise ValueError(
                f"there are {len(self.documents)} documents and {len(self.queries)} queries: none may be 0"
            )
        if self.depth < 1:
            raise ValueError(f"depth must be at least 1, not {self.depth}")
        for name, texts, vectors in (
            ("documents", self.documents, self.document_vectors),
            ("queries", self.queries, self.query_vectors),
        ):
            if vectors.ndim != 2 or len(vectors) != len(texts):
                raise ValueError(f"there are {len(texts)} {name}, but vectors of shape {vectors.shape}")
            if not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3):
                raise ValueError(f"the vectors of the {name} must have length 1")

    @property
    def limit(self) -> int:
        """How many documents a query can give: ``depth``, or all that there are."""
        return min(self.depth, len(self.documents))


def write_texts(texts: Iterable[str], path: Path) -> None:
    """Write one JSON object with a ``text`` a line."""
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps({"text": text}) + "\n" for text in texts)


def read_texts(path: Path) -> list[str]:
    """Read what :func:`write_texts` wrote.

    Raises:
        ValueError: If a line is not such an object.
    """
    return [_field(record, "text", place) for place, record in _records(path)]


def write_task(task: Task, folder: Path) -> None:
    """Write the files that :func:`read_task` reads."""
    write_texts(task.documents, folder / "documents.jsonl")
    with (folder / "queries.jsonl").open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps({"id": query, "text": text}) + "\n" for query, text in task.queries.items())
    np.save(folder / "documents.npy", task.document_vectors)
    np.save(folder / "queries.npy", task.query_vectors)
    (folder / "depth").write_text(f"{task.depth}\n", encoding="ascii")


def read_task(folder: Path) -> Task:
    """Read a folder that :func:`write_task` wrote.

    Raises:
        ValueError: If a line is not what it should be, an id is there twice, or texts and vectors do not match.
    """
    queries: dict[str, str] = {}
    for place, record in _records(folder / "queries.jsonl"):
        query = _field(record, "id", place)
        if query in queries:
            raise ValueError(f"{place}: has the id {query!r} again")
        queries[query] = _field(record, "text", place)
    return Task(
        documents=read_texts(folder / "documents.jsonl"),
        queries=queries,
        document_vectors=_vectors(folder / "documents.npy"),
        query_vectors=_vectors(folder / "queries.npy"),
        depth=int((folder / "depth").read_text(encoding="ascii")),
    )


def write_rows(found: Mapping[str, Sequence[tuple[int, float]]], mode: str, task: Task, folder: Path) -> None:
    """Write a mode's answers: for each query the rows of documents, best first, with their scores.

    Raises:
        ValueError: If a query is not of the task, a row is none of its documents, or is there twice for a query.
    """
    lines = []
    for query, ranked in found.items():
        if query not in task.queries:
            raise ValueError(f"{query!r} is no query of this task")
        rows = [row for row, _ in ranked]
        if len(set(rows)) < len(rows) or not all(0 <= row < len(task.documents) for row in rows):
            raise ValueError(f"the answers to the query {query!r} are not different rows of {len(task.documents)}")
        lines += [f"{query}\tQ0\t{row}\t{rank}\t{score:.6f}\t{mode}\n" for rank, (row, score) in enumerate(ranked, 1)]
    # Written beside it and renamed: what is there is whole.
    unfinished = folder / f"{mode}.unfinished"
    unfinished.write_text("".join(lines), encoding="utf-8")
    unfinished.replace(folder / f"{mode}.run")


def _records(path: Path) -> Iterable[tuple[str, dict[str, object]]]:
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            place = f"{path.name}:{number}"
            try:
                record = json.loads(line)
            except ValueError as error:
                raise ValueError(f"{place}: is not a JSON object on one line ({error})") from None
            if not isinstance(record, dict):
                raise ValueError(f"{place}: is JSON, but not an object")
            yield place, record


def _field(record: Mapping[str, object], name: str, place: str) -> str:
    value = record.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{place}: its {name!r} must be a text, not {value!r}")
    return value


def _vectors(path: Path) -> Vectors:
    return np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)
