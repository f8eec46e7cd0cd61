"""The tables of a transcriptome-wide association study."""

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import false_discovery_control

from skgenetics.association._gene_rows import GeneResult
from skgenetics.association._gene_tests import deflated_z, log10_p_of_z, p_of_log10
from skgenetics.association._matching import UniqueVariants
from skgenetics.association._twas_data import Statistics, Unit, chromosomes
from skgenetics.association._weights import ExpressionWeights
from skgenetics.io._regions import MHC
from skgenetics.loci._tables import add_flag
from skgenetics.utils._optional import import_optional

if TYPE_CHECKING:
    import pandas as pd

LOW_R = 0.8  # r_used below it is flagged
GENE_COLUMNS = (
    *("gene", "gene_name", "tissue", "model", "chromosome", "base_pair_location", "start", "end"),
    *("z", "p_value", "log10_p", "p_bonferroni", "q_value", "effect", "var_g"),
    *("n_model", "n_in_ld", "n_used", "n_imputed", "r_used", "cv_r2", "phi"),
    *("best_gwas_p", "lead_variant_id", "flag", "status"),
)
JOINT_COLUMNS = (
    *("gene", "gene_name", "chromosome", "base_pair_location", "n_tissues"),
    *("chi2", "n_indep", "p_value", "log10_p", "p_bonferroni", "q_value"),
    *("acat_p_value", "acat_log10_p", "best_tissue", "best_z"),
)


def genes_table(
    weights: ExpressionWeights,
    unique: UniqueVariants,
    statistics: Statistics,
    units: list[Unit],
    tested: list[GeneResult],
) -> "pd.DataFrame":
    """Return one row per gene and tissue."""
    pd = import_optional("pandas", extra="dataframe")
    order = [place for unit in units for place in range(unit.models.start, unit.models.stop)]
    known = weights.genes.iloc[order].rename(columns={"n_variants": "n_model"})
    rows = []
    place, chromosome = _middles(unique, units)
    for unit, test, middle, of_unit in zip(units, tested, place, chromosome):
        for row in test.rows:
            best = unit.numbers[row["best"]] if row["best"] >= 0 else -1
            rows.append(row | {"best": best, "middle": middle, "on": of_unit})
    table = pd.DataFrame(rows, index=known.index)
    best = table["best"].to_numpy()
    log10_best = np.where(best >= 0, log10_p_of_z(statistics.z[best]), np.nan)
    variant_id = unique.table["variant_id"].to_numpy(dtype=object)
    named = pd.Series(np.where(best >= 0, variant_id[best], None), table.index, dtype="string")
    table = pd.concat([known, table], axis="columns").reset_index(drop=True)
    named_chromosome = pd.Series(chromosomes(table), dtype="string")
    table["chromosome"] = named_chromosome.where(named_chromosome != "", table["on"])
    table["base_pair_location"] = table["start"].fillna(table["middle"])
    table = table.assign(lead_variant_id=named.to_numpy(), best_gwas_p=p_of_log10(log10_best))
    _add_corrected(table)
    flags = pd.Series(None, index=table.index, dtype="string")
    low = (table["r_used"] < LOW_R).to_numpy()
    position = table["base_pair_location"]
    mhc = (table["chromosome"] == MHC.chromosome) & position.between(MHC.start, MHC.end)
    flags = add_flag(add_flag(flags, "LOW_R", low), "MHC", mhc.to_numpy(dtype=bool, na_value=False))
    return table.assign(flag=flags)[list(GENE_COLUMNS)]


def add_deflated(genes: "pd.DataFrame", h2: float, n_samples: float) -> None:
    """Add z without the inflation of polygenic traits, in place."""
    genes["z_deflated"] = deflated_z(genes["z"], genes["phi"], n_samples, h2)
    genes["log10_p_deflated"] = log10_p_of_z(genes["z_deflated"])


def _middles(unique: UniqueVariants, units: list[Unit]) -> tuple[list[Any], list[str]]:
    """Return the middle of each gene's variants, and their chromosome."""
    pd = import_optional("pandas", extra="dataframe")
    position = unique.table["base_pair_location"].to_numpy(dtype=float, na_value=np.nan)
    chromosome = chromosomes(unique.table)
    middles: list[Any] = []
    for unit in units:
        known = position[unit.numbers]
        known = known[np.isfinite(known)]
        middles.append(int((known.min() + known.max()) / 2) if len(known) else pd.NA)
    return middles, [chromosome[unit.numbers[0]] for unit in units]


def _add_corrected(table: "pd.DataFrame") -> None:
    """Add p_value and its corrections for all tests, in place."""
    log10_p = table["log10_p"].to_numpy(dtype=float)
    tests = np.isfinite(log10_p)
    p, q = p_of_log10(log10_p), np.full(len(table), np.nan)
    if tests.any():
        q[tests] = false_discovery_control(p[tests])
    table["p_value"], table["q_value"] = p, q
    table["p_bonferroni"] = np.minimum(1, p * tests.sum())


def variants_table(
    weights: ExpressionWeights,
    unique: UniqueVariants,
    statistics: Statistics,
    units: list[Unit],
    tested: list[GeneResult],
) -> "pd.DataFrame":
    """Return one row per gene, tissue and variant; z is of the weight's effect allele."""
    pd = import_optional("pandas", extra="dataframe")
    n_model = weights.genes["n_variants"].to_numpy()
    model = np.repeat(np.arange(len(n_model)), n_model)
    z, r2 = np.full(len(model), np.nan), np.zeros(len(model))
    used = np.zeros(len(model), dtype=bool)
    for unit, test in zip(units, tested):
        z[unit.rows] = test.z[unit.place] * unique.sign[unit.rows]
        r2[unit.rows] = test.r2[unit.place]
        which = np.column_stack(test.used)
        used[unit.rows] = which[unit.place, model[unit.rows] - unit.models.start]
    table = weights.weights.assign(
        z=np.where(r2 > 0, z, np.nan),
        r2=np.where(r2 > 0, r2, np.nan),
        n=statistics.n[unique.number],
        used=used,
    )
    order = np.concatenate([np.arange(unit.rows.start, unit.rows.stop) for unit in units])
    return pd.DataFrame(table.iloc[order].reset_index(drop=True))


def joint_table(
    genes: "pd.DataFrame", units: list[Unit], tested: list[GeneResult]
) -> "pd.DataFrame":
    """Return one row per gene with a test, of all its tissues."""
    pd = import_optional("pandas", extra="dataframe")
    rows, first = [], 0
    for unit, test in zip(units, tested):
        if test.joint:
            of_gene = genes.iloc[first + test.joint["best"]]
            names = ("gene", "gene_name", "chromosome", "base_pair_location")
            known = {name: of_gene[name] for name in names}
            rows.append(test.joint | known | {"best_tissue": of_gene["tissue"]})
        first += unit.models.stop - unit.models.start
    table = pd.DataFrame(rows, columns=sorted({*JOINT_COLUMNS} - {"p_value", "acat_p_value"}))
    table["acat_p_value"] = p_of_log10(table["acat_log10_p"])
    _add_corrected(table)
    return table[list(JOINT_COLUMNS)].astype({"base_pair_location": "Int64"})
