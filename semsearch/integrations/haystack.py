"""A retriever for Haystack; needs the extra ``haystack``.

>>> from semsearch.integrations.haystack import SemsearchRetriever
>>> retriever = SemsearchRetriever("index", top_k=5)
>>> retriever.run("who pays for the mission", filters={"field": "meta.date", "operator": ">=", "value": "2020-01-01"})

Haystack reports its use to its makers as soon as it is imported, unless ``HAYSTACK_TELEMETRY_ENABLED`` is ``False``.
Where it is imported by this module first, and the variable says nothing, it does not.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

from semsearch.integrations._index import AskedIndex, both, check_k, check_options, missing
from semsearch.integrations._passages import passage_id, passage_metadata

if "haystack" not in sys.modules:
    os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "False")
try:
    from haystack import Document, component, default_from_dict, default_to_dict
    from haystack.document_stores.types import FilterPolicy
    from haystack.document_stores.types.filter_policy import apply_filter_policy
    from haystack.utils import Secret
except ImportError as error:
    raise missing(__name__, "haystack") from error

from semsearch.integrations._haystack_filters import matches, renamed, wider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from semsearch.filters import Filter
    from semsearch.records import Hit
    from semsearch.searching import LiveIndex, Searcher

__all__ = ["SemsearchRetriever"]

_GROWTH = 4


@component
class SemsearchRetriever:
    """Passages of an archive as documents of Haystack: its protocol ``TextRetriever``, and ``run_async``.

    A document's content is the passage, its id names it for as long as its article is the same, and its metadata is
    what it takes to cite it.

    Args:
        index: The folder of an index, its address in an engine (or a ``Secret`` that is one), a
            :class:`~semsearch.Searcher` or a :class:`~semsearch.LiveIndex`. What is named is opened by
            :meth:`warm_up` or the first question, followed when it is rebuilt, and closed by :meth:`close`, or with
            the retriever; what is open stays its owner's, and cannot be written down.
        top_k: How many documents, at most.
        filters: Haystack's filters, over the articles' metadata: ``meta.source``, ``meta.published`` (or
            ``meta.date``), ``meta.article_id``, ``meta.title``, ``meta.url`` and what else an article has. They mean
            what they mean in Haystack's own stores. What says something of the passage is no field of theirs.
        filter_policy: Whether the filters of a question take the place of these or are merged with them.
        where: Only articles for which this holds, always: a :class:`~semsearch.Filter` or its text.
        options: Others of :class:`~semsearch.SearchOptions`, such as ``{"mode": "dense"}``.

    Raises:
        ValueError: If one of them makes no sense.
        FilterError: If the filters do not.
    """

    def __init__(
        self,
        index: str | os.PathLike[str] | Secret | Searcher | LiveIndex | AskedIndex = "index",
        *,
        top_k: int = 10,
        filters: dict[str, Any] | None = None,
        filter_policy: str | FilterPolicy = FilterPolicy.REPLACE,
        where: Filter | str | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        check_options(options or {})
        check_k("top_k", top_k)
        if filters:
            wider(renamed(filters))
        self._secret = index if isinstance(index, Secret) else None
        self._index = None if isinstance(index, Secret) else AskedIndex.of(index)
        self._where = both(where, None)
        self.top_k = top_k
        self.filters = filters
        self.filter_policy = (
            filter_policy if isinstance(filter_policy, FilterPolicy) else FilterPolicy.from_str(filter_policy)
        )
        self.where = None if self._where is None else str(self._where)
        self.options = options or {}

    def to_dict(self) -> dict[str, Any]:
        """Return the retriever as a dictionary, for a pipeline that is written down.

        Raises:
            ValueError: If its index was given open, or its address has a password in it: use a ``Secret``.
        """
        return default_to_dict(
            self,
            index=self._secret.to_dict() if self._secret is not None else self._asked().name,
            top_k=self.top_k,
            filters=self.filters,
            filter_policy=self.filter_policy.value,
            where=self.where,
            options=self.options,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SemsearchRetriever:
        """Return the retriever that a dictionary of :meth:`to_dict` is."""
        given = data.get("init_parameters", {})
        if isinstance(given.get("index"), dict):
            data = {**data, "init_parameters": {**given, "index": Secret.from_dict(given["index"])}}
        return default_from_dict(cls, data)

    def warm_up(self) -> None:
        """Open the index and load its model, if that was not done yet."""
        self._asked().open()

    def close(self) -> None:
        """Let go of the index, if it was opened by this retriever. Another question opens it again."""
        if self._index is not None:
            self._index.close()

    @component.output_types(documents=list[Document])
    def run(self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None) -> dict[str, Any]:
        """Return the passages that answer a question best.

        Args:
            query: The question; words between quotation marks must be found as they stand.
            filters: Haystack's filters, for this question.
            top_k: How many documents, at most, for this question.

        Returns:
            ``{"documents": [...]}``, best first.

        Raises:
            FilterError: If a filter is none, or is over a field that no article can be told by.
            ValueError: If the query is blank, or a filter names a field that no article has.
            SemsearchError: If the index cannot be opened, or its engine does not answer.
        """
        wanted = self.top_k if top_k is None else top_k
        check_k("top_k", wanted)
        chosen = apply_filter_policy(self.filter_policy, self.filters, filters)
        if not chosen:
            return {"documents": list(self._found(query, wanted, None))}
        chosen = renamed(chosen)
        narrowed = wider(chosen)
        depth = wanted
        while True:
            found = list(self._found(query, depth, narrowed, alternatives=True))
            documents = _matching(found, chosen)
            if len(documents) >= wanted or len({document.meta["rank"] for document in found}) < depth:
                break
            depth *= _GROWTH
        documents = documents[:wanted]
        for rank, document in enumerate(documents, start=1):
            document.meta["rank"] = rank
        return {"documents": documents}

    @component.output_types(documents=list[Document])
    async def run_async(
        self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None
    ) -> dict[str, Any]:
        """Do as :meth:`run`, in another thread."""
        return await asyncio.to_thread(self.run, query, filters, top_k)

    def _asked(self) -> AskedIndex:
        if self._index is None:
            assert self._secret is not None  # noqa: S101 - for the type checker
            address = self._secret.resolve_value()
            if not address:
                raise ValueError("the secret that should be the address of an index is empty")
            self._index = AskedIndex(address)
        return self._index

    def _found(self, query: str, k: int, narrowed: Filter | None, *, alternatives: bool = False) -> Iterator[Document]:
        """Give the hits as documents, each with its near duplicates after it if these are wanted, of the same rank."""
        options: Any = {**self.options, "where": both(self._where, narrowed)}
        hits, generation = self._asked().search(query, k, **options)
        for hit in hits:
            yield _document(hit, hit.rank, generation)
            if alternatives:
                yield from (_document(copy, hit.rank, generation) for copy in hit.duplicates)


def _document(hit: Hit, rank: int, generation: str | None) -> Document:
    return Document(
        id=passage_id(hit),
        content=hit.passage.text,
        meta=passage_metadata(hit, rank=rank, generation=generation),
        score=hit.score,
    )


def _matching(found: list[Document], filters: dict[str, Any]) -> list[Document]:
    """Return the documents that the filters are for, of near duplicates the best one."""
    first: dict[int, Document] = {}
    for document in found:
        if document.meta["rank"] not in first and matches(filters, document):
            first[document.meta["rank"]] = document
    return list(first.values())
