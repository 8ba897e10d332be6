"""What a search can be told: what to leave out, to fold and to mix, and what to say of each hit."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch import Article, Hit, Searcher, WordMatch, build_index, open_index
from semsearch.dense import RECALL, DenseIndex
from semsearch.searching import MODES
from semsearch.sentences import find_sentences
from tests.embedder import TokenWordEmbedder, WordEmbedder

STORY = "The minister of finance said on Monday that the budget for schools would grow by {} percent in the next year."
ROADS = "The money for roads stays as it was, and a toll for lorries is not to be asked for before the next election."
ARTICLES = [
    Article("wire", STORY.format(12), title="More for schools", source="Wire"),
    Article("copy", STORY.format(12) + "\n\n" + ROADS, title="Schools get more", source="Post"),
    Article("update", STORY.format(14), title="Even more for schools", source="Wire"),
    Article("cut", STORY.format(12).replace(" in the next year", ""), title="", source="Gazette"),
    Article("storm", "A storm took the roofs off two schools on the coast. Nobody was hurt. Lessons begin on Friday."),
    Article(
        "strike", "Teachers of all schools in the capital went on strike.\n\nThey ask for nine percent more in a year."
    ),
    Article("probe", "A small probe came down near the southern pole of the moon. It sent its first pictures at noon."),
]
CLOSED = "The harbour was closed on Monday because of a storm, a report says."
OTHER = "On day v{0} another report said of the harbour what it did for v{0}."


@pytest.fixture(scope="module", params=[WordEmbedder, TokenWordEmbedder])
def searcher(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    """With an embedder that gives no token vectors, and with one that does."""
    embedder: WordEmbedder = request.param()
    index = tmp_path_factory.mktemp("index")
    build_index(ARTICLES, index, embedder=embedder)
    with open_index(index, embedder=embedder) as searcher:
        yield searcher


@pytest.fixture(scope="module", params=[WordEmbedder, TokenWordEmbedder])
def crowded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    """Forty copies of one passage, an article of 300 passages, and 20 others with one each."""
    embedder: WordEmbedder = request.param()
    index = tmp_path_factory.mktemp("crowded")
    long = "\n\n".join(f"Report number {n} on the harbour has no more to say than that w{n}." for n in range(300))
    articles = [
        *(Article(f"copy{n}", CLOSED) for n in range(40)),
        Article("long", long),
        *(Article(f"other{n}", OTHER.format(n)) for n in range(20)),
    ]
    build_index(articles, index, embedder=embedder)
    with open_index(index, embedder=embedder) as searcher:
        yield searcher


def ids(hits: Sequence[Hit]) -> list[str]:
    return [hit.article.id for hit in hits]


def places(hits: Sequence[Hit]) -> list[tuple[str, int]]:
    return [(hit.article.id, hit.passage.start) for hit in hits]


# --- least score ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_least_score_leaves_out_what_is_below_it(searcher: Searcher, mode: str) -> None:
    everything = searcher.search("budget for schools", 100, mode=mode, fold_duplicates=False)
    assert len(everything) >= 5
    for least in (everything[2].score, everything[-1].score, everything[0].score):  # what is equal to it stays
        expected = [hit for hit in everything if hit.score >= least]
        for k in (1, 2, 100):
            hits = searcher.search("budget for schools", k, mode=mode, fold_duplicates=False, min_score=least)
            assert hits == expected[:k]
    assert searcher.search("budget for schools", mode=mode, min_score=everything[0].score + 1e-6) == []
    assert searcher.search("budget for schools", 100, mode=mode, fold_duplicates=False, min_score=-5) == everything


def test_a_least_score_is_for_articles_and_what_is_similar_too(searcher: Searcher) -> None:
    first, second, *_ = searcher.search_articles("budget for schools")
    assert searcher.search_articles("budget for schools", min_score=first.score)[0].article == first.article
    assert len(searcher.search_articles("budget for schools", min_score=second.score)) == 2
    assert searcher.search_articles("budget for schools", min_score=100) == []
    alike = searcher.similar("wire", fold_duplicates=False)
    assert searcher.similar("wire", fold_duplicates=False, min_score=alike[1].score) == alike[:2]


def test_duplicates_below_the_least_score_are_not_listed(searcher: Searcher) -> None:
    first, *_ = searcher.search(STORY.format(12), mode="dense")
    lowest = min(copy.score for copy in first.duplicates)
    (hit, *_) = searcher.search(STORY.format(12), mode="dense", min_score=lowest + 1e-6)
    assert hit == dataclasses.replace(first, duplicates=first.duplicates[:-1])


# --- near duplicates --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_what_says_the_same_is_listed_under_the_best_of_it(searcher: Searcher, mode: str) -> None:
    query = "minister said budget for schools would grow by 12 percent"
    hits = searcher.search(query, 20, mode=mode)
    everything = searcher.search(query, 20, mode=mode, fold_duplicates=False)
    leader = next(hit for hit in hits if hit.duplicates)
    assert {leader.article.id, *ids(leader.duplicates)} in ({"wire", "copy", "cut"}, {"wire", "copy"})
    assert all(not copy.duplicates and copy.evidence is None for copy in leader.duplicates)
    assert {copy.rank for copy in leader.duplicates} == {leader.rank}
    # An update is none, and what is folded keeps its score and place below the one that leads it.
    assert "update" in ids(hits)
    assert sorted(places(hits) + places(leader.duplicates)) == sorted(places(everything))
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    by_place = dict(zip(places(everything), everything, strict=True))
    for copy in leader.duplicates:
        same = by_place[(copy.article.id, copy.passage.start)]
        assert (copy.score, copy.passage, copy.article) == (same.score, same.passage, same.article)
        assert copy.score <= leader.score
        assert same.rank > by_place[(leader.article.id, leader.passage.start)].rank
    assert [copy.score for copy in leader.duplicates] == sorted((c.score for c in leader.duplicates), reverse=True)


@pytest.mark.parametrize("mode", MODES)
def test_without_folding_every_copy_takes_its_place(searcher: Searcher, mode: str) -> None:
    hits = searcher.search("budget for schools would grow by 12 percent", 4, mode=mode, fold_duplicates=False)
    assert set(ids(hits)) == {"wire", "copy", "cut", "update"}
    assert all(hit.duplicates == () for hit in hits)


@pytest.mark.parametrize("mode", MODES)
def test_folding_leaves_no_fewer_hits_than_were_asked_for(crowded: Searcher, mode: str) -> None:
    query = "harbour closed on Monday because of a storm report"
    for k in (1, 2, 10, 50, 300):
        hits = crowded.search(query, k, mode=mode)
        assert len(hits) == k
        assert ids(hits)[0] == "copy0"
        assert ids(hits[0].duplicates) == [f"copy{n}" for n in range(1, 40)]  # all of them, however small k is
        assert len(set(places(hits))) == k
    everything = crowded.search(query, 1000, mode=mode)
    assert len(everything) + sum(len(hit.duplicates) for hit in everything) == len(crowded)


@pytest.mark.parametrize("mode", MODES)
def test_with_folding_a_smaller_k_finds_the_first_of_the_same_hits(crowded: Searcher, mode: str) -> None:
    hits = crowded.search("report on the harbour", 20, mode=mode)
    for k in (1, 3, 10):
        assert crowded.search("report on the harbour", k, mode=mode) == hits[:k]


# --- passages of one article ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["dense", "lexical"])
@pytest.mark.parametrize("most", [1, 2, 7])
def test_of_an_article_come_no_more_passages_than_are_allowed(crowded: Searcher, mode: str, most: int) -> None:
    query = "report number harbour say"
    taken: Counter[str] = Counter()
    expected = []
    for hit in crowded.search(query, 1000, mode=mode, fold_duplicates=False):
        taken[hit.article.id] += 1
        if taken[hit.article.id] <= most:
            expected.append(hit)
    assert taken["long"] == 300
    for k in (1, 3, 20, 500):
        hits = crowded.search(query, k, mode=mode, fold_duplicates=False, max_per_article=most)
        assert places(hits) == places(expected[:k])
        assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))


def test_hybrid_looks_deep_enough_for_passages_of_enough_articles(crowded: Searcher) -> None:
    for k in (2, 10, 61):
        hits = crowded.search("report number harbour say", k, fold_duplicates=False, max_per_article=1)
        assert len(set(ids(hits))) == len(hits) == k
    assert len(crowded.search("report number harbour say", 100, fold_duplicates=False, max_per_article=1)) == 61
    # The copies count as one where they are folded: 1, the long article, and 20 others.
    assert len(crowded.search("report number harbour say", 100, max_per_article=1)) == 22


# --- diversity --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_diversity_brings_what_is_unlike_the_first_hits_forward(searcher: Searcher, mode: str) -> None:
    query = "schools budget percent strike"
    plain = searcher.search(query, 20, mode=mode, fold_duplicates=False)
    assert searcher.search(query, 20, mode=mode, fold_duplicates=False, diversity=0) == plain
    mixed = searcher.search(query, 20, mode=mode, fold_duplicates=False, diversity=0.8)
    assert mixed[0] == plain[0]
    assert sorted(places(mixed)) == sorted(places(plain))
    assert [hit.rank for hit in mixed] == list(range(1, len(mixed) + 1))
    by_place = dict(zip(places(plain), plain, strict=True))
    assert [hit.score for hit in mixed] == [by_place[place].score for place in places(mixed)]
    second = [float(vector(hits[0]) @ vector(hits[1])) for hits in (mixed, plain)]
    assert second[0] < second[1]
    assert ids(plain)[:2] != ids(mixed)[:2]


def vector(hit: Hit) -> NDArray[np.float32]:
    (embedding,) = WordEmbedder().embed_passages([f"{hit.article.title}\n{hit.passage.text}".strip()])
    return cast("NDArray[np.float32]", embedding)


def test_diversity_is_maximal_marginal_relevance(searcher: Searcher) -> None:
    plain = searcher.search("schools percent", 20, mode="dense", fold_duplicates=False)
    vectors = np.stack([vector(hit) for hit in plain]).astype(np.float64)
    scores = np.array([hit.score for hit in plain])
    relevance = (scores - scores.min()) / (scores.max() - scores.min())
    left, taken = list(range(1, len(plain))), [0]
    while left:
        value = {n: 0.6 * relevance[n] - 0.4 * max(vectors[n] @ vectors[t] for t in taken) for n in left}
        taken.append(max(left, key=lambda n: value[n]))
        left.remove(taken[-1])
    mixed = searcher.search("schools percent", 20, mode="dense", fold_duplicates=False, diversity=0.4)
    assert places(mixed) == [places(plain)[n] for n in taken]


@pytest.mark.parametrize("mode", MODES)
def test_all_options_together_still_find_as_many_as_there_are(crowded: Searcher, mode: str) -> None:
    options: dict[str, Any] = {"mode": mode, "diversity": 0.3, "max_per_article": 2, "where": "id != other3"}
    hits = crowded.search("report harbour", 23, **options)
    assert len(hits) == 22  # one of the copies, two of the long article, 19 others
    assert Counter(ids(hits)).most_common(1) == [("long", 2)]
    assert sum(len(hit.duplicates) for hit in hits) == 39
    assert "other3" not in ids(hits)


# --- evidence ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("was nobody hurt", "Nobody was hurt."),
        ("lessons on Friday", "Lessons begin on Friday."),
        ("a storm took the roofs off", "A storm took the roofs off two schools on the coast."),
    ],
)
def test_the_sentence_that_answers_is_shown(searcher: Searcher, mode: str, query: str, sentence: str) -> None:
    hit = searcher.search(query, mode=mode)[0]
    assert hit.article.id == "storm"
    assert hit.evidence is not None
    assert hit.evidence.text == sentence
    assert hit.article.text[hit.evidence.start : hit.evidence.end] == sentence


@pytest.mark.parametrize("mode", MODES)
def test_evidence_is_a_sentence_of_the_passage_at_its_place_in_the_article(searcher: Searcher, mode: str) -> None:
    shown = 0
    for query in ("percent more in the year", "the moon", "nine percent", "schools of the capital"):
        for hit in searcher.search(query, 20, mode=mode, fold_duplicates=False):
            if hit.evidence is not None:
                shown += 1
                start, end = hit.evidence.start, hit.evidence.end
                assert hit.article.text[start:end] == hit.evidence.text
                assert (start - hit.passage.start, end - hit.passage.start) in find_sentences(hit.passage.text)
    assert shown >= 8


@pytest.mark.parametrize("mode", MODES)
def test_a_passage_of_one_sentence_is_its_own_evidence(searcher: Searcher, mode: str) -> None:
    hit = searcher.search("the money for roads and a toll for lorries", mode=mode)[0]
    assert hit.evidence is not None
    assert (hit.evidence.text, hit.evidence.start, hit.evidence.end) == (ROADS, hit.passage.start, hit.passage.end)
    assert hit.passage.start > 0


@pytest.mark.parametrize("kind", [WordEmbedder, TokenWordEmbedder])
@pytest.mark.parametrize("mode", MODES)
def test_a_heading_is_no_evidence_but_where_it_is_alone(tmp_path: Path, kind: type[WordEmbedder], mode: str) -> None:
    answer = "The members pay for the mission by a scale that the treaty has in an annex."
    articles = [Article("paid", f"## Who pays\n\nIt begins in May. {answer}"), Article("bare", "## Who pays")]
    embedder = kind()
    build_index(articles, tmp_path / "index", embedder=embedder)
    with open_index(tmp_path / "index", embedder=embedder) as searcher:
        hits = searcher.search("who pays", mode=mode)
    found = {hit.article.id: hit.evidence and hit.evidence.text for hit in hits}
    assert found["bare"] == "## Who pays"
    assert found["paid"] in (answer, "It begins in May.")


def test_without_a_word_in_common_there_is_no_evidence_by_words(searcher: Searcher) -> None:
    assert {hit.evidence for hit in searcher.search("zebra", 20, mode="dense")} == {None}
    (hit, *_) = searcher.search("even", 1, mode="lexical")  # which is in the title only
    assert (hit.article.id, hit.evidence) == ("update", None)


@pytest.mark.parametrize("mode", MODES)
def test_evidence_can_be_left_out(searcher: Searcher, mode: str) -> None:
    hits = searcher.search("schools percent", 20, mode=mode)
    without = searcher.search("schools percent", 20, mode=mode, evidence=False)
    assert any(hit.evidence for hit in hits)
    assert without == [dataclasses.replace(hit, evidence=None) for hit in hits]


ADDRESS = "https://example.org/" + "a1b2c3" * 30
LONG_WORDS = Article(
    "long words",
    f"The report of the council is at {ADDRESS} and nowhere else. The harbour opens again in May. "
    f"Its pilots are at {'x' * 101} {'y' * 450} as before. A ferry goes to the island of Brava. Nothing else is known.",
    title="Papers " + "z" * 120,
)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("harbour opens in May", "The harbour opens again in May."),
        ("ferry to the island", "A ferry goes to the island of Brava."),
        ("nothing is known", "Nothing else is known."),
    ],
)
def test_words_that_the_model_reads_in_pieces_do_not_shift_the_evidence(
    tmp_path: Path, mode: str, query: str, sentence: str
) -> None:
    embedder = TokenWordEmbedder()
    build_index([LONG_WORDS], tmp_path, embedder=embedder)
    with open_index(tmp_path, embedder=embedder) as searcher:
        (hit,) = searcher.search(query, mode=mode, explain=True)
    assert hit.evidence is not None
    assert hit.evidence.text == sentence == LONG_WORDS.text[hit.evidence.start : hit.evidence.end]
    assert hit.explanation is not None
    for match in hit.explanation.words:
        assert match.similarity > 0.8
        assert match.found.strip(".").casefold() == match.word.casefold()


def test_the_default_models_tokens_tell_the_sentence_by_its_meaning(tmp_path: Path) -> None:
    build_index([*ARTICLES, LONG_WORDS], tmp_path)
    with open_index(tmp_path) as searcher:
        for query, sentence, word, found in (
            ("When will the port take ships again?", "The harbour opens again in May.", "port", "harbour"),
            ("a boat that carries passengers", "A ferry goes to the island of Brava.", "boat", "ferry"),
            ("How many people were injured?", "Nobody was hurt.", "injured", "hurt"),
        ):
            hits = searcher.search(query, 20, explain=True, fold_duplicates=False)
            assert len(hits) == len(searcher)
            for hit in hits:
                assert hit.evidence is not None
                assert hit.article.text[hit.evidence.start : hit.evidence.end] == hit.evidence.text
                assert hit.explanation is not None
                read = f"{hit.article.title}\n{hit.passage.text}"
                assert all(match.found in read for match in hit.explanation.words)
            (hit,) = [hit for hit in hits if sentence in hit.passage.text]
            assert hit.evidence is not None
            assert hit.evidence.text == sentence
            assert hit.explanation is not None
            assert found in [match.found for match in hit.explanation.words if match.word == word]


# --- explanations -----------------------------------------------------------------------------------------------------


PARTS = {
    "dense": {"dense"},
    "lexical": {"lexical"},
    "hybrid": {"dense", "article dense", "article lexical", "neighbours"},
}
LATE = {"late interaction", "article late interaction"}


@pytest.mark.parametrize("mode", MODES)
def test_the_parts_of_a_score_sum_to_it(searcher: Searcher, mode: str) -> None:
    hits = searcher.search("schools percent storm", 20, mode=mode, explain=True, diversity=0.5)
    assert hits
    tokens = {"late interaction"} & {name for hit in hits if hit.explanation for name in hit.explanation.parts}
    for hit in hits:
        assert hit.explanation is not None
        assert hit.explanation.parts.keys() == PARTS[mode] | (LATE if tokens else set())
        assert sum(hit.explanation.parts.values()) == pytest.approx(hit.score, abs=1e-6)
        assert all(copy.explanation is None for copy in hit.duplicates)
    has_tokens = any(name.startswith("token") for name in searcher.manifest.files)
    assert bool(tokens) == (has_tokens and mode == "hybrid")


@pytest.mark.parametrize("mode", MODES)
def test_an_explanation_tells_what_each_word_met(searcher: Searcher, mode: str) -> None:
    (hit, *_) = searcher.search("storms hurt moon roofs", mode=mode, explain=True)
    assert hit.article.id == "storm"
    assert hit.explanation is not None
    words = hit.explanation.words
    assert [match.word for match in words] == ["storms", "hurt", "moon", "roofs"]
    assert sum(match.weight for match in words) == pytest.approx(1)
    by_word = {match.word: match for match in words}
    if mode == "hybrid" and any(name.startswith("token") for name in searcher.manifest.files):
        # To this embedder another form of a word is another word.
        assert [by_word[word].found.strip(".") for word in ("hurt", "roofs")] == ["hurt", "roofs"]
        assert min(by_word["hurt"].similarity, by_word["roofs"].similarity) > 0.8 > by_word["storms"].similarity
    else:
        assert by_word["storms"] == WordMatch("storms", "storm", 1.0, by_word["storms"].weight)
        assert by_word["moon"] == WordMatch("moon", "", 0.0, by_word["moon"].weight)
    assert by_word["moon"].similarity < 0.5


def test_an_explanation_changes_nothing_else(searcher: Searcher) -> None:
    plain = searcher.search("schools", 20)
    assert {hit.explanation for hit in plain} == {None}
    explained = searcher.search("schools", 20, explain=True)
    assert [dataclasses.replace(hit, explanation=None) for hit in explained] == plain
    bare = searcher.search("schools", 20, explain=True, evidence=False)
    assert [hit.explanation for hit in bare] == [hit.explanation for hit in explained]


# --- articles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_articles_come_by_their_best_passage_each_with_its_best(searcher: Searcher, mode: str) -> None:
    query = "teachers ask for nine percent"
    everything = searcher.search(query, 100, mode=mode, fold_duplicates=False)
    answers = searcher.search_articles(query, 100, mode=mode, fold_duplicates=False)
    assert [answer.article.id for answer in answers] == list(dict.fromkeys(ids(everything)))
    assert [answer.rank for answer in answers] == list(range(1, len(answers) + 1))
    for answer in answers:
        own = [hit for hit in everything if hit.article == answer.article]
        assert answer.hits == tuple(dataclasses.replace(hit, rank=rank) for rank, hit in enumerate(own, start=1))
        assert answer.score == answer.hits[0].score
    assert len(answers[0].hits) == 2 or mode == "lexical"


@pytest.mark.parametrize("mode", MODES)
def test_of_each_article_come_the_best_of_its_passages(crowded: Searcher, mode: str) -> None:
    for k, passages in ((1, 1), (3, 2), (22, 5), (30, 3)):
        answers = crowded.search_articles("report number harbour say", k, passages=passages, mode=mode)
        assert len(answers) == min(k, 22)  # one of the copies, the long article, 20 others
        (long,) = [answer for answer in answers if answer.article.id == "long"]
        assert len(long.hits) == passages
        assert [hit.rank for hit in long.hits] == list(range(1, passages + 1))
        scores = [hit.score for hit in long.hits]
        assert scores == sorted(scores, reverse=True)
        assert {len(answer.hits) for answer in answers} <= {1, passages}
        assert all(hit.article == answer.article for answer in answers for hit in answer.hits)
        assert [answer.score for answer in answers] == sorted((answer.score for answer in answers), reverse=True)


def test_articles_are_searched_with_all_options(crowded: Searcher) -> None:
    answers = crowded.search_articles(
        'report "of the harbour"', 50, max_per_article=1, where="not id in (other1, other2)", explain=True
    )
    assert len(answers) == 18
    assert all(len(answer.hits) == 1 for answer in answers)
    assert all(answer.hits[0].explanation is not None and answer.hits[0].evidence is not None for answer in answers)
    assert "other1" not in [answer.article.id for answer in answers]
    (copies,) = crowded.search_articles("harbour closed by a storm", 1)
    assert len(copies.hits[0].duplicates) == 39


@pytest.mark.parametrize("passages", [0, -1, 1.0, "3", None, True])
def test_a_number_of_passages_that_is_none_is_refused(searcher: Searcher, passages: object) -> None:
    with pytest.raises(ValueError, match="passages must be a whole number of at least 1, not ") as error:
        searcher.search_articles("schools", passages=cast("int", passages))
    assert repr(passages) in str(error.value)


# --- what is similar --------------------------------------------------------------------------------------------------


def cosines(vectors: NDArray[np.float32], article_id: str) -> list[tuple[float, str, int]]:
    """Every passage of other articles by its cosine with the direction of ``vectors``, highest first."""
    words = WordEmbedder()
    direction = vectors.mean(axis=0)
    direction /= np.linalg.norm(direction)
    found = []
    for article in ARTICLES:
        if article.id != article_id:
            for text in article.text.split("\n\n"):
                (embedding,) = words.embed_passages([f"{article.title}\n{text}".strip()])
                found.append((-float(embedding @ direction), article.id, article.text.index(text)))
    return [(-cosine, other, start) for cosine, other, start in sorted(found)]


def passages_of(article_id: str) -> NDArray[np.float32]:
    (article,) = [article for article in ARTICLES if article.id == article_id]
    return WordEmbedder().embed_passages([f"{article.title}\n{text}".strip() for text in article.text.split("\n\n")])


@pytest.mark.parametrize(
    ("article_id", "paragraph"),
    [("wire", None), ("wire", 1), ("copy", None), ("copy", 1), ("copy", 2), ("strike", None), ("probe", 1)],
)
def test_what_is_similar_has_the_highest_cosines(searcher: Searcher, article_id: str, paragraph: int | None) -> None:
    own = passages_of(article_id)
    expected = cosines(own if paragraph is None else own[paragraph - 1 : paragraph], article_id)
    hits = searcher.similar(article_id, 20, paragraph=paragraph, max_per_article=None, fold_duplicates=False)
    assert article_id not in ids(hits)
    np.testing.assert_allclose([hit.score for hit in hits], [cosine for cosine, _, _ in expected], rtol=0, atol=2e-3)
    assert sorted(places(hits)) == sorted((other, start) for _, other, start in expected)
    assert [hit.rank for hit in hits] == list(range(1, len(expected) + 1))
    assert {(hit.evidence, hit.explanation) for hit in hits} == {(None, None)}


def test_of_each_similar_article_comes_its_best_passage_unless_more_are_wanted(searcher: Searcher) -> None:
    everything = searcher.similar("wire", 20, max_per_article=None, fold_duplicates=False)
    assert len(everything) == len(searcher) - 1
    best = {hit.article.id: hit for hit in reversed(everything)}
    hits = searcher.similar("wire", 20, fold_duplicates=False)
    assert sorted(places(hits)) == sorted(places(list(best.values())))
    assert len(searcher.similar("wire", 20, fold_duplicates=False, max_per_article=2)) == len(everything)
    assert searcher.similar("wire", 2, fold_duplicates=False) == hits[:2]


def test_copies_of_an_article_are_similar_and_folded(searcher: Searcher) -> None:
    hits = searcher.similar("wire")
    (leader,) = [hit for hit in hits if hit.duplicates]
    assert {leader.article.id, *ids(leader.duplicates)} == {"copy", "cut"}
    assert "wire" not in ids(hits) + ids(leader.duplicates)


def test_what_is_similar_can_be_filtered_and_explained(searcher: Searcher) -> None:
    hits = searcher.similar("wire", where="source = wire or id = probe", explain=True)
    assert ids(hits) == ["update", "probe"]  # and not itself
    for hit in hits:
        assert hit.explanation is not None
        assert hit.explanation.parts == {"dense": hit.score}
        assert hit.explanation.words == ()
    assert searcher.similar("wire", where="id = wire") == []
    assert searcher.similar("wire", mode="dense") == searcher.similar("wire")


def test_nothing_is_similar_where_there_is_nothing_else(tmp_path: Path, words: WordEmbedder) -> None:
    build_index([ARTICLES[0]], tmp_path, embedder=words)
    with open_index(tmp_path, embedder=words) as searcher:
        assert searcher.similar("wire") == []
        assert searcher.similar("wire", paragraph=1) == []


PARAGRAPHS = [
    "A ship.",
    f"The second one is of a harbour and of its pilots. {'It goes on about ropes and sails. ' * 40}".strip(),
    "No end.",
    "The fourth of all is of the moon and of nothing else.",
    "The last one is as short as the others are, or nearly so.",
]


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_a_paragraph_is_known_by_its_number_also_if_it_was_joined_or_split(
    tmp_path: Path, words: WordEmbedder, number: int
) -> None:
    split = Article("split", "# A heading\n\n" + "\n\n".join(PARAGRAPHS))
    build_index([split, *ARTICLES], tmp_path, embedder=words)
    start = split.text.index(PARAGRAPHS[number - 1])
    end = start + len(PARAGRAPHS[number - 1])
    with open_index(tmp_path, embedder=words) as searcher:
        passages = [hit.passage for hit in searcher.search("all", 100, where="id = split", fold_duplicates=False)]
        # The first is in the beginning of the second one, which is split; the third is too short and at its end.
        assert sorted(passage.paragraph for passage in passages) == [1, 2, 4, 5]
        own = [passage.text for passage in passages if passage.start < end and start < passage.end]
        assert len(own) == (2 if number == 2 else 1)
        expected = cosines(words.embed_passages(own), "split")
        found = searcher.similar("split", 50, paragraph=number, max_per_article=None, fold_duplicates=False)
    np.testing.assert_allclose([hit.score for hit in found], [c for c, _, _ in expected], rtol=0, atol=2e-3)


def test_an_article_of_headings_has_one_paragraph(tmp_path: Path, words: WordEmbedder) -> None:
    build_index([Article("index", "Budget for schools"), *ARTICLES], tmp_path, embedder=words)
    with open_index(tmp_path, embedder=words) as searcher:
        assert searcher.similar("index", paragraph=1) == searcher.similar("index")
        with pytest.raises(ValueError, match="numbered from 1 to 1"):
            searcher.similar("index", paragraph=2)


@pytest.mark.parametrize("article_id", ["", "Wire", "nobody", "wire ", "\x00", "caf\udce9", 5, None, ["wire"], b"wire"])
def test_an_article_that_there_is_not_is_named(searcher: Searcher, article_id: str) -> None:
    with pytest.raises(ValueError, match="the index has no article ") as error:
        searcher.similar(article_id)
    assert repr(article_id) in str(error.value)
    assert article_id not in searcher


def test_articles_that_are_in_the_index_are_in_the_searcher(searcher: Searcher) -> None:
    assert all(article.id in searcher for article in ARTICLES)


def test_a_number_is_no_articles_id(tmp_path: Path, words: WordEmbedder) -> None:
    build_index([Article("5", "A ship came in at noon.")], tmp_path, embedder=words)
    with open_index(tmp_path, embedder=words) as searcher:
        assert "5" in searcher
        assert 5 not in cast("Any", searcher)


def test_a_paragraph_that_there_is_not_is_named(searcher: Searcher) -> None:
    with pytest.raises(ValueError, match="article 'copy' has no paragraph 3: they are numbered from 1 to 2"):
        searcher.similar("copy", paragraph=3)
    for paragraph in (0, -1, 1.0, "1", True):
        with pytest.raises(ValueError, match="paragraph must be a whole number of at least 1, not ") as error:
            searcher.similar("copy", paragraph=cast("int", paragraph))
        assert repr(paragraph) in str(error.value)


@pytest.mark.parametrize("mode", ["hybrid", "lexical"])
def test_what_is_similar_is_found_by_vectors_only(searcher: Searcher, mode: str) -> None:
    with pytest.raises(ValueError, match=f"the mode must be dense, not '{mode}'"):
        searcher.similar("wire", mode=mode)


# --- recall -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given_options", "asked"), [({}, RECALL), ({"recall": 1}, 1), ({"recall": 0.9}, 0.9)])
def test_the_dense_index_is_asked_for_the_recall_that_is_wanted(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch, given_options: dict[str, Any], asked: float
) -> None:
    seen = []
    search = DenseIndex.search

    def watched(*arguments: Any, recall: float, **options: Any) -> Any:
        seen.append(recall)
        return search(*arguments, recall=recall, **options)

    monkeypatch.setattr(DenseIndex, "search", watched)
    for ask in (
        lambda: searcher.search("schools", 60, **given_options),
        lambda: searcher.search("schools", mode="dense", **given_options),
        lambda: searcher.search_articles("schools", **given_options),
        lambda: searcher.similar("wire", **given_options),
    ):
        seen.clear()
        ask()
        assert set(seen) == {asked}


# --- wrong options ----------------------------------------------------------------------------------------------------

WRONG: list[tuple[str, object, str]] = [
    *(("mode", value, "mode must be one of hybrid, dense, lexical") for value in ("", "BM25", None, ["dense"])),
    *(("min_score", value, "min_score must be a number") for value in ("0.5", True, float("nan"), 10**400, [1])),
    *(("recall", value, "recall must be a number above 0 and at most 1") for value in (0, 1.1, "1", None, True)),
    *(("diversity", value, "diversity must be a number from 0 to 1") for value in (-0.1, 1.1, "0", None, True)),
    *(("max_per_article", value, "max_per_article must be a whole number") for value in (0, -1, 1.0, "1", True)),
    *(("where", value, "where must be a filter or its text") for value in (5, {"source": "Wire"}, ["id = wire"], True)),
    *((name, value, f"{name} must be True or False") for name in ("explain", "evidence") for value in (None, 1, "no")),
    *((name, value, f"{name} must be True or False") for name in ("phrases", "fold_duplicates") for value in (0, "")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_a_value_that_makes_no_sense_is_refused_everywhere(
    searcher: Searcher, name: str, value: object, message: str
) -> None:
    options: dict[str, Any] = {name: value}
    for search in (
        lambda: searcher.search("schools", **options),
        lambda: searcher.search_many([], **options),
        lambda: searcher.search_articles("schools", **options),
        lambda: searcher.similar("wire", **options),
    ):
        with pytest.raises(ValueError, match=message) as error:
            search()
        assert f"not {value!r}" in str(error.value)


def test_values_of_numpy_are_as_good_as_pythons(searcher: Searcher) -> None:
    plain = searcher.search("schools", 3, min_score=0.25, diversity=0.5, max_per_article=1, explain=True)
    options: dict[str, Any] = {
        "min_score": np.float32(0.25),
        "diversity": np.float64(0.5),
        "max_per_article": np.int64(1),
        "explain": np.True_,
    }
    assert searcher.search("schools", cast("int", np.int32(3)), **options) == plain


@pytest.mark.parametrize("name", ["K", "filter", "minscore", "paragraph"])
def test_an_option_that_there_is_not_is_a_type_error(searcher: Searcher, name: str) -> None:
    options: dict[str, Any] = {name: 1}
    for search in (searcher.search, searcher.search_articles):
        with pytest.raises(TypeError, match=name):
            search("schools", **options)
    with pytest.raises(TypeError, match="passages"):
        searcher.search("schools", **cast("Any", {"passages": 3}))
