"""The one shape that every genotype reader returns."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from skgenetics.io._tables import is_position
from skgenetics.utils._optional import import_optional

if TYPE_CHECKING:
    import pandas as pd

MISSING = -127
VARIANT_COLUMNS = (
    *("chromosome", "base_pair_location", "variant_id"),
    *("effect_allele", "other_allele"),
)
_VARIANT_NAME = re.compile(r"^(?:chr)?(\w+)[_:](\d+)[_:]([A-Za-z*.-]+)[_:]([A-Za-z*.-]+)$")


class Genotypes:
    """Dosages of samples x variants with their names, read from disk only when sliced.

    Parameters
    ----------
    values : array of shape (n_samples, n_variants), or object sliced as ``values[rows, columns]``
        Dosages 0..2 of the effect allele: int8, missing -127, or floating, missing NaN.
    samples : pandas.MultiIndex of length n_samples
        Levels "FID" ("0" where there is no family) and "IID".
    variants : pandas.DataFrame of length n_variants
        Columns chromosome, base_pair_location, variant_id, effect_allele, other_allele.
    counted_allele : str
        Which allele the dosages count, in words.
    source : str
        Name of the file, for messages.
    build : str, optional
        Genome build of the positions.

    Attributes
    ----------
    shape : tuple of int
        ``(n_samples, n_variants)``.

    Notes
    -----
    ``genotypes[rows, columns]`` reads a NumPy array (slices, integers or boolean masks);
    ``genotypes.select(rows, columns)`` narrows without reading. Both pickle, so a worker process
    can open the file itself. ``np.asarray(genotypes, dtype=float)`` reads all, missing NaN.
    """

    def __init__(self, values, samples, variants, *, counted_allele, source, build=None):
        if values.shape != (len(samples), len(variants)):
            raise ValueError(
                f"{source} holds genotypes of shape {values.shape}, but names {len(samples)} "
                f"samples and {len(variants)} variants: they must agree."
            )
        self.values = values
        self.samples = samples
        self.variants = variants
        self.counted_allele = counted_allele
        self.source = source
        self.build = build
        self._rows = np.arange(values.shape[0])
        self._columns = np.arange(values.shape[1])

    @property
    def shape(self):
        """Numbers of samples and of variants."""
        return len(self._rows), len(self._columns)

    def __getitem__(self, key):
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        rows = np.atleast_1d(self._rows[rows])
        columns = np.atleast_1d(self._columns[columns])
        return self.values[np.ix_(rows, columns)]

    def __array__(self, dtype=None, copy=None):
        values = self[:, :]
        if dtype is None or values.dtype != np.int8 or np.issubdtype(dtype, np.integer):
            return np.asarray(values, dtype=dtype)
        result = values.astype(dtype)
        result[values == MISSING] = np.nan  # not the code, which would pass for a dosage
        return result

    def __repr__(self):
        n_samples, n_variants = self.shape
        return (
            f"<Genotypes of {self.source}: {n_samples:,} samples x {n_variants:,} variants, "
            f"{self.counted_allele} counted>"
        )

    def select(self, rows=slice(None), columns=slice(None)):
        """Return the same genotypes narrowed to `rows` and `columns`, without reading them."""
        narrowed = object.__new__(type(self))
        narrowed.__dict__.update(self.__dict__)
        narrowed._rows = self._rows[rows]
        narrowed._columns = self._columns[columns]
        narrowed.samples = self.samples[rows]
        narrowed.variants = self.variants.iloc[columns].reset_index(drop=True)
        return narrowed


def sample_index(
    family_ids: Sequence[object] | None, sample_ids: Sequence[object]
) -> "pd.MultiIndex":
    """Return how people are indexed throughout: by family and ID, as text.

    Parameters
    ----------
    family_ids : sequence of length n_people, or None
        None: everyone is of the family "0".
    sample_ids : sequence of length n_people

    Returns
    -------
    index : pandas.MultiIndex
        Levels "FID" and "IID".
    """
    pd = import_optional("pandas", extra="dataframe")
    if family_ids is None:
        family_ids = ["0"] * len(sample_ids)
    arrays = [np.asarray(ids).astype(str).astype(object) for ids in (family_ids, sample_ids)]
    return pd.MultiIndex.from_arrays(arrays, names=["FID", "IID"])


def variants_from_names(names):
    """Return the variants frame of column names; chr_pos_ref_alt is taken apart, alt is counted."""
    pd = import_optional("pandas", extra="dataframe")
    rows = []
    for name in names:
        match = _VARIANT_NAME.match(name)
        known = match is not None and is_position(match[2])
        chromosome, position, ref, alt = match.groups() if known else ("", None, "", "")
        rows.append((chromosome, position, name, alt, ref))
    variants = pd.DataFrame(rows, columns=list(VARIANT_COLUMNS))
    return variants.astype({"base_pair_location": "Int64"})


def variants_frame(chromosome, position, variant_id, effect_allele, other_allele, source):
    """Return the variants frame of columns of text; without an ID, it is chr_pos_other_effect.

    An empty position is NA.
    """
    pd = import_optional("pandas", extra="dataframe")
    positions, names = [], []
    for row, value in enumerate(position):
        value, known = str(value), variant_id[row] not in ("", ".")
        if value and not is_position(value):
            who = variant_id[row] if known else f"variant {row + 1}"
            raise ValueError(
                f"{source}: the position of {who} is {value[:40]!r}; expected a whole number of "
                "base pairs."
            )
        place = (chromosome[row], value, other_allele[row], effect_allele[row])
        names.append(variant_id[row] if known else "_".join(place))
        positions.append(int(value) if value else pd.NA)
    return pd.DataFrame(
        {
            "chromosome": pd.Series(chromosome, dtype="str"),
            "base_pair_location": pd.array(positions, dtype="Int64"),
            "variant_id": pd.Series(names, dtype="str"),
            "effect_allele": pd.Series(effect_allele, dtype="str"),
            "other_allele": pd.Series(other_allele, dtype="str"),
        }
    )
