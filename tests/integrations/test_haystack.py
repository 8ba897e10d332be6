"""The component for Haystack: what it gives, its life in a pipeline, and its filters by Haystack's own tests."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from haystack import Document, Pipeline
from haystack.components.builders import PromptBuilder
from haystack.components.joiners import DocumentJoiner
from haystack.components.retrievers import MultiRetriever
from haystack.components.retrievers.types import TextRetriever
from haystack.document_stores.types import FilterPolicy
from haystack.errors import FilterError
from haystack.tools import ComponentTool
from haystack.utils import Secret

import semsearch
from semsearch.integrations.haystack import SemsearchRetriever

QUERY = "which treaty is it based on"


def run(retriever: Any, *arguments: Any, **more: Any) -> list[Document]:
    documents: list[Document] = retriever.run(*arguments, **more)["documents"]
    return documents


def ids(documents: list[Document]) -> list[str]:
    return [document.id for document in documents]


def articles_of(documents: list[Document]) -> set[str]:
    return {document.meta["article_id"] for document in documents}


def test_a_document_is_the_passage_and_can_be_cited(archive_index: Path, archive: list[semsearch.Article]) -> None:
    article = archive[0]
    (document,) = run(SemsearchRetriever(archive_index, top_k=1), QUERY)
    start = article.text.index("It rests")
    assert document.content == "It rests on Article 4 of the treaty."
    assert document.id == f"2022/mission#char={start},{len(article.text)}"
    assert document.score is not None
    assert document.meta["score"] == round(document.score, 6)
    assert article.text[document.meta["start"] : document.meta["end"]] == document.content
    assert document.meta["citation"].endswith("paragraph 2")
    assert document.meta["metadata"] == {"title": "internal title"}
    assert json.loads(json.dumps(document.meta)) == document.meta
    assert Document.from_dict(document.to_dict()) == document


def test_documents_are_the_hits_of_the_searcher_in_its_order(corpus_index: Path) -> None:
    with semsearch.open_index(corpus_index) as searcher:
        for options in ({}, {"mode": "dense"}, {"mode": "lexical", "max_per_article": 1}):
            hits = searcher.search(QUERY, 7, **options)
            retriever: TextRetriever = SemsearchRetriever(searcher, top_k=3, options=options)
            documents = run(retriever, QUERY, None, 7)
            assert [(each.content, each.score) for each in documents] == [(hit.passage.text, hit.score) for hit in hits]
            assert len(run(retriever, QUERY)) == 3


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"index": 3}, ValueError, "must be the folder of an index"),
        ({"top_k": 0}, ValueError, "top_k must be a whole number"),
        ({"where": "source ="}, ValueError, "cannot be read"),
        ({"options": {"fuzzy": True}}, ValueError, "no option 'fuzzy'"),
        ({"filter_policy": "both"}, ValueError, "Unknown FilterPolicy"),
        ({"filters": {"field": "meta.words", "operator": "~", "value": 1}}, FilterError, "Unknown comparison operator"),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_made(
    given: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        SemsearchRetriever(**given)


def test_the_loop_is_not_blocked(archive_index: Path) -> None:
    threads: list[int] = []

    class Watched(semsearch.LiveIndex):
        def searcher(self) -> Any:
            threads.append(threading.get_ident())
            return super().searcher()

    with Watched(archive_index) as live:
        retriever: Any = SemsearchRetriever(live)
        found = asyncio.run(retriever.run_async(query=QUERY, top_k=2))
        assert ids(found["documents"]) == ids(run(retriever, QUERY, top_k=2))
    assert threads[0] != threading.get_ident() == threads[1]


# --- in pipelines -----------------------------------------------------------------------------------------------

TEMPLATE = "{% for one in documents %}[{{ one.meta.citation }}] {{ one.content }}\n{% endfor %}Question: {{ question }}"


def pipeline_of(retriever: Any) -> Pipeline:
    pipeline = Pipeline()
    pipeline.add_component("retriever", retriever)
    pipeline.add_component("prompt", PromptBuilder(TEMPLATE, required_variables="*"))
    pipeline.connect("retriever.documents", "prompt.documents")
    return pipeline


def test_a_pipeline_is_written_down_and_read_again(archive_index: Path) -> None:
    made = SemsearchRetriever(
        archive_index,
        top_k=1,
        filters={"field": "meta.desk", "operator": "==", "value": "world"},
        filter_policy="merge",
        where=semsearch.field("date") >= 2020,
        options={"mode": "dense"},
    )
    pipeline = pipeline_of(made)
    again = Pipeline.loads(pipeline.dumps(), allowed_modules=[SemsearchRetriever.__module__])
    assert again.dumps() == pipeline.dumps()
    given = {"retriever": {"query": QUERY}, "prompt": {"question": QUERY}}
    answers = [each.run(given)["prompt"]["prompt"] for each in (pipeline, again)]
    assert (
        answers[0]
        == answers[1]
        == (
            "[Northgate Wire, 2022-01-07, “CSTO mission expected to be brief”, paragraph 2] "
            f"It rests on Article 4 of the treaty.\nQuestion: {QUERY}"
        )
    )
    assert asyncio.run(again.run_async(given))["prompt"]["prompt"] == answers[0]
    for each in (pipeline, again):
        each.close()


def test_what_is_not_written_down_has_its_usual_value() -> None:
    kind = f"{SemsearchRetriever.__module__}.SemsearchRetriever"
    assert SemsearchRetriever.from_dict({"type": kind}).to_dict() == SemsearchRetriever().to_dict()


def test_it_goes_to_another_process(archive_index: Path) -> None:
    retriever = SemsearchRetriever(archive_index, top_k=1)
    again = pickle.loads(pickle.dumps(retriever))  # noqa: S301 - our own
    assert run(again, QUERY) == run(retriever, QUERY)
    again.close()
    retriever.close()


def test_an_address_with_a_password_is_kept_in_a_secret(monkeypatch: pytest.MonkeyPatch, archive_index: Path) -> None:
    address = "postgresql://reader:hunter2@localhost/news?index=archive"
    with pytest.raises(ValueError, match="must not be written down") as refused:
        pipeline_of(SemsearchRetriever(address)).dumps()
    assert "hunter2" not in str(refused.value)
    with semsearch.open_index(archive_index) as searcher, pytest.raises(ValueError, match="cannot be written down"):
        pipeline_of(SemsearchRetriever(searcher)).dumps()
    monkeypatch.setenv("NEWS_INDEX", str(archive_index))
    written = pipeline_of(SemsearchRetriever(Secret.from_env_var("NEWS_INDEX"), top_k=1)).dumps()
    assert str(archive_index) not in written
    again = Pipeline.loads(written, allowed_modules=[SemsearchRetriever.__module__])
    again.warm_up()
    found = again.run({"retriever": {"query": QUERY}, "prompt": {"question": QUERY}})
    assert "It rests on Article 4" in found["prompt"]["prompt"]
    again.close()


def test_it_is_opened_by_warming_up_and_closed(archive_index: Path, tmp_path: Path) -> None:
    retriever = SemsearchRetriever(archive_index)
    asked = retriever._asked()
    assert asked._live is None
    retriever.warm_up()
    live = asked._live
    assert live is not None
    retriever.warm_up()
    assert run(retriever, QUERY)
    assert asked._live is live
    retriever.close()
    assert asked._live is None
    with pytest.raises(semsearch.IndexNotFoundError):
        SemsearchRetriever(tmp_path / "nowhere").warm_up()


def test_several_retrievers_are_joined(corpus_index: Path) -> None:
    with semsearch.open_index(corpus_index) as searcher:
        pipeline = Pipeline()
        pipeline.add_component("joiner", DocumentJoiner(join_mode="reciprocal_rank_fusion"))
        found: set[str] = set()
        for mode in ("dense", "lexical"):
            retriever = SemsearchRetriever(searcher, top_k=5, options={"mode": mode})
            found |= {*ids(run(retriever, QUERY))}
            pipeline.add_component(mode, retriever)
            pipeline.connect(f"{mode}.documents", "joiner.documents")
        joined = pipeline.run({mode: {"query": QUERY} for mode in ("dense", "lexical")})["joiner"]["documents"]
        assert len(joined) == len(found)  # what both found is there once
        assert {*ids(joined)} == found


def test_it_is_a_tool_of_agents(archive_index: Path) -> None:
    tool = ComponentTool(SemsearchRetriever(archive_index, top_k=1), name="search_archive")
    assert set(tool.parameters["properties"]) == {"query", "filters", "top_k"}
    assert tool.parameters["required"] == ["query"]
    (document,) = tool.invoke(query=QUERY)["documents"]
    assert document.content == "It rests on Article 4 of the treaty."


@pytest.mark.filterwarnings("ignore:'MultiRetriever' is an experimental component")
def test_it_is_one_of_haystacks_text_retrievers(archive_index: Path) -> None:
    both = MultiRetriever(retrievers={"archive": SemsearchRetriever(archive_index, top_k=2)})
    filters = {"field": "meta.desk", "operator": "==", "value": "economy"}
    assert articles_of(run(both, QUERY, filters=filters)) == {"2021/budget"}


def test_a_rebuilt_index_is_followed(tmp_path: Path, archive: list[semsearch.Article]) -> None:
    semsearch.build_index(archive[:1], tmp_path / "index")
    retriever = SemsearchRetriever(tmp_path / "index")
    assert len(run(retriever, QUERY)) == 2
    semsearch.build_index(archive, tmp_path / "index")
    assert len(run(retriever, QUERY)) == 4
    retriever.close()


def test_importing_it_starts_no_telemetry(tmp_path: Path) -> None:
    script = "import semsearch.integrations.haystack, haystack.telemetry._telemetry as t; print(t.telemetry)"
    environment = {"HOME": str(tmp_path), "PYTHONPATH": str(Path(semsearch.__file__).parents[1])}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "None"
    assert not (tmp_path / ".haystack").exists()


# --- filters ----------------------------------------------------------------------------------------------------


def test_filters_of_a_question_replace_the_retrievers_or_are_merged(archive_index: Path) -> None:
    world = {"field": "meta.desk", "operator": "==", "value": "world"}
    long = {"field": "meta.words", "operator": "<", "value": 15}
    with semsearch.open_index(archive_index) as searcher:
        replaced = SemsearchRetriever(searcher, filters=world)
        assert articles_of(run(replaced, QUERY)) == {"2022/mission"}
        assert articles_of(run(replaced, QUERY, filters=long)) == {"2021/budget"}
        merged = SemsearchRetriever(searcher, filters=world, filter_policy=FilterPolicy.MERGE)
        assert run(merged, QUERY, filters=long) == []
        always = SemsearchRetriever(searcher, where="source = 'harbour post'")
        assert articles_of(run(always, QUERY, filters=long)) == {"2021/budget"}
        assert run(always, QUERY, filters=world) == []


def test_case_counts_as_in_haystack(archive_index: Path) -> None:
    retriever = SemsearchRetriever(archive_index)
    for value, expected in (("Harbour Post", {"2021/budget"}), ("harbour post", set())):
        filters = {"field": "meta.source", "operator": "==", "value": value}
        assert articles_of(run(retriever, QUERY, filters=filters)) == expected


def test_ranks_count_what_is_left(corpus_index: Path) -> None:
    retriever = SemsearchRetriever(corpus_index, top_k=5, options={"fold_duplicates": False})
    everything = run(retriever, QUERY, top_k=400)
    first = everything[0].meta["article_id"]
    filters = {"field": "meta.article_id", "operator": "!=", "value": first}
    others = [document for document in everything if document.meta["article_id"] != first]
    found = run(retriever, QUERY, filters=filters)
    assert ids(found) == ids(others[:5])
    assert [document.meta["rank"] for document in found] == [1, 2, 3, 4, 5]


def test_a_duplicate_stands_in_for_a_passage_that_is_filtered_out(tmp_path: Path) -> None:
    text = "The convoy crossed the river before dawn and reached the northern camp without a single loss."
    copies = [semsearch.Article(id=name, text=text, metadata={"desk": name}) for name in ("World", "world", "WORLD")]
    semsearch.build_index(copies, tmp_path / "index")
    with semsearch.open_index(tmp_path / "index") as searcher:
        assert len(searcher.search("convoy")) == 1
        retriever = SemsearchRetriever(searcher)
        for desk in ("World", "world", "WORLD"):
            filters = {"field": "meta.desk", "operator": "==", "value": desk}
            assert articles_of(run(retriever, "convoy", filters=filters)) == {desk}


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"field": "meta.paragraph", "operator": "==", "value": 1}, "paragraph is of a passage"),
        ({"field": "content", "operator": "==", "value": "x"}, "not passages by content"),
        ({"field": "meta", "operator": "==", "value": {}}, "not passages by meta"),
        ({"field": "section.name", "operator": "==", "value": "x"}, "is meta.section.name meant"),
        ({"field": "", "operator": "==", "value": "x"}, "must be the name of a field"),
        ({"field": "meta.desk", "operator": "==", "value": "a\0b"}, "NUL"),
        ({"field": "meta.words", "operator": "in", "value": list(range(2000))}, "too many values"),
        ({"field": "meta.words", "operator": ">", "value": {"a": 1}}, "takes a number, a datetime"),
        ({"field": "meta.date", "operator": ">", "value": dt.date(2024, 5, 17)}, "takes a number, a datetime"),
        ({"operator": "XOR", "conditions": []}, "Unknown logical operator"),
        ({"operator": "AND", "conditions": {}}, "must be a list"),
        ({"operator": "AND", "conditions": ["desk"]}, "must be a dictionary"),
    ],
)
def test_what_is_no_filter_over_articles_is_refused(archive_index: Path, filters: Any, message: str) -> None:
    with pytest.raises(FilterError, match=message):
        SemsearchRetriever(archive_index).run(QUERY, filters=filters)


def test_hundreds_of_values_are_one_filter(archive_index: Path) -> None:
    retriever = SemsearchRetriever(archive_index)
    filters = {"field": "meta.article_id", "operator": "in", "value": [*(f"other {n}" for n in range(900)), "undated"]}
    assert articles_of(run(retriever, QUERY, filters=filters)) == {"undated"}
    retriever.close()


def test_a_field_that_no_article_has_is_told(archive_index: Path) -> None:
    retriever = SemsearchRetriever(archive_index)
    for operator, value in (("==", "x"), ("!=", "x"), (">", 3), ("not in", ["x"]), ("==", None)):
        with pytest.raises(ValueError, match="nonsense"):
            retriever.run(QUERY, filters={"field": "meta.nonsense", "operator": operator, "value": value})
    retriever.close()
