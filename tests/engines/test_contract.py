"""What every engine must do, whatever it is: states, what is put in and taken out, versions, the lock."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from random import Random

import numpy as np
import pytest

from semsearch import Article, EngineError, IndexLockedError, IndexNotFoundError
from semsearch.engines import Collection, Engine, Where, article_of, first_passage
from semsearch.filters import Comparison
from tests.engines.batches import DIMENSION, LONG, PLAIN, STRANGE, UNICODE, batch_of, changed, embed, joined
from tests.engines.conftest import Filled, Place
from tests.engines.contract import begin, fill, same_articles, same_batch, same_nearest, same_passages
from tests.engines.plain import Plain

Connect = Callable[[str], Engine]


def article(number: int, words: str = "A treaty was signed.", **fields: object) -> Article:
    return changed(PLAIN, id=f"article {number}", text=f"{words} Number {number}.", **fields)


def some(*rows: int, words: str = "A treaty was signed.") -> list[tuple[int, Article]]:
    return [(row, article(row, words)) for row in rows]


def contents(collection: Collection) -> list[str]:
    """The texts of all articles, in the order of the rows."""
    return [one.article.text for batch in collection.export() for one in batch.articles]


def holds(collection: Collection, plain: Plain) -> None:
    """Assert that a collection has what it must have, by every way of asking."""
    batches = list(collection.export())
    if plain.articles:
        same_batch(joined(batches), plain.batch())
    else:
        assert [row for batch in batches for row in batch.rows] == []
    assert collection.count() == len(plain.rows)
    vector = embed("A treaty was signed")
    found, expected = collection.search(vector, 1000), plain.search(vector, 1000)
    assert len(found[0]) == len(expected[0])
    same_nearest(found, expected)
    ids = {one.article.id: one for one in plain.articles.values()}
    assert {id_: (one.row, one.digest) for id_, one in collection.find([*ids, "nobody"]).items()} == {
        id_: (one.row, one.digest) for id_, one in ids.items()
    }
    entries = [(one.article.id, one.row, one.digest) for one in plain.articles.values()]
    assert [(id_, *one) for id_, one in collection.entries()] == entries


# --- state ------------------------------------------------------------------------------------------------------


def test_a_state_is_any_text_that_was_written_last_under_its_name(engine: Engine) -> None:
    version = engine.begin("load")
    assert version.read_state("any") is None
    version.write_state("other", "x")
    for text in ["first", "", " ", "\n", UNICODE, "x" * 1_000_000, "'", "null", '{"a": "\\u0000"}', "last"]:
        version.write_state("any", text)
        assert version.read_state("any") == text
    assert version.read_state("other") == "x"
    assert version.read_state("Other") is None


# --- what is put in and taken out -------------------------------------------------------------------------------


def test_what_was_put_in_is_there_once_however_often_it_is_put_in(engine: Engine, plain: Plain) -> None:
    batch = batch_of(some(3, 4, 9))
    plain.upsert(batch)
    version = begin(engine)
    version.upsert(batch)
    version.upsert(batch)
    version.flush()
    holds(version, plain)
    version.upsert(batch)
    version.flush()
    holds(version, plain)
    version.delete([3, 4, 9])
    version.upsert(batch_of(some(4, 7)))
    plain.delete([3, 4, 9])
    plain.upsert(batch_of(some(4, 7)))
    version.flush()
    holds(version, plain)


def test_an_article_takes_the_place_of_the_one_in_its_row(engine: Engine, plain: Plain) -> None:
    many, few = "\n\n".join([UNICODE] * 5), "Few words."
    version = begin(engine)
    for batch in (
        batch_of([(1, article(1, many)), (2, article(2, few)), (3, article(3))]),
        batch_of([(1, article(1, few)), (2, article(2, many))]),
        batch_of([(3, changed(PLAIN, id="another id"))]),
    ):
        version.upsert(batch)
        plain.upsert(batch)
    version.flush()
    holds(version, plain)
    assert version.find(["article 3"]) == {}
    engine.publish(version)
    live = engine.live()
    batch = batch_of([(1, article(1, many)), (2, article(2, few))])
    live.upsert(batch)
    plain.upsert(batch)
    live.flush()
    holds(live, plain)
    holds(engine.live(), plain)


def test_what_was_taken_out_is_nowhere(engine: Engine, plain: Plain) -> None:
    batch = batch_of([*some(1, 2, 3, 4), (5, changed(PLAIN, text="\n\n".join([UNICODE] * 3)))])
    plain.upsert(batch)
    live = fill(engine, [batch])
    for rows in ([2, 5], [2, 777, 2**43 - 1, 1]):
        live.delete(rows)
        live.delete([])
        plain.delete(rows)
        live.flush()
        holds(live, plain)
    holds(engine.live(), plain)
    assert live.articles([1, 2, 3, 5]).keys() == {3}
    for missing in ([first_passage(2)], [first_passage(3), first_passage(5)]):
        with pytest.raises(EngineError):
            live.passages(np.array(missing), codes=False)
    live.upsert(batch)
    plain.upsert(batch)
    live.flush()
    holds(engine.live(), plain)


@pytest.mark.usefixtures("but_milvus")
def test_tokens_that_are_not_kept_are_none(engine: Engine) -> None:
    batch = batch_of(some(1, 2), codes=False)
    live = fill(engine, [batch], codes=False)
    same_passages(live.passages(batch.rows, codes=True), batch)
    same_batch(joined(list(live.export())), batch)


# --- articles of all kinds --------------------------------------------------------------------------------------

HIGHEST = 2**43 - 1
ODD: dict[int, dict[str, object]] = {
    0: {},
    1: {"id": "".join(Random(1).choices("abcdefghij", k=9000))},
    2: {"id": UNICODE},
    3: {"id": "  spaces around \n"},
    4: {"title": " ".join(Random(2).choices(["budget", "railway", UNICODE], k=9000))},
    5: {"source": "s" * 70_000, "url": "https://example.org/" + "u" * 70_000},
    6: {"source": "", "url": ""},
    7: {"source": None, "url": None, "published": None, "title": "", "metadata": {}},
    8: {"metadata": STRANGE},
    9: {"metadata": {"NUL": "a\x00b", "a\x00b": ["\x00"]}},
    10: {"text": "x"},
    11: {"text": "  leading and trailing  \n\n\n"},
    12: {"text": "\r\n".join(UNICODE.splitlines())},
    1000: {"text": LONG},
    2**30: {"title": "High"},
    HIGHEST: {"title": "Highest"},
}


@pytest.fixture(scope="session")
def odd(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """An index of articles that are made to be difficult, put in one by one, in no order."""
    plain = Plain(tmp_path_factory.mktemp("odd"))
    engine = place.connect("odd")
    try:
        articles = [(row, changed(PLAIN, **{"id": f"odd {row}", **fields})) for row, fields in ODD.items()]
        batches = [batch_of([one]) for one in Random(3).sample(articles, len(articles))]
        for batch in batches:
            plain.upsert(batch)
        yield Filled(fill(engine, batches), plain, engine)
    finally:
        engine.remove()
        engine.close()


@pytest.mark.parametrize("row", ODD, ids=lambda row: f"{row}-" + "-".join(ODD[row]))
def test_an_article_comes_out_as_it_was_put_in(odd: Filled, row: int) -> None:
    article = odd.plain.articles[row]
    same_articles(list(odd.collection.articles([row]).values()), [article])
    assert odd.collection.find([article.article.id])[article.article.id].row == row
    rows = odd.plain.allowed(Where(articles=(row,)))
    assert odd.collection.count(Where(articles=(row,))) == len(rows) == article.passages
    assert odd.collection.texts(rows) == odd.plain.texts(rows)
    same_passages(odd.collection.passages(rows, codes=True), odd.plain.passages(rows))


def test_articles_of_all_kinds_are_there_together(odd: Filled) -> None:
    holds(odd.collection, odd.plain)


def test_rows_may_be_as_high_as_they_can_be(odd: Filled) -> None:
    assert article_of(int(odd.plain.rows[-1])) == HIGHEST
    for where in (Where(articles=(HIGHEST,)), Where(without=tuple(row for row in ODD if row != HIGHEST))):
        rows, _ = odd.collection.search(embed("The mandate ends"), 10, where=where)
        np.testing.assert_array_equal(rows, odd.plain.rows[odd.plain.rows >= first_passage(HIGHEST)])


def test_a_long_article_is_there_as_a_whole(odd: Filled) -> None:
    assert len(LONG) > 300_000
    assert odd.plain.articles[1000].passages > 200
    vector = embed("Paragraph 600 of a long article")
    articles = [1000, 1, HIGHEST]
    np.testing.assert_array_equal(
        odd.collection.best_passages(articles, vector), odd.plain.best_passages(articles, vector)
    )


# --- versions ---------------------------------------------------------------------------------------------------


def test_the_same_load_goes_on_until_it_is_published(connect: Connect, name: str, plain: Plain) -> None:
    with pytest.raises(IndexNotFoundError):
        connect(name).live()
    batch = batch_of(some(1, 2))
    plain.upsert(batch)
    version = begin(connect(name), "load")
    version.upsert(batch)
    version.write_state("progress", "2")
    engine = connect(name)
    again = engine.begin("load")
    assert again.read_state("progress") == "2"
    assert again.read_state("languages") == version.read_state("languages")
    again.flush()
    holds(again, plain)
    for one in (engine, connect(name)):
        with pytest.raises(IndexNotFoundError):
            one.live()
    batch = batch_of(some(8))
    again.upsert(batch)
    plain.upsert(batch)
    again.flush()
    engine.publish(again)
    for one in (engine, connect(name)):
        holds(one.live(), plain)


@pytest.mark.usefixtures("but_milvus")
def test_another_load_takes_the_place_of_what_was_not_published(connect: Connect, name: str) -> None:
    for load in ("one", "two", "one"):
        version = begin(connect(name), load)
        assert version.read_state("progress") is None
        version.write_state("progress", load)
        version.upsert(batch_of(some(len(load), words=f"The load {load}.")))
    version.flush()
    assert contents(version) == ["The load one. Number 3."]


def test_a_version_is_seen_when_it_is_published_and_the_one_before_goes_on(
    connect: Connect, name: str, plain: Plain
) -> None:
    engine = connect(name)
    batch = batch_of(some(1, 2, words="The first version."))
    plain.upsert(batch)
    first = fill(engine, [batch], "first")
    first.write_state("own", "first")
    opened = connect(name).live()
    second = begin(engine, "second")
    second.upsert(batch_of(some(2, words="The second version.")))
    second.flush()
    assert second.name != first.name
    assert second.read_state("own") is None
    second.write_state("own", "second")
    assert contents(second) == ["The second version. Number 2."]
    for one in (engine, connect(name)):
        holds(one.live(), plain)
        assert one.live().read_state("own") == "first"
    engine.publish(second)
    for one in (engine, connect(name)):
        assert contents(one.live()) == ["The second version. Number 2."]
        assert one.live().count() == 1
        assert one.live().read_state("own") == "second"
    for before in (first, opened):
        holds(before, plain)
        assert before.texts(batch.rows) == plain.texts(batch.rows)
        assert before.read_state("own") == "first"


@pytest.mark.usefixtures("but_milvus")
def test_versions_follow_each_other_also_of_the_same_load(connect: Connect, name: str) -> None:
    names = set()
    for number, load in enumerate(("load", "load", "another")):
        live = fill(connect(name), [batch_of(some(number))], load)
        names.add(live.name)
        assert contents(connect(name).live()) == [f"A treaty was signed. Number {number}."]
    assert len(names) == 3


@pytest.mark.usefixtures("but_milvus")
def test_an_index_that_was_removed_is_not_there(connect: Connect, name: str) -> None:
    engine = connect(name)
    fill(engine, [batch_of(some(1))])
    begin(engine, "unpublished").upsert(batch_of(some(2)))
    engine.remove()
    for one in (engine, connect(name)):
        with pytest.raises(IndexNotFoundError):
            one.live()
    engine.remove()
    assert contents(fill(engine, [batch_of(some(3))], "unpublished")) == ["A treaty was signed. Number 3."]


@pytest.mark.usefixtures("but_milvus")
def test_indexes_side_by_side_do_not_see_each_other(connect: Connect, name: str) -> None:
    names = [name, f"{name}_2"]
    for number, each in enumerate(names):
        live = fill(connect(each), [batch_of(some(number, 10))])
        live.write_state("own", each)
    for number, each in enumerate(names):
        live = connect(each).live()
        assert live.read_state("own") == each
        assert contents(live)[0] == f"A treaty was signed. Number {number}."
    with pytest.raises(IndexNotFoundError):
        connect(f"{name}2").live()
    connect(names[0]).remove()
    assert connect(names[1]).live().count() == 2


@pytest.mark.usefixtures("but_milvus")
def test_a_version_that_is_live_can_be_changed(connect: Connect, name: str, plain: Plain) -> None:
    batches = [batch_of(some(1, 2, 3)), batch_of(some(2, words="Another.")), batch_of(some(4, 12))]
    engine = connect(name)
    fill(engine, batches[:1])
    plain.upsert(batches[0])
    for batch in batches[1:]:
        live = engine.live()
        live.upsert(batch)
        live.delete([1])
        live.flush()
        plain.upsert(batch)
        plain.delete([1])
        holds(live, plain)
        holds(connect(name).live(), plain)
    engine.repair()
    assert connect(name).repair() == ()
    holds(connect(name).live(), plain)


@pytest.mark.usefixtures("but_milvus")
def test_an_update_is_seen_as_a_whole_where_that_is_said(connect: Connect, name: str) -> None:
    engine = connect(name)
    rows = range(100, 160)
    fill(engine, [batch_of([(row, article(row, metadata={"edition": 1})) for row in rows])])
    seen: set[int] = set()
    reader, done = connect(name), threading.Event()
    second = Where(filter=Comparison(("metadata", "edition"), "=", (2,)))

    def read() -> None:
        while not done.is_set():
            seen.add(reader.live().count(second))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        live = engine.live()
        live.upsert(batch_of([(row, article(row, metadata={"edition": 2})) for row in rows]))
        live.flush()
    finally:
        done.set()
        thread.join()
    assert connect(name).live().count(second) == len(rows)
    assert not engine.capabilities.atomic_updates or seen <= {0, len(rows)}


# --- the lock, and what is said of the engine -------------------------------------------------------------------


@pytest.mark.usefixtures("but_milvus")
def test_one_writes_where_others_are_kept_out(connect: Connect, name: str) -> None:
    engine, other = connect(name), connect(name)
    with engine.lock():
        if engine.capabilities.locks:
            for one in (other, connect(name)):
                with pytest.raises(IndexLockedError), one.lock():
                    pytest.fail("two are writing")
        with connect(f"{name}_2").lock():  # another index
            pass
        live = fill(engine, [batch_of(some(1))])
        live.delete([1])
        live.upsert(batch_of(some(2)))
        live.flush()
        assert contents(other.live()) == ["A treaty was signed. Number 2."]  # who reads needs no lock
    with other.lock():
        pass
    with pytest.raises(RuntimeError), engine.lock():
        raise RuntimeError
    with other.lock(), connect(name).lock() if not engine.capabilities.locks else connect(f"{name}_2").lock():
        pass


def test_the_lock_goes_with_its_connection(connect: Connect, place: Place, name: str) -> None:
    holder = place.connect(name)
    with contextlib.ExitStack() as left:
        left.enter_context(holder.lock())
        holder.close()
        with connect(name).lock():
            pass


def test_capabilities_are_what_they_can_be(filled: Filled) -> None:
    words, atomic_updates, locks = filled.engine.capabilities
    assert words in {"server", "client", "none"}
    assert isinstance(atomic_updates, bool)
    assert isinstance(locks, bool)


def test_an_address_shows_no_password(filled: Filled, place: Place) -> None:
    assert "filled" in filled.engine.address
    assert "secret" not in filled.engine.address
    assert place.kind == "embedded" or filled.engine.address.startswith(("postgresql://", "milvus"))


def test_vectors_are_as_long_as_they_are(filled: Filled) -> None:
    rows = filled.plain.rows[:3]
    assert filled.collection.passages(rows, codes=False).vectors.shape == (3, DIMENSION)
