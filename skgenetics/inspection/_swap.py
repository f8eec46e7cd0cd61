"""Interactions of pairs of features in the predictions of any estimator."""

import numpy as np
from scipy import sparse
from sklearn.base import is_regressor
from sklearn.utils import check_random_state

from skgenetics.utils._arrays import get_namespace_and_device
from skgenetics.utils._parameters import check_number
from skgenetics.utils._validation import check_pairs


def swap_interactions(estimator, X, *, pairs=None, target=None, n_repeats=1, random_state=None):
    r"""How much two features change a prediction beyond the sum of their own changes.

    For samples x whose i-th and j-th features are replaced by those of another sample,

    .. math::

        \mathrm{swap}(i, j) = E\,|f(x) - f(x_{i'}) - f(x_{j'}) + f(x_{i'j'})|,

    where f is the decision function of a classifier, or the prediction of a regressor. It is zero
    where f is a sum of a function without x_i and one without x_j. For genotypes it contrasts the
    dosages that occur. Of two models compare values only where they predict alike well.

    Parameters
    ----------
    estimator : estimator
        Fitted: a classifier with ``decision_function``, or a regressor. Networks of
        :mod:`skgenetics.neural_network` compute the same number faster by
        ``second_order_importance(X, kind="swap")``.
    X : array-like of shape (n_samples, n_features)
        Samples to explain. The estimator gets a data frame if this is one.
    pairs : array-like of shape (n_pairs, 2), default=None
        Indices of features, or names of the data frame's columns; None: all pairs.
    target : None or int, default=None
        Which column of a two-dimensional f; None: the only one, or all.
    n_repeats : int, default=1
        How many other samples each sample takes features from. The same for i and j.
    random_state : None, int or RandomState, default=None
        Which samples those are.

    Returns
    -------
    swap : array of shape (n_features, n_features) or (n_pairs,)
        Symmetric, its diagonal 0. Where f has several columns and `target` is None, with an axis of
        them in front.

    Raises
    ------
    TypeError
        If the estimator has neither a decision function nor the prediction of a regressor.
    ValueError
        If `pairs` or `target` are not there, or `n_repeats` is not positive.

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
    function = _response(estimator)
    check_number(n_repeats, "n_repeats", integer=True, low=1, closed="left")
    names = list(getattr(X, "columns", ()))
    if names:
        frame, function_of_frame = type(X), function
        X = X.to_numpy()

        def function(values):
            return function_of_frame(frame(values, columns=names))

    if sparse.issparse(X):
        X = X.toarray()
    xp, device = get_namespace_and_device(X)
    X = xp.asarray(X, device=device)
    n, m = X.shape
    given = pairs is not None
    if given:
        pairs = check_pairs(pairs, m, names)
    else:
        pairs = np.stack(np.triu_indices(m, 1), axis=1)
    rng = check_random_state(random_state)

    def values(changed, shuffled, features):
        for i in features:
            changed[:, i] = shuffled[:, i]
        f = function(changed)
        for i in features:
            changed[:, i] = X[:, i]
        f = f[:, None] if f.ndim == 1 else f
        if target is not None:
            last = f.shape[1] - 1
            check_number(target, "target", integer=True, low=0, high=last, closed="both")
        return f if target is None else f[:, target : target + 1]

    changed = xp.astype(X, X.dtype, copy=True)
    plain = values(changed, X, ())
    total = 0 * plain[:1, :] + xp.zeros((len(pairs), 1), dtype=plain.dtype, device=device)
    for _ in range(n_repeats):
        shuffled = xp.take(X, xp.asarray(rng.permutation(n), device=device), axis=0)
        alone = {int(i): values(changed, shuffled, (int(i),)) for i in np.unique(pairs)}
        for position, (i, j) in enumerate(pairs.tolist()):
            if i != j:
                both = values(changed, shuffled, (i, j))
                contrast = xp.abs(plain - alone[i] - alone[j] + both)
                total[position, :] += xp.mean(contrast, axis=0) / n_repeats
    if not given:
        place = np.zeros((m, m), dtype=np.int64)
        place[tuple(pairs.T)] = place[tuple(pairs.T[::-1])] = 1 + np.arange(len(pairs))
        total = xp.concat([xp.zeros_like(total[:1, :]), total], axis=0)
        flat = xp.asarray(np.ravel(place), device=device)
        total = xp.reshape(xp.take(total, flat, axis=0), (m, m, -1))
    total = xp.moveaxis(total, -1, 0)
    return total[0, ...] if total.shape[0] == 1 else total


def _response(estimator):
    """Return the function whose interactions are asked for."""
    if is_regressor(estimator):
        return estimator.predict
    if hasattr(estimator, "decision_function"):
        return estimator.decision_function
    raise TypeError(
        f"{type(estimator).__name__} is neither a regressor nor has it a decision_function. Wrap "
        "it in an object that has one, for instance the log odds of predict_proba."
    )
