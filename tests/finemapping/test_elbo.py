"""The bound: against quadrature, enumeration and the complex step."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from skgenetics.finemapping._elbo import (
    NoiseNorm,
    closed_form_prior,
    elbo,
    gradient,
    n_leading,
    prior_gradient,
    quadratic_form,
    range_norm,
)
from skgenetics.loci._ld import DenseLD
from skgenetics.loci._summary import Locus
from tests.oracles.finemapping import design, enumerate_posterior


def locus_of(z, R, scale):
    return Locus(z, DenseLD(R), 1.0, scale**2, scale, False)


def random_case(seed=0, p=5, noise="ld", **options):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, p)) + rng.normal(size=(40, 1))
    R = np.corrcoef(X.T)
    z, scale = 3 * rng.normal(size=p), rng.uniform(2, 6, size=p)
    quadratic = quadratic_form(locus_of(z, R, scale), noise, **options)
    quadratic = quadratic._replace(  # of noise on R, or independent
        z_norm=z @ np.linalg.solve(R, z) if noise == "ld" else z @ z, rank=p
    )
    q = {
        "mean": 0.3 * rng.normal(size=(1, p)),
        "sd": rng.uniform(0.05, 0.4, size=(1, p)),
        "logit": rng.normal(size=(1, p)),
    }
    prior = {
        "pi": np.full((1, 1), 0.2),
        "slab": np.full((1, 1), 0.3),
        "spike": np.full((1, 1), 0.01),
        "residual_variance": np.full((1, 1), 1.3),
    }
    return z, R, scale, quadratic, q, prior


def bound(quadratic, q, prior):
    return elbo(quadratic, quadratic.product(q["mean"]), **q, **prior)


@pytest.mark.parametrize("noise", ["ld", "independent"])
def test_the_quadratic_is_the_gaussian_likelihood(noise):
    z, R, scale, quadratic, *_ = random_case(noise=noise)
    beta = np.random.default_rng(1).normal(size=5)
    A = np.diag(scale) @ R  # z = A'beta + e
    covariance = R if noise == "ld" else np.eye(5)
    error = z - A.T @ beta
    direct = error @ np.linalg.solve(covariance, error)
    ours = quadratic.z_norm - 2 * quadratic.linear @ beta + beta @ quadratic.product(beta)
    np.testing.assert_allclose(ours, direct, rtol=1e-9)
    np.testing.assert_allclose(quadratic.diagonal, np.diag(design(R, scale, noise)[0]), rtol=1e-12)
    assert quadratic.rank == 5


def test_bound_equals_quadrature_for_one_variant():
    z, scale, s0 = np.array([2.5]), np.array([4.0]), 1.3
    quadratic = quadratic_form(locus_of(z, np.eye(1), scale), "ld", norm=NoiseNorm(2.5**2, 1))
    mean, sd, gate, pi, slab, spike = 0.4, 0.2, 0.7, 0.1, 0.3, 0.02

    def integrand(beta):
        q = norm.pdf(beta, mean, sd)
        log_p = norm.logpdf(z[0], scale[0] * beta, np.sqrt(s0)) - norm.logpdf(z[0], 0, 1)
        on = np.log(pi) + norm.logpdf(beta, 0, np.sqrt(slab)) - np.log(gate)
        off = np.log(1 - pi) + norm.logpdf(beta, 0, np.sqrt(spike)) - np.log(1 - gate)
        return q * (log_p + gate * on + (1 - gate) * off - norm.logpdf(beta, mean, sd))

    expected = quad(integrand, mean - 12 * sd, mean + 12 * sd, epsabs=1e-12)[0]
    q = {"mean": [[mean]], "sd": [[sd]], "logit": [[np.log(gate / (1 - gate))]]}
    q = {name: np.array(value) for name, value in q.items()}
    prior = {"pi": pi, "slab": slab, "spike": spike, "residual_variance": s0}
    prior = {name: np.array([[value]]) for name, value in prior.items()}
    np.testing.assert_allclose(bound(quadratic, q, prior)[0], expected, rtol=1e-9)


@pytest.mark.parametrize("noise", ["ld", "independent"])
@pytest.mark.parametrize("name", ["mean", "sd", "logit"])
def test_gradient_equals_the_complex_step(noise, name):
    *_, quadratic, q, prior = random_case(noise=noise)
    moved = quadratic.product(q["mean"])
    slopes = dict(
        zip(("mean", "sd", "logit"), gradient(quadratic, moved, **q, **prior), strict=True)
    )
    gate = 1 / (1 + np.exp(-q["logit"]))
    slopes["logit"] = slopes["logit"] * gate * (1 - gate)  # the gradient is in q
    for i in range(5):
        moved_q = {key: value.astype(complex) for key, value in q.items()}
        moved_q[name][0, i] += 1e-30j
        step = bound(quadratic, moved_q, prior)[0].imag / 1e-30
        np.testing.assert_allclose(slopes[name][0, i], step, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["pi", "slab"])
def test_closed_form_prior_is_a_stationary_point(name):
    *_, quadratic, q, prior = random_case()
    gate = 1 / (1 + np.exp(-q["logit"]))
    total, second = gate.sum(), np.sum(gate * (q["mean"] ** 2 + q["sd"] ** 2))
    for key, value in zip(("pi", "slab"), closed_form_prior(total, second, 5), strict=True):
        prior[key] = np.full((1, 1), value)
    prior[name] = prior[name] + 1e-30j
    assert abs(bound(quadratic, q, prior)[0].imag / 1e-30) < 1e-10


@pytest.mark.parametrize("pi_slab", [1e-6, 0.02, 5.0])
def test_closed_form_prior_under_a_heritability_is_a_stationary_point(pi_slab):
    *_, quadratic, q, prior = random_case()
    gate = 1 / (1 + np.exp(-q["logit"]))
    total, second = gate.sum(), np.sum(gate * (q["mean"] ** 2 + q["sd"] ** 2))
    pi, slab = closed_form_prior(total, second, 5, pi_slab)
    assert 0 < pi < 1
    np.testing.assert_allclose(pi * slab, pi_slab, rtol=1e-12)
    prior["pi"] = np.full((1, 1), pi + 1e-30j)
    prior["slab"] = pi_slab / prior["pi"]
    slope = bound(quadratic, q, prior)[0].imag / 1e-30
    assert abs(slope * pi * (1 - pi)) < 1e-9


@pytest.mark.parametrize("place", range(3))
def test_prior_gradient_equals_the_complex_step(place):
    *_, quadratic, q, prior = random_case()
    gate, moved = 1 / (1 + np.exp(-q["logit"])), quadratic.product(q["mean"])
    slope = prior_gradient(quadratic, moved, q["mean"], q["sd"], gate, **prior)[place]
    name = ("pi", "slab", "residual_variance")[place]
    log = np.log(prior[name] / (1 - prior[name]) if name == "pi" else prior[name]) + 1e-30j
    moved_prior = prior | {name: 1 / (1 + np.exp(-log)) if name == "pi" else np.exp(log)}
    step = bound(quadratic, q, moved_prior)[0].imag / 1e-30
    np.testing.assert_allclose(slope[0, 0], step, rtol=1e-12)


def test_learned_noise_is_a_stationary_point():
    from skgenetics.finemapping._elbo import expected_quadratic

    *_, quadratic, q, prior = random_case()
    moved = quadratic.product(q["mean"])
    total = quadratic.z_norm + expected_quadratic(quadratic, moved, q["mean"], q["sd"] ** 2)
    prior["residual_variance"] = total[:, None] / quadratic.rank + 1e-30j
    assert abs(bound(quadratic, q, prior)[0].imag / 1e-30) < 1e-10


@pytest.mark.parametrize("noise", ["ld", "independent"])
def test_bound_is_below_the_evidence_with_a_gaussian_spike(noise):
    z, R, scale, quadratic, q, prior = random_case(noise=noise)
    evidence, *_ = enumerate_posterior(
        z, R, scale, pi=0.2, slab=0.3, spike=0.01, s0=1.3, noise=noise
    )
    assert bound(quadratic, q, prior)[0] < evidence


def test_pca_form_with_all_components_is_the_full_product():
    *_, full, _, _ = random_case()
    *_, pca, _, _ = random_case(n_components=5)
    effects = np.random.default_rng(3).normal(size=(2, 5))
    np.testing.assert_allclose(pca.product(effects), full.product(effects), rtol=1e-10, atol=1e-10)


def test_n_leading_counts_and_shares():
    values = np.array([5.0, 3.0, 1.0, 1.0])
    assert n_leading(values, 2) == 2
    assert n_leading(values, 9) == 4
    assert [n_leading(values, share) for share in (0.5, 0.51, 0.8, 0.85, 1.0)] == [
        1,
        2,
        2,
        3,
        4,
    ]


def test_noise_cannot_be_learned_where_z_leaves_the_range_of_ld():
    R = np.ones((2, 2))
    values, vectors = np.linalg.eigh(R)
    values, vectors = values[::-1], vectors[:, ::-1]
    norm_z, rank = range_norm(np.array([3.0, 3.0]), values, vectors)
    np.testing.assert_allclose([norm_z, rank], [9.0, 1])
    with pytest.raises(ValueError, match=r"not in the range of ld .* ld \+ lambda I"):
        range_norm(np.array([3.0, -1.0]), values, vectors)
