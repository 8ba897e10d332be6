"""``semsearch evaluate``: judged queries in, measures out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from semsearch import build_index, open_index
from semsearch.cli._text import TextOutput
from semsearch.evaluation import MEASURES, Threshold, load_dataset, measure, read_run
from tests.command import ENVIRONMENT, Run, runner

ARTICLES = {
    "force": ("Peacekeepers arrive", "The first soldiers landed at the airport in the evening."),
    "treaty": ("Alliance", "Under article four of the treaty an attack on one member is an attack on all of them."),
    "flight": ("Plane lost", "Flight QZ8501 was on its way to another city when contact was lost."),
    "budget": ("Budget", "Parliament passed a budget of 4815 million for schools and for roads."),
}
QUERIES = {"q1": "qz8501", "q2": "attack on a member", "q3": "who pays for schools", "q4": "nobody judged this"}
QRELS = {"q1": {"flight": 1}, "q2": {"treaty": 2, "force": 1}, "q3": {"budget": 1}}


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """A folder in BEIR's layout."""
    folder = tmp_path / "judged"
    (folder / "qrels").mkdir(parents=True)
    write_lines(
        folder / "corpus.jsonl", [{"_id": id_, "title": t, "text": text} for id_, (t, text) in ARTICLES.items()]
    )
    write_lines(folder / "queries.jsonl", [{"_id": id_, "text": text} for id_, text in QUERIES.items()])
    rows = [f"{query}\t{article}\t{grade}\n" for query, grades in QRELS.items() for article, grade in grades.items()]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(rows))
    return folder


@pytest.fixture
def index(tmp_path: Path, judged: Path, tiny_model: Path) -> Path:
    build_index(judged / "corpus.jsonl", tmp_path / "index", embedder=tiny_model)
    return tmp_path / "index"


def write_lines(path: Path, records: Sequence[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


# --- what is printed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_json_has_the_means_of_the_run_that_the_index_gives(
    run: Run, judged: Path, index: Path, tmp_path: Path, mode: str
) -> None:
    ran = run("evaluate", judged, "--index", index, "--mode", mode, "--run", tmp_path / "run", "--json")
    assert (ran.code, ran.err) == (0, "")
    found = ran.only()
    values = measure(read_run(tmp_path / "run"), QRELS)
    means = {name: found["measures"][name]["mean"] for name in MEASURES}
    assert means == pytest.approx({name: sum(queries.values()) / 3 for name, queries in values.items()})
    for bounds in found.pop("measures").values():
        assert 0 <= bounds["low"] <= bounds["mean"] <= bounds["high"] <= 1
    assert found == {
        "type": "evaluation",
        "version": 3,
        "dataset": "judged",
        "mode": mode,
        "queries": 3,
        "unjudged": 1,
        "unknown": [],
    }


def test_words_alone_answer_what_can_be_worked_out_by_hand(run: Run, judged: Path, index: Path) -> None:
    measures = run("evaluate", judged, "-i", index, "--mode", "lexical").only()["measures"]
    # Each query's best article has a word of it; the force, which q2 should find too, has none.
    assert measures["Success@1"] == {"mean": 1.0, "low": 1.0, "high": 1.0}
    assert measures["RR@10"]["mean"] == 1.0
    assert measures["R@10"]["mean"] == pytest.approx((1 + 0.5 + 1) / 3)


def test_text_has_a_line_a_measure_and_says_what_was_left_out(run: Run, judged: Path, index: Path) -> None:
    ran = run("evaluate", judged, "--index", index, "--mode", "lexical", "--no-json")
    lines = ran.out.splitlines()
    assert (ran.code, ran.err) == (0, "")
    assert lines[0] == "judged: 3 queries, lexical, means with 95 % intervals"
    assert [line.split()[0] for line in lines[1:-1]] == list(MEASURES)
    assert "  Success@1   1.0000  [1.0000, 1.0000]" in lines
    assert lines[-1] == "1 queries have no relevant article and were left out"


# --- files ------------------------------------------------------------------------------------------------------------


def test_the_run_is_that_of_the_library_and_is_read_back(run: Run, judged: Path, index: Path, tmp_path: Path) -> None:
    assert run("evaluate", judged, "--index", index, "--run", tmp_path / "run").code == 0
    with open_index(index) as searcher:
        expected = {
            query: [(hit.article.id, round(hit.score, 6)) for hit in searcher.search(QUERIES[query])] for query in QRELS
        }
    assert read_run(tmp_path / "run") == expected


def test_a_run_against_itself_has_no_difference(run: Run, judged: Path, index: Path, tmp_path: Path) -> None:
    run("evaluate", judged, "--index", index, "--mode", "lexical", "--run", tmp_path / "run")
    same = run("evaluate", judged, "--index", index, "--mode", "lexical", "--against", tmp_path / "run").only()
    nothing = {"mean": 0.0, "low": 0.0, "high": 0.0, "p": 1.0}
    assert {name: values["difference"] for name, values in same["measures"].items()} == dict.fromkeys(MEASURES, nothing)


def test_the_difference_to_another_run_is_printed_in_both_forms(
    run: Run, judged: Path, index: Path, tmp_path: Path
) -> None:
    (tmp_path / "worse").write_text("q1 Q0 budget 1 0.5 other\nq2 Q0 treaty 1 0.5 other\nq3 Q0 force 1 0.5 other\n")
    arguments = ["evaluate", judged, "--index", index, "--mode", "lexical", "--against", tmp_path / "worse"]
    difference = run(*arguments).only()["measures"]["Success@1"]["difference"]
    assert difference["mean"] == pytest.approx(2 / 3)  # the other run is right once
    assert difference["p"] == 0.5  # 2 of 4 ways to swap the two values that differ give as much
    (line,) = [line for line in run(*arguments, "--no-json").out.splitlines() if "Success@1" in line]
    assert line.startswith("  Success@1   1.0000  [1.0000, 1.0000]   difference +0.6667 [")
    assert line.endswith("], p 0.5000")


def test_the_table_has_every_querys_values(run: Run, judged: Path, index: Path, tmp_path: Path) -> None:
    assert run("evaluate", judged, "-i", index, "--run", tmp_path / "run", "--per-query", tmp_path / "table").code == 0
    values = measure(read_run(tmp_path / "run"), QRELS)
    expected = [["query", *MEASURES, "text"]]
    expected += [[query, *(f"{values[name][query]:.4f}" for name in MEASURES), QUERIES[query]] for query in QRELS]
    assert [line.split("\t") for line in (tmp_path / "table").read_text().splitlines()] == expected


def test_judgements_may_be_elsewhere(run: Run, judged: Path, index: Path, tmp_path: Path) -> None:
    (tmp_path / "other.qrels").write_text("q4 0 force 1\nq1 0 flight 1\n")
    (tmp_path / "topics.tsv").write_text("q1\tqz8501\nq4\tsoldiers\n")
    for dataset in (judged, tmp_path / "topics.tsv"):
        ran = run("evaluate", dataset, "--qrels", tmp_path / "other.qrels", "-i", index, "--mode", "lexical")
        found = ran.only()
        assert (found["queries"], found["unjudged"]) == (2, 2 if dataset == judged else 0)
        # "nobody judged this" shares no word with the force; "soldiers" does.
        assert found["measures"]["R@10"]["mean"] == (0.5 if dataset == judged else 1.0)


@pytest.mark.parametrize("field", ["passage", "relevant", "article"])
def test_ones_own_queries_judge_passages_or_articles(run: Run, index: Path, tmp_path: Path, field: str) -> None:
    right = {
        "soldiers": "force" if field == "article" else "The first soldiers landed",
        "budget for roads": "budget" if field == "article" else "Parliament passed a",
        "attack": "flight" if field == "article" else "Flight QZ8501",  # which lexical search does not find
    }
    own = write_lines(tmp_path / "own.jsonl", [{"query": query, field: answer} for query, answer in right.items()])
    found = run("evaluate", own, "--index", index, "--mode", "lexical", "--run", tmp_path / "run").only()
    assert (found["dataset"], found["queries"], found["unjudged"]) == ("own", 3, 0)
    assert found["measures"]["Success@1"]["mean"] == pytest.approx(2 / 3)
    answers = [[name for name, _ in ranked] for ranked in read_run(tmp_path / "run").values()]
    other = "treaty" if field == "article" else "treaty#0"
    assert answers == [[right["soldiers"]], [right["budget for roads"]], [other]]


def test_without_an_index_the_datasets_own_articles_are_indexed(
    run: Run, judged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_dataset(judged).corpus == judged / "corpus.jsonl"
    before = sorted(tmp_path.rglob("*"))
    found = run("evaluate", judged).only()
    assert found["mode"] == "hybrid"
    assert found["measures"]["Success@1"]["mean"] == 1.0  # the default model
    assert sorted(tmp_path.rglob("*")) == before


# --- what the index does not have -------------------------------------------------------------------------------------


def test_relevant_articles_that_are_not_in_the_index_are_noted(run: Run, judged: Path, index: Path) -> None:
    with (judged / "qrels" / "test.tsv").open("a") as stream:
        stream.write("q1\tgone\t1\nq2\tlost\t1\nq3\tirrelevant\t0\n")
    arguments = ["evaluate", judged, "--index", index, "--mode", "lexical"]
    found = run(*arguments).only()
    assert found["unknown"] == ["gone", "lost"]
    assert found["measures"]["R@10"]["mean"] == pytest.approx((1 / 2 + 1 / 3 + 1) / 3)
    lines = run(*arguments, "--no-json").out.splitlines()
    assert lines[-1] == "2 relevant articles are not in the index and count as not found, gone first"


def test_an_index_with_none_of_the_relevant_articles_is_refused(run: Run, judged: Path, index: Path) -> None:
    (judged / "qrels" / "test.tsv").write_text("q1\tgone\t1\nq2\tforce\t0\n")
    ran = run("evaluate", judged, "--index", index)
    assert ran.code == 1
    assert "the index has none, 'gone' first: is it the right index?" in ran.failure()


def test_quotation_marks_in_a_judged_query_are_no_phrase(run: Run, judged: Path, index: Path) -> None:
    queries = {"q1": 'flight "QZ8501', "q2": '"an attack on nobody" treaty', "q3": '""', "q4": 'a 5" gun'}
    write_lines(judged / "queries.jsonl", [{"_id": id_, "text": text} for id_, text in queries.items()])
    for mode in ("hybrid", "dense", "lexical"):
        ran = run("evaluate", judged, "--index", index, "--mode", mode, "--per-query", judged / "table")
        assert (ran.code, ran.err) == (0, "")
    rows = [line.split("\t") for line in (judged / "table").read_text().splitlines()]
    success = {row[0]: float(row[rows[0].index("Success@1")]) for row in rows[1:]}
    assert success == {"q1": 1, "q2": 1, "q3": 0}


# --- a threshold ------------------------------------------------------------------------------------------------------

OWN: list[dict[str, object]] = [
    {"query": "soldiers", "article": "force"},
    {"query": "attack", "article": "treaty"},
    {"query": "sourdough recipes", "answer": False},
]


def test_a_threshold_is_suggested_that_a_query_can_be_given(run: Run, index: Path, tmp_path: Path) -> None:
    own = write_lines(tmp_path / "own.jsonl", OWN)
    arguments = ["suggest-threshold", own, "--index", index, "--mode", "lexical"]
    found = run(*arguments, "-k", 3).only()
    score = found.pop("score")
    # Each word is in one article alone.
    assert found == {
        "type": "threshold", "version": 3, "mode": "lexical", "precision": 1.0, "recall": 1.0, "recall_without": 1.0,
        "silenced": 1.0, "queries": 3,
    }  # fmt: skip
    scores = [run("query", word, "--mode", "lexical", "-i", index).only()["score"] for word in ("soldiers", "attack")]
    assert score == pytest.approx(min(scores), abs=1e-6)
    shown = run(*arguments, "--no-json").out.splitlines()
    assert shown[0].endswith(" for --mode lexical, by 3 queries")
    assert [line.split()[0] for line in shown[1:]] == ["precision", "recall", "silence"]
    for least in (repr(score), shown[0].split()[1]):
        for word in ("soldiers", "attack"):
            assert len(run("query", word, "--mode", "lexical", "-i", index, "--min-score", least).lines()) == 1


@pytest.mark.parametrize(("score", "printed"), [(0.41279, "0.412"), (0.5, "0.500"), (-0.0301, "-0.031")])
def test_a_printed_threshold_is_rounded_down_and_keeps_the_hit_that_it_is_from(
    capsys: pytest.CaptureFixture[str], score: float, printed: str
) -> None:
    TextOutput().threshold(Threshold(score, "hybrid", 0.8, 0.75, 1.0, None, 1234))
    assert capsys.readouterr().out.splitlines() == [
        f"--min-score {printed} for --mode hybrid, by 1,234 queries",
        "  precision   80.0% of the hits that are shown were judged relevant",
        "  recall      75.0% of the queries keep a relevant hit; without the threshold 100.0% have one",
    ]


def test_without_a_judged_article_there_is_no_threshold(run: Run, index: Path, tmp_path: Path) -> None:
    own = write_lines(tmp_path / "own.jsonl", [{"query": "soldiers", "article": "gone"}])
    ran = run("suggest-threshold", own, "--index", index)
    assert ran.code == 1
    assert "none of its 1 queries finds anything that was judged relevant among its first 10 hits" in ran.failure()


# --- what is wrong ----------------------------------------------------------------------------------------------------


def test_a_dataset_that_is_not_there_is_named(run: Run, tmp_path: Path) -> None:
    ran = run("evaluate", tmp_path / "nothing")
    assert ran.code == 1
    assert str(tmp_path / "nothing") in ran.failure()
    assert "no such file or folder" in ran.failure()


def test_without_articles_and_without_an_index_the_message_asks_for_one(run: Run, judged: Path) -> None:
    (judged / "corpus.jsonl").unlink()
    ran = run("evaluate", judged)
    assert ran.code == 1
    assert "has no articles with it: name the index" in ran.failure()


def test_an_index_that_is_not_there_is_named(run: Run, judged: Path, tmp_path: Path) -> None:
    ran = run("evaluate", judged, "--index", tmp_path / "nothing")
    assert ran.code == 3
    assert str(tmp_path / "nothing") in ran.failure()


def test_a_run_to_compare_with_that_is_none_is_named(run: Run, judged: Path, index: Path, tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("q1 Q0 force\n")
    ran = run("evaluate", judged, "--index", index, "--against", tmp_path / "broken")
    assert ran.code == 1
    assert f"{tmp_path / 'broken'}:1" in ran.failure()
    ran = run("evaluate", judged, "--index", index, "--against", tmp_path / "gone")
    assert ran.code == 1
    assert str(tmp_path / "gone") in ran.failure()


def test_a_mode_that_there_is_not_is_wrong_usage(run: Run, judged: Path) -> None:
    ran = run("evaluate", judged, "--mode", "fast")
    assert (ran.code, ran.out) == (2, "")
    assert "'fast' is not one of 'hybrid', 'dense', 'lexical'" in ran.err
