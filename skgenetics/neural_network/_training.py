"""Training of the attention network: Adam on minibatches, or L-BFGS on all rows."""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy import optimize, sparse

from skgenetics.neural_network._network import (
    LOSSES,
    Network,
    fold,
    forward,
    loss_and_gradient,
    task_logit,
)
from skgenetics.utils._arrays import is_numpy, move_to, to_numpy
from skgenetics.utils._numba import kernel

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # of Adam
MOMENTUM = 0.1  # share of the last batch in the running moments, where an epoch has 10 or more
BLOCK = 2**20  # floats of a parameter that Adam updates at a time, so that they stay in the cache
ONE_PASS = 2**18  # floats of a parameter above which a compiled update is worth its compilation
RAREST = 1e-4  # share of a label that the first intercept stands for
CHUNK = 2**22  # floats of X that are converted at a time where all rows are read


class Data(NamedTuple):
    """The rows of X to learn from, or to validate on."""

    rows: object  # indices on the host
    X: object  # (n, m) of any real dtype, or CSR
    Y: object  # (n, d), any number where not observed
    cell_weight: object  # (n, d) or (n, 1), 0 where not observed
    weight: object  # (n,)
    mean: object  # (m,) what is subtracted from X, and
    scale: object  # (m,) what it is divided by then

    def take(self, rows, xp):
        """Return standardized genotypes and the other arrays of some rows."""
        Z = (dense_rows(self.X, rows, xp, self.Y.dtype) - self.mean) / self.scale
        rows = xp.asarray(rows, device=self.Y.device)
        others = (self.Y, self.cell_weight, self.weight)
        return Z, *(xp.take(array, rows, axis=0) for array in others)


class Objective(NamedTuple):
    """What is minimized: mean loss + coef_alpha |K|^2 + attention_alpha mean |A - 1|."""

    loss: str  # a key of LOSSES
    slope: float
    coef_alpha: float
    attention_alpha: float

    def value_and_gradient(self, network, batch, total, xp, masks=()):
        """Return value, gradient and trace on a batch, whose losses are divided by `total`.

        Without the penalty of K, which belongs to no row.
        """
        Z, Y, cell_weight, weight = batch
        return loss_and_gradient(
            network,
            Z,
            Y,
            cell_weight / total,
            weight / total,
            loss=self.loss,
            slope=self.slope,
            attention_alpha=self.attention_alpha,
            masks=masks,
            xp=xp,
        )

    def add_penalty(self, value, gradient, K, xp):
        """Return `value` with the penalty of K, and add its gradient in place."""
        gradient.task_coef[...] += 2 * self.coef_alpha * K
        return value + self.coef_alpha * float(xp.sum(K * K))


class Epoch(NamedTuple):
    """State of the training after an epoch."""

    network: Network
    moments: list  # running moments of batch norm: (mean, variance) of each layer
    loss_curve: list
    validation_scores: list
    converged: bool
    diverged: bool


def dense_rows(X, rows, xp, dtype):
    """Return some rows of X, dense and as `dtype`: a slice, or indices on the host."""
    if sparse.issparse(X):
        return X[rows].toarray().astype(dtype, copy=False)
    if isinstance(rows, slice):
        return xp.astype(X[rows, :], dtype, copy=False)
    return xp.astype(xp.take(X, xp.asarray(rows, device=X.device), axis=0), dtype, copy=False)


def chunks(rows, width):
    """Yield pieces of `rows` that have at most CHUNK numbers, of `width` numbers a row."""
    size = max(1, CHUNK // width)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def start_network(sizes, n_features, n_tasks, batch_norm, rng):
    """Return random NumPy parameters: He-normal layers, attention about 1, K ~ N(0, 1/m)."""
    widths = [n_features, *sizes, n_features]
    weights = [rng.normal(scale=math.sqrt(2 / a), size=(a, b)) for a, b in pairwise(widths[:-1])]
    weights.append(rng.normal(scale=math.sqrt(1 / widths[-2]), size=widths[-2:]))
    biases = [np.zeros(width) for width in widths[1:]]
    scales = [np.ones(width) for width in widths[1:]] if batch_norm else []
    shifts = [np.zeros(width) for width in widths[1:]] if batch_norm else []
    (shifts if batch_norm else biases)[-1][:] = 1.0
    task_coef = rng.normal(scale=math.sqrt(1 / n_features), size=(n_tasks, n_features))
    return Network(weights, biases, task_coef, np.zeros(n_tasks), scales, shifts)


def start_intercept(loss, Y, cell_weight, xp):
    """Return the intercept (d,) that predicts the mean target: log odds, or log probabilities."""
    mass = xp.sum(cell_weight, axis=0)
    mean = xp.sum(cell_weight * Y, axis=0) / xp.where(mass > 0, mass, 1.0)
    if loss == "squared":
        return mean
    mean = xp.clip(mean, min=RAREST, max=1 - RAREST)
    return xp.log(mean / (1 - mean)) if loss == "binary" else xp.log(mean)


def constant_loss(loss, Y, cell_weight, weight, xp):
    """Return the mean loss where every sample's prediction is the mean target."""
    logit = start_intercept(loss, Y, cell_weight, xp) + 0 * Y
    return float(xp.sum(cell_weight * LOSSES[loss](logit, Y, xp)[0])) / float(xp.sum(weight))


def copy_network(network, xp, dtype=None):
    """Return a copy of a network, perhaps in another dtype."""
    return network.replace_arrays(
        [xp.astype(array, dtype or array.dtype, copy=True) for array in network.arrays()]
    )


class Adam:
    """Running sums of the gradient and of its square, and the step they suggest."""

    def __init__(self, arrays, rate, xp):
        self.rate, self.iteration = rate, 0
        self.first = [xp.zeros_like(array) for array in arrays]  # over 1 - BETA_1
        self.second = [xp.zeros_like(array) for array in arrays]  # over 1 - BETA_2

    def step(self, arrays, slopes, xp):
        """Move `arrays` in place against their gradient, block by block."""
        self.iteration += 1
        first_factor = (1 - BETA_1) / (1 - BETA_1**self.iteration)
        second_factor = math.sqrt((1 - BETA_2) / (1 - BETA_2**self.iteration))
        constants = self.rate * first_factor / second_factor, EPSILON / second_factor
        for array, slope, first, second in zip(
            arrays, slopes, self.first, self.second, strict=True
        ):
            size = math.prod(array.shape)
            height = max(1, BLOCK * array.shape[0] // max(1, size))
            one_pass = size > ONE_PASS and array.ndim == 2 and is_numpy(xp)
            for start in range(0, array.shape[0], height):
                rows = slice(start, min(start + height, array.shape[0]))
                parts = (a[rows, ...] for a in (array, slope, first, second))
                if one_pass:
                    scalars = (BETA_1, BETA_2, *constants)
                    update_in_one_pass(*parts, *(array.dtype.type(value) for value in scalars))
                else:
                    update(*parts, *constants, xp)


def update(parameter, slope, first, second, rate, epsilon, xp):
    """Apply Adam to a block, in place."""
    first *= BETA_1
    first += slope
    second *= BETA_2
    second += slope * slope
    change = xp.sqrt(second)
    change += epsilon
    change = first / change
    change *= rate
    parameter -= change


@kernel
def update_in_one_pass(parameter, slope, first, second, beta_1, beta_2, rate, epsilon):
    """Apply Adam to a block (rows, columns) of NumPy arrays, reading each number once."""
    for i in range(parameter.shape[0]):
        for j in range(parameter.shape[1]):
            first[i, j] = beta_1 * first[i, j] + slope[i, j]
            second[i, j] = beta_2 * second[i, j] + slope[i, j] * slope[i, j]
            # np.divide, since the operator asks for zero each time, which no vector unit can
            change = np.divide(first[i, j], np.sqrt(second[i, j]) + epsilon)
            parameter[i, j] -= change * rate


def dropout_masks(network, n_rows, dropout, rng, xp):
    """Return the factors of the hidden layers: 0, or 1 / (1 - dropout)."""
    if dropout == 0:
        return ()
    keep = [
        rng.random((n_rows, b.shape[0]), dtype=np.float32) >= dropout for b in network.biases[:-1]
    ]
    like = network.task_coef
    return [move_to(k, xp, like.device, like.dtype) / (1 - dropout) for k in keep]


def follow(moments, normal, momentum):
    """Return the running moments of batch norm after a batch of moments `normal`."""
    if not moments:
        return [(mean, variance) for _, _, mean, variance in normal]
    return [
        (old + momentum * (mean - old), spread + momentum * (variance - spread))
        for (old, spread), (_, _, mean, variance) in zip(moments, normal, strict=True)
    ]


def adam_epoch(network, moments, data, objective, optimizer, *, batch_size, dropout, rng, xp):
    """Run Adam once over the rows, in place; return the mean loss and the running moments.

    The loss is infinite where it, a parameter or a squared gradient is no longer finite.
    """
    order = rng.permutation(data.rows)
    momentum = max(MOMENTUM, batch_size / len(order))
    value = mass = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(order), batch_size):
            batch = data.take(order[start : start + batch_size], xp)
            total = float(xp.sum(batch[-1]))
            if total == 0:
                continue
            masks = dropout_masks(network, batch[0].shape[0], dropout, rng, xp)
            loss, gradient, trace = objective.value_and_gradient(network, batch, total, xp, masks)
            loss = objective.add_penalty(loss, gradient, network.task_coef, xp)
            optimizer.step(network.arrays(), gradient.arrays(), xp)
            value, mass = value + loss * total, mass + total
            moments = follow(moments, trace.normal, momentum)
        size = value + sum(float(xp.sum(array)) for array in network.arrays())
        size += sum(float(xp.max(array)) for array in optimizer.second)
    return (value / mass if math.isfinite(size) else math.inf), moments


def data_loss(network, moments, data, objective, xp):
    """Return the mean loss of the rows, without penalties and dropout."""
    like = network.task_intercept
    folded = fold(network, moments, 0 * data.mean, 0 * data.scale + 1, 0 * like, 0 * like + 1)
    value = mass = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in chunks(data.rows, data.X.shape[1]):
            Z, Y, cell_weight, weight = data.take(rows, xp)
            A = forward(folded, Z, objective.slope, xp).inputs[-1]
            cells, _ = LOSSES[objective.loss](task_logit(folded, A, Z), Y, xp)
            value += float(xp.sum(cell_weight * cells))
            mass += float(xp.sum(weight))
    return value / mass


def train_adam(
    network,
    moments,
    data,
    validation,
    objective,
    *,
    learning_rate,
    batch_size,
    dropout,
    tol,
    n_iter_no_change,
    rng,
    xp,
):
    """Yield an `Epoch` after each pass over the rows; `network` is left as it was.

    Converged where the loss (of the validation rows, where there are any) has not fallen by `tol`
    for `n_iter_no_change` epochs. With validation rows the network yielded is the best so far.
    A loss or parameter that is not finite ends the training: with that network, or the one at the
    start of the epoch of the smallest loss, as at its end it may have been lost already.
    """
    network = copy_network(network, xp)
    optimizer = Adam(network.arrays(), learning_rate, xp)
    losses, scores, best, quiet = [], [], math.inf, 0
    sound = kept = copy_network(network, xp), moments
    while True:
        loss, moments = adam_epoch(
            network,
            moments,
            data,
            objective,
            optimizer,
            batch_size=batch_size,
            dropout=dropout,
            rng=rng,
            xp=xp,
        )
        criterion = loss
        if validation is not None and loss < math.inf:
            criterion = data_loss(network, moments, validation, objective, xp)
        if not math.isfinite(criterion):
            yield Epoch(*sound, losses, scores, converged=True, diverged=True)
            return
        if validation is not None:
            scores.append(-criterion)
        losses.append(loss)
        quiet = 0 if criterion < best - tol else quiet + 1
        if validation is None:
            sound = kept if loss == min(losses) else sound  # what this epoch began with
            kept = copy_network(network, xp), moments
        elif criterion < best:
            sound = kept = copy_network(network, xp), moments
        best = min(best, criterion)
        converged = quiet >= n_iter_no_change
        yield Epoch(*kept, losses, scores, converged, diverged=False)
        if converged:
            return


def train_lbfgs(network, data, objective, *, max_iter, tol, xp):
    """Return the `Epoch` of L-BFGS on all rows; its loss curve has an entry an iteration."""
    like, arrays = network.task_coef, network.arrays()
    ends = np.cumsum([math.prod(array.shape) for array in arrays])[:-1]
    total = float(xp.sum(data.weight))

    def unpack(flat):
        parts = zip(np.split(flat, ends), arrays, strict=True)
        return network.replace_arrays(
            [move_to(p.reshape(a.shape), xp, like.device, like.dtype) for p, a in parts]
        )

    def pack(network):
        return np.concatenate(
            [np.ravel(to_numpy(array)).astype(np.float64) for array in network.arrays()]
        )

    def value_and_gradient(flat):
        current, value, slopes = unpack(flat), 0.0, None
        for rows in chunks(data.rows, data.X.shape[1]):
            batch = data.take(rows, xp)
            part, gradient, _ = objective.value_and_gradient(current, batch, total, xp)
            value += part
            parts = [array[:, ...] for array in gradient.arrays()]
            slopes = parts if slopes is None else [a + b for a, b in zip(slopes, parts)]
        slopes = network.replace_arrays(slopes)
        return objective.add_penalty(value, slopes, current.task_coef, xp), pack(slopes)

    losses = []
    start = pack(network)
    with np.errstate(over="ignore", invalid="ignore"):
        result = optimize.minimize(
            value_and_gradient,
            start,
            jac=True,
            method="L-BFGS-B",
            callback=lambda intermediate_result: losses.append(float(intermediate_result.fun)),
            options={"maxiter": max_iter, "maxfun": 20 * max_iter, "gtol": tol},
        )
    diverged = not (math.isfinite(result.fun) and np.all(np.isfinite(result.x)))
    solution = unpack(start if diverged else result.x)
    return Epoch(solution, [], losses, [], bool(result.success), diverged)
