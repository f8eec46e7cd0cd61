"""Scores written as loops over cells, from their definitions."""

import math
from itertools import product

import numpy as np


def _ratio(unexplained, variation):
    if variation > 0:
        return 1 - unexplained / variation
    return 0.0 if unexplained > 0 else 1.0


def _sums(cells):
    """Unexplained and total sum of squares of (weight, y, prediction, null or None) cells."""
    cells = [cell for cell in cells if not math.isnan(cell[1]) and cell[0] > 0]
    if not cells:
        return None
    mass = math.fsum(w for w, *_ in cells)
    mean = math.fsum(w * y for w, y, *_ in cells) / mass
    if len({y for _, y, *_ in cells}) == 1:
        mean = cells[0][1]
    unexplained = math.fsum(w * (y - p) ** 2 for w, y, p, _ in cells)
    variation = math.fsum(w * (y - (mean if b is None else b)) ** 2 for w, y, _, b in cells)
    return unexplained, variation


def r2(y, prediction, weight=None, baseline=None, multioutput="uniform_average"):
    weight = np.ones(len(y)) if weight is None else weight
    null = None if baseline is None else np.broadcast_to(baseline, y.shape)
    targets = list(product(*(range(size) for size in y.shape[1:])))
    cells = {
        target: [
            (
                float(weight[i]),
                float(y[(i, *target)]),
                float(prediction[(i, *target)]),
                None if null is None else float(null[(i, *target)]),
            )
            for i in range(len(y))
        ]
        for target in targets
    }
    if multioutput == "total":
        return _ratio(*_sums([cell for target in targets for cell in cells[target]]))
    sums = {target: _sums(cells[target]) for target in targets}
    seen = {target: pair for target, pair in sums.items() if pair is not None}
    if multioutput == "raw_values":
        raw = [_ratio(*sums[t]) if t in seen else math.nan for t in targets]
        return np.reshape(raw, y.shape[1:])
    if multioutput == "variance_weighted" and any(b > 0 for _, b in seen.values()):
        varying = [pair for pair in seen.values() if pair[1] > 0]
        return 1 - math.fsum(a for a, _ in varying) / math.fsum(b for _, b in varying)
    return math.fsum(_ratio(*pair) for pair in seen.values()) / len(seen)


def area_under_roc(labels, scores, weights):
    """Probability that a case outranks a control, ties one half."""
    pairs = [
        (wi * wj, (si > sj) + 0.5 * (si == sj))
        for li, si, wi in zip(labels, scores, weights)
        for lj, sj, wj in zip(labels, scores, weights)
        if li == 1 and lj == 0
    ]
    return sum(w * win for w, win in pairs) / sum(w for w, _ in pairs)


def average_precision(labels, scores, weights):
    """Mean over cases of the precision among all samples scored at least as high."""
    total, mass = 0.0, 0.0
    for label, score, weight in zip(labels, scores, weights):
        if label == 1 and weight > 0:
            above = [(lj, wj) for lj, sj, wj in zip(labels, scores, weights) if sj >= score]
            total += weight * sum(w for lj, w in above if lj == 1) / sum(w for _, w in above)
            mass += weight
    return total / mass


def ols_r2(y, columns, weight):
    """R2 of weighted least squares with an intercept, by the normal equations."""
    design = np.column_stack([np.ones(len(y)), *columns])
    gram = design.T @ (weight[:, None] * design)
    fitted = design @ np.linalg.solve(gram, design.T @ (weight * y))
    mean = (weight @ y) / weight.sum()
    return 1 - (weight @ (y - fitted) ** 2) / (weight @ (y - mean) ** 2)


def logistic_log_odds(y, columns, weight, n_iter=50):
    """Log odds of the maximum-likelihood logistic regression, by Newton's method."""
    design = np.column_stack([np.ones(len(y)), *columns])
    coef = np.zeros(design.shape[1])
    for _ in range(n_iter):
        p = 1 / (1 + np.exp(-design @ coef))
        hessian = design.T @ ((weight * p * (1 - p))[:, None] * design)
        coef = coef + np.linalg.solve(hessian, design.T @ (weight * (y - p)))
    return design @ coef
