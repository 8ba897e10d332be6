"""What is taken from a ranked list of passages: no story twice, not all from one article, not all of a kind.

Pure numpy. Texts and vectors come through functions, so that only what is looked at is read.

**Near duplicates.** An archive holds the same wire story as ten papers printed it. A passage that says what one above
it says is folded under that one: listed with it, but taking no place. Whether it does is decided by the words, which
vectors cannot do: to them an updated number of dead is nothing. Vectors only say which texts are worth reading.

A passage repeats another one if two thirds of its runs of three words stand in it (the containment of Broder, "On the
resemblance and containment of documents", 1997), and if not both have numbers, or names, that the other has not: the
one would be an update of the other. See :func:`repeated_share`.

It goes one way: what is cut from a story is folded under the whole of it, but a passage that goes on where the one
above it stops is shown. ``docs/ranking.md`` has what was measured.

**Diversity** is maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "ArticleGroup",
    "Chosen",
    "Duplicate",
    "TextsOf",
    "VectorsOf",
    "group_by_article",
    "repeated_share",
    "select",
]

VectorsOf = Callable[["NDArray[np.int64]"], "NDArray[np.float32]"]
"""Gives the unit vectors of rows: ``(n, dimension)`` float32."""

TextsOf = Callable[[Sequence[int]], Sequence[str]]
"""Gives the texts of rows, in their order."""

_SHINGLE = 3  # words
_REPEATED = 2 / 3
_SHARED_WORDS = 0.35  # of a passage's words must stand in another one before their runs are compared
_FEW_WORDS = 10
_LONG_WORDS = 25  # characters a different word, above which a text is in a script without spaces, or says little
# Cosines below which no text is read. Headlines are embedded with the passages, and those of copies differ; within an
# article, where only the same text is looked for, nothing does but rounding.
_NEAR = 0.4
_NEAR_IN_ARTICLE = 0.99


class Duplicate(NamedTuple):
    """A passage that was folded under a better one, and how much of its text stands there: 2/3 to 1."""

    row: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Chosen:
    """A passage that was taken.

    Attributes:
        row: Its row.
        score: Its score in the ranking, whatever it was taken for.
        article: The row of its article.
        duplicates: The candidates that were folded under it, in the order of the ranking.
    """

    row: int
    score: float
    article: int
    duplicates: tuple[Duplicate, ...] = ()


@dataclass(frozen=True, slots=True)
class ArticleGroup:
    """An article and the best of its passages, best first; its score is the best one's."""

    article: int
    score: float
    passages: tuple[Chosen, ...]


def select(
    rows: ArrayLike,
    scores: ArrayLike,
    k: int,
    *,
    articles: ArrayLike,
    vectors_of: VectorsOf,
    texts_of: TextsOf,
    fold_duplicates: bool = True,
    max_per_article: int | None = None,
    diversity: float = 0.0,
) -> list[Chosen]:
    """Take ``k`` passages from a ranking: fewer only if there are no more that may be shown.

    Each time the best candidate is taken, and all candidates below it that repeat it are folded under it, so that its
    list of duplicates is complete however small ``k`` is. Nothing is folded under what is not shown itself.

    Args:
        rows: The candidates, best first, each once.
        scores: Their scores. Those with equal scores keep the order in which they are given.
        k: How many to take.
        articles: The row of each candidate's article.
        vectors_of: Is asked once, for all candidates, and not at all if nothing is to be folded and ``diversity`` is 0.
        texts_of: Is asked for the candidates only that may repeat one another, for each once.
        fold_duplicates: Whether to fold. Passages of one article are folded only if their texts are the same.
        max_per_article: The most passages to take of an article; None for any number. Folded ones do not count.
        diversity: 0 takes the candidates in their order, 1 asks only for what is unlike all that was taken before; in
            between, what is taken next is the candidate with the highest
            ``(1 - diversity) * relevance - diversity * redundancy``. The relevance is the score as a share of the way
            from the worst candidate's score to the best one's, so that it is between 0 and 1 whatever the scores are
            (cosines, BM25 or other). The redundancy is the highest cosine with a passage that was taken. The first
            one taken is always the best one.

    Returns:
        The passages in the order in which they were taken: the ranking's, unless ``diversity`` changes it.

    Raises:
        ValueError: If an argument is out of its range, or the candidates are not a ranking.
    """
    ranking = _checked(rows, scores, articles)
    _check(k, max_per_article, diversity)
    if not len(ranking.rows):
        return []
    vectors = _vectors(ranking.rows, vectors_of) if fold_duplicates or diversity > 0 else None
    repeats = _Repeats(ranking, vectors, texts_of) if fold_duplicates and vectors is not None else None
    marginal = _Marginal(ranking, vectors, diversity) if diversity > 0 and vectors is not None else None
    left = np.ones(len(ranking.rows), dtype=bool)  # neither taken nor folded
    allowed = left.copy()  # left, and of an article that may have another one
    taken_of: Counter[int] = Counter()
    chosen: list[Chosen] = []
    while len(chosen) < k and allowed.any():
        place = int(np.argmax(allowed))
        if marginal is not None:
            place = marginal.best(allowed)
            place = place if repeats is None else repeats.instead_of(place, allowed)
            marginal.take(place)
        left[place] = False
        folded = [] if repeats is None else repeats.of(place, left)
        left[[other for other, _ in folded]] = False
        allowed &= left
        article = int(ranking.articles[place])
        taken_of[article] += 1
        if taken_of[article] == max_per_article:
            allowed &= ranking.articles != article
        duplicates = tuple(Duplicate(int(ranking.rows[other]), share) for other, share in folded)
        chosen.append(Chosen(int(ranking.rows[place]), float(ranking.scores[place]), article, duplicates))
    return chosen


def group_by_article(chosen: Sequence[Chosen], k: int, *, passages_per_article: int) -> list[ArticleGroup]:
    """Gather passages into the articles that they are of.

    Args:
        chosen: What :func:`select` took, of as many candidates as there are: what it did not take is in no group.
        k: How many articles.
        passages_per_article: The most passages of each.

    Returns:
        The articles in the order in which their first passages were taken, which is that of their best passages unless
        the selection was for diversity; each with its passages by score, those with equal scores in the order given.

    Raises:
        ValueError: If ``k`` or ``passages_per_article`` is below 1.
    """
    _check_at_least_one("k", k)
    _check_at_least_one("passages_per_article", passages_per_article)
    groups: dict[int, list[Chosen]] = {}
    for passage in chosen:
        if passage.article in groups or len(groups) < k:
            groups.setdefault(passage.article, []).append(passage)
    best = {article: sorted(group, key=lambda passage: -passage.score) for article, group in groups.items()}
    return [
        ArticleGroup(article, passages[0].score, tuple(passages[:passages_per_article]))
        for article, passages in best.items()
    ]


def repeated_share(text: str, leader: str) -> float:
    """Return how much of ``text`` stands in ``leader``: the share of its runs of three words, 0 to 1.

    Case, punctuation, typography, the way in which a number is written and a byline and dateline make no difference.
    It is 0 if each of the two has a number that the other has not, or a name: "12 killed" is not "14 killed", and "in
    Mali" not "in Congo", however much else is the same. A name is a word with a capital inside a sentence, so in German
    every noun; in a text of capitals none is seen.
    """
    said, before = _Wording(text), _Wording(leader)
    return 0.0 if _contradict(said, before) else _share(said, before)


# --- the ranking ------------------------------------------------------------------------------------------------------


class _Ranking(NamedTuple):
    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    articles: NDArray[np.int64]


def _checked(rows: ArrayLike, scores: ArrayLike, articles: ArrayLike) -> _Ranking:
    for name, given in (("rows", rows), ("articles", articles)):
        if np.asarray(given).dtype.kind not in "iu" and np.size(given):
            raise ValueError(f"{name} must be whole numbers, not {np.asarray(given).dtype}")
    ranking = _Ranking(
        np.asarray(rows, dtype=np.int64), np.asarray(scores, dtype=np.float64), np.asarray(articles, dtype=np.int64)
    )
    if ranking.rows.ndim != 1 or not ranking.rows.shape == ranking.scores.shape == ranking.articles.shape:
        shapes = ", ".join(str(part.shape) for part in ranking)
        raise ValueError(f"expected a score and an article for each of n rows, got the shapes {shapes}")
    if not np.isfinite(ranking.scores).all():
        raise ValueError("a score is not finite")
    if (np.diff(ranking.scores) > 0).any():
        place = int(np.argmax(np.diff(ranking.scores) > 0))
        raise ValueError(
            f"expected scores from the best down, got {ranking.scores[place]} before {ranking.scores[place + 1]}"
        )
    if len(set(ranking.rows.tolist())) < len(ranking.rows):
        raise ValueError("expected each row once")
    return ranking


def _check(k: int, max_per_article: int | None, diversity: float) -> None:
    _check_at_least_one("k", k)
    if max_per_article is not None:
        _check_at_least_one("max_per_article", max_per_article)
    if not 0 <= diversity <= 1:
        raise ValueError(f"diversity must be between 0 and 1, not {diversity}")


def _check_at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {value}")


def _vectors(rows: NDArray[np.int64], vectors_of: VectorsOf) -> NDArray[np.float32]:
    vectors = np.asarray(vectors_of(rows), dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != len(rows):
        raise ValueError(f"expected the vectors of {len(rows)} rows, got an array of shape {vectors.shape}")
    return vectors


# --- diversity --------------------------------------------------------------------------------------------------------


class _Marginal:
    """Maximal marginal relevance: see :func:`select`."""

    def __init__(self, ranking: _Ranking, vectors: NDArray[np.float32], diversity: float) -> None:
        self._vectors = vectors
        spread = ranking.scores[0] - ranking.scores[-1]
        relevance = (ranking.scores - ranking.scores[-1]) / spread if spread > 0 else np.zeros(len(vectors))
        self._relevance = (1 - diversity) * relevance
        self._diversity = diversity
        self._redundancy = np.full(len(vectors), -1.0)

    def best(self, allowed: NDArray[np.bool_]) -> int:
        """Return the allowed place to take next; the earliest of those that tie."""
        value = self._relevance - self._diversity * self._redundancy
        return int(np.argmax(np.where(allowed, value, -np.inf)))

    def take(self, place: int) -> None:
        np.maximum(self._redundancy, self._vectors @ self._vectors[place], out=self._redundancy)


# --- near duplicates --------------------------------------------------------------------------------------------------


class _Repeats:
    """Which candidates repeat which. Places are those of the ranking."""

    def __init__(self, ranking: _Ranking, vectors: NDArray[np.float32], texts_of: TextsOf) -> None:
        self._rows = ranking.rows
        self._articles = ranking.articles
        self._article_of = ranking.articles.tolist()  # numbers of numpy's are slow to compare one by one
        self._vectors = vectors
        self._texts_of = texts_of
        self._wordings: dict[int, _Wording] = {}

    def of(self, place: int, left: NDArray[np.bool_]) -> list[tuple[int, float]]:
        """Return the places below ``place`` that are left and repeat it, and how much of each does."""
        below = slice(place + 1, len(self._rows))
        shares = [(other, self._share(other, place)) for other in self._near(place, below, left)]
        return [(other, share) for other, share in shares if share >= _REPEATED]

    def instead_of(self, place: int, allowed: NDArray[np.bool_]) -> int:
        """Return the best allowed place that ``place`` repeats, or the best that this one repeats; else ``place``."""
        while True:
            above = self._near(place, slice(0, place), allowed)
            best = next((other for other in above if self._share(place, other) >= _REPEATED), None)
            if best is None:
                return place
            place = best

    def _near(self, place: int, among: slice, left: NDArray[np.bool_]) -> list[int]:
        """Return the places that may repeat ``place`` or be repeated by it, with all that is needed to tell."""
        cosines = self._vectors[among] @ self._vectors[place]
        least = np.where(self._articles[among] == self._articles[place], _NEAR_IN_ARTICLE, _NEAR)
        near: list[int] = (np.flatnonzero((cosines >= least) & left[among]) + among.start).tolist()
        unread = [other for other in (place, *near) if other not in self._wordings] if near else []
        if unread:
            texts = self._texts_of([int(self._rows[other]) for other in unread])
            self._wordings.update(zip(unread, map(_Wording, texts), strict=True))
        return near

    def _share(self, place: int, leader: int) -> float:
        said, before = self._wordings[place], self._wordings[leader]
        if self._article_of[place] == self._article_of[leader]:  # what an author says again is part of the article
            return float(said.plain == before.plain)
        if not _share_words(said, before):
            return 0.0
        share = _share(said, before)
        return share if share >= _REPEATED and not _contradict(said, before) else 0.0


def _share(said: _Wording, before: _Wording) -> float:
    """Return the share of the runs of words in ``said`` that stand in ``before``: Broder's containment."""
    if said.plain == before.plain:
        return 1.0
    length = min(_SHINGLE, len(said.words))
    runs = said.runs(length)
    return len(runs & before.runs(length)) / len(runs) if runs else 0.0


def _share_words(said: _Wording, before: _Wording) -> bool:
    """Whether they share words enough, told apart roughly, for one to repeat the other: most that are looked at do not.

    What has two thirds of its runs of three words from elsewhere has more than two thirds of its words from there. Here
    punctuation is part of a word, so that much fewer must do; what has too few, or is not written in words, may be all.
    """
    if said.is_of_few_words or before.is_of_few_words:
        return True
    return len(said.rough & before.rough) >= said.least_shared


def _contradict(said: _Wording, before: _Wording) -> bool:
    """Whether each has numbers, or names, that the other has not: then one was put for the other.

    Where only one of them has more than the other, something was added or cut, and what both say is the same.
    """
    return bool(
        (said.numbers - before.numbers and before.numbers - said.numbers)
        or (said.names - before.vocabulary and before.names - said.vocabulary)
    )


# A number is a word with its separators, and so is a letter of a script that puts no spaces between words.
_UNSPACED = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W\d_{_UNSPACED}]+|\d+(?:\.\d+)*")
_THOUSANDS = re.compile(r"[.,'’\u00a0\u202f](?=\d{3}(?!\d))(?<=\d.)(?<!\d{4}.)")
_DECIMAL_COMMA = re.compile(r",(?=\d)(?<=\d.)")
_BYLINE = re.compile(r"\s*[Bb]y\s[^\n]{1,80}\n")
_DATELINE = re.compile(
    r"\s*(?:(?:[^\W\d_][^\n():;!?]{0,60}\s)?\([^()\n]{2,30}\)"  # Place, date (Agency) -
    r"|(?P<place>[^\W\d_][^\n\d():;!?,]{1,30}?)(?:,[^\n():;!?]{1,30}?)?)"  # PLACE, date -
    r"\s?(?:--|[-–—])\s"
)
_IN_SENTENCE = re.compile(r"(?:(?<=[^\W_]\s)|(?<=[^\W_][,;)]\s)|(?<=[^\W_]-))[^\W\d_]+")
_NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate(
        (
            *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
            *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
        )
    )
}


class _Wording:
    """A text as it is compared with others. What only few comparisons need is found when it is asked for.

    Attributes:
        rough: What stands between white space.
        least_shared: How many of them must stand in another text before their runs are compared.
        is_of_few_words: Whether that says nothing, as the text has too few or is not written in words.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._runs: dict[int, frozenset[int]] = {}
        self.rough = frozenset(text.casefold().split())
        self.least_shared = _SHARED_WORDS * len(self.rough)
        self.is_of_few_words = len(text) > _LONG_WORDS * len(self.rough) or len(self.rough) < _FEW_WORDS

    @cached_property
    def plain(self) -> str:
        return " ".join(self._text.split())

    @cached_property
    def _body(self) -> str:
        text = _DECIMAL_COMMA.sub(".", _THOUSANDS.sub("", self._text)).replace("\u00ad", "")
        return _without_dateline(unicodedata.normalize("NFKC", text))

    @cached_property
    def words(self) -> list[str]:
        return [_NUMBER_WORDS.get(word, word) for word in _WORD.findall(self._body.casefold())]

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        return frozenset(self.words)

    @cached_property
    def numbers(self) -> Counter[str]:
        return Counter(word for word in self.words if word[0].isdecimal())

    @cached_property
    def names(self) -> frozenset[str]:
        body = self._body
        if sum(map(str.isupper, body)) > sum(map(str.islower, body)):
            return frozenset()
        found = [name for name in _IN_SENTENCE.findall(body) if name[0].isupper()]
        return frozenset(_NUMBER_WORDS.get(name.casefold(), name.casefold()) for name in found)

    def runs(self, length: int) -> frozenset[int]:
        """Return the runs of ``length`` words, as their hashes; none if that is 0."""
        if length not in self._runs:
            runs = zip(*(self.words[start:] for start in range(length)), strict=False)
            self._runs[length] = frozenset(map(hash, runs))  # tuples forget their hashes, numbers are their own
        return self._runs[length]


def _without_dateline(text: str) -> str:
    """Take off what a paper puts before an agency's text: a byline, then "London, 3 March (Reuters) –"."""
    byline = _BYLINE.match(text)
    start = byline.end() if byline else 0
    dateline = _DATELINE.match(text, start)
    if dateline and ((place := dateline["place"]) is None or (place.isupper() and len(place.strip()) > 1)):
        start = dateline.end()
    return text[start:]
