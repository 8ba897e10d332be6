"""One version of an index in Milvus."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from semsearch.dense import RECALL, cosines
from semsearch.engines import _client_words
from semsearch.engines._protocol import (
    ARTICLE_BITS,
    MOST_PASSAGES,
    Batch,
    EngineArticle,
    Found,
    PassageRows,
    Unit,
    Where,
    Words,
    article_of,
    first_passage,
)
from semsearch.engines.milvus import _where
from semsearch.engines.milvus._connection import Connection
from semsearch.engines.milvus._schema import (
    ARTICLES,
    KINDS,
    PASSAGES,
    TEXTS,
    Piece,
    article_from,
    article_row,
    codes_from,
    id_number,
    passage_rows,
    pieces_of,
    state_key,
    text_row,
    vectors_from,
)
from semsearch.engines.milvus._search import Search
from semsearch.engines.milvus._tables import MOST_ROWS, Tables
from semsearch.errors import EngineError
from semsearch.records import SourceSummary, summarize

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MilvusCollection"]

_STAMP = "words"  # the state that says of which content an index of words must be
_STATE = -1  # the article that states are of
_LONG = 64  # passages of an article of which the nearest is looked for
_MOST_PLAIN = MOST_ROWS // 2  # rows without long texts that are asked for at a time
_PORTION = 512  # passages that are exported at a time
_FEW_CODES = 256  # passages whose codes are asked for at a time: each may be 64 KB, and an answer 64 MB
_FEW_ARTICLES = 128
_WINDOW = 4096  # rows of articles that are looked for at a time; they may be far apart
_LAST_ARTICLE = 1 << (63 - ARTICLE_BITS)
_FRESH = 1.0  # seconds for which the stamp of the words is believed
_WHERE_COLUMNS = ("paragraph", "start", "end", "vector")


class MilvusCollection:
    """A version. Threads may share it."""

    def __init__(self, connection: Connection, tables: Tables, version: str, words: Path, *, new: bool) -> None:
        self._connection = connection
        self._tables = tables
        self._version = version
        self._search = Search(tables)
        self._words_folder = words
        self._lock = threading.RLock()
        self._unused = 0 if new else None  # the first row of an article from which on nothing can be there
        self._marked = False  # whether the stamp of the words was changed since the last flush
        self._words: _client_words.ClientWords | None = None
        self._looked = -_FRESH

    @property
    def name(self) -> str:
        """What identifies this version among those of the index."""
        return self._version

    def prepare(self) -> None:
        """Make what every version has, and load what is there."""
        self._tables.make([TEXTS])
        self._tables.load()

    def open(self) -> None:
        """Load it, and wait until what others have written is seen."""
        self._tables.load()
        for kind in KINDS:
            self._tables.wrote(kind)
        with ThreadPoolExecutor(len(KINDS)) as threads:  # each waits for the same tick
            list(threads.map(lambda kind: self._tables.has(kind) and self._tables.count(kind), KINDS))

    def close(self) -> None:
        """Let go of the index of words."""
        with self._lock:
            words, self._words = self._words, None
            if words is not None:
                words.close()

    # --- state ---

    def read_state(self, name: str) -> str | None:
        """Return what was written last under this name."""
        if not self._tables.has(TEXTS):
            return None
        key = state_key(name)
        found = self._tables.query(TEXTS, f"key == {_where.literal(key)}", ["pieces", "text"])
        if not found:
            return None
        (row,) = found
        return self._whole([(key, int(row["pieces"]), str(row["text"]))])[0]

    def write_state(self, name: str, text: str) -> None:
        """Keep a text in the place of what the name had."""
        self._tables.make([TEXTS])
        key = state_key(name)
        field, pieces = pieces_of(key, _STATE, text)
        self._tables.put(TEXTS, map(text_row, pieces))
        self._tables.put(TEXTS, [text_row((key, _STATE, len(pieces), field))])
        if pieces:  # others are of a text that stood here before
            kept = {piece[0] for piece in pieces}
            there = self._tables.query(TEXTS, f"article == {_STATE}", ["key"])
            old = [str(row["key"]) for row in there if str(row["key"]).startswith(f"{key} ")]
            self._tables.take_out(TEXTS, "key", [one for one in old if one not in kept])

    # --- writing ---

    def upsert(self, batch: Batch) -> None:
        """Put articles with their passages in, or in the place of those with the same rows."""
        if not batch.articles:
            return
        self._tables.make(KINDS, batch.vectors.shape[1])
        self._mark()
        half = self._tables.half
        try:
            articles = [article_row(one, half=half) for one in batch.articles]
            passages = passage_rows(batch, half=half)
            numbers = [one.row for one in batch.articles]
            known = self._unused is None or min(numbers) < self._unused
            if self._unused is not None:
                self._unused = max(self._unused, 1 + max(numbers))
            pieces = [piece for _, own in articles for piece in own]
            self._tables.put(TEXTS, map(text_row, pieces))
            self._tables.put(ARTICLES, (row for row, _ in articles))
            pieces += self._put_passages(passages)
        except ValueError as error:
            raise EngineError(self._connection.address, str(error)) from None
        if known:
            self._take_out_others(numbers, batch.rows, {piece[0] for piece in pieces})

    def _put_passages(self, passages: Iterable[tuple[dict[str, Any], list[Piece]]]) -> list[Piece]:
        """Put passages in, and before each what is too long for it. Returns all of that."""
        put: list[Piece] = []

        def rows() -> Iterator[dict[str, Any]]:
            for row, pieces in passages:
                if pieces:
                    self._tables.put(TEXTS, map(text_row, pieces))
                    put.extend((*piece[:3], "") for piece in pieces)
                yield row

        self._tables.put(PASSAGES, rows())
        return put

    def _take_out_others(self, articles: Sequence[int], rows: NDArray[np.int64], keys: set[str]) -> None:
        """Take out of these articles what they had before and have no more."""
        kept = set(rows.tolist())
        there = [
            int(row["row"])
            for at in range(0, len(articles), _FEW_ARTICLES)
            for row in self._passages_of(articles[at : at + _FEW_ARTICLES], ["row"])
        ]
        self._tables.take_out(PASSAGES, "row", [row for row in there if row not in kept])
        pieces = self._pieces_of(articles)
        self._tables.take_out(TEXTS, "key", [key for key in pieces if key not in keys])

    def _pieces_of(self, articles: Sequence[int]) -> list[str]:
        """Return the keys of the pieces of these articles."""
        found: list[str] = []
        for at in range(0, len(articles), _FEW_ARTICLES):
            expression = _where.one_of("article", articles[at : at + _FEW_ARTICLES])
            rows = self._tables.query(TEXTS, expression, ["key"])
            found += [str(row["key"]) for row in rows]
        return found

    def _passages_of(
        self, articles: Sequence[int], columns: Sequence[str], *, beyond: int = 0
    ) -> Iterator[dict[str, Any]]:
        """Yield these columns of all passages of articles, with the ordinal; however many an article has."""
        wanted = _where.one_of("article", articles)
        at, size = beyond, MOST_ROWS // max(1, len(articles))
        while True:
            expression = f"{wanted} and ordinal >= {at} and ordinal < {at + size}"
            found = self._tables.query(PASSAGES, expression, [*columns, "ordinal"])
            yield from found
            at += size
            if at >= MOST_PASSAGES or not any(int(row["ordinal"]) >= at - size for row in found):
                return
            if self._tables.count(PASSAGES, f"{wanted} and ordinal >= {at}") == 0:
                return

    def delete(self, articles: Sequence[int]) -> None:
        """Take these articles out, with their passages, which go first."""
        if not len(articles) or not self._tables.has(ARTICLES):
            return
        self._mark()
        rows = [int(row) for row in articles]
        self._tables.take_out(PASSAGES, "article", rows)
        self._tables.take_out(ARTICLES, "row", rows)
        self._tables.take_out(TEXTS, "article", rows)

    def _mark(self) -> None:
        """Say that an index of words that is of this version is so no more."""
        with self._lock:
            if not self._marked:
                self._stamp_anew()
                self._marked = True

    def _stamp_anew(self) -> None:
        self.write_state(_STAMP, uuid.uuid4().hex)
        self._looked = -_FRESH

    def flush(self) -> None:
        """Return when everything that was put in can be found, and is indexed for it, by its words too."""
        self.prepare()
        with self._lock:
            if self._marked:  # an index of words that another process made meanwhile is of something between
                self._stamp_anew()
                self._marked = False
        self._tables.flush()
        self._search.forget()
        if not self.has_words:
            self.build_words()

    # --- what may be found ---

    def _expression(self, where: Where | None) -> str:
        """Return the expression for what may be found; empty for everything."""
        if where is None:
            return ""
        parts = []
        if where.filter is not None:
            parts.append(_where.expression_of(where.filter))
        if where.articles is not None:
            parts.append(_where.one_of("article", where.articles))
        if where.without:
            parts.append(f"(not ({_where.one_of('article', where.without)}))")
        parts += [_where.one_of("row", self._with_phrase(phrase).tolist()) for phrase in where.phrases]
        return " and ".join(parts)

    def _with_phrase(self, phrase: str) -> NDArray[np.int64]:
        words = self._found_words()
        if words is None:
            raise EngineError(
                self._connection.address,
                "a phrase is looked for in the index of words, which is not on this machine: 'semsearch repair --index "
                f"{self._connection.address}' makes it",
            )
        return words.with_phrase(phrase)

    # --- reading ---

    def count(self, where: Where | None = None) -> int:
        """Count the passages that may be found."""
        if not self._tables.has(PASSAGES):
            return 0
        return self._tables.count(PASSAGES, self._expression(where))

    def search(
        self, vector: NDArray[np.float32], k: int, *, where: Where | None = None, recall: float = RECALL
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find the passages with the highest cosine with ``vector``: see the protocol."""
        if not self._tables.has(PASSAGES) or k < 1:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        return self._search.nearest(vector, k, self._expression(where), recall)

    def best_passages(
        self, articles: Sequence[int], vector: NDArray[np.float32], *, where: Where | None = None
    ) -> NDArray[np.int64]:
        """Return of each article the passage that is nearest to ``vector``, of a long one's first 64; ascending."""
        if not len(articles) or not self._tables.has(PASSAGES):
            return np.empty(0, np.int64)
        rows: list[NDArray[np.int64]] = []
        scores: list[NDArray[np.float32]] = []
        besides = self._expression(where)
        most = MOST_ROWS // _LONG
        for at in range(0, len(articles), most):
            wanted = [_where.one_of("article", map(int, articles[at : at + most])), f"ordinal < {_LONG}", besides]
            found = self._tables.query(PASSAGES, " and ".join(filter(None, wanted)), ["row", "vector"])
            if found:
                rows.append(np.array([int(row["row"]) for row in found], dtype=np.int64))
                scores.append(cosines(vectors_from([row["vector"] for row in found]), vector))
        if not rows:
            return np.empty(0, np.int64)
        every, exact = np.concatenate(rows), np.concatenate(scores)
        order = np.lexsort((every, -exact, article_of(every)))
        _, first = np.unique(article_of(every)[order], return_index=True)
        return np.sort(every[order][first])

    def passages(self, rows: NDArray[np.int64], *, codes: bool) -> PassageRows:
        """Return passages by their rows, with the codes of their tokens if these are asked for."""
        columns = [*_WHERE_COLUMNS, "code_pieces", "codes"] if codes else _WHERE_COLUMNS
        found = self._rows(rows, columns, block=_FEW_CODES if codes else _MOST_PLAIN)
        wanted = rows.tolist()
        own = [np.empty((0, 0), dtype=np.uint8)] * len(wanted)
        if codes:
            own = self._codes([found[row] for row in wanted])
        vectors = vectors_from([found[row]["vector"] for row in wanted])
        paragraphs, starts, ends = (
            np.array([found[row][name] for row in wanted], dtype=np.int64) for name in _WHERE_COLUMNS[:3]
        )
        return PassageRows(paragraphs, starts, ends, vectors, own)

    def _rows(
        self, rows: NDArray[np.int64], columns: Sequence[str], *, block: int = _MOST_PLAIN
    ) -> dict[int, dict[str, Any]]:
        """Return these columns of passages by their rows.

        Raises:
            EngineError: If one is not there.
        """
        wanted = np.unique(rows).tolist()
        found: dict[int, dict[str, Any]] = {}
        if wanted and self._tables.has(PASSAGES):
            for row in self._tables.rows(PASSAGES, "row", wanted, ["row", *columns], block=block):
                found[int(row["row"])] = row
        if len(found) < len(wanted):
            raise self._gone("passage", next(row for row in wanted if row not in found))
        return found

    def _gone(self, what: str, row: int) -> EngineError:
        """Return the error for a row that is not there; words may have found it that are out of date."""
        self._looked = -_FRESH
        return EngineError(
            self._connection.address, f"there is no {what} {row} in {self._version}: if it changes now, ask again"
        )

    def _codes(self, found: Sequence[dict[str, Any]]) -> list[NDArray[np.uint8]]:
        texts = self._whole(
            [(f"codes {row['row']}", int(row["code_pieces"]), str(row["codes"])) for row in found],
        )
        try:
            return [codes_from(text) for text in texts]
        except ValueError as error:
            raise EngineError(self._connection.address, f"the codes of a passage are none ({error})") from None

    def texts(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the texts of passages alone."""
        found = self._rows(rows, ["text_pieces", "text"], block=_FEW_CODES)
        own = [found[row] for row in rows.tolist()]
        return self._whole([(f"text {row['row']}", int(row["text_pieces"]), str(row["text"])) for row in own])

    def _whole(self, fields: Sequence[tuple[str, int, str]]) -> list[str]:
        """Return texts, each by its key, the number of its pieces, and what stands in the field.

        Raises:
            EngineError: If a piece is missing.
        """
        keys = [f"{key} {field} {number}" for key, pieces, field in fields for number in range(pieces)]
        pieces_by_key: dict[str, str] = {}
        for at in range(0, len(keys), _FEW_CODES):
            listed = ", ".join(map(_where.literal, keys[at : at + _FEW_CODES]))
            for row in self._tables.query(TEXTS, f"key in [{listed}]", ["key", "text"]):
                pieces_by_key[str(row["key"])] = str(row["text"])
        texts = []
        for key, pieces, field in fields:
            own = [pieces_by_key.get(f"{key} {field} {number}") for number in range(pieces)]
            if None in own:
                raise EngineError(self._connection.address, f"a piece of the {key} is missing in {self._version}")
            texts.append("".join(filter(None, own)) if pieces else field)
        return texts

    def articles(self, rows: Sequence[int]) -> dict[int, EngineArticle]:
        """Return articles by their rows; those that are not there are left out."""
        columns = ["row", "id", "digest", "passages", "tokens", "truncated", "pieces", "content", "vector"]
        found = self._article_rows(rows, columns, block=_FEW_ARTICLES)
        order = [found[row] for row in dict.fromkeys(map(int, rows)) if row in found]
        packed = self._whole([(f"article {row['row']}", int(row["pieces"]), str(row["content"])) for row in order])
        try:
            articles = [article_from(row, text) for row, text in zip(order, packed, strict=True)]
        except ValueError as error:
            raise EngineError(self._connection.address, f"an article is none ({error})") from None
        return {one.row: one for one in articles}

    def _article_rows(self, rows: Sequence[int], columns: Sequence[str], *, block: int) -> dict[int, dict[str, Any]]:
        wanted = sorted({int(row) for row in rows})
        if not wanted or not self._tables.has(ARTICLES):
            return {}
        return {int(row["row"]): row for row in self._tables.rows(ARTICLES, "row", wanted, columns, block=block)}

    def article_vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return the vectors of articles."""
        found = self._article_rows(rows.tolist(), ["row", "vector"], block=_MOST_PLAIN)
        for row in rows.tolist():
            if row not in found:
                raise self._gone("article", row)
        return vectors_from([found[row]["vector"] for row in rows.tolist()])

    def find(self, ids: Sequence[str]) -> dict[str, Found]:
        """Return where articles are by their ids; those that are not there are left out."""
        if not len(ids) or not self._tables.has(ARTICLES):
            return {}
        wanted = set(ids)
        numbers = sorted({id_number(one) for one in wanted})
        found = self._tables.rows(ARTICLES, "id_number", numbers, ["row", "id", "digest"])
        return {
            str(row["id"]): Found(int(row["row"]), bytes.fromhex(row["digest"])) for row in found if row["id"] in wanted
        }

    def entries(self, first: int = 0) -> Iterator[tuple[str, Found]]:
        """Yield every article's id from the row ``first`` on, with what identifies it."""
        for rows in self._in_order(first, ["row", "id", "digest"]):
            for row in rows:
                yield str(row["id"]), Found(int(row["row"]), bytes.fromhex(row["digest"]))

    def _in_order(self, first: int, columns: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        """Yield the articles' rows in their order, in portions.

        They are asked for by ranges, as an answer that is cut off may lack any of them. Where there is nothing the next
        range is larger.
        """
        if not self._tables.has(ARTICLES):
            return
        at, window = max(0, first), _WINDOW
        while at < _LAST_ARTICLE:
            end = min(at + window, _LAST_ARTICLE)
            if window > MOST_ROWS and self._tables.count(ARTICLES, f"row >= {at} and row < {end}") > _WINDOW:
                window = max(_WINDOW, window // 8)
                continue
            found = self._tables.query(ARTICLES, f"row >= {at} and row < {end}", columns)
            if found:
                yield sorted(found, key=lambda row: int(row["row"]))
            at, window = end, _WINDOW if found else window * 8

    def sources(self) -> list[SourceSummary]:
        """Return what there is of each source. All articles are read: columns have sources as they are compared."""
        return summarize(
            (one.article.source, one.article.published)
            for rows in self._in_order(0, ["row"])
            for at in range(0, len(rows), _FEW_ARTICLES)
            for one in self.articles([int(row["row"]) for row in rows[at : at + _FEW_ARTICLES]]).values()
        )

    def export(self, first: int = 0) -> Iterator[Batch]:
        """Yield everything from the article with the row ``first`` on, in the order of the rows, in portions."""
        for rows in self._in_order(first, ["row", "passages"]):
            portion: list[int] = []
            passages = 0
            for row in rows:
                if portion and (passages + int(row["passages"]) > _PORTION or len(portion) >= _FEW_ARTICLES):
                    yield self._batch(portion)
                    portion, passages = [], 0
                portion.append(int(row["row"]))
                passages += int(row["passages"])
            if portion:
                yield self._batch(portion)

    def _batch(self, rows: Sequence[int]) -> Batch:
        articles = list(self.articles(rows).values())
        numbers = np.concatenate([first_passage(one.row) + np.arange(one.passages, dtype=np.int64) for one in articles])
        found = self._rows(numbers, [*_WHERE_COLUMNS, "digest", "code_pieces", "codes"], block=_FEW_CODES)
        own = [found[row] for row in numbers.tolist()]
        paragraphs, starts, ends = (
            np.array([row[name] for row in own], dtype=np.int64) for name in ("paragraph", "start", "end")
        )
        keys = np.frombuffer(b"".join(bytes.fromhex(row["digest"]) for row in own), dtype=np.uint8).reshape(-1, 16)
        vectors = vectors_from([row["vector"] for row in own])
        return Batch(articles, numbers, paragraphs, starts, ends, keys, vectors, self._codes(own))

    # --- words ---

    @property
    def has_words(self) -> bool:
        """Whether an index of words of this content is on this machine."""
        return self._found_words() is not None

    def words(self, unit: Unit) -> Words | None:
        """Return what finds articles or passages by their words as they are now; None if it is not on this machine."""
        found = self._found_words()
        return None if found is None else found.of(unit)

    def _found_words(self) -> _client_words.ClientWords | None:
        """Return the index of words, opened anew where what it is of has changed."""
        with self._lock:
            if time.monotonic() - self._looked < _FRESH:
                return self._words
            stamp = self.read_state(_STAMP)
            if self._words is None or self._words.stamp != stamp:
                # The one before is not closed: another thread may be asking it.
                self._words = None if stamp is None else _client_words.open_words(self._words_folder, stamp)
            self._looked = time.monotonic()
            return self._words

    def build_words(self) -> None:
        """Make the index of words on this machine."""
        with self._lock:
            if self.read_state(_STAMP) is None:
                self._stamp_anew()
            _client_words.build_words(self, self._words_folder, self._stamp())
            self._looked = -_FRESH

    def _stamp(self) -> str:
        return self.read_state(_STAMP) or ""

    def spans(self, articles: Sequence[int]) -> dict[int, list[tuple[int, int, int]]]:
        """Return the paragraph, start and end of each passage of articles, in their order."""
        found: dict[int, list[tuple[int, int, int, int]]] = {int(row): [] for row in articles}
        for row in self._passages_of([int(row) for row in articles], ["article", "paragraph", "start", "end"]):
            found[int(row["article"])].append(
                (int(row["ordinal"]), int(row["paragraph"]), int(row["start"]), int(row["end"]))
            )
        return {article: [span[1:] for span in sorted(spans)] for article, spans in found.items()}
