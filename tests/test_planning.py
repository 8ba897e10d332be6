"""What an archive of a certain size will need: that the figures are those of the results and of the sources."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from benchmarks import scaling
from benchmarks.measuring import RESULTS
from semsearch.errors import CorpusError
from semsearch.planning import EngineName, Estimate, Fit, Plan, fits, plan_for, sample_corpus
from semsearch.readers import ReadingLog
from tests.command import Run, runner, write_news
from tests.conftest import ROOT

ENGINES = get_args(EngineName)
SIZES = (1e3, 1e5, 1e6, 1e7, 1e8, 1e9, 1e11)
PLANS = [plan_for(size, engine=engine) for engine in ENGINES for size in SIZES]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


def result(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


# --- fits -------------------------------------------------------------------------------------------------------


def test_the_table_is_what_the_results_say() -> None:
    assert scaling.TABLE.read_text(encoding="utf-8") == scaling.scaling_table(RESULTS)
    scaling.main(["--check"])


def test_a_table_that_has_drifted_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drifted = tmp_path / "table.json"
    drifted.write_text(scaling.TABLE.read_text(encoding="utf-8").replace("0.00", "0.01", 1), encoding="utf-8")
    monkeypatch.setattr(scaling, "TABLE", drifted)
    with pytest.raises(SystemExit, match=r"^table\.json: not what benchmarks/results say"):
        scaling.main(["--check"])
    scaling.main([])
    scaling.main(["--check"])


def test_every_fit_has_a_machine_and_a_file() -> None:
    table = json.loads(scaling.TABLE.read_text(encoding="utf-8"))
    for name, fit in fits().items():
        assert (RESULTS / f"{fit.source}.json").exists(), name
        assert table["machines"][fit.source] == {
            key: result(fit.source)["machine"][key] for key in table["machines"][fit.source]
        }
        assert len(fit.sizes) == len(fit.costs) > 0, name
        assert all(math.isfinite(number) for number in (fit.base, fit.slope, fit.error)), name


def test_a_fit_goes_through_what_was_measured_on_a_line() -> None:
    points = scaling.Points("cost", "ms", "passages", "made", [1e3, 1e4, 1e5], [12.0, 30.0, 210.0])
    fit = Fit(**{**scaling._fit(points), "sizes": (1e3, 1e4, 1e5), "costs": (12.0, 30.0, 210.0)})
    assert [fit.at(size) for size in points.sizes] == pytest.approx([10 + 0.002 * size for size in points.sizes])
    assert fit.error == pytest.approx(0, abs=1e-6)
    assert fit.held_out == pytest.approx(0, abs=1e-6)
    assert fit.spread(1e9) == pytest.approx(1, abs=1e-4)


def test_what_was_left_out_says_what_extrapolating_is_worth() -> None:
    points = scaling.Points("cost", "ms", "passages", "made", [1.0, 2.0, 10.0], [1.0, 2.0, 5.0])
    found = scaling._fit(points)
    assert found["held_out"] == pytest.approx(1.0)  # the first two say 10
    fit = Fit(**{**found, "sizes": (1.0, 2.0, 10.0), "costs": (1.0, 2.0, 5.0)})
    assert fit.spread(5) == fit.spread(100) == pytest.approx(2)
    assert fit.spread(1000) == pytest.approx(4)
    assert fit.times_beyond(5) == 1
    assert fit.times_beyond(1000) == 100


def test_the_vectors_of_tokens_on_disk_are_what_arithmetic_says() -> None:
    with_tokens = [one for one in result("growth")["sizes"] if one["token_vectors"]]
    for one in with_tokens[2:]:  # of smaller ones most is what any index has
        plan = plan_for(one["passages"], tokens_per_passage=one["tokens"] / one["passages"], engine="embedded")
        assert plan.estimate("disk").value == pytest.approx(one["index_bytes"], rel=0.02)


def test_an_index_without_them_is_as_large_as_the_largest_that_was_measured() -> None:
    (one,) = [one for one in result("growth")["sizes"] if not one["token_vectors"]]
    tokens = one["tokens"] / one["passages"]
    plan = plan_for(one["passages"], tokens_per_passage=tokens, token_vectors=False, engine="embedded")
    assert plan.estimate("disk").value == pytest.approx(one["index_bytes"], rel=0.02)
    assert plan.estimate("load").value * 3600 == pytest.approx(one["cpu_seconds"], rel=0.01)
    assert plan.estimate("memory: build").basis == "measured"


# --- plans ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.engine}-{plan.passages:.0e}")
def test_every_figure_has_a_range_a_basis_and_a_place_where_it_is_explained(plan: Plan) -> None:
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in re.findall(r"(?m)^#+ (.*)$", page)
    }
    assert len({one.name for one in plan.estimates}) == len(plan.estimates)
    for one in plan.estimates:
        assert 0 <= one.low <= one.value <= one.high < math.inf, one
        assert one.note
        path, _, anchor = one.link.partition("#")
        assert path == "docs/scale.md"
        assert anchor in anchors, one.link


def parts(plan: Plan, whole: str) -> list[Estimate]:
    return [one for one in plan.estimates if one.name.startswith(f"{whole}: ")]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.engine}-{plan.passages:.0e}")
def test_the_disk_is_the_sum_of_its_parts(plan: Plan) -> None:
    whole = plan.estimate("disk")
    assert whole.value == pytest.approx(sum(one.value for one in parts(plan, "disk")))
    assert whole.low == pytest.approx(sum(one.low for one in parts(plan, "disk")))


@pytest.mark.parametrize("engine", ENGINES)
def test_more_passages_never_need_less(engine: EngineName) -> None:
    plans = [plan_for(size, engine=engine, token_vectors=False) for size in SIZES]
    for name in {one.name for one in plans[0].estimates} & {one.name for one in plans[-1].estimates}:
        if name != "memory":  # of which DISKANN takes less
            values = [plan.estimate(name).value for plan in plans]
            assert values == sorted(values), name


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.engine}-{plan.passages:.0e}")
def test_what_was_measured_says_so_and_nothing_else_does(plan: Plan) -> None:
    for one in plan.estimates:
        if one.basis == "measured":
            assert any(plan.passages in fit.sizes for fit in fits().values()), one
        if "times the largest" in one.note:
            assert one.basis == "fit"


def test_the_simplest_engine_that_is_enough_is_taken() -> None:
    assert [plan_for(size).engine for size in (1e3, 1e6, 3e6, 1e7, 3e7, 1e8, 1e9)] == [
        *["embedded"] * 3,
        *["postgres"] * 2,
        *["milvus"] * 2,
    ]
    assert plan_for(5e7, memory=128e9).engine == "postgres"
    assert plan_for(3e7, memory=16e9).engine == "milvus"  # the graph is more than its memory
    assert plan_for(1e5, replicas=2).engine == "postgres"


def test_a_billion_passages_take_what_the_sources_say() -> None:
    plan = plan_for(1e9, engine="milvus")
    assert plan.estimate("disk: token codes").value == 1e9 * 115 * 96
    assert plan.estimate("memory: HNSW_SQ8").high == pytest.approx(1e9 * (384 + 256) * 1.82)
    assert plan.estimate("memory").value == 1e9 * 384 * 4 / 4
    assert plan.estimate("machines").high == math.ceil(0.625 * 1e9 * 384 * 4 / (0.75 * 64e9))
    assert plan.estimate("embedding: elapsed").value == plan.estimate("embedding").value / 16


def test_the_memory_that_was_reported_of_six_billion_vectors_is_what_the_plan_says() -> None:
    most = plan_for(6e9, dimension=128, engine="milvus").estimate("memory: HNSW_SQ8").high
    with_its_links = most * (128 + 4 * 32) / (128 + 4 * 64)  # M was 16, and is 32 here
    assert with_its_links == pytest.approx(2.8e12, rel=0.01)


def test_token_vectors_off_take_no_disk_and_read_texts() -> None:
    on, off = plan_for(1e8), plan_for(1e8, token_vectors=False)
    assert on.estimate("disk").value - off.estimate("disk").value == pytest.approx(
        on.estimate("disk: token codes").value
    )
    assert not any(one.name == "disk: token codes" for one in off.estimates)
    assert off.estimate("network: query").value < on.estimate("network: query").value / 5


def test_replicas_and_smaller_machines_are_more_machines() -> None:
    one = plan_for(1e8, engine="milvus").estimate("machines").value
    assert plan_for(1e8, engine="milvus", replicas=3).estimate("machines").value > 2 * one
    assert plan_for(1e8, engine="milvus", memory=32e9).estimate("machines").value >= 2 * one - 1


def test_a_table_is_split_so_that_each_graph_is_built_in_memory() -> None:
    plan = plan_for(1e8, engine="postgres")
    partitions = int({name: value for name, value, _ in plan.settings}["partitions"])
    assert partitions > 1
    assert plan.estimate("memory: build").value <= 64e9 / 4 < plan.estimate("memory: build").value * partitions
    assert any(f"{partitions} partitions" in warning for warning in plan.warnings)


def test_what_breaks_first_is_said_where_it_breaks() -> None:
    assert plan_for(1e5).warnings == ()
    assert "opening takes 7.0 s" in " ".join(plan_for(1e7, engine="embedded").warnings)
    assert "IOPS" in plan_for(1e9).warnings[1]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"passages": 0}, "passages must be a positive number, not 0"),
        ({"passages": math.nan}, "passages must be a positive number, not nan"),
        ({"passages": 1, "cores": -1}, "cores must be a positive number, not -1"),
        ({"passages": 1, "memory": math.inf}, "memory must be a positive number, not inf"),
        ({"passages": 1, "engine": "oracle"}, "engine must be one of embedded, postgres, milvus, not 'oracle'"),
    ],
)
def test_a_wrong_number_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        plan_for(**wrong)


def test_an_estimate_that_is_not_there_is_named() -> None:
    with pytest.raises(KeyError, match="no estimate 'speed': there are disk, "):
        plan_for(1e6).estimate("speed")


# --- samples ----------------------------------------------------------------------------------------------------


def test_a_corpus_that_is_read_whole_has_as_many_passages_as_its_index(corpus: Path) -> None:
    whole = result("build-corpus")["builds"]["whole"]
    sample = sample_corpus(corpus, log=ReadingLog())
    assert (sample.articles, sample.passages, sample.share) == (whole["articles"], whole["passages"], 1)
    assert sample.estimated_passages == whole["passages"]
    codes = whole["bytes_by_kind"]["tokens"] / 96 / whole["passages"]
    assert sample.tokens_per_passage == pytest.approx(codes, rel=0.1)


def test_a_part_of_a_corpus_tells_how_much_the_whole_is(corpus: Path) -> None:
    whole = sample_corpus(corpus, log=ReadingLog())
    part = sample_corpus(corpus, log=ReadingLog(), most=25)
    assert part.articles == 25
    assert 0.2 < part.share < 0.5
    assert part.estimated_passages == pytest.approx(whole.passages, rel=0.2)
    assert part == sample_corpus(corpus, log=ReadingLog(), most=25)


def write_lines(path: Path, count: int) -> Path:
    lines = [
        {"_id": f"{number}", "text": f"Article {number} says what is new in the town today. " * 5}
        for number in range(count)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_one_large_file_is_told_by_its_beginning(tmp_path: Path) -> None:
    sample = sample_corpus(write_lines(tmp_path / "news.jsonl", 400), log=ReadingLog(), most=100)
    assert sample.passages == 100
    assert sample.estimated_passages == pytest.approx(400, rel=0.15)


def test_what_cannot_be_told_without_reading_it_is_refused(tmp_path: Path) -> None:
    import gzip

    packed = tmp_path / "news.jsonl.gz"
    packed.write_bytes(gzip.compress(write_lines(tmp_path / "news.jsonl", 30).read_bytes()))
    assert sample_corpus(packed, log=ReadingLog()).estimated_passages == 30
    with pytest.raises(CorpusError, match=r"news\.jsonl\.gz: has 20 articles or more"):
        sample_corpus(packed, log=ReadingLog(), most=20)
    with pytest.raises(CorpusError, match="cannot be sampled"):
        sample_corpus("-", log=ReadingLog())
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="has no article that could be read"):
        sample_corpus(tmp_path / "empty", log=ReadingLog())


# --- the command ------------------------------------------------------------------------------------------------


def test_the_command_prints_the_plan_as_a_line(run: Run) -> None:
    printed = run("plan", "--passages", "1e9", "--no-token-vectors", "--memory", 256, "--cores", 512, "--json")
    line = printed.only()
    plan = plan_for(1e9, token_vectors=False, memory=256e9, cores=512)
    assert printed.code == 0
    assert (line["type"], line["sample"], line["engine"]) == ("plan", None, "milvus")
    assert [Estimate(**one) for one in line["estimates"]] == list(plan.estimates)
    assert [tuple(one.values()) for one in line["settings"]] == list(plan.settings)
    assert line["warnings"] == list(plan.warnings)


def test_a_corpus_is_sampled(run: Run, tmp_path: Path) -> None:
    news = write_news(tmp_path / "news")
    line = run("plan", "--corpus", news, "--json").only()
    assert line["sample"] == {
        "articles": 4,
        "passages": 5,
        "tokens_per_passage": line["tokens_per_passage"],
        "share": 1,
        "estimated_passages": 5,
    }
    assert line["passages"] == 5
    more = run("plan", "--corpus", news, "--passages", "1e6", "--tokens", 90, "--json").only()
    assert (more["passages"], more["tokens_per_passage"], more["engine"]) == (1e6, 90, "embedded")


def test_people_are_shown_figures_settings_and_what_breaks(run: Run) -> None:
    printed = run("plan", "--passages", "1e9", "--engine", "milvus", "--no-json").out
    assert printed.startswith("1,000,000,000 passages of 115 tokens, in Milvus\n  disk ")
    assert re.search(r"(?m)^  disk: token codes +11 TB, arithmetic: 96 bytes a token$", printed)
    assert "\nset\n" in printed
    assert "\nwhat breaks first\n  1. " in printed
    assert "\nwhat breaks first\n" not in run("plan", "--passages", "1e5", "--no-json").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say how many --passages there will be, or name a --corpus to sample"),
        (("--passages", "many"), "expected a positive number such as 1000000 or 1e9, not 'many'"),
        (("--passages", "0"), "expected a positive number such as 1000000 or 1e9, not '0'"),
    ],
)
def test_wrong_usage_is_said(run: Run, arguments: tuple[str, ...], said: str) -> None:
    printed = run("plan", *arguments)
    assert printed.code == 2
    assert said in printed.err
