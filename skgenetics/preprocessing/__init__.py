"""Transformers of genotypes, and functions that prepare expression."""

from skgenetics.preprocessing._expression import (
    expressed_genes,
    expression_components,
    inverse_normal_transform,
    sampled_tissues,
)
from skgenetics.preprocessing._imputer import GenotypeImputer
from skgenetics.preprocessing._interaction_scan import InteractionScan
from skgenetics.preprocessing._ld_pruner import LDPruner
from skgenetics.preprocessing._maf import MinorAlleleFrequencyThreshold
from skgenetics.preprocessing._scaler import GenotypeScaler

__all__ = [
    "GenotypeImputer",
    "GenotypeScaler",
    "InteractionScan",
    "LDPruner",
    "MinorAlleleFrequencyThreshold",
    "expressed_genes",
    "expression_components",
    "inverse_normal_transform",
    "sampled_tissues",
]
