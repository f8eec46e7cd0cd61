"""Fine-mapping: which variants of a locus have an effect on a trait."""

from skgenetics.finemapping._colocalization import colocalize
from skgenetics.finemapping._diagnostics import LDMismatchWarning, ld_mismatch
from skgenetics.finemapping._loci import finemap_loci
from skgenetics.finemapping._mixer import FinemapMiXeR

__all__ = ["FinemapMiXeR", "LDMismatchWarning", "colocalize", "finemap_loci", "ld_mismatch"]
