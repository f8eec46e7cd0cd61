import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skgenetics.datasets import (
    make_case_control,
    make_expression_tensor,
    make_multitrait,
    make_summary_statistics,
    make_trait,
)
from tests.hypothesis_settings import examples
from tests.oracles.datasets_naive import variance

MAKERS = [make_trait, make_multitrait, make_case_control, make_expression_tensor]


@examples(30)
@given(
    h2=st.floats(0, 0.99),
    n_causal=st.one_of(st.integers(1, 40), st.floats(0.001, 0.999)),
    exponent=st.sampled_from([0.0, -1.0, -0.25]),
    seed=st.integers(0, 99),
)
def test_trait_has_the_heritability_asked_for(dosages, h2, n_causal, exponent, seed):
    trait = make_trait(
        dosages, n_causal=n_causal, h2=h2, frequency_exponent=exponent, random_state=seed
    )
    genetic = dosages.astype(float) @ trait.coef
    explained = variance(genetic.tolist())
    noise = variance((trait.target - genetic).tolist())
    assert explained / (explained + noise) == pytest.approx(h2, abs=1e-10)
    assert explained + noise == pytest.approx(1, abs=1e-10)
    assert noise == pytest.approx(trait.residual_variance, rel=1e-10)
    np.testing.assert_allclose(trait.genetic_values, genetic - genetic.mean(), atol=1e-10)
    assert trait.target.mean() == pytest.approx(0, abs=1e-10)
    np.testing.assert_array_equal(trait.causal, np.flatnonzero(trait.coef))
    if h2 > 1e-6 and isinstance(n_causal, int):
        assert len(trait.causal) == n_causal


def test_effects_are_spike_and_slab(unlinked):
    from scipy.stats import kstest

    coef = np.array(
        [make_trait(unlinked, n_causal=0.2, random_state=seed).coef for seed in range(30)]
    )
    assert np.mean(coef != 0) == pytest.approx(0.2, abs=0.015)  # SE .004
    scaled = [c[c != 0] / np.sqrt(np.mean(c[c != 0] ** 2)) for c in coef]
    assert kstest(np.concatenate(scaled), "norm").pvalue > 0.01


@pytest.mark.parametrize("exponent", [0.0, -1.0, 0.5])
def test_frequency_exponent(unlinked, exponent):
    variances = np.log(unlinked.var(axis=0))
    coef = [
        make_trait(unlinked, n_causal=300, frequency_exponent=exponent, random_state=seed).coef
        for seed in range(40)
    ]
    slope = np.polyfit(variances, np.log(np.mean(np.square(coef), axis=0)), 1)[0]
    assert slope == pytest.approx(exponent, abs=0.15)


def test_given_effects_are_taken_as_they_are(dosages):
    effects = np.zeros(507)
    effects[[3, 100]] = 0.4, -2.0
    trait = make_trait(dosages, effects=effects, h2=0.2, random_state=0)
    np.testing.assert_array_equal(trait.coef, effects)
    np.testing.assert_array_equal(trait.causal, [3, 100])
    genetic = 0.4 * dosages[:, 3] - 2.0 * dosages[:, 100]
    noise = trait.target - genetic
    assert np.var(genetic) / (np.var(genetic) + np.var(noise)) == pytest.approx(0.2, abs=1e-12)
    none = make_trait(dosages, effects=np.zeros(507), h2=0, random_state=0)
    assert np.var(none.target) == pytest.approx(1, abs=1e-12)


def test_noise_is_independent_of_genotypes(unlinked):
    trait = make_trait(unlinked, random_state=0)
    noise = trait.target - trait.genetic_values
    z = np.sqrt(4000) * np.array([np.corrcoef(x, noise)[0, 1] for x in unlinked.T])
    assert np.mean(z**2) == pytest.approx(1, abs=0.25)  # SE .08
    assert np.abs(np.corrcoef(trait.genetic_values, noise)[0, 1]) > 1e-6  # not projected out


def test_multitrait_explained_variance(dosages):
    h2 = np.array([0.0, 0.1, 0.3, 0.8])
    made = make_multitrait(
        dosages, n_traits=4, n_causal=8, covariances="shared", h2=h2, random_state=0
    )
    genetic = dosages.astype(float) @ made.coef.T
    noise = made.target - genetic
    for j in range(4):
        explained, rest = variance(genetic[:, j].tolist()), variance(noise[:, j].tolist())
        assert explained / (explained + rest) == pytest.approx(h2[j], abs=1e-10)
        assert made.residual_covariance[j, j] == pytest.approx(rest, rel=1e-10)
    np.testing.assert_allclose(made.genetic_values, genetic - genetic.mean(axis=0), atol=1e-10)
    np.testing.assert_array_equal(made.h2, h2)
    assert not made.coef[0].any()
    assert np.var(genetic[:, 1:], axis=0).mean() == pytest.approx(0.4, abs=1e-10)


def test_a_trait_without_causal_variants_reports_no_explained_variance(dosages):
    made = make_multitrait(dosages, n_causal=1, covariances="singleton", random_state=0)
    (affected,) = np.flatnonzero(made.coef.any(axis=1))
    assert made.component_names[made.component[0]] == f"singleton_y{affected}"
    assert made.h2.tolist() == [0.3 if j == affected else 0.0 for j in range(5)]
    np.testing.assert_allclose(np.var(np.delete(made.target, affected, axis=1), axis=0), 1)


def test_multitrait_patterns_of_effects(unlinked):
    def effects(**kwargs):
        made = make_multitrait(unlinked, n_traits=3, n_causal=300, random_state=0, **kwargs)
        return made.coef[:, made.causal], made

    shared, _ = effects(covariances="shared")
    np.testing.assert_allclose(shared, np.tile(shared[0], (3, 1)), atol=1e-12)
    single, made = effects(covariances=["singleton"])
    assert np.all(np.sum(np.abs(single) > 1e-9, axis=0) == 1)
    assert made.component_names == ["singleton_y0", "singleton_y1", "singleton_y2"]
    np.testing.assert_array_equal(np.abs(single).argmax(axis=0), made.component)
    mixed, _ = effects(covariances="heterogeneous", effect_correlation=0.6)
    np.testing.assert_allclose(np.corrcoef(mixed)[np.triu_indices(3, 1)], 0.6, atol=0.12)
    free, _ = effects(covariances="independent")
    np.testing.assert_allclose(np.corrcoef(free)[np.triu_indices(3, 1)], 0, atol=0.15)


def test_multitrait_given_matrices_and_weights(unlinked):
    U = np.array([[[1.0, 0.5], [0.5, 4.0]], [[1.0, -1.0], [-1.0, 1.0]]])
    moments, shares = [], []
    for seed in range(15):
        made = make_multitrait(
            unlinked, n_traits=2, n_causal=300, covariances=U, weights=[3, 1], random_state=seed
        )
        assert made.component_names == ["covariance_0", "covariance_1"]
        scale = made.components[0, 0, 0]
        np.testing.assert_allclose(made.components / scale, U, rtol=1e-12)
        effects = made.coef[:, made.causal] / np.sqrt(scale)
        shares.append(np.mean(made.component == 1))
        parts = [effects[:, made.component == k] for k in range(2)]
        moments.append([part @ part.T / part.shape[1] for part in parts])
    assert np.mean(shares) == pytest.approx(0.25, abs=0.025)  # SE .0065
    np.testing.assert_allclose(np.mean(moments, axis=0), U, atol=0.4)  # SE at most .1


def test_multitrait_residual_correlation(unlinked):
    C = np.array([[1.0, 0.7, 0.0], [0.7, 1.0, -0.4], [0.0, -0.4, 1.0]])
    for asked, expected in ((C, C), (0.5, np.full((3, 3), 0.5) + 0.5 * np.eye(3))):
        made = make_multitrait(
            unlinked, n_traits=3, residual_correlation=asked, h2=[0.1, 0.4, 0.6], random_state=0
        )
        noise = made.target - unlinked @ made.coef.T
        np.testing.assert_allclose(np.corrcoef(noise, rowvar=False), expected, atol=0.05)
        sd = np.sqrt(np.diag(made.residual_covariance))
        np.testing.assert_allclose(made.residual_covariance / np.outer(sd, sd), expected, atol=1e-9)


def test_multitrait_missing_cells(dosages):
    made = make_multitrait(dosages, missing_rate=0.25, random_state=0)
    missing = np.isnan(made.target)
    assert missing.sum(axis=0).tolist() == [int(0.25 * 358)] * 5
    assert len(np.unique(missing, axis=0)) > 10
    np.testing.assert_array_equal(made.target[~missing], made.complete_target[~missing])
    full = make_multitrait(dosages, random_state=0)
    np.testing.assert_array_equal(full.target, made.complete_target)


@pytest.mark.parametrize("make", MAKERS)
def test_int8_float_and_frames_give_the_same(dosages, make):
    pd = pytest.importorskip("pandas")
    reference = make(dosages, random_state=1)
    for X in (dosages.astype(np.float32), pd.DataFrame(dosages), np.asfortranarray(dosages)):
        np.testing.assert_allclose(make(X, random_state=1).target, reference.target, atol=1e-10)
    assert np.any(make(dosages, random_state=2).target != reference.target)


def broken(dosages, value, dtype=float):
    X = dosages.astype(dtype)
    X[5, 7] = value
    return X


@pytest.mark.parametrize("make", [*MAKERS, lambda X: make_summary_statistics(X, np.arange(358.0))])
def test_bad_genotypes(dosages, make):
    with pytest.raises(ValueError, match="GenotypeImputer"):
        make(broken(dosages, np.nan))
    with pytest.raises(ValueError, match="GenotypeImputer"):
        make(broken(dosages, -9, np.int8))
    with pytest.raises(ValueError, match="infinity"):
        make(broken(dosages, np.inf))
    constant = dosages.copy()
    constant[:, [4, 9]] = 1
    with pytest.raises(ValueError, match=r"2 of 507 variants .* column 4.*MinorAllele"):
        make(constant)
    with pytest.raises(ValueError, match="2D"):
        make(dosages[:, 0])
    with pytest.raises(ValueError, match="minimum of 2"):
        make(dosages[:1])


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"h2": 1}, ValueError, "h2 must be at least 0 and below 1"),
        ({"h2": -0.1}, ValueError, "h2"),
        ({"h2": float("nan")}, ValueError, "h2"),
        ({"h2": "0.5"}, TypeError, "h2"),
        ({"h2": True}, TypeError, "h2"),
        ({"n_causal": 508}, ValueError, "n_causal is 508, but there are only 507"),
        ({"n_causal": 0}, ValueError, "n_causal"),
        ({"n_causal": 1.5}, ValueError, "n_causal"),
        ({"n_causal": None}, TypeError, "n_causal"),
        ({"effects": [1.0]}, ValueError, r"effects must have shape \(507,\)"),
        ({"effects": np.zeros(507)}, ValueError, "h2=0.5 cannot be reached"),
        ({"effects": np.ones(507), "h2": 0}, ValueError, "h2=0 cannot be reached"),
        ({"effects": np.full(507, np.nan)}, ValueError, "NaN"),
        ({"frequency_exponent": "a"}, TypeError, "frequency_exponent"),
    ],
)
def test_bad_trait(dosages, kwargs, error, message):
    with pytest.raises(error, match=message):
        make_trait(dosages, **kwargs)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"n_traits": 0}, "n_traits"),
        ({"h2": [0.1, 0.2]}, r"h2 .*\(5,\)"),
        ({"h2": 1.0}, "h2 must be at least 0"),
        ({"missing_rate": 1}, "missing_rate"),
        ({"covariances": "none"}, "known are shared"),
        ({"covariances": []}, "empty"),
        ({"covariances": np.eye(3)[None]}, r"\(K, 5, 5\)"),
        ({"covariances": -np.eye(5)[None]}, "no negative eigenvalue"),
        ({"covariances": (np.eye(5) + np.eye(5, k=1))[None]}, "symmetric"),
        ({"weights": [1, 2]}, "weights must be 3 numbers"),
        ({"weights": [0, 0, 0]}, "not all 0"),
        ({"weights": [1, -1, 1]}, "weights"),
        ({"residual_correlation": 1.0}, "positive definite"),
        ({"residual_correlation": -0.3}, "positive definite"),
        ({"residual_correlation": np.eye(4)}, r"\(5, 5\)"),
        ({"residual_correlation": 2 * np.eye(5)}, "ones on its diagonal"),
    ],
)
def test_bad_multitrait(dosages, kwargs, message):
    with pytest.raises(ValueError, match=message):
        make_multitrait(dosages, **kwargs)


def test_effects_follow_the_names_of_x():
    X = pd.DataFrame(np.random.default_rng(0).integers(0, 3, (50, 3)), columns=["a", "b", "c"])
    effects = pd.Series([1.0, 0.5, 0.0], ["a", "b", "c"])
    expected = make_trait(X, effects=effects.to_numpy(), random_state=0)
    made = make_trait(X, effects=effects[::-1], random_state=0)
    np.testing.assert_array_equal(made.target, expected.target)
    with pytest.raises(ValueError, match="X has no labels to match it by"):
        make_trait(X.to_numpy(), effects=effects, random_state=0)
