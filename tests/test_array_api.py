"""Every estimator gives on other array libraries the values it gives on NumPy."""

from itertools import product

import numpy as np
import pytest
from sklearn import clone, config_context

from skgenetics import FinemapMiXeR, LINAClassifier, LINARegressor, MILAGERegressor, MMASHRegressor
from skgenetics.finemapping.solvers import CAVI, Adam, Gibbs
from skgenetics.utils import to_device, to_host
from tests.arrays import as_numpy
from tests.expression.models import STRENGTHS

# the paper's algorithm is stopped long before it converges: the iterates themselves are compared
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def one_trait():
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(200, 8)) + rng.normal(size=(200, 1))
    X = (latent > -0.5).astype(np.int8) + (latent > 0.8).astype(np.int8)
    y = 0.6 * X[:, 1] - 0.4 * X[:, 5] + rng.normal(size=200)
    return X, y


FINEMAPPING = {
    "susie": FinemapMiXeR(solver="susie"),
    "susie, noise learned": FinemapMiXeR(solver="susie", residual_variance=None),
    "susie, given prior": FinemapMiXeR(
        solver="susie", causal_probability=np.linspace(0.1, 0.3, 8), effect_variance=0.05
    ),
    "gibbs": FinemapMiXeR(solver=Gibbs(n_draws=100), random_state=0),
    "cavi": FinemapMiXeR(solver=CAVI(n_restarts=3), random_state=0),
    "adam": FinemapMiXeR(solver="adam", max_iter=100, random_state=0),
    "adam, independent": FinemapMiXeR(
        solver=Adam.published(n_restarts=2),
        causal_probability=0.1,
        effect_variance=np.full(8, 0.05),
        max_iter=80,
        random_state=0,
    ),
    "adam, PCA": FinemapMiXeR(solver=Adam(n_components=5), max_iter=100, random_state=0),
    "adam, prior by adam": FinemapMiXeR(
        solver=Adam.published(
            noise="ld", prior_update="adam", gate_init=0.5, sd_init=np.full(8, 0.02)
        ),
        heritability=0.1,
        max_iter=80,
        random_state=0,
    ),
    "susie, annotations": FinemapMiXeR(solver="susie", annotations=np.eye(8)[:, [1, 5]]),
}


def labels():
    X, y = one_trait()
    return X, (y > 0).astype(np.int64)


def classes():
    X, y = one_trait()
    return X, np.digitize(y, [-0.5, 0.8]) * 2


def tasks():
    X, y = one_trait()
    Y = np.stack([y > 0, X[:, 3] > 1, y < X[:, 2]], axis=1).astype(float)
    Y[::3, 1] = np.nan
    return X, Y


def traits():
    X, y = one_trait()
    Y = np.stack([y, 5 - X[:, 3] * X[:, 2]], axis=1)
    Y[::4, 0] = np.nan
    return X, Y


SMALL = {"hidden_layer_sizes": (9, 7), "max_iter": 8, "random_state": 0}
NETWORKS = {
    "network, binary": (LINAClassifier(**SMALL, early_stopping=True), labels),
    "network, multiclass": (LINAClassifier(**SMALL, class_weight="balanced"), classes),
    "network, multilabel": (LINAClassifier(**SMALL, batch_norm=True, dropout=0.2), tasks),
    "network, L-BFGS": (
        LINAClassifier(**SMALL | {"max_iter": 3}, solver="lbfgs", activation="relu"),
        tasks,
    ),
    "network, traits": (LINARegressor(**SMALL, batch_size=64, batch_norm=True), traits),
}


def expression():
    rng = np.random.default_rng(0)
    X = rng.binomial(2, 0.4, size=(60, 12)).astype(np.int8)
    F = X @ rng.normal(size=(12, 2)) / 3
    y = np.einsum("it,tjk->ijk", F, rng.normal(size=(2, 5, 3))) + 0.5 * rng.normal(size=(60, 5, 3))
    y[:, 1] += X[:, 3, None]
    y.transpose(0, 2, 1)[rng.random((60, 3)) < 0.2] = np.nan
    return X, y


def expression_with_holes():
    """Every gene misses its own cells, in single precision."""
    X, y = expression()
    y[np.random.default_rng(1).random(y.shape) < 0.1] = np.nan
    return X, y.astype(np.float32)


WINDOWS = {"cis_windows": [[0, 6]] * 5, "n_variants": 12, "cis_alpha": 0.05}
EXPRESSION = {
    "milage, linear": MILAGERegressor(2, polygenic=True, tol=1e-9, **WINDOWS, **STRENGTHS),
    "milage, sigmoid": MILAGERegressor(
        1, trans_model="sigmoid", tol=1e-8, polygenic=False, **WINDOWS, **STRENGTHS
    ),
    "milage, tensor": MILAGERegressor(
        1, trans_model="tensor", tol=1e-8, polygenic=False, **WINDOWS, **STRENGTHS
    ),
    "milage, L1": MILAGERegressor(
        1,
        variant_penalty="l1",
        loading_penalty="l1",
        max_iter=10,
        polygenic=False,
        **WINDOWS,
        **{**STRENGTHS, "loading_alpha": 1e-3},
    ),
}


def three_traits():
    X, y = one_trait()
    y = y[:, None] + np.random.default_rng(1).normal(size=(200, 3))
    y[:20, 0] = np.nan
    return X, y


MULTITRAIT = {
    "mmash": MMASHRegressor(polygenic=0),
    "mmash, background": MMASHRegressor(polygenic=0.3, residual_covariance="low_rank"),
    "mmash, random order": MMASHRegressor(polygenic=0, update_order="random", random_state=0),
    "mmash, single effects": MMASHRegressor(solver="single_effects", polygenic=0),
}


# name: (estimator, function that makes X (int8) and y); later estimators add theirs
CASES = {name: (estimator, one_trait) for name, estimator in FINEMAPPING.items()} | NETWORKS
CASES["susie, case-control"] = FinemapMiXeR(solver="susie", trait="binary"), labels
CASES |= {name: (estimator, expression) for name, estimator in EXPRESSION.items()}
CASES |= {
    f"{name}, holes": (clone(estimator).set_params(max_iter=10, tol=1), expression_with_holes)
    for name, estimator in EXPRESSION.items()
}
CASES |= {name: (estimator, three_traits) for name, estimator in MULTITRAIT.items()}


LIBRARIES = ["array_api_strict", "array_api_strict device1", "torch", "torch cuda", "cupy"]
DTYPES = ["int8", "float32", "float64"]
STRICTEST = "array_api_strict device1"  # another device than the default one


def marked(cases, often):
    """Parameters of which those that `often` does not choose run with the slow tests alone."""
    return [pytest.param(*case, marks=() if often(*case) else pytest.mark.slow) for case in cases]


def is_strictest(library, *_):
    """Whether a library finds what the others let pass."""
    return library == STRICTEST


def takes_new_lines(library, name, dtype):
    """Whether a case of an estimator takes lines that no other takes.

    int8 genotypes on the strictest library take them all; single precision is seen once per
    estimator, in its first case.
    """
    first = {type(estimator): key for key, (estimator, _) in reversed(CASES.items())}
    seen_first = dtype == "float32" and name in first.values()
    return is_strictest(library) and (dtype == "int8" or seen_first)


@pytest.fixture
def asarray(request):
    """A function from NumPy arrays to an array library."""
    name, _, device = request.param.partition(" ")
    xp = pytest.importorskip(name)
    needs_cuda = request.param == "torch cuda" or name == "cupy"  # both install without a driver
    if needs_cuda and not (xp.cuda if name == "torch" else xp).is_available():
        pytest.skip("no CUDA device")
    options = {"device": device if name == "torch" else xp.Device(device)} if device else {}
    return lambda array: xp.asarray(array, **options)


def assert_same(value, expected, like, rtol):
    """`value` has the library and device of `like`, and the values of `expected`."""
    assert type(value) is type(like)
    assert value.device == like.device
    np.testing.assert_allclose(as_numpy(value), expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize(
    ("asarray", "name", "dtype"),
    marked(product(LIBRARIES, CASES, DTYPES), takes_new_lines),
    indirect=["asarray"],
)
def test_values_equal_numpy(asarray, name, dtype):
    estimator, make_data = CASES[name]
    X, y = make_data()
    X = X.astype(dtype)
    expected = estimator.fit(X, y)
    expected_attributes = {k: v for k, v in vars(expected).items() if k.endswith("_")}
    expected_prediction = expected.predict(X)
    expected_chances = expected.predict_proba(X) if hasattr(expected, "predict_proba") else None
    X_xp, y_xp = asarray(X), asarray(y)
    arrays = [value for value in expected_attributes.values() if hasattr(value, "dtype")]
    rtol = 2e-3 if any(array.dtype == np.float32 for array in [y, *arrays]) else 1e-7
    with config_context(array_api_dispatch=True):
        estimator.fit(X_xp, y_xp)
        prediction = estimator.predict(X_xp)
        score = estimator.score(X_xp, y_xp)
        if expected_chances is not None:
            assert_same(estimator.predict_proba(X_xp), expected_chances, X_xp, rtol)
            # a label may turn where two are equally likely
            if expected_chances.shape == expected_prediction.shape:
                clear = np.abs(expected_chances - 0.5) > rtol
            else:
                ranked = np.sort(expected_chances, axis=1)
                clear = ranked[:, -1] - ranked[:, -2] > rtol
            expected_prediction = np.where(clear, expected_prediction, as_numpy(prediction))
        assert_same(prediction, expected_prediction, X_xp, rtol)
        for key, value in expected_attributes.items():
            if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                assert_same(getattr(estimator, key), value, X_xp, rtol)
            elif isinstance(value, float):
                np.testing.assert_allclose(getattr(estimator, key), value, rtol=rtol, atol=rtol)
    assert isinstance(score, float)
    sets = expected_attributes.get("credible_sets_", [])
    for ours, theirs in zip(getattr(estimator, "credible_sets_", []), sets, strict=True):
        assert set(ours["variants"]) == set(theirs["variants"])
        assert isinstance(ours["alpha"], np.ndarray)  # lists and their contents stay on the host


@pytest.mark.parametrize(
    ("asarray", "name"),
    marked(product(LIBRARIES, ["susie", "gibbs", "adam, PCA"]), is_strictest),
    indirect=["asarray"],
)
def test_panels_equal_numpy(asarray, name):
    X, _ = one_trait()
    z = 12 * np.corrcoef(X.T)[3] + 0.1
    estimator, settings = FINEMAPPING[name], {"n_samples": 5000, "on_mismatch": "ignore"}
    expected_pip = estimator.fit_summary(z, X, **settings).pip_
    expected_noise = estimator.residual_variance_
    assert expected_noise > 1.3  # that of the panel counts
    with config_context(array_api_dispatch=True):
        estimator.fit_summary(asarray(z), asarray(X), **settings)
        assert_same(estimator.pip_, expected_pip, asarray(z), 1e-7)
    np.testing.assert_allclose(estimator.residual_variance_, expected_noise, rtol=1e-9)


@pytest.mark.parametrize(
    ("asarray", "name"),
    marked(product(LIBRARIES, FINEMAPPING), is_strictest),
    indirect=["asarray"],
)
def test_summary_statistics_and_deviations_equal_numpy(asarray, name):
    X, y = one_trait()
    X = X.astype(float)
    R = np.corrcoef(X.T)
    z = np.sqrt(200) * np.array([np.corrcoef(x, y)[0, 1] for x in X.T])
    estimator = FINEMAPPING[name]
    expected_pip = estimator.fit_summary(z, R, n_samples=200).pip_
    expected_std = estimator.fit(X, y).predict(X, return_std=True)[1]
    with config_context(array_api_dispatch=True):
        estimator.fit_summary(asarray(z), asarray(R), n_samples=200)
        assert_same(estimator.pip_, expected_pip, asarray(R), 1e-7)
        std = estimator.fit(asarray(X), asarray(y)).predict(asarray(X), return_std=True)[1]
        assert_same(std, expected_std, asarray(X), 1e-7)


def assert_alike(value, like):
    """Arrays in `value` lie where those of `like` do, however deep."""
    assert type(value) is type(like)
    if isinstance(value, dict):
        for key in value:
            assert_alike(value[key], like[key])
    elif isinstance(value, list | tuple):
        for one, other in zip(value, like, strict=True):
            assert_alike(one, other)
    elif hasattr(value, "device"):
        assert value.device == like.device
    elif type(value).__module__.startswith("skgenetics"):
        assert_alike(vars(value), vars(like))


@pytest.mark.parametrize(
    ("asarray", "name"), marked(product(LIBRARIES, CASES), is_strictest), indirect=["asarray"]
)
def test_fitted_models_move(asarray, name):
    estimator, make_data = CASES[name]
    estimator = clone(estimator).set_params(
        **({"max_iter": 3} if "max_iter" in vars(estimator) else {})
    )
    X, y = make_data()
    X_xp, y_xp = asarray(X), asarray(y)
    with config_context(array_api_dispatch=True):
        there = clone(estimator).fit(X_xp, y_xp)
        here = to_host(there)
        np.testing.assert_allclose(
            here.predict(X), as_numpy(there.predict(X_xp)), rtol=1e-5, atol=1e-6
        )
        on_host = clone(estimator).fit(X, y)
        assert_alike(vars(here), vars(on_host))
        back = to_device(on_host, like=X_xp)
        assert_same(back.predict(X_xp), on_host.predict(X), X_xp, 1e-5)
        again = there.__sklearn_array_api_convert__(as_numpy)
        np.testing.assert_array_equal(again.predict(X), here.predict(X))
        if hasattr(estimator, "partial_fit"):
            here.partial_fit(X, y)
            back.partial_fit(X_xp, y_xp)
        if name in FINEMAPPING:
            std = as_numpy(there.predict(X_xp, return_std=True)[1])
            np.testing.assert_allclose(here.predict(X, return_std=True)[1], std, rtol=1e-5)
