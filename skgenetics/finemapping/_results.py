"""What is made of a fitted locus: attributes, the table of its variants, predictions' spread."""

import numpy as np

from skgenetics.finemapping._elbo import learned_prior
from skgenetics.finemapping._parameters import as_given
from skgenetics.utils._arrays import column_blocks, to_numpy
from skgenetics.utils._optional import import_optional


def fitted_effects(posterior, problem, unit):
    """Return the attributes that follow from a `Posterior`, effects times `unit`."""
    locus, options, xp = problem.locus, problem.options, problem.locus.xp
    pi, slab = learned_prior(posterior, locus, problem.pi_slab)
    if options["annotations"] is not None:
        pi = problem.pi
    if options["heritability"] is not None and problem.slab is not None:
        slab = float(problem.slab[0])
    shared = posterior.factor_weights @ posterior.factors**2
    return {
        "z_": locus.z,
        "pip_": posterior.pip,
        "coef_": unit * posterior.mean,
        "coef_sd_": unit * xp.sqrt(xp.clip(posterior.spread + shared, min=0.0)),
        "causal_probability_": as_given(options["causal_probability"], pi, locus),
        "effect_variance_": as_given(options["effect_variance"], slab, locus),
        "residual_variance_": posterior.residual_variance,
        "heritability_": float(xp.sum(locus.heterozygosity * posterior.slab_second)),
        "_spread": unit**2 * posterior.spread,
        "_factors": unit * posterior.factors,
        "_factor_weights": posterior.factor_weights,
    }


def variants_frame(names, z, pip, mean, sd, credible_sets):
    """Return a data frame with a row a variant; the strongest set of a variant counts."""
    pandas = import_optional("pandas", extra="dataframe")
    number, alpha = np.zeros(len(names), dtype=int), np.zeros(len(names))
    for i, found in reversed(list(enumerate(credible_sets, start=1))):
        number[found["variants"]] = i
        alpha[found["variants"]] = found["alpha"]
    return pandas.DataFrame(
        {
            "variant_id": names,
            "z": to_numpy(z),
            "pip": to_numpy(pip),
            "posterior_mean": to_numpy(mean),
            "posterior_sd": to_numpy(sd),
            "cs": number,
            "cs_alpha": alpha,
        }
    )


def predictive_variance(X, X_mean, spread, factors, factor_weights, noise, xp):
    """Return the variance (n,) of predictions at X, Cov(effects) being as in `Posterior`."""
    variance, common = noise, 0.0
    for columns, block in column_blocks(X, xp, spread.dtype):
        centered = block - X_mean[columns]
        variance = variance + (centered * centered) @ spread[columns]
        common = common + centered @ factors[:, columns].T
    return xp.clip(variance + (common * common) @ factor_weights, min=0.0)
