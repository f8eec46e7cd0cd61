"""Scores of fine-mapping if the causal variants are known, as in simulations."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score
from sklearn.utils import Bunch

from skgenetics.metrics._bins import binomial_interval, calibration_bins
from skgenetics.metrics._validation import is_of_several
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._labels import Labels, first_labels, row_labels, without_labels
from skgenetics.utils._parameters import check_number


def _causal_indices(
    causal: Any, locus: int, labels: Labels, n_variants: int | None = None
) -> np.ndarray:
    """Return the causal variants of a locus, a mask, integers or names, as unique integers.

    A mask is matched by its labels, names are found among `labels`.
    """
    argument = f"causal of locus {locus}"
    named = to_numpy(without_labels(causal, argument))
    if named.ndim == 1 and named.size and all(isinstance(name, str) for name in named.tolist()):
        return _named_variants(named.tolist(), argument, labels)
    causal = to_numpy(labels.match(causal, argument))
    if causal.size == 0 and causal.ndim == 1 and causal.dtype.kind != "b":
        return np.empty(0, dtype=np.intp)
    if causal.ndim != 1 or causal.dtype.kind not in "biu":
        raise ValueError(
            f"causal of locus {locus} must be a boolean mask or integer indices in one dimension, "
            f"got shape {causal.shape} and dtype {causal.dtype}."
        )
    if causal.dtype.kind == "b":
        if n_variants is not None and causal.size != n_variants:
            raise ValueError(
                f"causal of locus {locus} is a mask of shape {causal.shape}; its locus has "
                f"{n_variants} variants."
            )
        return np.flatnonzero(causal)
    if np.unique(causal).size != causal.size:
        raise ValueError(
            f"causal of locus {locus} has repeated indices; a 0/1 mask must have dtype bool."
        )
    if causal.min() < 0 or (n_variants is not None and causal.max() >= n_variants):
        size = "" if n_variants is None else f" of {n_variants} variants"
        raise ValueError(
            f"causal of locus {locus} has indices from {causal.min()} to {causal.max()}, out of "
            f"range for a locus{size}."
        )
    return causal.astype(np.intp)


def _named_variants(names: list[str], argument: str, labels: Labels) -> np.ndarray:
    """Return the indices of named variants."""
    if labels.names is None:
        raise ValueError(
            f"{argument} names variants, such as {names[0]!r}, and {labels.source} has no labels "
            f"to find them by. Label {labels.source}, or give indices or a mask."
        )
    place = {name: i for i, name in enumerate(labels.names)}
    absent = [name for name in names if name not in place]
    if absent or len(set(names)) != len(names):
        found = f"{absent[0]!r}, which {labels.source} lacks" if absent else "a variant twice"
        raise ValueError(f"{argument} names {found}.")
    return np.array([place[name] for name in names])


def _pooled(causal: Any, pip: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the boolean causal status and the PIP of all variants of one or many loci."""
    if not is_of_several(pip):
        causal, pip = [causal], [pip]
    if len(causal) != len(pip):
        raise ValueError(f"causal describes {len(causal)} loci and pip {len(pip)}.")
    pips, status = [], []
    for locus, (labelled, indices) in enumerate(zip(pip, causal, strict=True)):
        argument = f"pip of locus {locus}"
        labels = first_labels({argument: row_labels(labelled)}, argument, "variants")
        values = to_numpy(without_labels(labelled, argument))
        if values.ndim != 1 or values.dtype.kind not in "fiu":
            raise ValueError(
                f"pip of locus {locus} must be numbers in one dimension, got shape {values.shape} "
                f"and dtype {values.dtype}."
            )
        if not ((values >= 0) & (values <= 1)).all():
            raise ValueError(
                f"pip of locus {locus} must lie in [0, 1], got values from {values.min():g} to "
                f"{values.max():g}."
            )
        pips.append(values)
        status.append(np.zeros(values.size, dtype=bool))
        status[-1][_causal_indices(indices, locus, labels, values.size)] = True
    pooled = np.concatenate(pips)
    if pooled.size == 0:
        raise ValueError("pip holds no variant; nothing to score.")
    return np.concatenate(status), pooled.astype(np.float64)


def pip_calibration_curve(
    causal: Any,
    pip: Any,
    *,
    n_bins: int = 10,
    strategy: str = "uniform",
    confidence: float = 0.95,
) -> Bunch:
    """Fraction of causal variants against mean posterior inclusion probability (PIP), in bins.

    In a calibrated fine-mapping, a tenth of the variants with a PIP of .1 is causal. All loci are
    pooled before the bins are made.

    Parameters
    ----------
    causal : array-like, or list of them, one per locus
        The causal variants: a boolean mask of shape (n_variants,), integer indices, or the names
        that label `pip`. A labelled mask is matched to `pip` by its labels.
    pip : array-like of shape (n_variants,), or list of them, one per locus
        Posterior inclusion probabilities, labelled (a pandas Series, a dict) or not.
    n_bins : int, default=10
        Number of bins; empty ones are left out.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width, or of about equal numbers of variants. Equal PIPs are never split, so
        that "quantile" can give fewer bins.
    confidence : float, default=0.95
        Level of the exact binomial (Clopper-Pearson) intervals. They count variants as
        independent, which variants in LD are not: read them as too narrow within few loci.

    Returns
    -------
    Bunch
        Arrays of shape (bins that hold variants,), by rising PIP: `mean_pip`, `causal_fraction`,
        `lower`, `upper`, `n_variants`.

    Raises
    ------
    ValueError
        If a PIP is outside [0, 1] or NaN, a causal index is out of range, the numbers of loci
        disagree, or a parameter is outside its range.

    Examples
    --------
    >>> from skgenetics.metrics import pip_calibration_curve
    >>> curve = pip_calibration_curve([3], [0.0, 0.1, 0.1, 0.8], n_bins=2)
    >>> curve.causal_fraction, curve.n_variants
    (array([0., 1.]), array([3, 1]))
    """
    status, pip = _pooled(causal, pip)
    columns = calibration_bins(status, pip, n_bins=n_bins, strategy=strategy, confidence=confidence)
    names = ("mean_pip", "causal_fraction", "lower", "upper", "n_variants")
    return Bunch(**dict(zip(names, columns)))


def pip_average_precision(causal: Any, pip: Any) -> float:
    """Average precision of PIPs as a ranking of variants, pooled over loci.

    Parameters
    ----------
    causal : array-like, or list of them, one per locus
        The causal variants: a boolean mask of shape (n_variants,), integer indices, or the names
        that label `pip`. A labelled mask is matched to `pip` by its labels.
    pip : array-like of shape (n_variants,), or list of them, one per locus
        Posterior inclusion probabilities, labelled (a pandas Series, a dict) or not.

    Returns
    -------
    float
        The sum over distinct PIPs, falling, of precision times the rise in recall. NaN if no
        variant is causal.

    Raises
    ------
    ValueError
        If a PIP is outside [0, 1] or NaN, a causal index is out of range, labels cannot be
        matched, or the numbers of loci disagree.

    Examples
    --------
    >>> from skgenetics.metrics import pip_average_precision
    >>> pip_average_precision([[0], [1]], [[0.9, 0.1], [0.5, 0.2, 0.0]])
    0.8333333333333333
    """
    status, pip = _pooled(causal, pip)
    return float(average_precision_score(status, pip)) if status.any() else float("nan")


def false_discovery_proportion(causal: Any, pip: Any, *, threshold: float = 0.5) -> float:
    """Share of non-causal variants among those with a PIP at or above a threshold.

    Parameters
    ----------
    causal : array-like, or list of them, one per locus
        The causal variants: a boolean mask of shape (n_variants,), integer indices, or the names
        that label `pip`. A labelled mask is matched to `pip` by its labels.
    pip : array-like of shape (n_variants,), or list of them, one per locus
        Posterior inclusion probabilities, labelled (a pandas Series, a dict) or not.
    threshold : float, default=0.5
        Variants with a PIP of at least this, in [0, 1], are discoveries.

    Returns
    -------
    float
        The proportion over all loci; 0 without discoveries.

    Raises
    ------
    ValueError
        If a PIP or the threshold is outside [0, 1] or NaN, a causal index is out of range, or the
        numbers of loci disagree.

    Examples
    --------
    >>> from skgenetics.metrics import false_discovery_proportion
    >>> false_discovery_proportion([0], [0.9, 0.6, 0.1])
    0.5
    """
    check_number(threshold, "threshold", low=0, high=1, closed="both")
    status, pip = _pooled(causal, pip)
    discovered = pip >= threshold
    return float(np.sum(discovered & ~status) / max(np.sum(discovered), 1))


def _loci_of_sets(causal: Any, credible_sets: Any) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """Yield the causal indices and the list of credible sets, as index arrays, of each locus."""
    if isinstance(credible_sets, Mapping):
        raise ValueError("credible_sets must be a list of dicts; wrap a single set in a list.")
    if all(isinstance(entry, Mapping) for entry in credible_sets):
        causal, credible_sets = [causal], [credible_sets]
    if len(causal) != len(credible_sets):
        raise ValueError(
            f"causal describes {len(causal)} loci and credible_sets {len(credible_sets)}."
        )
    for locus, (indices, sets) in enumerate(zip(causal, credible_sets, strict=True)):
        mask = to_numpy(indices)
        limit: float = mask.size if mask.dtype.kind == "b" else np.inf  # known from a mask only
        variants = []
        for one_set in sets:
            if not (isinstance(one_set, Mapping) and "variants" in one_set):
                raise ValueError(
                    f"a credible set of locus {locus} must be a dict with the key 'variants', got "
                    f"{one_set!r}."
                )
            members = to_numpy(one_set["variants"])
            if members.ndim != 1 or members.size == 0 or members.dtype.kind not in "iu":
                raise ValueError(
                    f"a credible set of locus {locus} must hold integer indices in one dimension, "
                    f"got shape {members.shape} and dtype {members.dtype}."
                )
            if members.min() < 0 or members.max() >= limit:
                raise ValueError(
                    f"a credible set of locus {locus} has indices from {members.min()} to "
                    f"{members.max()}, out of range for a locus of {limit} variants."
                )
            variants.append(members)
        yield _causal_indices(indices, locus, Labels(None, "credible_sets")), variants


def credible_set_summary(causal: Any, credible_sets: Any, *, confidence: float = 0.95) -> Bunch:
    """Coverage, power and size of the credible sets of one or many loci.

    Parameters
    ----------
    causal : array-like, or list of them, one per locus
        The causal variants: a boolean mask of shape (n_variants,) or integer indices.
    credible_sets : list of dict, or list of such lists, one per locus
        The attribute `credible_sets_` of :class:`skgenetics.FinemapMiXeR`: dicts with the integer
        indices of a set under "variants". An empty list is a locus without sets.
    confidence : float, default=0.95
        Level of the exact binomial (Clopper-Pearson) intervals, which count sets, and causal
        variants, as independent.

    Returns
    -------
    Bunch
        `coverage`: share of sets that hold a causal variant; `power`: share of causal variants
        that are in a set; `coverage_interval` and `power_interval`: tuples (lower, upper);
        `mean_size` and `median_size`: variants per set; `n_sets`, `n_causal`, `n_loci`. What has
        no denominator is NaN: coverage and sizes without sets, power without causal variants.

    Raises
    ------
    ValueError
        If an index is out of range, a set is empty, the numbers of loci disagree, or `confidence`
        is outside (0, 1).

    Examples
    --------
    >>> from skgenetics.metrics import credible_set_summary
    >>> sets = [[{"variants": [0, 1]}], [{"variants": [4]}, {"variants": [7, 8, 9]}]]
    >>> summary = credible_set_summary([[1], [2, 9]], sets)
    >>> round(summary.coverage, 3), round(summary.power, 3), summary.median_size
    (0.667, 0.667, 2.0)
    """
    check_number(confidence, "confidence", low=0, high=1)
    covered: list[bool] = []
    recovered: list[bool] = []
    sizes: list[int] = []
    n_loci = 0
    for indices, sets in _loci_of_sets(causal, credible_sets):
        n_loci += 1
        covered += [bool(np.isin(members, indices).any()) for members in sets]
        sizes += [np.unique(members).size for members in sets]
        recovered += [any(variant in members for members in sets) for variant in indices]
    return Bunch(
        coverage=float(np.mean(covered)) if covered else float("nan"),
        coverage_interval=binomial_interval(sum(covered), len(covered), confidence),
        power=float(np.mean(recovered)) if recovered else float("nan"),
        power_interval=binomial_interval(sum(recovered), len(recovered), confidence),
        mean_size=float(np.mean(sizes)) if sizes else float("nan"),
        median_size=float(np.median(sizes)) if sizes else float("nan"),
        n_sets=len(sizes),
        n_causal=len(recovered),
        n_loci=n_loci,
    )


def credible_set_coverage(causal: Any, credible_sets: Any) -> float:
    """Share of credible sets that hold a causal variant.

    Parameters
    ----------
    causal : array-like, or list of them, one per locus
        The causal variants, as in :func:`credible_set_summary`.
    credible_sets : list of dict, or list of such lists, one per locus
        The credible sets, as in :func:`credible_set_summary`.

    Returns
    -------
    float
        NaN without sets.

    Raises
    ------
    ValueError
        As :func:`credible_set_summary`.
    """
    return credible_set_summary(causal, credible_sets).coverage


def credible_set_power(causal: Any, credible_sets: Any) -> float:
    """Share of causal variants that are in a credible set.

    Parameters
    ----------
    causal : array-like, or list of them, one per locus
        The causal variants, as in :func:`credible_set_summary`.
    credible_sets : list of dict, or list of such lists, one per locus
        The credible sets, as in :func:`credible_set_summary`.

    Returns
    -------
    float
        NaN without causal variants.

    Raises
    ------
    ValueError
        As :func:`credible_set_summary`.
    """
    return credible_set_summary(causal, credible_sets).power
