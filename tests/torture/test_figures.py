"""What is noted is added up, and told apart by promise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.reliability import reliability_table
from tests.torture import figures


def test_figures_of_a_promise_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "NOTED", {})
    figures.note("a crash", points=2, lost=0)
    figures.note("a crash", points=1200)
    figures.note("damage", mutations=5)
    assert figures.NOTED == {"a crash": {"points": 1202, "lost": 0}, "damage": {"mutations": 5}}


def test_figures_of_a_long_version_stay_where_the_short_one_is_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(figures, "_RESULTS", tmp_path / "results.json")
    for long, points in ((True, 5000), (False, 7)):
        monkeypatch.setattr(figures, "NOTED", {})
        monkeypatch.setattr(figures, "LONG", long)
        figures.note("a crash", points=points, half_visible=0)
        if not long:
            figures.note("damage", mutations=5)
        figures.write_noted()
    written = json.loads((tmp_path / "results.json").read_bytes())
    assert reliability_table(written).splitlines()[2:] == [
        "| a crash | long | 5,000 points, 0 half visible |",
        "| damage | short | 5 mutations |",
    ]
