"""The fewest variants that predict what many do."""

import numpy as np

MIN_CORRELATION = 0.995
_SPANNED = 1e-10  # of its squared length


def fewest_weights(
    X: np.ndarray, weights: np.ndarray, min_correlation: float = MIN_CORRELATION
) -> np.ndarray:
    """Return weights on few variants whose prediction correlates with that of all.

    Variants are added one by one, each time the one that explains most of what is left of the whole
    prediction, and the weights are those of its regression on the variants so far (orthogonal
    matching pursuit, Pati et al. 1993). A variant without a weight is never added.

    Parameters
    ----------
    X : ndarray of shape (n_people, n_variants)
        Genotypes of mean 0.
    weights : ndarray of shape (n_variants,)
    min_correlation : float
        Where to stop.

    Returns
    -------
    fewest : ndarray of shape (n_variants,)
        0 for variants left out.
    """
    places = np.flatnonzero(weights)
    whole = X[:, places] @ weights[places]
    total = whole @ whole
    fewest = np.zeros_like(weights)
    if not total > 0:
        return fewest
    X = X[:, places]
    squares = np.einsum("ij,ij->j", X, X)
    # What the variants chosen leave of each one's squared length; infinite for those that they span
    free = np.where(squares > 0, squares, np.inf)
    basis, left = np.empty((0, len(X))), whole
    chosen: list[int] = []
    while total - left @ left < min_correlation**2 * total and np.isfinite(free).any():
        best = int(np.argmax((X.T @ left) ** 2 / free))
        direction = X[:, best] - basis.T @ (basis @ X[:, best])
        direction /= np.sqrt(direction @ direction)
        basis = np.vstack([basis, direction])
        left = left - direction * (direction @ left)
        free = free - (direction @ X) ** 2
        free[free <= _SPANNED * squares] = np.inf
        chosen.append(best)
    solution, *_ = np.linalg.lstsq(X[:, chosen], whole, rcond=None)
    fewest[places[chosen]] = solution
    return fewest
