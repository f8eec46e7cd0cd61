"""Tables whose header or values leave open what a column means: never read in silence."""

import numpy as np
import pytest
from scipy.stats import norm

from skgenetics.io import read_sumstats

pytest.importorskip("pandas")

N = 200
RNG = np.random.default_rng(3)
EFFECT = np.where(RNG.random(N) < 0.5, -1, 1) * (0.01 + np.abs(0.05 * RNG.normal(size=N)))
ERROR = 0.01 + 0.01 * RNG.random(N)
Z = EFFECT / ERROR
WEAK = np.sign(EFFECT) * np.abs(RNG.normal(size=N))
P = 2 * norm.sf(np.abs(Z))
PAIRS = [("A", "G"), ("C", "T"), ("G", "A"), ("T", "C"), ("A", "C"), ("AT", "A")]
ALLELES = [PAIRS[k % len(PAIRS)] for k in range(N)]  # of the effect, and the other
FREQUENCY = RNG.uniform(0.05, 0.95, N)
# by meaning, as a table may hold them
VALUES = {
    "snp": [f"rs{k}" for k in range(N)],
    "chr": [1] * N,
    "bp": [1000 + 37 * k for k in range(N)],
    "effect": [pair[0] for pair in ALLELES],
    "other": [pair[1] for pair in ALLELES],
    "ref": [ALLELES[k][k % 2] for k in range(N)],
    "alt": [ALLELES[k][1 - k % 2] for k in range(N)],
    "f": FREQUENCY,
    "b": EFFECT,
    "or": np.exp(EFFECT),
    "se": ERROR,
    "z": Z,
    "p": P,
    "lp": -np.log10(P),
}


def table(columns, values=None):
    """Return a table of columns {name: key of VALUES}."""
    values = VALUES | (values or {})
    rows = zip(*(values[key] for key in columns.values()))
    return "\n".join("\t".join(map(str, row)) for row in [columns, *rows]) + "\n"


def named(sentence):
    """Return the columns that the first --columns of a sentence names."""
    words = sentence.partition("--columns ")[2].replace(",", " ").replace(";", " ").split()
    return dict(word.rstrip(".").split("=") for word in words if "=" in word)


def doubts(frame):
    """Return the notes of a file, without that of its format."""
    return [note for note in frame.attrs["notes"] if "A1 was taken" not in note]


PLACE = {"SNP": "snp", "CHR": "chr", "BP": "bp"}
A2_HAS_EFFECT = PLACE | {"A1": "other", "A2": "effect"}


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            A2_HAS_EFFECT | {"EFFECT_ALLELE": "effect", "BETA": "b", "SE": "se"},
            "has a column EFFECT_ALLELE beside A1",
        ),
        (
            PLACE | {"A1": "ref", "A2": "alt", "Risk_Allele": "effect", "OR": "or", "P": "p"},
            "has a column Risk_Allele beside A1",
        ),
        (
            A2_HAS_EFFECT | {"AF_A2": "f", "BETA": "b", "SE": "se"},
            r"has the frequency of A2 \(AF_A2\)",
        ),
        (
            {"MarkerName": "snp", "Allele1": "other", "Allele2": "effect", "Freq2": "f"}
            | {"Effect": "b", "StdErr": "se", "P-value": "p"},
            r"has the frequency of Allele2 \(Freq2\)",
        ),
        (
            {"SNP_ID": "snp", "chrom": "chr", "pos": "bp", "ref": "ref", "alt": "alt"}
            | {"ea": "effect", "af": "f", "or": "or", "pval": "p"},
            "effect_allele=ea ref_allele=ref alt_allele=alt",
        ),
    ],
)
def test_which_allele_has_the_effect_is_asked(write, columns, words):
    """The words of the question, pasted, give the truth."""
    path = write(table(columns))
    with pytest.raises(ValueError, match=words) as caught:
        read_sumstats(path)
    said = named(str(caught.value).partition(", or ")[0])
    frame = read_sumstats(path, columns=said)
    assert frame["effect_allele"].tolist() == VALUES["effect"]
    assert frame["other_allele"].tolist() == VALUES["other"]
    np.testing.assert_allclose(frame["z"], Z, rtol=1e-6)
    if "effect_allele_frequency" in said:
        np.testing.assert_allclose(frame["effect_allele_frequency"], FREQUENCY)
    if "A1" in columns:  # the other answer
        frame = read_sumstats(path, columns={"effect_allele": "A1"})
        assert frame["effect_allele"].tolist() == VALUES[columns["A1"]]
        assert frame["other_allele"].tolist() == VALUES[columns["A2"]]


def test_what_a_convention_decides_is_said(write):
    path = write(table(PLACE | {"A1": "effect", "A2": "other", "BETA": "b", "SE": "se"}))
    (note,) = read_sumstats(path).attrs["notes"]
    assert "A1 was taken for the allele of the effect" in note
    for allele in ("A1", "A2"):
        frame = read_sumstats(path, columns={"effect_allele": allele})
        assert frame.attrs["notes"] == []
        key = {"A1": "effect", "A2": "other"}[allele]
        assert frame["effect_allele"].tolist() == VALUES[key]


def test_a_guess_takes_a1_of_reference_and_alternate_allele(write):
    columns = PLACE | {"REF": "ref", "ALT": "alt", "A1": "effect", "BETA": "b", "SE": "se"}
    path = write(table(columns))
    with pytest.raises(
        ValueError, match="that A1 is the allele of the effect is a guess"
    ) as caught:
        read_sumstats(path)
    frame = read_sumstats(path, columns=named(str(caught.value)))
    assert frame["effect_allele"].tolist() == VALUES["effect"]
    assert frame["other_allele"].tolist() == VALUES["other"]


def test_only_the_effect_allele_is_named(write):
    """The other one is what is left of the pair that the format has."""
    plink = {"#CHROM": "chr", "POS": "bp", "ID": "snp", "REF": "other", "ALT": "effect"}
    plink |= {"A1": "other", "TEST": "test", "BETA": "b", "SE": "se", "P": "p"}
    path = write(table(plink, {"test": ["ADD"] * N}))
    frame = read_sumstats(path, columns={"effect_allele": "ALT"})
    assert frame["effect_allele"].tolist() == VALUES["effect"]
    assert frame["other_allele"].tolist() == VALUES["other"]


@pytest.mark.parametrize("others", [{"SE": "se", "P": "p"}, {"P": "p"}, {"SE": "se"}])
def test_odds_ratios_in_a_column_of_effects(write, others):
    path = write(table(PLACE | {"A1": "effect", "A2": "other", "BETA": "or"} | others))
    with pytest.raises(ValueError, match="BETA is positive in all 200 rows, and about 1") as caught:
        read_sumstats(path)
    frame = read_sumstats(path, columns=named(str(caught.value).partition("; if")[0]))
    np.testing.assert_allclose(frame["beta"], EFFECT, rtol=1e-9)
    frame = read_sumstats(path, columns={"beta": "BETA"})  # as the user insists
    np.testing.assert_allclose(frame["beta"], np.exp(EFFECT), rtol=1e-9)


def test_logarithms_in_a_column_of_odds_ratios(write):
    path = write(table(PLACE | {"A1": "effect", "A2": "other", "OR": "b", "P": "p"}))
    with pytest.raises(ValueError, match=r"a ratio, not negative \(its logarithm is beta\)"):
        read_sumstats(path)


def test_p_in_a_column_of_logarithms(write):
    p = RNG.random(N)
    columns = PLACE | {"A1": "effect", "A2": "other", "BETA": "b", "LOG10P": "p"}
    path = write(table(columns, {"p": p}))
    with pytest.raises(ValueError, match="LOG10P is from 0 to 1 in all 200 rows") as caught:
        read_sumstats(path)
    frame = read_sumstats(path, columns=named(str(caught.value).partition("; if")[0]))
    np.testing.assert_allclose(frame["p_value"], p)
    frame = read_sumstats(write(table(columns, {"p": -np.log10(p)})))
    np.testing.assert_allclose(frame["p_value"], p)
    assert doubts(frame) == []


def test_small_p_in_a_column_of_logarithms(write):
    columns = PLACE | {"A1": "effect", "A2": "other", "BETA": "b", "LOG10P": "p"}
    path = write(table(columns, {"p": 0.05 * RNG.random(N)}))
    with pytest.raises(ValueError, match=r"LOG10P is from 0 to 0\.05 in all 200 rows: it seems"):
        read_sumstats(path)
    read_sumstats(write(table(columns, {"p": 0.5 * RNG.random(N)})))  # a null locus in LD


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (norm.sf(np.abs(WEAK)), "p_value is never above .5: it seems to be one-sided"),
        (norm.sf(WEAK), "p_value is above .5 where effects are negative, and below .5 elsewhere"),
        (norm.cdf(WEAK), "p_value is above .5 where effects are positive, and below .5 elsewhere"),
        (2 * norm.sf(np.abs(WEAK)), None),
        (0.6 * norm.sf(np.abs(WEAK)), None),  # a filter
    ],
)
def test_one_sided_p_without_z_are_noted(write, p, words):
    columns = {"SNP": "snp", "A1": "effect", "A2": "other", "BETA": "b", "P": "p"}
    notes = doubts(read_sumstats(write(table(columns, {"p": p}))))
    assert [words in note for note in notes] == [True] * (words is not None)
    of_error = {"SNP": "snp", "A1": "effect", "A2": "other", "BETA": "b", "SE": "se", "P": "p"}
    assert not any("it seems" in note for note in doubts(read_sumstats(write(table(of_error)))))


def test_columns_that_differ_in_case_only(write):
    columns = {"SNP": "snp", "A1": "effect", "A2": "other", "BETA": "b", "SE": "se", "P": "p"}
    path = write(table(columns | {"p": "f"}))
    with pytest.raises(ValueError, match="has columns P and p, and any may be p_value") as caught:
        read_sumstats(path)
    for column in "P", "p":
        assert f"p_value={column}" in str(caught.value)
        frame = read_sumstats(path, columns={"p_value": column})
        np.testing.assert_allclose(frame["p_value"], VALUES[columns.get(column, "f")])
    read_sumstats(write(table(columns | {"Info": "f", "INFO": "f"})))  # not in use


def test_standard_errors_of_odds_ratios_are_divided_by_them(write):
    b = 8 * EFFECT
    columns = PLACE | {"A1": "effect", "A2": "other", "OR": "or", "SE": "se", "P": "p"}
    of_ratio = {"or": np.exp(b).round(3), "se": 8 * ERROR * np.exp(b)}
    frame = read_sumstats(write(table(columns, of_ratio)))
    np.testing.assert_allclose(frame["standard_error"], 8 * ERROR, rtol=3e-3)
    np.testing.assert_allclose(frame["z"], Z, rtol=0.02, atol=0.02)
    assert "standard errors are those of the odds ratios" in frame.attrs["notes"][0]
    of_logarithm = {"or": np.exp(b).round(3), "se": 8 * ERROR}
    frame = read_sumstats(write(table(columns, of_logarithm)))
    np.testing.assert_allclose(frame["standard_error"], 8 * ERROR)
    assert doubts(frame) == []
    path = write(table(columns, of_ratio))  # what is named is not overruled
    frame = read_sumstats(path, columns={"standard_error": "SE"})
    np.testing.assert_allclose(frame["standard_error"], of_ratio["se"])


def test_effects_of_one_sign_are_noted(write):
    columns = {"SNP": "snp", "A1": "effect", "A2": "other", "Z": "z"}
    (note,) = read_sumstats(write(table(columns, {"z": np.abs(Z)}))).attrs["notes"]
    assert "all 200 effects are positive, which is right only if effect alleles" in note
    (note,) = read_sumstats(write(table(columns, {"z": -np.abs(Z)}))).attrs["notes"]
    assert "all 200 effects are negative" in note
    assert read_sumstats(write(table(columns))).attrs["notes"] == []


@pytest.mark.parametrize(
    ("columns", "values", "words"),
    [
        ({"Z": "z", "P": "p"}, {"z": Z**2}, "the z of p_value: it may be a chi-square"),
        ({"BETA": "b", "SE": "se", "P": "p"}, {"p": norm.sf(Z)}, "p_value may be one-sided"),
        ({"Z": "z", "P": "p"}, {"p": norm.sf(Z)}, "rows where z is beyond 1.2 or -1.2"),
    ],
)
def test_z_and_p_of_different_tests_are_noted(write, columns, values, words):
    columns = {"SNP": "snp", "A1": "effect", "A2": "other"} | columns
    assert words in doubts(read_sumstats(write(table(columns, values))))[-1]
    assert doubts(read_sumstats(write(table(columns)))) == []


def test_missing_logarithms_of_p_are_those_of_p(write):
    columns = {"SNP": "snp", "A1": "effect", "A2": "other", "BETA": "b", "P": "p", "LOG10P": "lp"}
    lp = VALUES["lp"].astype(object)
    lp[::2] = "NA"
    frame = read_sumstats(write(table(columns, {"lp": lp})))
    np.testing.assert_allclose(frame["neg_log_10_p_value"], VALUES["lp"], rtol=1e-9)


def test_populations_side_by_side(write):
    columns = {"chr": "chr", "pos": "bp", "ref": "other", "alt": "effect", "beta_meta": "b"}
    columns |= {"se_meta": "se", "neglog10_pval_meta": "lp"}
    columns |= {"af_EUR": "f", "beta_EUR": "minus", "se_EUR": "se", "neglog10_pval_EUR": "lp"}
    path = write(table(columns, {"minus": -EFFECT}))
    with pytest.raises(
        ValueError, match=r"of 2 populations \(meta, EUR\): name one as trait \(--trait\)"
    ):
        read_sumstats(path)
    with pytest.raises(ValueError, match="no columns of population 'AFR'; it has meta, EUR"):
        read_sumstats(path, trait="AFR")
    frame = read_sumstats(path, trait="EUR")
    np.testing.assert_allclose(frame["z"], -Z)
    np.testing.assert_allclose(frame["effect_allele_frequency"], FREQUENCY)
    np.testing.assert_allclose(read_sumstats(path, trait="meta")["z"], Z)


def test_a_guess_takes_numbers_for_numbers_and_names_both_builds(write):
    columns = {"ID": "snp", "CHR": "chr", "POS_hg38": "moved", "POS_hg19": "bp", "EA": "effect"}
    columns |= {"NEA": "other", "Effects": "direction", "betahat": "b", "SE": "se"}
    values = {"moved": [777 + place for place in VALUES["bp"]], "direction": ["+++"] * N}
    with pytest.raises(ValueError, match="of POS_hg38 and POS_hg19 take those of") as caught:
        read_sumstats(write(table(columns, values)))
    assert "beta=betahat" in str(caught.value)


def test_a_guess_takes_the_end_of_an_interval(write):
    columns = {"#chrom": "chr", "start": "before", "end": "bp", "ref": "other", "alt": "effect"}
    columns |= {"beta": "b", "se": "se"}
    values = {"before": [place - 1 for place in VALUES["bp"]]}
    with pytest.raises(ValueError, match="base_pair_location=end"):
        read_sumstats(write(table(columns, values)))


def test_a_table_without_alleles_says_what_to_add(write):
    columns = PLACE | {"BETA": "b", "SE": "se", "P": "p"}
    with pytest.raises(ValueError, match="names no allele, so that the sign of its effects is unk"):
        read_sumstats(write(table(columns)))
    qassoc = PLACE | {"NMISS": "bp", "BETA": "b", "SE": "se", "R2": "p", "T": "z", "P": "p"}
    with pytest.raises(ValueError, match=r"has the effect: run --linear, which does\.$"):
        read_sumstats(write(table(qassoc, {"snp": [f"1_{k}_A_G" for k in range(N)]})))


def test_lines_of_facts_above_a_header_are_none(write):
    text = "#build=GRCh37\n#n=5\n" + table({"SNP": "snp", "A1": "effect", "A2": "other", "Z": "z"})
    assert len(read_sumstats(write(text))) == N
