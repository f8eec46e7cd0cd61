"""The estimator: mr.mash's numbers, data of every kind, and its life among scikit-learn's tools."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn import config_context
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from skgenetics import MMASHRegressor
from skgenetics.metrics import masked_r2_score
from tests.arrays import as_numpy
from tests.hypothesis_settings import examples
from tests.oracles import multitrait_naive as naive


@pytest.fixture
def traits():
    def make(n=200, p=30, n_traits=3, seed=0):
        rng = np.random.default_rng(seed)
        X = rng.binomial(2, rng.uniform(0.1, 0.5, p), size=(n, p)).astype(np.int8)
        Y = 0.6 * X[:, [4]] + rng.normal(size=(n, n_traits)) * np.arange(1, n_traits + 1)
        Y[:, 0] -= 0.7 * X[:, 9]
        return X, Y + 5

    return make


@pytest.mark.parametrize(
    ("name", "atol"), [("fixed_all_e0", 1e-10), ("nostd_fixed", 1e-6), ("missing_fixed", 1e-5)]
)
def test_mr_mash(shared, name, atol):
    case = np.load(shared / "reference" / "mmash" / f"{name}.npz", allow_pickle=False)
    # mr.mash stops when no effect moves by more than 1e-10: the bound does not move at all then
    model = MMASHRegressor(
        covariances=case["U"],
        scales=case["omega"],
        weights=case["w0"],
        residual_covariance=case["V"],
        polygenic=0,
        standardize="nostd" not in name,
        tol=0,
        max_iter=len(case["out_ELBO_trace"]),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(case["X"], case["Y"])
    rtol = 1e-7 if name == "fixed_all_e0" else 1e-4
    np.testing.assert_allclose(model.coef_.T, case["out_mu1"], atol=max(atol, 1e-6))
    np.testing.assert_allclose(model.intercept_, case["out_intercept"], atol=max(atol, 1e-6))
    np.testing.assert_allclose(model.responsibilities_, case["out_w1"], atol=max(atol, 1e-6))
    bound = case["out_ELBO"] + np.log(len(case["X"])) / 2
    np.testing.assert_allclose(model.elbo_path_[-1], bound, rtol=rtol)
    variance = np.diagonal(case["out_S1"], axis1=1, axis2=2)
    np.testing.assert_allclose(model.coef_sd_.T**2, variance, atol=max(atol, 1e-6))


def test_posterior_of_each_variant(traits):
    X, Y = traits()
    model = MMASHRegressor(polygenic=0).fit(X, Y)
    sd_x = X.std(axis=0, ddof=1)
    V = naive.all_components(model.covariances_, model.scales_)
    sigma, d = model.residual_covariance_, len(X) - 1
    residual = Y - model.predict(X)
    for p in (4, 9, 20):
        x = (X[:, p] - X[:, p].mean()) / sd_x[p]
        g = x @ (residual + np.outer(x, model.coef_[:, p] * sd_x[p]))
        alpha, means, variances, _ = naive.variant_posterior(g, d, V, model.weights_, sigma)
        # variants after p have moved since its update; at convergence by little
        np.testing.assert_allclose(model.responsibilities_[p], alpha, atol=1e-2)
        mu, S = model.component_moments(p)
        np.testing.assert_allclose(mu, means / sd_x[p], atol=2e-3)
        np.testing.assert_allclose(S, variances / sd_x[p] ** 2, atol=1e-8)
        alpha = model.responsibilities_[p]
        np.testing.assert_allclose(model.lfsr_[:, p], naive.sign_rates(alpha, mu, S), atol=1e-9)
        covariance = model.effect_covariance(p)
        second = np.einsum("t,tij->ij", alpha, S) + np.einsum("t,ti,tj->ij", alpha, mu, mu)
        mean = alpha @ mu
        np.testing.assert_allclose(covariance, second - np.outer(mean, mean), atol=1e-12)
        np.testing.assert_allclose(model.coef_[:, p], mean, atol=1e-12)
        variance = np.diag(covariance)
        np.testing.assert_allclose(model.coef_sd_[:, p] ** 2, variance, rtol=1e-6, atol=1e-11)


def test_one_variant_gives_the_evidence_of_the_centered_model():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(8, 1)), rng.normal(size=(8, 2)) + 3
    sigma = np.array([[1.0, 0.3], [0.3, 2.0]])
    model = MMASHRegressor(
        covariances=np.eye(2)[None], scales=[0.5], weights=[0.2, 0.8], residual_covariance=sigma
    )
    model = model.set_params(polygenic=0.4).fit(X, Y)
    x = (X[:, 0] - X.mean()) / X.std(ddof=1)
    H = np.eye(8) + 0.4 * np.outer(x, x)
    logs = [np.log(0.2), np.log(0.8)]
    for t, variance in enumerate([0.0, 0.5]):
        covariance = np.kron(H, sigma) + variance * np.kron(np.outer(x, x), np.eye(2))
        y = (Y - Y.mean(axis=0)).reshape(-1)
        logs[t] += multivariate_normal.logpdf(y, cov=covariance)
    np.testing.assert_allclose(model.elbo_path_[-1], np.logaddexp.reduce(logs), rtol=1e-12)


@pytest.mark.parametrize("form", ["full", "diagonal", "low_rank"])
@pytest.mark.parametrize("polygenic", [0, 0.3])
def test_int8_equals_float_and_units_do_not_matter(traits, form, polygenic):
    X, Y = traits()
    model = MMASHRegressor(residual_covariance=form, polygenic=polygenic).fit(X, Y)
    floats = MMASHRegressor(residual_covariance=form, polygenic=polygenic).fit(X.astype(float), Y)
    np.testing.assert_allclose(floats.coef_, model.coef_, atol=1e-9)
    assert MMASHRegressor().fit(X.astype(np.float32), Y).coef_.dtype == np.float32
    scaled = MMASHRegressor(residual_covariance=form, polygenic=polygenic).fit(X, 1000 * Y - 7)
    np.testing.assert_allclose(scaled.coef_, 1000 * model.coef_, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(scaled.predict(X), 1000 * model.predict(X) - 7, rtol=1e-6)
    cells = Y.size * np.log(1000)
    np.testing.assert_allclose(scaled.elbo_path_[-1], model.elbo_path_[-1] - cells, rtol=1e-6)
    if form == "low_rank":
        W = model.residual_factors_
        np.testing.assert_allclose(
            model.residual_covariance_, W @ W.T + model.residual_noise_ * np.eye(3), rtol=1e-9
        )
        assert W.shape == (3, model.n_components_)


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_weights_equal_repetition(traits, missing):
    X, Y = traits()
    rng = np.random.default_rng(1)
    Y[rng.random(Y.shape) < missing] = np.nan
    repeats = rng.integers(0, 3, size=len(X))
    options = {"polygenic": 0.1, "covariances": ["independent", "data_driven"], "tol": 1e-6}
    weighted = MMASHRegressor(**options).fit(X, Y, sample_weight=repeats)
    rows = np.repeat(np.arange(len(X)), repeats)
    repeated = MMASHRegressor(**options).fit(X[rows], Y[rows])
    np.testing.assert_allclose(weighted.elbo_path_[-1], repeated.elbo_path_[-1], rtol=2e-7)
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-4)
    np.testing.assert_allclose(weighted.intercept_, repeated.intercept_, atol=1e-3)


def test_missing_cells(traits):
    X, Y = traits()
    full = MMASHRegressor(polygenic=0).fit(X, Y)
    Y[np.random.default_rng(0).random(Y.shape) < 0.2] = np.nan
    Y[7] = np.nan
    model = MMASHRegressor(polygenic=0).fit(X, Y)
    np.testing.assert_allclose(model.coef_[:, 4], full.coef_[:, 4], atol=0.2)
    assert model.score(X, Y) == masked_r2_score(Y, model.predict(X))
    rows = np.arange(len(X)) != 7
    np.testing.assert_allclose(
        MMASHRegressor(polygenic=0).fit(X[rows], Y[rows]).coef_, model.coef_, atol=1e-12
    )
    bounds = np.array(model.elbo_path_)
    assert np.all(np.diff(bounds) >= -1e-9 * np.abs(bounds[1:]))


def test_traits_that_say_nothing_are_left_out(traits):
    X, Y = traits()
    alone = MMASHRegressor().fit(X, Y)
    extra = np.column_stack([Y, np.full(len(Y), np.nan), np.full(len(Y), 0.1), Y[:, 0]])
    extra[1:, 5] = np.nan
    with pytest.warns(UserWarning, match="column 3 is observed"):
        model = MMASHRegressor(covariances=["independent", "shared"]).fit(X, extra)
    few = MMASHRegressor(covariances=["independent", "shared"]).fit(X, Y)
    np.testing.assert_allclose(model.coef_[:3], few.coef_, atol=1e-3)
    assert np.all(model.coef_[3:] == 0)
    assert np.all(model.lfsr_[3:] == 1)
    np.testing.assert_allclose(model.predict(X)[:, 3:], [[0, 0.1, Y[0, 0]]] * len(X))
    assert np.all(model.pve_[3:] == 0)
    assert alone.pve_.min() > 0
    constant = MMASHRegressor().fit(X, np.full((len(X), 2), 0.1))
    np.testing.assert_allclose(constant.predict(X), 0.1)


def test_collinear_traits_and_more_traits_than_samples(traits):
    X, Y = traits()
    model = MMASHRegressor().fit(X, np.column_stack([Y, Y[:, 0]]))
    np.testing.assert_allclose(model.coef_[3], model.coef_[0], atol=5e-3)
    rng = np.random.default_rng(0)
    wide = MMASHRegressor(residual_covariance="diagonal").fit(X[:10], rng.normal(size=(10, 15)))
    assert np.isfinite(wide.coef_).all()


def test_constant_variants_have_no_effect(traits):
    X, Y = traits()
    X[:, 2] = 1
    for polygenic in (0, 0.3):
        model = MMASHRegressor(polygenic=polygenic).fit(X, Y)
        assert model.pip_[2] == 0
        assert np.all(model.coef_[:, 2] == 0)
        assert np.all(model.coef_sd_[:, 2] == 0)
        assert np.all(model.lfsr_[:, 2] == 1)
    constant = MMASHRegressor().fit(np.ones((20, 2), dtype=np.int8), Y[:20])
    np.testing.assert_allclose(constant.predict(np.ones((1, 2)))[0], Y[:20].mean(axis=0))


def test_background_predicts_what_is_spread_over_the_genome():
    rng = np.random.default_rng(0)
    X = rng.binomial(2, 0.4, size=(300, 200)).astype(np.int8)
    U = X @ rng.normal(size=(200, 3))
    Y = U / U.std(axis=0) + rng.normal(size=(300, 3))
    options = {"weights": [1.0, 0.0], "covariances": ["independent"], "scales": [1.0]}
    model = MMASHRegressor(**options).fit(X[:200], Y[:200])
    assert np.all((model.polygenic_ >= 0.3) & (model.polygenic_ <= 3))
    # without a mixture this is the best linear prediction of all traits together
    Z = (X - X[:200].mean(axis=0)) / X[:200].std(axis=0, ddof=1)
    genetic, residual = model.genetic_covariance_, model.residual_covariance_
    across = np.kron(Z @ Z[:200].T / 200, genetic)
    covariance = across[:600] + np.kron(np.eye(200), residual)
    centered = Y[:200] - Y[:200].mean(axis=0)
    solved = np.linalg.solve(covariance, np.column_stack([centered.reshape(-1), across[600:].T]))
    expected = (across[600:] @ solved[:, 0]).reshape(100, 3) + Y[:200].mean(axis=0)
    np.testing.assert_allclose(model.predict(X[200:]), expected, atol=1e-8)
    assert model.score(X[200:], Y[200:]) > 0.05
    std = model.predict(X[200:], return_std=True)[1]
    # and its variance, of the noise and of what the training data leave of the background
    own = np.outer(np.sum(Z[200:] ** 2, axis=1) / 200, np.diag(genetic)) + np.diag(residual)
    explained = np.sum(across[600:] * solved[:, 1:].T, axis=1).reshape(100, 3)
    np.testing.assert_allclose(std**2, own - explained, rtol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
def test_deviation_of_predictions_with_background_and_mixture(traits, weighted):
    # one component: the posterior of the mixture's effects is normal, here of one variant
    rng = np.random.default_rng(3)
    X, Y = rng.normal(size=(12, 1)), rng.normal(size=(12, 1))
    weight = rng.integers(1, 3, size=12) if weighted else np.ones(12, dtype=int)
    model = MMASHRegressor(
        covariances=np.eye(1)[None], scales=[0.5], weights=[0.0, 1.0], polygenic=0.4,
        residual_covariance=np.array([[0.8]]),
    ).fit(X, Y, sample_weight=weight)  # fmt: skip
    rows = np.repeat(np.arange(12), weight)
    mean, sd = X[rows].mean(), X[rows].std(ddof=1)
    x, new = (X[rows, 0] - mean) / sd, (np.array([-1.0, 0.3, 2.0]) - mean) / sd
    # the sum of both effects is N(0, .5 + .4 * .8) a priori
    variance = 1 / (1 / (0.5 + 0.4 * 0.8) + x @ x / 0.8)
    std = model.predict(new[:, None] * sd + mean, return_std=True)[1]
    np.testing.assert_allclose(std[:, 0] ** 2, 0.8 + variance * new**2, rtol=1e-9)


def test_warm_start(traits):
    X, Y = traits(p=60)
    Y[3:20, 1] = np.nan
    for polygenic in ("auto", 0, 0.2):
        options = {"polygenic": polygenic, "null_pseudocounts": 0}
        model = MMASHRegressor(warm_start=True, tol=1e-4, **options).fit(X, Y)
        bound, n_iter, coef = model.elbo_path_[-1], model.n_iter_, model.coef_
        model.set_params(tol=1e-3).fit(X, Y)
        assert model.n_iter_ < n_iter
        np.testing.assert_allclose(model.elbo_path_[-1], bound, atol=0.3)
        np.testing.assert_allclose(model.coef_, coef, atol=0.05)
        # scales and background go on with other data too
        scales, cold = model.scales_, MMASHRegressor(**options).fit(X[:150], Y[:150])
        model.fit(X[:150], Y[:150])
        np.testing.assert_array_equal(model.scales_, scales)
        np.testing.assert_allclose(model.coef_[:, 4], cold.coef_[:, 4], atol=0.1)
    with pytest.raises(ValueError, match="60 variants and 3"):
        model.fit(X[:, :30], Y)
    with pytest.raises(ValueError, match="this one has 60 and 2"):
        model.fit(X, Y[:, :2])
    with pytest.raises(ValueError, match="components"):
        model.set_params(covariances=["independent"]).fit(X, Y)


@examples(25)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(3, 25),
    p=st.integers(1, 30),
    n_traits=st.integers(1, 5),
    missing=st.sampled_from([0.0, 0.4]),
    options=st.fixed_dictionaries(
        {
            "covariances": st.sampled_from(
                ["canonical", "both", "data_driven", ["shared", "independent"]]
            ),
            "residual_covariance": st.sampled_from(["full", "diagonal", "low_rank"]),
            "polygenic": st.sampled_from(["auto", 0, 0.5]),
            "include_null": st.booleans(),
            "standardize": st.booleans(),
            "fit_intercept": st.booleans(),
            "update_order": st.sampled_from(["sequential", "random", "evidence"]),
        }
    ),
)
def test_any_data(seed, n, p, n_traits, missing, options):
    rng = np.random.default_rng(seed)
    X = rng.binomial(2, rng.uniform(0, 1, p), size=(n, p)).astype(np.int8)
    Y = X @ (rng.normal(size=(p, n_traits)) * (rng.random((p, 1)) < 0.3))
    Y = Y + rng.normal(size=(n, n_traits)) * 10.0 ** rng.integers(-3, 4, n_traits)
    Y[rng.random(Y.shape) < missing] = np.nan
    Y[:2, 0] = [0, 1]
    model = MMASHRegressor(max_iter=15, random_state=0, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message="No cell of y")
        model.fit(X, Y)
    mean, std = model.predict(X, return_std=True)
    assert np.isfinite(mean).all()
    assert (std >= 0).all()
    for probability in (model.lfsr_, model.pip_, model.responsibilities_, model.pve_):
        assert ((probability >= 0) & (probability <= 1 + 1e-9)).all()
    np.testing.assert_allclose(model.responsibilities_.sum(axis=1), 1, atol=1e-9)
    np.testing.assert_allclose(model.weights_.sum(), 1)
    bounds = np.array(model.elbo_path_)
    rise = np.diff(bounds)[options["residual_covariance"] == "low_rank" :]
    assert np.all(rise >= -1e-9 * np.maximum(1, np.abs(bounds[1:][-len(rise) or 1 :])))


def test_predictive_deviations_cover(traits):
    X, Y = traits(n=2000)
    model = MMASHRegressor(polygenic=0).fit(X[:1000], Y[:1000])
    mean, std = model.predict(X[1000:], return_std=True)
    inside = np.mean(np.abs(Y[1000:] - mean) < 1.96 * std)
    assert 0.935 < inside < 0.965


def test_data_driven_covariance_finds_the_sharing():
    rng = np.random.default_rng(0)
    X = rng.binomial(2, 0.4, size=(600, 60)).astype(np.int8)
    pattern = np.array([1.0, -0.8, 0.0])
    Y = X[:, :20] @ np.outer(0.4 * rng.normal(size=20), pattern) + rng.normal(size=(600, 3))
    model = MMASHRegressor(covariances="data_driven", polygenic=0).fit(X, Y)
    V = naive.all_components(model.covariances_, model.scales_)
    U = np.einsum("t,tij->ij", model.weights_, V)
    assert U[0, 1] / np.sqrt(U[0, 0] * U[1, 1]) < -0.9
    assert U[2, 2] < 0.1 * U[0, 0]
    np.testing.assert_allclose(sum(model.sharing().values()), 1)


def test_identity_share_lifts_sign_rates(traits):
    X, Y = traits()
    options = {"covariances": ["shared"], "polygenic": 0, "scales": [0.05]}
    tied = MMASHRegressor(**options).fit(X, Y)
    free = MMASHRegressor(identity_share=0.2, **options).fit(X, Y)
    np.testing.assert_allclose(np.ptp(tied.lfsr_, axis=0), 0, atol=1e-9)
    assert np.linalg.matrix_rank(free.covariances_[0]) == 3
    assert free.lfsr_[2, 4] > tied.lfsr_[2, 4]


@pytest.mark.parametrize("order", ["random", "sequential"])
def test_orders_meet_the_same_optimum(traits, order):
    X, Y = traits()
    first = MMASHRegressor(polygenic=0, tol=1e-4, null_pseudocounts=0).fit(X, Y)
    other = MMASHRegressor(
        polygenic=0, tol=1e-4, null_pseudocounts=0, update_order=order, random_state=0
    ).fit(X, Y)
    np.testing.assert_allclose(other.elbo_path_[-1], first.elbo_path_[-1], atol=0.1)
    assert other.elbo_path_[0] != first.elbo_path_[0]


def test_one_dimensional_y(traits):
    X, Y = traits()
    model = MMASHRegressor().fit(X, Y[:, 0])
    column = MMASHRegressor().fit(X, Y[:, [0]])
    assert model.coef_.shape == model.lfsr_.shape == (30,)
    assert isinstance(model.intercept_, float)
    np.testing.assert_array_equal(model.coef_, column.coef_[0])
    np.testing.assert_array_equal(model.predict(X), column.predict(X)[:, 0])
    assert model.predict(X, return_std=True)[1].shape == (200,)


def test_names(traits):
    pandas = pytest.importorskip("pandas")
    X, Y = traits()
    X = pandas.DataFrame(X, columns=[f"rs{i}" for i in range(30)])
    model = MMASHRegressor().fit(X, pandas.DataFrame(Y, columns=["ldl", "hdl", "tg"]))
    assert "singleton_hdl" in model.covariance_names_
    assert len(model.component_names_) == len(model.weights_)
    np.testing.assert_array_equal(model.effect_covariance("rs4"), model.effect_covariance(4))
    with pytest.raises(ValueError, match="rs99"):
        model.effect_covariance("rs99")


def test_table_with_a_row_per_variant(traits):
    pandas = pytest.importorskip("pandas")
    X, Y = traits()
    named = pandas.DataFrame(X, columns=[f"rs{i}" for i in range(30)])
    model = MMASHRegressor().fit(named, pandas.DataFrame(Y, columns=["ldl", "hdl", "tg"]))
    assert model.trait_names_ == ["ldl", "hdl", "tg"]
    frame = model.to_frame()
    statistics = ["posterior_mean", "posterior_sd", "lfsr"]
    by_trait = [f"{name}_{trait}" for trait in model.trait_names_ for name in statistics]
    assert list(frame.columns) == ["variant_id", "pip", *by_trait]
    assert frame["variant_id"].tolist() == list(named.columns)
    np.testing.assert_array_equal(frame["pip"], model.pip_)
    np.testing.assert_array_equal(frame["posterior_mean_hdl"], model.coef_[1])
    np.testing.assert_array_equal(frame["posterior_sd_tg"], model.coef_sd_[2])
    np.testing.assert_array_equal(frame["lfsr_ldl"], model.lfsr_[0])
    plain = MMASHRegressor(polygenic=0).fit(X, Y[:, 0])
    frame = plain.to_frame()
    assert list(frame.columns) == ["variant_id", "pip", *statistics]
    assert frame["variant_id"].tolist() == [f"x{i}" for i in range(30)]
    np.testing.assert_array_equal(frame["posterior_mean"], plain.coef_)


@pytest.mark.parametrize("name", sorted(MMASHRegressor().get_params()))
def test_none_only_where_it_means_something(traits, name):
    X, Y = traits(n=30, p=12)
    model = MMASHRegressor(max_iter=3).set_params(**{name: None})
    may_be_none = {"scales", "weights", "weights_init", "n_components", "random_state"}
    if name in may_be_none | {"null_pseudocounts"}:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, Y)
    else:
        with pytest.raises(ValueError, match=f"{name} must be"):
            model.fit(X, Y)


def test_among_the_tools_of_scikit_learn(traits):
    X, Y = traits()
    Y[3, 1] = np.nan
    search = GridSearchCV(MMASHRegressor(), {"polygenic": [0, 0.1]}, cv=3, error_score="raise").fit(
        X, Y
    )
    assert np.isfinite(search.best_score_)
    model = clone(search.best_estimator_).fit(X, Y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        MMASHRegressor(polygenic=0, max_iter=2).fit(X, Y)
    MMASHRegressor(polygenic=0).set_callbacks(ProgressBar()).fit(X, Y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"covariances": "canonica"}, "'auto', 'canonical', 'data_driven', 'both'"),
        ({"covariances": ["independen"]}, "'independent', 'singleton'"),
        ({"covariances": np.eye(2)[None]}, r"shape \(K, 3, 3\)"),
        ({"covariances": [np.eye(3), np.eye(2)]}, r"shape \(K, 3, 3\)"),
        ({"covariances": None}, "covariances must be one of 'auto'"),
        ({"covariances": np.tri(3)[None]}, "not symmetric"),
        ({"covariances": -np.eye(3)[None]}, "not positive semidefinite"),
        ({"covariances": np.full((1, 3, 3), np.inf)}, "infinity"),
        ({"scales": [0.1, 0.0]}, "scales must be positive"),
        ({"scales": [0.1], "weights": [0.5, 0.5]}, "weights must have shape"),
        (
            {"scales": [0.1], "covariances": ["independent"], "weights": [0.5, 0.6]},
            "sum to 1; they sum to 1.1",
        ),
        (
            {"scales": [0.1], "covariances": ["independent"], "weights": [-0.5, 1.5]},
            r"probabilities; got one of -0\.5",
        ),
        ({"residual_covariance": "ful"}, "'full', 'diagonal', 'low_rank'"),
        ({"residual_covariance": np.eye(2)}, r"shape\s+\(3, 3\)"),
        ({"residual_covariance": np.ones((3, 3))}, "singular"),
        ({"polygenic": -0.1}, "polygenic"),
        ({"polygenic": "yes"}, "'auto'"),
        ({"update_order": "best"}, "'sequential'"),
        ({"identity_share": 2}, "identity_share"),
        ({"weight_threshold": -1}, "weight_threshold"),
        ({"weights_init": [1.0]}, "weights_init must have shape"),
        ({"covariances": np.empty((0, 3, 3))}, "shape"),
        ({"scales": [[0.1]]}, "shape"),
        ({"scales": [np.inf]}, "finite"),
        ({"max_iter": 0}, "max_iter"),
    ],
)
def test_bad_parameters(traits, options, message):
    X, Y = traits()
    with pytest.raises(ValueError, match=message):
        MMASHRegressor(**options).fit(X, Y)


def test_a_threshold_above_all_weights_keeps_the_largest(traits):
    X, Y = traits()
    for include_null in (True, False):
        model = MMASHRegressor(weight_threshold=0.99, include_null=include_null).fit(X, Y)
        assert np.sum(model.weights_ > 0) >= 1
        np.testing.assert_allclose(model.weights_.sum(), 1)


def test_bad_data(traits):
    X, Y = traits()
    with pytest.raises(ValueError, match="frequencies"):
        MMASHRegressor().fit(X, Y, sample_weight=np.full(len(X), 1 / len(X)))
    Y[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        MMASHRegressor().fit(X, Y)
    with pytest.raises(ValueError, match="no observed cell"):
        MMASHRegressor().fit(X, np.full_like(Y, np.nan))
    Y[0, 0], X[0, 0] = 0, -9
    with pytest.raises(ValueError, match="GenotypeImputer"):
        MMASHRegressor().fit(X, Y)


def t_statistics(X, Y):
    """t of each trait on each variant with an intercept."""
    r = np.corrcoef(X.T, Y.T)[: X.shape[1], X.shape[1] :]
    return r * np.sqrt((len(X) - 2) / (1 - r**2))


@pytest.mark.parametrize("options", [{}, {"update_order": "random", "random_state": 0}])
def test_summary_statistics_give_the_posterior_of_the_data(traits, options):
    X, Y = traits(p=150)
    X, Y = X / X.std(axis=0, ddof=1), Y / Y.std(axis=0)
    correlation = np.corrcoef(Y.T)
    model = MMASHRegressor(polygenic=0, residual_covariance=correlation, **options).fit(X, Y)
    z = t_statistics(X, Y)
    summary = MMASHRegressor(**options).fit_summary(
        z=z, ld=np.corrcoef(X.T), n_samples=len(X), trait_correlation=correlation
    )
    np.testing.assert_allclose(summary.coef_, model.coef_, atol=1e-8)
    np.testing.assert_allclose(summary.coef_sd_, model.coef_sd_, atol=1e-8)
    np.testing.assert_allclose(summary.lfsr_, model.lfsr_, atol=1e-8)
    np.testing.assert_allclose(summary.weights_, model.weights_, atol=1e-8)
    np.testing.assert_allclose(summary.residual_covariance_, correlation, atol=1e-8)
    np.testing.assert_allclose(summary.pve_, model.pve_ / (1 - model.pve_), atol=1e-8)
    np.testing.assert_allclose(summary.elbo_path_, model.elbo_path_, rtol=1e-8)
    again = MMASHRegressor(**options).fit_summary(
        ld=np.corrcoef(X.T), n_samples=len(X), beta=3 * z, se=3 + 0 * z,
        trait_correlation=correlation,
    )  # fmt: skip
    np.testing.assert_allclose(again.coef_, summary.coef_, atol=1e-10)


def test_predictions_of_dosages_from_summary_statistics(traits):
    X, Y = traits(n=2000)
    X = X.astype(float)
    frequency = X.mean(axis=0) / 2
    rest = {"z": t_statistics(X, Y), "ld": np.corrcoef(X.T), "n_samples": len(X)}
    rest["trait_correlation"] = np.corrcoef(Y.T)
    model = MMASHRegressor().fit_summary(**rest, allele_frequency=frequency)
    scaled = (Y - Y.mean(axis=0)) / Y.std(axis=0)
    known = MMASHRegressor(polygenic=0).fit(X, scaled)
    # the deviations of these dosages are not quite those of Hardy-Weinberg proportions
    np.testing.assert_allclose(model.predict(X), known.predict(X), atol=0.03)
    without = MMASHRegressor().fit_summary(**rest)
    sd = np.sqrt(2 * frequency * (1 - frequency))
    np.testing.assert_allclose(without.coef_, model.coef_ * sd, atol=1e-12)
    with pytest.raises(ValueError, match="give it allele_frequency"):
        without.predict(X)
    with pytest.raises(ValueError, match="allele_frequency must be"):
        MMASHRegressor().fit_summary(**rest, allele_frequency=np.zeros(30))


def test_effects_that_cohorts_share_are_not_noise():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(100, 6))
    z[40] += np.sqrt(500 * 0.18)
    model = MMASHRegressor().fit_summary(
        z=z, ld=np.eye(100), n_samples=500, trait_correlation=np.eye(6)
    )
    assert model.pip_[40] > 0.999
    assert np.delete(model.pip_, 40).max() < 0.9
    np.testing.assert_array_equal(model.residual_covariance_, np.eye(6))


def test_mr_mash_rss(shared):
    case = np.load(shared / "reference" / "mmash" / "rss_w0_em.npz", allow_pickle=False)
    sd = np.sqrt(np.diag(case["covY"]) * (1 - 1 / case["n"]))
    unit = np.outer(sd, sd)
    model = MMASHRegressor(
        covariances=case["S0"][1:] / unit,
        scales=[1.0],
        weights_init=case["w0"],
        residual_covariance=case["V"] / unit,
        null_pseudocounts=0,
        tol=1e-8,
        max_iter=5000,
    ).fit_summary(
        ld=case["R"],
        beta=case["Bhat"],
        se=case["Shat"],
        n_samples=float(case["n"][0]),
        trait_correlation=case["covY"] / np.sqrt(np.outer(*[np.diag(case["covY"])] * 2)),
    )
    np.testing.assert_allclose(model.coef_.T * sd, case["out_mu1"], atol=2e-3)


def test_summary_statistics_of_traits_of_different_size():
    rng = np.random.default_rng(0)
    z, n = np.array([[4.0, -1.0]]), np.array([900.0, 400.0])
    C = np.array([[1.0, 0.4], [0.4, 1.0]])
    U = np.array([[0.02, 0.01], [0.01, 0.02]])
    model = MMASHRegressor(
        covariances=U[None], scales=[1.0], weights=[0.3, 0.7], residual_covariance=C
    ).fit_summary(z=z, ld=np.eye(1), n_samples=n, trait_correlation=C)
    # z / sqrt(1 + (z^2 - 1) / (n - 1)) ~ N(sqrt(n_j (1 - 1 / max n)) beta_j, C)
    b = (z / np.sqrt(z**2 + n - 2))[0] * np.sqrt(900 / 899)
    noise = C * np.sqrt(np.outer(900 / n, 900 / n)) / 899
    variance = np.linalg.inv(np.linalg.inv(U) + np.linalg.inv(noise))
    logs = [multivariate_normal.logpdf(b, cov=noise), multivariate_normal.logpdf(b, cov=noise + U)]
    odds = 0.7 / 0.3 * np.exp(logs[1] - logs[0])
    np.testing.assert_allclose(model.pip_, odds / (1 + odds), rtol=1e-10)
    mean = variance @ np.linalg.solve(noise, b)
    np.testing.assert_allclose(model.coef_[:, 0], mean * model.pip_[0], rtol=1e-10)
    np.testing.assert_allclose(model.component_moments(0)[1][1], variance, rtol=1e-10)
    np.testing.assert_allclose(model.residual_covariance_, C)
    z, ld = 2 * rng.normal(size=(40, 2)), np.eye(40)
    same = [
        MMASHRegressor().fit_summary(z=z, ld=ld, n_samples=n, trait_correlation=C)
        for n in (500, [500, 500])
    ]
    np.testing.assert_allclose(same[0].coef_, same[1].coef_, atol=1e-12)


def test_names_of_summary_statistics(traits):
    pandas = pytest.importorskip("pandas")
    X, Y = traits()
    names = [f"rs{i}" for i in range(30)]
    z = pandas.DataFrame(t_statistics(X, Y), index=names, columns=["ldl", "hdl", "tg"])
    ld = pandas.DataFrame(np.corrcoef(X.T), index=names, columns=names)
    rest = {"n_samples": 200, "trait_correlation": np.eye(3)}
    model = MMASHRegressor().fit_summary(z=z, ld=ld, **rest)
    assert "singleton_hdl" in model.covariance_names_
    assert list(model.feature_names_in_) == names
    np.testing.assert_array_equal(model.effect_covariance("rs4"), model.effect_covariance(4))
    turned = MMASHRegressor().fit_summary(z=z, ld=ld[::-1], **rest)
    np.testing.assert_array_equal(turned.coef_, model.coef_)
    with pytest.raises(ValueError, match="z and the rows of ld name different variants"):
        MMASHRegressor().fit_summary(z=z, ld=ld.rename(index={"rs3": "RS3"}), **rest)
    correlation = pandas.DataFrame(np.eye(3) + 0.1, z.columns, z.columns) / 1.1
    correlation.loc["tg", "ldl"] = correlation.loc["ldl", "tg"] = 0.3
    rest["trait_correlation"] = correlation.to_numpy()
    expected = MMASHRegressor().fit_summary(z=z, ld=ld, **rest)
    rest["trait_correlation"] = correlation.loc[["tg", "hdl", "ldl"], ["hdl", "ldl", "tg"]]
    again = MMASHRegressor().fit_summary(z=z, ld=ld, **rest)
    np.testing.assert_array_equal(again.coef_, expected.coef_)
    Y_named = pandas.DataFrame(Y, columns=z.columns)
    expected = MMASHRegressor(residual_covariance=correlation.to_numpy()).fit(X, Y)
    again = MMASHRegressor(residual_covariance=rest["trait_correlation"]).fit(X, Y_named)
    np.testing.assert_allclose(again.coef_, expected.coef_, rtol=1e-9)
    one = MMASHRegressor().fit_summary(z=z["ldl"], ld=ld, n_samples=200)
    assert one.coef_.shape == (30,)


def test_bad_summary_statistics(traits):
    X, Y = traits()
    z, R = t_statistics(X, Y), np.corrcoef(X.T)
    good = {"z": z, "ld": R, "n_samples": 200, "trait_correlation": np.eye(3)}
    for change, message in [
        ({"z": None}, "needs either z, or both beta and se"),
        ({"beta": z, "se": z}, "needs either z, or both beta and se"),
        ({"ld": None}, "needs ld"),
        ({"ld": R[:5, :5]}, "ld must be a square matrix"),
        ({"ld": np.tri(30)}, "symmetric"),
        ({"ld": 2 * R}, "correlations r between -1 and 1"),
        ({"n_samples": 2}, "n_samples"),
        ({"n_samples": [200, 200]}, "each of the 3 traits"),
        ({"n_samples": [200, 200, np.inf]}, "n_samples"),
        ({"trait_correlation": np.eye(2)}, "trait_correlation must have shape"),
        ({"trait_correlation": None}, "give trait_correlation"),
        ({"trait_correlation": np.ones((3, 3))}, "noise of trait 0 follows from that of 1, 2"),
    ]:
        with pytest.raises(ValueError, match=message):
            MMASHRegressor().fit_summary(**good | change)
    opposed = np.where(np.eye(30) > 0, 1, -0.9)  # no correlations of anything
    with pytest.raises(ValueError, match="z does not fit ld"):
        MMASHRegressor().fit_summary(**good | {"ld": opposed, "z": 3 * z})
    with pytest.raises(ValueError, match="needs the samples"):
        MMASHRegressor(polygenic=0.3).fit_summary(**good)
    with pytest.raises(ValueError, match="standardize=True"):
        MMASHRegressor(standardize=False).fit_summary(**good)


def test_sharing_of_a_variant(traits):
    X, Y = traits()
    model = MMASHRegressor(polygenic=0).fit(X, Y)
    shares = model.sharing(9)  # acts on the first trait alone
    assert next(iter(shares)) == "singleton_y0"
    np.testing.assert_allclose(sum(shares.values()), 1)
    np.testing.assert_allclose(shares["null"], 1 - model.pip_[9], atol=1e-12)


def test_deviations_and_warm_starts_on_another_device(traits):
    xp = pytest.importorskip("array_api_strict")
    X, Y = traits()
    Y[3:9, 1] = np.nan
    host = MMASHRegressor(polygenic=0.3).fit(X, Y)
    expected = host.predict(X, return_std=True)
    with config_context(array_api_dispatch=True):
        there = [xp.asarray(array, device=xp.Device("device1")) for array in (X, Y)]
        model = MMASHRegressor(polygenic=0.3, warm_start=True).fit(*there)
        found = model.predict(there[0], return_std=True)
        assert found[1].device == there[0].device
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(as_numpy(one), other, rtol=1e-9)
        n_iter = model.n_iter_
        assert model.fit(*there).n_iter_ < n_iter
        assert model.sharing(4).keys() == host.sharing(4).keys()


def test_memory_is_less_than_twice_the_data_and_responsibilities(traits):
    X, Y = traits(n=500, p=1000, n_traits=10)
    model = MMASHRegressor(polygenic=0, covariances="canonical", scales=np.geomspace(1e-4, 1, 7))
    model.fit(X[:, :200], Y)  # compiles
    tracemalloc.start()
    model.fit(X, Y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert X.nbytes + peak < 2 * (X.nbytes + model.responsibilities_.nbytes)


def test_null_traits_expect_few_effects():
    expected = 0.0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X = rng.binomial(2, 0.3, (500, 300))
        model = MMASHRegressor(polygenic=0).fit(X, rng.normal(size=(500, 5)))
        expected += model.pip_.sum()
        assert model.lfsr_.min() > 0.05
    assert expected < 0.02 * 3 * 300


def test_the_variant_with_the_evidence_takes_the_effect():
    wrong = chosen = 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X = np.repeat(rng.normal(size=(600, 6)), 10, axis=1) + 0.3 * rng.normal(size=(600, 60))
        X, causal = X / X.std(axis=0), int(rng.integers(60))
        Y = 0.25 * X[:, [causal]] + rng.normal(size=(600, 5))
        hit = MMASHRegressor(polygenic=0).fit(X, Y).lfsr_ < 0.05
        chosen += hit.sum()
        wrong += np.delete(hit, causal, axis=1).sum()
    assert chosen >= 15
    assert wrong <= chosen / 4


@pytest.mark.parametrize("seed", range(2))
def test_noise_is_no_background(seed):
    rng = np.random.default_rng(seed)
    X, Y = rng.binomial(2, 0.3, (130, 200)), rng.normal(size=(130, 20))
    model = MMASHRegressor().fit(X[:30], Y[:30])
    assert np.all(model.polygenic_ <= 1)
    assert model.score(X[30:], Y[30:]) > -0.15


def test_compact_models_hold_no_genotypes(traits):
    X, Y = traits()
    model = MMASHRegressor(polygenic=0.3).fit(X, Y)
    expected = model.predict(X)
    held = len(pickle.dumps(model))
    assert model.compact() is model
    assert len(pickle.dumps(model)) < held - X.nbytes - 8 * len(X) ** 2
    np.testing.assert_array_equal(model.predict(X), expected)
    with pytest.raises(ValueError, match=r"which compact\(\) dropped"):
        model.predict(X, return_std=True)
    plain = MMASHRegressor(polygenic=0).fit(X, Y).compact()
    assert len(plain.predict(X, return_std=True)) == 2


def test_rare_variants_and_heavy_tails(traits):
    X, Y = traits(n=500)
    rng = np.random.default_rng(0)
    rare = np.zeros((500, 1), dtype=np.int8)
    rare[rng.choice(500, 4, replace=False)] = 1
    Y = rng.normal(size=(500, 2))
    Y[7, 1] = 20.0
    with pytest.warns(UserWarning, match="standard deviations from the mean of y1, and the rarest"):
        MMASHRegressor(polygenic=0).fit(np.hstack([X, rare]), Y)
    MMASHRegressor(polygenic=0).fit(X, Y)  # no rare variant
    Y[7, 1] = 2.0
    MMASHRegressor(polygenic=0).fit(np.hstack([X, rare]), Y)
