"""Numbers that stand for missing calls: the one rule by which columns of genotypes hold them.

A column holds codes if all else in it is dosages:

* ``CLEAR`` codes (-9, -127, 255, ...), beside 0 to 8 in a column of integers (alleles of
  polyploids, answers to a question) and beside 0 to 2 in a column of floats;
* 9 (EIGENSTRAT), beside 0 to 2;
* in a column of integers, one negative number (and -1) beside 0 to 2, or a 3 (raw PLINK bytes)
  beside 0 to 2, unless a column of integers holds 4 to 8 (tetraploids and above).

In a column of floats, codes that are positive need whole numbers beside them; -1 and 3 are
numbers. In integers, -1 is a genotype if they are coded -1, 0, 1: none is 2, and -1 is a quarter of
the calls or more, or 0 does not occur. A column of integers that held dosages from 0 to 2 alone in
training holds, in new samples, a code wherever it holds one of these numbers.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from skgenetics.utils._arrays import column_blocks, device_of, namespace_of, to_numpy
from skgenetics.utils._typing import Array

CLEAR = (-9, -99, -999, -127, -128, 99, 127, 129, 247, 255, 65527, 65535)  # -9, -1 as unsigned too
EIGENSTRAT, PLINK_BYTES = 9, 3
HIGHEST_PLOIDY = 8
CENTERED_SHARE = 0.25  # of -1, from which -1, 0, 1 is a coding: few scans miss as many calls

Codes: TypeAlias = dict[float, np.ndarray]  # a code of missing calls: which columns (p,) hold it


class Coding(NamedTuple):
    """What the genotypes of training looked like, for reading those of new samples."""

    dosages: bytes
    """Which columns were integers from 0 to 2 and codes, as bits."""
    centered: bool
    """Whether the integers were coded -1, 0, 1."""

    def trained(self, n_columns: int) -> np.ndarray:
        """Return which of the columns were integers from 0 to 2 and codes (n_columns,)."""
        bits = np.unpackbits(np.frombuffer(self.dosages, dtype=np.uint8)).astype(bool)
        return bits[:n_columns] if bits.size >= n_columns else np.zeros(n_columns, dtype=bool)


class _Facts(NamedTuple):
    """Facts about some columns, arrays (n,) on the host. The rest: all but clear codes and 9."""

    codes: Codes
    """For each clear code, and 9, which columns hold it."""
    low: np.ndarray
    """Smallest of the rest, 1 if there is none."""
    next_low: np.ndarray
    """Smallest of the rest beside `low`."""
    high: np.ndarray
    """Largest of the rest, 1 if there is none."""
    next_high: np.ndarray
    """Largest of the rest beside `high`."""
    whole: np.ndarray
    """Whether the rest are whole numbers."""
    has_zero: np.ndarray
    n_minus_one: np.ndarray


def find_codes(
    X: Array,
    integer: np.ndarray | None = None,
    *,
    known: Coding | None = None,
    given: Sequence[float] = (),
    ploidy: int = 2,
) -> tuple[Codes, Coding]:
    """Return the codes of missing calls in X (n, p) by the rule of this module, and its coding.

    Parameters
    ----------
    X : array of shape (n_samples, n_columns)
        Real numbers; NaN is passed over.
    integer : bool array of shape (n_columns,), optional
        Which columns were integers before they became part of X. None: by the dtype of X.
    known : Coding, optional
        That of training.
    given : sequence of numbers
        What the user says are codes, in all columns.
    ploidy : int
        No number up to it is a code.

    Returns
    -------
    codes : dict of numbers to bool arrays of shape (n_columns,)
        For each code that occurs, which columns hold it, on the host.
    coding : Coding
    """
    xp, n_columns = namespace_of(X), X.shape[1]
    if integer is None:
        integer = np.full(n_columns, not xp.isdtype(X.dtype, "real floating"))
    trained = np.zeros(n_columns, bool) if known is None else known.trained(n_columns)
    unusual = np.zeros(n_columns, dtype=bool)
    if 0 not in X.shape and not xp.isdtype(X.dtype, "bool"):
        for columns, block in column_blocks(X, X.dtype):
            unusual[columns] = to_numpy(xp.any((block < 0) | (block > 2), axis=0))
    suspects = np.flatnonzero(unusual)
    suspects = suspects[integer[suspects] | _may_hold_codes(X, suspects)]
    held, dosages = {}, integer & ~unusual
    centered = known is not None and known.centered
    given = tuple(code for code in given if _fits(code, X))
    if suspects.size:
        facts = _facts(X, suspects, given)
        held = _judge(facts, integer[suspects], trained[suspects])
        if known is None and -1 in held:
            centered = _is_centered(facts, held[-1], X.shape[0]) and not _any_two(X, dosages)
        if centered:
            held.pop(-1, None)
        dosages[suspects] = integer[suspects] & (facts.low >= 0) & (facts.high <= 2)
    codes: Codes = {}
    for code, holding in held.items():
        if 0 < code <= ploidy:
            continue
        codes[code] = np.zeros(n_columns, dtype=bool)
        codes[code][suspects[holding]] = True
        if code not in (*CLEAR, EIGENSTRAT):
            dosages |= codes[code]
    codes |= {code: np.ones(n_columns, dtype=bool) for code in given}
    return codes, Coding(np.packbits(dosages).tobytes(), centered)


def is_missing(block: Array, codes: Codes, columns: slice = slice(None)) -> Array:
    """Return where `block`, the `columns` of a matrix, holds NaN or one of the matrix's codes."""
    xp, device = namespace_of(block), device_of(block)
    missing = (
        xp.isnan(block)
        if xp.isdtype(block.dtype, "real floating")
        else xp.zeros_like(block, dtype=xp.bool)
    )
    for code, which in codes.items():
        if which[columns].any():
            missing = missing | (block == code) & xp.asarray(which[columns], device=device)
    return missing


def _judge(facts: _Facts, integer: np.ndarray, trained: np.ndarray) -> Codes:
    """Return the columns that hold each code, by the rule of this module."""
    beside_negative = np.any([held for code, held in facts.codes.items() if code < 0], axis=0)
    one_negative = (facts.low < 0) & (facts.next_low >= 0) & (facts.high <= 2)
    one_negative &= (facts.low == -1) | ~beside_negative
    sound = (facts.low >= 0) | one_negative  # below
    trained = trained & integer
    low, high = facts.low, facts.high
    held = {}
    for code, columns in facts.codes.items():
        highest = np.where(integer & (code != EIGENSTRAT), HIGHEST_PLOIDY, 2)
        beside = (high <= highest) & np.where(
            integer, sound, (low >= 0) & (facts.whole | (code < 0))
        )
        held[code] = columns & (beside | trained)
    own = integer & (one_negative | trained & (low < 0))
    for code in np.unique(low[own]).tolist():
        held[int(code)] = own & (low == code)
    threes = (high == PLINK_BYTES) & (facts.next_high <= 2) & (low >= 0) | trained & (high == 3)
    polyploid = (integer & (low >= 0) & (high > PLINK_BYTES) & (high <= HIGHEST_PLOIDY)).any()
    held[PLINK_BYTES] = integer & threes & (not polyploid)
    return {code: columns for code, columns in held.items() if columns.any()}


def _is_centered(facts: _Facts, columns: np.ndarray, n_samples: int) -> bool:
    """Whether columns of integers that hold -1 beside 0, 1 or 2 are coded -1, 0, 1."""
    if (facts.high[columns] == 2).any():
        return False
    share = facts.n_minus_one[columns].mean() / n_samples
    return bool(share >= CENTERED_SHARE or not facts.has_zero[columns].any())


def _any_two(X: Array, columns: np.ndarray) -> bool:
    """Whether one of the `columns` of X, all 0 to 2, holds a 2."""
    xp = namespace_of(X)
    return any(
        bool((to_numpy(xp.max(block, axis=0)) == 2)[columns[place]].any())
        for place, block in column_blocks(X, X.dtype)
        if columns[place].any()
    )


def _may_hold_codes(X: Array, chosen: np.ndarray) -> np.ndarray:
    """Whether the least or the largest number of each of the `chosen` columns is a clear code."""
    parts: list[np.ndarray] = [np.zeros(0, dtype=bool)]
    for block in _chosen_blocks(X, chosen):
        xp = namespace_of(block)
        rest = _without_nan(block)
        ends = to_numpy(xp.min(rest, axis=0)), to_numpy(xp.max(rest, axis=0))
        parts.append(np.any(np.isin(ends, (*CLEAR, EIGENSTRAT)), axis=0))
    return np.concatenate(parts)


def _facts(X: Array, chosen: np.ndarray, given: tuple[float, ...]) -> _Facts:
    """Return the facts about the `chosen` columns of X."""
    parts = [_block_facts(block, given) for block in _chosen_blocks(X, chosen)]
    none = [np.zeros(part.low.shape, dtype=bool) for part in parts]
    codes = {
        code: np.concatenate([part.codes.get(code, no) for part, no in zip(parts, none)])
        for code in {code for part in parts for code in part.codes}
    }
    return _Facts(codes, *(np.concatenate(values) for values in list(zip(*parts))[1:]))


def _block_facts(block: Array, given: tuple[float, ...]) -> _Facts:
    """Return the facts about the columns of a block."""
    xp = namespace_of(block)
    rest = _without_nan(block)
    one = xp.ones_like(rest[:1, :])
    least, largest = float(xp.min(rest)), float(xp.max(rest))
    codes: Codes = {}
    for code in (*given, *CLEAR, EIGENSTRAT):
        if least <= code <= largest:  # a code outside may not even fit the dtype
            holds = rest == code
            if code not in given:
                codes[code] = to_numpy(xp.any(holds, axis=0))
            rest = xp.where(holds, one, rest)
    low, high = xp.min(rest, axis=0), xp.max(rest, axis=0)
    floating = xp.isdtype(rest.dtype, "real floating")
    facts = (
        low,
        xp.min(xp.where(rest == low, one, rest), axis=0),
        high,
        xp.max(xp.where(rest == high, one, rest), axis=0),
        xp.all(rest == xp.floor(rest), axis=0) if floating else low == low,
        xp.any(rest == 0, axis=0),
        xp.sum(xp.astype(rest < 0, xp.int64), axis=0),  # read where -1 is the only negative one
    )
    return _Facts(codes, *(to_numpy(fact) for fact in facts))


def _fits(code: float, X: Array) -> bool:
    """Whether the dtype of X can hold `code`."""
    xp = namespace_of(X)
    if xp.isdtype(X.dtype, "real floating"):
        return True
    info = None if xp.isdtype(X.dtype, "bool") else xp.iinfo(X.dtype)
    return info is not None and info.min <= code <= info.max


def _chosen_blocks(X: Array, chosen: np.ndarray) -> Iterator[Array]:
    """Yield the `chosen` columns of X by blocks."""
    xp, device = namespace_of(X), device_of(X)
    step = max(1, 2**22 // X.shape[0])
    for start in range(0, chosen.size, step):
        yield xp.take(X, xp.asarray(chosen[start : start + step], device=device), axis=1)


def _without_nan(block: Array) -> Array:
    """Return `block` with 1 in place of NaN."""
    xp = namespace_of(block)
    if not xp.isdtype(block.dtype, "real floating"):
        return block
    return xp.where(xp.isnan(block), xp.ones_like(block[:1, :]), block)
