"""What is held of the mixture's weights before the data are seen, and what it spares."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from skgenetics import MMASHRegressor
from skgenetics.multitrait.solvers._weights import WeightPrior, updated_weights


def dirichlet_prior(null, effects, shares):
    return WeightPrior.of_slabs(
        np.array(shares) / np.sum(shares), len(shares), null=null, effects=effects
    )


@pytest.mark.parametrize("counted", [(10.0, 0.0), (4.0, 1.0)])
def test_the_mode_is_the_best_of_all_weights(counted):
    prior = dirichlet_prior(*counted, [1, 2, 1])
    counts = np.array([30.0, 0.2, 5.0, 1.0])

    def loss(logits):
        return -(counts @ log_softmax(logits) + prior.log_density(softmax(logits)))

    found = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose(prior.mode(counts), softmax(found.x), rtol=1e-5)


def test_shares_as_expected_cost_nothing():
    prior = dirichlet_prior(0.0, 0.0, [1, 2, 1])
    assert prior.log_density(np.array([0.6, 0.1, 0.2, 0.1])) == pytest.approx(0)
    assert prior.log_density(np.array([1.0, 0.0, 0.0, 0.0])) == 0
    assert prior.log_density(np.array([0.6, 0.2, 0.1, 0.1])) < 0


def test_accelerated_weights_climb_to_the_mode_of_the_posterior():
    rng = np.random.default_rng(0)
    likelihood = rng.gamma(0.3, size=(40, 4)) + 0.05
    weights, used = rng.dirichlet(np.ones(4)), np.ones(40, dtype=bool)
    prior = dirichlet_prior(5.0, 0.0, [1, 1, 2])

    def loss(logits):
        return -np.sum(np.log(likelihood @ softmax(logits))) - prior.log_density(softmax(logits))

    alpha = weights * likelihood
    alpha /= alpha.sum(axis=1, keepdims=True)
    best = minimize(loss, np.log(weights), method="BFGS", options={"gtol": 1e-8})
    _, accelerated = updated_weights(alpha, weights, used, 500, prior)
    np.testing.assert_allclose(accelerated, softmax(best.x), atol=1e-4)


def null_traits(rng, n, n_traits, correlation):
    shared = np.sqrt(correlation) * rng.normal(size=(n, 1))
    return shared + np.sqrt(1 - correlation) * rng.normal(size=(n, n_traits))


@pytest.mark.parametrize("correlation", [0, 0.3, 0.7])
@pytest.mark.parametrize("n_traits", [2, 5, 20, 50])
def test_scans_of_traits_without_effects(n_traits, correlation):
    """Bayes factors of null variants have heavy tails, and each covariance has some of them."""
    sums = []
    for seed in range(4):
        z = null_traits(np.random.default_rng(seed), 1000, n_traits, correlation)
        model = MMASHRegressor().fit_summary(z, np.eye(1000), n_samples=1e5)
        sums.append(model.pip_.sum())
    assert np.mean(sums) < 1


@pytest.mark.parametrize("n_samples", [200, 1000])
@pytest.mark.parametrize("n_traits", [2, 20])
def test_people_of_traits_without_effects(n_traits, n_samples):
    sums = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X = rng.binomial(2, rng.uniform(0.05, 0.5, 400), size=(n_samples, 400))
        Y = null_traits(rng, n_samples, n_traits, 0.3)
        sums.append(MMASHRegressor(polygenic=0).fit(X, Y).pip_.sum())
    assert np.mean(sums) < 1.5


def test_many_effects_of_a_kind_are_learned():
    """The counts give way: 40 effects on one of 20 traits."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1000, 20))
    z[:40, 3] += 8 * np.sign(rng.normal(size=40))
    model = MMASHRegressor().fit_summary(
        z, np.eye(1000), n_samples=1e5, trait_correlation=np.eye(20)
    )
    assert np.all(model.pip_[:40] > 0.9)
    assert np.count_nonzero(model.pip_[40:] > 0.5) <= 2
    assert np.all(model.lfsr_[3, :40] < 0.05)
    assert np.count_nonzero(model.lfsr_ < 0.05) <= 41
    names = np.array(model.component_names_)
    on_it = np.char.startswith(names, "singleton_y3")
    assert model.weights_[on_it].sum() > model.weights_[1:].sum() / 2


def test_pseudo_counts_of_0_are_the_likeliest_weights():
    """As it was found: without counts, the largest of 20,000 null z pass for effects."""
    z = null_traits(np.random.default_rng(0), 1000, 20, 0.0)
    rest = {"z": z, "ld": np.eye(1000), "n_samples": 1e5, "trait_correlation": np.eye(20)}
    assert MMASHRegressor(null_pseudocounts=0).fit_summary(**rest).pip_.sum() > 10
    assert MMASHRegressor().fit_summary(**rest).pip_.sum() < 1
