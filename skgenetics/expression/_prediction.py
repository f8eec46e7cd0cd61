"""What a fitted MILAGERegressor does with new genotypes."""

import warnings

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skgenetics.expression._stages import LAYERS, TransFit, new_factors, trans_values
from skgenetics.expression.cis._regression import CisEffects, predict_cis
from skgenetics.expression.trans._kernel import CenteredGenotypes, cross_kernel
from skgenetics.metrics import masked_r2_score
from skgenetics.utils._arrays import (
    check_same_namespace,
    get_namespace_and_device,
    move_to,
    to_numpy,
)
from skgenetics.utils._validation import as_genotypes

LARGE_PICKLE = 10**8  # bytes


class ExpressionPredictionMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Predict, transform and score from the attributes that `MILAGERegressor.fit` sets."""

    def __getstate__(self):
        """Return the state, with a warning where it holds large training genotypes."""
        X = vars(self).get("X_fit_")
        if X is not None and X.nbytes > LARGE_PICKLE:
            warnings.warn(
                f"Pickling this MILAGERegressor stores {X.nbytes / 1e6:.0f} MB of training "
                "genotypes; call compact() first to keep the effects of variants instead.",
                stacklevel=2,
            )
        return super().__getstate__()

    @property
    def _n_features_out(self):
        """Number of factors, for their names."""
        return self.n_components_

    def predict(self, X):
        """Predict expression.

        Parameters
        ----------
        X : array-like of shape (n, n_variants)
            Dosages of the alleles counted in fit.

        Returns
        -------
        y : array of shape (n, n_genes, n_tissues), (n, n_genes) or (n,)
            As many dimensions as the y of fit.
        """
        X, xp, device = self._validate_new(X, "predict")
        effects = CisEffects(
            to_numpy(self.cis_coef_), to_numpy(self.cis_variants_), to_numpy(self.cis_indptr_),
            None, None,
        )  # fmt: skip
        kernel, fit = self._cross_kernel(X, xp, device), self._trans_fit()
        factors = new_factors(
            fit, kernel, CenteredGenotypes(X, self._scale, xp), self.trans_model, xp
        )
        values = trans_values(factors, fit.layers, xp)
        if self._has_polygenic():
            dual = xp.astype(self.polygenic_coef_, kernel.dtype, copy=False)
            parts = [kernel @ dual[k, :, :] for k in range(dual.shape[0])]
            values = values + xp.stack(parts, axis=2)
        cis = predict_cis(X, effects)
        values = values + move_to(cis, xp, device) + xp.astype(self.intercept_.T, xp.float64)
        scale = xp.astype(self.expression_scale_, xp.float64)[:, None]
        values = values * scale + xp.astype(self.expression_mean_, xp.float64)[:, None]
        values = xp.astype(values, self.intercept_.dtype)
        return xp.reshape(values, tuple(values.shape)[: self._y_ndim])

    def transform(self, X):
        """Return the factors (n, n_components_) of individuals of genotypes X (n, n_variants)."""
        X, xp, device = self._validate_new(X, "transform")
        kernel, genotypes = self._cross_kernel(X, xp, device), CenteredGenotypes(X, self._scale, xp)
        factors = new_factors(self._trans_fit(), kernel, genotypes, self.trans_model, xp)
        return xp.astype(factors, self.intercept_.dtype)

    def score(self, X, y, sample_weight=None):
        """Return R2 on observed cells.

        Parameters
        ----------
        X : array-like of shape (n, n_variants)
            Dosages.
        y : array-like of the rank of the y of fit
            Expression; NaN marks what was not observed.
        sample_weight : array-like of shape (n,), optional
            Frequencies.

        Returns
        -------
        score : float
            3-D y: one ratio of sums of squares over all genes and tissues, about `tissue_mean_`, so
            that the training means score 0. Else the mean R2 of the genes about their own means.
        """
        prediction = self.predict(X)
        options = {}
        if self._y_ndim == 3:
            options = {"baseline": self.tissue_mean_.T, "multioutput": "variance_weighted"}
        return masked_r2_score(y, prediction, sample_weight=sample_weight, **options)

    def compact(self):
        """Replace the training genotypes by the effects of variants, and return the estimator.

        Predictions stay the same.

        Raises
        ------
        ValueError
            With polygenic=True, whose predictions need the training genotypes.
        """
        check_is_fitted(self)
        if self._has_polygenic():
            raise ValueError(
                "polygenic=True predicts from the training genotypes, so compact() cannot drop "
                "them. Fit with polygenic=False."
            )
        if self.dual_coef_ is not None:
            self._variant_coef = self._coefficients()
            self.dual_coef_ = None
        vars(self).pop("X_fit_", None)
        return self

    @property
    def variant_coef_(self):
        """Effects (n_components_, n_variants) of variants on the scores, per counted allele."""
        check_is_fitted(self)
        coef = self._coefficients() / self._scale.size**0.5
        return self._xp(coef).astype(coef.T, self.intercept_.dtype)

    def _coefficients(self):
        """Return the effects (n_variants, T) of centered and scaled genotypes."""
        if self.dual_coef_ is None:
            return self._variant_coef
        xp = self._xp(self.X_fit_)
        genotypes = CenteredGenotypes(self.X_fit_, self._scale, xp)
        return genotypes.T @ xp.astype(self.dual_coef_, xp.float64)

    def _has_polygenic(self):
        """Return whether the polygenic part is fitted; while fitting, callbacks score without."""
        return "polygenic_coef_" in vars(self)

    def _xp(self, array):
        """Return the namespace of a fitted array."""
        return get_namespace_and_device(array)[0]

    def _validate_new(self, X, method):
        """Return X, its namespace and its device."""
        check_is_fitted(self)
        check_same_namespace(self, X, attribute="intercept_", method=method)
        return as_genotypes(self, X, reset=False)

    def _cross_kernel(self, X, xp, device):
        """Return the kernel (n, I) with the training individuals, where a part is dual."""
        if self.dual_coef_ is None and not self._has_polygenic():
            return None
        if self.n_components_ == 0 and not self._has_polygenic():
            n = (X.shape[0], self.X_fit_.shape[0])
            return xp.zeros(n, dtype=xp.float64, device=device)  # no part asks for it
        return cross_kernel(X, self.X_fit_, self._scale, xp)

    def _trans_fit(self):
        """Return the `TransFit` behind the fitted attributes, in double precision."""
        xp = self._xp(self.intercept_)

        def double(array):
            return None if array is None else xp.astype(array, xp.float64, copy=False)

        layers = {LAYERS[n]: double(v) for n, v in vars(self).items() if n in LAYERS}
        return TransFit(
            double(self.dual_coef_), self._variant_coef, self._score_intercept, None, layers, None
        )
