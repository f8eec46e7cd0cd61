"""Optimality conditions of the penalized regressions of the cis stage."""

import numpy as np


def kkt_residual(X, y, weight, coef, intercept, alpha, penalty):
    """Largest violation of optimality; X (I, p), y (I, K) with NaN, coef (p, K)."""
    seen = ~np.isnan(y)
    cells = np.where(seen, weight[:, None], 0.0)
    n = cells.sum() / seen.any(axis=0).sum()
    residual = cells * np.where(seen, y - X @ coef - intercept, 0.0)
    gradient = X.T @ residual / n
    worst = np.abs(residual.sum(axis=0)).max() / n
    for g, w in zip(gradient, coef):
        if penalty == "ridge":
            worst = max(worst, np.abs(g - alpha * w).max())
        elif penalty == "group_lasso":
            size = np.linalg.norm(w)
            bad = np.linalg.norm(g - alpha * w / size) if size else np.linalg.norm(g) - alpha
            worst = max(worst, bad)
        else:
            bad = np.where(w != 0, np.abs(g - alpha * np.sign(w)), np.abs(g) - alpha)
            worst = max(worst, bad.max())
    return worst
