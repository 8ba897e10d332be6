"""Which languages a model reads, by its card, and what a corpus has that it does not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semsearch.embedders._load import find_model
from semsearch.languages import NAMES, language_code, name_of_language

__all__ = ["language_warning", "languages_of_model"]

_CARD = "README.md"
_LONGEST_CARD = 1 << 18  # characters; what describes a model stands at the beginning
_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)
_LEAST_SHARE = 0.1  # of the articles: so many that a model does not read are worth a warning
_MOST = 0.95  # of them: nearly all

_PARAPHRASE = "paraphrase-multilingual-MiniLM-L12-v2", "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
_PARAPHRASE_READS = frozenset(NAMES) - {"be", "bn", "km", "ta", "te"}
_E5 = "intfloat/multilingual-e5-small", "intfloat/multilingual-e5-small"
"""Reads all languages that are known here."""


def languages_of_model(name: str) -> frozenset[str] | None:
    """Return the codes of the languages that a model reads, as its card says; None if it does not say, or reads all.

    Args:
        name: The model's name, as an index has it: what is not on this machine says nothing.
    """
    folder = find_model(name)
    try:
        card = None if folder is None else _front_matter(folder / _CARD)
    except OSError:
        return None
    stated = card.get("language") if isinstance(card, dict) else None
    entries = stated if isinstance(stated, list) else [stated]
    # YAML takes "no", Norwegian, for a truth value.
    codes = {language_code("no" if entry is False else entry) for entry in entries} - {None}
    if not codes or (len(codes) == 1 and "multilingual" in entries):
        return None
    return frozenset(code for code in codes if code is not None)


def language_warning(shares: Mapping[str, float], model: str) -> str | None:
    """Return what to tell whoever indexes articles that ``model`` does not read, with the remedy; None if it does.

    Args:
        shares: Which share of the articles is of which language.
        model: The model's name.
    """
    unread = [language for language, share in shares.items() if share >= _LEAST_SHARE]
    reads = languages_of_model(model) if unread else None
    unread = [] if reads is None else [language for language in unread if language not in reads]
    if not unread:
        return None
    (first, *others) = unread
    most = shares[first]
    said = f"{'nearly all' if most >= _MOST else f'{most:.0%}'} of the articles are {name_of_language(first)}"
    said += "".join(f", {shares[language]:.0%} {name_of_language(language)}" for language in others)
    wanted = {language for language, share in shares.items() if share >= _LEAST_SHARE}
    name, repository = _PARAPHRASE if wanted <= _PARAPHRASE_READS else _E5
    return (
        f"{said}, which {model} does not read, so that they are found by their words alone: "
        f"'hf download {repository}', and rebuild the index with --model {name}"
    )


def _front_matter(path: Path) -> Any:
    """Return what stands between the first lines of a model card; None if there is nothing that can be read."""
    import yaml

    with path.open(encoding="utf-8", errors="replace") as stream:
        found = _FRONT_MATTER.match(stream.read(_LONGEST_CARD))
    try:
        return None if found is None else yaml.safe_load(found[1])
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
