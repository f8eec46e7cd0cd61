"""The mixture's covariances V_t = omega_l U_k: built, checked, scaled from data, whitened."""

from typing import NamedTuple

import numpy as np

from skgenetics.multitrait._residual_covariance import ResidualCovariance

RANK_TOLERANCE = 1e-10  # eigenvalues below it, relative to the largest, are 0


class Components(NamedTuple):
    """Eigenvectors of the whitened U_k that belong to eigenvalues > 0, stacked over k."""

    basis: np.ndarray  # (M, J) Q, orthonormal within each k
    values: np.ndarray  # (M,)
    first: np.ndarray  # (K + 1,) rows first[k] : first[k + 1] of Q belong to U_k
    scales: np.ndarray  # (L,) omega
    has_null: bool


class Prior(NamedTuple):
    """Covariances U_k = F_k F_k' by their factors, scales, and names."""

    factors: list  # K arrays (J, rank)
    scales: np.ndarray  # (L,)
    names: list  # K strings
    has_null: bool

    @property
    def n_weights(self):
        """T, the number of components."""
        return len(self.factors) * len(self.scales) + self.has_null

    @property
    def covariances(self):
        """U (K, J, J)."""
        return np.stack([factor @ factor.T for factor in self.factors])

    def whitened(self, covariance: ResidualCovariance):
        """Return the `Components` of Sigma^-1/2 U_k Sigma^-1/2: no inverse of U_k is needed."""
        basis, values, first = [], [], [0]
        for factor in self.factors:
            vectors, singular, _ = np.linalg.svd(covariance.whitener @ factor, full_matrices=False)
            basis.append(vectors.T)
            values.append(singular**2)
            first.append(first[-1] + len(singular))
        return Components(
            np.ascontiguousarray(np.concatenate(basis)),
            np.concatenate(values),
            np.array(first),
            self.scales,
            self.has_null,
        )


def make_prior(covariances, scales, names, *, has_null, identity_share=0.0):
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


def psd_factor(matrix):
    """Return F (J, rank) with FF' = matrix."""
    values, vectors = np.linalg.eigh(matrix)
    keep = values > RANK_TOLERANCE * max(values[-1], 0.0)
    return vectors[:, keep] * np.sqrt(values[keep])


def canonical_covariances(n_traits, trait_names):
    """Return the canonical U (K, J, J) and their names, in units of the traits' deviations.

    "identity": effects independent between traits; one "only ..." a trait: an effect on it alone;
    "heterogeneous r": correlation r between all traits; "shared": the same effect on all. One
    trait has the identity alone.
    """
    identity = np.eye(n_traits)
    if n_traits == 1:
        return identity[None], ["identity"]
    shared = np.ones((n_traits, n_traits))
    matrices, names = [identity], ["identity"]
    for j, name in enumerate(trait_names):
        matrices.append(np.outer(identity[j], identity[j]))
        names.append(f"only {name}")
    for r in (0.25, 0.5, 0.75):
        matrices.append(r * shared + (1 - r) * identity)
        names.append(f"heterogeneous {r}")
    return np.stack([*matrices, shared]), [*names, "shared"]
