"""Texts to the texts that share words with a query: the only module that knows the keyword engine, tantivy.

Scores are BM25 (Robertson and Zaragoza 2009; k1 = 1.2, b = 0.75, as tantivy has them) over stemmed English words
without stop words. tantivy was chosen over bm25s for its cold start (7 ms against 250 ms to import), its phrase queries
and its flat cost at many passages; their rankings are the same within 0.003 nDCG@10.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tantivy
from numpy.typing import NDArray

from semsearch.records import is_unicode

__all__ = ["LexicalIndex"]

_FIELD = "text"
_ROW = "row"
_ANALYZER = "semsearch_en"
_LONGEST_TERM = 60  # characters
_BM25_K1 = 1.2
_HEAP = 256_000_000  # bytes that the writer fills before it starts another segment
_WRITER_LOCK = ".tantivy-writer.lock"


class LexicalIndex:
    """A BM25 index in a folder of its own: row *i* is the *i*-th text."""

    def __init__(self, index: tantivy.Index) -> None:
        self._index = index
        self._searcher = index.searcher()
        self._analyzer = _analyzer()

    @classmethod
    def build(cls, folder: Path, texts: Iterable[str]) -> None:
        """Index ``texts`` into the new folder ``folder``."""
        folder.mkdir(parents=True)
        with _unicode_path(folder) as path:
            index = tantivy.Index(_schema(), path=path)
            index.register_tokenizer(_ANALYZER, _analyzer())
            # One thread, so that the same texts give the same files but for their names.
            writer = index.writer(heap_size=_HEAP, num_threads=1)
            for row, text in enumerate(texts):
                document = tantivy.Document()
                document.add_text(_FIELD, text)
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
            index.register_tokenizer(_ANALYZER, _analyzer())
            return cls(index)

    def __len__(self) -> int:
        return int(self._searcher.num_docs)

    def terms(self, text: str) -> list[str]:
        """Return the terms of ``text`` as they are indexed: stemmed, without stop words, in order."""
        return list(self._analyzer.analyze(text))

    def search(self, query: str, k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Find the rows that share a term with ``query``, at most ``k`` of them.

        Returns:
            Row numbers and BM25 scores, highest first; equal scores in the order of the rows.
        """
        terms = self.terms(query)
        if not terms or k < 1 or len(self) == 0:
            return np.empty(0, np.int64), np.empty(0)
        schema = self._index.schema
        found = self._searcher.search(
            tantivy.Query.boolean_query(
                [(tantivy.Occur.Should, tantivy.Query.term_query(schema, _FIELD, term)) for term in terms]
            ),
            limit=min(k, len(self)),
            count=False,
        ).hits
        scores = np.array([score for score, _ in found])
        rows = np.array(self._searcher.fast_field_values(_ROW, [address for _, address in found]), dtype=np.int64)
        order = np.lexsort((rows, -scores))
        return rows[order], scores[order]

    def document_frequency(self, word: str) -> int:
        """Return how many texts have ``word``; a stop word counts as being in all of them."""
        terms = self.terms(word)
        return int(self._searcher.doc_freq(_FIELD, terms[0])) if terms else len(self)

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


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field(_FIELD, stored=False, tokenizer_name=_ANALYZER, index_option="position")
    builder.add_unsigned_field(_ROW, stored=False, fast=True)
    return builder.build()


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
