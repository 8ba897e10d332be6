"""A text to its sentences, in its language. Pure functions.

sentencex knows the abbreviations of many languages; what it does not know of French, Russian and Arabic stands here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate, pairwise

from semsearch.languages import detect_language

__all__ = ["find_sentences", "sentence_starts"]

_SEGMENTED = 8_000
"""Characters that are given to sentencex at a time; few paragraphs are longer."""

_STOPS_WITHOUT_SPACE = frozenset("。！？｡．」』）")
_ABBREVIATIONS = {
    "ar": r"[\u0621-\u064a]",  # a letter: doctor, professor, page
    "de": r"Hrsg|Jh|\d{1,2}|\w\.\s?\w",  # such a number is an ordinal more often than an end
    "es": r"[A-ZÑ]|EE|UU|Ud|Uds|Dª|Dña|núm",
    "fr": r"[A-ZÉ]|MM|Mme|Mmes|Mlle|Mlles|Mgr|Dr|Pr|Me|St|Ste|cf|env|chap|éd|tél",
    "ru": r"[^\W\dяЯ]|\w\.\s?\w|ул|стр|ст|руб|тыс|млн|млрд|см",
}
_ENDS_IN_ABBREVIATION = {
    language: re.compile(rf"(?<!\w)(?:{words})\.\s*$") for language, words in _ABBREVIATIONS.items()
}
_LONGEST_ABBREVIATION = 12  # characters, the space after it among them
_GUESSED = "en"  # whose rules are for texts of no certain language


def find_sentences(text: str, language: str | None = None) -> list[tuple[int, int]]:
    """Return the spans of the sentences of ``text`` in order, without the white space around them.

    Args:
        text: The text.
        language: The code of its language; None to find out.
    """
    cuts = [0, *sentence_starts(text, 0, language or detect_language(text)), len(text)]
    spans = []
    for start, end in pairwise(cuts):
        part = text[start:end]
        if part.strip():
            spans.append((start + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip())))
    return spans


def sentence_starts(part: str, offset: int, language: str | None) -> list[int]:
    """Return where the sentences of a part of a text start, but for the first.

    Args:
        part: The part.
        offset: Where in the text it starts.
        language: The code of its language; None if that is not certain.
    """
    lengths = [len(sentence) for sentence in _segments(part, language or _GUESSED)]
    starts = list(accumulate(lengths[:-1]))
    # White space is no sentence: it stays with the one before. A stop inside a word ("ASP.NET") ends none.
    return [
        offset + at
        for at in starts
        if not part[at].isspace()
        and (part[at - 1].isspace() or part[at - 1] in _STOPS_WITHOUT_SPACE)
        and not _is_within(part, at, language)
    ]


def _is_within(part: str, at: int, language: str | None) -> bool:
    """Whether what is before ``at`` ends in an abbreviation that sentencex does not know, and the sentence goes on."""
    abbreviation = _ENDS_IN_ABBREVIATION.get(language or _GUESSED)
    return abbreviation is not None and bool(abbreviation.search(part[max(0, at - _LONGEST_ABBREVIATION) : at]))


def _segments(text: str, language: str) -> Iterator[str]:
    """Yield the sentences of a text as they follow each other, however long the text: sentencex's time is quadratic."""
    import sentencex

    at = 0
    while at < len(text):
        window = list(sentencex.segment(language, text[at : at + _SEGMENTED]))
        if at + _SEGMENTED < len(text):
            window = window[:-1] or window  # the last one may go on
        yield from window
        at += sum(map(len, window))
