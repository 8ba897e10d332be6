"""Archives, messages, feeds and web archives that mean harm: ``python -m tests.torture.containers``, as hostile has it.

Each is small and stands for much, says what is not so, or leads elsewhere.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from semsearch.readers import _budget, _members, _packed, archives, mail
from semsearch.readers.mail import _mime
from tests.reading import tar_of, zip_of
from tests.torture import hostile
from tests.torture.figures import scaled

__all__ = ["CORPORA"]

M = 1 << 20
GOOD = "The good text of a member."


def _zeros(megabytes: int, unit: bytes = b"\0") -> bytes:
    """Return so much of one byte as gzip packs it, in a moment: the same 16 MiB over and over."""
    return gzip.compress(unit * (16 * M)) * max(1, megabytes // 16)


def _xz_of_much_memory() -> bytes:
    """Return an .xz file whose header asks for a dictionary of 4 GiB."""
    packed = bytearray(lzma.compress(b"The text." * 100, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": M}]))
    end = 12 + (packed[12] + 1) * 4 - 4
    packed[packed.index(b"\x21\x01", 12) + 2] = 40
    packed[end : end + 4] = struct.pack("<I", zlib.crc32(packed[12:end]))
    return bytes(packed)


def _nested(depth: int, width: int, inner: bytes) -> bytes:
    """Return a ZIP archive of so many ZIP archives, each of as many, and so on: like 42.zip."""
    for level in range(depth):
        inner = zip_of({f"{level}-{at}.zip": inner for at in range(width)})
    return inner


def _overlapping(count: int) -> bytes:
    """Return a ZIP archive with so many members in its list that are all the same few bytes."""
    data = b"\n" * (4 * M)
    content = zlib.compress(data)[2:-4]
    crc, head = zlib.crc32(data), b"a.jsonl"
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 8, 0, 0, crc, len(content), len(data), len(head), 0) + head
    entry = struct.pack(
        "<4sHHHHHHIIIHHHHHII",
        *(b"PK\1\2", 20, 20, 0, 8, 0, 0, crc, len(content), len(data), len(head), 0, 0, 0, 0, 0, 0),
    )
    body = local + content
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 65535, 65535, (len(entry) + len(head)) * count, len(body), 0)
    return body + (entry + head) * count + end


def _tar_head(name: str, size: int, kind: bytes, data: bytes = b"") -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT) + data + b"\0" * (-len(data) % 512)


def _tar_number(value: bytes) -> bytes:
    """Return a member whose size is written so."""
    block = bytearray(_tar_head("a.txt", 0, tarfile.REGTYPE))
    block[124:136] = value.ljust(12, b"\0")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + b"x" * 2000


def _sparse(name: str, size: int) -> bytes:
    block = bytearray(_tar_head(name, 0, tarfile.GNUTYPE_SPARSE))
    block[386:410] = b"%011o\0%011o\0" % (0, 0)
    block[483:495] = b"\x80" + size.to_bytes(11, "big")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _pax_sparse(fields: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("GNUSparseFile.0/a.txt")
        info.size = 1024
        info.pax_headers = {
            "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "a.txt",
            "GNU.sparse.realsize": str(1 << 40),
        }  # fmt: skip
        archive.addfile(info, io.BytesIO(fields.ljust(1024, b"1")))
    return made.getvalue()


def _mail(head: bytes, text: bytes = b"The text.") -> bytes:
    return b"From: a@example.org\nSubject: a\n" + head + b"\n" + text


def _parts(count: int) -> bytes:
    return _mail(b"Content-Type: multipart/mixed; boundary=b\n", b"--b\n\nText.\n" * count + b"--b--\n")


def _deep_parts(depth: int, text: bytes = b"The text.\n") -> bytes:
    heads = (b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (at, at) for at in range(depth))
    return b"Subject: a\n" + b"".join(heads) + b"\n" + text


def _messages_within(depth: int) -> bytes:
    return b"Subject: a\nContent-Type: message/rfc822\n\n" * depth + b"Subject: a\n\nThe text."


def _warc(body: bytes, length: object = None, head: bytes = b"", kind: bytes = b"text/plain") -> bytes:
    block = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n%b\r\n%b" % (kind, head, body)
    said = str(len(block) if length is None else length).encode()
    return (
        b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: https://example.org/a\r\n"
        b"WARC-Date: 2022-01-07T00:00:00Z\r\nContent-Type: application/http; msgtype=response\r\n"
        b"Content-Length: %b\r\n\r\n%b\r\n\r\n" % (said, block)
    )


GOOD_WARC = _warc(b"The good text of a page.")
MESSAGE_LINE = b"From a@example.org Fri Jan  7 10:00:00 2022\n"
FEED = "<rss><channel><title>A</title>{}</channel></rss>"


def _entities(outside: Path) -> dict[str, str]:
    laughs = "".join(f'<!ENTITY l{at} "{f"&l{at - 1};" * 10}">' for at in range(1, 10))
    item = "<item><title>A &l9; &x;</title><guid a='&l9;'>1</guid><description>The &x; text &l9;.</description></item>"
    plain, atom = "<item><title>A</title></item>", "http://www.w3.org/2005/Atom"
    secret = f"file://{outside}/secret.txt"
    often = f"<item><title>{'&l9;' * 100_000}</title></item>"
    files = f'SYSTEM "{secret}" [<!ENTITY x SYSTEM "{secret}"><!ENTITY % p SYSTEM "{secret}"> %p;]'
    include = f'<x:include xmlns:x="http://www.w3.org/2001/XInclude" parse="text" href="{secret}"/>'
    markup = f'&lt;iframe src="{secret}"&gt;&lt;img src="{secret}"&gt;&lt;link rel=import href="{secret}"&gt;Text.'
    return {
        "laughs.rss": f'<!DOCTYPE rss [<!ENTITY l0 "ha">{laughs}]>{FEED.format(item)}',
        "quadratic.rss": f'<!DOCTYPE rss [<!ENTITY l9 "{"a" * 100_000}">]>{FEED.format(often)}',
        "external.rss": f"<!DOCTYPE rss {files}>{FEED.format(item)}",
        "included.rss": FEED.format(f"<item><title>A</title>{include}</item>"),
        "styled.rss": f'<?xml-stylesheet type="text/xsl" href="{secret}"?>{FEED.format(plain)}',
        "html.atom": f'<feed xmlns="{atom}"><entry><content type="html">{markup}</content></entry></feed>',
    }


def _feeds() -> dict[str, str]:
    attributes = " ".join(f"a{at}='x'" for at in range(100_000))
    spaces = "".join(f"<a:b xmlns:a='u{at}'/>" for at in range(50_000))
    return {
        "deep.rss": "<rss><channel><item>" + "<a>" * 200_000,
        "items.rss": "<rss><channel>" + "<item>" * 200_000,
        "attributes.rss": f"<rss {attributes}><channel><item/></channel></rss>",
        "attribute.rss": f"<rss a='{'x' * 20 * M}'/>",
        "names.rss": FEED.format("<item>" + "".join(f"<n{at}/>" for at in range(100_000)) + "<title>A</title></item>"),
        "namespaces.rss": FEED.format(f"<item>{spaces}</item>"),
        "markup.rss": FEED.format(f"<item><title>A</title><description>{'&lt;div&gt;' * 300_000}</description></item>"),
        "amps.rss": FEED.format(f"<item><title>{'&' * M}</title></item>"),
        "references.rss": FEED.format(f"<item><title>{'&#38;amp;' * 100_000}</title></item>"),
        "text.rss": FEED.format(f"<item><title>{'x' * 12 * M}</title></item>"),
    }  # fmt: skip


def _names(outside: Path) -> dict[str, bytes]:
    names = [
        f"{outside}/secret.txt", "../" * 20 + "etc/passwd.txt", "..\\..\\secret.txt", "C:\\secret.txt",
        "\\\\host\\a.txt", "a\nb.txt",
        "\x1b[31m.txt", "a:b.txt", "con.txt", " .txt", "..txt", ". ./a.txt", "\u202etxt.exe.txt",
        "d/" * 400 + "a.txt",
    ]  # fmt: skip
    members = [(name, f"Text {at}.") for at, name in enumerate(names)]
    return {"a.zip": zip_of(members), "a.tar": tar_of(members), "same.zip": zip_of([("a.txt", "Again.")] * 2000)}


FILES: dict[str, Callable[[Path], dict[str, bytes] | dict[str, str]]] = {
    "gzip bombs": lambda _: {
        name: _zeros(scaled(1_000, 10_000), b"\n" if "json" in name else b"\0")
        for name in ("a.txt.gz", "a.jsonl.gz", "a.md.gz", "a.tar.gz", "a.warc.gz", "a.eml.gz", "a.mbox.gz", "a.xml.gz")
    },
    "bzip2 and xz bombs": lambda _: {
        "a.jsonl.bz2": bz2.compress(b"\n" * (64 * M)) * 20,
        "a.tar.bz2": bz2.compress(b"\0" * (64 * M)) * 20,
        "a.jsonl.xz": lzma.compress(b"\n" * (64 * M), preset=0) * 20,
        "memory.txt.xz": _xz_of_much_memory(),
    },
    "ZIP bombs": lambda _: {
        "a.zip": zip_of({"a.txt": b"\0" * (64 * M), "a.jsonl": b"\n" * (64 * M), "good.txt": GOOD}),
        "bzip2.zip": zip_of({"a.jsonl": b"\n" * (64 * M)}, zipfile.ZIP_BZIP2),
        "lzma.zip": zip_of({"a.jsonl": b"\n" * (16 * M)}, zipfile.ZIP_LZMA),
        "overlapping.zip": _overlapping(scaled(2_000, 60_000)),
        "nested.zip": _nested(10, 1, zip_of({"good.txt": GOOD})),
        "wide.zip": _nested(5, scaled(6, 16), zip_of({"a.jsonl": b"\n" * (16 * M)})),
        "many.zip": zip_of({f"{at}.exe": b"" for at in range(scaled(20_000, 200_000))} | {"good.txt": GOOD.encode()}),
    },
    "tar archives": lambda _: {
        "sparse.tar": _sparse("a.txt", 1 << 40) + tar_of({"good.txt": GOOD}),
        "sparse.jsonl.tar": _sparse("a.jsonl", 1 << 60) + tar_of({"good.txt": GOOD}),
        "pax-sparse.tar": _pax_sparse(b"99999999999\n"),
        "pax-sparse-2.tar": _pax_sparse(b"-1\n0\n"),
        "large.tar": _tar_number(b"\x80" + (1 << 80).to_bytes(11, "big")),
        "negative.tar": _tar_number(b"\xff" * 12),
        "letters.tar": _tar_number(b"zzzzzzz"),
        "name.tar": _tar_head("././@LongLink", 1 << 33, tarfile.GNUTYPE_LONGNAME, b"a" * M),
        "names.tar": _tar_head("././@LongLink", 5, tarfile.GNUTYPE_LONGNAME, b"a.txt") * 5_000,
        "pax.tar": _tar_head("a", 1 << 33, tarfile.XHDTYPE, b"30 path=" + b"a" * M),
        "pax-length.tar": _tar_head("a", 40, tarfile.XHDTYPE, b"0 path=a\n" * 4) + tar_of({"good.txt": GOOD}),
        "pax-number.tar": _tar_head("a", 40, tarfile.XHDTYPE, b"9" * 40) + tar_of({"good.txt": GOOD}),
        "pax-size.tar": _tar_head("a", 24, tarfile.XHDTYPE, b"24 size=-99999999999999\n") + tar_of({"a.txt": GOOD}),
        "many.tar": _tar_head("a.exe", 0, tarfile.REGTYPE) * scaled(20_000, 200_000) + tar_of({"good.txt": GOOD}),
        "nested.tar": tar_of(
            {"a.tar": tar_of({"a.tar": tar_of({"a.tar": tar_of({"a.tar": tar_of({"a.txt": GOOD})})})})}
        ),
    },
    "messages": lambda _: {
        "parts.eml": _parts(100_000),
        "deep.eml": _deep_parts(5_000),
        "deep-and-long.eml": _deep_parts(90, b"--b\n" * scaled(M // 5, 10 * M)),
        "within.eml": _messages_within(3_000),
        "within-90.eml": _messages_within(90),
        "headers.eml": b"Subject: a\n" + b"X: =?utf-8?q?a?=\n y\n" * scaled(50_000, 500_000) + b"\nText.",
        "subject.eml": b"Subject: " + b"=?a?q?" * 500_000 + b"\n\nText.",
        "from.eml": b"From: " + b"(" * 500_000 + b"\n\nText.",
        "addresses.eml": b"To: " + b"a@b.c, " * 500_000 + b"\nSubject: a\n\nText.",
        "type.eml": _mail(b"Content-Type: " + b"text/plain; a=b; " * 100_000 + b"\n"),
        "parameters.eml": _mail(
            b"Content-Type: text/plain" + b"".join(b"; a*%d*=b" % at for at in range(20_000)) + b"\n"
        ),
        "boundary.eml": _mail(b'Content-Type: multipart/mixed; boundary="' + b"a" * M + b'"\n', b"--" + b"a" * M),
        "charset.eml": _mail(b"Content-Type: text/plain; charset=punycode\n", b"a" * M + b"-" + b"z" * M),
        "zip.eml": _mail(b"Content-Type: text/plain; charset=zip\n", zlib.compress(b"\0" * M)),
        "encoding.eml": _mail(b"Content-Transfer-Encoding: x-uuencode\n", b"begin 666 a\n" + b"M" * M),
        "base64.eml": _mail(b"Content-Transfer-Encoding: base64\n", b"=" * M),
        "quoted.eml": _mail(b"", b"> a\n\n" * 200_000),
        "wrote.eml": _mail(b"", b"On a\nb wrote:\n" * 100_000),
        "attributions.eml": _mail(b"", (b"x " * 100 + b"wrote:\n> a\n") * 10_000),
        "from-lines.eml": _mail(b"", b"From: a\n" * 200_000),
        "html.eml": _mail(b"Content-Type: text/html\n", b"<blockquote type=cite>" * 100_000),
        "tables.eml": _mail(b"Content-Type: text/html\n", b"<table><tr><td>" * 100_000 + b"The text."),
        "flowed.eml": _mail(b"Content-Type: text/plain; format=flowed\n", b"a \n" * 300_000),
        "long.emlx": b"99999999\nSubject: a\n\nText.",
        "zipped.eml": _mail(
            b"Content-Type: multipart/mixed; boundary=b\n",
            b"--b\nContent-Type: application/zip\nContent-Disposition: attachment; filename=a.zip\n"
            b"Content-Transfer-Encoding: 8bit\n\n" + zip_of({"a.txt": b"\0" * (64 * M)}) + b"\n--b--\n",
        ),
    },
    "mailboxes": lambda _: {
        "from.mbox": MESSAGE_LINE * 100_000,
        "begins.mbox": b"From " * M,
        "blank.mbox": MESSAGE_LINE + b"Subject: a\n\n" + b"\n" * scaled(2 * M, 50 * M),
        "escaped.mbox": MESSAGE_LINE + b"Subject: a\n\n" + b">" * M + b"From \n",
    },
    "entities": _entities,
    "feeds": lambda _: _feeds(),
    "web archives": lambda _: {
        **{
            f"length-{at}.warc": GOOD_WARC + _warc(b"The text.", length) + GOOD_WARC
            for at, length in enumerate([0, 5, 10**6, 10**18, -1, "9" * 5000, "1e9", "", "\u0661"])
        },
        "packed.warc": b"".join(
            _warc(body, head=b"Content-Encoding: %b\r\n" % packing)
            for packing, body in (
                (b"gzip", _zeros(scaled(500, 5_000))),
                (b"gzip, gzip, gzip", gzip.compress(gzip.compress(_zeros(500)))),
                (b", ".join([b"gzip"] * 500), gzip.compress(b"a")),
                (b"deflate", zlib.compress(b"\0" * (64 * M))),
                (b"br", b"\xcb\xff\xff\x3f\xf8\x25\x14\xe2\xb1\x40\x20\xf7\xfe\x6f"),
            )
        )
        + GOOD_WARC,
        "chunks.warc": b"".join(
            _warc(body, head=b"Transfer-Encoding: chunked\r\n")
            for body in (b"ffffffff\r\na", b"1\r\na\r\n" * 100_000, b"0" * M, b"8;" + b"x" * M, b"\r\n" * M)
        )
        + GOOD_WARC,
        "heads.warc": b"WARC/1.0\r\n" * 50_000 + b"WARC/1.0\r\n" + b"a: b\r\n" * 50_000 + GOOD_WARC,
        "line.warc": b"WARC/1.0\r\n" + b"a" * (20 * M) + b"\r\n\r\n" + GOOD_WARC,
        "blank.warc": b"\r\n" * (10 * M) + GOOD_WARC,
        "charset.warc": _warc(b"a" * M + b"-z", kind=b"text/plain; charset=punycode") + GOOD_WARC,
        "magic.warc.gz": gzip.compress(GOOD_WARC) + b"\x1f\x8b\x08" * 100_000 + gzip.compress(GOOD_WARC),
        "url.warc": GOOD_WARC.replace(b"https://example.org/a", b"https://[" + b"a" * 50_000),
    },
    "names of members": _names,
}
"""By the name of a corpus, its files; the folder is one outside of it."""


def _files_of(name: str) -> Callable[[Path, Path], None]:
    def put(corpus: Path, outside: Path) -> None:
        for file, content in FILES[name](outside).items():
            (corpus / file).write_bytes(content if isinstance(content, bytes) else content.encode())

    return put


def _long_lines(corpus: Path, outside: Path) -> None:
    """Write files of a line without an end, of nothing: 100 MB, or a gigabyte."""
    begins = {
        "a.mbox": MESSAGE_LINE + b"Subject: a\n\n", "b.mbox": b"From ", "a.eml": b"Subject: a\n\n",
        "b.eml": b"Subject: a", "a.warc": GOOD_WARC, "b.warc": b"WARC/1.0\r\na: ",
        "a.rss": b"<rss><channel><item><title>",
        "b.rss": b"<rss a='", "a.tar": b"", "a.zip": b"PK\3\4", "a.tar.gz": b"\x1f\x8b\x08\0\0\0\0\0\0\0",
        "a.warc.gz": b"\x1f\x8b", "a.emlx": b"10",
    }  # fmt: skip
    for name, begin in begins.items():
        with (corpus / name).open("wb") as file:
            file.write(begin)
            file.truncate(scaled(100 * M, 1 << 30))
    with (corpus / "c.mbox").open("ab") as file:
        file.write(MESSAGE_LINE + b"Subject: a\n\n")
        file.seek(scaled(100 * M, 1 << 30))
        file.write(b"\n" + MESSAGE_LINE + b"Subject: b\n\nThe text.")


CORPORA: dict[str, Callable[[Path, Path], None]] = {name: _files_of(name) for name in FILES} | {
    "long lines": _long_lines
}


# --- what the harness must notice -------------------------------------------------------------------------------------


def _unpack_anything() -> None:
    for module in (_packed, archives):
        module.is_bomb = lambda *_: False  # type: ignore[attr-defined]
    _budget.Budget.is_over = property(lambda _: False)  # type: ignore[method-assign, assignment]


def _any_parts() -> None:
    _mime._MOST_PARTS = _mime._MOST_NESTED = _mime._MOST_COMPARED = 1 << 60


def _any_depth() -> None:
    for module in (archives, mail):
        module.is_too_deep = lambda *_: False  # type: ignore[attr-defined]


def _any_charset() -> None:
    _mime._NO_CHARSETS = frozenset()


def _quiet_members() -> None:
    _members.Members.accept = lambda *_: None  # type: ignore[method-assign]
    _members.Members.end = lambda _: None  # type: ignore[method-assign, assignment]


BREAKS = {
    "anything is unpacked": _unpack_anything,
    "a message may have any parts": _any_parts,
    "archives are read however deep": _any_depth,
    "text is decoded by any name": _any_charset,
    "members are passed over": _quiet_members,
}

if __name__ == "__main__":  # a process of its own: elsewhere the harness has its own corpora alone
    hostile.CORPORA |= CORPORA
    hostile.BREAKS |= BREAKS
    hostile.main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
