"""Traits of which some cells are not observed: the cells join the posterior."""

from typing import Any, NamedTuple

import numpy as np

from skgenetics.utils._numba import kernel


class Pattern(NamedTuple):
    """Rows of Y that miss the same traits."""

    rows: np.ndarray
    missing: np.ndarray
    """Traits without a cell."""
    observed: np.ndarray
    """Traits with one."""
    total_weight: float


class Filled(NamedTuple):
    """The residual with its missing cells filled, and what these add to the bound and Sigma."""

    residual: np.ndarray
    """(n, J) E."""
    refined: np.ndarray
    """(n, J) F."""
    covariance: np.ndarray
    """(J, J) sum_i Q_ii Cov_i."""
    log_volume: float
    """sum_i [log|Cov_i| + m_i log 2 pi] / 2, the cells' part of the bound."""


@kernel
def fill_rows(
    rows: np.ndarray,
    patterns: np.ndarray,
    observed: np.ndarray,
    weight: np.ndarray,
    slopes: np.ndarray,
    precision: np.ndarray,
    residual: np.ndarray,
    refined: np.ndarray,
) -> None:
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


@kernel
def fill_rows_by_trait(
    rows: np.ndarray,
    observed: np.ndarray,
    weight: np.ndarray,
    basis: np.ndarray,
    vectors: np.ndarray,
    kept: np.ndarray,
    diagonal: np.ndarray,
    noise: np.ndarray,
    projected: float,
    rotated: np.ndarray,
    residual: np.ndarray,
    covariance: np.ndarray,
) -> float:
    """Fill the missing cells of `rows`, one after the other; return sum_i w_i log|Cov_i|.

    The traits' precision given all other cells is A'diag(Q_j,ii / sigma_j^2) A in row i.

    Parameters
    ----------
    rows, observed, weight : array of int, array (n, J) of bool, array (n,)
    basis, vectors, kept, diagonal : array
        See `skgenetics.multitrait._background.CanonicalBackground`.
    noise : array (J,)
        sigma_j^2.
    projected : float
        1 / N if an intercept is projected out, else 0.
    rotated, residual : array (n, J)
        V'W^1/2 E and E, changed.
    covariance : array (J,)
        sum_i w_i Q_j,ii a_j'Cov_i a_j is added to it.
    """
    n, n_traits = residual.shape
    log_det = 0.0
    mean = np.zeros(n_traits)
    for i in range(n):
        for j in range(n_traits):
            mean[j] += projected * weight[i] * residual[i, j]
    for i in rows:
        root = np.sqrt(weight[i])
        missing = np.flatnonzero(~observed[i])
        A = basis[:, missing].copy()
        gradient, curvature = np.zeros(n_traits), np.zeros(n_traits)
        for k in range(n):
            for j in range(n_traits):
                gradient[j] += vectors[i, k] * kept[k, j] * rotated[k, j]
                curvature[j] += vectors[i, k] * vectors[i, k] * kept[k, j]
        for j in range(n_traits):
            gradient[j] = (gradient[j] / root - mean[j]) / noise[j]
            curvature[j] = (curvature[j] - weight[i] * projected) / noise[j]
        precision = A.T @ (curvature.reshape(-1, 1) * A)
        change = -A @ np.linalg.solve(precision, A.T @ gradient)
        for j in range(n_traits):
            residual[i, j] += change[j]
            mean[j] += projected * weight[i] * change[j]
            for k in range(n):
                rotated[k, j] += vectors[i, k] * root * change[j]
        own = np.linalg.inv(A.T @ ((diagonal[i] / noise).reshape(-1, 1) * A))
        log_det += weight[i] * np.log(np.linalg.det(own))
        spread = A @ own
        for j in range(n_traits):
            for m in range(len(missing)):
                covariance[j] += weight[i] * diagonal[i, j] * spread[j, m] * A[j, m]
    return log_det


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

    def __init__(self, observed: np.ndarray, weight: np.ndarray) -> None:
        self.observed = observed
        patterns, index = np.unique(observed, axis=0, return_inverse=True)
        self.pattern_of_row = index.reshape(-1)
        self.patterns: list[Pattern] = []
        for number, pattern in enumerate(patterns):
            rows = np.flatnonzero(self.pattern_of_row == number)
            total = float(weight[rows].sum())
            self.patterns.append(
                Pattern(rows, np.flatnonzero(~pattern), np.flatnonzero(pattern), total)
            )
        self.n_missing = np.sum(~observed, axis=1)
        self.weight = weight

    def impute(
        self,
        residual: np.ndarray,
        refined: np.ndarray,
        sigma: np.ndarray,
        *,
        background: Any,
        centered: bool,
    ) -> Filled:
        """Return the residual E and F = QE (n, J) with their missing cells filled.

        background : Background or None
        centered : bool
            Whether E has the weighted mean 0.
        """
        covariance, log_volume, slopes = np.zeros_like(sigma), 0.0, []
        residual, refined = residual.copy(), refined.copy()
        for rows, missing, observed, total in self.patterns:
            across = sigma[np.ix_(observed, missing)]
            slope = np.linalg.solve(sigma[np.ix_(observed, observed)], across)
            conditional = sigma[np.ix_(missing, missing)] - across.T @ slope
            covariance[np.ix_(missing, missing)] += total * conditional
            log_volume += total * np.linalg.slogdet(conditional)[1] / 2
            if background is None:
                residual[np.ix_(rows, missing)] = residual[np.ix_(rows, observed)] @ slope
            else:
                slopes.append(np.zeros_like(sigma))
                slopes[-1][np.ix_(observed, missing)] = slope
        log_volume += float(self.weight @ self.n_missing) * np.log(2 * np.pi) / 2
        if background is None:
            if centered:
                residual -= self.weight @ residual / self.weight.sum()
            return Filled(residual, residual, covariance, log_volume)
        fill_rows(
            np.flatnonzero(self.n_missing), self.pattern_of_row, self.observed,
            self.weight, np.stack(slopes), background.host_precision, residual, refined,
        )  # fmt: skip
        log_diagonal = np.log(background.diagonal)
        log_volume -= float((self.weight * self.n_missing) @ log_diagonal) / 2
        return Filled(residual, refined, covariance, log_volume)

    def impute_by_trait(
        self,
        residual: np.ndarray,
        noise: np.ndarray,
        *,
        basis: np.ndarray,
        vectors: np.ndarray,
        kept: np.ndarray,
        diagonal: np.ndarray,
        centered: bool,
    ) -> Filled:
        """Return the residual E of canonical traits and F, with the missing cells filled.

        The arrays are those of `fill_rows_by_trait`; E has the weighted mean 0 if centered.
        """
        residual, root = residual.copy(), np.sqrt(self.weight)[:, None]
        rotated = vectors.T @ (root * residual)
        covariance = np.zeros(len(noise))
        log_volume = fill_rows_by_trait(
            np.flatnonzero(self.n_missing), self.observed, self.weight, basis,
            np.ascontiguousarray(vectors), np.ascontiguousarray(kept), diagonal, noise,
            1 / self.weight.sum() if centered else 0.0, rotated, residual, covariance,
        )  # fmt: skip
        log_volume += float(self.weight @ self.n_missing) * np.log(2 * np.pi)
        refined = vectors @ (kept * rotated) / root
        if centered:
            refined -= self.weight @ refined / self.weight.sum()
        return Filled(residual, refined, np.diag(covariance), log_volume / 2)
