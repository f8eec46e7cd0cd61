"""First and second derivatives of the logits with respect to the dosages, in closed form.

On the folded network, A = F(x) and logit_p = K_p (A * (x - center)) + B_p. In a linear region of F,

    da_j / dx_i = (W_1 N W_A)_ij    with  N = D_1 W_2 D_2 ... W_L D_L,

D_l the derivatives of the activations at a sample (its gates): N (h_1, h_L) is all of the Jacobian
that differs between samples. The second derivative of logit_p is

    S = P Q' + Q P'    with  P = W_1 N (m, h_L)  and  Q = (W_A diag K_p)' (m, h_L),

its diagonal 2 k_pi da_i/dx_i included. It holds off the kinks of ReLU and leaky ReLU, and for a
linear attention layer only.
"""

import numpy as np
from scipy.sparse.linalg import LinearOperator

from skgenetics.neural_network._network import forward, input_gradient
from skgenetics.utils._array_api import to_numpy

CACHE_SIZE = 2**18  # floats of a working set that should stay in the processor's cache
BLOCK_SIZE = 2**22  # floats of a working set that should stay small beside X
FEATURE_BLOCK = 128  # features of a block of pairs
FIRST_BATCH = 2000  # pairs that top_pairs evaluates at first
ROUNDING = 1e-7  # of the bounds, squares of which are sums, relative to the largest


def slices(n, size):
    """Yield slices that cut range(n) into pieces of at most `size`."""
    size = max(1, int(size))
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def first_order(network, X, center, slope, tasks, xp):
    """Return d logit_p / dx_i (n, tasks, m): one backward pass a task.

    dlogit_p / dx_i = k_pi a_i + sum_j k_pj (x_j - center_j) da_j / dx_i.
    """
    trace = forward(network, X, slope, xp)
    A, Z = trace.inputs[-1], X - center
    rows = [network.task_coef[task, :] for task in tasks]
    return xp.stack([K * A + input_gradient(network, trace, K * Z) for K in rows], axis=1)


def paths(network, gates, xp):
    """Return N (n, h_1, h_L) of samples from the gates of the hidden layers, (n, h_l) each."""
    if len(gates) == 1:
        return gates[0][:, None, :] * xp.eye(
            gates[0].shape[1], dtype=gates[0].dtype, device=gates[0].device
        )
    N = gates[0][:, :, None] * network.weights[1] * gates[1][:, None, :]
    for W, gate in zip(network.weights[2:-1], gates[2:], strict=True):
        N = (N @ W) * gate[:, None, :]
    return N


def task_factor(network, task):
    """Return Q (m, h_L) of a task."""
    return (network.weights[-1] * network.task_coef[task, :]).T


def path_chunks(network, gates, floats, xp):
    """Yield N (chunk, h_1, h_L) so that a chunk times `floats` a sample stays within BLOCK_SIZE."""
    n, h_first = gates[0].shape
    floats = max(floats, h_first * gates[-1].shape[1])
    for rows in slices(n, BLOCK_SIZE // floats):
        yield rows, paths(network, [gate[rows, :] for gate in gates], xp)


def second_order_sum(network, gates, task, xp, *, signed=False):
    """Return the sum over samples of abs(S), or of S, as an array (m, m).

    By pairs of blocks of features, small enough that what a few samples add to one stays in the
    cache; the blocks below the diagonal are those above it, transposed.
    """
    Q = task_factor(network, task)
    m, width = Q.shape
    total = xp.zeros((m, m), dtype=Q.dtype, device=Q.device)
    if signed:
        for _, N in path_chunks(network, gates, 0, xp):
            total += network.weights[0] @ xp.sum(N, axis=0) @ Q.T
        return total + total.T
    blocks = list(slices(m, FEATURE_BLOCK))
    for _, N in path_chunks(network, gates, 4 * m * width, xp):
        for some in slices(N.shape[0], CACHE_SIZE // FEATURE_BLOCK**2):
            P = network.weights[0] @ N[some, ...]
            for k, rows in enumerate(blocks):
                for columns in blocks[k:]:
                    S = P[:, rows, :] @ Q[columns, :].T
                    S += Q[rows, :] @ xp.matrix_transpose(P[:, columns, :])
                    total[rows, columns] += xp.sum(xp.abs(S), axis=0)
    for k, rows in enumerate(blocks):
        for columns in blocks[k + 1 :]:
            total[columns, rows] = total[rows, columns].T
    return total


def second_order_pairs(network, gates, task, pairs, xp):
    """Yield (rows, S_ij (rows, k)) for the pairs (k, 2) of features, chunk by chunk of samples."""
    Q = task_factor(network, task)
    features, place = np.unique(pairs, return_inverse=True)
    first, second = np.reshape(place, pairs.shape).T

    def index(values):
        return xp.asarray(values, device=Q.device)

    Q = xp.take(Q, index(features), axis=0)
    W = xp.take(network.weights[0], index(features), axis=0)
    first, second = index(first), index(second)
    Q_first, Q_second = xp.take(Q, first, axis=0), xp.take(Q, second, axis=0)
    for rows, N in path_chunks(network, gates, 4 * first.shape[0] * Q.shape[1], xp):
        P = W @ N
        S = xp.sum(xp.take(P, first, axis=1) * Q_second, axis=2)
        yield rows, S + xp.sum(xp.take(P, second, axis=1) * Q_first, axis=2)


def second_order_operators(network, gates, task, xp):
    """Return one `LinearOperator` (m, m) a sample, on the host: S v = P (Q'v) + Q (P'v)."""
    Q = to_numpy(task_factor(network, task))
    operators = []
    for _, N in path_chunks(network, gates, 0, xp):
        for P in to_numpy(network.weights[0] @ N):

            def product(V, P=P):
                return P @ (Q.T @ V) + Q @ (P.T @ V)

            operators.append(
                LinearOperator(
                    (len(Q), len(Q)), matvec=product, matmat=product, rmatvec=product, dtype=Q.dtype
                )
            )
    return operators


def half_bounds(network, gates, task, xp):
    """Return H (m, m) with H_ij = sqrt(q_j' E[p_i p_i'] q_j): E abs(S_ij) <= H_ij + H_ji.

    By Cauchy-Schwarz, E abs(p_i . q_j) <= sqrt(E (p_i . q_j)^2). Its cost, m^2 h_L^2, does not
    depend on the number of samples.
    """
    Q = task_factor(network, task)
    m, width = Q.shape
    upper = np.flatnonzero(np.triu(np.ones((width, width))))  # of a symmetric matrix, flat
    twice = np.where(upper % width == upper // width, 1.0, 2.0)
    index = xp.asarray(upper, device=Q.device)
    twice = xp.asarray(twice, dtype=Q.dtype, device=Q.device)
    H = xp.zeros((m, m), dtype=Q.dtype, device=Q.device)
    blocks = list(slices(m, min(4 * FEATURE_BLOCK, 4 * BLOCK_SIZE // width**2)))
    for rows in blocks:
        W = network.weights[0][rows, :]
        C = xp.zeros((W.shape[0], width, width), dtype=Q.dtype, device=Q.device)
        for _, N in path_chunks(network, gates, W.shape[0] * width, xp):
            P = W @ N
            C = C + xp.permute_dims(P, (1, 2, 0)) @ xp.permute_dims(P, (1, 0, 2))
        C = xp.take(xp.reshape(C, (W.shape[0], -1)), index, axis=1) * twice
        for columns in blocks:
            q = Q[columns, :]
            squares = xp.reshape(q[:, :, None] * q[:, None, :], (q.shape[0], -1))
            H[rows, columns] = C @ xp.take(squares, index, axis=1).T
    return xp.sqrt(xp.clip(H, min=0.0) / gates[0].shape[0])


def top_pairs(network, gates, task, k, xp):
    """Return the k pairs i < j of largest E abs(S_ij), exactly, without all of S.

    Pairs are evaluated in the order of falling bound until the k-th best of them beats every bound
    that is left. In double precision, whatever that of the network.

    Returns
    -------
    pairs : ndarray (k, 2)
    importances : ndarray (k,)
    n_evaluated : int
    """
    network = network.replace_arrays([xp.astype(array, xp.float64) for array in network.arrays()])
    gates = [xp.astype(gate, xp.float64) for gate in gates]
    H = to_numpy(half_bounds(network, gates, task, xp))
    first, second = np.triu_indices(len(H), 1)
    bounds = -(H + H.T)[first, second] - ROUNDING * np.max(H, initial=0.0)
    n_pairs, n_samples = len(bounds), gates[0].shape[0]
    values, done = np.zeros(0), np.zeros(0, dtype=int)
    while True:
        size = min(n_pairs, max(FIRST_BATCH, 2 * k, 2 * len(done)))
        order = np.argpartition(bounds, size - 1)[:size]
        new = np.setdiff1d(order, done)
        pairs = np.stack([first[new], second[new]], axis=1)
        total = sum(
            xp.sum(xp.abs(S), axis=0)
            for _, S in second_order_pairs(network, gates, task, pairs, xp)
        )
        done, values = np.append(done, new), np.append(values, to_numpy(total) / n_samples)
        best = np.argsort(-values, kind="stable")[:k]
        if size == n_pairs or values[best[-1]] >= -np.delete(bounds, done).min():
            break
    chosen = done[best]
    return np.stack([first[chosen], second[chosen]], axis=1), values[best], len(done)
