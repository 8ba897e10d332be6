"""What the API answers is what the library answers."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

import semsearch
from semsearch import __version__
from semsearch.as_json import article_json, hit_json
from semsearch.passages import find_paragraphs

QUESTION = "who pays for the mission"


def as_the_library(hits: list[semsearch.Hit]) -> list[dict[str, Any]]:
    return [{"rank": hit.rank, **hit_json(hit), "article": article_json(hit.article)} for hit in hits]


def get(client: httpx.Client, path: str, **parameters: Any) -> Any:
    answer = client.get(f"/api/v1/{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def problem(answer: httpx.Response) -> Any:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["type"], body["status"]) == ("about:blank", answer.status_code)
    return body


def test_a_search_answers_as_the_library_does(client: httpx.Client, searcher: semsearch.Searcher) -> None:
    body = get(client, "search", q=QUESTION, k=5)
    assert body["hits"] == as_the_library(searcher.search(QUESTION, 5))
    assert (body["query"], body["warnings"]) == (QUESTION, [])
    assert 0 < body["seconds"] < 60
    assert body.keys() == {"query", "generation", "seconds", "warnings", "hits"}


def test_every_option_arrives(client: httpx.Client, searcher: semsearch.Searcher) -> None:
    body = get(
        client,
        "search",
        q=QUESTION,
        k=7,
        mode="dense",
        where="has author",
        since="2016-02",
        until="2023",
        source=["Harbour Ledger", "Civic Record"],
        max_per_article=1,
        diversity=0.3,
        min_score=0.05,
        fold_duplicates="false",
        explain="true",
    )
    expected = searcher.search(
        QUESTION,
        7,
        mode="dense",
        where="has author and date >= 2016-02 and date <= 2023 and source in ('Harbour Ledger', 'Civic Record')",
        max_per_article=1,
        diversity=0.3,
        min_score=0.05,
        fold_duplicates=False,
        explain=True,
    )
    assert expected
    assert body["hits"] == as_the_library(expected)
    assert body["hits"][0]["explanation"]["parts"]


def test_a_body_asks_the_same(client: httpx.Client) -> None:
    options = {"k": 4, "mode": "lexical", "since": "2016", "explain": True}
    by_body = client.post("/api/v1/search", json={"query": QUESTION, "sources": ["Civic Record"], **options})
    by_address = get(client, "search", q=QUESTION, source="Civic Record", **{**options, "explain": "true"})
    assert by_body.status_code == 200
    assert by_body.json()["hits"] == by_address["hits"] != []


def test_the_same_question_again_has_the_same_answer(client: httpx.Client) -> None:
    first, again = (get(client, "search", q="a question that is asked twice", k=3) for _ in range(2))
    assert first.pop("seconds") != again.pop("seconds")
    assert first == again


def test_a_source_that_is_empty_is_none_at_all(client: httpx.Client, searcher: semsearch.Searcher) -> None:
    nothing = get(client, "search", q=QUESTION, source="", k=3)
    assert nothing["hits"] == as_the_library(searcher.search(QUESTION, 3, where="not has source"))
    both = get(client, "search", q=QUESTION, source=["", "Civic Record"], k=3)
    assert both["hits"] == as_the_library(
        searcher.search(QUESTION, 3, where="not has source or source = 'Civic Record'")
    )


def test_phrases_and_other_scripts_arrive(client: httpx.Client, searcher: semsearch.Searcher) -> None:
    quoted = '"collective defence" – тест 試験 \U0001f30a'
    phrase = '"peacekeeping force"'
    assert get(client, "search", q=phrase)["hits"] == as_the_library(searcher.search(phrase))
    assert get(client, "search", q=quoted)["query"] == quoted


def test_an_article_has_its_text_and_where_its_paragraphs_are(
    client: httpx.Client, searcher: semsearch.Searcher
) -> None:
    hit = searcher.search(QUESTION, 1)[0]
    body = get(client, "article", id=hit.article.id)
    assert body["article"] == article_json(hit.article)
    assert body["text"] == hit.article.text
    expected = find_paragraphs(hit.article.text)
    assert [(one["start"], one["end"], one["heading"]) for one in body["paragraphs"]] == [
        (one.start, one.end, one.is_heading) for one in expected
    ]
    numbers = [one["number"] for one in body["paragraphs"] if not one["heading"]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert all(one["number"] is None for one in body["paragraphs"] if one["heading"])
    (paragraph,) = [one for one in body["paragraphs"] if one["number"] == hit.passage.paragraph]
    assert hit.passage.start < paragraph["end"]
    assert paragraph["start"] < hit.passage.end


def test_what_is_similar_is_of_other_articles(client: httpx.Client, searcher: semsearch.Searcher) -> None:
    article = searcher.search(QUESTION, 1)[0].article.id
    body = get(client, "similar", id=article, k=3, since="2010")
    assert body["query"] is None
    assert body["hits"] == as_the_library(searcher.similar(article, 3, where="date >= 2010"))
    assert article not in {hit["article"]["id"] for hit in body["hits"]}
    one = get(client, "similar", id=article, paragraph=2, k=3)
    assert one["hits"] == as_the_library(searcher.similar(article, 3, paragraph=2))


def test_sources_are_the_librarys(client: httpx.Client, searcher: semsearch.Searcher) -> None:
    assert get(client, "sources")["sources"] == [
        {
            "source": one.source,
            "articles": one.articles,
            "first": one.first and one.first.isoformat(),
            "last": one.last and one.last.isoformat(),
        }
        for one in searcher.sources()
    ]


def test_status_says_what_answers_but_not_where_it_is(client: httpx.Client, searcher: semsearch.Searcher) -> None:
    body = get(client, "status")
    manifest = searcher.manifest
    assert body == {
        "version": __version__,
        "index": "index",
        "generation": get(client, "health")["generation"],
        "model": "all-MiniLM-L6-v2",
        "articles": manifest.counts.articles,
        "passages": manifest.counts.passages,
        "languages": dict(manifest.languages),
        "created": manifest.created,
        "keeps_token_vectors": True,
        "warnings": [],
    }


def test_health_is_short(client: httpx.Client) -> None:
    body = get(client, "health")
    assert body == {"status": "ok", "generation": body["generation"], "warnings": []}


def test_an_article_that_is_not_there_is_a_404(client: httpx.Client) -> None:
    for path in ("article", "similar"):
        answer = client.get(f"/api/v1/{path}", params={"id": "no/such\x00article"})
        assert answer.status_code == 404
        assert problem(answer)["detail"].startswith("the index has no article")


@pytest.mark.parametrize(
    ("parameters", "field", "message"),
    [
        ({}, "q", "Field required"),
        ({"q": ""}, "q", "at least 1 character"),
        ({"q": " \t"}, "q", "pattern"),
        ({"q": "x" * 2001}, "q", "at most 2000 characters"),
        ({"q": "x", "k": "0"}, "k", "greater than or equal to 1"),
        ({"q": "x", "k": "101"}, "k", "less than or equal to 100"),
        ({"q": "x", "k": "9" * 5000}, "k", "integer"),
        ({"q": "x", "k": "ten"}, "k", "valid integer"),
        ({"q": "x", "mode": "magic"}, "mode", "'hybrid', 'dense' or 'lexical'"),
        ({"q": "x", "where": "y" * 4001}, "where", "at most 4000 characters"),
        ({"q": "x", "where": "date >"}, "where", "a filter cannot be read"),
        ({"q": "x", "since": "yesterday"}, "since", "yesterday"),
        ({"q": "x", "until": "2021-13"}, "until", "2021-13"),
        ({"q": "x", "diversity": "nan"}, "diversity", "number"),
        ({"q": "x", "min_score": "inf"}, "min_score", "finite"),
        ({"q": "x", "explain": "perhaps"}, "explain", "boolean"),
        ({"q": "x", "limit": "3"}, "limit", "not permitted"),
        ({"q": "x", "where": "no_such_field = 3"}, "", "no_such_field"),
        ({"q": 'an "open phrase'}, "", "quotation mark"),
    ],
)
def test_what_makes_no_sense_is_named(
    client: httpx.Client, parameters: dict[str, str], field: str, message: str
) -> None:
    answer = client.get("/api/v1/search", params=parameters)
    assert answer.status_code == 422, answer.text
    body = problem(answer)
    assert [one["field"] for one in body["errors"]] == [field]
    assert message in body["errors"][0]["message"]
    assert body["errors"][0]["message"] in body["detail"]


def test_head_is_get_without_a_body(client: httpx.Client) -> None:
    for path in ("/", "/api/v1/health", "/api/v1/sources"):
        answer = client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-length"] == client.get(path).headers["content-length"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_refused(client: httpx.Client, method: str) -> None:
    for path in ("/", "/api/v1/search", "/api/v1/article"):
        answer = client.request(method, path)
        assert problem(answer)["title"] == "Method Not Allowed"
        assert "GET" in answer.headers["allow"]


def test_what_is_nowhere_is_a_404(client: httpx.Client) -> None:
    for path in ("/nothing", "/api/v1/", "/api/v2/search", "/docs", "/redoc", "/openapi.json", "/page/", "/page/x.js"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert problem(answer)["title"] == "Not Found"


def test_the_page_is_sent_with_its_policy_and_again_only_when_it_has_changed(client: httpx.Client) -> None:
    answer = client.get("/?q=anything")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = answer.headers["content-security-policy"]
    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    )
    again = client.get("/", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_every_answer_has_the_headers_that_keep_it_to_itself(client: httpx.Client) -> None:
    for path in ("/", "/api/v1/health", "/api/v1/search", "/api/v1/search?q=x", "/nothing", "/api/openapi.json"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] in {"no-store", "no-cache"}
        assert headers.keys().isdisjoint({"server", "access-control-allow-origin", "set-cookie"})
