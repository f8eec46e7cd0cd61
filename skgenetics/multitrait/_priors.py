"""The mixture sum_t pi_t N(0, V_t), V_t = omega_l U_k: its scales, weights and eigenbasis."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from skgenetics.multitrait._residual_covariance import ResidualCovariance
from skgenetics.utils._typing import ArrayLike

RANK_TOLERANCE = 1e-10  # eigenvalues below it, relative to the largest, are 0


class Components(NamedTuple):
    """Eigenvectors of the whitened U_k that belong to eigenvalues > 0, stacked over k."""

    basis: np.ndarray
    """(M, J) Q, orthonormal within each k."""
    values: np.ndarray
    """(M,) eigenvalues lam."""
    first: np.ndarray
    """(K + 1,) rows first[k] : first[k + 1] of Q belong to U_k."""
    runs: np.ndarray
    """(R, 4) k, k', first[k], first[k'] of consecutive covariances k to k' - 1: all of rank 1, or
    only one."""
    scales: np.ndarray
    """(L,) omega."""
    has_null: bool


class Prior(NamedTuple):
    """Covariances U_k = F_k F_k' by their factors, scales, and names."""

    factors: list[np.ndarray]
    """K arrays (J, rank)."""
    scales: np.ndarray
    """(L,) omega."""
    names: list[str]
    """Of the K covariances."""
    has_null: bool
    """Whether the first component is a point mass at 0."""

    @property
    def n_weights(self) -> int:
        """T, the number of components."""
        return len(self.factors) * len(self.scales) + self.has_null

    @property
    def component_names(self) -> list[str]:
        """Return the names of the T components."""
        pairs = [f"{name} x {scale:.3g}" for name in self.names for scale in self.scales]
        return ["null"] * self.has_null + pairs

    @property
    def silent(self) -> np.ndarray:
        """Which components (T,) leave every effect at 0, as floats."""
        zero = [factor.shape[1] == 0 for factor in self.factors]
        return np.array(
            [1.0] * self.has_null + list(np.repeat(zero, len(self.scales))), dtype=float
        )

    def without_empty(self, weights: np.ndarray) -> tuple["Prior", np.ndarray | slice]:
        """Return the `Prior` less covariances and scales of no weight, and its components."""
        grid = weights[self.has_null :].reshape(len(self.factors), len(self.scales)) > 0
        covariances, scales = np.flatnonzero(grid.any(axis=1)), np.flatnonzero(grid.any(axis=0))
        if len(covariances) in (0, len(grid)) and len(scales) in (0, len(self.scales)):
            return self, slice(None)
        places = np.arange(grid.size).reshape(grid.shape)[np.ix_(covariances, scales)].reshape(-1)
        retained = np.concatenate([np.arange(self.has_null), places + self.has_null])
        factors = [self.factors[k] for k in covariances]
        names = [self.names[k] for k in covariances]
        return self._replace(factors=factors, scales=self.scales[scales], names=names), retained

    @property
    def layout(self) -> tuple[np.ndarray, np.ndarray]:
        """Return `first` (K + 1,) and `runs` (R, 4) of `Components`."""
        return layout_of([factor.shape[1] for factor in self.factors])

    def whitened(self, covariance: ResidualCovariance) -> Components:
        """Return the `Components` of Sigma^-1/2 U_k Sigma^-1/2: no inverse of U_k is needed."""
        basis, values = [], []
        for factor in self.factors:
            vectors, singular, _ = np.linalg.svd(covariance.whitener @ factor, full_matrices=False)
            basis.append(vectors.T)
            values.append(singular**2)
        return Components(
            np.concatenate(basis),
            np.concatenate(values),
            *layout_of([len(vectors) for vectors in basis]),
            self.scales,
            self.has_null,
        )


def layout_of(ranks: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return `first` (K + 1,) and `runs` (R, 4) of `Components` from the covariances' ranks."""
    first, rank = np.concatenate([[0], np.cumsum(ranks)]), np.array(ranks)
    begin = np.flatnonzero(np.r_[True, (rank[1:] != 1) | (rank[:-1] != 1)])
    end = np.r_[begin[1:], len(rank)]
    return first, np.column_stack([begin, end, first[begin], first[end]]).astype("u8")


def make_prior(
    covariances: np.ndarray,
    scales: ArrayLike,
    names: Iterable[str],
    *,
    has_null: bool,
    identity_share: float = 0.0,
) -> Prior:
    """Return the `Prior` of covariances (K, J, J), positive semidefinite, and scales (L,).

    identity_share : float
        Covariances of rank 1 become (1 - share) U + share tr(U)/J I.
    """
    n_traits = covariances.shape[1]
    factors = []
    for matrix in covariances:
        factor = psd_factor(matrix)
        if identity_share > 0 and factor.shape[1] == 1:
            level = identity_share * np.trace(matrix) / n_traits
            factor = psd_factor((1 - identity_share) * matrix + level * np.eye(n_traits))
        factors.append(factor)
    return Prior(factors, np.asarray(scales, dtype=float), list(names), has_null)


def psd_factor(matrix: np.ndarray) -> np.ndarray:
    """Return F (J, rank) with FF' = matrix."""
    values, vectors = np.linalg.eigh(matrix)
    keep = values > RANK_TOLERANCE * max(values[-1], 0.0)
    return vectors[:, keep] * np.sqrt(values[keep])


def check_scales(scales: ArrayLike) -> np.ndarray:
    """Return omega (L,) as floats; raise ValueError unless all are positive."""
    values = np.atleast_1d(np.asarray(scales, dtype=float))
    if values.ndim != 1 or len(values) == 0 or not np.all(np.isfinite(values) & (values > 0)):
        raise ValueError(
            f"scales must be positive, finite variances of shape (L,); got {scales!r}. The point "
            "mass at 0 comes from include_null=True."
        )
    return values


def check_weights(weights: ArrayLike, name: str, n_weights: int) -> np.ndarray:
    """Return pi (T,) as floats; raise ValueError unless they are probabilities of T components."""
    values = np.asarray(weights, dtype=float)
    if values.shape != (n_weights,):
        raise ValueError(
            f"{name} must have shape ({n_weights},): the null first if include_null, then one per "
            f"covariance and scale, scales varying fastest. Got {values.shape}."
        )
    if not np.all(np.isfinite(values) & (values >= 0)):
        raise ValueError(f"{name} must be probabilities; got one of {np.min(values):.3g}.")
    if abs(values.sum() - 1) > 1e-6:
        raise ValueError(
            f"{name} must be probabilities that sum to 1; they sum to {values.sum():.6g}. Divide "
            "them by their sum."
        )
    return values / values.sum()


def scales_from_data(
    effects: np.ndarray, errors: np.ndarray, *, has_null: bool = True
) -> np.ndarray:
    """Return omega (L,), a grid of effect variances from the error to above the largest effect.

    Standard deviations double from the smallest error to twice the largest effect, its error
    deducted (Stephens 2017). Without a point mass at 0 they start at a tenth of the error: the
    smallest scales then stand for no effect. Beside a point mass, such scales would take variants
    from it that the data cannot tell from it.

    Parameters
    ----------
    effects : array (P, J)
        Marginal effects of standardized variants, in trait deviations.
    errors : array (J,)
        Their standard errors.
    has_null : bool
        Whether the mixture has a point mass at 0.
    """
    low = np.min(errors) / (1 if has_null else 10)
    excess = float(np.max(effects**2 - errors**2, initial=0.0))
    high = 2 * np.sqrt(excess) if excess > 0 else 8 * low
    n_steps = max(int(np.ceil(np.log2(high / low))), 0)
    return (high * 2.0 ** np.arange(-n_steps, 1)) ** 2
