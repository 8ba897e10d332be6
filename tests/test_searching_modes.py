"""The modes of a search: by everything, by vectors alone, by words alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from semsearch import Article, Hit, Searcher, build_index, open_index, read_articles
from semsearch.searching import MODES
from semsearch.storage import open_generation
from semsearch.tokens import TokenCodec
from tests.conftest import ROOT
from tests.embedder import TokenWordEmbedder, WordEmbedder

FORCE = Article(
    "force",
    "The first soldiers landed at the airport in the evening.\n\nThey guard the power station of the city.",
    title="Peacekeepers arrive",
)
TREATY = Article("treaty", "Under article four of the treaty an attack on one member is an attack on all of them.")
FLIGHT = Article("flight", "Flight QZ8501 was on its way to another city when contact was lost.", title="Plane lost")
BUDGET = Article("budget", "Parliament passed a budget of 4815 million for schools and for roads.", title="Budget")
ARTICLES = [FORCE, TREATY, FLIGHT, BUDGET]


@pytest.fixture(params=[WordEmbedder, TokenWordEmbedder])
def searcher(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Searcher]:
    """With an embedder that gives no token vectors, and with one that does."""
    embedder: WordEmbedder = request.param()
    build_index(ARTICLES, tmp_path / "index", embedder=embedder)
    with open_index(tmp_path / "index", embedder=embedder) as searcher:
        yield searcher


def ids(hits: Sequence[Hit]) -> list[str]:
    return [hit.article.id for hit in hits]


def places(hits: Sequence[Hit]) -> list[tuple[str, int]]:
    return [(hit.article.id, hit.passage.start) for hit in hits]


# --- what each mode finds ---------------------------------------------------------------------------------------------


def test_without_a_mode_it_is_hybrid(searcher: Searcher) -> None:
    assert searcher.search("soldiers at the airport") == searcher.search("soldiers at the airport", mode="hybrid")
    assert MODES[0] == "hybrid"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("query", "article"),
    [("soldiers landed at the airport", "force"), ("attack on one member", "treaty"), ("budget for schools", "budget")],
)
def test_each_mode_finds_what_has_all_the_words_first(searcher: Searcher, mode: str, query: str, article: str) -> None:
    hits = searcher.search(query, mode=mode)
    assert hits[0].article.id == article
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize(("query", "article"), [("QZ8501", "flight"), ("4815", "budget"), ("qz8501?", "flight")])
def test_words_find_an_exact_name_or_number_and_nothing_else(searcher: Searcher, query: str, article: str) -> None:
    assert ids(searcher.search(query, mode="lexical")) == [article]
    assert searcher.search(query)[0].article.id == article


def test_words_find_other_forms_of_a_word_where_vectors_of_words_do_not(searcher: Searcher) -> None:
    assert ids(searcher.search("attacked", mode="lexical")) == ["treaty"]
    assert places(searcher.search("guarding", mode="lexical")) == [("force", 58)]


def test_lexical_scores_count_the_title(searcher: Searcher) -> None:
    assert places(searcher.search("peacekeeper", mode="lexical")) == [("force", 58), ("force", 0)]


@pytest.mark.parametrize("query", ["legal basis", "the airport", "attack QZ8501"])
def test_dense_scores_are_cosines_whatever_else_the_index_holds(searcher: Searcher, query: str) -> None:
    hits = searcher.search(query, k=len(searcher), mode="dense")
    words = WordEmbedder()
    texts = [f"{hit.article.title}\n{hit.passage.text}".strip() for hit in hits]
    exact = words.embed_passages(texts).astype(np.float16).astype(np.float64) @ words.embed_queries([query])[0]
    np.testing.assert_allclose([hit.score for hit in hits], exact, rtol=0, atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_many_queries_are_answered_as_each_alone(searcher: Searcher, mode: str) -> None:
    queries = ["attack", "QZ8501", "the", "soldiers at the airport"]
    assert searcher.search_many(queries, 3, mode=mode) == [searcher.search(query, 3, mode=mode) for query in queries]
    assert searcher.search_many([], mode=mode) == []


@pytest.mark.parametrize("mode", MODES)
def test_equal_passages_come_in_the_order_of_the_corpus(tmp_path: Path, mode: str) -> None:
    embedder = TokenWordEmbedder()
    build_index([*(Article(f"{number}", TREATY.text) for number in range(6)), FORCE], tmp_path, embedder=embedder)
    with open_index(tmp_path, embedder=embedder) as searcher:
        for k in range(1, 7):
            hits = searcher.search("attack on a member", k, mode=mode, fold_duplicates=False)
            assert ids(hits) == list("012345")[:k]


def test_hybrid_ranks_by_the_vectors_of_tokens_if_there_are_any(tmp_path: Path) -> None:
    scores = []
    for embedder in (WordEmbedder(), TokenWordEmbedder()):
        build_index(ARTICLES, tmp_path / embedder.spec.fingerprint, embedder=embedder)
        with open_index(tmp_path / embedder.spec.fingerprint, embedder=embedder) as searcher:
            scores.append({(hit.article.id, hit.passage.start): hit.score for hit in searcher.search("attack airport")})
    assert scores[0].keys() == scores[1].keys()
    assert min(abs(scores[0][place] - scores[1][place]) for place in scores[0]) > 1e-3


# --- k ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("embedder", [WordEmbedder(), TokenWordEmbedder()], ids=["words", "tokens"])
def test_k_beyond_the_candidates_finds_as_many_as_it_asks_for(tmp_path: Path, embedder: WordEmbedder) -> None:
    articles = [
        Article(
            f"{number}", f"Report {number} on the harbour of the old town.\n\nOf {number} there is nothing else to say."
        )
        for number in range(150)
    ]
    build_index(articles, tmp_path, embedder=embedder)
    with open_index(tmp_path, embedder=embedder) as searcher:
        assert len(searcher) == 300
        everything = searcher.search("harbour report", k=10**6)
        assert len(set(places(everything))) == len(everything) == 300
        for k in (1, 10, 100, 101, 250, 300):
            assert len(searcher.search("harbour report", k)) == k
            assert len(searcher.search("harbour report", k, mode="dense")) == k
        # As long as the candidates are the same a smaller k finds the first of the same hits.
        assert searcher.search("harbour report", 5) == searcher.search("harbour report", 30)[:5]
        assert len(searcher.search("harbour", k=10**6, mode="lexical")) == 150


# --- queries that say little ------------------------------------------------------------------------------------------

ODD = ["the of and", "?!", "…", "🙂", "🙂 🙂🙂", "a", "—", "\u200b", "漢字", "x" * 500, "the " * 400, "\x00"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("query", ODD, ids=[str(number) for number in range(len(ODD))])
def test_a_query_that_says_nothing_is_answered_in_every_mode(searcher: Searcher, mode: str, query: str) -> None:
    hits = searcher.search(query, mode=mode)
    assert len(hits) == (0 if mode == "lexical" else len(searcher))
    assert np.isfinite([hit.score for hit in hits]).all()


@pytest.mark.parametrize("query", ODD, ids=[str(number) for number in range(len(ODD))])
def test_a_query_that_says_nothing_is_answered_by_a_real_model(corpus_index: Path, query: str) -> None:
    with open_index(corpus_index) as searcher:
        for mode in ("hybrid", "dense"):
            hits = searcher.search(query, 10, mode=mode)
            assert [hit.rank for hit in hits] == list(range(1, 11))
            assert np.isfinite([hit.score for hit in hits]).all()
        assert searcher.search(query, 10, mode="lexical") == []


@pytest.mark.parametrize("mode", ["", "Hybrid", "bm25", None, 1, "dense "])
def test_a_mode_that_there_is_not_is_refused(searcher: Searcher, mode: str) -> None:
    for search in (lambda: searcher.search("treaty", mode=mode), lambda: searcher.search_many([], mode=mode)):
        with pytest.raises(ValueError, match="mode must be one of hybrid, dense, lexical, not ") as error:
            search()
        assert repr(mode) in str(error.value)


# --- what a rebuild keeps ---------------------------------------------------------------------------------------------


def codes(index: Path) -> dict[tuple[str, str], bytes]:
    """The codes of each passage's tokens, by its article and text."""
    generation = open_generation(index)
    try:
        assert generation.tokens is not None
        stored = generation.archive.passages(range(len(generation.tokens)))
        return {
            (article.id, passage.text): generation.tokens.codes_of(row).tobytes()
            for row, (passage, article) in stored.items()
        }
    finally:
        generation.close()


def test_a_passage_that_has_not_changed_keeps_its_tokens_bit_for_bit(tmp_path: Path) -> None:
    embedder = TokenWordEmbedder()
    build_index(ARTICLES, tmp_path, embedder=embedder)
    before = codes(tmp_path)
    changed = Article("force", FORCE.text + "\n\nThe rest of them is due on Friday.", title=FORCE.title)
    embedder.embedded.clear()
    build_index([BUDGET, changed, FLIGHT], tmp_path, embedder=embedder)
    after = codes(tmp_path)
    assert embedder.embedded == ["Peacekeepers arrive\nThe rest of them is due on Friday."]
    kept = before.keys() & after.keys()
    assert len(kept) == 4
    assert {place: after[place] for place in kept} == {place: before[place] for place in kept}


def test_row_i_of_the_tokens_is_passage_i(tmp_path: Path) -> None:
    # Longer and shorter texts in turn, as texts are sorted by length before they are embedded.
    texts = [" ".join(f"w{number}x{word}" for word in range(8 + number * 7 % 50)) for number in range(150)]
    embedder = TokenWordEmbedder()
    build_index([Article(f"{number}", text) for number, text in enumerate(texts)], tmp_path, embedder=embedder)
    codec = TokenCodec.create(64)
    expected = {
        (f"{number}", text): codec.encode(embedder.embed_queries(text.split())).tobytes()
        for number, text in enumerate(texts)
    }
    assert codes(tmp_path) == expected


@pytest.mark.parametrize("mode", MODES)
def test_an_index_that_changed_step_by_step_is_the_one_that_is_built_at_once(
    tmp_path: Path, tiny_model: Path, mode: str
) -> None:
    old = Article("treaty", "This text is about to go.", title="Old")
    build_index([old, FLIGHT, FORCE], tmp_path / "steps", embedder=tiny_model)
    build_index([FORCE, old, BUDGET], tmp_path / "steps", embedder=tiny_model)
    build_index(ARTICLES, tmp_path / "steps", embedder=tiny_model)
    build_index(ARTICLES, tmp_path / "once", embedder=tiny_model)
    with open_index(tmp_path / "steps") as steps, open_index(tmp_path / "once") as once:
        for query in ("soldiers at the airport", "QZ8501", "attack on one member", "schools"):
            expected, found = (searcher.search(query, mode=mode) for searcher in (once, steps))
            assert places(found) == places(expected)
            np.testing.assert_allclose([h.score for h in found], [h.score for h in expected], rtol=0, atol=1e-5)


def test_an_index_without_tokens_gains_them_when_its_embedder_gives_them(tmp_path: Path) -> None:
    plain, giving = WordEmbedder(fingerprint="same"), TokenWordEmbedder(fingerprint="same")
    build_index(ARTICLES, tmp_path, embedder=plain)
    assert build_index(ARTICLES, tmp_path, embedder=giving).embedded == 5
    assert len(codes(tmp_path)) == 5


# --- the default model, on the sample corpus --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged() -> dict[str, str]:
    """The first 60 queries, each with the article that answers it best."""
    with (ROOT / "benchmarks" / "corpus-queries" / "queries.jsonl").open(encoding="utf-8") as lines:
        queries = [json.loads(line) for line in lines][:60]
    return {query["text"]: query["metadata"]["article"] for query in queries}


def test_hybrid_puts_the_best_article_first_more_often_than_vectors_or_words_alone(
    corpus_index: Path, judged: dict[str, str]
) -> None:
    with open_index(corpus_index) as searcher:
        first = {
            mode: [hits[0].article.id if hits else "" for hits in searcher.search_many(list(judged), 1, mode=mode)]
            for mode in MODES
        }
    right = {mode: sum(map(str.__eq__, found, judged.values())) for mode, found in first.items()}
    assert right["hybrid"] >= 0.8 * len(judged)
    assert right["hybrid"] > right["dense"]
    assert right["hybrid"] > right["lexical"]


def test_a_real_models_tokens_are_kept_by_a_rebuild_and_are_those_of_a_larger_one(
    corpus_index: Path, corpus: Path, tmp_path: Path
) -> None:
    articles = list(read_articles(corpus))
    build_index(articles[10:13], tmp_path)
    before = codes(tmp_path)
    assert build_index(articles[8:12], tmp_path).embedded > 0
    whole, part = codes(corpus_index), codes(tmp_path)
    kept = before.keys() & part.keys()
    assert kept
    assert {place: part[place] for place in kept} == {place: before[place] for place in kept}
    assert part.keys() <= whole.keys()
    # Other texts were embedded beside them: a component on the edge of two levels may fall to the other side, and in
    # bfloat16 more often.
    same = [np.frombuffer(whole[place], np.uint8) == np.frombuffer(part[place], np.uint8) for place in part]
    assert np.concatenate(same).mean() > 0.99
