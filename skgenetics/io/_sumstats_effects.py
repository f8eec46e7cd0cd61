"""Effects, z and p-values, each from what a table of summary statistics has of them."""

from collections.abc import Callable, Container, Mapping
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from skgenetics.utils._text import count_of

if TYPE_CHECKING:
    import pandas as pd

_CLEAR = 0.4985  # -log10 p of z = 1, below which rounding tells more than the effect
_MANY = 20_000  # variants whose z and p are compared
_ENOUGH = 20  # variants that tell of which scale a column is
_STRONG = 1.2  # abs(z) whose p is .23
_HALF = np.log10(2)  # -log10 of a p of .5
_NO_EFFECT = 0.35  # -log10 of a p of .45, which no such z has


def effects_of(
    frame: "pd.DataFrame",
    used: Mapping[str, str],
    named: Container[str],
    notes: list[str],
    name: str,
) -> dict[str, np.ndarray]:
    """Return beta, z and p-values by meaning, each from what the file has.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns of numbers by meaning.
    used : mapping of str to str
        The file's column of each meaning.
    named : container of str
        Meanings whose column the user named: they are not doubted.
    notes : list of str
        Sentences for the user are appended.
    name : str
        The file, for messages.
    """
    _check_scales(frame, used, named, name)
    beta, se = _beta(frame), _standard_error(frame, notes, name)
    neg_log_p, z_of_file = _column_or_nan(frame, "neg_log_10_p_value"), _column_or_nan(frame, "z")
    if "z" in frame:
        _check_signs(beta, z_of_file, name)
    if "beta" not in frame and "standard_error" not in named:
        se = _of_logarithm(beta, se, neg_log_p, notes, name)
    z_of_ratio = beta / se
    is_of_file = "z" in named or not np.isfinite(z_of_ratio).any()
    z = _first_known(*((z_of_file, z_of_ratio) if is_of_file else (z_of_ratio, z_of_file)))
    _note_one_sign(beta if np.isfinite(beta).any() else z, notes, name)
    _note_disagreement(z, neg_log_p, "z" if is_of_file else "beta / standard_error", notes, name)
    lost = np.flatnonzero(np.isnan(z))
    _check_strength(lost, neg_log_p, name)
    lost = lost[np.isfinite(beta[lost]) & np.isfinite(neg_log_p[lost])]
    _note_one_side(beta[lost], neg_log_p[lost], notes, name)
    sign = np.where((beta[lost] == 0) & (neg_log_p[lost] > 0), np.nan, np.sign(beta[lost]))
    z = _with(z, lost, sign * z_of_p(neg_log_p[lost]))
    lost = np.flatnonzero(~np.isfinite(neg_log_p))
    of_z = -(log_ndtr(-np.abs(z[lost])) + np.log(2)) / np.log(10)
    neg_log_p = _with(neg_log_p, lost, np.maximum(of_z, 0))
    p = _column_or_nan(frame, "p_value")
    lost = np.flatnonzero(np.isnan(p))
    p = _with(p, lost, 10.0 ** -neg_log_p[lost])
    effects = {"beta": beta, "standard_error": se, "z": z}
    return effects | {"p_value": p, "neg_log_10_p_value": neg_log_p}


def z_of_p(neg_log_p: np.ndarray) -> np.ndarray:
    """Return abs(z) of two-sided p-values."""
    return -ndtri_exp(-neg_log_p * np.log(10) - np.log(2))


def _column_or_nan(frame: "pd.DataFrame", meaning: str) -> np.ndarray:
    """Return a column of numbers, not to be written to; NaN if there is none."""
    if meaning in frame:
        return frame[meaning].to_numpy(dtype=float)
    return np.broadcast_to(np.nan, len(frame))


def _first_known(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return `first`, or `second` where that is NaN."""
    lost = np.isnan(first)
    return np.where(lost, second, first) if lost.any() else first


def _with(values: np.ndarray, rows: np.ndarray, others: np.ndarray | float) -> np.ndarray:
    """Return values of which some rows are replaced."""
    if len(rows):
        values = values.copy()
        values[rows] = others
    return values


def _beta(frame: "pd.DataFrame") -> np.ndarray:
    """Return effects, the logarithm of the odds ratio if there is no other."""
    beta = _column_or_nan(frame, "beta")
    if "odds_ratio" not in frame:
        return beta
    with np.errstate(divide="ignore"):
        log_ratio = np.log(_column_or_nan(frame, "odds_ratio"))
    return _first_known(beta, np.where(np.isfinite(log_ratio), log_ratio, np.nan))


def _standard_error(frame: "pd.DataFrame", notes: list[str], name: str) -> np.ndarray:
    """Return standard errors; 0 counts as missing."""
    se = _column_or_nan(frame, "standard_error")
    zeros = np.flatnonzero(se == 0)
    if len(zeros):
        notes.append(
            f"{name}: {count_of(len(zeros), 'standard error')} of 0 "
            f"{'was' if len(zeros) == 1 else 'were'} taken as missing."
        )
    return _with(se, zeros, np.nan)


def _check_signs(beta: np.ndarray, z: np.ndarray, name: str) -> None:
    """Raise ValueError if effects and z have opposite signs."""
    contrary = np.sign(beta) * np.sign(z) < 0
    if contrary.any():
        raise ValueError(
            f"{name}: in {contrary.sum():,} rows, first row {np.flatnonzero(contrary)[0] + 1} of "
            "the variants, beta (or the odds ratio) and z have opposite signs: they are not of one "
            "allele, or z has no sign."
        )


def _check_strength(without_z: np.ndarray, neg_log_p: np.ndarray, name: str) -> None:
    """Raise ValueError if p is 0 and nothing else says how strong the effect is."""
    lost = without_z[np.isinf(neg_log_p[without_z])]
    if len(lost):
        raise ValueError(
            f"{name}: p_value in row {lost[0] + 1} of the variants is 0, and there "
            "is neither z nor beta with standard_error: how strong the effect is was lost."
        )


def _check_scales(
    frame: "pd.DataFrame", used: Mapping[str, str], named: Container[str], name: str
) -> None:
    """Raise ValueError if a column holds what another meaning is: ratios as beta, p as -log10 p."""
    if "beta" in used and "beta" not in named:
        beta = _column_or_nan(frame, "beta")
        beta = beta[beta != 0] if np.fmin.reduce(beta, initial=np.inf) >= 0 else beta[:0]
        beta = beta[np.isfinite(beta)]
        if len(beta) >= _ENOUGH and 0.5 < np.median(beta) < 2 and beta.min() < 1 < beta.max():
            column = used["beta"]
            raise ValueError(
                f"{name}: {column} is positive in all {len(beta):,} rows, and about 1: it seems to "
                f"be an odds ratio (--columns odds_ratio={column}; if it is not, beta={column})."
            )
    if "neg_log_10_p_value" in used and "neg_log_10_p_value" not in named:
        strength = _column_or_nan(frame, "neg_log_10_p_value")
        n_known, most = int(np.isfinite(strength).sum()), np.fmax.reduce(strength, initial=0)
        # all p, or those of a filter; -log10 p are never all below .1, which is p above .79
        if n_known >= 5 * _ENOUGH and (0.98 < most <= 1 or most < 0.1):
            column = used["neg_log_10_p_value"]
            raise ValueError(
                f"{name}: {column} is from 0 to {most:.2g} in all {n_known:,} rows: it seems to be "
                f"p, not -log10 p (--columns p_value={column}; if it is not, "
                f"neg_log_10_p_value={column})."
            )


def _clear(strength: np.ndarray, neg_log_p: np.ndarray) -> np.ndarray:
    """Return some variants of clear effects whose z, or what it follows from, and p are known."""
    return _rows_where(
        lambda strength, neg_log_p: (neg_log_p > _CLEAR) & (strength != 0), strength, neg_log_p
    )


def _rows_where(
    condition: Callable[[np.ndarray, np.ndarray], np.ndarray],
    values: np.ndarray,
    neg_log_p: np.ndarray,
) -> np.ndarray:
    """Return about `_MANY` rows, all along a table, that have both values and a condition."""
    step = max(1, len(values) // (20 * _MANY))  # to look at all takes longer, and tells no more
    values, neg_log_p = values[::step], neg_log_p[::step]
    known = np.isfinite(values) & np.isfinite(neg_log_p)
    rows = step * np.flatnonzero(known & condition(values, neg_log_p))
    return rows[:: max(1, len(rows) // _MANY)]


def _of_logarithm(
    log_ratio: np.ndarray, se: np.ndarray, neg_log_p: np.ndarray, notes: list[str], name: str
) -> np.ndarray:
    """Return standard errors of the logarithm of odds ratios.

    Where those of the file are of the ratio itself, which p-values tell, they are divided by it.
    """
    rows = _clear(log_ratio / se, neg_log_p)
    if len(rows) < _ENOUGH:
        return se
    z, from_p = np.abs(log_ratio[rows] / se[rows]), z_of_p(neg_log_p[rows])
    as_it_is = np.quantile(np.abs(np.log(z / from_p)), 0.9)
    of_ratio = np.quantile(np.abs(np.log(z * np.exp(log_ratio[rows]) / from_p)), 0.9)
    if of_ratio > 0.1 or as_it_is < 2 * of_ratio:
        return se
    notes.append(
        f"{name}: standard errors are those of the odds ratios, as p-values show: they were "
        "divided by the odds ratios."
    )
    return se / np.exp(log_ratio)


def _note_one_sign(effects: np.ndarray, notes: list[str], name: str) -> None:
    """Say so if effects have one sign."""
    counts = {"positive": int((effects > 0).sum()), "negative": int((effects < 0).sum())}
    sign = max(counts, key=lambda word: counts[word])
    if counts[sign] == sum(counts.values()) >= _ENOUGH:
        notes.append(
            f"{name}: all {counts[sign]:,} effects are {sign}, which is right only if effect "
            "alleles were chosen so."
        )


def _note_disagreement(
    z: np.ndarray, neg_log_p: np.ndarray, words: str, notes: list[str], name: str
) -> None:
    """Say so if z and p-values tell of different effects."""
    rows = _clear(z, neg_log_p)
    factor = np.median(np.abs(z[rows]) / z_of_p(neg_log_p[rows])) if len(rows) else 1.0
    if not 0.8 < factor < 1.25:
        cause = "be a chi-square" if words == "z" else "have a standard error of an odds ratio"
        notes.append(
            f"{name}: {words} is in the median {factor:.2g} times the z of p_value: it may "
            f"{cause}, or p_value be corrected."
        )
    rows = _rows_where(lambda z, _: np.abs(z) > _STRONG, z, neg_log_p)
    n_contrary = int((neg_log_p[rows] < _NO_EFFECT).sum())
    if len(rows) >= _ENOUGH and n_contrary > 0.25 * len(rows):
        notes.append(
            f"{name}: p_value is above .45 in {n_contrary:,} of {len(rows):,} rows where {words} "
            f"is beyond {_STRONG} or -{_STRONG}: p_value may be one-sided, or of another test."
        )


def _note_one_side(beta: np.ndarray, neg_log_p: np.ndarray, notes: list[str], name: str) -> None:
    """Say so if p-values, from which z are to follow, seem to be of one side."""
    rows = _rows_where(lambda beta, _: beta != 0, beta, neg_log_p)
    if len(rows) < 5 * _ENOUGH:
        return
    is_weak = neg_log_p[rows] < _HALF
    of_sign = float(np.mean(is_weak == (beta[rows] < 0)))
    if max(of_sign, 1 - of_sign) > 0.9 and 0.1 < is_weak.mean() < 0.9:
        sign = "negative" if of_sign > 0.5 else "positive"
        found = f"above .5 where effects are {sign}, and below .5 elsewhere"
    elif _HALF <= neg_log_p[rows].min() < _HALF + 0.01:
        found = "never above .5"
    else:
        return
    notes.append(
        f"{name}: p_value is {found}: it seems to be one-sided, and z, which are worked out from "
        "it as from a two-sided one, are wrong then. Give standard_error or z."
    )
