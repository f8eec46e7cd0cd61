"""Simulated quantitative traits of real or simulated genotypes: one, or many."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import Bunch, check_array, check_random_state, check_scalar

from skgenetics.datasets._simulation import (
    check_dosages,
    check_share,
    correlation_root,
    draw_additive,
    draw_causal,
    draw_missing,
    draw_noise,
    genetic_values,
)
from skgenetics.utils._labels import labels_of_columns
from skgenetics.utils._typing import ArrayLike


def make_trait(
    X: ArrayLike,
    *,
    n_causal: float = 5,
    h2: float = 0.5,
    effects: ArrayLike | None = None,
    frequency_exponent: float = 0.0,
    random_state: Any = None,
) -> Bunch:
    """Simulate one quantitative trait: y = X coef + noise.

    Effects follow the spike and slab of MiXeR: zero for most variants, normal for the causal ones.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_variants)
        Complete dosages, none of them constant.

    n_causal : int or float, default=5
        Number of causal variants, or (a float below 1) the chance of each to be causal; at least
        one is.

    h2 : float, default=0.5
        Heritability: the variance of the genetic values over the sum of the variances of genetic
        values and noise. Exact in the sample, apart from their chance correlation.

    effects : array-like of shape (n_variants,), default=None
        Effects per allele, taken as they are, and matched to X by labels if they have some;
        `n_causal` and `frequency_exponent` are not used. None draws them and scales them to a
        trait of variance 1.

    frequency_exponent : float, default=0.0
        The variance of an effect is proportional to the variance of the dosage to this power: 0 for
        effects that do not depend on frequency (MiXeR), -1 for effects equal per SD of dosage.

    random_state : int, RandomState instance or None, default=None
        Determines the numbers drawn.

    Returns
    -------
    trait : :class:`~sklearn.utils.Bunch`
        data : array-like of shape (n_samples, n_variants)
            `X` as given.
        target : ndarray of shape (n_samples,)
            The trait.
        coef : ndarray of shape (n_variants,)
            Effects per allele.
        causal : int ndarray
            Indices of the variants whose effect is not zero.
        genetic_values : ndarray of shape (n_samples,)
            Centered X @ coef.
        residual_variance : float
            Variance of the noise.

    Raises
    ------
    ValueError
        If X has missing calls or constant variants, or a parameter is out of range.

    References
    ----------
    D. Holland et al., "Beyond SNP heritability: polygenicity and discoverability of phenotypes
    estimated with a univariate Gaussian mixture model", PLoS Genetics 16, 2020.

    Examples
    --------
    >>> from skgenetics.datasets import make_genotypes, make_trait
    >>> X = make_genotypes(random_state=0).data
    >>> len(make_trait(X, n_causal=3, random_state=0).causal)
    3
    """
    check_share(h2, "h2")
    check_scalar(frequency_exponent, "frequency_exponent", Real)
    dosages = check_dosages(X)
    rng = check_random_state(random_state)
    if effects is None:
        coef, genetic = draw_additive(dosages, n_causal, h2, frequency_exponent, rng)
        residual_variance = 1.0 - h2
    else:
        effects = labels_of_columns(X).match(effects, "effects")
        coef = check_array(effects, ensure_2d=False, dtype=float, input_name="effects")
        if coef.shape != (dosages.shape[1],):
            raise ValueError(
                f"effects must have shape ({dosages.shape[1]},), one per variant of X, got "
                f"{coef.shape}."
            )
        if bool(h2) != bool(coef.any()):
            raise ValueError(f"h2={h2} cannot be reached: h2 is 0 if and only if all effects are.")
        genetic = genetic_values(dosages, coef)
        genetic -= genetic.mean()
        residual_variance = genetic.var() * (1 - h2) / h2 if h2 else 1.0
    noise = draw_noise(len(dosages), np.eye(1), residual_variance, rng)
    return Bunch(
        data=X,
        target=genetic + noise[:, 0],
        coef=coef,
        causal=np.flatnonzero(coef),
        genetic_values=genetic,
        residual_variance=residual_variance,
    )


def make_multitrait(
    X: ArrayLike,
    *,
    n_traits: int = 5,
    n_causal: float = 20,
    covariances: Any = ("shared", "singleton", "heterogeneous"),
    weights: ArrayLike | None = None,
    effect_correlation: float = 0.5,
    h2: float | ArrayLike = 0.3,
    residual_correlation: float | ArrayLike = 0.0,
    missing_rate: float = 0.0,
    random_state: Any = None,
) -> Bunch:
    """Simulate many traits with effects shared between traits: Y = X coef.T + E.

    The effects of a causal variant on the traits are normal with one of several covariance matrices
    U, as in the prior of `MMASHRegressor`.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_variants)
        Complete dosages, none of them constant.

    n_traits : int, default=5
        Number of traits, J.

    n_causal : int or float, default=20
        Number of causal variants, or (a float below 1) the chance of each to be causal.

    covariances : str, sequence of str, or array-like of shape (K, J, J)
        Names or matrices. "shared": the same effect on every trait; "singleton": an effect on one
        trait, each with the same chance; "heterogeneous": effects on all, with correlation
        `effect_correlation`; "independent": uncorrelated effects on all.

    weights : array-like of shape (K,), default=None
        Share of the causal variants for each entry of `covariances`. None: equal.

    effect_correlation : float, default=0.5
        Correlation of the effects under "heterogeneous".

    h2 : float or array-like of shape (J,), default=0.3
        Heritability of each trait, exact in the sample as in `make_trait`. A trait that no causal
        variant affects has 0, whatever is asked.

    residual_correlation : float or array-like of shape (J, J), default=0.0
        Correlation of the noise between traits.

    missing_rate : float, default=0.0
        Share of the cells of each trait that is set to NaN at random.

    random_state : int, RandomState instance or None, default=None
        Determines the numbers drawn.

    Returns
    -------
    traits : :class:`~sklearn.utils.Bunch`
        data : array-like of shape (n_samples, n_variants)
            `X` as given.
        target : ndarray of shape (n_samples, J)
            The traits; NaN if missing.
        complete_target : ndarray of shape (n_samples, J)
            The traits before cells were set to missing.
        coef : ndarray of shape (J, n_variants)
            Effects per allele.
        causal : int ndarray of shape (n_drawn,)
            Indices of the causal variants.
        component : int ndarray of shape (n_drawn,)
            Which of `components` the effects of each causal variant were drawn from.
        components : ndarray of shape (n_components, J, J)
            Covariance matrices; "singleton" stands for J of them. In the scale of `coef`.
        component_names : list of str
            Their names: shared, singleton_y0, heterogeneous_0.5, ...; or covariance_0, ...
        genetic_values : ndarray of shape (n_samples, J)
            Centered X @ coef.T.
        residual_covariance : ndarray of shape (J, J)
            Covariance that the noise was drawn with.
        h2 : ndarray of shape (J,)
            Heritability in the sample.

    Raises
    ------
    ValueError
        If X has missing calls or constant variants, a matrix is not a covariance, or a parameter is
        out of range.

    References
    ----------
    F. Morgante et al., "A flexible empirical Bayes approach to multivariate multiple regression,
    and its improved accuracy in predicting multi-tissue gene expression from genotypes", PLoS
    Genetics 19, 2023.

    Examples
    --------
    >>> from skgenetics.datasets import make_genotypes, make_multitrait
    >>> X = make_genotypes(random_state=0).data
    >>> make_multitrait(X, n_traits=4, random_state=0).target.shape
    (500, 4)
    """
    check_scalar(n_traits, "n_traits", Integral, min_val=1)
    check_share(missing_rate, "missing_rate")
    trait_h2 = _heritabilities(h2, n_traits)
    components, names, shares = _components(covariances, weights, n_traits, effect_correlation)
    root = correlation_root(residual_correlation, n_traits, "residual_correlation")
    dosages = check_dosages(X)
    rng = check_random_state(random_state)

    causal = draw_causal(dosages.shape[1], n_causal, rng)
    component = rng.choice(len(components), size=len(causal), p=shares)
    effects = _draw_effects(components, component, rng) * (trait_h2 > 0)
    coef = np.zeros((n_traits, dosages.shape[1]))
    coef[:, causal] = effects.T
    genetic = genetic_values(dosages, coef.T)
    genetic -= genetic.mean(axis=0)

    explained = genetic.var(axis=0)
    heritable = explained > 0
    scale = trait_h2[heritable].mean() / explained[heritable].mean() if heritable.any() else 1.0
    coef *= np.sqrt(scale)
    genetic *= np.sqrt(scale)
    residual_variance = np.ones(n_traits)
    residual_variance[heritable] = (scale * explained * (1 - trait_h2))[heritable] / trait_h2[
        heritable
    ]
    complete = genetic + draw_noise(len(dosages), root, residual_variance, rng)
    target = complete.copy()
    for trait in target.T:
        trait[draw_missing(len(trait), missing_rate, rng)] = np.nan
    root = np.sqrt(residual_variance)[:, None] * root
    return Bunch(
        data=X,
        target=target,
        complete_target=complete,
        coef=coef,
        causal=causal,
        component=component,
        components=components * scale,
        component_names=names,
        genetic_values=genetic,
        residual_covariance=root @ root.T,
        h2=np.where(heritable, trait_h2, 0.0),
    )


def _heritabilities(h2: float | ArrayLike, n_traits: int) -> np.ndarray:
    """Return the heritability of each trait (J,)."""
    values = np.asarray(h2)
    if values.shape not in ((), (n_traits,)):
        raise ValueError(f"h2 must be a number or have shape ({n_traits},), got {values.shape}.")
    for value in values.ravel().tolist():
        check_share(value, "h2")
    return np.broadcast_to(values.astype(float), n_traits)


def _draw_effects(
    components: np.ndarray, component: np.ndarray, rng: np.random.RandomState
) -> np.ndarray:
    """Return effects (n_causal, J), each row normal with the covariance that `component` names."""
    values, vectors = np.linalg.eigh(components)
    rounding = values.shape[1] * np.finfo(float).eps * values[:, -1:]
    roots = vectors * np.sqrt(np.where(values > rounding, values, 0))[:, None]
    normal = rng.normal(size=(len(component), values.shape[1]))
    return np.einsum("pij,pj->pi", roots[component], normal)


def _components(
    covariances: Any, weights: ArrayLike | None, n_traits: int, effect_correlation: float
) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Return covariance matrices (K, J, J) of the effects, their names and their shares."""
    if isinstance(covariances, str):
        covariances = (covariances,)
    named = all(isinstance(entry, str) for entry in covariances)
    if len(covariances) == 0:
        raise ValueError("covariances is empty; name at least one, or give one matrix.")
    weights = np.ones(len(covariances)) if weights is None else np.asarray(weights, dtype=float)
    if weights.shape != (len(covariances),) or not (np.all(weights >= 0) and weights.sum() > 0):
        raise ValueError(
            f"weights must be {len(covariances)} numbers of at least 0, one for each entry of "
            f"covariances, and not all 0; got {weights}."
        )
    if not named:
        matrices = _check_covariances(covariances, n_traits)
        names = [f"covariance_{k}" for k in range(len(matrices))]
        return matrices, names, weights / weights.sum()

    root = correlation_root(effect_correlation, n_traits, "effect_correlation")
    singletons = np.eye(n_traits)[:, :, None] * np.eye(n_traits)[:, None, :]
    known = {
        "shared": {"shared": np.ones((n_traits, n_traits))},
        "singleton": {f"singleton_y{j}": matrix for j, matrix in enumerate(singletons)},
        "heterogeneous": {f"heterogeneous_{effect_correlation}": root @ root.T},
        "independent": {"independent": np.eye(n_traits)},
    }
    stack: list[np.ndarray] = []
    names, shares = [], []
    for name, weight in zip(covariances, weights):
        if name not in known:
            raise ValueError(f"covariances holds {name!r}; known are {', '.join(known)}.")
        stack += known[name].values()
        names += known[name]
        shares += [weight / len(known[name])] * len(known[name])
    return np.stack(stack), names, np.array(shares) / weights.sum()


def _check_covariances(covariances: ArrayLike, n_traits: int) -> np.ndarray:
    """Return covariance matrices as an array (K, J, J), or raise if they are none."""
    matrices = check_array(covariances, allow_nd=True, dtype=float, input_name="covariances")
    if matrices.shape[1:] != (n_traits, n_traits):
        raise ValueError(
            f"covariances must be names or have shape (K, {n_traits}, {n_traits}), got shape "
            f"{matrices.shape}."
        )
    lowest, largest = np.linalg.eigvalsh(matrices)[:, [0, -1]].T
    symmetric = np.allclose(matrices, matrices.transpose(0, 2, 1))
    if not symmetric or np.any(lowest < -1e-8 * largest):
        raise ValueError("covariances must be symmetric and have no negative eigenvalue.")
    return matrices
