"""A committed article survives any crash: a kill, a loss of power or a torn write at every step of a build."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from semsearch import Article, IndexNotFoundError, SemsearchError, build_index, open_index, update_index, verify_index
from semsearch.storage import _files
from semsearch.storage.manifest import FileRecord, parse_manifest
from tests.embedder import TokenWordEmbedder
from tests.index_files import files_of, live
from tests.torture.crashes import RETURNED, Contents, Point, Recorder, Sync, put_back
from tests.torture.figures import LONG, note, scaled

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a folder cannot be brought to the disk there")

OLD = [Article(f"a{number:02}", f"Talks on treaty {number} went on in the capital.") for number in range(24)]
CHANGED = [Article("a07", "Soldiers reached the airport at night."), Article("b00", "The airport was closed at noon.")]
NEW = [CHANGED[0] if article.id == "a07" else article for article in OLD if article.id != "a03"] + CHANGED[1:]
INDEX = "archive/index"  # in the folder that is watched; neither of the two is there before the first build

Answers = tuple[tuple[str, str], ...]


def build(articles: list[Article], index: Path) -> None:
    build_index(articles, index, embedder=TokenWordEmbedder(dimension=16))


def update(index: Path) -> None:
    update_index(index, add=CHANGED, remove=["a03"], embedder=TokenWordEmbedder(dimension=16))


def answers(index: Path) -> Answers:
    """All that an index answers, best first, to a question that one changed article is the best for."""
    with open_index(index, embedder=TokenWordEmbedder(dimension=16)) as searcher:
        hits = searcher.search("soldiers at the airport", k=100)
    return tuple((hit.article.id, hit.passage.text) for hit in hits)


@dataclass(frozen=True)
class Scenario:
    """What is done to an index while the machine may stop.

    Attributes:
        before: Makes the index that is there before.
        change: Does it.
        shard: How many passages are embedded together.
    """

    before: Callable[[Path], None]
    change: Callable[[Path], None]
    shard: int = 1


def nothing(index: Path) -> None:
    """Make no index."""


def twice(index: Path) -> None:
    """Make an index that has a generation before the live one."""
    build(OLD[:-1], index)
    build(OLD, index)


SCENARIOS = {
    "first build": Scenario(nothing, lambda index: build(NEW, index), shard=20),
    "update": Scenario(twice, update),
}
if LONG:
    SCENARIOS["rebuild"] = Scenario(lambda index: build(OLD, index), lambda index: build(NEW, index))


@pytest.fixture(scope="module", autouse=True)
def patch() -> Iterator[pytest.MonkeyPatch]:
    """What is for large indexes is done to small ones: words are updated, and vectors have codes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("semsearch.lexical._FEWEST", 1)
        patch.setattr("semsearch.dense.FLAT_ROWS", 20)
        patch.setattr(os, "fsync", lambda _: None)  # what would be on the disk is known without
        yield patch


@dataclass
class Judge:
    """Says what is in an index after a crash, and counts.

    Attributes:
        old: What the index answered before; None if there was none.
        new: What it is to answer.
        counted: States that were looked at, distinct ones, and what was wrong.
        wrong: What was found that must not be.
    """

    folder: Path
    old: Answers | None
    new: Answers
    counted: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    keeps: bool = True
    _outcomes: dict[int, Answers | str | None] = field(default_factory=dict)  # by hashes: the states would fill memory
    _states: dict[int, Contents | None] = field(default_factory=dict)

    def again(self, *, keeps: bool = True) -> Judge:
        """Return one that has counted nothing, and keeps what it sees or not."""
        return Judge(self.folder, self.old, self.new, keeps=keeps, _outcomes=self._outcomes)

    @property
    def states(self) -> list[Contents]:
        """All distinct states, in the order in which they were first seen."""
        return [contents for contents in self._states.values() if contents is not None]

    @property
    def distinct(self) -> int:
        """How many distinct states there were."""
        return len(self._states)

    def look(self, contents: Contents, what: str, *, returned: bool) -> None:
        """Open what a crash left. Once the build has returned only the new index may be there."""
        self.counted["crashes"] += 1
        state = hash(frozenset((path, data) for path, (_, data) in contents.items()))
        self._states.setdefault(state, contents if self.keeps else None)
        found = self.outcome(contents)
        if found == self.new or (not returned and found == self.old):
            return
        self.counted["half visible" if isinstance(found, tuple) and not returned else "lost"] += 1
        self.wrong.append(f"{what}: {found}")

    def outcome(self, contents: Contents) -> Answers | str | None:
        """Return the answers, None if there is no index, or what is wrong with it."""
        visible = _visible(contents)
        key = hash(frozenset((path, contents[path][1]) for path in visible))
        if key not in self._outcomes:
            put_back(contents, self.folder, visible)
            self._outcomes[key] = _answers_of_whole(self.folder / INDEX)
        return self._outcomes[key]

    def build_again(self, contents: Contents, change: Callable[[Path], None]) -> None:
        """See that the next build goes through and leaves nothing of the crash behind."""
        self.counted["next builds"] += 1
        put_back(contents, self.folder)
        index = self.folder / INDEX
        try:
            change(index)
            found: Any = sorted(answers(index)), sorted(path.name for path in index.iterdir())
            folders = sorted((index / "generations").iterdir())
            is_clean = len(folders) <= 2 and folders[-1] == live(index) and all(map(is_whole, folders))
        except (OSError, SemsearchError, ValueError) as error:
            found, is_clean = error, False
        if found != (sorted(self.new), ["CURRENT", "generations", "writer.lock"]) or not is_clean:
            self.wrong.append(f"the next build: {found}")


def _visible(contents: Contents) -> set[str]:
    """What whoever opens an index can see: CURRENT and the generation that it names."""
    current = f"{INDEX}/CURRENT"
    name = contents[current][1][:22].decode("ascii", "replace") if current in contents else ""
    folder = f"{INDEX}/generations/{name}/"
    return {path for path in contents if path == current or (len(name) == 22 and path.startswith(folder))}


def _answers_of_whole(index: Path) -> Answers | str | None:
    try:
        problems = [str(check.problem) for check in verify_index(index) if check.problem is not None]
        return problems[0] if problems else answers(index)
    except IndexNotFoundError:
        return None
    except (OSError, SemsearchError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


def is_whole(folder: Path) -> bool:
    """Whether a generation has the files that its manifest names and no other."""
    return files_of(folder) == sorted(parse_manifest((folder / "manifest.json").read_bytes(), folder).files)


def recorded(scenario: Scenario, folder: Path, patch: pytest.MonkeyPatch) -> tuple[Recorder, Judge]:
    """Do it once, and watch."""
    patch.setattr("semsearch.building._embedding.SHARD", scenario.shard)
    root = folder / "disk"
    root.mkdir(parents=True)
    scenario.before(root / INDEX)
    old = answers(root / INDEX) if (root / INDEX).exists() else None
    recorder = Recorder(root)
    with recorder.recording():
        scenario.change(root / INDEX)
    return recorder, Judge(folder / "crashed", old, answers(root / INDEX))


@pytest.fixture(scope="module", params=SCENARIOS)
def run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch
) -> tuple[Scenario, Recorder, Judge]:
    scenario = SCENARIOS[request.param]
    return scenario, *recorded(scenario, tmp_path_factory.mktemp("run"), patch)


def look_everywhere(
    judge: Judge, points: Iterable[Point], *, only_new: bool = False, without: Sync | None = None
) -> None:
    for point in points:
        returned = only_new or point.step == RETURNED
        judge.look(point.killed(), f"killed before {point.step}", returned=returned)
        for kind, contents in point.after_power_loss(without=without, single=LONG):
            judge.look(contents, f"power lost before {point.step}, survives: {kind}", returned=returned)


def some(states: list[Any], count: int) -> list[Any]:
    """Return so many of them, from the first to the last."""
    if len(states) <= count:
        return states
    return [states[at * (len(states) - 1) // (count - 1)] for at in range(count)]


def noted(judge: Judge, promise: str, steps: int) -> None:
    note(
        promise,
        steps=steps,
        crashes=judge.counted["crashes"],
        distinct_states=judge.distinct,
        next_builds=judge.counted["next builds"],
        lost=judge.counted["lost"],
        half_visible=judge.counted["half visible"],
    )


def test_a_crash_at_any_step_leaves_the_old_index_or_the_new(run: tuple[Scenario, Recorder, Judge]) -> None:
    _, recorder, before = run
    judge = before.again()
    assert judge.old != judge.new
    assert len(recorder.points) > 50
    look_everywhere(judge, recorder.points)
    for contents in some(judge.states, scaled(6, 600)):
        judge.build_again(contents, lambda index: build(NEW, index))
    noted(judge, "a crash of a build", recorder.steps)
    assert not judge.wrong


def test_a_crash_of_the_build_after_a_kill_leaves_the_old_index_or_the_new(
    run: tuple[Scenario, Recorder, Judge], tmp_path: Path
) -> None:
    scenario, first, before = run
    judge = before.again(keeps=False)
    points = [*some(first.points, scaled(2, 60)), published(first, before)]
    steps = sum(after(scenario, point, tmp_path, judge) for point in points)
    noted(judge, "a crash of the build after a crash", steps)
    assert not judge.wrong


def test_a_crash_of_the_build_after_a_loss_of_power_leaves_the_old_index_or_the_new(
    run: tuple[Scenario, Recorder, Judge], tmp_path: Path
) -> None:
    scenario, first, before = run
    look_everywhere(before, first.points)
    judge = before.again(keeps=False)
    steps = sum(after(scenario, contents, tmp_path, judge) for contents in some(before.states, scaled(2, 60)))
    noted(judge, "a crash of the build after a crash", steps)
    assert not judge.wrong


def test_a_folder_that_a_writer_that_was_killed_had_made_is_brought_to_the_disk_by_the_next(
    patch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scenario = SCENARIOS["first build"]
    first, judge = recorded(scenario, tmp_path / "first", patch)
    made = [point for point in first.points if f"{INDEX}/" in point.killed()][:2]
    assert any(f"{INDEX}/" not in contents for _, contents in made[0].after_power_loss())
    for point in made:
        after(scenario, point, tmp_path / "again", judge)
    assert not judge.wrong


def published(recorder: Recorder, judge: Judge) -> Point:
    """Return the point at which the new index is there, and may be gone again when power is lost."""
    return next(
        point
        for point in recorder.points
        if judge.outcome(point.killed()) == judge.new
        and any(judge.outcome(contents) == judge.old for _, contents in point.after_power_loss())
    )


def after(scenario: Scenario, crash: Point | Contents, folder: Path, judge: Judge) -> int:
    """Do it again after a kill or a loss of power, and look at every crash of that. Returns the steps of it."""
    root = folder / "disk"
    if isinstance(crash, Point):
        recorder = Recorder(root, after=crash)
    else:
        put_back(crash, root)
        recorder = Recorder(root)
    with recorder.recording():
        scenario.change(root / INDEX)
    is_new = not isinstance(crash, Point) and judge.outcome(crash) == judge.new
    look_everywhere(judge, recorder.points, only_new=is_new)
    return recorder.steps


# --- the harness itself ---------------------------------------------------------------------------------------------


def test_every_fsync_that_is_left_out_is_noticed(run: tuple[Scenario, Recorder, Judge]) -> None:
    _, recorder, before = run
    unnoticed = []
    for sync in recorder.syncs:
        judge = before.again()
        look_everywhere(judge, recorder.points if LONG else recorder.points[-4:], without=sync)
        if not judge.wrong:
            unnoticed.append(sync.path)
    assert len(unnoticed) < len(recorder.syncs) / 3
    for path in unnoticed:
        assert (
            path.startswith(f"{INDEX}/partial/")  # it would be embedded again
            or path == f"{INDEX}/"  # that of the beginning is for builds after a kill: below; and partial's
            or (path.startswith(f"{INDEX}/generations/2") and path.count("/") == 4)  # before the manifest: again after
            or path.endswith(".lock")  # tantivy's, which is empty
        )


def test_an_index_that_was_published_by_a_writer_that_was_killed_is_brought_to_the_disk_by_the_next(
    run: tuple[Scenario, Recorder, Judge], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario, first, before = run
    monkeypatch.setattr("semsearch.storage.generations.sync_folder", not_at_all)
    judge = before.again()
    after(scenario, published(first, before), tmp_path, judge)
    assert judge.wrong


def not_at_all(*_: object) -> None:
    """Do not sync."""


def write_in_place(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    _files.sync_file(path)
    _files.sync_folder(path.parent)


def close_only(writer: Any) -> FileRecord:
    writer._stream.close()
    return _files.record_of(writer._path)


def no_link(*_: object) -> None:
    raise OSError


FIRST = Scenario(nothing, lambda index: build(OLD[:4], index))
MORE = Scenario(lambda index: build(OLD[:4], index), lambda index: build(OLD[:5], index))
STORAGE = "semsearch.storage"


@pytest.mark.parametrize(
    ("scenario", "broken"),
    [
        pytest.param(FIRST, {f"{STORAGE}.generations.sync_file": not_at_all}, id="files of engines"),
        pytest.param(FIRST, {f"{STORAGE}.generations.sync_folder": not_at_all}, id="folders of a generation"),
        pytest.param(FIRST, {f"{STORAGE}.generations.sync_names": not_at_all}, id="names above"),
        pytest.param(FIRST, {f"{STORAGE}.generations.write_durably": Path.write_bytes}, id="manifest"),
        pytest.param(FIRST, {f"{STORAGE}._files.write_durably": Path.write_bytes}, id="CURRENT.new"),
        pytest.param(MORE, {f"{STORAGE}._files.sync_folder": not_at_all}, id="CURRENT's name"),
        pytest.param(MORE, {f"{STORAGE}._current.replace_durably": write_in_place}, id="CURRENT in place"),
        pytest.param(FIRST, {f"{STORAGE}._files.FileWriter.close": close_only}, id="vectors and tokens"),
        pytest.param(MORE, {"os.link": no_link, f"{STORAGE}._files.sync_file": not_at_all}, id="copies for links"),
    ],
)
def test_a_package_that_does_not_sync_is_found_out(
    scenario: Scenario,
    broken: dict[str, Any],
    tmp_path: Path,
    patch: pytest.MonkeyPatch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, function in broken.items():
        monkeypatch.setattr(name, function)
    recorder, judge = recorded(scenario, tmp_path, patch)
    look_everywhere(judge, recorder.points)
    assert judge.wrong


def test_copies_where_there_are_no_links_are_brought_to_the_disk(
    tmp_path: Path, patch: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.link", no_link)
    recorder, judge = recorded(MORE, tmp_path, patch)
    look_everywhere(judge, recorder.points)
    assert not judge.wrong
