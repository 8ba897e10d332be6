"""The benchmark of the server: what it asks, and what it says of the answers."""

from __future__ import annotations

from itertools import islice, pairwise
from pathlib import Path

import pytest

from benchmarks.serving import Load, load, questions_of, summarise
from tests.serving.servers import in_thread

TEXTS = ["who pays for it", "legal basis"]


def test_what_is_asked_is_what_it_is_called() -> None:
    assert list(islice(questions_of("again", TEXTS), 5)) == [*TEXTS, *TEXTS, TEXTS[0]]
    assert len(set(islice(questions_of("different", TEXTS), 1000))) == 1000
    typed = list(islice(questions_of("typing", TEXTS), 50))
    assert set(typed) == {"who", "who pays", "who pays for", "who pays for it", "legal", "legal basis"}
    assert all(after.startswith(f"{before} ") or before in TEXTS for before, after in pairwise(typed))
    with pytest.raises(ValueError, match="mix must be one of different, typing, again, beyond, not 'random'"):
        questions_of("random", TEXTS)


def test_the_same_seed_asks_the_same() -> None:
    for mix in ("different", "typing"):
        assert list(islice(questions_of(mix, TEXTS, 3), 20)) == list(islice(questions_of(mix, TEXTS, 3), 20))


def test_answers_are_counted() -> None:
    found = summarise(
        {
            "answers": [(0.1 * n, 0.001 * (n + 1), 200 if n else 503, n > 4) for n in range(20)],
            "errors": {"TimeoutError": 1},
            "generations": 2,
            "wall_seconds": 2.0,
            "cpu_seconds": 0.5,
        }
    )
    assert found["requests"] == 20
    assert found["statuses"] == {"200": 19, "503": 1}
    assert found["errors"] == {"TimeoutError": 1}
    assert (found["per_second"], found["answered_per_second"]) == (10.0, 9.5)
    assert found["asked_before"] == 0.75
    assert found["milliseconds"] == {"p50": 10.0, "p95": 19.0, "p99": 20.0, "p99.9": 20.0, "max": 20.0}
    assert found["requests_of_each_second"] == [10, 10]


def test_a_server_is_asked_and_an_answer_that_does_not_come_is_an_error(corpus_index: Path) -> None:
    with in_thread(corpus_index) as served:
        found = load(served.url, Load("lexical", "again", 1.0, 2, 20.0), TEXTS)
        assert found["generations"] == 1
        assert {status for _, _, status, _ in found["answers"]} == {200}
        assert found["errors"] == {}
        assert 2 <= len(found["answers"]) <= 30
    gone = load(served.url, Load("lexical", "again", 0.2, 1, 20.0), TEXTS)
    assert gone["answers"] == []
    assert gone["errors"]["ConnectionRefusedError"] >= 1
