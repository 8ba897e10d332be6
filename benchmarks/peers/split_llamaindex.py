"""How LlamaIndex splits documents by default: sentences, up to 1,024 tokens, 200 of them overlapping.

https://developers.llamaindex.ai/python/framework/module_guides/loading/node_parsers: ``SentenceSplitter``, which
``VectorStoreIndex.from_documents`` uses by default. Reads documents, and writes a line for each part: the row of its
document and its text.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.peers.exchange import read_texts


def split(documents: Path, parts: Path) -> None:
    """Split the texts in the file ``documents`` into the file ``parts``."""
    from llama_index.core.node_parser import SentenceSplitter

    splitter = SentenceSplitter()
    with parts.open("w", encoding="utf-8") as stream:
        for row, text in enumerate(read_texts(documents)):
            stream.writelines(json.dumps({"row": row, "text": part}) + "\n" for part in splitter.split_text(text))


if __name__ == "__main__":
    split(Path(sys.argv[1]), Path(sys.argv[2]))
