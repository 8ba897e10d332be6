"""The shape of the package: who imports whom, what no module does, and what is public."""

from __future__ import annotations

import ast
import importlib
import inspect
import types
from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

import pytest

import semsearch

PACKAGE = Path(semsearch.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
ORDER = [
    "_version",
    "addresses",
    "errors",
    "languages",
    "sentences",
    "records",
    "as_json",
    "hits",
    "queries",
    "evidence",
    "filters",
    "readers",
    "passages",
    "inspecting",
    "planning",
    "embedders",
    "products",
    "dense",
    "analysis",
    "lexical",
    "tokens",
    "ranking",
    "selection",
    "storage",
    "engines",
    "shards",
    "building",
    "searching",
    "evaluation",
    "serving",
    "agents",
    "integrations",
    "cli",
]  # each imports only what stands before it
SURFACE = {"__init__", "__main__"}  # stand outside the order
NEVER_IMPORTED = {"cPickle", "cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
NEVER_NAMED = {"eval", "exec", "compile", "__import__"}
NEVER_CALLED = {
    ("yaml", "load"), ("yaml", "load_all"), ("yaml", "full_load"), ("yaml", "unsafe_load"), ("torch", "load"),
}  # fmt: skip


def label(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


EVERY_MODULE = pytest.mark.parametrize("path", MODULES, ids=label)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name_of(path: Path) -> str:
    """``semsearch/cli/_main.py`` to ``semsearch.cli._main``."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Yield the full name of everything that is imported, wherever the import stands; names of modules and in them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def imported_by(path: Path) -> set[str]:
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    return set(imports(parse(path), package))


def part_of(path: Path) -> str:
    """The top-level module that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def offences(tree: ast.Module) -> list[str]:
    """Everything that runs code from data, with its line."""
    found = [
        f"line {node.lineno}: {node.id}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id in NEVER_NAMED
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (node.value.id, node.attr) in NEVER_CALLED:
                found.append(f"line {node.lineno}: {node.value.id}.{node.attr}")
        elif isinstance(node, ast.keyword) and node.arg in {"allow_pickle", "trust_remote_code"} and not is_false(node):
            found.append(f"line {node.value.lineno}: {node.arg}")
    used = {name.partition(".")[0] for name in imports(tree, "semsearch")} & NEVER_IMPORTED
    return found + [f"imports {name}" for name in sorted(used)]


def is_false(node: ast.keyword) -> bool:
    return isinstance(node.value, ast.Constant) and node.value.value is False


def prints(tree: ast.Module) -> list[int]:
    """The lines that print, or take hold of standard output or error to do so."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id == "print")
        or (isinstance(node, ast.Attribute) and node.attr in {"stdout", "stderr", "__stdout__", "__stderr__"})
    ]


# --- the finders find -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import semsearch.dense", {"semsearch.dense"}),
        ("import faiss as f, numpy", {"faiss", "numpy"}),
        ("from semsearch import dense", {"semsearch.dense"}),
        ("from semsearch.dense import DenseIndex", {"semsearch.dense.DenseIndex"}),
        ("from . import _json", {"semsearch.cli._json"}),
        ("from ..dense import DenseIndex", {"semsearch.dense.DenseIndex"}),
        ("def f():\n    import torch", {"torch"}),
        ("if TYPE_CHECKING:\n    from semsearch.cli import main", {"semsearch.cli.main"}),
    ],
)
def test_an_import_is_seen_in_every_form_and_place(source: str, expected: set[str]) -> None:
    assert set(imports(ast.parse(source), "semsearch.cli")) == expected


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')",
        "run = exec",
        "__import__('os')",
        "import pickle",
        "def f():\n    from pickle import loads",
        "yaml.load(text, Loader=yaml.Loader)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=trusting)",
    ],
)
def test_what_runs_code_from_data_is_seen(source: str) -> None:
    assert len(offences(ast.parse(source))) == 1


@pytest.mark.parametrize("source", ["model.eval()", "yaml.safe_load(text)", "np.load(path, allow_pickle=False)"])
def test_what_only_looks_like_it_is_not(source: str) -> None:
    assert offences(ast.parse(source)) == []


@pytest.mark.parametrize("source", ["print('x')", "show = print", "sys.stdout.write('x')", "log(sys.stderr)"])
def test_a_print_is_seen(source: str) -> None:
    assert prints(ast.parse(source)) == [1]


# --- who imports whom -------------------------------------------------------------------------------------------


def test_the_order_names_every_top_level_module() -> None:
    assert {part_of(path) for path in MODULES} - SURFACE == set(ORDER)


@pytest.mark.parametrize("path", [path for path in MODULES if part_of(path) not in SURFACE], ids=label)
def test_a_module_imports_only_what_stands_above_it(path: Path) -> None:
    here = part_of(path)
    allowed = {here, *ORDER[: ORDER.index(here)]}
    ours = {name for name in imported_by(path) if name.partition(".")[0] == "semsearch"}
    # "semsearch" alone, or a public name from it, is the surface: it has no place in the order.
    assert {name for name in ours if [*name.split("."), ""][1] not in allowed} == set()


@EVERY_MODULE
def test_only_dense_knows_faiss(path: Path) -> None:
    roots = {name.partition(".")[0] for name in imported_by(path)}
    assert ("faiss" in roots) == (part_of(path) == "dense")


@pytest.mark.parametrize("library", ["torch", "transformers", "sentence_transformers", "huggingface_hub"])
def test_only_embedders_know_the_libraries_of_models(library: str) -> None:
    users = {part_of(path) for path in MODULES if library in {n.partition(".")[0] for n in imported_by(path)}}
    assert users <= {"embedders"}


@EVERY_MODULE
def test_no_module_imports_tests_or_benchmarks(path: Path) -> None:
    assert {name.partition(".")[0] for name in imported_by(path)} & {"tests", "benchmarks"} == set()


@EVERY_MODULE
def test_only_the_surface_and_the_formats_import_by_a_name_that_is_computed(path: Path) -> None:
    # Such an import would escape the tests above.
    computed = any(name.partition(".")[0] == "importlib" for name in imported_by(path))
    assert computed == (path in {PACKAGE / "__init__.py", PACKAGE / "readers" / "_formats.py"})


# --- what no module does ----------------------------------------------------------------------------------------


@EVERY_MODULE
def test_no_module_runs_code_from_data(path: Path) -> None:
    assert offences(parse(path)) == []


@EVERY_MODULE
def test_no_module_outside_the_cli_prints(path: Path) -> None:
    assert part_of(path) == "cli" or prints(parse(path)) == []


# --- what is public ---------------------------------------------------------------------------------------------


def is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def names_from_semsearch(statements: list[ast.stmt]) -> dict[str, str]:
    """The names that these statements import from the package, each with its module."""
    return {
        alias.asname or alias.name: node.module.removeprefix("semsearch.")
        for node in statements
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("semsearch.")
        for alias in node.names
    }


def test_all_is_what_is_imported_at_once_and_what_is_imported_late() -> None:
    eager = names_from_semsearch(parse(PACKAGE / "__init__.py").body)
    assert set(semsearch.__all__) == eager.keys() | semsearch._LAZY.keys()
    assert eager.keys() & semsearch._LAZY.keys() == set()
    assert len(set(semsearch.__all__)) == len(semsearch.__all__)


def test_type_checkers_see_the_late_names_in_their_modules() -> None:
    (guarded,) = [node for node in parse(PACKAGE / "__init__.py").body if is_type_checking(node)]
    assert isinstance(guarded, ast.If)
    assert names_from_semsearch(guarded.body) == semsearch._LAZY


@pytest.mark.parametrize(("name", "module"), semsearch._LAZY.items())
def test_a_late_name_is_its_modules_own(name: str, module: str) -> None:
    home = importlib.import_module(f"semsearch.{module}")
    assert getattr(semsearch, name) is getattr(home, name)
    assert name in home.__all__


def test_dir_lists_what_is_public_and_nothing_else() -> None:
    assert dir(semsearch) == sorted(semsearch.__all__)


def test_a_star_import_gives_what_is_public() -> None:
    namespace: dict[str, object] = {}
    exec("from semsearch import *", namespace)  # noqa: S102
    assert namespace.keys() - {"__builtins__"} == set(semsearch.__all__)


def test_a_name_that_does_not_exist_is_an_attribute_error_that_states_it() -> None:
    with pytest.raises(AttributeError, match=r"^module 'semsearch' has no attribute 'serach'$"):
        semsearch.serach  # noqa: B018


def documented_in_source(name: str) -> bool:
    """Whether a constant's assignment is followed by a text, or its module is only about it."""
    for path in MODULES:
        body = parse(path).body
        for number, node in enumerate(body):
            targets = node.targets if isinstance(node, ast.Assign) else []
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                after = body[number + 1] if number + 1 < len(body) else None
                if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                    return isinstance(after.value.value, str)
                return len(body) == 2 and ast.get_docstring(parse(path)) is not None
    return False


@pytest.mark.parametrize("name", semsearch.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    value = getattr(semsearch, name)
    if isinstance(value, str):
        assert documented_in_source(name)
        return
    own = vars(value).get("__doc__") if isinstance(value, type) else value.__doc__
    assert own is not None
    assert not own.startswith(f"{name}(")  # what dataclasses and named tuples are given for want of one


PUBLIC_METHODS = [
    (name, attribute, member)
    for name in semsearch.__all__
    if isinstance(getattr(semsearch, name), type)
    for attribute, member in vars(getattr(semsearch, name)).items()
    if not attribute.startswith("_") and isinstance(member, types.FunctionType | property)
]


@pytest.mark.parametrize(
    ("name", "attribute", "member"), PUBLIC_METHODS, ids=[f"{n}.{a}" for n, a, _ in PUBLIC_METHODS]
)
def test_every_public_method_is_documented(name: str, attribute: str, member: object) -> None:
    assert inspect.getdoc(member)


@EVERY_MODULE
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(parse(path))


def test_the_package_says_that_it_is_typed() -> None:
    assert files("semsearch").joinpath("py.typed").is_file()


def test_the_semsearch_command_is_the_clis_main() -> None:
    (command,) = entry_points(group="console_scripts", name="semsearch")
    assert command.value == "semsearch.cli:main"
