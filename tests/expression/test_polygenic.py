"""The polygenic term against refits without each individual."""

import numpy as np
import pytest

from skgenetics.expression._polygenic import (
    SHARES,
    PolygenicTerm,
    Share,
    fit_block,
    make_smoother,
)
from skgenetics.expression.trans._kernel import genotype_kernel
from skgenetics.expression.trans._targets import make_targets


def refit(kernel, y, weight, penalty):
    """Kernel ridge regression with an intercept, by its normal equations."""
    n = len(y)
    # variables: dual (n,), intercept; weighted residuals, penalty dual' K dual
    W = np.diag(weight)
    top = np.hstack([kernel @ W @ kernel + penalty * kernel, (kernel @ weight)[:, None]])
    bottom = np.append(weight @ kernel, weight.sum())
    system = np.vstack([top, bottom])
    right = np.append(kernel @ (weight * y), weight @ y)
    answer = np.linalg.lstsq(system, right, rcond=None)[0]
    return answer[:n], answer[n]


@pytest.mark.parametrize("heritable", [0.0, 0.5, 0.95])
def test_the_strength_is_that_of_the_smallest_left_out_error(tensor, heritable):
    X, _ = tensor(n=25, p=60)
    rng = np.random.default_rng(3)
    weight = rng.integers(1, 3, size=25).astype(float)
    kernel, _ = genotype_kernel(X, weight)
    root = np.linalg.cholesky(kernel + 1e-8 * np.eye(25))
    y = np.sqrt(heritable) * root @ rng.normal(size=25) + np.sqrt(1 - heritable) * rng.normal(
        size=25
    )
    dual, intercept, share = fit_block(make_smoother(kernel, weight), y[:, None] + 3)
    total = weight.sum()
    center = np.eye(25) - np.outer(np.ones(25), weight) / total
    size = np.trace(np.diag(weight) @ center @ kernel @ center.T) / total
    errors = []
    for h in SHARES:
        error = 0.0
        for i in range(25):
            left = weight.copy()
            left[i] -= 1  # one of the copies
            keep = left > 0
            if h == 0:
                guess = np.average(y[keep], weights=left[keep])
            else:
                d, b = refit(kernel[np.ix_(keep, keep)], y[keep], left[keep], size * (1 - h) / h)
                guess = kernel[i, keep] @ d + b
            error += weight[i] * (y[i] - guess) ** 2
        errors.append(error)
    best = SHARES[np.argmin(errors)]
    assert share[0] == best
    if best > 0:
        d, b = refit(kernel, y + 3, weight, size * (1 - best) / best)
        np.testing.assert_allclose(kernel @ dual[:, 0] + intercept[0], kernel @ d + b, atol=1e-6)
    else:
        assert not dual.any()
        np.testing.assert_allclose(intercept[0], np.average(y + 3, weights=weight))


def test_blocks_use_their_own_individuals(tensor):
    X, y = tensor(n=60, p=40, pattern="samples")
    kernel, _ = genotype_kernel(X, np.ones(60))
    targets = make_targets(y, np.ones(60), np, "cpu")
    dual, intercept, share, sum_of_squares = PolygenicTerm(kernel).fit(Share(targets))
    values = np.einsum("ab,kbj->ajk", kernel, dual) + intercept.T
    np.testing.assert_allclose(sum_of_squares, np.nansum((y - values) ** 2))
    assert np.any(share > 0)
    for k in range(3):
        rows = np.flatnonzero(~np.isnan(y[:, 0, k]))
        smoother = make_smoother(kernel[np.ix_(rows, rows)], np.ones(rows.size))
        own, offset, _ = fit_block(smoother, y[rows, :, k])
        np.testing.assert_allclose(dual[k][rows], own)
        np.testing.assert_allclose(intercept[k], offset)
        assert not np.delete(dual[k], rows, axis=0).any()
