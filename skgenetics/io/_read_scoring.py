"""Scoring files of the PGS Catalog: the weights of a polygenic score."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from skgenetics.io._lines import iterate_lines
from skgenetics.io._weight_tables import WeightFile, numbers, words
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import first_names
from skgenetics.utils._typing import PathLike

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = {  # harmonized ones first
    "chromosome": ("hm_chr", "chr_name"),
    "base_pair_location": ("hm_pos", "chr_position"),
    "rsid": ("hm_rsID", "rsID"),
    "effect_allele": ("effect_allele",),
    "other_allele": ("other_allele", "reference_allele", "hm_inferOtherAllele"),
    "weight": ("effect_weight",),
}
_NOT_ADDITIVE = ("is_dominant", "is_recessive", "is_interaction", "is_haplotype", "is_diplotype")


def read_scoring_file(path: PathLike) -> WeightFile:
    """Read a polygenic score in the format of the PGS Catalog.

    Parameters
    ----------
    path : path-like
        Lines of ``#name=value``, then a table of rsID or chr_name and chr_position,
        effect_allele, other_allele and effect_weight. Columns that the catalog has harmonized
        (hm_chr, hm_pos) go before the author's.

    Returns
    -------
    file : WeightFile
        One gene, which is the score.
    """
    pd = import_optional("pandas", extra="dataframe")
    path = Path(path)
    facts: dict[str, str] = {}
    lines = iterate_lines(path)
    header: list[str] = []
    for line in lines:
        if line.startswith("#"):
            name, equals, value = line.lstrip("#").partition("=")
            facts |= {name.strip(): value.strip()} if equals else {}
        else:
            header = line.rstrip("\r").split("\t")
            break
    _check(header, facts, path.name)
    rows = [line.rstrip("\r").split("\t") for line in lines if line.strip()]
    short = [place for place, row in enumerate(rows, start=1) if len(row) != len(header)]
    if short:
        raise ValueError(
            f"{path.name}: row {short[0]} of the table has another number of fields than the "
            f"header ({len(header)}), as in a file that was not copied as a whole."
        )
    table = pd.DataFrame(rows, columns=header)
    marked = [name for name in _NOT_ADDITIVE if name in table and _is_true(table[name]).any()]
    if marked:
        raise ValueError(
            f"{path.name}: {marked[0]} is true of {int(_is_true(table[marked[0]]).sum()):,} "
            "weights; only weights per copy of an allele are read."
        )
    is_harmonized = "hm_pos" in header
    build = facts.get("HmPOS_build") if is_harmonized else facts.get("genome_build")
    score = facts.get("pgs_id") or path.name.split(".")[0]
    weights = pd.DataFrame(_known(table)).assign(gene=score)
    named = facts.get("pgs_name", "")
    genes = pd.DataFrame({"gene": [score], "gene_name": [named], "model": ["PGS Catalog"]})
    return WeightFile(genes, weights, _build(build))


def _known(table: "pd.DataFrame") -> dict[str, Any]:
    """Return the columns of the table of weights that a file has, each of its first spelling."""
    pd = import_optional("pandas", extra="dataframe")
    result: dict[str, Any] = {}
    for name, spellings in _COLUMNS.items():
        for spelling in (spelling for spelling in spellings if spelling in table):
            column = words(table[spelling])
            result[name] = result[name].fillna(column) if name in result else column
            if name in ("chromosome", "base_pair_location"):
                break  # places of two builds are not mixed
    result["weight"] = numbers(result["weight"])
    if "base_pair_location" in result:
        place = pd.Series(numbers(result["base_pair_location"])).astype("Int64")
        result["base_pair_location"] = place
    for name in ("effect_allele", "other_allele"):
        if name in result:
            result[name] = result[name].str.upper()
    return result


def _check(header: list[str], facts: dict[str, str], name: str) -> None:
    """Raise ValueError unless a file has what a score needs, on a scale that adds up."""
    missing = [column for column in ("effect_allele", "effect_weight") if column not in header]
    if not missing and not {"rsID", "hm_rsID"} & set(header) and "chr_position" not in header:
        missing = ["rsID, or chr_name and chr_position"]
    if missing:
        raise ValueError(
            f"{name} is no scoring file of the PGS Catalog: it lacks {missing[0]}; its columns are "
            f"{first_names(header, 8) or 'none'}."
        )
    if facts.get("weight_type", "").strip().upper() in ("OR", "HR"):
        raise ValueError(
            f"{name}: its weights are of the type {facts['weight_type']}, which does not add up "
            "over variants; take the logarithm and name the type beta."
        )


def _is_true(column: "pd.Series") -> "pd.Series":
    """Return which fields say yes."""
    return column.str.strip().str.lower().isin(["true", "1", "yes"])


def _build(text: str | None) -> str | None:
    """Return a genome build by its name."""
    known = {"grch37": "GRCh37", "hg19": "GRCh37", "grch38": "GRCh38", "hg38": "GRCh38"}
    return known.get((text or "").lower())
