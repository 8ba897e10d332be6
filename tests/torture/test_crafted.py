"""An index from elsewhere is data: whatever is in its files, it is read, or refused by an error of the library.

What is crafted has checksums that are right, so that nothing but its content can give it away. The process that opens
and searches it may take two gigabytes more than it has, and a minute; it must not end, and raise nothing else.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.torture.crafted import CRAFTS, craft
from tests.torture.damage import build_generations
from tests.torture.figures import note, scaled
from tests.torture.probing import Prober

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="crafts pipes, which this system does not have")


EVERY = scaled(4, 1)
"""An update is tried of each so many crafted indexes."""


@pytest.fixture(scope="module")
def prober() -> Iterator[Prober]:
    with Prober() as prober:
        yield prober


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("crafted") / "template"
    build_generations(path)
    return path


def trial(
    prober: Prober, template: Path, folder: Path, kind: str, seeds: range, sabotage: str | None = None
) -> tuple[Counter[str], list[str]]:
    """Craft an index with each of ``seeds``. Returns what came of them, counted, and what should not have been."""
    counts: Counter[str] = Counter()
    failures = []
    for seed in seeds:
        index = folder / "index"
        shutil.rmtree(index, ignore_errors=True)
        shutil.copytree(template, index)
        craft(index, kind, seed)
        finding = prober.look(index, small=seed % 4 > 0, sabotage=sabotage)
        counts[finding.outcome] += 1
        if finding.outcome not in {"error", "answers"}:
            failures.append(f"{kind}, seed {seed}: {finding.outcome}")
        if sabotage is None and seed % EVERY == 0:
            changed = prober.change(index)
            counts["changed"] += 1
            # What was taken over of an index that is damaged, as verify says, is so still.
            if changed.outcome not in {"error", "built", *(["damaged"] if finding.problems else [])}:
                failures.append(f"{kind}, seed {seed}, an update: {changed.outcome}")
    return counts, failures


@pytest.mark.parametrize("kind", CRAFTS)
def test_what_is_crafted_is_refused_or_read(prober: Prober, template: Path, tmp_path: Path, kind: str) -> None:
    counts, failures = trial(prober, template, tmp_path, kind, range(scaled(5, 70)))
    assert failures == []
    note(
        "an index from elsewhere is data",
        crafted_indexes=counts["error"] + counts["answers"],
        refused=counts["error"],
        read=counts["answers"],
        updates_tried=counts["changed"],
        other_exceptions_or_crashes=0,
    )


# What is left out; what is crafted; what comes of one of the seeds, from the first one on.
LEFT_OUT = [
    ("no look at spans", "values of arrays", "Error", 11),
    ("no look at the rows of documents", "documents", "Error", 0),
    ("no look at the schema", "schemas", "", 3),
    ("no look at components", "values of arrays", "not finite", 0),
    ("no look at panics", "the engine's postings", "PanicException", 5),
    ("no look at what is no file", "what is no file", "the process ended", 0),
]


@pytest.mark.parametrize(("sabotage", "kind", "shown", "first"), LEFT_OUT)
def test_what_is_not_looked_at_shows(
    prober: Prober, template: Path, tmp_path: Path, sabotage: str, kind: str, shown: str, first: int
) -> None:
    for seed in range(first, first + 150):
        _, failures = trial(prober, template, tmp_path, kind, range(seed, seed + 1), sabotage)
        if failures:
            break
    assert shown in failures[0]
