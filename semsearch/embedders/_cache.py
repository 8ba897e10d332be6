"""What is kept of models between processes, in the user's cache: compiled forms, and what a model's files hash to.

All of it may be removed at any time, and is then made anew. ``SEMSEARCH_CACHE`` names another folder for it. A file
that is not as it was written is as good as none: each begins with the hash of the rest.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from semsearch._version import __version__
from semsearch.embedders._fingerprint import State, file_state, fingerprint, model_files
from semsearch.embedders._protocol import EmbedderSpec

__all__ = ["CompiledForm", "cache_folder", "find_form", "keep_form", "keep_refusal", "known_fingerprint"]

_VERSION = 2
"""Rises when compiled forms are made in another way: those that are there are then not used."""


@dataclass(frozen=True, slots=True)
class CompiledForm:
    """A compiled model, but for its weights, which stay in the model's own file.

    Attributes:
        graph: An ONNX file, which names the file with the weights and their places in it.
        tokenizer: A tokenizer as the library tokenizers writes it.
        spec: What identifies the embedder; ``name`` and ``revision`` are those that it was found by then.
        bfloat16: Whether passages' vectors were seen to be the same in bfloat16.
    """

    graph: bytes
    tokenizer: bytes
    spec: EmbedderSpec
    bfloat16: bool = False


def cache_folder() -> Path:
    """Return the folder of semsearch's cache, which need not be there."""
    named = os.environ.get("SEMSEARCH_CACHE")
    if named:
        return Path(named)
    with contextlib.suppress(RuntimeError):  # there is no home
        folder = Path(_user_cache()).expanduser()
        if folder.is_absolute():
            return folder / "semsearch"
    return Path(os.devnull)  # no folder, so that nothing is found in it, nor kept


def _user_cache() -> str:
    """Return where this system keeps what may be removed."""
    if sys.platform == "win32":
        return os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    if sys.platform == "darwin":
        return "~/Library/Caches"
    return os.environ.get("XDG_CACHE_HOME") or "~/.cache"


def find_form(fingerprint: str, weights: str) -> CompiledForm | str | None:
    """Return the compiled form of a model; why there is none; or None if none has been made yet.

    Args:
        fingerprint: What identifies the model.
        weights: The name of its file with the weights: where they are is part of the form.
    """
    about, parts = _read(_place(fingerprint, weights))
    if "refused" in about:  # another version may know better
        return str(about["refused"]) if about["version"] == __version__ else None
    if not about:
        return None
    length = about["graph"]
    return CompiledForm(parts[:length], parts[length:], EmbedderSpec(**about["spec"]), about["bfloat16"])


def keep_form(form: CompiledForm, weights: str) -> None:
    """Keep a compiled form, in place of what was kept of the model."""
    about = {"spec": asdict(form.spec), "bfloat16": form.bfloat16, "graph": len(form.graph)}
    _keep(_place(form.spec.fingerprint, weights), about, form.graph + form.tokenizer)


def keep_refusal(fingerprint: str, weights: str, reason: str) -> None:
    """Keep that a model cannot be compiled, and why."""
    _keep(_place(fingerprint, weights), {"refused": reason, "version": __version__})


def known_fingerprint(folder: Path) -> str:
    """Return the fingerprint of the model in ``folder``: hashing hundreds of megabytes once, until a file changes.

    A file counts as changed if its size, or its time of change to the nanosecond, is another one.
    """
    folder = folder.resolve()
    return _fingerprint_of(folder, tuple((name.as_posix(), file_state(folder / name)) for name in model_files(folder)))


@functools.lru_cache(maxsize=8)
def _fingerprint_of(folder: Path, files: tuple[tuple[str, State], ...]) -> str:
    place = cache_folder() / "fingerprints" / _short_hash(str(folder))
    state = [[name, *state] for name, state in files]
    known, _ = _read(place)
    if known.get("files") == state:
        return str(known["fingerprint"])
    found = fingerprint(folder)
    _keep(place, {"files": state, "fingerprint": found})
    return found


def _place(fingerprint: str, weights: str) -> Path:
    return cache_folder() / f"models-{_VERSION}" / _short_hash(f"{fingerprint} {weights}")


def _keep(path: Path, about: Mapping[str, Any], parts: bytes = b"") -> None:
    """Write a file as a whole: whoever looks meanwhile finds the old one, the new one or none.

    Goes on if the cache cannot be written: without a home, on a full disk, or while another process reads the old one.
    """
    import tempfile

    content = json.dumps(about).encode() + b"\n" + parts
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-", ignore_cleanup_errors=True) as temporary:
            new = Path(temporary, "new")
            new.write_bytes(_checksum(content) + content)
            new.replace(path)


def _read(path: Path) -> tuple[dict[str, Any], bytes]:
    """Return what was kept in a file: nothing if it is not there, or not as it was written."""
    try:
        data = path.read_bytes()
    except OSError:
        return {}, b""
    length = len(_checksum(b""))
    if data[:length] != _checksum(data[length:]):
        return {}, b""
    about, _, parts = data[length:].partition(b"\n")
    return json.loads(about), parts


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode() + b"\n"


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
