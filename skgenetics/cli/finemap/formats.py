"""Tables of fine-mapping as other tools write them."""

import re

import numpy as np

from skgenetics.utils._optional import import_optional

_KEY = ["locus", "chromosome", "base_pair_location", "effect_allele", "other_allele"]


def polyfun(study, result, trait):
    """Return the table of PolyFun's finemapper, loci one after another."""
    pd = import_optional("pandas", extra="dataframe")
    parts = []
    for locus in study.loci:
        rows = _rows(locus, result)
        center = (locus.region.start + locus.region.end) // 2
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
    return {"polyfun.tsv.gz": text_of(pd.concat(parts))}


def finngen(study, result, trait):
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
    return {"snp.tsv.gz": text_of(pd.concat(parts)), "cred.tsv.gz": text_of(cred)}


def finemap(study, result, trait):
    """Return the .snp and .cred files of FINEMAP 1.4, two a locus."""
    pd = import_optional("pandas", extra="dataframe")
    texts = {}
    for locus in study.loci:
        rows = _rows(locus, result).sort_values("pip", ascending=False, kind="stable")
        if not len(rows):
            continue
        pip = rows["pip"].where(rows["pip"] > 0)
        mean = rows["posterior_mean"] / pip
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
        name = file_name(locus.region.name)
        texts[f"{name}.snp"] = text_of(table, " ")
        sets = result.credible_sets[result.credible_sets["locus"] == locus.region.name]
        columns, heads = {}, [["#log10bf"], ["#min(|ld|)"], ["#mean(|ld|)"]]
        for _, found in sets.iterrows():
            number = found["cs"]
            members = rows[rows["cs"] == number].sort_values("cs_alpha", ascending=False)
            columns[f"cred{number}"] = members["name"].reset_index(drop=True)
            columns[f"prob{number}"] = members["cs_alpha"].reset_index(drop=True)
            for head, value in zip(heads, ("log10_bf", "min_abs_r", "mean_abs_r"), strict=True):
                head += [f"{found[value]:.4g}", "NA"]
        cred = pd.DataFrame(columns)
        cred.insert(0, "index", np.arange(1, len(cred) + 1))
        lines = [" ".join(head) + "\n" for head in heads if sets.shape[0]]
        texts[f"{name}.cred"] = "".join(lines) + text_of(cred, " ")
    return texts


FORMATS = {"polyfun": polyfun, "finngen": finngen, "finemap": finemap}


def _rows(locus, result):
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


def text_of(table, separator="\t"):
    """Return a table as text, missing values NA."""
    return table.to_csv(sep=separator, index=False, na_rep="NA", float_format="%.7g")


def file_name(name):
    """Return `name` with only what every file system takes."""
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", name)
