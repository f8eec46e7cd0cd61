"""Traits of which some cells are not observed: the cells join the posterior."""

import numpy as np


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
        for _, missing, observed, total in self.patterns:
            across = sigma[np.ix_(observed, missing)]
            slope = np.linalg.solve(sigma[np.ix_(observed, observed)], across)
            conditional = sigma[np.ix_(missing, missing)] - across.T @ slope
            covariance[np.ix_(missing, missing)] += total * conditional
            log_volume += total * np.linalg.slogdet(conditional)[1] / 2
            slopes.append(slope)
        log_volume += float(self.weight @ self.n_missing) * np.log(2 * np.pi) / 2
        residual = residual.copy()
        if design.background is None:
            for (rows, missing, observed, _), slope in zip(self.patterns, slopes, strict=True):
                residual[np.ix_(rows, missing)] = residual[np.ix_(rows, observed)] @ slope
            if design.centered:
                residual -= self.weight @ residual / design.n_samples
            return residual, residual, covariance, log_volume
        refined = refined.copy()
        precision, diagonal = design.background.host_precision, design.background.diagonal
        for i in np.flatnonzero(self.n_missing):  # one after the other: the rows are correlated
            _, missing, observed, _ = self.patterns[self.index[i]]
            slope = slopes[self.index[i]]
            change = refined[i, observed] @ slope - refined[i, missing]
            change /= precision[i, i]
            residual[i, missing] += change
            refined[:, missing] += precision[:, i, None] * change
        log_volume -= float((self.weight * self.n_missing) @ np.log(diagonal)) / 2
        return residual, refined, covariance, log_volume
