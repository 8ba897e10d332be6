"""What is asked of an engine, and nothing that one of them could not do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from semsearch.filters import Filter
    from semsearch.records import Article, SourceSummary

__all__ = [
    "ARTICLE_BITS",
    "MOST_PASSAGES",
    "Batch",
    "Capabilities",
    "Collection",
    "Engine",
    "EngineArticle",
    "Found",
    "PassageRows",
    "Unit",
    "Where",
    "Words",
    "article_of",
    "first_passage",
]

ARTICLE_BITS = 20
"""An article's passages have the rows from ``row << ARTICLE_BITS`` on, in their order."""

MOST_PASSAGES = 1 << ARTICLE_BITS
"""Of an article."""

Unit = Literal["articles", "passages"]

_Rows = TypeVar("_Rows", int, "NDArray[np.int64]")


def article_of(passages: _Rows) -> _Rows:
    """Return the rows of the articles that passages are of."""
    return passages >> ARTICLE_BITS


def first_passage(articles: _Rows) -> _Rows:
    """Return the row of the first passage of each article."""
    return articles << ARTICLE_BITS


# --- what goes in and comes out ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EngineArticle:
    """An article as an engine keeps it.

    Attributes:
        row: Its number, 0 to 2**43 - 1.
        article: The article.
        place: Where it was read, as people are shown it.
        digest: What identifies its content, 16 bytes.
        passages: How many it has.
        tokens: The tokens of these and of the titles before them.
        truncated: Those of them that are beyond the embedder's limit.
        vector: ``(dimension,)`` float16, of length 1: the mean direction of its passages, of a long article the first
            64.
    """

    row: int
    article: Article
    place: str
    digest: bytes
    passages: int
    tokens: int
    truncated: int
    vector: NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Batch:
    """Whole articles with all of their passages, both in the order of their rows.

    Attributes:
        articles: The articles.
        rows: ``(n,)`` int64, ascending: the passages' rows; those of each article are ``first_passage(article.row)``
            and the ``article.passages - 1`` that follow.
        paragraphs: ``(n,)`` int64, as ``starts`` and ``ends``: see :class:`~semsearch.Passage`.
        starts: Where in its article's text each passage begins.
        ends: Where it ends.
        keys: ``(n, 16)`` uint8: what identifies what was embedded.
        vectors: ``(n, dimension)`` float16, unit rows.
        codes: The codes of each one's tokens, ``(t, bytes)`` uint8; an empty array where they are not kept.
    """

    articles: Sequence[EngineArticle]
    rows: NDArray[np.int64]
    paragraphs: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    keys: NDArray[np.uint8]
    vectors: NDArray[np.float16]
    codes: Sequence[NDArray[np.uint8]]


class PassageRows(NamedTuple):
    """Some passages, in the order in which they were asked for.

    Attributes:
        paragraphs: ``(n,)`` int64, as ``starts`` and ``ends``.
        starts: Where each begins.
        ends: Where it ends.
        vectors: ``(n, dimension)`` float16.
        codes: As ``Batch.codes``; of no token if they were not asked for.
    """

    paragraphs: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    vectors: NDArray[np.float16]
    codes: Sequence[NDArray[np.uint8]]


class Found(NamedTuple):
    """Where an article with a certain id is, and what identifies its content."""

    row: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Where:
    """Which passages may be found; all of it must hold.

    Attributes:
        filter: Of articles for which this holds.
        phrases: That contain each of these as it stands, as in an index in a folder.
        articles: Of these articles, by their rows; None for all.
        without: Not of these articles.
    """

    filter: Filter | None = None
    phrases: tuple[str, ...] = ()
    articles: tuple[int, ...] | None = None
    without: tuple[int, ...] = ()


class Capabilities(NamedTuple):
    """What engines differ in.

    Attributes:
        words: Where words are looked for: the engine's ``"server"`` does it, an index on this machine
            (``"client"``), or nobody (``"none"``): then rankings know nothing of words, and a warning says so.
        atomic_updates: Whether an update is seen as a whole or not at all; else article by article.
        locks: Whether a second writer is kept out; else that is up to who runs them.
    """

    words: Literal["server", "client", "none"]
    atomic_updates: bool
    locks: bool


# --- what an engine does ----------------------------------------------------------------------------------------


class Words(Protocol):
    """Texts by their words: what tantivy's index is for an index in a folder."""

    def __len__(self) -> int:
        """Return the number of texts."""

    def terms(self, text: str) -> list[str]:
        """Return the terms of a text as they are indexed."""

    def search(
        self, query: str, k: int, *, where: Where | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Find the texts that share a term with ``query``, at most ``k``: rows and BM25 scores, highest first."""

    def document_frequency(self, word: str) -> int:
        """Return how many texts have ``word``, by its rarest term; a stop word counts as being in all of them."""

    def term_frequency(self, term: str) -> int:
        """Return how many texts have the term."""

    def highest_score(self, query: str) -> float:
        """Return the score that no text can exceed for ``query``."""


class Collection(Protocol):
    """One version of an index. All methods may be used by threads.

    Every method raises :class:`~semsearch.EngineUnavailableError` where the engine cannot be reached or does not answer
    in time: the same call can then be made again, and connects anew. Any other :class:`~semsearch.EngineError` stays.
    """

    @property
    def name(self) -> str:
        """What identifies this version among those of the index."""

    # state: small texts by names, of which the engine knows nothing

    def read_state(self, name: str) -> str | None:
        """Return what was written last under this name; None if nothing was."""

    def write_state(self, name: str, text: str) -> None:
        """Keep a text, durably, in the place of what the name had."""

    # writing

    def upsert(self, batch: Batch) -> None:
        """Put articles with their passages in, or in the place of those with the same rows.

        When it returns, all of it is there for good; if it does not, some may be: the same call completes it, with
        nothing twice. Where this is seen bit by bit, an article's own row comes first: what is found can be cited.
        """

    def delete(self, articles: Sequence[int]) -> None:
        """Take these articles out, with their passages, which go first; those that are not there are passed over."""

    def flush(self) -> None:
        """Return when everything that was put in can be found, and is indexed for it: that may take long."""

    # reading

    def count(self, where: Where | None = None) -> int:
        """Count the passages that may be found: exactly."""

    def search(
        self, vector: NDArray[np.float32], k: int, *, where: Where | None = None, recall: float = 0.995
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find the passages with the highest cosine with ``vector``, ``(dimension,)`` float32 of length 1.

        Returns:
            Rows and cosines, highest first and equal ones in the order of the rows; ``k``, or as many as there are. The
            cosines are those of the float16 vectors to within 1e-6, and the same for the same vector. ``recall`` is
            the share of the nearest that is to be found on the average.
        """

    def best_passages(
        self, articles: Sequence[int], vector: NDArray[np.float32], *, where: Where | None = None
    ) -> NDArray[np.int64]:
        """Return of each article the passage that is nearest to ``vector``, of a long one's first 64; ascending.

        Articles of which no passage may be found are left out.
        """

    def passages(self, rows: NDArray[np.int64], *, codes: bool) -> PassageRows:
        """Return passages by their rows, with the codes of their tokens if these are asked for.

        Raises:
            EngineError: If one is not there.
        """

    def texts(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the texts of passages alone."""

    def articles(self, rows: Sequence[int]) -> dict[int, EngineArticle]:
        """Return articles by their rows; those that are not there are left out."""

    def article_vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return the vectors of articles: ``(n, dimension)``. Raises an EngineError if one is not there."""

    def find(self, ids: Sequence[str]) -> dict[str, Found]:
        """Return where articles are by their ids; those that are not there are left out."""

    def entries(self, first: int = 0) -> Iterator[tuple[str, Found]]:
        """Yield every article's id from the row ``first`` on, in the order of the rows, with what identifies it."""

    def sources(self) -> list[SourceSummary]:
        """Return how many articles there are of each source, with their first and last day, in no order."""

    def words(self, unit: Unit) -> Words | None:
        """Return what finds articles or passages by their words; None where ``Capabilities.words`` is ``none``.

        Its terms are made for the languages that the state ``languages`` lists: a JSON list of codes.
        """

    def export(self, first: int = 0) -> Iterator[Batch]:
        """Yield everything from the article with the row ``first`` on, in the order of the rows, in portions."""


class Engine(Protocol):
    """The place of one index, and its versions."""

    @property
    def address(self) -> str:
        """Where it is, without a password."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    def live(self) -> Collection:
        """Return the version that is live.

        Raises:
            IndexNotFoundError: If there is none.
        """

    def begin(self, load: str) -> Collection:
        """Return a version to be filled: one that was begun with the same ``load`` and not published, or a new one.

        ``load`` is what identifies what it is filled with. Others that were not published are removed.
        """

    def publish(self, version: Collection) -> None:
        """Make a version the live one, in one step for every reader. The one before is kept, those before it go."""

    def lock(self) -> AbstractContextManager[None]:
        """Be the one writer of the index until the block is left.

        Raises:
            IndexLockedError: If another one is.
        """

    def repair(self) -> tuple[str, ...]:
        """Make anew what is derived from the live version and is missing, and return what that was, if anything."""

    def remove(self) -> None:
        """Remove every version."""

    def close(self) -> None:
        """Let go of its connections."""
