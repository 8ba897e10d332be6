"""Damage is named, never searched: whatever happens to a file of an index, no answer is another one.

Each damage is done to an index of two generations. ``verify_index`` must have a problem with the file, and opening and
searching must either raise an error of the library's that names it, or give the answers of the index as it was.
"""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch import IndexCorruptError, build_index, open_index, verify_index
from semsearch.building import _embedding
from tests.embedder import TokenWordEmbedder
from tests.index_files import answers, files_of, live
from tests.torture.damage import KINDS, Damage, articles, build_generations, damages, harm, mend, previous
from tests.torture.figures import note, scaled
from tests.torture.probing import QUESTION, Finding, Prober, few_are_many

PROMISE = "damage is named, never searched"


class Index(NamedTuple):
    """An index, and what is found in it as long as nothing is damaged."""

    path: Path
    expected: Finding


@pytest.fixture(scope="module")
def prober() -> Iterator[Prober]:
    with Prober() as prober:
        yield prober


@pytest.fixture(scope="module", params=["codes", "every vector"])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, prober: Prober) -> Index:
    return built(tmp_path_factory.mktemp("damage") / "index", prober, codes=request.param == "codes")


@pytest.fixture(scope="module")
def one_index(tmp_path_factory: pytest.TempPathFactory, prober: Prober) -> Index:
    return built(tmp_path_factory.mktemp("damage") / "one-index", prober, codes=True)


def built(path: Path, prober: Prober, *, codes: bool) -> Index:
    build_generations(path, codes=codes)
    expected = prober.look(path)
    assert (expected.problems, expected.outcome) == ([], "answers")
    assert all(expected.answers.values() if expected.answers else [])
    return Index(path, expected)


def judge(finding: Finding, index: Index, harmed: Iterable[Path]) -> str:
    """Return what a finding is: ``named`` and ``right`` are as they should be."""
    if finding.outcome == "answers":
        return "right" if finding.answers == index.expected.answers else "wrong"
    if finding.outcome != "error":
        return "crashed" if finding.outcome.startswith("the process ended") else "unexpected"
    names = [str(path) for path in harmed] + ["CURRENT" for path in harmed if path.name == "CURRENT"]
    in_folder = any(Path(finding.path) in path.parents for path in harmed)
    return "named" if in_folder or any(name in finding.message for name in names) else "named another"


def trial(
    prober: Prober, index: Index, wanted: Iterable[Damage], *, small: bool | None = None, sabotage: str | None = None
) -> tuple[Counter[str], list[str]]:
    """Do each damage and mend it. Returns what came of them, counted, and what should not have been."""
    counts: Counter[str] = Counter()
    failures = []
    for damage in wanted:
        before = harm(index.path, damage)
        if not before:
            continue
        as_small = small if small is not None else damage.seed % 4 > 0
        finding = prober.look(index.path, small=as_small, sabotage=sabotage)
        mend(before)
        verdict = judge(finding, index, before)
        is_found = bool(finding.problems)
        counts.update(mutations=1, found_by_verify=int(is_found), **{verdict: 1})
        if not is_found or verdict not in {"named", "right"}:
            failures.append(f"{damage}: {verdict}, {finding._replace(answers=None)}")
    return counts, failures


def test_no_damage_to_a_generation_is_searched(index: Index, prober: Prober) -> None:
    wanted = damages(index.path, live(index.path), scaled(330, 5600))
    counts, failures = trial(prober, index, wanted)
    assert failures == []
    assert counts["mutations"] == counts["found_by_verify"] == counts["named"] + counts["right"]
    assert counts["named"] > 20 * max(1, counts["right"])
    note(
        PROMISE,
        mutations=counts["mutations"],
        found_by_verify=counts["found_by_verify"],
        named_when_searched=counts["named"],
        right_answers=counts["right"],
        wrong_answers=counts["wrong"],
        crashes=counts["crashed"],
    )
    assert prober.look(index.path) == index.expected  # all was mended


def test_every_kind_of_damage_is_done_to_every_file(index: Index) -> None:
    names = {*files_of(live(index.path)), "manifest.json"}
    done = list(damages(index.path, live(index.path), len(KINDS) * (len(names) + 1)))
    assert {damage.kind for damage in done} == set(KINDS)
    assert len({(damage.kind, damage.name) for damage in done}) == len(done)
    assert {Path(damage.name).name for damage in done} == {"CURRENT", *(Path(name).name for name in names)}


def test_damage_to_the_generation_before_is_none_of_the_live_one(index: Index, prober: Prober) -> None:
    for damage in damages(index.path, previous(index.path), scaled(25, 600)):
        if damage.kind == "the older generation's":
            continue  # it is that one
        before = harm(index.path, damage)
        finding = prober.look(index.path)
        mend(before)
        assert finding == index.expected, damage
        note("damage to an older generation changes nothing", mutations=1)


def test_damage_to_rows_that_were_not_read_yet_is_named_while_the_index_is_open(one_index: Index) -> None:
    """What was checked before is not checked again; of the large files that is each row when it is first read."""
    folder = live(one_index.path)
    pages = [
        (folder / name, start)
        for name in files_of(folder)
        if name == "embeddings.npy" or name.startswith("tokens/")
        for start in range(128, (folder / name).stat().st_size, 4096)  # after the header
    ]
    for path, start in pages[:: scaled(3, 1)]:
        content = path.read_bytes()
        with few_are_many(), open_index(one_index.path, embedder=TokenWordEmbedder()) as searcher:
            write_in_place(path, start, bytes(byte ^ 0x55 for byte in content[start : start + 4096]))
            with pytest.raises(IndexCorruptError) as error:
                searcher.search(QUESTION, len(searcher), fold_duplicates=False)
        write_in_place(path, 0, content)
        assert error.value.path == path
        note("damage while the index is open", pages=1, wrong_answers=0)


def write_in_place(path: Path, start: int, data: bytes) -> None:
    with path.open("rb+") as stream:
        stream.seek(start)
        stream.write(data)


class Stopping(TokenWordEmbedder):
    """Ends a build when it has embedded most of it."""

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if len(self.embedded) > 80:
            raise RuntimeError("stopped")
        return super().embed_passages(texts)


def test_damage_to_what_a_killed_build_left_costs_no_more_than_to_embed_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_embedding, "SHARD", 20)
    build_index(articles(0, 90), tmp_path / "whole", embedder=TokenWordEmbedder())
    expected = answers(tmp_path / "whole", embedder=TokenWordEmbedder())
    with pytest.raises(RuntimeError, match="stopped"):
        build_index(articles(0, 90), tmp_path / "killed", embedder=Stopping())
    for number in range(scaled(5, 200)):
        index = tmp_path / "index"
        shutil.rmtree(index, ignore_errors=True)
        shutil.copytree(tmp_path / "killed", index)
        names = [path.relative_to(index).as_posix() for path in sorted((index / "partial").rglob("*.rows"))]
        kinds = [kind for kind in KINDS if kind != "the older generation's"]  # there is none
        damage = Damage(kinds[number % len(kinds)], names[number % len(names)], number)
        harm(index, damage)
        build_index(articles(0, 90), index, embedder=TokenWordEmbedder())
        assert answers(index, embedder=TokenWordEmbedder()) == expected, damage
        assert [check for check in verify_index(index) if check.problem] == []
        note("damage to what a killed build left", mutations=1, wrong_answers=0)


# --- the harness ------------------------------------------------------------------------------------------------------

# What is left out; how that shows; the files that are damaged, and how.
SHOWN = [
    ("no checksum when opening", "wrong", "token_rotation.npy", "flipped bits"),
    ("no checksum when verifying", "not found", "keys.npy", "a flipped bit"),
    # Sizes say nothing that checksums do not, but to tell at once which of the large files is cut short: that no token
    # lies beyond the end of its file would be noticed next, and be said of another file.
    ("no size", "named another", "tokens/", "cut at a page"),
    ("no look for what is missing", "not found", "keys.npy", "missing"),
    ("no checksum of a row", "wrong", "embeddings.npy", "4096 bytes zeroed"),
    ("no checksum of a row", "wrong", "tokens/", "flipped bits"),
]


@pytest.mark.parametrize(("sabotage", "shown", "name", "kind"), SHOWN)
def test_what_is_not_checked_shows(
    one_index: Index, prober: Prober, sabotage: str, shown: str, name: str, kind: str
) -> None:
    names = [each for each in files_of(live(one_index.path)) if name in each]
    folder = live(one_index.path).relative_to(one_index.path)
    wanted = [Damage(kind, f"{folder}/{each}", seed) for each in names for seed in range(8)]
    counts, failures = trial(prober, one_index, wanted, small=True, sabotage=sabotage)
    assert failures != []
    if shown == "not found":
        assert counts["found_by_verify"] == 0
    else:
        assert counts[shown] > 0


def test_a_manifest_that_is_not_checked_shows(one_index: Index, prober: Prober) -> None:
    path = live(one_index.path) / "manifest.json"
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"target_tokens": 120', b'"target_tokens": 121'))
    checked = prober.look(one_index.path)
    unchecked = prober.look(one_index.path, sabotage="no checksum of the manifest")
    path.write_bytes(content)
    assert (checked.problems, judge(checked, one_index, [path])) == ([str(path)], "named")
    assert unchecked == one_index.expected


def test_an_end_of_the_process_is_told_and_another_one_goes_on(one_index: Index) -> None:
    with Prober() as prober:
        assert prober.look(one_index.path, sabotage="a crash").outcome == f"the process ended with {-signal.SIGKILL}"
        assert prober.crashes == 1
        assert prober.look(one_index.path) == one_index.expected
