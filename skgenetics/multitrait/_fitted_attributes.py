"""From the solver's last state to the fitted attributes, in units of y and per counted allele."""

import numpy as np

from skgenetics.multitrait._background import background_effects, training_background
from skgenetics.multitrait._genotype_design import intercept
from skgenetics.multitrait._posterior import deviations_and_sign_rates

PER_TRAIT = {"coef_", "coef_sd_", "lfsr_", "intercept_"}  # without the axis of traits for a 1-D y


def fitted_attributes(state, problem, design, genotypes, traits, *, centered):
    """Return the fitted attributes as host arrays (J, P) and so on, and what methods need.

    Traits that do not vary are not in the model: they have no effects and no noise.
    """
    kept, unit, prior = problem.kept, problem.unit, problem.prior
    varies = traits.sd[kept] > 0
    scale = np.where(varies, unit, 0.0)
    noise_scale = np.where(varies, problem.noise_unit, 0.0)
    n_traits, n_variants = len(traits.mean), len(genotypes.mean)
    posterior, inverse_sd = state.posterior, genotypes.inverse_sd
    per_trait = np.zeros(n_traits)
    per_trait[kept] = scale

    def embed(values, *, fill=0.0):
        full = np.full((n_traits, n_variants), fill)
        full[kept] = values.T
        return full

    def per_allele(values):
        full = embed(values)
        full *= per_trait[:, None]
        full *= inverse_sd
        return full

    effects = posterior.effects
    if design.background is not None:
        effects = effects + background_effects(design)
    explained = np.zeros(n_traits)
    explained[kept] = scale**2 * design.fitted_variance(effects)
    center = traits.mean.copy()
    if centered and design.missing is not None:
        center[kept] += scale * intercept(design, posterior.effects)
    noise = np.zeros((n_traits, n_traits))
    noise[np.ix_(kept, kept)] = state.covariance.matrix * np.outer(noise_scale, noise_scale)
    total = explained + np.diag(noise)

    responsibilities = state.take_responsibilities()
    sd, lfsr = deviations_and_sign_rates(state, responsibilities, prior, design.squared_norm)
    null = (np.arange(prior.n_weights) == 0).astype(float)
    responsibilities[~design.used] = null if prior.has_null else state.weights
    pip = np.where(design.used, 1 - responsibilities @ prior.silent, 0.0)
    lfsr[~design.used] = 1.0
    lfsr[:, scale == 0] = 1.0
    lfsr = embed(lfsr, fill=1.0)  # one after the other: each replaces what it is made of
    sd = per_allele(sd)
    coef = per_allele(effects)
    covariances = np.zeros((len(prior.names), n_traits, n_traits))
    for covariance, factor in zip(covariances, prior.factors, strict=True):
        root = unit[:, None] * factor
        covariance[np.ix_(kept, kept)] = root @ root.T
    found = {
        "coef_": coef,
        "coef_sd_": sd,
        "lfsr_": lfsr,
        "pip_": np.clip(pip, 0.0, 1.0),
        "intercept_": center - coef @ genotypes.mean,
        "weights_": state.weights,
        "covariances_": covariances,
        "scales_": prior.scales,
        "responsibilities_": responsibilities,
        "residual_covariance_": noise,
        "pve_": explained / np.where(total > 0, total, 1.0),
        "_X_mean": genotypes.mean,
        "_background": training_background(design),
        "_prior": prior,
        "_posterior": (posterior, design.squared_norm, state.covariance),
        "_units": (inverse_sd, scale, kept, n_traits),
    }
    if state.covariance.factors is not None:
        factors = np.zeros((n_traits, state.covariance.factors.shape[1]))
        factors[kept] = state.covariance.factors * noise_scale[:, None]
        found["residual_factors_"] = factors
        found["residual_noise_"] = float(state.covariance.noise * problem.noise_unit[0] ** 2)
        found["n_components_"] = factors.shape[1]
    return found
