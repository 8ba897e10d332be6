"""What uvicorn leaves open: how slowly a client may send a request or read an answer, and how many there may be."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from semsearch.serving._problems import PROBLEM_TYPE

__all__ = ["HEADER_SECONDS", "MOST_CONNECTIONS", "READ_SECONDS", "BoundedProtocol"]

HEADER_SECONDS = 10.0
READ_SECONDS = 30.0
MOST_CONNECTIONS = 512


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 that closes connections of clients that are too slow, and those that are too many."""

    _sending: asyncio.TimerHandle | None = None  # runs while a request's head is not complete
    _reading: asyncio.TimerHandle | None = None  # runs while the client does not read what it was sent

    # Between two requests, and while the rest of one stands behind another, uvicorn's keep-alive timer runs.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the head of a request."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
            return
        self._sending = self.loop.call_later(HEADER_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._head_is_here()
        self._is_read()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what came; the head of a request must be complete soon after its first byte."""
        if self._sending is None and self.conn.their_state is h11.IDLE:
            self._sending = self.loop.call_later(HEADER_SECONDS, self.transport.abort)
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._head_is_here()

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        self._reading = self._reading or self.loop.call_later(READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: it has read."""
        self._is_read()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP in the same form as every other error."""
        body = json.dumps({"type": "about:blank", "title": "Bad Request", "status": 400, "detail": msg}).encode()
        head: Any = [
            ("content-type", PROBLEM_TYPE),
            ("content-length", str(len(body))),
            ("x-content-type-options", "nosniff"),
            ("connection", "close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=head, reason=b"Bad Request"),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _should_upgrade(self) -> bool:
        """Never, and without a warning for each: a page of another site can ask for it as often as it likes."""
        return False

    def _head_is_here(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def _is_read(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
