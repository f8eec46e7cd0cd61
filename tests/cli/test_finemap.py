"""``skgenetics finemap`` on small files: what it computes, prints and writes."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from skgenetics import FinemapMiXeR, __version__
from tests.cli.scans import (
    N_PEOPLE,
    N_STUDY,
    N_VARIANTS,
    exchanged,
    read,
    simulate,
    write_panel,
)

pd = pytest.importorskip("pandas")
pytest.importorskip("bed_reader")

DEFAULTS = "--sumstats gwas.tsv --bfile panel --build GRCh37 --out run"
FILES = DEFAULTS + " --max-num-causal 10"  # single effects, which draw nothing
COLUMNS = {
    "loci.tsv": "locus chromosome start end n_variants n_sets expected_causal h2 solver converged "
    "ld_mismatch status message seconds",
    "credible_sets.tsv": "locus cs chromosome start end size coverage min_abs_r mean_abs_r "
    "log10_bf lead_variant_id lead_rsid lead_pip low_purity",
    "variants.tsv.gz": "locus chromosome base_pair_location effect_allele other_allele rsid "
    "variant_id effect_allele_frequency z p_value n pip posterior_mean posterior_sd cs cs_alpha "
    "flag",
}


pytestmark = pytest.mark.usefixtures("no_pictures")


def run(finemap, *words, text=FILES):
    status, printed, errors = finemap(*words, text=text)
    assert status == 0, errors
    return printed


def test_tables_and_pictures_are_those_of_the_estimator(scan, finemap):
    X, table = scan
    printed = run(finemap)
    assert "2 loci around variants with p < 5e-8" in printed
    assert "120 matched by position and alleles" in printed
    assert Path("run.log").read_text() == printed
    pictures = sorted(str(path) for path in Path().glob("run.chr2_*.png"))
    assert len(pictures) == 2
    assert sorted(os.listdir()) == sorted(
        ["gwas.tsv", "panel.bed", "panel.bim", "panel.fam", "run.log", *pictures]
        + [f"run.{name}" for name in COLUMNS]
    )
    for name, columns in COLUMNS.items():
        content = Path(f"run.{name}").read_bytes()
        text = gzip.decompress(content) if name.endswith(".gz") else content
        first, second, *_ = text.decode().splitlines()
        assert first == f"##skgenetics={__version__} build=GRCh37 effect_allele=counted"
        assert second.split("\t") == columns.split()
    variants, sets, loci = (read(f"run.{name}") for name in reversed(COLUMNS))
    for number in range(2):
        here = slice(N_VARIANTS * number, N_VARIANTS * (number + 1))
        z = (table["beta"] / table["standard_error"]).to_numpy()[here]
        model = FinemapMiXeR(max_effects=10).fit_summary(
            z, np.corrcoef(X[:, here], rowvar=False), n_samples=N_STUDY, panel_size=N_PEOPLE
        )
        rows = variants[here]
        np.testing.assert_allclose(rows["pip"], model.pip_, atol=1e-6)
        np.testing.assert_allclose(rows["posterior_mean"], model.coef_, atol=1e-6)
        np.testing.assert_allclose(rows["z"], z, rtol=1e-6)
        np.testing.assert_allclose(rows["p_value"], 2 * norm.sf(np.abs(z)), rtol=1e-5)
        np.testing.assert_array_equal(rows["rsid"], table["rsid"][here])
        np.testing.assert_allclose(
            rows["effect_allele_frequency"], X[:, here].mean(axis=0) / 2, rtol=1e-6
        )
        assert rows["flag"].dropna().isin(["AMBIGUOUS"]).all()
        (found,) = model.credible_sets_
        assert set(np.flatnonzero(rows["cs"])) == set(found["variants"])
        row = sets.iloc[number]
        lead = table["rsid"].iloc[N_VARIANTS * number + found["variants"][0]]
        assert (row["size"], row["lead_rsid"]) == (len(found["variants"]), lead)
        assert f"lead {lead}" in printed
        assert f", z {z[found['variants'][0]]:.2f}, PIP {row['lead_pip']:.2f}" in printed
        strongest = int(np.argmax(np.abs(z)))
        position = table["base_pair_location"].iloc[N_VARIANTS * number + strongest]
        assert loci["locus"].iloc[number] == f"chr2:{position - 500_000}-{position + 500_000}"
        assert loci["n_variants"].iloc[number] == N_VARIANTS
    assert loci["status"].tolist() == ["ok", "ok"]
    assert loci["ld_mismatch"].tolist() == [False, False]
    assert "No mismatch of z and LD was found" in printed


def test_the_default_samples_with_the_genotypes_of_the_panel(scan, finemap):
    X, table = scan
    run(finemap, text=DEFAULTS)
    assert set(read("run.loci.tsv")["solver"]) == {"gibbs"}
    got = read("run.variants.tsv.gz")["pip"].to_numpy()
    z = (table["beta"] / table["standard_error"]).to_numpy()
    for here in np.split(np.arange(len(z)), 2):
        model = FinemapMiXeR().fit_summary(z[here], X[:, here], n_samples=N_STUDY)
        np.testing.assert_allclose(got[here], model.pip_, atol=0.03)  # other draws


def test_exchanged_alleles_shuffled_rows_and_other_names_change_nothing(scan, finemap):
    X, table = scan
    run(finemap)
    tables = [read(f"run.{name}") for name in COLUMNS]
    rng = np.random.default_rng(0)
    other = exchanged(table, rng.random(len(table)) < 0.5)
    other["chromosome"] = "chr" + other["chromosome"]
    other.sample(frac=1, random_state=0).to_csv("gwas.tsv", sep="\t", index=False)
    printed = run(finemap)
    assert "exchanged: the sign of z is turned" in printed
    for before, name in zip(tables, COLUMNS, strict=True):
        after = read(f"run.{name}").drop(columns="seconds", errors="ignore")
        before = before.drop(columns="seconds", errors="ignore")
        pd.testing.assert_frame_equal(after, before, rtol=1e-5)
    # the panel's alleles exchanged: it counts the others, and so do the tables
    rows = np.arange(len(table)) % 3 == 0
    write_panel("panel", np.where(rows, 2 - X, X), exchanged(table, rows))
    run(finemap)
    after, before = read("run.variants.tsv.gz"), tables[2]
    np.testing.assert_allclose(after["pip"], before["pip"], atol=1e-6)
    for column in ("z", "posterior_mean"):
        np.testing.assert_allclose(after[column], np.where(rows, -1, 1) * before[column], atol=1e-6)


def test_low_n_and_what_does_not_vary_are_left_out_and_flagged(scan, finemap):
    X, table = scan
    table.loc[table.index[[3, 70]], "n"] = 15_000
    table.loc[5, "n"] = np.nan
    table.to_csv("gwas.tsv", sep="\t", index=False)
    X = X.copy()
    X[:, 7] = 1
    write_panel("panel", X, table)
    printed = run(finemap)
    assert "2 LOW_N: fewer people than 0.8 of the locus median; left out" in printed
    assert "1 NO_N: the number of people is missing; left out" in printed
    assert "57 variants (3 left out)" in printed
    variants = read("run.variants.tsv.gz")
    assert len(variants) == 120
    flags = variants["flag"].fillna("").str.split(";")
    assert np.flatnonzero(flags.map(lambda flag: "LOW_N" in flag)).tolist() == [3, 70]
    assert np.flatnonzero(flags.map(lambda flag: "MONOMORPHIC" in flag)).tolist() == [7]
    assert np.flatnonzero(variants["pip"].isna()).tolist() == [3, 5, 7, 70]
    assert variants.loc[[3, 5, 7, 70], "cs"].tolist() == [0] * 4
    assert read("run.loci.tsv")["n_variants"].tolist() == [57, 59]
    assert "LOW_N" not in run(finemap, text=FILES + " --min-n-fraction 0")
    assert read("run.loci.tsv")["n_variants"].tolist() == [58, 60]


def test_ambiguous_strands(scan, finemap):
    _, table = scan
    ambiguous = (table["effect_allele"] == "A") & (table["other_allele"] == "T")
    odd = table.index[ambiguous & (np.abs(table["effect_allele_frequency"] - 0.5) > 0.15)][0]
    table.loc[odd, "effect_allele_frequency"] = 1 - table.loc[odd, "effect_allele_frequency"]
    table.to_csv("gwas.tsv", sep="\t", index=False)
    printed = run(finemap)
    assert "1 STRAND: strand-ambiguous with other frequencies in the panel; left out" in printed
    variants = read("run.variants.tsv.gz")
    assert variants.loc[odd, "flag"] == "STRAND"
    assert np.isnan(variants.loc[odd, "pip"])
    common = ambiguous & (np.abs(table["effect_allele_frequency"] - 0.5) <= 0.08)
    assert (variants.loc[common, "flag"] == "AMBIGUOUS").all()
    assert variants.loc[common, "pip"].notna().all()
    table.drop(columns="effect_allele_frequency").to_csv("gwas.tsv", sep="\t", index=False)
    printed = run(finemap, text=FILES + " --drop-ambiguous")
    assert f"{ambiguous.sum()} AMBIGUOUS: the strand is not settled" in printed
    variants = read("run.variants.tsv.gz")
    assert variants["pip"].isna().tolist() == ambiguous.tolist()


def test_regions(scan, finemap):
    Path("loci.bed").write_text("chr2\t9999999\t10030000\nchr2\t50000000\t50020000\n")
    printed = run(finemap, text=FILES + " --regions loci.bed")
    assert "2 loci given in loci.bed" in printed
    assert read("run.loci.tsv")["n_variants"].tolist() == [31, 20]
    run(finemap, text=FILES + " --chr 2 --start 10000000 --end 10030000")
    one = read("run.variants.tsv.gz")
    assert len(one) == 31
    assert [path.name for path in Path().glob("run.chr*")] == ["run.chr2_10000000-10030000.png"]


def test_the_mhc_is_skipped_and_listed(tmp_path, monkeypatch, finemap):
    monkeypatch.chdir(tmp_path)
    X, table = simulate(3)
    table.to_csv("gwas.tsv", sep="\t", index=False)
    write_panel("panel", X, table)
    printed = run(finemap)
    assert "3 loci around variants with p < 5e-8" in printed
    lead = table["beta"].div(table["standard_error"]).abs()[120:].idxmax()
    position = table.loc[lead, "base_pair_location"]
    assert f"Skipped: chr6:{position - 500_000}-{position + 500_000} in the MHC" in printed
    assert read("run.loci.tsv")["chromosome"].tolist() == ["2", "2"]
    run(finemap, text=FILES + " --include-mhc")
    assert read("run.loci.tsv")["chromosome"].tolist() == ["2", "2", "6"]
    status, _, errors = finemap(text=FILES + " --chr 6 --start 30000000 --end 30050000")
    assert status == 2
    assert "All loci lie in the MHC" in errors


def test_ld_in_place_of_genotypes(scan, finemap):
    X, table = scan
    run(finemap)
    expected = read("run.variants.tsv.gz")
    np.savez(
        "ld.npz",
        ld=np.corrcoef(X, rowvar=False),
        variant_id=table["rsid"].to_numpy(dtype=str),
        chromosome=table["chromosome"].to_numpy(dtype=str),
        position=table["base_pair_location"],
        effect_allele=table["effect_allele"].to_numpy(dtype=str),
        other_allele=table["other_allele"].to_numpy(dtype=str),
    )
    words = FILES.replace("--bfile panel", f"--ld ld.npz --panel-size {N_PEOPLE}")
    run(finemap, text=words)
    got = read("run.variants.tsv.gz")
    np.testing.assert_allclose(got["pip"], expected["pip"], atol=1e-6)
    np.savetxt("plain.ld", np.corrcoef(X, rowvar=False), fmt="%.6f")
    words = FILES.replace("--bfile panel", f"--ld plain.ld --panel-size {N_PEOPLE}")
    status, _, errors = finemap(text=words)
    assert status == 2
    assert "does not say which alleles its variants count: give --ld-variants" in errors
    run(finemap, text=words + " --ld-variants panel.bim")
    got = read("run.variants.tsv.gz")
    np.testing.assert_allclose(got["pip"], expected["pip"], atol=1e-3)
    holes = np.corrcoef(X, rowvar=False)
    holes[3], holes[:, 3] = np.nan, np.nan  # a variant that did not vary
    np.savetxt("plain.ld", holes, fmt="%.6f")
    printed = run(finemap, text=words + " --ld-variants panel.bim")
    assert "Note: plain.ld: 1 variants that do not vary were left out of the LD." in printed
    # the study's own LD, given as such or told to be
    run(finemap, text=FILES.replace("--bfile panel", "--ld ld.npz"))
    own = read("run.variants.tsv.gz")
    assert np.abs(own["pip"] - expected["pip"]).max() > 0.01
    run(finemap, text=FILES + " --panel-size 2000000000")
    np.testing.assert_allclose(read("run.variants.tsv.gz")["pip"], own["pip"], atol=1e-6)


def test_ids_stand_in_for_positions(scan, finemap):
    _, table = scan
    run(finemap)
    expected = read("run.variants.tsv.gz")
    ldsc = table.assign(Z=table["beta"] / table["standard_error"]).rename(
        columns={"rsid": "SNP", "effect_allele": "A1", "other_allele": "A2", "n": "N"}
    )
    ldsc["FRQ"] = table["effect_allele_frequency"]
    ldsc[["SNP", "A1", "A2", "FRQ", "N", "Z"]].to_csv("gwas.tsv", sep="\t", index=False)
    printed = run(finemap)
    assert "(LDSC)" in printed
    assert "120 variants of the statistics have no position; 120 got one by their ID" in printed
    got = read("run.variants.tsv.gz")
    np.testing.assert_allclose(got["pip"], expected["pip"], atol=1e-6)
    np.testing.assert_array_equal(got["base_pair_location"], expected["base_pair_location"])


def test_priors_counts_and_columns(scan, finemap):
    X, table = scan
    weight = np.random.default_rng(1).uniform(0.5, 2, len(table))
    other = table.rename(columns={"effect_allele": "EA", "other_allele": "NEA", "n": "count"})
    other = other.drop(columns="p_value").assign(SNPVAR=weight)
    other.to_csv("gwas.tsv", sep="\t", index=False)
    words = (
        FILES + " --columns effect_allele=EA other_allele=NEA chromosome=chromosome beta=beta "
        "base_pair_location=base_pair_location standard_error=standard_error rsid=rsid "
        "effect_allele_frequency=effect_allele_frequency --max-num-causal 3"
    )
    run(finemap, text=words + " --prior-column SNPVAR --n count")
    z = (table["beta"] / table["standard_error"]).to_numpy()
    for number in range(2):
        here = slice(N_VARIANTS * number, N_VARIANTS * (number + 1))
        prior = weight[here] / weight[here].sum()
        model = FinemapMiXeR(max_effects=3, causal_probability=prior).fit_summary(
            z[here], np.corrcoef(X[:, here], rowvar=False), n_samples=N_STUDY, panel_size=N_PEOPLE
        )
        got = read("run.variants.tsv.gz")[here]
        np.testing.assert_allclose(got["pip"], model.pip_, atol=1e-6)
    run(finemap, text=words + " --n-cases 2000 --n-controls 8000")
    assert set(read("run.variants.tsv.gz")["n"]) == {6400}
    status, _, errors = finemap(text=words)
    assert status == 2
    assert "does not say how many people were studied: give --n" in errors


def test_background_and_restarts_are_those_asked_for(scan, finemap, monkeypatch):
    def fit(loci, estimator, **_):
        asked.append(estimator.get_params())
        raise ValueError("enough")

    asked: list[dict] = []
    monkeypatch.setattr("skgenetics.finemapping.finemap_loci", fit)
    for words in ("", " --background none", " --no-refine"):
        assert finemap(text=FILES + words)[0] == 2
    assert [asked[k]["background"] for k in range(3)] == ["auto", 0, "auto"]
    assert asked[0]["solver"] == "auto"
    assert asked[2]["solver"].get_params() == {"refine": False}


def test_mixed_models_are_noted(scan, finemap):
    _, table = scan
    table.assign(
        TEST="ADD", LOG10P=-np.log10(table["p_value"]), EXTRA="NA", CHISQ=1, INFO=1
    ).rename(
        columns={
            "chromosome": "CHROM",
            "base_pair_location": "GENPOS",
            "rsid": "ID",
            "other_allele": "ALLELE0",
            "effect_allele": "ALLELE1",
            "effect_allele_frequency": "A1FREQ",
            "n": "N",
            "beta": "BETA",
            "standard_error": "SE",
        }
    ).drop(columns="p_value").to_csv("gwas.tsv", sep=" ", index=False)
    printed = run(finemap)
    assert "(REGENIE)" in printed
    assert "Note: gwas.tsv is of REGENIE: z of a mixed model do not match the LD" in printed


def test_chromosome_x_needs_sexes(scan, finemap):
    X, table = scan
    table["chromosome"] = "23"
    table.to_csv("gwas.tsv", sep="\t", index=False)
    male = np.arange(len(X)) % 2 == 0
    sexes = np.where(male, 1, 2)
    X = np.where(male[:, None] & (X == 1), 2, X)
    write_panel("panel", X, table, sex=np.where(np.arange(len(X)) == 9, 0, sexes))
    status, printed, errors = finemap(text=FILES)
    assert status == 2
    assert "Failed: chromosome X needs the sex of all people" in printed
    assert "that of 1 is unknown" in errors
    write_panel("panel", X, table, sex=sexes)
    run(finemap)
    expected = read("run.variants.tsv.gz")
    assert set(expected["chromosome"]) == {"X"}
    halved = np.where(male[:, None], X // 2, X)  # males coded 0 and 1
    write_panel("panel", halved, table, sex=sexes)
    run(finemap)
    np.testing.assert_allclose(read("run.variants.tsv.gz")["pip"], expected["pip"], atol=1e-6)
    errors_called = X.copy()
    errors_called[0, 3] = 1  # a heterozygous male is an error: his call is missing
    write_panel("panel", errors_called, table, sex=sexes)
    run(finemap)
    got = read("run.variants.tsv.gz")
    missing = X.astype(float)
    missing[0, 3] = np.delete(X[:, 3], 0).mean()
    here = slice(0, N_VARIANTS)
    model = FinemapMiXeR(max_effects=10).fit_summary(
        got["z"].to_numpy()[here],
        np.corrcoef(missing[:, here], rowvar=False),
        n_samples=N_STUDY,
        panel_size=N_PEOPLE,
    )
    np.testing.assert_allclose(got["pip"][here], model.pip_, atol=1e-6)


def test_a_flipped_allele_is_named(scan, finemap):
    _, table = scan
    lead = table["beta"].div(table["standard_error"]).abs()[:N_VARIANTS].idxmax()
    table.loc[lead, "beta"] *= -1
    table.to_csv("gwas.tsv", sep="\t", index=False)
    printed = run(finemap)
    name = table.loc[lead, "rsid"]
    assert f"alleles are flipped at variants [{name}]" in printed
    assert "The signs of flipped z were turned." in printed
    assert f"FLIPPED: {name}, whose z fits the others with its sign turned" in printed
    variants = read("run.variants.tsv.gz")
    assert "FLIPPED" in variants.loc[lead, "flag"]
    assert read("run.loci.tsv")["ld_mismatch"].tolist() == [True, False]
    printed = run(finemap, text=FILES + " --on-mismatch ignore")
    assert printed.count("was not assessed (--on-mismatch ignore)") == 2
    status, printed, _ = finemap(text=FILES + " --on-mismatch raise")
    assert status == 3
    assert "Failed: z and ld do not fit" in printed
    assert "1 of 2 loci failed" in printed
    assert read("run.loci.tsv")["status"].tolist() == ["failed", "ok"]
    assert len(list(Path("run.parts").iterdir())) == 1


def test_a_panel_too_small_for_the_signal_is_named(scan, finemap):
    printed = run(finemap, text=FILES + " --panel-size 3")
    assert "No signal is narrowed down to a set, strong as it is: the panel may" in printed


def test_the_demo_its_pictures_and_its_report(tmp_path, monkeypatch, finemap):
    monkeypatch.chdir(tmp_path)
    printed = run(finemap, text="--demo --report")
    page = Path("skgenetics_finemap.report.html")
    assert page.stat().st_size < 1e6
    assert f"Open in a browser: {page}\n" in printed
    assert "gene ENSG00000273295" in page.read_text()
    assert "the statistics are simulated on them" in printed
    assert "2 of 2 are in the sets" in printed
    assert "No variant has PIP > 0.5: the sets are the result, not the lead variants" in printed
    assert sorted(path.suffix for path in Path().iterdir()) == [
        ".gz",
        ".html",
        ".log",
        ".png",
        ".tsv",
        ".tsv",
    ]
    first = read("skgenetics_finemap.variants.tsv.gz")
    run(finemap, text="--demo")
    assert not Path("skgenetics_finemap.report.html").exists()  # of an earlier run
    pd.testing.assert_frame_equal(read("skgenetics_finemap.variants.tsv.gz"), first)
    run(finemap, text="--demo --seed 1")
    assert not first["z"].equals(read("skgenetics_finemap.variants.tsv.gz")["z"])


def test_plink_2(scan, finemap):
    pgenlib = pytest.importorskip("pgenlib")
    X, table = scan
    table["chromosome"] = "X"
    table.to_csv("gwas.tsv", sep="\t", index=False)
    X = np.where((np.arange(len(X)) % 2 == 0)[:, None] & (X == 1), 2, X)
    write_panel("panel", X, table, sex=np.arange(len(X)) % 2 + 1)
    run(finemap)
    expected = read("run.variants.tsv.gz")
    with pgenlib.PgenWriter(b"other.pgen", len(X), variant_ct=X.shape[1]) as writer:
        for column in X.T:
            writer.append_biallelic(np.ascontiguousarray(column, dtype=np.int8))
    with open("other.pvar", "w") as file:
        file.write("#CHROM\tPOS\tID\tREF\tALT\n")
        for row in table.itertuples():
            file.write(
                f"X\t{row.base_pair_location}\t{row.rsid}\t{row.other_allele}\t"
                f"{row.effect_allele}\n"
            )
    with open("other.psam", "w") as file:
        file.write("#FID\tIID\tSEX\n")
        file.writelines(f"I{i}\tI{i}\t{i % 2 + 1}\n" for i in range(len(X)))
    printed = run(finemap, text=FILES.replace("--bfile panel", "--pfile other"))
    assert "other.pgen: 300 people, 120 variants" in printed
    got = read("run.variants.tsv.gz")
    pd.testing.assert_frame_equal(got, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("p", "words"), [(0.0, "1"), (1.30103, "0.05"), (8.7047, "2.0e-9"), (544.66, "2.2e-545")]
)
def test_p_values_in_words_do_not_end_where_floats_do(p, words):
    from skgenetics.cli.finemap.report import p_value_in_words

    assert p_value_in_words(p) == words


def test_warnings_of_readers_are_notes(scan, finemap):
    X, table = scan
    np.savez(
        "ld.npz",
        ld=np.corrcoef(X, rowvar=False) ** 2,
        variant_id=table["rsid"].to_numpy(dtype=str),
        chromosome=table["chromosome"].to_numpy(dtype=str),
        position=table["base_pair_location"],
        effect_allele=table["effect_allele"].to_numpy(dtype=str),
        other_allele=table["other_allele"].to_numpy(dtype=str),
    )
    status, _, error = finemap(text=FILES.replace("--bfile panel", "--ld ld.npz"))
    assert status == 2
    assert "ld.npz holds no negative correlation of 120 variants: it is r2" in error


def test_finished_loci_of_another_panel_are_not_taken_for_this_ones(scan, finemap):
    X, table = scan
    table.assign(SNPVAR=np.where(table.index == 3, -1.0, 1.0)).to_csv(
        "gwas.tsv", sep="\t", index=False
    )
    words = FILES + " --prior-column SNPVAR"
    assert finemap(text=words)[0] == 3  # one locus is kept
    before = read("run.variants.tsv.gz")
    member = N_VARIANTS + int(np.argmax(before["cs"] > 0))
    X = X.copy()
    X[:, member] = np.roll(X[:, member], 1)  # now it tags nothing
    write_panel("panel", X, table)
    os.utime("panel.bed", ns=(0, 0))
    assert finemap(text=words)[0] == 3
    after = read("run.variants.tsv.gz")
    assert np.abs(after["pip"] - before["pip"]).max() > 1e-3


def test_loci_that_the_panel_does_not_have_are_skipped(scan, finemap):
    X, table = scan
    write_panel("panel", X[:, N_VARIANTS:], table[N_VARIANTS:])
    printed = run(finemap)
    assert "2 loci around variants with p < 5e-8" in printed
    lead = table["beta"].div(table["standard_error"]).abs()[:N_VARIANTS].idxmax()
    start = table.loc[lead, "base_pair_location"] - 500_000
    assert f"Skipped: chr2:{start}-{start + 1_000_000}, where the panel has no variant" in printed
    assert "60 of the statistics and 60 of the panel; 60 matched" in printed
    assert len(read("run.loci.tsv")) == 1


def test_pictures_have_genes_and_recombination(scan, finemap):
    Path("genes.bed").write_text("chr2\t0\t250000000\tLONG\nchr3\t1\t2\tELSEWHERE\n")
    Path("map").write_text("chr position cM\n3 1 0\n3 1000 1\n")
    given = " --report --genes genes.bed --genetic-map map"
    printed = run(finemap, text=FILES + given)
    assert "Nothing of map lies in the loci: are chromosomes and build the same?" in printed
    assert "Nothing of genes.bed" not in printed
    text = Path("run.report.html").read_text()
    assert text.count("; gene LONG.") == 4  # twice per locus: of either picture
    assert "ELSEWHERE" not in text
    assert "120 matched by position and alleles" in text  # on what


def test_genes_that_are_none_stop_before_the_work(scan, finemap):
    Path("genes.bed").write_text("chr2 0 25\n")
    status, _, errors = finemap(text=FILES + " --genes genes.bed")
    assert status == 2
    assert "genes.bed, line 1 is 'chr2 0 25'; expected chromosome, start, end and name" in errors
