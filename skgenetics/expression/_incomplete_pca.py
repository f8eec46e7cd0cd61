"""Principal components of a matrix with holes."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from skgenetics.utils._parameters import check_number
from skgenetics.utils._validation import validate_sample_weight

CHUNK_BYTES = 2**26


class IncompletePCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Probabilistic principal component analysis of data with missing values.

    Each row is x = W z + mean + noise, with z and the noise standard normal up to the noise's
    variance; parameters maximize the likelihood of the observed values, by the EM algorithm. On
    complete data this is the model of :class:`sklearn.decomposition.PCA`.

    Parameters
    ----------
    n_components : int, default=1
        Number of components; at most the number of features, and less than that of samples.
    max_iter : int, default=1000
        Largest number of iterations of EM.
    tol : float, default=1e-7
        Stop where the log-likelihood rises by less than this share of it.

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
        Where X has columns with names.

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

    def __init__(self, n_components=1, *, max_iter=1000, tol=1e-7):
        self.n_components = n_components
        self.max_iter = max_iter
        self.tol = tol

    def __sklearn_tags__(self):
        """Declare that NaN is allowed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    @property
    def _n_features_out(self):
        """Number of components, for the names of the features."""
        return self.n_components_

    def fit(self, X, y=None, sample_weight=None):
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
        count = {"integer": True, "low": 1, "closed": "left"}
        check_number(self.n_components, "n_components", **count)
        check_number(self.max_iter, "max_iter", **count)
        check_number(self.tol, "tol", low=0, closed="left")
        X = validate_data(
            self, X, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=2
        )
        weight = validate_sample_weight(sample_weight, len(X), np, "cpu", np.float64)
        weight = np.ones(len(X)) if weight is None else weight
        mask = ~np.isnan(X)
        if not mask[weight > 0].any():
            raise ValueError("X holds no observed value with a positive weight.")
        used = int(np.count_nonzero(mask[weight > 0].any(axis=1)))
        self.n_components_ = max(1, min(self.n_components, X.shape[1], used - 1))
        seen = weight @ mask
        values = np.where(mask, X, 0.0)
        mean = weight @ values / np.maximum(seen, 1e-300)
        filled = np.sqrt(weight)[:, None] * np.where(mask, X - mean, 0.0)
        _, size, right = np.linalg.svd(filled, full_matrices=False)
        variances = size**2 / weight.sum()
        total = max(variances.sum(), 1e-300)
        rest = variances[self.n_components_ :].sum()
        noise = max(rest / max(X.shape[1] - self.n_components_, 1), 1e-6 * total / X.shape[1])
        spread = np.sqrt(np.clip(variances - noise, 1e-6 * total / X.shape[1], None))
        W = right[: self.n_components_].T * spread[: self.n_components_]
        path, self.converged_ = [], False
        for _ in range(self.max_iter):
            W_new, mean_new, noise_new, value = _em(values, mask, weight, W, mean, noise)
            if path and value - path[-1] <= self.tol * abs(value):
                self.converged_ = True
            path.append(value)
            if self.converged_:
                break
            W, mean = W_new, mean_new
            noise = max(noise_new, 1e-10 * total / X.shape[1])
        if not self.converged_:
            warnings.warn(
                f"IncompletePCA did not converge in {self.max_iter} iterations. Increase "
                "max_iter, or tol.",
                ConvergenceWarning,
                stacklevel=2,
            )
        left, size, _ = np.linalg.svd(W, full_matrices=False)
        left = left * np.sign(left[np.argmax(np.abs(left), axis=0), np.arange(left.shape[1])])
        self.components_ = left.T
        self.explained_variance_ = size**2 + noise
        self.noise_variance_ = float(noise)
        self.mean_ = mean
        self.log_likelihood_path_ = [float(value) for value in path]
        self.n_iter_ = len(path)
        return self

    def transform(self, X):
        """Return the expected scores of the rows given what is observed of them.

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
        W = self.components_.T * size
        mask = ~np.isnan(X)
        values = np.where(mask, X, 0.0)
        scores = [
            z for _, z, _, _, _ in _expectations(values, mask, W, self.mean_, self.noise_variance_)
        ]
        return np.concatenate(scores) * size

    def inverse_transform(self, X):
        """Return the data (n_samples, n_features) of scores (n_samples, n_components_)."""
        check_is_fitted(self)
        return np.asarray(X) @ self.components_ + self.mean_


def _expectations(values, mask, W, mean, noise):
    """Yield, by chunks of rows, E[z], the covariance of z over the noise, and what EM needs."""
    q = W.shape[1]
    products = (W[:, :, None] * W[:, None, :]).reshape(len(W), -1)
    width = max(1, CHUNK_BYTES // (8 * q * q))
    for start in range(0, len(values), width):
        rows = slice(start, start + width)
        precision = (mask[rows] @ products).reshape(-1, q, q) + noise * np.eye(q)
        centered = np.where(mask[rows], values[rows] - mean, 0.0)
        linear = centered @ W
        covariance = np.linalg.inv(precision)
        z = np.einsum("nab,nb->na", covariance, linear)
        square = np.sum(centered**2, axis=1) - np.sum(linear * z, axis=1)
        yield rows, z, covariance, np.linalg.slogdet(precision)[1], square


def _em(values, mask, weight, W, mean, noise):
    """Return W, mean and noise after an iteration, and the log-likelihood before it."""
    d, q = W.shape
    second = np.zeros((d, q + 1, q + 1))
    cross = np.zeros((d, q + 1))
    value = 0.0
    for rows, z, covariance, log_det, square in _expectations(values, mask, W, mean, noise):
        w, seen = weight[rows], mask[rows]
        count = seen.sum(axis=1)
        likelihood = count * np.log(2 * np.pi) + (count - q) * np.log(noise) + log_det
        value -= w @ (likelihood + square / noise) / 2
        z = np.column_stack([z, np.ones(len(z))])
        moments = z[:, :, None] * z[:, None, :]
        moments[:, :q, :q] += noise * covariance
        cells = (w[:, None] * seen).T
        second += (cells @ moments.reshape(len(z), -1)).reshape(d, q + 1, q + 1)
        cross += (cells * values[rows].T) @ z
    floor = 1e-12 * np.trace(second, axis1=1, axis2=2)[:, None, None] + 1e-100
    found = np.linalg.solve(second + floor * np.eye(q + 1), cross[:, :, None])[:, :, 0]
    squares = np.sum(weight[:, None] * mask * values**2)
    fitted = 2 * np.sum(found * cross) - np.einsum("da,dab,db->", found, second, found)
    total = np.sum(weight[:, None] * mask)
    return found[:, :q], found[:, q], (squares - fitted) / total, value
