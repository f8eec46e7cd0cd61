"""Pairs of genotypes whose score for a target is large, found by counting bits.

For g = dosage - 1, which is -1, 0 or 1 where calls are hard, and a target r (n,),

    S_ij = (sum r g_i g_j - mu_i b_j - mu_j b_i + mu_i mu_j sum r) / (sd_i sd_j),

with b_i = sum r g_i.

The target is written in digits, r = sum_k v_k d_k + rest, each d_k -1, 0 or 1. Those people whose
d_k is not 0 are a plane, 64 of them a word. With bits h of "g is not 0" and s of "g is negative",

    sum d_k g_i g_j = #(h_i & h_j) - 2 #(h_i & h_j & (s_i ^ s_j ^ s_k)),

where s_k are the bits of "d_k is negative". Two labels are exact: each has a plane of its own.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from skgenetics.utils._arrays import slices
from skgenetics.utils._numba import kernel, popcount
from skgenetics.utils._pair_scan import Candidates

READ_SIZE = 2**26  # genotypes that one reading of all others is compared with
WORD = 64  # people
TILE = 128  # columns whose bits lie side by side
ROWS = 1024  # columns compared with a tile at a time
FINEST = 1 / 8  # smallest digit, in root mean squares of the target
FEW_SIZES = 2  # of the values of a target, each of which has a plane
MARGIN = 4.0  # standard deviations of the score of what the digits leave, which lower the limit


class Planes(NamedTuple):
    """A target in digits: who is in a plane, and with which sign."""

    values: np.ndarray  # (k,) v
    starts: np.ndarray  # (k + 1,) first word of each plane
    order: np.ndarray  # (64 words,) rows, -1 where a word is not full
    negative: np.ndarray  # (words,) bits s_k
    rest: np.ndarray  # (n,) what the digits leave


class Genotypes(NamedTuple):
    """Some columns of genotypes, as the scores need them."""

    bits: np.ndarray  # (tiles, words, 2, TILE): h and s
    mean: np.ndarray  # (columns,) of g
    slope: np.ndarray  # (columns,) b
    precision: np.ndarray  # (columns,) 1 / sd


def planes_of(target: np.ndarray) -> Planes:
    """Return the digits of a target: powers of 2, or its sizes if there are two at most."""
    size = np.abs(target)
    values = np.unique(size[size > 0])
    share = 1 - 1e-9  # of a value that a number has if it takes the digit
    if len(values) > FEW_SIZES:
        share = 2 / 3
        finest = FINEST * np.sqrt(np.mean(target**2))
        n_digits = 1 + max(0, int(np.ceil(np.log2(0.6 * values[-1] / finest))))
        values = finest * 2.0 ** np.arange(n_digits)
    rest = np.array(target, dtype=np.float64)
    kept, order, negative, starts = [], [], [], [0]
    for value in values[::-1]:
        digit = np.sign(rest) * (np.abs(rest) > share * value)
        rest -= value * digit
        rows = np.flatnonzero(digit)
        if len(rows):
            kept.append(value)
            padding = -len(rows) % WORD
            order.append(np.pad(rows, (0, padding), constant_values=-1))
            signs = np.pad(digit[rows] < 0, (0, padding))
            negative.append(np.packbits(signs, bitorder="little").view("<u8").astype(np.uint64))
            starts.append(starts[-1] + len(negative[-1]))
    return Planes(
        np.array(kept), np.array(starts), np.concatenate([np.empty(0, dtype=np.int64), *order]),
        np.concatenate([np.empty(0, dtype=np.uint64), *negative]), rest,
    )  # fmt: skip


def counted_candidates(
    columns: Callable[[slice], np.ndarray],
    mean: np.ndarray,
    scale: np.ndarray,
    target: np.ndarray,
    limit: float,
    *,
    block: int,
) -> Iterator[Candidates]:
    """Yield the pairs with abs(S_ij) beyond a limit, as `large_products` does.

    The limit is lowered by what the rest of the digits may add to a score.

    Parameters
    ----------
    columns : callable
        From a slice of columns to dosages (n, width) of 0, 1 and 2.
    mean, scale : ndarray (m,)
        Of the dosages.
    target : ndarray (n,)
    limit : float
    block : int
        Columns read at a time, unless READ_SIZE allows more.
    """
    planes = planes_of(target)
    limit -= MARGIN * float(np.linalg.norm(planes.rest))
    total = float(target.sum() - planes.rest.sum())

    def genotypes(part: slice) -> Genotypes:
        dosages = columns(part)
        bits = np.zeros((-(-dosages.shape[1] // TILE), len(planes.negative), 2, TILE), np.uint64)
        pack_genotypes(dosages, planes.order, bits)
        slope = np.empty(len(bits) * TILE)
        sum_genotypes(bits, *planes[:2], planes.negative, slope)
        return Genotypes(bits, mean[part] - 1, slope, 1 / scale[part])

    for rows in slices(len(mean), max(block, READ_SIZE // len(target))):
        first = genotypes(rows)
        for others in slices(len(mean), rows.stop - rows.start, start=rows.start):
            second = first if others == rows else genotypes(others)
            yield from _large_scores(first, second, planes, total, limit, rows.start, others.start)


def _large_scores(
    first: Genotypes, second: Genotypes, planes: Planes, total: float, limit: float,
    row: int, column: int,
) -> Iterator[Candidates]:  # fmt: skip
    """Yield the candidates of two lots of columns that begin at `row` and `column`."""
    pairs, size = np.empty((ROWS * TILE, 2), dtype=np.int64), np.empty(ROWS * TILE)
    for tile in range(len(second.bits)):
        last = column + min((tile + 1) * TILE, len(second.mean)) - row  # rows i <= j only
        for part in slices(min(last, len(first.mean)), ROWS):
            n_found = large_scores(
                first, second, tile, part.start, part.stop, *planes[:2], planes.negative, total,
                limit, pairs, size,
            )  # fmt: skip
            if n_found:
                yield Candidates(
                    0, pairs[:n_found] + np.array([row, column]), size[:n_found].copy()
                )


@kernel
def count_genotypes(dosages, ones, twos):
    """Add up how often columns are 1 and 2; return whether they are 0, 1 and 2 only."""
    others = 0
    for row in range(dosages.shape[0]):
        for j in range(dosages.shape[1]):
            g = dosages[row, j]
            ones[j] += g == 1
            twos[j] += g == 2
            others += (g != 0) & (g != 1) & (g != 2)
    return others == 0


@kernel
def pack_genotypes(dosages, order, bits):
    """Write the bits h and s of dosages (n, columns) to `bits`, which are 0."""
    for tile in range(bits.shape[0]):
        start = tile * bits.shape[3]
        width = min(bits.shape[3], dosages.shape[1] - start)
        for word in range(bits.shape[1]):
            h, s = bits[tile, word, 0], bits[tile, word, 1]
            for bit in range(64):
                row = order[64 * word + bit]
                if row >= 0:
                    for j in range(width):
                        g = dosages[row, start + j]
                        h[j] |= np.uint64(g != 1) << np.uint64(bit)
                        s[j] |= np.uint64(g == 0) << np.uint64(bit)


@kernel
def sum_genotypes(bits, values, starts, negative, slope):
    """Write b of columns to `slope` (columns,): their products with a genotype that is 1."""
    all_people = np.full(len(negative), ~np.uint64(0))
    counts = np.empty(bits.shape[3], dtype=np.uint64)
    for tile in range(bits.shape[0]):
        part = slope[tile * bits.shape[3] : (tile + 1) * bits.shape[3]]
        sum_products(all_people, negative, bits[tile], values, starts, counts, part)


@kernel
def large_scores(
    first, second, tile, start, stop, values, starts, negative, total, limit, pairs, size
):
    """Write columns i of `first` and j of a tile of `second`, and abs(S_ij), if beyond `limit`.

    Returns how many there are. Columns i are those from `start` to `stop`.
    """
    n_words, width = second.bits.shape[1], second.bits.shape[3]
    h, s = np.empty(n_words, dtype=np.uint64), np.empty(n_words, dtype=np.uint64)
    counts, scores = np.empty(width, dtype=np.uint64), np.empty(width)
    here = slice(tile * width, min((tile + 1) * width, len(second.mean)))
    mean, slope, precision = second.mean[here], second.slope[here], second.precision[here]
    n_found = 0
    for i in range(start, stop):
        for word in range(n_words):
            h[word] = first.bits[i // width, word, 0, i % width]
            s[word] = first.bits[i // width, word, 1, i % width] ^ negative[word]
        sum_products(h, s, second.bits[tile], values, starts, counts, scores)
        hits = 0
        for j in range(len(mean)):
            score = scores[j] - first.mean[i] * slope[j]
            score -= mean[j] * (first.slope[i] - first.mean[i] * total)
            scores[j] = abs(score * (first.precision[i] * precision[j]))
            hits += scores[j] >= limit
        if hits:
            for j in range(len(mean)):
                if scores[j] >= limit:
                    pairs[n_found, 0], pairs[n_found, 1] = i, here.start + j
                    size[n_found] = scores[j]
                    n_found += 1
    return n_found


@kernel
def sum_products(h, s, bits, values, starts, counts, sums):
    """Write the sums of r g_i g_j to `sums` (j,), for the bits (words,) of one i."""
    sums[:] = 0
    for plane in range(len(values)):
        counts[:] = 0
        words = slice(starts[plane], starts[plane + 1])
        add_products(h[words], s[words], bits[words], counts)
        for j in range(len(sums)):
            sums[j] += values[plane] * np.int64(counts[j])


@kernel
def add_products(h, s, bits, counts):
    """Add the sums of d g_i g_j over a plane to `counts` (j,), four words at a time.

    Negative sums wrap around.
    """
    two = np.uint64(2)
    fours = len(h) // 4 * 4
    for word in range(0, fours, 4):
        h0, h1, h2, h3 = h[word], h[word + 1], h[word + 2], h[word + 3]
        s0, s1, s2, s3 = s[word], s[word + 1], s[word + 2], s[word + 3]
        h_0, h_1, h_2, h_3 = (
            bits[word, 0], bits[word + 1, 0], bits[word + 2, 0], bits[word + 3, 0]
        )  # fmt: skip
        s_0, s_1, s_2, s_3 = (
            bits[word, 1], bits[word + 1, 1], bits[word + 2, 1], bits[word + 3, 1]
        )  # fmt: skip
        for j in range(len(counts)):
            b0, b1, b2, b3 = h0 & h_0[j], h1 & h_1[j], h2 & h_2[j], h3 & h_3[j]
            n_both = popcount(b0) + popcount(b1) + popcount(b2) + popcount(b3)
            n_opposite = popcount(b0 & (s0 ^ s_0[j])) + popcount(b1 & (s1 ^ s_1[j]))
            n_opposite += popcount(b2 & (s2 ^ s_2[j])) + popcount(b3 & (s3 ^ s_3[j]))
            counts[j] += n_both - two * n_opposite
    for word in range(fours, len(h)):
        h0, s0, h_0, s_0 = h[word], s[word], bits[word, 0], bits[word, 1]
        for j in range(len(counts)):
            both = h0 & h_0[j]
            counts[j] += popcount(both) - two * popcount(both & (s0 ^ s_0[j]))
