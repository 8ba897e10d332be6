"""A writer that is killed loses nothing that it said was done, and nobody sees the half of a change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.torture.figures import note, scaled

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills children that this system cannot fork")


def kill(folder: Path, rounds: int, broken: str = "") -> dict[str, Any]:
    run = subprocess.run(
        [sys.executable, "-m", "tests.torture.killed", str(folder), str(rounds), "1", broken],
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    tally: dict[str, Any] = json.loads(run.stdout)
    return tally


def test_killed_writers_lose_nothing(tmp_path: Path) -> None:
    rounds = scaled(15, 2000)
    tally = kill(tmp_path, rounds)
    note(
        "kill -9 at a random moment",
        **{name: tally[name] for name in ("kills", "acknowledged", "lost", "half_visible", "damaged")},
        seconds_to_reopen_at_most=round(tally["slowest_open"], 2),
    )
    assert tally["failures"] == []
    assert tally["kills"] == rounds
    assert tally["acknowledged"] > 0
    assert len(tally["phases"]) > 1


@pytest.mark.parametrize(
    ("broken", "figure"),
    [
        ("CURRENT is written in place", "lost"),
        ("done is said too early", "lost"),
        ("a change is two commits", "half_visible"),
    ],
)
def test_what_a_writer_loses_is_noticed(tmp_path: Path, broken: str, figure: str) -> None:
    assert kill(tmp_path, 200, broken)[figure] == 1
