"""What one fit of MILAGERegressor is about: the individuals, their data, and where results go."""

import warnings
from typing import Any, NamedTuple

import numpy as np

from skgenetics.expression._parameters import split, windows_of
from skgenetics.expression._standardization import (
    ExpressionMoments,
    StandardizedExpression,
    expression_moments,
)
from skgenetics.expression.cis._windows import Columns
from skgenetics.utils._arrays import device_of, float_dtype, move_to, namespace_of, to_numpy
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import validate_sample_weight


class Placement(NamedTuple):
    """Where fitted arrays live: namespace, device and dtype of the results."""

    xp: Any
    device: Any
    dtype: Any

    def put(self, values: Any, dtype: Any = None) -> Array:
        """Return values from the host, in the dtype of the results or the one named."""
        values = np.ascontiguousarray(values)
        return move_to(values, self.xp, self.device, self.dtype if dtype is None else dtype)


class Individuals(NamedTuple):
    """Genotypes and expression of some individuals."""

    X: Array  # (n, S)
    y: np.ndarray  # (n, J, K) on the host, NaN where not observed


class FitData(NamedTuple):
    """The data of one fit."""

    training: Individuals
    held_out: Individuals  # of early stopping; none without it
    weight: np.ndarray  # (I,) of the training individuals
    moments: ExpressionMoments  # of the training individuals
    windows: list[Columns] | None  # columns of X of each gene
    placement: Placement

    def standardized(self, individuals: Individuals, explained: Any = None) -> Any:
        """Return the `StandardizedExpression` of individuals less what a part explains."""
        return StandardizedExpression(individuals.y, self.moments, explained)


def fit_data(
    model: Any, X: Array, y: Array, sample_weight: ArrayLike | None, rng: np.random.RandomState
) -> FitData:
    """Return the `FitData` of validated X and y; results have the dtype of X, or else of y."""
    xp = namespace_of(X)
    single = y.dtype == xp.float32 and xp.isdtype(X.dtype, "integral")
    placement = Placement(xp, device_of(X), xp.float32 if single else float_dtype(X))
    weight = validate_sample_weight(sample_weight, X.shape[0], np, "cpu", np.float64)
    weight = np.ones(X.shape[0]) if weight is None else weight
    expression = _three_dimensional(to_numpy(y))
    windows = windows_of(model, expression.shape[1])
    observed = ~np.isnan(expression).all(axis=(1, 2))
    training_rows, held_out_rows = split(model, weight > 0, observed, rng)
    training = _individuals(X, expression, training_rows, placement)
    held_out = _individuals(X, expression, held_out_rows, placement)
    weight = weight[training_rows]
    moments = expression_moments(
        training.y, weight, xp, placement.device, scale=model.standardize_expression
    )
    _warn_of_gaps(moments.cells)
    return FitData(training, held_out, weight, moments, windows, placement)


def _three_dimensional(y):
    """Return y as (I, J, K), in single or double precision."""
    y = y if y.dtype == np.float32 else y.astype(np.float64, copy=False)
    return y.reshape(*y.shape, *[1] * (3 - y.ndim))


def _individuals(X, y, rows, placement):
    """Return the `Individuals` in some rows, as the arrays themselves if these are all rows."""
    if rows.size == X.shape[0]:
        return Individuals(X, y)
    xp = placement.xp
    return Individuals(xp.take(X, placement.put(rows, xp.int64), axis=0), y[rows])


def _warn_of_gaps(cells):
    """Warn of genes and tissues without a training cell: they are predicted by a mean.

    cells : array (K, J)
        Weight of the observed cells.
    """
    for name, axis in (("gene", 0), ("tissue", 1)):
        (gaps,) = np.nonzero(~np.any(cells, axis=axis))
        if gaps.size:
            shown = ", ".join(map(str, gaps[:5])) + (", ..." if gaps.size > 5 else "")
            warnings.warn(
                f"{gaps.size} {name}(s) have no observed cell among the training individuals "
                f"({shown}): their predictions carry no genetics.",
                UserWarning,
                stacklevel=6,
            )
