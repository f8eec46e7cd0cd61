"""``skgenetics check``: what is understood of summary statistics."""

import shlex

import pytest

from skgenetics.cli.main import main

pd = pytest.importorskip("pandas")


@pytest.fixture
def check(capsys):
    """Run ``skgenetics check`` in this process: exit status, printed text, error text."""

    def check(text):
        try:
            status = main(["check", *shlex.split(text)])
        except SystemExit as error:
            status = error.code
        return status, *capsys.readouterr()

    return check


def test_what_is_understood(scan, check):
    status, printed, errors = check("gwas.tsv --bfile panel")
    assert status == 0, errors
    for line in (
        "gwas.tsv: 120 variants (GWAS-SSF)",
        "effect_allele            effect_allele",
        "n: 20,000",
        "Chromosomes: 2",
        "in 2 loci",
        "z against p: they agree at 120 of 120 variants",
        "120 of 120 shared IDs are at the same position: both are of one genome build",
        "120 of 120 variants of the statistics are in it (100%)",
        "Next: skgenetics finemap --sumstats gwas.tsv --bfile panel --build BUILD --out my_run",
    ):
        assert line in printed


def test_what_does_not_fit(scan, check):
    _, table = scan
    table = table.drop(columns="n").assign(base_pair_location=table["base_pair_location"] + 7)
    table["p_value"] = 0.5
    table.to_csv("other.tsv", sep="\t", index=False)
    status, printed, errors = check("other.tsv --bfile panel")
    assert status == 0, errors
    assert "n: not in the file; finemap needs --n" in printed
    assert "of 120 variants only. p may be corrected" in printed
    assert "0 of 120 shared IDs are at the same position: the genome builds differ" in printed
    assert "--n PEOPLE" in printed


def test_the_next_command_can_be_pasted(scan, check, tmp_path):
    (tmp_path / "my study").mkdir()
    (tmp_path / "gwas.tsv").rename(tmp_path / "my study" / "it's.tsv")
    status, printed, errors = check('"my study/it\'s.tsv" --bfile panel --n 500')
    assert status == 0, errors
    command = shlex.split(printed.splitlines()[-1])
    assert command[:3] == ["Next:", "skgenetics", "finemap"]
    assert command[3:9] == ["--sumstats", "my study/it's.tsv", "--bfile", "panel", "--n", "500"]


def test_unknown_columns_are_guessed(scan, check):
    _, table = scan
    names = {"effect_allele": "tested.allele", "other_allele": "other.allele", "beta": "lnOR"}
    names |= {"standard_error": "Std.Err"}
    table.rename(columns=names).to_csv("other.tsv", sep="\t", index=False)
    status, _, errors = check("other.tsv")
    assert status == 2
    assert "Traceback" not in errors
    assert errors.count("\n") == 1
    _, _, line = errors.partition("--columns ")
    words = line.partition(";")[0]
    assert "beta=lnOR" in words
    status, printed, errors = check(f"other.tsv --columns {words}")
    assert status == 0, errors
    assert "120 variants (column map)" in printed
    assert f"--columns {words}" in printed
