"""
From files to credible sets
===========================

This example does in Python, step by step, what ``skgenetics finemap`` does: read the statistics of
a study and the genotypes of a panel, find the loci, match variants and alleles, fine-map, and draw.
"""

# %%
# A study needs two files. Real files are large, so this example makes small ones. The genotypes are
# real: 358 Europeans of GEUVADIS, around a gene on chromosome 22. The statistics are simulated from
# them, for 20,000 people and two causal variants. As in real life, the file of statistics counts
# the other allele of some variants, and some variants were measured in fewer people.

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
        "base_pair_location": variants["base_pair_location"],
        "effect_allele": np.where(exchanged, variants["other_allele"], variants["effect_allele"]),
        "other_allele": np.where(exchanged, variants["effect_allele"], variants["other_allele"]),
        "z": np.where(exchanged, -study.z, study.z),
        "effect_allele_frequency": np.where(
            exchanged, 1 - variants["effect_allele_frequency"], variants["effect_allele_frequency"]
        ),
        "n": n,
    }
)
table.to_csv(folder / "gwas.tsv", sep="\t", index=False)
panel.to_csv(folder / "panel.csv")

# %%
# Read both files. The columns get the names of GWAS-SSF, whichever program wrote the file.

from skgenetics.io import find_regions, harmonize, read_genotypes, read_sumstats

sumstats = read_sumstats(folder / "gwas.tsv", build="GRCh37")
genotypes = read_genotypes(folder / "panel.csv")
sumstats.head()

# %%
# Find the loci: 500 kb on either side of variants with p < 5e-8.

regions = find_regions(sumstats)
print([region.name for region in regions])

# %%
# Match variants and alleles. The report counts what was done. Flags mark what is doubtful: LOW_N is
# a variant measured in far fewer people, AMBIGUOUS one whose strand the frequencies do not settle.

matched, report = harmonize(sumstats, genotypes)
for name, count in report.items():
    if count:
        print(f"{name}: {count:g}")
matched["flag"].value_counts().to_frame()

# %%
# Fine-map. :func:`~skgenetics.finemapping.finemap_loci` takes many loci and returns three tables.

from skgenetics import FinemapMiXeR
from skgenetics.finemapping import finemap_loci

fitted = matched[~matched["flag"].isin(["LOW_N", "STRAND"])]
result = finemap_loci(
    [
        {
            "name": regions[0].name,
            "z": fitted["z"].to_numpy(),
            "ld": genotypes[:, fitted["panel_index"]],
            "n_samples": fitted["n"].to_numpy(),
            "variants": fitted,
        }
    ],
    FinemapMiXeR(),
)
result.loci[["locus", "n_variants", "n_sets", "converged", "ld_mismatch"]]

# %%
# There are two sets, one per signal. Each contains the causal variant, and others that the data
# cannot distinguish from it. The result is the sets, not their lead variants.

print("effects at", ", ".join(variants["variant_id"][causal]))
result.credible_sets[["cs", "size", "start", "end", "min_abs_r", "lead_variant_id", "lead_pip"]]

# %%

members = result.variants[result.variants["cs"] > 0]
members[["cs", "variant_id", "z", "pip"]].sort_values(["cs", "pip"], ascending=[True, False])

# %%
# This is the picture that the command draws of each locus:

from skgenetics.inspection import LocusDisplay

LocusDisplay.from_frame(
    result.variants,
    result.credible_sets,
    X=genotypes[:, fitted["panel_index"]],
    build="GRCh37",
    title=regions[0].name,
).plot()

# %%
# One command does all of this, with PLINK files as the panel:
#
# .. code-block:: sh
#
#    skgenetics finemap --sumstats gwas.tsv --bfile panel --build GRCh37 --out my_run
