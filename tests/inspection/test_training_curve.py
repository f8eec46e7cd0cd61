import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier

from skgenetics import LINARegressor, MILAGERegressor
from skgenetics.inspection import TrainingCurveDisplay
from tests.expression.models import FIXED


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def genotypes():
    return np.random.default_rng(0).integers(0, 3, size=(60, 20), dtype=np.int8)


@pytest.fixture(scope="module")
def network(genotypes):
    y = genotypes[:, 3] * genotypes[:, 5] / 2.0
    return LINARegressor((8,), early_stopping=True, learning_rate_init=0.02, random_state=0).fit(
        genotypes, y
    )


@pytest.fixture(scope="module")
def expression(genotypes):
    y = genotypes[:, :2] @ np.random.default_rng(1).normal(size=(2, 12))
    return genotypes, y.reshape(60, 4, 3)


def drawn(display):
    return [line for line in display.ax_.lines if line.get_label().startswith(("train", "held"))]


def test_losses_of_a_network(network):
    display = TrainingCurveDisplay.from_estimator(network)
    assert display.plot() is display
    training, held_out = drawn(display)
    epochs = np.arange(1, network.n_iter_ + 1)
    np.testing.assert_array_equal(training.get_xdata(), epochs)
    np.testing.assert_array_equal(training.get_ydata(), network.loss_curve_)
    np.testing.assert_allclose(
        held_out.get_ydata(), [-score for score in network.validation_scores_]
    )
    best = epochs[np.argmax(network.validation_scores_)]
    assert display.best_iteration == best
    assert held_out.get_markevery() == [best - 1]
    assert held_out.get_label() == f"held out (best: {best})"
    assert display.ax_.get_xlabel() == "Epoch"
    assert display.ax_.get_ylabel() == "Loss"
    display.figure_.draw_without_rendering()


def test_variance_explained_of_expression(expression):
    model = MILAGERegressor(2, early_stopping=True, random_state=0, **FIXED).fit(*expression)
    display = TrainingCurveDisplay.from_estimator(model).plot()
    training, held_out = drawn(display)
    np.testing.assert_array_equal(training.get_ydata(), model.train_scores_)
    np.testing.assert_array_equal(held_out.get_ydata(), model.validation_scores_)
    assert display.best_iteration == 1 + np.argmax(model.validation_scores_)
    assert display.ax_.get_ylabel() == "Variance explained (R²)"
    loss = TrainingCurveDisplay.from_estimator(model, kind="loss").plot()
    (training,) = drawn(loss)
    np.testing.assert_array_equal(training.get_ydata(), model.loss_curve_)
    assert loss.best_iteration is None


def test_without_held_out_samples_there_is_one_curve(expression):
    model = MILAGERegressor(2, early_stopping=True, random_state=0, **FIXED).fit(*expression)
    model.set_params(early_stopping=False).fit(*expression)
    display = TrainingCurveDisplay.from_estimator(model).plot()
    assert [line.get_label() for line in drawn(display)] == ["training"]


def test_models_in_one_axes_differ_in_color_and_marker():
    figure, ax = plt.subplots()
    for name, shift in (("few", 0.0), ("many", 0.1)):
        curves = np.array([[0.1, 0.3, 0.5], [0.1, 0.2, 0.15]]) + shift
        display = TrainingCurveDisplay(
            *curves, metric="Variance explained (R²)", greater_is_better=True, name=name
        )
        assert display.plot(ax=ax).figure_ is figure
        assert display.best_iteration == 2
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [
        "few, training", "few, held out (best: 2)", "many, training", "many, held out (best: 2)",
    ]  # fmt: skip
    lines = [line for line in ax.lines if line.get_label() in labels]
    assert [line.get_linestyle() for line in lines] == ["--", "-"] * 2
    assert lines[0].get_color() == lines[1].get_color() != lines[2].get_color()
    assert lines[1].get_marker() != lines[3].get_marker()


@pytest.mark.parametrize(
    ("curves", "match"),
    [
        (([],), "at least 1"),
        (([1.0, np.nan],), "1 not finite"),
        (([1.0], [[1.0]]), "validation must hold one finite"),
        (([1.0, 2.0], [1.0]), "got 2 and 1"),
    ],
)
def test_curves_that_are_refused(curves, match):
    with pytest.raises(ValueError, match=match):
        TrainingCurveDisplay(*curves)


def test_direction_is_a_truth_value():
    with pytest.raises(ValueError, match="greater_is_better must be True or False; got 'yes'"):
        TrainingCurveDisplay([1.0], greater_is_better="yes")


def test_estimators_that_are_refused(network, genotypes):
    with pytest.raises(NotFittedError):
        TrainingCurveDisplay.from_estimator(MILAGERegressor())
    with pytest.raises(ValueError, match="LINARegressor keeps no score of its training"):
        TrainingCurveDisplay.from_estimator(network, kind="score")
    with pytest.raises(ValueError, match="kind must be one of"):
        TrainingCurveDisplay.from_estimator(network, kind="both")
    other = MLPClassifier((4,), early_stopping=True, n_iter_no_change=2, random_state=0)
    other.fit(genotypes, genotypes[:, 0] > 0)
    with pytest.raises(ValueError, match="validation_scores_ of MLPClassifier are not minus"):
        TrainingCurveDisplay.from_estimator(other)
