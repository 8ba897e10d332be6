"""The retriever for LangChain: LangChain's own tests, and what it gives."""

from __future__ import annotations

import asyncio
import gc
import json
import pickle
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from langchain_core._api.beta_decorator import LangChainBetaWarning
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.load import dumps
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import ConfigurableField, RunnablePassthrough
from langchain_core.tools import create_retriever_tool
from langchain_tests.integration_tests import RetrieversIntegrationTests
from pydantic import ValidationError

import semsearch
from semsearch.integrations.langchain import SemsearchRetriever

QUERY = "who pays for the mission"


class TestByLangChainsOwnTests(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def index(self, corpus_index: Path) -> None:
        self._index = corpus_index

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return SemsearchRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"index": self._index}

    @property
    def retriever_query_example(self) -> str:
        return QUERY

    test_ainvoke_returns_documents = pytest.mark.asyncio(RetrieversIntegrationTests.test_ainvoke_returns_documents)


def ids(documents: list[Document]) -> list[str | None]:
    return [document.id for document in documents]


def test_a_document_is_the_passage_and_can_be_cited(archive_index: Path, archive: list[semsearch.Article]) -> None:
    article = archive[0]
    (document,) = SemsearchRetriever(index=archive_index, k=1).invoke("which treaty is it based on")
    start = article.text.index("It rests")
    assert document.page_content == "It rests on Article 4 of the treaty."
    assert document.id == f"2022/mission#char={start},{len(article.text)}"
    metadata = dict(document.metadata)
    assert metadata.pop("score") > 0
    assert metadata.pop("generation") == semsearch.list_generations(archive_index)[0].id
    assert metadata == {
        "article_id": "2022/mission",
        "title": "CSTO mission expected to be brief",
        "source": "Northgate Wire",
        "published": "2022-01-07",
        "url": "https://example.org/mission",
        "paragraph": 2,
        "start": start,
        "end": len(article.text),
        "rank": 1,
        "evidence": "It rests on Article 4 of the treaty.",
        "citation": "Northgate Wire, 2022-01-07, “CSTO mission expected to be brief”, paragraph 2",
        "desk": "world",
        "section": {"name": "Security"},
        "words": 18,
        "metadata": {"title": "internal title"},
    }
    assert json.loads(json.dumps(document.metadata)) == document.metadata


def test_what_is_not_known_is_left_out(archive_index: Path) -> None:
    (document,) = SemsearchRetriever(index=archive_index).invoke("a ferry", where="id = undated")
    assert document.metadata.keys() & {"title", "source", "published", "url", "page", "metadata"} == set()
    assert document.metadata["citation"] == "undated, paragraph 1"


def test_documents_are_the_hits_of_the_searcher_in_its_order(corpus_index: Path) -> None:
    with semsearch.open_index(corpus_index) as searcher:
        for options in ({}, {"mode": "dense"}, {"mode": "lexical", "max_per_article": 1}):
            hits = searcher.search(QUERY, 7, **options)
            documents = SemsearchRetriever(index=searcher, k=7, options=options).invoke(QUERY)
            assert [document.page_content for document in documents] == [hit.passage.text for hit in hits]
            assert [document.metadata["score"] for document in documents] == [round(hit.score, 6) for hit in hits]
            assert len({*ids(documents)}) == 7


def test_what_is_given_to_a_question_holds_for_it_alone(archive_index: Path) -> None:
    retriever = SemsearchRetriever(index=archive_index, k=5, where="has source")
    assert len(retriever.invoke(QUERY)) == 3
    assert len(retriever.invoke(QUERY, k=1)) == 1
    assert len(retriever.invoke(QUERY, max_per_article=1)) == 2
    both = retriever.invoke(QUERY, where=semsearch.field("date") < "2022")
    assert [document.metadata["article_id"] for document in both] == ["2021/budget"]
    assert retriever.invoke("a ferry", where="id = undated") == []  # the retriever's own filter still holds
    assert len(retriever.invoke(QUERY)) == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"index": 3}, "must be the folder of an index"),
        ({"k": 0}, "greater than or equal to 1"),
        ({"where": "source ="}, "cannot be read"),
        ({"where": {"source": "x"}}, "must be a filter or its text"),
        ({"options": {"fuzzy": True}}, "no option 'fuzzy'"),
        ({"top_k": 3}, "Extra inputs are not permitted"),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_made(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SemsearchRetriever(**given)


def test_what_makes_no_sense_is_refused_when_it_is_asked(archive_index: Path) -> None:
    retriever = SemsearchRetriever(index=archive_index)
    with pytest.raises(ValueError, match="no option 'top_k'"):
        retriever.invoke(QUERY, top_k=3)
    with pytest.raises(ValueError, match="no article has"):
        retriever.invoke(QUERY, where="metadata.nonsense = 1")


def test_an_index_that_is_not_there_is_told_when_it_is_asked(tmp_path: Path) -> None:
    retriever = SemsearchRetriever(index=tmp_path / "nowhere")
    with pytest.raises(semsearch.IndexNotFoundError):
        retriever.invoke(QUERY)


def test_the_loop_is_not_blocked(archive_index: Path) -> None:
    threads: list[int] = []

    class Watched(semsearch.LiveIndex):
        def searcher(self) -> Any:
            threads.append(threading.get_ident())
            time.sleep(0.2)
            return super().searcher()

    async def ask() -> int:
        ticks = 0
        task = asyncio.ensure_future(retriever.ainvoke(QUERY, k=1, where="has source"))
        while not task.done():
            ticks += 1
            await asyncio.sleep(0.01)
        assert len(await task) == 1
        return ticks

    with Watched(archive_index) as live:
        retriever = SemsearchRetriever(index=live)
        assert asyncio.run(ask()) > 3
    assert threading.get_ident() not in threads


def test_many_questions_at_once(corpus_index: Path) -> None:
    retriever = SemsearchRetriever(index=corpus_index, k=3)
    queries = [QUERY, "legal basis for deployment", "ceasefire", "election observers"] * 3
    one_by_one = [ids(retriever.invoke(query)) for query in queries]
    assert [ids(documents) for documents in retriever.batch(queries)] == one_by_one

    async def all_of_them() -> list[list[Document]]:
        return await asyncio.gather(*(retriever.ainvoke(query) for query in queries))

    assert [ids(documents) for documents in asyncio.run(all_of_them())] == one_by_one


def test_a_rebuilt_index_is_followed_if_it_is_named(tmp_path: Path, archive: list[semsearch.Article]) -> None:
    semsearch.build_index(archive[:1], tmp_path / "index")
    named = SemsearchRetriever(index=str(tmp_path / "index"))
    with semsearch.LiveIndex(tmp_path / "index") as live:
        of_another = SemsearchRetriever(index=live)
        assert len(named.invoke(QUERY)) == len(of_another.invoke(QUERY)) == 2
        semsearch.build_index(archive, tmp_path / "index")
        assert len(named.invoke(QUERY)) == 4
        assert len(of_another.invoke(QUERY)) == 2  # who has it open says when
        live.refresh()
        assert len(of_another.invoke(QUERY)) == 4
    named.close()


def test_a_newer_generation_that_cannot_be_opened_is_warned_of(
    tmp_path: Path, archive: list[semsearch.Article]
) -> None:
    index = tmp_path / "index"
    semsearch.build_index(archive[:1], index)
    retriever = SemsearchRetriever(index=index)
    assert len(retriever.invoke(QUERY)) == 2
    semsearch.build_index(archive, index)
    newest = index / "generations" / semsearch.list_generations(index)[0].id
    (newest / "manifest.json").write_text("{")
    with pytest.warns(UserWarning, match="answers come from generation"):
        assert len(retriever.invoke(QUERY)) == 2
    retriever.close()


def test_who_opened_it_closes_it(archive_index: Path) -> None:
    with semsearch.open_index(archive_index) as searcher:
        retriever = SemsearchRetriever(index=searcher)
        retriever.invoke(QUERY)
        retriever.close()
        del retriever
        gc.collect()
        assert searcher.search(QUERY)
    named = SemsearchRetriever(index=archive_index)
    named.invoke(QUERY)
    live = named.index._live
    named.close()
    assert named.invoke(QUERY)  # opened again
    assert named.index._live is not live
    live, finalizer = named.index._live, named.index._finalizer
    del named
    gc.collect()
    assert not finalizer.alive
    with pytest.raises(Exception, match=r"closed|Cannot operate"), live.searcher() as closed:
        closed.article("undated")


def test_it_is_configured_where_it_is_used(archive_index: Path) -> None:
    retriever = SemsearchRetriever(index=archive_index, k=4)
    configurable = retriever.configurable_fields(k=ConfigurableField(id="k"))
    assert len(configurable.invoke(QUERY)) == 4
    assert len(configurable.invoke(QUERY, config={"configurable": {"k": 2}})) == 2
    assert len(retriever.with_config(tags=["news"]).invoke(QUERY)) == 4
    assert len(retriever.bind(k=1).invoke(QUERY)) == 1
    assert retriever.index._live is not None


def test_what_is_set_later_is_checked_as_well(archive_index: Path) -> None:
    retriever = SemsearchRetriever(index=archive_index, k=4)
    copy = retriever.model_copy(update={"k": 1, "where": "source = 'harbour post'"})
    assert [document.metadata["article_id"] for document in copy.invoke(QUERY)] == ["2021/budget"]
    assert copy.index is retriever.index
    assert len(retriever.invoke(QUERY)) == 4
    elsewhere = retriever.model_copy(update={"index": str(archive_index)})
    assert elsewhere.index is not retriever.index
    assert ids(elsewhere.invoke(QUERY)) == ids(retriever.invoke(QUERY))
    retriever.k = 2
    assert len(retriever.invoke(QUERY)) == 2
    for name, value in (("k", 0), ("index", 3), ("where", "source ="), ("options", {"fuzzy": True}), ("top_k", 3)):
        with pytest.raises(ValidationError):
            setattr(retriever, name, value)
        with pytest.raises(ValidationError):
            retriever.model_copy(update={name: value})


def test_it_is_json_and_goes_to_another_process(archive_index: Path) -> None:
    retriever = SemsearchRetriever(index=archive_index, k=2, where=semsearch.field("date") >= 2020)
    found = ids(retriever.invoke(QUERY))
    again = SemsearchRetriever.model_validate_json(retriever.model_dump_json())
    assert (again.index.name, again.k, str(again.where)) == (str(archive_index), 2, "published >= 2020")
    assert ids(again.invoke(QUERY)) == found
    unpickled = pickle.loads(pickle.dumps(retriever))  # noqa: S301 - our own
    assert ids(unpickled.invoke(QUERY)) == found
    with pytest.raises(ValueError, match="must not be written down"):
        SemsearchRetriever(index="postgresql://reader:hunter2@localhost/news?index=archive").model_dump_json()


def test_a_chain_answers_with_what_was_found(archive_index: Path) -> None:
    def written(documents: list[Document]) -> str:
        return "\n".join(f"[{document.metadata['citation']}] {document.page_content}" for document in documents)

    prompt = ChatPromptTemplate.from_template("Answer from these passages:\n{passages}\n\nQuestion: {question}")
    retriever = SemsearchRetriever(index=archive_index, k=1)
    asked = {"passages": retriever | written, "question": RunnablePassthrough()} | prompt
    text = asked.invoke("which treaty is it based on").to_string()
    assert (
        "[Northgate Wire, 2022-01-07, “CSTO mission expected to be brief”, paragraph 2] "
        "It rests on Article 4 of the treaty." in text
    )
    chain = asked | FakeListChatModel(responses=["On Article 4."]) | StrOutputParser()
    assert chain.invoke("which treaty is it based on") == "On Article 4."
    assert asyncio.run(chain.ainvoke("which treaty is it based on")) == "On Article 4."


def test_it_is_a_tool_of_agents(archive_index: Path) -> None:
    retriever = SemsearchRetriever(index=archive_index, k=1)
    cited = PromptTemplate.from_template("[{citation}] {page_content}")
    tool = create_retriever_tool(retriever, "search_archive", "Searches the archive.", document_prompt=cited)
    assert tool.invoke({"query": "which treaty is it based on"}) == (
        "[Northgate Wire, 2022-01-07, “CSTO mission expected to be brief”, paragraph 2] "
        "It rests on Article 4 of the treaty."
    )
    tool = create_retriever_tool(retriever, "search_archive", "Searches the archive.")
    call = {"type": "tool_call", "id": "1", "name": "search_archive", "args": {"query": "which treaty is it based on"}}
    assert tool.invoke(call).content == "It rests on Article 4 of the treaty."


def test_it_is_a_tool_by_itself(archive_index: Path) -> None:
    retriever = SemsearchRetriever(index=archive_index, k=1)
    with pytest.warns(LangChainBetaWarning, match="in beta"):
        tool = retriever.as_tool(name="search_archive", description="Searches the archive.")
    assert ids(tool.invoke("which treaty is it based on")) == ids(retriever.invoke("which treaty is it based on"))


class Log(BaseCallbackHandler):
    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    def on_retriever_start(self, serialized: Any, query: str, **more: Any) -> None:  # noqa: ARG002
        self.events.append(("start", (query, more["name"], more["tags"])))

    def on_retriever_end(self, documents: Any, **_: Any) -> None:
        self.events.append(("end", ids(documents)))

    def on_retriever_error(self, error: BaseException, **_: Any) -> None:
        self.events.append(("error", type(error)))


def test_callbacks_are_told(archive_index: Path) -> None:
    log, retriever = Log(), SemsearchRetriever(index=archive_index, k=1, tags=["news"])
    found = retriever.invoke(QUERY, config={"callbacks": [log]})
    with pytest.raises(ValueError, match="blank"):
        retriever.invoke(" ", config={"callbacks": [log]})
    asyncio.run(retriever.ainvoke(QUERY, config={"callbacks": [log]}))
    assert log.events == [
        ("start", (QUERY, "SemsearchRetriever", ["news"])),
        ("end", ids(found)),
        ("start", (" ", "SemsearchRetriever", ["news"])),
        ("error", ValueError),
        ("start", (QUERY, "SemsearchRetriever", ["news"])),
        ("end", ids(found)),
    ]


def test_no_password_is_shown_or_written_down() -> None:
    retriever = SemsearchRetriever(index="postgresql://reader:hunter2@localhost/news?index=archive")
    assert "hunter2" not in repr(retriever) + str(retriever) + dumps(retriever)
    assert "postgresql://reader@localhost/news?index=archive" in repr(retriever)
