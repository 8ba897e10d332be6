"""Copies of a passage as papers differ that print one wire story, and texts that only look like copies."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from semsearch.sentences import find_sentences

__all__ = ["BOTH_WAYS", "GOES_ON", "REPEATS", "UPDATES", "Make", "Source"]

_IZE = re.compile(r"(\w{4,})is(e[sd]?|ing|ation)\b")
_SPELLINGS = dict(
    zip(
        ("labour", "colour", "favour", "neighbour", "harbour", "centre", "metres", "kilometres", "tonnes", "towards"),
        ("labor", "color", "favor", "neighbor", "harbor", "center", "meters", "kilometers", "tons", "toward"),
        strict=True,
    )
) | dict(
    zip(
        ("honour", "theatre", "defence", "licence", "programme", "programmes", "travelled", "cancelled"),
        ("honor", "theater", "defense", "license", "program", "programs", "traveled", "canceled"),
        strict=True,
    )
)
_EDITS = {
    **dict.fromkeys(("also", "however", "very", "still"), ""),
    **dict(
        zip(
            ("but", "large", "nearly", "began", "about", "because", "government", "killed", "under", "would", "which"),
            ("however,", "big", "almost", "started", "around", "since", "cabinet", "slain", "below", "will", "that"),
            strict=True,
        )
    ),
}
_FILLERS = ("reportedly", "also", "now", "again", "there")
_NUMBER_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBER_WORD = re.compile(rf"\b({'|'.join(_NUMBER_WORDS)})\b")
_DATELINES = (
    *("LONDON, March 3 (Reuters) - ", "WASHINGTON (AP) — ", "BERLIN, 12 June (dpa) – "),
    *("GENEVA, Nov. 30, 2021 (AFP) -- ", "Nairobi (KNA) - ", "NEW YORK, Jan 7 (Cobalt Press) — "),
)
_AUTHORS = ("Miriam Oduya", "John K. Smith in London", "A. Petrov and Lena Brandt")


class Source(NamedTuple):
    """A passage that copies are made of.

    Attributes:
        article: The row of its article.
        folder: The folder that the article's file is in; of a BEIR collection all are in one.
        title: The article's.
        text: Its own.
        after: The passage of the article that comes next; blank if there is none.
        other: One of the article that does not touch this one; blank if there is none.
    """

    article: int
    folder: str
    title: str
    text: str
    after: str = ""
    other: str = ""


Make = Callable[[random.Random, Source], "str | None"]
"""Makes a text of a passage; None if there is nothing in it to do that to."""


def _same(_: random.Random, source: Source) -> str:
    return source.text


def _dateline(rng: random.Random, source: Source) -> str:
    return rng.choice(_DATELINES) + source.text


def _byline(rng: random.Random, source: Source) -> str:
    return f"By {rng.choice(_AUTHORS)}\n\n{_dateline(rng, source)}"


def _spelling(_: random.Random, source: Source) -> str | None:
    words = re.sub(r"[a-z]+", lambda match: _SPELLINGS.get(match[0], match[0]), source.text)
    return _changed(source, _IZE.sub(r"\1iz\2", words))


def _typography(_: random.Random, source: Source) -> str | None:
    plain = source.text
    for mark, key in zip("’‘“”–—", ("'", "'", '"', '"', "-", "--"), strict=True):
        plain = plain.replace(mark, key)
    if plain != source.text:
        return plain
    return _changed(source, re.sub(r'"([^"]*)"', r"“\1”", plain).replace("'", "’").replace(" - ", " – "))


def _thousands(_: random.Random, source: Source) -> str | None:
    return _changed(source, re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", source.text))


def _edited(rng: random.Random, source: Source, rate: float) -> str | None:
    words: list[str] = []
    for word in source.text.split(" "):
        if rng.random() >= rate:
            words.append(word)
        elif word in _EDITS or rng.random() < 0.5:
            words += filter(None, [_EDITS.get(word, "")])
        else:
            words += [word, rng.choice(_FILLERS)]
    return _changed(source, " ".join(words))


def _edited_little(rng: random.Random, source: Source) -> str | None:
    return _edited(rng, source, 0.03)


def _edited_more(rng: random.Random, source: Source) -> str | None:
    return _edited(rng, source, 0.08)


def _cut(rng: random.Random, source: Source) -> str | None:
    sentences = _sentences(source.text)
    if len(sentences) < 3:
        return None
    del sentences[rng.randrange(len(sentences))]
    return " ".join(sentences)


def _added(rng: random.Random, source: Source) -> str | None:
    sentences = _sentences(source.text)
    if len(sentences) < 2 or not source.other:
        return None
    sentences.insert(rng.randrange(1, len(sentences) + 1), rng.choice(_sentences(source.other)))
    return " ".join(sentences)


def _half(rng: random.Random, source: Source) -> str | None:
    sentences = _sentences(source.text)
    middle = len(sentences) // 2
    return " ".join(rng.choice([sentences[:middle], sentences[middle:]])) if middle else None


def _mixed(rng: random.Random, source: Source) -> str:
    for make in (_edited_little, _spelling, _typography):
        source = source._replace(text=make(rng, source) or source.text)
    return _dateline(rng, source)


def _mixed_cut(rng: random.Random, source: Source) -> str | None:
    short = _cut(rng, source)
    return None if short is None else _mixed(rng, source._replace(text=short))


def _number(rng: random.Random, source: Source) -> str | None:
    digits = list(re.finditer(r"\d(?![.,]?\d)", source.text))  # the last one of each number
    if not digits:
        return None
    digit = rng.choice(digits)
    return _put(source, digit, str((int(digit[0]) + rng.randrange(1, 9)) % 10))


def _number_word(rng: random.Random, source: Source) -> str | None:
    words = list(_NUMBER_WORD.finditer(source.text))
    if not words:
        return None
    word = rng.choice(words)
    return _put(source, word, rng.choice([other for other in _NUMBER_WORDS if other != word[0]]))


def _mixed_number(rng: random.Random, source: Source) -> str | None:
    updated = _number(rng, source)
    return None if updated is None else _mixed(rng, source._replace(text=updated))


def _with_next(_: random.Random, source: Source) -> str | None:
    return f"{source.text} {source.after}" if source.after else None


def _half_and_next(_: random.Random, source: Source) -> str | None:
    own, after = _sentences(source.text), _sentences(source.after)
    middle = len(own) // 2
    return " ".join(own[middle:] + after[: len(own) - middle]) if middle and after else None


def _changed(source: Source, copy: str) -> str | None:
    return copy if copy != source.text else None


def _put(source: Source, place: re.Match[str], word: str) -> str:
    return source.text[: place.start()] + word + source.text[place.end() :]


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in find_sentences(text)]


REPEATS: Mapping[str, Make] = {
    "another headline": _same,
    "dateline": _dateline,
    "byline and dateline": _byline,
    "American spelling": _spelling,
    "typography": _typography,
    "numbers without commas": _thousands,
    "a sentence cut": _cut,
    "a sentence added": _added,
    "3 % of the words edited": _edited_little,
    "8 % of the words edited": _edited_more,
    "one half of it": _half,
    "several of these": _mixed,
    "several and a sentence cut": _mixed_cut,
}
"""What should be folded under the original."""

BOTH_WAYS = frozenset(
    ("a sentence cut", "a sentence added", "8 % of the words edited", "several of these", "several and a sentence cut")
)
"""Those of them under which the original should be folded too, if it is ranked below."""

UPDATES: Mapping[str, Make] = {
    "another number": _number,
    "another number in words": _number_word,
    "another number, several of these": _mixed_number,
}
"""What says something else in the same words, and should be shown."""

GOES_ON: Mapping[str, Make] = {"all of it and what follows": _with_next, "half of it and what follows": _half_and_next}
"""What says as much again, and should be shown too."""
