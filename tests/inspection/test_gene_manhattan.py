"""What a Manhattan plot of genes shows, against its numbers."""

import numpy as np
import pytest
from scipy.stats import norm

from skgenetics.inspection import GeneManhattanDisplay

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def table(**changes):
    pd = pytest.importorskip("pandas")
    return pd.DataFrame(
        {
            "chromosome": ["10", "2", "2", "X", "1"],
            "base_pair_location": pd.array([5, 100, 300, 7, None], dtype="Int64"),
            "gene": ["A", "B", "C", "D", "E"],
            "gene_name": ["", "BEE", "SEA", None, ""],
            "z": [1.0, 6.0, -7.0, 0.5, 9.0],
        }
        | changes
    )


def test_points_lie_along_the_genome():
    display = GeneManhattanDisplay.from_frame(table()).plot()
    ax = display.ax_
    points = np.vstack([part.get_offsets() for part in ax.collections])
    assert len(points) == 4  # E has no place
    assert sorted(points[:, 1]) == [-7, 0.5, 1, 6]
    order = points[np.argsort(points[:, 0]), 1]
    assert order.tolist() == [6, -7, 1, 0.5]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["2", "10", "X"]
    assert {text.get_text() for text in ax.texts} == {"BEE", "SEA"}
    lines = sorted(line.get_ydata()[0] for line in ax.lines)
    level = norm.isf(0.05 / 2 / 4)
    np.testing.assert_allclose(lines, [-level, 0, level])


def test_threshold_and_names():
    display = GeneManhattanDisplay.from_frame(table(), threshold=6.5).plot()
    assert [text.get_text() for text in display.ax_.texts] == ["SEA"]
    plain = GeneManhattanDisplay(["1", "1"], [1, 2], [9.0, 1.0]).plot()
    assert not plain.ax_.texts
    with pytest.raises(ValueError, match="NaN or infinity"):
        GeneManhattanDisplay(["1"], [1], [np.nan])
    with pytest.raises(ValueError, match="one entry per gene"):
        GeneManhattanDisplay(["1"], [1], [1.0], names=["A", "B"])
