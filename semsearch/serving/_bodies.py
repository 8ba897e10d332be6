"""Reads the body of a request: a small one, that comes soon."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from semsearch.serving._problems import Refusal

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope

__all__ = ["BODY_SECONDS", "LONGEST_BODY", "read_body"]

LONGEST_BODY = 64 * 1024
BODY_SECONDS = 10.0
_MOST_THROWN_AWAY = 2**20


async def read_body(scope: Scope, receive: Receive) -> Receive:
    """Read the body, so long as it is small and comes soon, and return what gives it out again.

    Raises:
        Refusal: If it is not, or its length is said in two ways, of which a proxy before this may believe the other.
    """
    headers = {name: value for name, value in scope["headers"] if name in {b"content-length", b"transfer-encoding"}}
    if not headers:
        return receive
    if len(headers) == 2:
        raise Refusal(
            400, "Content-Length and Transfer-Encoding are both given: one of them", headers={"Connection": "close"}
        )
    try:
        length = int(headers.get(b"content-length", b"0")[:20])
        if length > _MOST_THROWN_AWAY:
            raise _too_long()
        body = await asyncio.wait_for(_whole(receive), BODY_SECONDS)
    except asyncio.TimeoutError:
        raise Refusal(
            408, f"the body did not come within {BODY_SECONDS:g} seconds", headers={"Connection": "close"}
        ) from None
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


async def _whole(receive: Receive) -> bytes:
    """Return a body; of one that is too long some more is read, as who still sends it would not see the answer."""
    body, length, more = bytearray(), 0, True
    while more and length <= _MOST_THROWN_AWAY:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "the body is not complete")
        part = message.get("body", b"")
        length += len(part)
        if length <= LONGEST_BODY:
            body += part
        more = message.get("more_body", False)
    if length > LONGEST_BODY:
        raise _too_long()
    return bytes(body)


def _too_long() -> Refusal:
    return Refusal(413, f"a body may have {LONGEST_BODY:,} bytes", headers={"Connection": "close"})
