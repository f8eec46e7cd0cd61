"""Which solver fits a locus: the one asked for, or what "auto" stands for."""

from typing import Any

from skgenetics.finemapping._data import MAX_DENSE_LD
from skgenetics.finemapping._prior import FixedPrior, fixed_prior
from skgenetics.finemapping.solvers import SOLVERS, Solver
from skgenetics.loci._summary import Locus
from skgenetics.utils._parameters import Constraint, Option


class SolverName(Constraint):
    """The name of a solver that is registered now, or "auto"."""

    def fits(self, value: Any) -> bool:
        """Whether `value` is a word at all."""
        return isinstance(value, str)

    def allows(self, value: Any) -> bool:
        """Whether it is such a name."""
        return value == "auto" or value in SOLVERS

    def __str__(self) -> str:
        """Complete the sentence "must be ..."."""
        return str(Option("auto", *SOLVERS))


def choose_solver(estimator: Any, locus: Locus, fixed: FixedPrior, *, own_ld: bool) -> Solver:
    """Return the solver that an estimator's parameter `solver` names, or the solver itself.

    "auto" is the first calibrated one that believes no LD, or if LD and z are known to be of the
    same people (`own_ld`), the `believing_solver`. If the user fixes a number that only some have,
    it is the first of those, as long as it needs no LD matrix larger than any other part forms.
    """
    solver, asks = estimator.solver, flag_asked_for(estimator, fixed)
    if isinstance(solver, Solver):
        return solver
    believing = believing_solver(estimator, locus) if own_ld else None
    if believing is not None:
        return believing
    if solver != "auto":
        return SOLVERS[solver]()
    n_variants = locus.z.shape[0]
    possible = [
        candidate
        for candidate in SOLVERS.values()
        if candidate.calibrated and not (candidate.forms_ld and n_variants > MAX_DENSE_LD)
    ]
    asked = [candidate for candidate in possible if asks is not None and getattr(candidate, asks)]
    return (asked or [candidate for candidate in possible if not candidate.believes_ld])[0]()


def believing_solver(estimator: Any, locus: Locus) -> Solver | None:
    """Return the solver that "auto" takes if the LD is to be believed.

    So it is if it was computed with z, or z shows that it is of the same people, or of others whose
    errors are known. None if there is no such solver for the size, or the user asks for another.
    """
    if estimator.solver != "auto":
        return None
    if flag_asked_for(estimator, fixed_prior(estimator, locus.labels)) is not None:
        return None
    for solver in SOLVERS.values():
        if solver.calibrated and solver.believes_ld and locus.z.shape[0] <= solver.most_variants:
            return solver()
    return None


def flag_asked_for(estimator: Any, fixed: FixedPrior) -> str | None:
    """Return the flag of the solvers that have a number which the user fixed, or None."""
    if estimator.max_effects is not None:
        return "sums_effects"
    return "has_pi" if fixed.asks_pi else None


def solver_of_effects() -> Solver:
    """Return the solver that fits any number of effects, one included."""
    return next(solver for solver in SOLVERS.values() if solver.sums_effects)()


def described_solvers(indent: str) -> str:
    """Return the names and defaults of the solvers and what their classes say first."""
    lines = []
    for name, solver in SOLVERS.items():
        summary = (solver.__doc__ or "").split("\n")[0]
        defaults = f" (max_iter {solver.default_max_iter:,}, tol {solver.default_tol:g})"
        lines += [f'* "{name}"{"" if solver.is_sampler else defaults}:', f"  {summary}"]
    return f"\n{indent}".join(lines)
