"""
Fine-map one locus
==================

Which variants near a gene explain its expression? The gene is from the bundled extract of GEUVADIS:
358 people, and the variants within 100 kb of the start of the gene.
"""

# %%
# Twenty covariates are regressed out of the expression and of the genotypes. Otherwise ancestry or
# the batch of a sample could pass for an effect of a variant. The covariates are further columns of
# X, and ``CovariateAdjustedRegressor`` is told which columns they are.

import pandas as pd

from skgenetics import FinemapMiXeR
from skgenetics.compose import CovariateAdjustedRegressor
from skgenetics.datasets import load_geuvadis
from skgenetics.inspection import LocusDisplay

locus = load_geuvadis("ENSG00000099949", as_frame=True)
X = pd.concat([locus.data, locus.covariates], axis="columns")
model = CovariateAdjustedRegressor(FinemapMiXeR(), covariates=list(locus.covariates.columns))
model.fit(X, locus.target)
finemap = model.regressor_

# %%
# The table has one row per variant. ``pip`` is the probability that the variant has an effect, and
# ``cs`` is the number of its credible set.

finemap.to_frame().sort_values("pip", ascending=False).head()

# %%
# A 95% credible set contains a causal variant with probability 0.95. The smaller the set, the more
# the data say. ``min_abs_r`` is the smallest absolute correlation between two variants of the set.

for number, credible_set in enumerate(finemap.credible_sets_, start=1):
    print(
        f"set {number}: {len(credible_set['variants'])} variants, "
        f"min |r| {credible_set['min_abs_r']:.2f}, "
        f"log10 Bayes factor {credible_set['log10_bf']:.1f}"
    )

# %%
# The upper panel shows the association of each variant alone, colored by its correlation with the
# lead variant. The lower panel shows the PIPs, once the variants are analyzed together. The second
# set is hard to see above: 14 variants that are in neither set are stronger alone. The result is
# the sets, not the lead variant.

gene = locus.genes.iloc[0]
LocusDisplay.from_estimator(
    finemap,
    positions=locus.variants["base_pair_location"],
    X=locus.data,
    genes=[{"name": gene["gene_id"], "start": gene["start"], "strand": gene["strand"]}],
    chromosome=gene["chromosome"],
    build=locus.build,
    title="Expression of " + gene["gene_id"],
).plot()
