"""Summary statistics as solvers see them: X'X from LD, X'Y from z."""

from typing import Any, NamedTuple

import numpy as np

from skgenetics.loci._summary import SummaryStatistics
from skgenetics.multitrait._design import BLOCK_SIZE, Block, Design, blocks_of, gram_parts
from skgenetics.multitrait._residual_covariance import ResidualCovariance
from skgenetics.utils._arrays import device_of, move_to, namespace_of, to_numpy
from skgenetics.utils._typing import Array

Rows = tuple[Array, Block]
"""Rows of LD (b, P) of a block, and the block."""


class Panel(NamedTuple):
    """Dosages of people outside the scans, whose LD has errors."""

    dosages: np.ndarray
    """(m, P) Z, standardized: Z'Z is the LD."""
    to_z: np.ndarray
    """(J,) what effects are multiplied by for what they do to z."""
    noise: np.ndarray
    """(J, J) covariance of the noise of z without the errors."""

    def excess_noise(
        self, others: np.ndarray, ld: np.ndarray, covariance: ResidualCovariance
    ) -> np.ndarray:
        """Return the noise of z (P,) in units of Sigma, averaged over traits and not below 1.

        `others` (P, J) move z by RV, whose errors at a variant p are the mean over the panel's
        people of z_p (ZV), less its expectation: their covariance is that of z_p (ZV), over m. In
        a rare variant few people make it, so that it may be many times that of normal Z.
        """
        used = np.any(others != 0, axis=1)
        moved = others[used] * self.to_z
        scores, expected = self.dosages[:, used] @ moved, ld[:, used] @ moved
        inverse = covariance.inverse
        square = np.sum((scores @ inverse) * scores, axis=1) @ self.dosages**2
        square -= np.sum((expected @ inverse) * expected, axis=1) / len(scores)
        return np.maximum((np.sum(self.noise * inverse) + square) / len(inverse), 1.0)


class SummaryDesign(Design):
    """X'X, X'Y and Y'Y of samples that are not known; traits and variants are standardized.

    Parameters
    ----------
    ld : array (P, P)
        Correlations of the variants, in double precision.
    correlation : array (P, J), on the host
        Of variants and traits.
    trait_correlation : array (J, J), on the host
        Y'Y / N. Only its diagonal, 1, is known; the rest adds a constant to the bound.
    n_samples : float
    order : array (P,) of int, or None
    panel : Panel, optional
        The people that the LD is of, if they are not those of the scans.
    """

    rows_known = False

    def __init__(
        self,
        ld: Array,
        correlation: np.ndarray,
        trait_correlation: np.ndarray,
        *,
        n_samples: float,
        order: np.ndarray | None = None,
        panel: Panel | None = None,
    ) -> None:
        self.panel = panel
        n_variants, self.n_traits = correlation.shape
        self.ld, self.correlation, self.trait_correlation = ld, correlation, trait_correlation
        self.n_samples, self.norm = float(n_samples), float(n_samples) - 1
        self.squared_norm = np.full(n_variants, self.norm)
        self.used, self.n_used = np.ones(n_variants, dtype=bool), n_variants
        self.blocks = blocks_of(np.arange(n_variants) if order is None else order, BLOCK_SIZE)
        self.grams = [
            gram_parts(self.norm * to_numpy(self.columns(block)[0])[:, block])
            for block in self.blocks
        ]
        self.cross_products = np.sqrt(self.norm * self.n_samples) * correlation  # X'Y
        self.total = self.n_samples * trait_correlation  # Y'Y
        self.log_normalizer = -self.n_traits * self.n_samples * np.log(2 * np.pi) / 2

    def arranged(
        self, *, order: np.ndarray | None = None, background: Any = None
    ) -> "SummaryDesign":
        """Return the same data with another order of the updates; a background there is none."""
        return SummaryDesign(
            self.ld,
            self.correlation,
            self.trait_correlation,
            n_samples=self.n_samples,
            order=order,
            panel=self.panel,
        )

    def excess_noise(self, others: np.ndarray, covariance: ResidualCovariance) -> np.ndarray | None:
        """Return that of the panel's errors, if its dosages are known."""
        if self.panel is None:
            return None
        return self.panel.excess_noise(others, to_numpy(self.ld), covariance)

    def beside(self, values: Array) -> Array:
        """Return host `values` beside the LD."""
        return move_to(values, namespace_of(self.ld), device_of(self.ld))

    def columns(self, block: Block) -> Rows:
        """Return the rows of LD (b, P) of a block, and the block."""
        if isinstance(block, slice):
            return self.ld[block, :], block
        return namespace_of(self.ld).take(self.ld, self.beside(block), axis=0), block

    def start(self, effects: np.ndarray) -> None:
        """Set X'(Y - XB) that belongs to `effects` (P, J)."""
        self.effects, self.residual_scores = np.zeros_like(effects), self.cross_products.copy()
        for block in self.blocks:
            self.move(self.columns(block), effects[block])

    def score(self, columns: Rows) -> np.ndarray:
        """Return X_B'(Y - XB)."""
        return self.residual_scores[columns[1]]

    def move(self, columns: Rows, change: np.ndarray) -> None:
        """Change the effects of a block by `change` (b, J)."""
        rows, block = columns
        self.effects[block] += change
        self.residual_scores = self.residual_scores - self.norm * to_numpy(
            rows.T @ self.beside(change)
        )

    def gram_columns(self, variants: np.ndarray) -> np.ndarray:
        """Return X'x_p (P, k) of k variants on the host."""
        return self.norm * to_numpy(self.columns(variants)[0]).T

    def square(self) -> np.ndarray:
        """Return (Y - XB)'(Y - XB)."""
        square = self.total - self.effects.T @ (self.cross_products + self.residual_scores)
        check_square(square)
        return (square + square.T) / 2

    def restore(self, effects: np.ndarray, saved: None) -> None:
        """Undo what happened since `save`, of `effects` (P, J)."""
        self.start(effects)

    def fitted_variance(self, effects: np.ndarray) -> np.ndarray:
        """Return the variance (J,) of X effects."""
        product = np.zeros_like(effects)
        for block in self.blocks:
            product += to_numpy(self.columns(block)[0].T @ self.beside(effects[block]))
        return np.sum(effects * product, axis=0) * self.norm / self.n_samples


def check_square(square: np.ndarray) -> None:
    """Raise ValueError unless squares of residuals (J, J) are positive."""
    if not np.all(np.diag(square) > 0):
        raise ValueError(
            "The effects explain more than the variance of the traits: z does not fit ld. Is "
            "ld of the same people and alleles, and positive semidefinite? Shrink the LD of a "
            "reference panel, (1 - s) * ld + s * np.eye(len(ld)), by some s between 0 and 1."
        )


def variant_trait_correlations(statistics: SummaryStatistics) -> np.ndarray:
    """Return cor(x_p, y_j) (P, J) = z / sqrt(z^2 + n - 2) of Wald statistics z, on the host."""
    z, n_samples = (to_numpy(a).astype(float) for a in (statistics.z, statistics.n_samples))
    return z / np.sqrt(z**2 + n_samples - 2)
