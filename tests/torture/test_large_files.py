"""However large a file of records is, reading it takes no more memory than reading a small one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import semsearch
from benchmarks.measuring import in_new_process, peak_memory
from benchmarks.reading import WRITERS, read_alone
from tests.torture.figures import note, scaled

PROMISE = "large files"
SMALL = scaled(20, 50)  # megabytes of text
TIMES = scaled(5, 10)
ROOM = 32 << 20  # bytes: what the allocators of one process keep more than those of another


def write(folder: Path, kind: str, megabytes: int) -> None:
    """Write articles of ten thousand characters, none like another."""
    folder.mkdir()
    records = (
        {"id": str(number), "title": f"Title {number}", "text": f"The tide of day {number:6} was low. " * 300}
        for number in range(megabytes * 100)
    )
    WRITERS[kind](folder, records)


def read_and_keep(folder: Path) -> dict[str, Any]:
    articles = list(semsearch.read_articles(folder))
    return {"articles": len(articles), "peak_rss_bytes": peak_memory()}


def growth(folder: Path, kind: str, read: Callable[[Path], dict[str, Any]]) -> int:
    """Return how many bytes more it takes to read a large file than a small one, each in a process of its own."""
    peaks = []
    for megabytes in (SMALL, SMALL * TIMES):
        write(folder / f"{megabytes}", kind, megabytes)
        ran = in_new_process(read, folder / f"{megabytes}")
        assert ran["articles"] == megabytes * 100
        peaks.append(int(ran["peak_rss_bytes"]))
    return peaks[1] - peaks[0]


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a process's most memory is Linux's figure")


@linux
@pytest.mark.parametrize("kind", ["JSON lines", "JSON", "CSV", "Parquet", "SQLite"])
def test_a_large_file_takes_no_more_memory_than_a_small_one(tmp_path: Path, kind: str) -> None:
    assert growth(tmp_path, kind, read_alone) < ROOM
    note(PROMISE, megabytes_read=SMALL * TIMES)


@linux
def test_that_what_was_read_is_kept_is_noticed(tmp_path: Path) -> None:
    assert growth(tmp_path, "JSON lines", read_and_keep) > ROOM
