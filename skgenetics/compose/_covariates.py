"""A regressor on genotypes, adjusted for covariates."""

import warnings
from itertools import pairwise

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone, is_classifier
from sklearn.utils import check_array, check_consistent_length, get_tags
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from skgenetics.compose._adjustment import (
    make_design,
    observed_means,
    regress_blocks,
    regress_observed,
    residuals,
)
from skgenetics.compose._columns import resolve_columns
from skgenetics.metrics import masked_r2_score
from skgenetics.utils._arrays import (
    check_same_namespace,
    float_dtype,
    get_namespace_and_device,
    move_to,
    to_numpy,
)
from skgenetics.utils._optional import import_optional
from skgenetics.utils._validation import check_flags, check_missing_codes, validate_sample_weight


class CovariateAdjustedRegressor(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    r"""Regress covariates out of the target and out of the variants, then fit a regressor.

    The covariates are columns of X, so that they follow their samples through every split. In
    `fit` they are taken out of X, and with an intercept they are regressed by least squares on the
    training samples from y and from each of the other columns; `regressor` is fitted to the
    residuals. `predict` takes the same regressions from new samples and adds the covariates' part:

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
        Columns of X that are covariates: names where X is a data frame, or positions, negative ones
        from the end. None: there are none, and `regressor` sees X and y as they are.
    adjust_features : bool, default=True
        Whether the variants are adjusted too. Without it, effects are biased towards zero wherever
        covariates and variants are correlated (ancestry, batch). With it, adjusted variants are
        one floating matrix of the size of X.

    Attributes
    ----------
    regressor_ : estimator
        The regressor fitted to the adjusted data. Its columns are those of X without the
        covariates, with their names where X is a pandas data frame.
    covariates_ : list of int
        Positions of the covariates in X.
    covariate_mean_ : array of shape (n_covariates,)
        Mean of each covariate in training, (weighted) over all samples.
    target_coef_ : array of shape (n_covariates,) or (n_covariates, \*target_shape)
        Change of y per unit of each covariate.
    target_intercept_ : array of shape target_shape
        Prediction of y at `covariate_mean_`.
    target_mean_ : array of shape target_shape
        Mean of y over observed training cells; 0 where none is observed.
    feature_coef_ : array of shape (n_covariates, n_features_in_ - n_covariates)
        Change of each other column per unit of each covariate; where the variants are adjusted.
    feature_intercept_ : array of shape (n_features_in_ - n_covariates,)
        The other columns at `covariate_mean_`; where the variants are adjusted.
    feature_kept_ : array of shape (n_features_in_ - n_covariates,)
        1, or 0 for a column that the covariates explain but for rounding: the regressor sees 0 in
        its place, in every sample; where the variants are adjusted.
    n_features_in_ : int
        Number of columns of X, covariates included.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, where it has them.

    Notes
    -----
    NaN in y is a cell that is not observed: each target is regressed on its observed samples, and
    NaN is handed on to `regressor`. Covariates may be constant or repeat one another.

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

    def __init__(self, regressor, *, covariates=None, adjust_features=True):
        self.regressor = regressor
        self.covariates = covariates
        self.adjust_features = adjust_features

    def fit(self, X, y, sample_weight=None):
        """Regress the covariates out and fit the regressor.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Variants and covariates. The covariates are complete; variants that are adjusted are
            complete too (see `skgenetics.preprocessing.GenotypeImputer`).
        y : array-like of shape (n_samples,), (n_samples, n_traits) or \
                (n_samples, n_genes, n_tissues)
            Target. NaN, a cell that is not observed, is allowed where `regressor` allows it.
        sample_weight : array-like of shape (n_samples,), default=None
            Frequency weights, for the regressions on covariates and for `regressor`.

        Returns
        -------
        self : CovariateAdjustedRegressor
            The fitted estimator.

        Raises
        ------
        TypeError
            If `regressor` is a classifier.
        ValueError
            If `covariates` does not fit X, names all columns, or holds missing values; if variants
            to be adjusted hold missing values; if there are no more samples than coefficients; if
            `sample_weight` is given and `regressor` takes none.

        Warns
        -----
        UserWarning
            If a target has no more observed samples than coefficients, so that nothing remains.
        """
        if is_classifier(self.regressor):
            raise TypeError(
                "CovariateAdjustedRegressor needs a regressor, got the classifier "
                f"{type(self.regressor).__name__}. Classifiers take covariates as columns of X."
            )
        if sample_weight is not None and not has_fit_parameter(self.regressor, "sample_weight"):
            raise ValueError(
                f"sample_weight was given, but {type(self.regressor).__name__}.fit takes none."
            )
        check_flags(self)
        xp, device = get_namespace_and_device(X)
        X = self._validate(X, reset=True)
        y = self._validate_target(X, y, xp, device)
        names = getattr(self, "feature_names_in_", None)
        self.covariates_ = resolve_columns(
            self.covariates, self.n_features_in_, names, parameter="covariates"
        )
        n_covariates = len(self.covariates_)
        if n_covariates == self.n_features_in_:
            raise ValueError(
                f"covariates names all columns of X (n_features={n_covariates}): no variant is "
                "left to fit the regressor on."
            )
        if n_covariates and X.shape[0] <= n_covariates + 1:
            raise ValueError(
                f"{n_covariates} covariates and an intercept leave nothing of n_samples = "
                f"{X.shape[0]}: use fewer covariates or more samples."
            )
        weight = validate_sample_weight(sample_weight, X.shape[0], xp, device, xp.float64)
        Y = xp.reshape(y, (y.shape[0], -1))
        Y = xp.astype(Y, float_dtype(Y, xp), copy=False)
        self.target_mean_ = xp.reshape(observed_means(Y, weight, xp), tuple(y.shape[1:]))
        if self.covariates_:
            C, others = self._split(X, xp, device)
            share = xp.ones_like(C[:, 0]) if weight is None else xp.astype(weight, C.dtype)
            self.covariate_mean_ = xp.matmul(share, C) / xp.sum(share)
            C = self._center(C, xp)
            self._fit_target(C, Y, y.shape, weight, xp, device)
            if self.adjust_features:
                self._fit_features(C, others, weight, xp, device)
            y = xp.reshape(Y, y.shape) - self._covariate_part(C, y.shape, Y.dtype, xp)
            X = self._adjust_features(X, C, others, xp, device)
        fit_params = {} if weight is None else {"sample_weight": weight}
        self.regressor_ = clone(self.regressor).fit(X, y, **fit_params)
        return self

    def predict(self, X):
        """Predict y: the covariates' part and that of the regressor on the adjusted variants.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Variants and covariates, columns as in `fit`.

        Returns
        -------
        array of the shape that `regressor` predicts
            Predictions in units of y.
        """
        check_is_fitted(self)
        check_same_namespace(self, X, attribute="target_mean_", method="predict")
        xp, device = get_namespace_and_device(X)
        X = self._validate(X, reset=False)
        if not self.covariates_:
            return self.regressor_.predict(X)
        C, others = self._split(X, xp, device)
        C = self._center(C, xp)
        prediction = self.regressor_.predict(self._adjust_features(X, C, others, xp, device))
        dtype = float_dtype(prediction, xp)
        return prediction + self._covariate_part(C, prediction.shape, dtype, xp)

    def adjust(self, X, y=None):
        """Return data without what the covariates explain, by the regressions of the training data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Variants and covariates, columns as in `fit`.
        y : array-like of the rank of the training target, default=None
            Target of these samples.

        Returns
        -------
        X_adjusted : array or DataFrame of shape (n_samples, n_features - n_covariates)
            What `regressor_` sees: residuals, or the columns as they are where `adjust_features` is
            False or there are no covariates.
        y_adjusted : array of the shape of `y`
            Residuals of y; only where y is given.
        """
        check_is_fitted(self)
        check_same_namespace(self, X, attribute="target_mean_", method="adjust")
        xp, device = get_namespace_and_device(X)
        X = self._validate(X, reset=False)
        if y is not None:
            y = self._validate_target(X, y, xp, device)
        if self.covariates_:
            C, others = self._split(X, xp, device)
            C = self._center(C, xp)
            X = self._adjust_features(X, C, others, xp, device)
            if y is not None:
                y = xp.astype(y, float_dtype(y, xp), copy=False)
                y = y - self._covariate_part(C, y.shape, y.dtype, xp)
        return X if y is None else (X, y)

    def score(self, X, y, sample_weight=None):
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
        options = {}
        if np.ndim(y) == 3:
            options = {"baseline": self.target_mean_, "multioutput": "variance_weighted"}
        return masked_r2_score(y, self.predict(X), sample_weight=sample_weight, **options)

    def _validate(self, X, *, reset):
        """Return X validated; a pandas data frame stays one, with the dtypes of its columns."""
        if hasattr(X, "iloc"):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        return validate_data(self, X, reset=reset, ensure_all_finite="allow-nan")

    def _validate_target(self, X, y, xp, device):
        """Return y of any rank, NaN allowed, on X's device."""
        if y is None:
            raise ValueError(
                "CovariateAdjustedRegressor requires y to be passed, but the target y is None."
            )
        y = check_array(
            y, ensure_2d=False, allow_nd=True, ensure_all_finite="allow-nan", input_name="y"
        )
        check_consistent_length(X, y)
        return move_to(y, xp, device)

    def _split(self, X, xp, device):
        """Return the covariates and, as a list of matrices side by side, the other columns.

        The other columns of an array are views.
        """
        if self.adjust_features:
            genotypes = X.select_dtypes("int8").to_numpy() if hasattr(X, "iloc") else X
            if genotypes.shape[1]:
                check_missing_codes(genotypes, xp)
        if hasattr(X, "iloc"):
            C = check_array(X.iloc[:, self.covariates_], ensure_all_finite="allow-nan")
            others = [X.iloc[:, self._others()]]
            if self.adjust_features:
                others = [check_array(others[0], ensure_all_finite="allow-nan")]
        else:
            C = xp.take(X, xp.asarray(self.covariates_, device=device), axis=1)
            bounds = [-1, *sorted(self.covariates_), self.n_features_in_]
            others = [X[:, a + 1 : b] for a, b in pairwise(bounds) if a + 1 < b]
        C = xp.astype(C, float_dtype(C, xp))
        missing = to_numpy(xp.any(xp.isnan(C), axis=0))
        if missing.any():
            raise ValueError(
                f"Input X contains NaN in the covariates {self._names(self.covariates_, missing)}: "
                "drop these samples or impute these columns first."
            )
        return C, others

    def _others(self):
        """Return the positions of the columns that are no covariates."""
        return np.delete(np.arange(self.n_features_in_), self.covariates_)

    def _names(self, columns, mask):
        """Return the names, or positions, of at most five of the `columns` in `mask`."""
        names = getattr(self, "feature_names_in_", np.arange(self.n_features_in_))
        chosen = [str(names[column]) for column, here in zip(columns, mask) if here]
        return ", ".join(chosen[:5]) + (", ..." if len(chosen) > 5 else "")

    def _center(self, C, xp):
        """Return the covariates in double precision minus their training means."""
        return xp.astype(C, xp.float64) - xp.astype(self.covariate_mean_, xp.float64)

    def _fit_target(self, C, Y, shape, weight, xp, device):
        """Regress each target on the covariates over its observed samples."""
        n_observed = to_numpy(xp.sum(xp.astype(~xp.isnan(Y), xp.int64), axis=0))
        exhausted = (n_observed > 0) & (n_observed <= C.shape[1] + 1)
        if exhausted.any():
            warnings.warn(
                f"{exhausted.sum()} of {exhausted.size} targets have no more observed samples than "
                f"the {C.shape[1]} covariates and the intercept have coefficients: nothing of them "
                "remains. Use fewer covariates, or leave these targets out.",
                UserWarning,
                stacklevel=3,
            )
        coef, intercept = regress_observed(C, xp.astype(Y, xp.float64), weight, xp, device)
        self.target_coef_ = xp.reshape(xp.astype(coef, Y.dtype), (C.shape[1], *shape[1:]))
        self.target_intercept_ = xp.reshape(xp.astype(intercept, Y.dtype), tuple(shape[1:]))

    def _fit_features(self, C, others, weight, xp, device):
        """Regress each of the other columns on the covariates."""
        self.feature_coef_, self.feature_intercept_, self.feature_kept_ = regress_blocks(
            C, make_design(C, weight, xp), others, float_dtype(others[0], xp), xp, device
        )
        missing = to_numpy(xp.isnan(self.feature_intercept_))
        if missing.any():
            raise ValueError(
                f"Input X contains NaN in {missing.sum()} columns that are to be adjusted, such as "
                f"{self._names(self._others(), missing)}. Put "
                "skgenetics.preprocessing.GenotypeImputer before this step."
            )

    def _adjust_features(self, X, C, others, xp, device):
        """Return the columns that `regressor` sees."""
        if not self.adjust_features:
            return others[0] if len(others) == 1 else xp.concat(others, axis=1)
        regression = self.feature_coef_, self.feature_intercept_, self.feature_kept_
        adjusted = residuals(C, others, *regression, xp, device)
        if not hasattr(X, "iloc"):
            return adjusted
        columns = X.columns[self._others()]
        pandas = import_optional("pandas", extra="dataframe")
        return pandas.DataFrame(adjusted, index=X.index, columns=columns, copy=False)

    def _covariate_part(self, C, shape, dtype, xp):
        """Return the covariates' part of y, in `shape` and `dtype`."""
        coef = xp.reshape(self.target_coef_, (C.shape[1], -1))
        intercept = xp.reshape(self.target_intercept_, (-1,))
        part = xp.matmul(C, xp.astype(coef, C.dtype)) + xp.astype(intercept, C.dtype)
        return xp.astype(xp.reshape(part, tuple(shape)), dtype, copy=False)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.regressor)
        tags.target_tags = inner.target_tags
        tags.regressor_tags = inner.regressor_tags
        tags.non_deterministic = inner.non_deterministic
        tags.array_api_support = inner.array_api_support
        adjusts = self.covariates is not None and self.adjust_features
        tags.input_tags.allow_nan = inner.input_tags.allow_nan and not adjusts
        return tags
