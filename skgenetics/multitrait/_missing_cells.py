"""Traits of which some cells are not observed: the cells join the posterior."""

import numpy as np

from skgenetics.utils._numba import kernel


@kernel
def fill_rows(rows, patterns, observed, weight, slopes, precision, residual, refined):
    """Fill the missing cells of `rows`, one after the other: the background correlates them.

    Parameters
    ----------
    rows, patterns : array of int, array (n,) of int
        Rows with missing cells, and the pattern of every row.
    observed : array (n, J) of bool
    weight : array (n,)
    slopes : array (patterns, J, J)
        Sigma_oo^-1 Sigma_om in rows o and columns m; 0 elsewhere.
    precision : array (n, n)
        W^-1 Q.
    residual, refined : array (n, J)
        E and F, changed.
    """
    n, n_traits = refined.shape
    for i in rows:
        slope = slopes[patterns[i]]
        for m in range(n_traits):
            if observed[i, m]:
                continue
            change = -refined[i, m]
            for o in range(n_traits):
                if observed[i, o]:
                    change += refined[i, o] * slope[o, m]
            change /= precision[i, i]
            residual[i, m] += change
            for a in range(n):
                refined[a, m] += precision[i, a] * weight[i] / weight[a] * change


class MissingCells:
    """The missing cells of Y (n, J), whose rows are grouped by pattern.

    Given B and the observed cells, the missing cells of row i are normal: with F = QE (up to the
    samples' weights), the mean solves F_im = Sigma_mo Sigma_oo^-1 F_io, and the covariance is
    (Sigma_mm - Sigma_mo Sigma_oo^-1 Sigma_om) / Q_ii. Without a background F = E and Q_ii = 1.

    Parameters
    ----------
    observed : array (n, J) of bool
    weight : array (n,)
        Frequency weights.
    """

    def __init__(self, observed, weight):
        self.observed = observed
        patterns, index = np.unique(observed, axis=0, return_inverse=True)
        self.index, self.patterns = index.reshape(-1), []
        for number, pattern in enumerate(patterns):
            rows = np.flatnonzero(self.index == number)
            total = float(weight[rows].sum())
            self.patterns.append((rows, np.flatnonzero(~pattern), np.flatnonzero(pattern), total))
        self.n_missing = np.sum(~observed, axis=1)
        self.weight = weight

    def impute(self, residual, refined, sigma, design):
        """Fill the missing cells of the residual.

        Returns
        -------
        residual, refined : array (n, J)
            E and F, changed.
        covariance : array (J, J)
            sum_i Q_ii Cov_i.
        log_volume : float
            sum_i [log|Cov_i| + m_i log 2 pi] / 2, the cells' part of the bound.
        """
        covariance, log_volume, slopes = np.zeros_like(sigma), 0.0, []
        residual, refined = residual.copy(), refined.copy()
        for rows, missing, observed, total in self.patterns:
            across = sigma[np.ix_(observed, missing)]
            slope = np.linalg.solve(sigma[np.ix_(observed, observed)], across)
            conditional = sigma[np.ix_(missing, missing)] - across.T @ slope
            covariance[np.ix_(missing, missing)] += total * conditional
            log_volume += total * np.linalg.slogdet(conditional)[1] / 2
            if design.background is None:
                residual[np.ix_(rows, missing)] = residual[np.ix_(rows, observed)] @ slope
            else:
                slopes.append(np.zeros_like(sigma))
                slopes[-1][np.ix_(observed, missing)] = slope
        log_volume += float(self.weight @ self.n_missing) * np.log(2 * np.pi) / 2
        if design.background is None:
            if design.centered:
                residual -= self.weight @ residual / design.n_samples
            return residual, residual, covariance, log_volume
        fill_rows(
            np.flatnonzero(self.n_missing), self.index, self.observed,
            self.weight, np.stack(slopes), design.background.host_precision, residual, refined,
        )  # fmt: skip
        diagonal = design.background.diagonal
        log_volume -= float((self.weight * self.n_missing) @ np.log(diagonal)) / 2
        return residual, refined, covariance, log_volume
