"""Bundled data (``load_*``) and simulators that return the truth with the data (``make_*``)."""

from skgenetics.datasets._case_control import make_case_control
from skgenetics.datasets._expression import make_expression_tensor
from skgenetics.datasets._genotypes import make_genotypes
from skgenetics.datasets._geuvadis import load_geuvadis
from skgenetics.datasets._interactions import make_interactions
from skgenetics.datasets._summary_statistics import make_summary_statistics
from skgenetics.datasets._traits import make_multitrait, make_trait

__all__ = [
    "load_geuvadis",
    "make_case_control",
    "make_expression_tensor",
    "make_genotypes",
    "make_interactions",
    "make_multitrait",
    "make_summary_statistics",
    "make_trait",
]
