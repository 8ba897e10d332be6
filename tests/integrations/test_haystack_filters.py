"""Haystack's filters over an archive keep what Haystack's own function keeps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from haystack import Document
from haystack.errors import FilterError
from haystack.testing.document_store import FilterDocumentsTest, create_filterable_docs
from haystack.utils.filters import document_matches_filter
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import semsearch
from semsearch.integrations.haystack import SemsearchRetriever

_EVERYTHING: Any = {"mode": "dense", "fold_duplicates": False, "evidence": False}
_TAKEN = ("page", "date")
"""Names in the documents of Haystack's tests that mean something else here: their articles have them in metadata."""


# --- Haystack's own tests ---------------------------------------------------------------------------------------


class ReadStore:
    """As much of a document store as Haystack's tests of filters ask: what is written is indexed, and found again."""

    def __init__(self, index: Path) -> None:
        self._index = index
        self._written: dict[str, Document] = {}

    def write_documents(self, documents: list[Document]) -> None:
        if [document.id for document in documents] == [*self._written]:
            return  # all of the tests write the same
        self._written = {document.id: document for document in documents}
        articles = [
            semsearch.Article(id=document.id, text=document.content or "", metadata=document.meta)
            for document in documents
        ]
        semsearch.build_index(articles, self._index)

    @property
    def documents(self) -> list[Document]:
        return [*self._written.values()]

    def filter_documents(self, filters: dict[str, Any] | None = None) -> list[Document]:
        if not self._written:
            return []
        with semsearch.open_index(self._index) as searcher:
            retriever = SemsearchRetriever(searcher, top_k=len(searcher), options=_EVERYTHING)
            found = retriever.run("document", filters=_in_metadata(filters))["documents"]
        return [self._written[document.meta["article_id"]] for document in found]


def _in_metadata(filters: Any) -> Any:
    """Return the filters with the names that are taken as the articles' own metadata have them."""
    if isinstance(filters, dict):
        field = {
            key: f"meta.metadata.{value.removeprefix('meta.')}"
            for key, value in filters.items()
            if key == "field" and value.removeprefix("meta.") in _TAKEN
        }
        return {key: _in_metadata(value) for key, value in filters.items()} | field
    return [_in_metadata(each) for each in filters] if isinstance(filters, list) else filters


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> ReadStore:
    """The store that Haystack's tests ask, written once."""
    store = ReadStore(tmp_path_factory.mktemp("store") / "index")
    store.write_documents(create_filterable_docs())
    return store


class TestByHaystacksOwnTests(FilterDocumentsTest):
    @pytest.fixture
    def document_store(self, written: ReadStore, request: pytest.FixtureRequest, tmp_path: Path) -> ReadStore:
        return ReadStore(tmp_path / "index") if request.node.name == "test_no_filters" else written

    @pytest.fixture
    def filterable_docs(self, written: ReadStore) -> list[Document]:
        return written.documents

    @staticmethod
    def assert_documents_are_equal(received: list[Document], expected: list[Document]) -> None:
        # A ranking has an order of its own.
        assert sorted(received, key=lambda document: document.id) == sorted(expected, key=lambda document: document.id)


# --- and for all filters ----------------------------------------------------------------------------------------

_TEXTS = [
    *("world", "World", "WORLD", "Straße", "STRASSE", "ﬁ", "fi", "350", "3.5", "true", "2024", "2024-05", "x y", ""),
    *("2024-05-17", "2024-05-17T10:00:00", "2024-05-17T10:00:00+00:00", "2024-05-17 12:00:00+02:00", "2024-05-18"),
    *("2024-05-16T23:30:00-05:00", "2024-05-17T00:00:00", "20240517", "17 May 2024", "May 2024", "2024-13-45", "10:30"),
    *("2024-05-16T24:00", "0001-01-01", "9999-12-31", "2024-05-31"),
]
_NO_DATES = ["350", "3.5", "2024", "2024-05", "20240517", "17 May 2024", "May 2024", "10:30"]
"""Which Haystack takes for dates, the missing parts today's."""
_NUMBERS = [0, 1, -1, 2, 3.5, 350, 2024, 2024.0, 2**53 + 1, 2**63, 2**64, 2**64 + 1, 1e300, 10**400, True, False]
_SCALARS = [*_TEXTS, *_NUMBERS, None]
_DAYS = [
    None,
    dt.date(2024, 5, 17),
    dt.date(2024, 5, 16),
    dt.date(2024, 5, 18),
    dt.date(2023, 1, 1),
    dt.date(2024, 5, 1),
]
_FIELDS = ["meta.a", "a", "meta.b", "meta.deep.a", "meta.deep.b", "meta.title", "meta.source", "meta.url"]
_OF_DAYS = ["meta.published", "meta.date"]
_NAMED = ["meta.article_id", "meta.id", "meta.metadata.title"]


def _articles() -> Iterator[semsearch.Article]:
    values: list[Any] = [*_SCALARS, [], ["world"], ["350", 1], {}, {"a": 1}, [None]]
    for number, value in enumerate(values):
        other = values[(number * 7 + 3) % len(values)]
        metadata = {"a": value, "deep": {"a": other, "b": value} if number % 3 else other, "title": other}
        if number % 4:
            metadata["b"] = other
        text = str(value) if isinstance(value, str) else ""
        yield semsearch.Article(
            id=f"article {number}",
            text=f"The convoy number {number} crossed the river before dawn.",
            title=text,
            published=_DAYS[number % len(_DAYS)],
            source=text if number % 2 else None,
            url=str(other) if isinstance(other, str) else None,
            metadata=metadata,
        )


# Days without a place are what is tested.
_datetimes = st.sampled_from(
    [
        dt.datetime(2024, 5, 17),  # noqa: DTZ001
        dt.datetime(2024, 5, 17, 10),  # noqa: DTZ001
        dt.datetime(2024, 5, 17, 10, tzinfo=dt.timezone.utc),
        dt.datetime(2024, 5, 16, 23, 30, tzinfo=dt.timezone(dt.timedelta(hours=-5))),
        dt.datetime(1, 1, 1),  # noqa: DTZ001
        dt.datetime(9999, 12, 31, 23),  # noqa: DTZ001
    ]
)
_values = st.one_of(
    st.sampled_from(_SCALARS),
    _datetimes,
    st.sampled_from(
        [[], ["world"], ["350", 1], {}, {"a": 1}, float("nan"), float("inf"), -float("inf"), dt.date(2024, 5, 17)]
    ),
    st.sampled_from([f"article {number}" for number in range(5)]),
)
_fields = st.sampled_from([*_FIELDS, *_OF_DAYS, *_OF_DAYS, *_NAMED])


def _comparison(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


_comparisons = st.one_of(
    st.builds(_comparison, _fields, st.sampled_from(["==", "!="]), _values),
    st.builds(_comparison, _fields, st.sampled_from(["<", "<=", ">", ">="]), _values),
    st.builds(_comparison, _fields, st.sampled_from(["in", "not in"]), st.lists(_values, max_size=4)),
)
_filters = st.recursive(
    _comparisons,
    lambda parts: st.builds(
        lambda operator, conditions: {"operator": operator, "conditions": conditions},
        st.sampled_from(["AND", "OR", "NOT"]),
        st.lists(parts, max_size=3),
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, dict[str, Document]]]:
    index = tmp_path_factory.mktemp("filters") / "index"
    semsearch.build_index(_articles(), index)
    with semsearch.open_index(index) as searcher:
        retriever = SemsearchRetriever(searcher, top_k=len(searcher), options=_EVERYTHING)
        documents = {document.meta["article_id"]: document for document in retriever.run("convoy")["documents"]}
        assert len(documents) == len(searcher)
        yield retriever, documents


def _as_haystack_has_it(filters: dict[str, Any]) -> dict[str, Any]:
    """Return the filters with the fields that have two names called by that of the metadata."""
    if "field" in filters:
        names = {"meta.date": "meta.published", "meta.id": "meta.article_id"}
        return {**filters, "field": names.get(filters["field"], filters["field"])}
    return {**filters, "conditions": [_as_haystack_has_it(one) for one in filters["conditions"]]}


def _kept(filters: dict[str, Any], document: Document) -> bool:
    """Whether Haystack keeps a document; one that it cannot compare is not kept."""
    try:
        return document_matches_filter(_as_haystack_has_it(filters), document)
    except (FilterError, TypeError):
        return False


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(filters=_filters)
@example(filters=_comparison("meta.date", ">=", "2024-05-17"))
@example(filters={"operator": "NOT", "conditions": [_comparison("meta.date", ">", "2024-05-17T10:00:00")]})
@example(filters=_comparison("meta.a", ">", "2024-05-20"))
@example(filters=_comparison("meta.a", "<", 10**400))
@example(filters=_comparison("meta.a", "in", [-(10**400), "world"]))
def test_what_is_found_is_what_haystack_itself_keeps(
    everything: tuple[Any, dict[str, Document]], filters: dict[str, Any]
) -> None:
    retriever, documents = everything
    try:
        found = retriever.run("convoy", filters=filters)["documents"]
    except FilterError:
        assert _refused(filters, documents)
        return
    kept = {name for name, document in documents.items() if _kept(filters, document)}
    assert {document.meta["article_id"] for document in found} == kept, filters


def _refused(filters: dict[str, Any], documents: dict[str, Document]) -> bool:
    """Whether one of the comparisons is refused by Haystack too, for a document that has something to compare."""
    if "field" not in filters:
        return any(_refused(one, documents) for one in filters["conditions"])
    if filters["operator"] in ("<", "<=", ">", ">=") and filters["value"] in _NO_DATES:
        return True
    value = Document(content="", meta={"x": "2024-05-17"})
    try:
        document_matches_filter({**filters, "field": "meta.x"}, value)
    except (FilterError, TypeError):
        return True
    return False
