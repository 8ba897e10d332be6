"""What every request passes before anything reads it, and every answer before it is sent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_to_bytes, urlencode

from starlette.responses import Response

from semsearch.serving._bodies import read_body
from semsearch.serving._checks import cookie_value, is_allowed_host, is_known, is_own_page
from semsearch.serving._problems import Refusal
from semsearch.serving._rates import Rates, client_key

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from semsearch.serving._settings import Settings

__all__ = ["PAGE_POLICY", "PIECE", "WITH_BODIES", "Gate"]

_PAGE = "/page/"
PIECE = 2**20  # bytes of an answer that are written at once
_MOST_PARAMETERS = 200
_COOKIE_SECONDS = 30 * 24 * 3600
WITH_BODIES = {"/api/v1/search"}
_REPEATED = {"source"}  # parameters that may be given more than once

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
_OTHER_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "vary": "Cookie, Authorization, Origin, Sec-Fetch-Site",
}
_ALWAYS_RAW = {name.encode(): value.encode() for name, value in _ALWAYS.items()}


class Gate:
    """An ASGI application in front of another: it refuses what the other one should not see."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._hosts = frozenset(settings.hosts)
        self._rates = Rates(settings.rate or 0.0, settings.most_at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or give it on."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        inner = dict(scope)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["method"] == "HEAD":
            inner["method"] = "GET"  # what is sent then has no body: the server sees to that
        send = _with_headers(send, of_page=path == "/" or path.startswith(_PAGE))
        try:
            answer = self._look(inner, path)
            if answer is None:
                _check_query_string(scope["query_string"])
                receive = await read_body(inner, receive)
        except Refusal as refusal:
            answer = refusal.response()
        await (answer or self._app)(inner, receive, send)

    def _look(self, scope: Scope, path: str) -> Response | None:
        """Refuse what may not come in; return an answer where nothing else is to be done."""
        headers = _headers(scope)
        if not is_allowed_host(headers.get("host", ""), self._hosts, any_address=self._settings.any_address):
            raise Refusal(421, "this server does not answer by that name: --allow-host NAME lets it")
        opens_page = path == "/" and scope["method"] == "GET"
        if not is_own_page(headers, opens_page=opens_page):
            raise Refusal(403, "a page of another site may not ask here")
        if path == "/" or path.startswith(_PAGE):  # nothing else is given to who has no token
            return self._signed_in(scope) if opens_page else None
        self._count(scope)
        token = self._settings.token
        if token is not None and not is_known(token, headers.get("authorization"), _cookies(scope, headers)):
            raise Refusal(
                401,
                "a token is needed: open the address that the server printed when it started, or send the header "
                "Authorization: Bearer TOKEN",
                headers={"WWW-Authenticate": 'Bearer realm="semsearch"'},
            )
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["method"] == "POST" and path in WITH_BODIES and kind != "application/json":
            raise Refusal(415, "the body must be JSON, and Content-Type say so: application/json")
        return None

    def _count(self, scope: Scope) -> None:
        client = scope.get("client")
        seconds = self._rates.wait(client_key(client[0] if client else ""))
        if seconds:
            raise Refusal(
                429,
                f"more than {self._rates.rate:g} requests a second: wait",
                headers={"Retry-After": str(max(1, math.ceil(seconds)))},
            )

    def _signed_in(self, scope: Scope) -> Response | None:
        """Answer the page's address with a token in it: a cookie in its place, and the address without it."""
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        shown = [value for name, value in query if name == "token"]
        if not shown:
            return None
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        answer = Response(
            status_code=303, headers={"location": f"{scope.get('root_path', '')}/" + (f"?{rest}" if rest else "")}
        )
        token = self._settings.token
        if token is None:
            return answer
        self._count(scope)
        if not is_known(token, f"Bearer {shown[0]}", ()):
            raise Refusal(401, "this is not the token: open the address that the server printed when it started")
        answer.set_cookie(
            _cookie_name(scope),
            cookie_value(token),
            max_age=_COOKIE_SECONDS,
            path=f"{scope.get('root_path', '')}/",
            secure=scope.get("scheme") == "https",
            httponly=True,
            samesite="strict",
        )
        return answer


def _headers(scope: Scope) -> Mapping[str, str]:
    """Return the headers, names in lower case; one that stands there twice is refused if it decides anything."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name in found and name in {"host", "origin", "authorization", "sec-fetch-site", "content-type"}:
            raise Refusal(400, f"there is more than one header {name!r}")
        found[name] = f"{found[name]}; {value}" if name == "cookie" and name in found else value
    return found


def _cookie_name(scope: Scope) -> str:
    server = scope.get("server")  # cookies do not know ports: several servers on one machine must not overwrite them
    return f"semsearch_{server[1] if server else ''}"


def _cookies(scope: Scope, headers: Mapping[str, str]) -> list[str]:
    """Return the page's cookie, whatever else stands beside it.

    There may be several: a program at another port of this machine can set one of the same name, and must not lock out
    who has the right one.
    """
    parts = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
    wanted = _cookie_name(scope)
    return [value for name, _, value in parts if name == wanted]


def _check_query_string(raw: bytes) -> None:
    """Refuse parameters that are not UTF-8, or are given twice where that says nothing."""
    if not raw:
        return
    try:
        text = raw.decode("ascii")
        unquote_to_bytes(text).decode("utf-8")
        names = [name for name, _ in parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)]
    except UnicodeDecodeError:
        raise Refusal(400, "the address's parameters are not escaped UTF-8") from None
    except ValueError:
        raise Refusal(422, f"there are more than {_MOST_PARAMETERS} parameters") from None
    for name in sorted({name for name in names if names.count(name) > 1} - _REPEATED):
        raise Refusal.of_field(name[:100], f"the parameter {name[:100]!r} is given more than once")


def _with_headers(send: Send, *, of_page: bool) -> Send:
    """Return a ``send`` that puts what every answer has into its headers, and sends a long one piece by piece.

    A client has so many seconds to read what is written; who reads a long article slowly, but reads, is not cut off.
    """
    policy = PAGE_POLICY if of_page else _OTHER_POLICY

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given: list[Any] = list(message.get("headers", ()))
            names = {name.lower() for name, _ in given}
            given += [(name, value) for name, value in _ALWAYS_RAW.items() if name not in names]
            given.append((b"content-security-policy", policy.encode()))
            if b"cache-control" not in names:
                given.append((b"cache-control", b"no-store"))
            message = {**message, "headers": given}
        body, more = memoryview(message.get("body", b"")), message.get("more_body", False)
        while len(body) > PIECE:
            await send({**message, "body": bytes(body[:PIECE]), "more_body": True})
            body = body[PIECE:]
        await send({**message, "body": bytes(body), "more_body": more} if "body" in message else message)

    return with_headers
