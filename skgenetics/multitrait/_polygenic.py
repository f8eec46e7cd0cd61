"""A polygenic background: a small effect of every variant on top of the mixture.

Y = XB + Zg + E has rows of covariance H = I + delta XX'/P, X standardized, and the noise Sigma of
the traits: the same updates in the metric Q = H^-1, and log|H| in the bound. The background's own
effects follow from the residual, delta X'Q(Y - XB) / P, and join the coefficients.
"""

from typing import NamedTuple

import numpy as np

from skgenetics.utils._array_api import to_numpy

GRID = (0.0, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 3.0)  # of delta
MAX_SAMPLES = 5000  # beyond so many, polygenic="auto" leaves the background out


class Background(NamedTuple):
    """The metric of the rows at one delta."""

    delta: float
    precision: object  # (n, n) W^-1 Q, less the projection on the intercept where there is one
    host_precision: np.ndarray  # the same on the host
    diagonal: np.ndarray  # (n,) of Q, for one of the copies of a row that its weight stands for
    log_det: float  # log|H|


class Relationship:
    """The relationship K = XX'/P of the samples, decomposed once for every delta.

    With S = delta K (I + delta WK)^-1, the rows of weights W have W^-1 Q = I - SW.

    Parameters
    ----------
    design : GenotypeDesign
        Without a background.
    """

    def __init__(self, design):
        xp = design.xp
        self.design = design
        n = design.host_weight.shape[0]
        kinship = xp.zeros((n, n), dtype=xp.float64, device=design.device)
        for block in design.blocks:
            columns = design.columns(block)
            kinship += columns @ columns.T
        kinship = kinship / max(design.n_used, 1)
        self.root_weight = design.array(np.sqrt(design.host_weight))
        kinship = kinship * self.root_weight[:, None] * self.root_weight
        values, vectors = xp.linalg.eigh(kinship)
        self.values, self.vectors = xp.clip(values, min=0.0), vectors

    def background(self, delta):
        """Return the `Background` at delta; None at 0."""
        if delta == 0:
            return None
        design, xp = self.design, self.design.xp
        half = self.vectors / self.root_weight[:, None]
        share = delta * self.values / (1 + delta * self.values)
        shift = (half * share) @ half.T  # S
        diagonal = 1 - np.diag(to_numpy(shift))
        precision = -shift * self.root_weight**2
        if design.centered:
            precision = precision - self.root_weight**2 / design.n_samples
        precision = precision + xp.eye(shift.shape[0], dtype=xp.float64, device=design.device)
        log_det = float(xp.sum(xp.log1p(delta * self.values)))
        return Background(delta, precision, to_numpy(precision), diagonal, log_det)


def background_effects(design):
    """Return the posterior means (P, J) of the background's effects on standardized variants."""
    effects = np.zeros((design.squared_norm.shape[0], design.Y.shape[1]))
    if design.background is not None:
        for block in design.blocks:
            effects[block] = design.score(design.columns(block))
        effects *= design.background.delta / design.n_used
    return effects
