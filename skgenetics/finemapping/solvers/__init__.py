"""Solvers of fine-mapping, each with its settings: ``FinemapMiXeR(solver=Gibbs(n_draws=5000))``.

Their names, as in ``FinemapMiXeR(solver="gibbs")``, stand for the solvers with their defaults.
"""

from skgenetics.finemapping.solvers._adam import Adam
from skgenetics.finemapping.solvers._cavi import CAVI
from skgenetics.finemapping.solvers._contract import Annotations, Effects, Problem, Solver, State
from skgenetics.finemapping.solvers._gibbs import Gibbs
from skgenetics.finemapping.solvers._susie import SuSiE

SOLVERS: dict[str, type[Solver]] = {
    solver.name: solver
    for solver in (  # in this order "auto" asks which will do
        Gibbs,
        SuSiE,
        CAVI,
        Adam,
    )
}

__all__ = [
    "CAVI",
    "SOLVERS",
    "Adam",
    "Annotations",
    "Effects",
    "Gibbs",
    "Problem",
    "Solver",
    "State",
    "SuSiE",
]
