"""An index in Milvus: three of its collections for each version, and an alias that says which version is live.

An index of words is kept beside it, on each machine that asks for words: :mod:`semsearch.engines._client_words`.
"""

from __future__ import annotations

from semsearch.engines.milvus._engine import MilvusEngine

__all__ = ["MilvusEngine"]
