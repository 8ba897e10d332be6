"""Texts to the texts that share words with a query: the index of the keyword engine, tantivy.

Scores are BM25 (Robertson and Zaragoza 2009; k1 = 1.2, b = 0.75, as tantivy has them) over the terms that an
:class:`~semsearch.analysis.Analyzer` makes of texts and queries alike; the engine is given these. tantivy was chosen
over bm25s for its cold start (7 ms against 250 ms to import), its phrase queries and its flat cost at many passages;
their rankings are the same within 0.003 nDCG@10.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tantivy

from semsearch.analysis import ENGLISH, Analyzer
from semsearch.errors import IndexCorruptError
from semsearch.records import is_unicode

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LexicalIndex"]

_FIELD = "text"
_EXACT = "exact"
_ROW = "row"
_TERMS = "semsearch_terms"
_FEW = 2000  # rows that are named to the engine one by one; of more, what it finds is looked through
_BM25_K1 = 1.2
_HEAP = 256_000_000  # bytes that the writer fills before it starts another segment
_SPARE = 16  # texts beyond k that are looked at, for ties
_DOCUMENTS = "documents.i4"  # (1 + d, 2): how many documents the build made, and 0; then each one's row and terms
_DOCUMENT = np.dtype("<i4")
_LANGUAGES = "languages.json"  # the codes of those that the terms were made for
_REMOVED, _REMOVED_SINCE = "removed.u8", "removed-since.u8"  # of the documents that the build made, and of later ones
_ENGINE_REWRITES = {".json", ".lock"}  # suffixes; its other files never change
_MOST_SEGMENTS = 6  # two less than those that are alike of which the engine makes one by itself
_MOST_CHANGED = 0.25  # of an index's texts: where more has changed, all is indexed anew
_FEWEST = 1000  # texts for which it is worth it; of fewer the mean length could not be met well enough
_UNTIL_GONE = (0, 0.01, 0.1)  # seconds: the engine's thread may make its lock file in a folder that is being removed
_BALANCES = 32
_LONGEST_TEXT = 1 << 23  # terms; a file that says more of a text is not believed when it is to be balanced
_BALANCE = "qzxbalancexzq"  # a word that no text has

Text = str | Sequence[str]
"""A text, or its parts."""

_WRITER_LOCK, _META_LOCK = ".tantivy-writer.lock", ".tantivy-meta.lock"
_MANAGED = ".managed.json"  # names files that the engine may remove
_ENGINE_FILE = re.compile(r"[0-9a-z]+(\.[0-9a-z]+)+")


class LexicalIndex:
    """A BM25 index in a folder of its own: row *i* is the *i*-th text.

    One that was built with ``phrases`` also has every word as it stands, without stems and with stop words. It keeps
    which languages its terms were made for, and makes those of a query for the same ones.

    The engine knows a text as a document by a number, which it keeps; :meth:`update` says which row that is now. The
    engine counts what was removed until it is built anew, so what was removed is counted here as well: scores are
    those of an index that never had it.
    """

    OPTIONAL = (_REMOVED, _REMOVED_SINCE)
    """Files that are read if they are there."""

    def __init__(
        self,
        folder: Path,
        index: tantivy.Index,
        analyzer: Analyzer,
        documents: NDArray[np.int64],
        removed: NDArray[np.uint64],
    ) -> None:
        """Take the engine's index, and what :meth:`update` left.

        Args:
            folder: Where it is.
            index: The engine's index.
            analyzer: What its terms were made by.
            documents: ``(d, 2)`` int64: for each document its row, -1 if it has none any more, and its terms.
            removed: ``(m, 2)`` uint64: hashes of terms, ascending, and in how many removed documents each was.
        """
        self._folder = folder
        self._index = index
        self._searcher = index.searcher()
        self._analyzer = analyzer
        self._rows = documents[:, 0]
        self._removed = removed
        self._count = int((self._rows >= 0).sum())

    @classmethod
    def build(
        cls, folder: Path, texts: Iterable[Text], *, phrases: bool = False, languages: Sequence[str] = ENGLISH
    ) -> None:
        """Index ``texts`` into the new folder ``folder``; with ``phrases`` also so that they can be found exactly.

        A text may be given in parts: no phrase begins in one of them and ends in the next. The ``languages`` are those
        of which the forms of words are known.
        """
        analyzer = Analyzer(languages)
        folder.mkdir(parents=True)
        with _writing(folder, _schema(phrases=phrases)) as add:
            counts = [add(row, *_terms(analyzer, text, phrases=phrases)) for row, text in enumerate(texts)]
        _write_languages(folder, analyzer)
        documents = np.stack([np.arange(len(counts)), np.array(counts, dtype=np.int64)], axis=1)
        _write_documents(folder, documents, len(documents))

    @classmethod
    def update(
        cls,
        folder: Path,
        before: Path,
        rows_before: NDArray[np.int64],
        *,
        texts: Callable[[NDArray[np.int64]], Iterable[Text]],
        removed: Iterable[Text],
        link: Callable[[Path, Path], None],
        phrases: bool = False,
        languages: Sequence[str] = ENGLISH,
    ) -> bool:
        """Index into the new folder ``folder`` what the index in ``before`` has, and what has changed since.

        Its files are linked, not copied. Scores are those of an index that is built of all texts. What was added by
        this and former updates is indexed anew when it has come to stand in too many segments.

        Args:
            folder: The new folder.
            before: The folder of an index that was built with the same ``phrases``.
            rows_before: ``(n,)`` int64: which row each text was before, none twice; -1 for a new one.
            texts: Gives the texts of rows, ``(m,)`` int64, ascending: is asked for the new ones, and maybe for others
                that an update added.
            removed: The texts that are not there any more, in the order of the rows before.
            link: Gives a file that never changes a second name.
            phrases: As for :meth:`build`.
            languages: As for :meth:`build`.

        Returns:
            Whether it was done; where too much has changed nothing is left, and all is better built anew. So it is
            where ``before`` was built for other languages, or does not hold what :meth:`build` writes: it may have come
            from anywhere.
        """
        analyzer = Analyzer(languages)
        try:
            if _read_languages(before) != analyzer.languages:
                return False
            documents, built = _read_documents(before)
            _check_managed(before)
            there = np.flatnonzero(documents[:, 0] >= 0)
            fits = _segments(before)[1] == len(documents) and rows_before.max(initial=-1) < len(there)
        except ValueError:
            return False
        if len(there) < _FEWEST or not fits:
            return False
        by_row = there[np.argsort(documents[there, 0])]  # the document of each row before
        rows = np.full(len(by_row), -1, dtype=np.int64)  # where each is now
        rows[rows_before[rows_before >= 0]] = np.flatnonzero(rows_before >= 0)
        documents[by_row, 0] = rows
        gone = by_row[rows < 0]
        new = np.flatnonzero(rows_before < 0)
        known = len(documents)
        if _segments(before)[0] + 1 > _MOST_SEGMENTS:  # all that updates added is put into one
            new = np.sort(np.concatenate([new, documents[built:, 0][documents[built:, 0] >= 0]]))
            known = built
        dead = int((documents[:known, 0] < 0).sum())
        if dead + len(new) > _MOST_CHANGED * known or not _can_be_balanced(documents):
            return False
        folder.mkdir(parents=True)
        for path in before.iterdir():
            if path.suffix in _ENGINE_REWRITES:
                shutil.copyfile(path, folder / path.name)
            elif path.name not in {_DOCUMENTS, _REMOVED, _REMOVED_SINCE}:
                link(path, folder / path.name)
        dropped = range(known, len(documents))  # others stay in their segments, and are passed over
        documents = documents[:known]
        added = (_terms(analyzer, text, phrases=phrases) for text in texts(new))
        grown = _with_added(folder, documents, dropped, new, added)
        if grown is None:
            shutil.rmtree(folder)
            return False
        documents, balance = grown
        _write_documents(folder, documents, built)
        # Of what is dropped nothing is counted any more, by the engine or here.
        counted = (
            (number, analyzer.terms(_whole(text)))
            for number, text in zip(gone.tolist(), removed, strict=True)
            if number < known
        )
        of_build, since = _hashes(chain(counted, ((built, terms) for terms in balance)), built)
        since_before = _read_removed(before, _REMOVED_SINCE)[: None if known > built else 0]
        (folder / _REMOVED).write_bytes(_with_more(_read_removed(before, _REMOVED), of_build).tobytes())
        (folder / _REMOVED_SINCE).write_bytes(_with_more(since_before, since).tobytes())
        return True

    @classmethod
    def open(cls, folder: Path) -> LexicalIndex:
        """Open what :meth:`build` wrote. Verify checksums first: tantivy checks little of what it reads.

        Raises:
            ValueError: If the folder does not hold such an index.
        """
        with _readable_path(folder) as path, _panics_as_errors():
            index = tantivy.Index.open(path)
            # Else its thread opens the index anew at what seems a change, with a lock file in a folder on its way out.
            index.config_reader(reload_policy="Manual")
            _register_splitter(index)
        if index.schema not in (_schema(phrases=False), _schema(phrases=True)):
            raise ValueError("it has other fields")
        analyzer = Analyzer(_read_languages(folder))
        _check_managed(folder)
        documents, _ = _read_documents(folder)
        if _segments(folder)[1] != len(documents):
            raise ValueError(f"{_DOCUMENTS} is of another index")
        removed = _added([_read_removed(folder, name) for name in (_REMOVED, _REMOVED_SINCE)])
        with _panics_as_errors():
            return cls(folder, index, analyzer, documents, removed)

    def __len__(self) -> int:
        return self._count

    def terms(self, text: str) -> list[str]:
        """Return the terms of ``text`` as they are indexed: stemmed, without stop words, in order."""
        return self._analyzer.terms(text)

    def search(
        self, query: str, k: int, *, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Find the rows that share a term with ``query``, at most ``k`` of them.

        Args:
            query: Text; nothing in it is an operator.
            k: How many rows.
            allowed: ``(n,)`` bool: the rows that may be found; None for all.

        Returns:
            Row numbers and BM25 scores, highest first; equal scores in the order of the rows.
        """
        terms = self.terms(query)
        rows = None if allowed is None else np.flatnonzero(allowed)
        if not terms or k < 1 or len(self) == 0 or (rows is not None and len(rows) == 0):
            return np.empty(0, np.int64), np.empty(0)
        words = tantivy.Query.boolean_query([(tantivy.Occur.Should, self._word(term)) for term in terms])
        if rows is not None and len(rows) <= _FEW:
            numbers = self._numbers[rows].tolist()
            only = tantivy.Query.const_score_query(tantivy.Query.term_set_query(self._index.schema, _ROW, numbers), 0.0)
            words = tantivy.Query.boolean_query([(tantivy.Occur.Must, words), (tantivy.Occur.Must, only)])
            allowed = None
        depth = _SPARE + (k if allowed is None else int(1.5 * k * len(self) / allowed.sum()) + k)
        while True:
            found, scores, exhausted = self._run(words, depth)
            lowest = scores[-1] if len(scores) else 0.0
            if allowed is not None:
                found, scores = found[allowed[found]], scores[allowed[found]]
            # Of texts with the last place's score the engine returns any: go on until all of them are seen.
            if exhausted or (len(found) >= k and scores[k - 1] > lowest):
                break
            depth *= 4
        order = np.lexsort((found, -scores))[:k]
        if len(set(found[order].tolist())) < len(order):
            raise IndexCorruptError(self._folder, "holds a text twice")
        return found[order], scores[order]

    def with_phrase(self, phrase: str) -> NDArray[np.int64]:
        """Return the rows whose text has the words of ``phrase`` one after the other, as they stand, ascending.

        Letters are compared without case and accents, and what stands between two words is not compared.
        """
        terms = self._analyzer.words(phrase)
        if not terms or len(self) == 0:
            return np.empty(0, np.int64)
        schema = self._index.schema
        query = (
            self._term(_EXACT, terms[0]) if len(terms) == 1 else tantivy.Query.phrase_query(schema, _EXACT, list(terms))
        )
        return np.sort(self._run(query, len(self._rows))[0])

    def _term(self, field: str, term: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._index.schema, field, term)

    def _word(self, term: str) -> tantivy.Query:
        """Return the query for a term, with its weight set right where removed texts are counted by the engine."""
        query = self._term(_FIELD, term)
        frequency = self.term_frequency(term)
        if len(self._rows) == self._count or frequency == 0:
            return query
        counted = _idf(self._counted(term), len(self._rows))
        return tantivy.Query.boost_query(query, _idf(frequency, self._count) / counted)

    @cached_property
    def _numbers(self) -> NDArray[np.int64]:
        """The document of each row."""
        numbers = np.flatnonzero(self._rows >= 0)
        return numbers[np.argsort(self._rows[numbers])]

    def _run(self, query: tantivy.Query, limit: int) -> tuple[NDArray[np.int64], NDArray[np.float64], bool]:
        """Return rows, their scores, and whether there are no more."""
        limit = max(1, min(limit, len(self._rows)))
        with self._failures():
            hits = self._searcher.search(query, limit=limit, count=False).hits
            numbers = np.array(self._searcher.fast_field_values(_ROW, [address for _, address in hits]), np.uint64)
        scores = np.array([score for score, _ in hits], dtype=np.float64)
        if not (numbers < len(self._rows)).all() or not np.isfinite(scores).all():
            raise IndexCorruptError(self._folder, "finds what is not there")
        rows = self._rows[numbers.astype(np.int64)]
        there = rows >= 0
        return rows[there], scores[there], len(hits) < limit or limit == len(self._rows)

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        """Name the index where the engine fails: a manifest vouches for the bytes of its files, not for what they are.

        Raises:
            IndexCorruptError: If it does.
        """
        try:
            with _panics_as_errors():
                yield
        except (ValueError, TypeError, OverflowError) as error:
            raise IndexCorruptError(self._folder, f"cannot be searched ({error})") from None

    def _counted(self, term: str) -> int:
        """Return in how many documents the engine has a term, removed ones too."""
        with self._failures():
            return min(int(self._searcher.doc_freq(_FIELD, term)), len(self._rows))

    def document_frequency(self, word: str) -> int:
        """Return how many texts have ``word``, by its rarest term; a stop word counts as being in all of them."""
        return min(map(self.term_frequency, self.terms(word)), default=len(self))

    def term_frequency(self, term: str) -> int:
        """Return how many texts have the term, which is one of :meth:`terms`."""
        counted = self._counted(term)
        if len(self._removed):
            at = np.searchsorted(self._removed[:, 0], np.uint64(_hash(term)))
            if at < len(self._removed) and self._removed[at, 0] == _hash(term):
                counted -= int(self._removed[at, 1])
        return min(max(counted, 0), len(self))

    def highest_score(self, query: str) -> float:
        """Return the score that no text can exceed for ``query``: every term as often as it may be."""
        return sum(_idf(self.term_frequency(term), len(self)) * (_BM25_K1 + 1) for term in self.terms(query))


def _idf(frequency: int, count: int) -> float:
    """Return the weight of a term that is in ``frequency`` of ``count`` texts, as the engine has it."""
    return math.log(1 + (count - frequency + 0.5) / (frequency + 0.5))


@contextlib.contextmanager
def _writing(
    folder: Path, schema: tantivy.Schema | None = None, *, dropped: Sequence[int] = ()
) -> Iterator[Callable[..., int]]:
    """Give a function that adds a document to the index in ``folder`` and says how many terms it has.

    It is given the document's number, its terms, and the words of each of its parts where phrases are to be found.

    With a ``schema`` the index is a new one; without, these documents are ``dropped`` from it: all of some segments.
    """
    with _unicode_path(folder) as path:
        index = tantivy.Index.open(path) if schema is None else tantivy.Index(schema, path=path)
        _register_splitter(index)
        # One thread, so that the same texts give the same files but for their names.
        writer = index.writer(heap_size=_HEAP, num_threads=1)
        if dropped:  # by query: by term, the engine takes no number of this field for one of its documents'
            writer.delete_documents_by_query(tantivy.Query.term_set_query(index.schema, _ROW, list(dropped)))

        def add(number: int, terms: Sequence[str], parts: Sequence[Sequence[str]] = ()) -> int:
            document = tantivy.Document()
            document.add_text(_FIELD, " ".join(terms))
            for words in parts:
                document.add_text(_EXACT, " ".join(words))
            document.add_unsigned(_ROW, number)
            writer.add_document(document)
            return len(terms)

        yield add
        writer.commit()
        writer.wait_merging_threads()
    # The other lock stays: tantivy makes it again when it opens the folder, and a generation must not change.
    (folder / _WRITER_LOCK).unlink(missing_ok=True)


@contextlib.contextmanager
def _panics_as_errors() -> Iterator[None]:
    """Raise a :class:`_PanicError` for a panic: the engine's exception is no child of Exception, and has no module."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise _PanicError(str(error)) from None


class _PanicError(ValueError):
    """The engine came upon what it did not write."""


def _balance(documents: NDArray[np.int64]) -> list[int]:
    """Return the lengths of documents that bring the mean of all to the mean of those that have a row.

    BM25 weighs a text's length against the mean, in which the engine counts removed ones. As a length is a
    whole number, of a few numbers of documents the one is taken that comes closest.
    """
    there = documents[:, 0] >= 0
    total, mean = int(documents[:, 1].sum()), documents[there, 1].sum() / max(1, there.sum())
    least = 1 if mean == 0 else max(1, math.ceil(total / mean) - len(documents))
    missing = {count: mean * (len(documents) + count) - total for count in range(least, least + _BALANCES)}
    count = min(missing, key=lambda count: abs(missing[count] - round(missing[count])))
    return [*[0] * (count - 1), max(0, round(missing[count]))]


def _with_added(
    folder: Path,
    documents: NDArray[np.int64],
    dropped: Sequence[int],
    rows: NDArray[np.int64],
    terms: Iterable[tuple[Sequence[str], Sequence[Sequence[str]]]],
) -> tuple[NDArray[np.int64], list[list[str]]] | None:
    """Add texts to the index in ``folder``, and documents that bring the mean length to that of what has a row.

    Returns:
        All documents, and the terms of those that are no text; None if the engine does not take it, or merged what it
        has not been known to.
    """
    try:
        with _panics_as_errors(), _writing(folder, dropped=dropped) as add:
            counts = [add(len(documents) + at, *own) for at, own in enumerate(terms)]
            documents = np.concatenate([documents, np.stack([rows, np.array(counts, dtype=np.int64)], axis=1)])
            balance = [[_BALANCE] * count for count in _balance(documents)]
            counts = [add(len(documents) + at, own) for at, own in enumerate(balance)]
            documents = np.concatenate([documents, np.stack([np.full(len(counts), -1), counts], axis=1)])
    except _PanicError:
        return None
    segments, total = _segments(folder)
    return None if segments > _MOST_SEGMENTS or total != len(documents) else (documents, balance)


def _can_be_balanced(documents: NDArray[np.int64]) -> bool:
    """Whether :func:`_balance` asks for no more than there is: the numbers may come from anywhere."""
    terms, there = documents[:, 1], documents[:, 0] >= 0
    return (
        int(terms.max(initial=0)) <= _LONGEST_TEXT and int(terms.sum()) <= 4 * int(terms[there].sum()) + _LONGEST_TEXT
    )


def _whole(text: Text) -> str:
    return text if isinstance(text, str) else "\n".join(text)


def _terms(analyzer: Analyzer, text: Text, *, phrases: bool) -> tuple[list[str], list[list[str]]]:
    """Return the terms of a text, and with ``phrases`` the words of each of its parts as they stand."""
    parts = [text] if isinstance(text, str) else text
    return analyzer.terms(_whole(text)), [analyzer.words(part) for part in parts] if phrases else []


def _write_languages(folder: Path, analyzer: Analyzer) -> None:
    (folder / _LANGUAGES).write_bytes(json.dumps(analyzer.languages).encode())


def _read_languages(folder: Path) -> tuple[str, ...]:
    """Return the languages that an index was built for.

    Raises:
        ValueError: If it does not say so.
    """
    try:
        languages = json.loads((folder / _LANGUAGES).read_bytes())
    except (OSError, RecursionError) as error:
        raise ValueError(f"{_LANGUAGES} cannot be read ({error})") from None
    if not isinstance(languages, list) or not all(isinstance(language, str) for language in languages):
        raise ValueError(f"{_LANGUAGES} is of another index")
    return tuple(languages)


def _hash(term: str) -> int:
    return int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest(), "little")


def _read_documents(folder: Path) -> tuple[NDArray[np.int64], int]:
    """Return the rows and terms of the documents, ``(d, 2)``, and how many of them the build made.

    Raises:
        ValueError: If there are none, or they do not have each row once.
    """
    try:
        found = np.fromfile(folder / _DOCUMENTS, dtype=_DOCUMENT)
    except FileNotFoundError:
        raise ValueError(f"there is no {_DOCUMENTS}") from None
    if len(found) < 2 or len(found) % 2:
        raise ValueError(f"{_DOCUMENTS} is of another index")
    pairs = found.reshape(-1, 2).astype(np.int64)
    documents, built = pairs[1:], int(pairs[0, 0])
    rows = documents[documents[:, 0] >= 0, 0]
    has_row = np.zeros(len(rows), dtype=bool)
    has_row[rows[rows < len(rows)]] = True
    if not has_row.all() or (documents < (-1, 0)).any() or not 0 <= built <= len(documents):
        raise ValueError(f"{_DOCUMENTS} does not have each row once")
    return documents, built


def _write_documents(folder: Path, documents: NDArray[np.int64], built: int) -> None:
    table = np.concatenate([[[built, 0]], documents.reshape(-1, 2)]).astype(_DOCUMENT)
    (folder / _DOCUMENTS).write_bytes(table.tobytes())  # tofile does not notice that a disk is full


def _read_removed(folder: Path, name: str) -> NDArray[np.uint64]:
    path = folder / name
    return np.fromfile(path, dtype="<u8").reshape(-1, 2) if path.exists() else np.empty((0, 2), dtype="<u8")


def _hashes(removed: Iterable[tuple[int, Sequence[str]]], built: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the hashes of the terms of removed documents, each as often as there are some that have it.

    Args:
        removed: The documents and their terms.
        built: The number of documents that the build made: the hashes of their terms come first.
    """
    of_build: list[int] = []
    since: list[int] = []
    for document, terms in removed:
        (of_build if document < built else since).extend(map(_hash, set(terms)))
    return np.array(of_build, dtype=np.uint64), np.array(since, dtype=np.uint64)


def _with_more(counted: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Add occurrences of terms to those that were counted."""
    return _added([counted, np.stack([hashes, np.ones(len(hashes), dtype=np.uint64)], axis=1)])


def _added(counted: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """Return the sum of counts of hashes: ``(m, 2)`` uint64 each, and together, ascending."""
    pairs = np.concatenate(counted)
    terms, at = np.unique(pairs[:, 0], return_inverse=True)
    counts = np.zeros(len(terms), dtype=np.uint64)
    np.add.at(counts, at, pairs[:, 1])
    return np.stack([terms, counts], axis=1).astype("<u8")


def _segments(folder: Path) -> tuple[int, int]:
    """Return the number of the engine's segments, and of the documents in them, removed ones too.

    Raises:
        ValueError: If the engine's file does not say so.
    """
    try:
        segments = json.loads((folder / "meta.json").read_bytes())["segments"]
        return len(segments), sum(segment["max_doc"] for segment in segments)
    except (OSError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"meta.json is not the engine's ({error})") from None


def _check_managed(folder: Path) -> None:
    """Check that the engine, which removes files that it does not need any more, is led to none beyond its folder.

    Raises:
        ValueError: If it might be.
    """
    try:
        names = json.loads((folder / _MANAGED).read_bytes())
    except FileNotFoundError:
        return
    except RecursionError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) and _ENGINE_FILE.fullmatch(name) for name in names):
        raise ValueError(f"{_MANAGED} names something else than the engine's files")


@contextlib.contextmanager
def _unicode_path(folder: Path) -> Iterator[str]:
    """Give a path of ``folder`` that tantivy can take: its own, or a link's if its own is not Unicode."""
    if is_unicode(str(folder)):
        yield str(folder)
        return
    import tempfile

    with tempfile.TemporaryDirectory() as elsewhere:
        link = Path(elsewhere, "index")
        link.symlink_to(folder.absolute(), target_is_directory=True)
        yield str(link)


@contextlib.contextmanager
def _readable_path(folder: Path) -> Iterator[str]:
    """Give a path at which tantivy can read ``folder``: where nothing can be written there, links to its files.

    It makes a lock file in the folder that it opens.
    """
    lock = folder / _META_LOCK
    if os.access(folder, os.W_OK) and (not lock.exists() or os.access(lock, os.W_OK)):
        with _unicode_path(folder) as path:
            yield path
        return
    import tempfile

    elsewhere = tempfile.mkdtemp()
    try:
        for file in folder.iterdir():
            if file.suffix != lock.suffix:
                Path(elsewhere, file.name).symlink_to(file.absolute())
        yield elsewhere
    finally:
        for wait in _UNTIL_GONE:
            time.sleep(wait)
            shutil.rmtree(elsewhere, ignore_errors=True)
            if not Path(elsewhere).exists():
                break


def _schema(*, phrases: bool) -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field(_FIELD, stored=False, tokenizer_name=_TERMS, index_option="freq")
    if phrases:
        builder.add_text_field(_EXACT, stored=False, tokenizer_name=_TERMS, index_option="position")
    builder.add_unsigned_field(_ROW, stored=False, indexed=True, fast=True)
    return builder.build()


def _register_splitter(index: tantivy.Index) -> None:
    """Tell the engine to split what it is given at spaces: it is terms already."""
    index.register_tokenizer(_TERMS, tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
