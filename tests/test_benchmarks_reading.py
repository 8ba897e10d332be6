"""What the benchmark of reading counts: the same articles in every format, and every passage and token of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.reading import WRITERS, read_alone, reading_table, split_all, write_copies
from semsearch import read_articles
from tests.embedder import WordEmbedder

TEXTS = ["The harbour is closed until the spring of next year.", "A probe came down near the pole.\n\nIt rests there."]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.jsonl"
    path.write_text("".join(json.dumps({"title": f"Title {n}", "text": text}) + "\n" for n, text in enumerate(TEXTS)))
    return path


@pytest.mark.parametrize("kind", WRITERS)
def test_every_format_holds_the_same_articles(corpus: Path, tmp_path: Path, kind: str) -> None:
    write_copies(str(corpus), kind, tmp_path / "copies", 3)
    articles = list(read_articles(tmp_path / "copies"))
    assert sorted((article.title, article.text) for article in articles) == sorted(
        (f"Title {n}", text) for n, text in enumerate(TEXTS * 3) for n in [n % 2]
    )
    assert len({article.id for article in articles}) == 6
    assert read_alone(tmp_path / "copies")["articles"] == 6
    counted = split_all(tmp_path / "copies", WordEmbedder())
    assert (counted["articles"], counted["passages"]) == (6, 6)


def test_more_rows_than_a_group_of_parquet_takes_are_all_written(corpus: Path, tmp_path: Path) -> None:
    write_copies(str(corpus), "Parquet", tmp_path / "copies", 5_001)
    assert read_alone(tmp_path / "copies")["articles"] == 10_002


def test_the_table_compares_the_best_runs() -> None:
    run = {"articles": 100, "bytes": 3 << 20, "cpu_seconds": 2.0, "peak_rss_bytes": 5 << 20}
    split = {"articles": 100, "passages": 300, "tokens": 20_000, "cpu_seconds": 2.0}
    result = {
        "corpus": "made",
        "embedding": {"passages": 10, "tokens": 1000, "cpu_seconds": 1.0},
        "formats": {
            "CSV": {
                "reading": [run, {**run, "cpu_seconds": 1.0}],
                "reading and splitting": [split, {**split, "cpu_seconds": 1.0}],
                "reading a large one": {**run, "bytes": 30 << 20, "peak_rss_bytes": 6 << 20},
            }
        },
    }
    assert reading_table(result).splitlines()[2] == "| CSV | 100 | 200 | 20.0 | 5 of 3 | 6 of 30 |"
