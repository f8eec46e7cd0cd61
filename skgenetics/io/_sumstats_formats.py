"""Which columns of which program's summary statistics mean what.

A new format is one more `Format` in `FORMATS`, and nothing else: the reader, its errors and the
words of the command take what they need from that list. Put it above those whose `needs` it meets
too, since the first format that fits a header is taken, and give its header to the test of formats.
"""

from collections.abc import Sequence
from dataclasses import dataclass

MEANINGS = (
    "chromosome",
    "base_pair_location",
    "effect_allele",
    "other_allele",
    "rsid",
    "variant_id",
    "effect_allele_frequency",
    "beta",
    "odds_ratio",
    "standard_error",
    "z",
    "p_value",
    "neg_log_10_p_value",
    "n",
    "n_cases",
    "n_controls",
    "test",
    "ref_allele",
    "alt_allele",
)


@dataclass(frozen=True)
class Format:
    """A program's table.

    `needs` are the columns that tell it from others, each a choice of names; `columns` gives the
    names that a meaning may have, the best first; `test` is the test whose rows are effects of one
    more allele.
    """

    name: str
    needs: tuple[tuple[str, ...], ...]
    columns: dict[str, tuple[str, ...]]
    mixed_model: bool = False
    test: str | None = "ADD"


FORMATS: tuple[Format, ...] = (
    Format(
        "GWAS-SSF",
        (("chromosome",), ("base_pair_location",), ("effect_allele",), ("other_allele",)),
        {
            "chromosome": ("chromosome",),
            "base_pair_location": ("base_pair_location",),
            "effect_allele": ("effect_allele",),
            "other_allele": ("other_allele",),
            "rsid": ("rsid", "rs_id"),
            "variant_id": ("variant_id",),
            "effect_allele_frequency": ("effect_allele_frequency",),
            "beta": ("beta",),
            "odds_ratio": ("odds_ratio", "hazard_ratio"),
            "standard_error": ("standard_error",),
            "z": ("z", "z_score"),
            "p_value": ("p_value",),
            "neg_log_10_p_value": ("neg_log_10_p_value",),
            "n": ("n",),
        },
    ),
    Format(
        "REGENIE",
        (("GENPOS",), ("ALLELE0",), ("ALLELE1",), ("LOG10P",)),
        {
            "chromosome": ("CHROM",),
            "base_pair_location": ("GENPOS",),
            "variant_id": ("ID",),
            "effect_allele": ("ALLELE1",),
            "other_allele": ("ALLELE0",),
            "effect_allele_frequency": ("A1FREQ",),
            "beta": ("BETA",),
            "standard_error": ("SE",),
            "neg_log_10_p_value": ("LOG10P",),
            "n": ("N",),
            "n_cases": ("N_CASES",),
            "n_controls": ("N_CONTROLS",),
            "test": ("TEST",),
        },
        mixed_model=True,
    ),
    Format(
        "BOLT-LMM",
        (("ALLELE0",), ("ALLELE1",), ("P_BOLT_LMM", "P_BOLT_LMM_INF")),
        {
            "chromosome": ("CHR",),
            "base_pair_location": ("BP",),
            "variant_id": ("SNP",),
            "effect_allele": ("ALLELE1",),
            "other_allele": ("ALLELE0",),
            "effect_allele_frequency": ("A1FREQ",),
            "beta": ("BETA",),
            "standard_error": ("SE",),
            "p_value": ("P_BOLT_LMM", "P_BOLT_LMM_INF"),
        },
        mixed_model=True,
    ),
    Format(
        "SAIGE",
        (("Allele1",), ("Allele2",), ("p.value",)),
        {
            "chromosome": ("CHR",),
            "base_pair_location": ("POS",),
            "rsid": ("rsid",),
            "variant_id": ("MarkerID", "SNPID"),
            "effect_allele": ("Allele2",),
            "other_allele": ("Allele1",),
            "effect_allele_frequency": ("AF_Allele2",),
            "beta": ("BETA",),
            "standard_error": ("SE",),
            "p_value": ("p.value",),
            "n": ("N",),
            "n_cases": ("N_case", "N.Cases"),
            "n_controls": ("N_ctrl", "N.Controls"),
        },
        mixed_model=True,
    ),
    Format(
        "PLINK 2",
        (("CHROM",), ("POS",), ("A1",), ("OBS_CT", "TEST"), ("P", "LOG10_P", "NEG_LOG10_P")),
        {
            "chromosome": ("CHROM",),
            "base_pair_location": ("POS",),
            "variant_id": ("ID",),
            "effect_allele": ("A1",),
            "other_allele": ("OMITTED", "AX"),
            "ref_allele": ("REF",),
            "alt_allele": ("ALT",),
            "effect_allele_frequency": ("A1_FREQ",),
            "beta": ("BETA",),
            "odds_ratio": ("OR",),
            "standard_error": ("SE", "LOG(OR)_SE"),
            "z": ("T_STAT", "Z_STAT"),
            "p_value": ("P",),
            "neg_log_10_p_value": ("NEG_LOG10_P", "LOG10_P"),
            "n": ("OBS_CT",),
            "test": ("TEST",),
        },
    ),
    Format(
        "LDSC",
        (("SNP",), ("A1",), ("A2",), ("Z",)),
        {
            "chromosome": ("CHR",),
            "base_pair_location": ("BP",),
            "variant_id": ("SNP",),
            "effect_allele": ("A1",),
            "other_allele": ("A2",),
            "effect_allele_frequency": ("FRQ",),
            "z": ("Z",),
            "p_value": ("P",),
            "n": ("N",),
        },
    ),
    Format(
        "PLINK 1",
        (("CHR",), ("SNP",), ("BP",), ("A1",), ("STAT", "CHISQ"), ("P",)),
        {
            "chromosome": ("CHR",),
            "base_pair_location": ("BP",),
            "variant_id": ("SNP",),
            "effect_allele": ("A1",),
            "other_allele": ("A2",),
            "beta": ("BETA",),
            "odds_ratio": ("OR",),
            "standard_error": ("SE",),
            "z": ("STAT",),
            "p_value": ("P",),
            "n": ("NMISS",),
            "test": ("TEST",),
        },
    ),
)


def recognize(header: Sequence[str]) -> tuple[Format | None, dict[str, str]]:
    """Return the format of a header and {meaning: column}, or None and {} if it is of none."""
    known = {name.lstrip("#").lower(): name for name in header}

    def first(names: Sequence[str]) -> str | None:
        return next((known[name.lower()] for name in names if name.lower() in known), None)

    for form in FORMATS:
        if all(first(names) for names in form.needs):
            columns = {meaning: first(names) for meaning, names in form.columns.items()}
            return form, {meaning: name for meaning, name in columns.items() if name}
    return None, {}
