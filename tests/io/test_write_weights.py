"""Files of expression weights, read back by SQLite, by R and by readers of R's files."""

import gzip
import shutil
import sqlite3
import subprocess

import numpy as np
import pandas as pd
import pytest

from skgenetics.io._r_objects import data_frame, matrix, save_objects, vector
from skgenetics.io._write_fusion import write_fusion, write_fusion_list
from skgenetics.io._write_predictdb import write_covariances, write_predictdb

VARIANTS = pd.DataFrame(
    {
        "chromosome": ["22", "22", "22"],
        "base_pair_location": [100, 200, 300],
        "variant_id": ["rs1", "22_200_G_T", "rs3é"],
        "rsid": ["rs1", None, "rs3é"],
        "effect_allele": ["A", "T", "GA"],
        "other_allele": ["C", "G", "G"],
    }
)
WEIGHTS = np.array([[0.5, 3.25], [-0.125, -4.0], [1e-300, 0.0]])


def predictdb(path):
    genes = pd.DataFrame(
        {
            "gene": ["ENSG1", "ENSG2"],
            "gene_name": ["ABC1", ""],
            "n_variants": [2, 1],
            "cv_r2": [0.25, np.nan],
            "cv_pvalue": [1e-30, np.nan],
        }
    )
    weights = VARIANTS.assign(gene=["ENSG1", "ENSG1", "ENSG2"], weight=[0.5, -0.125, 2.0])
    write_predictdb(
        path,
        genes,
        weights,
        build="GRCh38",
        construction={"seed": 3},
        n_samples=358,
        population="EUR",
    )


def test_predictdb_holds_what_was_given(tmp_path):
    predictdb(tmp_path / "blood.db")
    assert [path.name for path in tmp_path.iterdir()] == ["blood.db"]
    base = sqlite3.connect(tmp_path / "blood.db")
    query = "SELECT rsid, varID, gene, weight, ref_allele, eff_allele FROM weights"
    assert base.execute(query).fetchall() == [
        ("rs1", "chr22_100_C_A_b38", "ENSG1", 0.5, "C", "A"),
        ("22_200_G_T", "chr22_200_G_T_b38", "ENSG1", -0.125, "G", "T"),
        ("rs3é", "chr22_300_G_GA_b38", "ENSG2", 2.0, "G", "GA"),
    ]
    query = 'SELECT gene, genename, "n.snps.in.model", "pred.perf.R2", "pred.perf.pval", '
    query += '"pred.perf.qval", gene_type FROM extra'
    assert base.execute(query).fetchall() == [
        ("ENSG1", "ABC1", 2, 0.25, 1e-30, None, None),
        ("ENSG2", "", 1, None, None, None, None),
    ]
    assert base.execute("SELECT * FROM sample_info").fetchall() == [(358, "EUR")]
    assert base.execute("SELECT * FROM construction").fetchall() == [("seed", "3")]
    indexed = base.execute("SELECT sql FROM sqlite_master WHERE type = 'index'").fetchall()
    columns = {sql.partition(" ON ")[2] for (sql,) in indexed}
    assert {"weights (rsid)", "weights (gene)", "weights (rsid, gene)"} <= columns
    base.close()


def test_failure_leaves_no_database(tmp_path):
    with pytest.raises(KeyError):
        write_predictdb(
            tmp_path / "a.db",
            pd.DataFrame({"gene": ["G"]}),
            VARIANTS,
            build=None,
            construction={},
            n_samples=1,
        )
    assert list(tmp_path.iterdir()) == []


def test_covariances_are_the_upper_triangle(tmp_path):
    path = tmp_path / "covariance.txt.gz"
    X = np.random.default_rng(0).binomial(2, 0.3, size=(50, 3))
    S = np.cov(X, rowvar=False)
    write_covariances(path, [("G1", ["a", "b", "c"], S), ("G2", ["c"], S[2:, 2:])])
    frame = pd.read_csv(path, sep=" ")
    assert frame.columns.tolist() == ["GENE", "RSID1", "RSID2", "VALUE"]
    pairs = ["aa", "ab", "ac", "bb", "bc", "cc", "cc"]
    assert (frame["RSID1"] + frame["RSID2"]).tolist() == pairs
    expected = [*S[np.triu_indices(3)], S[2, 2]]
    np.testing.assert_allclose(frame["VALUE"], expected, rtol=1e-9)
    first = path.read_bytes()
    write_covariances(path, [("G1", ["a", "b", "c"], S), ("G2", ["c"], S[2:, 2:])])
    assert path.read_bytes() == first


@pytest.fixture
def fusion(tmp_path):
    path = tmp_path / "G.wgt.RDat"
    write_fusion(
        path,
        VARIANTS,
        WEIGHTS,
        ["enet", "top1"],
        r2=[0.2, 0.1],
        pvalue=[1e-20, 1e-9],
        heritability=(0.3, 0.05),
        heritability_pvalue=1e-8,
        n_samples=358,
    )
    return path


def test_rdata_reads_the_weights_of_fusion(fusion):
    rdata = pytest.importorskip("rdata")
    objects = rdata.read_rda(fusion)
    weights = objects["wgt.matrix"]
    np.testing.assert_array_equal(weights.values, WEIGHTS)
    assert [list(names) for names in weights.coords.values()] == [
        ["rs1", "22_200_G_T", "rs3é"],
        ["enet", "top1"],
    ]
    assert objects["snps"].columns.tolist() == ["V1", "V2", "V3", "V4", "V5", "V6"]
    assert objects["snps"]["V4"].tolist() == [100, 200, 300]
    assert objects["snps"]["V5"].tolist() == ["A", "T", "GA"]
    np.testing.assert_array_equal(objects["cv.performance"].values, [[0.2, 0.1], [1e-20, 1e-9]])
    assert objects["hsq"].tolist() == [0.3, 0.05]
    assert objects["N.tot"].tolist() == [358]


def test_pyreadr_reads_the_variants_of_fusion(fusion):
    pyreadr = pytest.importorskip("pyreadr")
    snps = pyreadr.read_r(fusion)["snps"]
    assert snps["V2"].tolist() == ["rs1", "22_200_G_T", "rs3é"]
    assert snps["V1"].tolist() == [22, 22, 22]


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs R")
def test_r_reads_the_weights_of_fusion(fusion):
    code = f"""
load("{fusion}")
stopifnot(identical(dim(wgt.matrix), c(3L, 2L)), wgt.matrix["22_200_G_T", "top1"] == -4)
stopifnot(wgt.matrix["rs1", "enet"] == .5, is.data.frame(snps), nrow(snps) == 3)
stopifnot(identical(snps[, 1], rep(22L, 3)), identical(snps$V4, c(100L, 200L, 300L)))
stopifnot(identical(snps$V6, c("C", "G", "G")), cv.performance["pval", "enet"] == 1e-20)
stopifnot(identical(hsq, c(.3, .05)), hsq.pv == 1e-8, identical(N.tot, 358L))
stopifnot(which.max(cv.performance[1, ]) == 1, Encoding(snps[3, 2]) == "UTF-8")
stopifnot(length(ls()) == 6)
cat("read")
"""
    done = subprocess.run(["Rscript", "-e", code], capture_output=True, text=True)
    assert done.stdout == "read", done.stderr


def test_objects_of_r_by_their_bytes(tmp_path):
    """The format by hand, so that it is checked where no reader is installed."""
    assert vector([7]).hex() == "0000000d0000000100000007"
    assert vector([0.5]).hex() == "0000000e000000013fe0000000000000"
    assert vector(["a"]).hex() == "0000001000000001000400090000000161"
    assert matrix(np.zeros((1, 1)), ["a"], ["b"])[:4].hex() == "0000020e"
    assert data_frame({"x": [1]})[:4].hex() == "00000313"
    save_objects(tmp_path / "a.RData", {"x": vector([7])})
    content = gzip.decompress((tmp_path / "a.RData").read_bytes())
    assert content.startswith(b"RDX2\nX\n")
    assert content[-4:].hex() == "000000fe"


def test_chromosomes_of_letters_stay_text(tmp_path):
    rdata = pytest.importorskip("rdata")
    path = tmp_path / "G.wgt.RDat"
    write_fusion(
        path,
        VARIANTS.assign(chromosome="X"),
        WEIGHTS,
        ["enet", "top1"],
        r2=[0.2, 0.1],
        pvalue=[1e-20, 1e-9],
        heritability=(np.nan, np.nan),
        heritability_pvalue=np.nan,
        n_samples=358,
    )
    assert rdata.read_rda(path)["snps"]["V1"].tolist() == ["X", "X", "X"]


def test_list_of_fusion(tmp_path):
    rows = pd.DataFrame(
        {
            "PANEL": ["blood"],
            "WGT": ["blood/G.wgt.RDat"],
            "ID": ["G"],
            "CHR": ["22"],
            "P0": [1000],
            "P1": [2000],
            "N": [358],
        }
    )
    write_fusion_list(tmp_path / "blood.pos", rows)
    assert (tmp_path / "blood.pos").read_text() == (
        "PANEL\tWGT\tID\tCHR\tP0\tP1\tN\nblood\tblood/G.wgt.RDat\tG\t22\t1000\t2000\t358\n"
    )
