r"""A prior of cis effects that annotations of the variants explain.

The effects of variant s on a gene have the scale :math:`\exp(a_s'\theta)`, so that its penalty is
divided by it (by its square in "ridge", whose penalty is of squares). Effects under equal penalties
tell theta by a regression of their size with a logarithmic link: the maximum of the likelihood of
exponential sizes, which are the group lasso's prior, but for the weights of a quasi-likelihood that
sizes of 0 do not upset. LD and shrinkage make effects under equal penalties say too little or too
much, so that theta is taken to a power that held-out individuals choose, none among them. Source:
the paper's wish, "priors from annotations"; Tay, Aghaeepour, Hastie, Tibshirani 2023 for penalties
of this form.
"""

from typing import NamedTuple

import numpy as np
from sklearn.linear_model import PoissonRegressor

from skgenetics.expression.cis._regression import (
    N_FOLDS,
    ROUGH_TOL,
    AlphaErrors,
    CisEffects,
    CisSettings,
    choose_alpha,
    choose_alphas,
    fit_cis,
    fold_numbers,
    validate_alphas,
)
from skgenetics.expression.cis._windows import Columns
from skgenetics.utils._typing import Array

POWERS = (0.5, 1.0, 2.0)
SHRINKAGE = 1e-3  # of theta for standardized annotations, in units of the mean size


class CisPrior(NamedTuple):
    """Scales of effects."""

    coef: np.ndarray  # (q,) of the logarithm of the scale per unit of each annotation
    scales: np.ndarray  # (S,) the mean of their inverse over all windows is 1


def learn_prior(
    X: Array,
    y: np.ndarray,
    weight: np.ndarray,
    windows: list[Columns],
    settings: CisSettings,
    annotations: np.ndarray,
    random_state: np.random.RandomState,
) -> tuple[CisSettings, CisPrior]:
    """Return settings with strength and scales chosen, and the `CisPrior`.

    annotations : array (S, q)
    """
    exposure = window_counts(windows, X.shape[1])
    fold = fold_numbers(y.shape[0], N_FOLDS, random_state)
    equal = validate_alphas(X, y, weight, windows, settings, fold)
    best_alpha, best_errors = chosen(equal, settings.alpha)
    rough = settings._replace(alpha=best_alpha, tol=ROUGH_TOL)
    coefs = [
        size_regression(
            annotations, sizes_of(fit_cis(X, y, of_fit, windows, rough), X.shape[1]), exposure
        )
        for of_fit in [weight, *(weight * (fold != f) for f in range(fold.max() + 1))]
    ]
    no_prior = CisPrior(np.zeros(annotations.shape[1]), np.ones(X.shape[1]))
    choices = [(best_errors, best_alpha, no_prior)]
    for power in POWERS:
        priors = [prior_of(annotations, power * coef, exposure) for coef in coefs]
        scaled = settings._replace(scales=priors[0].scales)
        by_fold = np.stack([prior.scales for prior in priors[1:]])
        alpha, errors = chosen(
            validate_alphas(X, y, weight, windows, scaled, fold, by_fold), settings.alpha
        )
        choices.append((errors, alpha, priors[0]))
    errors, alpha, prior = min(choices, key=lambda choice: choice[0].sum())
    gain = best_errors - errors
    if gain.size < 2 or gain.sum() <= np.sqrt(gain.size) * gain.std(ddof=1):
        alpha, prior = best_alpha, no_prior
    return settings._replace(alpha=alpha, scales=prior.scales), prior


def chosen(found: AlphaErrors, asked: float | str | None) -> tuple[float | np.ndarray, np.ndarray]:
    """Return the strength chosen, as asked for, and the errors (J,) there."""
    if asked == "per_gene":
        alphas = choose_alphas(found)
        places = np.argmin(np.abs(found.alphas - alphas[:, None]), axis=1)
        return alphas, found.errors[np.arange(len(alphas)), places]
    alpha = choose_alpha(found)
    return alpha, found.errors[:, np.argmin(np.abs(found.alphas - alpha))]


def window_counts(windows: list[Columns], n_variants: int) -> np.ndarray:
    """Return in how many windows (S,) each variant is."""
    counts = np.zeros(n_variants)
    for window in windows:
        counts[window] += 1
    return counts


def sizes_of(effects: CisEffects, n_variants: int) -> np.ndarray:
    """Return the sum (S,) over genes of the norm over tissues of each variant's effects."""
    norms = np.linalg.norm(effects.coef, axis=0)
    return np.bincount(effects.variants, weights=norms, minlength=n_variants)


def size_regression(annotations: np.ndarray, sizes: np.ndarray, exposure: np.ndarray) -> np.ndarray:
    """Return theta (q,) per unit of annotation from sizes (S,) summed over `exposure` windows."""
    used = exposure > 0
    if not np.any(sizes > 0):
        return np.zeros(annotations.shape[1])
    A, share = annotations[used], exposure[used]
    mean = np.average(A, axis=0, weights=share)
    sd = np.sqrt(np.average((A - mean) ** 2, axis=0, weights=share))
    varies = sd > 1e-12 * np.abs(mean)
    standardized = (A - mean) * varies / np.where(varies, sd, 1.0)
    means = sizes[used] / share
    model = PoissonRegressor(alpha=SHRINKAGE, max_iter=1000)
    model.fit(standardized, means / np.average(means, weights=share), sample_weight=share)
    return model.coef_ * varies / np.where(varies, sd, 1.0)


def prior_of(annotations: np.ndarray, coef: np.ndarray, exposure: np.ndarray) -> CisPrior:
    """Return the `CisPrior` of coefficients (q,)."""
    log_scale = annotations @ coef
    used = exposure > 0
    inverse = np.exp(np.max(log_scale[used]) - log_scale)
    return CisPrior(coef, np.average(inverse[used], weights=exposure[used]) / inverse)
