"""
From files to credible sets
===========================

What ``skgenetics finemap`` does, step by step in Python: read the statistics of a study and the
genotypes of a panel, find the loci, match variants and alleles, fine-map, and draw.
"""

# %%
# A study needs two files. Real ones are large, so this makes small ones: the genotypes are real
# (358 Europeans of GEUVADIS, around a gene on chromosome 22), the statistics are simulated on them,
# for 20,000 people and two variants with an effect. As in real life, the file of statistics counts
# the other allele at some variants, and some variants were measured in fewer people.

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from skgenetics.datasets import load_geuvadis, make_summary_statistics

folder = Path(tempfile.mkdtemp())
data = load_geuvadis("ENSG00000273295", as_frame=True)
panel, variants = data.data, data.variants
rng = np.random.default_rng(0)

effects = np.zeros(panel.shape[1])
causal = [250, 500]
effects[causal] = 0.07, -0.055
n = np.where(rng.random(panel.shape[1]) < 0.02, 9_000, 20_000)
n[causal] = 20_000
study = make_summary_statistics(
    ld=np.corrcoef(panel, rowvar=False), effects=effects, n_samples=n, random_state=0
)
exchanged = rng.random(panel.shape[1]) < 0.3
table = pd.DataFrame(
    {
        "chromosome": "chr" + variants["chromosome"],
        "base_pair_location": variants["position"],
        "effect_allele": np.where(exchanged, variants["ref"], variants["alt"]),
        "other_allele": np.where(exchanged, variants["alt"], variants["ref"]),
        "z": np.where(exchanged, -study.z, study.z),
        "effect_allele_frequency": np.where(
            exchanged, 1 - variants["alt_frequency"], variants["alt_frequency"]
        ),
        "n": n,
    }
)
table.to_csv(folder / "gwas.tsv", sep="\t", index=False)
panel.to_csv(folder / "panel.csv")

# %%
# Read both. Columns have the names of GWAS-SSF, whichever program wrote the file.

from skgenetics.io import find_regions, harmonize, read_genotypes, read_sumstats

sumstats = read_sumstats(folder / "gwas.tsv", build="GRCh37")
genotypes = read_genotypes(folder / "panel.csv")
sumstats.head()

# %%
# The loci: 500 kb around variants with p < 5e-8.

regions = find_regions(sumstats)
print([region.name for region in regions])

# %%
# Match variants and alleles. The report counts what was done; flags say what to leave out.

matched, report = harmonize(sumstats, genotypes)
print({name: count for name, count in report.items() if count})
matched["flag"].value_counts()

# %%
# Fine-map. :func:`~skgenetics.finemapping.finemap_loci` takes many loci, and gives three tables.

from skgenetics import FinemapMiXeR
from skgenetics.finemapping import finemap_loci

kept = matched[~matched["flag"].isin(["LOW_N", "STRAND"])]
result = finemap_loci(
    [
        {
            "name": regions[0].name,
            "z": kept["z"].to_numpy(),
            "ld": genotypes[:, kept["panel_index"]],
            "n_samples": kept["n"].to_numpy(),
            "variants": kept,
        }
    ],
    FinemapMiXeR(),
)
result.loci[["locus", "n_variants", "n_sets", "converged", "ld_mismatch"]]

# %%
# Two sets, one a signal. Each holds the variant with the effect, among others that the data cannot
# tell from it: the sets are the result, not their lead variants.

print("effects at", ", ".join(variants["id"][causal]))
result.credible_sets[["cs", "size", "start", "end", "min_abs_r", "lead_variant_id", "lead_pip"]]

# %%

members = result.variants[result.variants["cs"] > 0]
members[["cs", "variant_id", "z", "pip"]].sort_values(["cs", "pip"], ascending=[True, False])

# %%
# The picture that the command draws of each locus:

from skgenetics.inspection import LocusDisplay

rows = result.variants
sets = [
    {"variants": np.flatnonzero(rows["cs"] == found.cs), **found._asdict()}
    for found in result.credible_sets.itertuples(index=False)
]
X = genotypes[:, kept["panel_index"]]
LocusDisplay(
    rows["base_pair_location"].to_numpy(dtype=int),
    rows["z"],
    rows["pip"],
    credible_sets=sets,
    r2=np.corrcoef(X, rowvar=False)[rows["z"].abs().argmax()] ** 2,
    names=rows["variant_id"],
    chromosome="22",
    build="GRCh37",
    title=regions[0].name,
).plot()

# %%
# All of it in one command, with PLINK files as the panel:
#
# .. code-block:: sh
#
#    skgenetics finemap --sumstats gwas.tsv --bfile panel --build GRCh37 --out my_run
