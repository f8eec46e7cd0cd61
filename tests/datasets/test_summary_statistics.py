import numpy as np
import pytest
from scipy.stats import linregress

from skgenetics.datasets import make_genotypes, make_summary_statistics, make_trait


def test_z_from_data(dosages):
    y = make_trait(dosages, random_state=0).target + 3
    made = make_summary_statistics(dosages, y)
    for s in (0, 100, 506):
        fit = linregress(dosages[:, s], y)
        t = fit.slope / fit.stderr
        assert made.z[s] == pytest.approx(t * np.sqrt(358 / (t**2 + 356)), rel=1e-9)
    assert made.n_samples == 358
    two = make_summary_statistics(dosages, np.column_stack([y, -2 * y]))
    np.testing.assert_allclose(two.z, np.column_stack([made.z, -made.z]), atol=1e-10)


def test_z_of_many_variants_goes_by_blocks():
    X = make_genotypes(60, 2500, random_state=0).data
    y = np.random.default_rng(0).normal(size=60)
    expected = [np.sqrt(60) * np.corrcoef(x, y)[0, 1] for x in X.T]
    np.testing.assert_allclose(make_summary_statistics(X, y).z, expected, atol=1e-10)


@pytest.mark.parametrize("singular", [False, True])
def test_z_from_ld_has_its_mean_and_covariance(dosages, singular):
    ld = np.corrcoef(dosages[:, 40:46] + 0.0, rowvar=False)
    if singular:
        ld = np.corrcoef(dosages[:, [40, 40, 41, 42, 43, 44]] + 0.0, rowvar=False)
    effects = np.array([0.1, 0, 0, -0.05, 0, 0])
    n = np.array([1000, 1000, 2000, 1000, 500, 1000])
    rng = np.random.RandomState(0)
    draws = [
        make_summary_statistics(ld=ld, effects=effects, n_samples=n, random_state=rng).z
        for _ in range(4000)
    ]
    mean = [np.sqrt(n[i]) * sum(ld[i, k] * effects[k] for k in range(6)) for i in range(6)]
    np.testing.assert_allclose(np.mean(draws, axis=0), mean, atol=0.06)  # SE .016
    np.testing.assert_allclose(np.cov(draws, rowvar=False), ld, atol=0.09)  # SE .022
    if singular:
        np.testing.assert_allclose(np.diff(draws, axis=1)[:, 0], np.diff(mean)[0], atol=1e-6)


def test_truth_from_ld():
    ld = np.array([[1, 0.5], [0.5, 1]])
    made = make_summary_statistics(ld=ld, effects=[0.2, -0.1], n_samples=400, random_state=0)
    np.testing.assert_allclose(made.expected_z, [3.0, 0.0], atol=1e-12)
    assert made.h2 == pytest.approx(0.04 + 0.01 - 2 * 0.5 * 0.02)
    assert made.causal.tolist() == [0, 1]
    assert made.n_samples == 400
    again = make_summary_statistics(ld=ld, effects=[0.2, -0.1], n_samples=400, random_state=0)
    np.testing.assert_array_equal(made.z, again.z)


def test_both_forms_agree(dosages):
    """Over traits of the same effects, z of the data has the mean that the LD form draws from."""
    X = dosages[:, ::50]
    ld = np.corrcoef(X + 0.0, rowvar=False)
    effects = np.zeros(X.shape[1])
    effects[[2, 7]] = 0.1, 0.2
    rng = np.random.RandomState(0)
    z, h2 = [], 0.0
    for _ in range(1500):
        trait = make_trait(X, effects=effects / X.std(axis=0), h2=0.05, random_state=rng)
        z.append(make_summary_statistics(X, trait.target).z)
        h2 = np.var(trait.genetic_values) / 0.05
    drawn = make_summary_statistics(ld=ld, effects=effects / np.sqrt(h2), n_samples=358)
    np.testing.assert_allclose(np.mean(z, axis=0), drawn.expected_z, atol=0.1)  # SE .026
    assert drawn.h2 == pytest.approx(0.05, rel=1e-9)


GOOD = {"ld": np.eye(3), "effects": np.zeros(3), "n_samples": 100}


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({}, "got none of them"),
        ({"X": np.eye(3)}, "got X"),
        ({**GOOD, "y": np.zeros(3)}, "got y, ld, effects, n_samples"),
        ({"ld": np.eye(3), "effects": np.zeros(3)}, "got ld, effects"),
        ({**GOOD, "ld": np.triu(np.full((3, 3), 0.2) + 0.8 * np.eye(3))}, "not symmetric.*0.2"),
        ({**GOOD, "ld": np.eye(3)[:2]}, "square"),
        ({**GOOD, "ld": 2 * np.eye(3)}, "diagonal"),
        ({**GOOD, "ld": np.full((3, 3), np.nan)}, "NaN"),
        ({**GOOD, "ld": 2.0 - np.eye(3)}, "diagonal|eigenvalue"),
        ({**GOOD, "ld": 1.9 * np.eye(3) - 0.9}, "smallest eigenvalue is -0.8"),
        ({**GOOD, "effects": np.zeros(4)}, r"effects must have shape \(3,\)"),
        ({**GOOD, "effects": [1.0, 0, 0]}, "explain 1 of the variance"),
        ({**GOOD, "n_samples": [1, 2]}, "n_samples"),
        ({**GOOD, "n_samples": 0}, "positive"),
        ({**GOOD, "n_samples": [1, np.nan, 1]}, "positive"),
        ({"X": np.eye(3), "y": np.zeros(3)}, "y is constant"),
        ({"X": np.eye(3), "y": [1.0, np.nan, 2]}, "NaN"),
        ({"X": np.eye(3), "y": [1.0, 2]}, "inconsistent"),
    ],
)
def test_bad_input(kwargs, message):
    with pytest.raises(ValueError, match=message):
        make_summary_statistics(**kwargs)
