"""A regressor on genotypes, adjusted for covariates."""

import warnings
from typing import Any, ClassVar

import numpy as np
from sklearn.base import MetaEstimatorMixin, RegressorMixin, clone, is_classifier
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import Tags, check_consistent_length, get_tags
from sklearn.utils.metadata_routing import MetadataRouter
from sklearn.utils.validation import check_is_fitted

from skgenetics.compose._adjustment import (
    FeatureRegression,
    observed_means,
    regress_features,
    regress_observed,
    residuals,
    tissue_part,
)
from skgenetics.compose._columns import ColumnsPerTissue
from skgenetics.compose._layout import CovariateLayoutMixin
from skgenetics.compose._opened import AdjustedGenotypes
from skgenetics.compose._routing import fit_with_callbacks, params_of_regressor, router_of
from skgenetics.metrics import masked_r2_score
from skgenetics.utils._arrays import (
    check_same_namespace,
    float_dtype,
    get_namespace_and_device,
    move_to,
    namespace_of,
    to_numpy,
)
from skgenetics.utils._estimator import GeneticsEstimator
from skgenetics.utils._fitting import all_or_nothing
from skgenetics.utils._moments import LARGEST_RANGE, check_spread, column_moments
from skgenetics.utils._opened import Opened
from skgenetics.utils._optional import import_optional
from skgenetics.utils._parameters import Anything, Constraints, Flag, Methods, check_parameters
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import as_target, validate_sample_weight


class CovariateAdjustedRegressor(
    CallbackSupportMixin,
    CovariateLayoutMixin,
    MetaEstimatorMixin,
    RegressorMixin,
    GeneticsEstimator,
):
    r"""Regress covariates out of the target and out of the variants, then fit a regressor.

    The covariates are columns of X, so that they follow their samples through every split. `fit`
    regresses y, and each of the other columns of X, on the covariates and an intercept by least
    squares, and fits `regressor` to the residuals. `predict` subtracts the same regressions from
    the variants of new samples and adds the covariates' part of y:

    .. math::

        \hat y = a + C b + m\left(X - \alpha - C \Gamma\right),

    with covariates :math:`C`, their coefficients :math:`(a, b)` for y and
    :math:`(\alpha, \Gamma)` for the variants, and the fitted regressor :math:`m`. With linear
    regression as :math:`m` this is linear regression on variants and covariates together (Frisch
    and Waugh 1933; Lovell 1963).

    Parameters
    ----------
    regressor : estimator
        Regressor on the adjusted variants, cloned before it is fitted.
    covariates : str, int, sequence of str or int, slice of int, or None, default=None
        Columns of X that are covariates: names if X is a data frame, or positions, negative ones
        from the end. None: there are none, and `regressor` gets X and y as they are.
    adjust_features : bool, default=True
        Whether the variants are adjusted too. Otherwise effects are biased towards zero if
        covariates and variants are correlated (ancestry, batch). Adjusted variants are one floating
        matrix of the size of X.
    tissue_covariates : None or sequence of such columns, default=None
        For y of three dimensions, the columns that are covariates of each tissue alone, such as
        hidden factors of its expression: None or an empty list for a tissue without any. They are
        regressed out of y in their tissue, together with `covariates`, and not out of the variants,
        which are the same in all tissues: what varies with ancestry belongs in `covariates`. NaN
        marks samples that the tissue lacks; new samples with NaN get the tissue's mean.

    Attributes
    ----------
    regressor_ : estimator
        The regressor fitted to the adjusted data. Its columns are those of X without the
        covariates, with their names if X is a data frame.
    covariates_ : list of int
        Positions of the covariates in X.
    tissue_covariates_ : list of list of int
        Positions of those of each tissue.
    covariate_mean_ : array of shape (n_covariates,)
        Mean of each covariate in training, (weighted) over all samples.
    target_coef_ : array of shape (n_covariates,) or (n_covariates, \*target_shape)
        Change of y per unit of each covariate.
    target_intercept_ : array of shape target_shape
        Prediction of y at `covariate_mean_`.
    target_mean_ : array of shape target_shape
        Mean of y over observed training cells; 0 for a target without any.
    tissue_coef_ : array of shape (n_tissue_covariates, n_genes)
        Change of y in the tissue per unit of each of its covariates, tissue after tissue.
    tissue_covariate_mean_ : array of shape (n_tissue_covariates,)
        Mean of each in training, over the samples that have it.
    feature_coef_ : array of shape (n_covariates, n_features_in_ - n_covariates)
        Change of each other column per unit of each covariate, if the variants are adjusted.
    feature_intercept_ : array of shape (n_features_in_ - n_covariates,)
        The other columns at `covariate_mean_`, if the variants are adjusted.
    feature_kept_ : array of shape (n_features_in_ - n_covariates,)
        1, or 0 for a column that the covariates explain but for rounding, which is 0 for the
        regressor in every sample; if the variants are adjusted.
    n_features_in_ : int
        Number of columns of X, covariates included.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has them.

    Notes
    -----
    NaN in y is a cell that is not observed: each target is regressed on its observed samples, and
    `regressor` gets NaN there too. Covariates may be constant or repeat one another.

    With n samples and covariates of rank k beside the intercept, the correlation r of an adjusted
    variant with the adjusted y and the t statistic of that variant in the ordinary least-squares
    regression of y on it and the covariates are related by

    .. math::

        r = t / \sqrt{t^2 + n - 2 - k}, \qquad z = \sqrt{n}\, r.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from skgenetics.compose import CovariateAdjustedRegressor
    >>> rng = np.random.default_rng(0)
    >>> age = rng.normal(50, 10, size=200)
    >>> dosage = rng.binomial(2, 0.3, size=200)
    >>> X = np.column_stack([dosage, age])
    >>> y = 0.5 * dosage + 0.1 * age
    >>> model = CovariateAdjustedRegressor(LinearRegression(), covariates=1).fit(X, y)
    >>> model.regressor_.coef_.round(6)
    array([0.5])
    """

    _constraints: ClassVar[Constraints] = {
        "regressor": [Methods("fit", "predict", "get_params", noun="a regressor")],
        "covariates": [None, Anything("names or positions of columns of X")],
        "adjust_features": [Flag()],
        "tissue_covariates": [None, ColumnsPerTissue("a list of columns of X for each tissue")],
    }

    def __init__(
        self,
        regressor: Any,
        *,
        covariates: Any = None,
        adjust_features: bool = True,
        tissue_covariates: Any = None,
    ):
        self.regressor = regressor
        self.covariates = covariates
        self.adjust_features = adjust_features
        self.tissue_covariates = tissue_covariates

    @all_or_nothing
    @with_callbacks
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        **fit_params: Any,
    ) -> "CovariateAdjustedRegressor":
        """Regress the covariates out and fit the regressor.

        Parameters
        ----------
        X : array-like or Genotypes of shape (n_samples, n_features)
            Variants and covariates, complete (see `skgenetics.preprocessing.GenotypeImputer`).
            Opened genotypes (see `skgenetics.io.with_covariates`) are adjusted as they are read.
        y : array-like of shape (n_samples,), (n_samples, n_traits) or \
                (n_samples, n_genes, n_tissues)
            Target. NaN, a cell that is not observed, is allowed if `regressor` allows it.
        sample_weight : array-like of shape (n_samples,), default=None
            Frequency weights, for the regressions on covariates and for `regressor`; with
            metadata routing for the latter if it requests them.
        **fit_params : dict
            For `regressor`, such as the groups of a search; with metadata routing what it requests.

        Returns
        -------
        self : CovariateAdjustedRegressor
            The fitted estimator.

        Raises
        ------
        TypeError
            If `regressor` is a classifier.
        ValueError
            If `covariates` or `tissue_covariates` does not fit X or y, names all columns, or holds
            missing values where y is observed; if variants to be adjusted hold missing values; if
            there are no more samples than coefficients; if `sample_weight` is given and `regressor`
            takes none, without metadata routing.

        Warns
        -----
        UserWarning
            If a target has no more observed samples than coefficients, so that nothing remains.
        """
        check_parameters(self)
        self._check_regressor()
        xp, device = get_namespace_and_device(X)
        given, X = X, self._validate(X, reset=True)
        y = target = self._validate_target(X, y, xp, device)
        self._resolve_covariates(y.shape)
        weight = validate_sample_weight(sample_weight, X.shape[0], xp, device, xp.float64)
        Y = xp.reshape(y, (y.shape[0], -1))
        Y = xp.astype(Y, float_dtype(Y), copy=False)
        self.target_mean_ = xp.reshape(observed_means(Y, weight), tuple(y.shape[1:]))
        if self._all_covariates():
            covariates, features, tissues = self._split(X, xp, device)
            C = self._fit_covariates(covariates, weight)
            own = self._fit_tissue_covariates(tissues, weight)
            self._fit_target(C, own, xp.reshape(Y, y.shape), weight)
            if self._adjusts_features():
                self._fit_features(C, features, weight)
            y = xp.reshape(Y, y.shape) - self._covariate_part(C, own, y.shape, Y.dtype)
            X = self._adjust_features(X, C, features)
        fit_params = params_of_regressor(self, "fit", sample_weight=weight, **fit_params)
        self.regressor_ = clone(self.regressor)
        adjusted = self._named(X, given), y
        fit_with_callbacks(self, adjusted, (given, target), **fit_params)
        return self

    def predict(self, X: ArrayLike, **predict_params: Any) -> Any:
        """Predict y: the covariates' part plus the regressor's, which sees the adjusted variants.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Variants and covariates, columns as in `fit`.
        **predict_params : dict
            For `regressor`, such as ``return_std=True``; with metadata routing what it requests.

        Returns
        -------
        array of the shape that `regressor` predicts
            Predictions in units of y. If the regressor predicts a tuple, then one, of which the
            first has the covariates' part.
        """
        check_is_fitted(self)
        check_same_namespace(self, X, attribute="target_mean_", method="predict")
        xp, device = get_namespace_and_device(X)
        given, X = X, self._validate(X, reset=False)
        params = params_of_regressor(self, "predict", **predict_params)
        if not self._all_covariates():
            return self.regressor_.predict(self._named(X, given), **params)
        covariates, features, tissues = self._split(X, xp, device)
        C, own = self._center(covariates), self._center_tissues(tissues)
        adjusted = self._named(self._adjust_features(X, C, features), given)
        prediction = self.regressor_.predict(adjusted, **params)
        mean, *rest = prediction if isinstance(prediction, tuple) else (prediction,)
        mean = mean + self._covariate_part(C, own, mean.shape, float_dtype(mean))
        return (mean, *rest) if rest else mean

    def adjust(self, X: ArrayLike, y: ArrayLike | None = None) -> Any:
        """Subtract what the covariates explain, by the regressions of the training data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Variants and covariates, columns as in `fit`.
        y : array-like of the rank of the training target, default=None
            Target of these samples.

        Returns
        -------
        X_adjusted : array or data frame of shape (n_samples, n_features - n_covariates)
            What `regressor_` predicts from: residuals, or the columns as they are if
            `adjust_features` is False or there are no covariates.
        y_adjusted : array of the shape of `y`
            Residuals of y; only if y is given.
        """
        check_is_fitted(self)
        check_same_namespace(self, X, attribute="target_mean_", method="adjust")
        xp, device = get_namespace_and_device(X)
        given, X = X, self._validate(X, reset=False)
        if y is not None:
            y = self._validate_target(X, y, xp, device)
        if self._all_covariates():
            covariates, features, tissues = self._split(X, xp, device)
            C, own = self._center(covariates), self._center_tissues(tissues)
            X = self._adjust_features(X, C, features)
            if y is not None:
                y = xp.astype(y, float_dtype(y), copy=False)
                y = y - self._covariate_part(C, own, y.shape, y.dtype)
        X = self._named(X, given)
        return X if y is None else (X, y)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """R2 of the predictions, the covariates' part included, on observed cells.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Variants and covariates, columns as in `fit`.
        y : array-like of shape (n_samples,), (n_samples, n_traits) or \
                (n_samples, n_genes, n_tissues)
            Target; NaN is a cell that is not observed.
        sample_weight : array-like of shape (n_samples,), default=None
            Frequency weights.

        Returns
        -------
        float
            For 1-D and 2-D y, R2 as in scikit-learn, averaged over traits. For 3-D y, R2 pooled
            over genes and tissues, each against its training mean.

        See Also
        --------
        adjust : For R2 beyond the covariates, ``model.regressor_.score(*model.adjust(X, y))``.
        """
        pooled: dict[str, Any] = {}
        if np.ndim(y) == 3:
            pooled = {"baseline": self.target_mean_, "multioutput": "variance_weighted"}
        return masked_r2_score(y, self.predict(X), sample_weight=sample_weight, **pooled)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the routing of metadata: to the regressions on covariates, and to `regressor`.

        Returns
        -------
        routing : MetadataRouter
        """
        return router_of(self)

    def _check_regressor(self) -> None:
        """Raise unless the regressor is one."""
        if is_classifier(self.regressor):
            raise TypeError(
                "CovariateAdjustedRegressor needs a regressor, got the classifier "
                f"{type(self.regressor).__name__}. Classifiers take covariates as columns of X."
            )

    def _validate_target(self, X: Any, y: ArrayLike, xp: Any, device: Any) -> Array:
        """Return y of any rank, NaN allowed, on X's device."""
        y = as_target(self, y, allow_nan=True)
        check_consistent_length(X, y)
        return move_to(y, xp, device)

    def _center(self, covariates: Array) -> Array:
        """Return the covariates in double precision minus their training means."""
        xp = namespace_of(covariates)
        return xp.astype(covariates, xp.float64) - xp.astype(self.covariate_mean_, xp.float64)

    def _fit_covariates(self, covariates: Array, weight: Array | None) -> Array:
        """Set the means of the covariates and return them centered; constants become exactly 0."""
        xp = namespace_of(covariates)
        if not self.covariates_:
            self.covariate_mean_ = covariates[0, :]
            return covariates
        check_spread(covariates, covariates.dtype, name="covariates", reach=LARGEST_RANGE)
        share = xp.ones_like(covariates[:, 0])
        if weight is not None:
            share = xp.astype(weight, covariates.dtype)
        self.covariate_mean_, variance, _ = column_moments(covariates, share / xp.sum(share))
        return xp.where(variance > 0, self._center(covariates), 0.0)

    def _fit_tissue_covariates(self, tissues: list[Array], weight: Array | None) -> list[Array]:
        """Set the means of the covariates of tissues and return them centered, NaN as they are."""
        if not tissues:
            return []
        for columns in tissues:
            observed = namespace_of(columns).isnan(columns)
            check_spread(
                namespace_of(columns).where(observed, 0.0, columns), columns.dtype,
                name="tissue_covariates", reach=LARGEST_RANGE,
            )  # fmt: skip
        means = [observed_means(columns, weight) for columns in tissues]
        self.tissue_covariate_mean_ = namespace_of(means[0]).concat(means)
        return self._center_tissues(tissues)

    def _center_tissues(self, tissues: list[Array]) -> list[Array]:
        """Return the covariates of each tissue in double precision minus their training means."""
        centered, start = [], 0
        for columns in tissues:
            xp, stop = namespace_of(columns), start + columns.shape[1]
            mean = xp.astype(self.tissue_covariate_mean_[start:stop], xp.float64)
            centered.append(xp.astype(columns, xp.float64) - mean)
            start = stop
        return centered

    def _fit_target(self, C: Array, own: list[Array], Y: Array, weight: Array | None) -> None:
        """Regress each target on the covariates, those of its tissue too, where it is observed."""
        xp, q = namespace_of(C), C.shape[1]
        self._warn_exhausted(Y, np.array([q + of_tissue.shape[1] for of_tissue in own] or q))
        if not own:
            columns = xp.astype(xp.reshape(Y, (Y.shape[0], -1)), xp.float64)
            fit = regress_observed(C, columns, weight)
            coef = xp.reshape(fit.coef, (q, *Y.shape[1:]))
            intercept = xp.reshape(fit.intercept, tuple(Y.shape[1:]))
        else:
            by_tissue = []
            for k, covariates in enumerate(own):
                self._check_sampled(covariates, Y[:, :, k], k)
                design = xp.concat([C, xp.where(xp.isnan(covariates), 0.0, covariates)], axis=1)
                target = xp.astype(Y[:, :, k], xp.float64)
                by_tissue.append(regress_observed(design, target, weight))
            coef = xp.stack([fit.coef[:q, :] for fit in by_tissue], axis=2)
            intercept = xp.stack([fit.intercept for fit in by_tissue], axis=1)
            rest = xp.concat([fit.coef[q:, :] for fit in by_tissue], axis=0)
            self.tissue_coef_ = xp.astype(rest, Y.dtype)
        self.target_coef_ = xp.astype(coef, Y.dtype)
        self.target_intercept_ = xp.astype(intercept, Y.dtype)

    def _warn_exhausted(self, Y: Array, n_covariates: np.ndarray) -> None:
        """Warn of targets with fewer observed samples than covariates, of each tissue or of all."""
        xp = namespace_of(Y)
        n_observed = to_numpy(xp.sum(xp.astype(~xp.isnan(Y), xp.int64), axis=0))
        exhausted = (n_observed > 0) & (n_observed <= n_covariates + 1)
        if exhausted.any():
            warnings.warn(
                f"{exhausted.sum()} of {exhausted.size} targets have no more observed samples than "
                f"the {n_covariates.max()} covariates and the intercept have coefficients: no "
                "residual remains. Use fewer covariates, or leave these targets out.",
                UserWarning,
                stacklevel=6,
            )

    def _check_sampled(self, covariates: Array, Y: Array, tissue: int) -> None:
        """Raise if samples observed in a tissue lack one of its covariates."""
        xp = namespace_of(Y)
        lacking = xp.any(~xp.isnan(Y), axis=1)[:, None] & xp.isnan(covariates)
        missing = to_numpy(xp.any(lacking, axis=0))
        if missing.any():
            columns = self.tissue_covariates_[tissue]
            raise ValueError(
                f"Input X contains NaN in the covariates {self._names(columns, missing)} of tissue "
                f"{tissue} for {int(xp.sum(xp.astype(xp.any(lacking, axis=1), xp.int64)))} samples "
                "whose expression there is observed: drop these samples or set their y to NaN."
            )

    def _fit_features(self, C: Array, features: list[Array], weight: Array | None) -> None:
        """Regress each of the other columns on the covariates."""
        xp = namespace_of(C)
        for matrix in features:
            check_spread(matrix, matrix.dtype, name="the variants", reach=LARGEST_RANGE)
        fit = regress_features(C, weight, features, float_dtype(features[0]))
        self.feature_coef_, self.feature_intercept_, self.feature_kept_ = fit
        missing = to_numpy(xp.isnan(self.feature_intercept_))
        if missing.any():
            raise ValueError(
                f"Input X contains NaN in {missing.sum()} columns that are to be adjusted, such as "
                f"{self._names(self._feature_positions(), missing)}. Put "
                "skgenetics.preprocessing.GenotypeImputer before this step."
            )

    def _adjust_features(self, X: Any, C: Array, features: list[Any]) -> Any:
        """Return the columns that `regressor` gets."""
        if not self._adjusts_features():
            return features[0] if len(features) == 1 else namespace_of(C).concat(features, axis=1)
        fit = FeatureRegression(self.feature_coef_, self.feature_intercept_, self.feature_kept_)
        if isinstance(X, Opened):
            return AdjustedGenotypes(features[0], C, fit)
        adjusted = residuals(C, features, fit)
        if not hasattr(X, "iloc"):
            return adjusted
        columns = X.columns[self._feature_positions()]
        pandas = import_optional("pandas", extra="dataframe")
        return pandas.DataFrame(adjusted, index=X.index, columns=columns, copy=False)

    def _covariate_part(self, C: Array, own: list[Array], shape: tuple, dtype: Any) -> Array:
        """Return the covariates' part of y, in `shape` and `dtype`."""
        xp = namespace_of(C)
        intercept = xp.reshape(self.target_intercept_, (-1,))
        coef = xp.reshape(self.target_coef_, (C.shape[1], intercept.shape[0]))
        part = C @ xp.astype(coef, C.dtype) + xp.astype(intercept, C.dtype)
        part = xp.reshape(part, tuple(shape))
        if own:
            part = part + tissue_part(own, self.tissue_coef_)
        return xp.astype(part, dtype, copy=False)

    def __sklearn_tags__(self) -> Tags:
        """Declare what the regressor declares."""
        tags = super().__sklearn_tags__()
        inner = get_tags(self.regressor)
        tags.target_tags = inner.target_tags
        tags.regressor_tags = inner.regressor_tags
        tags.non_deterministic = inner.non_deterministic
        tags.array_api_support = inner.array_api_support
        adjusts = self.covariates is not None and self.adjust_features
        tags.input_tags.allow_nan = inner.input_tags.allow_nan and not adjusts
        return tags
