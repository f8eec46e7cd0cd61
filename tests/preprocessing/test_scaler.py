import array_api_strict
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.preprocessing import StandardScaler

from skgenetics.preprocessing import GenotypeScaler
from tests.hypothesis_settings import examples


@pytest.fixture
def genotypes():
    rng = np.random.default_rng(1)
    return rng.binomial(2, rng.uniform(0.1, 0.9, 25), (60, 25)).astype(np.int8)


def test_binomial_by_definition(genotypes):
    train, test = genotypes[:40], genotypes[40:]
    scaled = GenotypeScaler().fit(train).transform(test)
    assert scaled.dtype == np.float64
    for j in range(train.shape[1]):
        f = sum(map(int, train[:, j])) / (2 * len(train))
        expected = (test[:, j].astype(float) - 2 * f) / np.sqrt(2 * f * (1 - f))
        assert_allclose(scaled[:, j], expected, rtol=1e-13, atol=1e-15)


def test_ploidy_one():
    X = np.array([[0], [1], [1], [1]])
    assert_allclose(GenotypeScaler(ploidy=1).fit(X).scale_, [np.sqrt(0.75 * 0.25)], rtol=1e-15)
    assert_allclose(GenotypeScaler(ploidy=2).fit(X).scale_, [np.sqrt(0.75 * 1.25 / 2)], rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.int8, np.float32, np.float64])
def test_sd_agrees_with_standard_scaler(genotypes, dtype):
    X = genotypes.astype(dtype)
    scaled = GenotypeScaler(scale="sd").fit_transform(X)
    assert scaled.dtype == (np.float32 if dtype == np.float32 else np.float64)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    expected = StandardScaler().fit_transform(genotypes.astype(float))
    assert_allclose(scaled, expected, rtol=tolerance, atol=tolerance)


def test_float32_moments_are_accumulated_in_double_precision():
    """A sum of 200,000 float32 row by row is off by more than 1e-5."""
    rng = np.random.default_rng(2)
    X = rng.uniform(0, 2, (200_000, 2)).astype(np.float32)
    scaler = GenotypeScaler(scale="sd").fit(X)
    assert_allclose(scaler.mean_, X.astype(float).mean(axis=0), rtol=1e-7)
    assert_allclose(scaler.scale_, X.astype(float).std(axis=0), rtol=1e-7)


@pytest.mark.parametrize("scale", ["binomial", "sd"])
def test_constant_variants_are_zero_in_every_sample(scale):
    train = np.column_stack([np.zeros(4), np.full(4, 2), np.ones(4), np.full(4, 0.1), range(4)])
    test = np.full((2, 5), 1.5)
    scaler = GenotypeScaler(scale=scale).fit(train)
    assert_array_equal(scaler.scale_[:4], 0)
    assert_array_equal(scaler.transform(test)[:, :4], 0)
    assert_allclose(scaler.inverse_transform(scaler.transform(test))[0], [0, 2, 1, 0.1, 1.5])


def test_columns_that_are_not_dosages_are_divided_by_their_sd(genotypes):
    covariates = np.random.default_rng(3).normal(50, 9, (60, 2))
    X = np.column_stack([genotypes, covariates])
    scaled = GenotypeScaler().fit_transform(X)
    assert_allclose(scaled[:, -2:], StandardScaler().fit_transform(covariates), atol=1e-12)
    assert_array_equal(scaled[:, :-2], GenotypeScaler().fit_transform(genotypes))


def test_nan_is_left_out_and_stays(genotypes):
    X = genotypes.astype(float)
    X[::7, 3] = np.nan
    scaled = GenotypeScaler().fit_transform(X)
    calls = X[:, 3][~np.isnan(X[:, 3])]
    f = calls.mean() / 2
    assert_array_equal(np.isnan(scaled), np.isnan(X))
    seen = ~np.isnan(X[:, 3])
    assert_allclose(scaled[seen, 3], (calls - 2 * f) / np.sqrt(2 * f * (1 - f)), rtol=1e-13)


def test_missing_codes_raise(genotypes):
    bad = genotypes.copy()
    bad[0, 0] = -9
    with pytest.raises(ValueError, match=r"X holds -9 .*GenotypeImputer"):
        GenotypeScaler().fit(bad)
    with pytest.raises(ValueError, match="GenotypeImputer"):
        GenotypeScaler().fit(genotypes).transform(bad)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"scale": "std"}, ValueError),
        ({"scale": None}, ValueError),
        ({"ploidy": 0}, ValueError),
        ({"ploidy": 1.5}, TypeError),
    ],
)
def test_bad_parameters(parameters, error):
    with pytest.raises(error, match=next(iter(parameters))):
        GenotypeScaler(**parameters).fit([[0, 1], [1, 2]])


def test_inverse_of_another_width_raises(genotypes):
    with pytest.raises(ValueError, match=r"X has 3 variants.*fitted with 25"):
        GenotypeScaler().fit(genotypes).inverse_transform(np.ones((2, 3)))


def test_input_untouched_and_names_kept(genotypes):
    X = genotypes.astype(float)
    X.setflags(write=False)
    before = X.copy()
    scaler = GenotypeScaler().fit(X)
    scaled = scaler.transform(X)
    scaled.setflags(write=False)
    scaler.inverse_transform(scaled)
    assert_array_equal(X, before)
    frame = pd.DataFrame(genotypes).add_prefix("rs")
    out = GenotypeScaler().set_output(transform="pandas").fit_transform(frame)
    assert list(out.columns) == list(frame.columns)
    assert_allclose(out.to_numpy(), scaled)


@examples(40)
@given(
    arrays(np.float64, (6, 3), elements=st.floats(0, 2)),
    st.sampled_from(["binomial", "sd"]),
)
def test_inverse_returns_to_the_dosages(X, scale):
    scaler = GenotypeScaler(scale=scale).fit(X)
    scaled = scaler.transform(X)
    assert np.isfinite(scaled).all()
    assert_allclose(scaler.inverse_transform(scaled), X, atol=1e-12)


@pytest.mark.parametrize("dtype", ["int8", "float32", "float64"])
@pytest.mark.parametrize("scale", ["binomial", "sd"])
@pytest.mark.parametrize("library", ["array_api_strict", "torch"])
def test_other_namespaces_agree_with_numpy(genotypes, library, scale, dtype):
    xp = array_api_strict if library == "array_api_strict" else pytest.importorskip("torch")
    X = genotypes.astype(dtype)
    X[:, 0] = 1
    scaler = GenotypeScaler(scale=scale)
    expected = scaler.fit_transform(X)
    back = scaler.inverse_transform(expected)
    with config_context(array_api_dispatch=True):
        found = scaler.fit_transform(xp.asarray(X))
        found_back = scaler.inverse_transform(found)
    assert type(found) is type(xp.asarray(X))
    assert np.asarray(found).dtype == expected.dtype
    tolerance = 1e-6 if dtype == "float32" else 1e-13
    assert_allclose(np.asarray(found), expected, rtol=tolerance, atol=tolerance)
    assert_allclose(np.asarray(found_back), back, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("n_samples", [3, 4001])
def test_constants_are_told_from_variants_by_rounding_alone(n_samples):
    X = np.full((n_samples, 2), 0.1)
    X[0, 1] += 1e-12
    scale = GenotypeScaler(scale="sd").fit(X).scale_
    assert scale[0] == 0
    assert scale[1] > 0
