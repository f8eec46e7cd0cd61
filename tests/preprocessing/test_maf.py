from fractions import Fraction

import array_api_strict
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.pipeline import make_pipeline

from skgenetics.preprocessing import GenotypeImputer, MinorAlleleFrequencyThreshold
from tests.hypothesis_settings import examples
from tests.oracles.preprocessing_naive import minor_allele_frequency


@pytest.fixture
def genotypes():
    rng = np.random.default_rng(4)
    G = rng.binomial(2, rng.uniform(0, 0.2, 40), (50, 40)).astype(np.int8)
    G[:, ::2] = 2 - G[:, ::2]
    G[rng.random(G.shape) < 0.1] = -9
    return G


@pytest.mark.parametrize("ploidy", [2, 3])
@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.float32, np.float64])
def test_frequencies(genotypes, dtype, ploidy):
    X = genotypes.astype(dtype)
    integer = np.issubdtype(dtype, np.integer)
    if not integer:
        X[X < 0] = np.nan
    selector = MinorAlleleFrequencyThreshold(0.05, ploidy=ploidy).fit(X)
    exact = [minor_allele_frequency(X[:, j], integer, ploidy) for j in range(X.shape[1])]
    assert_allclose(selector.maf_, [float(f) for f in exact], rtol=1e-6)
    assert_array_equal(selector.get_support(), [f >= Fraction(5, 100) for f in exact])
    assert 0 < selector.get_support().sum() < X.shape[1]


@pytest.mark.parametrize("dtype", [np.int8, np.float32, np.float64])
@pytest.mark.parametrize("percent", range(1, 51))
def test_a_variant_at_the_threshold_is_kept(percent, dtype):
    """1 - 0.9 < 0.1 in floating point: the rarer allele is counted, not its complement."""
    counted = np.repeat([0, 1], [100 - percent, percent])
    X = np.column_stack([2 * counted, 2 - 2 * counted]).astype(dtype)
    selector = MinorAlleleFrequencyThreshold(percent / 100)
    assert_array_equal(selector.fit(X).get_support(), [True, True])
    just_above = MinorAlleleFrequencyThreshold(min(percent / 100 + 1e-9, 0.5))
    if percent < 50:
        with pytest.raises(ValueError, match="No variant"):
            just_above.fit(X)


def test_dosages_need_not_be_whole():
    X = np.array([[0.25, 1.9], [0.0, 1.85], [0.05, 2.0]])
    assert_allclose(MinorAlleleFrequencyThreshold(0).fit(X).maf_, [0.05, 0.25 / 6], rtol=1e-13)


def test_missing_calls_pass_through_and_never_observed_variants_go(genotypes):
    X = genotypes.copy()
    X[:, 5] = -9
    selector = MinorAlleleFrequencyThreshold(0.05).fit(X)
    assert selector.maf_[5] == 0
    out = selector.transform(X)
    assert out.dtype == np.int8
    assert_array_equal(out, X[:, selector.get_support()])
    assert (out == -9).any()
    imputed = make_pipeline(selector, GenotypeImputer()).fit_transform(X)
    assert (imputed >= 0).all()


def test_other_columns_are_kept():
    X = np.array([[0.0, 61.0, -1.2], [0.0, 43.0, 0.3], [1.0, 55.0, 0.9], [0.0, 38.0, 0.0]])
    selector = MinorAlleleFrequencyThreshold(0.2).fit(X)
    assert_array_equal(selector.maf_, [0.125, np.nan, np.nan])
    assert_array_equal(selector.get_support(), [False, True, True])


def test_no_variant_left_raises():
    with pytest.raises(ValueError, match=r"No variant .* of 0.4 or more; the largest of 2 is 0.25"):
        MinorAlleleFrequencyThreshold(0.4).fit([[0, 0], [1, 0]])


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"threshold": -0.1}, ValueError),
        ({"threshold": 0.6}, ValueError),
        ({"threshold": np.nan}, ValueError),
        ({"threshold": "5%"}, TypeError),
        ({"ploidy": 0}, ValueError),
    ],
)
def test_bad_parameters(parameters, error):
    with pytest.raises(error, match=next(iter(parameters))):
        MinorAlleleFrequencyThreshold(**parameters).fit([[0, 1], [1, 2]])


def test_data_frames_and_names(genotypes):
    X = pd.DataFrame(genotypes).add_prefix("rs")
    selector = MinorAlleleFrequencyThreshold(0.05).set_output(transform="pandas").fit(X)
    out = selector.transform(X)
    kept = X.columns[selector.maf_ >= 0.05]
    assert 0 < len(kept) < 40
    pd.testing.assert_frame_equal(out, X[kept])
    assert list(selector.get_feature_names_out()) == list(kept)


@examples(60)
@given(arrays(np.int8, (9, 4), elements=st.sampled_from([-9, 0, 1, 2])))
def test_counting_the_other_allele_changes_nothing(X):
    flipped = np.where(X < 0, X, 2 - X).astype(np.int8)
    selector = MinorAlleleFrequencyThreshold(0)
    assert_array_equal(selector.fit(X).maf_, selector.fit(flipped).maf_)


def test_inverse_transform(genotypes):
    selector = MinorAlleleFrequencyThreshold(0.05).fit(genotypes)
    support = selector.get_support()
    back = selector.inverse_transform(selector.transform(genotypes))
    assert back.dtype == np.int8
    assert_array_equal(back, np.where(support, genotypes, 0))
    with pytest.raises(ValueError, match=r"X has 40 columns, but .* selected"):
        selector.inverse_transform(genotypes)


@pytest.mark.parametrize("dtype", ["int8", "float32", "float64"])
@pytest.mark.parametrize("library", ["array_api_strict", "torch"])
def test_other_namespaces_agree_with_numpy(genotypes, library, dtype):
    xp = array_api_strict if library == "array_api_strict" else pytest.importorskip("torch")
    X = genotypes.astype(dtype)
    if dtype != "int8":
        X[X < 0] = np.nan
    expected = MinorAlleleFrequencyThreshold(0.05).fit(X)
    selected = expected.transform(X)
    with config_context(array_api_dispatch=True):
        found = MinorAlleleFrequencyThreshold(0.05).fit(xp.asarray(X))
        out = found.transform(xp.asarray(X))
        back = found.inverse_transform(out)
    assert type(out) is type(xp.asarray(X))
    assert_array_equal(np.asarray(found.maf_), expected.maf_)
    assert_array_equal(np.asarray(out), selected)
    assert_array_equal(np.asarray(back), expected.inverse_transform(selected))
