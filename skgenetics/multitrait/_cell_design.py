"""Summary statistics of which cells, a variant and a trait each, differ in their people.

z scores of the measured cells are N(D R beta, V), with D the roots of the cells' sample sizes n and
V = C o R o K between cells: C is the correlation of the traits' noise, and K = sqrt(min / max) of
the shares of a trait's people that two cells have, the people of one being among those of the
other. The likelihood of the effects has the quadratic form Lambda = (DR)'V^-1 DR, whose blocks of
two variants are J x J matrices, and the linear term (DR)'V^-1 z.
"""

from typing import Any

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from skgenetics.multitrait._design import BLOCK_SIZE, Block, Design, GramPart, blocks_of
from skgenetics.utils._arrays import slices

MAX_CELLS = 5000  # variants times traits: Lambda is dense
SAME_PEOPLE = 1.02  # most over fewest people of a trait's cells: below it all have the same people
RIDGE = 1e-3  # of R, which must have an inverse


def cells_differ(z: np.ndarray, n_samples: np.ndarray) -> bool:
    """Whether cells of z (P, J) are missing, or differ in n (J,) or (P, J) within a trait."""
    if np.isnan(z).any():
        return True
    n_samples = np.atleast_2d(n_samples)
    return bool(np.any(n_samples.max(axis=0) > SAME_PEOPLE * n_samples.min(axis=0)))


class CellDesign(Design):
    """The likelihood of effects (P, J) on standardized variants and traits.

    The noise of the traits is part of Lambda; to the solver it is I.

    Parameters
    ----------
    z : array (P, J)
        sqrt(n) times correlations of variants and traits; NaN = not measured.
    n_samples : array (P, J)
    ld : array (P, P)
    noise : array (J, J)
        C.
    order : array (P,) of int, or None
    """

    rows_known = False

    def __init__(
        self,
        z: np.ndarray,
        n_samples: np.ndarray,
        ld: np.ndarray,
        noise: np.ndarray,
        *,
        order: np.ndarray | None = None,
    ) -> None:
        self.cells = z, n_samples
        form, linear = quadratic_form(z, n_samples, ld, noise)
        self._arrange(form, linear, ld, ~np.isnan(z).all(axis=1), order)

    def _arrange(
        self,
        form: np.ndarray,
        linear: np.ndarray,
        ld: np.ndarray,
        used: np.ndarray,
        order: np.ndarray | None,
    ) -> None:
        self.form, self.linear, self.ld, self.used = form, linear, ld, used
        self.n_traits, self.n_used = linear.shape[1], int(used.sum())
        self.n_samples, self.log_normalizer = 1.0, 0.0
        each = np.arange(len(linear))
        self.squared_norm = form[each, :, each, :]
        order = each if order is None else order
        self.blocks = blocks_of(order[used[order]], BLOCK_SIZE)
        self.grams = [gram_parts_of_cells(form[block][:, :, block]) for block in self.blocks]

    def arranged(self, *, order: np.ndarray | None = None, background: Any = None) -> "CellDesign":
        """Return the same data with another order of the updates; a background there is none."""
        other = CellDesign.__new__(CellDesign)
        other.cells = self.cells
        other._arrange(self.form, self.linear, self.ld, self.used, order)
        return other

    def with_noise(self, noise: np.ndarray) -> "CellDesign":
        """Return the same cells with another covariance C (J, J) of the noise."""
        return CellDesign(*self.cells, self.ld, noise)

    def columns(self, block: Block) -> Block:
        """Return the block."""
        return block

    def start(self, effects: np.ndarray) -> None:
        """Set the scores that belong to `effects` (P, J)."""
        self.effects = effects.copy()
        self.residual_scores = self.linear - np.tensordot(self.form, effects, 2)

    def score(self, columns: Block) -> np.ndarray:
        """Return the scores of a block (b, J)."""
        return self.residual_scores[columns].copy()

    def move(self, columns: Block, change: np.ndarray) -> None:
        """Change the effects of a block by `change` (b, J)."""
        self.effects[columns] += change
        moved = np.tensordot(self.form[:, :, columns, :], change, 2)
        self.residual_scores = self.residual_scores - moved

    def square(self) -> np.ndarray:
        """Return -2 l'b + b'Lambda b of the effects b, in the diagonal of a matrix (J, J)."""
        return -np.diag(np.sum(self.effects * (self.linear + self.residual_scores), axis=0))

    def restore(self, effects: np.ndarray, saved: None) -> None:
        """Undo what happened since `save`, of `effects` (P, J)."""
        self.start(effects)

    def gram_columns(self, variants: np.ndarray) -> np.ndarray:
        """Return the columns (P, J, k, J) of Lambda of k variants."""
        return self.form[:, :, variants, :]

    def gram_product(self, variants: np.ndarray, means: np.ndarray) -> np.ndarray:
        """Return Lambda r (P, J) of the effects `means` (k, J) of k variants."""
        return np.tensordot(self.gram_columns(variants), means, 2)

    def fitted_variance(self, effects: np.ndarray) -> np.ndarray:
        """Return the variance (J,) of X effects."""
        return np.sum(effects * (self.ld @ effects), axis=0)


def quadratic_form(
    z: np.ndarray, n_samples: np.ndarray, ld: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return Lambda (P, J, P, J) and the linear term (P, J) of `CellDesign`'s parameters."""
    n_variants, n_traits = z.shape
    if z.size > MAX_CELLS:
        raise ValueError(
            f"z has {z.size} cells (variants times traits). Cells that are missing or of other "
            f"people than their trait's are taken into account up to {MAX_CELLS} cells: split the "
            "locus, or leave out the variants that are not measured in all traits and people."
        )
    variant, trait = np.nonzero(~np.isnan(z))
    R = (1 - RIDGE) * ld + RIDGE * np.eye(n_variants)
    people = n_samples[variant, trait]
    most = np.array([np.max(people[trait == j], initial=1.0) for j in range(n_traits)])
    share = people / most[trait]
    ratio = share[:, None] / share
    V = noise[np.ix_(trait, trait)] * R[np.ix_(variant, variant)]
    V *= np.sqrt(np.minimum(ratio, 1 / ratio))
    lower = cholesky(V, lower=True)
    design = np.zeros((len(people), n_variants, n_traits))
    design[np.arange(len(people)), :, trait] = np.sqrt(people)[:, None] * R[variant]
    design = solve_triangular(lower, design.reshape(len(people), -1), lower=True)
    linear = design.T @ solve_triangular(lower, z[variant, trait], lower=True)
    shape = n_variants, n_traits
    return (design.T @ design).reshape(shape + shape), linear.reshape(shape)


def gram_parts_of_cells(form: np.ndarray) -> list[GramPart]:
    """Return the parts of a block's Lambda (b, J, b, J), whose pairs of variants come first."""
    parts, pairs = [], form.transpose(0, 2, 1, 3)
    for part in slices(len(form), BLOCK_SIZE):
        triangle = np.tril_indices(part.stop - part.start, -1)
        parts.append(GramPart(part, pairs[part, part][triangle], pairs[part.stop :, part].copy()))
    return parts
