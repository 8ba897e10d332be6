"""Hits are lists like any other, that know their query."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from IPython.lib.pretty import pretty

import semsearch
from semsearch.hits import ArticleHits, Hits, ManyHits
from semsearch.records import ArticleHit
from tests.hits.articles import full, hit, hostile


def test_hits_equal_lists_and_keep_their_query_when_they_are_cut() -> None:
    plain = [hit(1), hit(2), hit(3)]
    hits = Hits(plain, query="who guards")
    assert hits == plain
    assert plain == hits
    for part in (hits[:2], hits[::2], hits.copy(), copy.copy(hits), copy.deepcopy(hits)):
        assert type(part) is Hits
        assert part.query == "who guards"
    assert hits[1:] == plain[1:]
    assert hits[0] is plain[0]
    assert hits[-1] is plain[-1]
    assert Hits() == []
    assert Hits().query is None


def test_hits_go_to_another_process() -> None:
    hits = Hits([full()], query="who guards")
    again = pickle.loads(pickle.dumps(hits))  # noqa: S301 - our own
    assert type(again) is Hits
    assert again == hits
    assert again.query == "who guards"


def test_many_hits_are_a_list_of_hits() -> None:
    many = ManyHits([Hits([hit(1)], query="a"), Hits(query="b")])
    assert many == [[hit(1)], []]
    assert many[0].query == "a"
    assert type(many[:1]) is type(many.copy()) is ManyHits
    assert many[1:] == [[]]


def test_many_hits_are_put_together() -> None:
    first, second = ManyHits([Hits([hit(1)], query="a")]), ManyHits([Hits([hit(2)], query="b")])
    both = first + second
    assert type(both) is ManyHits
    assert [hits.query for hits in both] == ["a", "b"]
    first += second
    assert type(first) is ManyHits
    assert first == both


def test_how_they_are_written_has_no_article_in_it() -> None:
    long = [hit(rank, "A sentence of many. " * 1000) for rank in range(1, 61)]
    hits = Hits(long, query="who's there")
    assert repr(hits) == """<Hits: 60 for "who's there">"""
    assert repr(Hits()) == "<Hits: 0>"
    assert repr(ManyHits([hits[:2], Hits(query="b")])) == """[<Hits: 2 for "who's there">, <Hits: 0 for 'b'>]"""
    assert repr(ArticleHits([ArticleHit(1, 0.5, long[0].article, (long[0],))], query="q")) == "<ArticleHits: 1 for 'q'>"


def shown(value: object) -> str:
    return str(pretty(value))  # type: ignore[no-untyped-call]


def test_ipython_shows_a_line_for_each_passage() -> None:
    hits = Hits([hit(1), full(), hostile(), *(hit(rank) for rank in range(4, 60))], query="q")
    first, one, two, three, *others = shown(hits).split("\n")
    assert first == "<Hits: 59 for 'q'>"
    assert one == "1 1.000 a1, paragraph 1: The council sent soldiers. They guard the airport."
    assert two == "1 1.000 full, paragraph 1: They guard the airport."
    assert three.endswith("</mark><b>The answer</b> & \ufffdturned round\ufffd stands here.")
    assert len(others) == 48
    assert others[-1] == "and 9 more"
    (_, line) = shown(Hits([hit(1, "A long one. " * 100)])).split("\n")
    assert len(line) == 120
    assert line.endswith("…")
    assert shown(ManyHits([hits, hits[:0]])) == "[<Hits: 59 for 'q'>, <Hits: 0 for 'q'>]"
    articles = ArticleHits([ArticleHit(3, 0.5, full().article, (full(), hit(2)))], query="q")
    assert [line.split()[0] for line in shown(articles).split("\n")[1:]] == ["3", "3"]


def test_searches_return_them(corpus_index: Path) -> None:
    queries = ["legal basis for deployment", "who pays for the mission"]
    with semsearch.open_index(corpus_index) as searcher:
        first = searcher.search(queries[0], 3)
        assert type(first) is Hits
        assert first.query == queries[0]
        assert [one.rank for one in first] == [1, 2, 3]
        many = searcher.search_many(queries, 3)
        assert type(many) is ManyHits
        assert [hits.query for hits in many] == queries
        assert many[0] == first
        assert type(searcher.search_many([])) is ManyHits
        articles = searcher.search_articles(queries[0], 2)
        assert type(articles) is ArticleHits
        assert articles.query == queries[0]
        assert type(articles[:1]) is ArticleHits
        similar = searcher.similar(first[0].article.id, 2)
        assert type(similar) is Hits
        assert similar.query is None
        quoted = searcher.search('"collective defence" treaty', 1)
        assert quoted.query == '"collective defence" treaty'  # as it was asked


def test_a_search_imports_no_library_of_tables(corpus_index: Path) -> None:
    script = (
        "import sys, semsearch\n"
        f"with semsearch.open_index({str(corpus_index)!r}) as searcher:\n"
        "    assert len(searcher.search('legal basis', 3)) == 3\n"
        "heavy = {'pandas', 'polars', 'pyarrow', 'semsearch.hits._columns', 'semsearch.hits._page'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", ["ArticleHits", "Hits", "ManyHits"])
def test_they_are_public(name: str) -> None:
    assert getattr(semsearch, name).__module__ == "semsearch.hits._lists"
