"""Texts as they are stored: any slice is what it is of the text, and what is damaged is not read."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch.storage._texts import PART, pack_text, unpack_text

TEXTS = st.builds(
    lambda piece, times, end: piece * times + end,
    st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    st.integers(0, 40),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
LONG = "Ünïcödé and 漢字, sentence by sentence. " * 200


@given(TEXTS, st.data())
def test_a_stored_text_gives_any_slice_of_it(text: str, data: st.DataObject) -> None:
    stored = pack_text(text)
    start = data.draw(st.integers(0, len(text) + 2))
    end = data.draw(st.none() | st.integers(0, len(text) + 2))
    assert unpack_text(stored) == text
    assert unpack_text(stored, start, end) == text[start:end]


@pytest.mark.parametrize("length", [0, 1, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 1])
def test_texts_that_end_where_parts_do(length: int) -> None:
    text = "ab\U0001f5fa" * length
    text = text[:length]
    assert unpack_text(pack_text(text)) == text


def test_only_the_parts_of_a_slice_are_read() -> None:
    stored = bytearray(pack_text(LONG))
    stored[-1] ^= 1  # the last part's checksum
    assert unpack_text(bytes(stored), 0, PART) == LONG[:PART]
    with pytest.raises(ValueError, match="incorrect data check"):
        unpack_text(bytes(stored))


@given(st.integers(0, len(pack_text(LONG)) * 8 - 1))
def test_no_flipped_bit_gives_another_text(bit: int) -> None:
    stored = bytearray(pack_text(LONG))
    stored[bit // 8] ^= 1 << (bit % 8)
    try:
        found = unpack_text(bytes(stored))
    except ValueError:
        return
    assert found == LONG  # zlib has bits that say nothing


@given(st.integers(0, len(pack_text(LONG)) - 1))
def test_a_text_cut_short_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        unpack_text(pack_text(LONG)[:length])


@given(st.binary(max_size=200))
def test_anything_else_is_refused_or_short(data: bytes) -> None:
    try:
        found = unpack_text(data)
    except ValueError:
        return
    assert len(found) <= PART * len(data)


def test_a_part_that_swells_is_refused() -> None:
    bomb = zlib.compress(bytes(50_000_000))
    head = (5).to_bytes(4, "little") + (8 + len(bomb)).to_bytes(4, "little")
    with pytest.raises(ValueError, match="not as long as it was"):
        unpack_text(head + bomb)


@pytest.mark.parametrize("stored", [None, "text", 3, b"", b"\x01"])
def test_what_is_no_stored_text_is_refused(stored: object) -> None:
    with pytest.raises(ValueError, match="no bytes of a text"):
        unpack_text(stored)
