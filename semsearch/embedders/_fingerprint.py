"""A model's folder to the hash of what its vectors depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

__all__ = ["State", "file_state", "fingerprint", "model_files"]

_MODEL_FILES = (
    *("modules.json", "*config*.json"),
    *("*token*.json", "*vocab*", "*merges.txt", "bpe.codes", "*.model", "*.spm", "*.tiktoken", "chat_template*"),
    *("*.safetensors", "*.safetensors.index.json"),
)
_OLDER_WEIGHTS = ("pytorch_model*.bin", "*.bin.index.json", "adapter_model.bin")  # loaded where none are .safetensors


class State(NamedTuple):
    """What changes when a file does: its size in bytes, and times in nanoseconds."""

    size: int
    modified: int
    changed: int


def file_state(path: Path) -> State:
    """Return the state of a file. Raises OSError if it is not there."""
    about = path.stat()
    return State(about.st_size, about.st_mtime_ns, about.st_ctime_ns)


def fingerprint(folder: Path) -> str:
    """Hash the files that a vector depends on (weights, tokenizer, pooling, prompts), wherever the folder is.

    The files and not the loaded model, so that another version of a library, or another runtime, gives the same. Of the
    folders in it only those of the model's modules count: others hold logs, checkpoints, and forms for other runtimes.
    """
    digest = hashlib.sha256()
    for name in model_files(folder):
        path = folder / name
        digest.update(f"{name} {path.stat().st_size}\n".encode("utf-8", "surrogateescape"))
        with path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def model_files(folder: Path) -> list[PurePosixPath]:
    """Return the files that a vector depends on, relative to the model's folder, sorted."""
    return sorted({module / path.name for module in _modules(folder) for path in _files_of_module(folder / module)})


def _files_of_module(folder: Path) -> list[Path]:
    """Return the files in a module's folder that make up the module."""
    files = [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    older = () if any(path.suffix == ".safetensors" for path in files) else _OLDER_WEIGHTS
    return [path for path in files if any(fnmatchcase(path.name, pattern) for pattern in (*_MODEL_FILES, *older))]


def _modules(folder: Path) -> Iterator[PurePosixPath]:
    """Yield the folders of a model's modules, relative to its own, which is the first."""
    yield PurePosixPath()
    for module in _read(folder / "modules.json", list):
        # What is not as it should be is refused when the model is loaded, which comes after this.
        path = _inside(module.get("path") if isinstance(module, dict) else None)
        yield path
        # A router has a folder for each of its modules in its own.
        for name in ("router_config.json", "config.json"):
            types = _read(folder / path / name, dict).get("types")
            yield from (path / _inside(part) for part in (types if isinstance(types, dict | list) else ()))


def _inside(path: object) -> PurePosixPath:
    """Return a path in the model's folder: the folder itself for anything else."""
    found = PurePosixPath(path if isinstance(path, str) and "\0" not in path else "")
    return PurePosixPath() if found.is_absolute() or ".." in found.parts else found


def _read(path: Path, kind: type) -> Any:
    """Return the JSON in a file, or nothing of its kind if that is not what is there."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # as above
        return kind()
    return content if isinstance(content, kind) else kind()
