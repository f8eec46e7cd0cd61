"""Explanations and pictures of fitted models, and of their scores."""

from skgenetics.inspection import displays
from skgenetics.inspection._bilrp import bilrp, relevance
from skgenetics.inspection._similarity import SimilarityExplanation
from skgenetics.inspection._swap import swap_interactions
from skgenetics.inspection.displays import *  # noqa: F403
from skgenetics.inspection.pages import report

__all__ = ["SimilarityExplanation", "bilrp", "relevance", "report", "swap_interactions"]
__all__ += displays.__all__
