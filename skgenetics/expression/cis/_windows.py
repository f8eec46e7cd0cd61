"""The variants around each gene."""

import warnings
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from skgenetics.io import unify_chromosomes
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._parameters import check_number, check_option

Columns: TypeAlias = slice | np.ndarray  # of X: a run of them, or integers
MINUS = ("-", "-1")  # strands


def cis_windows_from_positions(
    genes: Any, variants: Any, window: int = 1_000_000, *, anchor: str = "tss"
) -> np.ndarray:
    """Return the columns of X around each gene, for `cis_windows` of `MILAGERegressor`.

    Parameters
    ----------
    genes : mapping or data frame
        Columns "chromosome" and "start" (base pairs), one entry per gene, as in
        `load_geuvadis().genes` or `read_expression(...).genes`. With columns "end" and "strand" a
        gene on strand "-" starts at its end. Without "end", "start" is where transcription starts.
    variants : mapping or data frame
        Columns "chromosome" and "base_pair_location" (or "position"), one entry per column of X;
        each chromosome in one run, by rising position.
    window : int, default=1_000_000
        Base pairs on either side of the anchor, ends included.
    anchor : {"tss", "body"}, default="tss"
        "tss": where transcription starts, which is the start of a gene, or its end on strand "-".
        "body": from the start of the gene to its end.

    Returns
    -------
    windows : int ndarray of shape (n_genes, 2)
        First column and the one after the last; equal if no variant is near the gene.

    Raises
    ------
    ValueError
        If variants are not in order, or a column or a position is missing.

    Warns
    -----
    UserWarning
        If genes have no variant: how many, and which of their chromosomes the variants lack.

    Notes
    -----
    Names of chromosomes are compared as :func:`skgenetics.io.read_sumstats` writes them: "chr1",
    "01" and 1 are one, as are 23 and X.

    Examples
    --------
    >>> from skgenetics.expression import cis_windows_from_positions
    >>> genes = {"chromosome": ["1", "2"], "start": [500, 90]}
    >>> variants = {"chromosome": ["1", "1", "2"], "base_pair_location": [100, 600, 100]}
    >>> cis_windows_from_positions(genes, variants, window=200)
    array([[1, 2],
           [2, 3]])
    """
    check_number(window, "window", integer=True, low=0, closed="left")
    check_option(anchor, "anchor", ("tss", "body"))
    runs = _runs_of_chromosomes(variants)
    first, last = _anchors(genes, anchor)
    chromosome = np.array(unify_chromosomes(_column(genes, "genes", "chromosome")), dtype=str)
    if chromosome.shape != first.shape:
        raise ValueError(f"genes has {chromosome.size} chromosomes and {first.size} positions.")
    windows = np.zeros((first.size, 2), dtype=np.int64)
    for name, (start, places) in runs.items():
        on_it = chromosome == name
        before = np.searchsorted(places, first[on_it] - window, side="left")
        after = np.searchsorted(places, last[on_it] + window, side="right")
        windows[on_it] = start + np.column_stack([before, after])
    _warn_of_empty(windows, chromosome, list(runs))
    return windows


def _column(table, name, *columns):
    """Return the first column that a table has, as a list."""
    for column in columns:
        if column in table:
            return np.asarray(table[column]).tolist()
    raise ValueError(f"{name} has no column {columns[0]!r}; it has {list(table)}.")


def _runs_of_chromosomes(variants):
    """Return {chromosome: (its first column of X, its positions)}."""
    chromosome = np.array(unify_chromosomes(_column(variants, "variants", "chromosome")), dtype=str)
    location = _column(variants, "variants", "base_pair_location", "position")
    position = _positions(location, "variants", "base_pair_location")
    if chromosome.shape != position.shape:
        raise ValueError(
            f"variants has {chromosome.size} chromosomes and {position.size} positions."
        )
    starts = np.flatnonzero(np.append(True, chromosome[1:] != chromosome[:-1]))
    starts = starts[: chromosome.size]
    if len(set(chromosome[starts].tolist())) < len(starts):
        raise ValueError(
            "variants must hold each chromosome in one run; sort X and variants by chromosome and "
            "position."
        )
    runs = {}
    for start, stop in zip(starts, np.append(starts[1:], chromosome.size)):
        if np.any(np.diff(position[start:stop]) < 0):
            raise ValueError(
                f"positions of chromosome {chromosome[start]} in variants fall somewhere; sort X "
                "and variants by chromosome and position."
            )
        runs[str(chromosome[start])] = int(start), position[start:stop]
    return runs


def _anchors(genes, anchor):
    """Return the first and the last base pair (n_genes,) that a window is about."""
    start = _positions(_column(genes, "genes", "start"), "genes", "start")
    stranded = "strand" in genes and "end" in genes
    strand = np.asarray(genes["strand"]).tolist() if stranded else []
    reverse = np.array(
        [str(value) in MINUS for value in strand] or np.zeros(start.size), dtype=bool
    )
    if anchor == "tss" and not reverse.any():
        return start, start
    used = reverse if anchor == "tss" else np.ones(start.size, dtype=bool)
    end = start.copy()
    values = np.asarray(_column(genes, "genes", "end"), dtype=object)[used].tolist()
    end[used] = _positions(values, "genes on strand '-'" if anchor == "tss" else "genes", "end")
    if np.any(end < start):
        gene = int(np.flatnonzero(end < start)[0])
        raise ValueError(
            f"The end of gene {gene}, {end[gene]}, is before its start, {start[gene]}."
        )
    return (np.where(reverse, end, start),) * 2 if anchor == "tss" else (start, end)


def _warn_of_empty(windows, chromosome, known):
    """Warn of genes without a variant."""
    empty = windows[:, 0] == windows[:, 1]
    if not empty.any():
        return
    lacking = sorted(set(chromosome[empty].tolist()) - set(known))
    where = f" The variants lack their chromosome(s) {', '.join(lacking[:5])}." if lacking else ""
    warnings.warn(
        f"{empty.sum()} of {empty.size} genes have no variant in their window.{where}",
        UserWarning,
        stacklevel=3,
    )


def _positions(values: Any, table: str, column: str) -> np.ndarray:
    """Return base pairs as integers, or raise if one is missing."""
    values = np.asarray(values)
    if values.dtype.kind not in "iu":
        missing = [value is None or str(value) in ("<NA>", "nan") for value in values.tolist()]
        values = np.where(missing, np.nan, values).astype(float)
        (bad,) = np.nonzero(~np.isfinite(values))
        if bad.size:
            raise ValueError(
                f"{table} has no {column} in {bad.size} row(s), the first {bad[0]}; leave them out."
            )
    return values.astype(np.int64)


class ColumnNames:
    """The columns of the X at hand, to which integers and names of variants are resolved.

    Parameters
    ----------
    n_features : int
        Number of columns of X.
    names : array of str or None
        Names of the columns of X.
    n_variants : int or None
        Number of columns that integers were made for.
    """

    def __init__(
        self, n_features: int, names: Sequence[str] | None = None, n_variants: int | None = None
    ):
        self.n_features, self.names, self.n_variants = n_features, names, n_variants

    def resolve(self, columns: Any, parameter: str) -> np.ndarray:
        """Return columns of X from integers or names; names that X lacks are passed over."""
        columns = np.asarray(columns)
        if columns.dtype.kind in "OU":
            return self._named(columns, parameter)
        self.check_width(parameter)
        if columns.size and (columns.dtype.kind not in "iu" or columns.ndim != 1):
            raise ValueError(
                f"{parameter} must hold integers or names of variants in one dimension."
            )
        if columns.size and (columns.min() < 0 or columns.max() >= self.n_features):
            raise ValueError(
                f"{parameter} holds columns from {columns.min()} to {columns.max()}; X has "
                f"{self.n_features}."
            )
        return columns.astype(np.int64)

    def _named(self, names, parameter):
        """Return the columns of X of those names that X has."""
        if self.names is None:
            raise ValueError(
                f"{parameter} holds names of variants, but X has no column names. Pass a data "
                "frame, or integers with n_variants. In a pipeline, steps such as GenotypeImputer "
                "keep the names after pipeline.set_output(transform='pandas')."
            )
        places = {name: place for place, name in enumerate(self.names)}
        return np.array([places[v] for v in names.tolist() if v in places], dtype=np.int64)

    def check_width(self, parameter: str) -> None:
        """Raise unless integers were made for the X at hand."""
        if self.n_variants is None:
            raise ValueError(
                f"{parameter} holds column numbers, so n_variants must tell for how many columns "
                f"they were made; X has {self.n_features}."
            )
        if self.n_variants != self.n_features:
            raise ValueError(
                f"{parameter} was made for {self.n_variants} variants (n_variants); X has "
                f"{self.n_features}. Pass lists of variant names, which survive steps that drop "
                "columns."
            )


def resolve_windows(cis_windows: Any, n_genes: int, columns: ColumnNames) -> list[Columns]:
    """Return the columns of X of each gene.

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
        return _named_windows(cis_windows, columns)
    return _numbered_windows(cis_windows, n_genes, columns)


def _named_windows(cis_windows, columns):
    """Return the columns of X of each gene from lists of names."""
    windows = [
        columns.resolve(np.asarray(names, dtype=str), "cis_windows") for names in cis_windows
    ]
    named = np.array([len(names) > 0 for names in cis_windows])
    empty = named & np.array([window.size == 0 for window in windows])
    if empty.any():
        example = cis_windows[int(np.flatnonzero(empty)[0])][0]
        warnings.warn(
            f"{empty.sum()} of {named.size} genes have no variant: none of their names in "
            f"cis_windows is a column of X. Names in X are like {str(columns.names[0])!r}, theirs "
            f"like {str(example)!r}.",
            UserWarning,
            stacklevel=7,
        )
    return windows


def _numbered_windows(cis_windows, n_genes, columns):
    """Return the slice of X of each gene from pairs of integers."""
    (odd,) = np.nonzero([len(window) != 2 for window in cis_windows])
    if odd.size:
        raise ValueError(
            "cis_windows must hold two integers for each gene, first column and the one after the "
            f"last, or names of variants; the window of gene {odd[0]} has "
            f"{len(cis_windows[odd[0]])}."
        )
    windows = to_numpy(cis_windows)
    if windows.shape != (n_genes, 2) or windows.dtype.kind not in "iu":
        raise ValueError(
            f"cis_windows must be integers of shape ({n_genes}, 2), first column and the one after "
            f"the last, or lists of variant names; got {windows.dtype} of shape {windows.shape}."
        )
    columns.check_width("cis_windows")
    first, after = windows.T
    (bad,) = np.nonzero((first < 0) | (after < first) | (after > columns.n_features))
    if bad.size:
        raise ValueError(
            f"cis_windows of gene {bad[0]} is {windows[bad[0]].tolist()}; a window needs "
            f"0 <= first <= last <= {columns.n_features}, the number of variants."
        )
    return [slice(int(start), int(stop)) for start, stop in windows]
