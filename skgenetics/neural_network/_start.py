"""Where training starts: the first parameters, and the scales of the dosages."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from scipy import sparse

from skgenetics.neural_network._network import Network
from skgenetics.utils._arrays import namespace_of
from skgenetics.utils._moments import column_moments
from skgenetics.utils._typing import Array

DENSE_SIZE = 2**22  # floats of a sparse X that are held dense at a time


def start_network(
    hidden_sizes: Sequence[int],
    n_features: int,
    n_tasks: int,
    batch_norm: bool,
    rng: np.random.Generator,
) -> Network:
    """Return random NumPy parameters: He-normal layers, attention about 1, K ~ N(0, 1/m)."""
    widths = [n_features, *hidden_sizes, n_features]
    weights = [rng.normal(scale=math.sqrt(2 / a), size=(a, b)) for a, b in pairwise(widths[:-1])]
    weights.append(rng.normal(scale=math.sqrt(1 / widths[-2]), size=widths[-2:]))
    biases = [np.zeros(width) for width in widths[1:]]
    scales = [np.ones(width) for width in widths[1:]] if batch_norm else []
    shifts = [np.zeros(width) for width in widths[1:]] if batch_norm else []
    (shifts if batch_norm else biases)[-1][:] = 1.0
    task_coef = rng.normal(scale=math.sqrt(1 / n_features), size=(n_tasks, n_features))
    return Network(weights, biases, task_coef, np.zeros(n_tasks), scales, shifts)


def column_scales(X: Array, share: Array) -> tuple[Array, Array]:
    """Return mean and standard deviation (m,) of the columns of X; 1 for constant columns.

    X (n, m) is of any real dtype, or sparse; `share` (n,) holds weights of sum 1, whose precision
    is that of the results.
    """
    xp = namespace_of(share)
    blocks: Iterable[Array]
    if sparse.issparse(X):
        X, width = X.tocsc(), max(1, DENSE_SIZE // X.shape[0])
        blocks = (X[:, start : start + width].toarray() for start in range(0, X.shape[1], width))
    else:
        blocks = (X,)
    means, variances, _ = zip(*(column_moments(block, share) for block in blocks), strict=True)
    mean, variance = xp.concat(means), xp.concat(variances)
    return mean, standard_deviation(variance)


def standard_deviation(variance: Array) -> Array:
    """Return the square root of variances, 1 where a variance is 0: of a constant."""
    xp = namespace_of(variance)
    return xp.where(variance > 0, xp.sqrt(variance), xp.ones_like(variance))
