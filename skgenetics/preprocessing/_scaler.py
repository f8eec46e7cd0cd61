"""Centering and scaling of dosages."""

from typing import Any, ClassVar

from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from skgenetics.preprocessing._dosages import are_dosages, summarize_dosages
from skgenetics.utils._arrays import check_same_namespace, float_dtype, namespace_of
from skgenetics.utils._estimator import GeneticsEstimator
from skgenetics.utils._fitting import all_or_nothing
from skgenetics.utils._moments import reciprocal
from skgenetics.utils._parameters import Constraints, Integer, Option, check_parameters
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import as_array, as_genotypes


class GenotypeScaler(OneToOneFeatureMixin, TransformerMixin, GeneticsEstimator):
    r"""Center each variant by its mean dosage and divide it by its standard deviation.

    With :math:`f` the frequency of the counted allele in the training samples and :math:`P` the
    ploidy, the mean dosage is :math:`P f` and the scale is :math:`\sqrt{P f (1 - f)}`, which is
    :math:`\sqrt{2 f (1 - f)}` in diploids under Hardy-Weinberg equilibrium, or the observed
    standard deviation.

    Parameters
    ----------
    scale : {"binomial", "sd"}, default="binomial"
        "binomial" divides by :math:`\sqrt{P f (1 - f)}`, "sd" by the standard deviation of the
        training samples (the sum of squares divided by their number).
    ploidy : int, default=2
        Largest dosage: 2 for diploids; 1 for haploids and inbred lines coded 0 and 1.

    Attributes
    ----------
    mean_ : array of shape (n_variants,)
        Mean dosage in the training samples.
    scale_ : array of shape (n_variants,)
        What each variant is divided by; 0 for a variant that is constant in the training samples.
    n_features_in_ : int
        Number of variants.
    feature_names_in_ : ndarray of shape (n_variants,)
        Names of the variants, if X has any.

    See Also
    --------
    GenotypeImputer : Fill in missing calls first.

    Notes
    -----
    A column that holds a number below 0 or above `ploidy` in training is not a dosage and has no
    allele frequency: such columns (covariates, standardized variants) are divided by their standard
    deviation under either `scale`.

    A variant that is constant in training becomes 0 in all samples, also in new ones that carry the
    allele, since nothing was learned about it. NaN is left out of the moments and stays NaN;
    codes for missing calls, as `GenotypeImputer` finds them, raise. The output is new: floats keep
    their dtype, integers become float64.

    References
    ----------
    Patterson, Price and Reich (2006). Population structure and eigenanalysis. PLoS Genetics 2,
    e190, equations 1 to 3.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics.preprocessing import GenotypeScaler
    >>> X = np.array([[0, 1], [1, 1], [1, 1], [2, 1]], dtype=np.int8)
    >>> GenotypeScaler().fit_transform(X).round(3)
    array([[-1.414,  0.   ],
           [ 0.   ,  0.   ],
           [ 0.   ,  0.   ],
           [ 1.414,  0.   ]])
    """

    _constraints: ClassVar[Constraints] = {
        "scale": [Option("binomial", "sd")],
        "ploidy": [Integer(low=1)],
    }

    def __init__(self, *, scale: str = "binomial", ploidy: int = 2):
        self.scale = scale
        self.ploidy = ploidy

    @all_or_nothing
    def fit(self, X: ArrayLike, y: Any = None) -> "GenotypeScaler":
        """Find the mean and the scale of each variant.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variants)
            Dosages.
        y : None
            Ignored.

        Returns
        -------
        self : GenotypeScaler
            The fitted scaler.

        Raises
        ------
        ValueError
            If a parameter is out of range, or X holds infinity or codes for missing calls.
        """
        check_parameters(self)
        X, xp, _ = as_genotypes(self, X, reset=True, allow_nan=True, ploidy=self.ploidy, tiny=False)
        summary = summarize_dosages(X, {})
        scale = xp.sqrt(summary.variance)
        if self.scale == "binomial":
            frequency = summary.mean / self.ploidy
            binomial = self.ploidy * frequency * (1 - frequency)
            dosage = are_dosages(summary, self.ploidy)
            scale = xp.where(dosage, xp.sqrt(xp.where(dosage, binomial, 0.0)), scale)
        scale = xp.where(summary.varies(), scale, 0.0)
        dtype = float_dtype(X)
        self.mean_ = xp.astype(summary.mean, dtype)
        self.scale_ = xp.astype(scale, dtype)
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Center and scale dosages by what was found in training.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variants)
            Dosages.

        Returns
        -------
        array of shape (n_samples, n_variants)
            A new floating array.
        """
        check_is_fitted(self)
        check_same_namespace(self, X, attribute="mean_", method="transform")
        X, xp, _ = as_genotypes(self, X, reset=False, allow_nan=True, ploidy=self.ploidy)
        scaled = xp.astype(X, float_dtype(X), copy=True)
        scaled -= xp.astype(self.mean_, scaled.dtype, copy=False)
        scaled *= xp.astype(reciprocal(self.scale_), scaled.dtype, copy=False)
        return scaled

    def inverse_transform(self, X: ArrayLike) -> Array:
        """Return scaled variants to dosages; constant variants return to their mean.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variants)
            Scaled variants.

        Returns
        -------
        array of shape (n_samples, n_variants)
            A new floating array.

        Raises
        ------
        ValueError
            If X has another number of columns than the training data.
        """
        check_is_fitted(self)
        check_same_namespace(self, X, attribute="mean_", method="inverse_transform")
        X = check_array(as_array(X)[0], ensure_all_finite="allow-nan")
        xp = namespace_of(X)
        if X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {X.shape[1]} variants, but GenotypeScaler was fitted with "
                f"{self.n_features_in_}."
            )
        dosages = xp.astype(X, float_dtype(X), copy=True)
        dosages *= xp.astype(self.scale_, dosages.dtype, copy=False)
        dosages += xp.astype(self.mean_, dosages.dtype, copy=False)
        return dosages

    def __sklearn_tags__(self) -> Any:
        """Declare missing calls, array API support and dtypes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.array_api_support = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
