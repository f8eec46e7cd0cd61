"""Association of genes with a trait, from its summary statistics (TWAS)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils import Bunch

from skgenetics.association._arguments import check_kinds
from skgenetics.association._gene_blocks import GeneBlocks, associate_block
from skgenetics.association._matching import unique_variants
from skgenetics.association._twas_data import align_statistics, find_in_panel, gene_units
from skgenetics.association._twas_tables import (
    add_deflated,
    genes_table,
    joint_table,
    variants_table,
)
from skgenetics.association._weights import ExpressionWeights
from skgenetics.io._genotypes import Genotypes
from skgenetics.utils._parallel import run_parallel
from skgenetics.utils._parameters import check_number

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TWASResult:
    """Tables of a transcriptome-wide association study.

    Attributes
    ----------
    genes : pandas.DataFrame
        One row per gene and tissue: z, p_value, log10_p, effect (of the trait per unit of predicted
        expression), var_g, n_model, n_in_ld, n_used, n_imputed, r_used, p_bonferroni, q_value
        (Benjamini and Hochberg), best_gwas_p and lead_variant_id of its variants, flag (LOW_R where
        r_used is below .8, MHC) and status: "ok", or why there is no z.
    variants : pandas.DataFrame
        One row per gene, tissue and variant: weight, z, r2 (of an imputed z, 1 otherwise), se, n
        and whether it was used.
    joint : pandas.DataFrame
        One row per gene: the tests of all its tissues. chi2, n_indep, p_value and log10_p of
        S-MultiXcan, acat_p_value and acat_log10_p; best_tissue, best_z.
    report : :class:`~sklearn.utils.Bunch`
        Counts of variants of the weights: n_variants, in_ld, with_z, other_alleles (in the LD with
        alleles that fit no pair), and `harmonized`, the report of :func:`harmonize`.
    """

    genes: "pd.DataFrame"
    variants: "pd.DataFrame"
    joint: "pd.DataFrame"
    report: Bunch

    def to_frame(self, kind: str = "genes") -> "pd.DataFrame":
        """Return a table.

        Parameters
        ----------
        kind : {"genes", "variants", "joint"}, default="genes"

        Returns
        -------
        table : pandas.DataFrame
        """
        return getattr(self, kind).copy()


def twas(
    sumstats: "pd.DataFrame",
    weights: ExpressionWeights,
    ld: Genotypes | None = None,
    *,
    missing: str = "impute",
    h2: float | None = None,
    n_samples: float | None = None,
    n_jobs: int | None = None,
) -> TWASResult:
    r"""Test genes for association with a trait through their predicted expression.

    Parameters
    ----------
    sumstats : pandas.DataFrame
        Of the trait, as :func:`skgenetics.io.read_sumstats` returns them.
    weights : ExpressionWeights
        As :func:`load_weights` returns them.
    ld : Genotypes, optional
        A panel of people like those of the study. By default `weights.covariances`.
    missing : {"impute", "drop"}, default="impute"
        What happens to variants without a z. "impute": z from those of the gene's other variants,
        as in FUSION; genes with more than half of z missing, or a mean r2 below .7, are skipped.
        "drop": they are left out, as in S-PrediXcan; `r_used` says what is left.
    h2 : float, optional
        Heritability of the trait by the variants of the study. With it `z_deflated` is z without
        the inflation of polygenic traits, for genes whose weights come with their phi.
    n_samples : float, optional
        People of the study, if not the column n of `sumstats`.
    n_jobs : int, optional
        Number of processes that share the genes.

    Returns
    -------
    result : TWASResult

    Raises
    ------
    ValueError
        If there is no LD, no variant is matched, or `h2` is given where the number of people is
        unknown.
    TypeError
        If an argument is a path, or an array, in place of what was read.

    Notes
    -----
    With weights w per allele, and covariance :math:`\Sigma` and deviations :math:`\sigma` of
    dosages, :math:`Z = \sum_l w_l \sigma_l z_l / \sqrt{w' \Sigma w}` is what the correlation of
    the trait with predicted expression gives in the study itself, if the LD is the study's.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import Ridge
    >>> from skgenetics.association import ExpressionWeights, twas
    >>> from skgenetics.datasets import load_geuvadis
    >>> gene = load_geuvadis("ENSG00000215012", as_frame=True)
    >>> ridge = Ridge(100).fit(gene.data, gene.target)
    >>> weights = ExpressionWeights.from_estimator(ridge, gene.variants, genes="ENSG00000215012")
    >>> weights.covariances = {"ENSG00000215012": gene.data.cov()}  # of GEUVADIS itself
    >>> z = pd.Series(np.random.default_rng(0).normal(size=502))  # of a trait without effects
    >>> result = twas(gene.variants.assign(z=z), weights)
    >>> result.genes[["gene", "n_used", "status"]].values.tolist()
    [['ENSG00000215012', 502, 'ok']]
    """
    check_kinds(sumstats=sumstats, weights=weights)
    if ld is not None:
        check_kinds(ld=ld)
    if missing not in ("impute", "drop"):
        raise ValueError(f"missing must be 'impute' or 'drop'; got {missing!r}.")
    if h2 is not None:
        check_number(h2, "h2", low=0, high=1, closed="both")
    if ld is None and not weights.covariances:
        raise ValueError(
            "There is no LD: give genotypes of a panel as ld, or weights with covariances "
            "(load_weights(path, covariance=...))."
        )
    unique = unique_variants(weights.weights)
    panel = find_in_panel(unique, ld)
    statistics, report = align_statistics(sumstats, panel.variants, n_samples)
    if h2 is not None and not np.isfinite(statistics.n).any():
        raise ValueError(
            "h2 needs the number of people of the study, and the statistics have no n: give "
            "n_samples."
        )
    units = gene_units(weights, unique)
    impute = missing == "impute"
    blocks = GeneBlocks(weights, unique, panel, statistics, ld, units, impute)
    n_jobs = max(1, min(effective_n_jobs(n_jobs), len(blocks)))
    tested = [
        gene for part in run_parallel(associate_block, blocks, n_jobs=n_jobs) for gene in part
    ]
    genes = genes_table(weights, unique, statistics, units, tested)
    if h2 is not None:
        add_deflated(genes, h2, float(np.nanmedian(statistics.n)))
    variants = variants_table(weights, unique, statistics, units, tested)
    joint = joint_table(genes, units, tested)
    report = Bunch(
        n_variants=len(unique.table),
        in_ld=int(panel.held.sum()),
        with_z=int(np.isfinite(statistics.z).sum()),
        other_alleles=panel.n_other_alleles,
        harmonized=report,
    )
    return TWASResult(genes, variants, joint, report)
