"""Moments of expression against sums cell by cell, in namespaces other than NumPy's too."""

import array_api_strict
import numpy as np
import pytest

from skgenetics.expression._standardization import expression_moments
from skgenetics.expression.trans._targets import GENE_CHUNK

NAMESPACES = [(np, "cpu"), (array_api_strict, array_api_strict.Device("device1"))]


def expression(n=12, n_genes=GENE_CHUNK + 6, n_tissues=3):
    """Cells far from 0, with holes, a constant gene, and one that is never seen in a tissue."""
    rng = np.random.default_rng(0)
    y = 1e6 + rng.normal(size=(n, n_genes, n_tissues)) * rng.uniform(0.1, 9, size=(n_genes, 1))
    y[rng.random(y.shape) < 0.3] = np.nan
    y[:, 1] = np.where(np.isnan(y[:, 1]), np.nan, 1e6 + 0.1)
    y[:, 2, 1] = np.nan
    return y, rng.integers(1, 4, size=n).astype(float)


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize(("xp", "device"), NAMESPACES, ids=["numpy", "strict"])
def test_moments_are_those_of_the_cells(xp, device, scale):
    y, weight = expression()
    found = expression_moments(y, weight, xp, device, scale=scale)
    total = within = 0.0
    for j in range(y.shape[1]):
        rows, tissues = np.nonzero(~np.isnan(y[:, j]))
        cells, w = y[rows, j, tissues] - 1e6, weight[rows]
        mean = np.average(cells, weights=w)
        assert found.mean[j] == pytest.approx(1e6 + mean, rel=1e-15)
        size = 1.0
        if scale and j != 1:
            size = np.sqrt(np.average((cells - mean) ** 2, weights=w))
        assert found.scale[j] == pytest.approx(size, rel=1e-8)
        z = (cells - mean) / size
        total += np.sum(w * z**2)
        for k in range(y.shape[2]):
            here = tissues == k
            assert found.cells[k, j] == w[here].sum()
            tissue_mean = np.average(z[here], weights=w[here]) if here.any() else 0.0
            assert found.tissue_mean[k, j] == pytest.approx(tissue_mean, abs=1e-8)
            within += np.sum(w[here] * (z[here] - tissue_mean) ** 2)
    assert found.total == pytest.approx(total, rel=1e-9)
    assert found.within == pytest.approx(within, rel=1e-9)
