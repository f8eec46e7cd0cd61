"""Every form of LD acts like the dense matrix it stands for."""

import numpy as np
import pytest
import scipy.sparse

from skgenetics import FinemapMiXeR
from skgenetics.finemapping.solvers import SOLVERS
from skgenetics.loci._ld import DenseLD, ShrunkLD, SparseLD, factor_ld, panel_ld

P = 9


def genotypes(n=40):
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(n, P)) + rng.normal(size=(n, 1))
    return (latent > -0.5).astype(np.int8) + (latent > 0.8).astype(np.int8)


def forms():
    X = genotypes()
    R = np.corrcoef(X.T)
    values, vectors = np.linalg.eigh(R)
    band = np.where(np.abs(np.subtract.outer(range(P), range(P))) < 3, 0.2, 0.0)
    np.fill_diagonal(band, 1)
    shrunk = 0.7 * R + 0.3 * np.eye(P)
    return {
        "dense": (DenseLD(R), R),
        "panel": (panel_ld(X), R),
        "few people": (panel_ld(X[:6]), np.corrcoef(X[:6].T)),
        "factor": (factor_ld(vectors * np.sqrt(values)), R),
        "sparse": (SparseLD(scipy.sparse.coo_matrix(band)), band),
        "shrunk": (ShrunkLD(DenseLD(R), 0.3), shrunk),
        "shrunk panel": (ShrunkLD(panel_ld(X), 0.3), shrunk),
    }


@pytest.mark.parametrize("name", forms())
def test_forms_act_like_their_matrix(name):
    ld, R = forms()[name]
    effects = np.random.default_rng(1).normal(size=(3, P))
    np.testing.assert_allclose(ld.dense().matrix, R, atol=1e-10)
    np.testing.assert_allclose(ld.product(effects), effects @ R, atol=1e-10)
    np.testing.assert_allclose(ld.product(effects[0]), R @ effects[0], atol=1e-10)
    np.testing.assert_allclose(ld.scores(), np.sum(R**2, axis=1), atol=1e-10)
    for index in ([4, 0], [0, 5, 5], []):
        index = np.array(index, dtype=int)
        np.testing.assert_allclose(ld.rows(index), R[index], atol=1e-10)
    weights = np.array([1.0, -2.0, 0.5])
    for index in (np.array([4, 0]), np.array([4, 0, 7])):  # a few, and more than a quarter
        moved = ld.sparse_product(index, weights[: len(index)])
        np.testing.assert_allclose(moved, weights[: len(index)] @ R[index], atol=1e-10)
    nothing = ld.sparse_product(np.array([], dtype=int), np.array([]))
    np.testing.assert_array_equal(nothing, np.zeros(P))
    values, vectors = ld.spectrum()
    assert np.all(np.diff(values) <= 1e-12)
    np.testing.assert_allclose((vectors * values) @ vectors.T, R, atol=1e-9)


@pytest.mark.parametrize("name", ["dense", "panel"])
def test_pieces_add_up(monkeypatch, name):
    monkeypatch.setattr("skgenetics.loci._ld.TEMPORARY_SIZE", 1)
    ld, R = forms()[name]
    moved = ld.sparse_product(np.array([4, 0]), np.array([1.0, -2.0]))
    np.testing.assert_allclose(moved, R[4] - 2 * R[0], atol=1e-10)


@pytest.mark.parametrize("solver", [name for name in SOLVERS if name != "adam"])
@pytest.mark.parametrize("form", ["panel", "factor", "sparse"])
def test_posterior_does_not_depend_on_the_form(solver, form):
    X = genotypes(200)
    R = np.corrcoef(X.T)
    values, vectors = np.linalg.eigh(R)
    z = R[2] * 6 + 0.3 * np.sin(np.arange(P))
    given = {
        "panel": X,
        "factor": np.column_stack([vectors * np.sqrt(values), np.zeros(P)]),
        "sparse": scipy.sparse.csr_array(R),
    }
    options = {"solver": solver, "random_state": 0}
    dense = FinemapMiXeR(**options).fit_summary(z, R, n_samples=900)
    settings = {"n_samples": 900, "panel_size": np.inf}
    other = FinemapMiXeR(**options).fit_summary(z, given[form], **settings)
    np.testing.assert_allclose(other.pip_, dense.pip_, atol=1e-6)
    assert [one["variants"].tolist() for one in other.credible_sets_] == [
        one["variants"].tolist() for one in dense.credible_sets_
    ]


def test_wrong_forms_are_refused():
    X, z = genotypes(), np.zeros(P)
    constant = X.copy()
    constant[:, 3] = 1
    coded = X.copy()
    coded[0, 0] = -9
    holes = X.astype(float)
    holes[0, 0] = np.nan
    skew = scipy.sparse.csr_array(np.eye(P) + np.eye(P, k=1) * 0.2)
    for ld, message in [
        (constant, "1 variants do not vary in the panel given as ld, the first at index 3"),
        (coded, "ld holds -9"),
        (holes, "ld holds NaN or infinity: impute"),
        (np.ones((P, 3)), "rows of a low-rank factor .* must have length 1"),
        (skew, "ld must be symmetric"),
        (scipy.sparse.csr_array(0.5 * np.eye(P)), "1 on its diagonal; entry 0 is 0.5"),
        (X[:, :4], r"got an array of shape \(40, 4\)"),
        (X[:P], "genotypes of as many people as variants?.*np.corrcoef"),
    ]:
        with pytest.raises(ValueError, match=message):
            FinemapMiXeR().fit_summary(z, ld, n_samples=100)


def test_panel_frames_bring_their_names():
    pd = pytest.importorskip("pandas")
    names = [f"1_{i}_A_G" for i in range(P)]
    panel = pd.DataFrame(genotypes(), columns=names)
    model = FinemapMiXeR(solver="susie").fit_summary(np.zeros(P), panel, n_samples=100)
    assert model.feature_names_in_.tolist() == names
    z = pd.Series(6 * np.corrcoef(genotypes().T)[2], index=names)
    straight = FinemapMiXeR(solver="susie").fit_summary(z, panel, n_samples=100).pip_
    turned = FinemapMiXeR(solver="susie").fit_summary(z[::-1], panel, n_samples=100)
    assert turned.feature_names_in_.tolist() == names[::-1]
    np.testing.assert_allclose(turned.pip_, straight[::-1], atol=1e-8)
