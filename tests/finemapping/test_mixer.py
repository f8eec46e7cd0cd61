"""The estimator: parameters, data, predictions, and its life among scikit-learn's tools."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.callback import ProgressBar
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import BayesianRidge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgenetics import FinemapMiXeR
from skgenetics.datasets import make_genotypes
from skgenetics.finemapping import LDMismatchWarning
from skgenetics.finemapping.solvers import Adam, Gibbs
from skgenetics.preprocessing import GenotypeImputer
from tests.arrays import Disk
from tests.oracles.finemapping import wald_t

FAST_ADAM = {"solver": "adam", "max_iter": 2500, "random_state": 0}


@pytest.mark.parametrize(
    "options",
    [
        {"solver": "susie"},
        {"solver": "susie", "causal_probability": 0.1, "effect_variance": 0.02},
        FAST_ADAM,
        FAST_ADAM | {"solver": Adam.published(), "residual_variance": None, "tol": 1e9},
        FAST_ADAM | {"solver": Adam(n_components=5)},
    ],
)
def test_fit_equals_fit_summary_on_its_statistics(locus, options):
    X, y, _ = locus()
    X = X.astype(float)
    options = {"residual_variance": 1.0} | options  # which fit learns by default
    model = FinemapMiXeR(**options).fit(X, y)
    summary = FinemapMiXeR(**options).fit_summary(
        wald_t(X, y), np.corrcoef(X.T), n_samples=len(y), heterozygosity=X.var(axis=0)
    )
    np.testing.assert_allclose(summary.z_, model.z_, rtol=1e-9)
    np.testing.assert_allclose(summary.pip_, model.pip_, atol=1e-8)
    np.testing.assert_allclose(y.std() * summary.coef_, model.coef_, atol=1e-8)
    np.testing.assert_allclose(y.std() * summary.coef_sd_, model.coef_sd_, atol=1e-8)
    np.testing.assert_allclose(summary.heritability_, model.heritability_, rtol=1e-6)
    assert len(summary.credible_sets_) == len(model.credible_sets_)


def test_beta_and_se_are_z():
    z, R = np.array([5.0, 1.0, -0.3]), np.eye(3)
    from_z = FinemapMiXeR().fit_summary(z, R, n_samples=1000)
    se = np.array([0.1, 0.2, 0.3])
    from_beta = FinemapMiXeR().fit_summary(beta=z * se, se=se, ld=R, n_samples=1000)
    np.testing.assert_allclose(from_beta.pip_, from_z.pip_, rtol=1e-9)


def test_effects_are_found(locus):
    X, y, causal = locus(n=2000, p=20, seed=3)
    model = FinemapMiXeR().fit(X, y)
    assert set(np.flatnonzero(model.pip_ > 0.9)) == set(causal)
    np.testing.assert_allclose(model.coef_[causal], 0.35, atol=0.1)
    assert model.solver_ == "gibbs"
    assert model.converged_
    assert model.score(X, y) > 0.05
    assert {int(s["variants"][0]) for s in model.credible_sets_} == set(causal)


EQUIVARIANT = [("susie", 1e-8), ("gibbs", 0.04)]  # a sampler: within its Monte Carlo error


@pytest.mark.parametrize(("solver", "error"), EQUIVARIANT)
@pytest.mark.parametrize("flipped", [[0], [1, 4, 7]])
def test_flipping_counted_alleles_flips_effects_alone(locus, flipped, solver, error):
    X, y, _ = locus()
    other = X.copy()
    other[:, flipped] = 2 - other[:, flipped]
    sign = np.ones(X.shape[1])
    sign[flipped] = -1
    model, mirrored = (FinemapMiXeR(solver=solver).fit(data, y) for data in (X, other))
    np.testing.assert_allclose(mirrored.pip_, model.pip_, atol=error)
    np.testing.assert_allclose(mirrored.coef_, sign * model.coef_, atol=error / 4)
    np.testing.assert_allclose(mirrored.predict(other), model.predict(X), atol=error / 4)


@pytest.mark.parametrize(("solver", "error"), EQUIVARIANT)
def test_permuting_variants_permutes_the_answer(locus, solver, error):
    X, y, _ = locus()
    order = np.random.default_rng(0).permutation(X.shape[1])
    model = FinemapMiXeR(solver=solver).fit(X, y)
    moved = FinemapMiXeR(solver=solver).fit(X[:, order], y)
    np.testing.assert_allclose(moved.pip_, model.pip_[order], atol=error)


@pytest.mark.parametrize("options", [{}, FAST_ADAM])
def test_int8_genotypes_give_what_floats_give(locus, options):
    X, y, _ = locus()
    before = X.copy()
    ints = FinemapMiXeR(**options).fit(X, y)
    floats = FinemapMiXeR(**options).fit(X.astype(np.float64), y)
    np.testing.assert_allclose(ints.pip_, floats.pip_, atol=1e-10)
    np.testing.assert_allclose(ints.predict(X), floats.predict(X.astype(float)), rtol=1e-9)
    assert ints.pip_.dtype == np.float64
    assert FinemapMiXeR(**options).fit(X.astype(np.float32), y).pip_.dtype == np.float32
    np.testing.assert_array_equal(X, before)


def test_missing_codes_are_refused(locus):
    X, y, _ = locus()
    X[3, 2] = -9
    with pytest.raises(ValueError, match=r"X holds -9 .*GenotypeImputer"):
        FinemapMiXeR().fit(X, y)
    X[3, 2] = 0
    model = FinemapMiXeR().fit(X, y)
    X[3, 2] = -127
    with pytest.raises(ValueError, match="GenotypeImputer"):
        model.predict(X)


@pytest.mark.parametrize("options", [{}, FAST_ADAM])
def test_constant_variants_have_no_effect(locus, options):
    X, y, _ = locus()
    X[:, 2] = 1
    model = FinemapMiXeR(**options).fit(X, y)
    assert model.pip_[2] == model.coef_[2] == model.coef_sd_[2] == model.z_[2] == 0
    assert np.isfinite(model.pip_).all()
    alone = FinemapMiXeR(**options).fit(np.ones((20, 1), dtype=np.int8), y[:20])
    assert alone.pip_[0] == 0
    np.testing.assert_allclose(alone.predict(np.ones((2, 1))), y[:20].mean())


def test_constant_trait_is_predicted_by_itself(locus):
    X, y, _ = locus()
    model = FinemapMiXeR().fit(X, np.full(len(y), 0.1))
    np.testing.assert_allclose(model.predict(X), 0.1)
    assert model.credible_sets_ == []


def test_duplicated_variants_share_a_signal(locus):
    X, y, causal = locus(n=3000, n_causal=1)
    X = np.column_stack([X, X[:, causal[0]]])
    for solver, most in (("susie", 1.0), ("gibbs", 1.2)):  # both may have an effect
        model = FinemapMiXeR(solver=solver).fit(X, y)
        first, second = model.pip_[[causal[0], -1]]
        assert abs(first - second) < 0.04
        assert 0.99 < first + second <= most + 0.02
        (found,) = model.credible_sets_
        assert {int(causal[0]), X.shape[1] - 1} <= set(found["variants"].tolist())


def test_more_variants_than_people_and_noise_learned():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, size=(60, 150)).astype(np.int8)
    y = 1.5 * X[:, 7] + rng.normal(size=60)
    model = FinemapMiXeR(residual_variance=None).fit(X, y)
    assert np.argmax(model.pip_) == 7
    assert model.pip_[7] > 0.99
    truth = 1 / y.var()  # the noise has variance 1; sigma_0^2 is in units of var(y)
    assert abs(model.residual_variance_ / truth - 1) < 0.4


def test_noise_is_learned_from_the_trait():
    rng = np.random.default_rng(1)
    X = rng.integers(0, 3, size=(500, 6)).astype(float)
    y = 1.5 * X[:, 2] + rng.normal(size=500)
    model = FinemapMiXeR(residual_variance=None, tol=1e-10).fit(X, y)
    design = np.column_stack([np.ones(500), X[:, 2]])
    rss = np.linalg.lstsq(design, y, rcond=None)[1][0]
    # one strong effect, hardly shrunk: the residual of its regression
    np.testing.assert_allclose(model.residual_variance_ * y.var(), rss / 500, rtol=0.01)


def test_predictive_deviation_is_that_of_the_exact_model_for_one_variant():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, size=(200, 1)).astype(float)
    y = 0.8 * X[:, 0] + rng.normal(size=200)
    model = FinemapMiXeR(max_effects=1, effect_variance=0.5, residual_variance=None, tol=1e-12).fit(
        X, y
    )
    mean, std = model.predict(X, return_std=True)
    centered, noise = X[:, 0] - X.mean(), model.residual_variance_ * y.var()
    precision = (centered @ centered) / noise + 1 / (0.5 * y.var())
    np.testing.assert_allclose(model.coef_sd_[0] ** 2, 1 / precision, rtol=1e-9)
    np.testing.assert_allclose(std**2, noise + centered**2 / precision, rtol=1e-3)
    _, theirs = BayesianRidge().fit(X, y).predict(X, return_std=True)
    np.testing.assert_allclose(std, theirs, rtol=0.05)
    np.testing.assert_allclose(mean, model.predict(X))


def test_predictive_deviation_equals_sampling(locus):
    X, y, _ = locus(p=6)
    model = FinemapMiXeR(solver="susie").fit(X, y)
    rng = np.random.default_rng(0)
    spread, factors, weights = model._covariance
    covariance = np.diag(spread) + (factors.T * weights) @ factors
    draws = rng.multivariate_normal(model.coef_, covariance, size=40_000)
    scores = (X - X.mean(axis=0)) @ draws.T
    _, std = model.predict(X, return_std=True)
    effects_only = np.sqrt(std**2 - model._noise_variance)
    np.testing.assert_allclose(effects_only, scores.std(axis=1), rtol=0.03)
    np.testing.assert_allclose(model.coef_sd_, draws.std(axis=0), rtol=0.03)


def test_predict_after_fit_summary_is_a_polygenic_score(locus):
    X, *_ = locus()
    model = FinemapMiXeR().fit_summary(np.arange(8.0), np.eye(8), n_samples=100)
    np.testing.assert_allclose(model.predict(X), X @ model.coef_)
    assert model.intercept_ == 0
    with pytest.raises(ValueError, match="return_std=True needs the genotypes' means"):
        model.predict(X, return_std=True)


def test_refitting_leaves_nothing_behind(locus):
    pd = pytest.importorskip("pandas")
    X, y, _ = locus()
    model = FinemapMiXeR().fit(pd.DataFrame(X, columns=[f"1_{i}_A_G" for i in range(8)]), y)
    assert model.to_frame()["variant_id"].tolist()[0] == "1_0_A_G"
    model.fit_summary(np.zeros(3), np.eye(3), n_samples=10)
    assert not hasattr(model, "feature_names_in_")
    assert model.to_frame()["variant_id"].tolist() == ["x0", "x1", "x2"]


def test_to_frame_numbers_the_sets(locus):
    pytest.importorskip("pandas")
    X, y, _ = locus(n=2000, p=20, seed=3)
    model = FinemapMiXeR().fit(X, y)
    frame = model.to_frame()
    assert list(frame) == [
        "variant_id",
        "z",
        "pip",
        "posterior_mean",
        "posterior_sd",
        "cs",
        "cs_alpha",
        "neg_log_10_p_value",
    ]
    for number, found in enumerate(model.credible_sets_, start=1):
        rows = frame[frame["cs"] == number]
        assert set(rows.index) == set(found["variants"])
        np.testing.assert_allclose(rows["cs_alpha"].sum(), found["coverage"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"solver": "SuSiE"},
            "solver must be one of 'auto', 'gibbs', 'susie', 'cavi', 'adam' or a solver such as "
            r"Gibbs\(\); got 'SuSiE'",
        ),
        ({"solver": Adam}, "solver must be one of"),
        ({"solver": Adam(noise="iid")}, "noise must be one of"),
        ({"residual_variance": 0}, "residual_variance"),
        ({"max_effects": 0}, "max_effects"),
        ({"coverage": 1.0}, "coverage"),
        ({"min_purity": 1.5}, "min_purity"),
        ({"solver": Adam(n_components=0)}, "n_components"),
        ({"solver": Adam(n_components=1.5)}, "n_components"),
        ({"solver": Adam(spike_sd=-1.0)}, "spike_sd"),
        ({"solver": Adam(beta_1=1.0)}, "beta_1"),
        (
            {"solver": Adam(learning_rate=float("nan"))},
            "learning_rate must be None or a number > 0; got nan",
        ),
        (
            {"causal_probability": [0.1, 0.2]},
            r"one value for each of the 8 variants; got shape \(2,\)",
        ),
        ({"causal_probability": np.zeros(8)}, "0 for every variant"),
        ({"causal_probability": 2.0}, "causal_probability"),
        ({"effect_variance": np.full(8, -1.0)}, "effect_variance"),
        ({"solver": "adam", "causal_probability": 1.0}, "causal_probability"),
    ],
)
def test_wrong_parameters_are_named(locus, options, message):
    X, y, _ = locus()
    with pytest.raises((ValueError, TypeError), match=message):
        FinemapMiXeR(**options).fit(X, y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda X, y: (X, np.where(np.arange(len(y)) == 3, np.nan, y)),
            "Input y contains NaN.*Leave",
        ),
        (lambda X, y: (X, np.where(y > 0, "case", "control")), "y holds text, where numbers"),
        (
            lambda X, y: (X, np.where(np.arange(len(y)) == 3, np.inf, y)),
            "Input y contains infinity",
        ),
        (lambda X, y: (np.where(X == 2, np.nan, X), y), "Input X contains NaN"),
        (lambda X, y: (X[:1], y[:1]), "minimum of 2 is required"),
        (lambda X, y: (X, y[:-1]), "inconsistent numbers of samples"),
        (lambda X, y: (X, np.column_stack([y, y])), "y should be a 1d array"),
    ],
)
def test_wrong_data_are_refused(locus, change, message):
    X, y, _ = locus()
    with pytest.raises(ValueError, match=message):
        FinemapMiXeR().fit(*change(X, y))


def test_not_converged_names_the_parameter(locus):
    X, y, _ = locus()
    with pytest.warns(
        ConvergenceWarning, match=r"did not converge in 1 iteration\. Increase max_iter"
    ):
        FinemapMiXeR(solver="susie", max_iter=1).fit(X, y)


def test_prior_weights_move_the_answer():
    z, R = np.array([4.0, 4.0]), np.array([[1.0, 0.99], [0.99, 1.0]])
    model = FinemapMiXeR(causal_probability=[0.3, 0.1], max_effects=1).fit_summary(
        z, R, n_samples=5000
    )
    np.testing.assert_allclose(model.pip_[0] / model.pip_[1], 3, rtol=1e-9)
    np.testing.assert_allclose(model.causal_probability_, [0.3, 0.1])


def test_pipeline_grid_search_and_selection(locus):
    X, y, causal = locus(n=800, p=20, seed=3)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), FinemapMiXeR()),
        {"finemapmixer__max_effects": [1, 5]},
        cv=3,
        error_score="raise",
    ).fit(X.astype(float), y)
    assert search.best_params_ == {"finemapmixer__max_effects": 5}
    assert cross_val_score(FinemapMiXeR(), X, y, cv=3, error_score="raise").mean() > 0.05
    selector = SelectFromModel(FinemapMiXeR(), importance_getter="pip_", threshold=0.5).fit(X, y)
    assert selector.get_support(indices=True).tolist() == sorted(causal)


def test_pickled_and_unfitted_models(locus):
    X, y, _ = locus()
    model = FinemapMiXeR().fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    with pytest.raises(NotFittedError):
        FinemapMiXeR().predict(X)
    with pytest.raises(NotFittedError):
        FinemapMiXeR().to_frame()


class StopAfter:
    """A callback that stops after `n` iterations and scores the model as it then stands."""

    def __init__(self, n):
        self.n, self.seen, self.scores = n, 0, []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        if context.task_name == "iteration":
            self.seen += 1
            self.scores.append(fitted_estimator.score(X, y))
        return self.seen >= self.n


def test_callbacks_stop_and_score(locus):
    X, y, _ = locus()
    stop = StopAfter(7)
    model = FinemapMiXeR(solver=Adam.published(learning_rate=0.01))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # stopped on purpose: no ConvergenceWarning
        model.set_callbacks(stop).fit(X, y)
    assert model.n_iter_ == len(model.elbo_path_) == len(stop.scores) == 7
    assert not model.converged_
    np.testing.assert_allclose(stop.scores[-1], model.score(X, y))


def test_progress_bar_runs(locus, capsys):
    pytest.importorskip("rich")
    X, y, _ = locus()
    FinemapMiXeR().set_callbacks(ProgressBar()).fit(X, y)
    assert "FinemapMiXeR - fit" in capsys.readouterr().out


@pytest.mark.slow
def test_the_real_ldl_locus_never_misleads(shared):
    locus = np.load(
        shared / "data" / "gwas_loci" / "glgc_ldl_chr1_25.3_26.3Mb.npz", allow_pickle=False
    )
    z, n = locus["z"], locus["n"]
    panel = GenotypeImputer().fit_transform(locus["G_1kg_eur"])
    R = np.corrcoef(panel.T)
    for kept in (np.ones(len(z), dtype=bool), n >= 0.8 * np.median(n)):
        for solver in ("susie", Gibbs(n_draws=200)):
            model = FinemapMiXeR(solver=solver, random_state=0)
            with pytest.warns(LDMismatchWarning, match="of the noise of the strongest z"):
                model.fit_summary(z[kept], R[np.ix_(kept, kept)], n_samples=n[kept])
            assert model.ld_mismatch_
            assert model.pip_.max() < 0.9
            assert all(len(found["variants"]) > 1 for found in model.credible_sets_)
            assert len(model.credible_sets_) <= 1  # "gibbs" may find none
        # told that the LD is of 503 others, the fit is safe without the fallback too
        told = FinemapMiXeR().fit_summary(
            z[kept], panel[:, kept], n_samples=n[kept], on_mismatch="ignore"
        )
        assert told.converged_
        assert told.pip_.max() < 0.2
        assert all(len(found["variants"]) > 20 for found in told.credible_sets_)
    with pytest.raises(ValueError, match=r"z and ld do not fit: .* ld_mismatch"):
        FinemapMiXeR().fit_summary(z, R, n_samples=n, on_mismatch="raise")


def flipped_locus():
    R = np.corrcoef(make_genotypes(500, 200, random_state=0).data.T)
    z = np.random.default_rng(0).multivariate_normal(6 * R[50], R)
    z[50] *= -1
    return z, R


def test_each_policy_does_what_it_says():
    z, R = flipped_locus()
    for policy in ("one_effect", "shrink"):
        with pytest.warns(LDMismatchWarning, match=r"alleles are flipped at variants \[50\]"):
            model = FinemapMiXeR().fit_summary(z, R, n_samples=4000, on_mismatch=policy)
        assert model.ld_mismatch_
        assert len(model.credible_sets_) <= 1
        assert model.get_params()["max_effects"] is None  # parameters are the user's
    z[40:60] += 4 * np.random.default_rng(1).normal(size=20)
    with pytest.warns(LDMismatchWarning, match="The LD was shrunk by"):
        FinemapMiXeR().fit_summary(z, R, n_samples=4000, on_mismatch="shrink")
    with warnings.catch_warnings():
        warnings.simplefilter("error", LDMismatchWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        with pytest.raises(ValueError, match="times the variance of the trait"):
            FinemapMiXeR().fit_summary(z, R, n_samples=4000, on_mismatch="ignore")
        z, _ = flipped_locus()
        z[50] *= -1
        ignored = FinemapMiXeR().fit_summary(z, R, n_samples=4000, on_mismatch="ignore")
    assert not hasattr(ignored, "ld_mismatch_")
    assert not hasattr(ignored, "flipped_")
    with pytest.raises(ValueError, match="on_mismatch must be one of"):
        FinemapMiXeR().fit_summary(z, R, n_samples=4000, on_mismatch="warn")


@pytest.mark.parametrize("policy", ["one_effect", "shrink"])
def test_a_flip_among_ten_variants_leaves_one_set(policy):
    R = np.eye(60)
    R[:10, :10] = 0.01 * np.eye(10) + 0.99
    z = 9 * R[0] + np.linalg.cholesky(R) @ np.random.default_rng(1).standard_normal(60)
    z[3] *= -1
    with pytest.warns(LDMismatchWarning, match=r"alleles are flipped at variants \[3\]"):
        model = FinemapMiXeR().fit_summary(z, R, n_samples=20_000, on_mismatch=policy)
    (found,) = model.credible_sets_
    assert len(found["variants"]) >= 9
    assert set(found["variants"]) <= set(range(10))


def test_an_effect_that_only_one_odd_z_shows_is_not_believed():
    R = np.full((4, 4), 0.97)
    R[1] = R[:, 1] = 0.8
    np.fill_diagonal(R, 1)
    z = np.array([4.37, -1.30, 4.37, 4.59])
    for background in (0, "auto"):
        model = FinemapMiXeR(background=background)
        with pytest.warns(LDMismatchWarning, match="variant 1 does not show in its own z"):
            model.fit_summary(z, R, n_samples=400_000)
        assert model.pip_[1] < 0.1
        assert model.ld_mismatch_


def test_two_effects_in_high_ld_are_kept():
    R = 0.97 ** np.abs(np.subtract.outer(np.arange(60), np.arange(60)))
    rng = np.random.default_rng(3)
    z = R @ np.where(np.isin(np.arange(60), [20, 21]), 12.0, 0.0)
    z = z + np.linalg.cholesky(R) @ rng.standard_normal(60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = FinemapMiXeR().fit_summary(z, R, n_samples=50_000)
    assert model.ld_mismatch_ is False


def test_r_squared_is_recognized():
    R = 0.97 ** np.abs(np.subtract.outer(np.arange(200), np.arange(200)))
    z = 25 * R[70] + np.linalg.cholesky(R) @ np.random.default_rng(0).standard_normal(200)
    with pytest.warns(LDMismatchWarning, match=r"ld looks like r\^2: give r"):
        FinemapMiXeR().fit_summary(z, R**2, n_samples=50_000)


def test_z_that_are_inflated_as_a_whole_are_told_and_fitted_with_their_noise():
    R = 0.9 ** np.abs(np.subtract.outer(np.arange(200), np.arange(200)))
    rng = np.random.default_rng(2)
    z = 2 * (8 * R[70] + np.linalg.cholesky(R) @ rng.standard_normal(200))
    with pytest.warns(LDMismatchWarning, match="times the variance that it should have"):
        model = FinemapMiXeR().fit_summary(z, R, n_samples=50_000)
    assert 3 < model.residual_variance_ < 5
    assert len(model.credible_sets_) == 1


def test_matched_loci_raise_no_alarm(shared):
    folder = shared / "reference" / "finemap"
    panels, alarms, n_loci = {}, 0, 0
    for path in sorted((folder / "loci").glob("*N3*.npz")):
        locus = np.load(path, allow_pickle=False)
        name = str(locus["ld"])
        if name not in panels:
            G = np.load(folder / "ld" / f"{name}.npz", allow_pickle=False)["G"].astype(float)
            panels[name] = np.corrcoef(G[:, G.std(axis=0) > 0].T)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LDMismatchWarning)
            model = FinemapMiXeR().fit_summary(
                locus["z"], panels[name], n_samples=float(locus["n"])
            )
        alarms, n_loci = alarms + model.ld_mismatch_, n_loci + 1
    assert n_loci == 15
    assert alarms <= 0.05 * n_loci


def test_refits_do_not_run_callbacks_twice():
    z, R = flipped_locus()
    setups = []

    class Counting(StopAfter):
        def setup(self, estimator, context):
            setups.append(estimator)

        def on_fit_task_end(self, estimator, context):
            return False

    with pytest.warns(LDMismatchWarning):
        FinemapMiXeR().set_callbacks(Counting(0)).fit_summary(z, R, n_samples=4000)
    assert len(setups) == 1


def test_heritability_counts_the_ld_between_effects():
    """var(g) / var(y) of two effects in strong LD, in phase and out of phase."""
    rng = np.random.default_rng(0)
    X = rng.binomial(2, 0.3, (20_000, 2)).astype(float)
    X[:, 1] = np.where(rng.random(20_000) < 0.85, X[:, 0], X[:, 1])
    for effects in ([0.3, 0.3], [0.3, -0.3]):
        g = X @ effects
        y = g + rng.standard_normal(20_000)
        truth = g.var() / y.var()
        for solver in ("susie", Gibbs(n_draws=300)):
            model = FinemapMiXeR(solver=solver, random_state=0).fit(X, y)
            assert abs(model.heritability_ / truth - 1) < 0.15
            genic = np.sum(X.var(axis=0) * 0.09) / y.var()
            assert abs(model.genic_variance_ / genic - 1) < 0.15


def test_effects_that_explain_more_than_the_trait_are_refused():
    """Copies of one variant whose LD is said to be 0."""
    model = FinemapMiXeR(solver="susie", background=0)
    with pytest.raises(ValueError, match=r"times the variance of the trait: z, ld and n_samples"):
        model.fit_summary([20.0] * 6, np.eye(6), n_samples=1000, on_mismatch="ignore")


def test_opened_genotypes_whose_ld_is_never_formed(monkeypatch):
    monkeypatch.setattr("skgenetics.finemapping._data.MAX_DENSE_LD", 10)
    rng = np.random.default_rng(0)
    X = rng.binomial(2, 0.3, size=(400, 24)).astype(np.int8)
    y = 0.7 * X[:, 3] + rng.normal(size=400)
    opened, held = FinemapMiXeR().fit(Disk(X), y), FinemapMiXeR().fit(X, y)
    assert held.pip_.max() > 0.9
    np.testing.assert_allclose(opened.pip_, held.pip_, atol=1e-9)
