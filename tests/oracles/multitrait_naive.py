"""Slow and plain versions of what skgenetics.multitrait computes: J x J matrices, enumeration."""

import itertools

import numpy as np
from scipy.stats import multivariate_normal, norm


def all_components(covariances, scales, *, null=True):
    """V (T, J, J): the null, then covariance-major, scale-minor."""
    parts = [np.zeros_like(covariances[0])] if null else []
    return np.stack(parts + [scale * U for U in covariances for scale in scales])


def variant_posterior(g, d, V, weights, sigma):
    """Responsibilities, means and covariances of one variant, and log sum_t pi_t BF_t.

    The estimate b = g / d has the covariance Sigma / d around beta.
    """
    b, S = g / d, sigma / d
    logs, means, variances = [], [], []
    for pi, V_t in zip(weights, V, strict=True):
        total = V_t + S
        gain = V_t @ np.linalg.inv(total)
        log_bf = multivariate_normal.logpdf(b, cov=total) - multivariate_normal.logpdf(b, cov=S)
        logs.append(np.log(pi) + log_bf if pi > 0 else -np.inf)
        means.append(gain @ b)
        variances.append(V_t - gain @ V_t)
    logs = np.array(logs)
    evidence = np.logaddexp.reduce(logs)
    return np.exp(logs - evidence), np.array(means), np.array(variances), evidence


def coordinate_ascent(X, Y, V, weights, sigma, *, n_sweeps, order=None):
    """One variant after the other on centered data: means, responsibilities, bound."""
    (n, p), n_traits = X.shape, Y.shape[1]
    B, alpha = np.zeros((p, n_traits)), np.zeros((p, len(V)))
    inverse, bounds = np.linalg.inv(sigma), []
    for _ in range(n_sweeps):
        divergence, spread = 0.0, np.zeros((n_traits, n_traits))
        for j in range(p) if order is None else order:
            B[j] = 0
            d, g = X[:, j] @ X[:, j], X[:, j] @ (Y - X @ B)
            alpha[j], means, variances, evidence = variant_posterior(g, d, V, weights, sigma)
            B[j] = alpha[j] @ means
            second = np.einsum("t,tij->ij", alpha[j], variances)
            second += np.einsum("t,ti,tj->ij", alpha[j], means, means)
            # evidence = E_q[log likelihood of beta_j relative to 0] - KL
            fitted = g @ inverse @ B[j] - d * np.sum(inverse * second) / 2
            divergence += fitted - evidence
            spread += d * (second - np.outer(B[j], B[j]))
        R = Y - X @ B
        bound = -n / 2 * np.linalg.slogdet(2 * np.pi * sigma)[1] - divergence
        bounds.append(bound - np.sum(inverse * (R.T @ R + spread)) / 2)
    return B, alpha, np.array(bounds)


def log_evidence(X, Y, V, weights, sigma, *, H=None):
    """log p(observed cells of Y) over all T^P components; rows of covariance H, NaN = missing."""
    (n, p), n_traits = X.shape, Y.shape[1]
    H = np.eye(n) if H is None else H
    seen = ~np.isnan(Y).reshape(-1)
    y = Y.reshape(-1)[seen]
    logs = []
    for chosen in itertools.product(range(len(V)), repeat=p):
        covariance = np.kron(H, sigma)
        for j, t in enumerate(chosen):
            covariance = covariance + np.kron(np.outer(X[:, j], X[:, j]), V[t])
        covariance = covariance[np.ix_(seen, seen)]
        log_prior = np.sum(np.log(np.asarray(weights)[list(chosen)]))
        logs.append(log_prior + multivariate_normal.logpdf(y, cov=covariance))
    assert n_traits * n >= len(y)
    return np.logaddexp.reduce(logs)


def posterior_given_components(X, Y, V_rows, sigma, *, H=None):
    """Posterior mean (P, J) of B at chosen components V_rows (P, J, J), by one big regression."""
    (n, p), n_traits = X.shape, Y.shape[1]
    H = np.eye(n) if H is None else H
    seen = ~np.isnan(Y).reshape(-1)
    prior = np.zeros((p * n_traits, p * n_traits))
    for j in range(p):
        at = slice(j * n_traits, (j + 1) * n_traits)
        prior[at, at] = V_rows[j]
    design = np.kron(X, np.eye(n_traits))[seen]
    noise = np.kron(H, sigma)[np.ix_(seen, seen)]
    total = design @ prior @ design.T + noise
    mean = prior @ design.T @ np.linalg.solve(total, Y.reshape(-1)[seen])
    return mean.reshape(p, n_traits)


def sign_rates(alpha, means, variances):
    """min(P(beta <= 0), P(beta >= 0)) per trait, point masses on both sides."""
    n_traits = means.shape[1]
    low, high = np.zeros(n_traits), np.zeros(n_traits)
    for a, mean, variance in zip(alpha, means, variances, strict=True):
        for j in range(n_traits):
            if variance[j, j] < 1e-14:
                low[j] += a
                high[j] += a
            else:
                sd = np.sqrt(variance[j, j])
                low[j] += a * norm.cdf(0, mean[j], sd)
                high[j] += a * norm.sf(0, mean[j], sd)
    return np.minimum(low, high)


def probabilistic_pca(C, rank, *, n_steps=20_000, seed=0):
    """sigma^2 I + WW' by the EM algorithm of Tipping and Bishop (1999), from a random start."""
    n_traits = len(C)
    W, noise = np.random.default_rng(seed).normal(size=(n_traits, rank)), 1.0
    for _ in range(n_steps):
        M_inverse = np.linalg.inv(W.T @ W + noise * np.eye(rank))
        CW = C @ W
        W_new = CW @ np.linalg.inv(noise * np.eye(rank) + M_inverse @ W.T @ CW)
        noise = np.trace(C - CW @ M_inverse @ W_new.T) / n_traits
        W = W_new
    return W @ W.T + noise * np.eye(n_traits)


def coordinate_ascent_by_trait(X, Y, V, weights, genetic, residual, K, *, n_sweeps):
    """Rows and traits of the covariance kron(K, genetic) + kron(I, residual), held: means, bound.

    Y has no missing cells. Everything is dense: one N J x N J matrix, J x J ones per variant.
    """
    (n, p), n_traits = X.shape, Y.shape[1]
    covariance = np.kron(K, genetic) + np.kron(np.eye(n), residual)
    inverse = np.linalg.inv(covariance)
    designs = [np.kron(X[:, [j]], np.eye(n_traits)) for j in range(p)]
    B, alpha, bounds = np.zeros((p, n_traits)), np.zeros((p, len(V))), []
    sd = np.zeros((p, n_traits))
    for _ in range(n_sweeps):
        divergence = 0.0
        for j, Z in enumerate(designs):
            B[j] = 0
            precision, g = Z.T @ inverse @ Z, Z.T @ inverse @ (Y - X @ B).reshape(-1)
            # the estimate b has the covariance S around beta
            S, b = np.linalg.inv(precision), np.linalg.solve(precision, g)
            alpha[j], means, variances, evidence = variant_posterior(b, 1.0, V, weights, S)
            B[j] = alpha[j] @ means
            second = np.einsum("t,tij->ij", alpha[j], variances)
            second += np.einsum("t,ti,tj->ij", alpha[j], means, means)
            sd[j] = np.sqrt(np.diag(second) - B[j] ** 2)
            spread = np.sum(precision * (second - np.outer(B[j], B[j]))) / 2
            divergence += g @ B[j] - np.sum(precision * second) / 2 - evidence + spread
        r = (Y - X @ B).reshape(-1)
        bound = -np.linalg.slogdet(2 * np.pi * covariance)[1] / 2 - r @ inverse @ r / 2
        bounds.append(bound - divergence)
    return B, alpha, sd, np.array(bounds)


def log_evidence_by_trait(X, Y, V, weights, genetic, residual, K):
    """log p(observed cells of Y) over all T^P components, rows and traits as above."""
    (n, p), seen = X.shape, ~np.isnan(Y).reshape(-1)
    logs = []
    for chosen in itertools.product(range(len(V)), repeat=p):
        covariance = np.kron(K, genetic) + np.kron(np.eye(n), residual)
        for j, t in enumerate(chosen):
            covariance = covariance + np.kron(np.outer(X[:, j], X[:, j]), V[t])
        log_prior = np.sum(np.log(np.asarray(weights)[list(chosen)]))
        observed = multivariate_normal(cov=covariance[np.ix_(seen, seen)])
        logs.append(log_prior + observed.logpdf(Y.reshape(-1)[seen]))
    return np.logaddexp.reduce(logs)
