"""The noise that LD from people outside the scan adds to z.

z = R v + e, v = S beta, and the correlations of m other people are R + W, so that
z = (R + W) v - W v + e: W v is noise beside e.
"""

from itertools import islice
from typing import Any

import numpy as np

from skgenetics.finemapping._background import EffectsState
from skgenetics.finemapping._choice import solver_of_effects
from skgenetics.finemapping._likelihood import normal_locus, root_samples
from skgenetics.finemapping.solvers import Problem
from skgenetics.loci._ld import GenotypeLD
from skgenetics.loci._summary import Locus
from skgenetics.utils._arrays import to_numpy

MAX_ROUNDS, MAX_SWEEPS = 10, 30
RELATIVE_CHANGE = 0.01  # of s0^2: the rounds end below it
TAKEN = 0.5  # of the shrinkage that brings R nearest to that of all
NEGLIGIBLE = 1e-4  # effects whose square is below this share of the largest


def with_panel(problem: Problem, *, believing: bool) -> Problem:
    """Return the problem with the errors of its panel's LD in the likelihood.

    Far from all effects they are noise like e, as `panel_noise` says. A solver that believes LD
    explains all that is left by effects, and is told more (`believing`): see `panel_likelihood`.
    """
    if not believing or not is_of_panel(problem.observed):
        return problem._replace(residual_variance=panel_noise(problem)[0])
    return panel_likelihood(problem)[0]


def panel_likelihood(problem: Problem) -> tuple[Problem, np.ndarray]:
    """Return the problem with all errors of its panel's LD, and the covariance (p, p) of z.

    R is shrunk, see `shrunk_ld`, and each z has what `errors_of_correlations` adds to its own
    noise, if that is more than the panel's noise anyway.
    """
    locus, known = problem.locus, float(problem.residual_variance or 1.0)
    dense = locus.ld.dense()
    noise, state = panel_noise(problem._replace(locus=locus._replace(ld=dense)))
    observed = to_numpy(dense.matrix).astype(float)
    squares = np.sum(state.presence[:, None] * state.alpha * state.mean**2, axis=0)
    squares = squares * to_numpy(locus.scale).astype(float) ** 2
    copies, skewness = copies_seen(problem.observed)
    errors = errors_of_correlations(observed, squares, copies, skewness, locus.panel_size)
    matrix = shrunk_ld(observed, copies, locus.panel_size)
    covariance = matrix.copy()
    covariance.flat[:: len(matrix) + 1] += np.maximum(errors - (noise - known), 0.0) / noise
    design = matrix * to_numpy(root_samples(locus))
    told = problem._replace(residual_variance=noise, locus=normal_locus(locus, design, covariance))
    return told, noise * covariance


def is_of_panel(locus: Locus) -> bool:
    """Return whether LD is said to be of fewer people than the scan."""
    return bool(locus.panel_size < np.max(to_numpy(locus.n_samples)))


def panel_noise(problem: Problem) -> tuple[float, EffectsState]:
    """Return s0^2 with what the errors of a panel's LD add to it, and the single effects found.

    Of a sample covariance Cov(W v) = (v'Rv R + R v v'R) / m. The second part changes the size of
    the signal alone; the first is noise like e, as if s0^2 were larger by v'Rv / m. v is that of
    single effects, fitted in turn with s0^2.
    """
    solver = solver_of_effects().quick()
    locus, n_people = problem.locus, problem.locus.panel_size
    known = noise = float(problem.residual_variance or 1.0)
    state: Any
    for _ in range(MAX_ROUNDS):
        at_noise = problem._replace(residual_variance=noise, tol=solver.default_tol)
        *_, state = islice(solver.start(at_noise), MAX_SWEEPS)
        moved = solver.posterior(state, locus).mean * locus.scale
        previous = noise
        noise = known + float(moved @ locus.ld.product(moved)) / n_people
        if abs(noise - previous) < RELATIVE_CHANGE * noise:
            return noise, state
    return max(noise, previous), state


def shrunk_ld(matrix: np.ndarray, copies: np.ndarray, n_people: float) -> np.ndarray:
    """Return R of a panel with what it cannot know of the variants taken away.

    A panel of m people has less variance than others in most directions: half of the `shrinkage`
    is taken, as r near 1 errs less than that makes of it. And an allele of c copies, all of which
    share another allele, need not share it in others: the next copy does not with probability
    1 / (c + 1) or so. The larger share of a variant's variance is left to the variant alone.
    """
    share = np.maximum(TAKEN * shrinkage(matrix, n_people), 1 / (copies + 1))
    root = np.sqrt(1 - share)
    shrunk = root[:, None] * matrix * root
    np.fill_diagonal(shrunk, 1.0)
    return shrunk


def shrinkage(matrix: np.ndarray, n_people: float) -> float:
    """Return the share of I that makes R of m people, shrunk to I, nearest to R of all.

    The mean square error is least at sum Var(r_jk) / sum E r_jk^2 over pairs (Ledoit and Wolf
    2004), and of normal variables Var(r) = (1 - r^2)^2 / m.
    """
    squares = matrix**2
    np.fill_diagonal(squares, 1.0)
    total = np.sum(squares) - len(squares)
    return float(min(np.sum((1 - squares) ** 2) / n_people / max(total, 1e-300), 1.0))


def copies_seen(locus: Locus) -> tuple[np.ndarray, np.ndarray]:
    """Return the copies of the rarer allele of each variant in a panel (p,), and its skewness.

    Half of all alleles, if neither genotypes nor heterozygosity are known.
    """
    variance = to_numpy(locus.heterozygosity).astype(float)
    if isinstance(locus.ld, GenotypeLD):
        inverse = to_numpy(locus.ld.inverse_sd).astype(float)
        variance = 1 / np.where(inverse > 0, inverse, 1.0) ** 2
    variance = np.clip(variance, 1 / locus.panel_size, 0.5)  # of a dosage: 2 f (1 - f)
    frequency = (1 - np.sqrt(1 - 2 * variance)) / 2
    return 2 * locus.panel_size * frequency, (1 - 2 * frequency) / np.sqrt(variance / 2)


def errors_of_correlations(
    matrix: np.ndarray,
    squares: np.ndarray,
    copies: np.ndarray,
    skewness: np.ndarray,
    n_people: float,
) -> np.ndarray:
    """Return the variance (p,) of what the errors of r add to each z.

    Parameters
    ----------
    matrix : ndarray of shape (p, p)
        R of the panel.
    squares : ndarray of shape (p,)
        E[v_j^2] of effects of which each is on one variant, but it is not known on which.
    copies, skewness : ndarray of shape (p,)
        Of the alleles of the panel.
    n_people : float
        m.
    """
    used = np.flatnonzero(squares > NEGLIGIBLE * squares.max(initial=0.0))
    variance = variance_of_correlation(matrix[:, used], skewness[:, None], skewness[used], n_people)
    variance += matrix[:, used] ** 2 / (2 * copies[:, None] * copies[used])
    variance[used, np.arange(len(used))] = 0.0
    return variance @ squares[used]


def variance_of_correlation(
    r: np.ndarray, skewness: np.ndarray, other: np.ndarray, n_people: float
) -> np.ndarray:
    """Return the variance of r between the dosages of two variants in m people, to first order.

    A dosage is the sum of two alleles. Of alleles x and y, standardized, x^2 = 1 + skewness x, so
    that moments of fourth order follow from r; across the two alleles it is that of normal
    variables. Two alleles are taken to be rarer on the same side, as those in tight LD are.
    """
    square = r**2
    alleles = 1 - square + np.abs(r) * skewness * other * (1 + square / 2)
    alleles -= 0.75 * square * (skewness**2 + other**2)
    return (np.maximum(alleles, 0.0) + (1 - square) ** 2) / (2 * n_people)
