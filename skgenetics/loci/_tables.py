"""Tables of fine-mapped loci: their columns, how they are made, and how they are written.

Kinds of tables: "loci" (one row per locus), "credible_sets" (per set), "variants" (per variant),
"effects" (per effect with a set and variant), "coloc" (per pair of sets of two traits),
"trait_variants" (per variant and trait) and "trait_effects" (per set and trait). Columns have the
names of GWAS-SSF if it has one, and missing values stay missing.
"""

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import erfc

from skgenetics._version import __version__
from skgenetics.loci._credible_sets import CredibleSet
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._frames import as_frame
from skgenetics.utils._labels import Labels, is_numbering, row_labels
from skgenetics.utils._optional import import_optional
from skgenetics.utils._typing import ArrayLike
from skgenetics.utils._writing import load_content, save_content

if TYPE_CHECKING:
    from pandas import DataFrame, Series

REGION = ("chromosome", "start", "end")
COLUMNS: dict[str, dict[str, str]] = {  # names and dtypes
    "loci": {
        "locus": "string",
        "chromosome": "string",
        "start": "Int64",
        "end": "Int64",
        "n_variants": "Int64",
        "n_sets": "Int64",
        "expected_causal": "float64",
        "h2": "float64",
        "solver": "string",
        "converged": "boolean",
        "ld_mismatch": "boolean",
        "status": "string",
        "message": "string",
        "seconds": "float64",
    },
    "credible_sets": {
        "locus": "string",
        "cs": "int64",
        "chromosome": "string",
        "start": "Int64",
        "end": "Int64",
        "size": "int64",
        "coverage": "float64",
        "min_abs_r": "float64",
        "mean_abs_r": "float64",
        "log10_bf": "float64",
        "lead_variant_id": "string",
        "lead_rsid": "string",
        "lead_pip": "float64",
        "low_purity": "bool",
    },
    "variants": {
        "locus": "string",
        "chromosome": "string",
        "base_pair_location": "Int64",
        "effect_allele": "string",
        "other_allele": "string",
        "rsid": "string",
        "variant_id": "string",
        "effect_allele_frequency": "float64",
        "z": "float64",
        "p_value": "float64",
        "n": "float64",
        "pip": "float64",
        "posterior_mean": "float64",
        "posterior_sd": "float64",
        "cs": "int64",
        "cs_alpha": "float64",
        "flag": "string",
    },
    "effects": {
        "locus": "string",
        "cs": "int64",
        "base_pair_location": "Int64",
        "effect_allele": "string",
        "other_allele": "string",
        "variant_id": "string",
        "alpha": "float64",
        "posterior_mean": "float64",
        "posterior_sd": "float64",
        "log_bf": "float64",
    },
    "coloc": {
        "locus": "string",
        "cs_a": "int64",
        "cs_b": "int64",
        "lead_variant_id_a": "string",
        "lead_variant_id_b": "string",
        "n_variants": "int64",
        **{f"h{k}": "float64" for k in range(5)},
        "lead_variant_id": "string",
        "lead_h4": "float64",
    },
    "trait_variants": {
        "locus": "string",
        "trait": "string",
        "chromosome": "string",
        "base_pair_location": "Int64",
        "effect_allele": "string",
        "other_allele": "string",
        "rsid": "string",
        "variant_id": "string",
        "z": "float64",
        "p_value": "float64",
        "n": "float64",
        "posterior_mean": "float64",
        "posterior_sd": "float64",
        "lfsr": "float64",
        "flag": "string",
    },
    "trait_effects": {
        "locus": "string",
        "cs": "int64",
        "trait": "string",
        "lead_variant_id": "string",
        "lead_rsid": "string",
        "z": "float64",
        "probability": "float64",
        "effect": "float64",
        "effect_sd": "float64",
        "lfsr": "float64",
        "nonzero": "float64",
    },
}
NAMING = ("variant_id", "rsid")  # columns that may hold the labels of variants
INDEX = "the index of variants"
ANNOTATED = {  # columns of variants that a caller may bring; the others are results
    name: COLUMNS["variants"][name]
    for name in ("chromosome", "base_pair_location", "effect_allele", "other_allele", "rsid")
    + ("variant_id", "effect_allele_frequency", "p_value", "flag")
}


def as_table(rows: Any, kind: str) -> "DataFrame":
    """Return rows (list of dict) or columns as a table of a `kind`: its columns alone, typed."""
    pandas = import_optional("pandas", extra="dataframe")
    return pandas.DataFrame(rows, columns=list(COLUMNS[kind])).astype(COLUMNS[kind])


def annotated_variants(variants: Any, labels: Labels | None = None) -> "DataFrame":
    """Return what a caller knows of variants as the columns `ANNOTATED`.

    Rows are matched to `labels` if there are some. A missing variant_id becomes
    chromosome_position_other_effect.
    """
    table = pandas_table(variants)
    if labels is not None:
        table = match_rows(table, labels)
    table = table.reset_index(drop=True).reindex(columns=list(ANNOTATED)).astype(ANNOTATED)
    place = table["chromosome"] + "_" + table["base_pair_location"].astype("string")
    place += "_" + table["other_allele"] + "_" + table["effect_allele"]
    return table.assign(variant_id=table["variant_id"].fillna(place))


def pandas_table(table: Any) -> "DataFrame":
    """Return a data frame of any library, or a mapping of columns, as one of pandas."""
    pandas = import_optional("pandas", extra="dataframe")
    frame = as_frame(table)
    if frame is None or isinstance(table, pandas.DataFrame):
        return pandas.DataFrame(table)
    return pandas.DataFrame({name: frame[name].to_list() for name in frame.columns})


def match_rows(table: "DataFrame", labels: Labels) -> "DataFrame":
    """Return the rows of a table of variants in the order of the labels.

    They are matched by the index, variant_id or rsid, the first that has every label. A table in
    which none has any, as of another naming, is in the order of the labels already; an index of
    strings must have them.
    """
    if labels.names is None:
        return table
    names = set(labels.names)
    index = row_labels(table)
    candidates: dict[str, ArrayLike] = {}
    if index is not None and not is_numbering(index):
        candidates[INDEX] = index
    candidates |= {f"{name} of variants": table[name] for name in NAMING if name in table}
    shared = {}
    for source, column in candidates.items():
        values = np.asarray(column, dtype=object)
        rows = np.array([value in names for value in values], dtype=bool)
        if len(set(values[rows])) == len(names):
            order = labels.order(values[rows], source)
            return table[rows] if order is None else table[rows].iloc[order]
        shared[source] = rows.sum()
    for source, count in shared.items():
        if count or (
            source == INDEX and all(isinstance(label, str) for label in candidates[source])
        ):
            raise ValueError(
                f"{source} has {count} of the {len(names)} labels of {labels.source}: give a row "
                "for each, or none of these labels."
            )
    return table


def variants_table(
    locus: str,
    effects: "DataFrame",
    *,
    n_samples: ArrayLike,
    z: ArrayLike | None = None,
    variants: Any = None,
    labels: Labels | None = None,
) -> "DataFrame":
    """Return the table of the variants of one locus.

    Parameters
    ----------
    locus : str
        Name of the locus.
    effects : data frame
        Of the fitted model, its ``to_frame()``: variant_id, z, pip, posterior_mean, posterior_sd,
        cs, cs_alpha.
    n_samples : number or array-like of shape (n_variants,)
        Matched to `labels`, if there are some.
    z : array-like of shape (n_variants,), optional
        Statistics as they were reported, if not those of `effects`.
    variants : data frame or mapping of columns, optional
        One row per variant, see `annotated_variants`. What it holds goes before what follows from
        the fit: p_value from z, variant_id from the model.
    labels : Labels, optional
        Of the variants, in the order of `effects`.
    """
    if labels is not None:
        n_samples = labels.match(n_samples, "n_samples")
    table = effects.assign(locus=locus, n=to_numpy(n_samples))
    if z is not None:
        table["z"] = to_numpy(z)
    table["p_value"] = p_value(table["z"])
    if variants is not None:
        annotated = annotated_variants(variants, labels)
        if len(annotated) != len(table):
            raise ValueError(
                f"variants must have one row for each of the {len(table)} z statistics, in their "
                f"order; got {len(annotated)} rows."
            )
        table = annotated.combine_first(table)
    return as_table(table, "variants")


def add_unfitted_variants(table: "DataFrame", variants: Any) -> "DataFrame":
    """Return the table of variants of one locus with those that were not fitted, by position.

    `variants` holds z, n and columns of `ANNOTATED`; pip and what follows from it stay missing.
    """
    pandas = import_optional("pandas", extra="dataframe")
    variants = pandas_table(variants)
    z, n = (np.asarray(variants[column], dtype=float) for column in ("z", "n"))
    rows = annotated_variants(variants).assign(locus=table["locus"].iloc[0], z=z, n=n, cs=0)
    rows["p_value"] = rows["p_value"].fillna(pandas.Series(p_value(z)))
    both = pandas.concat([table, as_table(rows, "variants")], ignore_index=True)
    return both.sort_values("base_pair_location", kind="stable", ignore_index=True)


def credible_sets_table(
    locus: str,
    credible_sets: Sequence[CredibleSet],
    variants: "DataFrame",
    *,
    min_purity: float,
) -> "DataFrame":
    """Return the table of the credible sets of one locus.

    Parameters
    ----------
    locus : str
        Name of the locus.
    credible_sets : list of dict
        Of the fitted model, its ``credible_sets_``.
    variants : data frame
        Table of the fitted variants, see `variants_table`.
    min_purity : float
        Sets of a smaller min_abs_r are marked low_purity.
    """
    rows = []
    for number, credible_set in enumerate(credible_sets, start=1):
        members = variants.iloc[credible_set["variants"]]
        lead = members.iloc[0]
        rows.append(
            {
                "locus": locus,
                "cs": number,
                "chromosome": lead["chromosome"],
                "start": members["base_pair_location"].min(),
                "end": members["base_pair_location"].max(),
                "size": len(members),
                "coverage": credible_set["coverage"],
                "min_abs_r": credible_set["min_abs_r"],
                "mean_abs_r": credible_set["mean_abs_r"],
                "log10_bf": credible_set["log10_bf"],
                "lead_variant_id": lead["variant_id"],
                "lead_rsid": lead["rsid"],
                "lead_pip": lead["pip"],
                "low_purity": credible_set["min_abs_r"] < min_purity,
            }
        )
    return as_table(rows, "credible_sets")


def effects_table(locus: str, effects: "DataFrame", variants: "DataFrame") -> "DataFrame":
    """Return the table of the effects of one locus that have a credible set.

    Parameters
    ----------
    locus : str
        Name of the locus.
    effects : data frame
        Of the fitted model, its ``to_frame("effects")``: a row per effect and variant.
    variants : data frame
        Table of the fitted variants, see `variants_table`.
    """
    place = np.arange(len(effects)) % max(len(variants), 1)
    known = ["base_pair_location", "effect_allele", "other_allele", "variant_id"]
    table = effects.drop(columns="variant_id").assign(locus=locus)
    table = table.join(variants[known].iloc[place].reset_index(drop=True))
    return as_table(table[table["cs"] > 0].reset_index(drop=True), "effects")


def region_of(variants: "DataFrame") -> dict[str, Any]:
    """Return chromosome, start and end of variants, which lie on one chromosome."""
    chromosomes = variants["chromosome"].dropna().unique()
    if len(chromosomes) > 1:
        raise ValueError(
            f"Variants of a locus lie on one chromosome; got {', '.join(chromosomes)}."
        )
    positions = variants["base_pair_location"]
    return {
        "chromosome": chromosomes[0] if len(chromosomes) else None,
        "start": positions.min(),
        "end": positions.max(),
    }


def p_value(z: ArrayLike) -> np.ndarray:
    """Return the two-sided p-values of normal statistics z."""
    return erfc(np.abs(np.asarray(z, dtype=float)) / 2**0.5)


def add_flag(flags: "Series", flag: str, rows: ArrayLike) -> "Series":
    """Return a column of flags, joined by ";", with `flag` added at `rows` (indices or mask)."""
    text = flags.astype(object).where(flags.notna(), "")
    text.iloc[np.asarray(rows)] += ";" + flag
    return text.str.lstrip(";").where(text != "", None).astype("string")


def table_text(table: "DataFrame", separator: str = "\t") -> str:
    """Return a table as text with seven significant digits and NA for missing values."""
    return table.to_csv(sep=separator, index=False, na_rep="NA", float_format="%.7g")


def write_table(path: Path, table: "DataFrame", *, build: str) -> None:
    """Write a table below a line that names the version, genome build and counted allele.

    A `path` that ends in .gz is compressed, to the same bytes for the same table.
    """
    first_line = f"##skgenetics={__version__} build={build} effect_allele=counted\n"
    write_text(path, first_line + table_text(table))


def write_text(path: Path, text: str) -> None:
    """Write text, compressed if `path` ends in .gz, to the same bytes for the same text."""
    data = text.encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.name.endswith(".gz") else data)


def save_tables(path: Path, tables: Mapping[str, "DataFrame"], key: str) -> None:
    """Save the tables of one locus, by kind, under a `key` that says what they follow from."""
    content = {
        kind: table.astype(object).where(table.notna(), None).to_dict("list")
        for kind, table in tables.items()
    }
    save_content(path, content, key)


def load_tables(path: Path, key: str) -> dict[str, "DataFrame"] | None:
    """Return tables saved under `key`; None if there is no whole file, or one of another key."""
    content = load_content(path, key)
    if content is None:
        return None
    return {kind: as_table(columns, kind) for kind, columns in content.items()}
