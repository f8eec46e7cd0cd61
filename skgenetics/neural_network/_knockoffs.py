"""Gaussian knockoffs of variants, block by block of LD."""

import numpy as np
from scipy import linalg

from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._typing import Array

SHRINKAGE = 0.01  # of correlations toward 0, so that a block can be inverted
LARGEST_BLOCK = 200  # variants whose correlations are modeled jointly
LINKED = 0.1  # r2 of two neighbors that a block is cut below, where it can be


def gaussian_knockoffs(X: Array, rng: np.random.Generator) -> np.ndarray:
    r"""Return knockoffs (n, m) of X, on its scale, float32 on the host.

    Blocks of variants are modeled as normal, with correlation S. The knockoff of a row z of a block
    is normal with mean :math:`z - z S^{-1} D` and covariance :math:`2 D - D S^{-1} D`. D = s I with
    s = min(1, 2 x the smallest eigenvalue of S), the equicorrelated choice of Candès et al. (2018):
    swapping a variant with its knockoff then leaves all correlations of the block as they are.
    """
    X = to_numpy(X)
    n, m = X.shape
    result = np.empty((n, m), dtype=np.float32)
    start = 0
    while start < m:
        block = X[:, start : start + LARGEST_BLOCK].astype(np.float64)
        mean, scale = block.mean(axis=0), block.std(axis=0)
        Z = (block - mean) / np.where(scale > 0, scale, 1.0)
        width = Z.shape[1]
        if start + width < m:  # cut where neighbors are least linked
            neighbors = np.mean(Z[:, 1:] * Z[:, :-1], axis=0) ** 2
            unlinked = np.flatnonzero(neighbors < LINKED)
            cut = unlinked[-1] if len(unlinked) else int(np.argmin(neighbors))
            width = int(cut) + 1
            Z = Z[:, :width]
        knockoff = _knockoffs_of_block(Z, rng)
        result[:, start : start + width] = knockoff * scale[:width] + mean[:width]
        start += width
    return result


def _knockoffs_of_block(Z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return knockoffs of standardized columns Z (n, k)."""
    n, k = Z.shape
    S = (1 - SHRINKAGE) * (Z.T @ Z) / n
    S[np.diag_indices(k)] = 1.0
    s = min(1.0, 2 * linalg.eigvalsh(S, subset_by_index=[0, 0])[0]) * 0.999
    inverse = linalg.inv(S)
    covariance = 2 * s * np.eye(k) - s**2 * inverse
    root = linalg.cholesky(covariance + 1e-10 * np.eye(k), lower=True)
    return Z - s * Z @ inverse + rng.normal(size=(n, k)) @ root.T
