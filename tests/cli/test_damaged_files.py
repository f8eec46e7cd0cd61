"""Every command on damaged files: it ends well, or in one sentence that leaves nothing behind.

For more cases of each file: ``SKGENETICS_FUZZ=100 pytest tests/cli/test_damaged_files.py -m slow``.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from skgenetics.cli.main import main
from tests.cli.scans import simulate, write_panel
from tests.cli.test_twas import Files
from tests.cli.test_weights import expression  # noqa: F401
from tests.oracles.mutations import damaged, is_one_sentence

pd = pytest.importorskip("pandas")
pytest.importorskip("bed_reader")

PANEL = ["panel.bim", "panel.fam", "panel.bed"]
STUDY = ["study.bim", "study.fam", "study.bed"]
# words behind a command, and the files that are damaged
COMMANDS = {
    "finemap": (
        "--sumstats gwas.tsv --bfile panel --build GRCh37 --regions loci.bed --out run --threads 1",
        ["gwas.tsv", "loci.bed", *PANEL],
    ),
    "check": ("gwas.tsv --bfile panel", ["gwas.tsv", *PANEL]),
    "compare": (
        "--bfile study --pheno traits.tsv --pheno-name height --covar covariates.csv --folds 2 "
        "--models top-variant --out run --threads 1",
        ["traits.tsv", "covariates.csv", *STUDY],
    ),
    "weights": (
        "--bfile study --pheno blood.bed --covar covariates.csv --build GRCh38 --window 4000 "
        "--pheno-name G1 --folds 3 --model enet --format predictdb --out run --threads 1",
        ["blood.bed", "covariates.csv", *STUDY],
    ),
    "predict": (
        "--weights score.txt --bfile panel --build GRCh38 --out run --threads 1",
        ["score.txt", *PANEL],
    ),
    "twas": (
        "--sumstats gwas.tsv --weights score.txt --bfile panel --out run --threads 1",
        ["gwas.tsv", "score.txt", *PANEL],
    ),
    "predict from a database": (
        "--weights weights/blood.db --bfile panel --out run --threads 1",
        ["weights/blood.db"],
    ),
    "predict from FUSION": (
        "--weights fusion/G1.wgt.RDat --bfile panel --build GRCh38 --out run --threads 1",
        ["fusion/G1.wgt.RDat"],
    ),
    "twas from databases": (
        "--sumstats gwas.tsv --weights weights --covariance weights/covariance.txt.gz --out run "
        "--threads 1",
        ["weights/liver.db", "weights/covariance.txt.gz"],
    ),
}
FUZZED = int(os.environ.get("SKGENETICS_FUZZ", "20"))  # cases of each file


@pytest.fixture
def files(request, tmp_path, monkeypatch):
    """The files of a command in the working folder."""
    command = request.getfixturevalue("command")
    monkeypatch.chdir(tmp_path)
    for module in ("finemap.report", "twas.report", "compare.report"):
        monkeypatch.setattr(f"skgenetics.cli.{module}.without_pictures", lambda: ["No pictures"])
    if command in ("compare", "weights"):
        request.getfixturevalue("study" if command == "compare" else "expression")
    elif command.startswith(("predict", "twas")):
        study = Files()
        Path("fusion").mkdir()
        study.write_fusion("fusion/G1.wgt.RDat", [0, 1, 2, 3], study.w["G1", "blood"])
        Path("score.txt").write_text(
            "#pgs_name=S\n#genome_build=GRCh38\nrsID\teffect_allele\tother_allele\teffect_weight\n"
            "rs0\tA\tC\t0.5\nrs1\tC\tA\t-0.2\nrs12\tA\tC\t0.1\n"
        )
    else:
        X, table = simulate(1)
        write_panel("panel", X[:, 15:27], table.iloc[15:27])
        table.iloc[15:27].to_csv("gwas.tsv", sep="\t", index=False)
        Path("loci.bed").write_text("chr2\t9999999\t10020000\nchr2\t10020500\t10030000\n")


def run(command, capsys):
    """Run a command; return its exit status, what it said was wrong, and what it left."""
    before = {str(path) for path in Path().rglob("*")}
    status = main([command.split()[0], *COMMANDS[command][0].split()])
    left = {str(path) for path in Path().rglob("*")} - before
    for name in left:
        path = Path(name)
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return status, capsys.readouterr().err, left


def check_cases(command, seeds, capsys):
    """Damage each file in turn as seeds say; return how many runs ended well, and in an error."""
    counts = {True: 0, False: 0}
    for name in COMMANDS[command][1]:
        original = Path(name).read_bytes()
        for seed in seeds:
            Path(name).write_bytes(damaged(np.random.default_rng(seed), original))
            status, errors, left = run(command, capsys)
            case = f"{name}, seed {seed}: {errors}"
            assert status in (0, 2, 3), case
            counts[status == 0] += 1
            if status == 2:
                assert errors.startswith(f"skgenetics {command.split()[0]}: error: "), case
                assert is_one_sentence(errors.removesuffix("\n")), case
                assert not left, f"{case} left {left}"
            assert "Traceback" not in errors, case
        Path(name).write_bytes(original)
    return counts


@pytest.mark.parametrize("command", COMMANDS)
def test_the_files_themselves_are_taken(files, command, capsys):
    status, errors, left = run(command, capsys)
    assert status == 0, errors
    assert bool(left) is (command != "check")


@pytest.mark.parametrize("command", COMMANDS)
def test_damage_is_one_sentence(files, command, capsys):
    check_cases(command, range(3), capsys)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_much_damage_is_one_sentence(files, command, capsys):
    counts = check_cases(command, range(100, 100 + FUZZED), capsys)
    assert all(counts.values())  # the damage is neither always noticed nor never
