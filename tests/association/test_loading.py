"""Weights of files of any kind predict alike."""

import sqlite3

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
    assert load_weights(tmp_path / "blood.db").covariances == {}
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
    folder_of_databases(tmp_path)
    write_covariances(tmp_path / "other.txt.gz", [("G9", ["rs7"], np.eye(1))])
    with pytest.raises(ValueError, match=r"other.txt.gz has none of the 2 genes of .*, such as G1"):
        load_weights(tmp_path, covariance=tmp_path / "other.txt.gz")
