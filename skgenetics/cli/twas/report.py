"""What the command prints and writes."""

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from skgenetics.association import TWASResult
from skgenetics.cli.finemap.report import p_value_in_words
from skgenetics.cli.pictures import draw_into, without_pictures
from skgenetics.cli.twas.data import Study
from skgenetics.cli.twas.page import write_report
from skgenetics.inspection import GeneManhattanDisplay
from skgenetics.io import atomic_path
from skgenetics.loci._tables import write_table
from skgenetics.utils._text import count_of

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 10  # genes
_NOT_ALWAYS = ("joint.tsv", "finemap.tsv", "png", "report.html")  # are written
_LEVEL = 0.05
_WORTH_SAYING = 0.01  # PIP of a gene
_FEW = 0.5  # share of the weights' variants below which the user is told


def match_lines(result: TWASResult, study: Study) -> list[str]:
    """Return what is to be said of the variants of the weights."""
    report, harmonized = result.report, result.report.harmonized
    n = report.n_variants
    lines = [
        f"Of {count_of(n, 'variant')} of the weights, {report.with_z:,} have a z "
        f"({harmonized.swapped:,} with exchanged alleles, {harmonized.strand:,} on the other "
        f"strand)"
    ]
    if study.genotypes is not None:
        lines[0] += f", {report.in_ld:,} are in the panel"
    if report.other_alleles:
        lines.append(f"  {report.other_alleles:,} are left out: the panel has other alleles there")
    if harmonized.other_alleles:
        lines.append(
            f"  {harmonized.other_alleles:,} variants of the statistics are at a place of the "
            "weights with other alleles"
        )
    if harmonized.STRAND:
        lines.append(
            f"  {harmonized.STRAND:,} strand-ambiguous ones left out: their frequencies differ"
        )
    if min(report.with_z, report.in_ld) < _FEW * n:
        lines.append(
            "  Warning: fewer than half were found. Statistics of one chromosome, of another "
            "genome build or of few variants are the usual causes."
        )
    return lines


def gene_lines(result: TWASResult, *, fine_mapped: bool) -> list[str]:
    """Return what is to be said of the genes: how many were tested, and the strongest."""
    genes = result.genes
    tested = genes[genes["status"] == "ok"]
    lines = ["", f"{len(tested):,} of {count_of(len(genes), 'model')} tested"]
    for status, count in _reasons(genes).items():
        lines.append(f"  {count:,} skipped: {status}")
    if not len(tested):
        return lines
    low = tested["flag"].fillna("").str.contains("LOW_R").sum()
    if low:
        lines.append(
            f"  Warning: in {low:,} what is left of the model correlates below 0.8 with the whole "
            "(LOW_R)"
        )
    significant = tested[tested["p_bonferroni"] < _LEVEL]
    mhc = significant["flag"].fillna("").str.contains("MHC").sum()
    found = (tested["q_value"] < _LEVEL).sum()
    lines.append(
        f"{len(significant):,} significant at {_LEVEL:g} (Bonferroni), {found:,} at a false "
        f"discovery rate of {_LEVEL:.0%}"
    )
    if mhc:
        lines.append(f"  Warning: {mhc:,} of them in the MHC, whose LD reaches far (MHC)")
    if "z_deflated" in tested and tested["z_deflated"].isna().all():
        lines.append("  Warning: no weights come with their phi, so --h2 changes nothing")
    lines += ["", *_strongest(tested)]
    if len(significant):
        lines.append(
            "A significant gene shares variants with the trait; that it acts on it, and not a "
            f"neighbor of it, is another question{'' if fine_mapped else ' (--finemap-genes)'}."
        )
    return lines


def _reasons(genes: "pd.DataFrame") -> dict[str, int]:
    """Return why models were skipped, and how many; numbers in the reasons do not count."""
    status = genes["status"]
    skipped = status[status != "ok"].str.replace(r"[\d.]+", "#", regex=True)
    words = {
        "# of # z are missing": "more than half of z are missing (--missing drop takes the rest)",
        "z imputed with a mean r# of #": "z imputed with a mean r2 below 0.7 (--missing drop "
        "leaves them out)",
    }
    return {words.get(str(name), str(name)): int(n) for name, n in skipped.value_counts().items()}


def _strongest(tested: "pd.DataFrame") -> list[str]:
    """Return a table of the genes of the smallest p."""
    top = tested.sort_values("log10_p").head(_SHOWN)
    names = top["gene_name"].where(top["gene_name"] != "", top["gene"])
    wide = max(4, *names.str.len())
    across = max(6, *top["tissue"].str.len())
    lines = [f"{'gene':<{wide}}  {'tissue':<{across}}      z         p  variants  r_used"]
    for name, row in zip(names, top.to_dict("records")):
        used = f"{row['n_used']}/{row['n_model']}"
        p = p_value_in_words(-row["log10_p"])
        lines.append(
            f"{name:<{wide}}  {row['tissue']:<{across}}  {row['z']:5.1f}  {p:>8}  {used:>8}  "
            f"{row['r_used']:6.2f}"
        )
    return [*lines, ""]


def finemap_lines(table: "pd.DataFrame") -> list[str]:
    """Return what is to be said of the fine-mapped genes of each locus."""
    if not len(table):
        return ["No locus outside the MHC has a significant gene to fine-map"]
    lines = []
    for locus, rows in table.groupby("locus", sort=False):
        top = rows.sort_values("pip", ascending=False).head(_SHOWN // 2)
        verb = "compete" if len(rows) > 1 else "competes"
        lines.append(f"{locus}: {count_of(len(rows), 'model')} {verb}")
        for row in top.to_dict("records"):
            if row["pip"] < _WORTH_SAYING and len(top) > 1:
                continue
            member = f", credible set {row['cs']}" if row["cs"] else ""
            name = row["gene_name"] or row["gene"]
            lines.append(f"  {name} ({row['tissue']}): PIP {row['pip']:.2f}{member}")
        if isinstance(rows["message"].iloc[0], str):
            lines.append(f"  Note: {rows['message'].iloc[0]}")
    return [*lines, ""]


def write_results(
    arguments: argparse.Namespace,
    study: Study,
    result: TWASResult,
    finemapped: "pd.DataFrame | None",
    lines: Sequence[str],
) -> tuple[list[str], list[str]]:
    """Write tables, picture and report, all or none; return the names of the files and notes.

    `lines` are those printed of variants and genes.
    """
    tables = {"genes.tsv": result.genes, "variants.tsv.gz": result.variants}
    if len(study.weights.tissues) > 1:
        tables["joint.tsv"] = result.joint
    if finemapped is not None:
        tables["finemap.tsv"] = finemapped
    files: list[str] = []
    notes = without_pictures()
    placed = result.genes["base_pair_location"].notna() & (result.genes["status"] == "ok")
    with contextlib.ExitStack() as stack:

        def new(name: str) -> Path:
            path = Path(f"{arguments.out}.{name}")
            files.append(path.name)
            return stack.enter_context(atomic_path(path))

        for name, table in tables.items():
            write_table(new(name), table, build=study.build)
        if not notes and placed.any():
            draw_into(new("png"), GeneManhattanDisplay.from_frame(result.genes))
        if arguments.report:
            written = list(files)
            write_report(new("report.html"), result, finemapped, lines, written)
    for name in _NOT_ALWAYS:  # of an earlier run: they would be taken for this one's
        path = Path(f"{arguments.out}.{name}")
        if path.name not in files:
            path.unlink(missing_ok=True)
    return files, notes
