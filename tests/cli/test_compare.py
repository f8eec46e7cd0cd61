"""The command on small files: what it computes, prints and writes."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2
from sklearn.model_selection import KFold

from skgenetics import __version__
from skgenetics.cli.main import main
from skgenetics.finemapping import FinemapMiXeR
from skgenetics.io import read_model
from tests.cli.conftest import N_PEOPLE, N_VARIANTS, write_traits

pd = pytest.importorskip("pandas")

FILES = "--bfile study --pheno traits.tsv --pheno-name height --out run"
QUICK = f"{FILES} --models top-variant RidgeCV"


def read(name):
    return pd.read_csv(f"run/{name}")


def residual(C_train, a_train, C_test, a_test):
    """Residuals of columns of training and test people, regressed on training people."""
    one, two = (np.column_stack([np.ones(len(C)), C]) for C in (C_train, C_test))
    coef = np.linalg.lstsq(one, a_train, rcond=None)[0]
    return a_train - one @ coef, a_test - two @ coef


def write_npz(X):
    """Write dosages of the people of the study to x.npz."""
    names = np.array([f"I{i}" for i in range(N_PEOPLE)])
    np.savez("x.npz", genotypes=X.astype(np.int8), sample_ids=names)


@pytest.mark.parametrize("with_covariates", [True, False])
@pytest.mark.parametrize("missing", [True, False])
def test_r2_of_the_top_variant_is_that_of_least_squares_by_hand(
    study, compare, with_covariates, missing
):
    X, y = study["X"].astype(float), study["y"]
    C = study["C"] if with_covariates else np.empty((N_PEOPLE, 0))
    if missing:
        X[::3, 5] = np.nan
        X[1::4, 2] = np.nan
    write_npz(np.where(np.isnan(X), -127, X))
    words = ["--covar", "covariates.csv"] if with_covariates else []
    status, printed, errors = compare(
        *words,
        text="--genotypes x.npz --pheno traits.tsv --pheno-name height --out run "
        "--models top-variant --seed 3",
    )
    assert status == 0, errors
    expected = []
    for train, test in KFold(5, shuffle=True, random_state=3).split(X):
        full = np.where(np.isnan(X), np.nanmean(X[train], axis=0), X)
        X1, X2 = residual(C[train], full[train], C[test], full[test])
        y1, y2 = residual(C[train], y[train], C[test], y[test])
        lead = np.argmax([abs(np.corrcoef(column, y1)[0, 1]) for column in X1.T])
        slope, intercept = np.polyfit(X1[:, lead], y1, 1)
        error = y2 - intercept - slope * X2[:, lead]
        expected.append(1 - (error @ error) / (y2 @ y2))
    row = read("comparison.csv").iloc[0]
    got = row[[f"fold_{k}" for k in range(1, 6)]].tolist()
    np.testing.assert_allclose(got, expected, atol=2e-6)
    assert row["variants_used"] == 1
    mean, error = np.mean(expected), np.std(expected, ddof=1) / 5**0.5
    assert f"{mean:.3f} ({error:.3f})".replace("(0.", "(.") in printed


def test_order_of_the_files_does_not_matter(study, compare):
    tables = []
    for order in (np.arange(N_PEOPLE), np.arange(N_PEOPLE)[::-1]):
        write_traits(order, study["y"], study["case"])
        assert compare(text=QUICK)[0] == 0
        tables.append(read("comparison.csv").drop(columns="seconds"))
    pd.testing.assert_frame_equal(*tables)


def test_every_model_and_every_table(study, compare):
    status, printed, errors = compare(
        text=f"{FILES} --covar covariates.csv --folds 2 --save-model models --report"
    )
    assert status == 0, errors
    assert "2-fold cross-validation over people" in printed
    heads = [line.split() for line in printed.splitlines() if line.startswith("trait  ")]
    assert heads[0][2:] == [
        *("top", "variant", "RidgeCV", "ElasticNet", "FinemapMiXeR", "HistGradientBoosting"),
        *("MLP", "LINARegressor"),
    ]
    assert heads[1][2:] == ["MMASHRegressor", "MILAGERegressor"]
    assert printed.splitlines()[-4].startswith("Wrote run/: comparison.csv, differences.csv")
    assert printed.splitlines()[-2] == "Open in a browser: run/report.html"
    page = Path("run/report.html").read_text()
    assert "MMASHRegressor (joint)" in page
    assert page.count('class="live"') == 1  # the locus of the trait
    assert "Solver gibbs: " in page  # and whom to cite
    assert printed.splitlines()[-1] == "Next: skgenetics finemap --help"
    assert Path("run/compare.log").read_text() == printed
    assert sorted(os.listdir("run")) == [
        *("compare.log", "comparison.csv", "credible_sets.tsv", "differences.csv"),
        *("differences.png", "locus_height.png", "report.html", "scores.png", "variants.tsv.gz"),
    ]
    assert sorted(os.listdir()) == [
        *("covariates.csv", "models", "run", "study.bed", "study.bim", "study.fam", "traits.tsv"),
    ]
    with gzip.open("run/variants.tsv.gz", "rt") as file:
        assert (
            file.readline() == f"##skgenetics={__version__} build=unknown effect_allele=counted\n"
        )
        variants = pd.read_csv(file, sep="\t", keep_default_na=False)
    assert " ".join(variants.columns) == (
        "locus chromosome base_pair_location effect_allele other_allele rsid variant_id "
        "effect_allele_frequency z p_value n pip posterior_mean posterior_sd cs cs_alpha flag"
    )
    assert variants["variant_id"].tolist() == [f"rs{j}" for j in range(N_VARIANTS)]
    np.testing.assert_allclose(
        variants["effect_allele_frequency"], study["X"].mean(axis=0) / 2, rtol=1e-6
    )
    X, y = (residual(study["C"], a, study["C"], a)[0] for a in (study["X"], study["y"]))
    z = [np.sqrt(N_PEOPLE) * np.corrcoef(column, y)[0, 1] for column in X.T]
    np.testing.assert_allclose(variants["z"], z, rtol=1e-5)
    np.testing.assert_allclose(variants["p_value"], chi2.sf(np.square(z), 1), rtol=1e-4)
    sets = pd.read_csv("run/credible_sets.tsv", sep="\t", comment="#")
    assert " ".join(sets.columns) == (
        "locus cs chromosome start end size coverage min_abs_r mean_abs_r log10_bf "
        "lead_variant_id lead_rsid lead_pip low_purity"
    )
    assert sets.loc[0, "lead_variant_id"] == "rs5"  # the causal variant

    saved = read_model("models/height.RidgeCV.skops")
    names = [f"rs{j}" for j in range(N_VARIANTS)] + ["age", "pc"]
    assert saved.estimator.feature_names_in_.tolist() == names
    people = pd.DataFrame(np.hstack([study["X"], study["C"]]), columns=names)
    assert np.corrcoef(saved.estimator.predict(people), study["y"])[0, 1] > 0.5
    assert len(os.listdir("models")) == 9
    for name in ("MMASHRegressor", "MILAGERegressor", "LINARegressor"):
        saved = read_model(f"models/height.{name}.skops")
        assert saved.traits == ["height"]
        assert np.corrcoef(saved.estimator.predict(people), study["y"])[0, 1] > 0.5
    finemap = read_model("models/height.FinemapMiXeR.skops").estimator[-1].regressor_
    assert finemap.get_params() == FinemapMiXeR().get_params()  # its defaults, not a search


def test_binary_trait(study, compare):
    status, printed, errors = compare(
        text="--bfile study --pheno traits.tsv --pheno-name illness --covar covariates.csv "
        "--out run --folds 2"
    )
    assert status == 0, errors
    assert f"binary, {study['case'].sum()} cases" in printed
    assert "ROC AUC on people not used" in printed
    assert "Average precision on people not used" in printed
    table = read("comparison.csv")
    assert table["model"].unique().tolist() == [
        *("covariates only", "LogisticRegression", "HistGradientBoosting", "LINAClassifier")
    ]
    assert table.query("model == 'LogisticRegression'")["mean"].gt(0.5).all()
    assert sorted(os.listdir("run")) == [
        *("compare.log", "comparison.csv", "differences.csv"),
        *("differences_ROC_AUC.png", "differences_average_precision.png"),
        *("scores_ROC_AUC.png", "scores_average_precision.png"),
    ]


def test_dosages_from_text_missing_calls_and_several_traits(study, compare):
    X = study["X"].astype(object)
    X[::7, 2] = "NA"
    frame = pd.DataFrame(X, columns=[f"1_{1000 * (j + 1)}_C_A" for j in range(N_VARIANTS)])
    frame.insert(0, "id", [f"I{i}" for i in range(N_PEOPLE)])
    frame.to_csv("dosages.csv", index=False)
    status, _, errors = compare(
        text="--genotypes dosages.csv --pheno traits.tsv --pheno-name height illness --out run "
        "--models RidgeCV,LogisticRegression"
    )
    assert status == 0, errors
    assert read("comparison.csv")["target"].tolist() == ["height", "illness", "illness"]


def test_people_and_variants_are_chosen_and_counted(study, compare):
    with open("people.txt", "w") as file:
        file.writelines(f"F{i // 3} I{i}\n" for i in range(60))
        file.write("F99 I999\n")
    with open("variants.txt", "w") as file:
        file.write("rs2\nrs5\nrs8\nrs77\n")
    lines = Path("covariates.csv").read_text().splitlines()
    with open("covariates.csv", "w") as file:
        file.write("\n".join(lines[:1] + [line for line in lines if not line.startswith("I1,")]))
    kept = [line for line in lines if line.startswith(("IID", *(f"I{i}," for i in range(2, 90))))]
    with open("covariates.csv", "w") as file:
        file.write("\n".join(kept) + "\nI0,NA,1\n")
    status, printed, errors = compare(
        text=f"{QUICK} --covar covariates.csv --keep people.txt --extract variants.txt"
    )
    assert status == 0, errors
    assert "90 in study.bed, 90 in traits.tsv (--pheno), 89 in covariates.csv (--covar)" in printed
    assert "61 in people.txt (--keep); 59 are in all of them" in printed
    assert "31 of study.bed" in printed
    assert "1 more do not have all covariates" in printed
    assert "3 of the 4 in variants.txt are in study.bed" in printed
    assert read("comparison.csv")[["n_people", "n_variants"]].to_numpy().tolist() == [[58, 3]] * 2


@pytest.fixture
def splits(monkeypatch):
    """The tasks, and the inner splits of every fit, as (task, fold) and (train, test) pairs."""
    import skgenetics.cli.compare.work as module

    seen = []

    def spy(fit, cv, seed):
        seen.append((fit.task, np.flatnonzero(fit.task.fold != fit.fold), cv))
        return original(fit, cv, seed)

    original = module.build_pipeline
    monkeypatch.setattr(module, "build_pipeline", spy)
    return seen


def add_family_to_covariates():
    """Move the families to the covariates, as text."""
    table = pd.read_csv("covariates.csv")
    table["family"] = "c" + (table["IID"].str[1:].astype(int) // 3).astype(str)
    table.to_csv("covariates.csv", index=False)


@pytest.mark.parametrize("column", ["cage", "FID", "family"])
def test_groups_stay_together(study, compare, column, splits):
    add_family_to_covariates()
    words = ["--covar", "covariates.csv"] if column == "family" else []
    status, printed, errors = compare(*words, text=f"{QUICK} --groups {column}")
    assert status == 0, errors
    assert f"over groups of people ({column})" in printed
    family = np.arange(N_PEOPLE) // 3
    assert len(splits) == 10
    for task, train, inner in splits:
        assert task.covariates.shape[1] == 2 * bool(words)
        assert all(len(set(task.fold[family == group])) == 1 for group in range(30))
        assert len(inner) == 3
        for first, second in inner:
            assert not set(family[train[first]]) & set(family[train[second]])


def test_people_without_a_group_are_left_out(study, compare, splits):
    text = Path("traits.tsv").read_text().replace("\tc7\n", "\tNA\n")
    Path("traits.tsv").write_text(text)
    status, printed, errors = compare(text=f"{QUICK} --groups cage")
    assert status == 0, errors
    assert "3 more do not have all covariates and cage" in printed
    assert len(splits[0][0].y) == 87


def test_cases_are_spread_evenly(study, compare, splits):
    status, _, errors = compare(
        text="--bfile study --pheno traits.tsv --pheno-name illness --out run "
        "--models LogisticRegression"
    )
    assert status == 0, errors
    for task, train, inner in splits:
        cases = [task.y[task.fold == k].sum() for k in range(5)]
        assert max(cases) - min(cases) <= 1
        cases = [task.y[train[second]].sum() for _, second in inner]
        assert max(cases) - min(cases) <= 1


def test_two_values_other_than_a_code_are_a_quantity(study, compare):
    write_traits(range(N_PEOPLE), 3.0 * study["case"], study["case"])
    status, printed, errors = compare(text=QUICK)
    assert status == 0, errors
    assert "height: quantitative, 90 people" in printed


def test_more_than_one_locus_has_no_picture(study, compare):
    text = Path("study.bim").read_text().replace("1\trs11\t", "2\trs11\t")
    Path("study.bim").write_text(text)
    status, printed, errors = compare(text=f"{FILES} --models FinemapMiXeR")
    assert status == 0, errors
    assert "the variants lie in more than one locus" in printed
    assert "locus_" not in printed
    assert not list(Path("run").glob("locus_*"))


def test_twins_in_different_folds_are_noticed(tmp_path, monkeypatch, compare):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    X = rng.binomial(2, 0.4, (60, 400))
    X[30:36] = X[:6]
    names = [f"I{i}" for i in range(60)]
    np.savez("x.npz", genotypes=X.astype(np.int8), sample_ids=names)
    with open("t.csv", "w") as file:
        file.write("IID,t,family\n")
        file.writelines(f"I{i},{rng.normal()},{i % 30}\n" for i in range(60))
    words = "--genotypes x.npz --pheno t.csv --pheno-name t --models top-variant --out run"
    status, printed, errors = compare(text=words)
    assert status == 0, errors
    assert "pairs of relatives are split across folds" in printed
    assert "--groups COLUMN" in printed
    assert "relatives" not in compare(text=words + " --groups family")[1]


def test_results_do_not_depend_on_the_number_of_processes(study, capsys):
    tables = []
    for threads in ("1", "2"):
        words = f"compare {FILES} --models RidgeCV,MLP --folds 2 --threads {threads}".split()
        assert main(words) == 0
        tables.append(read("comparison.csv").drop(columns="seconds"))
    pd.testing.assert_frame_equal(*tables)


@pytest.mark.slow
def test_variants_that_do_not_vary_in_a_training_fold(study, compare):
    """What covariates leave of them is rounding, which must not be scaled up to 1."""
    write_npz(study["X"])
    table = pd.read_csv("covariates.csv", index_col="IID")
    table["like_a_variant"] = pd.Series(study["X"][:, 8], [f"I{i}" for i in range(N_PEOPLE)])
    table.loc["I10", "like_a_variant"] += 1
    table.to_csv("covariates.csv")
    status, _, errors = compare(
        text="--genotypes x.npz --pheno traits.tsv --covar covariates.csv --pheno-name height "
        "--out run"
    )
    assert status == 0, errors
    table = read("comparison.csv")
    assert (table.filter(like="fold_") > -0.5).all(axis=None)


def test_equal_names_of_variants(study, compare):
    lines = Path("study.bim").read_text().replace("rs1\t", "rs0\t").replace("rs4\t", "rs3\t")
    Path("study.bim").write_text(lines)
    status, _, errors = compare(
        text="--bfile study --pheno traits.tsv --pheno-name height illness --out run --folds 2 "
        "--save-model models --models RidgeCV,FinemapMiXeR,LogisticRegression"
    )
    assert status == 0, errors
    names = read_model("models/height.RidgeCV.skops").estimator.feature_names_in_
    assert names[:6].tolist() == ["rs0", "rs0.1", "rs2", "rs3", "rs3.1", "rs5"]


def test_help_teaches_and_the_module_runs():
    done = subprocess.run(
        [sys.executable, "-m", "skgenetics", "compare", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0
    for word in ("--bfile", "--pheno", "--groups", "exit status", "examples:"):
        assert word in done.stdout


def test_a_terminal_gets_a_bar(study, compare, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    status, _, errors = compare(text=QUICK)
    assert status == 0, errors
    assert "fits" not in errors


def test_windows_of_1000_genomes(shared, tmp_path, monkeypatch, compare):
    from skgenetics.io import read_plink

    monkeypatch.chdir(tmp_path)
    genotypes = read_plink(shared / "data" / "kg1000_windows" / "kg489")
    columns = np.flatnonzero(genotypes.variants["chromosome"] == "5")[200:350]
    X = genotypes[:, columns].astype(float)
    causal = int(np.argmax(X.std(axis=0)))
    rng = np.random.default_rng(1)
    y = X[:, causal] / X[:, causal].std() + rng.normal(size=len(X))
    people = genotypes.samples.get_level_values("IID")
    with open("traits.txt", "w") as file:
        file.write("IID trait\n")
        file.writelines(f"{people[i]} {y[i]}\n" for i in rng.permutation(len(X)))
    names = genotypes.variants["variant_id"].iloc[columns]
    (tmp_path / "variants.txt").write_text("\n".join(names))
    status, printed, errors = compare(
        text=f"--bfile {shared}/data/kg1000_windows/kg489 --pheno traits.txt "
        "--extract variants.txt --models top-variant,RidgeCV,FinemapMiXeR --out run"
    )
    assert status == 0, errors
    assert "489 are in all of them" in printed
    table = read("comparison.csv").set_index("model")
    assert (
        table["mean"].between(0.35, 0.6).all()
    )  # the variant explains half; by order it would be 0
    sets = pd.read_csv("run/credible_sets.tsv", sep="\t", comment="#")
    variants = pd.read_csv("run/variants.tsv.gz", sep="\t", comment="#")
    members = variants.loc[variants["cs"] > 0, "variant_id"]
    assert names.iloc[causal] in set(members)
    assert sets["size"].sum() == len(members)


@pytest.mark.slow
def test_the_bundled_data(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "skgenetics", "compare", "--threads", "2"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    assert "this uses the bundled GEUVADIS extract" in done.stdout
    table = pd.read_csv(tmp_path / "skgenetics_compare" / "comparison.csv")
    assert table["target"].nunique() == 5
    assert table["model"].nunique() == 9
    means = table.groupby("model")["mean"].mean()
    assert means["FinemapMiXeR"] > means["top variant"] > 0.2
    assert len(list((tmp_path / "skgenetics_compare").glob("locus_*.png"))) == 5


def test_plinks_0_1_2_is_a_binary_trait(study, compare, splits):
    table = pd.read_csv("traits.tsv", sep="\t")
    table.loc[::6, "illness"] = 0
    table.to_csv("traits.tsv", sep="\t", index=False)
    words = "--bfile study --pheno traits.tsv --pheno-name illness --out run --models "
    status, printed, errors = compare(text=words + "LogisticRegression")
    assert status == 0, errors
    assert "illness: 0, 1 and 2 are read as PLINK's missing, control and case" in printed
    n_cases = int((table["illness"] == 2).sum())
    assert f"illness: binary, {n_cases} cases and {75 - n_cases} controls, 75 people" in printed
    assert set(np.unique(splits[0][0].y)) == {0, 1}


@pytest.mark.parametrize(
    "names", ["--covar-name age sex", "--pheno-name height", "--pheno-name height --covar-name age"]
)
def test_one_file_of_traits_and_covariates(study, compare, splits, names):
    rows = [f"I{i} {study['y'][i]:.6g} {i % 7} {'MF'[i % 2]}" for i in range(N_PEOPLE)]
    Path("all.txt").write_text("\n".join(["IID height age sex", *rows]) + "\n")
    words = "--bfile study --pheno all.txt --covar all.txt --out run --models top-variant "
    status, _, errors = compare(text=words + names)
    assert status == 0, errors
    task = splits[0][0]
    assert task.traits == ("height",)
    assert task.covariate_names == (("age",) if "covar-name age" in names[-17:] else ("age", "sex"))


@pytest.mark.parametrize(("gene", "variant"), [("chr1", "01"), ("chrX", "23"), ("X", "chrX")])
def test_chromosomes_have_many_names_and_variants_any_order(study, compare, gene, variant):
    order = np.random.default_rng(0).permutation(N_VARIANTS)
    np.savez(
        "x.npz",
        genotypes=study["X"][:, order],
        sample_ids=[f"I{i}" for i in range(N_PEOPLE)],
        variant_ids=[f"v{j}" for j in order],
        chromosome=[variant] * N_VARIANTS,
        base_pair_location=1000 * (1 + order),
        effect_allele=["A"] * N_VARIANTS,
        other_allele=["G"] * N_VARIANTS,
    )
    people = "\t".join(f"I{i}" for i in range(N_PEOPLE))
    values = "\t".join(f"{value:.6g}" for value in study["y"])
    head = f"#chr\tstart\tend\tgene_id\tgid\tstrand\t{people}\n"
    # on the minus strand a gene starts at its end: variants 7 to 9 are within 1 kb of it
    Path("genes.bed").write_text(f"{head}{gene}\t2000\t9000\tG\tG\t-\t{values}\n")
    words = "--genotypes x.npz --pheno genes.bed --window 1000 --models top-variant --out run"
    status, printed, errors = compare(text=words)
    assert status == 0, errors
    assert "1 gene, 3 variants each" in printed


def test_as_many_groups_as_folds(study, compare):
    table = pd.read_csv("traits.tsv", sep="\t")
    table["cage"] = [f"c{i % 3}" for i in range(N_PEOPLE)]
    table.to_csv("traits.tsv", sep="\t", index=False)
    status, _, errors = compare(text=f"{QUICK} --groups cage --folds 3")
    assert status == 0, errors


def test_output_that_nobody_reads(study):
    command = [sys.executable, "-m", "skgenetics", *f"compare {QUICK} --threads 1".split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert "Next:" in Path("run/compare.log").read_text()
