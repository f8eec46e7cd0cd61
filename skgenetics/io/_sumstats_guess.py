"""What the columns of a table of no known format are likely to mean."""

import re
from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from skgenetics.io._lines import is_missing, to_number
from skgenetics.io._sumstats_effects import z_of_p
from skgenetics.io._sumstats_formats import missing_meanings
from skgenetics.io._sumstats_source import Source
from skgenetics.io._sumstats_values import WORDS, neg_log_10, to_numbers

if TYPE_CHECKING:
    import pyarrow as pa

_MANY_ROWS = 1000
_FEWEST_ROWS = 8  # of which values tell what a column is
_CLOSE = 0.05  # relative difference of z from beta / standard_error and from p that is rounding
_CLOSE_IN_ALL = 0.1  # where it is so in each of the first rows, as of p by a t distribution
_APART = r"(chr)?(\d{1,2}|[XYM]|MT)[:_]\d+[:_][ACGT]+[:_][ACGT]+([:_].*)?"
_LETTERS = re.compile(r"[^a-z0-9]+")

# in lower case without marks between, the clearest first; alleles come in pairs below
_NAMES = {
    "chromosome": "chromosome chrom chr chrnum chromosomeid chrid hg19chr hg38chr hg18chr chrhg19 "
    "chrhg38 chrb37 chrb38 seqnames contig snpchr variantchromosome chrname ch",
    "base_pair_location": "basepairlocation basepair position pos bp ps bppos posbp bpos "
    "chrpos chrposition basepairposition physpos coordinate location hg19pos hg38pos posb37 posb38 "
    "poshg19 poshg38 bphg19 bphg38 positionhg19 positionhg38 positionb37 positionb38 pos37 pos38 "
    "snppos varpos positiongrch37 positiongrch38 posgrch37 posgrch38 start begin end",
    "rsid": "rsid rs rsnumber rsids dbsnp dbsnpid snprsid rsnum",
    "variant_id": "variantid snp snpid id marker markername markerid variant name snpname varid "
    "predictor uniqid cptid variantname snptestid",
    "effect_allele_frequency": "effectallelefrequency eaf effectallelefreq freqeffectallele "
    "freq1 freqa1 a1freq a1frequency af1 frq freq frequency af altfreq aaf alleleaf afalt "
    "afallele1 freqallele1 freqcodedallele codedallelefrequency effectaf eafreq testedallelefreq "
    "freqtestedallele poolednafreq allelefrequency eafukb",
    "beta": "beta b effect effectsize betahat lnor logor logoddsratio logodds estimate est coef "
    "effectweight betaeffect effects gwasbeta fixedeffect allelicbeta slope betaa1 betafixed "
    "betaage effecta1 inversevariancebeta betainv addbeta betaadd",
    "odds_ratio": "oddsratio or hazardratio hr oreffect orfixed orallele",
    "standard_error": "standarderror se stderr stderror sebeta betase stderrlogor seeffect "
    "effectse selogor logorse selnor gwasse errorse slopese std sefixed seadd addse secoef",
    "z": "z zscore zstat zstatistic zval tstat t tstatistic tvalue statistic stat zvalue gwasz",
    "p_value": "pvalue p pval pvalueassociation gwaspvalue pgc pvalnominal nominalp pvaluenominal "
    "pnominal pvalfixed addpval pvaladd pwald plrt pscore pgwas pvaluegwas metap pvaluemeta "
    "pvalassoc frequentistaddpvalue pfixed allinvvarmetap pvaluefe pvalmeta",
    "neg_log_10_p_value": "neglog10pvalue neglog10p neglogp mlog10p mlogp log10p minuslog10p "
    "logp log10pvalue minuslog10pvalue neglog10pval nlog10p pvallog10 lp neglogpvalue neglog10",
    "n": "n ntotal samplesize neff nsamples totalsamplesize nobs obsct totaln nsum nindividuals "
    "effectivesamplesize nanalyzed nmiss neffective nsamp numsamples numberofsamples "
    "numindividuals nstudy nall",
    "n_cases": "ncases ncase ncas ncasestotal numcases casesn nca casecount",
    "n_controls": "ncontrols ncontrol ncon nctrl ncontrolstotal numcontrols controlsn nco",
}
# effect and other allele, the clearest pair first; whether the name says which has the effect
_ALLELES = (
    ("effectallele", "otherallele", True),
    ("effectallele", "noneffectallele", True),
    ("effectallele", "referenceallele", True),
    ("effectallele", "refallele", True),
    ("effectallele", "alternateallele", True),
    ("effectallele", "baselineallele", True),
    ("effallele", "otherallele", True),
    ("ea", "nea", True),
    ("ea", "oa", True),
    ("ea", "ra", True),
    ("ea", "ref", True),
    ("codedallele", "noncodedallele", True),
    ("codedallele", "otherallele", True),
    ("coded", "noncoded", True),
    ("testedallele", "otherallele", True),
    ("testallele", "otherallele", True),
    ("riskallele", "otherallele", True),
    ("riskallele", "nonriskallele", True),
    ("riskallele", "protectiveallele", True),
    ("incallele", "decallele", True),
    ("minorallele", "majorallele", False),
    ("alt", "ref", False),
    ("altallele", "refallele", False),
    ("alternateallele", "referenceallele", False),
    ("alternativeallele", "referenceallele", False),
    ("assessedallele", "otherallele", True),
    ("alleleassessed", "otherallele", True),
    ("a1effect", "a2other", True),
    ("a1", "a2", False),
    ("a1", "a0", False),
    ("allele1", "allele2", False),
    ("allele1", "allele0", False),
    ("alleleb", "allelea", False),
    ("a1allele", "a2allele", False),
    ("effectallele", None, True),
    ("testedallele", None, True),
    ("riskallele", None, True),
    ("codedallele", None, True),
    ("a1", None, False),
)


# names of a column that says which allele has the effect, whatever the others are called
_SAYS_EFFECT = tuple(dict.fromkeys(effect for effect, _, sure in _ALLELES if sure))
_OF_SECOND = re.compile(r"(e?af|fre?q|frequency)(of)?(allele|a)?2|(allele|a)2(af|fre?q|frequency)")


def _plain_names(header: Sequence[str]) -> dict[str, str]:
    """Return {name in lower case without marks: column}."""
    known: dict[str, str] = {}
    for name in header:
        known.setdefault(_LETTERS.sub("", name.lower()), name)
    return known


def check_effect_allele(used: Mapping[str, str], header: Sequence[str], name: str) -> None:
    """Raise ValueError if another column may say which allele has the effect."""
    if "effect_allele" not in used:
        return
    known, effect = _plain_names(header), used["effect_allele"]
    is_said = _LETTERS.sub("", effect.lower()).endswith(_SAYS_EFFECT)
    rivals = [] if is_said else [known[word] for word in _SAYS_EFFECT if word in known]
    second = [column for word, column in known.items() if _OF_SECOND.fullmatch(word)]
    if rivals:
        raise ValueError(
            f"{name} has a column {rivals[0]} beside {effect}, and either may be the allele of the "
            f"effect: say --columns effect_allele={_quoted(rivals[0])}, or "
            f"effect_allele={_quoted(effect)}."
        )
    if second and effect.endswith("1") and "effect_allele_frequency" not in used:
        other = used.get("other_allele", "the other allele")
        raise ValueError(
            f"{name} has the frequency of {other} ({second[0]}), so that {other} may be the allele "
            f"of the effect, not {effect}: say --columns effect_allele={_quoted(other)} "
            f"effect_allele_frequency={_quoted(second[0])}, or effect_allele={_quoted(effect)}."
        )


def check_cases(
    used: Mapping[str, str], named: Mapping[str, str], header: Sequence[str], name: str
) -> None:
    """Raise ValueError if a column in use and another differ in upper and lower case only."""
    known: dict[str, list[str]] = {}
    for column in dict.fromkeys(header):
        known.setdefault(column.lstrip("#").strip().lower(), []).append(column)
    for meaning, column in used.items():
        alike = known[column.lstrip("#").strip().lower()]
        if meaning not in named and len(alike) > 1:
            raise ValueError(
                f"{name} has columns {' and '.join(alike)}, and any may be {meaning}: say "
                f"--columns {meaning}={_quoted(alike[0])}, or {meaning}={_quoted(alike[1])}."
            )


def guess(source: Source) -> tuple[dict[str, str], bool]:
    """Return {meaning: column} by the names of columns, and whether the effect allele is sure."""
    known = _plain_names(source.header)
    if "end" in known:  # start is counted from 0 then, as in BED
        known.pop("start", None)
    found: dict[str, str] = {}
    for meaning, names in _NAMES.items():
        alike = [known[name] for name in names.split() if name in known]
        if meaning not in WORDS:
            alike = [column for column in alike if _may_be_numbers(column, source)]
        if alike and alike[0] not in found.values():
            found[meaning] = alike[0]
    if {"a1", "ref", "alt"} <= set(known) and not {"a2", "a0"} & set(known):  # as in PLINK 2
        alleles = {"effect_allele": "a1", "ref_allele": "ref", "alt_allele": "alt"}
        return found | {meaning: known[name] for meaning, name in alleles.items()}, False
    for effect, other, sure in _ALLELES:
        if effect in known and (other is None or other in known):
            found["effect_allele"] = known[effect]
            if sure and {"ref", "alt"} <= set(known):  # it is the one or the other
                found |= {"ref_allele": known["ref"], "alt_allele": known["alt"]}
            elif other is not None:
                found["other_allele"] = known[other]
            return found, sure
    return found, False


def _may_be_numbers(column: str, source: Source) -> bool:
    """Whether the first values of a column are numbers, or missing."""
    k = source.header.index(column)
    cells = [row[k] for row in source.sample if len(row) == len(source.header)]
    return all(is_missing(cell) or np.isfinite(to_number(cell)) for cell in cells)


def guessed_columns(source: Source) -> str:
    """Return in a sentence the ``--columns`` that a table may need, and what supports it."""
    if {"nmiss", "r2", "t"} <= set(_plain_names(source.header)):
        return (
            "PLINK 1.9's --assoc of a quantitative trait does not write which allele has the "
            "effect: run --linear, which does"
        )
    found, sure = guess(source)
    if "beta" in found:
        found.pop("odds_ratio", None)
    by_name = len(found)
    _add_by_values(found, source)
    missing = missing_meanings(found)
    if len(found) < 3 or ("effect_allele" not in found and "beta" not in found):
        return "Name them with columns={'effect_allele': 'A1', ...}"
    pairs = " ".join(f"{meaning}={_quoted(column)}" for meaning, column in found.items())
    why = "names" if len(found) == by_name else "names and first values"
    parts = [f"By their {why} they may be: --columns {pairs}"]
    names = _NAMES["base_pair_location"].split()
    places = [column for word, column in _plain_names(source.header).items() if word in names]
    if len(places) > 1 and "base_pair_location" in found:
        parts.append(f"of {' and '.join(places)} take those of your panel's genome build")
    if missing:
        parts.append(f"still missing: {'; '.join(missing)}")
        if missing == ["effect_allele"]:
            parts.append(
                "the table names no allele, so that the sign of its effects is unknown: add a "
                "column of the allele that they are of"
            )
    else:
        parts += _support(source, found)
        if not sure:
            allele = (
                found.get("effect_allele") or f"the second allele in {found['chr_pos_ref_alt']}"
            )
            parts.append(
                f"that {allele} is the allele of the effect is a guess: see the file's description"
            )
    return "; ".join(parts)


def _add_by_values(found: dict[str, str], source: Source) -> None:
    """Add columns whose names say nothing, but the first values do.

    Two columns of bases are the alleles, one of names of chromosomes and one of whole numbers that
    all differ the place, or IDs such as ``chr1_1000_A_G`` are both; three columns are effect,
    standard error and p if they agree.
    """
    rows = [row for row in source.sample if len(row) == len(source.header)]
    if len(rows) < _FEWEST_ROWS:
        return
    cells = dict(zip(source.header, zip(*rows, strict=True), strict=True))
    unnamed = [name for name in source.header if name not in found.values()]

    def only(pattern: str, names: Sequence[str]) -> list[str]:
        return [n for n in names if all(re.fullmatch(pattern, cell, re.I) for cell in cells[n])]

    alleles = only("[ACGT]+", unnamed)
    if "effect_allele" not in found and len(alleles) == 2:
        found["effect_allele"], found["other_allele"] = alleles
    if "effect_allele" not in found and found.get("variant_id") in only(_APART, source.header):
        found["chr_pos_ref_alt"] = found.pop("variant_id")
    chromosomes = only(r"(chr)?(0?[1-9]|1\d|2[0-6]|X|Y|XY|MT?)", unnamed)
    whole = [n for n in only(r"[1-9]\d*", unnamed) if len(set(cells[n])) == len(rows)]
    has_place = bool({"base_pair_location", "chr_pos_ref_alt"} & set(found))
    if not has_place and len(chromosomes) == len(whole) == 1 and chromosomes != whole:
        found.setdefault("chromosome", chromosomes[0])
        found["base_pair_location"] = whole[0]
    if {"beta", "odds_ratio", "z"} & set(found):
        return
    numbers = {
        name: np.array([to_number(cell) for cell in cells[name]])
        for name in source.header
        if name not in found.values() or name in (found.get("standard_error"), found.get("p_value"))
    }
    for names in permutations([n for n, x in numbers.items() if np.isfinite(x).all()], 3):
        meanings = dict(zip(("beta", "standard_error", "p_value"), names, strict=True))
        if all(found.get(meaning, column) == column for meaning, column in meanings.items()):
            beta, se, p = (numbers[name] for name in names)
            if ((se > 0) & (p > 0) & (p <= 1)).all():
                z, from_p = np.abs(beta / se), z_of_p(-np.log10(p))
                if np.ptp(p) > 0 and np.allclose(z, from_p, rtol=_CLOSE_IN_ALL, atol=0.01):
                    found |= meanings
                    return


def _agree(z: np.ndarray, neg_log_p: np.ndarray) -> np.ndarray:
    """Return where z is that of the p-value."""
    from_p = z_of_p(np.maximum(neg_log_p, 0))
    return np.abs(np.abs(z) - from_p) < _CLOSE * np.maximum(1, from_p)


def _quoted(column: str) -> str:
    """Return a name as a shell takes it."""
    return column if re.fullmatch(r"[\w.:+-]+", column) else f"'{column}'"


def _support(source: Source, found: dict[str, str]) -> list[str]:
    """Return what the first rows say for or against the guess: z against p."""
    effect = found.get("beta") or found.get("odds_ratio")
    p = found.get("p_value") or found.get("neg_log_10_p_value")
    if "standard_error" not in found or effect is None or p is None:
        return []
    batch = next(source.batches([effect, found["standard_error"], p], [], None), None)
    if batch is None:
        return []
    columns: dict[str, pa.Array] = {
        name: texts.slice(0, _MANY_ROWS) for name, texts in batch.columns.items()
    }
    beta, se = (to_numbers(columns[name], "")[0] for name in (effect, found["standard_error"]))
    if "beta" not in found:
        with np.errstate(divide="ignore", invalid="ignore"):
            beta = np.log(beta)
    strength = to_numbers(columns[p], "")[0]
    if "p_value" in found:
        with np.errstate(invalid="ignore"):
            strength = neg_log_10(strength, columns[p])
    with np.errstate(divide="ignore", invalid="ignore"):
        known = np.isfinite(beta / se) & np.isfinite(strength)
        agree = known & _agree(beta / se, strength)
    if not known.any():
        return []
    verb = "agree" if agree.sum() > 0.5 * known.sum() else "agree only"
    return [
        f"{effect} / {found['standard_error']} and {p} {verb} in {agree.sum():,} of "
        f"{known.sum():,} rows"
    ]
