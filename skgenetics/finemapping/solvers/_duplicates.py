"""Variants that the data cannot tell apart, whose answers must be the same.

Draws choose among such variants at random. The posterior is the same for each, so the average over
them is an estimate of less error, and no order of the variants shows in it.
"""

from typing import NamedTuple

import numpy as np

from skgenetics.loci._summary import Locus
from skgenetics.utils._arrays import to_numpy

SAME = 1e-6  # |r| from 1, and z and properties from each other, relative to the largest


class Duplicates(NamedTuple):
    """Groups of variants of |r| = 1, of the same z and the same prior."""

    group: np.ndarray
    """Number (p,) of the group of each variant, 0, 1, ...; most are alone in theirs."""
    sign: np.ndarray
    """Sign (p,) of r with the first variant of the group."""

    def averaged(self, values: np.ndarray) -> np.ndarray:
        """Return `values` (..., p) with the mean over the group in every variant's place."""
        sizes = np.bincount(self.group)
        if len(sizes) == len(self.group):
            return values
        rows = values.reshape(-1, values.shape[-1])
        means = np.stack([np.bincount(self.group, weights=row) / sizes for row in rows])
        return means[:, self.group].reshape(values.shape)

    def averaged_effects(self, effects: np.ndarray) -> np.ndarray:
        """Return `effects` (..., p), whose signs follow the counted allele, averaged likewise."""
        return self.sign * self.averaged(self.sign * effects)


def find_duplicates(locus: Locus, properties: np.ndarray) -> Duplicates:
    """Return the groups of duplicates; each must agree in its `properties` (p, k), the prior's."""
    z = to_numpy(locus.z).astype(float)
    properties = np.column_stack([properties, to_numpy(locus.scale).astype(float)])
    properties = properties / np.maximum(np.abs(properties).max(axis=0, initial=0.0), 1e-300)
    first, sign = np.arange(len(z)), np.ones(len(z))
    order = np.argsort(np.abs(z), kind="stable")
    tolerance = SAME * np.abs(z).max(initial=0.0)
    for run in np.split(order, np.flatnonzero(np.diff(np.abs(z[order])) > tolerance) + 1):
        while len(run) > 1:
            lead, run = run[0], run[1:]
            r = to_numpy(locus.ld.rows(np.array([lead])))[0][run]
            same = (np.abs(r) >= 1 - SAME) & (np.abs(np.sign(r) * z[run] - z[lead]) <= tolerance)
            same &= (np.abs(properties[run] - properties[lead]) <= SAME).all(axis=1)
            first[run[same]], sign[run[same]] = lead, np.sign(r[same])
            run = run[~same]
    return Duplicates(np.unique(first, return_inverse=True)[1], sign)
