"""The variants of weights, each once, and where genotypes and statistics have them."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from skgenetics.io._match_variants import comparable_variants, match_variants
from skgenetics.utils._optional import import_optional

if TYPE_CHECKING:
    import pandas as pd


class UniqueVariants(NamedTuple):
    """Every variant of a table of weights, each once."""

    table: "pd.DataFrame"
    """Of variants: the columns of the weights, of each variant's first row."""
    number: np.ndarray
    """(n_weights,) Its row in the table."""
    sign: np.ndarray
    """(n_weights,) -1 where effect and other allele are exchanged beside the table."""


class Placed(NamedTuple):
    """Where other data have variants."""

    row: np.ndarray
    """(n_variants,) -1 where they do not."""
    sign: np.ndarray
    """(n_variants,) -1 where they count the other allele."""
    other_alleles: np.ndarray
    """(n_variants,) whether they have a variant there, of alleles that fit no pair."""


def unique_variants(weights: "pd.DataFrame") -> UniqueVariants:
    """Return the variants of weights: one place and pair of alleles in any order is one."""
    known = comparable_variants(weights, "weights")
    effect, other = (known[name].fillna("") for name in ("effect_allele", "other_allele"))
    exchanged = (effect > other).to_numpy()
    pairs = {
        "first": np.where(exchanged, other, effect),
        "second": np.where(exchanged, effect, other),
    }
    name = known["rsid"].fillna(known["variant_id"]).where(known["chromosome"].isna(), "")
    pd = import_optional("pandas", extra="dataframe")
    place = known[["chromosome", "base_pair_location"]].astype(object).fillna("")
    keys = pd.MultiIndex.from_frame(pd.DataFrame({**place, "name": name, **pairs}))
    number, _ = pd.factorize(keys)
    first = np.flatnonzero(~pd.Series(number).duplicated().to_numpy())
    sign = np.where(exchanged == exchanged[first][number], 1.0, -1.0)
    columns = [name for name in weights if name not in ("gene", "tissue", "weight")]
    return UniqueVariants(weights[columns].iloc[first].reset_index(drop=True), number, sign)


def place_variants(variants: "pd.DataFrame", data: "pd.DataFrame") -> Placed:
    """Find variants of weights in the variants of other data.

    By chromosome, position and pair of alleles; by ID where either has no position. Data that name
    no alleles have those of the variant with their ID.
    """
    wanted, there = comparable_variants(variants, "weights"), comparable_variants(data, "genotypes")
    match = match_variants(wanted, _with_alleles(there, wanted))
    return Placed(
        match.row,
        np.where(match.swapped, -1.0, 1.0),
        (match.row < 0) & match.site_in_panel,
    )


def _with_alleles(data: "pd.DataFrame", wanted: "pd.DataFrame") -> "pd.DataFrame":
    """Return `data`; rows without alleles and place get those of the variant with their ID."""
    bare = (data["effect_allele"].isna() & data["variant_id"].notna()).to_numpy()
    if not bare.any():
        return data
    pd = import_optional("pandas", extra="dataframe")
    data = data.copy()
    for column in ("effect_allele", "other_allele"):
        values = data[column].to_numpy(dtype=object).copy()
        for name in ("variant_id", "rsid"):
            table = wanted[wanted[name].notna()].drop_duplicates(name).set_index(name)[column]
            known = data["variant_id"].map(table).to_numpy(dtype=object)
            unset = bare & np.array([value is None for value in values])
            values[unset] = [None if pd.isna(value) else value for value in known[unset]]
        data[column] = values
    return data
