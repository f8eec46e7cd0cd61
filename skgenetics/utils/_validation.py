"""Checks of data, with errors that say what was got, what was expected, and what to do."""

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import validate_data

from skgenetics.utils._arrays import get_namespace_and_device, move_to, namespace_of
from skgenetics.utils._frames import int8_columns
from skgenetics.utils._typing import Array, ArrayLike

CODES = (-9, -127)  # of PLINK, and of calls stored as int8, for a missing call


def check_missing_codes(X: Array) -> None:
    """Raise ValueError if X holds codes for missing calls.

    These are negative numbers in int8, and -9 or -127 in any dtype if all else is 0 to 2.
    """
    xp = namespace_of(X)
    if 0 in X.shape or not xp.isdtype(X.dtype, ("integral", "real floating")):
        return
    lowest = float(xp.min(X))
    if X.dtype == xp.int8 and lowest < 0:
        raise ValueError(
            f"X holds negative int8 dosages (down to {lowest:g}), which are codes for missing "
            "calls. Put skgenetics.preprocessing.GenotypeImputer before this step."
        )
    if lowest in CODES and not bool(xp.any((lowest != X) & ((X < 0) | (X > 2)))):
        raise ValueError(
            f"X holds {lowest:g} beside dosages from 0 to 2, a code for missing calls. Put "
            f"skgenetics.preprocessing.GenotypeImputer(missing_codes=({lowest:g},)) before this "
            "step."
        )


def check_frame_codes(X: Any) -> None:
    """Check the int8 columns of a data frame, which other columns would turn into floats."""
    for column in int8_columns(X):
        check_missing_codes(column)


def as_genotypes(
    estimator: Any,
    X: ArrayLike,
    *,
    reset: bool,
    allow_nan: bool = False,
    min_samples: int = 1,
) -> tuple[Array, Any, Any]:
    """Validate X (n_samples, n_variants) in its own namespace and dtype.

    Integer genotypes stay integers: no float copy is made. Returns ``X, xp, device``.
    """
    xp, device = get_namespace_and_device(X)
    check_frame_codes(X)
    X = validate_data(
        estimator,
        X,
        reset=reset,
        ensure_all_finite="allow-nan" if allow_nan else True,
        ensure_min_samples=min_samples,
    )
    check_missing_codes(X)
    return X, xp, device


def validate_fit_data(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    ndims: tuple[int, ...] = (1,),
    allow_nan: bool = False,
    min_samples: int = 1,
) -> tuple[Array, Array, Any, Any]:
    """Validate X (n_samples, n_variants) and a numeric y of any rank in `ndims`.

    X keeps its dtype (int8 genotypes too); y follows X's namespace and device and becomes
    floating. With `allow_nan`, NaN in y means not observed. Returns ``X, y, xp, device``.
    """
    xp, device = get_namespace_and_device(X)
    check_frame_codes(X)
    target_params = {
        "ensure_2d": False,
        "allow_nd": True,
        "ensure_all_finite": "allow-nan" if allow_nan else True,
    }
    X, y = validate_data(
        estimator,
        X,
        y,
        validate_separately=({"ensure_min_samples": min_samples}, target_params),
    )
    check_missing_codes(X)
    if max(ndims) == 1:
        y = column_or_1d(y, warn=True)
    if y.ndim not in ndims:
        ranks = " or ".join(f"{ndim}-D" for ndim in ndims)
        raise ValueError(
            f"y must be {ranks} for {type(estimator).__name__}; got an array of shape {y.shape}."
        )
    check_consistent_length(X, y)
    y_xp, _ = get_namespace_and_device(y)
    if not y_xp.isdtype(y.dtype, "real floating"):
        y = y_xp.astype(y, y_xp.float64)
    y = move_to(y, xp, device)
    if allow_nan and bool(xp.any(xp.isinf(y))):
        raise ValueError("y holds infinity; NaN, and only NaN, marks what was not observed.")
    if allow_nan and bool(xp.all(xp.isnan(y))):
        raise ValueError("y holds no observed cell: every value is NaN.")
    return X, y, xp, device


def validate_sample_weight(
    sample_weight: ArrayLike | None, n_samples: int, xp: Any, device: Any, dtype: Any
) -> Array | None:
    """Return frequency weights (n_samples,) in `xp`, or None if none were given."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        weight = xp.full((n_samples,), float(sample_weight), dtype=dtype, device=device)
    else:
        weight = move_to(sample_weight, xp, device, dtype)
    if weight.shape != (n_samples,):
        raise ValueError(
            f"sample_weight must have shape ({n_samples},), one weight per sample; "
            f"got {tuple(weight.shape)}."
        )
    if not bool(xp.all(xp.isfinite(weight))):
        raise ValueError("sample_weight holds NaN or infinity.")
    if bool(xp.any(weight < 0)):
        raise ValueError("sample_weight holds a negative weight; weights are frequencies.")
    if not float(xp.sum(weight)) > 0:
        raise ValueError("Every sample_weight is zero: no sample is left.")
    return weight


def check_pairs(pairs: ArrayLike, n_features: int, names: Any) -> np.ndarray:
    """Return pairs of features (k, 2) as indices, from indices or, if there are any, `names`."""
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or len(pairs) == 0:
        raise ValueError(f"pairs must have shape (n_pairs, 2); got {pairs.shape}.")
    if pairs.dtype.kind in "OUS":
        place = {name: i for i, name in enumerate(names)}
        unknown = [name for name in np.ravel(pairs) if name not in place]
        if unknown:
            raise ValueError(
                f"pairs names {unknown[:5]}, which are not among the variants that fit has "
                "seen. Give names of the data frame passed to fit, or indices."
            )
        return np.array([[place[name] for name in pair] for pair in pairs])
    if pairs.dtype.kind not in "iu" or pairs.min() < 0 or pairs.max() >= n_features:
        raise ValueError(
            f"pairs must hold indices of variants, 0 to {n_features - 1}; got values from "
            f"{pairs.min()} to {pairs.max()} of dtype {pairs.dtype}."
        )
    return pairs
