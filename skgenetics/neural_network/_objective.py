"""What training minimizes, and its gradient.

mean loss of the observed labels + coef_alpha |K|^2 + attention_alpha mean |A - 1|.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from skgenetics.neural_network._network import Network, Trace, backward, forward
from skgenetics.utils._arrays import namespace_of, slices, working_size
from skgenetics.utils._typing import Array

ATTENTION_SIZE = 2**17  # floats of the attention worked on at a time, to stay in the cache
RAREST = 1e-4  # smallest share of a label that an intercept stands for


class Objective(NamedTuple):
    """The loss, and the strengths of the penalties."""

    loss: str  # a key of LOSSES
    slope: float  # of the leaky ReLU below zero
    coef_alpha: float
    attention_alpha: float


class Batch(NamedTuple):
    """Samples and the weights of their losses."""

    Z: Array  # standardized dosages (n, m)
    Y: Array  # targets (n, d), any number where not observed
    cell_weight: Array  # (n, d), or (n, 1) for all of a row; 0 where not observed
    weight: Array  # (n,), of the rows in mean |A - 1| and in the moments of batch norm

    def divided(self, total: float) -> "Batch":
        """Return the batch with weights divided by `total`."""
        return self._replace(cell_weight=self.cell_weight / total, weight=self.weight / total)


class LossGradient(NamedTuple):
    """The objective of a batch, its gradient, and the forward pass they come from."""

    value: float
    gradient: Network
    trace: Trace


class TaskGradient(NamedTuple):
    """The objective as a function of A, K, L and B, and its derivatives."""

    value: float
    attention: Array  # (n, m)
    coef: Array  # (d, m)
    linear: Array  # (d, m)
    intercept: Array  # (d,)


def sigmoid(logit: Array) -> Array:
    """Return 1 / (1 + exp(-logit)) without overflow."""
    xp = namespace_of(logit)
    small = xp.exp(-xp.abs(logit))
    return xp.where(logit >= 0, 1 / (1 + small), small / (1 + small))


def softmax(logit: Array) -> Array:
    """Return the probabilities of the classes (n, c)."""
    xp = namespace_of(logit)
    odds = xp.exp(logit - xp.max(logit, axis=1, keepdims=True))
    return odds / xp.sum(odds, axis=1, keepdims=True)


def log_sigmoid(logit: Array) -> Array:
    """Return the logarithm of the sigmoid, finite wherever the logit is."""
    xp = namespace_of(logit)
    return xp.clip(logit, max=0.0) - xp.log1p(xp.exp(-xp.abs(logit)))


def log_softmax(logit: Array) -> Array:
    """Return the logarithms of the probabilities of the classes (n, c)."""
    xp = namespace_of(logit)
    logit = logit - xp.max(logit, axis=1, keepdims=True)
    return logit - xp.log(xp.sum(xp.exp(logit), axis=1, keepdims=True))


def binary_loss(logit: Array, Y: Array) -> tuple[Array, Array]:
    """Return the cross-entropy of each cell (n, d) and its derivative by the logit."""
    xp = namespace_of(logit)
    entropy = xp.clip(logit, min=0.0) - logit * Y + xp.log1p(xp.exp(-xp.abs(logit)))
    return entropy, sigmoid(logit) - Y


def multiclass_loss(logit: Array, Y: Array) -> tuple[Array, Array]:
    """Return the cross-entropy of each sample (n, 1) and its derivative by the logits (n, c)."""
    xp = namespace_of(logit)
    logit = logit - xp.max(logit, axis=1, keepdims=True)
    log_total = xp.log(xp.sum(xp.exp(logit), axis=1, keepdims=True))
    return log_total - xp.sum(Y * logit, axis=1, keepdims=True), xp.exp(logit - log_total) - Y


def squared_loss(logit: Array, Y: Array) -> tuple[Array, Array]:
    """Return the squared error of each cell (n, d) and its derivative."""
    return (logit - Y) ** 2, 2 * (logit - Y)


LOSSES: dict[str, Callable[[Array, Array], tuple[Array, Array]]] = {
    "binary": binary_loss,
    "multiclass": multiclass_loss,
    "squared": squared_loss,
}


def mean_logit(loss: str, Y: Array, cell_weight: Array) -> Array:
    """Return the logit (d,) that predicts the mean target: log odds, or log probabilities."""
    xp = namespace_of(Y)
    mass = xp.sum(cell_weight, axis=0)
    mean = xp.sum(cell_weight * Y, axis=0) / xp.where(mass > 0, mass, 1.0)
    if loss == "squared":
        return mean
    mean = xp.clip(mean, min=RAREST, max=1 - RAREST)
    return xp.log(mean / (1 - mean)) if loss == "binary" else xp.log(mean)


def constant_loss(loss: str, Y: Array, cell_weight: Array, weight: Array) -> float:
    """Return the mean loss of predicting the mean target for every sample."""
    xp = namespace_of(Y)
    logit = mean_logit(loss, Y, cell_weight) + 0 * Y
    return float(xp.sum(cell_weight * LOSSES[loss](logit, Y)[0])) / float(xp.sum(weight))


def loss_and_gradient(
    network: Network, batch: Batch, objective: Objective, *, masks: Sequence[Array] = ()
) -> LossGradient:
    """Return the sum of weighted losses and attention penalties of a batch, and its gradient.

    The penalty of K belongs to no sample: `add_coef_penalty`.
    """
    trace = forward(network, batch.Z, objective.slope, masks=masks, share=batch.weight)
    task = task_gradient(network, trace.attention, batch, objective)
    gradient = backward(network, trace, task.attention, masks=masks, share=batch.weight)
    gradient = gradient._replace(
        task_coef=task.coef, linear_coef=task.linear, task_intercept=task.intercept
    )
    return LossGradient(task.value, gradient, trace)


def task_gradient(
    network: Network, attention: Array, batch: Batch, objective: Objective
) -> TaskGradient:
    """Return the objective as a function of A, K, L and B, block by block of samples.

    With e the derivative of the loss by the logits, those by A are (e K) o Z + attention_alpha
    sign(A - 1) / m, those by K are e' (A o Z), and those by L are e' Z.
    """
    xp = namespace_of(attention)
    K, m = network.task_coef, attention.shape[1]
    d_attention = xp.empty_like(attention)
    d_coef, d_linear, d_intercept = (xp.zeros_like(a) for a in (K, K, network.task_intercept))
    value = 0.0
    for rows in slices(attention.shape[0], working_size(ATTENTION_SIZE, attention) // m):
        A, Z, cell_weight = attention[rows, :], batch.Z[rows, :], batch.cell_weight[rows, :]
        gated = A * Z
        logit = gated @ K.T + Z @ network.linear_coef.T + network.task_intercept
        cells, d_logit = LOSSES[objective.loss](logit, batch.Y[rows, :])
        value += float(xp.sum(cell_weight * cells))
        d_logit = cell_weight * d_logit
        d_coef += d_logit.T @ gated
        d_linear += d_logit.T @ Z
        d_intercept += xp.sum(d_logit, axis=0)
        d_A = (d_logit @ K) * Z
        if objective.attention_alpha:
            per_cell = (objective.attention_alpha / m) * batch.weight[rows, None]
            excess = A - 1
            value += float(xp.sum(per_cell * xp.abs(excess)))
            d_A += per_cell * xp.sign(excess)
        d_attention[rows, :] = d_A
    return TaskGradient(value, d_attention, d_coef, d_linear, d_intercept)


def add_coef_penalty(value: float, gradient: Network, K: Array, coef_alpha: float) -> float:
    """Return `value` + coef_alpha |K|^2, and add its derivative to `gradient` in place."""
    xp = namespace_of(K)
    gradient.task_coef[...] += 2 * coef_alpha * K
    return value + coef_alpha * float(xp.sum(K * K))
