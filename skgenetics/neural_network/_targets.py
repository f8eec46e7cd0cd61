"""From labels and traits to the network's targets and the weights of their cells."""

import warnings
from numbers import Real

import numpy as np
from scipy import sparse

from skgenetics.utils._arrays import column_blocks, move_to, to_numpy


def label_codes(y, classes, xp, device):
    """Return classes and, of each sample, the index of its class (n,), in `xp`.

    `y` (n,) holds numbers or strings. Classes already known are given; strings stay in NumPy.
    """
    found = np.unique(to_numpy(y))
    if found.dtype.kind not in "OUS":
        found = move_to(found, xp, device)
    if classes is None:
        classes = found
    known, found_host = to_numpy(classes), to_numpy(found)
    unknown = np.setdiff1d(found_host, known)
    if unknown.size:
        raise ValueError(
            f"y holds classes that were not there at first: {unknown[:5]}. The classes known are "
            f"{known[:10]}; name them all when fitting first."
        )
    codes = np.searchsorted(known, to_numpy(y))
    return classes, xp.asarray(codes, device=device)


def class_weights(class_weight, labels, weight, codes, n_classes):
    """Return a factor of each label's weight (n,), on the host.

    "balanced": sum of weights / (n_classes * that of the label's class).
    """
    if class_weight is None:
        return np.ones(len(codes))
    if isinstance(class_weight, str):
        mass = np.bincount(codes, weights=weight, minlength=n_classes)
        factors = mass.sum() / (n_classes * np.where(mass > 0, mass, 1.0))
    else:
        unknown = [label for label in class_weight if label not in set(labels)]
        if unknown:
            raise ValueError(
                f"class_weight names {unknown[:5]}, which are not among the classes "
                f"{list(labels)[:10]}."
            )
        factors = np.array([float(class_weight.get(label, 1.0)) for label in labels])
    return factors[codes]


def check_class_weight(class_weight, n_tasks):
    """Return one class_weight a task, or raise where it is not what the docstrings say."""
    per_task = class_weight if isinstance(class_weight, list) else [class_weight] * n_tasks
    if len(per_task) != n_tasks:
        raise ValueError(
            f"class_weight is a list of {len(per_task)}, but y has {n_tasks} task(s): give one "
            "dict a task, or one for all."
        )
    for one in per_task:
        if one is None or (isinstance(one, str) and one == "balanced"):
            continue
        numbers = isinstance(one, dict) and all(
            isinstance(factor, Real) and factor >= 0 for factor in one.values()
        )
        if not numbers:
            raise ValueError(
                "class_weight must be None, 'balanced', a dict from label to a non-negative "
                f"factor, or a list of these, one a task; got {class_weight!r}."
            )
    return per_task


def multilabel(y, xp, device, dtype):
    """Return y (n, d) in `xp`, or raise ValueError unless it holds 0, 1 and NaN, and a label."""
    message = (
        "A two-dimensional y must hold 0, 1 and NaN (not observed); it holds {}. Multiclass labels "
        "and names of classes go into a one-dimensional y; multi-output multiclass is not "
        "supported."
    )
    try:
        y = move_to(y, xp, device, dtype)
    except ValueError:
        raise ValueError(message.format(repr(np.ravel(y).tolist()[0]))) from None
    wrong = ~(xp.isnan(y) | (y == 0) | (y == 1))
    if bool(xp.any(wrong)):
        raise ValueError(message.format(f"{float(y[wrong][0]):g}"))
    if bool(xp.all(xp.isnan(y))):
        raise ValueError("y holds no observed label: every value is NaN.")
    return y


def warn_unobserved(observed, weight, what, xp):
    """Return which tasks (d,) have an observed cell of positive weight; warn of the others."""
    seen = xp.any(observed & (weight > 0)[:, None], axis=0)
    absent = np.flatnonzero(~to_numpy(seen))
    if len(absent) == seen.shape[0]:
        raise ValueError("y holds no observed cell of positive weight: there is nothing to learn.")
    if len(absent):
        warnings.warn(
            f"y holds no observed {what} in columns {absent.tolist()}: they are predicted by a "
            "constant.",
            UserWarning,
            stacklevel=4,
        )
    return seen


def warn_one_label(Y, cell_weight, xp):
    """Warn of the tasks whose observed labels (n, d), those of positive weight, are all alike."""
    mass, cases = to_numpy(xp.sum(cell_weight, axis=0)), to_numpy(xp.sum(cell_weight * Y, axis=0))
    alike = np.flatnonzero((mass > 0) & ((cases == 0) | (cases == mass)))
    if len(alike):
        warnings.warn(
            f"y holds one label only in columns {alike.tolist()}: there is nothing to tell apart, "
            "and it is what they are predicted by.",
            UserWarning,
            stacklevel=4,
        )


def column_moments(X, share, xp):
    """Return mean and standard deviation (m,) of the columns of X, in double precision, by blocks.

    X is of any real dtype, or CSR; `share` (n,), the weights of the samples, sums to 1. Constant
    columns have standard deviation 1.
    """
    if sparse.issparse(X):
        X, share = X.astype(np.float64), to_numpy(share)
        mean = X.T @ share
        variance = np.clip(X.power(2).T @ share - mean**2, 0.0, None)
    else:
        means, variances = [], []
        for _, block in column_blocks(X, xp, share.dtype):
            means.append(share @ block)
            block = block - means[-1]
            variances.append(share @ (block * block))
        mean, variance = xp.concat(means), xp.concat(variances)
    return mean, unless_constant(xp.sqrt(variance), mean, xp)


def unless_constant(deviation, mean, xp):
    """Return the standard deviations, 1 where they are nothing but rounding of the mean."""
    return xp.where(deviation > 1e-7 * xp.abs(mean), deviation, xp.ones_like(deviation))
