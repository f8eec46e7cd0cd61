r"""Coordinate descent on the variants of a gene.

With the rest fixed, the effects of variant s minimize over :math:`b = (b_k)`

.. math::

    \sum_k \left(\tfrac{1}{2} d_{sk} b_k^2 - l_{sk} b_k\right) + \lambda P(b), \qquad
    d_{sk} = \sum_i w_{ik} (x_{is} - \bar x_{sk})^2, \qquad
    l_{sk} = d_{sk} \omega_{sk} + g_{sk}, \qquad g_{sk} = \sum_i w_{ik} x_{is} r_{ik}

with residuals r. For the lasso :math:`b_k` is l soft-thresholded over d. For the group lasso
:math:`b_k = l_k t / (d_k t + \lambda)`, where the norm t of b solves
:math:`\sum_k l_k^2 / (d_k t + \lambda)^2 = 1`, and is 0 if :math:`\|l\| \le \lambda`.

Few variants have effects, so the sweeps are over a working set of them, and their gradients g
follow from the products of its members with one another, one table per tissue, without the
individuals. One matrix product then gives the gradients of all variants: those that would move
join the set, until there is none. If penalties are so weak that the set would not hold all effects,
its products cost more than they save, and sweeps compute gradients from the residuals.
"""

from typing import NamedTuple

import numpy as np

from skgenetics.utils._moments import ROUNDINGS
from skgenetics.utils._numba import kernel

MAX_SWEEPS = 1000
MAX_MEMBERS = 128  # of the working set, whose products are kept
JOIN_AT_ONCE = 8  # variants at least, if there are so many that would move
CANCELLATION = 1e-6  # share of a sum of squares under which that about the mean is computed anew
ROUNDING = ROUNDINGS * np.finfo(np.float64).eps
TIE = 1e-6  # share by which one of two moves must be longer
NEWTON_TOL = 1e-7  # of the last step, after which the error is about its square
SUMS = ("reassoc", "contract")  # sums in any order, so that they run in vector registers
OUTSIDE = -1  # of the working set


class Descent(NamedTuple):
    """The effects of a gene's variants and what follows from them; `descend` writes to it.

    Individuals of weight 0 change no number, so that variants that differ in them alone stay equal.
    """

    genotypes: np.ndarray  # (p, I), C-contiguous
    share: np.ndarray  # (I,) of each individual in all weights
    weight: np.ndarray  # (K, I), 0 where not observed
    total: np.ndarray  # (K,) sums of the weights
    left: np.ndarray  # (K, I) expression less what is fitted, also where weights are 0
    residual: np.ndarray  # (K, I) weights times that, whose rows sum to 0
    gradient: np.ndarray  # (p, K) genotypes @ residual.T
    coef: np.ndarray  # (p, K)
    measured: np.ndarray  # (p,) whether the next three are known
    center: np.ndarray  # (p,) mean of the genotypes over all cells
    mean: np.ndarray  # (p, K) of the genotypes less their center in each tissue
    sum_of_squares: np.ndarray  # (p, K), d; 0 if constant in a tissue
    place: np.ndarray  # (p,) in the working set, or OUTSIDE
    members: np.ndarray  # variants of the working set
    centered: np.ndarray  # (members, I) their genotypes less their centers
    gram: np.ndarray  # (members, members, K) their products about the means
    size: np.ndarray  # (1,) of the working set


def start_descent(genotypes: np.ndarray, weight: np.ndarray, target: np.ndarray) -> Descent:
    """Return the `Descent` without effects.

    Parameters
    ----------
    genotypes : array (p, I), C-contiguous
    weight : array (I, K)
        0 where not observed.
    target : array (I, K)
        Expression about its weighted means; finite.
    """
    p, n = genotypes.shape
    n_tissues, n_members, dtype = weight.shape[1], min(p, MAX_MEMBERS), genotypes.dtype
    total = np.maximum(weight.sum(axis=0), 1e-300)
    share = (weight.sum(axis=1) / total.sum()).astype(dtype)
    weight, left = (np.ascontiguousarray(part.T, dtype=dtype) for part in (weight, target))
    residual = weight * left
    return Descent(
        genotypes,
        share,
        weight,
        total,
        left,
        residual,
        gradient=genotypes @ residual.T,
        coef=np.zeros((p, n_tissues)),
        measured=np.zeros(p, dtype=np.bool_),
        center=np.empty(p, dtype=dtype),
        mean=np.empty((p, n_tissues)),
        sum_of_squares=np.empty((p, n_tissues)),
        place=np.full(p, OUTSIDE),
        members=np.zeros(n_members, dtype=np.int64),
        centered=np.empty((n_members, n), dtype=dtype),
        gram=np.empty((n_members, n_members, n_tissues), dtype=dtype),
        size=np.zeros(1, dtype=np.int64),
    )


@kernel
def measure(descent: Descent, variants: np.ndarray) -> None:
    """Write the moments of some variants."""
    W, total = descent.weight, descent.total
    X = descent.genotypes[variants]
    center = X @ descent.share
    X -= center.reshape(-1, 1)
    means, squares = X @ W.T, (X * X) @ W.T
    for place, s in enumerate(variants):
        descent.measured[s], descent.center[s] = True, center[place]
        for k in range(total.size):
            mean, about_zero = means[place, k] / total[k], squares[place, k]
            about_mean = about_zero - total[k] * mean**2
            if about_mean <= CANCELLATION * about_zero:
                mean, about_mean = moments_anew(X[place], W[k], total[k], mean)
            floor = total[k] * (ROUNDING * (abs(mean) + abs(center[place]))) ** 2
            descent.mean[s, k] = mean
            descent.sum_of_squares[s, k] = about_mean if about_mean > floor else 0.0


@kernel
def moments_anew(
    x: np.ndarray, weight: np.ndarray, total: float, mean: float
) -> tuple[float, float]:
    """Return a mean, and the sum of squares about it, from one that is nearly right."""
    for _ in range(2):  # the mean of many equal numbers is not that number
        step = 0.0
        for i in range(x.size):
            step += weight[i] * (x[i] - mean)
        mean += step / total
    squares = 0.0
    for i in range(x.size):
        squares += weight[i] * (x[i] - mean) ** 2
    return mean, squares


@kernel(fastmath=SUMS)
def norm_of_effects(
    linear: np.ndarray, sum_of_squares: np.ndarray, strength: float, start: float
) -> float:
    """Return the norm t of the effects of a variant under the group lasso, by Newton's method."""
    t = start
    for _ in range(50):
        value, slope = 0.0, 0.0
        for k in range(linear.size):
            inverse = 1.0 / (sum_of_squares[k] * t + strength)
            square = (linear[k] * inverse) ** 2
            value += square
            slope += square * sum_of_squares[k] * inverse
        move = value * (np.sqrt(value) - 1.0) / slope
        t = max(t + move, 0.0)
        if abs(move) <= NEWTON_TOL * t:
            break
    return t


@kernel(fastmath=SUMS)
def best_effects(
    linear: np.ndarray,
    sum_of_squares: np.ndarray,
    strength: float,
    grouped: bool,
    effects: np.ndarray,
) -> None:
    """Replace the effects (K,) of a variant by those that minimize the objective given the rest."""
    norm, before = 0.0, 0.0
    for k in range(linear.size):
        if sum_of_squares[k] <= 0.0:
            linear[k] = 0.0
        norm += linear[k] ** 2
        before += effects[k] ** 2
    t = 0.0
    if grouped and np.sqrt(norm) > strength > 0.0:
        t = norm_of_effects(linear, sum_of_squares, strength, np.sqrt(before))
    for k in range(linear.size):
        if sum_of_squares[k] <= 0.0:
            effects[k] = 0.0
        elif strength == 0.0:
            effects[k] = linear[k] / sum_of_squares[k]
        elif grouped:
            effects[k] = linear[k] * t / (sum_of_squares[k] * t + strength)
        else:
            size = max(abs(linear[k]) - strength, 0.0) / sum_of_squares[k]
            effects[k] = -size if linear[k] < 0 else size


@kernel
def move_of(
    s: int, descent: Descent, strength: float, grouped: bool, linear: np.ndarray, step: np.ndarray
) -> float:
    """Write the step (K,) of variant s to its best effects; return how far fitted values move.

    linear : array (K,)
        Is written to.
    """
    sum_of_squares, coef = descent.sum_of_squares[s], descent.coef[s]
    for k in range(step.size):
        linear[k] = sum_of_squares[k] * coef[k] + descent.gradient[s, k]
        step[k] = coef[k]
    best_effects(linear, sum_of_squares, strength, grouped, step)
    moved = 0.0
    for k in range(step.size):
        step[k] -= coef[k]
        moved += sum_of_squares[k] * step[k] ** 2
    return moved


@kernel
def is_at_rest(s: int, descent: Descent, strength: float, grouped: bool) -> bool:
    """Whether variant s has no effect and a gradient too small for one."""
    norm = 0.0
    for k in range(descent.total.size):
        if descent.coef[s, k] != 0.0:
            return False
        size = descent.gradient[s, k] ** 2
        norm = norm + size if grouped else max(norm, size)
    return norm <= strength**2


@kernel
def moves_of(descent: Descent, among: np.ndarray, strength: float, grouped: bool) -> np.ndarray:
    """Return how far some variants would move fitted values; 0 for those of the working set."""
    n_tissues = descent.total.size
    linear, step = np.empty(n_tissues), np.empty(n_tissues)
    moves, may_move = np.zeros(among.size), np.zeros(among.size, dtype=np.bool_)
    for place, s in enumerate(among):
        outside = descent.place[s] == OUTSIDE
        may_move[place] = outside and not is_at_rest(s, descent, strength, grouped)
    (places,) = np.nonzero(may_move)
    variants = among[places]
    new = variants[~descent.measured[variants]]
    if new.size > 0:
        measure(descent, new)
    for rank, s in enumerate(variants):
        moves[places[rank]] = move_of(s, descent, strength, grouped, linear, step)
    return moves


@kernel
def join(s: int, descent: Descent) -> None:
    """Append variant s to the working set."""
    place, n_tissues = descent.size[0], descent.total.size
    descent.size[0] += 1
    descent.place[s], descent.members[place] = place, s
    z = descent.genotypes[s] - descent.center[s]
    descent.centered[place] = z
    products = (descent.centered[: place + 1] * z) @ descent.weight.T
    for other in range(place + 1):
        t = descent.members[other]
        for k in range(n_tissues):
            value = products[other, k] - descent.total[k] * descent.mean[t, k] * descent.mean[s, k]
            descent.gram[place, other, k] = descent.gram[other, place, k] = value


@kernel
def let_join(descent: Descent, found: np.ndarray, moves: np.ndarray, limit: float) -> int:
    """Append the variants that move farthest to the working set; return how many, -1 if too many.

    Of neighbors only the better one joins: after it the other, in LD with it, may no longer move.
    Of variants that are equal but for rounding, the first of X.

    found : int array
        Variants in the order of columns.
    moves : array
        How far each of them moves fitted values.
    """
    joins, size = moves > limit, np.round(np.log(np.maximum(moves, limit)) / TIE)
    for place in range(1, found.size):
        better = size[place] > size[place - 1]
        joins[place - 1] &= not better
        joins[place] &= better
    (order,) = np.nonzero(joins)
    order = order[np.argsort(-size[order], kind="mergesort")]
    count = min(order.size, max(descent.size[0] // 4, JOIN_AT_ONCE))
    if descent.size[0] + count > descent.members.size:
        return -1
    for place in order[:count]:
        join(found[place], descent)
    return count


@kernel
def sweep(
    descent: Descent, strength: float, grouped: bool, limit: float, max_sweeps: int
) -> np.ndarray:
    """Sweep over the working set until it rests; return the steps (size, K) of its effects.

    After a full sweep only variants with an effect are visited until they no longer move.
    """
    size, n_tissues = descent.size[0], descent.total.size
    linear, step = np.empty(n_tissues), np.empty(n_tissues)
    steps = np.zeros((size, n_tissues), dtype=descent.residual.dtype)
    active_only = False
    for _ in range(max_sweeps):
        largest = 0.0
        for place in range(size):
            s = descent.members[place]
            if is_at_rest(s, descent, strength, grouped) or (
                active_only and not np.any(descent.coef[s])
            ):
                continue
            moved = move_of(s, descent, strength, grouped, linear, step)
            if moved > 0.0:
                largest = max(largest, moved)
                for k in range(n_tissues):
                    descent.coef[s, k] += step[k]
                    steps[place, k] += step[k]
                for other in range(size):
                    t = descent.members[other]
                    for k in range(n_tissues):
                        descent.gradient[t, k] -= descent.gram[place, other, k] * step[k]
        if largest <= limit:
            if not active_only:
                break
            active_only = False
        else:
            active_only = True
    return steps


@kernel(fastmath=SUMS)
def subtract(descent: Descent, x: np.ndarray, steps: np.ndarray, shift: np.ndarray) -> None:
    """Subtract x (K or 1, I) times steps (K,), less shifts (K,), from the expression left."""
    for k in range(steps.size):
        row = x[k % x.shape[0]]
        for i in range(row.size):
            descent.left[k, i] -= row[i] * steps[k] - shift[k]
            descent.residual[k, i] = descent.weight[k, i] * descent.left[k, i]


@kernel
def solve(descent: Descent, strength: float, grouped: bool, limit: float, max_sweeps: int) -> bool:
    """Move to the best effects of the working set; return whether any moved."""
    steps = sweep(descent, strength, grouped, limit, max_sweeps)
    if not np.any(steps):
        return False
    size, n_tissues = steps.shape
    shift = np.zeros(n_tissues)
    for place in range(size):
        shift += descent.mean[descent.members[place]] * steps[place]
    fitted = steps.T @ descent.centered[:size]
    subtract(descent, fitted, np.ones_like(steps[0]), shift.astype(steps.dtype))
    return True


@kernel
def solve_members(
    descent: Descent,
    found: np.ndarray,
    moves: np.ndarray,
    strength: float,
    grouped: bool,
    limit: float,
    max_sweeps: int,
) -> tuple[bool, bool]:
    """Move to the best effects of the working set, which variants that were found join.

    Returns whether any moved, and whether the set holds those that would.
    """
    moved = False
    for _ in range(max_sweeps):
        joined = let_join(descent, found, moves, limit)
        if joined < 0:
            return moved, False
        if not solve(descent, strength, grouped, limit, max_sweeps):
            break
        moved = True
        if joined == 0:
            break
        descent.gradient[found] = descent.genotypes[found] @ descent.residual.T
        moves = moves_of(descent, found, strength, grouped)
    return moved, True


@kernel(fastmath=SUMS)
def gradient_of(x: np.ndarray, residual: np.ndarray, gradient: np.ndarray) -> None:
    """Write the products (K,) of a variant (I,) and residuals (K, I)."""
    for k in range(gradient.size):
        total = x.dtype.type(0)
        for i in range(x.size):
            total += x[i] * residual[k, i]
        gradient[k] = total


@kernel
def solve_by_residuals(
    descent: Descent,
    among: np.ndarray,
    strength: float,
    grouped: bool,
    limit: float,
    max_sweeps: int,
) -> bool:
    """Sweep over some variants, each with its gradient from the residuals, until they rest.

    Returns whether any moved. After a full sweep only variants with an effect are visited until
    they no longer move.
    """
    n_tissues = descent.total.size
    linear, step = np.empty(n_tissues), np.empty(n_tissues)
    typed = np.empty((2, n_tissues), dtype=descent.residual.dtype)
    active_only, any_moved = False, False
    for _ in range(max_sweeps):
        largest = 0.0
        for s in among:
            if active_only and not np.any(descent.coef[s]):
                continue
            gradient_of(descent.genotypes[s], descent.residual, descent.gradient[s])
            if is_at_rest(s, descent, strength, grouped):
                continue
            moved = move_of(s, descent, strength, grouped, linear, step)
            if moved > 0.0:
                largest, any_moved = max(largest, moved), True
                descent.coef[s] += step
                typed[0], typed[1] = step, step * (descent.mean[s] + descent.center[s])
                subtract(descent, descent.genotypes[s : s + 1], typed[0], typed[1])
        if largest <= limit:
            if not active_only:
                break
            active_only = False
        else:
            active_only = True
    return any_moved


@kernel
def descend(
    descent: Descent, strength: float, grouped: bool, limit: float, max_sweeps: int
) -> None:
    """Move to the best effects.

    Parameters
    ----------
    descent : Descent
    strength : float
        n alpha.
    grouped : bool
        Whether the effects of a variant are shrunken together.
    limit : float
        Stop if no variant moves the fitted values by more than this sum of squares.
    max_sweeps : int
    """
    every = np.arange(descent.place.size)
    fits = True
    for turn in range(max_sweeps):
        moves = moves_of(descent, every, strength, grouped)
        found = every[moves > limit]
        if found.size == 0 and turn > 0:
            return
        moved = False
        if fits:
            moved, fits = solve_members(
                descent, found, moves[found], strength, grouped, limit, max_sweeps
            )
        if not fits:
            among = moves > limit
            for s in every:
                among[s] |= descent.place[s] != OUTSIDE or np.any(descent.coef[s])
            moved |= solve_by_residuals(descent, every[among], strength, grouped, limit, max_sweeps)
        if not moved:
            return
        np.dot(descent.genotypes, descent.residual.T, descent.gradient)


@kernel(fastmath=SUMS)
def squared_errors(descent: Descent, weight: np.ndarray) -> np.ndarray:
    """Return the squared error (I,) of what is left in cells of weights (K, I), by individual."""
    errors = np.zeros(weight.shape[1])
    for k in range(weight.shape[0]):
        for i in range(weight.shape[1]):
            errors[i] += weight[k, i] * descent.left[k, i] ** 2
    return errors
