"""Every limit, provoked: what is too long, too often, too many at once and too slow."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

import semsearch
from semsearch.serving import Settings
from semsearch.serving._rates import Rates, client_key
from tests.serving.servers import PATIENCE, Held, Served, exchange, in_thread, status_of, wait_for


def search(served: Served, query: str) -> httpx.Response:
    return httpx.get(served.at("/api/v1/search"), params={"q": query, "k": 1}, timeout=PATIENCE, trust_env=False)


def test_more_searches_than_may_wait_are_told_to_come_again_at_once(held: tuple[Held, semsearch.LiveIndex]) -> None:
    reranker, live = held
    with (
        in_thread(live, Settings(threads=1, waiting=1, timeout=PATIENCE)) as served,
        ThreadPoolExecutor(2) as clients,
    ):
        running = clients.submit(search, served, "the first")
        assert reranker.asked.acquire(timeout=PATIENCE)
        waiting = clients.submit(search, served, "the second")
        wait_for(lambda: len(served.app._desk) == 2)
        third = search(served, "the third")
        assert (third.status_code, third.headers["retry-after"]) == (503, "1")
        assert third.json()["detail"] == "too many searches are waiting: try again"
        # What needs no search is answered meanwhile.
        assert httpx.get(served.at("/api/v1/health"), trust_env=False).status_code == 200
        reranker.let.set()
        assert [one.result(PATIENCE).status_code for one in (running, waiting)] == [200, 200]
        assert search(served, "the third").status_code == 200


def test_a_search_that_takes_too_long_is_given_up_and_keeps_its_place(held: tuple[Held, semsearch.LiveIndex]) -> None:
    reranker, live = held
    with in_thread(live, Settings(threads=1, waiting=1, timeout=0.5)) as served:
        slow = search(served, "the first")
        assert (slow.status_code, slow.headers["retry-after"]) == (503, "5")
        assert slow.json()["detail"] == "the search took more than 0.5 seconds"
        assert len(served.app._desk) == 1  # a thread cannot be ended
        assert search(served, "the second").status_code == 503  # it has waited, and is not done later
        assert len(served.app._desk) == 1
        reranker.let.set()
        wait_for(lambda: len(served.app._desk) == 0)
        assert search(served, "the third").status_code == 200
        assert reranker.asked.acquire(timeout=PATIENCE)  # by the first
        assert reranker.asked.acquire(timeout=PATIENCE)  # by the third
        assert not reranker.asked.acquire(blocking=False)


def test_what_nobody_waits_for_any_more_is_not_asked(held: tuple[Held, semsearch.LiveIndex]) -> None:
    reranker, live = held
    with in_thread(live, Settings(threads=1, timeout=PATIENCE)) as served, ThreadPoolExecutor(1) as clients:
        running = clients.submit(search, served, "the first")
        assert reranker.asked.acquire(timeout=PATIENCE)
        body = b'{"query": "the third"}'
        get = b"GET /api/v1/search?q=second HTTP/1.1\r\nHost: localhost\r\n\r\n"
        post = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
        with socket.create_connection(served.address) as one, socket.create_connection(served.address) as other:
            one.sendall(get)
            other.sendall(post)
            wait_for(lambda: len(served.app._desk) == 3)
        wait_for(lambda: len(served.app._desk) == 1)  # as one types, the page gives up what it asked before
        reranker.let.set()
        assert running.result(PATIENCE).status_code == 200
        assert not reranker.asked.acquire(blocking=False)


def test_a_client_that_asks_too_often_is_told_when_to_come_again(corpus_index: Path) -> None:
    with in_thread(corpus_index, Settings(rate=0.05, burst=3)) as served:
        statuses = []
        for _ in range(5):
            answer = httpx.get(served.at("/api/v1/health"), trust_env=False, timeout=PATIENCE)
            statuses.append(answer.status_code)
        assert statuses == [200, 200, 200, 429, 429]
        assert 10 < int(answer.headers["retry-after"]) <= 20
        assert answer.json()["detail"] == "more than 0.05 requests a second: wait"
        # The page's files are no questions.
        assert httpx.get(served.at("/"), trust_env=False).status_code == 200


def test_behind_a_proxy_each_client_is_counted(corpus_index: Path) -> None:
    def ask(served: Served, client: str) -> int:
        return httpx.get(
            served.at("/api/v1/health"), headers={"X-Forwarded-For": client}, trust_env=False, timeout=PATIENCE
        ).status_code

    with in_thread(corpus_index, Settings(rate=0.01, burst=1), proxies=["127.0.0.1"]) as served:
        assert [ask(served, client) for client in ("192.0.2.1", "192.0.2.1", "192.0.2.2")] == [200, 429, 200]
    with in_thread(corpus_index, Settings(rate=0.01, burst=1)) as served:  # nobody is believed
        assert [ask(served, client) for client in ("192.0.2.1", "192.0.2.2")] == [200, 429]


HEAD = b"POST /api/v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"


@pytest.mark.parametrize("size", [64 * 1024 + 1, 300_000, 5_000_000])
def test_a_body_that_is_too_long_is_refused_with_and_without_its_length(served: Served, size: int) -> None:
    body = b'{"query": "' + b"x" * (size - 13) + b'"}'
    assert len(body) == size
    with_length = HEAD + b"Content-Length: %d\r\n\r\n" % size
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in (body[at : at + 8000] for at in range(0, size, 8000))]
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    for sent in ([with_length, body], [chunked, *chunks, b"0\r\n\r\n"]):
        answer = exchange(served.address, *sent)
        # Who sends megabytes more after the answer may find the connection closed before reading it.
        assert (size > 2**20 and answer == b"") or status_of(answer) == 413


def test_a_length_that_is_a_lie_is_no_memory(served: Served) -> None:
    assert status_of(exchange(served.address, HEAD + b"Content-Length: 99999999999999999\r\n\r\n", b"{")) == 413


def test_a_body_of_the_longest_length_is_read(served: Served) -> None:
    body = b'{"query": "x", "k": 1}'
    body += b" " * (64 * 1024 - len(body))
    for head in (
        b"Content-Length: 65536\r\n\r\n" + body,
        b"Transfer-Encoding: chunked\r\n\r\n10000\r\n" + body + b"\r\n0\r\n\r\n",
    ):
        assert status_of(exchange(served.address, HEAD + head)) == 200


def test_a_get_with_a_body_is_bounded_too(served: Served) -> None:
    head = b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    assert status_of(exchange(served.address, head + b"Content-Length: 2\r\n\r\nhi")) == 200
    assert status_of(exchange(served.address, head + b"Content-Length: 70000\r\n\r\n" + b"x" * 70_000)) == 413


# --- answers that are kept ---------------------------------------------------------------------------------------


def test_what_is_kept_is_counted_with_what_it_takes_beside(corpus_index: Path) -> None:
    with in_thread(corpus_index, Settings(cache_bytes=10_000)) as served, httpx.Client(trust_env=False) as client:
        for number in range(30):  # questions of many kilobytes, whose answers are short
            sources = [f"{number} {at} " + "x" * 500 for at in range(100)]
            body = {"query": "x", "sources": sources}
            answer = client.post(served.at("/api/v1/search"), json=body, timeout=PATIENCE)
            assert (answer.status_code, answer.json()["hits"]) == (200, [])
        kept = served.app.archive.cache
        assert 0 < len(kept) <= 10_000 // 400
        assert kept.get(b"nothing of this") is None


def test_questions_that_differ_are_never_answered_alike(served: Served) -> None:
    def ask(**given: object) -> object:
        answer = httpx.post(served.at("/api/v1/search"), json={"query": "bridge", "k": 3, **given}, trust_env=False)
        return answer.json().get("hits", answer.status_code)

    for _ in range(2):  # the second time from memory
        assert ask(where='tags = "elections"') != ask(where='not tags = "elections"')
        assert ask(sources=["Northgate Wire"]) != ask(sources=["Civic Record"])
        assert ask(min_score=0) != ask(min_score=10_000)
        assert ask(explain=True) != ask()
        assert ask(query="bridge', k=3") != ask()


# --- buckets -----------------------------------------------------------------------------------------------------


def test_a_bucket_fills_up_again() -> None:
    now = 100.0
    rates = Rates(2.0, 3, clock=lambda: now)
    assert [rates.wait("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert rates.wait("b") == 0.0
    now += 0.25
    assert rates.wait("a") == 0.25  # who is refused has taken nothing
    now += 0.25
    assert [rates.wait("a") for _ in range(2)] == [0.0, 0.5]
    now += 1000
    assert [rates.wait("a") > 0 for _ in range(4)] == [False, False, False, True]


def test_clients_are_forgotten_in_the_end() -> None:
    rates = Rates(1.0, 1, clock=lambda: 0.0)
    for client in range(10_500):
        rates.wait(str(client))
    assert len(rates) == 10_000


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("no address", "no address"),
    ],
)
def test_what_a_client_is_counted_by(address: str, key: str) -> None:
    assert client_key(address) == key
