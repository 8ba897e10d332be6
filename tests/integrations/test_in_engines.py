"""A retriever of an index in an engine: it is named by its address, and followed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

import semsearch
from semsearch.integrations.haystack import SemsearchRetriever as HaystackRetriever
from semsearch.integrations.langchain import SemsearchRetriever as LangChainRetriever
from semsearch.integrations.llama_index import SemsearchRetriever as LlamaIndexRetriever

QUERY = "which treaty is it based on"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    pytest.importorskip("psycopg")
    from tests.engines import postgres_server

    reason = postgres_server.why_not()
    if reason is not None:
        pytest.skip(reason)
    with postgres_server.PostgresServer() as server:
        yield server.address("integrations")


def test_an_index_in_an_engine_is_asked_and_followed(address: str, archive: list[semsearch.Article]) -> None:
    semsearch.build_index(archive[:1], address)
    lang, llama = LangChainRetriever(index=address), LlamaIndexRetriever(address)
    stack: Any = HaystackRetriever(address)
    ids = [document.id for document in lang.invoke(QUERY, where="desk = world")]
    assert len(ids) == 2
    assert [node.node_id for node in llama.retrieve(QUERY)] == ids
    world = {"field": "meta.desk", "operator": "==", "value": "world"}
    assert [document.id for document in stack.run(QUERY, filters=world)["documents"]] == ids
    semsearch.build_index(archive, address)
    until = time.monotonic() + 60
    while len(lang.invoke(QUERY)) < 4 and time.monotonic() < until:
        time.sleep(0.2)
    assert len(lang.invoke(QUERY)) == 4
    for retriever in (lang, llama, stack):
        retriever.close()
