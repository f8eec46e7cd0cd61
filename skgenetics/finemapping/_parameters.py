"""What the parameters of FinemapMiXeR may be, and the prior that they ask for."""

from numbers import Integral, Real

import numpy as np

from skgenetics.loci._summary import per_variant
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._frames import row_labels
from skgenetics.utils._parameters import check_number, check_option

COUNT = {"integer": True, "low": 1, "closed": "left"}
POSITIVE = {"low": 0, "closed": "neither"}
LIMITS = {  # of parameters that are a number, or None
    "residual_variance": POSITIVE,
    "heritability": {"low": 0, "high": 1, "closed": "neither"},
    "max_effects": COUNT,
    "gate_scale": POSITIVE,
    "learning_rate": POSITIVE,
    "beta_1": {"low": 0, "high": 1, "closed": "left"},
    "beta_2": {"low": 0, "high": 1, "closed": "left"},
    "epsilon": POSITIVE,
    "n_restarts": COUNT,
    "n_draws": COUNT,
    "n_chains": COUNT,
    "min_iter": COUNT,
    "max_iter": COUNT,
    "tol": {"low": 0, "closed": "left"},
    "coverage": {"low": 0, "high": 1, "closed": "neither"},
    "min_purity": {"low": 0, "high": 1, "closed": "both"},
}
STARTS = {  # of "adam": the parts of `start`
    "mean": {},
    "sd": POSITIVE,
    "gate": {},
}
MIXER_SOLVERS = ("gibbs", "cavi", "adam")  # those whose prior is the spike and slab
MAX_SAMPLED = 4096  # variants up to which "auto" takes "gibbs" for a prior of the spike and slab


def check_parameters(parameters):
    """Raise where a parameter of FinemapMiXeR is not what the docstring says."""
    given = {name: value for name, value in parameters.items() if value is not None}
    check_option(given.get("solver"), "solver", ("auto", "susie", *MIXER_SOLVERS))
    check_option(given.get("noise"), "noise", ("ld", "independent"))
    check_option(given.get("trait"), "trait", ("quantitative", "binary"))
    check_option(given.get("prior_update"), "prior_update", ("closed_form", "adam"))
    if given["noise"] == "independent" and given["solver"] != "adam":
        raise ValueError(
            f"noise='independent' is the paper's assumption and needs solver='adam'; got "
            f"solver={given['solver']!r}."
        )
    if given["trait"] == "binary" and "residual_variance" not in given:
        raise ValueError(
            "trait='binary' needs residual_variance=1.0: a score statistic's variance is known."
        )
    for pair in (("heritability", "effect_variance"), ("annotations", "causal_probability")):
        if pair[0] in given and pair[1] in given:
            raise ValueError(f"{' and '.join(pair)} set the same part of the prior: give one.")
    for name, limits in LIMITS.items():
        if name in given:
            check_number(given[name], name, **limits)
    if isinstance(given.get("n_components"), Integral):
        check_number(given["n_components"], "n_components", **COUNT)
    elif "n_components" in given:
        check_number(given["n_components"], "n_components", low=0, high=1, closed="right")
    if given.get("spike_sd") != "adaptive":
        check_number(parameters["spike_sd"], "spike_sd", low=0)
    unknown = set(given.get("start", {})) - set(STARTS)
    if unknown:
        raise ValueError(
            f"start is a dict with some of the keys {', '.join(STARTS)}; got {sorted(unknown)}."
        )


def choose_solver(parameters, n_variants):
    """Return the solver that "auto" stands for, or the one named.

    "susie" is calibrated, fast and needs no random numbers, but has no pi_1: where a number of it
    is asked for, by itself or in the heritability, "gibbs" samples the model that has.
    """
    if parameters["solver"] != "auto":
        return parameters["solver"]
    asked = isinstance(parameters["causal_probability"], Real) or parameters["heritability"]
    return "gibbs" if asked and n_variants <= MAX_SAMPLED else "susie"


def prior_asked(parameters, solver, locus):
    """Return pi and sigma_beta^2 as arrays (p,) beside z, and their product; None where learned.

    The product is held where heritability is given and pi is learned: "susie", which has no pi_1,
    then expects one effect.
    """
    limits = {
        "causal_probability": {"high": 1, "closed": "both"},
        "effect_variance": {"closed": "neither"},
    }
    pi, slab = (
        None
        if parameters[name] is None
        else per_variant(parameters[name], name, locus.z, low=0, **limit)
        for name, limit in limits.items()
    )
    h2 = parameters["heritability"]
    if h2 is None:
        return pi, slab, None
    if pi is None and solver == "susie":
        pi = 0 * locus.z + 1 / locus.z.shape[0]
    if pi is None:
        return None, None, h2 / max(float(locus.xp.sum(locus.heterozygosity)), 1e-300)
    return pi, slab_of_heritability(h2, pi, locus), None


def as_given(value, learned, locus):
    """Return a prior's parameter as the user gave it, or the one learned."""
    if value is None:
        return learned
    return float(value) if isinstance(value, Real) else locus.array(value)


def slab_of_heritability(h2, pi, locus):
    """Return sigma_beta^2 (p,), constant, from h2 = sigma_beta^2 sum_i pi_i H_i."""
    total = float(locus.xp.sum(pi * locus.heterozygosity))
    if total == 0:
        raise ValueError(
            "heritability needs a variant that varies and has causal_probability above 0."
        )
    return 0 * locus.z + h2 / total


def validate_annotations(annotations, n_variants, names):
    """Return annotations as an array (p, k) on the host."""
    own = row_labels(annotations)
    if own is not None and names is not None and not np.array_equal(own, names):
        raise ValueError(
            "annotations and the genotypes or z name different variants, or the same in another "
            "order. Align them first, as in annotations.loc[z.index]."
        )
    design = to_numpy(annotations)
    if design.ndim != 2 or design.shape[0] != n_variants:
        raise ValueError(
            f"annotations must have shape ({n_variants}, n_annotations), a row a variant; got "
            f"{design.shape}."
        )
    design = design.astype(float)
    if not np.all(np.isfinite(design)):
        raise ValueError("annotations hold NaN or infinity: fill them first, as with 0.")
    return design
