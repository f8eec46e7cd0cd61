import tracemalloc

import array_api_strict
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgenetics.compose import CovariateAdjustedRegressor
from skgenetics.preprocessing import GenotypeImputer


class Recorder(RegressorMixin, BaseEstimator):
    """Keep what `fit` and `predict` were given; predict `value` in the shape of y."""

    def __init__(self, value=0.0):
        self.value = value

    def fit(self, X, y):
        self.X_, self.y_ = X, y
        return self

    def predict(self, X):
        self.X_predict_ = X
        return np.full((len(X), *self.y_.shape[1:]), self.value)


def make_data(n=150, p=12, k=3, seed=0):
    """Return int8 genotypes, covariates correlated with them, and y that both act on."""
    rng = np.random.default_rng(seed)
    C = rng.normal(size=(n, k)) * [1.0, 20.0, 0.1] + [0.0, 1950.0, 3.0]
    load = rng.normal(size=(k, p))
    logit = ((C - C.mean(axis=0)) / C.std(axis=0)) @ load * 0.5
    G = rng.binomial(2, 1 / (1 + np.exp(-logit))).astype(np.int8)
    y = G @ rng.normal(size=p) + (C - C.mean(axis=0)) / C.std(axis=0) @ [1.0, -2.0, 0.5]
    return G, C, y + rng.normal(size=n)


def least_squares(C, Y):
    """Return intercept and coefficients by a solver that is not the package's."""
    design = np.column_stack([np.ones(len(C)), C])
    return np.linalg.lstsq(design, Y, rcond=None)[0]


# What the adjustment is worth


@pytest.mark.parametrize("extra", ["none", "repeated", "constant", "dummies"])
def test_z_is_the_t_statistic_of_ols_with_covariates(extra):
    G, C, y = make_data()
    n = len(y)
    more = {
        "none": np.empty((n, 0)),
        "repeated": C[:, :2] @ [[2.0, 1.0], [0.0, 1e-3]],
        "constant": np.ones((n, 1)),
        "dummies": np.eye(4)[np.arange(n) % 4],
    }[extra]
    full = C if extra != "dummies" else np.column_stack([C, more[:, 1:]])
    rank = full.shape[1]
    C = np.column_stack([C, more])
    X = np.column_stack([C, G])
    model = CovariateAdjustedRegressor(LinearRegression(), covariates=slice(0, C.shape[1]))
    X_adjusted, y_adjusted = model.fit(X, y).adjust(X, y)
    z = np.sqrt(n) * np.array([np.corrcoef(x, y_adjusted)[0, 1] for x in X_adjusted.T])
    for j in range(G.shape[1]):
        design = np.column_stack([np.ones(n), full, G[:, j]])
        inverse = np.linalg.inv(design.T @ design)
        beta = np.linalg.solve(design.T @ design, design.T @ y)
        freedom = n - design.shape[1]
        assert freedom == n - 2 - rank
        variance = ((y - design @ beta) ** 2).sum() / freedom
        t = beta[-1] / np.sqrt(variance * inverse[-1, -1])
        assert abs(z[j] - t * np.sqrt(n / (t**2 + n - 2 - rank))) < 1e-10
        assert abs(z[j] - t * np.sqrt(n / (t**2 + n - 2))) > 1e-5  # without the covariates' rank


@pytest.mark.parametrize("seed", range(3))
def test_slope_is_unbiased_when_covariates_follow_the_genotype(seed):
    """y alone adjusted: the slope shrinks by the share of the genotype that covariates explain."""
    rng = np.random.default_rng(seed)
    n = 20_000
    ancestry = rng.normal(size=n)
    x = rng.binomial(2, 1 / (1 + np.exp(-1.5 * ancestry)))
    y = 0.3 * x + 0.8 * ancestry + rng.normal(size=n)
    X = np.column_stack([x, ancestry])
    slope = {
        both: CovariateAdjustedRegressor(LinearRegression(), covariates=[1], adjust_features=both)
        .fit(X, y)
        .regressor_.coef_[0]
        for both in (True, False)
    }
    se = 1 / np.sqrt(n * x.var() * (1 - np.corrcoef(x, ancestry)[0, 1] ** 2))
    share = 1 - np.corrcoef(x, ancestry)[0, 1] ** 2
    assert abs(slope[True] - 0.3) < 3 * se
    assert abs(slope[False] - 0.3 * share) < 3 * se
    assert slope[False] < 0.3 - 8 * se


@pytest.mark.parametrize("targets", [(), (4,)])
def test_linear_regression_equals_that_on_all_columns(targets):
    G, C, y = make_data()
    rng = np.random.default_rng(1)
    y = y.reshape(-1, *[1] * len(targets)) + rng.normal(size=(len(y), *targets))
    X = np.column_stack([G[:, :5], C[:, :1], G[:, 5:], C[:, 1:]])
    model = CovariateAdjustedRegressor(LinearRegression(), covariates=[5, -2, -1])
    model.fit(X[:100], y[:100])
    plain = LinearRegression().fit(X[:100], y[:100])
    assert model.covariates_ == [5, 13, 14]
    assert_allclose(model.predict(X[100:]), plain.predict(X[100:]), rtol=1e-9)
    variants = [*range(5), *range(6, 13)]
    assert_allclose(model.regressor_.coef_, plain.coef_[..., variants], rtol=1e-9)
    assert_allclose(model.score(X[100:], y[100:]), r2_score(y[100:], plain.predict(X[100:])))


def test_new_samples_are_adjusted_by_the_training_regressions():
    G, C, y = make_data()
    X = np.column_stack([G, C])
    model = CovariateAdjustedRegressor(Recorder(value=7.0), covariates=slice(-3, None))
    model.fit(X[:100], y[:100])
    on_x, on_y = least_squares(C[:100], G[:100].astype(float)), least_squares(C[:100], y[:100])
    design = np.column_stack([np.ones(len(C)), C])
    expected = G - design @ on_x
    assert_allclose(model.regressor_.X_, expected[:100], atol=1e-10)
    assert_allclose(model.regressor_.y_, (y - design @ on_y)[:100], atol=1e-10)
    assert_allclose(model.predict(X[100:]), 7.0 + design[100:] @ on_y, atol=1e-10)
    assert_allclose(model.regressor_.X_predict_, expected[100:], atol=1e-10)
    assert_allclose(model.predict(X[120:121]), model.predict(X)[120:121], atol=1e-12)
    assert_allclose(model.feature_coef_, on_x[1:], atol=1e-12)
    assert_allclose(model.target_coef_, on_y[1:], atol=1e-12)
    assert_allclose(model.covariate_mean_, C[:100].mean(axis=0))
    assert_allclose(model.target_intercept_, y[:100].mean())


@pytest.mark.parametrize("covariates", [None, []])
def test_without_covariates_nothing_happens(covariates):
    G, _, y = make_data()
    model = CovariateAdjustedRegressor(Recorder(), covariates=covariates).fit(G, y)
    assert model.regressor_.X_ is G
    assert_array_equal(model.regressor_.y_, y)
    assert model.adjust(G) is G


def test_features_left_alone_keep_their_dtype():
    G, C, y = make_data()
    frame = pd.DataFrame(G).add_prefix("rs").assign(age=C[:, 1])
    model = CovariateAdjustedRegressor(Recorder(), covariates="age", adjust_features=False)
    pd.testing.assert_frame_equal(model.fit(frame, y).regressor_.X_, frame.drop(columns="age"))
    X = np.column_stack([G, G[:, :1]])
    model.set_params(covariates=0).fit(X, y)
    assert model.regressor_.X_.dtype == np.int8
    assert np.shares_memory(model.regressor_.X_, X)
    model.set_params(covariates=[2, 4]).fit(X, y)
    assert_array_equal(model.regressor_.X_, np.delete(X, [2, 4], axis=1))


# Targets


@pytest.mark.parametrize("shape", [(), (6,), (3, 4)])
@pytest.mark.parametrize("weighted", [False, True])
def test_missing_cells_each_target_on_its_observed_samples(shape, weighted):
    G, C, y = make_data()
    n = len(y)
    rng = np.random.default_rng(2)
    y = y.reshape(-1, *[1] * len(shape)) + rng.normal(size=(n, *shape))
    flat = y.reshape(n, -1)
    flat[rng.random(flat.shape) < 0.2] = np.nan
    if shape:
        flat[:, 1] = np.where(np.isnan(flat[:, 0]), np.nan, flat[:, 1])
        flat[:, 2] = np.nan
    weight = rng.integers(0, 4, n) if weighted else np.ones(n, dtype=int)

    class WeightedRecorder(Recorder):
        def fit(self, X, y, sample_weight=None):
            return super().fit(X, y)

    model = CovariateAdjustedRegressor(WeightedRecorder(), covariates=slice(0, 3))
    model.fit(np.column_stack([C, G]), y, sample_weight=weight if weighted else None)
    adjusted = model.regressor_.y_.reshape(n, -1)
    assert model.target_coef_.shape == (3, *shape)
    for t in range(flat.shape[1]):
        seen = ~np.isnan(flat[:, t])
        assert_array_equal(np.isnan(adjusted[:, t]), ~seen)
        if not seen.any():
            continue
        rows = np.repeat(np.flatnonzero(seen), weight[seen])
        coef = least_squares(C[rows], flat[rows, t])
        expected = flat[seen, t] - coef[0] - C[seen] @ coef[1:]
        assert_allclose(adjusted[seen, t], expected, atol=1e-9)
        mean = flat[rows, t].mean()
        assert_allclose(model.target_mean_.reshape(-1)[t], mean)


def test_a_target_observed_with_weight_zero_alone_is_not_observed():
    G, C, y = make_data()
    weight = np.where(np.arange(len(y)) < 20, 0.0, 1.0)
    Y = np.column_stack([y, np.where(weight == 0, y, np.nan)])

    class WeightedRecorder(Recorder):
        def fit(self, X, y, sample_weight):
            return super().fit(X, y)

    model = CovariateAdjustedRegressor(WeightedRecorder(), covariates=[0, 1, 2])
    model.fit(np.column_stack([C, G]), Y, sample_weight=weight)
    assert_array_equal(model.target_mean_[1], 0)
    assert_array_equal(model.target_coef_[:, 1], 0)
    assert_array_equal(model.regressor_.y_[:, 1], Y[:, 1])


def test_exhausted_target_warns():
    G, C, y = make_data()
    Y = np.column_stack([y, np.where(np.arange(len(y)) < 4, y, np.nan)])
    model = CovariateAdjustedRegressor(Recorder(), covariates=[0, 1, 2])
    with pytest.warns(UserWarning, match="1 of 2 targets have no more observed samples"):
        model.fit(np.column_stack([C, G]), Y)
    assert_allclose(model.regressor_.y_[:4, 1], 0, atol=1e-9)


def test_score_in_three_dimensions():
    rng = np.random.default_rng(3)
    G, C, y = make_data()
    Y = y[:, None, None] * [[1.0, 3.0]] + rng.normal(size=(len(y), 2, 2))
    Y[rng.random(Y.shape) < 0.2] = np.nan
    X = np.column_stack([G, C])
    model = CovariateAdjustedRegressor(Recorder(), covariates=[-1, -2, -3]).fit(X[:90], Y[:90])
    residual = Y[90:] - model.predict(X[90:])
    deviation = Y[90:] - np.nanmean(Y[:90], axis=0)
    expected = 1 - np.nansum(residual**2) / np.nansum(deviation**2)
    assert_allclose(model.score(X[90:], Y[90:]), expected)


def test_weights_are_repetitions():
    G, C, y = make_data()
    weight = np.random.default_rng(4).integers(0, 3, len(y))
    X = np.column_stack([G, C])
    model = CovariateAdjustedRegressor(Ridge(), covariates=slice(12, 15))
    weighted = model.fit(X, y, sample_weight=weight).predict(X)
    rows = np.repeat(np.arange(len(y)), weight)
    assert_allclose(weighted, model.fit(X[rows], y[rows]).predict(X), rtol=1e-9)


# Among scikit-learn's tools


def test_names_pass_through():
    G, C, y = make_data()
    frame = pd.DataFrame(G).add_prefix("rs")
    frame.insert(2, "age", C[:, 0])
    frame.insert(9, "sex", C[:, 1])
    frame.index = [f"person{i}" for i in range(len(y))]
    model = CovariateAdjustedRegressor(Recorder(), covariates=["sex", "age"]).fit(frame, y)
    inner = model.regressor_.X_
    assert list(inner.columns) == [f"rs{j}" for j in range(12)]
    assert list(inner.index) == list(frame.index)
    assert model.covariates_ == [9, 2]
    assert_allclose(model.target_coef_, least_squares(C[:, [1, 0]], y)[1:], rtol=1e-9)
    assert list(model.feature_names_in_) == list(frame.columns)
    fitted = CovariateAdjustedRegressor(Ridge(), covariates=["age"]).fit(frame, y)
    assert "age" not in fitted.regressor_.feature_names_in_
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(frame.rename(columns={"age": "years"}))


def test_grid_search_and_pipelines():
    G, C, y = make_data()
    G[::11, 2] = -9
    frame = pd.DataFrame(G).add_prefix("rs").assign(age=C[:, 0])
    inner = make_pipeline(StandardScaler(), Ridge())
    model = make_pipeline(
        GenotypeImputer().set_output(transform="pandas"),
        CovariateAdjustedRegressor(inner, covariates=["age"]),
    )
    grid = {"covariateadjustedregressor__regressor__ridge__alpha": [0.1, 1e6]}
    search = GridSearchCV(model, grid, error_score="raise").fit(frame, y)
    assert next(iter(search.best_params_.values())) == 0.1
    assert np.isfinite(cross_val_score(search.best_estimator_, frame, y)).all()


def test_cross_validation_of_three_dimensions():
    G, C, y = make_data()
    Y = np.where(np.arange(len(y)) % 7 == 0, np.nan, y)[:, None, None] * np.ones((1, 2, 3))
    model = CovariateAdjustedRegressor(Recorder(), covariates=[0])
    predicted = cross_val_predict(model, np.column_stack([C[:, :1], G]), Y)
    assert predicted.shape == Y.shape
    assert np.isfinite(predicted).all()


def test_missing_genotypes_go_to_a_regressor_that_takes_them():
    G, C, y = make_data()
    X = np.column_stack([np.where(np.arange(len(y)) % 9 == 0, np.nan, G.T).T, C])
    inner = HistGradientBoostingRegressor(max_iter=2)
    model = CovariateAdjustedRegressor(inner, covariates=[-1], adjust_features=False)
    assert np.isfinite(model.fit(X, y).predict(X)).all()


def test_one_floating_matrix_and_no_more():
    rng = np.random.default_rng(5)
    X = rng.integers(0, 3, (1000, 20_000), dtype=np.int8)
    y = rng.normal(size=1000)
    before = X.copy()
    X.setflags(write=False)
    model = CovariateAdjustedRegressor(Recorder(), covariates=[7, 11_000])
    tracemalloc.start()
    model.fit(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.0 * X.size * 8 + 5 * 2**25  # the result and some blocks of columns
    assert_array_equal(X, before)


@pytest.mark.parametrize("dtype", ["int8", "float32", "float64"])
@pytest.mark.parametrize("adjust_features", [True, False])
@pytest.mark.parametrize("library", ["array_api_strict", "torch"])
def test_other_namespaces_agree_with_numpy(library, adjust_features, dtype):
    xp = array_api_strict if library == "array_api_strict" else pytest.importorskip("torch")
    if dtype == "int8" and not adjust_features:
        pytest.skip("scikit-learn's Ridge does not predict from integers in other namespaces")
    G, C, y = make_data()
    X = np.column_stack([G[:, :4], np.rint(C[:, :2] % 50), G[:, 4:]]).astype(dtype)
    Y = np.stack([y, y**2], axis=1)
    model = CovariateAdjustedRegressor(
        Ridge(solver="svd"), covariates=[4, 5], adjust_features=adjust_features
    )
    predicted = model.fit(X, Y).predict(X)
    adjusted = model.adjust(X, Y)
    with config_context(array_api_dispatch=True):
        model.fit(xp.asarray(X), xp.asarray(Y))
        found = model.predict(xp.asarray(X))
        found_adjusted = model.adjust(xp.asarray(X), xp.asarray(Y))
        score = model.score(xp.asarray(X), xp.asarray(Y))
    assert type(found) is type(xp.asarray(X))
    assert np.asarray(found).dtype == predicted.dtype
    tolerance = 1e-3 if dtype == "float32" else 1e-9
    assert_allclose(np.asarray(found), predicted, rtol=tolerance, atol=tolerance)
    for a, b in zip(found_adjusted, adjusted):
        assert_allclose(np.asarray(a), b, rtol=tolerance, atol=tolerance)
    assert_allclose(score, r2_score(Y, predicted), rtol=tolerance)


def test_missing_cells_in_other_namespaces():
    G, C, y = make_data()
    Y = np.stack([y, np.where(np.arange(len(y)) % 3 == 0, np.nan, y)], axis=1)

    class Zero(Recorder):
        def predict(self, X):
            return 0.0 * X[:, :2]

    X = np.column_stack([C, G])
    model = CovariateAdjustedRegressor(Zero(), covariates=slice(0, 3))
    expected = model.fit(X, Y).predict(X)
    with config_context(array_api_dispatch=True):
        xp = array_api_strict
        found = model.fit(xp.asarray(X), xp.asarray(Y)).predict(xp.asarray(X))
    assert_allclose(np.asarray(found), expected, rtol=1e-9)


# Bad input


@pytest.mark.parametrize(
    ("covariates", "error", "message"),
    [
        ([15], ValueError, r"covariates holds column 15, but X has n_features=15"),
        ([-16], ValueError, r"covariates holds column -16"),
        (slice(10, 20), ValueError, r"bounds must be integers between -15 and 15"),
        (slice("a", None), ValueError, r"bounds must be integers"),
        (["age"], ValueError, r"holds the name 'age', but X has no names"),
        ([3, 3], ValueError, r"names a column twice"),
        ([1, -14], ValueError, r"names a column twice"),
        (slice(None), ValueError, r"names all columns of X"),
        ([0, "age"], TypeError, r"names, integers or a slice"),
        ([True, False], TypeError, r"names, integers or a slice"),
        ([1.0], TypeError, r"names, integers or a slice"),
        (1.5, TypeError, r"names, integers or a slice"),
    ],
)
def test_bad_covariates(covariates, error, message):
    G, C, y = make_data()
    with pytest.raises(error, match=message):
        CovariateAdjustedRegressor(Ridge(), covariates=covariates).fit(np.hstack([G, C]), y)


def test_bad_names():
    frame = pd.DataFrame(np.arange(12.0).reshape(4, 3), columns=["a", "b", "c"])
    model = CovariateAdjustedRegressor(Ridge(), covariates=["a", "age"])
    with pytest.raises(ValueError, match=r"'age', which is not a column of X.*a, b, c"):
        model.fit(frame, range(4))


def test_missing_values():
    G, C, y = make_data()
    frame = pd.DataFrame(G).add_prefix("rs").assign(age=C[:, 0], pc1=C[:, 1])
    model = CovariateAdjustedRegressor(Ridge(), covariates=["pc1", "age"])
    holed = frame.assign(age=frame["age"].mask(frame.index == 3))
    with pytest.raises(ValueError, match="NaN in the covariates age:"):
        model.fit(holed, y)
    with pytest.raises(ValueError, match="NaN in the covariates age:"):
        model.fit(frame, y).predict(holed)
    holed = frame.assign(rs4=frame["rs4"].mask(frame.index == 3))
    with pytest.raises(ValueError, match=r"NaN in 1 columns.*rs4.*GenotypeImputer"):
        model.fit(holed, y)
    holed = frame.copy()
    holed.loc[3, "rs4"] = -9
    with pytest.raises(ValueError, match=r"holds -9 .*GenotypeImputer"):
        model.fit(holed, y)
    with pytest.raises(ValueError, match=r"holds -9 .*GenotypeImputer"):
        model.fit(frame, y).predict(holed)
    with pytest.raises(ValueError, match=r"holds -9 .*GenotypeImputer"):
        model.set_params(covariates=[0]).fit(np.where(np.eye(150, 12), -9, G).astype(np.int8), y)
    model.set_params(covariates=["pc1", "age"])
    with pytest.raises(ValueError, match="infinity"):
        model.fit(frame.assign(age=np.inf), y)
    with pytest.raises(ValueError, match=r"y.*infinity"):
        model.fit(frame, y + np.inf)


def test_too_few_samples():
    G, C, y = make_data()
    with pytest.raises(ValueError, match="3 covariates and an intercept leave nothing"):
        CovariateAdjustedRegressor(Ridge(), covariates=[0, 1, 2]).fit(np.hstack([C, G])[:4], y[:4])


def test_wrong_regressors():
    G, _, y = make_data()
    with pytest.raises(TypeError, match="got the classifier LogisticRegression"):
        CovariateAdjustedRegressor(LogisticRegression(), covariates=[0]).fit(G, y > 0)
    with pytest.raises(ValueError, match=r"KNeighborsRegressor.fit takes none"):
        CovariateAdjustedRegressor(KNeighborsRegressor()).fit(G, y, sample_weight=np.ones(len(y)))
    with pytest.raises(NotFittedError):
        CovariateAdjustedRegressor(Ridge()).predict(G)


def test_another_width_raises():
    G, _, y = make_data()
    model = CovariateAdjustedRegressor(Ridge(), covariates=[-1]).fit(G, y)
    with pytest.raises(ValueError, match=r"11 features, but .* expecting 12"):
        model.predict(G[:, 1:])


@pytest.mark.parametrize("dtype", ["int8", "float32", "float64"])
def test_what_covariates_explain_is_exactly_zero(dtype):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, size=(80, 6)).astype(dtype)
    X[:, 2] = X[:, 5] + X[:, 4]  # two of the covariates explain it
    y = X[:, 0] + 0.3 * rng.normal(size=80)
    train, test = X[:60], X[60:].copy()
    test[:, 2] = 0  # no longer explained
    model = CovariateAdjustedRegressor(
        make_pipeline(StandardScaler(), RidgeCV()), covariates=[4, 5]
    ).fit(train, y[:60])
    assert model.feature_kept_.tolist() == [1, 1, 0, 1]
    for rows in (train, test):
        adjusted = model.adjust(rows)
        assert np.all(adjusted[:, 2] == 0)
        assert np.all(adjusted[:, 0] != 0)
    np.testing.assert_allclose(model.predict(test), y[60:], atol=1.5)


@pytest.mark.parametrize("n", [40, 4001])
def test_a_covariate_constant_but_for_rounding_has_no_effect(n):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(n, 2)), np.full(n, 0.1)])
    y = X[:, 0] + rng.normal(size=n)
    y[::3] = np.nan
    model = CovariateAdjustedRegressor(Recorder(), covariates=[2]).fit(X, y)
    assert_array_equal(model.target_coef_, [0])
    assert_array_equal(model.feature_coef_, [[0, 0]])
    new = X[:5].copy()
    new[:, 2] = 7  # of which the training data say nothing
    assert_allclose(model.adjust(new), model.adjust(X[:5]), rtol=1e-12)
