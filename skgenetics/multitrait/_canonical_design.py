"""Genotypes and canonical traits, which are independent but for the variants' effects.

With a background of its own heritability in every trait, the rows of the canonical traits AY have
covariances H_j that differ (`CanonicalBackground`). Products with Q_j = H_j^-1 are made column by
column; the Gram matrix of a block and the squared norms d_pj = x_p'Q_j x_p have an axis of traits.
"""

from typing import ClassVar

import numpy as np

from skgenetics.multitrait._background import CanonicalBackground
from skgenetics.multitrait._genotype_design import GenotypeDesign
from skgenetics.multitrait._missing_cells import Filled
from skgenetics.multitrait._residual_covariance import ResidualCovariance
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._typing import Array


class CanonicalDesign(GenotypeDesign):
    """The data of `design` in the canonical traits of `background`.

    Parameters
    ----------
    design : GenotypeDesign
        Without a background.
    background : CanonicalBackground
    order : array (P,) of int, or None
        Order of the updates; None: the order of the columns.
    """

    background: CanonicalBackground
    background_block_size: ClassVar[int] = 96  # a Gram matrix per trait

    def __init__(
        self,
        design: GenotypeDesign,
        background: CanonicalBackground,
        *,
        order: np.ndarray | None = None,
    ) -> None:
        super().__init__(
            design.X,
            background.to_canonical(to_numpy(design.Y)),
            design.genotypes,
            weight=None if design.weight is None else design.host_weight,
            centered=design.centered,
            missing=design.missing,
            background=background,
            order=order,
        )

    def norms(self) -> np.ndarray:
        """Return room for the squared norms (P, J)."""
        return np.zeros((len(self.used), self.n_traits))

    def gram(self, columns: Array) -> np.ndarray:
        """Return X_B'Q_j X_B (b, b, J) of standardized columns (n, b) on the host."""
        rotated, kept = self.background.rotate(columns), self.background.kept
        grams = [rotated.T @ (kept[:, j, None] * rotated) for j in range(self.n_traits)]
        return np.stack([to_numpy(gram) for gram in grams], axis=-1)

    def precise(self, values: Array) -> Array:
        """Return W^-1 Q_j values_j (n, J)."""
        return self.background.refine(values)

    def in_traits(self, values: Array) -> np.ndarray:
        """Return canonical `values` (n, J) in the traits' units, on the host."""
        return self.background.to_traits(to_numpy(values))

    def filled(self, covariance: ResidualCovariance) -> Filled:
        """Return the residual with its missing cells filled."""
        background = self.background
        return self.missing.impute_by_trait(
            to_numpy(self.residual),
            np.diag(covariance.matrix),
            basis=background.basis,
            vectors=to_numpy(background.vectors),
            kept=to_numpy(background.kept),
            diagonal=background.diagonal,
            centered=self.centered,
        )
