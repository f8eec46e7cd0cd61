"""The LINAClassifier estimator."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from skgenetics.metrics import masked_accuracy_score
from skgenetics.neural_network._base import LINABase, only_adam
from skgenetics.neural_network._importance import ImportanceMixin
from skgenetics.neural_network._network import sigmoid, softmax
from skgenetics.neural_network._targets import (
    check_class_weight,
    class_weights,
    label_codes,
    multilabel,
    warn_one_label,
    warn_unobserved,
)
from skgenetics.utils._arrays import to_numpy


class LINAClassifier(ImportanceMixin, ClassifierMixin, LINABase):
    r"""Interpretable network for one or many diseases: LINA, single-task and multi-task.

    A network F gives each variant of each sample its own coefficient, the attention A, and a task p
    a linear predictor of it,

    .. math::

        A = F(x), \qquad \mathrm{logit}_p = \sum_i K_{pi} A_i (x_i - c_i) + B_p,

    so that importances of variants and of pairs of variants have closed forms:
    :meth:`first_order_importance` and :meth:`second_order_importance`. The loss is the
    cross-entropy of the observed labels over the sum of weights. y is binary or multiclass (one
    logit, or one a class with softmax), or has one column of 0, 1 and NaN (not observed) a task.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100, 50)
        Widths of the hidden layers of F, one at least.
    activation : {"leaky_relu", "relu"}, default="leaky_relu"
        Of the hidden layers. Others have no closed form of the second derivative.
    negative_slope : float, default=0.2
        Slope of the leaky ReLU below zero.
    standardize : bool, default=True
        Center and scale the columns of X in training, by the training rows. Without it the
        logit, which is quadratic in X, grows with the dosages. Fitted attributes and importances
        are of the dosages themselves all the same.
    coef_alpha : float, default=1e-4
        Strength of the penalty on the sum of squares of K, on the scale of training.
    attention_alpha : float, default=1e-7
        Strength of the penalty on the mean of abs(A - 1), which pulls towards a linear model.
    dropout : float, default=0.0
        Share of hidden units that a training step leaves out.
    batch_norm : bool, default=False
        Normalize over the minibatch after each hidden layer and after the attention layer.
    solver : {"adam", "lbfgs"}, default="adam"
        "adam": minibatches. "lbfgs": all rows at once, without dropout, batch norm and early
        stopping.
    learning_rate_init : float, default=1e-3
        Step of Adam.
    batch_size : "auto" or int, default="auto"
        Rows of a minibatch; "auto": 200, or all where they are fewer.
    max_iter : int, default=200
        Largest number of epochs, or of iterations of L-BFGS.
    early_stopping : bool, default=False
        Put `validation_fraction` of the rows aside, stop when the loss on them no longer falls, and
        return to the parameters of its minimum.
    validation_fraction : float, default=0.1
        Share of the rows put aside, as many of each label as among all where y has one dimension.
    n_iter_no_change : int, default=10
        Epochs without the loss falling by `tol` after which the training ends.
    tol : float, default=1e-4
        What counts as falling; for L-BFGS the largest derivative at the end.
    class_weight : None, "balanced", dict or list, default=None
        Factors of the labels' weights: a dict from label to factor, or "balanced", which gives all
        labels of a task the same sum of weights. A list has one of these a task.
    warm_start : bool, default=False
        Go on from the parameters of the last call of :meth:`fit`, with its scales of X.
    random_state : None, int or RandomState, default=None
        Of the first parameters, minibatches, dropout and the rows put aside.

    Attributes
    ----------
    coefs_ : list of arrays (h_{l-1}, h_l)
        Weights of the hidden layers, on raw dosages: standardization and batch norm are folded in.
    intercepts_ : list of arrays (h_l,)
        Biases of the hidden layers.
    attention_coef_ : array of shape (h_L, n_variants)
        Weights of the linear attention layer.
    attention_intercept_ : array of shape (n_variants,)
        Its biases.
    task_coef_ : array of shape (n_logits, n_variants)
        K.
    task_intercept_ : array of shape (n_logits,)
        B.
    center_ : array of shape (n_variants,)
        What X is centered by before the product with the attention.
    feature_importances_ : array of shape (n_variants,)
        First-order importance on training rows, the mean over logits. At most 1000 rows are kept
        for it in the fitted object.
    classes_ : array of shape (n_classes,)
        Labels; multilabel: 0 to n_tasks - 1.
    loss_curve_ : list of float
        Loss of each epoch (iteration), penalties included.
    validation_scores_ : list of float
        Minus the loss on the rows put aside, without penalties, after each epoch; empty without
        early stopping.
    best_loss_ : float
        The smallest of `loss_curve_`.
    n_iter_ : int
        Number of epochs (iterations).
    converged_ : bool
        Whether the training ended before `max_iter`.
    n_features_in_ : int
        Number of variants.
    feature_names_in_ : ndarray of str
        Where X has columns with names.

    Notes
    -----
    Integer genotypes (of 16 bits at most) are trained on in single precision, a minibatch converted
    at a time.

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
    >>> model = LINAClassifier(early_stopping=True, learning_rate_init=0.01, random_state=0)
    >>> model = model.fit(X, y)
    >>> model.second_order_importance(X, top_k=1).pairs
    array([[2, 5]])
    """

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
        y = multilabel(y, xp, device, dtype)
        n_tasks = y.shape[1]
        self._check_same_tasks(n_tasks, "2-D", new)
        self.classes_ = xp.arange(n_tasks, device=device)
        self._binary, self._loss = False, "binary"
        observed = ~xp.isnan(y)
        cell_weight = xp.where(observed, weight[:, None], 0.0)
        Y = xp.where(observed, y, 0.0)
        scale = np.ones(n_tasks)
        if not partial:
            scale[~to_numpy(warn_unobserved(observed, weight, "label", xp))] = 0.0
            warn_one_label(Y, cell_weight, xp)
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
