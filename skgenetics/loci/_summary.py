"""What fine-mapping needs to know of the data: z statistics, LD, and moments of genotypes.

z is sqrt(N) cor(x, y), its noise N(0, sigma_0^2 R) with R the LD (correlations of the variants).
An effect beta is per allele, in units of sd(y); a variant of variance H (the heterozygosity
2f(1-f) under Hardy-Weinberg) moves z by S beta, S = diag sqrt(N H): E z = R S beta.
"""

from numbers import Real
from typing import NamedTuple

import numpy as np
import scipy.sparse

from skgenetics.loci._ld import make_ld
from skgenetics.utils._arrays import (
    float_dtype,
    get_namespace_and_device,
    move_to,
    numpy_namespace,
    to_numpy,
)
from skgenetics.utils._parameters import check_number


class Locus(NamedTuple):
    """A locus as the solvers see it; arrays in the namespace of the data."""

    z: object  # (p,)
    ld: object  # one of _ld.py
    n_samples: object  # a number, or (p,)
    heterozygosity: object  # (p,) H
    scale: object  # (p,) sqrt(N H)
    trait_known: bool  # z comes from the trait and genotypes themselves
    xp: object
    device: object
    panel_size: float = np.inf  # people that the LD comes from; inf: those of the scan

    def array(self, values):
        """Return host `values` beside z."""
        return move_to(values, self.xp, self.device, self.z.dtype)


def wald_to_correlation_z(wald, n_samples):
    """Return z = sqrt(n) cor(x, y) from Wald statistics t of single-variant regressions.

    t = r sqrt(n - 2) / sqrt(1 - r^2), hence z = t sqrt(n / (t^2 + n - 2)).
    """
    return wald * (n_samples / (wald**2 + n_samples - 2)) ** 0.5


def validate_summary(
    z, ld, *, n_samples, beta=None, se=None, heterozygosity=None, panel_size=None, score=False
):
    """Return the `Locus` of summary statistics and the variants' names (or None).

    `score` says that z are score statistics, which are sqrt(n) cor(x, y) already.
    """
    if (z is None) == (beta is None) or (beta is None) != (se is None):
        raise ValueError("fit_summary needs either z, or both beta and se.")
    if ld is None:
        raise ValueError("fit_summary needs ld, the LD matrix (n_variants, n_variants).")
    names, ld_names = labels(beta if z is None else z, "index"), labels(ld, "columns")
    if names is not None and ld_names is not None and not np.array_equal(names, ld_names):
        raise ValueError(
            "z and ld name different variants, or the same in another order. Align them first, "
            "as in ld.loc[z.index, z.index]."
        )
    if scipy.sparse.issparse(ld):
        xp, device, dtype = numpy_namespace, "cpu", np.float64
    else:
        xp, device = get_namespace_and_device(ld)
        ld = move_to(ld, xp, device)
        dtype = float_dtype(ld, xp)
    if z is None:
        beta, se = to_numpy(beta), to_numpy(se)
        if beta.shape != se.shape or not np.all(se > 0):
            raise ValueError("beta and se must have one shape, and every se must be positive.")
        z = beta / se
    z = move_to(z, xp, device, dtype)
    if z.ndim != 1 or z.shape[0] == 0:
        raise ValueError(f"z must have shape (n_variants,); got {tuple(z.shape)}.")
    wrong = np.flatnonzero(~np.isfinite(to_numpy(z)))
    if wrong.size:
        raise ValueError(
            f"z holds NaN or infinity for {wrong.size} variants, the first at index {wrong[0]}: "
            "remove those variants from z and ld."
        )
    ld = make_ld(ld, z.shape[0], xp, device)
    n_samples = per_variant(n_samples, "n_samples", z, xp, device, low=2, closed="neither")
    if heterozygosity is None:
        heterozygosity = 1.0
    heterozygosity = per_variant(
        heterozygosity, "heterozygosity", z, xp, device, low=0, closed="left"
    )
    if panel_size is None:  # genotypes of fewer people than the scan has are a panel's
        people = ld.X.shape[0] if getattr(ld, "of_people", False) else np.inf
        panel_size = people if people < float(xp.max(n_samples)) else np.inf
    elif panel_size != np.inf:
        check_number(panel_size, "panel_size", low=2, closed="neither")
    locus = Locus(
        z=z if score else wald_to_correlation_z(z, n_samples),
        ld=ld,
        n_samples=n_samples,
        heterozygosity=heterozygosity,
        scale=xp.sqrt(n_samples * heterozygosity),
        trait_known=False,
        xp=xp,
        device=device,
        panel_size=panel_size,
    )
    return locus, ld_names if names is None else names


def labels(values, name):
    """Return the labels `name` of a pandas object, where all are str, as an array, or None."""
    found = getattr(values, name, None)
    if found is None or callable(found) or not all(isinstance(label, str) for label in found):
        return None
    return np.asarray(found, dtype=object)


def per_variant(values, name, z, xp, device, *, low=None, high=None, closed="neither"):
    """Return `values`, a number or (p,), as an array (p,) beside z, all in their interval."""
    if isinstance(values, Real):
        check_number(values, name, low=low, high=high, closed=closed)
        return float(values) + 0 * z
    values = move_to(values, xp, device, z.dtype)
    if values.shape != z.shape:
        raise ValueError(
            f"{name} must be a number or have one value for each of the {z.shape[0]} variants; "
            f"got shape {tuple(values.shape)}."
        )
    for extreme in (xp.min(values), xp.max(values)):
        check_number(float(extreme), f"every {name}", low=low, high=high, closed=closed)
    return values
