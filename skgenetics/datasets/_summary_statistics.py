"""Summary statistics: of data, or simulated from LD and effects."""

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils import (
    Bunch,
    check_array,
    check_consistent_length,
    check_random_state,
    gen_batches,
)

from skgenetics.datasets._simulation import COLUMNS_AT_ONCE, check_dosages
from skgenetics.utils._typing import ArrayLike


def make_summary_statistics(
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    ld: ArrayLike | None = None,
    effects: ArrayLike | None = None,
    n_samples: float | ArrayLike | None = None,
    random_state: Any = None,
) -> Bunch:
    """Compute z scores of a trait from data, or draw them from LD, effects and sample size.

    With `X` and `y`: z = sqrt(n) cor(x, y) of each variant. Without: z is drawn from
    N(sqrt(n) R b, R), its distribution in a large sample when the effects b are small.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_variants), default=None
        Complete dosages, none of them constant.

    y : array-like of shape (n_samples,) or (n_samples, n_traits), default=None
        Complete traits, none of them constant.

    ld : array-like of shape (n_variants, n_variants), default=None
        LD correlation matrix R.

    effects : array-like of shape (n_variants,), default=None
        Effects b, in standard deviations of the trait per standard deviation of the dosage.

    n_samples : float or array-like of shape (n_variants,), default=None
        Sample size of the study, or of each variant.

    random_state : int, RandomState instance or None, default=None
        Determines the noise of z.

    Returns
    -------
    statistics : :class:`~sklearn.utils.Bunch`
        z : ndarray of shape (n_variants,) or (n_variants, n_traits)
            The z scores.
        n_samples : number or ndarray of shape (n_variants,)
            The sample size.
        ld : ndarray of shape (n_variants, n_variants)
            R (from LD only).
        coef : ndarray of shape (n_variants,)
            The effects b (from LD only).
        causal : int ndarray
            Indices of the variants whose effect is not zero (from LD only).
        expected_z : ndarray of shape (n_variants,)
            sqrt(n) R b (from LD only).
        h2 : float
            b'Rb, the share of the variance of the trait explained (from LD only).

    Raises
    ------
    ValueError
        If the arguments are not those of one of the two forms, `ld` is not a correlation matrix,
        shapes differ, b'Rb is 1 or more, or data are missing or constant.

    References
    ----------
    X. Zhu and M. Stephens, "Bayesian large-scale multiple regression with summary statistics from
    genome-wide association studies", Annals of Applied Statistics 11, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics.datasets import make_summary_statistics
    >>> ld = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> study = make_summary_statistics(ld=ld, effects=[0.1, 0.0], n_samples=10_000)
    >>> study.expected_z
    array([10.,  5.])
    """
    arguments = {"X": X, "y": y, "ld": ld, "effects": effects, "n_samples": n_samples}
    names = [name for name, value in arguments.items() if value is not None]
    if names == ["X", "y"]:
        return _from_data(X, y)
    if names == ["ld", "effects", "n_samples"]:
        return _from_ld(ld, effects, n_samples, check_random_state(random_state))
    raise ValueError(
        "Give X and y, or ld, effects and n_samples (keywords); "
        f"got {', '.join(names) or 'none of them'}."
    )


def _from_data(X: ArrayLike, y: ArrayLike) -> Bunch:
    """Return sqrt(n) cor(x, y) for the columns of X, by blocks, and each column of y."""
    X = check_dosages(X)
    y = check_array(y, ensure_2d=False, dtype=float, input_name="y")
    check_consistent_length(X, y)
    if np.any(y.min(axis=0) == y.max(axis=0)):
        raise ValueError("y is constant in at least one trait: z scores need a trait that varies.")
    traits = (y - y.mean(axis=0)) / y.std(axis=0)
    z = np.empty((X.shape[1], *y.shape[1:]))
    for block in gen_batches(X.shape[1], COLUMNS_AT_ONCE):
        dosages = X[:, block].astype(float)
        dosages -= dosages.mean(axis=0)
        z[block] = (dosages / dosages.std(axis=0)).T @ traits
    return Bunch(z=z / np.sqrt(len(X)), n_samples=len(X))


def _from_ld(
    ld: ArrayLike, effects: ArrayLike, n_samples: Any, rng: np.random.RandomState
) -> Bunch:
    """Return a draw of z from N(sqrt(n) R b, R) with its parameters."""
    ld = _check_ld(ld)
    n_variants = len(ld)
    coef = check_array(effects, ensure_2d=False, dtype=float, input_name="effects")
    if coef.shape != (n_variants,):
        raise ValueError(f"effects must have shape ({n_variants},) as ld has, got {coef.shape}.")
    size = np.asarray(n_samples, dtype=float)
    if size.shape not in ((), (n_variants,)):
        raise ValueError(
            f"n_samples must be a number or have shape ({n_variants},), got shape {size.shape}."
        )
    if not np.all((size > 0) & np.isfinite(size)):
        raise ValueError(f"n_samples must be positive and finite, got {n_samples}.")
    h2 = float(coef @ ld @ coef)
    if h2 >= 1:
        raise ValueError(
            f"The effects explain {h2:.3g} of the variance of the trait, but must "
            "explain less than 1. They are in SD of the trait per SD of the dosage."
        )
    values, vectors = np.linalg.eigh(ld)
    if values[0] < -1e-4 * values[-1]:
        raise ValueError(
            f"ld is not a correlation matrix: its smallest eigenvalue is {values[0]:.3g}."
        )
    expected = np.sqrt(size) * (ld @ coef)
    noise = vectors @ (np.sqrt(np.maximum(values, 0)) * rng.normal(size=n_variants))
    return Bunch(
        z=expected + noise,
        n_samples=n_samples if isinstance(n_samples, Real) else size,
        ld=ld,
        coef=coef,
        causal=np.flatnonzero(coef),
        expected_z=expected,
        h2=h2,
    )


def _check_ld(ld: ArrayLike) -> np.ndarray:
    """Return LD (n_variants, n_variants) as an array, symmetric and with a diagonal of 1."""
    matrix = check_array(ld, dtype=float, input_name="ld")
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"ld must be square, got shape {matrix.shape}.")
    asymmetry = np.abs(matrix - matrix.T).max()
    if asymmetry > 1e-6:
        raise ValueError(
            f"ld is not symmetric: entries differ from their mirror by up to {asymmetry:.3g}. If "
            "it is a triangle, fill the other half first."
        )
    if np.abs(np.diag(matrix) - 1).max() > 1e-6:
        raise ValueError("ld must be a correlation matrix: its diagonal is not 1 everywhere.")
    return matrix
