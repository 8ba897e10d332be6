"""E-mail and newsletters: single messages, and mailboxes of them. What is attached is read by its own format."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from semsearch.readers._days import day_of
from semsearch.readers._extras import missing
from semsearch.readers._fields import article_from_fields
from semsearch.readers._formats import format_of, pass_over
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._markup import paragraphs_of, without_controls
from semsearch.readers._members import UniqueNames, is_too_deep, outermost, read_member
from semsearch.readers._text import MOST_BYTES, too_large
from semsearch.readers.mail._mbox import MOST_MESSAGE, split_mailbox
from semsearch.readers.mail._mime import Body, MessageError, Part, addresses, body_of, header, parse_message, text_of
from semsearch.readers.mail._quotes import is_forward, parted, without_cited_markup

__all__ = ["read_emlx", "read_mailbox", "read_message"]

_BLANK = re.compile(r"\n(?:[ \t]*\n){2,}")
_STUB = 0.5
"""A plain text with less of the words than its HTML form is no form of it, but says to look at that."""
_SUFFIXES = {
    "application/pdf": ".pdf",
    "message/rfc822": ".eml",
    "text/html": ".html",
    "text/plain": ".txt",
}
"""Of attachments that have no name, by what they say to be."""


def read_message(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the article of a message, and those of what is attached to it.

    The subject is the title; the sender is the source, and ``author`` in the metadata; the date is the day in the
    sender's zone. The plain text is read, or the HTML where there is none, or the plain one is a stub. Quoted messages
    and signatures are left out.
    """
    stream, origin = outermost(stream, origin)
    raw = stream.read(MOST_MESSAGE + 1)
    if len(raw) > MOST_MESSAGE:
        log.problem(origin.place, f"is larger than {MOST_MESSAGE >> 20} MiB")
        return
    yield from _read(raw, origin, log)


def read_emlx(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the articles of a message as Apple's Mail keeps it: a line with its length before, other things after."""
    stream, origin = outermost(stream, origin)
    length = stream.readline(40).strip()
    if not length.isdigit() or int(length) > MOST_MESSAGE:
        log.problem(origin.place, "is no message of Mail's: its first line is not how long it is")
        return
    yield from _read(stream.read(int(length)), origin, log)
    stream.read(MOST_MESSAGE)


def read_mailbox(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the articles of the messages of a mailbox (mbox); the ids are ``inbox.mbox#17`` for the 17th."""
    stream, origin = outermost(stream, origin)
    for number, raw in split_mailbox(stream, origin, log):
        here = origin._replace(place=f"{origin.place}#{number}", id=f"{origin.id}#{number}")
        yield from _read(raw, here, log)
        if origin.budget is not None and origin.budget.is_over:
            return


def _read(raw: bytes, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    try:
        message = parse_message(raw)
    except MessageError as error:
        log.problem(origin.place, str(error))
        return
    body = body_of(message)
    text = _text(message, body, origin, log)
    if (body.is_encrypted and not text.strip()) or text.startswith("-----BEGIN PGP MESSAGE-----"):
        log.problem(origin.place, "is encrypted: save it decrypted")
    elif len(text) > MOST_BYTES:
        too_large(origin.place, log)
    else:
        # What the columns of records are called has no meaning for a message.
        located = article_from_fields(_fields(message, origin, log), Origin(origin.place, origin.id), log, text=text)
        if located is not None:
            yield located
    if body.attachments:
        yield from _attached(body, origin, log)


def _fields(message: Part, origin: Origin, log: ReadingLog) -> dict[str, Any]:
    senders = addresses(message, "from") or addresses(message, "sender")
    name, address = senders[0] if senders else ("", "")
    listed = re.match(r'"?([^"<]*[^"<\s])', header(message, "list-id"))
    fields: dict[str, Any] = {
        "title": header(message, "subject"),
        "published": day_of(header(message, "date"), origin, log),
        "source": listed[1] if listed else name or address,
        "author": name or address,
        "address": address,
        "to": ", ".join(name or address for name, address in addresses(message, "to")),
        "message_id": header(message, "message-id").strip("<>"),
    }
    return {name: value for name, value in fields.items() if value}


def _text(message: Part, body: Body, origin: Origin, log: ReadingLog) -> str:
    """Return what the sender of a message wrote."""
    forwards = is_forward(header(message, "subject"))
    texts = []
    for plain, markup in body.texts:
        text = "" if plain is None else text_of(plain, origin, log)
        if markup is not None:
            text = _better(text, _text_of_markup(text_of(markup, origin, log), origin, log, forwards=forwards))
        if len(text) > MOST_BYTES:
            return text
        kept = []
        for part in parted(_BLANK.sub("\n\n", without_controls(text)), forwards=forwards):
            if part.reason:
                log.drop(origin.place, part.text.strip(), part.reason)
            else:
                kept.append(part.text.strip("\n"))
        texts.append("\n\n".join(filter(str.strip, kept)).strip())
    return "\n\n".join(filter(None, texts))


def _better(plain: str, markup: str) -> str:
    """Return the plain form of a text, or the other one if that says more."""
    return plain if len(plain.split()) > _STUB * len(markup.split()) else markup


def _text_of_markup(markup: str, origin: Origin, log: ReadingLog, *, forwards: bool) -> str:
    try:
        if not forwards:
            markup, cited = without_cited_markup(markup)
            for text in cited:
                log.drop(origin.place, text, "quoted")
        return paragraphs_of(markup)
    except ImportError:
        log.problem(origin.place, missing("mail"))
        return ""


def _attached(body: Body, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the articles of what is attached and of a format; the rest is counted if it has a name."""
    names = UniqueNames()
    is_told = False
    for number, part in enumerate(body.attachments, start=1):
        name = _name_of(part, number)
        if not name:
            continue
        if format_of(name) is None:
            pass_over(name, log)
            continue
        is_told = is_told or is_too_deep(origin, log)
        if is_told or (origin.budget is not None and origin.budget.is_over):
            return
        unique = names.unique(name)
        member = origin._replace(place=f"{origin.place}/{unique}", id=f"{origin.id}/{unique}")
        content = _content(part)
        if content is None:
            log.problem(member.place, "is damaged: it is not encoded as it says")
        else:
            yield from read_member(name, functools.partial(_opened, content), member, log)


def _opened(content: bytes) -> BinaryIO:
    return io.BufferedReader(io.BytesIO(content))


def _name_of(part: Part, number: int) -> str:
    """Return what an attachment is called, by its kind if it has no name; nothing if that is of no format either."""
    try:
        name = part.get_filename() or ""
    except Exception:  # noqa: BLE001 - of what is not encoded as it says
        name = ""
    safe = name.replace("\\", "/").rpartition("/")[2].replace("\x00", "").encode("utf-8", "replace").decode()
    safe = " ".join(safe.split())[-200:]
    suffix = _SUFFIXES.get(part.get_content_type(), "")
    if safe and (format_of(safe) is not None or not suffix):
        return safe
    return f"{safe or f'part-{number}'}{suffix}" if suffix else ""


def _content(part: Part) -> bytes | None:
    try:
        payload: Any = part.get_payload()
        if part.get_content_type() == "message/rfc822" and isinstance(payload, list) and payload:
            return bytes(payload[0].as_bytes())
        decoded: Any = part.get_payload(decode=True)
    except Exception:  # noqa: BLE001 - as above
        return None
    return decoded if isinstance(decoded, bytes) else None
