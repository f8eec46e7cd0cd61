"""Whether LD is that of the people of the scan, to the last of its directions.

LD of other people, even of the same ancestry, has directions of far less variance than z has in
them. Single effects hardly look there. A sampler does, and explains what it finds by effects that
cancel each other.
"""

from typing import Any

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri

from skgenetics.finemapping._likelihood import variance_per_deviation, with_overlap
from skgenetics.loci._summary import Locus
from skgenetics.utils._arrays import to_numpy

ROUNDING = 0.01  # variance of z that errors of LD may add: those of r to two or three digits
DEVIATIONS = 4.0  # of the test


def ld_is_of_the_scan(fitted: Any, locus: Locus) -> bool:
    """Return whether what the effects of a fit leave of z has the covariance that LD gives it.

    e = z - R S b has the covariance C = s0^2 R + tau^2 R^2, tau^2 being that of the background in
    units of z. With K = C + a I, a = ROUNDING, e'K^-1 e has the mean m = p - a tr K^-1 and a
    variance of at most 2 m. LD that has eigenvalues below -a is of nobody.
    """
    tau = variance_per_deviation(locus, float(fitted.background_variance_))
    tau *= float(np.mean(to_numpy(locus.n_samples)))
    locus, effect_unit = with_overlap(locus), 2.0 if fitted.trait == "binary" else 1.0
    ld = to_numpy(locus.ld.dense().matrix).astype(float)
    effects = to_numpy(locus.scale * fitted.coef_).astype(float) / effect_unit
    left = to_numpy(locus.z).astype(float) - ld @ effects
    covariance = float(np.mean(to_numpy(fitted.residual_variance_))) * ld
    if tau > 0:
        covariance += tau * ld @ ld
    covariance.flat[:: len(ld) + 1] += ROUNDING
    factor, failed = dpotrf(covariance, lower=1, overwrite_a=1)
    if failed:
        return False
    inverse = dpotri(factor, lower=1, overwrite_c=1)[0]
    diagonal = np.diag(inverse)
    size = 2 * left @ (np.tril(inverse, -1) @ left) + diagonal @ left**2
    mean = len(ld) - ROUNDING * diagonal.sum()
    return bool(size <= mean + DEVIATIONS * np.sqrt(2 * mean))
