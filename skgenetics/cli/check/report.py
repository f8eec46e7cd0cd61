"""What is printed of summary statistics that are checked."""

import argparse
import shlex
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import chi2

from skgenetics.cli.finemap.panel import Panel
from skgenetics.cli.finemap.report import p_value_in_words
from skgenetics.io import find_regions, harmonize
from skgenetics.io._regions import chromosome_order, neg_log_10_p
from skgenetics.io._sumstats_effects import z_of_p
from skgenetics.utils._text import count_of, first_names

if TYPE_CHECKING:
    import pandas as pd

_CLOSE = 0.05  # relative difference of z that is rounding
_MANY = 100_000  # variants that are compared
_ALIKE = 0.9  # share that agrees where nothing is wrong
_SIGNIFICANT = -np.log10(5e-8)


def lines_of_sumstats(sumstats: "pd.DataFrame") -> list[str]:
    """Return what is understood of a file."""
    facts = sumstats.attrs
    lines = [f"{facts['source']}: {count_of(len(sumstats), 'variant')} ({facts['format']})", ""]
    width = max(len(meaning) for meaning in facts["columns"])
    lines += [f"  {meaning.ljust(width)}  {column}" for meaning, column in facts["columns"].items()]
    lines += ["", _n_line(sumstats), _place_line(sumstats), *_strength_lines(sumstats)]
    lines += [_agreement_line(sumstats)]
    return lines + [f"  Note: {note}" for note in facts["notes"]]


def _n_line(sumstats: "pd.DataFrame") -> str:
    """Return a line on the number of people."""
    n = sumstats["n"].dropna()
    if not len(n):
        return "  n: not in the file; finemap needs --n, or --n-cases and --n-controls"
    if n.min() == n.max():
        return f"  n: {n.iloc[0]:,.0f}"
    return f"  n: {n.min():,.0f} to {n.max():,.0f}, median {n.median():,.0f}"


def _place_line(sumstats: "pd.DataFrame") -> str:
    """Return a line on chromosomes and positions."""
    placed = sumstats["base_pair_location"].notna() & sumstats["chromosome"].notna()
    if not placed.any():
        return "  Places: none; variants are matched by ID"
    names = sorted(sumstats.loc[placed, "chromosome"].unique(), key=chromosome_order)
    text = f"  Chromosomes: {first_names(names, 26)}"
    n_lost = int((~placed).sum())
    return text + (f"; {count_of(n_lost, 'variant')} without a place" if n_lost else "")


def _strength_lines(sumstats: "pd.DataFrame") -> list[str]:
    """Return lines on the strongest variants."""
    strength = neg_log_10_p(sumstats)
    if not np.isfinite(strength).any():
        return ["  No variant has a z or p"]
    lead = sumstats.iloc[int(np.nanargmax(strength))]
    name = lead["rsid"] if isinstance(lead["rsid"], str) else lead["variant_id"]
    if not isinstance(name, str):
        name = f"{lead['chromosome']}:{lead['base_pair_location']}"
    n_strong = int(np.sum(strength > _SIGNIFICANT))
    lines = [
        f"  Strongest: {name}, z {lead['z']:.2f}, p {p_value_in_words(np.nanmax(strength))}; "
        f"{count_of(n_strong, 'variant')} of p < 5e-8"
    ]
    if n_strong:
        n_loci = len(find_regions(sumstats))
        lines[0] += f" in {n_loci} {'locus' if n_loci == 1 else 'loci'}"
    z = sumstats["z"].dropna()
    if len(z) >= 1000:
        inflation = np.median(z**2) / chi2.median(1)
        lines.append(
            f"  Genomic inflation (median of z^2 over {chi2.median(1):.3f}): {inflation:.3f}"
        )
    n_lost = int(sumstats["z"].isna().sum())
    return lines + ([f"  {count_of(n_lost, 'variant')} without z"] if n_lost else [])


def _agreement_line(sumstats: "pd.DataFrame") -> str:
    """Return a line on whether z and p agree."""
    used = sumstats.attrs["columns"]
    if not {"p_value", "neg_log_10_p_value"} & set(used):
        return "  z against p: the file has no p"
    strength = sumstats["neg_log_10_p_value"].to_numpy(dtype=float)
    z = np.abs(sumstats["z"].to_numpy(dtype=float))
    known = np.flatnonzero(np.isfinite(strength) & np.isfinite(z))
    known = known[:: max(1, len(known) // _MANY)]
    from_p = z_of_p(strength[known])
    agree = np.abs(z[known] - from_p) < _CLOSE * np.maximum(1, from_p)
    share = f"{agree.sum():,} of {len(known):,} variants"
    if not len(known) or agree.mean() > _ALIKE:
        return f"  z against p: they agree at {share}"
    return (
        f"  z against p: they agree at {share} only. p may be corrected (saddlepoint, genomic "
        "control) or one-sided, or standard_error be that of an odds ratio"
    )


def lines_of_panel(sumstats: "pd.DataFrame", panel: Panel) -> list[str]:
    """Return how the statistics fit a panel."""
    lines = ["", panel.describe()]
    shown = _builds_line(sumstats, panel.variants)
    if shown:
        lines.append(shown)
    try:
        _, report = harmonize(sumstats, panel.select(np.arange(len(panel.variants))), min_matched=0)
    except ValueError as error:
        return [*lines, f"  {error}"]
    lines.append(
        f"  {report.matched:,} of {count_of(len(sumstats), 'variant')} of the statistics are in it "
        f"({report.matched / max(len(sumstats), 1):.0%}), {report.swapped:,} with exchanged "
        f"alleles, {report.strand:,} on the other strand; {report.other_alleles:,} have other "
        f"alleles there, {report.not_found:,} are not in it"
    )
    r = report.frequency_correlation
    if np.isfinite(r):
        verdict = (
            "they agree" if r > _ALIKE else "they do not agree: other people, or other alleles"
        )
        if r < 0:
            verdict = "they are opposite: of the other allele, or effect and other are confused"
        lines.append(f"  Frequencies: correlation {r:.2f} with the panel's; {verdict}")
    return lines


def _builds_line(sumstats: "pd.DataFrame", variants: "pd.DataFrame") -> str | None:
    """Return a line on whether the positions of shared IDs agree; None if no ID is shared."""
    names = sumstats["rsid"].fillna(sumstats["variant_id"])
    own = sumstats.assign(name=names).dropna(subset=["name", "base_pair_location"])
    theirs = variants[["variant_id", "base_pair_location"]].dropna().drop_duplicates("variant_id")
    both = own.merge(theirs, left_on="name", right_on="variant_id", suffixes=("", "_panel"))
    if not len(both):
        return None
    same = both["base_pair_location"] == both["base_pair_location_panel"]
    text = f"  {int(same.sum()):,} of {len(both):,} shared IDs are at the same position"
    if same.mean() > _ALIKE:
        return f"{text}: both are of one genome build"
    return f"{text}: the genome builds differ (GRCh37 and GRCh38); lift one over"


def next_command(arguments: argparse.Namespace, sumstats: "pd.DataFrame") -> str:
    """Return the command to run next."""
    words = ["--sumstats", str(arguments.sumstats)]
    panels = {name: getattr(arguments, name) for name in ("bfile", "pfile", "vcf")}
    given = [word for name, value in panels.items() if value for word in (f"--{name}", str(value))]
    words += given or ["--bfile", "panel"]
    if arguments.columns:
        words += ["--columns", *arguments.columns]
    if arguments.trait:
        words += ["--trait", arguments.trait]
    if arguments.n or sumstats["n"].isna().all():
        words += ["--n", str(arguments.n or "PEOPLE")]
    return f"Next: skgenetics finemap {shlex.join(words)} --build BUILD --out my_run"
