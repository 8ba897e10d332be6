"""The documentation site: ``make docs`` makes it of the Markdown pages of this repository and of its docstrings.

The source folder is the repository's own, so that a link means here what it means where the code is hosted. What is no
page but is linked (a JSON schema, a module) is copied beside the site; a folder has no page, so that a link to one is
shown as its text. The contents at the side are the links of ``docs/index.md``, section by section.
"""

from __future__ import annotations

import builtins
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx import addnodes
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.nodes import find_pending_xref_condition

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import semsearch  # noqa: E402

project = "semsearch"
author = "the semsearch maintainers"
project_copyright = author
release = version = semsearch.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = ["docs/**.md", "index/README.md", "benchmarks/**.md", "CHANGELOG.md", "CONTRIBUTING.md"]
exclude_patterns = [
    "docs/_build",
    ".*",
    "build",
    "dist",
    "corpus",
    "tests",
    "semsearch",
    "benchmarks/.*",
    "index/generations",
]

myst_heading_anchors = 4
nitpicky = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_type_aliases = {"Corpus": "Corpus"}
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"semsearch {release}"
html_static_path: list[str] = []
html_copy_source = False
html_show_sphinx = False
html_additional_pages = {"index": "first.html"}
templates_path = ["docs/_templates" if Path.cwd() == ROOT else "_templates"]

_ALIASES = {
    *("App", "Corpus", "Frame", "ReportProgress", "RowReader", "Run", "TokenCodec"),
    *("Archive", "AskedIndex", "BusyError", "FilterError", "MetadataFilters", "Server", "_T"),
}
"""Names of types that a signature shows and its docstring explains."""
_ELSEWHERE = {
    *dir(builtins),
    *sys.stdlib_module_names,
    "Any",
    "Callable",
    "Future",
    "NDArray",
    "Path",
    "date",
    "np",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "typing_extensions",
}
_SECTION = re.compile(r"^## (?P<caption>.+)\n(?P<body>(?:(?!## ).*\n?)*)", re.MULTILINE)
_PAGE = re.compile(r"^- \[.*?\]\(([^)#:]+\.md)\)", re.MULTILINE)


def add_contents(_: Sphinx, docname: str, source: list[str]) -> None:
    """Give a page of links its table of contents: the pages that it links to, in that order, section by section."""
    if docname == "docs/reference/index":
        source[0] += _toctree("", _PAGE.findall(source[0]))
    elif docname == root_doc:
        for section in _SECTION.finditer(source[0]):
            source[0] += _toctree(section["caption"], _PAGE.findall(section["body"]))


def _toctree(caption: str, pages: list[str]) -> str:
    options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
    return "\n".join(["", "```{toctree}", *options, "", *dict.fromkeys(pages), "```", ""])


def show_as_text(app: Sphinx, document: nodes.document) -> None:
    """Show as text what has no entry here: names of Python and of other projects, and folders of the repository.

    Looking the former up would need other sites. Without this, ``bytes`` would lead to an attribute of that name.
    """
    for node in list(document.findall(addnodes.pending_xref)):
        target = str(node["reftarget"])
        if (
            node.get("refdomain") == "py" and target in semsearch.__all__
        ):  # docstrings in the package's modules say no more
            node["reftarget"] = f"semsearch.{target}"
        if node.get("refdomain") == "py":
            elsewhere = target.partition(".")[0] in _ELSEWHERE or target.rpartition(".")[2] in _ALIASES
        else:
            folder = (ROOT / app.env.docname).parent / target
            elsewhere = node["reftype"] == "myst" and folder.is_dir() and folder.resolve().is_relative_to(ROOT)
        if elsewhere:
            resolved = find_pending_xref_condition(node, "resolved")
            node.replace_self((node if resolved is None else resolved).children)


def show_by_theme(app: Sphinx, document: nodes.document) -> None:
    """Show, where the site is dark, the dark one of two pictures; pages name the light one."""
    for light in list(document.findall(nodes.image)):
        uri = str(light["uri"]).replace("-light.", "-dark.")
        if uri != light["uri"] and (ROOT / uri).is_file():
            dark = light.deepcopy()
            dark["uri"] = uri
            dark["candidates"] = {"*": uri}
            app.env.images.add_file(app.env.docname, uri)
            light["classes"].append("only-light")
            dark["classes"].append("only-dark")
            light.parent.insert(light.parent.index(light) + 1, dark)


def shorten(_: Sphinx, *about: object) -> tuple[str, str] | None:
    """Write types in a signature without their modules, and a default that is made anew as ``...``."""
    signature, returned = about[4], about[5]
    if not isinstance(signature, str):
        return None
    if signature == "(*args, **kwargs)":  # of a protocol, which nobody makes
        return "", ""
    short = signature.replace("TypeAliasForwardRef('Corpus')", "Corpus")
    if "<factory>" in short:
        short = re.sub(r"~[\w.]+\.(\w+)", r"\1", short).replace("<factory>", "...")
    return short, returned if isinstance(returned, str) else ""


def describe(_: Sphinx, what: str, name: str, *about: object) -> None:
    """Give a constant the text that stands below it where it is defined: autodoc looks only where it is offered.

    Without this it would be described as any other text or tuple is.
    """
    lines = about[-1]
    if what == "data" and isinstance(lines, list):
        constant = name.rpartition(".")[2]
        modules = [module for module in sorted(sys.modules) if module.startswith(name.partition(".")[0])]
        documented = (ModuleAnalyzer.for_module(module).find_attr_docs().get(("", constant)) for module in modules)
        lines[:] = next(filter(None, documented), [])


def skip_fields(*about: object) -> bool | None:
    """Leave out of a named tuple's members the fields, of which autodoc knows only their numbers."""
    return True if type(about[3]).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect what is above."""
    app.connect("source-read", add_contents)
    app.connect("autodoc-process-signature", shorten)
    app.connect("autodoc-process-docstring", describe)
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("doctree-read", show_as_text)
    app.connect("doctree-read", show_by_theme)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
