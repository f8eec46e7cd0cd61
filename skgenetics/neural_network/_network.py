"""The attention network: forward and backward pass, as pure functions of arrays.

A = F(Z) with dense layers, logit = K (A o Z) + L Z + B: the model of Badre and Pan (2022; several
tasks: 2023) and a linear part L. Rows are samples; weights have shape (in, out).
"""

from collections.abc import Sequence
from typing import NamedTuple

from skgenetics.utils._arrays import namespace_of
from skgenetics.utils._typing import Array

EPSILON = 1e-5  # added to the variances of batch norm


class Network(NamedTuple):
    """Parameters of a network, or the gradient with respect to each of them.

    The last of `weights` and `biases` are those of the attention layer. `scales` and `shifts`
    belong to the batch norm after each layer; without batch norm they are empty.
    """

    weights: list[Array]  # (in, out) each
    biases: list[Array]  # (out,) each
    task_coef: Array  # K (d, m)
    linear_coef: Array  # L (d, m)
    task_intercept: Array  # B (d,)
    scales: list[Array]  # (out,) each
    shifts: list[Array]  # (out,) each

    def arrays(self) -> list[Array]:
        """Return all parameters in one list."""
        return [
            *self.weights,
            *self.biases,
            self.task_coef,
            self.linear_coef,
            self.task_intercept,
            *self.scales,
            *self.shifts,
        ]

    def replace_arrays(self, arrays: Sequence[Array]) -> "Network":
        """Return a network like this one with the parameters of a list."""
        n = len(self.weights)
        first_scale = 2 * n + 3
        first_shift = first_scale + len(self.scales)
        return Network(
            weights=list(arrays[:n]),
            biases=list(arrays[n : 2 * n]),
            task_coef=arrays[2 * n],
            linear_coef=arrays[2 * n + 1],
            task_intercept=arrays[2 * n + 2],
            scales=list(arrays[first_scale:first_shift]),
            shifts=list(arrays[first_shift:]),
        )


class Moments(NamedTuple):
    """Running moments of the outputs of a layer, for batch norm."""

    mean: Array  # (out,)
    variance: Array  # (out,)


class ModelState(NamedTuple):
    """A network in training: its parameters on standardized dosages and its running moments."""

    network: Network
    moments: list[Moments]  # of each layer; empty without batch norm


class Scales(NamedTuple):
    """Location and scale of dosages and traits: training sees (x - mean) / scale."""

    mean: Array  # (m,)
    scale: Array  # (m,)
    y_mean: Array  # (d,)
    y_scale: Array  # (d,)


class Normalized(NamedTuple):
    """What batch norm computed from the outputs of a layer in one batch."""

    standardized: Array  # (n, out)
    precision: Array  # 1 / sd (out,)
    mean: Array  # (out,)
    variance: Array  # (out,)


class Trace(NamedTuple):
    """What the forward pass stores for the backward pass."""

    inputs: list[Array]  # of each layer (n, in); the last is the attention A (n, m)
    gates: list[Array]  # derivative of the activation of each hidden layer (n, out)
    normalized: list[Normalized]  # of each layer; empty without batch norm

    @property
    def attention(self) -> Array:
        """A (n, m), the output of the attention layer."""
        return self.inputs[-1]


class Outer(NamedTuple):
    """The gradient of a weight matrix, inputs' delta, which is only formed row by row."""

    inputs: Array  # (n, in)
    delta: Array  # (n, out)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the product."""
        return self.inputs.shape[1], self.delta.shape[1]

    def __getitem__(self, index: Array) -> Array:
        """Return the rows ``outer[rows, ...]`` of the product."""
        rows, _ = index
        return self.inputs[:, rows].T @ self.delta


def forward(
    network: Network,
    Z: Array,
    slope: float,
    *,
    masks: Sequence[Array] = (),
    share: Array | None = None,
) -> Trace:
    """Return the `Trace` of the attention network F on Z (n, m).

    Parameters
    ----------
    slope : float
        Slope of the leaky ReLU below zero; 0 is ReLU. The sign of the pre-activation decides.
    masks : sequence of arrays (n, h_l), optional
        Dropout: factors of the hidden layers.
    share : array (n,), optional
        Weights of the samples, of sum 1: the moments of batch norm are weighted by them.
    """
    xp = namespace_of(Z)
    trace = Trace([Z], [], [])
    last = len(network.weights) - 1
    for i, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        out = trace.inputs[-1] @ W
        out += b
        if i < last:
            trace.gates.append(slope + (1 - slope) * xp.astype(out > 0, out.dtype))
            out *= trace.gates[-1]
        if network.scales:
            normalized = normalize(out, share)
            trace.normalized.append(normalized)
            out = network.scales[i] * normalized.standardized + network.shifts[i]
        if i < last and masks:
            out = out * masks[i]
        trace.inputs.append(out)
    return trace


def normalize(out: Array, share: Array) -> Normalized:
    """Return the outputs of a layer (n, h), standardized over a batch by weights of sum 1."""
    xp = namespace_of(out)
    mean = share @ out
    centered = out - mean
    variance = share @ (centered * centered)
    precision = 1 / xp.sqrt(variance + EPSILON)
    centered *= precision
    return Normalized(centered, precision, mean, variance)


def backward(
    network: Network,
    trace: Trace,
    d_attention: Array,
    *,
    masks: Sequence[Array] = (),
    share: Array | None = None,
) -> Network:
    """Return the gradient from that of A (n, m): a `Network` without task parameters.

    The gradients of the weights are `Outer` products.
    """
    xp = namespace_of(d_attention)
    gradient = Network([], [], None, None, None, [], [])
    delta = d_attention
    last = len(network.weights) - 1
    for i in range(last, -1, -1):
        if i < last and masks:
            delta = delta * masks[i]
        if network.scales:
            assert share is not None
            normalized = trace.normalized[i]
            d_shift = xp.sum(delta, axis=0)
            d_scale = xp.sum(delta * normalized.standardized, axis=0)
            gradient.scales.insert(0, d_scale)
            gradient.shifts.insert(0, d_shift)
            mean = share[:, None] * (d_shift + normalized.standardized * d_scale)
            delta = network.scales[i] * normalized.precision * (delta - mean)
        if i < last:
            delta = delta * trace.gates[i]
        gradient.weights.insert(0, Outer(trace.inputs[i], delta))
        gradient.biases.insert(0, xp.sum(delta, axis=0))
        if i > 0:
            delta = delta @ network.weights[i].T
    return gradient


def input_gradient(network: Network, trace: Trace, d_attention: Array) -> Array:
    """Return the gradient with respect to Z from that of A; no batch norm, no dropout."""
    delta = d_attention @ network.weights[-1].T
    for W, gate in zip(network.weights[-2::-1], trace.gates[::-1], strict=True):
        delta = (delta * gate) @ W.T
    return delta


def task_logit(network: Network, A: Array, Z: Array) -> Array:
    """Return the logits (n, d), K (A o Z) + L Z + B, of the attention A and the dosages Z."""
    logit = (A * Z) @ network.task_coef.T + Z @ network.linear_coef.T
    return logit + network.task_intercept


def copy_network(network: Network) -> Network:
    """Return a copy of a network."""
    xp = namespace_of(network.task_coef)
    return network.replace_arrays(
        [xp.astype(array, array.dtype, copy=True) for array in network.arrays()]
    )


def fold_batch_norm(state: ModelState) -> Network:
    """Return the network at the running moments as one without batch norm.

    Batch norm follows the activation and is affine. It is folded into the weights of the next
    layer; after the attention layer, into the weights of that layer itself.
    """
    network, moments = state
    weights, biases = list(network.weights), list(network.biases)
    for i, (mean, variance) in enumerate(moments):
        stretch = network.scales[i] / (variance + EPSILON) ** 0.5
        shift = network.shifts[i] - mean * stretch
        if i + 1 < len(weights):
            biases[i + 1] = biases[i + 1] + shift @ weights[i + 1]
            weights[i + 1] = stretch[:, None] * weights[i + 1]
        else:
            weights[i] = weights[i] * stretch
            biases[i] = biases[i] * stretch + shift
    return network._replace(weights=weights, biases=biases, scales=[], shifts=[])


def fold(state: ModelState, scales: Scales) -> Network:
    """Return the network on raw dosages: no batch norm, no standardization.

    Attention and decision are those of the network on ``(X - mean) / scale``, with batch norm at
    the running moments and ``y = y_mean + y_scale * logit``:
    A = F(X), y = (K o A + L) (X - mean) + B.
    """
    network = fold_batch_norm(state)
    first = network.weights[0] / scales.scale[:, None]
    return Network(
        weights=[first, *network.weights[1:]],
        biases=[network.biases[0] - scales.mean @ first, *network.biases[1:]],
        task_coef=scales.y_scale[:, None] * network.task_coef / scales.scale,
        linear_coef=scales.y_scale[:, None] * network.linear_coef / scales.scale,
        task_intercept=scales.y_mean + scales.y_scale * network.task_intercept,
        scales=[],
        shifts=[],
    )
