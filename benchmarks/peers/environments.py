"""A virtual environment for each peer, in a folder that git ignores."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from benchmarks.peers.registry import Peer

__all__ = ["ENVIRONMENTS", "ROOT", "install", "python_of", "run_module", "versions"]

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / "benchmarks" / ".environments"

_VERSIONS = """
import importlib.metadata, json, platform, sys
print(json.dumps({"python": platform.python_version(), **{n: importlib.metadata.version(n) for n in sys.argv[1:]}}))
"""


def install(peer: Peer) -> None:
    """Make the peer's environment, unless it is there with these very requirements."""
    folder = ENVIRONMENTS / peer.name
    mark = folder / "installed"
    wanted = hashlib.sha256(peer.requirements.read_bytes() + sys.version.encode()).hexdigest()
    if mark.exists() and mark.read_text(encoding="ascii") == wanted:
        return
    print(f"{peer.name}: installing {peer.requirements.name}; the first time this takes a few minutes", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    pip = [str(python_of(peer)), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    if peer.torch:
        # First and alone, as the Makefile does: it would be pulled with gigabytes of GPU libraries otherwise.
        subprocess.run([*pip, "--constraint", str(ROOT / "constraints.txt"), "torch"], check=True)
    subprocess.run([*pip, "--requirement", str(peer.requirements)], check=True)
    mark.write_text(wanted, encoding="ascii")


def versions(peer: Peer) -> dict[str, str]:
    """Return the versions of Python and of the peer's packages in its environment."""
    command = [str(python_of(peer)), "-c", _VERSIONS, *peer.packages]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return cast(dict[str, str], json.loads(output))


def run_module(peer: Peer, module: str, arguments: Sequence[Path]) -> None:
    """Run one of the suite's modules in the peer's environment, with one thread and without a network to ask."""
    command = [str(python_of(peer)), "-m", f"benchmarks.peers.{module}", *map(str, arguments)]
    offline = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, **offline})


def python_of(peer: Peer) -> Path:
    """Return the interpreter of the peer's environment."""
    folder = ENVIRONMENTS / peer.name
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"
