"""Explanations and pictures of fitted models, and of their scores."""

from skgenetics.inspection._bilrp import bilrp, relevance
from skgenetics.inspection._calibration import CalibrationDisplay
from skgenetics.inspection._expression_dendrogram import TissueDendrogramDisplay
from skgenetics.inspection._expression_factors import FactorActivationDisplay
from skgenetics.inspection._expression_map import TissueMapDisplay
from skgenetics.inspection._importance_display import ImportanceDisplay
from skgenetics.inspection._interaction_display import InteractionDisplay
from skgenetics.inspection._interaction_network import InteractionNetworkDisplay
from skgenetics.inspection._locus import LocusDisplay
from skgenetics.inspection._scores import ScoresDisplay
from skgenetics.inspection._sharing import SharingDisplay
from skgenetics.inspection._similarity import SimilarityExplanation
from skgenetics.inspection._similarity_display import SimilarityDisplay
from skgenetics.inspection._swap import swap_interactions
from skgenetics.inspection._training_curve import TrainingCurveDisplay

__all__ = [
    "CalibrationDisplay",
    "FactorActivationDisplay",
    "ImportanceDisplay",
    "InteractionDisplay",
    "InteractionNetworkDisplay",
    "LocusDisplay",
    "ScoresDisplay",
    "SharingDisplay",
    "SimilarityDisplay",
    "SimilarityExplanation",
    "TissueDendrogramDisplay",
    "TissueMapDisplay",
    "TrainingCurveDisplay",
    "bilrp",
    "relevance",
    "swap_interactions",
]
