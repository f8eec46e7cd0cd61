"""The LINARegressor estimator."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import Tags

from skgenetics.metrics import masked_r2_score
from skgenetics.neural_network._base import LINABase, only_adam
from skgenetics.neural_network._targets import Targets, encode_traits, needs_double
from skgenetics.utils._typing import Array, ArrayLike


class LINARegressor(RegressorMixin, LINABase):
    r"""Interpretable network for one or many quantitative traits.

    A network F gives each variant of each sample its own coefficient, the attention A, and a trait
    p a linear predictor of it,

    .. math::

        A = F(x), \qquad \hat y_p = \sum_i (K_{pi} A_i + L_{pi}) (x_i - c_i) + B_p,

    so that importances of variants and of pairs of variants have closed forms:
    :meth:`first_order_importance` and :meth:`second_order_importance`. The loss is the squared
    error of the observed cells (NaN: not observed) over the sum of weights.

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
        Center and scale the columns of X (by the training rows) and the traits in training.
        Otherwise the prediction, which is quadratic in X, grows with the dosages. Fitted attributes
        and importances always refer to the dosages and traits themselves.
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
        standard errors, return the start, fitted to all rows: the network is then a linear model
        with products. Its effects are the mean of those of ridge and of a mixture of normals,
        weighed by their evidence; the held-out rows say whether the pairs are used. With
        start="random", return to the smallest loss of all epochs. False: train until the training
        loss no longer falls, which overfits where people are few.
    validation_fraction : float, default=0.1
        Share of the rows held out.
    n_iter_no_change : int, default=10
        Training ends after this many epochs in which the loss did not fall by `tol`.
    tol : float, default=1e-4
        Smallest decrease of the loss that counts. For L-BFGS, the largest derivative at the end; a
        network that ends on a kink of its activations may not reach it.
    warm_start : bool, default=False
        Continue from the parameters of the last call of :meth:`fit`, with its scales of X and
        traits.
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
    task_coef_ : array of shape (n_traits, n_variants)
        K, the coefficients of the traits: units of y per counted allele and unit of attention.
    linear_coef_ : array of shape (n_traits, n_variants)
        L, the linear part: units of y per counted allele.
    task_intercept_ : array of shape (n_traits,)
        B, their intercepts, in units of y.
    center_ : array of shape (n_variants,)
        Mean dosages, subtracted from X before the product with the attention.
    feature_importances_ : array of shape (n_variants,)
        First-order importance on training rows, the mean over traits. At most 1000 rows are kept
        for it in the fitted object.
    loss_curve_ : list of float
        Loss of each epoch (iteration), penalties included; of standardized traits if
        standardize=True.
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
    >>> from skgenetics import LINARegressor
    >>> X = np.random.default_rng(0).integers(0, 3, size=(500, 10))
    >>> y = X[:, 2] * X[:, 5] + X[:, 7]
    >>> model = LINARegressor(random_state=0)
    >>> model = model.fit(X, y)
    >>> model.second_order_importance(X, top_k=1).pairs
    array([[2, 5]])
    """

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
        self.warm_start = warm_start
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        """Declare support of several traits."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @only_adam
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train for one epoch on these samples, from where the last call ended.

        Parameters
        ----------
        X : {array-like, CSR matrix, Genotypes} of shape (n_samples, n_variants)
            standardize=True keeps the scales of the first call, for y too; so do missing calls of
            opened genotypes their means.
        y : array-like of shape (n_samples,) or (n_samples, n_traits)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self : LINARegressor
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: ArrayLike) -> Array:
        """Predict the traits.

        Parameters
        ----------
        X : {array-like, CSR matrix, Genotypes} of shape (n_samples, n_variants)

        Returns
        -------
        y : array of shape (n_samples,) or (n_samples, n_traits)
        """
        y = self._logits(X, "predict")
        return y if self._ndim == 2 else y[:, 0]

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return R2 on the observed cells, the mean over traits.

        Parameters
        ----------
        X : {array-like, CSR matrix, Genotypes} of shape (n_samples, n_variants)
        y : array-like of shape (n_samples,) or (n_samples, n_traits)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        r2 : float
        """
        return masked_r2_score(y, self.predict(X), sample_weight=sample_weight)

    def _encode(
        self,
        y: Array,
        weight: Array,
        *,
        new: bool,
        classes: ArrayLike | None = None,
        partial: bool = False,
    ) -> Targets:
        """Return standardized traits, and set `_loss`."""
        self._loss = "squared"
        if new:
            self._ndim = y.ndim
        return encode_traits(
            y,
            weight,
            standardize=self.standardize,
            partial=partial,
            scales=None if new else (self._scales.y_mean, self._scales.y_scale),
        )

    def _needs_double(self, y: Array) -> bool:
        """Whether single precision would lose digits of y."""
        return needs_double(y)
