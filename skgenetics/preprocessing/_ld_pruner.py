"""Greedy pruning of variants in linkage disequilibrium."""

from typing import Any, ClassVar

import numpy as np
from scipy.sparse import coo_array

from skgenetics.preprocessing._dosages import (
    DosageSummary,
    minor_allele_frequencies,
    observed_blocks,
    summarize_dosages,
)
from skgenetics.preprocessing._selector import VariantSelectorMixin
from skgenetics.utils._arrays import device_of, float_dtype, move_to, namespace_of, to_numpy
from skgenetics.utils._estimator import GeneticsEstimator
from skgenetics.utils._fitting import all_or_nothing
from skgenetics.utils._labels import Labels, labels_of_columns
from skgenetics.utils._missing_codes import Codes
from skgenetics.utils._moments import reciprocal
from skgenetics.utils._parameters import (
    Anything,
    Constraints,
    Integer,
    Number,
    Option,
    check_parameters,
)
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import read_dosages

NEAR_VARIANTS, NEAR_BASE_PAIRS = 1000, 500_000  # windows that are used if none is given


class LDPruner(VariantSelectorMixin, GeneticsEstimator):
    """Drop variants that are correlated with a variant kept before them, within a window.

    Variants are visited one by one, in the order that `keep` names. A variant still there is kept,
    and all others in its window with ``|r| > threshold`` are dropped. Any two variants kept within
    a window then have ``|r| <= threshold``, and each variant dropped has a kept one above it.

    Parameters
    ----------
    threshold : float, default=0.99
        Largest absolute correlation of two kept variants, between 0 and 1 (PLINK's thresholds are
        its square).
    window : float, default=None
        Farthest two variants may be apart to be compared, this distance included: in variants, or
        in base pairs if there are `positions`. None means 1,000 variants, or 500,000 base pairs.
    positions : array-like of shape (n_variants,) or dict, default=None
        Positions in base pairs, ascending within a chromosome; or a dict (a pandas Series) from
        the names of X's columns to positions, which still holds after other selectors.
    chromosomes : array-like of shape (n_variants,) or dict, default=None
        Chromosome of each variant, given like `positions`; each chromosome in one run of columns.
        Variants of different chromosomes are not compared. None means that all lie on one.
    keep : {"first", "maf"}, default="first"
        Order of the visit: as the columns stand, or by descending minor allele frequency, ties in
        the order of the columns.
    ploidy : int, default=2
        Largest dosage, for the minor allele frequency.

    Attributes
    ----------
    support_ : boolean array of shape (n_variants,)
        Which variants are kept.
    kept_for_ : integer array of shape (n_variants,)
        For each variant, the column of the kept variant that stands for it: itself if it is
        kept, else the one that dropped it.
    n_features_in_ : int
        Number of variants.
    feature_names_in_ : ndarray of shape (n_variants,)
        Names of the variants, if X has any.

    See Also
    --------
    MinorAlleleFrequencyThreshold : Drop rare variants first.

    Notes
    -----
    r is the correlation of dosages over the training samples, with missing calls (NaN, and codes as
    `GenotypeImputer` finds them) at the variant's mean. They stay missing in the output. A
    variant that is constant has r = 0 with all others and is kept. Columns that are not dosages
    come first under ``keep="maf"``.

    Correlations are products of tiles of columns on X's device, the pairs above the threshold go to
    the host: time n_samples * n_variants * window, memory the pairs found and two tiles, never a
    matrix of n_variants squared nor a float copy of X.

    References
    ----------
    Purcell et al. (2007). PLINK. American Journal of Human Genetics 81, 559-575. Its
    ``--indep-pairwise`` prunes likewise.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics.preprocessing import LDPruner
    >>> X = np.array([[0, 0, 2], [1, 1, 0], [2, 2, 1], [1, 1, 1]], dtype=np.int8)
    >>> pruner = LDPruner(0.9).fit(X)
    >>> pruner.get_support()
    array([ True, False,  True])
    >>> pruner.kept_for_
    array([0, 0, 2])
    """

    _constraints: ClassVar[Constraints] = {
        "threshold": [Number(0, 1, closed="both")],
        "window": [None, Number(low=0, closed="left")],
        "positions": [None, Anything("an array or a dict")],
        "chromosomes": [None, Anything("an array or a dict")],
        "keep": [Option("first", "maf")],
        "ploidy": [Integer(low=1)],
    }

    def __init__(
        self,
        threshold: float = 0.99,
        *,
        window: float | None = None,
        positions: Any = None,
        chromosomes: Any = None,
        keep: str = "first",
        ploidy: int = 2,
    ):
        self.threshold = threshold
        self.window = window
        self.positions = positions
        self.chromosomes = chromosomes
        self.keep = keep
        self.ploidy = ploidy

    @all_or_nothing
    def fit(self, X: ArrayLike, y: Any = None) -> "LDPruner":
        """Find which variants to keep.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variants)
            Dosages, with missing calls.
        y : None
            Ignored.

        Returns
        -------
        self : LDPruner
            The fitted selector.

        Raises
        ------
        ValueError
            If a parameter is out of range, X holds infinity, `positions` or `chromosomes` do not
            match the variants of X, or the columns are not sorted by chromosome and position.
        """
        check_parameters(self)
        default = NEAR_VARIANTS if self.positions is None else NEAR_BASE_PAIRS
        window = default if self.window is None else self.window
        labels = labels_of_columns(X)
        X, codes, _ = read_dosages(self, X, reset=True, ploidy=self.ploidy)
        xp, device = namespace_of(X), device_of(X)
        n_variants = X.shape[1]
        reach = window_starts(
            self._aligned("positions", np.arange(n_variants), labels),
            self._aligned("chromosomes", np.zeros(n_variants), labels),
            window,
        )
        summary = summarize_dosages(X, codes)
        order = np.arange(n_variants)
        if self.keep == "maf":
            maf = to_numpy(minor_allele_frequencies(summary, self.ploidy))
            order = np.argsort(np.where(np.isnan(maf), -np.inf, -maf), kind="stable")
        pairs = correlated_pairs(X, codes, summary, reach, self.threshold)
        kept_for = prune(pairs, order)
        self.kept_for_ = move_to(kept_for, xp, device)
        self.support_ = move_to(kept_for == np.arange(n_variants), xp, device)
        return self

    def _aligned(self, parameter: str, default: np.ndarray, labels: Labels) -> np.ndarray:
        """Return the parameter as an array of one value per column of X."""
        values = getattr(self, parameter)
        if values is None:
            return default
        values = to_numpy(labels.match(values, parameter))
        if values.shape != (self.n_features_in_,):
            raise ValueError(
                f"{parameter} must have one value for each of the {self.n_features_in_} variants "
                f"of X, got shape {values.shape}. After another selector, pass a dict from "
                "names and use set_output(transform='pandas')."
            )
        return values


def window_starts(positions: np.ndarray, chromosomes: np.ndarray, window: float) -> np.ndarray:
    """Return, for each variant, the first variant that is compared with it, ascending."""
    if not np.issubdtype(positions.dtype, np.number) or np.any(positions != positions):
        raise ValueError("positions must be numbers of base pairs, without missing values.")
    positions = positions.astype(np.float64)
    boundary = np.flatnonzero(chromosomes[1:] != chromosomes[:-1]) + 1
    if len(set(chromosomes.tolist())) != boundary.shape[0] + 1:
        raise ValueError(
            "A chromosome comes in several runs of columns: sort the columns of X by chromosome "
            "and position."
        )
    starts = np.empty(positions.shape[0], dtype=np.int64)
    for begin, end in zip([0, *boundary], [*boundary, positions.shape[0]]):
        ascending = positions[begin:end]
        if np.any(ascending[1:] < ascending[:-1]):
            raise ValueError(
                "positions descend within a chromosome: sort the columns of X by position, or "
                "pass chromosomes if X spans several."
            )
        starts[begin:end] = begin + np.searchsorted(ascending, ascending - window, side="left")
    return starts


def correlated_pairs(
    X: Array, codes: Codes, summary: DosageSummary, starts: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs ``(i, j)``, i < j, with i from ``starts[j]`` on and |r| > threshold.

    Two host arrays of columns. Missing dosages are at the mean.
    """
    xp, device = namespace_of(X), device_of(X)
    n_samples, n_variants = X.shape
    norm = xp.sqrt(summary.variance * summary.n_observed)
    inverse_norm = reciprocal(xp.where(summary.varies(), norm, 0.0))
    width = min(max(2**24 // max(n_samples, 1), 128), 1024)
    first, second = [], []
    for begin in range(0, n_variants, width):
        end = min(begin + width, n_variants)
        tile = unit_columns(X, codes, summary.mean, inverse_norm, slice(begin, end))
        start = move_to(starts[begin:end], xp, device)
        column = xp.arange(begin, end, device=device)
        for low in range(int(starts[begin]), end, width):
            high = min(low + width, end)
            other = unit_columns(X, codes, summary.mean, inverse_norm, slice(low, high))
            r = xp.matmul(other.T, tile)
            row = xp.arange(low, high, device=device)[:, None]
            linked = (row >= start[None, :]) & (row < column[None, :])
            linked = linked & (xp.clip(xp.abs(r), max=1.0) > threshold)
            rows, columns = xp.nonzero(linked)
            first.append(low + to_numpy(rows))
            second.append(begin + to_numpy(columns))
    return np.concatenate(first), np.concatenate(second)


def unit_columns(X: Array, codes: Codes, mean: Array, inverse_norm: Array, chosen: slice) -> Array:
    """Return columns of X of mean 0 and length 1, missing dosages at the mean, in X's dtype."""
    xp = namespace_of(X)
    dtype = float_dtype(X)
    blocks = []
    codes = {code: columns[chosen] for code, columns in codes.items()}
    for columns, block, observed in observed_blocks(X[:, chosen], codes, xp.float64):
        centered = xp.where(observed, block - mean[chosen][columns], 0.0)
        blocks.append(xp.astype(centered * inverse_norm[chosen][columns], dtype, copy=False))
    return blocks[0] if len(blocks) == 1 else xp.concat(blocks, axis=1)


def prune(pairs: tuple[np.ndarray, np.ndarray], order: np.ndarray) -> np.ndarray:
    """Return the kept column that stands for each column, visiting them in `order`."""
    first, second = pairs
    n_variants = order.shape[0]
    ends = np.concatenate([first, second]), np.concatenate([second, first])
    linked = coo_array((np.ones(2 * first.shape[0], dtype=bool), ends), (n_variants, n_variants))
    linked = linked.tocsr()
    kept_for = np.full(n_variants, -1, dtype=np.int64)
    for variant in order:
        if kept_for[variant] < 0:
            kept_for[variant] = variant
            neighbors = linked.indices[linked.indptr[variant] : linked.indptr[variant + 1]]
            kept_for[neighbors[kept_for[neighbors] < 0]] = variant
    return kept_for
