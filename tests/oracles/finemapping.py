"""Slow and plain versions of what skgenetics.finemapping computes."""

import itertools

import numpy as np


def marginal_z(X, y):
    """sqrt(n) cor(x_j, y), a column at a time."""
    return np.array([np.sqrt(len(y)) * np.corrcoef(X[:, j], y)[0, 1] for j in range(X.shape[1])])


def wald_t(X, y):
    """t statistic of y ~ 1 + x_j, a column at a time."""
    n, statistics = len(y), []
    for x in X.T:
        design = np.column_stack([np.ones(n), x])
        coef, rss, *_ = np.linalg.lstsq(design, y, rcond=None)
        covariance = np.linalg.inv(design.T @ design) * rss[0] / (n - 2)
        statistics.append(coef[1] / np.sqrt(covariance[1, 1]))
    return np.array(statistics)


def design(R, scale, noise):
    """G and the matrix T with linear term T z, at unit noise variance."""
    S = np.diag(scale)
    return (S @ R @ S, S) if noise == "ld" else (S @ R @ R @ S, S @ R)


def log_bayes_factor(G, b, variances):
    """log p(z | beta ~ N(0, diag(variances))) - log p(z | beta = 0)."""
    used = variances > 0
    G, b, root = G[np.ix_(used, used)], b[used], np.sqrt(variances[used])
    inner = np.eye(used.sum()) + root[:, None] * G * root
    return -np.linalg.slogdet(inner)[1] / 2 + (root * b) @ np.linalg.solve(inner, root * b) / 2


def log_normal(z, cov):
    """log N(z; 0, cov), but for a constant."""
    return -0.5 * (np.linalg.slogdet(cov)[1] + z @ np.linalg.solve(cov, z))


def enumerate_posterior(z, R, scale, *, pi, slab, spike=0.0, s0=1.0, noise="ld"):
    """Evidence (relative to beta = 0), PIPs and posterior means over all 2^p configurations."""
    p = len(z)
    G, T = design(R, scale, noise)
    G, b = G / s0, T @ z / s0
    pi = np.broadcast_to(pi, p)
    logs, pips, means = [], [], []
    for config in itertools.product([0, 1], repeat=p):
        g = np.array(config, dtype=bool)
        variances = np.where(g, slab, spike)
        prior = np.sum(np.log(np.maximum(np.where(g, pi, 1 - pi), 1e-300)))
        logs.append(prior + log_bayes_factor(G, b, variances))
        mean, used = np.zeros(p), variances > 0
        if used.any():
            precision = G[np.ix_(used, used)] + np.diag(1 / variances[used])
            mean[used] = np.linalg.solve(precision, b[used])
        pips.append(g)
        means.append(mean)
    logs = np.array(logs)
    evidence = np.logaddexp.reduce(logs)
    weights = np.exp(logs - evidence)
    return evidence, weights @ np.array(pips), weights @ np.array(means)


def single_effect_evidence(z, R, scale, *, weights, variances):
    """Evidence, probabilities and means of a model with exactly one effect, variant by variant."""
    G, T = design(R, scale, "ld")
    logs = []
    for i in range(len(z)):
        only = np.zeros(len(z))
        only[i] = variances[i]
        logs.append(np.log(weights[i]) + log_bayes_factor(G, T @ z, only))
    logs = np.array(logs)
    evidence = np.logaddexp.reduce(logs)
    shrunk = scale * z / (np.diag(G) + 1 / variances)
    return evidence, np.exp(logs - evidence), shrunk


def two_effect_evidence(z, R, scale, *, weights, variance):
    """Evidence of a sum of two independent single effects: all p^2 pairs."""
    G, T = design(R, scale, "ld")
    p, logs = len(z), []
    for i, j in itertools.product(range(p), repeat=2):
        both = np.zeros(p)
        both[i] += variance
        both[j] += variance
        logs.append(np.log(weights[i]) + np.log(weights[j]) + log_bayes_factor(G, T @ z, both))
    return np.logaddexp.reduce(logs)


def sum_of_single_effects(z, R, scale, *, n_effects, variance, n_sweeps=200):
    """SuSiE at a fixed effect variance, dense and in plain NumPy: alpha (L, p) and means."""
    G, linear, p = design(R, scale, "ld")[0], scale * z, len(z)
    alpha, mean = np.zeros((n_effects, p)), np.zeros((n_effects, p))
    for _ in range(n_sweeps):
        for k in range(n_effects):
            others = np.sum(np.delete(alpha * mean, k, axis=0), axis=0)
            residual, precision = linear - G @ others, np.diag(G) + 1 / variance
            mean[k] = residual / precision
            log_bf = residual**2 / precision / 2 - np.log(variance * precision) / 2
            alpha[k] = np.exp(log_bf - np.logaddexp.reduce(log_bf))
    return alpha, mean
