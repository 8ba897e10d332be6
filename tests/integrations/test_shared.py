"""What the integrations share: when they are imported, what is said without an extra, and what a passage is called."""

from __future__ import annotations

import concurrent.futures
import copy
import datetime as dt
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import semsearch
from semsearch.integrations._index import AskedIndex, both
from semsearch.integrations._passages import article_path, citation, passage_id, passage_metadata
from semsearch.records import Article, Evidence, Hit, Passage

FRAMEWORKS = {"langchain": "langchain_core", "llama_index": "llama_index", "haystack": "haystack", "mteb": "mteb"}


def _run(script: str) -> str:
    environment = {"PYTHONPATH": str(Path(semsearch.__file__).parents[1]), "HAYSTACK_TELEMETRY_ENABLED": "False"}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    return ended.stdout.strip()


def test_no_framework_is_imported_before_its_module_is() -> None:
    names = {*FRAMEWORKS.values(), "numpy", "faiss", "torch"}
    script = (
        "import sys, semsearch, semsearch.integrations, semsearch.cli\n"
        "from semsearch.integrations import _index, _passages\n"
        f"print(sorted({names!r} & sys.modules.keys()))"
    )
    assert _run(script) == "[]"


@pytest.mark.parametrize(("module", "package"), FRAMEWORKS.items())
def test_a_framework_that_is_missing_is_told_with_what_brings_it(module: str, package: str) -> None:
    script = (
        f"import sys; sys.modules[{package!r}] = None\n"
        f"try:\n    import semsearch.integrations.{module}\n"
        "except ImportError as error:\n    print(error)"
    )
    extra = module.replace("_", "-")
    assert _run(script) == (
        f'semsearch.integrations.{module} needs "{extra}" support: pip install "semsearch[{extra}]"'
    )


def _hit(article: Article, text: str, *, paragraph: int = 1) -> Hit:
    start = article.text.index(text)
    return Hit(3, 0.12345678, Passage(text, paragraph, start, start + len(text)), article, Evidence(text, start, 4))


def test_a_passage_of_a_page() -> None:
    article = Article(
        id="report.pdf",
        text="First page.\n\nSecond page.",
        title="A report",
        published=dt.date(2020, 2, 1),
        metadata={"pages": [[0, "i"], [13, "ii"]], "author": "N. N.", "empty": [], "page": 7, "rank": "general"},
    )
    hit = _hit(article, "Second page.", paragraph=2)
    assert passage_id(hit) == "report.pdf#char=13,25"
    assert citation(hit) == "2020-02-01, “A report”, p. ii, paragraph 2"
    assert passage_metadata(hit, rank=1, generation="7") == {
        "article_id": "report.pdf",
        "title": "A report",
        "published": "2020-02-01",
        "paragraph": 2,
        "page": "ii",
        "start": 13,
        "end": 25,
        "rank": 1,
        "score": 0.123457,
        "evidence": "Second page.",
        "citation": "2020-02-01, “A report”, p. ii, paragraph 2",
        "generation": "7",
        "author": "N. N.",
        "metadata": {"page": 7, "rank": "general"},
    }


def test_pages_that_are_none_are_metadata_like_others() -> None:
    article = Article(id="book", text="One page.", metadata={"pages": 320})
    assert passage_metadata(_hit(article, "One page."), rank=1, generation=None)["pages"] == 320


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("article_id", ("id",)),
        ("date", ("published",)),
        ("source", ("source",)),
        ("section.name", ("metadata", "section", "name")),
        ("metadata.title", ("metadata", "title")),
    ],
)
def test_a_name_is_a_field_of_filters(name: str, path: tuple[str, ...]) -> None:
    assert article_path(name) == path


def test_two_filters_both_hold() -> None:
    assert both(None, None) is None
    assert str(both("source = a", None)) == str(both(None, "source = a")) == 'source = "a"'
    assert str(both("source = a", semsearch.field("date") > 2020)) == 'source = "a" and published > 2020'


def test_another_process_opens_the_index_by_its_name(archive_index: Path) -> None:
    asked = AskedIndex(archive_index)
    found = asked.search("treaty", 1)  # so that it is open
    again = pickle.loads(pickle.dumps(asked))  # noqa: S301 - our own
    assert again is not asked
    assert again.search("treaty", 1) == found
    with semsearch.open_index(archive_index) as searcher, pytest.raises(ValueError, match="cannot be written down"):
        pickle.dumps(AskedIndex(searcher))
    with pytest.raises(ValueError, match="must not be written down") as refused:
        pickle.dumps(AskedIndex("postgresql://reader:hunter2@localhost/news?index=archive"))
    assert "hunter2" not in str(refused.value)
    asked.close()
    again.close()


def test_it_may_be_closed_while_it_is_asked(archive_index: Path) -> None:
    asked = AskedIndex(archive_index)
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        answers = [threads.submit(asked.search, "treaty", 1) for _ in range(100)]
        while not all(answer.done() for answer in answers):
            asked.close()
    assert len({answer.result().hits[0].passage for answer in answers}) == 1
    asked.close()
    with asked.searcher() as (searcher, _):
        asked.close()
        assert searcher.search("treaty", 1)
    with pytest.raises(ValueError, match="closed"):
        searcher.search("treaty", 1)


def test_a_copy_asks_the_same_index(archive_index: Path) -> None:
    asked = AskedIndex(archive_index)
    assert copy.deepcopy(asked) is AskedIndex.of(asked) is asked
    assert asked.name == str(archive_index)
    assert asked.search("treaty", 1).generation == semsearch.list_generations(archive_index)[0].id
    with semsearch.open_index(archive_index) as searcher:
        assert AskedIndex(searcher).search("treaty", 1).generation is None
    asked.close()
    asked.close()
