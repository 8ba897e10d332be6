"""The retriever for LlamaIndex: what it gives, its filters, and how LlamaIndex's own parts use it."""

from __future__ import annotations

import asyncio
import json
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.callbacks import CallbackManager
from llama_index.core.callbacks.llama_debug import LlamaDebugHandler
from llama_index.core.callbacks.schema import CBEventType
from llama_index.core.llms import MockLLM
from llama_index.core.postprocessor import SimilarityPostprocessor
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.retrievers import BaseRetriever, QueryFusionRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle, TextNode
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.tools import RetrieverTool
from llama_index.core.vector_stores import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters
from llama_index.core.vector_stores.utils import build_metadata_filter_fn

import semsearch
from semsearch.integrations.llama_index import SemsearchRetriever, to_filter

QUERY = "which treaty is it based on"


def ids(nodes: list[NodeWithScore]) -> list[str]:
    return [node.node_id for node in nodes]


def text_node(node: NodeWithScore) -> TextNode:
    assert isinstance(node.node, TextNode)
    return node.node


def test_a_node_is_the_passage_and_can_be_cited(archive_index: Path, archive: list[semsearch.Article]) -> None:
    article = archive[0]
    (found,) = SemsearchRetriever(archive_index, similarity_top_k=1).retrieve(QUERY)
    node = text_node(found)
    start = article.text.index("It rests")
    assert node.get_content() == node.text == "It rests on Article 4 of the treaty."
    assert article.text[node.start_char_idx : node.end_char_idx] == node.text
    assert node.node_id == f"2022/mission#char={start},{len(article.text)}"
    assert node.ref_doc_id == "2022/mission"
    assert found.score is not None
    assert found.metadata["score"] == round(found.score, 6)
    assert found.metadata["rank"] == 1
    assert found.metadata["published"] == "2022-01-07"
    assert found.metadata["section"] == {"name": "Security"}
    assert json.loads(json.dumps(found.metadata)) == found.metadata
    assert TextNode.from_dict(node.to_dict()).to_dict() == node.to_dict()


def test_models_are_shown_the_title_or_the_citation(archive_index: Path) -> None:
    (found,) = SemsearchRetriever(archive_index, similarity_top_k=1).retrieve(QUERY)
    assert found.node.get_content(MetadataMode.EMBED) == (
        "title: CSTO mission expected to be brief\n\nIt rests on Article 4 of the treaty."
    )
    assert found.node.get_content(MetadataMode.LLM) == (
        "citation: Northgate Wire, 2022-01-07, “CSTO mission expected to be brief”, paragraph 2\n\n"
        "It rests on Article 4 of the treaty."
    )


def test_nodes_are_the_hits_of_the_searcher_in_its_order(corpus_index: Path) -> None:
    with semsearch.open_index(corpus_index) as searcher:
        for options in ({}, {"mode": "dense"}, {"mode": "lexical", "max_per_article": 1}):
            hits = searcher.search(QUERY, 7, **options)
            retriever = SemsearchRetriever(searcher, similarity_top_k=7, **options)
            nodes = retriever.retrieve(QueryBundle(QUERY))
            assert [(node.text, node.score) for node in nodes] == [(hit.passage.text, hit.score) for hit in hits]
            assert ids(asyncio.run(retriever.aretrieve(QUERY))) == ids(nodes)
            assert len({*ids(nodes)}) == 7


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"index": 3}, "must be the folder of an index"),
        ({"similarity_top_k": 0}, "similarity_top_k must be a whole number"),
        ({"where": "source ="}, "cannot be read"),
        ({"fuzzy": True}, "no option 'fuzzy'"),
        ({"filters": {"desk": "world"}}, "must be MetadataFilters"),
        ({"filters": MetadataFilters(filters=[MetadataFilter(key="paragraph", value=1)])}, "paragraph is of a passage"),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_made(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SemsearchRetriever(**given)


def test_the_loop_is_not_blocked(archive_index: Path) -> None:
    threads: list[int] = []

    class Watched(semsearch.LiveIndex):
        def searcher(self) -> Any:
            threads.append(threading.get_ident())
            return super().searcher()

    with Watched(archive_index) as live:
        assert len(asyncio.run(SemsearchRetriever(live).aretrieve(QUERY))) == 4
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_a_query_engine_answers_from_it_with_citations(archive_index: Path) -> None:
    engine: BaseQueryEngine = RetrieverQueryEngine.from_args(
        SemsearchRetriever(archive_index, similarity_top_k=2), llm=MockLLM()
    )
    answer = engine.query(QUERY)  # the model repeats what it is asked
    assert "citation: Northgate Wire, 2022-01-07" in str(answer)
    assert "It rests on Article 4 of the treaty." in str(answer)
    assert answer.source_nodes[0].node.ref_doc_id == "2022/mission"
    assert str(asyncio.run(engine.aquery(QUERY))) == str(answer)


def test_postprocessors_take_its_nodes(archive_index: Path) -> None:
    retriever = SemsearchRetriever(archive_index, mode="dense")
    scores = [node.score or 0 for node in retriever.retrieve(QUERY)]
    engine = RetrieverQueryEngine.from_args(
        retriever, llm=MockLLM(), node_postprocessors=[SimilarityPostprocessor(similarity_cutoff=scores[1])]
    )
    assert [node.score for node in engine.query(QUERY).source_nodes] == scores[:2]


@pytest.mark.parametrize("fusion", FUSION_MODES, ids=str)
def test_it_is_fused_with_others(corpus_index: Path, fusion: FUSION_MODES) -> None:
    query = "who pays for the mission"
    with semsearch.open_index(corpus_index) as searcher:
        retrievers: list[BaseRetriever] = [
            SemsearchRetriever(searcher, mode=mode, similarity_top_k=10) for mode in ("hybrid", "dense")
        ]
        fused = QueryFusionRetriever(retrievers, llm=MockLLM(), num_queries=1, similarity_top_k=20, mode=fusion)
        alone = [ids(one.retrieve(query)) for one in retrievers]
        found = asyncio.run(fused.aretrieve(query))
    both = {*alone[0]} & {*alone[1]}
    assert both
    assert len(found) == 20 - len(both)  # what both found is there once
    assert {*ids(found)} == {*alone[0], *alone[1]}
    if fusion == FUSION_MODES.RECIPROCAL_RANK:
        assert {*ids(found[: len(both)])} == both  # and counts twice
        for node in found:
            ranks = [one.index(node.node_id) for one in alone if node.node_id in one]
            assert node.score == pytest.approx(sum(1 / (60 + rank) for rank in ranks))


def test_a_passage_is_the_same_whatever_it_was_found_for(corpus_index: Path) -> None:
    with semsearch.open_index(corpus_index) as searcher:
        found = [
            {node.node_id: text_node(node) for node in SemsearchRetriever(searcher, mode=mode).retrieve("peacekeepers")}
            for mode in ("hybrid", "dense")
        ]
    same = found[0].keys() & found[1].keys()
    assert same
    for name in same:
        assert found[0][name].metadata["score"] != found[1][name].metadata["score"]
        assert found[0][name].hash == found[1][name].hash
    assert len({node.hash for node in found[0].values()}) == len(found[0])


def test_nodes_are_kept_as_others_are(archive_index: Path, tmp_path: Path) -> None:
    retriever = SemsearchRetriever(archive_index)
    nodes = [text_node(node) for node in retriever.retrieve(QUERY)]
    store = SimpleDocumentStore()
    store.add_documents(nodes)
    store.persist(str(tmp_path / "store.json"))
    kept = SimpleDocumentStore.from_persist_path(str(tmp_path / "store.json"))
    assert [kept.get_node(node.node_id).to_dict() for node in nodes] == [node.to_dict() for node in nodes]
    again = pickle.loads(pickle.dumps(retriever))  # noqa: S301 - our own
    assert ids(again.retrieve(QUERY)) == ids(retriever.retrieve(QUERY))
    again.close()
    retriever.close()


def test_it_is_a_tool_of_agents(archive_index: Path) -> None:
    tool = RetrieverTool.from_defaults(SemsearchRetriever(archive_index, similarity_top_k=1), name="archive")
    assert "It rests on Article 4 of the treaty." in tool.call(QUERY).content


def test_callbacks_are_told(archive_index: Path) -> None:
    log = LlamaDebugHandler(print_trace_on_end=False)
    retriever = SemsearchRetriever(archive_index, similarity_top_k=1, callback_manager=CallbackManager([log]))
    found = retriever.retrieve(QUERY)
    ((start, end),) = log.get_event_pairs(CBEventType.RETRIEVE)
    assert start.payload is not None
    assert end.payload is not None
    assert start.payload["query_str"] == QUERY
    assert ids(end.payload["nodes"]) == ids(found)


def test_a_rebuilt_index_is_followed_and_closed(tmp_path: Path, archive: list[semsearch.Article]) -> None:
    semsearch.build_index(archive[:1], tmp_path / "index")
    retriever = SemsearchRetriever(tmp_path / "index")
    assert len(retriever.retrieve(QUERY)) == 2
    semsearch.build_index(archive, tmp_path / "index")
    assert len(retriever.retrieve(QUERY)) == 4
    retriever.close()


# --- filters ----------------------------------------------------------------------------------------------------

FILTERS = [
    *(
        MetadataFilter(key="desk", value="world", operator=operator)
        for operator in (FilterOperator.EQ, FilterOperator.NE)
    ),
    *(
        MetadataFilter(key="words", value=value, operator=operator)
        for value in (11, 12, 18.0)
        for operator in (FilterOperator.LT, FilterOperator.LTE, FilterOperator.GT, FilterOperator.GTE)
    ),
    MetadataFilter(key="desk", value=["world", "sport"], operator=FilterOperator.IN),
    MetadataFilter(key="desk", value=["world", "sport"], operator=FilterOperator.NIN),
    MetadataFilter(key="tags", value="peace", operator=FilterOperator.CONTAINS),
    MetadataFilter(key="tags", value=["peace", "war"], operator=FilterOperator.ANY),
    MetadataFilter(key="tags", value=["peace", "war"], operator=FilterOperator.ALL),
    MetadataFilter(key="tags", value=["peace", "money"], operator=FilterOperator.ALL),
    MetadataFilter(key="tags", value=None, operator=FilterOperator.IS_EMPTY),
    MetadataFilter(key="source", value="Harbour Post"),
    MetadataFilter(key="article_id", value="undated", operator=FilterOperator.NE),
    MetadataFilter(key="published", value="2022-01-01", operator=FilterOperator.GTE),
]


def articles_of(nodes: list[NodeWithScore]) -> set[str]:
    return {node.metadata["article_id"] for node in nodes}


@pytest.mark.parametrize("condition", FilterCondition, ids=str)
@pytest.mark.parametrize(
    "pair", [(0, 0), *zip(range(len(FILTERS)), [*range(1, len(FILTERS)), 0], strict=True)], ids=str
)
def test_filters_keep_what_llama_index_itself_would(
    archive_index: Path, pair: tuple[int, int], condition: FilterCondition
) -> None:
    everything = {node.node_id: node.metadata for node in SemsearchRetriever(archive_index).retrieve(QUERY)}
    filters = MetadataFilters(filters=[FILTERS[one] for one in dict.fromkeys(pair)], condition=condition)
    kept = build_metadata_filter_fn(lambda node: everything[node], filters)
    found = SemsearchRetriever(archive_index, filters=filters).retrieve(QUERY)
    assert {*ids(found)} == {node for node in everything if kept(node)}


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ([("section.name", "==", "Security")], 'section.name = "Security"'),
        ([("metadata.title", "==", "x")], 'metadata.title = "x"'),
        ([("date", ">=", "2022")], "published >= 2022"),
        ([("desk", "==", None)], "not has desk"),
        ([("desk", "!=", None)], "has desk"),
        ([("desk", "in", ["a", "b"]), ("words", ">", 3)], 'desk in ("a", "b") and words > 3'),
    ],
)
def test_filters_are_ours(filters: list[tuple[str, str, Any]], text: str) -> None:
    made = [MetadataFilter(key=key, operator=FilterOperator(operator), value=value) for key, operator, value in filters]
    assert str(to_filter(MetadataFilters(filters=[*made]))) == text


def test_filters_are_nested_and_combined_with_ours(archive_index: Path) -> None:
    inner = MetadataFilters(
        filters=[MetadataFilter(key="desk", value="WORLD"), MetadataFilter(key="desk", value="economy")],
        condition=FilterCondition.OR,
    )
    filters = MetadataFilters(filters=[inner, MetadataFilter(key="words", value=5, operator=FilterOperator.GT)])
    assert articles_of(SemsearchRetriever(archive_index, filters=filters).retrieve(QUERY)) == {
        "2022/mission",
        "2021/budget",
    }
    narrowed = SemsearchRetriever(archive_index, filters=filters, where="date < 2022")
    assert articles_of(narrowed.retrieve(QUERY)) == {"2021/budget"}
    assert to_filter(MetadataFilters(filters=[])) is None


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (MetadataFilter(key="desk", value="wor", operator=FilterOperator.TEXT_MATCH), "finds no parts of texts"),
        (MetadataFilter(key="score", value=1, operator=FilterOperator.GT), "score is of a passage"),
        (MetadataFilter(key="source.name", value="x"), "is metadata.source.name meant"),
        (MetadataFilter(key="desk", value=[], operator=FilterOperator.IN), "no value"),
    ],
)
def test_what_no_filter_can_say_is_refused(one: MetadataFilter, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_filter(MetadataFilters(filters=[one]))
