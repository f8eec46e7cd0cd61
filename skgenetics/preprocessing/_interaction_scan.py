"""The scan of all pairs of variants as a transformer."""

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from scipy import special
from sklearn.base import TransformerMixin
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from skgenetics.utils._arrays import slices, to_numpy
from skgenetics.utils._estimator import GeneticsEstimator
from skgenetics.utils._fitting import all_or_nothing
from skgenetics.utils._labels import labels_of_fit
from skgenetics.utils._moments import column_moments
from skgenetics.utils._opened import Opened, OpenedGenotypes
from skgenetics.utils._optional import import_optional
from skgenetics.utils._pair_counts import count_genotypes, counted_candidates
from skgenetics.utils._pair_scan import (
    PairTests,
    in_batches,
    large_products,
    product_tests,
    sorted_tests,
)
from skgenetics.utils._parameters import (
    Anything,
    Constraints,
    Integer,
    Number,
    Numbers,
    check_parameters,
)
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import as_genotypes

if TYPE_CHECKING:
    import pandas as pd

LOOSER = 0.92  # of the limit on z: the score of the screen differs from that of the test
FEW_LABELS = 2  # distinct values of a target that is read as cases and controls


class InteractionScan(TransformerMixin, GeneticsEstimator):
    r"""Test all pairs of variants for a product effect, and add the products found as features.

    The model of a pair is :math:`y = b_0 + b_1 x_i + b_2 x_j + b_3 x_i x_j + e`, and
    :math:`b_3 = 0` is tested, as by PLINK's ``--epistasis``. A score, one product of matrices for a
    block of pairs, tells which pairs are tested exactly: those of p below about `p_value`. For hard
    calls without missing ones the product counts bits, which is several times as fast.

    Parameters
    ----------
    fdr : float, default=0.05
        :meth:`transform` adds the pairs of at most this false discovery rate (Benjamini and
        Hochberg) among all pairs.
    p_value : float, default=1e-4
        Pairs of larger p are not in the table.
    covariates : array-like of shape (n_samples, n_covariates) or None, default=None
        Regressed out of the trait. For :meth:`fit` on all of these samples; in cross-validation,
        regress them out before.
    max_r2 : float, default=0.1
        Pairs of variants of larger squared correlation are left out: under LD a product stands
        for a third variant that is not in the data.
    min_distance : int, default=0
        Pairs closer than this, in base pairs on one chromosome, are left out; with `positions`.
    positions, chromosomes : array-like of shape (n_variants,) or None, default=None
        Places of the variants, for `min_distance`. Those of opened genotypes are known.
    block_size : int, default=512
        Variants read at a time.

    Attributes
    ----------
    pairs_ : ndarray of shape (n_pairs, 2)
        Pairs that :meth:`transform` adds, in rising order of p.
    tests_ : named tuple
        pairs, coef (of the product of standardized dosages), z, p_value, q_value and r2 of the
        pairs below `p_value`, and n_tests, the number of all pairs.
    mean_, scale_ : ndarray of shape (n_variants,)
        Of the dosages; the products are of standardized dosages.
    n_features_in_ : int
        Number of variants.
    feature_names_in_ : ndarray of str
        Names of the columns of X, if all are strings.

    Notes
    -----
    A trait of two values is read as controls and cases: residuals are those from the share of
    cases, and p that may count among all pairs (below 10 over their number) is that of a
    saddle-point approximation, since the normal one is far too small for rare cases and rare
    alleles.

    Opened genotypes (:func:`skgenetics.io.read_genotypes`) are read a block of variants at a time;
    missing calls count as the mean.

    References
    ----------
    S. Purcell et al., "PLINK", American Journal of Human Genetics 81, 2007. R. Lugannani and S.
    Rice, "Saddle point approximation for the distribution of the sum of independent random
    variables", Advances in Applied Probability 12, 1980.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics.preprocessing import InteractionScan
    >>> rng = np.random.default_rng(1)
    >>> X = rng.binomial(2, 0.4, size=(1000, 30))
    >>> y = (X[:, 3] - 0.8) * (X[:, 8] - 0.8) + rng.normal(size=1000)
    >>> scan = InteractionScan().fit(X, y)
    >>> scan.pairs_
    array([[3, 8]])
    >>> scan.transform(X).shape
    (1000, 31)
    """

    _constraints: ClassVar[Constraints] = {
        "fdr": [Number(low=0, high=1, closed="right")],
        "p_value": [Number(low=0, high=1, closed="right")],
        "covariates": [None, Numbers("an array (n_samples, n_covariates)")],
        "max_r2": [Number(low=0, high=1, closed="both")],
        "min_distance": [Integer(low=0)],
        "positions": [None, Numbers("an array (n_variants,)")],
        "chromosomes": [None, Anything("an array (n_variants,)")],
        "block_size": [Integer(low=1)],
    }

    pairs_: np.ndarray
    tests_: PairTests

    def __init__(
        self,
        *,
        fdr: float = 0.05,
        p_value: float = 1e-4,
        covariates: ArrayLike | None = None,
        max_r2: float = 0.1,
        min_distance: int = 0,
        positions: ArrayLike | None = None,
        chromosomes: ArrayLike | None = None,
        block_size: int = 512,
    ) -> None:
        self.fdr = fdr
        self.p_value = p_value
        self.covariates = covariates
        self.max_r2 = max_r2
        self.min_distance = min_distance
        self.positions = positions
        self.chromosomes = chromosomes
        self.block_size = block_size

    @all_or_nothing
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Test all pairs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variants) or Genotypes
            Dosages of the counted allele, without missing values; opened genotypes may have them.
        y : array-like of shape (n_samples,)
            A trait, or two labels of controls and cases, in sorted order.

        Returns
        -------
        self : InteractionScan
        """
        check_parameters(self)
        places = self.positions, self.chromosomes
        if isinstance(X, OpenedGenotypes):
            table = X.variants
            places = np.asarray(table["base_pair_location"]), np.asarray(table["chromosome"])
        X = self._dosages(X, reset=True)
        n, m = X.shape
        target, mean, n_covariates = self._target(y, n)
        countable = self._set_scales(X)
        limit = -LOOSER * special.ndtri(self.p_value / 2) * target.std() * np.sqrt(n)
        limit = limit if target.any() else np.inf
        if countable:
            found = counted_candidates(
                lambda part: X[:, part],
                self.mean_,
                self.scale_,
                target,
                limit,
                block=self.block_size,
            )
        else:
            found = large_products(
                lambda part: self._standardized(X, part),
                m,
                target.astype(np.float32)[:, None],
                np.array([limit]),
                block=self.block_size,
            )
        pairs, tests = [], []
        for some in in_batches(found):
            results = product_tests(
                lambda index: X[:, index],
                some,
                target,
                np.ones(n),
                n_nuisance=n_covariates,
                mean=mean,
                n_tests=m * (m - 1) / 2,
            )
            keep = (results[2] <= self.p_value) & (results[3] <= self.max_r2)
            keep &= self._far(some, *places)
            pairs.append(some[keep])
            tests.append(results[:, keep])
        self.tests_ = sorted_tests(
            np.concatenate(pairs), np.concatenate(tests, axis=1), m * (m - 1) // 2
        )
        self.pairs_ = self.tests_.pairs[self.tests_.q_value <= self.fdr]
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Return X and, beside it, the products of the pairs found.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variants) or Genotypes
            Opened genotypes are read as a whole, missing calls as the means in training.

        Returns
        -------
        array of shape (n_samples, n_variants + n_pairs)
        """
        check_is_fitted(self)
        X = self._dosages(X, reset=False)[:, :]
        Z = [(X[:, index] - self.mean_[index]) / self.scale_[index] for index in self.pairs_.T]
        dtype = X.dtype if X.dtype.kind == "f" else np.float64
        return np.concatenate([X.astype(dtype), (Z[0] * Z[1]).astype(dtype)], axis=1)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the names of the columns of :meth:`transform`.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the variants; None: those that `fit` has seen, or x0, x1, ....

        Returns
        -------
        names : ndarray of str
            Products are named "first*second".
        """
        check_is_fitted(self)
        names = np.asarray(self._names(input_features), dtype=object)
        products = [f"{names[i]}*{names[j]}" for i, j in self.pairs_]
        return np.concatenate([names, np.array(products, dtype=object)])

    def to_frame(self) -> "pd.DataFrame":
        """Return the table of pairs.

        Returns
        -------
        table : pandas.DataFrame
            One row per pair with p below `p_value`: variant_id_1, variant_id_2, coef, z, p_value,
            q_value, r2.
        """
        check_is_fitted(self)
        pandas = import_optional("pandas", extra="dataframe")
        names = np.asarray(self._names(None), dtype=object)
        first, second = names[self.tests_.pairs.T]
        columns = {"variant_id_1": first, "variant_id_2": second}
        columns |= {name: getattr(self.tests_, name) for name in self.tests_._fields[1:-1]}
        return pandas.DataFrame(columns)

    def _set_scales(self, X: Any) -> bool:
        """Set means and standard deviations; return whether all dosages are 0, 1 and 2."""
        n, m = X.shape
        self.mean_, self.scale_ = np.empty(m), np.empty(m)
        countable = True
        for columns in slices(m, self.block_size):
            block = X[:, columns]
            ones, twos = np.zeros((2, block.shape[1]), dtype=np.int64)
            if countable := countable and count_genotypes(block, ones, twos):
                total = ones + 2 * twos
                mean, variance = total / n, (n * (total + 2 * twos) - total**2) / n**2
            else:
                mean, variance, _ = column_moments(block, np.full(n, 1 / n))
            self.mean_[columns] = mean
            self.scale_[columns] = np.where(variance > 0, np.sqrt(variance), np.inf)
        return countable

    def _names(self, names: ArrayLike | None) -> ArrayLike:
        """Return names of the variants."""
        if names is not None:
            return names
        return getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])

    def _dosages(self, X: Any, *, reset: bool) -> Any:
        """Return validated dosages, on the host or on disk."""
        X, _, _ = as_genotypes(self, X, reset=reset, min_samples=6 if reset else 1, opened=True)
        return X if isinstance(X, Opened) else to_numpy(X)

    def _target(self, y: ArrayLike, n: int) -> tuple[np.ndarray, np.ndarray | None, int]:
        """Return the residual of the trait (n,), the share of cases or None, and covariates."""
        y = column_or_1d(to_numpy(y), warn=True)
        check_consistent_length(y, np.empty(n))
        try:
            labels = np.unique(y)
        except TypeError:  # of several kinds
            labels = np.unique(y.astype(str))
        mean = None
        if len(labels) == FEW_LABELS:
            y = (y == labels[1]).astype(np.float64)
        try:
            y = y.astype(np.float64)
        except (TypeError, ValueError):
            raise ValueError(
                f"Unknown label type: y must hold numbers, or two labels; got {len(labels)} values "
                f"of {y.dtype}."
            ) from None
        if not np.all(np.isfinite(y)):
            raise ValueError("y holds NaN or infinity; drop these samples before the scan.")
        design = np.ones((n, 1))
        if self.covariates is not None:
            covariates = np.asarray(self.covariates, dtype=np.float64)
            check_consistent_length(covariates, y)
            if not np.all(np.isfinite(covariates)):
                raise ValueError(
                    "covariates hold NaN or infinity; impute them, or drop these samples."
                )
            design = np.column_stack([design, covariates])
        solution, *_ = np.linalg.lstsq(design, y)
        fitted = design @ solution
        if len(labels) == FEW_LABELS:
            fitted = mean = np.clip(fitted, 1e-4, 1 - 1e-4)
        return y - fitted, mean, design.shape[1] - 1

    def _standardized(self, X: Any, columns: slice) -> np.ndarray:
        """Return standardized dosages."""
        return ((X[:, columns] - self.mean_[columns]) / self.scale_[columns]).astype(np.float32)

    def _far(self, pairs: np.ndarray, positions: Any, chromosomes: Any) -> np.ndarray:
        """Whether pairs are at least `min_distance` apart."""
        if not self.min_distance:
            return np.ones(len(pairs), dtype=bool)
        if positions is None:
            raise ValueError("min_distance needs positions, in base pairs.")
        first, second = pairs.T
        positions = self._of_variants(positions, "positions").astype(np.float64)
        far = np.abs(positions[first] - positions[second]) >= self.min_distance
        if chromosomes is not None:
            chromosomes = self._of_variants(chromosomes, "chromosomes")
            far |= chromosomes[first] != chromosomes[second]
        return far

    def _of_variants(self, values: Any, name: str) -> np.ndarray:
        """Return one value per variant (m,), in their order."""
        values = np.asarray(labels_of_fit(self).match(values, name))
        if values.shape != (self.n_features_in_,):
            raise ValueError(
                f"{name} must hold one value for each of the {self.n_features_in_} variants; got "
                f"an array of shape {values.shape}."
            )
        return values
