"""
Fine-map one locus
==================

Which variants near a gene explain its expression? The gene is one of the bundled extract of
GEUVADIS: 358 people, and the variants within 100 kb of its start.
"""

# %%
# Twenty covariates are regressed out of the expression and of the genotypes, so that ancestry or
# the batch of a sample does not pass for an effect of a variant. They go in as further columns of
# X, and ``CovariateAdjustedRegressor`` is told which columns they are.

import pandas as pd

from skgenetics import FinemapMiXeR
from skgenetics.compose import CovariateAdjustedRegressor
from skgenetics.datasets import load_geuvadis
from skgenetics.inspection import LocusDisplay

locus = load_geuvadis("ENSG00000215012", as_frame=True)
X = pd.concat([locus.data, locus.covariates], axis="columns")
model = CovariateAdjustedRegressor(FinemapMiXeR(), covariates=list(locus.covariates.columns))
model.fit(X, locus.target)
finemap = model.regressor_

# %%
# The probability that a variant has an effect (PIP), and the credible set it belongs to:

finemap.to_frame().sort_values("pip", ascending=False).head()

# %%
# A 95% credible set holds a variant with an effect with that probability. The smaller it is, the
# more the data say. ``min_abs_r`` is the smallest correlation of two of its variants.

for number, found in enumerate(finemap.credible_sets_, start=1):
    print(
        f"set {number}: {len(found['variants'])} variants, min |r| {found['min_abs_r']:.2f}, "
        f"log10 Bayes factor {found['log10_bf']:.1f}"
    )

# %%
# Above, the association of each variant alone, colored by its correlation with the strongest one;
# below, what is left once the variants are seen together. The variant of the smallest p-value is in
# neither set here: its neighbors' effects are enough to explain its association. The sets are the
# result, not the lead variant.

gene = locus.genes.iloc[0]
LocusDisplay.from_estimator(
    finemap,
    positions=locus.variants["position"],
    X=locus.data,
    genes=[{"name": gene["id"], "start": gene["start"], "strand": gene["strand"]}],
    chromosome=gene["chromosome"],
    build=locus.build,
    title="Expression of " + gene["id"],
).plot()
