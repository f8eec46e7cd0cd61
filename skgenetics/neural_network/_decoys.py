"""Selection of variants at a false discovery rate, by decoys."""

from typing import Any, Literal

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import Bunch, check_random_state

from skgenetics.neural_network._knockoffs import gaussian_knockoffs
from skgenetics.utils._arrays import get_namespace_and_device, to_numpy
from skgenetics.utils._parameters import check_number, check_option
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import as_array, check_missing_codes


def decoy_selection(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    fdr: float = 0.1,
    decoys: Literal["permuted", "knockoff"] | ArrayLike = "permuted",
    sample_weight: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    r"""Select variants of which a share of about `fdr` has no association.

    Each variant gets a decoy that has no effect, fixed for the whole fit. The estimator learns from
    both, and variant j wins by :math:`w_j`, its importance minus that of its decoy. A false variant
    wins as often as it loses, so the losers estimate how many winners are false. Variants with
    :math:`w_j \ge t` are selected, for the smallest t with

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
    decoys : {"permuted", "knockoff"} or array-like of shape (n_samples, n_variants), \
            default="permuted"
        "permuted": dosages in the order of other samples, the same order for all variants. A
        variant is false if it has *no association* with the target; LD with a causal variant is an
        association. "knockoff": Gaussian knockoffs of blocks of LD, which are in LD with the
        variants as these are with each other. A variant is false if it has *no effect beside the
        others*. Variants and knockoffs are then of single precision. An array: knockoffs made
        elsewhere, of a hidden Markov model, for example.
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
        If `fdr` is not between 0 and 1, `decoys` is an array of another shape than X, and as the
        estimator says of X and y.

    Notes
    -----
    With permuted decoys, the rate of variants without effect is controlled for variants independent
    of each other only: a variant without effect in LD with one that has is associated with the
    target, its decoy is not. Knockoffs are meant for LD; the stronger it is, the less power they
    leave. They need more samples than variants in a block of LD (200 at most).

    References
    ----------
    R. F. Barber and E. J. Candès, "Controlling the false discovery rate via knockoffs", Annals of
    Statistics 43, 2015: the threshold. E. Candès et al., "Panning for gold: model-X knockoffs for
    high dimensional controlled variable selection", Journal of the Royal Statistical Society B 80,
    2018: Gaussian knockoffs.

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
    augmented = with_decoys(X, decoys, check_random_state(random_state))
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


def with_decoys(
    X: ArrayLike,
    decoys: Literal["permuted", "knockoff"] | ArrayLike,
    random_state: np.random.RandomState,
) -> Array:
    """Return X (n, m) and, beside it, its decoys (n, 2 m), an array or CSR."""
    if isinstance(decoys, str):
        check_option(decoys, "decoys", ("permuted", "knockoff"))
    if sparse.issparse(X):
        if isinstance(decoys, str) and decoys == "permuted":
            order = random_state.permutation(X.shape[0])
            return sparse.hstack([X, X.tocsr()[order]], format="csr")
        X = X.toarray()
    X, integer = as_array(X)
    X = X if hasattr(X, "shape") else np.asarray(X)
    check_missing_codes(X, integer)
    xp, device = get_namespace_and_device(X)
    X = xp.asarray(X, device=device)
    if isinstance(decoys, str) and decoys == "permuted":
        order = random_state.permutation(X.shape[0])
        return xp.concat([X, xp.take(X, xp.asarray(order, device=device), axis=0)], axis=1)
    if isinstance(decoys, str):
        rng = np.random.default_rng(random_state.randint(np.iinfo(np.int32).max))
        beside = gaussian_knockoffs(X, rng)
    else:
        beside = to_numpy(as_array(decoys)[0])
        if beside.shape != tuple(X.shape):
            raise ValueError(
                f"decoys must have the shape of X, {tuple(X.shape)}; got {beside.shape}."
            )
    dtype = X.dtype if xp.isdtype(X.dtype, "real floating") else xp.float32
    beside = xp.asarray(beside, dtype=dtype, device=device)
    return xp.concat([xp.astype(X, dtype), beside], axis=1)


def select_threshold(wins: np.ndarray, fdr: float) -> float:
    """Return the smallest t whose estimated false discovery rate is at most `fdr`, or infinity."""
    thresholds = np.sort(np.abs(wins[wins != 0]))
    n_won = len(wins) - np.searchsorted(np.sort(wins), thresholds, side="left")
    n_lost = len(wins) - np.searchsorted(np.sort(-wins), thresholds, side="left")
    allowed = np.flatnonzero((1 + n_lost) <= fdr * n_won)
    return float(thresholds[allowed[0]]) if len(allowed) else float("inf")
