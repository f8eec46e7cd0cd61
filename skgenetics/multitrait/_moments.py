"""What the data say before a model is fitted: moments of genotypes and of traits."""

import warnings
from typing import NamedTuple

import numpy as np

from skgenetics.utils._arrays import device_of, namespace_of, to_numpy
from skgenetics.utils._labels import Labels
from skgenetics.utils._moments import column_moments, is_constant, reciprocal
from skgenetics.utils._typing import Array

BLOCK_BYTES = 2**18  # of genotypes converted at a time: they stay in the cache


class Genotypes(NamedTuple):
    """Moments of the variants, on the host."""

    mean: np.ndarray
    """(P,) what is subtracted from the columns; 0 without an intercept."""
    inverse_sd: np.ndarray
    """(P,) what they are multiplied by; 0 for a variant that is left out."""
    squared_norm: np.ndarray
    """(P,) d_p = x_p'Wx_p after both."""


def genotype_moments(
    X: Array, weight: Array | None, *, centered: bool, standardize: bool
) -> Genotypes:
    """Return the `Genotypes` of X (n, P) under frequency weights (n,), or None.

    Deviations have the divisor N - 1. Variants that do not vary are left out; without an intercept
    only those that are 0 throughout, and constants are not divided by anything.
    """
    xp = namespace_of(X)
    if weight is None:
        weight = xp.ones((X.shape[0],), dtype=xp.float64, device=device_of(X))
    n_samples = float(xp.sum(weight))
    moments = column_moments(X, weight / n_samples, max_bytes=BLOCK_BYTES)
    mean, variance = to_numpy(moments[0]), to_numpy(moments[1])
    sd = np.sqrt(variance * n_samples / (n_samples - 1))
    norm = n_samples * (variance if centered else variance + mean**2)
    used = norm > 0
    inverse_sd = used / np.where((sd > 0) & standardize, sd, 1.0)
    norm = norm * inverse_sd**2
    if centered and standardize:
        norm = np.where(used, n_samples - 1, 0.0)  # the same for all, exactly
    return Genotypes(mean if centered else np.zeros_like(mean), inverse_sd, norm)


OUTLYING = 6.0  # deviations of a value that normal traits of any size hardly have
LEVERAGE = 4.0  # z that one such person, alone, gives a variant


def warn_of_outliers(Y: np.ndarray, names: list[str], n_copies: float) -> None:
    """Warn if one person with an outlying trait may make an effect of the rarest variant.

    Of a variant with m copies of its rare allele, a person with one of them and a value of v
    deviations has z = v / sqrt(m) without any effect. Normal noise is allowed for; heavier tails
    are not, and give false effects of tiny local false sign rates.

    Parameters
    ----------
    Y : array (n, J)
        Traits, NaN = missing.
    names : list (J,) of str
    n_copies : float
        m, copies of the rare allele of the rarest variant.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        outlying = np.nanmax(np.abs(Y - np.nanmean(Y, axis=0)) / np.nanstd(Y, axis=0), axis=0)
    alone = outlying / np.sqrt(max(n_copies, 1.0))
    suspect = np.flatnonzero((outlying > OUTLYING) & (alone > LEVERAGE))
    if len(suspect):
        j = suspect[np.argmax(outlying[suspect])]
        warnings.warn(
            f"A person is {outlying[j]:.0f} standard deviations from the mean of {names[j]}, and "
            f"the rarest variant has {n_copies:.0f} copies: this person alone may make "
            "an effect of it. Transform the trait by ranks to a normal one "
            "(sklearn.preprocessing.QuantileTransformer), or leave out rare variants "
            "(MinorAlleleFrequencyThreshold).",
            UserWarning,
            stacklevel=4,
        )


class Traits(NamedTuple):
    """Moments of the observed cells of the traits, on the host."""

    n_observed: np.ndarray
    """(J,) sum of weights."""
    mean: np.ndarray
    """(J,) what was subtracted; 0 for a trait without observations."""
    sd: np.ndarray
    """(J,) 0 for a trait that does not vary."""
    covariance: np.ndarray
    """(J, J); with missing cells the variances alone."""


def trait_moments(
    Y: np.ndarray, weight: np.ndarray, *, centered: bool
) -> tuple[Traits, np.ndarray]:
    """Return the `Traits` of Y (n, J), NaN = missing, under frequency weights (n,).

    Y comes back without the means that were subtracted, and with missing cells of 0.
    """
    observed = ~np.isnan(Y)
    n_observed = weight @ observed
    empty = np.flatnonzero(n_observed == 0)
    if len(empty):
        warnings.warn(
            f"No cell of y's column {', '.join(map(str, empty))} is observed: the trait is "
            "predicted by 0.",
            UserWarning,
            stacklevel=6,
        )
    origin = np.zeros(Y.shape[1])
    if centered:  # constants then deviate by exactly 0
        first_observed = Y[np.argmax(observed, axis=0), np.arange(Y.shape[1])]
        origin = np.where(n_observed > 0, first_observed, 0.0)
    values = np.where(observed, Y - origin, 0.0)
    mean = weight @ values * reciprocal(n_observed) if centered else 0 * origin
    values = np.where(observed, values - mean, 0.0)
    variance = weight @ values**2 * reciprocal(n_observed)
    variance = np.where(is_constant(variance, mean + origin), 0.0, variance)
    covariance = np.diag(variance)
    if observed.all():
        covariance = values.T @ (weight[:, None] * values) / weight.sum()
    return Traits(n_observed, mean + origin, np.sqrt(variance), covariance), values


class ModeledTraits(NamedTuple):
    """The traits that vary, J' of J, and the internal units that the solver has them in."""

    columns: np.ndarray
    """(J',) of y; all of them if none varies."""
    sd: np.ndarray
    """(J',) 1 if none varies."""
    unit: np.ndarray
    """(J',) what the solver's effects are multiplied by."""
    noise_unit: np.ndarray
    """(J',) likewise of the noise; another one if traits differ in sample size."""
    names: list[str]
    """Of all J traits."""
    varies: bool
    """Whether any trait does."""
    labels: Labels = Labels(None, "y", "traits")
    """Of all J traits."""

    def embedded_matrix(self, matrix: np.ndarray, unit: np.ndarray) -> np.ndarray:
        """Return a covariance (J', J') in units `unit` as one of all traits (J, J)."""
        full = np.zeros((len(self.names), len(self.names)))
        full[np.ix_(self.columns, self.columns)] = matrix * np.outer(unit, unit)
        return full


def modeled_traits(traits: Traits, names: list[str], *, common_unit: bool) -> ModeledTraits:
    """Return the traits that vary, each in units of its deviation, or all in a common one."""
    columns = np.flatnonzero(traits.sd > 0)
    varies = len(columns) > 0
    if not varies:
        columns = np.arange(len(traits.sd))
    sd = np.where(traits.sd > 0, traits.sd, 1.0)[columns]
    unit = np.full(len(columns), np.sqrt(np.mean(sd**2))) if common_unit else sd
    return ModeledTraits(columns, sd, unit, unit, names, varies)


class MarginalStatistics(NamedTuple):
    """What single-variant regressions and the traits say, of which the prior is made."""

    effects: np.ndarray
    """(P, J') of standardized variants, in trait deviations."""
    errors: np.ndarray
    """(J',) their standard errors."""
    moment: np.ndarray
    """(J', J') covariance of the traits."""
    n_samples: float
