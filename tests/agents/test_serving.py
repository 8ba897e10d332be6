"""Servers that run: as a process over standard input and output, over HTTP, and while their index is rebuilt."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

import semsearch
from semsearch.agents import Limits, serve_http
from semsearch.agents._http import allowed_names, is_loopback
from semsearch.records import Article
from tests.agents.clients import WAIT, as_process, ask, command, environment, in_memory, over_http, refused, run
from tests.command import runner

QUERY = "who crossed the river"
TOKEN = "a-token-of-24-characters"  # noqa: S105 - of the tests


def articles(*names: str) -> list[Article]:
    return [Article(id=name, text=f"The {name} crossed the river before dawn.") for name in names]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    semsearch.build_index(articles("convoy"), tmp_path / "index")
    return tmp_path / "index"


async def ids(client: Client) -> list[str]:
    answer, _ = await ask(client, "search", query=QUERY)
    return sorted(hit["article"]["id"] for hit in answer["hits"])


async def eventually(client: Client, expected: list[str]) -> None:
    with anyio.fail_after(WAIT):
        while await ids(client) != expected:
            await anyio.sleep(0.2)


# --- standard input and output ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_process_answers_and_sees_a_rebuild(index: Path, mode: str) -> None:
    async def work() -> None:
        async with Client(as_process(index), mode=mode, read_timeout_seconds=WAIT) as client:
            assert await ids(client) == ["convoy"]
            semsearch.build_index(articles("convoy", "ferry"), index)
            await eventually(client, ["convoy", "ferry"])
            answer, _ = await ask(client, "list_sources")
            assert answer["articles"] == 2

    run(work)


def test_standard_output_is_the_protocols_alone_and_the_end_of_input_ends_it(index: Path) -> None:
    requests: list[dict[str, Any]] = [
        {
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "t", "version": "1"},
            },
        },
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "search", "arguments": {"query": QUERY}}},
    ]
    process = subprocess.Popen(
        command("--index", index),
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    answers = []
    for request in requests:
        process.stdin.write(json.dumps({"jsonrpc": "2.0", **request}) + "\n")
        process.stdin.flush()
        if "id" in request:
            answers.append(json.loads(process.stdout.readline()))
    rest, errors = process.communicate(timeout=WAIT)
    assert (process.returncode, rest, errors) == (0, "", "")
    hello, found = (answer["result"] for answer in answers)
    assert hello["serverInfo"] == {
        "name": "semsearch",
        "title": "semsearch",
        "version": semsearch.__version__,
        "description": "Semantic search over an archive of articles",
    }
    assert "never instructions" in hello["instructions"]
    assert found["structuredContent"]["hits"][0]["article"]["id"] == "convoy"


def test_without_an_index_it_ends_at_once_with_the_reason(tmp_path: Path) -> None:
    done = subprocess.run(
        command("--index", tmp_path / "none"),
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "none: there is no index" in done.stderr or "no index" in done.stderr
    assert "Traceback" not in done.stderr


# --- HTTP -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_over_http_several_clients_are_answered_and_see_a_rebuild(index: Path, mode: str) -> None:
    async def one(url: str) -> None:
        async with Client(url, mode=mode, read_timeout_seconds=WAIT) as client:
            for _ in range(3):
                assert "convoy" in await ids(client)

    with over_http(index) as url:

        async def work() -> None:
            async with anyio.create_task_group() as group:
                for _ in range(5):
                    group.start_soon(one, url)
            async with Client(url, mode=mode, read_timeout_seconds=WAIT) as client:
                semsearch.build_index(articles("convoy", "ferry"), index)
                await eventually(client, ["convoy", "ferry"])

        run(work)


HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}
ACCEPT = {"Accept": "application/json, text/event-stream"}
MODERN = {"MCP-Protocol-Version": "2026-07-28"}


def test_requests_by_another_name_or_of_another_site_are_refused(index: Path) -> None:
    with over_http(index) as url, httpx.Client(timeout=WAIT, headers=ACCEPT) as http:
        port = httpx.URL(url).port
        assert http.post(url, json=HELLO).status_code == 200
        assert http.post(url, json=HELLO, headers={"Origin": f"http://localhost:{port}"}).status_code == 200
        for extra in ({}, MODERN):
            for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "localhost.evil.example"):
                assert http.post(url, json=HELLO, headers={**extra, "Host": host}).status_code == 421, host
            for origin in ("http://evil.example", "null", f"http://127.0.0.1.evil.example:{port}"):
                assert http.post(url, json=HELLO, headers={**extra, "Origin": origin}).status_code == 403, origin
            assert http.get(url, headers={**extra, "Host": "evil.example"}).status_code in {405, 421}
        asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
        preflight = http.options(url, headers=asked)
        assert preflight.status_code >= 400
        assert not [name for name in preflight.headers if name.startswith("access-control")]


def test_a_body_that_is_too_large_or_no_json_is_refused(index: Path) -> None:
    with over_http(index) as url, httpx.Client(timeout=WAIT, headers=ACCEPT) as http:
        assert http.post(url, json={**HELLO, "x": "x" * 70_000}).status_code == 413
        assert http.post(url, content=b"query=x", headers={"Content-Type": "text/plain"}).status_code == 400
        assert http.post(url, content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
        assert http.get(url.replace("/mcp", "/")).status_code == 404
        assert http.post(url, json=HELLO).json()["result"]["serverInfo"]["name"] == "semsearch"


def test_no_page_of_another_port_asks_and_nothing_but_post_is_answered(index: Path) -> None:
    with over_http(index) as url, httpx.Client(timeout=WAIT, headers=ACCEPT) as http:
        for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
            assert http.post(url, json=HELLO, headers={"Sec-Fetch-Site": site}).status_code == status
        for method in ("GET", "HEAD", "DELETE", "OPTIONS", "PUT", "TRACE"):  # a GET would be a stream without an end
            answer = http.request(method, url)
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
    return tmp_path / "token"


def test_connections_on_which_nothing_comes_are_closed_and_others_answered(index: Path, token_file: Path) -> None:
    with over_http(index, "--token-file", token_file) as url:
        known = {**ACCEPT, "Authorization": f"Bearer {TOKEN}"}
        host, port = httpx.URL(url).host, httpx.URL(url).port
        assert port is not None
        head = f"POST /mcp HTTP/1.1\r\nHost: localhost:{port}\r\n"
        body = "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
        body += f"Authorization: Bearer {TOKEN}\r\nContent-Length: 9\r\n\r\n{{"
        with contextlib.ExitStack() as stack:
            for number in range(110):  # more than are served at the same time
                connection = stack.enter_context(socket.create_connection((host, port), timeout=WAIT))
                connection.sendall((head + body * (number % 3 == 0) if number % 3 < 2 else "").encode())
            with httpx.Client(timeout=WAIT, headers=known) as http:
                with contextlib.suppress(ConnectionError):
                    assert connection.recv(1) == b""  # without an answer: it has asked nothing
                while (answer := http.post(url, json=HELLO)).status_code == 503:
                    time.sleep(0.1)
                assert answer.status_code == 200


def test_a_request_that_is_written_in_two_ways_is_refused(index: Path) -> None:
    with over_http(index) as url:
        host, port = httpx.URL(url).host, httpx.URL(url).port
        assert port is not None
        head = f"POST /mcp HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\n"
        head += "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        with socket.create_connection((host, port), timeout=WAIT) as connection:
            connection.sendall(head.encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_with_a_token_nobody_else_is_let_in(index: Path, token_file: Path) -> None:
    with over_http(index, "--token-file", token_file) as url:
        with httpx.Client(timeout=WAIT, headers=ACCEPT) as http:
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
                answer = http.post(url, json=HELLO, headers=headers)
                assert answer.status_code == 401
                assert answer.headers["WWW-Authenticate"] == "Bearer"
                assert TOKEN not in answer.text

        async def work() -> None:
            async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=WAIT) as http:
                transport = streamable_http_client(url, http_client=http)
                async with Client(transport, read_timeout_seconds=WAIT) as client:
                    assert await ids(client) == ["convoy"]

        run(work)


@pytest.mark.parametrize(
    ("options", "token", "said"),
    [
        (["--host", "0.0.0.0"], None, "0.0.0.0 can be reached by other machines: that takes a token"),  # noqa: S104
        (["--host", "192.0.2.1"], None, "192.0.2.1 can be reached by other machines"),
        (["--host", "0.0.0.0"], TOKEN, "say by which names clients call it"),  # noqa: S104
        ([], "short", "a token must be 16 to 512 characters"),
        ([], "aaaaaaaaaaaaaaaaaaaa", "at least 6 of them different"),
    ],
)
def test_what_would_let_in_anybody_is_refused(
    index: Path, options: list[str], token: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if token is not None:
        (tmp_path / "token").write_text(f"{token}\n", encoding="utf-8")
        options = [*options, "--token-file", str(tmp_path / "token")]
    ran = runner(capsys)("mcp", "--index", index, "--http", *options)
    assert (ran.code, ran.out) == (2, "")
    assert said in " ".join(ran.err.split())


def test_options_of_http_are_refused_without_it(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = runner(capsys)("mcp", "--index", index, "--port", 80)
    assert (ran.code, ran.out) == (2, "")
    assert "--port is for --http" in ran.err


def test_the_names_that_are_allowed() -> None:
    assert allowed_names("127.0.0.1", []) == ["127.0.0.1", "localhost", "[::1]"]
    assert allowed_names("192.0.2.1", ["archive.example"])[3:] == ["192.0.2.1", "archive.example"]
    assert allowed_names("::", ["archive.example"])[3:] == ["archive.example"]
    assert [is_loopback(host) for host in ("localhost", "127.8.8.8", "::1", "[::1]")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "localhost.evil.example", "10.0.0.1", "")] == [False] * 5  # noqa: S104


# --- much at once -----------------------------------------------------------------------------------------------


def test_many_calls_at_once_are_all_answered(corpus_index: Path) -> None:
    async def work() -> None:
        with semsearch.open_index(corpus_index) as searcher:
            queries = [
                "legal basis for deployment",
                "who pays for the mission",
                "ticket for trains",
                "bronzes returned",
            ]
            expected = {query: [hit.article.id for hit in searcher.search(query, 3)] for query in queries}
        async with in_memory(corpus_index) as client:

            async def one(query: str) -> None:
                answer, _ = await ask(client, "search", query=query, k=3)
                assert [hit["article"]["id"] for hit in answer["hits"]] == expected[query]

            async with anyio.create_task_group() as group:
                for query in queries * 8:
                    group.start_soon(one, query)

    run(work)


def test_more_calls_than_may_wait_are_refused_and_the_others_answered(index: Path) -> None:
    async def work() -> None:
        outcomes: list[bool | None] = []
        async with in_memory(index, Limits(running=1, waiting=1)) as client:
            await ids(client)

            async def one() -> None:
                result = await client.call_tool("search", {"query": QUERY})
                outcomes.append(result.is_error)
                if result.is_error:
                    assert "too many calls wait for an answer" in str(result.content)

            async with anyio.create_task_group() as group:
                for _ in range(12):
                    group.start_soon(one)
            assert outcomes.count(False) >= 2
            assert outcomes.count(True) >= 1
            assert await ids(client) == ["convoy"]

    run(work)


def test_a_call_that_takes_too_long_is_given_up(index: Path) -> None:
    async def work() -> None:
        async with in_memory(index, Limits(seconds=0.0)) as client:
            assert "no answer within 0 seconds: ask for less" in await refused(client, "search", query=QUERY)

    run(work)


# --- when something is wrong ------------------------------------------------------------------------------------


def test_an_index_that_is_damaged_is_said_without_its_path(index: Path, caplog: pytest.LogCaptureFixture) -> None:
    (generation,) = semsearch.list_generations(index)
    (index / "generations" / generation.id / "manifest.json").write_bytes(b"{")

    async def work() -> None:
        async with in_memory(index) as client:
            said = await refused(client, "search", query=QUERY)
            assert said == "the archive cannot be read: whoever runs this server finds the reason in what it printed"

    run(work)
    assert "manifest.json" in caplog.text


def test_a_newer_generation_that_is_damaged_leaves_the_one_that_answers(
    index: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with in_memory(index, Limits(refresh=0.0)) as client:
            assert await ids(client) == ["convoy"]
            semsearch.build_index(articles("convoy", "ferry"), index)
            newest = semsearch.list_generations(index)[0].id
            (index / "generations" / newest / "manifest.json").write_bytes(b"{")
            assert await ids(client) == ["convoy"]

    run(work)
    assert "the newest generation cannot be opened" in caplog.text


def test_without_the_sdk_it_says_what_to_install(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "mcp" or name == "semsearch.agents._server"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)  # what importing does where it is not installed
    with pytest.raises(semsearch.SemsearchError, match=r'pip install "semsearch\[mcp\]"'):
        serve_http(index)
