"""Genes and genetic maps, as drawn below a locus."""

import gzip

import pytest

from skgenetics.io import read_genes, read_genetic_map

pd = pytest.importorskip("pandas")

GTF = """#!genome-build GRCh38
chr1\tHAVANA\tgene\t1001\t2000\t.\t-\t.\tgene_id "ENSG1.2"; gene_type "x"; gene_name "AAA"; level 2;
chr1\tHAVANA\ttranscript\t1001\t2000\t.\t-\t.\tgene_id "ENSG1.2"; gene_name "AAA";
chrX\tHAVANA\tgene\t5\t9\t.\t+\t.\tgene_id "ENSG2.1";
"""
GFF3 = """##gff-version 3
1\tensembl\tgene\t1001\t2000\t.\t-\t.\tID=gene:ENSG1;Name=AAA;biotype=x
1\tensembl\tmRNA\t1001\t2000\t.\t-\t.\tID=transcript:ENST1;Parent=gene:ENSG1
X\tensembl\tncRNA_gene\t5\t9\t.\t+\t.\tID=ENSG2.1
"""
BED = "track name=x\nchr1\t1000\t2000\tAAA\t0\t-\nchrX\t4\t9\tENSG2.1\t0\t+\n"


@pytest.mark.parametrize(
    ("name", "text"), [("genes.gtf", GTF), ("genes.gff3", GFF3), ("genes.bed", BED)]
)
def test_formats_agree(tmp_path, name, text):
    path = tmp_path / f"{name}.gz"
    path.write_bytes(gzip.compress(text.encode()))
    expected = {
        "name": ["AAA", "ENSG2.1"],
        "chromosome": ["1", "X"],
        "start": [1001, 5],
        "end": [2000, 9],
        "strand": ["-", "+"],
    }
    assert read_genes(path).to_dict("list") == expected


def test_four_columns_have_no_strand(tmp_path):
    (tmp_path / "glist").write_text("19 58346805 58353499 A1BG\n")
    assert read_genes(tmp_path / "glist")["strand"].tolist() == [None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chr1\t10\t20\n", r"line 1 is 'chr1\\t10\\t20'; expected chromosome, start, end and name"),
        ("gene\tchr\tstart\tend\n", "line 1 is .*; expected chromosome"),
        ("#nothing\n", "has no gene"),
    ],
)
def test_what_is_no_gene(tmp_path, text, message):
    (tmp_path / "genes.bed").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_genes(tmp_path / "genes.bed")


@pytest.mark.parametrize(
    "text",
    [
        "Chromosome\tPosition(bp)\tRate(cM/Mb)\tMap(cM)\nchr2\t100\t0.1\t0\nchr2\t300\t2\t0.5\n",
        "chr position COMBINED_rate(cM/Mb) Genetic_Map(cM)\n2 300 2 0.5\n2 100 .1 0\n",
        "2 . 0 100\n2 . 0.5 300\n",
    ],
)
def test_maps_agree(tmp_path, text):
    (tmp_path / "map").write_text(text)
    expected = {"chromosome": ["2", "2"], "base_pair_location": [100, 300], "cm": [0.0, 0.5]}
    assert read_genetic_map(tmp_path / "map").to_dict("list") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("position rate cM\n1 2 3\n", "has no column of chromosome"),
        ("chr pos cM\n1 2\n", "row 1 is '1 2'"),
        ("chr pos cM\n1 2 x\n", "row 1 is '1 2 x'"),
        ("chr pos cM\n1 10 3\n1 20 2\n", "fall at base pair 20 of chromosome 1"),
    ],
)
def test_what_is_no_map(tmp_path, text, message):
    (tmp_path / "map").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_genetic_map(tmp_path / "map")
