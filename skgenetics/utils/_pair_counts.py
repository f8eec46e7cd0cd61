"""Scores of all pairs of genotypes for two labels, by counting bits.

For genotypes g of 0, 1 and 2 and a target of two values, r_1 of cases and r_0 of controls,

    S_ij = (r_1 sum_cases g_i g_j + r_0 sum_controls g_i g_j
            - mu_i b_j - mu_j b_i + mu_i mu_j sum r) / (sd_i sd_j),    b_i = sum r g_i.

With bits o for "g is 1" and t for "g is 2", the bits of o_i & o_j count once in a sum of g_i g_j,
those of (o_i & t_j) | (t_i & o_j) twice, and those of t_i & t_j four times: 64 people at a time.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from skgenetics.utils._arrays import slices
from skgenetics.utils._numba import kernel, popcount
from skgenetics.utils._pair_scan import Scores

READ_SIZE = 2**26  # genotypes that one reading of all others is multiplied by
WORD = 64  # people


class Genotypes(NamedTuple):
    """Some columns of genotypes, as the scores need them."""

    bits: np.ndarray  # (words, 2, k): o and t, of cases and then of controls
    mean: np.ndarray  # (k,)
    slope: np.ndarray  # (k,) b
    precision: np.ndarray  # (k,) 1 / sd


def are_genotypes(block: np.ndarray) -> bool:
    """Whether dosages are 0, 1 and 2 only."""
    return bool(np.all((block == 0) | (block == 1) | (block == 2)))


def counted_products(
    columns: Callable[[slice], np.ndarray],
    mean: np.ndarray,
    scale: np.ndarray,
    target: np.ndarray,
    is_case: np.ndarray,
    *,
    block: int,
) -> Iterator[Scores]:
    """Yield S_ij of all pairs, those with j >= i at least.

    Parameters
    ----------
    columns : callable
        From a slice of columns to genotypes (n, width) of 0, 1 and 2.
    mean, scale : ndarray (m,)
    target : ndarray (n,)
        Of two values, one of the cases and one of the controls.
    is_case : ndarray of bool (n,)
    block : int
        Columns read at a time, unless READ_SIZE allows more.
    """
    groups = np.flatnonzero(is_case), np.flatnonzero(~is_case)
    values = [float(target[rows[0]]) for rows in groups]
    n_case_words = -(-len(groups[0]) // WORD)

    def genotypes(part: slice) -> Genotypes:
        dosages = columns(part)
        bits = np.concatenate([packed(dosages[rows]) for rows in groups])
        return Genotypes(bits, mean[part], target @ dosages, 1 / scale[part])

    for rows in slices(len(mean), max(block, READ_SIZE // len(target))):
        first = genotypes(rows)
        bits = np.ascontiguousarray(np.moveaxis(first.bits, 2, 0))
        for others in slices(len(mean), block, start=rows.start):
            if others.stop <= rows.stop:
                place = slice(others.start - rows.start, others.stop - rows.start)
                second = Genotypes(*(np.ascontiguousarray(array[..., place]) for array in first))
            else:
                second = genotypes(others)
            height = min(others.stop, rows.stop) - rows.start
            scores = np.empty((height, len(second.mean)), dtype=np.float32)
            score_pairs(
                bits, second.bits, n_case_words, *values, float(target.sum()),
                first.mean, first.slope, first.precision,
                second.mean, second.slope, second.precision, scores,
            )  # fmt: skip
            yield Scores(0, rows.start, others.start, scores)


def packed(dosages: np.ndarray) -> np.ndarray:
    """Return the bits of genotypes (n, k) as words (n / 64, 2, k); those beyond n are 0."""
    n, k = dosages.shape
    words = np.empty((-(-n // WORD), 2, k), dtype=np.uint64)
    by_column = np.ascontiguousarray(dosages.T)
    for place, value in enumerate((1, 2)):
        held = np.zeros((k, 8 * len(words)), dtype=np.uint8)
        held[:, : -(-n // 8)] = np.packbits(by_column == value, axis=1)
        words[:, place] = held.view(np.uint64).T
    return words


@kernel
def score_pairs(
    first, second, n_case_words, of_case, of_control, total,
    mean_1, slope_1, precision_1, mean_2, slope_2, precision_2, scores,
):  # fmt: skip
    """Write S_ij to `scores` (i, j), for bits `first` (i, words, 2) and `second` (words, 2, j)."""
    cases = np.empty(scores.shape[1], dtype=np.uint64)
    controls = np.empty(scores.shape[1], dtype=np.uint64)
    for i in range(scores.shape[0]):
        add_products(first[i, :n_case_words], second[:n_case_words], cases)
        add_products(first[i, n_case_words:], second[n_case_words:], controls)
        for j in range(scores.shape[1]):
            score = of_case * cases[j] + of_control * controls[j] + mean_1[i] * mean_2[j] * total
            score -= mean_1[i] * slope_2[j] + mean_2[j] * slope_1[i]
            scores[i, j] = score * precision_1[i] * precision_2[j]


@kernel
def add_products(first, second, sums):
    """Write the sums of g_i g_j over people to `sums` (j,), for the bits (words, 2) of one i."""
    sums[:] = 0
    two = np.uint64(2)
    for word in range(first.shape[0]):
        o_i, t_i = first[word, 0], first[word, 1]
        o, t = second[word, 0], second[word, 1]
        for j in range(sums.shape[0]):
            twice = popcount((o_i & t[j]) | (t_i & o[j])) + two * popcount(t_i & t[j])
            sums[j] += popcount(o_i & o[j]) + two * twice
