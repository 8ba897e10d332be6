"""Bytes to text: byte order marks, encodings that are certain, and what must be refused rather than guessed."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from semsearch import Article, ReadingLog, read_articles
from semsearch.readers._log import Origin
from semsearch.readers._text import decode

CERTAIN = 4
"""So many words with characters beyond ASCII, each where a language has it, are certain; three can be damage."""

GERMAN = (
    "Der Generalsekretär erläuterte am Freitag die Rechtsgrundlage für die Entsendung der Friedenstruppen. „Unsere "
    "Länder haben beschlossen, dem Land nach der Bitte seines Präsidenten zu helfen“, sagte er. Die Soldaten schützen "
    "wichtige Gebäude; über die Größe der Truppe – rund 2500 Mann – wird später entschieden."
)
FRENCH = (
    "Le secrétaire général a expliqué vendredi le fondement juridique du déploiement des forces de paix. « Nos États "
    "membres ont décidé d’aider le pays après la requête de son président », a-t-il déclaré. La mission sera brève : "
    "les soldats protègent des bâtiments stratégiques et aident à préserver l’ordre."
)
RUSSIAN = (
    "Генеральный секретарь объяснил в пятницу правовые основания размещения миротворческих сил. Решение принято на "
    "основании статьи 4 Договора о коллективной безопасности и обращения президента республики. Войска охраняют "
    "важные государственные объекты и помогают поддерживать порядок."
)
JAPANESE = (
    "政府は七日、平和維持部隊の派遣について説明した。派遣の法的根拠は集団安全保障条約の第四条であり、大統領の要請を受けて決定された"
    "という。部隊は重要な国家施設を警備し、治安の維持を支援する。任務の期間は短くなる見通しで、状況が安定すれば撤収すると述べた。"
)
ENGLISH = (
    "“This is the basis which led to leaders of our member states to make the decision,” Zas said. “That’s why we "
    "received the request, and it doesn’t matter how many troops a state has sent – it’s a gesture.”"
)


def read(raw: bytes) -> tuple[str | None, ReadingLog]:
    log = ReadingLog()
    return decode(raw, Origin("old.txt", "old.txt"), log), log


def refused(raw: bytes) -> bool:
    text, log = read(raw)
    assert (text is None) == (len(log.problems) == 1)
    return text is None


def is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def foreign_words(text: str) -> int:
    return sum(not word.isascii() for word in text.split())


def typeset(text: str) -> str:
    """Give the text the quotation marks and apostrophes of print, which the corpus is typed without."""
    text = re.sub(r'(?<![^\s(\[])"', "“", text).replace('"', "”")
    return re.sub(r"(?<![^\s(\[])'", "‘", text).replace("'", "’")


@pytest.fixture(scope="session")
def articles(corpus: Path) -> list[str]:
    texts = [path.read_text(encoding="utf-8") for path in sorted(corpus.rglob("*.md"))]
    assert len(texts) >= 60
    return texts


# --- marks, and UTF-8


@pytest.mark.parametrize(
    "raw",
    [
        codecs.BOM_UTF8 + "Ärger, 政府 😀".encode(),
        codecs.BOM_UTF16_LE + "Ärger, 政府 😀".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "Ärger, 政府 😀".encode("utf-16-be"),
        codecs.BOM_UTF32_LE + "Ärger, 政府 😀".encode("utf-32-le"),
        codecs.BOM_UTF32_BE + "Ärger, 政府 😀".encode("utf-32-be"),
        "Ärger, 政府 😀".encode(),
    ],
    ids=["utf-8-mark", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-8"],
)
def test_a_byte_order_mark_says_the_encoding_and_is_no_part_of_the_text(raw: bytes) -> None:
    assert read(raw) == ("Ärger, 政府 😀", ReadingLog())


def test_line_ends_become_those_of_unix() -> None:
    assert read(b"a\r\nb\rc\n\r\nd\r\r\ne")[0] == "a\nb\nc\n\nd\n\ne"


@pytest.mark.parametrize("raw", [b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF32_BE])
def test_nothing_is_an_empty_text(raw: bytes) -> None:
    assert read(raw) == ("", ReadingLog())


@pytest.mark.parametrize("raw", [b"abc\x00def", "Hello".encode("utf-16-le"), codecs.BOM_UTF16_LE + b"a\x00\x00\x00"])
def test_nul_bytes_are_refused(raw: bytes) -> None:
    text, log = read(raw)

    assert text is None
    assert [str(problem) for problem in log.problems] == [
        "old.txt: contains NUL bytes: is this a binary file, or UTF-16 without its mark?"
    ]


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (codecs.BOM_UTF8 + b"One.\nTwo \xff.", "is not valid UTF-8 (byte 12, line 2)"),
        (codecs.BOM_UTF16_LE + "Zas".encode("utf-16-le") + b"\x00", "is not valid UTF-16 (byte 8, line 1)"),
        (codecs.BOM_UTF16_LE + b"\x3d\xd8", "is not valid UTF-16 (byte 2, line 1)"),  # half of a surrogate pair
        (codecs.BOM_UTF32_LE + b"\xff\xff\xff\xff", "is not valid UTF-32 (byte 4, line 1)"),
    ],
)
def test_what_is_not_in_the_encoding_of_its_mark_is_refused_with_byte_and_line(raw: bytes, what: str) -> None:
    text, log = read(raw)

    assert text is None
    assert [p.reason for p in log.problems] == [f"{what}, and its encoding is not certain: convert it to UTF-8"]


@pytest.mark.parametrize(
    "damage",
    [b"\xff", b"\xc3", b"\x80", b"\xed\xa0\xbd", b"\xc0\x80", b"\xf5\x80\x80\x80", b"\xe2\x80"],
    ids=["never", "lead", "continuation", "surrogate", "overlong", "beyond", "cut"],
)
def test_bytes_that_are_not_utf_8_are_refused_with_byte_and_line(damage: bytes) -> None:
    text, log = read(b"Zas said the deployment of troops has already begun.\nThey came " + damage + b" to the town.\n")

    assert text is None
    assert [problem.reason for problem in log.problems] == [
        "is not valid UTF-8 (byte 63, line 2), and its encoding is not certain: convert it to UTF-8"
    ]


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (JAPANESE.encode("iso2022_jp"), "is not UTF-8 but ISO-2022-JP: convert it to UTF-8"),
        ("한국어 기사".encode("iso2022_kr"), "is not UTF-8 but ISO-2022-KR: convert it to UTF-8"),
        (
            b"\x1b[1mThe troops arrived.\x1b[0m",
            "contains ESC characters, which control a terminal: save it as text without them",
        ),
    ],
    ids=["japanese", "korean", "terminal"],
)
def test_text_with_escape_sequences_is_refused_with_its_encoding(raw: bytes, what: str) -> None:
    text, log = read(raw)

    assert text is None
    assert [problem.reason for problem in log.problems] == [what]


# --- other encodings


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (ENGLISH, "cp1252"),
        (GERMAN, "cp1252"),
        (GERMAN.replace("„", '"').replace("“", '"').replace("–", "-"), "latin-1"),
        (FRENCH, "cp1252"),
        (RUSSIAN, "koi8-r"),
        (RUSSIAN, "cp1251"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc-jp"),
    ],
)
def test_an_encoding_that_is_certain_is_read_and_noted(text: str, encoding: str) -> None:
    decoded, log = read(text.encode(encoding))

    assert decoded == text
    assert [note.startswith("old.txt: read as ") for note in log.notes] == [True]
    assert log.problems == []


def test_the_note_names_an_encoding_that_gives_the_text(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_bytes(RUSSIAN.encode("koi8-r"))
    log = ReadingLog()

    assert list(read_articles(tmp_path, log=log)) == [Article("old.txt", RUSSIAN)]
    (note,) = log.notes
    assert RUSSIAN.encode("koi8-r").decode(note.removeprefix(f"{tmp_path / 'old.txt'}: read as ")) == RUSSIAN


def test_typeset_articles_in_windows_1252_are_read(articles: list[str]) -> None:
    certain = [text for text in map(typeset, articles) if foreign_words(text) >= CERTAIN and can_be(text, "cp1252")]
    assert len(certain) >= 10

    assert [text[:60] for text in certain if read(text.encode("cp1252"))[0] != text] == []


def test_the_news_page_in_windows_1252_is_read(shared: Path) -> None:
    (page,) = (shared / "seed").glob("*.txt")
    text = page.read_text(encoding="utf-8")

    assert read(text.encode("cp1252"))[0] == text


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp850"])
def test_no_article_is_read_as_another_text_than_it_is(articles: list[str], encoding: str) -> None:
    examined = [text for text in [*articles, *map(typeset, articles)] if can_be(text, encoding)]
    assert sum(foreign_words(text) > 0 for text in examined) >= 20

    # Refused is right, wrong is not.
    assert [text[:60] for text in examined if read(text.encode(encoding))[0] not in {text, None}] == []


def can_be(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.parametrize("text", ["café", "They met in a café.", "A façade, and naïve."])
def test_a_lone_accent_is_not_certain(text: str) -> None:
    assert refused(text.encode("cp1252"))


def test_a_lone_accent_in_a_long_english_text_is_not_certain() -> None:
    # The English around it says nothing about its encoding: in another one it is another letter.
    assert refused((ENGLISH.encode("ascii", "ignore").decode() * 20 + " café").encode("cp1252"))


# --- damaged UTF-8


def places(raw: bytes, count: int, wanted: Callable[[int], bool]) -> list[int]:
    """Return ``count`` offsets of bytes as wanted, spread over the file, the last one first."""
    found = [at for at, byte in enumerate(raw) if wanted(byte)]
    chosen = {found[(number * 2 + 1) * len(found) // (count * 2)] for number in range(count)} if found else set()
    return sorted(chosen, reverse=True)


def lose(raw: bytes, count: int) -> bytes:
    """Lose bytes of characters beyond ASCII."""
    damaged = bytearray(raw)
    for at in places(raw, count, lambda byte: byte >= 0x80):
        del damaged[at]
    return bytes(damaged)


def mangle(raw: bytes, count: int) -> bytes:
    """Put question marks in place of bytes of characters beyond ASCII."""
    damaged = bytearray(raw)
    for at in places(raw, count, lambda byte: byte >= 0x80):
        damaged[at] = 0x3F
    return bytes(damaged)


def flip(raw: bytes, count: int) -> bytes:
    """Flip the highest bit of letters, which makes them accented letters of Windows-1252."""
    damaged = bytearray(raw)
    for at in places(raw, count, lambda byte: chr(byte).isalpha() and byte < 0x80):
        damaged[at] |= 0x80
    return bytes(damaged)


def overwrite(raw: bytes, count: int) -> bytes:
    """Put bytes that are no UTF-8 anywhere."""
    damaged = bytearray(raw)
    for number, at in enumerate(places(raw, count, lambda _: True)):
        damaged[at] = (0xFF, 0x93, 0xC0)[number]
    return bytes(damaged)


def cut(raw: bytes, count: int) -> bytes:
    """End in the middle of a character beyond ASCII, a ``count``-th of the way through the file."""
    found = places(raw, 1, lambda byte: 0x80 <= byte < 0xC0)
    later = [at for at, byte in enumerate(raw) if 0x80 <= byte < 0xC0 and at >= len(raw) // count] or found
    return raw[: later[0]] if later else raw


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("damage", [lose, mangle, flip, overwrite, cut])
def test_damaged_utf_8_is_refused(articles: list[str], damage: Callable[[bytes, int], bytes], count: int) -> None:
    texts = [*articles, *map(typeset, articles), GERMAN, FRENCH, RUSSIAN, JAPANESE, ENGLISH]
    damaged = [raw for text in texts if not is_utf8(raw := damage(text.encode(), count))]
    assert len(damaged) >= 20

    assert [raw.decode(errors="replace")[:80] for raw in damaged if not refused(raw)] == []


# --- noise


@pytest.mark.parametrize("size", [2, 3, 40, 400, 4000])
def test_noise_is_refused(size: int) -> None:
    noises = [hashlib.shake_256(f"noise {number}".encode()).digest(size) for number in range(40)]

    assert [noise for noise in noises if not is_utf8(noise) and not refused(noise)] == []


def test_noise_without_nul_bytes_is_refused() -> None:
    noises = [hashlib.shake_256(f"{number}".encode()).digest(2000).replace(b"\x00", b"") for number in range(40)]

    assert [noise for noise in noises if not refused(noise)] == []


@pytest.mark.parametrize(
    "raw",
    [
        gzip.compress(ENGLISH.encode() * 20, mtime=0),
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\x00",
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n",
        bytes(range(256)),
        bytes(range(0x80, 0x100)),
    ],
    ids=["gzip", "png", "pdf", "all-bytes", "all-high-bytes"],
)
def test_files_of_other_kinds_under_a_texts_name_are_refused(raw: bytes) -> None:
    assert refused(raw)
