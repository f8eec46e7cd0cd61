"""The variants around each gene."""

import warnings

import numpy as np

from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._parameters import check_number


def cis_windows_from_positions(genes, variants, window=1_000_000):
    """Return the columns of X around each gene, for `cis_windows` of `MILAGERegressor`.

    Parameters
    ----------
    genes : mapping or data frame
        Columns "chromosome" and "start" (base pairs), one entry a gene, as `load_geuvadis().genes`.
    variants : mapping or data frame
        Columns "chromosome" and "position", one entry a column of X; each chromosome in one run,
        by rising position.
    window : int, default=1_000_000
        Base pairs on either side of the gene's start, ends included.

    Returns
    -------
    windows : int ndarray of shape (n_genes, 2)
        First column and the one after the last; equal where no variant is near the gene.

    Raises
    ------
    ValueError
        If variants are not in order, or a position is missing.

    Warns
    -----
    UserWarning
        If no gene is on a chromosome that variants have, as where names differ ("chr1" and "1").

    Examples
    --------
    >>> from skgenetics.expression import cis_windows_from_positions
    >>> genes = {"chromosome": ["1", "2"], "start": [500, 90]}
    >>> variants = {"chromosome": ["1", "1", "2"], "position": [100, 600, 100]}
    >>> cis_windows_from_positions(genes, variants, window=200)
    array([[1, 2],
           [2, 3]])
    """
    check_number(window, "window", integer=True, low=0, closed="left")
    chromosome = np.asarray(variants["chromosome"]).astype(str)
    position = _positions(variants["position"], "variants", "position")
    starts = np.flatnonzero(np.append(True, chromosome[1:] != chromosome[:-1]))
    if len(set(chromosome[starts])) < len(starts):
        raise ValueError(
            "variants must hold each chromosome in one run; sort X and variants by chromosome and "
            "position."
        )
    stops = np.append(starts[1:], len(chromosome))
    windows = np.zeros((len(genes["start"]), 2), dtype=np.int64)
    gene_chromosome = np.asarray(genes["chromosome"]).astype(str)
    gene_start = _positions(genes["start"], "genes", "start")
    if gene_start.size and not np.isin(gene_chromosome, chromosome).any():
        warnings.warn(
            "No gene is on a chromosome of the variants, so that every window is empty. Names in "
            f"genes are like {str(gene_chromosome[0])!r}, in variants like {str(chromosome[0])!r}.",
            UserWarning,
            stacklevel=2,
        )
    for start, stop in zip(starts, stops):
        places = position[start:stop]
        if np.any(np.diff(places) < 0):
            raise ValueError(
                f"positions of chromosome {chromosome[start]} in variants fall somewhere; sort X "
                "and variants by chromosome and position."
            )
        own = gene_chromosome == chromosome[start]
        windows[own, 0] = start + np.searchsorted(places, gene_start[own] - window, side="left")
        windows[own, 1] = start + np.searchsorted(places, gene_start[own] + window, side="right")
    return windows


def _positions(values, table, column):
    """Return base pairs as integers, or raise where one is missing."""
    values = np.asarray(values)
    if values.dtype.kind not in "iu":
        values = values.astype(float)
        (bad,) = np.nonzero(~np.isfinite(values))
        if bad.size:
            raise ValueError(
                f"{table} has no {column} in {bad.size} row(s), the first {bad[0]}; leave them out."
            )
    return values.astype(np.int64)


def columns_of(columns, name, n_variants, n_features, feature_names):
    """Return columns of X, given as integers made for `n_variants` columns or as names."""
    columns = np.asarray(columns)
    if columns.dtype.kind in "OU":
        if feature_names is None:
            raise ValueError(
                f"{name} holds names of variants, but X has no column names. Pass a data frame, or "
                "integers with n_variants."
            )
        places = {variant: place for place, variant in enumerate(feature_names)}
        return np.array([places[v] for v in columns.tolist() if v in places], dtype=np.int64)
    _check_width(name, n_variants, n_features)
    if columns.size and (columns.dtype.kind not in "iu" or columns.ndim != 1):
        raise ValueError(f"{name} must hold integers or names of variants in one dimension.")
    if columns.size and (columns.min() < 0 or columns.max() >= n_features):
        raise ValueError(
            f"{name} holds columns from {columns.min()} to {columns.max()}; X has {n_features}."
        )
    return columns.astype(np.int64)


def windows_of(cis_windows, n_variants, n_features, n_genes, feature_names):
    """Return a list of slices or integer arrays, the columns of X of each gene.

    Names that X lacks are passed over: an earlier step of a pipeline may have dropped them.
    """
    if hasattr(cis_windows, "to_numpy"):  # a data frame
        cis_windows = cis_windows.to_numpy()
    sized = hasattr(cis_windows, "__len__") and all(hasattr(w, "__len__") for w in cis_windows)
    if not sized:
        raise ValueError(
            "cis_windows must hold two integers or a list of variant names for each gene; got "
            f"{cis_windows!r:.60}."
        )
    if len(cis_windows) != n_genes:
        raise ValueError(f"cis_windows has {len(cis_windows)} entries; y has {n_genes} genes.")
    if any(isinstance(window, str) for window in cis_windows):
        raise ValueError("cis_windows must hold a list of variant names for each gene, not a name.")
    first = next((window for window in cis_windows if len(window)), None)
    if first is None:
        return [slice(0, 0)] * n_genes
    if isinstance(first[0], str):
        windows = [
            columns_of(
                np.asarray(names, dtype=str), "cis_windows", n_variants, n_features, feature_names
            )
            for names in cis_windows
        ]
        if not any(window.size for window in windows):
            warnings.warn(
                "None of the variants named in cis_windows is a column of X; there is no cis part. "
                f"Names in X are like {str(feature_names[0])!r}, in cis_windows like "
                f"{str(first[0])!r}.",
                UserWarning,
                stacklevel=4,
            )
        return windows
    (odd,) = np.nonzero([len(window) != 2 for window in cis_windows])
    if odd.size:
        raise ValueError(
            "cis_windows must hold two integers for each gene, first column and the one after the "
            f"last, or names of variants; that of gene {odd[0]} has {len(cis_windows[odd[0]])}."
        )
    windows = to_numpy(cis_windows)
    if windows.shape != (n_genes, 2) or windows.dtype.kind not in "iu":
        raise ValueError(
            f"cis_windows must be integers of shape ({n_genes}, 2), first column and the one after "
            f"the last, or lists of variant names; got {windows.dtype} of shape {windows.shape}."
        )
    _check_width("cis_windows", n_variants, n_features)
    (bad,) = np.nonzero(
        (windows[:, 0] < 0) | (windows[:, 1] < windows[:, 0]) | (windows[:, 1] > n_features)
    )
    if len(bad):
        raise ValueError(
            f"cis_windows of gene {bad[0]} is {windows[bad[0]].tolist()}; a window needs "
            f"0 <= first <= last <= {n_features}, the number of variants."
        )
    return [slice(int(start), int(stop)) for start, stop in windows]


def _check_width(name, n_variants, n_features):
    """Raise unless integers were made for the X at hand."""
    if n_variants is None:
        raise ValueError(
            f"{name} holds column numbers, so n_variants must tell for how many columns they were "
            f"made; X has {n_features}."
        )
    if n_variants != n_features:
        raise ValueError(
            f"{name} was made for {n_variants} variants (n_variants); X has {n_features}. Pass "
            "lists of variant names, which survive steps that drop columns."
        )
