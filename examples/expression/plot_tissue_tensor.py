"""
Factors that act in many tissues
================================

A variant far from a gene acts on it through a regulator: the variant changes the regulator, and the
regulator changes many genes, in some tissues more than in others. This example simulates such
expression over the genotypes of 358 people, so the regulators are known.
"""

# sphinx_gallery_thumbnail_number = 2

# %%
# Four variants are regulators. Each acts on a fifth of 60 genes in 11 tissues, and tissues of one
# kind have similar effects. In addition, a variant near each gene acts on that gene. As in GTEx, a
# tissue is sampled in some of the people only; a sample has all genes.

import numpy as np

from skgenetics import MILAGERegressor
from skgenetics.datasets import load_geuvadis
from skgenetics.expression import factor_summary
from skgenetics.inspection import (
    FactorActivationDisplay,
    TissueDendrogramDisplay,
    TissueMapDisplay,
    TrainingCurveDisplay,
)

TISSUES = {
    "cortex": "brain", "cerebellum": "brain", "hippocampus": "brain",
    "aorta": "artery", "coronary": "artery", "tibial": "artery",
    "whole blood": "blood", "spleen": "blood",
    "colon": "gut", "stomach": "gut", "ileum": "gut",
}  # fmt: skip
names, kinds = list(TISSUES), list(TISSUES.values())

rng = np.random.default_rng(0)
X = load_geuvadis().data[:, ::3]
n, n_variants = X.shape
n_genes, n_tissues = 60, len(names)

common = np.flatnonzero(np.abs(X.mean(axis=0) - 1) < 0.5)
regulators = rng.choice(common, 4, replace=False)
F = (X[:, regulators] - X[:, regulators].mean(axis=0)) / X[:, regulators].std(axis=0)
V = rng.normal(size=(n_genes, 4)) * (rng.random((n_genes, 4)) < 0.2)
of_kind = {kind: rng.normal(size=4) for kind in kinds}
W = np.array([of_kind[kind] + 0.3 * rng.normal(size=4) for kind in kinds])

starts = np.linspace(0, n_variants - 30, n_genes).astype(int)
windows = np.column_stack([starts, starts + 30])
near = X[:, rng.integers(starts, starts + 30)]
cis = near[:, :, None] * (
    0.5 * rng.normal(size=(n_genes, 1)) + 0.1 * rng.normal(size=(n_genes, 11))
)

y = 0.6 * np.einsum("it,jt,kt->ijk", F, V, W) + cis
y += rng.normal(size=(n_genes, n_tissues)) + 1.5 * rng.normal(size=y.shape)
y = np.where(rng.random((n, 1, n_tissues)) < rng.uniform(0.3, 0.9, n_tissues), y, np.nan)
print(f"{np.isnan(y).mean():.0%} of the cells are not observed.")

# %%
# The model is fitted to 298 people; 10% of them are held out to decide when to stop. With an L1
# penalty most variants have no effect on a factor, and factors that are not needed stay empty.
# If the penalty outweighs what a variant explains, the fit to the training people gets worse, as
# the picture shows.

train, test = slice(60, None), slice(0, 60)
cis_alone = MILAGERegressor(
    n_components=0,
    cis_windows=windows,
    n_variants=n_variants,
    cis_alpha=0.1,
    polygenic=False,
    random_state=0,
).fit(X[train], y[train])
model = MILAGERegressor(
    n_components=6, trans_model="tensor", cis_windows=windows, n_variants=n_variants,
    cis_alpha=0.1, variant_penalty="l1", variant_alpha=3e-4, loading_alpha=0.003,
    tissue_alpha=0.01, polygenic=False, tol=1e-4, early_stopping=True, random_state=0,
).fit(X[train], y[train])  # fmt: skip
for name, fitted in {"cis": cis_alone, "cis and factors": model}.items():
    print(f"R2 within gene and tissue, of {name}: {fitted.score(X[test], y[test]):.3f}")
_ = TrainingCurveDisplay.from_estimator(model).plot()

# %%
# Does the model find the regulators? Neighbors on the chromosome are inherited together, so a
# factor may pick a variant close to the regulator; their squared correlation shows this. The model
# finds three regulators. The one that it misses has the weakest effect.

strength = np.sqrt(np.mean(V**2, axis=0) * np.mean(W**2, axis=0))
print("Strength of the regulators:", strength.round(2))
for t, active in enumerate(factor_summary(model).active_variants):
    if active.size:
        r2 = np.corrcoef(X[:, active[0]], X[:, regulators], rowvar=False)[0, 1:] ** 2
        best = r2.argmax()
        print(f"factor {t}: {active.size} variants, the first r2 {r2[best]:.2f} with number {best}")

# %%
# In which tissues do the factors act? The numbers above the matrix count the variants that act on
# each factor.

_ = FactorActivationDisplay.from_estimator(model, tissue_names=names, groups=kinds).plot()

# %%
# The factors have similar effects in tissues of one kind. A tree and a map of the tissues show it.

_ = TissueDendrogramDisplay.from_estimator(model, tissue_names=names, groups=kinds).plot()

# %%
_ = TissueMapDisplay.from_estimator(model, tissue_names=names, groups=kinds).plot()
