"""z, LD and their checks."""

import numpy as np
import pytest

from skgenetics import FinemapMiXeR
from skgenetics.finemapping._data import data_moments
from skgenetics.loci._ld import GenotypeLD, check_ld
from skgenetics.loci._summary import wald_to_correlation_z
from tests.oracles.finemapping import marginal_z, wald_t


def test_moments_equal_a_loop(locus):
    X, y, _ = locus()
    moments = data_moments(X, y, None)
    np.testing.assert_allclose(moments.locus.z, marginal_z(X.astype(float), y), rtol=1e-10)
    np.testing.assert_allclose(
        moments.locus.heterozygosity, X.astype(float).var(axis=0), rtol=1e-12
    )
    np.testing.assert_allclose(moments.locus.ld.matrix, np.corrcoef(X.T.astype(float)), atol=1e-12)


def test_weights_are_repetition(locus):
    X, y, _ = locus(n=60)
    weight = np.random.default_rng(0).integers(0, 4, size=60)
    weighted = data_moments(X, y, weight.astype(float))
    repeated = data_moments(np.repeat(X, weight, axis=0), np.repeat(y, weight), None)
    for name in ("X_mean", "y_mean", "y_sd"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-10)
    for name in ("n_samples", "heterozygosity", "z", "scale"):
        values = getattr(weighted.locus, name), getattr(repeated.locus, name)
        np.testing.assert_allclose(*values, rtol=1e-10)
    np.testing.assert_allclose(weighted.locus.ld.matrix, repeated.locus.ld.matrix, atol=1e-12)


def test_wald_statistics_become_correlations(locus):
    X, y, _ = locus()
    z = wald_to_correlation_z(wald_t(X.astype(float), y), len(y))
    np.testing.assert_allclose(z, marginal_z(X.astype(float), y), rtol=1e-10)


@pytest.mark.parametrize("n", [30, 6])
def test_ld_through_genotypes_equals_dense_ld(locus, n):
    X, y, _ = locus(n=n, p=9, n_causal=1)
    weight = np.linspace(0.5, 2, n)
    X[:, 4] = X[0, 4]  # constant
    dense = data_moments(X, y, weight).locus.ld
    share = weight / weight.sum()
    mean, sd = share @ X, np.sqrt(share @ X.astype(float) ** 2 - (share @ X) ** 2)
    inverse = np.where(np.arange(9) == 4, 0, 1 / np.where(sd > 1e-9, sd, 1))
    lazy = GenotypeLD(X, mean, inverse, np.sqrt(share))
    effects = np.random.default_rng(0).normal(size=(3, 9))
    np.testing.assert_allclose(lazy.product(effects), dense.product(effects), atol=1e-10)
    np.testing.assert_allclose(lazy.scores(), dense.scores(), atol=1e-10)
    index = np.array([5, 0])
    np.testing.assert_allclose(lazy.rows(index), dense.rows(index), atol=1e-10)
    values, vectors = lazy.spectrum()
    np.testing.assert_allclose((vectors * values) @ vectors.T, dense.matrix, atol=1e-10)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(len(values)), atol=1e-8)


def test_fit_does_not_form_ld_of_many_variants(locus, monkeypatch):
    X, y, _ = locus(p=12)
    dense = FinemapMiXeR(solver="susie").fit(X, y)
    monkeypatch.setattr("skgenetics.finemapping._data.MAX_DENSE_LD", 11)
    monkeypatch.setattr(GenotypeLD, "dense", None)  # would raise if called
    lazy = FinemapMiXeR(solver="susie").fit(X, y)
    np.testing.assert_allclose(lazy.pip_, dense.pip_, atol=1e-8)
    np.testing.assert_allclose(lazy.coef_sd_, dense.coef_sd_, rtol=1e-8)
    assert [s["variants"].tolist() for s in lazy.credible_sets_] == [
        s["variants"].tolist() for s in dense.credible_sets_
    ]


def ld_with(i, j, value, *, symmetric=True):
    R = np.eye(3)
    R[i, j] = value
    if symmetric:
        R[j, i] = value
    return R


@pytest.mark.parametrize(
    ("ld", "message"),
    [
        (np.eye(4), r"one row for each of the 3 z statistics .*\(4, 4\)"),
        (np.eye(4)[:2], r"got an array of shape \(2, 4\)"),
        (ld_with(0, 1, 0.3, symmetric=False), "must be symmetric; .* differ by up to 0.3"),
        (ld_with(0, 1, np.nan), "NaN or infinity for the pair of variants at indices 0 and 1"),
        (np.where(np.eye(3)[1] + np.eye(3)[:, [1]], np.nan, 0.1), "rows of 1 variants, .* index 1"),
        (np.eye(3)[[1, 0, 2]] + 0.1 * np.tri(3), "Row 0 does not have its 1 on the diagonal"),
        (np.eye(3) + 0.5 * np.tri(3, k=-1), "A triangle must be completed"),
        (ld_with(0, 1, 0.09, symmetric=False).astype(np.float16), "must be symmetric"),
        (ld_with(0, 1, np.inf), "NaN or infinity"),
        (ld_with(0, 1, -1.2), r"between -1 and 1; got \|r\| up to 1.2"),
        (ld_with(2, 2, 0.5), "1 on its diagonal; entry 2 is 0.5"),
    ],
)
def test_wrong_ld_is_refused(ld, message):
    with pytest.raises(ValueError, match=message):
        check_ld(ld, 3)
    with pytest.raises(ValueError, match=message):
        FinemapMiXeR().fit_summary(np.zeros(3), ld, n_samples=100)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"z": np.array([1, np.nan, 0])}, "NaN or infinity for 1 variants, the first at index 1"),
        ({"z": np.array([1, np.inf, 0])}, "index 1: remove those variants"),
        ({"z": np.zeros((3, 1))}, r"z must have shape \(n_variants,\); got \(3, 1\)"),
        ({"z": None}, "either z, or both beta and se"),
        ({"beta": np.zeros(3), "se": np.ones(3)}, "either z, or both beta and se"),
        ({"z": None, "beta": np.zeros(3)}, "either z, or both beta and se"),
        ({"z": None, "beta": np.zeros(3), "se": np.zeros(3)}, "every se must be positive"),
        ({"ld": None}, "needs ld"),
        ({"n_samples": 1}, "n_samples"),
        ({"n_samples": np.array(1)}, "n_samples must be a number > 2; got 1"),
        ({"heterozygosity": [0.3, 3.0, 0.3]}, ">= 0 and <= 1; got 3.0 at index 1"),
        ({"z": None, "beta": np.zeros(3), "se": [1, np.nan, 1]}, "finite; got nan at index 1"),
        ({"z": None, "beta": np.zeros(3), "se": [1, 1, np.inf]}, "finite; got inf at index 2"),
        ({"z": None, "beta": np.zeros(3), "se": np.ones(2)}, r"one shape; got \(3,\) and \(2,\)"),
        ({"z": np.ma.array([0.0, 1, 2], mask=[0, 1, 0])}, "z is a masked array of which 1 values"),
        ({"n_samples": [100, 100]}, r"n_samples .* 3 variants; got shape \(2,\)"),
        ({"n_samples": [100, 100, 1]}, "every n_samples must be a number > 2; got 1.0"),
        (
            {"heterozygosity": [0.1, -0.1, 0.3]},
            "every heterozygosity must be a number >= 0",
        ),
    ],
)
def test_wrong_summary_statistics_are_refused(changes, message):
    arguments = {"z": np.zeros(3), "ld": np.eye(3), "n_samples": 100}
    with pytest.raises(ValueError, match=message):
        FinemapMiXeR().fit_summary(**(arguments | changes))


def test_n_samples_is_required():
    with pytest.raises(TypeError, match="n_samples"):
        FinemapMiXeR().fit_summary(np.zeros(3), np.eye(3))


def test_labels_of_pandas_objects_are_checked_and_kept():
    pd = pytest.importorskip("pandas")
    names = ["1_5_A_G", "1_9_C_T", "1_11_G_T"]
    z = pd.Series([4.0, 0.5, 0.1], index=names)
    ld = pd.DataFrame(np.eye(3), index=names, columns=names)
    model = FinemapMiXeR(solver="susie").fit_summary(z, ld, n_samples=500)
    assert model.to_frame()["variant_id"].tolist() == names
    turned = FinemapMiXeR(solver="susie").fit_summary(z.iloc[::-1], ld, n_samples=500)
    np.testing.assert_allclose(turned.pip_, model.pip_[::-1], atol=1e-12)
