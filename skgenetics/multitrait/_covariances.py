"""Prior covariances U_k of effects between traits: canonical ones, learned ones, checked ones."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from skgenetics.multitrait._residual_covariance import FLOOR
from skgenetics.utils._parameters import check_option
from skgenetics.utils._typing import ArrayLike

CANONICAL = ("independent", "singleton", "heterogeneous", "shared")
GROUPS = (*CANONICAL, "subsets", "data_driven")
WORDS = {
    "canonical": CANONICAL,
    "data_driven": ("data_driven",),
    "both": (*CANONICAL, "data_driven"),
    "subsets": (*CANONICAL, "subsets"),
}
MAX_SUBSET_TRAITS = 5  # of J traits there are 2^J - J - 2 subsets of two traits to J - 1

Named = dict[str, np.ndarray]
"""Covariances U (J, J) by name."""


def choose_covariances(
    covariances: Any,
    *,
    auto: str,
    trait_names: Sequence[str],
    sd: np.ndarray,
    modeled: np.ndarray,
    effects: np.ndarray,
    noise: np.ndarray,
) -> Named:
    """Return U (J', J') in units of trait deviations by name, for the traits in the model.

    Parameters
    ----------
    covariances : str, list of str or array (K, J, J)
        The parameter of the estimator.
    auto : str
        What "auto" means, "canonical" in place of "subsets" of many traits.
    trait_names : list (J,) of str
    sd : array (J',)
        Deviations of the traits in the model, in whose squares an array is given.
    modeled : array (J',) of int
        Columns of y in the model.
    effects, noise : array (P, J'), (J', J')
        Marginal effects in trait deviations, and the covariance of their errors.
    """
    groups = covariances
    if isinstance(covariances, str):
        check_option(covariances, "covariances", ("auto", *WORDS))
        if covariances == "auto":
            lacking = lack_subsets(covariances, auto=auto, n_traits=len(modeled))
            covariances = "canonical" if lacking else auto
        groups = WORDS[covariances]
    if not isinstance(groups, (list, tuple)) or not all(isinstance(name, str) for name in groups):
        matrices = check_covariances(covariances, len(trait_names))
        matrices = matrices[:, modeled][:, :, modeled] / np.outer(sd, sd)
        return {f"covariance_{k}": matrix for k, matrix in enumerate(matrices)}
    canonical = canonical_covariances([trait_names[j] for j in modeled])
    chosen: Named = {}
    for group in groups:
        check_option(group, "an entry of covariances", GROUPS)
        if group == "data_driven":
            chosen |= data_driven_covariances(effects, noise)
        elif group == "subsets":
            chosen |= subset_covariances([trait_names[j] for j in modeled])
        else:
            chosen |= canonical[group]
    if not chosen:
        raise ValueError(
            f"covariances={list(groups)!r} gives no covariance for {len(modeled)} trait(s) that "
            "vary; add 'independent'."
        )
    return chosen


def lack_subsets(covariances: Any, *, auto: str, n_traits: int) -> bool:
    """Whether "auto" would have "subsets", were there not too many traits."""
    asked = isinstance(covariances, str) and covariances == "auto" and auto == "subsets"
    return asked and n_traits > MAX_SUBSET_TRAITS


def canonical_covariances(trait_names: Sequence[str]) -> dict[str, Named]:
    """Return the canonical U (J, J) by group and name, in units of the traits' deviations.

    "independent": effects independent between traits; "singleton": one per trait, an effect on that
    trait alone; "heterogeneous": correlation .25, .5 or .75 between all traits; "shared": the same
    effect on all. One trait has "independent" alone.
    """
    n_traits = len(trait_names)
    identity, ones = np.eye(n_traits), np.ones((n_traits, n_traits))
    groups: dict[str, Named] = {group: {} for group in CANONICAL}
    groups["independent"]["independent"] = identity
    if n_traits > 1:
        for row, name in zip(identity, trait_names, strict=True):
            groups["singleton"][f"singleton_{name}"] = np.outer(row, row)
        for r in (0.25, 0.5, 0.75):
            groups["heterogeneous"][f"heterogeneous_{r}"] = r * ones + (1 - r) * identity
        groups["shared"]["shared"] = ones
    return groups


def subset_covariances(trait_names: Sequence[str]) -> Named:
    """Return U (J, J) of effects on some of the traits, independent or alike.

    The subsets have two traits to J - 1; those of one and of all are in the canonical groups.
    """
    n_traits, chosen = len(trait_names), {}
    if n_traits > MAX_SUBSET_TRAITS:
        raise ValueError(
            f"covariances 'subsets' are for up to {MAX_SUBSET_TRAITS} traits; got {n_traits}. "
            "Give the subsets that matter as an array (K, J, J), or learn them from many loci "
            "with skgenetics.multitrait.learn_sharing."
        )
    for size in range(2, n_traits):
        for subset in combinations(range(n_traits), size):
            inside = np.zeros(n_traits)
            inside[list(subset)] = 1.0
            label = "+".join(trait_names[j] for j in subset)
            chosen[f"any_of_{label}"] = np.diag(inside)
            chosen[f"same_in_{label}"] = np.outer(inside, inside)
    return chosen


def data_driven_covariances(
    effects: np.ndarray,
    noise: np.ndarray,
    *,
    n_strong: int = 200,
    n_factors: int = 5,
    n_steps: int = 100,
) -> Named:
    """Return U (J, J) of the strongest marginal effects.

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
        variance = U - U @ np.linalg.solve(total, U)
        second = (means * p[:, None, :]) @ means.transpose(0, 2, 1)
        U = second / np.maximum(mass, 1e-12)[:, None, None] + variance
        U = (U + U.transpose(0, 2, 1)) / 2
    U /= np.maximum(np.max(np.diagonal(U, axis1=1, axis2=2), axis=1), 1e-300)[:, None, None]
    return {f"data_driven_{k}": matrix for k, matrix in enumerate(U, start=1)}


def check_covariances(covariances: ArrayLike, n_traits: int) -> np.ndarray:
    """Return prior covariances (K, J, J) as floats; raise ValueError if they are not."""
    try:
        matrices = np.asarray(covariances, dtype=float)
    except (TypeError, ValueError):  # of several shapes, or not numbers
        matrices = np.empty(0)
    if matrices.ndim != 3 or matrices.shape[1:] != (n_traits, n_traits) or len(matrices) == 0:
        raise ValueError(
            f"covariances must have shape (K, {n_traits}, {n_traits}) for the {n_traits} trait(s) "
            f"of y, or be 'auto', 'canonical', 'data_driven', 'both', 'subsets' or a list of "
            f"names; got an array of shape {matrices.shape}."
        )
    if not np.all(np.isfinite(matrices)):
        raise ValueError("covariances holds NaN or infinity.")
    for k, matrix in enumerate(matrices):
        check_psd(matrix, f"covariances[{k}]")
    return matrices


def check_psd(matrix: np.ndarray, name: str) -> None:
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


def check_residual_covariance(matrix: ArrayLike, n_traits: int) -> np.ndarray:
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
