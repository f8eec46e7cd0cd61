"""Compiled draws of the prior and of the noise, given the effects of a chain.

The prior probability of an effect on variant j is pi_j, logit pi_j = logit pi + o_j, where o_j is 0
or follows from annotations: o_j = a_j'w - log mean_i exp(a_i'w). The mean is over variants, so that
where pi is small w leaves the expected number of effects as it is; or, where a heritability holds
pi sigma_beta^2, weighted by H, so that it leaves the heritability.
"""

import numpy as np

from skgenetics.utils._numba import kernel

LARGEST_SLAB = 1e4  # z that LD cannot explain would let effects grow without bound
SLOPE_STEP = 1.0  # of w, whose prior has standard deviation 1 and is hardly changed by few effects


@kernel
def draw_pi(model, chain, squares):
    """Draw pi from Beta(a + n, b + p - n) for n effects, sigma_beta^2 with it if h^2 is held.

    If pi sigma_beta^2 is held, the effects add pi^(n/2) exp(-pi squares / (2 pi_slab)) to the
    density of pi: the power goes into the proposal, the rest is accepted or not. So is what
    annotations change of it.
    """
    held, annotated, count = model.pi_slab > 0.0, chain.slopes.size > 0, chain.n_effects[0]
    shape = 1.5 * count if held else 1.0 * count
    pi = np.random.beta(model.shape + shape, model.other_shape + model.n_variants - count)
    previous = chain.pi[0]
    if held or annotated:
        log_ratio = 0.5 * (previous - pi) * squares / model.pi_slab if held else 0.0
        if annotated:
            log_ratio += log_none(model, chain.relative, pi) - model.n_variants * np.log1p(-pi)
            log_ratio -= log_none(model, chain.relative, previous)
            log_ratio += model.n_variants * np.log1p(-previous)
        if np.log(np.random.random()) > log_ratio:
            pi = previous
    chain.pi[0] = pi
    if held:
        set_slab(model, chain, model.pi_slab / pi)
    set_odds(model, chain)


@kernel
def set_odds(model, chain):
    """Give the variants the log prior odds of pi, plus those of their annotations."""
    odds = np.log(chain.pi[0]) - np.log1p(-chain.pi[0])
    for j in range(model.scale.shape[0]):
        if model.scale[j] > 0.0:
            chain.log_odds[j] = odds + chain.relative[j]


@kernel
def log_none(model, relative, pi):
    """Return sum_j log(1 - pi_j), the log prior probability of no effect, at logit pi + relative_j.

    What the odds of the effects are beside it follows from `relative`.
    """
    odds, total = pi / (1.0 - pi), 0.0
    for j in range(model.scale.shape[0]):
        if model.scale[j] > 0.0:
            total -= np.log1p(odds * np.exp(relative[j]))
    return total


@kernel
def relative_odds(model, slopes, relative):
    """Write the log odds (p,) beside those of pi: a_j'w, shifted so that the mean of exp is 1."""
    mean = 0.0
    for j in range(model.scale.shape[0]):
        relative[j] = 0.0
        for k in range(slopes.shape[0]):
            relative[j] += model.annotations[j, k] * slopes[k]
        mean += model.share[j] * np.exp(relative[j])
    for j in range(model.scale.shape[0]):
        relative[j] -= np.log(mean)


@kernel
def draw_slopes(model, chain):
    """Draw the slopes w of the annotations one by one, by Metropolis steps; w ~ N(0, I)."""
    trial, slopes = np.empty_like(chain.relative), chain.slopes.copy()
    for k in range(slopes.shape[0]):
        slopes[k] = chain.slopes[k] + SLOPE_STEP * np.random.normal()
        relative_odds(model, slopes, trial)
        log_ratio = 0.5 * (chain.slopes[k] ** 2 - slopes[k] ** 2)
        log_ratio += log_none(model, trial, chain.pi[0])
        log_ratio -= log_none(model, chain.relative, chain.pi[0])
        for a in range(chain.n_effects[0]):
            log_ratio += trial[chain.members[a]] - chain.relative[chain.members[a]]
        if np.log(np.random.random()) < log_ratio:
            chain.slopes[k], chain.relative[:] = slopes[k], trial
        else:
            slopes[k] = chain.slopes[k]


@kernel
def set_slab(model, chain, slab):
    """Give the effects the variance sigma_beta^2 = `slab` per allele."""
    for j in range(model.scale.shape[0]):
        if model.scale[j] > 0.0:
            chain.slab[j] = slab * model.scale[j] ** 2


@kernel
def draw_hyperparameters(model, likelihood, chain, size):
    """Draw pi, sigma_beta^2 and s0^2, as far as they are learned, given effects `size`.

    Returns sum of b^2 of the effects.
    """
    count, grid = chain.n_effects[0], chain.grid[0]
    squares, explained, error = 0.0, 0.0, likelihood.z_norm[grid]
    for a in range(count):
        i = chain.members[a]
        squares += (size[a] / model.scale[i]) ** 2
        explained += size[a] ** 2
        error -= 2.0 * likelihood.linear[grid, i] * size[a]
        for b in range(count):
            error += size[a] * size[b] * likelihood.quadratic[grid, i, chain.members[b]]
    if model.draws_pi:
        draw_slopes(model, chain)
        draw_pi(model, chain, squares)
    if model.draws_slab and model.pi_slab == 0.0:
        shape = 0.5 * (model.degrees + count)
        scale = 0.5 * (model.degrees * model.prior_slab + squares)
        slab = min(scale / np.random.gamma(shape), LARGEST_SLAB * model.prior_slab)
        set_slab(model, chain, slab)
    if model.draws_noise:
        error = max(error, 1e-4 * model.rank)
        chain.noise[0] = 0.5 * error / np.random.gamma(0.5 * model.rank)
    return explained
