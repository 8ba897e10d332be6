"""The sample archive and its judged queries: what both promise to whoever measures with them."""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from semsearch import Article, Embedder, Passage, load_embedder
from semsearch.passages import find_paragraphs, split_article
from semsearch.readers import ReadingLog, read_articles
from tests.conftest import ROOT

CORPUS = ROOT / "corpus"
QUERIES = ROOT / "benchmarks" / "corpus-queries"
DEPLOYMENT = "peacekeeping/csto-kazakhstan-deployment.md"
KINDS = {"paraphrase", "near-miss", "name", "date", "number", "question"}


class Query(NamedTuple):
    id: str
    text: str
    kind: str
    article: str
    passage: str


def read_queries() -> list[Query]:
    queries = []
    for line in (QUERIES / "queries.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        assert record.keys() == {"_id", "text", "metadata"}
        queries.append(Query(record["_id"], record["text"], **record["metadata"]))
    return queries


@pytest.fixture(scope="module")
def log() -> ReadingLog:
    return ReadingLog()


@pytest.fixture(scope="module")
def articles(log: ReadingLog) -> dict[str, Article]:
    read = list(read_articles(CORPUS, log=log))
    by_id = {article.id: article for article in read}
    assert len(by_id) == len(read)
    return by_id


@pytest.fixture(scope="module")
def queries() -> list[Query]:
    return read_queries()


@pytest.fixture(scope="module")
def qrels() -> list[tuple[str, str, int]]:
    with (QUERIES / "qrels" / "test.tsv").open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
    assert header == ["query-id", "corpus-id", "score"]
    return [(query, article, int(score)) for query, article, score in rows]


@pytest.fixture(scope="module")
def passages(articles: dict[str, Article]) -> dict[str, list[Passage]]:
    embedder: Embedder = load_embedder()
    return {
        article.id: split_article(article, embedder.count_tokens, limit=embedder.spec.max_tokens)
        for article in articles.values()
    }


def words(text: str) -> str:
    """The words alone, between spaces, so that a sequence of them is found wherever it stands."""
    return " ".join(["", *re.findall(r"\w+", text.casefold()), ""])


# --- the articles -----------------------------------------------------------------------------------------------


def test_every_file_of_the_corpus_is_an_article_that_reads_without_a_remark(
    articles: dict[str, Article], log: ReadingLog
) -> None:
    files = {path.relative_to(CORPUS).as_posix() for path in CORPUS.rglob("*") if not path.is_dir()}
    assert articles.keys() == files
    assert (log.problems, log.notes, dict(log.ignored)) == ([], [], {})


def test_there_are_sixty_articles_on_eight_subjects_or_more(articles: dict[str, Article]) -> None:
    subjects = Counter(Path(article_id).parts[0] for article_id in articles)
    assert len(articles) >= 60
    assert len(subjects) >= 8
    assert min(subjects.values()) >= 3  # one article is not a subject


def test_an_article_has_300_to_900_words(articles: dict[str, Article]) -> None:
    lengths = {article.id: len(article.text.split()) for article in articles.values()}
    assert {article_id: n for article_id, n in lengths.items() if not 300 <= n <= 900} == {}


def test_an_article_has_several_paragraphs(articles: dict[str, Article]) -> None:
    bodies = {a.id: [p for p in find_paragraphs(a.text) if not p.is_heading] for a in articles.values()}
    assert {article_id: len(body) for article_id, body in bodies.items() if len(body) < 4} == {}


def test_an_article_has_title_date_and_source(articles: dict[str, Article]) -> None:
    bare = [a.id for a in articles.values() if not (a.title and a.published and a.source)]
    assert bare == []
    assert all(dt.date(1990, 1, 1) <= a.published <= dt.date.today() for a in articles.values() if a.published)  # noqa: DTZ011


def test_no_two_articles_have_a_title_or_a_text_in_common(articles: dict[str, Article]) -> None:
    assert len({a.title for a in articles.values()}) == len(articles)
    assert len({a.text for a in articles.values()}) == len(articles)


def test_the_article_on_kazakhstan_states_the_legal_basis_of_the_deployment(articles: dict[str, Article]) -> None:
    article = articles[DEPLOYMENT]
    assert article.published is not None
    assert (article.published.year, article.published.month) == (2022, 1)
    paragraphs = [article.text[p.start : p.end] for p in find_paragraphs(article.text)]
    (basis,) = [paragraph for paragraph in paragraphs if "Articles 2 and 4" in paragraph]
    assert "Collective Security Treaty" in basis
    assert "agreement on peacekeeping" in basis


@pytest.mark.parametrize("word", ["deploy", "treaty", "mission"])
def test_other_articles_make_it_hard_to_find(articles: dict[str, Article], word: str) -> None:
    others = [a.id for a in articles.values() if a.id != DEPLOYMENT and word in a.text.casefold()]
    assert len(others) >= 10


def test_the_article_on_kazakhstan_is_in_its_own_words(articles: dict[str, Article], shared: Path) -> None:
    ours = words(articles[DEPLOYMENT].text).split()
    runs = {tuple(ours[at : at + 10]) for at in range(len(ours) - 9)}
    pages = sorted((shared / "seed").glob("*.txt"))
    assert pages
    for path in pages:
        theirs = words(path.read_text(encoding="utf-8")).split()
        assert runs & {tuple(theirs[at : at + 10]) for at in range(len(theirs) - 9)} == set()


# --- the queries ------------------------------------------------------------------------------------------------


def test_there_are_a_hundred_and_twenty_queries_or_more_no_two_alike(queries: list[Query]) -> None:
    assert len(queries) >= 120
    assert len({query.id for query in queries}) == len(queries)
    assert len({words(query.text) for query in queries}) == len(queries)
    assert [query.id for query in queries if not query.text.strip()] == []


def test_there_are_queries_of_every_kind(queries: list[Query]) -> None:
    assert {query.kind for query in queries} == KINDS
    assert min(Counter(query.kind for query in queries).values()) >= 10


def test_every_article_is_asked_for(queries: list[Query], articles: dict[str, Article]) -> None:
    assert {query.article for query in queries} == articles.keys()


def test_a_judgement_names_a_query_and_an_article_that_exist_once(
    qrels: list[tuple[str, str, int]], queries: list[Query], articles: dict[str, Article]
) -> None:
    assert {query for query, _, _ in qrels} == {query.id for query in queries}
    assert {article for _, article, _ in qrels} <= articles.keys()
    assert {score for _, _, score in qrels} == {1, 2}
    assert len({(query, article) for query, article, _ in qrels}) == len(qrels)


def test_a_query_has_one_best_article(qrels: list[tuple[str, str, int]], queries: list[Query]) -> None:
    best = [(query, article) for query, article, score in qrels if score == 2]
    assert len(best) == len(queries)
    assert dict(best) == {query.id: query.article for query in queries}


def beginning(article: Article, passage: Passage) -> str:
    """A passage from its first paragraph on: a heading before it belongs to the passage, not to the judgement."""
    starts = [p.start for p in find_paragraphs(article.text) if passage.start <= p.start < passage.end]
    headings = {p.start for p in find_paragraphs(article.text) if p.is_heading}
    start = next((start for start in starts if start not in headings), passage.start)
    return article.text[start : passage.end]


def test_the_passage_of_a_query_begins_one_passage_of_its_article(
    queries: list[Query], articles: dict[str, Article], passages: dict[str, list[Passage]]
) -> None:
    begun = {
        query.id: sum(beginning(articles[query.article], p).startswith(query.passage) for p in passages[query.article])
        for query in queries
    }
    assert {query_id: n for query_id, n in begun.items() if n != 1} == {}


def test_the_passage_of_a_query_stands_once_in_the_archive(queries: list[Query], articles: dict[str, Article]) -> None:
    everything = "\n\n".join(article.text for article in articles.values())
    assert {query.id: query.passage for query in queries if everything.count(query.passage) != 1} == {}


def test_a_query_is_not_copied_from_its_article(queries: list[Query], articles: dict[str, Article]) -> None:
    texts = {article.id: words(f"{article.title}\n{article.text}") for article in articles.values()}
    long = [query for query in queries if len(words(query.text).split()) >= 4]
    assert len(long) > len(queries) / 2
    assert [(query.id, query.text) for query in long if words(query.text) in texts[query.article]] == []


def test_the_readme_counts_what_is_there(queries: list[Query], qrels: list[tuple[str, str, int]]) -> None:
    readme = (QUERIES / "README.md").read_text(encoding="utf-8")
    kinds = {kind: int(n) for kind, n in re.findall(r"^\| `([a-z-]+)` \|.*\| (\d+) \|$", readme, re.MULTILINE)}
    grades = {int(grade): int(n) for grade, n in re.findall(r"^\| ([12]) \|.*\| (\d+) \|$", readme, re.MULTILINE)}
    assert kinds == Counter(query.kind for query in queries)
    assert grades == Counter(score for _, _, score in qrels)
    assert f"{len(queries)} queries with relevance judgements over the" in readme


def test_the_licence_of_the_texts_is_stated() -> None:
    assert "licensed under [CC BY 4.0]" in (QUERIES / "README.md").read_text(encoding="utf-8")
