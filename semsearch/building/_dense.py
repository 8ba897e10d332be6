"""The vectors that were written to what is searched."""

from __future__ import annotations

from semsearch.dense import DenseIndex
from semsearch.errors import SemsearchError
from semsearch.storage import GenerationWriter

__all__ = ["write_dense"]


def write_dense(writer: GenerationWriter) -> str:
    """Index the vectors of a generation. Returns the layout, see :attr:`~semsearch.dense.DenseIndex.spec`.

    Raises:
        SemsearchError: If there is not one for each passage.
    """
    dense = DenseIndex.build(writer.read_embeddings())
    if len(dense) != writer.archive.passages:
        raise SemsearchError(
            f"the build is not consistent: {len(dense)} vectors of {writer.archive.passages} passages; nothing was "
            "committed"
        )
    codes = dense.to_bytes()
    if codes is not None:
        writer.write_dense(codes)
    return dense.spec
