"""Training of the attention network: Adam on minibatches, or L-BFGS on all rows."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse, special

from skgenetics.neural_network._network import (
    ModelState,
    Moments,
    Network,
    Trace,
    copy_network,
    fold_batch_norm,
    forward,
    task_logit,
)
from skgenetics.neural_network._objective import (
    LOSSES,
    Batch,
    Objective,
    add_coef_penalty,
    loss_and_gradient,
)
from skgenetics.utils._arrays import (
    device_of,
    is_numpy,
    move_to,
    namespace_of,
    slices,
    to_numpy,
    working_size,
)
from skgenetics.utils._lbfgs import lbfgs
from skgenetics.utils._numba import kernel
from skgenetics.utils._opened import rows_in_memory, take
from skgenetics.utils._typing import Array

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # of Adam
MOMENTUM = 0.1  # share of the last batch in the running moments, if an epoch has 10 or more
UPDATE_SIZE = 2**20  # floats of a parameter that Adam updates at a time, to stay in the cache
COMPILED_SIZE = 2**18  # floats of a parameter above which a compiled update pays for compilation
SLOWER, N_SLOWER = 0.3, 3  # factor of the learning rate where the loss no longer falls; how often
CONVERTED_SIZE = 2**22  # floats of X that are converted at a time if all rows are read


class Samples(NamedTuple):
    """The rows of X to learn from, or to validate on."""

    rows: np.ndarray  # indices into the arrays below, on the host
    X: Array  # (n, m) of any real dtype, or CSR
    Y: Array  # (n, d), any number where not observed
    cell_weight: Array  # (n, d) or (n, 1), 0 where not observed
    weight: Array  # (n,)
    mean: Array  # (m,), subtracted from X
    scale: Array  # (m,), the divisor of X - mean

    def batch(self, rows: np.ndarray) -> Batch:
        """Return some rows, their dosages standardized."""
        [batch] = self.batches(rows, max(len(rows), 1))
        return batch

    def batches(self, rows: np.ndarray, size: int) -> Iterator[Batch]:
        """Yield `size` of the rows at a time, in their order."""
        xp = namespace_of(self.Y)
        for some, held, places in rows_in_memory(self.X, rows, size):
            Z = (dense_rows(held, places, self.Y.dtype) - self.mean) / self.scale
            index = xp.asarray(some, device=device_of(self.Y))
            arrays = (self.Y, self.cell_weight, self.weight)
            yield Batch(Z, *(xp.take(array, index, axis=0) for array in arrays))

    def chunks(self) -> Iterator[Batch]:
        """Yield all rows in their order, as many at a time as `rows_at_a_time` says."""
        yield from self.batches(self.rows, rows_at_a_time(self.X.shape[1]))


class AdamSettings(NamedTuple):
    """Parameters of the estimators that training by Adam reads."""

    learning_rate: float
    batch_size: int
    dropout: float
    tol: float
    n_iter_no_change: int
    margin: float  # standard errors by which a state must be better than the start


class Epoch(NamedTuple):
    """State of the training after an epoch; for L-BFGS, at the end."""

    state: ModelState
    loss_curve: list[float]
    validation_scores: list[float] | None  # None if no rows were held out
    converged: bool
    diverged: bool
    best_epoch: int = 0  # with validation rows, that of `state`; 0: the start
    stalled: bool = False  # whether no step lowers the loss any more


def dense_rows(X: Array, rows: np.ndarray | slice, dtype: object) -> Array:
    """Return some rows of X, dense and as `dtype`."""
    if sparse.issparse(X):
        return X[rows].toarray().astype(dtype, copy=False)
    chosen = X[rows, :] if isinstance(rows, slice) else take(X, rows, axis=0)
    return namespace_of(chosen).astype(chosen, dtype, copy=False)


def rows_at_a_time(width: int) -> int:
    """Return how many rows of `width` numbers are converted at a time if all rows are read."""
    return max(1, CONVERTED_SIZE // width)


class Adam:
    """Running sums of the gradient and of its square, and the step that they suggest."""

    def __init__(self, arrays: Sequence[Array], learning_rate: float) -> None:
        xp = namespace_of(*arrays)
        self.learning_rate, self.iteration = learning_rate, 0
        self.first = [xp.zeros_like(array) for array in arrays]  # over 1 - BETA_1
        self.second = [xp.zeros_like(array) for array in arrays]  # over 1 - BETA_2

    def copy(self) -> "Adam":
        """Return one with arrays of its own."""
        other = Adam(self.first, self.learning_rate)
        other.iteration = self.iteration
        other.first = [array + 0 for array in self.first]
        other.second = [array + 0 for array in self.second]
        return other

    def step(self, arrays: Sequence[Array], gradient: Sequence[Array]) -> None:
        """Move `arrays` in place against their gradient, block by block."""
        self.iteration += 1
        first_factor = (1 - BETA_1) / (1 - BETA_1**self.iteration)
        second_factor = math.sqrt((1 - BETA_2) / (1 - BETA_2**self.iteration))
        rate, epsilon = self.learning_rate * first_factor / second_factor, EPSILON / second_factor
        for array, slope, first, second in zip(
            arrays, gradient, self.first, self.second, strict=True
        ):
            size = math.prod(array.shape)
            height = working_size(UPDATE_SIZE, array) * array.shape[0] // max(1, size)
            compiled = size > COMPILED_SIZE and array.ndim == 2 and is_numpy(namespace_of(array))
            for rows in slices(array.shape[0], height):
                parts = [a[rows, ...] for a in (array, slope, first, second)]
                if compiled:
                    scalars = (BETA_1, BETA_2, rate, epsilon)
                    update_in_one_pass(*parts, *(array.dtype.type(value) for value in scalars))
                else:
                    update(*parts, rate=rate, epsilon=epsilon)


def update(
    parameter: Array, slope: Array, first: Array, second: Array, *, rate: float, epsilon: float
) -> None:
    """Apply Adam to a block, in place."""
    xp = namespace_of(parameter)
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


def dropout_masks(
    network: Network, n_rows: int, dropout: float, rng: np.random.Generator
) -> list[Array]:
    """Return the factors of the hidden layers, 0 or 1 / (1 - dropout); none without dropout."""
    if dropout == 0:
        return []
    like = network.task_coef
    xp, device = namespace_of(like), device_of(like)
    active = [
        rng.random((n_rows, b.shape[0]), dtype=np.float32) >= dropout for b in network.biases[:-1]
    ]
    return [move_to(units, xp, device, like.dtype) / (1 - dropout) for units in active]


def update_moments(moments: list[Moments], trace: Trace, momentum: float) -> list[Moments]:
    """Return the running moments of batch norm after a batch."""
    if not moments:
        return [Moments(batch.mean, batch.variance) for batch in trace.normalized]
    return [
        Moments(
            running.mean + momentum * (batch.mean - running.mean),
            running.variance + momentum * (batch.variance - running.variance),
        )
        for running, batch in zip(moments, trace.normalized, strict=True)
    ]


def adam_epoch(
    state: ModelState,
    samples: Samples,
    objective: Objective,
    optimizer: Adam,
    *,
    batch_size: int,
    dropout: float,
    rng: np.random.Generator,
) -> tuple[float, list[Moments]]:
    """Run Adam once over the rows; return the mean loss and the running moments.

    The network of `state` changes in place. The loss is infinite if the loss, a parameter or a
    squared gradient is no longer finite.
    """
    network, moments = state
    xp = namespace_of(network.task_coef)
    order = rng.permutation(samples.rows)
    momentum = max(MOMENTUM, batch_size / len(order))
    value = mass = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for batch in samples.batches(order, batch_size):
            total = float(xp.sum(batch.weight))
            if total == 0:
                continue
            masks = dropout_masks(network, batch.Z.shape[0], dropout, rng)
            loss, gradient, trace = loss_and_gradient(
                network, batch.divided(total), objective, masks=masks
            )
            loss = add_coef_penalty(loss, gradient, network.task_coef, objective.coef_alpha)
            optimizer.step(network.arrays(), gradient.arrays())
            value, mass = value + loss * total, mass + total
            moments = update_moments(moments, trace, momentum)
        size = value + sum(float(xp.sum(array)) for array in network.arrays())
        size += sum(float(xp.max(array)) for array in optimizer.second)
    return (value / mass if math.isfinite(size) else math.inf), moments


def row_losses(state: ModelState, samples: Samples, objective: Objective) -> np.ndarray:
    """Return the loss of each row over the mean weight (n,), on the host, without penalties."""
    network = fold_batch_norm(state)
    xp = namespace_of(network.task_coef)
    values, mass = [], 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for batch in samples.chunks():
            A = forward(network, batch.Z, objective.slope).attention
            cells, _ = LOSSES[objective.loss](task_logit(network, A, batch.Z), batch.Y)
            values.append(to_numpy(xp.sum(batch.cell_weight * cells, axis=1)))
            mass += float(xp.sum(batch.weight))
    return np.concatenate(values).astype(np.float64) * (len(samples.rows) / mass)


def train_adam(
    state: ModelState,
    training: Samples,
    validation: Samples | None,
    objective: Objective,
    settings: AdamSettings,
    rng: np.random.Generator,
) -> Iterator[Epoch]:
    """Yield an `Epoch` after each pass over the rows; `state` does not change.

    Training has converged if the loss (of the validation rows, if there are any) has not fallen
    by `tol` for `n_iter_no_change` epochs. A loss or parameter that is not finite ends it.

    With validation rows the epoch has the best state so far. The start is a candidate: another
    state replaces it if its loss is smaller by more than `margin` standard errors of the
    difference, or by what is as improbable where few rows decide (`n_deciding`). Where the loss no
    longer falls, training goes on from the best state with the learning rate times SLOWER, until it
    has been lowered N_SLOWER times.

    Without validation rows the epoch has the last state; of a training that diverged, the state at
    the start of the epoch of smallest loss, since at its end it may have been lost already.
    """
    network, moments = copy_network(state.network), state.moments
    optimizer = Adam(network.arrays(), settings.learning_rate)
    losses: list[float] = []
    smallest, n_idle, n_slower, best_epoch = math.inf, 0, 0, 0
    current = best = finite = ModelState(copy_network(network), moments)
    scores: list[float] | None = None
    if validation is not None:
        scores, start = [], row_losses(state, validation, objective)
        n_rows = n_deciding(validation, objective.loss)
        smallest = float(np.mean(start)) if settings.margin >= 0 else math.inf
    while True:
        loss, moments = adam_epoch(
            ModelState(network, moments),
            training,
            objective,
            optimizer,
            batch_size=settings.batch_size,
            dropout=settings.dropout,
            rng=rng,
        )
        criterion = loss
        if validation is not None and loss < math.inf:
            rows = row_losses(ModelState(network, moments), validation, objective)
            criterion = float(np.mean(rows))
        if not math.isfinite(criterion):
            yield Epoch(finite, losses, scores, converged=True, diverged=True)
            return
        losses.append(loss)
        n_idle = 0 if criterion < smallest - settings.tol else n_idle + 1
        if scores is None:
            finite = current if loss == min(losses) else finite  # the start of this epoch
            current = ModelState(copy_network(network), moments)
        else:
            scores.append(-criterion)
            if criterion < smallest:
                best = ModelState(copy_network(network), moments)
                if beyond_chance(start - rows, n_rows, settings.margin):
                    current = finite = best
                    best_epoch = len(losses)
        smallest = min(smallest, criterion)
        converged = n_idle >= settings.n_iter_no_change
        if converged and scores is not None and n_slower < N_SLOWER:
            network, moments = copy_network(best.network), best.moments
            n_slower, n_idle, converged = n_slower + 1, 0, False
            optimizer = Adam(network.arrays(), settings.learning_rate * SLOWER**n_slower)
        yield Epoch(current, losses, scores, converged, diverged=False, best_epoch=best_epoch)
        if converged:
            return


def n_deciding(samples: Samples, loss: str) -> int:
    """Return how many rows a comparison of losses rests on: of labels, as many as are rare.

    A single case beside a hundred controls says little, whatever the standard error over rows: it
    is counted once, and so are the rarer of two labels in each task, up to the number of rows.
    """
    Y, cells = (to_numpy(array)[samples.rows] for array in (samples.Y, samples.cell_weight))
    if loss == "squared":
        return len(Y)
    observed = np.broadcast_to(cells > 0, Y.shape)
    n_ones = np.sum(observed & (Y > 0), axis=0)
    return min(int(np.minimum(n_ones, observed.sum(axis=0) - n_ones).sum()), len(Y))


def beyond_chance(gain: np.ndarray, n_rows: int, margin: float) -> bool:
    """Whether the mean of gains (n,) is larger than `margin` of its standard errors.

    If it rests on few rows, it must be as improbable as that by Student's t.
    """
    if margin <= 0:
        return margin < 0 or bool(gain.mean() > 0)
    if n_rows < 2:
        return False
    limit = special.stdtrit(n_rows - 1, special.ndtr(margin))
    return bool(gain.mean() > limit * gain.std(ddof=1) / math.sqrt(len(gain)))


class FlatNetwork:
    """The parameters of a network as one vector in double precision on the host, and back."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.ends = np.cumsum([math.prod(array.shape) for array in network.arrays()])[:-1]

    def pack(self, network: Network) -> np.ndarray:
        """Return the parameters of a network, or of a gradient, as a vector."""
        return np.concatenate(
            [np.ravel(to_numpy(array)).astype(np.float64) for array in network.arrays()]
        )

    def unpack(self, vector: np.ndarray) -> Network:
        """Return the network of a vector, in the namespace, device and dtype of the first."""
        like = self.network.task_coef
        xp, device = namespace_of(like), device_of(like)
        parts = zip(np.split(vector, self.ends), self.network.arrays(), strict=True)
        return self.network.replace_arrays(
            [move_to(part.reshape(a.shape), xp, device, like.dtype) for part, a in parts]
        )


def full_gradient(
    network: Network, samples: Samples, objective: Objective
) -> tuple[float, Network]:
    """Return the objective on all rows and its gradient, chunk by chunk of rows."""
    total = float(namespace_of(samples.weight).sum(samples.weight))
    value = 0.0
    summed: list[Array] = []
    for rows in samples.chunks():
        batch = rows.divided(total)
        loss, gradient, _ = loss_and_gradient(network, batch, objective)
        value += loss
        arrays = [array[:, ...] for array in gradient.arrays()]
        summed = [a + b for a, b in zip(summed, arrays, strict=True)] if summed else arrays
    gradient = network.replace_arrays(summed)
    value = add_coef_penalty(value, gradient, network.task_coef, objective.coef_alpha)
    return value, gradient


def train_lbfgs(
    network: Network, samples: Samples, objective: Objective, *, tol: float
) -> Iterator[Epoch]:
    """Yield an `Epoch` after each iteration of L-BFGS on all rows.

    It has converged where no derivative is larger than `tol` in size.
    """
    flat = FlatNetwork(network)
    losses: list[float] = []

    def value_and_gradient(vector: np.ndarray) -> tuple[float, np.ndarray, None]:
        value, gradient = full_gradient(flat.unpack(vector), samples, objective)
        return (value if math.isfinite(value) else math.inf), flat.pack(gradient), None

    start = flat.pack(network)
    with np.errstate(over="ignore", invalid="ignore"):
        if not math.isfinite(value_and_gradient(start)[0]):
            yield Epoch(ModelState(network, []), losses, None, True, diverged=True)
            return
        for iterate in lbfgs(value_and_gradient, start, gradient_tol=tol):
            losses.append(iterate.value)
            state = ModelState(flat.unpack(iterate.x), [])
            yield Epoch(
                state, losses, None, iterate.converged, diverged=False, stalled=iterate.stalled
            )
