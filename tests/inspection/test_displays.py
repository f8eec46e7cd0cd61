"""What every Display has in common; a new one is tested here once it is in the list."""

import doctest
import inspect
import re
import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from skgenetics import inspection
from skgenetics.inspection import displays

DISPLAYS = [getattr(displays, name) for name in displays.__all__]
Display = DISPLAYS[0].__base__
every_display = pytest.mark.parametrize("kind", DISPLAYS, ids=lambda kind: kind.__name__)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def example_of(kind):
    """The display that the example of its docstring makes."""
    names = {}
    for example in doctest.DocTestParser().get_examples(kind.__doc__):
        exec(example.source, names)
    plt.close("all")
    return names["display"]


def panels(display):
    return getattr(display, "axes_", [display.ax_])


def documented_attributes(kind):
    """Names in the section Attributes of a docstring."""
    section = inspect.getdoc(kind).split("Attributes\n----------\n")[1].split("\n\n")[0]
    return re.findall(r"^(\w+) : ", section, flags=re.MULTILINE)


def descendants(cls):
    children = set(cls.__subclasses__())
    return children.union(*map(descendants, children))


def test_list_holds_every_display_and_all_are_public():
    assert set(DISPLAYS) == descendants(Display)
    for kind in DISPLAYS:
        assert getattr(inspection, kind.__name__) is kind
        assert kind.__name__ in inspection.__all__
        assert kind.__name__.endswith("Display")


@every_display
def test_plot_is_that_of_the_base(kind):
    assert kind.plot is Display.plot
    makers = [maker for maker in dir(kind) if maker.startswith("from_")]
    assert set(makers) & {"from_estimator", "from_predictions", "from_frame"}
    assert all(inspect.ismethod(getattr(kind, maker)) for maker in makers)


@every_display
def test_attributes_are_those_documented(kind):
    display = example_of(kind)
    for name in ("ax_", "figure_", "axes_", "colorbar_"):
        vars(display).pop(name, None)
    before = set(vars(display))
    assert display.plot() is display
    assert {"ax_", "figure_"} <= set(documented_attributes(kind))
    assert set(vars(display)) - before <= set(documented_attributes(kind))
    for name in documented_attributes(kind):
        assert hasattr(display, name)
    parameters = set(inspect.signature(kind).parameters)
    assert before == parameters | {name for name in before if name.startswith("_")}


@every_display
def test_plot_makes_one_figure_and_leaves_the_others_as_they_are(kind):
    display = example_of(kind)
    settings, other = dict(mpl.rcParams), plt.figure()
    display.plot()
    assert dict(mpl.rcParams) == settings
    assert len(plt.get_fignums()) == 2
    assert not other.axes
    first = display.figure_
    assert display.plot().figure_ is not first
    assert len(plt.get_fignums()) == 3


@every_display
def test_plot_draws_into_axes_of_the_user(kind):
    display = example_of(kind)
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 5))
    assert display.plot(ax=right) is display
    assert display.ax_ is right
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert all(ax.figure is figure for ax in panels(display))
    assert not left.has_data()
    figure.draw_without_rendering()


@every_display
def test_plot_draws_into_axes_of_a_subfigure(kind):
    display = example_of(kind)
    figure = plt.figure(figsize=(14, 5), layout="constrained")
    part = figure.subfigures(1, 2)[0]
    assert display.plot(part.subplots()).figure_ is part
    figure.draw_without_rendering()


@every_display
def test_nothing_is_cut_off_and_axes_have_labels(kind):
    display = example_of(kind).plot()
    axes = panels(display)
    display.figure_.draw_without_rendering()
    whole = display.figure_.bbox
    for ax in axes:
        if ax.axison and not ax.images:
            assert not ax.spines["top"].get_visible()
            assert not ax.spines["right"].get_visible()
        if ax.axison:
            assert axes[-1].get_xlabel() or ax.images  # rows and columns of a matrix have names
            assert ax.get_ylabel() or len(ax.get_yticklabels())
        texts = [*ax.texts, *(ax.get_legend().get_texts() if ax.get_legend() else [])]
        for text in texts:
            box = text.get_window_extent()
            assert whole.x0 <= box.x0 < box.x1 <= whole.x1
            assert whole.y0 <= box.y0 < box.y1 <= whole.y1


@every_display
def test_missing_matplotlib_names_the_extra(kind, monkeypatch):
    display = example_of(kind)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"matplotlib is needed.*skgenetics\[plots\]"):
        display.plot()


def test_import_does_not_load_matplotlib():
    code = "import skgenetics.inspection, sys; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
