"""The passages of an index that an engine keeps."""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np

from semsearch.analysis import Analyzer
from semsearch.engines import Collection, Engine, Unit, Where, Words, article_of, first_passage
from semsearch.engines.state import read_codec, read_field_names, read_languages, read_manifest
from semsearch.errors import EngineError, EngineUnavailableError, WordsMissingWarning
from semsearch.filters import And, Comparison, Exists, Filter, Not, Or
from semsearch.records import Article, Passage, SourceSummary
from semsearch.searching._source import Terms
from semsearch.storage import Manifest, StoredPassage, unknown_field
from semsearch.tokens import TokenStore

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EngineSource"]

_REMEMBERED = 2048  # passages, of about 10 KB with their tokens
_CANDIDATES = 256  # passages whose texts are fetched together
_Kind = TypeVar("_Kind")


class _Row(NamedTuple):
    """A passage that was fetched, without its text; ``codes`` is None if they were not asked for."""

    passage: tuple[int, int, int]  # paragraph, start, end
    vector: NDArray[np.float16]
    codes: NDArray[np.uint8] | None


class EngineSource:
    """The live version of an index in an engine as the source of a search; what is allowed is a :class:`Where`.

    Passages that were fetched are remembered, a few thousand of them: of one query first vectors and tokens are asked
    for, then what is shown. A row never stands for another passage.
    """

    def __init__(self, engine: Engine) -> None:
        """Take the version that is live.

        Raises:
            IndexNotFoundError: If there is none.
        """
        self._engine = engine
        self._collection: Collection = engine.live()
        self.manifest: Manifest = read_manifest(self._collection)
        self._codec = read_codec(self._collection)
        self._unknown = NoTerms(Analyzer(read_languages(self._collection)))
        self._rows: _Remembered[_Row] = _Remembered()
        self._texts: _Remembered[str] = _Remembered()
        self._candidates: list[int] = []  # whose vectors were asked for last: soon some of their texts will be
        self._warned = False
        self._words("passages", stacklevel=5)

    @property
    def keeps_tokens(self) -> bool:
        return self._codec is not None

    def __len__(self) -> int:
        return self._collection.count()  # not the manifest's: an update may have been since it was read

    def _words(self, unit: Unit, stacklevel: int = 2) -> Words | None:
        """Return what finds words now: it may come and go while the index changes. That it is gone is said once."""
        words = self._collection.words(unit)
        if words is None and not self._warned:
            self._warned = True
            warnings.warn(
                f"{self._engine.address}: the ranking knows nothing of words, as no index of them as they are now is "
                f"on this machine: 'semsearch repair --index {self._engine.address}' makes it",
                WordsMissingWarning,
                stacklevel=stacklevel,
            )
        return words

    def terms(self, unit: Unit) -> Terms:
        words = self._words(unit)
        return self._unknown if words is None else words

    def find_words(
        self, unit: Unit, text: str, k: int, allowed: Where | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        words = self._words(unit)
        if words is None:
            return np.empty(0, np.int64), np.empty(0)
        return words.search(text, k, where=allowed)

    def require_words(self) -> None:
        if self._words("passages") is None:
            raise self._no_words("ask in another mode than lexical")

    def _no_words(self, otherwise: str) -> EngineError:
        address = self._engine.address
        return EngineError(
            address,
            f"finds no words, as there is no index of them on this machine: 'semsearch repair --index {address}' makes "
            f"it; or {otherwise}",
        )

    def allowed(self, filter_: Filter | None, phrases: tuple[str, ...], *, without: int | None = None) -> Where | None:
        if filter_ is None and not phrases and without is None:
            return None
        if filter_ is not None:
            self._require_fields(filter_)
        if phrases and self._words("passages") is None:
            raise self._no_words("ask without quotation marks (phrases=False)")
        return Where(filter_, phrases, without=() if without is None else (without,))

    def _require_fields(self, filter_: Filter) -> None:
        for path in _paths(filter_):
            if path[0] != "metadata" or path in self._field_names:
                continue
            self._field_names = read_field_names(self._collection)  # an update may have brought it
            if path not in self._field_names:
                raise unknown_field(path, self._field_names)

    @cached_property
    def _field_names(self) -> set[tuple[str, ...]]:
        return read_field_names(self._collection)

    def nearest(
        self, embedding: NDArray[np.float32], k: int, allowed: Where | None, recall: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        return self._collection.search(embedding, k, where=allowed, recall=recall)

    def best_passages(
        self, articles: NDArray[np.int64], embedding: NDArray[np.float32], allowed: Where | None
    ) -> NDArray[np.int64]:
        return self._collection.best_passages(articles.tolist(), embedding, where=allowed)

    def read_ahead(self, rows: NDArray[np.int64]) -> None:
        self._fetch(rows, codes=self.keeps_tokens)

    def article_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return article_of(rows)

    def passages_of(self, article: int) -> NDArray[np.int64]:
        found = self._collection.articles([article])
        if article not in found:
            raise self._changed()
        first = first_passage(article)
        return np.arange(first, first + found[article].passages)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        found = self._fetch(rows, codes=False)
        vectors = np.empty((len(found), self.manifest.embedder.dimension), dtype=np.float32)
        for at, row in enumerate(found):
            vectors[at] = row.vector
        return vectors

    def article_vectors(self, articles: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.asarray(self._collection.article_vectors(articles), dtype=np.float32)

    def max_similarities(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return self._tokens(rows).max_similarities(query, np.arange(len(rows)))

    def similarities(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
        return self._tokens(rows).similarities(query, np.arange(len(rows)))

    def _tokens(self, rows: NDArray[np.int64]) -> TokenStore:
        """Return the tokens of these passages as a store in which they are numbered from 0."""
        assert self._codec is not None  # noqa: S101 - for the type checker
        codes = [row.codes for row in self._fetch(rows, codes=True) if row.codes is not None]
        try:
            counts = np.array([len(own) for own in codes], dtype=np.int64)
            spans = np.stack([np.zeros_like(counts), np.cumsum(counts) - counts, counts], axis=1)
            return TokenStore([np.concatenate(codes)], spans, self._codec)
        except ValueError as error:
            raise EngineError(self._engine.address, f"holds tokens that are none ({error})") from None

    def passages(self, rows: Sequence[int]) -> Mapping[int, StoredPassage]:
        wanted = np.unique(np.array(list(rows), dtype=np.int64))
        found = self._fetch(wanted, codes=False)
        owners = article_of(wanted).tolist()
        articles = self._collection.articles(sorted(set(owners)))
        stored = {}
        for row, owner, (place, _, _) in zip(wanted.tolist(), owners, found, strict=True):
            if owner not in articles:
                raise self._changed()
            article = articles[owner].article
            paragraph, start, end = place
            stored[row] = StoredPassage(Passage(article.text[start:end], paragraph, start, end), article)
        return stored

    def texts(self, rows: Sequence[int]) -> list[str]:
        wanted = [int(row) for row in rows]
        known = self._texts.of(wanted)
        if len(known) < len(wanted):
            # A few are asked for at a time, of the same candidates: all at once is one way to the engine and back.
            missing = list(dict.fromkeys(row for row in wanted if row not in known))
            ahead = list(dict.fromkeys(row for row in (*missing, *self._candidates) if row not in known))
            try:
                known |= self._fetch_texts(ahead)
            except EngineUnavailableError:
                raise
            except EngineError:  # a candidate that is not asked for may be gone
                known |= self._fetch_texts(missing)
            self._texts.keep(known)
        return [known[row] for row in wanted]

    def _fetch_texts(self, rows: Sequence[int]) -> dict[int, str]:
        return dict(zip(rows, self._collection.texts(np.array(rows, dtype=np.int64)), strict=True))

    def article_row(self, article: str) -> int | None:
        found = self._collection.find([article]).get(article)
        return None if found is None else found.row

    def article(self, row: int) -> Article:
        found = self._collection.articles([row])
        if row not in found:
            raise self._changed()
        return found[row].article

    def sources(self) -> list[SourceSummary]:
        return self._collection.sources()

    def close(self) -> None:
        self._engine.close()

    def _changed(self) -> EngineError:
        return EngineError(self._engine.address, "changed while it was read: ask again")

    def _fetch(self, rows: NDArray[np.int64], *, codes: bool) -> list[_Row]:
        """Return passages by their rows; of those that are not remembered all are fetched at once."""
        wanted = rows.tolist()
        known = self._rows.of(wanted)
        missing = [row for row in wanted if row not in known or (codes and known[row].codes is None)]
        if missing:
            found = self._collection.passages(np.array(missing, dtype=np.int64), codes=codes)
            places = zip(found.paragraphs.tolist(), found.starts.tolist(), found.ends.tolist(), strict=True)
            for at, (row, place) in enumerate(zip(missing, places, strict=True)):
                known[row] = _Row(place, found.vectors[at], found.codes[at] if codes else None)
            self._candidates = missing[:_CANDIDATES]
        self._rows.keep(known)
        return [known[row] for row in wanted]


class _Remembered(Generic[_Kind]):
    """What was fetched last, by its row. Threads may share it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, _Kind] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, rows: Sequence[int]) -> dict[int, _Kind]:
        """Return what is remembered of these rows."""
        with self._lock:
            return {row: self._kept[row] for row in rows if row in self._kept}

    def keep(self, found: Mapping[int, _Kind]) -> None:
        """Remember these, and forget what was not asked for the longest."""
        with self._lock:
            for row, each in found.items():
                self._kept[row] = each
                self._kept.move_to_end(row)
            while len(self._kept) > max(_REMEMBERED, len(found)):
                self._kept.popitem(last=False)


class NoTerms:
    """What is known of words where nobody finds any: how texts are analysed."""

    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer

    def __len__(self) -> int:
        return 0

    def terms(self, text: str) -> list[str]:
        """Return the terms of a text."""
        return self._analyzer.terms(text)

    def document_frequency(self, word: str) -> int:  # noqa: ARG002
        """Return 0: all words are as rare as each other."""
        return 0

    def term_frequency(self, term: str) -> int:  # noqa: ARG002
        """Return 0."""
        return 0

    def highest_score(self, query: str) -> float:  # noqa: ARG002
        """Return 0."""
        return 0.0


def _paths(filter_: Filter) -> Iterator[tuple[str, ...]]:
    """Yield the path of every field that a filter names."""
    if isinstance(filter_, Comparison | Exists):
        yield filter_.path
    elif isinstance(filter_, Not):
        yield from _paths(filter_.part)
    elif isinstance(filter_, And | Or):
        for part in filter_.parts:
            yield from _paths(part)
