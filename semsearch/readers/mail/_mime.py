"""The parts of a message: its headers decoded, its text, its attachments."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32, Policy
from email.utils import getaddresses
from typing import Any, TypeAlias

from semsearch.readers._log import Origin, ReadingLog
from semsearch.readers._text import decode

__all__ = ["Body", "MessageError", "addresses", "body_of", "header", "parse_message", "text_of"]

_MOST_PARTS = 2_000
_MOST_NESTED = 100
_MOST_COMPARED = 20_000_000
"""Each line of a message is compared with the end of all parts with parts that are open, which takes some seconds."""
_NESTS = re.compile(rb"^content-type:\s{0,20}(?:multipart|message)/", re.IGNORECASE | re.MULTILINE)
_LONGEST_HEADER = 4_000
"""Characters; of some hundred recipients the first are kept. Parsing one takes a time that grows with the square."""
_MOST_ADDRESSES = 100
_NO_CHARSETS = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})
"""What Python can decode, and no program sends; some of it takes a time that grows with the square."""

Part: TypeAlias = "Message[str, str]"


class MessageError(Exception):
    """A message that cannot be parsed; its text says why."""


@dataclass(slots=True)
class Body:
    """The parts of a message that are not made of parts.

    Attributes:
        texts: What is to be read, in their order: of alternatives, a pair of the plain and of the HTML one.
        attachments: What comes with it.
        is_encrypted: Whether the text is, and cannot be read.
    """

    texts: list[tuple[Part | None, Part | None]] = field(default_factory=list)
    attachments: list[Part] = field(default_factory=list)
    is_encrypted: bool = False


class _Bounded(Compat32):
    """Keeps of each header so much as is needed."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:_LONGEST_HEADER]


_POLICY = _Bounded()


def parse_message(raw: bytes) -> Part:
    """Parse a message with all its parts.

    Raises:
        MessageError: If it has too many, or is none.
    """
    nested = len(_NESTS.findall(raw))
    if nested > _MOST_NESTED or nested * raw.count(b"\n") > _MOST_COMPARED:
        raise MessageError(f"has {nested:,} parts with parts in them, which is too much for its size")
    count = 0

    def make(policy: Policy[Any] = _POLICY) -> Part:
        nonlocal count
        count += 1
        if count > _MOST_PARTS:
            raise MessageError(f"has more than {_MOST_PARTS:,} parts")
        return Message(policy)

    try:
        message: Part = BytesParser(make, policy=_POLICY).parsebytes(raw)
    except MessageError:
        raise
    except Exception as error:  # noqa: BLE001 - of what is no message the parser raises whatever it provokes
        raise MessageError(f"cannot be parsed ({str(error) or type(error).__name__})") from None
    if not any(header(message, name) for name in ("from", "subject", "date", "to", "message-id", "received")):
        raise MessageError("is no message: it says neither who sent it, nor when, nor a subject")
    return message


def header(message: Part, name: str) -> str:
    """Return a header as one line of text, ``""`` if there is none."""
    value = next((value for key, value in message.raw_items() if key.lower() == name), "")
    text = str(value).encode("utf-8", "surrogateescape")
    try:
        unfolded = text.decode()
    except UnicodeDecodeError:
        unfolded = text.decode("cp1252", "replace")
    try:
        parts = decode_header(unfolded)
    except Exception:  # noqa: BLE001 - of what is not encoded as it says
        parts = [(unfolded, None)]
    decoded = "".join(part if isinstance(part, str) else _decoded(part, charset) for part, charset in parts)
    return " ".join(decoded.replace("\x00", "").split())


def addresses(message: Part, name: str) -> list[tuple[str, str]]:
    """Return the names and addresses that a header lists."""
    try:
        found = getaddresses([header(message, name)])
    except Exception:  # noqa: BLE001 - as above
        return []
    return [(name.strip(), address.strip()) for name, address in found if address or name][:_MOST_ADDRESSES]


def _decoded(raw: bytes, charset: str | None) -> str:
    try:
        return raw.decode(charset if charset is not None and _is_charset(charset) else "utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _is_charset(name: str) -> bool:
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return False
    return info.name not in _NO_CHARSETS and bool(getattr(info, "_is_text_encoding", True))


def body_of(message: Part) -> Body:
    """Return the parts of a message, in their order."""
    body = Body()
    waiting: list[Part] = [message]
    while waiting:
        part = waiting.pop()
        kind = part.get_content_type()
        if kind in {"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"}:
            body.is_encrypted = True
        elif kind == "multipart/alternative":
            _take_alternatives(part, body, waiting)
        elif kind.startswith("multipart/"):
            waiting += reversed(_parts(part))
        elif kind in {"text/plain", "text/html"} and not _is_attached(part):
            body.texts.append((part, None) if kind == "text/plain" else (None, part))
        else:
            body.attachments.append(part)
    return body


def _take_alternatives(part: Part, body: Body, waiting: list[Part]) -> None:
    """Take the plain and the HTML form of one text; pictures and the like that come with one of them are attached."""
    leaves: list[Part] = []
    inner = _parts(part)
    while inner:
        one = inner.pop(0)
        if one.get_content_maintype() == "multipart" and one.get_content_type() != "multipart/encrypted":
            inner = _parts(one) + inner
        else:
            leaves.append(one)
    chosen: dict[str, Part] = {}
    for one in leaves:
        kind = one.get_content_type()
        if kind in {"text/plain", "text/html"} and kind not in chosen and not _is_attached(one):
            chosen[kind] = one
    body.texts.append((chosen.get("text/plain"), chosen.get("text/html")))
    waiting += reversed([one for one in leaves if all(one is not taken for taken in chosen.values())])


def _parts(part: Part) -> list[Part]:
    payload: Any = part.get_payload()
    return list(payload) if isinstance(payload, list) else []


def _is_attached(part: Part) -> bool:
    try:
        return part.get_content_disposition() == "attachment"
    except Exception:  # noqa: BLE001 - as above
        return False


def text_of(part: Part, origin: Origin, log: ReadingLog) -> str:
    """Return the text of a part, decoded as it says, or as what it is; what is neither is noted."""
    try:
        payload: Any = part.get_payload(decode=True)
        charset = part.get_content_charset() or ""
    except Exception:  # noqa: BLE001 - as above
        payload, charset = b"", ""
    raw = payload if isinstance(payload, bytes) else b""
    for name in (charset, "utf-8"):
        if _is_charset(name):
            try:
                return _lines(part, raw.decode(name))
            except UnicodeError:
                pass
    guess = ReadingLog()
    text = decode(raw, origin, guess)
    if text is None:
        text = raw.decode(charset if _is_charset(charset) else "cp1252", "replace")
        log.note(origin.place, "is in no encoding that is certain: some characters may be wrong")
    log.notes.extend(guess.notes)
    return _lines(part, text)


def _lines(part: Part, text: str) -> str:
    """Give a text Unix line ends; where it says so, lines that end with a space go on (RFC 3676)."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    try:
        is_flowed = str(part.get_param("format", "")).lower() == "flowed"
        deleted = str(part.get_param("delsp", "")).lower() == "yes"
    except Exception:  # noqa: BLE001 - as above
        return text
    if not is_flowed:
        return text
    return re.sub(r"^((?!-- $)[^>\n][^\n]*) \n(?=[^>\n])", r"\1" if deleted else r"\1 ", text, flags=re.MULTILINE)
