"""A background of small effects in summary statistics, with a variance of its own in every trait.

Beside the effects B every variant has u ~ N(0, Sigma_u), Sigma_u diagonal. X'Y then has the
covariance d R o Sigma + d^2 R^2 o Sigma_u (Kronecker products, d = N - 1). With A Sigma A' = I and
A Sigma_u A' = diag(lambda) the canonical traits AY are independent, and with R = UDU' the
likelihood of B has in canonical trait j the quadratic form d U D / (1 + lambda_j d D) U', and the
linear term U (1 + lambda_j d D)^-1 U'X'YA' (Cui et al. 2023, for one trait).
"""

from collections import deque
from itertools import islice
from typing import Any

import numpy as np

from skgenetics.multitrait._background import Spectrum
from skgenetics.multitrait._design import Block, Design
from skgenetics.multitrait._genetic_covariance import TraitCovariances, canonical_basis
from skgenetics.multitrait._residual_covariance import ResidualCovariance, residual_covariance
from skgenetics.multitrait._single_effect_results import summarize_effects
from skgenetics.multitrait._summary_design import SummaryDesign
from skgenetics.multitrait.solvers import Problem, Solver, State
from skgenetics.utils._arrays import to_numpy

MIN_VARIANTS, MAX_VARIANTS = 20, 4096  # that have a background: eigenvectors of R are needed
MIN_SCORE = 1.5  # of the test of no background, a standard normal
MANY_EFFECTS = 4  # so many effects may be those of a background
ROUNDS, SWEEPS = 8, 10
RELATIVE_CHANGE = 0.02  # of the variances: the rounds end below it
SMALLEST = 1e-3  # of tau^2 D_max: below it there is no background
PRICE = 2.0  # of the bound, for each variance
MAX_SHARE = 0.1  # of a trait, with the LD of a panel, whose errors look like more


class ScanBackgroundDesign(Design):
    """Summary statistics with a background; the noise is part of the quadratic form, I to solvers.

    Parameters
    ----------
    plain : SummaryDesign
    noise : ResidualCovariance
        Sigma.
    small : array (J,)
        The diagonal of Sigma_u.
    values, vectors : array (k,), (P, k)
        D > 0 and U.
    """

    rows_known = False

    def __init__(
        self,
        plain: SummaryDesign,
        noise: ResidualCovariance,
        small: np.ndarray,
        values: np.ndarray,
        vectors: np.ndarray,
    ) -> None:
        self.plain, self.noise, self.small = plain, noise, small
        self.ld, self.used, self.n_used = plain.ld, plain.used, plain.n_used
        self.n_traits, self.n_samples = plain.n_traits, 1.0
        self.blocks, self.grams = plain.blocks, []
        self.values, self.vectors = plain.norm * values, vectors
        self.basis, ratios = canonical_basis(TraitCovariances(np.diag(small), noise.matrix))
        self.kept = 1 / (1 + self.values[:, None] * ratios)  # (k, J)
        canonical = plain.cross_products @ self.basis.T
        rotated = vectors.T @ canonical
        self.linear = (canonical - vectors @ ((1 - self.kept) * rotated)) @ self.basis
        own = vectors**2 @ (self.values[:, None] * self.kept)
        self.squared_norm = np.einsum("ji,pj,jk->pik", self.basis, own, self.basis)
        # so that the bound is comparable with that of `plain`
        nothing = plain.n_samples * noise.log_det + np.sum(plain.total * noise.inverse)
        gained = np.log(self.kept) + (1 - self.kept) * rotated**2 / self.values[:, None]
        self.log_normalizer = plain.log_normalizer - nothing / 2 + float(np.sum(gained)) / 2

    def arranged(
        self, *, order: np.ndarray | None = None, background: Any = None
    ) -> "ScanBackgroundDesign":
        """Return itself: single effects have no order."""
        return self

    def gram_product(self, variants: Block, means: np.ndarray) -> np.ndarray:
        """Return the quadratic form times the effects `means` (k, J) of k variants."""
        along = self.vectors[variants].T @ (means @ self.basis.T)
        return self.vectors @ (self.values[:, None] * self.kept * along) @ self.basis

    def gram_columns(self, variants: np.ndarray) -> np.ndarray:
        """Return the columns (P, J, k, J) of the quadratic form of k variants."""
        weights = np.einsum(
            "ji,kj,jl->kil", self.basis, self.values[:, None] * self.kept, self.basis
        )
        return np.einsum("pk,kil,vk->pivl", self.vectors, weights, self.vectors[variants])

    def excess_noise(self, others: np.ndarray, covariance: ResidualCovariance) -> np.ndarray | None:
        """Return that of a panel's errors, relative to Sigma."""
        return self.plain.excess_noise(others, self.noise)

    def columns(self, block: Block) -> Block:
        """Return the block."""
        return block

    def start(self, effects: np.ndarray) -> None:
        """Set the scores that belong to `effects` (P, J)."""
        self.effects = effects.copy()
        self.residual_scores = self.linear - self.gram_product(slice(None), effects)

    def score(self, columns: Block) -> np.ndarray:
        """Return the scores of a block (b, J)."""
        return self.residual_scores[columns].copy()

    def move(self, columns: Block, change: np.ndarray) -> None:
        """Change the effects of a block by `change` (b, J)."""
        self.effects[columns] += change
        self.residual_scores = self.residual_scores - self.gram_product(columns, change)

    def square(self) -> np.ndarray:
        """Return -2 l'b + b'Lambda b of the effects b, in the diagonal of a matrix (J, J)."""
        return -np.diag(np.sum(self.effects * (self.linear + self.residual_scores), axis=0))

    def restore(self, effects: np.ndarray, saved: None) -> None:
        """Undo what happened since `save`, of `effects` (P, J)."""
        self.start(effects)

    def fitted_variance(self, effects: np.ndarray) -> np.ndarray:
        """Return the variance (J,) of X effects."""
        return self.plain.fitted_variance(effects)

    def background_effects(self) -> np.ndarray:
        """Return the posterior means (P, J) of u, given B."""
        return self.residual_scores * self.small

    def genetic_covariance(self) -> np.ndarray:
        """Return P Sigma_u (J, J)."""
        return np.diag(self.small) * self.n_used

    def spectrum(self) -> Spectrum:
        """Return that of the relationship XX'/P of the scans' people."""
        return Spectrum(self.values / self.n_used, self.plain.n_samples)


def with_scan_background(
    solver: Solver,
    design: SummaryDesign,
    problem: Problem,
    panel_size: np.ndarray | None,
    *,
    tol: float,
) -> tuple[Design, Problem]:
    """Return the design and the problem with the background, if there is one.

    Where single effects leave more than noise, they are fitted in turn with the variances of the
    background, which at first explains all. It is kept if it raises the bound by `PRICE` a trait.
    """
    n_variants = len(design.squared_norm)
    n_people = np.inf if panel_size is None else float(panel_size)
    if not MIN_VARIANTS <= n_variants <= MAX_VARIANTS:
        return design, problem
    quick, noise = problem._replace(refine=False), problem.covariance
    plain = quick_fit(solver, design, quick, tol=tol)
    ld = to_numpy(design.ld).astype(float)
    to_z = np.sqrt(design.norm * np.diag(noise.matrix))
    few = sum(effect.presence >= 0.5 for effect in plain.single_effects()) < MANY_EFFECTS
    excess = np.sum((design.residual_scores / to_z) ** 2, axis=0) - n_variants
    if few and np.max(excess) < MIN_SCORE * np.sqrt(2 * np.sum(ld**2)):
        return design, problem
    values, vectors = np.linalg.eigh(ld)
    used = values > max(1e-6 * values[-1], n_variants / n_people)  # less are errors of a panel
    values, vectors = values[used], vectors[:, used]
    rotated = vectors.T @ (design.cross_products / to_z)
    squares, variances = rotated**2 / values[:, None], np.full(design.n_traits, np.inf)
    unit = residual_covariance(np.eye(design.n_traits))
    state, tried = plain, None
    for _ in range(ROUNDS):
        before = variances
        variances = np.array([likeliest_variance(values, column) for column in squares.T])
        if not np.any(variances):
            return design, problem
        if np.all(np.abs(variances - before) <= RELATIVE_CHANGE * variances):
            break
        small = variances * np.diag(noise.matrix) / design.norm
        tried = ScanBackgroundDesign(design, noise, small, values, vectors)
        asked = quick._replace(covariance=unit, covariance_step=None)
        state = quick_fit(solver, tried, asked, tol=tol)
        squares = expected_squares(state, asked, rotated, values, vectors, design.norm / to_z)
    share = np.max(variances) * n_variants / design.norm
    foreign = np.isfinite(n_people) and share > MAX_SHARE
    if tried is None or foreign or state.bound < plain.bound + PRICE * np.count_nonzero(variances):
        return design, problem
    return tried, problem._replace(covariance=unit, covariance_step=None)


def quick_fit(solver: Solver, design: Design, problem: Problem, *, tol: float) -> State:
    """Return the state of a fit after some sweeps."""
    return deque(islice(solver.start(design, problem, tol=tol), SWEEPS), maxlen=1).pop()


def likeliest_variance(values: np.ndarray, squares: np.ndarray) -> float:
    """Return t that maximizes the likelihood of `squares` (k,) of variances 1 + t D; 0 if tiny."""
    grid = np.append(0.0, np.geomspace(SMALLEST, 1e4, 71) / values.max())
    variance = 1 + grid[:, None] * values
    loss = np.sum(np.log(variance) + squares / variance, axis=1)
    return float(grid[np.argmin(loss)])


def expected_squares(
    state: State,
    problem: Problem,
    rotated: np.ndarray,
    values: np.ndarray,
    vectors: np.ndarray,
    to_z: np.ndarray,
) -> np.ndarray:
    """Return E[(U'(z - R b))^2] / D (k, J) over the posterior of the effects b, in units of z."""
    effects = [effect for effect in state.single_effects() if effect.log_bf > 0]  # others: absent
    told = summarize_effects(effects, problem.prior, state.weights, state.covariance)
    left, spread = rotated.copy(), np.zeros_like(rotated)
    for effect, summary in zip(effects, told, strict=True):
        along = vectors[summary.variants] * values  # (k of the support, k)
        share = effect.presence * summary.alpha[:, None]
        mean = along.T @ (share * summary.mean * to_z)
        left -= mean
        spread += (along**2).T @ (share * summary.second * to_z**2) - mean**2
    return (left**2 + np.maximum(spread, 0.0)) / values[:, None]
