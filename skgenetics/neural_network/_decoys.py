"""Selection of variants at a false discovery rate, by decoys."""

from numbers import Real
from typing import Any, Literal

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import Bunch, check_random_state

from skgenetics.neural_network._importances import groups_in_order
from skgenetics.neural_network._knockoffs import gaussian_knockoffs, groups_of_ld
from skgenetics.utils._arrays import get_namespace_and_device, to_numpy
from skgenetics.utils._labels import Labels, labels_of_fit
from skgenetics.utils._opened import Opened
from skgenetics.utils._parameters import check_number, check_option
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import as_array, as_genotypes, validate_sample_weight


def decoy_selection(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    fdr: float = 0.1,
    decoys: Literal["permuted", "knockoff"] | ArrayLike = "permuted",
    groups: float | ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    r"""Select variants, or groups of them, of which a share of about `fdr` has no association.

    Each variant gets a decoy that has no effect, fixed for the whole fit. The estimator learns from
    both, and variant j wins by :math:`w_j`, its importance minus that of its decoy, times
    :math:`\sqrt{1 - r_j}` if their correlation is :math:`r_j`: a variant that can hardly be told
    from its decoy wins or loses by chance. A group wins by the sum over its variants. What is false
    wins as often as it loses, so the losers estimate how many winners are false. Variants, or
    groups, with :math:`w_j \ge t` are selected, for the smallest t with

    .. math::

        \frac{1 + \#\{j: w_j \le -t\}}{\#\{j: w_j \ge t\}} \le \mathrm{fdr}.

    Parameters
    ----------
    estimator : estimator
        Unfitted; it is cloned. Its `feature_importances_` after `fit` are compared.
    X : {array-like, CSR matrix, Genotypes} of shape (n_samples, n_variants)
        Dosages. A copy of twice the width is made, of X's dtype. Opened genotypes are read into
        memory, missing calls at the mean.
    y : array-like of shape (n_samples,) or (n_samples, n_tasks)
        Target.
    fdr : float, default=0.1
        Largest expected share of false discoveries. If fewer than 1 / fdr variants, or groups, are
        associated, nothing can be selected.
    decoys : {"permuted", "knockoff"} or array-like of shape (n_samples, n_variants), \
            default="permuted"
        "permuted": dosages in the order of other samples, the same order for all variants. A
        variant is false if it has *no association* with the target; LD with a causal variant is an
        association. "knockoff": Gaussian knockoffs of blocks of LD, which are in LD with the
        variants as these are with each other. A variant is false if it has *no effect beside the
        others*, a group if none of its variants has one beside those of the other groups. Variants
        and knockoffs are then of single precision. An array: knockoffs made elsewhere, of a hidden
        Markov model, for example.
    groups : None, float or array-like of shape (n_variants,), default=None
        What is selected. None: variants. A number between 0 and 1: groups of variants in LD, of
        average linkage: two are joined as long as the mean :math:`|r|` of their variants, one of
        each, is its square root at least. An array: the gene, or other group, of each variant, the
        variants of a group together in X; labels are matched.
    sample_weight : array-like of shape (n_samples,), optional
        Passed to `fit`.
    random_state : None, int or RandomState, default=None
        Order of the decoys.

    Returns
    -------
    selection : :class:`~sklearn.utils.Bunch`
        selected : int ndarray
            Indices of the selected variants, or groups, the strongest first.
        members : list of int ndarray
            The indices of the variants of each of them.
        names : ndarray of shape (n_groups,)
            The groups in order, as `groups` has them; integers if it has no array.
        groups : int ndarray of shape (n_variants,)
            The index of the group of each variant; its own without groups.
        importances : ndarray of shape (n_variants,)
            Importances of the variants, and
        decoy_importances : ndarray of shape (n_variants,)
            of their decoys.
        wins : ndarray of shape (n_groups,)
            w.
        threshold : float
            t; infinity if nothing is selected.
        estimator : estimator
            Fitted on variants and decoys, whose places among its columns are drawn at random.
        columns : int ndarray of shape (2, n_variants)
            The column of each variant there, and that of its decoy.

    Raises
    ------
    TypeError
        If the fitted estimator has no `feature_importances_`.
    ValueError
        If `fdr` is not between 0 and 1, `decoys` is an array of another shape than X, a group is
        wider than a block of LD, and as the estimator says of X and y.

    Notes
    -----
    With permuted decoys, the rate of variants without effect is controlled for variants independent
    of each other only: a variant without effect in LD with one that has is associated with the
    target, its decoy is not. Knockoffs are meant for LD; the stronger it is, the less power they
    leave, next to none where neighbors can hardly be told apart. There, select groups: the larger
    they are, the more are found, and the less is said of each. Blocks of LD have 200 variants at
    most, and fewer than half as many as there are samples.

    Each variant changes places with its decoy by chance, so that an estimator may treat columns by
    their place.

    References
    ----------
    R. F. Barber and E. J. Candès, "Controlling the false discovery rate via knockoffs", Annals of
    Statistics 43, 2015: the threshold. E. Candès et al., "Panning for gold: model-X knockoffs for
    high dimensional controlled variable selection", Journal of the Royal Statistical Society B 80,
    2018: Gaussian knockoffs. J. Gimenez and J. Zou, "Improving the stability of the knockoff
    procedure", AISTATS 2019: those of largest entropy. R. Dai and R. F. Barber, "The knockoff
    filter for FDR control in group-sparse and multitask regression", ICML 2016: groups.

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
    rng = check_random_state(random_state)
    if isinstance(decoys, str):
        check_option(decoys, "decoys", ("permuted", "knockoff"))
    reader = clone(estimator)
    X, _, _ = as_genotypes(reader, X, reset=True, accept_sparse="csr", tiny=False, opened=True)
    X = X[:, :] if isinstance(X, Opened) else X
    weight = frequencies(sample_weight, X.shape[0])
    names, codes = which_groups(groups, X, weight, labels_of_fit(reader))
    augmented, columns, correlations = with_decoys(X, decoys, codes, weight, rng)
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    fitted = clone(estimator).fit(augmented, y, **weights)
    if not hasattr(fitted, "feature_importances_"):
        raise TypeError(
            f"{type(fitted).__name__} has no feature_importances_ to compare; give a "
            "LINAClassifier, a LINARegressor, or another estimator that has it."
        )
    importances, decoy_importances = to_numpy(fitted.feature_importances_)[columns]
    wins = np.bincount(codes, (importances - decoy_importances) * np.sqrt(1 - correlations))
    threshold = select_threshold(wins, fdr)
    selected = np.flatnonzero(wins >= threshold)
    selected = selected[np.argsort(-wins[selected], kind="stable")]
    return Bunch(
        selected=selected,
        members=[np.flatnonzero(codes == group) for group in selected],
        names=names,
        groups=codes,
        importances=importances,
        decoy_importances=decoy_importances,
        wins=wins,
        threshold=threshold,
        estimator=fitted,
        columns=columns,
    )


def which_groups(
    groups: float | ArrayLike | None, X: Array, weight: np.ndarray, labels: Labels
) -> tuple[np.ndarray, np.ndarray]:
    """Return the names of the groups, and the index (m,) of each variant's; see `groups`."""
    m = X.shape[1]
    if isinstance(groups, Real):
        check_number(groups, "groups", low=0, high=1, closed="neither")
        codes = groups_of_ld(X, weight, float(groups))
        return np.arange(codes.max() + 1), codes
    if groups is None:
        return np.arange(m), np.arange(m)
    return groups_in_order(groups, labels, m)


def with_decoys(
    X: Array,
    decoys: Literal["permuted", "knockoff"] | ArrayLike,
    codes: np.ndarray,
    weight: np.ndarray,
    random_state: np.random.RandomState,
) -> tuple[Array, np.ndarray, np.ndarray]:
    """Return X (n, m) and its decoys (n, 2 m), an array or CSR, their columns, and correlations.

    The columns (2, m) are those of variants and of decoys, the correlations (m,) those of each
    variant with its decoy: 0 if decoys are of other samples. `codes` (m,) are groups of variants.
    Each variant changes places with its decoy by chance. An estimator may treat columns by their
    place; which of the two is the decoy is then still nothing that it can know.
    """
    n, m = X.shape
    xp, device = get_namespace_and_device(X)
    correlations = np.zeros(m)
    made = isinstance(decoys, str)
    if made and decoys == "permuted":
        order, columns = random_state.permutation(n), places(m, random_state)
        if sparse.issparse(X):
            both = sparse.hstack([X, X[order]], format="csr")
            return both[:, np.argsort(columns, axis=None)], columns, correlations
        beside = xp.take(X, xp.asarray(order, device=device), axis=0)
    else:
        X = dense(X) if sparse.issparse(X) else X
        X = X if xp.isdtype(X.dtype, "real floating") else xp.astype(X, xp.float32)
        if made:
            rng = np.random.default_rng(random_state.randint(np.iinfo(np.int32).max))
            beside = gaussian_knockoffs(X, weight, codes, rng)
        else:
            beside = dense(decoys)
            if beside.shape != (n, m):
                raise ValueError(f"decoys must have the shape of X, {n, m}; got {beside.shape}.")
        correlations = own_correlations(to_numpy(X), beside)
        beside = xp.asarray(beside, dtype=X.dtype, device=device)
        columns = places(m, random_state)
    moved = xp.asarray(columns[0] > columns[1], device=device)
    both = xp.concat([xp.where(moved, beside, X), xp.where(moved, X, beside)], axis=1)
    return both, columns, correlations


def frequencies(sample_weight: ArrayLike | None, n: int) -> np.ndarray:
    """Return the weights (n,) of rows, 1 if none are given, on the host."""
    weight = np.ones(n) if sample_weight is None else sample_weight
    return to_numpy(validate_sample_weight(weight, n, np, "cpu", np.float64))


def dense(values: Any) -> np.ndarray:
    """Return a matrix of any kind as an array on the host."""
    return to_numpy(values.toarray() if sparse.issparse(values) else as_array(values, "decoys")[0])


def own_correlations(X: np.ndarray, decoys: np.ndarray) -> np.ndarray:
    """Return the correlation (m,) of each variant with its decoy; 1 where one is constant."""
    result = np.ones(X.shape[1])
    for j, (x, decoy) in enumerate(zip(X.T, decoys.T, strict=True)):
        x, decoy = (column - column.mean(dtype=np.float64) for column in (x, decoy))
        size = np.sqrt((x @ x) * (decoy @ decoy))
        if size > 0:
            result[j] = min(x @ decoy / size, 1.0)
    return result


def places(m: int, random_state: np.random.RandomState) -> np.ndarray:
    """Return the columns (2, m) of m variants and of their decoys, drawn at random."""
    moved = m * random_state.randint(2, size=m)
    return np.arange(m) + np.stack([moved, m - moved])


def select_threshold(wins: np.ndarray, fdr: float) -> float:
    """Return the smallest t whose estimated false discovery rate is at most `fdr`, or infinity."""
    thresholds = np.sort(np.abs(wins[wins != 0]))
    n_won = len(wins) - np.searchsorted(np.sort(wins), thresholds, side="left")
    n_lost = len(wins) - np.searchsorted(np.sort(-wins), thresholds, side="left")
    allowed = np.flatnonzero((1 + n_lost) <= fdr * n_won)
    return float(thresholds[allowed[0]]) if len(allowed) else float("inf")
