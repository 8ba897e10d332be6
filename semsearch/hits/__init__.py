"""Hits as a list that shows itself as a table, and becomes one of pandas, Polars or Arrow.

What a search returns is one of these lists. A list is made of what was found and nothing else: the libraries, and the
modules that know them, are imported when a table is asked for.
"""

from __future__ import annotations

from semsearch.hits._lists import ArticleHits, Hits, ManyHits

__all__ = ["ArticleHits", "Hits", "ManyHits"]
