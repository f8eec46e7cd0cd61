"""The mixture's covariances V_t = omega_l U_k: built, checked, scaled from data, whitened."""

from typing import NamedTuple

import numpy as np

from skgenetics.multitrait._residual_covariance import FLOOR, ResidualCovariance
from skgenetics.utils._parameters import check_option

CANONICAL = ("identity", "singletons", "heterogeneous", "shared")
RANK_TOLERANCE = 1e-10  # eigenvalues below it, relative to the largest, are 0


class Components(NamedTuple):
    """Eigenvectors of the whitened U_k that belong to eigenvalues > 0, stacked over k."""

    basis: np.ndarray  # (M, J) Q, orthonormal within each k
    values: np.ndarray  # (M,)
    first: np.ndarray  # (K + 1,) rows first[k] : first[k + 1] of Q belong to U_k
    runs: np.ndarray  # (R, 4) k, k', first[k], first[k']: covariances of rank 1, or a single one
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
    def component_names(self):
        """Return the names of the T components."""
        pairs = [f"{name} x {scale:.3g}" for name in self.names for scale in self.scales]
        return ["null"] * self.has_null + pairs

    @property
    def silent(self):
        """Which components (T,) leave every effect at 0, as floats."""
        zero = [factor.shape[1] == 0 for factor in self.factors]
        return np.array(
            [1.0] * self.has_null + list(np.repeat(zero, len(self.scales))), dtype=float
        )

    def without_empty(self, weights):
        """Return the `Prior` less covariances and scales of no weight, and the places kept."""
        grid = weights[self.has_null :].reshape(len(self.factors), len(self.scales)) > 0
        covariances, scales = np.flatnonzero(grid.any(axis=1)), np.flatnonzero(grid.any(axis=0))
        if len(covariances) in (0, len(grid)) and len(scales) in (0, len(self.scales)):
            return self, slice(None)
        places = np.arange(grid.size).reshape(grid.shape)[np.ix_(covariances, scales)].reshape(-1)
        kept = np.concatenate([np.arange(self.has_null), places + self.has_null])
        factors = [self.factors[k] for k in covariances]
        names = [self.names[k] for k in covariances]
        return self._replace(factors=factors, scales=self.scales[scales], names=names), kept

    def whitened(self, covariance: ResidualCovariance):
        """Return the `Components` of Sigma^-1/2 U_k Sigma^-1/2: no inverse of U_k is needed."""
        basis, values, first = [], [], [0]
        for factor in self.factors:
            vectors, singular, _ = np.linalg.svd(covariance.whitener @ factor, full_matrices=False)
            basis.append(vectors.T)
            values.append(singular**2)
            first.append(first[-1] + len(singular))
        rank = np.diff(first)
        begin = np.flatnonzero(np.r_[True, (rank[1:] != 1) | (rank[:-1] != 1)])
        end = np.r_[begin[1:], len(rank)]
        return Components(
            np.concatenate(basis),
            np.concatenate(values),
            np.array(first),
            np.column_stack([begin, end, np.take(first, begin), np.take(first, end)]).astype("u8"),
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
    """Return dicts of the canonical U (J, J) by group and name, in units of the traits' deviations.

    "identity": effects independent between traits; "singletons": one "only ..." a trait, an effect
    on it alone; "heterogeneous": correlation .25, .5 or .75 between all traits; "shared": the same
    effect on all. One trait has the identity alone.
    """
    identity, ones = np.eye(n_traits), np.ones((n_traits, n_traits))
    groups = {
        "identity": {"identity": identity},
        "singletons": {},
        "heterogeneous": {},
        "shared": {},
    }
    if n_traits > 1:
        for j, name in enumerate(trait_names):
            groups["singletons"][f"only {name}"] = np.outer(identity[j], identity[j])
        for r in (0.25, 0.5, 0.75):
            groups["heterogeneous"][f"heterogeneous {r}"] = r * ones + (1 - r) * identity
        groups["shared"]["shared"] = ones
    return groups


def chosen_covariances(chosen, *, trait_names, sd, kept, effects, noise):
    """Return U (K, J', J') in units of trait deviations, and names, for the traits `kept`.

    Parameters
    ----------
    chosen : str, list of str or array (K, J, J)
        The parameter `covariances` of the estimator.
    trait_names : list (J,) of str
    sd : array (J',)
        Deviations of the traits kept, in whose squares an array is given.
    kept : array (J',) of int
    effects, noise : array (P, J'), (J', J')
        Marginal effects in trait deviations, and the covariance of their errors.
    """
    names = [trait_names[j] for j in kept]
    if isinstance(chosen, str):
        check_option(chosen, "covariances", ("canonical", "data_driven", "both"))
        chosen = (["data_driven"] if chosen == "data_driven" else [*CANONICAL]) + (
            ["data_driven"] if chosen == "both" else []
        )
    if isinstance(chosen, (list, tuple)) and all(isinstance(name, str) for name in chosen):
        groups = canonical_covariances(len(kept), names)
        found = {}
        for name in chosen:
            check_option(name, "an entry of covariances", (*CANONICAL, "data_driven"))
            if name == "data_driven":
                matrices, labels = data_driven_covariances(effects, noise)
                found |= dict(zip(labels, matrices, strict=True))
            else:
                found |= groups[name]
        if not found:
            raise ValueError(
                f"covariances={list(chosen)!r} gives no covariance for {len(kept)} trait(s) that "
                "vary; add 'identity'."
            )
        return np.stack(list(found.values())), list(found)
    matrices = check_covariances(chosen, len(trait_names))
    matrices = matrices[:, kept][:, :, kept] / np.outer(sd, sd)
    return matrices, [f"U{k}" for k in range(len(matrices))]


def check_covariances(covariances, n_traits):
    """Return prior covariances (K, J, J) as floats; raise ValueError where they are none."""
    try:
        matrices = np.asarray(covariances, dtype=float)
    except (TypeError, ValueError):  # of several shapes, or not numbers
        matrices = np.empty(0)
    if matrices.ndim != 3 or matrices.shape[1:] != (n_traits, n_traits) or len(matrices) == 0:
        raise ValueError(
            f"covariances must have shape (K, {n_traits}, {n_traits}) for the {n_traits} trait(s) "
            f"of y, or be 'canonical', 'data_driven', 'both' or a list of names; got an array of "
            f"shape {matrices.shape}."
        )
    if not np.all(np.isfinite(matrices)):
        raise ValueError("covariances holds NaN or infinity.")
    for k, matrix in enumerate(matrices):
        check_psd(matrix, f"covariances[{k}]")
    return matrices


def check_psd(matrix, name):
    """Raise ValueError unless `matrix` is symmetric and positive semidefinite."""
    size = np.max(np.abs(matrix))
    if np.max(np.abs(matrix - matrix.T)) > 1e-8 * size:
        raise ValueError(f"{name} is not symmetric; pass (U + U.T) / 2 if that is what you mean.")
    lowest = np.linalg.eigvalsh(matrix)[0]
    if lowest < -1e-8 * size:
        raise ValueError(
            f"{name} is not positive semidefinite: its smallest eigenvalue is {lowest:.3g}. "
            "Set negative eigenvalues to 0 first."
        )


def check_residual_covariance(matrix, n_traits):
    """Return Sigma (J, J) as floats; raise ValueError unless it is positive definite."""
    values = np.asarray(matrix, dtype=float)
    if values.shape != (n_traits, n_traits):
        raise ValueError(
            f"residual_covariance must be 'full', 'diagonal', 'low_rank' or an array of shape "
            f"({n_traits}, {n_traits}); got shape {values.shape}."
        )
    if not np.all(np.isfinite(values)):
        raise ValueError("residual_covariance holds NaN or infinity.")
    check_psd(values, "residual_covariance")
    sd = np.sqrt(np.diag(values))
    if np.any(sd == 0) or np.linalg.eigvalsh(values / np.outer(sd, sd))[0] < 1e-10:
        raise ValueError(
            "residual_covariance is singular: a trait is a combination of the others. Add a small "
            "multiple of the identity, or leave the trait out."
        )
    return values


def check_scales(scales):
    """Return omega (L,) as floats; raise ValueError unless all are positive."""
    values = np.atleast_1d(np.asarray(scales, dtype=float))
    if values.ndim != 1 or len(values) == 0 or not np.all(np.isfinite(values) & (values > 0)):
        raise ValueError(
            f"scales must be positive, finite variances of shape (L,); got {scales!r}. The point "
            "mass at 0 comes from include_null=True."
        )
    return values


def check_weights(weights, name, n_weights):
    """Return pi (T,) as floats; raise ValueError unless they are probabilities of T components."""
    values = np.asarray(weights, dtype=float)
    if values.shape != (n_weights,):
        raise ValueError(
            f"{name} must have shape ({n_weights},): the null first where include_null, then one a "
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


def data_driven_covariances(effects, noise, *, n_strong=200, n_factors=5, n_steps=100):
    """Return U (K, J, J) of the strongest marginal effects, and their names.

    Extreme deconvolution (Bovy et al. 2011) of the effects of the variants with the largest
    abs(z), started from their principal components, each a covariance of rank 1, and their second
    moment. Variants in LD count as if they were independent.

    Parameters
    ----------
    effects : array (P, J)
        Marginal effects of standardized variants.
    noise : array (J, J)
        Covariance of their errors.
    """
    n_traits = effects.shape[1]
    noise = noise + FLOOR * np.diag(np.diag(noise))  # collinear traits make it singular
    z = np.max(np.abs(effects) / np.sqrt(np.diag(noise)), axis=1)
    b = effects[np.argsort(-z, kind="stable")[:n_strong]]
    _, singular, vectors = np.linalg.svd(b / np.sqrt(len(b)), full_matrices=False)
    n_factors = min(n_factors, n_traits - 1)
    parts = [s**2 * np.outer(v, v) for s, v in zip(singular[:n_factors], vectors)]
    U = np.stack([*parts, b.T @ b / len(b)])
    share = np.full(len(U), 1 / len(U))
    for _ in range(n_steps):
        total = U + noise
        solved = np.linalg.solve(total, np.broadcast_to(b.T, (len(U), *b.T.shape)))
        log_p = -(np.sum(b.T * solved, axis=1) + np.linalg.slogdet(total)[1][:, None]) / 2
        log_p += np.log(np.maximum(share, 1e-300))[:, None]
        p = np.exp(log_p - log_p.max(axis=0))
        p /= p.sum(axis=0)
        mass = p.sum(axis=1)
        share = mass / mass.sum()
        means = U @ solved  # (K, J, n)
        rest = U - U @ np.linalg.solve(total, U)
        second = (means * p[:, None, :]) @ means.transpose(0, 2, 1)
        U = second / np.maximum(mass, 1e-12)[:, None, None] + rest
        U = (U + U.transpose(0, 2, 1)) / 2
    U /= np.maximum(np.max(np.diagonal(U, axis1=1, axis2=2), axis=1), 1e-300)[:, None, None]
    return U, [f"data-driven {k + 1}" for k in range(len(U))]


def scales_from_data(effects, error):
    """Return omega (L,), a grid of effect variances from below the error to above the largest.

    Standard deviations double from a tenth of the smallest error to twice the largest effect, its
    error deducted (Stephens 2017).

    Parameters
    ----------
    effects : array (P, J)
        Marginal effects of standardized variants, in trait deviations.
    error : array (J,)
        Their standard errors.
    """
    low = np.min(error) / 10
    excess = float(np.max(effects**2 - error**2, initial=0.0))
    high = 2 * np.sqrt(excess) if excess > 0 else 8 * low
    n_steps = max(int(np.ceil(np.log2(high / low))), 0)
    return (high * 2.0 ** np.arange(-n_steps, 1)) ** 2
