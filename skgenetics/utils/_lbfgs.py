"""L-BFGS as a generator, in any array namespace."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from skgenetics.utils._arrays import namespace_of
from skgenetics.utils._typing import Array

MEMORY = 10
ROUNDING = 1e-14  # of a value, as a share of it
HALVINGS = 40  # of a step, after which it is the last


class Iterate(NamedTuple):
    """A point, its value, and what the function said beside them."""

    x: Array
    value: float
    gradient: Array
    extra: Any
    converged: bool
    stalled: bool = False


def lbfgs(
    function: Callable[[Array], tuple[float, Array, Any]],
    x: Array,
    *,
    tol: float = 0.0,
    gradient_tol: float | None = None,
) -> Iterator[Iterate]:
    """Yield an `Iterate` after every step of L-BFGS (Nocedal and Wright, algorithm 7.4).

    Parameters
    ----------
    function : callable
        Returns value (float), gradient (of the shape of x), and anything else.
    x : array
    tol : float
        Stop if a step lowers the value by less than this share of it.
    gradient_tol : float, optional
        Stop instead if no derivative is larger in size. Where no step lowers the value any more,
        the last iterate has then stalled.
    """
    xp = namespace_of(x)
    value, gradient, extra = function(x)
    pairs: list[tuple[Array, Array]] = []
    descent = 1 / max(float(xp.sum(gradient**2)) ** 0.5, 1e-300)
    while True:
        direction = _two_loops(gradient, pairs)
        slope = float(xp.sum(direction * gradient))
        if slope >= 0:
            pairs, direction = [], -gradient
            slope = -float(xp.sum(gradient**2))
        # beside a saddle, where no pair has positive curvature, steps grow until one does
        step = 1.0 if pairs else descent
        for _ in range(HALVINGS):
            moved = x + step * direction
            new_value, new_gradient, new_extra = function(moved)
            if new_value <= value + 1e-4 * step * slope:
                break
            # below the rounding of the value the slope decides (Hager and Zhang, 2005)
            if new_value <= value + ROUNDING * abs(value):
                new_slope = float(xp.sum(direction * new_gradient))
                if slope <= new_slope <= -0.9 * slope:
                    break
            step = step / 2
        descent = descent if pairs else 4 * step
        if not new_value <= value + ROUNDING * abs(value):  # no step helps any more
            by_value = gradient_tol is None
            yield Iterate(x, value, gradient, extra, converged=by_value, stalled=not by_value)
            return
        change, turn = moved - x, new_gradient - gradient
        if float(xp.sum(change * turn)) > 1e-10 * float(xp.sum(turn * turn)) > 0:
            pairs = [*pairs[1 - MEMORY :], (change, turn)]
        converged = value - new_value <= tol * abs(new_value)
        if gradient_tol is not None:
            converged = float(xp.max(xp.abs(new_gradient))) <= gradient_tol
        x, value, gradient, extra = moved, new_value, new_gradient, new_extra
        yield Iterate(x, value, gradient, extra, converged)
        if converged:
            return


def _two_loops(gradient, pairs):
    """Return minus the product of the inverse Hessian's estimate with the gradient."""
    xp = namespace_of(gradient)
    direction, steps = -gradient, []
    for change, turn in reversed(pairs):
        rho = 1 / float(xp.sum(change * turn))
        a = rho * float(xp.sum(change * direction))
        direction = direction - a * turn
        steps.append((rho, a))
    if pairs:
        change, turn = pairs[-1]
        direction = direction * (float(xp.sum(change * turn)) / float(xp.sum(turn * turn)))
    for (change, turn), (rho, a) in zip(pairs, reversed(steps)):
        b = rho * float(xp.sum(turn * direction))
        direction = direction + (a - b) * change
    return direction
