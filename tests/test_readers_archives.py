"""ZIP and tar archives and packed files: every member by its own format, and only so much of it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from semsearch import FieldNames, ReadingLog, build_index, read_articles
from semsearch.readers import _budget, _members, archives
from semsearch.readers._log import Origin
from tests.embedder import WordEmbedder
from tests.reading import Members, problems, read, tar_of, texts, zip_of

NEWS = {"b.txt": "The text of b.", "a/c.md": "# C\n\nThe text of c.", "z.jsonl": '{"text": "One."}\n{"text": "Two."}'}
READ = {"b.txt": "The text of b.", "a/c.md": "The text of c.", "z.jsonl:1": "One.", "z.jsonl:2": "Two."}
DENSE = "stands for more than 200 times its packed size: it is no text"


def below(name: str, expected: dict[str, str]) -> dict[str, str]:
    return {f"{name}/{member}": text for member, text in expected.items()}


ARCHIVES: dict[str, Callable[[Members], bytes]] = {
    "news.zip": zip_of,
    "news.tar": tar_of,
    "news.tar.gz": lambda members: tar_of(members, "gz"),
    "news.tgz": lambda members: tar_of(members, "gz"),
    "news.tar.bz2": lambda members: tar_of(members, "bz2"),
    "news.tbz2": lambda members: tar_of(members, "bz2"),
    "news.tar.xz": lambda members: tar_of(members, "xz"),
    "news.txz": lambda members: tar_of(members, "xz"),
}
every_archive = pytest.mark.parametrize("name", ARCHIVES)
PACKED: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
every_packing = pytest.mark.parametrize("suffix", PACKED)


# --- members


@every_archive
def test_each_member_is_read_by_its_format(tmp_path: Path, name: str) -> None:
    articles, log = read(tmp_path, name, ARCHIVES[name](NEWS))

    assert texts(articles) == below(name, READ)
    assert (log.problems, log.notes, log.ignored) == ([], [], {})


@every_archive
def test_members_that_are_hidden_or_of_other_kinds_are_counted(tmp_path: Path, name: str) -> None:
    members = {
        "a.jpg": "",
        "b/c.JPG": "",
        ".d.txt": "",
        ".git/e.txt": "",
        "__MACOSX/f.txt": "",
        "g.txt": "Text.",
        "README": "",
    }

    articles, log = read(tmp_path, name, ARCHIVES[name](members))

    assert texts(articles) == {f"{name}/g.txt": "Text."}
    assert log.ignored == {".jpg": 2, "hidden": 3, "README": 1}
    assert (log.problems, log.notes) == ([], [])


@pytest.mark.parametrize("name", ["news.zip", "news.tar"])
@pytest.mark.parametrize(
    ("member", "called"),
    [
        ("../../etc/a.txt", "etc/a.txt"),
        ("/etc/a.txt", "etc/a.txt"),
        ("a\\b.txt", "a/b.txt"),
        ("./a//b.txt", "a/b.txt"),
        ("日本/ä.txt", "日本/ä.txt"),
        ("C:\\news\\a.txt", "C:/news/a.txt"),
        (f"{'n' * 150}/{'m' * 150}.txt", f"{'n' * 150}/{'m' * 150}.txt"),
    ],
)
def test_a_name_is_no_path(tmp_path: Path, name: str, member: str, called: str) -> None:
    articles, log = read(tmp_path, name, ARCHIVES[name]({member: "The text."}))

    assert texts(articles) == {f"{name}/{called}": "The text."}
    assert log.problems == []
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_name_that_is_no_text_is_written_out(tmp_path: Path) -> None:
    packed = tar_of({"cafX.txt": "The text."}, format=tarfile.USTAR_FORMAT)
    head = bytearray(packed[:512])
    head[3] = 0xE9
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)

    assert texts(read(tmp_path, "a.tar", bytes(head) + packed[512:])[0]) == {"a.tar/caf\\udce9.txt": "The text."}


@pytest.mark.parametrize("member", ["..", "x" * 1001 + ".txt"])
def test_what_has_no_name_that_can_be_cited_is_a_problem(tmp_path: Path, member: str) -> None:
    articles, log = read(tmp_path, "a.zip", zip_of({member: "The text.", "b.txt": "B."}))

    assert texts(articles) == {"a.zip/b.txt": "B."}
    assert "a.zip: a member has no name that could be cited" in problems(log)[0]


@pytest.mark.parametrize("name", ["news.zip", "news.tar"])
def test_members_of_one_name_are_told_apart(tmp_path: Path, name: str) -> None:
    articles, log = read(
        tmp_path, name, ARCHIVES[name]([("a.txt", "One."), ("a.txt", "Two."), ("a.txt~2", ""), ("a.txt", "3.")])
    )

    assert texts(articles) == {f"{name}/a.txt": "One.", f"{name}/a.txt~2": "Two.", f"{name}/a.txt~3": "3."}
    assert log.problems == []


def test_links_and_devices_are_not_read_and_noted(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for at, kind in enumerate(
            [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE]
        ):
            info = tarfile.TarInfo(f"{at}.txt")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    articles, log = read(tmp_path, "a.tar", packed.getvalue())
    assert (articles, log.problems, log.notes) == ([], [], ["a.tar: 4 links and devices in it were not read"])

    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive_:
        entry = zipfile.ZipInfo("link.txt")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive_.writestr(entry, "/etc/passwd")
    articles, log = read(tmp_path, "a.zip", zipped.getvalue())
    assert (articles, log.problems, log.notes) == ([], [], ["a.zip: 1 link or device in it was not read"])


def test_a_member_that_cannot_be_read_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    articles, log = read(tmp_path, "a.zip", zip_of({"bad.jsonl": "{", "b.txt": b"\x00", "c.txt": "The text."}))

    assert texts(articles) == {"a.zip/c.txt": "The text."}
    assert [problem.place for problem in log.problems] == ["a.zip/bad.jsonl:1", "a.zip/b.txt"]


# --- packed files


@every_packing
def test_a_packed_file_is_read_as_what_it_is(tmp_path: Path, suffix: str) -> None:
    pack = PACKED[suffix]
    articles, log = read(tmp_path, f"z.jsonl{suffix}", pack(b'{"text": "One."}\n') + pack(b'{"text": "Two."}\n'))

    assert texts(articles) == {f"z.jsonl{suffix}:1": "One.", f"z.jsonl{suffix}:2": "Two."}
    assert log.problems == []


@every_packing
def test_what_was_unpacked_before_the_damage_is_read(tmp_path: Path, suffix: str) -> None:
    lines = "".join(f'{{"text": "Text {number} {os.urandom(20).hex()}"}}\n' for number in range(20_000)).encode()
    packed = PACKED[suffix](lines)

    articles, log = read(tmp_path, f"z.jsonl{suffix}", packed[:-100])

    assert 0 < len(articles) < 20_000 or suffix == ".bz2"
    assert problems(log) == [f"z.jsonl{suffix}: cannot be read (is damaged: it ends before its end)"]


def test_zeros_after_a_packed_file_are_no_damage_and_something_else_is(tmp_path: Path) -> None:
    assert read(tmp_path, "a.txt.gz", gzip.compress(b"The text.") + b"\0" * 5000)[1].problems == []
    assert problems(read(tmp_path, "a.txt.gz", gzip.compress(b"The text.") + b"tail")[1])


def test_a_file_that_is_not_packed_as_its_name_says_is_read_all_the_same(tmp_path: Path) -> None:
    assert texts(read(tmp_path, "a.txt.gz", "The text.")[0]) == {"a.txt.gz": "The text."}
    assert texts(read(tmp_path, "a.tar.gz", tar_of({"b.txt": "B."}))[0]) == {"a.tar.gz/b.txt": "B."}
    assert texts(read(tmp_path, "a.txt.gz", bz2.compress(b"The text."))[0]) == {"a.txt.gz": "The text."}


def test_a_packed_file_of_another_kind_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.jpg.gz").touch()

    assert read(tmp_path, "b.txt", "B.")[1].ignored == {}
    log = ReadingLog()
    assert texts(list(read_articles(tmp_path, log=log))) == {"b.txt": "B."}
    assert log.ignored == {".gz": 1}


# --- nested


def test_archives_in_archives_are_read_three_deep(tmp_path: Path) -> None:
    two = zip_of({"in.tar.gz": tar_of(NEWS, "gz")})
    three = zip_of({"in.zip": two})
    four = tar_of({"in.zip": three})

    articles, log = read(tmp_path, "a.zip", three)
    assert texts(articles) == below("a.zip/in.zip/in.tar.gz", READ)
    assert log.problems == []

    articles, log = read(tmp_path, "a.tar", four)
    assert articles == []
    reason = "what is in it is not read: it is in 3 files within each other, unpack them"
    assert problems(log) == [f"a.tar/in.zip/in.zip/in.tar.gz: {reason}"]


def test_a_member_that_is_sought_in_is_read_in_a_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = tar_of({"in.zip": zip_of(NEWS, zipfile.ZIP_STORED)}, "gz")
    for limit in (1 << 20, 100):  # in memory, and in a file
        monkeypatch.setattr(_members, "_IN_MEMORY", limit)
        assert texts(read(tmp_path, "a.tar.gz", packed)[0]) == below("a.tar.gz/in.zip", READ)
    monkeypatch.setattr(_members, "_MOST_SOUGHT", 200)
    assert problems(read(tmp_path, "a.tar.gz", packed)[1]) == [
        "a.tar.gz/in.zip: cannot be read (is larger than 0 GiB: unpack it)"
    ]


# --- damage


@every_archive
def test_a_file_that_is_no_archive_is_named(tmp_path: Path, name: str) -> None:
    for content in (b"", b"hello", os.urandom(5000), b"\0" * 100):
        articles, log = read(tmp_path, name, content)
        assert articles == []
        assert [problem.place for problem in log.problems] == [name]
        assert "damaged" in problems(log)[0]


def test_the_members_before_the_damage_of_a_tar_archive_are_read(tmp_path: Path) -> None:
    packed = tar_of({"a.txt": "A." * 1000, "b.txt": "B." * 1000, "c.txt": "C." * 1000})

    articles, log = read(tmp_path, "a.tar", packed[: len(packed) // 3])
    assert [article.id for article in articles] == ["a.tar/a.txt"]
    assert len(log.problems) >= 1


def test_a_damaged_member_of_a_zip_archive_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    packed = bytearray(zip_of({"a.txt": "A text.", "b.txt": "B text."}, zipfile.ZIP_STORED))
    packed[packed.index(b"A text.")] ^= 1

    articles, log = read(tmp_path, "a.zip", bytes(packed))

    assert texts(articles) == {"a.zip/b.txt": "B text."}
    assert problems(log) == ["a.zip/a.txt: cannot be read (is damaged: Bad CRC-32 for file 'a.txt')"]


def test_an_encrypted_member_is_named(tmp_path: Path) -> None:
    packed = bytearray(zip_of({"a.txt": "A text.", "b.txt": "B text."}))
    packed[packed.index(b"PK\1\2") + 8] |= 1

    articles, log = read(tmp_path, "a.zip", bytes(packed))

    assert texts(articles) == {"a.zip/b.txt": "B text."}
    assert problems(log) == ["a.zip/a.txt: is encrypted: unpack the archive with its password"]


def test_a_member_packed_by_another_method_is_named(tmp_path: Path) -> None:
    articles, log = read(tmp_path, "a.zip", zip_of({"a.txt": "A text."}, zipfile.ZIP_LZMA))

    assert articles == []
    assert problems(log) == ["a.zip/a.txt: is packed by a method that is not read (14): unpack the archive"]
    assert texts(read(tmp_path, "b.zip", zip_of({"a.txt": "A."}, zipfile.ZIP_BZIP2))[0]) == {"b.zip/a.txt": "A."}


# --- limits


def test_what_stands_for_far_more_than_its_size_is_not_read(tmp_path: Path) -> None:
    zeros = b"\n" * (3 << 20)
    for suffix, pack in PACKED.items():
        articles, log = read(tmp_path, f"a.jsonl{suffix}", pack(zeros))
        assert articles == []
        assert problems(log) == [f"a.jsonl{suffix}: cannot be read ({DENSE})"]
    articles, log = read(tmp_path, "a.zip", zip_of({"a.jsonl": zeros, "b.txt": "B."}))
    assert texts(articles) == {"a.zip/b.txt": "B."}
    assert problems(log) == [f"a.zip/a.jsonl: {DENSE}"]


def test_a_zip_member_is_read_no_further_than_it_says(tmp_path: Path) -> None:
    packed = bytearray(zip_of({"a.jsonl": b"\n" * (3 << 20), "b.txt": "B."}))
    entry = packed.index(b"PK\1\2")
    packed[entry + 24 : entry + 28] = struct.pack("<I", 1000)

    articles, log = read(tmp_path, "a.zip", bytes(packed))

    assert texts(articles) == {"a.zip/b.txt": "B."}
    assert [problem.place for problem in log.problems] == ["a.zip/a.jsonl"]


def test_all_that_is_unpacked_of_a_file_is_bounded_by_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_budget, "FREE", 1000)
    monkeypatch.setattr(_budget, "RATIO", 2)
    line = b'{"text": "The same again and again."}\n'
    packed = zip_of([(f"{number}.jsonl", line * 1000) for number in range(10)])

    articles, log = read(tmp_path, "a.zip", packed)

    assert len(articles) < 2000
    assert problems(log) == [
        "a.zip/0.jsonl: cannot be read (more is packed in it than 2 times its size: not read from here on)"
    ]


def test_what_is_not_packed_is_not_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_budget, "FREE", 1000)
    members = {f"{number}.txt": os.urandom(1000).hex() for number in range(20)}
    for name, packed in (("a.zip", zip_of(members)), ("a.tar", tar_of(members)), ("a.tar.gz", tar_of(members, "gz"))):
        articles, log = read(tmp_path, name, packed)
        assert (len(articles), log.problems) == (20, [])


def test_the_number_of_members_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_budget, "MOST_MEMBERS", 5)
    members = {f"{number}.txt": f"Text {number}." for number in range(9)}
    for name in ("a.zip", "a.tar"):
        articles, log = read(tmp_path, name, zip_of(members) if name == "a.zip" else tar_of(members))
        assert len(articles) == 5
        assert "has more than 5 members: not read from here on, split it" in problems(log)[0]


def test_the_list_of_a_zip_archive_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_MOST_DIRECTORY", 100)
    articles, log = read(tmp_path, "a.zip", zip_of(NEWS))

    assert articles == []
    assert "its list of members is too long: split it" in problems(log)[0]


def test_a_sparse_member_is_not_read(tmp_path: Path) -> None:
    head = tarfile.TarInfo("hole.txt")
    head.size = 1 << 40
    head.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(head.tobuf(tarfile.GNU_FORMAT))
    block[386:410] = b"%011o\0%011o\0" % (0, 0)
    block[483:495] = b"%011o\0" % (1 << 32)
    block[124:136] = b"%011o\0" % 0
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)

    articles, log = read(tmp_path, "a.tar", bytes(block) + tar_of({"b.txt": "B."}))

    assert texts(articles) == {"a.tar/b.txt": "B."}
    assert problems(log) == ["a.tar/hole.txt: is not read: it is a sparse file, most of which is not there"]


def test_a_name_of_a_tar_member_is_bounded(tmp_path: Path) -> None:
    head = tarfile.TarInfo("././@LongLink")
    head.size, head.type = 1 << 33, tarfile.GNUTYPE_LONGNAME

    articles, log = read(tmp_path, "a.tar", head.tobuf(tarfile.GNU_FORMAT) + b"a" * 100_000)

    assert articles == []
    assert problems(log) == ["a.tar: is damaged: a member's name has no end"]


# --- in an index


@every_archive
def test_an_archive_that_is_the_same_is_not_read_again(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / name).write_bytes(ARCHIVES[name](NEWS))
    report = build_index(tmp_path / "news", tmp_path / "index", embedder=WordEmbedder())
    assert (report.articles, report.problems) == (4, ())

    def fail(*_: object) -> None:
        raise AssertionError("is read again")

    monkeypatch.setattr(archives, "Members", fail)
    assert build_index(tmp_path / "news", tmp_path / "index", embedder=WordEmbedder()).unchanged


def test_columns_are_named_for_members_too(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of({"a.jsonl": '{"prose": "The text."}'}))

    assert [a.text for a in read_articles(tmp_path / "a.zip", fields=FieldNames(text="prose"))] == ["The text."]


def test_a_stream_without_a_peek_is_unpacked() -> None:
    log = ReadingLog()
    stream = io.BytesIO(tar_of(NEWS, "gz"))

    assert len(list(archives.read_tar(stream, Origin("a.tgz", "a.tgz"), log))) == 4
