"""``skgenetics finemap --sumstats A B C``: several traits fine-mapped at once."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from skgenetics import MMASHRegressor
from tests.cli.scans import N_PEOPLE, N_STUDY, N_VARIANTS, exchanged, interactive_pictures, read

pd = pytest.importorskip("pandas")
pytest.importorskip("bed_reader")

FILES = "--sumstats ldl.tsv hdl.tsv tg.tsv --bfile panel --build GRCh37 --out run"
EFFECTS = {20: (0.07, 0.07, 0.0), 45: (0.0, 0.0, 0.08)}  # of variants of each locus

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def traits(scan):
    """ldl.tsv, hdl.tsv and tg.tsv: files of other alleles, orders and variants; z of all cells."""
    X, table = scan
    rng, z = np.random.default_rng(0), np.zeros((len(table), 3))
    for number in range(2):
        here = slice(N_VARIANTS * number, N_VARIANTS * (number + 1))
        R = np.corrcoef(X[:, here], rowvar=False)
        root = np.linalg.cholesky(R + 1e-8 * np.eye(N_VARIANTS))
        B = np.zeros((N_VARIANTS, 3))
        for variant, effect in EFFECTS.items():
            B[variant] = effect
        z[here] = np.sqrt(N_STUDY) * R @ B + root @ rng.normal(size=B.shape)
    z[3, 0], z[70, 2] = np.nan, np.nan
    for j, name in enumerate(("ldl", "hdl", "tg")):
        file = table.assign(beta=z[:, j] * table["standard_error"], p_value=np.nan)
        file = file.dropna(subset="beta")
        file = exchanged(file, rng.random(len(file)) < 0.5)
        file.sample(frac=1, random_state=j).to_csv(f"{name}.tsv", sep="\t", index=False)
    return X, table, z


def run(finemap, *words, text=FILES + " --trait-correlation none"):
    status, printed, errors = finemap(*words, text=text)
    assert status == 0, errors
    return printed


def test_tables_are_those_of_the_estimator(traits, finemap):
    X, _, z = traits
    printed = run(finemap)
    variants, rows = read("run.variants.tsv.gz"), read("run.trait_variants.tsv.gz")
    effects, sets = read("run.trait_effects.tsv"), read("run.credible_sets.tsv")
    text = (Path(__file__).resolve().parents[2] / "doc" / "formats.md").read_text()
    for result in (rows, effects):
        assert set(result.columns) <= set(re.findall(r"\w+", text))
    assert rows["trait"].unique().tolist() == ["ldl", "hdl", "tg"]
    for number in range(2):
        here = slice(N_VARIANTS * number, N_VARIANTS * (number + 1))
        model = MMASHRegressor(solver="single_effects").fit_summary(
            pd.DataFrame(z[here], columns=["ldl", "hdl", "tg"]),
            np.corrcoef(X[:, here], rowvar=False),
            n_samples=np.full((N_VARIANTS, 3), N_STUDY),
            trait_correlation=np.eye(3),
            panel_size=N_PEOPLE,
        )
        np.testing.assert_allclose(variants["pip"][here], model.pip_, atol=1e-5)
        own = rows[rows["locus"] == variants["locus"].iloc[N_VARIANTS * number]]
        np.testing.assert_allclose(own["z"], z[here].T.ravel(), rtol=1e-5)
        np.testing.assert_allclose(own["lfsr"], np.ravel(model.lfsr_), atol=1e-5)
        found = effects[effects["locus"] == own["locus"].iloc[0]]
        assert found["cs"].nunique() == len(model.credible_sets_)
        for place, reported in enumerate(model.credible_sets_):
            one = found[found["cs"] == place + 1]
            np.testing.assert_allclose(one["effect"], reported["effect"], atol=1e-5)
            np.testing.assert_allclose(one["lfsr"], reported["lfsr"], atol=1e-5)
    assert len(sets) == sets.groupby("locus").size().sum() == effects["cs"].size // 3
    shared = effects[effects["lead_rsid"] == sets["lead_rsid"].iloc[0]]
    acts = shared.loc[shared["lfsr"] < 0.05, "trait"].tolist()
    first = shared[shared["trait"] == acts[0]].iloc[0]
    assert f"acts on {acts[0]} ({first['effect']:.3g}, lfsr {first['lfsr']:.2g})" in printed
    assert "119 matched by position and alleles" in printed
    assert "Noise of z: independent" in printed
    assert Path("run.log").read_text() == printed


def test_both_kinds_of_effects_are_found(traits, finemap):
    run(finemap)
    effects = read("run.trait_effects.tsv")
    patterns = effects.assign(sure=effects["lfsr"] < 0.05).pivot_table(
        index=["locus", "cs"], columns="trait", values="sure", aggfunc="first"
    )
    found = {tuple(row) for row in patterns[["ldl", "hdl", "tg"]].to_numpy(bool).tolist()}
    assert {(True, True, False), (False, False, True)} <= found


def test_noise_is_estimated_from_the_variants_in_all_files(traits, finemap):
    rng = np.random.default_rng(1)
    noise = rng.multivariate_normal(np.zeros(3), 0.4 + 0.6 * np.eye(3), 6000)
    for j, name in enumerate(("ldl", "hdl", "tg")):
        file = pd.read_csv(f"{name}.tsv", sep="\t", dtype={"chromosome": str})
        elsewhere = pd.DataFrame(
            {
                "chromosome": "5",
                "base_pair_location": np.arange(6000) + 1,
                "effect_allele": "A",
                "other_allele": "G",
                "beta": 0.01 * noise[:, j],
                "standard_error": 0.01,
                "n": N_STUDY,
            }
        )
        elsewhere = exchanged(elsewhere.assign(effect_allele_frequency=0.5), rng.random(6000) < 0.5)
        pd.concat([file, elsewhere]).to_csv(f"{name}.tsv", sep="\t", index=False)
    printed = run(finemap, text=FILES)
    (line,) = re.findall(
        r"Noise of z, estimated from ([\d,]+) variants in all files: (.*)", printed
    )
    assert int(line[0].replace(",", "")) == 6118
    assert [abs(float(r) - 0.4) < 0.05 for r in re.findall(r"\d\.\d\d", line[1])] == [True] * 3
    Path("r.txt").write_text("trait tg ldl hdl\nhdl .1 .4 1\nldl .2 1 .4\ntg 1 .2 .1\n")
    assert "Noise of z" not in run(finemap, text=FILES + " --trait-correlation r.txt")


def test_cells_that_mislead_count_as_not_measured(traits, finemap):
    file = pd.read_csv("hdl.tsv", sep="\t", dtype={"chromosome": str})
    low = file["rsid"].isin(["rs5", "rs6"])
    file.loc[low, "n"] = 5_000
    file.to_csv("hdl.tsv", sep="\t", index=False)
    printed = run(finemap)
    assert "2 LOW_N" in printed
    rows = read("run.trait_variants.tsv.gz").set_index(["trait", "rsid"])
    assert rows.loc[("hdl", "rs5"), "z"] != rows.loc[("hdl", "rs5"), "z"]  # NaN
    assert np.isfinite(rows.loc[("ldl", "rs5"), "z"])
    variants = read("run.variants.tsv.gz").set_index("rsid")
    assert np.isfinite(variants.loc["rs5", "pip"])


def test_many_cells_keep_the_variants_of_all_traits(traits, finemap, monkeypatch):
    monkeypatch.setattr("skgenetics.cli.finemap.traits._MAX_CELLS", 100)
    run(finemap)
    variants = read("run.variants.tsv.gz")
    left_out = variants[variants["pip"].isna()]
    assert left_out["rsid"].tolist() == ["rs3", "rs70"]
    assert left_out["flag"].str.contains("NOT_IN_ALL").all()


@pytest.mark.slow
def test_pictures_and_report(traits, finemap):
    run(finemap, "--report")
    page = Path("run.report.html").read_text()
    for _, row in read("run.trait_effects.tsv").iterrows():
        assert f">{row['lead_rsid']}</td>" in page
    assert "Effects on traits" in page
    assert "MMASHRegressor" in page
    pictures = interactive_pictures(page)
    for name in ("ldl", "hdl", "tg"):
        assert f"{name}: -log10 p" in pictures
    pictures = sorted(Path().glob("run.chr2_*.png"))
    assert len(pictures) == 2
    assert all(path.stat().st_size > 10_000 for path in pictures)


def test_tables_of_an_earlier_run_are_removed(traits, finemap):
    run(finemap)
    assert Path("run.trait_effects.tsv").is_file()
    one = "--sumstats ldl.tsv --bfile panel --build GRCh37 --out run"
    assert finemap(text=one)[0] == 0
    assert not [*Path().glob("run.trait_*")]


def test_names_and_numbers_of_people_by_file(traits, finemap):
    for name in ("ldl", "hdl", "tg"):
        file = pd.read_csv(f"{name}.tsv", sep="\t", dtype={"chromosome": str})
        file.drop(columns="n").to_csv(f"{name}.tsv", sep="\t", index=False)
    run(finemap, "--n", "20000", "19000", "18000", "--trait-names", "a", "b", "c")
    rows = read("run.trait_variants.tsv.gz")
    assert rows.groupby("trait")["n"].max().to_dict() == {"a": 20000, "b": 19000, "c": 18000}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--n 1 2", "--n takes one value, or one for each file; got 2 for 3 files"),
        ("--trait-names a b", "--trait-names has 2 names for 3 files"),
        ("--trait-names a b a", "--trait-names repeats a name"),
        ("--coloc tg.tsv", "--coloc is for one trait; --sumstats has 3 files"),
        ("--on-mismatch shrink", "--on-mismatch shrink is for one trait"),
        ("--format polyfun", "--format is for one trait"),
        ("--trait-correlation gone.txt", "gone.txt"),
        ("--trait-correlation panel.bed", "panel.bed is not a text file"),
        ("--trait-correlation gwas.tsv", "has no row and column of"),
        ("", "The files have 118 variants in common, too few"),
    ],
)
def test_bad_input(traits, finemap, words, message):
    if not words:  # hardly any variant is without an effect nearby
        for name in ("ldl", "hdl", "tg"):
            file = pd.read_csv(f"{name}.tsv", sep="\t", dtype={"chromosome": str})
            file["beta"] *= 100
            file.to_csv(f"{name}.tsv", sep="\t", index=False)
    status, _, errors = finemap(text=f"{FILES} {words}")
    assert status == 2
    assert message in errors
    assert not [name for name in os.listdir() if name.startswith("run.")]


def test_what_is_for_several_files_needs_them(scan, finemap):
    status, _, errors = finemap(
        text="--sumstats gwas.tsv --bfile panel --build GRCh37 --trait-names a"
    )
    assert status == 2
    assert "--trait-names and --trait-correlation are for several files" in errors
    status, _, errors = finemap(
        text="--sumstats gwas.tsv gwas.tsv --bfile panel --build GRCh37 --trait-correlation none"
    )
    assert status == 2
    assert "traits of the same name, gwas: name them by --trait-names" in errors
