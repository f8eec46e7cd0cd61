"""Covariances of the dosages of each gene's variants: of a panel, or as files give them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from skgenetics.io._genotypes import Genotypes
from skgenetics.utils._arrays import column_blocks

if TYPE_CHECKING:
    from pandas import DataFrame

_MAX_COLUMNS = 2_000  # of a panel, held at a time


def panel_covariances(
    genotypes: Genotypes, row: np.ndarray, sign: np.ndarray, genes: Sequence[np.ndarray]
) -> Iterator[np.ndarray]:
    """Yield the covariance of the variants of each gene among the people of a panel.

    Parameters
    ----------
    genotypes : Genotypes
        A missing call counts as the mean.
    row : ndarray of shape (n_variants,)
        Column of the genotypes that holds each variant, -1 if none does.
    sign : ndarray of shape (n_variants,)
        -1 where the genotypes count the other allele.
    genes : sequence of arrays of int
        Numbers of the variants of each gene.

    Yields
    ------
    covariance : ndarray
        Divided by the number of people - 1; rows and columns of NaN where the panel has no variant,
        or one that does not vary.
    """
    first = 0
    while first < len(genes):
        wanted: set[int] = set()
        last = first
        while last < len(genes) and (last == first or len(wanted) < _MAX_COLUMNS):
            wanted.update(genes[last].tolist())
            last += 1
        numbers = np.array(sorted(wanted), dtype=np.int64)
        numbers = numbers[row[numbers] >= 0]
        deviations = _deviations(genotypes.select(columns=row[numbers])) * sign[numbers]
        place = np.full(len(row), -1)
        place[numbers] = np.arange(len(numbers))
        for variants in genes[first:last]:
            yield _with_gaps(deviations, place[variants])
        first = last


def _deviations(genotypes: Genotypes) -> np.ndarray:
    """Return dosages less their means; NaN for a variant that does not vary."""
    result = np.empty(genotypes.shape)
    for columns, block in column_blocks(genotypes, np.float64):
        called = block >= 0  # not for NaN, nor for codes of missing calls
        mean = np.where(called, block, 0).sum(axis=0) / np.maximum(called.sum(axis=0), 1)
        x = np.where(called, block - mean, 0)
        result[:, columns] = np.where((np.abs(x) > 1e-9).any(axis=0), x, np.nan)
    return result


def _with_gaps(deviations: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the covariance of columns, NaN where a place is -1."""
    covariance = np.full((len(place), len(place)), np.nan)
    held = np.flatnonzero(place >= 0)
    x = deviations[:, place[held]]
    covariance[np.ix_(held, held)] = x.T @ x / max(len(x) - 1, 1)
    return covariance


def given_covariances(
    covariances: "Mapping[str, DataFrame]",
    names: Sequence[str],
    variant_ids: np.ndarray,
    genes: Sequence[np.ndarray],
) -> Iterator[np.ndarray]:
    """Yield the covariance of the variants of each gene that files give, NaN where they do not.

    Parameters
    ----------
    covariances : mapping of gene to DataFrame
        Labeled by variant_id.
    names : sequence of str
        Of the genes.
    variant_ids : ndarray of shape (n_variants,)
    genes : sequence of arrays of int
        Numbers of the variants of each gene.
    """
    for name, variants in zip(names, genes, strict=True):
        covariance = np.full((len(variants), len(variants)), np.nan)
        frame = covariances.get(name)
        if frame is not None:
            place = frame.index.get_indexer(variant_ids[variants])
            held = np.flatnonzero(place >= 0)
            part = frame.to_numpy()[np.ix_(place[held], place[held])]
            varies = np.diag(part) > 0
            part = np.where(varies[:, None] & varies, part, np.nan)
            covariance[np.ix_(held, held)] = part
        yield covariance
