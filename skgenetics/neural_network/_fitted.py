"""What a fitted network computes: its attention and its logits."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from skgenetics.neural_network._network import Network, forward, task_logit
from skgenetics.neural_network._torch import torch_module
from skgenetics.neural_network._training import dense_rows, rows_at_a_time
from skgenetics.utils._arrays import check_same_namespace, namespace_of
from skgenetics.utils._estimator import GeneticsEstimator
from skgenetics.utils._opened import Opened, rows_in_memory
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import as_genotypes


class FittedNetwork(GeneticsEstimator):
    """The folded network of the fitted attributes, applied to validated dosages."""

    activation: str
    negative_slope: float
    coefs_: list[Array]
    intercepts_: list[Array]
    attention_coef_: Array
    attention_intercept_: Array
    task_coef_: Array
    linear_coef_: Array
    task_intercept_: Array
    center_: Array
    n_features_in_: int

    def attention(self, X: ArrayLike) -> Array:
        """Return the attention of each variant in each sample.

        Parameters
        ----------
        X : {array-like, CSR matrix, Genotypes} of shape (n_samples, n_variants)

        Returns
        -------
        attention : array of shape (n_samples, n_variants)
            A of logit = (K * A + L) (X - center_) + B. With one task, ``task_coef_ * attention(X) +
            linear_coef_`` are the coefficients of the linear model that holds for the sample.
        """
        X = self._validate_X(X, "attention")
        network, slope = self._network(), self._slope()
        parts = [forward(network, block, slope).attention for block in self._blocks(X)]
        return namespace_of(self.task_coef_).concat(parts, axis=0)

    def to_torch(self) -> Any:
        """Return the fitted network as a module of PyTorch, to train on or to deploy.

        Returns
        -------
        module : torch.nn.Module
            From dosages (n_samples, n_variants) to logits (n_samples, n_logits), or to traits
            (n_samples, n_traits) on the scale of y. Its parts are ``attention``, the network F,
            ``task``, K, and ``linear``, L and B. It has its own copy of the parameters, on the
            CPU. Save its ``state_dict()``: the module itself does not pickle.

        Raises
        ------
        ImportError
            If torch is not installed.
        """
        check_is_fitted(self, "task_coef_")
        return torch_module(self._network(), self.center_, self._slope())

    def _logits(self, X: ArrayLike, method: str) -> Array:
        """Return the logits (n, d); for regression, on the scale of y."""
        X = self._validate_X(X, method)
        network, slope = self._network(), self._slope()
        parts = []
        for block in self._blocks(X):
            A = forward(network, block, slope).attention
            parts.append(task_logit(network, A, block - self.center_))
        return namespace_of(self.task_coef_).concat(parts, axis=0)

    def _network(self) -> Network:
        """Return the fitted network on raw dosages."""
        weights = [*self.coefs_, self.attention_coef_]
        biases = [*self.intercepts_, self.attention_intercept_]
        return Network(
            weights, biases, self.task_coef_, self.linear_coef_, self.task_intercept_, [], []
        )

    def _slope(self) -> float:
        """Return the slope of the activation below zero."""
        return float(self.negative_slope) if self.activation == "leaky_relu" else 0.0

    def _blocks(self, X: Array, n_copies: int = 1) -> Iterator[Array]:
        """Yield dense floating blocks of rows of X; `n_copies` of a block stay small beside X."""
        step = rows_at_a_time(n_copies * X.shape[1])
        for _, held, places in rows_in_memory(X, np.arange(X.shape[0]), step):
            yield dense_rows(held, slice(places[0], places[-1] + 1), self.task_coef_.dtype)

    def _validate_X(self, X: ArrayLike, method: str) -> Array:
        """Return X (array or CSR), validated for a method called after fit."""
        check_is_fitted(self, "task_coef_")
        check_same_namespace(self, X, attribute="task_coef_", method=method)
        X, _, _ = as_genotypes(
            self, X, reset=False, allow_nan=True, accept_sparse="csr", opened=True
        )
        self._check_nan(X)
        return X

    def _check_nan(self, X: Array) -> None:
        """Raise ValueError if X holds NaN."""
        if isinstance(X, Opened):  # whose missing calls are at the mean
            return
        values = X.data if sparse.issparse(X) else X
        xp = namespace_of(values)
        if xp.isdtype(values.dtype, "real floating") and bool(xp.any(xp.isnan(values))):
            raise ValueError(
                f"X contains NaN, which {type(self).__name__} does not accept. Put "
                "skgenetics.preprocessing.GenotypeImputer before this step."
            )
