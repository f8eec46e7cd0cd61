"""Association of genes: weights, predicted expression and tests (TWAS)."""

from skgenetics.association._gene_finemapping import finemap_genes
from skgenetics.association._loading import load_weights
from skgenetics.association._training import (
    GeneData,
    TissueWeights,
    WeightModel,
    train_gene,
)
from skgenetics.association._twas import TWASResult, twas
from skgenetics.association._weights import ExpressionWeights, GeneModel

__all__ = [
    "ExpressionWeights",
    "GeneData",
    "GeneModel",
    "TWASResult",
    "TissueWeights",
    "WeightModel",
    "finemap_genes",
    "load_weights",
    "train_gene",
    "twas",
]
