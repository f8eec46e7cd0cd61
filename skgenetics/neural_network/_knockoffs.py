"""Gaussian knockoffs of variants, block by block of LD."""

import numpy as np
from scipy import linalg

from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._typing import Array

RIDGE = 1e-6  # added to the correlations, so that those of collinear variants can be inverted
LARGEST_BLOCK = 200  # variants whose correlations are modeled jointly
SMALLEST = 3  # rows that a block of one variant needs
LINKED = 0.1  # r2 of two neighbors that a block is cut below, where it can be
MAX_SWEEPS, SWEEP_TOL = 50, 1e-3  # of the variances that variants and knockoffs do not share
BELOW_LIMIT = 0.999  # factor of these variances, so that the knockoffs' covariance is definite


def gaussian_knockoffs(X: Array, weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return knockoffs (n, m) of X, on its scale, float32 on the host.

    `weight` (n,) are frequencies of the rows. Blocks of variants are as wide as `LARGEST_BLOCK` and
    the number of rows allow.
    """
    X = to_numpy(X)
    n, m = X.shape
    share = weight / weight.sum()
    n_used = int(np.count_nonzero(share))
    if n_used < SMALLEST:
        raise ValueError(
            f"decoys='knockoff' needs {SMALLEST} samples of positive weight at least; got {n_used}."
        )
    largest = min(LARGEST_BLOCK, (n_used - 1) // 2)
    result = np.empty((n, m), dtype=np.float32)
    start = 0
    while start < m:
        block = X[:, start : start + largest].astype(np.float64)
        mean = share @ block
        scale = np.sqrt(share @ (block - mean) ** 2)
        Z = (block - mean) / np.where(scale > 0, scale, 1.0)
        width = Z.shape[1]
        if 1 < width < m - start:  # cut where neighbors are least linked
            neighbors = (share @ (Z[:, 1:] * Z[:, :-1])) ** 2
            unlinked = np.flatnonzero(neighbors < LINKED)
            width = 1 + int(unlinked[-1] if len(unlinked) else np.argmin(neighbors))
        knockoff = knockoffs_of_block(Z[:, :width], share, rng)
        result[:, start : start + width] = knockoff * scale[:width] + mean[:width]
        start += width
    return result


def knockoffs_of_block(Z: np.ndarray, share: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    r"""Return knockoffs of standardized columns Z (n, k), whose rows have weights of sum 1.

    With the correlations S and D = diag(s) of `own_variances`, they are
    :math:`Z - Z S^{-1} D + E (2 D - D S^{-1} D)^{1/2}`, where the columns of E are random,
    orthonormal, and orthogonal to Z. So the correlations of variants and knockoffs of *these
    people* are, up to RIDGE, those that swapping a variant with its knockoff leaves as they are.
    """
    n, k = Z.shape
    S = Z.T @ (share[:, None] * Z)
    S[np.diag_indices(k)] = 1.0
    S += RIDGE * (np.eye(k) - S)
    s = own_variances(S)
    inverse = linalg.inv(S)
    values, vectors = linalg.eigh(np.diag(2 * s) - s[:, None] * inverse * s)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    noise = rng.normal(size=(n, k))
    beside = np.sqrt(share)[:, None] * np.column_stack([np.ones(n), Z, noise])
    E = linalg.qr(beside, mode="economic")[0][:, 1 + k :]
    E = np.divide(E, np.sqrt(share)[:, None], out=noise, where=share[:, None] > 0)
    return Z - Z @ (inverse * s) + E @ root


def own_variances(S: np.ndarray) -> np.ndarray:
    """Return s (k,): the part of each variance that a variant does not share with its knockoff.

    The entropy of variants and knockoffs, log det(2 S - D) + log det D, is raised one s at a time.
    Its derivative is 0 where s is half of what it could be, 1 / M_jj + s, M being (2 S - D)^-1.
    """
    s = np.full(len(S), 0.5 * max(float(linalg.eigvalsh(S, subset_by_index=[0, 0])[0]), RIDGE))
    for _ in range(MAX_SWEEPS):
        M, previous = linalg.inv(2 * S - np.diag(s)), s.copy()
        for j in range(len(s)):
            step = 0.5 * (1 / M[j, j] - s[j])
            s[j] += step
            M += (step / (1 - step * M[j, j])) * np.outer(M[:, j], M[j])
        if np.max(np.abs(s - previous)) <= SWEEP_TOL:
            break
    return BELOW_LIMIT * s
