"""How well a passage matches anything: against brute force, through a rebuild, and in the ranking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch import Article, Searcher, build_index, open_index
from semsearch.background import Background, choose_spans, measure_background
from semsearch.ranking import BACKGROUND, late_interaction
from semsearch.searching._questions import Question, ask
from semsearch.searching._request import Request
from semsearch.storage import open_generation
from semsearch.tokens import TokenCodec, TokenStore
from tests.embedder import TokenWordEmbedder

DIMENSION = 16
SPAN, LEAST, SPANS = 12, 16, 32  # tokens of a span, of a passage that has one, spans of a corpus
CODEC = TokenCodec.create(DIMENSION)


def store_of(lengths: Sequence[int], *, seed: int = 0) -> TokenStore:
    """Passages of so many random tokens."""
    vectors = np.random.default_rng(seed).standard_normal((sum(lengths), DIMENSION)).astype(np.float32)
    codes = CODEC.encode(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    return TokenStore(codes, np.cumsum([0, *lengths]), CODEC)


def keys_of(count: int) -> list[bytes]:
    """As many keys, in a random order."""
    return [bytes([number // 256, number % 256]) for number in np.random.default_rng(1).permutation(count)]


def by_hand(store: TokenStore, members: Sequence[int], spans: Sequence[int]) -> tuple[list[float], list[float]]:
    """What passages and articles owe to no question, pair by pair; ``members`` are the articles of the passages."""

    def centred(owners: Sequence[int], texts: Sequence[NDArray[np.float32]]) -> list[float]:
        means: list[float | None] = []
        for owner, text in zip(owners, texts, strict=True):
            shares = []
            for row in spans:
                if members[row] != owner:
                    vectors = store.vectors_of(row)
                    first = (len(vectors) - SPAN) // 2
                    span = vectors[first : first + SPAN]
                    shares.append(np.mean([max(float(token @ other) for other in text) for token in span]))
            means.append(float(np.mean(shares)) if shares else None)
        middle = float(np.mean([mean for mean in means if mean is not None] or [0.0]))
        return [0.0 if mean is None else mean - middle for mean in means]

    passages = [store.vectors_of(row) for row in range(len(store))]
    articles = sorted(set(members))
    wholes = [np.concatenate([p for p, of in zip(passages, members, strict=True) if of == a]) for a in articles]
    return centred(members, passages), centred(articles, wholes)


def measured(store: TokenStore, members: Sequence[int], spans: list[int]) -> Background:
    starts = np.flatnonzero(np.diff(members, prepend=-1))
    return measure_background(store, starts.astype(np.int64), spans)


# --- which spans stand for all questions ------------------------------------------------------------------------------


def test_the_spans_are_of_the_passages_with_the_lowest_keys() -> None:
    keys = keys_of(100)
    expected = sorted(range(100), key=lambda row: keys[row])[:SPANS]
    assert choose_spans(store_of([20] * 100), keys) == expected


def test_there_are_fewer_spans_if_there_are_fewer_passages() -> None:
    assert choose_spans(store_of([20] * 3), [b"c", b"a", b"b"]) == [1, 2, 0]


def test_a_passage_that_is_too_short_gives_no_span() -> None:
    store = store_of([LEAST, LEAST - 1, LEAST + 1, 1])
    assert choose_spans(store, [b"d", b"c", b"b", b"a"]) == [2, 0]


def test_a_passage_that_has_a_copy_gives_no_span() -> None:
    assert choose_spans(store_of([20] * 5), [b"b", b"a", b"b", b"a", b"c"]) == [4]
    assert choose_spans(store_of([20] * 90), [bytes([row % 40]) for row in range(90)]) == []


def test_the_spans_are_the_same_whatever_the_order_of_the_passages() -> None:
    keys = keys_of(80)
    lengths = [10 + row % 20 for row in range(80)]
    order = np.random.default_rng(2).permutation(80).tolist()
    plain = [keys[row] for row in choose_spans(store_of(lengths), keys)]
    moved_keys = [keys[row] for row in order]
    moved = choose_spans(store_of([lengths[row] for row in order]), moved_keys)
    assert [moved_keys[row] for row in moved] == plain


# --- what is measured with them ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "members",
    [
        [0, 0, 0, 1, 1, 2, 3, 3],
        list(range(8)),
        [0] * 7 + [1],
    ],
    ids=["several of an article", "one of each", "one article against the rest"],
)
def test_it_is_what_brute_force_finds(members: list[int]) -> None:
    store = store_of([20, 12, 16, 33, 5, 18, 40, 17], seed=3)
    spans = choose_spans(store, keys_of(len(store)))
    assert len(spans) == 6
    passages, articles = by_hand(store, members, spans)
    found = measured(store, members, spans)
    np.testing.assert_allclose(found.passages, passages, atol=1e-5)
    np.testing.assert_allclose(found.articles, articles, atol=1e-5)
    assert found.passages.dtype == found.articles.dtype == np.float32
    assert np.ptp(found.passages) > 0.05  # there was something to find


def test_what_a_passage_has_in_common_with_its_own_article_is_no_background() -> None:
    store = store_of([20, 20, 20, 20], seed=4)
    # All the spans are of the first article: nothing is known of its own passages.
    found = measured(store, [0, 0, 1, 2], [0, 1])
    assert found.passages[:2].tolist() == [0, 0]
    assert found.articles[0] == 0
    assert found.passages[2] == pytest.approx(-found.passages[3]) != 0


def test_the_mean_over_passages_and_over_articles_is_nothing() -> None:
    members = np.sort(np.random.default_rng(5).integers(0, 30, 150))
    store = store_of(np.random.default_rng(6).integers(1, 60, 150).tolist())
    found = measured(store, members.tolist(), choose_spans(store, keys_of(150)))
    assert found.passages.shape == (150,)
    assert found.articles.shape == (len(np.unique(members)),)
    assert abs(found.passages.mean()) < 1e-6
    assert abs(found.articles.mean()) < 1e-6


def test_long_passages_and_long_articles_match_anything_better() -> None:
    found = measured(store_of([20] * 20 + [200, 20, 20, 20]), [*range(21), 21, 21, 21], list(range(20)))
    assert np.argmax(found.passages) == 20
    assert np.argmax(found.articles) == 20
    assert found.articles[21] > found.articles[:20].max()
    assert found.passages[20] > 0.1


@pytest.mark.parametrize("count", [63, 64, 65, 200])
def test_passages_beyond_a_block_are_measured_like_the_first(count: int) -> None:
    lengths = [1 + row * 7 % 40 for row in range(count)]
    members = [row // 3 for row in range(count)]  # articles that lie on both sides of an edge
    store = store_of(lengths, seed=7)
    spans = choose_spans(store, keys_of(count))[:3]
    passages, articles = by_hand(store, members, spans)
    found = measured(store, members, spans)
    np.testing.assert_allclose(found.passages, passages, atol=1e-5)
    np.testing.assert_allclose(found.articles, articles, atol=1e-5)


def test_an_archive_of_one_article_has_none() -> None:
    store = store_of([20, 30, 40])
    found = measured(store, [0, 0, 0], choose_spans(store, keys_of(3)))
    assert found.passages.tolist() == [0, 0, 0]
    assert found.articles.tolist() == [0]


def test_without_a_passage_that_is_long_enough_there_is_none() -> None:
    store = store_of([LEAST - 1, 3, 1])
    spans = choose_spans(store, keys_of(3))
    assert spans == []
    found = measured(store, [0, 1, 1], spans)
    assert found.passages.tolist() == [0, 0, 0]
    assert found.articles.tolist() == [0, 0]


def test_it_is_the_same_each_time() -> None:
    store = store_of([25] * 100)
    spans = choose_spans(store, keys_of(100))
    first, again = (measured(store, [row // 2 for row in range(100)], spans) for _ in range(2))
    np.testing.assert_array_equal(first.passages, again.passages)
    np.testing.assert_array_equal(first.articles, again.articles)


# --- in an index ------------------------------------------------------------------------------------------------------

WORDS = [f"word{number}" for number in range(150)]


def article(number: int) -> Article:
    """An article of three passages of 20 to 40 words, some of which others have too."""
    rng = np.random.default_rng(number)
    texts = [" ".join(rng.choice(WORDS, rng.integers(20, 41)).tolist()) for _ in range(3)]
    return Article(f"{number}", "\n\n".join(f"{text} and {number}." for text in texts), title=f"Report {number}")


ARTICLES = [article(number) for number in range(20)]


def background_of(index: Path) -> tuple[dict[tuple[str, str], float], dict[str, float]]:
    """The background of each passage, by its article and text, and of each article."""
    generation = open_generation(index)
    try:
        assert generation.background is not None
        values = generation.background.passages.tolist()
        stored = generation.archive.passages(range(len(values)))
        passages = {(stored[row].article.id, stored[row].passage.text): value for row, value in enumerate(values)}
        ids = [stored[int(row)].article.id for row in generation.article_starts]
        return passages, dict(zip(ids, generation.background.articles.tolist(), strict=True))
    finally:
        generation.close()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("background")
    build_index(ARTICLES, folder, embedder=TokenWordEmbedder())
    return folder


def test_a_build_stores_what_is_measured_of_its_tokens(index: Path) -> None:
    generation = open_generation(index)
    try:
        assert generation.tokens is not None
        assert generation.background is not None
        spans = choose_spans(generation.tokens, generation.archive.passage_keys())
        assert len(spans) == SPANS
        members = np.repeat(range(20), np.diff(generation.article_starts, append=len(generation.tokens))).tolist()
        passages, articles = by_hand(generation.tokens, members, spans)
        np.testing.assert_allclose(generation.background.passages, passages, atol=1e-5)
        np.testing.assert_allclose(generation.background.articles, articles, atol=1e-5)
        assert np.ptp(passages) > 0.05
        assert np.ptp(articles) > 0.05
    finally:
        generation.close()


AFTER = {
    "nothing has changed": ARTICLES,
    "articles have gone": ARTICLES[5:12],
    "articles have come": [*ARTICLES, article(20), article(21)],
    "one was changed": [*ARTICLES[:3], article(99), *ARTICLES[4:]],
    "their order is another": ARTICLES[::-1],
    "two were put together": [
        Article("0", f"{ARTICLES[0].text}\n\n{ARTICLES[1].text}", title="Report 0"),
        *ARTICLES[2:],
    ],
}


@pytest.mark.parametrize("articles", AFTER.values(), ids=AFTER.keys())
def test_after_a_rebuild_it_is_that_of_an_index_that_is_built_at_once(tmp_path: Path, articles: list[Article]) -> None:
    for step in (ARTICLES, articles):
        build_index(step, tmp_path / "steps", embedder=TokenWordEmbedder())
    build_index(articles, tmp_path / "once", embedder=TokenWordEmbedder())
    assert background_of(tmp_path / "steps") == background_of(tmp_path / "once")


def test_the_same_passages_parted_into_other_articles_are_measured_again(tmp_path: Path) -> None:
    # The passages' keys and their order stay as they are; only where an article begins does not.
    texts = [passage for one in ARTICLES[:4] for passage in one.text.split("\n\n")]
    apart = [Article(f"{number}", text, title="Report") for number, text in enumerate(texts)]
    together = [
        Article(f"{number}", "\n\n".join(texts[number : number + 3]), title="Report") for number in range(0, 12, 3)
    ]
    embedder = TokenWordEmbedder()
    build_index(apart, tmp_path / "steps", embedder=embedder)
    assert build_index(together, tmp_path / "steps", embedder=embedder).embedded == 0
    build_index(together, tmp_path / "once", embedder=embedder)
    assert background_of(tmp_path / "steps") == background_of(tmp_path / "once")
    assert len(background_of(tmp_path / "steps")[1]) == 4


def test_copies_of_an_article_owe_the_same(tmp_path: Path) -> None:
    copies = [Article(f"{number}", ARTICLES[0].text, title=ARTICLES[0].title) for number in range(100, 103)]
    build_index([copies[0], *ARTICLES[1:], *copies[1:]], tmp_path, embedder=TokenWordEmbedder())
    passages, articles = background_of(tmp_path)
    first, *others = ({text: value for (of, text), value in passages.items() if of == one.id} for one in copies)
    assert len(first) == 3
    assert others == [first, first]
    assert articles["100"] == articles["101"] == articles["102"]


def test_an_index_without_token_vectors_has_none_and_gains_it_with_them(tmp_path: Path, index: Path) -> None:
    build_index(ARTICLES, tmp_path, embedder=TokenWordEmbedder(), token_vectors=False)
    generation = open_generation(tmp_path)
    assert generation.background is None
    generation.close()
    build_index(ARTICLES, tmp_path, embedder=TokenWordEmbedder(), token_vectors=True)
    assert background_of(tmp_path) == background_of(index)


# --- in the ranking ---------------------------------------------------------------------------------------------------

QUERY = "word1 and word2"


class Late(NamedTuple):
    """The late interaction of candidates, and of their articles, as the ranking has it."""

    rows: NDArray[np.int64]
    members: NDArray[np.int64]
    passages: NDArray[np.float64]
    articles: NDArray[np.float64]


def question_of(searcher: Searcher) -> Question:
    (question,) = ask([QUERY], Request(), searcher._embedder, searcher._retrieval.passage_words)
    return question


def late_of(searcher: Searcher, allowed: NDArray[np.bool_] | None = None) -> Late:
    rows, signals, _ = searcher._retrieval.signals(question_of(searcher), 100, allowed)
    assert signals is not None
    return Late(rows, signals.articles, np.array(signals.late, np.float64), np.array(signals.article_late, np.float64))


def stored(searcher: Searcher) -> tuple[TokenStore, Background]:
    generation = searcher._generation
    assert generation.tokens is not None
    assert generation.background is not None
    return generation.tokens, generation.background


def test_half_of_it_is_taken_off_the_late_interaction_of_passages_and_of_articles(index: Path) -> None:
    with open_index(index, embedder=TokenWordEmbedder()) as searcher:
        found, question = late_of(searcher), question_of(searcher)
        tokens, background = stored(searcher)
        assert question.tokens is not None
        assert question.weights is not None
        similarities = tokens.max_similarities(question.tokens.embeddings, found.rows)
        late, article_late = late_interaction(similarities, question.weights, found.members, 20)
        assert found.rows.tolist() == list(range(60))
        assert BACKGROUND == 0.5
        np.testing.assert_allclose(late - found.passages, 0.5 * background.passages, atol=1e-6)
        np.testing.assert_allclose(article_late - found.articles, 0.5 * background.articles, atol=1e-6)


def test_of_some_candidates_each_gets_its_own(index: Path) -> None:
    with open_index(index, embedder=TokenWordEmbedder()) as searcher:
        allowed = np.zeros(len(searcher), dtype=bool)
        allowed[[4, 5, 31, 58]] = True
        everything, found = late_of(searcher), late_of(searcher, allowed)
        _, background = stored(searcher)
    assert found.rows.tolist() == [4, 5, 31, 58]
    np.testing.assert_allclose(found.passages, everything.passages[found.rows], atol=1e-6)
    # Of an article that has one candidate, what is known of both differs by their backgrounds.
    expected = 0.5 * (background.passages[[31, 58]] - background.articles[[10, 19]])
    np.testing.assert_allclose(found.articles[1:] - found.passages[2:], expected, atol=1e-6)


def test_of_two_that_match_alike_the_one_that_matches_anything_comes_second(tmp_path: Path) -> None:
    """Both have all of the query's words; one of them has much of the rest of the archive besides."""
    focused = Article("focused", "The lander bounced twice. " + " ".join(f"only{word}" for word in range(21)))
    common = Counter(word for one in ARTICLES for word in one.text.split()).most_common(21)
    hub = Article("hub", "The lander bounced twice. " + " ".join(word for word, _ in common))
    embedder = TokenWordEmbedder()
    build_index([hub, focused, *ARTICLES], tmp_path, embedder=embedder)
    passages, articles = background_of(tmp_path)
    assert passages["hub", hub.text] > passages["focused", focused.text] + 0.1
    assert articles["hub"] > articles["focused"]
    with open_index(tmp_path, embedder=embedder) as searcher:
        hits = searcher.search("lander bounced twice", 2)
    assert [hit.article.id for hit in hits] == ["focused", "hub"]
