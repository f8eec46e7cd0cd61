"""Mean imputation of missing genotype calls."""

import warnings
from numbers import Real
from typing import Any, ClassVar

from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skgenetics.preprocessing._dosages import observed_blocks, summarize_dosages
from skgenetics.utils._arrays import (
    check_same_namespace,
    device_of,
    float_dtype,
    namespace_of,
    to_numpy,
)
from skgenetics.utils._estimator import GeneticsEstimator
from skgenetics.utils._fitting import all_or_nothing
from skgenetics.utils._missing_codes import PLINK_BYTES, Codes
from skgenetics.utils._parameters import Constraints, Instance, ParameterError, check_parameters
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import read_dosages, refuse_codes


class GenotypeImputer(OneToOneFeatureMixin, TransformerMixin, GeneticsEstimator):
    """Replace missing genotype calls by the mean dosage of the training samples.

    A call is missing if X is NaN, is masked, equals one of `missing_codes`, or is a code that the
    column shows by itself (see Notes). Of a data frame that mixes dtypes each column goes by its
    own. Covariates and standardized variants are left alone.

    Parameters
    ----------
    missing_codes : sequence of numbers, default=()
        Further numbers that stand for a missing call, in all columns of X of any dtype: ``(3,)``
        for raw PLINK bytes, ``(-1,)`` for floats or for haploids coded 0 and 1.

    Attributes
    ----------
    mean_ : array of shape (n_variants,)
        Mean dosage of the counted allele in the training samples, over observed calls; 0 for a
        variant that was never observed.
    n_features_in_ : int
        Number of variants.
    feature_names_in_ : ndarray of shape (n_variants,)
        Names of the variants, if X has any.

    See Also
    --------
    GenotypeScaler : Center and scale dosages.

    Notes
    -----
    The output is always new and always floating: floats keep their dtype, integers become float64
    whether or not a call is missing, so that the dtype does not depend on the data.

    A column shows a code for missing calls if all else in it is dosages:

    * -9, -99, -999, -127, -128, 99, 127, 255 (and what -9, -127 and -1 become in unsigned
      integers) beside 0 to 8 in a column of integers, beside 0 to 2 in a column of floats;
    * 9, the code of EIGENSTRAT, beside 0 to 2;
    * in a column of integers, one other negative number beside 0 to 2.

    In floats, positive codes need whole numbers beside them. In integers, -1 is a genotype if they
    are coded -1, 0, 1: there is no 2 in X, and -1 is a quarter of the calls or more, or 0 does not
    occur. A 3 beside 0 to 2 in a column of integers, which raw PLINK bytes mean as missing and
    triploids do not, raises unless `missing_codes` holds it; make floats of triploids. In new
    samples, a column that held integers from 0 to 2 in training has a code wherever
    one of these numbers stands. The estimators of this package refuse X by the same rule.

    A variant never observed in training is filled with 0, with a warning, so that one such variant
    does not end a cross-validation fold; `MinorAlleleFrequencyThreshold` before this step removes
    it.

    Arrays of any namespace and device that scikit-learn dispatches stay on their device.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics.preprocessing import GenotypeImputer
    >>> X = np.array([[0, 2], [1, -9], [2, 1]], dtype=np.int8)
    >>> GenotypeImputer().fit_transform(X)
    array([[0. , 2. ],
           [1. , 1.5],
           [2. , 1. ]])
    """

    _constraints: ClassVar[Constraints] = {
        "missing_codes": [Instance(tuple, list, noun="a tuple or list of numbers, such as (9,)")]
    }

    def __init__(self, *, missing_codes: Any = ()):
        self.missing_codes = missing_codes

    @all_or_nothing
    def fit(self, X: ArrayLike, y: Any = None) -> "GenotypeImputer":
        """Find the mean dosage of each variant.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variants)
            Dosages, with missing calls.
        y : None
            Ignored.

        Returns
        -------
        self : GenotypeImputer
            The fitted imputer.

        Raises
        ------
        TypeError
            If `missing_codes` is not a sequence of numbers.
        ValueError
            If X is not numeric or holds infinity.

        Warns
        -----
        UserWarning
            If a variant has no observed call.
        """
        check_parameters(self)
        if not all(isinstance(code, Real) for code in self.missing_codes):
            raise ParameterError(
                "missing_codes must be a tuple or list of numbers, such as (9,); "
                f"got {self.missing_codes!r}."
            )
        X, codes, integer = read_dosages(self, X, reset=True, given=self.missing_codes)
        self._refuse_threes(codes, X, integer)
        xp = namespace_of(X)
        summary = summarize_dosages(X, codes)
        self.mean_ = xp.astype(summary.mean, float_dtype(X))
        unseen = to_numpy(summary.n_observed) == 0
        if unseen.any():
            names = [str(name) for name in self.get_feature_names_out()[unseen]]
            shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
            warnings.warn(
                f"{len(names)} of {X.shape[1]} variants have no observed call in the training "
                f"samples and are filled with 0: {shown}. MinorAlleleFrequencyThreshold before "
                "this step removes them.",
                UserWarning,
                stacklevel=3,
            )
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Fill in missing calls.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variants)
            Dosages, with missing calls.

        Returns
        -------
        array of shape (n_samples, n_variants)
            A new floating array without missing calls.
        """
        check_is_fitted(self)
        check_same_namespace(self, X, attribute="mean_", method="transform")
        X, codes, integer = read_dosages(self, X, reset=False, given=self.missing_codes)
        self._refuse_threes(codes, X, integer)
        xp, device = namespace_of(X), device_of(X)
        dtype = float_dtype(X)
        mean = xp.astype(self.mean_, dtype, copy=False)
        imputed = xp.empty(X.shape, dtype=dtype, device=device)
        for columns, block, observed in observed_blocks(X, codes, dtype):
            imputed[:, columns] = xp.where(observed, block, mean[columns])
        return imputed

    def _refuse_threes(self, codes: Codes, X: Array, integer: Any) -> None:
        """Raise ValueError if a 3 may be a missing call or not."""
        if PLINK_BYTES in codes and PLINK_BYTES not in self.missing_codes:
            threes: Codes = {PLINK_BYTES: codes[PLINK_BYTES]}
            refuse_codes(threes, X, integer, getattr(self, "feature_names_in_", None), "X")

    def __sklearn_tags__(self) -> Any:
        """Declare missing calls, array API support and dtypes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.array_api_support = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
