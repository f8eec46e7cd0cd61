"""What the two estimators share: parameters, validation, and the order of training."""

import copy
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.metaestimators import available_if

from skgenetics.neural_network._importances import NetworkImportances
from skgenetics.neural_network._known_start import fit_known, known_start
from skgenetics.neural_network._linear_problem import Known, Problem
from skgenetics.neural_network._network import ModelState, Network, Scales, copy_network, fold
from skgenetics.neural_network._objective import Objective, constant_loss, mean_logit
from skgenetics.neural_network._start import (
    calibrated,
    column_scales,
    start_network,
    with_known,
)
from skgenetics.neural_network._targets import Targets, nothing_observed, split_rows
from skgenetics.neural_network._training import (
    Adam,
    AdamSettings,
    Epoch,
    Samples,
    adam_epoch,
    row_losses,
    train_adam,
    train_lbfgs,
)
from skgenetics.utils._arrays import (
    check_same_namespace,
    device_of,
    move_to,
    namespace_of,
    to_numpy,
)
from skgenetics.utils._callbacks import run_solver
from skgenetics.utils._fitting import FitKept, all_or_nothing
from skgenetics.utils._opened import take
from skgenetics.utils._parameters import (
    Constraints,
    Flag,
    Instance,
    Integer,
    Number,
    Option,
    Seed,
    check_number,
    check_parameters,
)
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import as_genotypes, as_target, validate_sample_weight

DIVERGED = 10  # times the loss of a constant, or 1: too large for chance or too few epochs
N_MOMENTS = 5000  # rows whose moments batch norm starts from
N_SAMPLE = 1000  # training rows kept for feature_importances_
BATCH_SIZE = 200  # rows of a minibatch for batch_size="auto"
BEYOND_CHANCE = 3  # standard errors by which the best of some dozens of epochs must beat the start
LEARNING_RATE = 1e-2  # of Adam for learning_rate_init="auto"
SUM_OF_STEPS = 2.0  # largest sum of the variants' steps without held-out rows, likewise, and
STEPS_PER_ROW = 1 / 2000  # for each row, from a start by what is known


class LINABase(CallbackSupportMixin, NetworkImportances):
    """Parameters, validation and training; a subclass encodes y and reads the logits."""

    _constraints: ClassVar[Constraints] = {
        "hidden_layer_sizes": [
            Integer(low=1),
            Instance(Sequence, np.ndarray, noun="a sequence of integers"),
        ],
        "activation": [Option("leaky_relu", "relu")],
        "negative_slope": [Number(low=0, high=1, closed="left")],
        "start": [Option("auto", "linear", "mean", "random")],
        "standardize": [Flag()],
        "coef_alpha": [Number(low=0, closed="left")],
        "attention_alpha": [Number(low=0, closed="left")],
        "dropout": [Number(low=0, high=1, closed="left")],
        "batch_norm": [Option("auto"), Flag()],
        "solver": [Option("adam", "lbfgs")],
        "learning_rate_init": [Option("auto"), Number(low=0)],
        "batch_size": [Option("auto"), Integer(low=1)],
        "max_iter": [Integer(low=1)],
        "early_stopping": [Flag()],
        "validation_fraction": [Number(low=0, high=1)],
        "n_iter_no_change": [Integer(low=1)],
        "tol": [Number(low=0, closed="left")],
        "warm_start": [Flag()],
        "random_state": [Seed()],
    }

    _state: ModelState  # on standardized dosages, from which training goes on
    _scales: Scales
    _optimizer: Adam | None = None  # of partial_fit
    _rng: np.random.Generator  # of minibatches and dropout, which go on
    _loss: str  # what y asks for, a key of LOSSES
    loss_curve_: list[float]
    validation_scores_: list[float]
    n_iter_: int

    @all_or_nothing
    @with_callbacks
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : {array-like, CSR matrix, Genotypes} of shape (n_samples, n_variants)
            Dosages of the counted allele, 0 to 2, or other features, without missing values.
            Integer genotypes are converted a minibatch at a time. Opened genotypes
            (:func:`skgenetics.io.read_genotypes`) stay on disk, and may miss calls, which count
            as the mean.
        y : array-like of shape (n_samples,) or (n_samples, n_tasks)
            Targets. With two dimensions NaN marks what was not observed.
        sample_weight : array-like of shape (n_samples,), optional
            Frequencies of the samples.

        Returns
        -------
        self : object
        """
        self._check_parameters()
        resume = self.warm_start and hasattr(self, "_state")
        given = X
        X, y, weight = self._validate(X, y, sample_weight, reset=not resume)
        targets = self._encode(y, weight, new=not resume)
        rng = self._rng = self._generator(resume)
        rows, held_out = self._split(targets, weight, rng)
        if not resume:
            self._scale(X, targets, weight)
        training = self._samples(rows, X, targets, weight)
        validation = None if held_out is None else training._replace(rows=held_out)
        with_pairs = None if resume else self._start(training, validation, rng)
        margin = 0.0 if resume else -np.inf if self.start == "random" else BEYOND_CHANCE
        epochs = self._epochs(training, validation, margin, rng)
        epoch, _ = run_solver(
            self, epochs, max_iter=self.max_iter, X=given, y=y, attributes=self._attributes
        )
        if with_pairs is not None and held_out is not None and not epoch.best_epoch:
            every = training._replace(rows=np.arange(X.shape[0]))
            model = fit_known(Problem(every, self._loss), with_pairs * self._n_pairs())
            epoch = epoch._replace(state=self._network_of(model, every, rng))
        self._store(epoch)
        self._optimizer = None
        self._keep_sample(X, rows, rng)
        self._check_divergence(epoch, training)
        return self

    @all_or_nothing
    def _partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Run one epoch of Adam from where the last call ended."""
        self._check_parameters()
        resume = hasattr(self, "_state")
        X, y, weight = self._validate(X, y, sample_weight, reset=not resume)
        if resume and self._loss != "multiclass" and nothing_observed(y):
            return self
        targets = self._encode(y, weight, new=not resume, classes=classes, partial=True)
        rng = self._rng = self._generator(resume)
        rows = np.arange(X.shape[0])
        if not resume:
            self._scale(X, targets, weight)
            self._state = self._untrained(self._samples(rows, X, targets, weight), rng)
        network = copy_network(self._state.network)
        rate = self._learning_rate(X.shape[1], SUM_OF_STEPS)
        if self._optimizer is None:
            optimizer = Adam(network.arrays(), rate)
        else:
            optimizer = self._optimizer.copy()
        optimizer.learning_rate = rate
        loss, moments = adam_epoch(
            ModelState(network, self._state.moments),
            self._samples(rows, X, targets, weight),
            self._objective(),
            optimizer,
            batch_size=self._batch_size(X.shape[0]),
            dropout=self.dropout,
            rng=rng,
        )
        if loss == np.inf:
            raise ValueError(
                "The training diverged: a loss or parameter is not finite. The parameters before "
                f"this call are kept. Lower learning_rate_init, now {rate:g}."
            )
        self._optimizer = optimizer
        losses = [*getattr(self, "loss_curve_", []), loss]
        self._store(Epoch(ModelState(network, moments), losses, None, False, False))
        self._keep_sample(X, rows, rng)
        return self

    def _encode(
        self,
        y: Array,
        weight: Array,
        *,
        new: bool,
        classes: ArrayLike | None = None,
        partial: bool = False,
    ) -> Targets:
        """Return the targets of y, and set `_loss`.

        `new` is True unless the network goes on from an earlier call; `partial` says that other
        rows will follow; `classes` are the labels that may come.
        """
        raise NotImplementedError

    def _scale(self, X: Array, targets: Targets, weight: Array) -> None:
        """Set the scales of the dosages and of y."""
        m, dtype = X.shape[1], weight.dtype
        xp, device = namespace_of(weight), device_of(weight)
        mean, scale = np.zeros(m), np.ones(m)
        if self.standardize:
            share = xp.astype(weight, xp.float64)
            mean, scale = column_scales(X, share / xp.sum(share))
        mean, scale = (move_to(array, xp, device, dtype) for array in (mean, scale))
        self._scales = Scales(mean, scale, targets.mean, targets.scale)

    def _start(
        self, training: Samples, validation: Samples | None, rng: np.random.Generator
    ) -> bool | None:
        """Set the first parameters; return whether a start by what is known may hold pairs."""
        if self.start in ("mean", "random"):
            self._state = self._untrained(training, rng)
            return None
        known, with_pairs = known_start(training, validation, self._loss, self._n_pairs())
        self._state = self._network_of(known, training, rng)
        return with_pairs

    def _needs_double(self, y: Array) -> bool:
        """Whether single precision would lose digits of y."""
        raise NotImplementedError

    def _n_pairs(self) -> int:
        """Return how many pairs the start may hold: each takes two units of a layer at most."""
        scanned = self.start == "auto" and self.standardize
        return min(self._hidden_sizes()) // 2 if scanned else 0

    def _learning_rate(self, n_variants: int, sum_of_steps: float) -> float:
        """Return the learning rate of Adam; "auto" heeds the variants."""
        if self.learning_rate_init == "auto":
            return min(LEARNING_RATE, sum_of_steps / n_variants)
        return self.learning_rate_init

    def _rate_of_fit(self, training: Samples, *, held_out: bool) -> float:
        """Return the learning rate of Adam in `fit`."""
        m, n = training.X.shape[1], float(to_numpy(training.weight)[training.rows].sum())
        known = self.start in ("auto", "linear")
        most = min(SUM_OF_STEPS, n * STEPS_PER_ROW) if known else SUM_OF_STEPS
        return self._learning_rate(m, np.inf if held_out else most)

    def _network_of(self, known: Known, samples: Samples, rng: np.random.Generator) -> ModelState:
        """Return the network of a linear model with products."""
        drawn = self._drawn(samples, rng, random_coef=False)
        if drawn.scales:  # batch norm: A is about 1 by its bias, which batch norm shall not move
            drawn.biases[-1][:], drawn.shifts[-1][:] = 1.0, 0.0
        network = self._moved(with_known(drawn, known, self._slope()), samples)
        batch = samples.batch(samples.rows[:N_MOMENTS])
        share = batch.weight / namespace_of(batch.weight).sum(batch.weight)
        return calibrated(network, batch.Z, share, self._slope())

    def _untrained(self, samples: Samples, rng: np.random.Generator) -> ModelState:
        """Return a network that predicts the mean, or with start="random" a random one."""
        network = self._drawn(samples, rng, random_coef=self.start == "random")
        xp = namespace_of(samples.Y)
        index = xp.asarray(samples.rows, device=device_of(samples.Y))
        Y, cells = (xp.take(array, index, axis=0) for array in (samples.Y, samples.cell_weight))
        intercept = mean_logit(self._loss, Y, cells)
        return ModelState(self._moved(network, samples)._replace(task_intercept=intercept), [])

    def _drawn(self, samples: Samples, rng: np.random.Generator, *, random_coef: bool) -> Network:
        """Return a random network on the host."""
        shape = (self._hidden_sizes(), samples.X.shape[1], samples.Y.shape[1])
        return start_network(*shape, self._has_batch_norm(), rng, random_coef=random_coef)

    def _moved(self, network: Network, samples: Samples) -> Network:
        """Return a network where the samples are."""
        xp, device, dtype = namespace_of(samples.Y), device_of(samples.Y), samples.Y.dtype
        return network.replace_arrays(
            [move_to(array, xp, device, dtype) for array in network.arrays()]
        )

    def _samples(self, rows: np.ndarray, X: Array, targets: Targets, weight: Array) -> Samples:
        """Return rows of X as training reads them."""
        scales = self._scales
        return Samples(rows, X, targets.Y, targets.cell_weight, weight, scales.mean, scales.scale)

    def _epochs(
        self, training: Samples, validation: Samples | None, margin: float, rng: np.random.Generator
    ) -> Iterator[Epoch]:
        """Return the epochs of Adam, or the iterations of L-BFGS, one after the other."""
        if self.solver == "lbfgs":
            return train_lbfgs(self._state.network, training, self._objective(), tol=self.tol)
        settings = AdamSettings(
            learning_rate=self._rate_of_fit(training, held_out=validation is not None),
            batch_size=self._batch_size(len(training.rows)),
            dropout=self.dropout,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            margin=margin,
        )
        return train_adam(self._state, training, validation, self._objective(), settings, rng)

    def _store(self, epoch: Epoch) -> None:
        """Set the fitted attributes."""
        if hasattr(self, "validation_scores_"):
            del self.validation_scores_
        for name, value in self._attributes(epoch).items():
            setattr(self, name, value)

    def _attributes(self, epoch: Epoch) -> dict[str, Any]:
        """Return the fitted attributes of an epoch."""
        folded = fold(epoch.state, self._scales)
        attributes = {
            "coefs_": folded.weights[:-1],
            "intercepts_": folded.biases[:-1],
            "attention_coef_": folded.weights[-1],
            "attention_intercept_": folded.biases[-1],
            "task_coef_": folded.task_coef + 0.0,  # never -0.0
            "linear_coef_": folded.linear_coef,
            "task_intercept_": folded.task_intercept,
            "center_": self._scales.mean,
            "loss_curve_": epoch.loss_curve,
            "n_iter_": len(epoch.loss_curve),
            "converged_": epoch.converged and not epoch.diverged,
            "best_loss_": min(epoch.loss_curve, default=float("inf")),
            "_state": epoch.state,
        }
        if epoch.validation_scores is not None:
            attributes["validation_scores_"] = epoch.validation_scores
        return attributes

    def _check_divergence(self, epoch: Epoch, training: Samples) -> None:
        """Raise, or warn, if the training has diverged."""
        rate = self._rate_of_fit(training, held_out=epoch.validation_scores is not None)
        if epoch.diverged:
            raise FitKept(
                "The training diverged: a loss or parameter is not finite after "
                f"{self.n_iter_} epochs. The parameters before that are kept. Lower "
                f"learning_rate_init, now {rate:g}, or scale X and y."
            )
        constant = constant_loss(self._loss, training.Y, training.cell_weight, training.weight)
        limit = DIVERGED * max(1.0, constant)
        if not epoch.loss_curve or epoch.loss_curve[-1] <= limit:
            return
        loss = float(np.mean(row_losses(epoch.state, training, self._objective())))
        if not loss <= limit:
            warnings.warn(
                f"The loss after {self.n_iter_} epochs is {loss:.3g}, more than {DIVERGED} times "
                "the loss of predicting the mean: the training diverges. Lower "
                f"learning_rate_init, now {rate:g}, or scale X and y.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _split(
        self, targets: Targets, weight: Array, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the rows to train on and those to validate on (or None), on the host."""
        if not (self.early_stopping and self.solver == "adam"):
            return np.arange(weight.shape[0]), None
        return split_rows(
            targets, to_numpy(weight), self.validation_fraction, rng, self._loss != "squared"
        )

    def _keep_sample(self, X: Array, rows: np.ndarray, rng: np.random.Generator) -> None:
        """Keep some training rows, for feature_importances_."""
        if len(rows) > N_SAMPLE:
            rows = np.sort(rng.choice(rows, size=N_SAMPLE, replace=False))
        if sparse.issparse(X):
            self._sample = X[rows]
        else:
            self._sample = take(X, rows, axis=0)
        self._importances = None

    def _objective(self) -> Objective:
        """Return what the training minimizes."""
        return Objective(self._loss, self._slope(), self.coef_alpha, self.attention_alpha)

    def _generator(self, resume: bool) -> np.random.Generator:
        """Return a generator that follows random_state, or goes on from an earlier call."""
        if resume:
            return copy.deepcopy(self._rng)
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        return np.random.default_rng(seed)

    def _batch_size(self, n_samples: int) -> int:
        """Return the rows of a minibatch."""
        return min(BATCH_SIZE if self.batch_size == "auto" else self.batch_size, n_samples)

    def _has_batch_norm(self) -> bool:
        """Whether the network has batch norm."""
        return self.solver == "adam" if self.batch_norm == "auto" else bool(self.batch_norm)

    def _hidden_sizes(self) -> list[int]:
        """Return the widths of the hidden layers, validated."""
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if not sizes:
            raise ValueError("hidden_layer_sizes must hold one width at least; got none.")
        for size in sizes:
            check_number(size, "hidden_layer_sizes", integer=True, low=1, closed="left")
        return [int(size) for size in sizes]

    def _check_parameters(self) -> None:
        """Raise if a parameter is not what the docstring says, or does not go with another."""
        check_parameters(self)
        sizes = self._hidden_sizes()
        if self.warm_start and hasattr(self, "_state"):
            network = self._state.network
            fitted = [int(bias.shape[0]) for bias in network.biases[:-1]]
            if fitted != sizes or bool(network.scales) != self._has_batch_norm():
                raise ValueError(
                    "With warm_start=True the network stays the same: it has hidden layers of "
                    f"{fitted} and batch_norm={bool(network.scales)}; got {sizes} and "
                    f"{self.batch_norm}."
                )
        if self.solver == "lbfgs":
            for name in ("dropout", "batch_norm"):
                if getattr(self, name) not in (0, "auto"):
                    raise ValueError(f"{name} needs solver='adam'; got solver='lbfgs'.")

    def _validate(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, *, reset: bool
    ) -> tuple[Array, Array, Array]:
        """Return X, y (as it came), and weights (n,) of the namespace and dtype of training."""
        X, xp, device = as_genotypes(
            self, X, reset=reset, allow_nan=True, accept_sparse="csr", opened=True
        )
        y = as_target(self, y, allow_nan=True, dtype=None)
        self._check_nan(X)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        if reset:
            dtype = training_dtype(X.dtype, xp)
            if self._needs_double(y):
                dtype = xp.float64
        else:
            check_same_namespace(self, X, attribute="task_coef_", method="fit")
            dtype = self.task_coef_.dtype
        weight = validate_sample_weight(sample_weight, X.shape[0], xp, device, dtype)
        if weight is None:
            weight = xp.ones(X.shape[0], dtype=dtype, device=device)
        return X, y, weight

    def __sklearn_tags__(self) -> Tags:
        """Declare CSR and array API support."""
        tags = super().__sklearn_tags__()
        tags.array_api_support = True
        tags.input_tags.sparse = True
        return tags


def training_dtype(dtype: Any, xp: Any) -> Any:
    """Return X's own floating dtype; single for integers of 16 bits at most, which it holds."""
    if xp.isdtype(dtype, "real floating"):
        return dtype
    short = xp.isdtype(dtype, "bool") or xp.iinfo(dtype).bits <= 16
    return xp.float32 if short else xp.float64


def uses_adam(estimator: LINABase) -> bool:
    """Whether the estimator can be trained a batch at a time."""
    return estimator.solver == "adam"


only_adam = available_if(uses_adam)
