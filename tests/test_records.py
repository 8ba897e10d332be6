"""The nouns: what an article accepts, and what stays as it was made."""

from __future__ import annotations

import dataclasses
import datetime as dt
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch import Article, Hit, Passage, Progress
from semsearch.records import is_unicode, page_at

ARTICLE = Article(
    id="a",
    text="The troops arrived.",
    title="Arrival",
    published=dt.date(2022, 1, 7),
    source="Meridian",
    url="https://example.org/a",
    metadata={"tags": ["army"]},
)
PASSAGE = Passage(text="The troops arrived.", paragraph=1, start=0, end=19)
HIT = Hit(rank=1, score=0.5, passage=PASSAGE, article=ARTICLE)


def test_an_article_of_id_and_text_has_no_other_fields() -> None:
    article = Article(id="a", text="Text.")

    assert dataclasses.asdict(article) == {
        "id": "a",
        "text": "Text.",
        "title": "",
        "published": None,
        "source": None,
        "url": None,
        "metadata": {},
    }


def test_articles_do_not_share_the_metadata_that_they_were_not_given() -> None:
    assert Article(id="a", text="").metadata is not Article(id="b", text="").metadata


def test_the_text_of_an_article_may_be_empty() -> None:
    assert Article(id="a", text="").text == ""


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\u2003"])
def test_a_blank_id_is_refused(blank: str) -> None:
    with pytest.raises(ValueError, match=r"^an article's id must not be blank$"):
        Article(id=blank, text="Text.")


@pytest.mark.parametrize(
    ("field", "value", "given_type"),
    [
        ("id", 7, "int"),
        ("id", None, "NoneType"),
        ("text", b"bytes", "bytes"),
        ("text", None, "NoneType"),
        ("title", None, "NoneType"),
        ("title", ["Arrival"], "list"),
        ("source", 1.5, "float"),
        ("url", b"", "bytes"),
    ],
)
def test_a_field_that_is_not_text_is_refused_by_name_and_type(field: str, value: object, given_type: str) -> None:
    fields: dict[str, Any] = {"id": "a", "text": "Text.", field: value}

    with pytest.raises(ValueError, match=f"^an article's {field} must be text, not {given_type}$"):
        Article(**fields)


@pytest.mark.parametrize("field", ["id", "text", "title", "source", "url"])
def test_a_nul_character_is_refused_with_its_field_and_offset(field: str) -> None:
    fields: dict[str, Any] = {"id": "a", "text": "Text.", field: "abc\x00def"}

    with pytest.raises(ValueError, match=f"^{field} contains a NUL character at offset 3"):
        Article(**fields)


@pytest.mark.parametrize("field", ["id", "text", "title", "source", "url"])
@pytest.mark.parametrize("code", [0xD83D, 0xDE00, 0xDCE9])
def test_half_a_surrogate_pair_is_refused_with_its_field(field: str, code: int) -> None:
    fields: dict[str, Any] = {"id": "a", "text": "Text.", field: f"€uro{chr(code)}"}

    with pytest.raises(ValueError, match=f"^{field} contains half of a surrogate pair, which is not text$"):
        Article(**fields)


def test_a_character_beyond_the_basic_plane_is_text() -> None:
    assert Article(id="a", text="\U0001f600").text == "\U0001f600"


@settings(database=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_any_other_text_is_kept_as_it_is(text: str) -> None:
    article = Article(id="a", text=text, title=text, source=text, url=text)

    assert (article.text, article.title, article.source, article.url) == (text, text, text, text)


@pytest.mark.parametrize(
    "moment",
    [
        dt.datetime(2022, 1, 7, 23, 59),  # noqa: DTZ001 - archives hold such
        dt.datetime(2022, 1, 7, 23, 59, tzinfo=dt.timezone.utc),
        dt.datetime(2022, 1, 7, 23, 59, tzinfo=dt.timezone(dt.timedelta(hours=-8))),
    ],
)
def test_a_moment_of_publication_becomes_the_day_that_it_names(moment: dt.datetime) -> None:
    published = Article(id="a", text="", published=moment).published

    assert published == dt.date(2022, 1, 7)
    assert type(published) is dt.date


@pytest.mark.parametrize("value", ["2022-01-07", 20220107, (2022, 1, 7)])
def test_a_date_that_is_no_date_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^published must be a datetime\.date or None, not .*2022"):
        Article(id="a", text="", published=value)


@pytest.mark.parametrize("value", [None, "tags", [("tags", "army")]])
def test_metadata_that_is_no_mapping_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=f"^metadata must be a mapping, not {type(value).__name__}$"):
        Article(id="a", text="", metadata=value)


@pytest.mark.parametrize("noun", [ARTICLE, PASSAGE, HIT])
def test_a_noun_cannot_be_changed(noun: Any) -> None:
    for field in dataclasses.fields(noun):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(noun, field.name, None)


@pytest.mark.parametrize("noun", [ARTICLE, PASSAGE, HIT])
def test_a_noun_has_no_room_for_other_fields(noun: object) -> None:
    assert not hasattr(noun, "__dict__")


@pytest.mark.parametrize("noun", [ARTICLE, PASSAGE, HIT])
def test_a_noun_survives_pickling(noun: object) -> None:
    assert pickle.loads(pickle.dumps(noun)) == noun  # noqa: S301 - our own bytes


def test_articles_are_equal_if_all_their_fields_are() -> None:
    assert dataclasses.replace(ARTICLE) == ARTICLE
    assert dataclasses.replace(ARTICLE, metadata={}) != ARTICLE
    assert dataclasses.replace(ARTICLE, title="Departure") != ARTICLE


def test_an_article_with_metadata_can_be_in_a_set() -> None:
    assert {ARTICLE, dataclasses.replace(ARTICLE)} == {ARTICLE}


def test_progress_has_no_total_until_it_is_known() -> None:
    assert Progress("reading") == ("reading", 0, None)


@pytest.mark.parametrize(
    ("text", "whole"), [("", True), ("€ \U0001f600", True), (f"€{chr(0xD83D)}", False), (chr(0xDE00), False)]
)
def test_text_with_half_a_surrogate_pair_is_not_unicode(text: str, whole: bool) -> None:
    assert is_unicode(text) is whole


@pytest.mark.parametrize(("offset", "page"), [(0, "iv"), (9, "iv"), (10, "1"), (25, "1"), (40, "2"), (10**9, "2")])
def test_a_character_is_on_the_last_page_that_begins_before_it(offset: int, page: str) -> None:
    pages = [[0, "iv"], [10, "1"], [30, "2"]]
    assert page_at(dataclasses.replace(ARTICLE, metadata={"pages": pages}), offset) == page


@pytest.mark.parametrize("pages", [None, [], "12", 12, {"a": 1}, [1, 2], [[1]], [["1", "a"]], [[0, 1]], [[5, "a"]]])
def test_metadata_that_is_called_pages_and_is_none_has_no_page(pages: object) -> None:
    article = dataclasses.replace(ARTICLE, metadata={"pages": pages})
    assert page_at(article, 0) is None
    assert Hit(1, 0.5, Passage("The troops", 1, 0, 10), article).page is None
