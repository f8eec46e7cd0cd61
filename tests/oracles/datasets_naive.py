"""Loops over single cells that say what the simulators of skgenetics.datasets should do."""

import math


def squared_correlation(a, b):
    """r^2 of two sequences of numbers, by its definition."""
    n = len(a)
    mean_a, mean_b = math.fsum(a) / n, math.fsum(b) / n
    covariance = math.fsum((x - mean_a) * (y - mean_b) for x, y in zip(a, b))
    variance_a = math.fsum((x - mean_a) ** 2 for x in a)
    variance_b = math.fsum((y - mean_b) ** 2 for y in b)
    return covariance**2 / (variance_a * variance_b)


def variance(values):
    """Population variance, by its definition."""
    mean = math.fsum(values) / len(values)
    return math.fsum((v - mean) ** 2 for v in values) / len(values)


def expected_expression(X, truth, trans_model, i, j, k):
    """Expected expression of gene j in tissue k of individual i: its equation, term by term."""
    first, last = truth["cis_windows"][j]
    total = truth["intercept"][k, j]
    for s in range(first, last):
        total += truth["cis_coef"][k, truth["cis_indptr"][j] + s - first] * X[i, s]
    for t in range(len(truth["variant_coef"])):
        score = truth["variant_intercept"][t]
        for s in range(len(X[i])):
            score += truth["variant_coef"][t, s] * X[i, s]
        if trans_model == "sigmoid":
            total += truth["factor_loadings"][k, t, j] / (1 + math.exp(-score))
        elif trans_model == "linear":
            total += truth["factor_loadings"][k, t, j] * score
        else:
            total += truth["gene_factors"][j, t] * truth["tissue_factors"][k, t] * score
    return total
