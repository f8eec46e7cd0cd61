"""First and second derivatives of the logits with respect to the dosages, in closed form.

On the folded network, A = F(x) and logit_p = (K_p o A + L_p) (x - center) + B_p. In a linear region
of F,

    da_j / dx_i = (W_1 N W_A)_ij    with  N = D_1 W_2 D_2 ... W_L D_L,

D_l the derivatives of the activations at a sample (its gates): N (h_1, h_L) is all of the Jacobian
that differs between samples. The second derivative of logit_p is

    S = P Q' + Q P'    with  P = W_1 N (m, h_L)  and  Q = (W_A diag K_p)' (m, h_L),

its diagonal 2 k_pi da_i/dx_i included. It holds off the kinks of ReLU and leaky ReLU, and for a
linear attention layer only. Source: "S1 Proof" of Badre and Pan (2023), corrected.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse.linalg import LinearOperator

from skgenetics.neural_network._network import Network, forward, input_gradient
from skgenetics.utils._arrays import (
    device_of,
    is_numpy,
    namespace_of,
    slices,
    to_numpy,
    working_size,
)
from skgenetics.utils._typing import Array

CACHE_SIZE = 2**18  # floats of a working set that should stay in the processor's cache
WORKING_SIZE = 2**22  # floats of a working set that should stay small beside X
FEATURE_BLOCK = 112  # features of a block of pairs
FIRST_BATCH = 500  # pairs that top_pairs evaluates at first


class TopPairs(NamedTuple):
    """Pairs of variants of the strongest interaction, in falling order."""

    pairs: np.ndarray  # (k, 2), or (d, k, 2) for several tasks
    importances: np.ndarray  # (k,) or (d, k)
    n_evaluated: int  # pairs whose importance was computed, of m (m - 1) / 2


def first_order(
    network: Network, X: Array, center: Array, slope: float, tasks: Sequence[int]
) -> Array:
    """Return d logit_p / dx_i (n, tasks, m): one backward pass per task.

    d logit_p / dx_i = k_pi a_i + l_pi + sum_j k_pj (x_j - center_j) da_j / dx_i.
    """
    trace = forward(network, X, slope)
    A, Z = trace.attention, X - center
    rows = [(network.task_coef[task, :], network.linear_coef[task, :]) for task in tasks]
    gradients = [K * A + L + input_gradient(network, trace, K * Z) for K, L in rows]
    return namespace_of(X).stack(gradients, axis=1)


def paths(network: Network, gates: Sequence[Array]) -> Array:
    """Return N (n, h_1, h_L) of samples from the gates of the hidden layers, (n, h_l) each."""
    first = gates[0]
    if len(gates) == 1:
        xp, width = namespace_of(first), first.shape[1]
        return first[:, None, :] * xp.eye(width, dtype=first.dtype, device=device_of(first))
    N = first[:, :, None] * network.weights[1] * gates[1][:, None, :]
    for W, gate in zip(network.weights[2:-1], gates[2:], strict=True):
        N = (N @ W) * gate[:, None, :]
    return N


def task_factor(network: Network, task: int) -> Array:
    """Return Q (m, h_L) of a task."""
    return (network.weights[-1] * network.task_coef[task, :]).T


def path_chunks(
    network: Network, gates: Sequence[Array], floats: int = 0
) -> Iterator[tuple[slice, Array]]:
    """Yield rows and their N (rows, h_1, h_L), so many that N fits WORKING_SIZE.

    `floats`: how many numbers the caller computes per sample, if these are more.
    """
    n, h_first = gates[0].shape
    floats = max(floats, h_first * gates[-1].shape[1])
    for rows in slices(n, working_size(WORKING_SIZE, gates[0]) // floats):
        yield rows, paths(network, [gate[rows, :] for gate in gates])


def second_order_sum(
    network: Network, gates: Sequence[Array], task: int, *, signed: bool = False
) -> Array:
    """Return the sum over samples of abs(S), or of S, as an array (m, m)."""
    Q, W = task_factor(network, task).T, network.weights[0].T
    xp, m = namespace_of(Q), Q.shape[1]
    W = xp.reshape(xp.reshape(W, (-1,)), W.shape)  # in the order of its rows, for faster products
    total = xp.zeros((m, m), dtype=Q.dtype, device=device_of(Q))
    if signed:  # W_1 E[N] W_A, once the sum of N is known
        for _, N in path_chunks(network, gates):
            total += W.T @ xp.sum(N, axis=0) @ Q
        return total + total.T
    width = min(m, math.isqrt(working_size(FEATURE_BLOCK**2, Q)))
    blocks = list(slices(m, width))
    for _, N in path_chunks(network, gates):
        for rows in slices(N.shape[0], working_size(CACHE_SIZE, Q) // width**2):
            P = xp.matrix_transpose(N[rows, ...]) @ W
            add_sizes_above_diagonal(total, P, Q, blocks)
    for k, first in enumerate(blocks):
        for second in blocks[k + 1 :]:
            total[second, first] = total[first, second].T
    return total


def add_sizes_above_diagonal(total: Array, P: Array, Q: Array, blocks: Sequence[slice]) -> None:
    """Add the sum of abs(S) over samples to the blocks of `total` (m, m) on and above the diagonal.

    P (n, h_L, m) and Q (h_L, m) are transposed. Pairs of blocks of features are so small that what
    a few samples add to a block stays in the cache.
    """
    xp = namespace_of(P)
    ones = xp.ones_like(P[:, 0, 0])
    for k, first in enumerate(blocks):
        P_first, Q_first = xp.matrix_transpose(P[:, :, first]), Q[:, first].T
        for second in blocks[k:]:
            S = P_first @ Q[:, second]
            if second is first:
                S += xp.asarray(xp.matrix_transpose(S), copy=True)
            else:
                S += Q_first @ P[:, :, second]
            S = np.abs(S, out=S) if is_numpy(xp) else xp.abs(S)
            summed = ones @ xp.reshape(S, (ones.shape[0], -1))
            total[first, second] += xp.reshape(summed, S.shape[1:])


def second_order_pairs(
    network: Network, gates: Sequence[Array], task: int, pairs: np.ndarray
) -> Iterator[tuple[slice, Array]]:
    """Yield (rows, S_ij (rows, k)) for the pairs (k, 2) of features, chunk by chunk of samples."""
    Q = task_factor(network, task)
    xp, device = namespace_of(Q), device_of(Q)
    features, place = np.unique(pairs, return_inverse=True)
    first, second = (
        xp.asarray(column, device=device) for column in np.reshape(place, pairs.shape).T
    )
    features = xp.asarray(features, device=device)
    Q = xp.take(Q, features, axis=0)
    W = xp.take(network.weights[0], features, axis=0)
    Q_first, Q_second = xp.take(Q, first, axis=0), xp.take(Q, second, axis=0)
    for rows, N in path_chunks(network, gates, 4 * first.shape[0] * Q.shape[1]):
        P = W @ N
        S = xp.sum(xp.take(P, first, axis=1) * Q_second, axis=2)
        yield rows, S + xp.sum(xp.take(P, second, axis=1) * Q_first, axis=2)


def second_order_operators(
    network: Network, gates: Sequence[Array], task: int
) -> list[LinearOperator]:
    """Return one `LinearOperator` (m, m) per sample, on the host: S v = P (Q'v) + Q (P'v)."""
    Q = to_numpy(task_factor(network, task))
    return [
        second_order_operator(P, Q)
        for _, N in path_chunks(network, gates)
        for P in to_numpy(network.weights[0] @ N)
    ]


def second_order_operator(P: np.ndarray, Q: np.ndarray) -> LinearOperator:
    """Return S = P Q' + Q P' of one sample as an operator."""

    def product(V: np.ndarray) -> np.ndarray:
        return P @ (Q.T @ V) + Q @ (P.T @ V)

    shape = (len(Q), len(Q))
    return LinearOperator(shape, matvec=product, matmat=product, rmatvec=product, dtype=Q.dtype)


class UpperTriangle:
    """Symmetric matrices (width, width) as vectors of their entries on and above the diagonal."""

    def __init__(self, width: int, like: Array) -> None:
        rows, columns = np.triu_indices(width)
        self.width = width
        self.xp = namespace_of(like)
        device = device_of(like)
        self.entries = self.xp.asarray(rows * width + columns, device=device)
        multiplicity = np.where(rows == columns, 1.0, 2.0)
        self.multiplicity = self.xp.asarray(multiplicity, dtype=like.dtype, device=device)
        self.diagonal = 2 - self.multiplicity  # 1 on the diagonal, 0 beside it

    def flat(self, matrices: Array) -> Array:
        """Return matrices (k, width, width) as (k, entries)."""
        rows = self.xp.reshape(matrices, (-1, self.width**2))
        return self.xp.take(rows, self.entries, axis=1)


def path_moments(
    network: Network, gates: Sequence[Array], features: slice, dtype: object
) -> tuple[Array, float]:
    """Return E[p_i p_i'] (k, h_L, h_L) of some features, and E |N|^2."""
    xp, n, width = namespace_of(gates[0]), gates[0].shape[0], gates[-1].shape[1]
    W = xp.astype(network.weights[0][features, :], dtype)
    C = xp.zeros((W.shape[0], width, width), dtype=dtype, device=device_of(W))
    size = 0.0
    for _, N in path_chunks(network, gates, FEATURE_BLOCK * width):
        size += float(xp.sum(N**2)) / n
        N = xp.reshape(xp.permute_dims(xp.astype(N, dtype), (1, 0, 2)), (N.shape[1], -1))
        for some in slices(W.shape[0], FEATURE_BLOCK):
            P = xp.reshape(W[some, :] @ N, (-1, N.shape[1] // width, width))
            C[some, ...] += xp.matrix_transpose(P) @ P
    C /= n
    return C, size


def half_bounds(network: Network, gates: Sequence[Array], task: int, dtype: object) -> Array:
    """Return H (m, m) with H_ij = sqrt(q_j' E[p_i p_i'] q_j): E abs(S_ij) <= H_ij + H_ji.

    By Cauchy-Schwarz, E abs(p_i . q_j) <= sqrt(E (p_i . q_j)^2). Its cost, m^2 h_L^2, does not
    depend on the number of samples. Computed as `dtype`, and larger by what rounding may take away:
    the error of the products with p_i is relative to |w_i| |N|, that of later sums to |p_i| |q_j|.
    """
    xp = namespace_of(gates[0])
    Q = xp.astype(task_factor(network, task), dtype)
    (m, width), n = Q.shape, gates[0].shape[0]
    triangle, epsilon = UpperTriangle(width, Q), float(xp.finfo(dtype).eps)
    H = xp.zeros((m, m), dtype=dtype, device=device_of(Q))
    blocks = list(slices(m, working_size(WORKING_SIZE, Q) // width**2))
    for rows in blocks:
        W = xp.astype(network.weights[0][rows, :], dtype)
        moments, path_size = path_moments(network, gates, rows, dtype)
        C = triangle.flat(moments) * triangle.multiplicity
        slack = epsilon * (n + width**2) * (C @ triangle.diagonal)
        slack += 2 * epsilon * (W.shape[1] + 8) * path_size * xp.sum(W**2, axis=1)
        for columns in blocks:
            q = Q[columns, :]
            squares = C @ triangle.flat(q[:, :, None] * q[:, None, :]).T
            squares += slack[:, None] * xp.sum(q**2, axis=1)
            H[rows, columns] = xp.sqrt(xp.clip(squares, min=0.0))
    return H


def top_pairs(network: Network, gates: Sequence[Array], task: int, k: int) -> TopPairs:
    """Return the k pairs i < j of largest E abs(S_ij), exactly, without all of S.

    Pairs are evaluated in the order of falling bound until the k-th best of them beats every bound
    that has not been evaluated. The evaluation is in double precision, whatever the precision of
    the network.
    """
    xp, dtype, n_samples = namespace_of(gates[0]), gates[0].dtype, gates[0].shape[0]
    network = network.replace_arrays([xp.astype(array, xp.float64) for array in network.arrays()])
    gates = [xp.astype(gate, xp.float64) for gate in gates]
    H = to_numpy(half_bounds(network, gates, task, dtype))
    m = len(H)
    bounds = (H + H.T)[np.triu(np.ones((m, m), dtype=bool), 1)]
    n_pairs = len(bounds)
    negative_bounds = np.append(-bounds, np.inf)  # the last is of no pair
    row_ends = np.cumsum(np.arange(m)[::-1])  # of the pairs of each first feature
    evaluated = np.zeros(0, dtype=int)
    pairs, values = np.zeros((0, 2), dtype=int), np.zeros(0)
    while True:
        size = min(n_pairs, max(FIRST_BATCH, 4 * k, 2 * len(evaluated)))
        order = np.argpartition(negative_bounds, size)
        new = np.setdiff1d(order[:size], evaluated)
        first = np.searchsorted(row_ends, new, side="right")
        new_pairs = np.stack([first, new - row_ends[first] + m], axis=1)
        total = sum(
            xp.sum(xp.abs(S), axis=0)
            for _, S in second_order_pairs(network, gates, task, new_pairs)
        )
        evaluated, pairs = np.append(evaluated, new), np.concatenate([pairs, new_pairs])
        values = np.append(values, to_numpy(total) / n_samples)
        best = np.argsort(-values, kind="stable")[:k]
        if size == n_pairs or values[best[-1]] >= -negative_bounds[order[size]]:
            return TopPairs(pairs[best], values[best], len(evaluated))
