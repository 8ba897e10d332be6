"""A retriever for LangChain; needs the extra ``langchain``.

>>> from semsearch.integrations.langchain import SemsearchRetriever
>>> retriever = SemsearchRetriever(index="index", k=5, where="date >= 2020")
>>> retriever.invoke("who pays for the mission", where="source = 'Northgate Wire'")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from semsearch.integrations._index import AskedIndex, both, check_options, missing
from semsearch.integrations._passages import passage_id, passage_metadata

try:
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables.config import run_in_executor
    from pydantic import ConfigDict, Field, field_serializer, field_validator
except ImportError as error:
    raise missing(__name__, "langchain") from error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
    from typing_extensions import Self

    from semsearch.filters import Filter

__all__ = ["SemsearchRetriever"]


class SemsearchRetriever(BaseRetriever):
    """Passages of an archive as documents of LangChain.

    A document's content is the passage, its id names it for as long as its article is the same, and its metadata is
    what it takes to cite it: JSON values, of which those that are not known are left out.

    What is given to ``invoke`` and its relatives holds for that question: ``k``, ``where`` (both filters must hold)
    and the names of :class:`~semsearch.SearchOptions`.

    Attributes:
        index: The folder of an index, its address in an engine, a :class:`~semsearch.Searcher` or a
            :class:`~semsearch.LiveIndex`. What is named is opened at the first question, followed when it is rebuilt,
            and closed by :meth:`close` or with the last retriever that has it; what is open stays its owner's.
        k: How many documents, at most.
        where: Only articles for which this holds: a :class:`~semsearch.Filter` or its text.
        options: Others of :class:`~semsearch.SearchOptions`, such as ``{"mode": "dense"}``.

    Raises:
        ValueError: If one of them makes no sense.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", validate_assignment=True)

    index: Any = Field(default="index", validate_default=True)
    k: int = Field(default=10, ge=1)
    where: Any = None
    options: dict[str, Any] = Field(default_factory=dict)

    @field_validator("index", mode="before")
    @classmethod
    def _asked(cls, index: Any) -> AskedIndex:
        return AskedIndex.of(index)

    @field_validator("where")
    @classmethod
    def _read(cls, where: Any) -> Filter | None:
        return both(where, None)

    @field_validator("options")
    @classmethod
    def _known(cls, options: dict[str, Any]) -> dict[str, Any]:
        check_options(options)
        return options

    @field_serializer("index", when_used="json")
    def _named(self, index: AskedIndex) -> str:
        return index.name

    @field_serializer("where", when_used="json-unless-none")
    def _written(self, where: Filter) -> str:
        return str(where)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, with other values for some fields, which are checked as in a new retriever."""
        copy = super().model_copy(deep=deep)
        for name, value in (update or {}).items():
            setattr(copy, name, value)
        return copy

    def close(self) -> None:
        """Let go of the index, if it was opened by this retriever. Another question opens it again."""
        self.index.close()

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain tells its callbacks by itself
        k: int | None = None,
        where: Filter | str | None = None,
        **options: Any,
    ) -> list[Document]:
        check_options(options)
        given: Any = {**self.options, **options, "where": both(self.where, where)}
        hits, generation = self.index.search(query, self.k if k is None else k, **given)
        return [
            Document(
                id=passage_id(hit),
                page_content=hit.passage.text,
                metadata=passage_metadata(hit, rank=hit.rank, generation=generation),
            )
            for hit in hits
        ]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **given: Any
    ) -> list[Document]:
        return await run_in_executor(
            None, self._get_relevant_documents, query, run_manager=run_manager.get_sync(), **given
        )
