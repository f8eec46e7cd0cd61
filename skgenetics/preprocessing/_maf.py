"""Selection of variants by minor allele frequency."""

from typing import Any, ClassVar

from skgenetics.preprocessing._dosages import minor_allele_frequencies, summarize_dosages
from skgenetics.preprocessing._selector import VariantSelectorMixin
from skgenetics.utils._arrays import float_dtype, namespace_of
from skgenetics.utils._estimator import GeneticsEstimator
from skgenetics.utils._fitting import all_or_nothing
from skgenetics.utils._parameters import Constraints, Integer, Number, check_parameters
from skgenetics.utils._typing import ArrayLike
from skgenetics.utils._validation import read_dosages


class MinorAlleleFrequencyThreshold(VariantSelectorMixin, GeneticsEstimator):
    """Keep variants whose rarer allele is frequent enough in the training samples.

    The frequency of the counted allele is the mean observed dosage over the ploidy; the minor
    allele frequency is the smaller of that and its complement. Dosages need not be whole numbers.

    Parameters
    ----------
    threshold : float, default=0.01
        Smallest minor allele frequency that is kept, between 0 and 0.5. A variant exactly at the
        threshold is kept, as in PLINK.
    ploidy : int, default=2
        Largest dosage: 2 for diploids; 1 for haploids and inbred lines coded 0 and 1.

    Attributes
    ----------
    maf_ : array of shape (n_variants,)
        Minor allele frequency in the training samples; 0 for a variant that was never observed, NaN
        for a column that is not a dosage.
    support_ : boolean array of shape (n_variants,)
        Which variants are kept.
    n_features_in_ : int
        Number of variants.
    feature_names_in_ : ndarray of shape (n_variants,)
        Names of the variants, if X has any.

    See Also
    --------
    LDPruner : Drop variants that repeat others.

    Notes
    -----
    NaN, and codes as `GenotypeImputer` finds them, are missing calls: they are left out of the
    frequency and pass through `transform`, so that this step may stand before `GenotypeImputer`.

    A column that holds another number below 0 or above `ploidy` in training is not a dosage (a
    covariate, a standardized variant), has no allele frequency and is kept.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics.preprocessing import MinorAlleleFrequencyThreshold
    >>> X = np.array([[0, 2, 1], [0, 2, -9], [0, 2, 2], [1, 2, 0]], dtype=np.int8)
    >>> selector = MinorAlleleFrequencyThreshold(0.125).fit(X)
    >>> selector.maf_
    array([0.125, 0.   , 0.5  ])
    >>> selector.get_support()
    array([ True, False,  True])
    """

    _constraints: ClassVar[Constraints] = {
        "threshold": [Number(0, 0.5, closed="both")],
        "ploidy": [Integer(low=1)],
    }

    def __init__(self, threshold: float = 0.01, *, ploidy: int = 2):
        self.threshold = threshold
        self.ploidy = ploidy

    @all_or_nothing
    def fit(self, X: ArrayLike, y: Any = None) -> "MinorAlleleFrequencyThreshold":
        """Find the minor allele frequency of each variant.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variants)
            Dosages, with missing calls.
        y : None
            Ignored.

        Returns
        -------
        self : MinorAlleleFrequencyThreshold
            The fitted selector.

        Raises
        ------
        ValueError
            If a parameter is out of range, X holds infinity, or no variant reaches the threshold.
        """
        check_parameters(self)
        X, codes, _ = read_dosages(self, X, reset=True, ploidy=self.ploidy)
        xp = namespace_of(X)
        maf = minor_allele_frequencies(summarize_dosages(X, codes), self.ploidy)
        support = xp.isnan(maf) | (maf >= self.threshold)
        if not bool(xp.any(support)):
            raise ValueError(
                f"No variant has a minor allele frequency of {self.threshold} or more; the largest "
                f"of {X.shape[1]} is {float(xp.max(maf)):.4g}. Lower the threshold."
            )
        self.maf_ = xp.astype(maf, float_dtype(X))
        self.support_ = support
        return self
