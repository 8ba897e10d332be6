"""What is PostgreSQL's alone: who is let in, servers that go and come back, updates in one transaction."""

from __future__ import annotations

import dataclasses
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray

from semsearch import (
    Article,
    EngineAuthError,
    EngineError,
    EngineUnavailableError,
    IndexLockedError,
    IndexNotFoundError,
    build_index,
    open_index,
)
from semsearch.dense import unit_rows
from semsearch.engines import Batch, Collection, Engine, EngineArticle, Unit, Where, first_passage, open_engine
from semsearch.engines.postgres import _collection, _words
from semsearch.engines.postgres._connection import parsed_version
from semsearch.engines.postgres._where import Sql
from semsearch.engines.postgres._words import PostgresWords
from semsearch.filters import parse_filter
from semsearch.storage import content_digest
from tests.embedder import TokenWordEmbedder
from tests.engines.postgres_server import PASSWORD, USER, PostgresServer, why_not

DIMENSION = 8


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of these tests' own: they stop and kill it."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    with PostgresServer() as running:
        yield running


@pytest.fixture
def engine(server: PostgresServer, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The place of an index that is not there yet."""
    server.start()
    opened = open_engine(server.address(name_of(request)))
    yield opened
    server.start()
    opened.remove()
    opened.close()


def name_of(request: pytest.FixtureRequest) -> str:
    return str(request.node.originalname)[:40].rstrip("_")


def another(server: PostgresServer, request: pytest.FixtureRequest, **options: Any) -> Engine:
    return open_engine(server.address(name_of(request), **options))


def vector_of(number: int) -> NDArray[np.float32]:
    random = np.random.default_rng(number & 0xFFFFFFFFFF)
    return unit_rows(random.normal(size=(1, DIMENSION)).astype(np.float32)).ravel()


def batch_of(rows: Sequence[int], text: str = "A treaty was signed.", passages: int = 1) -> Batch:
    """One article a row, of so many passages, each of which has its own vector."""
    articles = [Article(f"article {row}", f"{text} Number {row}.", metadata={"row": row}) for row in rows]
    numbers = np.array([first_passage(row) + at for row in rows for at in range(passages)], dtype=np.int64)
    vectors = np.stack([vector_of(int(number)) for number in numbers]).astype(np.float16)
    lengths = np.repeat([len(article.text) for article in articles], passages)
    return Batch(
        articles=[
            EngineArticle(row, article, f"place {row}", content_digest(article), passages, 5, 0, vectors[at * passages])
            for at, (row, article) in enumerate(zip(rows, articles, strict=True))
        ],
        rows=numbers,
        paragraphs=np.ones(len(numbers), dtype=np.int64),
        starts=np.zeros(len(numbers), dtype=np.int64),
        ends=lengths.astype(np.int64),
        keys=np.zeros((len(numbers), 16), dtype=np.uint8),
        vectors=vectors,
        codes=[np.full((3, 4), number % 251, dtype=np.uint8) for number in numbers],
    )


def filled(engine: Engine, batches: Sequence[Batch]) -> Collection:
    version = engine.begin("load")
    for batch in batches:
        version.upsert(batch)
    version.flush()
    engine.publish(version)
    return engine.live()


def texts_of(collection: Collection) -> list[str]:
    return [one.article.text for batch in collection.export() for one in batch.articles]


def whole(collection: Collection, rows: Sequence[int]) -> None:
    """Assert that these articles are there once, with all that belongs to them."""
    batches = list(collection.export())
    expected = batch_of(sorted(rows))
    assert [one.row for batch in batches for one in batch.articles] == sorted(rows)
    np.testing.assert_array_equal(np.concatenate([batch.rows for batch in batches]), expected.rows)
    np.testing.assert_array_equal(np.concatenate([batch.vectors for batch in batches]), expected.vectors)
    codes = [one for batch in batches for one in batch.codes]
    assert all(np.array_equal(one, other) for one, other in zip(codes, expected.codes, strict=True))
    assert collection.count() == collection.count(Where(without=(2**43 - 1,))) == len(rows)
    for words in (collection.words("articles"), collection.words("passages")):
        assert words is not None
        assert len(words.search("treaty", 10 * len(rows))[0]) == len(rows)
        assert len(words) == words.document_frequency("treaty") == len(rows)


# --- who is let in ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "password"),
    [(USER, "wrong"), (USER, None), ("nobody", PASSWORD)],
    ids=["wrong password", "no password", "unknown user"],
)
def test_who_is_not_known_is_not_let_in(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch, user: str, password: str | None
) -> None:
    monkeypatch.setenv("PGPASSFILE", os.devnull)
    with pytest.raises(EngineAuthError) as caught:
        open_engine(server.address("x", user=user, password=password))
    assert f"postgresql://{user}@127.0.0.1:{server.port}/archive?index=x" in str(caught.value)
    assert "wrong" not in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_a_database_that_is_not_there_is_an_error_that_says_so(server: PostgresServer) -> None:
    with pytest.raises(EngineError, match=r'database "nowhere" does not exist.*createdb') as caught:
        open_engine(server.address("x", database="nowhere"))
    assert not isinstance(caught.value, EngineAuthError | EngineUnavailableError)


def test_an_option_that_nobody_knows_is_a_wrong_address(server: PostgresServer) -> None:
    with pytest.raises(ValueError, match="nonsense"):
        open_engine(server.address("x", nonsense=1))


def test_what_libpq_takes_stands_in_the_address(server: PostgresServer) -> None:
    with pytest.raises(EngineUnavailableError, match="SSL"):
        open_engine(server.address("x", sslmode="require"))


def test_a_user_may_be_let_to_read_alone(
    server: PostgresServer, engine: Engine, request: pytest.FixtureRequest
) -> None:
    live = filled(engine, [batch_of([1, 2])])
    server.execute("DROP ROLE IF EXISTS reader")
    server.execute("CREATE ROLE reader LOGIN PASSWORD 'reads'")
    reader = another(server, request, user="reader", password="reads")  # noqa: S106
    with pytest.raises(EngineAuthError, match="permission denied"):
        reader.live()
    server.execute("GRANT USAGE ON SCHEMA semsearch TO reader")
    server.execute("GRANT SELECT ON semsearch.versions TO reader")
    server.execute(f"GRANT USAGE ON SCHEMA {live.name} TO reader")
    server.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {live.name} TO reader")
    seen = reader.live()
    assert texts_of(seen) == texts_of(live)
    assert seen.search(vector_of(first_passage(2)), 1)[0].tolist() == [first_passage(2)]
    for change in (lambda: seen.delete([1]), lambda: seen.write_state("x", "y"), lambda: reader.begin("load")):
        with pytest.raises(EngineAuthError, match="permission denied"):
            change()
    whole(live, [1, 2])
    reader.close()
    server.execute("DROP OWNED BY reader")


# --- the extension ----------------------------------------------------------------------------------------------


def test_the_extension_is_made_where_it_is_not_there(server: PostgresServer) -> None:
    server.execute("DROP DATABASE IF EXISTS bare", database="postgres")
    server.execute("CREATE DATABASE bare", database="postgres")
    server.execute('CREATE SCHEMA "Else where"; ALTER DATABASE bare SET search_path = "Else where"', database="bare")
    engine = open_engine(server.address("bare", database="bare"))
    with pytest.raises(IndexNotFoundError):
        engine.live()
    whole(filled(engine, [batch_of([1, 2])]), [1, 2])
    found = server.execute(
        "SELECT nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'vector'",
        database="bare",
    )
    assert found == [("Else where",)]
    engine.close()


def test_who_may_not_make_the_extension_is_told_what_to_do(server: PostgresServer) -> None:
    server.execute("DROP DATABASE IF EXISTS bare", database="postgres")
    server.execute("DROP ROLE IF EXISTS builder")
    server.execute("CREATE ROLE builder LOGIN PASSWORD 'builds'")
    server.execute("CREATE DATABASE bare", database="postgres")
    server.execute("GRANT CREATE ON DATABASE bare TO builder", database="postgres")
    # Who may create in a database may install what is trusted: this is as if pgvector were not.
    control = server.programs.parent / "share" / "postgresql" / "extension" / "vector.control"
    trusted = "trusted = true" in control.read_text(encoding="utf-8")
    engine = open_engine(server.address("x", user="builder", password="builds", database="bare"))  # noqa: S106
    if trusted:
        whole(filled(engine, [batch_of([1])]), [1])
    else:
        with pytest.raises(EngineError, match="CREATE EXTENSION vector"):
            engine.begin("load")
        with pytest.raises(IndexNotFoundError):
            engine.live()
        server.execute("CREATE EXTENSION vector", database="bare")
        whole(filled(engine, [batch_of([1])]), [1])
    engine.close()
    server.execute("DROP DATABASE bare", database="postgres")


def test_an_extension_that_is_too_old_is_an_error_that_says_so(server: PostgresServer) -> None:
    server.execute("DROP DATABASE IF EXISTS old", database="postgres")
    server.execute("CREATE DATABASE old", database="postgres")
    server.execute("CREATE EXTENSION vector", database="old")
    server.execute("UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'", database="old")
    engine = open_engine(server.address("x", database="old"))
    with pytest.raises(EngineError, match=r"0\.7\.4, and 0\.8 or later.*ALTER EXTENSION vector UPDATE"):
        engine.begin("load")
    engine.close()


def test_a_server_without_the_extension_is_an_error_that_says_so(server: PostgresServer) -> None:
    server.execute("DROP DATABASE IF EXISTS without", database="postgres")
    server.execute("CREATE DATABASE without", database="postgres")
    server.execute("ALTER DATABASE without SET extension_control_path = '/nowhere'", database="postgres")
    engine = open_engine(server.address("x", database="without"))
    with pytest.raises(EngineError, match=r"not available.*install pgvector 0\.8 or later on the server") as caught:
        engine.begin("load")
    assert not isinstance(caught.value, EngineUnavailableError)
    engine.close()


def test_a_database_that_cannot_keep_all_texts_is_an_error_that_says_so(server: PostgresServer) -> None:
    server.execute("DROP DATABASE IF EXISTS latin", database="postgres")
    server.execute(
        "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0",
        database="postgres",
    )
    engine = open_engine(server.address("x", database="latin"))
    with pytest.raises(EngineError, match=r"LATIN1.*--encoding=UTF8"):
        engine.begin("load")
    engine.close()


def test_where_psycopg_is_not_installed_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for name in ("_connection", "_writer"):
        monkeypatch.delitem(sys.modules, f"semsearch.engines.postgres.{name}")
    with pytest.raises(EngineError, match=r"pip install 'semsearch\[postgres\]'"):
        open_engine("postgresql://127.0.0.1/archive")


@pytest.mark.parametrize(
    ("text", "expected"), [("0.8.5", (0, 8)), ("0.8", (0, 8)), ("1", (1, 0)), ("0.10.1", (0, 10)), ("", (0, 0))]
)
def test_versions_are_read(text: str, expected: tuple[int, int]) -> None:
    assert parsed_version(text) == expected


def test_vectors_that_no_index_takes_are_refused(engine: Engine) -> None:
    batch = batch_of([1])
    wide = np.zeros((1, 4001), dtype=np.float16)
    article = batch.articles[0]
    wrong = Batch(
        [EngineArticle(1, article.article, "", article.digest, 1, 1, 0, wide[0])],
        batch.rows, batch.paragraphs, batch.starts, batch.ends, batch.keys, wide, batch.codes,
    )  # fmt: skip
    version = engine.begin("load")
    with pytest.raises(EngineError, match="4,001 components"):
        version.upsert(wrong)
    version.upsert(batch)
    wide = wide[:, :9]
    wrong = Batch(
        [EngineArticle(1, article.article, "", article.digest, 1, 1, 0, wide[0])],
        batch.rows, batch.paragraphs, batch.starts, batch.ends, batch.keys, wide, batch.codes,
    )  # fmt: skip
    with pytest.raises(EngineError, match="vectors of 8 components, these have 9"):
        version.upsert(wrong)
    version.flush()
    whole(version, [1])


# --- servers that go and come back ------------------------------------------------------------------------------


def test_a_server_that_is_not_there_is_unavailable(server: PostgresServer) -> None:
    server.stop()
    try:
        with pytest.raises(EngineUnavailableError) as caught:
            open_engine(server.address("x"))
        assert str(server.port) in str(caught.value)
        assert PASSWORD not in str(caught.value)
    finally:
        server.start()


def test_what_was_asked_of_a_server_that_was_started_again_is_answered(server: PostgresServer, engine: Engine) -> None:
    live = filled(engine, [batch_of([1, 2])])
    server.restart()
    assert live.count() == 2
    server.restart()
    whole(live, [1, 2])
    server.restart()
    live.upsert(batch_of([3]))
    whole(live, [1, 2, 3])


def test_the_same_call_is_answered_when_the_server_is_back(server: PostgresServer, engine: Engine) -> None:
    live = filled(engine, [batch_of([1, 2])])
    server.stop()
    for ask in (live.count, lambda: texts_of(live), engine.live, lambda: live.upsert(batch_of([3])), live.flush):
        with pytest.raises(EngineUnavailableError):
            ask()
    server.start()
    live.upsert(batch_of([3]))
    whole(live, [1, 2, 3])


def test_a_server_that_does_not_answer_is_unavailable_in_time(
    server: PostgresServer, engine: Engine, request: pytest.FixtureRequest
) -> None:
    filled(engine, [batch_of([1])])
    reader = another(server, request, timeout=1)
    live = reader.live()
    live.count()
    server.suspend()
    try:
        with pytest.raises(EngineUnavailableError):
            live.count()
        with pytest.raises(EngineUnavailableError):  # nor is a new connection answered
            live.count()
    finally:
        server.resume()
    assert live.count() == 1
    reader.close()


def test_a_server_that_does_not_answer_who_writes_is_unavailable_in_time(
    server: PostgresServer, engine: Engine, request: pytest.FixtureRequest
) -> None:
    filled(engine, [batch_of([1])])
    writer = another(server, request, timeout=0.1)
    live = writer.live()
    with writer.lock():
        server.suspend()
        try:
            with pytest.raises(EngineUnavailableError):
                live.upsert(batch_of([2]))
        finally:
            server.resume()
        live.upsert(batch_of([2]))
        live.flush()
    whole(engine.live(), [1, 2])
    writer.close()


def test_a_question_that_takes_too_long_is_given_up(
    server: PostgresServer, engine: Engine, request: pytest.FixtureRequest
) -> None:
    live = filled(engine, [batch_of([1])])
    reader = another(server, request, timeout=0.2)
    seen = reader.live()
    with server.connect() as holder:
        holder.execute("BEGIN")
        holder.execute(f"LOCK TABLE {live.name}.totals IN ACCESS EXCLUSIVE MODE".encode())
        with pytest.raises(EngineUnavailableError, match=r"within 0\.2 seconds"):
            seen.count()
        holder.execute("ROLLBACK")
    assert seen.count() == 1
    reader.close()


def test_everything_is_there_once_when_the_server_is_killed_again_and_again_during_an_upload(
    server: PostgresServer, engine: Engine
) -> None:
    version = engine.begin("load")
    stop = threading.Event()

    def strike() -> None:
        random = np.random.default_rng(7)
        for _ in range(4):
            time.sleep(float(random.uniform(0.05, 0.25)))
            server.kill()
            server.start()
        stop.set()

    striker = threading.Thread(target=strike)
    with engine.lock():
        striker.start()
        uploaded: list[int] = []
        failures = 0
        try:
            while not stop.is_set() or len(uploaded) < 300:
                rows = range(len(uploaded), len(uploaded) + 10)
                while True:
                    try:
                        version.upsert(batch_of(rows))
                        break
                    except EngineUnavailableError:
                        failures += 1
                        time.sleep(0.02)
                uploaded += rows
        finally:
            striker.join()
        version.flush()
        engine.publish(version)
    assert failures
    live = engine.live()
    whole(live, uploaded)
    tables = ("articles", "facts", "passages", "codes", "texts")
    for table in tables:
        assert server.execute(f"SELECT count(*) FROM {live.name}.{table}") == [(len(uploaded),)]  # noqa: S608


def test_an_upload_goes_on_in_another_process_after_the_server_was_killed(
    server: PostgresServer, engine: Engine, request: pytest.FixtureRequest
) -> None:
    version = engine.begin("load")
    version.upsert(batch_of([1, 2, 3]))
    server.kill()
    server.start()
    other = another(server, request)
    again = other.begin("load")
    assert again.name == version.name
    assert [id_ for id_, _ in again.entries()] == ["article 1", "article 2", "article 3"]
    again.upsert(batch_of([3, 4]))
    again.flush()
    other.publish(again)
    whole(other.live(), [1, 2, 3, 4])
    other.close()


# --- updates ----------------------------------------------------------------------------------------------------


def test_an_update_of_many_calls_is_seen_as_a_whole(
    server: PostgresServer, engine: Engine, request: pytest.FixtureRequest
) -> None:
    before = filled(engine, [batch_of(range(20))])
    other = another(server, request)
    reader = other.live()
    with engine.lock():
        live = engine.live()
        live.upsert(batch_of(range(10), text="Changed."))
        live.delete([15, 16])
        live.upsert(batch_of([40]))
        live.write_state("edition", "2")
        assert live.count() == 19  # who writes sees it
        assert live.read_state("edition") == "2"
        assert len(live.articles([3, 15, 40])) == 2
        for one in (reader, before, other.live()):
            whole(one, range(20))
            assert one.read_state("edition") is None
        live.flush()
        for one in (reader, live, other.live()):
            assert one.count() == 19
            assert one.read_state("edition") == "2"
            words = one.words("articles")
            assert words is not None
            assert len(words.search("treaty", 100)[0]) == 9
            assert words.term_frequency("treati") == 9
    other.close()


def test_an_update_that_is_broken_off_by_an_error_leaves_nothing(engine: Engine) -> None:
    live = filled(engine, [batch_of([1, 2])])

    def update() -> None:
        with engine.lock():
            own = engine.live()
            own.delete([1])
            own.upsert(batch_of([3]))
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        update()
    whole(live, [1, 2])
    with engine.lock():  # which is free again
        own = engine.live()
        own.upsert(batch_of([3]))
        own.flush()
    whole(live, [1, 2, 3])


def test_an_update_that_nobody_flushed_is_committed_when_the_lock_is_left(engine: Engine) -> None:
    live = filled(engine, [batch_of([1, 2])])
    with engine.lock():
        engine.live().upsert(batch_of([3]))
        whole(live, [1, 2])
    whole(live, [1, 2, 3])


def test_a_call_that_is_refused_takes_nothing_of_the_update_with_it(engine: Engine) -> None:
    live = filled(engine, [batch_of([1, 2])])
    with engine.lock():
        own = engine.live()
        own.upsert(batch_of([3]))
        wrong = batch_of([4])
        object.__setattr__(wrong, "rows", np.array([5, 5]))
        with pytest.raises((EngineError, ValueError)):
            own.upsert(wrong)
        own.upsert(batch_of([6]))
        own.flush()
    whole(live, [1, 2, 3, 6])


def test_an_update_whose_connection_is_lost_leaves_nothing_and_says_so(server: PostgresServer, engine: Engine) -> None:
    live = filled(engine, [batch_of([1, 2])])
    with engine.lock():
        own = engine.live()
        own.upsert(batch_of([3]))
        server.kill()
        with pytest.raises(EngineUnavailableError):
            own.upsert(batch_of([4]))
        server.start()
        calls: list[Callable[[], None]] = [lambda: own.upsert(batch_of([4])), lambda: own.delete([1]), own.flush]
        for call in calls:
            with pytest.raises(EngineError, match="begin it anew") as caught:
                call()
            assert not isinstance(caught.value, EngineUnavailableError)
    whole(live, [1, 2])
    with engine.lock():
        own = engine.live()
        server.restart()
        own.upsert(batch_of([3]))  # nothing had been written: nothing is lost
        own.flush()
    whole(live, [1, 2, 3])


# --- the lock ---------------------------------------------------------------------------------------------------


def test_the_lock_of_another_is_respected(
    server: PostgresServer, engine: Engine, request: pytest.FixtureRequest
) -> None:
    other = another(server, request)
    unrelated = open_engine(server.address("unrelated"))
    with engine.lock():
        for one in (other, engine):
            with pytest.raises(IndexLockedError) as caught, one.lock():
                pass
            assert caught.value.pid is None
        with unrelated.lock():
            pass
    with other.lock():
        pass
    other.close()
    unrelated.close()


def test_a_lock_is_taken_again_after_the_server_was_started_again(
    server: PostgresServer, engine: Engine, request: pytest.FixtureRequest
) -> None:
    other = another(server, request)
    with engine.lock():
        version = engine.begin("load")
        server.restart()
        version.upsert(batch_of([1]))
        with pytest.raises(IndexLockedError), other.lock():
            pass
    with engine.lock():
        server.restart()
        with other.lock(), pytest.raises(IndexLockedError):
            version.upsert(batch_of([2]))  # it was quicker
    version.flush()
    whole(version, [1])
    other.close()


def test_a_lock_goes_with_the_process_that_held_it(server: PostgresServer, engine: Engine) -> None:
    holder = open_engine(server.address(engine.address.rpartition("=")[2]))
    context = holder.lock()
    context.__enter__()
    with pytest.raises(IndexLockedError), engine.lock():
        pass
    pids = server.execute(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    assert len(pids) == 1
    server.execute(f"SELECT pg_terminate_backend({pids[0][0]})")
    with engine.lock():
        pass
    holder.close()


# --- versions ---------------------------------------------------------------------------------------------------


def test_the_live_version_and_the_one_before_are_kept(server: PostgresServer, engine: Engine) -> None:
    names = [filled(engine, [batch_of([number])]).name for number in range(4)]
    versions = [engine.begin("unfinished").name, engine.begin("another").name]
    found = server.execute(f"SELECT nspname FROM pg_namespace WHERE nspname LIKE '{names[0][:-2]}%' ORDER BY oid")  # noqa: S608
    assert [name for (name,) in found] == [*names[2:], versions[1]]


def test_who_reads_a_version_that_went_is_told_to_open_the_index_again(engine: Engine) -> None:
    first = filled(engine, [batch_of([1])])
    for number in (2, 3):
        filled(engine, [batch_of([number])])
    for ask in (first.count, lambda: texts_of(first), lambda: first.upsert(batch_of([2]))):
        with pytest.raises(EngineError, match="open the index again") as caught:
            ask()
        assert not isinstance(caught.value, EngineUnavailableError)
    with pytest.raises(EngineError, match="not there any more"):
        engine.publish(first)
    whole(engine.live(), [3])


# --- nearest vectors --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def indexed(server: PostgresServer) -> Iterator[tuple[Collection, Batch]]:
    """An index of 3,000 passages that has an index of vectors, as if they were many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_collection, "SCANNED", 1000)
        patch.setattr(_collection, "_SCANNED_SQUARED", 5)
        engine = open_engine(server.address("indexed"))
        batch = batch_of(range(1000), passages=3)
        yield filled(engine, [batch]), batch
        server.start()
        engine.remove()
        engine.close()


def exact(batch: Batch, vector: NDArray[np.float32], rows: Sequence[int]) -> list[int]:
    """The rows of these articles' passages, the nearest ones first."""
    there = np.isin(batch.rows >> 20, rows)
    cosines = batch.vectors[there].astype(np.float64) @ vector.astype(np.float64)
    return [int(row) for row in batch.rows[there][np.lexsort((batch.rows[there], -cosines.astype(np.float32)))]]


FILTERS = {
    "row < 900": range(900),
    "row < 500": range(500),
    "row < 40": range(40),
    "row < 3": range(3),
    "row < 0": range(0),
    "not row < 500": range(500, 1000),
    "row in (1, 2, 3)": range(1, 4),
}


def test_an_index_of_vectors_is_built_for_many(server: PostgresServer, indexed: tuple[Collection, Batch]) -> None:
    collection, _ = indexed
    found = server.execute(f"SELECT indexdef FROM pg_indexes WHERE schemaname = '{collection.name}'")  # noqa: S608
    assert len([text for (text,) in found if "hnsw" in text]) == 1


@pytest.mark.parametrize("k", [1, 10, 200])
def test_an_index_of_vectors_finds_the_nearest(indexed: tuple[Collection, Batch], k: int) -> None:
    collection, batch = indexed
    found = 0
    for number in range(20):
        vector = vector_of(-number)
        rows, cosines = collection.search(vector, k)
        assert len(rows) == k
        assert (np.diff(cosines) <= 0).all()
        found += len(set(rows.tolist()) & set(exact(batch, vector, range(1000))[:k]))
        assert collection.search(vector, k, recall=1)[0].tolist() == exact(batch, vector, range(1000))[:k]
    assert found >= 0.99 * 20 * k


@pytest.mark.parametrize(("text", "rows"), FILTERS.items(), ids=FILTERS.keys())
def test_an_index_of_vectors_finds_the_nearest_of_those_that_may_be_found(
    indexed: tuple[Collection, Batch], text: str, rows: range
) -> None:
    collection, batch = indexed
    where = Where(parse_filter(text))
    found = expected = 0
    for number in range(20):
        vector = vector_of(-number)
        nearest = exact(batch, vector, rows)[:10]
        own = collection.search(vector, 10, where=where)[0].tolist()
        assert len(own) == len(nearest)
        found += len(set(own) & set(nearest))
        expected += len(nearest)
    assert found >= 0.99 * expected


def test_more_than_there_are_can_be_asked_for(indexed: tuple[Collection, Batch]) -> None:
    collection, batch = indexed
    for k in (2999, 3000, 3001, 100_000):
        rows, _ = collection.search(vector_of(-1), k)
        assert rows.tolist() == exact(batch, vector_of(-1), range(1000))[:k]
    rows, _ = collection.search(vector_of(-1), 5000, where=Where(without=tuple(range(10, 900))))
    assert rows.tolist() == exact(batch, vector_of(-1), [*range(10), *range(900, 1000)])


def zipf(random: np.random.Generator, words: int, exponent: float) -> str:
    return " ".join(f"term{min(int(at), 300)}" for at in random.pareto(exponent, size=words))


@pytest.mark.parametrize("unit", ["articles", "passages"])
def test_words_that_are_in_most_texts_are_looked_up_for_the_best_alone(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, unit: Unit
) -> None:
    random = np.random.default_rng(3)
    batch = batch_of(range(400))
    own = [Article(one.article.id, zipf(random, 30, 0.7)) for one in batch.articles]
    articles = [dataclasses.replace(one, article=other) for one, other in zip(batch.articles, own, strict=True)]
    ends = np.array([len(one.text) for one in own])
    words = filled(engine, [dataclasses.replace(batch, articles=articles, ends=ends)]).words(unit)
    assert isinstance(words, PostgresWords)
    statements: list[str] = []
    ask = words._rows

    def noted(text: str, values: Sequence[object], allowed: Sql) -> list[tuple[int, ...]]:
        statements.append(text)
        return ask(text, values, allowed)

    monkeypatch.setattr(words, "_rows", noted)
    pruned = 0
    for _ in range(60):
        query = zipf(random, 5, 0.5)
        for k in (1, 5, 20):
            rows, scores = words.search(query, k)
            assert statements[-1] == _words._SEARCH
            with monkeypatch.context() as patch:
                patch.setattr(_words, "MANY", 0)
                found = words.search(query, k)
            pruned += statements[-1] == _words._PRUNED
            np.testing.assert_array_equal(found[0], rows)
            np.testing.assert_array_equal(found[1], scores)
    assert pruned > 20


def test_an_index_of_vectors_is_built_though_the_first_of_them_were_refused(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_collection, "SCANNED", 0)
    version = engine.begin("load")
    wrong = batch_of([4, 5])
    object.__setattr__(wrong, "rows", np.array([first_passage(4)] * 2))
    with pytest.raises(EngineError, match="duplicate key"):
        version.upsert(wrong)
    version.upsert(batch_of([1, 2]))
    version.flush()
    whole(version, [1, 2])


def test_an_index_that_is_missing_is_made_again(server: PostgresServer, indexed: tuple[Collection, Batch]) -> None:
    collection, _ = indexed
    engine = open_engine(server.address("indexed"))
    assert engine.repair() == ()
    server.execute(f"DROP INDEX {collection.name}.passages_vector")
    server.execute(f"DROP INDEX {collection.name}.facts_fields")
    assert engine.repair() == ("facts_fields", "passages_vector")
    assert engine.repair() == ()
    engine.close()


def test_what_the_server_says_is_an_error_of_ours(server: PostgresServer, engine: Engine) -> None:
    live = filled(engine, [batch_of([1])])
    server.execute(f"UPDATE {live.name}.articles SET metadata = 'no JSON'")  # noqa: S608
    with pytest.raises(EngineError, match="something else than an article"):
        live.articles([1])
    server.execute(f"ALTER TABLE {live.name}.totals DROP COLUMN passages")
    with pytest.raises(EngineError, match="passages") as caught:
        live.count()
    assert isinstance(caught.value.__cause__, psycopg.errors.UndefinedColumn)


# --- searches and builds ----------------------------------------------------------------------------------------


def test_a_searcher_outlives_the_server(server: PostgresServer, engine: Engine, request: pytest.FixtureRequest) -> None:
    embedder, address = TokenWordEmbedder(), server.address(name_of(request))
    build_index([Article("a", "A treaty was signed.")], address, embedder=embedder)
    with open_index(address, embedder=embedder) as searcher:
        first = searcher.search("treaty")
        server.restart()
        assert searcher.search("treaty") == first
        server.kill()
        for _ in range(2):
            with pytest.raises(EngineUnavailableError) as caught:
                searcher.search("treaty")
            assert PASSWORD not in str(caught.value)
        server.start()
        assert searcher.search("treaty") == first


def test_a_rebuild_outlives_the_server(server: PostgresServer, engine: Engine, request: pytest.FixtureRequest) -> None:
    embedder, address = TokenWordEmbedder(), server.address(name_of(request))
    before = [Article("a", "A treaty was signed."), Article("b", "Rain fell.")]
    build_index(before, address, embedder=embedder)

    def corpus() -> Iterator[Article]:
        server.kill()
        threading.Timer(0.5, server.start).start()
        yield from [*before, Article("c", "Snow fell.")]

    report = build_index(corpus(), address, embedder=embedder)
    assert (report.articles, report.embedded) == (3, 1)
