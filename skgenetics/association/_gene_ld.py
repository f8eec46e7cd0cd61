"""Covariances of the dosages of genes' variants: of a panel, or as files give them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from skgenetics.io._genotypes import Genotypes
from skgenetics.utils._arrays import column_blocks
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    from pandas import DataFrame


def panel_covariances(
    genotypes: Genotypes, sign: np.ndarray, genes: Sequence[np.ndarray]
) -> Iterator[np.ndarray]:
    """Yield the covariance of the variants of each gene among the people of a panel.

    Parameters
    ----------
    genotypes : Genotypes
        A missing call counts as the mean.
    sign : ndarray of shape (n_variants,)
        -1 where the genotypes count the other allele.
    genes : sequence of arrays of int
        Columns of the genotypes that hold the variants of each gene, -1 where none does.

    Yields
    ------
    covariance : ndarray
        Divided by the number of people - 1; rows and columns of NaN where the panel has no variant,
        or one that does not vary.
    """
    deviations = _deviations(genotypes) * sign
    for place in genes:
        covariance = np.full((len(place), len(place)), np.nan)
        held = np.flatnonzero(place >= 0)
        x = deviations[:, place[held]]
        covariance[np.ix_(held, held)] = x.T @ x / max(len(x) - 1, 1)
        yield covariance


def _deviations(genotypes: Genotypes) -> np.ndarray:
    """Return dosages less their means; NaN for a variant that does not vary."""
    result = np.empty(genotypes.shape)
    for columns, block in column_blocks(genotypes, np.float64):
        called = block >= 0  # not for NaN, nor for codes of missing calls
        mean = np.where(called, block, 0).sum(axis=0) / np.maximum(called.sum(axis=0), 1)
        x = np.where(called, block - mean, 0)
        result[:, columns] = np.where((np.abs(x) > 1e-9).any(axis=0), x, np.nan)
    return result


def given_covariance(given: "DataFrame | None", variant_ids: ArrayLike) -> np.ndarray:
    """Return the covariance of the variants of a gene that a file gives, NaN where it does not.

    Parameters
    ----------
    given : DataFrame or None
        Labeled by variant_id.
    variant_ids : array-like of shape (n_variants,)
    """
    covariance = np.full((len(variant_ids), len(variant_ids)), np.nan)
    if given is not None:
        place = given.index.get_indexer(variant_ids)
        held = np.flatnonzero(place >= 0)
        part = given.to_numpy()[np.ix_(place[held], place[held])]
        varies = np.diag(part) > 0
        covariance[np.ix_(held, held)] = np.where(varies[:, None] & varies, part, np.nan)
    return covariance
