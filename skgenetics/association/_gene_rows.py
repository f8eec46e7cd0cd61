"""What is said of one gene: from weights, z and covariances of its variants to rows of tables."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from skgenetics.association._gene_tests import (
    acat,
    gene_effect,
    gene_variance,
    gene_z,
    impute_z,
    joint_test,
    log10_p_of_chi2,
    log10_p_of_z,
    predicted_covariance,
    used_correlation,
)

MAX_MISSING, MIN_IMPUTATION_R2 = 0.5, 0.7  # of the variants of a model in the LD; as in FUSION
_NO_VARIANCE = 1e-10  # of what perfectly correlated variants would have
OK = "ok"


class GeneVariants(NamedTuple):
    """The variants of a gene in all its tissues, (k,), and what is known of them."""

    weights: np.ndarray
    """(k, n_tissues) Change of expression per effect allele; 0 where not of a tissue's model."""
    covariance: np.ndarray
    """(k, k) NaN where the LD has no such variant, or no such pair."""
    z: np.ndarray
    """(k,) NaN where unknown."""
    se: np.ndarray
    """(k,) Standard errors of effects per allele, NaN where unknown."""
    n: np.ndarray
    """(k,) People of the study, NaN where unknown."""


@dataclass
class GeneResult:
    """A gene: a row for each tissue, what was used of each variant, and the joint row."""

    rows: list[dict[str, Any]]
    used: list[np.ndarray]
    """For each tissue (k,): whether z of the variant is used."""
    z: np.ndarray
    """(k,) with imputed ones."""
    r2: np.ndarray
    """(k,) how well z is known: 1 where it was there, 0 where it is missing and not imputed."""
    joint: dict[str, Any]


def associate(gene: GeneVariants, *, impute: bool) -> GeneResult:
    """Test the association of a gene with the trait, in each tissue and in all.

    Parameters
    ----------
    gene : GeneVariants
    impute : bool
        Whether missing z are imputed from those of the gene's other variants; they are left out
        otherwise.

    Returns
    -------
    tested : GeneResult
        Rows have z, log10_p, effect, var_g, n_in_ld, n_used, n_imputed, r_used, best (the variant
        of the largest z of a model, -1 if there is none) and status.
    """
    in_ld = np.diag(gene.covariance) > 0  # not where NaN
    z, r2 = np.where(in_ld, gene.z, np.nan), np.zeros(len(gene.z))
    r2[np.isfinite(z)] = 1
    block = gene.covariance[np.ix_(in_ld, in_ld)]
    whole = bool(np.isfinite(block).all())  # pairs across tissues may be unknown
    if impute and whole and in_ld.any():
        z[in_ld], r2[in_ld] = impute_z(z[in_ld], _correlation(block))
    rows, used = [], []
    for weights in gene.weights.T:
        model = weights != 0
        inside = np.flatnonzero(model & in_ld)
        covariance = gene.covariance[np.ix_(inside, inside)]
        if impute and not whole and np.isfinite(covariance).all() and len(inside):
            z[inside], r2[inside] = impute_z(gene.z[inside], _correlation(covariance))
        row, kept = _test_tissue(gene, weights, inside, covariance, z, r2)
        rows.append(row)
        used.append(np.zeros(len(z), dtype=bool))
        used[-1][kept] = True
    return GeneResult(rows, used, z, r2, _test_jointly(gene, rows, used))


def _test_tissue(
    gene: GeneVariants,
    weights: np.ndarray,
    inside: np.ndarray,
    covariance: np.ndarray,
    z: np.ndarray,
    r2: np.ndarray,
) -> tuple[dict[str, Any], np.ndarray]:
    """Return the row of a gene in one tissue, and the numbers of the variants that count.

    `inside` are those of the model that the LD has, `covariance` theirs; z and r2 are of all.
    """
    observed = np.isfinite(gene.z[inside])
    known = r2[inside] > 0
    row: dict[str, Any] = {
        **dict.fromkeys(("z", "log10_p", "effect", "var_g", "r_used"), np.nan),
        "n_in_ld": len(inside),
        "n_used": int(observed.sum()),
        "n_imputed": int((known & ~observed).sum()),
        "best": int(inside[observed][np.argmax(np.abs(gene.z[inside][observed]))])
        if observed.any()
        else -1,
    }
    if len(inside):
        row["status"] = _reason_to_skip(len(inside), observed, known, r2[inside], covariance)
    else:
        row["status"] = "no variant in the LD" if weights.any() else "all weights are zero"
    if row["status"] != OK:
        return row, inside[:0]
    kept = inside[known]
    w, sigma = weights[kept], covariance[np.ix_(known, known)]
    row["var_g"] = gene_variance(w, sigma)
    if row["var_g"] <= _NO_VARIANCE * float(np.abs(w) @ np.sqrt(np.diag(sigma))) ** 2:
        return row | {"status": "predicted expression does not vary in the LD"}, inside[:0]
    sd = np.sqrt(np.diag(sigma))
    beta = z[kept] * _unit_of_z(gene.se[kept] * sd, gene.n[kept]) / sd
    row["z"] = gene_z(w, z[kept], sigma)
    row["log10_p"] = float(log10_p_of_z(row["z"]))
    row["effect"] = gene_effect(w, beta, sigma)
    row["r_used"] = used_correlation(weights[inside], observed, covariance)
    return row, kept


def _unit_of_z(standardized_se: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return what one z is in effects per standard deviation of the genotype, NaN if unknown.

    The standard error of such effects; that of imputed z is the others' median. Without any it is
    1 / sqrt(n), which counts the trait in its standard deviations.
    """
    unit = standardized_se if np.isfinite(standardized_se).any() else 1 / np.sqrt(n)
    known = np.isfinite(unit)
    return np.where(known, unit, np.median(unit[known])) if known.any() else unit


def _reason_to_skip(
    n_in_ld: int,
    observed: np.ndarray,
    known: np.ndarray,
    r2: np.ndarray,
    covariance: np.ndarray,
) -> str:
    """Return why a gene cannot be tested in a tissue, or `OK`."""
    if not observed.any():
        return "no variant has a z"
    if not np.isfinite(covariance).all():
        return "the LD lacks pairs of its variants"
    n_imputed = int((known & ~observed).sum())
    if n_imputed and (~observed).mean() > MAX_MISSING:
        return f"{(~observed).sum()} of {n_in_ld} z are missing"
    if n_imputed and r2.mean() < MIN_IMPUTATION_R2:
        return f"z imputed with a mean r2 of {r2.mean():.2f}"
    return OK


def _test_jointly(
    gene: GeneVariants, rows: list[dict[str, Any]], used: list[np.ndarray]
) -> dict[str, Any]:
    """Return the row of a gene in all its tissues together."""
    tested = [tissue for tissue, row in enumerate(rows) if row["status"] == OK]
    if not tested:
        return {}
    z = np.array([rows[tissue]["z"] for tissue in tested])
    log10_p = np.array([rows[tissue]["log10_p"] for tissue in tested])
    best = int(np.argmax(np.abs(z)))
    result: dict[str, Any] = {
        "n_tissues": len(tested),
        "best": tested[best],
        "best_z": float(z[best]),
        "acat_log10_p": acat(log10_p),
        "chi2": np.nan,
        "n_indep": 0,
        "log10_p": np.nan,
    }
    some = np.any([used[tissue] for tissue in tested], axis=0)
    weights = np.column_stack([np.where(used[t], gene.weights[:, t], 0)[some] for t in tested])
    covariance = gene.covariance[np.ix_(some, some)]
    if np.isfinite(covariance).all():
        across = _correlation(predicted_covariance(weights, covariance))
        result["chi2"], result["n_indep"] = joint_test(z, across)
        result["log10_p"] = log10_p_of_chi2(result["chi2"], result["n_indep"])
    return result


def _correlation(covariance: np.ndarray) -> np.ndarray:
    """Return the correlation of a covariance."""
    sd = np.sqrt(np.diag(covariance))
    return covariance / sd[:, None] / sd
