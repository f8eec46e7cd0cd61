"""Statistics aligned with a panel: every case of alleles, and what is said of failures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skgenetics import FinemapMiXeR
from skgenetics.datasets import make_genotypes, make_summary_statistics
from skgenetics.io import Genotypes, harmonize, sample_index
from tests.hypothesis_settings import examples
from tests.oracles.harmonize_naive import OTHER_STRAND, match_rows

pd = pytest.importorskip("pandas")

PLACE = ["chromosome", "base_pair_location", "effect_allele", "other_allele"]
alleles = st.sampled_from(["A", "C", "G", "T", "AT", "CA", "TTG"])
variants = st.tuples(st.sampled_from("12X"), st.integers(1, 4), alleles, alleles)


def frame(rows, **columns):
    return pd.DataFrame(rows, columns=PLACE).assign(**columns)


@examples(80)
@given(st.lists(variants, min_size=1, max_size=12), st.lists(variants, min_size=1, max_size=12))
def test_every_case_of_alleles_against_row_by_row_matching(rows, panel):
    z = 1.0 + np.arange(len(rows))
    expected = match_rows(rows, panel)
    by_variant = {}
    for row, (variant, sign) in expected.items():
        by_variant.setdefault(variant, []).append((row, sign * z[row]))
    # rows of one variant have different z here: none of them is taken
    alone = {variant: found[0] for variant, found in by_variant.items() if len(found) == 1}
    statistics = frame(rows, z=z, beta=z / 10, effect_allele_frequency=0.1, note=range(len(rows)))
    if not alone:
        with pytest.raises(ValueError, match="variants of the statistics are in the panel"):
            harmonize(statistics, frame(panel), min_matched=0)
        return
    got, report = harmonize(statistics, frame(panel), min_matched=0)
    assert got["panel_index"].tolist() == sorted(alone)
    assert got["note"].tolist() == [alone[variant][0] for variant in sorted(alone)]
    signed = np.array([alone[variant][1] for variant in sorted(alone)])
    np.testing.assert_array_equal(got["z"], signed)
    np.testing.assert_allclose(got["beta"], signed / 10)
    np.testing.assert_allclose(got["effect_allele_frequency"], np.where(signed > 0, 0.1, 0.9))
    there = frame(panel).iloc[sorted(alone)].reset_index(drop=True)
    pd.testing.assert_frame_equal(got[PLACE], there, check_dtype=False)
    assert report.matched == len(alone)
    assert report.conflicts == sum(len(f) for f in by_variant.values() if len(f) > 1)
    assert report.no_alleles == sum(row[2] == row[3] for row in rows)
    places = {variant[:2] for variant in panel}
    lost = [rows[i] for i in range(len(rows)) if i not in expected and rows[i][2] != rows[i][3]]
    assert report.other_alleles == sum(row[:2] in places for row in lost)
    assert report.not_found == sum(row[:2] not in places for row in lost)
    assert report.same + report.swapped >= 0
    assert report.matched >= max(report.same, report.swapped, report.strand)


changes = st.lists(st.sampled_from(["same", "swapped", "strand", "both"]), min_size=40, max_size=40)


def changed(row, how):
    """Return a variant with its alleles exchanged, on the other strand, or both."""
    chromosome, position, effect, other = row
    if how in ("swapped", "both"):
        effect, other = other, effect
    if how in ("strand", "both"):
        effect, other = (OTHER_STRAND[allele] for allele in (effect, other))
    return chromosome, position, effect, other


def simulated(n_variants=40):
    """A panel, z of a trait with one causal variant, and alleles that tell the strand."""
    X = make_genotypes(300, n_variants, random_state=1).data
    effects = np.zeros(n_variants)
    effects[17] = 0.12
    study = make_summary_statistics(
        ld=np.corrcoef(X, rowvar=False), effects=effects, n_samples=10_000, random_state=0
    )
    pairs = [("A", "G"), ("T", "C"), ("C", "A"), ("G", "T")]
    rows = [("7", 1000 * (j + 1), *pairs[j % 4]) for j in range(n_variants)]
    return X, study.z, rows


X, Z, ROWS = simulated()


@examples(12)
@given(changes, changes, st.permutations(range(40)))
def test_a_changed_copy_gives_the_same_posterior(of_statistics, of_panel, order):
    reference = FinemapMiXeR(solver="susie").fit_summary(Z, X.astype(float), n_samples=10_000)
    signs = [np.where(np.isin(c, ["swapped", "both"]), -1, 1) for c in (of_statistics, of_panel)]
    rows = [changed(row, how) for row, how in zip(ROWS, of_statistics, strict=True)]
    panel = frame([changed(row, how) for row, how in zip(ROWS, of_panel, strict=True)])
    statistics = frame([rows[j] for j in order], z=(signs[0] * Z)[order], n=10_000.0)
    got, report = harmonize(statistics, panel)
    assert report.matched == 40
    turned = np.where(signs[1] < 0, 2 - X, X).astype(float)[:, got["panel_index"]]
    model = FinemapMiXeR(solver="susie").fit_summary(got["z"].to_numpy(), turned, n_samples=10_000)
    np.testing.assert_allclose(model.pip_, reference.pip_, atol=1e-8)
    np.testing.assert_allclose(model.coef_, signs[1] * reference.coef_, atol=1e-8)


def test_the_other_allele_comes_from_the_panel():
    panel = frame(
        [("1", 1, "A", "G"), ("1", 2, "C", "T"), ("1", 3, "C", "T"), ("1", 3, "C", "CA")]
        + [("1", 4, "A", "G"), ("1", 5, "A", "G")]
    )
    rows = [("1", 1, "G", None), ("1", 2, "C", None), ("1", 3, "C", None)]  # two pairs at 3
    rows += [("1", 4, "T", None), ("1", 5, "AT", None)]  # the other strand; not of the pair
    got, report = harmonize(frame(rows, z=[1.0, 2.0, 3.0, 4.0, 5.0]), panel)
    assert got["panel_index"].tolist() == [0, 1, 4]
    assert got["z"].tolist() == [-1, 2, 4]
    assert (report.completed, report.no_alleles, report.strand) == (3, 2, 1)


def test_a_panel_of_genotypes_gives_its_frequencies():
    statistics = frame(
        [("1", 1, "A", "T"), ("1", 2, "C", "G"), ("1", 3, "T", "A"), ("1", 4, "G", "C")]
        + [("1", 5, "A", "T")],
        z=[1.0, 2.0, 3.0, 4.0, 5.0],
        effect_allele_frequency=[0.25, 0.30, 0.75, 0.45, np.nan],
    )
    # frequencies of the panel: .25, .60, .25, .50, .25
    values = np.array([[1, 2, 1, 1, 1], [0, 1, 0, 1, 0], [1, 0, 1, 1, 1], [0, 2, 0, 1, -127]])
    values = np.vstack([values, [[-127, 1, -127, 1, 0]]]).astype(np.int8)
    panel = Genotypes(
        values,
        sample_index(None, list("abcde")),
        pd.DataFrame(
            {
                "chromosome": "chr1",
                "base_pair_location": [1, 2, 3, 4, 5],
                "variant_id": list("vwxyz"),
                "effect_allele": ["A", "C", "A", "C", "A"],
                "other_allele": ["T", "G", "T", "G", "T"],
            }
        ),
        counted_allele="effect allele",
        source="x",
    )
    got, report = harmonize(statistics, panel)
    assert got["z"].tolist() == [1.0, 2.0, -3.0, -4.0, 5.0]
    # agrees; differs by .3; swapped, and agrees; too common to tell; no frequency
    assert got["flag"].fillna("").tolist() == ["", "STRAND", "", "AMBIGUOUS", "AMBIGUOUS"]
    assert (report.ambiguous, report.ambiguous_kept, report.AMBIGUOUS, report.STRAND) == (
        5,
        2,
        2,
        1,
    )
    pd.testing.assert_frame_equal(
        harmonize(
            statistics, panel.variants.assign(effect_allele_frequency=[0.25, 0.6, 0.25, 0.5, 0.25])
        )[0],
        got,
    )


def test_duplicates_that_agree_are_one_and_others_are_none():
    statistics = frame(
        [("1", 5, "A", "G"), ("1", 5, "G", "A"), ("1", 6, "A", "G"), ("1", 6, "A", "G")]
        + [("1", 7, "A", "G"), ("1", 7, "A", "C")],
        z=[2.0, -2.0, 1.0, 1.5, 3.0, 4.0],
    )
    panel = frame(
        [("1", 5, "A", "G"), ("1", 6, "A", "G"), ("1", 7, "G", "A"), ("1", 7, "A", "C")]
        + [("1", 5, "G", "A")]
    )
    got, report = harmonize(statistics, panel)
    assert got["z"].tolist() == [2.0, -3.0, 4.0]
    assert (report.duplicates, report.conflicts) == (1, 2)


ROW = ("1", 10, "A", "G")


@pytest.mark.parametrize("spelling", ["23", "chrX", "X", "chr23", "CHRX"])
def test_chromosomes_by_any_name(spelling):
    got, _ = harmonize(frame([(spelling, 9, "a", "g")], z=1.0), frame([("X", 9, "A", "G")]))
    assert got.loc[0, PLACE].tolist() == ["X", 9, "A", "G"]


@pytest.mark.parametrize("names", [("chrom", "position"), ("#CHROM", "POS"), ("chr", "BP")])
def test_places_by_any_name(names):
    """Without that, IDs alone would match, here other ones."""
    panel = frame([ROW, ("1", 20, "A", "G")], variant_id=["rs1", "rs2"])
    statistics = frame([ROW, ("1", 20, "A", "G")], z=[1.0, 2.0], rsid=["rs2", "rs1"])
    other = dict(zip(["chromosome", "base_pair_location"], names, strict=True))
    for one, two in (
        (statistics, panel.rename(columns=other)),
        (statistics.rename(columns=other), panel),
    ):
        got, report = harmonize(one, two)
        assert got["z"].tolist() == [1.0, 2.0]
        assert (report.by_id, report.other_id) == (0, 2)
        assert got["base_pair_location"].tolist() == [10, 20]


def test_ids_stand_in_for_positions_and_never_overrule_them():
    panel = frame(
        [("1", 10, "A", "G"), ("1", 20, "C", "A"), ("1", 30, "T", "C")],
        variant_id=["rs1", "rs2", "rs3"],
    )
    without = pd.DataFrame(
        {"rsid": ["rs3", "rs1", "rs2"], "effect_allele": ["T", "G", "C"]}
    ).assign(other_allele=["C", "A", "A"], z=[3.0, 1.0, 2.0])
    got, report = harmonize(without, panel)
    assert got["z"].tolist() == [-1.0, 2.0, 3.0]
    assert got["base_pair_location"].tolist() == [10, 20, 30]
    assert report.by_id == 3
    got, report = harmonize(without, panel.drop(columns=["chromosome", "base_pair_location"]))
    assert got["z"].tolist() == [-1.0, 2.0, 3.0]
    assert got["base_pair_location"].isna().all()
    placed = panel.drop(columns="variant_id").assign(rsid=["rs3", "rs1", "rs2"], z=[1.0, 2.0, 3.0])
    got, report = harmonize(placed, panel)
    assert got["z"].tolist() == [1.0, 2.0, 3.0]
    assert got["rsid"].tolist() == ["rs3", "rs1", "rs2"]
    assert (report.by_id, report.other_id) == (0, 3)
    unplaced = panel.assign(chromosome=None, base_pair_location=None)
    got, report = harmonize(placed, unplaced, min_matched=0)
    assert got["panel_index"].tolist() == [2]  # rs3 is A/G here and T/C there: the other strand
    assert got.loc[0, PLACE].tolist() == ["1", 10, "T", "C"]
    assert (report.matched, report.by_id, report.strand) == (1, 1, 1)


def test_low_n_is_that_of_the_matched():
    statistics = frame([("1", j, "A", "G") for j in range(1, 9)], z=1.0)
    statistics["n"] = [100.0, 100.0, 79.0, 80.0, np.nan, 100.0, 1e9, 1e9]
    panel = frame([("1", j, "A", "G") for j in range(1, 7)])
    got, report = harmonize(statistics, panel)
    assert got["flag"].fillna("").tolist() == ["", "", "LOW_N", "", "", ""]
    assert report.LOW_N == 1
    assert harmonize(statistics, panel, min_n_fraction=None)[1].LOW_N == 0


def test_frequencies_of_the_other_allele_show():
    rng = np.random.default_rng(0)
    f = rng.uniform(0.05, 0.95, 60)
    rows = [("1", j, "A", "G") for j in range(60)]
    panel = frame(rows, effect_allele_frequency=f)
    for sign in (1, -1):
        given = f if sign > 0 else 1 - f
        _, report = harmonize(frame(rows, z=1.0, effect_allele_frequency=given), panel)
        np.testing.assert_allclose(report.frequency_correlation, sign)


@pytest.mark.parametrize(
    ("statistics", "panel", "message"),
    [
        (frame([ROW], z=np.nan), frame([ROW]), "1 have no z"),
        (frame([("1", 10, None, "A")], z=1.0), frame([ROW]), "1 lack an allele"),
        (frame([("2", 10, "A", "G")], z=1.0), frame([ROW]), "name chromosomes 2, the panel 1"),
        (frame([("1", 10, "A", "C")], z=1.0), frame([ROW]), "columns of alleles are the right"),
        (
            frame([("1", 99, "A", "G")], z=1.0, rsid="rs1"),
            frame([ROW], variant_id="rs1"),
            "1 have their ID in the panel, at another position. The genome builds differ",
        ),
        (
            frame([("1", 99, "A", "G")], z=1.0, rsid="rs1"),
            frame([ROW], variant_id="1_10_A_G"),
            "neither positions nor IDs agree.*IDs are such as rs1 and 1_10_A_G",
        ),
        (
            frame([ROW], z=1.0, rsid="rs1")[["rsid", "effect_allele", "other_allele", "z"]],
            frame([ROW], variant_id="1_10_A_G"),
            "base_pair_location in the statistics, .*differently, such as rs1 and 1_10_A_G",
        ),
        (
            frame([ROW], z=1.0, rsid="rs1"),
            frame([ROW], variant_id="rs2").rename(columns={"base_pair_location": "place"}),
            "base_pair_location in the panel, and IDs .* such as rs1 and rs2",
        ),
        (
            frame([ROW], z=1.0),
            frame([ROW], variant_id="rs2").drop(columns="base_pair_location"),
            "base_pair_location in the panel, and the statistics have no IDs",
        ),
        (frame([ROW]), frame([ROW]), "must have a column z"),
        (frame([ROW], z=1.0).drop(columns="effect_allele"), frame([ROW]), "sumstats must have eff"),
        (frame([ROW], z=1.0), frame([ROW])[["effect_allele", "other_allele"]], "or rsid or var"),
    ],
)
def test_what_is_wrong_is_said(statistics, panel, message):
    with pytest.raises(ValueError, match=message):
        harmonize(statistics, panel)


def test_half_of_the_shorter_list_must_match():
    rows = [("1", j, "A", "G") for j in range(1, 11)]
    assert harmonize(frame(rows, z=1.0), frame(rows[:3]))[1].matched == 3
    assert harmonize(frame(rows[:2], z=1.0), frame(rows))[1].matched == 2
    with pytest.raises(ValueError, match="4 of 10 variants of the statistics are in the panel"):
        harmonize(frame(rows, z=1.0), frame(rows[:4] + [("1", j, "A", "G") for j in range(90, 99)]))


@pytest.mark.parametrize("place", [("0", 0), ("1", 0), ("0", 55), ("0", pd.NA)])
def test_a_panel_without_places_is_matched_by_id(place):
    alleles = {"effect_allele": ["A", "C"], "other_allele": ["G", "T"]}
    statistics = pd.DataFrame(
        {"chromosome": "1", "base_pair_location": [100, 200], "rsid": ["rs1", "rs2"], "z": [1, 2.0]}
        | alleles
    )
    panel = pd.DataFrame(
        {"chromosome": place[0], "variant_id": ["rs2", "rs1"]}
        | {name: values[::-1] for name, values in alleles.items()}
    ).assign(base_pair_location=pd.array([place[1]] * 2, dtype="Int64"))
    for one, other in ((statistics, panel), (panel.assign(z=[2.0, 1]), statistics)):
        table, report = harmonize(one, other)
        assert (report.matched, report.by_id) == (2, 2)
        table = table.set_index(table["rsid"].fillna(table["variant_id"]).to_numpy())
        assert table["z"].to_dict() == {"rs1": 1, "rs2": 2}
        assert table["base_pair_location"].to_dict() == {"rs1": 100, "rs2": 200}


def test_statistics_without_place_and_name_are_told():
    statistics = pd.DataFrame({"rsid": [None], "effect_allele": "A", "other_allele": "G", "z": 5.0})
    panel = pd.DataFrame({"variant_id": ["rs1"], "effect_allele": "A", "other_allele": "G"})
    with pytest.raises(ValueError, match="the statistics have neither positions nor IDs"):
        harmonize(statistics, panel)
