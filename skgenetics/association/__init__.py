"""Association of genes: weights, predicted expression and tests (TWAS)."""

from skgenetics.association._loading import load_weights
from skgenetics.association._twas import TWASResult, twas
from skgenetics.association._weights import ExpressionWeights, GeneModel

__all__ = ["ExpressionWeights", "GeneModel", "TWASResult", "load_weights", "twas"]
