"""What the benchmarks of costs count: stages, lines, percentiles, archives that are made, changes of a corpus."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import semsearch
from benchmarks import build, measuring
from benchmarks.latency.__main__ import fit_growth
from benchmarks.latency.cold import read_import_times
from benchmarks.latency.plain import Plain, save
from benchmarks.latency.stages import STAGES, StageClock, query_stages, timed_stages
from benchmarks.synthetic import MadeEmbedder, RandomEmbedder, articles, words_of_sample
from semsearch import Article, build_index, load_embedder, open_index, read_articles, selection
from semsearch.embedders import TokenEmbedder
from semsearch.searching import _searcher as searcher_module
from tests.embedder import TokenWordEmbedder

QUESTIONS = ["Who pays for the harbour?", "When does the treaty end?"]
_SENTENCE = "the harbour treaty of Oslo was signed by seven towns and a minister in May without more ado"
WORDS = _SENTENCE.split()
MODEL = ("tests.embedder:TokenWordEmbedder.embed_query_with_tokens",)


# --- stages -----------------------------------------------------------------------------------------------------------


def test_a_stage_does_not_count_what_those_within_it_take() -> None:
    now = iter([0.0, 1.0, 3.0, 3.5, 4.5, 9.0])
    clock = StageClock(lambda: next(now))
    with clock.stage("outer"):
        with clock.stage("inner"):
            pass
        with clock.stage("inner"):
            pass
    assert clock.take() == {"outer": 1.0 + 0.5 + 4.5, "inner": 2.0 + 1.0}
    assert clock.take() == {}


def test_a_query_goes_through_every_stage_and_their_times_are_all_of_it(tmp_path: Path) -> None:
    embedder = TokenWordEmbedder()
    build_index(articles(40, WORDS, QUESTIONS), tmp_path, embedder=embedder)
    clock = StageClock()
    with open_index(tmp_path, embedder=embedder) as searcher:
        plain = searcher.search(QUESTIONS[0])
        with timed_stages(clock, {**STAGES, "model": MODEL}):
            with clock.stage("rest"):
                timed = searcher.search(QUESTIONS[0])
            assert clock.take().keys() == {*STAGES, "rest"}
            searcher.search(QUESTIONS[0], mode="lexical", evidence=False)
            assert clock.take().keys() == {"reading", "lexical", "scores", "folding", "hits"}
        searcher.search(QUESTIONS[0])
    assert timed == plain
    assert clock.take() == {}


def test_functions_are_put_back_wherever_they_were(tmp_path: Path) -> None:
    own = [selection.select, vars(searcher_module)["select"], TokenWordEmbedder.embed_query_with_tokens]
    with timed_stages(StageClock(), {**STAGES, "model": MODEL}):
        during = [selection.select, vars(searcher_module)["select"], TokenWordEmbedder.embed_query_with_tokens]
    assert all(one is not other for one, other in zip(own, during, strict=True))
    assert own == [selection.select, vars(searcher_module)["select"], TokenWordEmbedder.embed_query_with_tokens]


@pytest.mark.parametrize(
    "gone", ["semsearch.selection:selekt", "semsearch.dense:DenseIndex.serach", "semsearch.dense:Index.search"]
)
def test_a_function_that_is_gone_is_no_stage_that_costs_nothing(gone: str) -> None:
    before = selection.select
    with (
        pytest.raises(LookupError, match=f"^{gone}, which the stage 'x' begins with, is not there"),
        timed_stages(StageClock(), {"folding": STAGES["folding"], "x": (gone,)}),
    ):
        pass
    assert selection.select is before


def test_the_model_is_whatever_embeds_queries(tiny_model: Path) -> None:
    embedder = load_embedder(tiny_model)
    clock = StageClock()
    with timed_stages(clock, query_stages()):
        embedder.embed_queries(["a harbour"])
    assert clock.take().keys() == {"model"}


# --- archives that are made -------------------------------------------------------------------------------------------


def test_an_archive_is_as_large_as_it_is_said_and_the_same_each_time() -> None:
    made = list(articles(50, WORDS, QUESTIONS))
    assert len(made) == 10
    assert made == list(articles(50, WORDS, QUESTIONS))
    assert made != list(articles(50, WORDS, QUESTIONS, seed=1))
    paragraphs = [paragraph for article in made for paragraph in article.text.split("\n\n")]
    assert len(set(paragraphs)) == 50
    assert {len(paragraph.split()) for paragraph in paragraphs} == {90}


def test_an_archive_that_is_made_is_asked_with_the_real_model(tiny_model: Path, tmp_path: Path) -> None:
    model = load_embedder(tiny_model)
    assert isinstance(model, TokenEmbedder)
    embedder = MadeEmbedder(model, QUESTIONS)
    made = list(articles(30, WORDS, QUESTIONS))
    build_index(made, tmp_path, embedder=embedder)
    topics = {article.id: int(article.title.split()[0]) for article in made}
    with open_index(tmp_path) as searcher:  # it finds the model by its name, and takes the index for its own
        for number, question in enumerate(QUESTIONS):
            hits = searcher.search(question, len(searcher), mode="dense", fold_duplicates=False)
            own = [hit.score for hit in hits if topics[hit.article.id] == number]
            assert own
            assert 0.29 <= min(own) < 0.45 < 0.55 < max(own) <= 0.71
        (hit,) = searcher.search(QUESTIONS[0], 1, explain=True)
    assert hit.explanation is not None
    assert hit.explanation.words  # the tokens that are stored are as many as the model finds


def test_random_vectors_are_those_of_pieces() -> None:
    embedder = RandomEmbedder()
    vectors, tokens = embedder.embed_passages_with_tokens(["A harbour, a harbour", "harbour"])
    assert [len(own) for own in tokens] == embedder.count_tokens(["A harbour, a harbour", "harbour"]) == [7, 2]
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (tokens[0][1] == tokens[1][0]).all()
    assert vectors[0] @ vectors[1] > 0.95
    again = embedder.embed_query_with_tokens("harbour")
    assert (again.embeddings == RandomEmbedder().embed_passages_with_tokens(["harbour"])[1][0]).all()


def test_words_are_those_of_the_sample_archive() -> None:
    counted = Counter(words_of_sample())
    assert counted["the"] > counted["treaty"] > 0
    assert not any(word.endswith((".", ",")) for word in counted)


# --- the plain script -------------------------------------------------------------------------------------------------


def test_the_plain_script_finds_the_nearest_vectors(tiny_model: Path, tmp_path: Path) -> None:
    texts = ["a harbour", "seven towns", "the treaty"]
    save(tmp_path, texts, load_embedder(tiny_model).embed_queries([f"{text}" for text in texts]))
    found = Plain(tmp_path, str(tiny_model)).ask("the treaty", 2)
    assert len(found) == 2
    assert found[0]["score"] >= found[1]["score"]
    assert {one["text"] for one in found} <= set(texts)


# --- figures ----------------------------------------------------------------------------------------------------------


def test_a_line_is_fitted() -> None:
    assert measuring.fit_line([1000, 3000, 10000], [2.5, 4.5, 11.5]) == pytest.approx((1.5, 0.001, 1.0))
    # By hand: means 2 and 2, slope (1*1 + 0 + 1*1) / 2 = 0.5 of (1, 1), (2, 3), (3, 2)
    assert measuring.fit_line([1, 2, 3], [1, 3, 2]) == pytest.approx((1.0, 0.5, 0.25))
    assert measuring.fit_line([1, 2], [4, 4]).r2 == 1
    for sizes, costs in (([5, 5], [1, 2]), ([1], [1]), ([1, 2], [1])):
        with pytest.raises(ValueError, match=r"^a line needs costs of two sizes"):
            measuring.fit_line(sizes, costs)


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (99.5, 100), (100, 100), (0, 1)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: int) -> None:
    assert measuring.percentile(list(range(100, 0, -1)), percent) == expected


def test_growth_is_fitted_to_the_medians_of_what_was_measured_at_each_size() -> None:
    def at(passages: int, seconds: float, **more: object) -> dict[str, object]:
        case = {"cpu_seconds": [seconds, seconds + 1, seconds + 9], "stages": {"dense": seconds / 2}}
        return {"passages": passages, "open_cpu_seconds": [3.0], "cases": {"hybrid": case}, **more}

    cold = {"cold": {"semsearch": [{"cpu_seconds": 1.0}]}}
    found = fit_growth([at(100, 1.0, **cold), at(200, 2.0), at(300, 3.0)])
    assert found["hybrid"] == pytest.approx({"base": 1.0, "slope": 0.01, "r2": 1.0})
    assert found["stage: dense"] == pytest.approx({"base": 0.0, "slope": 0.005, "r2": 1.0}, abs=1e-9)
    assert found["opening"]["slope"] == 0
    assert "cold: semsearch" not in found  # of one size alone there is no line


def test_imports_are_added_up_by_package() -> None:
    traced = """\
import time: self [us] | cumulative | imported package
import time:       100 |        100 |   json.decoder
import time:       200 |        300 | json
import time:      1000 |       9000 |     numpy.linalg
import time:      2000 |       2000 |   numpy
import time:       500 |        500 | semsearch._version
a warning that is none of it
"""
    assert read_import_times(traced) == {
        "numpy": 0.003, "semsearch": 0.0005, "the standard library": 0.0003, "others": 0.0,
    }  # fmt: skip
    many = "".join(f"import time: {us:>9} | {us:>10} | package_{us}\n" for us in range(1000, 11000, 1000))
    found = read_import_times(many)
    assert next(iter(found)) == "package_10000"
    assert len(found) == 9
    assert found["others"] == 0.003


def test_what_a_command_costs_is_its_own() -> None:
    # From a small process, as the benchmarks do: this one's memory would be the least that a child has.
    large = [sys.executable, "-c", "x = b'x' * 300_000_000"]
    busy = measuring.in_new_process(measuring.run_command, large)
    idle = measuring.in_new_process(measuring.run_command, [sys.executable, "-c", "pass"])
    assert 250_000_000 < busy["peak_rss_bytes"] - idle["peak_rss_bytes"] < 350_000_000
    assert busy["cpu_seconds"] > idle["cpu_seconds"] > 0
    with pytest.raises(SystemExit, match="failed with status 3"):
        measuring.run_command([sys.executable, "-c", "raise SystemExit(3)"])


def test_a_result_is_json_whose_lists_of_numbers_are_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "RESULTS", tmp_path)
    result = {
        "cpu_seconds": [0.1, 2e-06, -3],
        "names": ["a", "b"],
        "none": [],
        "nested": {"x": [1], "y": [[1, 2], [3]]},
    }
    path = measuring.write_result("latency", result)
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == result
    assert '"cpu_seconds": [0.1, 2e-06, -3],' in text
    assert '"x": [1],' in text


# --- builds -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def many() -> list[Article]:
    return [Article(f"{n}", f"First of {n}. Second of {n}.", title=f"Title {n}") for n in range(250)]


def test_one_article_in_a_hundred_changes(many: list[Article]) -> None:
    kept = {kind: build.change(many, kind) for kind in ("", *build.CHANGES)}
    assert kept[""] == many
    assert len(kept["removed"]) == 248
    assert set(kept["removed"]) < set(many)
    edited = [(was, now) for was, now in zip(many, kept["edited"], strict=True) if was != now]
    assert len(edited) == 2
    assert all(was.id == now.id and now.text.startswith(was.text) for was, now in edited)
    assert kept["added"][:250] != kept["added"]
    added = [article for article in kept["added"] if article not in many]
    assert len(kept["added"]) == 252
    assert len(added) == 2
    texts = {article.text for article in many}
    assert not any(article.text in texts for article in added)
    assert len(build.change(many[:3], "removed")) == 2


def test_a_corpus_is_written_as_it_was_read_and_only_what_changes_is_written_again(
    tmp_path: Path, corpus: Path
) -> None:
    def written(kind: str) -> list[Article]:
        build.write_changed(str(corpus), kind, tmp_path / "articles")
        return sorted(read_articles(tmp_path / "articles"), key=lambda article: article.id)

    before = sorted(read_articles(corpus), key=lambda article: article.id)
    assert written("") == before
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "articles").iterdir()}
    assert len(times) == len(before)
    (edited,) = (article for article in written("edited") if article not in before)
    assert len(written("removed")) == len(before) - 1
    assert edited.id not in {article.id for article in written("removed")}
    assert written("") == before
    assert sum(path.stat().st_mtime_ns != time for path, time in times.items()) == 1


def test_only_what_is_new_is_embedded_after_a_change(many: list[Article], tmp_path: Path) -> None:
    embedder = TokenWordEmbedder()
    build_index(many, tmp_path, embedder=embedder)
    for kind, count in (("removed", 0), ("edited", 2), ("added", 2)):
        assert build_index(build.change(many, kind), tmp_path, embedder=embedder).embedded == count
        build_index(many, tmp_path, embedder=embedder)


def test_files_are_added_up_by_what_they_are_for(tmp_path: Path) -> None:
    build_index(articles(20, WORDS, QUESTIONS), tmp_path, embedder=TokenWordEmbedder())
    files = {name: file.bytes for name, file in semsearch.storage.read_manifest(tmp_path)[1].files.items()}
    kinds = build.bytes_by_kind(files)
    assert sum(kinds.values()) == sum(files.values())
    assert kinds["tokens"] == sum(size for name, size in files.items() if name.startswith("token"))
    assert kinds["lexical"] == sum(size for name, size in files.items() if name.startswith("lexical/"))
    assert kinds.keys() >= {"articles", "embeddings", "lexical", "tokens"}


def test_the_forms_of_the_model_are_those_that_can_be_loaded_here() -> None:
    names = build.loadable_forms()
    assert names[0] == "default"
    assert set(names) <= build.forms().keys()
    assert build.forms()[names[-1]]().spec.dimension == 384
