"""Training: against torch, scikit-learn's losses and the definition of each option."""

import warnings
from itertools import islice

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import log_loss

from skgenetics.neural_network import LINAClassifier, LINARegressor, _start, _training
from skgenetics.neural_network._network import ModelState, Scales, copy_network, fold
from skgenetics.neural_network._objective import Objective
from skgenetics.neural_network._start import column_scales, start_network
from skgenetics.neural_network._targets import class_weights, trait_scales
from skgenetics.neural_network._training import (
    Adam,
    AdamSettings,
    Samples,
    adam_epoch,
    dropout_masks,
    full_gradient,
    train_adam,
    train_lbfgs,
)
from tests.oracles.lina_naive import naive_logit

PLAIN = {
    "start": "random",
    "batch_norm": False,
    "early_stopping": False,
    "learning_rate_init": 1e-3,
}


def plain(kind, hidden_layer_sizes, **parameters):
    """Return an estimator of the published network, trained on all rows from a random start."""
    return kind(hidden_layer_sizes, **{**PLAIN, **parameters})


pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def make_data(n=60, m=6, d=2, seed=0, rows=None):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 3, size=(n, m)).astype(np.int8)
    Y = (X[:, :d] + 0.5 * rng.normal(size=(n, d)) > 1).astype(float)
    observed = rng.uniform(size=(n, d)) > 0.2
    weight = rng.uniform(0.5, 2, size=n)
    cells = observed * weight[:, None]
    mean, scale = X.mean(axis=0), X.std(axis=0)
    return Samples(np.arange(n) if rows is None else rows, X, Y, cells, weight, mean, scale)


OBJECTIVE = Objective("binary", slope=0.2, coef_alpha=0.01, attention_alpha=0.1)


SETTINGS = AdamSettings(
    learning_rate=0.01, batch_size=60, dropout=0.0, tol=0.0, n_iter_no_change=10, margin=0
)


def train(network, training, validation, settings):
    """Return the epochs of Adam from the start of a network."""
    rng = np.random.default_rng(0)
    return train_adam(ModelState(network, []), training, validation, OBJECTIVE, settings, rng)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_full_batch_epochs_equal_torch(batch_norm, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(_training, "UPDATE_SIZE", 7)  # parameters are cut into blocks
    monkeypatch.setattr(_training, "COMPILED_SIZE", 7)  # and updated by the compiled loop
    data = make_data()
    data = data._replace(weight=np.ones(60), cell_weight=(data.cell_weight > 0).astype(float))
    network = start_network([5, 4], 6, 2, batch_norm, np.random.default_rng(1))
    epochs = train(network, data, None, SETTINGS)
    ours = [next(epochs) for _ in range(30)]

    theirs = [torch.tensor(array, requires_grad=True) for array in network.arrays()]
    parameters = network.replace_arrays(theirs)
    Z = torch.tensor((data.X - data.mean) / data.scale)
    Y, cells = torch.tensor(data.Y), torch.tensor(data.cell_weight)
    optimizer = torch.optim.Adam(theirs, lr=0.01)
    losses = []
    for _ in range(30):
        h = Z
        for i in range(3):
            h = h @ parameters.weights[i] + parameters.biases[i]
            if i < 2:
                h = torch.nn.functional.leaky_relu(h, 0.2)
            if batch_norm:
                h = torch.nn.functional.batch_norm(
                    h, None, None, parameters.scales[i], parameters.shifts[i], training=True
                )
        logit = (h * Z) @ parameters.task_coef.T + Z @ parameters.linear_coef.T
        logit = logit + parameters.task_intercept
        entropy = torch.nn.functional.binary_cross_entropy_with_logits(
            logit, Y, weight=cells, reduction="sum"
        )
        loss = entropy / 60 + 0.1 * (h - 1).abs().mean() + 0.01 * (parameters.task_coef**2).sum()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    np.testing.assert_allclose(ours[-1].loss_curve, losses, rtol=1e-8)
    for array, other in zip(ours[-1].state.network.arrays(), theirs, strict=True):
        # the biases before batch norm have no gradient but rounding, which Adam makes a step of
        if not batch_norm or not any(array is bias for bias in ours[-1].state.network.biases):
            np.testing.assert_allclose(array, other.detach().numpy(), rtol=1e-6, atol=1e-7)


def test_blocks_of_adam_do_not_matter(monkeypatch):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(13, 5)), rng.normal(size=(7,))]
    slopes = [[rng.normal(size=a.shape) for a in arrays] for _ in range(3)]
    results = []
    for block, one_pass in ((2**15, 2**15), (6, 2**15), (6, 6)):
        monkeypatch.setattr(_training, "UPDATE_SIZE", block)
        monkeypatch.setattr(_training, "COMPILED_SIZE", one_pass)
        moved = [a.copy() for a in arrays]
        optimizer = Adam(moved, 0.1)
        for g in slopes:
            optimizer.step(moved, g)
        results.append(moved)
    for whole, *others in zip(*results, strict=True):  # whole or by rows, in several passes or one
        for other in others:
            np.testing.assert_allclose(other, whole, rtol=1e-12)


def test_lbfgs_ends_at_a_stationary_point_and_chunks_do_not_matter(monkeypatch):
    data = make_data()
    network = start_network([4], 6, 2, False, np.random.default_rng(1))
    smooth = Objective("squared", slope=1.0, coef_alpha=0.0, attention_alpha=0.0)
    epoch = list(islice(train_lbfgs(network, data, smooth, tol=0.0), 3))[-1]
    monkeypatch.setattr(_training, "CONVERTED_SIZE", 7 * 6)
    chunked = list(islice(train_lbfgs(network, data, smooth, tol=0.0), 3))[-1]
    assert len(epoch.loss_curve) == 3
    np.testing.assert_allclose(chunked.loss_curve, epoch.loss_curve, rtol=1e-12)
    *_, long = islice(train_lbfgs(network, data, smooth, tol=1e-3), 2000)
    assert long.converged
    steepest = []
    for point in (network, long.state.network):
        _, gradient = full_gradient(point, data, smooth)
        steepest.append(max(np.abs(array).max() for array in gradient.arrays()))
    assert steepest[1] <= 1e-3 < 0.01 * steepest[0]
    assert long.loss_curve[-1] < epoch.loss_curve[0]


def test_early_stopping_returns_the_network_of_the_best_validation_loss():
    data = make_data(n=80, rows=np.arange(60))
    validation = data._replace(rows=np.arange(60, 80))
    network = start_network([30], 6, 2, True, np.random.default_rng(1))
    settings = SETTINGS._replace(learning_rate=0.05, batch_size=16, n_iter_no_change=5)
    epochs = list(train(network, data, validation, settings))
    last = epochs[-1]
    scores = np.array(last.validation_scores)
    assert last.converged
    assert len(scores) == len(last.loss_curve) >= scores.argmax() + 1 + 5
    assert last.best_epoch == scores.argmax() + 1
    folded = fold(last.state, Scales(data.mean, data.scale, np.zeros(2), np.ones(2)))
    total = 0.0
    for row in validation.rows:
        logit = naive_logit(folded, 0.2, data.X[row].astype(float), data.mean)
        cells = np.log1p(np.exp(logit)) - data.Y[row] * logit
        total += data.cell_weight[row] @ cells
    assert scores.max() == pytest.approx(-total / data.weight[60:].sum(), rel=1e-10)
    assert scores[-1] < scores.max()


def test_training_stops_where_the_loss_no_longer_falls():
    network = start_network([5], 6, 2, False, np.random.default_rng(1))
    settings = SETTINGS._replace(tol=10.0, n_iter_no_change=4)
    epochs = list(train(network, make_data(), None, settings))
    assert [epoch.converged for epoch in epochs] == [False] * 4 + [True]


def test_running_moments_are_those_of_the_rows_for_full_batches():
    data = make_data()
    network = start_network([5], 6, 2, True, np.random.default_rng(1))
    before = copy_network(network)
    optimizer = Adam(network.arrays(), 0.01)
    options = {"batch_size": 60, "dropout": 0.0, "rng": np.random.default_rng(0)}
    _, moments = adam_epoch(ModelState(network, []), data, OBJECTIVE, optimizer, **options)
    o = (data.X - data.mean) / data.scale @ before.weights[0]
    h = np.where(o > 0, o, 0.2 * o)
    mean = np.average(h, axis=0, weights=data.weight)
    np.testing.assert_allclose(moments[0][0], mean)
    variance = np.average((h - mean) ** 2, axis=0, weights=data.weight)
    np.testing.assert_allclose(moments[0][1], variance)


def test_dropout_keeps_the_mean():
    network = start_network([400, 300], 6, 1, False, np.random.default_rng(0))
    masks = dropout_masks(network, 50, 0.3, np.random.default_rng(0))
    assert [mask.shape for mask in masks] == [(50, 400), (50, 300)]
    for mask in masks:
        np.testing.assert_allclose(np.unique(mask), [0, 1 / 0.7])
        assert mask.mean() == pytest.approx(1, abs=4 * np.sqrt(0.3 / 0.7 / mask.size))
    assert dropout_masks(network, 50, 0.0, np.random.default_rng(0)) == []


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csr_matrix])
def test_column_scales(container):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, size=(50, 7)).astype(np.int8)
    X[:, 3] = 2
    weight = rng.integers(0, 4, size=50)
    mean, scale = column_scales(container(X), weight / weight.sum())
    repeated = np.repeat(X, weight, axis=0).astype(float)
    np.testing.assert_allclose(mean, repeated.mean(axis=0))
    expected = repeated.std(axis=0)
    assert expected[3] == 0
    expected[3] = 1
    np.testing.assert_allclose(scale, expected)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("chunk", [2**22, 2 * 1000])
def test_constant_columns_and_traits_have_scale_one(container, chunk, monkeypatch):
    monkeypatch.setattr(_start, "DENSE_SIZE", chunk)
    share = np.random.default_rng(0).dirichlet(np.ones(1000))
    X = np.full((1000, 4), [0.1, 1e9, 1e-3, 0.0])
    X[:500, 2] += 1e-9  # varies, by far less than its mean
    mean, scale = column_scales(container(X), share)
    np.testing.assert_allclose(mean, share @ X)
    np.testing.assert_array_equal(scale[[0, 1, 3]], 1)
    np.testing.assert_allclose(scale[2], np.sqrt(share[:500].sum() * share[500:].sum()) * 1e-9)
    mean, scale = trait_scales(X, np.full((1000, 4), 3.0), standardize=True)
    np.testing.assert_allclose(mean, X.mean(axis=0))
    np.testing.assert_allclose(scale, [1, 1, 5e-10, 1], rtol=1e-6)


def test_class_weights():
    codes = np.array([0, 0, 0, 1, 2, 2])
    weight = np.array([1.0, 2.0, 1.0, 2.0, 1.0, 1.0])
    balanced = class_weights("balanced", ["a", "b", "c"], weight, codes)
    np.testing.assert_allclose(np.bincount(codes, weights=balanced * weight), 8 / 3)
    factors = class_weights({"b": 5}, ["a", "b", "c"], weight, codes)
    np.testing.assert_array_equal(factors, [1, 1, 1, 5, 1, 1])


class TestEstimators:
    X = np.random.default_rng(0).integers(0, 3, size=(90, 5)).astype(np.int8)
    labels = (X[:, 0] * X[:, 1] > 1).astype(int)
    traits = np.stack([X[:, 0] * X[:, 1], X[:, 2] - 3.0 * X[:, 3]], axis=1)

    @pytest.mark.parametrize("batch_norm", [False, True])
    def test_partial_fit_repeated_equals_fit(self, batch_norm):
        X = self.X.astype(float)
        options = {
            "batch_norm": batch_norm,
            "batch_size": 90,
            "tol": 0.0,
            "max_iter": 6,
            "random_state": 3,
        }
        for kind, y, extra in (
            (LINAClassifier, self.labels, {"classes": [0, 1]}),
            (LINARegressor, self.traits, {}),
        ):
            fitted = plain(kind, (8, 4), **options).fit(X, y)
            partial = plain(kind, (8, 4), **options)
            for _ in range(6):
                partial.partial_fit(X, y, **extra)
            np.testing.assert_allclose(partial.loss_curve_, fitted.loss_curve_, rtol=1e-8)
            np.testing.assert_allclose(partial.predict(X), fitted.predict(X), rtol=1e-5)
            assert partial.n_iter_ == fitted.n_iter_ == 6

    def test_warm_start_goes_on(self):
        model = plain(LINARegressor, (8,), max_iter=5, warm_start=True, random_state=0)
        first = model.fit(self.X, self.traits).loss_curve_
        second = model.fit(self.X, self.traits).loss_curve_
        assert second[0] < first[-1]
        assert plain(LINARegressor, (8,), max_iter=5, random_state=0).fit(
            self.X, self.traits
        ).loss_curve_ == pytest.approx(first)
        with pytest.raises(ValueError, match=r"hidden layers of \[8\].*got \[9\]"):
            model.set_params(hidden_layer_sizes=(9,)).fit(self.X, self.traits)

    @pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix])
    @pytest.mark.parametrize("solver", ["adam", "lbfgs"])
    def test_sparse_equals_dense(self, container, solver):
        model = plain(LINAClassifier, (8,), max_iter=20, solver=solver, random_state=0)
        expected = model.fit(self.X, self.labels).decision_function(self.X)
        X = container(self.X)
        np.testing.assert_allclose(
            model.fit(X, self.labels).decision_function(X), expected, rtol=1e-4, atol=1e-5
        )
        model.feature_importances_  # noqa: B018

    def test_int8_is_trained_in_single_precision_and_equals_double(self):
        model = plain(LINARegressor, (8,), max_iter=20, random_state=0)
        single = model.fit(self.X, self.traits).predict(self.X)
        assert single.dtype == np.float32
        double = model.fit(self.X.astype(float), self.traits).predict(self.X.astype(float))
        assert double.dtype == np.float64
        np.testing.assert_allclose(single, double, rtol=1e-3, atol=1e-4)

    def test_weights_are_repetitions_for_several_tasks_with_gaps(self):
        rng = np.random.default_rng(0)
        y = np.stack([self.labels, 1 - self.labels], axis=1).astype(float)
        y[rng.uniform(size=y.shape) < 0.3] = np.nan
        weight = rng.integers(0, 4, size=90)
        X = self.X.astype(float)
        for class_weight in (None, "balanced", {0: 0.5, 1: 3.0}, [{1: 2.0}, None]):
            model = LINAClassifier(
                (8,),
                batch_size=1000,
                max_iter=15,
                batch_norm=True,
                class_weight=class_weight,
                random_state=0,
            )
            weighted = model.fit(X, y, sample_weight=weight).decision_function(X)
            repeated = model.fit(np.repeat(X, weight, axis=0), np.repeat(y, weight, axis=0))
            np.testing.assert_allclose(repeated.decision_function(X), weighted, rtol=1e-6)

    def test_nan_label_is_a_cell_of_weight_zero(self):
        y = np.stack([self.labels, 1 - self.labels], axis=1).astype(float)
        gaps = y.copy()
        gaps[::3, 1] = np.nan
        model = plain(LINAClassifier, (8,), max_iter=1, batch_size=90, random_state=0, coef_alpha=0)
        model.fit(self.X.astype(float), gaps)
        start = np.log(np.array([np.nanmean(g) / (1 - np.nanmean(g)) for g in gaps.T]))
        # the first loss, before any step: the network's own, with the gaps left out
        model.set_params(learning_rate_init=1e-12).fit(self.X.astype(float), gaps)
        p = model.predict_proba(self.X.astype(float))
        expected = log_loss(y[:, 0], p[:, 0]) + log_loss(y[:, 1][~np.isnan(gaps[:, 1])],
            p[:, 1][~np.isnan(gaps[:, 1])], normalize=False) / 90  # fmt: skip
        assert model.loss_curve_[0] == pytest.approx(expected, rel=1e-6)
        np.testing.assert_allclose(model.task_intercept_, start, rtol=1e-6)

    def test_diverging_training_names_the_rate_and_keeps_the_network(self):
        X = 1e3 * np.random.default_rng(0).normal(size=(50, 4))
        model = plain(
            LINARegressor, (8, 8), standardize=False, learning_rate_init=1e30, random_state=0
        )
        with pytest.raises(ValueError, match=r"diverged.*learning_rate_init, now 1e\+30"):
            model.fit(X, X[:, 0])
        assert np.all(np.isfinite(model.predict(X)))
        with pytest.raises(ValueError, match="learning_rate_init"):
            model.set_params(batch_size=5).partial_fit(X, X[:, 0])
        assert np.all(np.isfinite(model.predict(X)))

    @pytest.mark.parametrize("early_stopping", [False, True])
    def test_what_is_kept_is_from_before_the_training_diverged(self, early_stopping):
        rng = np.random.default_rng(0)
        X = rng.integers(0, 3, size=(100, 6)).astype(float)
        y = X[:, 0] + rng.normal(size=100)
        model = plain(LINARegressor, (8,), learning_rate_init=1e60, early_stopping=early_stopping)
        with pytest.raises(ValueError, match="diverged"):
            model.set_params(random_state=0).fit(X, y)
        start = plain(LINARegressor, (8,), learning_rate_init=1e-300, max_iter=1, random_state=0)
        start.set_params(early_stopping=early_stopping).fit(X, y)  # does not move
        np.testing.assert_allclose(model.predict(X), start.predict(X))
        before = model.score(X, y)
        model.set_params(warm_start=True, learning_rate_init=0.01, max_iter=30).fit(X, y)
        assert model.score(X, y) > before + 0.1

    @pytest.mark.parametrize(("rate", "diverges"), [(100.0, True), (0.01, False)])
    @pytest.mark.parametrize("kind", [LINAClassifier, LINARegressor])
    def test_training_that_ends_far_above_a_constant_names_the_rate(self, kind, rate, diverges):
        rng = np.random.default_rng(0)
        X = rng.integers(0, 3, size=(200, 6)).astype(float)
        y = X[:, 0] * X[:, 1] + rng.normal(size=200)
        y = y > 1 if kind is LINAClassifier else 1000 + 50 * y
        model = plain(kind, (8,), learning_rate_init=rate, tol=1e-3, random_state=0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(X, y)
        named = [w for w in caught if "Lower learning_rate_init, now 100" in str(w.message)]
        assert len(named) == diverges

    @pytest.mark.parametrize(
        "options",
        [
            {"solver": "lbfgs", "tol": 1e9},  # ends before the first iteration
            {"coef_alpha": 1e4, "max_iter": 2},  # penalties are no divergence
            {"attention_alpha": 1e4, "max_iter": 2},
            {"tol": 1e-3},
        ],
    )
    @pytest.mark.parametrize("constant", [False, True])
    def test_loss_that_is_large_for_another_reason(self, options, constant):
        rng = np.random.default_rng(0)
        X = rng.integers(0, 3, size=(60, 6)).astype(float)
        y = np.ones(60) if constant else X[:, 0] + rng.normal(size=60)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            plain(LINARegressor, (8,), random_state=0, **options).fit(X, y)
        assert not [w for w in caught if "diverges" in str(w.message)]

    def test_learns_an_interaction_that_no_linear_model_sees(self):
        rng = np.random.default_rng(0)
        X = rng.integers(0, 2, size=(1000, 6)) * 2
        y = np.where((X[:, 0] == X[:, 1]), "case", "control")
        model = plain(
            LINAClassifier, (20,), early_stopping=True, learning_rate_init=0.01, random_state=0
        )
        assert model.fit(X[:700], y[:700]).score(X[700:], y[700:]) > 0.98
        top = model.second_order_importance(X[700:], top_k=1)
        assert top.pairs.tolist() == [[0, 1]]


def test_partial_fit_takes_smaller_steps_with_many_variants():
    rng = np.random.default_rng(0)
    X = rng.binomial(2, 0.3, size=(400, 3000)).astype(np.int8)
    y = X[:, :20].sum(axis=1) + rng.normal(size=400)

    def losses(**options):
        model = LINARegressor((8,), random_state=0, **options)
        for _ in range(3):
            model.partial_fit(X, y)
        return model.loss_curve_

    assert losses() == losses(learning_rate_init=2 / 3000)
    assert losses()[-1] < 2 < losses(learning_rate_init=0.01)[-1]


def test_fit_without_held_out_rows_does_not_lose_its_start_with_many_variants():
    rng = np.random.default_rng(0)
    X = rng.binomial(2, 0.3, size=(300, 2000)).astype(np.int8)
    y = X[:, :10].sum(axis=1) + rng.normal(size=300)

    def fitted(**options):
        model = LINARegressor((8,), early_stopping=False, max_iter=5, random_state=0, **options)
        return model.fit(X[:200], y[:200])

    model = fitted()
    assert model.loss_curve_ == fitted(learning_rate_init=200 / 2000 / 2000).loss_curve_
    random = fitted(start="random")
    assert random.loss_curve_ == fitted(start="random", learning_rate_init=2 / 2000).loss_curve_
    score = model.score(X[200:], y[200:])
    assert score > 0.6
    assert score > fitted(learning_rate_init=0.01).score(X[200:], y[200:]) + 0.2


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_without_held_out_rows_few_people_get_small_steps():
    rng = np.random.default_rng(0)
    X = rng.binomial(2, 0.3, size=(900, 200)).astype(np.int8)
    y = X[:, :20].sum(axis=1) + 3 * rng.normal(size=900)

    def score(**options):
        model = LINARegressor((20,), early_stopping=False, random_state=0, **options)
        return model.fit(X[:300], y[:300]).score(X[300:], y[300:])

    assert score() > score(learning_rate_init=0.01) + 0.05
