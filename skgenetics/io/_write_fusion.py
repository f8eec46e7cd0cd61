"""Expression weights in the files of FUSION: one ``.wgt.RDat`` a gene, and the list of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from skgenetics.io._r_objects import data_frame, matrix, save_objects, vector
from skgenetics.utils._typing import PathLike
from skgenetics.utils._writing import atomic_path

if TYPE_CHECKING:
    import pandas as pd

POS_COLUMNS = ("PANEL", "WGT", "ID", "CHR", "P0", "P1", "N")


def write_fusion(
    path: PathLike,
    variants: "pd.DataFrame",
    weights: np.ndarray,
    models: Sequence[str],
    *,
    r2: Sequence[float],
    pvalue: Sequence[float],
    heritability: tuple[float, float],
    heritability_pvalue: float,
    n_samples: int,
) -> None:
    """Write the weights of one gene in one tissue.

    Parameters
    ----------
    path : path-like
        Such as "blood/ENSG00000134243.wgt.RDat".
    variants : pandas.DataFrame of length n_variants
        chromosome, base_pair_location, variant_id, effect_allele, other_allele.
    weights : ndarray of shape (n_variants, n_models)
        In standard deviations of expression per standard deviation of the genotype; of the model
        "top1", whose largest weight FUSION takes alone, marginal z statistics.
    models : sequence of str
    r2, pvalue : sequence of float
        Of each model in cross-validation, by the larger of which FUSION chooses.
    heritability : (float, float)
        Of expression by these variants, and its standard error.
    heritability_pvalue : float
    n_samples : int
    """
    chromosome = [str(name) for name in variants["chromosome"]]
    are_numbers = all(name.isdecimal() for name in chromosome)
    names = [str(name) for name in variants["variant_id"]]
    position = variants["base_pair_location"].to_numpy(dtype=np.int64)
    snps = {
        "V1": [int(name) for name in chromosome] if are_numbers else chromosome,
        "V2": names,
        "V3": np.zeros(len(names), dtype=np.int64),
        "V4": position,
        "V5": variants["effect_allele"].tolist(),
        "V6": variants["other_allele"].tolist(),
    }
    performance = np.array([r2, pvalue], dtype=np.float64)
    objects = {
        "wgt.matrix": matrix(weights, names, models),
        "snps": data_frame(snps),
        "cv.performance": matrix(performance, ["rsq", "pval"], models),
        "hsq": vector(np.array(heritability, dtype=np.float64)),
        "hsq.pv": vector(np.array([heritability_pvalue], dtype=np.float64)),
        "N.tot": vector([n_samples]),
    }
    with atomic_path(path) as temporary:
        save_objects(temporary, objects)


def write_fusion_list(path: PathLike, rows: "pd.DataFrame") -> None:
    """Write the list of the weights of a tissue, ``.pos``: columns `POS_COLUMNS`."""
    with atomic_path(path) as temporary:
        rows.to_csv(temporary, sep="\t", index=False, columns=list(POS_COLUMNS), na_rep="NA")
