"""Which solver fits a locus: the one asked for, or what "auto" stands for."""

from typing import Any

from skgenetics.finemapping._data import MAX_DENSE_LD
from skgenetics.finemapping.solvers import SOLVERS, Solver
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


def choose_solver(solver: str | Solver, *, asks_pi: bool, n_variants: int) -> Solver:
    """Return the solver that `solver` names, or the solver itself.

    "auto" is the first calibrated one that needs no LD matrix larger than any other part forms. If
    the user fixes a number that only the spike and slab has, the first solver with that prior.
    """
    if isinstance(solver, Solver):
        return solver
    if solver != "auto":
        return SOLVERS[solver]()
    suitable = [
        candidate
        for candidate in SOLVERS.values()
        if candidate.calibrated and not (candidate.forms_ld and n_variants > MAX_DENSE_LD)
    ]
    with_pi = [candidate for candidate in suitable if candidate.has_pi]
    return (with_pi if asks_pi and with_pi else suitable)[0]()


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
