"""One locus of the command: what a process that fits it is sent, and how it opens it."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from skgenetics.cli.finemap.panel import Panel
from skgenetics.cli.genotypes import Stamp
from skgenetics.io import Region
from skgenetics.io._genotypes import narrowed_values
from skgenetics.loci._ld import panel_ld
from skgenetics.loci._tables import add_flag
from skgenetics.utils._optional import import_optional

if TYPE_CHECKING:
    import pandas as pd

_FIELDS = (
    *("chromosome", "base_pair_location", "effect_allele", "other_allele", "rsid", "variant_id"),
    *("effect_allele_frequency", "z", "p_value", "n", "flag"),
)
DROPPED = {"LOW_N", "NO_N", "STRAND"}  # flags of variants that are not fitted
_PSEUDOAUTOSOMAL = {  # of chromosome X, in base pairs
    "GRCh37": ((60_001, 2_699_520), (154_931_044, 155_260_560)),
    "GRCh38": ((10_001, 2_781_479), (155_701_383, 156_030_895)),
}


class Haploid(NamedTuple):
    """Who has one copy of which variants of chromosome X."""

    people: np.ndarray  # rows of the panel
    variants: np.ndarray  # positions in the locus


@dataclass(frozen=True)
class PanelDosages:
    """Dosages of a locus, read from the panel when it is fitted."""

    source: Any  # values sliced as ``source[rows, columns]``
    columns: np.ndarray  # of the locus
    haploid: Haploid | None
    stamp: Stamp | None
    # `finemap_loci`, which hashes what it is sent, takes no finished locus of another file of that
    # name for one of this file

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Return dosages (n_people, n_variants), missing at the mean, and which variants vary."""
        dosages = self.source[np.ix_(np.arange(self.source.shape[0]), self.columns)]
        if self.haploid is not None:
            dosages = _doubled(dosages, self.haploid)
        missing = ~(dosages >= 0)  # NaN, or a negative code
        if dosages.dtype.kind == "f":
            dosages = dosages.astype(np.float64)
        if missing.any():
            count = np.maximum((~missing).sum(axis=0), 1)
            mean = np.where(missing, 0, dosages).sum(axis=0) / count
            dosages = np.where(missing, mean, dosages)
        return dosages, dosages.max(axis=0) > dosages.min(axis=0)


def describe(
    arguments: argparse.Namespace, panel: Panel, region: Region, rows: "pd.DataFrame"
) -> dict[str, Any]:
    """Return what `finemap_loci` is told of a region with the matched variants `rows`."""
    return describe_rows(arguments, panel, region, rows, read_locus)


def describe_rows(
    arguments: argparse.Namespace,
    panel: Panel,
    region: Region,
    rows: "pd.DataFrame",
    read: Callable[..., dict[str, Any]],
) -> dict[str, Any]:
    """Return what `finemap_loci` is told of a region whose variants `read` opens."""
    if not len(rows):
        reason = "no variant of the statistics is in the panel"
        return describe_region(arguments, region, partial(fail, reason))
    source = ld_source(arguments, panel, region, rows)
    if isinstance(source, str):
        return describe_region(arguments, region, partial(fail, source))
    open_locus = partial(read, fields_of(arguments, rows), source, arguments.panel_size)
    return describe_region(arguments, region, open_locus)


def describe_region(
    arguments: argparse.Namespace, region: Region, open_locus: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Return what `finemap_loci` is told of a region that `open_locus` reads."""
    return {
        "name": region.name,
        "chromosome": region.chromosome,
        "start": region.start,
        "end": region.end,
        "on_mismatch": arguments.on_mismatch,
        "open": open_locus,
    }


def fields_of(arguments: argparse.Namespace, rows: "pd.DataFrame") -> dict[str, np.ndarray]:
    """Return the columns of the variants, which of them are not fitted, and maybe the prior."""
    dropped = DROPPED | ({"AMBIGUOUS"} if arguments.drop_ambiguous else set())
    fields = {name: _array(rows[name]) for name in _FIELDS if name in rows}
    fields["dropped"] = np.array(
        [bool(dropped.intersection(flag.split(";"))) for flag in rows["flag"].fillna("")]
    )
    if arguments.prior_column:
        fields["prior"] = rows[arguments.prior_column].to_numpy(dtype=float, na_value=np.nan)
    return fields


def ld_source(
    arguments: argparse.Namespace, panel: Panel, region: Region, rows: "pd.DataFrame"
) -> np.ndarray | PanelDosages | str:
    """Return the LD of some variants, how to read their dosages, or what is missing for it."""
    columns = rows["panel_index"].to_numpy()
    if panel.ld is not None:
        return panel.ld[np.ix_(columns, columns)]
    assert panel.genotypes is not None
    values, haploid = panel.genotypes.values, None
    values, columns = narrowed_values(values, columns)
    if region.chromosome == "X" and panel.copies_of_x is not None:
        n_unknown = int((panel.copies_of_x == 0).sum())
        if n_unknown:
            return (
                f"chromosome X needs the sex of all people in {panel.source}'s table of samples; "
                f"that of {n_unknown:,} is unknown"
            )
        haploid = _haploid(arguments.build, panel.copies_of_x, rows)
    return PanelDosages(values, columns, haploid, panel.stamp)


def _array(column: "pd.Series") -> np.ndarray:
    """Return a column as an array that is hashed by its content."""
    if column.dtype.kind in "fiu":
        return column.to_numpy(dtype=float, na_value=np.nan)
    missing = column.isna()
    return np.array(["" if lost else str(v) for v, lost in zip(column, missing, strict=True)])


def _haploid(build: str, copies_of_x: np.ndarray, rows: "pd.DataFrame") -> Haploid:
    """Return the people and variants with one copy of X: men, outside of what X and Y share."""
    position = rows["base_pair_location"].to_numpy(dtype=np.int64)
    diploid = np.zeros(len(rows), dtype=bool)
    for start, end in _PSEUDOAUTOSOMAL[build]:
        diploid |= (position >= start) & (position <= end)
    return Haploid(np.flatnonzero(copies_of_x == 1), np.flatnonzero(~diploid))


def fail(message: str) -> NoReturn:
    """Fail to open a locus."""
    raise ValueError(message)


def read_locus(
    fields: dict[str, np.ndarray], source: np.ndarray | PanelDosages, panel_size: int | None = None
) -> dict[str, Any]:
    """Return the arguments of `fit_summary` for a locus, and its variants, as `finemap_loci` asks.

    Parameters
    ----------
    fields : dict of ndarray of shape (n_variants,)
        Columns of the variants, with "dropped" (which are not fitted) and maybe "prior".
    source : ndarray of shape (n_variants, n_variants), or PanelDosages
        LD, or dosages of all people of the panel.
    panel_size : int, or None
        People that the LD comes from; None: those of the dosages.
    """
    table = table_of(fields)
    dropped = fields["dropped"]
    if isinstance(source, PanelDosages):
        dosages, varies = source.read()
        table["flag"] = add_flag(table["flag"], "MONOMORPHIC", ~varies)
        dropped = dropped | ~varies
        ld = dosages[:, ~dropped]
    else:
        ld = exact_correlations(source)[np.ix_(~dropped, ~dropped)]
    fitted = fitted_rows(table, dropped)
    if isinstance(source, PanelDosages):
        if panel_size is None and len(ld) < fitted["n"].max():  # else they are the scan's people
            panel_size = len(ld)
        n_people, n_variants = ld.shape
        of_others = panel_size is not None and panel_size < fitted["n"].max()
        if n_people == n_variants or (n_people > n_variants and not of_others):
            ld = panel_ld(ld).dense().matrix  # a square array is always r
    locus: dict[str, Any] = {
        "z": fitted["z"].to_numpy(),
        "n_samples": fitted["n"].to_numpy(),
        "ld": ld,
        "panel_size": panel_size,
        "variants": fitted,
        "set_aside": table[dropped],
    }
    if "prior" in fields:
        locus["params"] = {"causal_probability": _prior(fields["prior"][~dropped])}
    return locus


def table_of(fields: dict[str, np.ndarray]) -> "pd.DataFrame":
    """Return the variants of a locus as a table."""
    pd = import_optional("pandas", extra="dataframe")
    columns = {name: values for name, values in fields.items() if name not in ("dropped", "prior")}
    table = pd.DataFrame(columns)
    for name in table.columns.intersection(["rsid", "flag"]):
        table[name] = table[name].where(table[name] != "", None)
    table["base_pair_location"] = table["base_pair_location"].astype("int64")
    return table


def fitted_rows(table: "pd.DataFrame", dropped: np.ndarray) -> "pd.DataFrame":
    """Return the variants that are not `dropped`; raise ValueError if they all are."""
    if dropped.all():
        words = "the only variant is" if len(table) == 1 else f"all {len(table)} variants are"
        raise ValueError(f"{words} left out: see the column flag")
    return table[~dropped].reset_index(drop=True)


def exact_correlations(ld: np.ndarray) -> np.ndarray:
    """Return LD that is exactly symmetric, 1 on its diagonal and within -1..1: text rounds it."""
    ld = (ld.astype(np.float64) + ld.T) / 2
    np.fill_diagonal(ld, 1)
    return np.clip(ld, -1, 1)


def _prior(weights: np.ndarray) -> np.ndarray:
    """Return prior probabilities of sum 1."""
    if not np.all(weights >= 0) or not weights.sum() > 0:
        raise ValueError(
            "the prior must be 0 or more at every variant, and above 0 at one; it is missing "
            f"or negative at {int((~(weights >= 0)).sum())} of {len(weights)}"
        )
    return weights / weights.sum()


def _doubled(dosages: np.ndarray, haploid: Haploid) -> np.ndarray:
    """Return dosages that are 0 or 2 of haploid people.

    Their dosages of 1 are errors, and missing, unless none has 2: then they are coded 0 and 1.
    """
    cells = np.ix_(haploid.people, haploid.variants)
    haploid_dosages = dosages[cells]
    if haploid_dosages.size and haploid_dosages.max() <= 1:
        haploid_dosages = np.where(haploid_dosages > 0, 2 * haploid_dosages, haploid_dosages)
    elif dosages.dtype.kind == "i":
        haploid_dosages = np.where(haploid_dosages == 1, -127, haploid_dosages)
    dosages[cells] = haploid_dosages
    return dosages
