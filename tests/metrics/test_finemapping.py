import array_api_strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binom
from sklearn import config_context
from sklearn.calibration import calibration_curve

from skgenetics.metrics import (
    credible_set_coverage,
    credible_set_power,
    credible_set_summary,
    false_discovery_proportion,
    pip_average_precision,
    pip_calibration_curve,
)
from tests.hypothesis_settings import examples
from tests.oracles.metrics_naive import average_precision


def make_loci(n_loci=5, seed=0):
    rng = np.random.default_rng(seed)
    pip = [np.round(rng.beta(0.3, 1, rng.integers(20, 60)), 2) for _ in range(n_loci)]
    causal = [rng.random(values.size) < values for values in pip]
    return causal, pip


def as_loci(credible_sets):
    return [[{"variants": np.array(members)} for members in locus] for locus in credible_sets]


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_calibration_curve_equals_sklearn_and_loops(strategy):
    causal, pip = make_loci(40)
    curve = pip_calibration_curve(causal, pip, n_bins=7, strategy=strategy)
    status, values = np.concatenate(causal), np.concatenate(pip)
    fraction, mean = calibration_curve(status, values, n_bins=7, strategy=strategy)
    assert_allclose(curve.causal_fraction, fraction, rtol=1e-12)
    assert_allclose(curve.mean_pip, mean, rtol=1e-12)
    assert curve.n_variants.sum() == values.size
    if strategy == "uniform":
        for b, count in enumerate(curve.n_variants):
            inside = [v for v in values if b / 7 < v <= (b + 1) / 7 or (b == 0 and v == 0)]
            assert count == len(inside)


def test_intervals_are_exact_binomial():
    causal, pip = make_loci(40)
    curve = pip_calibration_curve(causal, pip, confidence=0.9)
    for n, fraction, lower, upper in zip(
        curve.n_variants, curve.causal_fraction, curve.lower, curve.upper
    ):
        k = round(n * fraction)
        if k > 0:  # as many or more causal variants have probability 5% at the lower end
            assert_allclose(binom.sf(k - 1, n, lower), 0.05, rtol=1e-6)
        else:
            assert lower == 0
        if k < n:
            assert_allclose(binom.cdf(k, n, upper), 0.05, rtol=1e-6)
        else:
            assert upper == 1


def test_intervals_cover_a_calibrated_truth_and_expose_overconfidence():
    rng = np.random.default_rng(1)
    pip = rng.random(40_000)
    calibrated = pip_calibration_curve(rng.random(40_000) < pip, pip, confidence=0.999)
    assert (
        (calibrated.lower < calibrated.mean_pip) & (calibrated.mean_pip < calibrated.upper)
    ).all()
    overconfident = pip_calibration_curve(rng.random(40_000) < pip / 2, pip, confidence=0.999)
    assert (overconfident.upper[1:] < overconfident.mean_pip[1:]).all()


def test_equal_pips_share_a_bin():
    curve = pip_calibration_curve([0], np.zeros(10), strategy="quantile")
    assert_array_equal(curve.n_variants, [10])
    curve = pip_calibration_curve([0, 9], np.repeat([0.0, 1.0], [8, 2]), n_bins=1)
    assert_array_equal(curve.n_variants, [10])
    assert_allclose(curve.mean_pip, [0.2])


def test_average_precision_pools_loci():
    causal, pip = make_loci()
    status, values = np.concatenate(causal), np.concatenate(pip)
    got = pip_average_precision(causal, pip)
    assert type(got) is float
    assert_allclose(got, average_precision(status, values, np.ones(values.size)), rtol=1e-12)
    assert np.isnan(pip_average_precision([], [0.2, 0.3]))


def test_false_discovery_proportion():
    causal, pip = [[0, 3], [1]], [[0.9, 0.5, 0.5, 0.1], [0.7, 0.2]]
    assert false_discovery_proportion(causal, pip) == 3 / 4  # at the threshold counts
    assert false_discovery_proportion(causal, pip, threshold=0.8) == 0
    assert false_discovery_proportion(causal, pip, threshold=1) == 0  # no discovery
    assert false_discovery_proportion([], [0.9, 0.1]) == 1


def test_masks_and_indices_of_one_or_many_loci_agree():
    causal, pip = make_loci()
    indices = [np.flatnonzero(mask).tolist() for mask in causal]
    assert pip_average_precision(indices, pip) == pip_average_precision(causal, pip)
    one = pip_average_precision(causal[0], pip[0])
    assert pip_average_precision(indices[0], pip[0].tolist()) == one
    assert pip_average_precision([causal[0]], [pip[0]]) == one
    assert pip_average_precision((causal[0],), (pip[0],)) == one
    got = false_discovery_proportion(causal, pip)
    assert got == false_discovery_proportion(np.concatenate(causal), np.concatenate(pip))


def test_coverage_power_and_sizes():
    sets = as_loci([[[0, 1], [5]], [], [[2, 3, 4]], [[0]]])
    causal = [[1, 7], [3], [2, 4], []]
    summary = credible_set_summary(causal, sets)
    # sets {0, 1} and {2, 3, 4} hold a causal variant; of the causal ones 1, 2, 4 are in a set
    assert summary.coverage == credible_set_coverage(causal, sets) == 2 / 4
    assert summary.power == credible_set_power(causal, sets) == 3 / 5
    assert (summary.n_sets, summary.n_causal, summary.n_loci) == (4, 5, 4)
    assert (summary.mean_size, summary.median_size) == (7 / 4, 1.5)
    low, high = summary.coverage_interval
    assert_allclose([binom.sf(1, 4, low), binom.cdf(2, 4, high)], 0.025, rtol=1e-6)
    low, high = summary.power_interval
    assert_allclose([binom.sf(2, 5, low), binom.cdf(3, 5, high)], 0.025, rtol=1e-6)
    masks = [np.isin(np.arange(9), indices) for indices in causal]
    assert credible_set_summary(masks, sets) == summary


def test_one_locus_and_nothing_found():
    one = credible_set_summary([3], [{"variants": [3, 4], "coverage": 0.97}])
    assert (one.coverage, one.power, one.n_loci, one.mean_size) == (1, 1, 1, 2)
    none = credible_set_summary([3, 4], [])
    assert none.power == 0
    assert none.n_sets == 0
    assert none.n_causal == 2
    for name in ("coverage", "mean_size", "median_size"):
        assert np.isnan(none[name])
    assert np.isnan(none.coverage_interval).all()
    null = credible_set_summary([[], []], [[], [{"variants": [0]}]])
    assert null.coverage == 0
    assert np.isnan(null.power)
    assert np.isnan(null.power_interval).all()
    assert null.n_loci == 2


@examples(20)
@given(st.integers(0, 10**6))
def test_invariances(seed):
    rng = np.random.default_rng(seed)
    causal, pip = make_loci(3, seed)
    causal[0][0] = True
    order = [rng.permutation(values.size) for values in pip]
    shuffled = (
        [mask[o] for mask, o in zip(causal, order)][::-1],
        [values[o] for values, o in zip(pip, order)][::-1],
    )
    for score in (pip_average_precision, false_discovery_proportion):
        assert_allclose(score(*shuffled), score(causal, pip), rtol=1e-12)
        assert_allclose(score(causal * 2, pip * 2), score(causal, pip), rtol=1e-12)
    first, second = pip_calibration_curve(causal, pip), pip_calibration_curve(*shuffled)
    for name in first:
        assert_allclose(first[name], second[name], rtol=1e-12)

    sets = [
        [rng.choice(mask.size, rng.integers(1, 5), replace=False) for _ in range(rng.integers(3))]
        for mask in causal
    ]
    summary = credible_set_summary(causal, as_loci(sets))
    renamed = [[np.argsort(o)[members] for members in s] for s, o in zip(sets, order)][::-1]
    moved = credible_set_summary(shuffled[0], as_loci(renamed))
    for name in summary:
        assert_allclose(moved[name], summary[name], rtol=1e-12)


@pytest.mark.parametrize("library", ["array_api_strict", "torch"])
def test_other_array_libraries(library):
    xp = pytest.importorskip(library)
    causal, pip = make_loci()
    sets = [[{"variants": np.flatnonzero(values > 0.5)}] for values in pip]
    expected = credible_set_summary(causal, sets)
    with config_context(array_api_dispatch=True):
        moved = [xp.asarray(mask) for mask in causal], [xp.asarray(values) for values in pip]
        got = pip_average_precision(*moved)
        assert pip_average_precision(moved[0][0], moved[1][0]) == pip_average_precision(
            causal[0], pip[0]
        )
        moved_sets = [[{"variants": xp.asarray(s["variants"])} for s in locus] for locus in sets]
        assert credible_set_summary(moved[0], moved_sets) == expected
    assert got == pip_average_precision(causal, pip)


def test_device_arrays():
    device = array_api_strict.Device("device1")
    pip = array_api_strict.asarray([0.9, 0.1], device=device)
    with config_context(array_api_dispatch=True):
        assert false_discovery_proportion([0], pip) == 0
        assert pip_average_precision([[0], [1]], [pip, pip]) == 0.5


@pytest.mark.parametrize(
    "score", [pip_average_precision, false_discovery_proportion, pip_calibration_curve]
)
@pytest.mark.parametrize(
    ("causal", "pip", "match"),
    [
        ([0], [0.2, 1.1], r"pip of locus 0 must lie in \[0, 1\], got values from 0.2 to 1.1"),
        ([0], [-0.2, 0.1], "must lie in"),
        ([0], [np.nan, 0.1], "must lie in"),
        ([0], [np.inf, 0.1], "must lie in"),
        ([2], [0.2, 0.1], "from 2 to 2, out of range for a locus of 2 variants"),
        ([-1], [0.2, 0.1], "out of range"),
        ([[0], [3]], [[0.2], [0.1, 0.3]], "causal of locus 1 has indices"),
        ([True], [0.2, 0.1], r"mask of shape \(1,\); its locus has 2 variants"),
        ([0, 1, 0, 0], [0.1, 0.8, 0.2, 0.3], "a 0/1 mask must have dtype bool"),
        ([0.0, 1.0], [0.1, 0.8], "boolean mask or integer indices"),
        ([[0]], [[0.2], [0.1, 0.3]], "causal describes 1 loci and pip 2"),
        ([0], np.zeros((2, 2)), "one dimension"),
        ([0], ["a", "b"], "must be numbers"),
        ([], [], "no variant"),
    ],
)
def test_bad_input(score, causal, pip, match):
    with pytest.raises(ValueError, match=match):
        score(causal, pip)


@pytest.mark.parametrize(
    ("keywords", "error"),
    [
        ({"n_bins": 0}, ValueError),
        ({"n_bins": 2.5}, TypeError),
        ({"strategy": "kmeans"}, ValueError),
        ({"confidence": 0}, ValueError),
        ({"confidence": 1}, ValueError),
    ],
)
def test_bad_parameters_of_the_curve(keywords, error):
    with pytest.raises(error, match=next(iter(keywords))):
        pip_calibration_curve([0], [0.5, 0.1], **keywords)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, np.nan])
def test_bad_threshold(threshold):
    with pytest.raises(ValueError, match="threshold"):
        false_discovery_proportion([0], [0.5], threshold=threshold)


@pytest.mark.parametrize("score", [credible_set_summary, credible_set_coverage, credible_set_power])
@pytest.mark.parametrize(
    ("causal", "sets", "match"),
    [
        ([0], [{"variants": []}], "credible set of locus 0 must hold integer indices"),
        ([0], [{"variants": [0.5]}], "integer indices"),
        ([0], [{"variants": [-1]}], "from -1 to -1, out of range"),
        ([True, False], [{"variants": [2]}], "out of range for a locus of 2 variants"),
        ([-2], [{"variants": [0]}], "causal of locus 0 has indices"),
        ([[0]], [[], []], "causal describes 1 loci and credible_sets 2"),
        ([0], {"variants": [0]}, "must be a list of dicts"),
        ([0], [{"members": [0]}], "a dict with the key 'variants', got {'members'"),
        ([[0]], [[0, 1]], "a dict with the key 'variants', got 0"),
    ],
)
def test_bad_credible_sets(score, causal, sets, match):
    with pytest.raises(ValueError, match=match):
        score(causal, sets)


def test_bad_confidence_of_summary():
    with pytest.raises(ValueError, match="confidence"):
        credible_set_summary([0], [], confidence=1.2)


NAMES = list("abcd")
PIP = np.array([0.9, 0.1, 0.5, 0.2])


def labelled_pips():
    """Causal variants 0 and 3 and the PIPs, as frames, mappings and names say them."""
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    mask, series = np.array([True, False, False, True]), pd.Series(PIP, NAMES)
    return {
        "names": (["a", "d"], series),
        "names in a series": (pd.Series(["d", "a"], index=[7, 2]), series),
        "mask in another order": (pd.Series(mask, NAMES).iloc[[3, 1, 0, 2]], series),
        "dicts": (dict(zip(NAMES[::-1], mask[::-1])), dict(zip(NAMES, PIP))),
        "list of dicts": ([["d", "a"]], [dict(zip(NAMES, PIP))]),
        "polars": (pl.Series(mask), pl.Series(PIP)),
        "list of polars": ([[0, 3]], [pl.Series(PIP)]),
        "pyarrow": (pa.array([0, 3]), pa.chunked_array([PIP])),
        "nullable": (pd.Series(mask, dtype="boolean"), pd.Series(PIP, dtype="Float64")),
    }


def test_pips_follow_their_labels():
    expected = pip_average_precision([0, 3], PIP)
    for kind, (causal, pip) in labelled_pips().items():
        assert pip_average_precision(causal, pip) == expected, kind


def test_tensors_with_gradients():
    torch = pytest.importorskip("torch")
    pip = torch.tensor(PIP, requires_grad=True)
    expected = pip_average_precision([0, 3], PIP)
    for causal, values in ((torch.tensor([0, 3]), pip), ([torch.tensor([0, 3])], [pip])):
        assert pip_average_precision(causal, values) == expected


def test_labels_that_match_nothing_are_refused():
    pd = pytest.importorskip("pandas")
    pip, mask = pd.Series(PIP, NAMES), [True, False, False, True]
    for causal, values, message in (
        (["a", "x"], pip, "names 'x', which pip of locus 0 lacks"),
        (["a", "a"], pip, "names a variant twice"),
        (["a"], PIP, "names variants, such as 'a', and pip of locus 0 has no labels"),
        (pd.Series(mask, list("abcx")), pip, "absent from causal of locus 0, 1 of 4, such as 'd'"),
        (pd.Series(mask, NAMES), PIP, "labelled, as by 'a', and pip of locus 0 has no labels"),
    ):
        with pytest.raises(ValueError, match=message):
            pip_average_precision(causal, values)
    with pytest.raises(ValueError, match="credible_sets has no labels"):
        credible_set_coverage(pd.Series(mask, NAMES), [{"variants": [0]}])
