"""Tables of fine-mapping as other tools write them: one function each.

A new format is a function of the study, the result of `finemap_loci` and the trait's name, which
returns the text of each file by the ending of its name; and its entry in `FORMATS`, from which
``--format`` takes its choices.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from sklearn.utils import Bunch

from skgenetics.loci._tables import table_text
from skgenetics.utils._optional import import_optional

if TYPE_CHECKING:
    import pandas as pd

    from skgenetics.cli.finemap.data import Locus, Study

TableWriter: TypeAlias = "Callable[[Study, Bunch, str], dict[str, str]]"

_KEY = ["locus", "chromosome", "base_pair_location", "effect_allele", "other_allele"]


def polyfun(study: "Study", result: Bunch, trait: str) -> dict[str, str]:
    """Return the table of PolyFun's finemapper, loci one after another."""
    pd = import_optional("pandas", extra="dataframe")
    parts = []
    for locus in study.loci:
        rows = _rows(locus, result)
        center = (rows["base_pair_location"].min() + rows["base_pair_location"].max()) / 2
        table = pd.DataFrame(
            {
                "CHR": rows["chromosome"],
                "SNP": rows["name"],
                "BP": rows["base_pair_location"],
                "A1": rows["effect_allele"],
                "A2": rows["other_allele"],
                "N": rows["n"],
                "Z": rows["z"],
                "P": rows["p_value"],
                "PIP": rows["pip"],
                "BETA_MEAN": rows["posterior_mean"],
                "BETA_SD": rows["posterior_sd"],
                "DISTANCE_FROM_CENTER": (rows["base_pair_location"] - center).abs(),
                "CREDIBLE_SET": rows["cs"],
            }
        )
        parts.append(table.sort_values("PIP", ascending=False, kind="stable"))
    return {"polyfun.tsv.gz": table_text(pd.concat(parts))}


def finngen(study: "Study", result: Bunch, trait: str) -> dict[str, str]:
    """Return the .snp and .cred tables of FinnGen's SuSiE pipeline."""
    pd = import_optional("pandas", extra="dataframe")
    parts = []
    for locus in study.loci:
        rows = _rows(locus, result)
        sets = result.credible_sets[result.credible_sets["locus"] == locus.region.name]
        place = rows["base_pair_location"].astype(str)
        alleles = rows["other_allele"] + ":" + rows["effect_allele"]
        parts.append(
            pd.DataFrame(
                {
                    "trait": trait,
                    "region": locus.region.name,
                    "v": rows["chromosome"] + ":" + place + ":" + alleles,
                    "rsid": rows["name"],
                    "chromosome": "chr" + rows["chromosome"],
                    "position": rows["base_pair_location"],
                    "allele1": rows["other_allele"],
                    "allele2": rows["effect_allele"],
                    "maf": rows["maf"],
                    "beta": rows["beta"],
                    "se": rows["standard_error"],
                    "p": rows["p_value"],
                    "mean": rows["posterior_mean"],
                    "sd": rows["posterior_sd"],
                    "prob": rows["pip"],
                    "cs": rows["cs"].where(rows["cs"] > 0, -1),
                    "cs_specific_prob": rows["cs_alpha"].where(rows["cs"] > 0),
                    "low_purity": rows["cs"].map(
                        sets.set_index("cs")["low_purity"].astype(int).astype("Int64")
                    ),
                    "lead_r2": np.nan,
                }
            )
        )
    sets = result.credible_sets
    cred = pd.DataFrame(
        {
            "trait": trait,
            "region": sets["locus"],
            "cs": sets["cs"],
            "cs_log10bf": sets["log10_bf"],
            "cs_avg_r2": sets["mean_abs_r"] ** 2,
            "cs_min_r2": sets["min_abs_r"] ** 2,
            "low_purity": sets["low_purity"].astype(int),
            "cs_size": sets["size"],
        }
    )
    return {"snp.tsv.gz": table_text(pd.concat(parts)), "cred.tsv.gz": table_text(cred)}


def finemap(study: "Study", result: Bunch, trait: str) -> dict[str, str]:
    """Return the .snp and .cred files of FINEMAP 1.4, two per locus."""
    texts = {}
    for locus in study.loci:
        rows = _rows(locus, result).sort_values("pip", ascending=False, kind="stable")
        if len(rows):
            sets = result.credible_sets[result.credible_sets["locus"] == locus.region.name]
            name = locus.region.file_name
            texts[f"{name}.snp"] = _finemap_snp(rows)
            texts[f"{name}.cred"] = _finemap_cred(rows, sets)
    return texts


def _finemap_snp(rows: "pd.DataFrame") -> str:
    """Return FINEMAP's table of variants, the largest PIP first."""
    pd = import_optional("pandas", extra="dataframe")
    pip = rows["pip"].where(rows["pip"] > 0)
    mean = rows["posterior_mean"] / pip  # given that the variant has an effect
    square = (rows["posterior_sd"] ** 2 + rows["posterior_mean"] ** 2) / pip
    table = pd.DataFrame(
        {
            "index": rows["order"],
            "rsid": rows["name"],
            "chromosome": rows["chromosome"],
            "position": rows["base_pair_location"],
            "allele1": rows["effect_allele"],
            "allele2": rows["other_allele"],
            "maf": rows["maf"],
            "beta": rows["beta"],
            "se": rows["standard_error"],
            "z": rows["z"],
            "prob": rows["pip"],
            "log10bf": np.nan,
            "mean": rows["posterior_mean"],
            "sd": rows["posterior_sd"],
            "mean_incl": mean,
            "sd_incl": np.sqrt(np.maximum(square - mean**2, 0)),
        }
    )
    return table_text(table, " ")


def _finemap_cred(rows: "pd.DataFrame", sets: "pd.DataFrame") -> str:
    """Return FINEMAP's table of credible sets: two columns each, and three lines above."""
    pd = import_optional("pandas", extra="dataframe")
    columns = {}
    heads = {"log10_bf": ["#log10bf"], "min_abs_r": ["#min(|ld|)"], "mean_abs_r": ["#mean(|ld|)"]}
    for _, row in sets.iterrows():
        members = rows[rows["cs"] == row["cs"]].sort_values("cs_alpha", ascending=False)
        columns[f"cred{row['cs']}"] = members["name"].reset_index(drop=True)
        columns[f"prob{row['cs']}"] = members["cs_alpha"].reset_index(drop=True)
        for name, head in heads.items():
            head += [f"{row[name]:.4g}", "NA"]
    table = pd.DataFrame(columns)
    table.insert(0, "index", np.arange(1, len(table) + 1))
    lines = [" ".join(head) + "\n" for head in heads.values() if len(sets)]
    return "".join(lines) + table_text(table, " ")


FORMATS: dict[str, TableWriter] = {"polyfun": polyfun, "finngen": finngen, "finemap": finemap}


def _rows(locus: "Locus", result: Bunch) -> "pd.DataFrame":
    """Return the fitted variants of a locus with beta and standard error of the scan."""
    rows = result.variants[result.variants["locus"] == locus.region.name]
    rows = rows[rows["pip"].notna()].reset_index(drop=True)
    scan = locus.table.reindex(columns=[*_KEY[1:], "beta", "standard_error"])
    rows = rows.merge(scan.astype({"chromosome": "string"}), on=_KEY[1:], how="left")
    f = rows["effect_allele_frequency"]
    return rows.assign(
        name=rows["rsid"].fillna(rows["variant_id"]),
        maf=f.where(f <= 0.5, 1 - f),
        order=np.arange(1, len(rows) + 1),
    )
