"""The documentation is run: every snippet, every command, every link."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from semsearch import filters
from semsearch.cli import main
from semsearch.cli._main import _commands
from tests.conftest import ROOT
from tests.test_structure import ORDER

PAGES = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        ROOT / "index/README.md",
        *ROOT.glob("benchmarks/**/*.md"),
    ]
    if not any(part.startswith((".", "_")) for part in path.relative_to(ROOT).parts)  # environments, caches, the site
)
_WITH_SERVERS = [ROOT / "docs/engines.md"]
"""Pages whose snippets need a server: tests/engines/test_page.py runs them."""
_DIRECTIVES = "{eval-rst}"
_CHECKED = {"console", "python", "json", "yaml", "toml", "ini", "sql"}
"""Languages whose blocks are run or parsed here."""
_RUN_ELSEWHERE = {
    "py": {"docs/shards.md"},  # tests/test_shards_page.py
    "sh": {"docs/serve.md"},  # test_what_the_server_is_asked_is_answered, below
}
_MARKDOWN = MarkdownIt().enable("table")
_SHOWN_PICTURE = re.compile(r"(?:src|srcset)=\"([^\"]+)\"")
_SHOWN = re.compile(r"(?:^|[\s/])semsearch (?=[a-z-])(.+)")
_LINK = re.compile(r"\]\((?P<target>[^)#\s]+)(?:#[^)]*)?\)")
# What the tests cannot run: it installs things, needs a network, or is what runs the tests.
_ENDLESS = ("semsearch watch", "semsearch serve", "semsearch mcp")
_NOT_RUN = (
    "pip install",
    "pip wheel",
    "pip download",
    "python -m venv",
    "hf download",
    "make ",
    "git ",
    "python -m benchmarks",
)


def _fences(page: Path) -> list[Token]:
    """Return every block of code of a page, however it is marked."""
    tokens = _MARKDOWN.parse(page.read_text(encoding="utf-8"))
    return [token for token in tokens if token.type in {"fence", "code_block"}]


def _language(fence: Token) -> str:
    return fence.info.split(" ")[0]


def _place(page: Path, token: Token) -> str:
    return f"{page.relative_to(ROOT).as_posix()}:{token.map[0] + 1 if token.map else 0}"


def blocks_of(pages: Iterable[Path], language: str) -> list[tuple[str, str]]:
    """Return the blocks of pages that are in a language, each with its place."""
    return [
        (_place(page, fence), fence.content)
        for page in pages
        for fence in _fences(page)
        if _language(fence) == language
    ]


def _blocks(language: str) -> list[tuple[str, str]]:
    return blocks_of([page for page in PAGES if page not in _WITH_SERVERS], language)


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, corpus: Path) -> Path:
    """A folder as the documentation assumes it: articles in ``corpus`` and ``my-articles``, and nothing else."""
    write_articles(tmp_path, corpus)
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_articles(folder: Path, corpus: Path) -> None:
    """Write the articles that the documentation asks about into two folders."""
    for name in ("corpus", "my-articles"):
        (folder / name / "peacekeeping").mkdir(parents=True)
        for article in ("csto-kazakhstan-deployment.md", "ecomig-gambia.md"):
            shutil.copy(corpus / "peacekeeping" / article, folder / name / "peacekeeping")


def write_files(folder: Path) -> None:
    """Write the files that the documentation shows and names: a block that begins with ```json judged.jsonl, say."""
    for page in PAGES:
        for fence in _fences(page):
            if len(named := fence.info.split(" ")) == 2:
                (folder / named[1]).write_text(fence.content, encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_block_escapes(page: Path) -> None:
    for fence in _fences(page):
        language, place = _language(fence), _place(page, fence)
        if language == _DIRECTIVES:
            assert page.parent == ROOT / "docs/reference", place  # tests/test_site.py builds it
        elif language in _RUN_ELSEWHERE:
            assert page.relative_to(ROOT).as_posix() in _RUN_ELSEWHERE[language], place
        else:
            assert language in {"", "text", *_CHECKED}, f"{place}: nothing checks what is in {language}"


@pytest.mark.parametrize(
    ("place", "code", "language"),
    [
        pytest.param(*block, language, id=block[0])
        for language in ("json", "yaml", "toml", "ini", "sql")
        for block in blocks_of(PAGES, language)
    ],
)
def test_what_is_shown_can_be_parsed(place: str, code: str, language: str) -> None:
    if language == "json":
        try:
            json.loads(code)
        except json.JSONDecodeError:  # an object a line
            assert [json.loads(line) for line in code.splitlines() if line.strip()], place
    elif language == "yaml":
        assert yaml.safe_load(code), place
    elif language == "toml":
        assert pytest.importorskip("tomllib", reason="Python 3.10 reads no TOML").loads(code), place
    elif language == "ini":
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(code)
        assert parser.sections(), place
    else:
        assert sqlite3.complete_statement(code), place


def test_every_command_that_is_only_shown_exists() -> None:
    """What stands in a crontab, in another program's script or in a sentence is not run, but its options are known."""
    shown = 0
    for page in PAGES:
        for fence in _fences(page):
            if _language(fence) in {"", "text", "sh", "ini"}:
                lines = fence.content.replace("\\\n", " ").splitlines()
                for command in filter(None, (_SHOWN.search(line) for line in lines)):
                    shown += parses(re.split(r"\s(?:>|\||2>|&|#)", command[1])[0], _place(page, fence))
        for token in _MARKDOWN.parse(page.read_text(encoding="utf-8")):
            for part in token.children or ():
                if part.type == "code_inline" and (words := part.content.split())[0:1] == ["semsearch"] and words[1:]:
                    assert words[1] in {*_commands.commands, "COMMAND"} or words[1].startswith("-"), _place(page, token)
                    shown += 1
    assert shown > 50


def parses(arguments: str, place: str) -> bool:
    """Whether the arguments name a command and only options that it has; whatever is no command at all is not said."""
    name, *rest = shlex.split(arguments) or [""]
    if name not in _commands.commands:
        assert not re.fullmatch(r"[a-z]+(-[a-z]+)*", name), f"{place}: semsearch {name}"
        return False
    command = _commands.commands[name]
    group = click.Context(_commands, **_commands.context_settings)  # click keeps what a context says of --help
    command.make_parser(click.Context(command, parent=group)).parse_args([*rest])
    return True


@pytest.mark.parametrize(("place", "code"), [pytest.param(*block, id=block[0]) for block in _blocks("python")])
@pytest.mark.usefixtures("newcomer")
def test_a_python_snippet_runs_and_prints(place: str, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, place, "exec"), {"__name__": "snippet"})  # noqa: S102 - our own documentation
    assert capsys.readouterr().out.strip()


@pytest.mark.usefixtures("newcomer")
def test_every_command_in_the_documentation_runs(capsys: pytest.CaptureFixture[str]) -> None:
    commands = [
        line.removeprefix("$ ").removeprefix(".venv/bin/").split("  #")[0]
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


def test_what_the_server_is_asked_is_answered(corpus_index: Path) -> None:
    curl = shutil.which("curl")
    asked = [
        line for _, code in blocks_of([ROOT / "docs/serve.md"], "sh") for line in code.replace("\\\n", " ").splitlines()
    ]
    asked = [line for line in asked if _SHOWN.search(line) is None]  # the options of a command are checked above
    assert asked
    if curl is None or b"--json" not in subprocess.run([curl, "--help", "all"], capture_output=True, check=True).stdout:
        pytest.skip("needs curl 7.82 or later")
    command = [sys.executable, "-m", "semsearch", "serve", "--index", str(corpus_index), "--port", "0", "--no-open"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as server:
        try:
            assert server.stderr is not None
            address = next(found[0] for line in server.stderr if (found := re.search(r"http://[\d.]+:\d+", line)))
            for line in asked:
                words = shlex.split(line.replace("http://127.0.0.1:8642", address))
                assert words[0] == "curl", line
                answer = subprocess.run([curl, "--silent", *words[1:]], capture_output=True, check=True, timeout=120)
                assert json.loads(answer.stdout)["generation"], line
        finally:
            server.terminate()


def test_make_has_the_targets_that_the_documentation_names() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    pages = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", pages))
    assert {"demo", "test", "check"} <= named
    assert named <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def test_every_command_and_option_is_documented() -> None:
    page = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    synopsis = page.partition("## Synopsis\n\n```text\n")[2].partition("\n```")[0]
    for name, command in _commands.commands.items():
        assert f"`semsearch {name}" in page
        row = next(part for part in synopsis.split("\n\n") if part.startswith(f"semsearch {name} "))
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert any(names_option(row, option) for option in parameter.opts), (name, parameter.opts)
                assert all(names_option(row, option) for option in parameter.secondary_opts), parameter.secondary_opts


def test_every_kind_of_json_line_is_documented() -> None:
    printed = set(re.findall(r"_print\(\s*\"(\w+)\"", (ROOT / "semsearch/cli/_json.py").read_text(encoding="utf-8")))
    page = (ROOT / "docs/json.md").read_text(encoding="utf-8")
    assert {"hit", "build"} < printed
    assert printed == set(re.findall(r"^## `(\w+)`: ", page, re.MULTILINE))


def test_the_architecture_lists_every_module_in_the_order_of_imports() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = page.partition("\n## Modules\n")[2].partition("\n## ")[0]
    assert ["_version", *re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)] == ORDER


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


def test_the_pictures_of_the_readme_are_small_and_ask_no_other_host() -> None:
    pictures = _SHOWN_PICTURE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert {name.partition("-")[0] for name in pictures} == {"docs/images/terminal", "docs/images/page"}
    for name in pictures:
        picture = ROOT / name
        assert 0 < picture.stat().st_size <= 200_000, name
        if picture.suffix == ".svg":
            drawn = ElementTree.fromstring(picture.read_text(encoding="utf-8"))  # noqa: S314 - our own picture
            assert "semsearch query" in "".join(drawn.itertext()).replace("\xa0", " ")
            assert not re.search(r"(?:href|url)\W+https?:", picture.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_project_lead_somewhere(page: Path) -> None:
    targets = [match["target"] for match in _LINK.finditer(page.read_text(encoding="utf-8"))]
    targets += _SHOWN_PICTURE.findall(page.read_text(encoding="utf-8"))
    broken = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert not broken
