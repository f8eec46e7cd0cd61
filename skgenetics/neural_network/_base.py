"""What the two estimators share: parameters, validation, and the order of training."""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import Tags, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.metaestimators import available_if

from skgenetics.neural_network._importances import NetworkImportances
from skgenetics.neural_network._network import ModelState, Scales, copy_network, fold
from skgenetics.neural_network._objective import Objective, constant_loss, mean_logit
from skgenetics.neural_network._start import column_scales, start_network
from skgenetics.neural_network._targets import Targets
from skgenetics.neural_network._training import (
    Adam,
    AdamSettings,
    Epoch,
    Samples,
    adam_epoch,
    data_loss,
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
N_SAMPLE = 1000  # training rows kept for feature_importances_
BATCH_SIZE = 200  # rows of a minibatch for batch_size="auto"


class LINABase(CallbackSupportMixin, NetworkImportances):
    """Parameters, validation and training; a subclass encodes y and reads the logits."""

    _constraints: ClassVar[Constraints] = {
        "hidden_layer_sizes": [
            Integer(low=1),
            Instance(Sequence, np.ndarray, noun="a sequence of integers"),
        ],
        "activation": [Option("leaky_relu", "relu")],
        "negative_slope": [Number(low=0, high=1, closed="left")],
        "standardize": [Flag()],
        "coef_alpha": [Number(low=0, closed="left")],
        "attention_alpha": [Number(low=0, closed="left")],
        "dropout": [Number(low=0, high=1, closed="left")],
        "batch_norm": [Flag()],
        "solver": [Option("adam", "lbfgs")],
        "learning_rate_init": [Number(low=0)],
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
        X : {array-like, CSR matrix} of shape (n_samples, n_variants)
            Dosages of the counted allele, 0 to 2, or other features, without missing values.
            Integer genotypes are converted a minibatch at a time.
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
        rows, held_out = self._split(y, weight)
        rng = self._generator()
        if not resume:
            self._start(X, targets, weight, rows, rng)
        training = self._samples(rows, X, targets, weight)
        if self.solver == "lbfgs":
            epoch = self._train_lbfgs(training)
        else:
            validation = None if held_out is None else training._replace(rows=held_out)
            epochs = self._adam_epochs(training, validation, rng)
            epoch, _ = run_solver(
                self, epochs, max_iter=self.max_iter, X=given, y=y, attributes=self._attributes
            )
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
        targets = self._encode(y, weight, new=not resume, classes=classes, partial=True)
        rows, rng = np.arange(X.shape[0]), self._generator()
        if not resume:
            self._start(X, targets, weight, rows, rng)
        network = copy_network(self._state.network)
        if self._optimizer is None:
            optimizer = Adam(network.arrays(), self.learning_rate_init)
        else:
            optimizer = self._optimizer.copy()
        optimizer.learning_rate = self.learning_rate_init
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
                f"this call are kept. Lower learning_rate_init, now {self.learning_rate_init:g}."
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

    def _strata(self, y: Array) -> np.ndarray | None:
        """Return the labels of which training and validation rows have the same shares."""
        raise NotImplementedError

    def _start(
        self,
        X: Array,
        targets: Targets,
        weight: Array,
        rows: np.ndarray,
        rng: np.random.Generator,
    ) -> None:
        """Draw a network; take scales and the first intercept from the training rows."""
        (n, m), dtype = X.shape, weight.dtype
        xp, device = namespace_of(weight), device_of(weight)
        trained = np.zeros(n)
        trained[rows] = 1.0
        trained = move_to(trained, xp, device, dtype)
        network = start_network(self._hidden_sizes(), m, targets.Y.shape[1], self.batch_norm, rng)
        arrays = [move_to(array, xp, device, dtype) for array in network.arrays()]
        intercept = mean_logit(self._loss, targets.Y, trained[:, None] * targets.cell_weight)
        network = network.replace_arrays(arrays)._replace(task_intercept=intercept)
        self._state = ModelState(network, [])
        mean, scale = np.zeros(m), np.ones(m)
        if self.standardize:
            share = xp.astype(trained * weight, xp.float64)
            mean, scale = column_scales(X, share / xp.sum(share))
        mean, scale = (move_to(array, xp, device, dtype) for array in (mean, scale))
        self._scales = Scales(mean, scale, targets.mean, targets.scale)

    def _samples(self, rows: np.ndarray, X: Array, targets: Targets, weight: Array) -> Samples:
        """Return rows of X as training reads them."""
        scales = self._scales
        return Samples(rows, X, targets.Y, targets.cell_weight, weight, scales.mean, scales.scale)

    def _train_lbfgs(self, training: Samples) -> Epoch:
        """Return the end of L-BFGS, with a warning if it did not converge."""
        epoch = train_lbfgs(
            self._state.network, training, self._objective(), max_iter=self.max_iter, tol=self.tol
        )
        if not epoch.converged:
            warnings.warn(
                f"L-BFGS did not converge in {len(epoch.loss_curve)} iterations. Increase "
                "max_iter, or tol.",
                ConvergenceWarning,
                stacklevel=4,
            )
        return epoch

    def _adam_epochs(
        self, training: Samples, validation: Samples | None, rng: np.random.Generator
    ) -> Iterator[Epoch]:
        """Return the epochs of Adam, one after the other."""
        settings = AdamSettings(
            learning_rate=self.learning_rate_init,
            batch_size=self._batch_size(len(training.rows)),
            dropout=self.dropout,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
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
            "task_coef_": folded.task_coef,
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
        if epoch.diverged:
            raise FitKept(
                "The training diverged: a loss or parameter is not finite after "
                f"{self.n_iter_} epochs. The parameters before that are kept. Lower "
                f"learning_rate_init, now {self.learning_rate_init:g}, or scale X and y."
            )
        constant = constant_loss(self._loss, training.Y, training.cell_weight, training.weight)
        limit = DIVERGED * max(1.0, constant)
        if not epoch.loss_curve or epoch.loss_curve[-1] <= limit:
            return
        loss = data_loss(epoch.state, training, self._objective())  # without penalties
        if not loss <= limit:
            warnings.warn(
                f"The loss after {self.n_iter_} epochs is {loss:.3g}, more than {DIVERGED} times "
                "the loss of predicting the mean: the training diverges. Lower "
                f"learning_rate_init, now {self.learning_rate_init:g}, or scale X and y.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _split(self, y: Array, weight: Array) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the rows to train on and those to validate on (or None), on the host."""
        rows = np.arange(y.shape[0])
        if not self.early_stopping:
            return rows, None
        training, validation = train_test_split(
            rows,
            test_size=self.validation_fraction,
            random_state=check_random_state(self.random_state),
            stratify=self._strata(y),
        )
        for part, name in ((training, "training"), (validation, "validation")):
            if not to_numpy(weight)[part].any():
                raise ValueError(f"Every sample_weight of the {name} rows is zero.")
        return np.sort(training), np.sort(validation)

    def _keep_sample(self, X: Array, rows: np.ndarray, rng: np.random.Generator) -> None:
        """Keep some training rows, for feature_importances_."""
        if len(rows) > N_SAMPLE:
            rows = np.sort(rng.choice(rows, size=N_SAMPLE, replace=False))
        if sparse.issparse(X):
            self._sample = X[rows]
        else:
            xp = namespace_of(X)
            self._sample = xp.take(X, xp.asarray(rows, device=device_of(X)), axis=0)
        self._importances = None

    def _objective(self) -> Objective:
        """Return what the training minimizes."""
        return Objective(self._loss, self._slope(), self.coef_alpha, self.attention_alpha)

    def _generator(self) -> np.random.Generator:
        """Return a generator of random numbers that follows random_state."""
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        return np.random.default_rng(seed)

    def _batch_size(self, n_samples: int) -> int:
        """Return the rows of a minibatch."""
        return min(BATCH_SIZE if self.batch_size == "auto" else self.batch_size, n_samples)

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
            if fitted != sizes or bool(network.scales) != bool(self.batch_norm):
                raise ValueError(
                    "With warm_start=True the network stays the same: it has hidden layers of "
                    f"{fitted} and batch_norm={bool(network.scales)}; got {sizes} and "
                    f"{self.batch_norm}."
                )
        if self.solver == "lbfgs":
            for name in ("dropout", "batch_norm", "early_stopping"):
                if getattr(self, name):
                    raise ValueError(f"{name} needs solver='adam'; got solver='lbfgs'.")

    def _validate(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, *, reset: bool
    ) -> tuple[Array, Array, Array]:
        """Return X, y (as it came), and weights (n,) of the namespace and dtype of training."""
        X, xp, device = as_genotypes(self, X, reset=reset, allow_nan=True, accept_sparse="csr")
        y = as_target(self, y, allow_nan=True, dtype=None)
        self._check_nan(X)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        if reset:
            dtype = training_dtype(X.dtype, xp)
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
