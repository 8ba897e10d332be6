"""What a server answered, as web archives keep it: status, headers, and the body that they say how to read."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from semsearch.readers._budget import Budget, UnpackError
from semsearch.readers._packed import Readable, is_bomb

__all__ = ["MOST_BODY", "Headers", "content_type", "decoded_body", "parse_headers", "with_mark"]

MOST_BODY = 64 << 20
"""Bytes of an answer, packed or not; a longer one is a film, or a program."""
_STEP = 1 << 20
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]{0,1000})?\r?\n")


class Headers(NamedTuple):
    """The first line, and the headers by their names in lower case."""

    first: str
    fields: Mapping[str, str]

    def get(self, name: str) -> str:
        """Return a header, ``""`` if there is none."""
        return self.fields.get(name, "")


def parse_headers(lines: Iterable[bytes]) -> Headers:
    """Parse the lines before the blank one; of headers with one name the first counts."""
    first, fields, last = "", dict[str, str](), ""
    for number, line in enumerate(lines):
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if number == 0:
            first = text
        elif text[:1] in {" ", "\t"} and last:
            fields[last] += f" {text.strip()}"
        else:
            name, _, value = text.partition(":")
            last = name.strip().lower()
            if last in fields:
                last = ""
            else:
                fields[last] = value.strip()
    return Headers(first, fields)


def content_type(headers: Headers) -> tuple[str, str]:
    """Return what a body is (``text/html``), and the encoding that is stated of it; empty where neither is."""
    kind, _, parameters = headers.get("content-type").partition(";")
    charset = re.search(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", parameters[:1000], re.IGNORECASE)
    return kind.strip().lower(), charset[1] if charset else ""


def decoded_body(body: bytes, headers: Headers, budget: Budget) -> bytes:
    """Return a body without what it was sent in: chunks, and a packing.

    Programs that write archives undo one or both and keep the headers: what is not as they say is taken as it is.

    Raises:
        UnpackError: If it is packed and damaged, or too much is packed in it.
    """
    if "chunked" in headers.get("transfer-encoding").lower():
        body = _unchunked(body)
    for packing in reversed(headers.get("content-encoding").lower().split(",")):
        make = _PACKINGS.get(packing.strip())
        if make is not None and body:
            body = _unpacked(body, make(body), budget)
    return body


def _unchunked(body: bytes) -> bytes:
    parts: list[bytes] = []
    at = 0
    while (size := _CHUNK_SIZE.match(body, at)) is not None:
        count = int(size[1], 16)
        if count == 0:
            return b"".join(parts)
        parts.append(body[size.end() : size.end() + count])
        at = size.end() + count
        at += 2 if body[at : at + 2] == b"\r\n" else 1
    return b"".join(parts) if parts else body


def _unpacked(body: bytes, source: Readable | None, budget: Budget) -> bytes:
    """Return what ``source`` makes of a body; the body itself if that is None."""
    if source is None:
        return body
    parts, size = [], 0
    while part := source.read(_STEP):
        size += len(part)
        budget.spend(len(part))
        if size > MOST_BODY or is_bomb(size, len(body)):
            raise UnpackError("too much is packed in it")
        parts.append(part)
    return b"".join(parts)


class _Zlib:
    """Reads what zlib packed; what is after the end, or behind damage, is left."""

    def __init__(self, body: bytes, wbits: int) -> None:
        self._decompressor = zlib.decompressobj(wbits)
        self._rest = body

    def read(self, size: int) -> bytes:
        if self._decompressor.eof:
            return b""
        try:
            part = self._decompressor.decompress(self._rest, size)
        except zlib.error as error:
            raise UnpackError(f"is damaged: {error}") from None
        self._rest = self._decompressor.unconsumed_tail
        return part


def _gunzip(body: bytes) -> Readable | None:
    return _Zlib(body, 31) if body.startswith(b"\x1f\x8b") else None


def _inflate(body: bytes) -> Readable | None:
    # Some servers send zlib's form, as they should, and some without its head.
    is_zlib = len(body) > 1 and body[0] & 0xF == 8 and (body[0] << 8 | body[1]) % 31 == 0
    return _Zlib(body, 15 if is_zlib else -15)


class _Brotli:
    def __init__(self, body: bytes) -> None:
        import brotli

        self._decompressor = brotli.Decompressor()
        self._rest = body
        self._error = brotli.error

    def read(self, size: int) -> bytes:
        if self._decompressor.is_finished():
            return b""
        try:
            part: bytes = self._decompressor.process(self._rest, output_buffer_limit=size)
        except self._error as error:
            raise UnpackError(f"is damaged: {error}") from None
        self._rest = b""
        return part


_PACKINGS: Mapping[str, Callable[[bytes], Readable | None]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "br": _Brotli,
}


def with_mark(body: bytes, charset: str) -> bytes:
    """Return a text in UTF-8 with its mark, if its headers say what it is in and it is; else as it is.

    The page itself often does not say, and what a server says counts for more.
    """
    if charset.lower() in {"", "utf-8", "utf8"} or body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return body
    try:
        return b"\xef\xbb\xbf" + body.decode(charset).encode()
    except (LookupError, UnicodeError):
        return body
