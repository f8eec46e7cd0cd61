"""Selection of variants at a false discovery rate, by decoys."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import Bunch, check_random_state

from skgenetics.utils._arrays import get_namespace_and_device, to_numpy
from skgenetics.utils._parameters import check_number
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import as_array, check_missing_codes


def decoy_selection(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    fdr: float = 0.1,
    sample_weight: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    r"""Select variants of which a share of about `fdr` has no association.

    Each variant gets a decoy, its dosages in the order of other samples, the same order for all
    variants and fixed for the whole fit. The estimator learns from both, and variant j wins by
    :math:`w_j`, its importance minus that of its decoy. A variant without association wins as often
    as it loses, so the losers estimate how many winners are false. Variants with :math:`w_j \ge t`
    are selected, for the smallest t with

    .. math::

        \frac{1 + \#\{j: w_j \le -t\}}{\#\{j: w_j \ge t\}} \le \mathrm{fdr}.

    Parameters
    ----------
    estimator : estimator
        Unfitted; it is cloned. Its `feature_importances_` after `fit` are compared.
    X : {array-like, CSR matrix} of shape (n_samples, n_variants)
        Dosages. A copy of twice the width is made, of X's dtype.
    y : array-like of shape (n_samples,) or (n_samples, n_tasks)
        Target.
    fdr : float, default=0.1
        Largest expected share of false discoveries. If fewer than 1 / fdr variants are associated,
        nothing can be selected.
    sample_weight : array-like of shape (n_samples,), optional
        Passed to `fit`.
    random_state : None, int or RandomState, default=None
        Order of the decoys.

    Returns
    -------
    selection : :class:`~sklearn.utils.Bunch`
        selected : int ndarray
            Indices of the selected variants, the strongest first.
        importances : ndarray of shape (n_variants,)
            Importances of the variants, and
        decoy_importances : ndarray of shape (n_variants,)
            of their decoys.
        threshold : float
            t; infinity if nothing is selected.
        estimator : estimator
            Fitted on variants and decoys.

    Raises
    ------
    TypeError
        If the fitted estimator has no `feature_importances_`.
    ValueError
        If `fdr` is not between 0 and 1, and as the estimator says of X and y.

    Notes
    -----
    The rate is controlled for variants independent of each other: prune them for LD before. A
    variant without effect in LD with one that has is associated with the target, its decoy is not.

    References
    ----------
    R. F. Barber and E. J. Candès, "Controlling the false discovery rate via knockoffs", Annals of
    Statistics 43, 2015: the threshold.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics import LINARegressor
    >>> from skgenetics.neural_network import decoy_selection
    >>> rng = np.random.default_rng(0)
    >>> X = rng.integers(0, 3, size=(1000, 40))
    >>> y = X[:, :12] @ np.ones(12) + rng.normal(size=1000)
    >>> model = LINARegressor((20,), early_stopping=True, learning_rate_init=0.01, random_state=0)
    >>> selection = decoy_selection(model, X, y, random_state=0)
    >>> bool(np.isin(np.arange(12), selection.selected).all())
    True
    """
    check_number(fdr, "fdr", low=0, high=1, closed="neither")
    augmented = with_decoys(X, check_random_state(random_state))
    m = augmented.shape[1] // 2
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    fitted = clone(estimator).fit(augmented, y, **weights)
    if not hasattr(fitted, "feature_importances_"):
        raise TypeError(
            f"{type(fitted).__name__} has no feature_importances_ to compare; give a "
            "LINAClassifier, a LINARegressor, or another estimator that has it."
        )
    importances = to_numpy(fitted.feature_importances_)
    wins = importances[:m] - importances[m:]
    threshold = select_threshold(wins, fdr)
    selected = np.flatnonzero(wins >= threshold)
    return Bunch(
        selected=selected[np.argsort(-wins[selected], kind="stable")],
        importances=importances[:m],
        decoy_importances=importances[m:],
        threshold=threshold,
        estimator=fitted,
    )


def with_decoys(X: ArrayLike, random_state: np.random.RandomState) -> Array:
    """Return X (n, m) and beside it its rows in another order (n, 2 m), an array or CSR."""
    if sparse.issparse(X):
        order = random_state.permutation(X.shape[0])
        return sparse.hstack([X, X.tocsr()[order]], format="csr")
    X, integer = as_array(X)
    X = X if hasattr(X, "shape") else np.asarray(X)
    check_missing_codes(X, integer)
    order = random_state.permutation(X.shape[0])
    xp, device = get_namespace_and_device(X)
    X = xp.asarray(X, device=device)
    return xp.concat([X, xp.take(X, xp.asarray(order, device=device), axis=0)], axis=1)


def select_threshold(wins: np.ndarray, fdr: float) -> float:
    """Return the smallest t whose estimated false discovery rate is at most `fdr`, or infinity."""
    thresholds = np.sort(np.abs(wins[wins != 0]))
    n_won = len(wins) - np.searchsorted(np.sort(wins), thresholds, side="left")
    n_lost = len(wins) - np.searchsorted(np.sort(-wins), thresholds, side="left")
    allowed = np.flatnonzero((1 + n_lost) <= fdr * n_won)
    return float(thresholds[allowed[0]]) if len(allowed) else float("inf")
