"""The data as coordinate ascent sees them: blocks of variants and the residual they move.

With E = Y - XB and Q the inverse of the rows' covariance (frequency weights counted), a block needs
its Gram matrix X_B'QX_B and score X_B'QE: products with X, done where X is. Both then go to the
host. Summary statistics give the same two from X'X and X'Y.
"""

import numpy as np

from skgenetics.utils._arrays import is_numpy, move_to, to_numpy

BLOCK = 96  # variants updated between two products with X
WIDE_BLOCK = 256  # likewise where a product with an n x n matrix comes on top
UNPACKED = 10**6  # multiplications up to which OpenBLAS does not copy the factors of a product
SHORTEST = 64  # samples; with so many traits that fewer would be left, copying costs less


class GenotypeDesign:
    """Genotypes X (n, P), kept in their dtype, and traits Y (n, J).

    Parameters
    ----------
    X : array (n, P)
    Y : array (n, J), on the host
        Traits, centered where X is; missing cells hold any number.
    mean, inverse_sd : array (P,), on the host
        Taken from and multiplied with the columns of X; inverse_sd is 0 where they do not vary.
    squared_norm : array (P,)
        d_p = x_p'Wx_p without a background.
    weight : array (n,) or None
        Positive frequency weights.
    centered : bool
        Whether an intercept is fitted: X and Y have the weighted mean 0.
    background : Background or None
        Covariance of the rows other than I.
    missing : MissingCells or None
    order : array (P,) of int, or None
        Order of the updates; None: that of the columns.
    """

    rows_known = True

    def __init__(
        self, X, Y, *, mean, inverse_sd, squared_norm, weight, centered, background, missing, order,
        xp, device,
    ):  # fmt: skip
        self.X, self.xp, self.device = X, xp, device
        self.centered, self.background, self.missing = centered, background, missing
        self.mean, self.inverse_sd = self.array(mean), self.array(inverse_sd)
        self.host_weight = np.ones(Y.shape[0]) if weight is None else weight
        self.row_weight = self.array(self.host_weight)
        self.weight = None if weight is None else self.row_weight[:, None]
        self.Y = self.array(Y)
        self.n_samples = float(self.host_weight.sum())
        self.used = inverse_sd > 0
        self.n_used = int(self.used.sum())
        self.precision = None if background is None else self.array(background.precision)
        order = np.arange(X.shape[1]) if order is None else order
        order = order[self.used[order]]
        width = BLOCK if background is None else WIDE_BLOCK
        self.blocks = [
            contiguous(order[start : start + width]) for start in range(0, len(order), width)
        ]
        height = UNPACKED // (width * Y.shape[1])
        if height < SHORTEST or not is_numpy(xp):
            height = Y.shape[0]
        self.rows = [slice(start, start + height) for start in range(0, Y.shape[0], height)]
        self.squared_norm, self.grams = squared_norm, []
        if background is not None:
            self.squared_norm = squared_norm.copy()
        for block in self.blocks:
            columns = self.standardized(block)
            gram = to_numpy(columns.T @ self.weigh(self.precise(columns)))
            if background is not None:
                self.squared_norm[block] = np.diag(gram)
            self.grams.append(packed(gram))
        log_det = 0.0 if background is None else background.log_det
        n_traits = Y.shape[1]
        self.log_normalizer = -n_traits * (self.n_samples * np.log(2 * np.pi) + log_det) / 2

    def array(self, values):
        """Return host `values` beside X, in double precision."""
        return move_to(values, self.xp, self.device, self.xp.float64)

    def columns(self, block):
        """Return the columns of a block (n, b) as they are, their means and inverse deviations."""
        if isinstance(block, slice):
            chosen, mean, inverse_sd = self.X[:, block], self.mean[block], self.inverse_sd[block]
        else:
            index = move_to(block, self.xp, self.device)
            chosen = self.xp.take(self.X, index, axis=1)
            mean, inverse_sd = self.xp.take(self.mean, index), self.xp.take(self.inverse_sd, index)
        return self.xp.astype(chosen, self.xp.float64, copy=False), mean, inverse_sd

    def standardized(self, block):
        """Return the standardized columns of a block (n, b)."""
        chosen, mean, inverse_sd = self.columns(block)
        chosen = chosen - mean
        chosen *= inverse_sd
        return chosen

    def times(self, block, effects):
        """Return X_B effects (n, J) of the block, from all effects (P, J)."""
        chosen, mean, inverse_sd = self.columns(block)
        scaled = inverse_sd[:, None] * self.array(effects[block])
        return chosen @ scaled - mean @ scaled

    def weigh(self, values):
        """Return W values (n, ...)."""
        return values if self.weight is None else self.weight * values

    def precise(self, values):
        """Return W^-1 Q values (n, ...), of values of the weighted mean 0 where centered."""
        return values if self.precision is None else self.precision @ values

    def start(self, effects):
        """Set the residual that belongs to `effects` (P, J)."""
        self.residual = self.Y + 0.0
        if np.any(effects):
            for block in self.blocks:
                self.subtract(self.columns(block), effects[block])
            self.settle()
        self.refined = self.precise(self.residual)

    def score(self, columns):
        """Return X_B'QE on the host; standardizing the product spares standardizing X_B."""
        chosen, mean, inverse_sd = columns
        weighed = self.weigh(self.refined)
        score = sum(chosen[rows, :].T @ weighed[rows, :] for rows in self.rows)
        score -= mean[:, None] * (self.row_weight @ self.refined)
        score *= inverse_sd[:, None]
        return to_numpy(score)

    def subtract(self, columns, effects):
        """Take X_B effects (b, J) of a block from the residual, which is right but for its mean.

        Scores do not depend on the mean, where X is centered; `settle` sets it right.
        """
        chosen, _, inverse_sd = columns
        scaled = inverse_sd[:, None] * self.array(effects)
        for rows in self.rows:
            self.residual[rows, :] -= chosen[rows, :] @ scaled

    def move(self, columns, change):
        """Change the effects of a block by `change` (b, J)."""
        self.subtract(columns, change)
        self.refined = self.precise(self.residual)

    def settle(self):
        """Give the residual its mean of 0 again after a sweep, where X is centered."""
        if self.centered:
            self.residual -= self.row_weight @ self.residual / self.n_samples
        if self.precision is None:
            self.refined = self.residual

    def square(self):
        """Return E'QE (J, J) on the host."""
        square = to_numpy(self.residual.T @ self.weigh(self.refined))
        return (square + square.T) / 2

    def impute(self, covariance):
        """Fill the missing cells; return their covariance, summed, and their part of the bound."""
        if self.missing is None:
            return 0.0, 0.0
        residual, refined, *result = self.missing.impute(
            to_numpy(self.residual), to_numpy(self.refined), covariance.matrix, self
        )
        self.residual, self.refined = self.array(residual), self.array(refined)
        return result

    def fitted(self, effects):
        """Return X effects (n, J), of all effects (P, J)."""
        fitted = 0.0 * self.Y
        for block in self.blocks:
            fitted += self.times(block, effects)
        return fitted

    def fitted_variance(self, effects):
        """Return the variance (J,) of X effects; X has mean 0 where centered."""
        return self.host_weight @ to_numpy(self.fitted(effects)) ** 2 / self.n_samples

    def save(self):
        """Return what `restore` needs beside the effects: with missing cells the residual."""
        return None if self.missing is None else self.residual + 0.0

    def restore(self, effects, saved):
        """Undo what happened since `save`, of `effects` (P, J)."""
        if saved is None:
            self.start(effects)
        else:
            self.residual, self.refined = saved, self.precise(saved)


def packed(gram):
    """Return what updates need of a Gram matrix: of `BLOCK` variants at a time, and those after.

    Returns
    -------
    parts : list of tuple
        The variants (slice), the products with earlier ones of the part, row after row of the lower
        triangle, and the later variants' with them, (later, part).
    """
    parts = []
    for start in range(0, len(gram), BLOCK):
        part = slice(start, min(start + BLOCK, len(gram)))
        rows, columns = np.tril_indices(part.stop - start, -1)
        parts.append((part, gram[part, part][rows, columns], gram[part.stop :, part].copy()))
    return parts


def contiguous(indices):
    """Return `indices` as a slice where they are consecutive, else as they are."""
    first, last = int(indices[0]), int(indices[-1])
    if np.all(np.diff(indices) == 1):
        return slice(first, last + 1)
    return indices


def marginal_scores(design):
    """Return X'QY (P, J) on the host; the design starts anew."""
    scores = np.zeros((design.squared_norm.shape[0], design.Y.shape[1]))
    design.start(scores)
    for block in design.blocks:
        scores[block] = design.score(design.columns(block))
    return scores


def intercept(design, effects):
    """Return the intercept (J,) of a design with missing cells, relative to `design.Y`.

    On the observed cells Y - XB - E is the shift of the intercept so far; what is left in E
    follows by generalized least squares, which is its mean where X is centered.
    """
    rest = to_numpy(design.Y - design.residual - design.fitted(effects))
    weight = design.host_weight[:, None] * design.missing.observed
    left = design.host_weight @ to_numpy(design.residual) / design.n_samples
    return np.sum(weight * rest, axis=0) / np.sum(weight, axis=0) + left
