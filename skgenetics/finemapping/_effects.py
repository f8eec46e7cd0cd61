"""Effects of a fitted locus one by one: what each says of every variant, and which have sets."""

from typing import Any, NamedTuple

import numpy as np

from skgenetics.finemapping._data import TraitUnits
from skgenetics.finemapping.solvers import Effects, Problem
from skgenetics.loci._credible_sets import CredibleSet, credible_set
from skgenetics.loci._ld import LD
from skgenetics.utils._arrays import to_numpy


class Signal(NamedTuple):
    """What is told of one effect beside its numbers per variant."""

    number: int
    """Of its credible set, from 1; 0: it has none."""
    size: int
    """Of the set, or of what would be one but for `min_purity`."""
    min_abs_r: float
    low_purity: bool


def fitted_effects(
    effects: Effects, credible_sets: list[CredibleSet], problem: Problem, units: TraitUnits
) -> dict[str, Any]:
    """Return the attribute ``effects_``: arrays on the host, effects in the order of their sets."""
    ld, lead = problem.observed.ld, np.argmax(effects.alpha, axis=1)
    signals = [signal_of(alpha, credible_sets, ld, problem) for alpha in effects.alpha]
    last = len(credible_sets) + 1
    order = np.argsort([signal.number or last for signal in signals], kind="stable").astype(int)
    lead = lead[order]
    r = to_numpy(ld.rows(lead))[:, lead].astype(float) if len(lead) else np.zeros((0, 0))
    return {
        "alpha": effects.alpha[order],
        "mean": units.effect * effects.mean[order],
        "sd": units.effect * effects.sd[order],
        "log_bf": effects.log_bf[order],
        "log10_bf": effects.log_bf_of_any[order] / np.log(10),
        "presence": effects.presence[order],
        "lead": lead,
        "r": r,
        "credible_set": np.array([signals[i].number for i in order], dtype=int),
        "size": np.array([signals[i].size for i in order], dtype=int),
        "min_abs_r": np.array([signals[i].min_abs_r for i in order], dtype=float),
        "low_purity": np.array([signals[i].low_purity for i in order], dtype=bool),
    }


def signal_of(
    alpha: np.ndarray, credible_sets: list[CredibleSet], ld: LD, problem: Problem
) -> Signal:
    """Return the `Signal` of an effect whose probabilities are `alpha` (p,)."""
    rules = {"coverage": min(problem.coverage, float(alpha.sum())), "min_purity": 0.0}
    found = credible_set(alpha, ld, log10_bf=0.0, **rules)
    if found is None:
        return Signal(0, 0, np.nan, False)
    members, purity = set(found["variants"].tolist()), found["min_abs_r"]
    for number, reported in enumerate(credible_sets, start=1):
        if set(reported["variants"].tolist()) == members:
            return Signal(number, len(members), purity, False)
    return Signal(0, len(members), purity, purity < problem.min_purity)
