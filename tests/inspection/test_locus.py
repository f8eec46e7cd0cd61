import math
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.text import Text
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skgenetics import FinemapMiXeR
from skgenetics.inspection import LocusDisplay


class FittedMapper(BaseEstimator):
    """Holds the public fitted attributes the display reads."""

    def fit(self, X, y=None):
        rng = np.random.default_rng(0)
        n_variants = X.shape[1]
        self.z_ = rng.normal(size=n_variants)
        self.z_[4] = -9.0
        self.pip_ = np.full(n_variants, 0.01)
        self.pip_[[3, 4, 10]] = [0.3, 0.65, 0.9]
        self.credible_sets_ = [
            {"variants": np.array([4, 3]), "coverage": 0.953, "min_abs_r": 0.82},
            {"variants": np.array([10]), "coverage": 0.97, "min_abs_r": 1.0},
        ]
        return self


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def X():
    rng = np.random.default_rng(1)
    genotypes = rng.binomial(2, 0.3, size=(60, 20)).astype(np.int8)
    genotypes[:, 3] = genotypes[:, 4]
    genotypes[:5, 3] = 2 - genotypes[:5, 3]
    return genotypes


@pytest.fixture
def estimator(X):
    return FittedMapper().fit(X)


@pytest.fixture
def positions():
    return 30_000_000 + 1_000 * np.arange(20) ** 2


def points(ax):
    """All filled points of a panel, sorted by x."""
    filled = [c for c in ax.collections if isinstance(c, PathCollection) and len(c.get_facecolor())]
    offsets = np.concatenate([np.asarray(c.get_offsets()) for c in filled])
    return offsets[np.argsort(offsets[:, 0])]


def rings(ax):
    return [
        c for c in ax.collections if isinstance(c, PathCollection) and not len(c.get_facecolor())
    ]


def test_panels_hold_position_log_p_and_pip(estimator, positions, X):
    display = LocusDisplay.from_estimator(estimator, positions=positions, X=X)
    assert display.plot() is display
    upper, lower = display.axes_
    assert upper.get_shared_x_axes().joined(upper, lower)
    assert display.figure_ is upper.figure
    log_p = [-math.log10(math.erfc(abs(z) / math.sqrt(2))) for z in estimator.z_]
    np.testing.assert_allclose(points(upper), np.c_[positions / 1e6, log_p], rtol=1e-9)
    np.testing.assert_allclose(points(lower), np.c_[positions / 1e6, estimator.pip_], rtol=1e-12)


def test_log_p_at_zero_and_where_p_underflows():
    display = LocusDisplay([100, 200, 300], z=[0.0, 40.0, -40.0], pip=[0, 1, 1]).plot()
    heights = points(display.axes_[0])[:, 1]
    series = 1 - 40.0**-2 + 3 * 40.0**-4 - 15 * 40.0**-6  # asymptotic; the next term is 2e-11
    log_density = -(40**2) / 2 - math.log(2 * math.pi) / 2
    expected = -(math.log(2 / 40 * series) + log_density) / math.log(10)
    np.testing.assert_allclose(heights, [0, expected, expected], rtol=1e-12)
    assert np.signbit(heights).sum() == 0


@pytest.mark.parametrize("source", ["int8", "frame", "float", "ld", "sparse ld"])
def test_colors_are_bins_of_r2_with_the_lead(estimator, positions, X, source):
    r2 = np.corrcoef(X, rowvar=False)[4] ** 2
    ld = np.corrcoef(X, rowvar=False)
    given = {
        "int8": {"X": X},
        "frame": {"X": pd.DataFrame(X)},
        "float": {"X": (X - X.mean(axis=0)) / X.std(axis=0)},
        "ld": {"ld": ld},
        "sparse ld": {"ld": csr_array(ld)},
    }[source]
    display = LocusDisplay.from_estimator(estimator, positions=positions, **given)
    np.testing.assert_allclose(display.r2, r2, atol=1e-12)
    upper = display.plot().axes_[0]
    labels = [text.get_text() for text in upper.get_legend().get_texts()]
    assert labels == ["lead variant", "0.8–1.0", "0.6–0.8", "0.4–0.6", "0.2–0.4", "0.0–0.2"]
    for collection in upper.collections:
        low = {"0.0–0.2": 0, "0.2–0.4": 0.2, "0.4–0.6": 0.4, "0.6–0.8": 0.6, "0.8–1.0": 0.8}.get(
            collection.get_label()
        )
        if low is not None:
            shown = np.searchsorted(positions / 1e6, np.asarray(collection.get_offsets())[:, 0])
            inside = (r2 >= low) & (r2 < low + 0.2) & (np.arange(20) != 4)
            np.testing.assert_array_equal(np.sort(shown), np.flatnonzero(inside))


@pytest.mark.parametrize("dtype", [np.int8, np.float32])
def test_missing_calls_are_replaced_by_the_mean(estimator, positions, X, dtype):
    full = X.astype(float)
    full[::7, 2] = np.nan
    full[3, 4] = np.nan
    given = np.where(np.isnan(full), -9, full).astype(dtype) if dtype == np.int8 else full
    kept = given.copy()
    display = LocusDisplay.from_estimator(estimator, positions=positions, X=given.astype(dtype))
    filled = pd.DataFrame(full).fillna(pd.DataFrame(full).mean()).to_numpy()
    np.testing.assert_allclose(
        display.r2, np.corrcoef(filled, rowvar=False)[4] ** 2, rtol=1e-6, atol=1e-12
    )
    np.testing.assert_array_equal(given, kept)


def test_variant_that_does_not_vary_has_no_correlation(estimator, positions, X):
    X[:, 7] = 1
    display = LocusDisplay.from_estimator(estimator, positions=positions, X=X)
    assert display.r2[7] == 0
    assert display.r2[4] == pytest.approx(1)


@pytest.mark.parametrize("constant", [0.1, 1 / 3, 1e6 + 0.1])
def test_lead_variant_that_does_not_vary_correlates_with_none(estimator, positions, X, constant):
    X = X.astype(float)
    X[:, 4] = constant
    display = LocusDisplay.from_estimator(estimator, positions=positions, X=X)
    assert (display.r2 == 0).all()


def test_without_ld_points_are_grey_and_need_no_legend(estimator, positions):
    upper, _ = LocusDisplay.from_estimator(estimator, positions=positions).plot().axes_
    assert upper.get_legend() is None
    filled = [c for c in upper.collections if len(c.get_facecolor())]
    assert len(filled) == 2
    for collection in filled:
        red, green, blue = collection.get_facecolor()[0, :3]
        assert red == green == blue


def test_credible_sets_are_ringed_numbered_and_explained(estimator, positions, X):
    upper, lower = LocusDisplay.from_estimator(estimator, positions=positions, X=X).plot().axes_
    for panel in (upper, lower):
        first, second = rings(panel)
        np.testing.assert_allclose(first.get_offsets()[:, 0], positions[[4, 3]] / 1e6)
        np.testing.assert_allclose(second.get_offsets()[:, 0], positions[[10]] / 1e6)
        assert to_hex(first.get_edgecolor()[0]) != to_hex(second.get_edgecolor()[0])
    np.testing.assert_allclose(rings(lower)[0].get_offsets()[:, 1], [0.65, 0.3])
    assert [text.get_text() for text in lower.get_legend().get_texts()] == [
        "1: 2 variants\ncoverage 0.95, min |r| 0.82",
        "2: 1 variant\ncoverage 0.97, min |r| 1.00",
    ]
    assert [text.get_text() for text in lower.texts] == ["set 1", "set 2"]
    assert [text.xy[0] for text in lower.texts] == list(positions[[4, 10]] / 1e6)


def test_numbers_of_neighboring_sets_do_not_overlap(positions):
    sets = [{"variants": [i], "coverage": 1.0, "min_abs_r": 1.0} for i in (19, 18, 17, 0, 1, 2)]
    pip = np.linspace(0.2, 1, 20)
    display = LocusDisplay(positions, np.ones(20), pip, credible_sets=sets).plot()
    display.figure_.draw_without_rendering()
    # the extent of an annotation spans its line too; that of its text does not
    boxes = [Text.get_window_extent(text) for text in display.axes_[1].texts]
    boxes.sort(key=lambda box: box.x0)
    assert len(boxes) == 6
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    assert boxes[-1].x1 < display.axes_[1].get_window_extent().x1


def test_pip_axis_shrinks_only_where_every_pip_is_small(positions):
    large = LocusDisplay(positions, np.ones(20), np.linspace(0, 0.6, 20)).plot().axes_[1]
    small = LocusDisplay(positions, np.ones(20), np.linspace(0, 0.05, 20)).plot().axes_[1]
    assert large.get_yticks().max() == pytest.approx(1)
    assert small.get_yticks().max() == pytest.approx(0.05)
    assert small.get_ylim()[1] < 0.07


@pytest.mark.parametrize(
    ("chromosome", "build", "label"),
    [
        (None, None, "Position (Mb)"),
        (22, "GRCh37", "Position on chromosome 22 (Mb, GRCh37)"),
        ("chrX", "GRCh38", "Position on chromosome X (Mb, GRCh38)"),
    ],
)
def test_axes_say_what_they_show_and_in_which_units(estimator, positions, chromosome, build, label):
    display = LocusDisplay.from_estimator(
        estimator, positions=positions, chromosome=chromosome, build=build, title="LDL"
    ).plot()
    upper, lower = display.axes_
    assert lower.get_xlabel() == label
    assert upper.get_xlabel() == ""
    assert "log_{10}" in upper.get_ylabel()
    assert "PIP" in lower.get_ylabel()
    assert upper.get_title(loc="left") == "LDL"


def test_lead_variant_is_named(estimator, positions):
    def name():
        display = LocusDisplay.from_estimator(estimator, positions=positions).plot()
        return display.axes_[0].texts[0].get_text()

    assert name() == "30,016,000 bp"
    estimator.feature_names_in_ = np.array([f"rs{i}" for i in range(20)], dtype=object)
    assert name() == "rs4"


def test_genes_point_along_their_strand_and_do_not_overlap(estimator, positions):
    genes = [
        {"name": "AAA", "start": 30_010_000, "end": 30_100_000, "strand": "+"},
        {"name": "A-LONG-NAME", "start": 30_020_000, "end": 30_060_000, "strand": "-"},
        {"name": "AT-THE-EDGE", "start": 30_355_000, "strand": "+"},
        {"name": "ELSEWHERE", "start": 31_000_000, "end": 31_100_000, "strand": "+"},
        {"name": "UNKNOWN", "start": 30_200_000},
    ]
    display = LocusDisplay.from_estimator(estimator, positions=positions, genes=genes).plot()
    panel = display.axes_[2]
    assert panel.get_xlabel() == "Position (Mb)"
    assert {text.get_text() for text in panel.texts} == {
        "AAA",
        "A-LONG-NAME",
        "AT-THE-EDGE",
        "UNKNOWN",
    }
    tips = {line.get_marker(): line.get_xdata()[0] for line in panel.lines[1::2]}
    assert tips["<"] == pytest.approx(30.02)
    assert tips["|"] == pytest.approx(30.2)
    assert {">", "<", "|"} == set(tips)
    display.figure_.draw_without_rendering()
    frame = panel.get_window_extent()
    boxes = [text.get_window_extent() for text in panel.texts]
    assert all(frame.x0 - 1 < box.x0 and box.x1 < frame.x1 + 1 for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_gene_given_alone_and_genes_out_of_view(estimator, positions):
    gene = {"name": "AAA", "start": 30_010_000, "strand": "+"}
    near = LocusDisplay.from_estimator(estimator, positions=positions, genes=gene)
    assert near.plot().axes_.shape == (3,)
    far = LocusDisplay.from_estimator(
        estimator, positions=positions, genes=gene | {"start": 1, "end": 2}
    )
    assert far.plot().axes_.shape == (2,)


def test_axes_given_by_the_user_hold_the_panels(estimator, positions, X):
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 5))
    display = LocusDisplay.from_estimator(estimator, positions=positions, X=X).plot(ax=right)
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    area = right.get_window_extent()
    for panel in display.axes_:
        box = panel.get_window_extent()
        assert area.x0 - 1 <= box.x0 < box.x1 <= area.x1 + 1
        assert area.y0 - 1 <= box.y0 < box.y1 <= area.y1 + 1
    assert not left.has_data()


def test_many_variants_one_variant_and_no_signal_are_drawn():
    rng = np.random.default_rng(2)
    n_variants = 5_000
    display = LocusDisplay(
        np.sort(rng.integers(1, 10**7, n_variants)),
        rng.normal(size=n_variants),
        rng.uniform(0, 0.01, n_variants),
        r2=rng.uniform(size=n_variants),
    ).plot()
    display.figure_.draw_without_rendering()
    assert len(points(display.axes_[0])) == n_variants
    LocusDisplay([5], [0.0], [0.0]).plot().figure_.draw_without_rendering()


def test_last_step_of_a_pipeline_is_drawn(X, positions):
    pipeline = make_pipeline(FunctionTransformer(), FittedMapper()).fit(X, X[:, 0])
    display = LocusDisplay.from_estimator(pipeline, positions=positions, X=X)
    np.testing.assert_array_equal(display.pip, pipeline[-1].pip_)


@pytest.mark.parametrize("source", ["X", "ld"])
def test_tables_of_a_locus_are_drawn_as_their_estimator(estimator, positions, X, source):
    cs = np.zeros(20, dtype=int)
    for number, credible_set in enumerate(estimator.credible_sets_, start=1):
        cs[credible_set["variants"]] = number
    rsid = pd.array([f"rs{i}" if i != 4 else None for i in range(20)], dtype="string")
    variants = pd.DataFrame(
        {
            "chromosome": "22",
            "base_pair_location": pd.array(positions, dtype="Int64"),
            "variant_id": [f"22_{position}_A_G" for position in positions],
            "rsid": rsid,
            "z": estimator.z_,
            "pip": estimator.pip_,
            "cs": cs,
        }
    )
    sets = pd.DataFrame(
        {"cs": [1, 2, 3], "coverage": [0.953, 0.97, 0.9], "min_abs_r": [0.82, 1, 1]}
    )
    given = {"X": X} if source == "X" else {"ld": np.corrcoef(X, rowvar=False)}
    display = LocusDisplay.from_frame(variants, sets, **given, build="GRCh38")
    expected = LocusDisplay.from_estimator(estimator, positions=positions, X=X)
    for name in ("positions", "z", "pip", "r2"):
        np.testing.assert_allclose(getattr(display, name), getattr(expected, name), atol=1e-12)
    assert len(display.credible_sets) == 2  # the third has no variant among these
    for one, other in zip(display.credible_sets, expected.credible_sets):
        assert set(one["variants"]) == set(other["variants"])
        assert one["min_abs_r"] == other["min_abs_r"]
    upper = display.plot().axes_[0]
    assert upper.texts[0].get_text() == "22_30016000_A_G"
    assert display.axes_[1].get_xlabel() == "Position on chromosome 22 (Mb, GRCh38)"
    with pytest.raises(ValueError, match="X or ld, not both"):
        LocusDisplay.from_frame(variants, sets, X=X, ld=np.eye(20))


def test_estimators_that_cannot_be_drawn(positions, X):
    with pytest.raises(NotFittedError):
        LocusDisplay.from_estimator(FittedMapper(), positions=positions)
    with pytest.raises(TypeError, match=r"LinearRegression has no pip_, z_, credible_sets_"):
        LocusDisplay.from_estimator(LinearRegression().fit(X, X[:, 0]), positions=positions)


def test_ld_of_the_wrong_shape(estimator, positions, X):
    with pytest.raises(ValueError, match=r"one column for each of the 20 .* got shape \(60, 19\)"):
        LocusDisplay.from_estimator(estimator, positions=positions, X=X[:, 1:])
    with pytest.raises(ValueError, match=r"ld must have shape \(20, 20\).*got \(19, 19\)"):
        LocusDisplay.from_estimator(estimator, positions=positions, ld=np.eye(19))
    with pytest.raises(ValueError, match="X or ld, not both"):
        LocusDisplay.from_estimator(estimator, positions=positions, X=X, ld=np.eye(20))
    with pytest.raises(ValueError, match=r"z must have shape \(19,\).*got \(20,\)"):
        LocusDisplay.from_estimator(estimator, positions=positions[1:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"positions": [[1, 2, 3]]}, r"positions must be 1-D.*\(1, 3\)"),
        ({"positions": []}, "at least 1"),
        ({"pip": [0.1, 0.2]}, r"pip must have shape \(3,\)"),
        ({"pip": [0.1, 0.2, 1.5]}, r"pip must lie in \[0, 1\]; got 0.1 to 1.5"),
        ({"r2": [0.1, -0.2, 0.5]}, "r2 must lie"),
        ({"names": ["a"]}, "names must have shape"),
        ({"z": [1, np.inf, 2]}, "z holds NaN or infinity"),
        ({"credible_sets": [{"variants": [0]}]}, "Credible set 1 has no coverage, min_abs_r"),
        (
            {"credible_sets": [{"variants": [0, 3], "coverage": 1, "min_abs_r": 1}]},
            r"indices from 0 to 2; got \[0, 3\]",
        ),
        ({"genes": {"name": "A"}}, "needs 'name' and 'start'"),
        ({"genes": {"name": "A", "start": 9, "end": 1}}, "ends before it starts"),
        ({"genes": {"name": "A", "start": 9, "strand": 1}}, "'\\+' or '-'; got 1"),
    ],
)
def test_arrays_that_do_not_fit_together(change, message):
    given = {"positions": [1, 2, 3], "z": [1.0, 2.0, 3.0], "pip": [0.1, 0.2, 0.3]} | change
    with pytest.raises(ValueError, match=message):
        LocusDisplay(**given)


def test_what_is_given_per_variant_follows_the_names():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    names, order = [f"rs{i}" for i in range(6)], [3, 0, 5, 1, 4, 2]
    X = pd.DataFrame(rng.integers(0, 3, (80, 6)), columns=names)
    model = FinemapMiXeR().fit(X, X["rs2"] + rng.normal(size=80))
    positions = pd.Series(10 * np.arange(6), names)
    ld = pd.DataFrame(np.corrcoef(X.T), names, names)
    expected = LocusDisplay.from_estimator(model, positions=positions.to_numpy(), X=X.to_numpy())
    for other in (
        {"X": X[X.columns[order]]},
        {"ld": ld.iloc[order, order]},
        {"ld": ld.iloc[order]},
    ):
        display = LocusDisplay.from_estimator(model, positions=positions.iloc[order], **other)
        np.testing.assert_array_equal(display.positions, expected.positions)
        np.testing.assert_allclose(display.r2, expected.r2)
    numbered = positions.set_axis([7, 9, 11, 12, 13, 20])  # rows of a file
    by_row = LocusDisplay.from_estimator(model, positions=numbered)
    np.testing.assert_array_equal(by_row.positions, expected.positions)
    with pytest.raises(ValueError, match="absent from positions, 1 of 6, such as 'rs3'"):
        LocusDisplay.from_estimator(model, positions=positions.rename({"rs3": "other"}))


@pytest.mark.parametrize("width", [4.2, 9.0])
def test_legends_are_below_narrow_panels_and_beside_wide_ones(width, estimator, positions, X):
    display = LocusDisplay.from_estimator(estimator, positions=positions, X=X)
    figure, ax = plt.subplots(figsize=(width, 6.5), layout="constrained")
    display.plot(ax)
    figure.draw_without_rendering()
    for panel in display.axes_[:2]:
        box, legend = panel.get_window_extent(), panel.get_legend().get_window_extent()
        assert (legend.y1 < display.axes_[-1].get_window_extent().y0) == (width < 6)
        assert (legend.x0 >= box.x1) == (width > 6)
        assert legend.x1 <= figure.bbox.x1
        assert legend.y0 >= figure.bbox.y0


def test_lead_variant_is_above_the_rings(estimator, positions, X):
    display = LocusDisplay.from_estimator(estimator, positions=positions, X=X)
    for panel in display.plot().axes_[:2]:
        markers = {c.get_label(): c.get_zorder() for c in panel.collections}
        assert markers["lead variant"] == max(markers.values())


def test_recombination_is_drawn_as_rates(estimator, positions):
    at = np.array([29.0, 30.1, 30.2, 31.0])  # Mb: 1, 20, 3 cM/Mb between them
    cm = np.cumsum([0, 1.1, 2.0, 2.4])
    genetic_map = pd.DataFrame({"base_pair_location": at * 1e6, "cm": cm, "chromosome": "chr22"})
    other = genetic_map.assign(chromosome="21", cm=cm[::-1].cumsum())
    both = pd.concat([other, genetic_map])
    given = {"positions": positions, "genes": {"name": "A", "start": 30_010_000}}
    display = LocusDisplay.from_estimator(estimator, **given, genetic_map=both, chromosome=22)
    axes = display.plot().axes_
    assert len(axes) == 4
    assert axes[2].get_ylabel() == "cM/Mb"
    rates, ends, _ = axes[2].patches[0].get_data()
    for low, high, rate in ((29, 30.1, 1), (30.1, 30.2, 20), (30.2, 31, 3)):
        inside = (ends[:-1] >= low) & (ends[1:] <= high)
        np.testing.assert_allclose(rates[inside], rate, rtol=1e-6)
        assert inside.any()
    lengths = np.diff(ends)
    expected = np.interp(ends[-1], at, cm) - np.interp(ends[0], at, cm)
    np.testing.assert_allclose(np.sum(rates * lengths), expected)  # centimorgans are kept
    heights = [panel.get_window_extent() for panel in axes]
    assert all(a.y0 > b.y1 for a, b in pairwise(heights))


def test_maps_that_cannot_be_drawn(estimator, positions):
    table = pd.DataFrame({"base_pair_location": [1, 2], "cm": [1.0, 0.5]})
    with pytest.raises(ValueError, match="must rise"):
        LocusDisplay.from_estimator(estimator, positions=positions, genetic_map=table)
    with pytest.raises(ValueError, match="genetic_map has no cm; expected what"):
        LocusDisplay.from_estimator(
            estimator, positions=positions, genetic_map=table.drop(columns="cm")
        )
    elsewhere = table.assign(cm=[0.0, 0.5])
    display = LocusDisplay.from_estimator(estimator, positions=positions, genetic_map=elsewhere)
    assert len(display.plot().axes_) == 2


@pytest.mark.parametrize("height", [3.5, 6.5])
def test_labels_fit_beside_their_panels(estimator, positions, X, height):
    display = LocusDisplay.from_estimator(estimator, positions=positions, X=X)
    figure, ax = plt.subplots(figsize=(9, height))
    display.plot(ax)
    figure.draw_without_rendering()
    upper, lower = (panel.yaxis.label.get_window_extent() for panel in display.axes_)
    assert not upper.overlaps(lower)
    assert ("of single" in display.axes_[0].get_ylabel()) == (height > 4)
