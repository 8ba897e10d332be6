"""The benchmark of words: that it asks what is there, and says what that took."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import measuring, words


def test_each_size_is_indexed_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(words, "in_new_process", lambda function, *arguments: function(*arguments))
    words.main(["--sizes", "500", "50", "--queries", "7"])
    result = json.loads((tmp_path / "results" / "words.json").read_text(encoding="utf-8"))
    assert result["command"] == "python -m benchmarks.words --sizes 500 50 --queries 7"
    small, large = result["sizes"]
    assert (small["passages"], large["passages"]) == (50, 500)
    assert large["index_bytes"] > small["index_bytes"] > 0
    assert len(small["query_cpu_seconds"]) == len(large["query_wall_seconds"]) == 7


def test_what_is_indexed_of_an_article_is_its_paragraphs_or_all_of_it() -> None:
    text = "The first one.\n\nThe second one."
    assert words._parts(text, "passages") == [["The first one."], ["The second one."]]
    assert words._parts(text, "articles") == [["The first one.", "The second one."]]
