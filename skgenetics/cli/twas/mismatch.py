"""Whether z and LD fit each other at the variants of significant genes."""

import warnings

import numpy as np

from skgenetics.association import TWASResult
from skgenetics.cli.twas.data import Study
from skgenetics.finemapping import ld_mismatch
from skgenetics.io import harmonize
from skgenetics.loci._tables import add_flag
from skgenetics.utils._text import first_names

_LEVEL = 0.05  # of p_bonferroni
_FEWEST, _MOST_GENES = 10, 50  # variants of a gene, genes that are looked at


def flag_mismatch(result: TWASResult, study: Study) -> list[str]:
    """Flag significant genes whose z do not fit the panel's LD, and return what to say of them."""
    genes = result.genes
    rows = genes[(genes["p_bonferroni"] < _LEVEL) & (genes["n_used"] >= _FEWEST)]
    rows = rows.sort_values("log10_p").head(_MOST_GENES)
    n = float(study.sumstats["n"].median())
    if study.genotypes is None or not len(rows) or not np.isfinite(n):
        return []
    used = result.variants[result.variants["used"] & (result.variants["r2"] == 1)]
    used = used.merge(rows[["gene", "tissue"]], on=["gene", "tissue"])
    variants = used.drop_duplicates(["variant_id", "effect_allele", "other_allele"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        aligned, _ = harmonize(
            variants.drop(columns=["gene", "tissue", "n"]), study.genotypes, min_matched=0
        )
    place = aligned.set_index("variant_id")
    found = []
    for number, gene, tissue in zip(rows.index, rows["gene"], rows["tissue"], strict=True):
        mine = used[(used["gene"] == gene) & (used["tissue"] == tissue)]
        here = place.loc[place.index.intersection(mine["variant_id"].unique())]
        if len(here) < _FEWEST:
            continue
        x = np.asarray(
            study.genotypes.select(columns=here["panel_index"].to_numpy()), dtype=np.float64
        )
        x = np.where(x >= 0, x, np.nan)
        x = np.where(np.isnan(x), np.nanmean(x, axis=0), x)
        if ld_mismatch(here["z"].to_numpy(), np.corrcoef(x.T), n).mismatched:
            found.append(number)
    genes["flag"] = add_flag(genes["flag"], "LD_MISMATCH", genes.index.isin(found))
    if not found:
        return []
    names = first_names(genes.loc[found, "gene"].tolist())
    return [
        f"  Warning: at {names} the z do not fit the LD of the panel (LD_MISMATCH): another "
        "ancestry, or exchanged alleles"
    ]
