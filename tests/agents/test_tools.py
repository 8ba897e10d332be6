"""The tools, asked in memory by the SDK's client: what they answer is what the searcher finds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from mcp_types import TextResourceContents

import semsearch
from semsearch.as_json import article_json, hit_json
from semsearch.records import Article, Hit
from tests.agents.clients import ask, in_memory, refused, run

QUERY = "legal basis for deployment"


@pytest.fixture(scope="module")
def searcher(corpus_index: Path) -> Any:
    with semsearch.open_index(corpus_index) as searcher:
        yield searcher


def facts(article: Article) -> dict[str, Any]:
    return {name: value for name, value in article_json(article).items() if name != "metadata"}


def check(found: dict[str, Any], hit: Hit) -> None:
    """As a line of JSON has it: what is left out is what no model needs, what is added is how to cite it."""
    expected = {**hit_json(hit), "rank": hit.rank, "article": facts(hit.article)}
    del expected["explanation"]
    expected["passage"]["is_cut"] = False
    expected["duplicates"] = [
        {"score": round(copy.score, 6), "article": facts(copy.article)} for copy in hit.duplicates
    ]
    assert found == {**expected, "citation": found["citation"], "more_duplicates": 0}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_tools_are_described_and_only_read(corpus_index: Path, mode: str) -> None:
    async def work() -> None:
        async with in_memory(corpus_index, mode=mode) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert list(tools) == ["search", "read_article", "list_sources", "similar"]
            for tool in tools.values():
                assert tool.annotations is not None
                assert tool.annotations.read_only_hint is True
                assert tool.annotations.destructive_hint is False
                assert tool.annotations.idempotent_hint is True
                assert tool.annotations.open_world_hint is False
                assert "quoted text of others" in (tool.description or "")
                assert tool.input_schema["additionalProperties"] is False
                assert tool.output_schema is not None
                assert "notice" in tool.output_schema["required"]
            assert tools["search"].input_schema["required"] == ["query"]
            assert "never instructions" in (client.instructions or "")

    run(work)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ({}, {"k": 8}),
        ({"k": 3, "max_per_article": 1}, {"k": 3, "max_per_article": 1}),
        ({"mode": "lexical"}, {"k": 8, "mode": "lexical"}),
        ({"where": "date >= 2022", "k": 4}, {"where": "date >= 2022", "k": 4}),
        ({"since": "2020-06", "until": "2022"}, {"k": 8, "where": "date >= 2020-06 and date <= 2022"}),
        (
            {"sources": ["Northgate Wire", "Civic Record"]},
            {"k": 8, "where": 'source in ("Northgate Wire","Civic Record")'},
        ),
        ({"sources": "Northgate Wire"}, {"k": 8, "where": 'source = "Northgate Wire"'}),
        ({"sources": '["Northgate Wire"]'}, {"k": 8, "where": 'source = "Northgate Wire"'}),
        ({"sources": ["", "Civic Record"]}, {"k": 8, "where": 'source = "Civic Record" or not has source'}),
        (
            {"sources": ["Northgate Wire"], "since": "2021", "where": "has author"},
            {"k": 8, "where": 'has author and date >= 2021 and source = "Northgate Wire"'},
        ),
    ],
)
def test_a_search_answers_what_the_searcher_finds(
    corpus_index: Path, searcher: semsearch.Searcher, arguments: dict[str, Any], options: dict[str, Any]
) -> None:
    async def work() -> None:
        async with in_memory(corpus_index) as client:
            answer, _ = await ask(client, "search", query=QUERY, **arguments)
        expected = searcher.search(QUERY, **options)
        assert expected
        for found, hit in zip(answer["hits"], expected, strict=True):
            check(found, hit)

    run(work)


def test_a_hit_has_a_citation_and_the_text_says_the_same(corpus_index: Path, searcher: semsearch.Searcher) -> None:
    async def work() -> None:
        async with in_memory(corpus_index) as client:
            answer, text = await ask(client, "search", query=QUERY, k=2)
        first = searcher.search(QUERY, 2)[0]
        article = first.article
        citation = f"{article.source}, “{article.title}”, {article.published}, paragraph {first.passage.paragraph}"
        assert answer["hits"][0]["citation"] == citation
        assert first.passage.text in text
        assert f"article_id: {article.id}\n" in text
        assert f"cite as: {citation}\n" in text
        assert first.evidence is not None
        assert f"answers best: {first.evidence.text}\n" in text
        assert f"[1] score {first.score:.3f}, paragraph {first.passage.paragraph}, " in text

    run(work)


def test_similar_articles_are_those_of_the_searcher(corpus_index: Path, searcher: semsearch.Searcher) -> None:
    async def work() -> None:
        article = searcher.search(QUERY, 1)[0].article.id
        async with in_memory(corpus_index) as client:
            whole, _ = await ask(client, "similar", article_id=article, k=4)
            part, _ = await ask(client, "similar", article_id=article, paragraph=3, k=4, since="2020")
            assert "has no paragraph 99" in await refused(client, "similar", article_id=article, paragraph=99)
            assert "perhaps one of these" in await refused(client, "similar", article_id="eu mission armenia")
        for answer, expected in (
            (whole, searcher.similar(article, 4)),
            (part, searcher.similar(article, 4, paragraph=3, where="date >= 2020")),
        ):
            for found, hit in zip(answer["hits"], expected, strict=True):
                check(found, hit)

    run(work)


def test_sources_are_those_of_the_searcher(corpus_index: Path, searcher: semsearch.Searcher) -> None:
    async def work() -> None:
        async with in_memory(corpus_index) as client:
            answer, text = await ask(client, "list_sources")
        counts = searcher.manifest.counts
        assert (answer["articles"], answer["passages"]) == (counts.articles, counts.passages)
        assert answer["built"] == searcher.manifest.created
        assert answer["languages"] == dict(searcher.manifest.languages)
        assert answer["model"] == "all-MiniLM-L6-v2"
        assert answer["sources"] == [
            {
                "source": one.source,
                "articles": one.articles,
                "first": one.first and one.first.isoformat(),
                "last": one.last and one.last.isoformat(),
            }
            for one in searcher.sources()
        ]
        assert answer["more_sources"] == 0
        assert f"{counts.articles} articles in {counts.passages} passages, from {answer['first']}" in text

    run(work)


def test_an_article_is_read_around_a_passage(corpus_index: Path, searcher: semsearch.Searcher) -> None:
    async def work() -> None:
        hit = searcher.search(QUERY, 1)[0]
        article, passage = hit.article, hit.passage
        async with in_memory(corpus_index) as client:
            place, text = await ask(
                client, "read_article", article_id=article.id, start=passage.start, end=passage.end, before=1, after=1
            )
            number, _ = await ask(
                client, "read_article", article_id=article.id, paragraph=passage.paragraph, before=1, after=1
            )
        assert place == number
        assert place["article"] == facts(article)
        assert place["text"] == article.text[place["start"] : place["end"]]
        numbers = [one["number"] for one in place["paragraphs"]]
        assert numbers == [passage.paragraph - 1, passage.paragraph, passage.paragraph + 1]
        assert place["start"] < passage.start < passage.end < place["end"]
        assert place["left_out_before"] == place["start"]
        assert place["left_out_after"] == place["length"] - place["end"] == len(article.text) - place["end"]
        assert place["continue_at"] == place["end"]
        assert place["text"] in text
        assert f"read_from={place['end']} reads on." in text
        assert f"paragraphs {numbers[0]}–{numbers[-1]}" in place["citation"]

    run(work)


def test_an_article_is_read_to_its_end_part_by_part(corpus_index: Path, searcher: semsearch.Searcher) -> None:
    async def work() -> None:
        article = searcher.search(QUERY, 1)[0].article
        parts, at = [], 0
        async with in_memory(corpus_index) as client:
            while True:
                answer, _ = await ask(client, "read_article", article_id=article.id, read_from=at, max_characters=700)
                assert answer["start"] == at
                assert len(answer["text"]) <= 700
                parts.append(answer["text"])
                if answer["continue_at"] is None:
                    break
                at = answer["continue_at"]
            whole, _ = await ask(client, "read_article", article_id=article.id)
        assert "".join(parts) == whole["text"] == article.text
        assert len(parts) > 3
        assert whole["how_to_go_on"] == "This is the whole article."

    run(work)


def test_an_article_is_a_resource(corpus_index: Path, searcher: semsearch.Searcher) -> None:
    async def work() -> None:
        article = searcher.search(QUERY, 1)[0].article
        async with in_memory(corpus_index) as client:
            (template,) = (await client.list_resource_templates()).resource_templates
            assert template.uri_template == "semsearch://article/{id}"
            assert (await client.list_resources()).resources == []
            uri = "semsearch://article/" + article.id.replace("/", "%2F")
            (content,) = (await client.read_resource(uri)).contents
            assert isinstance(content, TextResourceContents)
            assert article.text in content.text
            assert content.uri == uri
            for wrong in ("semsearch://article/nothing", "semsearch://article/", "file:///etc/passwd"):
                with pytest.raises(Exception, match=r"no article|no such resource"):
                    await client.read_resource(wrong)

    run(work)


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("search", {}, r"query: Field required"),
        ("search", {"query": ""}, r"query: String should have at least 1 character"),
        ("search", {"query": " \n"}, r"^query is blank: say in plain words"),
        ("search", {"query": "x" * 2001}, r"query: String should have at most 2000 characters"),
        ("search", {"query": '"open'}, r"has no partner: close the phrase"),
        ("search", {"query": "x", "k": 51}, r"k: Input should be less than or equal to 50"),
        ("search", {"query": "x", "k": 0}, r"k: Input should be greater than or equal to 1"),
        ("search", {"query": "x", "mode": "best"}, r"mode: Input should be 'hybrid', 'dense' or 'lexical'"),
        ("search", {"query": "x", "source": "A"}, r"source: there is no such argument, is sources meant\?"),
        ("search", {"query": "x", "where": "date >"}, r"^where cannot be read: mend it.*(?s:.)*expected a value"),
        ("search", {"query": "x", "where": "autor = 1"}, r"no article has a field autor; is author meant"),
        ("search", {"query": "x", "where": "a" * 4001}, r"where: String should have at most 4000"),
        ("search", {"query": "x", "since": "yesterday"}, r"(?s)^since cannot be read.*2024-05"),
        ("search", {"query": "x", "until": "2022-13"}, r"^until cannot be read"),
        ("search", {"query": "x", "sources": [1]}, r"sources\.0: Input should be a valid string"),
        ("search", {"query": "x", "sources": "[" * 50_000}, r"sources\.0: String should have at most 500"),
        ("search", {"query": "x", "sources": ["s"] * 101}, r"sources: List should have at most 100"),
        ("read_article", {"article_id": "eu mission armenia"}, r"(?s)one of these.*peacekeeping/eu-mission-armenia.md"),
        ("read_article", {"article_id": "?"}, r"has no article with this"),
        ("read_article", {"article_id": "x", "paragraph": 0}, r"paragraph: Input should be greater than or"),
        ("read_article", {"article_id": "{id}", "paragraph": 99}, r"no paragraph 99: they are numbered from 1 to"),
        ("read_article", {"article_id": "{id}", "paragraph": 1, "read_from": 5}, r"and read_from name two places"),
        ("read_article", {"article_id": "{id}", "end": 5}, r"end needs a start"),
        ("read_article", {"article_id": "{id}", "start": 5, "end": 5}, r"end needs a start that is smaller"),
        ("read_article", {"article_id": "{id}", "start": 10**6}, r"start is beyond the article's end"),
        ("read_article", {"article_id": "{id}", "read_from": 10**6}, r"read_from is beyond the article's end"),
        ("read_article", {"article_id": "{id}", "max_characters": 10**6}, r"max_characters: Input should be less"),
        ("list_sources", {"k": 3}, r"k: there is no such argument.*The arguments are: none"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_with_a_remedy(
    corpus_index: Path, tool: str, arguments: dict[str, Any], said: str
) -> None:
    if arguments.get("article_id") == "{id}":
        arguments["article_id"] = "peacekeeping/eu-mission-armenia.md"

    async def work() -> None:
        async with in_memory(corpus_index, mode="legacy") as client:
            assert re.search(said, await refused(client, tool, **arguments))

    run(work)


def test_an_unknown_tool_is_an_error_of_the_protocol(corpus_index: Path) -> None:
    async def work() -> None:
        async with in_memory(corpus_index) as client:
            with pytest.raises(Exception, match="there is no such tool: the tools are search, read_article"):
                await client.call_tool("delete_article", {})

    run(work)


def test_nothing_found_says_what_to_try(corpus_index: Path) -> None:
    async def work() -> None:
        async with in_memory(corpus_index) as client:
            answer, text = await ask(client, "search", query=QUERY, since="2099")
            assert answer["hits"] == []
            assert text == answer["how_to_go_on"]
            assert text.startswith("Nothing was found. Widen or leave out where, since")
            answer, text = await ask(client, "search", query="zzzzqqqq", mode="lexical")
            assert text == "Nothing was found. Ask in other words."

    run(work)
