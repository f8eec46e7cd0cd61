"""The stages of a fit: early stopping, refits of the cis part, callbacks."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.callback import ScoringMonitor

from skgenetics.datasets import make_expression_tensor, make_genotypes
from tests.expression.models import model
from tests.oracles.expression_kkt import kkt_residual


def test_early_stopping_keeps_the_best_iteration(made):
    options = {"loading_alpha": 1e-7, "n_components": 20, "cis_windows": None}
    fitted = model(made, early_stopping=True).set_params(**options).fit(made.data, made.target)
    scores = fitted.validation_scores_
    assert len(scores) == len(fitted.train_scores_) == len(fitted.loss_curve_) == fitted.n_iter_
    assert np.argmax(scores) < len(scores) - 1
    stopped = clone(fitted).set_params(max_iter=int(np.argmax(scores)) + 1)
    with pytest.warns(UserWarning, match="did not converge"):
        stopped.fit(made.data, made.target)
    np.testing.assert_allclose(fitted.predict(made.data), stopped.predict(made.data))
    assert np.all(np.diff(fitted.train_scores_) > -1e-3)


def test_refits_end_where_each_part_fits_what_the_other_leaves(made):
    """Optimality of the cis part given the factors, and of the factors given the cis part."""
    X, y, windows = made.data, made.target[:, :6], made.cis_windows[:6]
    options = {"standardize_expression": False, "tol": 1e-11, "max_iter": 20_000}
    worst = {}
    for n_refits in (0, 60):
        fitted = model(made, n_refits=n_refits, **options)
        fitted.set_params(cis_windows=windows).fit(X, y)
        trans = np.einsum("it,ktj->ijk", fitted.factors_, fitted.factor_loadings_)
        cis, violations = fitted.predict(X) - trans, []
        for j, (first, last) in enumerate(windows):
            own = slice(fitted.cis_indptr_[j], fitted.cis_indptr_[j + 1])
            coef = np.zeros((last - first, 3))
            coef[fitted.cis_variants_[own] - first] = fitted.cis_coef_[:, own].T
            left = y[:, j] - trans[:, j]
            intercept = np.nanmean(left - X[:, first:last] @ coef, axis=0)
            args = np.ones(len(X)), coef, intercept, fitted.cis_alpha_, "group_lasso"
            violations.append(kkt_residual(X[:, first:last], left, *args))
        worst[n_refits] = max(violations)
    assert worst[60] < 1e-3 < 1e-2 < worst[0]
    alone = model(made, **options).set_params(cis_windows=None).fit(X, y - cis)
    np.testing.assert_allclose(alone.loss_curve_[-1], fitted.loss_curve_[-1], rtol=1e-5)


@pytest.mark.slow
def test_refits_predict_better_where_factors_act_through_cis_variants():
    X = make_genotypes(600, 600, random_state=0).data
    starts = 9 * np.arange(40)
    made = make_expression_tensor(
        X, n_genes=40, n_tissues=3, n_components=3, n_trans_causal=3, trans_h2=0.3, cis_h2=0.15,
        gene_share=0.6, cis_windows=np.column_stack([starts, starts + 40]), random_state=0,
    )  # fmt: skip
    old, new = slice(0, 400), slice(400, None)
    scores = [
        model(made, 10, cis_alpha=0.03, loading_alpha=0.01, n_refits=n_refits)
        .fit(X[old], made.target[old])
        .score(X[new], made.target[new])
        for n_refits in (0, 5)
    ]
    assert scores[0] + 0.005 < scores[1]


def test_early_stopping_with_refits_keeps_a_cis_and_a_trans_part_that_belong_together(made):
    X, different = np.unique(made.data, axis=0, return_index=True)
    y = made.target[different]
    options = {"early_stopping": True, "standardize_expression": False, "loading_alpha": 1e-5}
    fitted = model(made, n_refits=3, **options).fit(X, y)
    trained = {row.tobytes() for row in np.asarray(fitted.X_fit_)}
    out = np.array([row.tobytes() not in trained for row in X])
    assert out.sum() == round(0.1 * len(X))
    score = fitted.score(X[out], y[out])
    np.testing.assert_allclose(score, max(fitted.validation_scores_), rtol=1e-10)
    once = model(made, **options).fit(X, y)
    assert len(fitted.validation_scores_) == fitted.n_iter_ > once.n_iter_
    assert max(fitted.validation_scores_) >= max(once.validation_scores_)


def test_callbacks_see_every_iteration(made):
    seen = []

    class Stop:
        """Stop after the third iteration, looking at a working estimator each time."""

        max_estimator_depth = None

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context, **kwargs):
            pass

        def on_fit_task_end(self, estimator, context, **kwargs):
            if context.task_name != "iteration":
                return False
            seen.append(context)
            return len(seen) == 3

    fitted = model(made).set_callbacks(Stop()).fit(made.data, made.target)
    assert fitted.n_iter_ == 3


@pytest.mark.parametrize("trans_model", ["linear", "sigmoid", "tensor"])
def test_callbacks_score_the_estimator_of_each_iteration(made, trans_model):
    monitor = ScoringMonitor(scoring={"within": within})
    fitted = model(made, trans_model=trans_model, n_refits=2).set_callbacks(monitor)
    fitted.fit(made.data, made.target)
    rows = monitor.get_logs().data
    scores = [row["within"] for row in rows if row["task_name"] == "iteration"]
    assert len(scores) == fitted.n_iter_
    np.testing.assert_allclose(scores[-1], fitted.score(made.data, made.target))
    assert scores[0] < scores[-1]


def test_callbacks_score_while_the_polygenic_part_is_still_to_come(made):
    monitor = ScoringMonitor(scoring={"within": within})
    fitted = model(made, polygenic=True).set_callbacks(monitor).fit(made.data, made.target)
    scores = [row["within"] for row in monitor.get_logs().data if row["task_name"] == "iteration"]
    without = model(made).fit(made.data, made.target)
    np.testing.assert_allclose(scores[-1], without.score(made.data, made.target))
    assert fitted.score(made.data, made.target) > scores[-1] + 0.01


def within(estimator, X, y):
    return estimator.score(X, y)
