"""How many people of the scan's population a reference panel is worth, as z tells.

The LD of people of another population errs more than that of as many people of the scan's own:
its alleles drifted apart, which is like sampling them once more. By how much is not known, but
each number of people gives z a density, the effects integrated out; that of the highest is taken.
"""

from itertools import islice
from typing import Any

import numpy as np

from skgenetics.finemapping._choice import solver_of_effects
from skgenetics.finemapping._likelihood import log_density
from skgenetics.finemapping._panel import is_of_panel, panel_likelihood
from skgenetics.finemapping._prior import fixed_prior
from skgenetics.finemapping._problem import own_problem
from skgenetics.finemapping.solvers import Problem
from skgenetics.loci._summary import Locus
from skgenetics.utils._arrays import to_numpy

STEP = np.sqrt(2)  # between the numbers of people that are tried
FEWEST = 20.0  # people, of whom LD tells hardly anything
MAX_SWEEPS = 30
MOST_VARIANTS = 1500  # beyond, densities in O(p^3) cost more than the fit


def with_effective_panel(estimator: Any, locus: Locus) -> Locus:
    """Return the locus with the number of people that its panel is worth, if it is of a panel.

    Fewer are tried as long as the density of z rises.
    """
    n_variants = locus.z.shape[0]
    if not is_of_panel(locus) or n_variants > MOST_VARIANTS:
        return locus
    solver = solver_of_effects().quick()
    problem = own_problem(estimator, solver, locus, fixed_prior(estimator, locus.labels))
    if problem.residual_variance is None:
        return locus
    dense = problem.locus._replace(ld=problem.locus.ld.dense())
    problem = problem._replace(locus=dense, tol=solver.default_tol, background=0.0)

    def evidence(n_people: float) -> float:
        of_people = [part._replace(panel_size=n_people) for part in (dense, locus)]
        return log_evidence(problem._replace(locus=of_people[0], observed=of_people[1]))

    n_people, best = float(locus.panel_size), evidence(locus.panel_size)
    while n_people / STEP >= FEWEST:
        value = evidence(n_people / STEP)
        if value <= best:
            break
        n_people, best = n_people / STEP, value
    return locus._replace(panel_size=n_people)


def log_evidence(problem: Problem) -> float:
    """Return a bound on log p(z) with the errors of the panel's LD, but for a constant."""
    told, covariance = panel_likelihood(problem)
    solver: Any = solver_of_effects().quick()
    *_, state = islice(solver.start(told), MAX_SWEEPS)
    return log_density(to_numpy(problem.locus.z).astype(float), covariance) + float(state.bound)
