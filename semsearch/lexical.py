"""Texts to the texts that share words with a query: the only module that knows the keyword engine, tantivy.

Scores are BM25 (Robertson and Zaragoza 2009; k1 = 1.2, b = 0.75, as tantivy has them) over stemmed English words
without stop words. tantivy was chosen over bm25s for its cold start (7 ms against 250 ms to import), its phrase queries
and its flat cost at many passages; their rankings are the same within 0.003 nDCG@10.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import tantivy
from numpy.typing import NDArray

from semsearch.records import is_unicode

__all__ = ["LexicalIndex"]

_FIELD = "text"
_EXACT = "exact"
_ROW = "row"
_ANALYZER = "semsearch_en"
_EXACT_ANALYZER = "semsearch_exact"
_FEW = 2000  # rows that are named to the engine one by one; of more, what it finds is looked through
_LONGEST_TERM = 60  # characters
_BM25_K1 = 1.2
_HEAP = 256_000_000  # bytes that the writer fills before it starts another segment
_WRITER_LOCK = ".tantivy-writer.lock"


class LexicalIndex:
    """A BM25 index in a folder of its own: row *i* is the *i*-th text.

    One that was built with ``phrases`` also has every word as it stands, without stems and with stop words.
    """

    def __init__(self, index: tantivy.Index) -> None:
        self._index = index
        self._searcher = index.searcher()
        self._analyzer = _analyzer()
        self._exact = _exact_analyzer()

    @classmethod
    def build(cls, folder: Path, texts: Iterable[str | Sequence[str]], *, phrases: bool = False) -> None:
        """Index ``texts`` into the new folder ``folder``; with ``phrases`` also so that they can be found exactly.

        A text may be given in parts: no phrase begins in one of them and ends in the next.
        """
        folder.mkdir(parents=True)
        with _unicode_path(folder) as path:
            index = tantivy.Index(_schema(phrases=phrases), path=path)
            _register_analyzers(index)
            # One thread, so that the same texts give the same files but for their names.
            writer = index.writer(heap_size=_HEAP, num_threads=1)
            for row, text in enumerate(texts):
                document = tantivy.Document()
                parts = [text] if isinstance(text, str) else text
                document.add_text(_FIELD, "\n".join(parts))
                for part in parts if phrases else ():
                    document.add_text(_EXACT, part)
                document.add_unsigned(_ROW, row)
                writer.add_document(document)
            writer.commit()
            writer.wait_merging_threads()
        # The other lock stays: tantivy makes it again when it opens the folder, and a generation must not change.
        (folder / _WRITER_LOCK).unlink(missing_ok=True)

    @classmethod
    def open(cls, folder: Path) -> LexicalIndex:
        """Open what :meth:`build` wrote. Verify checksums first: tantivy checks little of what it reads.

        Raises:
            ValueError: If the folder does not hold such an index.
        """
        with _unicode_path(folder) as path:
            index = tantivy.Index.open(path)
            _register_analyzers(index)
            return cls(index)

    def __len__(self) -> int:
        return int(self._searcher.num_docs)

    def terms(self, text: str) -> list[str]:
        """Return the terms of ``text`` as they are indexed: stemmed, without stop words, in order."""
        return list(self._analyzer.analyze(text))

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
        words = tantivy.Query.boolean_query([(tantivy.Occur.Should, self._term(_FIELD, term)) for term in terms])
        if rows is not None and len(rows) <= _FEW:
            only = tantivy.Query.const_score_query(
                tantivy.Query.term_set_query(self._index.schema, _ROW, [int(row) for row in rows]), 0.0
            )
            words = tantivy.Query.boolean_query([(tantivy.Occur.Must, words), (tantivy.Occur.Must, only)])
            allowed = None
        depth = k if allowed is None else int(1.5 * k * len(self) / allowed.sum()) + k
        while True:
            found, scores = self._run(words, depth)
            exhausted = depth >= len(self) or len(found) < depth
            if allowed is not None:
                found, scores = found[allowed[found]], scores[allowed[found]]
            if exhausted or len(found) >= k:
                break
            depth *= 4
        order = np.lexsort((found, -scores))[:k]
        return found[order], scores[order]

    def with_phrase(self, phrase: str) -> NDArray[np.int64]:
        """Return the rows whose text has the words of ``phrase`` one after the other, as they stand, ascending.

        Letters are compared without case and accents, and what stands between two words is not compared.
        """
        terms = list(self._exact.analyze(phrase))
        if not terms or len(self) == 0:
            return np.empty(0, np.int64)
        schema = self._index.schema
        query = (
            self._term(_EXACT, terms[0]) if len(terms) == 1 else tantivy.Query.phrase_query(schema, _EXACT, list(terms))
        )
        return np.sort(self._run(query, len(self))[0])

    def _term(self, field: str, term: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._index.schema, field, term)

    def _run(self, query: tantivy.Query, limit: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        found = self._searcher.search(query, limit=min(limit, len(self)), count=False).hits
        scores = np.array([score for score, _ in found], dtype=np.float64)
        rows = np.array(self._searcher.fast_field_values(_ROW, [address for _, address in found]), dtype=np.int64)
        return rows, scores

    def document_frequency(self, word: str) -> int:
        """Return how many texts have ``word``; a stop word counts as being in all of them."""
        terms = self.terms(word)
        return int(self._searcher.doc_freq(_FIELD, terms[0])) if terms else len(self)

    def term_frequency(self, term: str) -> int:
        """Return how many texts have the term, which is one of :meth:`terms`."""
        return int(self._searcher.doc_freq(_FIELD, term))

    def highest_score(self, query: str) -> float:
        """Return the score that no text can exceed for ``query``: every term as often as it may be."""
        count = len(self)
        highest = 0.0
        for term in self.terms(query):
            frequency = self._searcher.doc_freq(_FIELD, term)
            highest += np.log(1 + (count - frequency + 0.5) / (frequency + 0.5)) * (_BM25_K1 + 1)
        return float(highest)


@contextlib.contextmanager
def _unicode_path(folder: Path) -> Iterator[str]:
    """Give a path of ``folder`` that tantivy can take: its own, or a link's if its own is not Unicode."""
    if is_unicode(str(folder)):
        yield str(folder)
        return
    with tempfile.TemporaryDirectory() as elsewhere:
        link = Path(elsewhere, "index")
        link.symlink_to(folder.absolute(), target_is_directory=True)
        yield str(link)


def _schema(*, phrases: bool) -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field(_FIELD, stored=False, tokenizer_name=_ANALYZER, index_option="freq")
    if phrases:
        builder.add_text_field(_EXACT, stored=False, tokenizer_name=_EXACT_ANALYZER, index_option="position")
    builder.add_unsigned_field(_ROW, stored=False, indexed=True, fast=True)
    return builder.build()


def _register_analyzers(index: tantivy.Index) -> None:
    index.register_tokenizer(_ANALYZER, _analyzer())
    index.register_tokenizer(_EXACT_ANALYZER, _exact_analyzer())


def _analyzer() -> tantivy.TextAnalyzer:
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(_LONGEST_TERM))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.stopword("english"))
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


def _exact_analyzer() -> tantivy.TextAnalyzer:
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .build()
    )
