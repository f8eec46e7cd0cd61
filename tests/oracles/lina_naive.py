"""Networks with derivatives by automatic differentiation, and naive derivatives of our own."""

from itertools import pairwise

import numpy as np

from skgenetics.neural_network._network import Network


def reference_names():
    return ["lina_leaky_h2_d1", "lina_leaky_h3_d2", "lina_relu_h2_d4_nan"]


def load_reference(shared, name):
    """Return the network, its slope below zero, and the arrays of a reference case."""
    case = dict(np.load(shared / "reference" / "lina" / f"{name}.npz", allow_pickle=False))
    depth = sum(key.startswith("W") for key in case)
    weights = [case[f"W{i}"] for i in range(depth)]
    biases = [case[f"b{i}"] for i in range(depth)]
    K, B = case["K"], case["B"]
    return Network(weights, biases, K, 0 * K, B, [], []), float(case["alpha"]), case


def random_network(rng, sizes, d, batch_norm=False):
    """Return a network of Gaussian weights; `sizes` starts and ends with the number of features."""

    def draw(*shape):
        return rng.normal(size=shape) / np.sqrt(shape[0])

    weights = [draw(a, b) for a, b in pairwise(sizes)]
    biases = [draw(b) for b in sizes[1:]]
    scales = [1 + 0.2 * draw(b) for b in sizes[1:]] if batch_norm else []
    shifts = [0.3 * draw(b) for b in sizes[1:]] if batch_norm else []
    K, L = draw(d, sizes[0]), draw(d, sizes[0])
    return Network(weights, biases, K, L, draw(d), scales, shifts)


def naive_logit(network, slope, x, center):
    """Return the logits (d,) of one sample, real or complex, from the definition."""
    h = x
    for i, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        h = h @ W + b
        if i + 1 < len(network.weights):
            h = np.where(h.real > 0, h, slope * h)
    z = x - center
    return network.task_coef @ (h * z) + network.linear_coef @ z + network.task_intercept


def naive_gates(network, slope, x):
    """Return the derivative of each hidden layer's activation at one sample."""
    gates, h = [], x
    for W, b in zip(network.weights[:-1], network.biases[:-1], strict=True):
        o = h @ W + b
        gates.append(np.where(o > 0, 1.0, slope))
        h = np.where(o > 0, o, slope * o)
    return gates


def naive_second_order(network, slope, x):
    """Return S (d, m, m) of one sample, k_pj da_j/dx_i + k_pi da_i/dx_j, pair by pair."""
    J = np.eye(len(x))
    for W, gate in zip(network.weights[:-1], naive_gates(network, slope, x), strict=True):
        J = (J @ W) * gate
    J = J @ network.weights[-1]  # J_ij = da_j / dx_i
    K = network.task_coef
    m = len(x)
    S = np.empty((len(K), m, m))
    for p in range(len(K)):
        for i in range(m):
            for j in range(m):
                S[p, i, j] = K[p, j] * J[i, j] + K[p, i] * J[j, i]
    return S
