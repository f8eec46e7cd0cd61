"""The model of MILAGE cell by cell, written apart from the package."""

import numpy as np


def naive_prediction(params, design, model):
    scores = design @ params["coef"]
    F = 1 / (1 + np.exp(-scores)) if model == "sigmoid" else scores
    if model == "tensor":
        trans = np.einsum("it,jt,kt->ijk", F, params["gene_factors"], params["tissue_factors"])
    else:
        trans = np.einsum("it,ktj->ijk", F, params["loadings"])
    return trans + params["offset"].T


def naive_objective(params, y, weight, design, penalized, strengths, model):
    """`strengths`: (value, kind) by parameter; those of all but coef are divided by the counts."""
    error = y - naive_prediction(params, design, model)
    cells = np.where(np.isnan(y), 0.0, np.ones_like(y)) * weight[:, None, None]
    seen = ~np.isnan(y)
    total = np.sum(np.where(seen, weight[:, None, None], 0.0))
    loss = np.sum(np.where(seen, cells * error**2, 0.0)) / (2 * total)
    counts = {
        "coef": 1,
        "loadings": seen.any(axis=0).sum(),
        "gene_factors": y.shape[1],
        "tissue_factors": y.shape[2],
    }
    for name, (strength, kind) in strengths.items():
        values = params[name]
        if name == "coef":
            values = values[np.asarray(penalized, dtype=bool)]
        size = np.sum(values**2) / 2 if kind == "l2" else np.sum(np.abs(values))
        loss = loss + strength / counts[name] * size
    return loss
