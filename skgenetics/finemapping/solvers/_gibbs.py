"""Rao-Blackwellized Gibbs sampling under the spike-and-slab prior of MiXeR.

The state is a set of variants with their effects. A sweep asks of every variant in turn whether it
has an effect, given all others, and then lets each effect choose its place anew among all variants
with its size integrated out: without that, two variants in tight LD hardly ever change places.
PIPs average the probabilities that draws were made from, not the draws.
"""

from typing import NamedTuple

import numpy as np

from skgenetics.finemapping._posterior import Posterior
from skgenetics.utils._numba import kernel

BLOCK = 50  # sweeps between two states
BURN_IN = 0.25  # sweeps that are left out, as a share of those kept
MAX_STORED = 32  # effects stored of a draw
# Hyperpriors of what is learned: pi ~ Beta(1, p), one causal variant a locus; sigma_beta^2 ~
# scaled inverse chi^2 of 4 degrees of freedom and scale 20 / (N H), a variant of z^2 about 20.
HYPER_DEGREES, HYPER_Z2 = 4.0, 20.0
COVARIANCE_DRAWS = 400  # thinned draws that stand for the covariance of the effects
MAX_RHAT, MAX_PIP_GAP = 1.1, 0.1  # beyond either, the chains disagree


class GibbsState(NamedTuple):
    """Averages over the kept sweeps of each chain, and the draws, on the host."""

    pip: np.ndarray  # (c, p)
    first: np.ndarray  # (c, p) E[beta]
    second: np.ndarray  # (c, p) E[beta^2]
    trace: np.ndarray  # (c, sweeps, 3): causal variants, sum of N H beta^2, s0^2
    places: np.ndarray  # (c, sweeps, MAX_STORED) variants with an effect, then -1
    sizes: np.ndarray  # (c, sweeps, MAX_STORED) their effects, then 0
    diagnostics: dict
    bound: float  # a sampler has none: NaN
    converged: bool


@kernel
def gibbs_sweeps(
    ld, scale, linear, log_odds, slab, s0, learned, prior_slab, pi_slab, norm, seed, keep,
    degrees, beta, moved, pip, first, second, trace, places, sizes,
):  # fmt: skip
    """Run trace.shape[0] sweeps of one chain; where `keep`, add to the sums. Returns the last s0^2.

    Parameters
    ----------
    ld : array (p, p)
    scale, linear : array (p,)
        linear = S z; variants of scale 0 are left out.
    log_odds, slab : array (p,)
        The prior's, updated in place where learned.
    learned : (bool, bool, bool)
        Whether pi, sigma_beta^2 and s0^2 are drawn too.
    prior_slab : float
        Scale of the prior of sigma_beta^2.
    pi_slab : float
        pi sigma_beta^2, where a given heritability holds it, else 0.
    degrees : float
        Degrees of freedom of the prior of sigma_beta^2.
    norm : (float, float)
        z_norm and rank of `Quadratic`.
    beta, moved : array (p,)
        State of the chain: the effects and G beta.
    pip, first, second : array (p,)
        Sums of conditional probabilities and moments.
    trace : array (sweeps, 3)
        Causal variants, the sum of N H beta^2 and s0^2 after each sweep.
    places, sizes : array (sweeps, MAX_STORED)
        The variants with an effect, in order, and their effects.
    """
    np.random.seed(seed)
    p = scale.shape[0]
    weight = np.empty(p)
    n_used = np.sum(scale > 0)
    for sweep in range(trace.shape[0]):
        for i in range(p):
            if scale[i] == 0.0:
                continue
            precision = scale[i] * scale[i] / s0 + 1.0 / slab[i]
            shift = (linear[i] - moved[i] + scale[i] * scale[i] * beta[i]) / s0
            mean = shift / precision
            odds = log_odds[i] - 0.5 * np.log(slab[i] * precision) + 0.5 * shift * mean
            gate = 1.0 / (1.0 + np.exp(-odds))
            if keep:
                pip[i] += 0.5 * gate
                first[i] += gate * mean
                second[i] += gate * (mean * mean + 1.0 / precision)
            value = 0.0
            if np.random.random() < gate:
                value = mean + np.random.normal() / np.sqrt(precision)
            if value != beta[i]:
                change = scale[i] * (value - beta[i])
                for j in range(p):
                    moved[j] += scale[j] * ld[i, j] * change
                beta[i] = value
        causal = np.flatnonzero(beta)
        shown = np.random.randint(causal.shape[0]) if causal.shape[0] > 0 else -1
        for k in range(causal.shape[0]):
            i = causal[k]
            for j in range(p):
                moved[j] -= scale[j] * ld[i, j] * scale[i] * beta[i]
            beta[i] = 0.0
            largest = -np.inf
            for j in range(p):
                weight[j] = -np.inf
                if beta[j] == 0.0 and scale[j] > 0.0:
                    precision = scale[j] * scale[j] / s0 + 1.0 / slab[j]
                    shift = (linear[j] - moved[j]) / s0
                    size = 0.5 * shift * shift / precision - 0.5 * np.log(slab[j] * precision)
                    weight[j] = log_odds[j] + size
                    largest = max(largest, weight[j])
            total = 0.0
            for j in range(p):
                weight[j] = np.exp(weight[j] - largest)
                total += weight[j]
            if keep and k == shown:  # one effect a sweep, at random: the others stay as they are
                for j in range(p):
                    pip[j] += 0.5 * (weight[j] / total if beta[j] == 0.0 else 1.0)
            left = np.random.random() * total
            place = i
            for j in range(p):
                left -= weight[j]
                if weight[j] > 0.0:
                    place = j
                if left <= 0.0:
                    break
            precision = scale[place] * scale[place] / s0 + 1.0 / slab[place]
            mean = (linear[place] - moved[place]) / s0 / precision
            beta[place] = mean + np.random.normal() / np.sqrt(precision)
            for j in range(p):
                moved[j] += scale[j] * ld[place, j] * scale[place] * beta[place]
        n_causal, total, explained, residual = 0, 0.0, 0.0, 0.0
        for j in range(p):
            if beta[j] != 0.0:
                if n_causal < places.shape[1]:
                    places[sweep, n_causal] = j
                    sizes[sweep, n_causal] = beta[j]
                n_causal += 1
                total += beta[j] * beta[j]
                explained += (scale[j] * beta[j]) ** 2
                residual += beta[j] * (moved[j] - 2.0 * linear[j])
        if learned[0]:
            # where pi_slab is held, the effects add pi^(n/2) exp(-pi total / (2 pi_slab)) to pi's
            # density: the power goes into the proposal, the rest is accepted or not
            shape = 1.5 * n_causal if pi_slab > 0.0 else 1.0 * n_causal
            pi = np.random.beta(1.0 + shape, 2.0 * n_used - n_causal)
            if pi_slab > 0.0:
                old = 1.0 / (1.0 + np.exp(-log_odds[0]))
                if np.log(np.random.random()) > 0.5 * (old - pi) * total / pi_slab:
                    pi = old
                slab[:] = pi_slab / pi
            log_odds[:] = np.log(pi) - np.log1p(-pi)
        if learned[1] and pi_slab == 0.0:
            shape = 0.5 * (degrees + n_causal)
            slab[:] = 0.5 * (degrees * prior_slab + total) / np.random.gamma(shape)
        if learned[2]:
            s0 = 0.5 * max(norm[0] + residual, 1e-4 * norm[1]) / np.random.gamma(0.5 * norm[1])
        trace[sweep, 0], trace[sweep, 1], trace[sweep, 2] = n_causal, explained, s0
    return s0


def gibbs(z, ld, scale, *, pi, slab, pi_slab, residual_variance, norm, n_draws, n_chains, rng):
    """Yield a `GibbsState` every BLOCK sweeps of all chains, until `n_draws` sweeps are kept.

    Parameters
    ----------
    z, scale : array (p,), on the host
    ld : array (p, p), on the host
    pi, slab : None or array (p,)
        None: drawn with the effects, one value for all variants.
    pi_slab : None or float
        Their product, where a given heritability holds it.
    residual_variance : None or float
        None: drawn with the effects.
    norm : (float, float)
        As for `susie`.
    n_draws, n_chains : int
        Kept sweeps of a chain; BURN_IN of their number run before.
    rng : RandomState
    """
    p = z.shape[0]
    used = scale > 0
    learned = pi is None, slab is None, residual_variance is None
    prior_slab = HYPER_Z2 / np.median(scale[used] ** 2) if used.any() else 1.0
    pi = np.full(p, 1 / (p + 1)) if learned[0] else pi
    if pi_slab is not None:
        prior_slab = pi_slab / pi[0]
    with np.errstate(divide="ignore"):
        log_odds = np.tile(np.log(pi) - np.log1p(-pi), (n_chains, 1))
    slab = np.tile(np.full(p, prior_slab) if learned[1] else slab, (n_chains, 1))
    s0 = np.full(n_chains, 1.0 if learned[2] else residual_variance)
    norm = tuple(float(value or 0.0) for value in norm)
    n_blocks = -(-n_draws // BLOCK)
    n_burn = int(np.ceil(BURN_IN * n_blocks))
    beta, moved, pip, first, second = (np.zeros((n_chains, p)) for _ in range(5))
    trace = np.zeros((n_chains, n_blocks * BLOCK, 3))
    places = np.full((n_chains, n_blocks * BLOCK, MAX_STORED), -1)
    sizes = np.zeros(places.shape)
    for block in range(-n_burn, n_blocks):
        rows = slice(max(block, 0) * BLOCK, (max(block, 0) + 1) * BLOCK)
        places[:, rows], sizes[:, rows] = -1, 0
        for c in range(n_chains):
            s0[c] = gibbs_sweeps(
                ld, scale, scale * z, log_odds[c], slab[c], s0[c], learned, prior_slab,
                pi_slab or 0.0, norm, rng.randint(2**31 - 1), block >= 0, HYPER_DEGREES,
                beta[c], moved[c], pip[c], first[c], second[c],
                trace[c, rows], places[c, rows], sizes[c, rows],
            )  # fmt: skip
        if block < 0:
            continue
        n_kept = rows.stop
        means = [total / n_kept for total in (pip, first, second)]
        diagnostics = chain_diagnostics(trace[:, :n_kept], means[0])
        agree = diagnostics["rhat"] <= MAX_RHAT and diagnostics["pip_gap"] <= MAX_PIP_GAP
        yield GibbsState(
            *means,
            trace[:, :n_kept],
            places[:, :n_kept],
            sizes[:, :n_kept],
            diagnostics,
            bound=np.nan,
            converged=block == n_blocks - 1 and agree,
        )


def chain_diagnostics(trace, pip):
    """Return split R-hat and effective size of the traces (the worse of two), and the PIPs' gap.

    The traces (c, sweeps, ...) are the number of causal variants and the variance they explain; the
    gap is the largest difference of a variant's PIP between two chains.
    """
    halves = np.concatenate(np.array_split(trace[:, : trace.shape[1] // 2 * 2, :2], 2, axis=1))
    n = halves.shape[1]
    within = halves.var(axis=1, ddof=1).mean(axis=0)
    between = n * halves.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.sqrt((n - 1) / n + between / (n * within))
    ratio = np.where((within == 0) & (between == 0), 1.0, ratio)
    sizes = [effective_size(halves[..., k]) for k in range(2)]
    gap = float(np.ptp(pip, axis=0).max())
    return {"rhat": float(ratio.max()), "effective_size": min(sizes), "pip_gap": gap}


def effective_size(chains):
    """Return the effective sample size of chains (m, n): Geyer's initial positive sequence."""
    m, n = chains.shape
    centered = chains - chains.mean()
    spectrum = np.abs(np.fft.rfft(centered, 2 * n, axis=1)) ** 2
    covariance = np.fft.irfft(spectrum, axis=1)[:, :n].mean(axis=0) / n
    if covariance[0] <= 0:
        return float(m * n)
    rho = covariance / covariance[0]
    pairs = rho[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs < 0)
    last = negative[0] if negative.size else pairs.size
    return float(m * n / max(2 * pairs[:last].sum() - 1, 1.0))


def gibbs_posterior(state, locus):
    """Return the `Posterior`; thinned draws stand for the covariance between effects."""
    mean, second = state.first.mean(axis=0), state.second.mean(axis=0)
    places, sizes = (a.reshape(-1, MAX_STORED) for a in (state.places, state.sizes))
    chosen = np.linspace(0, len(places) - 1, min(COVARIANCE_DRAWS, len(places))).astype(int)
    draws = np.zeros((len(chosen), len(mean)))
    row, column = np.nonzero(places[chosen] >= 0)
    draws[row, places[chosen][row, column]] = sizes[chosen][row, column]
    draws -= draws.mean(axis=0)
    spread = second - mean**2 - np.mean(draws**2, axis=0)
    return Posterior(
        pip=locus.array(state.pip.mean(axis=0)),
        mean=locus.array(mean),
        spread=locus.array(spread),
        factors=locus.array(draws),
        factor_weights=locus.array(np.full(len(chosen), 1 / len(chosen))),
        slab_second=locus.array(second),
        residual_variance=float(state.trace[..., 2].mean()),
    )
