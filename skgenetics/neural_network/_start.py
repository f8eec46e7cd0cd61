"""Where training starts: the first parameters, and the scales of the dosages."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from scipy import sparse

from skgenetics.neural_network._known_start import gates
from skgenetics.neural_network._linear_problem import Known
from skgenetics.neural_network._network import EPSILON, ModelState, Moments, Network, forward
from skgenetics.utils._arrays import namespace_of
from skgenetics.utils._moments import column_moments
from skgenetics.utils._typing import Array

DENSE_SIZE = 2**22  # floats of a sparse X that are held dense at a time


def start_network(
    hidden_sizes: Sequence[int],
    n_features: int,
    n_tasks: int,
    batch_norm: bool,
    rng: np.random.Generator,
    *,
    random_coef: bool = True,
) -> Network:
    """Return random NumPy parameters: He-normal layers, attention about 1, K ~ N(0, 1/m).

    Without `random_coef` K is 0, and so is the logit.
    """
    widths = [n_features, *hidden_sizes, n_features]
    weights = [rng.normal(scale=math.sqrt(2 / a), size=(a, b)) for a, b in pairwise(widths[:-1])]
    weights.append(rng.normal(scale=math.sqrt(1 / widths[-2]), size=widths[-2:]))
    biases = [np.zeros(width) for width in widths[1:]]
    scales = [np.ones(width) for width in widths[1:]] if batch_norm else []
    shifts = [np.zeros(width) for width in widths[1:]] if batch_norm else []
    (shifts if batch_norm else biases)[-1][:] = 1.0
    task_coef = rng.normal(scale=math.sqrt(1 / n_features), size=(n_tasks, n_features))
    task_coef = task_coef if random_coef else 0 * task_coef
    linear_coef = np.zeros_like(task_coef)
    return Network(weights, biases, task_coef, linear_coef, np.zeros(n_tasks), scales, shifts)


def column_scales(X: Array, share: Array) -> tuple[Array, Array]:
    """Return mean and standard deviation (m,) of the columns of X; 1 for constant columns.

    X (n, m) is of any real dtype, or sparse; `share` (n,) holds weights of sum 1, whose precision
    is that of the results.
    """
    xp = namespace_of(share)
    blocks: Iterable[Array]
    if sparse.issparse(X):
        X, width = X.tocsc(), max(1, DENSE_SIZE // X.shape[0])
        blocks = (X[:, start : start + width].toarray() for start in range(0, X.shape[1], width))
    else:
        blocks = (X,)
    means, variances, _ = zip(*(column_moments(block, share) for block in blocks), strict=True)
    mean, variance = xp.concat(means), xp.concat(variances)
    return mean, standard_deviation(variance)


def standard_deviation(variance: Array) -> Array:
    """Return the square root of variances, 1 where a variance is 0: of a constant."""
    xp = namespace_of(variance)
    return xp.where(variance > 0, xp.sqrt(variance), xp.ones_like(variance))


def with_known(network: Network, known: Known, slope: float) -> Network:
    """Return a NumPy network whose logits are exactly those of a linear model with products.

    Its linear part is L. For c z_i z_j, two units of each hidden layer carry leaky(z_i) and
    leaky(-z_i), whose difference is (1 + slope) z_i. With them A_j = 1 + w z_i, so that
    K_j A_j z_j = K_j z_j + K_j w z_i z_j; K_j is taken from L_j, and K_j w = c. Other units stay as
    they are; they do not reach the A_j of such j, and K is 0 elsewhere.
    """
    weights = [array.copy() for array in network.weights]
    biases = [array.copy() for array in network.biases]
    K, L = 0 * network.task_coef, known.coef.copy()
    effects: dict[tuple[int, int], np.ndarray] = {}  # of (hidden variant, gated variant)
    placed = gates(known.pairs)
    for task, (pairs, products) in enumerate(zip(known.pairs, known.products, strict=True)):
        for pair, c in zip(pairs.tolist(), products, strict=True):
            vector = effects.setdefault(placed[pair[0], pair[1]], np.zeros(len(K)))
            vector[task] += c
    units = {hidden: 2 * n for n, hidden in enumerate(dict.fromkeys(i for i, _ in effects))}
    for hidden, unit in units.items():
        pair_of_units = slice(unit, unit + 2)
        weights[0][:, pair_of_units] = 0.0
        weights[0][hidden, pair_of_units] = [1.0, -1.0]
        for W, b in zip(weights[:-1], biases[:-1], strict=True):
            b[pair_of_units] = 0.0
            if W is not weights[0]:
                W[:, pair_of_units] = 0.0
                W[pair_of_units, pair_of_units] = np.array([[1, -1], [-1, 1]]) / (1 + slope)
    sizes: dict[int, float] = {}
    for (_, gate), vector in effects.items():
        sizes[gate] = max(sizes.get(gate, 0.0), float(np.sqrt(np.max(np.abs(vector)))))
    for gate in sizes:
        weights[-1][:, gate] = 0.0
    for (hidden, gate), vector in effects.items():
        size, sign = sizes[gate], 1.0
        if size == 0:
            continue
        if len(K) == 1:
            K[:, gate], sign = size, vector[0] / size
        else:
            K[:, gate], sign = vector / size, size
        unit = units[hidden]
        weights[-1][unit : unit + 2, gate] += np.array([1, -1]) * sign / (1 + slope)
    for gate in sizes:
        L[:, gate] -= K[:, gate]
    return network._replace(
        weights=weights,
        biases=biases,
        task_coef=K,
        linear_coef=L,
        task_intercept=known.intercept.copy(),
    )


def calibrated(network: Network, Z: Array, share: Array, slope: float) -> ModelState:
    """Return the network with a batch norm that changes nothing at the moments of some rows.

    `share` (n,) holds weights of sum 1. Without batch norm there is nothing to do.
    """
    moments: list[Moments] = []
    for layer in range(len(network.scales)):
        batch = forward(network, Z, slope, share=share).normalized[layer]
        network.scales[layer] = (batch.variance + EPSILON) ** 0.5
        network.shifts[layer] = batch.mean
        moments.append(Moments(batch.mean, batch.variance))
    return ModelState(network, moments)
