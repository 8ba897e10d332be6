"""What hostile pages and clients send: every one of them is refused, none of them by an error of the server."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

import semsearch
from semsearch.records import Article
from semsearch.serving import Settings
from tests.serving.servers import PATIENCE, Served, exchange, in_thread, status_of


def body_of(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def ask(served: Served, line: str, *headers: str, body: bytes = b"") -> bytes:
    head = "\r\n".join([f"{line} HTTP/1.1", *headers, "Connection: close", "", ""])
    return exchange(served.address, head.encode("latin-1") + body)


# --- DNS rebinding and other sites' pages ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        *["evil.example", "evil.example:8642", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.0.7"],
        *[
            "[2001:db8::1]",
            "localhost@evil.example",
            "localhost/evil",
            "localhost:http",
            "",
            "::1",
            "[::1",
            "localhost,x",
        ],
        *["2130706433", "0x7f000001", "127.1", "0.0.0.0"],  # noqa: S104
        *["local\thost", "localhost#", "localhost?", "@localhost", "localhost\\"],
    ],
)
def test_another_hosts_name_is_refused(served: Served, host: str) -> None:
    for path in ("/", "/api/v1/search?q=x", "/page/app.js", "/api/openapi.json"):
        answer = ask(served, f"GET {path}", f"Host: {host}")
        assert status_of(answer) == 421
        assert b"content-security-policy" in answer


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8642", "localhost.", "127.0.0.1:80"])
def test_this_machines_names_are_answered_at_any_port(served: Served, host: str) -> None:
    assert status_of(ask(served, "GET /api/v1/health", f"Host: {host}")) == 200


def test_a_request_without_one_host_is_refused(served: Served) -> None:
    assert status_of(ask(served, "GET /api/v1/health")) == 400
    assert status_of(ask(served, "GET /api/v1/health", "Host: localhost", "Host: evil.example")) == 400
    assert status_of(exchange(served.address, b"GET /api/v1/health HTTP/1.0\r\n\r\n")) == 421
    absolute = ask(served, "GET http://evil.example/api/v1/health", "Host: localhost")
    assert status_of(absolute) == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "file://"},
        {"Origin": "chrome-extension://abcdef"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "something-new"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    ],
)
def test_a_page_of_another_site_may_not_ask(client: httpx.Client, headers: dict[str, str]) -> None:
    for path in ("/api/v1/search?q=x", "/api/v1/status", "/api/v1/article?id=x"):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    by_body = client.post("/api/v1/search", json={"query": "x"}, headers=headers)
    assert by_body.status_code == 403
    preflight = client.options("/api/v1/search", headers={**headers, "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 403


def test_the_servers_own_page_may_ask(served: Served, client: httpx.Client) -> None:
    headers = {"Origin": served.url.rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert client.get("/api/v1/search?q=x&k=1", headers=headers).status_code == 200
    assert client.post("/api/v1/search", json={"query": "x", "k": 1}, headers=headers).status_code == 200


def test_a_link_from_anywhere_may_open_the_page_but_no_frame_script_or_image(client: httpx.Client) -> None:
    opened = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert client.get("/?q=peace", headers=opened).status_code == 200
    assert client.post("/?q=peace", headers=opened).status_code == 403
    for dest, mode in (("iframe", "navigate"), ("script", "no-cors"), ("image", "no-cors"), ("empty", "cors")):
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
        assert client.get("/", headers=headers).status_code == 403
        assert client.get("/page/index.html", headers=headers).status_code == 403


def test_a_form_of_another_site_cannot_post(client: httpx.Client) -> None:
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""):
        answer = client.post("/api/v1/search", content=b'{"query": "x"}', headers={"Content-Type": kind})
        assert answer.status_code == 415


# --- what is not what it seems -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *["/page/../../../../etc/passwd", "/page/..%2f..%2f..%2fetc%2fpasswd", "/page/%2e%2e/index.html"],
        *[
            "/page/....//....//etc/passwd",
            "/page//etc/passwd",
            "/page/..\\..\\secret",
            "/page/%00",
            "/page/index.html%00.js",
        ],
        *["/page/__init__.py", "/page/index.html", "/../pyproject.toml", "//etc/passwd", "/page/~root", "/page/C:%5Cx"],
    ],
)
def test_no_path_leads_to_a_file(served: Served, path: str) -> None:
    answer = ask(served, f"GET {path}", "Host: localhost")
    assert status_of(answer) == 404
    assert body_of(answer)["title"] == "Not Found"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("q=%ff%fe", 400),
        ("q=%ed%a0%80", 400),  # half of a surrogate pair
        ("q=%c0%80", 400),  # NUL, written too long
        ("q=a&q=b", 422),
        ("q=a&k=3&k=4", 422),
        ("q=a&" + "&".join(f"source={n}" for n in range(101)), 422),
        ("q=a&" + "&".join(f"x{n}=1" for n in range(300)), 422),
        ("q=a&source=" + "s" * 1001, 422),
        ("q[]=a", 422),
        ("q=a;k=3", 200),
        ("q=%", 200),
        ("q=%00", 200),
        ("q=\xc3\xa9t\xc3\xa9", 400),  # which is not escaped
        ("q=%EF%BF%BF%F4%8F%BF%BF", 200),
        ("q=" + "%F0%9F%8C%8A" * 2000, 200),
        ("q=" + "%F0%9F%8C%8A" * 2001, 422),
        ("q=a&where=" + "(" * 3000, 422),
        ("q=a&where=" + "not%20" * 600 + "has%20title", 422),
        ("q=a&since=0000", 422),
        ("q=a&min_score=1e999", 422),
        ("q=a&k=-1", 422),
        ("q=a&k=1.5", 422),
        ("q=a&k=%D9%A3", 422),  # a digit, but not of ours
        ("", 422),
        ("&&&", 422),
        ("=", 422),
    ],
)
def test_parameters_are_read_or_refused(served: Served, query: str, status: int) -> None:
    answer = ask(served, f"GET /api/v1/search?{query}", "Host: localhost")
    assert status_of(answer) == status, answer[-500:]
    assert isinstance(body_of(answer), dict)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"null", 422),
        (b"[]", 422),
        (b'"query"', 422),
        (b"{}", 422),
        (b"\xff\xfe", 422),
        (b"[" * 60_000, 400),
        (b'{"query": "x", "k": ' + b"9" * 5000 + b"}", 400),
        (b'{"query": "x", "k": 1e400}', 422),
        (b'{"query": "x", "k": true}', 422),
        (b'{"query": "x", "min_score": NaN}', 422),
        (b'{"query": "x", "min_score": -Infinity}', 422),
        (b'{"query": "x", "diversity": "0.5"}', 422),
        (b'{"query": "\\ud800"}', 422),
        (b'{"query": "x", "sources": "Wire"}', 422),
        (b'{"query": "x", "sources": [1]}', 422),
        (b'{"query": "x", "sources": ["\\udfff"]}', 422),
        (b'{"query": "x", "where": {"a": 1}}', 422),
        (b'{"q": "x"}', 422),
        (b'{"query": ["x"]}', 422),
        (b'{"query": "x", "__proto__": {}}', 422),
        (b'{"query": "\\u0000", "k": 1}', 200),
        (b'{"query": "x", "k": 1, "k": 2}', 200),
    ],
)
def test_bodies_are_read_or_refused(client: httpx.Client, content: bytes, status: int) -> None:
    answer = client.post("/api/v1/search", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"


def test_of_thousands_of_errors_some_are_told(client: httpx.Client) -> None:
    body = json.dumps({f"x{n}": 1 for n in range(5000)})
    answer = client.post("/api/v1/search", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 20
    assert len(answer.content) < 4000


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /api/v1/search HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST /api/v1/search HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: \x0bchunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 200_000 + b"\r\n",
    ],
)
def test_what_is_no_http_is_refused(served: Served, sent: bytes) -> None:
    answer = exchange(served.address, sent)
    assert answer == b"" or status_of(answer) in {400, 421}


def test_two_requests_in_one_are_two_requests(served: Served) -> None:
    smuggled = b"GET /api/v1/status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    answer = exchange(served.address, b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n" + smuggled)
    first, _, second = answer.partition(b'"warnings":[]}')
    assert (status_of(first), status_of(second)) == (200, 421)


def test_an_upgrade_is_not_made_and_fills_no_log(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: x"]
    answer = ask(served, "GET /", "Host: localhost", *upgrade)
    assert status_of(answer) == 200
    assert b"<!doctype html>" in answer.lower()
    answer = ask(served, "GET /", "Host: localhost", "Origin: https://evil.example", *upgrade)
    assert status_of(answer) == 403
    assert not caplog.records


def test_after_all_of_that_the_server_answers(served: Served, client: httpx.Client) -> None:
    assert client.get("/api/v1/health").json()["status"] == "ok"
    assert len(served.app._desk) == 0


# --- slow clients ------------------------------------------------------------------------------------------------


def test_who_never_ends_a_request_is_cut_off(corpus_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semsearch.serving._protocol.HEADER_SECONDS", 0.3)
    with in_thread(corpus_index, Settings(threads=1)) as served:
        assert exchange(served.address) == b""
        assert exchange(served.address, b"GET /api/v1/health HTTP/1.1\r\nHost: loc") == b""
        with socket.create_connection(served.address, timeout=PATIENCE) as connection:  # which was used before
            request = b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
            connection.sendall(request)
            answer = b""
            while not answer.endswith(b"}"):
                answer += connection.recv(65536)
            assert status_of(answer) == 200
            connection.sendall(request[:20])
            assert connection.recv(65536) == b""


def test_a_body_that_never_ends_is_not_waited_for(corpus_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semsearch.serving._bodies.BODY_SECONDS", 0.3)
    with in_thread(corpus_index, Settings(threads=1)) as served:
        head = b"POST /api/v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        head += b"Content-Length: 9\r\n\r\n"
        answer = exchange(served.address, head + b'{"que')
        assert status_of(answer) == 408
        assert body_of(answer)["status"] == 408


def test_who_never_reads_an_answer_is_cut_off(corpus_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semsearch.serving._protocol.READ_SECONDS", 0.3)
    with in_thread(corpus_index, Settings(threads=1)) as served, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(PATIENCE)
        connection.connect(served.address)
        connection.settimeout(0.1)
        with pytest.raises(ConnectionError):
            ask_and_never_read(connection)


def test_who_reads_a_long_answer_slowly_gets_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = "n" * 16_000_000
    semsearch.build_index([Article(id="long", text="The ferry sails at noon.", metadata={"note": note})], tmp_path)
    monkeypatch.setattr("semsearch.serving._protocol.READ_SECONDS", 2.0)
    with in_thread(tmp_path, Settings(threads=1)) as served, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.settimeout(PATIENCE)
        connection.connect(served.address)
        connection.sendall(b"GET /api/v1/article?id=long HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer, pieces = bytearray(), 0
        while data := connection.recv(65536):
            answer += data
            if len(answer) // 250_000 > pieces:  # it takes longer than an answer that is not read may
                pieces = len(answer) // 250_000
                time.sleep(0.1)
        assert body_of(bytes(answer))["article"]["metadata"] == {"note": note}


def ask_and_never_read(connection: socket.socket) -> None:
    requests = b"GET /api/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000
    sent, end = 0, time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(TimeoutError):
            sent = (sent + connection.send(requests[sent : sent + 4096])) % len(requests)


def test_more_connections_than_are_held_are_closed(corpus_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semsearch.serving._protocol.MOST_CONNECTIONS", 3)
    with in_thread(corpus_index, Settings(threads=1)) as served:
        held = [socket.create_connection(served.address, timeout=PATIENCE) for _ in range(3)]
        try:
            for connection in held:  # so that all of them have been taken in
                connection.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert status_of(connection.recv(65536)) == 200
            assert exchange(served.address, b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n") == b""
        finally:
            for connection in held:
                connection.close()
