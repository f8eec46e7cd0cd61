"""``skgenetics finemap`` on real genotypes and a real scan."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from skgenetics.datasets import make_summary_statistics
from tests.cli.scans import exchanged, read

pd = pytest.importorskip("pandas")
bed_reader = pytest.importorskip("bed_reader")

ROOT = Path(__file__).resolve().parents[2]
LDL = "--sumstats gwas.tsv.gz --bfile panel --build GRCh37 --chr 1 --start 25269355 --end 26269355"


@pytest.fixture
def ldl(shared, tmp_path, monkeypatch):
    """The LDL locus: its scan as GWAS-SSF, its own 503 people as PLINK files."""
    monkeypatch.chdir(tmp_path)
    path = shared / "data" / "gwas_loci" / "glgc_ldl_chr1_25.3_26.3Mb.npz"
    locus = np.load(path, allow_pickle=False)
    G, p = locus["G_1kg_eur"], len(locus["z"])
    people = [f"I{i}" for i in range(len(G))]
    bed_reader.to_bed(
        "panel.bed",
        np.where(G < 0, -127, G).astype(np.int8),
        properties={
            "fid": people,
            "iid": people,
            "sid": locus["rsid"],
            "chromosome": ["1"] * p,
            "bp_position": locus["pos19"],
            "allele_1": locus["a1"],
            "allele_2": locus["a2"],
        },
    )
    table = pd.DataFrame(
        {
            "chromosome": "1",
            "base_pair_location": locus["pos19"],
            "effect_allele": locus["a1"],
            "other_allele": locus["a2"],
            "beta": locus["z"],  # per standard error
            "standard_error": 1.0,
            "effect_allele_frequency": locus["maf"],
            "p_value": 2 * norm.sf(np.abs(locus["z"])),
            "rsid": locus["rsid"],
            "n": locus["n"],
        }
    )
    rng = np.random.default_rng(0)
    table = exchanged(table, rng.random(p) < 0.5).sample(frac=1, random_state=0)
    table.to_csv("gwas.tsv.gz", sep="\t", index=False)
    return locus


def run(finemap, words):
    status, printed, errors = finemap(text=f"{LDL} {words} --out run")
    assert status == 0, errors
    return printed, read("run.credible_sets.tsv"), read("run.variants.tsv.gz")


@pytest.mark.parametrize(
    ("words", "n_low"), [("", 39), pytest.param("--min-n-fraction 0", 0, marks=pytest.mark.slow)]
)
def test_the_ldl_locus_never_misleads(ldl, finemap, words, n_low):
    """z of 1.2 million people and the LD of 503 others do not fit: one set of many variants."""
    printed, sets, variants = run(finemap, words)
    assert ("39 LOW_N: fewer people than 0.8 of the locus median" in printed) == (n_low > 0)
    fewer = (
        r"z fits ld as it would fit that of \d+ people of the scan's population, rather than of 503"
    )
    share = r"z and ld do not fit: [\d.]+% of the noise of the strong"
    assert re.search(f"Warning: {share if n_low == 0 else fewer}", printed)
    assert re.search(r"LD_OUTLIER: .* and \d+ more, whose z does not fit the others", printed)
    assert "No variant has PIP > 0.5: the sets are the result, not the lead variants" in printed
    assert sets["lead_rsid"].tolist() == ["rs34596921"]
    assert 20 <= sets["size"].item() <= 80
    assert variants["pip"].max() < 0.5
    low = variants["flag"].fillna("").str.split(";").map(lambda flags: "LOW_N" in flags)
    assert low.sum() == variants["pip"].isna().sum() == n_low
    np.testing.assert_array_equal(variants["rsid"], ldl["rsid"])
    np.testing.assert_allclose(variants["z"], ldl["z"], rtol=1e-6)
    assert read("run.loci.tsv")["ld_mismatch"].tolist() == [True]
    assert os.path.getsize("run.chr1_25269355-26269355.png") > 20_000


@pytest.mark.slow
def test_the_ldl_locus_with_ld_taken_for_the_scans_own(ldl, finemap):
    """LD taken for the scan's own: unchecked two sets, checked one."""
    words = "--panel-size 2000000000 --on-mismatch ignore"
    printed, sets, _ = run(finemap, words)
    assert sets["size"].tolist() == [48, 22]
    np.testing.assert_allclose(sets["lead_pip"], [0.10, 0.12], atol=0.01)
    assert "was not assessed (--on-mismatch ignore)" in printed
    printed, sets, _ = run(finemap, words + " --min-n-fraction 0")
    assert sets["size"].tolist() == [51, 21]
    # checked again, the LD counts as that of a panel: the set of the strongest signal
    for filtered, size in (("", 71), (" --min-n-fraction 0", 73)):
        printed, sets, _ = run(finemap, "--panel-size 2000000000" + filtered)
        assert sets["size"].tolist() == [size]
        assert "The LD was taken as that of 500 people (panel_size)." in printed


@pytest.fixture
def windows(shared, tmp_path, monkeypatch):
    """A scan simulated in a window of each autosome; returns the panel and the causal variants."""
    monkeypatch.chdir(tmp_path)
    prefix = shared / "data" / "kg1000_windows" / "kg489"
    bim = pd.read_csv(f"{prefix}.bim", sep="\t", header=None, usecols=[0, 1, 3, 4, 5])
    bim.columns = ["chromosome", "rsid", "base_pair_location", "effect_allele", "other_allele"]
    tables, causal = [], []
    with bed_reader.open_bed(f"{prefix}.bed") as bed:
        for chromosome in range(1, 23):
            here = np.flatnonzero(bim["chromosome"] == chromosome)[:900]
            X = bed.read(index=(slice(None), here), dtype="float64")
            X = np.where(np.isnan(X), np.nanmean(X, axis=0), X)
            common = np.abs(1 - X.mean(axis=0)) < 0.9
            X, here = X[:, common], here[common]
            effects = np.zeros(len(here))
            effects[len(here) // 2] = 0.08
            study = make_summary_statistics(
                ld=np.corrcoef(X, rowvar=False),
                effects=effects,
                n_samples=20_000,
                random_state=chromosome,
            )
            f = X.mean(axis=0) / 2
            se = 1 / np.sqrt(2 * f * (1 - f) * 20_000)
            tables.append(
                bim.iloc[here].assign(
                    beta=study.z * se,
                    standard_error=se,
                    effect_allele_frequency=f,
                    p_value=2 * norm.sf(np.abs(study.z)),
                    n=20_000,
                )
            )
            causal.append(bim["base_pair_location"].iloc[here[len(here) // 2]])
    table = pd.concat(tables, ignore_index=True)
    rng = np.random.default_rng(0)
    table["rsid"] = rng.permutation(table["rsid"])  # IDs say nothing: positions and alleles do
    table["chromosome"] = "chr" + table["chromosome"].astype(str)
    table = exchanged(table, rng.random(len(table)) < 0.5).sample(frac=1, random_state=0)
    table.to_csv("gwas.tsv", sep="\t", index=False)
    return prefix, causal


def command(prefix, out):
    return [
        *(sys.executable, "-m", "skgenetics", "finemap", "--sumstats", "gwas.tsv", "--bfile"),
        *(str(prefix), "--build", "GRCh37", "--out", out, "--threads", "2"),
    ]


def tables(out):
    return [
        read(f"{out}.{name}").drop(columns="seconds", errors="ignore")
        for name in ("loci.tsv", "credible_sets.tsv", "variants.tsv.gz")
    ]


@pytest.mark.slow
def test_a_genome_of_windows_goes_on_after_being_killed(windows):
    prefix, causal = windows
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command(prefix, "whole"), capture_output=True, text=True, env=environment, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert "22 loci around variants with p < 5e-8" in done.stdout
    assert "have another rs ID in the panel: positions and alleles decide" in done.stdout
    loci, _, variants = tables("whole")
    assert loci["status"].tolist() == ["ok"] * 22
    assert not loci["ld_mismatch"].any()
    members = variants[variants["cs"] > 0]
    found = sum(
        position in set(members.loc[members["chromosome"] == str(j), "base_pair_location"])
        for j, position in enumerate(causal, start=1)
    )
    assert found >= 19  # of 22, at a coverage of .95

    with subprocess.Popen(
        command(prefix, "killed"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    ) as process:
        parts, end = Path("killed.parts"), time.monotonic() + 300
        while len(list(parts.glob("chr*"))) < 4 and time.monotonic() < end:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    before = {
        path.name: json.loads(gzip.decompress(path.read_bytes()))["loci"]["seconds"]
        for path in parts.glob("chr*")
    }
    assert 4 <= len(before) < 22
    assert not list(Path().glob("killed.*.tsv*"))
    done = subprocess.run(
        command(prefix, "killed"), capture_output=True, text=True, env=environment, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert not parts.exists()
    for whole, resumed in zip(tables("whole"), tables("killed"), strict=True):
        pd.testing.assert_frame_equal(resumed, whole)
    seconds = set(read("killed.loci.tsv")["seconds"].map("{:.4g}".format))
    for (value,) in before.values():  # those loci were read, not fitted again
        assert f"{value:.4g}" in seconds
