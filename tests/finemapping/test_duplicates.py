"""Variants in perfect LD: the sampler says the same of each."""

import numpy as np
import pytest

from skgenetics import FinemapMiXeR
from skgenetics.finemapping.solvers import Gibbs
from skgenetics.finemapping.solvers._duplicates import Duplicates, find_duplicates
from skgenetics.loci._ld import DenseLD
from skgenetics.loci._summary import Locus


def locus_of(z, R, scale=None):
    z = np.asarray(z, dtype=float)
    scale = np.ones(len(z)) if scale is None else scale
    return Locus(z, DenseLD(R), 100, scale**2 / 100, scale, trait_known=False)


def one_block(r):
    R = np.eye(6)
    R[:4, :4] = np.outer(r, r)
    return R


def test_groups_by_hand():
    R = one_block([1, -1, 1, 1])
    none = np.zeros((6, 0))
    found = find_duplicates(locus_of([3, -3, 3, 3, 3, 0], R), none)
    assert found.group.tolist() == [0, 0, 0, 0, 1, 2]  # the fifth has the z, not the LD
    assert found.sign.tolist() == [1, -1, 1, 1, 1, 1]
    found = find_duplicates(locus_of([3, 3, 3, 3.1, 3, 0], R), none)  # z of other people, or signs
    assert found.group.tolist() == [0, 1, 0, 2, 3, 4]
    prior = np.array([[0.1], [0.1], [0.2], [0.2], [0.1], [0.1]])
    found = find_duplicates(locus_of([3, -3, 3, 3, 3, 0], R), prior)
    assert found.group.tolist() == [0, 0, 1, 1, 2, 3]
    scale = np.array([1.0, 1, 1, 2, 1, 1])
    found = find_duplicates(locus_of([3, -3, 3, 3, 3, 0], R, scale), none)
    assert found.group.tolist() == [0, 0, 0, 1, 2, 3]
    near = one_block([1, -1, 1, 1 - 1e-4])
    found = find_duplicates(locus_of([3, -3, 3, 3, 3, 0], near), none)
    assert found.group.tolist() == [0, 0, 0, 1, 2, 3]


def test_averages_by_hand():
    duplicates = Duplicates(np.array([0, 1, 0, 2]), np.array([1.0, 1, -1, 1]))
    values = np.array([[0.2, 0.5, 0.4, 1.0], [0.0, 1.0, 1.0, 0.0]])
    np.testing.assert_allclose(
        duplicates.averaged(values), [[0.3, 0.5, 0.3, 1.0], [0.5, 1.0, 0.5, 0.0]]
    )
    np.testing.assert_allclose(duplicates.averaged_effects(values[0]), [-0.1, 0.5, 0.1, 1.0])


@pytest.mark.parametrize("summary", [True, False])
def test_duplicates_have_one_answer(summary):
    rng = np.random.default_rng(0)
    X = rng.binomial(2, 0.3, size=(2000, 20)).astype(float)
    X = np.column_stack([X, *[X[:, 0]] * 22, *[2 - X[:, 0]] * 7])
    y = 0.3 * X[:, 0] + rng.normal(size=2000)
    model = FinemapMiXeR(solver=Gibbs(n_draws=200))
    if summary:
        z = np.sqrt(2000) * np.corrcoef(X.T, y)[-1, :-1]
        model.fit_summary(z, np.corrcoef(X.T), n_samples=2000)
    else:
        model.fit(X, y)
    copies = np.r_[0, 20:49]
    (one_set,) = model.credible_sets_
    assert sorted(one_set["variants"]) == copies.tolist()  # none is left out by chance
    np.testing.assert_allclose(one_set["alpha"], 1 / 30)
    np.testing.assert_allclose(model.pip_[copies], model.pip_[0])
    np.testing.assert_allclose(model.coef_[copies[:23]], model.coef_[0])
    np.testing.assert_allclose(model.coef_[copies[23:]], -model.coef_[0])


def test_annotated_duplicates_differ():
    rng = np.random.default_rng(0)
    X = rng.binomial(2, 0.3, size=(2000, 3)).astype(float)
    X = np.column_stack([X, X[:, 0], X[:, 0]])
    y = 0.3 * X[:, 0] + rng.normal(size=2000)
    likely = np.array([0.1, 0.1, 0.1, 0.1, 0.3])
    model = FinemapMiXeR(solver="gibbs", causal_probability=likely).fit(X, y)
    assert model.pip_[0] == pytest.approx(model.pip_[3])
    assert model.pip_[4] > 1.5 * model.pip_[0]
