import gzip

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from skgenetics.io import read_genotypes, read_plink, write_genotypes


def test_text_dosages(write):
    path = write("id,22_100_A_G,rs7\nx,0,1.5\ny,NA,2\nz,-9,0\n", "dosages.csv")
    genotypes = read_genotypes(path)
    np.testing.assert_array_equal(genotypes[:, :], [[0, 1.5], [np.nan, 2], [np.nan, 0]])
    assert genotypes.samples.get_level_values("IID").tolist() == ["x", "y", "z"]
    first, second = genotypes.variants.to_dict("records")
    assert first == {
        "chromosome": "22",
        "base_pair_location": 100,
        "variant_id": "22_100_A_G",
        "effect_allele": "G",
        "other_allele": "A",
    }
    assert second["variant_id"] == "rs7"
    assert genotypes.variants["base_pair_location"].isna().tolist() == [False, True]


def test_hard_calls_become_int8_and_gzip_is_read(tmp_path):
    path = tmp_path / "calls.tsv.gz"
    path.write_bytes(gzip.compress(b"IID\tv1\tv2\na\t0\t2\nb\t-9\t1\n"))
    values = read_genotypes(path)[:, :]
    assert values.dtype == np.int8
    np.testing.assert_array_equal(values, [[0, 2], [-127, 1]])


def test_missing_calls_are_nan_where_floats_are_asked_for(write):
    genotypes = read_genotypes(write("IID,v1,v2\na,0,2\nb,NA,1\nc,1,0\n", "calls.csv"))
    assert np.asarray(genotypes).dtype == np.int8
    for dtype in (np.float32, float):
        values = np.asarray(genotypes, dtype=dtype)
        assert values.dtype == dtype
        np.testing.assert_array_equal(values, [[0, 2], [np.nan, 1], [1, 0]])
    with pytest.raises(ValueError, match="NaN"):
        Ridge().fit(genotypes, [0.0, 1.0, 2.0])


def test_repr_says_what_and_how_much(write):
    genotypes = read_genotypes(write("IID,22_100_A_G\na,0\nb,1\nc,2\n", "calls.csv"))
    assert repr(genotypes.select(slice(0, 2))) == (
        "<Genotypes of calls.csv: 2 samples x 1 variants, the last allele in the variant's name "
        "counted>"
    )


def test_npz_round_trip(plink_prefix, tmp_path):
    pytest.importorskip("bed_reader")
    genotypes = read_plink(plink_prefix)
    write_genotypes(tmp_path / "copy.npz", genotypes)
    again = read_genotypes(tmp_path / "copy.npz")
    np.testing.assert_array_equal(again[:, :], genotypes[:, :])
    assert again.samples.equals(genotypes.samples)
    assert again.variants.equals(genotypes.variants)
    assert again.counted_allele == genotypes.counted_allele


def test_npz_of_floats_with_missing_codes(tmp_path):
    np.savez(tmp_path / "x.npz", genotypes=[[0.5, -9.0], [np.nan, 2.0]], sample_ids=["a", "b"])
    genotypes = read_genotypes(tmp_path / "x.npz")
    np.testing.assert_array_equal(genotypes[:, :], [[0.5, np.nan], [np.nan, 2.0]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("id,v\n", "header line only"),
        ("id\na\n", "one column only"),
        ("id,v\na,3\n", "dosage of variant v in sample a is 3; expected 0 to 2"),
        ("id,v\na,-1\n", "dosage of variant v in sample a is -1"),
        ("id,v\na,A/G\n", "column 'v' of a is 'A/G'; expected a number"),
        ("id,v,v\na,1,2\n", "more than one column named 'v'"),
        ("id,v,w\na,1\n", r"row 1 \(ID a\) has 2 fields, the header has 3"),
    ],
)
def test_bad_text(write, text, message):
    with pytest.raises(ValueError, match=message):
        read_genotypes(write(text, "dosages.csv"))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"G": np.zeros((2, 2))}, "holds G, but not 'genotypes'"),
        ({"genotypes": np.zeros((2, 2))}, "but not 'sample_ids'"),
        (
            {"genotypes": np.zeros((2, 2)), "sample_ids": ["a", "b"], "position": [1, 2]},
            "and 'position' is not known. Expected keys: .* base_pair_location",
        ),
        ({"genotypes": np.zeros((2, 2)), "sample_ids": ["a"]}, r"sample_ids .* need \(2,\)"),
        (
            {"genotypes": np.zeros((2, 2)), "sample_ids": ["a", "b"], "variant_ids": ["v"]},
            r"variant_ids .* has shape \(1,\)",
        ),
        ({"genotypes": np.zeros(2), "sample_ids": ["a", "b"]}, "got float64 of shape"),
        (
            {"genotypes": np.array([[0], [9]], np.int8), "sample_ids": ["a", "b"]},
            "sample b is 9",
        ),
    ],
)
def test_bad_npz(tmp_path, arrays, message):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        read_genotypes(tmp_path / "x.npz")


def test_damaged_or_other_files(write, tmp_path):
    with pytest.raises(ValueError, match=r"not a readable \.npz"):
        read_genotypes(write("text", "x.npz"))
    with pytest.raises(ValueError, match=r"expected \.bed, \.pgen, \.bgen, \.vcf, \.npz, \.raw"):
        read_genotypes(write("text", "x.gen"))
    with pytest.raises(FileNotFoundError, match=r"no file .*none\.csv"):
        read_genotypes(tmp_path / "none.csv")
    with pytest.raises(ValueError, match=r"writes \.npz"):
        write_genotypes(tmp_path / "x.csv", None)


def test_the_reader_is_told_by_the_ending(plink_prefix, tmp_path):
    pytest.importorskip("bed_reader")
    expected = read_plink(plink_prefix)[:, :]
    for name in (plink_prefix, plink_prefix.with_suffix(".bed")):
        genotypes = read_genotypes(name, build="GRCh37")
        np.testing.assert_array_equal(genotypes[:, :], expected)
        assert genotypes.build == "GRCh37"
    plink_prefix.with_suffix(".pgen").touch()
    with pytest.raises(ValueError, match=r"There are study\.bed and study\.pgen"):
        read_genotypes(plink_prefix)
    assert read_genotypes(plink_prefix.with_suffix(".bed")).shape == (7, 5)
    with pytest.raises(FileNotFoundError, match=r"no file .*none\.bed"):
        read_genotypes(tmp_path / "none.bed")


RAW = "FID IID PAT MAT SEX PHENOTYPE rs1_A rs1_HET rs2_x_T(/C)\n"
RAW += "f a 0 0 1 -9 0 0 2\nf b 0 0 2 1 NA NA 1\n"
TRAW = "CHR\tSNP\t(C)M\tPOS\tCOUNTED\tALT\tf_a\tf_b\n"
TRAW += "1\trs1\t0\t10\tA\tG\t0\tNA\n1\trs2_x\t0\t20\tT\tC\t2\t1\n"


@pytest.mark.parametrize(("name", "text"), [("x.raw", RAW), ("x.traw", TRAW)])
def test_plinks_additive_codes(write, name, text):
    genotypes = read_genotypes(write(text, name))
    np.testing.assert_array_equal(genotypes[:, :], [[0, 2], [-127, 1]])
    assert genotypes.samples.tolist() == [("f", "a"), ("f", "b")]
    assert genotypes.variants["variant_id"].tolist() == ["rs1", "rs2_x"]
    assert genotypes.variants["effect_allele"].tolist() == ["A", "T"]
    assert genotypes.variants["other_allele"][1] == "C"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.raw", RAW.replace("PAT", "DAD"), "not a .raw of PLINK"),
        ("x.raw", RAW.replace("rs1_A", "rs1"), "'rs1' does not name the allele"),
        ("x.raw", "FID IID PAT MAT SEX PHENOTYPE\nf a 0 0 1 1\n", "has no variant"),
        ("x.traw", TRAW.replace("COUNTED", "A1"), "not a .traw of PLINK"),
        ("x.traw", TRAW.replace("\t2\t", "\t3\t"), "dosage of variant rs2_x in sample a is 3"),
    ],
)
def test_bad_additive_codes(write, name, text, message):
    with pytest.raises(ValueError, match=message):
        read_genotypes(write(text, name))


@pytest.mark.parametrize(
    ("name", "ids"),
    [("a_b_a_b", ("a_b", "a_b")), ("0_a_b", ("0", "a_b")), ("f_i", ("f", "i"))]
    + [("a_b_c", ("0", "a_b_c")), ("HG001", ("0", "HG001"))],
)
def test_people_of_a_traw(write, name, ids):
    assert read_genotypes(write(TRAW.replace("f_a", name), "x.traw")).samples[0] == ids
