"""The report of tested genes: one HTML file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from skgenetics._version import __version__
from skgenetics.association import TWASResult
from skgenetics.inspection import GeneLocusDisplay, GeneManhattanDisplay
from skgenetics.inspection.pages import (
    Section,
    bullets,
    file_links,
    paragraphs,
    picture,
    static_picture,
    table,
    write_page,
)
from skgenetics.utils._text import count_of

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 1000  # genes of the smallest p, so that the page stays small
_PICTURES = 20  # of loci, those of the largest PIP
_LOCUS = "Genes (squares, by their PIP) over the z of the variants that test them."
_GENES = {
    "gene_name": "gene",
    "tissue": "tissue",
    "chromosome": "chromosome",
    "base_pair_location": "position",
    "z": "z",
    "log10_p": "log10 p",
    "p_bonferroni": "p, Bonferroni",
    "q_value": "q",
    "n_used": "variants used",
    "r_used": "r of what is used",
    "cv_r2": "R2 of the model",
    "flag": "flags",
}
_FINE_MAPPED = {"locus": "locus", "gene_name": "gene", "tissue": "tissue", "z": "z", "pip": "PIP",
                "cs": "credible set"}  # fmt: skip
_JOINT = {"gene_name": "gene", "n_tissues": "tissues", "n_indep": "independent", "p_value": "p",
          "acat_p_value": "p, ACAT", "best_tissue": "best tissue"}  # fmt: skip
_METHODS = (
    f"Genes were tested by skgenetics {__version__} from summary statistics: the z of a gene is "
    "that of its predicted expression, given weights and LD (S-PrediXcan; Barbeira et al., "
    "Nature Communications 9:1825, 2018). Missing z are imputed from their neighbors (FUSION; "
    "Gusev et al., Nat Genet 48:245, 2016). Tissues are joined by eigenvectors of their "
    "correlations (S-MultiXcan; Barbeira et al., PLoS Genet 15:e1007889, 2019) and by ACAT "
    "(Liu et al., AJHG 104:410, 2019).",
    "An association of predicted expression is no proof that the gene acts: genes that share "
    "variants are associated together.",
)


def write_report(
    path: Path,
    result: TWASResult,
    finemapped: "pd.DataFrame | None",
    lines: Sequence[str],
    files: Sequence[str],
) -> None:
    """Write the report; `lines` are those printed of variants and genes."""
    tested = result.genes[result.genes["status"] == "ok"].sort_values("log10_p")
    said = [line.strip() for line in lines if line.strip()]
    sections = [Section("Summary", bullets([line for line in said if "  " not in line]))]
    if tested["base_pair_location"].notna().any():
        text = (
            f"z of {count_of(len(tested), 'gene')} along the genome; the table names the strongest."
        )
        drawn = static_picture(GeneManhattanDisplay.from_frame(result.genes))
        sections.append(Section("Genome", picture(drawn, text)))
    shown = tested.head(_SHOWN)
    caption = f"{count_of(len(shown), 'gene')} of the smallest p, of {len(tested):,} tested"
    sections.append(Section("Genes", table(_columns(shown, _GENES), caption)))
    if finemapped is not None and len(finemapped):
        caption = "Genes of each locus that compete for its signal"
        strongest = finemapped.sort_values("pip", ascending=False)
        loci = strongest["locus"].unique()[:_PICTURES]
        tables = {"genes": result.genes, "variants": result.variants}
        pictures = [
            static_picture(GeneLocusDisplay.from_frame(finemapped, **tables, locus=locus))
            for locus in loci
        ]
        content = table(_columns(strongest, _FINE_MAPPED), caption)
        content += "".join(picture(encoded, _LOCUS) for encoded in pictures)
        sections.append(Section("Fine-mapped genes", content))
    if "joint.tsv" in "".join(files):
        best = result.joint.sort_values("log10_p").head(_SHOWN)
        sections.append(
            Section("All tissues jointly", table(_columns(best, _JOINT), "Genes of the smallest p"))
        )
    sections.append(Section("Methods", paragraphs(_METHODS)))
    sections.append(Section("Files", file_links(files)))
    write_page(path, "Tested genes", sections)


def _columns(frame: "pd.DataFrame", names: dict[str, str]) -> "pd.DataFrame":
    """Return columns that hold anything, by their names on the page; genes have names or IDs."""
    if "gene_name" in frame:
        named = frame["gene_name"].fillna("") != ""
        frame = frame.assign(gene_name=frame["gene_name"].where(named, frame["gene"]))
    kept = [name for name in names if name in frame and frame[name].notna().any()]
    return frame[kept].rename(columns=names)
