"""The two tables that files of expression weights are read into and written from."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from skgenetics.io._lines import missing_words
from skgenetics.utils._optional import import_optional

if TYPE_CHECKING:
    import pandas as pd

GENE_COLUMNS = {  # one row per gene and tissue
    "gene": "string",
    "gene_name": "string",
    "tissue": "string",
    "model": "string",
    "chromosome": "string",
    "start": "Int64",
    "end": "Int64",
    "n_variants": "int64",
    "cv_r2": "float64",
    "cv_pvalue": "float64",
    "n_samples": "float64",
    "phi": "float64",  # inflation of the gene's z per person and unit of heritability
}
WEIGHT_COLUMNS = {  # one row per gene, tissue and variant; rows of a gene and tissue are together
    "gene": "string",
    "tissue": "string",
    "chromosome": "string",
    "base_pair_location": "Int64",
    "variant_id": "string",
    "effect_allele": "string",
    "other_allele": "string",
    "rsid": "string",
    "weight": "float64",
}


@dataclass(frozen=True)
class WeightFile:
    """What a file of weights holds."""

    genes: "pd.DataFrame"
    weights: "pd.DataFrame"
    build: str | None = None
    standardized: bool = False
    """Whether weights are per standard deviation of genotypes, not per effect allele."""
    notes: list[str] = field(default_factory=list)
    """What was left out, in sentences."""


def words(column: "pd.Series") -> "pd.Series":
    """Return a column as text; words that mean missing are missing."""
    texts = column.astype("string").str.strip()
    return texts.mask(texts.isin(missing_words()))


def numbers(column: "pd.Series") -> np.ndarray:
    """Return a column as numbers, NaN where it holds none."""
    pd = import_optional("pandas", extra="dataframe")
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def gene_table(rows: Any) -> "pd.DataFrame":
    """Return rows or columns as the table of genes; what is not known is missing."""
    return _typed(rows, GENE_COLUMNS).fillna({"gene_name": "", "tissue": "", "model": ""})


def weight_table(rows: Any) -> "pd.DataFrame":
    """Return rows or columns as the table of weights; an ID that is missing is made.

    It is chr_pos_other_effect, or the rsid where there is no place.
    """
    table = _typed(rows, WEIGHT_COLUMNS).fillna({"tissue": ""})
    place = table["chromosome"] + "_" + table["base_pair_location"].astype("string")
    place += "_" + table["other_allele"] + "_" + table["effect_allele"]
    return table.assign(variant_id=table["variant_id"].fillna(place).fillna(table["rsid"]))


def _typed(rows: Any, columns: dict[str, str]) -> "pd.DataFrame":
    """Return rows as a table of the given columns and dtypes."""
    pd = import_optional("pandas", extra="dataframe")
    table = pd.DataFrame(rows).reset_index(drop=True).reindex(columns=list(columns))
    if "n_variants" in table:
        table["n_variants"] = table["n_variants"].fillna(0)
    return table.astype(columns)


def check_weights(weights: "pd.DataFrame", source: str) -> None:
    """Raise ValueError if a table of weights has weights that are not finite, or twice a variant.

    Parameters
    ----------
    weights : pandas.DataFrame
        With the columns `WEIGHT_COLUMNS`.
    source : str
        Name of the file, for the messages.
    """
    for column in ("gene", "effect_allele", "variant_id"):
        lost = weights[column].isna().to_numpy()
        if lost.any():
            row = weights.iloc[int(np.argmax(lost))]
            what = "place and no ID" if column == "variant_id" else column.replace("_", " ")
            raise ValueError(
                f"{source}: {lost.sum():,} weights have no {what}, the first of them "
                f"{row['variant_id']} of gene {row['gene']}."
            )
    finite = np.isfinite(weights["weight"].to_numpy())
    if not finite.all():
        row = weights.iloc[int(np.argmin(finite))]
        raise ValueError(
            f"{source}: the weight of {row['variant_id']} in gene {row['gene']} is "
            f"{row['weight']}; expected a finite number."
        )
    key = ["gene", "tissue", "variant_id", "effect_allele", "other_allele"]
    repeated = weights.duplicated(key).to_numpy()
    if repeated.any():
        row = weights.iloc[int(np.argmax(repeated))]
        raise ValueError(
            f"{source}: {row['variant_id']} comes more than once in gene {row['gene']} "
            f"({repeated.sum():,} such rows); expected one weight for each variant of a gene."
        )
