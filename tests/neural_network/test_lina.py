"""The estimators: labels and shapes as MLPClassifier's, importances, errors."""

import pickle
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neural_network import MLPClassifier

from skgenetics.metrics import masked_roc_auc_scorer
from skgenetics.neural_network import LINAClassifier, LINARegressor, _training
from tests.hypothesis_settings import examples

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.integers(0, 3, size=(120, 6)).astype(np.int8)
SCORE = X[:, 0] * X[:, 1] + X[:, 2] + RNG.normal(size=120)
BINARY = (SCORE > 1.5).astype(int)
TASKS = np.stack([BINARY, X[:, 3] > 0, X[:, 4] > 1], axis=1).astype(int)
PLAIN = {
    "start": "random",
    "batch_norm": False,
    "early_stopping": False,
    "learning_rate_init": 1e-3,
    "random_state": 0,
}
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 20, **PLAIN}


@pytest.mark.parametrize(
    "y",
    [
        BINARY,
        BINARY.astype(bool),
        BINARY * 3.0 - 1,
        np.array(["control", "case"])[BINARY],
        np.array(["control", "case"], dtype=object)[BINARY],
        np.array(["a", "b", "c"])[X[:, 0]],
        X[:, 0] * 2,
        TASKS,
    ],
    ids=["int", "bool", "float", "str", "object", "multi-str", "multi-int", "multilabel"],
)
def test_labels_and_shapes_are_those_of_mlp_classifier(y):
    ours = LINAClassifier(**SMALL).fit(X, y)
    theirs = MLPClassifier(max_iter=20, random_state=0).fit(X, y)
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    prediction, expected = ours.predict(X), theirs.predict(X)
    assert prediction.shape == expected.shape
    assert prediction.dtype.kind == expected.dtype.kind or y.dtype == object
    assert set(np.unique(prediction)) <= set(np.unique(y))
    probability = ours.predict_proba(X)
    assert probability.shape == theirs.predict_proba(X).shape
    np.testing.assert_allclose(ours.predict_log_proba(X), np.log(probability), rtol=1e-5, atol=1e-6)
    decision = ours.decision_function(X)
    if y.ndim == 2:
        assert decision.shape == (120, 3)
        np.testing.assert_allclose(probability, 1 / (1 + np.exp(-decision)), rtol=1e-4)
        np.testing.assert_array_equal(prediction, probability > 0.5)
    else:
        np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_array_equal(prediction, ours.classes_[probability.argmax(axis=1)])
        if len(ours.classes_) == 2:
            assert decision.shape == (120,)
            np.testing.assert_allclose(probability[:, 1], 1 / (1 + np.exp(-decision)), rtol=1e-4)
        else:
            odds = np.exp(decision)
            np.testing.assert_allclose(
                probability, odds / odds.sum(axis=1, keepdims=True), rtol=1e-4
            )
    assert ours.score(X, y) == pytest.approx(accuracy_score(y, prediction))


def test_logit_is_the_documented_function_of_the_attributes():
    model = LINARegressor((8, 7), batch_norm=True, max_iter=5, random_state=0)
    traits = np.stack([SCORE, 100 + 3 * SCORE], axis=1)
    model.fit(X.astype(float), traits)
    h = X.astype(float)
    for W, b in zip(model.coefs_, model.intercepts_, strict=True):
        h = h @ W + b
        h = np.where(h > 0, h, 0.2 * h)
    A = h @ model.attention_coef_ + model.attention_intercept_
    np.testing.assert_allclose(model.attention(X.astype(float)), A)
    Z = X - model.center_
    expected = (A * Z) @ model.task_coef_.T + Z @ model.linear_coef_.T + model.task_intercept_
    np.testing.assert_allclose(model.predict(X.astype(float)), expected)
    assert [W.shape for W in model.coefs_] == [(6, 8), (8, 7)]
    assert model.attention_coef_.shape == (7, 6)
    assert model.task_coef_.shape == (2, 6)


@pytest.mark.parametrize("gaps", [False, True])
def test_regressor_scores_observed_cells(gaps):
    y = np.stack([SCORE, 100 - SCORE], axis=1)
    if gaps:
        y[::4, 1] = np.nan
    model = LINARegressor(**SMALL).fit(X, y)
    prediction = model.predict(X)
    seen = ~np.isnan(y[:, 1])
    expected = [r2_score(y[:, 0], prediction[:, 0]), r2_score(y[seen, 1], prediction[seen, 1])]
    assert model.score(X, y) == pytest.approx(np.mean(expected))
    assert LINARegressor(**SMALL).fit(X, SCORE).predict(X).shape == (120,)


def test_scale_of_a_trait_does_not_matter():
    one = LINARegressor(**SMALL).fit(X.astype(float), SCORE).predict(X.astype(float))
    model = LINARegressor(**SMALL).fit(X.astype(float), 1e4 + 1e3 * SCORE)
    np.testing.assert_allclose(model.predict(X.astype(float)), 1e4 + 1e3 * one, rtol=1e-6)


def test_scale_of_features_does_not_matter():
    one = LINARegressor(**SMALL).fit(X.astype(float), SCORE)
    factor = np.array([1.0, 10.0, 0.1, 3.0, 100.0, 5.0])
    scaled = LINARegressor(**SMALL).fit(X * factor, SCORE)
    np.testing.assert_allclose(scaled.predict(X * factor), one.predict(X.astype(float)), rtol=1e-6)
    np.testing.assert_allclose(  # importances are per unit of X
        scaled.first_order_importance(X * factor) * factor,
        one.first_order_importance(X.astype(float)),
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        scaled.second_order_importance(X * factor) * np.outer(factor, factor),
        one.second_order_importance(X.astype(float)),
        rtol=1e-6,
        atol=1e-12,
    )


@pytest.fixture(scope="module")
def model():
    data = pd.DataFrame(X.astype(float), columns=[f"rs{i}" for i in range(6)])
    return LINAClassifier((9, 8), max_iter=60, **{**PLAIN, "random_state": 1}).fit(data, TASKS)


@pytest.fixture(scope="module")
def data():
    points = X[:40].astype(float) + RNG.uniform(-0.4, 0.4, size=(40, 6))  # off the kinks
    return pd.DataFrame(points, columns=[f"rs{i}" for i in range(6)])


class TestImportances:
    def differences(self, model, data, order):
        """Central differences of the logits, per sample: (n, d, m) or (n, d, m, m)."""
        step = 1e-5 if order == 1 else 1e-3
        points, eye = data.to_numpy(), step * np.eye(6)

        def f(moved):
            return model.decision_function(pd.DataFrame(moved, columns=data.columns))

        if order == 1:
            slopes = [(f(points + eye[i]) - f(points - eye[i])) / (2 * step) for i in range(6)]
            return np.stack(slopes, axis=-1)
        value = np.empty((40, 3, 6, 6))
        for i, j in np.ndindex(6, 6):
            value[:, :, i, j] = (
                f(points + eye[i] + eye[j])
                - f(points + eye[i] - eye[j])
                - f(points - eye[i] + eye[j])
                + f(points - eye[i] - eye[j])
            ) / (4 * step**2)
        return value

    def test_first_order(self, model, data):
        expected = self.differences(model, data, 1)
        each = model.first_order_importance(data, per_sample=True)
        np.testing.assert_allclose(each, expected, rtol=1e-5, atol=1e-7)
        overall = model.first_order_importance(data)
        np.testing.assert_allclose(overall, np.abs(expected).mean(axis=0), rtol=1e-5)
        np.testing.assert_array_equal(model.first_order_importance(data, target=2), overall[2])
        np.testing.assert_array_equal(
            model.first_order_importance(data, target=2, per_sample=True), each[:, 2]
        )

    def test_second_order(self, model, data):
        expected = self.differences(model, data, 2)
        each = np.stack(
            [
                [operator @ np.eye(6) for operator in
                 model.second_order_importance(data, target=task, per_sample=True)]
                for task in range(3)
            ],
            axis=1,
        )  # fmt: skip
        kinked = np.abs(each - expected).max(axis=(1, 2, 3)) > 1e-6  # a kink within a step
        assert kinked.mean() < 0.3
        assert np.abs(expected).mean() > 1e-2
        overall = model.second_order_importance(data)
        assert overall.shape == (3, 6, 6)
        np.testing.assert_allclose(overall, np.abs(each).mean(axis=0))
        signed = model.second_order_importance(data, signed=True)
        np.testing.assert_allclose(signed, each.mean(axis=0), atol=1e-14)
        pairs = [["rs1", "rs4"], ["rs2", "rs2"]]
        first, second = [1, 2], [4, 2]
        given = model.second_order_importance(data, pairs=pairs)
        np.testing.assert_allclose(given, overall[:, first, second])
        np.testing.assert_allclose(
            model.second_order_importance(data, pairs=[[1, 4], [2, 2]], signed=True),
            signed[:, first, second],
        )
        given = model.second_order_importance(data, pairs=pairs, per_sample=True)
        np.testing.assert_allclose(given, each[:, :, first, second])
        given = model.second_order_importance(data, pairs=pairs, per_sample=True, target=1)
        np.testing.assert_allclose(given, each[:, 1, first, second])

    def test_top_pairs(self, model, data):
        overall = model.second_order_importance(data)
        top = model.second_order_importance(data, top_k=4)
        assert top.pairs.shape == (3, 4, 2)
        for task in range(3):
            values = overall[task][np.triu_indices(6, 1)]
            np.testing.assert_allclose(top.importances[task], np.sort(values)[::-1][:4])
            found = overall[task][tuple(top.pairs[task].T)]
            np.testing.assert_allclose(found, top.importances[task])
        alone = model.second_order_importance(data, top_k=4, target=1)
        np.testing.assert_array_equal(alone.pairs, top.pairs[1])

    def test_groups_add_up(self, model, data):
        groups = np.array(["g2", "g1", "g1", "g3", "g2", "g2"])
        member = groups[:, None] == np.array(["g1", "g2", "g3"])
        first, second = model.first_order_importance(data), model.second_order_importance(data)
        np.testing.assert_allclose(
            model.first_order_importance(data, groups=groups), first @ member
        )
        np.testing.assert_allclose(
            model.second_order_importance(data, groups=groups), member.T @ second @ member
        )

    def test_groups_follow_their_labels(self, data):
        frame = pd.DataFrame(data, columns=[f"rs{i}" for i in range(6)])
        named = LINARegressor(4, max_iter=3, random_state=0).fit(frame, frame["rs0"])
        groups = pd.Series(["g2", "g1", "g1", "g3", "g2", "g2"], frame.columns)
        expected = named.first_order_importance(frame, groups=groups.to_numpy())
        turned = groups.iloc[[5, 0, 4, 2, 1, 3]]
        for labelled in (turned, turned.to_dict()):
            found = named.first_order_importance(frame, groups=labelled)
            np.testing.assert_array_equal(found, expected)
        with pytest.raises(ValueError, match="absent from groups, 1 of 6, such as 'rs5'"):
            named.second_order_importance(frame, groups=groups.iloc[:5])

    def test_attention_jacobian(self, model, data):
        first, paths, last = model.attention_jacobian(data)
        jacobian = first @ paths @ last
        for i in range(6):
            step = data.copy()
            step.iloc[:, i] += 1e-6
            slope = (model.attention(step) - model.attention(data)) / 1e-6
            np.testing.assert_allclose(jacobian[:, i], slope, rtol=1e-5, atol=1e-7)

    def test_feature_importances_and_frame(self, model):
        data = pd.DataFrame(X.astype(float), columns=[f"rs{i}" for i in range(6)])
        expected = model.first_order_importance(data)
        np.testing.assert_allclose(model.feature_importances_, expected.mean(axis=0))
        again = pickle.loads(pickle.dumps(model)).feature_importances_
        np.testing.assert_array_equal(again, model.feature_importances_)
        frame = model.to_frame()
        tasks = [f"importance_{task}" for task in range(3)]
        assert frame.columns.tolist() == ["variant_id", "importance", *tasks]
        assert frame["variant_id"].tolist() == [f"rs{i}" for i in range(6)]
        np.testing.assert_array_equal(frame["importance"], model.feature_importances_)
        np.testing.assert_allclose(frame[tasks].to_numpy().T, expected)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"kind": "hessian"}, "kind must be one of"),
            ({"pairs": [[0, 6]]}, "0 to 5; got values from 0 to 6"),
            ({"pairs": [["rs1", "rs9"]]}, "rs9"),
            ({"pairs": [0, 1]}, "shape"),
            ({"pairs": [[0, 1]], "top_k": 2}, "exclude each other"),
            ({"top_k": 0}, "top_k"),
            ({"target": 3, "top_k": 1}, "target"),
            ({"groups": ["a"] * 5}, "6 variants"),
            ({"per_sample": True}, "target"),
            ({"per_sample": True, "signed": True}, "per_sample"),
            ({"kind": "swap", "top_k": 3}, "derivative"),
            ({"kind": "swap", "per_sample": True}, "Or give pairs"),
            ({"kind": "swap", "n_repeats": 0}, "n_repeats"),
        ],
    )
    def test_bad_options(self, model, data, options, message):
        with pytest.raises(ValueError, match=message):
            model.second_order_importance(data, **options)


def test_one_task_has_no_axis_of_tasks_in_the_second_order():
    model = LINARegressor(**SMALL).fit(X, SCORE)
    assert model.first_order_importance(X).shape == (1, 6)
    assert model.first_order_importance(X, target=0).shape == (6,)
    S = model.second_order_importance(X)
    assert S.shape == (6, 6)
    np.testing.assert_array_equal(S, model.second_order_importance(X, target=0))
    operators = model.second_order_importance(X, per_sample=True)
    assert len(operators) == 120
    mean = np.mean([np.abs(operator @ np.eye(6)) for operator in operators], axis=0)
    np.testing.assert_allclose(S, mean, rtol=1e-4)
    assert model.second_order_importance(X, top_k=2).pairs.shape == (2, 2)
    assert model.to_frame().columns.tolist() == ["variant_id", "importance"]
    assert model.to_frame()["variant_id"].tolist() == ["x0", "x1", "x2", "x3", "x4", "x5"]


@given(st.permutations(range(6)), st.sampled_from(["adam", "lbfgs"]))
@examples(10)
def test_order_of_rows_does_not_matter_to_importances(order, solver):
    model = LINARegressor((6,), max_iter=3, solver=solver, random_state=0).fit(X, SCORE)
    rows = np.repeat(X[:6], 3, axis=0).astype(float)
    moved = np.concatenate([rows[3 * i : 3 * i + 3] for i in order])
    np.testing.assert_allclose(
        model.second_order_importance(moved), model.second_order_importance(rows), rtol=1e-5
    )
    np.testing.assert_allclose(
        model.first_order_importance(moved), model.first_order_importance(X[:6]), rtol=1e-5
    )


def test_cross_validation_with_gaps():
    y = TASKS.astype(float)
    y[::5, 0] = np.nan
    model = LINAClassifier((8,), max_iter=30, learning_rate_init=0.02, random_state=0)
    scores = cross_val_score(
        model, X, y, cv=KFold(3), scoring=masked_roc_auc_scorer, error_score="raise"
    )
    assert scores.min() > 0.8


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_traits_of_any_size_keep_their_digits_or_are_refused(solver):
    model = LINARegressor((3,), solver=solver, max_iter=4, random_state=0)
    expected = model.fit(X.astype(float), SCORE).predict(X.astype(float))
    found = model.fit(X.astype(float), SCORE * 1e120).predict(X.astype(float))
    np.testing.assert_allclose(found, expected * 1e120, rtol=1e-6)
    with pytest.raises(ValueError, match=r"in y range from .*: too far apart"):
        model.fit(X.astype(float), SCORE * 1e160)


@pytest.mark.parametrize("max_iter", [1, 20])
def test_training_that_stalls_is_told_as_it_is(monkeypatch, max_iter):
    def stalls_at_once(function, x, **options):
        yield SimpleNamespace(x=x, value=function(x)[0], converged=False, stalled=True)

    monkeypatch.setattr(_training, "lbfgs", stalls_at_once)
    model = LINARegressor((3,), solver="lbfgs", max_iter=max_iter, early_stopping=False)
    with pytest.warns(ConvergenceWarning, match=r"stalled after 1 iteration: .*Increase tol"):
        model.fit(X, SCORE)
    assert not model.converged_


def test_unconverged_training_says_what_to_change():
    for solver in ("adam", "lbfgs"):
        model = LINAClassifier((8,), **{**PLAIN, "solver": solver, "max_iter": 3})
        with pytest.warns(ConvergenceWarning, match=r"did not converge in 3 iter.*max_iter"):
            model.fit(X, BINARY)
        assert not model.converged_
        assert model.n_iter_ == len(model.loss_curve_) == 3
        assert model.best_loss_ == min(model.loss_curve_)
    assert LINAClassifier((8,), tol=1.0, **PLAIN).fit(X, BINARY).converged_


def test_validation_scores_are_there_only_if_rows_were_held_out():
    model = LINARegressor((8,), max_iter=3, **PLAIN)
    assert not hasattr(model.fit(X, SCORE), "validation_scores_")
    model.set_params(early_stopping=True).fit(X, SCORE)
    assert len(model.validation_scores_) == 3
    assert not hasattr(model.partial_fit(X, SCORE), "validation_scores_")
    model.fit(X, SCORE)
    model.set_params(early_stopping=False, solver="lbfgs").fit(X, SCORE)
    assert not hasattr(model, "validation_scores_")


@pytest.mark.parametrize("kind", [LINAClassifier, LINARegressor])
def test_none_is_refused_unless_it_means_something(kind):
    for name, default in kind().get_params().items():
        model = kind(**{"hidden_layer_sizes": (4,), "max_iter": 1, name: None})
        if default is None:
            model.fit(X, BINARY)
        else:
            with pytest.raises(ValueError, match=f"{name} must be"):
                model.fit(X, BINARY)
            with pytest.raises(TypeError, match=f"{name} must be"):
                model.fit(X, BINARY)


def test_callbacks_see_every_epoch():
    class Recorder:
        def __init__(self):
            self.epochs = 0

        def setup(self, *args, **kwargs):
            pass

        def teardown(self, *args, **kwargs):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
            if context.task_name == "iteration":
                self.epochs += 1
                self.last = fitted_estimator.predict(X)

    for solver in ("adam", "lbfgs"):
        recorder = Recorder()
        model = LINAClassifier((8,), max_iter=4, solver=solver, **PLAIN)
        model.set_callbacks(recorder).fit(X, BINARY)
        assert recorder.epochs == 4
        np.testing.assert_array_equal(recorder.last, model.predict(X))


def test_warm_start_keeps_precision_and_library():
    model = LINAClassifier(**SMALL, warm_start=True).fit(X, BINARY)
    assert model.fit(X.astype(float), BINARY).task_coef_.dtype == np.float32
    strict = pytest.importorskip("array_api_strict")
    with config_context(array_api_dispatch=True), pytest.raises(ValueError, match="same namespace"):
        model.partial_fit(strict.asarray(X), strict.asarray(BINARY))


class TestBadInput:
    @pytest.mark.parametrize(
        ("y", "message"),
        [
            (np.zeros(120), "2 classes at least; got 1 class"),
            (np.linspace(0, 1, 120), "Unknown label type"),
            (np.where(BINARY, np.nan, 0), "NaN"),
            (np.where(BINARY, None, "a"), "labels that are missing"),
            (np.where(BINARY, np.array(1, dtype=object), "a"), "numbers and strings"),
            (TASKS * 2, "must hold 0, 1 and NaN.*it holds 2"),
            (TASKS * np.nan, "every value is NaN"),
            (np.where(TASKS, "case", "control"), "must hold 0, 1 and NaN.*it holds 'c.*names of"),
            (TASKS[:60], "inconsistent numbers of samples"),
        ],
    )
    def test_labels(self, y, message):
        with pytest.raises(ValueError, match=message):
            LINAClassifier(**SMALL).fit(X, y)

    @pytest.mark.parametrize(
        "parameters",
        [
            {"hidden_layer_sizes": (5, 0)},
            {"hidden_layer_sizes": ()},
            {"hidden_layer_sizes": 0},
            {"hidden_layer_sizes": "45"},
            {"standardize": 1},
            {"activation": "tanh"},
            {"solver": "sgd"},
            {"dropout": 1.0},
            {"learning_rate_init": 0.0},
            {"batch_size": 0},
            {"coef_alpha": -1.0},
            {"class_weight": "even"},
            {"class_weight": {5: 1.0}},
            {"class_weight": {0: -1.0}},
            {"class_weight": [None, None]},
            {"solver": "lbfgs", "dropout": 0.1},
            {"solver": "lbfgs", "batch_norm": True},
        ],
    )
    def test_parameters(self, parameters):
        name = list(parameters)[-1]
        with pytest.raises(ValueError, match=name):
            LINAClassifier(**parameters).fit(X, BINARY)

    def test_missing_calls_point_to_the_imputer(self):
        gaps = X.astype(float)
        gaps[3, 2] = np.nan
        codes = X.copy()
        codes[3, 2] = -9
        model = LINAClassifier(**SMALL).fit(X, BINARY)
        for bad in (gaps, codes, sparse.csr_array(gaps)):
            with pytest.raises(ValueError, match="GenotypeImputer"):
                LINAClassifier(**SMALL).fit(bad, BINARY)
            with pytest.raises(ValueError, match="GenotypeImputer"):
                model.predict(bad)

    def test_number_of_variants(self):
        model = LINAClassifier(**SMALL).fit(X, BINARY)
        for method in (model.predict, model.attention, model.first_order_importance):
            with pytest.raises(ValueError, match="has 5 features, but LINAClassifier is expecting"):
                method(X[:, :5])

    @pytest.mark.parametrize("start", ["auto", "linear", "mean", "random"])
    def test_task_without_labels_is_predicted_by_even_odds(self, start):
        settings = SMALL | {"start": start}
        y = TASKS.astype(float)
        y[:, 1] = np.nan
        with pytest.warns(UserWarning, match=r"no observed label in columns \[1\]"):
            model = LINAClassifier(**settings).fit(X, y)
        np.testing.assert_array_equal(model.predict_proba(X)[:, 1], 0.5)
        y = np.stack([SCORE, np.full(120, np.nan)], axis=1)
        with pytest.warns(UserWarning, match=r"no observed value in columns \[1\]"):
            model = LINARegressor(**settings).fit(X, y)
        np.testing.assert_array_equal(model.predict(X)[:, 1], 0.0)

    @pytest.mark.parametrize("label", [0, 1])
    @pytest.mark.parametrize("class_weight", [None, "balanced"])
    def test_task_with_one_label(self, label, class_weight):
        y = TASKS.astype(float)
        y[:, 1] = np.where(BINARY, label, np.nan)
        y[5, 1] = 1 - label  # of no weight
        weight = 1.0 * (np.arange(120) != 5)
        with pytest.warns(UserWarning, match=r"only one label in columns \[1\]"):
            model = LINAClassifier(**SMALL, class_weight=class_weight).fit(X, y, weight)
        assert np.all(model.predict(X)[:, 1] == label)

    def test_three_dimensions_of_y(self):
        with pytest.raises(ValueError, match=r"y must be of shape .*; got \(120, 2, 2\)"):
            LINARegressor(**SMALL).fit(X, np.ones((120, 2, 2)))

    def test_infinity(self):
        y = SCORE.copy()
        y[0] = np.inf
        with pytest.raises(ValueError, match="infinity"):
            LINARegressor(**SMALL).fit(X, y)

    def test_partial_fit(self):
        with pytest.raises(ValueError, match="classes must be passed on the first call"):
            LINAClassifier(**SMALL).partial_fit(X, BINARY)
        model = LINAClassifier(**SMALL).partial_fit(X, BINARY, classes=[0, 1])
        with pytest.raises(ValueError, match=r"not there at first: \[2\]"):
            model.partial_fit(X, BINARY * 2)
        with pytest.raises(ValueError, match="must be like the y of the first call"):
            model.partial_fit(X, TASKS)
        assert not hasattr(LINAClassifier(solver="lbfgs"), "partial_fit")
        model = LINARegressor(**SMALL).partial_fit(X, SCORE)
        with pytest.raises(ValueError, match="as in the first call; got 3"):
            model.partial_fit(X, TASKS)
