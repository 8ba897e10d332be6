"""What is Milvus's alone: its expressions, a server that is killed, users, and an index of words on this machine."""

from __future__ import annotations

import itertools
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from semsearch import Article, EngineAuthError, EngineError, EngineUnavailableError, IndexNotFoundError
from semsearch.dense import mean_direction, unit_rows
from semsearch.engines import Batch, Collection, Engine, EngineArticle, Where, first_passage, open_engine
from semsearch.filters import Comparison, Exists, Filter, Not
from semsearch.storage import content_digest
from tests.engines.conftest import Place, leave_to_the_long_version
from tests.engines.milvus_server import PASSWORD, MilvusServer, why_not
from tests.filters_random import TEXTS, matches, random_article, random_filter

pytest.importorskip("pymilvus", reason="needs the client of Milvus: pip install 'semsearch[milvus]'")

from semsearch.engines.milvus import _where
from semsearch.engines.milvus._schema import pieces_of

needs_server = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
DIMENSION = 16


@pytest.fixture(name="server")
def running_server(milvus_server: MilvusServer) -> MilvusServer:
    """The one of all tests: who kills it starts it again."""
    return milvus_server


@pytest.fixture(params=[pytest.param("server", marks=needs_server), "lite"])
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Engine]]:
    """Opens the index of a test."""
    opened: list[Engine] = []
    if request.param == "server":
        running = request.getfixturevalue("server")
        address = running.address("own", words=tmp_path / "words")
    else:
        pytest.importorskip("milvus_lite")
        address = f"milvus-lite://{tmp_path}/lite.db/own?words={tmp_path / 'words'}"

    def open_one() -> Engine:
        opened.append(open_engine(address))
        return opened[-1]

    try:
        yield open_one
    finally:
        opened[-1].remove()
        for engine in opened:
            engine.close()


@pytest.fixture
def lite_is_enough(request: pytest.FixtureRequest) -> None:
    """Leave the server's part to the long version: what is tested is done here, or by another test there."""
    if getattr(request.node, "callspec", None) is None or request.node.callspec.params.get("connect") == "server":
        leave_to_the_long_version(Place("milvus", str), "milvus")


def batch(rows: range | list[int], articles: dict[int, Article] | None = None, *, passages: int = 3) -> Batch:
    """Articles with some passages each; their vectors are random, but the same for the same row."""
    found, vectors, spans = [], [], []
    for row in rows:
        text = f"The treaty number {row}. It was signed in {row}. Nobody knows why."
        article = (articles or {}).get(row) or Article(f"article {row}", text, f"Title {row}")
        ends = [len(article.text) * (number + 1) // passages for number in range(passages)]
        spans += list(zip([0, *ends], ends, strict=False))
        random = np.random.default_rng(row).standard_normal((passages, DIMENSION)).astype(np.float32)
        vectors.append(unit_rows(random).astype(np.float16))
        mean = mean_direction(vectors[-1])
        found.append(EngineArticle(row, article, f"place {row}", content_digest(article), passages, 9, 0, mean))
    numbers = [int(first_passage(row)) + number for row in rows for number in range(passages)]
    starts, ends = np.array(spans, dtype=np.int64).T
    return Batch(
        articles=found,
        rows=np.array(numbers, dtype=np.int64),
        paragraphs=np.zeros(len(numbers), dtype=np.int64),
        starts=starts,
        ends=ends,
        keys=np.arange(16 * len(numbers), dtype=np.int64).astype(np.uint8).reshape(-1, 16),
        vectors=np.concatenate(vectors),
        codes=[np.full((number % 3 + 1, 8), number % 256, dtype=np.uint8) for number in numbers],
    )


def fill(engine: Engine, *batches: Batch, load: str = "load") -> Collection:
    version = engine.begin(load)
    version.write_state("languages", '["en"]')
    for one in batches:
        version.upsert(one)
    version.flush()
    engine.publish(version)
    return engine.live()


def exported(collection: Collection) -> list[int]:
    return [row for part in collection.export() for row in part.rows.tolist()]


# --- expressions, without a server --------------------------------------------------------------------------------


def test_numbers_as_texts_are_in_the_order_of_numbers() -> None:
    random = Random(3)
    numbers: list[float] = [0, 1, -1, 2**53, 2**53 + 1, 2**53 + 2, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**400]
    numbers += [-(10**400), 0.1, 1e300, -1e300, 5e-324, 2.0**62, 2**62 + 1, 2**62 + 255, 2**62 + 256, 2**62 - 1]
    numbers += [random.randrange(-(2**63), 2**63) for _ in range(500)] + [random.random() * 10**9 for _ in range(500)]

    def exact(number: float) -> float:
        if isinstance(number, int) and not -(2**63) <= number < 2**63:
            return float(number) if abs(number) < 10**308 else float("inf") * (1 if number > 0 else -1)
        return number

    ordered = sorted(numbers, key=exact)
    codes = [_where.number_code(number) for number in ordered]
    assert codes == sorted(codes)
    for one, other in itertools.pairwise(ordered):
        assert (exact(one) == exact(other)) == (_where.number_code(one) == _where.number_code(other)), (one, other)
    assert _where.number_code(-0.0) == _where.number_code(0) == _where.number_code(0.0)
    assert _where.number_code(2**53) == _where.number_code(2.0**53)


def test_texts_keep_their_order_and_are_told_apart_when_they_are_cut() -> None:
    long = "x" * 300
    assert _where.text_code("short") == "short"
    assert len(_where.text_code(long)) < 300
    assert _where.text_code(long) != _where.text_code(long + "y")
    for other in ("x", "x" * 256, "w", "y", "x" * 255 + "w", "x" * 255 + "y"):
        assert (_where.text_code(long) < other) == (long < other)


def test_the_order_of_long_texts_is_not_guessed() -> None:
    with pytest.raises(ValueError, match=r"a text of at most 256 characters is compared in Milvus, not one of 257"):
        _where.expression_of(Comparison(("title",), "<", ("x" * 257,)))
    assert "in [" in _where.expression_of(Comparison(("source",), "=", ("x" * 257,)))


@pytest.mark.parametrize("key", ["metadata/a", "metadata/a/b", "metadata/a~1b", 'metadata/"]', "metadata/é", "x" * 999])
def test_keys_are_of_letters_digits_and_underscores(key: str) -> None:
    assert _where.key_code(key).replace("_", "").isalnum()
    assert _where.key_code(key).isascii()
    assert _where.key_code(key) != _where.key_code(key + "_")


def test_a_text_is_cut_between_characters() -> None:
    text = "é😀a" * 30_000
    field, pieces = pieces_of("key", 7, text)
    assert "".join(piece[3] for piece in pieces) == text
    assert all(len(piece[3].encode()) <= 65_535 and piece[2] == len(pieces) and field in piece[0] for piece in pieces)
    assert pieces_of("key", 7, "short") == ("short", [])


# --- filters on every server ------------------------------------------------------------------------------------


def test_filters_mean_the_same_on_every_server(connect: Callable[[], Engine]) -> None:
    random = Random(5)
    articles = {row: random_article(random, row) for row in range(60)}
    live = fill(connect(), batch(list(articles), articles, passages=1))
    filters: list[Filter] = [random_filter(random, list(articles.values())) for _ in range(60)]
    nasty = [*TEXTS, '") or row >= 0 or ("" == "', "\\", '\\"', '"]) or json_contains(fields["x"], "', "\x01", "\u2028"]
    for text in nasty:
        filters += [Comparison((name,), "=", (text,)) for name in ("title", "source")]
        filters += [Not(Comparison(("source",), "<", (text,))), Exists(("metadata", text))]
    for filter_ in filters:
        expected = [row for row, article in articles.items() if matches(filter_, article)]
        assert live.count(Where(filter=filter_)) == len(expected), str(filter_)


def test_every_character_can_be_asked_for(connect: Callable[[], Engine]) -> None:
    texts = [chr(code) for code in (*range(1, 0x180), 0x2028, 0xFFFF, 0x1F600)]
    articles = {row: Article(f"{row}", "Text.", metadata={"c": f"-{text}-"}) for row, text in enumerate(texts)}
    live = fill(connect(), batch(list(articles), articles, passages=1))
    for text in texts:
        filter_ = Comparison(("metadata", "c"), "=", (f"-{text}-",))
        expected = [row for row, article in articles.items() if matches(filter_, article)]
        assert live.count(Where(filter=filter_)) == len(expected) >= 1, repr(text)


@pytest.mark.usefixtures("lite_is_enough")
def test_more_fields_than_milvus_takes_are_refused_by_the_articles_name(connect: Callable[[], Engine]) -> None:
    version = connect().begin("load")
    article = Article("the large one", "Text.", metadata={f"field {number}": "x" * 200 for number in range(500)})
    with pytest.raises(
        EngineError, match=r"the fields of the article 'the large one' .* leave some of its metadata out"
    ):
        version.upsert(batch([1], {1: article}))


# --- what is not ours, what is gone -------------------------------------------------------------------------------


@needs_server
def test_a_collection_of_somebody_else_is_not_taken_for_an_index(server: MilvusServer) -> None:
    client = server.client()
    try:
        client.create_collection("theirs", dimension=4)
        engine = open_engine(server.address("theirs"))
        for act in (engine.live, lambda: engine.begin("x"), engine.remove):
            with pytest.raises(EngineError, match="is no index of semsearch: choose another name"):
                act()
        assert "theirs" in client.list_collections()
        client.drop_collection("theirs")
    finally:
        client.close()


@pytest.mark.usefixtures("lite_is_enough")
@needs_server
def test_a_version_that_was_let_go_of_in_milvus_is_loaded_again(server: MilvusServer, tmp_path: Path) -> None:
    address = server.address("released", words=tmp_path)
    engine = open_engine(address)
    try:
        live = fill(engine, batch([1, 2]))
        client = server.client()
        for kind in ("passages", "articles", "texts"):
            client.release_collection(f"{live.name}_{kind}")
        client.close()
        with pytest.raises(EngineUnavailableError):
            live.count()
        assert open_engine(address).live().count() == 6
    finally:
        engine.remove()
        engine.close()


@pytest.mark.usefixtures("lite_is_enough")
def test_a_version_that_is_published_again_leaves_the_one_before(connect: Callable[[], Engine]) -> None:
    engine = connect()
    before = fill(engine, batch(range(5)), load="first")
    version = engine.begin("second")
    version.write_state("languages", '["en"]')
    version.upsert(batch([7]))
    version.flush()
    for _ in range(2):  # as if no answer had come
        engine.publish(version)
        assert engine.live().count() == 3
        assert before.count() == 15


def test_what_the_client_refuses_is_not_taken_for_a_server_that_is_away(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="the server refuses") as error:
        open_engine(f"milvus-lite://{tmp_path}/no-such-ending/own")
    assert not isinstance(error.value, EngineUnavailableError)


def test_the_clients_log_is_kept_from_our_calls_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("milvus_lite")
    from pymilvus import MilvusClient, MilvusException

    engine = open_engine(f"milvus-lite://{tmp_path}/lite.db/own")
    with pytest.raises(IndexNotFoundError):
        engine.live()
    assert [record.name for record in caplog.records if record.name.startswith("pymilvus")] == []
    client = MilvusClient(str(tmp_path / "other.db"))
    with pytest.raises(MilvusException):
        client.describe_collection("nowhere")
    client.close()
    assert "pymilvus.decorators" in {record.name for record in caplog.records}
    engine.close()


def test_nobody_at_an_address_is_told_at_once() -> None:
    start = time.monotonic()
    with pytest.raises(EngineUnavailableError, match=r"milvus://127\.0\.0\.1:9/news: the server cannot be reached"):
        open_engine("milvus://user:secret@127.0.0.1:9/news?timeout=3".replace("user:secret@", ""))
    assert time.monotonic() - start < 20


# --- a server that is killed ------------------------------------------------------------------------------------


@needs_server
def test_what_was_acknowledged_outlives_the_server_and_an_upload_goes_on(server: MilvusServer, tmp_path: Path) -> None:
    engine = open_engine(server.address("killed", words=tmp_path, timeout=30))
    try:
        fill(engine, batch(range(5)), load="first")
        version = engine.begin("second")
        version.write_state("languages", '["en"]')
        version.upsert(batch(range(100)))
        version.write_state("progress", "100")
        server.kill()
        with pytest.raises(EngineUnavailableError):
            version.upsert(batch(range(100, 150)))
        with pytest.raises(EngineUnavailableError):
            engine.live()
        server.start()
        again = patiently(lambda: engine.begin("second"))
        assert again.name == version.name
        assert patiently(lambda: again.read_state("progress")) == "100"
        patiently(lambda: again.upsert(batch(range(50, 150))))
        again.flush()
        expected = batch(range(150)).rows.tolist()
        assert exported(again) == expected
        assert again.count() == len(expected)
        rows, _ = again.search(batch([77]).vectors[1].astype(np.float32), 1)
        assert rows.tolist() == [first_passage(77) + 1]
        assert engine.live().count() == 15
        engine.publish(again)
        assert engine.live().count() == len(expected)
    finally:
        engine.remove()
        engine.close()


@needs_server
def test_a_server_that_does_not_answer_is_unavailable_and_then_goes_on(server: MilvusServer, tmp_path: Path) -> None:
    engine = open_engine(server.address("suspended", words=tmp_path, timeout=3))
    try:
        live = fill(engine, batch(range(5)))
        server.suspend()
        try:
            start = time.monotonic()
            with pytest.raises(EngineUnavailableError):
                live.count()
            assert time.monotonic() - start < 15
        finally:
            server.resume()
        assert patiently(live.count) == 15
    finally:
        engine.remove()
        engine.close()


def patiently(act: Callable[[], Any]) -> Any:
    """Do something that may have to wait until a server has come back."""
    end = time.monotonic() + 60
    while True:
        try:
            return act()
        except EngineUnavailableError:  # noqa: PERF203
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


@pytest.mark.usefixtures("lite_is_enough")
@needs_server
def test_the_same_rows_put_in_again_and_again_are_there_once(server: MilvusServer, tmp_path: Path) -> None:
    engine = open_engine(server.address("again", words=tmp_path))
    try:
        version = engine.begin("load")
        random = Random(1)
        for number in range(12):
            version.upsert(batch(sorted(random.sample(range(300), 150)), passages=1 + number % 4))
            if number == 6:
                version.flush()
        version.upsert(batch(range(300), passages=2))
        version.flush()
        assert exported(version) == batch(range(300), passages=2).rows.tolist()
        assert version.count() == 600
    finally:
        engine.remove()
        engine.close()


# --- users ------------------------------------------------------------------------------------------------------


@needs_server
def test_who_is_not_known_is_not_let_in(server: MilvusServer) -> None:
    for address in (
        server.address("users", user="root", password="wrong"),  # noqa: S106
        server.address("users", user="nobody", password="secret"),  # noqa: S106
    ):
        with pytest.raises(EngineAuthError) as error:
            open_engine(address)
        assert "wrong" not in str(error.value)
        assert "secret" not in str(error.value)
    engine = open_engine(server.address("users"))
    assert engine.begin("load").count() == 0
    assert PASSWORD not in engine.address
    engine.remove()
    engine.close()


# --- words on this machine --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("lite_is_enough")
def test_words_that_are_not_on_this_machine_are_missed_and_made_again(
    connect: Callable[[], Engine], tmp_path: Path
) -> None:
    engine = connect()
    live = fill(engine, batch(range(5)))
    assert engine.capabilities.words == "client"
    words = live.words("articles")
    assert words is not None
    assert words.search("treaty", 10)[0].tolist() == [0, 1, 2, 3, 4]
    assert engine.repair() == ()
    (folder,) = [path.parent for path in (tmp_path / "words").rglob("stamp.json")]
    folder.rename(tmp_path / "elsewhere")
    elsewhere = connect()
    live = elsewhere.live()
    assert live.words("passages") is None
    assert elsewhere.capabilities.words == "none"
    with pytest.raises(EngineError, match="a phrase is looked for in the index of words"):
        live.count(Where(phrases=("treaty number",)))
    assert elsewhere.repair() == ("words",)
    live = connect().live()
    assert live.count(Where(phrases=("treaty number",))) > 0
    assert live.words("passages") is not None


def test_the_command_that_makes_words_names_their_folder(tmp_path: Path) -> None:
    pytest.importorskip("milvus_lite")
    engine = open_engine(f"milvus-lite://{tmp_path}/lite.db/own?words={tmp_path / 'my words'}")
    fill(engine, batch(range(5)))
    shutil.rmtree(tmp_path / "my words")
    with pytest.raises(EngineError, match="semsearch repair") as error:
        open_engine(engine.address).live().count(Where(phrases=("treaty number",)))
    named = re.search(r"--index (\S+)'", str(error.value))
    assert named is not None
    assert open_engine(named[1]).repair() == ("words",)
    assert engine.live().count(Where(phrases=("treaty number",))) > 0
    engine.close()


@pytest.mark.usefixtures("lite_is_enough")
def test_words_of_another_content_are_not_believed(connect: Callable[[], Engine], tmp_path: Path) -> None:
    live = fill(connect(), batch(range(5)))
    (stamp,) = (tmp_path / "words").rglob("stamp.json")
    before = stamp.read_bytes()
    live.upsert(batch([9]))  # and no flush, as if the writer had been killed
    assert connect().live().words("articles") is None
    live.flush()
    words = connect().live().words("articles")
    assert words is not None
    assert words.search("treaty", 10)[0].tolist() == [0, 1, 2, 3, 4, 9]
    stamp.write_bytes(before)
    assert connect().repair() == ("words",)


@pytest.mark.usefixtures("lite_is_enough")
def test_words_made_in_the_middle_of_an_update_are_not_believed_after_it(connect: Callable[[], Engine]) -> None:
    live = fill(connect(), batch(range(5)))
    live.upsert(batch([9]))
    assert connect().repair() == ("words",)
    live.upsert(batch([10]))
    live.flush()
    words = connect().live().words("articles")
    assert words is not None
    assert words.search("treaty", 10)[0].tolist() == [0, 1, 2, 3, 4, 9, 10]


@pytest.mark.usefixtures("lite_is_enough")
def test_words_that_somebody_has_go_on_when_others_take_their_place(connect: Callable[[], Engine]) -> None:
    live = fill(connect(), batch(range(5)))
    before = live.words("articles")
    assert before is not None
    live.upsert(batch([9]))
    live.flush()
    after = live.words("articles")
    assert after is not None
    where = Where(filter=Exists(("title",)))
    assert before.search("treaty", 10, where=where)[0].tolist() == [0, 1, 2, 3, 4]
    assert after.search("treaty", 10, where=where)[0].tolist() == [0, 1, 2, 3, 4, 9]


def test_words_that_are_damaged_somewhere_are_made_anew(tmp_path: Path) -> None:
    pytest.importorskip("milvus_lite")
    engine = open_engine(f"milvus-lite://{tmp_path}/lite.db/own?words={tmp_path / 'words'}")
    live = fill(engine, batch(range(1200), passages=1))
    (file,) = (tmp_path / "words").rglob("articles.sqlite")
    content = bytearray(file.read_bytes())
    content[32_768:-32_768] = bytes(len(content) - 65_536)
    file.write_bytes(content)
    live.upsert(batch([7, 2000], passages=1))
    live.flush()
    words = live.words("articles")
    assert words is not None
    assert len(words) == 1201
    engine.close()


def test_a_file_has_its_words_however_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("milvus_lite")
    monkeypatch.setenv("SEMSEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for address in (f"milvus-lite://{tmp_path}/lite.db/own", "milvus-lite://lite.db/own"):
        engine = open_engine(address)
        if address.startswith("milvus-lite:///"):
            fill(engine, batch(range(5)))
        assert engine.live().words("articles") is not None
        engine.close()


@pytest.mark.parametrize("name", ["articles.sqlite", "rows.npy", "passages.npy", "articles/meta.json"])
def test_a_damaged_index_of_words_is_as_good_as_none(tmp_path: Path, name: str) -> None:
    pytest.importorskip("milvus_lite")
    address = f"milvus-lite://{tmp_path}/lite.db/own?words={tmp_path / 'words'}"
    engine = open_engine(address)
    fill(engine, batch(range(5)))
    (stamp,) = (tmp_path / "words").rglob("stamp.json")
    for content in (b"", b"damaged" * 99):
        (stamp.parent / name).write_bytes(content)
        other = open_engine(address)
        assert other.capabilities.words == "none"
        assert other.repair() == ("words",)
        assert open_engine(address).capabilities.words == "client"
    engine.close()


@pytest.mark.usefixtures("lite_is_enough")
def test_an_update_of_the_words_takes_over_what_has_not_changed(connect: Callable[[], Engine]) -> None:
    live = fill(connect(), batch(range(1200), passages=1))
    live.delete([3, 4])
    changed = Article("article 7", "An orchestra plays.", "Another")
    live.upsert(batch([7, 2000], {7: changed}, passages=1))
    live.flush()
    words = live.words("passages")
    assert words is not None
    assert len(words) == 1199
    assert words.search("orchestra", 5)[0].tolist() == [first_passage(7)]
    assert words.document_frequency("treaty") == 1198
    assert (words.search("number 2000", 1)[0]).tolist() == [first_passage(2000)]


# --- the nearest of many ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("lite_is_enough")
@needs_server
def test_of_many_the_nearest_are_found_whatever_may_be_found(server: MilvusServer, tmp_path: Path) -> None:
    engine = open_engine(server.address("many", words=tmp_path))
    names = ["half", "tenth", "few", "rest"]
    sources = {row: names[0 if row % 2 else 1 if row % 10 == 0 else 2 if row % 100 == 2 else 3] for row in range(3000)}
    articles = {
        row: Article(f"{row}", "Some text of an article.", source=source, metadata={"s": source})
        for row, source in sources.items()
    }
    try:
        version = engine.begin("load")
        every = [batch(range(at, at + 500), articles, passages=8) for at in range(0, 3000, 500)]
        for one in every:
            version.upsert(one)
        version.flush()
        rows = np.concatenate([one.rows for one in every])
        vectors = np.concatenate([one.vectors for one in every]).astype(np.float64)
        source = np.array([sources[int(row) >> 20] for row in rows])
        queries = unit_rows(np.random.default_rng(8).standard_normal((15, DIMENSION)).astype(np.float32))
        for path in (("source",), ("metadata", "s")):
            for name in ("half", "tenth", "few", "rest", None):
                where = None if name is None else Where(filter=Comparison(path, "=", (name,)))
                allowed = np.flatnonzero(source == name) if name else np.arange(len(rows))
                for recall in (0.995, 1.0):
                    found = 0
                    for query in queries:
                        scores = vectors[allowed] @ query
                        best = rows[allowed[np.lexsort((rows[allowed], -scores))[:10]]]
                        own, cosines = version.search(query, 10, where=where, recall=recall)
                        assert len(own) == 10
                        assert (np.diff(cosines) <= 0).all()
                        found += len(set(own.tolist()) & set(best.tolist()))
                    assert found >= (150 if recall == 1 else 148), (path, name, recall)
        own, _ = version.search(queries[0], 20_000)
        np.testing.assert_array_equal(np.sort(own), np.sort(rows[np.argsort(-(vectors @ queries[0]))[:20_000]]))
    finally:
        engine.remove()
        engine.close()
