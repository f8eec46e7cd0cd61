"""F1 to F10: the formulas once more, and the pairs by mixed differences."""

from math import cos, exp, log, pi, sin, sqrt, tanh

import numpy as np
import pytest

from skgenetics.datasets import make_interactions
from skgenetics.datasets._interactions import FUNCTIONS


def formula(name, row):
    """The functions as printed, with Python's floats."""
    x1, x2, x3, x4, x5, x6, x7, x8, x9, x10 = map(float, row[:10])
    if name == "F1":
        return 4 * x1**2 - 2 * x2**2 + x3**2 - 3 * x4**2
    if name == "F2":
        return -10 * sin(2 * x1) + 2 * abs(x2) + x3 - exp(-x4)
    if name == "F3":
        return 4 * x1 * x2 * x3 + x4 * x5 * x6
    if name == "F4":
        return 10 * sin(x1 * x2 * x3) + abs(x4 * x5 * x6)
    if name == "F5":
        return -20 * sin(2 * x1 * x2) + 2 * abs(x3) + x4 * x5 - 4 * exp(-x6)
    if name == "F6":
        return (pi ** (x1 * x2) * sqrt(x3) + 1 / sin(x4) + log(x3 + x5)
                - (x9 / x10) * sqrt(x7 / x8) - x2 * x7)  # fmt: skip
    if name == "F7":
        return (exp(abs(x1 - x2)) + abs(x2 * x3) - (x3**2) ** abs(x4) + (x1 * x4) ** 2
                + log(x4**2 + x5**2 + x7**2 + x8**2) + x9 + 1 / (1 + x10**2))  # fmt: skip
    if name == "F8":
        return (sin(abs(x1 * x2) + 1) - log(abs(x3 * x4) + 1) + cos(x5 + x6 - x8)
                + sqrt(x8**2 + x9**2 + x10**2))  # fmt: skip
    if name == "F9":
        return (tanh(x1 * x2 + x3 * x4) * sqrt(abs(x5)) + log((x6 * x7 * x8) ** 2 + 1)
                + x9 * x10 + 1 / (1 + abs(x10)))  # fmt: skip
    return cos(x1 * x2 * x3) + sin(x4 * x5 * x6)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_features_and_pairs(name):
    made = make_interactions(name, n_samples=40, random_state=0)
    expected = [formula(name, row) for row in made.data]
    np.testing.assert_allclose(made.function_values, expected, rtol=1e-12, atol=1e-12)
    binary = name in ("F1", "F2", "F3", "F4", "F5")
    np.testing.assert_array_equal(
        made.target, made.function_values > 0 if binary else made.function_values
    )
    X, other = made.data[:, :10], made.data[::-1, :10]
    alone, together = np.zeros(10), np.zeros((10, 10))
    for x, donor in zip(X, other, strict=True):

        def f(*replaced, x=x, donor=donor):
            row = x.copy()
            row[list(replaced)] = donor[list(replaced)]
            return formula(name, row)

        for i in range(10):
            alone[i] += abs(f() - f(i))
            for j in range(i):
                together[j, i] += abs(f() - f(i) - f(j) + f(i, j))
    np.testing.assert_array_equal(made.features, np.flatnonzero(alone > 1e-10))
    np.testing.assert_array_equal(made.pairs, np.argwhere(together > 1e-10))


@pytest.mark.parametrize(
    ("name", "low", "high"), [("F6", 0, 1), ("F7", -1, 1), ("F8", -1, 1), ("F10", -1, 1)]
)
def test_uniform_ranges(name, low, high):
    X = make_interactions(name, random_state=0).data
    assert len(X) == 5000
    lows = np.full(X.shape[1], float(low))
    if name == "F6":
        lows[[3, 4, 7, 9]] = 0.6
    expected = (lows + high) / 2, (high - lows) / np.sqrt(12)
    np.testing.assert_allclose(X.mean(axis=0), expected[0], atol=0.03)
    np.testing.assert_allclose(X.std(axis=0), expected[1], atol=0.02)  # no constant column
    assert np.all(X.min(axis=0) > lows)
    assert X.max() < high


def test_sizes():
    normal = make_interactions("F1", random_state=0)
    assert normal.data.shape == (20_000, 10)
    np.testing.assert_allclose(normal.data.std(axis=0), 1, atol=0.03)
    assert make_interactions("F8").data.shape == (5000, 13)
    assert make_interactions("F8", n_samples=7, n_features=100).data.shape == (7, 100)
    with pytest.raises(ValueError, match="n_features"):
        make_interactions("F1", n_features=9)
    with pytest.raises(ValueError, match="F11"):
        make_interactions("F11")
