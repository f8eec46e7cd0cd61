"""Summary statistics in place of data: X'X from LD, X'Y from z."""

import numpy as np

from skgenetics.multitrait._genotype_design import BLOCK, contiguous, packed
from skgenetics.multitrait._priors import check_psd
from skgenetics.utils._arrays import move_to, to_numpy

NULL_Z = 2.0  # variants whose abs(z) stays below it in every trait tell how the noise correlates


class SummaryDesign:
    """X'X, X'Y and Y'Y of samples that are not known; traits and variants are standardized.

    Parameters
    ----------
    ld : array (P, P)
        Correlations of the variants.
    correlation : array (P, J), on the host
        Of variants and traits.
    trait_correlation : array (J, J), on the host
    n_samples : float
    order : array (P,) of int, or None
    """

    background, missing, rows_known = None, None, False

    def __init__(
        self, ld, correlation, trait_correlation, *, n_samples, background, order, xp, device
    ):
        n_variants, n_traits = correlation.shape
        self.ld, self.xp, self.device = ld, xp, device
        self.n_samples, self.norm = float(n_samples), float(n_samples) - 1
        self.squared_norm = np.full(n_variants, self.norm)
        self.used, self.n_used = np.ones(n_variants, dtype=bool), n_variants
        order = np.arange(n_variants) if order is None else order
        self.blocks = [
            contiguous(order[start : start + BLOCK]) for start in range(0, n_variants, BLOCK)
        ]
        self.grams = [
            packed(self.norm * to_numpy(self.columns(block)[0])[:, block]) for block in self.blocks
        ]
        self.Y = np.sqrt(self.norm * self.n_samples) * correlation  # X'Y
        self.total = self.n_samples * trait_correlation
        self.log_normalizer = -n_traits * self.n_samples * np.log(2 * np.pi) / 2

    def columns(self, block):
        """Return the rows of LD (b, P) of a block, and the block."""
        if isinstance(block, slice):
            return self.ld[block, :], block
        return self.xp.take(self.ld, move_to(block, self.xp, self.device), axis=0), block

    def start(self, effects):
        """Set X'(Y - XB) that belongs to `effects` (P, J)."""
        self.effects, self.scores = np.zeros_like(effects), self.Y.copy()
        for block in self.blocks:
            self.move(self.columns(block), effects[block])

    def score(self, columns):
        """Return X_B'(Y - XB)."""
        return self.scores[columns[1]]

    def move(self, columns, change):
        """Change the effects of a block by `change` (b, J)."""
        rows, block = columns
        self.effects[block] += change
        change = move_to(change, self.xp, self.device, self.xp.float64)
        self.scores = self.scores - self.norm * to_numpy(rows.T @ change)

    def settle(self):
        """Nothing is left to do after a sweep."""

    def square(self):
        """Return (Y - XB)'(Y - XB)."""
        square = self.total - self.effects.T @ (self.Y + self.scores)
        if not np.all(np.diag(square) > 0):
            raise ValueError(
                "The effects explain more than the variance of the traits: z does not fit ld. Is "
                "ld of the same people and alleles, and positive semidefinite? Shrink that of a "
                "reference panel, (1 - s) * ld + s * np.eye(len(ld)), by some s between 0 and 1."
            )
        return (square + square.T) / 2

    def impute(self, covariance):
        """Nothing is missing."""
        return 0.0, 0.0

    def save(self):
        """`restore` needs the effects alone."""

    def restore(self, effects, saved):
        """Undo what happened since `save`, of `effects` (P, J)."""
        self.start(effects)

    def fitted_variance(self, effects):
        """Return the variance (J,) of X effects."""
        moved = np.zeros_like(effects)
        for block in self.blocks:
            rows = move_to(effects[block], self.xp, self.device, self.xp.float64)
            moved += to_numpy(self.columns(block)[0].T @ rows)
        return np.sum(effects * moved, axis=0) * self.norm / self.n_samples


def validate_summary(bhat, shat, z, ld, n_samples, trait_correlation, *, xp, device):
    """Return ld (P, P), and on the host correlations with the traits, of the traits, and n (J,)."""
    if z is None:
        if bhat is None or shat is None:
            raise ValueError("fit_summary needs z, or bhat and shat.")
        bhat, shat = to_numpy(bhat).astype(float), to_numpy(shat).astype(float)
        if bhat.shape != shat.shape or not np.all(shat > 0):
            raise ValueError("bhat and shat must have one shape, and shat be positive.")
        z = bhat / shat
    elif bhat is not None or shat is not None:
        raise ValueError("Give z, or bhat and shat, not both.")
    z = to_numpy(z).astype(float)
    z = z[:, None] if z.ndim == 1 else z
    if z.ndim != 2 or not np.all(np.isfinite(z)):
        raise ValueError("z must be finite, of shape (n_variants, n_traits) or (n_variants,).")
    n = to_numpy(n_samples).astype(float)
    if n.ndim == 0:
        n = np.full(z.shape[1], float(n))
    if n.shape != (z.shape[1],) or not np.all(np.isfinite(n) & (n > 2)):
        raise ValueError(
            f"n_samples must be one number above 2, or {z.shape[1]}, one a trait; got {n_samples}."
        )
    ld = move_to(ld, xp, device, xp.float64)
    if tuple(ld.shape) != (len(z), len(z)):
        raise ValueError(
            f"ld must have shape ({len(z)}, {len(z)}), a row a variant of z; got {tuple(ld.shape)}."
        )
    if not float(xp.max(xp.abs(ld - ld.T))) < 1e-6:
        raise ValueError("ld must be finite and symmetric; pass (ld + ld.T) / 2.")
    if not float(xp.max(xp.abs(xp.linalg.diagonal(ld) - 1))) < 1e-4:
        raise ValueError("ld must be correlations, with a diagonal of 1.")
    n_traits = z.shape[1]
    if trait_correlation is None and n_traits == 1:
        trait_correlation = np.eye(1)
    elif trait_correlation is None:
        null = z[np.all(np.abs(z) < NULL_Z, axis=1)]
        if len(null) < 10 * n_traits:
            raise ValueError(
                f"Only {len(null)} variants have abs(z) < {NULL_Z} in every trait, too few to "
                "estimate how the traits correlate: give trait_correlation."
            )
        trait_correlation = np.corrcoef(null.T)
    traits = to_numpy(trait_correlation).astype(float)
    if traits.shape != (n_traits, n_traits) or not np.allclose(np.diag(traits), 1):
        raise ValueError(
            f"trait_correlation must have shape ({n_traits}, {n_traits}) and a diagonal of 1."
        )
    check_psd(traits, "trait_correlation")
    return ld, z / np.sqrt(z**2 + n - 2), traits, n


def summary_names(effects, ld):
    """Return the names of variants (P,) or None, and of traits, from data frames.

    Raises
    ------
    ValueError
        Where the rows of the effects, or of ld, are named otherwise than the columns of ld.
    """
    columns = getattr(effects, "columns", None)
    n_traits = np.shape(effects)[1] if np.ndim(effects) == 2 else 1
    traits = list(columns) if columns is not None else [f"y{j}" for j in range(n_traits)]
    if not hasattr(ld, "columns"):
        return None, traits
    names = [*ld.columns]
    for table, name in ((ld, "ld"), (effects, "z, or bhat")):
        rows = getattr(table, "index", None)
        if hasattr(rows, "tolist") and rows.tolist() != names:
            raise ValueError(
                f"The rows of {name} are not the variants of the columns of ld, in their order: "
                "reindex one to the other."
            )
    return np.asarray(names, dtype=object) if isinstance(names[0], str) else None, traits
