"""The filter of a form: what commands, the API and agents let people say in fields of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from semsearch.filters._fields import field
from semsearch.filters._parts import And, Filter, Or
from semsearch.filters._reading import parse_filter

__all__ = ["AskedFilterError", "asked_filter"]


class AskedFilterError(ValueError):
    """One of the fields cannot be used.

    Attributes:
        name: Which one; None if each of them could, but not all together.
    """

    def __init__(self, name: str | None, message: str) -> None:
        super().__init__(message)
        self.name = name


def asked_filter(
    where: str | None = None,
    since: str | None = None,
    until: str | None = None,
    sources: Sequence[str | None] = (),
    articles: Sequence[str] = (),
) -> Filter | None:
    """Return the filter for which all of this holds; None if nothing is said.

    Args:
        where: A filter as text.
        since: A day, a month or a year: published then or later.
        until: Likewise: published then or before.
        sources: From one of these; None stands for the articles that have no source.
        articles: One of these, by their ids.

    Raises:
        AskedFilterError: If one of them makes no sense, or they are too much together.
    """
    parts: list[Filter] = []
    if where is not None:
        parts.append(_read("where", lambda: parse_filter(where)))
    if since is not None:
        parts.append(_read("since", lambda: field("published") >= since))
    if until is not None:
        parts.append(_read("until", lambda: field("published") <= until))
    if sources:
        parts.append(_read("sources", lambda: _of_sources(sources)))
    if articles:
        parts.append(_read("articles", lambda: field("id").isin(articles)))
    if len(parts) < 2:
        return parts[0] if parts else None
    return _read(None, lambda: And(tuple(parts)))  # each may be short enough, and all of them too long


def _of_sources(sources: Sequence[str | None]) -> Filter:
    named = [name for name in dict.fromkeys(sources) if name is not None]
    parts: list[Filter] = [field("source").isin(named)] if named else []
    if None in sources:
        parts.append(~field("source").exists())
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _read(name: str | None, make: Callable[[], Filter]) -> Filter:
    try:
        return make()
    except ValueError as error:
        raise AskedFilterError(name, str(error)) from None
