"""The suite that measures other libraries: what they are given, what is read back, and the peer written by hand.

No environment is installed here: the scripts of the other peers run when the suite does.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import semsearch
from benchmarks.peers import __main__ as suite
from benchmarks.peers import environments, run_plain
from benchmarks.peers.exchange import Task, Vectors, read_task, write_rows, write_task
from benchmarks.peers.registry import HERE, PEERS, SETTINGS
from benchmarks.peers.texts import Documents, articles_of, passages_of, rank_articles
from benchmarks.peers.vectors import VectorCache
from semsearch.errors import CorpusError
from semsearch.evaluation import read_run
from semsearch.readers import read_articles
from semsearch.records import Article
from tests.embedder import WordEmbedder

TEXTS = (
    "The cat slept on the warm windowsill all afternoon.",
    "The central bank raised its interest rate to fight inflation.",
    "The goalkeeper saved a penalty in the last minute of the match.",
)
QUERIES = {"money": "monetary policy", "sport": "football game"}


def unit(rows: int) -> Vectors:
    return np.eye(rows, 4, dtype=np.float32)


def task(**changes: Any) -> Task:
    parts: dict[str, Any] = {
        "documents": ["a", "b"],
        "queries": {"q": "one"},
        "document_vectors": unit(2),
        "query_vectors": unit(1),
        "depth": 10,
    }
    return Task(**(parts | changes))


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """The three texts in BEIR's layout."""
    folder = tmp_path / "three"
    (folder / "qrels").mkdir(parents=True)
    lines = [json.dumps({"_id": name, "title": "", "text": text}) for name, text in zip("abc", TEXTS, strict=True)]
    (folder / "corpus.jsonl").write_text("\n".join(lines), encoding="utf-8")
    lines = [json.dumps({"_id": query, "text": text}) for query, text in QUERIES.items()]
    (folder / "queries.jsonl").write_text("\n".join(lines), encoding="utf-8")
    qrels = "query-id\tcorpus-id\tscore\nmoney\tb\t1\nsport\tc\t1\n"
    (folder / "qrels" / "test.tsv").write_text(qrels, encoding="utf-8")
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The suite with this environment as every peer's, and folders of its own. Returns that of the results."""
    results = tmp_path / "results"
    monkeypatch.setattr(suite, "install", lambda _: None)
    monkeypatch.setattr(environments, "python_of", lambda _: Path(sys.executable))
    monkeypatch.setattr(suite, "ENVIRONMENTS", tmp_path / "environments")
    monkeypatch.setattr(suite, "RESULTS", results)
    return results


# --- the peer written by hand, from end to end --------------------------------------------------------------------


def test_the_plain_peer_ranks_the_three_texts_by_meaning(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "vectors.sqlite")
    write_task(Task(TEXTS, QUERIES, cache.embed(TEXTS), cache.embed(list(QUERIES.values())), 10), tmp_path)
    run_plain.run(tmp_path)
    run = read_run(tmp_path / "dense.run")
    assert {query: ranked[0][0] for query, ranked in run.items()} == {"money": "1", "sport": "2"}
    assert all(sorted(row for row, _ in ranked) == ["0", "1", "2"] for ranked in run.values())


def test_the_suite_measures_and_does_not_run_again_what_is_there(
    collection: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.main([str(collection), "--peer", "plain"])
    text = (here / "peers-three.json").read_text(encoding="utf-8")
    result = json.loads(text)
    assert result["means"].keys() == {"plain.articles.dense", "plain.passages.dense"}
    for key, means in result["means"].items():
        assert means["nDCG@10"] == means["R@100"] == 1.0
        assert result["per_query"][key]["nDCG@10"] == {"money": 1.0, "sport": 1.0}
    assert result["collection"]["articles"] == result["collection"]["passages"] == 3
    assert result["command"] == "python -m benchmarks.peers three"
    assert re.fullmatch(r"\d+\.\d+\.\d+", result["peers"]["plain"]["versions"]["faiss-cpu"])
    assert str(collection.parent) not in text

    ran: list[str] = []

    def refuse(_: object, module: str, *__: object) -> None:
        ran.append(module)
        raise KeyboardInterrupt

    monkeypatch.setattr(suite, "run_module", refuse)
    suite.main([str(collection), "--peer", "plain"])
    assert ran == []
    assert json.loads((here / "peers-three.json").read_text(encoding="utf-8"))["means"] == result["means"]
    with pytest.raises(KeyboardInterrupt):
        suite.main([str(collection), "--peer", "plain", "--fresh"])
    with (collection / "queries.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('\n{"_id": "other", "text": "cats"}')
    with (collection / "qrels" / "test.tsv").open("a", encoding="utf-8") as stream:
        stream.write("other\ta\t1\n")
    with pytest.raises(KeyboardInterrupt):
        suite.main([str(collection), "--peer", "plain"])
    assert ran == ["run_plain", "run_plain"]


def test_the_figures_of_other_peers_stay_where_the_texts_are_the_same(collection: Path, here: Path) -> None:
    suite.main([str(collection), "--peer", "plain"])
    target = here / "peers-three.json"
    result = json.loads(target.read_text(encoding="utf-8"))
    invented = {"nDCG@10": 0.5}
    names = ("txtai.articles.dense", "plain.articles.dense", "plain.passages.dense")
    result["means"] = dict.fromkeys(names, invented)
    target.write_text(json.dumps(result), encoding="utf-8")
    suite.main([str(collection), "--peer", "plain", "--setting", "passages"])
    means = json.loads(target.read_text(encoding="utf-8"))["means"]
    assert [means[name] == invented for name in names] == [True, True, False]
    assert means["plain.passages.dense"]["nDCG@10"] == 1.0

    result["collection"]["fingerprint"] = "of other texts"
    target.write_text(json.dumps(result), encoding="utf-8")
    suite.main([str(collection), "--peer", "plain"])
    assert "txtai.articles.dense" not in json.loads(target.read_text(encoding="utf-8"))["means"]


def test_a_peer_that_is_not_known_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        suite.main(["corpus", "--peer", "nobody"])
    assert "'nobody'" in capsys.readouterr().err


def test_a_collection_without_articles_is_refused_before_anything_is_installed(
    collection: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (collection / "corpus.jsonl").unlink()
    installed: list[object] = []
    monkeypatch.setattr(suite, "install", installed.append)
    with pytest.raises(CorpusError, match="three: has no articles with it"):
        suite.main([str(collection), "--peer", "plain"])
    assert installed == []
    assert not here.exists()


# --- what the peers are given -------------------------------------------------------------------------------------


def test_passages_are_those_that_semsearch_embeds(tmp_path: Path, corpus: Path) -> None:
    embedder = WordEmbedder()
    semsearch.build_index(corpus, tmp_path / "index", embedder=embedder)
    documents = passages_of(read_articles(corpus), WordEmbedder())
    assert len(documents.texts) > 100
    assert sorted(documents.texts) == sorted(embedder.embedded)
    assert {article.id for article in read_articles(corpus)} == set(documents.articles)


def test_an_article_is_its_title_and_its_text() -> None:
    articles = [Article("a", "Body.\n\nMore.", "Title"), Article("b", "Body."), Article("c", "")]
    assert articles_of(articles) == Documents(["Title\nBody.\n\nMore.", "Body."], ["a", "b"])


def test_articles_are_ranked_by_their_best_document() -> None:
    documents = Documents(["1", "2", "3", "4"], ["a", "a", "b", "c"])
    found = {"q": [("2", 0.9), ("1", 0.8), ("3", 0.7), ("0", 0.6)]}
    assert rank_articles(found, documents) == {"q": [("b", 0.9), ("a", 0.8), ("c", 0.7)]}


def test_a_run_keeps_a_hundred_articles() -> None:
    documents = Documents(["text"] * 150, [f"a{row}" for row in range(150)])
    found = {"q": [(str(row), -float(row)) for row in range(150)]}
    assert [article for article, _ in rank_articles(found, documents)["q"]] == [f"a{row}" for row in range(100)]


def test_a_vector_is_made_once_and_is_the_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = "Numbers follow. " + " ".join(f"number{i}" for i in range(400))
    cache = VectorCache(tmp_path / "vectors.sqlite")
    vectors = cache.embed([*TEXTS, long, TEXTS[0]])
    expected = semsearch.load_embedder(precision="float32").embed_passages([*TEXTS, long, TEXTS[0]])
    assert np.allclose(vectors, expected, atol=1e-5)
    more = cache.embed([TEXTS[0], long], reads=512)
    assert more[0] @ vectors[0] == pytest.approx(1, abs=1e-5)
    assert more[1] @ vectors[3] < 0.999

    def refuse(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.peers.vectors._load_model", refuse)
    assert np.array_equal(VectorCache(tmp_path / "vectors.sqlite").embed([long, TEXTS[1]]), vectors[[3, 1]])
    with pytest.raises(KeyboardInterrupt):
        cache.embed(["a text that is new"])


# --- the exchange -------------------------------------------------------------------------------------------------


def test_a_task_is_read_as_it_was_written(tmp_path: Path) -> None:
    given = task(documents=["line\nend", "ünïcode\t\u2028"], queries={"q 1": 'a "query"'})
    write_task(given, tmp_path)
    found = read_task(tmp_path)
    assert (found.documents, found.queries, found.depth) == (given.documents, given.queries, 10)
    assert np.array_equal(found.document_vectors, given.document_vectors)
    assert np.array_equal(found.query_vectors, given.query_vectors)
    assert (found.limit, task(depth=1).limit) == (2, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"documents": [], "document_vectors": unit(0)}, "0 documents and 1 queries"),
        ({"queries": {}, "query_vectors": unit(0)}, "2 documents and 0 queries"),
        ({"depth": 0}, "at least 1, not 0"),
        ({"document_vectors": unit(3)}, r"2 documents, but vectors of shape \(3, 4\)"),
        ({"query_vectors": np.ones(4, dtype=np.float32)}, r"1 queries, but vectors of shape \(4,\)"),
        ({"document_vectors": 2 * unit(2)}, "vectors of the documents must have length 1"),
    ],
)
def test_a_task_that_does_not_fit_together_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        task(**changes)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("documents.jsonl", '{"text": "a"}\n{"text": \n', "documents.jsonl:2: is not a JSON object on one line"),
        ("documents.jsonl", '["a", "b"]\n', "documents.jsonl:1: is JSON, but not an object"),
        ("documents.jsonl", '{"text": "a"}\n{"text": " "}\n', "documents.jsonl:2: its 'text' must be a text"),
        ("documents.jsonl", '{"text": "a"}\n', "1 documents, but vectors"),
        ("queries.jsonl", '{"id": 7, "text": "one"}\n', "queries.jsonl:1: its 'id' must be a text, not 7"),
        ("queries.jsonl", '{"id": "q"}\n', "queries.jsonl:1: its 'text' must be a text, not None"),
        ("queries.jsonl", '{"id": "q", "text": "1"}\n' * 2, "queries.jsonl:2: has the id 'q' again"),
        ("depth", "ten", "invalid literal"),
    ],
)
def test_a_folder_that_is_not_a_task_is_refused(tmp_path: Path, file: str, content: str, message: str) -> None:
    write_task(task(), tmp_path)
    (tmp_path / file).write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_task(tmp_path)


@pytest.mark.parametrize("found", [{"x": [(0, 1.0)]}, {"q": [(2, 1.0)]}, {"q": [(-1, 1.0)]}, {"q": [(0, 1.0)] * 2}])
def test_answers_that_are_not_of_the_task_are_refused(
    tmp_path: Path, found: dict[str, list[tuple[int, float]]]
) -> None:
    with pytest.raises(ValueError, match=r"no query of this task|not different rows of 2"):
        write_rows(found, "dense", task(), tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- who takes part -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("peer", PEERS.values(), ids=PEERS)
def test_a_peer_is_pinned_exactly_and_has_its_scripts(peer: Any) -> None:
    lines = [line for line in peer.requirements.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[a-z0-9.]+( ; .+)?", line) for line in lines)
    assert set(peer.packages) <= {line.partition("==")[0] for line in lines}
    for script in peer.scripts:
        assert "https://" in (HERE / f"{script}.py").read_text(encoding="utf-8"), "names the documentation it follows"
    assert "dense" in peer.modes
    assert set(suite.DEPTH) == set(SETTINGS)
