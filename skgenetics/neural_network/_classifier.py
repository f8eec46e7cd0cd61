"""The LINAClassifier estimator."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets

from skgenetics.metrics import masked_accuracy_score
from skgenetics.neural_network._base import LINABase, only_adam
from skgenetics.neural_network._objective import log_sigmoid, log_softmax, sigmoid, softmax
from skgenetics.neural_network._targets import (
    Targets,
    check_labels,
    check_multilabel,
    encode_classes,
    encode_multilabel,
    label_codes,
)
from skgenetics.utils._arrays import device_of, namespace_of, to_numpy
from skgenetics.utils._parameters import Constraints, Instance, Option
from skgenetics.utils._typing import Array, ArrayLike


class LINAClassifier(ClassifierMixin, LINABase):
    r"""Interpretable network for one or many diseases: LINA, single-task and multi-task.

    A network F gives each variant of each sample its own coefficient, the attention A, and a task p
    a linear predictor of it,

    .. math::

        A = F(x), \qquad \mathrm{logit}_p = \sum_i (K_{pi} A_i + L_{pi}) (x_i - c_i) + B_p,

    so that importances of variants and of pairs of variants have closed forms:
    :meth:`first_order_importance` and :meth:`second_order_importance`. The loss is the
    cross-entropy of the observed labels over the sum of weights. y is binary or multiclass (one
    logit, or one logit per class with softmax), or has one column of 0, 1 and NaN (not observed)
    per task.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100, 50)
        Widths of the hidden layers of F, at least one.
    activation : {"leaky_relu", "relu"}, default="leaky_relu"
        Activation of the hidden layers. Other activations have no closed form of the second
        derivative.
    negative_slope : float, default=0.2
        Slope of the leaky ReLU below zero.
    start : {"auto", "linear", "mean", "random"}, default="auto"
        The network that training starts from. "auto": a linear model of the variants, and the pairs
        of variants that a scan finds at a false discovery rate of 1%, in the architecture exactly;
        with standardize=False, "linear". "linear": without pairs. "mean": a constant prediction.
        "random": K ~ N(0, 1/m), as published. :meth:`partial_fit` starts from "mean" for "auto" and
        "linear".
    standardize : bool, default=True
        Center and scale the columns of X in training, by the training rows. Otherwise the logit,
        which is quadratic in X, grows with the dosages. Fitted attributes and importances always
        refer to the dosages themselves.
    coef_alpha : float, default=1e-4
        Strength of the penalty on the sum of squares of K, on the scale of training.
    attention_alpha : float, default=1e-7
        Strength of the penalty on the mean of abs(A - 1), which pulls toward a linear model.
    dropout : float, default=0.0
        Share of hidden units that each training step leaves out.
    batch_norm : "auto" or bool, default="auto"
        Normalize over the minibatch after each hidden layer and after the attention layer. "auto":
        with solver="adam".
    solver : {"adam", "lbfgs"}, default="adam"
        "adam" trains on minibatches. "lbfgs" uses all rows at once, without dropout, batch norm or
        held-out rows.
    learning_rate_init : "auto" or float, default="auto"
        Learning rate of Adam. With held-out rows it is lowered three times, to .3 of itself, where
        the loss on them no longer falls. "auto": 0.01, and without such rows, as in `partial_fit`,
        at most 2 / n_variants: a step moves a coefficient of each variant by as much. In `fit`
        without them, from "auto" or "linear", at most n_samples / (2000 n_variants) too.
    batch_size : "auto" or int, default="auto"
        Rows of a minibatch. "auto": 200, or all rows if there are fewer.
    max_iter : int, default=200
        Largest number of epochs, or of L-BFGS iterations.
    early_stopping : bool, default=True
        Hold out `validation_fraction` of the rows, stop when the loss on them no longer falls, and
        return to the parameters of the smallest loss. If these are not better than the start by 3
        standard errors (by more if few cases are held out), return the start, fitted to all rows:
        the network is then a linear model with products. Its effects are the mean of those of ridge
        and of a mixture of normals, weighed by their evidence; the held-out rows say whether the
        pairs are used. With start="random", return to the smallest loss of all epochs. False: train
        until the training loss no longer falls, which overfits where people are few.
    validation_fraction : float, default=0.1
        Share of the rows held out; of each label the same share.
    n_iter_no_change : int, default=10
        Training ends after this many epochs in which the loss did not fall by `tol`.
    tol : float, default=1e-4
        Smallest decrease of the loss that counts. For L-BFGS, the largest derivative at the end; a
        network that ends on a kink of its activations may not reach it.
    class_weight : None, "balanced", dict or list, default=None
        Factors of the labels' weights: a dict from label to factor, or "balanced", which gives all
        labels of a task the same sum of weights. A list has one of these per task.
    warm_start : bool, default=False
        Continue from the parameters of the last call of :meth:`fit`, with its scales of X.
    random_state : None, int or RandomState, default=None
        Seed of the first parameters, minibatches, dropout and the held-out rows.

    Attributes
    ----------
    coefs_ : list of arrays (h_{l-1}, h_l)
        Weights of the hidden layers, on raw dosages: standardization and batch norm are folded in.
    intercepts_ : list of arrays (h_l,)
        Biases of the hidden layers.
    attention_coef_ : array of shape (h_L, n_variants)
        Weights of the linear attention layer.
    attention_intercept_ : array of shape (n_variants,)
        Biases of the attention layer.
    task_coef_ : array of shape (n_logits, n_variants)
        K, the coefficients of the tasks: log odds per counted allele and unit of attention.
    linear_coef_ : array of shape (n_logits, n_variants)
        L, the linear part: log odds per counted allele.
    task_intercept_ : array of shape (n_logits,)
        B, their intercepts, in log odds.
    center_ : array of shape (n_variants,)
        Mean dosages, subtracted from X before the product with the attention.
    feature_importances_ : array of shape (n_variants,)
        First-order importance on training rows, the mean over logits. At most 1000 rows are kept
        for it in the fitted object.
    classes_ : array of shape (n_classes,)
        Labels; multilabel: 0 to n_tasks - 1.
    loss_curve_ : list of float
        Loss of each epoch (iteration), penalties included.
    validation_scores_ : list of float
        Minus the loss on the held-out rows, without penalties, after each epoch. Absent if no
        rows were held out.
    best_loss_ : float
        Smallest value of `loss_curve_`.
    n_iter_ : int
        Number of epochs (iterations).
    converged_ : bool
        Whether the training ended before `max_iter`.
    n_features_in_ : int
        Number of variants.
    feature_names_in_ : ndarray of str
        Names of the columns of X, if all are strings.

    Notes
    -----
    Integer genotypes of at most 16 bits are converted to single precision one minibatch at a time.

    References
    ----------
    .. [1] Badre and Pan, "Explainable multi-task learning improves the parallel estimation of
       polygenic risk scores for many diseases through shared genetic basis", PLoS Computational
       Biology 19, 2023. The model and, with corrections, its interpretation.
    .. [2] Badre and Pan, "LINA: a linearizing neural network architecture for accurate first-order
       and second-order interpretations", IEEE Access 10, 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics import LINAClassifier
    >>> X = np.random.default_rng(0).integers(0, 3, size=(500, 10))
    >>> y = X[:, 2] * X[:, 5] > 1
    >>> model = LINAClassifier(random_state=0)
    >>> model = model.fit(X, y)
    >>> model.second_order_importance(X, top_k=1).pairs
    array([[2, 5]])
    """

    classes_: Array
    _constraints: ClassVar[Constraints] = {
        **LINABase._constraints,
        "class_weight": [None, Option("balanced"), Instance(dict, list, noun="a dict or a list")],
    }

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100, 50),
        *,
        activation: Literal["leaky_relu", "relu"] = "leaky_relu",
        negative_slope: float = 0.2,
        start: Literal["auto", "linear", "mean", "random"] = "auto",
        standardize: bool = True,
        coef_alpha: float = 1e-4,
        attention_alpha: float = 1e-7,
        dropout: float = 0.0,
        batch_norm: Literal["auto"] | bool = "auto",
        solver: Literal["adam", "lbfgs"] = "adam",
        learning_rate_init: Literal["auto"] | float = "auto",
        batch_size: Literal["auto"] | int = "auto",
        max_iter: int = 200,
        early_stopping: bool = True,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        class_weight: Any = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.negative_slope = negative_slope
        self.start = start
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

    def __sklearn_tags__(self) -> Tags:
        """Declare multilabel support."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    @only_adam
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch on these samples, from where the last call ended.

        Parameters
        ----------
        X : {array-like, CSR matrix, Genotypes} of shape (n_samples, n_variants)
            standardize=True keeps the scales of the first call; so do missing calls of opened
            genotypes their means.
        y : array-like of shape (n_samples,) or (n_samples, n_tasks)
        classes : array-like of shape (n_classes,), optional
            All labels that later calls may have. Required at the first call, except for
            multilabel y.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self : LINAClassifier
        """
        return self._partial_fit(X, y, sample_weight, classes)

    def decision_function(self, X: ArrayLike) -> Array:
        """Return the logits.

        Parameters
        ----------
        X : {array-like, CSR matrix, Genotypes} of shape (n_samples, n_variants)

        Returns
        -------
        logit : array of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_tasks)
            Binary, multiclass or multilabel.
        """
        logit = self._logits(X, "decision_function")
        return logit[:, 0] if self._binary else logit

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, CSR matrix, Genotypes} of shape (n_samples, n_variants)

        Returns
        -------
        probability : array of shape (n_samples, n_classes) or (n_samples, n_tasks)
            Multilabel: of label 1 in each task.
        """
        logit = self._logits_of_classes(X, "predict_proba")
        return softmax(logit) if self._loss == "multiclass" else sigmoid(logit)

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Return the logarithm of :meth:`predict_proba`.

        Parameters
        ----------
        X : {array-like, CSR matrix, Genotypes} of shape (n_samples, n_variants)

        Returns
        -------
        log_probability : array of shape (n_samples, n_classes) or (n_samples, n_tasks)
        """
        logit = self._logits_of_classes(X, "predict_log_proba")
        return log_softmax(logit) if self._loss == "multiclass" else log_sigmoid(logit)

    def _logits_of_classes(self, X: ArrayLike, method: str) -> Array:
        """Return the logits (n, classes) or (n, tasks) of the columns of the probabilities."""
        logit = self._logits(X, method)
        return namespace_of(logit).concat([-logit, logit], axis=1) if self._binary else logit

    def predict(self, X: ArrayLike) -> Array:
        """Return the most probable labels.

        Parameters
        ----------
        X : {array-like, CSR matrix, Genotypes} of shape (n_samples, n_variants)

        Returns
        -------
        label : array of shape (n_samples,) or (n_samples, n_tasks)
        """
        logit = self._logits(X, "predict")
        xp = namespace_of(logit)
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

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the share of samples whose observed labels are all predicted correctly.

        Parameters
        ----------
        X : {array-like, CSR matrix, Genotypes} of shape (n_samples, n_variants)
        y : array-like of shape (n_samples,) or (n_samples, n_tasks)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        accuracy : float
        """
        return masked_accuracy_score(y, self.predict(X), sample_weight=sample_weight)

    def _encode(
        self,
        y: Array,
        weight: Array,
        *,
        new: bool,
        classes: ArrayLike | None = None,
        partial: bool = False,
    ) -> Targets:
        """Return the targets of y, and set `_loss` and `classes_`."""
        if y.ndim == 2:
            return self._encode_multilabel(y, weight, new=new, partial=partial)
        check_labels(to_numpy(y))
        check_classification_targets(y)
        known = None if new else self.classes_
        if new and partial:
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            known, _ = label_codes(np.asarray(to_numpy(classes)), None, weight)
        known, codes = label_codes(y, known, weight)
        n_classes = int(known.shape[0])
        if n_classes < 2:
            raise ValueError(
                f"y must hold 2 classes at least; got {n_classes} class: {to_numpy(known)}."
            )
        self._check_same_tasks(n_classes if n_classes > 2 else 1, 1, new)
        self.classes_ = known
        self._binary = n_classes == 2
        self._loss = "binary" if self._binary else "multiclass"
        return encode_classes(codes, to_numpy(known).tolist(), weight, self.class_weight)

    def _encode_multilabel(self, y: Array, weight: Array, *, new: bool, partial: bool) -> Targets:
        """Return the same for labels 0, 1 and NaN in several tasks."""
        y = check_multilabel(y, weight)
        self._check_same_tasks(y.shape[1], 2, new)
        self.classes_ = namespace_of(weight).arange(y.shape[1], device=device_of(weight))
        self._binary, self._loss = False, "binary"
        return encode_multilabel(y, weight, self.class_weight, partial=partial)

    def _check_same_tasks(self, n_logits: int, ndim: int, new: bool) -> None:
        """Raise ValueError if a later call brings another kind of y than the first."""
        if new:
            self._ndim = ndim
            return
        n_fitted = self._state.network.task_intercept.shape[0]
        if ndim != self._ndim or n_logits != n_fitted:
            raise ValueError(
                f"y must be like the y of the first call, {self._ndim}-D with {n_fitted} logit(s); "
                f"got {ndim}-D with {n_logits}."
            )

    def _needs_double(self, y: Array) -> bool:
        """Labels have no digits to lose."""
        return False
