"""Summary statistics of a locus: one validator for all tasks, and what fine-mapping makes of them.

z is sqrt(N) cor(x, y), its noise N(0, sigma_0^2 R) with R the LD (correlations of the variants).
An effect beta is per allele, in units of sd(y); a variant of variance H (the heterozygosity
2f(1-f) under Hardy-Weinberg) moves z by S beta, S = diag sqrt(N H): E z = R S beta.
"""

from collections.abc import Mapping
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from skgenetics.loci._ld import LD, GenotypeLD, make_ld, match_ld
from skgenetics.utils._arrays import (
    device_of,
    float_dtype,
    get_namespace_and_device,
    move_to,
    namespace_of,
    numpy_namespace,
    to_numpy,
)
from skgenetics.utils._labels import Labels, column_labels, first_labels, row_labels, without_labels
from skgenetics.utils._parameters import Number, ParameterError, check_number
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import as_array


class Locus(NamedTuple):
    """A locus as the solvers see it; arrays in the namespace of the data."""

    z: Array
    """(p,) sqrt(N) cor(x, y)."""
    ld: LD
    n_samples: Array
    """A number, or (p,)."""
    heterozygosity: Array
    """(p,) H, the variances of the genotypes."""
    scale: Array
    """(p,) sqrt(N H), the diagonal of S."""
    trait_known: bool
    """Whether z comes from the trait and genotypes themselves."""
    panel_size: float = np.inf
    """Number of people that the LD comes from; infinity: the people of the scan."""
    labels: Labels = Labels(None, "X")
    """Of the variants, which what the user gives per variant is matched to."""

    @property
    def xp(self) -> Any:
        """Namespace of the arrays."""
        return namespace_of(self.z)

    @property
    def device(self) -> Any:
        """Device of the arrays."""
        return device_of(self.z)

    def array(self, values: ArrayLike) -> Array:
        """Return host `values` beside z."""
        return move_to(values, self.xp, self.device, self.z.dtype)


class SummaryStatistics(NamedTuple):
    """Validated summary statistics; arrays in the namespace and on the device of the LD."""

    z: Array
    """(p,), or (p, J) of several traits: Wald statistics as reported."""
    ld: LD
    n_samples: Array
    """People with each variant (p,), with each of several traits (J,), or with each cell (p, J)."""
    heterozygosity: Array
    """(p,) variances of the genotypes; 1 if they are not known."""
    panel_size: float
    """Number of people that the LD comes from; infinity: the people of the scan."""
    labels: Labels
    """Of the variants."""
    trait_labels: Labels

    def locus(self, *, score: bool = False) -> Locus:
        """Return the `Locus` of one trait.

        `score` says that z are score statistics, which are sqrt(n) cor(x, y) already.
        """
        return Locus(
            z=self.z if score else wald_to_correlation_z(self.z, self.n_samples),
            ld=self.ld,
            n_samples=self.n_samples,
            heterozygosity=self.heterozygosity,
            scale=namespace_of(self.z).sqrt(self.n_samples * self.heterozygosity),
            trait_known=False,
            panel_size=self.panel_size,
            labels=self.labels,
        )


def wald_to_correlation_z(wald: Array, n_samples: Array) -> Array:
    """Return z = sqrt(n) cor(x, y) from Wald statistics t of single-variant regressions.

    t = r sqrt(n - 2) / sqrt(1 - r^2), hence z = t sqrt(n / (t^2 + n - 2)).
    """
    return wald * (n_samples / (wald**2 + n_samples - 2)) ** 0.5


def correlation_z_to_wald(z: Array, n_samples: Array) -> Array:
    """Return Wald statistics t = z sqrt((n - 2) / (n - z^2)) from z = sqrt(n) cor(x, y)."""
    return z * ((n_samples - 2) / (n_samples - z**2)) ** 0.5


def validate_summary(
    z: ArrayLike | None,
    ld: Any,
    *,
    n_samples: ArrayLike,
    beta: ArrayLike | None = None,
    se: ArrayLike | None = None,
    heterozygosity: ArrayLike | None = None,
    panel_size: float | None = None,
    several_traits: bool = False,
) -> SummaryStatistics:
    """Check summary statistics of a locus and return them beside its LD.

    What carries labels is matched to those of z, or of ld if z has none (`utils._labels`).

    Parameters
    ----------
    z : array-like of shape (n_variants,) or, of several traits, (n_variants, n_traits), or None
        Wald statistics. None: beta / se.
    ld : array, sparse matrix or data frame
        In any of the forms of :mod:`skgenetics.loci._ld`. The statistics move to its namespace.
    n_samples : number or array-like
        People with each variant (n_variants,), or with each of several traits (n_traits,) or cells
        (n_variants, n_traits).
    beta, se : array-like of the shape of z, optional
        Effects and standard errors.
    heterozygosity : number or array-like of shape (n_variants,), optional
        Variances of the genotypes, 1 at most.
    panel_size : float, optional
        None: the people of a panel of genotypes, if they are fewer than n_samples; else infinity.
    several_traits : bool, default=False
        Whether z may have a column per trait, and NaN in cells that were not measured. The result
        has columns, even if z is of one trait.

    Raises
    ------
    ValueError
        Naming what is missing, or not of its shape and range, or if labels cannot be matched.
    """
    if (z is None) == (beta is None) or (beta is None) != (se is None):
        raise ValueError("fit_summary needs either z, or both beta and se.")
    if ld is None:
        raise ValueError("fit_summary needs ld, the LD matrix (n_variants, n_variants).")
    labels = variant_labels(z, ld, beta=beta, se=se)
    traits = trait_labels(z, beta=beta, se=se) if several_traits else None
    z = reported_statistics(z, beta, se, labels, traits, may_miss=several_traits)
    z, ld_array = z_beside_ld(z, match_ld(ld, labels))
    check_statistics(z, several_traits)
    ld = make_ld(ld_array, z.shape[0], labels.names)
    first = z if z.ndim == 1 else z[:, 0]
    trait_names = traits or Labels(None, "z", "traits")
    if several_traits:
        z = z[:, None] if z.ndim == 1 else z
        if np.ndim(n_samples) == 2:
            n_samples = per_cell(n_samples, z, labels, trait_names)
        else:
            n_samples = per_variant(n_samples, "n_samples", z[0, :], low=2, labels=trait_names)
    else:
        n_samples = per_variant(n_samples, "n_samples", z, low=2, labels=labels)
    if panel_size is None:
        n_people = ld.n_people if isinstance(ld, GenotypeLD) else np.inf
        most = float(np.nanmax(to_numpy(n_samples)))
        panel_size = n_people if n_people < most else np.inf
    elif panel_size != np.inf:
        check_number(panel_size, "panel_size", low=2, closed="neither")
    return SummaryStatistics(
        z=z,
        ld=ld,
        n_samples=n_samples,
        heterozygosity=per_variant(
            1.0 if heterozygosity is None else heterozygosity,
            "heterozygosity",
            first,
            low=0,
            high=1,  # of dosages 0 and 2 in equal shares
            closed="both",
            labels=labels,
        ),
        panel_size=panel_size,
        labels=labels,
        trait_labels=trait_names,
    )


def variant_labels(
    z: ArrayLike | None, ld: Any, *, beta: ArrayLike | None = None, se: ArrayLike | None = None
) -> Labels:
    """Return the labels of the variants: those of the statistics, or else of the columns of ld.

    The rows of ld count if there are as many as statistics; else they are people.
    """
    reported = {"z": z} if beta is None else {"beta": beta, "se": se}
    candidates = {name: row_labels(values) for name, values in reported.items()}
    shape, first = np.shape(ld), reported["z" if beta is None else "beta"]
    n_variants = np.shape(without_labels(first, "z"))[:1]
    if shape[1:] == n_variants:
        candidates["the columns of ld"] = column_labels(ld)
    if shape[:1] == n_variants:
        candidates["the rows of ld"] = row_labels(ld)
    return first_labels(candidates, f"neither {' nor '.join(reported)} nor ld", "variants")


def trait_labels(
    z: ArrayLike | None, *, beta: ArrayLike | None = None, se: ArrayLike | None = None
) -> Labels:
    """Return the labels of the traits: the columns of statistics given as data frames."""
    reported = {"z": z} if beta is None else {"beta": beta, "se": se}
    candidates = {f"the columns of {name}": column_labels(v) for name, v in reported.items()}
    return first_labels(candidates, " nor ".join(reported), "traits")


def reported_statistics(
    z: ArrayLike | None,
    beta: ArrayLike | None,
    se: ArrayLike | None,
    labels: Labels,
    traits: Labels | None = None,
    *,
    may_miss: bool = False,
) -> Array:
    """Return z as it was reported, or beta / se, in the order of the labels.

    `may_miss` says that NaN in beta and se is a cell that was not measured.
    """

    def in_order(values: ArrayLike, name: str) -> Array:
        array, order = labels.match(values, name), None
        if traits is not None:
            order = traits.order(column_labels(values), f"the columns of {name}")
        return array if order is None else array[:, order]

    if z is not None:
        return in_order(z, "z")
    return wald_statistics(in_order(beta, "beta"), in_order(se, "se"), may_miss=may_miss)


def wald_statistics(beta: ArrayLike, se: ArrayLike, *, may_miss: bool = False) -> np.ndarray:
    """Return beta / se on the host; NaN where both are NaN, if cells may be missing."""
    beta, se = (to_numpy(values).astype(float, copy=False) for values in (beta, se))
    if beta.shape != se.shape:
        raise ValueError(
            f"beta and se must have one shape; got {tuple(beta.shape)} and {tuple(se.shape)}."
        )
    missing = np.isnan(beta) & np.isnan(se) & may_miss
    wrong = np.argwhere((~(se > 0) | np.isinf(se)) & ~missing)
    if len(wrong):
        place = ", ".join(map(str, wrong[0]))
        raise ValueError(
            f"every se must be positive and finite; got {se[tuple(wrong[0])]:g} at index {place}, "
            f"the first of {len(wrong)} such values. "
            + (
                "NaN in beta and se marks what was not measured."
                if may_miss
                else "Remove variants without a standard error."
            )
        )
    return beta / se


def z_beside_ld(z: ArrayLike, ld: Any) -> tuple[Array, Any]:
    """Return z and ld in the namespace of ld, z in its floating dtype; sparse LD stays so."""
    if scipy.sparse.issparse(ld):
        return move_to(z, numpy_namespace, "cpu", np.float64), ld
    xp, device = get_namespace_and_device(ld)
    ld = move_to(as_array(ld, "ld")[0], xp, device)
    return move_to(z, xp, device, float_dtype(ld)), ld


def check_statistics(z: Array, several_traits: bool) -> None:
    """Raise ValueError unless z has its shape and is finite, or NaN in a cell of several traits."""
    ndims, shape = ((1, 2), " or (n_variants, n_traits)") if several_traits else ((1,), "")
    if z.ndim not in ndims or 0 in z.shape:
        raise ValueError(f"z must have shape (n_variants,){shape}; got {tuple(z.shape)}.")
    host = to_numpy(z).reshape(z.shape[0], -1)
    if several_traits and z.ndim == 2 and not np.isnan(host).all():
        host = np.where(np.isnan(host), 0.0, host)
    wrong = np.flatnonzero(~np.isfinite(host).all(axis=1))
    if wrong.size:
        raise ValueError(
            f"z holds NaN or infinity for {wrong.size} variants, the first at index {wrong[0]}: "
            "remove those variants from z and ld."
        )


def per_cell(values: ArrayLike, z: Array, variants: Labels, traits: Labels) -> Array:
    """Return numbers of people (p, J) beside z (p, J), matched to its labels; NaN with z."""
    array = variants.match(values, "n_samples")
    order = traits.order(column_labels(values), "the columns of n_samples")
    array = array if order is None else array[:, order]
    array = to_numpy(array).astype(float)
    if array.shape != z.shape:
        raise ValueError(
            "n_samples must be a number, or have one value per trait or one per cell of z "
            f"{tuple(z.shape)}; got shape {tuple(array.shape)}."
        )
    measured, rule = ~np.isnan(to_numpy(z)), Number(2)
    wrong = np.argwhere(measured & ~rule.within(array))
    if len(wrong):
        place = ", ".join(map(str, wrong[0]))
        raise ParameterError(
            f"every n_samples must be {rule}; got {array[tuple(wrong[0])]} at index {place}, the "
            f"first of {len(wrong)} such cells."
        )
    return move_to(np.where(measured, array, np.nan), namespace_of(z), device_of(z), z.dtype)


def per_variant(
    values: ArrayLike,
    name: str,
    z: Array,
    *,
    low: float | None = None,
    high: float | None = None,
    closed: str = "neither",
    labels: Labels,
) -> Array:
    """Return `values`, a number or (p,), as an array (p,) beside z (p,), all in their interval.

    Labelled values are matched to the `labels` of the variants, or of what z is of.
    """
    xp = namespace_of(z)
    if not isinstance(values, Mapping) and np.ndim(values) == 0:  # as np.load gives them
        values = values if isinstance(values, Real) else to_numpy(values).item()
        check_number(values, name, low=low, high=high, closed=closed)
        return xp.full_like(z, float(values))
    values = move_to(labels.match(values, name), xp, device_of(z), z.dtype)
    if values.shape != z.shape:
        raise ValueError(
            f"{name} must be a number or have one value for each of the {z.shape[0]} "
            f"{labels.noun}; got shape {tuple(values.shape)}."
        )
    host, rule = to_numpy(values).astype(float), Number(low, high, closed)
    wrong = np.flatnonzero(~rule.within(host))
    if wrong.size:
        raise ParameterError(
            f"every {name} must be {rule}; got {host[wrong[0]]} at index {wrong[0]}, the first of "
            f"{wrong.size} such {labels.noun}."
        )
    return values
