"""The estimator: what it predicts, what it refuses, and what it leaves alone."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline

from skgenetics import MILAGERegressor
from skgenetics.datasets import make_expression_tensor, make_genotypes
from skgenetics.expression._parameters import penalties_of, strengths_at
from skgenetics.metrics import masked_r2_score
from skgenetics.preprocessing import MinorAlleleFrequencyThreshold
from tests.expression.models import FIXED, STRENGTHS, model


@pytest.mark.parametrize("trans_model", ["linear", "sigmoid", "tensor"])
def test_each_part_adds_to_the_prediction_of_new_individuals(trans_model):
    X = make_genotypes(460, 300, random_state=0).data
    made = make_expression_tensor(
        X, n_genes=20, n_tissues=3, n_components=2, trans_h2=0.3, trans_model=trans_model,
        random_state=0,
    )  # fmt: skip
    old, new = slice(0, 260), slice(260, None)
    scores = []
    for options in ({"n_components": 0, "cis_windows": None}, {"n_components": 0}, {}):
        fitted = model(made, trans_model=trans_model).set_params(**options)
        fitted.fit(X[old], made.target[old])
        scores.append(fitted.score(X[new], made.target[new]))
    assert abs(scores[0]) < 1e-12  # the training means are the null model
    assert scores[1] > 0.1
    assert scores[2] > scores[1] + 0.03


def test_where_scores_are_small_the_sigmoid_is_the_linear_model(made):
    """A sigmoid is straight there, so that equal strengths must shrink equally."""

    def values(trans_model, variant_alpha=100.0):
        fitted = MILAGERegressor(
            2,
            trans_model=trans_model,
            variant_alpha=variant_alpha,
            loading_alpha=1e-5,
            tol=1e-8,
            polygenic=False,
        ).fit(made.data, made.target[:, :6])
        return fitted.predict(made.data) - fitted.tissue_mean_.T

    expected = values("linear")
    size = np.abs(expected).max()
    np.testing.assert_allclose(values("sigmoid"), expected, atol=0.01 * size)
    assert np.abs(values("sigmoid", 200.0) - expected).max() > 0.1 * size


def test_the_l1_penalty_of_the_sigmoid_is_that_of_its_slope():
    models = [
        MILAGERegressor(trans_model=name, variant_penalty="l1", variant_alpha=0.8)
        for name in ("linear", "sigmoid")
    ]
    strengths = [penalties_of(model, strengths_at(model, 1.0)).variant for model in models]
    step = 1e-6
    slope = (expit(step) - expit(-step)) / (2 * step)
    np.testing.assert_allclose(strengths, [0.8, 0.8 * slope])


def test_score_is_pooled_within_gene_and_tissue_about_training_means(made):
    X, y = made.data, made.target
    fitted = model(made).fit(X[:200], y[:200])
    means = np.nanmean(y[:200], axis=0)
    prediction = fitted.predict(X[200:])
    expected = 1 - np.nansum((y[200:] - prediction) ** 2) / np.nansum((y[200:] - means) ** 2)
    np.testing.assert_allclose(fitted.score(X[200:], y[200:]), expected)
    np.testing.assert_allclose(fitted.tissue_mean_, means.T)
    one = model(made).set_params(cis_windows=None).fit(X, y[:, :, 0])
    np.testing.assert_allclose(
        one.score(X, y[:, :, 0]), masked_r2_score(y[:, :, 0], one.predict(X))
    )


@pytest.mark.parametrize("polygenic", [False, True])
def test_one_tissue_and_one_gene_are_the_same_model_in_fewer_dimensions(made, polygenic):
    X, y = made.data, made.target[:, :, :1]
    full = model(made, polygenic=polygenic).fit(X, y)
    flat = model(made, polygenic=polygenic).fit(X, y[:, :, 0])
    np.testing.assert_allclose(flat.predict(X), full.predict(X)[:, :, 0])
    windows = {"cis_windows": made.cis_windows[:1]}
    full = model(made, polygenic=polygenic).set_params(**windows).fit(X, y[:, :1])
    flat = model(made, polygenic=polygenic).set_params(**windows).fit(X, y[:, 0, 0])
    np.testing.assert_allclose(flat.predict(X), full.predict(X)[:, 0, 0])
    assert flat.predict(X).shape == (len(X),)


def test_one_gene_without_a_cis_part_is_ridge_regression_up_to_its_strength(made):
    """One factor for one target shrinks along the ridge path."""
    X, y = made.data.astype(float), made.complete_target[:, 0, 0]
    fitted = MILAGERegressor(
        1, variant_alpha=1e-2, loading_alpha=1e-2, polygenic=False, tol=1e-14
    ).fit(X, y)
    prediction = fitted.predict(X)
    size = np.sum(X.var(axis=0))
    gaps = []
    for alpha in np.geomspace(1e-4, 1, 200):
        other = Ridge(alpha=alpha * size * len(y)).fit(X, y).predict(X)
        gaps.append(np.max(np.abs(prediction - other)))
    assert min(gaps) < 0.02 * y.std() < max(gaps)


@pytest.mark.parametrize("trans_model", ["linear", "sigmoid", "tensor"])
def test_predictions_are_the_sum_of_the_attributes(made, trans_model):
    fitted = model(made, trans_model=trans_model).fit(made.data, made.target)
    X = made.data[:30]
    scores = X @ fitted.variant_coef_.T
    scores += fitted._score_intercept - fitted._scale.mean @ fitted.variant_coef_.T
    F = 1 / (1 + np.exp(-scores)) if trans_model == "sigmoid" else scores
    np.testing.assert_allclose(fitted.transform(X), F, atol=1e-10)
    np.testing.assert_allclose(fitted.transform(made.data), fitted.factors_, atol=1e-10)
    if trans_model == "tensor":
        trans = np.einsum("it,jt,kt->ijk", F, fitted.gene_factors_, fitted.tissue_factors_)
    else:
        trans = np.einsum("it,ktj->ijk", F, fitted.factor_loadings_)
    cis = np.zeros_like(trans)
    for j in range(20):
        own = slice(fitted.cis_indptr_[j], fitted.cis_indptr_[j + 1])
        cis[:, j] = X[:, fitted.cis_variants_[own]] @ fitted.cis_coef_[:, own].T
        first, last = made.cis_windows[j]
        assert np.all((first <= fitted.cis_variants_[own]) & (fitted.cis_variants_[own] < last))
    values = cis + trans + fitted.intercept_.T
    expected = values * fitted.expression_scale_[:, None] + fitted.expression_mean_[:, None]
    np.testing.assert_allclose(fitted.predict(X), expected, atol=1e-10)


def test_variance_explained_is_split_within_and_in_total(made):
    y = made.target
    fitted = model(made, polygenic=True, standardize_expression=False).fit(made.data, y)
    within, total = fitted.variance_explained_["within"], fitted.variance_explained_["total"]
    means = np.nanmean(y, axis=0)
    left = np.nansum((y - fitted.predict(made.data)) ** 2)
    of_genes = np.nanmean(y, axis=(0, 2))[:, None]
    np.testing.assert_allclose(sum(within.values()), 1 - left / np.nansum((y - means) ** 2))
    np.testing.assert_allclose(sum(total.values()), 1 - left / np.nansum((y - of_genes) ** 2))
    assert list(total) == ["tissue_means", "cis", "trans", "polygenic"]
    assert total["tissue_means"] > 0.3  # differences between tissues are not genetics


@pytest.mark.slow
def test_without_genetics_the_total_is_high_and_the_score_is_not_positive():
    """Tissue means worth 60% of the variance look explained; within them nothing is."""
    rng = np.random.default_rng(0)
    X = make_genotypes(250, 200, random_state=1).data
    y = rng.normal(size=(250, 30, 8)) + np.sqrt(1.5) * rng.normal(size=(30, 8))
    share = np.array([0.9, 0.8, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2])  # uneven, as in GTEx
    y = np.where(rng.random((250, 1, 8)) < share, y, np.nan)
    windows = np.column_stack([np.arange(30) * 6, np.arange(30) * 6 + 20])
    windowed = {"cis_windows": windows, "n_variants": 200, "random_state": 0}
    old, new = slice(0, 170), slice(170, None)
    for options in (
        {"n_components": 0},
        {},
        {"trans_model": "sigmoid"},
        {"trans_model": "tensor"},
        {"polygenic": True, "n_components": 0},
        {"early_stopping": True},
        {"n_refits": 2},
        {"n_components": "auto", **dict.fromkeys(FIXED, "auto")},
        {"cis_impute": "mean"},
    ):
        fitted = MILAGERegressor(**{"n_components": 3, **FIXED, **windowed, **options})
        fitted.fit(X[old], y[old])
        prediction = fitted.predict(X[new])
        assert masked_r2_score(y[new], prediction, multioutput="total") > 0.5
        assert fitted.score(X[new], y[new]) <= 1e-12
    # filling, the last of the options, shrinks the intercepts of the cis stage
    cis = fitted.expression_mean_ + fitted.expression_scale_ * fitted.cis_intercept_
    cis = np.broadcast_to(cis.T, prediction.shape)
    assert 0.3 < masked_r2_score(y[new], cis, multioutput="total") < 0.5


@pytest.mark.parametrize("trans_model", ["linear", "sigmoid", "tensor"])
def test_the_order_of_genes_does_not_matter_when_each_misses_its_own_cells(made, trans_model):
    rng, complete = np.random.default_rng(0), made.complete_target[:, :8]
    y = np.where(rng.random(complete.shape) < 0.1, np.nan, complete)
    order, windows = rng.permutation(8), made.cis_windows[:8]
    shared = model(made, trans_model=trans_model, polygenic=True, tol=1e-7)
    fitted = clone(shared).set_params(cis_windows=windows).fit(made.data, y)
    moved = clone(shared).set_params(cis_windows=windows[order]).fit(made.data, y[:, order])
    np.testing.assert_allclose(
        moved.predict(made.data), fitted.predict(made.data)[:, order], atol=2e-2
    )
    whole = clone(shared).set_params(cis_windows=windows).fit(made.data, complete)
    for j in range(8):
        own = fitted.predict(made.data)[:, j].ravel(), whole.predict(made.data)[:, j].ravel()
        assert np.corrcoef(*own)[0, 1] > 0.85


def test_grid_search_with_holes(made):
    assert np.isnan(made.target).any()
    search = GridSearchCV(
        model(made),
        {"n_components": [0, 2], "loading_alpha": [0.003, 10.0], "cis_alpha": [0.1, 10.0]},
        cv=KFold(3, shuffle=True, random_state=0),
        error_score="raise",
    ).fit(made.data, made.target)
    assert search.best_params_ == {"n_components": 2, "loading_alpha": 0.003, "cis_alpha": 0.1}


@pytest.mark.slow
def test_grid_search_over_kinds_of_penalties_with_holes(made):
    search = GridSearchCV(
        model(made, tol=1e-3, n_components=2).set_params(cis_windows=made.cis_windows[:5]),
        {
            "variant_penalty": ["l2", "l1"],
            "loading_penalty": ["l2", "l1"],
            "cis_penalty": ["group_lasso", "lasso", "ridge"],
        },
        cv=2,
        error_score="raise",
    ).fit(made.data[:100], made.target[:100, :5])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(np.unique(search.cv_results_["mean_test_score"])) == 12


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"trans_model": "sigmoid"},
        {"trans_model": "tensor", "variant_penalty": "l1"},
        {"polygenic": True, "cis_alpha": None, "n_components": 0},
        {"early_stopping": True, "n_refits": 1, "cis_impute": "mean"},
    ],
)
def test_folds_without_a_tissue_or_gene_do_not_die(made, options):
    y = made.target.copy()
    y[3:, :, 2] = np.nan  # seen in few individuals only, who are in one fold
    y[100:, 4] = np.nan
    y[50:, 5] = np.nan
    estimator = model(made, tol=1e-3, **{"n_components": 3} | options)
    with pytest.warns(UserWarning, match="no observed cell among the training individuals"):
        scores = cross_val_score(estimator, made.data, y, cv=KFold(5), error_score="raise")
    assert np.all(np.isfinite(scores))
    assert np.median(scores) > 0


def test_a_tissue_without_training_cells_is_predicted_by_the_gene(made):
    y = made.target.copy()
    y[3:, :, 2] = np.nan
    with pytest.warns(UserWarning, match="tissue"):
        fitted = model(made).fit(made.data[3:], y[3:])
    prediction = fitted.predict(made.data)
    np.testing.assert_allclose(fitted.tissue_mean_[2], np.nanmean(y[3:], axis=(0, 2)))
    expected = np.broadcast_to(fitted.tissue_mean_[2], prediction[:, :, 2].shape)
    np.testing.assert_allclose(prediction[:, :, 2], expected)


def test_a_tissue_sampled_in_one_individual_keeps_its_mean(made):
    y = made.target.copy()
    seen = np.flatnonzero(~np.isnan(y[:, 0, 2]))
    y[seen[1:], :, 2] = np.nan
    for trans_model in ("linear", "sigmoid", "tensor"):
        fitted = model(made, trans_model=trans_model, polygenic=True).fit(made.data, y)
        prediction = fitted.predict(made.data)
        expected = np.broadcast_to(y[seen[0], :, 2], prediction[:, :, 2].shape)
        np.testing.assert_allclose(prediction[:, :, 2], expected)
        assert np.ptp(prediction[:, :, 1], axis=0).min() > 0
    scores = cross_val_score(model(made), made.data, made.target, cv=3, error_score="raise")
    assert np.all(scores > 0)


def test_genes_without_variants_nearby_have_no_cis_part(made):
    windows = made.cis_windows.copy()
    windows[4] = 7
    fitted = model(made).set_params(cis_windows=windows).fit(made.data, made.target)
    whole = model(made).fit(made.data, made.target)
    counts = np.diff(fitted.cis_indptr_)
    assert counts[4] == 0 < np.diff(whole.cis_indptr_)[4]
    np.testing.assert_array_equal(np.delete(counts, 4), np.delete(np.diff(whole.cis_indptr_), 4))
    for empty in (np.zeros((20, 2), dtype=int), [[]] * 20):
        fitted = model(made, cis_alpha=None).set_params(cis_windows=empty)
        fitted.fit(made.data, made.target)
        none = model(made).set_params(cis_windows=None).fit(made.data, made.target)
        np.testing.assert_allclose(fitted.predict(made.data), none.predict(made.data), atol=1e-6)
        assert fitted.cis_coef_.shape == (3, 0)


def test_names_that_x_lacks_altogether_warn(made):
    frame = pd.DataFrame(made.data, columns=[f"rs{i}" for i in range(300)])
    names = [[f"chr1:{i}"] for i in range(20)]
    wrong = model(made).set_params(cis_windows=names, n_variants=None)
    with pytest.warns(UserWarning, match="20 of 20 genes have no variant.*'rs0', theirs.*'chr1:0'"):
        wrong.fit(frame, made.target)
    wrong.set_params(cis_windows=[["rs0"]] * 19 + [["rs290:A"]])
    with pytest.warns(UserWarning, match="1 of 20 genes have no variant"):
        wrong.fit(frame, made.target)


def test_memory_mapped_genotypes_are_not_copied(made, tmp_path):
    np.save(tmp_path / "X.npy", made.data)
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    fitted = model(made).fit(X, made.target)
    assert np.shares_memory(fitted.X_fit_, X)
    np.testing.assert_allclose(
        fitted.predict(X), model(made).fit(made.data, made.target).predict(made.data)
    )


def test_names_of_variants_survive_columns_that_are_dropped(made):
    frame = pd.DataFrame(made.data, columns=[f"rs{i}" for i in range(300)])
    names = [[f"rs{i}" for i in range(*window)] for window in made.cis_windows]
    by_number = model(made, tol=1e-13).fit(made.data, made.target)
    by_name = model(made, tol=1e-13).set_params(cis_windows=names, n_variants=None)
    by_name.fit(frame, made.target)
    np.testing.assert_allclose(by_name.predict(frame), by_number.predict(made.data), atol=1e-4)
    names_out = [f"milageregressor{t}" for t in range(3)]
    assert list(by_name.get_feature_names_out()) == names_out
    factors = clone(by_name).set_output(transform="pandas").fit(frame, made.target).transform(frame)
    assert list(factors.columns) == names_out
    pipeline = make_pipeline(MinorAlleleFrequencyThreshold(0.2), clone(by_name))
    pipeline.set_output(transform="pandas").fit(frame, made.target)
    assert 0 < pipeline[-1].n_features_in_ < 300
    candidates = clone(by_name).set_params(candidate_variants=["rs5", "rs9", "gone"])
    candidates.fit(frame, made.target)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_candidates_restrict_the_start_only(made):
    start = {"max_iter": 1, "variant_penalty": "l1", "variant_alpha": 1e-9, "tol": 1}
    few = model(made, candidate_variants=[3, 200], **start)
    assert np.any(few.fit(made.data, made.target).variant_coef_[:, 50:100] != 0)
    free = model(made).fit(made.data, made.target)
    for candidates in ("cis", []):
        other = model(made, candidate_variants=candidates).fit(made.data, made.target)
        np.testing.assert_allclose(other.loss_curve_[-1], free.loss_curve_[-1], rtol=1e-3)


@pytest.mark.parametrize("variant_penalty", ["l2", "l1"])
@pytest.mark.parametrize("trans_model", ["linear", "sigmoid", "tensor"])
def test_candidates_that_tell_nothing_leave_no_factor_at_zero(made, trans_model, variant_penalty):
    X = made.data.copy()
    X[:, 7] = 1
    options = {"trans_model": trans_model, "variant_penalty": variant_penalty, "tol": 1e-3}
    free = model(made, **options).fit(X, made.target)
    fitted = model(made, candidate_variants=[7], **options).fit(X, made.target)
    np.testing.assert_allclose(fitted.loss_curve_, free.loss_curve_, rtol=1e-3)
    cis = model(made, candidate_variants="cis", **options).fit(X, made.target)
    assert cis.n_effective_components_ > 0


@pytest.mark.parametrize("variant_penalty", ["l2", "l1"])
@pytest.mark.parametrize("trans_model", ["linear", "sigmoid", "tensor"])
def test_compact_keeps_predictions(made, trans_model, variant_penalty):
    fitted = model(
        made, trans_model=trans_model, variant_penalty=variant_penalty, max_iter=20, tol=1e-3
    ).fit(made.data, made.target)
    before, factors = fitted.predict(made.data), fitted.transform(made.data)
    coef = fitted.variant_coef_
    fitted.compact()
    assert not hasattr(fitted, "X_fit_")
    np.testing.assert_allclose(fitted.predict(made.data), before, atol=1e-10)
    np.testing.assert_allclose(fitted.transform(made.data), factors, atol=1e-10)
    np.testing.assert_allclose(fitted.variant_coef_, coef)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_allclose(again.predict(made.data), before, atol=1e-10)
    with pytest.raises(ValueError, match="polygenic"):
        model(made, polygenic=True).fit(made.data, made.target).compact()


def test_large_training_genotypes_warn_when_pickled(made, monkeypatch):
    fitted = model(made).fit(made.data, made.target)
    monkeypatch.setattr("skgenetics.expression._prediction.LARGE_PICKLE", 1000)
    with pytest.warns(UserWarning, match="compact"):
        pickle.dumps(fitted)


def test_genotypes_are_not_copied_to_float():
    X = np.random.default_rng(0).integers(0, 3, size=(50, 400_000), dtype=np.int8)
    y = X[:, :3] @ np.random.default_rng(1).normal(size=(3, 4))
    estimator = MILAGERegressor(2, max_iter=3, tol=1, **STRENGTHS)
    estimator.fit(X[:, :1000], y)  # compile first
    tracemalloc.start()
    fitted = estimator.fit(X, y)
    fitted.transform(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * X.size  # bytes of one float copy
    assert np.shares_memory(fitted.X_fit_, X)


@pytest.mark.parametrize(
    "options",
    [
        {"polygenic": True},
        {"n_refits": 2, "cis_penalty": "ridge"},
        {"trans_model": "sigmoid", "candidate_variants": "cis", "cis_impute": "mean"},
        {"trans_model": "tensor", "loading_penalty": "l1", "tissue_penalty": "l1", "tol": 1e-7},
    ],
    ids=lambda options: "-".join(options),
)
def test_weights_are_repetitions(made, options):
    weight = np.random.default_rng(0).integers(0, 3, len(made.data))
    options = {"tol": 1e-12, "max_iter": 10_000} | options
    X, y = made.data, made.target
    ours = model(made, **options).fit(X, y, sample_weight=weight)
    theirs = model(made, **options).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight, axis=0))
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=5e-4)
    np.testing.assert_allclose(
        ours.score(X, y, sample_weight=weight),
        ours.score(np.repeat(X, weight, axis=0), np.repeat(y, weight, axis=0)),
    )


@pytest.mark.parametrize("trans_model", ["linear", "sigmoid", "tensor"])
def test_expression_that_does_not_vary_is_predicted_as_it_is(made, trans_model):
    y = np.full((len(made.data), 20, 2), 3.0)
    fitted = model(made, trans_model=trans_model, cis_alpha=None, polygenic=True).fit(made.data, y)
    np.testing.assert_array_equal(fitted.predict(made.data), y)
    assert fitted.score(made.data, y) == 1.0


def test_windows_come_from_a_data_frame(made):
    frame = pd.DataFrame(made.cis_windows, columns=["first", "last"])
    fitted = model(made).set_params(cis_windows=frame).fit(made.data, made.target)
    expected = model(made).fit(made.data, made.target)
    np.testing.assert_array_equal(fitted.predict(made.data), expected.predict(made.data))


def test_more_components_than_the_data_allow_are_clipped(made):
    few = MILAGERegressor(50, tol=1e-3, **FIXED).fit(made.data[:10], made.target[:10])
    assert few.n_components_ == 9
    assert few.transform(made.data).shape == (len(made.data), 9)
    assert few.n_effective_components_ <= 9


@pytest.mark.parametrize("trans_model", ["linear", "tensor"])
def test_expression_in_single_precision_stays_so(made, trans_model):
    shared = model(made, trans_model=trans_model, polygenic=True, tol=1e-5)
    double = clone(shared).fit(made.data, made.target)
    single = clone(shared).fit(made.data, made.target.astype(np.float32))
    assert single.predict(made.data).dtype == single.factors_.dtype == np.float32
    np.testing.assert_allclose(single.predict(made.data), double.predict(made.data), atol=2e-2)


def test_the_table_has_a_row_per_variant_and_a_column_per_factor(made):
    fitted = model(made).fit(made.data, made.target)
    frame = fitted.to_frame()
    assert list(frame.columns) == ["variant_id", *fitted.get_feature_names_out()]
    assert frame["variant_id"].tolist() == [f"x{i}" for i in range(300)]
    np.testing.assert_array_equal(frame.iloc[:, 1:].to_numpy().T, fitted.variant_coef_)
    X = pd.DataFrame(made.data, columns=[f"rs{i}" for i in range(300)])
    named = clone(fitted).fit(X, made.target)
    np.testing.assert_array_equal(named.to_frame()["variant_id"], X.columns)
    before = named.to_frame()
    pd.testing.assert_frame_equal(named.compact().to_frame(), before)


def test_a_refit_forgets_what_the_last_fit_had_and_it_has_not(made):
    fitted = model(made, early_stopping=True, polygenic=True).fit(made.data, made.target)
    assert hasattr(fitted, "validation_scores_")
    fitted.set_params(early_stopping=False, polygenic=False, trans_model="tensor")
    fitted.fit(made.data, made.target)
    for name in ("validation_scores_", "polygenic_coef_", "polygenic_share_", "factor_loadings_"):
        assert not hasattr(fitted, name)
