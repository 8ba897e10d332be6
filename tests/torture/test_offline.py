"""Nothing leaves the machine: no step from the model to a verified index and its answers asks for a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.torture.figures import note

# An audit hook sees every socket of Python's, whoever opens it. What is said to a socket of the machine's own counts.
STEPS = """
import json, pathlib, sys

attempts = []

def refuse(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"}:
        attempts.append(f"{event} {arguments[1:]}")
        raise OSError("there is no network")

sys.addaudithook(refuse)
import semsearch
from semsearch.cli import main

corpus, folder, leak = sys.argv[1:]
index = pathlib.Path(folder, "index")
semsearch.build_index(corpus, index)
semsearch.update_index(index, remove=[semsearch.open_index(index).search("peace talks")[0].article.id])
with semsearch.open_index(index) as searcher:
    article = searcher.search("peace talks", k=3)[0].article.id
    searcher.search('"the" talks', mode="lexical")
assert all(check.problem is None for check in semsearch.verify_index(index))
dataset = pathlib.Path(folder, "dataset")
(dataset / "qrels").mkdir(parents=True)
(dataset / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "peace talks"}) + "\\n")
(dataset / "qrels" / "test.tsv").write_text("query-id\\tcorpus-id\\tscore\\nq\\t" + article + "\\t1\\n")
ended = []
at = ["--index", str(index)]
for command in (["query", "peace talks"], ["verify"], ["evaluate", str(dataset)]):
    try:
        ended.append(main([*command, *at]))
    except SystemExit as error:
        ended.append(error.code)
if leak:
    import socket
    try:
        socket.create_connection(("192.0.2.1", 9), timeout=1)
    except OSError:
        pass
import time
time.sleep(0.5)  # what is sent in the background begins by then
pathlib.Path(folder, "told.json").write_text(json.dumps([attempts, ended]))
"""


def run(corpus: Path, folder: Path, before: list[str], leak: str = "") -> Any:
    """Run the steps in a process of its own, with a cache of its own: then the model is compiled anew."""
    small = folder / "corpus"
    shutil.copytree(corpus, small, ignore=lambda _, names: sorted(name for name in names if name.endswith(".md"))[3:])
    done = subprocess.run(
        [*before, sys.executable, "-c", STEPS, str(small), str(folder), leak],
        env=os.environ | {"SEMSEARCH_CACHE": str(folder / "cache"), "HOME": str(folder)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "told.json").read_text())


def without_network() -> list[str]:
    """The command that runs another one without a network, native libraries too; none where that is not allowed."""
    command = ["unshare", "--user", "--map-root-user", "--net"]
    if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
        return command
    return []


def test_no_step_asks_for_a_network(corpus: Path, tmp_path: Path) -> None:
    alone = without_network()
    attempts, ended = run(corpus, tmp_path, alone)
    note("nothing leaves the machine", steps=8, attempts=len(attempts), without_any_network=int(bool(alone)))
    assert attempts == []
    assert [code or 0 for code in ended] == [0, 0, 0]


def test_a_connection_is_counted(corpus: Path, tmp_path: Path) -> None:
    attempts, _ = run(corpus, tmp_path, [], "leak")
    assert [attempt.split()[0] for attempt in attempts] == ["socket.getaddrinfo"]


def test_a_network_is_out_of_reach_where_there_is_none(tmp_path: Path) -> None:
    if not (alone := without_network()):
        pytest.skip("needs to make a network of its own")
    connect = "import socket; socket.create_connection(('192.0.2.1', 9), timeout=1)"
    done = subprocess.run([*alone, sys.executable, "-c", connect], capture_output=True, text=True, check=False)
    assert "Network is unreachable" in done.stderr
