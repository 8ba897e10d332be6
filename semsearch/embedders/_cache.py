"""What is kept of models between processes, in the user's cache: compiled forms, and what a model's files hash to.

All of it may be removed at any time, and is then made anew. ``SEMSEARCH_CACHE`` names another folder for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from semsearch.embedders._fingerprint import fingerprint, model_files
from semsearch.embedders._protocol import EmbedderSpec

__all__ = ["CompiledForm", "cache_folder", "find_form", "keep_form", "keep_refusal", "known_fingerprint"]

_VERSION = 1
"""Rises when compiled forms are made in another way: those that are there are then not used."""

_ABOUT, _GRAPH, _TOKENIZER = "about.json", "graph.onnx", "tokenizer.json"


@dataclass(frozen=True, slots=True)
class CompiledForm:
    """A compiled model, but for its weights, which stay in the model's own file.

    Attributes:
        graph: An ONNX file, which names the places of the weights.
        tokenizer: A tokenizer as the library tokenizers writes it.
        weights: The name of the file with the weights, in the model's folder.
        spec: What identifies the embedder; ``name`` and ``revision`` are those that it was found by then.
    """

    graph: bytes
    tokenizer: bytes
    weights: str
    spec: EmbedderSpec


def cache_folder() -> Path:
    """Return the folder of semsearch's cache, which need not be there."""
    named = os.environ.get("SEMSEARCH_CACHE")
    if named:
        return Path(named)
    # As the library platformdirs has it, whose import costs as much as embedding five queries.
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.path.expanduser(base), "semsearch")  # noqa: PTH111 - Path's raises where there is no home


def find_form(fingerprint: str) -> CompiledForm | str | None:
    """Return the compiled form of a model; why there is none; or None if none has been made yet."""
    folder = _folder_of(fingerprint)
    about = _read(folder / _ABOUT)
    if isinstance(about.get("refused"), str):
        return str(about["refused"])
    try:
        parts = {name: (folder / name).read_bytes() for name in (_GRAPH, _TOKENIZER)}
        spec = EmbedderSpec(**about["spec"])
        intact = about["sha256"] == _checksums(parts) and spec.fingerprint == fingerprint
        return CompiledForm(parts[_GRAPH], parts[_TOKENIZER], str(about["weights"]), spec) if intact else None
    except (OSError, KeyError, TypeError):
        return None


def keep_form(form: CompiledForm) -> None:
    """Keep a compiled form, in place of what was kept of the model."""
    parts = {_GRAPH: form.graph, _TOKENIZER: form.tokenizer}
    about = {"spec": asdict(form.spec), "weights": form.weights, "sha256": _checksums(parts)}
    _keep(form.spec.fingerprint, parts, about)


def keep_refusal(fingerprint: str, reason: str) -> None:
    """Keep that a model cannot be compiled, and why."""
    _keep(fingerprint, {}, {"refused": reason})


def known_fingerprint(folder: Path) -> str:
    """Return the fingerprint of the model in ``folder``: hashing hundreds of megabytes once, until a file changes.

    A file counts as changed if its size, or its time of change to the nanosecond, is another one.
    """
    place = cache_folder() / "fingerprints" / f"{_short_hash(str(folder.resolve()))}.json"
    state = [[name.as_posix(), *_state(folder / name)] for name in model_files(folder)]
    known = _read(place)
    if known.get("files") == state and isinstance(known.get("fingerprint"), str):
        return str(known["fingerprint"])
    found = fingerprint(folder)
    with _optional():
        place.parent.mkdir(parents=True, exist_ok=True)
        _replace(place, json.dumps({"files": state, "fingerprint": found}).encode())
    return found


def _state(path: Path) -> tuple[int, int, int]:
    about = path.stat()
    return about.st_size, about.st_mtime_ns, about.st_ctime_ns


def _folder_of(fingerprint: str) -> Path:
    return cache_folder() / f"models-{_VERSION}" / _short_hash(fingerprint)


def _keep(fingerprint: str, parts: Mapping[str, bytes], about: Mapping[str, Any]) -> None:
    """Put a folder in place as a whole: whoever looks meanwhile finds the old one, the new one or none."""
    import tempfile

    folder = _folder_of(fingerprint)
    with _optional():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-", ignore_cleanup_errors=True) as temporary:
            new = Path(temporary, "new")
            new.mkdir()
            for name, content in {**parts, _ABOUT: json.dumps(about).encode()}.items():
                (new / name).write_bytes(content)
            if folder.exists():
                folder.rename(Path(temporary, "old"))
            new.rename(folder)


def _replace(path: Path, content: bytes) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as stream:
        stream.write(content)
    Path(stream.name).replace(path)


@contextlib.contextmanager
def _optional() -> Iterator[None]:
    """Go on if the cache cannot be written: without a home, on a full disk, or where another process was faster."""
    with contextlib.suppress(OSError):
        yield


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _checksums(parts: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in parts.items()}


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
