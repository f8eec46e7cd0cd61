"""What training starts from: linear models and pairs, exactly in the network, chosen by data."""

import warnings

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from sklearn.metrics import log_loss

from skgenetics.neural_network import LINAClassifier, LINARegressor, _training
from skgenetics.neural_network._derivatives import second_order_sum
from skgenetics.neural_network._known_start import known_start
from skgenetics.neural_network._linear_model import (
    HERITABILITIES,
    LARGEST_PENALTY,
    VARIANCES,
    Products,
    Quadratic,
    Spectrum,
    averaged,
    mixture_effects,
    mixture_of_variants,
    penalized_fit,
    ridge_effects,
    ridge_evidence,
)
from skgenetics.neural_network._linear_problem import Known, Problem
from skgenetics.neural_network._network import fold_batch_norm, forward, task_logit
from skgenetics.neural_network._start import calibrated, start_network, with_known
from skgenetics.neural_network._targets import Targets, split_rows
from skgenetics.neural_network._training import Samples, beyond_chance, n_deciding


def linear_with_products(known, Z):
    """The logits (n, d) of a `Known`, from their definition."""
    logit = Z @ known.coef.T + known.intercept
    for task, (pairs, products) in enumerate(zip(known.pairs, known.products, strict=True)):
        for (i, j), c in zip(pairs, products, strict=True):
            logit[:, task] += c * Z[:, i] * Z[:, j]
    return logit


@pytest.mark.parametrize("hidden", [(8,), (9, 11, 8)])
@pytest.mark.parametrize("slope", [0.0, 0.2])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("d", [1, 2])
def test_the_network_holds_linear_effects_and_products_exactly(hidden, slope, batch_norm, d):
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(50, 7))
    # with one logit a variant serves several pairs, and a square
    pairs = [np.array([[0, 3], [2, 3], [3, 6], [5, 5]]), np.array([[0, 3], [1, 4]])][:d]
    pairs = pairs if d == 1 else [np.array([[0, 3], [5, 5]]), pairs[1]]
    products = [rng.normal(size=len(p)) for p in pairs]
    known = Known(rng.normal(size=(d, 7)), rng.normal(size=d), pairs, products)
    network = start_network(hidden, 7, d, batch_norm, rng, random_coef=False)
    if batch_norm:
        network.biases[-1][:], network.shifts[-1][:] = 1.0, 0.0
    share = np.full(50, 1 / 50)
    state = calibrated(with_known(network, known, slope), Z, share, slope)
    plain = fold_batch_norm(state)
    trace = forward(plain, Z, slope)
    logit = task_logit(plain, trace.attention, Z)
    np.testing.assert_allclose(logit, linear_with_products(known, Z), rtol=1e-9, atol=1e-9)
    for task in range(d):  # the second derivative is the coefficient, its square's twice
        S = second_order_sum(plain, trace.gates, task, signed=True) / 50
        expected = np.zeros((7, 7))
        for (i, j), c in zip(pairs[task], products[task], strict=True):
            expected[i, j] += c
            expected[j, i] += c
        np.testing.assert_allclose(S, expected, atol=1e-9)


def ridge(problem):
    none = Products(np.empty((len(problem.b), 0)), np.empty((0, 0)), np.empty(0))
    return ridge_effects(problem, Spectrum(*np.linalg.eigh(problem.G)), none, np.empty(0))


def quadratic(Z, y):
    Z, y = Z - Z.mean(axis=0), y - y.mean()
    n = len(y)
    return Quadratic(Z.T @ Z / n, Z.T @ y / n, float(y @ y / n), n, n - 1)


def test_ridge_minimizes_generalized_cross_validation():
    rng = np.random.default_rng(1)
    Z = rng.normal(size=(80, 30))
    y = Z @ rng.normal(size=30) / 3 + rng.normal(size=80)
    effects = ridge(quadratic(Z, y))
    trace = np.trace(np.cov(Z.T, bias=True))
    scores = []
    for penalty in trace * (1 - HERITABILITIES) / HERITABILITIES / 80:
        other = Ridge(alpha=80 * penalty).fit(Z, y)
        centered = Z - Z.mean(axis=0)
        inverse = np.linalg.inv(centered.T @ centered / 80 + penalty * np.eye(30))
        freedom = 1 + np.trace(centered @ inverse @ centered.T) / 80
        scores.append((np.mean((y - other.predict(Z)) ** 2) / (1 - freedom / 80) ** 2, penalty))
    best = min(scores)[1]
    np.testing.assert_allclose(effects.penalty, best)
    np.testing.assert_allclose(effects.coef, Ridge(alpha=80 * best).fit(Z, y).coef_, rtol=1e-8)


def test_penalties_of_the_mixture_give_its_effects_and_spare_the_large_ones():
    rng = np.random.default_rng(2)
    Z = rng.normal(size=(500, 100))
    beta = np.zeros(100)
    beta[[3, 40, 77]] = [0.5, -0.4, 0.6]
    y = Z @ beta + rng.normal(size=500)
    problem = quadratic(Z, y)
    effects = mixture_of_variants(problem)
    solution = np.linalg.solve(problem.G + np.diag(effects.penalty), problem.b)
    np.testing.assert_allclose(solution, effects.coef, atol=1e-4)
    error = np.sum((effects.coef - beta) ** 2)
    assert error < 4 * 3 / 500  # three effects by least squares have 3 / 500 on average
    assert np.sum((ridge(problem).coef - beta) ** 2) > 5 * error


@pytest.mark.parametrize("kind", ["ridge", "mixture"])
def test_products_are_estimated_jointly_with_the_variants(kind):
    rng = np.random.default_rng(7)
    Z = rng.normal(size=(200, 12))
    P = Z[:, :2] * Z[:, 3:5] + 0.5 * Z[:, :2]
    y = Z[:, 0] + 0.5 * P[:, 0] + rng.normal(size=200)
    both = quadratic(np.column_stack([Z, P]), y)
    problem = Quadratic(both.G[:12, :12], both.b[:12], both.variance, both.n, both.free)
    products = Products(both.G[:12, 12:], both.G[12:, 12:], both.b[12:])
    own = np.array([0.01, 0.02])
    if kind == "ridge":
        effects = ridge_effects(problem, Spectrum(*np.linalg.eigh(problem.G)), products, own)
    else:
        effects = mixture_effects(problem, products, own)
    solution = np.linalg.solve(both.G + np.diag(effects.penalty), both.b)
    np.testing.assert_allclose(effects.coef, solution, atol=1e-4)


def test_no_effects_are_learned_from_noise():
    rng = np.random.default_rng(3)
    problem = quadratic(rng.normal(size=(300, 200)), rng.normal(size=300))
    assert np.sum(ridge(problem).coef ** 2) < 0.05
    assert np.sum(mixture_of_variants(problem).coef ** 2) < 0.05
    nothing = quadratic(rng.normal(size=(30, 4)), np.ones(30))
    assert not ridge(nothing).coef.any()
    assert not mixture_of_variants(nothing).coef.any()
    assert np.all(ridge(nothing).penalty == LARGEST_PENALTY)


def test_evidence_of_ridge_is_that_of_normal_effects():
    rng = np.random.default_rng(8)
    Z = rng.normal(size=(40, 7))
    y = Z @ rng.normal(size=7) / 3 + rng.normal(size=40)
    problem = quadratic(Z, y)
    values, vectors = np.linalg.eigh(problem.G)
    evidence = ridge_evidence(problem, values, vectors.T @ problem.b)
    rotation = np.linalg.svd(np.eye(40) - 1 / 40)[0][:, :39]  # the mean is free
    y, F = rotation.T @ y, rotation.T @ Z
    expected = []
    for penalty in values.sum() / 40 * (1 - HERITABILITIES) / HERITABILITIES:
        covariance = np.eye(39) + F @ F.T / (40 * penalty)
        variance = y @ np.linalg.solve(covariance, y) / 39
        expected.append(multivariate_normal.logpdf(y, np.zeros(39), variance * covariance))
    np.testing.assert_allclose(evidence, max(expected), rtol=1e-10)


def test_evidence_of_one_effect_is_that_of_its_best_component():
    rng = np.random.default_rng(9)
    z = rng.normal(size=(60, 1))
    y = 0.5 * z[:, 0] + rng.normal(size=60)
    problem = quadratic(z, y)
    rotation = np.linalg.svd(np.eye(60) - 1 / 60)[0][:, :59]
    y, f = rotation.T @ y, rotation.T @ z
    exact = [
        multivariate_normal.logpdf(y, np.zeros(59), v * np.eye(59) + effect * f @ f.T)
        for effect in 16 * problem.variance * VARIANCES
        for v in np.linspace(0.6, 1.2, 31) * problem.variance
    ]
    # with one effect the bound is exact, and the most likely mixture one component; the ascent
    # ends where the effect no longer moves, a little before
    assert -0.3 < mixture_of_variants(problem).evidence - max(exact) < 0.01


@pytest.mark.parametrize(("n_causal", "kind"), [(3, "mixture"), (200, "ridge")])
def test_evidence_tells_few_effects_from_many(n_causal, kind):
    rng = np.random.default_rng(10)
    factor = rng.normal(size=(300, 20))
    Z = factor @ rng.normal(size=(20, 200)) / 5 + rng.normal(size=(300, 200))
    g = Z[:, :n_causal] @ rng.normal(size=n_causal)
    y = g / g.std() + rng.normal(size=300)
    known, _ = known_start(samples_of(Z, y[:, None]), None, "squared", 0)
    problem = quadratic(Z, y)
    effects = ridge(problem) if kind == "ridge" else mixture_of_variants(problem)
    np.testing.assert_allclose(known.coef[0], effects.coef, atol=1e-8)  # decided


def test_effects_are_weighed_by_evidence_where_it_is_undecided():
    rng = np.random.default_rng(12)
    Z = rng.normal(size=(60, 40))
    g = Z[:, :6] @ rng.normal(size=6)
    y = g / g.std() + 1.5 * rng.normal(size=60)
    problem = quadratic(Z, y)
    one, other = mixture_of_variants(problem), ridge(problem)
    share = 1 / (1 + np.exp(other.evidence - one.evidence))
    assert 0.1 < share < 0.9
    known, _ = known_start(samples_of(Z, y[:, None]), None, "squared", 0)
    expected = share * one.coef + (1 - share) * other.coef
    np.testing.assert_allclose(known.coef[0], expected, atol=1e-8)
    both = averaged(one, other, share)
    shrinkage = share / (1 + one.penalty) + (1 - share) / (1 + other.penalty)
    np.testing.assert_allclose(1 / (1 + both.penalty), shrinkage)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_weights_of_millions_find_more_products_than_people_allow():
    rng = np.random.default_rng(0)
    X = rng.binomial(2, 0.3, size=(200, 30)).astype(np.int8)
    y = X[:, 0] + X[:, 1] - X[:, 2] + rng.normal(size=200)
    model = LINARegressor(max_iter=1, random_state=0)
    scores = [model.fit(X, y, np.full(200, w)).score(X, y) for w in (1e5, 1e6, 1e10)]
    np.testing.assert_allclose(scores, scores[0], atol=1e-3)


def regressed_out(C, A):
    C = np.column_stack([np.ones(len(C)), C])
    return A - C @ np.linalg.lstsq(C, A, rcond=None)[0]


@pytest.mark.parametrize("limit", [1000, 100])  # of columns: with a matrix of inner products or not
def test_directions_of_covariates_regressed_out_are_not_counted(limit, monkeypatch):
    monkeypatch.setattr("skgenetics.neural_network._known_start.GRAM_COLUMNS", limit)
    rng = np.random.default_rng(11)
    C, Z = rng.normal(size=(120, 15)), rng.normal(size=(120, 200))
    y = Z @ rng.normal(size=200) / 10 + 2 * rng.normal(size=120)
    Z, y = regressed_out(C, Z), regressed_out(C, y)
    known, _ = known_start(samples_of(Z, y[:, None]), None, "squared", 0)
    # people of weight 2 are the same people twice
    twice, _ = known_start(samples_of(np.r_[Z, Z], np.r_[y, y][:, None]), None, "squared", 0)
    two = samples_of(Z, y[:, None])
    two = two._replace(cell_weight=2 * two.cell_weight, weight=2 * two.weight)
    weighted, _ = known_start(two, None, "squared", 0)
    np.testing.assert_allclose(twice.coef, weighted.coef, atol=2e-3 if limit == 100 else 1e-8)
    # the same problem in coordinates that the covariates left free
    free = np.linalg.svd(np.eye(120) - np.column_stack([np.ones(120), C]) @ np.linalg.pinv(
        np.column_stack([np.ones(120), C])))[0][:, :104]  # fmt: skip
    U, s, _ = np.linalg.svd(free.T @ Z, full_matrices=False)
    best = np.inf
    for h2 in HERITABILITIES:
        penalty = np.sum(s**2) / 120 * (1 - h2) / h2
        residual = (free.T @ y) - U @ (s**2 / (s**2 + penalty) * (U.T @ (free.T @ y)))
        score = np.sum(residual**2) / (1 - np.sum(s**2 / (s**2 + penalty)) / 104) ** 2
        if score < best:
            best, expected = score, Ridge(alpha=penalty).fit(Z, y).coef_
    coef, problem = known.coef[0], Problem(samples_of(Z, y[:, None]), "squared")
    if limit == 1000:  # the ridge that is averaged with the mixture
        none = Products(np.empty((200, 0)), np.empty((0, 0)), np.empty(0))
        coef = ridge_effects(problem.quadratic(0), problem.spectrum(0), none, np.empty(0)).coef
    np.testing.assert_allclose(coef, expected, atol=2e-3 if limit == 100 else 1e-8)


def samples_of(Z, Y):
    n, m = Z.shape
    return Samples(np.arange(n), Z, Y, np.ones_like(Y), np.ones(n), np.zeros(m), np.ones(m))


def test_penalized_likelihood_equals_logistic_regression():
    rng = np.random.default_rng(4)
    Z = rng.normal(size=(200, 5))
    y = (Z @ rng.normal(size=5) + rng.normal(size=200) > 0).astype(float)
    problem = Problem(samples_of(Z, y[:, None]), "binary")
    gradient = problem.loss_gradient([np.empty((200, 0))])
    coef, intercept = penalized_fit(gradient, np.zeros((1, 5)), np.zeros(1), np.full((1, 5), 0.05))
    expected = LogisticRegression(C=1 / (200 * 0.05), tol=1e-10).fit(Z, y)
    np.testing.assert_allclose(coef, expected.coef_, atol=1e-4)
    np.testing.assert_allclose(intercept, expected.intercept_, atol=1e-4)


def simulate(seed, n, *, products=(), m=60, h2=0.4, n_causal=20):
    """Genotypes, and a trait of additive effects and of products of given sizes."""
    rng = np.random.default_rng(seed)
    X = rng.binomial(2, rng.uniform(0.2, 0.5, m), size=(n, m)).astype(np.int8)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    g = Z[:, :n_causal] @ rng.normal(size=n_causal)
    y = np.sqrt(h2) * g / g.std()
    for k, size in enumerate(products):
        y = y + size * Z[:, 30 + 2 * k] * Z[:, 31 + 2 * k]
    return X, y + np.sqrt(1 - h2) * rng.normal(size=n)


def test_default_finds_pairs_and_is_not_worse_than_ridge_without_them():
    X, y = simulate(10, 2500, products=(0.2, -0.25))
    model = LINARegressor((30,), random_state=0).fit(X[:1500], y[:1500])
    top = model.second_order_importance(X[:100], top_k=3)
    assert sorted(top.pairs[:2].tolist()) == [[30, 31], [32, 33]]
    assert top.importances[2] < 1e-6  # nothing else is held
    X, y = simulate(1, 2500)
    model = LINARegressor((30,), random_state=0).fit(X[:1500], y[:1500])
    Z = (X - X[:1500].mean(axis=0)) / X[:1500].std(axis=0)
    ridge = RidgeCV(60 * np.logspace(-1, 2, 7)).fit(Z[:1500], y[:1500])
    assert model.score(X[1500:], y[1500:]) > ridge.score(Z[1500:], y[1500:]) - 0.005


def test_several_tasks_of_labels_with_gaps():
    X, y = simulate(2, 3000, products=(0.35,))
    other = X[:, 0] + 0.5 * np.random.default_rng(0).normal(size=3000)
    Y = np.column_stack([y > 0, other > np.quantile(other, 0.9)]).astype(float)
    Y[::3, 0] = np.nan
    model = LINAClassifier((20,), random_state=0).fit(X[:2000], Y[:2000])
    assert model.second_order_importance(X[:50], target=0, top_k=1).pairs.tolist() == [[30, 31]]
    for task in range(2):
        seen = ~np.isnan(Y[2000:, task])
        label, p = Y[2000:, task][seen], model.predict_proba(X[2000:])[seen, task]
        logit = model.decision_function(X[2000:])[seen, task]
        assert log_loss(label, p) < log_loss(label, np.full(len(label), label.mean())) - 0.05
        slope = LogisticRegression(C=1e6).fit(logit[:, None], label).coef_[0, 0]
        assert 0.7 < slope < 1.5


@pytest.mark.parametrize("kind", ["multiclass", "binary"])
def test_rare_cases_have_probabilities_that_hold(kind):
    X, y = simulate(3, 6000)
    label = (y > np.quantile(y, 0.97)).astype(int)
    if kind == "multiclass":
        label = label + (y < np.quantile(y, 0.3)) * 2
    model = LINAClassifier((20,), random_state=0).fit(X[:3000], label[:3000])
    p = model.predict_proba(X[3000:])
    truth = label[3000:]
    share = np.bincount(label[:3000]) / 3000
    assert log_loss(truth, p) < log_loss(truth, np.tile(share, (3000, 1)))
    expected, error = p.sum(axis=0), np.sqrt(np.sum(p * (1 - p), axis=0))
    assert np.all(np.abs(np.bincount(truth) - expected) < 4 * error)


def test_more_variants_than_rows_and_more_than_a_gram_matrix(monkeypatch):
    rng = np.random.default_rng(5)
    Z = rng.normal(size=(120, 200))
    y = Z @ rng.normal(size=200) / 10 + rng.normal(size=120)
    samples = samples_of(Z, ((y - y.mean()) / y.std())[:, None])
    known, _ = known_start(samples, None, "squared", 0)
    monkeypatch.setattr("skgenetics.neural_network._known_start.GRAM_COLUMNS", 100)
    dual, _ = known_start(samples, None, "squared", 0)
    np.testing.assert_allclose(dual.coef, known.coef, atol=2e-3)
    assert np.abs(known.coef).max() > 0.1


def test_start_of_each_kind():
    X, y = simulate(6, 400)
    options = {"max_iter": 1, "early_stopping": False, "learning_rate_init": 1e-12}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = {
            start: LINARegressor((8,), start=start, random_state=0, **options).fit(X, y)
            for start in ("auto", "linear", "mean", "random")
        }
        partial = LINARegressor((8,), **options, random_state=0).partial_fit(X, y)
    np.testing.assert_allclose(fitted["mean"].predict(X), y.mean(), atol=1e-4)
    np.testing.assert_allclose(partial.predict(X), y.mean(), atol=1e-4)
    assert fitted["linear"].score(X, y) > 0.3
    assert np.abs(fitted["linear"].task_coef_).max() < 1e-9
    assert np.abs(fitted["random"].linear_coef_).max() < 1e-9
    assert fitted["random"].score(X, y) < 0
    with pytest.raises(ValueError, match="start must be one of"):
        LINARegressor(start="ridge").fit(X, y)


def test_a_state_replaces_the_start_only_beyond_chance():
    gain = np.tile([1.0, 2.0, 3.0, 2.0], 25)
    assert beyond_chance(gain, 100, 3)
    assert not beyond_chance(gain - 1.9, 100, 3)
    assert beyond_chance(gain - 1.9, 100, 0)
    assert not beyond_chance(gain - 2.1, 100, 0)
    assert beyond_chance(gain - 2.1, 100, -np.inf)
    assert not beyond_chance(gain[:1], 1, 3)
    assert not beyond_chance(np.zeros(5), 5, 3)


def test_few_rows_replace_the_start_as_rarely_as_many():
    rng = np.random.default_rng(0)
    for n in (3, 10, 1000):
        replaced = np.mean([beyond_chance(rng.normal(size=n), n, 3) for _ in range(6_000)])
        assert abs(replaced - norm.sf(3)) < 4 * np.sqrt(norm.sf(3) / 6_000)


def test_labels_decide_as_often_as_the_rarer_one_is_there():
    Y = np.zeros((100, 2))
    Y[:3, 0] = 1.0
    Y[:98, 1] = 1.0
    cells = np.ones((100, 2))
    cells[1, 0] = 0.0
    samples = Samples(np.arange(1, 100), None, Y, cells, None, None, None)
    assert n_deciding(samples, "binary") == 1 + 2
    assert n_deciding(samples, "squared") == 99
    balanced = samples._replace(Y=np.eye(4)[np.arange(100) % 4], cell_weight=np.ones((100, 1)))
    assert n_deciding(balanced, "multiclass") == 99


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_of_nine_cases_the_one_held_out_is_a_single_row(monkeypatch):
    seen = []
    monkeypatch.setattr(
        _training, "beyond_chance", lambda gain, n, margin: seen.append((len(gain), n, margin))
    )
    X = np.random.default_rng(0).binomial(2, 0.3, size=(1000, 20))
    LINAClassifier((8,), start="mean", random_state=0, max_iter=9).fit(X, np.arange(1000) < 9)
    LINARegressor((8,), start="mean", random_state=0, max_iter=9).fit(X, X[:, 0] * X[:, 1])
    assert set(seen) == {(100, 1, 3), (100, 100, 3)}


def test_a_random_start_is_never_returned():
    rng = np.random.default_rng(0)
    X = rng.binomial(2, 0.3, size=(100, 6))
    y = X[:, 0] + rng.normal(size=100)
    for seed in range(4):  # by luck, ten held-out rows are predicted better by a random network
        model = LINARegressor((8,), start="random", random_state=seed).fit(X, y)
        never = LINARegressor((8,), start="random", random_state=seed, learning_rate_init=1e-12)
        assert model.score(X, y) > never.fit(X, y).score(X, y) + 0.2


def test_rows_are_held_out_by_their_rarest_label_and_never_the_only_case():
    rng = np.random.default_rng(0)
    Y = np.zeros((200, 2))
    Y[:20, 0], Y[50:90, 1], Y[5, 1] = 1, 1, 1
    targets = Targets(Y, np.ones_like(Y), np.zeros(2), np.ones(2))
    training, validation = split_rows(targets, np.ones(200), 0.1, rng, True)
    assert Y[validation, 0].sum() == 2
    assert abs(Y[validation, 1].sum() - 4) <= 1
    assert sorted([*training, *validation]) == list(range(200))
    Y[1:20, 0] = 0  # one case is left
    for seed in range(5):
        _, validation = split_rows(targets, np.ones(200), 0.5, np.random.default_rng(seed), True)
        assert 0 not in validation
    weight = 1.0 * (np.arange(200) % 2)
    _, validation = split_rows(targets, weight, 0.3, rng, True)
    assert np.all(weight[validation] > 0)
    assert split_rows(targets._replace(Y=Y[:4]), np.ones(4), 0.1, rng, False)[1] is None


def test_one_case_is_enough():
    X, _ = simulate(7, 60)
    model = LINAClassifier((4,), random_state=0).fit(X, np.arange(60) == 3)
    assert np.all(np.isfinite(model.predict_log_proba(X)))


def test_logarithms_of_probabilities_are_finite():
    X = np.repeat(np.eye(3, dtype=np.float32), 20, axis=0)
    for y in (np.repeat([0, 1, 1], 20), np.repeat([0, 1, 2], 20)):
        model = LINAClassifier((4,), start="mean", early_stopping=False, max_iter=5, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, y)
        model.task_intercept_ = model.task_intercept_ + np.float32(200) * np.arange(
            1, 1 + len(model.task_intercept_), dtype=np.float32
        )
        logit = model.decision_function(X).astype(np.float64)
        if logit.ndim == 1:
            expected = np.stack([-np.logaddexp(0, logit), -np.logaddexp(0, -logit)], axis=1)
        else:
            expected = logit - np.logaddexp.reduce(logit, axis=1)[:, None]
        np.testing.assert_allclose(model.predict_log_proba(X), expected, rtol=1e-5, atol=1e-5)


def test_random_numbers_go_on_in_partial_fit():
    X, y = simulate(8, 100)
    losses = []
    for _ in range(2):
        model = LINARegressor(
            (8,), start="random", dropout=0.5, learning_rate_init=1e-30, random_state=0
        )
        for _ in range(3):
            model.partial_fit(X, y)
        losses.append(model.loss_curve_)
    assert losses[0] == losses[1]
    assert len(set(losses[0])) == 3  # other units are left out each time


@pytest.mark.parametrize(("shift", "factor"), [(1e9, 1.0), (0.0, 1e120), (-3e7, 1e-60)])
def test_digits_of_a_trait_are_kept_beside_short_integers(shift, factor):
    X, y = simulate(11, 200)
    options = {"max_iter": 1, "early_stopping": False, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = LINARegressor((8,), **options).fit(X.astype(float), y).predict(X.astype(float))
        moved = LINARegressor((8,), **options).fit(X, shift + factor * y).predict(X)
    unit = max(factor, 1e-10 * abs(shift))
    np.testing.assert_allclose((moved - shift) / unit, plain * factor / unit, atol=1e-4)


def test_traits_are_numbers():
    X, y = simulate(11, 50)
    for text in (y.astype(str), np.array(["a", 1.0] * 25, dtype=object)):
        with pytest.raises(ValueError, match="y must hold numbers; got text"):
            LINARegressor((4,)).fit(X, text)


def test_a_batch_without_labels_changes_nothing():
    X, y = simulate(12, 60)
    Y = np.column_stack([y, y**2])
    for kind, target in ((LINARegressor, Y), (LINAClassifier, (Y > 0).astype(float))):
        model = kind((4,), random_state=0).partial_fit(X, target)
        before = model.predict(X)
        model.partial_fit(X, np.full_like(target, np.nan))
        np.testing.assert_array_equal(model.predict(X), before)
        assert len(model.loss_curve_) == 1
