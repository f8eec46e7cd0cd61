"""Expression weights in the files of FUSION: ``.wgt.RDat`` of one gene, ``.pos`` of many."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skgenetics.io._lines import is_missing, read_rows, to_number
from skgenetics.io._read_r_objects import RObject, read_r_objects
from skgenetics.io._weight_tables import WeightFile
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import first_names
from skgenetics.utils._typing import PathLike

if TYPE_CHECKING:
    import pandas as pd

_MARGINAL = "top1"  # a model of one variant: the one of the largest z


def read_fusion(path: PathLike, *, model: str | None = None) -> WeightFile:
    """Read the weights of one gene, as FUSION.compute_weights.R writes them.

    Parameters
    ----------
    path : path-like
        Named GENE.wgt.RDat. It is read as data: no code in it is run.
    model : str, optional
        Which of its models, such as "enet"; the one of the largest R2 in cross-validation by
        default. Of "top1" the variant with the largest z is the whole model.

    Returns
    -------
    file : WeightFile
        Weights are per standard deviation of genotypes; those of 0 are left out.
    """
    path = Path(path)
    gene, weights = _read_gene(path, model)
    gene["gene"] = _gene_of(path.name)
    return _join([(gene, weights)], [], path.name)


def read_fusion_list(path: PathLike, *, model: str | None = None) -> WeightFile:
    """Read the weights of the genes that a list of FUSION names.

    Parameters
    ----------
    path : path-like
        A table with a header of WGT (a file, beside the list or in a folder beside it), ID, CHR,
        P0, P1 and, if known, PANEL (the tissue) and N.
    model : str, optional
        As of :func:`read_fusion`.

    Returns
    -------
    file : WeightFile
        `notes` name the files that could not be read, if others could.
    """
    path = Path(path)
    header, rows = read_rows(path)
    missing = [name for name in ("WGT", "ID") if name not in header]
    if missing:
        raise ValueError(
            f"{path.name} lacks the column {missing[0]}: expected the columns WGT, ID, CHR, P0 and "
            f"P1; got {first_names(header, 8)}."
        )
    read, failures = [], []
    for row in rows:
        listed = {name: text for name, text in zip(header, row) if not is_missing(text)}
        try:
            gene, weights = _read_gene(_beside(path, listed.get("WGT", "")), model)
        except (ValueError, OSError) as error:
            failures.append(str(error))
            continue
        gene |= {
            "gene": listed.get("ID", _gene_of(listed["WGT"])),
            "tissue": listed.get("PANEL", path.stem),
            "chromosome": listed.get("CHR"),
            "start": _whole(listed.get("P0")),
            "end": _whole(listed.get("P1")),
            "n_samples": gene["n_samples"] or _whole(listed.get("N")),
        }
        read.append((gene, weights))
    if not read:
        first = failures[0] if failures else "the list is empty."
        raise ValueError(f"{path.name}: no file that it names could be read: {first}")
    notes = [f"{path.name}: {failure}" for failure in failures]
    return _join(read, notes, path.name)


def _join(
    read: "list[tuple[dict[str, Any], pd.DataFrame]]", notes: list[str], name: str
) -> WeightFile:
    """Return the models of some genes as one file."""
    pd = import_optional("pandas", extra="dataframe")
    tables = [
        weights.assign(gene=gene["gene"], tissue=gene.get("tissue", "")) for gene, weights in read
    ]
    joined = pd.concat(tables, ignore_index=True)
    if not len(joined):
        raise ValueError(f"{name} holds no weights other than 0.")
    genes = pd.DataFrame([gene for gene, weights in read if len(weights)])
    return WeightFile(genes, joined, standardized=True, notes=notes)


def _beside(path: Path, name: str) -> Path:
    """Return a file that a list names: beside the list, or where its folder is."""
    places = [path.parent / name, path.parent / Path(name).name, path.parent.parent / name]
    return next((place for place in places if place.is_file()), places[0])


def _gene_of(name: str) -> str:
    """Return the gene in the name of a file."""
    return Path(name).name.removesuffix(".RDat").removesuffix(".wgt")


def _whole(text: str | None) -> int | None:
    """Return a whole number, None if there is none."""
    return int(text) if text is not None and text.isdecimal() else None


def _read_gene(path: Path, wanted: str | None) -> "tuple[dict[str, Any], pd.DataFrame]":
    """Return what is known of a gene, and its weights."""
    objects = read_r_objects(path)
    missing = [name for name in ("wgt.matrix", "snps") if name not in objects]
    if missing:
        raise ValueError(
            f"{path.name} has no {missing[0]}: expected what FUSION.compute_weights.R saves; it "
            f"has {', '.join(objects) or 'nothing'}."
        )
    try:
        matrix, _, models = objects["wgt.matrix"].matrix()
        snps = _columns(objects["snps"])
        performance = _performance(objects.get("cv.performance"), models)
        people = objects["N.tot"].numbers() if "N.tot" in objects else np.empty(0)
    except ValueError as error:
        raise ValueError(f"{path.name} is not one of FUSION: {error}.") from error
    if len(snps[0]) != len(matrix):
        raise ValueError(
            f"{path.name} has weights of {len(matrix)} variants, and a table of {len(snps[0])}."
        )
    name = _choose(path, models, performance, wanted)
    column = np.nan_to_num(matrix[:, models.index(name)])
    if name == _MARGINAL:
        column = np.where(np.arange(len(column)) == np.argmax(np.abs(column)), column, 0)
    r2, pvalue = performance.get(name, (np.nan, np.nan))
    gene = {
        "model": name,
        "cv_r2": r2,
        "cv_pvalue": pvalue,
        "n_samples": float(people[0]) if people.size and people[0] > 0 else None,
    }
    return gene, _variants(snps, column)


def _columns(snps: RObject) -> list[Any]:
    """Return the six columns of a .bim: chromosome, ID, morgans, position, counted, other."""
    columns = [part.column() for part in snps.values if isinstance(part, RObject)]
    if len(columns) < 6 or len({len(column) for column in columns[:6]}) != 1:
        raise ValueError("its table of variants is not of six columns")
    return columns[:6]


def _performance(held: RObject | None, models: list[str]) -> dict[str, tuple[float, float]]:
    """Return R2 and p of each model in cross-validation."""
    if not models:
        raise ValueError("its models have no names")
    if held is None:
        return {}
    values, rows, columns = held.matrix()
    if "rsq" not in rows:
        return {}
    r2 = values[rows.index("rsq")]
    pvalue = values[rows.index("pval")] if "pval" in rows else np.full(len(r2), np.nan)
    return {name: (float(r2[i]), float(pvalue[i])) for i, name in enumerate(columns)}


def _choose(
    path: Path, models: list[str], performance: dict[str, tuple[float, float]], wanted: str | None
) -> str:
    """Return the model that is asked for, or that predicts best."""
    if wanted is not None:
        if wanted not in models:
            raise ValueError(f"{path.name} has no model {wanted!r}, but {', '.join(models)}.")
        return wanted
    known = [name for name in models if np.isfinite(performance.get(name, (np.nan,))[0])]
    return max(known, key=lambda name: performance[name][0]) if known else models[0]


def _variants(snps: list[Any], weight: np.ndarray) -> "pd.DataFrame":
    """Return the variants of weights other than 0."""
    pd = import_optional("pandas", extra="dataframe")
    kept = np.flatnonzero(weight)
    chromosome, name, _, position, effect, other = (
        [column[place] for place in kept] for column in snps
    )
    name = [str(text) for text in name]
    return pd.DataFrame(
        {
            "chromosome": [_chromosome(value) for value in chromosome],
            "base_pair_location": pd.array([_place(value) for value in position], dtype="Int64"),
            "variant_id": name,
            "rsid": [text if text.startswith("rs") else None for text in name],
            "effect_allele": [str(text).upper() for text in effect],
            "other_allele": [str(text).upper() for text in other],
            "weight": weight[kept],
        }
    )


def _place(value: Any) -> int | None:
    """Return a position, None if it is no number of base pairs."""
    number = to_number(value)
    return int(number) if 0 <= number < 2**31 else None


def _chromosome(value: Any) -> str:
    """Return a chromosome, which may be a number."""
    return f"{value:.0f}" if isinstance(value, float | np.number) else str(value)
