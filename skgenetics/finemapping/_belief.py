"""Whether z has the variance that its LD gives it, to the last of the LD's directions.

LD of other people, even of the same ancestry, has directions of far less variance than z has in
them. Single effects hardly look there. A sampler does, and explains what it finds by effects that
cancel each other.
"""

from typing import Any

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri

from skgenetics.finemapping._likelihood import root_samples, variance_per_deviation, with_overlap
from skgenetics.finemapping._panel import is_of_panel
from skgenetics.finemapping._prior import fixed_prior
from skgenetics.finemapping._problem import pose_problem
from skgenetics.finemapping.solvers import Solver
from skgenetics.loci._summary import Locus
from skgenetics.utils._arrays import to_numpy

ROUNDING = 0.01  # variance of z that errors of LD may add: those of r to two or three digits
DEVIATIONS = 4.0  # of the test, for LD of the scan's people
PANEL_DEVIATIONS = 2.0  # for a panel: z of its population stays below 0, as a rule


def ld_is_believable(fitted: Any, locus: Locus, solver: Solver) -> bool:
    """Return whether what the effects of a fit leave of z fits what `solver` would be told of LD.

    For a panel that is its LD with all errors, which take more than what is right for most
    directions.
    """
    if not is_of_panel(locus):
        noise = float(np.mean(to_numpy(fitted.residual_variance_)))
        return surplus(fitted, with_overlap(locus), noise) <= DEVIATIONS
    problem = pose_problem(fitted, solver, locus, fixed_prior(fitted, locus.labels))
    known = problem.residual_variance
    return known is not None and surplus(fitted, problem.locus, known) <= PANEL_DEVIATIONS


def surplus(fitted: Any, locus: Locus, noise: float) -> float:
    """Return by how many standard deviations z has more variance than LD gives it.

    e = z - R S b has the covariance C = s0^2 R + tau^2 R N R, tau^2 being that of the background
    per deviation. With K = C + a I, a = ROUNDING, e'K^-1 e has the mean m = p - a tr K^-1 and a
    variance of at most 2 m. LD that has eigenvalues below -a is of nobody.
    """
    tau = variance_per_deviation(locus, float(fitted.background_variance_))
    effect_unit = 2.0 if fitted.trait == "binary" else 1.0
    ld = to_numpy(locus.ld.dense().matrix).astype(float)
    effects = to_numpy(locus.scale * fitted.coef_).astype(float) / effect_unit
    left = to_numpy(locus.z).astype(float) - ld @ effects
    covariance = noise * ld
    if tau > 0:
        root = to_numpy(root_samples(locus)).astype(float)
        covariance += tau * (ld * root**2) @ ld
    covariance.flat[:: len(ld) + 1] += ROUNDING
    factor, failed = dpotrf(covariance, lower=1, overwrite_a=1)
    if failed:
        return np.inf
    inverse = dpotri(factor, lower=1, overwrite_c=1)[0]
    diagonal = np.diag(inverse)
    size = 2 * left @ (np.tril(inverse, -1) @ left) + diagonal @ left**2
    mean = len(ld) - ROUNDING * diagonal.sum()
    return float((size - mean) / np.sqrt(2 * mean))
