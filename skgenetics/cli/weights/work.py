"""One gene of the command: what a process that trains its weights is sent, and what it returns."""

import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import joblib
import numpy as np

from skgenetics._version import __version__, code_identity
from skgenetics.association import GeneData, TissueWeights, train_gene
from skgenetics.cli.genotypes import Stamp
from skgenetics.cli.weights.models import TOP_VARIANT, chosen_models
from skgenetics.io import Genotypes
from skgenetics.utils._writing import file_name, load_content, save_content

if TYPE_CHECKING:
    import pandas as pd

    from skgenetics.cli.weights.data import Covariates, Study

_VARIANT = ("chromosome", "base_pair_location", "variant_id", "effect_allele", "other_allele")
_MIN_PEOPLE_A_FOLD = 4  # fewer have no p-value of their correlation


class Settings(NamedTuple):
    """What holds for all genes."""

    model: str
    lowest_maf: float
    tissues: tuple[str, ...]
    covariates: "Covariates"
    fold: np.ndarray


class Unit(NamedTuple):
    """One gene."""

    gene: dict[Any, Any]
    genotypes: Genotypes
    expression: np.ndarray  # (people, tissues)
    path: Path  # of the file that keeps the result
    stamp: Stamp  # of the genotypes


class Units(Sequence[Unit]):
    """The genes of a study, made when they are asked for: many tables of variants are large.

    Parameters
    ----------
    study : Study
    folder : pathlib.Path
        Of the files that keep the results.
    stamp : tuple
        Of the genotypes.
    """

    def __init__(self, study: "Study", folder: Path, stamp: Stamp) -> None:
        self.study, self.folder, self.stamp = study, folder, stamp
        self.names = [str(name) for name in study.genes["gene_id"]]
        genes = study.genes.astype(object)
        self.genes = genes.where(genes.notna(), None).to_dict("records")

    def __len__(self) -> int:
        """Return the number of genes."""
        return len(self.names)

    def __getitem__(self, number: Any) -> Any:
        """Return one gene."""
        name = self.names[number]
        file = file_name(name, among=[name.casefold()])  # others' case does not matter
        window = slice(*self.study.windows[number])
        return Unit(
            self.genes[number],
            self.study.genotypes.select(columns=window).small(),
            self.study.expression[:, number],
            self.folder / f"{file}.json.gz",
            self.stamp,
        )


def train_unit(settings: Settings, unit: Unit, seed: int) -> dict[str, Any]:
    """Return what training a gene gives: of an earlier run on the same inputs, or anew.

    Returns
    -------
    result : dict
        "genes": a row per tissue, see `report.GENE_COLUMNS`. If any was trained also "variants":
        columns of those with a weight in some tissue, or the largest z; "covariance" of their
        dosages; and by tissue "weights" and "z" of these variants. An error becomes the status of
        the rows.
    """
    inputs = (settings, unit.gene, unit.expression, unit.stamp, seed)
    names = (unit.genotypes.variants, unit.genotypes.samples)
    key = joblib.hash((__version__, code_identity(), *inputs, *names))
    earlier = load_content(unit.path, key)
    if earlier is not None:
        return earlier
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = _train(settings, unit, seed % 2**31)
        except Exception as error:  # one bad gene must not end the others
            message = " ".join(f"{type(error).__name__}: {error}".split())
            result = {"genes": _rows(settings, unit, "failed", message)}
    for_users = (w for w in caught if issubclass(w.category, UserWarning))
    notes = dict.fromkeys(" ".join(str(warning.message).split()) for warning in for_users)
    for row in result["genes"]:
        row["message"] = " ".join(filter(None, [row["message"], *notes]))
        row["seconds"] = time.perf_counter() - start
    if all(row["status"] != "failed" for row in result["genes"]):
        save_content(unit.path, result, key)
    return result


def result_of_death(settings: Settings, unit: Unit, message: str) -> dict[str, Any]:
    """Return what is known of a gene whose process ended."""
    return {"genes": _rows(settings, unit, "failed", message)}


def _rows(settings: Settings, unit: Unit, status: str, message: str = "") -> list[dict[str, Any]]:
    """Return what is known of a gene in each tissue before training."""
    gene = unit.gene
    start = int(gene["start"])
    row = {
        "gene": str(gene["gene_id"]),
        "gene_name": gene.get("symbol") or "",
        "chromosome": str(gene["chromosome"]),
        "start": start,
        "end": start if gene.get("end") is None else int(gene["end"]),
        "status": status,
        "message": message,
    }
    return [row | {"tissue": tissue} for tissue in settings.tissues]


def _train(settings: Settings, unit: Unit, seed: int) -> dict[str, Any]:
    """Return the result of `train_unit`."""
    dosages, variants = common_variants(unit.genotypes, settings.lowest_maf)
    if not len(variants):
        few = f"no variant of a frequency of {settings.lowest_maf:g} or more is near it"
        return {"genes": _rows(settings, unit, "skipped", few)}
    rows = _rows(settings, unit, "ok")
    reasons = [_not_usable(settings, tissue, y) for tissue, y in enumerate(unit.expression.T)]
    for row, reason in zip(rows, reasons, strict=True):
        if reason:
            row.update(status="skipped", message=reason)
    kept = [tissue for tissue, reason in enumerate(reasons) if not reason]
    if not kept:
        return {"genes": rows}
    data = GeneData(
        dosages,
        unit.expression[:, kept],
        [settings.covariates.tables[tissue] for tissue in kept],
        settings.covariates.shared,
        settings.fold,
    )
    trained = train_gene(data, chosen_models(settings.model), also=[TOP_VARIANT], seed=seed)
    used = np.zeros(len(variants), dtype=bool)
    for found in trained:
        used |= found.weights != 0
        used[np.argmax(np.abs(found.z))] = True
    for tissue, found in zip(kept, trained, strict=True):
        rows[tissue] |= _performance(found, len(variants))
    names = [settings.tissues[tissue] for tissue in kept]
    return {
        "genes": rows,
        "variants": variants[used].to_dict("list"),
        "covariance": covariance_of_dosages(dosages[:, used]).tolist(),
        "weights": {t: f.weights[used].tolist() for t, f in zip(names, trained, strict=True)},
        "z": {t: f.z[used].tolist() for t, f in zip(names, trained, strict=True)},
    }


def common_variants(genotypes: Genotypes, lowest_maf: float) -> "tuple[np.ndarray, pd.DataFrame]":
    """Return dosages, missing NaN, and names of the variants that vary and are not too rare.

    Variants of equal IDs are named chromosome_position_other_effect.
    """
    dosages = np.asarray(genotypes, dtype=np.float64)
    known = np.isfinite(dosages)
    count = np.maximum(known.sum(axis=0), 1)
    frequency = np.where(known, dosages, 0).sum(axis=0) / (2 * count)
    highest = np.where(known, dosages, -np.inf).max(axis=0, initial=-np.inf)
    varies = highest > np.where(known, dosages, np.inf).min(axis=0, initial=np.inf)
    kept = varies & (np.minimum(frequency, 1 - frequency) >= lowest_maf)
    variants = genotypes.variants.loc[kept, list(_VARIANT)].reset_index(drop=True)
    variants["base_pair_location"] = variants["base_pair_location"].astype("int64")
    place = variants["chromosome"].astype(str)
    for column in ("base_pair_location", "other_allele", "effect_allele"):
        place = place + "_" + variants[column].astype(str)
    repeated = variants["variant_id"].duplicated(keep=False)
    variants["variant_id"] = variants["variant_id"].where(~repeated, place)
    return dosages[:, kept], variants


def _not_usable(settings: Settings, tissue: int, y: np.ndarray) -> str | None:
    """Return why weights cannot be trained in a tissue, or None if they can."""
    measured = np.isfinite(y)
    fold = settings.fold[measured]
    fewest = np.bincount(fold, minlength=settings.fold.max() + 1)
    n_train = len(fold) - fewest.max() - np.sort(fewest)[-2]  # of the smallest fit
    n_coefficients = settings.covariates.tables[tissue].shape[1] + 1
    if fewest.min() < _MIN_PEOPLE_A_FOLD or n_train < n_coefficients + _MIN_PEOPLE_A_FOLD:
        return f"{len(fold)} people are too few for the folds and the covariates"
    if y[measured].min() == y[measured].max():
        return "expression is the same in everyone"
    return None


def _performance(found: TissueWeights, n_variants: int) -> dict[str, Any]:
    """Return what the row of a gene and tissue says of its weights."""
    top, performance = found.performance_of[TOP_VARIANT.name], found.performance
    by_model = {
        f"held_out_r2_{name}": value.held_out_r2 for name, value in found.performance_of.items()
    }
    return {
        "model": found.model,
        "n_people": found.n_samples,
        "n_variants": n_variants,
        "n_in_model": int(np.count_nonzero(found.weights)),
        "rho": performance.rho,
        "r2": performance.r2,
        "p_value": performance.pvalue,
        "held_out_r2": performance.held_out_r2,
        "kept": performance.kept and bool(found.weights.any()),
        "h2": found.heritability.share,
        "h2_se": found.heritability.standard_error,
        "h2_p_value": found.heritability.pvalue,
        "expression_sd": found.expression_sd,
        "pooled_r2": performance.pooled_r2,
        "pooled_p_value": performance.pooled_pvalue,
        "top1_pooled_r2": top.pooled_r2,
        "top1_pooled_p_value": top.pooled_pvalue,
        **{f"share_{name}": share for name, share in found.shares.items()},
        **by_model,
    }


def covariance_of_dosages(dosages: np.ndarray) -> np.ndarray:
    """Return the covariance (divisor n - 1) of dosages, missing ones at the mean."""
    filled = np.where(np.isnan(dosages), np.nanmean(dosages, axis=0), dosages)
    return np.atleast_2d(np.cov(filled, rowvar=False))
