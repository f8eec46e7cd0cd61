"""Interactions of pairs of features in the predictions of any estimator."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import is_regressor
from sklearn.utils import check_random_state

from skgenetics.utils._arrays import device_of, get_namespace_and_device, namespace_of
from skgenetics.utils._frames import as_frame
from skgenetics.utils._parameters import Integer, check_parameter
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import as_array, check_pairs


def swap_interactions(
    estimator: Any,
    X: ArrayLike,
    *,
    pairs: ArrayLike | None = None,
    target: int | None = None,
    n_repeats: int = 1,
    random_state: Any = None,
) -> Array:
    r"""How much two features change a prediction beyond the sum of their own changes.

    For samples x whose i-th and j-th features are replaced by those of another sample,

    .. math::

        \mathrm{swap}(i, j) = E\,|f(x) - f(x_{i'}) - f(x_{j'}) + f(x_{i'j'})|,

    where f is the decision function of a classifier, or the prediction of a regressor. It is zero
    if f is the sum of a function without x_i and one without x_j. For genotypes it contrasts the
    dosages that occur. Compare the values of two models only if they predict equally well.

    Parameters
    ----------
    estimator : estimator
        Fitted: a classifier with ``decision_function``, or a regressor. Networks of
        :mod:`skgenetics.neural_network` compute the same number faster by
        ``second_order_importance(X, kind="swap")``.
    X : array-like of shape (n_samples, n_features)
        Samples to explain. If X is a data frame, the estimator gets data frames of the
        same kind, whose columns keep their dtypes.
    pairs : array-like of shape (n_pairs, 2), default=None
        Indices of features, or names of the data frame's columns; None: all pairs.
    target : None or int, default=None
        Which column of a two-dimensional f; None: the only one, or all.
    n_repeats : int, default=1
        How many other samples each sample takes features from, the same for i and j.
    random_state : None, int or RandomState, default=None
        Chooses these samples.

    Returns
    -------
    swap : array of shape (n_features, n_features) or (n_pairs,)
        Symmetric, with a diagonal of 0. If f has several columns and `target` is None, they are an
        axis in front.

    Raises
    ------
    TypeError
        If the estimator has neither a decision function nor the prediction of a regressor.
    ValueError
        If `pairs` or `target` do not exist, or `n_repeats` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from skgenetics.inspection import swap_interactions
    >>> X = np.random.default_rng(0).integers(0, 3, size=(200, 3))
    >>> model = DecisionTreeRegressor(random_state=0).fit(X, X[:, 0] * X[:, 1] + X[:, 2])
    >>> swap = swap_interactions(model, X, random_state=0)
    >>> bool(swap[0, 1] > 0.5), bool(swap[0, 2] < 1e-9)
    (True, True)
    """
    function = response_of(estimator)
    check_parameter(n_repeats, "n_repeats", [Integer(low=1)])
    frame = as_frame(X)
    names = [] if frame is None else frame.columns
    if frame is None:
        X = as_array(X.toarray() if sparse.issparse(X) else X)[0]
        xp, device = get_namespace_and_device(X)
        X = xp.asarray(X, device=device)
    n_samples, n_features = X.shape
    all_pairs = pairs is None
    if all_pairs:
        pairs = np.stack(np.triu_indices(n_features, 1), axis=1)
    else:
        pairs = check_pairs(pairs, n_features, names)
    kind = _SwappedResponse if frame is None else _SwappedFrameResponse
    response = kind(function, X if frame is None else frame, target)
    rng = check_random_state(random_state)
    total = 0
    for _ in range(n_repeats):
        replacement = response.permuted(rng.permutation(n_samples))
        total = total + mean_contrasts(response, replacement, pairs) / n_repeats
    if all_pairs:
        total = symmetric_matrices(total, pairs, n_features)
    total = namespace_of(total).moveaxis(total, -1, 0)
    return total[0, ...] if total.shape[0] == 1 else total


class _SwappedResponse:
    """f at samples X some of whose features are replaced; values are (n_samples, n_columns)."""

    def __init__(self, function: Callable[[Any], Array], X: Any, target: int | None):
        self.function, self.X, self.target = function, X, target
        self.unchanged = self(X, ())

    @cached_property
    def changed(self) -> Array:
        """A copy of X, some of whose features are replaced for a while."""
        return namespace_of(self.X).astype(self.X, self.X.dtype, copy=True)

    def permuted(self, order: np.ndarray) -> Any:
        """Return the rows of X in another order."""
        xp = namespace_of(self.X)
        return xp.take(self.X, xp.asarray(order, device=device_of(self.X)), axis=0)

    def values(self, replacement: Any, features: tuple[int, ...]) -> Array:
        """Return f where `features` are those of `replacement`, an array like X."""
        for i in features:
            self.changed[:, i] = replacement[:, i]
        f = self.function(self.changed)
        for i in features:
            self.changed[:, i] = self.X[:, i]
        return f

    def __call__(self, replacement: Any, features: tuple[int, ...]) -> Array:
        """Return f (n_samples, n_columns) where `features` are those of `replacement`."""
        f = self.values(replacement, features)
        f = f[:, None] if f.ndim == 1 else f
        if self.target is None:
            return f
        check_parameter(self.target, "target", [Integer(low=0, high=f.shape[1] - 1)])
        return f[:, self.target : self.target + 1]


class _SwappedFrameResponse(_SwappedResponse):
    """The same for a data frame X, whose columns keep their names and dtypes."""

    def permuted(self, order: np.ndarray) -> Any:
        """Return the rows of X in another order."""
        return self.X[order.tolist()]

    def values(self, replacement: Any, features: tuple[int, ...]) -> Array:
        """Return f where `features` are those of `replacement`, a data frame like X."""
        columns = [replacement.get_column(self.X.columns[i]) for i in features]
        return self.function(self.X.with_columns(*columns).to_native())


def mean_contrasts(response: _SwappedResponse, replacement: Array, pairs: np.ndarray) -> Array:
    """Return E|f(x) - f(x_i') - f(x_j') + f(x_i'j')| of each pair, (n_pairs, n_columns)."""
    plain = response.unchanged
    xp = namespace_of(plain)
    shape = len(pairs), plain.shape[1]
    contrasts = xp.zeros(shape, dtype=plain.dtype, device=device_of(plain))
    alone = {int(i): response(replacement, (int(i),)) for i in np.unique(pairs)}
    for row, (i, j) in enumerate(pairs.tolist()):
        if i != j:
            both = response(replacement, (i, j))
            contrasts[row, :] = xp.mean(xp.abs(plain - alone[i] - alone[j] + both), axis=0)
    return contrasts


def symmetric_matrices(values: Array, pairs: np.ndarray, n_features: int) -> Array:
    """Return values of all pairs (n_pairs, n_columns) as matrices with zero diagonals."""
    xp, device = namespace_of(values), device_of(values)
    place = np.zeros((n_features, n_features), dtype=np.int64)  # 0 is the diagonal
    place[tuple(pairs.T)] = place[tuple(pairs.T[::-1])] = 1 + np.arange(len(pairs))
    zero = xp.zeros((1, values.shape[1]), dtype=values.dtype, device=device)
    with_zero = xp.concat([zero, values], axis=0)
    flat = xp.asarray(np.ravel(place), device=device)
    return xp.reshape(xp.take(with_zero, flat, axis=0), (n_features, n_features, -1))


def response_of(estimator: Any) -> Callable[[Any], Array]:
    """Return the function whose interactions are asked for."""
    if is_regressor(estimator):
        return estimator.predict
    if hasattr(estimator, "decision_function"):
        return estimator.decision_function
    raise TypeError(
        f"{type(estimator).__name__} is not a regressor and has no decision_function. Wrap "
        "the model in an object with a decision_function, such as the log odds of predict_proba."
    )
