"""``skgenetics finemap --coloc``: two traits, and whether they share causal variants."""

import re
from pathlib import Path

import numpy as np
import pytest

from skgenetics import FinemapMiXeR
from skgenetics.datasets import make_summary_statistics
from skgenetics.finemapping import colocalize
from tests.cli.scans import N_PEOPLE, N_STUDY, N_VARIANTS, exchanged, read

pd = pytest.importorskip("pandas")
pytest.importorskip("bed_reader")

FILES = "--sumstats gwas.tsv --coloc other.tsv --bfile panel --build GRCh37 --out run"
N_OTHER = 5_000

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def two_traits(scan):
    """other.tsv beside the scan's files: in the first locus its effect is the scan's.

    It has other rs IDs, and neither an n nor all variants; some count the other allele.
    """
    X, table = scan
    other = table.drop(columns="n")
    for number, causal in enumerate((20, 45)):
        here = slice(N_VARIANTS * number, N_VARIANTS * (number + 1))
        effects = np.zeros(N_VARIANTS)
        effects[causal] = -0.15
        study = make_summary_statistics(
            ld=np.corrcoef(X[:, here], rowvar=False),
            effects=effects,
            n_samples=N_OTHER,
            random_state=10 + number,
        )
        se = table["standard_error"].to_numpy()[here] * np.sqrt(N_STUDY / N_OTHER)
        other.loc[other.index[here], "beta"] = study.z * se
        other.loc[other.index[here], "standard_error"] = se
    other["p_value"] = np.nan
    other["rsid"] = "rs9" + other["rsid"].str[2:]
    other = exchanged(other, np.arange(len(other)) % 3 == 0).drop(index=[3, 100])
    other.sample(frac=1, random_state=0).to_csv("other.tsv", sep="\t", index=False)
    return X, table, other


def fitted(X, table, here, n_samples):
    """The fit of the columns `here`, as Python users have it; `table` counts the alleles of X."""
    z = (table["beta"] / table["standard_error"]).set_axis(table["base_pair_location"].astype(str))
    ld = np.corrcoef(X[:, here], rowvar=False)
    return FinemapMiXeR(solver="susie").fit_summary(z, ld, n_samples=n_samples, panel_size=N_PEOPLE)


def test_pairs_of_sets_are_those_of_colocalize(two_traits, finemap):
    X, table, other = two_traits
    status, printed, errors = finemap(text=FILES + f" --coloc-n {N_OTHER}")
    assert status == 0, errors
    pairs = read("run.coloc.tsv")
    text = (Path(__file__).resolve().parents[2] / "doc" / "formats.md").read_text()
    assert set(pairs.columns) <= set(re.findall(r"\w+", text))
    sets, sets_b = read("run.credible_sets.tsv"), read("run.b.credible_sets.tsv")
    assert pairs["locus"].tolist() == sets["locus"].tolist() == sets_b["locus"].tolist()
    turned = exchanged(other, np.isin(other.index, np.arange(0, len(table), 3)))
    for number, pair in pairs.iterrows():
        here = np.arange(N_VARIANTS * number, N_VARIANTS * (number + 1))
        both = np.intersect1d(here, other.index)
        a = fitted(X, table.loc[here], here, N_STUDY)
        b = fitted(X, turned.loc[both], both, N_OTHER)
        (expected,) = colocalize(a, b).to_dict("records")
        assert pair["n_variants"] == len(both) == N_VARIANTS - 1
        for name in ("h0", "h1", "h2", "h3", "h4", "lead_h4"):
            np.testing.assert_allclose(pair[name], expected[name], rtol=1e-5, atol=1e-9)
        lead = table.set_index(table["base_pair_location"].astype(str))["rsid"]
        assert pair["lead_variant_id"] == lead[expected["lead_variant_id"]]
        assert pair["lead_variant_id_a"] == sets["lead_variant_id"].iloc[number]
        assert pair["lead_variant_id_b"] == sets_b["lead_variant_id"].iloc[number]
    assert pairs["h4"].iloc[0] > 0.9
    assert pairs["h3"].iloc[1] > 0.9
    lead = pairs["lead_variant_id"].iloc[0]
    assert "set 1 of gwas.tsv and set 1 of other.tsv: the same causal variant" in printed
    assert f", most likely {lead} (" in printed
    assert "set 1 of gwas.tsv and set 1 of other.tsv: different causal variants" in printed
    assert not Path("run.parts").exists()
    assert not Path("run.b.parts").exists()


def test_the_first_trait_is_fitted_as_without_the_second(two_traits, finemap):
    finemap(text=FILES + f" --coloc-n {N_OTHER}")
    kinds = ("credible_sets.tsv", "variants.tsv.gz")
    before = [read(f"run.{kind}") for kind in kinds]
    finemap(text=FILES.replace("--coloc other.tsv", "--max-num-causal 10"))  # single effects, too
    for table, kind in zip(before, kinds, strict=True):
        pd.testing.assert_frame_equal(table, read(f"run.{kind}"))


@pytest.mark.slow
def test_pictures_and_reports_of_both_traits(two_traits, finemap):
    status, _, errors = finemap("--report", text=FILES + f" --coloc-n {N_OTHER}")
    assert status == 0, errors
    for prefix in ("run", "run.b"):
        page = Path(f"{prefix}.report.html").read_text()
        for _, row in read(f"{prefix}.credible_sets.tsv").iterrows():
            assert f"credible set {row['cs']} of {row['size']} variant" in page
            assert f">{row['lead_rsid']}</td>" in page
        assert f"{prefix}.loci.tsv" in page


def test_a_trait_without_sets_and_a_locus_without_variants(two_traits, finemap):
    *_, other = two_traits
    other = other[other.index < N_VARIANTS].copy()
    other["beta"] = 0.1 * other["standard_error"]
    other.to_csv("other.tsv", sep="\t", index=False)
    status, printed, errors = finemap(text=FILES + f" --coloc-n {N_OTHER}")
    assert status == 0, errors
    assert "nothing to compare, since other.tsv has no set" in printed
    assert "No variant of the statistics is in the panel" in printed
    assert read("run.coloc.tsv").empty
    assert len(read("run.credible_sets.tsv")) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "--coloc other.tsv",
            "other.tsv does not say how many people were studied: give --coloc-n",
        ),
        ("--coloc-n 100", "--coloc is missing"),
        ("--coloc none.tsv", "none.tsv"),
        ("--coloc other.tsv --coloc-columns beta", "--coloc-columns takes MEANING=COLUMN"),
    ],
)
def test_bad_second_traits(two_traits, finemap, words, message):
    status, _, errors = finemap(text=FILES.replace("--coloc other.tsv", words))
    assert status == 2
    assert message in errors
    assert not list(Path().glob("run.*"))


def test_a_second_trait_of_an_earlier_run_is_removed(two_traits, finemap):
    one = FILES.replace("--coloc other.tsv ", "")
    Path("run.b.loci.tsv").write_text("of a run called run.b")
    assert finemap(text=one)[0] == 0
    assert Path("run.b.loci.tsv").is_file()
    assert finemap(text=FILES + f" --coloc-n {N_OTHER}")[0] == 0
    assert Path("run.coloc.tsv").is_file()
    assert finemap(text=one)[0] == 0
    assert not [*Path().glob("run.b.*"), *Path().glob("run.coloc.tsv")]
    assert Path("run.loci.tsv").is_file()
