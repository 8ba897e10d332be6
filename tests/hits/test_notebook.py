"""A search in a real notebook, run by a real kernel."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from lxml import html
from nbclient import NotebookClient

import semsearch
from semsearch.records import Article
from tests.hits.articles import HOSTILE

pytestmark = pytest.mark.filterwarnings("default")  # what the kernel's client warns of is its own


def run(code: list[str], folder: Path) -> list[dict[str, str]]:
    """Run cells, and return what each shows, by its type."""
    cells = [nbformat.v4.new_code_cell(cell) for cell in code]  # type: ignore[no-untyped-call]
    notebook = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=300, startup_timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    return [cell.outputs[0].data if cell.outputs else {} for cell in notebook.cells]


def test_a_search_is_shown_as_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    articles = [
        Article(id="evil", text=HOSTILE, title="<b>Evil</b>"),
        Article(id="quiet", text="The bridge over the river stays shut.\n\nIt opens again in spring."),
    ]
    semsearch.build_index(articles, tmp_path / "index")
    shown = run(
        [
            "import semsearch\nsearcher = semsearch.open_index('index')",
            "searcher.search('the answer stands here', where='id = evil')",
            "searcher.search('when does the bridge open', k=1)[0].evidence.text",
            "searcher.search('when does the bridge open').to_pandas()",
            "searcher.close()",
        ],
        tmp_path,
    )
    page = html.fragment_fromstring(shown[1]["text/html"], create_parent="div")
    assert [caption.text for caption in page.xpath(".//caption")] == ["2 passages for “the answer stands here”"]
    assert page.xpath(".//script | .//img | .//b") == []
    assert "<script>alert('passage')</script>" in page.text_content()
    assert "<b>Evil</b>" in page.text_content()
    assert shown[1]["text/plain"].startswith("<Hits: 2 for 'the answer stands here'>\n1 ")
    assert shown[2]["text/plain"] == "'It opens again in spring.'"
    assert "quiet" in shown[3]["text/html"]
