"""Calibration of local false sign rates if the true effects are known, as in simulations."""

from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skgenetics.metrics._bins import calibration_bins
from skgenetics.metrics._validation import check_same_shape, is_of_several
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._labels import column_labels, first_labels, row_labels
from skgenetics.utils._typing import ArrayLike


def lfsr_calibration_curve(
    effects: ArrayLike,
    coef: ArrayLike,
    lfsr: ArrayLike,
    *,
    n_bins: int = 10,
    strategy: str = "uniform",
    confidence: float = 0.95,
) -> Bunch:
    """Realized false sign rate against mean local false sign rate (lfsr), in bins.

    The sign of an estimate is false if the true effect has the other sign or is 0. In a
    calibrated analysis a tenth of the signs with an lfsr of .1 are false; if fewer are, it is
    cautious. All effects are pooled before the bins are made.

    Parameters
    ----------
    effects : array-like of any shape, or list of them, one per fit
        True effects. Labelled values (a pandas Series or data frame) are matched to each other by
        the labels of their rows and columns.
    coef : array-like of the shape of `effects`, or list of them
        Estimated effects, of which the signs are judged. An estimate of 0 has no sign: it counts as
        false.
    lfsr : array-like of the shape of `effects`, or list of them
        Local false sign rates.
    n_bins : int, default=10
        Number of bins; empty ones are left out.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width, or of about equal numbers of effects. Equal rates are never split.
    confidence : float, default=0.95
        Level of the exact binomial (Clopper-Pearson) intervals. They count effects as independent,
        which those of variants in LD, or of one variant on several traits, are not.

    Returns
    -------
    Bunch
        Arrays of shape (bins that hold effects,), by rising lfsr: `mean_lfsr`, `false_sign_rate`,
        `lower`, `upper`, `n_effects`.

    Raises
    ------
    ValueError
        If shapes disagree, a value is not finite, an lfsr is outside [0, 1], there is no effect,
        or a parameter is outside its range.

    References
    ----------
    M. Stephens, "False discovery rates: a new deal", Biostatistics 18, 2017: the local false sign
    rate.

    Examples
    --------
    >>> from skgenetics.metrics import lfsr_calibration_curve
    >>> effects, coef, lfsr = [0.5, -0.2, 0.0], [0.4, -0.1, 0.1], [0.1, 0.3, 0.9]
    >>> curve = lfsr_calibration_curve(effects, coef, lfsr, n_bins=2)
    >>> curve.mean_lfsr, curve.false_sign_rate
    (array([0.2, 0.9]), array([0., 1.]))
    """
    given = {"effects": effects, "coef": coef, "lfsr": lfsr}
    by_fit = {
        name: list(values) if is_of_several(values) else [values] for name, values in given.items()
    }
    for name, fits in by_fit.items():
        if len(fits) != len(by_fit["effects"]):
            n_fits = len(by_fit["effects"])
            raise ValueError(f"effects describes {n_fits} fits and {name} {len(fits)}.")
    matched = [
        _matched(dict(zip(by_fit, fit, strict=True))) for fit in zip(*by_fit.values(), strict=True)
    ]
    effects, coef, lfsr = (
        np.concatenate([np.ravel(values) for values in fits]).astype(np.float64)
        for fits in zip(*matched, strict=True)
    )
    if effects.size == 0:
        raise ValueError("effects holds no effect; nothing to score.")
    for name, values in (("effects", effects), ("coef", coef)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds NaN or infinity; leave these effects out of all three.")
    if not ((lfsr >= 0) & (lfsr <= 1)).all():
        raise ValueError(f"lfsr must lie in [0, 1], got {lfsr.min():g} to {lfsr.max():g}.")
    false_sign = np.sign(coef) * np.sign(effects) <= 0
    columns = calibration_bins(
        false_sign, lfsr, n_bins=n_bins, strategy=strategy, confidence=confidence
    )
    names = ("mean_lfsr", "false_sign_rate", "lower", "upper", "n_effects")
    return Bunch(**dict(zip(names, columns)))


def _matched(fit: dict[str, Any]) -> list[np.ndarray]:
    """Return the arrays of a fit in one order of variants and traits, by the labels there are."""
    rows = {name: row_labels(values) for name, values in fit.items()}
    columns = {name: column_labels(values) for name, values in fit.items()}
    variants = first_labels(rows, "the others", "variants")
    traits = first_labels(columns, "the others", "traits")
    arrays = []
    for name, values in fit.items():
        array = to_numpy(variants.match(values, name))
        order = traits.order(columns[name], f"the columns of {name}")
        arrays.append(array if order is None else array[:, order])
        check_same_shape("effects", arrays[0], name, arrays[-1])
    return arrays
