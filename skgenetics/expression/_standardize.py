"""Expression in units of each gene's standard deviation, and what is explained of it."""

from typing import NamedTuple

import numpy as np


class Moments(NamedTuple):
    """Moments of training expression."""

    mean: np.ndarray  # (J,) over all cells of the gene
    scale: np.ndarray  # (J,)
    tissue_mean: np.ndarray  # (K, J) of standardized expression; 0 where not observed


def standardize(y, weight, *, scale):
    """Return standardized y (I, J, K), NaN where not observed, and its `Moments`.

    scale : bool
        Whether to divide by the standard deviation over a gene's cells too.
    """
    cells = weight[:, None, None] * ~np.isnan(y)
    total = np.maximum(cells.sum(axis=(0, 2)), 1e-300)
    mean = np.sum(cells * np.nan_to_num(y), axis=(0, 2)) / total
    z = y - mean[:, None]
    size = np.ones_like(mean)
    if scale:
        size = np.sqrt(np.sum(cells * np.nan_to_num(z) ** 2, axis=(0, 2)) / total)
        size = np.where(size > 1e-12 * np.maximum(np.abs(mean), 1e-300), size, 1.0)
        z = z / size[:, None]
    tissue_mean = np.sum(cells * np.nan_to_num(z), axis=0)
    tissue_mean = tissue_mean / np.maximum(cells.sum(axis=0), 1e-300)
    return z, Moments(mean, size, tissue_mean.T)


def squares(values, weight):
    """Return the weighted sum of squares of the observed cells."""
    return float(weight @ np.nansum(values**2, axis=(1, 2)))


def shares(total, remaining):
    """Return `variance_explained_` from sums of squares.

    total : float
        About the genes' means.
    remaining : dict
        Sum of squares left after the parts named, in their order; the first is "tissue_means".
    """
    within = remaining["tissue_means"]
    explained, before = {"within": {}, "total": {}}, total
    for name, left in remaining.items():
        explained["total"][name] = (before - left) / total if total > 0 else 0.0
        if name != "tissue_means":
            explained["within"][name] = (before - left) / within if within > 0 else 0.0
        before = left
    return explained
