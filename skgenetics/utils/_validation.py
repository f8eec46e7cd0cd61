"""Checks of data, with errors that say what was got, what was expected, and what to do."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import validate_data

from skgenetics.utils._arrays import (
    detached,
    float_dtype,
    get_namespace_and_device,
    move_to,
    namespace_of,
    slices,
    to_numpy,
    widened,
)
from skgenetics.utils._frames import as_frame, frame_values
from skgenetics.utils._labels import Labels
from skgenetics.utils._missing_codes import PLINK_BYTES, Codes, Coding, find_codes
from skgenetics.utils._moments import LARGEST_RANGE, check_spread
from skgenetics.utils._opened import (
    Opened,
    OpenedGenotypes,
    call_means,
    names_of_columns,
)
from skgenetics.utils._typing import Array, ArrayLike

BLOCK_CELLS = 2**22  # of a target that are looked at together
MOST_SAMPLES = 1e15  # that weights may stand for: of more, single ones are lost to rounding


class Dosages(NamedTuple):
    """A validated genotype matrix that may miss calls."""

    X: Array
    """(n_samples, n_variants), integers, float32 or float64; NaN, and `codes`, are missing."""
    codes: Codes
    integer: np.ndarray | None
    """Which columns of a data frame were integers; None for an array."""


def as_array(values: ArrayLike, name: str = "X") -> tuple[Any, np.ndarray | None]:
    """Return `values` as an array of integers, float32 or float64: the one policy for dtypes.

    Half precision becomes float32, whose range holds the sums; any longer float becomes float64.
    Masked cells become NaN, so that integers with any become float64. Tensors are detached from
    their gradients. A data frame of any library becomes a NumPy array. Sparse matrices keep their
    format, and lists, text and complex numbers are returned as they are.

    Returns
    -------
    values : array
        Not a copy unless the dtype changes.
    integer : bool array of shape (n_columns,), or None
        Which columns of a data frame were integers; None for an array.
    """
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.is_masked(values):
            dtype = values.dtype if values.dtype.kind == "f" else np.float64
            values = np.ma.filled(values.astype(dtype), np.nan)
        values = np.asarray(values)
    if sparse.issparse(values):
        return values, None
    frame = as_frame(values)
    if frame is None:
        return widened(detached(values)), None
    array, integer = frame_values(frame, name)
    return widened(array), integer


def read_dosages(
    estimator: Any,
    X: ArrayLike,
    *,
    reset: bool,
    allow_nan: bool = True,
    min_samples: int = 1,
    accept_sparse: bool | str = False,
    given: Sequence[float] = (),
    ploidy: int = 2,
) -> Dosages:
    """Validate X (n_samples, n_variants), missing calls allowed, in its namespace and dtype.

    The names and the number of columns are kept on `estimator` or, without `reset`, compared with
    those kept. `given` are further codes for missing calls; no number up to `ploidy` is one.
    """
    get_namespace_and_device(X)  # whether X can be read
    options: dict[str, Any] = {
        "ensure_all_finite": "allow-nan" if allow_nan else True,
        "ensure_min_samples": min_samples,
        "accept_sparse": accept_sparse,
    }
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X) and not allow_nan:
        raise ValueError(
            f"X has {np.ma.count_masked(X)} masked cells, and {type(estimator).__name__} takes no "
            "missing calls. Put skgenetics.preprocessing.GenotypeImputer before this step."
        )
    values, integer = as_array(X)
    try:
        if integer is None:
            values = validate_data(estimator, values, reset=reset, **options)
        else:
            validate_data(estimator, X, reset=reset, skip_check_array=True)
            values = check_array(values, estimator=estimator, input_name="X", **options)
    except ValueError as error:
        if "contains NaN" not in str(error):
            raise
        raise ValueError(  # instead of advice that is not about genotypes
            f"Input X contains NaN: {type(estimator).__name__} takes no missing calls. Put "
            "skgenetics.preprocessing.GenotypeImputer before this step."
        ) from None
    values = values if sparse.issparse(values) else widened(values)  # of a list, say
    known = None if reset else getattr(estimator, "_coding", None)
    codes, coding = _codes_of(values, integer, known, given, ploidy)
    if reset:
        estimator._coding = coding
    return Dosages(values, codes, integer)


def as_genotypes(
    estimator: Any,
    X: ArrayLike,
    *,
    reset: bool,
    allow_nan: bool = False,
    min_samples: int = 1,
    accept_sparse: bool | str = False,
    ploidy: int = 2,
    tiny: bool = True,
    opened: bool = False,
) -> tuple[Array, Any, Any]:
    """Validate X (n_samples, n_variants), of any array or data frame, in its own namespace.

    Integer genotypes stay integers: no float copy is made; see `as_array` for dtypes. Codes for
    missing calls, by the rule of :mod:`skgenetics.utils._missing_codes`, raise. So do, in training,
    columns that `check_spread` refuses; those that vary too little only if `tiny`. With `opened`,
    genotypes on disk become an `Opened`, which is not read. Returns ``X, xp, device``.
    """
    if opened and isinstance(X, OpenedGenotypes):
        X = open_genotypes(estimator, X, reset=reset, min_samples=min_samples)
        return X, *get_namespace_and_device()
    if reset:
        vars(estimator).pop("_call_means", None)
    X, codes, integer = read_dosages(
        estimator,
        X,
        reset=reset,
        allow_nan=allow_nan,
        min_samples=min_samples,
        accept_sparse=accept_sparse,
        ploidy=ploidy,
    )
    names = getattr(estimator, "feature_names_in_", None)
    refuse_codes(codes, X, integer, names, "X")
    if reset and not sparse.issparse(X):
        check_spread(
            X,
            X.dtype,
            column_names=names,
            reach=LARGEST_RANGE,
            tiny=tiny,
        )
    return X, *get_namespace_and_device(X)


def open_genotypes(
    estimator: Any, source: OpenedGenotypes, *, reset: bool, min_samples: int = 1
) -> Opened:
    """Return genotypes on disk as X (n_samples, n_variants), their missing calls at the mean.

    With `reset` the means are those of the calls that are there, one pass over the file; they are
    kept on `estimator`, with the names of the variants. Without, they are those kept.
    """
    n_samples, n_variants = source.shape
    if n_samples < min_samples or not n_variants:
        raise ValueError(
            f"Found genotypes of {n_samples} samples and {n_variants} variants, while "
            f"{type(estimator).__name__} needs {min_samples} and 1 at least."
        )
    validate_data(estimator, names_of_columns(source), reset=reset, skip_check_array=True)
    if reset:
        estimator._call_means = call_means(source)
    return Opened(source, getattr(estimator, "_call_means", None))


def check_missing_codes(
    X: Array,
    integer: np.ndarray | None = None,
    *,
    names: Any = None,
    name: str = "X",
    ploidy: int = 2,
) -> None:
    """Raise ValueError if X (n, p), validated, holds codes for missing calls.

    Parameters
    ----------
    X : array or sparse matrix
    integer : bool array of shape (p,), optional
        Which columns were integers before they became part of X. None: by the dtype of X.
    names : sequence of str, optional
        Those of the columns.
    name : str
        That of the argument, for the error.
    ploidy : int
        No number up to it is a code.
    """
    if X.ndim == 2:
        refuse_codes(_codes_of(X, integer, None, (), ploidy)[0], X, integer, names, name)


def _codes_of(
    X: Any,
    integer: np.ndarray | None,
    known: Coding | None,
    given: Sequence[float],
    ploidy: int,
) -> tuple[Codes, Coding]:
    """Return what `find_codes` finds, in the columns that differ from 0 to 2 if X is sparse."""
    if not sparse.issparse(X):
        return find_codes(X, integer, known=known, given=given, ploidy=ploidy)
    n_columns = X.shape[1]
    is_unusual = (X.data < 0) | (X.data > 2)
    unusual = np.unique(X.indices[is_unusual]) if is_unusual.any() else np.zeros(0, dtype=np.int64)
    if not unusual.size:
        return find_codes(np.zeros((1, n_columns), X.dtype), known=known, given=given)
    some = known and Coding(
        np.packbits(known.trained(n_columns)[unusual]).tobytes(), known.centered
    )
    found, coding = find_codes(X[:, unusual].toarray(), known=some, given=given, ploidy=ploidy)
    dosages = np.full(n_columns, X.dtype.kind in "iub")
    dosages[unusual] = coding.trained(unusual.size)
    codes = {code: np.zeros(n_columns, dtype=bool) for code in found}
    for code, columns in found.items():
        codes[code][unusual] = columns
    return codes, Coding(np.packbits(dosages).tobytes(), coding.centered)


def refuse_codes(codes: Codes, X: Any, integer: np.ndarray | None, names: Any, name: str) -> None:
    """Raise ValueError if there are codes for missing calls."""
    if not codes:
        return
    code, columns = next(iter(codes.items()))
    places = np.flatnonzero(columns)
    if integer is None:
        dense = X.data if sparse.issparse(X) else X
        floating = namespace_of(dense).isdtype(dense.dtype, "real floating")
    else:
        floating = not integer[places[0]]
    argument = f"(missing_codes=({code:g},))" if code == PLINK_BYTES else ""
    shown = ", ".join(str(place if names is None else names[place]) for place in places[:3])
    shown += f" and {places.size - 3} more" if places.size > 3 else ""
    raise ValueError(
        f"{name} holds {code:g} beside dosages, in column{'s' * (places.size > 1)} {shown}: a code "
        f"for missing calls. Put skgenetics.preprocessing.GenotypeImputer{argument} before this "
        f"step. If the number is meant, {'standardize' if floating else 'make floats of'} the "
        "column."
    )


def validate_fit_data(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    ndims: tuple[int, ...] = (1,),
    allow_nan: bool = False,
    min_samples: int = 1,
    opened: bool = False,
) -> tuple[Array, Array, Any, Any]:
    """Validate X (n_samples, n_variants) and a numeric y of any rank in `ndims`.

    X keeps its dtype (int8 genotypes too); y follows X's namespace and device and becomes
    floating. With `allow_nan`, NaN in y means not observed. `opened` is as in `as_genotypes`.
    Returns ``X, y, xp, device``.
    """
    X, xp, device = as_genotypes(estimator, X, reset=True, min_samples=min_samples, opened=opened)
    y = as_target(estimator, y, allow_nan=allow_nan)
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
    width = math.prod(y.shape[1:])
    parts = list(slices(y.shape[0] if width else 0, BLOCK_CELLS / max(width, 1)))
    ends = [end for rows in parts for end in _finite_range(y[rows, ...])]
    if ends:  # infinity is refused below
        check_spread(xp.reshape(xp.stack(ends), (-1, 1)), float_dtype(X), name="y")
    if allow_nan and any(bool(xp.any(xp.isinf(y[rows, ...]))) for rows in parts):
        raise ValueError("y holds infinity; NaN, and only NaN, marks what was not observed.")
    if allow_nan and all(bool(xp.all(xp.isnan(y[rows, ...]))) for rows in parts):
        raise ValueError("y holds no observed cell: every value is NaN.")
    return X, y, xp, device


def _finite_range(block: Array) -> tuple[Array, Array]:
    """Return the least and the greatest finite number, NaN if there is none."""
    xp = namespace_of(block)
    finite = xp.isfinite(block)
    low = xp.min(xp.where(finite, block, xp.inf))
    high = xp.max(xp.where(finite, block, -xp.inf))
    return xp.where(low <= high, low, xp.nan), xp.where(low <= high, high, xp.nan)


def as_target(estimator: Any, y: ArrayLike, *, allow_nan: bool, dtype: Any = "numeric") -> Array:
    """Return y of any rank as an array, by the policy of `as_array`, finite but for NaN."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None."
        )
    try:
        checked = check_array(
            as_array(y, "y")[0],
            dtype=dtype,
            ensure_2d=False,
            allow_nd=True,
            ensure_all_finite="allow-nan" if allow_nan else True,
            input_name="y",
        )
    except ValueError as error:
        if "contains NaN" in str(error):
            name = type(estimator).__name__
            raise ValueError(
                f"Input y contains NaN: {name} takes no sample without a value. Leave those out of "
                "X and y."
            ) from None
        if "bytes/strings" in str(error):
            raise ValueError(
                "y holds text, where numbers are expected: values of a trait, or 0 (control) and 1 "
                "(case)."
            ) from None
        raise
    return widened(checked)


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
    total = float(xp.sum(weight))
    if not total > 0:
        raise ValueError("Every sample_weight is zero: no sample is left.")
    if total > MOST_SAMPLES:
        raise ValueError(
            f"sample_weight sums to {total:.3g}; weights are frequencies, how many samples each "
            "stands for. Divide them by one number."
        )
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


def validate_annotations(
    annotations: ArrayLike, n_variants: int, labels: Labels, name: str = "annotations"
) -> np.ndarray:
    """Return annotations as an array (p, k) on the host, in the order of labelled variants."""
    design = to_numpy(labels.match(annotations, name))
    if design.ndim != 2 or design.shape[0] != n_variants:
        raise ValueError(
            f"{name} must have shape ({n_variants}, n_annotations), one row per variant; got "
            f"{design.shape}."
        )
    design = design.astype(float)
    if not np.all(np.isfinite(design)):
        raise ValueError(f"{name} hold NaN or infinity: fill them first, as with 0.")
    return design
