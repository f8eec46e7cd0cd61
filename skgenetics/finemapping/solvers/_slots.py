"""Compiled moves of effects between variants, their sizes integrated out.

The likelihood of effects b is exp((l'b - b'Gb / 2) / s0^2), the prior of an effect N(0, s_j). A
state is the set S of variants with an effect; given S the effects are N(m, A) with
A = (G_SS / s0^2 + diag 1/s)^-1 and m = A l_S / s0^2. With the Cholesky factor C of A^-1 let
V = C^-1 G_S. / s0^2 and c = C^-1 l_S / s0^2. For every variant j, `Conditionals` hold

    r_j = l_j / s0^2 - V_j'c,    q_j = G_jj / s0^2 + 1/s_j - V_j'V_j,

so that one more effect on j changes the evidence by the factor (s_j q_j)^(-1/2) exp(r_j^2 / 2 q_j).
An effect that comes is one more row of V, in O(p k). One that goes is turned to the last row by
rotations, in O(p k) too: without it r_j gains V_kj c_k and q_j gains V_kj^2. A and A G_S. would
save the rotations, but their updates lose the digits that rotations keep where A^-1 is nearly
singular, as with small noise and more variants than people.

L slots hold a variant or nothing; a set of k is held in L!/(L - k)! ways, hence weight L - k in
place of 1 for a slot that holds nothing beside k others. Without any other effect the weight of
nothing is that times the prior odds of no effect at all.
"""

import numpy as np

from skgenetics.finemapping.solvers._slots_prior import draw_hyperparameters
from skgenetics.utils._numba import kernel

FAST = ("reassoc", "contract", "arcp", "nsz", "nnan")
SMALLEST_LOG = -709.1  # exponent -1023, whose bits are those of 0
LOG2, LOG2_REST = 0.693147180369123816490, 1.90821492927058770002e-10  # log 2 in two parts


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
    """Give variant `new` an effect, the last."""
    residual, precision, rows, factor, shift = conditionals
    count, s0, p = chain.n_effects[0], chain.noise[0], residual.shape[0]
    moves, row = likelihood.quadratic[chain.grid[0], new], rows[count]
    own = np.sqrt(max(precision[new], work.least[new]))
    for j in range(p):
        row[j] = moves[j] / s0
    for a in range(count):
        factor[count, a] = rows[a, new]
        for j in range(p):
            row[j] -= factor[count, a] * rows[a, j]
    factor[count, count], shift[count] = own, residual[new] / own
    for j in range(p):
        row[j] /= own
        residual[j] -= row[j] * shift[count]
        precision[j] -= row[j] * row[j]
    chain.members[count] = new
    chain.n_effects[0] = count + 1


@kernel(fastmath=FAST)
def remove_last(chain, conditionals):
    """Take the last effect away."""
    last = chain.n_effects[0] - 1
    row, own = conditionals.rows[last], conditionals.shift[last]
    for j in range(row.shape[0]):
        conditionals.residual[j] += own * row[j]
        conditionals.precision[j] += row[j] * row[j]
    chain.n_effects[0] = last


@kernel(fastmath=FAST)
def bring_last(chain, conditionals, a):
    """Give effect number a the last number; those after it move down by one.

    Without row a the factor has one entry too many in each row after it, which a rotation of two
    columns removes.
    """
    _, _, rows, factor, shift = conditionals
    last, variant = chain.n_effects[0] - 1, chain.members[a]
    moved = factor[a].copy()
    moved[a + 1 :] = 0.0
    for i in range(a, last):
        chain.members[i] = chain.members[i + 1]
        factor[i, : i + 2] = factor[i + 1, : i + 2]
    chain.members[last] = variant
    factor[last] = moved
    for i in range(a, last):
        size = np.hypot(factor[i, i], factor[i, i + 1])
        cosine, sine = factor[i, i] / size, factor[i, i + 1] / size
        for j in range(i, last + 1):
            rotate(factor[j], i, cosine, sine)
        rotate(shift, i, cosine, sine)
        for j in range(rows.shape[1]):
            first, second = rows[i, j], rows[i + 1, j]
            rows[i, j] = cosine * first + sine * second
            rows[i + 1, j] = cosine * second - sine * first


@kernel
def rotate(vector, i, cosine, sine):
    """Rotate entries i and i + 1 of a vector."""
    first, second = vector[i], vector[i + 1]
    vector[i] = cosine * first + sine * second
    vector[i + 1] = cosine * second - sine * first


@kernel(fastmath=FAST)
def slot_weights(chain, conditionals, work, occupied, nothing):
    """Write what a slot may hold, given the others, in `work`; return the probability of nothing.

    The slot is that of the last effect if it is `occupied`; `nothing` is the weight of nothing.
    """
    p, which = chain.slab.shape[0], 0 if occupied else 1
    weight, means, variance = work.weight[which], work.mean[which], work.variance[which]
    last = chain.n_effects[0] - 1 if occupied else 0
    row, present = conditionals.rows[last], 1.0 if occupied else 0.0
    slope = present * conditionals.shift[last]
    for j in range(p):
        r = conditionals.residual[j] + slope * row[j]
        q = conditionals.precision[j] + present * row[j] * row[j]
        q = max(q, work.least[j])
        variance[j] = np.divide(1.0, q)  # unlike /, it does not look for division by zero
        means[j] = r * variance[j]
        weight[j] = work.log_prior[j] + 0.5 * r * means[j]
    for b in range(last if occupied else chain.n_effects[0]):
        weight[chain.members[b]] = -np.inf
    largest = 0.0
    for j in range(p):
        largest = max(largest, weight[j])
    exponentiate(weight, largest, work.powers)
    total = nothing * np.exp(-largest)
    for j in range(p):
        weight[j] *= np.sqrt(variance[j])
        total += weight[j]
    scale = 1.0 / total
    for j in range(p):
        weight[j] *= scale
    return nothing * np.exp(-largest) / total


@kernel(fastmath=FAST)
def exponentiate(values, largest, powers):
    """Replace `values` (p,) by exp(values - largest) to 12 digits, or 0 if it is negligible.

    No value is above `largest`. exp(x) = 2^k exp(x - k log 2) for the nearest integer k: a loop
    without branches or calls, which the compiler turns into one over vectors. `powers` (p,) are
    integers, for the bits of 2^k.
    """
    bits = powers.view(np.float64)
    for j in range(values.shape[0]):
        x = max(values[j] - largest, SMALLEST_LOG)
        k = np.floor(x / (LOG2 + LOG2_REST) + 0.5)
        powers[j] = (np.int64(k) + 1023) << 52
        x -= k * LOG2
        x -= k * LOG2_REST
        tail = 1.0 + x / 7 * (1.0 + x / 8 * (1.0 + x / 9 * (1.0 + x / 10)))
        values[j] = 1.0 + x * (
            1.0 + x / 2 * (1.0 + x / 3 * (1.0 + x / 4 * (1.0 + x / 5 * (1.0 + x / 6 * tail))))
        )
    for j in range(values.shape[0]):
        values[j] *= bits[j]


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
    count = chain.n_effects[0]
    sums.counts[count] += share
    for a in range(n_held):
        mean, variance = moments_of(conditionals.factor, conditionals.shift, count, a)
        sums.pip[chain.members[a]] += share
        sums.first[chain.members[a]] += share * mean
        sums.second[chain.members[a]] += share * (mean * mean + variance)


@kernel
def moments_of(factor, shift, count, a):
    """Return the mean and variance of effect number a: e'C'^-1 c and |C^-1 e|^2, e its unit."""
    mean, variance, column = 0.0, 0.0, np.zeros(count)
    for i in range(a, count):
        entry = 1.0 if i == a else 0.0
        for b in range(a, i):
            entry -= factor[i, b] * column[b]
        column[i] = entry / factor[i, i]
        mean += column[i] * shift[i]
        variance += column[i] * column[i]
    return mean, variance


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
def move_effects(model, likelihood, chain, conditionals, work, sums, n_slots, keep):
    """Redraw every slot once, in random order, given what the others hold.

    A slot is redrawn from all variants and nothing at once, in O(p k). What empty slots are
    redrawn from is kept as long as nothing changes. The sums take the expectations of each draw.
    """
    visited, n_held = np.zeros(chain.members.shape[0], dtype=np.bool_), model.n_held
    n_occupied = chain.n_effects[0] - n_held
    n_empty = n_slots - n_occupied
    nothing, times, share = -1.0, 0, 1.0 / n_slots  # nothing < 0: to be computed
    for _ in range(n_slots):
        count = chain.n_effects[0]
        free = n_slots - (count - n_held)
        a, old, new = draw_unvisited(visited, n_held, count, n_occupied, n_empty), -1, -1
        if a >= 0:
            n_occupied -= 1
            visited[a : count - 1], old = visited[a + 1 : count].copy(), chain.members[a]
            visited[count - 1] = True
            bring_last(chain, conditionals, a)
            odds = model.none if count == 1 else 1.0
            removed = slot_weights(chain, conditionals, work, True, odds * (free + 1.0))
            if keep:
                collect(work, sums, 0, 1.0)
            if np.random.random() >= removed:
                new = draw_index(work.weight[0], 1.0 - removed)
        else:
            n_empty -= 1
            if nothing < 0.0:
                odds, times = model.none if count == 0 else 1.0, 0
                nothing = slot_weights(chain, conditionals, work, False, odds * free)
            times += 1
            if np.random.random() >= nothing:
                new = draw_index(work.weight[1], 1.0 - nothing)
        if new != old:
            if keep and nothing >= 0.0:
                collect(work, sums, 1, 1.0 * times)
            nothing, times = -1.0, 0
            if old >= 0:
                remove_last(chain, conditionals)
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
def draw_sizes(likelihood, chain, factor, shift, size, log_bf):
    """Draw the effects from N(m, A) into `size` (L,), and write the `log_bf` of each.

    Given the places of the others, effect a changes the evidence by the factor
    (A_aa / s_a)^(1/2) exp(m_a^2 / 2 A_aa).
    """
    factorize(likelihood, chain, chain.grid[0], factor, shift)
    for a in range(chain.n_effects[0]):
        mean, variance = moments_of(factor, shift, chain.n_effects[0], a)
        prior = chain.slab[chain.members[a]]
        log_bf[a] = 0.5 * (mean * mean / variance + np.log(variance / prior))
    for a in range(chain.n_effects[0] - 1, -1, -1):
        entry = shift[a] + np.random.normal()
        for b in range(a + 1, chain.n_effects[0]):
            entry -= factor[b, a] * size[b]
        size[a] = entry / factor[a, a]


@kernel
def gibbs_sweeps(model, likelihood, chain, conditionals, work, sums, draws, seed, keep):
    """Run as many sweeps of a chain as `draws` has rows; if `keep`, add to the `sums`."""
    np.random.seed(seed)
    n_slots = conditionals.shift.shape[0] - model.n_held
    factor, shift = np.empty_like(conditionals.factor), np.empty_like(conditionals.shift)
    size = np.empty_like(shift)
    for sweep in range(draws.trace.shape[0]):
        draw_background(likelihood, chain, factor, shift)
        reset(likelihood, chain, conditionals, work)
        move_effects(model, likelihood, chain, conditionals, work, sums, n_slots, keep)
        draw_sizes(likelihood, chain, factor, shift, size, draws.log_bf[sweep])
        for a in range(chain.n_effects[0]):
            draws.places[sweep, a] = chain.members[a]
            draws.sizes[sweep, a] = size[a] / model.scale[chain.members[a]]
        draws.trace[sweep, 0] = chain.n_effects[0]
        draws.trace[sweep, 1] = draw_hyperparameters(model, likelihood, chain, size)
        draws.trace[sweep, 2] = chain.noise[0]
        draws.trace[sweep, 3] = chain.noise[0] * model.grid[chain.grid[0]]
        draws.trace[sweep, 4:] = chain.slopes
