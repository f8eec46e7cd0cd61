"""The one shape that every genotype reader returns."""

import re
from collections.abc import Iterable, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skgenetics.io._lines import is_position
from skgenetics.utils._optional import import_optional
from skgenetics.utils._typing import ArrayLike

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
        Levels "FID" ("0" if there is no family) and "IID".
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

    def __init__(
        self,
        values: Any,
        samples: "pd.MultiIndex",
        variants: "pd.DataFrame",
        *,
        counted_allele: str,
        source: str,
        build: str | None = None,
    ) -> None:
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
    def shape(self) -> tuple[int, int]:
        """Numbers of samples and of variants."""
        return len(self._rows), len(self._columns)

    def __getitem__(self, key: Any) -> np.ndarray:
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        rows, columns = np.ravel(self._rows[rows]), np.ravel(self._columns[columns])
        return self.values[np.ix_(rows, columns)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = self[:, :]
        if dtype is None or values.dtype != np.int8 or np.issubdtype(dtype, np.integer):
            return np.asarray(values, dtype=dtype)
        result = values.astype(dtype)
        result[values == MISSING] = np.nan  # not the code, which would pass for a dosage
        return result

    def __repr__(self) -> str:
        n_samples, n_variants = self.shape
        return (
            f"<Genotypes of {self.source}: {n_samples:,} samples x {n_variants:,} variants, "
            f"{self.counted_allele} counted>"
        )

    def select(self, rows: Any = slice(None), columns: Any = slice(None)) -> "Genotypes":
        """Return the same genotypes narrowed to `rows` and `columns`, without reading them."""
        narrowed = object.__new__(type(self))
        narrowed.__dict__.update(self.__dict__)
        narrowed._rows = self._rows[rows]
        narrowed._columns = self._columns[columns]
        narrowed.samples = self.samples[rows]
        narrowed.variants = self.variants.iloc[columns].reset_index(drop=True)
        return narrowed

    def small(self) -> "Genotypes":
        """Return the same genotypes with values of no more variants than these, to be pickled."""
        small = self.select()
        small.values, small._columns = narrowed_values(self.values, self._columns)
        return small


def narrowed_values(values: Any, columns: np.ndarray) -> tuple[Any, np.ndarray]:
    """Return what a process that reads some columns of values is sent, and their numbers in it."""
    if hasattr(values, "part_of"):  # files by chromosome: the one that holds the columns
        values, columns = values.part_of(columns)
    if isinstance(values, np.ndarray):
        return values[:, columns], np.arange(len(columns))
    if hasattr(values, "alleles"):  # a .pgen: what is known of these columns
        values = copy(values)
        values.variants, values.alleles = values.variants[columns], values.alleles[columns]
        values.shape, columns = (values.shape[0], len(columns)), np.arange(len(columns))
    return values, columns


def sample_index(family_ids: ArrayLike | None, sample_ids: ArrayLike) -> "pd.MultiIndex":
    """Return how people are indexed throughout: by family and ID, as text.

    Parameters
    ----------
    family_ids : array-like of length n_people, or None
        None: everyone is of the family "0".
    sample_ids : array-like of length n_people

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


class VariantFields(NamedTuple):
    """What a file says of a variant, as text: the `VARIANT_COLUMNS`."""

    chromosome: str
    base_pair_location: str  # empty if unknown
    variant_id: str  # empty or "." if unknown
    effect_allele: str
    other_allele: str


def variants_from_names(names: Iterable[str]) -> "pd.DataFrame":
    """Return the variants frame of column names; chr_pos_ref_alt is taken apart, alt is counted."""
    pd = import_optional("pandas", extra="dataframe")
    rows = []
    for name in names:
        match = _VARIANT_NAME.match(name)
        if match is not None and is_position(match[2]):
            chromosome, position, ref, alt = match.groups()
        else:
            chromosome, position, ref, alt = "", None, "", ""
        rows.append((chromosome, position, name, alt, ref))
    variants = pd.DataFrame(rows, columns=list(VARIANT_COLUMNS))
    return variants.astype({"base_pair_location": "Int64"})


def variants_frame(variants: Sequence[VariantFields], source: str) -> "pd.DataFrame":
    """Return the variants frame; without an ID, it is chr_pos_other_effect.

    An empty position is NA, and so is one of 0 or on chromosome 0, as PLINK writes unknown ones.
    """
    pd = import_optional("pandas", extra="dataframe")
    positions, names = [], []
    for number, variant in enumerate(variants, start=1):
        text, has_id = str(variant.base_pair_location), variant.variant_id not in ("", ".")
        if text and not is_position(text):
            who = variant.variant_id if has_id else f"variant {number}"
            raise ValueError(
                f"{source}: the position of {who} is {text[:40]!r}; expected a whole number of "
                "base pairs."
            )
        place = (variant.chromosome, text, variant.other_allele, variant.effect_allele)
        names.append(variant.variant_id if has_id else "_".join(place))
        unknown = not text or int(text) == 0 or str(variant.chromosome) == "0"
        positions.append(pd.NA if unknown else int(text))
    chromosome, _, _, effect_allele, other_allele = zip(*variants, strict=True)
    return pd.DataFrame(
        {
            "chromosome": pd.Series(chromosome, dtype="str"),
            "base_pair_location": pd.array(positions, dtype="Int64"),
            "variant_id": pd.Series(names, dtype="str"),
            "effect_allele": pd.Series(effect_allele, dtype="str"),
            "other_allele": pd.Series(other_allele, dtype="str"),
        }
    )
