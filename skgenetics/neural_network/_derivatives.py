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
from skgenetics.utils._arrays import is_numpy, to_numpy

CACHE_SIZE = 2**18  # floats of a working set that should stay in the processor's cache
BLOCK_SIZE = 2**22  # floats of a working set that should stay small beside X
FEATURE_BLOCK = 112  # features of a block of pairs
FIRST_BATCH = 500  # pairs that top_pairs evaluates at first


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
    Q, W = task_factor(network, task).T, network.weights[0].T
    W = xp.reshape(xp.reshape(W, (-1,)), W.shape)  # in the order of its rows, for faster products
    m = Q.shape[1]
    total = xp.zeros((m, m), dtype=Q.dtype, device=Q.device)
    if signed:
        for _, N in path_chunks(network, gates, 0, xp):
            total += W.T @ xp.sum(N, axis=0) @ Q
        return total + total.T
    blocks = list(slices(m, FEATURE_BLOCK))
    for _, N in path_chunks(network, gates, 0, xp):
        for some in slices(N.shape[0], CACHE_SIZE // FEATURE_BLOCK**2):
            P = xp.matrix_transpose(N[some, ...]) @ W
            ones = xp.ones_like(P[:, 0, 0])
            for k, rows in enumerate(blocks):
                P_rows, Q_rows = xp.matrix_transpose(P[:, :, rows]), Q[:, rows].T
                for columns in blocks[k:]:
                    S = P_rows @ Q[:, columns]
                    if columns is rows:
                        S += xp.asarray(xp.matrix_transpose(S), copy=True)
                    else:
                        S += Q_rows @ P[:, :, columns]
                    S = np.abs(S, out=S) if is_numpy(xp) else xp.abs(S)
                    summed = ones @ xp.reshape(S, (ones.shape[0], -1))
                    total[rows, columns] += xp.reshape(summed, S.shape[1:])
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


def half_bounds(network, gates, task, dtype, xp):
    """Return H (m, m) with H_ij = sqrt(q_j' E[p_i p_i'] q_j): E abs(S_ij) <= H_ij + H_ji.

    By Cauchy-Schwarz, E abs(p_i . q_j) <= sqrt(E (p_i . q_j)^2). Its cost, m^2 h_L^2, does not
    depend on the number of samples. Computed as `dtype`, and larger by what rounding may take away:
    the error of the products with p_i is relative to |w_i| |N|, that of later sums to |p_i| |q_j|.
    """
    Q = xp.astype(task_factor(network, task), dtype)
    (m, width), n = Q.shape, gates[0].shape[0]
    upper = np.flatnonzero(np.triu(np.ones((width, width))))  # of a symmetric matrix, flat
    twice = np.where(upper % width == upper // width, 1.0, 2.0)
    upper = xp.asarray(upper, device=Q.device)
    twice = xp.asarray(twice, dtype=dtype, device=Q.device)
    epsilon = float(xp.finfo(dtype).eps)

    def flat(matrices):
        return xp.take(xp.reshape(matrices, (-1, width**2)), upper, axis=1)

    H = xp.zeros((m, m), dtype=dtype, device=Q.device)
    blocks = list(slices(m, BLOCK_SIZE // width**2))
    for rows in blocks:
        W, size = xp.astype(network.weights[0][rows, :], dtype), 0.0
        C = xp.zeros((W.shape[0], width, width), dtype=dtype, device=Q.device)
        for _, N in path_chunks(network, gates, FEATURE_BLOCK * width, xp):
            size += float(xp.sum(N**2)) / n
            N = xp.reshape(xp.permute_dims(xp.astype(N, dtype), (1, 0, 2)), (N.shape[1], -1))
            for some in slices(W.shape[0], FEATURE_BLOCK):
                P = xp.reshape(W[some, :] @ N, (-1, N.shape[1] // width, width))
                C[some, ...] += xp.matrix_transpose(P) @ P
        C = flat(C) * (twice / n)
        slack = epsilon * (n + width**2) * (C @ (2 - twice))
        slack += 2 * epsilon * (W.shape[1] + 8) * size * xp.sum(W**2, axis=1)
        for columns in blocks:
            q = Q[columns, :]
            squares = C @ flat(q[:, :, None] * q[:, None, :]).T
            squares += slack[:, None] * xp.sum(q**2, axis=1)
            H[rows, columns] = xp.sqrt(xp.clip(squares, min=0.0))
    return H


def top_pairs(network, gates, task, k, xp):
    """Return the k pairs i < j of largest E abs(S_ij), exactly, without all of S.

    Pairs are evaluated in the order of falling bound until the k-th best of them beats every bound
    that is left. They are evaluated in double precision, whatever that of the network.

    Returns
    -------
    pairs : ndarray (k, 2)
    importances : ndarray (k,)
    n_evaluated : int
    """
    dtype = gates[0].dtype
    network = network.replace_arrays([xp.astype(array, xp.float64) for array in network.arrays()])
    gates = [xp.astype(gate, xp.float64) for gate in gates]
    H = to_numpy(half_bounds(network, gates, task, dtype, xp))
    m, n_samples = len(H), gates[0].shape[0]
    above = np.triu(np.ones((m, m), dtype=bool), 1)
    costs = -(H + H.T)[above]  # bounds, the largest first
    costs, n_pairs = np.append(costs, np.inf), len(costs)  # the last is of no pair
    ends = np.cumsum(np.arange(m)[::-1])  # of the pairs of each first feature
    done, pairs, values = np.zeros(0, dtype=int), np.zeros((0, 2), dtype=int), np.zeros(0)
    while True:
        size = min(n_pairs, max(FIRST_BATCH, 4 * k, 2 * len(done)))
        order = np.argpartition(costs, size)
        new = np.setdiff1d(order[:size], done)
        first = np.searchsorted(ends, new, side="right")
        added = np.stack([first, new - ends[first] + m], axis=1)
        total = sum(
            xp.sum(xp.abs(S), axis=0)
            for _, S in second_order_pairs(network, gates, task, added, xp)
        )
        done, pairs = np.append(done, new), np.concatenate([pairs, added])
        values = np.append(values, to_numpy(total) / n_samples)
        best = np.argsort(-values, kind="stable")[:k]
        if size == n_pairs or values[best[-1]] >= -costs[order[size]]:
            break
    return pairs[best], values[best], len(done)
