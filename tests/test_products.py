"""Matrix products in slices, against numpy's own."""

from __future__ import annotations

import numpy as np
import pytest

from semsearch.products import inner_products


@pytest.mark.parametrize("rows", [0, 1, 31, 32, 33, 1000])
@pytest.mark.parametrize("others", [0, 1, 16, 300])
@pytest.mark.parametrize("size", [1, 384, 2000])
def test_every_row_meets_every_other(rows: int, others: int, size: int) -> None:
    draw = np.random.default_rng(rows + others + size)
    left = draw.standard_normal((rows, size)).astype(np.float32)
    right = draw.standard_normal((others, size)).astype(np.float32)
    found = inner_products(left, right)
    assert (found.shape, found.dtype) == ((rows, others), np.dtype(np.float32))
    np.testing.assert_allclose(found, left @ right.T, rtol=1e-4, atol=1e-4 * size**0.5)


def test_a_view_will_do() -> None:
    grid = np.arange(80, dtype=np.float32).reshape(8, 10)
    np.testing.assert_allclose(inner_products(grid[::2].T, grid[1::2].T), grid[::2].T @ grid[1::2])
