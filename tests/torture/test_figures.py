"""What is noted is added up, and told apart by promise."""

from __future__ import annotations

import pytest

from benchmarks.reliability import reliability_table
from tests.torture import figures


def test_figures_of_a_promise_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "NOTED", {})
    figures.note("a crash", points=2, lost=0)
    figures.note("a crash", points=1200)
    figures.note("damage", mutations=5)
    assert figures.NOTED == {"a crash": {"points": 1202, "lost": 0}, "damage": {"mutations": 5}}
    assert reliability_table({"promises": figures.NOTED}).splitlines()[2:] == [
        "| a crash | 1,202 points, 0 lost |",
        "| damage | 5 mutations |",
    ]
