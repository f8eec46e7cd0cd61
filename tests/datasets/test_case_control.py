import numpy as np
import pytest
from scipy.stats import norm

from skgenetics.datasets import make_case_control
from tests.oracles.datasets_naive import variance


@pytest.fixture(scope="module")
def population():
    rng = np.random.default_rng(0)
    return rng.binomial(2, rng.uniform(0.1, 0.5, size=100), size=(40_000, 100)).astype(np.int8)


@pytest.mark.parametrize(("prevalence", "h2"), [(0.01, 0.3), (0.1, 0.5), (0.5, 0.8)])
def test_prevalence_and_heritability_of_liability(population, prevalence, h2):
    made = make_case_control(population, prevalence=prevalence, h2=h2, random_state=0)
    additive = population.astype(float) @ made.coef
    rest = made.liability - additive
    parts = variance(additive.tolist()), variance(rest.tolist())
    assert parts[0] / sum(parts) == pytest.approx(h2, abs=1e-10)
    assert sum(parts) == pytest.approx(1, abs=1e-10)
    assert np.sum(made.liability > made.threshold) == round(prevalence * 40_000)
    assert made.target.sum() == round(prevalence * 40_000)
    assert made.prevalence == prevalence
    assert made.threshold == pytest.approx(norm.isf(prevalence), abs=0.06)
    np.testing.assert_array_equal(made.rows, np.arange(40_000))


@pytest.mark.parametrize("h2", [0.2, 0.6])
def test_observed_r2_transforms_to_the_liability_scale(population, h2):
    """In the population, R2 on the 0/1 scale is h2 z^2 / (K (1 - K)) (Dempster and Lerner)."""
    K = 0.2
    made = make_case_control(population, prevalence=K, h2=h2, n_causal=100, random_state=0)
    observed = np.corrcoef(made.target, population @ made.coef)[0, 1] ** 2
    liability = observed * K * (1 - K) / norm.pdf(norm.isf(K)) ** 2
    assert liability == pytest.approx(h2, abs=0.02)


def test_ascertainment(population):
    made = make_case_control(
        population, prevalence=0.05, n_cases=900, n_controls=300, random_state=0
    )
    assert (made.target == 1).sum() == 900
    assert (made.target == 0).sum() == 300
    assert len(set(made.rows.tolist())) == 1200
    np.testing.assert_array_equal(made.data, population[made.rows])
    np.testing.assert_array_equal(made.target, made.liability[made.rows] > made.threshold)
    cases = np.sort(made.liability)[-2000:]
    mean = made.liability[made.rows][made.target == 1].mean()
    assert mean == pytest.approx(cases.mean(), abs=5 * cases.std() / np.sqrt(900))


@pytest.mark.parametrize(
    ("prevalence", "fraction", "cases", "controls"),
    [(0.05, 0.5, 2000, 2000), (0.05, 0.2, 2000, 8000), (0.5, 0.01, 202, 20000)],
)
def test_case_fraction_takes_the_largest_study(population, prevalence, fraction, cases, controls):
    made = make_case_control(
        population, prevalence=prevalence, case_fraction=fraction, random_state=0
    )
    assert made.target.sum() == cases
    assert (made.target == 0).sum() == controls


def test_pairs_of_variants(population):
    made = make_case_control(population, h2=0.3, n_pairs=4, pairs_h2=0.25, random_state=0)
    assert made.pairs.shape == (4, 2)
    assert len(np.unique(made.pairs)) == 8
    values = np.zeros(40_000)
    for (a, b), effect in zip(made.pairs, made.pair_coef):
        za = (population[:, a] - population[:, a].mean()) / population[:, a].std()
        zb = (population[:, b] - population[:, b].mean()) / population[:, b].std()
        values += effect * za * zb
    np.testing.assert_allclose(made.pair_values, values - values.mean(), atol=1e-10)
    additive = population @ made.coef
    noise = made.liability - made.pair_values - (additive - additive.mean())
    shares = [np.var(additive), np.var(values), np.var(noise)]
    np.testing.assert_allclose(shares, [0.3, 0.25, 0.45], atol=1e-10)
    assert np.corrcoef(made.pair_values, noise)[0, 1] == pytest.approx(0, abs=0.02)
    without = make_case_control(population, random_state=0)
    assert without.pairs.shape == (0, 2)
    assert not without.pair_values.any()


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"h2": 1.0}, ValueError, "h2"),
        ({"h2": 0.6, "pairs_h2": 0.5, "n_pairs": 1}, ValueError, r"h2 \+ pairs_h2"),
        ({"n_pairs": 2}, ValueError, "both be zero or both positive"),
        ({"pairs_h2": 0.2}, ValueError, "both be zero or both positive"),
        ({"n_pairs": 51, "pairs_h2": 0.2}, ValueError, "only 100 variants"),
        ({"prevalence": 0}, ValueError, "prevalence"),
        ({"prevalence": 1e-6}, ValueError, "makes 0 of 40000 people cases"),
        ({"n_cases": 5000}, ValueError, "n_cases is 5000, but the population has only 4000"),
        ({"n_controls": 0}, ValueError, "n_controls"),
        ({"n_cases": 10.5}, TypeError, "n_cases"),
        ({"n_cases": 10, "case_fraction": 0.5}, ValueError, "either case_fraction"),
        ({"case_fraction": 1.0}, ValueError, "case_fraction"),
        ({"n_causal": 101}, ValueError, "n_causal"),
    ],
)
def test_bad_input(population, kwargs, error, message):
    with pytest.raises(error, match=message):
        make_case_control(population, **kwargs)
