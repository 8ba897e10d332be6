"""A retriever for LlamaIndex; needs the extra ``llama-index``.

>>> from semsearch.integrations.llama_index import SemsearchRetriever
>>> retriever = SemsearchRetriever("index", similarity_top_k=5, where="date >= 2020")
>>> retriever.retrieve("who pays for the mission")
"""

from __future__ import annotations

import asyncio
import os
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from semsearch.integrations._index import AskedIndex, both, check_k, check_options, missing
from semsearch.integrations._passages import OF_THE_ANSWER, article_path, passage_id, passage_metadata

try:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import (
        NodeRelationship,
        NodeWithScore,
        ObjectType,
        QueryBundle,
        RelatedNodeInfo,
        TextNode,
    )
    from llama_index.core.vector_stores import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters
except ImportError as error:
    raise missing(__name__, "llama-index") from error

if TYPE_CHECKING:
    from semsearch.filters import Filter
    from semsearch.records import Hit
    from semsearch.searching import LiveIndex, Searcher

__all__ = ["SemsearchRetriever", "to_filter"]


class SemsearchRetriever(BaseRetriever):
    """Passages of an archive as nodes of LlamaIndex.

    A node's text is the passage, its id names it for as long as its article is the same, its characters are those of
    the article, which is its source node, and its metadata is what it takes to cite it. Of that an embedding model is
    shown the title, and a language model the citation.

    Args:
        index: The folder of an index, its address in an engine, a :class:`~semsearch.Searcher` or a
            :class:`~semsearch.LiveIndex`. What is named is opened at the first question, followed when it is rebuilt,
            and closed by :meth:`close` or with the retriever; what is open stays its owner's.
        similarity_top_k: How many nodes, at most.
        where: Only articles for which this holds: a :class:`~semsearch.Filter` or its text.
        filters: The same as LlamaIndex has it: see :func:`to_filter`. If both are given, both must hold.
        callback_manager: LlamaIndex's.
        verbose: LlamaIndex's.
        **options: Others of :class:`~semsearch.SearchOptions`.

    Raises:
        ValueError: If one of them makes no sense.
    """

    def __init__(
        self,
        index: str | os.PathLike[str] | Searcher | LiveIndex | AskedIndex = "index",
        *,
        similarity_top_k: int = 10,
        where: Filter | str | None = None,
        filters: MetadataFilters | None = None,
        callback_manager: Any = None,
        verbose: bool = False,
        **options: Any,
    ) -> None:
        check_options(options)
        check_k("similarity_top_k", similarity_top_k)
        self.similarity_top_k = similarity_top_k
        self._index = AskedIndex.of(index)
        self._where = both(where, None if filters is None else to_filter(filters))
        self._options = options
        super().__init__(callback_manager=callback_manager, verbose=verbose)

    def close(self) -> None:
        """Let go of the index, if it was opened by this retriever. Another question opens it again."""
        self._index.close()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        hits, generation = self._index.search(
            query_bundle.query_str, self.similarity_top_k, **{**self._options, "where": self._where}
        )
        return [_node(hit, generation) for hit in hits]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)


class _Passage(TextNode):
    """A node whose hash is that of the passage, whatever it was found for.

    What fuses the answers to several questions adds up the scores of nodes of the same hash. LlamaIndex makes it of the
    text and all of the metadata, and the passage's score is in these.
    """

    @property
    def hash(self) -> str:
        lasting = {name: value for name, value in self.metadata.items() if name not in OF_THE_ANSWER}
        return sha256(f"{self.text}{lasting}".encode("utf-8", "surrogatepass")).hexdigest()


def _node(hit: Hit, generation: str | None) -> NodeWithScore:
    metadata = passage_metadata(hit, rank=hit.rank, generation=generation)
    node = _Passage(
        id_=passage_id(hit),
        text=hit.passage.text,
        extra_info=metadata,  # the metadata, as pydantic has it for type checkers
        start_char_idx=hit.passage.start,
        end_char_idx=hit.passage.end,
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=hit.article.id, node_type=ObjectType.DOCUMENT)},
        excluded_embed_metadata_keys=[name for name in metadata if name != "title"],
        excluded_llm_metadata_keys=[name for name in metadata if name != "citation"],
    )
    return NodeWithScore(node=node, score=hit.score)


def to_filter(filters: MetadataFilters) -> Filter | None:
    """Return the filter that LlamaIndex's metadata filters state; None if there are none of them.

    Keys are what a node's metadata calls things: ``source``, ``published`` (or ``date``), ``article_id``, and the
    names of an article's own metadata, ``section.name`` for what is deeper down. Values are compared as in
    :mod:`semsearch.filters`: texts without regard to case, dates by day, month or year, any element of a list.

    Raises:
        ValueError: If they are no such filters, a key is of a passage, or an operator compares parts of texts, which no
            filter does.
    """
    from semsearch.filters import And, Not, Or

    if not isinstance(filters, MetadataFilters):
        raise ValueError(
            f"filters must be MetadataFilters of LlamaIndex, not {filters!r}; a filter's text is for where"
        )
    parts: list[Filter] = []
    for one in filters.filters:
        part = to_filter(one) if isinstance(one, MetadataFilters) else _compared(one)
        parts += [] if part is None else [part]
    if not parts:
        return None
    condition = filters.condition or FilterCondition.AND
    joined = parts[0] if len(parts) == 1 else (And if condition == FilterCondition.AND else Or)(tuple(parts))
    return Not(joined) if condition == FilterCondition.NOT else joined


def _compared(one: MetadataFilter) -> Filter:
    """Return the filter of one comparison."""
    from semsearch.filters import And, Exists, Field, Not

    field, operator, value = Field(article_path(one.key)), one.operator, one.value
    several = value if isinstance(value, list) else [value]
    if operator == FilterOperator.IS_EMPTY:
        return Not(field.exists())
    if value is None and operator in (FilterOperator.EQ, FilterOperator.NE):
        return Not(field.exists()) if operator == FilterOperator.EQ else Exists(field.path)
    if operator in (FilterOperator.IN, FilterOperator.ANY):
        return field.isin(several)
    if operator == FilterOperator.NIN:
        return Not(field.isin(several))
    if operator == FilterOperator.ALL:
        equal = tuple(field == each for each in several)
        return equal[0] if len(equal) == 1 else And(equal)
    compare = {
        FilterOperator.EQ: field.__eq__,
        FilterOperator.NE: field.__ne__,
        FilterOperator.CONTAINS: field.__eq__,
        FilterOperator.LT: field.__lt__,
        FilterOperator.LTE: field.__le__,
        FilterOperator.GT: field.__gt__,
        FilterOperator.GTE: field.__ge__,
    }
    if operator not in compare:
        raise ValueError(f"{operator.value} on {one.key}: a filter compares whole values, and finds no parts of texts")
    return compare[operator](value)
