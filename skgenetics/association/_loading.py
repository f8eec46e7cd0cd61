"""Weights from files of any kind."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from skgenetics.association._weights import ExpressionWeights
from skgenetics.io._models import PICKLES, read_model
from skgenetics.io._read_fusion import read_fusion, read_fusion_list
from skgenetics.io._read_predictdb import read_covariances, read_predictdb
from skgenetics.io._read_scoring import read_scoring_file
from skgenetics.io._weight_tables import WeightFile, gene_table, weight_table
from skgenetics.utils._optional import import_optional
from skgenetics.utils._typing import PathLike

if TYPE_CHECKING:
    from pandas import DataFrame

COVARIANCES = "covariance.txt.gz"  # beside databases: of all tissues
_DATABASE, _LIST, _GENE = ".db", ".pos", ".rdat"
_SCORES = (".txt", ".tsv", ".txt.gz", ".tsv.gz")


def load_weights(
    path: PathLike, *, covariance: PathLike | None = None, model: str | None = None
) -> ExpressionWeights:
    """Read weights that predict the expression of genes.

    Parameters
    ----------
    path : path-like
        A database of PredictDB (.db); a gene (.wgt.RDat) or a list (.pos) of FUSION; a scoring file
        of the PGS Catalog (.txt.gz); a model of ``skgenetics compare --save-model`` (.skops); or a
        folder of databases, lists or genes, one or several tissues.
    covariance : path-like, optional
        Covariances of PredictDB's variants, among the people used for training: a file, or a folder
        of them. By default, the .txt.gz of the database's name, or covariance.txt.gz in a folder,
        if there is one. Of a pair of variants in several files the first value counts.
    model : str, optional
        Which model of FUSION's genes, such as "enet"; by default the one that predicts best.

    Returns
    -------
    weights : ExpressionWeights
        Estimator with `predict`.

    Raises
    ------
    ValueError
        If the file is of no such format, or damaged.

    Warns
    -----
    UserWarning
        If files of some genes could not be read or hold no weights, and others could.
    """
    path = Path(path)
    if path.suffix in PICKLES:
        raise ValueError(
            f"{path} is a pickle, which runs code when it is read. Weights are read from .skops "
            "files, which skgenetics compare --save-model writes, and from formats that hold data "
            "alone."
        )
    if path.suffix == ".skops":
        return _of_saved_model(path)
    files = _files(path)
    read = [_reader(file, model)(file) for file in files]
    notes = [note for file in read for note in file.notes]
    read = [file for file in read if len(file.weights)]
    if not read:
        raise ValueError(notes[0])
    for note in notes:
        warnings.warn(note, stacklevel=2)
    weights = _join(read, path.name)
    weights.covariances = _covariances(_covariance_files(files, covariance), read)
    if covariance is not None and not weights.covariances:
        raise ValueError(
            f"{Path(covariance).name} has none of the {weights.genes['gene'].nunique():,} genes of "
            f"{path.name}, such as {weights.genes['gene'].iloc[0]}."
        )
    return weights


def _files(path: Path) -> list[Path]:
    """Return the files of weights that a path stands for."""
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {path}.")
    if not path.is_dir():
        return [path]
    inside = sorted(path.iterdir())
    for suffix in (_DATABASE, _LIST, _GENE):
        files = [file for file in inside if file.name.lower().endswith(suffix)]
        if files:
            return files
    raise ValueError(
        f"The folder {path} holds no weights: expected databases of PredictDB (.db), or lists "
        "(.pos) or genes (.wgt.RDat) of FUSION."
    )


def _reader(path: Path, model: str | None) -> Callable[[Path], WeightFile]:
    """Return what reads a file of weights, by the end of its name."""
    name = path.name.lower()
    if name.endswith(_DATABASE):
        return read_predictdb
    if name.endswith(_LIST):
        return lambda file: read_fusion_list(file, model=model)
    if name.endswith(_GENE):
        return lambda file: read_fusion(file, model=model)
    if name.endswith(_SCORES):
        return read_scoring_file
    raise ValueError(
        f"{path.name} ends as no file of weights does: expected .db (PredictDB), .wgt.RDat or .pos "
        "(FUSION), .txt.gz (PGS Catalog), .skops (skgenetics compare), or a folder."
    )


def _join(read: Sequence[WeightFile], source: str) -> ExpressionWeights:
    """Return the weights of several files as one collection."""
    pd = import_optional("pandas", extra="dataframe")
    builds = sorted({file.build for file in read if file.build is not None})
    if len(builds) > 1:
        raise ValueError(f"{source} holds weights of two builds, {' and '.join(builds)}.")
    if len({file.standardized for file in read}) > 1:
        raise ValueError(f"{source} holds files of FUSION and others: give them one by one.")
    genes = pd.concat([gene_table(file.genes) for file in read], ignore_index=True)
    weights = pd.concat([file.weights for file in read], ignore_index=True)
    return ExpressionWeights(
        genes,
        weights,
        build=builds[0] if builds else None,
        standardized=read[0].standardized,
        source=source,
    )


def _covariance_files(files: list[Path], given: PathLike | None) -> list[Path]:
    """Return the files of covariances that there are, or the one that is given."""
    if given is not None:
        return sorted(Path(given).glob("*.txt.gz")) if Path(given).is_dir() else [Path(given)]
    databases = [file for file in files if file.suffix == _DATABASE]
    places = [file.with_suffix(".txt.gz") for file in databases]
    places += sorted({file.with_name(COVARIANCES) for file in databases})
    return [place for place in places if place.is_file()]


def _covariances(places: list[Path], read: Sequence[WeightFile]) -> "dict[str, DataFrame]":
    """Return the covariances of every gene, of all files."""
    pd = import_optional("pandas", extra="dataframe")
    tables = [
        file.weights.assign(variant_id=weight_table(file.weights)["variant_id"].to_numpy())
        for file in read
    ]
    names = pd.concat(tables, ignore_index=True)
    covariances: dict[str, DataFrame] = {}
    for place in places:
        for gene, matrix in read_covariances(place, names).items():
            known = covariances.get(gene)
            covariances[gene] = matrix if known is None else known.combine_first(matrix)
    return covariances


def _of_saved_model(path: Path) -> ExpressionWeights:
    """Return the weights of a fitted model in a file; those of covariates are left out."""
    saved = read_model(path)
    if not len(saved.variants) or {"effect_allele", "other_allele"} - set(saved.variants):
        raise ValueError(f"{path.name} does not say which variants and alleles its columns are.")
    return ExpressionWeights.from_estimator(
        saved.estimator,
        saved.variants,
        n_covariates=saved.n_covariates,
        genes=saved.traits or ["gene"],
        build=saved.build if saved.build.startswith("GRCh") else None,
    )
