"""Expression across tissues: cis and trans genetics."""

from skgenetics.expression._enrichment import gene_set_enrichment, gene_set_overlap
from skgenetics.expression._factors import (
    factor_loadings,
    factor_summary,
    permuted_factor_loadings,
)
from skgenetics.expression._incomplete_pca import IncompletePCA
from skgenetics.expression._milage import MILAGERegressor
from skgenetics.expression._tissues import tissue_clustering
from skgenetics.expression.cis._windows import cis_windows_from_positions

__all__ = [
    "IncompletePCA",
    "MILAGERegressor",
    "cis_windows_from_positions",
    "factor_loadings",
    "factor_summary",
    "gene_set_enrichment",
    "gene_set_overlap",
    "permuted_factor_loadings",
    "tissue_clustering",
]
