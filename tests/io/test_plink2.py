import pickle

import numpy as np
import pytest

from skgenetics.io import read_genotypes, read_plink, read_plink2

pgenlib = pytest.importorskip("pgenlib")
pd = pytest.importorskip("pandas")

N, P = 9, 6


def write_names(prefix, alt=("C",) * P, chromosome="chr1"):
    rows = [f"{chromosome}\t{100 + k}\trs{k}\tA\t{alt[k]}\n" for k in range(P)]
    text = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\n" + "".join(rows)
    prefix.with_suffix(".pvar").write_text(text)
    people = "".join(f"F{k // 2}\tI{k}\t1\n" for k in range(N))
    prefix.with_suffix(".psam").write_text("#FID\tIID\tSEX\n" + people)


@pytest.fixture
def calls():
    return np.random.default_rng(0).choice([0, 1, 2, -127], (N, P)).astype(np.int8)


@pytest.fixture
def prefix(tmp_path, calls):
    """Hard calls written by pgenlib."""
    prefix = tmp_path / "study"
    with pgenlib.PgenWriter(bytes(prefix.with_suffix(".pgen")), N, variant_ct=P) as writer:
        for column in np.where(calls == -127, -9, calls).T.astype(np.int8):
            writer.append_biallelic(np.ascontiguousarray(column))
    write_names(prefix)
    return prefix


def test_hard_calls(prefix, calls):
    for genotypes in (read_plink2(prefix), read_plink2(prefix.with_suffix(".pgen"))):
        assert genotypes.shape == (N, P)
        assert genotypes[:, :].dtype == np.int8
        np.testing.assert_array_equal(genotypes[:, :], calls)
        np.testing.assert_array_equal(genotypes[[7, 2], [5, 0]], calls[np.ix_([7, 2], [5, 0])])
        rows = np.arange(N) % 2 == 0
        np.testing.assert_array_equal(genotypes[rows, 1:3], calls[rows, 1:3])


def test_names_and_counted_allele(prefix):
    genotypes = read_genotypes(prefix, build="GRCh38")
    assert genotypes.build == "GRCh38"
    assert genotypes.counted_allele == "alternate allele of study.pvar"
    assert genotypes.samples[:3].tolist() == [("F0", "I0"), ("F0", "I1"), ("F1", "I2")]
    assert genotypes.variants.iloc[2].to_dict() == {
        "chromosome": "chr1",
        "base_pair_location": 102,
        "variant_id": "rs2",
        "effect_allele": "C",
        "other_allele": "A",
    }


def test_dosages(prefix):
    dosages = np.random.default_rng(1).integers(0, 2 * 2**14 + 1, (N, P)) / 2**14
    dosages[3, 1] = np.nan
    with pgenlib.PgenWriter(
        bytes(prefix.with_suffix(".pgen")), N, variant_ct=P, dosage_present=True
    ) as writer:
        for column in np.nan_to_num(dosages, nan=-9).T:
            writer.append_dosages(np.ascontiguousarray(column))
    values = read_plink2(prefix)[:, :]
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, dosages)  # dosages are multiples of 2**-14


def test_a_column_for_each_alternate_allele(prefix):
    alleles = np.random.default_rng(2).integers(0, 2, (P, 2 * N)).astype(np.int32)
    alleles[2] = np.random.default_rng(3).integers(0, 4, 2 * N)
    alleles[2, :6] = [3, 3, 2, 1, -9, -9]
    with pgenlib.PgenWriter(
        bytes(prefix.with_suffix(".pgen")), N, variant_ct=P, allele_ct_limit=4
    ) as writer:
        for k, row in enumerate(alleles):
            writer.append_alleles(row, allele_ct=4 if k == 2 else 2)
    write_names(prefix, alt=["C", "G", "C,G,AT", "C", "C", "C"])
    genotypes = read_plink2(prefix)
    assert genotypes.variants["effect_allele"].tolist() == ["C", "G", "C", "G", "AT", "C", "C", "C"]
    positions = genotypes.variants["base_pair_location"].tolist()
    assert positions == [100, 101, 102, 102, 102, 103, 104, 105]
    pairs = alleles.reshape(P, N, 2)
    columns = [0, 1, 2, 2, 2, 3, 4, 5]
    counted = [1, 1, 1, 2, 3, 1, 1, 1]
    expected = np.array([(pairs[j] == k).sum(axis=1) for j, k in zip(columns, counted)]).T
    expected[2, 2:5] = -127
    np.testing.assert_array_equal(genotypes[:, :], expected)
    np.testing.assert_array_equal(genotypes[[8, 0], [4, 3]], expected[np.ix_([8, 0], [4, 3])])


def test_it_pickles_and_opens_from_any_folder(prefix, calls, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    part = read_plink2("study").select([5, 1, 3], [4, 2])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = pickle.loads(pickle.dumps(part))
    np.testing.assert_array_equal(again[:, :], calls[np.ix_([5, 1, 3], [4, 2])])


def test_people_without_families_or_header(prefix):
    path = prefix.with_suffix(".psam")
    path.write_text("#IID SEX\n" + "".join(f"I{k} 1\n" for k in range(N)))
    assert read_plink2(prefix).samples[0] == ("0", "I0")
    path.write_text("".join(f"F I{k} 0 0 1 -9\n" for k in range(N)))
    assert read_plink2(prefix).samples[0] == ("F", "I0")


def test_the_same_calls_as_plink_1(prefix, calls, tmp_path):
    bed_reader = pytest.importorskip("bed_reader")
    (tmp_path / "other").mkdir()
    bed = tmp_path / "other" / "x.bed"
    bed_reader.to_bed(bed, calls)
    np.testing.assert_array_equal(read_plink(bed)[:, :], read_plink2(prefix)[:, :])


@pytest.mark.parametrize("ending", [".pgen", ".pvar", ".psam"])
def test_a_missing_file_is_named(prefix, ending):
    prefix.with_suffix(ending).unlink()
    with pytest.raises(FileNotFoundError, match=rf"no file .*study\{ending}"):
        read_plink2(prefix)


@pytest.mark.parametrize(
    ("ending", "change", "message"),
    [
        (".pgen", lambda data: data[:-1], "variant 6 cannot be read"),
        (".pgen", lambda data: data[:8], "not a readable .pgen"),
        (".pgen", lambda data: b"PK\1" + data[3:], "not a readable .pgen"),
        (".pvar", lambda data: data[: data.rindex(b"chr1")], "and study.pvar 5: they are not of"),
        (".pvar", lambda data: data.replace(b"103", b"1o3"), "position of rs3 is '1o3'"),
        (".pvar", lambda data: data.replace(b"rs3", b"rs\xe9"), "not a text file in UTF-8"),
        (".pvar", lambda data: b"", "study.pvar is empty"),
        (".pvar", lambda data: data[: data.index(b"chr1")], "study.pvar names no variant"),
        (".pvar", lambda data: data.replace(b"\tREF", b""), "expected #CHROM, POS, ID, ALT, REF"),
        (".pvar", lambda data: data.replace(b"rs3\t", b""), "study.pvar, row 4 has 4 fields"),
        (".psam", lambda data: data[: data.rindex(b"F4")], "study.psam names 8"),
        (".psam", lambda data: b"#FID\tIID\n", "names nobody"),
        (".psam", lambda data: data.replace(b"F2\tI4\t1", b"F2"), "row 5 has 1 fields"),
    ],
)
def test_files_that_disagree(prefix, ending, change, message):
    path = prefix.with_suffix(ending)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=message):
        read_plink2(prefix)[:, :]


def test_variants_without_a_header_are_those_of_a_bim(prefix, calls):
    for cm in ("", "0\t"):
        rows = [f"1\trs{k}\t{cm}{100 + k}\tC\tA\n" for k in range(P)]
        prefix.with_suffix(".pvar").write_text("".join(rows))
        genotypes = read_plink2(prefix)
        assert genotypes.variants["effect_allele"].tolist() == ["C"] * P
        assert genotypes.variants["base_pair_location"].tolist() == [*range(100, 100 + P)]
    np.testing.assert_array_equal(genotypes[:, :], calls)
    prefix.with_suffix(".pvar").rename(prefix.with_suffix(".bim"))
    prefix.with_suffix(".psam").write_text("".join(f"F I{k} 0 0 1 -9\n" for k in range(N)))
    prefix.with_suffix(".psam").rename(prefix.with_suffix(".fam"))
    np.testing.assert_array_equal(read_plink2(prefix)[:, :], calls)


def test_zstd(prefix, calls):
    pytest.importorskip("zstandard")
    path = prefix.with_suffix(".pvar")
    data = path.read_bytes()
    # one frame that names its size, of one raw block
    frame = b"\x28\xb5\x2f\xfd\xa0" + len(data).to_bytes(4, "little")
    frame += (len(data) << 3 | 1).to_bytes(3, "little") + data
    path.with_name("study.pvar.zst").write_bytes(frame)
    path.unlink()
    genotypes = read_plink2(prefix)
    assert genotypes.variants["variant_id"].tolist() == [f"rs{k}" for k in range(P)]
    np.testing.assert_array_equal(genotypes[:, :], calls)
