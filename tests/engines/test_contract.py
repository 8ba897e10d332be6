"""What every engine must do, whatever it is: states, what is put in and taken out, versions, the lock."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from semsearch import Article, EngineError, IndexLockedError, IndexNotFoundError
from semsearch.engines import Collection, Engine, Where, article_of, first_passage
from semsearch.filters import Comparison
from tests.engines.batches import DIMENSION, LONG, PLAIN, STRANGE, UNICODE, batch_of, changed, embed, joined
from tests.engines.conftest import Filled, Place
from tests.engines.contract import begin, fill, same_articles, same_batch, same_passages
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
    rows, _ = collection.search(vector, 1000)
    np.testing.assert_array_equal(rows, plain.search(vector, 1000)[0])
    ids = {one.article.id: one for one in plain.articles.values()}
    assert {id_: (one.row, one.digest) for id_, one in collection.find([*ids, "nobody"]).items()} == {
        id_: (one.row, one.digest) for id_, one in ids.items()
    }
    entries = [(one.article.id, one.row, one.digest) for one in plain.articles.values()]
    assert [(id_, *one) for id_, one in collection.entries()] == entries


# --- state ------------------------------------------------------------------------------------------------------


def test_a_state_is_what_was_written_last_under_its_name(engine: Engine) -> None:
    version = engine.begin("load")
    assert version.read_state("languages") is None
    version.write_state("languages", '["en"]')
    version.write_state("other", "x")
    assert version.read_state("languages") == '["en"]'
    version.write_state("languages", '["de"]')
    assert version.read_state("languages") == '["de"]'
    assert version.read_state("other") == "x"
    assert version.read_state("Other") is None


@pytest.mark.parametrize("text", ["", " ", "\n", UNICODE, "x" * 1_000_000, "'", "null", '{"a": "\\u0000"}'])
def test_a_state_is_any_text(engine: Engine, text: str) -> None:
    version = engine.begin("load")
    version.write_state("any", text)
    assert version.read_state("any") == text


def test_a_state_is_of_its_version_and_outlasts_connections(connect: Connect, name: str) -> None:
    first = fill(connect(name), [batch_of(some(1))], "first")
    first.write_state("own", "first")
    assert connect(name).live().read_state("own") == "first"
    engine = connect(name)
    second = begin(engine, "second")
    assert second.read_state("own") is None
    second.write_state("own", "second")
    assert connect(name).live().read_state("own") == "first"
    second.upsert(batch_of(some(2)))
    second.flush()
    assert second.read_state("own") == "second"
    engine.publish(second)
    assert connect(name).live().read_state("own") == "second"
    assert first.read_state("own") == "first"


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
    engine.publish(version)
    holds(engine.live(), plain)


def test_batches_are_put_in_in_any_order(engine: Engine, plain: Plain) -> None:
    version = begin(engine)
    for rows in ((90, 91), (5,), (40, 60), (7, 50)):
        version.upsert(batch_of(some(*rows)))
        plain.upsert(batch_of(some(*rows)))
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
    for rows in ([2, 5], [2, 5], [], [777, 2**43 - 1], [1]):
        live.delete(rows)
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


def test_everything_can_be_taken_out_and_put_in_again(engine: Engine, plain: Plain) -> None:
    version = begin(engine)
    version.upsert(batch_of(some(1, 2)))
    version.delete([1, 2])
    version.upsert(batch_of(some(2, 7)))
    plain.upsert(batch_of(some(2, 7)))
    version.flush()
    holds(version, plain)


def test_rows_may_be_as_high_as_they_can_be(engine: Engine, plain: Plain) -> None:
    highest = 2**43 - 1
    batch = batch_of(some(0, 1, 2**30, highest))
    assert article_of(int(batch.rows[-1])) == highest
    plain.upsert(batch)
    live = fill(engine, [batch])
    holds(live, plain)
    assert live.count(Where(articles=(highest,))) == live.count(Where(without=(0, 1, 2**30))) == 1
    assert live.texts(batch.rows[-1:]) == plain.texts(batch.rows[-1:])


def test_a_long_article_is_there_as_a_whole(engine: Engine, plain: Plain) -> None:
    batch = batch_of([(4, changed(PLAIN, id="long", text=LONG)), *some(1, 9)])
    assert len(LONG) > 300_000
    assert len(batch.rows) > 900
    plain.upsert(batch)
    live = fill(engine, [batch])
    holds(live, plain)
    rows = plain.rows[::-1][:500]
    assert live.texts(rows) == plain.texts(rows)
    same_passages(live.passages(rows, codes=True), plain.passages(rows))
    vector = embed("Paragraph 600 of a long article")
    np.testing.assert_array_equal(live.best_passages([1, 4], vector), plain.best_passages([1, 4], vector))


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "".join(Random(1).choices("abcdefghij", k=9000))},
        {"id": UNICODE},
        {"id": "  spaces around \n"},
        {"title": " ".join(Random(2).choices(["budget", "railway", UNICODE], k=9000))},
        {"source": "s" * 70_000, "url": "https://example.org/" + "u" * 70_000},
        {"source": "", "url": ""},
        {"source": None, "url": None, "published": None, "title": "", "metadata": {}},
        {"metadata": STRANGE},
        {"metadata": {"NUL": "a\x00b", "a\x00b": ["\x00"]}},
        {"text": "x"},
        {"text": "  leading and trailing  \n\n\n"},
        {"text": "\r\n".join(UNICODE.splitlines())},
    ],
    ids="-".join,
)
def test_an_article_comes_out_as_it_was_put_in(engine: Engine, plain: Plain, fields: dict[str, object]) -> None:
    batch = batch_of([(6, changed(PLAIN, **fields)), *some(7)])
    plain.upsert(batch)
    live = fill(engine, [batch])
    holds(live, plain)
    same_articles(list(live.articles([6]).values()), batch.articles[:1])


def test_tokens_that_are_not_kept_are_none(engine: Engine) -> None:
    batch = batch_of(some(1, 2), codes=False)
    live = fill(engine, [batch], codes=False)
    same_passages(live.passages(batch.rows, codes=True), batch)
    same_batch(joined(list(live.export())), batch)


# --- versions ---------------------------------------------------------------------------------------------------


def test_there_is_nothing_where_nothing_was_published(connect: Connect, name: str) -> None:
    engine = connect(name)
    with pytest.raises(IndexNotFoundError):
        engine.live()
    version = begin(engine)
    version.upsert(batch_of(some(1)))
    version.flush()
    for one in (engine, connect(name)):
        with pytest.raises(IndexNotFoundError):
            one.live()


def test_what_was_not_published_is_not_seen(connect: Connect, name: str) -> None:
    engine = connect(name)
    fill(engine, [batch_of(some(1, words="The first."))], "first")
    version = begin(engine, "second")
    version.upsert(batch_of(some(2, words="The second.")))
    version.flush()
    assert contents(version) == ["The second. Number 2."]
    assert version.name != engine.live().name
    for one in (engine, connect(name)):
        assert contents(one.live()) == ["The first. Number 1."]
    engine.publish(version)
    for one in (engine, connect(name)):
        assert contents(one.live()) == ["The second. Number 2."]
    assert engine.live().count() == 1


def test_the_same_load_goes_on(connect: Connect, name: str, plain: Plain) -> None:
    batch = batch_of(some(1, 2))
    plain.upsert(batch)
    version = begin(connect(name), "load")
    version.upsert(batch)
    version.write_state("progress", "2")
    again = connect(name).begin("load")
    assert again.read_state("progress") == "2"
    assert again.read_state("languages") == version.read_state("languages")
    again.flush()
    holds(again, plain)
    batch = batch_of(some(8))
    engine = connect(name)
    again = engine.begin("load")
    again.upsert(batch)
    plain.upsert(batch)
    again.flush()
    engine.publish(again)
    holds(connect(name).live(), plain)


def test_another_load_takes_the_place_of_what_was_not_published(connect: Connect, name: str, plain: Plain) -> None:
    for load in ("one", "two", "one"):
        version = begin(connect(name), load)
        assert version.read_state("progress") is None
        version.flush()
        assert contents(version) == []
        version.write_state("progress", load)
        version.upsert(batch_of(some(len(load))))
        version.flush()


def test_a_load_that_was_published_is_not_gone_on_with(engine: Engine) -> None:
    fill(engine, [batch_of(some(1))], "load")
    version = begin(engine, "load")
    version.upsert(batch_of(some(2)))
    version.flush()
    assert contents(version) == ["A treaty was signed. Number 2."]
    assert contents(engine.live()) == ["A treaty was signed. Number 1."]


def test_who_has_a_version_open_goes_on_reading_it(connect: Connect, name: str, plain: Plain) -> None:
    batch = batch_of(some(1, 2, words="The first version."))
    plain.upsert(batch)
    before = fill(connect(name), [batch], "first")
    opened = connect(name).live()
    after = fill(connect(name), [batch_of(some(1, words="The second version."))], "second")
    assert contents(after) == ["The second version. Number 1."]
    for one in (before, opened):
        holds(one, plain)
        assert one.texts(batch.rows) == plain.texts(batch.rows)


def test_many_versions_follow_each_other(connect: Connect, name: str) -> None:
    names = set()
    for number in range(4):
        live = fill(connect(name), [batch_of(some(number))], f"load {number}")
        names.add(live.name)
        assert contents(connect(name).live()) == [f"A treaty was signed. Number {number}."]
    assert len(names) == 4


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


def test_indexes_side_by_side_do_not_see_each_other(connect: Connect, name: str) -> None:
    names = [name, f"{name}_2", f"{name}2"]
    for number, each in enumerate(names):
        live = fill(connect(each), [batch_of(some(number, 10))])
        live.write_state("own", each)
    for number, each in enumerate(names):
        live = connect(each).live()
        assert live.read_state("own") == each
        assert contents(live)[0] == f"A treaty was signed. Number {number}."
    connect(names[0]).remove()
    connect(names[1]).live().delete([10])
    assert connect(names[2]).live().count() == 2


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


def test_where_nothing_is_missing_nothing_is_repaired(connect: Connect, name: str, plain: Plain) -> None:
    batch = batch_of(some(1, 2))
    plain.upsert(batch)
    engine = connect(name)
    live = fill(engine, [batch])
    engine.repair()
    assert connect(name).repair() == ()
    holds(live, plain)
    holds(connect(name).live(), plain)


# --- the lock, and what is said of the engine -------------------------------------------------------------------


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
