"""The base of all Displays: `plot`, the axes drawn into, and checks of the arrays to draw."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skgenetics.utils._optional import import_optional

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


class Display(ABC):
    """A picture of some numbers, drawn by `plot`.

    The attributes of a Display are the numbers that it draws. Class methods named ``from_*`` get
    these numbers from an estimator, from predictions or from a table. A subclass says how large a
    new figure is (`_figure_size`) and draws (`_draw`).

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn into, after `plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`, after `plot`.
    """

    ax_: Axes
    figure_: Figure | SubFigure

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into. None makes a figure of a fitting size.

        Returns
        -------
        display : Display
            The display itself, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed; the error names the extra.
        """
        if ax is None:
            ax = self._new_axes()
        self._draw(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @abstractmethod
    def _figure_size(self) -> tuple[float, float]:
        """Return the width and the height of a new figure in inches."""

    @abstractmethod
    def _draw(self, ax: Axes) -> None:
        """Draw into `ax`."""

    def _new_axes(self) -> Axes:
        """Return the axes of a new figure."""
        pyplot = import_matplotlib("pyplot")
        return pyplot.subplots(figsize=self._figure_size(), layout="constrained")[1]

    def _check_shape(self, shape: tuple[int, ...], entry: str, *names: str) -> None:
        """Raise ValueError if one of the attributes `names`, unless None, has another shape."""
        for name in names:
            if getattr(self, name) is not None:
                check_shape(getattr(self, name), name, shape, entry)

    def _check_finite(self, *names: str) -> None:
        """Raise ValueError if one of the attributes `names`, unless None, is not finite."""
        for name in names:
            values = getattr(self, name)
            if values is not None and not np.isfinite(values).all():
                raise ValueError(f"{name} holds NaN or infinity.")

    def _check_columns(self, *names: str) -> None:
        """Raise ValueError unless the attributes `names` are columns of one length, at least 1."""
        shapes = [getattr(self, name).shape for name in names]
        if len(set(shapes)) > 1 or len(shapes[0]) != 1 or shapes[0][0] == 0:
            raise ValueError(
                f"{', '.join(names[:-1])} and {names[-1]} must be columns of one length, at least "
                f"1; got shapes {', '.join(map(str, shapes))}."
            )


def import_matplotlib(module: str) -> Any:
    """Import a module of matplotlib, or raise ImportError naming the extra that installs it."""
    return import_optional(f"matplotlib.{module}", extra="plots")


def as_text(values: Any) -> np.ndarray | None:
    """Return `values` as an array of str; None stays None."""
    return None if values is None else np.asarray(values).astype(str)


def check_shape(values: np.ndarray, name: str, shape: tuple[int, ...], entry: str) -> None:
    """Raise ValueError if `values` have another shape; there is one value per `entry`."""
    if values.shape != shape:
        raise ValueError(
            f"{name} must have shape {shape}, one entry per {entry}; got {values.shape}."
        )
