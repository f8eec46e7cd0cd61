"""Weights of files of any kind predict alike."""

import shutil
import sqlite3
import subprocess

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from skgenetics.association import ExpressionWeights, GeneModel, load_weights
from skgenetics.io import (
    SavedModel,
    write_covariances,
    write_fusion,
    write_model,
    write_predictdb,
)

TABLE = pd.DataFrame(
    {
        "chromosome": "1",
        "base_pair_location": [10, 20, 30, 40],
        "effect_allele": list("ACGT"),
        "other_allele": list("GTAC"),
        "rsid": ["rs1", "rs2", "rs3", None],
    }
)
NAMES = ["1_10_G_A", "1_20_T_C", "1_30_A_G", "1_40_C_T"]
X = pd.DataFrame(np.random.default_rng(0).integers(0, 3, (30, 4)), columns=NAMES)


def folder_of_databases(folder):
    """Write two tissues and the covariances of both."""
    models = {"blood": {"G1": [1, 2, 0, 0], "G2": [0, 0, 0.5, 1]}, "liver": {"G1": [0, 1, -1, 0]}}
    collected = []
    for tissue, genes in models.items():
        for gene, weight in genes.items():
            rows = np.flatnonzero(weight)
            kept = np.array(weight, dtype=float)[rows]
            collected.append(GeneModel(gene, TABLE.iloc[rows], kept, tissue=tissue, cv_r2=0.1))
    weights = ExpressionWeights.from_models(collected, build="GRCh38")
    for tissue in models:
        genes, table = (
            frame[frame["tissue"] == tissue] for frame in (weights.genes, weights.weights)
        )
        write_predictdb(
            folder / f"{tissue}.db", genes, table, build="GRCh38", construction={}, n_samples=30
        )
    matrix = X.cov().to_numpy()
    labels = ["rs1", "rs2", "rs3", NAMES[3]]
    pairs = [("G1", labels[:3], matrix[:3, :3]), ("G2", labels[2:], matrix[2:, 2:])]
    write_covariances(folder / "covariance.txt.gz", pairs)
    return weights


def test_a_folder_of_databases_is_what_was_written(tmp_path):
    weights = folder_of_databases(tmp_path)
    read = load_weights(tmp_path)
    assert read.build == "GRCh38"
    pd.testing.assert_frame_equal(read.predict(X), weights.predict(X))
    assert read.tissues == ["blood", "liver"]
    matrix = read.covariances["G1"].loc[NAMES[:3], NAMES[:3]]
    np.testing.assert_allclose(matrix, X.cov().iloc[:3, :3])
    found = read.matching(X.iloc[:, 1:])
    assert found["n_found"].tolist() == [1, 2, 2]
    assert found["r_used"].between(0.5, 1).all()
    one = load_weights(tmp_path / "blood.db", covariance=tmp_path / "covariance.txt.gz")
    assert one.predict(X).columns.tolist() == ["G1", "G2"]
    beside = load_weights(tmp_path / "blood.db")
    pd.testing.assert_frame_equal(beside.covariances["G1"], one.covariances["G1"])
    folder = load_weights(tmp_path / "blood.db", covariance=tmp_path)
    pd.testing.assert_frame_equal(folder.covariances["G1"], one.covariances["G1"])


def test_fusion_and_saved_models(tmp_path):
    write_fusion(
        tmp_path / "G1.wgt.RDat",
        TABLE.assign(variant_id=NAMES),
        np.array([[1.0], [0], [0.5], [0]]),
        ["enet"],
        r2=[0.1],
        pvalue=[0.01],
        heritability=(0.1, 0.1),
        heritability_pvalue=0.1,
        n_samples=30,
    )
    scaled = (X - X.mean()) / X.std(ddof=0)
    for path in (tmp_path, tmp_path / "G1.wgt.RDat"):
        predicted = load_weights(path).predict(X)
        np.testing.assert_allclose(predicted["G1"], scaled @ [1, 0, 0.5, 0], atol=1e-12)
    age = np.linspace(-1, 1, 30)[:, None]
    y = X.to_numpy() @ [1, 0, -1, 2] + age[:, 0]
    model = LinearRegression().fit(np.hstack([X, age]), y)
    saved = SavedModel(model, TABLE.assign(variant_id=NAMES), ["height"], 1, build="GRCh37")
    write_model(tmp_path / "height.skops", saved)
    read = load_weights(tmp_path / "height.skops")
    assert read.build == "GRCh37"
    np.testing.assert_allclose(read.predict(X)["height"], X @ [1, 0, -1, 2], atol=1e-10)


def test_a_tissue_without_weights_is_left_out(tmp_path):
    weights = folder_of_databases(tmp_path)
    base = sqlite3.connect(tmp_path / "liver.db")
    base.execute("DELETE FROM weights")
    base.commit()
    base.close()
    with pytest.warns(UserWarning, match=r"liver.db holds no weights"):
        read = load_weights(tmp_path)
    assert read.tissues == ["blood"]
    assert len(read) == len(weights) - 1
    with pytest.raises(ValueError, match=r"liver.db holds no weights"):
        load_weights(tmp_path / "liver.db")


def test_what_holds_no_weights_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        load_weights(tmp_path / "none.db")
    with pytest.raises(ValueError, match="holds no weights"):
        load_weights(tmp_path)
    (tmp_path / "a.vcf").write_text("")
    with pytest.raises(ValueError, match="ends as no file of weights does"):
        load_weights(tmp_path / "a.vcf")
    (tmp_path / "a.pkl").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    with pytest.raises(ValueError, match=r"a.pkl is a pickle, .*Weights are read from .skops"):
        load_weights(tmp_path / "a.pkl")
    folder_of_databases(tmp_path)
    write_covariances(tmp_path / "other.txt.gz", [("G9", ["rs7"], np.eye(1))])
    with pytest.raises(ValueError, match=r"other.txt.gz has none of the 2 genes of .*, such as G1"):
        load_weights(tmp_path, covariance=tmp_path / "other.txt.gz")


@pytest.fixture
def published(shared):
    folder = shared / "data" / "weight_files"
    if not folder.is_dir():
        pytest.skip(f"needs the example files of MetaXcan and cTWAS: {folder}")
    return folder


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:TW_Pituitary_0.5.db holds no weights")
def test_published_databases_are_read(published):
    databases = sorted(published.rglob("*.db"))
    assert len(databases) == 52
    for path in databases:
        with sqlite3.connect(path) as base:
            rows = base.execute("SELECT gene, weight FROM weights").fetchall()
        if not rows:
            with pytest.raises(ValueError, match="its table weights is empty"):
                load_weights(path)
            continue
        found = load_weights(path).weights
        assert sorted(zip(found["gene"], found["weight"])) == sorted(rows)
    tissues = load_weights(
        published / "metaxcan" / "dbs_3", covariance=published / "metaxcan" / "cov_3"
    )
    assert len(tissues.tissues) == 43
    assert set(tissues.covariances) == set(tissues.genes["gene"])


@pytest.mark.slow
def test_published_genes_of_fusion_are_read_as_r_reads_them(published):
    if shutil.which("Rscript") is None:
        pytest.skip("needs R")
    folder = published / "ctwas" / "example_fusion_weights"
    program = (
        "for (f in commandArgs(TRUE)) { load(f); m <- wgt.matrix[, 'enet']; m <- m[m != 0];"
        "cat(sprintf('%s %s %.12g\\n', basename(f), names(m), m), sep = '') }"
    )
    files = sorted(map(str, folder.rglob("*.wgt.RDat")))
    printed = subprocess.run(
        ["Rscript", "-e", program, *files], capture_output=True, text=True, check=True
    ).stdout
    expected = {}
    for line in printed.splitlines():
        name, variant, weight = line.split()
        expected[name.split(".")[1], variant] = float(weight)
    found = load_weights(folder / "Tissue.pos", model="enet").weights
    names = zip(found["gene"], found["rsid"])
    assert dict(zip(names, found["weight"])) == pytest.approx(expected)
