"""The search as a model of MTEB: its own mock tasks, and the same measures as ours on local collections."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mteb
import numpy as np
import pytest
from datasets import Dataset as Rows
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.mocks.mock_tasks.reranking import MockRerankingTask
from mteb.mocks.mock_tasks.retrieval import (
    MockInstructionRetrieval,
    MockMultilingualRetrievalTask,
    MockRetrievalDialogTask,
    MockRetrievalTask,
)
from mteb.models import SearchProtocol

import semsearch
from semsearch.evaluation import Dataset, load_dataset, measure, run_queries
from semsearch.integrations.mteb import SearchModel
from tests.conftest import ROOT
from tests.embedder import WordEmbedder

QUERIES = ROOT / "benchmarks" / "corpus-queries"


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No network, and a cache of the test's own."""
    import socket

    def refuse(*_: object) -> None:
        raise AssertionError("a network is asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("MTEB_CACHE", str(tmp_path / "mteb"))


def _metadata(name: str) -> TaskMetadata:
    return TaskMetadata(
        name=name,
        description="A local collection.",
        dataset={"path": "local/none", "revision": "1"},
        type="Retrieval",
        category="t2t",
        modalities=["text"],
        eval_splits=["test"],
        eval_langs=["eng-Latn"],
        main_score="ndcg_at_10",
        date=None,
        domains=None,
        task_subtypes=None,
        license=None,
        annotations_creators=None,
        dialect=None,
        sample_creation=None,
        bibtex_citation=None,
    )


class LocalTask(AbsTaskRetrieval):
    """Judged queries and articles that are on this machine."""

    metadata = _metadata("LocalArticles")
    k_values = (1, 10, 100)

    def __init__(
        self,
        dataset: Dataset,
        articles: Sequence[Mapping[str, str]],
        top_ranked: Mapping[str, list[str]] | None = None,
    ) -> None:
        self.metadata = _metadata("LocalReranking" if top_ranked else "LocalArticles")
        super().__init__()
        self._given = dataset, articles, top_ranked

    def load_data(self, *_: Any, **__: Any) -> None:
        judged, articles, top_ranked = self._given
        queries = Rows.from_list([{"id": query, "text": text} for query, text in judged.queries.items()])
        split: Any = {
            "corpus": Rows.from_list([dict(article) for article in articles]),
            "queries": queries,
            "relevant_docs": judged.qrels,
            "top_ranked": top_ranked,
        }
        self.dataset = {"default": {"test": split}}
        self.data_loaded = True


def _scores(task: AbsTaskRetrieval, model: SearchModel) -> dict[str, Any]:
    result = mteb.evaluate(model, task, cache=None, co2_tracker=False, show_progress_bar=False)
    (scores,) = result.task_results[0].scores["test"]
    return dict(scores)


def _ours(index: Path, dataset: Dataset, mode: str) -> dict[str, dict[str, float]]:
    with semsearch.open_index(index) as searcher:
        return measure(run_queries(searcher, dataset, mode=mode), dataset.qrels)


def _some(dataset: Dataset, each: int) -> Dataset:
    """Every so many-th of the queries: with all of them the tests would take minutes."""
    queries = dict([*dataset.queries.items()][::each])
    return Dataset(dataset.name, queries, {query: dataset.qrels[query] for query in queries})


def _beir(folder: Path) -> list[dict[str, str]]:
    with (folder / "corpus.jsonl").open(encoding="utf-8") as lines:
        return [
            {"id": one["_id"], "title": one.get("title", ""), "text": one["text"]} for one in map(json.loads, lines)
        ]


@pytest.fixture(scope="module")
def sample(corpus: Path) -> list[dict[str, str]]:
    return [{"id": one.id, "title": one.title, "text": one.text} for one in semsearch.read_articles(corpus)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tests keep the index of the sample, which they build once."""
    return tmp_path_factory.mktemp("mteb") / "indexes"


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_it_measures_what_our_own_evaluation_does(
    mode: str, sample: list[dict[str, str]], corpus_index: Path, folder: Path
) -> None:
    dataset = _some(load_dataset(QUERIES), 8)
    ours = _ours(corpus_index, dataset, mode)["nDCG@10"]
    with SearchModel(mode=mode, folder=folder) as model:
        theirs = _scores(LocalTask(dataset, sample), model)
    assert theirs["ndcg_at_10"] == pytest.approx(statistics.mean(ours.values()), abs=5e-5)


def test_it_measures_the_same_on_a_collection_of_others(shared: Path, tmp_path: Path) -> None:
    dataset = load_dataset(shared / "datasets" / "adi")
    assert dataset.corpus is not None
    semsearch.build_index(dataset.corpus, tmp_path / "index")
    ours = _ours(tmp_path / "index", dataset, "hybrid")["nDCG@10"]
    with SearchModel() as model:
        theirs = _scores(LocalTask(dataset, _beir(dataset.corpus.parent)), model)
    assert theirs["ndcg_at_10"] == pytest.approx(statistics.mean(ours.values()), abs=5e-5)


def test_only_what_is_to_be_reranked_is_ranked(sample: list[dict[str, str]], folder: Path) -> None:
    dataset = _some(load_dataset(QUERIES), 50)
    articles = [article["id"] for article in sample]
    candidates = {query: [*dataset.qrels[query], *articles[at : at + 20]] for at, query in enumerate(dataset.queries)}
    with SearchModel(folder=folder) as model:
        found: dict[str, dict[str, float]] = {}
        search = model.search

        def kept(*given: Any, **more: Any) -> dict[str, dict[str, float]]:
            found.update(search(*given, **more))
            return found

        model.search = kept  # type: ignore[method-assign]
        scores = _scores(LocalTask(dataset, sample, candidates), model)
    for query, one in found.items():
        assert set(one) == set(candidates[query])  # all of them, and none else
        assert [*one] == sorted(one, key=one.__getitem__, reverse=True)
    assert scores["recall_at_100"] == 1


def test_many_candidates_and_ids_that_differ_by_case(tmp_path: Path) -> None:
    names = [f"{letter}{number}" for letter in "ab" for number in range(600)]
    rows = Rows.from_list([{"id": name, "text": f"convoy {name}"} for name in [*names, "A1", "A2"]])
    queries = Rows.from_list(
        [
            {"id": "1", "text": "convoy"},
            {"id": "2", "text": "convoy"},
            {"id": "3", "text": "x"},
            {"id": "4", "text": "x"},
        ]
    )
    given: Any = {"task_metadata": _metadata("Case"), "hf_split": "test", "hf_subset": "default"}
    with SearchModel(WordEmbedder(), folder=tmp_path) as model:
        model.index(rows, **given)
        ranked = {"1": names[:1100], "2": ["A1", "a2"], "3": []}
        found = model.search(queries, top_k=2000, top_ranked=ranked, **given)
    assert set(found["1"]) == set(names[:1100])
    assert set(found["2"]) == {"A1", "a2"}
    assert found["3"] == found["4"] == {}  # of one that is not named nothing is to be ranked, as in MTEB
    assert [path.name for path in tmp_path.iterdir()] == ["Case-test-default"]


def test_no_two_scores_are_the_same_to_trec_eval() -> None:
    rows = Rows.from_list([{"id": f"{number}", "text": "The convoy crossed the river."} for number in range(30)])
    queries = Rows.from_list([{"id": "1", "text": "convoy"}, {"id": "2", "text": " "}])
    given: Any = {"task_metadata": _metadata("Ties"), "hf_split": "test", "hf_subset": "default"}
    with SearchModel(WordEmbedder(), mode="dense") as model:
        with pytest.raises(ValueError, match="no index"):
            model.search(queries, top_k=30, **given)
        model.index(rows, **given)
        found = model.search(queries, top_k=20, **given)
    scores = [*found["1"].values()]
    assert len(scores) == 20
    assert np.all(np.diff(np.array(scores, dtype=np.float32)) < 0)
    assert scores[0] - scores[-1] < 1e-4
    assert found["2"] == {}


@pytest.mark.parametrize(
    "task",
    [
        MockRetrievalTask,
        MockRetrievalDialogTask,
        MockInstructionRetrieval,
        MockMultilingualRetrievalTask,
        MockRerankingTask,
    ],
)
def test_mtebs_own_tasks_are_run(task: type[AbsTaskRetrieval], tmp_path: Path) -> None:
    cache = mteb.ResultCache(tmp_path / "results")
    with SearchModel() as model:
        assert isinstance(model, SearchProtocol)
        done = mteb.evaluate(model, task(), cache=cache, co2_tracker=False, show_progress_bar=False)
    for scores in done.task_results[0].scores["test"]:
        assert scores["ndcg_at_10"] > 0.6  # of two documents one is relevant: the other first is 0.63
        assert scores["recall_at_10"] == 1
    assert list(tmp_path.rglob("*.json"))


def test_what_a_document_and_a_query_may_be(tmp_path: Path) -> None:
    rows = Rows.from_list(
        [
            {"id": "title alone", "title": "Ferries of the north", "text": ""},
            {"id": "odd", "title": "", "text": "A con\0voy crossed."},
            {"id": "nothing", "title": None, "text": None},
        ]
    )
    queries: Any = [
        {"id": "text", "text": "ferries"},
        {"id": "turns", "text": [{"role": "user", "content": "ferries"}, {"role": "assistant", "content": "north"}]},
        {"id": "instruction", "text": "ferries", "instruction": "of the north"},
    ]
    given: Any = {"task_metadata": _metadata("Odd"), "hf_split": "test", "hf_subset": "default"}
    with SearchModel(WordEmbedder()) as model:
        model.index(rows, **given)
        found = model.search(queries, top_k=10, **given)
    assert [[*found[query["id"]]] for query in queries] == [["title alone", "odd"]] * 3


def test_its_name_says_how_it_was_set() -> None:
    plain, other = SearchModel().mteb_model_meta, SearchModel(mode="dense", token_vectors=False).mteb_model_meta
    assert plain.name == other.name == "semsearch/all-MiniLM-L6-v2"
    assert plain.revision is not None
    assert plain.revision.startswith(semsearch.__version__)
    assert (plain.embed_dim, plain.model_type, plain.experiment_name) == (384, ["hybrid"], None)
    assert other.model_type == ["dense"]
    assert other.experiment_kwargs == {"mode": "dense", "token_vectors": False}
    assert SearchModel(name="me/mine").mteb_model_meta.name == "me/mine"


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="no option 'top_k'"):
        SearchModel(top_k=3)
    with pytest.raises(ValueError, match="precision is for a model that is named"):
        SearchModel(WordEmbedder(), precision="int8")
    with pytest.raises(semsearch.ModelNotFoundError):
        SearchModel("nobody/has-it")


def test_a_temporary_index_is_removed() -> None:
    rows = Rows.from_list([{"id": "1", "text": "convoy"}])
    given: Any = {"task_metadata": _metadata("Left"), "hf_split": "test", "hf_subset": "default"}
    with SearchModel(WordEmbedder()) as model:
        model.index(rows, **given)
        assert model._temporary is not None
        first = Path(model._temporary.name)
        model.index(rows, **given)
        second = Path(model._temporary.name)
        assert second.is_dir()
        assert not first.exists()
    assert not second.exists()
