"""Tables that ``skgenetics finemap`` writes for other tools, and the page that describes all."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.cli.scans import N_STUDY, read

pd = pytest.importorskip("pandas")
pytestmark = pytest.mark.usefixtures("no_pictures")

FILES = "--sumstats gwas.tsv --bfile panel --build GRCh37 --out run"


def run(finemap, text):
    status, printed, errors = finemap(text=text)
    assert status == 0, errors
    return printed


def test_formats_of_other_tools(scan, finemap):
    _, table = scan
    table["n"] = np.where(table.index == 4, 1000, N_STUDY)  # left out
    table.to_csv("gwas.tsv", sep="\t", index=False)
    run(finemap, FILES + " --format polyfun")
    native = read("run.variants.tsv.gz").dropna(subset="pip")
    assert len(native) == 119
    native = native.set_index("rsid")
    table = table.set_index("rsid")
    polyfun = pd.read_csv("run.polyfun.tsv.gz", sep="\t").set_index("SNP")
    assert " ".join(polyfun.columns) == (
        "CHR BP A1 A2 N Z P PIP BETA_MEAN BETA_SD DISTANCE_FROM_CENTER CREDIBLE_SET"
    )
    for theirs, ours in {"PIP": "pip", "Z": "z", "BETA_MEAN": "posterior_mean"}.items():
        np.testing.assert_allclose(polyfun[theirs], native.loc[polyfun.index, ours], rtol=1e-6)
    assert (polyfun["CREDIBLE_SET"] == native.loc[polyfun.index, "cs"]).all()
    for chunk in (polyfun["PIP"].iloc[:59], polyfun["PIP"].iloc[59:]):
        assert chunk.is_monotonic_decreasing

    run(finemap, FILES + " --format finngen")
    snp = pd.read_csv("run.snp.tsv.gz", sep="\t").set_index("rsid")
    beta = table.loc[snp.index, "beta"]
    np.testing.assert_allclose(snp["beta"], beta, rtol=1e-6)
    assert (snp["allele2"] == table.loc[snp.index, "effect_allele"]).all()
    np.testing.assert_allclose(snp["prob"], native.loc[snp.index, "pip"], rtol=1e-6)
    assert ((snp["cs"] == -1) == (native.loc[snp.index, "cs"] == 0)).all()
    f = table.loc[snp.index, "effect_allele_frequency"]
    np.testing.assert_allclose(snp["maf"], np.minimum(f, 1 - f), rtol=1e-6)
    cred, sets = pd.read_csv("run.cred.tsv.gz", sep="\t"), read("run.credible_sets.tsv")
    np.testing.assert_allclose(cred["cs_min_r2"], sets["min_abs_r"] ** 2, rtol=1e-5)
    assert cred["cs_size"].tolist() == sets["size"].tolist()

    run(finemap, FILES + " --format finemap")
    for number, name in enumerate("run." + sets["locus"].str.replace(":", "_")):
        snp = pd.read_csv(f"{name}.snp", sep=" ").set_index("rsid")
        here = native.loc[snp.index]
        np.testing.assert_allclose(snp["prob"], here["pip"], rtol=1e-6)
        likely = here["pip"] > 0.01  # an effect's second moment, by inclusion
        second = snp["mean_incl"] ** 2 + snp["sd_incl"] ** 2
        np.testing.assert_allclose(
            (second * snp["prob"])[likely],
            (here["posterior_sd"] ** 2 + here["posterior_mean"] ** 2)[likely],
            rtol=1e-4,
        )
        lines = Path(f"{name}.cred").read_text().splitlines()
        assert lines[3] == "index cred1 prob1"
        members = [line.split()[1] for line in lines[4:]]
        assert set(members) == set(here.index[here["cs"] == 1])
        assert lines[1].split()[1] == f"{sets['min_abs_r'].iloc[number]:.4g}"


def test_every_column_is_documented(scan, finemap):
    text = (Path(__file__).resolve().parents[2] / "doc" / "formats.md").read_text()
    documented = {word for line in text.splitlines() for word in re.findall(r"\w+", line)}
    for form in ("polyfun", "finngen", "finemap"):
        run(finemap, FILES + f" --format {form}")
    names = [path for path in Path().glob("run.*") if path.suffix in (".gz", ".tsv", ".snp")]
    assert len(names) == 8
    for path in names:
        columns = pd.read_csv(path, sep=" " if path.suffix == ".snp" else "\t", comment="#").columns
        assert set(columns) <= documented, path
