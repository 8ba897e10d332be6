"""What ``docs/shards.md`` shows for Dask and Ray; its other snippets and commands are run with those of all pages."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from semsearch import DEFAULT_MODEL, load_embedder, load_shards
from tests.conftest import ROOT

_SNIPPETS = re.findall(
    r"^```py\n(.*?)^```", (ROOT / "docs/shards.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


@pytest.mark.parametrize("library", ["distributed", "ray"])
@pytest.mark.filterwarnings("default")
def test_a_snippet_runs_and_prints(
    library: str, tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip(library)
    (snippet,) = (code for code in _SNIPPETS if f"import {library}" in code or f"from {library}" in code)
    (tmp_path / "my-articles").mkdir()
    for article in ("csto-kazakhstan-deployment.md", "ecomig-gambia.md"):
        shutil.copy(corpus / "peacekeeping" / article, tmp_path / "my-articles")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    load_embedder(DEFAULT_MODEL)  # compiles it, which each worker would do for itself
    exec(compile(snippet, library, "exec"), {"__name__": "snippet"})  # noqa: S102 - our own documentation
    printed = [line.split() for line in capsys.readouterr().out.splitlines() if ".parquet" in line]
    assert len(printed) >= 2
    assert {line[-1] for line in printed} == {"False"}
    loaded = load_shards("shards", "index")
    assert (loaded.articles, loaded.passages) == (2, sum(int(line[-2]) for line in printed))
