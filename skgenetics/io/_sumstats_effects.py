"""Effects, z and p-values, each from what a table of summary statistics has of them."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from skgenetics.utils._text import count_of

if TYPE_CHECKING:
    import pandas as pd

_CLEAR = 0.4985  # -log10 p of z = 1, below which rounding tells more than the effect
_MANY = 20_000  # variants whose z and p are compared


def add_effects(frame: "pd.DataFrame", z_is_named: bool, notes: list[str], name: str) -> None:
    """Add beta, z and p-values, each from what the file has."""
    beta, se = _beta(frame), _standard_error(frame, notes, name)
    _check_signs(beta, _column_or_nan(frame, "z"), name)
    neg_log_p = _column_or_nan(frame, "neg_log_10_p_value")
    z, z_of_ratio = _column_or_nan(frame, "z"), beta / se
    first, second = (z, z_of_ratio) if z_is_named else (z_of_ratio, z)
    z = np.where(np.isnan(first), second, first)
    _check_strength(z, neg_log_p, name)
    _note_disagreement(z_of_ratio, neg_log_p, notes, name)
    lost = np.flatnonzero(np.isnan(z) & np.isfinite(beta) & np.isfinite(neg_log_p))
    sign = np.where((beta[lost] == 0) & (neg_log_p[lost] > 0), np.nan, np.sign(beta[lost]))
    z[lost] = sign * z_of_p(neg_log_p[lost])
    lost = np.flatnonzero(~np.isfinite(neg_log_p))
    of_z = -(log_ndtr(-np.abs(z[lost])) + np.log(2)) / np.log(10)
    neg_log_p[lost] = np.maximum(of_z, 0)
    p = _column_or_nan(frame, "p_value")
    lost = np.flatnonzero(np.isnan(p))
    p[lost] = 10.0 ** -neg_log_p[lost]
    frame["beta"], frame["standard_error"], frame["z"] = beta, se, z
    frame["neg_log_10_p_value"], frame["p_value"] = neg_log_p, p


def z_of_p(neg_log_p: np.ndarray) -> np.ndarray:
    """Return abs(z) of two-sided p-values."""
    return -ndtri_exp(-neg_log_p * np.log(10) - np.log(2))


def _column_or_nan(frame: "pd.DataFrame", meaning: str) -> np.ndarray:
    """Return a column of numbers, NaN if there is none."""
    return (
        frame[meaning].to_numpy(dtype=float).copy()
        if meaning in frame
        else np.full(len(frame), np.nan)
    )


def _beta(frame: "pd.DataFrame") -> np.ndarray:
    """Return effects, the logarithm of the odds ratio if there is no other."""
    beta = _column_or_nan(frame, "beta")
    with np.errstate(divide="ignore"):
        log_ratio = np.log(_column_or_nan(frame, "odds_ratio"))
    return np.where(np.isnan(beta) & np.isfinite(log_ratio), log_ratio, beta)


def _standard_error(frame: "pd.DataFrame", notes: list[str], name: str) -> np.ndarray:
    """Return standard errors; 0 counts as missing."""
    se = _column_or_nan(frame, "standard_error")
    n_zero = int(np.sum(se == 0))
    if n_zero:
        notes.append(
            f"{name}: {count_of(n_zero, 'standard error')} of 0 {'was' if n_zero == 1 else 'were'} "
            "taken as missing."
        )
    return np.where(se == 0, np.nan, se)


def _check_signs(beta: np.ndarray, z: np.ndarray, name: str) -> None:
    """Raise ValueError if effects and z have opposite signs."""
    contrary = np.sign(beta) * np.sign(z) < 0
    if contrary.any():
        raise ValueError(
            f"{name}: in {contrary.sum():,} rows, first row {np.flatnonzero(contrary)[0] + 1} of "
            "the variants, beta (or the odds ratio) and z have opposite signs: they are not of one "
            "allele, or z has no sign."
        )


def _check_strength(z: np.ndarray, neg_log_p: np.ndarray, name: str) -> None:
    """Raise ValueError if p is 0 and nothing else says how strong the effect is."""
    lost = np.isnan(z) & np.isinf(neg_log_p)
    if lost.any():
        raise ValueError(
            f"{name}: p_value in row {np.flatnonzero(lost)[0] + 1} of the variants is 0, and there "
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
