"""What is asked: plain text, and between quotation marks the phrases that an answer must contain. Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Query", "parse_query"]

_MARKS = '"“”„«»'
_UNSPACED = "\u3005-\u3007\u3041-\u30ff\u3400-\u9fff"  # scripts in which marks stand between letters
# A mark that follows a letter or digit closes or is an inch or second (5"); one before a letter or digit opens. The
# French put a space after the mark that opens, and another one before the mark that closes; Chinese and Japanese
# neither before the one nor after the other.
_OPENING = re.compile(rf"(?:(?<![^\W_])|(?<=[{_UNSPACED}]))(?:[{_MARKS}](?=\S)|«(?=\s))")
_CLOSING = re.compile(rf"[{_MARKS}](?:(?![^\W_])|(?=[{_UNSPACED}]))")


@dataclass(frozen=True, slots=True)
class Query:
    """A question.

    Attributes:
        text: What is searched for, without the marks around phrases.
        phrases: What stood between quotation marks: a passage, or its title, must contain every one of them.
    """

    text: str
    phrases: tuple[str, ...] = ()


def parse_query(text: str) -> Query:
    """Read a query: ``"..."`` around words makes them a phrase that must be found; so do “...”, „...“ and «...».

    Raises:
        ValueError: If a quotation mark opens a phrase that none closes, or there is nothing between two.
    """
    phrases = []
    plain = []
    at = 0
    while opening := _OPENING.search(text, at):
        closing = _CLOSING.search(text, opening.end())
        if closing is None:
            raise ValueError(
                f"the quotation mark at character {opening.start() + 1} of the query, before "
                f"{text[opening.end() : opening.end() + 20]!r}, has no partner: close the phrase, or leave the mark out"
            )
        phrase = " ".join(text[opening.end() : closing.start()].split())
        if not any(character.isalnum() for character in phrase):
            raise ValueError(
                f"there is no word between the quotation marks at character {opening.start() + 1} of the query"
            )
        phrases.append(phrase)
        plain += [text[at : opening.start()], phrase]
        at = closing.end()
    return Query("".join([*plain, text[at:]]), tuple(phrases))
