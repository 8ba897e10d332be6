"""What the tools can be told. Every limit that a schema can state is stated there."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = ["ListSources", "ReadArticle", "Search", "Similar"]

MOST_HITS = 50
LONGEST_QUERY = 2000
LONGEST_FILTER = 4000
LONGEST_ID = 4000


def _as_list(given: Any) -> Any:
    """Take one name for a list of it, and a list that was written as JSON for what it says: some clients send these."""
    if not isinstance(given, str):
        return given
    if given.startswith("["):
        try:
            return json.loads(given)
        except (ValueError, RecursionError):  # which thousands of brackets are
            pass
    return [given]


_Date = Annotated[
    str | None,
    Field(max_length=20, description="A day, month or year: 2022-01-07, 2022-01 or 2022.", examples=["2022-01"]),
]


class _Arguments(BaseModel):
    # An argument that is not known is refused: a filter that was misspelled must not be a search without one.
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)


class _Filters(_Arguments):
    since: _Date = None
    until: _Date = None
    sources: Annotated[
        Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=100)] | None,
        BeforeValidator(_as_list),
        Field(
            description="Only articles from one of these sources, named as list_sources does; an empty name means "
            "those without a source."
        ),
    ] = None
    where: str | None = Field(
        default=None,
        max_length=LONGEST_FILTER,
        description="Only articles for which this holds. Fields: id, title, source, url, date, and names of metadata. "
        "Operators: = != < <= > >= in (…), has FIELD, and, or, not, brackets. Text with spaces in double quotes.",
        examples=['author = "Helena Marsh" and date >= 2022-01', "tags in (elections, courts) and not has url"],
    )


class Search(_Filters):
    """Arguments of ``search``."""

    query: str = Field(
        min_length=1,
        max_length=LONGEST_QUERY,
        description="What is asked for, in plain words; a whole question is best. What stands in double quotation "
        "marks must be found as it stands.",
        examples=["who pays for the mission", '"peacekeeping force" rules of engagement'],
    )
    k: int = Field(default=8, ge=1, le=MOST_HITS, description="How many passages, at most.")
    max_per_article: int | None = Field(
        default=None, ge=1, le=MOST_HITS, description="At most so many passages of one article: 1 to see many articles."
    )
    mode: Literal["hybrid", "dense", "lexical"] = Field(
        default="hybrid",
        description="hybrid ranks by meaning and words and is best; dense by meaning alone, lexical by words.",
    )


class Similar(_Filters):
    """Arguments of ``similar``."""

    article_id: str = Field(min_length=1, max_length=LONGEST_ID, description="The article's id, as a hit has it.")
    paragraph: int | None = Field(default=None, ge=1, description="Like this paragraph alone, by its number.")
    k: int = Field(default=8, ge=1, le=MOST_HITS, description="How many passages, at most; one of each article.")


class ReadArticle(_Arguments):
    """Arguments of ``read_article``."""

    article_id: str = Field(min_length=1, max_length=LONGEST_ID, description="The article's id, as a hit has it.")
    paragraph: int | None = Field(default=None, ge=1, description="Read around this paragraph, by its number.")
    start: int | None = Field(default=None, ge=0, description="Read around the passage that starts at this character.")
    end: int | None = Field(default=None, ge=1, description="Where that passage ends; needs start.")
    read_from: int | None = Field(
        default=None, ge=0, description="Read on from this character: the continue_at of the answer before."
    )
    before: int = Field(default=2, ge=0, le=100, description="How many paragraphs before that place.")
    after: int = Field(default=2, ge=0, le=100, description="How many paragraphs after it.")
    max_characters: int = Field(
        default=8000, ge=200, le=40_000, description="At most so many characters of the article."
    )


class ListSources(_Arguments):
    """Arguments of ``list_sources``."""
