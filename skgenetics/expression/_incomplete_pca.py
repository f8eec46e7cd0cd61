"""Principal components of a matrix with holes."""

import warnings
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from skgenetics.utils._arrays import slices
from skgenetics.utils._estimator import GeneticsEstimator
from skgenetics.utils._fitting import all_or_nothing
from skgenetics.utils._parameters import Constraints, Integer, Number, check_parameters
from skgenetics.utils._typing import ArrayLike
from skgenetics.utils._validation import validate_sample_weight

CHUNK_BYTES = 2**26


class Observed(NamedTuple):
    """A matrix with holes, and the weights of its rows."""

    values: np.ndarray  # (n, d), 0 where missing
    mask: np.ndarray  # (n, d) True where observed
    weight: np.ndarray  # (n,)


class Loadings(NamedTuple):
    """Parameters of the model x = W z + mean + noise."""

    W: np.ndarray  # (d, q)
    mean: np.ndarray  # (d,)
    noise: float  # variance


class Expectations(NamedTuple):
    """The E-step: moments of the scores z of some rows, given their observed cells."""

    rows: slice
    z: np.ndarray  # (m, q) means
    covariance: np.ndarray  # (m, q, q) over the variance of the noise
    log_det: np.ndarray  # (m,) of its inverse
    square: np.ndarray  # (m,) x' (W W' / noise + 1)^-1 x of the observed, centered values


class IncompletePCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, GeneticsEstimator):
    """Probabilistic principal component analysis of data with missing values.

    Each row is x = W z + mean + noise, with z and the noise standard normal up to the noise's
    variance; parameters maximize the likelihood of the observed values, by the EM algorithm. On
    complete data this is the model of :class:`sklearn.decomposition.PCA`.

    Parameters
    ----------
    n_components : int, default=1
        Number of components; at most the number of features, and less than the number of samples.
    max_iter : int, default=1000
        Largest number of iterations of EM.
    tol : float, default=1e-7
        Stop if the log-likelihood rises by less than this share of its value.

    Attributes
    ----------
    components_ : ndarray of shape (n_components_, n_features)
        Orthonormal directions, by falling variance. The largest entry of each is positive.
    explained_variance_ : ndarray of shape (n_components_,)
        Variance along each direction, noise included; with divisor n.
    noise_variance_ : float
        Variance of the noise.
    mean_ : ndarray of shape (n_features,)
        Mean of each feature; 0 for features without any observed value.
    n_components_ : int
        Number of components, clipped.
    log_likelihood_path_ : list of float
        Log-likelihood of the observed values before each iteration.
    n_iter_ : int
    converged_ : bool
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        If X has columns with names.

    References
    ----------
    .. [1] Tipping and Bishop, "Probabilistic principal component analysis", JRSS B 1999.
    .. [2] Ilin and Raiko, "Practical approaches to principal component analysis in the presence of
       missing values", JMLR 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics.expression import IncompletePCA
    >>> X = np.outer([1.0, 2.0, 3.0, 5.0], [1.0, 2.0]) + [[0.1, 0], [0, 0.1], [0, -0.1], [0, 0]]
    >>> X[1, 1] = np.nan
    >>> IncompletePCA().fit_transform(X).shape
    (4, 1)
    """

    _constraints: ClassVar[Constraints] = {
        "n_components": [Integer(low=1)],
        "max_iter": [Integer(low=1)],
        "tol": [Number(low=0, closed="left")],
    }

    def __init__(self, n_components: int = 1, *, max_iter: int = 1000, tol: float = 1e-7):
        self.n_components = n_components
        self.max_iter = max_iter
        self.tol = tol

    def __sklearn_tags__(self) -> Tags:
        """Declare that NaN is allowed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    @property
    def _n_features_out(self) -> int:
        """Number of components, for the names of the features."""
        return self.n_components_

    @all_or_nothing
    def fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> "IncompletePCA":
        """Fit the components.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN marks a missing value.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), optional
            Frequencies: weights equal repetition.

        Returns
        -------
        self : IncompletePCA

        Raises
        ------
        ValueError
            If X holds infinity or no observed value.
        """
        check_parameters(self)
        X = validate_data(
            self, X, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=2
        )
        weight = validate_sample_weight(sample_weight, len(X), np, "cpu", np.float64)
        weight = np.ones(len(X)) if weight is None else weight
        data = _observed(X, weight)
        if not data.mask[weight > 0].any():
            raise ValueError("X holds no observed value with a positive weight.")
        n_used = int(np.count_nonzero(data.mask[weight > 0].any(axis=1)))
        self.n_components_ = max(1, min(self.n_components, X.shape[1], n_used - 1))
        loadings, floor = _start(data, self.n_components_)
        loadings = self._run_em(data, loadings, floor)
        self._set_components(loadings)
        return self

    def _run_em(self, data: Observed, loadings: Loadings, floor: float) -> Loadings:
        """Run EM until the log-likelihood stops rising, and return the last parameters.

        floor : float
            Smallest variance of the noise.
        """
        path: list[float] = []
        self.converged_ = False
        while len(path) < self.max_iter and not self.converged_:
            following, log_likelihood = _em_iteration(data, loadings)
            rise = log_likelihood - path[-1] if path else np.inf
            self.converged_ = bool(rise <= self.tol * abs(log_likelihood))
            path.append(float(log_likelihood))
            if not self.converged_:
                loadings = following._replace(noise=max(following.noise, floor))
        if not self.converged_:
            warnings.warn(
                f"IncompletePCA did not converge in {self.max_iter} iterations. Increase "
                "max_iter, or tol.",
                ConvergenceWarning,
                stacklevel=4,
            )
        self.log_likelihood_path_, self.n_iter_ = path, len(path)
        return loadings

    def _set_components(self, loadings: Loadings) -> None:
        """Set orthonormal components, whose largest entry is positive, and their variances."""
        left, size, _ = np.linalg.svd(loadings.W, full_matrices=False)
        largest = left[np.argmax(np.abs(left), axis=0), np.arange(left.shape[1])]
        self.components_ = (left * np.sign(largest)).T
        self.explained_variance_ = size**2 + loadings.noise
        self.noise_variance_ = float(loadings.noise)
        self.mean_ = loadings.mean

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the expected scores of the rows given their observed cells.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN marks a missing value.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_components_)
            In units of X; shrunken to 0 by the noise, wholly for a row without observed values.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        size = np.sqrt(np.clip(self.explained_variance_ - self.noise_variance_, 0.0, None))
        loadings = Loadings(self.components_.T * size, self.mean_, self.noise_variance_)
        chunks = _expectations(_observed(X, np.ones(len(X))), loadings)
        return np.concatenate([chunk.z for chunk in chunks]) * size

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Return the data (n_samples, n_features) of scores (n_samples, n_components_)."""
        check_is_fitted(self)
        return np.asarray(X) @ self.components_ + self.mean_


def _observed(X, weight):
    """Return the `Observed` of X (n, d), NaN where missing."""
    mask = ~np.isnan(X)
    return Observed(np.where(mask, X, 0.0), mask, weight)


def _start(data, n_components):
    """Return `Loadings` from the matrix filled by means, and the least variance of the noise."""
    values, mask, weight = data
    d = values.shape[1]
    mean = weight @ values / np.maximum(weight @ mask, 1e-300)
    filled = np.sqrt(weight)[:, None] * np.where(mask, values - mean, 0.0)
    _, size, right = np.linalg.svd(filled, full_matrices=False)
    variances = size**2 / weight.sum()
    total = max(variances.sum(), 1e-300)
    rest = variances[n_components:].sum()
    noise = max(rest / max(d - n_components, 1), 1e-6 * total / d)
    spread = np.sqrt(np.clip(variances - noise, 1e-6 * total / d, None))
    W = right[:n_components].T * spread[:n_components]
    return Loadings(W, mean, noise), 1e-10 * total / d


def _expectations(data: Observed, loadings: Loadings) -> Iterator[Expectations]:
    """Yield the `Expectations` of chunks of rows: the E-step."""
    W, mean, noise = loadings
    q = W.shape[1]
    products = (W[:, :, None] * W[:, None, :]).reshape(len(W), -1)
    for rows in slices(len(data.values), CHUNK_BYTES // (8 * q * q)):
        mask = data.mask[rows]
        precision = (mask @ products).reshape(-1, q, q) + noise * np.eye(q)
        centered = np.where(mask, data.values[rows] - mean, 0.0)
        linear = centered @ W
        covariance = np.linalg.inv(precision)
        z = np.einsum("nab,nb->na", covariance, linear)
        square = np.sum(centered**2, axis=1) - np.sum(linear * z, axis=1)
        yield Expectations(rows, z, covariance, np.linalg.slogdet(precision)[1], square)


def _em_iteration(data: Observed, loadings: Loadings) -> tuple[Loadings, float]:
    """Return the `Loadings` after an iteration of EM, and the log-likelihood before it."""
    noise, (d, q) = loadings.noise, loadings.W.shape
    second, cross = np.zeros((d, q + 1, q + 1)), np.zeros((d, q + 1))  # moments of z and 1
    log_likelihood = 0.0
    for rows, z, covariance, log_det, square in _expectations(data, loadings):
        weight, mask = data.weight[rows], data.mask[rows]
        count = mask.sum(axis=1)
        deviance = count * np.log(2 * np.pi) + (count - q) * np.log(noise) + log_det
        log_likelihood -= weight @ (deviance + square / noise) / 2
        z = np.column_stack([z, np.ones(len(z))])
        moments = z[:, :, None] * z[:, None, :]
        moments[:, :q, :q] += noise * covariance
        cells = (weight[:, None] * mask).T
        second += (cells @ moments.reshape(len(z), -1)).reshape(d, q + 1, q + 1)
        cross += (cells * data.values[rows].T) @ z
    return _maximized(data, second, cross), log_likelihood


def _maximized(data, second, cross):
    """Return the `Loadings` that maximize the expected log-likelihood: the M-step."""
    values, mask, weight = data
    size = cross.shape[1]
    floor = 1e-12 * np.trace(second, axis1=1, axis2=2)[:, None, None] + 1e-100
    coef = np.linalg.solve(second + floor * np.eye(size), cross[:, :, None])[:, :, 0]
    squares = np.sum(weight[:, None] * mask * values**2)
    fitted = 2 * np.sum(coef * cross) - np.einsum("da,dab,db->", coef, second, coef)
    noise = (squares - fitted) / np.sum(weight[:, None] * mask)
    return Loadings(coef[:, :-1], coef[:, -1], noise)
