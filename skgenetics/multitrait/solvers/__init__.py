"""Solvers of the multivariate mixture regression, by their names.

A solver is one file beside this one and one line here; `_contract` says what it must offer.
"""

from skgenetics.multitrait.solvers._contract import Problem, Solver, State, VariantPosterior
from skgenetics.multitrait.solvers._coordinate_ascent import CoordinateAscent

SOLVERS: dict[str, Solver] = {"coordinate_ascent": CoordinateAscent()}

__all__ = ["SOLVERS", "Problem", "Solver", "State", "VariantPosterior"]
