"""Whether an index keeps the vectors of tokens: what a build does about it, and how it answers without them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch import Article, Hit, Searcher, build_index, field, open_index, read_articles
from semsearch.ranking import token_weights
from semsearch.searching import _retrieval
from semsearch.storage import open_generation, read_manifest
from tests.command import Run, runner
from tests.embedder import TokenWordEmbedder, WordEmbedder
from tests.index_files import files_of, live

FORCE = Article(
    "force",
    "The first soldiers landed at the airport in the evening.\n\nThey guard the power station of the city.",
    title="Peacekeepers arrive",
)
TREATY = Article("treaty", "Under article four of the treaty an attack on one member is an attack on all of them.")
BUDGET = Article("budget", "Parliament passed a budget of 4815 million for schools and for roads.", title="Budget")
ARTICLES = [FORCE, TREATY, BUDGET]
TOKEN_FILES = {"token_spans.npy", "token_rotation.npy"}


def has_tokens(index: Path) -> bool:
    """Whether an index holds tokens, as the manifest says and as its folder shows."""
    generation, manifest = read_manifest(index)
    named = {name for name in manifest.files if name.startswith("token")}
    assert named == {name for name in files_of(index / "generations" / generation) if name.startswith("token")}
    assert not named or (named >= TOKEN_FILES and any(name.startswith("tokens/") for name in named))
    return bool(named)


def opened(index: Path, embedder: WordEmbedder) -> Searcher:
    return open_index(index, embedder=embedder)


def vectors(index: Path) -> NDArray[np.float16]:
    generation = open_generation(index)
    try:
        return np.array(generation.embeddings)
    finally:
        generation.close()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


# --- what a build keeps -----------------------------------------------------------------------------------------------


def test_tokens_are_kept_unless_it_is_said_that_they_are_not(tmp_path: Path) -> None:
    embedder = TokenWordEmbedder()
    for name, wanted in (("default", None), ("with", True), ("without", False)):
        report = build_index(ARTICLES, tmp_path / name, embedder=embedder, token_vectors=wanted)
        assert report.embedded == 4
        assert report.bytes == sum(file.bytes for file in read_manifest(tmp_path / name)[1].files.values())
    assert [has_tokens(tmp_path / name) for name in ("default", "with", "without")] == [True, True, False]
    np.testing.assert_array_equal(vectors(tmp_path / "without"), vectors(tmp_path / "with"))


@pytest.mark.parametrize("wanted", [True, False])
def test_a_rebuild_keeps_what_was_chosen(tmp_path: Path, wanted: bool) -> None:
    embedder = TokenWordEmbedder()
    build_index(ARTICLES, tmp_path, embedder=embedder, token_vectors=wanted)
    for articles in (ARTICLES, ARTICLES[1:], [*ARTICLES, Article("new", "A ship came into the harbour at noon.")]):
        build_index(articles, tmp_path, embedder=embedder)
        assert read_manifest(tmp_path)[1].token_vectors == wanted
        assert has_tokens(tmp_path) == wanted


def test_a_rebuild_with_another_model_keeps_what_was_chosen(tmp_path: Path) -> None:
    build_index(ARTICLES, tmp_path, embedder=TokenWordEmbedder(), token_vectors=False)
    report = build_index(ARTICLES, tmp_path, embedder=TokenWordEmbedder(fingerprint="another"))
    assert (report.embedded, has_tokens(tmp_path)) == (4, False)


def test_that_there_should_be_tokens_is_remembered_also_where_the_model_gives_none(tmp_path: Path) -> None:
    build_index(ARTICLES, tmp_path, embedder=WordEmbedder(fingerprint="same"))
    assert read_manifest(tmp_path)[1].token_vectors
    assert not has_tokens(tmp_path)
    build_index(ARTICLES, tmp_path, embedder=TokenWordEmbedder(fingerprint="same"))
    assert has_tokens(tmp_path)


def test_tokens_that_are_no_longer_wanted_go_and_nothing_is_embedded_again(tmp_path: Path) -> None:
    embedder = TokenWordEmbedder()
    build_index(ARTICLES, tmp_path, embedder=embedder)
    before = vectors(tmp_path)
    embedder.embedded.clear()
    assert build_index(ARTICLES, tmp_path, embedder=embedder, token_vectors=False).embedded == 0
    assert embedder.embedded == []
    assert not has_tokens(tmp_path)
    np.testing.assert_array_equal(vectors(tmp_path), before)


def test_without_tokens_what_has_not_changed_is_not_embedded_again(tmp_path: Path) -> None:
    embedder = TokenWordEmbedder()
    build_index(ARTICLES, tmp_path, embedder=embedder, token_vectors=False)
    embedder.embedded.clear()
    changed = Article("force", FORCE.text + "\n\nThe rest of them is due on Friday at noon.", title=FORCE.title)
    assert build_index([BUDGET, changed], tmp_path, embedder=embedder).embedded == 1
    assert embedder.embedded == ["Peacekeepers arrive\nThe rest of them is due on Friday at noon."]


def test_tokens_that_become_wanted_are_embedded(tmp_path: Path) -> None:
    embedder = TokenWordEmbedder()
    build_index(ARTICLES, tmp_path / "turned", embedder=embedder, token_vectors=False)
    assert build_index(ARTICLES, tmp_path / "turned", embedder=embedder, token_vectors=True).embedded == 4
    assert has_tokens(tmp_path / "turned")
    build_index(ARTICLES, tmp_path / "once", embedder=embedder)
    queries = ["soldiers at the airport", "attack", "4815 million"]
    with opened(tmp_path / "turned", embedder) as turned, opened(tmp_path / "once", embedder) as once:
        assert turned.search_many(queries) == once.search_many(queries)
    # From then on they are kept.
    assert build_index(ARTICLES, tmp_path / "turned", embedder=embedder).embedded == 0


def test_vectors_that_a_byte_does_not_divide_are_not_kept_and_answer_all_the_same(tmp_path: Path) -> None:
    embedder = TokenWordEmbedder(dimension=62)
    build_index(ARTICLES, tmp_path, embedder=embedder, token_vectors=True)
    assert not has_tokens(tmp_path)
    with open_index(tmp_path, embedder=embedder) as searcher:
        hit = searcher.search("soldiers at the airport", explain=True)[0]
    assert hit.article.id == "force"
    assert hit.explanation is not None
    assert "late interaction" in hit.explanation.parts


# --- what an index says of its size -----------------------------------------------------------------------------------


def test_status_says_how_much_of_the_index_is_tokens(tmp_path: Path, run: Run) -> None:
    # 40 words of 100 articles, 16 bytes each.
    articles = [Article(f"{n}", " ".join(f"w{n}x{word}" for word in range(40))) for n in range(100)]
    build_index(articles, tmp_path / "with", embedder=TokenWordEmbedder())
    build_index(articles, tmp_path / "without", embedder=TokenWordEmbedder(), token_vectors=False)
    printed = {name: run("status", "--index", tmp_path / name, "--no-json").out for name in ("with", "without")}
    stored = {name: run("status", "--index", tmp_path / name, "--json").only() for name in ("with", "without")}
    segment = f"tokens/{live(tmp_path / 'with').name.lower()}.u8"
    assert stored["with"]["files"][segment]["bytes"] == 100 * 40 * 16
    assert (stored["with"]["token_vectors"], stored["without"]["token_vectors"]) == (True, False)
    tokens = sum(file["bytes"] for name, file in stored["with"]["files"].items() if name.startswith("token"))
    assert f"  of which    {tokens / 1e6:,.1f} MB are vectors of tokens\n" in printed["with"]
    assert "  of which    nothing is vectors of tokens: there are none\n" in printed["without"]
    for name, text in printed.items():
        size = sum(file["bytes"] for file in stored[name]["files"].values())
        assert f"  size        {size / 1e6:,.1f} MB, {size // 100:,} bytes a passage\n" in text
    assert not TOKEN_FILES & stored["without"]["files"].keys()


def test_the_command_chooses_keeps_and_changes_its_mind(tmp_path: Path, tiny_model: Path, run: Run) -> None:
    (tmp_path / "news.jsonl").write_text(
        "".join(json.dumps({"_id": a.id, "title": a.title, "text": a.text}) + "\n" for a in ARTICLES), encoding="utf-8"
    )
    rebuild = ["rebuild-index", tmp_path / "news.jsonl", "--index", tmp_path / "index", "--json"]
    built = [
        run(*rebuild, *more).only()["embedded"]
        for more in (["--model", tiny_model, "--no-token-vectors"], [], ["--token-vectors"], ["--no-token-vectors"])
    ]
    assert built == [4, 0, 4, 0]
    assert not has_tokens(tmp_path / "index")
    hit, *_ = run("query", "They guard the power station of the city.", "--index", tmp_path / "index").lines()
    assert hit["type"] == "hit"


# --- how it answers without them --------------------------------------------------------------------------------------


def test_the_first_hits_are_those_that_an_index_with_tokens_has(tmp_path: Path, corpus: Path) -> None:
    embedder = TokenWordEmbedder(dimension=128)
    articles = list(read_articles(corpus))[:25]
    build_index(articles, tmp_path / "with", embedder=embedder)
    build_index(articles, tmp_path / "without", embedder=embedder, token_vectors=False)
    with opened(tmp_path / "with", embedder) as stored, opened(tmp_path / "without", embedder) as now:
        assert len(now) > 5 * _retrieval._EMBEDDED_NOW
        for article in articles:
            (asked,) = stored.search("report", 1, where=field("id") == article.id)
            query = " ".join(asked.passage.text.split()[2:14])  # words of one passage, which no other has all of
            expected, found = stored.search(query, 5), now.search(query, 5)
            assert place(found[0]) == place(expected[0]) == place(asked)
            assert len(set(map(place, found))) == len(found) == 5
            assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)


def place(hit: Hit) -> tuple[str, int]:
    return hit.article.id, hit.passage.start


def test_late_interaction_is_exact_where_nothing_was_coded(tmp_path: Path) -> None:
    embedder = TokenWordEmbedder()
    build_index(ARTICLES, tmp_path, embedder=embedder, token_vectors=False)
    query = "soldiers guard the budget"
    asked = embedder.embed_query_with_tokens(query)
    with open_index(tmp_path, embedder=embedder) as searcher:
        words = searcher._source.terms("passages")
        weights = token_weights(asked.words, [words.document_frequency(word) for word in asked.texts], len(words))
        hits = searcher.search(query, explain=True)
    assert len(hits) == 4
    by_passage = {}
    for hit in hits:
        text = f"{hit.article.title}\n{hit.passage.text}".strip()
        by_passage[place(hit)] = (asked.embeddings @ embedder.embed_queries(text.split()).T).max(axis=1)
    for hit in hits:
        assert hit.explanation is not None
        own = by_passage[place(hit)]
        together = np.max([row for (article, _), row in by_passage.items() if article == hit.article.id], axis=0)
        assert hit.explanation.parts["late interaction"] == pytest.approx(1 / 3 * float(weights @ own), abs=1e-5)
        assert hit.explanation.parts["article late interaction"] == pytest.approx(
            1 / 3 * float(weights @ together), abs=1e-5
        )


def test_only_the_likeliest_candidates_are_embedded_when_a_question_is_asked(tmp_path: Path) -> None:
    embedder = TokenWordEmbedder()
    articles = [Article(f"{n}", f"Report w{n} is of the harbour, of v{n} and of the ships in it.") for n in range(80)]
    build_index(articles, tmp_path, embedder=embedder, token_vectors=False)
    embedder.embedded.clear()
    with open_index(tmp_path, embedder=embedder) as searcher:
        hits = searcher.search("report w7 of the harbour", 80, fold_duplicates=False, explain=True)
        assert len(embedder.embedded) == _retrieval._EMBEDDED_NOW
        assert len(set(map(place, hits))) == 80
        first = [hit for hit in hits if hit.explanation and hit.explanation.parts["late interaction"]]
        assert hits[: len(first)] == first  # what only a deeper search found comes below, by everything else
        assert _retrieval.CANDIDATES <= len(first) < 80
        assert hits[0].article.id == "7"
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        # Those that were not embedded are taken to be no better or worse than those that were.
        late = {hit.passage.text: hit.explanation.parts["late interaction"] for hit in first if hit.explanation}
        best, *embedded = sorted((late.pop(text) for text in embedder.embedded), reverse=True)
        assert best == pytest.approx(1 / 3, abs=1e-3)  # it has every word of the question
        assert np.mean(list(late.values())) == pytest.approx(np.mean(embedded), abs=0.03)
        embedder.embedded.clear()
        for mode in ("dense", "lexical"):
            searcher.search("report w7 of the harbour", mode=mode, explain=True)
        assert embedder.embedded == []


def test_a_filter_and_a_phrase_hold_without_tokens_too(tmp_path: Path) -> None:
    embedder = TokenWordEmbedder()
    build_index(ARTICLES, tmp_path, embedder=embedder, token_vectors=False)
    with open_index(tmp_path, embedder=embedder) as searcher:
        assert {hit.article.id for hit in searcher.search("budget", where="not id = budget")} == {"force", "treaty"}
        assert [place(hit) for hit in searcher.search('budget "the power station"')] == [("force", 58)]
        assert searcher.search("budget", where="id = nobody") == []
        # Evidence and explanations are by words: the tokens of the passages are not at hand.
        hit = searcher.search("an attack on a member", explain=True)[0]
        assert hit.evidence is not None
        assert hit.evidence.text == TREATY.text
        assert hit.explanation is not None
        assert [(match.word, match.found) for match in hit.explanation.words] == [
            ("attack", "attack"),
            ("member", "member"),
        ]
        assert sum(hit.explanation.parts.values()) == pytest.approx(hit.score)


def test_a_question_beyond_the_models_limit_is_answered_without_tokens(tmp_path: Path) -> None:
    embedder = TokenWordEmbedder(max_tokens=12)
    build_index(ARTICLES, tmp_path, embedder=embedder, token_vectors=False)
    with open_index(tmp_path, embedder=embedder) as searcher:
        hits = searcher.search("Who was it that passed a budget for schools and roads? " * 5)
        assert hits[0].article.id == "budget"
