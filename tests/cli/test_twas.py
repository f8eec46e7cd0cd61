"""skgenetics twas and predict: files in, tables out, and one sentence for bad input."""

import contextlib
import gzip
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from sklearn.utils import Bunch

from skgenetics.association import ExpressionWeights, GeneModel
from skgenetics.cli.main import main
from skgenetics.io import write_covariances, write_fusion, write_fusion_list, write_predictdb
from tests.cli.conftest import killing_a_worker

pd = pytest.importorskip("pandas")
bed_reader = pytest.importorskip("bed_reader")

N, P = 200, 24
MODELS = {("G1", "blood"): [0, 1, 2, 3], ("G1", "liver"): [2, 5], ("G2", "blood"): [12, 14, 20]}


class Files:
    """A study in the working folder, and what it was made of."""

    def __init__(self):
        rng = np.random.default_rng(3)
        base = rng.normal(size=(2, N, P)) + np.repeat(rng.normal(size=(2, N, P // 4)), 4, axis=2)
        self.X = (base > 0.5).sum(axis=0).astype(np.int8)
        self.table = pd.DataFrame(
            {
                "chromosome": "2",
                "base_pair_location": 1000 * np.arange(1, P + 1),
                "effect_allele": "A",
                "other_allele": "C",
                "rsid": [f"rs{j}" for j in range(P)],
            }
        )
        bed_reader.to_bed(
            "panel.bed",
            self.X,
            properties={
                "fid": [f"F{i}" for i in range(N)],
                "iid": [f"I{i}" for i in range(N)],
                "sid": self.table["rsid"].tolist(),
                "chromosome": ["2"] * P,
                "bp_position": self.table["base_pair_location"].to_numpy(),
                "allele_1": ["A"] * P,
                "allele_2": ["C"] * P,
            },
        )
        self.w = {key: rng.normal(size=len(rows)) for key, rows in MODELS.items()}
        self.g = {key: self.X[:, MODELS[key]] @ w for key, w in self.w.items()}
        self.y = 0.04 * self.g["G1", "blood"] + rng.normal(size=N)
        self.y += 3 * (self.g["G1", "blood"] - self.g["G1", "blood"].mean()) * 0.3
        self.write_weights()
        self.write_sumstats()

    def write_weights(self):
        models = [
            GeneModel(gene, self.table.iloc[rows], self.w[gene, tissue], tissue=tissue, cv_r2=0.2)
            for (gene, tissue), rows in MODELS.items()
        ]
        weights = ExpressionWeights.from_models(models, build="GRCh38")
        Path("weights").mkdir()
        for tissue in ("blood", "liver"):
            genes, table = (
                frame[frame["tissue"] == tissue] for frame in (weights.genes, weights.weights)
            )
            write_predictdb(
                f"weights/{tissue}.db", genes, table, build="GRCh38", construction={}, n_samples=N
            )
        S, union = np.cov(self.X.T), {"G1": [0, 1, 2, 3, 5], "G2": [12, 14, 20]}
        write_covariances(
            "weights/covariance.txt.gz",
            [(g, [f"rs{j}" for j in rows], S[np.ix_(rows, rows)]) for g, rows in union.items()],
        )

    def write_sumstats(self, **changes):
        x = self.X - self.X.mean(axis=0)
        beta = x.T @ (self.y - self.y.mean()) / (x**2).sum(axis=0)
        r = beta * self.X.std(axis=0) / self.y.std()
        swapped = np.arange(P) % 3 == 0
        table = pd.DataFrame(
            {
                "chromosome": "chr2",
                "base_pair_location": self.table["base_pair_location"],
                "effect_allele": np.where(swapped, "C", "A"),
                "other_allele": np.where(swapped, "A", "C"),
                "beta": np.where(swapped, -beta, beta),
                "standard_error": np.abs(beta / (r * np.sqrt(N))),
                "rsid": self.table["rsid"],
                "n": N,
            }
        ).assign(**changes)
        table = table.drop(columns=[name for name in changes if changes[name] is None])
        table.to_csv("gwas.tsv", sep="\t", index=False)

    def write_fusion(self, name, rows, w):
        """Weights per allele of some variants as one gene of FUSION."""
        write_fusion(
            name,
            self.table.iloc[rows].assign(variant_id=self.table["rsid"]),
            (w * self.X.std(axis=0, ddof=1)[rows])[:, None],
            ["enet"],
            r2=[0.1],
            pvalue=[0.01],
            heritability=(0.1, 0.1),
            heritability_pvalue=0.1,
            n_samples=N,
        )

    def z(self, gene, tissue):
        return np.corrcoef(self.g[gene, tissue], self.y)[0, 1] * np.sqrt(N)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Files()


@pytest.fixture
def no_pictures(monkeypatch):
    monkeypatch.setattr("skgenetics.cli.twas.report.without_pictures", lambda: ["No pictures"])


@pytest.fixture
def run(capsys):
    def run(words):
        try:
            status = main(words.split())
        except SystemExit as error:
            status = error.code
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def read(name):
    return pd.read_csv(name, sep="\t", comment="#")


TWAS = "twas --sumstats gwas.tsv --weights weights --out run"


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("ld", ["--bfile panel", ""])
def test_tables_are_the_tests_of_individuals(files, run, ld):
    status, out, err = run(f"{TWAS} {ld}")
    assert (status, err) == (0, "")
    genes = read("run.genes.tsv").set_index(["gene", "tissue"])
    assert set(genes.index) == set(MODELS)
    for key, row in genes.iterrows():
        assert row["z"] == pytest.approx(files.z(*key), rel=1e-5)
        assert row["effect"] == pytest.approx(np.polyfit(files.g[key], files.y, 1)[0], rel=1e-2)
    joint = read("run.joint.tsv").set_index("gene")
    G = np.column_stack([files.g["G1", tissue] for tissue in ("blood", "liver")])
    z = np.array([files.z("G1", tissue) for tissue in ("blood", "liver")])
    assert joint.loc["G1", "chi2"] == pytest.approx(
        z @ np.linalg.inv(np.corrcoef(G.T)) @ z, rel=1e-4
    )
    assert len(read("run.variants.tsv.gz")) == 9
    assert "G1" in out
    assert "3 of 3 models tested" in out
    assert Path("run.log").read_text().startswith("skgenetics twas")
    assert Path("run.genes.tsv").read_text().startswith("##skgenetics=")


def test_weights_of_fusion(files, run):
    Path("fusion").mkdir()
    files.write_fusion("fusion/G1.wgt.RDat", MODELS["G1", "blood"], files.w["G1", "blood"])
    listed = [("blood", f"fusion/{g}.wgt.RDat", g, "2", 1000, 2000, N) for g in ("G1", "G2")]
    columns = ["PANEL", "WGT", "ID", "CHR", "P0", "P1", "N"]
    write_fusion_list("blood.pos", pd.DataFrame(listed, columns=columns))
    status, out, err = run(
        "twas --sumstats gwas.tsv --weights blood.pos --bfile panel --out run --missing drop"
    )
    assert status == 3, err  # G2 has no file, and the rest is kept
    assert "Left out: blood.pos: " in out
    assert read("run.genes.tsv")["z"].tolist() == pytest.approx([files.z("G1", "blood")], rel=1e-5)


def test_predicted_expression(files, run):
    status, out, err = run("predict --weights weights --bfile panel --build GRCh38 --out pred")
    assert (status, err) == (0, "")
    assert "9 of 9 weights (100%)" in out
    for tissue in ("blood", "liver"):
        table = pd.read_csv(f"pred.{tissue}.tsv.gz", sep="\t")
        assert table["IID"].tolist() == [f"I{i}" for i in range(N)]
        for gene in table.columns[2:]:
            np.testing.assert_allclose(table[gene], files.g[gene, tissue], atol=1e-4)
    assert read("pred.genes.tsv")["n_found"].tolist() == [4, 2, 3]
    status, _, _ = run("predict --weights weights/liver.db --bfile panel --out p --format parquet")
    assert status == 0
    assert list(pd.read_parquet("p.parquet")) == ["FID", "IID", "G1"]


def test_predictions_of_an_earlier_run_are_not_left(files, run):
    for name in ("pred.spleen.tsv.gz", "pred.tsv.gz"):
        Path(name).write_text("somebody's own")
    run("predict --weights weights --bfile panel --out pred")
    assert Path("pred.liver.tsv.gz").exists()
    status, _, _ = run("predict --weights weights/liver.db --bfile panel --out pred")
    assert status == 0
    names = {"pred.tsv.gz", "pred.genes.tsv", "pred.log", "pred.spleen.tsv.gz"}
    assert {path.name for path in Path().glob("pred*")} == names
    assert Path("pred.spleen.tsv.gz").read_text() == "somebody's own"
    run("predict --weights weights/liver.db --bfile panel --out pred --format parquet")
    names = {"pred.parquet", "pred.genes.tsv", "pred.log", "pred.spleen.tsv.gz"}
    assert {path.name for path in Path().glob("pred*")} == names


def test_genes_of_a_locus(files, run):
    status, out, err = run(f"{TWAS} --bfile panel --finemap-genes --report")
    assert (status, err) == (0, "")
    assert Path("run.report.html").read_text().count("data:image/png") == 2  # genome and locus
    table = read("run.finemap.tsv")
    assert table.loc[table["pip"].idxmax(), ["gene", "tissue"]].tolist() == ["G1", "blood"]
    assert "PIP" in out
    assert out.endswith("Open in a browser: run.report.html\n")
    assert Path("run.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("no_pictures")
def test_files_are_named_with_their_folder(files, run):
    Path("my").mkdir()
    _, out, _ = run(f"{TWAS.replace('--out run', '--out my/run')} --bfile panel")
    assert "Wrote my/run.genes.tsv, my/run.variants.tsv.gz" in out
    _, out, _ = run("predict --weights weights/liver.db --bfile panel --out my/run")
    assert "Wrote my/run.tsv.gz, my/run.genes.tsv" in out


@pytest.mark.usefixtures("no_pictures")
def test_nothing_of_an_earlier_run_is_left(files, run):
    for name in ("finemap.tsv", "report.html", "png", "mine"):
        Path(f"run.{name}").write_text("earlier")
    status, out, err = run(f"{TWAS} --bfile panel --n 1000 --h2 0.3")
    assert (status, err) == (0, "")
    assert "no weights come with their phi" in out
    names = {"genes.tsv", "variants.tsv.gz", "joint.tsv", "log", "mine"}
    assert {path.name for path in Path().glob("run.*")} == {f"run.{name}" for name in names}


def change(path, *statements):
    base = sqlite3.connect(path)
    for statement in statements:
        base.execute(statement)
    base.commit()
    base.close()


def cut(path):
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[: len(whole) // 2])


def no_matrix(files):
    Path("weights/covariance.txt.gz").unlink()


@pytest.mark.parametrize(
    ("spoil", "words", "message"),
    [
        (None, "twas", "needs data. For example:\nskgenetics twas --demo"),
        (None, "twas --demo --n 3", "--demo brings its own data; leave out --n"),
        (None, "twas --weights weights", "--sumstats is missing"),
        (None, "twas --sumstats gwas.tsv", "--weights is missing"),
        (None, f"{TWAS} --finemap-genes", "--finemap-genes needs the genotypes of a panel"),
        (None, f"{TWAS} --columns a", "--columns takes MEANING=COLUMN"),
        (None, f"{TWAS} --build GRCh37", "The weights are of GRCh38, your positions of GRCh37"),
        (None, f"{TWAS.replace('--weights weights', '--weights no')}", "no file or folder no"),
        (no_matrix, TWAS, "There is no LD: give the genotypes of a panel"),
        (lambda f: cut("weights/blood.db"), TWAS, "blood.db cannot be read as an SQLite database"),
        (lambda f: cut("weights/covariance.txt.gz"), TWAS, "is a damaged packed file"),
        (
            lambda f: change("weights/blood.db", "UPDATE weights SET varID = 'chr2_1000_C_A_b38'"),
            TWAS,
            "2_1000_C_A comes more than once in gene G",
        ),
        (
            lambda f: change("weights/blood.db", "UPDATE weights SET weight = 'much'"),
            TWAS,
            "expected a finite number",
        ),
        (
            lambda f: f.write_sumstats(base_pair_location=np.arange(P) + 5),
            TWAS,
            "at another position. The genome builds differ",
        ),
        (
            lambda f: f.write_sumstats(effect_allele="AT", other_allele="ATT"),
            TWAS,
            "are at a position of the weights with other alleles",
        ),
        (
            lambda f: f.write_sumstats(n=None),
            f"{TWAS} --h2 0.3",
            "--h2 needs the number of people of the study",
        ),
        (
            lambda f: Path("weights/covariance.txt.gz").write_bytes(
                gzip.compress(b"GENE RSID1 RSID2 VALUE\nG9 rs1 rs1 1\n")
            ),
            f"{TWAS} --covariance weights/covariance.txt.gz",
            "covariance.txt.gz has none of the 2 genes of weights, such as G1",
        ),
        (None, "predict --weights weights --bfile panel --build GRCh37", "are of GRCh38"),
        (None, "predict --weights gwas.tsv --bfile panel", "no scoring file of the PGS Catalog"),
    ],
)
def test_bad_input_is_one_sentence(files, run, spoil, words, message):
    if spoil is not None:
        spoil(files)
    before = sorted(Path().rglob("*"))
    status, _, err = run(words)
    assert status == 2, err
    assert message in err
    assert "Traceback" not in err
    assert sorted(Path().rglob("*")) == before


def test_what_is_incomplete_is_kept_and_said(files, run):
    change("weights/blood.db", "UPDATE extra SET [pred.perf.R2] = 'NA'")
    files.write_sumstats(n=None)
    lines = gzip.decompress(Path("weights/covariance.txt.gz").read_bytes()).decode().splitlines()
    kept = [line for line in lines if not line.startswith("G2 ")]  # the covariance lacks a gene
    Path("weights/covariance.txt.gz").write_bytes(gzip.compress("\n".join(kept).encode()))
    status, out, _ = run(TWAS)
    assert status == 0
    genes = read("run.genes.tsv").set_index("gene")
    assert genes.loc["G2", "status"] == "no variant in the LD"
    assert "1 skipped: no variant in the LD" in out
    assert genes.loc["G1", "z"].notna().all()


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("mismatched", [True, False, None])
def test_z_that_do_not_fit_the_ld_are_flagged(files, run, monkeypatch, mismatched):
    rows, w, seen = list(range(12)), np.linspace(0.2, 1, 12), []
    expression = files.X[:, rows] @ w
    files.y = expression / expression.std() + np.random.default_rng(1).normal(size=N)
    files.write_sumstats()
    files.write_fusion("G3.wgt.RDat", rows, w)

    def judge(z, ld, n):
        seen.append((z, ld, n))
        return Bunch(mismatched=mismatched)

    monkeypatch.setattr("skgenetics.cli.twas.mismatch.ld_mismatch", judge)
    status, out, err = run("twas --sumstats gwas.tsv --weights G3.wgt.RDat --bfile panel --out run")
    assert (status, err) == (0, "")
    ((z, ld, n),) = seen
    X = files.X[:, rows]
    expected = [np.corrcoef(x, files.y)[0, 1] * np.sqrt(N) for x in X.T]
    assert sorted(z) == pytest.approx(sorted(expected))  # of one allele, the panel's
    order = [int(np.argmin(np.abs(np.array(expected) - value))) for value in z]
    np.testing.assert_allclose(ld, np.corrcoef(X.T)[np.ix_(order, order)], atol=1e-12)
    assert n == N
    flagged = mismatched is True
    assert ("LD_MISMATCH" in str(read("run.genes.tsv")["flag"].iloc[0])) is flagged
    assert ("LD_MISMATCH" in out) is flagged


@pytest.mark.slow
def test_the_demonstration_finds_its_gene(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    status, out, _ = run("twas --demo --report")
    assert status == 0
    assert "simulated" in out
    genes = read("skgenetics_twas.genes.tsv")
    best = genes.loc[genes["log10_p"].idxmin(), "gene"]
    assert f"depends on expression of {best}" in out
    assert f">{best}</td>" in Path("skgenetics_twas.report.html").read_text()


@pytest.mark.slow
def test_the_demonstration_predicts_people_that_it_was_not_trained_on(tmp_path, monkeypatch, run):
    from skgenetics.datasets import load_geuvadis

    monkeypatch.chdir(tmp_path)
    status, out, _ = run("predict --demo")
    assert status == 0
    data = load_geuvadis(as_frame=True)
    table = read("skgenetics_predict.tsv.gz").set_index("IID")
    assert table.index.tolist() == list(data.sample_ids)[1::2]
    C = np.column_stack([np.ones(len(data.target)), data.covariates])[1::2]
    measured = data.target.to_numpy()[1::2]
    left = measured - C @ np.linalg.lstsq(C, measured)[0]
    r = [np.corrcoef(table[g], left[:, k])[0, 1] for k, g in enumerate(data.target_names)]
    assert np.mean(r) > 0.25
    assert f"correlate by {np.mean(r):.2f} in the mean of 12 genes" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("predict", "skgenetics predict needs data. For example:\nskgenetics predict --demo\n"),
        ("predict --demo --bfile x", "--demo brings its own data; leave out --bfile"),
        ("predict --weights x", "genotypes are missing: give --bfile, --pfile, --bgen or"),
        ("predict --bfile x", "--weights is missing: a file or a folder of weights"),
    ],
)
def test_predict_says_what_is_missing(run, words, message):
    status, _, errors = run(words)
    assert status == 2
    assert message in errors


@pytest.mark.usefixtures("no_pictures")
def test_threads_change_nothing(files, run):
    found = []
    for threads in (1, 2):
        assert run(f"{TWAS} --bfile panel --threads {threads}")[0] == 0
        assert run(f"predict --weights weights --bfile panel --threads {threads} --out run")[0] == 0
        names = ["genes.tsv", "joint.tsv", "variants.tsv.gz", "blood.tsv.gz", "liver.tsv.gz"]
        found.append([read(f"run.{name}") for name in names])
    for one, other in zip(*found, strict=True):
        pd.testing.assert_frame_equal(one, other)


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_genes_are_tested_on_a_cluster_whose_worker_ends(files, run, cluster):
    names = ["genes.tsv", "joint.tsv", "variants.tsv.gz"]
    found = []
    for scheduler in ("", f" --scheduler {cluster.scheduler_address}"):
        with killing_a_worker(cluster) if scheduler else contextlib.nullcontext():
            status, _, errors = run(f"{TWAS} --bfile panel{scheduler}")
        assert status == 0, errors
        found.append([read(f"run.{name}") for name in names])
    for one, other in zip(*found, strict=True):
        pd.testing.assert_frame_equal(one, other)
