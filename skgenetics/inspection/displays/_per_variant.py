"""Values per variant of a fitted estimator, in the order of its variants."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from skgenetics.utils._labels import Labels, labels_of_fit, row_labels, without_labels


def fitted_variants(estimator: Any) -> Labels:
    """Return the labels of the variants that an estimator was fitted to."""
    return labels_of_fit(estimator, "the estimator's X")


def in_fitted_order(values: Any, argument: str, estimator: Any) -> Any:
    """Return `values` without labels; matched by them if the estimator knows names.

    An index of integers, the numbers of rows in a file, does not name variants.
    """
    labels, rows = fitted_variants(estimator), row_labels(values)
    numbered = rows is not None and all(isinstance(label, Integral) for label in rows)
    if values is None or labels.names is None or numbered:
        return without_labels(values, argument)
    return labels.match(values, argument)
