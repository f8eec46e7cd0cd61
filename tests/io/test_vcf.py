"""Genotypes in VCF: calls, dosages, haploids, several alternate alleles, regions."""

import gzip
import pickle

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
pytest.importorskip("cyvcf2")

from skgenetics.io import Region, read_genotypes, read_vcf  # noqa: E402

HEAD = (
    "##fileformat=VCFv4.2\n##contig=<ID=chr1>\n##contig=<ID=chrX>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
    '##FORMAT=<ID=DS,Number=A,Type=Float,Description="x">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\tc\td\n"
)
CALLS = (
    "chr1\t10\trs1\tA\tG\t.\t.\t.\tGT\t0/0\t0|1\t1/1\t./.\n"
    "chr1\t20\t.\tA\tC,AT\t.\t.\t.\tGT\t0/1\t1/2\t2/2\t0/0\n"
    "chrX\t30\trs3\tC\tT\t.\t.\t.\tGT\t0\t1\t0/1\t.\n"
)
DOSAGES = (
    "chr1\t10\trs1\tA\tG\t.\t.\t.\tGT:DS\t0/0:.1\t0|1:1\t1/1:1.9\t./.:.\n"
    "chr1\t20\trs2\tA\tC\t.\t.\t.\tDS\t.25\t.5\t2\t0\n"
    "chrX\t30\trs3\tC\tT\t.\t.\t.\tGT:DS\t0:.1\t1:.9\t0/1:1.1\t.:.\n"
)


def test_calls(write):
    genotypes = read_vcf(write(HEAD + CALLS, "x.vcf"), build="GRCh38")
    expected = [[0, 1, 0, 0], [1, 1, 1, 2], [2, 0, 2, 1], [-127, 0, 0, -127]]
    np.testing.assert_array_equal(genotypes[:, :], expected)
    assert genotypes[:, :].dtype == np.int8
    assert genotypes.samples.get_level_values("IID").tolist() == ["a", "b", "c", "d"]
    variants = genotypes.variants
    assert variants["variant_id"].tolist() == ["rs1", "chr1_20_A_C", "chr1_20_A_AT", "rs3"]
    assert variants["effect_allele"].tolist() == ["G", "C", "AT", "T"]
    assert variants["other_allele"].tolist() == ["A", "A", "A", "C"]
    assert genotypes.build == "GRCh38"


def test_dosages(tmp_path):
    path = tmp_path / "x.vcf.gz"
    path.write_bytes(gzip.compress((HEAD + DOSAGES).encode()))
    genotypes = read_genotypes(path)
    expected = [[0.1, 0.25, 0.2], [1, 0.5, 1.8], [1.9, 2, 1.1], [np.nan, 0, np.nan]]
    np.testing.assert_allclose(genotypes[:, :], expected, rtol=1e-6)


def test_a_region(write):
    path = write(HEAD + CALLS, "x.vcf")
    assert read_vcf(path, region=Region("1", 15, 40)).shape == (4, 2)
    assert read_vcf(path, region=Region("X", 15, 40)).shape == (4, 1)
    with pytest.raises(ValueError, match=r"has no variant in chr2:1-9"):
        read_vcf(path, region=Region("2", 1, 9))


def many_variants(rng, n_variants=300):
    """Rows of a VCF on two chromosomes; some share their position, some have two alternates."""
    rows = []
    for contig in ("chr1", "chrX"):
        positions = np.sort(rng.integers(1, 2_000_000, n_variants))
        positions[1::10] = positions[::10]
        for position in positions.tolist():
            alts = "C,AT" if rng.random() < 0.2 else "G"
            calls = "\t".join(
                f"{rng.integers(2)}/{rng.integers(2 + (alts != 'G'))}" for _ in "abcd"
            )
            rows.append(f"{contig}\t{position}\t.\tA\t{alts}\t.\t.\t.\tGT\t{calls}\n")
    return "".join(rows)


def test_an_indexed_file_is_read_where_it_is_sliced(write):
    pysam = pytest.importorskip("pysam")
    rng = np.random.default_rng(0)
    plain = write(HEAD + many_variants(rng), "x.vcf")
    packed = plain.with_name("y.vcf.gz")
    pysam.tabix_compress(str(plain), str(packed))
    pysam.tabix_index(str(packed), preset="vcf")
    whole, lazy = read_vcf(plain), read_vcf(packed)
    assert isinstance(whole.values, np.ndarray)
    assert not isinstance(lazy.values, np.ndarray)
    pd.testing.assert_frame_equal(lazy.variants, whole.variants)
    everything = whole[:, :]
    np.testing.assert_array_equal(lazy[:, :], everything)
    n = len(whole.variants)
    for columns in ([5], [n - 1, 0, 3, 3], slice(90, 140), rng.permutation(n)[:40], []):
        np.testing.assert_array_equal(lazy[:, columns], everything[:, columns])
    narrow = lazy.select([2, 0], np.arange(20, 60))
    for same in (narrow, pickle.loads(pickle.dumps(narrow.small()))):
        np.testing.assert_array_equal(same[:, ::3], everything[[2, 0], 20:60:3])
    inside = read_vcf(packed, region=Region("X", 500_000, 900_000))
    assert inside.variants["base_pair_location"].between(500_000, 900_000).all()
    np.testing.assert_array_equal(
        inside[:, :], read_vcf(plain, region=Region("X", 500_000, 900_000))[:, :]
    )


def test_a_file_that_changed_is_not_read_for_another(write):
    pysam = pytest.importorskip("pysam")

    def indexed(text):
        plain = write(HEAD + text, "x.vcf")
        pysam.tabix_compress(str(plain), f"{plain}.gz", force=True)
        pysam.tabix_index(f"{plain}.gz", preset="vcf", force=True)
        return f"{plain}.gz"

    genotypes = read_vcf(indexed(CALLS))
    indexed(CALLS.replace("\t20\t", "\t21\t"))
    with pytest.raises(ValueError, match="is not what it was when it was opened"):
        genotypes[:, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + CALLS.replace("GT", "XX"), "neither GT nor DS"),
        (HEAD + DOSAGES.replace(":1.9", ":7"), "dosage of 7; expected 0 to 2"),
        (HEAD, "has no variant"),
        ("", "not a readable VCF"),
        ("IID t\na 1\n", "not a readable VCF"),
        ("\n".join(line.rsplit("\t", 5)[0] for line in (HEAD + CALLS).split("\n")), "no people"),
    ],
)
def test_bad_files(write, text, message):
    with pytest.raises(ValueError, match=message):
        read_vcf(write(text, "x.vcf"))


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*x\.vcf"):
        read_genotypes(tmp_path / "x.vcf")


def test_an_indexed_file_is_opened_without_parsing_genotypes(write, monkeypatch):
    import cyvcf2

    pysam = pytest.importorskip("pysam")
    path = pysam.tabix_index(str(write(HEAD + CALLS, "x.vcf")), preset="vcf", force=True)
    opened = []

    def vcf(*args, **named):
        opened.append(named["samples"])
        return original(*args, **named)

    original = cyvcf2.VCF
    monkeypatch.setattr(cyvcf2, "VCF", vcf)
    genotypes = read_vcf(path)
    assert opened == [None, []]  # the names of people; the variants
    assert genotypes[:, 0].ravel().tolist() == [0, 1, 2, -127]
