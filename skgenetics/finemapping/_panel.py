"""The noise that LD from people outside the scan adds to z."""

from itertools import islice

from skgenetics.finemapping._choice import solver_of_effects
from skgenetics.finemapping.solvers import Problem

MAX_ROUNDS, MAX_SWEEPS = 10, 30
RELATIVE_CHANGE = 0.01  # of s0^2: the rounds end below it


def panel_noise(problem: Problem, residual_variance: float) -> float:
    """Return `residual_variance` with what the errors of a panel's LD add to the noise of z.

    The LD of m other people is R + W, so that z = (R + W) v - W v + e where v = S beta. W is that
    of a sample covariance: Cov(W v) = (v'Rv R + R v v'R) / m. The second part changes the size of
    the signal alone; the first is noise like e, as if s0^2 were larger by v'Rv / m. v is that of
    single effects, fitted in turn with s0^2.
    """
    solver = solver_of_effects().quick()
    locus, n_people = problem.locus, problem.locus.panel_size
    noise = residual_variance
    for _ in range(MAX_ROUNDS):
        at_noise = problem._replace(residual_variance=noise, tol=solver.default_tol)
        *_, state = islice(solver.start(at_noise), MAX_SWEEPS)
        moved = solver.posterior(state, locus).mean * locus.scale
        previous = noise
        noise = residual_variance + float(moved @ locus.ld.product(moved)) / n_people
        if abs(noise - previous) < RELATIVE_CHANGE * noise:
            return noise
    return max(noise, previous)
