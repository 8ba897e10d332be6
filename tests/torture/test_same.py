"""The same articles give the same index and the same answers, however they came into it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch import Article, Searcher, build_index, load_embedder, open_index, read_articles, update_index
from semsearch.embedders import Embedder
from semsearch.lexical import LexicalIndex
from semsearch.searching._retrieval import CANDIDATES
from tests.index_files import files_of, live
from tests.torture.figures import LONG, note, scaled
from tests.torture.model import OFF, QUERIES, Words, random_article

NOT_THE_SAME = {"meta.json", ".managed.json"}
"""In these tantivy names its files, by random numbers; of all others the bytes are promised."""

EVERY = 10_000
FIRST = 20
"""Hybrid hits of the default model that are compared; the scores of the next are alike for a while.

Embedded in another batch a passage in a thousand has a component of a token that falls on the other side of a border
between codes, which moves its score by up to 5e-5. And of passages that share one word with the query alone, some
tie for the last place among the candidates.
"""

ARTICLES = [random_article(f"a{number}", 1000 + number) for number in range(60)]
CORPUS_QUERIES = [
    *(
        "legal basis for deployment",
        "peacekeepers withdraw",
        "central bank raises interest rates",
        "spacecraft landing",
    ),
    *(
        "who returned the bronzes?",
        "ship blocks the canal",
        "vaccine",
        "treaty enters into force",
        "record in a marathon",
    ),
]


@pytest.fixture(autouse=True)
def with_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semsearch.dense.FLAT_ROWS", 50)


def bytes_of(index: Path) -> dict[str, list[str]]:
    """The hashes of a generation's files, by their names without what is made up for each generation."""
    found: dict[str, list[str]] = {}
    for name in files_of(live(index)):
        if Path(name).name not in NOT_THE_SAME:
            same = re.sub(r"[0-9a-f]{32}|\d{8}t\d{6}-\d{6}", "*", name)
            found.setdefault(same, []).append(hashlib.sha256((live(index) / name).read_bytes()).hexdigest())
    return {name: sorted(hashes) for name, hashes in found.items()}


Answers = dict[tuple[str, str], dict[tuple[str, int], float]]


def answers_of(searcher: Searcher, queries: Sequence[str], *, hybrid: int = EVERY) -> Answers:
    """Every hit of every mode, with its score; of the hybrid mode so many as are asked for."""
    return {
        (mode, query): {
            (hit.article.id, hit.passage.start): hit.score
            for hit in searcher.search(
                query, hybrid if mode == "hybrid" else EVERY, mode=mode, fold_duplicates=False, evidence=False
            )
        }
        for mode in ("dense", "lexical", "hybrid")
        for query in queries
    }


def require_same(found: Answers, expected: Answers) -> float:
    """Return by how much a score differs at most; raise if it is too much, or another passage was found."""
    assert found.keys() == expected.keys()
    farthest = 0.0
    for asked, scores in expected.items():
        assert found[asked].keys() == scores.keys(), asked
        places = list(scores)
        others = [found[asked][place] for place in places]
        np.testing.assert_allclose(others, list(scores.values()), rtol=0, atol=OFF, err_msg=str(asked))
        farthest = max([farthest, *(abs(one - scores[place]) for one, place in zip(others, places, strict=True))])
        # What is found in another order scores the same.
        in_their_order = [scores[place] for place in found[asked]]
        assert (np.diff(in_their_order) <= OFF).all(), asked
    return farthest


def answers(index: Path) -> Answers:
    with open_index(index, embedder=Words()) as searcher:
        return answers_of(searcher, QUERIES)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, list[str]], Answers]:
    index = tmp_path_factory.mktemp("same") / "index"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("semsearch.dense.FLAT_ROWS", 50)
        build_index(ARTICLES, index, embedder=Words())
    return bytes_of(index), answers(index)


def in_another_process(index: Path) -> None:
    """Only the names differ that Python and tantivy make up."""
    build_index(iter(ARTICLES), index, embedder=Words())


def in_other_batches(index: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("semsearch.building._embedding.SHARD", 7)
        patch.setattr("semsearch.building._embedding._STEP", 3)
        patch.setattr("semsearch.storage._rows._BLOCK", 5)
        build_index(ARTICLES, index, embedder=Words())


def on_threads(index: Path) -> None:
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1 if before > 1 else 4)
    try:
        build_index(ARTICLES, index, embedder=Words())
    finally:
        faiss.omp_set_num_threads(before)


def after_a_build_that_failed(index: Path) -> None:
    def stop(progress: object) -> None:
        if "'embedding passages', done=14" in str(progress):
            raise InterruptedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("semsearch.building._embedding.SHARD", 7)
        with pytest.raises(InterruptedError):
            build_index(ARTICLES, index, embedder=Words(), progress=stop)
        assert list((index / "partial").rglob("*.rows"))
        build_index(ARTICLES, index, embedder=Words())


@pytest.mark.parametrize("build", [in_another_process, in_other_batches, on_threads, after_a_build_that_failed])
def test_the_same_articles_give_the_same_bytes(
    tmp_path: Path, expected: tuple[dict[str, list[str]], Answers], build: Callable[[Path], None]
) -> None:
    build(tmp_path / "index")
    assert bytes_of(tmp_path / "index") == expected[0]
    assert answers(tmp_path / "index") == expected[1]
    note("the same articles, the same index", builds=1, files_of_the_same_bytes=sum(map(len, expected[0].values())))


def one_after_the_other(index: Path) -> None:
    build_index(ARTICLES[:20], index, embedder=Words())
    for at in range(20, len(ARTICLES), 10):
        update_index(index, add=ARTICLES[at : at + 10], embedder=Words())


def with_others_between(index: Path) -> None:
    others = [random_article(f"b{number}", number) for number in range(30)]
    changed = [random_article(article.id, 7) for article in ARTICLES[:20]]
    build_index([*others, *changed, *ARTICLES[20:]], index, embedder=Words())
    update_index(index, add=ARTICLES[:20], embedder=Words())
    update_index(index, remove=[article.id for article in others], embedder=Words())


def of_other_tokens_before(index: Path) -> None:
    build_index(ARTICLES, index, embedder=Words(), token_vectors=False)
    build_index(ARTICLES, index, embedder=Words(), token_vectors=True)


@pytest.mark.parametrize("build", [one_after_the_other, with_others_between, of_other_tokens_before])
def test_the_same_articles_give_the_same_answers(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    expected: tuple[dict[str, list[str]], Answers],
    build: Callable[[Path], None],
) -> None:
    monkeypatch.setattr("semsearch.lexical._FEWEST", 10)
    monkeypatch.setattr("semsearch.lexical._MOST_CHANGED", 1.0)
    build(tmp_path / "index")
    require_same(answers(tmp_path / "index"), expected[1])
    note("the same articles, the same answers", builds=1, rankings_compared=len(expected[1]), disagreements=0)


def test_the_same_articles_in_another_order_give_the_same_answers(tmp_path: Path) -> None:
    """So few that all are candidates: of more, those that tie for the last place are taken in the corpus's order."""
    articles = ARTICLES[:14]
    build_index(articles, tmp_path / "index", embedder=Words())
    with open_index(tmp_path / "index", embedder=Words()) as searcher:
        assert len(searcher) <= CANDIDATES
    expected = answers(tmp_path / "index")
    orders = scaled(3, 50)
    for number in range(orders):
        build_index(Random(number).sample(articles, len(articles)), tmp_path / f"{number}", embedder=Words())
        require_same(answers(tmp_path / f"{number}"), expected)
    rankings = orders * len(expected)
    note("the same articles, the same answers", builds=orders, rankings_compared=rankings, disagreements=0)


def test_files_in_another_order_give_the_same_answers(tmp_path: Path, corpus: Path) -> None:
    folders = sorted(path for path in corpus.iterdir() if path.is_dir())[:3]
    expected: Answers | None = None
    for number, given in enumerate((folders, folders[::-1])):
        index = tmp_path / f"{number}"
        build_index([str(folder) for folder in given], index, embedder=Words())
        with open_index(index, embedder=Words()) as searcher:
            found = {
                ("dense", query): {
                    (hit.article.title, hit.passage.start): hit.score
                    for hit in searcher.search(query, 10_000, mode="dense", fold_duplicates=False, evidence=False)
                }
                for query in CORPUS_QUERIES
            }
        require_same(found, expected or found)
        expected = expected or found
    note("the same articles, the same answers", builds=2, rankings_compared=len(CORPUS_QUERIES), disagreements=0)


# --- the default model ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus_articles(corpus: Path) -> list[Article]:
    articles = list(read_articles(corpus))
    return articles[:: scaled(25, 1)]


def embed_in_other_batches(index: Path, articles: Sequence[Article], embedder: Embedder) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("semsearch.building._embedding.SHARD", 11)
        patch.setattr("semsearch.building._embedding._STEP", 4)
        build_index(articles, index, embedder=embedder)


def embed_in_another_order(index: Path, articles: Sequence[Article], embedder: Embedder) -> None:
    half = len(articles) // 2
    build_index([*articles[half:]][::-1], index, embedder=embedder)
    update_index(index, add=articles[:half], embedder=embedder)


@pytest.mark.parametrize("build", [embed_in_another_order, *([embed_in_other_batches] if LONG else [])])
def test_the_default_model_gives_the_same_answers(
    tmp_path: Path,
    corpus_articles: list[Article],
    default_answers: Answers,
    build: Callable[[Path, Sequence[Article], Embedder], None],
) -> None:
    embedder = load_embedder(precision="float32")
    build(tmp_path / "index", corpus_articles, embedder)
    with open_index(tmp_path / "index", embedder=embedder) as searcher:
        require_same(answers_of(searcher, CORPUS_QUERIES, hybrid=FIRST), default_answers)
    note("the default model, the same answers", builds=1, rankings_compared=len(default_answers), disagreements=0)


@pytest.fixture(scope="module")
def default_answers(tmp_path_factory: pytest.TempPathFactory, corpus_articles: list[Article]) -> Answers:
    index = tmp_path_factory.mktemp("default") / "index"
    embedder = load_embedder(precision="float32")
    build_index(corpus_articles, index, embedder=embedder)
    with open_index(index, embedder=embedder) as searcher:
        return answers_of(searcher, CORPUS_QUERIES, hybrid=FIRST)


# --- what these must find ---------------------------------------------------------------------------------------------


def test_another_byte_is_noticed(tmp_path: Path, expected: tuple[dict[str, list[str]], Answers]) -> None:
    """Vectors of the last place's rounding, as another order of sums would give."""

    class Imprecise(Words):
        def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return np.asarray(super().embed_passages(texts) + np.float32(1e-5), dtype=np.float32)

    build_index(ARTICLES, tmp_path / "index", embedder=Imprecise())
    differing = {name for name, hashes in bytes_of(tmp_path / "index").items() if hashes != expected[0][name]}
    assert {"embeddings.npy", "checks.npy"} <= differing
    assert not {"articles.sqlite", "passages.npy", "keys.npy"} & differing


def test_words_that_are_counted_wrong_after_an_update_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: tuple[dict[str, list[str]], Answers]
) -> None:
    monkeypatch.setattr("semsearch.lexical._FEWEST", 10)
    monkeypatch.setattr("semsearch.lexical._MOST_CHANGED", 1.0)
    monkeypatch.setattr(LexicalIndex, "_word", lambda self, term: self._term("text", term))
    with_others_between(tmp_path / "index")
    with pytest.raises(AssertionError):
        require_same(answers(tmp_path / "index"), expected[1])
