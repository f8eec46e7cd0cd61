"""How effects are shared between traits, learned across loci for the fits to come."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skgenetics.multitrait._single_effect_results import EffectLikelihoods
from skgenetics.utils._arrays import to_numpy

N_PATTERNS = 5  # at most so many principal patterns of the effects, besides their second moment
N_STEPS = 200  # of EM
LEAST_SHARE = 1e-3  # of a covariance that is kept


class Sharing(NamedTuple):
    """Parameters of :class:`skgenetics.MMASHRegressor`: ``MMASHRegressor(**sharing._asdict())``."""

    covariances: np.ndarray
    """(K, n_traits, n_traits) in squared units of y."""
    scales: np.ndarray
    """(L,)."""
    weights_init: np.ndarray
    """(1 + K L,) the null first."""


def learn_sharing(models: Iterable[Any]) -> Sharing:
    """Return covariances, scales and weights of the effects found at many loci.

    Every effect is there with its probability, and is known by the likelihood of its first
    variant, given the other effects. To the covariances of the first model are added patterns of
    these effects (extreme deconvolution), and the weights are those of all loci together. A fit
    that starts from them needs little of its own data to learn them: at a single locus there are
    only a few effects.

    Parameters
    ----------
    models : iterable of MMASHRegressor
        Fitted with solver="single_effects" and `include_null`, to the same traits in the same
        units, a locus each. One whose covariances have been learned in this way may be among them.

    Returns
    -------
    sharing : Sharing
        With the fields `covariances`, `scales` and `weights_init`, for
        ``MMASHRegressor(solver="single_effects", **sharing._asdict())``.

    Raises
    ------
    ValueError
        If there is no model, or one of another solver or other traits, or no effect.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics import MMASHRegressor
    >>> from skgenetics.multitrait import learn_sharing
    >>> rng = np.random.default_rng(0)
    >>> models = []
    >>> for locus in range(5):
    ...     X = rng.binomial(2, 0.3, size=(300, 10))
    ...     Y = X[:, [4]] * [0.6, 0.6, 0.0] + rng.normal(size=(300, 3))
    ...     models.append(MMASHRegressor(solver="single_effects", polygenic=0).fit(X, Y))
    >>> sharing = learn_sharing(models)
    >>> again = MMASHRegressor(solver="single_effects", polygenic=0, **sharing._asdict()).fit(X, Y)
    """
    models = list(models)
    if not models:
        raise ValueError("learn_sharing needs at least one fitted model; got none.")
    for model in models:
        check_is_fitted(model)
        if not hasattr(model, "credible_sets_") or not model.include_null:
            raise ValueError(
                "learn_sharing needs models of solver='single_effects' with include_null=True, "
                "whose effects can be told apart."
            )
        if model.trait_names_ != models[0].trait_names_:
            raise ValueError(
                f"The models must have the same traits; got {models[0].trait_names_} and "
                f"{model.trait_names_}."
            )
    linear, precision, presence = (
        np.concatenate([getattr(model._effects, name) for model in models])
        for name in EffectLikelihoods._fields
    )
    if not presence.sum() > 0:
        raise ValueError("There is no effect at any of the loci: nothing is known of sharing.")
    information = np.einsum("ejj->j", precision)
    error = 1 / np.sqrt(np.where(information > 0, information, 1.0) / len(precision))
    units = np.outer(error, error)  # standard errors of the effects
    linear, precision = linear * error, precision * units
    given = to_numpy(models[0].covariances_).astype(float) / units
    patterns = learned_covariances(linear, precision, presence)
    largest = np.max(np.trace(given, axis1=1, axis2=2))
    size = np.trace(patterns, axis1=1, axis2=2)
    found = size > 1e-8 * size.max()  # others have lost all effects
    patterns = patterns[found] * (largest / size[found])[:, None, None]
    U = np.concatenate([given, patterns])
    grids = [to_numpy(model.scales_).astype(float) for model in models]
    low, high = min(grid.min() for grid in grids), max(grid.max() for grid in grids)
    scales = np.geomspace(low, high, 1 + int(np.ceil(np.log(high / low) / np.log(4))))
    log_bf = np.stack([log_bayes_factors(linear, precision, s * U) for s in scales], axis=-1)
    weights = mixture_weights(log_bf.reshape(len(linear), -1), presence)
    weights = weights.reshape(len(U), len(scales))
    kept = weights.sum(axis=1) > LEAST_SHARE
    weights = weights[kept] / weights[kept].sum()
    null = float(np.mean([float(model.weights_[0]) for model in models]))
    return Sharing(
        U[kept] * units, scales, np.concatenate([[null], (1 - null) * weights.reshape(-1)])
    )


def posteriors(
    linear: np.ndarray, precision: np.ndarray, U: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return means (E, K, J) and covariances (E, K, J, J) of effects that are N(0, U_k).

    The log likelihood of effect b is h'b - b'Pb / 2; U need not have an inverse.

    Parameters
    ----------
    linear, precision : array (E, J), array (E, J, J)
        h and P.
    U : array (K, J, J)
    """
    inner = np.eye(U.shape[1]) + precision[:, None] @ U
    variances = U @ np.linalg.inv(inner)
    return np.einsum("ekij,ej->eki", variances, linear), variances


def log_bayes_factors(linear: np.ndarray, precision: np.ndarray, U: np.ndarray) -> np.ndarray:
    """Return log BF (E, K) = h'Vh / 2 - log|I + PU| / 2 of b ~ N(0, U_k) against b = 0."""
    means, _ = posteriors(linear, precision, U)
    log_det = np.linalg.slogdet(np.eye(U.shape[1]) + precision[:, None] @ U)[1]
    return (np.einsum("eki,ei->ek", means, linear) - log_det) / 2


def mixture_weights(log_bf: np.ndarray, presence: np.ndarray) -> np.ndarray:
    """Return the likeliest weights (T,) of components, by EM with a pseudo-count of 1 in all.

    Parameters
    ----------
    log_bf : array (E, T)
    presence : array (E,)
        How much each effect counts.
    """
    weights = np.full(log_bf.shape[1], 1 / log_bf.shape[1])
    bf = np.exp(log_bf - log_bf.max(axis=1, keepdims=True))
    prior = weights.copy()
    for _ in range(N_STEPS):
        alpha = bf * weights
        alpha *= (presence / alpha.sum(axis=1))[:, None]
        weights = (alpha.sum(axis=0) + prior) / (presence.sum() + 1)
    return weights


def learned_covariances(
    linear: np.ndarray, precision: np.ndarray, presence: np.ndarray
) -> np.ndarray:
    """Return covariances (K, J, J) of the effects by extreme deconvolution (Bovy et al. 2011).

    It starts from the principal components of the effects, a rank each, and their second moment.

    Parameters
    ----------
    linear, precision, presence : array
        Those of `EffectLikelihoods`, the traits in units of about their standard errors.
    """
    n_traits = linear.shape[1]
    known = precision + 1e-3 * np.eye(n_traits)
    means = np.linalg.solve(known, linear[:, :, None])[:, :, 0]
    _, singular, vectors = np.linalg.svd(
        means * np.sqrt(presence / presence.sum())[:, None], full_matrices=False
    )
    n_patterns = min(N_PATTERNS, n_traits - 1, len(singular))
    parts = [s**2 * np.outer(v, v) for s, v in zip(singular[:n_patterns], vectors)]
    U = np.stack([*parts, (vectors.T * singular**2) @ vectors])
    share = np.full(len(U), 1 / len(U))
    for _ in range(N_STEPS):
        log_p = log_bayes_factors(linear, precision, U) + np.log(np.maximum(share, 1e-300))
        p = np.exp(log_p - log_p.max(axis=1, keepdims=True))
        p *= (presence / p.sum(axis=1))[:, None]
        mass = p.sum(axis=0)
        share = mass / mass.sum()
        mu, variances = posteriors(linear, precision, U)
        second = np.einsum("ek,eki,ekj->kij", p, mu, mu) + np.einsum("ek,ekij->kij", p, variances)
        U = second / np.maximum(mass, 1e-12)[:, None, None]
        U = (U + U.transpose(0, 2, 1)) / 2
    return U
