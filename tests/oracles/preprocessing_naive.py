"""What the transformers compute, one call at a time."""

import math
from fractions import Fraction

import numpy as np


def observed(column, integer):
    """Return the observed calls of a column as a list of Python numbers."""
    return [x for x in column.tolist() if not (x != x or (integer and x < 0))]


def mean_dosage(column, integer):
    """Return the mean of the observed calls, 0 where there are none."""
    calls = observed(column, integer)
    return math.fsum(calls) / len(calls) if calls else 0.0


def minor_allele_frequency(column, integer, ploidy=2):
    """Return the exact minor allele frequency as a Fraction."""
    calls = [Fraction(x) for x in observed(column, integer)]
    if not calls:
        return Fraction(0)
    frequency = sum(calls) / (ploidy * len(calls))
    return min(frequency, 1 - frequency)


def correlation(X, i, j):
    """Return the correlation of two columns with missing calls at the mean; 0 where constant."""
    integer = np.issubdtype(X.dtype, np.integer)
    columns = []
    for k in (i, j):
        mean = mean_dosage(X[:, k], integer)
        filled = [mean if x != x or (integer and x < 0) else x for x in X[:, k].tolist()]
        columns.append([x - mean for x in filled])
    a, b = columns
    scale = math.sqrt(math.fsum(x * x for x in a)) * math.sqrt(math.fsum(x * x for x in b))
    return math.fsum(x * y for x, y in zip(a, b)) / scale if scale > 0 else 0.0


def greedy_pruning(X, threshold, order, comparable):
    """Return the indices kept when visiting `order`; ``comparable(i, j)`` says who is compared."""
    kept = []
    for j in order:
        if not any(comparable(i, j) and abs(correlation(X, i, j)) > threshold for i in kept):
            kept.append(j)
    return sorted(kept)
