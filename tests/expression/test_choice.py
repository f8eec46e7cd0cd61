"""What "auto" stands for: never below the cis part, few factors where few act, none without."""

import numpy as np
import pytest
from scipy.linalg import svdvals

from skgenetics import MILAGERegressor
from skgenetics.datasets import make_expression_tensor, make_genotypes
from skgenetics.expression import _choice
from skgenetics.expression.cis import _regression
from skgenetics.expression.trans._design import make_design
from skgenetics.expression.trans._kernel import CenteredGenotypes, genotype_kernel
from skgenetics.expression.trans._objective import Penalties, TransProblem
from skgenetics.expression.trans._path import FallingPath, spectrum
from skgenetics.expression.trans._solvers import SOLVERS
from skgenetics.expression.trans._targets import compress, make_targets
from tests.expression.models import FIXED


def settings(made, **options):
    return {
        "cis_windows": made.cis_windows, "n_variants": made.data.shape[1], "cis_alpha": 0.15,
        "random_state": 0,
    } | options  # fmt: skip


def test_choices_by_weights_are_those_of_repeated_rows_whose_copies_share_a_fold(monkeypatch):
    X = make_genotypes(90, 200, random_state=1).data
    made = make_expression_tensor(
        X, n_genes=12, n_tissues=2, n_components=1, trans_h2=0.2, random_state=1
    )
    people = np.flatnonzero(~np.isnan(made.target).all(axis=(1, 2)))
    X, y = X[people], made.target[people]
    weight = np.random.default_rng(0).integers(1, 4, len(X))
    copies = np.repeat(np.arange(len(X)), weight)
    fits = []
    for rows, weights in ((np.arange(len(X)), weight), (copies, None)):
        for module in (_choice, _regression):
            monkeypatch.setattr(module, "fold_numbers", lambda n, k, rng, rows=rows: rows % k)
        model = MILAGERegressor(**settings(made, cis_alpha="per_gene"))
        fits.append(model.fit(X[rows], y[rows], sample_weight=weights))
    ours, theirs = fits
    assert ours.n_components_ > 0
    np.testing.assert_allclose(ours.cis_alpha_, theirs.cis_alpha_, rtol=1e-6)
    for name, values in theirs.strength_path_.items():
        np.testing.assert_allclose(ours.strength_path_[name], values, atol=2e-3)
    for name in ("n_components_", "variant_alpha_", "loading_alpha_"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-6)
    assert hasattr(ours, "polygenic_coef_") == hasattr(theirs, "polygenic_coef_")
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=0.01)


@pytest.mark.parametrize("weights", ["equal", "frequencies"])
def test_the_noise_of_a_sum_is_that_of_repeated_individuals(weights):
    gains = np.random.default_rng(0).normal(0.3, 1, size=500)
    weight = np.ones(500) if weights == "equal" else np.arange(500) % 3 + 1.0
    repeated = np.repeat(gains, weight.astype(int))
    expected = np.sqrt(repeated.size) * repeated.std()
    assert _regression.noise_of_sum(weight * gains, weight) == pytest.approx(expected)


@pytest.mark.parametrize("trans_h2", [0.02, 0.1])
def test_the_default_is_not_below_its_own_cis_part(trans_h2):
    """100 people, weak trans effects: 40 factors of fixed strengths halved the R2."""
    X = make_genotypes(300, 400, random_state=1).data
    made = make_expression_tensor(
        X, n_genes=40, n_tissues=2, n_components=2, trans_h2=trans_h2, random_state=1
    )
    old, new = slice(0, 100), slice(100, None)
    scores = []
    for options in ({"n_components": 0, "polygenic": False}, {}):
        fitted = MILAGERegressor(**settings(made, **options)).fit(X[old], made.target[old])
        scores.append(fitted.score(X[new], made.target[new]))
    cis, default = scores
    assert default > cis - 0.003
    assert default > cis + 0.02 or trans_h2 < 0.1


def test_many_small_effects_in_a_window_are_left_to_the_polygenic_term():
    """A lasso of 150 people finds few of 400 small effects, and leaves too little of the rest."""
    X = make_genotypes(450, 400, random_state=0).data
    rng = np.random.default_rng(0)
    small = X @ rng.normal(size=(400, 2))
    few = X[:, [50, 300]] @ rng.normal(2, 0.1, size=(2, 2))
    old, new = slice(0, 150), slice(150, None)
    options = {"cis_windows": [[0, 400]] * 2, "n_variants": 400, "random_state": 0}
    for signal, left_out in ((small, True), (few, False)):
        y = signal / signal.std(axis=0) + rng.normal(size=signal.shape)
        default = MILAGERegressor(**options).fit(X[old], y[old])
        assert (default.cis_coef_.size == 0) == left_out
        assert hasattr(default, "polygenic_coef_") or not left_out
        cis = MILAGERegressor(0, polygenic=False, **options).fit(X[old], y[old])
        gain = default.score(X[new], y[new]) - cis.score(X[new], y[new])
        assert gain > 0.02 if left_out else gain > -0.003
        if left_out:
            assert default.cis_alpha_ == 0
            alone = MILAGERegressor(0, polygenic=True).fit(X[old], y[old])
            np.testing.assert_allclose(default.predict(X[new]), alone.predict(X[new]), rtol=1e-6)
            kept = MILAGERegressor(**options, cis_alpha=0.05).fit(X[old], y[old])
            assert kept.cis_coef_.size


def test_the_average_with_a_polygenic_term_alone_is_that_of_its_predictions(monkeypatch):
    X = make_genotypes(120, 150, random_state=0).data
    made = make_expression_tensor(
        X, n_genes=8, n_tissues=2, n_components=1, trans_h2=0.2, missing_rate=0.2, random_state=0
    )
    y, fits = made.target, []
    factors = {"n_components": 2, "strengths": _choice.Strengths(0.01, 0.01, 0.01)}
    for weight in (0.0, 0.3, 1.0):
        choice = {"alone": weight} | (
            {"n_components": 0, "polygenic": True} if weight == 1 else factors
        )
        monkeypatch.setattr(_choice, "_averaged", lambda best, *_, c=choice: best._replace(**c))
        model = MILAGERegressor(cis_windows=made.cis_windows, n_variants=150, random_state=0)
        fits.append(model.fit(X, y))
    whole, average, alone = fits
    expected = 0.7 * whole.predict(X) + 0.3 * alone.predict(X)
    np.testing.assert_allclose(average.predict(X), expected, atol=1e-10)
    assert whole.n_effective_components_ == average.n_effective_components_ == 2
    assert average.polygenic_weight_ == 0.3
    within, scale = average.variance_explained_["within"], average.expression_scale_[:, None]
    left, about = ((y - value) / scale for value in (average.predict(X), average.tissue_mean_.T))
    share = 1 - np.nansum(left**2) / np.nansum(about**2)
    assert sum(within.values()) == pytest.approx(share)


def test_the_weight_of_a_polygenic_term_alone_predicts_the_held_out_best(monkeypatch):
    X = make_genotypes(150, 300, random_state=3).data
    rng = np.random.default_rng(3)
    few = X[:, [50, 250]] @ rng.normal(size=(2, 2)) + 0.05 * X @ rng.normal(size=(300, 2))
    y = few / few.std(axis=0) + rng.normal(size=few.shape)
    chosen, averaged = [], _choice._averaged

    def recorded(best, judge, nothing, alone):
        own = [fold._left_by(None, best.polygenic) for fold in judge.folds]
        chosen.append((np.concatenate(own), np.concatenate([f.alone for f in judge.folds])))
        return averaged(best, judge, nothing, alone)

    monkeypatch.setattr(_choice, "_averaged", recorded)
    model = MILAGERegressor(0, cis_windows=[[0, 300]] * 2, n_variants=300, random_state=0)
    weight = model.fit(X, y).polygenic_weight_
    ((own, alone),) = chosen
    weights = np.linspace(0, 1, 11)
    errors = [np.sum(((1 - w) * own + w * alone) ** 2) for w in weights]
    assert weight == pytest.approx(weights[np.argmin(errors)])
    assert 0 < weight < 1


def test_without_genetics_nothing_is_chosen():
    rng = np.random.default_rng(0)
    X, chosen = make_genotypes(60, 100, random_state=0).data, []
    for _ in range(6):
        fitted = MILAGERegressor(random_state=0).fit(X, rng.normal(size=(60, 12, 2)))
        chosen.append(fitted.n_components_ > 0 or hasattr(fitted, "polygenic_coef_"))
    assert sum(chosen) <= 2  # the gain must exceed its standard error


@pytest.mark.parametrize(
    "options",
    [
        {},
        pytest.param({"trans_model": "sigmoid"}, marks=pytest.mark.slow),
        {"trans_model": "tensor"},
        pytest.param({"variant_penalty": "l1"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_factors_are_found_where_they_act(made, options):
    X, y = made.data, made.target
    new, old = slice(0, 120), slice(120, None)
    fitted = MILAGERegressor(**settings(made, tol=1e-4, **options)).fit(X[old], y[old])
    cis = MILAGERegressor(**settings(made, n_components=0, polygenic=False)).fit(X[old], y[old])
    assert fitted.score(X[new], y[new]) > cis.score(X[new], y[new]) + 0.03
    path = fitted.strength_path_
    assert path["n_components"][0] == 0
    assert {len(column) for column in path.values()} == {len(path["score"])}
    best = np.nanmax([path["score"], path["polygenic_score"]], axis=0)
    place = path["n_components"] == fitted.n_components_
    assert best.max() - 0.01 < best[place].max() > path["score"][0] + 0.02


def test_factors_that_were_asked_for_and_are_not_left_warn(made):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(120, 10, 2))
    with pytest.warns(UserWarning, match="n_components=3, but no factor is left: held-out"):
        fitted = MILAGERegressor(3, random_state=0).fit(made.data[:120], noise)
    assert fitted.n_components_ == 0
    zeroed = FIXED | {"variant_penalty": "l1", "variant_alpha": 10.0}
    with pytest.warns(UserWarning, match="no factor is left: the penalties leave no effect"):
        MILAGERegressor(3, **zeroed).fit(made.data, made.target)


def test_what_is_given_is_kept(made):
    options = {"variant_alpha": 2e-3, "polygenic": False}
    fitted = MILAGERegressor(2, **settings(made, **options)).fit(made.data, made.target)
    assert fitted.variant_alpha_ == 2e-3
    assert 0 < fitted.n_components_ <= 2
    assert np.isnan(fitted.strength_path_["polygenic_score"]).all()
    assert not hasattr(fitted, "polygenic_coef_")
    fitted.set_params(n_components="auto", polygenic=True).fit(made.data, made.target)
    assert hasattr(fitted, "polygenic_coef_")
    fixed = MILAGERegressor(2, **settings(made, **FIXED)).fit(made.data, made.target)
    assert not hasattr(fixed, "strength_path_")
    assert fixed.n_components_ == 2


@pytest.mark.parametrize("pattern", ["none", "samples", "cells"])
def test_factors_join_below_the_largest_singular_value(tensor, pattern):
    X, y = tensor(pattern=pattern)
    weight = np.ones(len(X))
    kernel, scale = genotype_kernel(X, weight)
    targets = compress(make_targets(y, weight, np, "cpu"))
    design = make_design(CenteredGenotypes(X, scale), kernel, "l2", "linear")
    problem = TransProblem(targets, design, Penalties(0.0, 0.0), "linear")
    found = spectrum(problem)
    Z = (X - X.mean(axis=0)) / np.sqrt(scale.size)
    centered = np.nan_to_num(y - np.nanmean(y, axis=0))
    products = np.concatenate([Z.T @ centered[:, :, k] for k in range(y.shape[2])], axis=1)
    n_cells = (~np.isnan(y)).sum()
    expected = np.sqrt(y.shape[1] * y.shape[2]) * svdvals(products) / n_cells
    np.testing.assert_allclose(found.strengths[:5], expected[:5])
    for share, leaves in ((1.02, False), (0.95, True)):
        strength = share * expected[0]
        path = FallingPath(problem, found, SOLVERS["varpro"], 1.0)
        params = path.move(Penalties(strength, strength), 1)
        for _ in range(20):
            params = path.move(Penalties(strength, strength), 1)
        size = np.linalg.norm(design.matrix @ params["coef"])
        assert (size > 1e-2) == leaves


def test_given_strengths_that_leave_no_factor_leave_none(made):
    options = {"variant_alpha": 10.0, "loading_alpha": 10.0}
    fitted = MILAGERegressor(**settings(made, **options)).fit(made.data, made.target)
    assert fitted.n_components_ == 0
    with pytest.warns(UserWarning, match="no factor is left"):
        MILAGERegressor(3, **settings(made, **options)).fit(made.data, made.target)
