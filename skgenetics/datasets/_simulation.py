"""What the simulators share: checks of input, effects, genetic values, noise."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_array, check_scalar

from skgenetics.utils._typing import ArrayLike

COLUMNS_AT_ONCE = 1024


def check_share(value: float, name: str) -> None:
    """Raise unless `value` is a share of variance: a number of at least 0 and below 1."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}.")
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be at least 0 and below 1, got {value!r}.")


def check_dosages(X: ArrayLike) -> np.ndarray:
    """Return X as an array (n_samples, n_variants) without missing calls or constant variants."""
    X = check_array(X, dtype="numeric", ensure_all_finite="allow-nan", ensure_min_samples=2)
    low, high = X.min(axis=0), X.max(axis=0)  # NaN if a column holds one
    coded = np.issubdtype(X.dtype, np.integer) & (low < 0)
    if np.any(coded | np.isnan(low)):
        raise ValueError(
            "X holds missing calls (NaN, or negative codes among integers); the simulators need "
            "complete dosages. Fill them first, with skgenetics.preprocessing.GenotypeImputer."
        )
    (constant,) = np.nonzero(low == high)
    if len(constant):
        raise ValueError(
            f"{len(constant)} of {X.shape[1]} variants of X are constant, the first in column "
            f"{constant[0]}. Remove them, for example with "
            "skgenetics.preprocessing.MinorAlleleFrequencyThreshold."
        )
    return X


def draw_causal(n_variants: int, n_causal: float, rng: np.random.RandomState) -> np.ndarray:
    """Return sorted indices of causal variants: `n_causal` of them, or each with that chance."""
    if isinstance(n_causal, Integral):
        check_scalar(n_causal, "n_causal", Integral, min_val=1)
        if n_causal > n_variants:
            raise ValueError(f"n_causal is {n_causal}, but there are only {n_variants} variants.")
    else:
        check_scalar(n_causal, "n_causal", Real, min_val=0, max_val=1, include_boundaries="neither")
        n_causal = max(1, rng.binomial(n_variants, n_causal))
    return np.sort(rng.permutation(n_variants)[:n_causal])


def genetic_values(X: np.ndarray, coef: np.ndarray) -> np.ndarray:
    """Return X @ coef for coef (n_variants,) or (n_variants, k), by blocks of its non-zero rows."""
    (causal,) = np.nonzero(coef if coef.ndim == 1 else coef.any(axis=1))
    values = np.zeros((len(X), *coef.shape[1:]))
    for first in range(0, len(causal), COLUMNS_AT_ONCE):
        block = causal[first : first + COLUMNS_AT_ONCE]
        values += X[:, block] @ coef[block]
    return values


def draw_additive(
    X: np.ndarray, n_causal: float, h2: float, frequency_exponent: float, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Return spike-and-slab effects (n_variants,) and their centered values, of variance h2."""
    causal = draw_causal(X.shape[1], n_causal, rng)
    coef = np.zeros(X.shape[1])
    coef[causal] = rng.normal(size=len(causal))
    if frequency_exponent:
        coef[causal] *= X[:, causal].var(axis=0) ** (frequency_exponent / 2)
    genetic = genetic_values(X, coef)
    genetic -= genetic.mean()
    scale = np.sqrt(h2 / genetic.var())
    return coef * scale, genetic * scale


def correlation_root(correlation: ArrayLike, size: int, name: str) -> np.ndarray:
    """Return the Cholesky factor of a correlation matrix, given itself or as one number for all."""
    matrix = np.asarray(correlation, dtype=float)
    if matrix.ndim == 0:
        matrix = np.where(np.eye(size, dtype=bool), 1.0, matrix)
    if matrix.shape != (size, size):
        raise ValueError(
            f"{name} must be a number or have shape ({size}, {size}), got shape {matrix.shape}."
        )
    if not (np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1)):
        raise ValueError(f"{name} must be a symmetric matrix with ones on its diagonal.")
    try:
        return np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        raise ValueError(
            f"{name} must be positive definite (one number: above -1/({size} - 1) and below 1)."
        ) from None


def draw_noise(
    n_samples: int, root: np.ndarray, variance: float | np.ndarray, rng: np.random.RandomState
) -> np.ndarray:
    """Return noise (n_samples, k), rows correlated as root @ root.T, of exact sample variance."""
    noise = rng.normal(size=(n_samples, len(root))) @ root.T
    noise -= noise.mean(axis=0)
    return noise * np.sqrt(variance / noise.var(axis=0))


def draw_missing(n_samples: int, rate: float, rng: np.random.RandomState) -> np.ndarray:
    """Return `rate` of the indices of n_samples people, drawn at random."""
    return rng.permutation(n_samples)[: int(rate * n_samples)]
