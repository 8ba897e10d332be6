"""Indexes as somebody might make them who means harm: every checksum is right, and what is in the files is not."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import random
import sqlite3
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semsearch.storage._texts import pack_text
from tests.index_files import files_of, forge, forge_checksums, live

__all__ = ["CRAFTS", "craft"]

_NUMBERS = [
    *(-(2**63), -(2**31), -1, 0, 1, 2, 3, 7, 64, 255, 1000, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1),
    *(2**64 - 1, 2**64, 10**30, 10**300),
]
_VALUES: list[Any] = [
    *_NUMBERS,
    *(None, True, False, 0.5, -1.0, 1e300, "", "x", "\x00", "\ud800", "é" * 300, "../../etc/passwd", "/dev/zero"),
    *([], {}, [[]], {"": None}, ["x"] * 50, {"x": {"x": {}}}),
]
_NAMES = [
    *("../CURRENT", "/etc/passwd", "a/../../CURRENT", "lexical\\..\\x", "articles.sqlite\x00", "nul", "con", "aux.npy"),
    *("c:x", ".", "..", "", "lexical/", "/", "a//b", "x" * 300, "tokens/" + "x" * 300 + ".u8", "tokens/a/b.u8", "é"),
    *("tokens/.u8", "manifest.json", "lexical/articles", "tokens/zzz", "lexical/articles/meta.json/x", "\ud800", " "),
]

Craft = Callable[[Path, random.Random], None]
"""Changes files of the generation in a folder."""


def some_bytes(content: bytes, chance: random.Random) -> bytes:
    """Return other bytes: some of them changed, or nothing that has to do with them."""
    how = chance.randrange(4)
    if how == 0:
        return chance.randbytes(len(content))
    if how == 1:
        return chance.randbytes(chance.choice((0, 1, 3, 8, 16, 100, 4096)))
    changed = bytearray(content)
    for _ in range(chance.randint(1, 30) if content else 0):
        changed[chance.randrange(len(changed))] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
    return bytes(changed[: chance.randrange(len(changed) + 1)]) if how == 2 else bytes(changed)


# --- arrays -----------------------------------------------------------------------------------------------------------

_ARRAYS = ("passages.npy", "keys.npy", "embeddings.npy", "checks.npy", "token_rotation.npy", "token_spans.npy")
_WHAT_WAS = "{'descr': '<f2', 'fortran_order': False, 'shape': (95, 64), }"


def _header(folder: Path, chance: random.Random) -> None:
    """Let a header claim something else than what follows."""
    path = folder / chance.choice(_ARRAYS)
    content = path.read_bytes()
    start = 10 + int.from_bytes(content[8:10], "little")
    was = content[10:start].decode()
    huge = chance.choice(_NUMBERS)
    headers = [
        f"{{'descr': '{np.load(path, mmap_mode='r').dtype.str}', 'fortran_order': False, 'shape': ({a}, {b}), }}"
        for a, b in ((huge, 64), (huge, huge), (huge, 0), (0, huge), (-1, -1), (10**12, 10**3), (10**17, 10**8), (0, 4))
    ]
    headers += [was.replace("False", "True"), was.replace("<", ">"), was.replace("{", "{'x': __import__('os'), ")]
    headers += [was.replace("'<", "'|O"), was.replace("<f2", "<U9").replace("<u4", "<f8"), was.replace(")", ", 1)")]
    header = chance.choice(headers).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    size = chance.choice((len(header), len(header), len(header), 65535, 0, chance.randrange(65536)))
    beginning = chance.choice((content[:8], content[:8], content[:8], b"\x93NUMPY\x02\x00", b"PK\x03\x04aaaa"))
    body = chance.choice((content[start:], b"", content[start:] * 2))
    path.write_bytes(beginning + struct.pack("<H", size) + header + body)


def _of_kind(values: NDArray[Any], chance: random.Random) -> Any:
    if values.dtype.kind == "f":
        return chance.choice((np.nan, np.inf, -np.inf, 0.0, -0.0, 1e4, -1e4, 1e-7))
    information = np.iinfo(values.dtype)
    several = (information.min, information.max, information.max // 2, 0, 1, 2, 100, len(values), len(values) - 1)
    return chance.choice(several)


def _values(folder: Path, chance: random.Random) -> None:
    """Put other values into an array, of which every row has its right checksum."""
    path = folder / chance.choice(_ARRAYS)
    values = np.load(path)
    how = chance.randrange(5)
    if how == 0:
        values[:] = _of_kind(values, chance)
    elif how == 1:
        values[:, chance.randrange(values.shape[1])] = _of_kind(values, chance)
    elif how == 2:
        values = values[:: chance.choice((-1, 2, 3))] if chance.random() < 0.5 else np.concatenate([values, values])
    else:
        for _ in range(chance.choice((1, 1, 3, 30))):
            values[chance.randrange(len(values)), chance.randrange(values.shape[1])] = _of_kind(values, chance)
    np.save(path, values)
    vouch_for_rows(folder)


def vouch_for_rows(folder: Path) -> None:
    """Write the checksums of rows as they are now, so far as there are such rows."""
    checks = np.load(folder / "checks.npy")
    embeddings, spans = np.load(folder / "embeddings.npy"), np.load(folder / "token_spans.npy")
    segments = [path.read_bytes() for path in sorted((folder / "tokens").iterdir())]
    for row in range(min(len(checks), len(embeddings))):
        checks[row, 0] = zlib.crc32(np.ascontiguousarray(embeddings[row]).data)
    for row in range(min(len(checks), len(spans))):
        segment, start, count = spans[row].tolist()
        if 0 <= segment < len(segments) and start >= 0 and count > 0:
            checks[row, 1] = zlib.crc32(segments[segment][16 * start : 16 * (start + count)])
    np.save(folder / "checks.npy", checks)


def _codes(folder: Path, chance: random.Random) -> None:
    path = folder / "dense.codes"
    content = path.read_bytes()
    kinds = (np.nan, np.inf, 3e38, 0.0)
    centroids = np.full(16 * 64, chance.choice(kinds), dtype=np.float32).tobytes()
    path.write_bytes(chance.choice((some_bytes(content, chance), centroids + content[len(centroids) :])))


def _other_dimension(folder: Path, chance: random.Random) -> None:
    """Let all vectors have another length than the embedder's."""
    dimension = chance.choice((0, 1, 2, 4, 60, 128))
    embeddings = np.load(folder / "embeddings.npy")
    np.save(folder / "embeddings.npy", np.resize(embeddings, (len(embeddings), dimension)))
    np.save(folder / "token_rotation.npy", np.eye(dimension, dtype=np.float32))
    vouch_for_rows(folder)
    fields = json.loads((folder / "manifest.json").read_bytes())
    fields["embedder"]["dimension"] = dimension
    fields["dense_spec"] = chance.choice(("Flat", fields["dense_spec"]))
    _write_manifest(folder, json.dumps(fields).encode())


def _segments(folder: Path, chance: random.Random) -> None:
    path = chance.choice(sorted((folder / "tokens").iterdir()))
    how = chance.randrange(4)
    if how == 0:
        path.unlink()
    elif how == 1:
        (folder / "tokens" / chance.choice(("0.u8", "zz.u8"))).write_bytes(chance.randbytes(chance.choice((0, 16, 17))))
    else:
        path.write_bytes(some_bytes(path.read_bytes(), chance))
        vouch_for_rows(folder)


def _spans_of_all(folder: Path, chance: random.Random) -> None:
    """Let every passage have the tokens of all: much comes of little."""
    path = chance.choice(sorted((folder / "tokens").iterdir()))
    path.write_bytes(chance.randbytes(1 << 22))
    count = chance.choice(((1 << 22) // 16, (1 << 16) + 1, 1 << 11))
    number = sorted((folder / "tokens").iterdir()).index(path)
    spans = np.load(folder / "token_spans.npy")
    spans[:] = (number, 0, count)
    np.save(folder / "token_spans.npy", spans)
    checks = np.load(folder / "checks.npy")
    checks[:, 1] = zlib.crc32(path.read_bytes()[: 16 * count])
    np.save(folder / "checks.npy", checks)


# --- the manifest -----------------------------------------------------------------------------------------------------


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where there are values in JSON: the keys that lead there."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in _places(each, (*path, key)))]


def _changed_json(value: Any, chance: random.Random) -> Any:
    """Return JSON with another value in one place, or without it, or with one more."""
    place = chance.choice(_places(value))
    if not place:
        return chance.choice(_VALUES)
    parent = functools.reduce(lambda inner, key: inner[key], place[:-1], value)
    how = chance.randrange(4)
    if how == 0:
        del parent[place[-1]]
    elif how == 1 and isinstance(parent, dict):
        parent[chance.choice(("x", "", *_NAMES))] = parent.pop(place[-1])
    else:
        parent[place[-1]] = chance.choice(_VALUES)
    return value


def _manifest(folder: Path, chance: random.Random) -> None:
    """Change one value of the manifest, which CURRENT vouches for."""
    fields = json.loads((folder / "manifest.json").read_bytes())
    if chance.random() < 0.5:  # else most changes were to the records of files
        name = chance.choice(sorted(set(fields) - {"files"}))
        fields[name] = _changed_json([fields[name]], chance)
        fields[name] = fields[name][0] if isinstance(fields[name], list) and fields[name] else fields[name]
    else:
        fields = _changed_json(fields, chance)
    _write_manifest(folder, json.dumps(fields).encode())


def _manifest_text(folder: Path, chance: random.Random) -> None:
    """Write a manifest that is no JSON, or none that anybody wrote."""
    was = (folder / "manifest.json").read_bytes()
    texts = [
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        was.replace(b'"format": 1', b'"format": ' + chance.choice((b"NaN", b"-Infinity", b"1e999", b"9" * 5000))),
        was.replace(b'"format": 1', b'"format": ' + b"9" * 4000),
        was.replace(b'"dimension": 64', b'"dimension": ' + b"9" * chance.choice((5, 20, 4000))),
        was.replace(b'"passages": ', b'"passages": ' + b"9" * chance.choice((3, 20, 4000))),
        was + b" " * (20 << 20),
        b"",
        b"\xff\xfe" + was.decode().encode("utf-16-le"),
        b"\xef\xbb\xbf" + was,
        some_bytes(was, chance),
    ]
    _write_manifest(folder, chance.choice(texts))


def _file_names(folder: Path, chance: random.Random) -> None:
    """Let the manifest name files where none of its own are."""
    fields = json.loads((folder / "manifest.json").read_bytes())
    record = {"bytes": chance.choice((0, 5, 2**40)), "sha256": hashlib.sha256(b"").hexdigest(), "crc32": 0}
    fields["files"][chance.choice(_NAMES)] = record
    if chance.random() < 0.3:
        fields["files"].pop(chance.choice(sorted(fields["files"])))
    _write_manifest(folder, json.dumps(fields).encode())


def _write_manifest(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    current = f"{folder.name} {hashlib.sha256(content).hexdigest()}\n"
    (folder.parent.parent / "CURRENT").write_text(current)


def _current(folder: Path, chance: random.Random) -> None:
    path = folder.parent.parent / "CURRENT"
    line = path.read_text()
    generation = chance.choice((folder.name, "../" + folder.name, "/etc", "\x00", "20220107T120000-000000", "."))
    texts = [generation + line[len(folder.name) :], line * 100_000, line.replace("\n", "\n\n"), some_text(line, chance)]
    path.write_bytes(chance.choice(texts).encode("utf-8", "surrogatepass"))


def some_text(text: str, chance: random.Random) -> str:
    return some_bytes(text.encode(), chance).decode("latin-1")


# --- words ------------------------------------------------------------------------------------------------------------


def _unit(folder: Path, chance: random.Random) -> Path:
    return folder / "lexical" / chance.choice(("articles", "passages"))


def _documents(folder: Path, chance: random.Random) -> None:
    """Let documents have rows that there are not, or that others have."""
    path = _unit(folder, chance) / "documents.i4"
    numbers = np.fromfile(path, dtype="<i4")
    how = chance.randrange(5)
    if how == 0:
        numbers = numbers[: chance.randrange(len(numbers) + 1)]
    elif how == 1:
        chance.shuffle(rows := numbers[2::2].tolist())
        numbers[2::2] = rows
    elif how == 2:
        has_row = numbers[2::2] >= 0
        numbers[2::2][has_row] = numbers[2::2][has_row] * chance.choice((0, 1, 1000)) + chance.choice((1, 1000, 10**6))
    else:
        for _ in range(chance.choice((1, 2, 50))):
            numbers[chance.randrange(len(numbers))] = chance.choice((-(2**31), -2, -1, 0, 1, 5, 1000, 2**31 - 1))
    numbers.tofile(path)


def _removed(folder: Path, chance: random.Random) -> None:
    path = _unit(folder, chance) / chance.choice(("removed.u8", "removed-since.u8"))
    pairs = np.fromfile(path, dtype="<u8").reshape(-1, 2)
    how = chance.randrange(4)
    if how == 0:
        pairs[:, 1] = chance.choice((2**64 - 1, 2**63, 1000, 0))
    elif how == 1:
        pairs = np.concatenate([pairs[::-1], pairs])
    elif how == 2:
        path.write_bytes(some_bytes(path.read_bytes(), chance))
        return
    else:  # what the queries are made of
        words = ("envoy", "harbour", "harbor", "sign", "treati", "guard", "bridg", "soldier", "airport")
        hashes = [int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little") for word in words]
        count = chance.choice((1, 50, 10**6, 2**63, 2**64 - 1))
        pairs = np.array(sorted([each, count] for each in hashes), dtype=np.uint64)
    pairs.tofile(path)


def _meta(folder: Path, chance: random.Random) -> None:
    """Change what the engine is told about its index."""
    path = _unit(folder, chance) / "meta.json"
    how = chance.randrange(10)
    if how == 0:
        path.write_bytes(chance.choice((b"[" * 100_000, b"", b"{}", b"NaN", b'{"segments": 5}', b'{"segments": [{}]}')))
    elif how == 1:
        path.write_bytes(some_bytes(path.read_bytes(), chance))
    else:
        path.write_text(json.dumps(_changed_json(json.loads(path.read_bytes()), chance)))


def _managed(folder: Path, chance: random.Random) -> None:
    path = _unit(folder, chance) / ".managed.json"
    texts = [b"", b"[]", b"{}", b"[" * 100_000, json.dumps(["../../../../CURRENT", "/etc/passwd"]).encode()]
    path.write_bytes(chance.choice((*texts, some_bytes(path.read_bytes(), chance))))


def _postings(folder: Path, chance: random.Random) -> None:
    """Change little of what the engine reads first."""
    path = chance.choice(sorted(_unit(folder, chance).glob(chance.choice(("*.idx", "*.idx", "*.term", "*.fast")))))
    content = bytearray(path.read_bytes())
    for _ in range(chance.choice((1, 5, 40))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def _engine(folder: Path, chance: random.Random) -> None:
    """Change the engine's own files."""
    suffixes = (".fast", ".fieldnorm", ".idx", ".pos", ".store", ".term")
    files = sorted(path for path in _unit(folder, chance).iterdir() if path.suffix in suffixes)
    path = chance.choice(files)
    if chance.random() < 0.2:
        content = chance.choice([other for other in files if other.suffix == path.suffix]).read_bytes()
    else:
        content = some_bytes(path.read_bytes(), chance)
    path.write_bytes(content)


# --- articles ---------------------------------------------------------------------------------------------------------


def _text(chance: random.Random) -> bytes:
    """Return what is no stored text, or none that anybody wrote."""
    stored = pack_text("The envoys signed the treaty of the harbour. " * chance.choice((1, 100)))
    bomb = zlib.compress(bytes(1 << 26))
    numbers = [chance.choice((0, 1, 4, 8, 2**31, 2**32 - 1, len(stored))) for _ in range(4)]
    return chance.choice((
        some_bytes(stored, chance),
        struct.pack("<4I", *numbers) + stored[16:],
        struct.pack("<I", 2**32 - 1) + stored[4:],
        struct.pack("<2I", 5, 8 + len(bomb)) + bomb,
        struct.pack("<2I", 2048, 8 + len(bomb)) + bomb,
        b"",
        pack_text(""),
        pack_text("\x00\ufffe"),
        pack_text(chance.choice((" ", "\n\n\n", "x" * 100_000, "\U0001f5fa" * 5000))),
    ))  # fmt: skip


_Statement = tuple[str, tuple[Any, ...]]


def _texts(folder: Path, chance: random.Random) -> None:
    where = chance.choice(("", f"WHERE row = {chance.randrange(90)}"))
    _run(folder, [(f"UPDATE articles SET text = ? {where}", (_text(chance),))])  # noqa: S608


_COLUMNS = "row, id, title, published, source, url, metadata, place, digest, tokens, truncated, text"


def _cells(folder: Path, chance: random.Random) -> None:
    """Put other values into columns."""
    values: list[Any] = [
        None,
        "",
        "x",
        "\x00",
        b"",
        b"\xff",
        -1,
        2**62,
        -(2**63),
        1.5,
        9e999,
        "2024-99-99",
        "x" * 10**6,
    ]
    values += ['{"a": ' * 5000 + "1" + "}" * 5000, "[1]", "NaN", '{"n": 1e999}', "{", '{"n": "\\ud800"}', "9" * 5000]
    column = chance.choice(_COLUMNS.split(", "))
    statements: list[_Statement] = []
    for _ in range(chance.choice((1, 1, 5))):
        where = chance.choice(("", f"WHERE row = {chance.randrange(90)}"))
        statements.append((f"UPDATE OR IGNORE articles SET {column} = ? {where}", (chance.choice(values),)))  # noqa: S608
    invalid: _Statement = ("UPDATE articles SET title = CAST(x'ff80' AS TEXT)", ())
    _run(folder, chance.choice((statements, statements, statements, [invalid])))


_ENDLESS = "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n)"
_INSTEAD = [  # of a column
    *(_ENDLESS, "zeroblob(1 << 30)", "printf('%.*c', 900000000, 'x')", "load_extension('x')", "semsearch_fold(id)"),
    *("randomblob(900000000)", "fts3_tokenizer('simple')", "readfile('/etc/passwd')", "id"),
]


def _schemas(folder: Path, chance: random.Random) -> None:
    """Give the database another schema: what is asked of a table is asked of a view then, or of something else."""
    write = "PRAGMA writable_schema = ON; UPDATE sqlite_master SET"
    column = chance.choice(("row", "id", "title", "text", "metadata"))
    view = _COLUMNS.replace(column, f"{chance.choice(_INSTEAD)} AS {column}")
    instead = "ALTER TABLE articles RENAME TO old; CREATE VIEW articles AS SELECT "
    schemas = [
        *[[instead + view + " FROM old"]] * 8,
        [instead + _COLUMNS.replace("text", "a.text").replace(" row", " a.row") + " FROM old AS a, old AS b, old AS c"],
        ["DROP TABLE articles"],
        ["DROP TABLE files"],
        ["DROP INDEX articles_filtered"],
        ["CREATE TABLE people (name)"],
        ["CREATE TRIGGER spoil AFTER INSERT ON articles BEGIN DELETE FROM files; END"],
        ["ALTER TABLE articles ADD COLUMN more TEXT DEFAULT 'x'"],
        ["ALTER TABLE articles ADD COLUMN more TEXT GENERATED ALWAYS AS (printf('%.*c', 900000000, 'x')) VIRTUAL"],
        ["ALTER TABLE articles DROP COLUMN place"],
        ["CREATE INDEX folded ON articles (printf('%s', id))"],
        ["CREATE VIRTUAL TABLE words USING fts5(text)"],
        ["ALTER TABLE articles RENAME TO old; CREATE VIRTUAL TABLE articles USING fts5(" + _COLUMNS + ")"],
        ["ALTER TABLE articles RENAME TO old; CREATE TABLE articles AS SELECT * FROM old"],
        [f"{write} sql = 'CREATE TABLE articles (x)' WHERE name = 'articles'"],
        [f"{write} sql = replace(sql, 'NOT NULL', 'DEFAULT 1') WHERE name = 'articles'"],
        [f"{write} rootpage = 1"],
        [f"{write} rootpage = 99999"],
        [f"{write} sql = 'DROP TABLE x'"],
        ["PRAGMA journal_mode = WAL"],
        ["PRAGMA encoding = 'UTF-16'; VACUUM"],
        ["PRAGMA user_version = 7; PRAGMA application_id = 7"],
    ]  # fmt: skip
    with contextlib.closing(sqlite3.connect(folder / "articles.sqlite")) as connection:
        for statements in chance.choice(schemas):
            with contextlib.suppress(sqlite3.Error):  # what this SQLite does not have
                connection.executescript(statements)


def _rows_of_articles(folder: Path, chance: random.Random) -> None:
    """Give articles rows that there are not."""
    row = chance.choice((-1, -5, -(2**63), -(10**6), 1000, 2**31, 2**63 - 1))
    more = _COLUMNS.replace("row, id", "?, 'more'")
    statements: list[_Statement] = [
        ("UPDATE articles SET row = ? WHERE row = ?", (row, chance.randrange(80))),
        ("DELETE FROM articles WHERE row = ?", (chance.randrange(80),)),
        ("DELETE FROM articles", ()),
        ("UPDATE articles SET row = row - 1000 WHERE row < 20", ()),
        (f"INSERT INTO articles SELECT {more} FROM articles WHERE row = 1", (row,)),  # noqa: S608
        ("UPDATE files SET first = ?, articles = ?", (chance.choice((-1, 2**40, 5)), chance.choice((-1, 2**40)))),
    ]
    _run(folder, [chance.choice(statements)])


def _run(folder: Path, statements: list[_Statement]) -> None:
    with contextlib.closing(sqlite3.connect(folder / "articles.sqlite", isolation_level=None)) as connection:
        for statement, values in statements:
            with contextlib.suppress(sqlite3.Error, OverflowError):  # not NULL, and the like
                connection.execute(statement, values)


def _pages(folder: Path, chance: random.Random) -> None:
    path = folder / "articles.sqlite"
    content = path.read_bytes()
    if chance.random() < 0.5:  # the header, and the first page's
        path.write_bytes(some_bytes(content[:200], chance).ljust(200, b"\0")[:200] + content[200:])
    else:
        path.write_bytes(some_bytes(content, chance))


# --- what is no file --------------------------------------------------------------------------------------------------


def _no_file(folder: Path, chance: random.Random) -> None:
    """Put a pipe, a device or a folder where a file is; the manifest says that it is empty, as its size is."""
    name = chance.choice(files_of(folder))
    path = folder / name
    path.unlink()
    kind = chance.choice(("pipe", "device", "random", "folder", "loop"))
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"device": "/dev/zero", "random": "/dev/urandom", "loop": path.name}[kind])
    size = path.stat().st_size if kind != "loop" else 0
    record = {"bytes": size, "sha256": hashlib.sha256(b"").hexdigest(), "crc32": 0}
    forge(folder.parent.parent, lambda fields: fields["files"].update({name: record}))


CRAFTS: dict[str, tuple[Craft, bool]] = {
    "headers of arrays": (_header, True),
    "values of arrays": (_values, True),
    "codes": (_codes, True),
    "another dimension": (_other_dimension, True),
    "segments of tokens": (_segments, True),
    "tokens of all": (_spans_of_all, True),
    "values of the manifest": (_manifest, False),
    "another manifest": (_manifest_text, False),
    "names of files": (_file_names, False),
    "CURRENT": (_current, False),
    "documents": (_documents, True),
    "removed terms": (_removed, True),
    "the engine's meta.json": (_meta, True),
    "the engine's .managed.json": (_managed, True),
    "the engine's postings": (_postings, True),
    "the engine's files": (_engine, True),
    "texts": (_texts, True),
    "values of articles": (_cells, True),
    "rows of articles": (_rows_of_articles, True),
    "schemas": (_schemas, True),
    "pages of the database": (_pages, True),
    "what is no file": (_no_file, False),
}
"""What is crafted, and whether the manifest is then made to vouch for it."""


def craft(index: Path, kind: str, seed: int) -> None:
    """Change the live generation of ``index`` in one way; the same ``seed`` gives the same way."""
    change, vouched = CRAFTS[kind]
    change(live(index), random.Random(f"{kind} {seed}"))
    if vouched:
        forge_checksums(index)
