r"""Coordinate descent on the variants of a gene.

With the rest fixed, the effects of variant s minimize over :math:`b = (b_k)`

.. math::

    \sum_k \left(\tfrac{1}{2} d_{sk} b_k^2 - l_{sk} b_k\right) + \lambda P(b), \qquad
    d_{sk} = \sum_i w_{ik} (x_{is} - \bar x_{sk})^2, \qquad
    l_{sk} = d_{sk} \omega_{sk} + \sum_i w_{ik} x_{is} r_{ik}

with residuals r. For the lasso :math:`b_k` is l soft-thresholded over d. For the group lasso
:math:`b_k = l_k t / (d_k t + \lambda)`, where the norm t of b solves
:math:`\sum_k l_k^2 / (d_k t + \lambda)^2 = 1`, and is 0 if :math:`\|l\| \le \lambda`.
"""

from typing import NamedTuple

import numpy as np

from skgenetics.utils._moments import center, is_constant
from skgenetics.utils._numba import kernel

MAX_SWEEPS = 1000
CANCELLATION = 1e-6  # share of a sum of squares under which that about the mean is computed anew


class GeneDesign(NamedTuple):
    """The variants of a gene and their moments in each tissue."""

    genotypes: np.ndarray  # (p, I), C-contiguous
    weight: np.ndarray  # (I, K), 0 where not observed
    mean: np.ndarray  # (p, K) weighted mean of each variant
    sum_of_squares: np.ndarray  # (p, K) about the mean, d; 0 for variants constant in the tissue


def gene_design(genotypes: np.ndarray, weight: np.ndarray) -> GeneDesign:
    """Return the `GeneDesign` of genotypes (p, I) under weights (I, K)."""
    total = np.maximum(weight.sum(axis=0), 1e-300)
    mean = genotypes @ weight / total
    about_zero = (genotypes**2) @ weight
    sum_of_squares = about_zero - total * mean**2
    imprecise = sum_of_squares <= CANCELLATION * about_zero
    for k in np.flatnonzero(imprecise.any(axis=0)):
        rows, share = imprecise[:, k], weight[:, k] / total[k]
        mean[rows, k], centered = center(genotypes[rows].T, share)
        variance = share @ centered**2
        variance[is_constant(variance, mean[rows, k])] = 0.0
        sum_of_squares[rows, k] = total[k] * variance
    return GeneDesign(genotypes, weight, mean, sum_of_squares)


@kernel
def norm_of_effects(linear: np.ndarray, sum_of_squares: np.ndarray, strength: float) -> float:
    """Return the norm t of the effects of a variant under the group lasso, by Newton's method."""
    t = 0.0
    for _ in range(50):
        value, slope = 0.0, 0.0
        for k in range(linear.size):
            below = sum_of_squares[k] * t + strength
            value += (linear[k] / below) ** 2
            slope += linear[k] ** 2 * sum_of_squares[k] / below**3
        move = value * (np.sqrt(value) - 1.0) / slope
        t += move
        if abs(move) <= 1e-13 * t:
            break
    return t


@kernel
def best_effects(
    linear: np.ndarray,
    sum_of_squares: np.ndarray,
    strength: float,
    grouped: bool,
    effects: np.ndarray,
) -> None:
    """Write the effects (K,) of a variant that minimize the objective given the others."""
    norm = 0.0
    for k in range(linear.size):
        if sum_of_squares[k] <= 0.0:
            linear[k] = 0.0
        norm += linear[k] ** 2
    t = 0.0
    if grouped and np.sqrt(norm) > strength > 0.0:
        t = norm_of_effects(linear, sum_of_squares, strength)
    for k in range(linear.size):
        if sum_of_squares[k] <= 0.0:
            effects[k] = 0.0
        elif strength == 0.0:
            effects[k] = linear[k] / sum_of_squares[k]
        elif grouped:
            effects[k] = linear[k] * t / (sum_of_squares[k] * t + strength)
        else:
            size = max(abs(linear[k]) - strength, 0.0) / sum_of_squares[k]
            effects[k] = -size if linear[k] < 0 else size


@kernel
def descend(
    design: GeneDesign,
    residual: np.ndarray,
    coef: np.ndarray,
    strength: float,
    grouped: bool,
    tol: float,
    max_sweeps: int,
) -> int:
    """Sweep over the variants of a gene; write coef and residual, and return the sweeps taken.

    After a full sweep only variants with an effect are visited until they no longer move.

    Parameters
    ----------
    design : GeneDesign
    residual : array (I, K)
        Weights times residuals, whose columns sum to 0.
    coef : array (p, K)
    strength : float
        n alpha.
    grouped : bool
        Whether the effects of a variant are shrunken together.
    tol : float
        Stop if no variant moves the fitted values by more than this sum of squares.
    """
    X, W = design.genotypes, design.weight
    mean, sum_of_squares = design.mean, design.sum_of_squares
    p, n = X.shape
    n_tissues = W.shape[1]
    linear, effects, step = np.empty(n_tissues), np.empty(n_tissues), np.empty(n_tissues)
    active_only = False
    for sweep in range(max_sweeps):
        largest = 0.0
        for s in range(p):
            active = not active_only
            for k in range(n_tissues):
                active = active or coef[s, k] != 0.0
                linear[k] = sum_of_squares[s, k] * coef[s, k]
            if not active:
                continue
            for i in range(n):
                x = X[s, i]
                if x != 0.0:
                    for k in range(n_tissues):
                        linear[k] += x * residual[i, k]
            best_effects(linear, sum_of_squares[s], strength, grouped, effects)
            moved = 0.0
            for k in range(n_tissues):
                step[k] = effects[k] - coef[s, k]
                coef[s, k] = effects[k]
                moved += sum_of_squares[s, k] * step[k] ** 2
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
