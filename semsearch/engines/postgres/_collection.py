"""A version of an index: what is asked of its tables."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from semsearch.analysis import ENGLISH, Analyzer
from semsearch.dense import cosines
from semsearch.engines import Batch, EngineArticle, Found, PassageRows, Unit, Where
from semsearch.engines.postgres._connection import Connection, Half, Rows, Server, Single, portion
from semsearch.engines.postgres._copying import COPIES, copied, id_key
from semsearch.engines.postgres._schema import INDEXES, VECTOR_INDEX, VECTORS, schema_of
from semsearch.engines.postgres._where import Sql, both, of_articles, within
from semsearch.engines.postgres._words import PostgresWords
from semsearch.engines.postgres._writer import Writer
from semsearch.errors import EngineError
from semsearch.records import Article, SourceSummary

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PostgresCollection"]

_T = TypeVar("_T")

SCANNED = 20_000
"""Passages up to which all of them are scored for every query."""

_MOST_COMPONENTS = 4000  # of a vector that pgvector indexes
_INLINE = 1500  # components up to which a passage's vector stands in its row, where scans read it fastest
_FIRST_PASSAGES = 64  # of a long article, which stand for it
_SPARE = 16  # passages beyond k that are looked at: for ties, and as vectors are compared in half precision at first
_MOST_EF = 1000
# How many passages the index of vectors looks at to find this share of the nearest at 100,000: so many, and so many
# more for each that is wanted.
_EFFORTS = ((0.9, 40, 1.2), (0.95, 80, 1.5), (0.99, 160, 2.0), (0.995, 220, 3.0), (0.998, 320, 4.0))
# Where fewer may be found than the root of so many times all of them, to score these costs less than to look for them.
_SCANNED_SQUARED = 6000
_FRESH = 60.0  # seconds for which it is believed whether there is an index of vectors
_PORTION = 2000  # passages that are exported at once
_MANY = 10_000  # ids or rows that are asked for at once
_MEMORY = (1 << 16, 1 << 21)  # KB for building an index: at least, at most
_MEMORY_OF_PASSAGE = 4  # KB, likewise
_TABLES = ("articles", "facts", "passages", "codes", "texts", "article_terms", "passage_terms")

_ARTICLE = "row, id, title, published, source, url, metadata, text, place, digest, passages, tokens, truncated, "
_ARTICLE += "halfvec_send(vector)"


class PostgresCollection:
    """A version of an index in PostgreSQL.

    What is put into a version that was not published, or taken out, is committed when the call returns. So it is with a
    live version; but where its engine holds the lock, all that is written is one transaction, from the first call to
    :meth:`flush`, which commits it: readers see the update as a whole, and this object sees it from the beginning. If
    the connection is lost in between, nothing of it is kept, and every further call of the update says so.

    Nearest vectors are looked for exactly in up to 20,000 passages, and by an index in more: that is built by
    :meth:`flush`, like those of words and fields.
    """

    def __init__(self, server: Server, writer: Writer, number: int, *, published: bool) -> None:
        self._server = server
        self._writer = writer
        self.number = number
        self._schema = schema_of(server.address.name, number)
        self.published = published
        self._lock = threading.Lock()
        self._analyzer: Analyzer | None = None
        self._words: dict[Unit, PostgresWords] = {}
        self._dimension: int | None = None
        self._limit: tuple[float, float] | None = None  # what is known of _scanned, and since when

    @property
    def name(self) -> str:
        """The schema of its tables."""
        return self._schema

    def _sql(self, text: str, allowed: Sql | None = None) -> str:
        """Return a statement: ``$`` stands for the schema, and ``ALLOWED`` for a condition."""
        return (text if allowed is None else text.replace("ALLOWED", allowed.text)).replace("$", self._schema)

    def _ask(self, work: Callable[[Connection], _T]) -> _T:
        return self._writer.read(self, work)

    def _rows(self, text: str, values: Sequence[Any] = (), allowed: Sql | None = None) -> list[tuple[Any, ...]]:
        """Ask for rows, as the database has them in memory."""
        statement = self._sql(text, allowed)
        # Not prepared: which plan is best depends on the values, as on how many passages a filter leaves.
        return self._ask(lambda one: one.execute(statement, values, binary=True, prepare=False).fetchall())

    def _write(self, work: Callable[[Connection], _T]) -> _T:
        if self.published and self._writer.holds:
            return self._writer.update(self, work)
        return self._writer.now(work)

    # --- state ---

    def read_state(self, name: str) -> str | None:
        """Return what was written last under this name; None if nothing was."""
        found = self._rows("SELECT text FROM $.state WHERE name = %s", (name,))
        return bytes(found[0][0]).decode("utf-8", "surrogatepass") if found else None

    def write_state(self, name: str, text: str) -> None:
        """Keep a text, durably, in the place of what the name had."""
        statement = self._sql(
            "INSERT INTO $.state VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET text = EXCLUDED.text"
        )
        self._write(lambda one: one.execute(statement, (name, text.encode("utf-8", "surrogatepass"))))
        if name == "languages":
            with self._lock:
                self._analyzer = None
                self._words.clear()

    def _analysis(self) -> Analyzer:
        """Return what makes terms in the index's languages."""
        if self._analyzer is None:
            state = self.read_state("languages")
            try:
                self._analyzer = Analyzer(ENGLISH if state is None else json.loads(state))
            except (TypeError, ValueError) as error:
                raise EngineError(str(self._server.address), f"the state 'languages' is none ({error})") from None
        return self._analyzer

    # --- writing ---

    def upsert(self, batch: Batch) -> None:
        """Put articles with their passages in, or in the place of those with the same rows: all of them or none."""
        if not batch.articles:
            return
        new = copied(batch, self._analysis())
        rows = Rows([one.row for one in batch.articles])
        counts = (len(batch.articles), len(batch.rows), int(new.lengths[0].sum()), int(new.lengths[1].sum()))

        def put(connection: Connection) -> None:
            self._set_dimension(connection, batch.vectors.shape[1])
            self._remove(connection, rows)
            with connection.cursor() as cursor:
                for table, pieces in new.tables.items():
                    with cursor.copy(self._sql(COPIES[table])) as copy:
                        for piece in pieces:
                            copy.write(piece)
            self._count(connection, counts)

        self._write(put)
        self._dimension = batch.vectors.shape[1]  # not before: what was set is undone with the rest if that fails
        self._forget()

    def delete(self, articles: Sequence[int]) -> None:
        """Take these articles out, with their passages: all of them or none."""
        rows = Rows(sorted(set(articles)))
        self._write(lambda one: self._remove(one, rows))
        self._forget()

    def _forget(self) -> None:
        for words in list(self._words.values()):
            words.forget()

    def _set_dimension(self, connection: Connection, dimension: int) -> None:
        """Give the vectors their dimension with the first of them.

        Raises:
            EngineError: If they have another one, or too many components.
        """
        if self._dimension == dimension:
            return
        row = connection.execute(
            "SELECT atttypmod FROM pg_attribute WHERE attrelid = %s::regclass AND attname = 'vector'",
            (f"{self._schema}.passages",),
        ).fetchone()
        known = -1 if row is None else int(row[0])
        if known < 0:
            if dimension > _MOST_COMPONENTS:
                raise EngineError(
                    str(self._server.address),
                    f"vectors have {dimension:,} components, of which pgvector's index takes {_MOST_COMPONENTS:,}: "
                    "choose a model with fewer",
                )
            for table in ("articles", "passages"):
                connection.execute(self._sql(f"ALTER TABLE $.{table} ALTER vector TYPE halfvec({dimension:d})"))
            if dimension <= _INLINE:
                connection.execute(self._sql("ALTER TABLE $.passages ALTER vector SET STORAGE PLAIN"))
        elif known != dimension:
            raise EngineError(
                str(self._server.address), f"the index has vectors of {known} components, these have {dimension}"
            )

    def _remove(self, connection: Connection, articles: Rows) -> None:
        """Remove articles, of which some may not be there."""
        found = connection.execute(
            self._sql(
                "WITH gone AS (DELETE FROM $.articles WHERE row = ANY(%s) RETURNING row, passages, length) "
                "SELECT coalesce(array_agg(row), '{}'), coalesce(sum(passages), 0)::bigint, "
                "coalesce(sum(length), 0)::bigint FROM gone"
            ),
            (articles,),
        ).fetchone()
        gone, passages, terms = ([], 0, 0) if found is None else found
        if not gone:
            return
        there = Rows(gone)
        connection.execute(self._sql("DELETE FROM $.facts WHERE row = ANY(%s)"), (there,))
        of_passages = connection.execute(
            self._sql(
                "WITH gone AS (DELETE FROM $.passages p USING unnest(%s::bigint[]) a "
                "WHERE p.row >= a << 20 AND p.row < (a + 1) << 20 RETURNING p.length) "
                "SELECT coalesce(sum(length), 0)::bigint FROM gone"
            ),
            (there,),
        ).fetchone()
        for table in ("codes", "texts"):
            connection.execute(
                self._sql(
                    f"DELETE FROM $.{table} p USING unnest(%s::bigint[]) a "  # noqa: S608 - a name of ours
                    "WHERE p.row >= a << 20 AND p.row < (a + 1) << 20"
                ),
                (there,),
            )
        connection.execute(self._sql("DELETE FROM $.article_terms WHERE row = ANY(%s)"), (there,))
        connection.execute(self._sql("DELETE FROM $.passage_terms WHERE row >> 20 = ANY(%s)"), (there,))
        self._count(connection, (-len(gone), -passages, -terms, -(0 if of_passages is None else of_passages[0])))

    def _count(self, connection: Connection, changes: tuple[int, int, int, int]) -> None:
        connection.execute(
            self._sql(
                "UPDATE $.totals SET articles = articles + %s, passages = passages + %s, "
                "article_terms = article_terms + %s, passage_terms = passage_terms + %s, changes = changes + 1"
            ),
            changes,
        )

    def flush(self) -> None:
        """Commit an update, and return when there is an index of everything that needs one."""
        self._writer.finish()
        self.complete()

    def complete(self) -> tuple[str, ...]:
        """Build the indexes that are not there, and return their names."""
        built = self._writer.alone(self._index)
        self._limit = None
        return built

    def _index(self, connection: Connection) -> tuple[str, ...]:
        there = _index_names(connection, self._schema)
        passages = _number(connection, self._sql("SELECT passages FROM $.totals"))
        missing = {name: what for name, what in INDEXES.items() if name not in there}
        needs_vectors = passages > SCANNED and VECTOR_INDEX not in there
        if not missing and not needs_vectors:
            return ()
        least, most = _MEMORY
        memory = min(max(least, _MEMORY_OF_PASSAGE * passages), most)  # of a graph beyond it the rest is built slowly
        connection.execute("SELECT set_config('maintenance_work_mem', %s, false)", (f"{memory}kB",))
        for name, what in missing.items():
            connection.execute(self._sql(f"CREATE INDEX IF NOT EXISTS {name} ON {what}"))
        if needs_vectors:
            self._index_vectors(connection)
        connection.execute("RESET maintenance_work_mem")
        for table in _TABLES:
            connection.execute(self._sql(f"VACUUM (ANALYZE) $.{table}"))
        return (*missing, *([VECTOR_INDEX] if needs_vectors else []))

    def _index_vectors(self, connection: Connection) -> None:
        import psycopg

        statement = self._sql(f"CREATE INDEX IF NOT EXISTS {VECTOR_INDEX} ON {VECTORS}")
        try:
            connection.execute(statement)
        except (psycopg.errors.DiskFull, psycopg.errors.OutOfMemory):
            # Workers share memory of the system, of which containers have little; alone it builds in its own.
            connection.execute("SET max_parallel_maintenance_workers = 0")
            connection.execute(statement)
            connection.execute("RESET max_parallel_maintenance_workers")

    # --- what is found ---

    def _within(self, where: Where | None, *, one_by_one: bool = False) -> Sql:
        """Return what ``where`` asks of the passages ``p``."""
        analyzer = self._analysis() if where is not None and where.phrases else Analyzer()
        return within(where, analyzer, row="p.row", article="p.article", one_by_one=one_by_one)

    def count(self, where: Where | None = None) -> int:
        """Count the passages that may be found: exactly."""
        if where is None or where == Where():
            (count,) = self._rows("SELECT passages FROM $.totals")[0]
        elif where.phrases:
            test = self._within(where)
            (count,) = self._rows("SELECT count(*) FROM $.passages p WHERE ALLOWED", test.values, test)[0]
        else:
            test = both(of_articles(where, "f.row", fields=True))
            statement = "SELECT coalesce(sum(f.passages), 0)::bigint FROM $.facts f WHERE ALLOWED"
            (count,) = self._rows(statement, test.values, test)[0]
        return int(count)

    def search(
        self, vector: NDArray[np.float32], k: int, *, where: Where | None = None, recall: float = 0.995
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find the passages with the highest cosine with ``vector``, ``(dimension,)`` float32 of length 1."""
        if where is not None and where == Where():
            where = None
        effort = next((each for reached, *each in _EFFORTS if reached >= recall), None)
        scanned = self._scanned() if effort is not None else math.inf
        if effort is None or k + _SPARE > scanned or scanned == math.inf:
            return self._scan(vector, k, self._within(where))
        if where is not None and where != Where(without=where.without):
            few = self._few(where, int(scanned))
            if few is not None:
                return self._scan(vector, k, few)
        least, more = effort
        return self._walk(vector, k, min(int(least + more * k), _MOST_EF), where)

    def _scanned(self) -> float:
        """Return up to how many passages are scored one by one where only these may be found.

        So many that to go through the index of vectors until enough of them are found takes as long.
        """
        known, now = self._limit, time.monotonic()
        if known is None or now - known[1] > _FRESH:  # an update, of whomever, may have made the index since
            names = self._ask(lambda one: _index_names(one, self._schema))
            limit = math.sqrt(_SCANNED_SQUARED * self.count()) if VECTOR_INDEX in names else math.inf
            self._limit = known = (limit, now)
        return known[0]

    def _few(self, where: Where, most: int) -> Sql | None:
        """Return what names the passages that may be found, if they are at most so many."""
        if where.phrases:
            test = self._within(where)
            source = "SELECT p.row, 1 AS passages FROM $.passages p WHERE ALLOWED LIMIT %s"
        else:
            test = both(of_articles(where, "f.row", fields=True))
            source = "SELECT f.row, f.passages FROM $.facts f WHERE ALLOWED LIMIT %s"
        statement = (
            "SELECT coalesce(sum(s.passages), 0)::bigint, coalesce(string_agg(int8send(s.row), ''), '') "
            "FROM (SOURCE) s".replace("SOURCE", source)
        )
        ((count, rows),) = self._rows(statement, (*test.values, most + 1), test)
        if count > most:
            return None
        column = "p.row = ANY(%s)" if where.phrases else "p.article = ANY(%s)"
        return Sql(column, (Rows(np.frombuffer(rows, dtype=">i8")),))

    def _scan(self, vector: NDArray[np.float32], k: int, test: Sql) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Score all passages that may be found. What is added to the distance keeps the index of vectors out of it."""
        statement = (
            "SELECT s.row, s.distance, halfvec_send(s.vector) FROM ("
            "SELECT p.row, p.vector, (p.vector <#> %s::halfvec) + 0.0 AS distance FROM $.passages p WHERE ALLOWED "
            "ORDER BY 3, 1 LIMIT %s) s"
        )
        half = Half(vector)
        # By how much the vector in half precision may change a cosine.
        error = float(np.linalg.norm(vector - vector.astype(np.float16).astype(np.float32))) * 1.001 + _ROUNDING
        depth = k + _SPARE
        while True:
            found = self._rows(statement, (half, *test.values, depth), test)
            rows, scores = _scored(found, vector, k)
            # Complete when none that was not seen can be among them.
            if len(found) < depth or -found[-1][1] + error < scores[-1]:
                return rows, scores
            depth *= 4

    def _walk(
        self, vector: NDArray[np.float32], k: int, ef: int, where: Where | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Go through the index of vectors until ``ef`` passages are found that may be, and take the nearest of them."""
        test = self._within(where, one_by_one=True)
        depth = k + _SPARE
        # Without a condition it looks at so many by itself, and gives those that are wanted.
        looked_at = depth if where is None else max(ef, depth)
        statement = self._sql(_WALK if where is None else _WALK_FILTERED, test)
        values = (depth,) if where is None else (looked_at, depth)
        half = Half(vector)

        def walk(connection: Connection) -> list[tuple[Any, ...]]:
            # To go on where a condition leaves too few costs something, and without one there are always enough.
            tuned = (ef, "off" if where is None else "relaxed_order")
            if connection.tuned != tuned:
                connection.execute(_TUNED, (str(ef), tuned[1]))
                connection.tuned = tuned
            # Without a condition there is one plan for all values, which is then made once.
            return connection.execute(
                statement, (half, *test.values, half, *values), binary=True, prepare=where is None
            ).fetchall()

        found = self._ask(walk)
        rows, scores = _scored(found, vector, k)
        # Where it gave up, or equal ones may go on beyond what was looked at.
        if (
            not found
            or (found[0][3] or len(found)) < looked_at
            or max(one[1] for one in found) <= -scores[-1] + _ROUNDING
        ):
            return self._scan(vector, k, self._within(where))
        return rows, scores

    def best_passages(
        self, articles: Sequence[int], vector: NDArray[np.float32], *, where: Where | None = None
    ) -> NDArray[np.int64]:
        """Return of each article the passage that is nearest to ``vector``, of a long one's first 64; ascending."""
        if not len(articles):
            return np.empty(0, np.int64)
        test = self._within(where)
        found = self._rows(
            "SELECT DISTINCT ON (p.article) p.row FROM unnest(%s::bigint[]) a JOIN $.passages p "
            "ON p.row >= a << 20 AND p.row < (a << 20) + %s WHERE ALLOWED "
            "ORDER BY p.article, p.vector::vector <#> %s::vector, p.row",
            (Rows(sorted(set(articles))), _FIRST_PASSAGES, *test.values, Single(vector)),
            test,
        )
        return np.array([row for (row,) in found], dtype=np.int64)

    # --- what is known of passages and articles ---

    def passages(self, rows: NDArray[np.int64], *, codes: bool) -> PassageRows:
        """Return passages by their rows, with the codes of their tokens if these are asked for."""
        columns = "u.number, p.paragraph, p.starts, p.ends, halfvec_send(p.vector)"
        tables = "unnest(%s::bigint[]) WITH ORDINALITY u (row, number) JOIN $.passages p ON p.row = u.row"
        if codes:
            columns += ", c.width, c.codes"
            tables += " LEFT JOIN $.codes c ON c.row = u.row"
        found = self._rows(f"SELECT {columns} FROM {tables} ORDER BY u.number", (Rows(rows),))  # noqa: S608
        self._require(len(found), len(rows), "passage")
        paragraphs, starts, ends = _columns([one[1:4] for one in found], 3)
        return PassageRows(
            paragraphs,
            starts,
            ends,
            _vectors([one[4] for one in found]),
            [_codes(*one[5:7]) for one in found] if codes else [_NO_CODES] * len(found),
        )

    def texts(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the texts of passages alone."""
        found = self._rows(
            "SELECT t.text FROM unnest(%s::bigint[]) WITH ORDINALITY u (row, number) "
            "JOIN $.texts t ON t.row = u.row ORDER BY u.number",
            (Rows(rows),),
        )
        self._require(len(found), len(rows), "passage")
        return [text for (text,) in found]

    def articles(self, rows: Sequence[int]) -> dict[int, EngineArticle]:
        """Return articles by their rows; those that are not there are left out."""
        found = self._rows(f"SELECT {_ARTICLE} FROM $.articles WHERE row = ANY(%s)", (Rows(rows),))  # noqa: S608
        return {one[0]: self._article(one) for one in found}

    def _article(self, columns: tuple[Any, ...]) -> EngineArticle:
        row, id_, title, published, source, url, metadata, text, place, digest, passages, tokens, truncated, vector = (
            columns
        )
        try:
            article = Article(id_, text, title, published, source, url, json.loads(metadata))
        except (TypeError, ValueError, RecursionError) as error:
            raise EngineError(str(self._server.address), f"holds something else than an article ({error})") from None
        return EngineArticle(row, article, place, digest, passages, tokens, truncated, _vectors([vector])[0])

    def article_vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return the vectors of articles: ``(n, dimension)``."""
        found = self._rows(
            "SELECT halfvec_send(a.vector) FROM unnest(%s::bigint[]) WITH ORDINALITY u (row, number) "
            "JOIN $.articles a ON a.row = u.row ORDER BY u.number",
            (Rows(rows),),
        )
        self._require(len(found), len(rows), "article")
        return _vectors([vector for (vector,) in found])

    def _require(self, found: int, wanted: int, what: str) -> None:
        if found != wanted:
            raise EngineError(
                str(self._server.address), f"{wanted - found} of {wanted} {what}s are not there: the index has changed"
            )

    def find(self, ids: Sequence[str]) -> dict[str, Found]:
        """Return where articles are by their ids; those that are not there are left out."""
        wanted = set(ids)
        keys = [id_key(id_) for id_ in wanted]
        found: dict[str, Found] = {}
        for start in range(0, len(keys), _MANY):
            rows = self._rows(
                "SELECT id, row, digest FROM $.articles WHERE key = ANY(%s::bytea[]) ORDER BY row",
                (keys[start : start + _MANY],),
            )
            found |= {id_: Found(row, digest) for id_, row, digest in rows if id_ in wanted}
        return found

    def entries(self, first: int = 0) -> Iterator[tuple[str, Found]]:
        """Yield the id of every article from the row ``first`` on, in that order, and what it is found by."""
        while True:
            rows = self._rows(
                "SELECT id, row, digest FROM $.articles WHERE row >= %s ORDER BY row LIMIT %s", (first, _MANY)
            )
            yield from ((id_, Found(row, digest)) for id_, row, digest in rows)
            if len(rows) < _MANY:
                return
            first = rows[-1][1] + 1

    def sources(self) -> list[SourceSummary]:
        """Return what there is of each source."""
        found = self._rows("SELECT source, count(*), min(published), max(published) FROM $.articles GROUP BY source")
        return [SourceSummary(*row) for row in found]

    def words(self, unit: Unit) -> PostgresWords:
        """Return what finds articles or passages by their words."""
        analyzer = self._analysis()
        with self._lock:
            if unit not in self._words:
                self._words[unit] = PostgresWords(self._ask, unit, self._schema, analyzer)
            return self._words[unit]

    # --- all of it ---

    def export(self, first: int = 0) -> Iterator[Batch]:
        """Yield everything from the article with the row ``first`` on, in portions of some 2,000 passages."""
        while (batch := self._ask(lambda one: self._portion(one, first))) is not None:  # noqa: B023 - called at once
            yield batch
            first = batch.articles[-1].row + 1

    def _portion(self, connection: Connection, first: int) -> Batch | None:
        with portion(connection):
            return self._read_portion(connection, first)

    def _read_portion(self, connection: Connection, first: int) -> Batch | None:
        def rows(text: str, *values: object) -> list[tuple[Any, ...]]:
            return connection.execute(self._sql(text), values, binary=True, prepare=False).fetchall()

        sizes = rows("SELECT row, passages FROM $.facts WHERE row >= %s ORDER BY row LIMIT %s", first, _PORTION)
        if not sizes:
            return None
        total, last = 0, sizes[0][0]
        for row, passages in sizes:
            total += passages
            if total > _PORTION and row != sizes[0][0]:
                break
            last = row
        between = (first, last)
        articles = rows(f"SELECT {_ARTICLE} FROM $.articles WHERE row BETWEEN %s AND %s ORDER BY row", *between)  # noqa: S608
        found = rows(
            "SELECT p.row, p.paragraph, p.starts, p.ends, p.key, halfvec_send(p.vector), c.width, c.codes "
            "FROM $.passages p LEFT JOIN $.codes c ON c.row = p.row WHERE p.row >= %s AND p.row < %s ORDER BY p.row",
            first << 20,
            (last + 1) << 20,
        )
        keys = np.frombuffer(b"".join(one[4] for one in found), dtype=np.uint8).reshape(-1, 16)
        numbers, paragraphs, starts, ends = _columns([one[:4] for one in found], 4)
        return Batch(
            [self._article(one) for one in articles],
            numbers,
            paragraphs,
            starts,
            ends,
            keys,
            _vectors([one[5] for one in found]),
            [_codes(*one[6:8]) for one in found],
        )


_ROUNDING = 1e-5
_WALK = """
SELECT p.row, p.vector <#> %s::halfvec, halfvec_send(p.vector), NULL::bigint
FROM $.passages p ORDER BY p.vector <#> %s::halfvec LIMIT %s
"""
_WALK_FILTERED = """
SELECT s.row, s.distance, halfvec_send(s.vector), s.count FROM (
    SELECT w.*, count(*) OVER () FROM (
        SELECT p.row, p.vector, p.vector <#> %s::halfvec AS distance FROM $.passages p WHERE ALLOWED
        ORDER BY p.vector <#> %s::halfvec LIMIT %s
    ) w
) s ORDER BY 2, 1 LIMIT %s
"""
_TUNED = "SELECT set_config('hnsw.ef_search', %s, false), set_config('hnsw.iterative_scan', %s, false)"
_NO_CODES: NDArray[np.uint8] = np.empty((0, 0), dtype=np.uint8)


def _index_names(connection: Connection, schema: str) -> set[str]:
    found = connection.execute("SELECT indexname FROM pg_indexes WHERE schemaname = %s", (schema,)).fetchall()
    return {str(name) for (name,) in found}


def _number(connection: Connection, statement: str) -> int:
    row = connection.execute(statement).fetchone()
    return 0 if row is None else int(row[0])


def _scored(
    found: Sequence[tuple[Any, ...]], vector: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the best of what was found, by the cosines of the vectors."""
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    rows = np.array([one[0] for one in found], dtype=np.int64)
    scores = cosines(_vectors([one[2] for one in found]), vector)
    order = np.lexsort((rows, -scores))[:k]
    return rows[order], scores[order]


def _vectors(sent: Sequence[bytes]) -> NDArray[np.float16]:
    """Return vectors as the database sends them: after their dimension and two bytes of nothing."""
    if not sent:
        return np.empty((0, 0), dtype=np.float16)
    return np.frombuffer(b"".join(sent), dtype=">f2").reshape(len(sent), -1)[:, 2:].astype(np.float16)


def _columns(rows: Sequence[tuple[int, ...]], count: int) -> NDArray[np.int64]:
    return np.ascontiguousarray(np.array(rows, dtype=np.int64).reshape(len(rows), count).T)


def _codes(width: int | None, codes: bytes | None) -> NDArray[np.uint8]:
    if not width or codes is None:
        return _NO_CODES
    return np.frombuffer(codes, dtype=np.uint8).reshape(-1, width)
