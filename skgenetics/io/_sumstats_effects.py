"""Effects, z and p-values, each from what a table of summary statistics has of them."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from skgenetics.utils._text import count_of

if TYPE_CHECKING:
    import pandas as pd

_CLEAR = 0.4985  # -log10 p of z = 1, below which rounding tells more than the effect
_MANY = 20_000  # variants whose z and p are compared


def effects_of(
    frame: "pd.DataFrame", z_is_named: bool, notes: list[str], name: str
) -> dict[str, np.ndarray]:
    """Return beta, z and p-values by meaning, each from what the file has."""
    beta, se = _beta(frame), _standard_error(frame, notes, name)
    if "z" in frame:
        _check_signs(beta, _column_or_nan(frame, "z"), name)
    neg_log_p = _column_or_nan(frame, "neg_log_10_p_value")
    z, z_of_ratio = _column_or_nan(frame, "z"), beta / se
    z = _first_known(z, z_of_ratio) if z_is_named else _first_known(z_of_ratio, z)
    lost = np.flatnonzero(np.isnan(z))
    _check_strength(lost, neg_log_p, name)
    _note_disagreement(z_of_ratio, neg_log_p, notes, name)
    lost = lost[np.isfinite(beta[lost]) & np.isfinite(neg_log_p[lost])]
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


def _note_disagreement(
    z_of_ratio: np.ndarray, neg_log_p: np.ndarray, notes: list[str], name: str
) -> None:
    """Say so if standard errors and p-values tell of different effects."""
    known = np.flatnonzero(np.isfinite(z_of_ratio) & (neg_log_p > _CLEAR) & np.isfinite(neg_log_p))
    known = known[:: max(1, len(known) // _MANY)]
    if len(known):
        factor = np.median(np.abs(z_of_ratio[known]) / z_of_p(neg_log_p[known]))
        if not 0.8 < factor < 1.25:
            notes.append(
                f"{name}: beta / standard_error is in the median {factor:.2g} times the z of "
                "p_value: standard_error may belong to an odds ratio, or p_value be corrected."
            )
