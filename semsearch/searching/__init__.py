"""A query to ranked hits.

text ──parse, embed──▶ candidates (of what the filter allows) ──rank──▶ ──select──▶ hits
"""

from __future__ import annotations

from semsearch.searching._live import LiveIndex
from semsearch.searching._request import DEFAULT_K, MODES, SearchOptions
from semsearch.searching._searcher import Searcher, open_index

__all__ = ["DEFAULT_K", "MODES", "LiveIndex", "SearchOptions", "Searcher", "open_index"]
