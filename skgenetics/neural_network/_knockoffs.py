"""Gaussian knockoffs of variants, or of groups of variants, block by block of LD."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import linalg, sparse
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._typing import Array

RIDGE = 1e-6  # added to the correlations, so that those of collinear variants can be inverted
LARGEST_BLOCK = 200  # variants whose correlations are modeled jointly
SMALLEST = 3  # rows that a block of one variant needs
LINKED = 0.1  # r2 of two neighbors that a block is cut below, where it can be
MAX_SWEEPS, SWEEP_TOL = 50, 1e-3  # of the covariances that variants and knockoffs do not share
BELOW_LIMIT = 0.999  # factor of these covariances, so that the knockoffs' covariance is definite


class Block(NamedTuple):
    """Variants next to each other, standardized."""

    columns: slice
    Z: np.ndarray  # (n, k)
    mean: np.ndarray  # (k,)
    scale: np.ndarray  # (k,), 0 of a constant
    S: np.ndarray  # (k, k), correlations


def gaussian_knockoffs(
    X: Array, weight: np.ndarray, groups: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return knockoffs (n, m) of X, on its scale, float32 on the host.

    `weight` (n,) are frequencies of the rows, `groups` (m,) the numbers of the variants' groups.
    """
    share = shares(weight)
    result = np.empty(X.shape, dtype=np.float32)
    for block in blocks_of_ld(X, share, groups):
        knockoff = knockoffs_of_block(block.Z, block.S, groups[block.columns], share, rng)
        result[:, block.columns] = knockoff * block.scale + block.mean
    return result


def groups_of_ld(X: Array, weight: np.ndarray, r2: float) -> np.ndarray:
    """Return the number (m,) of each variant's group, in the order of their first variants.

    Groups are those of average linkage: two are joined as long as the mean absolute correlation of
    their variants, one of each, is as large as the square root of `r2`.
    """
    share = shares(weight)
    result = np.empty(X.shape[1], dtype=np.int64)
    n_groups = 0
    for block in blocks_of_ld(X, share, np.arange(X.shape[1])):
        codes = np.zeros(1, dtype=np.int64)
        if len(block.S) > 1:
            distance = squareform(np.clip(1 - np.abs(block.S), 0, None), checks=False)
            tree = hierarchy.linkage(distance, "average")
            codes = hierarchy.fcluster(tree, 1 - np.sqrt(r2), "distance")
        _, first, codes = np.unique(codes, return_index=True, return_inverse=True)
        result[block.columns] = n_groups + np.argsort(np.argsort(first))[codes]
        n_groups += len(first)
    return result


def shares(weight: np.ndarray) -> np.ndarray:
    """Return weights of sum 1."""
    n_used = int(np.count_nonzero(weight))
    if n_used < SMALLEST:
        raise ValueError(
            f"Correlations of variants, for knockoffs or groups, need {SMALLEST} samples of "
            f"positive weight at least; got {n_used}."
        )
    return weight / weight.sum()


def blocks_of_ld(X: Array, share: np.ndarray, groups: np.ndarray) -> Iterator[Block]:
    """Yield blocks as wide as `LARGEST_BLOCK` and the number of rows allow, of whole groups."""
    m = X.shape[1]
    largest = min(LARGEST_BLOCK, (int(np.count_nonzero(share)) - 1) // 2)
    last = np.zeros(int(groups.max()) + 1, dtype=np.int64)
    np.maximum.at(last, groups, np.arange(m))
    whole = np.maximum.accumulate(last[groups]) == np.arange(m)  # no group goes on beyond
    start = 0
    while start < m:
        part = X[:, start : start + largest]
        block = to_numpy(part.toarray() if sparse.issparse(part) else part).astype(np.float64)
        mean = share @ block
        scale = np.sqrt(share @ (block - mean) ** 2)
        Z = (block - mean) / np.where(scale > 0, scale, 1.0)
        width, ends = Z.shape[1], 1 + np.flatnonzero(whole[start : start + Z.shape[1]])
        if not len(ends):
            raise ValueError(
                f"The variants of a group, or of groups that overlap, span more than {largest} "
                f"columns of X from column {start} on, and correlations are those of {largest} "
                "columns at most, fewer than half as many as there are samples. Sort the columns "
                "so that variants of a group are together, or make smaller groups."
            )
        if width < m - start and ends[0] < width:  # cut where neighbors are least linked
            ends = ends[ends < width]
            neighbors = (share @ (Z[:, ends] * Z[:, ends - 1])) ** 2
            unlinked = np.flatnonzero(neighbors < LINKED)
            width = int(ends[unlinked[-1] if len(unlinked) else np.argmin(neighbors)])
        Z, columns = Z[:, :width], slice(start, start + width)
        S = Z.T @ (share[:, None] * Z)
        S[np.diag_indices(width)] = 1.0
        yield Block(columns, Z, mean[:width], scale[:width], S)
        start += width


def knockoffs_of_block(
    Z: np.ndarray,
    S: np.ndarray,
    groups: np.ndarray,
    share: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    r"""Return knockoffs of standardized columns Z (n, k), whose rows have weights of sum 1.

    With their correlations S and D of `own_covariances`, they are
    :math:`Z - Z S^{-1} D + E (2 D - D S^{-1} D)^{1/2}`, where the columns of E are random,
    orthonormal, and orthogonal to Z. So the correlations of variants and knockoffs of *these
    people* are, up to RIDGE, those that swapping a group with its knockoffs leaves as they are.
    """
    n, k = Z.shape
    S = S + RIDGE * (np.eye(k) - S)
    D = own_covariances(S, groups)
    inverse_D = linalg.inv(S) @ D
    values, vectors = linalg.eigh(2 * D - D @ inverse_D)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    noise = rng.normal(size=(n, k))
    beside = np.sqrt(share)[:, None] * np.column_stack([np.ones(n), Z, noise])
    E = linalg.qr(beside, mode="economic")[0][:, 1 + k :]
    E = np.divide(E, np.sqrt(share)[:, None], out=noise, where=share[:, None] > 0)
    return Z - Z @ inverse_D + E @ root


def own_covariances(S: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return D (k, k): the covariances within groups that variants do not share with knockoffs.

    D is 0 between groups. The entropy of variants and knockoffs, log det(2 S - D) + log det D, is
    raised one group at a time. Its derivative is 0 where D_gg is half of what it could be,
    (M_gg)^-1 + D_gg, M being (2 S - D)^-1.
    """
    smallest = float(linalg.eigvalsh(S, subset_by_index=[0, 0])[0])
    D = 0.5 * max(smallest, RIDGE) * np.eye(len(S))
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    within = [np.ix_(group, group) for group in members]
    for _ in range(MAX_SWEEPS):
        M, previous = linalg.inv(2 * S - D), D.copy()
        for group, square in zip(members, within, strict=True):
            step = 0.5 * (linalg.inv(M[square]) - D[square])
            D[square] += step
            change = np.linalg.solve(np.eye(len(group)) - step @ M[square], step)
            M += M[:, group] @ change @ M[group]
        if np.max(np.abs(D - previous)) <= SWEEP_TOL:
            break
    return BELOW_LIMIT * D
