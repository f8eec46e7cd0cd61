"""Regions of the genome to fine-map: given, or around the lead variants of a scan."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.stats import norm

from skgenetics.io._lines import is_position, read_lines
from skgenetics.io._sumstats_values import unify_chromosomes
from skgenetics.utils._parameters import check_number
from skgenetics.utils._typing import PathLike
from skgenetics.utils._writing import file_name

if TYPE_CHECKING:
    import pandas as pd

_STRENGTHS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "neg_log_10_p_value": np.asarray,
    "p_value": lambda p: -np.log10(np.where(p > 0, p, np.nan)),
    "z": lambda z: -(norm.logsf(np.abs(z)) + np.log(2)) / np.log(10),
}
_SHRINK = 0.8  # of the window, where a merged region is too wide


class Region(NamedTuple):
    """A stretch of a chromosome, both ends included, in base pairs from 1."""

    chromosome: str
    start: int
    end: int
    window: int | None = None  # on either side of its lead variants; None: given by the user

    @property
    def name(self) -> str:
        """Its name in tables: ``chr1:1000-2000``."""
        return f"chr{self.chromosome}:{self.start}-{self.end}"

    @property
    def file_name(self) -> str:
        """The name of its files: ``chr1_1000-2000``."""
        return f"chr{file_name(self.chromosome)}_{self.start}-{self.end}"

    def overlaps(self, other: "Region") -> bool:
        """Whether a base pair lies in both."""
        return (
            self.chromosome == other.chromosome
            and self.start <= other.end
            and other.start <= self.end
        )


# The major histocompatibility complex, with its margins, in GRCh37 and GRCh38 alike. Its LD reaches
# too far, and differs too much between panels, for the sets to be trusted.
MHC = Region("6", 25_000_000, 34_000_000)


def read_regions(path: PathLike) -> list[Region]:
    """Read regions from a BED file.

    Parameters
    ----------
    path : path-like
        chromosome, start from 0, end, separated by TAB or spaces; further columns, and lines that
        begin with "#", "track" or "browser", are ignored.

    Returns
    -------
    regions : list of Region
        As in the file; start counts from 1.

    Raises
    ------
    ValueError
        Where a line is not a region, regions overlap, or there is none.
    """
    name, regions = Path(path).name, []
    for number, line in enumerate(read_lines(path), start=1):
        fields = line.split()
        if not fields or fields[0].startswith("#") or fields[0] in ("track", "browser"):
            continue
        if len(fields) < 3 or not all(map(is_position, fields[1:3])):
            raise ValueError(
                f"{name}, line {number} is {line[:60]!r}; expected chromosome, start and end, as "
                "in 'chr1 1000000 2000000'."
            )
        start, end = int(fields[1]) + 1, int(fields[2])
        if start > end:
            raise ValueError(f"{name}, line {number}: the region ends before it starts.")
        regions.append(Region(unify_chromosomes(fields[:1])[0], start, end))
    if not regions:
        raise ValueError(f"{name} has no region; expected chromosome, start and end on each line.")
    ordered = sorted(regions)
    for one, other in pairwise(ordered):
        if one.overlaps(other):
            raise ValueError(f"{name}: regions {one.name} and {other.name} overlap; merge them.")
    return regions


def find_regions(
    sumstats: "pd.DataFrame",
    *,
    p_value: float = 5e-8,
    window: int = 500_000,
    max_width: int = 6_000_000,
) -> list[Region]:
    """Find the regions around the lead variants of a scan.

    Parameters
    ----------
    sumstats : pandas.DataFrame
        As :func:`read_sumstats` returns it: chromosome, base_pair_location, and
        neg_log_10_p_value, p_value or z, of which the first that a variant has counts.
    p_value : float, default=5e-8
        Largest p-value of a lead variant.
    window : int, default=500_000
        Base pairs on either side of a lead variant. Among the significant variants within it, the
        one of the smallest p leads. Windows that overlap are merged.
    max_width : int, default=6_000_000
        Widest merged region. Those that are wider are cut anew around the same lead variants, with
        smaller windows.

    Returns
    -------
    regions : list of Region
        In the order of the genome. Empty if no variant is significant.
    """
    check_number(p_value, "p_value", low=0, high=1, closed="neither")
    check_number(window, "window", low=1, integer=True, closed="left")
    check_number(max_width, "max_width", low=1, integer=True, closed="left")
    strength = neg_log_10_p(sumstats)
    placed = (sumstats["chromosome"].notna() & sumstats["base_pair_location"].notna()).to_numpy()
    strong = np.flatnonzero((strength > -np.log10(p_value)) & placed)
    chromosome = np.array(
        unify_chromosomes(sumstats["chromosome"].iloc[strong].tolist()), dtype=object
    )
    position = sumstats["base_pair_location"].iloc[strong].to_numpy(dtype=np.int64)
    regions = []
    for name in sorted(set(chromosome), key=chromosome_order):
        on_it = chromosome == name
        leads = _leads(position[on_it], strength[strong][on_it], window)
        regions += _windows(name, leads, window, max_width)
    return regions


def neg_log_10_p(sumstats: "pd.DataFrame") -> np.ndarray:
    """Return -log10 p of variants: the file's own, which a program may have calibrated, else of z.

    Parameters
    ----------
    sumstats : pandas.DataFrame
        With neg_log_10_p_value, p_value or z.

    Returns
    -------
    strength : ndarray of shape (n_variants,)
        NaN if nothing is known.
    """
    strength = np.full(len(sumstats), np.nan)
    with np.errstate(divide="ignore"):
        for column, convert in _STRENGTHS.items():
            if column in sumstats:
                values = convert(sumstats[column].to_numpy(dtype=float, na_value=np.nan))
                strength = np.where(np.isfinite(strength), strength, values)
    return strength


def chromosome_order(chromosome: str) -> tuple[int, int, str]:
    """Return the sort key of a chromosome: numbers first."""
    return (0, int(chromosome), "") if chromosome.isdecimal() else (1, 0, chromosome)


def _leads(position: np.ndarray, strength: np.ndarray, window: int) -> list[int]:
    """Return positions, sorted, of variants that have no stronger lead within `window`."""
    order = np.lexsort((position, -strength))
    position, leads = position[order], []
    while len(position):
        leads.append(int(position[0]))
        position = position[np.abs(position - position[0]) > window]
    return sorted(leads)


def _windows(chromosome: str, leads: list[int], window: int, max_width: int) -> list[Region]:
    """Return merged windows around `leads`, sorted positions, none wider than `max_width`."""
    groups = [leads[:1]]
    for lead in leads[1:]:
        if lead - groups[-1][-1] <= 2 * window:
            groups[-1].append(lead)
        else:
            groups.append([lead])
    regions = []
    for group in groups:
        start, end = max(1, group[0] - window), group[-1] + window
        if end - start > max_width and window > 0:
            regions += _windows(chromosome, group, int(_SHRINK * window), max_width)
        else:
            regions.append(Region(chromosome, start, end, window))
    return regions
