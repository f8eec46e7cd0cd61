"""Which gene of a locus: fine-mapping of genes under the correlation of their expression."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from skgenetics.association._arguments import check_kinds
from skgenetics.association._prediction import predict_expression
from skgenetics.association._twas import TWASResult
from skgenetics.association._weights import MODEL_KEY, ExpressionWeights
from skgenetics.io._genotypes import Genotypes
from skgenetics.io._regions import MHC, Region
from skgenetics.utils._optional import import_optional

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("locus", "gene", "gene_name", "tissue", "z", "pip", "cs", "cs_alpha", "message")
_LEVEL = 0.05  # of p_bonferroni, of genes that make a locus


def finemap_genes(
    result: TWASResult,
    weights: ExpressionWeights,
    ld: Genotypes,
    estimator: Any,
    *,
    n_samples: float | None = None,
    window: int = 500_000,
    include_mhc: bool = False,
) -> "pd.DataFrame":
    r"""Say which genes of each significant locus are likely to act on the trait.

    Genes near each other share variants, so that one that acts makes others significant. Their z
    have the correlation of predicted expression, :math:`W' \Sigma W` scaled, as z of variants have
    that of the variants: genes are fine-mapped as variants are.

    Parameters
    ----------
    result : TWASResult
        Of :func:`twas` with these weights and this panel.
    weights : ExpressionWeights
    ld : Genotypes
        The panel.
    estimator : estimator
        With ``fit_summary(z, ld, n_samples=...)`` and ``to_frame()``, such as
        :class:`skgenetics.FinemapMiXeR`. A clone is fitted to each locus.
    n_samples : float, optional
        People of the study, if not those of `result`.
    window : int, default=500_000
        Base pairs on either side of a gene of p_bonferroni < 0.05; windows that overlap are merged.
        All genes and tissues tested there compete.
    include_mhc : bool, default=False
        Whether loci in the MHC are fine-mapped.

    Returns
    -------
    table : pandas.DataFrame
        One row per locus, gene and tissue: locus, gene, gene_name, tissue, z, pip, cs (the number
        of its credible set, 0 if it is in none), cs_alpha and message (a warning of the fit).

    Raises
    ------
    ValueError
        If the number of people of the study is unknown.
    TypeError
        If an argument is of another kind: `ld` is the genotypes of a panel, also where
        `result` comes from covariances of the weights.

    Notes
    -----
    That effects of variants which bypass expression do not count is an assumption: a locus whose
    gene has no weights gives its probability to a neighbor. Such loci show several genes of similar
    probabilities, or none.
    """
    pd = import_optional("pandas", extra="dataframe")
    if not isinstance(result, TWASResult):
        raise TypeError(
            f"result must be what skgenetics.association.twas returns; got {type(result).__name__}."
        )
    check_kinds(weights=weights, ld=ld)
    if not hasattr(estimator, "fit_summary"):
        raise TypeError(
            "estimator must fit summary statistics, as skgenetics.FinemapMiXeR() does; got "
            f"{estimator!r}."
        )
    n = result.variants["n"].median() if n_samples is None else n_samples  # without missing ones
    if not np.isfinite(n):
        raise ValueError("The number of people of the study is unknown: give n_samples.")
    genes = result.genes[result.genes["status"] == "ok"].reset_index(drop=True)
    loci = _loci(genes, window, include_mhc)
    if not loci:
        return pd.DataFrame(columns=list(COLUMNS))
    inside = np.unique(np.concatenate(list(loci.values())))
    expression = _expression(genes.iloc[inside], result, weights, ld)
    place = np.full(len(genes), -1)
    place[inside] = np.arange(len(inside))
    tables = []
    for region, rows in loci.items():
        table = _fit(genes.iloc[rows], expression[:, place[rows]], estimator, float(n))
        tables.append(table.assign(locus=region.name))
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


def _loci(genes: "pd.DataFrame", window: int, include_mhc: bool) -> dict[Region, np.ndarray]:
    """Return the regions around significant genes, and the rows of the genes in each."""
    position = genes["base_pair_location"].to_numpy(dtype=float, na_value=np.nan)
    chromosome = genes["chromosome"].to_numpy(dtype=object)
    significant = (genes["p_bonferroni"] < _LEVEL).to_numpy() & np.isfinite(position)
    loci: dict[Region, np.ndarray] = {}
    for name in dict.fromkeys(chromosome[significant]):
        here = chromosome == name
        last: list[int] = []
        for at in [*np.sort(position[here & significant]), np.inf]:
            if last and at - window > last[1]:
                region = Region(name, *last)
                if include_mhc or not region.overlaps(MHC):
                    rows = here & (position >= region.start) & (position <= region.end)
                    loci[region] = np.flatnonzero(rows)
                last = []
            if np.isfinite(at):
                last = [last[0] if last else max(1, int(at - window)), int(at + window)]
    return loci


def _expression(
    genes: "pd.DataFrame", result: TWASResult, weights: ExpressionWeights, ld: Genotypes
) -> np.ndarray:
    """Return what the variants that were used predict in the panel, (n_people, n_genes)."""
    pd = import_optional("pandas", extra="dataframe")
    used = result.variants[result.variants["used"]]
    wanted = pd.MultiIndex.from_frame(genes[MODEL_KEY])
    used = used[pd.MultiIndex.from_frame(used[MODEL_KEY]).isin(wanted)]
    models = ExpressionWeights(genes, used, standardized=weights.standardized)
    order = pd.MultiIndex.from_frame(models.genes[MODEL_KEY]).get_indexer(wanted)
    return predict_expression(models, ld).expression[:, order]


def _fit(
    genes: "pd.DataFrame", expression: np.ndarray, estimator: Any, n_samples: float
) -> "pd.DataFrame":
    """Return the rows of one locus."""
    n_people = len(expression)
    deviations = expression - expression.mean(axis=0)
    scaled = deviations / np.sqrt((deviations**2).mean(axis=0))
    correlation = scaled.T @ scaled / n_people
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = clone(estimator).fit_summary(
            genes["z"].to_numpy(),
            correlation,
            n_samples=n_samples,
            panel_size=float(n_people) if n_people < n_samples else None,  # else the study's own
        )
    frame = fitted.to_frame()
    message = "; ".join(dict.fromkeys(str(warning.message) for warning in caught))
    table = genes[["gene", "gene_name", "tissue", "z"]].reset_index(drop=True)
    pip, cs, alpha = (frame[name].to_numpy() for name in ("pip", "cs", "cs_alpha"))
    return table.assign(pip=pip, cs=cs, cs_alpha=alpha, message=message or None)
