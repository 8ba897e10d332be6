"""An index in an engine answers as one in a folder does, and is built, changed and measured by the same commands."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import semsearch
from semsearch import Article, Hit, LiveIndex, Searcher, build_index, open_index, update_index
from semsearch.addresses import shown
from semsearch.building import compare_corpus
from semsearch.embedders import load_embedder
from semsearch.engines import Engine, describe_index
from semsearch.evaluation import evaluate_index, load_dataset
from tests.command import ENVIRONMENT, Run, runner
from tests.conftest import ROOT
from tests.embedder import TokenWordEmbedder
from tests.engines.conftest import Place, leave_to_the_long_version
from tests.torture import figures

QUERIES = [
    "legal basis for deployment",
    "who pays for the mission",
    "how many soldiers",
    "the drought and the harvest",
    '"the harbour" strike',
]
FILTERS = [None, "date >= 2016", "source = 'Northgate Wire' or date < 2012", "not has source", "date = 2019"]
MODES = ["hybrid", "dense", "lexical"]
ROUNDING = 2e-3  # of the score: an engine keeps an article's vector in 16 bits, and counts lengths of texts exactly


@pytest.fixture(scope="session")
def address(place: Place) -> Iterator[str]:
    """The address of an index that stays for all of these tests."""
    leave_to_the_long_version(place, "milvus-lite", "milvus")
    yield place.address("the_corpus")
    with contextlib.closing(place.connect("the_corpus")) as engine:
        engine.remove()


@pytest.fixture
def index(place: Place, connect: Callable[[str], Engine], name: str) -> str:
    """The address of an index that is not there yet, and is removed at the end."""
    connect(name)
    return place.address(name)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    return runner(capsys)


@pytest.fixture(scope="session")
def searchers(address: str, corpus: Path, corpus_index: Path) -> Iterator[tuple[Searcher, Searcher]]:
    """The same corpus in a folder and in an engine."""
    built = build_index(corpus, address)
    assert (built.articles, built.problems, built.unchanged) == (73, (), False)
    with open_index(corpus_index) as here, open_index(address) as there:
        yield here, there


def citation(hit: Hit) -> tuple[str, int]:
    return hit.article.id, hit.passage.start


def agree(here: list[Hit], there: list[Hit]) -> None:
    """The same hits in the same order, but where scores are apart by rounding alone."""
    np.testing.assert_allclose([hit.score for hit in there], [hit.score for hit in here], atol=ROUNDING)
    scores = {citation(hit): hit.score for hit in here}
    for hit in there[:-1]:  # the last one may be another of the same score
        if citation(hit) not in scores:
            assert abs(hit.score - here[-1].score) <= 2 * ROUNDING
            continue
        assert abs(hit.score - scores[citation(hit)]) <= ROUNDING


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("where", FILTERS)
def test_questions_are_answered_alike(searchers: tuple[Searcher, Searcher], mode: str, where: str | None) -> None:
    for query in QUERIES:
        mine, yours = (each.search(query, 10, mode=mode, where=where) for each in searchers)
        assert len(mine) == len(yours)
        agree(mine, yours)
        same = {citation(hit): hit for hit in mine}
        for hit in yours:
            if citation(hit) in same:
                assert hit.article == same[citation(hit)].article
                assert hit.passage == same[citation(hit)].passage
                assert hit.evidence == same[citation(hit)].evidence


def test_explanations_groups_and_what_is_similar_are_alike(searchers: tuple[Searcher, Searcher]) -> None:
    here, there = searchers
    mine, yours = (each.search(QUERIES[0], 5, explain=True) for each in searchers)
    for one, other in zip(mine, yours, strict=True):
        assert one.explanation is not None
        assert other.explanation is not None
        assert one.explanation.parts.keys() == other.explanation.parts.keys()
        assert [each.word for each in one.explanation.words] == [each.word for each in other.explanation.words]
    groups = [[hit.article.id for hit in each.search_articles(QUERIES[1], 5)] for each in searchers]
    assert groups[0] == groups[1]
    article = mine[0].article.id
    agree(here.similar(article, 5), there.similar(article, 5))
    agree(here.similar(article, 5, paragraph=2), there.similar(article, 5, paragraph=2))
    assert article in there
    assert "nowhere" not in there
    assert len(there) == len(here)
    assert there.article(article) == here.article(article)
    assert there.sources() == here.sources()
    assert sum(one.articles for one in there.sources()) == 73


def test_what_is_wrong_is_said_alike(searchers: tuple[Searcher, Searcher]) -> None:
    for searcher in searchers:
        with pytest.raises(ValueError, match=r"no article has a field sorce; is source meant\?"):
            searcher.search("mission", where="sorce = Reuters")
        with pytest.raises(ValueError, match="has no article 'nowhere'"):
            searcher.similar("nowhere")


@pytest.mark.usefixtures("searchers")
def test_the_commands_take_an_address(run: Run, address: str, corpus: Path) -> None:
    answered = run("query", QUERIES[0], "-k", "3", "--index", address)
    assert (answered.code, [hit["rank"] for hit in answered.lines()]) == (0, [1, 2, 3])
    status = run("status", "--index", address).only()
    assert status["counts"]["articles"] == 73
    assert status["embedder"]["name"] == semsearch.DEFAULT_MODEL
    drift = compare_corpus(corpus, address)
    assert not drift
    assert drift.unchanged == 73


@pytest.mark.usefixtures("but_milvus")
def test_words_that_are_not_on_this_machine_are_missed_in_one_line(
    place: Place, run: Run, index: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not place.kind.startswith("milvus"):
        pytest.skip("it finds words itself")
    build_index(FIRST, index, embedder=load_embedder(tiny_model))
    monkeypatch.setenv("SEMSEARCH_CACHE", str(tmp_path / "empty"))
    question = ("query", "harbour river budget", "-k", "3", "--index", index)
    known = shown(index)
    remedy = f"'semsearch repair --index {known}' makes it"
    answered = run(*question)
    assert (answered.code, len(answered.lines())) == (0, 3)
    (line,) = answered.err.splitlines()
    assert line.startswith(f"warning: {known}: the ranking knows nothing of words")
    assert line.endswith(remedy)
    for refused in (run(*question, "--mode", "lexical"), run("query", '"the harbour"', "--index", index)):
        assert refused.code == 8
        assert refused.out == ""
        assert refused.err.count("warning: ") == 1
        assert remedy in refused.err.splitlines()[-1]
    assert run("repair", "--index", index).only()["mended"] == ["words"]
    for mode in MODES:
        answered = run(*question, "--mode", mode)
        assert (answered.code, answered.err) == (0, "")
        assert len(answered.lines()) >= 2
    assert run("repair", "--index", index).only()["mended"] == []


@pytest.mark.usefixtures("searchers")
def test_an_evaluation_gives_the_same_measures(address: str, corpus_index: Path) -> None:
    judged = load_dataset(ROOT / "benchmarks" / "corpus-queries")
    judged = replace(judged, queries=dict(list(judged.queries.items())[::8]))
    mine, yours = (evaluate_index(judged, index) for index in (corpus_index, address))
    for name, value in mine.means.items():
        assert abs(value.mean - yours.means[name].mean) <= 0.002, name


# --- changes ----------------------------------------------------------------------------------------------------


def article(number: int, text: str, **fields: object) -> Article:
    return Article(f"a{number}", text, **fields)  # type: ignore[arg-type]


LONG = "and so it was said on that day by all who were there to see it with their own eyes"  # not to be joined
FIRST = [
    article(0, f"The harbour was closed by ice {LONG}.\n\nShips wait in the bay {LONG}.", title="Ice", source="Wire"),
    article(1, f"A new bridge crosses the river {LONG}.", title="Bridge", metadata={"section": "City"}),
    article(2, "Soldiers guard the budget of the mission.", title="Budget"),
]


@pytest.mark.usefixtures("but_milvus")
def test_updates_and_rebuilds_are_as_in_a_folder(index: str, tmp_path: Path) -> None:
    embedder = TokenWordEmbedder()
    folder = tmp_path / "folder"
    for where in (index, folder):
        assert build_index(FIRST, where, embedder=embedder).embedded == 4
        assert build_index(FIRST, where, embedder=embedder).unchanged
    changed = article(
        1, f"A new bridge crosses the river {LONG}.\n\nIt is red {LONG}.", title="Bridge", metadata={"part": "North"}
    )
    added = article(3, "Rain fell on the harbour.", title="Rain")
    for where in (index, folder):
        report = update_index(where, add=[FIRST[0], changed, added], remove=["a2", "a9"], embedder=embedder)
        assert (report.articles, report.passages, report.embedded) == (
            3,
            5,
            2,
        )
        assert [problem.place for problem in report.problems] == ["a9"]
        with open_index(where, embedder=embedder) as searcher:
            assert "a2" not in searcher
            assert [hit.article.id for hit in searcher.search("red", 1, mode="lexical")] == ["a1"]
            assert searcher.search("guard", mode="lexical") == []
            assert {hit.article.id for hit in searcher.search("harbour", 9, where="part = north or title = rain")} == {
                "a1",
                "a3",
            }
    agree(*(_asked(where, embedder, "harbour ships rain") for where in (folder, index)))
    for where in (index, folder):
        report = build_index([changed, added], where, embedder=embedder)
        assert (report.articles, report.embedded) == (2, 0)
        with pytest.raises(semsearch.CorpusError, match="no article would be left"):
            update_index(where, remove=["a1", "a3"], embedder=embedder)
    agree(*(_asked(where, embedder, "harbour bridge") for where in (folder, index)))


@pytest.mark.usefixtures("but_milvus")
def test_an_index_that_is_kept_open_takes_the_version_that_a_rebuild_published(index: str) -> None:
    embedder = TokenWordEmbedder()
    first = [article(1, "The convoy crossed the river."), article(2, "The treaty was signed.")]
    build_index(first, index, embedder=embedder)
    with LiveIndex(index, embedder=embedder) as live, live.searcher() as before:
        assert not live.refresh()
        build_index([*first, article(3, "The ferry crossed the river.")], index, embedder=embedder)
        assert live.refresh()
        with live.searcher() as now:
            assert {hit.article.id for hit in now.search("river", mode="dense")} == {"a1", "a2", "a3"}
            assert (len(before), len(now)) == (2, 3)


@pytest.mark.usefixtures("but_milvus")
def test_a_searcher_that_is_open_sees_the_update(place: Place, index: str) -> None:
    if place.kind == "embedded":
        pytest.skip("a generation never changes")
    embedder = TokenWordEmbedder()
    build_index(FIRST, index, embedder=embedder)
    with open_index(index, embedder=embedder) as searcher:
        for mode in MODES:
            assert "a2" in [hit.article.id for hit in searcher.search("guard the budget", 3, mode=mode)]
        update_index(
            index, add=[article(3, "Rain fell on the harbour.", title="Rain")], remove=["a2"], embedder=embedder
        )
        with contextlib.suppress(semsearch.EngineError):  # it may say once that it has changed
            searcher.search("guard the budget", 9)
        assert sorted((one.source or "", one.articles) for one in searcher.sources()) == [("", 2), ("Wire", 1)]
        for mode in MODES:
            found = {hit.article.id for hit in searcher.search("guard rain harbour", 9, mode=mode)}
            assert "a3" in found
            assert "a2" not in found


def _asked(index: str | Path, embedder: TokenWordEmbedder, query: str) -> list[Hit]:
    with open_index(index, embedder=embedder) as searcher:
        return searcher.search(query, 9)


@pytest.mark.usefixtures("but_milvus")
def test_another_model_is_refused(index: str, tiny_model: Path) -> None:
    build_index(FIRST, index, embedder=TokenWordEmbedder())
    with pytest.raises(semsearch.EmbedderMismatchError):
        open_index(index, embedder=load_embedder(tiny_model))
    with pytest.raises(semsearch.EmbedderMismatchError):
        update_index(index, add=[FIRST[0]], embedder=load_embedder(tiny_model))


def test_an_index_that_is_not_there_is_said(index: str) -> None:
    for ask in (open_index, describe_index, update_index):
        with pytest.raises(semsearch.IndexNotFoundError):
            ask(index)


def test_an_update_that_was_killed_is_finished_by_the_next(
    place: Place, connect: Callable[[str], Engine], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place.kind == "embedded":
        pytest.skip("a generation is there as a whole, or not at all: tests/torture has the tests")
    embedder = TokenWordEmbedder()
    changed = article(0, "The harbour is open again.", title="Ice")
    steps = ("upsert", "write_state", "delete")
    for number, step in enumerate(steps[-1:] if place.kind == "milvus" and not figures.LONG else steps):
        engine, address = connect(f"{name}_{step}"), place.address(f"{name}_{step}")
        build_index(FIRST, address, embedder=embedder)
        kind = type(engine.live())

        def broken(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(kind, step, broken)
            with pytest.raises(KeyboardInterrupt):
                update_index(address, add=[changed], embedder=embedder)
        report = update_index(address, add=[changed], remove=["a1"], embedder=embedder)
        assert report.articles == 2, number
        with open_index(address, embedder=embedder) as searcher:
            assert len(searcher) == 2
            assert sorted(hit.article.id for hit in searcher.search("harbour mission", 9)) == ["a0", "a2"]
        live = engine.live()
        assert live.count() == 2
        assert [article_id for article_id, _ in live.entries()] == ["a2", "a0"]
