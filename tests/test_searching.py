"""Searching: hits against numpy over every passage, and everything a query may be."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from semsearch import (
    Article,
    EmbedderMismatchError,
    Evidence,
    Hit,
    ModelNotFoundError,
    Passage,
    Searcher,
    build_index,
    open_index,
    read_articles,
)
from tests.conftest import ROOT
from tests.embedder import WordEmbedder
from tests.index_files import forge

FORCE = Article(
    "force",
    "The first soldiers landed at the airport in the evening.\n\nThey guard the power station of the city.",
    title="Peacekeepers arrive",
    published=dt.date(2022, 1, 7),
    source="The Agency",
    url="https://example.org/force",
    metadata={"desk": "world", "tags": ["army", "città"], "words": 18, "checked": None},
)
TREATY = Article("treaty", "Under article four of the treaty an attack on one member is an attack on all of them.")


@pytest.fixture
def index(tmp_path: Path, words: WordEmbedder) -> Path:
    build_index([FORCE, TREATY], tmp_path / "index", embedder=words)
    return tmp_path / "index"


@pytest.fixture
def searcher(index: Path, words: WordEmbedder) -> Iterator[Searcher]:
    with open_index(index, embedder=words) as searcher:
        yield searcher


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    """The articles of ``corpus/``, with vectors that can be worked out by hand."""
    index = tmp_path_factory.mktemp("archive") / "index"
    build_index(corpus, index, embedder=WordEmbedder())
    return index


QUERIES = [
    "legal basis for deployment",
    "peacekeepers",
    "treaty on the high seas",
    "1897 attack on Benin City",
    "vaccine, trial; results!",
]


def articles_and_places(hits: Sequence[Hit]) -> list[tuple[str, int, float]]:
    return [(hit.article.id, hit.passage.start, round(hit.score, 4)) for hit in hits]


# --- hits -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", QUERIES)
def test_hits_are_those_of_numpy_over_all_passages(archive: Path, query: str) -> None:
    words = WordEmbedder()
    with open_index(archive, embedder=words) as searcher:
        hits = searcher.search(query, k=len(searcher), mode="dense")
    assert len({(hit.article.id, hit.passage.start) for hit in hits}) == len(hits)
    # Vectors from the texts themselves: nothing of the index is asked. It keeps them as float16.
    texts = [f"{hit.article.title}\n{hit.passage.text}" for hit in hits]
    exact = words.embed_passages(texts).astype(np.float16).astype(np.float64) @ words.embed_queries([query])[0]
    np.testing.assert_allclose([hit.score for hit in hits], exact, rtol=0, atol=1e-5)
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_every_passage_of_every_article_is_found_and_cites_its_article(archive: Path, corpus: Path) -> None:
    with open_index(archive, embedder=WordEmbedder()) as searcher:
        hits = searcher.search("anything", k=len(searcher))
    articles = {article.id: article for article in read_articles(corpus)}
    cited: Counter[str] = Counter()
    for hit in hits:
        assert hit.article == articles[hit.article.id]
        assert hit.article.text[hit.passage.start : hit.passage.end] == hit.passage.text
        cited[hit.article.id] += len("".join(hit.passage.text.split()))
    assert cited == {article.id: len("".join(article.text.split())) for article in articles.values()}


def test_a_hit_has_all_of_its_passage_and_article(searcher: Searcher) -> None:
    hit, *_ = searcher.search("Peacekeepers arrive. They guard the power station of the city", mode="dense")
    sentence = "They guard the power station of the city."
    assert hit == Hit(1, hit.score, Passage(sentence, 2, 58, 99), FORCE, Evidence(sentence, 58, 99))
    assert hit.score == pytest.approx(1, abs=1e-3)  # all the words that were embedded, and no others
    assert hit.article.metadata == FORCE.metadata


def test_a_smaller_k_finds_the_first_of_the_same_hits(archive: Path) -> None:
    with open_index(archive, embedder=WordEmbedder()) as searcher:
        hits = searcher.search(QUERIES[0], k=50)
        assert [searcher.search(QUERIES[0], k) for k in (1, 2, 3, 7, 20)] == [hits[:k] for k in (1, 2, 3, 7, 20)]
        assert searcher.search(QUERIES[0]) == hits[:10]


def test_equal_passages_come_in_the_order_of_the_corpus_whatever_k_is(tmp_path: Path, words: WordEmbedder) -> None:
    copies = [Article(f"{number}", TREATY.text) for number in range(6)]
    build_index([*copies, FORCE], tmp_path / "index", embedder=words)
    with open_index(tmp_path / "index", embedder=words) as searcher:
        for query in ("soldiers at the airport", "attack on a member of the treaty"):
            asked = [searcher.search(query, k, fold_duplicates=False) for k in range(1, 9)]
            found = [[hit.article.id for hit in hits] for hits in asked]
            assert found == [found[-1][:k] for k in range(1, 9)]
            assert [number for number in found[-1] if number != "force"] == list("012345")


def test_search_is_search_many_of_one_query(archive: Path) -> None:
    with open_index(archive, embedder=WordEmbedder()) as searcher:
        assert searcher.search_many(QUERIES, k=20) == [searcher.search(query, k=20) for query in QUERIES]
        assert searcher.search_many(QUERIES[::-1])[0] == searcher.search(QUERIES[-1])


def test_no_queries_have_no_hits(searcher: Searcher) -> None:
    assert searcher.search_many([]) == []


def test_k_beyond_the_passages_finds_all_of_them(searcher: Searcher) -> None:
    assert len(searcher) == 3
    found = searcher.search("treaty", k=10**6)
    assert sorted((hit.article.id, hit.passage.paragraph) for hit in found) == [
        ("force", 1),
        ("force", 2),
        ("treaty", 1),
    ]


# --- wrong queries ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", " ", "\n\t ", "\u3000", None, 5, b"bytes", ["treaty"]])
def test_a_query_that_is_blank_or_no_text_is_refused(searcher: Searcher, query: object) -> None:
    for ask in (
        lambda: searcher.search(cast("str", query)),
        lambda: searcher.search_many(["treaty", cast("str", query)]),
    ):
        with pytest.raises(ValueError, match="a query must be text that is not blank, not ") as error:
            ask()
        assert repr(query) in str(error.value)


@pytest.mark.parametrize("k", [0, -1, True, 1.0, "3", None])
def test_k_that_is_no_number_of_hits_is_refused(searcher: Searcher, k: object) -> None:
    with pytest.raises(ValueError, match="k must be a whole number of at least 1, not ") as error:
        searcher.search("treaty", cast("int", k))
    assert repr(k) in str(error.value)


def test_one_text_is_not_taken_for_many_queries(searcher: Searcher) -> None:
    with pytest.raises(ValueError, match="use search for one"):
        searcher.search_many("treaty")


def test_a_query_of_bytes_that_were_no_text_is_refused(searcher: Searcher) -> None:
    with pytest.raises(ValueError, match="a query must be ") as error:
        searcher.search("caf\udce9")  # so does a shell hand on an argument that is not UTF-8
    assert "'caf\\udce9'" in str(error.value)


# --- opening and closing ----------------------------------------------------------------------------------------------


def test_another_embedder_of_the_same_dimension_is_refused(index: Path) -> None:
    with pytest.raises(EmbedderMismatchError, match="rebuild the index") as error:
        open_index(index, embedder=WordEmbedder(fingerprint="another"))
    assert "was built with 'words' (words)" in str(error.value)
    assert "(another)" in str(error.value)
    assert error.value.exit_code == 3


def test_a_model_that_has_changed_since_is_refused(index: Path, tiny_model: Path) -> None:
    with pytest.raises(EmbedderMismatchError):
        open_index(index, embedder=tiny_model)


def test_a_model_that_is_gone_is_named(index: Path) -> None:
    forge(index, lambda fields: fields["embedder"].update(name="acme/gone"))
    with pytest.raises(ModelNotFoundError, match="acme/gone"):
        open_index(index)


def test_the_index_finds_its_own_model(tmp_path: Path, tiny_model: Path) -> None:
    build_index([FORCE, TREATY], tmp_path / "index", embedder=str(tiny_model))
    with open_index(tmp_path / "index") as found, open_index(tmp_path / "index", embedder=tiny_model) as named:
        assert found.manifest.embedder.name == str(tiny_model)
        assert found.search("soldiers") == named.search("soldiers")


def test_a_closed_searcher_does_not_answer(index: Path, words: WordEmbedder) -> None:
    searcher = open_index(index, embedder=words)
    assert searcher.search("treaty")[0].article == TREATY
    searcher.close()
    searcher.close()  # once more does no harm
    with pytest.raises((sqlite3.ProgrammingError, ValueError), match="closed"):
        searcher.search("treaty")


def test_a_failed_opening_leaves_no_file_open(index: Path) -> None:
    import psutil

    with pytest.raises(EmbedderMismatchError):
        open_index(index, embedder=WordEmbedder(fingerprint="another"))
    assert [file.path for file in psutil.Process().open_files() if file.path.endswith(".sqlite")] == []


# --- the default model, on the sample corpus --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged() -> dict[str, dict[str, str]]:
    """The judgements of each query, by its text: the ``article`` that answers best and how its ``passage`` begins."""
    with (ROOT / "benchmarks" / "corpus-queries" / "queries.jsonl").open(encoding="utf-8") as lines:
        return {query["text"]: query["metadata"] for query in map(json.loads, lines)}


@pytest.mark.parametrize(
    "query",
    [
        "1897 attack on Benin City",
        "pope gives back fragments",
        "why the lagoon city avoided the warning label",
        "consent of native communities when parks expand",
        "11 May 2023 expiry of American emergency rules",
        "people born after the seventies lack immunity to pox viruses",
        "maximum number of AU uniformed personnel in Somalia, 2022",
        "term of stay and renewal of Moscow's troops in the Caucasus",
        "cloud provider punished for telling outsiders before the government",
        "cause of the Lion Air and Ethiopian disasters",
        "length of the Finnish boundary with Russia",
        "dividing profits from genetic material of deep-sea life",
    ],
)
def test_the_passage_that_answers_is_found_first(
    corpus_index: Path, judged: dict[str, dict[str, str]], query: str
) -> None:
    with open_index(corpus_index) as searcher:
        first, second = searcher.search(query, k=2)
    assert first.article.id == judged[query]["article"]
    assert judged[query]["passage"] in first.passage.text
    assert 1 > first.score > second.score


def test_the_tail_of_a_query_beyond_the_models_limit_changes_the_scores(corpus_index: Path) -> None:
    with open_index(corpus_index) as searcher:
        head = "The council met again and the talks went on until late. " * 40  # some 500 tokens, the model reads 254
        one, other = (searcher.search(head + tail, k=len(searcher)) for tail in ("A ship ran aground.", "A vaccine."))
        scores = [{(hit.article.id, hit.passage.start): hit.score for hit in hits} for hits in (one, other)]
    assert scores[0].keys() == scores[1].keys()
    assert max(abs(scores[0][place] - scores[1][place]) for place in scores[0]) > 0.01
