"""The documentation site: it builds without a warning, every link leads somewhere, no other host is asked."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from lxml import html

import semsearch
import semsearch.agents
import semsearch.as_json
import semsearch.building
import semsearch.evaluation
import semsearch.hits
import semsearch.inspecting
import semsearch.planning
import semsearch.serving
from tests.conftest import ROOT
from tests.test_docs import PAGES

pytest.importorskip("sphinx", minversion="9", reason="the site is built with Sphinx 9, which needs Python 3.11")
pytest.importorskip("furo")

_LOADED = {
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "img": "src",
    "link": "href",
    "object": "data",
    "script": "src",
    "source": "srcset",
    "use": "href",
    "video": "src",
}
"""What a browser loads by itself, by the attribute that names it."""
_OF_ELSEWHERE = re.compile(r"""(?:url\(\s*|@import\s+|fetch\(\s*|import\(\s*)["']?(?:https?:)?//[^"')\s]+""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as ``make docs`` does."""
    folder = tmp_path_factory.mktemp("site")
    line = next(line for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if "-m sphinx" in line)
    options = line.partition("-m sphinx")[2].replace("docs/_build", str(folder)).split()
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *options], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    assert {"-W", "-n"} <= set(options)
    return folder / "html"


def pages(site: Path) -> Iterator[tuple[Path, html.HtmlElement]]:
    """Yield every page of the site."""
    found = sorted(site.rglob("*.html"))
    assert len(found) > len(PAGES)
    for page in found:
        yield page, _parsed(page)


@cache
def _parsed(page: Path) -> html.HtmlElement:
    return html.parse(str(page)).getroot()


@cache
def _anchors(page: Path) -> frozenset[str]:
    return frozenset([*_parsed(page).xpath("//@id"), *_parsed(page).xpath("//a/@name")])


def is_elsewhere(target: str) -> bool:
    """Whether an address is one of another host."""
    return bool(urlsplit(target).netloc)


def test_nothing_is_loaded_from_another_host(site: Path) -> None:
    loaded = [
        f"{page.relative_to(site)}: {tag} {element.get(attribute)}"
        for page, tree in pages(site)
        for tag, attribute in _LOADED.items()
        for element in tree.iter(tag)
        if is_elsewhere(element.get(attribute) or "")
    ]
    assert not loaded
    inline = [
        f"{page.relative_to(site)}: {found[0]}"
        for page in [*site.rglob("*.html"), *site.rglob("*.css"), *site.rglob("*.js")]
        for found in [_OF_ELSEWHERE.search(page.read_text(encoding="utf-8"))]
        if found
    ]
    assert not inline


def test_every_link_leads_somewhere(site: Path) -> None:
    broken, followed = [], 0
    for page, tree in pages(site):
        for target in tree.xpath("//a/@href"):
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                assert parts.scheme in {"http", "https", "mailto"}, (page, target)
                continue
            goal = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            anchor = unquote(parts.fragment)
            if not goal.is_file() or (anchor and goal.suffix == ".html" and anchor not in _anchors(goal)):
                broken.append(f"{page.relative_to(site)}: {target}")
            followed += 1
    assert not broken
    assert followed > 1000


def test_every_page_is_reached_from_the_contents(site: Path) -> None:
    first = site / "docs/index.html"
    contents = {
        (first.parent / urlsplit(target).path).resolve().relative_to(site.resolve()).as_posix()
        for target in _parsed(first).xpath("//div[contains(@class, 'sidebar-tree')]//a/@href")
    }
    written = {page.relative_to(ROOT).with_suffix(".html").as_posix() for page in PAGES} - {"README.html"}
    assert written - contents == {"docs/index.html"}  # which the name at the top leads to


def test_the_page_at_the_root_leads_to_the_first(site: Path) -> None:
    (refresh,) = _parsed(site / "index.html").xpath("//meta[@http-equiv='refresh']/@content")
    assert (site / refresh.partition("url=")[2]).is_file()


@pytest.mark.parametrize(
    "module",
    [
        semsearch,
        semsearch.agents,
        semsearch.as_json,
        semsearch.building,
        semsearch.evaluation,
        semsearch.hits,
        semsearch.inspecting,
        semsearch.planning,
        semsearch.serving,
    ],
    ids=lambda module: module.__name__,
)
def test_every_public_name_has_an_entry(site: Path, module: object) -> None:
    entries = {anchor for page in (site / "docs/reference").glob("*.html") for anchor in _anchors(page)}
    name = module.__name__  # type: ignore[attr-defined]
    public = {public for public in module.__all__ if not public.startswith("__")}  # type: ignore[attr-defined]
    assert not {one for one in public if f"{name}.{one}" not in entries and f"semsearch.{one}" not in entries}
    assert f"{name}.no_such_name" not in entries


def test_the_reference_says_what_a_name_is_and_not_what_its_type_is(site: Path) -> None:
    shown = "\n".join(_parsed(page).text_content() for page in sorted((site / "docs/reference").glob("*.html")))
    assert "Comes with semsearch, in the package" in shown
    for of_the_type in ("Alias for field number", "Built-in immutable sequence", "Create a new string object", "*args"):
        assert of_the_type not in shown


def test_a_picture_is_dark_where_the_site_is(site: Path) -> None:
    shown = _parsed(site / "docs/index.html").xpath("//article//img")
    assert [(Path(one.get("src")).name, one.get("class")) for one in shown] == [
        ("terminal-light.svg", "only-light"),
        ("terminal-dark.svg", "only-dark"),
    ]


def test_the_search_works_without_a_network(site: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("needs Debian's chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "search.html").as_uri() + "?q=rollback_index")
        page.wait_for_selector("#search-results li a", timeout=60_000)
        found = page.inner_text("#search-results")
        chromium.close()
    assert "semsearch.rollback_index" in found
    assert asked
    assert all(url.startswith("file:") for url in asked)
