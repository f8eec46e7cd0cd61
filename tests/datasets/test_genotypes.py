import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skgenetics.datasets import load_geuvadis, make_genotypes
from tests.hypothesis_settings import examples
from tests.oracles.datasets_naive import squared_correlation

BINS = [0, 1_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000]


def ld_by_distance(regions, n_pairs=500):
    """Mean r^2 of random pairs of variants per distance bin, each region with the same weight."""
    rng = np.random.default_rng(0)
    means = np.empty((len(regions), len(BINS) - 1))
    for region, (dosages, positions) in zip(means, regions):
        a, b = np.triu_indices(len(positions), 1)
        where = np.digitize(positions[b] - positions[a], BINS) - 1
        x = dosages - dosages.mean(axis=0)
        x /= np.sqrt((x**2).mean(axis=0))
        for k in range(len(BINS) - 1):
            pairs = rng.permutation(np.flatnonzero(where == k))[:n_pairs]
            region[k] = np.mean(np.mean(x[:, a[pairs]] * x[:, b[pairs]], axis=0) ** 2)
    return means.mean(axis=0)


@pytest.fixture(scope="module")
def real():
    genes = [load_geuvadis(gene) for gene in load_geuvadis().target_names]
    return [(gene.data, gene.variants.base_pair_location) for gene in genes]


@pytest.fixture(scope="module")
def simulated():
    made = [make_genotypes(358, 490, random_state=seed) for seed in range(80)]
    return [(region.data, region.base_pair_location) for region in made]


def test_ld_by_distance_is_the_mean_of_r2():
    positions = np.array([0, 500, 3_000, 8_000, 15_000, 40_000, 80_000, 150_000])
    dosages = np.random.default_rng(1).integers(0, 3, size=(30, 8))
    expected = [[] for _ in BINS[1:]]
    for a in range(8):
        for b in range(a + 1, 8):
            r2 = squared_correlation(dosages[:, a].tolist(), dosages[:, b].tolist())
            expected[sum(positions[b] - positions[a] >= edge for edge in BINS) - 1].append(r2)
    got = ld_by_distance([(dosages, positions)])
    np.testing.assert_allclose(got, [np.mean(values) for values in expected], atol=1e-12)


@pytest.mark.slow
def test_ld_decays_as_in_europeans(real, simulated):
    expected, got = ld_by_distance(real), ld_by_distance(simulated)
    assert expected[0] > 0.35  # the tolerance is small beside what it measures
    assert expected[-1] < 0.06
    np.testing.assert_allclose(got, expected, atol=0.05)
    assert np.all(np.diff(got) < 0)


def test_allele_frequencies_as_in_europeans(real, simulated):
    grid = np.linspace(0.05, 0.5, 46)
    spectra = []
    for regions in (real, simulated):
        frequency = np.concatenate([dosages.mean(axis=0) / 2 for dosages, _ in regions])
        maf = np.minimum(frequency, 1 - frequency)
        spectra.append([np.mean(maf <= edge) for edge in grid])
    np.testing.assert_allclose(*spectra, atol=0.06)
    uniform = (grid - 0.05) / 0.45
    assert np.max(np.abs(spectra[0] - uniform)) > 0.12  # a flat spectrum would fail


def test_density_as_in_europeans(real, simulated):
    spacing = [np.mean([np.diff(p).mean() for _, p in regions]) for regions in (real, simulated)]
    assert spacing[1] == pytest.approx(spacing[0], rel=0.15)


def test_hardy_weinberg_proportions():
    made = make_genotypes(2000, 400, random_state=3)
    f = made.effect_allele_frequency
    heterozygotes = np.mean(made.data == 1, axis=0)
    assert np.mean(heterozygotes / (2 * f * (1 - f))) == pytest.approx(1, abs=0.01)


def test_without_recombination_people_are_pairs_of_founders():
    made = make_genotypes(
        30, 200, n_founders=8, recombination_rate=0, mutation_rate=0, random_state=0
    )
    sums = {(made.founders[a] + made.founders[b]).tobytes() for a in range(8) for b in range(a, 8)}
    assert all(person.tobytes() in sums for person in made.data)


def test_without_recombination_variants_are_mutations_on_one_tree():
    founders = make_genotypes(200, 150, recombination_rate=0, random_state=0).founders
    assert len(np.unique(founders, axis=1).T) > 5
    for a in range(150):
        for b in range(a):
            gametes = np.unique(founders[:, [a, b]], axis=0)
            assert len(gametes) < 4


def test_people_are_mosaics_of_founders():
    """Every run of variants between crossovers is that of one founder or another."""
    made = make_genotypes(
        5, 300, n_founders=6, mutation_rate=0, hotspot_spacing=0, random_state=1, min_maf=0.2
    )
    founders, shortest = made.founders, 0
    for person in made.data:
        # the fewest changes of the pair of founders that explain the person, by dynamic programming
        pairs = np.array([founders[a] + founders[b] for a in range(6) for b in range(6)])
        cost = np.where(pairs[:, 0] == person[0], 0.0, np.inf)
        for s in range(1, 300):
            cost = np.minimum(cost, cost.min() + 1)
            cost[pairs[:, s] != person[s]] = np.inf
        assert np.isfinite(cost.min())
        shortest = max(shortest, cost.min())
    assert 0 < shortest < 60


def test_a_wide_gap_makes_variants_independent():
    centimorgans = np.r_[np.zeros(100), np.full(100, 1000.0)]
    made = make_genotypes(2000, 200, genetic_positions=centimorgans, random_state=0)
    r2 = np.corrcoef(made.data, rowvar=False) ** 2
    # chance alone gives 1 / n_people plus 1 / n_founders
    assert np.mean(r2[:100, 100:]) < 0.015
    assert np.mean(r2[:100, :100]) > 0.1


def test_recombination_map():
    kwargs = {"n_samples": 1, "n_variants": 20_000, "n_founders": 2, "min_maf": 0}
    even = make_genotypes(**kwargs, recombination_rate=2, hotspot_spacing=0, random_state=0)
    expected = (even.base_pair_location - even.base_pair_location[0]) * 2e-6
    np.testing.assert_allclose(even.genetic_positions, expected, rtol=1e-9, atol=1e-12)
    hot = make_genotypes(**kwargs, recombination_rate=2, random_state=0)
    span = hot.base_pair_location[-1] - hot.base_pair_location[0]
    assert hot.genetic_positions[-1] / span == pytest.approx(2e-6, rel=0.15)
    steps = np.sort(np.diff(hot.genetic_positions))[::-1]
    assert steps[:1000].sum() > 0.8 * steps.sum()  # 5% of the intervals hold most of it
    assert np.sort(np.diff(even.genetic_positions))[::-1][:1000].sum() < 0.25 * expected[-1]


def test_missing_calls():
    complete = make_genotypes(300, 200, random_state=5)
    made = make_genotypes(300, 200, missing_rate=0.1, random_state=5)
    np.testing.assert_array_equal(made.complete_data, complete.data)
    missing = made.data == -9
    assert missing.mean() == pytest.approx(0.1, abs=0.01)
    np.testing.assert_array_equal(made.data[~missing], complete.data[~missing])
    floating = make_genotypes(300, 200, missing_rate=0.1, dtype=np.float32, random_state=5)
    assert floating.data.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(floating.data), missing)
    np.testing.assert_array_equal(floating.data[~missing], made.data[~missing])
    assert not np.isnan(floating.complete_data).any()


@examples(30)
@given(
    n_samples=st.integers(1, 40),
    n_variants=st.integers(1, 60),
    n_founders=st.integers(8, 60),
    min_maf=st.sampled_from([0.0, 0.05, 0.2]),
    seed=st.integers(0, 99),
)
def test_sample_frequencies_stay_within_the_limits(
    n_samples, n_variants, n_founders, min_maf, seed
):
    kwargs = {"n_founders": n_founders, "min_maf": min_maf, "mutation_rate": 0.005}
    try:
        made = make_genotypes(n_samples, n_variants, **kwargs, random_state=seed)
    except ValueError as error:
        assert "No branch" in str(error)  # noqa: PT017
        assert n_variants < 10 or n_samples < 5
        return
    count = made.data.sum(axis=0, dtype=int)
    assert np.all(np.minimum(count, 2 * n_samples - count) >= max(1, 2 * n_samples * min_maf))
    assert set(np.unique(made.data)) <= {0, 1, 2}
    np.testing.assert_allclose(made.effect_allele_frequency, count / (2 * n_samples))
    assert np.all(np.diff(made.base_pair_location) > 0)
    assert made.founders.shape == (n_founders, n_variants)


def test_same_seed_same_genotypes():
    a, b = (make_genotypes(20, 30, random_state=4).data for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert np.any(a != make_genotypes(20, 30, random_state=5).data)


def test_given_positions_are_kept():
    positions = [5, 80, 300, 1000]
    assert (
        make_genotypes(50, 4, positions=positions, random_state=0).base_pair_location.tolist()
        == positions
    )


def test_fast():
    start = time.process_time()
    make_genotypes(2000, 5000, random_state=0)
    assert time.process_time() - start < 5  # 0.5 s when nothing else runs


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"n_samples": 0}, ValueError, "n_samples"),
        ({"n_variants": 2.5}, TypeError, "n_variants"),
        ({"n_founders": 1}, ValueError, "n_founders"),
        ({"min_maf": 0.5}, ValueError, "min_maf"),
        ({"min_maf": float("nan")}, ValueError, "min_maf"),
        ({"missing_rate": 1}, ValueError, "missing_rate"),
        ({"mutation_rate": -0.1}, ValueError, "mutation_rate"),
        ({"recombination_rate": float("inf")}, ValueError, "recombination_rate"),
        ({"effective_size": 0}, ValueError, "effective_size"),
        ({"dtype": np.int32}, ValueError, "dtype"),
        ({"n_variants": 3, "positions": [1, 3]}, ValueError, r"positions must have shape \(3,\)"),
        ({"n_variants": 3, "positions": [1, 3, 2]}, ValueError, "sorted"),
        ({"n_variants": 3, "positions": [1, 2, 2]}, ValueError, "same position"),
        ({"n_variants": 2, "genetic_positions": [1, 0]}, ValueError, "genetic_positions"),
        ({"n_variants": 2, "genetic_positions": [0, np.nan]}, ValueError, "NaN"),
        (
            {"n_samples": 20, "min_maf": 0.4, "mutation_rate": 0.4, "n_variants": 3},
            ValueError,
            "Lower min_maf",
        ),
    ],
)
def test_bad_input(kwargs, error, message):
    with pytest.raises(error, match=message):
        make_genotypes(**{"random_state": 0, **kwargs})
