"""Pictures of fitted models and of their scores."""

from skgenetics.inspection._locus import LocusDisplay
from skgenetics.inspection._scores import ScoresDisplay

__all__ = ["LocusDisplay", "ScoresDisplay"]
