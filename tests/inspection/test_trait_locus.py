import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from scipy.stats import norm

from skgenetics import FinemapMiXeR, MMASHRegressor
from skgenetics.inspection import TraitLocusDisplay
from skgenetics.inspection.displays._style import NEUTRAL, ORDERED_COLORS

Z = np.array([[1.0, 0.5], [6.0, -2.0], [5.5, np.nan], [0.2, -9.0]])
POSITIONS = [1000, 2000, 3000, 4000]
PIP = np.array([0.0, 0.6, 0.4, 1.0])
SETS = [
    {"variants": [1, 2], "coverage": 0.99, "min_abs_r": 0.9, "lfsr": [0.0, 0.4]},
    {"variants": [3], "coverage": 0.99, "min_abs_r": 1.0, "lfsr": [0.3, 0.0]},
]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def rings(panel):
    """The variants that are ringed in a panel, by their positions in Mb."""
    hollow = [c for c in panel.collections if not len(c.get_facecolor())]
    return [np.round(1e6 * np.asarray(c.get_offsets())[:, 0]).tolist() for c in hollow]


def test_a_panel_per_trait_and_rings_where_an_effect_is_sure():
    display = TraitLocusDisplay(
        POSITIONS, Z, PIP, trait_names=["ldl", "hdl"], credible_sets=SETS, r2=[0, 0.1, 0.5, 1]
    ).plot()
    assert display.lead == 3  # of the largest absolute z in any trait
    assert len(display.axes_) == 3
    assert [panel.get_ylabel().split()[0] for panel in display.axes_] == ["ldl", "hdl", "Posterior"]
    assert [rings(panel) for panel in display.axes_] == [
        [[2000, 3000]],
        [[4000]],
        [[2000, 3000], [4000]],
    ]
    for trait, panel in enumerate(display.axes_[:2]):
        filled = [c.get_offsets() for c in panel.collections if len(c.get_facecolor())]
        points = np.concatenate([np.ma.filled(offsets, np.nan) for offsets in filled])
        points = points[~np.isnan(points).any(axis=1)]
        heights = dict(zip(np.round(1e6 * points[:, 0]).astype(int), points[:, 1], strict=True))
        expected = -np.log10(2 * norm.sf(np.abs(Z[:, trait])))
        drawn = [heights.get(position, np.nan) for position in POSITIONS]
        np.testing.assert_allclose(drawn, expected, rtol=1e-8)
        assert panel.get_ylim()[1] > np.nanmax(expected)
    assert not display.axes_[0].xaxis.get_tick_params()["labelbottom"]
    display.figure_.draw_without_rendering()


def test_each_population_has_the_colors_of_its_own_ld():
    def color_of(panel, position):
        for points in panel.collections:
            at = np.round(1e6 * np.asarray(points.get_offsets())[:, 0])
            if len(points.get_facecolor()) and position in at:
                return to_hex(points.get_facecolor()[0])
        return None

    r2 = np.array([[0.1, 0.7], [0.9, 0.3], [0.5, np.nan], [1.0, 1.0]])
    axes = TraitLocusDisplay(POSITIONS, Z, PIP, r2=r2).plot().axes_
    for place, position in enumerate(POSITIONS[:3]):
        for panel, column in ((axes[0], 0), (axes[1], 1), (axes[2], 1)):  # the lead is of trait 1
            bin_ = int(5 * np.nan_to_num(r2[place, column]))
            assert color_of(panel, position) == ORDERED_COLORS[bin_].lower()
    r2[3, 0] = np.nan  # the first population lacks the lead variant
    axes = TraitLocusDisplay(POSITIONS, Z, PIP, r2=r2).plot().axes_
    assert {color_of(axes[0], position) for position in POSITIONS[:3]} == {NEUTRAL.lower()}
    with pytest.raises(ValueError, match="r2 must have shape"):
        TraitLocusDisplay(POSITIONS, Z, PIP, r2=r2[:3])


def test_genes_have_a_panel_and_make_the_figure_taller():
    plain = TraitLocusDisplay(POSITIONS, Z, PIP).plot()
    gene = {"name": "LDLR", "start": 1500, "end": 2500}
    with_gene = TraitLocusDisplay(POSITIONS, Z, PIP, genes=gene, chromosome=19).plot()
    assert len(with_gene.axes_) == len(plain.axes_) + 1
    assert with_gene.figure_.get_figheight() > plain.figure_.get_figheight()
    assert with_gene.axes_[-1].get_xlabel() == "Position on chromosome 19 (Mb)"


def test_from_a_fit_of_samples_and_of_statistics():
    rng = np.random.default_rng(0)
    X = rng.binomial(2, 0.3, (400, 12)).astype(float)
    Y = X[:, [4]] * [0.6, 0.0] + rng.normal(size=(400, 2))
    model = MMASHRegressor(solver="single_effects", polygenic=0).fit(X, Y)
    display = TraitLocusDisplay.from_estimator(model, positions=np.arange(12), X=X).plot()
    r = np.corrcoef(X.T, Y.T)[:12, 12:]
    np.testing.assert_allclose(display.z, 20 * r, rtol=0.01)
    assert rings(display.axes_[0]) == [[4]]
    assert rings(display.axes_[1]) == []
    R, z = np.corrcoef(X.T), 20 * r
    z[2, 0] = np.nan
    z[7] = np.nan
    summary = MMASHRegressor(solver="single_effects").fit_summary(
        pd.DataFrame(z, columns=["ldl", "hdl"]), R, n_samples=400, trait_correlation=np.eye(2)
    )
    display = TraitLocusDisplay.from_estimator(summary, positions=np.arange(12), ld=R)
    assert display.trait_names.tolist() == ["ldl", "hdl"]
    np.testing.assert_array_equal(np.isnan(display.z).nonzero(), [[2], [0]])
    np.testing.assert_allclose(display.r2, R[4] ** 2)


def test_bad_input():
    with pytest.raises(ValueError, match="z must have shape"):
        TraitLocusDisplay(POSITIONS, Z[:, 0], PIP)
    with pytest.raises(ValueError, match="trait_names must have shape"):
        TraitLocusDisplay(POSITIONS, Z, PIP, trait_names=["one"])
    with pytest.raises(ValueError, match="no value in any trait, for variant 1"):
        TraitLocusDisplay(POSITIONS, np.where(np.arange(4)[:, None] == 1, np.nan, Z), PIP)
    with pytest.raises(ValueError, match="pip must have shape"):
        TraitLocusDisplay(POSITIONS, Z, PIP[:2])
    ld = np.eye(3)
    mixer = FinemapMiXeR().fit_summary([8.0, 1.0, 0.0], ld, n_samples=1000)
    with pytest.raises(TypeError, match="needs an MMASHRegressor"):
        TraitLocusDisplay.from_estimator(mixer, positions=[1, 2, 3])
