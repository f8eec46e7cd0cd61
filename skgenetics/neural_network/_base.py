"""What the two estimators share: parameters, validation, training and the folded network."""

import warnings

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from skgenetics.neural_network._network import Network, fold, forward, task_logit
from skgenetics.neural_network._targets import column_moments
from skgenetics.neural_network._training import (
    Adam,
    Data,
    Epoch,
    Objective,
    adam_epoch,
    chunks,
    constant_loss,
    copy_network,
    data_loss,
    dense_rows,
    start_intercept,
    start_network,
    train_adam,
    train_lbfgs,
)
from skgenetics.utils._arrays import (
    check_same_namespace,
    get_namespace_and_device,
    move_to,
    to_numpy,
)
from skgenetics.utils._callbacks import run_solver
from skgenetics.utils._parameters import check_number, check_option
from skgenetics.utils._validation import check_flags, check_missing_codes, validate_sample_weight

NOT_NEGATIVE = {"low": 0, "closed": "left"}
COUNT = {"integer": True, "low": 1, "closed": "left"}
LIMITS = {
    "negative_slope": {"low": 0, "high": 1, "closed": "left"},
    "coef_alpha": NOT_NEGATIVE,
    "attention_alpha": NOT_NEGATIVE,
    "dropout": {"low": 0, "high": 1, "closed": "left"},
    "learning_rate_init": {"low": 0, "closed": "neither"},
    "max_iter": COUNT,
    "validation_fraction": {"low": 0, "high": 1, "closed": "neither"},
    "n_iter_no_change": COUNT,
    "tol": NOT_NEGATIVE,
}
WORSE = 10  # times the loss of a constant, or 1: no matter of chance or of too few epochs
N_SAMPLE = 1000  # training rows kept for feature_importances_


class LINABase(CallbackSupportMixin, BaseEstimator):
    """Parameters, validation and training; a subclass encodes y and reads the logits."""

    @with_callbacks
    def fit(self, X, y, sample_weight=None):
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
        resume = self.warm_start and hasattr(self, "_raw")
        X, y, weight, xp, device, dtype = self._validate(X, y, sample_weight, reset=not resume)
        Y, cell_weight, scaling = self._encode(y, weight, xp, device, dtype, new=not resume)
        training, validation = self._split(y, weight)
        rng = self._generator()
        if not resume:
            self._start(X, Y, cell_weight, weight, training, scaling, rng, xp, device)
        rows = {"X": X, "Y": Y, "cell_weight": cell_weight, "weight": weight, **self._scales}
        data = Data(training, **rows)
        if self.solver == "lbfgs":
            settings = {"max_iter": self.max_iter, "tol": self.tol}
            epoch = train_lbfgs(self._raw, data, self._objective(), **settings, xp=xp)
            if not epoch.converged:
                warnings.warn(
                    f"L-BFGS did not converge in {len(epoch.loss_curve)} iterations. Increase "
                    "max_iter, or tol.",
                    ConvergenceWarning,
                    stacklevel=3,
                )
        else:
            epochs = train_adam(
                self._raw,
                self._moments,
                data,
                None if validation is None else Data(validation, **rows),
                self._objective(),
                learning_rate=self.learning_rate_init,
                batch_size=self._batch_size(len(training)),
                dropout=self.dropout,
                tol=self.tol,
                n_iter_no_change=self.n_iter_no_change,
                rng=rng,
                xp=xp,
            )
            epoch, _ = run_solver(
                self, epochs, max_iter=self.max_iter, X=X, y=y, attributes=self._attributes
            )
        vars(self).update(self._attributes(epoch))
        vars(self).pop("_optimizer", None)
        self._keep_sample(X, training, rng, xp, device)
        if epoch.diverged:
            raise ValueError(
                "The training diverged: a loss or parameter is not finite after "
                f"{self.n_iter_} epochs. The parameters before that are kept. Lower "
                f"learning_rate_init, now {self.learning_rate_init:g}, or scale X and y."
            )
        limit = WORSE * max(1.0, constant_loss(self._loss, Y, cell_weight, weight, xp))
        if epoch.loss_curve and epoch.loss_curve[-1] > limit:
            loss = data_loss(epoch.network, epoch.moments, data, self._objective(), xp)
            if not loss <= limit:
                warnings.warn(
                    f"The loss after {self.n_iter_} epochs is {loss:.3g}, more than {WORSE} times "
                    "that of predicting the mean: the training diverges. Lower "
                    f"learning_rate_init, now {self.learning_rate_init:g}, or scale X and y.",
                    ConvergenceWarning,
                    stacklevel=3,
                )
        return self

    def _partial_fit(self, X, y, sample_weight, classes=None):
        """Run one epoch of Adam from where the last call ended."""
        self._check_parameters()
        resume = hasattr(self, "_raw")
        X, y, weight, xp, device, dtype = self._validate(X, y, sample_weight, reset=not resume)
        encoding = {"new": not resume, "classes": classes, "partial": True}
        Y, cell_weight, scaling = self._encode(y, weight, xp, device, dtype, **encoding)
        rows, rng = np.arange(X.shape[0]), self._generator()
        if not resume:
            self._start(X, Y, cell_weight, weight, rows, scaling, rng, xp, device)
        network = copy_network(self._raw, xp)
        optimizer = vars(self).pop("_optimizer", None)
        if optimizer is None:
            optimizer = Adam(network.arrays(), self.learning_rate_init, xp)
        optimizer.rate = self.learning_rate_init
        loss, moments = adam_epoch(
            network,
            self._moments,
            Data(rows, X, Y, cell_weight, weight, **self._scales),
            self._objective(),
            optimizer,
            batch_size=self._batch_size(X.shape[0]),
            dropout=self.dropout,
            rng=rng,
            xp=xp,
        )
        if loss == np.inf:
            raise ValueError(
                "The training diverged: a loss or parameter is not finite. The parameters before "
                f"this call are kept. Lower learning_rate_init, now {self.learning_rate_init:g}."
            )
        self._optimizer = optimizer
        losses = [*getattr(self, "loss_curve_", []), loss]
        epoch = Epoch(network, moments, losses, [], converged=False, diverged=False)
        vars(self).update(self._attributes(epoch))
        self._keep_sample(X, rows, rng, xp, device)
        return self

    def attention(self, X):
        """Return the attention of each variant in each sample.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_variants)

        Returns
        -------
        attention : array of shape (n_samples, n_variants)
            A of logit = K (A * (X - center_)) + B: with one task, ``task_coef_ * attention(X)`` are
            the coefficients of the linear model that holds for the sample.
        """
        X, xp = self._validate_X(X, "attention")
        network = self._network()
        return xp.concat(
            [forward(network, x, self._slope(), xp).inputs[-1] for x in self._blocks(X, xp)], axis=0
        )

    def _logits(self, X, method):
        """Return the logits (n, d), on the scale of y for regression."""
        X, xp = self._validate_X(X, method)
        network = self._network()
        parts = []
        for block in self._blocks(X, xp):
            A = forward(network, block, self._slope(), xp).inputs[-1]
            parts.append(task_logit(network, A, block - self.center_))
        return xp.concat(parts, axis=0), xp

    def _blocks(self, X, xp, n_copies=1):
        """Yield dense blocks of rows of X, floating; `n_copies` of one stay small beside X."""
        for rows in chunks(np.arange(X.shape[0]), n_copies * X.shape[1]):
            yield dense_rows(X, slice(rows[0], rows[-1] + 1), xp, self.task_coef_.dtype)

    def _network(self):
        """Return the fitted network on raw dosages."""
        weights = [*self.coefs_, self.attention_coef_]
        biases = [*self.intercepts_, self.attention_intercept_]
        return Network(weights, biases, self.task_coef_, self.task_intercept_, [], [])

    def _attributes(self, epoch):
        """Return the fitted attributes of an epoch."""
        scales = {**self._scales, **self._target_scales}
        folded = fold(epoch.network, epoch.moments, **scales)
        return {
            "coefs_": folded.weights[:-1],
            "intercepts_": folded.biases[:-1],
            "attention_coef_": folded.weights[-1],
            "attention_intercept_": folded.biases[-1],
            "task_coef_": folded.task_coef,
            "task_intercept_": folded.task_intercept,
            "center_": self._scales["mean"],
            "loss_curve_": epoch.loss_curve,
            "validation_scores_": epoch.validation_scores,
            "n_iter_": len(epoch.loss_curve),
            "converged_": epoch.converged and not epoch.diverged,
            "best_loss_": min(epoch.loss_curve, default=float("inf")),
            "_raw": epoch.network,
            "_moments": epoch.moments,
        }

    def _start(self, X, Y, cell_weight, weight, rows, scaling, rng, xp, device):
        """Draw a network; take scales and the first intercept from the training rows."""
        (n, m), dtype = X.shape, Y.dtype
        trained = np.zeros(n)
        trained[rows] = 1.0
        trained = xp.asarray(trained, dtype=dtype, device=device)
        network = start_network(self._hidden_sizes(), m, Y.shape[1], self.batch_norm, rng)
        arrays = [xp.asarray(array, dtype=dtype, device=device) for array in network.arrays()]
        intercept = start_intercept(self._loss, Y, trained[:, None] * cell_weight, xp)
        self._raw = network.replace_arrays(arrays)._replace(task_intercept=intercept)
        self._moments = []
        mean, scale = np.zeros(m), np.ones(m)
        if self.standardize:
            share = xp.astype(trained * weight, xp.float64)
            mean, scale = column_moments(X, share / xp.sum(share), xp)
        self._scales = {
            "mean": move_to(mean, xp, device, dtype),
            "scale": move_to(scale, xp, device, dtype),
        }
        y_mean, y_scale = (move_to(array, xp, device, dtype) for array in scaling)
        self._target_scales = {"y_mean": y_mean, "y_scale": y_scale}

    def _split(self, y, weight):
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

    def _keep_sample(self, X, rows, rng, xp, device):
        """Keep some training rows, for feature_importances_."""
        if len(rows) > N_SAMPLE:
            rows = np.sort(rng.choice(rows, size=N_SAMPLE, replace=False))
        dense = not sparse.issparse(X)
        self._sample = xp.take(X, xp.asarray(rows, device=device), axis=0) if dense else X[rows]
        self._importances = None

    def _objective(self):
        """Return what the training minimizes."""
        return Objective(self._loss, self._slope(), self.coef_alpha, self.attention_alpha)

    def _slope(self):
        """Return the slope of the activation below zero."""
        return float(self.negative_slope) if self.activation == "leaky_relu" else 0.0

    def _generator(self):
        """Return a generator of random numbers that follows random_state."""
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        return np.random.default_rng(seed)

    def _batch_size(self, n_samples):
        """Return the rows of a minibatch."""
        return min(200 if self.batch_size == "auto" else self.batch_size, n_samples)

    def _hidden_sizes(self):
        """Return the widths of the hidden layers, validated."""
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if not sizes:
            raise ValueError("hidden_layer_sizes must hold one width at least; got none.")
        for size in sizes:
            check_number(size, "hidden_layer_sizes", **COUNT)
        return [int(size) for size in sizes]

    def _check_parameters(self):
        """Raise where a parameter is not what the docstring says."""
        check_flags(self)
        check_option(self.activation, "activation", ("leaky_relu", "relu"))
        check_option(self.solver, "solver", ("adam", "lbfgs"))
        for name, limits in LIMITS.items():
            check_number(getattr(self, name), name, **limits)
        if self.batch_size != "auto":
            check_number(self.batch_size, "batch_size", **COUNT)
        sizes = self._hidden_sizes()
        if hasattr(self, "_raw") and self.warm_start:
            fitted = [int(bias.shape[0]) for bias in self._raw.biases[:-1]]
            if fitted != sizes or bool(self._raw.scales) != bool(self.batch_norm):
                raise ValueError(
                    "With warm_start=True the network stays the same: it has hidden layers of "
                    f"{fitted} and batch_norm={bool(self._raw.scales)}; got {sizes} and "
                    f"{self.batch_norm}."
                )
        if self.solver == "lbfgs":
            for name in ("dropout", "batch_norm", "early_stopping"):
                if getattr(self, name):
                    raise ValueError(f"{name} needs solver='adam'; got solver='lbfgs'.")

    def _validate(self, X, y, sample_weight, *, reset):
        """Return X, y (as it came), weights (n,), the namespace, its device and the dtype."""
        xp, device = get_namespace_and_device(X)
        y_params = {"ensure_2d": False, "dtype": None, "ensure_all_finite": "allow-nan"}
        X, y = validate_data(
            self,
            X,
            y,
            reset=reset,
            validate_separately=(
                {"accept_sparse": "csr", "ensure_all_finite": "allow-nan"},
                y_params,
            ),
        )
        self._check_genotypes(X, xp)
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
        return X, y, weight, xp, device, dtype

    def _validate_X(self, X, method):
        """Return X for a method called after fit, and its namespace."""
        check_is_fitted(self, "task_coef_")
        check_same_namespace(self, X, attribute="task_coef_", method=method)
        xp, _ = get_namespace_and_device(X)
        X = validate_data(self, X, reset=False, accept_sparse="csr", ensure_all_finite="allow-nan")
        self._check_genotypes(X, xp)
        return X, xp

    def _check_genotypes(self, X, xp):
        """Raise ValueError where X holds missing calls."""
        values = X.data if sparse.issparse(X) else X
        check_missing_codes(values, xp)
        if xp.isdtype(values.dtype, "real floating") and bool(xp.any(xp.isnan(values))):
            raise ValueError(
                f"X contains NaN, which {type(self).__name__} does not accept. Put "
                "skgenetics.preprocessing.GenotypeImputer before this step."
            )

    def __sklearn_tags__(self):
        """Declare CSR and array API support."""
        tags = super().__sklearn_tags__()
        tags.array_api_support = True
        tags.input_tags.sparse = True
        return tags


def training_dtype(dtype, xp):
    """Return X's own floating dtype; single for integers of 16 bits at most, which it holds."""
    if xp.isdtype(dtype, "real floating"):
        return dtype
    short = xp.isdtype(dtype, "bool") or xp.iinfo(dtype).bits <= 16
    return xp.float32 if short else xp.float64


def uses_adam(estimator):
    """Whether the estimator can be trained a batch at a time."""
    return estimator.solver == "adam"


only_adam = available_if(uses_adam)
