"""What a fitted MILAGERegressor does with new genotypes."""

import warnings
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skgenetics.expression._stages import LAYERS
from skgenetics.expression.cis._regression import CisEffects, predict_cis
from skgenetics.expression.trans._fit import TransFit, new_factors, trans_values
from skgenetics.expression.trans._kernel import CenteredGenotypes, cross_kernel
from skgenetics.metrics import masked_r2_score
from skgenetics.utils._arrays import (
    check_same_namespace,
    device_of,
    move_to,
    namespace_of,
    to_numpy,
)
from skgenetics.utils._optional import import_optional
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import as_genotypes

LARGE_PICKLE = 10**8  # bytes
ROUNDING = 1e-3  # of dosages


def are_dosages(X: Array) -> bool:
    """Return whether all of X is from 0 to 2, up to rounding."""
    xp = namespace_of(X)
    return float(xp.min(X)) >= -ROUNDING and float(xp.max(X)) <= 2 + ROUNDING


class ExpressionPredictionMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Predict, transform and score from the attributes that `MILAGERegressor.fit` sets."""

    dual_coef_: Array
    intercept_: Array

    def __getstate__(self) -> dict[str, Any]:
        """Return the state, with a warning if it holds large training genotypes."""
        X = vars(self).get("X_fit_")
        if X is not None and X.nbytes > LARGE_PICKLE:
            warnings.warn(
                f"Pickling this MILAGERegressor stores {X.nbytes / 1e6:.0f} MB of training "
                "genotypes; call compact() first to keep the effects of variants instead.",
                stacklevel=2,
            )
        return super().__getstate__()

    @property
    def _n_features_out(self) -> int:
        """Number of factors, for their names."""
        return self.n_components_

    def predict(self, X: ArrayLike) -> Array:
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
        X = self._new_genotypes(X, "predict")
        xp, kernel = namespace_of(X), self._cross_kernel(X)
        values = trans_values(self._factors(X, kernel), self._layers())
        if self._has_polygenic():
            values = values + self._polygenic_values(kernel)
        cis = move_to(predict_cis(X, self._cis_effects()), xp, device_of(X))
        values = values + cis + xp.astype(self.intercept_.T, xp.float64)
        scale = xp.astype(self.expression_scale_, xp.float64)[:, None]
        values = values * scale + xp.astype(self.expression_mean_, xp.float64)[:, None]
        values = xp.astype(values, self.intercept_.dtype)
        return xp.reshape(values, tuple(values.shape)[: self._y_ndim])

    def transform(self, X: ArrayLike) -> Array:
        """Return the factors (n, n_components_) of individuals of genotypes X (n, n_variants)."""
        X = self._new_genotypes(X, "transform")
        factors = self._factors(X, self._cross_kernel(X))
        return namespace_of(X).astype(factors, self.intercept_.dtype)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
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
        if self._y_ndim < 3:
            return masked_r2_score(y, prediction, sample_weight=sample_weight)
        return masked_r2_score(
            y, prediction, sample_weight=sample_weight, baseline=self.tissue_mean_.T,
            multioutput="variance_weighted",
        )  # fmt: skip

    def compact(self) -> "ExpressionPredictionMixin":
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
        self.__dict__.pop("X_fit_", None)
        return self

    def cis_frame(self, gene_names: Any = None, tissue_names: Any = None) -> Any:
        """Return a pandas data frame with a row per gene, tissue and variant: the cis effects.

        Parameters
        ----------
        gene_names, tissue_names : sequence of str, optional
            One name per gene and per tissue of y; by default their numbers.

        Returns
        -------
        frame : pandas.DataFrame
            Columns gene, tissue, variant_id and effect: expression, in the units of y, per counted
            allele. Effects that are 0 are left out.

        Raises
        ------
        ValueError
            If a list of names has another length.
        """
        check_is_fitted(self)
        pandas = import_optional("pandas", extra="dataframe")
        n_tissues, n_genes = self.intercept_.shape
        genes = _names(gene_names, n_genes, "gene_names")
        tissues = _names(tissue_names, n_tissues, "tissue_names")
        effects, scale = self._cis_effects(), to_numpy(self.expression_scale_)
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])
        gene = np.repeat(np.arange(n_genes), np.diff(effects.indptr))
        place, tissue = np.nonzero(effects.coef.T)
        return pandas.DataFrame(
            {
                "gene": genes[gene[place]],
                "tissue": tissues[tissue],
                "variant_id": np.asarray(names)[effects.variants[place]],
                "effect": effects.coef.T[place, tissue] * scale[gene[place]],
            }
        )

    def to_frame(self) -> Any:
        """Return a pandas data frame with a row per variant: its effects on the factors.

        Returns
        -------
        frame : pandas.DataFrame
            Columns variant_id and, per factor, the effects on its scores per counted allele
            (`variant_coef_`), named as by `get_feature_names_out`.
        """
        check_is_fitted(self)
        pandas = import_optional("pandas", extra="dataframe")
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])
        effects = zip(self.get_feature_names_out(), to_numpy(self.variant_coef_))
        return pandas.DataFrame({"variant_id": names, **dict(effects)})

    @property
    def variant_coef_(self) -> Array:
        """Effects (n_components_, n_variants) of variants on the scores, per counted allele."""
        check_is_fitted(self)
        coef = self._coefficients() / self._scale.size**0.5
        return namespace_of(coef).astype(coef.T, self.intercept_.dtype)

    def _coefficients(self) -> Array:
        """Return the effects (n_variants, T) of centered and scaled genotypes."""
        if self.dual_coef_ is None:
            return self._variant_coef
        return CenteredGenotypes(self.X_fit_, self._scale).T @ _double(self.dual_coef_)

    def _has_polygenic(self) -> bool:
        """Return whether the polygenic part is fitted; while fitting, callbacks score without."""
        return "polygenic_coef_" in vars(self)

    def _new_genotypes(self, X: ArrayLike, method: str) -> Array:
        """Return validated genotypes of new individuals."""
        check_is_fitted(self)
        check_same_namespace(self, X, attribute="intercept_", method=method)
        X = as_genotypes(self, X, reset=False)[0]
        if self._holds_dosages and not are_dosages(X):
            xp = namespace_of(X)
            raise ValueError(
                f"X holds numbers from {float(xp.min(X)):g} to {float(xp.max(X)):g}; the genotypes "
                "of fit were dosages from 0 to 2. Pass dosages of the same alleles."
            )
        return X

    def _cross_kernel(self, X: Array) -> Array | None:
        """Return the kernel (n, I) with the training individuals, or None if no part is dual."""
        if self.dual_coef_ is None and not self._has_polygenic():
            return None
        if self.n_components_ == 0 and not self._has_polygenic():
            xp, shape = namespace_of(X), (X.shape[0], self.X_fit_.shape[0])
            return xp.zeros(shape, dtype=xp.float64, device=device_of(X))  # no part asks for it
        return cross_kernel(X, self.X_fit_, self._scale)

    def _factors(self, X: Array, kernel: Array | None) -> Array:
        """Return the factors (n, T) of new individuals, in double precision."""
        dual = None if self.dual_coef_ is None else _double(self.dual_coef_)
        fit = TransFit(dual, self._variant_coef, self._score_intercept, None, {}, None)
        return new_factors(fit, kernel, CenteredGenotypes(X, self._scale), self.trans_model)

    def _layers(self) -> dict[str, Array]:
        """Return the effects of factors, in double precision."""
        return {key: _double(vars(self)[n]) for n, key in LAYERS.items() if n in vars(self)}

    def _polygenic_values(self, kernel: Array) -> Array:
        """Return the polygenic part (n, J, K)."""
        xp = namespace_of(kernel)
        dual = xp.astype(self.polygenic_coef_, kernel.dtype, copy=False)
        return xp.stack([kernel @ dual[k, :, :] for k in range(dual.shape[0])], axis=2)

    def _cis_effects(self) -> CisEffects:
        """Return the effects of the cis part, on the host."""
        coef, variants = to_numpy(self.cis_coef_), to_numpy(self.cis_variants_)
        return CisEffects(coef, variants, to_numpy(self.cis_indptr_), None)


def _names(names: Any, count: int, parameter: str) -> np.ndarray:
    """Return one name per gene or tissue, by default its number."""
    if names is None:
        return np.arange(count)
    if len(names) != count:
        raise ValueError(f"{parameter} must have {count} entries; got {len(names)}.")
    return np.asarray(names)


def _double(array: Array) -> Array:
    """Return an array in double precision."""
    xp = namespace_of(array)
    return xp.astype(array, xp.float64, copy=False)
