"""What the command prints and writes."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import false_discovery_control

from skgenetics._version import __version__
from skgenetics.cli.weights.models import FUSION, PREDICTDB, TOP_VARIANT
from skgenetics.io import atomic_folder
from skgenetics.io._write_fusion import write_fusion, write_fusion_list
from skgenetics.io._write_predictdb import write_covariances, write_predictdb
from skgenetics.loci._tables import write_table
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import count_of, first_names
from skgenetics.utils._writing import file_name

if TYPE_CHECKING:
    import argparse

    import pandas as pd

    from skgenetics.cli.weights.data import Study

GENE_COLUMNS = (
    *("gene", "gene_name", "tissue", "chromosome", "start", "end", "model"),
    *("n_people", "n_variants", "n_in_model", "rho", "r2", "p_value", "q_value", "held_out_r2"),
    *("kept", "h2", "h2_se", "h2_p_value", "status", "message", "seconds"),
)
RESULT_FILES = ("covariance.txt.gz", "genes.tsv", "weights.log")
_MANY_GENES = 30


def gene_frame(results: list[dict[str, Any]]) -> "pd.DataFrame":
    """Return a row per gene and tissue; q-values are of each tissue (Benjamini and Hochberg)."""
    pd = import_optional("pandas", extra="dataframe")
    frame = pd.DataFrame([row for result in results for row in result["genes"]])
    whole = dict.fromkeys(("start", "end", "n_people", "n_variants", "n_in_model"), "Int64")
    frame = frame.reindex(columns=[*dict.fromkeys([*GENE_COLUMNS, *frame.columns])]).astype(whole)
    frame["kept"] = frame["kept"].eq(True)
    frame["q_value"] = np.nan
    for _, rows in frame.groupby("tissue"):
        p = rows["p_value"].dropna()
        if len(p):
            frame.loc[p.index, "q_value"] = false_discovery_control(p.to_numpy(dtype=float))
    return frame


def summary_lines(genes: "pd.DataFrame") -> list[str]:
    """Return a line on each gene and tissue if they are few, and one on each tissue."""
    lines = []
    trained = genes[genes["status"] == "ok"]
    if len(genes) <= _MANY_GENES and len(trained):
        width = max(len(str(gene)) for gene in trained["gene"])
        across = max(max(len(str(t)) for t in trained["tissue"]), 6)
        of_model = max(len(name) for name in trained["model"])
        header = "gene".ljust(width), "tissue".ljust(across), "model".ljust(of_model)
        lines.append("  ".join([*header, "variants    rho    R2        p  kept"]))
        for row in trained.to_dict("records"):
            names = (
                row["gene"].ljust(width),
                row["tissue"].ljust(across),
                row["model"].ljust(of_model),
            )
            numbers = f"{row['n_in_model']:8d}  {row['rho']:5.2f}  {row['r2']:4.2f}"
            kept = "yes" if row["kept"] else "no"
            lines.append("  ".join([*names, numbers, f"{row['p_value']:7.1e}", kept]))
        lines.append("")
    for tissue, rows in genes.groupby("tissue", sort=False):
        good = rows[rows["kept"]]
        mean = f", mean R2 {good['r2'].mean():.3f}" if len(good) else ""
        shares = good.filter(like="share_").mean().dropna()
        if len(shares) > 1:
            of = shares.index.str.removeprefix("share_")
            words = [f"{name} {share:.2f}" for name, share in zip(of, shares, strict=True)]
            mean += f"; mean shares {', '.join(words)}"
        lines.append(
            f"{tissue}: {count_of(len(good), 'gene')} of {len(rows):,} kept "
            f"(p < 0.05 and rho > 0.1){mean}"
        )
        skipped = rows[rows["status"] == "skipped"]
        if len(skipped):
            lines.append(
                f"  {count_of(len(skipped), 'gene')} skipped, such as {skipped['gene'].iloc[0]}: "
                f"{skipped['message'].iloc[0]}"
            )
    return lines


def failure_lines(genes: "pd.DataFrame") -> list[str]:
    """Return a line on each error, with the genes that it ended."""
    failed = genes[genes["status"] == "failed"].drop_duplicates("gene")
    return [
        f"Failed: {first_names(rows['gene'].tolist())}: {message}"
        for message, rows in failed.groupby("message", sort=False)
    ]


def earlier_databases(out: Path) -> list[str]:
    """Return the names of the databases that an earlier run has written to a folder.

    Raises
    ------
    ValueError
        If the folder holds others, which would be taken for tissues of this run.
    """
    pd = import_optional("pandas", extra="dataframe")
    table, names = out / "genes.tsv", []
    if table.is_file() and table.read_bytes().startswith(b"##skgenetics="):
        kinds = {"sep": "\t", "skiprows": 1, "dtype": str, "keep_default_na": False}
        tissues = pd.read_csv(table, usecols=["tissue"], **kinds)["tissue"].unique().tolist()
        names = [f"{file_name(tissue, among=tissues)}.db" for tissue in tissues]
    others = {file.name for file in (*out.glob("*.db"), *out.glob("unfiltered/*.db"))} - {*names}
    if others:
        raise ValueError(
            f"--out {out} holds databases that are not of an earlier run "
            f"({first_names(sorted(others))}): give another folder."
        )
    return names


def write_results(
    arguments: "argparse.Namespace",
    study: "Study",
    results: list[dict[str, Any]],
    genes: "pd.DataFrame",
) -> list[str]:
    """Write the weights and the table of genes, and return the names of what was written."""
    out = arguments.out
    trained = [result for result in results if "variants" in result]
    weights = _weight_frame(trained)
    names = {tissue: file_name(tissue, among=study.tissues) for tissue in study.tissues}
    by_tissue = {tissue: genes[genes["tissue"] == tissue] for tissue in names}
    kept = {tissue: rows[rows["kept"]] for tissue, rows in by_tissue.items() if rows["kept"].any()}
    table = genes[[*GENE_COLUMNS, *genes.filter(regex="^(share|held_out_r2)_")]]
    written = ["genes.tsv"]
    with contextlib.ExitStack() as stack:

        def folder(path: Path, *replaces: str, first: str = "") -> Path:
            return stack.enter_context(atomic_folder(path, replaces=replaces, first=first))

        earlier = earlier_databases(out)
        databases = [*earlier, *(f"unfiltered/{name}" for name in earlier)]
        if PREDICTDB in arguments.format:
            unfiltered = folder(out / "unfiltered")
        # entered after them, this is moved into place before: its table tells whose databases are
        main = folder(out, *RESULT_FILES, *databases, first="genes.tsv")
        write_table(main / "genes.tsv", table, build=study.build)
        if PREDICTDB in arguments.format:
            for tissue, rows in by_tissue.items():
                trained_rows = rows[rows["status"] == "ok"]
                database = unfiltered / f"{names[tissue]}.db"
                _write_database(database, arguments, study, trained_rows, weights)
            for tissue, rows in kept.items():
                _write_database(main / f"{names[tissue]}.db", arguments, study, rows, weights)
                written.append(f"{names[tissue]}.db")
            write_covariances(main / "covariance.txt.gz", _covariances(trained))
            written += ["covariance.txt.gz", "unfiltered/"]
        if FUSION in arguments.format and kept:
            lists = folder(out / "fusion", "*.pos")
            for tissue, rows in kept.items():
                files = folder(out / "fusion" / names[tissue], "*.wgt.RDat")
                _write_fusion(files, lists, names[tissue], rows, trained)
            written.append("fusion/")
    return written


def _weight_frame(trained: list[dict[str, Any]]) -> "pd.DataFrame":
    """Return a row per gene, tissue and variant with a weight."""
    pd = import_optional("pandas", extra="dataframe")
    tables = []
    for result in trained:
        variants = pd.DataFrame(result["variants"]).assign(gene=result["genes"][0]["gene"])
        for tissue, weights in result["weights"].items():
            table = variants.assign(tissue=tissue, weight=weights)
            tables.append(table[table["weight"] != 0])
    return pd.concat(tables, ignore_index=True)


def _write_database(
    path: Path,
    arguments: "argparse.Namespace",
    study: "Study",
    genes: "pd.DataFrame",
    weights: "pd.DataFrame",
) -> None:
    """Write the weights of the genes of one tissue, if there are any."""
    if not len(genes):  # all were skipped, or failed
        return
    in_tissue = weights["tissue"] == genes["tissue"].iloc[0]
    columns = {"n_in_model": "n_variants", "r2": "cv_r2", "p_value": "cv_pvalue"}
    columns["q_value"] = "cv_qvalue"
    table = genes.drop(columns="n_variants").rename(columns=columns)
    settings = ("model", "folds", "seed", "window", "anchor", "maf")
    write_predictdb(
        path,
        table,
        weights[in_tissue & weights["gene"].isin(set(genes["gene"]))],
        build=study.build,
        construction={"skgenetics": __version__}
        | {name: getattr(arguments, name) for name in settings},
        n_samples=int(genes["n_people"].max()),
    )


def _covariances(trained: list[dict[str, Any]]) -> Iterator[tuple[str, list[str], np.ndarray]]:
    """Yield each gene with the names of its variants in all tissues, and their covariance."""
    for result in trained:
        names = result["variants"]["variant_id"]
        yield result["genes"][0]["gene"], names, np.array(result["covariance"])


def _write_fusion(
    folder: Path,
    lists: Path,
    name: str,
    genes: "pd.DataFrame",
    trained: list[dict[str, Any]],
) -> None:
    """Write the genes of one tissue in a folder, and the list of them in another."""
    pd = import_optional("pandas", extra="dataframe")
    tissue = genes["tissue"].iloc[0]
    of_gene = {result["genes"][0]["gene"]: result for result in trained}
    files = [file_name(gene, among=genes["gene"]) + ".wgt.RDat" for gene in genes["gene"]]
    for row, file in zip(genes.to_dict("records"), files, strict=True):
        result = of_gene[row["gene"]]
        sd = np.sqrt(np.diag(np.array(result["covariance"])))
        weights = np.array(result["weights"][tissue]) * sd / row["expression_sd"]
        write_fusion(
            folder / file,
            pd.DataFrame(result["variants"]),
            np.column_stack([weights, result["z"][tissue]]),
            [row["model"], TOP_VARIANT.name],
            r2=[row["pooled_r2"], row["top1_pooled_r2"]],
            pvalue=[row["pooled_p_value"], row["top1_pooled_p_value"]],
            heritability=(row["h2"], row["h2_se"]),
            heritability_pvalue=row["h2_p_value"],
            n_samples=row["n_people"],
        )
    rows = pd.DataFrame(
        {
            "PANEL": tissue,
            "WGT": [f"{name}/{file}" for file in files],
            "ID": genes["gene"],
            "CHR": genes["chromosome"],
            "P0": genes["start"],
            "P1": genes["end"],
            "N": genes["n_people"],
        }
    )
    write_fusion_list(lists / f"{name}.pos", rows)
