"""Scans of one trait in populations of other people, with an LD each.

A trait here is the trait in one population. Nobody is in two of them, so that their noise is
independent, and the precision of a variant is diag(d_pj), 0 where population j lacks the variant.
Within a population X'X and X'Y are those of `_summary_design`. A variant that it has, but did not
measure, is seen through the measured ones M: z_M is N(sqrt(n) R_M. b, R_MM), so that in place of R
there is what they explain, R_.M R_MM^-1 R_M., and in place of z what they say, R_.M R_MM^-1 z_M.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skgenetics.multitrait._cell_design import RIDGE
from skgenetics.multitrait._design import BLOCK_SIZE, Block, Design, blocks_of, gram_parts
from skgenetics.multitrait._summary_design import check_square


class PopulationDesign(Design):
    """X_j'X_j and X_j'y_j of populations j; traits and variants are standardized.

    Parameters
    ----------
    ld : array (J, P, P)
        Correlations of the variants; 0 where a population lacks one of the two.
    correlation : array (P, J)
        Of variants and traits, likewise.
    n_samples : array (J,)
    order : array (P,) of int, or None
    """

    rows_known = False

    def __init__(
        self,
        ld: np.ndarray,
        correlation: np.ndarray,
        n_samples: np.ndarray,
        *,
        order: np.ndarray | None = None,
    ) -> None:
        self.ld, self.correlation, self.people = ld, correlation, n_samples
        n_variants, self.n_traits = correlation.shape
        self.n_samples, self.norm = float(n_samples.mean()), n_samples - 1
        self.squared_norm = self.norm * np.diagonal(ld, axis1=1, axis2=2).T
        self.used = np.any(self.squared_norm > 0, axis=1)
        self.n_used = int(self.used.sum())
        order = np.arange(n_variants) if order is None else order
        self.blocks = blocks_of(order[self.used[order]], BLOCK_SIZE)
        self.grams = [gram_parts(self.gram_columns(block)[block]) for block in self.blocks]
        self.cross_products = np.sqrt(self.norm * n_samples) * correlation  # X'Y
        self.log_normalizer = -float(n_samples.sum()) * np.log(2 * np.pi) / 2

    def arranged(
        self, *, order: np.ndarray | None = None, background: Any = None
    ) -> "PopulationDesign":
        """Return the same data with another order of the updates; a background there is none."""
        return PopulationDesign(self.ld, self.correlation, self.people, order=order)

    def columns(self, block: Block) -> Block:
        """Return the block."""
        return block

    def start(self, effects: np.ndarray) -> None:
        """Set the scores that belong to `effects` (P, J)."""
        self.effects = effects.copy()
        self.residual_scores = self.cross_products - self.norm * product(self.ld, effects)

    def score(self, columns: Block) -> np.ndarray:
        """Return the scores of a block (b, J)."""
        return self.residual_scores[columns].copy()

    def move(self, columns: Block, change: np.ndarray) -> None:
        """Change the effects of a block by `change` (b, J)."""
        self.effects[columns] += change
        moved = product(self.ld[:, :, columns], change)
        self.residual_scores = self.residual_scores - self.norm * moved

    def square(self) -> np.ndarray:
        """Return y_j'y_j - 2 b_j'X_j'y_j + b_j'X_j'X_j b_j in the diagonal of a matrix (J, J)."""
        explained = np.sum(self.effects * (self.cross_products + self.residual_scores), axis=0)
        square = np.diag(self.people - explained)
        check_square(square)
        return square

    def restore(self, effects: np.ndarray, saved: None) -> None:
        """Undo what happened since `save`, of `effects` (P, J)."""
        self.start(effects)

    def gram_columns(self, variants: Any) -> np.ndarray:
        """Return X_j'x_pj (P, k, J) of k variants."""
        return np.moveaxis(self.ld[:, :, variants], 0, -1) * self.norm

    def gram_product(self, variants: np.ndarray, means: np.ndarray) -> np.ndarray:
        """Return X_j'X_j r_j (P, J) of the effects `means` (k, J) of k variants."""
        return self.norm * product(self.ld[:, :, variants], means)

    def fitted_variance(self, effects: np.ndarray) -> np.ndarray:
        """Return the variance (J,) of X effects."""
        return np.sum(effects * product(self.ld, effects), axis=0) * self.norm / self.people


def seen_through(
    ld: np.ndarray, correlation: np.ndarray, measured: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return LD (p, p) and correlations (p,) with a trait as the `measured` variants know them.

    Those of measured variants stay as they are.
    """
    if measured.all():
        return ld, correlation
    inside = (1 - RIDGE) * ld[np.ix_(measured, measured)] + RIDGE * np.eye(measured.sum())
    explained = np.linalg.solve(inside, ld[measured][:, ~measured]).T  # R_.M R_MM^-1
    ld, correlation = ld.copy(), correlation.copy()
    correlation[~measured] = explained @ correlation[measured]
    ld[np.ix_(~measured, ~measured)] = explained @ ld[measured][:, ~measured]
    return ld, correlation


def product(matrices: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return A_j b_j (P, J) of matrices (J, P, k) and values (k, J)."""
    return np.stack([A @ b for A, b in zip(matrices, values.T, strict=True)], axis=1)


def strongest(ld: Sequence[np.ndarray]) -> np.ndarray:
    """Return the correlations (P, P) that are the largest, by size, among the populations'."""
    largest = ld[0].copy()
    for other in ld[1:]:
        largest = np.where(np.abs(other) > np.abs(largest), other, largest)
    np.fill_diagonal(largest, 1.0)
    return largest
