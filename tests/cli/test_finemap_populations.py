"""``skgenetics finemap --sumstats A B --bfile PA PB --populations``: an LD for each population."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from skgenetics import MMASHRegressor
from skgenetics.datasets import make_genotypes
from tests.cli.scans import N_PEOPLE, N_VARIANTS, exchanged, interactive_pictures, read, write_panel

pd = pytest.importorskip("pandas")
pytest.importorskip("bed_reader")

FILES = "--sumstats eur.tsv eas.tsv --bfile eur eas --populations --build GRCh37 --out run"
REGION = " --chr 2 --start 9990000 --end 10100000"
PEOPLE = (20_000, 12_000)
CAUSAL = {15: (0.06, 0.07), 44: (0.0, 0.08)}  # effects per SD of the variant
NO_EAS_PANEL, NO_EAS_SCAN, NO_EUR_SCAN = 3, 7, 30  # variants
MONOMORPHIC = 9  # in the panel of eas

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def scans(scan):
    """Scans and panels of one locus in two populations; returns dosages, z (P, 2) and the table.

    The panel of eas counts other alleles at a third of the variants, is in another order, and
    names other variants; z are of the alleles of the table.
    """
    _, table = scan
    table = table[:N_VARIANTS]
    rng, z, X = np.random.default_rng(1), np.zeros((N_VARIANTS, 2)), []
    for j, n in enumerate(PEOPLE):
        X.append(make_genotypes(N_PEOPLE, N_VARIANTS, random_state=10 + j).data)
        R = np.corrcoef(X[j], rowvar=False)
        b = np.zeros(N_VARIANTS)
        for variant, effects in CAUSAL.items():
            b[variant] = effects[j]
        root = np.linalg.cholesky(R + 1e-8 * np.eye(N_VARIANTS))
        z[:, j] = np.sqrt(n) * R @ b + root @ rng.normal(size=N_VARIANTS)
    z[NO_EUR_SCAN, 0] = z[NO_EAS_SCAN, 1] = np.nan
    X[1][:, MONOMORPHIC] = 0
    for j, name in enumerate(("eur", "eas")):
        frequency = X[j].mean(axis=0) / 2
        file = table.assign(
            beta=z[:, j] * table["standard_error"],
            p_value=np.nan,
            n=PEOPLE[j],
            effect_allele_frequency=frequency,
        ).dropna(subset="beta")
        file = exchanged(file, rng.random(len(file)) < 0.5)
        file.sample(frac=1, random_state=j).to_csv(f"{name}.tsv", sep="\t", index=False)
    write_panel("eur", X[0], table)
    counted = table.copy()
    other = np.arange(N_VARIANTS) % 3 == 1
    counted.loc[other, ["effect_allele", "other_allele"]] = table.loc[
        other, ["other_allele", "effect_allele"]
    ].to_numpy()
    kept = rng.permutation(np.delete(np.arange(N_VARIANTS), NO_EAS_PANEL))
    dosages = np.where(other, 2 - X[1], X[1])[:, kept]
    write_panel("eas", dosages, counted.iloc[kept].assign(rsid=[f"v{i}" for i in kept]))
    return X, z, table


def run(finemap, *words, text=FILES + REGION):
    status, printed, errors = finemap(*words, text=text)
    assert status == 0, errors
    return printed


def expected(X, z, **options):
    """The fit of the arrays."""
    lds = [np.corrcoef(X[0], rowvar=False), np.full((N_VARIANTS, N_VARIANTS), np.nan)]
    own = np.setdiff1d(np.arange(N_VARIANTS), [NO_EAS_PANEL, MONOMORPHIC])
    lds[1][np.ix_(own, own)] = np.corrcoef(X[1][:, own], rowvar=False)
    z = z.copy()
    z[[NO_EAS_PANEL, MONOMORPHIC], 1] = np.nan
    model = MMASHRegressor(solver="single_effects", **options)
    return model.fit_summary(
        pd.DataFrame(z, columns=["eur", "eas"]),
        lds,
        n_samples=list(PEOPLE),
        panel_size=[N_PEOPLE, N_PEOPLE],
    ), z


def test_tables_are_those_of_the_estimator(scans, finemap):
    X, z, table = scans
    printed = run(finemap)
    model, used = expected(X, z)
    variants = read("run.variants.tsv.gz").set_index("rsid").loc[table["rsid"]]
    np.testing.assert_allclose(variants["pip"], model.pip_, atol=1e-5)
    np.testing.assert_array_equal(variants["effect_allele"], table["effect_allele"])
    rows = read("run.trait_variants.tsv.gz")
    assert rows["trait"].unique().tolist() == ["eur", "eas"]
    for j, (_, own) in enumerate(rows.groupby("trait", sort=False)):
        own = own.set_index("rsid").loc[table["rsid"]]
        np.testing.assert_allclose(own["z"], used[:, j], rtol=1e-5)
        np.testing.assert_allclose(own["posterior_mean"], model.coef_[j], atol=1e-5)
        assert own["n"].max() == PEOPLE[j]
    effects = read("run.trait_effects.tsv")
    for place, found in enumerate(model.credible_sets_, start=1):
        one = effects[effects["cs"] == place]
        np.testing.assert_allclose(one["effect"], found["effect"], atol=1e-5)
        np.testing.assert_allclose(one["lfsr"], found["lfsr"], atol=1e-5)
    sure = effects[effects["lfsr"] < 0.05]
    assert {"eur", "eas"} == set(sure["trait"])
    assert "eur.bed: 300 people, 60 variants" in printed
    assert "eas.bed: 300 people, 59 variants" in printed
    assert re.search(r"eas:\n  Variants in the loci: 59 of .* 58 matched", printed)
    assert Path("run.log").read_text() == printed


@pytest.mark.slow
def test_the_order_of_the_populations_does_not_matter(scans, finemap):
    run(finemap)
    one = read("run.variants.tsv.gz")
    swapped = FILES.replace("eur.tsv eas.tsv", "eas.tsv eur.tsv").replace("eur eas", "eas eur")
    run(finemap, text=swapped + REGION)
    other = read("run.variants.tsv.gz").set_index("base_pair_location")
    other = other.loc[one["base_pair_location"]]
    np.testing.assert_allclose(other["pip"], one["pip"], atol=1e-4)


@pytest.mark.slow
def test_sizes_of_panels_by_file(scans, finemap):
    run(finemap, "--panel-size", "20000", "12000", "--trait-names", "one", "two")
    assert read("run.trait_effects.tsv")["trait"].unique().tolist() == ["one", "two"]
    trusted = read("run.variants.tsv.gz")["pip"]
    run(finemap)
    untold = read("run.variants.tsv.gz")["pip"]
    assert np.abs(trusted - untold).max() > 1e-3
    run(finemap, "--panel-size", "300")  # as the files say
    np.testing.assert_allclose(read("run.variants.tsv.gz")["pip"], untold, atol=1e-6)


def test_a_population_without_the_locus_is_left_out(scans, finemap):
    for name in ("eas.tsv", "eas.bim"):
        moved = re.sub(r"\b100(\d{5})\b", r"500\1", Path(name).read_text())  # 10 Mb to 50 Mb
        Path(name).write_text(moved)
    printed = run(finemap, text=FILES)
    assert re.search(r"  chr2:9\d*-10\d* has no variant of eas\n", printed)
    assert re.search(r"  chr2:49\d*-50\d* has no variant of eur\n", printed)
    effects = read("run.trait_effects.tsv")
    assert effects.groupby("trait")["locus"].nunique().to_dict() == {"eur": 1, "eas": 1}
    assert effects["locus"].nunique() == 2


@pytest.mark.slow
def test_pictures_have_the_ld_of_each_population(scans, finemap, monkeypatch):
    from skgenetics.cli.finemap import report

    given, draw = [], report.locus_display
    monkeypatch.setattr(
        report, "locus_display", lambda *a, **k: given.append(k["ld"]) or draw(*a, **k)
    )
    X, *_ = scans
    run(finemap, "--report", "--threads", "1")
    for ld, dosages in zip(given[0], X, strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            expected = np.corrcoef(dosages, rowvar=False)
        known = np.isfinite(ld)
        np.testing.assert_allclose(ld[known], expected[known], atol=1e-8)
    page = Path("run.report.html").read_text()
    pictures = interactive_pictures(page)
    for name in ("eur", "eas"):
        assert f"{name}: -log10 p" in pictures


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "--sumstats eur.tsv eas.tsv --bfile eur eas --build GRCh37 --out run",
            "--bfile takes one value; got 2. With --populations",
        ),
        (
            FILES.replace("--bfile eur eas", "--bfile eur"),
            "--bfile has 1 for 2 files of --sumstats: --populations needs one for each",
        ),
        (
            "--sumstats eur.tsv --bfile eur --populations --build GRCh37 --out run",
            "--populations is for several files",
        ),
        (FILES + " --trait-correlation none", "leave it out with --populations"),
        (FILES + " --panel-size 3 4 5", "--panel-size has 3 for 2 files"),
        (FILES.replace("eur eas", "eur gone"), "gone"),
        (FILES + " --chr 7 --start 1 --end 1000", "no variant in"),
    ],
)
def test_bad_input(scans, finemap, text, message):
    status, _, errors = finemap(text=text)
    assert status == 2
    assert message in errors
    assert not [name for name in os.listdir() if name.startswith("run.")]


def test_a_file_that_does_not_match_its_panel_is_named(scans, finemap):
    file = pd.read_csv("eas.tsv", sep="\t", dtype={"chromosome": str})
    file["base_pair_location"] += 1
    file.to_csv("eas.tsv", sep="\t", index=False)
    status, _, errors = finemap(text=FILES + REGION)
    assert status == 2
    assert "eas: 0 of" in errors
