"""The LINAClassifier and LINARegressor estimators."""

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets

from skgenetics.metrics import masked_accuracy_score, masked_r2_score
from skgenetics.neural_network._base import LINABase, only_adam
from skgenetics.neural_network._importance import ImportanceMixin
from skgenetics.neural_network._network import sigmoid, softmax
from skgenetics.neural_network._targets import (
    check_class_weight,
    check_multilabel,
    class_weights,
    label_codes,
    unless_constant,
    warn_unobserved,
)
from skgenetics.utils._array_api import move_to, to_numpy


class LINAClassifier(ImportanceMixin, ClassifierMixin, LINABase):
    """Interpretable network for one or many diseases."""

    def __init__(
        self,
        hidden_layer_sizes=(100, 50),
        *,
        activation="leaky_relu",
        negative_slope=0.2,
        standardize=True,
        coef_alpha=1e-4,
        attention_alpha=1e-7,
        dropout=0.0,
        batch_norm=False,
        solver="adam",
        learning_rate_init=1e-3,
        batch_size="auto",
        max_iter=200,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        class_weight=None,
        warm_start=False,
        random_state=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.negative_slope = negative_slope
        self.standardize = standardize
        self.coef_alpha = coef_alpha
        self.attention_alpha = attention_alpha
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.random_state = random_state

    def __sklearn_tags__(self):
        """Declare multilabel support."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    @only_adam
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on these samples, from where the last call ended.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_variants)
            The scales of standardize=True are those of the first call.
        y : array-like of shape (n_samples,) or (n_samples, n_tasks)
        classes : array-like of shape (n_classes,), optional
            All labels that will ever come; needed at the first call, except for multilabel y.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self : LINAClassifier
        """
        return self._partial_fit(X, y, sample_weight, classes)

    def decision_function(self, X):
        """Return the logits.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_variants)

        Returns
        -------
        logit : array of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_tasks)
            Binary, multiclass or multilabel.
        """
        logit, _ = self._logits(X, "decision_function")
        return logit[:, 0] if self._binary else logit

    def predict_proba(self, X):
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_variants)

        Returns
        -------
        probability : array of shape (n_samples, n_classes) or (n_samples, n_tasks)
            Multilabel: of label 1 in each task.
        """
        return self._probability(X, "predict_proba")[0]

    def predict_log_proba(self, X):
        """Return the logarithm of :meth:`predict_proba`.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_variants)

        Returns
        -------
        log_probability : array of shape (n_samples, n_classes) or (n_samples, n_tasks)
        """
        probability, xp = self._probability(X, "predict_log_proba")
        with np.errstate(divide="ignore"):
            return xp.log(probability)

    def _probability(self, X, method):
        """Return the probabilities and their namespace."""
        logit, xp = self._logits(X, method)
        if self._loss == "multiclass":
            return softmax(logit, xp), xp
        return sigmoid(xp.concat([-logit, logit], axis=1) if self._binary else logit, xp), xp

    def predict(self, X):
        """Return the most probable labels.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_variants)

        Returns
        -------
        label : array of shape (n_samples,) or (n_samples, n_tasks)
        """
        logit, xp = self._logits(X, "predict")
        if self._loss == "multiclass":
            codes = xp.argmax(logit, axis=1)
        else:
            codes = xp.astype(logit > 0, xp.int64)
            if not self._binary:
                return codes
            codes = codes[:, 0]
        if isinstance(self.classes_, np.ndarray):
            return self.classes_[to_numpy(codes)]
        return xp.take(self.classes_, codes)

    def score(self, X, y, sample_weight=None):
        """Return the share of samples whose observed labels are all predicted right.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_variants)
        y : array-like of shape (n_samples,) or (n_samples, n_tasks)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        accuracy : float
        """
        return masked_accuracy_score(y, self.predict(X), sample_weight=sample_weight)

    def _encode(self, y, weight, xp, device, dtype, *, new, classes=None, partial=False):
        """Return targets (n, d), weights of their cells, and mean and scale of the logits."""
        if y.ndim == 2:
            return self._encode_multilabel(y, weight, xp, device, dtype, new=new, partial=partial)
        values = to_numpy(y)
        if values.dtype.kind == "f" and np.isnan(values).any():
            raise ValueError(
                "y contains NaN. Only labels of several tasks, an array (n_samples, n_tasks) of 0, "
                "1 and NaN, may be unobserved; drop the rows, or pass two columns."
            )
        check_classification_targets(y)
        if new and partial:
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            known, _ = label_codes(np.asarray(to_numpy(classes)), None, xp, device)
        else:
            known = None if new else self.classes_
        known, codes = label_codes(y, known, xp, device)
        n_classes = int(known.shape[0])
        if n_classes < 2:
            raise ValueError(
                f"y must hold 2 classes at least; got {n_classes} class: {to_numpy(known)}."
            )
        self._check_same_tasks(n_classes if n_classes > 2 else 1, "1-D", new)
        self.classes_ = known
        self._binary = n_classes == 2
        self._loss = "binary" if self._binary else "multiclass"
        factor = class_weights(
            check_class_weight(self.class_weight, 1)[0],
            to_numpy(known).tolist(),
            to_numpy(weight),
            to_numpy(codes),
            n_classes,
        )
        cell_weight = (weight * xp.asarray(factor, dtype=dtype, device=device))[:, None]
        positions = codes[:, None] == xp.arange(n_classes, device=device)
        Y = xp.astype(positions, dtype)
        Y = Y[:, 1:] if self._binary else Y
        return Y, cell_weight, (np.zeros(Y.shape[1]), np.ones(Y.shape[1]))

    def _encode_multilabel(self, y, weight, xp, device, dtype, *, new, partial):
        """Return the same for labels 0, 1 and NaN in several tasks."""
        y = move_to(y, xp, device, dtype)
        check_multilabel(y, xp)
        n_tasks = y.shape[1]
        self._check_same_tasks(n_tasks, "2-D", new)
        self.classes_ = xp.arange(n_tasks, device=device)
        self._binary, self._loss = False, "binary"
        observed = ~xp.isnan(y)
        cell_weight = xp.where(observed, weight[:, None], 0.0)
        scale = np.ones(n_tasks)
        if not partial:
            scale[~to_numpy(warn_unobserved(observed, weight, "label", xp))] = 0.0
        Y = xp.where(observed, y, 0.0)
        factors = [
            class_weights(one, [0, 1], *(to_numpy(a[:, task]) for a in (cell_weight, codes)), 2)
            for codes in [xp.astype(Y, xp.int64)]
            for task, one in enumerate(check_class_weight(self.class_weight, n_tasks))
        ]
        factors = xp.asarray(np.stack(factors, axis=1), dtype=dtype, device=device)
        return Y, cell_weight * factors, (np.zeros(n_tasks), scale)

    def _check_same_tasks(self, n_tasks, rank, new):
        """Raise ValueError where a later call brings another kind of y than the first."""
        if new:
            self._rank = rank
        elif rank != self._rank or n_tasks != self._raw.task_intercept.shape[0]:
            raise ValueError(
                f"y must be like that of the first call, {self._rank} with "
                f"{self._raw.task_intercept.shape[0]} logit(s); got {rank} with {n_tasks}."
            )

    def _strata(self, y):
        """Return the labels whose shares training and validation rows should have alike."""
        return to_numpy(y) if y.ndim == 1 else None


class LINARegressor(ImportanceMixin, RegressorMixin, LINABase):
    """Interpretable network for one or many quantitative traits."""

    def __init__(
        self,
        hidden_layer_sizes=(100, 50),
        *,
        activation="leaky_relu",
        negative_slope=0.2,
        standardize=True,
        coef_alpha=1e-4,
        attention_alpha=1e-7,
        dropout=0.0,
        batch_norm=False,
        solver="adam",
        learning_rate_init=1e-3,
        batch_size="auto",
        max_iter=200,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        random_state=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.negative_slope = negative_slope
        self.standardize = standardize
        self.coef_alpha = coef_alpha
        self.attention_alpha = attention_alpha
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state

    def __sklearn_tags__(self):
        """Declare support of several traits."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @only_adam
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on these samples, from where the last call ended.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_variants)
            The scales of standardize=True are those of the first call, for y too.
        y : array-like of shape (n_samples,) or (n_samples, n_traits)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self : LINARegressor
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X):
        """Predict the traits.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_variants)

        Returns
        -------
        y : array of shape (n_samples,) or (n_samples, n_traits)
        """
        y, _ = self._logits(X, "predict")
        return y if self._rank == 2 else y[:, 0]

    def score(self, X, y, sample_weight=None):
        """Return R2 on the observed cells, the mean over traits.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_variants)
        y : array-like of shape (n_samples,) or (n_samples, n_traits)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        r2 : float
        """
        return masked_r2_score(y, self.predict(X), sample_weight=sample_weight)

    def _encode(self, y, weight, xp, device, dtype, *, new, classes=None, partial=False):
        """Return standardized traits (n, d), weights of their cells, and mean and scale."""
        Y = move_to(np.asarray(y, dtype=float) if y.dtype == object else y, xp, device)
        Y = xp.astype(Y, xp.float64)
        if new:
            self._rank = Y.ndim
        Y = Y if Y.ndim == 2 else Y[:, None]
        if bool(xp.any(xp.isinf(Y))):
            raise ValueError("y holds infinity; NaN, and only NaN, marks what was not observed.")
        observed = ~xp.isnan(Y)
        Y = xp.where(observed, Y, 0.0)
        cell_weight = xp.where(observed, xp.astype(weight, xp.float64)[:, None], 0.0)
        self._loss = "squared"
        if new:
            seen = warn_unobserved(observed, weight, "value", xp)
            mass = xp.sum(cell_weight, axis=0)
            share = cell_weight / xp.where(mass > 0, mass, 1.0)
            mean = xp.sum(share * Y, axis=0)
            scale = xp.ones_like(mean)
            if self.standardize:
                deviation = xp.sqrt(xp.sum(share * (Y - mean) ** 2, axis=0))
                scale = unless_constant(deviation, mean, xp)
            else:
                mean = 0 * mean
            report = scale if partial else xp.where(seen, scale, 0.0)
        else:
            scales = self._target_scales
            mean, report = (xp.astype(scales[key], xp.float64) for key in ("y_mean", "y_scale"))
            scale = xp.where(report > 0, report, 1.0)
            if Y.shape[1] != mean.shape[0]:
                raise ValueError(
                    f"y must have {mean.shape[0]} trait(s), as in the first call; got {Y.shape[1]}."
                )
        Y = xp.astype((Y - mean) / scale, dtype)
        return Y, xp.astype(cell_weight, dtype), (mean, report)

    def _strata(self, y):
        """Traits are not stratified."""
