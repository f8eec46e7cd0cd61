"""Pictures of the factors of expression: what is drawn, against the numbers it stands for."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from scipy.spatial.distance import pdist
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from skgenetics import MILAGERegressor
from skgenetics.inspection import (
    FactorActivationDisplay,
    TissueDendrogramDisplay,
    TissueMapDisplay,
)
from skgenetics.inspection.displays._tissue_map import LETTER_INCHES, LINE_INCHES, place_names
from tests.expression.models import FIXED

NAMES = ["cortex", "aorta", "cerebellum", "tibial artery", "blood"]
GROUPS = ["brain", "artery", "brain", "artery", "blood"]


class Factors(BaseEstimator):
    """What a fitted model tells of five tissues, three factors, 30 genes and four variants."""

    def __init__(self, variant_penalty="l1"):
        self.variant_penalty = variant_penalty

    def fit(self):
        rng = np.random.default_rng(0)
        kinds = np.array([[1, 0, 0], [0, 1, 0], [0.9, 0.1, 0], [0.1, 1.1, 0], [0, 0.2, 1]])
        genes = rng.normal(size=(3, 30)) + 0.5
        self.factor_loadings_ = kinds[:, :, None] * genes
        self.tissue_mean_ = np.zeros((5, 30))
        self.variant_coef_ = np.array([[1.0, 0, -2, 0], [0, 3, 0, 0], [1, 1, 1, 1]])
        return self


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(params=[TissueDendrogramDisplay, TissueMapDisplay])
def kind(request):
    return request.param


def leaves(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def test_the_tree_joins_tissues_at_their_distances():
    model = Factors().fit()
    display = TissueDendrogramDisplay.from_estimator(model, tissue_names=NAMES)
    assert display.plot() is display
    order = leaves(display.ax_)
    assert sorted(order) == sorted(NAMES)
    assert abs(order.index("cortex") - order.index("cerebellum")) == 1
    assert abs(order.index("aorta") - order.index("tibial artery")) == 1
    flat = model.factor_loadings_.reshape(5, -1)
    brain = pdist(flat[[0, 2]], "correlation")[0]
    (bracket,) = [line for line in display.ax_.lines if np.isclose(line.get_xdata().max(), brain)]
    places = sorted(order.index(name) for name in ("cortex", "cerebellum"))
    assert sorted(set(bracket.get_ydata())) == places
    assert sorted(set(np.round(bracket.get_xdata(), 12))) == [0, np.round(brain, 12)]
    assert display.ax_.xaxis_inverted()
    assert "1 - correlation" in display.ax_.get_xlabel()
    few = TissueDendrogramDisplay.from_estimator(
        model, tissue_names=NAMES, exclude=[4], metric="cosine"
    ).plot()
    assert sorted(leaves(few.ax_)) == sorted(NAMES[:4])
    assert "cosine" in few.ax_.get_xlabel()


def test_the_map_keeps_distances():
    model = Factors().fit()
    display = TissueMapDisplay.from_estimator(
        model, tissue_names=NAMES, groups=GROUPS, metric="euclidean"
    ).plot()
    flat = model.factor_loadings_.reshape(5, -1)
    # the loadings span three dimensions: the plane keeps the largest two of them
    gaps = pdist(display.positions)
    assert np.all(gaps <= pdist(flat, "euclidean") + 1e-9)
    assert np.corrcoef(gaps, pdist(flat, "euclidean"))[0, 1] > 0.9
    drawn = {line.get_label(): np.column_stack(line.get_data()) for line in display.ax_.lines}
    np.testing.assert_allclose(drawn["brain"], display.positions[[0, 2]])
    np.testing.assert_allclose(drawn["blood"], display.positions[[4]])
    assert {text.get_text(): text.xy for text in display.ax_.texts} == {
        name: pytest.approx(place) for name, place in zip(NAMES, display.positions)
    }
    assert display.ax_.get_aspect() == 1
    assert "euclidean" in display.ax_.get_xlabel()


def test_groups_differ_in_color_and_marker_and_are_named(kind):
    ax = kind.from_estimator(Factors().fit(), groups=GROUPS).plot().ax_
    assert [text.get_text() for text in ax.get_legend().get_texts()] == sorted(set(GROUPS))
    lines = [line for line in ax.lines if line.get_label() in GROUPS]
    assert len({to_hex(line.get_color()) for line in lines}) == 3
    assert len({line.get_marker() for line in lines}) == 3
    ax.figure.draw_without_rendering()
    alone = kind.from_estimator(Factors().fit()).plot().ax_
    assert alone.get_legend() is None
    shown = (
        leaves(alone) if kind is TissueDendrogramDisplay else [t.get_text() for t in alone.texts]
    )
    assert sorted(shown) == [f"tissue {k}" for k in range(5)]


def test_markers_of_groups_stand_at_their_leaves():
    display = TissueDendrogramDisplay.from_estimator(
        Factors().fit(), tissue_names=NAMES, groups=GROUPS
    ).plot()
    order = leaves(display.ax_)
    for line in display.ax_.lines:
        if line.get_label() in GROUPS:
            found = {GROUPS[NAMES.index(order[int(row)])] for row in line.get_ydata()}
            assert found == {line.get_label()}


def test_names_on_the_map_do_not_collide():
    rng = np.random.default_rng(0)
    names = [f"tissue {k}" for k in range(12)]
    points = rng.uniform(0.3, 4, size=(12, 2))
    points[1] = points[0] + [0.05, 0.02]
    shifts = place_names(points, names, np.array([4.5, 4.5]))
    centers = points + shifts
    half = np.array([LETTER_INCHES * len(names[-1]) / 2, LINE_INCHES / 2])
    for i in range(12):
        assert np.all(centers[i] - half >= -1e-9)
        assert np.all(centers[i] + half <= 4.5 + 1e-9)
        for j in range(i):
            assert np.any(np.abs(centers[i] - centers[j]) >= 2 * half - 0.03)
    alone = place_names(np.array([[2.0, 2.0]]), ["a"], np.array([4.0, 4.0]))
    assert alone[0, 0] > 0 == alone[0, 1]


@pytest.mark.parametrize("measure", ["strength", "mean"])
def test_the_matrix_holds_the_effects(measure):
    model = Factors().fit()
    display = FactorActivationDisplay.from_estimator(
        model, kind=measure, tissue_names=NAMES, groups=GROUPS
    ).plot()
    ax = display.ax_
    rows = [NAMES.index(name) for name in leaves(ax)]
    assert abs(rows.index(0) - rows.index(2)) == abs(rows.index(1) - rows.index(3)) == 1
    loadings = model.factor_loadings_
    expected = {
        "strength": np.sqrt(np.mean(loadings**2, axis=2)),
        "mean": loadings.mean(axis=2),
    }[measure][rows]
    (image,) = ax.images
    np.testing.assert_allclose(image.get_array(), expected)
    low, high = image.get_clim()
    assert high == np.abs(expected).max()
    assert low == (0 if measure == "strength" else -high)
    assert image.cmap(0.5)[:3] != image.cmap(0.0)[:3]
    assert [text.get_text() for text in ax.texts] == ["2", "1", "4", "Active variants"]
    for line in ax.lines:
        assert {GROUPS[rows[int(row)]] for row in line.get_ydata()} == {line.get_label()}
    ax.figure.draw_without_rendering()


def test_zero_is_white_in_both_kinds():
    for measure in ("strength", "mean"):
        display = FactorActivationDisplay([[0.0, 1.0], [0.5, 0.0]], kind=measure).plot()
        (image,) = display.ax_.images
        assert min(image.cmap(image.norm(0.0))[:3]) > 0.95


def test_numbers_of_active_variants_are_left_out_where_all_are_active():
    display = FactorActivationDisplay.from_estimator(Factors("l2").fit()).plot()
    assert display.n_active_variants is None
    assert not display.ax_.texts


def test_many_factors_and_two_tissues():
    values = np.random.default_rng(0).random((2, 90))
    display = FactorActivationDisplay(values, n_active_variants=np.arange(90)).plot()
    assert not display.ax_.texts
    assert len(display.ax_.get_xticks()) < 90
    named = FactorActivationDisplay(values[:, :2], factor_names=["cell cycle", "immune"]).plot()
    labels = [label.get_text() for label in named.ax_.get_xticklabels()]
    assert labels == ["cell cycle", "immune"]


def test_a_tissue_without_effects_keeps_its_row():
    model = Factors().fit()
    model.factor_loadings_[3] = 0
    display = FactorActivationDisplay.from_estimator(model)
    assert list(display.tissue_names) == [f"tissue {k}" for k in range(5)]
    assert not display.values[3].any()


def test_axes_given_by_the_user(kind):
    figure, ax = plt.subplots()
    model = Factors().fit()
    assert kind.from_estimator(model).plot(ax=ax).ax_ is ax
    assert plt.get_fignums() == [figure.number]
    figure, ax = plt.subplots()
    assert FactorActivationDisplay.from_estimator(model).plot(ax=ax).figure_ is figure


def test_of_a_real_fit(kind):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, size=(80, 30), dtype=np.int8)
    y = np.einsum("i,j,k->ijk", X[:, 3], rng.normal(size=6), [1.0, 2, -1, 0.5])
    y = np.where(rng.random((80, 1, 4)) < 0.2, np.nan, y + rng.normal(size=y.shape))
    for trans_model in ("linear", "tensor"):
        model = MILAGERegressor(2, trans_model=trans_model, **FIXED).fit(X, y)
        kind.from_estimator(model).plot().figure_.draw_without_rendering()
        FactorActivationDisplay.from_estimator(model).plot().figure_.draw_without_rendering()


def test_bad_input(kind):
    model = Factors().fit()
    with pytest.raises(NotFittedError):
        kind.from_estimator(MILAGERegressor())
    with pytest.raises(
        ValueError, match=r"tissue_names must have shape \(5,\), one entry per tissue"
    ):
        kind.from_estimator(model, tissue_names=NAMES[:4])
    with pytest.raises(ValueError, match=r"groups must have shape \(5,\), one entry per tissue"):
        FactorActivationDisplay.from_estimator(model, groups=GROUPS[:2])
    with pytest.raises(ValueError, match="three tissues"):
        kind.from_estimator(model, exclude=[0, 1, 2])
    with pytest.raises(ValueError, match="linkage must have four columns"):
        TissueDendrogramDisplay([[0, 1, 0.5]])
    with pytest.raises(ValueError, match=r"shape \(n_tissues, 2\)"):
        TissueMapDisplay([[0, 1, 0.5]])
    with pytest.raises(ValueError, match="NaN"):
        TissueMapDisplay([[0, np.nan]])
    with pytest.raises(ValueError, match="kind must be one of"):
        FactorActivationDisplay.from_estimator(model, kind="rms")
    with pytest.raises(ValueError, match="finite matrix"):
        FactorActivationDisplay([[np.nan]])
    with pytest.raises(
        ValueError, match=r"n_active_variants must have shape \(2,\), one entry per factor"
    ):
        FactorActivationDisplay([[1.0, 2.0]], n_active_variants=[1])
