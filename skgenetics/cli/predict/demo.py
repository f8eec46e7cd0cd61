"""Weights of the bundled genes, for the demonstrations of ``predict`` and ``twas``."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skgenetics.association import ExpressionWeights
from skgenetics.cli.console import Console
from skgenetics.cli.genotypes import bundled_genotypes
from skgenetics.compose import CovariateAdjustedRegressor
from skgenetics.datasets import load_geuvadis
from skgenetics.finemapping import FinemapMiXeR
from skgenetics.io import Genotypes
from skgenetics.utils._optional import import_optional

if TYPE_CHECKING:
    import pandas as pd

TISSUE = "LCL"


def train_on_geuvadis(people: Any = slice(None)) -> ExpressionWeights:
    """Return weights of the genes of the bundled extract, covariates taken out.

    Parameters
    ----------
    people : slice or array-like of int
        Those to train on; by default all.
    """
    data = load_geuvadis()
    weights = ExpressionWeights.from_models(
        model for gene in data.target_names for model in _train(gene, people)
    )
    weights.build = data.build
    return weights


def _train(gene: str, people: Any) -> ExpressionWeights:
    """Return the weights of a gene."""
    pd = import_optional("pandas", extra="dataframe")
    one = load_geuvadis(gene, as_frame=True)
    X = pd.concat([one.data, one.covariates], axis="columns")
    model = CovariateAdjustedRegressor(FinemapMiXeR(), covariates=list(one.covariates.columns))
    fitted = model.fit(X.iloc[people], one.target.iloc[people]).regressor_
    return ExpressionWeights.from_estimator(
        fitted, pd.DataFrame(one.variants), genes=[gene], tissues=[TISSUE]
    )


def load_demo(console: Console) -> tuple[ExpressionWeights, Genotypes]:
    """Return weights that every other person of the bundled extract trained, and the others."""
    data = load_geuvadis()
    genotypes = bundled_genotypes(data)
    n_people = genotypes.shape[0]
    console.say(
        f"A demonstration: weights of {len(data.target_names)} genes are trained on real expression"
        f" and genotypes of {len(range(0, n_people, 2))} Europeans (GEUVADIS, {data.build}), and "
        f"predict the expression of {len(range(1, n_people, 2))} others.",
        "Your own data:  skgenetics predict --weights Whole_Blood.db --bfile study --out my_run",
        "",
    )
    return train_on_geuvadis(slice(None, None, 2)), genotypes.select(slice(1, None, 2))


def closing_line(weights: ExpressionWeights, expression: "pd.DataFrame") -> str:
    """Return how the predictions of the demonstration agree with what was measured."""
    data = load_geuvadis()
    measured, covariates = (np.asarray(data[key], dtype=float) for key in ("target", "covariates"))
    measured, covariates = (
        measured[1::2],
        np.column_stack([np.ones(len(measured)), covariates])[1::2],
    )
    measured = measured - covariates @ np.linalg.lstsq(covariates, measured)[0]
    column_of = {gene: k for k, gene in enumerate(data.target_names)}
    r = [
        np.corrcoef(predicted, measured[:, column_of[gene]])[0, 1]
        for gene, predicted in zip(weights.genes["gene"], expression.to_numpy().T, strict=True)
        if predicted.std() > 0
    ]
    return (
        "Predicted expression and what was measured, without covariates, correlate by "
        f"{np.mean(r):.2f} in the mean of {len(r)} genes, which were picked by their signal."
    )
