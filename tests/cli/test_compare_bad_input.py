"""Bad input: one sentence, exit status 2, no traceback, no file left behind."""

import os
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor

from skgenetics.cli.compare.models import MODELS

pytest.importorskip("pandas")

FILES = "--bfile study --pheno traits.tsv --pheno-name height --out run --models top-variant"


def swap(name, old, new, count=1):
    """Replace bytes of a file."""
    with open(name, "rb") as file:
        data = file.read()
    assert old in data
    with open(name, "wb") as file:
        file.write(data.replace(old, new, count))


def rename_everyone():
    with open("traits.tsv") as file:
        lines = file.read().splitlines()
    with open("traits.tsv", "w") as file:
        file.write("\n".join([lines[0]] + ["x" + line.replace("I", "J") for line in lines[1:]]))


def repeat_a_person():
    with open("traits.tsv") as file:
        lines = file.read().splitlines()
    with open("traits.tsv", "w") as file:
        file.write("\n".join([*lines, lines[5]]))


def cut_the_bed():
    with open("study.bed", "rb+") as file:
        file.truncate(100)


def set_dosages(column, code):
    """Write one byte, four people, over a whole variant."""
    with open("study.bed", "rb+") as file:
        file.seek(3 + 23 * column)
        file.write(bytes([code]) * 23)


def set_trait(value):
    with open("traits.tsv") as file:
        rows = [line.split("\t") for line in file.read().splitlines()]
    with open("traits.tsv", "w") as file:
        for row in rows:
            row[2] = row[2] if row[2] == "height" else value
            file.write("\t".join(row) + "\n")


def group_by_site(n_sites):
    """Give everyone one of a few cages."""
    with open("traits.tsv") as file:
        header, *rows = (line.split("\t") for line in file.read().splitlines())
    for number, row in enumerate(rows):
        row[4] = f"c{number % n_sites}"
    with open("traits.tsv", "w") as file:
        file.write("\n".join("\t".join(row) for row in [header, *rows]) + "\n")


def set_trait_by_cage(*cages):
    """Make height 1 in some cages and 0 in the others."""
    with open("traits.tsv") as file:
        header, *rows = (line.split("\t") for line in file.read().splitlines())
    for row in rows:
        row[2] = str(int(row[4] in cages))
    with open("traits.tsv", "w") as file:
        file.write("\n".join("\t".join(row) for row in [header, *rows]) + "\n")


def write_gene(chromosome, start):
    """Write genes.bed: one gene, in the first 60 people."""
    people = "\t".join(f"I{i}" for i in range(60))
    values = "\t".join(f"{value:.6g}" for value in np.random.default_rng(0).normal(size=60))
    with open("genes.bed", "w") as file:
        file.write(f"#chr\tstart\tend\tgene_id\t{people}\n")
        file.write(f"chr{chromosome}\t{start - 1}\t{start}\tG\t{values}\n")


def write_npz(code):
    values = np.random.default_rng(0).binomial(2, 0.4, (90, 6)).astype(np.int8)
    values[4, 2] = code
    np.savez("x.npz", genotypes=values, sample_ids=[f"I{i}" for i in range(90)])


NPZ = FILES.replace("--bfile study", "--genotypes x.npz")


@pytest.mark.parametrize(
    ("spoil", "words", "message"),
    [
        (rename_everyone, FILES, "Nobody is in all of study.bed (90 people, first I0), traits.tsv"),
        (repeat_a_person, FILES, "comes more than once"),
        (lambda: swap("study.fam", b"F0 I1 ", b"F0 I0 "), FILES, "study.bed: ID F0 I0 comes more"),
        (lambda: swap("traits.tsv", b"F0\tI0\t", b"F7\tI0\t"), FILES, "I0 is in family F0"),
        (cut_the_bed, FILES, "it is truncated"),
        (lambda: os.remove("study.bim"), FILES, "no file study.bim"),
        (lambda: os.remove("study.bed"), FILES, "no file study.bed"),
        (lambda: swap("study.bed", b"\x6c\x1b\x01", b"\x6c\x1b\x00"), FILES, "sample-major"),
        (lambda: swap("traits.tsv", b"\t-", b"\ttall-"), FILES, "column 'height' of I"),
        (lambda: set_trait("1.5"), FILES, "Trait height is 1.5 for everyone"),
        (lambda: set_trait("NA"), FILES, "Trait height has a value for 0 of the 90 people"),
        (lambda: set_dosages(3, 0xFF), FILES, "1 of 12 variants do not vary"),
        (
            lambda: set_dosages(0, 0x55),
            FILES,
            "(1 have no call at all; first: rs0): leave them out",
        ),
        (lambda: write_npz(3), NPZ, "dosage of variant variant2 in sample I4 is 3"),
        (lambda: write_npz(-1), NPZ, "dosage of variant variant2 in sample I4 is -1"),
        (lambda: None, FILES + " --maf 0.49", "None of 12 variants has a minor allele frequency"),
        (lambda: None, FILES + " --extract traits.tsv", "None of the 31 variants in traits.tsv"),
        (lambda: None, FILES + " --keep nobody.txt", "no file nobody.txt"),
        (lambda: None, FILES + " --groups tribe", "there is no column 'tribe'"),
        (lambda: None, FILES + " --folds 40", "40 folds need at least 160"),
        (lambda: None, FILES + " --folds 1", "must be at least 2"),
        (lambda: None, FILES + " --maf .7", "must be from 0 to below 0.5"),
        (
            lambda: None,
            FILES + ",forest",
            "there is no 'forest'; choose from covariates-only, top-variant",
        ),
        (lambda: None, FILES.replace("top-variant", "LogisticRegression"), "for a quantitative"),
        (lambda: None, FILES.replace("height", "LDL"), "no column 'LDL'; it has height, illness"),
        (
            lambda: None,
            FILES.replace("--pheno-name height", "") + " --covar traits.tsv",
            "--covar and --pheno are one file: name the columns",
        ),
        (
            lambda: None,
            FILES + " --covar traits.tsv --covar-name height",
            "share a column: a trait would be its own covariate",
        ),
        (lambda: None, FILES + " --covar-name age", "--covar-name chooses columns of --covar"),
        (
            lambda: group_by_site(2),
            FILES + " --groups cage --folds 3",
            "--groups cage has 2 groups among the people used; 3 folds need at least 3",
        ),
        (lambda: None, FILES + " --out traits.tsv", "it is a file, not a folder"),
        (lambda: None, "--bfile study", "--pheno is missing"),
        (lambda: None, "--pheno traits.tsv", "--pheno needs --bfile, --pfile, --bgen or --geno"),
        (lambda: None, "--keep people.txt", "--keep needs --bfile"),
        (lambda: None, "--pfile study --pheno traits.tsv", "no file study.pgen"),
        (lambda: None, "--bgen x.bgen --pheno traits.tsv", "no file x.bgen"),
        (lambda: None, FILES + " --sample x.sample", "it needs --bgen"),
        (lambda: None, FILES + " --window 1000", "--window is for genes"),
        (
            lambda: None,
            FILES.replace("traits.tsv", "traits.tsv more.tsv"),
            "several files only if each is a BED",
        ),
        (
            lambda: None,
            "--bfile study --pheno liver.bed old/liver.v8.bed --out run",
            "two of them are equal",
        ),
        (
            lambda: write_gene("1", 90_000_000),
            "--bfile study --pheno genes.bed --out run",
            "within 1,000,000 base pairs of the start of any gene, such as G on chr1",
        ),
        (
            lambda: set_trait_by_cage("c0", "c1"),
            FILES + " --groups cage --folds 3",
            "of 3 has not both classes of trait height",
        ),
        (lambda: None, "--bfile study --genotypes x.npz", "not allowed with"),
        (lambda: None, "--no-such-flag", "unrecognized arguments"),
    ],
)
def test_bad_input(study, compare, spoil, words, message):
    spoil()
    before = sorted(os.listdir())
    status, _, errors = compare(text=words)
    assert status == 2
    assert errors.startswith("skgenetics")
    assert message in errors
    assert errors.count("\n") == 1
    assert "Traceback" not in errors
    assert sorted(os.listdir()) == before


def test_maf_leaves_out_what_does_not_vary(study, compare):
    set_dosages(3, 0xFF)
    set_dosages(0, 0x55)
    status, printed, errors = compare(text=FILES + " --maf 0.01")
    assert status == 0, errors
    assert "2 variants left out by --maf 0.01" in printed
    assert "10 variants" in printed


@pytest.fixture
def put_in_place(monkeypatch):
    """Put an estimator in the place of the model of some name, of quantitative traits."""

    def put_in_place(name, estimator):
        def build(settings):
            return estimator

        entries = [
            replace(entry, regressor=build, variants_used="unknown")
            if entry.name == name
            else entry
            for entry in MODELS
        ]
        monkeypatch.setattr("skgenetics.cli.compare.models.MODELS", tuple(entries))

    return put_in_place


def fails_in(folds):
    """Return a regressor that fails on training data of some sizes."""

    class Fails(DummyRegressor):
        def fit(self, X, y):
            if len(y) in folds:
                raise ZeroDivisionError("the sky\nfell")
            return super().fit(X, y)

    return Fails()


def test_some_fits_fail(study, compare, put_in_place):
    put_in_place("RidgeCV", fails_in({60}))
    words = FILES + " RidgeCV --folds 4"  # training folds of 67, 67, 68 and 68
    status, _, errors = compare(text=words)
    assert status == 0, errors
    put_in_place("RidgeCV", fails_in({67}))
    status, printed, errors = compare(text=words)
    assert status == 3
    assert "Failed: RidgeCV, 2 of 4 fits: ZeroDivisionError: the sky fell" in errors
    assert "Traceback" not in errors
    row = next(line for line in printed.splitlines() if line.startswith("height  "))
    assert row.rstrip().endswith("failed")
    assert os.path.exists("run/comparison.csv")
    assert "the sky fell" in Path("run/compare.log").read_text()
    assert "The others are kept in run.parts/: the same command tries those again." in printed
    put_in_place("RidgeCV", fails_in(range(100)))  # every new fit
    status, _, errors = compare(text=words)
    assert status == 3
    assert "Failed: RidgeCV, 2 of 4 fits" in errors
    put_in_place("RidgeCV", fails_in({60}))
    assert compare(text=words)[0] == 0
    assert not os.path.exists("run.parts")


def test_warnings_of_fits_are_counted(study, compare, put_in_place):
    class Warns(DummyRegressor):
        def fit(self, X, y):
            warnings.warn("a remark", UserWarning, stacklevel=1)
            warnings.warn(f"gap: {np.abs(y).sum():.3e}, 2", UserWarning, stacklevel=1)
            return super().fit(X, y)

    put_in_place("MLP", Warns())
    status, printed, errors = compare(text=FILES + ",MLP")
    assert status == 0, errors
    assert "Note: MLP, 5 of 5 fits: a remark" in printed
    assert printed.count("Note: MLP, 5 of 5 fits: gap: ") == 1
    assert errors == ""


def test_every_fit_fails(study, compare, put_in_place):
    put_in_place("RidgeCV", fails_in(range(100)))
    before = sorted(os.listdir())
    status, _, errors = compare(text=FILES.replace("top-variant", "RidgeCV"))
    assert status == 2
    assert errors.splitlines()[-1].startswith(
        "skgenetics compare: error: Every fit failed. RidgeCV"
    )
    assert sorted(os.listdir()) == before


KEPT = "finished fits are in run.parts/, and the same command goes on from there"


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (KeyError("x"), 1, f"unexpected KeyError: 'x' (--debug shows where; {KEPT})"),
        (KeyboardInterrupt(), 130, f"interrupted; {KEPT}."),
        (PermissionError(13, "denied", "run"), 2, f"error: denied: run; {KEPT}."),
        (ValueError("It is blue."), 2, f"error: It is blue; {KEPT}."),
    ],
)
def test_other_errors(study, compare, monkeypatch, error, status, sentence):
    def fail(*_):
        raise error

    monkeypatch.setattr("skgenetics.cli.compare.report.write_results", fail)
    before = sorted(os.listdir())
    got, _, errors = compare(text=FILES)
    assert got == status
    assert errors == f"skgenetics compare: {sentence}\n"
    assert sorted(os.listdir()) == sorted([*before, "run.parts"])


def test_debug_shows_the_traceback(study, compare):
    cut_the_bed()
    status, _, errors = compare(text=FILES + " --debug")
    assert status == 2
    assert "Traceback" in errors
