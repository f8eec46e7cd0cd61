"""What solvers see of the data: blocks of variants, and the residual that their effects move.

With E = Y - XB and Q the inverse of the rows' covariance (frequency weights counted), a block of
variants needs its Gram matrix X_B'QX_B and its score X_B'QE. Genotypes give both by products with
X, done where X is; summary statistics give the same from X'X and X'Y. Both then go to the host.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np

from skgenetics.multitrait._residual_covariance import ResidualCovariance
from skgenetics.utils._arrays import slices

BLOCK_SIZE = 96  # variants updated between two products with X

Block = slice | np.ndarray
"""Variants that are updated between two products with X, in the order of the updates."""


class GramPart(NamedTuple):
    """What updates need of a Gram matrix for `BLOCK_SIZE` variants at a time."""

    variants: slice
    """Place of the variants within the block."""
    triangle: np.ndarray
    """Products with the earlier variants of the part: the lower triangle, row after row."""
    later: np.ndarray
    """(later, part) products of the later variants of the block with the part's."""


class Design(ABC):
    """The data of P variants and J traits, with the residual that belongs to the effects B."""

    rows_known: ClassVar[bool]
    """Whether the samples are known, without which there is no background."""
    background: Any = None
    """`Background`, the covariance of the rows other than I, or None."""
    missing: Any = None
    """`MissingCells` of Y, or None."""

    blocks: list[Block]
    """The variants that vary, in the order of the updates."""
    grams: list[list[GramPart]]
    """X_B'QX_B of each block."""
    squared_norm: np.ndarray
    """(P,) d_p = x_p'Qx_p."""
    used: np.ndarray
    """(P,) which variants vary."""
    n_used: int
    n_traits: int
    n_samples: float
    """N, the sum of the frequency weights."""
    log_normalizer: float
    """-(J / 2) (N log 2 pi - log|Q|)."""

    @abstractmethod
    def arranged(self, *, order: np.ndarray | None = None, background: Any = None) -> "Design":
        """Return the same data with another order (P,) of the updates and another background."""

    @abstractmethod
    def start(self, effects: np.ndarray) -> None:
        """Set the residual that belongs to `effects` (P, J)."""

    @abstractmethod
    def columns(self, block: Block) -> Any:
        """Return what `score` and `move` need of a block's columns."""

    @abstractmethod
    def score(self, columns: Any) -> np.ndarray:
        """Return X_B'QE (b, J) on the host."""

    @abstractmethod
    def move(self, columns: Any, change: np.ndarray) -> None:
        """Change the effects of a block by `change` (b, J)."""

    @abstractmethod
    def square(self) -> np.ndarray:
        """Return E'QE (J, J) on the host."""

    @abstractmethod
    def restore(self, effects: np.ndarray, saved: Any) -> None:
        """Undo what happened since `save`, of `effects` (P, J)."""

    @abstractmethod
    def fitted_variance(self, effects: np.ndarray) -> np.ndarray:
        """Return the variance (J,) of X effects."""

    def settle(self) -> None:  # noqa: B027
        """Finish a sweep over all blocks."""

    def impute(self, covariance: ResidualCovariance) -> tuple[np.ndarray | float, float]:
        """Fill the missing cells; return their covariance, summed, and their part of the bound."""
        return 0.0, 0.0

    def save(self) -> Any:
        """Return what `restore` needs besides the effects."""
        return None

    @abstractmethod
    def gram_columns(self, variants: np.ndarray) -> np.ndarray:
        """Return X'Qx_p (P, k) of k variants on the host."""

    def gram_product(self, variants: np.ndarray, means: np.ndarray) -> np.ndarray:
        """Return X'QXr (P, J) of the effects `means` (k, J) of k variants."""
        return self.gram_columns(variants) @ means

    def excess_noise(self, others: np.ndarray, covariance: ResidualCovariance) -> np.ndarray | None:
        """Return by what (P,) the scores' noise exceeds Sigma beside `others` (P, J); None: 1."""
        return None

    def scores(self) -> np.ndarray:
        """Return X'QE (P, J) on the host; 0 for variants that do not vary."""
        scores = np.zeros((len(self.squared_norm), self.n_traits))
        for block in self.blocks:
            scores[block] = self.score(self.columns(block))
        return scores

    def marginal_scores(self) -> np.ndarray:
        """Return X'QY (P, J) on the host; the residual starts anew."""
        self.start(np.zeros((len(self.squared_norm), self.n_traits)))
        return self.scores()

    def shift(self, change: np.ndarray) -> None:
        """Change the effects by `change` (P, J); blocks in which nothing changes cost nothing."""
        for block in self.blocks:
            if np.any(change[block]):
                self.move(self.columns(block), change[block])
        self.settle()


def blocks_of(order: np.ndarray, block_size: int) -> list[Block]:
    """Return the variants `order` in blocks, as slices if they are consecutive."""
    return [
        contiguous(order[start : start + block_size]) for start in range(0, len(order), block_size)
    ]


def contiguous(indices: np.ndarray) -> Block:
    """Return `indices` as a slice if they are consecutive, else as they are."""
    if np.all(np.diff(indices) == 1):
        return slice(int(indices[0]), int(indices[-1]) + 1)
    return indices


def gram_parts(gram: np.ndarray) -> list[GramPart]:
    """Return the parts of a block's Gram matrix (b, b)."""
    parts = []
    for part in slices(len(gram), BLOCK_SIZE):
        triangle = np.tril_indices(part.stop - part.start, -1)
        parts.append(GramPart(part, gram[part, part][triangle], gram[part.stop :, part].copy()))
    return parts
