"""What web pages are measured by, worked out by hand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from benchmarks.html import Page, Score, lines_of, mean_of, measure, read_pages, runs_of, score


def test_runs_are_of_four_words_and_marks_do_not_count() -> None:
    assert runs_of("One, two. Three four – five!") == {
        ("One", "two", "Three", "four"): 1,
        ("two", "Three", "four", "five"): 1,
    }
    assert runs_of("One two") == {("One", "two"): 1}
    assert runs_of(" …") == {}


def test_lines_are_compared_by_their_words() -> None:
    assert lines_of("One, two.\n\n one two\nOne two") == {("One", "two"): 2, ("one", "two"): 1}


def test_a_bag_is_scored_by_what_both_have() -> None:
    assert score(runs_of("a b c d e"), runs_of("a b c d")) == Score(0.5, 1.0)
    assert score(runs_of(""), runs_of("a b c d")) == Score(None, 0.0)
    assert score(runs_of("a"), runs_of("")) == Score(0.0, None)
    assert score(runs_of(""), runs_of("")) == Score(None, None)


def test_f1_is_of_the_mean_precision_and_the_mean_recall() -> None:
    assert mean_of([Score(1.0, 0.5), Score(0.5, 1.0), Score(None, 0.0)]) == (0.75, 0.5, 0.6)
    assert mean_of([Score(None, None)]) == (0.0, 0.0, 0.0)


def test_each_page_counts_the_same_whatever_its_length() -> None:
    pages = [Page("short", b"", "a b c d"), Page("long", b"", "a b c d e f g h")]

    found = measure(pages, ["a b c d", ""])

    assert (found["precision"], found["recall"], found["f1"]) == (1.0, 0.5, pytest.approx(0.6667))
    assert found["f1_of_halves"] == [1.0, 0.0]
    assert found["per_page"] == {"short": [1.0, 1.0], "long": [None, 0.0]}


def test_pages_are_read_as_their_set_is_laid_out(tmp_path: Path) -> None:
    (tmp_path / "a.html.gz").write_bytes(gzip.compress(b"<p>x"))
    entry = {"_id": "a", "html": "a.html.gz", "text": "x", "title": None}
    (tmp_path / "ground-truth.jsonl").write_text(json.dumps(entry) + "\n", encoding="utf-8")

    assert read_pages(tmp_path) == [Page("a", b"<p>x", "x")]
