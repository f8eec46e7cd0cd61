"""The noise that LD from people outside the scans adds to the z of all traits."""

from itertools import islice

import numpy as np

from skgenetics.multitrait._cell_design import CellDesign
from skgenetics.multitrait._data import Data
from skgenetics.multitrait._population_design import PopulationDesign, product
from skgenetics.multitrait._residual_covariance import residual_covariance
from skgenetics.multitrait._summary_design import SummaryDesign
from skgenetics.multitrait.solvers import Problem, Solver
from skgenetics.utils._arrays import to_numpy

MAX_ROUNDS, MAX_SWEEPS = 10, 30
RELATIVE_CHANGE = 0.01  # of the noise of a trait: the rounds end below it


def with_panel_noise(
    solver: Solver, data: Data, problem: Problem, panel_size: np.ndarray, *, tol: float
) -> tuple[Data, Problem]:
    """Return the data and the problem with the noise that a panel of `panel_size` people adds.

    The effects of some sweeps say how much, and the next sweeps are made with that noise.
    `panel_size` is a number, or one for each population. Such errors decide between optima that
    are close: no other ones are looked for.
    """
    design = data.design
    if not isinstance(design, (SummaryDesign, CellDesign, PopulationDesign)):
        raise TypeError("Only summary statistics have the LD of a panel.")
    ld = to_numpy(design.ld)
    to_z = data.modeled.unit * np.sqrt(data.traits.n_observed)
    known = noise = data.marginal.moment
    if not isinstance(design, CellDesign):  # whose residual covariance may be given
        known = noise = problem.covariance.matrix
    for _ in range(MAX_ROUNDS):
        quick = problem._replace(refine=False)
        *_, state = islice(solver.start(data.design, quick, tol=tol), MAX_SWEEPS)
        previous, noise = noise, known + panel_noise(state.effects * to_z, ld, panel_size)
        data, problem = at_noise(data, problem, noise)
        if np.all(np.abs(np.diag(noise - previous)) < RELATIVE_CHANGE * np.diag(noise)):
            break
    return data, problem._replace(refine=False)


def panel_noise(moved: np.ndarray, ld: np.ndarray, panel_size: np.ndarray) -> np.ndarray:
    """Return V'RV / m (J, J), what the errors of a panel's LD add to the covariance of the noise.

    The LD of m other people is R + W, so that z_j = (R + W) v_j - W v_j + e_j, where v_j, the
    column of V = `moved` (P, J), is what the effects on trait j do to z. W is that of a sample
    covariance, the same for all traits: Cov(W v_i, W v_j) = (v_i'Rv_j R + R v_j v_i'R) / m. The
    second part changes the size of the signal alone; the first is noise like e.
    """
    if ld.ndim == 3:  # of populations, whose panels are independent
        return np.diag(np.sum(moved * product(ld, moved), axis=0) / panel_size)
    return moved.T @ (ld @ moved) / panel_size


def at_noise(data: Data, problem: Problem, noise: np.ndarray) -> tuple[Data, Problem]:
    """Return the data and the problem with another covariance of the noise of z."""
    if isinstance(data.design, CellDesign):
        marginal = data.marginal._replace(moment=noise)
        return data._replace(design=data.design.with_noise(noise), marginal=marginal), problem
    return data, problem._replace(covariance=residual_covariance(noise))
