"""What is taken from a ranking: duplicates, passages an article, diversity, groups."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from semsearch.selection import ArticleGroup, Chosen, Duplicate, group_by_article, repeated_share, select
from tests.embedder import WordEmbedder

Vectors = NDArray[np.float32]

REPEATED = 2 / 3  # the share from which a passage is folded

FERRY_SENTENCES = [
    "At least 12 people were killed when a ferry sank off the island of Morana early on Sunday.",
    "The coast guard said that the ship had taken on water in heavy seas.",
    "Most of the passengers were asleep in their cabins.",
    "A harbour official in Tervo said that it had room for 80 passengers; its owner recognised that 130 were aboard.",
]
FERRY = " ".join(FERRY_SENTENCES)
BUDGET = (
    "The parliament in Lisbeck approved the budget for next year on Thursday after a debate of eleven hours. Spending "
    "on schools will rise by a tenth, that on roads will fall. The opposition walked out before the vote."
)
STORM = "A storm tore the roofs from dozens of houses in the valley of the Inva. Nobody was hurt, the mayor said."


# --- what repeats what ------------------------------------------------------------------------------------------------


def reworded(text: str, **words: str) -> str:
    for word, other in words.items():
        assert word in text
        text = text.replace(word, other)
    return text


COPIES = {
    "the same": FERRY,
    "dateline": "TERVO, 3 March (Cobalt) - " + FERRY,
    "another dateline": "TERVO (AP) — " + FERRY,
    "dateline without an agency": "NEW TERVO, March 4 -- " + FERRY,
    "dateline in small letters": "Tervo, Nov. 30, 2021 (dpa) – " + FERRY,
    "byline": "By Ann Reed and Tom Fall\n\nTERVO (AP) — " + FERRY,
    "lines wrapped": FERRY.replace(". ", ".\n"),
    "capitals": FERRY.upper(),
    "another spelling": reworded(FERRY, harbour="harbor", recognised="recognized"),
    "a number in words": reworded(FERRY, **{"12 people": "twelve people"}),
    "typography": reworded(FERRY, **{"; its": " – its"}) + "”",
    "first sentence cut": " ".join(FERRY_SENTENCES[1:]),
    "last sentence cut": " ".join(FERRY_SENTENCES[:-1]),
    "one sentence": FERRY_SENTENCES[1],
    "a sentence added": FERRY + " Rescue workers were searching for survivors.",
    "a sentence with a number added": FERRY + " Rescue workers found 14 boats.",
    "a sentence with a name added": FERRY + " Rescue workers from Velika came.",
    "edited": reworded(FERRY, **{"said that the": "told reporters the", "heavy seas": "high seas", "Most": "Many"}),
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES.keys())
def test_a_copy_repeats_the_story(copy: str) -> None:
    assert repeated_share(copy, FERRY) >= REPEATED


@pytest.mark.parametrize("name", [name for name in COPIES if "line" in name])
def test_what_a_paper_puts_before_the_story_does_not_count(name: str) -> None:
    assert repeated_share(COPIES[name], FERRY) == 1


def test_a_dash_in_a_sentence_ends_no_dateline() -> None:
    assert repeated_share("The ferry sank – nobody knows why it did", "nobody knows why it did") < REPEATED
    assert repeated_share("I – nobody else – know why it did", "nobody else – know why it did") < 1


def test_capitals_throughout_are_no_names() -> None:
    assert repeated_share(COPIES["edited"].upper(), FERRY.upper()) == repeated_share(COPIES["edited"], FERRY)


UPDATES = {
    "more dead": reworded(FERRY, **{"12 people": "14 people"}),
    "more dead, in words": reworded(FERRY, **{"12 people": "fourteen people"}),
    "a price with thousands": reworded(FERRY, **{"130 were": "1,300 were"}),
    "two numbers exchanged": reworded(FERRY, **{"80 passengers": "130 passengers", "130 were": "80 were"}).replace(
        "At least 12", "At least 80"
    ),
    "another place": reworded(FERRY, Morana="Velika", Tervo="Port Selm"),
    "another day": reworded(FERRY, Sunday="Friday"),
    "another story": BUDGET,
    "the same and then another story": FERRY + " " + BUDGET + " " + STORM,
    "no words": "– … –",
}


@pytest.mark.parametrize("update", UPDATES.values(), ids=UPDATES.keys())
def test_what_says_something_else_does_not_repeat_the_story(update: str) -> None:
    assert repeated_share(update, FERRY) < REPEATED


def test_what_was_added_counts_one_way_only() -> None:
    both = FERRY + " " + BUDGET
    assert repeated_share(FERRY, both) == 1
    assert repeated_share(both, FERRY) < REPEATED


def test_the_share_is_that_of_runs_of_three_words() -> None:
    assert repeated_share("a b c d x", "a b c d e") == pytest.approx(2 / 3)
    assert repeated_share("a b c", "c b a") == 0
    assert repeated_share("a b c a b c", "x a b c a") == pytest.approx(2 / 3)  # each run counts once: abc, bca, cab
    assert repeated_share("a b", "x a b") == 1  # of as many as there are in a shorter text
    assert repeated_share("b a", "x a b") == 0
    assert repeated_share("a b c", "") == 0
    assert repeated_share("", "a b c") == 0


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("It cost 1,250,000 euros and 3.5 crowns", "It cost 1250000 euros and 3,5 crowns"),
        ("It cost 1.250.000 euros in all", "It cost 1\u202f250\u00a0000 euros in all"),
        ("It cost 12’500 francs in all", "It cost 12,500 francs in all"),
        ("Of those in 2019\u00a0300 came again", "Of those in 2019 300 came again"),
        ("Das Café lobte die Kö\u00adnigin sehr", "Das Cafe\u0301 lobte die Königin sehr"),
    ],
)
def test_how_a_number_or_letter_is_written_makes_no_difference(text: str, same: str) -> None:
    assert repeated_share(text, same) == repeated_share(same, text) == 1


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("In 2019, 300 people came to the fair", "In 2019, 301 people came to the fair"),
        ("They paid 1.250 euros for a small house", "They paid 1.251 euros for a small house"),
        ("The vote was 71 to 40 in the chamber", "The vote was 70 to 41 in the chamber"),
        ("In the end, Paris paid for all of it", "In the end, Rome paid for all of it"),
        ("The new pro-Paris party won the vote", "The new pro-Rome party won the vote"),
        ("Der Rat tagte gestern in Berlin und beschloss es", "Der Rat tagte gestern in Bonn und beschloss es"),
        ("東京で12人が死亡したと警察が発表した", "東京で14人が死亡したと警察が発表した"),
    ],
)
def test_an_exchanged_number_or_name_is_another_fact(text: str, other: str) -> None:
    assert repeated_share(text, other) == repeated_share(other, text) == 0


def test_scripts_without_spaces_are_compared_by_letters() -> None:
    text = "警察によると、この事故で多くの乗客が負傷した。"
    assert repeated_share("東京発 " + text, text) >= 0.8
    assert repeated_share("天気は晴れのち曇りでしょう。", text) == 0


@given(st.text(max_size=200))
def test_every_text_repeats_itself(text: str) -> None:
    assert repeated_share(text, text) == 1


@given(st.text(max_size=100), st.text(max_size=100))
def test_a_share_is_a_share(text: str, leader: str) -> None:
    assert 0 <= repeated_share(text, leader) <= 1


# --- selecting --------------------------------------------------------------------------------------------------------


class Archive:
    """Texts with vectors; it notes what was asked for."""

    def __init__(self, texts: Sequence[str], vectors: Vectors | None = None) -> None:
        self.texts = texts
        self.vectors = WordEmbedder().embed_queries(texts) if vectors is None else vectors
        self.read: list[int] = []
        self.loaded: list[list[int]] = []

    def texts_of(self, rows: Sequence[int]) -> list[str]:
        self.read += rows
        return [self.texts[row] for row in rows]

    def vectors_of(self, rows: NDArray[np.int64]) -> Vectors:
        self.loaded.append(rows.tolist())
        return self.vectors[rows]

    def select(
        self, k: int, *, articles: Sequence[int] | None = None, scores: Sequence[float] | None = None, **options: Any
    ) -> list[Chosen]:
        rows = np.arange(len(self.texts))
        return select(
            rows,
            -rows.astype(np.float64) if scores is None else scores,
            k,
            articles=rows if articles is None else articles,
            vectors_of=self.vectors_of,
            texts_of=self.texts_of,
            **options,
        )


def rows_of(chosen: Sequence[Chosen]) -> list[int]:
    return [passage.row for passage in chosen]


def folded(chosen: Sequence[Chosen]) -> dict[int, list[int]]:
    return {passage.row: [row for row, _ in passage.duplicates] for passage in chosen if passage.duplicates}


def test_a_wire_story_in_ten_papers_takes_one_place() -> None:
    papers = [FERRY, *(f"PAPER {paper}, (AP) - {FERRY}" for paper in "ABCDEFGHI")]
    archive = Archive([BUDGET, *papers, STORM])
    chosen = archive.select(3)
    assert rows_of(chosen) == [0, 1, 11]
    assert folded(chosen) == {1: list(range(2, 11))}
    assert chosen[1] == Chosen(1, -1.0, 1, tuple(Duplicate(row, 1.0) for row in range(2, 11)))


def test_all_duplicates_are_listed_however_few_are_taken() -> None:
    chosen = Archive([FERRY, BUDGET, STORM, FERRY, BUDGET, FERRY]).select(1)
    assert folded(chosen) == {0: [3, 5]}


def test_the_similarity_is_what_stands_in_the_leader_and_the_order_is_the_rankings() -> None:
    edited = COPIES["edited"]
    (passage,) = Archive([FERRY, edited, FERRY]).select(5)
    assert passage.duplicates == (Duplicate(1, repeated_share(edited, FERRY)), Duplicate(2, 1.0))
    assert REPEATED <= passage.duplicates[0].similarity < 1


def test_a_passage_that_goes_on_is_shown_and_takes_what_repeats_it() -> None:
    longer = FERRY + " " + BUDGET
    chosen = Archive([FERRY, longer, BUDGET, longer]).select(5)
    assert rows_of(chosen) == [0, 1]
    assert folded(chosen) == {1: [2, 3]}


WORDS = [first + second for first in "abcdefghij" for second in "klmnopqrst"]
CHAIN = [" ".join(WORDS[start : start + 60]) for start in (0, 15, 30)]  # each repeats the one before only


def test_folding_is_not_handed_on() -> None:
    assert repeated_share(CHAIN[1], CHAIN[0]) >= REPEATED > repeated_share(CHAIN[2], CHAIN[0])
    assert repeated_share(CHAIN[2], CHAIN[1]) >= REPEATED
    chosen = Archive(CHAIN, np.ones((3, 1), dtype=np.float32)).select(5)
    assert rows_of(chosen) == [0, 2]
    assert folded(chosen) == {0: [1]}


def test_a_passage_is_folded_under_the_best_that_it_repeats() -> None:
    chosen = Archive([FERRY, FERRY + " " + BUDGET, BUDGET + " " + FERRY, FERRY]).select(5)
    assert folded(chosen) == {0: [3], 1: [2]}


def test_in_one_article_only_the_same_text_is_folded() -> None:
    texts = [FERRY, COPIES["last sentence cut"], FERRY.replace(". ", ".\n\n"), FERRY + " Rescue workers left."]
    assert folded(Archive(texts).select(5, articles=[7, 7, 7, 7])) == {0: [2]}
    assert folded(Archive(texts).select(5, articles=[7, 8, 7, 9])) == {0: [1, 2, 3]}


def test_what_is_far_apart_by_its_vector_is_not_read() -> None:
    archive = Archive([FERRY, BUDGET, STORM, FERRY], np.eye(4, dtype=np.float32))
    assert rows_of(archive.select(4)) == [0, 1, 2, 3]
    assert archive.read == []
    assert archive.loaded == [[0, 1, 2, 3]]


def test_only_the_near_ones_are_read_and_each_once() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1], [0.8, 0.6]], dtype=np.float32)
    archive = Archive([FERRY, BUDGET, STORM, FERRY], vectors)
    assert folded(archive.select(4)) == {0: [3]}
    assert sorted(archive.read) == [0, 1, 3]
    archive = Archive([FERRY, BUDGET, STORM], np.ones((3, 1), dtype=np.float32))
    assert folded(archive.select(4)) == {}
    assert sorted(archive.read) == [0, 1, 2]


def test_nothing_is_read_without_folding_and_diversity() -> None:
    archive = Archive([FERRY, FERRY, FERRY])
    assert rows_of(archive.select(2, fold_duplicates=False)) == [0, 1]
    assert (archive.read, archive.loaded) == ([], [])
    archive.select(2, fold_duplicates=False, diversity=0.5)
    assert (archive.read, archive.loaded) == ([], [[0, 1, 2]])


def test_no_candidates_give_nothing() -> None:
    archive = Archive([], np.empty((0, 3), dtype=np.float32))
    assert archive.select(3, diversity=0.5, max_per_article=1) == []
    assert archive.loaded == []


# --- passages an article ----------------------------------------------------------------------------------------------


def test_an_article_gives_no_more_than_it_may() -> None:
    archive = Archive([f"word{row}" for row in range(7)], np.eye(7, dtype=np.float32))
    articles = [1, 1, 1, 2, 1, 2, 3]
    assert rows_of(archive.select(4, articles=articles, max_per_article=1)) == [0, 3, 6]
    assert rows_of(archive.select(4, articles=articles, max_per_article=2)) == [0, 1, 3, 5]
    assert [passage.article for passage in archive.select(9, articles=articles)] == articles


def test_what_is_folded_does_not_count_for_its_article() -> None:
    chosen = Archive([FERRY, FERRY, BUDGET, STORM]).select(4, articles=[1, 2, 2, 2], max_per_article=1)
    assert rows_of(chosen) == [0, 2]
    assert folded(chosen) == {0: [1]}


def test_what_may_not_be_taken_hides_nothing() -> None:
    chosen = Archive([BUDGET, FERRY, FERRY]).select(4, articles=[1, 1, 2], max_per_article=1)
    assert rows_of(chosen) == [0, 2]  # the copy in the article that is full is not shown, so the other one is
    assert folded(chosen) == {}


# --- diversity --------------------------------------------------------------------------------------------------------

# Three alike, one apart, one opposite to all.
FIVE = np.array([[1, 0], [0.8, 0.6], [0.8, 0.6], [0, 1], [-1, 0]], dtype=np.float32)


@pytest.mark.parametrize(
    ("diversity", "expected"),
    [
        (0, [0, 1, 2, 3, 4]),
        (0.1, [0, 1, 2, 3, 4]),
        # Relevances 1, .9, .8, .5, 0. After 0: .72 - .16, .64 - .16, .4, .2; after 1: .64 - .2, .4 - .12, 0 + .16.
        (0.2, [0, 1, 2, 3, 4]),
        # After 0: .63 - .24, .56 - .24, .35, .3; after 1: .56 - .3, .35 - .18, 0 + .24; after 2: .17, .24.
        (0.3, [0, 1, 2, 4, 3]),
        # After 0: .54 - .32, .48 - .32, .3, .4; after 4: .22, .16, .3.
        (0.4, [0, 4, 3, 1, 2]),
        (1, [0, 4, 3, 1, 2]),
    ],
)
def test_what_is_taken_next_is_relevant_and_unlike(diversity: float, expected: list[int]) -> None:
    scores = [20, 19, 18, 15, 10]
    archive = Archive(list("abcde"), FIVE)
    chosen = archive.select(5, scores=scores, diversity=diversity)
    assert rows_of(chosen) == expected
    assert [passage.score for passage in chosen] == [scores[row] for row in expected]


def test_where_all_are_equally_relevant_only_novelty_counts() -> None:
    assert rows_of(Archive(list("abcde"), FIVE).select(4, scores=[3] * 5, diversity=0.1)) == [0, 4, 3, 1]


def test_diversity_folds_under_the_better_ranked() -> None:
    # The copy in row 2 is unlike the first passage: it would be taken before what it is a copy of.
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1]], dtype=np.float32)
    archive = Archive([BUDGET, FERRY, FERRY], vectors)
    assert rows_of(archive.select(3, diversity=1, fold_duplicates=False)) == [0, 2, 1]
    chosen = archive.select(3, diversity=1)
    assert rows_of(chosen) == [0, 1]
    assert folded(chosen) == {1: [2]}


def test_diversity_folds_under_what_is_itself_no_repetition() -> None:
    # The last one is taken first; it repeats the one before it, which repeats the one before that.
    vectors = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1]], dtype=np.float32)
    chosen = Archive([BUDGET, *CHAIN], vectors).select(4, diversity=1)
    assert rows_of(chosen) == [0, 1, 3]
    assert folded(chosen) == {1: [2]}


# --- laws -------------------------------------------------------------------------------------------------------------

# Vectors whose inner products are exact, so that an oracle agrees to the last bit.
POOL = np.array([*np.eye(4), *(np.array([(1, 1, 1, 1), (1, 1, 1, -1), (1, 1, -1, -1)]) / 2)], dtype=np.float32)
TEXTS = [FERRY, COPIES["dateline"], COPIES["edited"], COPIES["one sentence"], UPDATES["more dead"], BUDGET, STORM]
TEXTS += [FERRY + " " + BUDGET, BUDGET + " " + STORM]


@st.composite
def archives(draw: st.DrawFn) -> tuple[Archive, list[int], list[float]]:
    count = draw(st.integers(0, 14))
    texts = draw(st.lists(st.sampled_from(TEXTS), min_size=count, max_size=count))
    vectors = POOL[draw(st.lists(st.integers(0, len(POOL) - 1), min_size=count, max_size=count))].reshape(-1, 4)
    articles = draw(st.lists(st.integers(0, 5), min_size=count, max_size=count))
    scores = sorted(draw(st.lists(st.integers(0, 8).map(float), min_size=count, max_size=count)), reverse=True)
    return Archive(texts, vectors), articles, scores


def repeats(archive: Archive, articles: Sequence[int], row: int, leader: int) -> float:
    """The share by which a row is folded under another, 0 where it is not: by definition."""
    text, other = archive.texts[row], archive.texts[leader]
    cosine = float(archive.vectors[row] @ archive.vectors[leader])
    if articles[row] == articles[leader]:
        return 1.0 if text == other and cosine >= 0.99 else 0.0
    share = repeated_share(text, other)
    return share if cosine >= 0.5 and share >= REPEATED else 0.0


limits = st.one_of(st.none(), st.integers(1, 3))


@given(archives(), st.integers(1, 16), st.booleans(), limits)
def test_without_diversity_the_selection_is_that_of_its_definition(
    found: tuple[Archive, list[int], list[float]], k: int, fold: bool, limit: int | None
) -> None:
    archive, articles, scores = found
    taken: list[int] = []
    below: dict[int, list[Duplicate]] = {}
    hidden: set[int] = set()
    for row in range(len(articles)):
        full = limit is not None and sum(articles[other] == articles[row] for other in taken) >= limit
        if row in hidden or full or len(taken) == k:
            continue
        shares = {other: repeats(archive, articles, other, row) for other in range(row + 1, len(articles)) if fold}
        below[row] = [Duplicate(other, share) for other, share in shares.items() if share and other not in hidden]
        hidden |= {duplicate.row for duplicate in below[row]}
        taken.append(row)
    chosen = archive.select(k, articles=articles, scores=scores, fold_duplicates=fold, max_per_article=limit)
    assert chosen == [Chosen(row, scores[row], articles[row], tuple(below[row])) for row in taken]


@given(archives(), st.integers(1, 16), st.booleans(), limits, st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
def test_what_holds_for_every_selection(
    found: tuple[Archive, list[int], list[float]], k: int, fold: bool, limit: int | None, diversity: float
) -> None:
    archive, articles, scores = found
    chosen = archive.select(
        k, articles=articles, scores=scores, fold_duplicates=fold, max_per_article=limit, diversity=diversity
    )
    taken = rows_of(chosen)
    hidden = [row for rows in folded(chosen).values() for row in rows]
    assert len({*taken, *hidden}) == len(taken) + len(hidden)  # each row is in one place
    assert all(
        share == repeats(archive, articles, row, passage.row) > 0
        for passage in chosen
        for row, share in passage.duplicates
    )
    assert all(passage.row < row for passage in chosen for row, _ in passage.duplicates)
    assert all(list(rows) == sorted(rows) for rows in folded(chosen).values())
    counts = Counter(articles[row] for row in taken)
    full = {article for article, count in counts.items() if count == limit}
    assert limit is None or not counts or max(counts.values()) <= limit
    # Fewer than k only where nothing is left that may be shown.
    left = [row for row in range(len(articles)) if row not in {*taken, *hidden} and articles[row] not in full]
    assert len(taken) == k or (len(taken) < k and not left)
    assert taken[:1] == list(range(len(articles)))[:1]
    if fold:  # no shown one repeats a better one that is shown
        assert not any(repeats(archive, articles, row, other) for row in taken for other in taken if other < row)


@given(archives(), st.sampled_from([0.25, 0.5, 0.75]), st.sampled_from([0.25, 2.0, 16.0]), st.integers(-9, 9))
def test_diversity_means_the_same_on_every_scale_of_scores(
    found: tuple[Archive, list[int], list[float]], diversity: float, factor: float, offset: int
) -> None:
    archive, articles, scores = found
    scaled = [score * factor + offset for score in scores]
    chosen = archive.select(9, articles=articles, scores=scores, diversity=diversity)
    again = archive.select(9, articles=articles, scores=scaled, diversity=diversity)
    assert rows_of(again) == rows_of(chosen)
    assert [passage.score for passage in again] == [scaled[row] for row in rows_of(chosen)]


def test_a_selection_is_the_same_each_time_and_for_any_kind_of_sequence() -> None:
    generator = random.Random(5)
    texts = generator.choices(TEXTS, k=40)
    rows = generator.sample(range(1000), k=40)
    vectors = WordEmbedder().embed_queries(texts)
    place = {row: i for i, row in enumerate(rows)}
    scores = np.linspace(1, 0, 40, dtype=np.float32)
    options: dict[str, Any] = {
        "vectors_of": lambda asked: vectors[[place[row] for row in asked.tolist()]],
        "texts_of": lambda asked: [texts[place[row]] for row in asked],
        "diversity": 0.3,
    }
    first = select(rows, scores, 10, articles=list(range(40)), **options)
    second = select(np.array(rows), scores.tolist(), 10, articles=np.arange(40), **options)
    assert first == second
    assert all(type(passage.row) is int and type(passage.score) is float for passage in first)
    assert all(
        texts[place[row]] != texts[place[passage.row]] or share == 1
        for passage in first
        for row, share in passage.duplicates
    )


# --- groups -----------------------------------------------------------------------------------------------------------


def passages(*pairs: tuple[int, float]) -> list[Chosen]:
    return [Chosen(row, score, article) for row, (article, score) in enumerate(pairs)]


def test_articles_come_by_their_best_passage_with_their_passages_by_score() -> None:
    chosen = passages((5, 0.9), (3, 0.8), (5, 0.7), (8, 0.6), (3, 0.5), (5, 0.4))
    assert group_by_article(chosen, 2, passages_per_article=2) == [
        ArticleGroup(5, 0.9, (chosen[0], chosen[2])),
        ArticleGroup(3, 0.8, (chosen[1], chosen[4])),
    ]
    assert [group.article for group in group_by_article(chosen, 9, passages_per_article=1)] == [5, 3, 8]
    assert group_by_article([], 9, passages_per_article=1) == []


def test_an_article_keeps_its_place_where_diversity_took_a_lesser_passage_first() -> None:
    chosen = passages((5, 0.9), (3, 0.2), (3, 0.8), (5, 0.9))
    assert group_by_article(chosen, 5, passages_per_article=3) == [
        ArticleGroup(5, 0.9, (chosen[0], chosen[3])),
        ArticleGroup(3, 0.8, (chosen[2], chosen[1])),
    ]


def test_an_article_that_only_repeats_is_no_group_of_its_own() -> None:
    archive = Archive([FERRY, COPIES["dateline"], BUDGET, STORM])
    groups = group_by_article(archive.select(4, articles=[1, 2, 3, 1]), 5, passages_per_article=5)
    assert [(group.article, rows_of(group.passages)) for group in groups] == [(1, [0, 3]), (3, [2])]
    assert groups[0].passages[0].duplicates == (Duplicate(1, 1.0),)


# --- wrong arguments --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "k must be at least 1, not 0"),
        ({"max_per_article": 0}, "max_per_article must be at least 1, not 0"),
        ({"diversity": 1.5}, "diversity must be between 0 and 1, not 1.5"),
        ({"diversity": float("nan")}, "diversity must be between 0 and 1, not nan"),
        ({"scores": [1.0, 2.0]}, r"expected scores from the best down, got 1\.0 before 2\.0"),
        ({"scores": [float("nan"), 1.0]}, "a score is not finite"),
        ({"scores": [1.0]}, r"a score and an article for each of n rows, got the shapes \(2,\), \(1,\), \(2,\)"),
        ({"articles": [[1, 2]]}, r"got the shapes \(2,\), \(2,\), \(1, 2\)"),
        ({"articles": [1.5, 2]}, "articles must be whole numbers, not float64"),
        ({"rows": [1.0, 2.0]}, "rows must be whole numbers, not float64"),
        ({"rows": [4, 4]}, "expected each row once"),
        ({"vectors_of": lambda _: np.ones(2)}, r"expected the vectors of 2 rows, got an array of shape \(2,\)"),
        ({"vectors_of": lambda _: np.ones((3, 2))}, r"the vectors of 2 rows, got an array of shape \(3, 2\)"),
    ],
)
def test_a_wrong_argument_is_refused(change: dict[str, Any], message: str) -> None:
    right: dict[str, Any] = {
        "rows": [0, 1],
        "scores": [2.0, 1.0],
        "k": 2,
        "articles": [0, 1],
        "vectors_of": lambda rows: np.ones((len(rows), 2), dtype=np.float32),
        "texts_of": lambda rows: [BUDGET for _ in rows],
    }
    assert rows_of(select(**right)) == [0]
    with pytest.raises(ValueError, match=message):
        select(**{**right, **change})


@pytest.mark.parametrize(("k", "passages_per_article", "name"), [(0, 1, "k"), (1, 0, "passages_per_article")])
def test_groups_of_nothing_are_refused(k: int, passages_per_article: int, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be at least 1, not 0$"):
        group_by_article([], k, passages_per_article=passages_per_article)
