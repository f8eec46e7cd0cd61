"""The attention network: forward, losses and backward, as pure functions of arrays.

A = F(Z) with dense layers, logit = (A * Z) K' + B. Rows are samples; weights have shape (in, out).
"""

from typing import NamedTuple

EPSILON = 1e-5  # added to the variances of batch norm
BLOCK = 2**17  # floats of the attention that are worked on at a time, to stay in the cache


class Network(NamedTuple):
    """Parameters of a network, or the gradient with respect to each of them.

    The last of `weights` and `biases` are those of the attention layer. `scales` and `shifts` are
    of the batch normalization after each layer; without it they are empty.
    """

    weights: list  # (in, out) each
    biases: list  # (out,) each
    task_coef: object  # K (d, m)
    task_intercept: object  # B (d,)
    scales: list
    shifts: list

    def arrays(self):
        """Return all parameters in one list."""
        return [
            *self.weights,
            *self.biases,
            self.task_coef,
            self.task_intercept,
            *self.scales,
            *self.shifts,
        ]

    def replace_arrays(self, arrays):
        """Return a network like this one with the parameters of a list."""
        n = len(self.weights)
        b = 2 * n + 2
        s = b + len(self.scales)
        return Network(arrays[:n], arrays[n : 2 * n], *arrays[2 * n : b], arrays[b:s], arrays[s:])


class Trace(NamedTuple):
    """What the forward pass leaves for the backward pass."""

    inputs: list  # of each layer; the last is the attention A
    gates: list  # derivative of the activation of each hidden layer
    normal: list  # batch norm of each layer: (standardized, 1 / sd, mean, variance)


class Outer(NamedTuple):
    """The gradient of a weight matrix, inputs' delta, which is only formed row by row."""

    inputs: object  # (n, in)
    delta: object  # (n, out)

    @property
    def shape(self):
        """Shape of the product."""
        return self.inputs.shape[1], self.delta.shape[1]

    def __getitem__(self, index):
        """Return the rows ``outer[rows, ...]`` of the product."""
        rows, _ = index
        return self.inputs[:, rows].T @ self.delta


def forward(network, Z, slope, xp, *, masks=(), share=None):
    """Return the `Trace` of the attention network F on Z (n, m).

    Parameters
    ----------
    slope : float
        Slope of the leaky ReLU below zero; 0 is ReLU. The sign of the pre-activation decides.
    masks : sequence of arrays (n, h_l), optional
        Dropout: factors of the hidden layers.
    share : array (n,), optional
        Weights of the samples, which sum to 1: the moments of batch norm are weighted by them.
    """
    trace = Trace([Z], [], [])
    last = len(network.weights) - 1
    for i, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        out = trace.inputs[-1] @ W
        out += b
        if i < last:
            trace.gates.append(slope + (1 - slope) * xp.astype(out > 0, out.dtype))
            out *= trace.gates[-1]
        if network.scales:
            mean = share @ out
            out = out - mean
            variance = share @ (out * out)
            precision = 1 / xp.sqrt(variance + EPSILON)
            out *= precision
            trace.normal.append((out, precision, mean, variance))
            out = network.scales[i] * out + network.shifts[i]
        if i < last and masks:
            out = out * masks[i]
        trace.inputs.append(out)
    return trace


def backward(network, trace, d_attention, xp, *, masks=(), share=None):
    """Return the gradient from that of A (n, m): a `Network` without task parameters.

    The gradients of the weights are `Outer` products.
    """
    gradient = Network([], [], None, None, [], [])
    delta = d_attention
    last = len(network.weights) - 1
    for i in range(last, -1, -1):
        if i < last and masks:
            delta = delta * masks[i]
        if network.scales:
            standardized, precision, _, _ = trace.normal[i]
            d_shift = xp.sum(delta, axis=0)
            d_scale = xp.sum(delta * standardized, axis=0)
            gradient.scales.insert(0, d_scale)
            gradient.shifts.insert(0, d_shift)
            mean = share[:, None] * (d_shift + standardized * d_scale)
            delta = network.scales[i] * precision * (delta - mean)
        if i < last:
            delta = delta * trace.gates[i]
        gradient.weights.insert(0, Outer(trace.inputs[i], delta))
        gradient.biases.insert(0, xp.sum(delta, axis=0))
        if i > 0:
            delta = delta @ network.weights[i].T
    return gradient


def input_gradient(network, trace, d_attention):
    """Return the gradient with respect to Z from that of A; no batch norm, no dropout."""
    delta = d_attention @ network.weights[-1].T
    for W, gate in zip(network.weights[-2::-1], trace.gates[::-1], strict=True):
        delta = (delta * gate) @ W.T
    return delta


def task_logit(network, A, Z):
    """Return the logits (n, d): K (A * Z) + B."""
    return (A * Z) @ network.task_coef.T + network.task_intercept


def sigmoid(logit, xp):
    """Return 1 / (1 + exp(-logit)) without overflow."""
    small = xp.exp(-xp.abs(logit))
    return xp.where(logit >= 0, 1 / (1 + small), small / (1 + small))


def softmax(logit, xp):
    """Return the probabilities of the classes (n, c)."""
    odds = xp.exp(logit - xp.max(logit, axis=1, keepdims=True))
    return odds / xp.sum(odds, axis=1, keepdims=True)


def binary_loss(logit, Y, xp):
    """Return the cross-entropy of each cell (n, d) and its derivative by the logit."""
    entropy = xp.clip(logit, min=0.0) - logit * Y + xp.log1p(xp.exp(-xp.abs(logit)))
    return entropy, sigmoid(logit, xp) - Y


def multiclass_loss(logit, Y, xp):
    """Return the cross-entropy of each sample (n, 1) and its derivative by the logits (n, c)."""
    logit = logit - xp.max(logit, axis=1, keepdims=True)
    log_total = xp.log(xp.sum(xp.exp(logit), axis=1, keepdims=True))
    return log_total - xp.sum(Y * logit, axis=1, keepdims=True), xp.exp(logit - log_total) - Y


def squared_loss(logit, Y, xp):
    """Return the squared error of each cell (n, d) and its derivative."""
    return (logit - Y) ** 2, 2 * (logit - Y)


LOSSES = {"binary": binary_loss, "multiclass": multiclass_loss, "squared": squared_loss}


def loss_and_gradient(network, Z, Y, cell_share, share, *, loss, slope, attention_alpha, masks, xp):
    """Return loss, gradient and trace on a batch.

    Parameters
    ----------
    Z : array (n, m)
        Standardized genotypes.
    Y : array (n, d)
        Targets, any number where not observed.
    cell_share : array (n, d) or (n, 1)
        Weight of each cell's loss, 0 where not observed.
    share : array (n,)
        Weight of each sample in mean |A - 1|, and in the moments of batch norm.
    """
    trace = forward(network, Z, slope, xp, masks=masks, share=share)
    K, A = network.task_coef, trace.inputs[-1]
    d_attention = xp.empty_like(A)
    d_coef, d_intercept = xp.zeros_like(K), xp.zeros_like(network.task_intercept)
    value = 0.0
    height = max(1, BLOCK // Z.shape[1])
    for start in range(0, Z.shape[0], height):
        rows = slice(start, min(start + height, Z.shape[0]))
        a, z = A[rows, :], Z[rows, :]
        gated = a * z
        cells, d_logit = LOSSES[loss](gated @ K.T + network.task_intercept, Y[rows, :], xp)
        value += float(xp.sum(cell_share[rows, :] * cells))
        d_logit = cell_share[rows, :] * d_logit
        d_coef += d_logit.T @ gated
        d_intercept += xp.sum(d_logit, axis=0)
        d_a = (d_logit @ K) * z
        if attention_alpha:
            per_cell = (attention_alpha / Z.shape[1]) * share[rows, None]
            excess = a - 1
            value += float(xp.sum(per_cell * xp.abs(excess)))
            d_a += per_cell * xp.sign(excess)
        d_attention[rows, :] = d_a
    gradient = backward(network, trace, d_attention, xp, masks=masks, share=share)
    return value, gradient._replace(task_coef=d_coef, task_intercept=d_intercept), trace


def fold(network, moments, mean, scale, y_mean, y_scale):
    """Return the network on raw dosages: no batch norm, no standardization.

    Attention and decision are those of `network` on ``(X - mean) / scale``, with batch norm at the
    running `moments` (pairs of mean and variance) and ``y = y_mean + y_scale * logit``: A = F(X),
    y = K (A * (X - mean)) + B.

    Batch norm follows the activation and is affine, so it belongs to the next layer's weights; the
    last one to those of the attention layer itself.
    """
    weights, biases = list(network.weights), list(network.biases)
    for i, (center, variance) in enumerate(moments):
        stretch = network.scales[i] / (variance + EPSILON) ** 0.5
        shift = network.shifts[i] - center * stretch
        if i + 1 < len(weights):
            biases[i + 1] = biases[i + 1] + shift @ weights[i + 1]
            weights[i + 1] = stretch[:, None] * weights[i + 1]
        else:
            weights[i] = weights[i] * stretch
            biases[i] = biases[i] * stretch + shift
    weights[0] = weights[0] / scale[:, None]
    biases[0] = biases[0] - mean @ weights[0]
    task_coef = y_scale[:, None] * network.task_coef / scale
    task_intercept = y_mean + y_scale * network.task_intercept
    return Network(weights, biases, task_coef, task_intercept, [], [])
