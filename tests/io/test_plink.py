import pickle

import numpy as np
import pytest

from skgenetics.io import read_plink
from tests.oracles.plink import decode_bed

bed_reader = pytest.importorskip("bed_reader")


def test_dosages_are_those_of_the_naive_decoder(plink_prefix):
    genotypes = read_plink(plink_prefix)
    expected = np.array(decode_bed(plink_prefix.with_suffix(".bed"), 7, 5))
    assert genotypes.shape == (7, 5)
    assert genotypes[:, :].dtype == np.int8
    np.testing.assert_array_equal(genotypes[:, :], expected)
    np.testing.assert_array_equal(genotypes[2:6, [4, 0]], expected[2:6][:, [4, 0]])
    np.testing.assert_array_equal(genotypes[3], expected[[3]])
    rows = np.arange(7) % 2 == 0
    np.testing.assert_array_equal(genotypes[rows, 1:3], expected[rows, 1:3])
    np.testing.assert_array_equal(np.asarray(genotypes), expected)


def test_names_and_counted_allele(plink_prefix):
    genotypes = read_plink(plink_prefix.with_suffix(".bed"))
    assert list(genotypes.samples[:2]) == [("F0", "I0"), ("F1", "I1")]
    assert genotypes.variants["variant_id"].tolist() == ["rs1", "2_101_G_A", "rs3", "rs4", "rs5"]
    assert genotypes.variants["effect_allele"].tolist() == ["A"] * 5
    assert genotypes.variants["base_pair_location"].tolist() == [100, 101, 102, 103, 104]
    assert genotypes.counted_allele == "A1 of study.bim"


def test_a_narrowed_selection_is_lazy_and_pickles(plink_prefix):
    genotypes = read_plink(plink_prefix)
    everything = genotypes[:, :]
    part = genotypes.select([5, 1, 3], [4, 2]).select(slice(1, None), [True, False])
    again = pickle.loads(pickle.dumps(part))
    np.testing.assert_array_equal(again[:, :], everything[np.ix_([1, 3], [4])])
    assert again.samples.tolist() == [("F1", "I1"), ("F3", "I3")]
    assert again.variants["variant_id"].tolist() == ["rs5"]


def test_a_relative_path_is_read_from_any_folder(plink_prefix, tmp_path, monkeypatch):
    expected = read_plink(plink_prefix)[:, :]
    monkeypatch.chdir(plink_prefix.parent)
    genotypes = read_plink(plink_prefix.name)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    np.testing.assert_array_equal(genotypes[:, :], expected)


def test_it_reads_what_bed_reader_writes(tmp_path):
    values = np.array([[0, 1], [2, -127], [1, 0]], dtype=np.int8)
    bed_reader.to_bed(tmp_path / "x.bed", values, properties={"iid": ["a", "b", "c"]})
    np.testing.assert_array_equal(read_plink(tmp_path / "x")[:, :], values)


@pytest.mark.parametrize("ending", [".bed", ".bim", ".fam"])
def test_a_missing_file_is_named(plink_prefix, ending):
    plink_prefix.with_suffix(ending).unlink()
    with pytest.raises(FileNotFoundError, match=rf"no file .*study\{ending}"):
        read_plink(plink_prefix)


@pytest.mark.parametrize(
    ("ending", "change", "message"),
    [
        (".bed", lambda data: data[:-1], "has 12 bytes, but 7 people .* need 13: it is truncated"),
        (".bed", lambda data: data + b"\0", "need 13: it is too long"),
        (".bed", lambda data: b"", "not a PLINK 1 .bed"),
        (".bed", lambda data: b"PK\1" + data[3:], "not a PLINK 1 .bed"),
        (".bed", lambda data: data[:2] + b"\0" + data[3:], "sample-major"),
        (".bim", lambda data: data[: data.rindex(b"2\trs5")], "need 11: it is too long"),
        (".bim", lambda data: data.replace(b"103", b"1o3"), "position of rs4 is '1o3'"),
        (".fam", lambda data: data * 2, "14 people .* it is truncated"),
        (".fam", lambda data: b"", "study.fam is empty"),
        (".fam", lambda data: data.replace(b"F2 ", b""), "study.fam, row 3 has 5 fields"),
    ],
)
def test_files_that_disagree(plink_prefix, ending, change, message):
    path = plink_prefix.with_suffix(ending)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=message):
        read_plink(plink_prefix)


def test_tables_of_more_and_fewer_columns(plink_prefix):
    before = read_plink(plink_prefix)
    fam, bim = plink_prefix.with_suffix(".fam"), plink_prefix.with_suffix(".bim")
    fam.write_text(fam.read_text().replace(" -9", " .5 1.2 NA"))
    bim.write_text(bim.read_text().replace("\t0\t", "\t"))  # no centimorgans
    after = read_plink(plink_prefix)
    assert after.samples.equals(before.samples)
    assert after.variants.equals(before.variants)
    fam.write_text("".join(f"F{i} I{i}\n" for i in range(7)))
    assert read_plink(plink_prefix).samples.equals(before.samples)
    bim.write_text(bim.read_text().replace("\t103", ""))
    with pytest.raises(ValueError, match=r"row 4 has 4 fields; expected 5 as in the first"):
        read_plink(plink_prefix)
