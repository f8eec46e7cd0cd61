"""Genotypes and traits as solvers see them: products with X, done where X is."""

from typing import Any, ClassVar

import numpy as np

from skgenetics.multitrait._design import BLOCK_SIZE, Block, Design, blocks_of, gram_parts
from skgenetics.multitrait._missing_cells import Filled, MissingCells
from skgenetics.multitrait._moments import Genotypes
from skgenetics.multitrait._residual_covariance import ResidualCovariance
from skgenetics.utils._arrays import device_of, is_numpy, move_to, namespace_of, slices, to_numpy
from skgenetics.utils._opened import take
from skgenetics.utils._typing import Array

ORDERED_BLOCK_SIZE = 72  # likewise in another order than the columns', which copies them
UNPACKED = 10**6  # multiplications up to which OpenBLAS does not copy the factors of a product
LEAST_ROWS = 64  # with so many traits that fewer samples would be multiplied, copying costs less

Columns = tuple[Array, Array, Array]
"""Columns of a block (n, b) as they are, their means (b,) and inverse deviations (b,)."""


class GenotypeDesign(Design):
    """Genotypes X (n, P), kept in their dtype, and traits Y (n, J).

    Parameters
    ----------
    X : array (n, P)
    Y : array (n, J)
        Traits, centered if X is; missing cells hold any number.
    genotypes : Genotypes
        Moments of the columns of X.
    weight : array (n,) or None, on the host
        Positive frequency weights.
    centered : bool
        Whether an intercept is fitted: X and Y have the weighted mean 0.
    missing : MissingCells or None
    background : Background or None
        Covariance of the rows other than I.
    order : array (P,) of int, or None
        Order of the updates; None: the order of the columns.
    """

    rows_known = True
    background_block_size: ClassVar[int] = 256  # if a product with n x n matrices comes on top

    def __init__(
        self,
        X: Array,
        Y: Array,
        genotypes: Genotypes,
        *,
        weight: np.ndarray | None = None,
        centered: bool = False,
        missing: MissingCells | None = None,
        background: Any = None,
        order: np.ndarray | None = None,
    ) -> None:
        self.X, self.xp, self.device = X, namespace_of(X), device_of(X)
        self.genotypes, self.centered = genotypes, centered
        self.background, self.missing = background, missing
        self.mean, self.inverse_sd = self.array(genotypes.mean), self.array(genotypes.inverse_sd)
        self.host_weight = np.ones(Y.shape[0]) if weight is None else weight
        self.row_weight = self.array(self.host_weight)
        self.weight = None if weight is None else self.row_weight[:, None]
        self.Y, self.n_traits = self.array(Y), Y.shape[1]
        self.n_samples = float(self.host_weight.sum())
        self.used = genotypes.inverse_sd > 0
        self.n_used = int(self.used.sum())
        precision = getattr(background, "precision", None)
        self.precision = None if precision is None else self.array(precision)
        block_size = BLOCK_SIZE if order is None else ORDERED_BLOCK_SIZE
        if background is not None:
            block_size = self.background_block_size
        order = np.arange(X.shape[1]) if order is None else order
        self.blocks = blocks_of(order[self.used[order]], block_size)
        n_rows = UNPACKED // (block_size * self.n_traits)
        if n_rows < LEAST_ROWS or not is_numpy(self.xp):
            n_rows = Y.shape[0]
        self.rows = list(slices(Y.shape[0], n_rows))
        log_det = 0.0 if background is None else background.log_det
        self.log_normalizer = -self.n_traits * (self.n_samples * np.log(2 * np.pi) + log_det) / 2
        self._multiply_blocks()

    def _multiply_blocks(self) -> None:
        """Set the Gram matrices of the blocks, and the squared norms."""
        self.squared_norm, self.grams = self.norms(), []
        for block in self.blocks:
            gram = self.gram(self.standardized(block))
            if self.background is not None:
                diagonal = np.arange(len(gram))
                self.squared_norm[block] = gram[diagonal, diagonal]
            self.grams.append(gram_parts(gram))

    def norms(self) -> np.ndarray:
        """Return the squared norms (P,) without a background, or room for them."""
        norms = self.genotypes.squared_norm
        return norms if self.background is None else norms.copy()

    def gram(self, columns: Array) -> np.ndarray:
        """Return X_B'QX_B (b, b) of standardized columns (n, b) on the host."""
        return to_numpy(columns.T @ self.weigh(self.precise(columns)))

    def arranged(
        self, *, order: np.ndarray | None = None, background: Any = None
    ) -> "GenotypeDesign":
        """Return the same data with another order of the updates and another background."""
        return GenotypeDesign(
            self.X,
            self.Y,
            self.genotypes,
            weight=None if self.weight is None else self.host_weight,
            centered=self.centered,
            missing=self.missing,
            background=background,
            order=order,
        )

    def array(self, values: Any) -> Array:
        """Return host `values` beside X, in double precision."""
        return move_to(values, self.xp, self.device, self.xp.float64)

    def columns(self, block: Block) -> Columns:
        """Return the columns of a block (n, b) as they are, their means and inverse deviations."""
        if isinstance(block, slice):
            chosen, mean, inverse_sd = self.X[:, block], self.mean[block], self.inverse_sd[block]
        else:
            index = move_to(block, self.xp, self.device)
            chosen = take(self.X, block, axis=1)
            mean, inverse_sd = self.xp.take(self.mean, index), self.xp.take(self.inverse_sd, index)
        return self.xp.astype(chosen, self.xp.float64, copy=False), mean, inverse_sd

    def standardized(self, block: Block) -> Array:
        """Return the standardized columns of a block (n, b)."""
        chosen, mean, inverse_sd = self.columns(block)
        chosen = chosen - mean
        chosen *= inverse_sd
        return chosen

    def times(self, block: Block, effects: np.ndarray) -> Array:
        """Return X_B effects (n, J) of the block, from all effects (P, J)."""
        chosen, mean, inverse_sd = self.columns(block)
        scaled = inverse_sd[:, None] * self.array(effects[block])
        return chosen @ scaled - mean @ scaled

    def weigh(self, values: Array) -> Array:
        """Return W values (n, ...)."""
        return values if self.weight is None else self.weight * values

    def precise(self, values: Array) -> Array:
        """Return W^-1 Q values (n, ...), of values of the weighted mean 0 if centered."""
        return values if self.precision is None else self.precision @ values

    def start(self, effects: np.ndarray) -> None:
        """Set the residual that belongs to `effects` (P, J)."""
        self.residual = self.Y + 0.0
        if np.any(effects):
            for block in self.blocks:
                self.subtract(self.columns(block), effects[block])
            self.settle()
        self.refined = self.precise(self.residual)

    def score(self, columns: Columns) -> np.ndarray:
        """Return X_B'QE on the host; standardizing the product spares standardizing X_B."""
        chosen, mean, inverse_sd = columns
        weighed = self.weigh(self.refined)
        score = sum(chosen[rows, :].T @ weighed[rows, :] for rows in self.rows)
        score -= mean[:, None] * (self.row_weight @ self.refined)
        score *= inverse_sd[:, None]
        return to_numpy(score)

    def subtract(self, columns: Columns, effects: np.ndarray) -> None:
        """Take X_B effects (b, J) of a block from the residual, whose mean is then not 0.

        Scores do not depend on the mean if X is centered; `settle` removes it.
        """
        chosen, _, inverse_sd = columns
        scaled = inverse_sd[:, None] * self.array(effects)
        for rows in self.rows:
            self.residual[rows, :] -= chosen[rows, :] @ scaled

    def move(self, columns: Columns, change: np.ndarray) -> None:
        """Change the effects of a block by `change` (b, J)."""
        self.subtract(columns, change)
        self.refined = self.precise(self.residual)

    def settle(self) -> None:
        """Give the residual its mean of 0 again after a sweep, if X is centered."""
        if self.centered:
            self.residual -= self.row_weight @ self.residual / self.n_samples
        if self.background is None:
            self.refined = self.residual

    def square(self) -> np.ndarray:
        """Return E'QE (J, J) on the host."""
        square = to_numpy(self.residual.T @ self.weigh(self.refined))
        return (square + square.T) / 2

    def impute(self, covariance: ResidualCovariance) -> tuple[np.ndarray | float, float]:
        """Fill the missing cells; return their covariance, summed, and their part of the bound."""
        if self.missing is None:
            return super().impute(covariance)
        filled = self.filled(covariance)
        self.residual, self.refined = self.array(filled.residual), self.array(filled.refined)
        return filled.covariance, filled.log_volume

    def filled(self, covariance: ResidualCovariance) -> Filled:
        """Return the residual with its missing cells filled."""
        return self.missing.impute(
            to_numpy(self.residual),
            to_numpy(self.refined),
            covariance.matrix,
            background=self.background,
            centered=self.centered,
        )

    def in_traits(self, values: Array) -> np.ndarray:
        """Return `values` (n, J) that belong to the design's traits in those of y, on the host."""
        return to_numpy(values)

    def gram_columns(self, variants: np.ndarray) -> np.ndarray:
        """Return X'Qx_p (P, k) of k variants on the host."""
        chosen = self.weigh(self.precise(self.standardized(variants)))
        products = np.zeros((len(self.squared_norm), len(variants)))
        for block in self.blocks:
            products[block] = to_numpy(self.standardized(block).T @ chosen)
        return products

    def fitted(self, effects: np.ndarray) -> Array:
        """Return X effects (n, J), of all effects (P, J)."""
        fitted = 0.0 * self.Y
        for block in self.blocks:
            fitted += self.times(block, effects)
        return fitted

    def fitted_variance(self, effects: np.ndarray) -> np.ndarray:
        """Return the variance (J,) of X effects; X has mean 0 if centered."""
        return self.host_weight @ to_numpy(self.fitted(effects)) ** 2 / self.n_samples

    def save(self) -> Array | None:
        """Return what `restore` needs besides the effects: with missing cells the residual."""
        return None if self.missing is None else self.residual + 0.0

    def restore(self, effects: np.ndarray, saved: Array | None) -> None:
        """Undo what happened since `save`, of `effects` (P, J)."""
        if saved is None:
            self.start(effects)
        else:
            self.residual, self.refined = saved, self.precise(saved)


def intercept(design: GenotypeDesign, effects: np.ndarray) -> np.ndarray:
    """Return the intercept (J,) of a design with missing cells, relative to `design.Y`.

    On the observed cells Y - XB - E is the shift of the intercept so far. The remaining shift in E
    follows by generalized least squares, which is its mean if X is centered.
    """
    shift = design.in_traits(design.Y - design.residual) - to_numpy(design.fitted(effects))
    weight = design.host_weight[:, None] * design.missing.observed
    remaining = design.host_weight @ design.in_traits(design.residual) / design.n_samples
    return np.sum(weight * shift, axis=0) / np.sum(weight, axis=0) + remaining
