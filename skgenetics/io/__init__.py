"""Readers and writers: genotypes, summary statistics, tables of people, and matching by name."""

from skgenetics.io._bgen import read_bgen
from skgenetics.io._dosages import read_genotypes, write_genotypes
from skgenetics.io._expression import read_expression
from skgenetics.io._gene_sets import read_gene_sets
from skgenetics.io._genes import read_genes, read_genetic_map
from skgenetics.io._genotypes import VARIANT_COLUMNS, Genotypes, sample_index
from skgenetics.io._harmonize import harmonize, is_low_n
from skgenetics.io._joined import with_covariates
from skgenetics.io._ld import read_ld
from skgenetics.io._match_variants import place_by_id
from skgenetics.io._matching import match_samples
from skgenetics.io._models import SavedModel, read_model, write_model
from skgenetics.io._plink import read_plink
from skgenetics.io._plink2 import read_plink2
from skgenetics.io._read_fusion import read_fusion, read_fusion_list
from skgenetics.io._read_predictdb import read_covariances, read_predictdb
from skgenetics.io._read_scoring import read_scoring_file
from skgenetics.io._regions import MHC, Region, find_regions, read_regions
from skgenetics.io._sexes import read_sexes
from skgenetics.io._sumstats import read_sumstats
from skgenetics.io._sumstats_values import unify_chromosomes
from skgenetics.io._tables import read_header, read_list, read_table
from skgenetics.io._vcf import read_vcf
from skgenetics.io._weight_tables import WeightFile
from skgenetics.io._write_fusion import write_fusion, write_fusion_list
from skgenetics.io._write_predictdb import write_covariances, write_predictdb
from skgenetics.utils._opened import OpenedGenotypes
from skgenetics.utils._writing import atomic_folder, atomic_path

__all__ = [
    "MHC",
    "VARIANT_COLUMNS",
    "Genotypes",
    "OpenedGenotypes",
    "Region",
    "SavedModel",
    "WeightFile",
    "atomic_folder",
    "atomic_path",
    "find_regions",
    "harmonize",
    "is_low_n",
    "match_samples",
    "place_by_id",
    "read_bgen",
    "read_covariances",
    "read_expression",
    "read_fusion",
    "read_fusion_list",
    "read_gene_sets",
    "read_genes",
    "read_genetic_map",
    "read_genotypes",
    "read_header",
    "read_ld",
    "read_list",
    "read_model",
    "read_plink",
    "read_plink2",
    "read_predictdb",
    "read_regions",
    "read_scoring_file",
    "read_sexes",
    "read_sumstats",
    "read_table",
    "read_vcf",
    "sample_index",
    "unify_chromosomes",
    "with_covariates",
    "write_covariances",
    "write_fusion",
    "write_fusion_list",
    "write_genotypes",
    "write_model",
    "write_predictdb",
]
