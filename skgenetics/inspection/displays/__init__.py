"""Pictures of fitted models and of their scores: one file per Display, on one base.

A new Display is one file, and its name in the list below: tests and documentation follow the list.
"""

from skgenetics.inspection.displays._calibration import CalibrationDisplay
from skgenetics.inspection.displays._factor_activation import FactorActivationDisplay
from skgenetics.inspection.displays._gene_locus import GeneLocusDisplay
from skgenetics.inspection.displays._gene_manhattan import GeneManhattanDisplay
from skgenetics.inspection.displays._importance import ImportanceDisplay
from skgenetics.inspection.displays._interaction import InteractionDisplay
from skgenetics.inspection.displays._interaction_network import InteractionNetworkDisplay
from skgenetics.inspection.displays._locus import LocusDisplay
from skgenetics.inspection.displays._score_differences import ScoreDifferencesDisplay
from skgenetics.inspection.displays._scores import ScoresDisplay
from skgenetics.inspection.displays._sharing import SharingDisplay
from skgenetics.inspection.displays._similarity import SimilarityDisplay
from skgenetics.inspection.displays._strength_path import StrengthPathDisplay
from skgenetics.inspection.displays._tissue_dendrogram import TissueDendrogramDisplay
from skgenetics.inspection.displays._tissue_map import TissueMapDisplay
from skgenetics.inspection.displays._training_curve import TrainingCurveDisplay
from skgenetics.inspection.displays._trait_effects import TraitEffectsDisplay
from skgenetics.inspection.displays._trait_locus import TraitLocusDisplay

__all__ = [
    "CalibrationDisplay",
    "FactorActivationDisplay",
    "GeneLocusDisplay",
    "GeneManhattanDisplay",
    "ImportanceDisplay",
    "InteractionDisplay",
    "InteractionNetworkDisplay",
    "LocusDisplay",
    "ScoreDifferencesDisplay",
    "ScoresDisplay",
    "SharingDisplay",
    "SimilarityDisplay",
    "StrengthPathDisplay",
    "TissueDendrogramDisplay",
    "TissueMapDisplay",
    "TrainingCurveDisplay",
    "TraitEffectsDisplay",
    "TraitLocusDisplay",
]
