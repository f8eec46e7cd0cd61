import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skgenetics import MMASHRegressor
from skgenetics.inspection import SharingDisplay

SHARES = {
    "null": 0.5,
    "singleton_ldl": 0.1,
    "shared": 0.3,
    "independent": 0.06,
    "singleton_hdl": 0.04,
}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def drawn(display):
    """Bars by their labels, from the top."""
    bars = sorted(display.ax_.patches, key=lambda bar: -bar.get_y())
    labels = [label.get_text() for label in display.ax_.get_yticklabels()][::-1]
    return dict(zip(labels, [bar.get_width() for bar in bars], strict=True))


def test_bars_are_the_shares_largest_on_top():
    display = SharingDisplay.from_predictions(SHARES)
    assert display.plot() is display
    assert list(drawn(display).items()) == [
        ("shared", 0.3), ("singleton_ldl", 0.1), ("independent", 0.06), ("singleton_hdl", 0.04)
    ]  # fmt: skip
    assert [text.get_text() for text in display.ax_.texts] == ["30%", "10%", "6%", "4%"]
    assert display.ax_.get_xlabel() == "Share of variants\n(no effect: 50%)"
    assert display.ax_.get_xlim()[1] > 0.3
    display.figure_.draw_without_rendering()


def test_small_shares_are_drawn_as_one():
    bars = drawn(SharingDisplay.from_predictions(SHARES, max_bars=2).plot())
    assert list(bars) == ["shared", "singleton_ldl", "all others"]
    np.testing.assert_allclose(bars["all others"], 0.1)


def test_equal_shares_keep_their_order():
    names = [f"pattern {i}" for i in range(8)]
    display = SharingDisplay(dict.fromkeys(names, 0.1), max_bars=4).plot()
    assert list(drawn(display)) == [*names[:4], "all others"]


def test_shares_that_round_to_nothing():
    display = SharingDisplay({"null": 1 - 1e-7, "shared": 1e-7, "independent": 0.0}).plot()
    assert {text.get_text() for text in display.ax_.texts} == {"< 0.1%"}
    assert display.ax_.get_xlabel().endswith("(no effect: 100%)")


def test_without_a_null_and_in_given_axes():
    ax = plt.figure().add_subplot()
    display = SharingDisplay({"shared": 1.0}, variant="rs1").plot(ax)
    assert display.ax_ is ax
    assert ax.get_xlabel() == "Posterior probability"
    assert ax.get_title() == "Variant rs1"


def assert_bars(found, shares):
    """Shares of .1% and more have bars, and the others one together."""
    rest = sum(share for share in shares.values() if share < 0.001)
    seen = {name: share for name, share in shares.items() if share >= 0.001}
    assert found.keys() - {"all others"} == seen.keys()
    np.testing.assert_allclose([found[name] for name in seen], list(seen.values()))
    np.testing.assert_allclose(found.get("all others", 0.0), rest, atol=1e-12)


def test_of_an_estimator():
    rng = np.random.default_rng(0)
    X = rng.binomial(2, 0.4, size=(200, 20))
    Y = X[:, [3]] * [0.8, 0.8] + rng.normal(size=(200, 2))
    model = MMASHRegressor(polygenic=0).fit(X, Y)
    display = SharingDisplay.from_estimator(model, max_bars=20).plot()
    n_scales = len(model.scales_)
    grid = np.reshape(model.weights_[1:], (-1, n_scales)).sum(axis=1)
    found = drawn(display)
    assert_bars(found, dict(zip(model.covariance_names_, grid, strict=True)))
    one = drawn(SharingDisplay.from_estimator(model, variant=3).plot())
    alone = model.responsibilities_[3, 1:].reshape(-1, n_scales).sum(axis=1)
    assert_bars(one, dict(zip(model.covariance_names_, alone, strict=True)))
    np.testing.assert_allclose(alone.sum(), 1, atol=0.01)
    with pytest.raises(ValueError, match="variant"):
        SharingDisplay.from_estimator(model, variant=20)
    with pytest.raises(NotFittedError):
        SharingDisplay.from_estimator(MMASHRegressor())


def test_bad_shares():
    with pytest.raises(ValueError, match="besides 'null'"):
        SharingDisplay({"null": 1.0})
    with pytest.raises(ValueError, match=r"got 1\.2"):
        SharingDisplay({"shared": 1.2})
    with pytest.raises(ValueError, match="max_bars"):
        SharingDisplay(SHARES, max_bars=0)
