"""An updated lexical index finds what one that is built anew finds, with the same scores."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest

from semsearch.lexical import LexicalIndex

Text = tuple[str, str]
LETTERS = "bcdfghklmnprst"
WORDS = [f"{a}a{b}o{c}" for a in LETTERS for b in LETTERS for c in LETTERS[:3]]


def text(random: Random, longest: int = 40) -> Text:
    count = random.randint(1, longest)
    words = [WORDS[min(int(random.paretovariate(0.6)), len(WORDS)) - 1] for _ in range(count)]
    return " ".join(random.choices(WORDS, k=3)), " ".join(words)


def built(folder: Path, texts: Sequence[Text]) -> LexicalIndex:
    LexicalIndex.build(folder, texts, phrases=True)
    return LexicalIndex.open(folder)


def update(folder: Path, before: Path, old: Sequence[Text], new: Sequence[Text]) -> bool:
    """Update ``before``, the index of ``old``; texts that are the same object are the same text."""
    rows = {id(text): row for row, text in enumerate(old)}
    rows_before = np.array([rows.get(id(text), -1) for text in new])
    kept = {id(text) for text in new}
    return LexicalIndex.update(
        folder,
        before,
        rows_before,
        texts=lambda wanted: [new[row] for row in wanted],
        removed=[text for text in old if id(text) not in kept],
        link=os.link,
        phrases=True,
    )


def assert_same(one: LexicalIndex, other: LexicalIndex, random: Random) -> None:
    assert len(one) == len(other)
    queries = [" ".join(random.choices(WORDS[:200], k=random.randint(1, 5))) for _ in range(25)]
    for query in [*queries, "nothing like it", "qzxbalancexzq", ""]:
        allowed = np.array([random.random() < 0.6 for _ in range(len(one))])
        few = np.zeros(len(one), dtype=bool)
        few[random.sample(range(len(one)), 30)] = True
        for k, mask in ((5, None), (40, None), (len(one), None), (20, allowed), (20, few)):
            rows, scores = one.search(query, k, allowed=mask)
            expected_rows, expected_scores = other.search(query, k, allowed=mask)
            np.testing.assert_allclose(scores, expected_scores, rtol=2e-6)
            # Two scores that differ by the last bit may change places.
            every = dict(zip(*(array.tolist() for array in other.search(query, len(other), allowed=mask)), strict=True))
            np.testing.assert_allclose([every[row] for row in rows.tolist()], expected_scores, rtol=2e-6)
            assert len(set(rows.tolist())) == len(expected_rows)
        assert one.highest_score(query) == other.highest_score(query)
        for word in query.split():
            assert one.document_frequency(word) == other.document_frequency(word)
            np.testing.assert_array_equal(one.with_phrase(word), other.with_phrase(word))
        np.testing.assert_array_equal(one.with_phrase(query), other.with_phrase(query))


@pytest.mark.parametrize("longest", [10, 40, 120])
def test_updates_one_after_the_other_find_what_an_index_of_all_texts_finds(tmp_path: Path, longest: int) -> None:
    random = Random(longest)
    texts = [text(random) for _ in range(1500)]
    built(tmp_path / "0", texts)
    for number in range(1, 5):
        new = [one for one in texts if random.random() > 0.02]
        for _ in range(20):
            new.insert(random.randrange(len(new)), text(random, longest))
        if number == 2:
            new = [*new[700:], *new[:700]]
        assert update(tmp_path / str(number), tmp_path / str(number - 1), texts, new)
        texts = new
        assert_same(LexicalIndex.open(tmp_path / str(number)), built(tmp_path / f"afresh {number}", texts), random)


@pytest.mark.parametrize("change", ["nothing but removed", "nothing but added", "the same text again and again"])
def test_an_update_of_one_kind(tmp_path: Path, change: str) -> None:
    random = Random(3)
    texts = [text(random) for _ in range(1200)]
    built(tmp_path / "0", texts)
    for number in range(1, 4):
        new = list(texts)
        if change == "nothing but removed":
            del new[::100]
        elif change == "nothing but added":
            new += [text(random) for _ in range(30)]
        else:
            new[600] = text(random)
        assert update(tmp_path / str(number), tmp_path / str(number - 1), texts, new)
        texts = new
    assert_same(LexicalIndex.open(tmp_path / "3"), built(tmp_path / "afresh", texts), random)


def test_an_update_changes_nothing_of_the_index_before(tmp_path: Path) -> None:
    random = Random(5)
    texts = [text(random) for _ in range(1000)]
    built(tmp_path / "0", texts)
    before = {path.name: path.read_bytes() for path in (tmp_path / "0").iterdir()}
    assert update(tmp_path / "1", tmp_path / "0", texts, [*texts[5:], text(random)])
    assert {path.name: path.read_bytes() for path in (tmp_path / "0").iterdir()} == before
    shared = [name for name in before if (tmp_path / "1" / name).exists()]
    shared = [name for name in shared if (tmp_path / "1" / name).samefile(tmp_path / "0" / name)]
    assert sorted(Path(name).suffix for name in shared) == [".fast", ".fieldnorm", ".idx", ".pos", ".store", ".term"]


def test_where_too_much_changed_there_is_no_update(tmp_path: Path) -> None:
    random = Random(6)
    texts = [text(random) for _ in range(1000)]
    built(tmp_path / "0", texts)
    assert not update(tmp_path / "1", tmp_path / "0", texts, texts[260:])
    assert not update(tmp_path / "1", tmp_path / "0", texts, [*texts, *(text(random) for _ in range(260))])
    built(tmp_path / "few", texts[:900])
    assert not update(tmp_path / "1", tmp_path / "few", texts[:900], texts[:899])
    assert not (tmp_path / "1").exists()


def test_what_many_updates_added_is_gathered_in_one_segment(tmp_path: Path) -> None:
    random = Random(7)
    texts = [text(random) for _ in range(1000)]
    built(tmp_path / "0", texts)
    segments = []
    for number in range(1, 17):
        gone = random.sample(range(len(texts)), 3) if number % 3 else [*range(len(texts) - 3, len(texts))]
        new = [one for row, one in enumerate(texts) if row not in gone]
        new[5:5] = [text(random) for _ in range(2)]
        new += [text(random), text(random)]
        assert update(tmp_path / str(number), tmp_path / str(number - 1), texts, new)
        texts = new
        segments.append(len(json.loads((tmp_path / str(number) / "meta.json").read_bytes())["segments"]))
        if segments[-1] in {2, 3, 6}:
            assert_same(LexicalIndex.open(tmp_path / str(number)), built(tmp_path / f"{number} afresh", texts), random)
    assert segments == [2, 3, 4, 5, 6, 2, 3, 4, 5, 6, 2, 3, 4, 5, 6, 2]


def test_updates_that_add_nothing_are_gathered_too(tmp_path: Path) -> None:
    random = Random(8)
    texts = [text(random) for _ in range(1100)]
    built(tmp_path / "0", texts)
    for number in range(1, 10):
        assert update(tmp_path / str(number), tmp_path / str(number - 1), texts, texts[1:])
        texts = texts[1:]
    assert_same(LexicalIndex.open(tmp_path / "9"), built(tmp_path / "afresh", texts), random)


@pytest.mark.parametrize("damage", [b"", b"\x00" * 8])
def test_documents_of_another_index_are_refused(tmp_path: Path, damage: bytes) -> None:
    built(tmp_path / "0", [text(Random(1)) for _ in range(10)])
    (tmp_path / "0" / "documents.i4").write_bytes(damage)
    with pytest.raises(ValueError, match=r"documents\.i4 is of another index"):
        LexicalIndex.open(tmp_path / "0")
    (tmp_path / "0" / "documents.i4").unlink()
    with pytest.raises(ValueError, match=r"there is no documents\.i4"):
        LexicalIndex.open(tmp_path / "0")


@pytest.mark.parametrize("name", ["../victim", "{absolute}", "..", "a/b"])
def test_the_engine_is_led_to_no_file_beyond_its_folder(tmp_path: Path, name: str) -> None:
    """It removes files that its list has and that it does not need: a list from elsewhere could name any."""
    random = Random(5)
    old = [text(random) for _ in range(1100)]
    built(tmp_path / "0", old)
    victim = tmp_path / "victim"
    victim.write_text("is still needed")
    path = tmp_path / "0" / ".managed.json"
    path.write_text(json.dumps([*json.loads(path.read_bytes()), name.format(absolute=victim)]))
    assert not update(tmp_path / "1", tmp_path / "0", old, [*old, text(random)])
    assert victim.exists()
    with pytest.raises(ValueError, match="names something else than the engine's files"):
        LexicalIndex.open(tmp_path / "0")


@pytest.mark.parametrize(("document", "row"), [(3, 2), (3, 2000), (3, -2), (0, -1)])
def test_documents_that_do_not_have_each_row_once_are_refused(tmp_path: Path, document: int, row: int) -> None:
    built(tmp_path / "0", [text(Random(number)) for number in range(10)])
    numbers = np.fromfile(tmp_path / "0" / "documents.i4", dtype="<i4")
    numbers[2 + 2 * document] = row
    numbers.tofile(tmp_path / "0" / "documents.i4")
    with pytest.raises(ValueError, match="does not have each row once"):
        LexicalIndex.open(tmp_path / "0")
