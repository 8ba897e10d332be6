"""The tables and plots in the documentation: that they say what was measured, and that it is seen if they do not."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from benchmarks import report
from benchmarks.report import Results
from tests.test_benchmarks_ann import ANN

QUERIES = [f"q{number}" for number in range(20)]
MEASURES = ("nDCG@10", "RR@10", "R@10", "R@100", "Success@1")


def means(first: float) -> dict[str, float]:
    """A value for each measure, each a hundredth above the one before it."""
    return {name: first + place / 100 for place, name in enumerate(MEASURES)}


def measured(hybrid: float, dense: float, peers: dict[str, float] | None) -> dict[str, Any]:
    """What was measured of a collection, the peers' settings by nDCG@10; every query has its mean."""
    found: dict[str, Any] = {
        "queries": len(QUERIES),
        "means": {"hybrid": means(hybrid), "dense": means(dense)},
        "ablations": {"everything": hybrid, "no words": hybrid - 0.02},
        "per_query": {"hybrid": {"nDCG@10": dict.fromkeys(QUERIES, hybrid)}},
        "peers": None,
    }
    if peers is not None:
        found["peers"] = {
            "means": {name: {"nDCG@10": value} for name, value in peers.items()},
            "per_query": {name: {"nDCG@10": dict.fromkeys(QUERIES, value)} for name, value in peers.items()},
        }
    return found


@pytest.fixture
def results() -> Results:
    return {
        "corpus": measured(
            0.9,
            0.8,
            {
                "plain.articles.dense": 0.6,
                "plain.passages.dense": 0.75,
                "txtai.passages.dense": 0.7,
                "txtai.articles.hybrid": 0.9,
                "chroma.articles.dense": 0.5,
            },
        ),
        "adi": measured(0.5, 0.4, {"lancedb.passages.hybrid": 0.55}),
        "time": measured(0.7, 0.6, None),
    }


DUPLICATES = {
    "pairs": {"repeats": 300, "updates": 40, "goes on": 25},
    "thresholds": [
        {"threshold": t, "recall": r, "recall_by_words": w, "precision": p, "folded": {"goes on": g}}
        for t, r, w, p, g in ((0.5, 0.91, 0.95, 0.98, 9), (0.6667, 0.8, 0.85, 0.99, 4), (0.8, 0.7, 0.75, 1.0, 0))
    ],
    "kinds": {
        "facts": {"group": "updates", "pairs": 40, "folded": 2},
        "cut": {"group": "repeats", "pairs": 150, "folded": 120},
        "cut: the original": {"group": "repeats", "pairs": 150, "folded": 60},
        "more": {"group": "goes on", "pairs": 25, "folded": 4},
    },
    "diversity": [
        {"mode": mode, "diversity": diversity, "kept": kept, "articles": articles, "nDCG@10": ndcg}
        for mode, diversity, kept, articles, ndcg in (
            ("hybrid", 0.0, 1.0, 2.2, 0.856),
            ("hybrid", 0.3, 0.744, 4.26, 0.876),
            ("dense", 0.0, 1.0, 4.0, 0.78),
            ("dense", 0.3, 0.8, 5.64, 0.79),
        )
    ],
}


def lines(table: str) -> list[str]:
    assert table.endswith("|\n")
    return table.splitlines()


# --- tables -----------------------------------------------------------------------------------------------------------


def test_every_measure_of_every_mode_is_a_row(results: Results) -> None:
    assert lines(report.modes_table(results))[:4] == [
        "| collection | mode | nDCG@10 | MRR@10 | Recall@10 | Recall@100 | Success@1 |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| corpus | hybrid | 0.900 | 0.910 | 0.920 | 0.930 | 0.940 |",
        "| corpus | dense | 0.800 | 0.810 | 0.820 | 0.830 | 0.840 |",
    ]
    assert len(lines(report.modes_table(results))) == 2 + 3 * 2


def test_each_peer_is_shown_with_the_best_of_its_settings_and_by_chance_if_it_may_be(results: Results) -> None:
    assert lines(report.peers_table(results)) == [
        (
            "| collection | semsearch | its vectors alone | plain | txtai | LanceDB | LlamaIndex | chroma "
            "| a vector an article |"
        ),
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        "| corpus | **0.900** | 0.800 | 0.750 | 0.900 (p 1.00) |  |  | 0.500 | 0.600 |",
        "| adi | **0.500** | 0.400 |  |  | 0.550 |  |  |  |",
    ]


def test_a_difference_that_few_queries_make_may_be_chance(results: Results) -> None:
    values = results["adi"]["peers"]["per_query"]["lancedb.passages.hybrid"]["nDCG@10"]
    values.update(dict.fromkeys(QUERIES, 0.5), q0=1.0, q1=0.9, q2=0.4)
    (row,) = (line for line in lines(report.peers_table(results)) if line.startswith("| adi"))
    (p,) = re.findall(r"0\.550 \(p (0\.\d\d)\)", row)
    assert 0.05 <= float(p) < 1


def test_a_peer_is_known_by_its_whole_name() -> None:
    peers = {"means": {"plain.a": {"nDCG@10": 0.3}, "plainer.a": {"nDCG@10": 0.9}, "plain.b": {"nDCG@10": 0.4}}}
    assert report.best_of(peers, "plain") == "plain.b"
    assert report.best_of(peers, "txtai") is None


def test_what_each_part_is_worth_is_a_column_of_each_collection(results: Results) -> None:
    assert lines(report.ablations_table(results)) == [
        "| hybrid with | corpus | adi | time |",
        "| --- | --- | --- | --- |",
        "| everything | 0.900 | 0.500 | 0.700 |",
        "| no words | 0.880 | 0.480 | 0.680 |",
    ]


def test_what_is_folded_is_told_by_threshold_and_by_kind() -> None:
    assert lines(report.duplicates_table(DUPLICATES)) == [
        "| share of the runs | recall | recall by the words alone | precision | folded though it goes on |",
        "| --- | --- | --- | --- | --- |",
        "| 0.5 | 0.910 | 0.950 | 0.980 | 9 of 25 |",
        "| **2/3** | **0.800** | **0.850** | **0.990** | **4 of 25** |",
        "| 0.8 | 0.700 | 0.750 | 1.000 | 0 of 25 |",
        "",
        "| the lower one | should fold | folds | the other way round |",
        "| --- | --- | --- | --- |",
        "| cut | yes | 120 of 150 | 60 of 150 |",
        "| facts | no | 2 of 40 |  |",
        "| more | no | 4 of 25 |  |",
    ]


def test_what_diversity_does_is_told_for_each_mode() -> None:
    assert lines(report.diversity_table(DUPLICATES)) == [
        (
            "| diversity | hybrid: kept | hybrid: articles | hybrid: nDCG@10 | dense: kept | dense: articles "
            "| dense: nDCG@10 |"
        ),
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| 0 | 100 % | 2.2 | 0.856 | 100 % | 4.0 | 0.780 |",
        "| 0.3 | 74 % | 4.3 | 0.876 | 80 % | 5.6 | 0.790 |",
    ]


# --- documents --------------------------------------------------------------------------------------------------------

PAGE = """\
# Ranking

<!-- figures: modes -->
<!-- figures: end -->

Between them.

<!-- figures: duplicates -->
| what | was | here |
<!-- figures: end -->

The end.
"""


@pytest.fixture
def page(results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one document, with results of its own."""
    folder = tmp_path / "quality"
    folder.mkdir()
    for name, result in results.items():
        peers = result.pop("peers")
        (folder / f"{name}.json").write_text(json.dumps(result), encoding="utf-8")
        if peers is not None:
            (folder / f"peers-{name}.json").write_text(json.dumps(peers), encoding="utf-8")
    (tmp_path / "duplicates.json").write_text(json.dumps(DUPLICATES), encoding="utf-8")
    (tmp_path / "ann.json").write_text(json.dumps(ANN), encoding="utf-8")
    page = tmp_path / "ranking.md"
    page.write_text(PAGE, encoding="utf-8")
    for name, value in {
        "ROOT": tmp_path,
        "RESULTS": folder,
        "IMAGES": tmp_path / "images",
        "DOCUMENTS": (page,),
    }.items():
        monkeypatch.setattr(report, name, value)
    return page


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks.report", *arguments])
    report.main()


def test_the_sample_archive_comes_first_and_each_collection_has_its_peers(page: Path) -> None:
    found = report.read_results(page.parent / "quality")
    assert list(found) == ["corpus", "adi", "time"]
    assert found["adi"]["peers"]["means"] == {"lancedb.passages.hybrid": {"nDCG@10": 0.55}}
    assert found["time"]["peers"] is None


def test_tables_are_put_between_their_marks_and_the_rest_stays(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch)
    text = page.read_text(encoding="utf-8")
    assert text.count("| corpus | hybrid | 0.900 |") == text.count("| cut | yes | 120 of 150 |") == 1
    assert "| what | was | here |" not in text
    assert re.sub(r"\|.*\n|(?<=\|\n)\n(?=\|)", "", text) == PAGE.replace("| what | was | here |\n", "")
    assert {path.name for path in (page.parent / "images").iterdir()} == {
        "quality.png",
        "quality.svg",
        "ann.png",
        "ann.svg",
    }
    run(monkeypatch)
    assert page.read_text(encoding="utf-8") == text


def test_a_figure_that_has_drifted_is_found(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch)
    run(monkeypatch, "--check")
    text = page.read_text(encoding="utf-8")
    drifted = text.replace("0.910 | 0.920", "0.910 | 0.921", 1)
    assert drifted != text
    page.write_text(drifted, encoding="utf-8")
    with pytest.raises(SystemExit, match=r"^ranking\.md: the figures are not those of benchmarks/results"):
        run(monkeypatch, "--check")
    assert page.read_text(encoding="utf-8") == drifted


def test_a_result_that_has_changed_is_found(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch)
    changed = {**DUPLICATES, "pairs": {"repeats": 300, "updates": 40, "goes on": 26}}
    (report.RESULTS.parent / "duplicates.json").write_text(json.dumps(changed), encoding="utf-8")
    with pytest.raises(SystemExit, match=r"^ranking\.md: "):
        run(monkeypatch, "--check")


def test_a_check_draws_nothing(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "--check")
    assert page.read_text(encoding="utf-8") == PAGE
    assert not (page.parent / "images").exists()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("<!-- figures: end -->\n\nBetween", "Between"),
        ("<!-- figures: modes -->\n<!-- figures: end -->", "<!-- figures: end -->"),
        ("figures: modes", "figures: quality"),
    ],
    ids=["an end is missing", "a beginning is missing", "there is no such table"],
)
def test_marks_that_make_no_pair_are_refused_and_no_text_is_lost(
    page: Path, monkeypatch: pytest.MonkeyPatch, right: str, wrong: str
) -> None:
    text = PAGE.replace(right, wrong)
    assert text != PAGE
    page.write_text(text, encoding="utf-8")
    for arguments in ((), ("--check",)):
        with pytest.raises(SystemExit, match=r"^ranking\.md: expected pairs of marks"):
            run(monkeypatch, *arguments)
        assert page.read_text(encoding="utf-8") == text


# --- plots ------------------------------------------------------------------------------------------------------------


def test_the_plot_can_be_opened_and_is_the_same_each_time(results: Results, tmp_path: Path) -> None:
    from matplotlib.image import imread

    report.draw(results, tmp_path / "first")
    report.draw(results, tmp_path / "again")
    for name in ("quality.png", "quality.svg"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    pixels = imread(tmp_path / "first" / "quality.png")
    height, width, _ = pixels.shape
    assert width == 9 * 150
    assert height == 4 * 150
    assert pixels[..., :3].std() > 0.05  # something is drawn on it
    root = ET.parse(tmp_path / "first" / "quality.svg").getroot()  # noqa: S314 - it was written just now
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_the_plot_has_a_group_for_each_collection_that_others_were_measured_on(
    results: Results, tmp_path: Path
) -> None:
    report.draw(results, tmp_path)
    written = re.findall(r"<!-- (.*?) -->", (tmp_path / "quality.svg").read_text(encoding="utf-8"))
    assert "corpus" in written
    assert "adi" in written
    assert "time" not in written
    assert written.count("20 queries") == 2
    assert {"semsearch", *report.PEERS} <= set(written)
    assert {"0.90", "0.50"} <= set(written)


# --- what is committed ------------------------------------------------------------------------------------------------


def test_the_documents_say_what_the_results_say(monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "--check")
    marks = re.compile(r"<!-- figures: (?!end)([a-z-]+) -->")
    shown = [name for path in report.DOCUMENTS for name in marks.findall(path.read_text(encoding="utf-8"))]
    assert set(shown) == set(report.TABLES)
