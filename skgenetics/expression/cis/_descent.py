"""Coordinate descent on the variants of a gene."""

import numpy as np

from skgenetics.utils._numba import kernel

MAX_SWEEPS = 1000


@kernel
def descend(X, W, mean, scale, residual, coef, strength, grouped, tol, max_sweeps):
    """Coordinate descent on the variants of a gene; writes coef and residual, returns the sweeps.

    Parameters
    ----------
    X : array (p, I)
    W : array (I, K)
        Weights, 0 where not observed.
    mean, scale : array (p, K)
        Weighted mean of each variant, and its weighted sum of squares about it.
    residual : array (I, K)
        Weights times residuals, whose columns sum to 0.
    coef : array (p, K)
    strength : float
        n alpha.
    grouped : bool
        Whether the effects of a variant are shrunken together.
    tol : float
        Stop where no variant moves the fitted values by more than this sum of squares.
    """
    p, n = X.shape
    n_tissues = W.shape[1]
    linear = np.empty(n_tissues)
    step = np.empty(n_tissues)
    active_only = False
    for sweep in range(max_sweeps):
        largest = 0.0
        for s in range(p):
            if active_only:
                used = False
                for k in range(n_tissues):
                    used = used or coef[s, k] != 0.0
                if not used:
                    continue
            for k in range(n_tissues):
                linear[k] = scale[s, k] * coef[s, k]
            for i in range(n):
                x = X[s, i]
                if x != 0.0:
                    for k in range(n_tissues):
                        linear[k] += x * residual[i, k]
            norm = 0.0
            for k in range(n_tissues):
                if scale[s, k] <= 0.0:
                    linear[k] = 0.0
                norm += linear[k] ** 2
            norm = np.sqrt(norm)
            t = 0.0  # norm of the new effects
            if grouped and norm > strength > 0.0:
                # solve sum_k (linear_k / (scale_k t + strength))^2 = 1 by Newton's method
                for _ in range(50):
                    value, slope = 0.0, 0.0
                    for k in range(n_tissues):
                        below = scale[s, k] * t + strength
                        value += (linear[k] / below) ** 2
                        slope += linear[k] ** 2 * scale[s, k] / below**3
                    move = value * (np.sqrt(value) - 1.0) / slope
                    t += move
                    if abs(move) <= 1e-13 * t:
                        break
            moved = 0.0
            for k in range(n_tissues):
                if scale[s, k] <= 0.0:
                    new = 0.0
                elif strength == 0.0:
                    new = linear[k] / scale[s, k]
                elif grouped:
                    new = linear[k] * t / (scale[s, k] * t + strength)
                else:
                    new = max(abs(linear[k]) - strength, 0.0) / scale[s, k]
                    if linear[k] < 0:
                        new = -new
                step[k] = new - coef[s, k]
                coef[s, k] = new
                moved += scale[s, k] * step[k] ** 2
            if moved > 0.0:
                for i in range(n):
                    x = X[s, i]
                    for k in range(n_tissues):
                        residual[i, k] -= W[i, k] * (x - mean[s, k]) * step[k]
                largest = max(largest, moved)
        if largest <= tol:
            if not active_only:
                return sweep + 1
            active_only = False
        else:
            active_only = True
    return max_sweeps


def variant_moments(X, W):
    """Return mean and sum of squares about it (p, K) of variants X (p, I) under weights (I, K)."""
    total = np.maximum(W.sum(axis=0), 1e-300)
    mean = X @ W / total
    scale = (X**2) @ W - total * mean**2
    scale[scale <= 1e-10 * ((X**2) @ W)] = 0.0  # constant in the tissue
    return mean, scale
