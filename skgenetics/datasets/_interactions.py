"""Synthetic functions with known interactions, F1 to F10."""

from collections.abc import Callable, Iterable
from itertools import combinations
from typing import Any

import numpy as np
from sklearn.utils import Bunch, check_random_state

from skgenetics.utils._parameters import check_number, check_option


def _f1(x):
    """4 x1^2 - 2 x2^2 + x3^2 - 3 x4^2."""
    return 4 * x[1] ** 2 - 2 * x[2] ** 2 + x[3] ** 2 - 3 * x[4] ** 2


def _f2(x):
    """-10 sin(2 x1) + 2 |x2| + x3 - exp(-x4)."""
    return -10 * np.sin(2 * x[1]) + 2 * np.abs(x[2]) + x[3] - np.exp(-x[4])


def _f3(x):
    """4 x1 x2 x3 + x4 x5 x6."""
    return 4 * x[1] * x[2] * x[3] + x[4] * x[5] * x[6]


def _f4(x):
    """10 sin(x1 x2 x3) + |x4 x5 x6|."""
    return 10 * np.sin(x[1] * x[2] * x[3]) + np.abs(x[4] * x[5] * x[6])


def _f5(x):
    """-20 sin(2 x1 x2) + 2 |x3| + x4 x5 - 4 exp(-x6)."""
    return -20 * np.sin(2 * x[1] * x[2]) + 2 * np.abs(x[3]) + x[4] * x[5] - 4 * np.exp(-x[6])


def _f6(x):
    """pi^(x1 x2) sqrt(x3) + 1 / sin(x4) + log(x3 + x5) - (x9 / x10) sqrt(x7 / x8) - x2 x7."""
    ratio = x[9] / x[10] * np.sqrt(x[7] / x[8])
    power = np.pi ** (x[1] * x[2]) * np.sqrt(x[3])
    return power + 1 / np.sin(x[4]) + np.log(x[3] + x[5]) - ratio - x[2] * x[7]


def _f7(x):
    """exp|x1 - x2| + |x2 x3| - (x3^2)^|x4| + (x1 x4)^2 + log(x4^2 + ... + x8^2) + x9 + ...."""
    powers = np.abs(x[2] * x[3]) - (x[3] ** 2) ** np.abs(x[4]) + (x[1] * x[4]) ** 2
    logarithm = np.log(x[4] ** 2 + x[5] ** 2 + x[7] ** 2 + x[8] ** 2)
    return np.exp(np.abs(x[1] - x[2])) + powers + logarithm + x[9] + 1 / (1 + x[10] ** 2)


def _f8(x):
    """sin(|x1 x2| + 1) - log(|x3 x4| + 1) + cos(x5 + x6 - x8) + sqrt(x8^2 + x9^2 + x10^2)."""
    waves = np.sin(np.abs(x[1] * x[2]) + 1) + np.cos(x[5] + x[6] - x[8])
    norm = np.sqrt(x[8] ** 2 + x[9] ** 2 + x[10] ** 2)
    return waves - np.log(np.abs(x[3] * x[4]) + 1) + norm


def _f9(x):
    """tanh(x1 x2 + x3 x4) sqrt|x5| + log((x6 x7 x8)^2 + 1) + x9 x10 + 1 / (1 + |x10|)."""
    products = np.log((x[6] * x[7] * x[8]) ** 2 + 1) + x[9] * x[10] + 1 / (1 + np.abs(x[10]))
    return np.tanh(x[1] * x[2] + x[3] * x[4]) * np.sqrt(np.abs(x[5])) + products


def _f10(x):
    """cos(x1 x2 x3) + sin(x4 x5 x6)."""
    return np.cos(x[1] * x[2] * x[3]) + np.sin(x[4] * x[5] * x[6])


# name: (function of columns counted from 1, columns it depends on, cliques of interacting columns)
FUNCTIONS: dict[str, tuple[Callable, Iterable[int], list[tuple[int, ...]]]] = {
    "F1": (_f1, range(1, 5), []),
    "F2": (_f2, range(1, 5), []),
    "F3": (_f3, range(1, 7), [(1, 2, 3), (4, 5, 6)]),
    "F4": (_f4, range(1, 7), [(1, 2, 3), (4, 5, 6)]),
    "F5": (_f5, range(1, 7), [(1, 2), (4, 5)]),
    "F6": (_f6, (*range(1, 6), *range(7, 11)), [(1, 2, 3), (3, 5), (2, 7), (7, 8, 9, 10)]),
    "F7": (_f7, (*range(1, 6), *range(7, 11)), [(1, 2), (2, 3), (3, 4), (1, 4), (4, 5, 7, 8)]),
    "F8": (_f8, (*range(1, 7), *range(8, 11)), [(1, 2), (3, 4), (5, 6, 8), (8, 9, 10)]),
    "F9": (_f9, range(1, 11), [(1, 2, 3, 4, 5), (6, 7, 8), (9, 10)]),
    "F10": (_f10, range(1, 7), [(1, 2, 3), (4, 5, 6)]),
}


def make_interactions(
    function: str = "F6",
    *,
    n_samples: int | None = None,
    n_features: int | None = None,
    random_state: Any = None,
) -> Bunch:
    """Draw features, and one of ten functions of the features whose interactions are known.

    Parameters
    ----------
    function : {"F1", "F2", ..., "F10"}, default="F6"
        F1 to F5 give a binary target, whether the function is positive; F6 to F10 its value.
    n_samples : None or int, default=None
        None: 20,000 for F1 to F5, else 5,000.
    n_features : None or int, default=None
        At least 10; those beyond the 10th do nothing. None: 10 for F1 to F7, else 13.
    random_state : None, int or RandomState, default=None
        Determines the numbers drawn.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch`
        data : ndarray of shape (n_samples, n_features)
            F1 to F5: standard normal. F6: uniform on (0, 1), features 4, 5, 8 and 10 (counted from
            1) on (0.6, 1). F7 to F10: uniform on (-1, 1).
        target : ndarray of shape (n_samples,)
            The target.
        function_values : ndarray of shape (n_samples,)
            The function.
        features : int ndarray
            Indices, from 0, of the features that the function depends on.
        pairs : int ndarray of shape (n_pairs, 2)
            Indices, from 0, of the pairs that interact.

    Raises
    ------
    ValueError
        If the function is unknown, or there are less than 10 features.

    References
    ----------
    M. Tsang, D. Cheng and Y. Liu, "Detecting statistical interactions from neural network weights",
    ICLR 2018; A. Badre and C. Pan, "LINA", IEEE Access 10, 2022. In the latter's samples of F6 the
    features on (0.6, 1) are constant; here each row has its own.

    Examples
    --------
    >>> from skgenetics.datasets import make_interactions
    >>> dataset = make_interactions("F10", n_samples=100, random_state=0)
    >>> dataset.data.shape, len(dataset.pairs)
    ((100, 13), 6)
    """
    check_option(function, "function", tuple(FUNCTIONS))
    number = int(function[1:])
    n_samples = (20_000 if number <= 5 else 5_000) if n_samples is None else n_samples
    n_features = (10 if number <= 7 else 13) if n_features is None else n_features
    check_number(n_samples, "n_samples", integer=True, low=1, closed="left")
    check_number(n_features, "n_features", integer=True, low=10, closed="left")
    rng, shape = check_random_state(random_state), (n_samples, n_features)
    if number <= 5:
        X = rng.standard_normal(shape)
    elif number == 6:
        X = rng.uniform(0, 1, shape)
        X[:, [3, 4, 7, 9]] = 0.6 + 0.4 * X[:, [3, 4, 7, 9]]
    else:
        X = rng.uniform(-1, 1, shape)
    formula, features, cliques = FUNCTIONS[function]
    values = formula({i: X[:, i - 1] for i in range(1, 11)})
    pairs = sorted({pair for clique in cliques for pair in combinations(clique, 2)})
    return Bunch(
        data=X,
        target=(values > 0).astype(int) if number <= 5 else values,
        function_values=values,
        features=np.array(list(features)) - 1,
        pairs=np.array(pairs, dtype=int).reshape(-1, 2) - 1,
    )
