"""A polygenic background: a small effect of every variant on top of the mixture.

Y = XB + Zg + E has rows of covariance H = I + delta XX'/P, X standardized, and the noise Sigma of
the traits: the same updates in the metric Q = H^-1, and log|H| in the bound. The effects of the
background follow from the residual, delta X'Q(Y - XB) / P, and join the coefficients.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from skgenetics.multitrait._design import Design
from skgenetics.multitrait._genotype_design import GenotypeDesign
from skgenetics.multitrait._residual_covariance import CovarianceStep, ResidualCovariance
from skgenetics.utils._arrays import column_blocks, namespace_of, to_numpy
from skgenetics.utils._typing import Array

LIKELY = (1e-3, 1e2)  # bounds of delta: beyond, the noise is 1% of the variance
MAX_SAMPLES = 5000  # beyond so many, polygenic="auto" leaves the background out


class Background(NamedTuple):
    """The metric of the rows at one delta."""

    delta: float
    precision: Array
    """(n, n) W^-1 Q, less the projection on the intercept if there is one."""
    host_precision: np.ndarray
    """The same on the host."""
    diagonal: np.ndarray
    """(n,) of Q, for one of the copies of a row that its weight stands for."""
    log_det: float
    """log|H|."""


class Relationship:
    """The relationship K = XX'/P of the samples, decomposed once for every delta.

    With S = delta K (I + delta WK)^-1, rows of weights W have W^-1 Q = I - SW.

    Parameters
    ----------
    design : GenotypeDesign
        Without a background.
    """

    def __init__(self, design: GenotypeDesign) -> None:
        xp = design.xp
        self.design = design
        n = design.host_weight.shape[0]
        kinship = xp.zeros((n, n), dtype=xp.float64, device=design.device)
        for block in design.blocks:
            columns = design.standardized(block)
            kinship += columns @ columns.T
        self.root_weight = design.array(np.sqrt(design.host_weight))
        kinship *= self.root_weight[:, None]
        kinship *= self.root_weight / max(design.n_used, 1)
        values, vectors = xp.linalg.eigh(kinship)
        self.values, self.vectors = xp.clip(values, min=0.0), vectors

    def likeliest(
        self, covariance: ResidualCovariance, covariance_step: CovarianceStep | None
    ) -> tuple[float, ResidualCovariance]:
        """Return delta of the best likelihood without a mixture, and Sigma there.

        Missing cells count as their trait's mean.
        """
        design = self.design
        rotated = to_numpy(self.vectors.T @ (self.root_weight[:, None] * design.Y))
        values = to_numpy(self.values)

        def loss_and_noise(log_delta: float) -> tuple[float, ResidualCovariance]:
            total = 1 + np.exp(log_delta) * values
            moment = rotated.T @ (rotated / total[:, None]) / design.n_samples
            sigma = covariance
            if covariance_step is not None:
                sigma = covariance_step(moment, design.n_samples)
            fit = sigma.log_det + np.sum(sigma.inverse * moment)
            loss = design.n_samples * fit + len(moment) * np.sum(np.log(total))
            return loss + 2 * sigma.penalty, sigma

        best = minimize_scalar(
            lambda log_delta: loss_and_noise(log_delta)[0], bounds=np.log(LIKELY), method="bounded"
        ).x
        return float(np.exp(best)), loss_and_noise(best)[1]

    def left_out_errors(self, background: Background | None) -> np.ndarray:
        """Return (J,) the mean squared error of leave-one-out predictions by the background alone.

        It is relative to that of the trait's mean. A row's error is (QY)_i / Q_ii, with the
        projection on the intercept in Q. Missing cells count as their trait's mean.
        """
        design, n_samples = self.design, self.design.n_samples
        if background is None:
            return np.ones(design.n_traits)
        projected = 1 / n_samples if design.centered else 0.0
        Y = to_numpy(design.Y)
        by_background = background.host_precision @ Y / (background.diagonal - projected)[:, None]
        by_mean = design.host_weight @ (Y / (1 - projected)) ** 2
        return design.host_weight @ by_background**2 / np.where(by_mean > 0, by_mean, 1.0)

    def background(self, delta: float) -> Background | None:
        """Return the `Background` at delta; None at 0."""
        if delta == 0:
            return None
        design, xp = self.design, self.design.xp
        share = delta * self.values / (1 + delta * self.values)
        vectors, transposed = self.vectors, self.vectors.T
        if design.weight is not None:
            vectors = vectors / self.root_weight[:, None]
            transposed = transposed * self.root_weight
        diagonal = 1 - to_numpy(vectors**2 @ share)
        precision = (vectors * (1 - share)) @ transposed
        if design.centered:
            precision -= self.root_weight**2 / design.n_samples
        log_det = float(xp.sum(xp.log1p(delta * self.values)))
        return Background(delta, precision, to_numpy(precision), diagonal, log_det)


def background_effects(design: GenotypeDesign) -> np.ndarray:
    """Return the posterior means (P, J) of the effects of a design's background, standardized."""
    effects = np.zeros((design.squared_norm.shape[0], design.Y.shape[1]))
    for block in design.blocks:
        effects[block] = design.score(design.columns(block))
    return effects * (design.background.delta / max(design.n_used, 1))


class TrainingBackground(NamedTuple):
    """What the variance of the background's predictions needs of the training data."""

    X: Array | None
    """(n, P); None if the training genotypes were dropped."""
    mean: Array
    """(P,)."""
    inverse_sd: Array
    """(P,)."""
    metric: Array | None
    """(n, n) Q, less the projection on the intercept if there is one."""
    level: float
    """delta / P, the prior variance of an effect in units of the noise."""


def training_background(design: Design) -> TrainingBackground | None:
    """Return the `TrainingBackground` of a design, or None."""
    if not isinstance(design, GenotypeDesign) or design.background is None:
        return None
    metric, level = design.weigh(design.precision), design.background.delta / max(design.n_used, 1)
    return TrainingBackground(design.X, design.mean, design.inverse_sd, metric, level)


def background_deviations(background: TrainingBackground, X: Array) -> tuple[Array, Array]:
    """Return the background's error in new samples, conditional on the training data.

    The background of a sample x is A (Y - XB) besides an error, with A = x'X' Q delta / P, so that
    B reaches the prediction through x' - A X alone.

    Parameters
    ----------
    background : TrainingBackground
    X : array (m, P)

    Returns
    -------
    variance : array (m,)
        Of the error, in units of the noise.
    weights : array (m, n)
        A.
    """
    xp = namespace_of(X)
    if background.X is None or background.metric is None:
        raise ValueError("The training genotypes were dropped.")
    across: Any = 0.0
    prior_variance: Any = 0.0
    for columns, new in column_blocks(X, background.mean.dtype):
        mean, inverse_sd = background.mean[columns], background.inverse_sd[columns]
        old = xp.astype(background.X[:, columns], mean.dtype)
        new, old = (new - mean) * inverse_sd, (old - mean) * inverse_sd
        across = across + background.level * (new @ old.T)
        prior_variance = prior_variance + background.level * xp.sum(new**2, axis=1)
    weights = across @ background.metric
    return xp.clip(prior_variance - xp.sum(weights * across, axis=1), min=0.0), weights
