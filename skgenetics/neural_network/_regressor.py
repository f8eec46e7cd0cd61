"""The LINARegressor estimator."""

import numpy as np
from sklearn.base import RegressorMixin

from skgenetics.metrics import masked_r2_score
from skgenetics.neural_network._base import LINABase, only_adam
from skgenetics.neural_network._importance import ImportanceMixin
from skgenetics.neural_network._targets import unless_constant, warn_unobserved
from skgenetics.utils._arrays import move_to


class LINARegressor(ImportanceMixin, RegressorMixin, LINABase):
    r"""Interpretable network for one or many quantitative traits.

    A network F gives each variant of each sample its own coefficient, the attention A, and a trait
    p a linear predictor of it,

    .. math::

        A = F(x), \qquad \hat y_p = \sum_i K_{pi} A_i (x_i - c_i) + B_p,

    so that importances of variants and of pairs of variants have closed forms:
    :meth:`first_order_importance` and :meth:`second_order_importance`. The loss is the squared
    error of the observed cells (NaN: not observed) over the sum of weights.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100, 50)
        Widths of the hidden layers of F, one at least.
    activation : {"leaky_relu", "relu"}, default="leaky_relu"
        Of the hidden layers. Others have no closed form of the second derivative.
    negative_slope : float, default=0.2
        Slope of the leaky ReLU below zero.
    standardize : bool, default=True
        Center and scale the columns of X (by the training rows) and the traits in training. Without
        it the prediction, which is quadratic in X, grows with the dosages. Fitted attributes and
        importances are of the dosages and traits themselves all the same.
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
        Share of the rows put aside.
    n_iter_no_change : int, default=10
        Epochs without the loss falling by `tol` after which the training ends.
    tol : float, default=1e-4
        What counts as falling; for L-BFGS the largest derivative at the end.
    warm_start : bool, default=False
        Go on from the parameters of the last call of :meth:`fit`, with its scales of X and traits.
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
    task_coef_ : array of shape (n_traits, n_variants)
        K.
    task_intercept_ : array of shape (n_traits,)
        B.
    center_ : array of shape (n_variants,)
        What X is centered by before the product with the attention.
    feature_importances_ : array of shape (n_variants,)
        First-order importance on training rows, the mean over traits. At most 1000 rows are kept
        for it in the fitted object.
    loss_curve_ : list of float
        Loss of each epoch (iteration), penalties included,
        of standardized traits with standardize=True.
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
    >>> from skgenetics import LINARegressor
    >>> X = np.random.default_rng(0).integers(0, 3, size=(500, 10))
    >>> y = X[:, 2] * X[:, 5] + X[:, 7]
    >>> model = LINARegressor(early_stopping=True, learning_rate_init=0.01, random_state=0)
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
