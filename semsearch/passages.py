"""An article to its passages: pure functions over text, every offset exact.

A passage is a paragraph, unless the paragraph

- is a heading or a fragment too short to stand alone: then it joins its neighbour;
- is longer than about :data:`TARGET_TOKENS` tokens: then it is split at sentence ends into parts of equal length,
  because passages of about 120 tokens retrieve best, and because a model reads nothing beyond its limit.

Every character of an article that is not white space is in exactly one passage, in order.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise

from semsearch.languages import detect_language, language_code
from semsearch.records import Article, Passage
from semsearch.sentences import sentence_starts

__all__ = [
    "TARGET_TOKENS",
    "CountTokens",
    "Paragraph",
    "article_context",
    "find_paragraphs",
    "readable",
    "spans_before_readable",
    "split_article",
    "split_text",
]

CountTokens = Callable[[Sequence[str]], list[int]]
"""Counts each text's tokens with the model's own tokenizer, without special tokens and without truncation."""

TARGET_TOKENS = 120
"""The length that long paragraphs are split to."""

_TITLE_TOKENS = 64
"""At most so much of a title is put before each passage: a quarter of what the default model reads."""

_TOLERANCE = 1.5
"""A paragraph is split only beyond ``_TOLERANCE * target``: the halves would be shorter than the target by more."""

_SCRAP = 4
"""A part of less than ``target / _SCRAP`` tokens joins its neighbour where both fit the limit."""

_CHARACTERS_PER_TOKEN = 20
"""No tokenizer's tokens are longer on average: what seems so is a run that it reads as one unknown token."""

_MOST_PER_TOKEN = 100
"""Characters, blanks among them, that count as a token whatever the tokenizer makes of them: tables have twenty."""

_FRAGMENT_WORDS = 8
"""A paragraph of fewer words does not stand alone."""

_HEADING_WORDS = 14
_LONG_WORD = re.compile(r"\S{100}(?=\S)")
_BLOCK = re.compile(r"\S(?:.*\S)?(?:[^\S\n]*\n[^\S\n]*\S(?:.*\S)?)*")
_LINE = re.compile(r"\S(?:.*\S)?")
_MARKDOWN_HEADING = re.compile(r"#{1,6}\s+\S")
_LIST_ITEM = re.compile(r"(?:[-*+•–]|\d{1,3}[.)])\s")
_SENTENCE_END = re.compile(r"[.!?…:;。！？؟।][\"'”’»)\]*_]*$")
_LONG_LINE = 120  # characters; beyond any column that people wrap text at
_HARD_STOP = re.compile(r"[,;:]\s|\s[–—-]\s")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph's character span in its article, and whether it is a heading."""

    start: int
    end: int
    is_heading: bool


def find_paragraphs(text: str) -> list[Paragraph]:
    """Return the paragraphs of ``text`` in order, headings among them.

    Blank lines separate paragraphs. A block of lines without a blank line is one paragraph that was wrapped, unless
    its lines are paragraphs themselves (a file with one line a paragraph).
    """
    paragraphs = []
    for block in _BLOCK.finditer(text):
        lines = [(block.start() + line.start(), block.start() + line.end()) for line in _LINE.finditer(block.group())]
        if not _lines_are_paragraphs([text[start:end] for start, end in lines]):
            lines = _headings_apart(text, lines)
        paragraphs += [Paragraph(start, end, _is_heading(text[start:end])) for start, end in lines]
    return paragraphs


def split_article(
    article: Article, count_tokens: CountTokens, *, limit: int, target: int = TARGET_TOKENS
) -> list[Passage]:
    """Split ``article`` into passages of at most ``limit`` tokens, long paragraphs into parts of about ``target``.

    Args:
        article: The article; one without text has no passages.
        count_tokens: Counts the tokens of texts with the model's own tokenizer.
        limit: The most tokens that the model reads of a passage, special tokens and prompt taken off.
        target: The length that long paragraphs are split to; at most ``limit`` is used.

    Returns:
        Passages in the order of the text. Words are never cut, but for a single word of more than ``limit`` tokens.

    Raises:
        ValueError: If ``limit`` or ``target`` is below 1.
    """
    if limit < 1 or target < 1:
        raise ValueError(f"limit and target must be at least 1 token, not {limit} and {target}")
    count_tokens = partial(_count_all, count_tokens=count_tokens)
    text = article.text
    starts = _SentenceStarts(text, article.metadata.get("language"))
    paragraphs = find_paragraphs(text)
    spans = _joined(text, paragraphs)
    counts = count_tokens([text[start:end] for start, end in spans])
    parts = [
        part
        for (start, end), tokens in zip(spans, counts, strict=True)
        for part in _split_span(starts, start, end, tokens, count_tokens, limit, target)
    ]
    body_ends = [paragraph.end for paragraph in paragraphs if not paragraph.is_heading]
    return [
        # The first paragraph that ends after the part begins; for a heading at the very end, the last.
        Passage(text[start:end], max(1, min(bisect_right(body_ends, start) + 1, len(body_ends))), start, end)
        for start, end in parts
    ]


def split_text(text: str, count_tokens: CountTokens, *, limit: int) -> list[str]:
    """Split any text into parts of at most ``limit`` tokens, at the same places as an article's paragraphs."""
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    if start >= end:
        return []
    count_tokens = partial(_count_all, count_tokens=count_tokens)
    (tokens,) = count_tokens([text])
    return [text[a:b] for a, b in _split_span(_SentenceStarts(text), start, end, tokens, count_tokens, limit, limit)]


def readable(text: str) -> str:
    """Return ``text`` as it is given to a model: words of over 100 characters are parted by spaces.

    A tokenizer reads such a word (a long address, letters without a space) as one unknown token, and the model then
    knows nothing of it.
    """
    return _LONG_WORD.sub(r"\g<0> ", text)


def spans_before_readable(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans in ``text`` of what has these ``spans`` in ``readable(text)``."""
    cuts = [at.end() + spaces for spaces, at in enumerate(_LONG_WORD.finditer(text))]  # where a space was put
    if not cuts:
        return list(spans)
    return [(start - bisect_left(cuts, start), end - bisect_left(cuts, end)) for start, end in spans]


def article_context(article: Article, count_tokens: CountTokens, *, limit: int) -> str:
    """Return what is put before a passage so that its vector knows the article: the title, on a line of its own.

    It is context, not text of the article. Of a title of more than 64 tokens, or a quarter of the ``limit`` of what the
    model reads, it is the first words; an article that is only a title has none.
    """
    if article.text.strip() == article.title:
        return ""
    limit = min(_TITLE_TOKENS, limit // 4)
    words = article.title.split()
    while words and _count_all([" ".join(words)], count_tokens=count_tokens)[0] > limit:
        words = words[: len(words) * 3 // 4]
    return " ".join(words) + "\n" if words else ""


# --- paragraphs -------------------------------------------------------------------------------------------------


def _lines_are_paragraphs(lines: list[str]) -> bool:
    """Whether each of these consecutive lines is a paragraph of its own rather than a wrapped one's part.

    Wrapped text fills a column, so that few of its lines end a sentence and none is long; paragraphs are longer than
    any column, or end where a sentence ends. The last line says nothing: it ends the paragraph either way.
    """
    if len(lines) < 2 or sum(bool(_LIST_ITEM.match(line)) for line in lines) * 2 > len(lines):
        return False
    if sum(len(line) > _LONG_LINE for line in lines) * 2 >= len(lines):
        return True
    inner = lines[:-1]
    return sum(bool(_SENTENCE_END.search(line)) for line in inner) >= max(2, 0.7 * len(inner))


def _headings_apart(text: str, lines: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join wrapped lines into one span, Markdown headings kept apart: they need no blank line around them."""
    spans: list[tuple[int, int]] = []
    after_heading = True
    for start, end in lines:
        heading = bool(_MARKDOWN_HEADING.match(text, start))
        if heading or after_heading:
            spans.append((start, end))
        else:
            spans[-1] = (spans[-1][0], end)
        after_heading = heading
    return spans


def _is_heading(paragraph: str) -> bool:
    if "\n" in paragraph:
        return False
    if _MARKDOWN_HEADING.match(paragraph):
        return True
    return (
        len(paragraph) <= _LONG_LINE
        and len(paragraph.split()) <= _HEADING_WORDS
        and paragraph[0] not in "\"'“‘«„([—–-"
        and not _SENTENCE_END.search(paragraph)
    )


def _joined(text: str, paragraphs: list[Paragraph]) -> list[tuple[int, int]]:
    """Return the spans of paragraphs that can stand alone, each with the headings and fragments that join it.

    A heading joins what follows, a fragment what precedes; at the text's ends both join what there is.
    """
    spans: list[tuple[int, int]] = []
    waiting: int | None = None  # where the headings and fragments begin that wait for the next paragraph
    for paragraph in paragraphs:
        fragment = _is_fragment(text[paragraph.start : paragraph.end])
        if paragraph.is_heading or (fragment and (waiting is not None or not spans)):
            waiting = paragraph.start if waiting is None else waiting
        elif fragment:
            spans[-1] = (spans[-1][0], paragraph.end)
        else:
            spans.append((paragraph.start if waiting is None else waiting, paragraph.end))
            waiting = None
    if waiting is not None:
        start = spans.pop()[0] if spans else waiting
        spans.append((start, paragraphs[-1].end))
    return spans


def _is_fragment(paragraph: str) -> bool:
    # Scripts without spaces have long "words": count those by characters.
    return len(paragraph.split()) < _FRAGMENT_WORDS and len(paragraph) < _FRAGMENT_WORDS * 6


# --- long paragraphs --------------------------------------------------------------------------------------------


class _SentenceStarts:
    """Where the sentences of a text start, by the rules of its language, which is found out when somebody asks."""

    def __init__(self, text: str, stated: object = None) -> None:
        self.text = text
        self._stated = stated

    def within(self, start: int, end: int) -> list[int]:
        return sentence_starts(self.text[start:end], start, self._language)

    @cached_property
    def _language(self) -> str | None:
        return language_code(self._stated) or detect_language(self.text)


def _count_all(texts: Sequence[str], *, count_tokens: CountTokens) -> list[int]:
    """Count tokens, and measure by its characters what the tokenizer reads as one unknown token, or as none.

    So a passage has an end in characters, too, though megabytes of blanks between two words are no tokens.
    """
    return [
        max(
            tokens,
            math.ceil(len(text) / _MOST_PER_TOKEN),
            len("".join(text.split())) // _CHARACTERS_PER_TOKEN if _LONG_WORD.search(text) else 0,
        )
        for text, tokens in zip(texts, count_tokens([readable(text) for text in texts]), strict=True)
    ]


def _split_span(
    sentences: _SentenceStarts, start: int, end: int, tokens: int, count_tokens: CountTokens, limit: int, target: int
) -> Iterator[tuple[int, int]]:
    """Yield the parts of what is between ``start`` and ``end``, of ``tokens`` tokens: all of it where that is short."""
    text, target = sentences.text, min(target, limit)
    if tokens <= min(limit, _TOLERANCE * target):
        yield start, end
        return
    cuts, counts = _atoms(sentences, start, end, count_tokens, limit)
    for first, last in _balanced(counts, limit, target):
        part_start, part_end = cuts[first], cuts[last]
        part = text[part_start:part_end]
        if part.strip():
            yield part_start + len(part) - len(part.lstrip()), part_end - len(part) + len(part.rstrip())


def _atoms(
    sentences: _SentenceStarts, start: int, end: int, count_tokens: CountTokens, limit: int
) -> tuple[list[int], list[int]]:
    """Return cut offsets, ``start`` and ``end`` among them, between which nothing is cut again, and the tokens between.

    Sentences; of a sentence beyond the limit its clauses; of a clause beyond the limit its words; of such a word its
    characters. Each level is asked only for what the level before left too long, and only that is counted again:
    counting tokens is most of what reading costs.
    """
    text = sentences.text
    cuts = [start, *sentences.within(start, end), end]
    counts = count_tokens([text[a:b] for a, b in pairwise(cuts)])
    for finer in (_clause_starts, _word_starts, partial(_character_runs, length=max(1, min(16, limit // 4)))):
        if max(counts) <= limit:
            break
        spans, before = list(pairwise(cuts)), counts
        cuts, counts = [start], []
        for (a, b), count in zip(spans, before, strict=True):
            parts = [a, *(finer(text[a:b], a) if count > limit else ()), b]
            cuts += parts[1:]
            counts += [count] if len(parts) == 2 else count_tokens([text[x:y] for x, y in pairwise(parts)])
    return cuts, counts


def _clause_starts(part: str, offset: int) -> list[int]:
    end = len(part.rstrip())
    return [offset + stop.end() for stop in _HARD_STOP.finditer(part) if stop.end() < end]


def _word_starts(part: str, offset: int) -> list[int]:
    spaces = (space.span() for space in re.finditer(r"\s+", part))
    return [offset + end for start, end in spaces if start > 0 and end < len(part)]


def _character_runs(part: str, offset: int, *, length: int) -> list[int]:
    # A character is a few tokens at most. Runs keep a megabyte without a space from becoming a million atoms.
    return list(range(offset + length, offset + len(part), length))


def _balanced(counts: list[int], limit: int, target: int) -> list[tuple[int, int]]:
    """Return runs ``(first, last)`` of atoms, about equally long, none above ``limit`` that could be shorter."""
    runs: list[tuple[int, int]] = []
    remaining = sum(counts)
    first = 0
    while first < len(counts):
        parts = max(1, round(remaining / target), math.ceil(remaining / limit))
        goal = remaining / parts
        last, length = first, 0
        while last < len(counts):
            grown = length + counts[last]
            if last > first and (grown > limit or grown - goal >= goal - length):
                break
            length = grown
            last += 1
        runs.append((first, last))
        remaining -= length
        first = last
    return _without_scraps(runs, counts, limit, target)


def _without_scraps(runs: list[tuple[int, int]], counts: list[int], limit: int, target: int) -> list[tuple[int, int]]:
    """Join a run that is too short to stand alone (a heading before a long sentence) to the next or the one before."""
    joined: list[tuple[int, int]] = []
    for first, last in runs:
        before = joined[-1][0] if joined else first
        scrap = min(sum(counts[before:first]), sum(counts[first:last])) * _SCRAP < target
        if joined and scrap and sum(counts[before:last]) <= limit:
            joined[-1] = (before, last)
        else:
            joined.append((first, last))
    return joined
