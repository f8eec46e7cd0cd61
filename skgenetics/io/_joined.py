"""Genotypes of one set of people over several files, or beside their covariates."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skgenetics.io._genotypes import Genotypes
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import join_names

if TYPE_CHECKING:
    import pandas as pd

_CHROMOSOMES = [*map(str, range(1, 27)), *(f"{k:02}" for k in range(1, 10)), "X", "Y", "XY", "MT"]


class JoinedValues:
    """Dosages of several files side by side, sliced as ``values[rows, columns]``."""

    def __init__(self, parts: Sequence[Any]) -> None:
        self.parts = list(parts)
        self.starts = np.cumsum([0, *(part.shape[1] for part in self.parts)])
        self.shape = self.parts[0].shape[0], int(self.starts[-1])

    def part_of(self, columns: np.ndarray) -> tuple[Any, np.ndarray]:
        """Return the file that holds some columns, and their numbers in it; else all files."""
        holder = np.searchsorted(self.starts, columns, side="right") - 1
        if not len(columns) or (holder != holder[0]).any():
            return self, columns
        return self.parts[holder[0]], columns - self.starts[holder[0]]

    def __getitem__(self, key: Any) -> np.ndarray:
        rows, columns = (np.ravel(index) for index in key)
        holder = np.searchsorted(self.starts, columns, side="right") - 1
        blocks = {
            k: self.parts[k][np.ix_(rows, columns[holder == k] - self.starts[k])]
            for k in np.unique(holder).tolist()
        }
        if all(block.dtype == np.int8 for block in blocks.values()):
            values = np.empty((len(rows), len(columns)), dtype=np.int8)
        else:  # missing calls of int8 become those of floats
            floating = [block.dtype for block in blocks.values() if block.dtype != np.int8]
            values = np.empty((len(rows), len(columns)), dtype=np.result_type(*floating))
            blocks = {
                k: np.where(block < 0, np.float32(np.nan), block)
                if block.dtype == np.int8
                else block
                for k, block in blocks.items()
            }
        for k, block in blocks.items():
            values[:, holder == k] = block
        return values


def read_by_chromosome(
    prefix: Path, endings: Sequence[str], read: Callable[[Path], Genotypes]
) -> Genotypes:
    """Open the files whose names have a chromosome in place of ``@``, as one panel.

    Parameters
    ----------
    prefix : Path
        Such as ``panel_chr@``.
    endings : sequence of str
        One of which the file of genotypes has, such as ".bed".
    read : callable
        What opens one of them.

    Raises
    ------
    FileNotFoundError
        Where there is none.
    ValueError
        Where the files are not of the same people in the same order.
    """
    if prefix.suffix in endings:
        prefix = prefix.with_suffix("")
    names = [prefix.name.replace("@", chromosome) for chromosome in _CHROMOSOMES]
    present = [
        prefix.with_name(name)
        for name in names
        if any(prefix.with_name(name + ending).is_file() for ending in endings)
    ]
    if not present:
        raise FileNotFoundError(
            f"There is no file {prefix}{endings[0]} with a chromosome (1 to 22, X, ...) in place "
            "of @."
        )
    parts = [read(path) for path in present]
    for part in parts[1:]:
        if not part.samples.equals(parts[0].samples):
            raise ValueError(
                f"{join_names([parts[0].source, part.source])} are not of the same people in the "
                "same order: make them so (plink2 --indiv-sort)."
            )
    pd = import_optional("pandas", extra="dataframe")
    return Genotypes(
        JoinedValues([part.values for part in parts]),
        parts[0].samples,
        pd.concat([part.variants for part in parts], ignore_index=True),
        counted_allele=parts[0].counted_allele.replace(present[0].name, prefix.name),
        source=f"{prefix.name}{endings[0]} ({len(parts)} files)",
        build=parts[0].build,
    )


def with_covariates(genotypes: Genotypes, covariates: "pd.DataFrame") -> Genotypes:
    """Return covariates and, behind them, genotypes, as one X that is read when sliced.

    Estimators that take opened genotypes then find the covariates among the columns, as
    :class:`skgenetics.compose.CovariateAdjustedRegressor` does by their names.

    Parameters
    ----------
    genotypes : Genotypes of shape (n_samples, n_variants)
    covariates : pandas.DataFrame of shape (n_samples, n_covariates)
        Numbers. Indexed by (FID, IID) as the genotypes are, and matched by them; or with an index
        0, 1, 2, ..., and then in the order of the people.

    Returns
    -------
    genotypes : Genotypes of shape (n_samples, n_covariates + n_variants)
        Of a covariate, "variant_id" is the name, and chromosome and alleles are empty.

    Raises
    ------
    ValueError
        If covariates lack a person.
    """
    pd = import_optional("pandas", extra="dataframe")
    numbered = isinstance(covariates.index, pd.RangeIndex)
    if not numbered and not genotypes.samples.isin(covariates.index).all():
        raise ValueError(
            f"Of the people of {genotypes.source}, "
            f"{(~genotypes.samples.isin(covariates.index)).sum()} are not in the covariates: keep "
            "those of both, which skgenetics.io.match_samples finds."
        )
    if not numbered:
        covariates = covariates.loc[genotypes.samples]
    values = JoinedValues([covariates.to_numpy(dtype=np.float64), genotypes])
    names = pd.DataFrame(columns=genotypes.variants.columns, index=range(covariates.shape[1]))
    names = names.astype(genotypes.variants.dtypes)
    names[["chromosome", "effect_allele", "other_allele"]] = ""
    names["variant_id"] = [str(name) for name in covariates.columns]
    return Genotypes(
        values,
        genotypes.samples,
        pd.concat([names, genotypes.variants], ignore_index=True),
        counted_allele=genotypes.counted_allele,
        source=genotypes.source,
        build=genotypes.build,
    )
