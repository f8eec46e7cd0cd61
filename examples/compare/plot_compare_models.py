"""
Compare models on gene expression
=================================

How well do the variants near a gene predict its expression in people who were not used for
training? This example compares three models on three genes of the bundled extract of GEUVADIS, in
the same folds. The command ``skgenetics compare`` does the same with more models and your own
files.

The genes were chosen for their signal in these same people, so the scores are too high. Use them
only to compare the models.
"""

# %%
# ``CovariateAdjustedRegressor`` regresses the covariates out of the genotypes and out of the
# expression before its model sees them. It is an estimator like any other, so cross-validation
# does this in each training fold. A regression on the covariates alone is the baseline.

import pandas as pd
from sklearn.linear_model import ElasticNetCV, LinearRegression, RidgeCV
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline

from skgenetics import FinemapMiXeR
from skgenetics.compose import CovariateAdjustedRegressor
from skgenetics.datasets import load_geuvadis
from skgenetics.inspection import ScoresDisplay
from skgenetics.preprocessing import GenotypeScaler

ridge = make_pipeline(GenotypeScaler(), RidgeCV(alphas=[500, 5_000, 50_000]))
elastic_net = make_pipeline(GenotypeScaler(), ElasticNetCV(l1_ratio=0.5, alphas=10, eps=0.05))
finemap = FinemapMiXeR(solver="susie")  # single effects: fast, and draw nothing
models = {"RidgeCV": ridge, "ElasticNetCV": elastic_net, "FinemapMiXeR": finemap}
folds = KFold(5, shuffle=True, random_state=0)

rows = []
for gene in ["ENSG00000260065", "ENSG00000215012", "ENSG00000099949"]:
    data = load_geuvadis(gene, as_frame=True)
    covariates = list(data.covariates.columns)
    X = pd.concat([data.data, data.covariates], axis="columns")
    scores = {
        "covariates": cross_val_score(LinearRegression(), data.covariates, data.target, cv=folds)
    }
    for name, model in models.items():
        adjusted = CovariateAdjustedRegressor(model, covariates=covariates)
        scores[name] = cross_val_score(adjusted, X, data.target, cv=folds, error_score="raise")
    for name, score in scores.items():
        rows.append((gene, name, score.mean(), score.std(ddof=1) / len(score) ** 0.5))

table = pd.DataFrame(rows, columns=["target", "model", "mean", "standard_error"])
table.pivot(index="model", columns="target", values="mean").round(3)

# %%
# The bars are standard errors of each score over the folds. Differences between models are known
# more precisely than the bars suggest, because all models see the same folds.

ScoresDisplay.from_frame(table).plot()
