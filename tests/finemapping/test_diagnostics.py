"""z against LD: the estimate of mismatch, conditional z, allele flips, and doubts about a fit."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from skgenetics import FinemapMiXeR
from skgenetics.datasets import make_genotypes
from skgenetics.finemapping import LDMismatchWarning, ld_mismatch
from skgenetics.finemapping._diagnostics import screen_mismatch
from skgenetics.finemapping._doubts import fit_doubts, hidden_effects
from skgenetics.finemapping._noise_model import (
    NoiseModel,
    Repair,
    fit_noise_model,
    fit_noise_scale,
    given_others,
    repair,
    unmeasured_z,
)
from skgenetics.loci._ld import DenseLD, ShrunkLD
from skgenetics.preprocessing import GenotypeImputer
from tests.hypothesis_settings import examples

N = 1e9  # Wald statistics and z then agree
SHARED = Path(__file__).resolve().parents[3] / "shared"
GWAS, REFERENCE = SHARED / "data" / "gwas_loci", SHARED / "reference" / "finemap"


def host(ld):
    return DenseLD(np.ascontiguousarray(ld))


def locus(p=40, n=2000, seed=0):
    """Return an LD matrix of full rank, and a generator."""
    return full_rank_ld(p, n, seed).copy(), np.random.default_rng(seed)


@cache
def full_rank_ld(p, n, seed):
    X = make_genotypes(n, p, n_founders=60, random_state=seed).data
    return 0.99 * np.corrcoef(X.T) + 0.01 * np.eye(p)


def covariance(ld, s, g):
    return g * ld @ ld + (1 - s) * ld + s * np.eye(len(ld))


@cache
def scan_and_others(seed):
    """Return the LD of 2,000 people at 300 variants, noise of that LD, and 500 other people."""
    X = make_genotypes(2500, 300, random_state=seed).data.astype(float)
    scan = (X[:2000] - X[:2000].mean(axis=0)) / X[:2000].std(axis=0) / 2000**0.5
    return scan.T @ scan, scan.T @ np.random.default_rng(seed).normal(size=2000), X[2000:]


def simulated(seed, largest, n_panel=None):
    """Return z of a scan with one effect, its LD in the scan or in `n_panel` others, the effect."""
    true, noise, others = scan_and_others(seed)
    causal = np.random.default_rng(seed).integers(300)
    ld = true if n_panel is None else np.corrcoef(others[:n_panel].T)
    return largest * true[causal] + noise, ld, causal


# the model


def test_conditional_z_are_those_of_the_normal_without_each_variant():
    ld, rng = locus()
    z = rng.multivariate_normal(np.zeros(40), covariance(ld, 0.1, 0.5))
    report = ld_mismatch(z, ld, N)
    assert report.flipped.size == 0
    sigma = covariance(ld, report.noise, report.signal)
    for i in range(40):
        others = np.delete(np.arange(40), i)
        slope = np.linalg.solve(sigma[np.ix_(others, others)], sigma[others, i])
        sd = np.sqrt(sigma[i, i] - slope @ sigma[others, i])
        np.testing.assert_allclose(report.conditional_mean[i], slope @ z[others], atol=1e-8)
        np.testing.assert_allclose(report.conditional_sd[i], sd, rtol=1e-8)
        np.testing.assert_allclose(
            report.conditional_z[i], (z[i] - slope @ z[others]) / sd, atol=1e-8
        )


def test_the_ratio_of_a_flip_is_that_of_two_likelihoods():
    ld, rng = locus()
    z = rng.multivariate_normal(np.zeros(40), ld)
    report = ld_mismatch(z, ld, N)
    density = multivariate_normal(np.zeros(40), covariance(ld, report.noise, report.signal))
    for i in range(40):
        turned = z.copy()
        turned[i] *= -1
        expected = density.logpdf(turned) - density.logpdf(z)
        np.testing.assert_allclose(report.flip_log_lr[i], expected, atol=1e-7)


@pytest.mark.parametrize(("s", "g"), [(0.001, 1e-4), (0.05, 0.3), (0.4, 2.0)])
def test_noise_and_signal_are_the_most_likely(s, g):
    ld, rng = locus(p=60, seed=1)
    z = rng.multivariate_normal(np.zeros(60), covariance(ld, s, g))
    model = fit_noise_model(z, *np.linalg.eigh(ld))

    def density(s, g):
        return multivariate_normal(np.zeros(60), covariance(ld, s, g)).logpdf(z)

    best = density(model.share, model.signal)
    null = max(density(1e-3, signal) for signal in np.geomspace(6.2e-6, np.max(z**2), 400))
    np.testing.assert_allclose(model.log_lr, best - null, atol=0.02)
    for other in np.geomspace(1e-3, 1, 25):
        for signal in np.geomspace(1e-4, np.max(z**2), 25):
            assert density(other, signal) < best + 1e-6


def test_the_estimate_finds_the_share_that_was_simulated():
    ld, rng = locus(p=300, seed=2)
    for s in (0.02, 0.1, 0.4):
        draws = rng.multivariate_normal(np.zeros(300), covariance(ld, s, 0.2), size=20)
        found = [screen_mismatch(z, host(ld)).share for z in draws]
        np.testing.assert_allclose(np.mean(found), s, rtol=0.15)


# forms of the same locus


@examples(15)
@given(st.integers(0, 10**6))
def test_order_and_counted_alleles_do_not_matter(seed):
    ld, rng = locus(seed=3)
    rng = np.random.default_rng(seed)
    z = rng.multivariate_normal(4 * ld[7], ld)
    z[rng.integers(40)] *= -1
    order, sign = rng.permutation(40), rng.choice([-1, 1], size=40)
    first = ld_mismatch(z, ld, N)
    turned = ld_mismatch((sign * z)[order], (sign[:, None] * ld * sign)[np.ix_(order, order)], N)
    for name in ("estimate", "impact", "noise"):
        np.testing.assert_allclose(turned[name], first[name], rtol=1e-4)
    np.testing.assert_allclose(turned.flip_log_lr, first.flip_log_lr[order], rtol=1e-3, atol=1e-3)
    assert set(order[turned.flipped]) == set(first.flipped)


def test_a_panel_a_factor_and_a_sparse_matrix_give_the_report_of_the_matrix():
    X = make_genotypes(50, 120, random_state=0).data  # fewer people than variants
    Z = (X - X.mean(axis=0)) / X.std(axis=0) / 50**0.5
    ld = np.corrcoef(X.T)
    z = np.random.default_rng(0).normal(size=120)
    dense = ld_mismatch(z, ld, N)
    for form in (X, Z.T, scipy.sparse.csr_array(ld)):
        other = ld_mismatch(z, form, N)
        for name in ("estimate", "noise", "signal", "conditional_mean", "conditional_sd"):
            np.testing.assert_allclose(other[name], dense[name], rtol=1e-3, atol=1e-4)


def test_wald_statistics_are_converted_with_the_n_of_each_variant():
    ld, rng = locus()
    z, n = rng.multivariate_normal(np.zeros(40), ld), rng.integers(50, 500, size=40)
    converted = z * np.sqrt(n / (z**2 + n - 2))
    np.testing.assert_allclose(
        ld_mismatch(z, ld, n).conditional_mean, ld_mismatch(converted, ld, N).conditional_mean,
        rtol=1e-5, atol=1e-6,
    )  # fmt: skip


# what is wrong


def test_flips_are_found_and_undone():
    for seed in range(4):
        z, ld, causal = simulated(seed, 12)
        linked = np.flatnonzero(np.abs(ld[causal]) > 0.6)
        wrong = np.random.default_rng(seed).choice(linked, size=min(3, len(linked) // 3))
        wrong = np.unique(wrong[np.abs(z[wrong]) > 3])
        if not wrong.size:
            continue
        turned = z.copy()
        turned[wrong] *= -1
        report = ld_mismatch(turned, ld, N)
        assert set(report.flipped) == set(wrong)
        assert set(report.flipped) <= set(report.flagged)
        assert report.mismatched
        assert np.all(report.flip_log_lr[wrong] > 25)
        np.testing.assert_allclose(report.corrected_estimate, ld_mismatch(z, ld, N).estimate)


@pytest.mark.slow
def test_matched_loci_raise_no_alarm_and_mismatched_ones_do():
    alarms = {None: 0, 500: 0, 40: 0}
    for seed in range(20):
        for n_panel in alarms:
            z, ld, _ = simulated(seed, 10, n_panel)
            alarms[n_panel] += ld_mismatch(z, ld, N).mismatched
    assert alarms[None] <= 1  # of 20: at most 5%
    assert alarms[500] <= 1
    assert alarms[40] >= 16


def test_variants_of_fewer_people_are_outliers():
    rng = np.random.default_rng(0)
    z, ld, causal = simulated(5, 15)
    linked = np.flatnonzero(np.abs(np.delete(ld[causal], causal)) > 0.9)
    fewer = linked[0]
    z[fewer] = 0.5 * z[fewer] + 0.75**0.5 * rng.normal()
    report = ld_mismatch(z, ld, N)
    assert report.flagged[0] == fewer
    assert report.mismatched


def test_duplicates_that_disagree_are_flagged_and_those_that_agree_are_not():
    ld, rng = locus()
    ld = ld[np.ix_([*range(40), 5], [*range(40), 5])]  # the last is variant 5 again
    ld[:, 40] *= -1  # counting the other allele
    ld[40, :] *= -1
    z = rng.multivariate_normal(np.zeros(41), ld)
    good = ld_mismatch(z, ld, N)
    assert not good.mismatched
    assert all(np.all(np.isfinite(value)) for value in good.values() if value is not None)
    z[40] += 9
    bad = ld_mismatch(z, ld, N)
    assert bad.mismatched
    assert bad.flagged[0] == 40  # the other variants speak for 5


def test_one_variant_and_no_signal():
    report = ld_mismatch([40.0], [[1.0]], N)
    assert not report.mismatched
    assert report.flipped.size == 0
    np.testing.assert_allclose([report.conditional_mean[0], report.flip_log_lr[0]], 0, atol=1e-8)
    still = ld_mismatch(np.zeros(40), locus()[0], N)
    assert not still.mismatched
    np.testing.assert_array_equal(still.conditional_z, 0)


@pytest.mark.parametrize(
    ("z", "ld", "n", "message"),
    [
        ([np.nan, 1], np.eye(2), 100, "z holds NaN"),
        ([1, 2], [[1, np.nan], [np.nan, np.nan]], 100, "Monomorphic"),
        ([1, 2], [[1, 1.2], [1.2, 1]], 100, "between -1 and 1"),
        ([1, 2], np.eye(3), 100, "square matrix"),
        ([1, 2], np.eye(2), 1, "n_samples"),
        ([1, 2], np.eye(2), [100, 100, 100], "n_samples"),
    ],
)
def test_bad_input(z, ld, n, message):
    with pytest.raises(ValueError, match=message):
        ld_mismatch(np.array(z, dtype=float), np.array(ld, dtype=float), n)


# doubts about a fit


def test_doubts_about_a_fit():
    ld = np.eye(5)
    ld[1, 3] = ld[3, 1] = -0.97
    ld[0, 4] = ld[4, 0] = 0.94
    together, against = np.array([1, 1, 1, -1, 1.0]), np.array([1, 1, 1, 1, -1.0])
    assert fit_doubts([0, 1, 4], against, host(ld), converged=True) == []
    assert fit_doubts([], against, host(ld), converged=True) == []
    assert fit_doubts([0, 1, 2, 3], together, host(ld), converged=True) == []
    (linked,) = fit_doubts([0, 1, 2, 3], against, host(ld), converged=True)
    assert "variants 1 and 3" in linked
    assert "0.970" in linked
    (stopped,) = fit_doubts([0], against, host(ld), converged=False)
    assert "converge" in stopped


def test_an_effect_that_its_own_z_does_not_show_is_hidden():
    effects, z = np.array([15.0, -13.0, 6.0]), np.array([4.4, -1.3, 5.8])
    assert hidden_effects([2], effects, z) == []
    (hidden,) = hidden_effects([1, 2], effects, z)
    assert "variant 1 " in hidden
    assert "-1.30" in hidden


def test_the_screen_says_what_is_wrong():
    z, ld, causal = simulated(0, 12)
    assert screen_mismatch(z, host(ld)).doubts() == []
    turned = np.where(np.arange(300) == causal, -z, z)
    screen = screen_mismatch(turned, host(ld))
    np.testing.assert_array_equal(screen.flipped, [causal])
    assert any(f"[{causal}]" in doubt for doubt in screen.doubts())
    np.testing.assert_allclose(screen.z[screen.variants == causal], z[causal])
    share = screen_mismatch(z + 2 * np.random.default_rng(0).normal(size=300), host(ld))
    assert any("do not follow the LD" in doubt for doubt in share.doubts())
    scale = screen_mismatch(2 * z, host(ld))
    assert any("times the variance" in doubt for doubt in scale.doubts())
    assert not scale.mismatched


# single z


def test_a_wrong_z_and_an_effect_are_told_apart_by_the_likelihood():
    ld, rng = locus()
    z = rng.multivariate_normal(np.zeros(40), ld)
    values, vectors = np.linalg.eigh(ld)
    model = fit_noise_model(z, values, vectors)
    given = given_others(z, values, vectors, model)
    W = np.linalg.inv(covariance(ld, model.share, model.signal))

    def gain(direction):  # of the best multiple of it in the mean
        return (direction @ W @ z) ** 2 / (direction @ W @ direction) / 2

    for i in range(40):
        expected = gain(np.eye(40)[i]) - gain(ld[i])
        np.testing.assert_allclose(given.outlier_log_lr[i], expected, atol=1e-7)


def blocks(r=0.95):
    """Return LD of five blocks of ten variants, and one variant that nothing tags."""
    ld = np.eye(51)
    ld[:50, :50] = np.kron(np.eye(5), (1 - r) * np.eye(10) + r)
    return ld


def test_an_effect_that_no_variant_tags_is_no_outlier_and_a_wrong_z_among_tags_is():
    ld, rng = blocks(), np.random.default_rng(0)
    noise = rng.multivariate_normal(np.zeros(51), ld)
    effect = ld_mismatch(noise + 15 * ld[50], ld, N)
    assert not effect.mismatched
    assert effect.outliers.size == 0
    for change in (0.0, 0.5, 2.0):
        z = noise + 15 * ld[7]
        z[7] *= change
        wrong = ld_mismatch(z, ld, N)
        assert wrong.mismatched
        assert wrong.outliers.tolist() == wrong.flagged.tolist() == [7]
        with pytest.warns(LDMismatchWarning, match=r"do not fit those .* variants .7."):
            model = FinemapMiXeR().fit_summary(z, ld, n_samples=N)
        assert model.outliers_.tolist() == [7]
        assert model.z_[7] == pytest.approx(z[7], rel=1e-6)
        (found,) = model.credible_sets_
        assert 7 in found["variants"]
        assert set(found["variants"]) <= set(range(10))


def test_the_z_of_an_unmeasured_variant_has_the_likelihood_of_the_others():
    ld, rng = locus()
    z = rng.multivariate_normal(7 * ld[3], ld)
    others = np.delete(np.arange(40), 3)
    inside, across = ld[np.ix_(others, others)], ld[others, 3]
    predicted = across @ np.linalg.solve(inside, z[others])
    size = np.sqrt(across @ np.linalg.solve(inside, across))
    # the best multiple b of R_3 in the mean of the others: log likelihood ratio against none
    expected = predicted**2 / size**2 / 2
    values, vectors = np.linalg.eigh(ld)
    clean = NoiseModel(1e-12, 0.0, 0.0)
    replaced = np.where(np.arange(40) == 3, predicted, z)
    done = Repair(
        replaced, np.ones(40), np.arange(40) == 3, [clean], given_others(z, values, vectors, clean)
    )
    found = unmeasured_z(done, values, vectors)
    np.testing.assert_allclose(found[3] ** 2 / 2, expected, rtol=1e-6)
    np.testing.assert_array_equal(found[others], z[others])


def test_z_in_place_of_a_wrong_one_is_what_the_others_predict():
    ld, rng = blocks(), np.random.default_rng(1)
    z = rng.multivariate_normal(9 * ld[3], ld)
    z[3] = 30.0
    values, vectors = np.linalg.eigh(ld)
    done = repair(z, values, vectors)
    assert np.flatnonzero(done.outlier).tolist() == [3]
    model = done.models[-2]  # of the round that changed it
    sigma, others = covariance(ld, model.share, model.signal), np.delete(np.arange(51), 3)
    expected = sigma[3, others] @ np.linalg.solve(sigma[np.ix_(others, others)], z[others])
    np.testing.assert_allclose(done.z[3], expected, rtol=1e-8)


@pytest.mark.parametrize("c", [0.3, 1.0, 2.5])
def test_the_scale_is_the_most_likely(c):
    ld, rng = locus(p=60, seed=1)
    z = rng.multivariate_normal(np.zeros(60), c * ld + 0.3 * ld @ ld)
    found = fit_noise_scale(z, *np.linalg.eigh(ld))

    def density(c, g, s):
        return multivariate_normal(np.zeros(60), g * ld @ ld + c * ld + s * np.eye(60)).logpdf(z)

    signals, shares = np.geomspace(1e-4, 50, 60), 10.0 ** -np.arange(3, 7)
    null, rounding = max((density(1.0, g, s), s) for g in signals for s in shares)
    scales = [found.scale, *np.geomspace(0.1, 8, 40)]
    best, *others = (max(density(c, g, rounding) for g in signals) for c in scales)
    assert best > max(others) - 0.1
    np.testing.assert_allclose(found.log_lr, best - null, atol=0.1)


@pytest.mark.parametrize("digits", [2, 3, 16])
def test_z_of_any_digits_has_the_scale_of_its_noise(digits):
    # 300 variants in 30 blocks, of tight LD: with errors of 1e-3 beside them, c was .4
    rng = np.random.default_rng(0)
    parents = np.repeat(rng.normal(size=(2000, 30)), 10, axis=1)
    ld = np.corrcoef(parents + rng.normal(0, 0.04, size=parents.shape), rowvar=False)
    for _ in range(5):
        z = rng.multivariate_normal(np.zeros(300), ld)
        found = fit_noise_scale(z.round(digits), *np.linalg.eigh(ld))
        assert 0.75 < found.scale < 1.35


def test_too_few_variants_to_tell_are_said_to_be_so():
    ld = np.array([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]])
    assert ld_mismatch([5.0, 4.4, 0.3], ld, N).mismatched is None
    model = FinemapMiXeR().fit_summary([5.0, 4.4, 0.3], ld, n_samples=1e4)
    assert model.ld_mismatch_ is None
    z, ld, _ = simulated(0, 10)
    assert ld_mismatch(z, ld, N).mismatched is False


def test_shrunk_ld_is_screened_like_its_matrix():
    z, ld, _ = simulated(0, 10)
    shrunk = ShrunkLD(host(ld), 0.1)
    matrix = host(0.9 * ld + 0.1 * np.eye(300))
    assert screen_mismatch(z, shrunk).share == pytest.approx(screen_mismatch(z, matrix).share)


def test_the_warning_is_a_user_warning():
    assert issubclass(LDMismatchWarning, UserWarning)


# real data


def real(path):
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return np.load(path)


@pytest.mark.parametrize("filtered", [False, True])
def test_real_ldl_locus(filtered):
    data = real(GWAS / "glgc_ldl_chr1_25.3_26.3Mb.npz")
    n = data["n"].astype(float)
    keep = n >= 0.8 * np.median(n) if filtered else np.full(len(n), True)
    panel = GenotypeImputer().fit_transform(data["G_1kg_eur"][:, keep])
    report = ld_mismatch(data["z"][keep], panel, n[keep])
    assert report.mismatched
    if not filtered:  # the two strangest are among the 39 variants of fewer people
        assert np.all(n[report.flagged[:2]] < 0.8 * np.median(n))


def test_real_locus_of_another_panel():
    data = real(GWAS / "susie_rss_mismatch.npz")
    z, ld, n = data["z"].astype(float), data["R"].astype(float), float(data["n"])
    report = ld_mismatch(z, ld, n)
    assert report.mismatched
    # fourteen variants of z 4 whose duplicates in LD have z 1.5
    assert np.all(z[report.flagged[:4]] > 3.9)
    with pytest.warns(LDMismatchWarning, match="One effect was fitted in place"):
        fit = FinemapMiXeR().fit_summary(z, ld, n_samples=n)
    assert fit.pip_.max() < 0.9
    assert all(len(found["variants"]) > 1 for found in fit.credible_sets_)


def test_reference_loci_raise_no_alarm():
    paths = sorted((REFERENCE / "loci").glob("*.npz"))
    if not paths:
        pytest.skip(f"{REFERENCE / 'loci'} is not here")
    lds = {}
    for name in ("N3", "msp12"):
        lds[name] = host(np.corrcoef(np.load(REFERENCE / "ld" / f"{name}.npz")["G"].T))
    alarms = 0
    for path in paths:
        data = np.load(path)
        ld = lds["N3" if "N3" in path.name else "msp12"]
        alarms += bool(screen_mismatch(data["z"], ld).doubts())
    assert len(paths) >= 30
    assert alarms == 0


def test_few_matched_variants_raise_no_alarm():
    rng = np.random.default_rng(0)
    for _ in range(100):
        p = rng.integers(2, 40)
        X = rng.normal(size=(500, p)) + rng.normal() * rng.normal(size=(500, 1))
        ld = np.corrcoef(X.T)
        effects = np.zeros(p)
        effects[rng.integers(p, size=2)] = 8 * rng.normal()
        z = rng.multivariate_normal(ld @ effects, ld)
        assert screen_mismatch(z, host(ld)).doubts() == []
