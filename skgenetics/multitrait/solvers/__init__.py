"""Solvers of the multivariate mixture regression, by their names.

A solver is one file beside this one and one line here; `_contract` says what it must offer.
"""

from skgenetics.multitrait.solvers._contract import (
    EffectPosterior,
    Problem,
    Solver,
    State,
    VariantPosterior,
)
from skgenetics.multitrait.solvers._coordinate_ascent import CoordinateAscent
from skgenetics.multitrait.solvers._single_effects import SingleEffects

SOLVERS: dict[str, Solver] = {
    "coordinate_ascent": CoordinateAscent(),
    "single_effects": SingleEffects(),
}

__all__ = ["SOLVERS", "EffectPosterior", "Problem", "Solver", "State", "VariantPosterior"]
