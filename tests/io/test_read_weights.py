"""Files of expression weights: what was written is read, by us and from R, and damage is told."""

import base64
import gzip
import sqlite3
import struct

import numpy as np
import pandas as pd
import pytest

from skgenetics.io._r_objects import data_frame, matrix, save_objects, vector
from skgenetics.io._read_fusion import read_fusion, read_fusion_list
from skgenetics.io._read_predictdb import read_covariances, read_predictdb
from skgenetics.io._read_r_objects import read_r_objects
from skgenetics.io._read_scoring import read_scoring_file
from skgenetics.io._weight_tables import weight_table
from skgenetics.io._write_fusion import write_fusion, write_fusion_list
from skgenetics.io._write_predictdb import write_covariances, write_predictdb

VARIANTS = pd.DataFrame(
    {
        "chromosome": ["22", "22", "22"],
        "base_pair_location": [100, 200, 300],
        "variant_id": ["22_100_C_A", "22_200_G_T", "22_300_G_GA"],
        "rsid": ["rs1", None, "rs3"],
        "effect_allele": ["A", "T", "GA"],
        "other_allele": ["C", "G", "G"],
    }
)
# saved by R 4.2: factors, a sequence, texts of numbers and a sorted vector in their compact forms
OF_R = """
H4sIAAAAAAAAA5VUy47TMBR1nAdtRUMlpPkLInUKiBUtYjSzAiE0oGFVuYkzVMprbKtlOUt+gfmD+QAW7NiynS9A
gjVidiygwYlfTZQKxpLj45v7OHbOzcuDk8ngZAAAsIEDIbBdDoH76vjw3iPALXxjAQf0+TpYn7IgRYws3wEAfW7x
pp8+VOMCyDH9IvYzuf98W9q/Ko9GRjtapnwZ8glrBvXacOlxlwylmHJ8V/qNBFuRgtCxgfsGTqQjlCYHZ5gpzPJi
zNdNq5hDs4IXsqtCniRWkdoz01Y2y5Bu5PASvMIJvQHNRrgbJoiqaJ0zRiHLiWAMfMlg1/ghmaloP8zTgieYLzNG
8VnrrbNAFEvbUJ5ruF1p1hNpZ2/kt/ypK21234dbtm7AeqLAUwWOhKunXDuPqwtAU+gfBY4UOP6fAs3rV1ob1RIQ
Rvh6rNG+RhON7mv0QKOHrcR9kq8DlbwW/Dl/lGX5ZwfHQYQYCmLCQzp4+uEqKDCJc5KiLMSyHx3Vj4+///r4/tvb
6+ml2E9fLJ5dXV/+FllgCUzTyVnZ7cq+3WTQ6PRMyaVYoQTcvLXc5wHLmdGYFbcdErTASYd870Q4xoTgaE75ryc7
Fa97ZUuzI6lZaFLcKnf4NvUNmrpu6lvHgI5DeTQnDEcdpPtrgoo5wfVddVHwt+hWGKqyis7WJ7LkrPw3fwHgN6aO
sQUAAA==
"""
FUNCTION_OF_R = """
H4sIAAAAAAAAAwtyiTDmiuBiYGBgZmBhYmJgZgUyGVhDQ9x0LRiAIkAOIwMLAyeITgMKMAMZf9ElEoHEbyD+B8Rs
yBLaQAKokuk/hGbgAwnaf2CAAZCGfwDYpgVAgwAAAA==
"""


def database(path, weights=None, **extra):
    """Write the weights of two genes."""
    genes = pd.DataFrame(
        {"gene": ["G1", "G2"], "gene_name": ["ONE", ""], "n_variants": [2, 1]}
        | {"cv_r2": [0.25, np.nan], "cv_pvalue": [1e-30, np.nan]}
    )
    if weights is None:
        weights = VARIANTS.assign(gene=["G1", "G1", "G2"], weight=[0.5, -0.125, 2.0])
    write_predictdb(path, genes, weights, build="GRCh38", construction={}, n_samples=358)
    return path


def changed(path, *statements):
    """Run statements on a database."""
    base = sqlite3.connect(path)
    for statement in statements:
        base.execute(statement)
    base.commit()
    base.close()
    return path


def test_databases_go_round(tmp_path):
    file = read_predictdb(database(tmp_path / "blood.db"))
    table = weight_table(file.weights)
    assert file.build == "GRCh38"
    for column in VARIANTS:
        assert table[column].fillna("").tolist() == VARIANTS[column].fillna("").tolist(), column
    assert table["weight"].tolist() == [0.5, -0.125, 2.0]
    assert set(table["tissue"]) == {"blood"}
    genes = file.genes.set_index("gene")
    assert genes.loc["G1", "gene_name"] == "ONE"
    known = genes.loc["G1", ["cv_r2", "cv_pvalue", "n_samples"]].tolist()
    assert known == [0.25, 1e-30, 358]
    assert np.isnan(genes.loc["G2", "cv_r2"])


def test_databases_of_other_makers(tmp_path):
    path = changed(
        tmp_path / "mashr.db",
        "CREATE TABLE weights (gene, rsid, varID, ref_allele, eff_allele, weight)",
        "INSERT INTO weights VALUES ('G1', 'rs1', 'chr1_5_a_g_b37', 'a', 'g', '0.5')",
        "INSERT INTO weights VALUES ('G1', 'NA', '1:7:C:T', 'C', 'T', -1)",
        "INSERT INTO weights VALUES ('G2', 'rs9', 'rs9', 'C', 'T', 2)",
        'CREATE TABLE extra (gene, genename, "pred.perf.R2")',
        "INSERT INTO extra VALUES ('G1', NULL, 'NA'), ('G3', 'no weights', 0.5)",
    )
    file = read_predictdb(path)
    table = weight_table(file.weights)
    assert table["variant_id"].tolist() == ["1_5_A_G", "1_7_C_T", "rs9"]
    assert table["base_pair_location"].isna().tolist() == [False, False, True]
    assert file.build == "GRCh37"
    assert file.genes["gene"].tolist() == ["G1", "G2"]
    assert file.genes["cv_r2"].isna().all()


def test_bad_databases_are_told(tmp_path):
    path = database(tmp_path / "a.db")
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"not a database at all, but words" * 40):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a.db cannot be read as an SQLite database"):
            read_predictdb(path)
    path.write_bytes(whole)
    changed(path, "DELETE FROM weights")
    assert read_predictdb(path).notes == ["a.db holds no weights: its table weights is empty."]
    changed(path, "ALTER TABLE weights DROP COLUMN eff_allele")
    with pytest.raises(ValueError, match="the table 'weights' lacks eff_allele; it has rsid"):
        read_predictdb(path)
    changed(path, "DROP TABLE weights", "CREATE VIEW weights AS SELECT 1")  # runs its own query
    with pytest.raises(ValueError, match="no table 'weights'"):
        read_predictdb(path)
    with pytest.raises(FileNotFoundError, match="no file"):
        read_predictdb(tmp_path / "none.db")
    path = changed(
        database(tmp_path / "b.db"), "UPDATE weights SET varID = 'chr1_5_A_G_b37' WHERE gene = 'G2'"
    )
    with pytest.raises(ValueError, match="of two builds, GRCh38 and GRCh37"):
        read_predictdb(path)


def test_reading_leaves_a_database_as_it_is(tmp_path):
    path = database(tmp_path / "a.db")
    path.chmod(0o444)
    before = path.read_bytes()
    read_predictdb(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.db"]


def test_covariances_go_round(tmp_path):
    weights = read_predictdb(database(tmp_path / "a.db")).weights
    weights["variant_id"] = weight_table(weights)["variant_id"]
    one = np.array([[0.5, -0.1], [-0.1, 0.3]])
    names = ["rs1", "22_200_G_T"]  # as the writer names them
    path = tmp_path / "a.txt.gz"
    write_covariances(path, [("G1", names, one), ("G9", ["rs7"], np.eye(1))])
    covariances = read_covariances(path, weights)
    assert list(covariances) == ["G1"]
    frame = covariances["G1"]
    assert frame.index.tolist() == ["22_100_C_A", "22_200_G_T"]
    np.testing.assert_allclose(frame, one)
    lines = "GENE RSID1 RSID2 VALUE\nG1 chr22_100_C_A_b38 chr22_200_G_T_b38 0.2\nG1 rs1 rs1 NA\n"
    path.write_bytes(gzip.compress(lines.encode()))
    frame = read_covariances(path, weights)["G1"]
    np.testing.assert_allclose(frame, [[np.nan, 0.2], [0.2, np.nan]])
    path.write_bytes(gzip.compress(b"GENE RSID1 VALUE\nG1 rs1 1\n"))
    with pytest.raises(ValueError, match="lacks the column RSID2"):
        read_covariances(path, weights)
    path.write_bytes(gzip.compress(lines.encode())[:-12])
    with pytest.raises(ValueError, match=r"a.txt.gz is a damaged packed file"):
        read_covariances(path, weights)
    path.write_bytes(b"\x88" + lines.encode())
    with pytest.raises(ValueError, match=r"a.txt.gz is not a text file in UTF-8"):
        read_covariances(path, weights)
    path.write_text(lines + "G1 rs1\n")
    with pytest.raises(ValueError, match="row 3 has 2 fields, the header has 4"):
        read_covariances(path, weights)


def fusion(path, **changes):
    """Write the weights of one gene under two models."""
    settings = {
        "r2": [0.1, 0.05],
        "pvalue": [1e-5, 1e-3],
        "heritability": (0.3, 0.05),
        "heritability_pvalue": 1e-4,
        "n_samples": 358,
    }
    weights = np.array([[0.5, 3.25], [0.0, -4.0], [1e-300, 0.5]])
    variants = VARIANTS.assign(variant_id=["rs1", "22:200", "rs3"])
    write_fusion(path, variants, weights, ["enet", "top1"], **(settings | changes))
    return path


def test_genes_of_fusion_go_round(tmp_path):
    file = read_fusion(fusion(tmp_path / "G1.wgt.RDat"))
    assert file.standardized
    assert file.weights["weight"].tolist() == [0.5, 1e-300]
    assert file.weights["rsid"].tolist() == ["rs1", "rs3"]
    assert file.weights["effect_allele"].tolist() == ["A", "GA"]
    assert file.weights["base_pair_location"].tolist() == [100, 300]
    (gene,) = file.genes.to_dict("records")
    assert gene == {
        **{"gene": "G1", "model": "enet", "cv_r2": 0.1, "cv_pvalue": 1e-5, "n_samples": 358.0}
    }
    top = read_fusion(fusion(tmp_path / "G1.wgt.RDat", r2=[0.01, 0.05]))
    assert top.weights["weight"].tolist() == [-4.0]  # one variant, whatever the others have
    enet = read_fusion(tmp_path / "G1.wgt.RDat", model="enet")
    assert enet.weights["weight"].tolist() == [0.5, 1e-300]
    unknown = read_fusion(fusion(tmp_path / "G1.wgt.RDat", r2=[np.nan, np.nan]))
    assert unknown.genes["model"].tolist() == ["enet"]
    with pytest.raises(ValueError, match="no model 'lasso', but enet, top1"):
        read_fusion(tmp_path / "G1.wgt.RDat", model="lasso")


def test_lists_of_fusion(tmp_path):
    folder = tmp_path / "blood"
    folder.mkdir()
    fusion(folder / "G1.wgt.RDat")
    (folder / "G2.wgt.RDat").write_bytes((folder / "G1.wgt.RDat").read_bytes()[:300])
    rows = [
        ("blood", f"blood/{gene}.wgt.RDat", gene, "22", 50, 90, 300) for gene in ("G1", "G2", "G3")
    ]
    table = pd.DataFrame(rows, columns=["PANEL", "WGT", "ID", "CHR", "P0", "P1", "N"])
    write_fusion_list(tmp_path / "blood.pos", table)
    file = read_fusion_list(tmp_path / "blood.pos")
    assert len(file.notes) == 2
    assert "G2.wgt.RDat is a damaged packed file" in file.notes[0]
    assert "no file" in file.notes[1]
    (gene,) = file.genes.to_dict("records")
    assert (gene["gene"], gene["tissue"], gene["start"], gene["end"]) == ("G1", "blood", 50, 90)
    assert set(file.weights["tissue"]) == {"blood"}
    write_fusion_list(tmp_path / "bad.pos", table[1:])
    with pytest.raises(ValueError, match=r"bad.pos: no file that it names could be read: G2"):
        read_fusion_list(tmp_path / "bad.pos")
    (tmp_path / "words.pos").write_text("a b\n1 2\n")
    with pytest.raises(ValueError, match="lacks the column WGT"):
        read_fusion_list(tmp_path / "words.pos")


def test_what_r_itself_saves(tmp_path):
    path = tmp_path / "G7.wgt.RDat"
    path.write_bytes(base64.b64decode(OF_R))
    objects = read_r_objects(path)
    assert objects["label"].values == ["1", "2"]
    assert objects["sorted"].values.tolist() == [1, 2]
    file = read_fusion(path)
    table = file.weights
    assert table["variant_id"].tolist() == ["rs1", "rs3"]
    assert table["effect_allele"].tolist() == ["A", "G"]
    assert table["other_allele"].tolist() == ["G", "A"]
    assert table["base_pair_location"].tolist() == [100, 102]
    assert table["weight"].tolist() == [0.1, 0.2]
    assert table["chromosome"].tolist() == ["22", "22"]


def test_r_files_are_data_and_nothing_else(tmp_path):
    path = tmp_path / "a.wgt.RDat"
    path.write_bytes(base64.b64decode(FUNCTION_OF_R))
    with pytest.raises(ValueError, match="it holds a function, not data"):
        read_r_objects(path)
    head = b"RDX2\nX\n" + struct.pack(">iii", 2, 0x30600, 0x20300)
    pair = struct.pack(">iiii", 2 | 1 << 10, 1, 9, 1) + b"x"
    for kind in (13, 14, 16, 19):  # two thousand million values in no bytes
        path.write_bytes(head + pair + struct.pack(">ii", kind, 2**31 - 1))
        with pytest.raises(ValueError, match="it ends in the middle"):
            read_r_objects(path)
    deep = struct.pack(">ii", 19, 1) * 5000
    path.write_bytes(head + pair + deep)
    with pytest.raises(ValueError, match="too deep"):
        read_r_objects(path)
    path.write_bytes(b"RDA2\nA\n2\n")
    with pytest.raises(ValueError, match="a file of text"):
        read_r_objects(path)
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(ValueError, match="none of R's"):
        read_r_objects(path)


def test_every_truncation_of_an_r_file_is_told(tmp_path):
    path = fusion(tmp_path / "a.wgt.RDat")
    whole = gzip.decompress(path.read_bytes())
    for end in range(8, len(whole), 41):
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match=r"a.wgt.RDat"):
            read_r_objects(path)
    rng = np.random.default_rng(0)
    for _ in range(100):  # damage is told, or changes values alone
        damaged = bytearray(whole)
        damaged[rng.integers(7, len(whole))] = rng.integers(256)
        path.write_bytes(bytes(damaged))
        try:
            read_fusion(path)
        except ValueError as error:
            assert "a.wgt.RDat" in str(error)  # noqa: PT017


def test_matrices_that_do_not_fit_are_told(tmp_path):
    path = tmp_path / "a.wgt.RDat"
    snps = data_frame({f"V{i}": [1] for i in range(1, 7)})
    save_objects(path, {"wgt.matrix": matrix(np.ones((2, 1)), ["a", "b"], ["enet"]), "snps": snps})
    with pytest.raises(ValueError, match="weights of 2 variants, and a table of 1"):
        read_fusion(path)
    save_objects(path, {"wgt.matrix": vector([1.0, 2.0]), "snps": snps})
    with pytest.raises(ValueError, match="a vector where a matrix is expected"):
        read_fusion(path)
    save_objects(path, {"snps": snps})
    with pytest.raises(ValueError, match=r"has no wgt.matrix: .* it has snps"):
        read_fusion(path)


def test_scoring_files(tmp_path):
    path = tmp_path / "PGS000001_hmPOS_GRCh38.txt"
    path.write_text(
        "###PGS CATALOG SCORING FILE\n#pgs_id=PGS000001\n#pgs_name=PRS77\n#genome_build=GRCh37\n"
        "#weight_type=beta\n#HmPOS_build=GRCh38\n"
        "rsID\tchr_name\tchr_position\teffect_allele\tother_allele\teffect_weight\thm_chr\thm_pos\n"
        "rs1\t1\t100\tA\tG\t0.5\t1\t90\nrs2\t1\t200\tC\t\t-0.25\t\t\n"
    )
    file = read_scoring_file(path)
    table = weight_table(file.weights)
    assert file.build == "GRCh38"
    assert file.genes["gene"].tolist() == ["PGS000001"]
    assert table["weight"].tolist() == [0.5, -0.25]
    assert table["base_pair_location"].fillna(0).tolist() == [90, 0]
    assert table["variant_id"].tolist() == ["1_90_G_A", "rs2"]
    text = path.read_text()
    path.write_text(text.replace("type=beta", "type=OR"))
    with pytest.raises(ValueError, match="does not add up"):
        read_scoring_file(path)
    path.write_text(text[:-9])
    with pytest.raises(ValueError, match="row 2 of the table has another number of fields"):
        read_scoring_file(path)
    path.write_text(text.replace("hm_chr", "is_recessive").replace("0.5\t1", "0.5\tTRUE"))
    with pytest.raises(ValueError, match="is_recessive is true of 1 weights"):
        read_scoring_file(path)
    path.write_text("a\tb\n1\t2\n")
    with pytest.raises(ValueError, match="no scoring file of the PGS Catalog: it lacks effect_all"):
        read_scoring_file(path)
