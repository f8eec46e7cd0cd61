"""Compiled moves of effects between variants, their sizes integrated out.

The likelihood of effects b is exp((l'b - b'Gb / 2) / s0^2), the prior of an effect N(0, s_j). A
state is the set S of variants with an effect; given S the effects are N(m, A) with
A = (G_SS / s0^2 + diag 1/s)^-1 and m = A l_S / s0^2. For every variant j, `Conditionals` hold

    r_j = (l_j - G_jS m) / s0^2,    q_j = G_jj / s0^2 + 1/s_j - G_jS A G_Sj / s0^4,

so that one more effect on j changes the evidence by the factor (s_j q_j)^(-1/2) exp(r_j^2 / 2 q_j).
They change in O(p k) when one of k effects comes or goes, and those without any one effect a follow
from B = A G_S. / s0^2 in O(p): r_j + B_aj m_a / A_aa and q_j + B_aj^2 / A_aa.

L slots hold a variant or nothing; a set of k is held in L!/(L - k)! ways, hence weight L - k in
place of 1 for a slot that holds nothing beside k others.
"""

from typing import NamedTuple

import numpy as np

from skgenetics.utils._numba import kernel

TINY = 1e-300
LARGEST_SLAB = 1e4  # z that LD cannot explain would let effects grow without bound
NEGLIGIBLE = -40.0  # log of weights that do not count
FAST = ("reassoc", "contract", "arcp", "nsz", "nnan")
STEPS = 32  # a unit of the exponent, in the table of exponentials
EXPONENTIALS = np.exp(-np.arange(-NEGLIGIBLE * STEPS + 1) / STEPS)


class Likelihood(NamedTuple):
    """log p(z | b) for each background tau^2 of a grid of T."""

    quadratic: np.ndarray
    """G (T, p, p)."""
    linear: np.ndarray
    """l (T, p)."""
    z_norm: np.ndarray
    """What -2 s0^2 log p(z | b = 0) is, (T,): it tells tau^2, and s0^2 where that is drawn."""
    log_det: np.ndarray
    """log det(I + tau^2 G_0 / s0^2) (T,)."""
    log_prior: np.ndarray
    """Prior of the grid (T,)."""


class Chain(NamedTuple):
    """State of a chain, updated in place; its first effects may be held, and never move."""

    members: np.ndarray
    """Variants with an effect (L,), first those held; only `n_effects` of them count."""
    n_effects: np.ndarray
    """Number of effects (1,)."""
    log_odds: np.ndarray
    """Of the prior (p,)."""
    slab: np.ndarray
    """s_j, the variance of an effect (p,)."""
    noise: np.ndarray
    """s0^2 (1,)."""
    grid: np.ndarray
    """Number of the background on the grid (1,)."""


class Conditionals(NamedTuple):
    """What the other variants are told by those with an effect: see above."""

    residual: np.ndarray
    """r (p,)."""
    precision: np.ndarray
    """q (p,)."""
    shared: np.ndarray
    """B (L, p)."""
    covariance: np.ndarray
    """A (L, L)."""
    mean: np.ndarray
    """m (L,)."""


class Sums(NamedTuple):
    """Sums over sweeps of what the slots are expected to hold."""

    pip: np.ndarray
    first: np.ndarray
    second: np.ndarray
    counts: np.ndarray
    """Sweeps, in parts, with k effects."""


class Draws(NamedTuple):
    """What is stored of some sweeps of c chains, or of one."""

    trace: np.ndarray
    """Number of effects, sum of b^2 of them, s0^2 and tau^2 of the background (c, sweeps, 4)."""
    places: np.ndarray
    """Variants with an effect (c, sweeps, most effects of a draw), then -1."""
    sizes: np.ndarray
    """Their effects, in a like array, then 0."""

    def trimmed(self) -> "Draws":
        """Return them without the columns that no draw uses."""
        width = int(self.trace[..., 0].max())
        return Draws(self.trace, self.places[..., :width].copy(), self.sizes[..., :width].copy())


class Model(NamedTuple):
    """What is drawn beside the effects, and its hyperpriors, as the compiled sweeps read them."""

    scale: np.ndarray
    """b per allelic effect (p,); variants of scale 0 are left out."""
    draws_pi: bool
    draws_slab: bool
    draws_noise: bool
    prior_slab: float
    """Scale of the prior of sigma_beta^2, which ends at `LARGEST_SLAB` times it."""
    degrees: float
    """Degrees of freedom of the prior of sigma_beta^2."""
    pi_slab: float
    """pi sigma_beta^2, if a given heritability holds it, else 0."""
    rank: float
    grid: np.ndarray
    """tau^2 / s0^2 of the background (T,)."""
    n_variants: int
    """Variants that vary, at least 1."""
    n_held: int
    """Effects of prior probability 1, the first of a chain."""


class Work(NamedTuple):
    """Arrays that are written over; of two rows, the first is of an effect, the other of none."""

    weight: np.ndarray
    """Probability (2, p) of each variant to be in a slot, given the other slots."""
    mean: np.ndarray
    """Its effect (2, p), if it is."""
    variance: np.ndarray
    """(2, p)"""
    log_prior: np.ndarray
    """log odds_j - log(s_j) / 2 (p,)."""
    least: np.ndarray
    """1 / s_j (p,), below which q_j falls by rounding alone."""
    row: np.ndarray
    """(p,)"""


@kernel
def reset(likelihood, chain, conditionals, work):
    """Compute the `Conditionals` afresh, one effect after another."""
    grid, s0, p = chain.grid[0], chain.noise[0], chain.slab.shape[0]
    for j in range(p):
        conditionals.residual[j] = likelihood.linear[grid, j] / s0
        conditionals.precision[j] = likelihood.quadratic[grid, j, j] / s0 + 1.0 / chain.slab[j]
        work.least[j] = 1.0 / chain.slab[j]
        work.log_prior[j] = chain.log_odds[j] - 0.5 * np.log(chain.slab[j])
    count, chain.n_effects[0] = chain.n_effects[0], 0
    for a in range(count):
        add(likelihood, chain, conditionals, work, chain.members[a])


@kernel(fastmath=FAST)
def add(likelihood, chain, conditionals, work, new):
    """Give variant `new` an effect."""
    residual, precision, shared, covariance, mean = conditionals
    row, count, p = work.row, chain.n_effects[0], residual.shape[0]
    moves = likelihood.quadratic[chain.grid[0], new]
    s0, r, q = chain.noise[0], residual[new], max(precision[new], work.least[new])
    for j in range(p):
        row[j] = moves[j] / s0
    for a in range(count):
        factor = moves[chain.members[a]] / s0
        for j in range(p):
            row[j] -= factor * shared[a, j]
    for a in range(count):
        covariance[count, a] = -shared[a, new] / q
        covariance[a, count] = covariance[count, a]
    covariance[count, count] = 1.0 / q
    for a in range(count):
        factor = shared[a, new]
        for b in range(count):
            covariance[a, b] -= factor * covariance[count, b]
        mean[a] -= factor * r / q
        for j in range(p):
            shared[a, j] -= factor * row[j] / q
    mean[count] = r / q
    for j in range(p):
        shared[count, j] = row[j] / q
        residual[j] -= row[j] * r / q
        precision[j] -= row[j] * row[j] / q
    chain.members[count] = new
    chain.n_effects[0] = count + 1


@kernel(fastmath=FAST)
def remove(chain, conditionals, a):
    """Take the effect number a away; the last one takes its number."""
    residual, precision, shared, covariance, mean = conditionals
    last, p, own = chain.n_effects[0] - 1, residual.shape[0], max(covariance[a, a], TINY)
    factor = mean[a] / own
    for j in range(p):
        residual[j] += factor * shared[a, j]
        precision[j] += shared[a, j] * shared[a, j] / own
    for b in range(last + 1):
        if b != a:
            factor = covariance[b, a] / own
            mean[b] -= factor * mean[a]
            for j in range(p):
                shared[b, j] -= factor * shared[a, j]
            for c in range(last + 1):
                if c != a:
                    covariance[b, c] -= factor * covariance[a, c]
    if a != last:
        shared[a], mean[a], chain.members[a] = shared[last], mean[last], chain.members[last]
        own = covariance[last, last]
        covariance[a, :last] = covariance[last, :last]
        covariance[:last, a] = covariance[:last, last]
        covariance[a, a] = own
    chain.n_effects[0] = last


@kernel(fastmath=FAST)
def slot_weights(chain, conditionals, work, a, nothing):
    """Write what slot a may hold, given the others, in `work`; return the probability of nothing.

    a is the number of an effect, or -1 for an empty slot; `nothing` is the weight of nothing.
    """
    p, which = chain.slab.shape[0], 0 if a >= 0 else 1
    weight, means, variance = work.weight[which], work.mean[which], work.variance[which]
    slope, inverse = 0.0, 0.0
    shared = conditionals.shared[max(a, 0)]
    if a >= 0:
        inverse = 1.0 / max(conditionals.covariance[a, a], TINY)
        slope = conditionals.mean[a] * inverse
    for j in range(p):
        r = conditionals.residual[j] + slope * shared[j]
        q = conditionals.precision[j] + inverse * shared[j] * shared[j]
        q = max(q, work.least[j])
        variance[j] = np.divide(1.0, q)  # unlike /, it does not look for division by zero
        means[j] = r * variance[j]
        weight[j] = work.log_prior[j] + 0.5 * r * means[j]
    for b in range(chain.n_effects[0]):
        if b != a:
            weight[chain.members[b]] = -np.inf
    largest = 0.0
    for j in range(p):
        largest = max(largest, weight[j])
    for j in range(p):
        weight[j] = exponential(weight[j] - largest)
    total = nothing * np.exp(-largest)
    for j in range(p):
        weight[j] *= np.sqrt(variance[j])
        total += weight[j]
    scale = 1.0 / total
    for j in range(p):
        weight[j] *= scale
    return nothing * np.exp(-largest) / total


@kernel(fastmath=FAST)
def exponential(value):
    """Return exp(value) to 12 digits for a value of at most 0; 0 where it is negligible."""
    if value < NEGLIGIBLE:
        return 0.0
    step = int(-value * STEPS)
    x = value + step / STEPS
    series = 1.0 + x * (1.0 + x / 2 * (1.0 + x / 3 * (1.0 + x / 4 * (1.0 + x / 5))))
    return EXPONENTIALS[step] * series


@kernel
def draw_index(weights, total):
    """Draw a number with probability weights / total."""
    remaining, chosen = np.random.random() * total, 0
    for i in range(weights.shape[0]):
        if weights[i] > 0.0:
            chosen = i
            remaining -= weights[i]
            if remaining <= 0.0:
                break
    return chosen


@kernel(fastmath=FAST)
def collect(work, sums, which, times):
    """Add what a slot was expected to hold, so many `times`."""
    weight, mean, variance = work.weight[which], work.mean[which], work.variance[which]
    for j in range(weight.shape[0]):
        expected = times * weight[j]
        sums.pip[j] += expected
        sums.first[j] += expected * mean[j]
        sums.second[j] += expected * (mean[j] * mean[j] + variance[j])


@kernel
def collect_held(chain, conditionals, sums, n_held, share):
    """Add the effects that are held and the number of effects, for a `share` of a sweep."""
    sums.counts[chain.n_effects[0]] += share
    for a in range(n_held):
        mean, variance = conditionals.mean[a], conditionals.covariance[a, a]
        sums.pip[chain.members[a]] += share
        sums.first[chain.members[a]] += share * mean
        sums.second[chain.members[a]] += share * (mean * mean + variance)


@kernel
def draw_unvisited(visited, n_held, count, n_occupied, n_empty):
    """Draw one of the slots not visited yet: the number of an effect, or -1 for an empty slot."""
    rank = np.random.randint(n_occupied + n_empty)
    if rank >= n_occupied:
        return -1
    for a in range(n_held, count):
        if not visited[a]:
            if rank == 0:
                return a
            rank -= 1
    return -1


@kernel
def move_effects(likelihood, chain, conditionals, work, sums, n_held, n_slots, keep):
    """Redraw every slot once, in random order, given what the others hold.

    A slot is redrawn from all variants and nothing at once, in O(p k). What empty slots are
    redrawn from is kept as long as nothing changes. The sums take the expectations of each draw.
    """
    visited = np.zeros(chain.members.shape[0], dtype=np.bool_)
    n_occupied = chain.n_effects[0] - n_held
    n_empty = n_slots - n_occupied
    nothing, times, share = -1.0, 0, 1.0 / n_slots  # nothing < 0: to be computed
    for _ in range(n_slots):
        count = chain.n_effects[0]
        free = n_slots - (count - n_held)
        a, old, new = draw_unvisited(visited, n_held, count, n_occupied, n_empty), -1, -1
        if a >= 0:
            n_occupied -= 1
            visited[a], old = True, chain.members[a]
            removed = slot_weights(chain, conditionals, work, a, free + 1.0)
            if keep:
                collect(work, sums, 0, 1.0)
            if np.random.random() >= removed:
                new = draw_index(work.weight[0], 1.0 - removed)
        else:
            n_empty -= 1
            if nothing < 0.0:
                nothing, times = slot_weights(chain, conditionals, work, -1, 1.0 * free), 0
            times += 1
            if np.random.random() >= nothing:
                new = draw_index(work.weight[1], 1.0 - nothing)
        if new != old:
            if keep and nothing >= 0.0:
                collect(work, sums, 1, 1.0 * times)
            nothing, times = -1.0, 0
            if old >= 0:
                remove(chain, conditionals, a)
                visited[a] = visited[count - 1]
            if new >= 0:
                visited[chain.n_effects[0]] = True
                add(likelihood, chain, conditionals, work, new)
        if keep:
            collect_held(chain, conditionals, sums, n_held, share)
    if keep and nothing >= 0.0:
        collect(work, sums, 1, 1.0 * times)


@kernel
def factorize(likelihood, chain, grid, factor, shift):
    """Write the Cholesky factor C of A^-1 and C^-1 l_S / s0^2 at a `grid` point of the background.

    Returns what log p(z | S) has of them: shift'shift / 2 - log det C.
    """
    s0, value = chain.noise[0], 0.0
    for a in range(chain.n_effects[0]):
        i = chain.members[a]
        for b in range(a + 1):
            entry = likelihood.quadratic[grid, i, chain.members[b]] / s0
            if a == b:
                entry += 1.0 / chain.slab[i]
            for c in range(b):
                entry -= factor[a, c] * factor[b, c]
            factor[a, b] = np.sqrt(max(entry, 1e-300)) if a == b else entry / factor[b, b]
        entry = likelihood.linear[grid, i] / s0
        for c in range(a):
            entry -= factor[a, c] * shift[c]
        shift[a] = entry / factor[a, a]
        value += 0.5 * shift[a] * shift[a] - np.log(factor[a, a])
    return value


@kernel
def draw_background(likelihood, chain, factor, shift):
    """Draw the background, the sizes of the effects integrated out."""
    n_grid = likelihood.log_prior.shape[0]
    if n_grid == 1:
        return
    weights = np.empty(n_grid)
    for grid in range(n_grid):
        weights[grid] = factorize(likelihood, chain, grid, factor, shift)
        fit = likelihood.z_norm[grid] / chain.noise[0] + likelihood.log_det[grid]
        weights[grid] += likelihood.log_prior[grid] - 0.5 * fit
    weights = np.exp(weights - weights.max())
    chain.grid[0] = draw_index(weights, weights.sum())


@kernel
def draw_sizes(likelihood, chain, factor, shift, size):
    """Draw the effects from N(m, A) into `size` (L,)."""
    factorize(likelihood, chain, chain.grid[0], factor, shift)
    for a in range(chain.n_effects[0] - 1, -1, -1):
        entry = shift[a] + np.random.normal()
        for b in range(a + 1, chain.n_effects[0]):
            entry -= factor[b, a] * size[b]
        size[a] = entry / factor[a, a]


@kernel
def draw_pi(model, chain, squares):
    """Draw pi from Beta(1 + n, 2 p - n) for n effects, sigma_beta^2 with it if h^2 is held.

    If pi sigma_beta^2 is held, the effects add pi^(n/2) exp(-pi squares / (2 pi_slab)) to the
    density of pi: the power goes into the proposal, the rest is accepted or not.
    """
    held, count = model.pi_slab > 0.0, chain.n_effects[0]
    shape = 1.5 * count if held else 1.0 * count
    pi = np.random.beta(1.0 + shape, 2.0 * model.n_variants - count)
    used = np.argmax(model.scale)
    if held:
        previous = 1.0 / (1.0 + np.exp(-chain.log_odds[used]))
        if np.log(np.random.random()) > 0.5 * (previous - pi) * squares / model.pi_slab:
            pi = previous
        set_slab(model, chain, model.pi_slab / pi)
    odds = np.log(pi) - np.log1p(-pi)
    for j in range(model.scale.shape[0]):
        if model.scale[j] > 0.0:
            chain.log_odds[j] = odds


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


@kernel
def gibbs_sweeps(model, likelihood, chain, conditionals, work, sums, draws, seed, keep):
    """Run as many sweeps of a chain as `draws` has rows; if `keep`, add to the `sums`."""
    np.random.seed(seed)
    n_slots = conditionals.mean.shape[0] - model.n_held
    factor, shift = np.empty_like(conditionals.covariance), np.empty_like(conditionals.mean)
    size = np.empty_like(shift)
    for sweep in range(draws.trace.shape[0]):
        draw_background(likelihood, chain, factor, shift)
        reset(likelihood, chain, conditionals, work)
        move_effects(likelihood, chain, conditionals, work, sums, model.n_held, n_slots, keep)
        draw_sizes(likelihood, chain, factor, shift, size)
        for a in range(chain.n_effects[0]):
            draws.places[sweep, a] = chain.members[a]
            draws.sizes[sweep, a] = size[a] / model.scale[chain.members[a]]
        draws.trace[sweep, 0] = chain.n_effects[0]
        draws.trace[sweep, 1] = draw_hyperparameters(model, likelihood, chain, size)
        draws.trace[sweep, 2] = chain.noise[0]
        draws.trace[sweep, 3] = chain.noise[0] * model.grid[chain.grid[0]]
