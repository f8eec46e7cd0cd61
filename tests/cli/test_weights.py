"""``skgenetics weights``: from files to the files of PredictDB and FUSION."""

import contextlib
import gzip
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skgenetics.association import load_weights
from tests.cli.conftest import N_PEOPLE, killing_a_worker

FILES = "--bfile study --pheno liver.bed.gz blood.bed --build GRCh38 --window 4000 --out w"
FAST = FILES + " --covar covariates.csv --model enet"


def write_expression(path, genes, people, values):
    """Write a BED of expression; genes have a name, a chromosome and a position from 1."""
    lines = ["\t".join(["#chr", "start", "end", "gene_id", *people])]
    for (name, chromosome, position), row in zip(genes, values, strict=True):
        numbers = ["NA" if np.isnan(y) else f"{y:.10g}" for y in row]
        place = [chromosome, str(position - 1), str(position), name]
        lines.append("\t".join(place + numbers))
    text = ("\n".join(lines) + "\n").encode()
    Path(path).write_bytes(gzip.compress(text) if path.endswith(".gz") else text)


@pytest.fixture
def expression(study):
    """liver.bed.gz and blood.bed beside the study: G1 is driven by variant 5, G2 by nothing."""
    rng = np.random.default_rng(3)
    X, C = study["X"], study["C"]
    signal = X[:, 5] + 0.5 * C[:, 0]
    liver = np.stack([signal + 0.7 * rng.normal(size=N_PEOPLE), rng.normal(size=N_PEOPLE)])
    blood = np.stack([-signal + rng.normal(size=N_PEOPLE), rng.normal(size=N_PEOPLE)])
    genes = [("G1", "chr1", 6000), ("G2", "chr1", 9000)]
    order = rng.permutation(N_PEOPLE)
    write_expression("liver.bed.gz", genes, [f"I{i}" for i in order], liver[:, order])
    order = rng.permutation(N_PEOPLE)[:80]
    write_expression("blood.bed", genes, [f"I{i}" for i in order], blood[:, order])
    write_expression("far.bed", [("G1", "chr2", 6000)], [f"I{i}" for i in range(90)], liver[:1])
    return study | {"liver": liver, "blood": blood}


def genes_table():
    return pd.read_csv("w/genes.tsv", sep="\t", comment="#").set_index(["gene", "tissue"])


def test_weights_are_written_for_predixcan_and_fusion(expression, weights):
    status, out, err = weights(text=FAST)
    assert status == 0, err
    assert "liver: 90 people, 2 covariates" in out
    assert "blood: 80 people, 2 covariates" in out
    genes = genes_table()
    assert genes["kept"].to_dict() == {
        ("G1", "liver"): True,
        ("G1", "blood"): True,
        ("G2", "liver"): False,
        ("G2", "blood"): False,
    }
    assert genes.loc[("G1", "liver"), "n_variants"] == 9  # within 4,000 base pairs of 6,000
    loaded = load_weights("w")
    assert loaded.tissues == ["blood", "liver"]
    liver = loaded.weights[loaded.weights["tissue"] == "liver"].set_index("rsid")["weight"]
    assert liver.idxmax() == "rs5"
    fusion = load_weights("w/fusion").weights
    fusion = fusion[fusion["tissue"] == "liver"].set_index("variant_id")["weight"]
    fusion = fusion[fusion != 0]
    sd = expression["X"].std(axis=0)
    ratio = fusion / liver / [sd[int(name[2:])] for name in fusion.index]
    np.testing.assert_allclose(ratio, ratio.iloc[0], rtol=0.02)  # 1 / SD of expression
    with sqlite3.connect("w/unfiltered/liver.db") as base:
        assert base.execute("SELECT count(*) FROM extra").fetchone() == (2,)
        assert (
            base.execute("SELECT DISTINCT varID FROM weights LIMIT 1").fetchone()[0][:5] == "chr1_"
        )


def test_covariances_are_of_the_dosages(expression, weights):
    assert weights(text=FAST)[0] == 0
    table = pd.read_csv("w/covariance.txt.gz", sep=" ")
    expected = np.cov(expression["X"], rowvar=False)
    for row in table.to_dict("records"):
        i, j = int(row["RSID1"][2:]), int(row["RSID2"][2:])
        assert row["VALUE"] == pytest.approx(expected[i, j])
    assert len(table[table["GENE"] == "G1"]) >= 1


def test_performance_is_that_of_people_not_used(expression, weights):
    """The squared correlation over folds of least squares, within what a fold may differ by."""
    assert weights(text=FAST)[0] == 0
    found = genes_table().loc[("G1", "liver")]
    C, x, y = expression["C"], expression["X"][:, 5], expression["liver"][0]
    design = np.column_stack([np.ones(N_PEOPLE), C])
    hat = design @ np.linalg.pinv(design)
    r = np.corrcoef(x - hat @ x, y - hat @ y)[0, 1]
    assert found["rho"] == pytest.approx(r, abs=0.1)
    assert found["r2"] == pytest.approx(found["rho"] ** 2, rel=1e-5)
    assert found["h2"] == pytest.approx(r**2, abs=0.25)


@pytest.mark.slow
def test_models_are_mixed(expression, weights):
    status, out, err = weights(text=FILES + " --covar covariates.csv --pheno-name G1 --folds 3")
    assert status == 0, err
    genes, models = genes_table(), ["finemap-gibbs", "mmash", "enet"]
    shares = genes[[f"share_{name}" for name in models]]
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert (shares >= 0).all(axis=None)
    best = genes[[f"held_out_r2_{name}" for name in models]].max(axis=1)
    assert (genes["held_out_r2"] > best - 0.1).all()
    assert "mean shares finemap-gibbs" in out


@pytest.mark.parametrize(
    "model", ["finemap", "mmash", pytest.param("milage-cis", marks=pytest.mark.slow)]
)
def test_other_models(expression, weights, model):
    words = f" --covar covariates.csv --pheno-name G1 --folds 3 --model {model} --format predictdb"
    status, _, err = weights(text=FILES + words)
    assert status == 0, err
    assert (genes_table()["rho"] > 0.3).all()
    assert (
        load_weights("w")
        .weights.groupby("tissue")["weight"]
        .apply(lambda w: w.abs().max() > 0.3)
        .all()
    )


def test_same_seed_same_files(expression, weights):
    assert weights(text=FAST)[0] == 0
    names = ["covariance.txt.gz", "fusion/liver/G1.wgt.RDat", "fusion/liver.pos"]
    first = [Path("w", name).read_bytes() for name in names]
    assert weights(text=FAST)[0] == 0
    assert [Path("w", name).read_bytes() for name in names] == first


def test_only_databases_of_an_earlier_run_are_replaced(expression, weights, monkeypatch):
    assert weights(text=FAST)[0] == 0
    one = FAST.replace("blood.bed", "").replace(" --out w", "")
    monkeypatch.chdir("w")
    for name in ("study", "liver.bed.gz", "covariates.csv"):
        one = one.replace(name, f"../{name}")
    status, _, err = weights(text=one + " --out .")
    assert status == 0, err
    assert [path.name for path in Path().glob("*.db")] == ["liver.db"]  # no longer blood.db
    Path("Whole_Blood.db").write_bytes(b"another's")
    status, _, err = weights(text=one + " --out .")
    assert status == 2
    assert "databases that are not of an earlier run (Whole_Blood.db)" in err
    assert Path("Whole_Blood.db").read_bytes() == b"another's"


def test_one_bad_gene_and_resuming(expression, weights, monkeypatch):
    from skgenetics.cli.weights import work

    trained = []

    def failing(data, *args, **kwargs):
        trained.append(data.dosages.shape[1])
        if len(trained) == 1:
            raise ValueError("the chip\nwas wet")
        return train_gene(data, *args, **kwargs)

    train_gene = work.train_gene
    monkeypatch.setattr(work, "train_gene", failing)
    status, out, err = weights(text=FAST)
    assert status == 3
    assert "Failed: G1: ValueError: the chip was wet" in err
    assert "w.parts" in out
    assert genes_table()["status"].to_dict()["G1", "liver"] == "failed"
    status, out, err = weights(text=FAST)
    assert status == 0, err
    assert len(trained) == 3  # G2 of the first run was kept
    assert genes_table().loc[("G1", "liver"), "kept"]
    assert not Path("w.parts").exists()


def test_covariates_of_a_tissue(expression, weights):
    C = expression["C"]
    lines = ["IID,factor"] + [f"I{i},{C[i, 0]:.10g}" for i in range(60)]
    Path("liver.csv").write_text("\n".join(lines) + "\n")
    text = FILES + " --model enet --covar covariates.csv liver=liver.csv"
    status, out, err = weights(text=text)
    assert status == 0, err
    assert "liver: 60 people, 3 covariates; 30 more lack a covariate" in out
    assert "blood: 80 people, 2 covariates\n" in out
    assert genes_table().loc[("G1", "liver"), "n_people"] == 60


def test_shared_covariates_are_equal_in_all_tissues():
    from skgenetics.cli.tissues import shared_covariates

    one = pd.DataFrame({"pc": [1.0, 2.0, np.nan], "peer": [1.0, 1.0, 1.0]})
    two = pd.DataFrame({"pc": [np.nan, 2.0, 3.0], "peer": [2.0, 1.0, 1.0], "age": [1.0, 2.0, 3.0]})
    np.testing.assert_array_equal(shared_covariates([one, two]), [[1.0], [2.0], [3.0]])
    assert shared_covariates([one[[]], two]).shape == (3, 0)


def test_genes_without_variants_or_people_are_skipped(expression, weights):
    genes = [("G1", "chr1", 6000), ("FAR", "chr1", 10**6), ("FLAT", "chr1", 6000)]
    rng = np.random.default_rng(0)
    rare = np.full(N_PEOPLE, np.nan)
    rare[:10] = rng.normal(size=10)
    values = [expression["liver"][0], rng.normal(size=N_PEOPLE), np.ones(N_PEOPLE), rare]
    people = [f"I{i}" for i in range(N_PEOPLE)]
    write_expression("liver.bed", [*genes, ("RARE", "chr1", 6000)], people, values)
    text = "--bfile study --pheno liver.bed --build 38 --window 4000 --out w --model enet"
    status, out, err = weights(text=text)
    assert status == 0, err
    assert "3 genes skipped" in out
    message = genes_table()["message"].to_dict()
    assert "no variant" in message["FAR", "liver"]
    assert message["FLAT", "liver"] == "expression is the same in everyone"
    assert "10 people are too few" in message["RARE", "liver"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "needs data"),
        ("--bfile study", "--pheno is missing"),
        ("--pheno liver.bed.gz", "genotypes are missing"),
        ("--bfile study --pheno liver.bed.gz", "--build is missing"),
        ("--demo --pheno liver.bed.gz", "leave out --pheno"),
        (FILES + " --format vcf", "must be of predictdb, fusion"),
        (FILES + " --covar lung=covariates.csv", "there is no tissue 'lung'"),
        (FILES + " --covar covariates.csv covariates.csv", "the covariate age twice"),
        (FILES.replace("blood.bed", "traits.tsv"), "not a BED file of expression"),
        (FILES.replace("blood.bed", "liver.bed.gz"), "two of them are equal"),
        (FILES.replace("liver.bed.gz blood.bed", "far.bed"), "are chromosomes and build the same?"),
        (FILES + " --pheno-name G9", "Gene G9"),
        (FILES + " --maf 0.4999", "No gene could be trained"),
        (FILES + " --folds 40", "folds need at least 160"),
        (FILES.replace("--out w", "--out traits.tsv"), "is a file"),
        (FILES.replace("--bfile study", "--bfile nothing"), "nothing"),
    ],
)
def test_bad_input_is_one_sentence(expression, weights, tmp_path, words, message):
    before = sorted(tmp_path.iterdir())
    status, out, err = weights(text=words)
    assert status == 2, out + err
    assert message in err
    assert "Traceback" not in err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_weights_are_trained_on_a_cluster_whose_worker_ends(expression, weights, cluster):
    found = []
    for scheduler in ("", f" --scheduler {cluster.scheduler_address}"):
        with killing_a_worker(cluster) if scheduler else contextlib.nullcontext():
            status, _, errors = weights(text=FAST + scheduler)
        assert status == 0, errors
        assert not Path("w.parts").exists()
        names = ["covariance.txt.gz", "fusion/liver/G1.wgt.RDat", "fusion/liver.pos"]
        found.append([Path("w", name).read_bytes() for name in names])
    assert found[0] == found[1]
