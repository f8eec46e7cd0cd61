"""The linear models that training starts from: effects by ridge, or by a mixture of normals.

Columns F (n, q) are standardized dosages, and products of them. With D the weights of the observed
cells of a task, N their sum, and v the variance of its label (1 for a trait),

    G = F' D F / N,    b = F' D (y - mean) / (N v),

are all that the choice of penalties needs: beta minimizes

    beta' (G + diag(penalty)) beta / 2 - b' beta.

Ridge takes the one penalty of smallest generalized cross-validation; the mixture learns how many
effects there are and how large, and shrinks each by its own penalty. Both tell their evidence, the
logarithm of the probability of the targets; their effects are averaged with weights in proportion
to these probabilities. For labels of classes the penalized likelihood is then maximized with
penalties that shrink as much as the average does.

Where covariates were regressed out of dosages and target, the target varies in fewer directions
than there are rows (`free_rows`): variances and degrees of freedom count these alone.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import linalg, optimize

from skgenetics.utils._numba import kernel

HERITABILITIES = np.array(
    [1e-4, 1e-3, 5e-3, *np.arange(0.01, 0.1, 0.01), *np.arange(0.1, 1, 0.025)]
)
VARIANCES = 4.0 ** np.arange(-7, 3)  # of effects, in units of heritability over columns times 16
MAX_SWEEPS, SWEEP_TOL = 200, 1e-3  # change of an effect, relative to the largest one
SMALL_STEP = 1e-3  # standard errors by which an effect may stay behind its update
ROUNDING = 1e-4  # share of a column's variance, of single precision, that may be errors of it
LARGEST_PENALTY = 1e8  # of an effect that is 0
COMBINATION = 1e-5  # share of its variance by which a target may differ from one of the columns


class Quadratic(NamedTuple):
    """The quadratic problem of a task, on the host in double precision."""

    G: np.ndarray  # (q, q)
    b: np.ndarray  # (q,)
    variance: float  # mean square of the centered targets, over v squared
    n: float  # N
    free: float  # directions in which the targets vary, N - 1 at most
    noise: float | None = None  # residual variance if it is known: 1 / v of labels


class Products(NamedTuple):
    """Products beside the variants: their part of the quadratic problem."""

    cross: np.ndarray  # (q, k)
    G: np.ndarray  # (k, k)
    b: np.ndarray  # (k,)


class Spectrum(NamedTuple):
    """The eigenvalues of G that are not 0, and their vectors."""

    values: np.ndarray  # (r,)
    vectors: np.ndarray  # (q, r)


class Effects(NamedTuple):
    """Effects of the columns, and the penalties that give them."""

    coef: np.ndarray  # (q,)
    penalty: np.ndarray  # (q,)
    evidence: float  # of the variants; of a mixture, a lower bound


def free_rows(
    values: np.ndarray, projected: np.ndarray, variance: float, n: float, n_rows: int
) -> float:
    """Return in how many directions the targets vary: N - 1, fewer if covariates were removed.

    A target that is a combination of the columns, though these are of lower rank than the rows
    allow, was made so: both are orthogonal to the same covariates, whose number is what the rank
    lacks. Cross-validation that counts these directions takes the smallest penalty, at which they
    are predicted exactly.

    Parameters
    ----------
    values, projected : ndarray (r,)
        Eigenvalues of G that are not 0, and b in the coordinates of their eigenvectors.
    variance, n : float
        As in `Quadratic`.
    n_rows : int
        Number of rows that differ from one another.
    """
    explained = float(np.sum(projected**2 / values)) if len(values) else 0.0
    lacking = n_rows - 1 - len(values) if explained > (1 - COMBINATION) * variance else 0
    return max(n - 1 - n * lacking / n_rows, 0.0)


def ridge_penalties(values: np.ndarray, n: float) -> np.ndarray:
    """Return the penalties tried: (1 - h2) / h2 times the sum of the eigenvalues over N.

    The heritabilities h2 are from 1e-4 to .975.
    """
    return np.asarray(values.sum() / n * (1 - HERITABILITIES) / HERITABILITIES)


def ridge_penalty(
    values: np.ndarray, projected: np.ndarray, variance: float, n: float, free: float
) -> float:
    """Return the penalty of smallest generalized cross-validation.

    GCV = variance of the residuals / (1 - degrees of freedom / free directions)^2. LARGEST_PENALTY
    stands for no effects.

    Parameters
    ----------
    values, projected : ndarray (r,)
        As in `free_rows`.
    variance, n, free : float
        As in `Quadratic`.
    """
    best, chosen = variance if free > 0 else np.inf, LARGEST_PENALTY
    if not np.any(values > 0):  # nothing varies
        return chosen
    for penalty in ridge_penalties(values, n):
        coef = projected / (values + penalty)
        residual = variance - 2 * coef @ projected + coef**2 @ values
        freedom = 1 - np.sum(values / (values + penalty)) / max(free, 1e-300)
        if freedom > 0 and residual / freedom**2 < best:
            best, chosen = residual / freedom**2, float(penalty)
    return chosen


def ridge_evidence(problem: Quadratic, values: np.ndarray, projected: np.ndarray) -> float:
    """Return the largest log evidence of effects that are normal, over their penalties.

    Targets are normal of covariance s^2 (I + F F' / (N penalty)) in the free directions; where s^2
    is not known, it is that of largest likelihood. The arrays are those of `free_rows`.
    """
    best, free = -np.inf, problem.free
    for penalty in (*ridge_penalties(values, problem.n), LARGEST_PENALTY):
        rest = problem.n * (problem.variance - np.sum(projected**2 / (values + penalty)))
        noise = problem.noise or rest / max(free, 1e-300)
        if noise > 0 and free > 0:
            fit = -0.5 * (free * np.log(2 * np.pi * noise) + rest / noise)
            best = max(best, float(fit - 0.5 * np.sum(np.log1p(values / penalty))))
    return best


def ridge_effects(
    problem: Quadratic, spectrum: Spectrum, products: Products, own: np.ndarray
) -> Effects:
    """Return the ridge solution of smallest generalized cross-validation, jointly with products.

    `own` (k,) are the penalties of the products. With A = (G + penalty)^-1, their effects solve
    (G_products + own - cross' A cross) c = b_products - cross' A b.
    """
    values, vectors = spectrum
    b, cross = vectors.T @ problem.b, vectors.T @ products.cross
    c = np.zeros(len(own))
    for _ in range(2 if len(own) else 1):  # the penalty follows what the products leave
        left = problem.variance - 2 * c @ products.b + c @ products.G @ c
        penalty = ridge_penalty(values, b - cross @ c, max(left, 0.0), problem.n, problem.free)
        inverse = 1 / (values + penalty)
        if len(own):
            schur = products.G + np.diag(own) - cross.T @ (inverse[:, None] * cross)
            c = np.linalg.solve(schur, products.b - cross.T @ (inverse * b))
    coef = vectors @ (inverse * (b - cross @ c))
    penalties = np.concatenate([np.full(len(coef), penalty), own])
    evidence = ridge_evidence(problem, values, b)
    return Effects(np.concatenate([coef, c]), penalties, evidence)


def mixture_effects(problem: Quadratic, products: Products, own: np.ndarray) -> Effects:
    """Return effects under a mixture of normals, jointly with products of penalties `own` (k,).

    The problem of the variants is what is left of it once the products are projected out.
    """
    if not len(own):
        return mixture_of_variants(problem)
    solve = linalg.cho_factor(products.G + np.diag(own))
    on_products = linalg.cho_solve(solve, np.column_stack([products.cross.T, products.b]))
    G = problem.G - products.cross @ on_products[:, :-1]
    left = np.diag(G) > ROUNDING * np.diag(problem.G)  # what the products do not explain
    reduced = Quadratic(
        G * left * left[:, None],
        left * (problem.b - products.cross @ on_products[:, -1]),
        problem.variance - float(products.b @ on_products[:, -1]),
        problem.n,
        problem.free,
        problem.noise,
    )
    effects = mixture_of_variants(reduced)
    c = on_products[:, -1] - on_products[:, :-1] @ effects.coef
    penalty = np.concatenate([effects.penalty, own])
    return Effects(np.concatenate([effects.coef, c]), penalty, effects.evidence)


def averaged(mixture: Effects, ridge: Effects, share: float) -> Effects:
    """Return the mean of two sets of effects, with the weight `share` of the mixture's.

    1 / (1 + penalty), by which the effect of an independent standardized column shrinks, is that
    mean too.
    """
    shrinkage = share / (1 + mixture.penalty) + (1 - share) / (1 + ridge.penalty)
    coef = share * mixture.coef + (1 - share) * ridge.coef
    return Effects(coef, 1 / shrinkage - 1, max(mixture.evidence, ridge.evidence))


def mixture_of_variants(problem: Quadratic) -> Effects:
    """Return posterior means under a mixture of normals of mean 0, learned by variational EM.

    Coordinate ascent as for the model of Carbonetto and Stephens' "mr.ash": each effect given the
    others is one normal mean with a mixture prior, whose weights and the residual variance are
    updated after every sweep. The penalty of an effect is the one for which the quadratic problem
    has the same solution. The evidence is the lower bound that the ascent raises.
    """
    q, n, free = len(problem.b), problem.n, problem.free
    if problem.variance <= 0 or free <= 0:
        return Effects(np.zeros(q), np.full(q, LARGEST_PENALTY), -np.inf)
    diagonal = np.diag(problem.G).copy()
    used = diagonal > 1e-8
    grid = np.concatenate([[0.0], problem.variance * VARIANCES / max(1, q) * 16])
    weights = np.full(len(grid), 1 / len(grid))
    coef, shrinkage = np.zeros(q), np.zeros(q)
    order = np.argsort(-np.abs(problem.b), kind="stable")
    order = order[used[order]]
    residual_variance = problem.noise or problem.variance
    gradient = problem.b.copy()  # b - G coef
    for _ in range(MAX_SWEEPS):
        previous = coef.copy()
        weights, spread, divergence = mixture_sweep(
            problem.G, diagonal, order, coef, shrinkage, gradient, grid, weights,
            residual_variance / n,
        )  # fmt: skip
        rest = n * (problem.variance - coef @ (problem.b + gradient) + spread)
        fit = free * np.log(2 * np.pi * residual_variance) + rest / residual_variance
        evidence = float(-0.5 * fit - divergence)
        residual_variance = problem.noise or max(rest / free, 1e-6 * problem.variance)
        change = np.abs(coef - previous).max(initial=0.0)
        if change <= SWEEP_TOL * np.abs(coef).max(initial=0.0):
            break
    penalty = np.full(q, LARGEST_PENALTY)
    moved = shrinkage > 1e-8
    penalty[moved] = np.minimum(diagonal[moved] * (1 / shrinkage[moved] - 1), LARGEST_PENALTY)
    return Effects(coef, penalty, evidence)


@kernel
def mixture_sweep(G, diagonal, order, coef, shrinkage, gradient, grid, weights, noise):
    """Update every effect once, in place; return the mixture's weights, tr(G cov) and a divergence.

    `noise` is the residual variance over N; `shrinkage` the ratio of an effect to its least-squares
    estimate given the others. The divergence is that of the posterior from the prior, of
    Kullback and Leibler.
    """
    n_components = len(grid)
    mass = np.zeros(n_components)
    posterior = np.zeros(n_components)
    spread = divergence = 0.0
    for j in order:
        d = diagonal[j]
        estimate, error = gradient[j] / d + coef[j], noise / d
        largest = -1e300
        for k in range(n_components):
            total = error + grid[k]
            posterior[k] = np.log(weights[k] + 1e-300) - 0.5 * (
                np.log(total) + estimate * estimate / total
            )
            largest = max(largest, posterior[k])
        norm = 0.0
        for k in range(n_components):
            posterior[k] = np.exp(posterior[k] - largest)
            norm += posterior[k]
        shrink = second = 0.0
        for k in range(n_components):
            posterior[k] /= norm
            mass[k] += posterior[k]
            factor = grid[k] / (error + grid[k])
            shrink += posterior[k] * factor
            second += posterior[k] * (factor * error + (factor * estimate) ** 2)
            if posterior[k] > 0:
                divergence += posterior[k] * np.log(posterior[k] / (weights[k] + 1e-300))
            if grid[k] > 0:
                moment = factor * error / grid[k] + (factor * estimate) ** 2 / grid[k]
                divergence += 0.5 * posterior[k] * (moment - 1 - np.log(factor * error / grid[k]))
        new = shrink * estimate
        spread += d * (second - new * new)
        change = new - coef[j]
        shrinkage[j] = shrink
        if change * change > SMALL_STEP**2 * error:
            coef[j] = new
            for i in range(len(gradient)):
                gradient[i] -= change * G[j, i]
    return mass / max(1.0, mass.sum()), spread, divergence


def penalized_fit(
    gradient_of: Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray, np.ndarray]],
    coef: np.ndarray,
    intercept: np.ndarray,
    penalty: np.ndarray,
    *,
    max_iter: int = 100,
) -> tuple[np.ndarray, np.ndarray]:
    """Return effects (d, q) and intercepts (d,) of the penalized likelihood.

    Minimizes the mean loss + sum penalty coef^2 / 2 by L-BFGS in the coordinates sqrt(1 + penalty)
    coef, in which the penalties are of one size.

    Parameters
    ----------
    gradient_of : callable
        From effects and intercepts to the mean loss and its derivatives by both.
    coef, intercept : ndarray (d, q), (d,)
        The start.
    penalty : ndarray (d, q)
    """
    shape = coef.shape
    root = np.sqrt(1 + penalty)

    def split(vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return vector[shape[0] :].reshape(shape) / root, vector[: shape[0]]

    def objective(vector: np.ndarray) -> tuple[float, np.ndarray]:
        B, a = split(vector)
        value, d_coef, d_intercept = gradient_of(B, a)
        value += 0.5 * float(np.sum(penalty * B**2))
        d_coef = (d_coef + penalty * B) / root
        return value, np.concatenate([d_intercept, np.ravel(d_coef)])

    start = np.concatenate([intercept, np.ravel(coef * root)])
    result = optimize.minimize(
        objective, start, jac=True, method="L-BFGS-B", options={"maxiter": max_iter, "gtol": 1e-5}
    )
    return split(result.x)
