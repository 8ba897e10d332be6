"""What a page says of its article in JSON-LD, in the terms of schema.org."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from typing import Any

__all__ = ["article_of", "linked_nodes", "names_of", "text_of"]

_MOST_CHARACTERS = 2 << 20  # of one script; the longest articles with all comments have less
_MOST_NODES = 1000
_WITHIN = ("@graph", "mainEntity", "mainEntityOfPage")
"""Where nodes are of which the page says that they are its own; ``itemListElement`` and ``hasPart`` are others."""
_MOST_NAMES = 20


def linked_nodes(scripts: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the objects of a page's JSON-LD that are its own, in their order; what is no JSON is passed over."""
    found: list[Mapping[str, Any]] = []
    for script in scripts:
        if len(script) > _MOST_CHARACTERS:
            continue
        try:
            stack = [json.loads(_unwrapped(script), strict=False)]
        except (ValueError, RecursionError):
            continue
        while stack and len(found) < _MOST_NODES:
            node = stack.pop()
            if isinstance(node, list):
                stack.extend(reversed(node[:_MOST_NODES]))
            elif isinstance(node, dict):
                found.append(node)
                stack.extend(node[name] for name in reversed(_WITHIN) if isinstance(node.get(name), dict | list))
    return found


def _unwrapped(script: str) -> str:
    """Return a script without the marks of a comment or of character data around it, and without a semicolon."""
    script = script.strip()
    for mark in ("//", "<!--", "<![CDATA["):
        script = script.removeprefix(mark).lstrip()
    for mark in ("-->", "]]>", "//", ";"):
        script = script.removesuffix(mark).rstrip()
    return script


def article_of(nodes: Sequence[Mapping[str, Any]], headlines: Sequence[str]) -> Mapping[str, Any] | None:
    """Return the node that is the page's article: of several the one with one of the ``headlines``, or the first."""
    articles = [node for node in nodes if any(map(_is_article, _types(node)))]
    known = {headline.casefold() for headline in headlines}
    same = (node for node in articles if text_of(node.get("headline")).casefold() in known)
    return next(same, articles[0] if articles else None)


def _types(node: Mapping[str, Any]) -> Iterator[str]:
    types = node.get("@type")
    for name in types if isinstance(types, list) else [types]:
        if isinstance(name, str):
            yield name.rpartition("/")[2]


def _is_article(name: str) -> bool:
    return name.endswith(("Article", "Posting")) or name in {"Report", "Review", "Recipe", "ClaimReview"}


def text_of(value: Any) -> str:
    """Return a text as one line without character references, empty if it is none."""
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, dict):
        value = value.get("@value")
    return " ".join(unescape(value).split()) if isinstance(value, str) else ""


def names_of(value: Any) -> list[str]:
    """Return the names of persons or organisations, given as texts, as objects or as a list of them."""
    names: list[str] = []
    for entry in (value if isinstance(value, list) else [value])[:_MOST_NAMES]:
        if isinstance(entry, dict):
            inner = entry.get("name")
            names.extend(map(text_of, inner[:_MOST_NAMES] if isinstance(inner, list) else [inner]))
        else:
            names.append(text_of(entry))
    return list(dict.fromkeys(filter(None, names)))
