"""Models of several traits at once, expression in tissues, and the readers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import KFold

from skgenetics import MMASHRegressor
from skgenetics.cli.compare.models import MODELS, ModelEntry
from skgenetics.cli.compare.tasks import Genes, make_tasks
from skgenetics.cli.compare.work import Fit, fit_and_score, score_traits
from skgenetics.io import read_model, read_plink
from tests.cli.conftest import N_PEOPLE, N_VARIANTS
from tests.oracles.bgen import write_bgen

pd = pytest.importorskip("pandas")

PEOPLE = [f"I{i}" for i in range(N_PEOPLE)]
FOLDS = [f"fold_{k}" for k in range(1, 6)]


def write_two_traits(study, seed=0):
    """Write two.csv: height and a correlated weight with holes; return the values."""
    rng = np.random.default_rng(seed)
    Y = np.column_stack([study["y"], 20 * study["y"] + 30 * rng.normal(size=N_PEOPLE)])
    Y[rng.permutation(N_PEOPLE)[:20], 1] = np.nan
    Y[7] = np.nan
    Y[4, 0] = np.nan
    pd.DataFrame(Y, pd.Index(PEOPLE, name="IID"), ["height", "weight"]).to_csv("two.csv")
    return Y


def residuals(C_train, a_train, C_test, a_test):
    """Residuals of columns on covariates, each on its observed training people."""
    train, test = np.empty_like(a_train), np.empty_like(a_test)
    for j in range(a_train.shape[1]):
        seen = np.isfinite(a_train[:, j])
        model = LinearRegression().fit(C_train[seen], a_train[seen, j])
        train[:, j] = a_train[:, j] - model.predict(C_train)
        test[:, j] = a_test[:, j] - model.predict(C_test)
    return train, test


def test_scores_of_a_joint_model_are_those_by_hand(study, compare):
    Y = write_two_traits(study)
    status, printed, errors = compare(
        text="--bfile study --pheno two.csv --covar covariates.csv --out run --seed 2 "
        "--models RidgeCV MMASHRegressor"
    )
    assert status == 0, errors
    assert "1 more have no value in any trait" in printed
    used = np.isfinite(Y).any(axis=1)
    X, C, Y = (a[used].astype(float) for a in (study["X"], study["C"], Y))
    expected = []
    for train, test in KFold(5, shuffle=True, random_state=2).split(X):
        X1, X2 = residuals(C[train], X[train], C[test], X[test])
        Y1, Y2 = residuals(C[train], Y[train], C[test], Y[test])
        error = Y2 - MMASHRegressor().fit(X1, Y1).predict(X2)
        expected.append(1 - np.nansum(error**2, axis=0) / np.nansum(Y2**2, axis=0))
    table = pd.read_csv("run/comparison.csv").set_index(["model", "target"])
    got = table.loc["MMASHRegressor", FOLDS].to_numpy(dtype=float)
    np.testing.assert_allclose(got.T, expected, atol=2e-6)
    assert table.loc["MMASHRegressor", "n_people"].tolist() == np.isfinite(Y).sum(axis=0).tolist()
    assert table["n_traits"].tolist() == [1, 2, 1, 2]
    gain = table.loc["MMASHRegressor", FOLDS] - table.loc["RidgeCV", FOLDS]
    row = pd.read_csv("run/differences.csv").iloc[0]
    np.testing.assert_allclose(row[FOLDS].astype(float), gain.mean(), atol=1e-6)


def joint_task(study, binary):
    """The joint task of two traits of the small study, with holes."""
    rng = np.random.default_rng(5)
    Y = np.column_stack([study["case"], rng.permutation(study["case"])]).astype(float)
    if not binary:
        Y = np.column_stack([study["y"], rng.normal(size=N_PEOPLE)])
    Y[rng.permutation(N_PEOPLE)[:10], 1] = np.nan
    genotypes = read_plink("study")
    phenotypes = pd.DataFrame(Y, genotypes.samples, ["a", "b"])
    covariates = pd.DataFrame(study["C"], genotypes.samples, ["age", "pc"])
    _, (task,) = make_tasks(genotypes, phenotypes, covariates, n_folds=3, seed=0)
    return task


@pytest.mark.parametrize("binary", [False, True])
def test_no_model_sees_the_traits_of_the_people_it_is_tested_on(study, binary, monkeypatch):
    import skgenetics.cli.compare.work as module

    seen = []
    monkeypatch.setattr(
        module,
        "score_traits",
        lambda *arguments: (seen.append(arguments[-1]), score_traits(*arguments))[1],
    )
    task = joint_task(study, binary)
    test = task.fold == 1
    rng = np.random.default_rng(0)
    for model in task.models(MODELS):
        seen.clear()
        before = task.y.copy()
        assert fit_and_score(None, Fit(task, model, 1, 0), 0).error is None
        task.y[test] = rng.permutation(task.y[test])  # rows and columns, holes too
        task.y[test] = task.y[test][:, ::-1]
        assert fit_and_score(None, Fit(task, model, 1, 0), 0).error is None
        task.y[~test, 0] = rng.permutation(task.y[~test, 0])
        fit_and_score(None, Fit(task, model, 1, 0), 0)
        task.y[:] = before
        np.testing.assert_array_equal(seen[0], seen[1])
        assert not np.allclose(seen[0], seen[2])


def test_several_binary_traits(study, compare):
    rng = np.random.default_rng(1)
    ill = (study["X"][:, 5] > 0) * 1.0
    table = pd.DataFrame({"IID": PEOPLE, "gout": ill + 1, "asthma": ill})
    flip = rng.permutation(N_PEOPLE)[:10]
    table.loc[flip, "gout"] = 3 - table.loc[flip, "gout"]
    table.loc[rng.permutation(N_PEOPLE)[:15], "asthma"] = np.nan
    table.sample(frac=1, random_state=0).to_csv("ills.csv", index=False)
    status, printed, errors = compare(
        text="--bfile study --pheno ills.csv --covar covariates.csv --out run --folds 3 "
        "--models covariates-only LINAClassifier --save-model models"
    )
    assert status == 0, errors
    assert "asthma: binary, " in printed
    assert "All 2 jointly, one model" in printed
    assert "minus covariates only" in printed
    table = pd.read_csv("run/comparison.csv")
    auc = table.query("metric == 'ROC AUC' and model == 'LINAClassifier'")
    assert auc["target"].tolist() == ["gout", "asthma"]
    assert (auc["mean"] > 0.65).all()
    saved = read_model("models/2_binary_traits_jointly.LINAClassifier.skops")
    assert saved.traits == ["gout", "asthma"]
    names = [f"rs{j}" for j in range(N_VARIANTS)] + ["age", "pc"]
    people = pd.DataFrame(np.hstack([study["X"], study["C"]]), columns=names)
    probability = saved.estimator.predict_proba(people)
    assert probability.shape == (N_PEOPLE, 2)
    assert roc_auc_score(ill, probability[:, 0]) > 0.7


def test_average_precision_and_auc_of_joint_models_are_scikit_learns(study):
    task = joint_task(study, binary=True)
    rng = np.random.default_rng(0)
    train, test = np.flatnonzero(task.fold != 0), np.flatnonzero(task.fold == 0)
    guess = rng.random((len(test), 2))
    scores = score_traits(task, train, test, guess)
    for column, trait in enumerate("ab"):
        y = task.y[test, column]
        seen = np.isfinite(y)
        assert scores[trait] == {
            "ROC AUC": roc_auc_score(y[seen], guess[seen, column]),
            "average precision": average_precision_score(y[seen], guess[seen, column]),
        }


def write_expression(study):
    """Write two genes in two tissues, of which one lacks 15 people."""
    rng = np.random.default_rng(3)
    y = {"G1": study["X"][:, 2], "G2": study["X"][:, 9]}
    starts = {"G1": 3000, "G2": 10_500}
    for tissue, people in (("liver", range(N_PEOPLE)), ("blood", range(15, N_PEOPLE))):
        with open(f"{tissue}.bed", "w") as file:
            names = "\t".join(PEOPLE[i] for i in people)
            file.write(f"#chr\tstart\tend\tgene_id\t{names}\n")
            for gene in y:
                values = "\t".join(f"{y[gene][i] + rng.normal():.6g}" for i in people)
                start = starts[gene]
                file.write(f"chr1\t{start - 1}\t{start}\t{gene}\t{values}\n")


def test_genes_in_tissues(study, compare):
    write_expression(study)
    status, printed, errors = compare(
        text="--bfile study --pheno liver.bed blood.bed --window 2500 --out run --folds 3 "
        "--models RidgeCV MILAGERegressor MMASHRegressor"
    )
    assert status == 0, errors
    assert "2 genes in 2 tissues, 5 variants each, 10 in all" in printed
    table = pd.read_csv("run/comparison.csv").set_index(["model", "target"])
    names = ["G1 liver", "G1 blood", "G2 liver", "G2 blood"]
    assert table.loc["RidgeCV"].index.tolist() == names
    assert table.loc["RidgeCV", "n_people"].tolist() == [90, 75, 90, 75]
    # variant j lies at 1000 (j + 1): 1000 to 5000 are near 3000, and 8000 to 12,000 near 10,500
    assert table.loc["RidgeCV", "n_variants"].tolist() == [5] * 4
    assert table.loc["MILAGERegressor", "n_variants"].tolist() == [10] * 4
    assert (table["mean"] > 0).all()


def test_the_expression_model_gets_genes_x_tissues_and_windows(study):
    rng = np.random.default_rng(0)
    genotypes = read_plink("study")
    Y = rng.normal(size=(N_PEOPLE, 4))
    phenotypes = pd.DataFrame(Y, genotypes.samples, ["g1 a", "g1 b", "g2 a", "g2 b"])
    windows = np.array([[0, 3], [5, 12]])
    genes = [{"name": name, "start": 1, "strand": None} for name in ("g1", "g2")]
    tasks, (joint,) = make_tasks(
        genotypes,
        phenotypes,
        phenotypes[[]],
        n_folds=3,
        seed=0,
        genes=Genes(genes, windows, n_tissues=2),
    )
    assert [task.genotypes.shape[1] for task in tasks] == [3, 3, 7, 7]
    assert tasks[2].genotypes.variants["variant_id"].tolist() == [f"rs{j}" for j in range(5, 12)]
    by_name = {entry.name: entry for entry in MODELS}
    milage, mmash = by_name["MILAGERegressor"], by_name["MMASHRegressor"]
    target = joint.target(np.arange(N_PEOPLE), milage.target)
    assert target.shape == (N_PEOPLE, 2, 2)
    np.testing.assert_array_equal(target[:, 1, 0], Y[:, 2])
    assert joint.target(np.arange(N_PEOPLE), mmash.target).shape == (N_PEOPLE, 4)
    estimator = milage.regressor(joint.settings(None, 0))
    assert estimator.cis_windows is windows
    assert estimator.n_variants == N_VARIANTS


def write_covariates(study):
    """Write batch, in both tissues, and a factor of each; liver's file is one row per covariate."""
    rng = np.random.default_rng(5)
    batch, factors = rng.normal(size=N_PEOPLE), rng.normal(size=(2, N_PEOPLE))
    liver = pd.DataFrame([batch, factors[0]], ["batch", "factor"], PEOPLE)
    liver.to_csv("liver.covariates.txt", sep="\t", index_label="id")
    blood = pd.DataFrame({"batch": batch, "factor": factors[1]}, PEOPLE)
    blood.iloc[20:].to_csv("blood.covariates.txt", sep="\t", index_label="IID")
    return batch, factors


def test_covariates_of_one_tissue(study, compare):
    write_expression(study)
    write_covariates(study)
    words = "--bfile study --window 2500 --out run --folds 3 --models RidgeCV MMASHRegressor "
    tables = []
    for data in (
        "--pheno liver.bed blood.bed --covar liver=liver.covariates.txt blood=blood.covariates.txt",
        "--pheno liver.bed --covar liver.covariates.txt",
    ):
        status, printed, errors = compare(text=words + data)
        assert status == 0, errors
        tables.append(pd.read_csv("run/comparison.csv").set_index(["model", "target"]))
        if "blood" in data:
            assert "blood: 2 covariates of its own files; 5 people lack one" in printed
            assert "1 covariate regressed out of traits and genotypes" in printed
            assert "1, 1 covariates of each tissue regressed out of its expression" in printed
    both, alone = tables
    assert both.loc["RidgeCV", "n_people"].tolist() == [90, 70, 90, 70]
    for gene in ("G1", "G2"):  # liver has everyone, so that its folds are the same
        expected = alone.loc[("RidgeCV", gene), "mean"]
        assert both.loc[("RidgeCV", f"{gene} liver"), "mean"] == pytest.approx(expected)
    assert (both["mean"] > 0).all()


def test_covariates_of_one_tissue_are_regressed_out_of_it_alone(study):
    write_expression(study)
    batch, factors = write_covariates(study)
    rng = np.random.default_rng(0)
    genotypes = read_plink("study")
    X = np.asarray(genotypes, dtype=float)
    Y = X[:, [2, 2, 9, 9]] + 2 * factors[[0, 1, 0, 1]].T + batch[:, None]
    Y += rng.normal(size=Y.shape)
    index = genotypes.samples
    windows, tables = np.array([[0, 12], [0, 12]]), [{"name": name} for name in ("g1", "g2")]
    own = [pd.DataFrame({"factor": f}, index) for f in factors]
    tasks, (joint,) = make_tasks(
        genotypes,
        pd.DataFrame(Y, index, ["g1 a", "g1 b", "g2 a", "g2 b"]),
        pd.DataFrame({"batch": batch}, index),
        n_folds=3,
        seed=0,
        genes=Genes(tables, windows, 2, own),
    )
    np.testing.assert_array_equal(tasks[3].covariates, np.column_stack([batch, factors[1]]))
    entry = ModelEntry("least squares", "", regressor=lambda _: LinearRegression(), joint=True)
    result = fit_and_score(None, Fit(joint, entry, 0, 0), 0)
    assert result.error is None
    train, test = joint.fold != 0, joint.fold == 0

    def without(values, C):
        design = np.column_stack([np.ones(N_PEOPLE), C])
        return values - design @ np.linalg.lstsq(design[train], values[train])[0]

    x = without(X, batch)
    for j, trait in enumerate(joint.traits):
        y = without(Y[:, j], np.column_stack([batch, factors[j % 2]]))
        guess = LinearRegression().fit(x[train], y[train]).predict(x[test])
        expected = 1 - np.sum((y[test] - guess) ** 2) / np.sum(y[test] ** 2)
        assert result.scores[trait]["R2"] == pytest.approx(expected, abs=1e-6)


def test_every_reader_gives_the_same_scores(study, compare):
    pgenlib = pytest.importorskip("pgenlib")
    pytest.importorskip("cbgen")
    X = study["X"]
    with pgenlib.PgenWriter(b"two.pgen", N_PEOPLE, variant_ct=N_VARIANTS) as writer:
        for column in X.T:
            writer.append_biallelic(np.ascontiguousarray(column))
    with open("two.pvar", "w") as file:
        file.write("#CHROM\tPOS\tID\tREF\tALT\n")
        file.writelines(f"1\t{1000 * (j + 1)}\trs{j}\tC\tA\n" for j in range(N_VARIANTS))
    with open("two.psam", "w") as file:
        file.write("#FID\tIID\n")
        file.writelines(f"F{i // 3}\tI{i}\n" for i in range(N_PEOPLE))
    write_bgen(
        Path("three.bgen"),
        [
            {
                "id": f"v{j}",
                "rsid": f"rs{j}",
                "chromosome": "1",
                "position": 1000 * (j + 1),
                "alleles": ["C", "A"],
                "phased": False,
                "ploidy": [2] * N_PEOPLE,
                "missing": [False] * N_PEOPLE,
                "probabilities": np.eye(3)[X[:, j]],
            }
            for j in range(N_VARIANTS)
        ],
        sample_ids=PEOPLE,
    )
    tables = []
    for source in ("--bfile study", "--pfile two", "--bgen three.bgen"):
        status, _, errors = compare(
            text=f"{source} --pheno traits.tsv --pheno-name height --out run --folds 2 "
            "--models top-variant RidgeCV MMASHRegressor"
        )
        assert status == 0, errors
        tables.append(pd.read_csv("run/comparison.csv").drop(columns="seconds"))
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0], rtol=1e-6)


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_ended_command_leaves_nothing(study, number):
    before = sorted(os.listdir())
    words = "--bfile study --pheno traits.tsv --pheno-name height --out run --threads 1"
    process = subprocess.Popen(
        [sys.executable, "-m", "skgenetics", "compare", *words.split()],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # a test run started in the background ignores interruptions, and so would its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while sorted(os.listdir()) == before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert sorted(os.listdir()) != before
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    word = "terminated" if number == signal.SIGTERM else "interrupted"
    assert errors == f"skgenetics compare: {word}; nothing was written.\n"
    assert sorted(os.listdir()) == before
