"""Matrix products on one thread. Pure numpy.

The products of a query are small: waking other threads for them, and awaiting them, costs several times the work, and
on a busy machine fifty times. BLAS decides by the size of a product, and has no setting that other threads of the same
process would not feel; so it is given the product in slices that it thinks too small to share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["inner_products"]

_SMALL = 200_000  # multiplications; OpenBLAS shares a product of more than 4 * 65536


def inner_products(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the inner product of each row of ``left``, ``(n, d)``, with each of ``right``, ``(m, d)``: ``(n, m)``."""
    count, size = left.shape
    found = np.empty((count, len(right)), dtype=np.float32)
    step = max(1, _SMALL // max(1, size * len(right)))
    whole = count // step * step
    if whole:
        slices = found[:whole].reshape(-1, step, len(right))
        np.matmul(left[:whole].reshape(-1, step, size), right.T, out=slices)
    if whole < count:
        np.matmul(left[whole:], right.T, out=found[whole:])
    return found
