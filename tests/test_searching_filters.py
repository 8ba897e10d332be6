"""Searching some of the articles: filters and phrases, against searching everything and looking through the answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from semsearch import Article, Filter, Hit, Searcher, build_index, field, open_index, parse_filter
from semsearch.searching import MODES
from tests.embedder import TokenWordEmbedder, WordEmbedder

PLACES = ["harbour", "airport", "valley", "border", "island"]
EVENTS = ["storm", "strike", "vote", "fire", "summit", "trial", "drought"]
SOURCES = ["Northgate Wire", "The Agency", "Daily Post"]


def paragraph(number: int, part: int) -> str:
    """Some words that many paragraphs share, one that a few do, and one that no other has."""
    place, event = PLACES[(number + part) % 5], EVENTS[(number * 3 + part) % 7]
    return f"After the {event} near the {place} officials said that case x{number}y{part} was theirs to decide."


def article(number: int, parts: int = 3) -> Article:
    return Article(
        f"{number}",
        "\n\n".join(paragraph(number, part) for part in range(parts)),
        title=f"News of the {EVENTS[number % 7]}" if number % 4 else "",
        published=dt.date(2020 + number % 5, 1 + number % 12, 1),
        source=SOURCES[number % 3],
        metadata={"number": number, "desk": "home" if number % 2 else "abroad"},
    )


def year(article: Article) -> int:
    assert article.published is not None
    return article.published.year


ARTICLES = [article(number) for number in range(70)]
QUERIES = ["storm near the harbour", "officials decide a trial", "news of the vote on an island", "x7y1"]
FILTERS: list[tuple[str, Callable[[Article], bool]]] = [
    ("number >= 0", lambda a: a.metadata["number"] >= 0),
    ("number != 3", lambda a: a.id != "3"),
    ("desk = home", lambda a: a.metadata["desk"] == "home"),
    ("source = 'the agency' and date >= 2022", lambda a: a.source == "The Agency" and year(a) >= 2022),
    ("date = 2021 or number < 5", lambda a: year(a) == 2021 or a.metadata["number"] < 5),
    ("number in (7, 35)", lambda a: a.id in ("7", "35")),
    ("id = 69", lambda a: a.id == "69"),
    ("number > 69", lambda a: a.metadata["number"] > 69),
]


@pytest.fixture(scope="module", params=[WordEmbedder, TokenWordEmbedder])
def searcher(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    """210 passages of 70 articles, with an embedder that gives no token vectors, and with one that does."""
    embedder: WordEmbedder = request.param()
    index = tmp_path_factory.mktemp("index")
    build_index(ARTICLES, index, embedder=embedder)
    with open_index(index, embedder=embedder) as searcher:
        yield searcher


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    """More passages than are named to the keyword engine one by one."""
    embedder = WordEmbedder(dimension=16)
    index = tmp_path_factory.mktemp("large")
    build_index((article(number, parts=1) for number in range(4500)), index, embedder=embedder)
    with open_index(index, embedder=embedder) as searcher:
        yield searcher


def found(hits: Sequence[Hit]) -> list[tuple[str, int]]:
    return [(hit.article.id, hit.passage.start) for hit in hits]


def scores(hits: Sequence[Hit]) -> list[float]:
    return [hit.score for hit in hits]


# --- filters ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "holds"), FILTERS, ids=[text for text, _ in FILTERS])
@pytest.mark.parametrize("mode", ["dense", "lexical"])
def test_a_filtered_search_is_the_whole_one_without_what_does_not_match(
    searcher: Searcher, mode: str, text: str, holds: Callable[[Article], bool]
) -> None:
    for query in QUERIES:
        everything = searcher.search(query, 10**4, mode=mode, fold_duplicates=False, evidence=False)
        expected = [hit for hit in everything if holds(hit.article)]
        for k in (1, 5, 30, 10**4):
            hits = searcher.search(query, k, mode=mode, where=text, fold_duplicates=False, evidence=False)
            assert found(hits) == found(expected[:k])
            np.testing.assert_allclose(scores(hits), scores(expected[:k]), rtol=0, atol=1e-6)
            assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))


@pytest.mark.parametrize(("text", "holds"), FILTERS, ids=[text for text, _ in FILTERS])
def test_a_filtered_hybrid_search_finds_as_many_as_match(
    searcher: Searcher, text: str, holds: Callable[[Article], bool]
) -> None:
    everything = searcher.search("all", 10**4, mode="dense", fold_duplicates=False, evidence=False)
    matching = {place for place, hit in zip(found(everything), everything, strict=True) if holds(hit.article)}
    assert len(matching) == 3 * sum(map(holds, ARTICLES))
    for query in QUERIES[:2]:
        for k in (1, 30, 10**4):
            hits = searcher.search(query, k, where=text, fold_duplicates=False, evidence=False)
            assert len(set(found(hits))) == len(hits) == min(k, len(matching))
            assert set(found(hits)) <= matching
            assert scores(hits) == sorted(scores(hits), reverse=True)


@pytest.mark.parametrize("mode", ["dense", "lexical"])
@pytest.mark.parametrize("least", [0, 1, 1000, 2400, 2600, 4300, 4490, 4499])
def test_a_filter_of_a_large_index_is_exact_however_many_it_leaves(large: Searcher, mode: str, least: int) -> None:
    assert len(large) == 4500
    query = "strike near the valley"
    expected = [
        hit
        for hit in large.search(query, 10**4, mode=mode, fold_duplicates=False, evidence=False)
        if hit.article.metadata["number"] >= least
    ]
    assert len(expected) >= (4500 - least if mode == "dense" else (4500 - least) / 5 - 1)
    for k in (1, 10, 300):
        hits = large.search(query, k, mode=mode, where=f"number >= {least}", fold_duplicates=False, evidence=False)
        assert found(hits) == found(expected[:k])
        np.testing.assert_allclose(scores(hits), scores(expected[:k]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_one_article_among_thousands_is_found_by_any_words(large: Searcher, mode: str) -> None:
    (hit,) = large.search("officials decide", mode=mode, where="id = 4321")
    assert hit.article.id == "4321"
    hits = large.search("officials decide", 20, where="number in (5, 4000, 4400)", mode=mode)
    assert sorted(hit.article.id for hit in hits) == ["4000", "4400", "5"]


@pytest.mark.parametrize("mode", MODES)
def test_a_filter_as_text_and_in_python_is_the_same(searcher: Searcher, mode: str) -> None:
    text = "source = 'Daily Post' and not number < 30"
    filters: list[Filter | str] = [
        text,
        parse_filter(text),
        (field("source") == "Daily Post") & ~(field("number") < 30),
    ]
    by_filter = [searcher.search("storm at the border", 20, mode=mode, where=where) for where in filters]
    assert by_filter[0] == by_filter[1] == by_filter[2]
    assert {hit.article.source for hit in by_filter[0]} == {"Daily Post"}
    # A filter is remembered, and each search has its own.
    other = searcher.search("storm at the border", 20, mode=mode, where="source = 'The Agency'")
    assert {hit.article.source for hit in other} == {"The Agency"}
    assert searcher.search("storm at the border", 20, mode=mode, where=text) == by_filter[0]


def test_true_and_one_are_different_filters_also_when_they_are_remembered(tmp_path: Path, words: WordEmbedder) -> None:
    articles = [Article("1", "A ship.", metadata={"flag": 1}), Article("true", "A ship.", metadata={"flag": True})]
    build_index(articles, tmp_path, embedder=words)
    with open_index(tmp_path, embedder=words) as searcher:
        for value, article_id in ((1, "1"), (True, "true"), (1.0, "1"), (True, "true")):
            (hit,) = searcher.search("ship", where=field("flag") == value)
            assert hit.article.id == article_id


@pytest.mark.parametrize("mode", MODES)
def test_a_filter_that_nothing_matches_has_no_hits(searcher: Searcher, mode: str) -> None:
    for where in ("number > 1000", "source = nobody", "date < 1900", "not number >= 0"):
        assert searcher.search("storm", mode=mode, where=where) == []
        assert searcher.search_articles("storm", mode=mode, where=where) == []
    assert searcher.search_many(["storm", "vote"], mode=mode, where="id = nobody") == [[], []]
    assert searcher.similar("3", where="id = nobody") == []


@pytest.mark.parametrize("mode", MODES)
def test_many_queries_have_one_filter(searcher: Searcher, mode: str) -> None:
    answers = searcher.search_many(QUERIES, 7, mode=mode, where="desk = abroad")
    assert answers == [searcher.search(query, 7, mode=mode, where="desk = abroad") for query in QUERIES]
    assert {hit.article.metadata["desk"] for hits in answers for hit in hits} == {"abroad"}


@pytest.mark.parametrize("mode", MODES)
def test_a_field_that_no_article_has_is_an_error_that_names_those_there_are(searcher: Searcher, mode: str) -> None:
    for _ in range(2):  # an error is not remembered as an answer
        with pytest.raises(ValueError, match="no article has a field desc; is desk meant") as error:
            searcher.search("storm", mode=mode, where="desc = home")
    assert str(error.value).endswith("The fields are desk, id, number, published, source, title, url")


@pytest.mark.parametrize("where", ["", "  ", "source", "source = ", "source == x", "and", "(id = 1"])
def test_a_filter_that_cannot_be_read_is_an_error(searcher: Searcher, where: str) -> None:
    with pytest.raises(ValueError, match="a filter"):
        searcher.search("storm", where=where)


# --- phrases ----------------------------------------------------------------------------------------------------------

TEXTS = [
    Article(
        "pact",
        "The clause on collective defence was signed by all.\n\nNothing else was agreed on that day in the spring.",
    ),
    Article("apart", "Defence of the coast is a collective task, and the clause says nothing about it."),
    Article(
        "title",
        "One member asked for help in the night.\n\nThe others came at once, all of them by sea.",
        title="Collective Defence at last",
    ),
    Article("marks", "They wrote of “collective” – DEFENCE, once more; the rest of it was not read at all."),
    Article("accents", "A café in Córdoba sold the state of the art machine to a man of 40,000 words."),
    Article("names", "The members' treaty, Ukraine’s border and the U.N. force were all in the report."),
    Article("wrapped", "This is a paragraph whose text was wrapped\nin the middle of collective\ndefence by hand."),
]


@pytest.fixture(scope="module", params=[WordEmbedder, TokenWordEmbedder])
def texts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    embedder: WordEmbedder = request.param()
    index = tmp_path_factory.mktemp("texts")
    build_index(TEXTS, index, embedder=embedder)
    with open_index(index, embedder=embedder) as searcher:
        yield searcher


def having(texts: Searcher, query: str, mode: str = "hybrid") -> set[tuple[str, int]]:
    return set(found(texts.search(query, 100, mode=mode)))


COLLECTIVE = {("pact", 0), ("title", 0), ("title", 41), ("marks", 0), ("wrapped", 0)}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("query", ['"collective defence"', "clause on «Collective DEFENCE»", '"collective-defence"'])
def test_a_phrase_must_be_found_whatever_the_case_and_marks_between_its_words(
    texts: Searcher, query: str, mode: str
) -> None:
    assert having(texts, query, mode) == COLLECTIVE


@pytest.mark.parametrize(
    ("query", "articles"),
    [
        ('"state of the art"', {"accents"}),
        ('"state the art"', set()),
        ('"the state of"', {"accents"}),
        ('"of the"', {"apart", "accents"}),
        ('"signed by all"', {"pact"}),
        ('"defence collective"', set()),
        ('"collective defences"', set()),  # as it stands: no other forms
        ('"collective"', {"pact", "apart", "title", "marks", "wrapped"}),
        ('"cafe in cordoba"', {"accents"}),
        ('"CAFÉ IN CÓRDOBA"', {"accents"}),
        ('"40,000 words"', {"accents"}),
        ('"the members\' treaty"', {"names"}),
        ('"ukraine\'s border"', {"names"}),
        ('"U.N. force"', {"names"}),
        ('"collective defence" "at last"', {"title"}),
        ('"collective defence" "was signed"', {"pact"}),
        ('"collective defence" "no such words"', set()),
        ('"by all nothing"', set()),  # the end of one passage and the beginning of the next
        ('"moon"', set()),
    ],
)
def test_what_a_phrase_leaves(texts: Searcher, query: str, articles: set[str]) -> None:
    for mode in ("hybrid", "dense"):
        assert {article_id for article_id, _ in having(texts, query, mode)} == articles


def test_a_phrase_does_not_begin_in_the_title_and_end_in_the_passage(texts: Searcher) -> None:
    assert having(texts, '"defence at last"') == {("title", 0), ("title", 41)}
    assert having(texts, '"one member asked"') == {("title", 0)}
    assert having(texts, '"last one member"') == set()
    assert having(texts, '"at last" "one member"') == {("title", 0)}


def test_the_words_of_a_phrase_are_searched_for_too(texts: Searcher) -> None:
    plain = texts.search("collective defence was signed", 100, mode="lexical")
    quoted = texts.search('"collective defence" was signed', 100, mode="lexical")
    assert [(hit.article.id, hit.score) for hit in quoted] == [
        (hit.article.id, hit.score) for hit in plain if hit.article.id != "apart"
    ]
    assert texts.search('"collective defence" was signed')[0].article.id == "pact"


@pytest.mark.parametrize("mode", MODES)
def test_phrases_can_be_left_out_of_it(texts: Searcher, mode: str) -> None:
    loose = texts.search('"collective defence"', 100, mode=mode, phrases=False)
    assert {hit.article.id for hit in loose} > {article_id for article_id, _ in COLLECTIVE}
    assert found(loose) == found(texts.search("collective defence", 100, mode=mode))
    if mode != "lexical":
        assert len(loose) == len(texts)
    assert texts.search('an "open mark', mode=mode, phrases=False) != [] or mode == "lexical"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("query", ['"open', '"" defence', 'a "?"'])
def test_wrong_marks_are_an_error_in_every_search(texts: Searcher, mode: str, query: str) -> None:
    for search in (
        lambda: texts.search(query, mode=mode),
        lambda: texts.search_many(["right", query], mode=mode),
        lambda: texts.search_articles(query, mode=mode),
    ):
        with pytest.raises(ValueError, match="quotation mark"):
            search()


@pytest.mark.parametrize("mode", MODES)
def test_phrases_and_filters_both_hold(texts: Searcher, searcher: Searcher, mode: str) -> None:
    hits = texts.search('"collective defence"', mode=mode, where="id in (pact, apart, marks)")
    assert {hit.article.id for hit in hits} == {"pact", "marks"}
    assert texts.search('"collective defence"', mode=mode, where="id = apart") == []
    hits = searcher.search('case "near the harbour"', 10**4, mode=mode, where="desk = home", fold_duplicates=False)
    expected = {
        (a.id, a.text.index(part))
        for a in ARTICLES
        if a.metadata["desk"] == "home"
        for part in a.text.split("\n\n")
        if "near the harbour" in part
    }
    assert set(found(hits)) == expected
    assert len(hits) == len(expected) > 10


def test_the_other_words_of_the_query_need_not_be_found(texts: Searcher) -> None:
    for mode in ("hybrid", "dense"):
        assert having(texts, 'moon "state of the"', mode) == {("accents", 0)}
        assert having(texts, '"of the"', mode) == {("accents", 0), ("apart", 0)}
    assert having(texts, 'moon "state of the"', "lexical") == {("accents", 0)}
    assert having(texts, '"of the"', "lexical") == set()  # there is nothing to rank by but stop words
