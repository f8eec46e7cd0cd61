"""
From expression to the genes behind a trait
===========================================

Weights that predict the expression of genes are trained in some people, and the genes are then
tested for association with a trait that was studied in others: a transcriptome-wide association
study (TWAS). On files the same is done by ``skgenetics weights`` and ``skgenetics twas``.
"""

# %%
# Genotypes and expression are real: 358 Europeans of GEUVADIS, and 8 genes on chromosome 22, three
# of them without a strong signal. The first 179 people train the weights.

import numpy as np
import pandas as pd

from skgenetics.datasets import load_geuvadis

data = load_geuvadis(as_frame=True)
names = [*data.comparison_genes, *data.target_names[-3:]]
starts = data.genes.set_index("gene_id")["start"]
train, study = slice(0, 179), slice(179, None)


def near(gene):
    """The variants within 100 kb of a gene's start."""
    return data.variants[(data.variants.base_pair_location - starts[gene]).abs() <= 100_000]


# %%
# Each gene is predicted by a mixture of two models, whose shares are found inside the training
# folds. Both give effects per allele. Only the few variants that carry the prediction are kept, and
# only genes that are predicted well enough.

from sklearn.linear_model import RidgeCV

from skgenetics import FinemapMiXeR
from skgenetics.association import ExpressionWeights, GeneData, GeneModel, WeightModel, train_gene


def single_effects(X, y, seed):
    return FinemapMiXeR(solver="susie", background=0.0).fit(X, y).coef_


def ridge(X, y, seed):
    return RidgeCV(alphas=len(X) * np.array([0.1, 1.0, 10.0])).fit(X, y).coef_


candidates = [WeightModel("single effects", single_effects), WeightModel("ridge", ridge)]
covariates = data.covariates[train].to_numpy()
fold = np.random.default_rng(0).permutation(len(covariates)) % 5
models, covariances, rows = [], {}, []
for gene in names:
    variants = near(gene)
    X, y = data.data[train][variants.variant_id], data.target[train][[gene]]
    of_gene = GeneData(X.to_numpy(float), y.to_numpy(), [covariates], covariates, fold)
    (found,) = train_gene(of_gene, candidates)
    used = found.weights != 0
    rows.append([gene, found.model, found.performance.rho, used.sum(), found.performance.kept])
    if found.performance.kept:
        models.append(GeneModel(gene, variants[used], found.weights[used], model=found.model))
        covariances[gene] = X.loc[:, used].cov()
weights = ExpressionWeights.from_models(models, build=data.build, covariances=covariances)
pd.DataFrame(rows, columns=["gene", "model", "rho", "variants", "kept"]).round(2)

# %%
# The study of the trait: z statistics of 20,000 people, simulated on the LD of the other 179
# people. Two genes drive the trait: the variant that correlates most with their expression in these
# people explains 0.5% of it, and the trait rises with expression.

from skgenetics.datasets import make_summary_statistics

drivers = [names[1], names[3]]
statistics = []
for number, gene in enumerate(names):
    variants = near(gene)
    X = data.data[study][variants.variant_id]
    X = X.loc[:, X.std() > 0]
    effects = np.zeros(X.shape[1])
    if gene in drivers:
        r = X.corrwith(data.target[study][gene])
        effects[r.abs().argmax()] = np.sign(r[r.abs().idxmax()]) * 0.005**0.5
    z = make_summary_statistics(
        ld=X.corr().to_numpy(), effects=effects, n_samples=20_000, random_state=number
    ).z
    table = variants[variants.variant_id.isin(X.columns)]
    statistics.append(table.assign(z=z, n=20_000))
sumstats = pd.concat(statistics, ignore_index=True).drop_duplicates("variant_id")

# %%
# The test of a gene weighs the z of its variants, with the LD of the people who trained it.

from skgenetics.association import twas

genes = twas(sumstats, weights).genes
genes[["gene", "model", "n_used", "z", "p_bonferroni"]].round({"z": 2})

# %%
# Both drivers are beyond the line of p = 0.05 after Bonferroni's correction, and no other gene is.

import matplotlib.pyplot as plt
from scipy.stats import norm

plt.figure(figsize=(7, 3))
colors = np.where(genes["gene"].isin(drivers), "tab:red", "tab:gray")
plt.barh(genes["gene"], genes["z"], color=colors)
for side in (-1, 1):
    plt.axvline(side * norm.isf(0.025 / len(genes)), color="black", linestyle="--")
plt.xlabel("z of the gene (red: it drives the trait)")
plt.tight_layout()
plt.show()
