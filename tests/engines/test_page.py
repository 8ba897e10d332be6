"""The page on engines is run, against servers of the tests' own."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from semsearch.engines import parse_address
from tests.command import ENVIRONMENT, run_main
from tests.conftest import ROOT
from tests.engines.conftest import Place, leave_to_the_long_version
from tests.test_docs import blocks_of, write_articles

PAGE = [ROOT / "docs/engines.md"]
ADDRESSES = {
    "postgres": "postgresql://user@host/database?index=news",
    "milvus": "milvus://host:19530/news",
}


def test_the_snippets_of_the_page_run(
    place: Place, tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if place.kind not in ADDRESSES:
        pytest.skip("the page has no snippet for it")
    leave_to_the_long_version(place, "milvus")
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    write_articles(tmp_path, corpus)
    monkeypatch.chdir(tmp_path)
    written, address = ADDRESSES[place.kind], place.address("news")
    assert parse_address(written).name == "news"
    ran = 0
    lines = [line for _, code in blocks_of(PAGE, "console") for line in code.splitlines()]
    for line in lines:
        if line.startswith("$ semsearch") and written in line:
            assert run_main(*shlex.split(line.replace(written, address))[2:]) == 0, line
            ran += 1
    for where, code in blocks_of(PAGE, "python"):
        if written in code:
            exec(compile(code.replace(written, address), where, "exec"), {"__name__": "snippet"})  # noqa: S102
    assert ran >= 2
    assert "ecomig-gambia" in capsys.readouterr().out
    engine = place.connect("news")
    engine.remove()
    engine.close()
