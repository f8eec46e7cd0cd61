"""The swap contrast of pairs of features, by incremental forward updates."""

import numpy as np

# samples times units of the first hidden layer that one forward pass holds
CHUNK = 2**18


class Heads:
    """The logit of one task as a function of few changed features.

    logit = h_L . v + s with v = W_A (K_p * z) and s = b_A . (K_p * z) for z = x - center: a change
    of x_i moves the first pre-activation, v and s by multiples of one row each, so that no cost
    depends on the number of features.
    """

    def __init__(self, network, X, center, slope, task, features, xp):
        K = network.task_coef[task, :]
        gated = K * (X - center)
        self.hidden = list(zip(network.weights[1:-1], network.biases[1:-1], strict=True))
        self.slope, self.xp = slope, xp
        self.state = (
            X @ network.weights[0] + network.biases[0],
            gated @ network.weights[-1].T,
            gated @ network.biases[-1],
        )
        self.rows = {
            i: (
                network.weights[0][i, :],
                K[i] * network.weights[-1][:, i],
                K[i] * network.biases[-1][i],
            )
            for i in features
        }

    def move(self, state, i, change):
        """Return the state after x_i has changed by `change` (n,)."""
        first, v, s = self.rows[i]
        o, attention, offset = state
        column = change[:, None]
        return o + column * first, attention + column * v, offset + change * s

    def logit(self, state):
        """Return the logit (n,), up to the task's intercept."""
        o, v, s = state
        xp, slope = self.xp, self.slope
        for W, b in self.hidden:
            o = xp.where(o > 0, o, slope * o) @ W + b
        return xp.sum(xp.where(o > 0, o, slope * o) * v, axis=1) + s


def swap_pairs(network, X, center, slope, task, pairs, permutations, xp):
    """Return abs(f(x) - f(x_i') - f(x_j') + f(x_ij')), the mean over permutations, as (n, k).

    x_i' is x with the i-th feature of another row, the same for i and j.

    Parameters
    ----------
    X : array (n, m), floating
    pairs : ndarray (k, 2)
    permutations : list of ndarray (n,)
    """
    n = X.shape[0]
    contrasts = xp.zeros((n, len(pairs)), dtype=X.dtype, device=X.device)
    features = np.unique(pairs)
    order = np.lexsort(pairs.T[::-1])
    height = max(1, CHUNK // network.weights[0].shape[1])
    for start in range(0, n, height):
        rows = slice(start, min(start + height, n))
        heads = Heads(network, X[rows, :], center, slope, task, features, xp)
        f = heads.logit(heads.state)
        for permutation in permutations:
            others = xp.asarray(permutation[rows], device=X.device)
            change = {i: xp.take(X[:, i], others) - X[rows, i] for i in features}
            alone = {i: heads.logit(heads.move(heads.state, i, change[i])) for i in features}
            last = None
            for position in order:
                i, j = pairs[position]
                if i == j:
                    continue
                if i != last:
                    state, last = heads.move(heads.state, i, change[i]), i
                both = heads.logit(heads.move(state, j, change[j]))
                contrasts[rows, position] += xp.abs(f - alone[i] - alone[j] + both)
    return contrasts / len(permutations)
