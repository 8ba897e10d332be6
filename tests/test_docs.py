"""The documentation is run: every snippet, every command, every link."""

from __future__ import annotations

import re
import shlex
import shutil
import textwrap
from collections.abc import Iterable
from pathlib import Path

import click
import pytest

from semsearch import filters
from semsearch.cli import main
from semsearch.cli._main import _commands
from tests.conftest import ROOT

PAGES = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        ROOT / "index/README.md",
        *ROOT.glob("benchmarks/**/*.md"),
    ]
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)  # environments and caches
)
_WITH_SERVERS = [ROOT / "docs/engines.md"]
"""Pages whose snippets need a server: tests/engines/test_page.py runs them."""
_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?P<target>[^)#\s]+)(?:#[^)]*)?\)")
# What the tests cannot run: it installs things, needs a network, or is what runs the tests.
_ENDLESS = ("semsearch watch", "semsearch serve", "semsearch mcp")
_NOT_RUN = ("pip install", "hf download", "make ", "git ", "python -m benchmarks")


def blocks_of(pages: Iterable[Path], language: str) -> list[tuple[str, str]]:
    """Return the blocks of pages that are in a language, each with its place."""
    return [
        (
            f"{page.relative_to(ROOT)}:{page.read_text(encoding='utf-8')[: match.start()].count(chr(10)) + 1}",
            match["code"],
        )
        for page in pages
        for match in _FENCE.finditer(page.read_text(encoding="utf-8"))
        if match["language"] == language
    ]


def _blocks(language: str) -> list[tuple[str, str]]:
    return blocks_of([page for page in PAGES if page not in _WITH_SERVERS], language)


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, corpus: Path) -> Path:
    """A folder as the documentation assumes it: articles in ``corpus`` and ``my-articles``, and nothing else."""
    write_articles(tmp_path, corpus)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_articles(folder: Path, corpus: Path) -> None:
    """Write the articles that the documentation asks about into two folders."""
    for name in ("corpus", "my-articles"):
        (folder / name / "peacekeeping").mkdir(parents=True)
        for article in ("csto-kazakhstan-deployment.md", "ecomig-gambia.md"):
            shutil.copy(corpus / "peacekeeping" / article, folder / name / "peacekeeping")


@pytest.mark.parametrize(("place", "code"), [pytest.param(*block, id=block[0]) for block in _blocks("python")])
@pytest.mark.usefixtures("newcomer")
def test_a_python_snippet_runs_and_prints(place: str, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, place, "exec"), {"__name__": "snippet"})  # noqa: S102 - our own documentation
    assert capsys.readouterr().out.strip()


@pytest.mark.usefixtures("newcomer")
def test_every_command_in_the_documentation_runs(capsys: pytest.CaptureFixture[str]) -> None:
    commands = [
        line.removeprefix("$ ").split("  #")[0]
        for _, code in _blocks("console")
        for line in code.splitlines()
        if line.startswith("$ ")
    ]
    mine = [line for line in commands if line.startswith("semsearch ")]
    others = [line for line in commands if not line.startswith("semsearch ")]
    assert not [line for line in others if not line.startswith(_NOT_RUN)], "a command that no test runs"
    assert len(mine) >= 4
    for line in mine:
        if "--model BAAI" in line:
            continue  # a model to be downloaded first: tests/test_embedders.py loads one from a hub's cache
        if line.startswith(_ENDLESS):
            continue  # do not end: tests/test_watch.py, tests/serving and tests/agents run them
        arguments = shlex.split(line.split("|")[0])[1:]
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0, line
        assert capsys.readouterr().out.strip(), line


def test_make_has_the_targets_that_the_documentation_names() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    pages = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", pages))
    assert {"demo", "test", "check"} <= named
    assert named <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def test_every_command_and_option_is_documented() -> None:
    page = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    for name, command in _commands.commands.items():
        assert f"`semsearch {name}" in page
        row = next(line for line in page.splitlines() if f"`semsearch {name}" in line)
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert any(names_option(row, option) for option in parameter.opts), (name, parameter.opts)
                assert all(names_option(row, option) for option in parameter.secondary_opts), parameter.secondary_opts


def names_option(text: str, option: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text) is not None


def test_every_option_of_a_query_is_explained() -> None:
    page = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    section = page.partition("## Asking\n")[2].partition("\n## ")[0]
    shared = {"--index", "--model", "--json", "--no-json", "--help"}  # of other commands too, and said above
    for parameter in _commands.commands["query"].params:
        if isinstance(parameter, click.Option) and not parameter.hidden and not shared & {*parameter.opts}:
            for option in (*parameter.opts, *parameter.secondary_opts):
                assert f"`{option}" in section, option


def test_the_grammar_of_filters_is_that_of_the_module() -> None:
    grammar = (filters.__doc__ or "").partition("::\n\n")[2].partition("\n\nWhat a comparison means")[0]
    assert textwrap.dedent(grammar).strip() in [code.strip() for _, code in _blocks("")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_project_lead_somewhere(page: Path) -> None:
    targets = [match["target"] for match in _LINK.finditer(page.read_text(encoding="utf-8"))]
    broken = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert not broken
