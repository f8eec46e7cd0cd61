import gzip

import numpy as np
import pytest
from scipy.stats import norm

from skgenetics.io import read_sumstats
from skgenetics.io._sumstats_formats import FORMATS

pd = pytest.importorskip("pandas")

SSF = "chromosome\tbase_pair_location\teffect_allele\tother_allele\t"
Z_OF_1E_MINUS_400 = 42.826406491171177  # erfc(z / sqrt 2) = 1e-400, by mpmath with 50 digits
EFFECT, ERROR, P = 0.02, 0.005, 2 * norm.sf(4)

# the same three variants, each as a program writes them; A is the allele of the effect -.02 and
# rs1, rs2 lie on chromosome 1, rs3 on X
FILES = {
    "GWAS-SSF": SSF
    + "beta\tstandard_error\teffect_allele_frequency\tp_value\trsid\tn\n"
    + f"1\t10\tA\tG\t.02\t.005\t.3\t{P}\trs1\t900\n1\t20\tC\tT\t-.02\t.005\t.1\t{P}\trs2\t1000\n"
    + "X\t30\tA\tAT\t#NA\tNA\tNA\tNA\trs3\t#NA\n",
    "LDSC": "SNP\tA1\tA2\tZ\tN\nrs1\tA\tG\t4\t900\nrs2\tC\tT\t-4\t1000\nrs3\tA\tAT\t\t\n",
    "PLINK 2": "#CHROM\tPOS\tID\tREF\tALT\tA1\tA1_FREQ\tTEST\tOBS_CT\tBETA\tSE\tT_STAT\tP\t"
    + "ERRCODE\n"
    + f"1\t10\trs1\tG\tA\tA\t.3\tADD\t900\t.02\t.005\t4\t{P}\t.\n"
    + "1\t10\trs1\tG\tA\tA\t.3\tCOVAR1\t900\t7\t.005\t4\t.2\t.\n"
    + f"1\t20\trs2\tC\tT\tC\t.1\tADD\t1000\t-.02\t.005\t-4\t{P}\t.\n"
    + "X\t30\trs3\tAT\tA,AG\tA\tNA\tADD\tNA\tNA\tNA\tNA\tNA\tCONST_ALLELE\n",
    "PLINK 1": " CHR SNP   BP A1 TEST NMISS BETA SE L95 U95  STAT P\n"
    + f"  1  rs1   10  A ADD 900  .02 .005 .01 .03 4 {P}\n"
    + "  1  rs1   10  A SEX 900  7 .005 .01 .03 4 .2\n"
    + f"  1  rs2   20  C ADD 1000  -.02 .005 .01 .03 -4 {P}\n"
    + "  23  rs3   30  A ADD NA  NA NA NA NA NA NA\n",
    "REGENIE": "CHROM GENPOS ID ALLELE0 ALLELE1 A1FREQ INFO N TEST BETA SE CHISQ LOG10P EXTRA\n"
    + f"1 10 rs1 G A .3 1 900 ADD .02 .005 16 {-np.log10(P)} NA\n"
    + f"1 20 rs2 T C .1 1 1000 ADD -.02 .005 16 {-np.log10(P)} NA\n"
    + "23 30 rs3 AT A NA 1 NA ADD NA NA NA NA TEST_FAIL\n",
    "BOLT-LMM": "SNP\tCHR\tBP\tGENPOS\tALLELE1\tALLELE0\tA1FREQ\tF_MISS\tBETA\tSE\t"
    + "P_BOLT_LMM_INF\tP_BOLT_LMM\n"
    + f"rs1\t1\t10\t.0012\tA\tG\t.3\t0\t.02\t.005\t.9\t{P}\n"
    + f"rs2\t1\t20\t.0013\tC\tT\t.1\t0\t-.02\t.005\t.9\t{P}\n"
    + "rs3\t23\t30\t.0014\tA\tAT\t-\t0\t-\t-\t-\t-\n",
    "SAIGE": "CHR\tPOS\tMarkerID\tAllele1\tAllele2\tAF_Allele2\tBETA\tSE\tTstat\tp.value\tN\n"
    + f"chr1\t10\trs1\tG\tA\t.3\t.02\t.005\t9\t{P}\t900\n"
    + f"chr1\t20\trs2\tT\tC\t.1\t-.02\t.005\t9\t{P}\t1000\n"
    + "chrX\t30\trs3\tAT\tA\tNA\tNA\tNA\tNA\tNA\tNA\n",
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("packed", [False, True])
def test_every_program_gives_the_same_variants(tmp_path, name, packed):
    path = tmp_path / "sumstats.txt"
    data = FILES[name].encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    frame = read_sumstats(path, build="GRCh37")
    assert frame.attrs["format"] == name
    assert frame.attrs["build"] == "GRCh37"
    assert frame.attrs["mixed_model"] is (name in ("REGENIE", "BOLT-LMM", "SAIGE"))
    assert any("mixed model" in note for note in frame.attrs["notes"]) is frame.attrs["mixed_model"]
    assert frame["rsid"].tolist() == ["rs1", "rs2", "rs3"]
    assert frame["effect_allele"].tolist() == ["A", "C", "A"]
    if name == "PLINK 1":
        assert frame["other_allele"].isna().all()
    else:
        assert frame["other_allele"].tolist() == ["G", "T", "AT"]
    if name == "LDSC":
        assert frame[["chromosome", "base_pair_location", "beta"]].isna().all(axis=None)
    else:
        assert frame["chromosome"].tolist() == ["1", "1", "X"]
        assert frame["base_pair_location"].tolist() == [10, 20, 30]
        np.testing.assert_array_equal(frame["beta"], [EFFECT, -EFFECT, np.nan])
        np.testing.assert_array_equal(frame["standard_error"], [ERROR, ERROR, np.nan])
    if name not in ("LDSC", "PLINK 1"):
        np.testing.assert_array_equal(frame["effect_allele_frequency"], [0.3, 0.1, np.nan])
    if name != "BOLT-LMM":
        np.testing.assert_array_equal(frame["n"], [900, 1000, np.nan])
    np.testing.assert_allclose(frame["z"], [4, -4, np.nan], rtol=1e-14)
    np.testing.assert_allclose(frame["p_value"], [P, P, np.nan], rtol=1e-12)
    np.testing.assert_allclose(frame["neg_log_10_p_value"], [-np.log10(P)] * 2 + [np.nan])


@pytest.mark.parametrize(
    ("column", "value"), [("p_value", "1e-400"), ("neg_log_10_p_value", "400")]
)
def test_z_survives_p_values_below_the_smallest_float(write, column, value):
    frame = read_sumstats(write(f"{SSF}beta\t{column}\n1\t5\tA\tG\t-1\t{value}\n"))
    assert frame["z"][0] == pytest.approx(-Z_OF_1E_MINUS_400, rel=1e-13)
    assert frame["p_value"][0] == 0
    assert frame["neg_log_10_p_value"][0] == pytest.approx(400, rel=1e-14)


def test_p_of_zero_takes_its_size_from_the_effect_or_is_an_error(write):
    frame = read_sumstats(write(f"{SSF}beta\tstandard_error\tp_value\n1\t5\tA\tG\t-4\t.1\t0\n"))
    assert frame["z"][0] == -40
    expected = -(norm.logsf(40) + np.log(2)) / np.log(10)
    assert frame["neg_log_10_p_value"][0] == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match="p_value in row 1 of the variants is 0"):
        read_sumstats(write(f"{SSF}beta\tp_value\n1\t5\tA\tG\t-4\t0\n"))


def test_beta_and_z_of_opposite_signs(write):
    path = write(f"{SSF}beta\tz\n1\t5\tA\tG\t-4\t-2\n1\t6\tA\tG\t.1\t-3\n")
    with pytest.raises(ValueError, match=r"in 1 rows, first row 2 .* opposite signs"):
        read_sumstats(path)


def test_z_comes_from_p_and_the_sign_of_the_effect(write):
    p = [0.9, 0.05, 1e-20, 1]
    rows = "".join(f"1\t{k}\tA\tG\t{b}\t{q}\n" for k, (b, q) in enumerate(zip([2, 0.5, 1, 1], p)))
    frame = read_sumstats(write(f"{SSF}odds_ratio\tp_value\n{rows}"))
    size = norm.isf(np.array(p) / 2)
    np.testing.assert_allclose(frame["z"], [size[0], -size[1], np.nan, 0], rtol=1e-12)
    np.testing.assert_allclose(frame["beta"], np.log([2, 0.5, 1, 1]), rtol=1e-14)


def test_standard_errors_of_another_scale_are_noted(write):
    rows = "".join(f"1\t{k}\tA\tG\t2\t.2\t1e-3\n" for k in range(9))
    frame = read_sumstats(write(f"{SSF}odds_ratio\tstandard_error\tp_value\n{rows}"))
    factor = (np.log(2) / 0.2) / norm.isf(0.5e-3)
    assert factor > 1.05
    assert frame.attrs["notes"] == []
    rows = rows.replace(".2", ".1")
    frame = read_sumstats(write(f"{SSF}odds_ratio\tstandard_error\tp_value\n{rows}"))
    (note,) = frame.attrs["notes"]
    assert "in the median 2.1 times the z of p_value" in note


def test_standard_errors_of_zero_count_as_missing(write):
    frame = read_sumstats(write(f"{SSF}beta\tstandard_error\tp_value\n1\t5\tA\tG\t-4\t0\t.05\n"))
    assert frame["z"][0] == pytest.approx(-norm.isf(0.025))
    assert "1 standard errors of 0" in frame.attrs["notes"][0]


def test_any_other_table_by_a_column_map(write):
    path = write(
        "Marker,Chr,Pos,EA,NEA,lnOR,StdErr,Neff,SNPVAR\n1:5:A:G,chr01,5e0,a,g,1,.5,7,1e-7\n"
    )
    names = {"chromosome": "Chr", "base_pair_location": "pos", "effect_allele": "EA"}
    names |= {"other_allele": "NEA", "beta": "lnOR", "standard_error": "StdErr"}
    with pytest.raises(ValueError, match=r"of no known format .* It has Marker, Chr, Pos"):
        read_sumstats(path)
    frame = read_sumstats(path, columns=names, n_samples="Neff", extra_columns=["SNPVAR"])
    row = frame.iloc[0]
    assert (row["chromosome"], row["base_pair_location"]) == ("1", 5)
    assert (row["effect_allele"], row["other_allele"], row["z"], row["n"]) == ("A", "G", 2, 7)
    assert row["SNPVAR"] == 1e-7
    assert read_sumstats(path, columns=names, n_samples=50)["n"].tolist() == [50]
    with pytest.raises(ValueError, match="no meaning 'freq'"):
        read_sumstats(path, columns={"freq": "EA"})
    with pytest.raises(ValueError, match="has no column 'N'; it has Marker"):
        read_sumstats(path, columns=names, n_samples="N")


def test_cases_and_controls_give_the_effective_number(write):
    text = (
        FILES["REGENIE"].replace(" N ", " N N_CASES N_CONTROLS ").replace(" 900 ", " 900 100 800 ")
    )
    text = text.replace(" 1000 ", " 1000 500 500 ").replace("1 NA ADD", "1 NA NA NA ADD")
    expected = [4 / (1 / 100 + 1 / 800), 1000, np.nan]
    np.testing.assert_allclose(read_sumstats(write(text))["n"], expected)


def test_plink_2_log_odds_and_omitted_allele(write):
    text = "#CHROM POS ID REF ALT A1 OMITTED TEST OBS_CT OR LOG(OR)_SE Z_STAT NEG_LOG10_P\n"
    text += "1 5 1:5:A:C,T A C,T T A,C ADD 90 2 .1 6.93 11.4\n"
    frame = read_sumstats(write(text))
    assert frame["z"][0] == pytest.approx(np.log(2) / 0.1)
    assert frame["other_allele"][0] == "A,C"
    assert frame["variant_id"][0] == "1:5:A:C,T"
    assert frame["rsid"].isna().all()


def test_rows_of_several_chunks_are_one_table(write, monkeypatch):
    monkeypatch.setattr("skgenetics.io._sumstats._ROWS_AT_ONCE", 2)
    rows = [f"{k}\t{10 * k}\tA\tG\t{k}\t1\n" for k in range(1, 8)]
    text = f"{SSF}beta\tstandard_error\n" + "".join(rows)
    assert read_sumstats(write(text))["z"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    with pytest.raises(ValueError, match="row 6 has 5 fields, the header has 6"):
        read_sumstats(write(text.replace("\t6\t1\n", "\t1\n")))
    with pytest.raises(ValueError, match="beta in row 6 is 'x'"):
        read_sumstats(write(text.replace("\t6\t1\n", "\tx\t1\n")))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            "1\t5\tA\tG\t1\t-1\t.5",
            "standard_error in row 1 is '-1'; expected a standard error, not",
        ),
        ("1\t5\tA\tG\t1\t1\t1.5", "p_value in row 1 is '1.5'; expected a p-value from 0 to 1"),
        ("1\t5\tA\tG\t1\t1\t-.1", "p_value in row 1 is '-.1'"),
        ("1\t5\tA\tG\t1e999\t1\t.5", "beta in row 1 is '1e999'; expected a number"),
        ("1\t5.5\tA\tG\t1\t1\t.5", "base_pair_location in row 1 is '5.5'"),
        ("1\t1e12\tA\tG\t1\t1\t.5", "base_pair_location in row 1 is '1e12'"),
        ("1\t5\tA\tG\tx\t1\t.5", "beta in row 1 is 'x'; expected a number, or NA"),
        ("1\t5\tA\tG\t1\t1", "row 1 has 6 fields, the header has 7"),
        ("1 5 A G 1 1 .5", "row 1 has 1 fields, the header has 7"),
        ("1,5,A,G,1,1,.5", "row 1 has 1 fields"),
        ('"1\t5\tA\tG\t1\t1\t.5', "row 1 has 1 fields"),
        ('1\t5\tA\tG\t1\t1\t".5\n1\t5\tA\tG\t1\t1\t.5', "quotation mark that is not closed"),
        ("1\t5\0\tA\tG\t1\t1\t.5", "holds NUL bytes"),
        ("", "header line only"),
    ],
)
def test_bad_rows(write, values, message):
    with pytest.raises(ValueError, match=message):
        read_sumstats(write(f"{SSF}beta\tstandard_error\tp_value\n{values}\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n##x\n", "is empty"),
        ("A B\n1 2\n", "of no known format"),
        ("SNP A1 A2 Z Z\n1 2 3 4 5\n", "more than one column named 'Z'"),
        (SSF + "p_value\n1\t5\tA\tG\t.5\n", "does not say: beta .* or z"),
        (SSF + "beta\n1\t5\tA\tG\t.5\n", "does not say: beta .* or z"),
        (FILES["REGENIE"].replace("ADD", "DOM"), "no row whose TEST is ADD, but DOM only"),
    ],
)
def test_bad_headers(write, text, message):
    with pytest.raises(ValueError, match=message):
        read_sumstats(write(text))


def test_every_format_has_a_file_here():
    """A new format is an entry, and its header above."""
    assert {form.name for form in FORMATS} == set(FILES)
