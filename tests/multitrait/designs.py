"""Data for the solvers, without the estimator around them."""

import numpy as np

from skgenetics.multitrait._background import Relationship
from skgenetics.multitrait._genotype_design import GenotypeDesign
from skgenetics.multitrait._missing_cells import MissingCells
from skgenetics.multitrait._moments import Genotypes
from skgenetics.multitrait._priors import make_prior
from skgenetics.multitrait._residual_covariance import residual_covariance
from skgenetics.multitrait.solvers import SOLVERS, Problem


def make_design(X, Y, *, sd=None, weight=None, delta=0.0, centered=False, order=None):
    """A design of X (n, P), divided by sd, and Y with NaN; centered where asked for."""
    n, p = X.shape
    w = np.ones(n) if weight is None else weight
    observed = ~np.isnan(Y)
    mean = w @ X / w.sum() if centered else np.zeros(p)
    filled = np.where(observed, Y, 0.0)
    if centered:
        filled = np.where(observed, filled - w @ filled / (w @ observed), 0.0)
    inverse_sd = np.ones(p) if sd is None else 1 / sd
    genotypes = Genotypes(mean, inverse_sd, w @ ((X - mean) * inverse_sd) ** 2)
    design = GenotypeDesign(
        X,
        filled,
        genotypes,
        weight=weight,
        centered=centered,
        missing=None if observed.all() else MissingCells(observed, w),
        order=order,
    )
    if delta:
        design = design.arranged(order=order, background=Relationship(design).background(delta))
    return design


def run(design, covariances, scales, sigma, weights, *, n_sweeps=None, tol=1e-12, **settings):
    """All states of coordinate ascent, and the bounds of each."""
    problem = Problem(
        prior=make_prior(covariances, scales, range(len(covariances)), has_null=True),
        weights=weights,
        covariance=residual_covariance(sigma),
        **{
            "learn_weights": False,
            "weight_threshold": 0.0,
            "covariance_step": None,
        }
        | settings,
    )
    bounds = []
    solver = SOLVERS["coordinate_ascent"]
    for state in solver.start(design, problem, tol=-np.inf if n_sweeps else tol):
        bounds.append(state.bound)
        if len(bounds) == (n_sweeps or 3000):
            break
    return state, np.array(bounds)


def random_problem(
    seed, n=30, p=8, n_traits=3, *, missing=0.0, orthogonal=False, ranks=None, n_scales=2
):
    """X, Y, U of the ranks (None: 1, J - 1 and J), scales, pi and Sigma."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + 0.7 * rng.normal(size=(n, 1))
    if orthogonal:
        X = 2 * np.linalg.qr(X)[0]
    B = rng.normal(size=(p, n_traits)) * (rng.random((p, 1)) < 0.4)
    Y = X @ B + rng.normal(size=(n, n_traits))
    if missing:
        Y[rng.random(Y.shape) < missing] = np.nan
        Y[0] = 1.0
    chosen = {1, max(1, n_traits - 1)} if ranks is None else ranks
    factors = [rng.normal(size=(n_traits, rank)) for rank in chosen]
    U = np.stack([F @ F.T for F in factors] + [np.eye(n_traits)] * (ranks is None))
    scales = np.geomspace(0.05, 0.5, n_scales)
    A = rng.normal(size=(n_traits, n_traits))
    sigma = A @ A.T / n_traits + 0.5 * np.eye(n_traits)
    return X, Y, U, scales, rng.dirichlet(np.ones(n_scales * len(U) + 1)), sigma
