"""A newer generation is taken while clients ask, and none of them notices; one that is damaged is said."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

import semsearch
from semsearch.records import Article
from semsearch.serving import Settings
from tests.serving.servers import PATIENCE, Served, in_thread, wait_for


def articles(count: int) -> list[Article]:
    return [
        Article(
            id=f"convoy {n}", text=f"The convoy with the number {n} crossed the river before dawn.", source=f"Wire {n}"
        )
        for n in range(count)
    ]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    semsearch.build_index(articles(1), tmp_path / "index")
    return tmp_path / "index"


def get(served: Served, path: str, **parameters: Any) -> Any:
    answer = httpx.get(served.at(f"/api/v1/{path}"), params=parameters, timeout=PATIENCE, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_what_is_published_is_found_and_no_answer_that_was_kept_is_given_again(index: Path) -> None:
    with in_thread(index, Settings(refresh=0.05)) as served:
        before = get(served, "search", q="which convoy", k=10)
        assert len(before["hits"]) == 1
        semsearch.build_index(articles(3), index)
        wait_for(lambda: get(served, "health")["generation"] != before["generation"])
        after = get(served, "search", q="which convoy", k=10)
        assert len(after["hits"]) == 3
        assert after["generation"] == get(served, "status")["generation"] == semsearch.list_generations(index)[0].id
        assert len(get(served, "sources")["sources"]) == get(served, "status")["articles"] == 3


def test_no_request_is_dropped_while_generations_are_published(index: Path) -> None:
    builds, clients = 6, 6
    seen: Counter[int] = Counter()
    failures: list[str] = []
    ended = threading.Event()

    def ask(number: int) -> None:
        with httpx.Client(base_url=served.at(""), timeout=PATIENCE, trust_env=False) as client:
            turn = 0
            while not ended.is_set():
                turn += 1
                question = f"convoy {turn % 5} of client {number}"
                answer = client.get("/api/v1/search", params={"q": question, "k": 100, "fold_duplicates": False})
                if answer.status_code != 200:
                    failures.append(answer.text)
                    continue
                body = answer.json()
                seen[len(body["hits"])] += 1
                known = expected.get(body["generation"])
                if known is not None and known != len(body["hits"]):
                    failures.append(f"{len(body['hits'])} hits, not {known}")

    expected: dict[str, int] = {semsearch.list_generations(index)[0].id: 1}
    with in_thread(index, Settings(refresh=0.05, waiting=100, timeout=PATIENCE)) as served:
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        for count in range(2, builds + 2):
            semsearch.build_index(articles(count), index)
            newest = semsearch.list_generations(index)[0].id
            expected[newest] = count
            wait_for(lambda newest=newest: served.app.archive.generation == newest)  # type: ignore[misc]
            wait_for(lambda count=count: seen[count] > clients)  # type: ignore[misc]
        ended.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert failures == []
    assert sorted(seen) == list(range(1, builds + 2))


def test_a_generation_that_is_damaged_is_said_and_the_one_before_answers(
    index: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with in_thread(index, Settings(refresh=0.05)) as served:
        before = get(served, "health")
        assert before["warnings"] == []
        pointer, content = damaged(index)
        wait_for(lambda: get(served, "health")["warnings"] != [])
        (warning,) = get(served, "status")["warnings"]
        assert warning.startswith("a newer generation cannot be opened (IndexCorruptError): this one answers until")
        assert str(index) not in warning
        answer = get(served, "search", q="which convoy")
        assert (len(answer["hits"]), answer["generation"]) == (1, before["generation"])
        assert answer["warnings"] == [warning]
        assert len([one for one in caplog.records if "goes on answering" in one.message]) == 1  # not every time
        assert "articles.sqlite" in caplog.text
        pointer.write_bytes(content)
        wait_for(lambda: get(served, "health")["warnings"] == [])
        assert len(get(served, "search", q="which convoy")["hits"]) == 3


def damaged(index: Path) -> tuple[Path, bytes]:
    """Publish a generation of three articles with one file damaged; return the file, and what mends it."""
    fresh = index.with_name("fresh")
    semsearch.build_index(articles(3), fresh)
    generation = semsearch.list_generations(fresh)[0].id
    target = index / "generations" / generation
    (fresh / "generations" / generation).rename(target)
    archive = target / "articles.sqlite"
    content = archive.read_bytes()
    archive.write_bytes(content[: len(content) // 2])
    for pointer in fresh.iterdir():
        if pointer.is_file() and generation.encode() in pointer.read_bytes():
            (index / pointer.name).write_bytes(pointer.read_bytes())
    return archive, content
