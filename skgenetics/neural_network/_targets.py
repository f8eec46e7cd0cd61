"""From labels and traits to the network's targets and the weights of their cells."""

import warnings
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from skgenetics.neural_network._start import standard_deviation
from skgenetics.utils._arrays import device_of, move_to, namespace_of, to_numpy
from skgenetics.utils._labels import is_missing_label
from skgenetics.utils._moments import center, check_spread, is_constant
from skgenetics.utils._typing import Array


class Targets(NamedTuple):
    """What the network learns: y = mean + scale * logit for regression."""

    Y: Array  # (n, d), any number where not observed
    cell_weight: Array  # (n, d) or (n, 1), 0 where not observed
    mean: Array  # (d,)
    scale: Array  # (d,), 0 for tasks that are predicted by a constant


def check_labels(labels: np.ndarray) -> None:
    """Raise ValueError unless labels (n,) are observed, and all numbers or all strings."""
    kind = labels.dtype.kind
    if (kind == "f" and np.isnan(labels).any()) or (
        kind == "O" and any(map(is_missing_label, labels))
    ):
        raise ValueError(
            "y contains NaN, or labels that are missing. Only labels of several tasks, an array "
            "(n_samples, n_tasks) of 0, 1 and NaN, may be unobserved; drop the rows, or pass two "
            "columns."
        )
    if kind == "O" and len({isinstance(label, str) for label in labels}) > 1:
        raise ValueError(
            "y holds numbers and strings: labels must be of one kind, such as y.astype(str)."
        )


def label_codes(y: Array, classes: Array | None, like: Array) -> tuple[Array, Array]:
    """Return the classes and, of each sample, the index of its class (n,).

    `y` (n,) holds numbers or strings, `classes` those already known. Results are in the namespace
    and on the device of `like`; strings stay in NumPy.
    """
    xp, device = namespace_of(like), device_of(like)
    labels = np.unique(to_numpy(y))
    if classes is None:
        classes = labels if labels.dtype.kind in "OUS" else move_to(labels, xp, device)
    known = to_numpy(classes)
    unknown = np.setdiff1d(labels, known)
    if unknown.size:
        raise ValueError(
            f"y holds classes that were not there at first: {unknown[:5]}. The classes known are "
            f"{known[:10]}; name them all when fitting first."
        )
    codes = np.searchsorted(known, to_numpy(y))
    return classes, xp.asarray(codes, device=device)


def class_weights(
    class_weight: str | Mapping[Any, float] | None,
    labels: Sequence[Any],
    weight: np.ndarray,
    codes: np.ndarray,
) -> np.ndarray:
    """Return the factor of each sample's weight (n,), on the host.

    "balanced": sum of weights / (n_classes * sum of weights of the sample's class).
    """
    if class_weight is None:
        return np.ones(len(codes))
    if isinstance(class_weight, str):
        mass = np.bincount(codes, weights=weight, minlength=len(labels))
        factors = mass.sum() / (len(labels) * np.where(mass > 0, mass, 1.0))
    else:
        unknown = [label for label in class_weight if label not in set(labels)]
        if unknown:
            raise ValueError(
                f"class_weight names {unknown[:5]}, which are not among the classes "
                f"{list(labels)[:10]}."
            )
        factors = np.array([float(class_weight.get(label, 1.0)) for label in labels])
    return factors[codes]


def class_weight_per_task(class_weight: Any, n_tasks: int) -> list[Any]:
    """Return one class_weight per task, or raise if it is not what the docstrings say."""
    per_task = class_weight if isinstance(class_weight, list) else [class_weight] * n_tasks
    if len(per_task) != n_tasks:
        raise ValueError(
            f"class_weight is a list of {len(per_task)}, but y has {n_tasks} task(s): give one "
            "dict per task, or one for all."
        )
    for one in per_task:
        if one is None or (isinstance(one, str) and one == "balanced"):
            continue
        numbers = isinstance(one, dict) and all(
            isinstance(factor, Real) and float(factor) >= 0 for factor in one.values()
        )
        if not numbers:
            raise ValueError(
                "class_weight must be None, 'balanced', a dict from label to a non-negative "
                f"factor, or a list of these, one per task; got {class_weight!r}."
            )
    return per_task


def encode_classes(
    codes: Array, labels: Sequence[Any], weight: Array, class_weight: Any
) -> Targets:
    """Return the targets of one label per sample: (n, 1) for two labels, else one per class."""
    xp, device, dtype = namespace_of(weight), device_of(weight), weight.dtype
    factor = class_weights(
        class_weight_per_task(class_weight, 1)[0], labels, to_numpy(weight), to_numpy(codes)
    )
    cell_weight = (weight * xp.asarray(factor, dtype=dtype, device=device))[:, None]
    Y = xp.astype(codes[:, None] == xp.arange(len(labels), device=device), dtype)
    Y = Y[:, 1:] if len(labels) == 2 else Y
    ones = xp.ones(Y.shape[1], dtype=dtype, device=device)
    return Targets(Y, cell_weight, 0 * ones, ones)


def check_multilabel(y: Array, like: Array) -> Array:
    """Return y (n, d) as an array like `like`, or raise unless it holds 0, 1 and NaN."""
    xp = namespace_of(like)
    message = (
        "A two-dimensional y must hold 0, 1 and NaN (not observed); it holds {}. Multiclass labels "
        "and names of classes go into a one-dimensional y; multi-output multiclass is not "
        "supported."
    )
    try:
        y = move_to(y, xp, device_of(like), like.dtype)
    except ValueError:
        raise ValueError(message.format(repr(np.ravel(y).tolist()[0]))) from None
    wrong = ~(xp.isnan(y) | (y == 0) | (y == 1))
    if bool(xp.any(wrong)):
        found = float(y[wrong][0])
        cause = (
            " scikit-learn's cross_val_predict makes 2 of NaN before it calls predict_proba or "
            "decision_function: predict fold by fold, model.fit(X[train], y[train])"
            ".predict_proba(X[test]) for train, test in KFold(5).split(X)."
        )
        raise ValueError(message.format(f"{found:g}") + cause * (found == 2))
    if bool(xp.all(xp.isnan(y))):
        raise ValueError("y holds no observed label: every value is NaN.")
    return y


def encode_multilabel(y: Array, weight: Array, class_weight: Any, *, partial: bool) -> Targets:
    """Return the targets of labels 0, 1 and NaN (n, d); `partial`: other rows will follow."""
    xp, n_tasks = namespace_of(y), y.shape[1]
    observed = ~xp.isnan(y)
    cell_weight = xp.where(observed, weight[:, None], 0.0)
    Y = xp.where(observed, y, 0.0)
    scale = xp.ones(n_tasks, dtype=weight.dtype, device=device_of(weight))
    if not partial:
        scale = xp.where(warn_unobserved(observed, weight, "label"), scale, 0.0)
        warn_one_label(Y, cell_weight)
    codes, cells = to_numpy(xp.astype(Y, xp.int64)), to_numpy(cell_weight)
    factors = [
        class_weights(one, [0, 1], cells[:, task], codes[:, task])
        for task, one in enumerate(class_weight_per_task(class_weight, n_tasks))
    ]
    factors = xp.asarray(np.stack(factors, axis=1), dtype=weight.dtype, device=device_of(weight))
    return Targets(Y, cell_weight * factors, 0 * scale, scale)


def encode_traits(
    y: Array,
    weight: Array,
    *,
    standardize: bool,
    partial: bool,
    scales: tuple[Array, Array] | None = None,
) -> Targets:
    """Return the targets of traits with NaN (n, d), in double precision up to standardization.

    Mean and scale are those of `scales` if given. Otherwise they are computed from y; `partial`
    says that other rows will follow.
    """
    xp, dtype = namespace_of(weight), weight.dtype
    y = move_to(numbers(y), xp, device_of(weight))
    y = xp.astype(y, xp.float64)
    if y.ndim not in (1, 2):
        raise ValueError(
            f"y must be of shape (n_samples,) or (n_samples, n_tasks); got {tuple(y.shape)}."
        )
    y = y if y.ndim == 2 else y[:, None]
    if bool(xp.any(xp.isinf(y))):
        raise ValueError("y holds infinity; NaN, and only NaN, marks what was not observed.")
    check_spread(y, xp.float64, name="y")
    observed = ~xp.isnan(y)
    y = xp.where(observed, y, 0.0)
    cell_weight = xp.where(observed, xp.astype(weight, xp.float64)[:, None], 0.0)
    if scales is None:
        seen = warn_unobserved(observed, weight, "value")
        mean, scale = trait_scales(y, cell_weight, standardize)
        reported = scale if partial else xp.where(seen, scale, 0.0)
    else:
        mean, reported = (xp.astype(array, xp.float64) for array in scales)
        scale = xp.where(reported > 0, reported, 1.0)
        if y.shape[1] != mean.shape[0]:
            raise ValueError(
                f"y must have {mean.shape[0]} trait(s), as in the first call; got {y.shape[1]}."
            )
    Y = xp.astype((y - mean) / scale, dtype)
    cell_weight = xp.astype(cell_weight, dtype)
    return Targets(Y, cell_weight, xp.astype(mean, dtype), xp.astype(reported, dtype))


def numbers(y: Array) -> Array:
    """Return y, an array of objects as one of numbers, or raise if it holds text."""
    if not isinstance(y, np.ndarray) or y.dtype.kind not in "OUST":
        return y
    text = next((value for value in np.ravel(y) if isinstance(value, str | bytes)), None)
    if text is not None:
        raise ValueError(
            f"y must hold numbers; got text, {str(text)[:40]!r}. Convert it, or take "
            "LINAClassifier for labels."
        )
    return np.asarray(y, dtype=float)


def nothing_observed(y: Array) -> bool:
    """Whether y holds numbers and all of them are NaN."""
    if y.dtype == object:
        y = numbers(y)
    xp = namespace_of(y)
    return xp.isdtype(y.dtype, "real floating") and bool(xp.all(xp.isnan(y)))


def needs_double(y: Array) -> bool:
    """Whether traits vary by less than 1e-3 of their mean, or are beyond what single holds."""
    y = np.asarray(to_numpy(numbers(y)), dtype=np.float64)
    y = y[np.isfinite(y)] if y.ndim == 1 else y
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        mean, sd = np.abs(np.nanmean(y, axis=0)), np.nanstd(y, axis=0)
    sd = np.where(sd > 0, sd, 1.0)
    return bool(np.any((mean > 1e3 * sd) | (sd > 1e30) | (sd < 1e-30)))


def trait_scales(y: Array, cell_weight: Array, standardize: bool) -> tuple[Array, Array]:
    """Return mean and standard deviation (d,) of the observed cells; 0 and 1 if not wanted."""
    xp = namespace_of(y)
    if not standardize:
        return 0 * y[0, :], xp.ones_like(y[0, :])
    mass = xp.sum(cell_weight, axis=0)
    shares = cell_weight / xp.where(mass > 0, mass, 1.0)
    means, variances = [], []
    for task in range(y.shape[1]):
        share = shares[:, task]
        mean, centered = center(y[:, task], share)
        variance = share @ (centered * centered)
        means.append(mean)
        variances.append(xp.where(is_constant(variance, mean), 0 * variance, variance))
    return xp.stack(means), standard_deviation(xp.stack(variances))


def warn_unobserved(observed: Array, weight: Array, noun: str) -> Array:
    """Return which tasks (d,) have an observed cell of positive weight; warn of the others."""
    xp = namespace_of(observed)
    seen = xp.any(observed & (weight > 0)[:, None], axis=0)
    absent = np.flatnonzero(~to_numpy(seen))
    if len(absent) == seen.shape[0]:
        raise ValueError("y holds no observed cell of positive weight: there is nothing to learn.")
    if len(absent):
        warnings.warn(
            f"y holds no observed {noun} in columns {absent.tolist()}: they are predicted by a "
            "constant.",
            UserWarning,
            stacklevel=6,
        )
    return seen


def warn_one_label(Y: Array, cell_weight: Array) -> None:
    """Warn of the tasks whose observed labels (n, d) of positive weight are all alike."""
    xp = namespace_of(Y)
    mass, cases = to_numpy(xp.sum(cell_weight, axis=0)), to_numpy(xp.sum(cell_weight * Y, axis=0))
    alike = np.flatnonzero((mass > 0) & ((cases == 0) | (cases == mass)))
    if len(alike):
        warnings.warn(
            f"y holds only one label in columns {alike.tolist()}: there is nothing to tell apart, "
            "and this label is predicted.",
            UserWarning,
            stacklevel=6,
        )


def split_rows(
    targets: Targets,
    weight: np.ndarray,
    fraction: float,
    rng: np.random.Generator,
    labels: bool,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the rows to train on and those to validate on, in rising order.

    Both have the same shares of labels. Each row counts as one of the rarest label that it has, of
    any task; of a label with one row, this row is trained on. There are no validation rows, but
    None, where this would leave fewer than one.
    """
    n = len(weight)
    strata = np.zeros(n, dtype=int)
    if labels:
        Y = to_numpy(targets.Y) * (to_numpy(targets.cell_weight) > 0)
        counts = Y.sum(axis=0)
        for task in np.argsort(-counts, kind="stable"):
            strata[Y[:, task] > 0] = 1 + task
    strata[weight == 0] = -1
    held_out = np.zeros(n, dtype=bool)
    for stratum in np.unique(strata[weight > 0]):
        rows = rng.permutation(np.flatnonzero(strata == stratum))
        # half a row is one, but for a single row
        n_held_out = min(int(fraction * len(rows) + 0.5), len(rows) - 1)
        held_out[rows[:n_held_out]] = True
    if not held_out.any():
        return np.arange(n), None
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
