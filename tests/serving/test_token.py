"""Whom a server answers that has a token, and that one that others can reach has one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from semsearch.serving import Settings, check_token
from semsearch.serving._checks import cookie_value
from tests.serving.servers import PATIENCE, TOKEN, Served, exchange, in_thread, status_of


@pytest.fixture(scope="module")
def guarded(corpus_index: Path) -> Iterator[Served]:
    with in_thread(corpus_index, Settings(token=TOKEN)) as one:
        yield one


@pytest.fixture
def browser(guarded: Served) -> Iterator[httpx.Client]:
    """A client that keeps cookies."""
    with httpx.Client(base_url=guarded.at(""), timeout=PATIENCE, trust_env=False) as one:
        yield one


API = [
    "/api/v1/search?q=x",
    "/api/v1/article?id=x",
    "/api/v1/status",
    "/api/v1/health",
    "/api/openapi.json",
    "/api/x",
    "/x",
]


def test_without_the_token_nothing_of_the_archive_is_told(browser: httpx.Client) -> None:
    for path in API:
        answer = browser.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="semsearch"'
        assert answer.json()["detail"].startswith("a token is needed: open the address that the server printed")
    assert browser.post("/api/v1/search", json={"query": "x"}).status_code == 401


def test_the_pages_own_files_are_no_secret(browser: httpx.Client) -> None:
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize(
    "shown",
    [
        *[
            "",
            "Bearer",
            "Bearer ",
            f"Basic {TOKEN}",
            TOKEN,
            f"Bearer {TOKEN}x",
            f"Bearer {TOKEN[:-1]}",
            "Bearer \xff\xfe",
        ],
        f"Bearer {TOKEN.upper()}",
    ],
)
def test_what_is_not_the_token_is_refused(guarded: Served, shown: str) -> None:
    head = f"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {shown}\r\n\r\n"
    assert status_of(exchange(guarded.address, head.encode("latin-1"))) == 401


def test_the_token_opens_the_api(browser: httpx.Client) -> None:
    for shown in (f"Bearer {TOKEN}", f"bearer  {TOKEN}"):
        answer = browser.get("/api/v1/search?q=x&k=1", headers={"Authorization": shown})
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers


def test_the_page_opened_with_the_token_keeps_a_cookie_and_not_the_token(browser: httpx.Client) -> None:
    answer = browser.get("/", params={"q": "a & b", "token": TOKEN, "k": "3"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?q=a+%26+b&k=3")
    cookie = answer.headers["set-cookie"]
    assert TOKEN not in cookie
    assert re.fullmatch(r"semsearch_\d+=[0-9a-f]{64}; HttpOnly; Max-Age=2592000; Path=/; SameSite=strict", cookie)
    assert browser.get("/api/v1/search?q=x&k=1").status_code == 200
    (own,) = browser.cookies.items()
    browser.cookies.clear()
    beside = {"Cookie": f'other="{{x; y}}"; {own[0]}={own[1]}; a,b=[1]'}  # as other programs on this machine leave them
    assert browser.get("/api/v1/health", headers=beside).status_code == 200
    browser.cookies.set(*own)
    assert browser.get("/api/v1/search?q=x&k=1", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_a_cookie_that_was_made_up_is_refused(guarded: Served) -> None:
    name = f"semsearch_{guarded.address[1]}"
    for value in (TOKEN, "", "x", cookie_value(TOKEN)[:-1], cookie_value(TOKEN + "x"), '"', "\xff"):
        head = f"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {name}={value}\r\n\r\n"
        assert status_of(exchange(guarded.address, head.encode("latin-1"))) == 401


def test_a_cookie_of_another_port_locks_nobody_out(guarded: Served) -> None:
    name = f"semsearch_{guarded.address[1]}"
    for cookies in ([f"{name}=x; {name}={cookie_value(TOKEN)}"], [f"{name}=x", f"{name}={cookie_value(TOKEN)}"]):
        lines = "".join(f"Cookie: {each}\r\n" for each in cookies)
        head = f"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n"
        assert status_of(exchange(guarded.address, head.encode())) == 200


def test_a_wrong_token_in_the_address_opens_nothing(browser: httpx.Client) -> None:
    for query in ("token=", "token=wrong", f"token=wrong&token={TOKEN}"):
        answer = browser.get(f"/?{query}")
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
    assert browser.get(f"/api/v1/health?token={TOKEN}").status_code == 401  # only the page is opened so


def test_guesses_are_counted(corpus_index: Path) -> None:
    with in_thread(corpus_index, Settings(token=TOKEN, rate=0.01, burst=3)) as served:
        with httpx.Client(base_url=served.at(""), trust_env=False, timeout=PATIENCE) as client:
            by_header = client.get("/api/v1/health", headers={"Authorization": "Bearer wrong"})
            by_page = [client.get("/?token=wrong").status_code for _ in range(3)]
        assert [by_header.status_code, *by_page] == [401, 401, 401, 429]


def test_over_tls_the_cookie_is_for_tls_alone(corpus_index: Path) -> None:
    with in_thread(corpus_index, Settings(token=TOKEN), proxies=["127.0.0.1"]) as served:
        answer = httpx.get(
            served.at("/"), params={"token": TOKEN}, headers={"X-Forwarded-Proto": "https"}, trust_env=False
        )
        assert "; Secure" in answer.headers["set-cookie"]
        origin = served.at("").replace("http:", "https:")
        answer = httpx.get(
            served.at("/api/v1/health"), headers={"Origin": origin, "Authorization": f"Bearer {TOKEN}"}, trust_env=False
        )
        assert answer.status_code == 200


def test_without_a_token_one_in_the_address_is_taken_off(client: httpx.Client) -> None:
    answer = client.get("/?token=anything&q=x")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?q=x")
    assert "set-cookie" not in answer.headers


def test_who_others_can_reach_has_a_token_a_rate_and_answers_by_address(corpus_index: Path) -> None:
    with in_thread(corpus_index, host="0.0.0.0") as served:  # noqa: S104 - that is what is tested
        token = served.url.partition("?token=")[2]
        assert re.fullmatch(r"[\w-]{43}", token)
        port = served.address[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE) as client:
            assert client.get("/api/v1/health").status_code == 401
            known = {"Authorization": f"Bearer {token}"}
            assert client.get("/api/v1/health", headers=known).status_code == 200
            assert client.get("/api/v1/health", headers={**known, "Host": "192.0.2.1"}).status_code == 200
            assert client.get("/api/v1/health", headers={**known, "Host": "evil.example"}).status_code == 421
            statuses = [client.get("/api/v1/health", headers=known).status_code for _ in range(400)]
            assert statuses[:50] == [200] * 50
            assert 429 in statuses


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("short", "16 to 512 characters"),
        ("a" * 40, "at least 6 of them different"),
        ("abcabcabcabcabcabc", "at least 6 of them different"),
        ("x7Kq" * 200, "16 to 512 characters"),
        ("a token with spaces in it", "without spaces"),
        ("tökens-are-sent-in-a-header", "printable ASCII"),
        ("a-token-with-a\x00-in-it", "printable ASCII"),
        ("", "16 to 512 characters"),
    ],
)
def test_a_token_that_is_easily_guessed_is_refused_and_not_shown(token: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        check_token(token)
    assert not token or token not in str(refused.value)
    with pytest.raises(ValueError, match=message):
        Settings(token=token)


def test_hosts_are_known_however_they_are_written() -> None:
    written = ["News.Example.org.", "[2001:DB8::1]", "192.0.2.1"]
    assert set(Settings(hosts=written).hosts) == {"news.example.org", "2001:db8::1", "192.0.2.1"}


def test_settings_do_not_show_the_token() -> None:
    assert TOKEN not in repr(Settings(token=TOKEN))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threads": 0}, "threads must be a whole number of at least 1"),
        ({"waiting": -1}, "waiting"),
        ({"timeout": 0}, "timeout and refresh must be above 0"),
        ({"timeout": float("nan")}, "timeout must be a number"),
        ({"rate": -1}, "rate must be a number"),
        ({"burst": 0}, "burst"),
        ({"cache_bytes": 1.5}, "cache_bytes"),
        ({"hosts": "localhost"}, "hosts must be a list of names"),
        ({"hosts": ["http://news.example.org"]}, "is not the name of a host"),
        ({"hosts": ["news.example.org:443"]}, "write it without a port"),
        ({"hosts": ["*"]}, "is not the name of a host"),
        ({"hosts": [""]}, "is not the name of a host"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(**settings)  # type: ignore[arg-type]
