"""``semsearch serve`` as people start and end it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

import semsearch
from semsearch.errors import SemsearchError
from semsearch.serving import DEFAULT_PORT, make_app
from tests.command import Run, runner
from tests.serving.servers import PATIENCE, TOKEN, Held, command, in_thread, wait_for


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


def test_it_says_where_and_answers_there_until_it_is_interrupted(corpus_index: Path, tmp_path: Path) -> None:
    browser = recording_browser(tmp_path)
    with command(corpus_index, environment={"BROWSER": f"{browser} %s"}) as started:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", started.url)
        assert httpx.get(started.at("/api/v1/health"), trust_env=False).json()["status"] == "ok"
        code, rest = started.end(signal.SIGINT)
        assert (code, rest) == (0, "")
        with pytest.raises(httpx.ConnectError):
            httpx.get(started.at("/api/v1/health"), trust_env=False)
    assert not browser.with_suffix(".opened").exists()  # there is no terminal


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_who_is_answered_when_it_is_told_to_end_is_answered(corpus_index: Path) -> None:
    answers = []

    def ask(number: int) -> None:
        with contextlib.suppress(httpx.TransportError):  # of those that are not taken in any more
            answers.append(
                httpx.get(
                    started.at("/api/v1/search"), params={"q": f"question {number}"}, timeout=PATIENCE, trust_env=False
                )
            )

    with command(corpus_index, "--threads", "1") as started:
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(answers) > 2)
        code, rest = started.end(signal.SIGTERM)
        for thread in threads:
            thread.join(PATIENCE)
    assert (code, rest) == (0, "")
    assert {answer.status_code for answer in answers} == {200}


def test_a_search_that_runs_when_the_server_is_to_end_is_answered(held: tuple[Held, semsearch.LiveIndex]) -> None:
    reranker, live = held
    with in_thread(live) as served, ThreadPoolExecutor(1) as clients:
        running = clients.submit(httpx.get, served.at("/api/v1/search?q=mission"), timeout=PATIENCE, trust_env=False)
        assert reranker.asked.acquire(timeout=PATIENCE)
        served.server.should_exit = True
        wait_for(lambda: not is_listening(served.address))
        reranker.let.set()
        assert running.result(PATIENCE).status_code == 200


def is_listening(address: tuple[str, int]) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=PATIENCE):
        return True
    return False


def test_a_browser_is_opened_where_it_is_wanted(corpus_index: Path, tmp_path: Path) -> None:
    browser = recording_browser(tmp_path)
    with command(corpus_index, "--open", environment={"BROWSER": f"{browser} %s"}) as started:
        wait_for(browser.with_suffix(".opened").exists)
        assert browser.with_suffix(".opened").read_text().strip() == started.url


def recording_browser(folder: Path) -> Path:
    """Return a program that writes down what it was to open."""
    browser = folder / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{browser}.part" && mv "{browser}.part" "{browser}.opened"\n')
    browser.chmod(0o700)
    return browser


def test_a_token_comes_from_a_file_or_the_environment_and_goes_into_no_log(corpus_index: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    for options, environment in ((["--token-file", str(file)], {}), ([], {"SEMSEARCH_TOKEN": TOKEN})):
        with command(corpus_index, *options, environment=environment) as started:
            assert started.url.endswith(f"/?token={TOKEN}")
            assert httpx.get(started.at("/api/v1/health"), trust_env=False).status_code == 401
            assert httpx.get(started.at("/"), params={"token": TOKEN}, trust_env=False).status_code == 303
            for shown in (TOKEN, "wrong"):
                httpx.get(started.at("/api/v1/health"), headers={"Authorization": f"Bearer {shown}"}, trust_env=False)
            with socket.create_connection(("127.0.0.1", int(started.at("").rpartition(":")[2]))) as connection:
                connection.sendall(f"GET /?token={TOKEN} HTTP/9\r\n\r\n".encode())
                assert connection.recv(100).startswith(b"HTTP/1.1 400")
            code, rest = started.end()
        assert code == 0
        assert TOKEN not in rest
        assert "Invalid HTTP request" in rest


def test_other_names_are_answered_when_they_are_allowed(corpus_index: Path) -> None:
    with command(corpus_index, "--allow-host", "News.Example.org") as started:
        for host, status in (("news.example.org", 200), ("other.example.org", 421)):
            answer = httpx.get(started.at("/api/v1/health"), headers={"Host": host}, trust_env=False)
            assert answer.status_code == status


def test_a_port_in_use_is_named_with_the_remedy(run: Run, corpus_index: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = run("serve", "--index", corpus_index, "--port", port, "--no-open")
    assert ran.code == 1
    message = ran.failure()
    assert message.startswith(f"cannot listen on 127.0.0.1, port {port}: ")
    assert message.endswith("name another --port (0 takes one that is free), or another --host")


def test_an_address_that_is_not_of_this_machine_is_named(run: Run, corpus_index: Path) -> None:
    for host in ("192.0.2.1", "no-such-host.invalid"):
        assert (
            f"cannot listen on {host}, port {DEFAULT_PORT}: "
            in run("serve", "-i", corpus_index, "--host", host).failure()
        )


def test_an_index_that_is_not_there_is_said_before_anything_is_started(run: Run, tmp_path: Path) -> None:
    ran = run("serve", "--index", tmp_path / "nowhere", "--port", 0)
    assert ran.code == 3
    assert "nowhere" in ran.failure()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--token-file", "{folder}/missing"], "No such file"),
        (["--token-file", "{folder}/weak"], "a token must be 16 to 512 characters"),
        (["--allow-host", "*"], "'*' is not the name of a host"),
        (["--threads", "0"], "x>=1"),
        (["--timeout", "0"], "x>0"),
        (["--timeout", "nan"], "timeout must be a number"),
        (["--port", "65536"], "0<=x<=65535"),
        (["--rate", "-1"], "x>=0"),
    ],
)
def test_options_that_make_no_sense_are_refused(run: Run, tmp_path: Path, options: list[str], message: str) -> None:
    (tmp_path / "weak").write_text("secret")
    ran = run("serve", *(option.format(folder=tmp_path) for option in options))
    assert (ran.code, ran.out) == (2, "")
    assert message in " ".join(ran.err.split())


def test_a_weak_token_in_the_environment_is_refused_and_not_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMSEARCH_TOKEN", "hunter2")
    ran = run("serve")
    assert ran.code == 2
    assert "SEMSEARCH_TOKEN" in ran.err
    assert "hunter2" not in ran.err


def test_without_the_extra_what_brings_it_is_said(corpus_index: Path, tmp_path: Path) -> None:
    (tmp_path / "fastapi.py").write_text("raise ModuleNotFoundError(\"No module named 'fastapi'\", name='fastapi')\n")
    ended = subprocess.run(
        [sys.executable, "-m", "semsearch", "serve", "--index", str(corpus_index), "--port", "0"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr == 'semsearch: a server needs fastapi: pip install "semsearch[serve]"\n'


def test_an_application_can_be_mounted_in_another(corpus_index: Path) -> None:
    from starlette.applications import Starlette
    from starlette.routing import Mount
    from starlette.testclient import TestClient

    with make_app(corpus_index) as app:
        outer = Starlette(routes=[Mount("/archive", app)])
        client = TestClient(outer, base_url="http://localhost")
        assert client.get("/archive/api/v1/health").json()["status"] == "ok"
        assert client.get("/archive/").headers["content-type"] == "text/html; charset=utf-8"
        assert client.get("/archive/page/nothing").status_code == 404
        assert client.get("/archive/api/v1/search", params={"q": "mission", "k": 2}).json()["hits"][1]["rank"] == 2
        assert client.delete("/archive/api/v1/search").headers["allow"] == "GET, POST"
    assert client.get("/archive/api/v1/sources").status_code == 503  # it is closed


def test_an_application_of_no_index_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SemsearchError, match="nowhere"):
        make_app(tmp_path / "nowhere")


def test_an_index_that_is_open_can_be_served_and_is_closed_with_it(corpus_index: Path) -> None:
    live = semsearch.LiveIndex(corpus_index)
    with make_app(live):
        pass
    with live.searcher() as searcher, pytest.raises(Exception, match=r"closed|Cannot operate"):
        searcher.article("anything")
