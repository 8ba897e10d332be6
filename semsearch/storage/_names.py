"""What is said of a field that no article has."""

from __future__ import annotations

from collections.abc import Iterable

from semsearch.filters import field_name

__all__ = ["unknown_field"]

_EVERYWHERE = ("id", "published", "source", "title", "url")  # that every article has, whatever its metadata
_SHOWN_NAMES = 20


def unknown_field(path: tuple[str, ...], known: Iterable[tuple[str, ...]]) -> ValueError:
    """Return the error for a field that none of the articles has; ``known`` are the paths of metadata that some have.

    It names the one that may be meant, and the others.
    """
    import difflib

    name = field_name(path)
    names = sorted({field_name(each) for each in (*((each,) for each in _EVERYWHERE), *known)})
    folded = {each.casefold(): each for each in names}
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    meant = f"; is {folded[close[0]]} meant?" if close else "."
    more = len(names) - _SHOWN_NAMES
    return ValueError(
        f"no article has a field {name}{meant} The fields are {', '.join(names[:_SHOWN_NAMES])}"
        + (f" and {more:,} more" if more > 0 else "")
    )
