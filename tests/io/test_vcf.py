"""Genotypes in VCF: calls, dosages, haploids, several alternate alleles, regions."""

import gzip

import numpy as np
import pytest

pytest.importorskip("pandas")
pytest.importorskip("cyvcf2")

from skgenetics.io import Region, read_genotypes, read_vcf

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
