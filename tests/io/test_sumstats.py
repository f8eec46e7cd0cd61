import gzip

import numpy as np
import pytest
from scipy.stats import norm

from skgenetics.io import read_sumstats
from skgenetics.io._sumstats_programs import FORMATS
from tests.oracles.sumstats_heads import EFFECT, ERROR, FILES, LP, OTHER_FORMS, SSF, P

pd = pytest.importorskip("pandas")

Z_OF_1E_MINUS_400 = 42.826406491171177  # erfc(z / sqrt 2) = 1e-400, by mpmath with 50 digits
MIXED_MODELS = ("REGENIE", "REGENIE, --htp", "BOLT-LMM", "SAIGE", "fastGWA", "GCTA --mlma") + (
    "GEMMA",
    "FinnGen",
    "Pan-UKB",
)
WITHOUT_FREQUENCY = ("SNPTEST", "FINEMAP .z", "PLINK 1 --meta-analysis") + (
    "A1 and A2 (PRSice, PRS-CS)",
)
WITHOUT_N = ("BOLT-LMM", "GCTA --mlma", "GEMMA", "FinnGen", "Pan-UKB", "FINEMAP .z") + (
    "PLINK 1 --meta-analysis",
)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("packed", [False, True])
def test_every_program_gives_the_same_variants(tmp_path, name, packed):
    path = tmp_path / "sumstats.txt"
    data = FILES[name].encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    frame = read_sumstats(path, build="GRCh38")
    assert frame.attrs["format"] == name
    assert frame.attrs["build"] == "GRCh38"
    assert frame.attrs["mixed_model"] is (name in MIXED_MODELS)
    assert any("mixed model" in note for note in frame.attrs["notes"]) is frame.attrs["mixed_model"]
    if name == "Pan-UKB":
        assert frame["rsid"].isna().all()
    else:
        assert frame["rsid"].tolist() == ["rs1", "rs2", "rs3"]
    assert frame["effect_allele"].tolist() == ["A", "C", "A"]
    if name == "PLINK 1":
        assert frame["other_allele"].isna().all()
    else:
        assert frame["other_allele"].tolist() == ["G", "T", "AT"]
    if name in ("LDSC", "GWAMA", "METAL", "COJO"):
        assert frame[["chromosome", "base_pair_location"]].isna().all(axis=None)
    else:
        assert frame["chromosome"].tolist() == ["1", "1", "X"]
        assert frame["base_pair_location"].tolist() == [10, 20, 30]
    if name == "LDSC":
        assert frame["beta"].isna().all()
    else:
        np.testing.assert_allclose(frame["beta"], [EFFECT, -EFFECT, np.nan], rtol=1e-13)
    if name not in ("LDSC", "PLINK 1 --meta-analysis"):
        np.testing.assert_array_equal(frame["standard_error"], [ERROR, ERROR, np.nan])
    if name in (*WITHOUT_FREQUENCY, "LDSC", "PLINK 1"):
        assert frame["effect_allele_frequency"].isna().all()
    else:
        np.testing.assert_array_equal(frame["effect_allele_frequency"], [0.3, 0.1, np.nan])
    if name in WITHOUT_N:
        assert frame["n"].isna().all()
    else:
        np.testing.assert_allclose(frame["n"], [900, 1000, np.nan], rtol=1e-14)
    np.testing.assert_allclose(frame["z"], [4, -4, np.nan], rtol=1e-11)
    np.testing.assert_allclose(frame["p_value"], [P, P, np.nan], rtol=1e-11)
    np.testing.assert_allclose(frame["neg_log_10_p_value"], [LP, LP, np.nan])


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
    assert "1 standard error of 0 was taken" in frame.attrs["notes"][0]


def test_any_other_table_by_a_column_map(write):
    path = write(
        "Marker,Chr,Pos,EA,NEA,lnOR,StdErr,Neff,SNPVAR\n1:5:A:G,chr01,5e0,a,g,1,.5,7,1e-7\n"
    )
    names = {"chromosome": "Chr", "base_pair_location": "pos", "effect_allele": "EA"}
    names |= {"other_allele": "NEA", "beta": "lnOR", "standard_error": "StdErr"}
    with pytest.raises(ValueError, match=r"of no known format. It has Marker, Chr, Pos"):
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
    monkeypatch.setattr("skgenetics.io._columns._BLOCK", 40)
    rows = [f"{k}\t{10 * k}\tA\tG\t{k}\t1\n" for k in range(1, 8)]
    text = f"{SSF}beta\tstandard_error\n" + "".join(rows)
    assert read_sumstats(write(text))["z"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    short, word = text.replace("\t6\t1\n", "\t1\n"), text.replace("\t6\t1\n", "\tx\t1\n")
    for spoiled, reason in (
        (short, "row 6 has 5 fields, the header has 6"),
        (word, "beta in row 6 is 'x'; expected a number, or NA"),
    ):
        frame = read_sumstats(write(spoiled))
        assert frame["z"].tolist() == [1, 2, 3, 4, 5, 7]
        assert frame.attrs["n_left_out"] == 1
        (note,) = frame.attrs["notes"]
        assert note == f"table.txt: 1 row that cannot be read was left out; the first: {reason}."
        with pytest.raises(ValueError, match=reason):
            read_sumstats(write(spoiled), strict=True)


def test_many_bad_rows_are_a_misunderstanding(write):
    rows = [f"1\t{k}\tA\tG\t1\t{k / 10}\n" for k in range(1, 100)]
    with pytest.raises(ValueError, match=r"p_value in row 11 is '1.1'.* \(89 of 99 rows are bad\)"):
        read_sumstats(write(f"{SSF}beta\tp_value\n" + "".join(rows)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            "1\t5\tA\tG\t1\t-1\t.5",
            "standard_error in row 1 is '-1'; expected a standard error, not",
        ),
        ("1\t5\tA\tG\t1\t1\t1.5", "p_value in row 1 is '1.5'; expected a p-value from 0 to 1"),
        ("1\t5\tA\tG\t1\t1\t-.1", "p_value in row 1 is '-.1'"),
        ("1\t5.5\tA\tG\t1\t1\t.5", "base_pair_location in row 1 is '5.5'"),
        ("1\t1e12\tA\tG\t1\t1\t.5", "base_pair_location in row 1 is '1e12'"),
        ("1\t5\tA\tG\tx\t1\t.5", "beta in row 1 is 'x'; expected a number, or NA"),
        ("1\t5\tA\tG\t1\t1", "row 1 has 6 fields, the header has 7"),
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
        ("rs1 1 10 A G .1 .05\nrs2 1 20 A G .1 .05\n", "has no header: its first line holds '1'"),
        ("G1 1 5 rs1 1\nG1 1 9 rs2 1\n", "no header: its first line holds '1' more than once"),
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


def test_other_forms_of_known_programs(write):
    """The same first variant in a version's or an option's other columns."""
    for text, expected in OTHER_FORMS.items():
        frame = read_sumstats(write(text))
        assert frame.attrs["format"] == expected
        if "F_U" in text:
            assert frame["effect_allele_frequency"].tolist() == [0.2]
        assert frame["effect_allele"][0] == "A"
        assert (frame["rsid"][0] == "rs1") | (expected == "Pan-UKB")
        assert frame["z"][0] == pytest.approx(4, rel=1e-9)


def test_harmonised_columns_are_those_of_their_build(write):
    path = write(FILES["GWAS Catalog, harmonised"])
    for build in (None, "GRCh38"):
        frame = read_sumstats(path, build=build)
        assert frame["base_pair_location"].tolist() == [10, 20, 30]
        assert "the harmonised columns (hm_...) were read" in frame.attrs["notes"][0]
    frame = read_sumstats(path, build="GRCh37")
    assert frame["base_pair_location"].tolist() == [9, 8, 7]
    assert frame["effect_allele"].tolist() == ["G", "C", "A"]
    assert "the original columns were read" in frame.attrs["notes"][0]


def test_traits_side_by_side(write):
    text = "CHROM GENPOS ID ALLELE0 ALLELE1 A1FREQ N TEST BETA.Y1 SE.Y1 LOG10P.Y1 BETA.Y2 SE.Y2 "
    text += "LOG10P.Y2\n1 10 rs1 G A .3 900 ADD .02 .005 4 -.03 .005 9\n"
    with pytest.raises(ValueError, match=r"columns of 2 traits \(Y1, Y2\): name one as trait"):
        read_sumstats(write(text))
    assert read_sumstats(write(text), trait="Y2")["z"].tolist() == [-6]
    with pytest.raises(ValueError, match="no columns of trait 'Y3'; it has Y1, Y2"):
        read_sumstats(write(text), trait="Y3")
    one = "SNP\tCHR\tBP\tA1\tA2\tBETA\tSE\tP\nrs1\t1\t5\tA\tG\t.1\t.02\t1e-6\n"
    with pytest.raises(
        ValueError, match=r"one trait, without a name: .*no trait 'Y3'.*--trait out"
    ):
        read_sumstats(write(one), trait="Y3")
    vcf = FILES["GWAS-VCF"].replace("IEU-a-2", "one\ttwo")
    value, no_value = f"\t.03:.005:{LP}:.3:9:rs1", "\t.:.:."
    vcf = "\n".join(
        line + (value if line.endswith(":rs1") else no_value * (line[0] in "1X"))
        for line in vcf.splitlines()
    )
    with pytest.raises(ValueError, match=r"has 2 traits \(one, two\)"):
        read_sumstats(write(vcf + "\n"))
    assert read_sumstats(write(vcf + "\n"), trait="two")["z"][0] == 6
    genotypes = vcf.replace("ES:SE:LP", "GT:DS:GP")
    with pytest.raises(ValueError, match="is a VCF of genotypes"):
        read_sumstats(write(genotypes))


def test_missing_words_of_printf_and_of_gwas_ssf(write):
    text = FILES["BOLT-LMM"].replace("-\t0\t-\t-\t-\t-", "1\t0\t-nan\t-nan\t-nan\t-nan")
    assert read_sumstats(write(text))["z"].isna().tolist() == [False, False, True]
    text = FILES["GWAS-SSF"].replace("rs1", "#NA").replace("rs2", "nan").replace("rs3", "<NA>")
    assert read_sumstats(write(text))["rsid"].isna().all()
    for word in ("#NA", "#N/A", "NULL", "None", "1.#QNAN", "-nan", "Inf", "1e999", "", "N/A"):
        frame = read_sumstats(write(f"{SSF}z\tn\n1\t5\tA\tG\t4\t{word}\n"))
        assert frame["n"].isna().all()


def test_what_the_user_names_is_not_overruled(write):
    text = (
        "CHROM GENPOS ID ALLELE0 ALLELE1 A1FREQ N N_CASES N_CONTROLS TEST BETA SE LOG10P Z P OR\n"
    )
    text += "1 10 rs1 G A .3 1000 100 900 ADD .1 .02 6.2 7 1e-3 3\n"
    path = write(text)
    assert read_sumstats(path)["n"].tolist() == [360]
    assert read_sumstats(path, n_samples="N")["n"].tolist() == [1000]
    assert read_sumstats(path, columns={"n": "N"})["n"].tolist() == [1000]
    assert read_sumstats(path, columns={"z": "Z"})["z"].tolist() == [7]
    frame = read_sumstats(path, columns={"p_value": "P"})
    assert frame["neg_log_10_p_value"][0] == pytest.approx(3)
    assert read_sumstats(path, columns={"odds_ratio": "OR"})["beta"][0] == pytest.approx(np.log(3))


def test_unplaced_variants_and_places_inside_ids(write):
    frame = read_sumstats(write(FILES["GEMMA"].replace("1\trs1\t10", "0\trs1\t0")))
    assert frame[["chromosome", "base_pair_location"]].isna().all(axis=1).tolist() == [1, 0, 0]
    text = "SNP\tA1\tA2\tZ\n1:10:A:G\tA\tG\t4\nchrX_20_AT_A\tA\tAT\t4\nrs5\tA\tG\t4\n"
    frame = read_sumstats(write(text))
    assert frame["chromosome"].tolist()[:2] == ["1", "X"]
    assert frame["base_pair_location"].tolist()[:2] == [10, 20]
    assert frame["base_pair_location"].isna()[2]


def test_layouts_of_text(write, tmp_path):
    table = FILES["COJO"]
    expected = read_sumstats(write(table))
    rows = table.splitlines()
    quoted = "\n".join(
        [" ".join(f'"{name}"' for name in rows[0].split())]
        + [
            f'"{k}" ' + line.replace("rs", '"rs', 1).replace(" ", '" ', 1)
            for k, line in enumerate(rows[1:], 1)
        ]
    )
    header_again = "\n".join([*rows[:3], rows[0], *rows[3:]])
    for text in (
        quoted,
        header_again,
        table.replace(" ", ";"),
        table.replace(" ", " \t "),
        table.replace("\n", "\r\n"),
        table.replace("\n", "\n\n"),
        "# made by x\n## y\n" + table,
    ):
        frame = read_sumstats(write(text + "\n"))
        pd.testing.assert_frame_equal(frame, expected)
        assert not frame.attrs["n_left_out"]
    pd.testing.assert_frame_equal(read_sumstats(write(table, encoding="utf-16")), expected)
    pytest.importorskip("pyarrow")
    numbers = pd.read_csv(tmp_path / "table.txt", sep=" ", encoding="utf-16")
    numbers.to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(read_sumstats(tmp_path / "t.parquet"), expected)
    damaged = tmp_path / "u.parquet"
    damaged.write_bytes((tmp_path / "t.parquet").read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"u.parquet is not a readable parquet file"):
        read_sumstats(damaged)


def test_words_for_missing_in_parquet(write, tmp_path):
    table = pd.DataFrame(
        {
            "chromosome": ["1", "#NA", "2"],
            "base_pair_location": [5, 6, 7],
            "effect_allele": ["A", "C", "nan"],
            "other_allele": ["G", "T", "T"],
            "beta": [0.1, 0.2, 0.3],
            "standard_error": 0.1,
            "rsid": ["rs1", "NULL", "#NA"],
        }
    )
    table.to_parquet(tmp_path / "x.parquet")
    expected = read_sumstats(write(table.to_csv(sep="\t", index=False)))
    assert expected["rsid"].isna().tolist() == [False, True, True]
    pd.testing.assert_frame_equal(read_sumstats(tmp_path / "x.parquet"), expected)


def test_a_region_is_read(write):
    from skgenetics.io import Region

    frame = read_sumstats(write(FILES["SAIGE"]), region=Region("1", 15, 40))
    assert frame["rsid"].tolist() == ["rs2"]
    assert len(read_sumstats(write(FILES["SAIGE"]), region=Region("7", 15, 40))) == 0


def test_an_index_is_used(write):
    from skgenetics.io import Region

    pysam = pytest.importorskip("pysam")
    rows = "".join(f"1\t{10 * k}\tA\tG\t{k}\t1\n" for k in range(1, 2000))
    path = str(write("#" + SSF + "beta\tstandard_error\n" + rows))
    pysam.tabix_index(path, seq_col=0, start_col=1, end_col=1, meta_char="#", force=True)
    frame = read_sumstats(path + ".gz", region=Region("1", 95, 125))
    assert frame["z"].tolist() == [10, 11, 12]
    assert len(read_sumstats(path + ".gz", region=Region("X", 95, 125))) == 0


def test_columns_are_guessed_by_their_values(write):
    rng = np.random.default_rng(0)
    rows = []
    for k in range(1, 50):
        beta, se = round(rng.normal(), 4), 0.5
        p = 2 * norm.sf(abs(beta / se))
        rows.append(f"{1000 + k % 3},{beta},chr7,{50 * k},{p:.5g},{'AC'[k % 2]},{se},T\n")
    text = "Many,Eff,Where1,Where2,Chance,First,Err,Second\n" + "".join(rows)
    with pytest.raises(ValueError, match="By their names and first values they may be") as caught:
        read_sumstats(write(text))
    said = str(caught.value)
    assert (
        "--columns effect_allele=First other_allele=Second chromosome=Where1 "
        "base_pair_location=Where2 beta=Eff standard_error=Err p_value=Chance;"
    ) in said
    assert "Eff / Err and Chance agree in 49 of 49 rows" in said
    assert "that First is the allele of the effect is a guess" in said
    columns = dict(
        pair.split("=") for pair in said.partition("--columns ")[2].partition(";")[0].split()
    )
    assert read_sumstats(path := write(text), columns=columns)["z"].notna().all(), path


def test_alleles_inside_ids_are_guessed(write):
    rows = "".join(f"G1\tchr1_{k}_A_G_b38\t{k}\t.0455\t.2\t.1\n" for k in range(1, 12))
    path = write("gene_id\tvariant_id\ttss_distance\tpval_nominal\tslope\tslope_se\n" + rows)
    with pytest.raises(ValueError, match="second allele in variant_id is the allele") as caught:
        read_sumstats(path)
    said = str(caught.value).partition("--columns ")[2].partition(";")[0].split()
    expected = "beta=slope standard_error=slope_se p_value=pval_nominal chr_pos_ref_alt=variant_id"
    assert said == expected.split()
    frame = read_sumstats(path, columns=dict(pair.split("=") for pair in said))
    assert frame["effect_allele"].eq("G").all()
    assert frame["base_pair_location"].tolist() == list(range(1, 12))


def test_columns_are_guessed_and_the_guess_is_supported(write):
    rows = "".join(f"rs{k},1,{k},A,G,{k / 100},.1,{2 * norm.sf(k / 10)}\n" for k in range(1, 50))
    text = "marker,chrom,pos(b37),EffectAllele,OtherAllele,lnOR,StdErr,Pval\n" + rows
    with pytest.raises(ValueError, match="of no known format") as caught:
        read_sumstats(write(text))
    said = str(caught.value)
    words = "--columns chromosome=chrom base_pair_location='pos(b37)' variant_id=marker beta=lnOR "
    words += (
        "standard_error=StdErr p_value=Pval effect_allele=EffectAllele other_allele=OtherAllele"
    )
    assert words in said
    assert "lnOR / StdErr and Pval agree in 49 of 49 rows" in said
    with pytest.raises(ValueError, match="agree only in 0 of 49 rows"):
        read_sumstats(write(text.replace(",.1,", ",.3,")))
    with pytest.raises(ValueError, match="that alt is the allele of the effect is a guess"):
        read_sumstats(write(text.replace("EffectAllele", "alt").replace("OtherAllele", "ref")))
