"""Judged queries, runs and measures, against values worked out by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from semsearch.errors import CorpusError
from semsearch.evaluation import MEASURES, compare, load_dataset, measure, read_run, write_run
from semsearch.evaluation.measures import interval


def _beir(
    folder: Path, qrels: str, queries: str = '{"_id": "q1", "text": "one"}\n{"_id": "q2", "text": "two"}\n'
) -> Path:
    (folder / "qrels").mkdir(parents=True)
    (folder / "queries.jsonl").write_text(queries, encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + qrels, encoding="utf-8")
    return folder


def test_measures_agree_with_values_worked_by_hand() -> None:
    qrels = {"q1": {"a": 2, "b": 1, "c": 0}, "q2": {"d": 1}}
    run = {"q1": [("x", 0.9), ("b", 0.8), ("a", 0.7)], "q2": [("d", 0.1)]}
    values = measure(run, qrels)
    ideal = 2 / math.log2(2) + 1 / math.log2(3)
    assert values["nDCG@10"]["q1"] == pytest.approx((1 / math.log2(3) + 2 / math.log2(4)) / ideal)
    assert values["RR@10"] == {"q1": 0.5, "q2": 1.0}
    assert values["R@10"] == {"q1": 1.0, "q2": 1.0}
    assert values["Success@1"] == {"q1": 0.0, "q2": 1.0}


def test_a_judged_query_that_the_run_has_nothing_for_counts_as_zero() -> None:
    values = measure({"q1": [("a", 1.0)]}, {"q1": {"a": 1}, "q2": {"b": 1}})
    assert {name: values[name] for name in MEASURES} == {name: {"q1": 1.0, "q2": 0.0} for name in MEASURES}


def test_the_rank_decides_where_scores_are_equal() -> None:
    assert measure({"q": [("z", 0.5), ("a", 0.5)]}, {"q": {"z": 1}})["Success@1"]["q"] == 1.0
    assert measure({"q": [("a", 0.5), ("z", 0.5)]}, {"q": {"z": 1}})["Success@1"]["q"] == 0.0


def test_a_query_that_was_not_judged_does_not_count() -> None:
    assert measure({"other": [("a", 1.0)], "q": [("a", 1.0)]}, {"q": {"a": 1}})["RR@10"] == {"q": 1.0}


def test_the_paired_test_tells_a_steady_gain_from_noise() -> None:
    generator = np.random.default_rng(3)
    before = {f"q{i}": float(value) for i, value in enumerate(generator.uniform(0.2, 0.8, 60))}
    better = {query: value + 0.05 for query, value in before.items()}
    noise = {query: value + float(generator.normal(0, 0.2)) for query, value in before.items()}
    gain = compare(better, before)
    assert gain.difference.mean == pytest.approx(0.05)
    assert gain.p < 0.001
    assert compare(noise, before).p > 0.05
    assert compare(before, before) == ((0.0, 0.0, 0.0), 1.0)


def test_runs_over_other_queries_are_not_compared() -> None:
    with pytest.raises(ValueError, match="same queries"):
        compare({"a": 1.0}, {"b": 1.0})


def test_the_confidence_interval_holds_the_mean_and_narrows_with_more_queries() -> None:
    few = interval({str(i): i % 2 for i in range(10)})
    many = interval({str(i): i % 2 for i in range(1000)})
    assert few.low < 0.5 < few.high
    assert many.high - many.low < (few.high - few.low) / 5


def test_a_run_survives_its_file(tmp_path: Path) -> None:
    run = {"q 1": [("a b.md", 0.75), ("c", 0.5)], "q2": [("a b.md", -0.25)]}
    write_run(run, tmp_path / "run.tsv")
    assert read_run(tmp_path / "run.tsv") == run


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty run"),
        ("q1 Q0 a 1\n", ":1: is not a line"),
        ("q1 Q0 a 1 high tag\n", ":1: is not a line"),
        ("q1 Q0 a 1 nan tag\n", ":1: the score 'nan' is not a number"),
        ("q1 Q0 a 1 0.5 tag\nq1 Q0 a 2 0.4 tag\n", ":2: has 'a' again"),
    ],
)
def test_a_broken_run_is_named_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "run.trec"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        read_run(path)


def test_a_run_that_is_not_utf8_or_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "run").write_bytes(b"q1 Q0 caf\xe9 1 0.5 tag\n")
    with pytest.raises(CorpusError, match=r"run: is not valid UTF-8 \(byte 9\)"):
        read_run(tmp_path / "run")
    with pytest.raises(CorpusError, match="gone: no such file"):
        read_run(tmp_path / "gone")


def test_an_empty_run_is_worth_nothing() -> None:
    assert measure({}, {"q1": {"a": 1}}) == {name: {"q1": 0.0} for name in MEASURES}
    assert measure({"q1": []}, {"q1": {"a": 1}}) == {name: {"q1": 0.0} for name in MEASURES}


def test_beir_datasets_are_read_and_queries_without_a_relevant_article_left_out(tmp_path: Path) -> None:
    dataset = load_dataset(_beir(tmp_path / "news", "q1\ta\t2\nq1\tb\t0\nq2\ta\t0\n"))
    assert dataset.name == "news"
    assert dataset.queries == {"q1": "one"}
    assert dataset.qrels == {"q1": {"a": 2, "b": 0}}
    assert dataset.unjudged == ("q2",)
    assert dataset.corpus is None


@pytest.mark.parametrize(
    ("qrels", "message"),
    [
        ("q9\ta\t1\n", "judges 1 queries that it does not have, 'q9'"),
        ("q1\ta\tyes\n", "test.tsv:2: the grade 'yes'"),
        ("q1\ta\n", "test.tsv:2: is not a judgement"),
        ("q1\ta\t1\nq1\ta\t1\n", "test.tsv:3: has the id 'a' again"),
        ("q1\ta\t0\n", "no query has a relevant article"),
        ("", "no query has a relevant article"),
    ],
)
def test_broken_judgements_are_named_with_their_line(tmp_path: Path, qrels: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        load_dataset(_beir(tmp_path / "news", qrels))


def test_a_broken_query_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"queries\.jsonl:2: is not a JSON object"):
        load_dataset(_beir(tmp_path / "news", "q1\ta\t1\n", queries='{"_id": "q1", "text": "one"}\n{broken\n'))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"_id": "q1", "text": "again"}', r"queries\.jsonl:2: has the id 'q1' again"),
        ('{"_id": "q2", "text": " "}', r"queries\.jsonl:2: is not a query"),
        ('{"text": "two"}', r"queries\.jsonl:2: is not a query"),
        ('{"_id": "q2", "text": "\\ud800"}', r"queries\.jsonl:2: has half of a surrogate pair"),
        ('["q2", "two"]', r"queries\.jsonl:2: is JSON, but not an object"),
    ],
)
def test_a_query_that_could_not_be_asked_is_named_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    queries = f'{{"_id": "q1", "text": "one"}}\n{line}\n'
    with pytest.raises(CorpusError, match=message):
        load_dataset(_beir(tmp_path / "news", "q1\ta\t1\n", queries=queries))


@pytest.mark.parametrize(
    ("name", "topics"),
    [
        ("topics.tsv", "q1\tlegal basis\n"),
        ("topics.xml", '<topics><topic number="q1"><title>legal\n basis</title></topic></topics>'),
    ],
)
def test_trec_topics_and_judgements_are_read(tmp_path: Path, name: str, topics: str) -> None:
    (tmp_path / name).write_text(topics, encoding="utf-8")
    (tmp_path / "judgements.qrels").write_text("q1 0 FT-1 2\nq1 0 FT-2 0\n", encoding="utf-8")
    dataset = load_dataset(tmp_path / name, qrels=tmp_path / "judgements.qrels")
    assert dataset.queries == {"q1": "legal basis"}
    assert dataset.qrels == {"q1": {"FT-1": 2, "FT-2": 0}}


OLD_TOPICS = """\
<top>

<num> Number: 301
<title> International Organized Crime

<desc> Description:
Identify organizations that participate in international
criminal activity.

<narr> Narrative:
A relevant document must name one.

</top>

<TOP>
<num> Number:  302
<title> Topic:  Poliomyelitis
 and Post-Polio
</TOP>
<top>
<num>303</num>
<title>Hubble telescope: "first light"</title>
</top>
"""


def test_trec_topics_without_closing_tags_are_read(tmp_path: Path) -> None:
    (tmp_path / "topics.301-303").write_text(OLD_TOPICS, encoding="utf-8")
    (tmp_path / "qrels").write_text("301 0 FBIS-1 1\n302 0 FBIS-2 1\n303 0 FT-1 1\n303 0 FT-2 0\n", encoding="utf-8")
    dataset = load_dataset(tmp_path / "topics.301-303", qrels=tmp_path / "qrels")
    assert dataset.queries == {
        "301": "International Organized Crime",
        "302": "Poliomyelitis and Post-Polio",
        "303": 'Hubble telescope: "first light"',
    }
    assert dataset.qrels["303"] == {"FT-1": 1, "FT-2": 0}
    assert dataset.unjudged == ()


@pytest.mark.parametrize(
    ("name", "topics", "message"),
    [
        ("topics.txt", "<top>\n<num> Number: 301\n<desc> of crime\n</top>\n", "topic 1 has no <num> or no <title>"),
        ("topics.txt", "<top>\n<title> crime\n</top>\n", "topic 1 has no <num> or no <title>"),
        ("topics.txt", "<top>\n<num> 1\n<title> a\n<top>\n<num> 1\n<title> b\n", "has the id '1' again"),
        (
            "topics.xml",
            '<topics><topic number="1"><title> </title></topic></topics>',
            "topic 1 has no number, or no <ti",
        ),
        ("topics.xml", "<topics><topic><title>crime</title></topic></topics>", "topic 1 has no number, or no <title>"),
        ("topics.xml", "<topics>\n<topic>\n</topics>", r"topics\.xml:3: is not XML"),
        ("topics.tsv", "1\tcrime\n1\tpolio\n", r"topics\.tsv:2: has the id '1' again"),
        ("topics.tsv", "crime\n", r"topics\.tsv:1: is not a topic: a number, a tab"),
    ],
)
def test_a_topic_that_could_not_be_asked_is_named(tmp_path: Path, name: str, topics: str, message: str) -> None:
    (tmp_path / name).write_text(topics, encoding="utf-8")
    (tmp_path / "qrels").write_text("1 0 a 1\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        load_dataset(tmp_path / name, qrels=tmp_path / "qrels")


def test_ones_own_queries_name_articles_or_beginnings_of_passages(tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    own.write_text(json.dumps({"query": "who pays", "article": ["a.md", "b.md"]}) + "\n", encoding="utf-8")
    dataset = load_dataset(own)
    assert (dataset.unit, dataset.qrels) == ("article", {"1": {"a.md": 1, "b.md": 1}})
    own.write_text(json.dumps({"query": "who pays", "relevant": ["We", "They"], "best": "We"}) + "\n", encoding="utf-8")
    dataset = load_dataset(own)
    assert (dataset.unit, dataset.qrels) == ("passage", {"1": {"We": 2, "They": 1}})


def test_a_better_passage_counts_twice_only_beside_others(tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    own.write_text(json.dumps({"query": "who pays", "best": ["We", "They", "You"]}) + "\n", encoding="utf-8")
    assert load_dataset(own).qrels == {"1": {"We": 1, "They": 1, "You": 1}}


def test_queries_that_nothing_answers_are_kept_apart(tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    lines = [
        {"query": "sourdough", "answer": False},
        {"query": "who pays", "article": "a.md", "answer": True},
        {"_id": "x", "query": "rye bread", "answer": False, "article": None},
    ]
    own.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    dataset = load_dataset(own)
    assert (dataset.queries, dataset.qrels, dataset.unjudged) == ({"1": "who pays"}, {"1": {"a.md": 1}}, ())
    assert dataset.unanswerable == {"unanswerable 1": "sourdough", "x": "rye bread"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([{"article": "a"}], ":1: has no 'query'"),
        ([{"query": "who", "answer": False}], "no query has a relevant article"),
        ([{"query": "who", "answer": False, "article": "a"}], ":1: says what should come back, and 'answer': false"),
        ([{"_id": "q", "query": "who", "article": "a"}, {"_id": "q", "query": "x", "answer": False}], ":2: has the id"),
        ([{"_id": "q", "query": "x", "answer": False}, {"_id": "q", "query": "who", "article": "a"}], ":2: has the id"),
        ([{"query": "who", "passage": ""}], ":1: names '' as 'passage'"),  # which every passage begins with
        ([{"query": "who", "relevant": ["We", " "]}], ":1: names ' ' as 'relevant'"),
        ([{"query": "who", "article": {"id": "a"}}], ":1: names {'id': 'a'} as 'article'"),
        ([{"query": "who", "article": []}], ":1: says neither"),
        ([{"query": "who"}], ":1: says neither"),
        ([{"query": "who", "article": "a"}, {"query": "what", "passage": "We"}], "articles in some lines"),
    ],
)
def test_a_line_of_ones_own_that_says_too_little_is_named(tmp_path: Path, lines: list[object], message: str) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        load_dataset(path)


@pytest.mark.parametrize("name", ["adi", "time", "scifact", "cranfield", "xquad-en"])
def test_the_shared_collections_are_read_whole(shared: Path, name: str) -> None:
    dataset = load_dataset(shared / "datasets" / name)
    expected = {"adi": 35, "time": 83, "scifact": 300, "cranfield": 225, "xquad-en": 1190}
    assert len(dataset.queries) == expected[name]
    assert dataset.corpus is not None


def test_a_path_may_be_text(tmp_path: Path) -> None:
    folder = _beir(tmp_path / "set", "q1\ta\t1\n")
    assert load_dataset(str(folder)) == load_dataset(folder)
    assert load_dataset(str(folder), qrels=str(folder / "qrels" / "test.tsv")) == load_dataset(folder)
