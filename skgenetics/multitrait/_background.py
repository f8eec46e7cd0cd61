"""A polygenic background: a small effect of every variant on top of the mixture.

Y = XB + Zg + E has rows of covariance H = I + delta XX'/P, X standardized, and the noise Sigma of
the traits: the same updates in the metric Q = H^-1, and log|H| in the bound. The effects of the
background follow from the residual, delta X'Q(Y - XB) / P, and join the coefficients. If traits
have backgrounds of their own, this holds for each of the canonical traits (`_genetic_covariance`).
"""

from typing import Any, NamedTuple

import numpy as np

from skgenetics.multitrait._design import Design
from skgenetics.multitrait._genetic_covariance import (
    TraitCovariances,
    canonical_basis,
    likeliest_covariances,
    likeliest_delta,
)
from skgenetics.multitrait._genotype_design import GenotypeDesign
from skgenetics.multitrait._residual_covariance import CovarianceStep, ResidualCovariance
from skgenetics.utils._arrays import column_blocks, namespace_of, to_numpy
from skgenetics.utils._typing import Array

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
    values: np.ndarray
    """(n,) eigenvalues of the relationship."""


class CanonicalBackground(NamedTuple):
    """The metrics of the rows of canonical traits, which are independent and have a delta each."""

    covariances: TraitCovariances
    basis: np.ndarray
    """(J, J) A: canonical traits are Y A'."""
    inverse_basis: np.ndarray
    """(J, J) A^-1."""
    delta: np.ndarray
    """(J,) lambda."""
    values: np.ndarray
    """(n,) s, eigenvalues of the relationship."""
    vectors: Array
    """(n, n) its eigenvectors."""
    root_weight: Array
    """(n,) W^1/2."""
    kept: Array
    """(n, J) 1 / (1 + lambda_j s_i)."""
    diagonal: np.ndarray
    """(n, J) of the Q_j, for one of the copies of a row that its weight stands for."""
    log_det: float
    """[sum_j log|H_j| - 2 N log|A|] / J."""

    def genetic(self, noise: np.ndarray) -> np.ndarray:
        """Return Sigma_g (J, J) beside the traits' noise (J, J)."""
        variances = np.diag(self.basis @ noise @ self.basis.T)
        return (self.inverse_basis * (variances * self.delta)) @ self.inverse_basis.T

    def to_canonical(self, values: np.ndarray) -> np.ndarray:
        """Return what belongs to traits (..., J) in canonical traits."""
        return values @ self.basis.T

    def to_traits(self, values: np.ndarray) -> np.ndarray:
        """Return what belongs to canonical traits (..., J) in traits."""
        return values @ self.inverse_basis.T

    def rotate(self, values: Array) -> Array:
        """Return V'W^1/2 values (n, ...)."""
        return self.vectors.T @ (self.root_weight[:, None] * values)

    def refine(self, values: Array) -> Array:
        """Return W^-1 Q_j times column j of values (n, J)."""
        return self.vectors @ (self.kept * self.rotate(values)) / self.root_weight[:, None]


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
        delta, sigma, _ = likeliest_delta(
            self.host_values,
            self.rotated(self.design.Y),
            self.design.n_samples,
            covariance,
            covariance_step,
        )
        return delta, sigma

    def likeliest_by_trait(self, Y: Array) -> TraitCovariances:
        """Return the likeliest covariances of the background and the noise of Y (n, J)."""
        return likeliest_covariances(self.host_values, self.rotated(Y), self.design.n_samples)

    def rotated(self, Y: Array) -> np.ndarray:
        """Return Y (n, J), rotated to the eigenvectors, on the host."""
        return to_numpy(self.vectors.T @ (self.root_weight[:, None] * Y))

    @property
    def host_values(self) -> np.ndarray:
        """The eigenvalues (n,) on the host."""
        return to_numpy(self.values)

    def left_out_errors(self, background: "Background | CanonicalBackground | None") -> np.ndarray:
        """Return (J,) the mean squared error of leave-one-out predictions by the background alone.

        It is relative to that of the trait's mean. A row's error is (QY)_i / Q_ii, with the
        projection on the intercept in Q. Missing cells count as their trait's mean.
        """
        design, n_samples = self.design, self.design.n_samples
        if background is None:
            return np.ones(design.n_traits)
        projected = 1 / n_samples if design.centered else 0.0
        Y = to_numpy(design.Y)
        by_mean = design.host_weight @ (Y / (1 - projected)) ** 2
        if isinstance(background, CanonicalBackground):
            refined = to_numpy(background.refine(design.array(background.to_canonical(Y))))
            errors = background.to_traits(refined / (background.diagonal - projected))
        else:
            errors = background.host_precision @ Y / (background.diagonal - projected)[:, None]
        return design.host_weight @ errors**2 / np.where(by_mean > 0, by_mean, 1.0)

    def by_trait(self, covariances: TraitCovariances) -> "CanonicalBackground | None":
        """Return the `CanonicalBackground` of these covariances; None without any background."""
        design, xp = self.design, self.design.xp
        basis, deltas = canonical_basis(covariances)
        if not np.any(deltas > 0):
            return None
        shrunk = self.values[:, None] * design.array(deltas)
        share = shrunk / (1 + shrunk)
        diagonal = 1 - to_numpy((self.vectors / self.root_weight[:, None]) ** 2 @ share)
        log_det = float(xp.sum(xp.log1p(shrunk))) / len(deltas)
        log_det -= 2 * design.n_samples * np.linalg.slogdet(basis)[1] / len(deltas)
        return CanonicalBackground(
            covariances=covariances,
            basis=basis,
            inverse_basis=np.linalg.inv(basis),
            delta=deltas,
            values=self.host_values,
            vectors=self.vectors,
            root_weight=self.root_weight,
            kept=1 - share,
            diagonal=diagonal,
            log_det=log_det,
        )

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
        return Background(
            delta, precision, to_numpy(precision), diagonal, log_det, self.host_values
        )


def genetic_covariance(design: Design, noise: np.ndarray) -> np.ndarray:
    """Return the covariance (J, J) of the traits' backgrounds beside their noise; 0 if none."""
    if design.background is None:
        return 0 * noise
    if isinstance(design.background, CanonicalBackground):
        return design.background.genetic(noise)
    return design.background.delta * noise


class Spectrum(NamedTuple):
    """Of the relationship of the training samples, on the host."""

    values: np.ndarray
    """(n,) eigenvalues."""
    n_samples: float


def spectrum_of(design: Design) -> Spectrum | None:
    """Return the `Spectrum` of a design with a background, or None."""
    if design.background is None:
        return None
    return Spectrum(design.background.values, design.n_samples)


def background_effects(design: GenotypeDesign) -> np.ndarray:
    """Return the posterior means (P, J) of the effects of a design's background, standardized."""
    background = design.background
    effects = np.zeros((design.squared_norm.shape[0], design.Y.shape[1]))
    for block in design.blocks:
        effects[block] = design.score(design.columns(block))
    effects *= background.delta / max(design.n_used, 1)
    return background.to_traits(effects) if isinstance(background, CanonicalBackground) else effects


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
    level: float | np.ndarray
    """delta / P, the prior variance of an effect in units of the noise; (J,) if by trait."""
    by_trait: CanonicalBackground | None = None


def training_background(design: Design) -> TrainingBackground | None:
    """Return the `TrainingBackground` of a design, or None."""
    if not isinstance(design, GenotypeDesign) or design.background is None:
        return None
    background, means = design.background, (design.mean, design.inverse_sd)
    level = background.delta / max(design.n_used, 1)
    if isinstance(background, CanonicalBackground):
        return TrainingBackground(design.X, *means, None, level, background)
    return TrainingBackground(design.X, *means, design.weigh(design.precision), level)


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
