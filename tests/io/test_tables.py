import bz2
import gzip
import lzma

import numpy as np
import pytest

from skgenetics.io import read_header, read_list, read_table

pd = pytest.importorskip("pandas")

BODY = "F1 a 1.5 NA\nF1 b -9 2\nF2 c 3e-1 .\n"


def samples(*iids):
    return pd.MultiIndex.from_arrays([["0"] * len(iids), list(iids)], names=["FID", "IID"])


@pytest.mark.parametrize("separator", [" ", "   ", "\t", ","])
@pytest.mark.parametrize("header", ["#FID IID t u", "FID IID t u", "fid iid t u"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_every_layout_gives_the_same_table(write, separator, header, end, mark):
    text = mark + f"{header}\n{BODY}".replace(" ", separator).replace("\n", end)
    table = read_table(write(text))
    assert table.index.tolist() == [("F1", "a"), ("F1", "b"), ("F2", "c")]
    assert table.columns.tolist() == ["t", "u"]
    np.testing.assert_array_equal(table, [[1.5, np.nan], [np.nan, 2], [0.3, np.nan]])


@pytest.mark.parametrize("header", ["IID", "#IID", "person"])
def test_one_column_of_ids(write, header):
    table = read_table(write(f"{header}\tt\na\t1\nb\t2\n"))
    assert table.index.tolist() == [("0", "a"), ("0", "b")]
    assert table["t"].tolist() == [1.0, 2.0]


def test_minus_nine_is_missing_however_it_is_written(write):
    assert read_table(write("IID t\na -9.0\nb 1\nc -9\n"))["t"].isna().tolist() == [1, 0, 1]


def test_iid_need_not_come_first_and_gzip_is_read(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"t,IID\n1,a\n2,b\n"))
    assert read_table(path)["t"].to_dict() == {("0", "a"): 1.0, ("0", "b"): 2.0}


def test_traits_may_be_named_by_numbers(write):
    assert read_table(write("FID IID 30780\nf a 3.1\n"))["30780"].tolist() == [3.1]


def test_columns_are_chosen_and_other_text_is_left_alone(write):
    path = write("IID,t,remark,cage\na,1,tired,c1\nb,2,,c2\n")
    table = read_table(path, columns=["t"], text_columns=["cage"])
    assert table["t"].tolist() == [1.0, 2.0]
    assert table["cage"].tolist() == ["c1", "c2"]
    assert "remark" not in table


@pytest.mark.parametrize("first", ["ID", "id", "SampleID"])
@pytest.mark.parametrize("known", [True, False])
def test_transposed_covariates(write, first, known):
    path = write(f"{first}\tGTEX-A\tGTEX-B\tGTEX-C\nPC1\t.1\t.2\t.3\nsex\t1\t2\t2\n")
    people = samples("GTEX-B", "GTEX-C", "GTEX-Z") if known else None
    table = read_table(path, kind="covariates", samples=people)
    assert table.index.get_level_values("IID").tolist() == ["GTEX-A", "GTEX-B", "GTEX-C"]
    np.testing.assert_array_equal(table, [[0.1, 1], [0.2, 2], [0.3, 2]])


def test_transposed_people_with_numbers_for_names(write):
    path = write("id 1001 1002\nage 40 50\n")
    table = read_table(path, kind="covariates", samples=samples("1001", "1002"))
    assert table["age"].to_dict() == {("0", "1001"): 40.0, ("0", "1002"): 50.0}


def test_upright_covariates_stay_upright(write):
    path = write("ID PC1 PC2\na 1 2\nb 3 4\n")
    for people in (samples("a", "b"), None, samples("a", "b", "PC2")):
        assert read_table(path, kind="covariates", samples=people).columns.tolist() == [
            "PC1",
            "PC2",
        ]


@pytest.mark.parametrize(
    "text", ["a\nb\n", "0 a\n0 b\n", "#FID IID\n0 a\n0 b\n", "IID\na\nb\n", "#IID SEX\na 1\nb 2\n"]
)
def test_people(write, text):
    table = read_table(write(text), kind="people")
    assert table.index.tolist() == [("0", "a"), ("0", "b")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("IID t\n", "header line only"),
        ("IID\na\n", "IDs only"),
        ("IID t\na 1\nb tall\n", "column 't' of b is 'tall'; expected a number"),
        ("IID t\na 1\na 2\n", "ID a comes more than once"),
        ("a a 1.5\nb b 2.5\n", "no header, or more than one column named 'a': .* holds '1.5' too"),
        ("F1 a 1.5\nF1 b 2\n", "has no header: its first line holds '1.5'"),
        ("IID t u\na 1 2\nb 1\n", r"row 2 \(ID b\) has 2 fields, the header has 3"),
        ("IID t t\na 1 2\n", "more than one column named 't'"),
        ("IID,t\n,1\n", "row 1 has no ID"),
    ],
)
def test_bad_phenotypes(write, text, message):
    with pytest.raises(ValueError, match=message):
        read_table(write(text))


def test_other_bad_input(write, tmp_path):
    with pytest.raises(ValueError, match=r"no column 'LDL'; it has t \(besides the IDs\)"):
        read_table(write("IID t\na 1\n"), columns=["LDL"])
    with pytest.raises(FileNotFoundError, match=r"no file .*none\.txt"):
        read_table(tmp_path / "none.txt")
    with pytest.raises(ValueError, match="not a text file in UTF-8"):
        read_table(write("IID t\nJos\xe9 1\n", encoding="latin-1"))
    damaged = tmp_path / "t.gz"
    damaged.write_bytes(gzip.compress(b"IID t\na 1\n" * 50)[:-12])
    with pytest.raises(ValueError, match="damaged packed"):
        read_table(damaged)
    with pytest.raises(ValueError, match="kind must be one of"):
        read_table(damaged, kind="phenotype")
    with pytest.raises(ValueError, match="ID a comes more than once"):
        read_table(write("a\na\n"), kind="people")
    with pytest.raises(ValueError, match="must hold FID and IID"):
        read_table(write("F a\nb\n"), kind="people")


def test_list(write):
    assert read_list(write("rs1 x\n\nrs2\r\n")) == ["rs1", "rs2"]
    with pytest.raises(ValueError, match="is empty"):
        read_list(write("\n"))


@pytest.mark.parametrize(
    "text",
    [
        ",IID,age\n0,a,40\n1,b,50\n",
        "IID FID age\na 0 40\nb 0 50\n",
        "IID\tage\t\na\t40\t\nb\t50\t\n",
    ]
    + ['"IID" "age"\n"1" "a" 40\n"2" "b" 50\n', '"","id","age"\n"1","a",40\n"2","b",50\n']
    + ["#FID IID SID PAT MAT age\n0 a 1 0 0 40\n0 b 1 0 0 50\n", "IID;age\na;40\nb;50\n"],
)
@pytest.mark.parametrize("kind", ["phenotypes", "covariates"])
def test_names_of_rows_and_ids_are_no_traits(write, text, kind):
    table = read_table(write(text), kind=kind)
    assert table["age"].to_dict() == {("0", "a"): 40, ("0", "b"): 50}
    assert list(table) == ["age"]


def test_plinks_fam_has_traits_and_sex_is_a_covariate(write):
    path = write("f a 0 0 1 .5 1\nf b 0 0 0 .1 NA\nf c 0 0 2 -9 3\n", "study.fam")
    assert list(read_table(path)) == ["phenotype", "phenotype2"]
    assert read_table(path)["phenotype"].isna().tolist() == [False, False, True]
    sex = read_table(path, kind="covariates", columns=["SEX"])["SEX"]
    np.testing.assert_array_equal(sex, [1, np.nan, 2])


def test_covariates_of_words(write):
    path = write("IID sex site age\na M u 1\nb F v 2\nc female u 3\nd NA w #N/A\ne m -9 5\n")
    table = read_table(path, kind="covariates")
    assert list(table) == ["sex", "site=v", "site=w", "age"]
    np.testing.assert_array_equal(table["sex"], [1, 2, 2, np.nan, 1])
    np.testing.assert_array_equal(table["site=v"], [0, 1, 0, 0, np.nan])
    np.testing.assert_array_equal(table["site=w"], [0, 0, 0, 1, np.nan])
    np.testing.assert_array_equal(table["age"], [1, 2, 3, np.nan, 5])
    rows = "".join(f"p{k} word{k}\n" for k in range(9))
    with pytest.raises(ValueError, match="covariate 'remark' has 9 different words"):
        read_table(write("IID remark\n" + rows), kind="covariates")


@pytest.mark.parametrize(
    "text",
    [
        "SampleID ind1 ind2 ind3\nout/pca_svd_PC1 .1 .2 .3\nout/pca_svd_PC2 .4 .5 .6\n",
        "id ind1 ind2 ind3\nfirst .1 .2 .3\nsecond .4 .5 .6\n",
    ],
)
def test_covariates_of_qtltools(write, text):
    table = read_table(write(text), kind="covariates")
    assert table.index.get_level_values("IID").tolist() == ["ind1", "ind2", "ind3"]
    np.testing.assert_array_equal(table, [[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]])


@pytest.mark.parametrize("word", ["-nan", "#N/A", "<NA>", "NULL", "None", "1.#QNAN", "inf", "-"])
def test_one_list_of_missing_words(write, word):
    assert read_table(write(f"IID\tt\na\t1\nb\t{word}\n"))["t"].isna().tolist() == [False, True]


def test_kinds_of_files(write, tmp_path):
    for start, kind in ((b"PAR1", "parquet"), (b"PK\x03\x04", "Excel"), (b"%PDF-1.4", "a PDF")):
        (tmp_path / "t").write_bytes(start + b"rest of it\n")
        with pytest.raises(ValueError, match=f"is not a text file but .*{kind}"):
            read_table(tmp_path / "t")
    for name, pack in (("t.xz", lzma.compress), ("t.bz2", bz2.compress)):
        (tmp_path / name).write_bytes(pack(b"IID t\na 1\n"))
        assert read_table(tmp_path / name)["t"].tolist() == [1]
    assert read_table(write("IID t\na 1\n", encoding="utf-16"))["t"].tolist() == [1]


PEOPLE = [f"I{k}" for k in range(9)]
Y = [0.5 * k - 2 for k in range(9)]


@pytest.mark.parametrize("kind", ["phenotypes", "covariates"])
def test_samples_of_snptest(write, kind):
    """A second line says the kinds of the columns; the share of missing calls is no trait."""
    rows = "".join(f"F{p} {p} 0.01 {1 + k % 2} {y}\n" for k, (p, y) in enumerate(zip(PEOPLE, Y)))
    text = "ID_1 ID_2 missing sex bmi\n0 0 0 D P\n" + rows
    table = read_table(write(text, "x.sample"), kind=kind)
    assert table.index.tolist() == [(f"F{p}", p) for p in PEOPLE]
    assert table.columns.tolist() == ["sex", "bmi"][kind == "phenotypes" :]
    assert table["bmi"].tolist() == Y
    assert read_header(write(text, "x.sample")) == text.split("\n")[0].split()
    without = read_table(write(text.replace("0 0 0 D P\n", ""), "x.sample"), kind=kind)
    pd.testing.assert_frame_equal(table, without)


def test_components_of_plink_have_no_header(write):
    rows = "".join(f"F {p} {y} {2 * y}\n" for p, y in zip(PEOPLE, Y))
    for text in (rows, "#FID IID PC1 PC2\n" + rows):
        table = read_table(write(text, "x.eigenvec"), kind="covariates")
        assert table.columns.tolist() == ["PC1", "PC2"]
        assert table["PC2"].tolist() == [2 * y for y in Y]


@pytest.mark.parametrize("header", ["FAM ID y", "family_id,participant_id,y", "Unnamed: 0,eid,y"])
def test_numbers_that_name_families_or_people_are_no_traits(write, header):
    mark = "," if "," in header else " "
    rows = "".join(f"{k}{mark}{7 * k}{mark}{y}\n" for k, y in enumerate(Y))
    table = read_table(write(f"{header}\n{rows}"))
    assert table.index.tolist() == [("0", str(7 * k)) for k in range(9)]
    assert table.columns.tolist() == ["y"]


@pytest.mark.parametrize("code", ["-99", "-999", "-9999.0", "-99999"])
def test_codes_of_missing_values_are_not_taken_for_values(write, code):
    rows = "".join(f"{p} {code if p == 'I3' else y}\n" for p, y in zip(PEOPLE, Y))
    with pytest.raises(ValueError, match=rf"'y' is {float(code):g} for 1 person, and -2 to 2 for"):
        read_table(write(f"IID y\n{rows}"))
    low = "".join(f"{p} {code if p == 'I3' else float(code) + 1}\n" for p in PEOPLE)
    assert read_table(write(f"IID y\n{low}"))["y"].min() == float(code)
