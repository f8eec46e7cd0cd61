"""The swap contrast of pairs of features, by incremental forward updates."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from skgenetics.neural_network._network import Network
from skgenetics.utils._arrays import device_of, namespace_of, slices
from skgenetics.utils._typing import Array

HIDDEN_SIZE = 2**18  # samples times units of the first hidden layer that one forward pass holds


class FeatureState(NamedTuple):
    """What the logit of a task depends on, for samples in rows, or what one feature adds to it."""

    hidden: Array  # pre-activation of the first hidden layer (n, h_1)
    direction: Array  # v, which the last hidden layer is multiplied by (n, h_L)
    offset: Array  # s (n,)


class ChangedLogit:
    """The logit of one task as a function of few changed features.

    logit = h_L . v + s with v = W_A (K_p * z) and s = b_A . (K_p * z) for z = x - center. A change
    of x_i moves the first pre-activation, v and s by multiples of one row each, so that no cost
    depends on the number of features.
    """

    def __init__(
        self,
        network: Network,
        X: Array,
        center: Array,
        slope: float,
        task: int,
        features: Iterable[int],
    ) -> None:
        K = network.task_coef[task, :]
        gated = K * (X - center)
        self.hidden_layers = list(zip(network.weights[1:-1], network.biases[1:-1], strict=True))
        self.slope = slope
        self.state = FeatureState(
            X @ network.weights[0] + network.biases[0],
            gated @ network.weights[-1].T,
            gated @ network.biases[-1],
        )
        self.per_unit = {
            i: FeatureState(
                network.weights[0][i, :],
                K[i] * network.weights[-1][:, i],
                K[i] * network.biases[-1][i],
            )
            for i in features
        }

    def move(self, state: FeatureState, i: int, change: Array) -> FeatureState:
        """Return the state after x_i has changed by `change` (n,)."""
        per_unit, column = self.per_unit[i], change[:, None]
        return FeatureState(
            state.hidden + column * per_unit.hidden,
            state.direction + column * per_unit.direction,
            state.offset + change * per_unit.offset,
        )

    def logit(self, state: FeatureState) -> Array:
        """Return the logit (n,), up to the task's intercept."""
        xp, o = namespace_of(state.hidden), state.hidden
        for W, b in self.hidden_layers:
            o = xp.where(o > 0, o, self.slope * o) @ W + b
        h = xp.where(o > 0, o, self.slope * o)
        return xp.sum(h * state.direction, axis=1) + state.offset


def swap_pairs(
    network: Network,
    X: Array,
    center: Array,
    slope: float,
    task: int,
    pairs: np.ndarray,
    permutations: Sequence[np.ndarray],
) -> Array:
    """Return abs(f(x) - f(x_i') - f(x_j') + f(x_ij')), the mean over permutations, as (n, k).

    x_i' is x with the i-th feature of another row, the same row for i and j.

    Parameters
    ----------
    X : array (n, m), floating
    pairs : ndarray (k, 2)
    permutations : list of ndarray (n,)
    """
    xp, device, n = namespace_of(X), device_of(X), X.shape[0]
    contrasts = xp.zeros((n, len(pairs)), dtype=X.dtype, device=device)
    if len(pairs) == 0:  # of one feature
        return contrasts
    features = np.unique(pairs)
    for rows in slices(n, HIDDEN_SIZE // network.weights[0].shape[1]):
        logit = ChangedLogit(network, X[rows, :], center, slope, task, features)
        for permutation in permutations:
            donors = xp.asarray(permutation[rows], device=device)
            change = {i: xp.take(X[:, i], donors) - X[rows, i] for i in features}
            contrasts[rows, :] += swap_contrasts(logit, pairs, change)
    return contrasts / len(permutations)


def swap_contrasts(logit: ChangedLogit, pairs: np.ndarray, change: dict[int, Array]) -> Array:
    """Return the contrasts (n, k) of `pairs`, given the change (n,) of each feature.

    Pairs are visited in the order of their first feature, whose change is then applied once.
    """
    unchanged = logit.logit(logit.state)
    xp = namespace_of(unchanged)
    single = {i: logit.logit(logit.move(logit.state, i, change[i])) for i in change}
    contrasts = [0 * unchanged] * len(pairs)  # 0 for a feature with itself
    previous = None
    for position in np.lexsort(pairs.T[::-1]):
        i, j = pairs[position]
        if i == j:
            continue
        if i != previous:
            state, previous = logit.move(logit.state, i, change[i]), i
        both = logit.logit(logit.move(state, j, change[j]))
        contrasts[position] = xp.abs(unchanged - single[i] - single[j] + both)
    return xp.stack(contrasts, axis=1)
