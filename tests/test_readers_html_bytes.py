"""Saved web pages: encodings, limits, and pages that are damaged or made to do harm."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pages import NEWS_PAGE, PARAGRAPHS, TEXT, page, paragraphs, read, text_of

# --- bytes


@pytest.mark.parametrize(
    ("encoding", "declared", "text"),
    [
        ("utf-8", "", "Öffentlich: “ja”"),
        ("utf-8", "iso-8859-1", "Öffentlich: “ja”"),  # what the bytes are beats what is said
        ("utf-8-sig", "windows-1251", "Öffentlich"),
        ("utf-16", "", "Öffentlich – да"),
        ("cp1252", "iso-8859-1", "Öffentlich: “ja”"),
        ("cp1251", "windows-1251", "Гавань углубят весной"),
        ("koi8-r", "koi8-r", "Гавань углубят весной"),
        ("cp932", "Shift_JIS", "港は来春に再び浚渫される①"),
        ("gb18030", "gb2312", "港口将于明年春天再次疏浚镕"),
        ("cp949", "euc-kr", "항구는 내년 봄에 다시 준설된다똠"),
    ],
)
def test_a_page_is_decoded_as_browsers_decode_it(encoding: str, declared: str, text: str) -> None:
    head = f'<meta http-equiv="Content-Type" content="text/html; charset={declared}">' if declared else ""

    content = page(
        f"<p>{text}. {'and so on, ' * 10}</p>{paragraphs(PARAGRAPHS[:2]).replace('’', '').replace('“', '')}", head=head
    )

    article, log = read(content.encode(encoding))
    assert article is not None
    assert article.text.startswith(text)
    assert log.notes == []


def test_an_encoding_that_is_not_declared_is_detected_and_noted() -> None:
    text = "Гавань углубят весной, решил во вторник совет города после десяти лет споров и промедлений. " * 3

    article, log = read(page(f"<p>{text}</p>").encode("cp1251"))

    assert article is not None
    assert article.text == text.strip()
    assert [note.lower() for note in log.notes] == ["page.html: read as windows-1251"]


@pytest.mark.parametrize("declared", ["<meta charset=utf-8>", "<p>Ærø, Ålborg, Sønderborg</p>"])
def test_a_few_damaged_bytes_do_not_cost_the_article(declared: str) -> None:
    raw = page(head=declared, after="<p>caf\udce9</p>").encode("utf-8", "surrogateescape")

    article, log = read(raw)

    assert article is not None
    assert log.notes == ["page.html: is not valid UTF-8 in 1 place, read without them"]


@pytest.mark.parametrize("name", ["base64", "utf-7", "rot13", "idna", "unknown", "x" * 50, "\x00"])
def test_no_codec_runs_that_is_no_encoding_of_pages(name: str) -> None:
    article, log = read(page(head=f"<meta charset={name}>").encode("utf-8") + b"<p>caf\xe9</p>")

    assert (article is None) == bool(log.problems)


# --- what no page can do


def test_pictures_that_are_saved_in_a_page_do_not_count() -> None:
    picture = f'<img src="data:image/png;base64,{"iVBORw0KGgo" * 2_000_000}">'

    assert len(picture) > 20 << 20
    assert text_of(page(before=picture, head=f"<style>{'a{b:c}' * 1_000_000}</style>")) == TEXT


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (page(paragraphs([TEXT]) * 45_000), "is larger than 16 MiB"),
        (b" " * ((64 << 20) + 1), "is larger than 64 MiB"),
        (page() + "<p>" * 1_000_000, "has more than 500,000 tags"),
    ],
    ids=["text", "file", "tags"],
)
def test_a_page_that_is_too_large_is_named(content: str | bytes, reason: str) -> None:
    article, log = read(content)

    assert article is None
    assert reason in str(log.problems[0])


@pytest.mark.parametrize(
    "rest",
    [
        "<div>" * 400_000,
        "<b><i>" * 200_000,
        "<p>a" * 400_000,
        "<p " + " ".join(f"a{n}=1" for n in range(500_000)) + ">",
        '<a href="' * 300_000,
        "<!--" * 400_000,
        "<style>" * 400_000,
        "&#x1;&#0;&#xD800;" * 100_000,
        "</p></div></body></html>" * 100_000,
        " \n" * 1_000_000 + "<br>x<br>" + "\t" * 1_000_000,
        "<tr><td>" + " " * 2_000_000,
        "<script type='application/ld+json'>[" + " " * 1_500_000 + "x</script>",
        "<article>x</article>" * 200_000,
    ],
    ids=[
        "nested",
        "inline",
        "paragraphs",
        "attributes",
        "quotes",
        "comments",
        "styles",
        "references",
        "ends",
        "spaces",
        "cells",
        "json",
        "articles",
    ],
)
def test_a_page_that_is_built_to_take_long_is_read_nevertheless(rest: str) -> None:
    assert text_of(page() + rest).startswith(TEXT)


def test_control_characters_are_left_out() -> None:
    text = paragraphs().replace(" ", " \x01\x08").replace("harbour", "&#2;har&#x1f;bour")

    assert text_of(page(text)) == TEXT


def test_nothing_outside_the_page_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("This is the secret.", encoding="utf-8")
    entity = f'<!DOCTYPE html [<!ENTITY s SYSTEM "{secret.as_uri()}"><!ENTITY t "twice">]>'
    outside = f'<iframe src="{secret.as_uri()}"></iframe><object data="{secret.as_uri()}"></object>'

    text = text_of(entity + page(paragraphs() + "<p>It says &s; and &t;.</p>" + outside))

    assert text == f"{TEXT}\n\nIt says &s; and &t;."


@settings(max_examples=150, database=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(NEWS_PAGE)),
            st.integers(0, 400),
            st.sampled_from(
                [
                    "",
                    "<",
                    ">",
                    '"',
                    "'",
                    "<!--",
                    "-->",
                    "</div>",
                    "<table><tr><td>",
                    "<script>",
                    "&#xD800;",
                    "\x00",
                    "{",
                    "]",
                ]
            )
            | st.text(max_size=5),
        ),
        max_size=6,
    )
)
def test_no_damage_does_more_than_cost_the_article(damages: list[tuple[int, int, str]]) -> None:
    content = NEWS_PAGE
    for start, length, text in damages:
        content = content[:start] + text + content[start + length :]

    article, log = read(content.encode("utf-8", "replace"))

    assert (article is None) == (len(log.problems) == 1)
